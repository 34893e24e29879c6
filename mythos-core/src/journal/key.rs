use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::types::string_newtype;

/// The longest key, in bytes: room for a URL path or a handful of ids.
const MAX_KEY_BYTES: usize = 200;

/// The host's own name of a step within its ritual, its idempotency key: 1 to 200 bytes of UTF-8 without U+0000.
///
/// It says which effect is meant, and nothing about the try: `payment of order 4711`, not `payment at 10:32`. It is
/// stored in the clear.
///
/// ```
/// use mythos_core::journal::StepKey;
///
/// let key: StepKey = "payment of order 4711".parse()?;
/// assert_eq!(key.as_str(), "payment of order 4711");
/// assert_eq!(StepKey::new("").unwrap_err().field(), Some("key"));
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepKey(String);

impl StepKey {
    /// Takes a key.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `key`, if it is empty, longer than 200 bytes, or contains
    /// U+0000.
    pub fn new(key: impl Into<String>) -> Result<Self> {
        let key = key.into();
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            let message = format!("the key of a step has 1 to {MAX_KEY_BYTES} bytes, not {}", key.len());
            return Err(Error::invalid("key", message));
        }
        if key.contains('\0') {
            return Err(Error::invalid("key", "the key of a step contains U+0000"));
        }
        Ok(Self(key))
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

string_newtype!(StepKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bounded_in_bytes_and_free_of_zeros() {
        assert!(StepKey::new("é".repeat(100)).is_ok());
        assert!(StepKey::new("line\nbreak").is_ok());
        for bad in ["", "a\0b", &"é".repeat(101)] {
            assert_eq!(StepKey::new(bad).unwrap_err().field(), Some("key"), "{bad:?}");
        }
    }
}
