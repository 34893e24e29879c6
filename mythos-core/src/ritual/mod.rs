//! Checkpoints of what an assistant needs to resume: compressed, signed, and verified whenever they are restored.
//!
//! A *ritual* is a repeatable procedure of an assistant; each [`save`](RitualCompressionCache::save) appends one entry
//! to its history. An entry's [`symbolic_signature_hash`](CompressedRitual::symbolic_signature_hash) binds the payload
//! to its tenant, assistant, ritual, position and intent; it never changes, however the entry is re-encoded later.

mod cache;
mod entropy;
mod entry;
pub(crate) mod frame;
mod intent;
mod novelty;
mod stall;

pub use cache::{
    ParentExpectation, RestoredRitual, RitualCompressionCache, RitualFilter, RitualVerification, SaveRitual,
    SkippedEntry, VerifiableRitual,
};
pub use entropy::entropy_score;
pub use entry::{CompressedRitual, Encoding, MAX_PAYLOAD_BYTES, RitualHead, StoredFrame};
pub use intent::SymbolicIntent;
pub use novelty::{NoveltyMeter, novelty_score};
pub use stall::{ScoredEntry, Stall, StallDetector, StallPolicy, stall};
