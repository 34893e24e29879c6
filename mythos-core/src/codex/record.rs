use serde::{Deserialize, Serialize};

use super::event::Event;
use super::state::CodexState;
use super::tail::Tail;
use super::{ChangeKind, DirectivePath};
use crate::error::{Error, Result};
use crate::log::StoredCheckpoint;
use crate::store::{Field, FieldKind, Model, Owner, Schema, Table};
use crate::tlog::TreeHash;
use crate::types::{ClauseId, CodexId, Digest, DomainHasher, OperationId, RecordId, TenantId, Timestamp};

/// What is known of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProofVerificationStatus {
    /// The log derives the state, every digest agrees, every text is there and opens its commitment, and every checkpoint
    /// that was compared is one of this log.
    Verified,
    /// As `Verified`, but some texts, actors or reasons were erased, and the log says so.
    Redacted,
    /// As one of the two, but of the witnesses that were asked for, too few vouch for it: nothing tells whether someone else
    /// is shown the same.
    Unanchored,
    /// A checkpoint that is signed for this log speaks of another: the same number of events, and others.
    Forked,
    /// Something stored does not follow from the log.
    Tampered,
    /// It cannot be told, such as for an unknown format.
    Unverifiable,
}

impl ProofVerificationStatus {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Redacted => "redacted",
            Self::Unanchored => "unanchored",
            Self::Forked => "forked",
            Self::Tampered => "tampered",
            Self::Unverifiable => "unverifiable",
        }
    }
}

/// What is listed of each mutation of a codex: one record per event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolProof {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose codex it is.
    pub tenant: TenantId,
    /// The codex.
    pub codex: CodexId,
    /// The operation that made the mutation; the record's id derives from it.
    pub operation: OperationId,
    /// The event's position in the log, from 0.
    pub sequence: u64,
    /// The digest of the event.
    pub event: Digest,
    /// The positions of the events that it follows from.
    pub parents: Vec<u64>,
    /// What the event does.
    pub change: ChangeKind,
    /// The clause that it is about, if it is one.
    pub clause: Option<ClauseId>,
    /// 128 bytes of BLAKE3 output over the state that the event leaves, as 256 hexadecimal characters; the first 64
    /// are the codex root.
    pub symbolic_checksum: String,
    /// The directives that led to the mutation, outermost first.
    pub directive_path_log: DirectivePath,
    /// The same in one text, each directive followed by U+001F, so that paths are found by what they begin with.
    pub directive_key: String,
    /// The head of the hash chain up to this event: its own digest, since it names that of the one before.
    pub mutation_trail_hash: Digest,
    /// `Verified` when the record was written, since the event was derived from a state whose digest agreed; `Redacted` as
    /// soon as something of the event was erased.
    pub proof_verification_status: ProofVerificationStatus,
    /// When the event was recorded; never before the one before it.
    pub created_at: Timestamp,
}

impl SymbolProof {
    pub(crate) const FORMAT: u32 = 1;

    /// The proof of an event that was derived, which leaves `state`; `is_redacted` if something of it is erased.
    pub(crate) fn of(event: &Event, digest: Digest, state: &CodexState, is_redacted: bool) -> Self {
        let status = match is_redacted {
            true => ProofVerificationStatus::Redacted,
            false => ProofVerificationStatus::Verified,
        };
        Self {
            format: Self::FORMAT,
            tenant: event.tenant.clone(),
            codex: event.codex.clone(),
            operation: event.operation,
            sequence: event.sequence,
            event: digest,
            parents: event.parents.clone(),
            change: event.change.kind(),
            clause: event.change.clause().cloned(),
            symbolic_checksum: state.checksum(),
            directive_path_log: event.directive_path.clone(),
            directive_key: event.directive_path.key(),
            mutation_trail_hash: digest,
            proof_verification_status: status,
            created_at: event.recorded_at,
        }
    }

    /// The id of the record of the n-th event that an operation appended: the first is found by the operation.
    pub(crate) fn record_id(tenant: &TenantId, operation: &OperationId, number: u64) -> RecordId {
        if number == 0 {
            return operation.record_id(tenant);
        }
        let id: RecordId = DomainHasher::new("mythos 2026 codex proof v1")
            .field(operation.record_id(tenant).as_bytes())
            .field(&number.to_le_bytes())
            .finish()
            .into();
        id
    }
}

impl Model for SymbolProof {
    const TABLE: Table = Table::new(&Schema {
        name: "symbol_proofs",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("codex", FieldKind::Text),
            Field::new("sequence", FieldKind::Integer),
            Field::new("change", FieldKind::Text),
            Field::new("clause", FieldKind::Text),
            Field::new("directive_key", FieldKind::Text),
            Field::new("proof_verification_status", FieldKind::Text),
            Field::new("created_at", FieldKind::Text),
        ],
        indexes: &[&["tenant", "codex", "sequence"], &["tenant", "created_at"]],
        owns_cells: false,
    });
}

/// The head record of a codex. It owns the cells of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodexHead {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose codex it is.
    pub tenant: TenantId,
    /// The codex.
    pub codex: CodexId,
    /// The number of events.
    pub length: u64,
    /// The head of the hash chain over all events: the digest of the last.
    pub mutation_trail_hash: Digest,
    /// The root of the Merkle tree over all events (RFC 6962 §2.1): what a checkpoint signs.
    pub tree_root: TreeHash,
    /// The events that no other event follows from, ascending. More than one after a branch, until a merge.
    pub heads: Vec<CodexHeadState>,
    /// How many events replay need not begin with, since a snapshot tells what they leave.
    pub snapshot: u64,
    /// How many events, from the first on, have their proof listed.
    pub listed: u64,
    /// The newest signed checkpoint that is stored, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<StoredCheckpoint>,
    /// When the codex was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// One head of a codex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodexHeadState {
    /// The event's position in the log.
    pub sequence: u64,
    /// The event's digest.
    pub event: Digest,
    /// The root of the state there: what an assistant is aligned with.
    pub codex_root: Digest,
    /// The symbolic checksum of the state there.
    pub symbolic_checksum: String,
}

impl Model for CodexHead {
    const TABLE: Table = Table::new(&Schema {
        name: "codex_heads",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("codex", FieldKind::Text),
            Field::new("length", FieldKind::Integer),
            Field::new("created_at", FieldKind::Text),
            Field::new("updated_at", FieldKind::Text),
        ],
        indexes: &[&["tenant", "codex"], &["tenant", "updated_at"]],
        owns_cells: true,
    });
}

impl CodexHead {
    pub(crate) const FORMAT: u32 = 1;
    /// The most heads at the same time.
    const MAX_HEADS: usize = 64;

    /// Checks that this is the head of `codex` in a layout that is known, so that nothing is built on another's.
    pub(crate) fn check(&self, tenant: &TenantId, codex: &CodexId) -> Result<()> {
        if self.format != Self::FORMAT {
            let message =
                format!("the head of codex {codex} has the format {}, which is not known", self.format);
            return Err(Error::corrupt(message));
        }
        if self.tenant != *tenant || self.codex != *codex {
            let found = format!("{}/{}", self.tenant, self.codex);
            return Err(Error::corrupt(format!("the head of codex {tenant}/{codex} says it is of {found}")));
        }
        if self.heads.is_empty() || self.length == 0 {
            return Err(Error::corrupt(format!("the head of codex {codex} names no event")));
        }
        Ok(())
    }

    /// The head of a log that ends so; what is beside the log stays as it is in `before`.
    pub(crate) fn of(tail: &Tail, tenant: &TenantId, codex: &CodexId, before: Option<&Self>) -> Result<Self> {
        let heads = tail.heads();
        if heads.len() > Self::MAX_HEADS {
            let message = format!("a codex has at most {} heads: merge some", Self::MAX_HEADS);
            return Err(Error::limit("parent", message));
        }
        let (Some(last), Some(created_at), Some(updated_at)) =
            (tail.last(), tail.created_at(), tail.recorded_at())
        else {
            return Err(Error::internal("a log without events has no head"));
        };
        Ok(Self {
            format: Self::FORMAT,
            tenant: tenant.clone(),
            codex: codex.clone(),
            length: tail.length(),
            mutation_trail_hash: last,
            tree_root: tail.edge().root(),
            heads,
            snapshot: tail.snapshot().0,
            listed: before.map_or(0, |before| before.listed),
            checkpoint: before.and_then(|before| before.checkpoint),
            created_at,
            updated_at,
        })
    }

    /// The owner of the cells of a codex's log; its id is the head record's.
    pub(crate) fn owner(tenant: &TenantId, codex: &CodexId) -> Owner {
        let id: RecordId = DomainHasher::new("mythos 2026 codex head v1")
            .field(tenant.as_str().as_bytes())
            .field(codex.as_str().as_bytes())
            .finish()
            .into();
        Owner { tenant: tenant.clone(), table: Self::TABLE, id }
    }
}
