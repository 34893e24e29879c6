use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::error::Result;
use crate::types::{ClauseId, Commitment, Digest, DomainHasher};

/// Bytes of a symbolic checksum: 256 hexadecimal characters, the seed's `max_length`.
const CHECKSUM_BYTES: usize = 128;

/// The clauses of a codex after some event, with commitments in place of texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct CodexState {
    pub(crate) clauses: Vec<ClauseState>,
}

/// One clause of a state, with its digest, which is computed once for each change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredClause", into = "StoredClause")]
pub(crate) struct ClauseState {
    stored: StoredClause,
    digest: Digest,
}

/// What is stored of a clause's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredClause {
    pub(crate) clause: ClauseId,
    pub(crate) text: CommittedText,
    pub(crate) notes: Vec<CommittedText>,
}

/// A commitment, and where its opening is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommittedText {
    pub(crate) commitment: Commitment,
    /// The event that made the commitment.
    pub(crate) sequence: u64,
    /// The number of its opening there.
    pub(crate) opening: u32,
}

impl From<StoredClause> for ClauseState {
    fn from(stored: StoredClause) -> Self {
        let digest = stored.digest();
        Self { stored, digest }
    }
}

impl From<ClauseState> for StoredClause {
    fn from(state: ClauseState) -> Self {
        state.stored
    }
}

impl std::ops::Deref for ClauseState {
    type Target = StoredClause;

    fn deref(&self) -> &StoredClause {
        &self.stored
    }
}

impl ClauseState {
    pub(crate) fn new(clause: ClauseId, text: CommittedText) -> Self {
        StoredClause { clause, text, notes: Vec::new() }.into()
    }

    pub(crate) const fn digest(&self) -> Digest {
        self.digest
    }

    /// Changes the clause, and its digest with it.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut StoredClause)) {
        change(&mut self.stored);
        self.digest = self.stored.digest();
    }
}

impl StoredClause {
    /// BLAKE3 in key derivation mode, context `mythos 2026 codex clause v1`, over the clause's id, the commitment to
    /// its text, and those to its notes, each preceded by its length.
    fn digest(&self) -> Digest {
        let hasher = DomainHasher::new("mythos 2026 codex clause v1")
            .field(self.clause.as_str().as_bytes())
            .field(self.text.commitment.as_bytes());
        self.notes.iter().fold(hasher, |hasher, note| hasher.field(note.commitment.as_bytes())).finish()
    }
}

impl CodexState {
    pub(crate) fn position(&self, clause: &ClauseId) -> Option<usize> {
        self.clauses.iter().position(|state| state.clause == *clause)
    }

    fn hasher(&self) -> DomainHasher {
        let hasher = DomainHasher::new("mythos 2026 codex state v1");
        self.clauses.iter().fold(hasher, |hasher, clause| hasher.field(clause.digest().as_bytes()))
    }

    /// The codex root: the first 32 bytes of the checksum.
    ///
    /// BLAKE3 in key derivation mode, context `mythos 2026 codex state v1`, over the digests of the clauses in order,
    /// each preceded by its length.
    pub(crate) fn root(&self) -> Digest {
        self.hasher().finish()
    }

    /// The symbolic checksum: 128 bytes of BLAKE3 output as 256 hexadecimal characters.
    pub(crate) fn checksum(&self) -> String {
        use std::fmt::Write;
        let bytes = self.hasher().finish_extended::<CHECKSUM_BYTES>();
        bytes.iter().fold(String::with_capacity(2 * CHECKSUM_BYTES), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        canonical::to_vec(self)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        canonical::from_canonical_slice(bytes).map_err(super::event::as_corrupt)
    }
}
