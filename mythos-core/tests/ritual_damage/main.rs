//! Damage to a small ritual cache, exhaustively: every bit of every cell and record flipped, every cell truncated to every
//! length, deleted, and swapped with every other. Nothing but what was saved is ever handed out, and a scrub finds all.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod caches;
#[path = "../damage/mod.rs"]
mod damage;
mod exhaustive;
mod forgery;
mod scrub;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use damage::{cells, owner, records};
use mythos_core::ritual::{
    CompressedRitual, KEYFRAME_INTERVAL, RitualCompressionCache, RitualDictionaries, RitualFilter,
    RitualHead, RitualHeadFilter, RitualOptions, ScrubReport, ScrubRituals,
};
use mythos_core::seal::KeyRing;
use mythos_core::store::{
    Answer, Batch, Cell, CellName, Expect, MemoryStore, Model, Names, Owner, Read, Record, RecordOp, Store,
    Table,
};
use mythos_core::types::{AssistantId, RitualId, Runtime};
use mythos_core::{Error, ErrorKind, Mythos};
use serde_json::{Map, Value};

type Place = (AssistantId, RitualId);

/// An entry as it was saved.
#[derive(Debug)]
struct Saved {
    entry: CompressedRitual,
    payload: Vec<u8>,
}

/// Everything that a cache holds, and what it must give.
struct Cache {
    store: Arc<MemoryStore>,
    keys: Option<Arc<KeyRing>>,
    saved: Arc<BTreeMap<Place, Vec<Saved>>>,
    records: Vec<(Table, Record)>,
    cells: Vec<(Owner, Cell)>,
    /// Keeps nothing in memory but dictionaries and where rituals are.
    opened: Option<RitualCompressionCache>,
}

/// One change to what is stored.
#[derive(Debug, Clone)]
enum Damage {
    /// A cell, and the number of the bit that is flipped.
    Flipped(usize, usize),
    /// A cell, and the length it is cut to.
    Cut(usize, usize),
    Gone(usize),
    Swapped(usize, usize),
    Body(usize, Map<String, Value>),
    NoRecord(usize),
}

impl Cache {
    fn new(keys: Option<Arc<KeyRing>>) -> Self {
        let store = Arc::new(MemoryStore::new());
        Self { store, keys, saved: Arc::default(), records: Vec::new(), cells: Vec::new(), opened: None }
    }

    /// Opens the cache as another process would: nothing is in memory yet.
    fn open(&self) -> Mythos {
        let keys = self.keys.clone().map(|keys| keys as _);
        let options = RitualOptions { keys, hot_bytes: 0, ..RitualOptions::default() };
        Mythos::with_store(self.store.clone(), Runtime::system()).with_rituals(options)
    }

    /// Takes what is stored now for what must stay.
    fn finish(mut self) -> Self {
        let rituals = self.open().rituals();
        let mut saved: BTreeMap<Place, Vec<Saved>> = BTreeMap::new();
        for entry in rituals.list(&RitualFilter::default(), None, 1_000).unwrap().items.into_iter().rev() {
            let payload = rituals.restore(entry.entry).unwrap().payload;
            let place = (entry.assistant.clone(), entry.ritual.clone());
            saved.entry(place).or_default().push(Saved { entry, payload });
        }
        let report = rituals.scrub(&ScrubRituals::default()).unwrap();
        assert_eq!((report.damaged, report.skipped, report.next), (Vec::new(), Vec::new(), None));
        for table in [RitualHead::TABLE, RitualDictionaries::TABLE] {
            for record in records(&*self.store, table) {
                let owner = owner(table, &record);
                self.cells.extend(cells(&*self.store, &owner).into_iter().map(|cell| (owner.clone(), cell)));
                self.records.push((table, record));
            }
        }
        self.saved = Arc::new(saved);
        self
    }

    /// The same content in a store of its own.
    fn copied(&self) -> Self {
        let store = Arc::new(MemoryStore::new());
        let mut batch = Batch::new();
        for (table, record) in &self.records {
            let (id, body) = (record.id, record.body.clone());
            batch.records.push(RecordOp::Put { table: *table, id, expect: Expect::Absent, body });
        }
        for (owner, cell) in &self.cells {
            batch.put_cell(owner.clone(), cell.name, cell.bytes.clone());
        }
        store.commit(&batch).unwrap();
        let mut copy =
            Self { records: self.records.clone(), cells: self.cells.clone(), ..Self::new(self.keys.clone()) };
        (copy.store, copy.saved) = (store, Arc::clone(&self.saved));
        copy.opened = Some(copy.open().rituals());
        copy
    }

    fn put_cell(&self, index: usize, bytes: Option<&[u8]>) {
        let (owner, cell) = &self.cells[index];
        let mut batch = Batch::new();
        batch.delete_cells(owner.clone(), Names::one(cell.name));
        if let Some(bytes) = bytes {
            batch.put_cell(owner.clone(), cell.name, bytes.to_vec());
        }
        self.store.commit(&batch).unwrap();
    }

    fn put_record(&self, index: usize, body: Option<&Map<String, Value>>) {
        let (table, record) = &self.records[index];
        let (table, id, mut batch) = (*table, record.id, Batch::new());
        let expect = self.record(index).map_or(Expect::Absent, |now| Expect::At(now.version));
        match (body, expect) {
            (Some(body), expect) => {
                batch.records.push(RecordOp::Put { table, id, expect, body: body.clone() });
            }
            (None, Expect::At(version)) => drop(batch.delete(table, id, version)),
            (None, Expect::Absent) => {}
        }
        self.store.commit(&batch).unwrap();
    }

    /// A record as it is now.
    fn record(&self, index: usize) -> Option<Record> {
        let (table, record) = &self.records[index];
        match self.store.read(&[Read::Record { table: *table, id: record.id }]).unwrap().remove(0) {
            Answer::Record { record } => record,
            other => panic!("{other:?}"),
        }
    }

    fn damage(&self, damage: &Damage) {
        match damage {
            Damage::Flipped(index, bit) => {
                let mut bytes = self.cells[*index].1.bytes.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                self.put_cell(*index, Some(&bytes));
            }
            Damage::Cut(index, length) => self.put_cell(*index, Some(&self.cells[*index].1.bytes[..*length])),
            Damage::Gone(index) => self.put_cell(*index, None),
            Damage::Swapped(a, b) => {
                self.put_cell(*a, Some(&self.cells[*b].1.bytes));
                self.put_cell(*b, Some(&self.cells[*a].1.bytes));
            }
            Damage::Body(index, body) => self.put_record(*index, Some(body)),
            Damage::NoRecord(index) => self.put_record(*index, None),
        }
    }

    /// Puts back what was damaged, and the heads in which a scrub noted what it found.
    fn mend(&self, damage: &Damage) {
        match damage {
            Damage::Flipped(index, _) | Damage::Cut(index, _) | Damage::Gone(index) => {
                self.put_cell(*index, Some(&self.cells[*index].1.bytes));
            }
            Damage::Swapped(a, b) => {
                self.put_cell(*a, Some(&self.cells[*a].1.bytes));
                self.put_cell(*b, Some(&self.cells[*b].1.bytes));
            }
            Damage::Body(..) | Damage::NoRecord(_) => {}
        }
        for place in self.touched(damage) {
            if let Some(index) = self.head_of(&place) {
                self.put_record(index, Some(&self.records[index].1.body));
            }
        }
        if let Damage::Body(index, _) | Damage::NoRecord(index) = damage {
            self.put_record(*index, Some(&self.records[*index].1.body));
        }
    }

    fn head_of(&self, (assistant, ritual): &Place) -> Option<usize> {
        self.records.iter().position(|(_, record)| {
            record.body.get("assistant").and_then(Value::as_str) == Some(assistant.as_str())
                && record.body.get("ritual").and_then(Value::as_str) == Some(ritual.as_str())
        })
    }

    /// The rituals whose reads come by what was damaged: of a dictionary, all of its assistant.
    fn touched(&self, damage: &Damage) -> BTreeSet<Place> {
        let of_record = |record: &Record| {
            let text = |field| record.body.get(field).and_then(Value::as_str).map(str::to_owned);
            let (assistant, ritual) = (text("assistant"), text("ritual"));
            self.saved
                .keys()
                .filter(|(a, r)| {
                    Some(a.as_str()) == assistant.as_deref()
                        && ritual.as_ref().is_none_or(|ritual| r.as_str() == ritual)
                })
                .cloned()
                .collect::<Vec<_>>()
        };
        let of_cell = |index: &usize| {
            let id = self.cells[*index].0.id;
            self.records
                .iter()
                .filter(|(_, record)| record.id == id)
                .flat_map(|(_, record)| of_record(record))
                .collect()
        };
        let places: Vec<Place> = match damage {
            Damage::Flipped(index, _) | Damage::Cut(index, _) | Damage::Gone(index) => of_cell(index),
            Damage::Swapped(a, b) => [of_cell(a), of_cell(b)].concat(),
            Damage::Body(index, _) | Damage::NoRecord(index) => of_record(&self.records[*index].1),
        };
        places.into_iter().collect()
    }

    /// Damages the cache, holds every read to what was saved and the scrub to find the damage, and mends it again.
    fn check(&self, damage: &Damage) {
        let places = self.read_places(damage);
        self.damage(damage);
        let is_of_record = matches!(damage, Damage::Body(..) | Damage::NoRecord(_));
        let is_plain = match damage {
            Damage::Flipped(index, _) | Damage::Cut(index, _) | Damage::Gone(index) => {
                self.cells[*index].0.table == RitualHead::TABLE
            }
            _ => false,
        };
        // What is in memory of dictionaries and heads must not hide what became of the stored.
        let rituals = self.opened.clone().filter(|_| is_plain).unwrap_or_else(|| self.open().rituals());
        let what = &|| format!("{damage:?} of {places:?}");
        let reports = scrub(&rituals, &places);
        for place in &places {
            let read = self.read_after(place, damage);
            let failed = self.check_reads(&rituals, place, &read, damage, what);
            let mut lost = lost(&reports, place, &self.saved[place]);
            lost.retain(|sequence| read.contains(sequence));
            // No entry is lost with a record, even if it is not found without.
            let expected = if is_of_record { BTreeSet::new() } else { failed };
            assert_eq!(
                lost,
                expected,
                "{}: what the scrub tells to be lost, and what is: {reports:#?}",
                what()
            );
        }
        let findings: u64 = reports.iter().map(|report| report.findings).sum();
        assert!(findings > 0, "{}: the scrub found nothing", what());
        if !self.is_sampled_out(damage) {
            self.check_listings(&rituals, what);
        }
        self.mend(damage);
    }

    /// Whether a damage is one of the very many that need not go with every read: of a frame or dictionary, which no
    /// listing reads (another test holds that), or of a large block of entries, which is read or refused as one.
    fn is_sampled_out(&self, damage: &Damage) -> bool {
        const LARGE: usize = 1_500;
        const SAMPLED: usize = 256;
        let (Damage::Flipped(index, at) | Damage::Cut(index, at)) = damage else { return false };
        let cell = &self.cells[*index].1;
        (b"wpd".contains(&cell.name.as_bytes()[0]) || cell.bytes.len() > LARGE) && at % SAMPLED > 0
    }

    /// Which entries of a ritual to restore: all, but mostly only those at the ends of a large block.
    fn read_after(&self, place: &Place, damage: &Damage) -> BTreeSet<u64> {
        const MANY: usize = 10;
        let all = self.saved[place].iter().map(|one| one.entry.sequence);
        if all.len() < MANY || !self.is_sampled_out(damage) {
            return all.collect();
        }
        let (Damage::Flipped(index, _) | Damage::Cut(index, _)) = damage else { return all.collect() };
        let last = position(&self.cells[*index].1.name).unwrap();
        all.filter(|sequence| *sequence == 1 || (last..=last + 1).contains(sequence)).collect()
    }

    /// The rituals to read after a damage: of a dictionary's, mostly a few of those that need it.
    fn read_places(&self, damage: &Damage) -> BTreeSet<Place> {
        const FEW: usize = 2;
        let few = if self.is_sampled_out(damage) { FEW } else { usize::MAX };
        self.touched(damage).into_iter().take(few).collect()
    }

    /// Reads everything of one ritual; gives the positions that do not restore.
    fn check_reads(
        &self,
        rituals: &RitualCompressionCache,
        place: &Place,
        read: &BTreeSet<u64>,
        damage: &Damage,
        what: &dyn Fn() -> String,
    ) -> BTreeSet<u64> {
        let saved = &self.saved[place];
        let newest = saved.last().unwrap();
        match rituals.latest(&place.0, &place.1) {
            Ok(Some(latest)) => {
                assert!(
                    latest.entry == newest.entry && latest.payload == newest.payload,
                    "{}: latest",
                    what()
                );
            }
            Ok(None) => panic!("{}: the newest entry vanished without a word", what()),
            Err(error) => expect_typed(&error, what),
        }
        let mut failed = BTreeSet::new();
        for one in saved.iter().filter(|one| read.contains(&one.entry.sequence)) {
            match rituals.restore(one.entry.entry) {
                Ok(restored) => {
                    assert!(restored.payload == one.payload, "{}: another payload", what());
                    assert_eq!(restored.entry, one.entry, "{}: another entry", what());
                }
                Err(error) => {
                    expect_typed(&error, what);
                    failed.insert(one.entry.sequence);
                }
            }
        }
        let found =
            rituals.latest_verifiable(&place.0, &place.1, None).unwrap_or_else(|e| panic!("{}: {e}", what()));
        let found = found.map(|found| {
            let entry = found.restored.entry.entry;
            let one = saved.iter().find(|one| one.entry.entry == entry);
            assert_eq!(
                one.map(|one| &one.payload),
                Some(&found.restored.payload),
                "{}: another payload",
                what()
            );
            entry.sequence()
        });
        if let Damage::Flipped(index, _) | Damage::Cut(index, _) | Damage::Gone(index) = damage
            && let Some(damaged) = position(&self.cells[*index].1.name)
        {
            let keyframe = (damaged - 1) / KEYFRAME_INTERVAL * KEYFRAME_INTERVAL;
            let is_bounded = failed.iter().all(|lost| *lost > keyframe && *lost <= damaged);
            assert!(
                is_bounded,
                "{}: {failed:?} are lost, not only entries down to the next keyframe",
                what()
            );
        }
        let swaps = matches!(damage, Damage::Swapped(..));
        if !swaps && saved.len() > 1 {
            assert!(
                found.is_some_and(|found| found + 1 >= newest.entry.sequence),
                "{}: {found:?} is more than one entry back",
                what()
            );
        }
        failed
    }

    fn check_listings(&self, rituals: &RitualCompressionCache, what: &dyn Fn() -> String) {
        match rituals.list(&RitualFilter::default(), None, 1_000) {
            Ok(page) => page.items.iter().for_each(|entry| self.expect_entry(entry, what)),
            Err(error) => expect_typed(&error, what),
        }
        let heads = rituals.rituals(&RitualHeadFilter::default(), None, 1_000);
        for mut head in heads.unwrap_or_else(|error| panic!("{}: {error}", what())).items {
            let index = self.head_of(&(head.assistant.clone(), head.ritual.clone())).unwrap();
            let original = RitualHead::from_record(&self.records[index].1).unwrap();
            head.scrubbed.clone_from(&original.scrubbed);
            assert_eq!(head, original, "{}: another head", what());
        }
    }

    fn expect_entry(&self, entry: &CompressedRitual, what: &dyn Fn() -> String) {
        let saved = &self.saved[&(entry.assistant.clone(), entry.ritual.clone())];
        let one = saved.iter().find(|one| one.entry.entry == entry.entry);
        assert_eq!(one.map(|one| &one.entry), Some(entry), "{}: another entry is listed", what());
    }
}

/// Scrubs rituals; all of an assistant at once if there are many.
fn scrub(rituals: &RitualCompressionCache, places: &BTreeSet<Place>) -> Vec<ScrubReport> {
    const MANY: usize = 3;
    let requests: BTreeMap<_, _> = places
        .iter()
        .map(|(assistant, ritual)| {
            let ritual = Some(ritual.clone()).filter(|_| places.len() < MANY);
            let key = (assistant.clone(), ritual.clone());
            (key, ScrubRituals { assistant: Some(assistant.clone()), ritual, ..ScrubRituals::default() })
        })
        .collect();
    let reports = requests.values().map(|request| rituals.scrub(request).unwrap());
    reports.inspect(|report| assert_eq!(report.next, None)).collect()
}

/// The positions of saved entries that reports tell to be lost.
fn lost(reports: &[ScrubReport], (assistant, ritual): &Place, saved: &[Saved]) -> BTreeSet<u64> {
    let ranges: Vec<_> = reports
        .iter()
        .flat_map(|report| &report.damaged)
        .filter(|finding| {
            finding.assistant.as_ref() == Some(assistant) && finding.ritual.as_ref() == Some(ritual)
        })
        .flat_map(|finding| &finding.lost)
        .collect();
    let is_lost = |sequence: &u64| ranges.iter().any(|range| (range.first..=range.last).contains(sequence));
    saved.iter().map(|one| one.entry.sequence).filter(is_lost).collect()
}

/// The position in the name of a block, a whole payload or a patch.
fn position(name: &CellName) -> Option<u64> {
    let bytes = name.as_bytes();
    b"ewp".contains(&bytes[0]).then(|| bytes[1..9].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn expect_typed(error: &Error, what: &dyn Fn() -> String) {
    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound), "{}: {error:?}", what());
}
