//! No bytes make the parsers of proofs panic, nor any proof its verification; a log proof is written as the
//! same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::tlog::{ConsistencyProof, EMPTY_ROOT, InclusionProof, LogProof, TreeHash, leaf_hash};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(proof) = LogProof::parse(bytes) {
        assert_eq!(proof.to_string().as_bytes(), bytes);
        let _ = proof.inclusion().verify(&EMPTY_ROOT, &proof.checkpoint().checkpoint().root());
    }
    if let Ok(proof) = serde_json::from_slice::<InclusionProof>(bytes) {
        let _ = proof.verify(&EMPTY_ROOT, &leaf_hash(bytes));
    }
    if let Ok(proof) = serde_json::from_slice::<ConsistencyProof>(bytes) {
        let _ = proof.verify(&EMPTY_ROOT, &leaf_hash(bytes));
    }
    // Two sizes and hashes: nothing but a true proof leads to two roots that were hashed from something else.
    if let Some((one, rest)) = bytes.split_first_chunk()
        && let Some((two, rest)) = rest.split_first_chunk()
    {
        let (one, two) = (u64::from_le_bytes(*one), u64::from_le_bytes(*two));
        let hashes: Vec<_> = rest.as_chunks().0.iter().map(|hash| TreeHash::from_bytes(*hash)).collect();
        let proof = InclusionProof { index: one, size: two, hashes: hashes.clone() };
        assert!(proof.verify(&EMPTY_ROOT, &leaf_hash(bytes)).is_err());
        let proof = ConsistencyProof { old_size: one, new_size: two, hashes };
        assert!(proof.verify(&EMPTY_ROOT, &leaf_hash(bytes)).is_err());
    }
});
