use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use super::encoding::{check_key_name, check_length, decode_base64, encode_base64};
use crate::error::{Error, Result};
use crate::types::serde_through_text;

/// The longest text form of a key, in bytes. A key of ML-DSA-44 takes 1,752 besides its name.
const MAX_TEXT_BYTES: usize = 4096;

/// The length of a cosignature: the time and an Ed25519 signature (C2SP tlog-cosignature, "Format").
const COSIGNATURE_BYTES: usize = 8 + Signature::BYTE_SIZE;

/// What a key signs, and how: the first byte of its public half.
///
/// Source: C2SP signed-note, "Signature types".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SignatureType {
    /// 1: Ed25519 over the text of the note.
    Ed25519,
    /// 4: Ed25519 over a time and the text of a checkpoint (C2SP tlog-cosignature, `cosignature/v1`).
    Cosignature,
    /// Any other: such a key is kept as it is, and verifies nothing.
    Other(u8),
}

impl SignatureType {
    /// The byte that stands for it.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
            Self::Other(byte) => byte,
        }
    }

    /// The type that a byte stands for.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Ed25519,
            4 => Self::Cosignature,
            other => Self::Other(other),
        }
    }
}

/// The public half of a key that signs notes, with its name.
///
/// The text form (`Display`, `FromStr`, serde) is `NAME+ID+KEY`: the id is 8 lower-case hexadecimal digits,
/// and the key the base64 of the type's byte and the public key; at most 4,096 bytes in all.
///
/// Signatures are verified strictly: the public key is in its canonical form and not of small order (it is
/// refused when the key is made), the scalar of a signature is reduced, and its point is not of small order.
/// There is no batch verification with other rules: many signatures are a loop over one.
///
/// ```
/// use mythos_core::tlog::{SignatureType, VerifierKey};
///
/// let key: VerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse()?;
/// assert_eq!(key.name(), "PeterNeumann");
/// assert_eq!(key.id(), 0xc74f20a3);
/// assert_eq!(key.signature_type(), SignatureType::Ed25519);
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: C2SP signed-note, "Verifier keys", "Signatures"; the example is that of Go's `sumdb/note`.
#[derive(Clone)]
pub struct VerifierKey {
    name: String,
    id: u32,
    signature_type: SignatureType,
    public: Vec<u8>,
    /// What Ed25519 verifies with; in a box, because it is larger than all the rest.
    point: Option<Box<VerifyingKey>>,
}

impl VerifierKey {
    /// A key that signs notes with Ed25519.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `name`, if the name is empty or has a Unicode
    /// space, a plus sign or a control character; field `key`, if the public key is none, is not in its
    /// canonical form, or is of small order. [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `key`, if
    /// its text would be over 4,096 bytes.
    pub fn ed25519(name: impl Into<String>, public: &[u8; 32]) -> Result<Self> {
        Self::of(name.into(), SignatureType::Ed25519, public)
    }

    /// A key that cosigns checkpoints with Ed25519.
    ///
    /// # Errors
    /// As [`ed25519`](Self::ed25519).
    pub fn cosignature(name: impl Into<String>, public: &[u8; 32]) -> Result<Self> {
        Self::of(name.into(), SignatureType::Cosignature, public)
    }

    /// The key's name: not empty, without Unicode spaces, plus signs and control characters.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id: with the name, it says which key a signature is of. It is short, and no proof of
    /// anything.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What the key signs, and how.
    #[must_use]
    pub fn signature_type(&self) -> SignatureType {
        self.signature_type
    }

    /// The public key without the type's byte: 32 bytes for Ed25519.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public
    }

    /// Whether this crate can verify what the key signed.
    #[must_use]
    pub fn can_verify(&self) -> bool {
        self.point.is_some()
    }

    fn of(name: String, signature_type: SignatureType, public: &[u8]) -> Result<Self> {
        check_key_name("name", &name)?;
        let id = key_id(&name, signature_type, public);
        Self::with_id(name, id, signature_type, public.to_vec())
    }

    fn with_id(name: String, id: u32, signature_type: SignatureType, public: Vec<u8>) -> Result<Self> {
        let point = match signature_type {
            SignatureType::Ed25519 | SignatureType::Cosignature => Some(Box::new(ed25519_point(&public)?)),
            SignatureType::Other(_) => None,
        };
        let key = Self { name, id, signature_type, public, point };
        check_length("key", key.to_string().len(), MAX_TEXT_BYTES)?;
        Ok(key)
    }

    /// Whether `signature`, without the key's id, is this key's over `text`; with the time that it tells if
    /// it is a cosignature. `None` if it is not.
    pub(super) fn check(&self, text: &str, signature: &[u8]) -> Option<Checked> {
        let point = self.point.as_deref()?;
        match self.signature_type {
            SignatureType::Ed25519 => {
                let signature = Signature::from_slice(signature).ok()?;
                point.verify_strict(text.as_bytes(), &signature).ok()?;
                Some(Checked { time: None })
            }
            SignatureType::Cosignature => {
                let signature: &[u8; COSIGNATURE_BYTES] = signature.try_into().ok()?;
                let (time, signature) = signature.split_first_chunk()?;
                // The format says that the time does not exceed 2^63 - 1.
                let time = u64::from_be_bytes(*time);
                i64::try_from(time).ok()?;
                let signature = Signature::from_slice(signature).ok()?;
                point.verify_strict(cosigned_message(time, text).as_bytes(), &signature).ok()?;
                Some(Checked { time: Some(time) })
            }
            SignatureType::Other(_) => None,
        }
    }
}

/// A signature that is the key's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked {
    pub(super) time: Option<u64>,
}

/// What a cosigner signs: the time, in seconds since 1970, and the text of a checkpoint.
///
/// Source: C2SP tlog-cosignature, "Ed25519 signed message".
pub(super) fn cosigned_message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// The id that belongs to a key.
///
/// Source: C2SP signed-note, "Signatures".
fn key_id(name: &str, signature_type: SignatureType, public: &[u8]) -> u32 {
    let hash = Sha256::new_with_prefix(name)
        .chain_update([b'\n', signature_type.byte()])
        .chain_update(public)
        .finalize();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

fn ed25519_point(public: &[u8]) -> Result<VerifyingKey> {
    let refused = |why: &str| Error::invalid("key", format!("the public key of Ed25519 {why}"));
    let bytes = public.try_into().map_err(|_| refused("has not 32 bytes"))?;
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| refused("is no point of the curve"))?;
    if key.to_edwards().compress().as_bytes() != bytes {
        return Err(refused("is not in its canonical form"));
    }
    if key.is_weak() {
        return Err(refused("is of small order: anyone can sign for it"));
    }
    Ok(key)
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.signature_type.byte()], self.public.as_slice()].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id, encode_base64(&key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.name == other.name
            && self.signature_type == other.signature_type
            && self.public == other.public
    }
}

impl Eq for VerifierKey {}

impl FromStr for VerifierKey {
    type Err = Error;

    /// Parses the text form. The id of a key of a type that this crate verifies must be the one that belongs
    /// to it; other specifications say how the ids of other types are made.
    fn from_str(text: &str) -> Result<Self> {
        check_length("key", text.len(), MAX_TEXT_BYTES)?;
        let (name, id, key) = split_key_text(text)?;
        let key = decode_base64("key", key)?;
        let (byte, public) = key.split_first().ok_or_else(|| Error::invalid("key", "a key has no bytes"))?;
        let signature_type = SignatureType::from_byte(*byte);
        if signature_type != SignatureType::Other(*byte) {
            check_key_id(name, id, signature_type, public)?;
        }
        Self::with_id(name.to_owned(), id, signature_type, public.to_vec())
    }
}

/// Splits `NAME+ID+BASE64`, as public and private keys are written.
pub(super) fn split_key_text(text: &str) -> Result<(&str, u32, &str)> {
    // The text is not repeated in messages, since it may be a private key in the wrong place.
    let malformed =
        || Error::invalid("key", "key: not of the form NAME+ID+BASE64, the id in 8 hexadecimal digits");
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed());
    };
    check_key_name("key", name)?;
    if id.len() != 8 || !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(malformed());
    }
    let id = u32::from_str_radix(id, 16).map_err(|_| malformed())?;
    Ok((name, id, key))
}

/// Checks that the id is the one that belongs to the key.
pub(super) fn check_key_id(name: &str, id: u32, signature_type: SignatureType, public: &[u8]) -> Result<()> {
    let expected = key_id(name, signature_type, public);
    if id != expected {
        let message = format!("the id of the key {name:?} is {expected:08x}, not {id:08x} as its text says");
        return Err(Error::invalid("key", message));
    }
    Ok(())
}

serde_through_text!(VerifierKey);

#[cfg(test)]
mod tests;
