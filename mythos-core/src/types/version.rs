use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The largest integer that every language this crate is bound to holds exactly, 2^53 - 1 (RFC 8259 §6).
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// How often a record was written, from 1; at most [`MAX_SAFE_INTEGER`].
///
/// ```
/// use mythos_core::types::Version;
///
/// assert_eq!(Version::FIRST.next()?.get(), 2);
/// assert!(Version::new(0).is_err());
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Version(u64);

impl Version {
    /// The version of a record that was just created.
    pub const FIRST: Self = Self(1);

    /// Takes `value` if it lies in `1..=MAX_SAFE_INTEGER`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `version`, otherwise.
    pub fn new(value: u64) -> Result<Self> {
        if (1..=MAX_SAFE_INTEGER).contains(&value) {
            Ok(Self(value))
        } else {
            Err(Error::invalid("version", format!("version {value} is not in 1..={MAX_SAFE_INTEGER}")))
        }
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version after this one.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) at [`MAX_SAFE_INTEGER`].
    pub fn next(self) -> Result<Self> {
        Self::new(self.0 + 1).map_err(|_| Error::limit("version", "a record was written 2^53 - 1 times"))
    }
}

impl TryFrom<u64> for Version {
    type Error = Error;

    fn try_from(value: u64) -> Result<Self> {
        Self::new(value)
    }
}

impl From<Version> for u64 {
    fn from(version: Version) -> Self {
        version.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
