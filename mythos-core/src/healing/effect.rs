use serde::{Deserialize, Serialize};

use super::{HealingName, RepairAction, Target, Trigger};
use crate::restart::Reason;
use crate::types::{AssistantId, Digest, DomainHasher, Timestamp};

/// Something to be carried out for a target, as it is handed out.
///
/// It stays pending until it is answered or withdrawn, and may be handed out again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Its id: what an answer names. The same whenever it is handed out.
    pub id: EffectId,
    /// What the host deduplicates by: see [`EffectId::idempotency_key`].
    pub idempotency_key: Digest,
    /// For whom.
    pub target: Target,
    /// The rule that asks for it.
    pub rule: HealingName,
    /// The rule's trigger.
    pub trigger: Trigger,
    /// What to do, or, if the id says so, what to undo.
    pub action: RepairAction,
    /// When it was decided.
    pub issued_at: Timestamp,
    /// Until when it must be answered; `None` for what awaits approval.
    pub deadline: Option<Timestamp>,
}

/// Which action of which incident an effect is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectId {
    /// The target.
    pub assistant: AssistantId,
    /// The rule.
    pub rule: HealingName,
    /// The incident, counted from 1 in the target's life.
    pub incident: u64,
    /// The action, counted from 1 in the incident.
    pub attempt: u32,
    /// Whether it is to be undone.
    #[serde(default)]
    pub rollback: bool,
}

/// What came of an effect, as the host answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Outcome {
    /// It was carried out. No answer to what awaits approval.
    Done {
        /// Whether the host can undo it. Without meaning for a rollback.
        #[serde(default)]
        reversible: bool,
    },
    /// It failed; trying again may help.
    Failed {
        /// Why. A longer text is shortened when it is read.
        #[serde(deserialize_with = "Reason::deserialize_shortened")]
        reason: Reason,
    },
    /// The host cannot do that: the next step is taken.
    Unsupported,
    /// Of what awaits approval: yes, and it was done.
    Approved {
        /// The person or audit that said so.
        by: HealingName,
    },
    /// Of what awaits approval: no. The next step is taken.
    Declined {
        /// The person or audit that said so.
        by: HealingName,
    },
}

impl EffectId {
    /// The key by which a host tells that it carried this effect out before: BLAKE3 in key derivation mode, context
    /// `mythos 2026 healing action v1` or, for a rollback, `mythos 2026 healing rollback v1`, over `scope` (whose protocol
    /// it is), rule, assistant, incident and attempt, each preceded by its length; numbers are little-endian.
    #[must_use]
    pub fn idempotency_key(&self, scope: &HealingName) -> Digest {
        let domain = match self.rollback {
            false => "mythos 2026 healing action v1",
            true => "mythos 2026 healing rollback v1",
        };
        DomainHasher::new(domain)
            .field(scope.as_str().as_bytes())
            .field(self.rule.as_str().as_bytes())
            .field(self.assistant.as_str().as_bytes())
            .field(&self.incident.to_le_bytes())
            .field(&self.attempt.to_le_bytes())
            .finish()
    }
}
