//! What a writer could put into a store who knows the layout: cells whose checks are right.

use std::sync::Arc;

use super::card::{self, Card, Parent, Patch};
use super::cell::{self, Kind};
use super::shared::Shared;
use super::{RitualCompressionCache, RitualHead, RitualOptions, SaveRitual, SymbolicIntent};
use crate::ErrorKind;
use crate::seal::{KeyRing, SecretKey};
use crate::store::access::Access;
use crate::store::{Answer, Batch, MemoryStore, Model, Names, Owner, Read, Store};
use crate::types::{AssistantId, Commitment, RitualId, Runtime, Salt, TenantId, Timestamp};

fn ana() -> AssistantId {
    "ana".parse().unwrap()
}

fn refund() -> RitualId {
    "refund".parse().unwrap()
}

struct Forgery {
    store: Arc<MemoryStore>,
    rituals: RitualCompressionCache,
    owner: Owner,
}

impl Forgery {
    /// A ritual of three entries with intents, sealed if a key is wanted.
    fn new(key: Option<&str>) -> Self {
        let store = Arc::new(MemoryStore::new());
        let keys = key.map(|id| {
            let ring = KeyRing::with_active(id.parse().unwrap(), SecretKey::from_bytes(&[7; 32]));
            Arc::new(ring) as Arc<dyn crate::seal::KeyProvider>
        });
        let options = RitualOptions { keys, hot_bytes: 0, ..RitualOptions::default() };
        let access = Access::new(store.clone(), Runtime::system(), TenantId::default());
        let rituals = RitualCompressionCache::new(access, Arc::new(Shared::new(options)));
        for step in 0..3_u8 {
            let labels = [format!("label {}", step % 2)].into();
            let intent = SymbolicIntent { labels, ..SymbolicIntent::default() };
            let save = SaveRitual { intent, ..SaveRitual::new(ana(), refund()) };
            rituals.save(&save, &payload(step)).unwrap();
        }
        let owner = rituals.owner(&ana(), &refund());
        Self { store, rituals, owner }
    }

    fn cells(&self, names: Names) -> Vec<crate::store::Cell> {
        let read = Read::Cells { owner: self.owner.clone(), names, max_bytes: u64::MAX };
        match self.store.read(&[read]).unwrap().remove(0) {
            Answer::Cells { cells, .. } => cells,
            other => panic!("{other:?}"),
        }
    }

    /// The card of an entry, with the seed in its block.
    fn card(&self, sequence: u64) -> (Salt, Card) {
        let cell = self.cells(Kind::Block.at_or_after(sequence, 1)).remove(0);
        let body = cell::open(&self.owner, &cell.name, &cell.bytes).unwrap();
        let (seed, mut cards) = card::read_block(body).unwrap();
        (seed, cards.remove(0))
    }

    /// Puts another card into the place of an entry, with a check that fits.
    fn put_card(&self, sequence: u64, seed: &Salt, card: Card) {
        let name = self.cells(Kind::Block.at_or_after(sequence, 1)).remove(0).name;
        let body = card::write_block(seed, &[card]).unwrap();
        self.put(name, body);
    }

    fn put(&self, name: crate::store::CellName, body: Vec<u8>) {
        let mut batch = Batch::new();
        batch.delete_cells(self.owner.clone(), Names::one(name));
        batch.put_cell(self.owner.clone(), name, cell::close(&self.owner, &name, body));
        self.store.commit(&batch).unwrap();
    }

    fn entry(&self, sequence: u64) -> crate::types::EntryId {
        let read = Read::Record { table: RitualHead::TABLE, id: self.owner.id };
        match self.store.read(&[read]).unwrap().remove(0) {
            Answer::Record { record: Some(record) } => {
                RitualHead::from_record(&record).unwrap().root.at(sequence)
            }
            other => panic!("{other:?}"),
        }
    }
}

fn payload(step: u8) -> Vec<u8> {
    format!("the state after step {step}, which resembles the others").into_bytes()
}

#[test]
fn an_entry_whose_card_was_changed_is_refused() {
    type Change = fn(&mut Card, &Card);
    let changes: [(&str, Change); 10] = [
        ("sequence", |card, _| card.sequence += 7),
        ("parent", |card, _| card.parent = Parent::None),
        ("another parent", |card, _| card.parent = Parent::Entry([7; 16])),
        ("time", |card, _| card.created_at = Timestamp::MAX),
        ("length", |card, _| card.raw_bytes += 1),
        ("commitment", |card, _| card.commitment = Commitment::from_bytes([7; 32])),
        ("signature", |card, _| card.signature[15] ^= 1),
        ("entropy", |card, _| card.entropy ^= 1),
        ("novelty", |card, _| card.novelty ^= 1),
        // The intent of another entry stands ready.
        ("intent", |card, other| card.intent = other.intent),
    ];
    for (what, change) in changes {
        for sequence in [2, 3] {
            let forgery = Forgery::new(None);
            let (seed, mut card) = forgery.card(sequence);
            let (_, other) = forgery.card(sequence - 1);
            change(&mut card, &other);
            forgery.put_card(sequence, &seed, card);
            let error = forgery.rituals.restore(forgery.entry(sequence)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{what} of entry {sequence}: {error}");
        }
    }
}

#[test]
fn a_card_that_lies_about_where_its_payload_is_yields_that_payload_or_none() {
    type Lie = fn(&mut Card);
    let lies: [(&str, Lie); 7] = [
        ("dictionary", |card| card.whole.as_mut().unwrap().dictionary = 9),
        ("stored bytes", |card| card.whole.as_mut().unwrap().stored_bytes = u64::MAX),
        ("revision", |card| card.whole.as_mut().unwrap().revision += 1),
        ("encoding", |card| card.whole.as_mut().unwrap().is_compressed ^= true),
        ("nothing", |card| (card.whole, card.patch) = (None, None)),
        ("patch", |card| card.patch = Some(Patch::Inline(b"\x01\x00\xff\xff\xff\xff\x0f\x00\x00x".to_vec()))),
        ("patch in a cell", |card| card.patch = Some(Patch::Cell { revision: 9, stored_bytes: u64::MAX })),
    ];
    for (what, lie) in lies {
        for sequence in [2, 3] {
            let forgery = Forgery::new(None);
            let (seed, mut card) = forgery.card(sequence);
            lie(&mut card);
            forgery.put_card(sequence, &seed, card);
            match forgery.rituals.restore(forgery.entry(sequence)) {
                Ok(restored) => assert_eq!(restored.payload, payload(sequence as u8 - 1), "{what}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}"),
            }
        }
    }
}

#[test]
fn plain_frames_where_sealed_ones_are_expected_are_refused() {
    let (plain, sealed) = (Forgery::new(None), Forgery::new(Some("k")));
    for cell in plain.cells(Names::all()).iter().filter(|cell| Kind::Whole.place(&cell.name).is_some()) {
        let body = cell::open(&plain.owner, &cell.name, &cell.bytes).unwrap();
        sealed.put(cell.name, body.to_vec());
    }
    let error = sealed.rituals.restore(sealed.entry(3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("no key"), "{error}");

    // Nor does a card that names no key make a plain payload good.
    let (seed, mut card) = sealed.card(3);
    card.key = None;
    sealed.put_card(3, &seed, card);
    assert_eq!(sealed.rituals.restore(sealed.entry(3)).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_sealed_frame_of_another_entry_is_refused() {
    let sealed = Forgery::new(Some("k"));
    let cells = sealed.cells(Names::all());
    let wholes: Vec<_> = cells.iter().filter(|cell| Kind::Whole.place(&cell.name).is_some()).collect();
    let [older, newer] = wholes[..] else { panic!("{}", wholes.len()) };
    let body = cell::open(&sealed.owner, &older.name, &older.bytes).unwrap();
    sealed.put(newer.name, body.to_vec());
    assert_eq!(sealed.rituals.restore(sealed.entry(3)).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(sealed.rituals.restore(sealed.entry(2)).unwrap().payload, payload(1));
}
