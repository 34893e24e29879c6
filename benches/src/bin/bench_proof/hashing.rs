//! What the hashes of an event cost alone.

use std::hint::black_box;

use mythos_benches::measure::interleaved;
use sha2::{Digest, Sha256};

/// What an event of the measured log is hashed from, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hashed {
    /// The event itself.
    pub(crate) event: usize,
    /// What each commitment takes: salt, purpose and text with their lengths.
    pub(crate) commitments: [usize; 2],
    /// The clause: its id and two commitments.
    pub(crate) clause: usize,
    /// The nodes on the way from a clause to the root.
    pub(crate) path: usize,
}

/// The seconds that the hashes of one event take: BLAKE3 of its commitments, its clause, the path to the codex root, that
/// root and the event; SHA-256 of its leaf and of one node of the log's tree.
pub(crate) fn limit(hashed: Hashed) -> f64 {
    let key = [7; 32];
    let bytes = vec![1_u8; 4096];
    let mut all = || {
        for length in hashed.commitments {
            black_box(blake3::keyed_hash(&key, &bytes[..length]));
        }
        black_box(blake3::keyed_hash(&key, &bytes[..hashed.clause]));
        for _ in 0..hashed.path {
            black_box(blake3::keyed_hash(&key, &bytes[..64]));
        }
        black_box(blake3::keyed_hash(&key, &bytes[..40]));
        black_box(blake3::keyed_hash(&key, &bytes[..hashed.event]));
        black_box(Sha256::digest(&bytes[..33]));
        black_box(Sha256::digest(&bytes[..65]));
    };
    interleaved([&mut all])[0]
}

/// The seconds that one node of the log's tree takes.
pub(crate) fn node() -> f64 {
    let bytes = [1_u8; 65];
    interleaved([&mut || {
        black_box(Sha256::digest(black_box(&bytes)));
    }])[0]
}
