use std::collections::BTreeSet;
use std::sync::Arc;

use super::tree::DigestTree;
use crate::types::{ClauseId, Commitment, Digest, KeyedDomain};

/// Bytes of a symbolic checksum: 256 hexadecimal characters, the seed's `max_length`.
const CHECKSUM_BYTES: usize = 128;

static CLAUSE: KeyedDomain = KeyedDomain::new("mythos 2026 codex clause v1");
static STATE: KeyedDomain = KeyedDomain::new("mythos 2026 codex state v1");

/// The clauses of a codex after some event, with commitments in place of texts, and the Merkle tree over them.
#[derive(Debug, Clone)]
pub(crate) struct CodexState {
    clauses: Vec<Arc<ClauseState>>,
    tree: DigestTree,
    root: Digest,
}

/// One clause of a state, with its digest, which is computed once for each change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClauseState {
    stored: StoredClause,
    digest: Digest,
}

/// What is stored of a clause's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredClause {
    pub(crate) clause: ClauseId,
    pub(crate) text: CommittedText,
    pub(crate) notes: Vec<CommittedText>,
}

/// A commitment, and where its opening is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

impl StoredClause {
    fn digest(&self) -> Digest {
        clause_digest(&self.clause, &self.text.commitment, self.notes.iter().map(|note| &note.commitment))
    }
}

/// The digest of a clause: BLAKE3 in keyed mode, context `mythos 2026 codex clause v1`, over the length of its id in bytes
/// as 2 bytes little-endian, the id, the commitment to its text, and those to its notes, the oldest first.
pub(crate) fn clause_digest<'a>(
    clause: &ClauseId,
    text: &Commitment,
    notes: impl Iterator<Item = &'a Commitment>,
) -> Digest {
    let id = clause.as_str().as_bytes();
    let mut bytes = Vec::with_capacity(2 + id.len() + Commitment::BYTES);
    // An id has at most 150 characters.
    bytes.extend_from_slice(&(id.len() as u16).to_le_bytes());
    bytes.extend_from_slice(id);
    bytes.extend_from_slice(text.as_bytes());
    notes.for_each(|note| bytes.extend_from_slice(note.as_bytes()));
    CLAUSE.hash(&bytes)
}

/// What the root and the checksum of a state are hashed from: the number of clauses as 8 bytes little-endian, and the root
/// of the tree over their digests; 32 zeros if there are none.
fn hashed(clauses: u64, tree: Option<Digest>) -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes[..8].copy_from_slice(&clauses.to_le_bytes());
    if let Some(root) = tree {
        bytes[8..].copy_from_slice(root.as_bytes());
    }
    bytes
}

/// The codex root of a state with so many clauses, over whose digests stands this tree.
pub(crate) fn codex_root(clauses: u64, tree: Option<Digest>) -> Digest {
    STATE.hash(&hashed(clauses, tree))
}

impl Default for CodexState {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl CodexState {
    pub(crate) fn new(clauses: Vec<ClauseState>) -> Self {
        Self::of(clauses.into_iter().map(Arc::new).collect())
    }

    fn of(clauses: Vec<Arc<ClauseState>>) -> Self {
        let tree = DigestTree::new(clauses.iter().map(|clause| clause.digest()).collect());
        let root = codex_root(clauses.len() as u64, tree.root());
        Self { clauses, tree, root }
    }

    pub(crate) fn clauses(&self) -> &[Arc<ClauseState>] {
        &self.clauses
    }

    pub(crate) fn position(&self, clause: &ClauseId) -> Option<usize> {
        self.clauses.iter().position(|state| state.clause == *clause)
    }

    /// Changes the clause at `position`, and gives its digests before and after.
    pub(crate) fn change(
        &mut self,
        position: usize,
        change: impl FnOnce(&mut StoredClause),
    ) -> (Digest, Digest) {
        let clause = Arc::make_mut(&mut self.clauses[position]);
        let before = clause.digest;
        change(&mut clause.stored);
        clause.digest = clause.stored.digest();
        let after = clause.digest;
        self.tree.set(position, after);
        self.seal();
        (before, after)
    }

    /// Inserts a clause, and gives its digest.
    pub(crate) fn insert(&mut self, position: usize, clause: ClauseState) -> Digest {
        let digest = clause.digest;
        self.tree.insert(position, digest);
        self.clauses.insert(position, Arc::new(clause));
        self.seal();
        digest
    }

    /// Removes the clause at `position`, and gives its digest.
    pub(crate) fn remove(&mut self, position: usize) -> Digest {
        self.tree.remove(position);
        let removed = self.clauses.remove(position).digest;
        self.seal();
        removed
    }

    /// The state with these clauses of this one or another, in this order.
    pub(crate) fn arranged(clauses: Vec<Arc<ClauseState>>) -> Self {
        Self::of(clauses)
    }

    /// A clause that is there twice, if there is one.
    pub(crate) fn twice(&self) -> Option<&ClauseId> {
        let mut seen = BTreeSet::new();
        self.clauses.iter().map(|clause| &clause.clause).find(|clause| !seen.insert(*clause))
    }

    /// The codex root: the first 32 bytes of the checksum.
    pub(crate) const fn root(&self) -> Digest {
        self.root
    }

    /// The symbolic checksum: 128 bytes of BLAKE3 output as 256 hexadecimal characters; in keyed mode, context
    /// `mythos 2026 codex state v1`, over the number of clauses and the root of the tree over their digests.
    pub(crate) fn checksum(&self) -> String {
        use std::fmt::Write;
        let hashed = hashed(self.clauses.len() as u64, self.tree.root());
        let bytes = STATE.hash_extended::<CHECKSUM_BYTES>(&hashed);
        bytes.iter().fold(String::with_capacity(2 * CHECKSUM_BYTES), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The siblings that prove the clause at `position`.
    pub(crate) fn path(&self, position: usize) -> Vec<Digest> {
        self.tree.path(position)
    }

    fn seal(&mut self) {
        self.root = codex_root(self.clauses.len() as u64, self.tree.root());
    }
}
