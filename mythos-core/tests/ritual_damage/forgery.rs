//! What someone can forge who can write to the store, and what a destroyed key takes along.

use mythos_core::ErrorKind;
use mythos_core::ritual::{RitualFilter, RitualHead, RitualPart, SymbolicIntent};
use mythos_core::store::{Batch, Cell, CellName, Expect, Model, Owner, RecordOp, Store};

use super::caches::{sealed, varied};
use super::{Cache, Damage, Place, lost, position, scrub};

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
