//! The lifetime of rituals: pruning, retention, deletion, forks and copies, against a plain map of payloads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod copy;
mod crash;
#[path = "../damage/mod.rs"]
mod damage;
mod delete;
mod operations;
mod prune;
mod retention;

use std::collections::{BTreeMap, BTreeSet};

use damage::{cells, owner, records};
use mythos_core::ErrorKind;
use mythos_core::ritual::{
    CompressedRitual, Encoding, KEYFRAME_INTERVAL, PruneReport, PruneRituals, PruneWhat, RetentionPolicy,
    RitualBudget, RitualCompressionCache, RitualFilter, RitualHead, SaveRitual, SymbolicIntent,
};
use mythos_core::store::{Model, Store};
use mythos_core::types::{AssistantId, EntryId, RitualId};

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
