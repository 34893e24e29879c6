//! [`CodexRegressionGuard`]: no rule gets worse unnoticed.
//!
//! [`Assessment::of`] compares two versions of a clause or a prompt: named signals over a normalised diff, each with its own
//! file under `signal/`, and two small models that say how probable it is that the rule changed, and that its tone did. All of
//! that is pure. English is covered; of other languages the guard says that it cannot tell.

mod assessment;
mod bulk;
mod document;
mod embedding;
mod features;
mod finding;
mod lexicon;
mod model;
mod policy;
mod readability;
mod reading;
mod report;
mod signal;
mod tone;
mod wording;

pub use assessment::{Assessment, Coverage, Verdict, edit_measures};
pub use bulk::{Bulk, MAX_THREADS, assess_many, compare_many, score_lines};
pub use document::{
    DocumentComparison, DocumentFinding, MAX_SEGMENTS, Region, Segment, SegmentChange, SegmentChangeKind,
    SegmentCounts, SegmentKind, segments,
};
pub use embedding::{Embedder, EmbedderId, HashedNgrams, Similarity};
pub use finding::{Direction, Finding, Severity, Signal};
pub use policy::GuardPolicy;
pub use report::{
    ComparedDocument, DocumentEdit, DocumentStatus, GuardReport, MAX_DOCUMENTS, MAX_NAME_BYTES, PairLine,
    PairOutcome, ReportFormat, score_line,
};

#[cfg(test)]
mod tests;
