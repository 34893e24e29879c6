//! Every stored encoding of rituals and of their retention stays readable, and is still written as it was where nothing
//! depends on zstd, whose output differs between its versions.
//!
//! A new encoding gets a new file, written once with `MYTHOS_WRITE_GOLDEN=1`; a file that stands is never changed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;
mod dump;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dump::{bytes, dump, golden, load};
use mythos_core::Mythos;
use mythos_core::ritual::{
    CompactRituals, RetentionPolicy, RetentionStatus, RitualDictionaries, RitualFilter, RitualHead,
    RitualHeadFilter, RitualOptions, RitualRetention, SaveRitual, SymbolicIntent,
};
use mythos_core::seal::{KeyId, KeyRing, SecretKey};
use mythos_core::store::{Budget, MemoryStore, Model, Record};
use mythos_core::testing::decoders::reencode_ritual_block;
use mythos_core::testing::simulated_runtime;
use mythos_core::types::{Digest, OperationId, Timestamp};
use serde_json::Value;

/// The check at the end of every cell.
const CHECK_BYTES: usize = 16;

/// Rituals by assistant and name, with all of their payloads.
type Rituals = BTreeMap<(String, String), Vec<Vec<u8>>>;

/// The rituals of which no stored byte depends on zstd.
const REPRODUCIBLE: [(&str, &str); 3] = [("ana", "raw"), ("cleo", "sealed"), ("dora", "long")];

fn start() -> Timestamp {
    "2026-11-22T08:30:00.123456Z".parse().unwrap()
}

fn key(number: u8) -> (KeyId, SecretKey) {
    (format!("key-{number}").parse().unwrap(), SecretKey::from_bytes(&[number; 32]))
}

/// Both keys, the first of which seals.
fn ring() -> Arc<KeyRing> {
    let (id, secret) = key(1);
    let ring = KeyRing::with_active(id, secret);
    let (id, secret) = key(2);
    ring.insert(id, secret).unwrap();
    Arc::new(ring)
}

fn with_keys(mythos: &Mythos, ring: Arc<KeyRing>) -> Mythos {
    mythos.clone().with_rituals(RitualOptions { keys: Some(ring), ..RitualOptions::default() })
}

/// Bytes that nothing compresses.
fn noise(seed: usize, length: usize) -> Vec<u8> {
    let blocks = (0..length.div_ceil(32)).map(|block| Digest::of(format!("{seed} {block}").as_bytes()));
    let mut bytes: Vec<u8> = blocks.flat_map(|digest| *digest.as_bytes()).collect();
    bytes.truncate(length);
    bytes
}

/// A state of which a third changes from step to step: a patch that is too long for its card.
fn changing(step: usize) -> Vec<u8> {
    [noise(100, 3_000), noise(step, 1_500)].concat()
}

fn text(step: usize) -> Vec<u8> {
    let messages: Vec<_> =
        (0..step).map(|number| format!(r#"{{"role":"user","content":"step {number}"}}"#)).collect();
    format!(r#"{{"policy":"{}","messages":[{}]}}"#, "be kind; ".repeat(30), messages.join(",")).into_bytes()
}

fn ticket(number: usize) -> Vec<u8> {
    let tail = Digest::of(number.to_string().as_bytes());
    format!(
        r#"{{"schema":"support.ticket/3","plan":["identify the customer","look up the order","check the policy"],"channel":"mail","language":"de","currency":"EUR","ticket":{number},"account":"{tail}"}}"#
    )
    .into_bytes()
}

fn save_of(assistant: &str, ritual: &str, step: usize) -> SaveRitual {
    let intent = SymbolicIntent {
        labels: ["golden".to_owned(), "über".to_owned()].into(),
        procedure: Some(format!("{ritual} work")),
        payload_format: Some("bytes".to_owned()),
        codex: Some("rules".parse().unwrap()),
        codex_root: Some(Digest::of(b"rules")),
    };
    let operation = Some(OperationId::from_name(&format!("{assistant} {ritual} {step}")));
    let save = SaveRitual::new(assistant.parse().unwrap(), ritual.parse().unwrap());
    SaveRitual { intent, operation, ..save }
}

/// Writes something of every encoding, and says what.
fn write(mythos: &Mythos, advance: &dyn Fn()) -> Rituals {
    let mut rituals = Rituals::new();
    let mut save = |mythos: &Mythos, assistant: &str, ritual: &str, payload: Vec<u8>| {
        advance();
        let payloads = rituals.entry((assistant.to_owned(), ritual.to_owned())).or_default();
        mythos.rituals().save(&save_of(assistant, ritual, payloads.len()), &payload).unwrap();
        payloads.push(payload);
    };
    for payload in [noise(1, 200), Vec::new(), changing(3), changing(4), changing(5), noise(6, 300)] {
        save(mythos, "ana", "raw", payload);
    }
    (1..6).for_each(|step| save(mythos, "ana", "text", text(step)));
    (0..40).for_each(|number| save(mythos, "bob", &format!("ticket {number}"), ticket(number)));
    let bob = "bob".parse().unwrap();
    assert!(mythos.rituals().train(&bob).unwrap().trained.is_some());
    save(mythos, "bob", "ticket 40", ticket(40));
    let ring = ring();
    let sealing = with_keys(mythos, ring.clone());
    (0..3).for_each(|step| save(&sealing, "cleo", "sealed", noise(step, 100)));
    (3..6).for_each(|step| save(&sealing, "cleo", "sealed", changing(step)));
    ring.activate(&key(2).0).unwrap();
    save(&sealing, "cleo", "sealed", noise(6, 100));
    (0..70).for_each(|step| save(mythos, "dora", "long", [noise(100, 200), noise(step, 24)].concat()));
    for assistant in ["bob", "dora"] {
        let request =
            CompactRituals { assistant: Some(assistant.parse().unwrap()), ..CompactRituals::default() };
        let report = mythos.rituals().compact(&request).unwrap();
        assert!(report.skipped.is_empty() && report.next.is_none() && report.entries > 0);
    }
    rituals
}

/// The policies of the assistants with a retention: of all bounds and labels, of one that is in a pass over several
/// rituals, and of one that has not run.
fn policies() -> [(&'static str, RetentionPolicy); 3] {
    let all = RetentionPolicy {
        max_entries: Some(4),
        max_age_seconds: Some(7_200),
        max_stored_bytes: Some(1 << 20),
        keep_labels: ["gold".to_owned(), "über alles".to_owned()].into(),
    };
    let newest = RetentionPolicy { max_entries: Some(2), ..RetentionPolicy::default() };
    let young = RetentionPolicy { max_age_seconds: Some(60), ..RetentionPolicy::default() };
    [("ana", all), ("bob", newest), ("cleo", young)]
}

/// Writes retentions of every kind; what they delete does not depend on zstd.
fn write_retention(mythos: &Mythos, advance: &dyn Fn()) {
    let rituals = mythos.rituals();
    for (assistant, policy) in policies() {
        advance();
        rituals.set_retention(&assistant.parse().unwrap(), Some(policy)).unwrap();
    }
    let saves = (0..16).map(|step| ("ana", "refund", step));
    let saves = saves.chain((0..5).flat_map(|step| [("bob", "first", step), ("bob", "second", step)]));
    for (assistant, ritual, step) in saves {
        advance();
        rituals.save(&save_of(assistant, ritual, step), &noise(step, 100)).unwrap();
    }
    advance();
    assert!(!mythos.maintain(Budget { max_bytes: 1 }).unwrap().done);
}

/// A state in which a count before what grows changes, so that its patch is a list of pieces.
fn packed(step: usize) -> Vec<u8> {
    let messages = (0..step).map(|number| [b"\xc4\x20".as_slice(), &noise(number, 32)].concat());
    [b"\xa8messages".as_slice(), &[0x90 | step as u8], &messages.collect::<Vec<_>>().concat()].concat()
}

/// A state that changes in two places, so much that its patch is too long for its card.
fn changing_twice(step: usize, change: &dyn Fn(usize) -> Vec<u8>) -> Vec<u8> {
    [noise(100, 1_500), change(step), noise(101, 1_500), change(step + 1_000), noise(102, 500)].concat()
}

/// Writes patches that are lists of pieces, and says of what.
fn write_pieces(mythos: &Mythos, advance: &dyn Fn()) -> Rituals {
    let text = |step: usize| -> Vec<u8> {
        noise(step, 1_000).iter().flat_map(|byte| format!("{byte:x} ").into_bytes()).collect()
    };
    let states: [(&str, Vec<_>); 3] = [
        ("packed", (1..9).map(packed).collect()),
        ("raw", (1..5).map(|step| changing_twice(step, &|step| noise(step, 700))).collect()),
        ("zstd", (1..5).map(|step| changing_twice(step, &text)).collect()),
    ];
    let mut rituals = Rituals::new();
    for (ritual, payloads) in states {
        for (step, payload) in payloads.iter().enumerate() {
            advance();
            mythos.rituals().save(&save_of("eve", ritual, step), payload).unwrap();
        }
        rituals.insert(("eve".to_owned(), ritual.to_owned()), payloads);
    }
    rituals
}

/// Writes states that grow, so that what is compressed of one is taken over by the next, and says which.
fn write_stems(mythos: &Mythos, advance: &dyn Fn()) -> Rituals {
    let growing = |lines: usize| -> Vec<u8> {
        let lines = (0..lines).map(|line| format!("line {line} says {:?}\n", noise(line, 6)));
        [b"count ".as_slice(), &[b'0' + (lines.len() % 10) as u8], lines.collect::<String>().as_bytes()]
            .concat()
    };
    let (sealing, mut rituals) = (with_keys(mythos, ring()), Rituals::new());
    for (ritual, mythos) in [("open", mythos), ("closed", &sealing)] {
        let payloads: Vec<_> = (120..124).map(growing).collect();
        for (step, payload) in payloads.iter().enumerate() {
            advance();
            mythos.rituals().save(&save_of("fay", ritual, step), payload).unwrap();
        }
        rituals.insert(("fay".to_owned(), ritual.to_owned()), payloads);
    }
    rituals
}

/// What is stored of that, and what else came of writing it.
fn written_by<T>(write: impl Fn(&Mythos, &dyn Fn()) -> T) -> (Value, T) {
    let store = Arc::new(MemoryStore::new());
    let (runtime, clock) = simulated_runtime(2026, start());
    let mythos = Mythos::with_store(store.clone(), runtime);
    let made = write(&mythos, &|| {
        clock.advance(Duration::from_secs(2));
    });
    (dump(&*store), made)
}

fn written() -> (Value, Rituals) {
    written_by(write)
}

/// What version 1 stored.
fn stored() -> Value {
    golden("rituals_v1.json", || written().0)
}

/// What version 1 stored of retentions, and of the rituals that they prune.
fn stored_retention() -> Value {
    golden("retention_v1.json", || written_by(write_retention).0)
}

/// What version 1 stored once it wrote lists of pieces.
fn stored_pieces() -> Value {
    golden("rituals_v1_pieces.json", || written_by(write_pieces).0)
}

/// What version 1 stored once it compressed what is new of a state by itself.
fn stored_stems() -> Value {
    golden("rituals_v1_stems.json", || written_by(write_stems).0)
}

/// The rows of a table in a dump.
fn rows<'a>(dump: &'a Value, table: &str) -> &'a Vec<Value> {
    dump[table].as_array().unwrap()
}

/// The row of one ritual.
fn row_of<'a>(dump: &'a Value, (assistant, ritual): (&str, &str)) -> &'a Value {
    let is_it = |row: &&Value| {
        let body = &row["record"]["body"];
        body["assistant"] == assistant && body["ritual"] == ritual
    };
    rows(dump, "ritual_heads").iter().find(is_it).unwrap()
}

/// The encoding of a stored cell, by its name and the first bytes of its frame.
fn encoding(cell: &Value) -> &'static str {
    const SEALED: u8 = 1;
    let bytes = bytes(cell);
    let frame = |raw, zstd, dictionary, sealed| match (bytes[1] & SEALED, bytes[2], &bytes[3..7]) {
        (SEALED, ..) => sealed,
        (_, 0, _) => raw,
        (_, _, [0, 0, 0, 0]) => zstd,
        _ => dictionary,
    };
    let name = cell["name"].as_str().unwrap();
    match u8::from_str_radix(&name[..2], 16).unwrap() {
        b'd' => "dictionary",
        b'e' => "block",
        b'i' => "intent",
        b'o' => "operation",
        b'p' if bytes[1] & SEALED != 0 => "patch, sealed",
        b'p' => "patch",
        b'w' => frame("whole, raw", "whole, zstd", "whole, with dictionary", "whole, sealed"),
        other => panic!("cell {}", char::from(other)),
    }
}

#[test]
fn the_golden_file_holds_every_encoding() {
    let stored = stored();
    let mut found = BTreeMap::<&str, usize>::new();
    for row in rows(&stored, "ritual_heads").iter().chain(rows(&stored, "ritual_dictionaries")) {
        for cell in row["cells"].as_array().unwrap() {
            *found.entry(encoding(cell)).or_default() += 1;
        }
    }
    let expected = [
        "block",
        "dictionary",
        "intent",
        "operation",
        "patch",
        "patch, sealed",
        "whole, raw",
        "whole, sealed",
        "whole, with dictionary",
        "whole, zstd",
    ];
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), expected, "{found:?}");
    assert_eq!(found["dictionary"], 2, "a dictionary is stored twice");
    // Seventy entries, compacted, are a full block, one of five cards, and that of the newest; short patches stand in them.
    let long = row_of(&stored, ("dora", "long"))["cells"].as_array().unwrap();
    assert_eq!(long.iter().filter(|cell| encoding(cell) == "block").count(), 3);
    assert_eq!(long.iter().filter(|cell| encoding(cell) == "patch").count(), 0);
}

/// What the middle of a stored patch is.
fn kind_of_patch(cell: &Value) -> u8 {
    let bytes = bytes(cell);
    // Behind layout and flags, and two numbers that end where the highest bit is not set.
    let mut ends = (2..bytes.len()).filter(|at| bytes[*at] & 0x80 == 0);
    bytes[ends.nth(1).unwrap() + 1]
}

#[test]
fn the_golden_file_of_pieces_holds_both_kinds() {
    let stored = stored_pieces();
    for (ritual, kind) in [("raw", 2), ("zstd", 3)] {
        let cells = row_of(&stored, ("eve", ritual))["cells"].as_array().unwrap();
        let patches = cells.iter().filter(|cell| encoding(cell) == "patch");
        assert_eq!(patches.map(kind_of_patch).collect::<Vec<_>>(), [kind; 3], "{ritual}");
    }
    let packed = row_of(&stored, ("eve", "packed"))["cells"].as_array().unwrap();
    assert_eq!(packed.iter().filter(|cell| encoding(cell) == "patch").count(), 0);
}

#[test]
fn every_encoding_of_version_1_is_read_and_continued() {
    is_read_and_continued(&stored(), written().1);
    is_read_and_continued(&stored_pieces(), written_by(write_pieces).1);
    is_read_and_continued(&stored_stems(), written_by(write_stems).1);
}

#[test]
fn the_golden_file_of_stems_holds_frames_around_them() {
    const AROUND_STEM: u8 = 2;
    for stored in [stored_stems(), written_by(write_stems).0] {
        let cells = row_of(&stored, ("fay", "open"))["cells"].as_array().unwrap();
        let wholes: Vec<_> = cells.iter().filter(|cell| encoding(cell) == "whole, zstd").collect();
        assert_eq!(wholes.len(), 2, "those of the two newest entries");
        assert!(wholes.iter().all(|cell| bytes(cell)[2] == AROUND_STEM));
        let cells = row_of(&stored, ("fay", "closed"))["cells"].as_array().unwrap();
        assert_eq!(cells.iter().filter(|cell| encoding(cell) == "whole, sealed").count(), 2);
    }
}

/// Reads all entries of a stored dump, and saves behind them.
fn is_read_and_continued(stored: &Value, saved: Rituals) {
    let store = load(stored);
    assert_eq!(dump(&*store), *stored);
    let later = start().saturating_add(Duration::from_secs(3_600));
    let mythos = with_keys(&Mythos::with_store(store, simulated_runtime(1, later).0), ring());
    let rituals = mythos.rituals();
    for ((assistant, ritual), payloads) in saved {
        let filter = RitualFilter {
            assistant: Some(assistant.parse().unwrap()),
            ritual: Some(ritual.parse().unwrap()),
            labels: vec!["über".to_owned()],
            ..RitualFilter::default()
        };
        let mut entries = rituals.list(&filter, None, 100).unwrap().items;
        entries.reverse();
        assert_eq!(entries.len(), payloads.len(), "{assistant}/{ritual}");
        for (step, (entry, payload)) in entries.iter().zip(&payloads).enumerate() {
            assert_eq!(
                rituals.restore(entry.entry).unwrap().payload,
                *payload,
                "{assistant}/{ritual} {step}"
            );
            // The marker of its operation is read too.
            let again = rituals.save(&save_of(&assistant, &ritual, step), payload).unwrap();
            assert_eq!(again.entry, entry.entry);
        }
        let next = rituals.save(&save_of(&assistant, &ritual, payloads.len()), b"next").unwrap();
        assert_eq!(next.sequence, payloads.len() as u64 + 1);
        let oldest = rituals.restore(entries[0].entry).unwrap();
        assert_eq!(oldest.payload, payloads[0]);
    }
}

#[test]
fn what_does_not_depend_on_zstd_is_written_as_by_version_1() {
    let (stored, now) = (stored(), written().0);
    for ritual in REPRODUCIBLE {
        assert_eq!(row_of(&now, ritual), row_of(&stored, ritual), "{ritual:?}");
    }
    let same_in_all = |row: &Value| -> Vec<Value> {
        let cells = row["cells"].as_array().unwrap().iter();
        cells.filter(|cell| matches!(encoding(cell), "intent" | "operation")).cloned().collect()
    };
    for (now, stored) in rows(&now, "ritual_heads").iter().zip(rows(&stored, "ritual_heads")) {
        assert_eq!(same_in_all(now), same_in_all(stored));
        // The signature binds the novelty score, which depends on zstd.
        for field in ["root", "seed", "newest", "intent", "labels", "raw_bytes"] {
            assert_eq!(now["record"]["body"][field], stored["record"]["body"][field], "{field}");
        }
    }
}

#[test]
fn every_retention_of_version_1_is_read_and_goes_on() {
    let stored = stored_retention();
    let store = load(&stored);
    assert_eq!(dump(&*store), stored);
    let later = start().saturating_add(Duration::from_secs(3_600));
    let mythos = Mythos::with_store(store, simulated_runtime(1, later).0);
    let rituals = mythos.rituals();
    let deleted = policies().map(|(assistant, policy)| {
        let status = rituals.retention(&assistant.parse().unwrap()).unwrap().unwrap();
        let RetentionStatus { entries_deleted, bytes_freed, .. } = status;
        assert_eq!(status.policy, policy, "{assistant}");
        assert_eq!(
            (status.last_run_at.is_some(), bytes_freed > 0),
            (entries_deleted > 0, entries_deleted > 0)
        );
        entries_deleted
    });
    assert_eq!(deleted, [12, 3, 0]);
    let in_pass =
        rows(&stored, "ritual_retention").iter().filter(|row| row["record"]["body"]["next"].is_object());
    assert_eq!(in_pass.count(), 1, "one pass over all rituals has not come to its end");
    while !mythos.maintain(Budget::default()).unwrap().done {}
    let heads = rituals.rituals(&RitualHeadFilter::default(), None, 10).unwrap().items;
    let left = heads.iter().map(|head| (head.ritual.as_str(), head.entries)).collect::<BTreeMap<_, _>>();
    assert_eq!(left, [("first", 2), ("refund", 4), ("second", 2)].into());
}

#[test]
fn retentions_are_written_as_by_version_1() {
    let (stored, now) = (stored_retention(), written_by(write_retention).0);
    assert_eq!(rows(&now, "ritual_retention"), rows(&stored, "ritual_retention"));
}

#[test]
fn every_block_and_record_of_version_1_is_written_back_as_it_was_read() {
    fn written_back<M: Model>(row: &Value) {
        let record: Record = serde_json::from_value(row["record"].clone()).unwrap();
        assert_eq!(M::from_record(&record).unwrap().to_body().unwrap(), record.body);
    }
    let stored = stored();
    let retention = stored_retention();
    rows(&stored, "ritual_heads").iter().for_each(written_back::<RitualHead>);
    rows(&stored, "ritual_dictionaries").iter().for_each(written_back::<RitualDictionaries>);
    rows(&retention, "ritual_retention").iter().for_each(written_back::<RitualRetention>);
    let mut blocks = 0;
    for cell in rows(&stored, "ritual_heads").iter().flat_map(|row| row["cells"].as_array().unwrap()) {
        if encoding(cell) == "block" {
            let bytes = bytes(cell);
            let body = &bytes[..bytes.len() - CHECK_BYTES];
            assert_eq!(reencode_ritual_block(body).unwrap(), body);
            blocks += 1;
        }
    }
    assert!(blocks > 50, "{blocks}");
}
