use std::fmt;
use std::str::FromStr;

use super::encoding::{check_key_name, check_length, decode_base64, encode_base64};
use super::signer::NoteSigner;
use super::verifier_key::VerifierKey;
use crate::error::{Error, Result};
use crate::types::serde_through_text;

/// The longest note, in bytes, with its signatures.
pub const MAX_NOTE_BYTES: usize = 1 << 20;

/// The most signatures of a note. The format asks for at least 16; this is what Go's `sumdb/note` takes.
pub const MAX_SIGNATURES: usize = 100;

/// What a signature line begins with: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// A text that one or more keys have signed.
///
/// Nothing in the text may be believed before [`verify`](Self::verify). The text form (`Display`, `FromStr`,
/// serde) is the signed note, byte for byte: the text, an empty line, and one line for each signature. A note
/// has 1 to [`MAX_SIGNATURES`] signatures, and [`MAX_NOTE_BYTES`] at most.
///
/// ```
/// use mythos_core::tlog::{Note, VerifierKey};
///
/// let note = Note::parse(
///     "If you think cryptography is the answer to your problem,\n\
///      then you don't know what your problem is.\n\
///      \n\
///      — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
///         .as_bytes(),
/// )?;
/// let key: VerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse()?;
/// assert!(note.verify(&[key.clone()])?.by(&key).is_some());
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: C2SP signed-note; the example is that of Go's `sumdb/note`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Takes a text and its signatures, which are not verified.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `note`, if the text does not end in a newline
    /// or has another control character below U+0020, or if there is no signature;
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `note`, over [`MAX_SIGNATURES`] or
    /// [`MAX_NOTE_BYTES`].
    pub fn new(text: impl Into<String>, signatures: Vec<NoteSignature>) -> Result<Self> {
        let text = text.into();
        check_note_text(&text)?;
        check_bounds(&text, &signatures)?;
        Ok(Self { text, signatures })
    }

    /// Signs a text with every signer, in their order. Each signature is verified before it is taken.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a signer gives a signature
    /// that its key does not verify, or nothing at all; what a signer gives.
    pub fn sign(text: impl Into<String>, signers: &[&dyn NoteSigner]) -> Result<Self> {
        let text = text.into();
        check_note_text(&text)?;
        let signatures = signers.iter().map(|signer| sign_text(&text, *signer)).collect::<Result<_>>()?;
        Self::new(text, signatures)
    }

    /// Parses a signed note.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `note`, if it is anything else;
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `note`, over [`MAX_SIGNATURES`] or
    /// [`MAX_NOTE_BYTES`].
    pub fn parse(note: &[u8]) -> Result<Self> {
        check_length("note", note.len(), MAX_NOTE_BYTES)?;
        let note = str::from_utf8(note).map_err(|_| Error::invalid("note", "the note is not UTF-8"))?;
        let Some((text, signatures)) = note.rsplit_once("\n\n") else {
            return Err(Error::invalid("note", "the note has no empty line before its signatures"));
        };
        // The first of the two newlines ends the text.
        let text = &note[..=text.len()];
        let Some(signatures) = signatures.strip_suffix('\n') else {
            return Err(Error::invalid("note", "the note's last line does not end in a newline"));
        };
        let count = signatures.split('\n').count();
        if count > MAX_SIGNATURES {
            return Err(too_many_signatures(count));
        }
        let signatures = signatures.split('\n').map(NoteSignature::parse).collect::<Result<_>>()?;
        Self::new(text, signatures)
    }

    /// The text, which ends in a newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, in their order; not verified.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Signs the text again. A signature that the note has of the same key is replaced; otherwise the new one
    /// is the last. The note is unchanged if this fails.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn add_signature_of(&mut self, signer: &dyn NoteSigner) -> Result<()> {
        let signature = sign_text(&self.text, signer)?;
        self.add_signature(signature)
    }

    /// Adds a signature, which is not verified. One that the note has of the same name and id is replaced;
    /// otherwise the new one is the last. The note is unchanged if this fails.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `note`, over [`MAX_SIGNATURES`] or
    /// [`MAX_NOTE_BYTES`].
    pub fn add_signature(&mut self, signature: NoteSignature) -> Result<()> {
        let is_same = |old: &NoteSignature| old.key_id == signature.key_id && old.name == signature.name;
        let mut signatures = self.signatures.clone();
        let at = signatures.iter().position(is_same).unwrap_or(signatures.len());
        signatures.retain(|old| !is_same(old));
        signatures.insert(at, signature);
        check_bounds(&self.text, &signatures)?;
        self.signatures = signatures;
        Ok(())
    }

    /// Verifies the signatures of the keys that are given. Signatures of other keys are ignored, as are keys
    /// of a type that this crate does not verify. A key that signed several times is named once, a cosigner
    /// with its latest time.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a signature of a given key is not the key's, or
    /// if no given key signed; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `keys`, if two
    /// different keys have the same name and id.
    ///
    /// Source: C2SP signed-note, "Signatures".
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<VerifiedSignatures> {
        let verified = self.verify_known(keys.iter())?;
        if verified.signatures.is_empty() {
            return Err(Error::corrupt("none of the given keys signed the note"));
        }
        Ok(verified)
    }

    /// As [`verify`](Self::verify), where it is no error that no known key signed.
    pub(super) fn verify_known<'a>(
        &self,
        keys: impl Iterator<Item = &'a VerifierKey> + Clone,
    ) -> Result<VerifiedSignatures> {
        let mut verified = VerifiedSignatures::default();
        for signature in &self.signatures {
            let is_named = |key: &&VerifierKey| key.id() == signature.key_id && key.name() == signature.name;
            let mut named = keys.clone().filter(is_named);
            let Some(key) = named.next() else { continue };
            if named.any(|other| other != key) {
                let message = format!("two different keys are called {:?} {:08x}", key.name(), key.id());
                return Err(Error::invalid("keys", message));
            }
            if key.can_verify() {
                let checked = key
                    .check(&self.text, &signature.bytes)
                    .ok_or_else(|| bad_signature(key.name(), key.id()))?;
                verified.add(key, checked.time);
            }
        }
        Ok(verified)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.signatures.iter().try_for_each(|signature| write!(f, "\n{signature}"))?;
        f.write_str("\n")
    }
}

impl FromStr for Note {
    type Err = Error;

    fn from_str(note: &str) -> Result<Self> {
        Self::parse(note.as_bytes())
    }
}

serde_through_text!(Note);

/// One signature of a note, of whatever key and type.
///
/// Its text form (`Display`) is the signature line without its newline.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NoteSignature {
    name: String,
    key_id: u32,
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// Takes the name and the id of a key, and what it signed with.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `note`, if the name is none of a key or
    /// `bytes` is empty; [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `note`, over
    /// [`MAX_NOTE_BYTES`].
    pub fn new(name: impl Into<String>, key_id: u32, bytes: Vec<u8>) -> Result<Self> {
        let name = name.into();
        check_key_name("note", &name)?;
        if bytes.is_empty() {
            return Err(Error::invalid("note", "a signature of the note has no bytes behind its key's id"));
        }
        let signature = Self { name, key_id, bytes };
        check_length("note", signature.line_bytes(), MAX_NOTE_BYTES)?;
        Ok(signature)
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the key.
    #[must_use]
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    /// The signature without the key's id.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn parse(line: &str) -> Result<Self> {
        let malformed = || Error::invalid("note", "a signature line of the note is no dash, name and base64");
        let (name, base64) = line
            .strip_prefix(SIGNATURE_PREFIX)
            .and_then(|line| line.split_once(' '))
            .ok_or_else(malformed)?;
        let bytes = decode_base64("note", base64)?;
        let (key_id, bytes) = bytes.split_first_chunk().ok_or_else(malformed)?;
        Self::new(name, u32::from_be_bytes(*key_id), bytes.to_vec())
    }

    /// The length of the line, with its newline.
    fn line_bytes(&self) -> usize {
        SIGNATURE_PREFIX.len() + self.name.len() + 2 + (4 + self.bytes.len()).div_ceil(3) * 4
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id.to_be_bytes(), self.bytes.as_slice()].concat();
        write!(f, "{SIGNATURE_PREFIX}{} {}", self.name, encode_base64(&bytes))
    }
}

/// The keys that signed a note, of those that were asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VerifiedSignatures {
    signatures: Vec<VerifiedSignature>,
}

impl VerifiedSignatures {
    /// Every key that signed, once, in the order of the note's signatures.
    pub fn iter(&self) -> impl Iterator<Item = &VerifiedSignature> {
        self.signatures.iter()
    }

    /// The signature of this key, if it signed.
    #[must_use]
    pub fn by(&self, key: &VerifierKey) -> Option<&VerifiedSignature> {
        self.signatures.iter().find(|signature| signature.key == *key)
    }

    fn add(&mut self, key: &VerifierKey, time: Option<u64>) {
        match self.signatures.iter_mut().find(|signature| signature.key == *key) {
            Some(known) => known.time = known.time.max(time),
            None => self.signatures.push(VerifiedSignature { key: key.clone(), time }),
        }
    }
}

/// A key that signed a note.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedSignature {
    /// The key.
    pub key: VerifierKey,
    /// When a cosigner signed, in seconds since 1970, as it says itself; at most 2^63 - 1.
    pub time: Option<u64>,
}

/// Checks that a text can be that of a note.
fn check_note_text(text: &str) -> Result<()> {
    check_length("note", text.len(), MAX_NOTE_BYTES)?;
    if !text.ends_with('\n') {
        return Err(Error::invalid("note", "the note's text does not end in a newline"));
    }
    if let Some(at) = text.bytes().position(|byte| byte < b' ' && byte != b'\n') {
        return Err(Error::invalid(
            "note",
            format!("the note's text has a control character at its byte {at}"),
        ));
    }
    Ok(())
}

/// Checks how many signatures a note has, and how long it is with them.
fn check_bounds(text: &str, signatures: &[NoteSignature]) -> Result<()> {
    if signatures.is_empty() {
        return Err(Error::invalid("note", "the note has no signature"));
    }
    if signatures.len() > MAX_SIGNATURES {
        return Err(too_many_signatures(signatures.len()));
    }
    let lines: usize = signatures.iter().map(NoteSignature::line_bytes).sum();
    check_length("note", text.len() + 1 + lines, MAX_NOTE_BYTES)
}

/// Signs, and does not believe the signer: a wrong signature would make everyone who knows the key refuse the
/// note, and one that is empty or too long is wrong as well.
fn sign_text(text: &str, signer: &dyn NoteSigner) -> Result<NoteSignature> {
    let key = signer.verifier_key();
    let bytes = signer.sign(text)?;
    if key.can_verify() && key.check(text, &bytes).is_none() {
        return Err(bad_signature(key.name(), key.id()));
    }
    NoteSignature::new(key.name(), key.id(), bytes)
        .map_err(|error| bad_signature(key.name(), key.id()).with_source(error))
}

fn bad_signature(name: &str, key_id: u32) -> Error {
    Error::corrupt(format!(
        "the signature of the key {name:?} {key_id:08x} is not its signature of this note"
    ))
}

fn too_many_signatures(count: usize) -> Error {
    Error::limit("note", format!("{count} signatures; a note has at most {MAX_SIGNATURES}"))
}

#[cfg(test)]
mod tests;
