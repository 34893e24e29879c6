//! Pruning: any entries go, and the others restore.

use std::collections::BTreeSet;
use std::sync::Arc;

use mythos_core::ritual::{
    CompactRituals, PruneReport, PruneRituals, PruneWhat, RitualBudget, RitualCompressionCache, RitualHead,
    RitualOptions, SaveRitual,
};
use mythos_core::seal::{KeyRing, SecretKey};
use mythos_core::store::{Cell, MemoryStore, Model};
use mythos_core::types::{EntryId, OperationId, Runtime};
use mythos_core::{ErrorKind, Mythos};

use super::damage::{cells, in_memory, overwrite_cell, owner, records};
use super::{
    Payloads, ana, at, check, drop_from, labelled, noise, prune, refund, ritual, saved, state, these, tiny,
};

#[test]
fn any_entries_can_be_pruned_and_the_others_restore() {
    /// Whether an entry goes.
    type Doom = fn(u64) -> bool;
    let shapes: [(&str, Doom); 12] = [
        ("the oldest", |sequence| sequence > 20),
        ("the newest", |sequence| sequence != 200),
        ("the two newest", |sequence| sequence < 199),
        ("the second newest", |sequence| sequence != 199),
        ("a keyframe", |sequence| sequence != 64),
        ("a keyframe and its neighbours", |sequence| !(60..=70).contains(&sequence)),
        ("a whole group", |sequence| !(65..=128).contains(&sequence)),
        ("the group of the newest", |sequence| sequence <= 192),
        ("all behind the middle of a group", |sequence| sequence <= 190),
        ("every second", |sequence| sequence % 2 == 0),
        ("all but one of each group", |sequence| sequence % 64 == 5),
        ("all but the oldest", |sequence| sequence == 1),
    ];
    for (name, keeps) in shapes {
        for compacted in [false, true] {
            let (store, mythos) = in_memory();
            let rituals = mythos.rituals();
            let mut model = saved(&rituals, 200);
            if compacted {
                rituals.compact(&CompactRituals::default()).unwrap();
            }
            let request = these(&model, (1..=200).filter(|sequence| !keeps(*sequence)));
            let dry = rituals.prune(&PruneRituals { dry_run: true, ..request.clone() }).unwrap();
            let all = model.clone();
            check(&*store, &rituals, &all, &BTreeSet::new());
            let report = prune(&rituals, &request);
            let gone = drop_from(&mut model, keeps);
            assert_eq!((report.entries, dry.entries), (gone.len() as u64, gone.len() as u64), "{name}");
            assert!(report.skipped.is_empty(), "{name}: {:?}", report.skipped);
            check(&*store, &rituals, &model, &gone);

            // The ritual goes on, at a position that was never given.
            let next = rituals.save(&SaveRitual::new(ana(), refund()), &state(201)).unwrap();
            assert_eq!(next.sequence, 201, "{name}");
            assert_eq!(next.parent, model.keys().next_back().copied(), "{name}");
            model.insert(next.entry, state(201));
            for step in 202..=300 {
                let next = rituals.save(&SaveRitual::new(ana(), refund()), &state(step)).unwrap();
                model.insert(next.entry, state(step));
            }
            rituals.compact(&CompactRituals::default()).unwrap();
            check(&*store, &rituals, &model, &gone);
            assert_eq!(
                prune(&rituals, &request),
                PruneReport { rituals: 1, ..PruneReport::default() },
                "{name}"
            );
        }
    }
}

#[test]
fn a_ritual_that_lost_all_entries_goes_on_with_nothing_left_of_them() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let save = SaveRitual { intent: labelled("secret"), ..SaveRitual::new(ana(), refund()) };
    let operation = Some(OperationId::from_name("first"));
    let first = rituals.save(&SaveRitual { operation, ..save.clone() }, b"state").unwrap();
    let mut gone: BTreeSet<EntryId> =
        (0..70).map(|step| rituals.save(&save, &state(step)).unwrap().entry).collect();
    gone.insert(first.entry);
    let what = PruneWhat::Keep { assistant: ana(), ritual: refund(), entries: BTreeSet::new() };
    let report = prune(&rituals, &PruneRituals { budget: tiny(), ..PruneRituals::new(what) });
    assert_eq!((report.entries, report.rituals), (71, 1));
    check(&*store, &rituals, &Payloads::new(), &gone);
    let record = records(&*store, RitualHead::TABLE).remove(0);
    assert!(cells(&*store, &owner(RitualHead::TABLE, &record)).is_empty());

    // The operation of an entry that is gone saves anew.
    let again = rituals.save(&SaveRitual { operation, ..save }, b"state").unwrap();
    assert_eq!((again.sequence, again.parent), (72, None));
    check(&*store, &rituals, &[(again.entry, b"state".to_vec())].into(), &gone);
}

#[test]
fn requests_are_plain_json_and_bad_ones_change_nothing() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let model = saved(&rituals, 3);
    let entry = at(&model, 1);
    let other = rituals.save(&SaveRitual::new(ana(), ritual("other")), b"other").unwrap();
    let kind = |json: serde_json::Value| {
        let request: PruneRituals = serde_json::from_value(json).unwrap();
        rituals.prune(&request).unwrap_err().kind()
    };
    use serde_json::json;
    assert_eq!(kind(json!({"what": {"kind": "policy", "policy": {}}})), ErrorKind::Invalid);
    assert_eq!(kind(json!({"what": {"kind": "policy", "policy": {"max_entries": 0}}})), ErrorKind::Invalid);
    let unowned = json!({"what": {"kind": "policy", "ritual": "refund", "policy": {"max_entries": 1}}});
    assert_eq!(kind(unowned), ErrorKind::Invalid);
    assert_eq!(kind(json!({"what": {"kind": "entries", "entries": []}})), ErrorKind::Invalid);
    assert_eq!(
        kind(json!({"what": {"kind": "entries", "entries": [entry, other.entry]}})),
        ErrorKind::Invalid
    );
    let strange = json!({"what": {"kind": "entries", "entries": ["00000000-0000-8000-8000-000000000001"]}});
    assert_eq!(kind(strange), ErrorKind::NotFound);
    let keep =
        json!({"what": {"kind": "keep", "assistant": "ana", "ritual": "refund", "entries": [other.entry]}});
    assert_eq!(kind(keep), ErrorKind::Invalid);
    let missing = json!({"what": {"kind": "keep", "assistant": "ana", "ritual": "none", "entries": []}});
    assert_eq!(kind(missing), ErrorKind::NotFound);
    let unknown = json!({"what": {"kind": "entries", "entries": [entry], "more": 1}});
    assert!(serde_json::from_value::<PruneRituals>(unknown).is_err());
    let all: Payloads = model.into_iter().chain([(other.entry, b"other".to_vec())]).collect();
    check(&*store, &rituals, &all, &BTreeSet::new());

    let good = json!({"what": {"kind": "entries", "entries": [entry]}, "budget": {"max_bytes": 9}});
    let good: PruneRituals = serde_json::from_value(good).unwrap();
    assert_eq!(rituals.prune(&good).unwrap().entries, 1);
    assert_eq!(serde_json::from_value::<PruneRituals>(serde_json::to_value(&good).unwrap()).unwrap(), good);
}

#[test]
fn a_damaged_entry_is_pruned_and_one_that_stays_is_left_and_reported() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let mut model = saved(&rituals, 100);
    rituals.compact(&CompactRituals::default()).unwrap();
    let record = records(&*store, RitualHead::TABLE).remove(0);
    let of = owner(RitualHead::TABLE, &record);
    let damage = |position: usize| {
        let cell =
            cells(&*store, &of).into_iter().filter(|cell| cell.name.as_bytes()[0] == b'e').nth(position);
        let Cell { name, mut bytes } = cell.unwrap();
        bytes[5] ^= 1;
        overwrite_cell(&*store, &of, &Cell { name, bytes });
    };
    // The block of entries 1 to 64.
    damage(0);
    let part = prune(&rituals, &these(&model, 10..=70));
    assert_eq!((part.entries, part.skipped.len()), (6, 1), "what cannot be read is left as it is");
    let whole = prune(&rituals, &these(&model, 1..=64));
    assert!(whole.skipped.is_empty(), "{whole:?}");
    let gone = drop_from(&mut model, |sequence| sequence > 70);
    check(&*store, &rituals, &model, &gone);
}

#[test]
fn a_survivor_that_cannot_be_read_stays_where_it_is() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let save = SaveRitual::new(ana(), refund());
    let mut model = Payloads::new();
    for step in 1..=30 {
        let payload = [noise(step, 2_000), noise(0, 50_000)].concat();
        model.insert(rituals.save(&save, &payload).unwrap().entry, payload);
    }
    // The patch of entry 10, which has a cell.
    let record = records(&*store, RitualHead::TABLE).remove(0);
    let of = owner(RitualHead::TABLE, &record);
    let patch = |cell: &Cell| cell.name.as_bytes()[0] == b'p' && cell.name.as_bytes()[8] == 10;
    let Cell { name, mut bytes } = cells(&*store, &of).into_iter().find(patch).unwrap();
    bytes[100] ^= 1;
    overwrite_cell(&*store, &of, &Cell { name, bytes });
    let report = prune(&rituals, &these(&model, [11, 15, 20]));
    assert_eq!((report.entries, report.skipped.len()), (3, 1));
    for (entry, payload) in &model {
        match entry.sequence() {
            11 | 15 | 20 => assert_eq!(rituals.restore(*entry).unwrap_err().kind(), ErrorKind::NotFound),
            1..=10 => assert_eq!(rituals.restore(*entry).unwrap_err().kind(), ErrorKind::Corrupt),
            _ => assert!(rituals.restore(*entry).unwrap().payload == *payload),
        }
    }
}

fn with_keys(store: &Arc<MemoryStore>, keys: &Arc<KeyRing>) -> RitualCompressionCache {
    let options = RitualOptions { keys: Some(keys.clone()), ..RitualOptions::default() };
    Mythos::with_store(store.clone(), Runtime::system()).with_rituals(options).rituals()
}

#[test]
fn no_chain_crosses_a_key_after_pruning() {
    let store = Arc::new(MemoryStore::new());
    let keys = Arc::new(KeyRing::new());
    keys.insert("old".parse().unwrap(), SecretKey::from_bytes(&[1; 32])).unwrap();
    keys.activate(&"old".parse().unwrap()).unwrap();
    let rituals = with_keys(&store, &keys);
    let save = SaveRitual::new(ana(), refund());
    let mut model = Payloads::new();
    for step in 1..=40 {
        if step == 21 {
            keys.insert("new".parse().unwrap(), SecretKey::from_bytes(&[2; 32])).unwrap();
            keys.activate(&"new".parse().unwrap()).unwrap();
        }
        model.insert(rituals.save(&save, &state(step)).unwrap().entry, state(step));
    }
    prune(&rituals, &these(&model, [10, 19, 20, 21, 25, 39, 40]));
    let gone = drop_from(&mut model, |sequence| ![10, 19, 20, 21, 25, 39, 40].contains(&sequence));
    check(&*store, &rituals, &model, &gone);
    keys.destroy(&"old".parse().unwrap());
    for (entry, payload) in &model {
        match rituals.restore(*entry) {
            Ok(restored) => assert!(entry.sequence() > 20 && restored.payload == *payload),
            Err(error) => assert!(entry.sequence() < 20 && error.field() == Some("key")),
        }
    }
    // What nobody can read any more can still be pruned.
    let report = prune(&rituals, &these(&model, [5, 18]));
    assert_eq!(report.entries, 2);
}

#[cfg(feature = "sqlite")]
#[test]
fn what_was_pruned_and_deleted_leaves_the_file() {
    use mythos_core::store::Budget;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mythos.db");
    let mythos = Mythos::open(&path).unwrap();
    let rituals = mythos.rituals();
    let payload = |step: u64| noise(step, 60_000);
    let save = SaveRitual::new(ana(), refund());
    let entries: Vec<EntryId> =
        (0..40).map(|step| rituals.save(&save, &payload(step)).unwrap().entry).collect();
    for step in 40..60 {
        rituals.save(&SaveRitual::new(ana(), ritual("other")), &payload(step)).unwrap();
    }
    let bytes = || {
        let files = [path.clone(), directory.path().join("mythos.db-wal")];
        files.map(|file| std::fs::read(file).unwrap_or_default())
    };
    let holds = |step: u64| {
        let part = &payload(step)[1_000..1_064];
        bytes().iter().any(|file| file.windows(part.len()).any(|window| window == part))
    };
    let size = || bytes().iter().map(Vec::len).sum::<usize>();
    let maintain = || while !mythos.maintain(Budget::default()).unwrap().done {};
    maintain();
    let full = size();
    assert!(full > 60 * 60_000 && [5, 25, 45].into_iter().all(&holds));

    rituals
        .prune(&PruneRituals::new(PruneWhat::Entries { entries: entries[..20].iter().copied().collect() }))
        .unwrap();
    maintain();
    let pruned = size();
    assert!(pruned < full - 19 * 60_000, "{full} -> {pruned}");
    assert!(!holds(5) && holds(25) && holds(45));
    assert_eq!(rituals.restore(entries[25]).unwrap().payload, payload(25));

    rituals.delete_ritual(&ana(), &ritual("other")).unwrap();
    maintain();
    let deleted = size();
    assert!(deleted < pruned - 19 * 60_000, "{pruned} -> {deleted}");
    assert!(!holds(45) && holds(25));
    assert!(rituals.delete_assistant(&ana(), RitualBudget::default()).unwrap().done);
    maintain();
    assert!(size() < 1_000_000 && !holds(25));
}
