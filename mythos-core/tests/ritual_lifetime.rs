//! The lifetime of rituals: pruning, retention, deletion, forks and copies, against a plain map of payloads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use damage::{cells, in_memory, overwrite_cell, owner, records};
use mythos_core::ritual::{
    CompactRituals, CompressedRitual, CopyRitual, Encoding, ForkRitual, KEYFRAME_INTERVAL, PruneReport,
    PruneRituals, PruneWhat, RetentionPolicy, RitualBudget, RitualCompressionCache, RitualFilter, RitualHead,
    RitualOptions, SaveRitual, SymbolicIntent,
};
use mythos_core::seal::{KeyRing, SecretKey};
use mythos_core::store::{Budget, Cell, MemoryStore, Model, Store};
use mythos_core::testing::{Fault, FaultStore, SimulatedClock, simulated_runtime};
use mythos_core::types::{AssistantId, EntryId, OperationId, RitualId, Runtime, Timestamp};
use mythos_core::{ErrorKind, Mythos};
use proptest::prelude::*;

fn ana() -> AssistantId {
    "ana".parse().unwrap()
}

fn ritual(name: &str) -> RitualId {
    name.parse().unwrap()
}

fn refund() -> RitualId {
    ritual("refund")
}

fn labelled(label: &str) -> SymbolicIntent {
    SymbolicIntent { labels: [label.to_owned()].into(), ..SymbolicIntent::default() }
}

/// Bytes that do not compress, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let blocks = (0_u64..)
        .flat_map(|block| *mythos_core::types::Digest::of(format!("{seed}/{block}").as_bytes()).as_bytes());
    blocks.take(length).collect()
}

/// The state after so many steps: each has its own part in the middle, and grows at its end.
fn state(step: u64) -> Vec<u8> {
    let turns: String = (0..step).map(|turn| format!("turn {turn}; ")).collect();
    format!("{{\"step\":{step},\"scratch\":{:?},\"turns\":\"{turns}\"}}", noise(step, 12)).into_bytes()
}

fn tiny() -> RitualBudget {
    RitualBudget { max_bytes: 1, max_milliseconds: None }
}

/// Entries and their payloads, as they ought to be.
type Payloads = BTreeMap<EntryId, Vec<u8>>;

fn saved(rituals: &RitualCompressionCache, steps: u64) -> Payloads {
    let save = SaveRitual::new(ana(), refund());
    (1..=steps).map(|step| (rituals.save(&save, &state(step)).unwrap().entry, state(step))).collect()
}

fn at(payloads: &Payloads, sequence: u64) -> EntryId {
    *payloads.keys().find(|entry| entry.sequence() == sequence).unwrap()
}

fn newest(count: u64) -> RetentionPolicy {
    RetentionPolicy { max_entries: Some(count), ..RetentionPolicy::default() }
}

fn by_policy(policy: RetentionPolicy) -> PruneRituals {
    PruneRituals::new(PruneWhat::Policy { assistant: Some(ana()), ritual: Some(refund()), policy })
}

fn these(payloads: &Payloads, sequences: impl IntoIterator<Item = u64>) -> PruneRituals {
    let entries = sequences.into_iter().map(|sequence| at(payloads, sequence)).collect();
    PruneRituals::new(PruneWhat::Entries { entries })
}

/// Checks that exactly these entries are there, bit for bit, and that the heads tell of them exactly.
fn check(store: &dyn Store, rituals: &RitualCompressionCache, model: &Payloads, gone: &BTreeSet<EntryId>) {
    for (entry, payload) in model {
        let restored = rituals.restore(*entry).unwrap_or_else(|error| panic!("{entry}: {error}"));
        assert!(restored.payload == *payload, "{entry} came back changed");
    }
    for entry in gone {
        assert_eq!(rituals.restore(*entry).unwrap_err().kind(), ErrorKind::NotFound, "{entry}");
        assert_eq!(rituals.entry(*entry).unwrap_err().kind(), ErrorKind::NotFound, "{entry}");
    }
    let mut listed = BTreeSet::new();
    for record in records(store, RitualHead::TABLE) {
        let head = RitualHead::from_record(&record).unwrap();
        let filter = RitualFilter {
            assistant: Some(head.assistant.clone()),
            ritual: Some(head.ritual.clone()),
            ..RitualFilter::default()
        };
        let entries = rituals.list(&filter, None, 1_000).unwrap().items;
        assert_eq!(head.entries, entries.len() as u64);
        let sizes = entries.iter().map(|entry| &entry.compressed_ritual_data);
        assert_eq!(head.raw_bytes, sizes.clone().map(|size| size.raw_bytes).sum::<u64>());
        assert_eq!(head.stored_bytes, sizes.clone().map(|size| size.stored_bytes).sum::<u64>());
        assert!(head.newest.iter().eq(entries.iter().map(|entry| &entry.sequence).take(head.newest.len())));
        assert_eq!(head.newest.len(), entries.len().min(2));
        assert!(entries.iter().take(2).all(|entry| entry.compressed_ritual_data.encoding != Encoding::Patch));
        let group = |entry: &CompressedRitual| (entry.sequence - 1) / KEYFRAME_INTERVAL;
        for pair in entries.windows(2).filter(|pair| group(&pair[0]) != group(&pair[1])) {
            let encoding = pair[1].compressed_ritual_data.encoding;
            assert_ne!(encoding, Encoding::Patch, "{} has a chain out of its group", pair[1].sequence);
        }
        if let (Some(newest), Some(oldest)) = (entries.first(), entries.last()) {
            assert_eq!((head.updated_at, head.first_at), (newest.created_at, oldest.created_at));
            let latest = rituals.latest(&head.assistant, &head.ritual).unwrap().unwrap();
            assert_eq!(latest.entry, *newest);
        } else {
            assert!(rituals.latest(&head.assistant, &head.ritual).unwrap().is_none());
        }
        // What is not told of by an entry would never leave the file.
        let cells = cells(store, &owner(RitualHead::TABLE, &record));
        let count = |kind: u8| cells.iter().filter(|cell| cell.name.as_bytes()[0] == kind).count();
        let wholes = sizes.filter(|size| size.encoding != Encoding::Patch).count();
        assert_eq!(count(b'w'), wholes, "frames of {}", head.ritual);
        assert!(count(b'p') <= entries.len() && count(b'o') <= entries.len() && count(b'e') <= entries.len());
        listed.extend(entries.iter().map(|entry| entry.entry));
    }
    assert!(listed.iter().eq(model.keys()), "the listing is that of the model");
}

/// Prunes to the end, and takes what is gone out of the model.
fn prune(rituals: &RitualCompressionCache, request: &PruneRituals) -> PruneReport {
    let mut request = request.clone();
    let mut sum = PruneReport::default();
    loop {
        let report = rituals.prune(&request).unwrap();
        sum.rituals += report.rituals;
        sum.entries += report.entries;
        sum.rerooted += report.rerooted;
        sum.bytes_freed += report.bytes_freed;
        sum.skipped.extend(report.skipped);
        request.after = report.next;
        if request.after.is_none() {
            return sum;
        }
    }
}

/// Keeps of the model what `keeps` says, and gives what is gone.
fn drop_from(model: &mut Payloads, keeps: impl Fn(u64) -> bool) -> BTreeSet<EntryId> {
    let gone = model.keys().copied().filter(|entry| !keeps(entry.sequence())).collect();
    model.retain(|entry, _| keeps(entry.sequence()));
    gone
}

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
fn policies_keep_the_newest_by_count_age_bytes_and_label() {
    let run = |policy: &dyn Fn(&RitualHead) -> RetentionPolicy, keeps: &dyn Fn(u64) -> bool| {
        let start: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let (runtime, clock) = simulated_runtime(7, start);
        let store = Arc::new(MemoryStore::new());
        let rituals = Mythos::with_store(store.clone(), runtime).rituals();
        let mut model = Payloads::new();
        for step in 1..=150 {
            clock.advance(Duration::from_secs(1));
            let intent = if step % 50 == 0 { labelled("milestone") } else { labelled("step") };
            let save = SaveRitual { intent, ..SaveRitual::new(ana(), refund()) };
            model.insert(rituals.save(&save, &noise(step, 1_000)).unwrap().entry, noise(step, 1_000));
        }
        let head = rituals.rituals(&Default::default(), None, 1).unwrap().items.remove(0);
        let report = prune(&rituals, &PruneRituals { budget: tiny(), ..by_policy(policy(&head)) });
        let gone = drop_from(&mut model, keeps);
        assert_eq!(report.entries, gone.len() as u64);
        check(&*store, &rituals, &model, &gone);
    };
    run(&|_| newest(10), &|sequence| sequence > 140);
    run(&|_| newest(1), &|sequence| sequence == 150);
    run(&|_| newest(1_000), &|_| true);
    let aged = |seconds| RetentionPolicy { max_age_seconds: Some(seconds), ..RetentionPolicy::default() };
    run(&|_| aged(9), &|sequence| sequence > 140);
    run(&|_| aged(0), &|sequence| sequence == 150);
    let sized = |bytes| RetentionPolicy { max_stored_bytes: Some(bytes), ..RetentionPolicy::default() };
    run(&|head| sized(head.stored_bytes), &|_| true);
    // Noise is stored as it is, and no patch makes it shorter.
    run(&|head| sized(head.stored_bytes / 150 * 20 + 500), &|sequence| sequence > 130);
    run(&|_| sized(1), &|sequence| sequence == 150);
    let kept = |policy| RetentionPolicy { keep_labels: ["milestone".to_owned()].into(), ..policy };
    run(&|_| kept(newest(10)), &|sequence| sequence > 140 || sequence % 50 == 0);
    run(&|_| RetentionPolicy { max_age_seconds: Some(4), ..newest(10) }, &|sequence| sequence > 145);
}

#[test]
fn a_policy_reaches_all_rituals_in_parts() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let (mut model, mut gone) = (Payloads::new(), BTreeSet::new());
    for name in 0..7 {
        for step in 1..=5 {
            let entry =
                rituals.save(&SaveRitual::new(ana(), ritual(&format!("r{name}"))), &state(step)).unwrap();
            if step > 3 {
                model.insert(entry.entry, state(step));
            } else {
                gone.insert(entry.entry);
            }
        }
    }
    let other = rituals.save(&SaveRitual::new("bob".parse().unwrap(), refund()), b"kept").unwrap();
    model.insert(other.entry, b"kept".to_vec());
    let what = PruneWhat::Policy { assistant: Some(ana()), ritual: None, policy: newest(2) };
    let report = prune(&rituals, &PruneRituals { budget: tiny(), ..PruneRituals::new(what) });
    assert_eq!((report.rituals, report.entries), (7, 21));
    check(&*store, &rituals, &model, &gone);
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

/// Cuts work short at every call of the store, and checks that what stays can be restored, and the work be ended.
fn crash_everywhere(
    steps: u64,
    work: impl Fn(&RitualCompressionCache, &Payloads) -> bool,
    keeps: impl Fn(u64) -> bool,
    ended: impl Fn(&dyn Store, &RitualCompressionCache, &Payloads, &BTreeSet<EntryId>),
) {
    for call in 1.. {
        let store = FaultStore::new(MemoryStore::new());
        let open = || Mythos::with_store(Arc::new(store.clone()), Runtime::system()).rituals();
        let rituals = open();
        let mut model = saved(&rituals, steps);
        store.plan(store.calls() + call, Fault::CrashAfter);
        let is_done = work(&rituals, &model);
        if !store.is_down() {
            assert!(is_done && call > 5);
            return;
        }
        store.restart();
        let rituals = open();
        for (entry, payload) in &model {
            match rituals.restore(*entry) {
                Ok(restored) => assert!(restored.payload == *payload, "call {call}: {entry}"),
                Err(error) => {
                    let is_gone = error.kind() == ErrorKind::NotFound && !keeps(entry.sequence());
                    assert!(is_gone, "call {call}: {error}");
                }
            }
        }
        assert!(work(&rituals, &model), "call {call}");
        let gone = drop_from(&mut model, &keeps);
        ended(&store, &rituals, &model, &gone);
    }
}

#[test]
fn a_crash_anywhere_in_a_pruning_loses_nothing_that_stays() {
    let keeps = |sequence: u64| sequence.is_multiple_of(3) && sequence < 149;
    let doomed = || (1..=150).filter(|sequence| !keeps(*sequence));
    crash_everywhere(150, |rituals, model| rituals.prune(&these(model, doomed())).is_ok(), keeps, check);
}

#[test]
fn a_crash_anywhere_in_a_deletion_leaves_a_ritual_or_nothing() {
    let delete = |rituals: &RitualCompressionCache| {
        rituals.delete_ritual(&ana(), &refund()).is_ok_and(|report| report.done)
    };
    crash_everywhere(300, |rituals, _| delete(rituals), |_| false, check);
}

#[test]
fn a_crash_anywhere_in_a_copy_is_gone_on_from() {
    let copy = CopyRitual {
        assistant: ana(),
        ritual: refund(),
        to_assistant: None,
        to_ritual: ritual("copy"),
        budget: RitualBudget::default(),
    };
    let work = |rituals: &RitualCompressionCache| match rituals.copy(&copy) {
        Ok(report) => report.done,
        // The crash came behind the last commit.
        Err(error) => error.kind() == ErrorKind::Conflict,
    };
    crash_everywhere(
        150,
        |rituals, _| work(rituals),
        |_| true,
        |store, rituals, model, gone| {
            let (assistant, ritual) = (Some(ana()), Some(ritual("copy")));
            let filter = RitualFilter { assistant, ritual, ..RitualFilter::default() };
            let copied = rituals.list(&filter, None, 1_000).unwrap().items;
            assert_eq!(copied.len(), model.len());
            let copied = copied.iter().rev().map(|entry| entry.entry).zip(model.values().cloned());
            let all = model.clone().into_iter().chain(copied).collect();
            check(store, rituals, &all, gone);
        },
    );
}

#[test]
fn a_fork_begins_a_ritual_of_its_own() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let save = SaveRitual { intent: labelled("checkout"), ..SaveRitual::new(ana(), refund()) };
    let mut model: Payloads =
        (1..=70).map(|step| (rituals.save(&save, &state(step)).unwrap().entry, state(step))).collect();
    let origin = at(&model, 33);
    let operation = Some(OperationId::from_name("fork"));
    let fork = ForkRitual {
        entry: origin,
        assistant: Some("bob".parse().unwrap()),
        ritual: ritual("branch"),
        operation,
    };
    let entry = rituals.fork(&fork).unwrap();
    assert_eq!((entry.sequence, entry.parent, entry.assistant.as_str()), (1, Some(origin), "bob"));
    assert_eq!((entry.intent(), entry.novelty_score.get()), (labelled("checkout"), 0.0));
    assert!(rituals.verify(entry.entry).unwrap().verified);
    model.insert(entry.entry, state(33));

    assert_eq!(rituals.fork(&fork).unwrap(), entry, "repeating it is harmless");
    let another = ForkRitual { operation: None, ..fork.clone() };
    assert_eq!(rituals.fork(&another).unwrap_err().kind(), ErrorKind::Conflict);
    let from_elsewhere = ForkRitual { entry: at(&model, 34), ..fork.clone() };
    assert_eq!(rituals.fork(&from_elsewhere).unwrap_err().kind(), ErrorKind::Invalid);

    let next = rituals.save(&SaveRitual::new("bob".parse().unwrap(), ritual("branch")), b"on").unwrap();
    assert_eq!(next.parent, Some(entry.entry));
    model.insert(next.entry, b"on".to_vec());
    rituals.delete_ritual(&ana(), &refund()).unwrap();
    let gone = model.keys().copied().filter(|id| ![entry.entry, next.entry].contains(id)).collect();
    model.retain(|id, _| [entry.entry, next.entry].contains(id));
    check(&*store, &rituals, &model, &gone);
    assert_eq!(rituals.fork(&fork).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_copy_has_all_entries_under_other_ids() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let mut model = Payloads::new();
    for step in 1..=140 {
        let intent =
            if step % 7 == 0 { labelled(&format!("label {step}")) } else { SymbolicIntent::default() };
        let save = SaveRitual { intent, ..SaveRitual::new(ana(), refund()) };
        model.insert(rituals.save(&save, &state(step)).unwrap().entry, state(step));
    }
    prune(&rituals, &these(&model, (30..=40).chain([64, 128])));
    drop_from(&mut model, |sequence| !(30..=40).contains(&sequence) && sequence != 64 && sequence != 128);
    let mut copy = CopyRitual {
        assistant: ana(),
        ritual: refund(),
        to_assistant: Some("bob".parse().unwrap()),
        to_ritual: ritual("copy"),
        budget: tiny(),
    };
    let list = |assistant: &str, name: &str| {
        let (assistant, ritual) = (assistant.parse().ok(), name.parse().ok());
        rituals
            .list(&RitualFilter { assistant, ritual, ..RitualFilter::default() }, None, 1_000)
            .unwrap()
            .items
    };
    assert!(!rituals.copy(&copy).unwrap().done);
    // Until it is complete it is no ritual to work with.
    let target: AssistantId = "bob".parse().unwrap();
    assert_eq!(rituals.latest(&target, &ritual("copy")).unwrap(), None);
    assert!(list("bob", "copy").is_empty());
    assert_eq!(rituals.list(&RitualFilter::default(), None, 1_000).unwrap().items.len(), model.len());
    let early = rituals.save(&SaveRitual::new(target.clone(), ritual("copy")), b"early").unwrap_err();
    assert_eq!(early.kind(), ErrorKind::Conflict);
    let of_another = CopyRitual { ritual: ritual("copy"), assistant: target.clone(), ..copy.clone() };
    assert_eq!(rituals.copy(&of_another).unwrap_err().kind(), ErrorKind::Conflict);
    while !rituals.copy(&copy).unwrap().done {}

    let (origin, copied) = (list("ana", "refund"), list("bob", "copy"));
    assert_eq!(origin.len(), copied.len());
    for (origin, copied) in origin.iter().zip(&copied) {
        assert_ne!(origin.entry, copied.entry);
        assert_ne!(origin.symbolic_signature_hash, copied.symbolic_signature_hash);
        assert_eq!((origin.sequence, origin.created_at), (copied.sequence, copied.created_at));
        assert_eq!(origin.parent.map(EntryId::sequence), copied.parent.map(EntryId::sequence));
        assert_eq!(origin.intent(), copied.intent());
        assert!(rituals.verify(copied.entry).unwrap().verified);
        let payload = model[&origin.entry].clone();
        model.insert(copied.entry, payload);
    }
    check(&*store, &rituals, &model, &BTreeSet::new());
    let next = rituals.save(&SaveRitual::new(target, ritual("copy")), b"on").unwrap();
    assert_eq!(next.sequence, 141);
    copy.budget = RitualBudget::default();
    assert_eq!(rituals.copy(&copy).unwrap_err().kind(), ErrorKind::Conflict, "the target is a ritual now");
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

#[test]
fn a_deleted_ritual_leaves_nothing_and_its_name_begins_anew() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let model = saved(&rituals, 20);
    let record = records(&*store, RitualHead::TABLE).remove(0);
    let report = rituals.delete_ritual(&ana(), &refund()).unwrap();
    assert_eq!((report.rituals, report.entries, report.done), (1, 20, true));
    assert!(records(&*store, RitualHead::TABLE).is_empty());
    assert!(cells(&*store, &owner(RitualHead::TABLE, &record)).is_empty());
    let gone: BTreeSet<EntryId> = model.keys().copied().collect();
    check(&*store, &rituals, &Payloads::new(), &gone);
    assert_eq!(rituals.delete_ritual(&ana(), &refund()).unwrap().rituals, 0);
    let anew = rituals.save(&SaveRitual::new(ana(), refund()), b"anew").unwrap();
    assert_eq!((anew.sequence, anew.parent), (1, None));
    check(&*store, &rituals, &[(anew.entry, b"anew".to_vec())].into(), &gone);
}

#[test]
fn a_ritual_without_a_readable_head_is_deleted() {
    for loses_head in [false, true] {
        let (store, mythos) = in_memory();
        let rituals = mythos.rituals();
        saved(&rituals, 20);
        let record = records(&*store, RitualHead::TABLE).remove(0);
        if loses_head {
            let mut batch = mythos_core::store::Batch::new();
            batch.delete(RitualHead::TABLE, record.id, record.version);
            store.commit(&batch).unwrap();
        } else {
            damage::tamper(&*store, RitualHead::TABLE, &record, |body| drop(body.remove("seed")));
        }
        assert!(rituals.latest(&ana(), &refund()).is_err());
        let report = rituals.delete_ritual(&ana(), &refund()).unwrap();
        assert_eq!((report.rituals, report.done), (1, true));
        assert!(records(&*store, RitualHead::TABLE).is_empty());
        assert!(cells(&*store, &owner(RitualHead::TABLE, &record)).is_empty());
        assert_eq!(rituals.latest(&ana(), &refund()).unwrap(), None);
    }
}

#[test]
fn a_deleted_assistant_leaves_nothing_behind() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let bob: AssistantId = "bob".parse().unwrap();
    let small = |assistant: &AssistantId, number: u64| {
        let save = SaveRitual::new(assistant.clone(), ritual(&format!("r{number}")));
        let rules = "all agents are polite and refund at most 50 EUR; ".repeat(20);
        rituals.save(&save, format!("{rules}{number}").as_bytes()).unwrap()
    };
    for number in 0..40 {
        small(&ana(), number);
        small(&bob, number);
    }
    for assistant in [ana(), bob.clone()] {
        assert!(rituals.train(&assistant).unwrap().trained.is_some());
        rituals.set_retention(&assistant, Some(newest(100))).unwrap();
        small(&assistant, 99);
    }
    let damaged =
        records(&*store, RitualHead::TABLE).into_iter().find(|record| record.body["assistant"] == "ana");
    damage::tamper(&*store, RitualHead::TABLE, &damaged.unwrap(), |body| drop(body.remove("seed")));
    let (mut calls, mut gone) = (0, 0);
    loop {
        let report = rituals
            .delete_assistant(&ana(), RitualBudget { max_bytes: 200, max_milliseconds: None })
            .unwrap();
        assert!(report.skipped.is_empty(), "{report:?}");
        (calls, gone) = (calls + 1, gone + report.rituals);
        if report.done {
            break;
        }
    }
    assert!(calls > 2, "the budget was kept");
    assert_eq!(gone, 41);
    for table in mythos_core::TABLES {
        for record in records(&*store, *table) {
            assert_eq!(record.body["assistant"], "bob", "{}", table.name());
        }
    }
    assert_eq!(rituals.retention(&ana()).unwrap(), None);
    assert_eq!(rituals.dictionaries(&ana()).unwrap(), None);
    assert!(rituals.latest(&bob, &ritual("r99")).unwrap().is_some());

    // Another process may still hold the old dictionary: its number does not come back.
    let old = rituals.dictionaries(&bob).unwrap().unwrap().highest;
    rituals.delete_assistant(&bob, RitualBudget::default()).unwrap();
    for number in 0..40 {
        small(&bob, number);
    }
    assert_ne!(rituals.train(&bob).unwrap().trained, Some(old));
    small(&bob, 7);
    assert!(rituals.latest(&bob, &ritual("r7")).unwrap().is_some());
}

fn simulated() -> (Arc<MemoryStore>, Mythos, SimulatedClock) {
    let (runtime, clock) = simulated_runtime(3, "2026-11-21T08:00:00Z".parse().unwrap());
    let store = Arc::new(MemoryStore::new());
    (store.clone(), Mythos::with_store(store, runtime), clock)
}

#[test]
fn retention_runs_by_itself_with_saves_and_maintenance() {
    let (store, mythos, clock) = simulated();
    let rituals = mythos.rituals();
    assert_eq!(
        rituals.set_retention(&ana(), Some(RetentionPolicy::default())).unwrap_err().kind(),
        ErrorKind::Invalid
    );
    rituals.set_retention(&ana(), Some(newest(20))).unwrap();
    let mut model = saved(&rituals, 300);
    let gone = drop_from(&mut model, |sequence| sequence > 300 - 300 % 16 - 20);
    check(&*store, &rituals, &model, &gone);
    let status = rituals.retention(&ana()).unwrap().unwrap();
    assert_eq!((status.policy, status.entries_deleted), (newest(20), gone.len() as u64));
    assert!(status.bytes_freed > 0 && status.last_finding.is_none() && status.last_run_at.is_some());

    // A ritual that nobody saves to ages all the same.
    let aged = RetentionPolicy { max_age_seconds: Some(60), ..RetentionPolicy::default() };
    rituals.set_retention(&ana(), Some(aged)).unwrap();
    clock.advance(Duration::from_secs(61));
    let mut rounds = 1;
    while !mythos.maintain(Budget { max_bytes: 1 }).unwrap().done {
        rounds += 1;
        assert!(rounds < 100);
    }
    let aged_gone = drop_from(&mut model, |sequence| sequence == 300);
    check(&*store, &rituals, &model, &aged_gone);
    let status = rituals.retention(&ana()).unwrap().unwrap();
    assert_eq!(status.entries_deleted, aged_gone.len() as u64);

    rituals.set_retention(&ana(), None).unwrap();
    assert_eq!(rituals.retention(&ana()).unwrap(), None);
    let more: Payloads = saved(&rituals, 40);
    model.extend(more);
    check(&*store, &rituals, &model, &gone);
}

#[test]
fn what_is_in_the_way_of_retention_is_recorded_and_fails_no_save() {
    let (store, mythos, _) = simulated();
    let rituals = mythos.rituals();
    let save = SaveRitual { intent: labelled("kept"), ..SaveRitual::new(ana(), refund()) };
    rituals.save(&save, b"first").unwrap();
    saved(&rituals, 14);
    let of = owner(RitualHead::TABLE, &records(&*store, RitualHead::TABLE)[0]);
    let Cell { name, mut bytes } =
        cells(&*store, &of).into_iter().find(|cell| cell.name.as_bytes()[0] == b'i').unwrap();
    bytes[3] ^= 1;
    overwrite_cell(&*store, &of, &Cell { name, bytes });
    let policy = RetentionPolicy { keep_labels: ["kept".to_owned()].into(), ..newest(5) };
    rituals.set_retention(&ana(), Some(policy)).unwrap();
    rituals.save(&SaveRitual::new(ana(), refund()), b"sixteenth").unwrap();
    let status = rituals.retention(&ana()).unwrap().unwrap();
    assert_eq!(status.entries_deleted, 10, "all but the five newest and the one whose labels cannot be read");
    assert!(status.last_finding.unwrap().contains("refund"));
}

#[test]
fn pruning_and_compacting_while_others_save_loses_nothing_that_stays() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let is_saving = std::sync::atomic::AtomicBool::new(true);
    let mut model = std::thread::scope(|scope| {
        let is_saving = &is_saving;
        let while_saving = move |work: &dyn Fn()| {
            // Bounded, so that a save that fails ends the test.
            for _ in 0..100_000 {
                if !is_saving.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                work();
            }
        };
        let pruning = scope.spawn(move || {
            while_saving(&|| {
                // Before the first save there is no ritual yet, and a busy one may be left for the next run.
                drop(mythos.rituals().prune(&by_policy(newest(30))));
            });
        });
        let compacting = scope.spawn({
            let rituals = rituals.clone();
            move || while_saving(&|| drop(rituals.compact(&CompactRituals::default()).unwrap()))
        });
        let reading = scope.spawn({
            let rituals = rituals.clone();
            move || while_saving(&|| drop(rituals.latest(&ana(), &refund()).unwrap()))
        });
        let model = saved(&rituals, 400);
        is_saving.store(false, std::sync::atomic::Ordering::Relaxed);
        [pruning, compacting, reading].into_iter().for_each(|thread| thread.join().unwrap());
        model
    });
    prune(&rituals, &by_policy(newest(30)));
    let gone = drop_from(&mut model, |sequence| sequence > 370);
    check(&*store, &rituals, &model, &gone);
}

#[derive(Debug, Clone)]
enum Step {
    Save { ritual: u8, shape: u8, length: usize },
    Prune { ritual: u8, every: u64, offset: u64 },
    Keep { ritual: u8, modulus: u64 },
    Policy { count: u64, bytes: Option<u64> },
    Fork { of: usize, ritual: u8 },
    Copy { of: u8, ritual: u8 },
    Delete { ritual: u8 },
    Compact,
    Train,
    Reopen,
}

fn any_step() -> impl Strategy<Value = Step> {
    let name = || 0_u8..4;
    prop_oneof![
        20 => (name(), 0_u8..4, 0_usize..3_000).prop_map(|(ritual, shape, length)| Step::Save { ritual, shape, length }),
        3 => (name(), 2_u64..7, 0_u64..7).prop_map(|(ritual, every, offset)| Step::Prune { ritual, every, offset }),
        1 => (name(), 2_u64..30).prop_map(|(ritual, modulus)| Step::Keep { ritual, modulus }),
        1 => (1_u64..80, prop::option::of(1_u64..60_000)).prop_map(|(count, bytes)| Step::Policy { count, bytes }),
        1 => (any::<usize>(), name()).prop_map(|(of, ritual)| Step::Fork { of, ritual }),
        1 => (name(), name()).prop_map(|(of, ritual)| Step::Copy { of, ritual }),
        1 => name().prop_map(|ritual| Step::Delete { ritual }),
        2 => Just(Step::Compact),
        1 => Just(Step::Train),
        2 => Just(Step::Reopen),
    ]
}

/// The world of the random operations: a store and a plain map of what has to be in it.
struct World {
    store: Arc<MemoryStore>,
    rituals: RitualCompressionCache,
    model: BTreeMap<u8, Payloads>,
    gone: BTreeSet<EntryId>,
    saves: u64,
}

impl World {
    fn open(store: &Arc<MemoryStore>) -> RitualCompressionCache {
        let options = RitualOptions { hot_bytes: 0, ..RitualOptions::default() };
        Mythos::with_store(store.clone(), Runtime::system()).with_rituals(options).rituals()
    }

    fn new() -> Self {
        let (store, mythos) = in_memory();
        let (model, gone) = (BTreeMap::new(), BTreeSet::new());
        Self { store, rituals: mythos.rituals(), model, gone, saves: 0 }
    }

    fn name(ritual_number: u8) -> RitualId {
        ritual(&format!("r{ritual_number}"))
    }

    /// Payloads like their predecessor, unlike it, that do not compress, and nothing.
    fn payload(&mut self, ritual: u8, shape: u8, length: usize) -> Vec<u8> {
        self.saves += 1;
        let previous = self.model.get(&ritual).and_then(|entries| entries.values().next_back());
        let previous = previous.cloned().unwrap_or_default();
        match shape {
            0 => [&previous[..previous.len().min(20_000)], &noise(self.saves, length / 50)].concat(),
            1 => format!("{} of {}", "state ".repeat(length / 6), self.saves).into_bytes(),
            2 => noise(self.saves, length),
            _ => previous[previous.len() / 2..].to_vec(),
        }
    }

    fn take(&mut self, ritual: u8, keeps: impl Fn(u64) -> bool) {
        if let Some(entries) = self.model.get_mut(&ritual) {
            self.gone.extend(drop_from(entries, keeps));
        }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Save { ritual, shape, length } => {
                // Bursts, so that rituals grow past a group.
                for _ in 0..5 {
                    let payload = self.payload(ritual, shape, length);
                    let labels = if self.saves.is_multiple_of(9) {
                        labelled("ninth")
                    } else {
                        SymbolicIntent::default()
                    };
                    let save = SaveRitual { intent: labels, ..SaveRitual::new(ana(), Self::name(ritual)) };
                    let entry = self.rituals.save(&save, &payload).unwrap();
                    self.model.entry(ritual).or_default().insert(entry.entry, payload);
                }
            }
            Step::Prune { ritual, every, offset } => {
                let keeps = |sequence: u64| sequence % every != offset % every;
                let entries = self.model.get(&ritual).into_iter().flat_map(BTreeMap::keys).copied();
                let entries: BTreeSet<EntryId> = entries.filter(|entry| !keeps(entry.sequence())).collect();
                if !entries.is_empty() {
                    let request =
                        PruneRituals { budget: tiny(), ..PruneRituals::new(PruneWhat::Entries { entries }) };
                    assert!(prune(&self.rituals, &request).skipped.is_empty());
                    self.take(ritual, keeps);
                }
            }
            Step::Keep { ritual, modulus } => {
                let Some(entries) = self.model.get(&ritual) else { return };
                let keeps = |sequence: u64| sequence.is_multiple_of(modulus);
                let entries = entries.keys().copied().filter(|entry| keeps(entry.sequence())).collect();
                let what = PruneWhat::Keep { assistant: ana(), ritual: Self::name(ritual), entries };
                assert!(prune(&self.rituals, &PruneRituals::new(what)).skipped.is_empty());
                self.take(ritual, keeps);
            }
            Step::Policy { count, bytes } => {
                let policy = RetentionPolicy { max_stored_bytes: bytes, ..newest(count) };
                let what = PruneWhat::Policy { assistant: None, ritual: None, policy };
                let before: u64 = self.model.values().map(|entries| entries.len() as u64).sum();
                let report = prune(&self.rituals, &PruneRituals::new(what));
                assert!(report.skipped.is_empty());
                for ritual in 0..4 {
                    let filter = RitualFilter {
                        assistant: Some(ana()),
                        ritual: Some(Self::name(ritual)),
                        ..RitualFilter::default()
                    };
                    let left = self.rituals.list(&filter, None, 1_000).unwrap().items;
                    assert!(left.len() as u64 <= count);
                    let stored =
                        left.iter().map(|entry| entry.compressed_ritual_data.stored_bytes).sum::<u64>();
                    assert!(left.len() == 1 || stored <= bytes.unwrap_or(u64::MAX));
                    let oldest = left.last().map_or(u64::MAX, |entry| entry.sequence);
                    self.take(ritual, |sequence| sequence >= oldest);
                    assert_eq!(left.len(), self.model.get(&ritual).map_or(0, BTreeMap::len));
                }
                let after: u64 = self.model.values().map(|entries| entries.len() as u64).sum();
                assert_eq!(report.entries, before - after);
            }
            Step::Fork { of, ritual } => {
                let all: Vec<(EntryId, Vec<u8>)> =
                    self.model.values().flatten().map(|(entry, payload)| (*entry, payload.clone())).collect();
                let Some((entry, payload)) = all.get(of % all.len().max(1)) else { return };
                let fork = ForkRitual {
                    entry: *entry,
                    assistant: None,
                    ritual: Self::name(ritual),
                    operation: None,
                };
                match (self.rituals.fork(&fork), self.model.get(&ritual)) {
                    (Ok(forked), None) => {
                        self.model.insert(ritual, [(forked.entry, payload.clone())].into());
                    }
                    (Err(error), Some(_)) => assert_eq!(error.kind(), ErrorKind::Conflict),
                    (result, _) => panic!("{result:?}"),
                }
            }
            Step::Copy { of, ritual } => {
                let copy = CopyRitual {
                    assistant: ana(),
                    ritual: Self::name(of),
                    to_assistant: None,
                    to_ritual: Self::name(ritual),
                    budget: tiny(),
                };
                let mut result = self.rituals.copy(&copy);
                while matches!(&result, Ok(report) if !report.done) {
                    result = self.rituals.copy(&copy);
                }
                match (result, self.model.get(&of), self.model.get(&ritual)) {
                    (Ok(_), Some(entries), None) => {
                        let filter = RitualFilter {
                            assistant: Some(ana()),
                            ritual: Some(Self::name(ritual)),
                            ..RitualFilter::default()
                        };
                        let copied = self.rituals.list(&filter, None, 1_000).unwrap().items;
                        let copied = copied.iter().rev().map(|entry| entry.entry);
                        assert_eq!(copied.len(), entries.len());
                        let copied = copied.zip(entries.values().cloned()).collect();
                        self.model.insert(ritual, copied);
                    }
                    (Err(error), None, _) => assert_eq!(error.kind(), ErrorKind::NotFound),
                    (Err(error), Some(_), Some(_)) => assert_eq!(error.kind(), ErrorKind::Conflict),
                    (result, ..) => panic!("{result:?}"),
                }
            }
            Step::Delete { ritual } => {
                assert!(self.rituals.delete_ritual(&ana(), &Self::name(ritual)).unwrap().done);
                self.gone.extend(self.model.remove(&ritual).into_iter().flat_map(BTreeMap::into_keys));
            }
            Step::Compact => {
                assert!(self.rituals.compact(&CompactRituals::default()).unwrap().skipped.is_empty());
            }
            Step::Train => drop(self.rituals.train(&ana()).unwrap()),
            Step::Reopen => self.rituals = Self::open(&self.store),
        }
    }

    fn check(&self) {
        let all = self.model.values().flatten().map(|(entry, payload)| (*entry, payload.clone())).collect();
        check(&*self.store, &self.rituals, &all, &self.gone);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_entry_that_remains_restores_after_any_operations(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            world.apply(step);
            if !matches!(step, Step::Save { .. }) {
                world.check();
            }
        }
        world.check();
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn what_was_pruned_and_deleted_leaves_the_file() {
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
