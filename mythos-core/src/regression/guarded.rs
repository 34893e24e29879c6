//! Mutations of a codex that carry an audit as their evidence.

use serde::{Deserialize, Serialize};

use super::audit::NewAudit;
use super::service::{no_audit, used_otherwise};
use super::{AuditStatus, CodexClauseAudit, CodexRegressionGuard, GuardPolicy, Verdict};
use crate::codex::{Beside, Change, CodexHead, MutateCodex, Mutation, SymbolProof};
use crate::error::{Error, ErrorKind, Result};
use crate::store::access::{MAX_ATTEMPTS, Stored};
use crate::store::{Batch, Expect, Model, Query};
use crate::types::{ClauseId, CodexId, Digest, OperationId};

/// A mutation of a codex, and what is required of the audit of its texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardedMutation {
    /// The mutation, without evidence: that is the audit's. Its operation is the id of the audit that is made of it.
    pub mutation: MutateCodex,
    /// What is required.
    #[serde(default)]
    pub require: AuditRequirement,
    /// The thresholds of an audit that is made of it.
    #[serde(default)]
    pub policy: GuardPolicy,
}

/// What is required of the audit of a mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum AuditRequirement {
    /// Nothing but that it is kept.
    RecordOnly,
    /// That the machine finds no regression, and nobody rejected it.
    Passing {
        /// Whether the tone may change.
        #[serde(default)]
        allow_tone: bool,
    },
    /// That it passes, or that a person accepted it.
    PassingOrReviewed {
        /// Whether the tone may change without a review.
        #[serde(default)]
        allow_tone: bool,
        /// An audit of exactly these two texts, which no event has as its evidence yet. If not given, one is made, or the one
        /// that an earlier try of the same operation left.
        #[serde(default)]
        audit: Option<OperationId>,
    },
}

impl Default for AuditRequirement {
    /// Passing or reviewed, whatever changes.
    fn default() -> Self {
        Self::PassingOrReviewed { allow_tone: false, audit: None }
    }
}

impl AuditRequirement {
    /// The audit that is named.
    const fn named(self) -> Option<OperationId> {
        match self {
            Self::PassingOrReviewed { audit, .. } => audit,
            _ => None,
        }
    }

    /// Whether an audit of this verdict that stands so is enough.
    #[must_use]
    pub const fn is_met_by(self, verdict: Verdict, status: AuditStatus) -> bool {
        let (allow_tone, is_reviewable) = match self {
            Self::RecordOnly => return true,
            Self::Passing { allow_tone } => (allow_tone, false),
            Self::PassingOrReviewed { allow_tone, .. } => (allow_tone, true),
        };
        let passes = matches!(verdict, Verdict::None) || (allow_tone && matches!(verdict, Verdict::Tone));
        let is_rejected = matches!(status, AuditStatus::Rejected);
        (passes && !is_rejected) || (is_reviewable && matches!(status, AuditStatus::Accepted))
    }
}

impl GuardedMutation {
    /// A mutation that must pass or be reviewed, by the default policy.
    #[must_use]
    pub fn new(mutation: MutateCodex) -> Self {
        Self { mutation, require: AuditRequirement::default(), policy: GuardPolicy::default() }
    }
}

/// What a guarded mutation made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardedProof {
    /// The proof of the event.
    pub proof: SymbolProof,
    /// The audit that the event has as its evidence; none if the mutation changes no clause's text.
    pub audit: Option<CodexClauseAudit>,
}

/// What came of looking for the audit behind an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceVerification {
    /// What the event names as its evidence.
    pub evidence: Option<Digest>,
    /// The audit with that digest.
    pub audit: Option<CodexClauseAudit>,
    /// What does not agree; `None` if the audit is of this event, clause and texts.
    pub finding: Option<EvidenceFinding>,
}

/// Why an event's evidence does not speak for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EvidenceFinding {
    /// The event names no evidence.
    NotNamed,
    /// No audit has that digest.
    NoAudit,
    /// The audit was changed since it was made.
    Damaged,
    /// The audit entered the log with another event.
    OtherEvent,
    /// The audit is of another clause or codex, or the event changes no clause's text.
    OtherClause,
    /// The audit is of other texts.
    OtherTexts,
    /// The texts were erased, from the audit or from the codex: they cannot be compared.
    Erased,
}

/// The clause whose text a mutation changes, and its texts.
struct Pair {
    clause: ClauseId,
    previous: String,
    new: String,
}

impl CodexRegressionGuard {
    /// Appends a mutation to a codex's log if the audit of its texts is as required, and returns its proof and the audit. The
    /// event, its proof and the audit are one commit, and the audit's digest is the event's evidence.
    ///
    /// A mutation that is refused leaves the codex as it was, and leaves its audit in the [queue](Self::queue): once a person
    /// accepted that, the same call under the same operation goes through, and so does another one that names it. Mutations
    /// that change no clause's text (notes, order, keys) need no audit; merges are not guarded.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], field `audit`, if the audit is not as required: the message names it and its verdict, and
    /// [`Error::operation`] is its id; field `evidence` if the mutation names evidence of its own; field `mutation` for a
    /// merge; field `clause` if the text before is erased, so that there is nothing to compare;
    /// [`ErrorKind::NotFound`], field `audit`, for one that is not there; else those of
    /// [`CodexProofOfSymbolEngine::mutate`](crate::codex::CodexProofOfSymbolEngine::mutate).
    pub fn mutate(&self, request: &GuardedMutation) -> Result<GuardedProof> {
        request.policy.validate()?;
        if request.mutation.evidence.is_some() {
            return Err(Error::invalid("evidence", "the evidence of a guarded mutation is its audit"));
        }
        if matches!(request.mutation.mutation, Mutation::Merge { .. }) {
            let message =
                "a merge changes several clauses at once: audit each, and merge by the codex itself";
            return Err(Error::invalid("mutation", message));
        }
        let operation = self.access.operation(request.mutation.operation)?;
        let mutation = MutateCodex { operation: Some(operation), ..request.mutation.clone() };
        if let Some(evidence) = self.codices.evidence_of(&mutation.codex, operation)? {
            let proof = self.codices.mutate(&MutateCodex { evidence, ..mutation })?;
            let audit = evidence.map(|evidence| self.by_digest(evidence)).transpose()?.flatten();
            return Ok(GuardedProof { proof, audit });
        }
        let mut turn = None;
        for _ in 0..MAX_ATTEMPTS {
            let head = self.codices.codex(&mutation.codex)?;
            let Some(pair) = self.pair(&mutation, &head)? else {
                return Ok(GuardedProof { proof: self.codices.mutate(&mutation)?, audit: None });
            };
            let (expect, audit) = self.audit_of(request, operation, &pair)?;
            if !request.require.is_met_by(audit.verdict, audit.status) {
                return Err(self.refuse(expect, &audit, &pair)?);
            }
            if let Some(event) = audit.event {
                let message = format!("audit {} is the evidence of event {event} already", audit.audit);
                return Err(Error::invalid("audit", message).of_audit(audit.audit));
            }
            if let Some(made) = self.append(&mutation, operation, &head, expect, &audit, &pair)? {
                return Ok(made);
            }
            let id = CodexHead::owner(self.access.tenant(), &mutation.codex).id;
            turn.get_or_insert_with(|| self.access.turn(&id));
        }
        let codex = &mutation.codex;
        Err(Error::conflict(format!("other writers of codex {codex} were faster {MAX_ATTEMPTS} times")))
    }

    /// Finds the audit that an event has as its evidence, and compares it with what the event did.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex or event; [`ErrorKind::Corrupt`] if the codex's log cannot be read.
    /// An audit that does not agree is not an error but a finding.
    pub fn verify_evidence(&self, codex: &CodexId, sequence: u64) -> Result<EvidenceVerification> {
        let head = self.codices.codex(codex)?;
        let entry = self.codices.trail(codex, sequence, 1)?.items.pop().ok_or_else(|| {
            let message = format!("codex {codex} has {} events and none at {sequence}", head.length);
            Error::not_found(message).with_field("sequence")
        })?;
        let evidence = entry.event.evidence;
        let found = |audit, finding| Ok(EvidenceVerification { evidence, audit, finding });
        let Some(digest) = evidence else { return found(None, Some(EvidenceFinding::NotNamed)) };
        let audit = match self.by_digest(digest) {
            Ok(Some(audit)) => audit,
            Ok(None) => return found(None, Some(EvidenceFinding::NoAudit)),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                return found(None, Some(EvidenceFinding::Damaged));
            }
            Err(error) => return Err(error),
        };
        let (Change::Add { clause, .. } | Change::Replace { clause, .. } | Change::Remove { clause }) =
            &entry.event.change
        else {
            return found(Some(audit), Some(EvidenceFinding::OtherClause));
        };
        if audit.clause != *clause || audit.codex.as_ref().is_some_and(|of| of != codex) {
            return found(Some(audit), Some(EvidenceFinding::OtherClause));
        }
        if audit.event != Some(sequence) {
            return found(Some(audit), Some(EvidenceFinding::OtherEvent));
        }
        let before = self.codices.clause_at(&head, entry.event.parents.first().copied(), clause)?;
        let previous = before.map_or(Some(String::new()), |clause| clause.text);
        let new = entry.texts.first().map_or(Some(String::new()), Clone::clone);
        let is_of = previous.zip(new).and_then(|(previous, new)| audit.is_of(&previous, &new));
        let finding = match is_of {
            Some(true) => None,
            Some(false) => Some(EvidenceFinding::OtherTexts),
            None => Some(EvidenceFinding::Erased),
        };
        found(Some(audit), finding)
    }

    /// The texts of the clause that a mutation changes; `None` if it changes none.
    fn pair(&self, mutate: &MutateCodex, head: &CodexHead) -> Result<Option<Pair>> {
        let (clause, new) = match &mutate.mutation {
            Mutation::Add { clause, text, .. } => {
                let (clause, previous, new) = (clause.clone(), String::new(), text.clone());
                return Ok(Some(Pair { clause, previous, new }));
            }
            Mutation::Replace { clause, text } => (clause, text.clone()),
            Mutation::Remove { clause } => (clause, String::new()),
            _ => return Ok(None),
        };
        let Some(before) = self.codices.clause_at(head, mutate.parent, clause)? else {
            return Err(Error::invalid("clause", format!("codex {} has no clause {clause}", mutate.codex)));
        };
        let Some(previous) = before.text else {
            let message = format!("the text of clause {clause} is erased: there is nothing to compare");
            return Err(Error::invalid("clause", message));
        };
        Ok(Some(Pair { clause: clause.clone(), previous, new }))
    }

    /// The audit that is to speak for a mutation, and what is expected of its record.
    fn audit_of(
        &self,
        request: &GuardedMutation,
        operation: OperationId,
        pair: &Pair,
    ) -> Result<(Expect, CodexClauseAudit)> {
        let codex = &request.mutation.codex;
        let named = request.require.named();
        if let Some(Stored { version, model }) = self.stored(&named.unwrap_or(operation))? {
            let is_of_pair = model.clause == pair.clause
                && model.codex.as_ref().is_none_or(|of| of == codex)
                && model.is_of(&pair.previous, &pair.new) == Some(true);
            return match named {
                Some(_) if is_of_pair => Ok((Expect::At(version), model)),
                None if is_of_pair && model.policy == request.policy => Ok((Expect::At(version), model)),
                Some(named) => {
                    let message =
                        format!("audit {named} is not of what this mutation does to clause {}", pair.clause);
                    Err(Error::invalid("audit", message).of_audit(named))
                }
                None => Err(used_otherwise(&operation)),
            };
        }
        if let Some(named) = named {
            return Err(no_audit(&named));
        }
        let texts = (pair.previous.as_str(), pair.new.as_str());
        let audit = CodexClauseAudit::new(NewAudit {
            tenant: self.access.tenant(),
            audit: operation,
            clause: &pair.clause,
            codex: Some(codex),
            texts,
            prompt_delta: self.assess(texts, &request.policy)?,
            policy: request.policy,
            salt: self.access.runtime().salt()?,
            now: self.access.now(),
        })?;
        Ok((Expect::Absent, audit))
    }

    /// Keeps the audit of a refused mutation, and gives the error that says so.
    fn refuse(&self, expect: Expect, audit: &CodexClauseAudit, pair: &Pair) -> Result<Error> {
        let CodexClauseAudit { audit: id, clause, verdict, status, .. } = audit;
        if expect == Expect::Absent {
            let mut batch = Batch::new();
            self.stage_new(&mut batch, audit, (&pair.previous, &pair.new))?;
            match self.access.commit(batch) {
                // Another try of the same operation was faster: it says the same.
                Err(error) if error.kind() != ErrorKind::Conflict => {
                    let attempt = format!("keep the audit of a refused change of clause {clause}");
                    return Err(error.while_doing(attempt).of_operation(id));
                }
                _ => {}
            }
        }
        let (verdict, status) = (verdict.as_str(), status.name().replace('_', " "));
        let message =
            format!("audit {id} of clause {clause} says {verdict:?} and is {status}: the codex is unchanged");
        Ok(Error::invalid("audit", message).of_audit(id))
    }

    /// Commits the event, its proof and its audit; `None` if something changed meanwhile.
    fn append(
        &self,
        mutation: &MutateCodex,
        operation: OperationId,
        head: &CodexHead,
        expect: Expect,
        audit: &CodexClauseAudit,
        pair: &Pair,
    ) -> Result<Option<GuardedProof>> {
        let mut entered = audit.clone();
        let mut stage = |batch: &mut Batch, sequence: u64| {
            entered.event = Some(sequence);
            match expect {
                Expect::Absent => self.stage_new(batch, &entered, (&pair.previous, &pair.new)),
                Expect::At(_) => {
                    entered.updated_at = self.access.now().max(entered.updated_at);
                    let id = entered.audit.record_id(self.access.tenant());
                    batch.put(id, expect, &entered).map(drop)
                }
            }
        };
        let beside = Beside { after: head.mutation_trail_hash, stage: &mut stage };
        let mutation = MutateCodex { evidence: Some(audit.digest), ..mutation.clone() };
        let proof = self.codices.mutate_beside(&mutation, operation, beside)?;
        Ok(proof.map(|proof| GuardedProof { proof, audit: Some(entered) }))
    }

    /// The audit with a digest.
    fn by_digest(&self, digest: Digest) -> Result<Option<CodexClauseAudit>> {
        let query = Query::new(CodexClauseAudit::TABLE).equals("digest", Some(digest.to_string()));
        Ok(self.access.page(query.limit(1))?.items.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_is_met_by_what_it_says() {
        use AuditStatus::{Accepted, AwaitingReview, Passed, Rejected};
        let strict = AuditRequirement::Passing { allow_tone: false };
        let tone = AuditRequirement::Passing { allow_tone: true };
        let reviewed = AuditRequirement::PassingOrReviewed { allow_tone: false, audit: None };
        let cases = [
            (Verdict::None, Passed, [true, true, true]),
            (Verdict::None, Rejected, [false, false, false]),
            (Verdict::Tone, AwaitingReview, [false, true, false]),
            (Verdict::Tone, Accepted, [false, true, true]),
            (Verdict::Tone, Rejected, [false, false, false]),
            (Verdict::Undecided, AwaitingReview, [false, false, false]),
            (Verdict::Undecided, Accepted, [false, false, true]),
            (Verdict::Both, Accepted, [false, false, true]),
            (Verdict::Accuracy, Rejected, [false, false, false]),
        ];
        for (verdict, status, expected) in cases {
            let met = [strict, tone, reviewed].map(|require| require.is_met_by(verdict, status));
            assert_eq!(met, expected, "{verdict:?} {status:?}");
            assert!(AuditRequirement::RecordOnly.is_met_by(verdict, status));
            assert_eq!(AuditRequirement::default().is_met_by(verdict, status), expected[2]);
        }
    }
}
