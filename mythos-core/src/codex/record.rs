use serde::{Deserialize, Serialize};

use super::state::CodexState;
use super::{ChangeKind, DirectivePath, Event};
use crate::error::{Error, Result};
use crate::store::{Field, FieldKind, Model, Owner, Schema, Table};
use crate::types::{ClauseId, CodexId, Digest, DomainHasher, OperationId, RecordId, TenantId, Timestamp};

/// What is known of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProofVerificationStatus {
    /// The log derives the state, every digest agrees, and every text is there and opens its commitment.
    Verified,
    /// As `Verified`, but some texts, actors or reasons were erased.
    Redacted,
    /// Something stored does not follow from the log.
    Tampered,
    /// It cannot be told, such as for an unknown format.
    Unverifiable,
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
    /// The head of the hash chain up to this event.
    pub mutation_trail_hash: Digest,
    /// The status when the record was written: the event was derived from a state whose digest agreed.
    pub proof_verification_status: ProofVerificationStatus,
    /// When the event was recorded; never before the one before it.
    pub created_at: Timestamp,
}

impl SymbolProof {
    pub(crate) const FORMAT: u32 = 1;

    /// The proof of an event that was just derived.
    pub(crate) fn of(
        event: &Event,
        digest: Digest,
        parents: Vec<u64>,
        state: &CodexState,
        trail_before: Option<&Digest>,
    ) -> Self {
        Self {
            format: Self::FORMAT,
            tenant: event.tenant.clone(),
            codex: event.codex.clone(),
            operation: event.operation,
            sequence: event.sequence,
            event: digest,
            parents,
            change: event.change.kind(),
            clause: event.change.clause().cloned(),
            symbolic_checksum: state.checksum(),
            directive_path_log: event.directive_path.clone(),
            mutation_trail_hash: Self::extend_trail(trail_before, &digest),
            proof_verification_status: ProofVerificationStatus::Verified,
            created_at: event.recorded_at,
        }
    }

    /// The hash chain: BLAKE3 in key derivation mode, context `mythos 2026 codex trail v1`, over the trail hash before
    /// (nothing for the first event) and the event's digest, each preceded by its length.
    pub(crate) fn extend_trail(before: Option<&Digest>, event: &Digest) -> Digest {
        DomainHasher::new("mythos 2026 codex trail v1")
            .field(before.map_or(&[], |digest| &digest.as_bytes()[..]))
            .field(event.as_bytes())
            .finish()
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
    /// The head of the hash chain over all events.
    pub mutation_trail_hash: Digest,
    /// The events that no other event follows from, ascending. More than one after a branch, until a merge.
    pub heads: Vec<CodexHeadState>,
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

    /// The head after the event of `proof` was appended, which leaves `codex_root`.
    pub(crate) fn after(head: Option<&Self>, proof: &SymbolProof, codex_root: Digest) -> Result<Self> {
        let mut heads = head.map_or_else(Vec::new, |head| head.heads.clone());
        heads.retain(|head| !proof.parents.contains(&head.sequence));
        heads.push(CodexHeadState {
            sequence: proof.sequence,
            event: proof.event,
            codex_root,
            symbolic_checksum: proof.symbolic_checksum.clone(),
        });
        if heads.len() > Self::MAX_HEADS {
            let message = format!("a codex has at most {} heads: merge some", Self::MAX_HEADS);
            return Err(Error::limit("parent", message));
        }
        Ok(Self {
            format: Self::FORMAT,
            tenant: proof.tenant.clone(),
            codex: proof.codex.clone(),
            length: proof.sequence + 1,
            mutation_trail_hash: proof.mutation_trail_hash,
            heads,
            created_at: head.map_or(proof.created_at, |head| head.created_at),
            updated_at: proof.created_at,
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
