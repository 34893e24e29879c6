use std::collections::BTreeMap;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

use super::*;
use crate::error::ErrorKind;
use crate::tlog::{Frontier, leaf_hash};

/// The nodes of a tree over the leaves `data(0)`, `data(1)` and so on.
struct Nodes(BTreeMap<(u8, u64), TreeHash>);

impl Nodes {
    fn of(leaves: u64) -> Self {
        let mut nodes = BTreeMap::new();
        let mut frontier = Frontier::default();
        for index in 0..leaves {
            let leaf = leaf_hash(&data(index));
            nodes.insert((0, index), leaf);
            frontier
                .push(leaf, |level, index, hash| {
                    nodes.insert((level, index), hash);
                })
                .unwrap();
        }
        Self(nodes)
    }

    fn reader(&self) -> impl NodeReader {
        |level, index| Ok(self.0[&(level, index)])
    }
}

fn data(index: u64) -> Vec<u8> {
    index.to_le_bytes()[..1 + index as usize % 8].to_vec()
}

/// The same tree, by another implementation.
fn other_tree(leaves: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    (0..leaves).for_each(|index| tree.push(data(index)));
    tree
}

fn bytes_of(hashes: &[TreeHash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn hashes_of(bytes: &[u8]) -> Vec<TreeHash> {
    bytes.as_chunks().0.iter().map(|hash| TreeHash::from_bytes(*hash)).collect()
}

#[test]
fn every_small_tree_is_as_another_implementation_has_it() {
    const LEAVES: u64 = 40;
    let nodes = Nodes::of(LEAVES);
    let roots: Vec<_> = (0..=LEAVES).map(|size| root(size, nodes.reader()).unwrap()).collect();
    for size in 1..=LEAVES {
        let tree = other_tree(size);
        let (new_root, other_root) = (&roots[size as usize], tree.root());
        assert_eq!(new_root.as_bytes()[..], other_root.as_bytes()[..]);
        for index in 0..size {
            let proof = inclusion_proof(index, size, nodes.reader()).unwrap();
            let other = tree.prove_inclusion(index as usize);
            assert_eq!(bytes_of(&proof.hashes), other.as_bytes());
            proof.verify(&leaf_hash(&data(index)), new_root).unwrap();
        }
        for old_size in 1..=size {
            let proof = consistency_proof(old_size, size, nodes.reader()).unwrap();
            let other = tree.prove_consistency((size - old_size) as usize);
            assert_eq!(bytes_of(&proof.hashes), other.as_bytes());
            proof.verify(&roots[old_size as usize], new_root).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn proofs_verify_in_both_implementations((size, index, old_size) in (1..3_000_u64).prop_flat_map(
        |size| (Just(size), 0..size, 1..=size),
    )) {
        let nodes = Nodes::of(size);
        let (tree, old_tree) = (other_tree(size), other_tree(old_size));
        let (new_root, old_root) = (root(size, nodes.reader()).unwrap(), root(old_size, nodes.reader()).unwrap());
        prop_assert!(new_root.as_bytes()[..] == tree.root().as_bytes()[..]);

        let proof = inclusion_proof(index, size, nodes.reader()).unwrap();
        let ours = ct_merkle::InclusionProof::<Sha256>::try_from_bytes(bytes_of(&proof.hashes)).unwrap();
        tree.root().verify_inclusion(&data(index), index, &ours).unwrap();
        let theirs = hashes_of(tree.prove_inclusion(index as usize).as_bytes());
        let theirs = InclusionProof { hashes: theirs, ..proof };
        theirs.verify(&leaf_hash(&data(index)), &new_root).unwrap();

        let proof = consistency_proof(old_size, size, nodes.reader()).unwrap();
        let ours = ct_merkle::ConsistencyProof::<Sha256>::try_from_bytes(bytes_of(&proof.hashes)).unwrap();
        tree.root().verify_consistency(&old_tree.root(), &ours).unwrap();
        let theirs = hashes_of(tree.prove_consistency((size - old_size) as usize).as_bytes());
        let theirs = ConsistencyProof { hashes: theirs, ..proof };
        theirs.verify(&old_root, &new_root).unwrap();
    }

    /// A tree far too large to have: a node's hash is made of its place, which the root then depends on.
    #[test]
    fn the_largest_trees_are_read_in_few_nodes_and_each_once(
        (size, index, old_size) in (1..=MAX_TREE_SIZE).prop_flat_map(|size| (Just(size), 0..size, 1..=size)),
    ) {
        let asked = std::cell::RefCell::new(Vec::new());
        let reader = |level: u8, index: u64| {
            asked.borrow_mut().push((level, index));
            Ok(leaf_hash(&[&[level], &index.to_le_bytes()[..]].concat()))
        };
        let check = |sizes: u64| {
            let mut asked = asked.take();
            prop_assert!(asked.len() < 128);
            prop_assert!(asked.iter().all(|(level, index)| (index + 1) << level <= sizes));
            let count = asked.len();
            asked.sort_unstable();
            asked.dedup();
            prop_assert_eq!(asked.len(), count);
            Ok(())
        };
        root(size, reader).unwrap();
        check(size)?;
        prop_assert!(inclusion_proof(index, size, reader).unwrap().hashes.len() <= 63);
        check(size)?;
        prop_assert!(consistency_proof(old_size, size, reader).unwrap().hashes.len() <= MAX_PROOF_HASHES);
        check(size)?;
        Frontier::load(size, reader).unwrap();
        check(size)?;
    }
}

#[test]
fn the_longest_proofs_fit() {
    let reader = |level: u8, index: u64| Ok(leaf_hash(&[&[level], &index.to_le_bytes()[..]].concat()));
    assert_eq!(inclusion_proof(0, MAX_TREE_SIZE, reader).unwrap().hashes.len(), 63);
    let proof = consistency_proof((1 << 62) - 1, MAX_TREE_SIZE, reader).unwrap();
    assert_eq!(proof.hashes.len(), MAX_PROOF_HASHES);
}

#[test]
fn what_is_not_in_the_tree_has_no_proof() {
    let nodes = Nodes::of(3);
    assert_eq!(root(0, nodes.reader()).unwrap(), EMPTY_ROOT);
    for (index, size) in [(0, 0), (3, 3), (u64::MAX, 3)] {
        let error = inclusion_proof(index, size, nodes.reader()).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("index")));
    }
    for (old_size, new_size) in [(0, 3), (0, 0), (4, 3)] {
        let error = consistency_proof(old_size, new_size, nodes.reader()).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("old_size")));
    }
    let too_many = MAX_TREE_SIZE + 1;
    assert_eq!(root(too_many, nodes.reader()).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(inclusion_proof(0, too_many, nodes.reader()).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(consistency_proof(1, too_many, nodes.reader()).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn an_error_of_the_reader_is_passed_on() {
    let broken = |_, _| -> Result<TreeHash> { Err(Error::unavailable("away")) };
    assert_eq!(root(5, broken).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(inclusion_proof(1, 5, broken).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(consistency_proof(3, 5, broken).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(Frontier::load(5, broken).unwrap_err().kind(), ErrorKind::Unavailable);
}
