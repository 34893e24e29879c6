//! Versioned rule books whose every change is an entry in a tamper-evident log.
//!
//! A *codex* is an ordered set of clauses. It changes only by mutations; each becomes one event that names its parents,
//! the directive path that led to it, and the state it leaves. [`verify`](CodexProofOfSymbolEngine::verify) replays the
//! whole log: the state after n events must be what the events derive, and a chain of hashes binds every event to the
//! ones before it. Texts, actors and reasons enter events as salted commitments; their openings are separate cells, so
//! that a text can be erased later without breaking any proof.

mod cell;
mod chain;
mod checkpoint;
mod clause;
mod derive;
mod engine;
mod event;
mod evidence;
mod examine;
mod export;
mod filter;
mod finding;
mod history;
mod opening;
mod proofs;
mod read;
mod record;
mod redact;
mod replay;
mod request;
pub(crate) mod shared;
mod state;
mod tail;
mod trail;
mod tree;
mod verify;
mod wire;
mod write;

pub use chain::verify_chain;
pub use checkpoint::AnchoredVerification;
pub use clause::{Clause, DirectivePath, MAX_CLAUSE_BYTES, MAX_CLAUSES, MAX_CODEX_BYTES, MAX_NOTES};
pub use engine::{AppendedMutations, CodexClause, CodexProofOfSymbolEngine};
pub use event::{
    Change, ChangeKind, ClauseDelta, CommittedClause, ErasedOpening, Event, MergeSide, TakenClause,
};
pub use evidence::{Disclosure, EvidenceBundle, EvidenceEvent, ProvenClause, ProvenOrigin};
pub use examine::{EventVerification, VerificationStep};
pub use export::ExportedFile;
pub use filter::ProofFilter;
pub use finding::Finding;
pub(crate) use history::ChangesSince;
pub use history::{Blame, ClauseChange, ClauseDifference, CodexAt, DifferenceKind, Moment, Origin};
pub use opening::Opening;
pub use proofs::CodexTree;
pub use record::{CodexHead, CodexHeadState, ProofVerificationStatus, SymbolProof};
pub use request::{
    CreateCodex, DirectedMutation, Listing, MAX_MUTATIONS, MutateCodex, Mutation, MutationBatch, RedactCodex,
};
pub use shared::CodexOptions;
pub use trail::{TrailEntry, TrailPage};
pub use verify::{CodexVerification, VerifiedCodices};
pub(crate) use write::Beside;

pub use crate::log::StoredCheckpoint;

/// Decodes a snapshot and encodes it again; for fuzzing.
#[cfg(feature = "testing")]
pub(crate) fn reencode_snapshot(bytes: &[u8]) -> crate::error::Result<Vec<u8>> {
    wire::StoredSnapshot::from_bytes(bytes)?.to_bytes()
}
