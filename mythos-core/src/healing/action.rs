use serde::{Deserialize, Serialize};

use super::HealingName;
use crate::error::{Error, Result};
use crate::types::{CodexId, RitualId};

/// What may be done for an ill target. The host carries it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RepairAction {
    /// Restore the assistant's state from a checkpoint.
    RestoreRitual {
        /// Of this ritual; without it, of the one that the assistant is in.
        #[serde(default)]
        ritual: Option<RitualId>,
    },
    /// Bring the assistant back under the codex in force.
    RealignCodex {
        /// Which codex; without it, the target's.
        #[serde(default)]
        codex: Option<CodexId>,
    },
    /// Restart the assistant.
    RestartAssistant,
    /// Keep work away from the assistant, and let it live.
    Quarantine,
    /// Give the assistant less work.
    ReduceLoad {
        /// How much of its present load is taken away, in percent, 1 to 100.
        percent: u32,
    },
    /// Add another assistant beside it.
    Clone,
    /// Tell a person.
    Notify,
    /// Propose how the heads of the target's codex are merged, and wait until a person or an audit approves or declines.
    /// Stays pending until then, without a deadline: a codex is never merged silently.
    ProposeMerge,
    /// Something of the host's own.
    Custom {
        /// What.
        name: HealingName,
    },
}

impl RepairAction {
    /// The name in JSON; of a custom action, its own.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::RestoreRitual { .. } => "restore_ritual",
            Self::RealignCodex { .. } => "realign_codex",
            Self::RestartAssistant => "restart_assistant",
            Self::Quarantine => "quarantine",
            Self::ReduceLoad { .. } => "reduce_load",
            Self::Clone => "clone",
            Self::Notify => "notify",
            Self::ProposeMerge => "propose_merge",
            Self::Custom { name } => name.as_str(),
        }
    }

    /// Whether a person or an audit decides about it.
    #[must_use]
    pub const fn awaits_approval(&self) -> bool {
        matches!(self, Self::ProposeMerge)
    }

    /// Whether it leaves what a codex says to people: all that a conflict of a codex may be met with.
    pub(super) const fn leaves_codices_alone(&self) -> bool {
        matches!(self, Self::ProposeMerge | Self::Notify | Self::Quarantine)
    }
}

/// One step of a rule's ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepairStep {
    /// What is done.
    pub action: RepairAction,
    /// How often it is tried in one incident before the next step is taken: 1 to [`RepairStep::MAX_ATTEMPTS`]. An action
    /// that made things worse is not tried again, whatever this says. By default 1.
    #[serde(default = "default_attempts")]
    pub attempts: u32,
    /// How many milliseconds the host has to answer; above 0. Past it the action counts as failed, and is handed out no
    /// more. Without meaning for what awaits approval. By default ten minutes.
    #[serde(default = "default_deadline_ms")]
    pub deadline_ms: u64,
}

const fn default_attempts() -> u32 {
    1
}

const fn default_deadline_ms() -> u64 {
    600_000
}

impl RepairStep {
    /// The most attempts of one step.
    pub const MAX_ATTEMPTS: u32 = 8;

    /// One attempt with ten minutes to answer.
    #[must_use]
    pub const fn new(action: RepairAction) -> Self {
        Self { action, attempts: default_attempts(), deadline_ms: default_deadline_ms() }
    }

    /// So many attempts.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    pub(super) fn validate(&self) -> Result<()> {
        if !(1..=Self::MAX_ATTEMPTS).contains(&self.attempts) {
            let message = format!("a step is tried 1 to {} times, not {}", Self::MAX_ATTEMPTS, self.attempts);
            return Err(Error::invalid("repair_actions.attempts", message));
        }
        super::rule::check_milliseconds("repair_actions.deadline_ms", self.deadline_ms)?;
        if self.deadline_ms == 0 {
            let message = "nothing can be carried out within a deadline of 0 ms";
            return Err(Error::invalid("repair_actions.deadline_ms", message));
        }
        if let RepairAction::ReduceLoad { percent } = self.action
            && !(1..=100).contains(&percent)
        {
            let message = format!("a load is reduced by 1 to 100 percent, not {percent}");
            return Err(Error::invalid("repair_actions.percent", message));
        }
        Ok(())
    }
}
