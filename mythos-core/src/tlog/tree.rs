use super::hash::{EMPTY_ROOT, TreeHash, node_hash};
use super::proof::{ConsistencyProof, InclusionProof, MAX_PROOF_HASHES};
use crate::error::{Error, Result};

/// The largest tree: 2^63 - 1 leaves, so that a size fits the signed integers of SQL and of other languages.
pub const MAX_TREE_SIZE: u64 = i64::MAX as u64;

/// Where the hashes of a tree's nodes are read from.
///
/// The node (`level`, `index`) is the root of the complete subtree over the leaves from `index << level` to
/// before `(index + 1) << level`; level 0 are the leaves. Only nodes whose leaves are all in the tree are
/// asked for, each at most once in a call.
///
/// Which nodes a function of this module asks for depends on its sizes and indexes only, and not on the
/// hashes: whoever reads from afar can first run it with a reader that notes what it is asked and answers
/// anything, then read all at once, then run it again.
///
/// Every `FnMut(u8, u64) -> Result<TreeHash>` is a reader.
pub trait NodeReader {
    /// The hash of the complete subtree with `2^level` leaves that is the `index`-th of its level.
    ///
    /// # Errors
    /// What the reader meets; the function that asked passes it on.
    fn node(&mut self, level: u8, index: u64) -> Result<TreeHash>;
}

impl<F: FnMut(u8, u64) -> Result<TreeHash>> NodeReader for F {
    fn node(&mut self, level: u8, index: u64) -> Result<TreeHash> {
        self(level, index)
    }
}

/// The root hash of the tree of the first `size` leaves, from one node for each bit that is set in `size`.
///
/// # Errors
/// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `size`, over [`MAX_TREE_SIZE`]; what the reader
/// gives.
///
/// Source: RFC 9162 §2.1.1.
pub fn root(size: u64, mut reader: impl NodeReader) -> Result<TreeHash> {
    check_size("size", size)?;
    range_root(0, size, &mut reader)
}

/// The proof that the leaf `index` is in the tree of the first `size` leaves. It reads fewer than 128 nodes.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `index`, if the tree has no such leaf;
/// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `size`, over [`MAX_TREE_SIZE`]; what the reader
/// gives.
///
/// Source: RFC 9162 §2.1.3.1.
pub fn inclusion_proof(index: u64, size: u64, mut reader: impl NodeReader) -> Result<InclusionProof> {
    check_size("size", size)?;
    if index >= size {
        let message = format!("the leaf {index} is not in a tree of {size} leaves");
        return Err(Error::invalid("index", message));
    }
    let mut path = Path::default();
    let (mut low, mut high) = (0, size);
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range_root(middle, high, &mut reader)?);
            high = middle;
        } else {
            path.push(range_root(low, middle, &mut reader)?);
            low = middle;
        }
    }
    Ok(InclusionProof { index, size, hashes: path.upwards() })
}

/// The proof that the tree of the first `old_size` leaves is how the tree of the first `new_size` began. It
/// reads fewer than 128 nodes.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `old_size`, if it is 0 (everything extends the
/// empty tree, and RFC 9162 knows no proof of it) or more than `new_size`;
/// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `new_size`, over [`MAX_TREE_SIZE`]; what the reader
/// gives.
///
/// Source: RFC 9162 §2.1.4.1.
pub fn consistency_proof(
    old_size: u64,
    new_size: u64,
    mut reader: impl NodeReader,
) -> Result<ConsistencyProof> {
    check_size("new_size", new_size)?;
    check_old_size(old_size, new_size)?;
    let mut path = Path::default();
    let (mut low, mut high) = (0, new_size);
    while old_size != high {
        let middle = low + split(high - low);
        if old_size <= middle {
            path.push(range_root(middle, high, &mut reader)?);
            high = middle;
        } else {
            path.push(range_root(low, middle, &mut reader)?);
            low = middle;
        }
    }
    // The old root itself is known to who verifies; a part of the old tree is not.
    if low > 0 {
        path.push(range_root(low, high, &mut reader)?);
    }
    Ok(ConsistencyProof { old_size, new_size, hashes: path.upwards() })
}

/// A proof from the empty tree, or to a smaller one, does not exist.
pub(super) fn check_old_size(old_size: u64, new_size: u64) -> Result<()> {
    if old_size == 0 || old_size > new_size {
        let message = format!("no proof leads from a tree of {old_size} leaves to one of {new_size}");
        return Err(Error::invalid("old_size", message));
    }
    Ok(())
}

pub(super) fn check_size(field: &'static str, size: u64) -> Result<()> {
    if size > MAX_TREE_SIZE {
        return Err(Error::limit(field, format!("a tree has at most {MAX_TREE_SIZE} leaves, not {size}")));
    }
    Ok(())
}

/// How many leaves the left child of a node over `leaves` of them has: the largest power of two that is less.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// The root over the leaves from `low` to before `high`, a range that is a node of some tree: it is complete,
/// or ends where the tree does. `low` is a multiple of the range's largest complete subtree.
fn range_root(low: u64, high: u64, reader: &mut impl NodeReader) -> Result<TreeHash> {
    // The complete subtrees from right to left: they grow, so what was joined is always a right child.
    let mut leaves = high - low;
    let mut end = high;
    let mut joined: Option<TreeHash> = None;
    while leaves > 0 {
        let level = leaves.trailing_zeros() as u8;
        end -= 1 << level;
        let left = reader.node(level, end >> level)?;
        joined = Some(joined.map_or(left, |right| node_hash(&left, &right)));
        leaves &= leaves - 1;
    }
    Ok(joined.unwrap_or(EMPTY_ROOT))
}

/// The hashes met on the way from the root down, kept where they need no allocation before their number is
/// known.
struct Path {
    hashes: [TreeHash; MAX_PROOF_HASHES],
    length: usize,
}

impl Default for Path {
    fn default() -> Self {
        Self { hashes: [EMPTY_ROOT; MAX_PROOF_HASHES], length: 0 }
    }
}

impl Path {
    fn push(&mut self, hash: TreeHash) {
        self.hashes[self.length] = hash;
        self.length += 1;
    }

    fn upwards(self) -> Vec<TreeHash> {
        self.hashes[..self.length].iter().rev().copied().collect()
    }
}

#[cfg(test)]
mod tests;
