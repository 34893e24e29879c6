use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::card::{Card, Patch, SignatureStart};
use super::cell::hexadecimal;
use super::{SymbolicIntent, UnfinishedCopy, guard};
use crate::error::{Error, Result};
use crate::seal::KeyId;
use crate::store::{Field, FieldKind, Model, Owner, Record, Schema, Table};
use crate::types::{
    AssistantId, CodexId, Commitment, Digest, DomainHasher, EntryId, RecordId, RitualId, Salt, Score,
    TenantId, Timestamp,
};

/// The largest payload: 64 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 20;

/// Every entry whose position is a multiple of this stays whole, so that no older one is further than so many patches
/// from one; where it was pruned, the next older one within so many positions does.
pub const KEYFRAME_INTERVAL: u64 = 64;

/// How a payload is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encoding {
    /// As it is, since compression would not make it smaller.
    Raw,
    /// One zstd frame (RFC 8878) of the whole payload.
    Zstd,
    /// What makes it out of the payload of the next newer entry.
    Patch,
}

impl Encoding {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Zstd => "zstd",
            Self::Patch => "patch",
        }
    }
}

/// How the payload is stored. It changes when an entry is encoded anew; the signature does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFrame {
    /// The encoding; that of the whole payload if there is a patch beside it.
    pub encoding: Encoding,
    /// The length of the payload.
    pub raw_bytes: u64,
    /// The length of all that is stored of it: the whole frame, the patch, or both.
    pub stored_bytes: u64,
    /// The number of the dictionary that the frame needs, if any.
    pub dictionary: Option<u32>,
    /// The key that it is sealed under, if any.
    pub key: Option<KeyId>,
}

/// One checkpoint of a ritual: everything but the payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompressedRitual {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose data it is.
    pub tenant: TenantId,
    /// This entry.
    pub entry: EntryId,
    /// The assistant whose state it is.
    pub assistant: AssistantId,
    /// The procedure that the state belongs to.
    pub ritual: RitualId,
    /// The position in the ritual's history, from 1.
    pub sequence: u64,
    /// The entry before it, also if that was pruned since; of another ritual if this one was forked from there.
    pub parent: Option<EntryId>,
    /// Labels of the intent.
    pub labels: BTreeSet<String>,
    /// Procedure of the intent.
    pub procedure: Option<String>,
    /// Format of the payload, from the intent.
    pub payload_format: Option<String>,
    /// Codex of the intent.
    pub codex: Option<CodexId>,
    /// Root of that codex when the entry was saved.
    pub codex_root: Option<Digest>,
    /// How the payload is stored.
    pub compressed_ritual_data: StoredFrame,
    /// A salted commitment to the payload; the salt is in the frame or derived from the ritual's.
    pub payload_commitment: Commitment,
    /// Binds tenant, assistant, ritual, sequence, parent, entry, time, payload and symbolic intent.
    pub symbolic_signature_hash: Digest,
    /// [`entropy_score`](super::entropy_score) of the payload, to a millionth.
    pub entropy_score: Score,
    /// [`novelty_score`](super::novelty_score) of the payload against its parent's, to a millionth.
    pub novelty_score: Score,
    /// When it was saved; never before its parent.
    pub created_at: Timestamp,
}

impl CompressedRitual {
    /// The layout that this version writes.
    pub(crate) const FORMAT: u32 = 1;

    /// What the entry is for.
    #[must_use]
    pub fn intent(&self) -> SymbolicIntent {
        SymbolicIntent {
            labels: self.labels.clone(),
            procedure: self.procedure.clone(),
            payload_format: self.payload_format.clone(),
            codex: self.codex.clone(),
            codex_root: self.codex_root,
        }
    }

    /// The entry that `card` of the ritual of `head` tells of, its signature computed.
    pub(crate) fn of(head: &RitualHead, card: &Card, intent: SymbolicIntent) -> Self {
        let mut entry = Self {
            format: Self::FORMAT,
            tenant: head.tenant.clone(),
            entry: head.root.at(card.sequence),
            assistant: head.assistant.clone(),
            ritual: head.ritual.clone(),
            sequence: card.sequence,
            parent: card.parent_id(head.root),
            labels: intent.labels,
            procedure: intent.procedure,
            payload_format: intent.payload_format,
            codex: intent.codex,
            codex_root: intent.codex_root,
            compressed_ritual_data: head.stored(card),
            payload_commitment: card.commitment,
            symbolic_signature_hash: Digest::from_bytes([0; 32]),
            entropy_score: score(card.entropy),
            novelty_score: score(card.novelty),
            created_at: card.created_at,
        };
        entry.symbolic_signature_hash = entry.expected_signature();
        entry
    }

    /// Computes what [`symbolic_signature_hash`](Self::symbolic_signature_hash) must be.
    ///
    /// BLAKE3 in key derivation mode, context `mythos 2026 ritual signature v1`, over these fields, each preceded by
    /// its length as 8 bytes little-endian: tenant, assistant, ritual, sequence (8 bytes little-endian), entry (16
    /// bytes), parent (16 bytes or none), payload commitment, payload length (8 bytes little-endian), time
    /// (microseconds, 8 bytes little-endian), entropy and novelty score (millionths, 4 bytes little-endian each), number
    /// of labels (8 bytes little-endian), each label, then procedure, payload format, codex and codex root, each preceded
    /// by a field of one byte that says whether it is there.
    #[must_use]
    pub fn expected_signature(&self) -> Digest {
        let optional = |hasher: DomainHasher, value: Option<&[u8]>| {
            hasher.field(&[u8::from(value.is_some())]).field(value.unwrap_or_default())
        };
        let mut hasher = DomainHasher::new("mythos 2026 ritual signature v1")
            .field(self.tenant.as_str().as_bytes())
            .field(self.assistant.as_str().as_bytes())
            .field(self.ritual.as_str().as_bytes())
            .field(&self.sequence.to_le_bytes())
            .field(self.entry.as_uuid().as_bytes())
            .field(self.parent.map(|parent| parent.as_uuid().into_bytes()).as_ref().map_or(&[], |id| &id[..]))
            .field(self.payload_commitment.as_bytes())
            .field(&self.compressed_ritual_data.raw_bytes.to_le_bytes())
            .field(&self.created_at.as_microseconds().to_le_bytes())
            .field(&millionths(self.entropy_score).to_le_bytes())
            .field(&millionths(self.novelty_score).to_le_bytes())
            .field(&(self.labels.len() as u64).to_le_bytes());
        for label in &self.labels {
            hasher = hasher.field(label.as_bytes());
        }
        hasher = optional(hasher, self.procedure.as_deref().map(str::as_bytes));
        hasher = optional(hasher, self.payload_format.as_deref().map(str::as_bytes));
        hasher = optional(hasher, self.codex.as_ref().map(|codex| codex.as_str().as_bytes()));
        optional(hasher, self.codex_root.as_ref().map(|root| &root.as_bytes()[..])).finish()
    }

    /// What a card keeps of the signature.
    pub(crate) fn signature_start(&self) -> SignatureStart {
        let mut start = SignatureStart::default();
        start.copy_from_slice(&self.symbolic_signature_hash.as_bytes()[..16]);
        start
    }

    /// Checks the entry against the signature that its card keeps.
    pub(crate) fn check_signature(&self, card: &Card) -> Result<()> {
        let found = self.signature_start();
        if found == card.signature {
            return Ok(());
        }
        let (expected, found) = (hexadecimal(&card.signature), hexadecimal(&found));
        let what = format_args!(
            "entry {} does not match its signature, of which a card keeps the start",
            self.entry
        );
        Err(Error::mismatch(what, expected, found))
    }
}

/// A score in millionths, as a card keeps it.
pub(crate) fn millionths(score: Score) -> u32 {
    (score.get() * 1e6).round() as u32
}

/// The score of so many millionths.
pub(crate) fn score(millionths: u32) -> Score {
    Score::clamped(f64::from(millionths) / 1e6)
}

/// The head of a ritual: what is listed, and what every change to its entries is guarded by. It owns their cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RitualHead {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose data it is.
    pub tenant: TenantId,
    /// The assistant.
    pub assistant: AssistantId,
    /// The ritual.
    pub ritual: RitualId,
    /// What the ids of its entries derive from: the id of position 0, where no entry is.
    pub root: EntryId,
    /// 128 random bits that the root and the salts of unsealed payloads derive from. Every block of entries repeats them,
    /// so that a lost head can be made anew.
    pub seed: Salt,
    /// The highest position that was given to an entry.
    pub sequence: u64,
    /// The positions of the newest entries that are whole: at most two, the newest first; none if the ritual has no entry.
    pub newest: Vec<u64>,
    /// The first bytes of the newest entry's signature, in hexadecimal.
    pub signature: String,
    /// What the newest entry is for.
    #[serde(default, skip_serializing_if = "SymbolicIntent::is_default")]
    pub intent: SymbolicIntent,
    /// How many entries it has.
    pub entries: u64,
    /// The length of all payloads together.
    pub raw_bytes: u64,
    /// The length of all that is stored of them.
    pub stored_bytes: u64,
    /// Every label of its entries, and perhaps of some that were pruned; `*` stands for those that were too many.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<String>,
    /// The dictionaries that its frames need, and perhaps some that they no longer do.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub dictionaries: BTreeSet<u32>,
    /// The state in which it was compacted, if nothing changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compacted: Option<Compacted>,
    /// What the last scrub found, if one was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrubbed: Option<Scrubbed>,
    /// Of what it is a copy, until that is complete: until then it has no entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copying: Option<UnfinishedCopy>,
    /// When its oldest entry was saved.
    pub first_at: Timestamp,
    /// When its newest entry was saved.
    pub updated_at: Timestamp,
}

/// What a ritual was compacted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compacted {
    /// The highest position then.
    pub sequence: u64,
    /// The dictionary then, if any.
    pub dictionary: Option<u32>,
    /// The key then, if any.
    pub key: Option<KeyId>,
}

/// What a scrub found of a ritual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrubbed {
    /// When.
    pub at: Timestamp,
    /// The highest position then: newer entries were not looked at.
    pub sequence: u64,
    /// Nothing is told of entries at this position and below, where the scrub has not come yet, or found more than fits
    /// here; 0 if it tells of all.
    pub above: u64,
    /// The positions of entries that did not verify, newest first, at most [`Scrubbed::MAX_DAMAGED`] of them: what is
    /// damaged, and what is sealed under a key that is not known.
    pub damaged: Vec<u64>,
}

impl Scrubbed {
    /// The most positions that are kept.
    pub const MAX_DAMAGED: usize = 100;

    /// Whether it tells of the entry at `sequence` that it verified.
    #[must_use]
    pub fn is_sound(&self, sequence: u64) -> bool {
        sequence > self.above && sequence <= self.sequence && !self.damaged.contains(&sequence)
    }
}

impl Model for RitualHead {
    const TABLE: Table = Table::new(&Schema {
        name: "ritual_heads",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("assistant", FieldKind::Text),
            Field::new("ritual", FieldKind::Text),
            Field::new("root", FieldKind::Text),
            Field::new("labels", FieldKind::Tags),
            Field::new("entries", FieldKind::Integer),
            Field::new("raw_bytes", FieldKind::Integer),
            Field::new("stored_bytes", FieldKind::Integer),
            Field::new("first_at", FieldKind::Text),
            Field::new("updated_at", FieldKind::Text),
        ],
        indexes: &[&["tenant", "assistant", "updated_at"], &["tenant", "updated_at"], &["tenant", "root"]],
        owns_cells: true,
    });

    fn to_body(&self) -> Result<Map<String, Value>> {
        guard::close(Self::TABLE, &self.cells().id, self)
    }

    fn from_record(record: &Record) -> Result<Self> {
        guard::open(Self::TABLE, record)
    }
}

impl RitualHead {
    /// The most labels that a head names one by one.
    pub const MAX_LABELS: usize = 256;

    /// The label of heads that have more.
    pub(crate) const MORE_LABELS: &str = "*";

    /// The id of the head of a ritual: the first 16 bytes of a hash of its names.
    pub(crate) fn record_id(tenant: &TenantId, assistant: &AssistantId, ritual: &RitualId) -> RecordId {
        let id: [u8; 16] = DomainHasher::new("mythos 2026 ritual head v1")
            .field(tenant.as_str().as_bytes())
            .field(assistant.as_str().as_bytes())
            .field(ritual.as_str().as_bytes())
            .finish_extended();
        RecordId::from_short(&id)
    }

    /// The owner of a ritual's cells.
    pub(crate) fn owner(tenant: &TenantId, assistant: &AssistantId, ritual: &RitualId) -> Owner {
        Owner { tenant: tenant.clone(), table: Self::TABLE, id: Self::record_id(tenant, assistant, ritual) }
    }

    /// The owner of its cells.
    pub(crate) fn cells(&self) -> Owner {
        Self::owner(&self.tenant, &self.assistant, &self.ritual)
    }

    /// The position after the highest.
    pub(crate) fn next_sequence(&self) -> Result<u64> {
        match self.sequence.checked_add(1) {
            Some(next) if next <= EntryId::MAX_SEQUENCE => Ok(next),
            _ => Err(Error::limit("sequence", "a ritual has at most 2^48 - 1 entries")),
        }
    }

    /// The root that a seed gives.
    pub(crate) fn root_of(seed: &Salt) -> EntryId {
        let hasher = DomainHasher::new("mythos 2026 ritual root v1").field(seed.as_bytes());
        EntryId::root_of(hasher.finish_extended())
    }

    /// The salt of the payload at `sequence`, unless its frame holds one.
    pub(crate) fn payload_salt(&self, sequence: u64) -> Salt {
        let salt = DomainHasher::new("mythos 2026 ritual salt v1")
            .field(self.seed.as_bytes())
            .field(&sequence.to_le_bytes())
            .finish_extended();
        Salt::from_bytes(salt)
    }

    /// The salt that lies in the frame of the payload at `sequence`, whose commitment has `salt`, or the derived one if
    /// that is `None`: under a key every salt lies inside; without one, those do that are not derived.
    pub(crate) fn salt_inside(&self, sequence: u64, salt: Option<Salt>, is_sealed: bool) -> Option<Salt> {
        salt.or_else(|| is_sealed.then(|| self.payload_salt(sequence)))
    }

    /// Whether the payload of `card` is stored whole. Entries that the head knows nothing of were, when they were saved.
    pub(crate) fn has_whole(&self, card: &Card) -> bool {
        card.whole.is_some_and(|whole| {
            whole.stays
                || self.newest.contains(&card.sequence)
                || self.newest.first().is_none_or(|newest| card.sequence > *newest)
        })
    }

    /// How the payload of `card` is stored.
    pub(crate) fn stored(&self, card: &Card) -> StoredFrame {
        let whole = card.whole.filter(|_| self.has_whole(card));
        let patch = card.patch.as_ref().map_or(0, Patch::stored_bytes);
        StoredFrame {
            encoding: match whole {
                Some(whole) if whole.is_compressed => Encoding::Zstd,
                Some(_) => Encoding::Raw,
                None => Encoding::Patch,
            },
            raw_bytes: card.raw_bytes,
            stored_bytes: whole.map_or(0, |whole| whole.stored_bytes) + patch,
            dictionary: whole.map(|whole| whole.dictionary).filter(|number| *number != 0),
            key: card.key.clone(),
        }
    }

    /// Adds an entry to what is counted, but for a whole payload that does not stay.
    pub(crate) fn count(&mut self, card: &Card) {
        if self.entries == 0 {
            self.first_at = card.created_at;
        }
        self.entries += 1;
        self.raw_bytes = self.raw_bytes.saturating_add(card.raw_bytes);
        let whole = card.whole.filter(|whole| whole.stays);
        let stored =
            whole.map_or(0, |whole| whole.stored_bytes) + card.patch.as_ref().map_or(0, Patch::stored_bytes);
        self.stored_bytes = self.stored_bytes.saturating_add(stored);
        self.dictionaries.extend(card.whole.map(|whole| whole.dictionary).filter(|number| *number != 0));
    }

    /// Checks that the newest card is the one that the head was written for.
    pub(crate) fn check_newest(&self, card: &Card) -> Result<()> {
        let found = hexadecimal(&card.signature);
        if found == self.signature {
            return Ok(());
        }
        let (entry, ritual) = (self.root.at(card.sequence), &self.ritual);
        let what = format_args!("entry {entry} is not the one that the head of ritual {ritual} names");
        Err(Error::mismatch(what, &self.signature, found))
    }

    /// Adds the labels of an entry.
    pub(crate) fn add_labels(&mut self, labels: &BTreeSet<String>) {
        for label in labels {
            if self.labels.len() < Self::MAX_LABELS {
                self.labels.insert(label.clone());
            } else if !self.labels.contains(label) {
                self.labels.insert(Self::MORE_LABELS.to_owned());
            }
        }
    }
}
