use std::mem;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Action, Alignment, AlignmentPolicy, DeploymentSpec, Ending, Escalation, Exit, ExitKind, ExitRules,
    FailureKind, FallbackStep, GiveUp, Incident, Question, QuietSince, Reason, RestartHistory, RestartPolicy,
    RestoredEntry, State, StateName, StepResult, Verdict, Which, WindowKind,
};
use crate::types::{EntryId, MAX_SAFE_INTEGER, OperationId, RecordId, Timestamp, Version};

/// The machine of one deployment: its state, and what its next decisions depend on.
///
/// It is a value: one function takes it, an event and the time, and gives the next value; nothing else changes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Failed launches by the entry they were made from, oldest entry first.
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
}

/// An effect that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) number: u64,
    pub(super) issued_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct FailedLaunches {
    entry: EntryId,
    count: u32,
}

/// What a decision depends on beside the machine and the event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) deployment: &'a RecordId,
    pub(super) spec: &'a DeploymentSpec,
    pub(super) now: Timestamp,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// The host launched the assistant itself, as the context's spec says.
    Deployed,
    /// Run `run` failed; `None` stands for the current one.
    Failed { run: Option<u64>, kind: FailureKind, reason: Reason, operation: OperationId },
    /// Run `run` ended; `None` stands for the current one.
    Exited { run: Option<u64>, exit: Exit, operation: OperationId },
    /// A timer fired.
    TimerFired { generation: u64 },
    /// An effect was answered.
    Answered { number: u64, answer: Answer },
    /// The deployment is to rest.
    StopRequested,
    /// It is to be restarted at once, and what happened before no longer counts.
    RestartRequested { reason: Reason, operation: OperationId },
}

/// What came of an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// An entry was restored and verified.
    Restored(RestoredEntry),
    /// There is no such entry, or none that verifies; `sequence` is that of the newest one that failed.
    NotRestored { sequence: Option<u64>, reason: Reason },
    /// The entry ran under the proven codex in force.
    Aligned(Alignment),
    /// It ran under another one.
    Misaligned(Alignment),
    /// The codex in force cannot be proven.
    NotAligned { reason: Reason },
    /// The probe passed.
    Ready,
    /// The launch or its probe failed.
    NotReady { reason: Reason },
    /// An operator says yes.
    Approved,
    /// An operator says no.
    Declined,
    /// An operator knows.
    Acknowledged,
}

/// What an event led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The machine after it.
    Moved(Box<Machine>),
    /// Nothing, which is as it should be.
    Ignored(Ignored),
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
    /// It is stopped already.
    AlreadyStopped,
    /// The effect was answered before, or overtaken by another decision.
    AlreadyAnswered,
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

    /// The number of the current run: every launch, by the host's deployment or for a probe, is the next one.
    #[must_use]
    pub const fn run(&self) -> u64 {
        self.run
    }

    pub(super) const fn pending(&self) -> Option<Pending> {
        self.pending
    }

    /// How many effects were issued.
    pub(super) const fn effects(&self) -> u64 {
        self.effects
    }

    /// What the pending effect asks for.
    pub(super) fn action(&self, spec: &DeploymentSpec) -> Option<Action> {
        self.pending?;
        match &self.state {
            State::Restoring { step, older_than } => {
                let (ritual, which) = match spec.policy.step(*step)? {
                    FallbackStep::Latest => (spec.ritual.clone(), Which::Latest),
                    FallbackStep::OlderEntry => {
                        (spec.ritual.clone(), Which::OlderThan { sequence: *older_than })
                    }
                    FallbackStep::NamedRitual { ritual } => (ritual.clone(), Which::Latest),
                    FallbackStep::Escalate => return None,
                };
                Some(Action::Restore { ritual, which })
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
            State::Verifying { entry, deadline, .. } => {
                Some(Action::Probe { entry: entry.clone(), deadline: *deadline })
            }
            State::GivenUp { why } => {
                Some(Action::Escalate { escalation: Escalation::GivenUp { why: *why } })
            }
            State::Running { .. }
            | State::BackingOff { .. }
            | State::MythpathReady { .. }
            | State::Completed { .. }
            | State::Stopped => None,
        }
    }

    /// Takes one event. This is the specification of the machine.
    pub(super) fn step(mut self, context: &Context<'_>, event: Event) -> Result<Step, Refusal> {
        use {Answer as A, Event as E, State as S};

        // Events name what they are about, so that those that come late or twice are recognised in every state.
        match &event {
            E::Answered { number, .. } if self.pending.is_none_or(|pending| pending.number != *number) => {
                let issued = (1..=self.effects).contains(number);
                return if issued { ignored(Ignored::AlreadyAnswered) } else { Err(Refusal::NeverIssued) };
            }
            E::Failed { run: Some(run), .. } | E::Exited { run: Some(run), .. } if *run != self.run => {
                let launched = (1..=self.run).contains(run);
                return if launched { ignored(Ignored::StaleRun) } else { Err(Refusal::NeverLaunched) };
            }
            _ => {}
        }

        if let Some(verdict) = self.belated(&event, context) {
            self.exited_belatedly(context, verdict);
            return Ok(Step::Moved(Box::new(self)));
        }
        let (event, verdict) = event.judged(&context.spec.policy.options().exits);
        if matches!(event, E::Answered { answer: A::Approved | A::Declined, .. }) {
            // What an operator took to decide is not the assistant's delay.
            self.begun_at = Some(context.now);
        }
        let state = mem::replace(&mut self.state, S::Stopped);
        match (state, event) {
            // What the host asks for goes before everything else.
            (_, E::Deployed) => self.deployed(context),
            (S::Stopped, E::StopRequested) => return ignored(Ignored::AlreadyStopped),
            (_, E::StopRequested) => self.stopped(context),
            (_, E::RestartRequested { reason, operation }) => self.restart_now(context, reason, operation),

            // A failure.
            (S::Running { since }, E::Failed { kind, reason, operation, .. }) => {
                self.failed(context, since, None, verdict, (kind, reason, operation));
            }
            (S::MythpathReady { since, entry, .. }, E::Failed { kind, reason, operation, .. }) => {
                self.failed(context, since, Some(&entry), verdict, (kind, reason, operation));
            }
            (S::Verifying { entry, .. }, E::Failed { reason, .. }) => match verdict {
                Verdict::Rest => {
                    self.end_step(StepResult::Completed);
                    self.completed(context);
                }
                Verdict::Restart | Verdict::GiveUp => self.launch_failed(context, &entry, reason, verdict),
            },
            (
                S::BackingOff { .. }
                | S::Restoring { .. }
                | S::Aligning { .. }
                | S::AwaitingOperator { .. }
                | S::GivenUp { .. }
                | S::Completed { .. }
                | S::Stopped,
                E::Failed { .. } | E::Exited { .. },
            )
            // An exit was judged, and is a failure by now.
            | (_, E::Exited { .. }) => return ignored(Ignored::NothingRuns),

            // A timer.
            (
                ref state @ (S::BackingOff { generation, .. } | S::Verifying { generation, .. }),
                E::TimerFired { generation: fired },
            ) if generation == fired && !state.is_timer_due(context.now) => return ignored(Ignored::NotDue),
            (S::BackingOff { generation, .. }, E::TimerFired { generation: fired })
                if generation == fired =>
            {
                self.begin_path(context);
            }
            (S::Verifying { entry, generation, .. }, E::TimerFired { generation: fired })
                if generation == fired =>
            {
                self.not_ready(context, &entry, Reason::shortened("the probe was not answered in time"));
            }
            (_, E::TimerFired { .. }) => return ignored(Ignored::StaleTimer),

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
            (S::Aligning { entry, .. }, E::Answered { answer: A::Aligned(alignment), .. }) => {
                self.launch(context, entry, Some(alignment));
            }
            (
                S::Aligning { step, older_than, entry },
                E::Answered { answer: A::Misaligned(alignment), .. },
            ) => match context.spec.policy.options().alignment {
                AlignmentPolicy::AdoptCurrent => self.launch(context, entry, Some(alignment)),
                AlignmentPolicy::Compatible if alignment.is_compatible => {
                    self.launch(context, entry, Some(alignment));
                }
                AlignmentPolicy::AskOperator => {
                    self.ask(context, Question::Misaligned { step, older_than, entry, alignment });
                }
                AlignmentPolicy::SameRoot | AlignmentPolicy::Compatible => {
                    self.align(alignment);
                    self.next_step(context, step, older_than, StepResult::Misaligned);
                }
            },
            (S::Aligning { step, older_than, .. }, E::Answered { answer: A::NotAligned { reason }, .. }) => {
                self.next_step(context, step, older_than, StepResult::NotAligned { reason });
            }

            // The answer to a question.
            (
                S::AwaitingOperator { question: Question::Misaligned { entry, alignment, .. } },
                E::Answered { answer: A::Approved, .. },
            ) => self.launch(context, entry, Some(alignment)),
            (
                S::AwaitingOperator { question: Question::Misaligned { step, older_than, .. } },
                E::Answered { answer: A::Declined, .. },
            ) => self.next_step(context, step, older_than, StepResult::Misaligned),
            (
                S::AwaitingOperator { question: Question::PathExhausted },
                E::Answered { answer: A::Approved, .. },
            ) => self.try_again(context),
            (
                S::AwaitingOperator { question: Question::PathExhausted },
                E::Answered { answer: A::Declined, .. },
            ) => self.declined(context),

            // The answer to Probe.
            (S::Verifying { entry, alignment, .. }, E::Answered { answer: A::Ready, .. }) => {
                self.ready(context, entry, alignment);
            }
            (S::Verifying { entry, .. }, E::Answered { answer: A::NotReady { reason }, .. }) => {
                self.not_ready(context, &entry, reason);
            }

            // The answer to a notice.
            (S::GivenUp { why }, E::Answered { answer: A::Acknowledged, .. }) => {
                self.state = S::GivenUp { why };
                self.pending = None;
            }

            (_, E::Answered { .. }) => return Err(Refusal::WrongAnswer),
        }
        Ok(Step::Moved(Box::new(self)))
    }

    fn deployed(&mut self, context: &Context<'_>) {
        self.visit(context, StateName::Running);
        self.end_incident(context, Ending::Redeployed);
        self.forget();
        self.count_start(context);
        self.run = self.run.saturating_add(1);
        self.rest(State::Running { since: context.now });
    }

    fn completed(&mut self, context: &Context<'_>) {
        self.visit(context, StateName::Completed);
        self.end_incident(context, Ending::Completed);
        self.rest(State::Completed { since: context.now });
    }

    fn stopped(&mut self, context: &Context<'_>) {
        self.visit(context, StateName::Stopped);
        self.end_incident(context, Ending::Stopped);
        self.rest(State::Stopped);
    }

    fn restart_now(&mut self, context: &Context<'_>, reason: Reason, operation: OperationId) {
        self.forget();
        self.count_start(context);
        self.begun_at = Some(context.now);
        match &mut self.incident {
            Some(incident) if incident.is_open() => incident.end_step(StepResult::Interrupted),
            _ => self.open_incident(context, FailureKind::Requested, reason, operation),
        }
        self.begin_path(context);
    }

    fn failed(
        &mut self,
        context: &Context<'_>,
        up_since: Timestamp,
        entry: Option<&RestoredEntry>,
        verdict: Verdict,
        (kind, reason, operation): (FailureKind, Reason, OperationId),
    ) {
        if verdict == Verdict::Rest {
            self.completed(context);
            return;
        }
        let options = context.spec.policy.options();
        let quiet_since = match options.quiet_since {
            QuietSince::Up => up_since,
            QuietSince::LastFailure => self.failed_at.unwrap_or(up_since),
        };
        let quiet = context.now.saturating_duration_since(quiet_since).as_millis();
        let set_back = context.now < quiet_since;
        let is_quiet = match options.quiet_since {
            QuietSince::Up => quiet >= u128::from(options.quiet_period_ms),
            QuietSince::LastFailure => quiet > u128::from(options.quiet_period_ms),
        };
        if set_back || is_quiet {
            self.forget();
        }
        if let Some(entry) = entry {
            self.count_failed_launch(entry);
        }
        self.open_incident(context, kind, reason, operation);
        self.follow(context, verdict);
    }

    /// After something went wrong.
    fn follow(&mut self, context: &Context<'_>, verdict: Verdict) {
        self.visit(context, StateName::Failed);
        self.failed_at = Some(context.now);
        match verdict {
            Verdict::GiveUp => self.give_up(context, GiveUp::NotRestarted),
            Verdict::Restart | Verdict::Rest => self.restart_or_give_up(context),
        }
    }

    /// A launch that did not become ready is judged as a failure that the host reports.
    fn not_ready(&mut self, context: &Context<'_>, entry: &RestoredEntry, reason: Reason) {
        let exit = Exit::new(ExitKind::Failed, reason);
        let verdict = context.spec.policy.options().exits.verdict(&exit);
        self.launch_failed(context, entry, exit.reason, verdict);
    }

    fn launch_failed(
        &mut self,
        context: &Context<'_>,
        entry: &RestoredEntry,
        reason: Reason,
        verdict: Verdict,
    ) {
        self.count_failed_launch(entry);
        self.end_step(StepResult::NotReady { reason });
        self.follow(context, verdict);
    }

    /// What the rules say of the exit of a run that was reported as failed while it lived: that it completed, or that no
    /// restart may follow, is known only now. `None` if it changes nothing.
    fn belated(&self, event: &Event, context: &Context<'_>) -> Option<Verdict> {
        let Event::Exited { run, exit, .. } = event else { return None };
        let waits = matches!(
            self.state,
            State::BackingOff { .. }
                | State::Restoring { .. }
                | State::Aligning { .. }
                | State::AwaitingOperator { .. }
        );
        let lived = self.incident.as_ref().is_some_and(|incident| {
            matches!(incident.kind, FailureKind::Stalled | FailureKind::Unhealthy | FailureKind::Unresponsive)
        });
        let verdict = context.spec.policy.options().exits.verdict(exit);
        Some(verdict)
            .filter(|verdict| *run == Some(self.run) && waits && lived && *verdict != Verdict::Restart)
    }

    fn exited_belatedly(&mut self, context: &Context<'_>, verdict: Verdict) {
        self.end_step(StepResult::Interrupted);
        if verdict == Verdict::Rest {
            self.completed(context);
        } else {
            self.give_up(context, GiveUp::NotRestarted);
        }
    }

    fn restart_or_give_up(&mut self, context: &Context<'_>) {
        let options = context.spec.policy.options();
        self.attempts = self.attempts.saturating_add(1);
        let generation = self.generation.saturating_add(1);
        let delay = context.spec.policy.delay(context.deployment, self.attempts, self.delay_ms, generation);
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.delay_ms = delay_ms;
        let counted_at = match options.window.kind {
            WindowKind::Sliding => context.now,
            WindowKind::Tumbling => context.now.saturating_add(delay),
        };
        if !self.history.admit(&options.window, counted_at) {
            self.give_up(context, GiveUp::WindowExceeded);
            return;
        }
        if options.max_retries.is_some_and(|most| self.attempts > u64::from(most)) {
            self.give_up(context, GiveUp::RetriesExhausted);
            return;
        }
        if self.is_past_deadline(context, delay) {
            self.give_up(context, GiveUp::DeadlineExceeded);
            return;
        }
        if delay.is_zero() {
            self.begin_path(context);
            return;
        }
        if let Some(incident) = &mut self.incident {
            incident.waited_ms = incident.waited_ms.saturating_add(delay_ms).min(MAX_SAFE_INTEGER);
        }
        self.visit(context, StateName::BackingOff);
        self.generation = generation;
        let until = context.now.saturating_add(delay);
        self.rest(State::BackingOff { until, set_at: context.now, generation });
    }

    fn begin_path(&mut self, context: &Context<'_>) {
        if let Some(incident) = &mut self.incident {
            incident.restarts = incident.restarts.saturating_add(1);
        }
        self.begin_step(context, 0, None);
    }

    /// Whether what begins after `delay` begins too late.
    fn is_past_deadline(&mut self, context: &Context<'_>, delay: Duration) -> bool {
        let Some(deadline_ms) = context.spec.policy.options().deadline_ms else { return false };
        // If the clock was set back since, how long ago it began cannot be told: it counts from now on.
        let begun_at = self.begun_at.unwrap_or(context.now).min(context.now);
        self.begun_at = Some(begun_at);
        context.now.saturating_add(delay) > begun_at.saturating_add(Duration::from_millis(deadline_ms))
    }

    fn begin_step(&mut self, context: &Context<'_>, step: u32, older_than: Option<u64>) {
        let Some(kind) = context.spec.policy.step(step) else {
            self.give_up(context, GiveUp::PathExhausted);
            return;
        };
        // The first step was decided together with its delay, and an operator is asked at any time.
        let is_bound = step > 0 && *kind != FallbackStep::Escalate;
        if is_bound && self.is_past_deadline(context, Duration::ZERO) {
            self.give_up(context, GiveUp::DeadlineExceeded);
            return;
        }
        if let Some(incident) = &mut self.incident {
            incident.begin_step(kind.clone());
        }
        if *kind == FallbackStep::Escalate {
            self.ask(context, Question::PathExhausted);
        } else {
            self.visit(context, StateName::Restoring);
            self.issue(context, State::Restoring { step, older_than });
        }
    }

    fn next_step(&mut self, context: &Context<'_>, step: u32, older_than: Option<u64>, result: StepResult) {
        self.end_step(result);
        self.begin_step(context, step.saturating_add(1), older_than);
    }

    fn restored(&mut self, context: &Context<'_>, step: u32, older_than: Option<u64>, entry: RestoredEntry) {
        if let Some(incident) = &mut self.incident {
            incident.restored(&entry);
        }
        let older_than = Some(entry.sequence).filter(|_| context.is_of_own_ritual(step)).or(older_than);
        let failed = self.failed_launches.iter().find(|failed| failed.entry == entry.entry);
        if failed.is_some_and(|failed| failed.count >= context.spec.policy.options().launches_per_entry) {
            self.next_step(context, step, older_than, StepResult::PassedOver);
        } else if context.spec.codex.is_some() {
            self.visit(context, StateName::Aligning);
            self.issue(context, State::Aligning { step, older_than, entry });
        } else {
            self.launch(context, entry, None);
        }
    }

    fn launch(&mut self, context: &Context<'_>, entry: RestoredEntry, alignment: Option<Alignment>) {
        if let Some(alignment) = &alignment {
            self.align(alignment.clone());
        }
        self.visit(context, StateName::Verifying);
        self.run = self.run.saturating_add(1);
        self.generation = self.generation.saturating_add(1);
        let allowed = Duration::from_millis(context.spec.policy.options().probe_deadline_ms);
        let deadline = context.now.saturating_add(allowed);
        let generation = self.generation;
        self.issue(context, State::Verifying { entry, alignment, deadline, set_at: context.now, generation });
    }

    fn ready(&mut self, context: &Context<'_>, entry: RestoredEntry, alignment: Option<Alignment>) {
        self.end_step(StepResult::Ready);
        self.visit(context, StateName::MythpathReady);
        self.end_incident(context, Ending::Ready);
        self.rest(State::MythpathReady { entry, alignment, since: context.now });
    }

    fn ask(&mut self, context: &Context<'_>, question: Question) {
        if let Question::Misaligned { alignment, .. } = &question {
            self.align(alignment.clone());
        }
        self.visit(context, StateName::AwaitingOperator);
        self.issue(context, State::AwaitingOperator { question });
    }

    fn try_again(&mut self, context: &Context<'_>) {
        self.end_step(StepResult::Approved);
        self.forget();
        self.count_start(context);
        self.begun_at = Some(context.now);
        self.begin_path(context);
    }

    fn declined(&mut self, context: &Context<'_>) {
        self.end_step(StepResult::Declined);
        self.visit(context, StateName::GivenUp);
        self.end_incident(context, Ending::GivenUp);
        // Whoever declined knows: no notice.
        self.rest(State::GivenUp { why: GiveUp::Declined });
    }

    fn give_up(&mut self, context: &Context<'_>, why: GiveUp) {
        self.visit(context, StateName::GivenUp);
        self.end_incident(context, Ending::GivenUp);
        self.issue(context, State::GivenUp { why });
    }

    /// Enters a state that waits for the answer to a new effect.
    fn issue(&mut self, context: &Context<'_>, state: State) {
        self.effects = self.effects.saturating_add(1);
        self.pending = Some(Pending { number: self.effects, issued_at: context.now });
        self.state = state;
    }

    /// Enters a state that waits for no answer.
    fn rest(&mut self, state: State) {
        self.pending = None;
        self.state = state;
    }

    /// From here on, what happened before no longer counts.
    fn forget(&mut self) {
        self.history = RestartHistory::default();
        self.attempts = 0;
        self.delay_ms = 0;
        self.failed_at = None;
        self.failed_launches.clear();
    }

    /// A start that was asked for counts where starts are counted.
    fn count_start(&mut self, context: &Context<'_>) {
        let window = &context.spec.policy.options().window;
        if window.kind == WindowKind::Tumbling {
            self.history.admit(window, context.now);
        }
    }

    fn count_failed_launch(&mut self, entry: &RestoredEntry) {
        if let Some(failed) = self.failed_launches.iter_mut().find(|failed| failed.entry == entry.entry) {
            failed.count = failed.count.saturating_add(1);
            return;
        }
        if self.failed_launches.len() == Self::MAX_FAILED_ENTRIES {
            self.failed_launches.remove(0);
        }
        self.failed_launches.push(FailedLaunches { entry: entry.entry, count: 1 });
    }

    fn open_incident(
        &mut self,
        context: &Context<'_>,
        kind: FailureKind,
        reason: Reason,
        operation: OperationId,
    ) {
        let (mut number, mut opened_at) = (1, context.now);
        if let Some(before) = &self.incident {
            number = before.number.saturating_add(1);
            // The history is listed by time, and keeps its order also when the clock was set back in between.
            opened_at = opened_at.max(before.opened_at.saturating_add(Duration::from_micros(1)));
        }
        self.begun_at = Some(context.now);
        self.incident = Some(Incident::open(number, kind, reason, operation, opened_at));
    }

    fn end_incident(&mut self, context: &Context<'_>, ending: Ending) {
        if let Some(incident) = self.incident.as_mut().filter(|incident| incident.is_open()) {
            incident.end(ending, context.now);
        }
    }

    fn end_step(&mut self, result: StepResult) {
        if let Some(incident) = &mut self.incident {
            incident.end_step(result);
        }
    }

    fn align(&mut self, alignment: Alignment) {
        if let Some(incident) = &mut self.incident {
            incident.alignment = Some(alignment);
        }
    }

    fn visit(&mut self, context: &Context<'_>, state: StateName) {
        if let Some(incident) = self.incident.as_mut().filter(|incident| incident.is_open()) {
            incident.visit(state, context.now);
        }
    }
}

const _: () = {
    let steps = RestartPolicy::MAX_FALLBACK_STEPS as u64 + 1;
    assert!(2 * steps + 1 < Machine::MAX_EFFECTS_PER_COMMIT, "a walk of the longest path issues fewer");
};

impl Context<'_> {
    /// Whether step `index` restores an entry of the deployment's own ritual.
    fn is_of_own_ritual(&self, index: u32) -> bool {
        !matches!(self.spec.policy.step(index), Some(FallbackStep::NamedRitual { .. }))
    }
}

impl Event {
    /// An exit as the failure that it is, and what follows the end of a run.
    fn judged(self, rules: &ExitRules) -> (Self, Verdict) {
        match self {
            Self::Exited { run, exit, operation } => {
                let verdict = rules.verdict(&exit);
                let kind = if exit.kind.is_clean() { FailureKind::Ended } else { FailureKind::Crashed };
                (Self::Failed { run, kind, reason: exit.reason, operation }, verdict)
            }
            Self::Failed { run, kind, reason, operation } => {
                let exit = Exit::new(ExitKind::Failed, reason);
                let verdict = rules.verdict(&exit);
                (Self::Failed { run, kind, reason: exit.reason, operation }, verdict)
            }
            other => (other, Verdict::Restart),
        }
    }
}

const fn ignored(why: Ignored) -> Result<Step, Refusal> {
    Ok(Step::Ignored(why))
}

#[cfg(test)]
mod tests;
