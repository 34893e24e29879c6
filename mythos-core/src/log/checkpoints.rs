//! Signed checkpoints in the cells of a log, whatever it is a log of.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::store::access::{Access, MAX_ATTEMPTS, Stored};
use crate::store::{Batch, Cell, CellName, Expect, Model, Names, Owner};
use crate::tlog::{
    Checkpoint, EquivocationEvidence, MAX_NOTE_BYTES, NoteSigner, Policy, SignedCheckpoint, TreeHash,
    VerifierKey,
};

/// The first byte of the name of a checkpoint's cell. Behind it stand the size as 8 bytes and the number as
/// 4, big-endian.
pub(crate) const CHECKPOINT: u8 = b'c';

/// The most checkpoints of one size that are stored.
const MAX_CHECKPOINTS_OF_SIZE: u32 = 1_000;

/// How many bytes of checkpoints one read brings.
const READ_BYTES: u64 = 64 * MAX_NOTE_BYTES as u64;

/// Which signed checkpoint is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCheckpoint {
    /// How many events it speaks of.
    pub size: u64,
    /// Its number among those of this size: a cosignature or a new key makes another.
    pub number: u32,
}

impl StoredCheckpoint {
    /// The name of its cell.
    pub(crate) fn name(self) -> CellName {
        let mut bytes = [CHECKPOINT; 13];
        bytes[1..9].copy_from_slice(&self.size.to_be_bytes());
        bytes[9..].copy_from_slice(&self.number.to_be_bytes());
        CellName::of_array(bytes)
    }

    /// Which checkpoint a cell of this name holds; `None` for a name that no checkpoint has.
    pub(crate) fn of(name: &CellName) -> Option<Self> {
        let (kind, rest) = name.as_bytes().split_first()?;
        let (size, number) = rest.split_first_chunk()?;
        let number = u32::from_be_bytes(number.try_into().ok()?);
        (*kind == CHECKPOINT).then_some(Self { size: u64::from_be_bytes(*size), number })
    }

    /// The newer of it and the one that was the newest before.
    pub(crate) fn newest(self, before: Option<Self>) -> Self {
        before.filter(|before| before.size > self.size).unwrap_or(self)
    }
}

/// The names of all checkpoints of at least `from` and less than `until` entries.
pub(crate) fn range(from: u64, until: u64, limit: u32, reverse: bool) -> Names {
    let name = |size| StoredCheckpoint { size, number: 0 }.name();
    Names::Range { from: Some(name(from)), until: Some(name(until)), limit, reverse }
}

/// A stored checkpoint, and which it is.
pub(crate) fn read(cell: &Cell) -> Result<(StoredCheckpoint, SignedCheckpoint)> {
    let corrupt = |what: &str| Error::corrupt(format!("the checkpoint in cell {} {what}", cell.name));
    let Some(stored) = StoredCheckpoint::of(&cell.name) else {
        return Err(corrupt("has no such name"));
    };
    let checkpoint =
        SignedCheckpoint::parse(&cell.bytes).map_err(|error| corrupt("cannot be read").with_source(error))?;
    if checkpoint.checkpoint().size() != stored.size {
        return Err(corrupt("stands in another's place"));
    }
    Ok((stored, checkpoint))
}

/// The stored checkpoints of a log, the newest first; at most `limit`, 1 to 1,000.
pub(crate) fn list(access: &Access, owner: Owner, limit: u32) -> Result<Vec<SignedCheckpoint>> {
    check_limit(limit)?;
    let (cells, _) = access.cells(owner, range(0, u64::MAX, limit, true), READ_BYTES)?;
    cells.iter().map(|cell| read(cell).map(|(_, checkpoint)| checkpoint)).collect()
}

pub(crate) fn check_limit(limit: u32) -> Result<()> {
    if (1..=1_000).contains(&limit) {
        return Ok(());
    }
    Err(Error::limit("limit", format!("1 to 1000 checkpoints are read at once, not {limit}")))
}

/// The origin of a log's checkpoints: `prefix` and the names behind it, joined by `/`. Of the names, bytes
/// other than ASCII letters, digits, `-`, `.`, `_` and `~` are percent-encoded (RFC 3986 §2.1).
pub(crate) fn origin(prefix: &str, names: &[&str]) -> String {
    let mut origin = prefix.to_owned();
    for name in names {
        origin.push('/');
        for byte in name.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    origin.push(char::from(byte));
                }
                _ => origin.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    origin
}

/// Signs a checkpoint. `is_allowed` says whether the log lets a key sign; it is asked about those that have
/// its name.
pub(crate) fn sign(
    checkpoint: Checkpoint,
    signers: &[&dyn NoteSigner],
    is_allowed: impl Fn(&str) -> bool,
) -> Result<SignedCheckpoint> {
    let mut of_log = signers.iter().map(|signer| signer.verifier_key());
    let origin = checkpoint.origin();
    if let Some(key) = of_log.find(|key| key.name() == origin && !is_allowed(&key.to_string())) {
        return Err(Error::invalid(
            "signers",
            format!("the key {key} is not authorized by the log {origin}"),
        ));
    }
    SignedCheckpoint::sign(checkpoint, signers)
}

/// Checks that a checkpoint that came from elsewhere is of a log of this origin and length.
pub(crate) fn check_foreign(
    checkpoint: &SignedCheckpoint,
    origin: &str,
    length: u64,
    root: impl FnOnce(u64) -> Result<TreeHash>,
) -> Result<()> {
    let told = checkpoint.checkpoint();
    if told.origin() != origin {
        let message = format!("the checkpoint is of {:?}, not of {origin:?}", told.origin());
        return Err(Error::invalid("checkpoint", message));
    }
    if told.size() == 0 || told.size() > length {
        let message = format!("the checkpoint is of {} entries, the log has {length}", told.size());
        return Err(Error::invalid("checkpoint", message));
    }
    if root(told.size())? != told.root() {
        return Err(of_another_log(told.size()));
    }
    Ok(())
}

fn of_another_log(size: u64) -> Error {
    let message = format!("a checkpoint of {size} entries speaks of another log than this");
    Error::conflict(message).with_field("checkpoint")
}

/// Stores a checkpoint of the log that `what` names. `head` reads its head record and checks it, `with` puts
/// the checkpoint that was just stored into that.
pub(crate) fn store<M: Model>(
    access: &Access,
    owner: &Owner,
    what: &str,
    checkpoint: &SignedCheckpoint,
    head: impl Fn() -> Result<Stored<M>>,
    with: impl Fn(M, StoredCheckpoint) -> Result<M>,
) -> Result<StoredCheckpoint> {
    let (bytes, size) = (checkpoint.to_string().into_bytes(), checkpoint.checkpoint().size());
    for _ in 0..MAX_ATTEMPTS {
        let before = head()?;
        let limit = MAX_CHECKPOINTS_OF_SIZE;
        let (cells, more) = access.cells(owner.clone(), range(size, size + 1, limit, false), READ_BYTES)?;
        if more || cells.len() as u32 >= limit {
            let message = format!("{limit} checkpoints of {size} entries are stored already");
            return Err(Error::limit("checkpoint", message));
        }
        let mut number = 0;
        for cell in &cells {
            let (known, other) = read(cell)?;
            if cell.bytes == bytes {
                return Ok(known);
            }
            if other.checkpoint().root() != checkpoint.checkpoint().root() {
                return Err(of_another_log(size));
            }
            number = known.number + 1;
        }
        let this = StoredCheckpoint { size, number };
        let mut batch = Batch::new();
        batch.put(owner.id, Expect::At(before.version), &with(before.model, this)?)?;
        batch.put_cell(owner.clone(), this.name(), bytes.clone());
        match access.commit(batch) {
            Ok(()) => return Ok(this),
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error.while_doing(format!("store a checkpoint of {what}"))),
        }
    }
    Err(Error::conflict(format!("other writers of {what} were faster {MAX_ATTEMPTS} times")))
}

/// Checks that checkpoints that a caller pinned are of the log of this origin, and signed as the policy asks.
pub(crate) fn check_pinned(pinned: &[SignedCheckpoint], origin: &str, policy: &Policy) -> Result<()> {
    for checkpoint in pinned {
        if checkpoint.checkpoint().origin() != origin {
            let message = format!("{:?} is not the origin {origin:?}", checkpoint.checkpoint().origin());
            return Err(Error::invalid("pinned", message));
        }
        if !policy.evaluate(checkpoint).is_ok_and(|verdict| verdict.is_met()) {
            return Err(Error::invalid("pinned", "a pinned checkpoint is not signed as the policy asks"));
        }
    }
    Ok(())
}

/// What checkpoints say of a log.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// The largest that the policy is met by.
    pub(crate) anchored: Option<u64>,
    /// Two that are of different logs.
    pub(crate) equivocation: Option<EquivocationEvidence>,
    /// The first that the log signed and that is of another.
    pub(crate) fork: Option<Fork>,
    /// The size of the first with a signature that is not that of the key it names, and what is wrong with it.
    pub(crate) unsound: Option<(u64, Error)>,
}

/// A checkpoint that does not agree with its log.
#[derive(Debug)]
pub(crate) struct Fork {
    pub(crate) size: u64,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// A log as checkpoints are compared with it.
pub(crate) trait Compare {
    /// How many entries it has.
    fn length(&self) -> u64;
    /// The root of its tree over the first `size` entries.
    fn root(&self, size: u64) -> Result<TreeHash>;
    /// Whether it let `key` sign a checkpoint of its first `size` entries.
    fn may_sign(&self, key: &VerifierKey, size: u64) -> Result<bool>;
}

/// Compares the checkpoints that are of the log of this origin with the log, if that can be read, and with each other.
pub(crate) fn compare(
    all: &[&SignedCheckpoint],
    origin: &str,
    policy: &Policy,
    log: Option<&dyn Compare>,
) -> Result<Compared> {
    let all: Vec<_> = all.iter().filter(|checkpoint| checkpoint.checkpoint().origin() == origin).collect();
    let mut found = Compared::default();
    let log_keys: Vec<VerifierKey> = policy.logs().cloned().collect();
    let contradicts = |one: &SignedCheckpoint, two: &SignedCheckpoint| {
        let (one, two) = (one.checkpoint(), two.checkpoint());
        one.size() == two.size() && one.root() != two.root()
    };
    found.equivocation = all.iter().enumerate().find_map(|(at, one)| {
        let mut others = all[at + 1..].iter().filter(|two| contradicts(one, two));
        others.find_map(|two| EquivocationEvidence::from_checkpoints(one, two, &log_keys))
    });
    let Some(log) = log else { return Ok(found) };
    for checkpoint in all {
        let told = checkpoint.checkpoint();
        let verdict = match policy.evaluate(checkpoint) {
            Ok(verdict) => verdict,
            Err(error) => {
                found.unsound.get_or_insert_with(|| (told.size(), error));
                continue;
            }
        };
        let Some(signed) = &verdict.log else { continue };
        let root = (told.size() <= log.length()).then(|| log.root(told.size())).transpose();
        match root {
            Ok(Some(root)) if root == told.root() => {
                // An empty log vouches for nothing.
                let size = Some(told.size()).filter(|size| *size > 0);
                if verdict.is_met() && size > found.anchored && log.may_sign(&signed.key, told.size())? {
                    found.anchored = size;
                }
            }
            Ok(root) => {
                let there = root.map_or_else(|| format!("{} entries", log.length()), |it| it.to_string());
                let expected = format!("{} of {} entries", told.root(), told.size());
                found.fork.get_or_insert_with(|| Fork { size: told.size(), expected, found: there });
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Evidence of equivocation in JSON: its text.
pub(crate) mod evidence_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::tlog::EquivocationEvidence;

    pub(crate) fn serialize<S: Serializer>(
        evidence: &Option<EquivocationEvidence>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match evidence {
            Some(evidence) => serializer.collect_str(evidence),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<EquivocationEvidence>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}
