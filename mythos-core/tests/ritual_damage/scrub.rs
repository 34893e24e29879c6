//! What verifying and scrubbing tell of damage.

use std::collections::BTreeSet;

use mythos_core::ErrorKind;
use mythos_core::ritual::{RitualFilter, RitualPart, ScrubReport, ScrubRituals};
use mythos_core::store::{Batch, CellName, Names, Store};
use mythos_core::types::EntryId;

use super::caches::{long, sealed, varied};
use super::{Damage, Place, lost, scrub};

#[test]
fn verifying_an_entry_finds_what_another_way_makes_good() {
    for cache in [varied(), long(), sealed().0] {
        for (index, (owner, cell)) in cache.cells.iter().enumerate() {
            let damage = Damage::Gone(index);
            cache.damage(&damage);
            let rituals = cache.open().rituals();
            let mut is_found = false;
            for one in cache.touched(&damage).iter().flat_map(|place| &cache.saved[place]) {
                let found = rituals.verify(one.entry.entry).unwrap();
                assert_eq!(found.verified, found.findings.is_empty());
                assert_eq!(found.restorable, rituals.restore(one.entry.entry).is_ok(), "{found:?}");
                is_found |= !found.verified;
            }
            assert!(is_found, "no entry misses cell {} of {owner}", cell.name);
            cache.mend(&damage);
        }
    }
    let cache = long();
    // The one before the newest has two ways back.
    let index =
        cache.cells.iter().position(|(_, cell)| cell.name.as_bytes()[..9] == [b'w', 0, 0, 0, 0, 0, 0, 0, 66]);
    cache.damage(&Damage::Gone(index.unwrap()));
    let rituals = cache.open().rituals();
    let entry = cache.saved.values().next().unwrap()[65].entry.entry;
    let found = rituals.verify(entry).unwrap();
    assert!(found.restorable && !found.verified);
    assert_eq!((found.findings[0].part, found.findings[0].sequence), (RitualPart::Whole, Some(66)));
    assert_eq!(found.findings[0].lost, []);
    let pruned: EntryId = "00000000-0000-8000-8000-000000000001".parse().unwrap();
    assert_eq!(rituals.verify(pruned).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn findings_tell_both_digests_and_stray_cells_are_found() {
    let cache = varied();
    let place: Place = ("ben".parse().unwrap(), "leap".parse().unwrap());
    let index = cache.cells.iter().position(|(_, cell)| cell.name.as_bytes()[0] == b'p').unwrap();
    cache.damage(&Damage::Flipped(index, 100));
    let report = scrub(&cache.open().rituals(), &[place.clone()].into()).remove(0);
    let finding = &report.damaged[0];
    assert_eq!((finding.part, finding.sequence), (RitualPart::Patch, Some(2)));
    assert!(finding.expected.is_some() && finding.found.is_some() && finding.expected != finding.found);
    assert_eq!(lost(&[report], &place, &cache.saved[&place]), [1, 2].into());
    cache.mend(&Damage::Gone(index));

    let owner = cache.cells[index].0.clone();
    let names: [&[u8]; 10] =
        [b"e", b"e0", b"i7", b"o7", b"p\0\0\0\0\0\0\0\x02\xff\0\0\0", b"w\0", b"w\x01", b"x", b"a", b"z\0"];
    for name in names {
        let name = CellName::new(name).unwrap();
        let mut batch = Batch::new();
        batch.put_cell(owner.clone(), name, vec![1, 2, 3]);
        cache.store.commit(&batch).unwrap();
        let report = scrub(&cache.open().rituals(), &[place.clone()].into()).remove(0);
        assert_eq!(report.findings, 1, "{name:?}: {report:?}");
        assert_eq!(report.damaged[0].lost, []);
        let mut batch = Batch::new();
        batch.delete_cells(owner.clone(), Names::one(name));
        cache.store.commit(&batch).unwrap();
    }
}

#[test]
fn a_scrub_in_small_steps_finds_the_same_and_is_noted() {
    let cache = long();
    let whole =
        cache.cells.iter().position(|(_, cell)| cell.name.as_bytes()[..9] == [b'w', 0, 0, 0, 0, 0, 0, 0, 64]);
    cache.damage(&Damage::Gone(whole.unwrap()));
    let at_once = cache.open().rituals().scrub(&ScrubRituals::default()).unwrap();
    let rituals = cache.open().rituals();
    let mut request = ScrubRituals::default();
    request.budget.max_bytes = 1;
    let (mut found, mut entries, mut calls) = (Vec::new(), 0, 0);
    loop {
        let report = rituals.scrub(&request).unwrap();
        found.extend(report.damaged);
        (entries, calls) = (entries + report.entries, calls + 1);
        assert!(calls < 100, "{:?}", report.next);
        match report.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    assert_eq!((entries, at_once.entries), (67, 67));
    assert!(calls > 60);
    let place = cache.saved.keys().next().unwrap();
    let step_by_step = ScrubReport { damaged: found, ..ScrubReport::default() };
    let saved = &cache.saved[place];
    let failed: BTreeSet<u64> = saved
        .iter()
        .filter(|one| rituals.restore(one.entry.entry).is_err())
        .map(|one| one.entry.sequence)
        .collect();
    assert_eq!(lost(&[at_once], place, saved), failed);
    assert!(lost(&[step_by_step], place, saved).is_subset(&failed));
    let sound = RitualFilter { verified: Some(true), ..RitualFilter::default() };
    let listed = rituals.list(&sound, None, 1_000).unwrap().items;
    let listed: BTreeSet<u64> = listed.iter().map(|entry| entry.sequence).collect();
    let expected: BTreeSet<u64> = (1..=67).filter(|sequence| !failed.contains(sequence)).collect();
    assert_eq!(listed, expected);
}
