use serde::{Deserialize, Serialize};

use super::{ChangeKind, DirectivePath, ProofVerificationStatus, SymbolProof};
use crate::error::Result;
use crate::store::{Direction, Filter, Model, Query, Scalar};
use crate::types::{ClauseId, CodexId, Timestamp};

/// Which proofs to list; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProofFilter {
    /// Of this codex.
    pub codex: Option<CodexId>,
    /// About this clause.
    pub clause: Option<ClauseId>,
    /// Of this kind.
    pub change: Option<ChangeKind>,
    /// Whose directive path begins with these directives.
    pub directive_prefix: Vec<String>,
    /// Listed with this status.
    pub status: Option<ProofVerificationStatus>,
    /// Recorded at this moment or later.
    pub since: Option<Timestamp>,
    /// Recorded before this moment.
    pub before: Option<Timestamp>,
}

impl ProofFilter {
    /// What finds them, newest first: by position if one codex and no time is named, otherwise by time.
    pub(crate) fn query(&self) -> Result<Query> {
        let at_any_time = self.since.is_none() && self.before.is_none();
        let order = if self.codex.is_some() && at_any_time { "sequence" } else { "created_at" };
        let query = Query::new(SymbolProof::TABLE)
            .order_by(order, Direction::Descending)
            .equals("codex", self.codex.as_ref().map(CodexId::as_str))
            .equals("clause", self.clause.as_ref().map(ClauseId::as_str))
            .equals("change", self.change.map(ChangeKind::name))
            .equals("proof_verification_status", self.status.map(ProofVerificationStatus::name))
            .created(self.since, self.before);
        if self.directive_prefix.is_empty() {
            return Ok(query);
        }
        let min = DirectivePath::new(self.directive_prefix.clone())?.key();
        // The key of a longer path begins with that of its beginning; behind its last separator nothing is smaller than a
        // space, since directives have no control characters.
        let below = format!("{} ", &min[..min.len() - 1]);
        let (min, below) = (Some(Scalar::Text(min)), Some(Scalar::Text(below)));
        Ok(query.filter(Filter::Range { field: "directive_key".to_owned(), min, below }))
    }
}
