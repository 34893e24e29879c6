//! The caches that are damaged.

use std::sync::Arc;

use mythos_core::Mythos;
use mythos_core::ritual::{CompactRituals, SaveRitual, SymbolicIntent};
use mythos_core::seal::{KeyRing, SecretKey};
use mythos_core::types::OperationId;

use super::Cache;

fn save(mythos: &Mythos, assistant: &str, ritual: &str, intent: &[&str], operation: bool, payload: &[u8]) {
    let labels = intent.iter().map(|label| (*label).to_owned()).collect();
    let intent = SymbolicIntent { labels, ..SymbolicIntent::default() };
    let operation =
        operation.then(|| OperationId::from_name(&format!("{assistant}/{ritual}/{}", payload.len())));
    let place = SaveRitual::new(assistant.parse().unwrap(), ritual.parse().unwrap());
    mythos.rituals().save(&SaveRitual { intent, operation, ..place }, payload).unwrap();
}

/// Bytes that cannot be compressed, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        // xorshift64 (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Entries with patches in their cards and one in a cell, intents, an operation, raw and compressed wholes.
pub(super) fn varied() -> Cache {
    let cache = Cache::new(None);
    let mythos = cache.open();
    let common = "the policy is to be polite; ".repeat(5);
    for step in 1..=3 {
        let payload = format!("{common}{}", "and then something else happened; ".repeat(step));
        save(
            &mythos,
            "ana",
            "grow",
            if step < 3 { &["early"] } else { &["late"] },
            step == 2,
            payload.as_bytes(),
        );
    }
    let shared = noise(0, 80);
    for seed in 1..=4 {
        let payload = [&shared[..], &noise(seed, if seed == 2 { 1040 } else { 60 })].concat();
        save(&mythos, "ben", "leap", &["late"], false, &payload);
    }
    cache.finish()
}

/// Sixty-seven entries, compacted, so that one is a keyframe.
pub(super) fn long() -> Cache {
    let cache = Cache::new(None);
    let mythos = cache.open();
    for step in 1..=67 {
        save(&mythos, "ana", "long", &[], false, format!("step {step} is done").as_bytes());
        if step == 66 {
            let report = mythos.rituals().compact(&CompactRituals::default()).unwrap();
            assert!(report.skipped.is_empty() && report.next.is_none());
        }
    }
    cache.finish()
}

/// Rituals of one assistant under a dictionary.
pub(super) fn with_dictionary() -> Cache {
    let cache = Cache::new(None);
    let mythos = cache.open();
    let shared = noise(9, 450);
    for ritual in 0..8 {
        save(
            &mythos,
            "bob",
            &format!("r{ritual}"),
            &[],
            false,
            &[&shared[..], &noise(100 + ritual, 6)].concat(),
        );
    }
    let trained = mythos.rituals().train(&"bob".parse().unwrap()).unwrap().trained;
    assert!(trained.is_some());
    let report = mythos.rituals().compact(&CompactRituals::default()).unwrap();
    assert!(report.skipped.is_empty(), "{report:?}");
    let cache = cache.finish();
    assert!(cache.saved.values().flatten().all(|one| one.entry.compressed_ritual_data.dictionary == trained));
    cache
}

/// Entries under two keys.
pub(super) fn sealed() -> (Cache, Arc<KeyRing>) {
    let keys = Arc::new(KeyRing::with_active("k1".parse().unwrap(), SecretKey::from_bytes(&[1; 32])));
    keys.insert("k2".parse().unwrap(), SecretKey::from_bytes(&[2; 32])).unwrap();
    let cache = Cache::new(Some(keys.clone()));
    let mythos = cache.open();
    for step in 1..=6 {
        if step == 4 {
            keys.activate(&"k2".parse().unwrap()).unwrap();
        }
        save(&mythos, "eve", "secret", &[], false, "state, ".repeat(step).as_bytes());
    }
    (cache.finish(), keys)
}
