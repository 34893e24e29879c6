//! The entries of a codex's log.

use serde::{Deserialize, Serialize};

use super::DirectivePath;
use super::opening::{ACTOR, ACTOR_OPENING, FIRST_TEXT_OPENING, NOTE, REASON, REASON_OPENING, TEXT};
use crate::tlog::{TreeHash, leaf_hash};
use crate::types::{ClauseId, CodexId, Commitment, Digest, KeyedDomain, OperationId, TenantId, Timestamp};

/// The digest of an event's bytes.
static EVENT: KeyedDomain = KeyedDomain::new("mythos 2026 codex event v1");

/// One entry of a codex's log.
///
/// Stored as deterministic CBOR (RFC 8949 §4.2.1), in which every field has its place and none a name, and hashed as stored:
/// BLAKE3 in keyed mode, under the key that its key derivation mode makes of the context `mythos 2026 codex event v1` and no
/// input. Each names the digest of the one before it, so that the digest of the last stands for them all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The version of this layout, 1.
    pub format: u32,
    /// Whose codex it is.
    pub tenant: TenantId,
    /// The codex.
    pub codex: CodexId,
    /// The position in the log, from 0.
    pub sequence: u64,
    /// The digest of the event before it in the log; none for the first.
    pub previous: Option<Digest>,
    /// The positions of the events that it follows from: none for the first, two for a merge, else one.
    pub parents: Vec<u64>,
    /// The directives that led to it.
    pub directive_path: DirectivePath,
    /// What it does.
    pub change: Change,
    /// The clauses whose digest it changes, by id, compared with the first parent.
    pub clauses: Vec<ClauseDelta>,
    /// The codex root of the first parent.
    pub codex_before: Option<Digest>,
    /// The codex root that it leaves.
    pub codex_after: Digest,
    /// Who made the change.
    pub actor: Commitment,
    /// Why.
    pub reason: Option<Commitment>,
    /// The digest of evidence that the change was examined, such as an audit.
    pub evidence: Option<Digest>,
    /// The operation that appended it.
    pub operation: OperationId,
    /// When.
    pub recorded_at: Timestamp,
}

/// What an event does to the clauses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Change {
    /// Begins the codex.
    Create {
        /// Its clauses, in order.
        clauses: Vec<CommittedClause>,
    },
    /// Inserts a clause.
    Add {
        /// The new clause.
        clause: ClauseId,
        /// Its text.
        text: Commitment,
        /// Its place, from 0 to the number of clauses before.
        position: u32,
    },
    /// Gives a clause another text.
    Replace {
        /// The clause.
        clause: ClauseId,
        /// Its new text.
        text: Commitment,
    },
    /// Takes a clause away.
    Remove {
        /// The clause.
        clause: ClauseId,
    },
    /// Puts the clauses into another order.
    Reorder {
        /// All clauses, each once.
        order: Vec<ClauseId>,
    },
    /// Adds a note to a clause.
    Annotate {
        /// The clause.
        clause: ClauseId,
        /// The note.
        note: Commitment,
    },
    /// Joins two heads: takes each clause of the result from one of them.
    Merge {
        /// The clauses of the result, in order.
        take: Vec<TakenClause>,
    },
    /// Erases texts, actors or reasons of events. The clauses keep their commitments.
    Redact {
        /// What is erased, ascending, each once.
        erased: Vec<ErasedOpening>,
    },
    /// Lets a key sign checkpoints of this log from here on. As soon as a log names keys, only they may.
    Authorize {
        /// The key, as a verifier key of C2SP signed notes.
        key: String,
    },
    /// Takes that back: what the key signs of this event and later is worth nothing.
    Revoke {
        /// The key, as it was authorized.
        key: String,
    },
}

/// What kind of change an event makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// The codex began.
    Create,
    /// A clause was inserted.
    Add,
    /// A clause got another text.
    Replace,
    /// A clause was taken away.
    Remove,
    /// The clauses were put into another order.
    Reorder,
    /// A note was added to a clause.
    Annotate,
    /// Two heads were joined.
    Merge,
    /// Texts, actors or reasons were erased.
    Redact,
    /// A key was allowed to sign checkpoints.
    Authorize,
    /// A key was forbidden to.
    Revoke,
}

impl ChangeKind {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Remove => "remove",
            Self::Reorder => "reorder",
            Self::Annotate => "annotate",
            Self::Merge => "merge",
            Self::Redact => "redact",
            Self::Authorize => "authorize",
            Self::Revoke => "revoke",
        }
    }
}

impl Change {
    /// What kind of change it is.
    #[must_use]
    pub const fn kind(&self) -> ChangeKind {
        match self {
            Self::Create { .. } => ChangeKind::Create,
            Self::Add { .. } => ChangeKind::Add,
            Self::Replace { .. } => ChangeKind::Replace,
            Self::Remove { .. } => ChangeKind::Remove,
            Self::Reorder { .. } => ChangeKind::Reorder,
            Self::Annotate { .. } => ChangeKind::Annotate,
            Self::Merge { .. } => ChangeKind::Merge,
            Self::Redact { .. } => ChangeKind::Redact,
            Self::Authorize { .. } => ChangeKind::Authorize,
            Self::Revoke { .. } => ChangeKind::Revoke,
        }
    }

    /// The clause that it is about, if it is one.
    #[must_use]
    pub const fn clause(&self) -> Option<&ClauseId> {
        match self {
            Self::Add { clause, .. }
            | Self::Replace { clause, .. }
            | Self::Remove { clause }
            | Self::Annotate { clause, .. } => Some(clause),
            Self::Create { .. }
            | Self::Reorder { .. }
            | Self::Merge { .. }
            | Self::Redact { .. }
            | Self::Authorize { .. }
            | Self::Revoke { .. } => None,
        }
    }
}

/// A clause of a new codex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommittedClause {
    /// The clause.
    pub clause: ClauseId,
    /// Its text.
    pub text: Commitment,
}

/// A clause of a merge's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakenClause {
    /// The clause.
    pub clause: ClauseId,
    /// Which parent it is taken from.
    pub from: MergeSide,
}

/// Which parent of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeSide {
    /// The first.
    Ours,
    /// The second.
    Theirs,
}

/// How an event changed a clause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClauseDelta {
    /// The clause.
    pub clause: ClauseId,
    /// Its digest before; `None` if it was not there.
    pub before: Option<Digest>,
    /// Its digest after; `None` if it is gone.
    pub after: Option<Digest>,
}

/// An opening that a redaction erases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasedOpening {
    /// The position of the event that made the commitment.
    pub sequence: u64,
    /// Its number there: 0 for the actor, 1 for the reason, from 2 on for texts and notes.
    pub opening: u32,
}

impl Event {
    /// The layout that this version writes.
    pub(crate) const FORMAT: u32 = 1;

    /// The digest of stored bytes.
    pub(crate) fn digest(bytes: &[u8]) -> Digest {
        EVENT.hash(bytes)
    }

    /// The leaf of the log's Merkle tree that an event with this digest has.
    pub(crate) fn leaf(digest: &Digest) -> TreeHash {
        leaf_hash(digest.as_bytes())
    }

    /// The commitments in the order of their openings: actor, reason, then texts and notes; with their purposes.
    pub(crate) fn commitments(&self) -> Vec<(&'static str, u32, Commitment)> {
        let mut commitments = vec![(ACTOR, ACTOR_OPENING, self.actor)];
        commitments.extend(self.reason.map(|reason| (REASON, REASON_OPENING, reason)));
        match &self.change {
            Change::Create { clauses } => {
                let texts = clauses.iter().zip(FIRST_TEXT_OPENING..);
                commitments.extend(texts.map(|(clause, index)| (TEXT, index, clause.text)));
            }
            Change::Add { text, .. } | Change::Replace { text, .. } => {
                commitments.push((TEXT, FIRST_TEXT_OPENING, *text));
            }
            Change::Annotate { note, .. } => commitments.push((NOTE, FIRST_TEXT_OPENING, *note)),
            Change::Remove { .. }
            | Change::Reorder { .. }
            | Change::Merge { .. }
            | Change::Redact { .. }
            | Change::Authorize { .. }
            | Change::Revoke { .. } => {}
        }
        commitments
    }
}
