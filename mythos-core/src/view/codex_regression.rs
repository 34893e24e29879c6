//! The read model of `/codex/regression/:clauseId`: the audits of a clause, what each edit changed, and what people said.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::regression::{
    AuditFilter, AuditReview, CodexClauseAudit, CodexRegressionGuard, DiffBounds, RegressionDiff,
};
use crate::store::{Cursor, Page};
use crate::types::{ClauseId, CodexId, OperationId};

/// What a page at `/codex/regression/:clauseId` shows. Every answer is bounded.
///
/// ```
/// use mythos_core::Mythos;
/// use mythos_core::regression::{AuditClause, DiffPartKind};
/// use mythos_core::view::CodexRegressionView;
///
/// let guard = Mythos::in_memory().regressions();
/// guard.audit(&AuditClause::new("refunds".parse()?, "Refunds within 30 days.", "Refunds within 90 days."))?;
///
/// let view = CodexRegressionView::new(guard);
/// let row = view.history(&"refunds".parse()?, None, None, 10)?.items.remove(0);
/// let removed = row.diff.unwrap().segments.into_iter().find(|segment| segment.kind == DiffPartKind::Removed).unwrap();
/// assert_eq!(removed.text, "30");
/// assert_eq!(row.audit.prompt_delta.findings[removed.findings[0] as usize].signal.as_str(), "number");
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CodexRegressionView {
    guard: CodexRegressionGuard,
}

/// One audit in the history of a clause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClauseAuditRow {
    /// The audit, with the machine's verdict and findings and the newest review.
    pub audit: CodexClauseAudit,
    /// What changed, with the findings where they belong; none if the texts were erased.
    pub diff: Option<RegressionDiff>,
}

/// One audit with everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClauseAuditDetail {
    /// The audit, with both texts unless they were erased.
    pub audit: CodexClauseAudit,
    /// What people said of it, the oldest first: the last is in force.
    pub reviews: Vec<AuditReview>,
    /// What changed, with the findings where they belong; none if the texts were erased.
    pub diff: Option<RegressionDiff>,
}

impl CodexRegressionView {
    /// The most audits of a page of a history.
    pub const MAX_ROWS: u32 = 50;

    /// How much of a difference a row shows: with as many and as long segments as there can be, 1 MiB.
    pub const ROW_BOUNDS: DiffBounds = DiffBounds { max_segments: 2_048, max_segment_bytes: 512 };

    /// The view of a guard, for one tenant.
    #[must_use]
    pub const fn new(guard: CodexRegressionGuard) -> Self {
        Self { guard }
    }

    /// One page of the audits of a clause, the newest first, each with what the edit changed; `limit` is 1 to
    /// [`CodexRegressionView::MAX_ROWS`]. With a codex, only those of that codex.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) for a limit out of bounds; else those of
    /// [`CodexRegressionGuard::get`].
    pub fn history(
        &self,
        clause: &ClauseId,
        codex: Option<&CodexId>,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<ClauseAuditRow>> {
        if !(1..=Self::MAX_ROWS).contains(&limit) {
            let message = format!("a page has 1 to {} audits, not {limit}", Self::MAX_ROWS);
            return Err(Error::limit("limit", message));
        }
        let filter =
            AuditFilter { clause: Some(clause.clone()), codex: codex.cloned(), ..AuditFilter::default() };
        let page = self.guard.list(&filter, after, limit)?;
        let rows = page.items.into_iter().map(|audit| {
            let is_short = audit.previous_version.is_some() && audit.new_version.is_some();
            let diff = match is_short || audit.is_erased() {
                true => diff_of(&audit, &Self::ROW_BOUNDS),
                false => diff_of(&self.guard.get(&audit.audit)?.audit, &Self::ROW_BOUNDS),
            };
            Ok(ClauseAuditRow { audit, diff })
        });
        Ok(Page { items: rows.collect::<Result<_>>()?, next: page.next })
    }

    /// One audit with its texts, all reviews, and the whole difference, at most 10,000 segments of it.
    ///
    /// # Errors
    /// Those of [`CodexRegressionGuard::get`].
    pub fn audit(&self, audit: &OperationId) -> Result<ClauseAuditDetail> {
        let full = self.guard.get(audit)?;
        let diff = diff_of(&full.audit, &DiffBounds::default());
        Ok(ClauseAuditDetail { audit: full.audit, reviews: full.reviews, diff })
    }

    /// One page of the audits that wait for a person: see [`CodexRegressionGuard::queue`].
    ///
    /// # Errors
    /// Those of [`CodexRegressionGuard::queue`].
    pub fn queue(
        &self,
        filter: &AuditFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<CodexClauseAudit>> {
        self.guard.queue(filter, after, limit)
    }
}

fn diff_of(audit: &CodexClauseAudit, bounds: &DiffBounds) -> Option<RegressionDiff> {
    let (previous, new) = (audit.previous_version.as_deref()?, audit.new_version.as_deref()?);
    Some(RegressionDiff::of(previous, new, &audit.prompt_delta.findings, bounds))
}
