//! One log over everything that a tenant stores: statements about the heads of codices, rituals and
//! deployments.
//!
//! A log proves its own past, but not that it is there: whoever deletes a whole ritual, puts an older copy of
//! a file back, or cuts a log's newest entries off together with its head, leaves something that is sound in
//! itself. The *super-log* finds that. From time to time, [`anchor`](AnchorLog::anchor) states how long each
//! head is and what it says; the statements are the leaves of a Merkle tree (RFC 6962), whose root stands for
//! all of them, and [`verify`](AnchorLog::verify) compares every head with what was last stated of it. A
//! [checkpoint](AnchorLog::checkpoint) of that one root, kept elsewhere, vouches for the whole store.
//!
//! What happened to a head between two runs is not seen: a run as often as one could bear to lose what is
//! newer. A head that contradicts the log is never stated, so that a run hides nothing: it is a finding until
//! [`retire`](AnchorLog::retire) says that it was meant.

mod append;
mod cell;
mod checkpoint;
mod edge;
mod finding;
mod found;
mod heads;
mod mac;
mod read;
mod record;
mod replay;
mod run;
mod service;
mod statement;
mod tree;
mod verify;

pub use checkpoint::PinnedAnchorVerification;
pub use finding::{AnchorFinding, AnchorFindingKind};
pub use record::{AnchorHead, AnchorWatermarks};
pub use run::{AnchorCursor, AnchorReport, AnchorRequest};
pub(crate) use service::Shared;
pub use service::{AnchorLog, AnchorPage};
pub use statement::{AnchorStatement, AnchoredName};
pub use tree::AnchorTree;
pub use verify::{AnchorVerification, AnchorVerificationCursor};

/// Decodes a statement, or else an edge, and encodes it again; for fuzzing.
#[cfg(feature = "testing")]
pub(crate) fn reencode(bytes: &[u8]) -> crate::error::Result<Vec<u8>> {
    match AnchorStatement::from_bytes(bytes) {
        Ok(statement) => statement.to_bytes(),
        Err(_) => edge::to_bytes(&edge::from_bytes(bytes)?),
    }
}
