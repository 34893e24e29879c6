//! Encryption at rest: what is stored can be sealed under a key that the host keeps elsewhere.
//!
//! The host gives a [`KeyProvider`]; a [`KeyRing`] is one that holds its keys in memory. Whoever reads the stored
//! bytes without the key learns their length and the key's id, and nothing else; whoever changes them, or moves them
//! to another place, is found out when they are opened. Destroying a key erases all that was sealed under it, in every
//! copy and backup, at once.
//!
//! ```
//! use mythos_core::seal::{KeyProvider, KeyRing, SecretKey};
//!
//! let ring = KeyRing::with_active("2026-01".parse()?, SecretKey::from_bytes(&[7; 32]));
//!
//! // A newer key seals from now on; the older one still opens what it sealed.
//! ring.insert("2026-02".parse()?, SecretKey::from_bytes(&[8; 32]))?;
//! ring.activate(&"2026-02".parse()?)?;
//! assert_eq!(ring.active()?, Some("2026-02".parse()?));
//! assert!(ring.key(&"2026-01".parse()?)?.is_some());
//!
//! // What was sealed under it is erased.
//! ring.destroy(&"2026-01".parse()?);
//! assert!(ring.key(&"2026-01".parse()?)?.is_none());
//! # Ok::<(), mythos_core::Error>(())
//! ```
//!
//! The cipher is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, which extends the nonce of RFC 8439 to 192 bits).

mod associated;
mod cipher;
mod key;
mod provider;
mod ring;

pub(crate) use associated::Associated;
pub(crate) use cipher::{NONCE_BYTES, NamedKey, TAG_BYTES};
pub use key::{KeyId, SecretKey};
pub use provider::KeyProvider;
pub use ring::KeyRing;
