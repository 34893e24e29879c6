//! What a caller asks of the guard.

use serde::{Deserialize, Serialize};

use super::{AuditDecision, AuditStatus, CodexClauseAudit, GuardPolicy, MAX_AUDITED_BYTES, Signal, Verdict};
use crate::error::{Error, Result};
use crate::store::{Direction, Filter, Model, Query};
use crate::types::{ClauseId, CodexId, OperationId, Timestamp, check_label, check_text};

/// Two versions of a clause, a prompt or a file to compare, and to keep the outcome of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditClause {
    /// The clause, or the name of a prompt or file.
    pub clause: ClauseId,
    /// The codex that the clause is of, under whose name it is listed; none for a prompt. Nothing of it is read.
    #[serde(default)]
    pub codex: Option<CodexId>,
    /// The text before, at most [`MAX_AUDITED_BYTES`]; empty for one that was not there.
    pub previous_version: String,
    /// The text after, at most [`MAX_AUDITED_BYTES`]; empty for one that is gone.
    pub new_version: String,
    /// The thresholds.
    #[serde(default)]
    pub policy: GuardPolicy,
    /// Names this write, so that repeating it is harmless, and is the audit's id; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl AuditClause {
    /// An audit of a text without a codex, by the default policy.
    pub fn new(clause: ClauseId, previous: impl Into<String>, new: impl Into<String>) -> Self {
        let (previous_version, new_version) = (previous.into(), new.into());
        let (codex, policy, operation) = (None, GuardPolicy::default(), None);
        Self { clause, codex, previous_version, new_version, policy, operation }
    }

    pub(crate) fn validate(&self) -> Result<()> {
        self.policy.validate()?;
        check_text("previous_version", &self.previous_version, MAX_AUDITED_BYTES)?;
        check_text("new_version", &self.new_version, MAX_AUDITED_BYTES)
    }
}

/// What a person says of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewAudit {
    /// The audit.
    pub audit: OperationId,
    /// What is decided.
    pub decision: AuditDecision,
    /// Who decides: 1 to 150 characters.
    pub reviewer: String,
    /// Why; at most [`ReviewAudit::MAX_REASON_BYTES`].
    #[serde(default)]
    pub reason: Option<String>,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl ReviewAudit {
    /// The longest reason.
    pub const MAX_REASON_BYTES: usize = 4_096;

    /// A review without a reason.
    pub fn new(audit: OperationId, decision: AuditDecision, reviewer: impl Into<String>) -> Self {
        Self { audit, decision, reviewer: reviewer.into(), reason: None, operation: None }
    }

    pub(crate) fn validate(&self) -> Result<()> {
        check_label("reviewer", &self.reviewer)?;
        self.reason.as_deref().map_or(Ok(()), |reason| check_text("reason", reason, Self::MAX_REASON_BYTES))
    }
}

/// Which audits to list; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditFilter {
    /// Of this clause, or of the prompt or file of this name.
    pub clause: Option<ClauseId>,
    /// Of this codex.
    pub codex: Option<CodexId>,
    /// With this flag in force.
    pub regression_flag: Option<bool>,
    /// With this verdict of the machine.
    pub verdict: Option<Verdict>,
    /// In which this signal found something.
    pub signal: Option<Signal>,
    /// That stand so.
    pub status: Option<AuditStatus>,
    /// Of which a person said something, or nobody did.
    pub is_reviewed: Option<bool>,
    /// Made at this moment or later.
    pub since: Option<Timestamp>,
    /// Made before this moment.
    pub before: Option<Timestamp>,
}

impl AuditFilter {
    /// What finds them, by time.
    pub(crate) fn query(&self, direction: Direction) -> Query {
        let query = Query::new(CodexClauseAudit::TABLE)
            .order_by("created_at", direction)
            .equals("clause", self.clause.as_ref().map(ClauseId::as_str))
            .equals("codex", self.codex.as_ref().map(CodexId::as_str))
            .equals("regression_flag", self.regression_flag)
            .equals("verdict", self.verdict.map(Verdict::as_str))
            .equals("status", self.status.map(AuditStatus::name))
            .equals("is_reviewed", self.is_reviewed)
            .created(self.since, self.before);
        match self.signal {
            Some(signal) => query.filter(Filter::TagsAll {
                field: "signals".to_owned(),
                tags: vec![signal.as_str().to_owned()],
            }),
            None => query,
        }
    }
}

/// Refuses a page that is longer than the listing of audits has.
pub(crate) fn check_limit(limit: u32) -> Result<()> {
    use super::CodexRegressionGuard as Guard;
    if (1..=Guard::MAX_PAGE_AUDITS).contains(&limit) {
        return Ok(());
    }
    let message = format!("a page has 1 to {} audits, not {limit}", Guard::MAX_PAGE_AUDITS);
    Err(Error::limit("limit", message))
}
