//! The Merkle tree over the clauses of a state: one change costs a path, and one clause is proven by a path.

use crate::types::{Digest, KeyedDomain};

/// An inner node: BLAKE3 in keyed mode over the digests of both children.
static NODE: KeyedDomain = KeyedDomain::new("mythos 2026 codex node v1");

/// A Merkle tree in the shape of RFC 6962 §2.1 (the left part of a split is the largest power of two): a node without a
/// sibling is its own parent. The leaves are digests already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DigestTree {
    /// The leaves, and above them level by level what they make; the last has one node. Empty without leaves.
    levels: Vec<Vec<Digest>>,
}

impl DigestTree {
    pub(crate) fn new(leaves: Vec<Digest>) -> Self {
        let mut tree = Self { levels: vec![leaves] };
        tree.rebuild(0);
        tree
    }

    /// The root; `None` without leaves.
    pub(crate) fn root(&self) -> Option<Digest> {
        self.levels.last().and_then(|level| level.first()).copied()
    }

    /// Puts another leaf in the place of one.
    pub(crate) fn set(&mut self, position: usize, leaf: Digest) {
        let mut at = position;
        self.levels[0][at] = leaf;
        for level in 1..self.levels.len() {
            at /= 2;
            let (below, above) = self.levels.split_at_mut(level);
            above[0][at] = parent(&below[level - 1], at);
        }
    }

    pub(crate) fn insert(&mut self, position: usize, leaf: Digest) {
        if self.levels.is_empty() {
            self.levels.push(Vec::new());
        }
        self.levels[0].insert(position, leaf);
        self.rebuild(position);
    }

    pub(crate) fn remove(&mut self, position: usize) {
        self.levels[0].remove(position);
        self.rebuild(position);
    }

    /// The siblings on the way from a leaf to the root, the lowest first.
    pub(crate) fn path(&self, position: usize) -> Vec<Digest> {
        let mut at = position;
        let mut path = Vec::new();
        for level in &self.levels {
            path.extend(level.get(at ^ 1));
            at /= 2;
        }
        path
    }

    /// Makes everything above the leaves from `position` on anew.
    fn rebuild(&mut self, position: usize) {
        let mut from = position;
        let mut level = 0;
        while self.levels[level].len() > 1 {
            if self.levels.len() == level + 1 {
                self.levels.push(Vec::new());
            }
            from /= 2;
            let (below, above) = self.levels.split_at_mut(level + 1);
            let (below, above) = (&below[level], &mut above[0]);
            above.truncate(from);
            above.extend((above.len()..below.len().div_ceil(2)).map(|at| parent(below, at)));
            from = from.min(above.len());
            level += 1;
        }
        self.levels.truncate(level + usize::from(!self.levels[0].is_empty()));
    }
}

/// The root that a leaf at `position` of `count` makes with the siblings on its way; `None` if their number is wrong.
pub(crate) fn root_of(leaf: Digest, position: u64, count: u64, path: &[Digest]) -> Option<Digest> {
    if position >= count {
        return None;
    }
    let (mut node, mut at, mut last) = (leaf, position, count - 1);
    let mut path = path.iter();
    while last > 0 {
        if at % 2 == 1 {
            node = join(path.next()?, &node);
        } else if at < last {
            node = join(&node, path.next()?);
        }
        (at, last) = (at / 2, last / 2);
    }
    path.next().is_none().then_some(node)
}

fn parent(children: &[Digest], at: usize) -> Digest {
    match children.get(2 * at + 1) {
        Some(right) => join(&children[2 * at], right),
        None => children[2 * at],
    }
}

fn join(left: &Digest, right: &Digest) -> Digest {
    let mut both = [0; 2 * Digest::BYTES];
    both[..Digest::BYTES].copy_from_slice(left.as_bytes());
    both[Digest::BYTES..].copy_from_slice(right.as_bytes());
    NODE.hash(&both)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaf(number: usize) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    /// The definition of RFC 6962, with leaves that are digests.
    fn defined(leaves: &[Digest]) -> Option<Digest> {
        match leaves {
            [] => None,
            [leaf] => Some(*leaf),
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                Some(join(&defined(left)?, &defined(right)?))
            }
        }
    }

    proptest! {
        #[test]
        fn any_changes_give_the_tree_of_the_definition_and_paths_that_lead_to_its_root(
            steps in prop::collection::vec((0..3_u8, any::<prop::sample::Index>()), 0..60),
        ) {
            let (mut tree, mut leaves) = (DigestTree::default(), Vec::new());
            for (number, (kind, index)) in steps.into_iter().enumerate() {
                match kind {
                    0 => {
                        let at = index.index(leaves.len() + 1);
                        leaves.insert(at, leaf(number));
                        tree.insert(at, leaf(number));
                    }
                    1 if !leaves.is_empty() => {
                        let at = index.index(leaves.len());
                        leaves[at] = leaf(number);
                        tree.set(at, leaf(number));
                    }
                    2 if !leaves.is_empty() => {
                        let at = index.index(leaves.len());
                        leaves.remove(at);
                        tree.remove(at);
                    }
                    _ => {}
                }
                prop_assert_eq!(tree.root(), defined(&leaves));
                prop_assert_eq!(DigestTree::new(leaves.clone()).root(), tree.root());
                let count = leaves.len() as u64;
                for (at, leaf) in leaves.iter().enumerate() {
                    let path = tree.path(at);
                    prop_assert_eq!(root_of(*leaf, at as u64, count, &path), tree.root());
                    prop_assert_eq!(root_of(*leaf, at as u64, count, &[&path[..], &[*leaf]].concat()), None);
                    if count > 1 {
                        prop_assert_ne!(root_of(*leaf, (at as u64 + 1) % count, count, &path), tree.root());
                    }
                }
            }
        }
    }
}
