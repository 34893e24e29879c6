use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::types::{Commitment, Salt};

/// What opens a commitment of an event. Erasing it leaves every proof valid.
///
/// Stored as the salt and, behind it, the text in UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The salt.
    pub salt: Salt,
    /// The text that was committed to.
    pub value: String,
}

/// The places of texts in an event, and the purposes that their commitments are made for.
pub(crate) const ACTOR: &str = "actor";
pub(crate) const REASON: &str = "reason";
pub(crate) const TEXT: &str = "text";
pub(crate) const NOTE: &str = "note";

/// The numbers of openings in their event.
pub(crate) const ACTOR_OPENING: u32 = 0;
pub(crate) const REASON_OPENING: u32 = 1;
pub(crate) const FIRST_TEXT_OPENING: u32 = 2;

impl Opening {
    /// Commits to `value`: the commitment, and the bytes of what opens it.
    pub(crate) fn commit(purpose: &str, salt: Salt, value: &str) -> (Commitment, Vec<u8>) {
        let commitment = Commitment::to(purpose, &salt, value.as_bytes());
        (commitment, [&salt.as_bytes()[..], value.as_bytes()].concat())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let Some((salt, value)) = bytes.split_first_chunk() else {
            return Err(Error::corrupt(format!(
                "an opening has {} bytes, which is less than a salt",
                bytes.len()
            )));
        };
        let value = std::str::from_utf8(value).map_err(|error| {
            Error::corrupt("an opening is not a salt and text in UTF-8").with_source(error)
        })?;
        Ok(Self { salt: Salt::from_bytes(*salt), value: value.to_owned() })
    }

    /// Whether this opens `commitment` as `purpose`.
    pub(crate) fn opens(&self, purpose: &str, commitment: &Commitment) -> bool {
        commitment.opens(purpose, &self.salt, self.value.as_bytes())
    }
}
