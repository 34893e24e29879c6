use std::fmt;
use std::str::FromStr;

use super::checkpoint::SignedCheckpoint;
use super::encoding::{check_length, decode_base64, encode_base64, parse_decimal};
use super::hash::TreeHash;
use super::note::MAX_NOTE_BYTES;
use super::policy::{Policy, Verdict};
use super::proof::{InclusionProof, MAX_PROOF_HASHES};
use super::tree::MAX_TREE_SIZE;
use crate::error::{Error, Result};
use crate::types::serde_through_text;

/// The longest extra data of a proof, in bytes.
pub const MAX_EXTRA_BYTES: usize = 1 << 16;

/// The longest proof, in bytes: a note, the extra data in base64, 64 hashes, and the other lines.
pub const MAX_LOG_PROOF_BYTES: usize = MAX_NOTE_BYTES + MAX_EXTRA_BYTES * 4 / 3 + 4096;

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// What proves to anyone, without a network, that a log holds an entry: the way to the root, and the signed
/// checkpoint.
///
/// The text form (`Display`, `FromStr`, serde) is the format of C2SP, at most [`MAX_LOG_PROOF_BYTES`] long.
/// Files of it end in `.tlog-proof`. Nothing in it may be believed before [`verify`](Self::verify); nobody
/// vouches for the extra data even then.
///
/// Source: C2SP tlog-proof.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogProof {
    extra: Option<Vec<u8>>,
    index: u64,
    hashes: Vec<TreeHash>,
    checkpoint: SignedCheckpoint,
}

impl LogProof {
    /// Puts together the proof of an entry's inclusion and a checkpoint of the same size.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `proof`, if the checkpoint is of another
    /// size; [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `proof`, over [`MAX_PROOF_HASHES`].
    pub fn new(proof: InclusionProof, checkpoint: SignedCheckpoint) -> Result<Self> {
        let InclusionProof { index, size, hashes } = proof;
        if size != checkpoint.checkpoint().size() {
            let found = checkpoint.checkpoint().size();
            let message = format!("a proof for {size} leaves does not go with a checkpoint of {found}");
            return Err(Error::invalid("proof", message));
        }
        if index >= size {
            let message = format!("the leaf {index} is not in a tree of {size} leaves");
            return Err(Error::invalid("proof", message));
        }
        if hashes.len() > MAX_PROOF_HASHES {
            return Err(too_many_hashes());
        }
        Ok(Self { extra: None, index, hashes, checkpoint })
    }

    /// Adds data whose meaning is the application's. It is not authenticated.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `extra`, if it is empty;
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `extra`, over [`MAX_EXTRA_BYTES`].
    pub fn with_extra(mut self, extra: Vec<u8>) -> Result<Self> {
        check_length("extra", extra.len(), MAX_EXTRA_BYTES)?;
        if extra.is_empty() {
            return Err(Error::invalid("extra", "extra: a proof without extra data leaves the line out"));
        }
        self.extra = Some(extra);
        Ok(self)
    }

    /// Parses the text form.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `proof` or one of its parts, if it is
    /// anything else; [`ErrorKind::Limit`](crate::ErrorKind::Limit) over a bound of it or of its note.
    pub fn parse(proof: &[u8]) -> Result<Self> {
        check_length("proof", proof.len(), MAX_LOG_PROOF_BYTES)?;
        let proof = str::from_utf8(proof).map_err(|_| malformed("is not UTF-8"))?;
        let rest = proof.strip_prefix(HEADER).ok_or_else(|| malformed("has another first line"))?;
        let (head, note) = rest.split_once("\n\n").ok_or_else(|| malformed("has no empty line"))?;
        let mut lines = head.split('\n');
        let mut line = lines.next().unwrap_or_default();
        let mut extra = None;
        if let Some(base64) = line.strip_prefix("extra ") {
            check_length("extra", base64.len(), MAX_EXTRA_BYTES.div_ceil(3) * 4)?;
            extra = Some(decode_base64("extra", base64)?);
            line = lines.next().unwrap_or_default();
        }
        let index = line.strip_prefix("index ").ok_or_else(|| malformed("has no index where one belongs"))?;
        let index = parse_decimal("proof", index, MAX_TREE_SIZE)?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() == MAX_PROOF_HASHES {
                return Err(too_many_hashes());
            }
            hashes.push(line.parse().map_err(|_| malformed("has a line that is no hash"))?);
        }
        let checkpoint = SignedCheckpoint::parse(note.as_bytes())?;
        let inclusion = InclusionProof { index, size: checkpoint.checkpoint().size(), hashes };
        let proof = Self::new(inclusion, checkpoint)?;
        match extra {
            Some(extra) => proof.with_extra(extra),
            None => Ok(proof),
        }
    }

    /// The extra data, which nobody vouches for.
    #[must_use]
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// The entry's index in the log.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The signed checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// The proof of inclusion alone.
    #[must_use]
    pub fn inclusion(&self) -> InclusionProof {
        let size = self.checkpoint.checkpoint().size();
        InclusionProof { index: self.index, size, hashes: self.hashes.clone() }
    }

    /// Verifies that `policy` accepts the checkpoint, and that its tree holds the entry with this hash at the
    /// index; says who signed. The hash is [`leaf_hash`](super::leaf_hash) of the entry, which the caller has
    /// from elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the policy is not met, or the hashes do not lead
    /// from the entry to the checkpoint's root; as [`Policy::evaluate`] and [`InclusionProof::verify`].
    ///
    /// Source: C2SP tlog-proof, "Verifying a tlog proof".
    pub fn verify(&self, leaf: &TreeHash, policy: &Policy) -> Result<Verdict> {
        let verdict = policy.evaluate(&self.checkpoint)?;
        if !verdict.is_met() {
            let (origin, found) = (self.checkpoint.checkpoint().origin(), verdict.witnesses.len());
            let log = if verdict.log.is_some() { "signed" } else { "not signed by a known key" };
            let message =
                format!("the checkpoint of {origin:?} is {log}; its {found} witnesses are no quorum");
            return Err(Error::corrupt(message));
        }
        self.inclusion().verify(leaf, &self.checkpoint.checkpoint().root())?;
        Ok(verdict)
    }
}

impl fmt::Display for LogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", encode_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for LogProof {
    type Err = Error;

    fn from_str(proof: &str) -> Result<Self> {
        Self::parse(proof.as_bytes())
    }
}

serde_through_text!(LogProof);

fn malformed(what: &str) -> Error {
    Error::invalid("proof", format!("the log proof {what}"))
}

fn too_many_hashes() -> Error {
    Error::limit("proof", format!("a log proof has at most {MAX_PROOF_HASHES} hashes"))
}

#[cfg(test)]
mod tests;
