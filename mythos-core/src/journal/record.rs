use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{StepKey, StepRun};
use crate::error::{Error, Result};
use crate::ritual::guard;
use crate::store::{Field, FieldKind, Model, Record, Schema, Table};
use crate::types::{
    AssistantId, DomainHasher, EntryId, OperationId, RecordId, RitualId, TenantId, Timestamp,
};

/// What is known of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepState {
    /// It was begun. Whether it happened is known only to who does it, as long as that lives.
    InDoubt,
    /// It happened.
    Completed,
    /// It was begun, and did not happen.
    DidNotHappen,
    /// It was begun, and undone.
    Compensated,
}

impl StepState {
    /// The states of which the outside world was asked.
    pub(super) const SETTLED: [Self; 3] = [Self::Completed, Self::DidNotHappen, Self::Compensated];

    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InDoubt => "in_doubt",
            Self::Completed => "completed",
            Self::DidNotHappen => "did_not_happen",
            Self::Compensated => "compensated",
        }
    }
}

/// A step as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose data it is.
    pub tenant: TenantId,
    /// Who does it.
    pub assistant: AssistantId,
    /// The procedure that it belongs to.
    pub ritual: RitualId,
    /// Its name within the ritual.
    pub key: StepKey,
    /// Its place in the order in which the ritual's steps were first begun, from 1.
    pub number: u64,
    /// What is known of it.
    pub state: StepState,
    /// The current attempt, from 1.
    pub attempt: u64,
    /// The operation that began the attempt.
    pub operation: OperationId,
    /// In which life of the assistant it was begun, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<StepRun>,
    /// What is to be done, perhaps sealed; in base64.
    pub intent: String,
    /// What came of it, perhaps sealed; in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The newest entry of the ritual when the attempt was begun, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_entry: Option<EntryId>,
    /// The newest entry of the ritual when it was settled, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_entry: Option<EntryId>,
    /// When it was first begun.
    pub created_at: Timestamp,
    /// When the attempt was begun.
    pub begun_at: Timestamp,
    /// When it was settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
}

impl Model for StepRecord {
    const TABLE: Table = Table::new(&Schema {
        name: "steps",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("assistant", FieldKind::Text),
            Field::new("ritual", FieldKind::Text),
            Field::new("key", FieldKind::Text),
            Field::new("number", FieldKind::Integer),
            Field::new("state", FieldKind::Text),
            Field::new("settled_entry", FieldKind::Text),
            Field::new("begun_at", FieldKind::Text),
            Field::new("settled_at", FieldKind::Text),
        ],
        indexes: &[
            &["tenant", "assistant", "ritual", "number"],
            &["tenant", "assistant", "ritual", "state", "number"],
        ],
        owns_cells: false,
    });

    fn to_body(&self) -> Result<Map<String, Value>> {
        guard::close(Self::TABLE, &self.id(), self)
    }

    fn from_record(record: &Record) -> Result<Self> {
        let step: Self = guard::open(Self::TABLE, record)?;
        if step.format != Self::FORMAT {
            return Err(unknown_format("step", step.key.as_str(), step.format));
        }
        Ok(step)
    }
}

impl StepRecord {
    /// The layout that this version writes.
    pub(super) const FORMAT: u32 = 1;

    /// The id of the record of a step: the first 16 bytes of BLAKE3 in key derivation mode, context `mythos 2026 step v1`,
    /// over tenant, assistant, ritual and key, each preceded by its length.
    pub(super) fn record_id(
        tenant: &TenantId,
        assistant: &AssistantId,
        ritual: &RitualId,
        key: &StepKey,
    ) -> RecordId {
        let id: [u8; 16] = DomainHasher::new("mythos 2026 step v1")
            .field(tenant.as_str().as_bytes())
            .field(assistant.as_str().as_bytes())
            .field(ritual.as_str().as_bytes())
            .field(key.as_str().as_bytes())
            .finish_extended();
        RecordId::from_short(&id)
    }

    fn id(&self) -> RecordId {
        Self::record_id(&self.tenant, &self.assistant, &self.ritual, &self.key)
    }
}

/// The head of a ritual's journal: how many steps were begun, and the newest run that was named. It is never deleted, so
/// that its version fences off whoever read a step that was forgotten meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepJournalHead {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose data it is.
    pub tenant: TenantId,
    /// The assistant.
    pub assistant: AssistantId,
    /// The ritual.
    pub ritual: RitualId,
    /// The number of the step that was first begun last.
    pub steps: u64,
    /// The newest run that was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<StepRun>,
    /// When the journal was begun.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

impl Model for StepJournalHead {
    const TABLE: Table = Table::new(&Schema {
        name: "step_journals",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("assistant", FieldKind::Text),
            Field::new("ritual", FieldKind::Text),
            Field::new("steps", FieldKind::Integer),
            Field::new("updated_at", FieldKind::Text),
        ],
        indexes: &[&["tenant", "assistant", "updated_at"]],
        owns_cells: false,
    });

    fn to_body(&self) -> Result<Map<String, Value>> {
        guard::close(Self::TABLE, &self.id(), self)
    }

    fn from_record(record: &Record) -> Result<Self> {
        let head: Self = guard::open(Self::TABLE, record)?;
        if head.format != Self::FORMAT {
            return Err(unknown_format("journal of ritual", head.ritual.as_str(), head.format));
        }
        Ok(head)
    }
}

impl StepJournalHead {
    const FORMAT: u32 = 1;

    /// The head of a journal without steps.
    pub(super) const fn new(
        tenant: TenantId,
        assistant: AssistantId,
        ritual: RitualId,
        now: Timestamp,
    ) -> Self {
        let (format, steps, run) = (Self::FORMAT, 0, None);
        Self { format, tenant, assistant, ritual, steps, run, created_at: now, updated_at: now }
    }

    /// The id of the record of a journal: as that of a step, context `mythos 2026 step journal v1`, without the key.
    pub(super) fn record_id(tenant: &TenantId, assistant: &AssistantId, ritual: &RitualId) -> RecordId {
        let id: [u8; 16] = DomainHasher::new("mythos 2026 step journal v1")
            .field(tenant.as_str().as_bytes())
            .field(assistant.as_str().as_bytes())
            .field(ritual.as_str().as_bytes())
            .finish_extended();
        RecordId::from_short(&id)
    }

    fn id(&self) -> RecordId {
        Self::record_id(&self.tenant, &self.assistant, &self.ritual)
    }
}

fn unknown_format(what: &str, name: &str, format: u32) -> Error {
    Error::corrupt(format!("the record of {what} {name} has the format {format}, which is not known"))
}
