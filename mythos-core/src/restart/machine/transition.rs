//! What each event leads to, once the state says that it counts.

use std::time::Duration;

use super::{Cause, Context, FailedLaunches, Ignored, Machine, Pending, Refusal, StepTimer, is_end};
use crate::restart::{
    Alignment, AlignmentPolicy, Ending, Exit, ExitKind, FailureKind, FallbackStep, GiveUp, Incident,
    Question, QuietSince, Reason, RestartHistory, RestoredEntry, Shutdown, State, StateName, StepResult,
    Stop, Verdict, WindowKind,
};
use crate::types::{MAX_SAFE_INTEGER, OperationId, Timestamp};

/// What was launched: an entry, and how it compared with the codex in force.
type Launched<'a> = (&'a RestoredEntry, Option<&'a Alignment>);

impl Machine {
    pub(super) fn deployed(&mut self, context: &Context<'_>) {
        self.visit(context, StateName::Running);
        self.end_incident(context, Ending::Redeployed);
        self.forget();
        self.notice = None;
        self.count_start(context);
        self.run = self.run.saturating_add(1);
        (self.is_gone, self.was_up) = (false, true);
        self.rest(context, State::Running { since: context.now });
    }

    fn completed(&mut self, context: &Context<'_>) {
        self.visit(context, StateName::Completed);
        self.end_incident(context, Ending::Completed);
        self.rest(context, State::Completed { since: context.now });
    }

    pub(super) fn stopped(&mut self, context: &Context<'_>) {
        self.visit(context, StateName::Stopped);
        self.end_incident(context, Ending::Stopped);
        self.rest(context, State::Stopped);
    }

    pub(super) fn restart_now(&mut self, context: &Context<'_>, reason: Reason, operation: OperationId) {
        self.forget();
        self.notice = None;
        self.count_start(context);
        self.begun_at = Some(context.now);
        match &mut self.incident {
            Some(incident) if incident.is_open() => incident.end_step(StepResult::Interrupted),
            _ => self.open_incident(context, FailureKind::Requested, reason, operation),
        }
        self.begin_path(context);
    }

    pub(super) fn failed(
        &mut self,
        context: &Context<'_>,
        up_since: Timestamp,
        launched: Option<Launched<'_>>,
        (kind, exit, operation): (FailureKind, Exit, OperationId),
    ) {
        self.is_gone = is_end(kind);
        let verdict = context.spec.policy.options().exits.verdict(&exit);
        if verdict == Verdict::Rest {
            self.completed(context);
            return;
        }
        self.forget_if_quiet(context, up_since);
        if let Some(launched) = launched {
            self.count_failed_launch(launched);
        }
        self.open_incident(context, kind, exit.reason, operation);
        self.follow(context, verdict);
    }

    /// What happened before no longer counts if the run that ends was up for long enough.
    fn forget_if_quiet(&mut self, context: &Context<'_>, up_since: Timestamp) {
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
    pub(super) fn not_ready(&mut self, context: &Context<'_>, launched: Launched<'_>, reason: Reason) {
        let exit = Exit::new(ExitKind::Failed, reason);
        let verdict = context.spec.policy.options().exits.verdict(&exit);
        self.launch_failed(context, launched, exit.reason, verdict);
    }

    fn launch_failed(
        &mut self,
        context: &Context<'_>,
        launched: Launched<'_>,
        reason: Reason,
        verdict: Verdict,
    ) {
        self.count_failed_launch(launched);
        self.end_step(StepResult::NotReady { reason });
        self.follow(context, verdict);
    }

    /// A launched assistant failed or ended before it was probed.
    pub(super) fn launch_ended(
        &mut self,
        context: &Context<'_>,
        launched: Launched<'_>,
        kind: FailureKind,
        exit: Exit,
    ) {
        self.is_gone = is_end(kind);
        match context.spec.policy.options().exits.verdict(&exit) {
            Verdict::Rest => {
                self.end_step(StepResult::Completed);
                self.completed(context);
            }
            verdict @ (Verdict::Restart | Verdict::GiveUp) => {
                self.launch_failed(context, launched, exit.reason, verdict);
            }
        }
    }

    /// The end of a run that was reported as failed while it lived: that it completed, or that no restart may follow, is
    /// known only now. Whether it changes anything.
    pub(super) fn ended_after_suspicion(
        &mut self,
        context: &Context<'_>,
        run: Option<u64>,
        exit: &Exit,
    ) -> bool {
        let lived = self.incident.as_ref().is_some_and(|incident| {
            matches!(incident.kind, FailureKind::Stalled | FailureKind::Unhealthy | FailureKind::Unresponsive)
        });
        if run != Some(self.run) || !lived {
            return false;
        }
        let why = match context.spec.policy.options().exits.verdict(exit) {
            Verdict::Restart => return false,
            Verdict::Rest => None,
            Verdict::GiveUp => Some(GiveUp::NotRestarted),
        };
        self.is_gone = true;
        self.end_step(StepResult::Interrupted);
        match why {
            None => self.completed(context),
            Some(why) => self.give_up(context, why),
        }
        true
    }

    fn restart_or_give_up(&mut self, context: &Context<'_>) {
        let options = context.spec.policy.options();
        self.attempts = self.attempts.saturating_add(1);
        let draw = self.generation.saturating_add(1);
        let delay_ms = context.spec.policy.delay_ms(context.deployment, self.attempts, self.delay_ms, draw);
        let delay = Duration::from_millis(delay_ms);
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
        if context.is_member {
            self.wait(context, delay_ms);
        } else {
            self.begin_after(context, delay_ms);
        }
    }

    /// Down, until its group starts it.
    fn wait(&mut self, context: &Context<'_>, delay_ms: u64) {
        self.visit(context, StateName::Waiting);
        self.rest(context, State::Waiting { delay_ms });
    }

    /// Begins the path, after a delay if there is one.
    fn begin_after(&mut self, context: &Context<'_>, delay_ms: u64) {
        if delay_ms == 0 {
            self.begin_path(context);
            return;
        }
        if let Some(incident) = &mut self.incident {
            incident.waited_ms = incident.waited_ms.saturating_add(delay_ms).min(MAX_SAFE_INTEGER);
        }
        self.visit(context, StateName::BackingOff);
        self.generation = self.generation.saturating_add(1);
        let until = context.now.saturating_add(Duration::from_millis(delay_ms));
        self.rest(context, State::BackingOff { until, set_at: context.now, generation: self.generation });
    }

    pub(super) fn begin_path(&mut self, context: &Context<'_>) {
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
        self.set_step_timer(context, context.spec.policy.options().step_deadline_ms);
        if *kind == FallbackStep::Escalate {
            self.ask(context, Question::PathExhausted);
        } else {
            self.visit(context, StateName::Restoring);
            self.issue(context, State::Restoring { step, older_than });
        }
    }

    pub(super) fn next_step(
        &mut self,
        context: &Context<'_>,
        step: u32,
        older_than: Option<u64>,
        result: StepResult,
    ) {
        self.end_step(result);
        self.begin_step(context, step.saturating_add(1), older_than);
    }

    pub(super) fn restored(
        &mut self,
        context: &Context<'_>,
        step: u32,
        older_than: Option<u64>,
        entry: RestoredEntry,
    ) {
        if let Some(incident) = &mut self.incident {
            incident.restored(&entry);
        }
        let older_than = Some(entry.sequence).filter(|_| context.is_of_own_ritual(step)).or(older_than);
        if context.spec.codex.is_some() {
            self.visit(context, StateName::Aligning);
            self.issue(context, State::Aligning { step, older_than, entry });
        } else if self.is_passed_over(context, (&entry, None)) {
            self.next_step(context, step, older_than, StepResult::PassedOver);
        } else {
            self.launch(context, entry, None);
        }
    }

    /// It ran under the codex in force, or is to run under the one that `alignment` says.
    pub(super) fn aligned(
        &mut self,
        context: &Context<'_>,
        step: u32,
        older_than: Option<u64>,
        entry: RestoredEntry,
        alignment: Alignment,
    ) {
        if self.is_passed_over(context, (&entry, Some(&alignment))) {
            self.align(alignment);
            self.next_step(context, step, older_than, StepResult::PassedOver);
        } else {
            self.launch(context, entry, Some(alignment));
        }
    }

    pub(super) fn launch(
        &mut self,
        context: &Context<'_>,
        entry: RestoredEntry,
        alignment: Option<Alignment>,
    ) {
        if let Some(alignment) = &alignment {
            self.align(alignment.clone());
        }
        self.visit(context, StateName::Verifying);
        self.is_gone = false;
        self.run = self.run.saturating_add(1);
        self.generation = self.generation.saturating_add(1);
        let allowed = Duration::from_millis(context.spec.policy.options().probe_deadline_ms);
        let mut deadline = context.now.saturating_add(allowed);
        if let Some(step) = self.step_timer {
            deadline = deadline.min(step.deadline);
        }
        let generation = self.generation;
        self.issue(context, State::Verifying { entry, alignment, deadline, set_at: context.now, generation });
    }

    pub(super) fn ready(
        &mut self,
        context: &Context<'_>,
        entry: RestoredEntry,
        alignment: Option<Alignment>,
    ) {
        self.was_up = true;
        self.end_step(StepResult::Ready);
        self.visit(context, StateName::MythpathReady);
        self.end_incident(context, Ending::Ready);
        self.rest(context, State::MythpathReady { entry, alignment, since: context.now });
    }

    fn ask(&mut self, context: &Context<'_>, question: Question) {
        if let Question::Misaligned { alignment, .. } = &question {
            self.align(alignment.clone());
        }
        self.visit(context, StateName::AwaitingOperator);
        self.set_step_timer(context, context.spec.policy.options().operator_deadline_ms);
        self.issue(context, State::AwaitingOperator { question });
    }

    pub(super) fn misaligned(
        &mut self,
        context: &Context<'_>,
        step: u32,
        older_than: Option<u64>,
        entry: RestoredEntry,
        alignment: Alignment,
    ) {
        if context.spec.policy.step(step) == Some(&FallbackStep::OlderCodex) {
            // Its own log proves that the codex was once as the entry says.
            if alignment.since.is_some() {
                let alignment = Alignment { is_older_codex: true, ..alignment };
                self.aligned(context, step, older_than, entry, alignment);
            } else {
                self.align(alignment);
                self.next_step(context, step, older_than, StepResult::Misaligned);
            }
            return;
        }
        match context.spec.policy.options().alignment {
            AlignmentPolicy::AdoptCurrent => self.aligned(context, step, older_than, entry, alignment),
            AlignmentPolicy::Compatible if alignment.is_compatible => {
                self.aligned(context, step, older_than, entry, alignment);
            }
            // Nobody is asked about what would not be tried again.
            AlignmentPolicy::AskOperator if self.is_passed_over(context, (&entry, Some(&alignment))) => {
                self.aligned(context, step, older_than, entry, alignment);
            }
            AlignmentPolicy::Audited if alignment.is_audited => {
                self.launch(context, entry, Some(alignment));
            }
            AlignmentPolicy::AskOperator => {
                self.ask(context, Question::Misaligned { step, older_than, entry, alignment });
            }
            AlignmentPolicy::SameRoot | AlignmentPolicy::Compatible | AlignmentPolicy::Audited => {
                self.align(alignment);
                self.next_step(context, step, older_than, StepResult::Misaligned);
            }
        }
    }

    /// An operator said yes.
    pub(super) fn approved(&mut self, context: &Context<'_>, question: Question) {
        // What an operator took to decide is not the assistant's delay.
        self.begun_at = Some(context.now);
        match question {
            Question::Misaligned { entry, alignment, .. } => {
                // Nor is it part of what the step may take.
                self.set_step_timer(context, context.spec.policy.options().step_deadline_ms);
                self.launch(context, entry, Some(alignment));
            }
            Question::PathExhausted => {
                self.end_step(StepResult::Approved);
                self.forget();
                self.count_start(context);
                self.begin_path(context);
            }
        }
    }

    /// An operator said no.
    pub(super) fn declined(&mut self, context: &Context<'_>, question: Question) {
        self.begun_at = Some(context.now);
        match question {
            Question::Misaligned { step, older_than, .. } => {
                self.next_step(context, step, older_than, StepResult::Misaligned);
            }
            Question::PathExhausted => {
                self.end_step(StepResult::Declined);
                self.visit(context, StateName::GivenUp);
                self.end_incident(context, Ending::GivenUp);
                // Whoever declined knows: no notice.
                self.notice = None;
                self.rest(context, State::GivenUp { why: GiveUp::Declined });
            }
        }
    }

    /// An operator said nothing in time.
    pub(super) fn not_answered(&mut self, context: &Context<'_>, question: Question) {
        self.begun_at = Some(context.now);
        match question {
            Question::Misaligned { step, older_than, .. } => {
                self.next_step(context, step, older_than, StepResult::TimedOut);
            }
            Question::PathExhausted => {
                self.end_step(StepResult::TimedOut);
                self.give_up(context, GiveUp::PathExhausted);
            }
        }
    }

    fn set_step_timer(&mut self, context: &Context<'_>, allowed_ms: Option<u64>) {
        self.step_timer = allowed_ms.map(|allowed_ms| {
            self.generation = self.generation.saturating_add(1);
            let deadline = context.now.saturating_add(Duration::from_millis(allowed_ms));
            StepTimer { deadline, set_at: context.now, generation: self.generation }
        });
    }

    /// Its group starts it from a state in which nothing is owed.
    pub(super) fn start(&mut self, context: &Context<'_>, state: &State, cause: Cause) {
        match state {
            State::Waiting { delay_ms } => {
                self.need_incident(context, cause);
                self.begin_after(context, *delay_ms);
            }
            _ => {
                if let State::GivenUp { why } = state {
                    self.notice = self.pending.map(|_| *why);
                }
                self.open_incident(context, FailureKind::Group, cause.reason, cause.operation);
                self.begin_path(context);
            }
        }
    }

    /// Its group stops it.
    pub(super) fn stop(
        &mut self,
        context: &Context<'_>,
        state: State,
        cause: Cause,
        (shutdown, for_good): (Shutdown, bool),
    ) -> Result<Option<Ignored>, Refusal> {
        let mut given_up = None;
        let delay_ms = match state {
            State::Stopped | State::Completed { .. } => return self.ignored(state, Ignored::AsOrdered),
            State::GivenUp { .. } if self.is_gone => return self.ignored(state, Ignored::AsOrdered),
            State::Waiting { .. } if self.is_gone && !for_good => {
                return self.ignored(state, Ignored::AsOrdered);
            }
            State::Stopping { stop: before, deadline, set_at, generation } => {
                let stop = Stop { for_good: for_good || before.for_good, ..before };
                self.state = State::Stopping { stop, deadline, set_at, generation };
                return Ok(None);
            }
            State::GivenUp { why } => {
                given_up = Some(why);
                0
            }
            State::Waiting { delay_ms } => delay_ms,
            State::BackingOff { until, set_at, .. } => self.cut_short(context, until, set_at),
            State::Running { since } | State::MythpathReady { since, .. } => {
                self.forget_if_quiet(context, since);
                0
            }
            _ => 0,
        };
        // Of one that was given up, an operator was told of the incident that ended so.
        if given_up.is_none() {
            self.need_incident(context, cause);
        }
        self.end_step(StepResult::Interrupted);
        let is_known = self.pending.is_none();
        let stop = Stop { delay_ms, is_killed: false, for_good, is_requested: false, given_up, is_known };
        if self.is_gone {
            self.gone(context, stop);
        } else {
            self.have_ended(context, stop, shutdown);
        }
        Ok(None)
    }

    /// What is left of a delay in milliseconds, for the next start to wait for.
    fn cut_short(&mut self, context: &Context<'_>, until: Timestamp, set_at: Timestamp) -> u64 {
        // One that was set in the future is due: the clock was set back since.
        let is_set_back = context.now < set_at;
        let left = if is_set_back { Duration::ZERO } else { until.saturating_duration_since(context.now) };
        let left_ms = u64::try_from(left.as_micros().div_ceil(1_000)).unwrap_or(MAX_SAFE_INTEGER);
        if let Some(incident) = &mut self.incident {
            incident.waited_ms = incident.waited_ms.saturating_sub(left_ms);
        }
        left_ms
    }

    /// Someone asked that it rest: at once if nothing of it runs, otherwise once the host has ended it.
    pub(super) fn stop_on_request(
        &mut self,
        context: &Context<'_>,
        state: &State,
        cause: Cause,
        shutdown: Shutdown,
    ) {
        // Whoever asks for that knows where it stood.
        self.notice = None;
        if self.is_gone {
            self.stopped(context);
            return;
        }
        if let State::Running { since } | State::MythpathReady { since, .. } = state {
            self.forget_if_quiet(context, *since);
        }
        if !self.incident.as_ref().is_some_and(Incident::is_open) {
            self.open_incident(context, FailureKind::Requested, cause.reason, cause.operation);
        }
        self.end_step(StepResult::Interrupted);
        let stop = Stop {
            delay_ms: 0,
            is_killed: false,
            for_good: true,
            is_requested: true,
            given_up: None,
            is_known: true,
        };
        self.have_ended(context, stop, shutdown);
    }

    /// Asks the host to end it.
    fn have_ended(&mut self, context: &Context<'_>, stop: Stop, shutdown: Shutdown) {
        let allowed = match shutdown {
            Shutdown::Kill => return self.kill(context, stop),
            Shutdown::Within { milliseconds } => Some(Duration::from_millis(milliseconds)),
            Shutdown::Unlimited => None,
        };
        self.visit(context, StateName::Stopping);
        self.generation = self.generation.saturating_add(1);
        let (set_at, generation) = (context.now, self.generation);
        let deadline = allowed.map(|allowed| context.now.saturating_add(allowed));
        self.issue(context, State::Stopping { stop, deadline, set_at, generation });
    }

    /// Someone wants that it rests once it is down; until then its end is awaited as before.
    pub(super) fn stop_for_good(&mut self, mut state: State) -> Result<Option<Ignored>, Refusal> {
        if let State::Stopping { stop, .. } = &mut state {
            if stop.is_requested {
                return self.ignored(state, Ignored::AlreadyStopped);
            }
            (stop.for_good, stop.is_requested, stop.given_up) = (true, true, None);
            self.notice = None;
        }
        self.state = state;
        Ok(None)
    }

    /// It did not end in time, or is not to be asked.
    pub(super) fn kill(&mut self, context: &Context<'_>, stop: Stop) {
        self.visit(context, StateName::Stopping);
        let (set_at, generation) = (context.now, self.generation);
        let stop = Stop { is_killed: true, ..stop };
        self.issue(context, State::Stopping { stop, deadline: None, set_at, generation });
    }

    /// Nothing of it runs any more, as was asked for.
    pub(super) fn gone(&mut self, context: &Context<'_>, stop: Stop) {
        self.is_gone = true;
        match stop {
            Stop { for_good: false, delay_ms, given_up, is_known, .. } => {
                self.notice = given_up.filter(|_| !is_known).or(self.notice);
                self.wait(context, delay_ms);
            }
            Stop { given_up: Some(why), is_known, .. } => {
                self.give_up(context, why);
                if is_known {
                    self.pending = None;
                }
            }
            Stop { .. } => self.stopped(context),
        }
    }

    pub(super) fn give_up(&mut self, context: &Context<'_>, why: GiveUp) {
        self.visit(context, StateName::GivenUp);
        self.end_incident(context, Ending::GivenUp);
        // That it is down is what matters now; its history tells the rest.
        self.notice = None;
        self.issue(context, State::GivenUp { why });
    }

    /// An operator is told of an end through it, which changes nothing about where it stands.
    pub(super) fn tell(&mut self, context: &Context<'_>, state: State, cause: Cause, why: GiveUp) {
        self.notice = Some(why);
        if self.incident.is_none() {
            // Effects belong to an incident.
            self.open_incident(context, FailureKind::Group, cause.reason, cause.operation);
            self.end_incident(context, Ending::Stopped);
        }
        self.rest(context, state);
    }

    /// Enters a state that waits for the answer to a new effect.
    fn issue(&mut self, context: &Context<'_>, state: State) {
        self.effects = self.effects.saturating_add(1);
        self.pending = Some(Pending { number: self.effects, issued_at: context.now });
        self.state = state;
    }

    /// Enters a state that waits for no answer. If a notice was overtaken before an operator took it, it follows now.
    pub(super) fn rest(&mut self, context: &Context<'_>, state: State) {
        if self.notice.is_some() {
            self.issue(context, state);
        } else {
            self.pending = None;
            self.state = state;
        }
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

    /// Whether launches of the same under the same codex failed too often.
    fn is_passed_over(&self, context: &Context<'_>, launched: Launched<'_>) -> bool {
        let most = context.spec.policy.options().launches_per_entry;
        self.failed_launches.iter().any(|failed| failed.is_of(launched) && failed.count >= most)
    }

    fn count_failed_launch(&mut self, launched: Launched<'_>) {
        if let Some(failed) = self.failed_launches.iter_mut().find(|failed| failed.is_of(launched)) {
            failed.count = failed.count.saturating_add(1);
            return;
        }
        if self.failed_launches.len() == Self::MAX_FAILED_ENTRIES {
            self.failed_launches.remove(0);
        }
        let (entry, alignment) = launched;
        let root = alignment.map(Alignment::root_to_run_under);
        self.failed_launches.push(FailedLaunches { entry: entry.entry, root, count: 1 });
    }

    fn open_incident(
        &mut self,
        context: &Context<'_>,
        kind: FailureKind,
        reason: Reason,
        operation: OperationId,
    ) {
        let before = self.incident.take();
        let (mut number, mut opened_at) = (1, context.now);
        if let Some(before) = &before {
            number = before.number.saturating_add(1);
            // The history is listed by time, and keeps its order also when the clock was set back in between.
            opened_at = opened_at.max(before.opened_at.saturating_add(Duration::from_micros(1)));
        }
        self.begun_at = Some(context.now);
        let incident = Incident::open(number, kind, reason, operation, opened_at);
        self.incident = Some(incident.in_room_of(before));
    }

    /// What its group does to it is told in an incident, and effects belong to one.
    pub(super) fn need_incident(&mut self, context: &Context<'_>, cause: Cause) {
        if !self.incident.as_ref().is_some_and(Incident::is_open) {
            self.open_incident(context, FailureKind::Group, cause.reason, cause.operation);
        }
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

impl FailedLaunches {
    fn is_of(&self, (entry, alignment): Launched<'_>) -> bool {
        self.entry == entry.entry && self.root == alignment.map(Alignment::root_to_run_under)
    }
}
