use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::types::string_newtype;

/// The longest id of a key, in bytes: room for a UUID, a digest or a path, and its length fits one byte.
const MAX_ID_BYTES: usize = 64;

/// The public name of a key: 1 to 64 bytes of printable ASCII (U+0020 to U+007E).
///
/// It is stored in the clear beside everything that was sealed under its key. One id stands for one key, for ever.
///
/// ```
/// use mythos_core::seal::KeyId;
///
/// let id: KeyId = "tenants/acme/2026-01".parse()?;
/// assert_eq!(id.as_str(), "tenants/acme/2026-01");
/// assert!(KeyId::new("clé").is_err());
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

impl KeyId {
    /// Takes an id.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if it is empty, longer than 64 bytes, or contains anything but
    /// printable ASCII; the field is `key`.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        // The messages do not repeat the text, which may be a secret that was given in the wrong place.
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            let message = format!("the id of a key has 1 to {MAX_ID_BYTES} bytes, not {}", id.len());
            return Err(Error::invalid("key", message));
        }
        if let Some(at) = id.bytes().position(|byte| !matches!(byte, b' '..=b'~')) {
            let message = format!("the id of a key is printable ASCII; its byte {at} is not");
            return Err(Error::invalid("key", message));
        }
        Ok(Self(id))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

string_newtype!(KeyId);

/// The 256 secret bits of a key, overwritten with zeros when dropped, and printed by nothing.
///
/// They should come from a generator of random bytes, or from a key derivation function; a password is not a key.
///
/// ```
/// use mythos_core::seal::SecretKey;
///
/// let key = SecretKey::from_slice(&[7; 32])?;
/// assert_eq!(format!("{key:?}"), "SecretKey(..)");
/// assert!(SecretKey::from_slice(b"too short").is_err());
/// # Ok::<(), mythos_core::Error>(())
/// ```
// In a box, because moving the bytes themselves would leave copies behind that nothing overwrites.
#[derive(Clone)]
pub struct SecretKey(Box<Zeroizing<[u8; Self::BYTES]>>);

impl SecretKey {
    /// The length in bytes.
    pub const BYTES: usize = 32;

    /// Copies the bytes. The caller's remain the caller's to erase.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut key = Self(Box::default());
        key.0.copy_from_slice(bytes);
        key
    }

    /// Copies the bytes, of which there must be 32. The caller's remain the caller's to erase.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if there are not 32; the field is `key`.
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.try_into().map_err(|_| {
            let message = format!("a secret key has {} bytes, not {}", Self::BYTES, bytes.len());
            Error::invalid("key", message)
        })?;
        Ok(Self::from_bytes(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Whether both are the same key, found without stopping at the first difference, whose place would show in the
    /// time it takes.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let difference = self.0.iter().zip(other.0.iter()).fold(0, |sum, (one, two)| sum | (one ^ two));
        difference == 0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn ids_are_short_printable_ascii() {
        for good in ["k", " ", "~", "a/b:c", &"x".repeat(64)] {
            let id = KeyId::new(good).unwrap();
            assert_eq!(serde_json::to_value(&id).unwrap(), good);
            assert_eq!(serde_json::from_value::<KeyId>(good.into()).unwrap(), id);
        }
        for bad in ["", "a\nb", "\u{7f}", "\0", "é", &"x".repeat(65)] {
            let error = KeyId::new(bad).unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("key")), "{bad:?}");
            assert!(serde_json::from_value::<KeyId>(bad.into()).is_err());
        }
    }

    #[test]
    fn a_secret_given_as_an_id_is_not_repeated() {
        let secret = "not-an-id-but-a-secret\n";
        assert!(!KeyId::new(secret).unwrap_err().to_string().contains("secret"));
        let long = "a-secret-".repeat(10);
        assert!(!KeyId::new(long).unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn secrets_have_exactly_32_bytes() {
        for length in [0, 31, 33, 64] {
            let error = SecretKey::from_slice(&vec![0xab; length]).unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("key")));
            assert_eq!(error.to_string(), format!("a secret key has 32 bytes, not {length}"));
        }
        let bytes: Vec<u8> = (0..32).collect();
        assert_eq!(SecretKey::from_slice(&bytes).unwrap().as_bytes(), bytes.as_slice());
    }

    #[test]
    fn secrets_are_erased_by_their_type() {
        fn is_erased<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        is_erased(SecretKey::from_bytes(&[1; 32]).0.as_ref());
    }

    #[test]
    fn every_bit_tells_two_keys_apart() {
        let key = SecretKey::from_bytes(&[0x5a; 32]);
        assert!(key.is_same(&key.clone()));
        for bit in 0..256 {
            let mut bytes = [0x5a; 32];
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.is_same(&SecretKey::from_bytes(&bytes)), "bit {bit}");
        }
    }
}
