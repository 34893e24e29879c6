//! What of a machine its future depends on, for a model check.

use std::hash::{Hash, Hasher};
use std::mem;

use super::Machine;
use crate::restart::{Incident, Question, State};
use crate::types::Timestamp;

impl Machine {
    /// Hashes what its decisions can depend on from here on: no history, times as distances from `now`, and no number of a
    /// run, an effect or a timer, which matter only beside those that others hold.
    ///
    /// It is for policies that never come to decide by what was counted, or by how long something lasted: a constant backoff,
    /// a wide window, no deadline, a quiet period that never ends.
    pub(in crate::restart) fn hash_future<H: Hasher>(&self, now: Timestamp, hasher: &mut H) {
        mem::discriminant(&self.state).hash(hasher);
        match &self.state {
            State::Restoring { step, older_than } => (step, older_than).hash(hasher),
            State::Aligning { step, older_than, entry } => (step, older_than, entry.sequence).hash(hasher),
            State::AwaitingOperator { question: Question::Misaligned { step, older_than, entry, .. } } => {
                (true, step, older_than, entry.sequence).hash(hasher);
            }
            State::AwaitingOperator { question: Question::PathExhausted } => false.hash(hasher),
            State::Verifying { entry, alignment, .. } | State::MythpathReady { entry, alignment, .. } => {
                let is_same = alignment.as_ref().map(crate::restart::Alignment::is_same);
                (entry.sequence, is_same).hash(hasher);
            }
            State::GivenUp { why } => why.hash(hasher),
            State::Stopping { stop, deadline, .. } => (stop, deadline.is_some()).hash(hasher),
            State::Waiting { delay_ms } => delay_ms.hash(hasher),
            State::Running { .. } | State::BackingOff { .. } | State::Completed { .. } | State::Stopped => {}
        }
        let due_in = |(due, _): (Timestamp, u64)| due.saturating_duration_since(now);
        self.state.timer().map(due_in).hash(hasher);
        let incident = self.incident.as_ref().map(|incident| (Incident::is_open(incident), incident.kind));
        (incident, self.pending.is_some(), self.delay_ms, self.is_gone, self.was_up, self.notice)
            .hash(hasher);
    }

    /// How many effects were issued, timers set and runs launched, in all: what grows with whatever it decides.
    pub(in crate::restart) const fn steps_taken(&self) -> u64 {
        self.effects + self.generation + self.run
    }

    /// A flaw for a model check to find: it takes for granted that nothing runs.
    pub(in crate::restart) const fn believe_gone(&mut self) {
        self.is_gone = true;
    }
}
