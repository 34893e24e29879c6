use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::group::Tree;
use super::machine::{Answer, Event, Refusal};
use super::service::no_deployment;
use super::{
    Action, Alignment, Cause, Decision, DeployAssistant, Deployment, DeploymentSpec, Effect, EffectId, Exit,
    ExitKind, FailureKind, Machine, Membership, Outcome, Reason, ReportExit, ReportFailure, RestartAssistant,
    RestoredEntry, StopAssistant, SupervisorRecord, Which,
};
use crate::codex::{CodexProofOfSymbolEngine, ProofVerificationStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Entered;
use crate::ritual::{RestoredRitual, RitualCompressionCache};
use crate::store::access::{self, Access, MAX_ATTEMPTS, Stored};
use crate::store::operation::Operation;
use crate::store::{
    Answer as StoreAnswer, Batch, Cursor, Direction, Expect, Filter, Model, Query, Read, Record, Scalar,
    epoch,
};
use crate::types::{
    AssistantId, CodexId, Digest, OperationId, RecordId, RitualId, SupervisorId, Timestamp, Version,
};

mod groups;
mod nodes;
mod pending;
mod timers;
mod totals;

use nodes::{NodeRecord, StoredNodes};
pub use totals::SupervisionTotals;

/// How many deployments one read of a tick or a poll looks at.
const PAGE: u32 = 256;

/// The holder of a supervision: decides about its deployments and hands out their effects.
///
/// Cheap to clone; every method may be called from any thread. Nothing here calls the host or waits: the host calls
/// [`tick`](Self::tick) when [`next_timeout`](Self::next_timeout) says so, takes what
/// [`poll_effects`](Self::poll_effects) gives, and answers.
///
/// Every decision is committed together with the effect it asks for. If this supervisor's process dies, the next call
/// of [`supervise`](super::AssistantDeploymentAutoRestarter::supervise) gives one that goes on where it was and hands
/// out again what is not answered.
///
/// A deployment whose record cannot be read stands still alone: [`tick`](Self::tick),
/// [`poll_effects`](Self::poll_effects) and [`next_timeout`](Self::next_timeout) pass it over, and so does its group when it
/// stops and starts members. Its other methods fail with [`ErrorKind::Corrupt`]; [`deploy`](Self::deploy) replaces it where
/// it was, and [`delete_deployment`](Self::delete_deployment) lets a group go on that was waiting for it.
/// [`deployments`](super::AssistantDeploymentAutoRestarter::deployments) names it. With a group whose record cannot be read
/// its members stand still: what is reported of them fails with [`ErrorKind::Corrupt`], and their timers are tried again
/// every second.
///
/// # Errors
/// Beside what each method states, every method fails with [`ErrorKind::Conflict`] and the field `epoch` once another
/// supervisor took over: stop using this one.
#[derive(Debug, Clone)]
pub struct Supervisor {
    access: Access,
    rituals: RitualCompressionCache,
    codices: CodexProofOfSymbolEngine,
    supervisor: SupervisorId,
    epoch: Version,
    /// The number of the effect of each deployment that was handed out last.
    handed_out: Arc<Mutex<HashMap<RecordId, u64>>>,
    /// What the last tick could not fire although it was due.
    held_up: Arc<Mutex<Option<HeldUp>>>,
}

/// Deployments whose timers are due and do not fire, since another record that they depend on cannot be read.
#[derive(Debug, Clone)]
struct HeldUp {
    /// When it is tried again.
    until: Timestamp,
    deployments: Vec<RecordId>,
}

/// How long a timer waits that is held up: a loop that sleeps until the next one must not spin.
const HELD_UP: Duration = Duration::from_secs(1);

/// What [`Supervisor::carry_out`] did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CarriedOut {
    /// What was decided.
    pub decision: Decision,
    /// What was restored and verified, if the effect was a restore and any step of the path brought something.
    pub restored: Option<RestoredRitual>,
    /// How the entry compares with the codex in force, if it was compared.
    pub alignment: Option<Alignment>,
    /// What is to be carried out next; [`Supervisor::poll_effects`] does not hand it out again.
    pub next: Option<Effect>,
}

/// A write with an operation id: its name, the id, and the digest of the request.
type Named = (&'static str, OperationId, Digest);

/// A deployment that a listing found, and the version of its record.
type Found = (Version, Deployment);

/// What is read before a decision, from one snapshot.
struct Loaded {
    head: Option<Head>,
    operation: Option<Stored<Operation>>,
}

/// The record of a deployment as it was found.
struct Head {
    version: Version,
    deployment: Result<Deployment>,
    /// Its place in a group, as far as that can be read of one that cannot.
    member: Option<Membership>,
    /// Whether a deployment may be written over it although it cannot be read. One of another format may not: a newer
    /// version of this library can still read it.
    is_replaceable: bool,
}

impl Head {
    fn of(record: &Record) -> Self {
        let format = record.body.get("format").and_then(Value::as_u64);
        Self {
            version: record.version,
            deployment: readable(record),
            member: record.body.get("member").and_then(|member| Membership::deserialize(member).ok()),
            is_replaceable: format.is_none_or(|format| format == u64::from(Deployment::FORMAT)),
        }
    }
}

/// What was found while an effect was carried out.
#[derive(Default)]
struct Findings {
    restored: Option<RestoredRitual>,
    alignment: Option<Alignment>,
}

impl Supervisor {
    pub(super) fn new(
        access: Access,
        rituals: RitualCompressionCache,
        codices: CodexProofOfSymbolEngine,
        supervisor: SupervisorId,
        epoch: Version,
    ) -> Self {
        Self {
            access,
            rituals,
            codices,
            supervisor,
            epoch,
            handed_out: Arc::default(),
            held_up: Arc::default(),
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &SupervisorId {
        &self.supervisor
    }

    /// Its epoch: higher than that of every supervisor that held the supervision before.
    #[must_use]
    pub const fn epoch(&self) -> Version {
        self.epoch
    }

    /// Supervises an assistant that the host launched. If it was supervised already, it is deployed anew: an open
    /// incident ends, and earlier restarts no longer count. If its record could not be read, a new one takes its place, also
    /// in its group as far as that can be read: its incidents are counted from 1 again, its runs and effects go on above the
    /// earlier ones.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a fallback path that names the deployment's own ritual, an operation id that was
    /// used for another request, a significant member whose end could no more end its group (field `is_significant`), or,
    /// field `assistant`, a member that its group is stopping or about to start, or one of a
    /// group that is ending or has ended; [`ErrorKind::Corrupt`] for a record of an unknown format, which is not replaced;
    /// [`ErrorKind::Unknown`] if it cannot be told whether it was recorded: repeat it with the same operation id, which
    /// [`Error::operation`] names.
    pub fn deploy(&self, request: &DeployAssistant) -> Result<Decision> {
        request.spec.validate_for(&request.assistant)?;
        let named =
            self.named("deploy", request.operation, (&self.supervisor, &request.assistant, &request.spec))?;
        let id = Deployment::record_id(self.access.tenant(), &self.supervisor, &request.assistant);
        let decided = self.transact(Some(id), Some(named), |head, nodes, now| {
            let found = head.as_ref().map(|head| head.version);
            let before = head.as_ref().and_then(|head| head.deployment.as_ref().ok()).cloned();
            let deployment = match head {
                None => self.new_deployment(&request.assistant, &request.spec, Machine::default(), now),
                Some(Head { deployment: Ok(deployment), .. }) => {
                    Deployment { spec: request.spec.clone(), ..deployment }
                }
                Some(Head { deployment: Err(_), is_replaceable: true, version, member }) => {
                    let machine = Machine::after_unreadable(version);
                    let anew = self.new_deployment(&request.assistant, &request.spec, machine, now);
                    Deployment { member, ..anew }
                }
                Some(Head { deployment: Err(error), .. }) => return Err(error),
            };
            nodes.check_significant(deployment.member.as_ref(), &request.spec.policy.options().exits)?;
            nodes.set(id, found, before, deployment);
            let changed = step(nodes, id, Event::Deployed, now)?;
            Ok((Decision::of(nodes.deployment(id)?, changed, now), changed))
        });
        decided.map_err(|error| error.while_doing(format_args!("decide about {}", request.assistant)))
    }

    /// Reports that an assistant failed. What follows is what follows a failed exit by the policy's
    /// [`exits`](super::RestartPolicyOptions::exits). A report that comes late or twice changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such deployment; [`ErrorKind::Invalid`] for a kind that is no failure, field
    /// `kind`, a run that never was, or an
    /// operation id that was used for another request; [`ErrorKind::Unknown`] as for [`deploy`](Self::deploy).
    pub fn report_failure(&self, request: &ReportFailure) -> Result<Decision> {
        request.kind.check_reported()?;
        let named = self.named(
            "report_failure",
            request.operation,
            (&self.supervisor, &request.assistant, request.run, request.kind, &request.reason),
        )?;
        let event = Event::Failed {
            run: request.run,
            kind: request.kind,
            exit: Exit::new(ExitKind::Failed, request.reason.clone()),
            operation: named.1,
        };
        self.decide_known(&request.assistant, named, event)
    }

    /// Reports that a run of an assistant ended. What follows is a matter of the policy's
    /// [`exits`](super::RestartPolicyOptions::exits): a restart, rest, or a notice to an operator. A report that comes late
    /// or twice changes nothing.
    ///
    /// # Errors
    /// As [`report_failure`](Self::report_failure); [`ErrorKind::Invalid`] or [`ErrorKind::Limit`], field `class`, for a
    /// class that is empty or too long.
    pub fn report_exit(&self, request: &ReportExit) -> Result<Decision> {
        request.exit.validate()?;
        let named = self.named(
            "report_exit",
            request.operation,
            (&self.supervisor, &request.assistant, request.run, &request.exit),
        )?;
        let kind = FailureKind::of_exit(request.exit.kind);
        let event = Event::Failed { run: request.run, kind, exit: request.exit.clone(), operation: named.1 };
        self.decide_known(&request.assistant, named, event)
    }

    /// Lets a deployment rest: at once if nothing of the assistant runs, otherwise once the host has ended it. The host is
    /// asked for that by a [`Stop`](Action::Stop), and by a [`Kill`](Action::Kill) after the time that its group gives it,
    /// or, of one in no group, after [`Shutdown::default`](super::Shutdown::default). What was pending before is overtaken.
    ///
    /// # Errors
    /// As [`report_failure`](Self::report_failure).
    pub fn stop(&self, request: &StopAssistant) -> Result<Decision> {
        let named = self.named("stop", request.operation, (&self.supervisor, &request.assistant))?;
        let cause = Cause { reason: Reason::shortened("a stop was asked for"), operation: named.1 };
        self.decide(&request.assistant, Some(named), |head, _| {
            let current = head.ok_or_else(|| no_deployment(&request.assistant))?.deployment?;
            let shutdown = current.member.as_ref().map(|member| member.shutdown).unwrap_or_default();
            let event = Event::StopRequested { cause: cause.clone(), shutdown };
            Ok((current, Some(event)))
        })
    }

    /// Restarts a deployment at once, from any state, without backoff; earlier restarts no longer count.
    ///
    /// # Errors
    /// As [`report_failure`](Self::report_failure); [`ErrorKind::Invalid`], field `assistant`, for a member that its group is
    /// stopping or about to start, or one of a group that is ending or has ended.
    pub fn restart_now(&self, request: &RestartAssistant) -> Result<Decision> {
        let named = self.named(
            "restart_now",
            request.operation,
            (&self.supervisor, &request.assistant, &request.reason),
        )?;
        let event = Event::RestartRequested { reason: request.reason.clone(), operation: named.1 };
        self.decide_known(&request.assistant, named, event)
    }

    /// Hands out at most `limit` pending effects, oldest first. This supervisor hands each out once, until it is
    /// [given back](Self::give_back); one that takes over hands all of them out again.
    ///
    /// # Errors
    /// Those of the store.
    pub fn poll_effects(&self, limit: u32) -> Result<Vec<Effect>> {
        let mut query = self.range("effect_at", Some(earliest()), None);
        let mut effects = Vec::new();
        loop {
            let (deployments, next) = match self.page(&query) {
                Ok(page) => page,
                // What is marked as handed out must reach the caller; the error comes back with the next call.
                Err(_) if !effects.is_empty() => return Ok(effects),
                Err(error) => return Err(error),
            };
            for effect in deployments.iter().filter_map(|(_, deployment)| deployment.effect(self.epoch)) {
                if effects.len() >= limit as usize {
                    return Ok(effects);
                }
                if self.mark_handed_out(&effect.id) {
                    effects.push(effect);
                }
            }
            match next {
                Some(next) => query = query.after(Some(next)),
                None => return Ok(effects),
            }
        }
    }

    /// Takes an effect back that could not be carried out: the next [`poll_effects`](Self::poll_effects) hands it out
    /// again, if it is still pending.
    pub fn give_back(&self, effect: &EffectId) {
        let mut handed_out = self.handed_out.lock().unwrap_or_else(PoisonError::into_inner);
        // Those before it stay handed out: a poll that read them earlier may still be underway.
        if let Some(last) = handed_out.get_mut(&effect.deployment).filter(|last| **last == effect.number) {
            *last = effect.number.saturating_sub(1);
        }
    }

    /// Carries out a [`Restore`](Action::Restore) or [`Align`](Action::Align) through this library's own services:
    /// restores, verifies and aligns, step by step of the path, until something is up to the host. All of it is one
    /// commit.
    ///
    /// An effect that is no longer pending changes nothing. If this fails, the effect is handed out again.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an effect that the host carries out, or that was never issued;
    /// [`ErrorKind::NotFound`] if there is no such deployment. A damaged or missing entry or codex is no error: the
    /// next step is taken.
    pub fn carry_out(&self, effect: &Effect) -> Result<CarriedOut> {
        if !matches!(effect.action, Action::Restore { .. } | Action::Align { .. }) {
            let message = format!("effect {} is carried out by the host, and answered", effect.id);
            return Err(Error::invalid("effect", message));
        }
        let carried_out = self.try_to_carry_out(effect);
        if carried_out.is_err() {
            self.give_back(&effect.id);
        }
        carried_out
    }

    /// Answers an effect that the host carried out. Only the first answer counts; later ones, and those that come after
    /// the effect was overtaken, change nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an outcome that is none of the pending effect's, or an effect that was never issued;
    /// [`ErrorKind::NotFound`] if there is no such deployment; [`ErrorKind::Unknown`] if it cannot be told whether the
    /// answer was recorded: repeat it.
    pub fn answer(&self, effect: &EffectId, outcome: &Outcome) -> Result<Decision> {
        let answer = match outcome {
            Outcome::Ready => Answer::Ready,
            Outcome::NotReady { reason } => Answer::NotReady { reason: reason.clone() },
            Outcome::Approved => Answer::Approved,
            Outcome::Declined => Answer::Declined,
            Outcome::Acknowledged => Answer::Acknowledged,
            Outcome::Stopped => Answer::Stopped,
        };
        self.decide_by_id(effect.deployment, None, |head, _| {
            let current = head.ok_or_else(|| unknown_effect(effect))?.deployment?;
            Ok((current, Some(Event::Answered { number: effect.number, answer: answer.clone() })))
        })
    }

    /// A deployment as it stands.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such deployment; [`ErrorKind::Corrupt`] if its record cannot be read.
    pub fn deployment(&self, assistant: &AssistantId) -> Result<Deployment> {
        let id = Deployment::record_id(self.access.tenant(), &self.supervisor, assistant);
        self.load(Some(id), None)?.head.ok_or_else(|| no_deployment(assistant))?.deployment
    }

    fn new_deployment(
        &self,
        assistant: &AssistantId,
        spec: &DeploymentSpec,
        machine: Machine,
        now: Timestamp,
    ) -> Deployment {
        Deployment {
            format: Deployment::FORMAT,
            tenant: self.access.tenant().clone(),
            supervisor: self.supervisor.clone(),
            assistant: assistant.clone(),
            state: machine.state().name(),
            timer_at: None,
            timer_set_at: None,
            effect_at: None,
            place: None,
            member: None,
            spec: spec.clone(),
            machine,
            incident_version: 0,
            created_at: now,
            updated_at: now,
        }
    }

    fn try_to_carry_out(&self, effect: &Effect) -> Result<CarriedOut> {
        let id = effect.id.deployment;
        let span = Entered::carry_out(self.supervisor.as_str());
        let carried_out = self.transact_in(&span, Some(id), None, |head, nodes, now| {
            Self::take(id, head.ok_or_else(|| unknown_effect(&effect.id))?, nodes)?;
            let mut findings = Findings::default();
            let mut number = effect.id.number;
            let mut changed = false;
            let mut now = now;
            // What is asked for is read from the record: an effect is a copy of it, and may be an old one.
            let mut answer = self.answer_of(nodes.deployment(id)?, number, changed, &mut findings)?;
            while let Some(given) = answer {
                // A restore takes as long as its bytes are many: what follows has its whole time from here.
                now = nodes.read_clock();
                if !step(nodes, id, Event::Answered { number, answer: given }, now)? {
                    break;
                }
                changed = true;
                let deployment = nodes.deployment(id)?;
                number = deployment.machine.pending().map_or(0, |pending| pending.number);
                answer = self.answer_of(deployment, number, changed, &mut findings)?;
            }
            let decision = Decision::of(nodes.deployment(id)?, changed, now);
            let next = nodes.deployment(id)?.effect(self.epoch);
            let Findings { restored, alignment } = findings;
            Ok((CarriedOut { decision, restored, alignment, next }, changed))
        });
        let carried_out = carried_out.map_err(|error| match error.kind() {
            ErrorKind::Conflict if error.field().is_none() => too_many_conflicts(&effect.assistant),
            _ => error,
        })?;
        let next = carried_out.next.filter(|next| self.mark_handed_out(&next.id));
        Ok(CarriedOut { next, ..carried_out })
    }

    /// Does what the pending effect `number` asks for; `None` if it is not pending or up to the host.
    fn answer_of(
        &self,
        deployment: &Deployment,
        number: u64,
        continued: bool,
        findings: &mut Findings,
    ) -> Result<Option<Answer>> {
        if deployment.machine.pending().is_none_or(|pending| pending.number != number) {
            if continued || (1..=deployment.machine.effects()).contains(&number) {
                return Ok(None);
            }
            return Err(Error::invalid("effect", format!("effect number {number} was never issued")));
        }
        match deployment.machine.action(&deployment.spec) {
            Some(Action::Restore { substitute, ritual, which }) => {
                let (answer, restored) = self.restore(&deployment.assistant, substitute, &ritual, which)?;
                (findings.restored, findings.alignment) = (restored, None);
                Ok(Some(answer))
            }
            Some(Action::Align { codex, entry }) => {
                let answer = self.align(codex, &entry)?;
                if let Answer::Aligned(alignment) | Answer::Misaligned(alignment) = &answer {
                    findings.alignment = Some(alignment.clone());
                }
                Ok(Some(answer))
            }
            Some(Action::Probe { .. } | Action::Stop { .. } | Action::Kill | Action::Escalate { .. })
            | None => Ok(None),
        }
    }

    fn restore(
        &self,
        assistant: &AssistantId,
        substitute: Option<AssistantId>,
        ritual: &RitualId,
        which: Which,
    ) -> Result<(Answer, Option<RestoredRitual>)> {
        let assistant = substitute.as_ref().unwrap_or(assistant);
        let found = match which {
            // Another process will read it, so that what is in memory does not count.
            Which::Latest => self.rituals.latest_stored(assistant, ritual),
            Which::OlderThan { sequence } => {
                let before = match sequence {
                    Some(sequence) => Some(sequence),
                    None => self.rituals.newest_sequence(assistant, ritual)?,
                };
                let found = self.rituals.latest_verifiable(assistant, ritual, before);
                found.map(|found| found.map(|found| found.restored))
            }
        };
        let (sequence, reason) = match found {
            Ok(Some(restored)) => {
                let entry = RestoredEntry::of(&restored.entry).of_substitute(substitute);
                return Ok((Answer::Restored(entry), Some(restored)));
            }
            Ok(None) => (None, Reason::shortened("no verifiable entry")),
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => {
                let sequence = match which {
                    Which::Latest => self.rituals.newest_sequence(assistant, ritual)?,
                    Which::OlderThan { .. } => None,
                };
                (sequence, Reason::shortened(&error.to_string()))
            }
            Err(error) => return Err(error),
        };
        Ok((Answer::NotRestored { sequence, reason }, None))
    }

    fn align(&self, codex: CodexId, entry: &RestoredEntry) -> Result<Answer> {
        let verification = match self.codices.verify(&codex) {
            Ok(verification) => verification,
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => {
                return Ok(Answer::NotAligned { reason: Reason::shortened(&error.to_string()) });
            }
            Err(error) => return Err(error),
        };
        let status = verification.proof_verification_status;
        if !matches!(status, ProofVerificationStatus::Verified | ProofVerificationStatus::Redacted) {
            let reason = format!("the trail of codex {codex} does not verify: {status:?}");
            return Ok(Answer::NotAligned { reason: Reason::shortened(&reason) });
        }
        let [head] = verification.heads.as_slice() else {
            let heads = verification.heads.len();
            let reason = format!("codex {codex} has {heads} heads, which await a merge");
            return Ok(Answer::NotAligned { reason: Reason::shortened(&reason) });
        };
        let alignment = Alignment::of(entry, codex.clone(), head.codex_root);
        let alignment = match alignment.entry_root.filter(|_| !alignment.is_same()) {
            Some(root) => match self.codices.changes_since(&codex, root, head.sequence)? {
                Some(changes) => alignment.with_changes(changes),
                None => alignment,
            },
            None => alignment,
        };
        Ok(if alignment.is_same() { Answer::Aligned(alignment) } else { Answer::Misaligned(alignment) })
    }

    fn named<T: Serialize>(
        &self,
        name: &'static str,
        operation: Option<OperationId>,
        request: T,
    ) -> Result<Named> {
        Ok((name, self.access.operation(operation)?, Operation::digest(name, &request)?))
    }

    fn decide_known(&self, assistant: &AssistantId, named: Named, event: Event) -> Result<Decision> {
        self.decide(assistant, Some(named), |head, _| {
            Ok((head.ok_or_else(|| no_deployment(assistant))?.deployment?, Some(event.clone())))
        })
    }

    fn decide(
        &self,
        assistant: &AssistantId,
        named: Option<Named>,
        happened: impl Fn(Option<Head>, Timestamp) -> Result<(Deployment, Option<Event>)>,
    ) -> Result<Decision> {
        let id = Deployment::record_id(self.access.tenant(), &self.supervisor, assistant);
        self.decide_by_id(id, named, happened)
            .map_err(|error| error.while_doing(format_args!("decide about {assistant}")))
    }

    /// Loads a deployment, lets `happened` say what happened to it, and commits what follows. Another decision about
    /// the same deployment at the same time is no error: what follows is worked out again.
    fn decide_by_id(
        &self,
        id: RecordId,
        named: Option<Named>,
        happened: impl Fn(Option<Head>, Timestamp) -> Result<(Deployment, Option<Event>)>,
    ) -> Result<Decision> {
        self.transact(Some(id), named, |head, nodes, now| {
            let version = head.as_ref().map(|head| head.version);
            let before = head.as_ref().and_then(|head| head.deployment.as_ref().ok()).cloned();
            let (deployment, event) = happened(head, now)?;
            nodes.set(id, version, before, deployment);
            let changed = match event {
                Some(event) => step(nodes, id, event, now)?,
                None => false,
            };
            Ok((Decision::of(nodes.deployment(id)?, changed, now), changed))
        })
    }

    /// Loads the deployment `first`, lets `decide` decide, and commits the nodes that it changed; whether it decided anything
    /// is the second part of its answer. Another decision about the same nodes at the same time is no error: `decide` is
    /// called again.
    fn transact<T: Serialize + DeserializeOwned>(
        &self,
        first: Option<RecordId>,
        named: Option<Named>,
        decide: impl Fn(Option<Head>, &mut StoredNodes<'_>, Timestamp) -> Result<(T, bool)>,
    ) -> Result<T> {
        let span = Entered::decide(self.supervisor.as_str());
        self.transact_in(&span, first, named, decide)
    }

    fn transact_in<T: Serialize + DeserializeOwned>(
        &self,
        span: &Entered,
        first: Option<RecordId>,
        named: Option<Named>,
        decide: impl Fn(Option<Head>, &mut StoredNodes<'_>, Timestamp) -> Result<(T, bool)>,
    ) -> Result<T> {
        let mut turn = None;
        for _ in 0..MAX_ATTEMPTS {
            let Loaded { head, operation } = self.load(first, named.map(|named| named.1))?;
            // Read after the record: otherwise what another thread has just decided would seem to lie in the future, as
            // it does when the clock was set back.
            let now = self.access.now();
            if let (Some(operation), Some((_, _, digest))) = (operation, named) {
                return operation.model.recall(self.access.tenant(), &digest);
            }
            let mut nodes = StoredNodes::new(self, now);
            let decided = decide(head, &mut nodes, now);
            if nodes.is_overtaken() {
                continue;
            }
            let (decision, changed) = decided?;
            // A write that changed nothing is recorded too: repeated later, it must still change nothing.
            if !changed && named.is_none() {
                return Ok(decision);
            }
            let mut batch = self.batch(named, &decision, now)?;
            nodes.stage(&mut batch)?;
            let committed = self.commit_batch(batch);
            if committed.map_err(|error| match named {
                Some((_, operation, _)) => error.of_operation(operation),
                None => error,
            })? {
                nodes.tell(span, first);
                return Ok(decision);
            }
            // Decisions about members of different groups may meet in any group around both, so that all that lost a race
            // wait in one line.
            turn.get_or_insert_with(|| self.access.turn(&self.record_id()));
        }
        Err(Error::conflict(format!("other decisions were faster {MAX_ATTEMPTS} times")))
    }

    /// Takes a deployment that was found into a decision.
    fn take(id: RecordId, head: Head, nodes: &mut StoredNodes<'_>) -> Result<()> {
        let deployment = head.deployment?;
        nodes.set(id, Some(head.version), Some(deployment.clone()), deployment);
        Ok(())
    }

    /// A batch that only the holder of the supervision can commit.
    fn batch<T: Serialize>(&self, named: Option<Named>, decision: &T, now: Timestamp) -> Result<Batch> {
        let mut batch = Batch::new();
        batch.check(SupervisorRecord::TABLE, self.record_id(), Expect::At(self.epoch));
        if let Some((name, operation, digest)) = named {
            Operation::stage(&mut batch, self.access.tenant(), (operation, name, digest), decision, now)?;
        }
        Ok(batch)
    }

    fn commit_batch(&self, batch: Batch) -> Result<bool> {
        match self.access.commit(batch) {
            Ok(()) => Ok(true),
            // Whether the epoch or the deployment conflicts shows when it is loaded again.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn load(&self, first: Option<RecordId>, operation: Option<OperationId>) -> Result<Loaded> {
        let holder = Read::Record { table: SupervisorRecord::TABLE, id: self.record_id() };
        let mut reads = vec![holder];
        reads.extend(first.map(|id| Read::Record { table: Deployment::TABLE, id }));
        reads.extend(operation.map(|operation| Read::Record {
            table: Operation::TABLE,
            id: operation.record_id(self.access.tenant()),
        }));
        let mut answers = self.access.read_all(&reads)?.into_iter();
        let mut next = || answers.next().ok_or_else(|| Error::internal("the store left an answer out"));
        self.check_epoch(next()?)?;
        let head = match first {
            Some(_) => access::record(next()?)?.map(|record| Head::of(&record)),
            None => None,
        };
        if let Some(Head { deployment: Ok(deployment), .. }) = &head
            && (deployment.tenant != *self.access.tenant() || deployment.supervisor != self.supervisor)
        {
            return Err(Error::not_found("this supervisor has no such deployment"));
        }
        let operation = if operation.is_some() { access::stored(next()?)? } else { None };
        Ok(Loaded { head, operation })
    }

    /// The deployments of this supervisor.
    fn query(&self) -> Query {
        Query::new(Deployment::TABLE)
            .filter(Filter::equals("tenant", self.access.tenant().as_str()))
            .filter(Filter::equals("supervisor", self.supervisor.as_str()))
    }

    /// Those whose `field` lies in a range, smallest first.
    fn range(&self, field: &str, min: Option<Scalar>, below: Option<Scalar>) -> Query {
        self.query()
            .filter(Filter::Range { field: field.to_owned(), min, below })
            .order_by(field, Direction::Ascending)
            .limit(PAGE)
    }

    /// One page, without the records that cannot be read: one of them must not stop the supervision of all others.
    fn page(&self, query: &Query) -> Result<(Vec<Found>, Option<Cursor>)> {
        let holder = Read::Record { table: SupervisorRecord::TABLE, id: self.record_id() };
        let [holder, page] = self.access.read([holder, Read::Page(query.clone())])?;
        self.check_epoch(holder)?;
        let StoreAnswer::Page { records } = page else {
            return Err(Error::internal("the store answered a page with another kind of answer"));
        };
        let full = records.len() == query.limit as usize;
        let next = records.last().filter(|_| full).map(|last| query.cursor(last));
        let found = |record: &Record| Some((record.version, readable(record).ok()?));
        Ok((records.iter().filter_map(found).collect(), next))
    }

    fn check_epoch(&self, holder: StoreAnswer) -> Result<()> {
        let found = access::stored::<SupervisorRecord>(holder)?.map(|stored| stored.version);
        epoch::check(format_args!("supervisor {}", self.supervisor), self.epoch, found)
    }

    fn record_id(&self) -> RecordId {
        SupervisorRecord::record_id(self.access.tenant(), &self.supervisor)
    }

    /// Effects of a deployment that was deleted are counted anew.
    fn forget_handed_out(&self, deployment: RecordId) {
        self.handed_out.lock().unwrap_or_else(PoisonError::into_inner).remove(&deployment);
    }

    /// Remembers that an effect is handed out; whether neither it nor a later one was already. What was read before
    /// another thread went on to a later one is no longer pending.
    fn mark_handed_out(&self, effect: &EffectId) -> bool {
        let mut handed_out = self.handed_out.lock().unwrap_or_else(PoisonError::into_inner);
        let last = handed_out.entry(effect.deployment).or_default();
        let is_new = effect.number > *last;
        *last = effect.number.max(*last);
        is_new
    }
}

/// Smaller than every moment that is set.
fn earliest() -> Scalar {
    Scalar::Text(Timestamp::MIN.to_string())
}

fn readable(record: &Record) -> Result<Deployment> {
    Deployment::from_record(record)?.found_at(record.id)
}

/// Takes one event of a deployment that was loaded, and what follows from it; whether it changed anything.
fn step(nodes: &mut StoredNodes<'_>, id: RecordId, event: Event, now: Timestamp) -> Result<bool> {
    let outcome = Tree::new(nodes, now).handle(NodeRecord::Deployment(id), event)?;
    outcome.map(|ignored| ignored.is_none()).map_err(Refusal::into_error)
}

fn unknown_effect(effect: &EffectId) -> Error {
    Error::not_found(format!("effect {effect} is of no deployment of this supervisor")).with_field("effect")
}

fn too_many_conflicts(assistant: &AssistantId) -> Error {
    Error::conflict(format!("other decisions about {assistant} were faster {MAX_ATTEMPTS} times"))
}
