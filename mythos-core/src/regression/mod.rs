//! [`CodexRegressionGuard`]: no rule gets worse unnoticed.
//!
//! [`Assessment::of`] compares two versions of a clause or a prompt: named signals over a normalised diff, each with its own
//! file under `signal/`, and two small models that say how probable it is that the rule changed, and that its tone did. All of
//! that is pure. English is covered; of other languages the guard says that it cannot tell.

mod assessment;
mod audit;
mod diff;
mod embedding;
mod features;
mod finding;
mod guarded;
mod lexicon;
mod model;
mod policy;
mod readability;
mod reading;
mod request;
mod service;
mod signal;
mod tone;
mod wording;

pub use assessment::{Assessment, Coverage, Verdict, edit_measures};
pub use audit::{AuditDecision, AuditReview, AuditStatus, CodexClauseAudit, MAX_AUDITED_BYTES};
pub use diff::{RegressionDiff, Segment, SegmentBounds, SegmentKind};
pub use embedding::{Embedder, EmbedderId, HashedNgrams, Similarity};
pub use finding::{Direction, Finding, Severity, Signal};
pub use guarded::{AuditRequirement, EvidenceFinding, EvidenceVerification, GuardedMutation, GuardedProof};
pub use policy::GuardPolicy;
pub use request::{AuditClause, AuditFilter, ReviewAudit};
pub use service::{AuditInFull, CodexRegressionGuard};
