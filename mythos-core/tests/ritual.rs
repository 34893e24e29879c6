//! The ritual cache through its public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;

use std::collections::BTreeSet;
use std::sync::Arc;

use damage::{
    BLOCK, WHOLE, cell_at, cells, cells_of, delete_cell, in_memory, overwrite_cell, owner, records, tamper,
};
use mythos_core::ritual::{
    CompressedRitual, Encoding, MAX_PAYLOAD_BYTES, ParentExpectation, RestoredRitual, RitualFilter,
    RitualHead, SaveRitual, SymbolicIntent,
};
use mythos_core::store::{Cell, MemoryStore, Model, Owner};
use mythos_core::types::{AssistantId, Digest, EntryId, OperationId, RitualId, Score, Timestamp};
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
    let changes: [fn(&mut CompressedRitual); 16] = [
        |e| e.tenant = "other".parse().unwrap(),
        |e| e.assistant = "bob".parse().unwrap(),
        |e| e.ritual = "return".parse().unwrap(),
        |e| e.sequence += 1,
        |e| e.parent = Some(e.entry),
        |e| e.entry = EntryId::from_uuid(OperationId::from_name("another").as_uuid()),
        |e| e.payload_commitment = "77".repeat(32).parse().unwrap(),
        |e| e.entropy_score = Score::new(0.123).unwrap(),
        |e| e.novelty_score = Score::new(0.123).unwrap(),
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
    let identities = |entries: &[CompressedRitual]| -> Vec<_> {
        entries.iter().map(|entry| (entry.entry, entry.symbolic_signature_hash, entry.created_at)).collect()
    };
    assert_eq!(identities(&listed), identities(&entries));
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
    let (_, mythos) = in_memory();
    let rituals = mythos.rituals();
    let operation = Some(OperationId::from_name("step 1"));
    let parent = ParentExpectation::Absent;
    let request = SaveRitual { operation, parent, ..here() };
    let entry = rituals.save(&request, b"state").unwrap();
    rituals.save(&here(), b"later").unwrap();
    // Also after others have saved, and although the parent is no longer the newest.
    let again = rituals.save(&request, b"state").unwrap();
    assert_eq!((again.entry, again.symbolic_signature_hash), (entry.entry, entry.symbolic_signature_hash));
    assert_eq!(rituals.list(&RitualFilter::default(), None, 10).unwrap().items.len(), 2);
    let behind = SaveRitual { parent: ParentExpectation::Entry(entry.entry), ..request.clone() };
    assert_eq!(rituals.save(&behind, b"state").unwrap_err().field(), Some("operation"));
    let error = rituals.save(&request, b"other").unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("operation")));
    let labelled = SymbolicIntent { labels: ["other".to_owned()].into(), ..SymbolicIntent::default() };
    let error = rituals.save(&SaveRitual { intent: labelled, ..request.clone() }, b"state").unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("operation")));
    // An operation is one of its ritual; in another the id is free.
    let elsewhere = SaveRitual { ritual: "return".parse().unwrap(), ..request };
    let other = rituals.save(&elsewhere, b"state").unwrap();
    assert_eq!((other.sequence, &rituals.save(&elsewhere, b"state").unwrap()), (1, &other));
    assert_ne!(other.entry, entry.entry);
    assert_eq!(rituals.list(&RitualFilter::default(), None, 10).unwrap().items.len(), 3);
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

/// An entry and its payload.
type Saved = (CompressedRitual, Vec<u8>);

/// A ritual of three entries with their payloads, whose stored parts the damage tests work on. The newest two are whole,
/// the older two have patches.
fn three() -> (Arc<MemoryStore>, Mythos, Vec<Saved>) {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let payloads = (0..3_u8).map(|step| vec![b'a' + step; 64]);
    let entries: Vec<_> =
        payloads.map(|payload| (rituals.save(&here(), &payload).unwrap().entry, payload)).collect();
    // How an entry is stored changes with the saves behind it.
    let entries =
        entries.into_iter().map(|(entry, payload)| (rituals.entry(entry).unwrap(), payload)).collect();
    (store, mythos, entries)
}

/// The owner of the cells of the only ritual.
fn ritual_owner(store: &MemoryStore) -> Owner {
    owner(RitualHead::TABLE, &records(store, RitualHead::TABLE)[0])
}

/// What a restore of an entry without a format gives.
fn restored_of(entry: &CompressedRitual, payload: &[u8]) -> RestoredRitual {
    RestoredRitual { entry: entry.clone(), payload: payload.to_vec(), format: None }
}

/// What is left of the three entries when `kind` of one of them cannot be read.
fn left_of_three(kind: u8, sequence: u64) -> Vec<u64> {
    match (kind, sequence) {
        // Without its card an entry is lost, and what was to be made out of it; the two newest are whole.
        (BLOCK, 1) => vec![2, 3],
        (BLOCK, 2) => vec![3],
        (BLOCK, 3) => vec![1, 2],
        // A patch beside each whole payload makes up for it, but for the newest.
        (WHOLE, 2) => vec![1, 2, 3],
        (WHOLE, 3) => vec![1, 2],
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_flipped_bit_and_every_truncation_of_a_cell_is_detected() {
    let (store, mythos, entries) = three();
    let owner = ritual_owner(&store);
    let rituals = mythos.rituals();
    let stored = cells(&*store, &owner);
    assert_eq!(stored.len(), 5, "three cards and two whole payloads");
    for cell in &stored {
        let name = cell.name.as_bytes();
        let sequence = u64::from_be_bytes(name[1..9].try_into().unwrap());
        let left = left_of_three(name[0], sequence);
        let bits = (0..8 * cell.bytes.len()).map(|bit| {
            let mut bytes = cell.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        let truncations = (0..cell.bytes.len()).map(|length| cell.bytes[..length].to_vec());
        for bytes in bits.chain(truncations) {
            overwrite_cell(&*store, &owner, &Cell { name: cell.name, bytes });
            for (entry, payload) in &entries {
                let restored = rituals.restore(entry.entry);
                if left.contains(&entry.sequence) {
                    assert_eq!(restored.unwrap(), restored_of(entry, payload));
                } else {
                    assert_eq!(restored.unwrap_err().kind(), ErrorKind::Corrupt);
                    let verification = rituals.verify(entry.entry).unwrap();
                    assert!(!verification.verified && !verification.findings.is_empty());
                }
            }
            if !left.contains(&3) {
                assert_eq!(rituals.latest(&ana(), &refund()).unwrap_err().kind(), ErrorKind::Corrupt);
            }
            // No single cell puts the newest state that is left more than one entry back.
            let found = rituals.latest_verifiable(&ana(), &refund(), None).unwrap().unwrap();
            assert_eq!(Some(&found.restored.entry.sequence), left.last());
            assert_eq!(found.skipped.len(), 3 - *left.last().unwrap() as usize);
        }
        overwrite_cell(&*store, &owner, cell);
        assert!(entries.iter().all(|(entry, _)| rituals.verify(entry.entry).unwrap().verified));
    }
}

#[test]
fn swapped_and_missing_cells_are_detected() {
    let (store, mythos, entries) = three();
    let rituals = mythos.rituals();
    let owner = ritual_owner(&store);
    let stored = cells(&*store, &owner);
    let swap = |a: &Cell, b: &Cell| {
        overwrite_cell(&*store, &owner, &Cell { name: a.name, bytes: b.bytes.clone() });
        overwrite_cell(&*store, &owner, &Cell { name: b.name, bytes: a.bytes.clone() });
    };
    for (index, one) in stored.iter().enumerate() {
        for other in &stored[..index] {
            swap(one, other);
            for (entry, payload) in &entries {
                match rituals.restore(entry.entry) {
                    Ok(restored) => assert_eq!(restored, restored_of(entry, payload)),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}"),
                }
            }
            overwrite_cell(&*store, &owner, one);
            overwrite_cell(&*store, &owner, other);
        }
        delete_cell(&*store, &owner, one);
        let name = one.name.as_bytes();
        let left = left_of_three(name[0], u64::from_be_bytes(name[1..9].try_into().unwrap()));
        for (entry, payload) in &entries {
            match rituals.restore(entry.entry) {
                // A patch of a few bytes may fit another newer state as well.
                Ok(restored) => assert_eq!(restored, restored_of(entry, payload)),
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound), "{error}");
                    assert!(!left.contains(&entry.sequence));
                }
            }
        }
        overwrite_cell(&*store, &owner, one);
    }
    assert_eq!(cells(&*store, &owner), stored);
}

#[test]
fn cells_of_another_ritual_are_detected() {
    let (store, mythos, entries) = three();
    let rituals = mythos.rituals();
    let mine = ritual_owner(&store);
    for (_, payload) in &entries {
        rituals.save(&SaveRitual::new("bob".parse().unwrap(), refund()), payload).unwrap();
    }
    let owners = records(&*store, RitualHead::TABLE).into_iter().map(|head| owner(RitualHead::TABLE, &head));
    let theirs = owners.into_iter().find(|owner| *owner != mine).unwrap();
    for cell in cells(&*store, &theirs) {
        overwrite_cell(&*store, &mine, &cell);
    }
    for (entry, _) in &entries {
        assert_eq!(rituals.restore(entry.entry).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    assert_eq!(rituals.latest_verifiable(&ana(), &refund(), None).unwrap(), None);
}

#[test]
fn any_change_to_the_head_is_detected_and_the_newest_state_is_found() {
    let (store, mythos, entries) = three();
    let rituals = mythos.rituals();
    let head = records(&*store, RitualHead::TABLE).remove(0);
    assert!(head.body.len() > 10);
    for (field, value) in &head.body {
        let forged = match value {
            serde_json::Value::Number(number) => vec![serde_json::json!(number.as_u64().unwrap() + 1)],
            serde_json::Value::Array(_) => vec![serde_json::json!([1]), serde_json::json!([41])],
            serde_json::Value::String(_) if field.ends_with("_at") => {
                vec![serde_json::json!(Timestamp::UNIX_EPOCH)]
            }
            serde_json::Value::String(text) => {
                // Another digit keeps digests and ids well-formed.
                let swapped = text.replace(['0', '1'], "2");
                vec![serde_json::json!(if swapped == *text { "forged".to_owned() } else { swapped })]
            }
            other => panic!("{field}: {other}"),
        };
        for forged in forged {
            tamper(&*store, RitualHead::TABLE, &head, |body| {
                drop(body.insert(field.clone(), forged.clone()))
            });
            let error = rituals.latest(&ana(), &refund()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{field} = {forged}: {error}");
            let found = rituals.latest_verifiable(&ana(), &refund(), None).unwrap().unwrap();
            assert_eq!(found.restored.payload, entries[2].1, "{field} = {forged}");
            assert_eq!(found.skipped.len(), 1, "the damage to the head is told: {field} = {forged}");
        }
    }
}

#[test]
fn the_newest_verifiable_entry_is_found_behind_damaged_ones() {
    let (store, mythos, entries) = three();
    let owner = ritual_owner(&store);
    let newest = |before| mythos.rituals().latest_verifiable(&ana(), &refund(), before).unwrap();
    assert_eq!(newest(None).unwrap().restored.entry, entries[2].0);
    assert_eq!(newest(Some(3)).unwrap().restored.entry.entry, entries[1].0.entry);
    delete_cell(&*store, &owner, &cell_at(&*store, &owner, WHOLE, 3));
    let found = newest(None).unwrap();
    assert_eq!(found.restored.payload, entries[1].1);
    let skipped: Vec<_> = found.skipped.iter().map(|skipped| skipped.sequence).collect();
    assert_eq!(skipped, [Some(3)]);
    let name = cell_at(&*store, &owner, WHOLE, 2).name;
    overwrite_cell(&*store, &owner, &Cell { name, bytes: b"noise".to_vec() });
    assert_eq!(newest(None), None, "nothing is left that the oldest can be made from");
}

#[test]
fn the_entries_of_each_group_survive_the_loss_of_all_newer_ones() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let payload = |step: u64| format!("state {step}").into_bytes();
    let entries: Vec<_> =
        (1..=140).map(|step| rituals.save(&here(), &payload(step)).unwrap().entry).collect();
    let owner = ritual_owner(&store);
    let wholes = cells_of(&*store, &owner, WHOLE);
    let places = wholes.iter().map(|cell| u64::from_be_bytes(cell.name.as_bytes()[1..9].try_into().unwrap()));
    assert_eq!(places.collect::<Vec<_>>(), [64, 128, 139, 140]);
    for cell in &wholes[2..] {
        delete_cell(&*store, &owner, cell);
    }
    let found = rituals.latest_verifiable(&ana(), &refund(), None).unwrap().unwrap();
    assert_eq!((found.restored.entry.sequence, found.restored.payload), (128, payload(128)));
    let skipped: Vec<_> = found.skipped.iter().filter_map(|skipped| skipped.sequence).collect();
    assert_eq!(skipped, (129..=140).rev().collect::<Vec<_>>(), "the loss is told exactly");
    for (index, entry) in entries[..128].iter().enumerate() {
        assert_eq!(rituals.restore(*entry).unwrap().payload, payload(index as u64 + 1));
    }
}

#[test]
fn an_unreadable_card_is_one_more_damaged_entry() {
    let (store, mythos, entries) = three();
    let owner = ritual_owner(&store);
    delete_cell(&*store, &owner, &cell_at(&*store, &owner, WHOLE, 3));
    let name = cell_at(&*store, &owner, BLOCK, 3).name;
    overwrite_cell(&*store, &owner, &Cell { name, bytes: b"x".to_vec() });
    // Also past any position that there can be.
    for before in [None, Some(u64::MAX)] {
        let found = mythos.rituals().latest_verifiable(&ana(), &refund(), before).unwrap().unwrap();
        assert_eq!(found.restored.payload, entries[1].1);
        assert_eq!(found.skipped.last().map(|skipped| skipped.sequence), Some(Some(3)));
    }
}

#[test]
fn the_loss_of_the_newest_card_is_told() {
    let (store, mythos, entries) = three();
    let owner = ritual_owner(&store);
    delete_cell(&*store, &owner, &cell_at(&*store, &owner, BLOCK, 3));
    assert_eq!(mythos.rituals().latest(&ana(), &refund()).unwrap_err().kind(), ErrorKind::Corrupt);
    let found = mythos.rituals().latest_verifiable(&ana(), &refund(), None).unwrap().unwrap();
    assert_eq!(found.restored.payload, entries[1].1);
    assert_eq!(found.skipped.len(), 1);
}

#[test]
fn the_newest_entry_is_found_when_the_head_is_gone_and_saving_goes_on() {
    let (store, mythos, entries) = three();
    let rituals = mythos.rituals();
    let head = records(&*store, RitualHead::TABLE).remove(0);
    let mut batch = mythos_core::store::Batch::new();
    batch.delete(RitualHead::TABLE, head.id, head.version);
    mythos_core::store::Store::commit(&*store, &batch).unwrap();
    assert_eq!(rituals.latest(&ana(), &refund()).unwrap_err().kind(), ErrorKind::Corrupt);
    let found = rituals.latest_verifiable(&ana(), &refund(), None).unwrap().unwrap();
    assert_eq!(found.restored.entry, entries[2].0);
    assert_eq!(found.skipped.len(), 1, "the loss of the head is told");
    let entry = rituals.save(&here(), b"next").unwrap();
    assert_eq!((entry.sequence, entry.parent), (4, Some(entries[2].0.entry)));
    for (entry, payload) in &entries {
        assert_eq!(rituals.restore(entry.entry).unwrap().payload, *payload);
    }
}

#[test]
fn saving_goes_on_behind_a_damaged_head() {
    type Damage = fn(&mut serde_json::Map<String, serde_json::Value>);
    let damages: [Damage; 5] = [
        |body| drop(body.insert("newest".into(), "unreadable".into())),
        |body| drop(body.insert("format".into(), 2.into())),
        |body| body["newest"][0] = 41.into(),
        |body| body["ritual"] = "return".into(),
        |body| body["signature"] = "00".into(),
    ];
    for damage in damages {
        let (store, mythos, entries) = three();
        let head = records(&*store, RitualHead::TABLE).remove(0);
        tamper(&*store, RitualHead::TABLE, &head, damage);
        let rituals = mythos.rituals();
        assert_eq!(rituals.latest(&ana(), &refund()).unwrap_err().kind(), ErrorKind::Corrupt);
        let entry = rituals.save(&here(), b"next").unwrap();
        assert_eq!((entry.sequence, entry.parent), (4, Some(entries[2].0.entry)));
        assert_eq!(rituals.latest(&ana(), &refund()).unwrap().unwrap().payload, b"next");
        for (entry, payload) in &entries {
            assert_eq!(rituals.restore(entry.entry).unwrap().payload, *payload);
        }
    }
}

#[test]
fn a_rolled_back_head_is_damage_and_no_race() {
    let (store, mythos, entries) = three();
    let older = records(&*store, RitualHead::TABLE).remove(0).body;
    let last = mythos.rituals().save(&here(), b"last").unwrap();
    let head = records(&*store, RitualHead::TABLE).remove(0);
    tamper(&*store, RitualHead::TABLE, &head, |body| *body = older);
    assert_eq!(mythos.rituals().save(&here(), b"x").unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(mythos.rituals().latest(&ana(), &refund()).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(mythos.rituals().restore(last.entry).unwrap().payload, b"last");
    for (entry, payload) in &entries {
        assert_eq!(mythos.rituals().restore(entry.entry).unwrap().payload, *payload);
    }
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
