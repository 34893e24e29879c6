use std::mem;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Action, Alignment, DeploymentSpec, Escalation, Exit, FailureKind, FallbackStep, GiveUp, Incident,
    Question, Reason, RestartHistory, RestartPolicy, RestoredEntry, Shutdown, State, StepResult, Which,
};
use crate::error::Error;
use crate::types::{Digest, EntryId, MAX_SAFE_INTEGER, OperationId, RecordId, Timestamp, Version};

#[cfg(test)]
mod abstraction;
mod transition;

/// The machine of one deployment: its state, and what its next decisions depend on.
///
/// It is a value: one function takes it, an event and the time, and gives the next value; nothing else changes one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Machine {
    /// Where the deployment stands.
    state: State,
    /// The open incident, or the last one.
    incident: Option<Incident>,
    /// How many launches there were: the host's deployments and the probes. The last one is the current run.
    run: u64,
    /// How many timers were set.
    generation: u64,
    /// How many effects were issued.
    effects: u64,
    /// The effect that waits for its answer; what it asks for follows from the state.
    pending: Option<Pending>,
    /// The restarts that count for the window.
    history: RestartHistory,
    /// The restarts in a row that count for the backoff.
    attempts: u64,
    /// Failed launches by the entry they were made from and the codex they ran under, oldest first.
    failed_launches: Vec<FailedLaunches>,
    /// The last delay in a row, in milliseconds.
    #[serde(default)]
    delay_ms: u64,
    /// When a run failed last.
    #[serde(default)]
    failed_at: Option<Timestamp>,
    /// From when the policy's deadline counts.
    #[serde(default)]
    begun_at: Option<Timestamp>,
    /// The timer of the step of the path that is underway, or of a question to an operator.
    #[serde(default)]
    step_timer: Option<StepTimer>,
    /// Whether it is known that nothing of the assistant runs.
    #[serde(default)]
    is_gone: bool,
    /// Whether it was up since it was deployed or joined its group.
    #[serde(default = "yes")]
    was_up: bool,
    /// What an operator is still to be told of although the deployment does not stand there any more: an end that a group
    /// went on from at once, or that of a group whose member rests otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<GiveUp>,
}

/// What a record says that was written before this was kept.
const fn yes() -> bool {
    true
}

/// An effect that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) number: u64,
    pub(super) issued_at: Timestamp,
}

/// A timer beside that of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct StepTimer {
    deadline: Timestamp,
    set_at: Timestamp,
    generation: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct FailedLaunches {
    entry: EntryId,
    /// The root of the codex that they ran under, if they had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<Digest>,
    count: u32,
}

/// What a decision depends on beside the machine and the event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) deployment: &'a RecordId,
    pub(super) spec: &'a DeploymentSpec,
    pub(super) now: Timestamp,
    /// Whether it is a member of a group, which decides when it is started again.
    pub(super) is_member: bool,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// The host launched the assistant itself, as the context's spec says.
    Deployed,
    /// Run `run` failed or ended; `None` stands for the current one.
    Failed { run: Option<u64>, kind: FailureKind, exit: Exit, operation: OperationId },
    /// A timer fired.
    TimerFired { generation: u64 },
    /// An effect was answered.
    Answered { number: u64, answer: Answer },
    /// Someone asked that the deployment rest.
    StopRequested { cause: Cause, shutdown: Shutdown },
    /// It is to be restarted at once, and what happened before no longer counts.
    RestartRequested { reason: Reason, operation: OperationId },
    /// Its group starts it, because of `cause`.
    StartOrdered { cause: Cause },
    /// Its group stops it, because of `cause`: to start it again, or for good.
    StopOrdered { cause: Cause, shutdown: Shutdown, for_good: bool },
    /// Its group ends, and an operator is to know. Where it rests, it stays.
    GiveUpOrdered { cause: Cause, why: GiveUp },
}

/// Why a group starts and stops its members.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Why.
    pub reason: Reason,
    /// The operation that reported it.
    pub operation: OperationId,
}

impl Cause {
    /// Of what has no cause on record.
    pub(super) fn unknown() -> Self {
        Self { reason: Reason::shortened("unknown"), operation: OperationId::from_uuid(Uuid::nil()) }
    }
}

/// What came of an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// An entry was restored and verified.
    Restored(RestoredEntry),
    /// There is no such entry, or none that verifies; `sequence` is that of the newest one that failed.
    NotRestored {
        /// The sequence, if it is known.
        sequence: Option<u64>,
        /// Why.
        reason: Reason,
    },
    /// The entry ran under the proven codex in force.
    Aligned(Alignment),
    /// It ran under another one.
    Misaligned(Alignment),
    /// The codex in force cannot be proven.
    NotAligned {
        /// Why.
        reason: Reason,
    },
    /// The probe passed.
    Ready,
    /// The launch or its probe failed.
    NotReady {
        /// Why.
        reason: Reason,
    },
    /// An operator says yes.
    Approved,
    /// An operator says no.
    Declined,
    /// An operator knows.
    Acknowledged,
    /// Nothing of it runs any more.
    Stopped,
}

/// Why an event led to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignored {
    /// A timer that no longer counts.
    StaleTimer,
    /// A timer that fired too early.
    NotDue,
    /// The failure of a run that was replaced since.
    StaleRun,
    /// A failure while nothing is supposed to run: the one that was reported already.
    NothingRuns,
    /// It is stopped already, or on its way there for the same reason.
    AlreadyStopped,
    /// The effect was answered before, or overtaken by another decision.
    AlreadyAnswered,
    /// What its group orders is so already, or on its way.
    AsOrdered,
}

/// Why an event cannot have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No effect of that number was ever issued.
    NeverIssued,
    /// There was no such run.
    NeverLaunched,
    /// That is no answer to the pending effect.
    WrongAnswer,
    /// It is being stopped, or its group is about to start it.
    InTheHandsOfItsGroup,
    /// A group around it is ending or has ended.
    GroupHasEnded,
}

impl Refusal {
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::NeverIssued => Error::invalid("effect", "that effect was never issued"),
            Self::NeverLaunched => Error::invalid("run", "that run was never launched"),
            Self::WrongAnswer => Error::invalid("outcome", "that is no outcome of the pending effect"),
            Self::InTheHandsOfItsGroup => {
                let message = "it is being stopped, or its group starts it when its turn comes";
                Error::invalid("assistant", message)
            }
            Self::GroupHasEnded => {
                Error::invalid("assistant", "a group around it is ending or has ended: start that one")
            }
        }
    }
}

impl Default for Machine {
    /// A deployment of which nothing happened yet.
    fn default() -> Self {
        Self {
            state: State::Stopped,
            incident: None,
            run: 0,
            generation: 0,
            effects: 0,
            pending: None,
            history: RestartHistory::default(),
            attempts: 0,
            failed_launches: Vec::new(),
            delay_ms: 0,
            failed_at: None,
            begun_at: None,
            step_timer: None,
            is_gone: true,
            was_up: false,
            notice: None,
        }
    }
}

impl Machine {
    /// The most entries whose failed launches are remembered. A restart adds at most one, and a window of the usual
    /// size gives up long before.
    const MAX_FAILED_ENTRIES: usize = 32;

    /// More effects than one commit issues: each step of a path asks for a restore and an alignment, and its end for a
    /// probe, a question or a notice.
    const MAX_EFFECTS_PER_COMMIT: u64 = 64;

    /// The machine of a deployment whose record was written `version` times and cannot be read: whatever was counted
    /// goes on above every number that it can have held, so that a late answer or report about then is told apart.
    pub(super) fn after_unreadable(version: Version) -> Self {
        let effects = version.get().saturating_mul(Self::MAX_EFFECTS_PER_COMMIT).min(MAX_SAFE_INTEGER / 2);
        Self { run: version.get(), generation: effects, effects, ..Self::default() }
    }

    /// Where the deployment stands.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The open incident, or the last one.
    #[must_use]
    pub const fn incident(&self) -> Option<&Incident> {
        self.incident.as_ref()
    }

    /// When the timer that is set is due, and its generation: that of the state, or of the step of the path underway.
    #[must_use]
    pub fn timer(&self) -> Option<(Timestamp, u64)> {
        self.state.timer().or_else(|| self.waiting_timer().map(|timer| (timer.deadline, timer.generation)))
    }

    /// When that timer was set.
    #[must_use]
    pub fn timer_set_at(&self) -> Option<Timestamp> {
        self.state.timer_set_at().or_else(|| self.waiting_timer().map(|timer| timer.set_at))
    }

    /// Whether a timer is set and is due at `now`.
    ///
    /// One that was set in the future is due: the clock was set back since, so that how long it waited cannot be told.
    /// Too short a wait costs a restart; one until a wrong clock's moment might never end.
    #[must_use]
    pub fn is_timer_due(&self, now: Timestamp) -> bool {
        let due = self.timer().is_some_and(|(due, _)| now >= due);
        due || self.timer_set_at().is_some_and(|set_at| now < set_at)
    }

    /// The timer of a state that has none of its own.
    fn waiting_timer(&self) -> Option<StepTimer> {
        let waits = matches!(
            self.state,
            State::Restoring { .. } | State::Aligning { .. } | State::AwaitingOperator { .. }
        );
        self.step_timer.filter(|_| waits)
    }

    /// Why what happens to it now happens.
    pub(super) fn cause(&self) -> Option<Cause> {
        let incident = self.incident.as_ref()?;
        Some(Cause { reason: incident.reason.clone(), operation: incident.operation })
    }

    /// The number of the current run: every launch, by the host's deployment or for a probe, is the next one.
    #[must_use]
    pub const fn run(&self) -> u64 {
        self.run
    }

    /// How many restarts in a row count for the backoff.
    pub(crate) const fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Whether it was up since it was deployed or joined its group.
    pub(super) const fn was_up(&self) -> bool {
        self.was_up
    }

    pub(super) const fn pending(&self) -> Option<Pending> {
        self.pending
    }

    /// How many effects were issued.
    pub(super) const fn effects(&self) -> u64 {
        self.effects
    }

    /// It joins a group, which does not count on it before it was up.
    pub(super) const fn joins(&mut self) {
        self.was_up = false;
    }

    /// What the pending effect asks for.
    pub(super) fn action(&self, spec: &DeploymentSpec) -> Option<Action> {
        self.pending?;
        match &self.state {
            State::Restoring { step, older_than } => {
                let mut substitute = None;
                let (ritual, which) = match spec.policy.step(*step)? {
                    FallbackStep::Latest | FallbackStep::OlderCodex => (&spec.ritual, Which::Latest),
                    FallbackStep::OlderEntry => (&spec.ritual, Which::OlderThan { sequence: *older_than }),
                    FallbackStep::NamedRitual { ritual } => (ritual, Which::Latest),
                    FallbackStep::Substitute { assistant, ritual } => {
                        substitute = Some(assistant.clone());
                        (ritual, Which::Latest)
                    }
                    FallbackStep::Escalate => return None,
                };
                Some(Action::Restore { substitute, ritual: ritual.clone(), which })
            }
            State::Aligning { entry, .. } => {
                Some(Action::Align { codex: spec.codex.clone()?, entry: entry.clone() })
            }
            State::AwaitingOperator { question: Question::Misaligned { entry, alignment, .. } } => {
                let escalation =
                    Escalation::Misaligned { entry: entry.clone(), alignment: alignment.clone() };
                Some(Action::Escalate { escalation })
            }
            State::AwaitingOperator { question: Question::PathExhausted } => {
                Some(Action::Escalate { escalation: Escalation::PathExhausted })
            }
            State::Verifying { entry, deadline, alignment, .. } => {
                let codex_root = alignment.as_ref().map(Alignment::root_to_run_under);
                Some(Action::Probe { entry: entry.clone(), codex_root, deadline: *deadline })
            }
            State::GivenUp { why } => {
                Some(Action::Escalate { escalation: Escalation::GivenUp { why: *why } })
            }
            State::Stopping { stop, .. } if stop.is_killed => Some(Action::Kill),
            State::Stopping { deadline, .. } => Some(Action::Stop { deadline: *deadline }),
            State::Running { .. }
            | State::BackingOff { .. }
            | State::MythpathReady { .. }
            | State::Waiting { .. }
            | State::Completed { .. }
            | State::Stopped => {
                self.notice.map(|why| Action::Escalate { escalation: Escalation::GivenUp { why } })
            }
        }
    }

    /// Takes one event. This is the specification of the machine. Whoever is ignored or refused changed nothing.
    pub(super) fn step(&mut self, context: &Context<'_>, event: Event) -> Result<Option<Ignored>, Refusal> {
        use {Answer as A, Event as E, State as S};

        // Events name what they are about, so that those that come late or twice are recognised in every state.
        match &event {
            E::Answered { number, .. } if self.pending.is_none_or(|pending| pending.number != *number) => {
                let issued = (1..=self.effects).contains(number);
                return if issued { Ok(Some(Ignored::AlreadyAnswered)) } else { Err(Refusal::NeverIssued) };
            }
            E::Failed { run: Some(run), .. } if *run != self.run => {
                let launched = (1..=self.run).contains(run);
                return if launched { Ok(Some(Ignored::StaleRun)) } else { Err(Refusal::NeverLaunched) };
            }
            _ => {}
        }

        if let E::TimerFired { generation } = event {
            if self.timer().is_none_or(|(_, counts)| counts != generation) {
                return Ok(Some(Ignored::StaleTimer));
            }
            if !self.is_timer_due(context.now) {
                return Ok(Some(Ignored::NotDue));
            }
        }

        match (mem::replace(&mut self.state, S::Stopped), event) {
            // What the host asks for goes before everything else but the order in which a group starts and stops.
            (state @ (S::Stopping { .. } | S::Waiting { .. }), E::Deployed | E::RestartRequested { .. })
                if context.is_member =>
            {
                return self.refused(state, Refusal::InTheHandsOfItsGroup);
            }
            (_, E::Deployed) => self.deployed(context),
            (S::Stopped, E::StopRequested { .. }) => {
                return self.ignored(S::Stopped, Ignored::AlreadyStopped);
            }
            (state @ S::Stopping { .. }, E::StopRequested { .. }) => return self.stop_for_good(state),
            (state, E::StopRequested { cause, shutdown }) => {
                self.stop_on_request(context, &state, cause, shutdown);
            }
            (_, E::RestartRequested { reason, operation }) => self.restart_now(context, reason, operation),

            // A failure, or an end.
            (S::Running { since }, E::Failed { kind, exit, operation, .. }) => {
                self.failed(context, since, None, (kind, exit, operation));
            }
            (S::MythpathReady { since, entry, alignment }, E::Failed { kind, exit, operation, .. }) => {
                let launched = (&entry, alignment.as_ref());
                self.failed(context, since, Some(launched), (kind, exit, operation));
            }
            (S::Verifying { entry, alignment, .. }, E::Failed { kind, exit, .. }) => {
                self.launch_ended(context, (&entry, alignment.as_ref()), kind, exit);
            }
            (S::Stopping { stop, .. }, E::Failed { kind, .. }) if is_end(kind) => {
                self.gone(context, stop);
            }
            (
                state @ (S::BackingOff { .. }
                | S::Restoring { .. }
                | S::Aligning { .. }
                | S::AwaitingOperator { .. }
                | S::Waiting { .. }),
                E::Failed { run, exit, .. },
            ) => {
                if !self.ended_after_suspicion(context, run, &exit) {
                    return self.ignored(state, Ignored::NothingRuns);
                }
            }
            (state, E::Failed { .. }) => return self.ignored(state, Ignored::NothingRuns),

            // A timer.
            (S::BackingOff { .. }, E::TimerFired { .. }) => self.begin_path(context),
            (S::Verifying { entry, alignment, .. }, E::TimerFired { .. }) => {
                let reason = Reason::shortened("the probe was not answered in time");
                self.not_ready(context, (&entry, alignment.as_ref()), reason);
            }
            (S::Stopping { stop, .. }, E::TimerFired { .. }) => {
                self.kill(context, stop);
            }
            (
                S::Restoring { step, older_than } | S::Aligning { step, older_than, .. },
                E::TimerFired { .. },
            ) => {
                self.next_step(context, step, older_than, StepResult::TimedOut);
            }
            (S::AwaitingOperator { question }, E::TimerFired { .. }) => self.not_answered(context, question),
            (state, E::TimerFired { .. }) => return self.ignored(state, Ignored::StaleTimer),

            // What its group orders.
            (state, E::StartOrdered { cause }) if state.name().is_down() => {
                self.start(context, &state, cause)
            }
            (state, E::StopOrdered { cause, shutdown, for_good }) => {
                return self.stop(context, state, cause, (shutdown, for_good));
            }
            (state @ S::GivenUp { .. }, E::GiveUpOrdered { .. }) | (state, E::StartOrdered { .. }) => {
                return self.ignored(state, Ignored::AsOrdered);
            }
            (state, E::GiveUpOrdered { cause, why }) if state.name().is_at_rest() => {
                self.tell(context, state, cause, why);
            }
            (_, E::GiveUpOrdered { cause, why }) => {
                self.need_incident(context, cause);
                self.give_up(context, why);
            }

            // The answer to Restore.
            (S::Restoring { step, older_than }, E::Answered { answer: A::Restored(entry), .. }) => {
                self.restored(context, step, older_than, entry);
            }
            (
                S::Restoring { step, older_than },
                E::Answered { answer: A::NotRestored { sequence, reason }, .. },
            ) => {
                let sequence = sequence.filter(|_| context.is_of_own_ritual(step));
                self.next_step(context, step, sequence.or(older_than), StepResult::NotRestored { reason });
            }

            // The answer to Align.
            (S::Aligning { step, older_than, entry }, E::Answered { answer: A::Aligned(alignment), .. }) => {
                self.aligned(context, step, older_than, entry, alignment)
            }
            (
                S::Aligning { step, older_than, entry },
                E::Answered { answer: A::Misaligned(alignment), .. },
            ) => self.misaligned(context, step, older_than, entry, alignment),
            (S::Aligning { step, older_than, .. }, E::Answered { answer: A::NotAligned { reason }, .. }) => {
                self.next_step(context, step, older_than, StepResult::NotAligned { reason });
            }

            // The answer to a question.
            (S::AwaitingOperator { question }, E::Answered { answer: A::Approved, .. }) => {
                self.approved(context, question);
            }
            (S::AwaitingOperator { question }, E::Answered { answer: A::Declined, .. }) => {
                self.declined(context, question);
            }

            // The answer to Probe.
            (S::Verifying { entry, alignment, .. }, E::Answered { answer: A::Ready, .. }) => {
                self.ready(context, entry, alignment);
            }
            (S::Verifying { entry, alignment, .. }, E::Answered { answer: A::NotReady { reason }, .. }) => {
                self.not_ready(context, (&entry, alignment.as_ref()), reason)
            }

            // The answer to Stop and Kill.
            (S::Stopping { stop, .. }, E::Answered { answer: A::Stopped, .. }) => {
                self.gone(context, stop);
            }

            // The answer to a notice.
            (S::GivenUp { why }, E::Answered { answer: A::Acknowledged, .. }) => {
                self.rest(context, S::GivenUp { why });
            }
            // What is pending while nothing else is asked for is a notice.
            (state, E::Answered { answer: A::Acknowledged, .. }) if state.asks_for_nothing() => {
                self.notice = None;
                self.rest(context, state);
            }

            (state, E::Answered { .. }) => return self.refused(state, Refusal::WrongAnswer),
        }
        Ok(None)
    }

    fn ignored(&mut self, state: State, why: Ignored) -> Result<Option<Ignored>, Refusal> {
        self.state = state;
        Ok(Some(why))
    }

    fn refused(&mut self, state: State, why: Refusal) -> Result<Option<Ignored>, Refusal> {
        self.state = state;
        Err(why)
    }
}

/// Whether what is reported says that the run is over: one that stalls may live.
const fn is_end(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Crashed | FailureKind::Ended)
}

const _: () = {
    let steps = RestartPolicy::MAX_FALLBACK_STEPS as u64 + 1;
    assert!(2 * steps + 1 < Machine::MAX_EFFECTS_PER_COMMIT, "a walk of the longest path issues fewer");
};

impl Context<'_> {
    /// Whether step `index` restores an entry of the deployment's own ritual.
    fn is_of_own_ritual(&self, index: u32) -> bool {
        let step = self.spec.policy.step(index);
        !matches!(step, Some(FallbackStep::NamedRitual { .. } | FallbackStep::Substitute { .. }))
    }
}

#[cfg(test)]
mod tests;
