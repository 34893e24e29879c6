use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::machine::Pending;
use super::{
    Action, Alignment, DeploymentSpec, Effect, EffectId, Ending, FailureKind, Incident, Machine, Membership,
    Reason, RestoredEntry, State, StateName, StepTaken, Visit,
};
use crate::error::{Error, Result};
use crate::store::{Field, FieldKind, Model, Record, Schema, Table};
use crate::types::{
    AssistantId, DomainHasher, OperationId, RecordId, SupervisorId, TenantId, Timestamp, Version,
};

/// A deployment as it stands: the head record that every decision about it replaces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose deployment it is.
    pub tenant: TenantId,
    /// Who supervises it.
    pub supervisor: SupervisorId,
    /// The assistant.
    pub assistant: AssistantId,
    /// The name of the machine's state.
    pub state: StateName,
    /// When its timer is due, if one is set.
    pub timer_at: Option<Timestamp>,
    /// When that timer was set. One that was set in the future is due as well: the clock was set back since.
    pub timer_set_at: Option<Timestamp>,
    /// When its pending effect was issued, if one is pending.
    pub effect_at: Option<Timestamp>,
    /// Where it stands among the members of its group: the group's record in hexadecimal, a slash, and its position in 16
    /// hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// How it is a member of a group, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Membership>,
    /// What it is restored to, and how.
    pub spec: DeploymentSpec,
    /// The machine.
    pub machine: Machine,
    /// The version of the record of the machine's incident, as it was last written; 0 if there was none.
    pub incident_version: u64,
    /// When it was deployed first.
    pub created_at: Timestamp,
    /// When anything was decided about it last.
    pub updated_at: Timestamp,
}

impl Model for Deployment {
    const TABLE: Table = Table::new(&Schema {
        name: "deployments",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("supervisor", FieldKind::Text),
            Field::new("assistant", FieldKind::Text),
            Field::new("state", FieldKind::Text),
            Field::new("timer_at", FieldKind::Text),
            Field::new("timer_set_at", FieldKind::Text),
            Field::new("effect_at", FieldKind::Text),
            Field::new("place", FieldKind::Text),
            Field::new("updated_at", FieldKind::Text),
        ],
        indexes: &[
            &["tenant", "supervisor", "timer_at"],
            &["tenant", "supervisor", "timer_set_at"],
            &["tenant", "supervisor", "effect_at"],
            &["tenant", "supervisor", "assistant"],
            &["tenant", "place"],
            &["tenant", "assistant"],
            &["tenant", "state", "assistant"],
            &["tenant", "updated_at"],
        ],
        owns_cells: false,
    });

    fn from_record(record: &Record) -> Result<Self> {
        let read = || {
            let deployment = Self::deserialize(&record.body).map_err(|error| {
                Error::corrupt(format!("record {} cannot be read: {error}", record.id)).with_source(error)
            })?;
            if deployment.format != Self::FORMAT {
                return Err(Error::corrupt(format!("it has the unknown format {}", deployment.format)));
            }
            Ok(deployment)
        };
        // Whoever has to mend it looks for it by its name.
        let assistant = record.body.get("assistant").and_then(Value::as_str).unwrap_or("unknown");
        read().map_err(|error| error.while_doing(format_args!("read the deployment of {assistant}")))
    }
}

impl Deployment {
    pub(super) const FORMAT: u32 = 1;

    /// The id of the record of a deployment: BLAKE3 in key derivation mode, context `mythos 2026 deployment head v1`,
    /// over tenant, supervisor and assistant, each preceded by its length.
    pub(crate) fn record_id(
        tenant: &TenantId,
        supervisor: &SupervisorId,
        assistant: &AssistantId,
    ) -> RecordId {
        DomainHasher::new("mythos 2026 deployment head v1")
            .field(tenant.as_str().as_bytes())
            .field(supervisor.as_str().as_bytes())
            .field(assistant.as_str().as_bytes())
            .finish()
            .into()
    }

    /// Refuses a deployment whose record is not the one that its names lead to: decided about it would be another one.
    pub(crate) fn found_at(self, id: RecordId) -> Result<Self> {
        if self.id() == id {
            return Ok(self);
        }
        let message =
            format!("record {id} holds the deployment of {}, which belongs elsewhere", self.assistant);
        Err(Error::corrupt(message))
    }

    /// The id of the record of its newest incident, if it had one.
    pub(crate) fn newest_incident(&self) -> Option<RecordId> {
        self.machine.incident().map(|incident| DeploymentRestart::record_id(&self.id(), incident))
    }

    pub(super) fn id(&self) -> RecordId {
        Self::record_id(&self.tenant, &self.supervisor, &self.assistant)
    }

    /// What is to be carried out for it now, as supervisor epoch `epoch` hands it out.
    pub(crate) fn effect(&self, epoch: Version) -> Option<Effect> {
        let Pending { number, issued_at } = self.machine.pending()?;
        let action: Action = self.machine.action(&self.spec)?;
        let incident = self.machine.incident()?.number;
        let id = EffectId { deployment: self.id(), incident, number };
        Some(Effect {
            id,
            epoch,
            assistant: self.assistant.clone(),
            run: self.machine.run(),
            issued_at,
            action,
        })
    }

    /// Brings the fields that are listed by up to date with the machine.
    pub(super) fn index(&mut self, now: Timestamp) {
        self.state = self.machine.state().name();
        self.timer_at = self.machine.timer().map(|(due, _)| due);
        self.timer_set_at = self.machine.timer_set_at();
        self.effect_at = self.machine.pending().map(|pending| pending.issued_at);
        self.place = self.member.as_ref().map(|member| member.key(&self.tenant, &self.supervisor));
        self.updated_at = now.max(self.updated_at);
    }
}

/// One incident of a deployment, from a failure until it was ready, given up, stopped or deployed anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRestart {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose deployment it is.
    pub tenant: TenantId,
    /// Who supervises it.
    pub supervisor: SupervisorId,
    /// The assistant.
    pub assistant: AssistantId,
    /// Counted from 1 in the deployment's life.
    pub incident: u64,
    /// The entry that the assistant was last restored from, as text; `none` while nothing was restored.
    pub last_known_state: String,
    /// The steps that were tried, in order, with what came of them, as text.
    pub symbolic_fallback_path: String,
    /// Why a restart was needed.
    pub restart_trigger_reason: Reason,
    /// Whether the assistant became mythpath-ready.
    pub successful_redeploy_flag: bool,
    /// When the failure was reported.
    pub created_at: Timestamp,
    /// What kind of failure it was.
    pub failure_kind: FailureKind,
    /// How often the path was begun.
    pub restarts: u64,
    /// How long restarts were delayed, in all, in milliseconds.
    pub waited_ms: u64,
    /// The steps that were tried; the first and the last of very many.
    pub steps: Vec<StepTaken>,
    /// The states that were passed through; the first and the last of very many.
    pub path: Vec<Visit>,
    /// How many steps and states were left out.
    pub left_out: u64,
    /// The entry that was restored last.
    pub entry: Option<RestoredEntry>,
    /// How it compared with the codex in force.
    pub alignment: Option<Alignment>,
    /// How the incident ended; `None` while it is open.
    pub ending: Option<Ending>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When the assistant became ready.
    pub ready_at: Option<Timestamp>,
    /// The operation that reported the failure.
    pub operation: OperationId,
}

impl Model for DeploymentRestart {
    const TABLE: Table = Table::new(&Schema {
        name: "deployment_restarts",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("supervisor", FieldKind::Text),
            Field::new("assistant", FieldKind::Text),
            Field::new("failure_kind", FieldKind::Text),
            Field::new("successful_redeploy_flag", FieldKind::Boolean),
            Field::new("ending", FieldKind::Text),
            Field::new("created_at", FieldKind::Text),
            Field::new("ended_at", FieldKind::Text),
        ],
        indexes: &[
            &["tenant", "assistant", "created_at"],
            &["tenant", "supervisor", "created_at"],
            &["tenant", "created_at"],
        ],
        owns_cells: false,
    });
}

impl DeploymentRestart {
    const FORMAT: u32 = 1;

    /// The id of the record of an incident: a UUID of version 7, so that a store's indexes stay compact, whose random
    /// bits are a hash of the deployment and the incident, so that the same incident always has the same record.
    pub(super) fn record_id(deployment: &RecordId, incident: &Incident) -> RecordId {
        let hash = DomainHasher::new("mythos 2026 deployment restart v1")
            .field(deployment.as_bytes())
            .field(&incident.number.to_le_bytes())
            .finish_extended::<10>();
        let milliseconds = u64::try_from(incident.opened_at.as_microseconds() / 1_000).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &hash).into_uuid().into()
    }

    pub(super) fn of(deployment: &Deployment, incident: &Incident) -> Self {
        let incident = incident.clone();
        let successful = incident.ending == Some(Ending::Ready);
        Self {
            format: Self::FORMAT,
            tenant: deployment.tenant.clone(),
            supervisor: deployment.supervisor.clone(),
            assistant: deployment.assistant.clone(),
            incident: incident.number,
            last_known_state: incident.entry.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string),
            symbolic_fallback_path: incident.symbolic_fallback_path(),
            restart_trigger_reason: incident.reason,
            successful_redeploy_flag: successful,
            created_at: incident.opened_at,
            failure_kind: incident.kind,
            restarts: incident.restarts,
            waited_ms: incident.waited_ms,
            steps: incident.steps,
            path: incident.path,
            left_out: incident.left_out,
            entry: incident.entry,
            alignment: incident.alignment,
            ending: incident.ending,
            ended_at: incident.ended_at,
            ready_at: incident.ended_at.filter(|_| successful),
            operation: incident.operation,
        }
    }
}

/// A supervisor. The version of its record is its epoch: whoever takes the supervision over writes it once more, and
/// every commit of a supervisor checks that nobody did since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorRecord {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose supervisor it is.
    pub tenant: TenantId,
    /// The supervisor.
    pub supervisor: SupervisorId,
    /// When it was first taken over.
    pub created_at: Timestamp,
    /// When it was last taken over.
    pub taken_over_at: Timestamp,
}

impl Model for SupervisorRecord {
    const TABLE: Table = Table::new(&Schema {
        name: "supervisors",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("supervisor", FieldKind::Text),
            Field::new("taken_over_at", FieldKind::Text),
        ],
        indexes: &[&["tenant", "supervisor"]],
        owns_cells: false,
    });
}

impl SupervisorRecord {
    pub(super) const FORMAT: u32 = 1;

    /// The id of the record of a supervisor: as [`Deployment::record_id`], context `mythos 2026 supervisor v1`, over
    /// tenant and supervisor.
    pub(super) fn record_id(tenant: &TenantId, supervisor: &SupervisorId) -> RecordId {
        DomainHasher::new("mythos 2026 supervisor v1")
            .field(tenant.as_str().as_bytes())
            .field(supervisor.as_str().as_bytes())
            .finish()
            .into()
    }
}

/// What was decided about a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The assistant.
    pub assistant: AssistantId,
    /// Whether anything changed. What comes late or twice changes nothing.
    pub changed: bool,
    /// Where the deployment stands after it.
    pub state: State,
    /// The current run.
    pub run: u64,
    /// The incident that is open or was the last; 0 if there was none.
    pub incident: u64,
    /// The effect that is pending after it.
    pub effect: Option<EffectId>,
    /// When it was decided.
    pub decided_at: Timestamp,
}

impl Decision {
    pub(super) fn of(deployment: &Deployment, changed: bool, now: Timestamp) -> Self {
        let incident = deployment.machine.incident().map_or(0, |incident| incident.number);
        let pending = deployment.machine.pending();
        Self {
            assistant: deployment.assistant.clone(),
            changed,
            state: deployment.machine.state().clone(),
            run: deployment.machine.run(),
            incident,
            effect: pending.map(|pending| EffectId {
                deployment: deployment.id(),
                incident,
                number: pending.number,
            }),
            decided_at: now,
        }
    }
}
