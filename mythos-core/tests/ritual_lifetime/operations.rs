//! Any operations one after another, and several at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mythos_core::ritual::{
    CompactRituals, CopyRitual, ForkRitual, PruneRituals, PruneWhat, RetentionPolicy, RitualCompressionCache,
    RitualFilter, SaveRitual, SymbolicIntent,
};
use mythos_core::store::MemoryStore;
use mythos_core::types::{EntryId, RitualId, Runtime};
use mythos_core::{ErrorKind, Mythos};
use proptest::prelude::*;

use super::damage::{in_memory, without_memory};
use super::{
    Payloads, ana, by_policy, check, drop_from, labelled, newest, noise, prune, refund, ritual, saved, tiny,
};

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
        without_memory(Mythos::with_store(store.clone(), Runtime::system())).rituals()
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
