//! What the super-log says: one statement about one head. Pure.

use std::fmt;

use minicbor::decode::{Decoder, Error as Failure};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::log::cbor::{Decoded, Encoded, Encoder, digest, exactly, name, optional, read_optional, time};
use crate::tlog::{TreeHash, leaf_hash};
use crate::types::{
    AssistantId, CodexId, Digest, DomainHasher, KeyedDomain, RitualId, SupervisorId, TenantId, Timestamp,
};

static STATEMENT: KeyedDomain = KeyedDomain::new("mythos 2026 anchor statement v1");

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AnchoredName {
    /// The log of a codex.
    Codex {
        /// The codex.
        codex: CodexId,
    },
    /// The entries of a ritual.
    Ritual {
        /// The assistant.
        assistant: AssistantId,
        /// The ritual.
        ritual: RitualId,
    },
    /// A deployment and the newest record of its restart history.
    Deployment {
        /// Who supervises it.
        supervisor: SupervisorId,
        /// The assistant.
        assistant: AssistantId,
    },
    /// A key that may sign checkpoints of the super-log.
    Key {
        /// The key, as a verifier key of C2SP signed notes.
        key: String,
    },
}

impl AnchoredName {
    pub(super) const CODEX: u8 = 0;
    pub(super) const RITUAL: u8 = 1;
    pub(super) const DEPLOYMENT: u8 = 2;
    pub(super) const KEY: u8 = 3;

    /// The number of the kind in a statement.
    pub(super) const fn kind(&self) -> u8 {
        match self {
            Self::Codex { .. } => Self::CODEX,
            Self::Ritual { .. } => Self::RITUAL,
            Self::Deployment { .. } => Self::DEPLOYMENT,
            Self::Key { .. } => Self::KEY,
        }
    }

    fn names(&self) -> Vec<&str> {
        match self {
            Self::Codex { codex } => vec![codex.as_str()],
            Self::Ritual { assistant, ritual } => vec![assistant.as_str(), ritual.as_str()],
            Self::Deployment { supervisor, assistant } => vec![supervisor.as_str(), assistant.as_str()],
            Self::Key { key } => vec![key],
        }
    }

    /// BLAKE3 in key derivation mode, context `mythos 2026 anchor name v1`, over the kind as one byte and
    /// each name, each preceded by its length.
    pub(super) fn digest(&self) -> Digest {
        let hasher = DomainHasher::new("mythos 2026 anchor name v1").field(&[self.kind()]);
        self.names().iter().fold(hasher, |hasher, name| hasher.field(name.as_bytes())).finish()
    }
}

impl fmt::Display for AnchoredName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Codex { codex } => write!(f, "codex {codex}"),
            Self::Ritual { assistant, ritual } => write!(f, "ritual {ritual} of {assistant}"),
            Self::Deployment { supervisor, assistant } => write!(f, "deployment {assistant} of {supervisor}"),
            Self::Key { key } => write!(f, "key {key}"),
        }
    }
}

/// One entry of the super-log: how long a head was, and what it said, when it was looked at.
///
/// It is stored as an array in deterministic CBOR (RFC 8949 §4.2.1): format, kind (0 codex, 1 ritual, 2
/// deployment, 3 key), tenant, names, length, digest, position, previous, before, and time in microseconds.
/// Its digest is BLAKE3 in keyed mode, under the key that its key derivation mode makes of the context
/// `mythos 2026 anchor statement v1` and no input; the leaf of the tree is `SHA-256(0x00 || digest)` (RFC
/// 6962 §2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorStatement {
    /// The version of the layout, 1.
    pub format: u32,
    /// Whose head it is.
    pub tenant: TenantId,
    /// What it is about.
    pub name: AnchoredName,
    /// How long it was: the events of a codex, the highest position of a ritual, the version of a
    /// deployment's record; 1 for a key. 0 if it was retired, or a key revoked.
    pub length: u64,
    /// What it said: the root of a codex's Merkle tree, or a digest of a ritual's or deployment's head; zeros
    /// for a key and for what was retired.
    pub digest: Digest,
    /// The position in the log, from 0.
    pub sequence: u64,
    /// The digest of the statement before it, whatever that is about; `None` of the first.
    pub previous: Option<Digest>,
    /// The position of the statement about the same before it, if there is one.
    pub before: Option<u64>,
    /// When it was recorded; never before the one before it.
    pub recorded_at: Timestamp,
}

impl AnchorStatement {
    pub(super) const FORMAT: u32 = 1;
    const FIELDS: u64 = 10;
    /// What a statement says of what is gone.
    pub(super) const NOTHING: Digest = Digest::from_bytes([0; 32]);

    /// Whether it says that what it is about was deleted, or written anew, on purpose; of a key, that it was
    /// revoked.
    #[must_use]
    pub const fn is_retired(&self) -> bool {
        self.length == 0
    }

    /// The digest of the statement, which the next one names and the tree's leaf is made of.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if it has no bytes, which does not happen.
    pub fn statement_digest(&self) -> Result<Digest> {
        Ok(Self::digest_of(&self.to_bytes()?))
    }

    pub(super) fn digest_of(bytes: &[u8]) -> Digest {
        STATEMENT.hash(bytes)
    }

    pub(super) fn leaf(digest: &Digest) -> TreeHash {
        leaf_hash(digest.as_bytes())
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        /// Room for a statement with names of usual length.
        const USUAL: usize = 256;
        let mut e = Encoder::new(Vec::with_capacity(USUAL));
        self.write(&mut e).map_err(|error| Error::internal(format!("a statement has no bytes: {error}")))?;
        Ok(e.into_writer())
    }

    /// Reads stored bytes, which must be spelled as this writes them.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let read = Self::read(&mut Decoder::new(bytes));
        let statement =
            read.map_err(|error| Error::corrupt(format!("a statement cannot be read: {error}")))?;
        if statement.format != Self::FORMAT {
            return Err(Error::corrupt(format!("a statement has the unknown format {}", statement.format)));
        }
        if statement.to_bytes()? != bytes {
            return Err(Error::corrupt("a statement is not spelled as statements are written"));
        }
        Ok(statement)
    }

    fn write<'a>(&self, e: &'a mut Encoder) -> Encoded<'a> {
        e.array(Self::FIELDS)?.u32(self.format)?.u8(self.name.kind())?.str(self.tenant.as_str())?;
        let names = self.name.names();
        e.array(names.len() as u64)?;
        for name in names {
            e.str(name)?;
        }
        e.u64(self.length)?.bytes(self.digest.as_bytes())?.u64(self.sequence)?;
        optional(e, self.previous.as_ref().map(Digest::as_bytes))?;
        match self.before {
            Some(before) => e.u64(before)?,
            None => e.null()?,
        };
        e.i64(self.recorded_at.as_microseconds())
    }

    fn read(d: &mut Decoder<'_>) -> Decoded<Self> {
        exactly(d, Self::FIELDS)?;
        let format = d.u32()?;
        let kind = d.u8()?;
        let tenant = name(d)?;
        Ok(Self {
            format,
            tenant,
            name: read_name(d, kind)?,
            length: d.u64()?,
            digest: digest(d)?,
            sequence: d.u64()?,
            previous: read_optional(d, digest)?,
            before: read_optional(d, Decoder::u64)?,
            recorded_at: time(d)?,
        })
    }

    /// Why this cannot follow, in a log that this library wrote, the statement `before` about the same;
    /// `None` if it can. Heads only grow, so that only what was retired begins again.
    pub(super) fn contradicts(&self, before: Option<&Stated>) -> Option<&'static str> {
        let is_retired = before.is_none_or(|before| before.length == 0);
        let is_key = matches!(self.name, AnchoredName::Key { .. });
        match self.length {
            0 if is_retired => Some("what nothing was stated of is retired"),
            0 => (self.digest != Self::NOTHING).then_some("what is retired has a digest"),
            1 if is_key && self.digest == Self::NOTHING => {
                (!is_retired).then_some("a key is authorized twice")
            }
            _ if is_key => Some("a key has another length than 1"),
            _ if is_retired || before.is_some_and(|before| self.length > before.length) => None,
            _ => Some("a head did not grow"),
        }
    }
}

/// What the last statement about a head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stated {
    /// The position of the statement.
    pub(super) sequence: u64,
    pub(super) length: u64,
    pub(super) digest: Digest,
}

impl Stated {
    pub(super) const fn of(statement: &AnchorStatement) -> Self {
        Self { sequence: statement.sequence, length: statement.length, digest: statement.digest }
    }
}

fn read_name(d: &mut Decoder<'_>, kind: u8) -> Decoded<AnchoredName> {
    let mut exactly = |names| exactly(d, names);
    Ok(match kind {
        AnchoredName::CODEX => {
            exactly(1)?;
            AnchoredName::Codex { codex: name(d)? }
        }
        AnchoredName::RITUAL => {
            exactly(2)?;
            AnchoredName::Ritual { assistant: name(d)?, ritual: name(d)? }
        }
        AnchoredName::DEPLOYMENT => {
            exactly(2)?;
            AnchoredName::Deployment { supervisor: name(d)?, assistant: name(d)? }
        }
        AnchoredName::KEY => {
            exactly(1)?;
            AnchoredName::Key { key: d.str()?.to_owned() }
        }
        _ => return Err(Failure::message("a statement of an unknown kind")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(name: AnchoredName) -> AnchorStatement {
        AnchorStatement {
            format: 1,
            tenant: TenantId::default(),
            name,
            length: 7,
            digest: Digest::of(b"x"),
            sequence: 300,
            previous: Some(Digest::of(b"y")),
            before: Some(12),
            recorded_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn statements_are_read_back_and_have_one_spelling() {
        let names = [
            AnchoredName::Codex { codex: "support".parse().unwrap() },
            AnchoredName::Ritual { assistant: "ana".parse().unwrap(), ritual: "work".parse().unwrap() },
            AnchoredName::Deployment { supervisor: "s".parse().unwrap(), assistant: "ana".parse().unwrap() },
            AnchoredName::Key { key: "k".into() },
        ];
        for name in names {
            let statement = statement(name);
            let bytes = statement.to_bytes().unwrap();
            assert_eq!(AnchorStatement::from_bytes(&bytes).unwrap(), statement);
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                // What can be read is another statement, so that its digest is another.
                assert!(AnchorStatement::from_bytes(&flipped).map_or(true, |read| read != statement));
            }
            assert!(AnchorStatement::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        }
    }

    #[test]
    fn names_of_different_kinds_have_different_digests() {
        let ritual = AnchoredName::Ritual { assistant: "a".parse().unwrap(), ritual: "b".parse().unwrap() };
        let deployment =
            AnchoredName::Deployment { supervisor: "a".parse().unwrap(), assistant: "b".parse().unwrap() };
        assert_ne!(ritual.digest(), deployment.digest());
    }

    #[test]
    fn heads_only_grow_until_they_are_retired() {
        let stated = |length| Some(Stated { sequence: 0, length, digest: Digest::of(b"x") });
        let codex = AnchoredName::Codex { codex: "support".parse().unwrap() };
        let of = |length| AnchorStatement {
            length,
            digest: if length == 0 { AnchorStatement::NOTHING } else { Digest::of(b"x") },
            ..statement(codex.clone())
        };
        for (length, before, is_fine) in [
            (7, None, true),
            (7, stated(6), true),
            (7, stated(7), false),
            (7, stated(8), false),
            (7, stated(0), true),
            (0, stated(7), true),
            (0, stated(0), false),
            (0, None, false),
        ] {
            assert_eq!(of(length).contradicts(before.as_ref()).is_none(), is_fine, "{length} {before:?}");
        }
        let key = |length, digest| AnchorStatement {
            length,
            digest,
            ..statement(AnchoredName::Key { key: "k".into() })
        };
        let nothing = AnchorStatement::NOTHING;
        assert_eq!(key(1, nothing).contradicts(None), None);
        assert_eq!(key(0, nothing).contradicts(stated(1).as_ref()), None);
        assert!(key(1, nothing).contradicts(stated(1).as_ref()).is_some());
        assert!(key(2, nothing).contradicts(None).is_some());
        assert!(key(1, Digest::of(b"x")).contradicts(None).is_some());
    }
}
