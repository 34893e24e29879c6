//! Saving on after damage: what was saved before stays as good as it was, and nothing is given twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;

use std::sync::Arc;

use damage::{BLOCK, INTENT, OPERATION, WHOLE};
use mythos_core::ritual::{
    CompactRituals, ParentExpectation, RitualCompressionCache, RitualDictionaries, RitualHead,
    RitualHeadFilter, RitualOptions, RitualPart, RitualProgress, SaveRitual, ScrubRituals, SymbolicIntent,
    TotalRituals,
};
use mythos_core::seal::{KeyRing, SecretKey};
use mythos_core::store::{Batch, Cell, MemoryStore, Model, Owner, Record, Store};
use mythos_core::types::{EntryId, OperationId, Runtime};
use mythos_core::{ErrorKind, Mythos};

struct Bench {
    store: Arc<MemoryStore>,
}

impl Bench {
    fn new() -> Self {
        Self { store: Arc::new(MemoryStore::new()) }
    }

    fn mythos(&self) -> Mythos {
        Mythos::with_store(self.store.clone(), Runtime::system())
    }

    /// A cache that remembers nothing.
    fn rituals(&self) -> RitualCompressionCache {
        damage::without_memory(self.mythos()).rituals()
    }

    fn save(&self, step: usize) -> EntryId {
        self.rituals().save(&request(), &state(step)).unwrap().entry
    }

    fn head_record(&self) -> Record {
        damage::records(&*self.store, RitualHead::TABLE).remove(0)
    }

    fn owner(&self) -> Owner {
        damage::owner(RitualHead::TABLE, &self.head_record())
    }

    /// The cells of a kind, in the order of their names.
    fn cells(&self, kind: u8) -> Vec<Cell> {
        damage::cells_of(&*self.store, &self.owner(), kind)
    }

    /// The cell of a kind for the entry at `sequence`.
    fn cell(&self, kind: u8, sequence: u64) -> Cell {
        damage::cell_at(&*self.store, &self.owner(), kind, sequence)
    }

    fn put(&self, cell: &Cell) {
        damage::overwrite_cell(&*self.store, &self.owner(), cell);
    }

    fn damage(&self, cell: &Cell) {
        let mut cell = cell.clone();
        cell.bytes[0] ^= 1;
        self.put(&cell);
    }

    fn delete(&self, cell: &Cell) {
        damage::delete_cell(&*self.store, &self.owner(), cell);
    }

    fn restores(&self, entry: EntryId, step: usize) {
        let restored = self.rituals().restore(entry).unwrap_or_else(|error| panic!("entry {step}: {error}"));
        assert!(restored.payload == state(step), "entry {step}");
    }

    fn is_lost(&self, entry: EntryId) {
        let error = self.rituals().restore(entry).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound), "{error}");
    }
}

fn request() -> SaveRitual {
    SaveRitual::new("ana".parse().unwrap(), "refund".parse().unwrap())
}

fn state(step: usize) -> Vec<u8> {
    let messages: Vec<String> =
        (0..=step).map(|i| mythos_core::types::Digest::of(&i.to_le_bytes()).to_string()).collect();
    messages.join(",").into_bytes()
}

#[test]
fn the_entry_before_an_unreadable_one_keeps_its_whole_payload() {
    let bench = Bench::new();
    let entries: Vec<_> = (0..3).map(|step| bench.save(step)).collect();
    bench.damage(&bench.cell(WHOLE, 3));
    let after: Vec<_> = (3..8).map(|step| bench.save(step)).collect();
    bench.is_lost(entries[2]);
    for (step, entry) in entries.iter().take(2).chain(&after).enumerate() {
        bench.restores(*entry, if step < 2 { step } else { step + 1 });
    }
    let report = bench.rituals().compact(&CompactRituals::default()).unwrap();
    assert_eq!(report.skipped.len(), 1, "the damaged one is named");
    bench.restores(entries[1], 1);
    bench.restores(entries[0], 0);
}

#[test]
fn the_entry_before_a_damaged_block_keeps_its_whole_payload() {
    for is_deleted in [false, true] {
        let bench = Bench::new();
        let entries: Vec<_> = (0..3).map(|step| bench.save(step)).collect();
        let block = bench.cell(BLOCK, 3);
        if is_deleted {
            bench.delete(&block)
        } else {
            bench.damage(&block)
        }
        let after: Vec<_> = (3..8).map(|step| bench.save(step)).collect();
        assert!(after.iter().all(|entry| entry.sequence() > 3), "no position is given twice");
        bench.is_lost(entries[2]);
        for (step, entry) in entries.iter().take(2).chain(&after).enumerate() {
            bench.restores(*entry, if step < 2 { step } else { step + 1 });
        }
    }
}

#[test]
fn a_ritual_of_which_no_card_is_left_goes_on_at_a_new_position() {
    for is_headless in [false, true] {
        let bench = Bench::new();
        let operation: OperationId = "3f333df6-90a4-4fda-8dd3-9485d27cee36".parse().unwrap();
        let save = SaveRitual {
            operation: Some(operation),
            intent: SymbolicIntent { labels: ["a".to_owned()].into(), ..SymbolicIntent::default() },
            ..request()
        };
        for step in 0..3 {
            let save = SaveRitual { operation: (step == 1).then_some(operation), ..save.clone() };
            bench.rituals().save(&save, &state(step)).unwrap();
        }
        for block in bench.cells(BLOCK) {
            bench.damage(&block);
        }
        for cell in bench.cells(INTENT).iter().chain(&bench.cells(OPERATION)) {
            bench.damage(cell);
        }
        if is_headless {
            // Under the cells nothing may be lost but the record.
            let (record, owner) = (bench.head_record(), bench.owner());
            let mut batch = Batch::new();
            batch.delete(RitualHead::TABLE, record.id, record.version);
            bench.store.commit(&batch).unwrap();
            let again = bench.rituals().save(&save, &state(9)).unwrap();
            assert_eq!(again.sequence, 4);
            assert_eq!(bench.owner(), owner);
        } else {
            let again = bench.rituals().save(&save, &state(9)).unwrap();
            assert_eq!(again.sequence, 4);
        }
        let latest = bench.rituals().latest(&save.assistant, &save.ritual).unwrap().unwrap();
        assert_eq!((latest.payload, latest.entry.labels), (state(9), save.intent.labels.clone()));
        let next = bench.save(10);
        bench.restores(next, 10);
        bench.restores(latest.entry.entry, 9);
    }
}

#[test]
fn a_head_that_names_none_of_its_entries_is_damaged() {
    let bench = Bench::new();
    let entry = bench.save(0);
    damage::tamper(&*bench.store, RitualHead::TABLE, &bench.head_record(), |body| {
        body.insert("newest".to_owned(), serde_json::json!([]));
    });
    let (assistant, ritual) = (request().assistant, request().ritual);
    let error = bench.rituals().latest(&assistant, &ritual).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let found = bench.rituals().latest_verifiable(&assistant, &ritual, None).unwrap().unwrap();
    assert_eq!((found.restored.payload, found.skipped.len()), (state(0), 1));
    let next = bench.save(1);
    assert_eq!(next.sequence(), 2);
    bench.restores(entry, 0);
}

#[test]
fn a_damaged_keyframe_is_passed() {
    let bench = Bench::new();
    let entries: Vec<_> = (0..140).map(|step| bench.save(step)).collect();
    bench.restores(entries[0], 0);
    bench.damage(&bench.cell(WHOLE, 64));
    for is_compacted in [false, true] {
        if is_compacted {
            bench.rituals().compact(&CompactRituals::default()).unwrap();
        }
        for step in [0, 1, 30, 62, 63, 64, 139] {
            bench.restores(entries[step], step);
        }
    }
}

#[test]
fn an_intent_that_is_damaged_is_stored_anew() {
    let bench = Bench::new();
    let intent = SymbolicIntent { labels: ["a".to_owned()].into(), ..SymbolicIntent::default() };
    let save = SaveRitual { intent: intent.clone(), ..request() };
    let first = bench.rituals().save(&save, &state(0)).unwrap();
    bench.damage(&bench.cells(INTENT)[0]);
    bench.save(1);
    assert_eq!(bench.rituals().restore(first.entry).unwrap_err().kind(), ErrorKind::Corrupt);
    bench.rituals().save(&save, &state(2)).unwrap();
    assert_eq!(bench.rituals().restore(first.entry).unwrap().entry.intent(), intent);
}

#[test]
fn a_listing_by_time_passes_a_damaged_block() {
    let bench = Bench::new();
    let entries: Vec<_> = (0..9).map(|step| bench.save(step)).collect();
    let times: Vec<_> =
        entries.iter().map(|entry| bench.rituals().entry(*entry).unwrap().created_at).collect();
    for damaged in 1..=9 {
        let cell = bench.cell(BLOCK, damaged);
        bench.damage(&cell);
        for (index, before) in times.iter().enumerate() {
            let filter = mythos_core::ritual::RitualFilter {
                assistant: Some(request().assistant),
                ritual: Some(request().ritual),
                before: Some(*before),
                ..Default::default()
            };
            let listed = bench.rituals().list(&filter, None, 100).unwrap().items;
            let expected: Vec<_> = (0..index).rev().filter(|i| *i as u64 + 1 != damaged).collect();
            let found: Vec<_> = listed.iter().map(|entry| entry.sequence as usize - 1).collect();
            assert_eq!(found, expected, "damaged {damaged}, before {index}");
        }
        bench.put(&cell);
    }
}

#[test]
fn a_listing_of_rituals_passes_a_damaged_head() {
    let bench = Bench::new();
    for number in 0..7 {
        let save = SaveRitual { ritual: format!("r{number}").parse().unwrap(), ..request() };
        bench.rituals().save(&save, b"state").unwrap();
    }
    let listed = || {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = bench.rituals().rituals(&RitualHeadFilter::default(), after, 2).unwrap();
            names.extend(page.items.into_iter().map(|head| head.ritual));
            match page.next {
                Some(next) => after = Some(next),
                None => return names,
            }
        }
    };
    let mut expected = listed();
    assert_eq!(expected.len(), 7);
    for record in damage::records(&*bench.store, RitualHead::TABLE) {
        damage::tamper(&*bench.store, RitualHead::TABLE, &record, |body| drop(body.remove("seed")));
        expected.retain(|ritual| record.body["ritual"] != ritual.as_str());
        assert_eq!(listed(), expected);
    }
    let all = TotalRituals::default();
    assert_eq!(bench.rituals().totals(&all).unwrap().damaged, 7);
    assert_eq!(bench.rituals().scrub(&ScrubRituals::default()).unwrap().findings, 7);
}

#[test]
fn a_scrub_that_goes_on_below_a_damaged_block_tells_it_once() {
    let bench = Bench::new();
    let mut entries: Vec<_> = (0..8).map(|step| bench.save(step)).collect();
    bench.damage(&bench.cell(BLOCK, 8));
    // What is below stays restorable.
    entries.extend((8..10).map(|step| bench.save(step)));
    let mut request = ScrubRituals::default();
    request.budget.max_bytes = 1;
    let mut found = Vec::new();
    loop {
        let report = bench.rituals().scrub(&request).unwrap();
        found.extend(report.damaged);
        match report.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    let of_cards: Vec<_> = found
        .iter()
        .filter(|finding| finding.part == RitualPart::Card)
        .map(|finding| finding.sequence)
        .collect();
    assert_eq!(of_cards, [Some(8)], "{found:?}");
    assert!(found.iter().all(|finding| finding.part != RitualPart::Orphan), "{found:?}");
    for range in found.iter().flat_map(|finding| &finding.lost) {
        (range.first..=range.last).for_each(|sequence| bench.is_lost(entries[sequence as usize - 1]));
    }
}

#[test]
fn a_scrub_that_goes_on_where_no_entry_can_be_begins_at_the_newest() {
    let bench = Bench::new();
    for step in 0..3 {
        bench.save(step);
    }
    let after = Some(RitualProgress { ritual: bench.head_record().id, sequence: u64::MAX });
    let report = bench.rituals().scrub(&ScrubRituals { after, ..ScrubRituals::default() }).unwrap();
    assert_eq!((report.entries, report.findings, report.next), (3, 0, None));
}

#[test]
fn a_retired_dictionary_stays_while_a_damaged_head_may_need_it() {
    /// So many that their newest states suffice for a training.
    const RITUALS: u64 = 40;
    let bench = Bench::new();
    let save_all = |generation: u64| {
        let noise = |seed: u64, length: usize| {
            let blocks = (0_u64..).flat_map(|block| {
                *mythos_core::types::Digest::of(format!("{seed}/{block}").as_bytes()).as_bytes()
            });
            blocks.take(length).collect::<Vec<u8>>()
        };
        for number in 0..RITUALS {
            let save = SaveRitual { ritual: format!("r{number}").parse().unwrap(), ..request() };
            let state = [noise(generation, 450), noise(1_000 * generation + number, 6)].concat();
            bench.rituals().save(&save, &state).unwrap();
        }
        let trained = bench.rituals().train(&request().assistant).unwrap().trained;
        assert!(trained.is_some());
    };
    let assistant = Some(request().assistant);
    for compact in [CompactRituals::default(), CompactRituals { assistant, ..CompactRituals::default() }] {
        let is_first = compact.assistant.is_none();
        save_all(if is_first { 1 } else { 3 });
        bench.rituals().compact(&compact).unwrap();
        save_all(if is_first { 2 } else { 4 });
        for table in [RitualHead::TABLE, RitualDictionaries::TABLE] {
            let record = damage::records(&*bench.store, table).remove(0);
            damage::tamper(&*bench.store, table, &record, |body| drop(body.remove("updated_at")));
            let report = bench.rituals().compact(&compact).unwrap();
            assert_eq!(report.dictionaries_deleted, 0);
            let skipped = u64::from(table == RitualHead::TABLE);
            assert_eq!(report.skipped.len() as u64, skipped, "{report:?}");
            assert_eq!(report.rituals, RITUALS - skipped);
            damage::tamper(&*bench.store, table, &record, |_| {});
        }
        let report = bench.rituals().compact(&compact).unwrap();
        assert_eq!((report.dictionaries_deleted, report.skipped.len()), (1, 0), "{report:?}");
        assert_eq!(bench.rituals().scrub(&ScrubRituals::default()).unwrap().findings, 0);
    }
}

#[test]
fn a_destroyed_key_takes_what_is_in_memory_along() {
    let ring = Arc::new(KeyRing::with_active("k1".parse().unwrap(), SecretKey::from_bytes(&[7; 32])));
    let options = RitualOptions { keys: Some(ring.clone()), ..RitualOptions::default() };
    let rituals = Mythos::in_memory().with_rituals(options).rituals();
    rituals.save(&request(), &state(0)).unwrap();
    let (assistant, ritual) = (request().assistant, request().ritual);
    assert_eq!(rituals.latest(&assistant, &ritual).unwrap().unwrap().payload, state(0));
    ring.destroy(&"k1".parse().unwrap());
    let error = rituals.latest(&assistant, &ritual).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::NotFound, Some("key")));
}

#[test]
fn what_is_in_memory_hides_no_damage_from_who_asks_for_what_verifies() {
    let bench = Bench::new();
    let rituals = bench.mythos().rituals();
    let entries: Vec<_> = (0..3).map(|step| rituals.save(&request(), &state(step)).unwrap().entry).collect();
    let (assistant, ritual) = (request().assistant, request().ritual);
    assert_eq!(rituals.latest(&assistant, &ritual).unwrap().unwrap().payload, state(2));
    bench.damage(&bench.cell(WHOLE, 3));
    let found = rituals.latest_verifiable(&assistant, &ritual, None).unwrap().unwrap();
    assert_eq!((found.restored.entry.entry, found.restored.payload), (entries[1], state(1)));
    assert_eq!(found.skipped[0].entry, Some(entries[2]));
}

#[test]
fn an_operation_whose_entry_is_lost_saves_again() {
    let bench = Bench::new();
    let operation: OperationId = "3f333df6-90a4-4fda-8dd3-9485d27cee36".parse().unwrap();
    let save = SaveRitual { operation: Some(operation), ..request() };
    let first = bench.rituals().save(&save, &state(0)).unwrap();
    assert_eq!(bench.rituals().save(&save, &state(0)).unwrap(), first);
    bench.damage(&bench.cell(WHOLE, 1));
    let again = bench.rituals().save(&save, &state(0)).unwrap();
    assert_eq!((again.sequence, again.parent), (2, Some(first.entry)));
    assert_eq!(bench.rituals().save(&save, &state(0)).unwrap().sequence, 2);
    let stale = SaveRitual { parent: ParentExpectation::Absent, ..request() };
    assert_eq!(bench.rituals().save(&stale, &state(1)).unwrap_err().kind(), ErrorKind::Conflict);
}
