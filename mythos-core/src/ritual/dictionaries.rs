//! The dictionaries of an assistant: trained from its own states, stored twice, and retired in two steps.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::cell::{self, Kind};
use super::dictionary::{self, Dictionary, DictionaryKind};
use super::frame::{self, Sealing};
use super::guard;
use super::training::{self, TrainingOptions};
use super::{CompressedRitual, RitualCompressionCache, RitualHead};
use crate::error::{Error, ErrorKind, Result};
use crate::seal::{Associated, KeyId, NamedKey};
use crate::store::access::{self, MAX_ATTEMPTS};
use crate::store::{
    Batch, Cell, Direction, Expect, Field, FieldKind, Filter, Model, Names, Owner, Query, Read, Record,
    Schema, Table,
};
use crate::types::{AssistantId, DomainHasher, RecordId, TenantId, Timestamp, Version};

/// How often a dictionary is stored: damage to one frame must not take every state along.
pub(super) const COPIES: u32 = 2;

/// The most rituals whose states one training looks at, the newest.
const MAX_SAMPLED_RITUALS: u32 = 512;

/// The most bytes of states that one training holds in memory.
const MAX_SAMPLED_BYTES: usize = 32 << 20;

/// The fewest states that a dictionary is trained from.
pub const MIN_TRAINING_STATES: usize = 8;

/// The dictionaries of one assistant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RitualDictionaries {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose data it is.
    pub tenant: TenantId,
    /// The assistant.
    pub assistant: AssistantId,
    /// The highest number that was given to a dictionary.
    pub highest: u32,
    /// The dictionary that new states are compressed with, if any.
    pub active: Option<u32>,
    /// All that are stored, oldest first.
    pub dictionaries: Vec<RitualDictionary>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// One dictionary of an assistant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RitualDictionary {
    /// Its number; never given again.
    pub number: u32,
    /// Whether it was trained by zstd, rather than put together from whole states.
    pub is_trained_by_zstd: bool,
    /// Its length.
    pub bytes: u64,
    /// What its copies take in the store.
    pub stored_bytes: u64,
    /// The key that it is sealed under, if any: that of the states it was made from.
    pub key: Option<KeyId>,
    /// When it was trained.
    pub trained_at: Timestamp,
    /// When another took its place. It is deleted once no entry needs it.
    pub retired_at: Option<Timestamp>,
}

impl Model for RitualDictionaries {
    const TABLE: Table = Table::new(&Schema {
        name: "ritual_dictionaries",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("assistant", FieldKind::Text),
            Field::new("updated_at", FieldKind::Text),
        ],
        indexes: &[&["tenant", "updated_at"]],
        owns_cells: true,
    });

    fn to_body(&self) -> Result<Map<String, Value>> {
        guard::close(Self::TABLE, &Self::record_id(&self.tenant, &self.assistant), self)
    }

    fn from_record(record: &Record) -> Result<Self> {
        guard::open(Self::TABLE, record)
    }
}

impl RitualDictionaries {
    pub(super) fn record_id(tenant: &TenantId, assistant: &AssistantId) -> RecordId {
        let id: [u8; 16] = DomainHasher::new("mythos 2026 ritual dictionaries v1")
            .field(tenant.as_str().as_bytes())
            .field(assistant.as_str().as_bytes())
            .finish_extended();
        RecordId::from_short(&id)
    }

    pub(super) fn owner(tenant: &TenantId, assistant: &AssistantId) -> Owner {
        Owner { tenant: tenant.clone(), table: Self::TABLE, id: Self::record_id(tenant, assistant) }
    }
}

/// The dictionary that a save compresses with, and the version of the record that says so.
pub(crate) struct ActiveDictionary {
    pub(crate) dictionary: Arc<Dictionary>,
    pub(crate) record: RecordId,
    pub(crate) version: Version,
}

impl ActiveDictionary {
    /// The table of `record`.
    #[expect(clippy::unused_self, reason = "reads as the place of the record")]
    pub(crate) fn table(&self) -> Table {
        RitualDictionaries::TABLE
    }
}

/// What a training came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// The number of the new dictionary; `None` if none would have earned its bytes.
    pub trained: Option<u32>,
    /// How many states it was tried on.
    pub states: u64,
    /// What the whole payloads of the assistant take without a dictionary, estimated from those states, in bytes.
    pub bytes_without: u64,
    /// What they take with the best one, both of its copies counted.
    pub bytes_with: u64,
}

impl RitualCompressionCache {
    /// The dictionaries of an assistant; `None` if it never had one.
    ///
    /// # Errors
    /// Those of the store; [`ErrorKind::Corrupt`] if the record is damaged.
    pub fn dictionaries(&self, assistant: &AssistantId) -> Result<Option<RitualDictionaries>> {
        let id = RitualDictionaries::record_id(self.access.tenant(), assistant);
        Ok(self.access.record::<RitualDictionaries>(id)?.map(|stored| stored.model))
    }

    /// Trains a dictionary from the newest states of an assistant's rituals, and lets new states be compressed with it if
    /// it saves more bytes than its two copies take, and clearly more than the present one. Small states gain most.
    ///
    /// Training reads at most 32 MiB of states and takes seconds; no save waits for it. States that are stored already
    /// change over when they are [compacted](Self::compact).
    ///
    /// # Errors
    /// Those of the store and of the key provider; [`ErrorKind::Conflict`] if another training was always faster.
    pub fn train(&self, assistant: &AssistantId) -> Result<TrainingReport> {
        let key = self.active_key()?;
        let (samples, wholes) = self.samples(assistant, key.as_ref().map(NamedKey::id))?;
        let mut report =
            TrainingReport { trained: None, states: samples.len() as u64, bytes_without: 0, bytes_with: 0 };
        if samples.len() < MIN_TRAINING_STATES {
            return Ok(report);
        }
        let samples: Vec<&[u8]> = samples.iter().map(Vec::as_slice).collect();
        let options = TrainingOptions::new(wholes);
        let Some(trained) = training::train(&samples, &options)? else { return Ok(report) };
        (report.bytes_without, report.bytes_with) = (trained.bytes_without, trained.bytes_with);
        for _ in 0..MAX_ATTEMPTS {
            let read = self.read_dictionaries(assistant);
            let [answer] = self.access.read([read])?;
            let stored = access::stored::<RitualDictionaries>(answer)?;
            let owner = RitualDictionaries::owner(self.access.tenant(), assistant);
            let now = self.access.now();
            let (expect, mut record) = match stored {
                Some(stored) => (Expect::At(stored.version), stored.model),
                None => (Expect::Absent, self.no_dictionaries(assistant, now)?),
            };
            let active = record.active.and_then(|number| {
                let same_key = record.dictionaries.iter().any(|dictionary| {
                    dictionary.number == number && dictionary.key.as_ref() == key.as_ref().map(NamedKey::id)
                });
                same_key.then(|| self.dictionary(assistant, number, key.as_ref().map(NamedKey::id)))
            });
            if let Some(Ok(active)) = &active
                && !training::earns_replacement(active, &trained, &samples, &options)?
            {
                return Ok(report);
            }
            let Some(number) = record.highest.checked_add(1) else {
                return Err(Error::limit("dictionaries", "an assistant has at most 2^32 - 1 dictionaries"));
            };
            let mut batch = Batch::new();
            let stored_bytes =
                self.put_dictionary(&mut batch, &owner, assistant, number, &trained.content, key.as_ref())?;
            for dictionary in &mut record.dictionaries {
                dictionary.retired_at.get_or_insert(now);
            }
            record.dictionaries.push(RitualDictionary {
                number,
                is_trained_by_zstd: trained.kind == DictionaryKind::Zdict,
                bytes: trained.content.len() as u64,
                stored_bytes,
                key: key.as_ref().map(|key| key.id().clone()),
                trained_at: now,
                retired_at: None,
            });
            (record.highest, record.active, record.updated_at) = (number, Some(number), now);
            batch.put(owner.id, expect, &record)?;
            match self.access.commit(batch) {
                Ok(()) => {
                    report.trained = Some(number);
                    return Ok(report);
                }
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => {
                    return Err(error.while_doing(format_args!("store a dictionary of {assistant}")));
                }
            }
        }
        Err(Error::conflict(format!("other trainings for {assistant} were faster {MAX_ATTEMPTS} times")))
    }

    /// The record of an assistant that has none. Numbers begin at a random one: those of an assistant of the same name
    /// that was deleted must not come back, since another process may still hold its dictionaries.
    fn no_dictionaries(&self, assistant: &AssistantId, now: Timestamp) -> Result<RitualDictionaries> {
        let random = self.access.runtime().salt()?;
        let [low, middle, high, ..] = *random.as_bytes();
        Ok(RitualDictionaries {
            format: CompressedRitual::FORMAT,
            tenant: self.access.tenant().clone(),
            assistant: assistant.clone(),
            highest: u32::from_le_bytes([low, middle, high & 0x0f, 0]),
            active: None,
            dictionaries: Vec::new(),
            updated_at: now,
        })
    }

    /// Newest states under `key`, and how many whole payloads the assistant holds. Damaged ones are left out.
    fn samples(&self, assistant: &AssistantId, key: Option<&KeyId>) -> Result<(Vec<Vec<u8>>, u64)> {
        let query = Query::new(RitualHead::TABLE)
            .filter(Filter::equals("assistant", assistant.as_str()))
            .order_by("updated_at", Direction::Descending)
            .limit(MAX_SAMPLED_RITUALS);
        let records = self.access.raw_page(query)?.items;
        let heads: Vec<RitualHead> =
            records.iter().filter_map(|record| RitualHead::from_record(record).ok()).collect();
        let wholes =
            heads.iter().map(|head| head.newest.len() as u64 + head.entries / super::KEYFRAME_INTERVAL).sum();
        let (mut samples, mut bytes) = (Vec::new(), 0_usize);
        // One state of each ritual first, then further ones of its past: what rituals share counts most.
        let share = [1.0, 0.5, 0.75, 0.25];
        for share in share {
            if share < 1.0 && samples.len() >= 4 * MIN_TRAINING_STATES {
                break;
            }
            for head in &heads {
                let Some(newest) = head.newest.first() else { continue };
                let sequence = ((*newest as f64 * share).ceil() as u64).max(1);
                let Ok((entry, payload)) = self.restore_at(&head.cells(), head.root.at(sequence)) else {
                    continue;
                };
                if entry.compressed_ritual_data.key.as_ref() == key
                    && bytes + payload.len() <= MAX_SAMPLED_BYTES
                {
                    bytes += payload.len();
                    samples.push(payload);
                }
            }
        }
        Ok((samples, wholes))
    }

    /// Stores the copies of a dictionary and says what they take.
    fn put_dictionary(
        &self,
        batch: &mut Batch,
        owner: &Owner,
        assistant: &AssistantId,
        number: u32,
        content: &[u8],
        key: Option<&NamedKey>,
    ) -> Result<u64> {
        let packed = dictionary::pack(content)?;
        let mut stored_bytes = 0;
        for copy in 0..COPIES {
            let mut frame = frame::begin(key.map(NamedKey::id), None, packed.len());
            frame.extend_from_slice(&packed);
            let sealing = match key {
                Some(key) => {
                    let (nonce, associated) =
                        (self.access.runtime().nonce()?, self.associated(assistant, number));
                    Some(Sealing { key, nonce, associated })
                }
                None => None,
            };
            let name = Kind::Dictionary.name(u64::from(number), copy);
            let bytes = cell::close(owner, &name, frame::finish(frame, sealing)?);
            stored_bytes += bytes.len() as u64;
            batch.put_cell(owner.clone(), name, bytes);
        }
        Ok(stored_bytes)
    }

    fn associated(&self, assistant: &AssistantId, number: u32) -> Associated {
        Associated::new("mythos 2026 ritual dictionary seal v1")
            .field(self.access.tenant().as_str().as_bytes())
            .field(assistant.as_str().as_bytes())
            .field(&number.to_le_bytes())
    }

    /// What reads the dictionaries' record, for [`active_dictionary`](Self::active_dictionary).
    pub(super) fn read_dictionaries(&self, assistant: &AssistantId) -> Read {
        let id = RitualDictionaries::record_id(self.access.tenant(), assistant);
        Read::Record { table: RitualDictionaries::TABLE, id }
    }

    /// The dictionary that new payloads under `key` are compressed with. One that cannot be read is done without.
    pub(super) fn active_dictionary(
        &self,
        assistant: &AssistantId,
        record: Option<Record>,
        key: Option<&KeyId>,
    ) -> Result<Option<ActiveDictionary>> {
        let Some(record) = record else { return Ok(None) };
        let version = record.version;
        let Ok(record) = RitualDictionaries::from_record(&record) else { return Ok(None) };
        let Some(number) = record.active else { return Ok(None) };
        let is_of_key =
            |dictionary: &&RitualDictionary| dictionary.number == number && dictionary.key.as_ref() == key;
        if record.dictionaries.iter().find(is_of_key).is_none() {
            return Ok(None);
        }
        self.prepared_dictionary(assistant, number, version, key)
    }

    /// A dictionary that a record of this version says is in force. One that cannot be read is done without.
    pub(super) fn prepared_dictionary(
        &self,
        assistant: &AssistantId,
        number: u32,
        version: Version,
        key: Option<&KeyId>,
    ) -> Result<Option<ActiveDictionary>> {
        match self.dictionary(assistant, number, key) {
            Ok(dictionary) => {
                let record = RitualDictionaries::record_id(self.access.tenant(), assistant);
                Ok(Some(ActiveDictionary { dictionary, record, version }))
            }
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A dictionary, prepared, from the first of its copies that is sound.
    pub(super) fn dictionary(
        &self,
        assistant: &AssistantId,
        number: u32,
        key: Option<&KeyId>,
    ) -> Result<Arc<Dictionary>> {
        let owner = RitualDictionaries::owner(self.access.tenant(), assistant);
        // A destroyed key erases its dictionaries too, also from memory.
        let key = key.map(|id| self.key(id)).transpose()?;
        if let Some(known) = self.shared.dictionaries.get(&(owner.clone(), number)) {
            return Ok(known);
        }
        let mut failed = None;
        for copy in 0..COPIES {
            let name = Kind::Dictionary.name(u64::from(number), copy);
            let (mut cells, _) =
                self.access.cells(owner.clone(), Names::one(name), super::thread::MAX_BLOCK_BYTES)?;
            let Some(cell) = cells.pop() else { continue };
            let opened = self.open_dictionary(assistant, number, key.as_ref(), &cell);
            match opened {
                Ok(dictionary) => {
                    let dictionary = Arc::new(dictionary);
                    self.shared.dictionaries.insert((owner, number), Arc::clone(&dictionary));
                    return Ok(dictionary);
                }
                Err(error) => failed = Some(error),
            }
        }
        let missing = || Error::corrupt("it is missing");
        Err(failed
            .unwrap_or_else(missing)
            .while_doing(format_args!("read dictionary {number} of {assistant}")))
    }

    /// Reads a copy of a dictionary from its cell.
    pub(super) fn open_dictionary(
        &self,
        assistant: &AssistantId,
        number: u32,
        key: Option<&NamedKey>,
        cell: &Cell,
    ) -> Result<Dictionary> {
        let owner = RitualDictionaries::owner(self.access.tenant(), assistant);
        let body = cell::open(&owner, &cell.name, &cell.bytes)?;
        let expected = key.map(|key| (key, self.associated(assistant, number)));
        let opened = frame::open(body.to_vec(), expected)?;
        Dictionary::new(number, dictionary::unpack(opened.content())?)
    }

    /// The key that new payloads are sealed under.
    pub(crate) fn active_key(&self) -> Result<Option<NamedKey>> {
        match &self.shared.options.keys {
            Some(keys) => NamedKey::active(&**keys),
            None => Ok(None),
        }
    }

    /// A key that a payload is sealed under.
    pub(crate) fn key(&self, id: &KeyId) -> Result<NamedKey> {
        match &self.shared.options.keys {
            Some(keys) => NamedKey::known(&**keys, id),
            None => {
                let message = format!("key {id} is not known: this program has no key provider");
                Err(Error::not_found(message).with_field("key"))
            }
        }
    }

    /// Deletes all dictionaries of an assistant without rituals, and says how many, and whether they are gone.
    pub(super) fn delete_dictionaries(&self, assistant: &AssistantId) -> Result<(u64, bool)> {
        let owner = RitualDictionaries::owner(self.access.tenant(), assistant);
        let [answer] = self.access.read([self.read_dictionaries(assistant)])?;
        let Some((mut version, record)) = access::decoded::<RitualDictionaries>(answer)? else {
            return Ok((0, true));
        };
        let count = record.as_ref().map_or(0, |record| record.dictionaries.len() as u64);
        if let Ok(mut record) = record {
            // A save that is under way may be about to use it. From here on none can, so that what uses it can be seen.
            (record.active, record.updated_at) = (None, self.access.now());
            let mut batch = Batch::new();
            batch.put(owner.id, Expect::At(version), &record)?;
            if !self.committed(batch)? {
                return Ok((0, false));
            }
            version = version.next()?;
        }
        if !self.records_from::<RitualHead>(Some(assistant), None, None)?.items.is_empty() {
            return Ok((0, false));
        }
        let mut batch = Batch::new();
        batch.delete(owner.table, owner.id, version);
        batch.delete_cells(owner.clone(), Names::all());
        let is_gone = self.committed(batch)?;
        self.shared.dictionaries.retain(|(known, _), _| *known != owner);
        Ok((if is_gone { count } else { 0 }, is_gone))
    }

    /// Commits, and says whether no other writer was faster.
    pub(super) fn committed(&self, batch: Batch) -> Result<bool> {
        match self.access.commit(batch) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes the retired dictionaries of an assistant that none of its entries needs, and says how many: none as long as
    /// a head is damaged that may need one. What is damaged is the scrub's to name.
    pub(super) fn sweep_dictionaries(&self, assistant: &AssistantId) -> Result<u64> {
        let [answer] = self.access.read([self.read_dictionaries(assistant)])?;
        let Some((version, Ok(mut record))) = access::decoded::<RitualDictionaries>(answer)? else {
            return Ok(0);
        };
        let mut idle: Vec<u32> = record
            .dictionaries
            .iter()
            .filter(|dictionary| Some(dictionary.number) != record.active)
            .map(|dictionary| dictionary.number)
            .collect();
        let mut after = None;
        // Only the active dictionary is ever taken for new frames, so that what no head needs now, none will.
        while !idle.is_empty() {
            let query = Query::new(RitualHead::TABLE)
                .filter(Filter::equals("assistant", assistant.as_str()))
                .limit(1_000)
                .after(after);
            let page = self.access.raw_page(query)?;
            for record in &page.items {
                let Ok(head) = RitualHead::from_record(record) else { return Ok(0) };
                idle.retain(|number| !head.dictionaries.contains(number));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        if idle.is_empty() {
            return Ok(0);
        }
        let owner = RitualDictionaries::owner(self.access.tenant(), assistant);
        let mut batch = Batch::new();
        record.dictionaries.retain(|dictionary| !idle.contains(&dictionary.number));
        record.updated_at = self.access.now();
        batch.put(owner.id, Expect::At(version), &record)?;
        let names =
            |number: &u32| (0..COPIES).map(|copy| Kind::Dictionary.name(u64::from(*number), copy)).collect();
        for number in &idle {
            batch.delete_cells(owner.clone(), Names::These { names: names(number) });
        }
        // If a training was faster, the next compaction comes by again.
        Ok(if self.committed(batch)? { idle.len() as u64 } else { 0 })
    }
}
