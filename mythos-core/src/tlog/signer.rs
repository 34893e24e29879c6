use std::fmt;

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use zeroize::Zeroizing;

use super::encoding::check_length;
use super::verifier_key::{SignatureType, VerifierKey, check_key_id, cosigned_message, split_key_text};
use crate::error::{Error, Result};
use crate::seal::SecretKey;

/// What the text form of a private key begins with.
const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";

/// The longest text form of a private key, in bytes.
const MAX_PRIVATE_TEXT_BYTES: usize = 4096;

/// What signs notes: a key in memory, in a hardware module, or of a key service.
///
/// # To ensure correctness
///
/// - **One key.** [`verifier_key`](Self::verifier_key) always gives the same key.
/// - **Its signatures verify.** What [`sign`](Self::sign) gives verifies under that key, strictly; this is
///   checked before a signature is used, and [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if it does not.
/// - **Any thread calls**, several at the same time.
/// - **Errors are passed through** with their kind: [`Error::unavailable`](crate::Error::unavailable) if the
///   key cannot be reached.
pub trait NoteSigner: Send + Sync + fmt::Debug {
    /// The public half, with the name.
    fn verifier_key(&self) -> &VerifierKey;

    /// Signs the text of a note, which ends in a newline, and returns the signature without the key's id: 64
    /// bytes for Ed25519, and for a cosignature the time in 8 bytes, big-endian, before them.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) if it cannot sign now.
    fn sign(&self, text: &str) -> Result<Vec<u8>>;
}

/// A private key of Ed25519 in memory, which is overwritten with zeros when dropped, and printed by nothing.
// In a box, because moving the bytes themselves would leave copies behind that nothing overwrites.
struct PrivateKey(Box<SigningKey>);

impl PrivateKey {
    fn from_seed(seed: &SecretKey) -> Self {
        Self(Box::new(SigningKey::from_bytes(seed.as_bytes())))
    }

    fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// Parses `PRIVATE+KEY+NAME+ID+BASE64`, where the base64 is of the type's byte and the seed.
    fn parse(text: &str, signature_type: SignatureType) -> Result<(Self, &str)> {
        // No message repeats any of the text.
        check_length("key", text.len(), MAX_PRIVATE_TEXT_BYTES)?;
        let malformed = || {
            let byte = signature_type.byte();
            let message = format!("key: not PRIVATE+KEY+NAME+ID+BASE64 of a private key of type {byte}");
            Error::invalid("key", message)
        };
        let (name, id, base64) = split_key_text(text.strip_prefix(PRIVATE_PREFIX).ok_or_else(malformed)?)?;
        let mut bytes = Zeroizing::new([0; 1 + SecretKey::BYTES]);
        let length = Base64::decode(base64, bytes.as_mut()).map_err(|_| malformed())?.len();
        if length != bytes.len() || bytes[0] != signature_type.byte() {
            return Err(malformed());
        }
        let key = Self::from_seed(&SecretKey::from_slice(&bytes[1..])?);
        check_key_id(name, id, signature_type, &key.public())?;
        Ok((key, name))
    }

    fn format(&self, key: &VerifierKey) -> Result<Zeroizing<String>> {
        let mut bytes = Zeroizing::new([0; 1 + SecretKey::BYTES]);
        bytes[0] = key.signature_type().byte();
        bytes[1..].copy_from_slice(self.0.as_bytes());
        let mut base64 = Zeroizing::new([0; 4 * (1 + SecretKey::BYTES) / 3]);
        let base64 = Base64::encode(bytes.as_ref(), base64.as_mut())
            .map_err(|_| Error::internal("33 bytes do not fit 44 characters of base64"))?;
        // With room for all of it, no part is left behind where the text grew.
        let length = PRIVATE_PREFIX.len() + key.name().len() + 10 + base64.len();
        let mut text = Zeroizing::new(String::with_capacity(length));
        text.push_str(PRIVATE_PREFIX);
        text.push_str(key.name());
        text.push_str(&format!("+{:08x}+", key.id()));
        text.push_str(base64);
        Ok(text)
    }
}

/// Signs notes with Ed25519, with a key in memory that is overwritten when dropped and printed by nothing but
/// [`private_text`](Self::private_text).
///
/// ```
/// use mythos_core::seal::SecretKey;
/// use mythos_core::tlog::{Ed25519Signer, Note, NoteSigner};
///
/// // In earnest: 32 bytes from a generator of random bytes.
/// let signer = Ed25519Signer::from_seed("example.com/log", &SecretKey::from_bytes(&[7; 32]))?;
/// let note = Note::sign("read me\n", &[&signer])?;
/// note.verify(&[signer.verifier_key().clone()])?;
/// assert!(!format!("{signer:?}").contains("BwcH"));
/// # Ok::<(), mythos_core::Error>(())
/// ```
pub struct Ed25519Signer {
    key: VerifierKey,
    private: PrivateKey,
}

impl Ed25519Signer {
    /// Makes the key pair that belongs to 32 secret bytes (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `name`, if it is no name of a key.
    pub fn from_seed(name: impl Into<String>, seed: &SecretKey) -> Result<Self> {
        let private = PrivateKey::from_seed(seed);
        Ok(Self { key: VerifierKey::ed25519(name, &private.public())?, private })
    }

    /// Parses the private text form, `PRIVATE+KEY+NAME+ID+BASE64`. The caller's text remains the caller's to
    /// erase.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `key`, for anything else, also if the id does
    /// not belong to the key. No message repeats any of the text.
    ///
    /// Source: Go's `golang.org/x/mod/sumdb/note`.
    pub fn parse_private(text: &str) -> Result<Self> {
        let (private, name) = PrivateKey::parse(text, SignatureType::Ed25519)?;
        Ok(Self { key: VerifierKey::ed25519(name, &private.public())?, private })
    }

    /// The private text form: whoever has it can sign.
    ///
    /// # Errors
    /// None that is known of.
    pub fn private_text(&self) -> Result<Zeroizing<String>> {
        self.private.format(&self.key)
    }
}

impl NoteSigner for Ed25519Signer {
    fn verifier_key(&self) -> &VerifierKey {
        &self.key
    }

    fn sign(&self, text: &str) -> Result<Vec<u8>> {
        Ok(self.private.sign(text.as_bytes()).to_vec())
    }
}

impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519Signer").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Cosigns checkpoints as a witness does: with Ed25519, and a time that [`at`](Self::at) is given.
///
/// A cosignature says that this is the largest consistent tree of its log that the cosigner has seen at that
/// time. The caller sees to it that this is true: it keeps the last checkpoint it cosigned for each log, and
/// cosigns a next one only after [`ConsistencyProof::verify`](super::ConsistencyProof::verify).
///
/// ```
/// use mythos_core::seal::SecretKey;
/// use mythos_core::tlog::{Checkpoint, CosignatureSigner, EMPTY_ROOT, Ed25519Signer, SignedCheckpoint};
///
/// let log = Ed25519Signer::from_seed("example.com/log", &SecretKey::from_bytes(&[7; 32]))?;
/// let witness = CosignatureSigner::from_seed("example.com/witness", &SecretKey::from_bytes(&[8; 32]))?;
/// let mut signed = SignedCheckpoint::sign(Checkpoint::new("example.com/log", 0, EMPTY_ROOT)?, &[&log])?;
/// signed.add_cosignature(&witness.at(1_795_249_800)?)?;
/// let verified = signed.note().verify(&[witness.verifier_key().clone()])?;
/// assert_eq!(verified.by(witness.verifier_key()).unwrap().time, Some(1_795_249_800));
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: C2SP tlog-cosignature.
pub struct CosignatureSigner {
    key: VerifierKey,
    private: PrivateKey,
}

impl CosignatureSigner {
    /// Makes the key pair that belongs to 32 secret bytes (RFC 8032 §5.1.5). Each cosigner needs bytes of its
    /// own, since what is signed does not name the cosigner.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `name`, if it is no name of a key.
    pub fn from_seed(name: impl Into<String>, seed: &SecretKey) -> Result<Self> {
        let private = PrivateKey::from_seed(seed);
        Ok(Self { key: VerifierKey::cosignature(name, &private.public())?, private })
    }

    /// Parses the private text form, `PRIVATE+KEY+NAME+ID+BASE64`. The caller's text remains the caller's to
    /// erase.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `key`, for anything else, also if the id does
    /// not belong to the key. No message repeats any of the text.
    pub fn parse_private(text: &str) -> Result<Self> {
        let (private, name) = PrivateKey::parse(text, SignatureType::Cosignature)?;
        Ok(Self { key: VerifierKey::cosignature(name, &private.public())?, private })
    }

    /// The private text form: whoever has it can cosign.
    ///
    /// # Errors
    /// None that is known of.
    pub fn private_text(&self) -> Result<Zeroizing<String>> {
        self.private.format(&self.key)
    }

    /// The public half, with the name.
    #[must_use]
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.key
    }

    /// The signer that cosigns at `unix_seconds`, in seconds since 1970.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `time`, over 2^63 - 1.
    pub fn at(&self, unix_seconds: u64) -> Result<CosignatureAt<'_>> {
        if i64::try_from(unix_seconds).is_err() {
            return Err(Error::limit("time", "the time of a cosignature is at most 2^63 - 1 seconds"));
        }
        Ok(CosignatureAt { signer: self, unix_seconds })
    }
}

impl fmt::Debug for CosignatureSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CosignatureSigner").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A [`CosignatureSigner`] at a moment.
#[derive(Debug, Clone, Copy)]
pub struct CosignatureAt<'a> {
    signer: &'a CosignatureSigner,
    unix_seconds: u64,
}

impl NoteSigner for CosignatureAt<'_> {
    fn verifier_key(&self) -> &VerifierKey {
        &self.signer.key
    }

    fn sign(&self, text: &str) -> Result<Vec<u8>> {
        let signature = self.signer.private.sign(cosigned_message(self.unix_seconds, text).as_bytes());
        Ok([self.unix_seconds.to_be_bytes().as_slice(), &signature].concat())
    }
}

#[cfg(test)]
mod tests;
