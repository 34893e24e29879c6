use serde::{Deserialize, Serialize};

use super::{
    Attempt, AttemptOutcome, Cause, Ending, HealingName, HealingProtocol, HealthDelta, Incident, Phase,
    TargetState, Unresolved,
};
use crate::error::{Error, Result};
use crate::store::{Field, FieldKind, Model, Schema, Table};
use crate::types::{AssistantId, DomainHasher, RecordId, TenantId, Timestamp};

/// A scope of healing: its protocol, and who heals. The version of its record is the epoch: whoever takes the scope over
/// writes it once more, and every commit of a healer checks that nobody did since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealingScope {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose scope it is.
    pub tenant: TenantId,
    /// The scope.
    pub scope: HealingName,
    /// The protocol in force.
    pub protocol: HealingProtocol,
    /// When it was first taken over.
    pub created_at: Timestamp,
    /// When it was last taken over.
    pub taken_over_at: Timestamp,
}

impl Model for HealingScope {
    const TABLE: Table = Table::new(&Schema {
        name: "healing_scopes",
        fields: &[Field::new("tenant", FieldKind::Text), Field::new("scope", FieldKind::Text)],
        indexes: &[&["tenant", "scope"]],
        owns_cells: false,
    });
}

impl HealingScope {
    pub(super) const FORMAT: u32 = 1;

    /// The id of its record: BLAKE3 in key derivation mode, context `mythos 2026 healing scope v1`, over tenant and scope,
    /// each preceded by its length.
    pub(super) fn record_id(tenant: &TenantId, scope: &HealingName) -> RecordId {
        DomainHasher::new("mythos 2026 healing scope v1")
            .field(tenant.as_str().as_bytes())
            .field(scope.as_str().as_bytes())
            .finish()
            .into()
    }

    pub(super) fn check(self) -> Result<Self> {
        if self.format == Self::FORMAT {
            return Ok(self);
        }
        Err(Error::corrupt(format!("scope {} has the unknown format {}", self.scope, self.format)))
    }
}

/// From where on the incidents of a scope's new targets are counted: above those of all targets that were forgotten, whose
/// records are deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealingNumbering {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose scope it is.
    pub tenant: TenantId,
    /// The scope.
    pub scope: HealingName,
    /// The highest number of an incident of a target that was forgotten.
    pub incidents: u64,
    /// When it was last written.
    pub updated_at: Timestamp,
}

impl Model for HealingNumbering {
    const TABLE: Table = Table::new(&Schema {
        name: "healing_numberings",
        fields: &[Field::new("tenant", FieldKind::Text), Field::new("scope", FieldKind::Text)],
        indexes: &[&["tenant", "scope"]],
        owns_cells: false,
    });
}

impl HealingNumbering {
    const FORMAT: u32 = 1;

    /// The id of its record: as [`HealingScope::record_id`], context `mythos 2026 healing numbering v1`.
    pub(super) fn record_id(tenant: &TenantId, scope: &HealingName) -> RecordId {
        DomainHasher::new("mythos 2026 healing numbering v1")
            .field(tenant.as_str().as_bytes())
            .field(scope.as_str().as_bytes())
            .finish()
            .into()
    }

    pub(super) fn of(tenant: &TenantId, scope: &HealingName, incidents: u64, now: Timestamp) -> Self {
        let (tenant, scope) = (tenant.clone(), scope.clone());
        Self { format: Self::FORMAT, tenant, scope, incidents, updated_at: now }
    }

    pub(super) fn check(self) -> Result<Self> {
        if self.format == Self::FORMAT {
            return Ok(self);
        }
        Err(Error::corrupt(format!(
            "the numbering of scope {} has the unknown format {}",
            self.scope, self.format
        )))
    }
}

/// What is remembered of one target of a scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealingTarget {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose target it is.
    pub tenant: TenantId,
    /// The scope.
    pub scope: HealingName,
    /// The assistant.
    pub assistant: AssistantId,
    /// Whether any rule finds it ill.
    pub is_ill: bool,
    /// The rest.
    pub state: TargetState,
    /// When it was last written.
    pub updated_at: Timestamp,
}

impl Model for HealingTarget {
    const TABLE: Table = Table::new(&Schema {
        name: "healing_targets",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("scope", FieldKind::Text),
            Field::new("assistant", FieldKind::Text),
            Field::new("is_ill", FieldKind::Boolean),
        ],
        indexes: &[&["tenant", "scope", "assistant"], &["tenant", "scope", "is_ill", "assistant"]],
        owns_cells: false,
    });
}

impl HealingTarget {
    const FORMAT: u32 = 1;

    /// The id of its record: as [`HealingScope::record_id`], context `mythos 2026 healing target v1`, over tenant, scope
    /// and assistant.
    pub(super) fn record_id(tenant: &TenantId, scope: &HealingName, assistant: &AssistantId) -> RecordId {
        DomainHasher::new("mythos 2026 healing target v1")
            .field(tenant.as_str().as_bytes())
            .field(scope.as_str().as_bytes())
            .field(assistant.as_str().as_bytes())
            .finish()
            .into()
    }

    pub(super) fn of(tenant: &TenantId, scope: &HealingName, state: &TargetState, now: Timestamp) -> Self {
        Self {
            format: Self::FORMAT,
            tenant: tenant.clone(),
            scope: scope.clone(),
            assistant: state.target.assistant.clone(),
            is_ill: state.is_ill(),
            state: state.clone(),
            updated_at: now,
        }
    }

    /// Refuses one that is not where its names lead to: decided about it would be another one.
    pub(super) fn found_at(self, id: RecordId) -> Result<Self> {
        let is_its_own = Self::record_id(&self.tenant, &self.scope, &self.assistant) == id
            && self.state.target.assistant == self.assistant;
        if self.format == Self::FORMAT && is_its_own {
            return Ok(self);
        }
        Err(Error::corrupt(format!("record {id} holds no target {} of a known format", self.assistant)))
    }
}

/// One incident of a target, as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealingEvent {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose incident it is.
    pub tenant: TenantId,
    /// The scope.
    pub scope: HealingName,
    /// The node that the target ran on when the incident was opened.
    pub node_id: HealingName,
    /// The zone that it belonged to.
    pub zone: HealingName,
    /// The rule's trigger: `entropy_spike`, `ritual_failure`, `codex_conflict`, `stall`, `flapping`, or a name of the
    /// host's.
    pub triggered_by: String,
    /// The assistant.
    pub assistant: AssistantId,
    /// What was done, in order, each with what came of it and its own delta.
    pub repair_actions: Vec<Attempt>,
    /// How far all of it changed the target's health: the score after the last action minus that before the first.
    pub symbolic_health_delta: HealthDelta,
    /// When the incident was opened.
    pub created_at: Timestamp,
    /// The rule.
    pub rule: HealingName,
    /// The incident, counted from 1 in the target's life.
    pub incident: u64,
    /// How many actions were begun.
    pub attempt: u32,
    /// What came of the last one; `None` while it is in flight, and if there was none.
    pub outcome: Option<AttemptOutcome>,
    /// The health score before the first action, 0 to 1.
    pub before: Option<f64>,
    /// The health score after the last one, 0 to 1.
    pub after: Option<f64>,
    /// Which reading stood against which threshold.
    pub cause: Cause,
    /// Where it stands, or stood when it ended.
    pub phase: Phase,
    /// Whether it is open.
    pub is_open: bool,
    /// How it ended; `None` while it is open.
    pub ending: Option<Ending>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Model for HealingEvent {
    const TABLE: Table = Table::new(&Schema {
        name: "healing_events",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("scope", FieldKind::Text),
            Field::new("node_id", FieldKind::Text),
            Field::new("zone", FieldKind::Text),
            Field::new("triggered_by", FieldKind::Text),
            Field::new("assistant", FieldKind::Text),
            Field::new("rule", FieldKind::Text),
            Field::new("is_open", FieldKind::Boolean),
            Field::new("ending", FieldKind::Text),
            Field::new("created_at", FieldKind::Text),
        ],
        indexes: &[
            &["tenant", "scope", "created_at"],
            &["tenant", "scope", "is_open", "created_at"],
            &["tenant", "assistant", "created_at"],
            &["tenant", "created_at"],
        ],
        owns_cells: false,
    });
}

impl HealingEvent {
    const FORMAT: u32 = 1;

    /// The id of its record: a UUID of version 7, so that a store's indexes stay compact, whose random bits are a hash of
    /// the target's record and the incident's number, so that the same incident always has the same record.
    pub(super) fn record_id(tenant: &TenantId, scope: &HealingName, incident: &Incident) -> RecordId {
        let target = HealingTarget::record_id(tenant, scope, &incident.target.assistant);
        let hash = DomainHasher::new("mythos 2026 healing event v1")
            .field(target.as_bytes())
            .field(&incident.number.to_le_bytes())
            .finish_extended::<10>();
        let milliseconds = u64::try_from(incident.opened_at.as_microseconds() / 1_000).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &hash).into_uuid().into()
    }

    pub(super) fn of(tenant: &TenantId, scope: &HealingName, incident: Incident) -> Self {
        let (first, last) = (incident.attempts.first(), incident.attempts.last());
        let (before, after) =
            (first.and_then(|attempt| attempt.before), last.and_then(|attempt| attempt.after));
        let delta = match last.map(|attempt| attempt.symbolic_health_delta) {
            None => HealthDelta::Unresolved { why: Unresolved::NotCarriedOut },
            Some(HealthDelta::Measured { .. }) => HealthDelta::between(before, after),
            Some(unresolved) => unresolved,
        };
        Self {
            format: Self::FORMAT,
            tenant: tenant.clone(),
            scope: scope.clone(),
            node_id: incident.target.node,
            zone: incident.target.zone,
            triggered_by: incident.trigger.name().to_owned(),
            assistant: incident.target.assistant,
            symbolic_health_delta: delta,
            created_at: incident.opened_at,
            rule: incident.rule,
            incident: incident.number,
            attempt: incident.attempts.len() as u32,
            outcome: last.and_then(|attempt| attempt.outcome.clone()),
            before,
            after,
            cause: incident.cause,
            phase: incident.phase,
            is_open: incident.ending.is_none(),
            ending: incident.ending,
            ended_at: incident.ended_at,
            repair_actions: incident.attempts,
        }
    }
}
