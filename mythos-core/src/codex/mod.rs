//! Versioned rule books whose every change is an entry in a tamper-evident log.
//!
//! A *codex* is an ordered set of clauses. It changes only by mutations; each becomes one event that names its parents,
//! the directive path that led to it, and the state it leaves. [`verify`](CodexProofOfSymbolEngine::verify) replays the
//! whole log: the state after n events must be what the events derive, and a chain of hashes binds every event to the
//! ones before it. Texts, actors and reasons enter events as salted commitments; their openings are separate cells, so
//! that a text can be erased later without breaking any proof.

mod clause;
mod derive;
mod engine;
mod event;
mod record;
mod replay;
mod request;
mod snapshot;
mod state;
mod trail;

pub use clause::{Clause, DirectivePath, MAX_CLAUSE_BYTES, MAX_CLAUSES, MAX_CODEX_BYTES};
pub use engine::{CodexClause, CodexProofOfSymbolEngine, ProofFilter};
pub use event::{Change, ChangeKind, ClauseDelta, CommittedClause, Event, MergeSide, Opening, TakenClause};
pub use record::{CodexHead, CodexHeadState, ProofVerificationStatus, SymbolProof};
pub use replay::{CodexVerification, Finding};
pub use request::{CreateCodex, MutateCodex, Mutation};
pub use trail::{TrailEntry, TrailPage};
