use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Alignment, FailureKind, FallbackStep, Reason, RestoredEntry, StateName};
use crate::types::{OperationId, Timestamp};

/// What happened to a deployment from a failure until it was ready again, given up or stopped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Incident {
    /// Counted from 1 in the deployment's life.
    pub number: u64,
    /// What kind of failure opened it.
    pub kind: FailureKind,
    /// The reason that was given for it.
    pub reason: Reason,
    /// The operation that reported it.
    pub operation: OperationId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// How often the path was begun.
    pub restarts: u64,
    /// How long it waited before restarts, in all, in milliseconds.
    pub waited_ms: u64,
    /// The steps that were tried, in order; the first and the last [`Incident::MAX_KEPT`] halves of them.
    pub steps: Vec<StepTaken>,
    /// The states that were passed through, in order; bounded in the same way.
    pub path: Vec<Visit>,
    /// How many steps and visits were left out between the halves.
    pub left_out: u64,
    /// The entry that was restored last, if any.
    pub entry: Option<RestoredEntry>,
    /// How that entry compared with the codex in force, if it was compared.
    pub alignment: Option<Alignment>,
    /// How it ended; `None` while it is open.
    pub ending: Option<Ending>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// How an [`Incident`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ending {
    /// The assistant is mythpath-ready.
    Ready,
    /// It was given up.
    GivenUp,
    /// It was stopped by request.
    Stopped,
    /// The host deployed it anew.
    Redeployed,
    /// It ended as it may, and its policy lets it rest.
    Completed,
}

/// One step of the path that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepTaken {
    /// Which beginning of the path it belongs to, from 1.
    pub restart: u64,
    /// The step.
    pub step: FallbackStep,
    /// What it restored, if it came so far.
    pub entry: Option<RestoredEntry>,
    /// What came of it.
    pub result: StepResult,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepResult {
    /// Nothing yet.
    Underway,
    /// Overtaken by a request before its end.
    Interrupted,
    /// There was no such entry, or its bytes failed verification.
    NotRestored {
        /// Why.
        reason: Reason,
    },
    /// Launches from this entry under this codex had failed too often already.
    PassedOver,
    /// The entry ran under another codex root than the one in force, and the policy or an operator refused that.
    Misaligned,
    /// The codex in force could not be proven.
    NotAligned {
        /// Why.
        reason: Reason,
    },
    /// The launched assistant did not become ready.
    NotReady {
        /// Why.
        reason: Reason,
    },
    /// The assistant became ready.
    Ready,
    /// The launched assistant ended as it may before it was probed.
    Completed,
    /// It took longer than its deadline allows.
    TimedOut,
    /// An operator was asked, and approved.
    Approved,
    /// An operator was asked, and declined.
    Declined,
}

/// A state that was passed through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Visit {
    /// The state.
    pub state: StateName,
    /// When it was entered.
    pub at: Timestamp,
}

impl Incident {
    /// The most steps, and the most visits, that are kept.
    pub const MAX_KEPT: usize = 64;

    pub(super) const fn open(
        number: u64,
        kind: FailureKind,
        reason: Reason,
        operation: OperationId,
        now: Timestamp,
    ) -> Self {
        Self {
            number,
            kind,
            reason,
            operation,
            opened_at: now,
            restarts: 0,
            waited_ms: 0,
            steps: Vec::new(),
            path: Vec::new(),
            left_out: 0,
            entry: None,
            alignment: None,
            ending: None,
            ended_at: None,
        }
    }

    /// Takes over the memory that an earlier one no longer needs.
    pub(super) fn in_room_of(mut self, before: Option<Self>) -> Self {
        if let Some(before) = before {
            (self.steps, self.path) = (before.steps, before.path);
            self.steps.clear();
            self.path.clear();
        }
        self
    }

    /// Whether it has not ended.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.ending.is_none()
    }

    pub(super) fn visit(&mut self, state: StateName, now: Timestamp) {
        let at = self.not_before(now);
        self.path.push(Visit { state, at });
        self.left_out = self.left_out.saturating_add(trim(&mut self.path));
    }

    pub(super) fn begin_step(&mut self, step: FallbackStep) {
        let taken = StepTaken { restart: self.restarts, step, entry: None, result: StepResult::Underway };
        self.steps.push(taken);
        self.left_out = self.left_out.saturating_add(trim(&mut self.steps));
    }

    pub(super) fn restored(&mut self, entry: &RestoredEntry) {
        if let Some(step) = self.steps.last_mut() {
            step.entry = Some(entry.clone());
        }
        self.entry = Some(entry.clone());
        self.alignment = None;
    }

    /// Records what came of the step that is underway, if one is.
    pub(super) fn end_step(&mut self, result: StepResult) {
        if let Some(step) = self.steps.last_mut().filter(|step| step.result == StepResult::Underway) {
            step.result = result;
        }
    }

    pub(super) fn end(&mut self, ending: Ending, now: Timestamp) {
        self.end_step(StepResult::Interrupted);
        self.ending = Some(ending);
        self.ended_at = Some(self.not_before(now));
    }

    /// `now`, but not before what is recorded already: the clock may have been set back since.
    fn not_before(&self, now: Timestamp) -> Timestamp {
        self.path.last().map_or(self.opened_at, |visit| visit.at).max(now)
    }

    /// The steps that were tried, in order, with what came of them, as one line of text.
    #[must_use]
    pub fn symbolic_fallback_path(&self) -> String {
        let steps: Vec<_> = self.steps.iter().map(ToString::to_string).collect();
        steps.join(" > ")
    }
}

/// Removes the middle one of too many, and tells how many were removed.
fn trim<T>(kept: &mut Vec<T>) -> u64 {
    if kept.len() <= Incident::MAX_KEPT {
        return 0;
    }
    kept.remove(Incident::MAX_KEPT / 2);
    1
}

impl fmt::Display for StepTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            FallbackStep::Latest => f.write_str("latest")?,
            FallbackStep::OlderEntry => f.write_str("older entry")?,
            FallbackStep::NamedRitual { ritual } => write!(f, "ritual {ritual}")?,
            FallbackStep::OlderCodex => f.write_str("older codex")?,
            FallbackStep::Substitute { assistant, ritual } => write!(f, "{assistant} with ritual {ritual}")?,
            FallbackStep::Escalate => f.write_str("operator")?,
        }
        if let Some(entry) = &self.entry {
            write!(f, ", {entry}")?;
        }
        f.write_str(": ")?;
        match &self.result {
            StepResult::Underway => f.write_str("underway"),
            StepResult::Interrupted => f.write_str("interrupted"),
            StepResult::NotRestored { reason } => write!(f, "not restored ({reason})"),
            StepResult::PassedOver => f.write_str("passed over, its launches failed too often"),
            StepResult::Misaligned => f.write_str("ran under another codex"),
            StepResult::NotAligned { reason } => write!(f, "codex not proven ({reason})"),
            StepResult::NotReady { reason } => write!(f, "not ready ({reason})"),
            StepResult::Ready => f.write_str("ready"),
            StepResult::Completed => f.write_str("completed"),
            StepResult::TimedOut => f.write_str("took too long"),
            StepResult::Approved => f.write_str("approved"),
            StepResult::Declined => f.write_str("declined"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_steps_are_kept() {
        let reason = Reason::new("x").unwrap();
        let operation = OperationId::from_name("x");
        let mut incident = Incident::open(1, FailureKind::Crashed, reason, operation, Timestamp::UNIX_EPOCH);
        for restart in 1..=200 {
            incident.restarts = restart;
            incident.begin_step(FallbackStep::Latest);
        }
        let restarts: Vec<_> = incident.steps.iter().map(|step| step.restart).collect();
        assert_eq!(restarts, (1..=32).chain(169..=200).collect::<Vec<_>>());
        assert_eq!(incident.left_out, 136);
    }
}
