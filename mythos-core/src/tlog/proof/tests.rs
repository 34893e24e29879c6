use serde_json::json;

use super::*;
use crate::error::ErrorKind;
use crate::tlog::{Frontier, MAX_TREE_SIZE, consistency_proof, inclusion_proof, leaf_hash, root};
use std::collections::BTreeMap;

const LEAVES: u64 = 13;

fn leaf(index: u64) -> TreeHash {
    leaf_hash(&index.to_le_bytes())
}

fn nodes() -> BTreeMap<(u8, u64), TreeHash> {
    let mut nodes: BTreeMap<_, _> = (0..LEAVES).map(|index| ((0, index), leaf(index))).collect();
    let mut frontier = Frontier::default();
    for index in 0..LEAVES {
        frontier
            .push(leaf(index), |level, index, hash| {
                nodes.insert((level, index), hash);
            })
            .unwrap();
    }
    nodes
}

fn root_of(size: u64) -> TreeHash {
    let nodes = nodes();
    root(size, |level, index| Ok(nodes[&(level, index)])).unwrap()
}

/// Every value that differs in one bit.
fn one_bit_off(hash: &TreeHash) -> impl Iterator<Item = TreeHash> + use<> {
    let bytes = *hash.as_bytes();
    (0..256).map(move |bit| {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        TreeHash::from_bytes(changed)
    })
}

/// Every list of hashes that differs in one bit, or by one hash.
fn tampered(hashes: &[TreeHash]) -> Vec<Vec<TreeHash>> {
    let mut all = Vec::new();
    for at in 0..hashes.len() {
        for changed in one_bit_off(&hashes[at]) {
            all.push([&hashes[..at], &[changed], &hashes[at + 1..]].concat());
        }
        all.push([&hashes[..at], &hashes[at + 1..]].concat());
        all.push([&hashes[..=at], &hashes[at..]].concat());
    }
    all.push([hashes, &[leaf(0)]].concat());
    all.push([&[leaf(0)], hashes].concat());
    all
}

#[test]
fn no_bit_of_a_proof_of_inclusion_can_be_changed() {
    let (nodes, root) = (nodes(), root_of(LEAVES));
    for index in 0..LEAVES {
        let proof = inclusion_proof(index, LEAVES, |level, index| Ok(nodes[&(level, index)])).unwrap();
        proof.verify(&leaf(index), &root).unwrap();
        for hashes in tampered(&proof.hashes) {
            let error = InclusionProof { hashes, ..proof }.verify(&leaf(index), &root).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
        assert!(one_bit_off(&leaf(index)).all(|leaf| proof.verify(&leaf, &root).is_err()));
        assert!(one_bit_off(&root).all(|root| proof.verify(&leaf(index), &root).is_err()));
        for other in (0..20).filter(|other| *other != index) {
            assert!(InclusionProof { index: other, ..proof.clone() }.verify(&leaf(index), &root).is_err());
        }
    }
}

#[test]
fn no_bit_of_a_proof_of_consistency_can_be_changed() {
    let (nodes, new_root) = (nodes(), root_of(LEAVES));
    for old_size in 1..=LEAVES {
        let old_root = root_of(old_size);
        let proof = consistency_proof(old_size, LEAVES, |level, index| Ok(nodes[&(level, index)])).unwrap();
        proof.verify(&old_root, &new_root).unwrap();
        for hashes in tampered(&proof.hashes) {
            let error = ConsistencyProof { hashes, ..proof }.verify(&old_root, &new_root).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
        assert!(one_bit_off(&old_root).all(|old_root| proof.verify(&old_root, &new_root).is_err()));
        assert!(one_bit_off(&new_root).all(|new_root| proof.verify(&old_root, &new_root).is_err()));
        assert!(old_size == LEAVES || proof.verify(&new_root, &old_root).is_err());
    }
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let (hash, hashes) = (leaf(0), Vec::new());
    for (index, size, kind) in [
        (0, 0, ErrorKind::Invalid),
        (1, 1, ErrorKind::Invalid),
        (0, MAX_TREE_SIZE + 1, ErrorKind::Limit),
        (0, u64::MAX, ErrorKind::Limit),
        (0, MAX_TREE_SIZE, ErrorKind::Corrupt),
    ] {
        let proof = InclusionProof { index, size, hashes: hashes.clone() };
        assert_eq!(proof.verify(&hash, &hash).unwrap_err().kind(), kind);
    }
    InclusionProof { index: 0, size: 1, hashes: hashes.clone() }.verify(&hash, &hash).unwrap();
    for (old_size, new_size, kind) in [
        (0, 0, ErrorKind::Invalid),
        (0, 1, ErrorKind::Invalid),
        (2, 1, ErrorKind::Invalid),
        (1, u64::MAX, ErrorKind::Limit),
        (1, 2, ErrorKind::Corrupt),
        (3, 5, ErrorKind::Corrupt),
    ] {
        let proof = ConsistencyProof { old_size, new_size, hashes: hashes.clone() };
        assert_eq!(proof.verify(&hash, &hash).unwrap_err().kind(), kind);
    }
    ConsistencyProof { old_size: 7, new_size: 7, hashes }.verify(&hash, &hash).unwrap();
}

#[test]
fn the_json_form_is_bounded() {
    let proof = InclusionProof { index: 1, size: 2, hashes: vec![leaf(0)] };
    let written = serde_json::to_value(&proof).unwrap();
    assert_eq!(written, json!({"index": 1, "size": 2, "hashes": [leaf(0).to_string()]}));
    assert_eq!(serde_json::from_value::<InclusionProof>(written).unwrap(), proof);
    let of = |count: usize| json!({"old_size": 1, "new_size": 2, "hashes": vec![leaf(0).to_string(); count]});
    let longest: ConsistencyProof = serde_json::from_value(of(MAX_PROOF_HASHES)).unwrap();
    assert_eq!(serde_json::to_value(&longest).unwrap(), of(MAX_PROOF_HASHES));
    assert!(serde_json::from_value::<ConsistencyProof>(of(MAX_PROOF_HASHES + 1)).is_err());
    assert!(serde_json::from_value::<ConsistencyProof>(json!({"old_size": 1, "new_size": 2})).is_err());
}
