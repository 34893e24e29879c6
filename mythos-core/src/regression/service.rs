use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::audit::{AuditCell, NewAudit};
use super::request::check_limit;
use super::{
    Assessment, AuditClause, AuditFilter, AuditReview, AuditStatus, CodexClauseAudit, Embedder, GuardPolicy,
    ReviewAudit, Similarity,
};
use crate::codex::CodexProofOfSymbolEngine;
use crate::error::{Error, ErrorKind, Result};
use crate::store::access::{self, Access, MAX_ATTEMPTS, Page, Stored};
use crate::store::{Batch, Cell, CellName, Cursor, Direction, Expect, MAX_CELL_BYTES, Model, Names, Read};
use crate::types::OperationId;

/// What stands between an edit of a rule or a prompt and production: compares, keeps what it found, asks people, and learns
/// how often they agree.
///
/// Cheap to clone; every method may be called from any thread.
///
/// ```
/// use mythos_core::Mythos;
/// use mythos_core::regression::{AuditClause, AuditDecision, AuditFilter, AuditStatus, ReviewAudit, Verdict};
///
/// let guard = Mythos::in_memory().regressions();
/// let edit = AuditClause::new("refunds".parse()?, "Refunds are made within 30 days.", "Refunds are made within 90 days.");
/// let audit = guard.audit(&edit)?;
/// assert_eq!((audit.verdict, audit.regression_flag), (Verdict::Accuracy, true));
///
/// let waiting = guard.queue(&AuditFilter::default(), None, 10)?;
/// assert_eq!(waiting.items[0].audit, audit.audit);
/// let reviewed = guard.review(&ReviewAudit::new(audit.audit, AuditDecision::Accept, "ana"))?;
/// assert_eq!((reviewed.status, reviewed.verdict), (AuditStatus::Accepted, Verdict::Accuracy));
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Clone)]
pub struct CodexRegressionGuard {
    pub(super) access: Access,
    pub(super) codices: CodexProofOfSymbolEngine,
    embedder: Option<Arc<dyn Embedder>>,
}

impl fmt::Debug for CodexRegressionGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let embedder = self.embedder.as_ref().map(|embedder| embedder.identity());
        f.debug_struct("CodexRegressionGuard")
            .field("access", &self.access)
            .field("embedder", &embedder)
            .finish_non_exhaustive()
    }
}

/// An audit with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditInFull {
    /// The audit, with both texts unless they were erased.
    pub audit: CodexClauseAudit,
    /// What people said of it, the oldest first: the last is in force.
    pub reviews: Vec<AuditReview>,
}

impl CodexRegressionGuard {
    /// The most audits of a page: at most about 60 MB, if each has as many and as long findings as there can be.
    pub const MAX_PAGE_AUDITS: u32 = 256;

    pub(crate) const fn new(access: Access, codices: CodexProofOfSymbolEngine) -> Self {
        Self { access, codices, embedder: None }
    }

    /// The same guard, which also notes how alike `embedder` finds the versions. It decides nothing.
    #[must_use]
    pub fn with_embedder(self, embedder: Arc<dyn Embedder>) -> Self {
        Self { embedder: Some(embedder), ..self }
    }

    /// Compares two versions, stores what was found, and returns it. It waits in the [queue](Self::queue) if a person should
    /// look at it.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for a text longer than [`MAX_AUDITED_BYTES`](super::MAX_AUDITED_BYTES);
    /// [`ErrorKind::Invalid`] for a policy that cannot be, a text with U+0000, or an operation id that was used for another
    /// audit; [`ErrorKind::Unknown`] if it cannot be told whether it was stored: repeat it with the same operation id.
    pub fn audit(&self, request: &AuditClause) -> Result<CodexClauseAudit> {
        request.validate()?;
        let operation = self.access.operation(request.operation)?;
        if let Some(known) = self.stored(&operation)? {
            return recognise(known.model, request);
        }
        let texts = (request.previous_version.as_str(), request.new_version.as_str());
        let audit = CodexClauseAudit::new(NewAudit {
            tenant: self.access.tenant(),
            audit: operation,
            clause: &request.clause,
            codex: request.codex.as_ref(),
            texts,
            prompt_delta: self.assess(texts, &request.policy)?,
            policy: request.policy,
            salt: self.access.runtime().salt()?,
            now: self.access.now(),
        })?;
        let mut batch = Batch::new();
        self.stage_new(&mut batch, &audit, texts)?;
        match self.access.commit(batch) {
            Ok(()) => Ok(audit),
            // Nobody else writes this record: a repetition of this call was faster.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                let known = self.stored(&operation)?.ok_or(error)?;
                recognise(known.model, request)
            }
            Err(error) => {
                let attempt = format!("audit clause {}", request.clause);
                Err(error.while_doing(attempt).of_operation(operation))
            }
        }
    }

    /// An audit with its texts, whatever their length, and all reviews.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], field `audit`, if there is none; [`ErrorKind::Corrupt`] if a text is not the one that was
    /// audited, or a review is missing.
    pub fn get(&self, audit: &OperationId) -> Result<AuditInFull> {
        Ok(self.in_full(audit)?.model)
    }

    /// Lists audits, the newest first; `limit` is 1 to [`CodexRegressionGuard::MAX_PAGE_AUDITS`].
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for a limit out of bounds; [`ErrorKind::Corrupt`] if an audit was changed behind the guard's
    /// back.
    pub fn list(
        &self,
        filter: &AuditFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<CodexClauseAudit>> {
        check_limit(limit)?;
        self.access.page(filter.query(Direction::Descending).after(after).limit(limit))
    }

    /// Lists audits that wait for a person, the oldest first. The filter's `status` counts for nothing.
    ///
    /// # Errors
    /// Those of [`list`](Self::list).
    pub fn queue(
        &self,
        filter: &AuditFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<CodexClauseAudit>> {
        check_limit(limit)?;
        let filter = AuditFilter { status: Some(AuditStatus::AwaitingReview), ..filter.clone() };
        self.access.page(filter.query(Direction::Ascending).after(after).limit(limit))
    }

    /// Stores what a person says of an audit, and returns the audit. A later review supersedes an earlier one, which stays
    /// readable; the machine's verdict stays in any case.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], field `audit`, if there is none; [`ErrorKind::Invalid`] for a reviewer or reason out of
    /// bounds, or an operation id that was used for another review of it; [`ErrorKind::Limit`], field `audit`, if it has
    /// [`CodexClauseAudit::MAX_REVIEWS`]; [`ErrorKind::Conflict`] if other writers were always faster;
    /// [`ErrorKind::Unknown`] if it cannot be told whether it was stored: repeat it with the same operation id.
    pub fn review(&self, request: &ReviewAudit) -> Result<CodexClauseAudit> {
        request.validate()?;
        let operation = self.access.operation(request.operation)?;
        let id = request.audit.record_id(self.access.tenant());
        let mut turn = None;
        for _ in 0..MAX_ATTEMPTS {
            let from = Some(AuditCell::Review(1).name());
            let (Stored { version, model: mut audit }, cells) = self.with_cells(&request.audit, from)?;
            let reviews = read_reviews(&audit, &cells)?;
            if let Some(known) = reviews.iter().find(|review| review.operation == operation) {
                let is_same = (known.decision, &known.reviewer, &known.reason)
                    == (request.decision, &request.reviewer, &request.reason);
                let message = format!("operation {operation} was used for another review");
                return if is_same { Ok(audit) } else { Err(Error::invalid("operation", message)) };
            }
            if audit.reviews >= CodexClauseAudit::MAX_REVIEWS {
                let message = format!("an audit has at most {} reviews", CodexClauseAudit::MAX_REVIEWS);
                return Err(Error::limit("audit", message));
            }
            let review = AuditReview {
                number: audit.reviews + 1,
                operation,
                decision: request.decision,
                flag: request.decision.flag(audit.verdict),
                reviewer: request.reviewer.clone(),
                reason: request.reason.clone(),
                reviewed_at: self.access.now().max(audit.updated_at),
            };
            let mut batch = Batch::new();
            let bytes = serde_json::to_vec(&review)
                .map_err(|error| Error::internal("a review has no JSON form").with_source(error))?;
            let owner = CodexClauseAudit::owner(self.access.tenant(), &request.audit);
            batch.put_cell(owner, AuditCell::Review(review.number).name(), bytes);
            audit.updated_at = review.reviewed_at;
            audit.regression_flag = review.flag;
            audit.status = request.decision.status();
            audit.is_reviewed = true;
            audit.reviews = review.number;
            audit.review = Some(review);
            batch.put(id, Expect::At(version), &audit)?;
            match self.access.commit(batch) {
                Ok(()) => return Ok(audit),
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    turn.get_or_insert_with(|| self.access.turn(&id));
                }
                Err(error) => {
                    let attempt = format!("review audit {}", request.audit);
                    return Err(error.while_doing(attempt).of_operation(operation));
                }
            }
        }
        Err(too_slow(&request.audit))
    }

    /// Erases the texts of an audit for good, and the excerpts in its findings, and returns what is left: the verdict, what
    /// kinds of findings there were, the reviews, and the digest that an event may name. Repeating it is harmless, so it takes
    /// no operation id.
    ///
    /// Housekeeping ([`Mythos::maintain`](crate::Mythos::maintain)) then drops what the store may still hold of them.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], field `audit`, if there is none; [`ErrorKind::Conflict`] if other writers were always faster;
    /// [`ErrorKind::Unknown`] if it cannot be told whether they are erased: repeat it.
    pub fn erase(&self, audit: &OperationId) -> Result<CodexClauseAudit> {
        let owner = CodexClauseAudit::owner(self.access.tenant(), audit);
        for _ in 0..MAX_ATTEMPTS {
            let Stored { version, model: mut record } = self.stored(audit)?.ok_or_else(|| no_audit(audit))?;
            if record.is_erased() {
                return Ok(record);
            }
            record.erase();
            record.updated_at = self.access.now().max(record.updated_at);
            let mut batch = Batch::new();
            let names = vec![AuditCell::Previous.name(), AuditCell::New.name()];
            batch.delete_cells(owner.clone(), Names::These { names });
            batch.put(owner.id, Expect::At(version), &record)?;
            match self.access.commit(batch) {
                Ok(()) => return Ok(record),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error.while_doing(format!("erase the texts of audit {audit}"))),
            }
        }
        Err(too_slow(audit))
    }

    /// What the machine says of an edit, with how alike the embedder finds the versions if there is one.
    pub(super) fn assess(&self, texts: (&str, &str), policy: &GuardPolicy) -> Result<Assessment> {
        let mut assessment = Assessment::of(texts.0, texts.1, policy)?;
        if let Some(embedder) = &self.embedder {
            assessment.similarity = Similarity::of_pairs(&[texts], &**embedder)?.pop();
        }
        Ok(assessment)
    }

    /// Stages a new audit and its long texts.
    pub(super) fn stage_new(
        &self,
        batch: &mut Batch,
        audit: &CodexClauseAudit,
        (previous, new): (&str, &str),
    ) -> Result<()> {
        let owner = CodexClauseAudit::owner(self.access.tenant(), &audit.audit);
        let texts = [
            (AuditCell::Previous, &audit.previous_version, previous),
            (AuditCell::New, &audit.new_version, new),
        ];
        for (cell, inline, text) in texts {
            if inline.is_none() {
                batch.put_cell(owner.clone(), cell.name(), text.as_bytes().to_vec());
            }
        }
        batch.put(owner.id, Expect::Absent, audit).map(drop)
    }

    pub(super) fn stored(&self, audit: &OperationId) -> Result<Option<Stored<CodexClauseAudit>>> {
        self.access.record(audit.record_id(self.access.tenant()))
    }

    /// An audit with its texts and its reviews, of one snapshot.
    pub(super) fn in_full(&self, audit: &OperationId) -> Result<Stored<AuditInFull>> {
        // An audit with everything that it can have is smaller than the largest cell.
        let (Stored { version, model: mut audit }, cells) = self.with_cells(audit, None)?;
        let mut reviews = Vec::new();
        for cell in cells {
            match AuditCell::of(&cell.name) {
                Some(AuditCell::Previous) => audit.previous_version = Some(read_text(cell)?),
                Some(AuditCell::New) => audit.new_version = Some(read_text(cell)?),
                Some(AuditCell::Review(_)) => reviews.push(cell),
                None => {
                    let message = format!("audit {} has a cell {} of no kind", audit.audit, cell.name);
                    return Err(Error::corrupt(message));
                }
            }
        }
        let reviews = read_reviews(&audit, &reviews)?;
        if !audit.is_erased() {
            let (Some(previous), Some(new)) = (&audit.previous_version, &audit.new_version) else {
                return Err(Error::corrupt(format!("a text of audit {} is missing", audit.audit)));
            };
            if audit.is_of(previous, new) != Some(true) {
                let message = format!("the texts of audit {} are not those that were audited", audit.audit);
                return Err(Error::corrupt(message));
            }
        }
        Ok(Stored { version, model: AuditInFull { audit, reviews } })
    }

    /// An audit and its cells from a name on, of one snapshot.
    fn with_cells(
        &self,
        audit: &OperationId,
        from: Option<CellName>,
    ) -> Result<(Stored<CodexClauseAudit>, Vec<Cell>)> {
        let owner = CodexClauseAudit::owner(self.access.tenant(), audit);
        let names = Names::Range { from, until: None, limit: u32::MAX, reverse: false };
        let [record, cells] = self.access.read([
            Read::Record { table: CodexClauseAudit::TABLE, id: owner.id },
            Read::Cells { owner, names, max_bytes: MAX_CELL_BYTES as u64 },
        ])?;
        let stored = access::stored(record)?.ok_or_else(|| no_audit(audit))?;
        Ok((stored, access::cells(cells)?.0))
    }
}

/// What people said of an audit, the oldest first.
fn read_reviews(audit: &CodexClauseAudit, cells: &[Cell]) -> Result<Vec<AuditReview>> {
    let read = |cell: &Cell| {
        serde_json::from_slice::<AuditReview>(&cell.bytes).map_err(|error| {
            Error::corrupt(format!("a review of audit {} cannot be read", audit.audit)).with_source(error)
        })
    };
    let reviews = cells.iter().map(read).collect::<Result<Vec<_>>>()?;
    let are_all = reviews.iter().zip(1..).all(|(review, number)| review.number == number);
    if !are_all || reviews.len() != audit.reviews as usize || reviews.last() != audit.review.as_ref() {
        return Err(Error::corrupt(format!("the reviews of audit {} are not those it names", audit.audit)));
    }
    Ok(reviews)
}

fn read_text(cell: Cell) -> Result<String> {
    String::from_utf8(cell.bytes)
        .map_err(|error| Error::corrupt("a text of an audit is not UTF-8").with_source(error))
}

/// Whether an audit that is there already is what is asked for; an erased text counts as equal.
fn recognise(known: CodexClauseAudit, request: &AuditClause) -> Result<CodexClauseAudit> {
    let is_same = known.clause == request.clause
        && known.codex == request.codex
        && known.policy == request.policy
        && known.is_of(&request.previous_version, &request.new_version).unwrap_or(true);
    if is_same {
        return Ok(known);
    }
    Err(used_otherwise(&known.audit))
}

pub(super) fn used_otherwise(operation: &OperationId) -> Error {
    Error::invalid("operation", format!("operation {operation} was used for another audit"))
}

pub(super) fn no_audit(audit: &OperationId) -> Error {
    Error::not_found(format!("there is no audit {audit}")).with_field("audit")
}

fn too_slow(audit: &OperationId) -> Error {
    Error::conflict(format!("other writers of audit {audit} were faster {MAX_ATTEMPTS} times"))
}
