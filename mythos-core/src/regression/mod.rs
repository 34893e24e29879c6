//! [`CodexRegressionGuard`]: no rule gets worse unnoticed.
//!
//! [`Assessment::of`] compares two versions of a clause or a prompt: named signals over a normalised diff, each with its own
//! file under `signal/`, and two small models that say how probable it is that the rule changed, and that its tone did. All of
//! that is pure. English is covered; of other languages the guard says that it cannot tell.

mod agreement;
mod assessment;
mod audit;
mod bulk;
mod diff;
mod document;
mod embedding;
mod features;
mod finding;
mod guarded;
mod lexicon;
mod matching;
mod model;
mod parallel;
mod policy;
mod readability;
mod reading;
mod refit;
mod report;
mod request;
mod service;
mod signal;
mod tone;
mod whole_codex;
mod wording;

pub use agreement::{Agreement, Proportion, ReviewedCase, SignalAgreement, VerdictAgreement};
pub use assessment::{Assessment, Coverage, Verdict, edit_measures};
pub use audit::{AuditDecision, AuditReview, AuditStatus, CodexClauseAudit, MAX_AUDITED_BYTES};
pub use bulk::{BulkOptions, BulkProgress, MAX_PAIRS, assess_all, assess_history};
pub use diff::{DiffBounds, DiffPart, DiffPartKind, RegressionDiff};
pub use document::{
    DocumentComparison, DocumentFinding, MAX_SEGMENTS, Region, Segment, SegmentChange, SegmentChangeKind,
    SegmentCounts, SegmentKind, segments,
};
pub use embedding::{Embedder, EmbedderId, HashedNgrams, Similarity};
pub use finding::{Direction, Finding, Severity, Signal};
pub use guarded::{AuditRequirement, EvidenceFinding, EvidenceVerification, GuardedMutation, GuardedProof};
pub use matching::{ClauseMatch, ClauseMatches, MAX_MATCHED_CLAUSES, MatchKind, match_clauses};
pub use parallel::{Bulk, MAX_THREADS, assess_many, compare_many, score_lines};
pub use policy::GuardPolicy;
pub use refit::{Refit, RefitFigures, RefitTarget};
pub use report::{
    ComparedDocument, DocumentEdit, DocumentStatus, GuardReport, MAX_DOCUMENTS, MAX_NAME_BYTES, PairLine,
    PairOutcome, ReportFormat, score_line,
};
pub use request::{AuditClause, AuditFilter, ReviewAudit};
pub use service::{AuditInFull, CodexRegressionGuard};
pub use whole_codex::{AuditCodex, AuditedPair, CodexAudit};

#[cfg(test)]
mod tests;
