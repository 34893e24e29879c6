//! The ritual cache through its public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;

use std::collections::BTreeSet;
use std::sync::Arc;

use damage::{cells, delete_cell, in_memory, overwrite_cell, owner, records, tamper};
use mythos_core::ritual::{
    CompressedRitual, Encoding, MAX_PAYLOAD_BYTES, ParentExpectation, RitualFilter, RitualHead, SaveRitual,
    SymbolicIntent,
};
use mythos_core::store::{Cell, Model};
use mythos_core::types::{AssistantId, Digest, EntryId, OperationId, RitualId, Timestamp};
use mythos_core::{ErrorKind, Mythos};
use proptest::prelude::*;

fn ana() -> AssistantId {
    "ana".parse().unwrap()
}

fn refund() -> RitualId {
    "refund".parse().unwrap()
}

fn here() -> SaveRitual {
    SaveRitual::new(ana(), refund())
}

#[test]
fn ritual_cache_hashes_match_compressed_data_and_symbolic_intent() {
    let (_, mythos) = in_memory();
    let rituals = mythos.rituals();
    let intent = SymbolicIntent {
        labels: ["checkout".to_owned()].into(),
        procedure: Some("refund order".to_owned()),
        codex: Some("support".parse().unwrap()),
        codex_root: Some(Digest::of(b"rules")),
        payload_format: Some("application/json".to_owned()),
    };
    let payload = br#"{"order": 9223372036854775807, "steps": ["look up", "look up", "look up"]}"#;
    let entry = rituals.save(&SaveRitual { intent: intent.clone(), ..here() }, payload).unwrap();
    assert_eq!(entry.symbolic_signature_hash, entry.expected_signature());
    assert_eq!(entry.intent(), intent);
    assert_eq!(entry.compressed_ritual_data.raw_bytes, payload.len() as u64);
    let restored = rituals.restore(entry.entry).unwrap();
    assert_eq!(restored.payload, payload, "payload bytes are kept as given, also 64-bit integers");
    assert!(rituals.verify(entry.entry).unwrap().verified);

    // Any part of the place, the payload or the intent changes the signature.
    let changes: [fn(&mut CompressedRitual); 13] = [
        |e| e.tenant = "other".parse().unwrap(),
        |e| e.assistant = "bob".parse().unwrap(),
        |e| e.ritual = "return".parse().unwrap(),
        |e| e.sequence += 1,
        |e| e.parent = Some(e.entry),
        |e| e.entry = EntryId::from(OperationId::from_name("another")),
        |e| e.labels.clear(),
        |e| e.procedure = None,
        |e| e.payload_format = None,
        |e| e.codex = Some("sales".parse().unwrap()),
        |e| e.codex_root = None,
        |e| e.compressed_ritual_data.raw_bytes += 1,
        |e| e.created_at = Timestamp::MAX,
    ];
    let mut signatures = BTreeSet::from([entry.symbolic_signature_hash]);
    for change in changes {
        let mut other = entry.clone();
        change(&mut other);
        assert!(signatures.insert(other.expected_signature()), "{other:?}");
    }
}

#[test]
fn entries_form_one_line_and_the_newest_is_restored() {
    let (_, mythos) = in_memory();
    let rituals = mythos.rituals();
    assert_eq!(rituals.latest(&ana(), &refund()).unwrap(), None);
    let entries: Vec<_> =
        (0..20_u8).map(|step| rituals.save(&here(), &vec![step; 100 + usize::from(step)]).unwrap()).collect();
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(entry.sequence, index as u64 + 1);
        assert_eq!(entry.parent, index.checked_sub(1).map(|parent| entries[parent].entry));
        assert_eq!(rituals.restore(entry.entry).unwrap().payload, vec![index as u8; 100 + index]);
    }
    assert_eq!(rituals.latest(&ana(), &refund()).unwrap().unwrap().entry, entries[19]);

    let filter = RitualFilter { assistant: Some(ana()), ritual: Some(refund()), ..RitualFilter::default() };
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = rituals.list(&filter, after, 7).unwrap();
        listed.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    listed.reverse();
    assert_eq!(listed, entries);
}

#[test]
fn listings_filter_by_assistant_label_and_time() {
    let (_, mythos) = in_memory();
    let rituals = mythos.rituals();
    let labelled = |label: &str| SymbolicIntent {
        labels: [label.to_owned(), "all".to_owned()].into(),
        ..SymbolicIntent::default()
    };
    let one = rituals.save(&SaveRitual { intent: labelled("one"), ..here() }, b"1").unwrap();
    let bob = SaveRitual::new("bob".parse().unwrap(), refund());
    let two = rituals.save(&SaveRitual { intent: labelled("two"), ..bob }, b"2").unwrap();
    let list = |filter: RitualFilter| -> Vec<EntryId> {
        rituals.list(&filter, None, 100).unwrap().items.iter().map(|entry| entry.entry).collect()
    };
    let all = RitualFilter::default();
    assert_eq!(list(all.clone()).len(), 2);
    assert_eq!(list(RitualFilter { assistant: Some(ana()), ..all.clone() }), [one.entry]);
    assert_eq!(list(RitualFilter { labels: vec!["two".into()], ..all.clone() }), [two.entry]);
    assert_eq!(list(RitualFilter { labels: vec!["two".into(), "one".into()], ..all.clone() }), []);
    assert_eq!(list(RitualFilter { ritual: Some(refund()), ..all.clone() }).len(), 2);
    assert_eq!(list(RitualFilter { before: Some(one.created_at), ..all.clone() }), []);
    assert_eq!(list(RitualFilter { since: Some(one.created_at), ..all.clone() }).len(), 2);
    assert_eq!(rituals.list(&all, None, 0).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn a_save_behind_another_entry_is_refused_and_the_loser_is_told() {
    let (_, mythos) = in_memory();
    let rituals = mythos.rituals();
    let behind = |parent| SaveRitual { parent, ..here() };
    let first = rituals.save(&behind(ParentExpectation::Absent), b"1").unwrap();
    let second = rituals.save(&behind(ParentExpectation::Entry(first.entry)), b"2").unwrap();
    for stale in [ParentExpectation::Absent, ParentExpectation::Entry(first.entry)] {
        let error = rituals.save(&behind(stale), b"3").unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Conflict, Some("parent")));
    }
    assert_eq!(rituals.latest(&ana(), &refund()).unwrap().unwrap().entry, second);
}

#[test]
fn repeating_an_operation_saves_once_and_reusing_its_id_is_refused() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let operation = Some(OperationId::from_name("step 1"));
    let parent = ParentExpectation::Absent;
    let request = SaveRitual { operation, parent, ..here() };
    let entry = rituals.save(&request, b"state").unwrap();
    rituals.save(&here(), b"later").unwrap();
    // Also after others have saved, and although the parent is no longer the newest.
    assert_eq!(rituals.save(&request, b"state").unwrap(), entry);
    assert_eq!(records(&store, CompressedRitual::TABLE).len(), 2);
    let behind = SaveRitual { parent: ParentExpectation::Entry(entry.entry), ..request.clone() };
    assert_eq!(rituals.save(&behind, b"state").unwrap_err().field(), Some("operation"));
    let error = rituals.save(&request, b"other").unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("operation")));
    let error =
        rituals.save(&SaveRitual { ritual: "return".parse().unwrap(), ..request }, b"state").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn concurrent_saves_of_one_ritual_end_in_one_line() {
    let (_, mythos) = in_memory();
    let rituals = mythos.rituals();
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let rituals = rituals.clone();
            scope.spawn(move || {
                for step in 0..25_u8 {
                    rituals.save(&here(), &[thread, step]).unwrap();
                }
            });
        }
    });
    let filter = RitualFilter { assistant: Some(ana()), ritual: Some(refund()), ..RitualFilter::default() };
    let entries = rituals.list(&filter, None, 1_000).unwrap().items;
    assert_eq!(entries.len(), 200);
    for (newer, older) in entries.iter().zip(&entries[1..]) {
        assert_eq!((newer.sequence, newer.parent), (older.sequence + 1, Some(older.entry)));
        assert!(newer.created_at >= older.created_at);
    }
}

#[test]
fn what_one_tenant_stores_no_other_sees() {
    let (_, mythos) = in_memory();
    let other = mythos.tenant("other".parse().unwrap());
    let entry = mythos.rituals().save(&here(), b"secret").unwrap();
    assert_eq!(other.rituals().latest(&ana(), &refund()).unwrap(), None);
    assert_eq!(other.rituals().restore(entry.entry).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(other.rituals().list(&RitualFilter::default(), None, 10).unwrap().items, []);
    assert_eq!(other.rituals().save(&here(), b"mine").unwrap().sequence, 1);
}

#[test]
fn bounds_are_enforced_and_change_nothing() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let too_large = vec![0; MAX_PAYLOAD_BYTES + 1];
    let error = rituals.save(&here(), &too_large).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Limit, Some("payload")));
    let labels: BTreeSet<_> = (0..65).map(|number| number.to_string()).collect();
    let intents = [
        SymbolicIntent { labels, ..SymbolicIntent::default() },
        SymbolicIntent { labels: ["".to_owned()].into(), ..SymbolicIntent::default() },
        SymbolicIntent { procedure: Some("a\0b".to_owned()), ..SymbolicIntent::default() },
        SymbolicIntent { codex_root: Some(Digest::of(b"")), ..SymbolicIntent::default() },
    ];
    for intent in intents {
        let error = rituals.save(&SaveRitual { intent, ..here() }, b"x").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Limit), "{error}");
    }
    assert!(records(&store, RitualHead::TABLE).is_empty());
    assert_eq!(rituals.save(&here(), b"").unwrap().compressed_ritual_data.encoding, Encoding::Raw);
    assert_eq!(rituals.latest(&ana(), &refund()).unwrap().unwrap().payload, b"");
}

/// A ritual of three entries, whose stored parts the damage tests work on.
fn three() -> (Arc<mythos_core::store::MemoryStore>, Mythos, Vec<CompressedRitual>) {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let entries = (0..3_u8).map(|step| rituals.save(&here(), &[b'a' + step; 64]).unwrap()).collect();
    (store, mythos, entries)
}

#[test]
fn every_flipped_bit_and_every_truncation_of_a_frame_is_detected() {
    let (store, mythos, entries) = three();
    let head = records(&store, RitualHead::TABLE).remove(0);
    let owner = owner(RitualHead::TABLE, &head);
    for (cell, entry) in cells(&store, &owner).iter().zip(&entries) {
        let bits = (0..8 * cell.bytes.len()).map(|bit| {
            let mut bytes = cell.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        let truncations = (0..cell.bytes.len()).map(|length| cell.bytes[..length].to_vec());
        for bytes in bits.chain(truncations) {
            overwrite_cell(&store, &owner, &Cell { name: cell.name, bytes });
            assert_eq!(mythos.rituals().restore(entry.entry).unwrap_err().kind(), ErrorKind::Corrupt);
            let verification = mythos.rituals().verify(entry.entry).unwrap();
            assert!(!verification.verified && verification.finding.is_some());
        }
        overwrite_cell(&store, &owner, cell);
        assert!(mythos.rituals().verify(entry.entry).unwrap().verified);
    }
}

#[test]
fn swapped_and_missing_frames_are_detected() {
    let (store, mythos, entries) = three();
    let head = records(&store, RitualHead::TABLE).remove(0);
    let owner = owner(RitualHead::TABLE, &head);
    let stored = cells(&store, &owner);
    overwrite_cell(&store, &owner, &Cell { name: stored[0].name, bytes: stored[1].bytes.clone() });
    overwrite_cell(&store, &owner, &Cell { name: stored[1].name, bytes: stored[0].bytes.clone() });
    delete_cell(&store, &owner, &stored[2]);
    for entry in &entries {
        assert_eq!(mythos.rituals().restore(entry.entry).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    assert_eq!(mythos.rituals().latest(&ana(), &refund()).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn any_change_to_the_record_is_detected() {
    let (store, mythos, entries) = three();
    let original = records(&store, CompressedRitual::TABLE);
    let record = original.iter().find(|record| record.body["sequence"] == 2).unwrap();
    for (field, value) in &record.body {
        let forged = match value {
            serde_json::Value::Null => serde_json::json!("forged"),
            serde_json::Value::Number(_) if field == "entropy_score" => serde_json::json!(0.5),
            serde_json::Value::Number(number) => serde_json::json!(number.as_u64().unwrap() + 1),
            serde_json::Value::Array(_) => serde_json::json!(["forged"]),
            serde_json::Value::Object(frame) => {
                for (part, forged) in
                    [("encoding", "zstd".into()), ("raw_bytes", 1.into()), ("stored_bytes", 1.into())]
                {
                    let mut frame = frame.clone();
                    let before: Option<serde_json::Value> = frame.insert(part.to_owned(), forged);
                    if before.as_ref() == frame.get(part) {
                        frame.insert(part.to_owned(), "raw".into());
                    }
                    let frame = serde_json::Value::Object(frame);
                    tamper(&*store, CompressedRitual::TABLE, record, |body| {
                        drop(body.insert(field.clone(), frame))
                    });
                    let error = mythos.rituals().restore(entries[1].entry).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{part}");
                }
                continue;
            }
            serde_json::Value::String(text) => {
                // Another digit keeps digests, ids and times well-formed.
                let swapped = text.replace(['0', '1'], "2");
                serde_json::json!(if swapped == *text { "forged".to_owned() } else { swapped })
            }
            serde_json::Value::Bool(_) => unreachable!(),
        };
        tamper(&*store, CompressedRitual::TABLE, record, |body| {
            drop(body.insert(field.clone(), forged.clone()))
        });
        let error = mythos.rituals().restore(entries[1].entry).unwrap_err();
        let expected = if field == "tenant" { ErrorKind::NotFound } else { ErrorKind::Corrupt };
        assert_eq!(error.kind(), expected, "{field} = {forged}: {error}");
    }
}

#[test]
fn the_newest_verifiable_entry_is_found_behind_damaged_ones() {
    let (store, mythos, entries) = three();
    let head = records(&store, RitualHead::TABLE).remove(0);
    let owner = owner(RitualHead::TABLE, &head);
    let stored = cells(&store, &owner);
    let newest = |before| mythos.rituals().newest_verifiable(&ana(), &refund(), before).unwrap();
    assert_eq!(newest(None).unwrap().restored.entry, entries[2]);
    assert_eq!(newest(Some(3)).unwrap().restored.entry, entries[1]);
    delete_cell(&store, &owner, &stored[2]);
    overwrite_cell(&store, &owner, &Cell { name: stored[1].name, bytes: b"noise".to_vec() });
    let found = newest(None).unwrap();
    assert_eq!(found.restored.payload, [b'a'; 64]);
    let skipped: Vec<_> = found.skipped.iter().map(|skipped| skipped.sequence).collect();
    assert_eq!(skipped, [Some(3), Some(2)]);
    delete_cell(&store, &owner, &stored[0]);
    assert_eq!(newest(None), None);
}

#[test]
fn an_unreadable_record_is_one_more_damaged_entry() {
    let (store, mythos, entries) = three();
    let head = records(&*store, RitualHead::TABLE).remove(0);
    let owner = owner(RitualHead::TABLE, &head);
    delete_cell(&*store, &owner, &cells(&*store, &owner)[2]);
    let newest =
        records(&*store, CompressedRitual::TABLE).into_iter().find(|r| r.body["sequence"] == 3).unwrap();
    tamper(&*store, CompressedRitual::TABLE, &newest, |body| {
        drop(body.insert("payload_commitment".into(), "x".into()))
    });
    let found = mythos.rituals().newest_verifiable(&ana(), &refund(), None).unwrap().unwrap();
    assert_eq!(found.restored.entry, entries[1]);
    assert_eq!(found.skipped.last().map(|skipped| skipped.sequence), Some(Some(3)));
    // Past any position that there can be.
    let found = mythos.rituals().newest_verifiable(&ana(), &refund(), Some(u64::MAX)).unwrap().unwrap();
    assert_eq!(found.restored.entry, entries[1]);
}

#[test]
fn the_newest_entry_is_found_when_its_record_is_gone() {
    let (store, mythos, entries) = three();
    let newest =
        records(&*store, CompressedRitual::TABLE).into_iter().find(|r| r.body["sequence"] == 3).unwrap();
    let mut batch = mythos_core::store::Batch::new();
    batch.delete(CompressedRitual::TABLE, newest.id, newest.version);
    mythos_core::store::Store::commit(&*store, &batch).unwrap();
    let found = mythos.rituals().newest_verifiable(&ana(), &refund(), None).unwrap().unwrap();
    assert_eq!(found.restored.entry, entries[2]);
}

#[test]
fn saving_goes_on_behind_a_damaged_head() {
    type Damage = fn(&mut serde_json::Map<String, serde_json::Value>);
    let damages: [Damage; 4] = [
        |body| drop(body.insert("latest".into(), "unreadable".into())),
        |body| drop(body.insert("format".into(), 2.into())),
        |body| body["latest"]["sequence"] = 41.into(),
        |body| body["latest"]["ritual"] = "return".into(),
    ];
    for damage in damages {
        let (store, mythos, entries) = three();
        let head = records(&*store, RitualHead::TABLE).remove(0);
        tamper(&*store, RitualHead::TABLE, &head, damage);
        let rituals = mythos.rituals();
        assert_eq!(rituals.latest(&ana(), &refund()).unwrap_err().kind(), ErrorKind::Corrupt);
        let entry = rituals.save(&here(), b"next").unwrap();
        assert_eq!((entry.sequence, entry.parent), (4, Some(entries[2].entry)));
        assert_eq!(rituals.latest(&ana(), &refund()).unwrap().unwrap().payload, b"next");
    }
}

#[test]
fn a_rolled_back_head_is_damage_and_no_race() {
    let (store, mythos, entries) = three();
    let head = records(&*store, RitualHead::TABLE).remove(0);
    let older =
        records(&*store, CompressedRitual::TABLE).into_iter().find(|r| r.body["sequence"] == 2).unwrap();
    tamper(&*store, RitualHead::TABLE, &head, |body| drop(body.insert("latest".into(), older.body.into())));
    assert_eq!(mythos.rituals().save(&here(), b"x").unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(mythos.rituals().latest(&ana(), &refund()).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(mythos.rituals().restore(entries[2].entry).unwrap().payload, [b'c'; 64]);
}

#[test]
fn an_operation_id_of_one_tenant_is_free_for_another() {
    let (_, mythos) = in_memory();
    let request = SaveRitual { operation: Some(OperationId::from_name("step 1")), ..here() };
    for tenant in ["default", "one", "two"] {
        let rituals = mythos.tenant(tenant.parse().unwrap()).rituals();
        let entry = rituals.save(&request, tenant.as_bytes()).unwrap();
        assert_eq!(rituals.save(&request, tenant.as_bytes()).unwrap(), entry);
        assert_eq!(rituals.restore(entry.entry).unwrap().payload, tenant.as_bytes());
    }
}

/// Sixty-four writers of one ritual: each commit shares its flush, and of those that share one only one can win.
#[test]
fn many_threads_save_one_ritual_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let mythos = Mythos::open(directory.path().join("mythos.db")).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..64_u8 {
            let rituals = mythos.rituals();
            scope.spawn(move || {
                for step in 0..5_u8 {
                    rituals.save(&here(), &[thread, step]).unwrap();
                }
            });
        }
    });
    assert_eq!(mythos.rituals().latest(&ana(), &refund()).unwrap().unwrap().entry.sequence, 320);
}

proptest! {
    #[test]
    fn any_payloads_of_any_rituals_come_back(
        saves in prop::collection::vec((0..3_usize, prop::collection::vec(any::<u8>(), 0..300)), 1..30),
    ) {
        let (_, mythos) = in_memory();
        let rituals = mythos.rituals();
        let names: Vec<RitualId> = ["a", "b", "c"].iter().map(|name| name.parse().unwrap()).collect();
        let mut model: Vec<Vec<(EntryId, Vec<u8>)>> = vec![Vec::new(); 3];
        for (ritual, payload) in saves {
            let entry = rituals.save(&SaveRitual::new(ana(), names[ritual].clone()), &payload).unwrap();
            model[ritual].push((entry.entry, payload));
        }
        for (ritual, entries) in names.iter().zip(&model) {
            let newest = rituals.latest(&ana(), ritual).unwrap().map(|restored| restored.payload);
            prop_assert_eq!(newest.as_ref(), entries.last().map(|(_, payload)| payload));
            for (entry, payload) in entries {
                prop_assert_eq!(&rituals.restore(*entry).unwrap().payload, payload);
            }
        }
    }
}
