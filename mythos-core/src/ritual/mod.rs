//! Checkpoints of what an assistant needs to resume: compressed, signed, and verified whenever they are restored.
//!
//! A *ritual* is a repeatable procedure of an assistant; each [`save`](RitualCompressionCache::save) appends one entry
//! to its history. An entry's [`symbolic_signature_hash`](CompressedRitual::symbolic_signature_hash) binds the payload
//! to its tenant, assistant, ritual, position and intent; it never changes, however the entry is re-encoded later.
//!
//! # Layout
//!
//! The newest entry and the one before are stored whole; every older one as a patch that makes it out of the next newer
//! payload, which mostly is a few bytes, since states grow at their end. Every 64th stays whole, so that no entry is
//! further than that many patches from one; where that was pruned, the newest before it that is left. What was made out of
//! a pruned entry is stored anew in the same commit. What is kept beside the payload is a card of about 80 bytes, 64 to a
//! cell once compacted; every cell ends in a digest that binds it to its place.

mod account;
mod cache;
pub(crate) mod card;
mod cell;
mod compact;
mod copy;
mod delete;
mod dictionaries;
pub(crate) mod dictionary;
mod entropy;
mod examine;
mod findings;
mod formats;
pub(crate) mod frame;
pub(crate) mod guard;
mod intent;
mod listing;
mod novelty;
mod payload;
mod place;
mod pool;
mod prune;
mod prune_group;
mod record;
mod reroot;
mod retention;
mod save;
mod scrub;
pub(crate) mod shared;
pub(crate) mod splice;
mod stall;
mod statistics;
mod stem;
#[cfg(test)]
mod tests;
mod thread;
mod training;
mod verify;
mod walk;

pub use cache::{RestoredRitual, RitualCompressionCache, SharedRitual, SkippedEntry, VerifiableRitual};
pub use compact::{CompactRituals, CompactionReport, RitualBudget, RitualProgress, SkippedRitual};
pub use copy::{CopyReport, CopyRitual, ForkRitual, UnfinishedCopy};
pub use delete::DeletionReport;
pub use dictionaries::{MIN_TRAINING_STATES, RitualDictionaries, RitualDictionary, TrainingReport};
pub use entropy::entropy_score;
pub use findings::{RitualPart, ScrubFinding, ScrubReport, ScrubRituals, SequenceRange};
pub use formats::{PayloadFormats, Upcast};
pub use intent::SymbolicIntent;
pub use listing::{RitualFilter, RitualHeadFilter};
pub use novelty::{NoveltyMeter, novelty_score};
pub use payload::{Payload, PayloadOwner};
pub use prune::{PruneReport, PruneRituals, PruneWhat};
pub use record::{
    Compacted, CompressedRitual, Encoding, KEYFRAME_INTERVAL, MAX_PAYLOAD_BYTES, RitualHead, Scrubbed,
    StoredFrame,
};
pub use retention::{RETENTION_INTERVAL, RetentionPolicy, RetentionStatus, RitualRetention};
pub use save::{ParentExpectation, SaveRitual};
pub use shared::RitualOptions;
pub use stall::{ScoredEntry, Stall, StallDetector, StallPolicy, stall};
pub use statistics::{EncodingTotals, RitualPoint, RitualTotals, TotalRituals};
pub use verify::RitualVerification;
