//! What happens to one target: each function takes what happened and the time, and changes the target's state.

use std::time::Duration;

use super::budget::Counted;
use super::target::{RuleState, TargetState};
use super::{
    Attempt, AttemptOutcome, Cause, EffectId, Ending, FLAPPING_PERCENT, HealingName, HealingProtocol,
    HealingRule, HealthDelta, Incident, Observation, Outcome, Phase, Readings, ScoreTerm, Trigger,
    Unresolved,
};
use crate::error::{Error, Result};
use crate::types::Timestamp;

/// What a transition depends on beside the target and what happened, and where incidents go that it ends.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) protocol: &'a HealingProtocol,
    pub(super) now: Timestamp,
    pub(super) ended: &'a mut Vec<Incident>,
}

/// The most moments that are remembered of one target. Its budgets admit fewer within their longest period; more come
/// together only when a clock is set back again and again.
const MAX_COUNTED: usize = 1_000;

impl TargetState {
    /// Takes an observation; whether it told anything new.
    pub(super) fn observe(&mut self, context: &mut Context<'_>, observation: &Observation) -> bool {
        let at = observation.at.min(context.now);
        // What is known from the future is known from a wrong clock.
        if at <= self.observed_at && self.observed_at <= context.now {
            return false;
        }
        self.target = observation.target.clone();
        self.observed_at = at;
        self.readings = observation.readings.clone();
        self.is_retired = false;
        let options = context.protocol.options();
        let (flapping, plain): (Vec<_>, Vec<_>) =
            options.rules.iter().partition(|rule| rule.options().trigger == Trigger::Flapping);
        let mut percent: f64 = 0.0;
        for rule in &plain {
            let state = self.rules.entry(rule.name().clone()).or_default();
            // A reading that is missing tells nothing: the rule's state stays what it was.
            if let Some(is_ill) = judge(rule, state.is_ill, &self.readings) {
                state.is_ill = is_ill;
                state.flaps.push(is_ill, &options.flapping);
            }
            percent = percent.max(state.flaps.percent());
        }
        self.readings.insert(HealingName::of(FLAPPING_PERCENT), percent);
        for rule in &flapping {
            let state = self.rules.entry(rule.name().clone()).or_default();
            if let Some(is_ill) = judge(rule, state.is_ill, &self.readings) {
                state.is_ill = is_ill;
            }
        }
        for rule in plain.into_iter().chain(flapping) {
            self.take_up(context, rule, at);
        }
        true
    }

    /// Opens, measures or ends the incident of one rule upon new readings.
    fn take_up(&mut self, context: &mut Context<'_>, rule: &HealingRule, at: Timestamp) {
        let Some(state) = self.rules.get_mut(rule.name()) else { return };
        let options = rule.options();
        let mut incident = match state.incident.take() {
            Some(incident) => incident,
            None if !state.is_ill => return,
            None => {
                let Some(value) = self.readings.get(&options.threshold.reading) else { return };
                self.incidents = self.incidents.saturating_add(1);
                Incident {
                    number: self.incidents,
                    rule: rule.name().clone(),
                    trigger: options.trigger.clone(),
                    target: self.target.clone(),
                    opened_at: context.now,
                    cause: Cause { value: *value, threshold: options.threshold.clone() },
                    phase: Phase::Waiting,
                    step: 0,
                    tries: 0,
                    attempts: Vec::new(),
                    ending: None,
                    ended_at: None,
                }
            }
        };
        match incident.phase {
            Phase::Settling { settled_at, .. } if at >= settled_at => {
                measure(&mut incident, rule, &self.readings);
                let is_reversible = incident.last().is_some_and(|last| {
                    last.made_worse && last.outcome == Some(AttemptOutcome::Done { reversible: true })
                });
                if is_reversible && state.is_ill {
                    incident.phase = Phase::RollbackDue;
                    state.incident = Some(incident);
                } else {
                    state.go_on(context, rule, incident);
                }
            }
            // What the host is carrying out, and what it did, is waited for: otherwise nothing would tell whether it helped.
            Phase::Settling { .. } | Phase::RollingBack { .. } => state.incident = Some(incident),
            Phase::InFlight { .. } if !incident.awaits_approval() => state.incident = Some(incident),
            _ if !state.is_ill => incident.end(Ending::Healthy, context),
            _ => state.incident = Some(incident),
        }
    }

    /// Whether a timer of an incident is due.
    ///
    /// One that was set in the future is: the clock was set back since, so that how long it waited cannot be told.
    pub(super) fn has_due_timer(&self, now: Timestamp) -> bool {
        self.open().any(|incident| is_due(incident, now))
    }

    /// Lets the timers fire that are due.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        for state in self.rules.values_mut() {
            let Some(mut incident) = state.incident.take_if(|incident| is_due(incident, context.now)) else {
                continue;
            };
            let now = context.now;
            let phase = incident.phase;
            if let Some(last) = incident.attempts.last_mut() {
                match phase {
                    Phase::InFlight { .. } => last.answer(AttemptOutcome::TimedOut, now),
                    Phase::Settling { .. } => last.unresolved(Unresolved::NoReading),
                    Phase::RollingBack { .. } => last.rolled_back = Some(false),
                    Phase::Waiting | Phase::RollbackDue | Phase::Exhausted => {}
                }
            }
            state.go_on_by_name(context, incident);
        }
    }

    /// Begins the next action of a rule's incident, which is waiting for it.
    pub(super) fn begin(&mut self, context: &Context<'_>, rule: &HealingRule) {
        let now = context.now;
        let Some(state) = self.rules.get_mut(rule.name()) else { return };
        let Some(incident) = &mut state.incident else { return };
        let Some(step) = rule.step(incident.step) else { return };
        incident.tries = incident.tries.saturating_add(1);
        let number = incident.attempts.len() as u32 + 1;
        incident.attempts.push(Attempt {
            number,
            step: incident.step,
            action: step.action.clone(),
            issued_at: now,
            answered_at: None,
            outcome: None,
            before: ScoreTerm::score(&rule.options().score, &self.readings),
            after: None,
            symbolic_health_delta: HealthDelta::Unresolved { why: Unresolved::NotSettled },
            made_worse: false,
            rolled_back: None,
        });
        let deadline = now.saturating_add(Duration::from_millis(step.deadline_ms));
        let deadline = (!step.action.awaits_approval()).then_some(deadline);
        incident.phase = Phase::InFlight { since: now, deadline };
        state.acted_at = Some(now);
        let budgets = &context.protocol.options().budgets;
        self.counted.retain(|counted| !budgets.has_expired(counted.at, now));
        let surplus = (self.counted.len() + 1).saturating_sub(MAX_COUNTED);
        self.counted.drain(..surplus);
        let (node, zone) = (self.target.node.clone(), self.target.zone.clone());
        self.counted.push(Counted { at: now, node, zone });
    }

    /// Begins to undo the last action of a rule's incident.
    pub(super) fn roll_back(&mut self, now: Timestamp, rule: &HealingRule) {
        let incident = self.rules.get_mut(rule.name()).and_then(|state| state.incident.as_mut());
        let Some(incident) = incident else { return };
        // The step may be gone from a ladder that was changed since.
        let deadline_ms =
            incident.last().and_then(|last| rule.step(last.step)).map_or(0, |step| step.deadline_ms);
        let deadline = now.saturating_add(Duration::from_millis(deadline_ms.max(MIN_ROLLBACK_MS)));
        incident.phase = Phase::RollingBack { since: now, deadline };
    }

    /// Takes the host's answer; whether it changed anything.
    pub(super) fn answer(
        &mut self,
        context: &mut Context<'_>,
        id: &EffectId,
        outcome: &Outcome,
    ) -> Result<bool> {
        let never = || Error::invalid("effect", format!("{} was never asked for that", id.assistant));
        if !(1..=self.incidents).contains(&id.incident) || id.attempt == 0 {
            return Err(never());
        }
        let Some(state) = self.rules.get_mut(&id.rule) else { return Ok(false) };
        let Some(mut incident) = state.incident.take_if(|incident| incident.number == id.incident) else {
            return Ok(false);
        };
        if id.attempt as usize > incident.attempts.len() {
            state.incident = Some(incident);
            return Err(never());
        }
        let is_last = incident.last().is_some_and(|last| last.number == id.attempt);
        let answered = match incident.phase {
            Phase::InFlight { .. } if is_last && !id.rollback => {
                incident.take_answer(context, outcome).map(|()| true)
            }
            Phase::RollingBack { .. } if is_last && id.rollback => {
                incident.take_rollback_answer(outcome).map(|()| true)
            }
            _ => Ok(false),
        };
        // Settling goes on by readings; everything else goes on at once.
        match (&answered, incident.phase) {
            (Ok(true), Phase::InFlight { .. } | Phase::RollingBack { .. }) => {
                state.go_on_by_name(context, incident);
            }
            _ => state.incident = Some(incident),
        }
        answered
    }

    /// Takes the target out: its incidents end, and it is ill by no rule.
    pub(super) fn retire(&mut self, context: &mut Context<'_>) {
        self.is_retired = true;
        for state in self.rules.values_mut() {
            state.is_ill = false;
            if let Some(incident) = state.incident.take() {
                incident.end(Ending::Retired, context);
            }
        }
    }

    /// Comes under another protocol: what it has no rule for is over.
    pub(super) fn adopt(&mut self, context: &mut Context<'_>) {
        let protocol = context.protocol;
        self.rules.retain(|name, state| {
            let is_known = protocol.rule(name).is_some();
            if let Some(incident) = state.incident.take_if(|_| !is_known) {
                incident.end(Ending::RuleRemoved, context);
            }
            is_known
        });
    }
}

/// A rollback is given at least so long, in milliseconds, whatever its action was given: a minute.
const MIN_ROLLBACK_MS: u64 = 60_000;

impl RuleState {
    /// What follows when an action of `incident` is over: its end, another try, the next step, or the ladder's end.
    fn go_on(&mut self, context: &mut Context<'_>, rule: &HealingRule, mut incident: Incident) {
        if !self.is_ill {
            return incident.end(Ending::Healthy, context);
        }
        while let Some(step) = rule.step(incident.step) {
            if incident.tries < step.attempts && !incident.made_worse(&step.action) {
                break;
            }
            incident.step = incident.step.saturating_add(1);
            incident.tries = 0;
        }
        let is_exhausted = rule.step(incident.step).is_none();
        incident.phase = if is_exhausted { Phase::Exhausted } else { Phase::Waiting };
        self.incident = Some(incident);
    }

    fn go_on_by_name(&mut self, context: &mut Context<'_>, incident: Incident) {
        match context.protocol.rule(&incident.rule) {
            Some((_, rule)) => self.go_on(context, rule, incident),
            None => incident.end(Ending::RuleRemoved, context),
        }
    }
}

impl Incident {
    fn end(mut self, ending: Ending, context: &mut Context<'_>) {
        if let Some(last) = self.attempts.last_mut().filter(|last| last.outcome.is_none()) {
            last.answer(AttemptOutcome::Withdrawn, context.now);
        }
        self.ending = Some(ending);
        self.ended_at = Some(context.now);
        context.ended.push(self);
    }

    fn take_answer(&mut self, context: &Context<'_>, outcome: &Outcome) -> Result<()> {
        let awaits_approval = self.awaits_approval();
        let taken = match (outcome, awaits_approval) {
            (Outcome::Done { reversible }, false) => AttemptOutcome::Done { reversible: *reversible },
            (Outcome::Approved { by }, true) => AttemptOutcome::Approved { by: by.clone() },
            (Outcome::Declined { by }, true) => AttemptOutcome::Declined { by: by.clone() },
            (Outcome::Failed { reason }, _) => AttemptOutcome::Failed { reason: reason.clone() },
            (Outcome::Unsupported, _) => AttemptOutcome::Unsupported,
            (Outcome::Done { .. }, true) => {
                let message = "a merge is approved or declined by someone, and never just done";
                return Err(Error::invalid("outcome", message));
            }
            (Outcome::Approved { .. } | Outcome::Declined { .. }, false) => {
                return Err(Error::invalid("outcome", "nobody was asked whether to do that"));
            }
        };
        let now = context.now;
        let is_carried_out = matches!(taken, AttemptOutcome::Done { .. } | AttemptOutcome::Approved { .. });
        if matches!(taken, AttemptOutcome::Unsupported | AttemptOutcome::Declined { .. }) {
            self.step = self.step.saturating_add(1);
            self.tries = 0;
        }
        if let Some(last) = self.attempts.last_mut() {
            last.answer(taken, now);
        }
        let rule = context.protocol.rule(&self.rule).map(|(_, rule)| rule.options());
        if let Some(rule) = rule.filter(|_| is_carried_out) {
            let settled_at = now.saturating_add(Duration::from_millis(rule.settle_ms));
            let until = settled_at.saturating_add(Duration::from_millis(rule.measure_within_ms));
            self.phase = Phase::Settling { since: now, settled_at, until };
        }
        Ok(())
    }

    fn take_rollback_answer(&mut self, outcome: &Outcome) -> Result<()> {
        let is_undone = match outcome {
            Outcome::Done { .. } => true,
            Outcome::Failed { .. } | Outcome::Unsupported => false,
            Outcome::Approved { .. } | Outcome::Declined { .. } => {
                return Err(Error::invalid("outcome", "nobody was asked whether to undo that"));
            }
        };
        if let Some(last) = self.attempts.last_mut() {
            last.rolled_back = Some(is_undone);
        }
        Ok(())
    }
}

impl Attempt {
    fn answer(&mut self, outcome: AttemptOutcome, now: Timestamp) {
        let is_carried_out = matches!(outcome, AttemptOutcome::Done { .. } | AttemptOutcome::Approved { .. });
        let why = if is_carried_out { Unresolved::NotSettled } else { Unresolved::NotCarriedOut };
        self.outcome = Some(outcome);
        self.answered_at = Some(now);
        self.unresolved(why);
    }

    fn unresolved(&mut self, why: Unresolved) {
        self.symbolic_health_delta = HealthDelta::Unresolved { why };
    }
}

/// Whether a rule finds readings ill; `None` if its reading is missing.
fn judge(rule: &HealingRule, was_ill: bool, readings: &Readings) -> Option<bool> {
    let options = rule.options();
    let value = *readings.get(&options.threshold.reading)?;
    let holds =
        || options.condition.as_ref().is_none_or(|condition| condition.evaluate(readings) == Some(true));
    Some(options.threshold.is_ill(was_ill, value) && (was_ill || holds()))
}

/// Measures what the last action did.
fn measure(incident: &mut Incident, rule: &HealingRule, readings: &Readings) {
    let Some(last) = incident.attempts.last_mut() else { return };
    last.after = ScoreTerm::score(&rule.options().score, readings);
    last.symbolic_health_delta = HealthDelta::between(last.before, last.after);
    let worse = |delta: f64| delta < -rule.options().worse_margin;
    last.made_worse = last.symbolic_health_delta.value().is_some_and(worse);
}

fn is_due(incident: &Incident, now: Timestamp) -> bool {
    incident.phase.timer().is_some_and(|(since, until)| now >= until || now < since)
}
