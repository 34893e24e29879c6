use super::hash::{EMPTY_ROOT, TreeHash, node_hash};
use super::tree::{MAX_TREE_SIZE, NodeReader, check_size};
use crate::error::{Error, Result};

/// The right edge of a growing tree: all that appending needs, in at most 63 hashes.
///
/// It holds the roots of the complete subtrees that the leaves fall into, the largest first: one for each bit
/// that is set in the number of leaves. Others call it a compact range.
///
/// ```
/// use mythos_core::tlog::{Frontier, leaf_hash, node_hash};
///
/// let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
/// let mut frontier = Frontier::default();
/// let mut nodes = Vec::new();
/// frontier.push(a, |level, index, hash| nodes.push((level, index, hash)))?;
/// frontier.push(b, |level, index, hash| nodes.push((level, index, hash)))?;
/// assert_eq!(nodes, [(1, 0, node_hash(&a, &b))]);
/// assert_eq!(frontier.root(), node_hash(&a, &b));
///
/// // What is stored of it is its size and its nodes.
/// let again = Frontier::from_nodes(frontier.len(), frontier.nodes().to_vec())?;
/// assert_eq!(again, frontier);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    nodes: Vec<TreeHash>,
}

impl Frontier {
    /// Takes what [`len`](Self::len) and [`nodes`](Self::nodes) gave.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `size`, over [`MAX_TREE_SIZE`];
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `nodes`, if there is not one hash for each
    /// bit that is set in `size`.
    pub fn from_nodes(size: u64, nodes: Vec<TreeHash>) -> Result<Self> {
        check_size("size", size)?;
        if nodes.len() != size.count_ones() as usize {
            let (wanted, found) = (size.count_ones(), nodes.len());
            let message = format!("the right edge of {size} leaves has {wanted} hashes, not {found}");
            return Err(Error::invalid("nodes", message));
        }
        Ok(Self { size, nodes })
    }

    /// Reads the right edge of the tree of the first `size` leaves.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `size`, over [`MAX_TREE_SIZE`]; what the reader
    /// gives.
    pub fn load(size: u64, mut reader: impl NodeReader) -> Result<Self> {
        check_size("size", size)?;
        let mut nodes = Vec::with_capacity(size.count_ones() as usize);
        let mut start = 0_u64;
        for level in (0..63_u8).rev().filter(|level| size >> level & 1 == 1) {
            nodes.push(reader.node(level, start >> level)?);
            start += 1 << level;
        }
        Ok(Self { size, nodes })
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.size
    }

    /// Whether the tree has no leaves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// The roots of the complete subtrees, the largest, which is the leftmost, first.
    #[must_use]
    pub fn nodes(&self) -> &[TreeHash] {
        &self.nodes
    }

    /// Appends a leaf by its hash, and returns its index. `on_node` gets each interior node that is complete
    /// now, as (level, index, hash), from the lowest level upwards.
    ///
    /// On average it hashes one node; it allocates nothing once the right edge has had its greatest length.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `size`, if the tree has [`MAX_TREE_SIZE`] leaves.
    pub fn push(&mut self, leaf: TreeHash, mut on_node: impl FnMut(u8, u64, TreeHash)) -> Result<u64> {
        let leaf_index = self.size;
        if leaf_index >= MAX_TREE_SIZE {
            return Err(Error::limit("size", format!("a tree has at most {MAX_TREE_SIZE} leaves")));
        }
        let (mut hash, mut level, mut index) = (leaf, 0, leaf_index);
        // Every bit that is set is a subtree that this leaf completes the sibling of.
        while index & 1 == 1
            && let Some(left) = self.nodes.pop()
        {
            hash = node_hash(&left, &hash);
            level += 1;
            index >>= 1;
            on_node(level, index, hash);
        }
        self.nodes.push(hash);
        self.size += 1;
        Ok(leaf_index)
    }

    /// The root hash of the tree.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let mut nodes = self.nodes.iter().rev();
        let Some(last) = nodes.next() else { return EMPTY_ROOT };
        nodes.fold(*last, |right, left| node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::tlog::{leaf_hash, root};
    use std::collections::BTreeMap;

    #[test]
    fn every_completed_node_is_reported_once_and_in_its_place() {
        let mut nodes = BTreeMap::new();
        let mut frontier = Frontier::default();
        for size in 0..300_u64 {
            let loaded = Frontier::load(size, |level, index| Ok(nodes[&(level, index)])).unwrap();
            assert_eq!(loaded, frontier);
            assert_eq!(frontier.len(), size);
            assert_eq!(frontier.root(), root(size, |level, index| Ok(nodes[&(level, index)])).unwrap());
            let leaf = leaf_hash(&size.to_le_bytes());
            nodes.insert((0, size), leaf);
            let index = frontier.push(leaf, |level, index, hash| {
                let children = (nodes[&(level - 1, 2 * index)], nodes[&(level - 1, 2 * index + 1)]);
                assert_eq!(node_hash(&children.0, &children.1), hash);
                assert!(nodes.insert((level, index), hash).is_none());
            });
            assert_eq!(index.unwrap(), size);
        }
        let complete: u64 = (0..9).map(|level| 300 >> level).sum();
        assert_eq!(nodes.len() as u64, complete);
    }

    #[test]
    fn nodes_must_fit_the_size() {
        let hash = leaf_hash(b"");
        assert!(Frontier::from_nodes(5, vec![hash; 2]).is_ok());
        for wrong in [0, 1, 3] {
            let error = Frontier::from_nodes(5, vec![hash; wrong]).unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("nodes")));
        }
        assert_eq!(Frontier::from_nodes(u64::MAX, vec![hash; 64]).unwrap_err().kind(), ErrorKind::Limit);
    }

    #[test]
    fn the_largest_tree_takes_no_more() {
        let mut full = Frontier::from_nodes(MAX_TREE_SIZE, vec![leaf_hash(b""); 63]).unwrap();
        let before = full.clone();
        let error = full.push(leaf_hash(b""), |_, _, _| ()).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Limit, Some("size")));
        assert_eq!(full, before);
    }
}
