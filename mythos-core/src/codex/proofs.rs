//! Inclusion and consistency proofs of a codex's log.

use std::sync::Arc;

use super::tail::Tail;
use super::{CodexHead, CodexProofOfSymbolEngine};
use crate::error::{Error, Result};
use crate::log::TreeReader;
use crate::store::Owner;
use crate::tlog::{self, ConsistencyProof, InclusionProof, LogProof, SignedCheckpoint, TreeHash};
use crate::types::CodexId;

/// The Merkle tree over the events of a codex, as its head was when this was made: for many proofs at once.
///
/// The leaf of an event is `SHA-256(0x00 || digest)` with the event's BLAKE3 digest (RFC 6962 §2.1 with the digest as the
/// leaf's data), so that standard verifiers accept the proofs. A proof reads at most two tiles per eight levels of the tree.
#[derive(Debug, Clone)]
pub struct CodexTree {
    engine: CodexProofOfSymbolEngine,
    owner: Owner,
    head: CodexHead,
    tail: Arc<Tail>,
}

impl CodexTree {
    /// The head that it is of.
    #[must_use]
    pub const fn head(&self) -> &CodexHead {
        &self.head
    }

    /// Proves that the event at position `index` is in the log of the first `size` events; of all of them if not given.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) unless `index < size` and `size` is at most the log's length;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a tile is missing.
    pub fn inclusion(&self, index: u64, size: Option<u64>) -> Result<InclusionProof> {
        let size = self.size(size)?;
        tlog::inclusion_proof(index, size, self.reader())
    }

    /// Proves that the log of the first `old` events is the beginning of that of the first `new`; of all if not given.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) unless `1 <= old <= new` and `new` is at most the log's length;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a tile is missing.
    pub fn consistency(&self, old: u64, new: Option<u64>) -> Result<ConsistencyProof> {
        let new = self.size(new)?;
        tlog::consistency_proof(old, new, self.reader())
    }

    /// The root of the tree over the first `size` events.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if `size` is over the log's length;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a tile is missing.
    pub fn root(&self, size: u64) -> Result<TreeHash> {
        let size = self.size(Some(size))?;
        tlog::root(size, self.reader())
    }

    /// Proves that the event at position `index` is in the log that `checkpoint` speaks of, as one text that anyone can
    /// verify offline: the way to the root, and the checkpoint itself. `extra` is data of the caller's for the reader, which
    /// nobody vouches for.
    ///
    /// [`LogProof::verify`] takes the leaf's hash: [`leaf_hash`](crate::tlog::leaf_hash) of the event's digest.
    ///
    /// ```
    /// use mythos_core::Mythos;
    /// use mythos_core::codex::{CreateCodex, DirectivePath};
    /// use mythos_core::seal::SecretKey;
    /// use mythos_core::tlog::{Ed25519Signer, LogProof, NoteSigner, Policy, leaf_hash};
    ///
    /// let codices = Mythos::in_memory().codices();
    /// let (codex, path) = ("support".parse()?, DirectivePath::new(["launch"])?);
    /// let made = codices.create(&CreateCodex::new("support".parse()?, vec![], path, "ana"))?;
    /// let signer = Ed25519Signer::from_seed(codices.origin(&codex), &SecretKey::from_bytes(&[7; 32]))?;
    /// let checkpoint = codices.checkpoint(&codex, &[&signer])?;
    /// let file = codices.tree(&codex)?.log_proof(made.sequence, &checkpoint, None)?.to_string();
    ///
    /// // Elsewhere, later, without the store:
    /// let leaf = leaf_hash(made.event.as_bytes());
    /// file.parse::<LogProof>()?.verify(&leaf, &Policy::of_log(signer.verifier_key().clone())?)?;
    /// # Ok::<(), mythos_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `checkpoint`, if the checkpoint is not of this log, and
    /// field `index` if it speaks of no such event; those of [`LogProof::with_extra`];
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a tile is missing.
    pub fn log_proof(
        &self,
        index: u64,
        checkpoint: &SignedCheckpoint,
        extra: Option<Vec<u8>>,
    ) -> Result<LogProof> {
        self.check_is_of(checkpoint)?;
        let proof = self.inclusion(index, Some(checkpoint.checkpoint().size()))?;
        let proof = LogProof::new(proof, checkpoint.clone())?;
        match extra {
            Some(extra) => proof.with_extra(extra),
            None => Ok(proof),
        }
    }

    /// Checks that a checkpoint speaks of this log and of at least one event. Who signed it is another question.
    pub(super) fn check_is_of(&self, checkpoint: &SignedCheckpoint) -> Result<()> {
        let (told, origin) = (checkpoint.checkpoint(), self.engine.origin(&self.head.codex));
        let size = told.size();
        let is_of = told.origin() == origin && (1..=self.head.length).contains(&size);
        if !is_of || self.root(size)? != told.root() {
            let message = format!("the checkpoint of {size} events is not of {origin:?}, or of another log");
            return Err(Error::invalid("checkpoint", message));
        }
        Ok(())
    }

    pub(super) fn tail(&self) -> &Tail {
        &self.tail
    }

    pub(super) const fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(super) fn reader(&self) -> TreeReader<'_> {
        TreeReader::new(&self.engine.access, &self.owner, self.tail.edge(), &self.engine.shared.tiles)
    }

    fn size(&self, size: Option<u64>) -> Result<u64> {
        let length = self.head.length;
        match size {
            Some(size) if size > length => {
                let message = format!("codex {} has {length} events, not {size}", self.head.codex);
                Err(Error::invalid("size", message))
            }
            size => Ok(size.unwrap_or(length)),
        }
    }
}

impl CodexProofOfSymbolEngine {
    /// The Merkle tree over a codex's events, as its head is now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such codex;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if its log does not lead to its head.
    pub fn tree(&self, codex: &CodexId) -> Result<CodexTree> {
        let head = self.codex(codex)?;
        let tail = self.tail(&head)?;
        let owner = CodexHead::owner(&head.tenant, &head.codex);
        Ok(CodexTree { engine: self.clone(), owner, head, tail })
    }
}
