//! A whole rule book, compared between two moments.

use serde::{Deserialize, Serialize};

use super::{
    Assessment, AuditClause, ClauseMatch, CodexRegressionGuard, GuardPolicy, MAX_AUDITED_BYTES, MatchKind,
    match_clauses,
};
use crate::codex::{CodexAt, CodexClause, Moment};
use crate::error::Result;
use crate::types::{ClauseId, CodexId, OperationId};

/// A codex to compare between two moments of its log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditCodex {
    /// The codex.
    pub codex: CodexId,
    /// The older moment.
    pub from: Moment,
    /// The newer moment.
    pub to: Moment,
    /// The thresholds.
    #[serde(default)]
    pub policy: GuardPolicy,
    /// Whether an audit of each pair is kept.
    #[serde(default)]
    pub keep: bool,
    /// Names this write, so that repeating it makes no second audits; made if not given. Without `keep` it counts for nothing.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl AuditCodex {
    /// A comparison by the default policy of which nothing is kept.
    #[must_use]
    pub fn new(codex: CodexId, from: Moment, to: Moment) -> Self {
        Self { codex, from, to, policy: GuardPolicy::default(), keep: false, operation: None }
    }
}

/// What became of a rule book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodexAudit {
    /// The codex.
    pub codex: CodexId,
    /// The position of the event that left the older state.
    pub from: u64,
    /// The position of the event that left the newer state.
    pub to: u64,
    /// What changed, in the order of the newer state.
    pub pairs: Vec<AuditedPair>,
    /// How many clauses say the same under the same id, wherever they stand.
    pub unchanged: u64,
    /// Clauses that are new.
    pub added: Vec<ClauseId>,
    /// Clauses that are gone.
    pub removed: Vec<ClauseId>,
    /// Clauses of either state whose text is erased: they are compared with nothing.
    pub erased: Vec<ClauseId>,
}

/// Clauses that belong together, compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditedPair {
    /// How they belong together.
    pub kind: MatchKind,
    /// Whether it stands elsewhere.
    pub is_moved: bool,
    /// The ids before: several if they were merged.
    pub old: Vec<ClauseId>,
    /// The ids after: several if it was split.
    pub new: Vec<ClauseId>,
    /// What the machine says of the texts, several of which stand on lines of their own; with at most
    /// [`CodexAudit::MAX_FINDINGS`] findings.
    pub assessment: Assessment,
    /// The audit, if it is kept: of the clause before, or after a merge of the clause after.
    pub audit: Option<OperationId>,
}

impl CodexAudit {
    /// The most findings of a pair, so that a codex of many clauses has a report that can be read. An audit has all.
    pub const MAX_FINDINGS: usize = 32;
}

impl CodexRegressionGuard {
    /// Compares a codex between two moments of its log: clauses are matched by id and by content, also when they were moved,
    /// renamed, split or merged, and each pair that is not the same is assessed.
    ///
    /// Takes memory for the texts of both moments, at most about 128 MiB.
    ///
    /// # Errors
    /// Those of [`state_at`](crate::codex::CodexProofOfSymbolEngine::state_at), and of [`audit`](Self::audit) if audits are
    /// kept: those that were kept before stay, and repeating the call under the same operation goes on.
    pub fn audit_codex(&self, request: &AuditCodex) -> Result<CodexAudit> {
        request.policy.validate()?;
        let operation = self.access.operation(request.operation)?;
        let before = self.codices.state_at(&request.codex, request.from)?;
        let after = self.codices.state_at(&request.codex, request.to)?;
        let mut erased: Vec<_> = [&before, &after]
            .into_iter()
            .flat_map(|state| &state.clauses)
            .filter(|clause| clause.text.is_none())
            .map(|clause| clause.clause.clone())
            .collect();
        erased.sort_unstable();
        erased.dedup();
        let (old, new) = (open(&before, &erased), open(&after, &erased));
        let found = match_clauses(&old, &new)?;
        let names = |places: &[u32], of: &[(&ClauseId, &str)]| -> Vec<ClauseId> {
            places.iter().filter_map(|place| of.get(*place as usize)).map(|(id, _)| (*id).clone()).collect()
        };
        let mut pairs = Vec::new();
        let mut unchanged = 0;
        for (matched, number) in found.matches.iter().zip(0_u64..) {
            if matched.kind == MatchKind::Unchanged {
                unchanged += 1;
                continue;
            }
            let ClauseMatch { kind, is_moved, .. } = *matched;
            let (previous, after) = (joined(&matched.old, &old), joined(&matched.new, &new));
            let mut assessment = self.assess((&previous, &after), &request.policy)?;
            let omitted = assessment.findings.len().saturating_sub(CodexAudit::MAX_FINDINGS) as u32;
            assessment.findings.truncate(CodexAudit::MAX_FINDINGS);
            assessment.findings_omitted = assessment.findings_omitted.saturating_add(omitted);
            let (old, new) = (names(&matched.old, &old), names(&matched.new, &new));
            let clause = if kind == MatchKind::Merged { new.first() } else { old.first() };
            let audit = match clause.filter(|_| request.keep) {
                Some(clause) => {
                    let audit = AuditClause {
                        codex: Some(request.codex.clone()),
                        policy: request.policy,
                        operation: Some(OperationId::from_name(&format!("{operation} pair {number}"))),
                        ..AuditClause::new(clause.clone(), previous, after)
                    };
                    // A repetition is asked for by the operation of the whole.
                    let kept = self.audit(&audit).map_err(|error| error.of_operation(operation))?;
                    Some(kept.audit)
                }
                None => None,
            };
            pairs.push(AuditedPair { kind, is_moved, old, new, assessment, audit });
        }
        Ok(CodexAudit {
            codex: request.codex.clone(),
            from: before.sequence,
            to: after.sequence,
            pairs,
            unchanged,
            added: names(&found.added, &new),
            removed: names(&found.removed, &old),
            erased,
        })
    }
}

/// The clauses of a state that can be compared.
fn open<'a>(state: &'a CodexAt, erased: &[ClauseId]) -> Vec<(&'a ClauseId, &'a str)> {
    let open = |clause: &'a CodexClause| {
        let is_open = erased.binary_search(&clause.clause).is_err();
        clause.text.as_deref().filter(|_| is_open).map(|text| (&clause.clause, text))
    };
    state.clauses.iter().filter_map(open).collect()
}

/// The texts at some places, each on a line of its own.
fn joined(places: &[u32], of: &[(&ClauseId, &str)]) -> String {
    let texts: Vec<_> =
        places.iter().filter_map(|place| of.get(*place as usize)).map(|(_, text)| *text).collect();
    let mut joined = texts.join("\n");
    // Eight of the longest have seven line ends more than fit.
    joined.truncate(joined.floor_char_boundary(MAX_AUDITED_BYTES));
    joined
}
