use serde::{Deserialize, Serialize};

use super::hash::{TreeHash, node_hash};
use super::tree::{check_old_size, check_size};
use crate::error::{Error, Result};

mod few_hashes;

/// The most hashes that a proof has: one for each level under the root of the largest tree, and in a
/// consistency proof one more.
pub const MAX_PROOF_HASHES: usize = 64;

/// What shows that a leaf is in a tree: the hashes beside the way from the leaf to the root, the lowest
/// first.
///
/// It is a plain record: nothing is checked before [`verify`](Self::verify). Its JSON form holds the hashes
/// in base64; one with more than [`MAX_PROOF_HASHES`] is refused while it is read.
///
/// ```
/// use mythos_core::tlog::{InclusionProof, leaf_hash, node_hash};
///
/// let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
/// let proof = InclusionProof { index: 1, size: 2, hashes: vec![a] };
/// proof.verify(&b, &node_hash(&a, &b))?;
/// assert!(proof.verify(&a, &node_hash(&a, &b)).is_err());
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: RFC 9162 §2.1.3.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionProof {
    /// The leaf's index, from 0.
    pub index: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// The hashes, from the leaf's sibling to the root's child.
    #[serde(deserialize_with = "few_hashes::deserialize")]
    pub hashes: Vec<TreeHash>,
}

impl InclusionProof {
    /// Checks that the tree with this `root` holds this `leaf` at the index. It needs one hash for each of
    /// the proof's.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `index`, if a tree of this size has no such
    /// leaf; [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `size`, over
    /// [`MAX_TREE_SIZE`](super::MAX_TREE_SIZE); [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if there
    /// are too few or too many hashes, or if they lead to another root.
    ///
    /// Source: RFC 9162 §2.1.3.2.
    pub fn verify(&self, leaf: &TreeHash, root: &TreeHash) -> Result<()> {
        let Self { index, size, .. } = *self;
        check_size("size", size)?;
        if index >= size {
            let message = format!("the leaf {index} is not in a tree of {size} leaves");
            return Err(Error::invalid("index", message));
        }
        let mut climb = Climb { node: index, last: size - 1 };
        let mut hash = *leaf;
        for sibling in &self.hashes {
            hash = match climb.step().ok_or_else(|| self.wrong_length())? {
                Side::Left => node_hash(sibling, &hash),
                Side::Right => node_hash(&hash, sibling),
            };
        }
        if !climb.is_at_root() {
            return Err(self.wrong_length());
        }
        if hash != *root {
            return Err(Error::mismatch(format_args!("the root over leaf {index} of {size}"), root, hash));
        }
        Ok(())
    }

    fn wrong_length(&self) -> Error {
        let Self { index, size, hashes } = self;
        Error::corrupt(format!("{} hashes do not lead from leaf {index} to the root of {size}", hashes.len()))
    }
}

/// What shows that one tree is how another began.
///
/// It is a plain record: nothing is checked before [`verify`](Self::verify). Its JSON form holds the hashes
/// in base64; one with more than [`MAX_PROOF_HASHES`] is refused while it is read.
///
/// Source: RFC 9162 §2.1.4.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    /// How many leaves the earlier tree had; at least 1.
    pub old_size: u64,
    /// How many leaves the later tree has.
    pub new_size: u64,
    /// The hashes, the lowest first.
    #[serde(deserialize_with = "few_hashes::deserialize")]
    pub hashes: Vec<TreeHash>,
}

impl ConsistencyProof {
    /// Checks that the tree with `new_root` begins with all of the tree with `old_root`. It needs at most two
    /// hashes for each of the proof's.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `old_size`, if it is 0 or more than the new
    /// one; [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `new_size`, over
    /// [`MAX_TREE_SIZE`](super::MAX_TREE_SIZE); [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if there
    /// are too few or too many hashes, or if they lead to another old or new root.
    ///
    /// Source: RFC 9162 §2.1.4.2.
    pub fn verify(&self, old_root: &TreeHash, new_root: &TreeHash) -> Result<()> {
        let Self { old_size, new_size, .. } = *self;
        check_size("new_size", new_size)?;
        check_old_size(old_size, new_size)?;
        if old_size == new_size {
            if !self.hashes.is_empty() {
                return Err(self.wrong_length());
            }
            return self.compare("new", new_root, old_root);
        }
        // The first node is the largest one that ends where the old tree does. If that is all of the old
        // tree, its hash is the old root, and the proof leaves it out.
        let level = old_size.trailing_zeros();
        let (first, hashes) = match self.hashes.split_first() {
            _ if old_size.is_power_of_two() => (old_root, self.hashes.as_slice()),
            Some(split) => split,
            None => return Err(self.wrong_length()),
        };
        let mut climb = Climb { node: (old_size - 1) >> level, last: (new_size - 1) >> level };
        let (mut old, mut new) = (*first, *first);
        for sibling in hashes {
            match climb.step().ok_or_else(|| self.wrong_length())? {
                // What stands to the left was in the old tree too.
                Side::Left => {
                    old = node_hash(sibling, &old);
                    new = node_hash(sibling, &new);
                }
                Side::Right => new = node_hash(&new, sibling),
            }
        }
        if !climb.is_at_root() {
            return Err(self.wrong_length());
        }
        self.compare("old", old_root, &old)?;
        self.compare("new", new_root, &new)
    }

    fn compare(&self, which: &str, expected: &TreeHash, found: &TreeHash) -> Result<()> {
        if expected != found {
            let Self { old_size, new_size, .. } = self;
            let what = format_args!("the {which} root of the trees of {old_size} and {new_size} leaves");
            return Err(Error::mismatch(what, expected, found));
        }
        Ok(())
    }

    fn wrong_length(&self) -> Error {
        let Self { old_size, new_size, hashes } = self;
        Error::corrupt(format!("{} hashes do not lead from {old_size} leaves to {new_size}", hashes.len()))
    }
}

/// On which side of the way up a sibling stands.
enum Side {
    Left,
    Right,
}

/// The way from a node up to the root: its index among the nodes of its level, and that of the last one
/// there.
struct Climb {
    node: u64,
    last: u64,
}

impl Climb {
    /// Goes up past the next sibling; `None` at the root.
    ///
    /// The last node of a level without a sibling is its own parent: it is passed by until it has a left
    /// sibling.
    fn step(&mut self) -> Option<Side> {
        if self.is_at_root() {
            return None;
        }
        if self.node == self.last {
            let passed = self.node.trailing_zeros();
            self.node >>= passed;
            self.last >>= passed;
        }
        let side = if self.node & 1 == 1 { Side::Left } else { Side::Right };
        self.node >>= 1;
        self.last >>= 1;
        Some(side)
    }

    fn is_at_root(&self) -> bool {
        self.last == 0
    }
}

#[cfg(test)]
mod tests;
