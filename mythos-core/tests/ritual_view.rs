//! The read model of `/ritual/compression`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::Arc;

use mythos_core::ritual::{
    CompactRituals, Encoding, RitualFilter, RitualHeadFilter, RitualTotals, SaveRitual, TotalRituals,
};
use mythos_core::store::{
    Answer, Batch, Budget, Capabilities, Maintained, MemoryStore, Read, Store, StoreError,
};
use mythos_core::types::Runtime;
use mythos_core::view::RitualCompressionView;
use mythos_core::{ErrorKind, Mythos};

/// A store that fails whoever reads a payload or a patch.
#[derive(Debug)]
struct NoPayloads(Arc<MemoryStore>);

impl Store for NoPayloads {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        let answers = self.0.read(reads)?;
        for answer in &answers {
            if let Answer::Cells { cells, .. } = answer {
                assert!(
                    cells.iter().all(|cell| !b"wp".contains(&cell.name.as_bytes()[0])),
                    "a payload was read"
                );
            }
        }
        Ok(answers)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.0.commit(batch)
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.0.maintain(budget)
    }
}

/// Three rituals: one that grows over 200 entries, one that repeats itself, one of a single entry.
fn view() -> (Mythos, RitualCompressionView) {
    let store = Arc::new(MemoryStore::new());
    let mythos = Mythos::with_store(store.clone(), Runtime::system());
    let save = |ritual: &str, payload: &[u8]| {
        let place = SaveRitual::new("ana".parse().unwrap(), ritual.parse().unwrap());
        mythos.rituals().save(&place, payload).unwrap();
    };
    for step in 1..=200_usize {
        save("grow", format!("{}{step}", "x".repeat(10 * step)).as_bytes());
    }
    for _ in 0..15 {
        save("loop", "the same again and again".repeat(20).as_bytes());
    }
    save("once", b"only this");
    mythos.rituals().compact(&CompactRituals::default()).unwrap();
    let guarded = Mythos::with_store(Arc::new(NoPayloads(store)), Runtime::system());
    (mythos, RitualCompressionView::new(guarded.rituals()))
}

#[test]
fn totals_agree_with_the_entries_and_are_the_same_by_encoding() {
    let (_, view) = view();
    let entries = view.entries(&RitualFilter::default(), None, 1_000).unwrap().items;
    let totals = view.totals(&TotalRituals { by_encoding: true, ..TotalRituals::default() }).unwrap();
    let frames = || entries.iter().map(|entry| &entry.compressed_ritual_data);
    assert_eq!((totals.rituals, totals.entries), (3, 216));
    assert_eq!(totals.raw_bytes, frames().map(|frame| frame.raw_bytes).sum::<u64>());
    assert_eq!(totals.stored_bytes, frames().map(|frame| frame.stored_bytes).sum::<u64>());
    assert_eq!((totals.damaged, totals.next), (0, None));
    assert!(totals.ratio().unwrap() < 0.1);
    for by in &totals.encodings {
        let of = || frames().filter(|frame| frame.encoding == by.encoding);
        assert_eq!(by.entries, of().count() as u64);
        assert_eq!(by.raw_bytes, of().map(|frame| frame.raw_bytes).sum::<u64>());
        assert_eq!(by.stored_bytes, of().map(|frame| frame.stored_bytes).sum::<u64>());
    }
    assert_eq!(totals.encodings.iter().map(|by| by.entries).sum::<u64>(), 216);
    assert!(totals.encodings.iter().any(|by| by.encoding == Encoding::Patch));
    assert_eq!(RitualTotals::default().ratio(), None);

    let one = TotalRituals { ritual: Some("loop".parse().unwrap()), ..TotalRituals::default() };
    assert_eq!(view.totals(&one).unwrap().entries, 15);
    let mut sum = view.totals(&one).unwrap();
    sum.add(&totals);
    assert_eq!((sum.rituals, sum.entries, &sum.encodings), (4, 231, &totals.encodings));
}

#[test]
fn a_curve_has_both_ends_and_no_more_points_than_asked_for() {
    let (_, view) = view();
    let (ana, grow) = ("ana".parse().unwrap(), "grow".parse().unwrap());
    for max_points in [2, 3, 50, 199, 200, 1_000] {
        let points = view.overview(&ana, &grow, max_points).unwrap().points;
        assert_eq!(points.len(), max_points.min(200) as usize);
        assert_eq!((points[0].sequence, points.last().unwrap().sequence), (1, 200));
        assert!(points.windows(2).all(|pair| pair[0].raw_bytes < pair[1].raw_bytes));
    }
    for max_points in [0, 1, 1_001] {
        let error = view.overview(&ana, &grow, max_points).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Limit, Some("max_points")));
    }
    assert_eq!(view.overview(&ana, &"none".parse().unwrap(), 2).unwrap().points, []);
}

#[test]
fn a_ritual_that_repeats_itself_stalls_and_the_others_do_not() {
    let (_, view) = view();
    let stall =
        |ritual: &str| view.overview(&"ana".parse().unwrap(), &ritual.parse().unwrap(), 2).unwrap().stall;
    let found = stall("loop").unwrap();
    assert_eq!((found.since_sequence, found.length), (2, 14));
    assert_eq!(stall("once"), None);
    assert_eq!(stall("none"), None);
    assert_eq!(view.rituals(&RitualHeadFilter::default(), None, 10).unwrap().items.len(), 3);
}
