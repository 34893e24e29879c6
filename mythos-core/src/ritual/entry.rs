use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::SymbolicIntent;
use crate::error::{Error, Result};
use crate::store::{CellName, Field, FieldKind, Model, Owner, Schema, Table};
use crate::types::{
    AssistantId, CodexId, Commitment, Digest, DomainHasher, EntryId, MAX_SAFE_INTEGER, RecordId, RitualId,
    Score, TenantId, Timestamp,
};

/// The largest payload: 64 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 20;

/// How a payload's frame is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encoding {
    /// As it is, since compression would not make it smaller.
    Raw,
    /// One zstd frame (RFC 8878) of the whole payload.
    Zstd,
}

/// Where and how the payload is stored. It changes when an entry is re-encoded; the signature does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFrame {
    /// The encoding.
    pub encoding: Encoding,
    /// The cell that holds the frame, under the ritual's head.
    pub cell: CellName,
    /// The length of the payload.
    pub raw_bytes: u64,
    /// The length of the frame.
    pub stored_bytes: u64,
    /// The BLAKE3 digest of the frame.
    pub frame_digest: Digest,
}

/// One checkpoint of a ritual: the record beside the stored payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompressedRitual {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose data it is.
    pub tenant: TenantId,
    /// This entry.
    pub entry: EntryId,
    /// The assistant whose state it is.
    pub assistant: AssistantId,
    /// The procedure that the state belongs to.
    pub ritual: RitualId,
    /// The position in the ritual's history, from 1.
    pub sequence: u64,
    /// The entry before it.
    pub parent: Option<EntryId>,
    /// Labels of the intent.
    pub labels: BTreeSet<String>,
    /// Procedure of the intent.
    pub procedure: Option<String>,
    /// Format of the payload, from the intent.
    pub payload_format: Option<String>,
    /// Codex of the intent.
    pub codex: Option<CodexId>,
    /// Root of that codex when the entry was saved.
    pub codex_root: Option<Digest>,
    /// Where and how the payload is stored.
    pub compressed_ritual_data: StoredFrame,
    /// A salted commitment to the payload; the salt is in the frame.
    pub payload_commitment: Commitment,
    /// Binds tenant, assistant, ritual, sequence, parent, entry, time, payload and symbolic intent.
    pub symbolic_signature_hash: Digest,
    /// [`entropy_score`](super::entropy_score) of the payload.
    pub entropy_score: Score,
    /// When it was saved; never before its parent.
    pub created_at: Timestamp,
}

impl CompressedRitual {
    /// The layout that this version writes.
    pub(crate) const FORMAT: u32 = 1;

    /// What the entry is for.
    #[must_use]
    pub fn intent(&self) -> SymbolicIntent {
        SymbolicIntent {
            labels: self.labels.clone(),
            procedure: self.procedure.clone(),
            payload_format: self.payload_format.clone(),
            codex: self.codex.clone(),
            codex_root: self.codex_root,
        }
    }

    /// Computes what [`symbolic_signature_hash`](Self::symbolic_signature_hash) must be.
    ///
    /// BLAKE3 in key derivation mode, context `mythos 2026 ritual signature v1`, over these fields, each preceded by
    /// its length as 8 bytes little-endian: tenant, assistant, ritual, sequence (8 bytes little-endian), entry (16
    /// bytes), parent (16 bytes or none), payload commitment, payload length (8 bytes little-endian), time
    /// (microseconds, 8 bytes little-endian), entropy score (IEEE 754, 8 bytes little-endian), number of labels (8
    /// bytes little-endian), each label, then procedure, payload format, codex and codex root, each preceded by a field
    /// of one byte that says whether it is there.
    #[must_use]
    pub fn expected_signature(&self) -> Digest {
        let optional = |hasher: DomainHasher, value: Option<&[u8]>| {
            hasher.field(&[u8::from(value.is_some())]).field(value.unwrap_or_default())
        };
        let mut hasher = DomainHasher::new("mythos 2026 ritual signature v1")
            .field(self.tenant.as_str().as_bytes())
            .field(self.assistant.as_str().as_bytes())
            .field(self.ritual.as_str().as_bytes())
            .field(&self.sequence.to_le_bytes())
            .field(self.entry.as_uuid().as_bytes())
            .field(self.parent.map(|parent| parent.as_uuid().into_bytes()).as_ref().map_or(&[], |id| &id[..]))
            .field(self.payload_commitment.as_bytes())
            .field(&self.compressed_ritual_data.raw_bytes.to_le_bytes())
            .field(&self.created_at.as_microseconds().to_le_bytes())
            .field(&self.entropy_score.get().to_le_bytes())
            .field(&(self.labels.len() as u64).to_le_bytes());
        for label in &self.labels {
            hasher = hasher.field(label.as_bytes());
        }
        hasher = optional(hasher, self.procedure.as_deref().map(str::as_bytes));
        hasher = optional(hasher, self.payload_format.as_deref().map(str::as_bytes));
        hasher = optional(hasher, self.codex.as_ref().map(|codex| codex.as_str().as_bytes()));
        optional(hasher, self.codex_root.as_ref().map(|root| &root.as_bytes()[..])).finish()
    }

    /// Checks the record against its own signature.
    pub(crate) fn check_signature(&self) -> Result<()> {
        if self.format != Self::FORMAT {
            let message = format!("entry {} has the unknown format {}", self.entry, self.format);
            return Err(Error::corrupt(message));
        }
        let expected = self.expected_signature();
        if expected == self.symbolic_signature_hash {
            Ok(())
        } else {
            Err(Error::corrupt(format!(
                "the record of entry {} does not match its signature: expected {expected}, found {}",
                self.entry, self.symbolic_signature_hash
            )))
        }
    }
}

impl Model for CompressedRitual {
    const TABLE: Table = Table::new(&Schema {
        name: "compressed_rituals",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("assistant", FieldKind::Text),
            Field::new("ritual", FieldKind::Text),
            Field::new("sequence", FieldKind::Integer),
            Field::new("labels", FieldKind::Tags),
            Field::new("codex", FieldKind::Text),
            Field::new("entropy_score", FieldKind::Real),
            Field::new("created_at", FieldKind::Text),
        ],
        indexes: &[
            &["tenant", "assistant", "ritual", "sequence"],
            &["tenant", "assistant", "created_at"],
            &["tenant", "created_at"],
        ],
        owns_cells: false,
    });
}

/// The head of a ritual: its newest entry. It owns the cells of all its entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RitualHead {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose data it is.
    pub tenant: TenantId,
    /// The assistant.
    pub assistant: AssistantId,
    /// The ritual.
    pub ritual: RitualId,
    /// The newest entry, so that it restores from one read.
    pub latest: CompressedRitual,
    /// When the newest entry was saved.
    pub updated_at: Timestamp,
}

impl Model for RitualHead {
    const TABLE: Table = Table::new(&Schema {
        name: "ritual_heads",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("assistant", FieldKind::Text),
            Field::new("ritual", FieldKind::Text),
            Field::new("updated_at", FieldKind::Text),
        ],
        indexes: &[&["tenant", "assistant", "updated_at"], &["tenant", "updated_at"]],
        owns_cells: true,
    });
}

impl RitualHead {
    /// The id of the head of a ritual.
    pub(crate) fn record_id(tenant: &TenantId, assistant: &AssistantId, ritual: &RitualId) -> RecordId {
        DomainHasher::new("mythos 2026 ritual head v1")
            .field(tenant.as_str().as_bytes())
            .field(assistant.as_str().as_bytes())
            .field(ritual.as_str().as_bytes())
            .finish()
            .into()
    }

    /// The owner of a ritual's cells.
    pub(crate) fn owner(tenant: &TenantId, assistant: &AssistantId, ritual: &RitualId) -> Owner {
        Owner { tenant: tenant.clone(), table: Self::TABLE, id: Self::record_id(tenant, assistant, ritual) }
    }

    /// The sequence number after the newest entry's.
    pub(crate) fn next_sequence(&self) -> Result<u64> {
        match self.latest.sequence.checked_add(1) {
            Some(next) if next <= MAX_SAFE_INTEGER => Ok(next),
            _ => Err(Error::limit("sequence", "a ritual has at most 2^53 - 1 entries")),
        }
    }
}

/// The name of the cell of an entry: its sequence, so that the newest is last, then the revision of its encoding.
pub(crate) fn cell_name(sequence: u64, revision: u32) -> CellName {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&sequence.to_be_bytes());
    bytes[8..].copy_from_slice(&revision.to_be_bytes());
    CellName::of_array(bytes)
}
