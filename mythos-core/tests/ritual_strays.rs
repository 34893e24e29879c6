//! Cells that someone else put among those of a ritual, under names that this layout gives to none: they are in nobody's
//! way, and a scrub names them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;

use std::collections::BTreeSet;
use std::sync::Arc;

use damage::{BLOCK, PATCH, WHOLE};
use mythos_core::ritual::{
    CompactRituals, CopyRitual, PruneRituals, PruneWhat, RetentionPolicy, RitualBudget,
    RitualCompressionCache, RitualFilter, RitualHead, RitualPart, SaveRitual, ScrubRituals, SymbolicIntent,
    TotalRituals,
};
use mythos_core::store::{Cell, CellName, MemoryStore, Model, Owner};
use mythos_core::types::{AssistantId, EntryId, RitualId};
use mythos_core::{ErrorKind, Mythos};

/// Enough for two groups.
const ENTRIES: u64 = 70;

/// A ritual with a stray cell among its own.
struct Bench {
    store: Arc<MemoryStore>,
    mythos: Mythos,
    owner: Owner,
    entries: Vec<EntryId>,
    stray: Cell,
}

impl Bench {
    fn new(name: &[u8]) -> Self {
        let (store, mythos) = damage::in_memory();
        let entries = (1..=ENTRIES).map(|step| save(&mythos.rituals(), step)).collect();
        let owner = damage::owner(RitualHead::TABLE, &damage::records(&*store, RitualHead::TABLE)[0]);
        let stray = Cell { name: CellName::new(name).unwrap(), bytes: b"whatever else this may be".to_vec() };
        damage::overwrite_cell(&*store, &owner, &stray);
        Self { store, mythos, owner, entries, stray }
    }

    fn rituals(&self) -> RitualCompressionCache {
        self.mythos.rituals()
    }

    fn all_restore(&self, from: usize) {
        for (index, entry) in self.entries.iter().enumerate().skip(from) {
            let restored =
                self.rituals().restore(*entry).unwrap_or_else(|error| panic!("{}: {error}", self.stray.name));
            assert_eq!(restored.payload, state(index as u64 + 1), "{}", self.stray.name);
        }
    }

    fn save(&mut self) {
        let step = self.entries.len() as u64 + 1;
        self.entries.push(save(&self.rituals(), step));
    }

    fn is_there(&self) -> bool {
        damage::cells(&*self.store, &self.owner).contains(&self.stray)
    }
}

fn ana() -> AssistantId {
    "ana".parse().unwrap()
}

fn to_copy() -> CopyRitual {
    CopyRitual {
        assistant: ana(),
        ritual: refund(),
        to_assistant: None,
        to_ritual: "copy".parse().unwrap(),
        budget: RitualBudget::default(),
    }
}

fn refund() -> RitualId {
    "refund".parse().unwrap()
}

fn save(rituals: &RitualCompressionCache, step: u64) -> EntryId {
    rituals.save(&SaveRitual::new(ana(), refund()), &state(step)).unwrap().entry
}

fn state(step: u64) -> Vec<u8> {
    let turns: String = (0..step).map(|turn| format!("turn {turn}; ")).collect();
    format!("{{\"step\":{step},\"turns\":\"{turns}\"}}").into_bytes()
}

/// Names that no cell of a ritual has.
fn strays() -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    for kind in [BLOCK, PATCH, WHOLE] {
        let placed =
            |sequence: u64, revision: &[u8]| [&[kind], &sequence.to_be_bytes()[..], revision].concat();
        names.extend([
            vec![kind],
            vec![kind, u8::MAX],
            vec![kind; 64],
            placed(0, &[0, 0, 0, 1]),
            placed(1, &[]),
            placed(3, &[]),
            placed(3, &[0]),
            placed(3, &[u8::MAX; 5]),
            placed(64, &[u8::MAX; 6]),
            placed(65, &[]),
            placed(ENTRIES, &[u8::MAX; 5]),
            placed(200, &[0; 5]),
            placed(EntryId::MAX_SEQUENCE + 1, &[0, 0, 0, 1]),
            placed(u64::MAX, &[0, 0, 0, 1]),
            placed(u64::MAX, &[u8::MAX; 4]),
        ]);
    }
    names
}

#[test]
fn a_stray_is_named_and_hides_nothing() {
    for name in strays() {
        let bench = Bench::new(&name);
        let (rituals, name) = (bench.rituals(), bench.stray.name);
        bench.all_restore(0);
        assert!(bench.entries.iter().all(|entry| rituals.verify(*entry).unwrap().verified), "{name}");
        let verifiable = rituals.latest_verifiable(&ana(), &refund(), None).unwrap().unwrap();
        assert_eq!(verifiable.restored.payload, state(ENTRIES), "{name}");
        match rituals.latest(&ana(), &refund()) {
            Ok(latest) => assert_eq!(latest.unwrap().payload, state(ENTRIES), "{name}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}"),
        }
        let filter =
            RitualFilter { assistant: Some(ana()), ritual: Some(refund()), ..RitualFilter::default() };
        assert_eq!(rituals.list(&filter, None, 1_000).unwrap().items.len() as u64, ENTRIES, "{name}");
        let totals = rituals.totals(&TotalRituals { by_encoding: true, ..TotalRituals::default() }).unwrap();
        assert_eq!(totals.encodings.iter().map(|of| of.entries).sum::<u64>(), ENTRIES, "{name}");
        let report = rituals.scrub(&ScrubRituals::default()).unwrap();
        let [finding] = &report.damaged[..] else { panic!("{name}: {report:?}") };
        assert_eq!(finding.part, RitualPart::Orphan, "{name}");
        assert!(finding.message.contains(&name.to_string()), "{}", finding.message);
        assert!(finding.lost.is_empty() && report.entries == ENTRIES, "{report:?}");
    }
}

#[test]
fn work_on_a_ritual_passes_a_stray() {
    for name in strays() {
        let mut bench = Bench::new(&name);
        let (rituals, name) = (bench.rituals(), bench.stray.name);
        bench.save();
        let report = rituals.compact(&CompactRituals::default()).unwrap();
        assert!(report.skipped.is_empty() && report.rituals == 1 && report.entries > 0, "{name}: {report:?}");
        bench.all_restore(0);
        assert!(bench.is_there(), "{name} is not the compaction's to delete");
        bench.save();
        rituals.compact(&CompactRituals::default()).unwrap();
        bench.all_restore(0);

        let copied = rituals.copy(&to_copy()).unwrap();
        assert!(
            copied.done && copied.entries == ENTRIES + 2 && copied.skipped.is_empty(),
            "{name}: {copied:?}"
        );

        let policy = RetentionPolicy { max_entries: Some(10), ..RetentionPolicy::default() };
        let (assistant, ritual) = (Some(ana()), Some(refund()));
        let prune = PruneRituals::new(PruneWhat::Policy { assistant, ritual, policy });
        let pruned = rituals.prune(&prune).unwrap();
        assert!(pruned.entries == ENTRIES - 8 && pruned.skipped.is_empty(), "{name}: {pruned:?}");
        bench.all_restore(ENTRIES as usize - 8);
        bench.save();
        bench.all_restore(ENTRIES as usize - 8);

        assert!(rituals.delete_ritual(&ana(), &refund()).unwrap().done, "{name}");
        assert!(damage::cells(&*bench.store, &bench.owner).is_empty(), "{name}");
    }
}

#[test]
fn a_stray_longer_than_all_blocks_does_not_look_like_the_end() {
    let (store, mythos) = damage::in_memory();
    let rituals = mythos.rituals();
    for step in 1..=5 {
        let intent = SymbolicIntent { labels: [format!("label {step}")].into(), ..SymbolicIntent::default() };
        rituals.save(&SaveRitual { intent, ..SaveRitual::new(ana(), refund()) }, &state(step)).unwrap();
    }
    let owner = damage::owner(RitualHead::TABLE, &damage::records(&*store, RitualHead::TABLE)[0]);
    let name = [&[BLOCK], &2_u64.to_be_bytes()[..], &[u8::MAX; 5]].concat();
    let stray = Cell { name: CellName::new(&name).unwrap(), bytes: vec![7; 17 << 20] };
    damage::overwrite_cell(&*store, &owner, &stray);
    rituals.compact(&CompactRituals::default()).unwrap();
    let filter = RitualFilter { assistant: Some(ana()), ritual: Some(refund()), ..RitualFilter::default() };
    assert_eq!(rituals.list(&filter, None, 10).unwrap().items.len(), 5);
    let report = rituals.scrub(&ScrubRituals::default()).unwrap();
    assert!(report.findings == 1 && report.damaged[0].part == RitualPart::Orphan, "{report:?}");
}

#[test]
fn a_ritual_goes_on_from_a_damaged_head_beside_a_stray() {
    for name in strays() {
        let mut bench = Bench::new(&name);
        let head = damage::records(&*bench.store, RitualHead::TABLE).remove(0);
        damage::tamper(&*bench.store, RitualHead::TABLE, &head, |body| drop(body.remove("signature")));
        bench.save();
        bench.save();
        bench.all_restore(0);
    }
}

#[test]
fn a_stray_where_no_ritual_is_hinders_none() {
    for name in strays() {
        let bench = Bench::new(&name);
        assert!(bench.rituals().delete_ritual(&ana(), &refund()).unwrap().done);
        damage::overwrite_cell(&*bench.store, &bench.owner, &bench.stray);
        let entry = save(&bench.rituals(), 1);
        assert_eq!(bench.rituals().restore(entry).unwrap().payload, state(1), "{}", bench.stray.name);
    }
}

/// What may lie beside the block of an entry after a file was put together from an older and a newer one: the block that
/// was replaced, or what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Replaced,
    Damaged,
}

#[test]
fn a_block_that_was_replaced_hides_nothing_when_it_is_back() {
    for (beside, is_compacted, position) in [Beside::Replaced, Beside::Damaged]
        .into_iter()
        .flat_map(|beside| [(beside, false), (beside, true)])
        .flat_map(|(beside, is_compacted)| {
            [2, 7, ENTRIES - 1].map(|position| (beside, is_compacted, position))
        })
    {
        let what = format!("{beside:?} {is_compacted} {position}");
        let (store, mythos) = damage::in_memory();
        let rituals = mythos.rituals();
        let (mut entries, mut replaced) = (Vec::new(), None);
        for step in 1..=ENTRIES {
            entries.push(save(&rituals, step));
            let owner = damage::owner(RitualHead::TABLE, &damage::records(&*store, RitualHead::TABLE)[0]);
            // The next save gives the entry a patch.
            if step == position || (is_compacted && step == position + 1) {
                replaced = Some((owner.clone(), damage::cell_at(&*store, &owner, BLOCK, position)));
            }
        }
        if is_compacted {
            rituals.compact(&CompactRituals::default()).unwrap();
        }
        let (owner, mut stray) = replaced.unwrap();
        assert!(!damage::cells(&*store, &owner).contains(&stray), "{what}");
        if beside == Beside::Damaged {
            stray.bytes[0] ^= 1;
        }
        damage::overwrite_cell(&*store, &owner, &stray);

        let mut bench = Bench { store, mythos, owner, entries, stray };
        bench.all_restore(0);
        assert!(bench.entries.iter().all(|entry| rituals.verify(*entry).unwrap().restorable), "{what}");
        let filter =
            RitualFilter { assistant: Some(ana()), ritual: Some(refund()), ..RitualFilter::default() };
        assert_eq!(rituals.list(&filter, None, 1_000).unwrap().items.len() as u64, ENTRIES, "{what}");
        let report = rituals.scrub(&ScrubRituals::default()).unwrap();
        assert!(report.findings > 0, "{what}");
        assert!(report.damaged.iter().all(|finding| finding.lost.is_empty()), "{what}: {report:?}");
        let orphan = report.damaged.iter().find(|finding| finding.part == RitualPart::Orphan).unwrap();
        assert!(orphan.message.contains(&bench.stray.name.to_string()), "{what}: {}", orphan.message);

        bench.save();
        let copied = rituals.copy(&to_copy()).unwrap();
        assert!(copied.entries == ENTRIES + 1 && copied.skipped.is_empty(), "{what}: {copied:?}");
        rituals.compact(&CompactRituals::default()).unwrap();
        bench.all_restore(0);
        let first = BTreeSet::from([bench.entries[0]]);
        let pruned = rituals.prune(&PruneRituals::new(PruneWhat::Entries { entries: first })).unwrap();
        assert!(pruned.entries == 1 && pruned.skipped.is_empty(), "{what}: {pruned:?}");
        bench.all_restore(1);
    }
}
