use super::{AttemptOutcome, HealingEvent, HealingName, Incident};
use crate::observe;
use crate::store::{Model, Record};
use crate::types::Timestamp;

/// What came of repairs in one commit: to be told once it succeeded.
#[derive(Debug, Default)]
pub(super) struct Answered(Vec<(HealingName, &'static str)>);

impl Answered {
    /// Adds what came of an incident's repairs at `now`, since `before` was written.
    pub(super) fn add(&mut self, before: Option<&Record>, incident: &Incident, now: Timestamp) {
        if !cfg!(feature = "metrics") {
            return;
        }
        // A host may have pruned the record; then the time tells what is new.
        let before = before.and_then(|before| HealingEvent::from_record(before).ok());
        for (index, attempt) in incident.attempts.iter().enumerate() {
            let was_answered = match &before {
                Some(before) => {
                    before.repair_actions.get(index).is_some_and(|before| before.outcome.is_some())
                }
                None => attempt.answered_at != Some(now),
            };
            if let Some(outcome) = attempt.outcome.as_ref().filter(|_| !was_answered) {
                self.0.push((incident.rule.clone(), name(outcome)));
            }
        }
    }

    pub(super) fn tell(self) {
        for (rule, outcome) in self.0 {
            observe::healing_attempt(rule.as_str(), outcome);
        }
    }
}

/// The name in JSON.
const fn name(outcome: &AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Done { .. } => "done",
        AttemptOutcome::Failed { .. } => "failed",
        AttemptOutcome::Unsupported => "unsupported",
        AttemptOutcome::TimedOut => "timed_out",
        AttemptOutcome::Withdrawn => "withdrawn",
        AttemptOutcome::Approved { .. } => "approved",
        AttemptOutcome::Declined { .. } => "declined",
    }
}
