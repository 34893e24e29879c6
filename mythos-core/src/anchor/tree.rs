//! Inclusion and consistency proofs of the super-log.

use super::append::State;
use super::{AnchorHead, AnchorLog};
use crate::error::{Error, Result};
use crate::log::TreeReader;
use crate::store::Owner;
use crate::tlog::{self, ConsistencyProof, InclusionProof, TreeHash};

/// The Merkle tree over the statements of a super-log, as its head was when this was made: for many proofs at
/// once.
///
/// The leaf of a statement is `SHA-256(0x00 || digest)` with the statement's
/// [digest](super::AnchorStatement::statement_digest) (RFC 6962 §2.1 with the digest as the leaf's data).
#[derive(Debug, Clone)]
pub struct AnchorTree {
    log: AnchorLog,
    owner: Owner,
    head: AnchorHead,
    state: State,
}

impl AnchorTree {
    /// The head that it is of.
    #[must_use]
    pub const fn head(&self) -> &AnchorHead {
        &self.head
    }

    /// Proves that the statement at position `index` is in the log of the first `size`; of all of them if not
    /// given.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) unless `index < size` and `size` is at most the
    /// log's length; [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a tile is missing.
    pub fn inclusion(&self, index: u64, size: Option<u64>) -> Result<InclusionProof> {
        let size = self.size(size)?;
        tlog::inclusion_proof(index, size, self.reader())
    }

    /// Proves that the log of the first `old` statements is the beginning of that of the first `new`; of all
    /// if not given.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) unless `1 <= old <= new` and `new` is at most the
    /// log's length; [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a tile is missing.
    pub fn consistency(&self, old: u64, new: Option<u64>) -> Result<ConsistencyProof> {
        let new = self.size(new)?;
        tlog::consistency_proof(old, new, self.reader())
    }

    /// The root of the tree over the first `size` statements.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if `size` is over the log's length;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a tile is missing.
    pub fn root(&self, size: u64) -> Result<TreeHash> {
        let size = self.size(Some(size))?;
        tlog::root(size, self.reader())
    }

    pub(super) const fn log(&self) -> &AnchorLog {
        &self.log
    }

    fn reader(&self) -> TreeReader<'_> {
        TreeReader::new(&self.log.access, &self.owner, &self.state.edge, &self.log.shared.tiles)
    }

    fn size(&self, size: Option<u64>) -> Result<u64> {
        let length = self.head.length;
        match size {
            Some(size) if size > length => {
                let message = format!("the anchors have {length} statements, not {size}");
                Err(Error::invalid("size", message))
            }
            size => Ok(size.unwrap_or(length)),
        }
    }
}

impl AnchorLog {
    /// The Merkle tree over the statements, as the head is now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if nothing was ever anchored; else as
    /// [`head`](Self::head).
    pub fn tree(&self) -> Result<AnchorTree> {
        let state = self.state()?;
        let head = state.head.as_ref().map(|head| head.model.clone()).filter(|head| head.length > 0);
        let head = head.ok_or_else(|| Error::not_found("nothing was anchored yet"))?;
        Ok(AnchorTree { log: self.clone(), owner: self.owner(), head, state })
    }
}
