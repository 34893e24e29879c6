//! What a save and a restore of the largest payload take in memory: at most four times the payload and 8 MiB, beyond the
//! caller's own buffer.

#![cfg(all(feature = "sqlite", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fs;

use mythos_core::Mythos;
use mythos_core::ritual::{MAX_PAYLOAD_BYTES, SaveRitual};

const ALLOWED: u64 = 4 * MAX_PAYLOAD_BYTES as u64 + (8 << 20);

/// A field of `/proc/self/status` in bytes (`proc_pid_status(5)`).
fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes << 10
}

/// The most memory that `work` takes beyond what was resident before it.
fn peak<T>(work: impl FnOnce() -> T) -> (T, u64) {
    // 5 sets the peak back to what is resident (`proc_pid_clear_refs(5)`).
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS:");
    let result = work();
    (result, status("VmHWM:").saturating_sub(before))
}

/// Bytes without any order, so that nothing is saved by compression: those of BLAKE3's output.
fn noise(number: u64) -> Vec<u8> {
    let mut bytes = vec![0; MAX_PAYLOAD_BYTES];
    blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

#[test]
fn the_largest_payload_takes_four_times_its_size() {
    let directory = tempfile::tempdir().unwrap();
    let mythos = Mythos::open(directory.path().join("store.db")).unwrap();
    let rituals = mythos.rituals();
    let save = SaveRitual::new("ana".parse().unwrap(), "refund".parse().unwrap());
    let mut payload = noise(0);
    let mut entries = Vec::new();
    for step in 0..3 {
        match step {
            // Most of it as before.
            1 => payload[1_000_000..2_000_000].reverse(),
            // Nothing as before.
            2 => payload = noise(1),
            _ => {}
        }
        let (entry, taken) = peak(|| rituals.save(&save, &payload).unwrap());
        assert!(taken <= ALLOWED, "save {step} took {taken} bytes, and {ALLOWED} are allowed");
        entries.push((entry.entry, blake3::hash(&payload)));
    }
    drop(payload);
    for (entry, expected) in &entries {
        let (restored, taken) = peak(|| rituals.restore(*entry).unwrap().payload);
        assert_eq!(blake3::hash(&restored), *expected);
        assert!(taken <= ALLOWED, "restoring took {taken} bytes, and {ALLOWED} are allowed");
    }
    let (latest, taken) = peak(|| rituals.latest(&save.assistant, &save.ritual).unwrap().unwrap());
    assert_eq!(blake3::hash(&latest.payload), entries[2].1);
    assert!(taken <= ALLOWED, "restoring took {taken} bytes, and {ALLOWED} are allowed");
}
