use std::fmt;
use std::str::FromStr;

use super::encoding::{check_length, parse_decimal};
use super::hash::{EMPTY_ROOT, TreeHash};
use super::note::{MAX_NOTE_BYTES, Note, NoteSignature, VerifiedSignatures};
use super::signer::NoteSigner;
use super::tree::{MAX_TREE_SIZE, check_size};
use super::verifier_key::VerifierKey;
use crate::error::{Error, Result};
use crate::types::serde_through_text;

/// What a log says of itself: its name, how many leaves it has, and the root hash over them.
///
/// The text form (`Display`, `FromStr`) is that of the note which a log signs: a line each, and then the
/// extension lines.
///
/// ```
/// use mythos_core::tlog::{Checkpoint, EMPTY_ROOT};
///
/// let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
/// let checkpoint: Checkpoint = text.parse()?;
/// assert_eq!((checkpoint.origin(), checkpoint.size()), ("example.com/behind-the-sofa", 20_852_163));
/// assert_eq!(checkpoint.to_string(), text);
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: C2SP tlog-checkpoint, "Note text".
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: TreeHash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// What the log called `origin` says at `size` leaves.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `checkpoint`, if `origin` is empty or has a
    /// control character, or if a tree without leaves has another root than [`EMPTY_ROOT`];
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `size`, over [`MAX_TREE_SIZE`].
    pub fn new(origin: impl Into<String>, size: u64, root: TreeHash) -> Result<Self> {
        let origin = origin.into();
        check_line("origin", &origin)?;
        check_size("size", size)?;
        if size == 0 && root != EMPTY_ROOT {
            return Err(Error::invalid(
                "checkpoint",
                "the checkpoint of no leaves has not the root of no leaves",
            ));
        }
        Ok(Self { origin, size, root, extensions: Vec::new() })
    }

    /// Adds a line that says more. Nobody audits such lines; the format advises against them.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `checkpoint`, if it is empty or has a control
    /// character.
    pub fn with_extension(mut self, line: impl Into<String>) -> Result<Self> {
        let line = line.into();
        check_line("extension", &line)?;
        self.extensions.push(line);
        Ok(self)
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves the log has; at most [`MAX_TREE_SIZE`].
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root hash over all leaves.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        self.root
    }

    /// The extension lines, without their newlines.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

/// A line is not empty, and has no control character: the note refuses those.
fn check_line(what: &str, line: &str) -> Result<()> {
    if line.is_empty() || line.bytes().any(|byte| byte < b' ') {
        let message = format!("the checkpoint's {what} is empty or has a control character");
        return Err(Error::invalid("checkpoint", message));
    }
    check_length("checkpoint", line.len(), MAX_NOTE_BYTES)
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, size, root, extensions } = self;
        write!(f, "{origin}\n{size}\n{root}\n")?;
        extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        check_length("checkpoint", text.len(), MAX_NOTE_BYTES)?;
        let malformed = |what| Error::invalid("checkpoint", format!("the checkpoint {what}"));
        let lines = text.strip_suffix('\n').ok_or_else(|| malformed("does not end in a newline"))?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(malformed("has fewer than three lines"));
        };
        let size = parse_decimal("checkpoint", size, MAX_TREE_SIZE)?;
        let root = root.parse().map_err(|_| malformed("has no root hash in its third line"))?;
        lines.try_fold(Self::new(origin, size, root)?, Self::with_extension)
    }
}

/// A [`Checkpoint`] in the note that its log signed, perhaps with the cosignatures of witnesses.
///
/// The text form (`Display`, `FromStr`, serde) is the note, byte for byte. Nothing in it may be believed
/// before [`verify`](Self::verify), or [`Policy::evaluate`](super::Policy::evaluate).
///
/// Source: C2SP tlog-checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SignedCheckpoint {
    note: Note,
    checkpoint: Checkpoint,
}

impl SignedCheckpoint {
    /// Signs a checkpoint with every signer. One of them has the checkpoint's origin as its name: the log
    /// itself.
    ///
    /// A log never signs two checkpoints of which neither begins the other; the caller sees to that.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `signers`, if no signer is called as the
    /// origin; as [`Note::sign`].
    pub fn sign(checkpoint: Checkpoint, signers: &[&dyn NoteSigner]) -> Result<Self> {
        if !signers.iter().any(|signer| signer.verifier_key().name() == checkpoint.origin) {
            let message = format!("no signer is called {:?} as the checkpoint's origin", checkpoint.origin);
            return Err(Error::invalid("signers", message));
        }
        Ok(Self { note: Note::sign(checkpoint.to_string(), signers)?, checkpoint })
    }

    /// Parses a signed checkpoint.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `note` or `checkpoint`, if it is anything
    /// else; [`ErrorKind::Limit`](crate::ErrorKind::Limit) as [`Note::parse`], and over [`MAX_TREE_SIZE`]
    /// leaves.
    pub fn parse(note: &[u8]) -> Result<Self> {
        Note::parse(note)?.try_into()
    }

    /// What was signed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Signs the checkpoint again, as [`Note::add_signature_of`]: a witness's newer cosignature replaces its
    /// older one.
    ///
    /// # Errors
    /// As [`Note::sign`].
    pub fn add_cosignature(&mut self, signer: &dyn NoteSigner) -> Result<()> {
        self.note.add_signature_of(signer)
    }

    /// Adds a signature from elsewhere, which is not verified, as [`Note::add_signature`].
    ///
    /// # Errors
    /// As [`Note::add_signature`].
    pub fn add_signature(&mut self, signature: NoteSignature) -> Result<()> {
        self.note.add_signature(signature)
    }

    /// Verifies that the log signed, by one of `log_keys` that is called as the checkpoint's origin, and
    /// which of `witness_keys` cosigned. Keys of other names among `log_keys` count for nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the log did not sign, or if a signature of any of
    /// these keys is not the key's; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `keys`, if two
    /// different keys have the same name and id.
    pub fn verify(
        &self,
        log_keys: &[VerifierKey],
        witness_keys: &[VerifierKey],
    ) -> Result<VerifiedSignatures> {
        let of_log = log_keys.iter().filter(|key| key.name() == self.checkpoint.origin);
        let verified = self.note.verify_known(of_log.clone().chain(witness_keys))?;
        if !of_log.clone().any(|key| verified.by(key).is_some()) {
            let origin = &self.checkpoint.origin;
            return Err(Error::corrupt(format!("no known key of the log {origin:?} signed its checkpoint")));
        }
        Ok(verified)
    }
}

impl TryFrom<Note> for SignedCheckpoint {
    type Error = Error;

    fn try_from(note: Note) -> Result<Self> {
        let checkpoint = note.text().parse()?;
        Ok(Self { note, checkpoint })
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

impl FromStr for SignedCheckpoint {
    type Err = Error;

    fn from_str(note: &str) -> Result<Self> {
        Self::parse(note.as_bytes())
    }
}

serde_through_text!(SignedCheckpoint);

#[cfg(test)]
mod tests;
