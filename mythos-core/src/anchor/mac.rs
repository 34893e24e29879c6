//! The code that shows that a head record was written by one who knows a key. Pure.

use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::seal::SecretKey;
use crate::types::Digest;

/// A key for the codes of head records; erased when dropped.
#[derive(Debug, Clone)]
pub(super) struct MacKey(SecretKey);

impl MacKey {
    /// BLAKE3 in key derivation mode, context `mythos 2026 anchor head mac v1`, over the caller's key, so
    /// that the codes tell nothing of other uses of that.
    pub(super) fn of(key: &SecretKey) -> Self {
        let derived = Zeroizing::new(blake3::derive_key("mythos 2026 anchor head mac v1", key.as_bytes()));
        Self(SecretKey::from_bytes(&derived))
    }

    /// BLAKE3 in keyed mode over a record's canonical bytes.
    pub(super) fn code(&self, record: &[u8]) -> Digest {
        Digest::from_bytes(*blake3::keyed_hash(self.0.as_bytes(), record).as_bytes())
    }

    /// Refuses a record whose code is missing or another.
    pub(super) fn check(&self, record: &[u8], found: Option<&Digest>) -> Result<()> {
        let refused = |what: &str| {
            Error::corrupt(format!("the head of the anchors has {what}, so that someone else wrote it"))
                .with_field("mac")
        };
        let found = found.ok_or_else(|| refused("no mac"))?;
        let (expected, found) = (self.code(record), blake3::Hash::from_bytes(*found.as_bytes()));
        // `blake3::Hash` compares in constant time.
        if blake3::Hash::from_bytes(*expected.as_bytes()) == found {
            Ok(())
        } else {
            Err(refused("another mac"))
        }
    }
}
