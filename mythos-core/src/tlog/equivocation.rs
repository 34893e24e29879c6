use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::checkpoint::SignedCheckpoint;
use super::encoding::check_length;
use super::note::MAX_NOTE_BYTES;
use super::verifier_key::VerifierKey;
use crate::error::{Error, Result};

/// The longest text form, in bytes: two notes, in which JSON doubles at most every byte, and what stands
/// around them.
const MAX_EVIDENCE_BYTES: usize = 4 * MAX_NOTE_BYTES + 256;

/// What the text form begins with.
const FORMAT: &str = "mythos equivocation v1";

/// What proves to anyone that a log lied: two checkpoints that one key of it signed, of one size and with
/// different roots.
///
/// Two checkpoints of different sizes are no such proof, however inconsistent: that nobody can show a proof
/// of their consistency does not show that there is none.
///
/// The text form (`Display`, `FromStr`) is a JSON object with both notes, the one with the lesser root first;
/// nothing in it may be believed before [`verify`](Self::verify).
///
/// ```
/// use mythos_core::seal::SecretKey;
/// use mythos_core::tlog::{
///     Checkpoint, Ed25519Signer, EquivocationEvidence, NoteSigner, SignedCheckpoint, leaf_hash,
/// };
///
/// let log = Ed25519Signer::from_seed("example.com/log", &SecretKey::from_bytes(&[7; 32]))?;
/// let signed = |data| {
///     SignedCheckpoint::sign(Checkpoint::new("example.com/log", 1, leaf_hash(data))?, &[&log])
/// };
/// let keys = [log.verifier_key().clone()];
/// let evidence = EquivocationEvidence::from_checkpoints(&signed(b"one")?, &signed(b"two")?, &keys).unwrap();
/// let told: EquivocationEvidence = evidence.to_string().parse()?;
/// assert_eq!(told.verify(&keys)?, log.verifier_key());
/// assert!(EquivocationEvidence::from_checkpoints(&signed(b"one")?, &signed(b"one")?, &keys).is_none());
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EquivocationEvidence {
    first: SignedCheckpoint,
    second: SignedCheckpoint,
}

impl EquivocationEvidence {
    /// The evidence that two checkpoints are, whatever their order; `None` if they are none, or if no key of
    /// `log_keys` verifiably signed both.
    #[must_use]
    pub fn from_checkpoints(
        one: &SignedCheckpoint,
        two: &SignedCheckpoint,
        log_keys: &[VerifierKey],
    ) -> Option<Self> {
        let evidence = Self::ordered(one.clone(), two.clone());
        evidence.verify(log_keys).is_ok().then_some(evidence)
    }

    /// The checkpoint with the lesser root.
    #[must_use]
    pub fn first(&self) -> &SignedCheckpoint {
        &self.first
    }

    /// The checkpoint with the greater root.
    #[must_use]
    pub fn second(&self) -> &SignedCheckpoint {
        &self.second
    }

    /// Verifies that the log lied, and returns the key of `log_keys` that signed both checkpoints. Keys that
    /// are not called as the checkpoints' origin count for nothing, and signatures of other keys are ignored.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if it proves nothing: the checkpoints are of
    /// different logs or sizes, or have the same root, or no key signed both.
    pub fn verify<'a>(&self, log_keys: &'a [VerifierKey]) -> Result<&'a VerifierKey> {
        let (first, second) = (self.first.checkpoint(), self.second.checkpoint());
        if first.origin() != second.origin() || first.size() != second.size() {
            return Err(Error::corrupt(
                "checkpoints of different logs or sizes do not contradict each other",
            ));
        }
        if first.root() == second.root() {
            return Err(Error::corrupt("checkpoints with the same root do not contradict each other"));
        }
        // Key by key: a bad signature of one key does not clear another.
        let signed_by =
            |signed: &SignedCheckpoint, key| signed.verify(std::slice::from_ref(key), &[]).is_ok();
        log_keys
            .iter()
            .find(|key| signed_by(&self.first, key) && signed_by(&self.second, key))
            .ok_or_else(|| Error::corrupt("no known key of the log signed both checkpoints"))
    }

    fn ordered(one: SignedCheckpoint, two: SignedCheckpoint) -> Self {
        let is_ordered = one.checkpoint().root() <= two.checkpoint().root();
        let (first, second) = if is_ordered { (one, two) } else { (two, one) };
        Self { first, second }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    first: SignedCheckpoint,
    second: SignedCheckpoint,
}

impl fmt::Display for EquivocationEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = (self.first.clone(), self.second.clone());
        let written = Written { format: FORMAT.to_owned(), first, second };
        f.write_str(&serde_json::to_string(&written).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for EquivocationEvidence {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `evidence`, for anything but the text form;
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `evidence`, over four times the longest note.
    fn from_str(text: &str) -> Result<Self> {
        check_length("evidence", text.len(), MAX_EVIDENCE_BYTES)?;
        let invalid =
            || Error::invalid("evidence", "the evidence is no JSON object of two signed checkpoints");
        let written: Written = serde_json::from_str(text).map_err(|error| invalid().with_source(error))?;
        if written.format != FORMAT {
            return Err(Error::invalid("evidence", format!("the evidence is not of the format {FORMAT:?}")));
        }
        Ok(Self::ordered(written.first, written.second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::SecretKey;
    use crate::tlog::{Checkpoint, Ed25519Signer, NoteSigner, TreeHash, leaf_hash};

    fn log(name: &str, seed: u8) -> Ed25519Signer {
        Ed25519Signer::from_seed(name, &SecretKey::from_bytes(&[seed; 32])).unwrap()
    }

    fn signed(log: &Ed25519Signer, size: u64, root: TreeHash) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(log.verifier_key().name(), size, root).unwrap();
        SignedCheckpoint::sign(checkpoint, &[log]).unwrap()
    }

    #[test]
    fn only_one_size_with_two_roots_of_one_key_is_evidence() {
        let (log, other, renewed) = (log("log", 1), log("other", 2), log("log", 3));
        let keys = [&log, &other, &renewed].map(|log| log.verifier_key().clone());
        let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
        let one = signed(&log, 5, a);
        let evidence = EquivocationEvidence::from_checkpoints(&one, &signed(&log, 5, b), &keys).unwrap();
        let turned = EquivocationEvidence::from_checkpoints(&signed(&log, 5, b), &one, &keys).unwrap();
        assert_eq!(evidence, turned);
        assert_eq!(evidence.verify(&keys).unwrap(), log.verifier_key());
        assert!(evidence.verify(&keys[1..]).is_err(), "the key is not known");
        for innocent in [&one, &signed(&log, 6, b), &signed(&other, 5, b), &signed(&renewed, 5, b)] {
            assert!(EquivocationEvidence::from_checkpoints(&one, innocent, &keys).is_none(), "{innocent}");
        }
    }

    #[test]
    fn the_text_form_round_trips_and_changes_are_found() {
        let log = log("log", 1);
        let keys = [log.verifier_key().clone()];
        let (one, two) = (signed(&log, 5, leaf_hash(b"a")), signed(&log, 5, leaf_hash(b"b")));
        let evidence = EquivocationEvidence::from_checkpoints(&one, &two, &keys).unwrap();
        let text = evidence.to_string();
        assert_eq!(text.parse::<EquivocationEvidence>().unwrap(), evidence);
        for (from, to) in [("\\n5\\n", "\\n6\\n"), ("\"log", "\"lag"), ("v1", "v2"), ("first", "erst")] {
            let changed = text.replace(from, to);
            let verified = changed.parse::<EquivocationEvidence>().and_then(|it| it.verify(&keys).cloned());
            assert!(changed != text && verified.is_err(), "{changed}");
        }
        assert!("".parse::<EquivocationEvidence>().is_err());
        assert!(format!("{text}x").parse::<EquivocationEvidence>().is_err());
    }
}
