use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::Digest;
use super::text_form::serde_through_text;
use crate::error::{Error, Result};

/// The id of a record in its table: 1 to 64 arbitrary bytes, ordered bytewise.
///
/// Text forms (serde, `Display`, `FromStr`) are lower-case hexadecimal, whose order is the same.
///
/// ```
/// use mythos_core::types::RecordId;
///
/// let id = RecordId::new(&[0xca, 0xfe])?;
/// assert_eq!(id.to_string(), "cafe");
/// assert_eq!("cafe".parse::<RecordId>()?, id);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordId {
    length: u8,
    bytes: [u8; Self::MAX_BYTES],
}

impl RecordId {
    /// The length of the longest id.
    pub const MAX_BYTES: usize = 64;

    /// Takes 1 to 64 bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `id`, for any other length.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() || bytes.len() > Self::MAX_BYTES {
            let length = bytes.len();
            return Err(Error::invalid("id", format!("a record id has 1 to 64 bytes, not {length}")));
        }
        Ok(Self::from_short(bytes))
    }

    /// Takes bytes that are known to be 1 to 64.
    pub(crate) fn from_short(bytes: &[u8]) -> Self {
        let mut id = Self { length: bytes.len() as u8, bytes: [0; Self::MAX_BYTES] };
        id.bytes[..bytes.len()].copy_from_slice(bytes);
        id
    }

    /// The bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The first bytes as a number that orders as they do.
    fn beginning(&self) -> u128 {
        self.bytes.first_chunk().map_or(0, |first| u128::from_be_bytes(*first))
    }
}

impl From<Digest> for RecordId {
    fn from(digest: Digest) -> Self {
        Self::from_short(digest.as_bytes())
    }
}

impl From<Uuid> for RecordId {
    fn from(uuid: Uuid) -> Self {
        Self::from_short(uuid.as_bytes())
    }
}

impl PartialOrd for RecordId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RecordId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Most differ where they begin, and numbers compare at once. Behind an id stand zeros: what begins alike may still
        // be a prefix of the other.
        let beginnings = self.beginning().cmp(&other.beginning());
        beginnings.then_with(|| self.as_bytes().cmp(other.as_bytes()))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordId({self})")
    }
}

impl FromStr for RecordId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(&decode_hex("id", text, Self::MAX_BYTES)?)
    }
}

serde_through_text!(RecordId);

/// Decodes lower-case hexadecimal of at most `max_bytes` bytes; one value has one text form.
pub(crate) fn decode_hex(field: &'static str, text: &str, max_bytes: usize) -> Result<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() > 2 * max_bytes {
        return Err(Error::invalid(
            field,
            format!("{field} has more than {} hexadecimal digits", 2 * max_bytes),
        ));
    }
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes =
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect::<Option<_>>();
    match bytes {
        Some(bytes) if rest.is_empty() => Ok(bytes),
        _ => Err(Error::invalid(
            field,
            format!("{field} {text:?} is not lower-case hexadecimal of whole bytes"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn order_is_that_of_the_bytes(
            beginning in vec(0..2_u8, 0..20),
            one in vec(0..2_u8, 1..20),
            other in vec(0..2_u8, 1..20),
        ) {
            let (one, other) = ([&beginning[..], &one].concat(), [&beginning[..], &other].concat());
            let (one_id, other_id) = (RecordId::new(&one).unwrap(), RecordId::new(&other).unwrap());
            prop_assert_eq!(one_id.cmp(&other_id), one.cmp(&other));
        }
    }

    #[test]
    fn length_is_bounded_and_order_is_bytewise() {
        assert!(RecordId::new(&[]).is_err());
        assert!(RecordId::new(&[0; 65]).is_err());
        assert_eq!(RecordId::new(&[7; 64]).unwrap().as_bytes(), [7; 64]);
        // A prefix sorts first, also where the padding would compare equal.
        assert!(RecordId::new(&[0]).unwrap() < RecordId::new(&[0, 0]).unwrap());
        assert!(RecordId::new(&[1]).unwrap() > RecordId::new(&[0, 255]).unwrap());
    }

    #[test]
    fn text_is_strict_lower_case_hexadecimal() {
        for bad in ["", "a", "AB", "0g", " 00", "é0", &"00".repeat(65)] {
            assert!(bad.parse::<RecordId>().is_err(), "{bad:?}");
        }
        let id: RecordId = "00ff".parse().unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"00ff\"");
        assert_eq!(serde_json::from_str::<RecordId>("\"00ff\"").unwrap(), id);
    }
}
