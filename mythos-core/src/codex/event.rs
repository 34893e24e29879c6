//! The entries of a codex's log, as they are stored and hashed.

use serde::{Deserialize, Serialize};

use super::DirectivePath;
use crate::canonical;
use crate::error::{Error, Result};
use crate::store::CellName;
use crate::types::{
    ClauseId, CodexId, Commitment, Digest, DomainHasher, OperationId, Salt, TenantId, Timestamp,
};

/// One entry of a codex's log.
///
/// Stored as canonical JSON (RFC 8785) and hashed as stored: BLAKE3 in key derivation mode, context
/// `mythos 2026 codex event v1`, over the length of the bytes (8 bytes little-endian) and the bytes.
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
    /// The digests of the events it follows from: none for the first, two for a merge, else one.
    pub parents: Vec<Digest>,
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
            Self::Create { .. } | Self::Reorder { .. } | Self::Merge { .. } => None,
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

/// What opens a commitment of an event. Erasing it leaves every proof valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The place in the event: `actor`, `reason`, `text` or `note`.
    pub purpose: String,
    /// The salt.
    pub salt: Salt,
    /// The text that was committed to.
    pub value: String,
}

impl Event {
    /// The layout that this version writes.
    pub(crate) const FORMAT: u32 = 1;

    /// The bytes that are stored and hashed.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        canonical::to_vec(self)
    }

    /// Reads stored bytes, which must be canonical.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let event: Self = canonical::from_canonical_slice(bytes).map_err(as_corrupt)?;
        if event.format != Self::FORMAT {
            return Err(Error::corrupt(format!("a codex event has the unknown format {}", event.format)));
        }
        // A time or an id has many spellings; an event has one.
        if event.to_bytes()? != bytes {
            return Err(Error::corrupt("a codex event is not spelled as events are written"));
        }
        Ok(event)
    }

    /// The digest of stored bytes.
    pub(crate) fn digest(bytes: &[u8]) -> Digest {
        DomainHasher::new("mythos 2026 codex event v1").field(bytes).finish()
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
            Change::Remove { .. } | Change::Reorder { .. } | Change::Merge { .. } => {}
        }
        commitments
    }
}

pub(crate) const ACTOR: &str = "actor";
pub(crate) const REASON: &str = "reason";
pub(crate) const TEXT: &str = "text";
pub(crate) const NOTE: &str = "note";

pub(crate) const ACTOR_OPENING: u32 = 0;
pub(crate) const REASON_OPENING: u32 = 1;
pub(crate) const FIRST_TEXT_OPENING: u32 = 2;

impl Opening {
    /// Commits to `value`.
    pub(crate) fn commit(purpose: &'static str, salt: Salt, value: &str) -> (Commitment, Self) {
        let commitment = Commitment::to(purpose, &salt, value.as_bytes());
        (commitment, Self { purpose: purpose.to_owned(), salt, value: value.to_owned() })
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        canonical::to_vec(self)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let opening: Self = canonical::from_canonical_slice(bytes).map_err(as_corrupt)?;
        if opening.to_bytes()? != bytes {
            return Err(Error::corrupt("an opening is not spelled as openings are written"));
        }
        Ok(opening)
    }

    /// Whether this opens `commitment` as `purpose`.
    pub(crate) fn opens(&self, purpose: &str, commitment: &Commitment) -> bool {
        self.purpose == purpose && commitment.opens(purpose, &self.salt, self.value.as_bytes())
    }
}

/// What is stored and cannot be read is damage, not a caller's mistake.
pub(crate) fn as_corrupt(error: Error) -> Error {
    Error::corrupt(error.to_string()).with_source(error)
}

/// The cells of a codex's head.
pub(crate) enum CodexCell {
    /// An event.
    Event(u64),
    /// An opening of one of its commitments.
    Opening(u64, u32),
    /// The state after an event that is a head.
    State(u64),
}

impl CodexCell {
    /// The cell's name: a letter, the sequence, and for openings the number, big-endian, so that order is order.
    pub(crate) fn name(self) -> CellName {
        match self {
            Self::Event(sequence) => Self::sequenced(b'e', sequence),
            Self::State(sequence) => Self::sequenced(b's', sequence),
            Self::Opening(sequence, index) => {
                let mut bytes = [b'o'; 13];
                bytes[1..9].copy_from_slice(&sequence.to_be_bytes());
                bytes[9..].copy_from_slice(&index.to_be_bytes());
                CellName::of_array(bytes)
            }
        }
    }

    fn sequenced(letter: u8, sequence: u64) -> CellName {
        let mut bytes = [letter; 9];
        bytes[1..].copy_from_slice(&sequence.to_be_bytes());
        CellName::of_array(bytes)
    }
}
