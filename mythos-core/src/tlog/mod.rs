//! Transparency logs: Merkle trees, signed checkpoints, and proofs that anyone can verify without asking
//! anyone.
//!
//! The trees are those of RFC 9162 (and RFC 6962) over SHA-256, and the formats those of C2SP, byte for byte,
//! so that what is exported can be checked with other people's tools. Everything here is a pure function of
//! what it is given.
//!
//! | you want to | use |
//! |---|---|
//! | append leaves, and know the root | [`Frontier`], [`leaf_hash`] |
//! | prove that a leaf is in a tree, or how it grew | [`inclusion_proof`], [`consistency_proof`] |
//! | sign what a log holds | [`Checkpoint`], [`SignedCheckpoint`], [`NoteSigner`] |
//! | cosign as a witness | [`CosignatureSigner`] |
//! | publish a log as files | [`Tile`], [`EntryBundle`], [`TileReader`] |
//! | hand out a proof as one file | [`LogProof`] |
//! | say whom you believe | [`Policy`] |
//! | show that a log lied | [`EquivocationEvidence`] |
//!
//! # Example
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use mythos_core::seal::SecretKey;
//! use mythos_core::tlog::{
//!     Checkpoint, Ed25519Signer, Frontier, LogProof, NoteSigner, Policy, SignedCheckpoint, inclusion_proof,
//!     leaf_hash,
//! };
//!
//! // A log of three entries; the nodes of its tree are kept.
//! let mut nodes = BTreeMap::new();
//! let mut frontier = Frontier::default();
//! for entry in ["one", "two", "three"] {
//!     let leaf = leaf_hash(entry.as_bytes());
//!     nodes.insert((0, frontier.len()), leaf);
//!     frontier.push(leaf, |level, index, hash| {
//!         nodes.insert((level, index), hash);
//!     })?;
//! }
//!
//! // It signs what it holds. In earnest, the key is 32 bytes from a generator of random bytes.
//! let log = Ed25519Signer::from_seed("example.com/log", &SecretKey::from_bytes(&[7; 32]))?;
//! let checkpoint = Checkpoint::new("example.com/log", frontier.len(), frontier.root())?;
//! let signed = SignedCheckpoint::sign(checkpoint, &[&log])?;
//!
//! // One file proves that it holds the second entry,
//! let proof = inclusion_proof(1, frontier.len(), |level, index| Ok(nodes[&(level, index)]))?;
//! let file = LogProof::new(proof, signed)?.to_string();
//!
//! // to everyone who knows the log's key and the entry.
//! let policy = Policy::of_log(log.verifier_key().clone())?;
//! let proof: LogProof = file.parse()?;
//! assert!(proof.verify(&leaf_hash(b"two"), &policy)?.is_met());
//! assert!(proof.verify(&leaf_hash(b"2"), &policy).is_err());
//! # Ok::<(), mythos_core::Error>(())
//! ```
//!
//! # Foreign bytes
//!
//! Every parser states the most that it takes, checks that before it allocates, and never panics. What it
//! accepts has one form: written again, it is the same bytes; only policies, which people write, have
//! several. That something was parsed says nothing about its truth: each type names the method that verifies
//! it.

mod checkpoint;
mod encoding;
mod equivocation;
mod frontier;
mod hash;
mod log_proof;
mod note;
mod policy;
mod proof;
mod signer;
mod tile;
mod tile_reader;
mod tree;
mod verifier_key;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub(crate) use encoding::{decode_base64, encode_base64};
pub use equivocation::EquivocationEvidence;
pub use frontier::Frontier;
pub use hash::{EMPTY_ROOT, TreeHash, leaf_hash, node_hash};
pub use log_proof::{LogProof, MAX_EXTRA_BYTES, MAX_LOG_PROOF_BYTES};
pub use note::{MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteSignature, VerifiedSignature, VerifiedSignatures};
pub use policy::{MAX_POLICY_BYTES, MAX_POLICY_ITEMS, Policy, Verdict, WitnessSignature};
pub use proof::{ConsistencyProof, InclusionProof, MAX_PROOF_HASHES};
pub use signer::{CosignatureAt, CosignatureSigner, Ed25519Signer, NoteSigner};
pub use tile::{EntryBundle, TILE_WIDTH, Tile};
pub use tile_reader::TileReader;
pub use tree::{MAX_TREE_SIZE, NodeReader, consistency_proof, inclusion_proof, root};
pub use verifier_key::{SignatureType, VerifierKey};
