//! Damage to a small ritual cache, exhaustively: every bit of every cell and record flipped, every cell truncated to every
//! length, deleted, and swapped with every other. Nothing but what was saved is ever handed out, and a scrub finds all.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use damage::{cells, owner, records};
use mythos_core::ritual::{
    CompactRituals, CompressedRitual, KEYFRAME_INTERVAL, RitualCompressionCache, RitualDictionaries,
    RitualFilter, RitualHead, RitualHeadFilter, RitualOptions, RitualPart, SaveRitual, ScrubReport,
    ScrubRituals, SymbolicIntent,
};
use mythos_core::seal::{KeyRing, SecretKey};
use mythos_core::store::{
    Answer, Batch, Cell, CellName, Expect, MemoryStore, Model, Names, Owner, Read, Record, RecordOp, Store,
    Table,
};
use mythos_core::types::{AssistantId, EntryId, OperationId, RitualId, Runtime};
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

fn save(mythos: &Mythos, assistant: &str, ritual: &str, intent: &[&str], operation: bool, payload: &[u8]) {
    let labels = intent.iter().map(|label| (*label).to_owned()).collect();
    let intent = SymbolicIntent { labels, ..SymbolicIntent::default() };
    let operation =
        operation.then(|| OperationId::from_name(&format!("{assistant}/{ritual}/{}", payload.len())));
    let place = SaveRitual::new(assistant.parse().unwrap(), ritual.parse().unwrap());
    mythos.rituals().save(&SaveRitual { intent, operation, ..place }, payload).unwrap();
}

/// Bytes that cannot be compressed, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        // xorshift64 (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
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
        match rituals.rituals(&RitualHeadFilter::default(), None, 1_000) {
            Ok(page) => {
                for mut head in page.items {
                    let index = self.head_of(&(head.assistant.clone(), head.ritual.clone())).unwrap();
                    let original = RitualHead::from_record(&self.records[index].1).unwrap();
                    head.scrubbed.clone_from(&original.scrubbed);
                    assert_eq!(head, original, "{}: another head", what());
                }
            }
            Err(error) => expect_typed(&error, what),
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

/// Checks each damage, on all processors, each with a copy of its own.
fn check_all(cache: &Cache, damages: Vec<Damage>) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (mine, damages) = (cache.copied(), &damages);
            scope.spawn(move || {
                damages.iter().skip(thread).step_by(threads).for_each(|damage| mine.check(damage))
            });
        }
    });
}

/// Every flipped bit, every truncation, and the loss of each cell.
fn damages_of_cells(cache: &Cache) -> Vec<Damage> {
    let mut damages = Vec::new();
    for (index, (_, cell)) in cache.cells.iter().enumerate() {
        damages.extend((0..8 * cell.bytes.len()).map(|bit| Damage::Flipped(index, bit)));
        damages.extend((0..cell.bytes.len()).map(|length| Damage::Cut(index, length)));
        damages.push(Damage::Gone(index));
    }
    damages
}

/// Every flipped bit and every truncation of each record's JSON, as far as a store can hold what it gives, the loss of
/// every field, and of the record.
fn damages_of_records(cache: &Cache) -> Vec<Damage> {
    let mut damages = Vec::new();
    for (index, (_, record)) in cache.records.iter().enumerate() {
        let text = serde_json::to_vec(&record.body).unwrap();
        let flipped = (0..8 * text.len()).map(|bit| {
            let mut text = text.clone();
            text[bit / 8] ^= 1 << (bit % 8);
            text
        });
        let cut = (0..text.len()).map(|length| text[..length].to_vec());
        let bodies = flipped.chain(cut).filter_map(|text| serde_json::from_slice(&text).ok());
        damages.extend(bodies.filter(|body| *body != record.body).map(|body| Damage::Body(index, body)));
        for field in record.body.keys() {
            let mut body = record.body.clone();
            body.remove(field);
            damages.push(Damage::Body(index, body));
        }
        damages.push(Damage::NoRecord(index));
    }
    damages
}

fn swaps(cache: &Cache) -> Vec<Damage> {
    let all = 0..cache.cells.len();
    let pairs = all.clone().flat_map(|a| all.clone().skip(a + 1).map(move |b| (a, b)));
    pairs.map(|(a, b)| Damage::Swapped(a, b)).collect()
}

/// Entries with patches in their cards and one in a cell, intents, an operation, raw and compressed wholes.
fn varied() -> Cache {
    let cache = Cache::new(None);
    let mythos = cache.open();
    let common = "the policy is to be polite; ".repeat(5);
    for step in 1..=3 {
        let payload = format!("{common}{}", "and then something else happened; ".repeat(step));
        save(
            &mythos,
            "ana",
            "grow",
            if step < 3 { &["early"] } else { &["late"] },
            step == 2,
            payload.as_bytes(),
        );
    }
    let shared = noise(0, 80);
    for seed in 1..=4 {
        let payload = [&shared[..], &noise(seed, if seed == 2 { 1040 } else { 60 })].concat();
        save(&mythos, "ben", "leap", &["late"], false, &payload);
    }
    cache.finish()
}

/// Sixty-seven entries, compacted, so that one is a keyframe.
fn long() -> Cache {
    let cache = Cache::new(None);
    let mythos = cache.open();
    for step in 1..=67 {
        save(&mythos, "ana", "long", &[], false, format!("step {step} is done").as_bytes());
        if step == 66 {
            let report = mythos.rituals().compact(&CompactRituals::default()).unwrap();
            assert!(report.skipped.is_empty() && report.next.is_none());
        }
    }
    cache.finish()
}

/// Rituals of one assistant under a dictionary.
fn with_dictionary() -> Cache {
    let cache = Cache::new(None);
    let mythos = cache.open();
    let shared = noise(9, 450);
    for ritual in 0..8 {
        save(
            &mythos,
            "bob",
            &format!("r{ritual}"),
            &[],
            false,
            &[&shared[..], &noise(100 + ritual, 6)].concat(),
        );
    }
    let trained = mythos.rituals().train(&"bob".parse().unwrap()).unwrap().trained;
    assert!(trained.is_some());
    let report = mythos.rituals().compact(&CompactRituals::default()).unwrap();
    assert!(report.skipped.is_empty(), "{report:?}");
    let cache = cache.finish();
    assert!(cache.saved.values().flatten().all(|one| one.entry.compressed_ritual_data.dictionary == trained));
    cache
}

/// Entries under two keys.
fn sealed() -> (Cache, Arc<KeyRing>) {
    let keys = Arc::new(KeyRing::with_active("k1".parse().unwrap(), SecretKey::from_bytes(&[1; 32])));
    keys.insert("k2".parse().unwrap(), SecretKey::from_bytes(&[2; 32])).unwrap();
    let cache = Cache::new(Some(keys.clone()));
    let mythos = cache.open();
    for step in 1..=6 {
        if step == 4 {
            keys.activate(&"k2".parse().unwrap()).unwrap();
        }
        save(&mythos, "eve", "secret", &[], false, "state, ".repeat(step).as_bytes());
    }
    (cache.finish(), keys)
}

fn kinds(cache: &Cache) -> String {
    cache
        .cells
        .iter()
        .map(|(_, cell)| char::from(cell.name.as_bytes()[0]))
        .collect::<BTreeSet<_>>()
        .iter()
        .collect()
}

#[test]
fn damage_to_a_varied_cache() {
    let cache = varied();
    assert_eq!(kinds(&cache), "eiopw");
    check_all(&cache, damages_of_cells(&cache));
    check_all(&cache, swaps(&cache));
}

#[test]
fn damage_to_records() {
    let cache = varied();
    check_all(&cache, damages_of_records(&cache));
}

#[test]
fn damage_to_a_long_ritual() {
    let cache = long();
    let keyframe = |cell: &Cell| cell.name.as_bytes()[..9] == [b'w', 0, 0, 0, 0, 0, 0, 0, 64];
    assert!(cache.cells.iter().any(|(_, cell)| keyframe(cell)));
    check_all(&cache, damages_of_cells(&cache));
    check_all(&cache, swaps(&cache));
}

#[test]
fn damage_to_dictionaries() {
    let cache = with_dictionary();
    assert_eq!(kinds(&cache), "dew");
    check_all(&cache, damages_of_cells(&cache));
    check_all(&cache, swaps(&cache));
    // Heads are gone through one by one elsewhere.
    let head = cache.records.iter().position(|(table, _)| *table == RitualHead::TABLE).unwrap();
    let mut damages = damages_of_records(&cache);
    damages.retain(|damage| match damage {
        Damage::Body(index, _) | Damage::NoRecord(index) => {
            *index == head || cache.records[*index].0 != RitualHead::TABLE
        }
        _ => false,
    });
    check_all(&cache, damages);
}

#[test]
fn damage_to_a_sealed_cache() {
    let (cache, _) = sealed();
    check_all(&cache, damages_of_cells(&cache));
    check_all(&cache, swaps(&cache));
}

#[test]
fn verifying_an_entry_finds_what_another_way_makes_good() {
    for cache in [varied(), long(), sealed().0] {
        for (index, (owner, cell)) in cache.cells.iter().enumerate() {
            let damage = Damage::Gone(index);
            cache.damage(&damage);
            let rituals = cache.open().rituals();
            let mut is_found = false;
            for one in cache.touched(&damage).iter().flat_map(|place| &cache.saved[place]) {
                let found = rituals.verify(one.entry.entry).unwrap();
                assert_eq!(found.verified, found.findings.is_empty());
                assert_eq!(found.restorable, rituals.restore(one.entry.entry).is_ok(), "{found:?}");
                is_found |= !found.verified;
            }
            assert!(is_found, "no entry misses cell {} of {owner}", cell.name);
            cache.mend(&damage);
        }
    }
    let cache = long();
    // The one before the newest has two ways back.
    let index =
        cache.cells.iter().position(|(_, cell)| cell.name.as_bytes()[..9] == [b'w', 0, 0, 0, 0, 0, 0, 0, 66]);
    cache.damage(&Damage::Gone(index.unwrap()));
    let rituals = cache.open().rituals();
    let entry = cache.saved.values().next().unwrap()[65].entry.entry;
    let found = rituals.verify(entry).unwrap();
    assert!(found.restorable && !found.verified);
    assert_eq!((found.findings[0].part, found.findings[0].sequence), (RitualPart::Whole, Some(66)));
    assert_eq!(found.findings[0].lost, []);
    let pruned: EntryId = "00000000-0000-8000-8000-000000000001".parse().unwrap();
    assert_eq!(rituals.verify(pruned).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn findings_tell_both_digests_and_stray_cells_are_found() {
    let cache = varied();
    let place: Place = ("ben".parse().unwrap(), "leap".parse().unwrap());
    let index = cache.cells.iter().position(|(_, cell)| cell.name.as_bytes()[0] == b'p').unwrap();
    cache.damage(&Damage::Flipped(index, 100));
    let report = scrub(&cache.open().rituals(), &[place.clone()].into()).remove(0);
    let finding = &report.damaged[0];
    assert_eq!((finding.part, finding.sequence), (RitualPart::Patch, Some(2)));
    assert!(finding.expected.is_some() && finding.found.is_some() && finding.expected != finding.found);
    assert_eq!(lost(&[report], &place, &cache.saved[&place]), [1, 2].into());
    cache.mend(&Damage::Gone(index));

    let owner = cache.cells[index].0.clone();
    let names: [&[u8]; 10] =
        [b"e", b"e0", b"i7", b"o7", b"p\0\0\0\0\0\0\0\x02\xff\0\0\0", b"w\0", b"w\x01", b"x", b"a", b"z\0"];
    for name in names {
        let name = CellName::new(name).unwrap();
        let mut batch = Batch::new();
        batch.put_cell(owner.clone(), name, vec![1, 2, 3]);
        cache.store.commit(&batch).unwrap();
        let report = scrub(&cache.open().rituals(), &[place.clone()].into()).remove(0);
        assert_eq!(report.findings, 1, "{name:?}: {report:?}");
        assert_eq!(report.damaged[0].lost, []);
        let mut batch = Batch::new();
        batch.delete_cells(owner.clone(), Names::one(name));
        cache.store.commit(&batch).unwrap();
    }
}

#[test]
fn a_scrub_in_small_steps_finds_the_same_and_is_noted() {
    let cache = long();
    let whole =
        cache.cells.iter().position(|(_, cell)| cell.name.as_bytes()[..9] == [b'w', 0, 0, 0, 0, 0, 0, 0, 64]);
    cache.damage(&Damage::Gone(whole.unwrap()));
    let at_once = cache.open().rituals().scrub(&ScrubRituals::default()).unwrap();
    let rituals = cache.open().rituals();
    let mut request = ScrubRituals::default();
    request.budget.max_bytes = 1;
    let (mut found, mut entries, mut calls) = (Vec::new(), 0, 0);
    loop {
        let report = rituals.scrub(&request).unwrap();
        found.extend(report.damaged);
        (entries, calls) = (entries + report.entries, calls + 1);
        assert!(calls < 100, "{:?}", report.next);
        match report.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    assert_eq!((entries, at_once.entries), (67, 67));
    assert!(calls > 60);
    let place = cache.saved.keys().next().unwrap();
    let step_by_step = ScrubReport { damaged: found, ..ScrubReport::default() };
    let saved = &cache.saved[place];
    let failed: BTreeSet<u64> = saved
        .iter()
        .filter(|one| rituals.restore(one.entry.entry).is_err())
        .map(|one| one.entry.sequence)
        .collect();
    assert_eq!(lost(&[at_once], place, saved), failed);
    assert!(lost(&[step_by_step], place, saved).is_subset(&failed));
    let sound = RitualFilter { verified: Some(true), ..RitualFilter::default() };
    let listed = rituals.list(&sound, None, 1_000).unwrap().items;
    let listed: BTreeSet<u64> = listed.iter().map(|entry| entry.sequence).collect();
    let expected: BTreeSet<u64> = (1..=67).filter(|sequence| !failed.contains(sequence)).collect();
    assert_eq!(listed, expected);
}

/// BLAKE3 as the formats' documentation says: what someone can compute who can write to the store.
fn keyed(context: &str, fields: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for field in fields {
        hasher.update(&(field.len() as u64).to_le_bytes()).update(field);
    }
    *hasher.finalize().as_bytes().first_chunk().unwrap()
}

/// A cell with a check that fits its content and place.
fn closed(owner: &Owner, name: &CellName, body: &[u8]) -> Vec<u8> {
    let fields = [owner.tenant.as_str().as_bytes(), owner.id.as_bytes(), name.as_bytes(), body];
    [body, &keyed("mythos 2026 ritual cell v1", &fields)].concat()
}

fn body(cell: &Cell) -> &[u8] {
    &cell.bytes[..cell.bytes.len() - 16]
}

/// The place of a ritual's head and cells.
fn owner_of(assistant: &str, ritual: &str) -> Owner {
    let fields = [b"default", assistant.as_bytes(), ritual.as_bytes()];
    let id = mythos_core::types::RecordId::new(&keyed("mythos 2026 ritual head v1", &fields)).unwrap();
    Owner { tenant: "default".parse().unwrap(), table: RitualHead::TABLE, id }
}

#[test]
fn an_entry_replayed_elsewhere_fails_its_signature_even_with_fitting_checks() {
    let cache = varied();
    let rituals = cache.open().rituals();
    let source = owner_of("ana", "grow");
    let head = cache.records.iter().find(|(_, record)| record.id == source.id).unwrap().1.clone();
    for (assistant, ritual) in [("ana", "copy"), ("eve", "grow")] {
        let target = owner_of(assistant, ritual);
        let mut body_of_head = head.body.clone();
        body_of_head.insert("assistant".into(), assistant.into());
        body_of_head.insert("ritual".into(), ritual.into());
        body_of_head.remove("check");
        let canonical = mythos_core::canonical::to_vec(&body_of_head).unwrap();
        let check =
            keyed("mythos 2026 ritual record v1", &[b"ritual_heads", target.id.as_bytes(), &canonical]);
        let check: String = check.iter().map(|byte| format!("{byte:02x}")).collect();
        body_of_head.insert("check".into(), check.into());
        let mut batch = Batch::new();
        let (table, expect) = (RitualHead::TABLE, Expect::Absent);
        batch.records.push(RecordOp::Put { table, id: target.id, expect, body: body_of_head });
        for (_, cell) in cache.cells.iter().filter(|(owner, _)| *owner == source) {
            batch.put_cell(target.clone(), cell.name, closed(&target, &cell.name, body(cell)));
        }
        cache.store.commit(&batch).unwrap();
        let place: Place = (assistant.parse().unwrap(), ritual.parse().unwrap());
        let error = rituals.latest(&place.0, &place.1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("does not match its signature"), "{error}");
        assert_eq!(rituals.latest_verifiable(&place.0, &place.1, None).unwrap(), None);
        let report = scrub(&rituals, &[place].into()).remove(0);
        let cards = report.damaged.iter().filter(|finding| finding.part == RitualPart::Card).count();
        assert_eq!(cards, 3, "{report:?}");
    }
}

/// Puts other bodies into cells, with checks that fit.
fn forge(cache: &Cache, forged: &[(usize, &[u8])]) {
    for (index, body) in forged {
        let (owner, cell) = &cache.cells[*index];
        cache.put_cell(*index, Some(&closed(owner, &cell.name, body)));
    }
}

fn cell_at(cache: &Cache, owner: &Owner, kind: u8, sequence: u64) -> usize {
    let is = |cell: &Cell| cell.name.as_bytes()[0] == kind && position(&cell.name) == Some(sequence);
    cache.cells.iter().position(|(of, cell)| of == owner && is(cell)).unwrap()
}

#[test]
fn an_entry_replayed_at_another_position_or_with_another_intent_fails() {
    let cache = varied();
    let rituals = cache.open().rituals();
    let owner = owner_of("ana", "grow");
    let place: Place = ("ana".parse().unwrap(), "grow".parse().unwrap());
    let saved = &cache.saved[&place];
    let restored = |sequence: usize| rituals.restore(saved[sequence - 1].entry.entry);

    // The cards of two entries, and the frames of two others.
    for kind in [b'e', b'w'] {
        let (a, b) = (cell_at(&cache, &owner, kind, 2), cell_at(&cache, &owner, kind, 3));
        let bodies = (body(&cache.cells[a].1).to_vec(), body(&cache.cells[b].1).to_vec());
        forge(&cache, &[(a, &bodies.1), (b, &bodies.0)]);
        for sequence in [2, 3] {
            assert_eq!(restored(sequence).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        assert!(scrub(&rituals, &[place.clone()].into())[0].findings > 0);
        cache.mend(&Damage::Swapped(a, b));
    }

    let intent = |label: &str| {
        serde_json::to_vec(&SymbolicIntent { labels: [label.to_owned()].into(), ..Default::default() })
    };
    let early =
        cache.cells.iter().position(|(of, cell)| *of == owner && body(cell) == intent("early").unwrap());
    forge(&cache, &[(early.unwrap(), &intent("other").unwrap())]);
    let error = restored(1).unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("signature"), "{error}");
    assert_eq!(restored(3).unwrap().payload, saved[2].payload);
    let report = scrub(&rituals, &[place.clone()].into()).remove(0);
    assert_eq!(lost(&[report], &place, saved), [1, 2].into());
}

#[test]
fn plaintext_where_a_ciphertext_is_expected_is_refused() {
    let (cache, _) = sealed();
    let rituals = cache.open().rituals();
    let place = cache.saved.keys().next().unwrap();
    let newest = cache.saved[place].last().unwrap();
    let index = cell_at(&cache, &owner_of("eve", "secret"), b'w', 6);
    // Layout 1, no flags, encoded as it is, no dictionary.
    forge(&cache, &[(index, &[&[1, 0, 0, 0, 0, 0, 0], newest.payload.as_slice()].concat())]);
    let error = rituals.restore(newest.entry.entry).unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("no key"), "{error}");
    assert_eq!(scrub(&rituals, &[place.clone()].into())[0].findings, 1);
}

#[test]
fn a_destroyed_key_takes_its_entries_and_no_others() {
    let (cache, keys) = sealed();
    assert!(keys.destroy(&"k1".parse().unwrap()));
    let rituals = cache.open().rituals();
    let place = cache.saved.keys().next().unwrap();
    for one in &cache.saved[place] {
        match rituals.restore(one.entry.entry) {
            Ok(restored) => assert!(restored.payload == one.payload && one.entry.sequence > 3),
            Err(error) => {
                assert_eq!((error.kind(), error.field()), (ErrorKind::NotFound, Some("key")));
                assert!(one.entry.sequence <= 3);
                let error = rituals.verify(one.entry.entry).unwrap_err();
                assert_eq!((error.kind(), error.field()), (ErrorKind::NotFound, Some("key")));
            }
        }
    }
    let report = scrub(&rituals, &[place.clone()].into()).remove(0);
    assert_eq!((report.findings, report.skipped.len(), report.entries), (0, 1, 6), "{report:?}");
    let sound = RitualFilter { verified: Some(true), ..RitualFilter::default() };
    let listed = rituals.list(&sound, None, 10).unwrap().items;
    assert_eq!(listed.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [6, 5, 4]);

    // What is damaged under it is still found: the check of a cell needs no key.
    let index = cell_at(&cache, &owner_of("eve", "secret"), b'w', 3);
    cache.damage(&Damage::Flipped(index, 400));
    assert_eq!(scrub(&rituals, &[place.clone()].into())[0].findings, 1);
}
