//! Conflicts of codices: their heads as the proof log has them, and merges that wait for a person or an audit.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    CODEX_HEADS, Effect, EffectId, Healer, HealingName, Observation, Outcome, SelfHealingProtocolEngine,
    Target,
};
use crate::codex::{
    CodexClause, CodexHeadState, CodexProofOfSymbolEngine, CodexVerification, DirectivePath, MergeSide,
    MutateCodex, Mutation, ProofVerificationStatus, SymbolProof, TakenClause,
};
use crate::error::{Error, ErrorKind, Result};
use crate::store::access::{self, Access};
use crate::store::{Model, Read};
use crate::types::{ClauseId, CodexId, Digest, OperationId, Timestamp};

/// What [`Healer::observe_codices`] did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedCodices {
    /// How many observations told anything new.
    pub taken: u64,
    /// What was found of each codex that a target names, by id. A codex that is neither verified nor redacted gives no
    /// reading.
    pub codices: Vec<CodexVerification>,
    /// The codices that targets name and that are not there, by id. They give no reading either.
    pub missing: Vec<CodexId>,
}

/// A merge that was proposed and waits for a person or an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeProposal {
    /// The effect that [`Healer::approve_merge`] approves, or [`Healer::answer`] declines.
    pub effect: EffectId,
    /// Its idempotency key: see [`EffectId::idempotency_key`].
    pub idempotency_key: Digest,
    /// The target, with its codex.
    pub target: Target,
    /// The rule that asks for it.
    pub rule: HealingName,
    /// Since when it waits.
    pub since: Timestamp,
    /// What is found of the target's codex now; `None` if the target names none, or none that is there.
    pub verification: Option<CodexVerification>,
    /// What can be merged; `None` without several heads in a log that was verified.
    pub merge: Option<MergeOffer>,
}

/// Two heads of a codex, and what is to be decided to join them. Of more than two heads, the oldest two: a merge joins two,
/// and the next proposal is about what is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeOffer {
    /// The older of the two.
    pub ours: CodexHeadState,
    /// The other.
    pub theirs: CodexHeadState,
    /// The clauses that both have alike, with their notes, in the order of `ours`: nothing is to be decided about them.
    pub agreed: Vec<TakenClause>,
    /// The clauses that they have not alike, in the order of `ours`, then those that only `theirs` has, in its order.
    pub disputed: Vec<DisputedClause>,
}

/// A clause that two heads of a codex do not have alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputedClause {
    /// The clause.
    pub clause: ClauseId,
    /// As `ours` has it; `None` if it has not.
    pub ours: Option<CodexClause>,
    /// As `theirs` has it; `None` if it has not.
    pub theirs: Option<CodexClause>,
}

/// That a person or an audit approves a merge, and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproveMerge {
    /// The effect of the [proposal](MergeProposal).
    pub effect: EffectId,
    /// The person or audit: the actor of the merge in the codex's log.
    pub by: HealingName,
    /// The position of one head's event.
    pub ours: u64,
    /// The position of the other head's event.
    pub theirs: u64,
    /// The clauses of the result, in order.
    pub take: Vec<TakenClause>,
    /// The directives that led to it.
    pub directive_path: DirectivePath,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// The digest of evidence that the merge was examined, such as an audit.
    #[serde(default)]
    pub evidence: Option<Digest>,
}

/// How many codices a healer remembers as verified; more, and it forgets them all and verifies anew.
const MAX_REMEMBERED: usize = 1_024;

/// The most proposals of one call.
const MAX_PROPOSALS: u32 = 256;

/// Codices as they were last verified.
pub(super) type Remembered = BTreeMap<CodexId, CodexVerification>;

impl Healer {
    /// As [`observe`](Self::observe), with the reading [`CODEX_HEADS`] of each target that names a codex: how many heads its
    /// codex has, by [`CodexProofOfSymbolEngine::verify`]. A codex is verified whole when this healer sees it first and
    /// whenever its head is another since, and each once for all its targets.
    ///
    /// A merge that was approved through [`approve_merge`](Self::approve_merge) and made, but not answered before its process
    /// died, is answered first. A codex that does not verify, or is not there, gives no reading: its conflict stays what it was.
    ///
    /// # Errors
    /// Those of [`observe`](Self::observe); [`ErrorKind::Invalid`], field `readings.codex_heads`, for an observation that
    /// brings this reading itself.
    ///
    /// ```
    /// use mythos_core::Mythos;
    /// use mythos_core::codex::*;
    /// use mythos_core::healing::*;
    /// use mythos_core::types::Runtime;
    ///
    /// let mythos = Mythos::in_memory();
    /// let (codices, path) = (mythos.codices(), DirectivePath::new(["launch"])?);
    /// codices.create(&CreateCodex::new("rules".parse()?, vec![], path.clone(), "ana"))?;
    /// for clause in ["refunds", "greetings"] {
    ///     let add = Mutation::Add { clause: clause.parse()?, text: clause.into(), position: None };
    ///     let add = MutateCodex::new("rules".parse()?, add, path.clone(), "bob");
    ///     codices.mutate(&MutateCodex { parent: Some(0), ..add })?;
    /// }
    ///
    /// let threshold = Threshold { reading: CODEX_HEADS.parse()?, side: Side::Above, enter: 2.0, exit: 2.0 };
    /// let ladder = vec![RepairStep::new(RepairAction::ProposeMerge)];
    /// let rule = HealingRuleOptions::new("heads".parse()?, Trigger::CodexConflict, threshold, ladder);
    /// let rule = HealingRule::new(HealingRuleOptions { settle_ms: 0, ..rule })?;
    /// let hourly = Budget { max_actions: 3, period_ms: 3_600_000 };
    /// let budgets = Budgets { target: hourly, zone: hourly, node: hourly, overall: hourly };
    /// let options = HealingProtocolOptions::new(vec![rule], budgets, UnhealthyLimit::Unlimited);
    /// let healer = mythos.healing().engage(&"support".parse()?, &HealingProtocol::new(options)?)?;
    ///
    /// let codex = Some("rules".parse()?);
    /// let target = Target { assistant: "ana".parse()?, node: "node-1".parse()?, zone: "eu".parse()?, codex };
    /// let at = Runtime::system().now();
    /// healer.observe_codices(&[Observation { target, at, readings: [].into() }])?;
    /// healer.plan()?;
    ///
    /// // A person looks at the proposal, and takes what both sides added.
    /// let proposal = mythos.healing().merge_proposals(&"support".parse()?, 10)?.remove(0);
    /// let merge = proposal.merge.unwrap();
    /// assert_eq!((merge.agreed.len(), merge.disputed.len()), (0, 2));
    /// let from = |dispute: &DisputedClause| if dispute.ours.is_some() { MergeSide::Ours } else { MergeSide::Theirs };
    /// let take = |dispute: &DisputedClause| TakenClause { clause: dispute.clause.clone(), from: from(dispute) };
    /// healer.approve_merge(&ApproveMerge {
    ///     effect: proposal.effect,
    ///     by: "eve".parse()?,
    ///     ours: merge.ours.sequence,
    ///     theirs: merge.theirs.sequence,
    ///     take: merge.disputed.iter().map(take).collect(),
    ///     directive_path: path,
    ///     reason: None,
    ///     evidence: None,
    /// })?;
    /// assert_eq!(codices.codex(&"rules".parse()?)?.heads.len(), 1);
    /// # Ok::<(), mythos_core::Error>(())
    /// ```
    pub fn observe_codices(&self, observations: &[Observation]) -> Result<ObservedCodices> {
        Self::check_count(observations)?;
        let heads = HealingName::of(CODEX_HEADS);
        if let Some(given) = observations.iter().find(|given| given.readings.contains_key(&heads)) {
            let message = format!("{heads} of {} is read here and not taken", given.target.assistant);
            return Err(Error::invalid(format!("readings.{heads}"), message));
        }
        let named: BTreeSet<_> = observations.iter().filter_map(|seen| seen.target.codex.as_ref()).collect();
        let (mut codices, mut missing) = (Remembered::new(), Vec::new());
        for codex in named {
            match self.verified(codex)? {
                Some(found) => drop(codices.insert(codex.clone(), found)),
                None => missing.push(codex.clone()),
            }
        }
        // After the heads were read: a merge that they show is there, and otherwise the incident would end as if nobody had
        // approved anything.
        self.answer_made_merges()?;
        let with_heads = observations.iter().map(|observation| {
            let mut observation = observation.clone();
            let found = observation.target.codex.as_ref().and_then(|codex| codices.get(codex));
            if let Some(count) = found.filter(|found| is_sound(found)).map(|found| found.heads.len()) {
                observation.readings.insert(heads.clone(), count as f64);
            }
            observation
        });
        let taken = self.observe(&with_heads.collect::<Vec<_>>())? as u64;
        Ok(ObservedCodices { taken, codices: codices.into_values().collect(), missing })
    }

    /// Makes a merge that a person or an audit approved, and answers its effect: see [`Outcome::Approved`]. Returns the proof of
    /// the merge.
    ///
    /// The merge is one operation, named after the effect's idempotency key: repeated, after any failure and through any later
    /// healer, it is made once. It joins the two heads that were approved or nothing. A healer that is replaced in the middle of
    /// this call may still make it, since it was approved; the one that took over answers it with its next
    /// [`observe_codices`](Self::observe_codices).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], field `effect`, if no merge of it waits for approval, or its target names no codex; field `theirs`,
    /// if the two are not both heads any more: look at the proposal again; field `operation`, if another merge was made upon
    /// this effect. Otherwise those of [`CodexProofOfSymbolEngine::mutate`].
    pub fn approve_merge(&self, approval: &ApproveMerge) -> Result<SymbolProof> {
        let effect = &approval.effect;
        let (waiting, key) =
            self.look(|machine, _| (machine.merge(effect), machine.idempotency_key(effect)))?;
        let operation = operation(&key);
        let made = made(self.access(), &[operation])?.pop().flatten();
        let codex = match (&waiting, made) {
            // The target may follow another codex since.
            (_, Some(proof)) => proof.codex,
            (Some(Effect { target: Target { codex: Some(codex), .. }, .. }), None) => codex.clone(),
            (Some(_), None) => {
                let message = format!("{} names no codex", effect.assistant);
                return Err(Error::invalid("effect", message));
            }
            (None, None) => {
                let message = format!("no merge of {} waits for approval by that id", effect.assistant);
                return Err(Error::invalid("effect", message));
            }
        };
        let merge = Mutation::Merge { other: approval.theirs, take: approval.take.clone() };
        let merge =
            MutateCodex::new(codex, merge, approval.directive_path.clone(), approval.by.as_str().to_owned());
        let proof = self.codices().mutate(&MutateCodex {
            parent: Some(approval.ours),
            reason: approval.reason.clone(),
            evidence: approval.evidence,
            operation: Some(operation),
            ..merge
        });
        let proof = proof.map_err(|error| match error.field() {
            Some("other") => error.with_field("theirs"),
            Some("parent") => error.with_field("ours"),
            _ => error,
        })?;
        self.answer(effect, &Outcome::Approved { by: approval.by.clone() })?;
        Ok(proof)
    }

    /// What is known of a codex whose head is what it was when it was verified, or is verified now; `None` if it is not there.
    fn verified(&self, codex: &CodexId) -> Result<Option<CodexVerification>> {
        let head = match self.codices().codex(codex) {
            Ok(head) => Some(head),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            // What is wrong with it, the verification says.
            Err(error) if error.kind() == ErrorKind::Corrupt => None,
            Err(error) => return Err(error),
        };
        let mut remembered = self.remembered();
        let is_of_head = |found: &&CodexVerification| {
            head.as_ref().is_some_and(|head| {
                found.mutation_trail_hash == Some(head.mutation_trail_hash)
                    && (found.events, found.tree_root) == (head.length, head.tree_root)
                    && found.heads == head.heads
            })
        };
        if let Some(found) = remembered.get(codex).filter(is_of_head) {
            return Ok(Some(found.clone()));
        }
        remembered.remove(codex);
        // Nothing is held while the log is read.
        drop(remembered);
        let Some(found) = verify(self.codices(), codex)? else { return Ok(None) };
        if is_sound(&found) {
            let mut remembered = self.remembered();
            if remembered.len() >= MAX_REMEMBERED {
                remembered.clear();
            }
            remembered.insert(codex.clone(), found.clone());
        }
        Ok(Some(found))
    }

    /// Answers the effects whose merge was made by a healer that died before it answered.
    fn answer_made_merges(&self) -> Result<()> {
        let waiting = self.look(|machine, _| machine.merges())?;
        let operations: Vec<_> = waiting.iter().map(|effect| operation(&effect.idempotency_key)).collect();
        for (effect, proof) in waiting.iter().zip(made(self.access(), &operations)?) {
            let Some(proof) = proof else { continue };
            let entries = match self.codices().trail(&proof.codex, proof.sequence, 1) {
                Ok(page) => page.items,
                // The verification says what is damaged.
                Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => Vec::new(),
                Err(error) => return Err(error),
            };
            let actor = entries.into_iter().next().and_then(|entry| entry.actor);
            // The name may have been erased since; that somebody approved stays.
            let by = actor.and_then(|actor| HealingName::new(actor).ok());
            let by = by.unwrap_or_else(|| HealingName::of("unknown"));
            self.answer(&effect.id, &Outcome::Approved { by })?;
        }
        Ok(())
    }
}

impl SelfHealingProtocolEngine {
    /// Lists the merges of a scope that wait for a person or an audit, oldest first, with what their codices say now. Nothing of
    /// it is stored: it follows from the open incidents and the logs. Reads all targets of the scope, and verifies the codex of
    /// each proposal whole.
    ///
    /// `limit` is 1 to 256.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for a limit out of bounds; [`ErrorKind::NotFound`] if nobody ever engaged in the scope;
    /// [`ErrorKind::Corrupt`] if a record of it cannot be read. A damaged codex is not an error but a finding of its proposal.
    pub fn merge_proposals(&self, scope: &HealingName, limit: u32) -> Result<Vec<MergeProposal>> {
        if !(1..=MAX_PROPOSALS).contains(&limit) {
            let message = format!("1 to {MAX_PROPOSALS} proposals are listed at once, not {limit}");
            return Err(Error::limit("limit", message));
        }
        let waiting = self.machine(scope)?.merges();
        let mut verified = BTreeMap::new();
        let proposals = waiting.into_iter().take(limit as usize).map(|effect| {
            let Effect { id, idempotency_key, target, rule, issued_at, .. } = effect;
            let verification = match &target.codex {
                None => None,
                Some(codex) => match verified.get(codex) {
                    Some(known) => Option::clone(known),
                    None => {
                        let found = verify(self.codices(), codex)?;
                        verified.insert(codex.clone(), found.clone());
                        found
                    }
                },
            };
            let merge =
                verification.as_ref().map(|found| offer(self.codices(), found)).transpose()?.flatten();
            let since = issued_at;
            Ok(MergeProposal { effect: id, idempotency_key, target, rule, since, verification, merge })
        });
        proposals.collect()
    }
}

/// The operation that makes a merge.
fn operation(idempotency_key: &Digest) -> OperationId {
    OperationId::from_name(&format!("healing merge {idempotency_key}"))
}

/// The proofs of the merges that operations made.
fn made(access: &Access, operations: &[OperationId]) -> Result<Vec<Option<SymbolProof>>> {
    let id = |operation| SymbolProof::record_id(access.tenant(), operation, 0);
    let reads: Vec<_> = operations
        .iter()
        .map(|operation| Read::Record { table: SymbolProof::TABLE, id: id(operation) })
        .collect();
    let answers = if reads.is_empty() { Vec::new() } else { access.read_all(&reads)? };
    let proofs = answers.into_iter().map(|answer| Ok(access::stored(answer)?.map(|stored| stored.model)));
    proofs.collect()
}

fn verify(codices: &CodexProofOfSymbolEngine, codex: &CodexId) -> Result<Option<CodexVerification>> {
    found(codices.verify(codex))
}

/// Whether the heads of a codex are what its log says.
const fn is_sound(found: &CodexVerification) -> bool {
    use ProofVerificationStatus::{Redacted, Verified};
    matches!(found.proof_verification_status, Verified | Redacted)
}

/// What there is to merge in a codex.
fn offer(codices: &CodexProofOfSymbolEngine, verification: &CodexVerification) -> Result<Option<MergeOffer>> {
    let [ours, theirs, ..] = &verification.heads[..] else { return Ok(None) };
    if !is_sound(verification) {
        return Ok(None);
    }
    // A head may be merged meanwhile.
    let clauses = |head: &CodexHeadState| found(codices.clauses(&verification.codex, Some(head.sequence)));
    let (Some(of_ours), Some(of_theirs)) = (clauses(ours)?, clauses(theirs)?) else { return Ok(None) };
    let mut unmatched: BTreeMap<_, _> =
        of_theirs.iter().map(|clause| (clause.clause.clone(), clause.clone())).collect();
    let (mut agreed, mut disputed) = (Vec::new(), Vec::new());
    for ours in of_ours {
        let (clause, theirs) = (ours.clause.clone(), unmatched.remove(&ours.clause));
        if theirs.as_ref().is_some_and(|theirs| theirs.digest == ours.digest) {
            agreed.push(TakenClause { clause, from: MergeSide::Ours });
        } else {
            disputed.push(DisputedClause { clause, ours: Some(ours), theirs });
        }
    }
    for theirs in of_theirs.into_iter().filter(|clause| unmatched.contains_key(&clause.clause)) {
        disputed.push(DisputedClause { clause: theirs.clause.clone(), ours: None, theirs: Some(theirs) });
    }
    Ok(Some(MergeOffer { ours: ours.clone(), theirs: theirs.clone(), agreed, disputed }))
}

/// `None` for what is not there.
fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}
