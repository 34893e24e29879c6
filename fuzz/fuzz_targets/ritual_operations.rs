//! Whatever is done to rituals in whatever order, every entry restores as it was saved: compared with a plain map.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use mythos_core::Mythos;
use mythos_core::ritual::{
    CompactRituals, MIN_TRAINING_STATES, ParentExpectation, RitualBudget, RitualCompressionCache,
    RitualFilter, RitualOptions, RitualProgress, SaveRitual,
};
use mythos_core::seal::{KeyRing, SecretKey};
use mythos_core::store::MemoryStore;
use mythos_core::testing::simulated_runtime;
use mythos_core::types::{AssistantId, EntryId, OperationId, RitualId, Timestamp};

const RITUALS: u8 = 3;
const KEYS: u8 = 2;
const MAX_STEPS: usize = 300;
/// Training is the slowest by far.
const MAX_TRAININGS: usize = 1;

struct World {
    mythos: Mythos,
    rituals: RitualCompressionCache,
    ring: Arc<KeyRing>,
    saved: BTreeMap<u8, Vec<(EntryId, Vec<u8>)>>,
    progress: Option<RitualProgress>,
    trainings: usize,
}

fn ana() -> AssistantId {
    "ana".parse().expect("a name")
}

fn ritual(number: u8) -> RitualId {
    format!("ritual {number}").parse().expect("a name")
}

impl World {
    fn new() -> Self {
        let ring = KeyRing::new();
        for number in 0..KEYS {
            let id = format!("key {number}").replace(' ', "-").parse().expect("an id");
            ring.insert(id, SecretKey::from_bytes(&[number; 32])).expect("a new id");
        }
        let ring = Arc::new(ring);
        let (runtime, _) = simulated_runtime(1, Timestamp::UNIX_EPOCH);
        let mythos = Mythos::with_store(Arc::new(MemoryStore::new()), runtime);
        let rituals = mythos.rituals();
        let mut world = Self { mythos, rituals, ring, saved: BTreeMap::new(), progress: None, trainings: 0 };
        world.reopen(0);
        world
    }

    /// The same store, with a memory of newest states or without.
    fn reopen(&mut self, argument: u8) {
        let hot_bytes = [0, 10_000, RitualOptions::DEFAULT_HOT_BYTES][usize::from(argument % 3)];
        let keys = Some(self.ring.clone() as Arc<_>);
        let options = RitualOptions { keys, hot_bytes, ..RitualOptions::default() };
        self.mythos = self.mythos.clone().with_rituals(options);
        self.rituals = self.mythos.rituals();
    }

    /// The next state: the last one with a piece added, cut, changed or repeated, or another.
    fn state(&self, number: u8, how: u8, length: u8) -> Vec<u8> {
        let mut state = self
            .saved
            .get(&number)
            .and_then(|saved| saved.last())
            .map_or(Vec::new(), |(_, last)| last.clone());
        let piece: Vec<u8> = (0..length).map(|index| index.wrapping_mul(how).wrapping_add(how)).collect();
        match how % 5 {
            0 => state.extend(piece),
            1 => state.truncate(state.len() * usize::from(length) / 256),
            2 => state.iter_mut().step_by(usize::from(length) + 1).for_each(|byte| *byte ^= how),
            3 if state.len() < 10_000 => state = state.repeat(2),
            _ => state = piece,
        }
        state
    }

    fn save(&mut self, number: u8, how: u8, length: u8) {
        let payload = self.state(number, how, length);
        let saved = self.saved.entry(number).or_default();
        let mut save = SaveRitual::new(ana(), ritual(number));
        if how & 32 != 0 {
            save.parent =
                saved.last().map_or(ParentExpectation::Absent, |(last, _)| ParentExpectation::Entry(*last));
        }
        if how & 64 != 0 {
            save.operation = Some(OperationId::from_name(&format!("{number} {}", saved.len())));
        }
        if how & 128 != 0 {
            save.intent.labels.insert(format!("label {}", length % 4));
        }
        let entry = self.rituals.save(&save, &payload).expect("a save that nothing speaks against");
        assert_eq!(entry.sequence, saved.len() as u64 + 1);
        if save.operation.is_some() {
            let again = self.rituals.save(&save, &payload).expect("a repetition");
            assert_eq!(again.entry, entry.entry);
        }
        saved.push((entry.entry, payload));
    }

    fn restore(&self, number: u8, which: u8) {
        let Some(saved) = self.saved.get(&number) else { return };
        let (entry, payload) = &saved[usize::from(which) % saved.len()];
        assert_eq!(self.rituals.restore(*entry).expect("a saved entry").payload, *payload);
    }

    fn newest(&self, number: u8, before: u8) {
        let saved = self.saved.get(&number).map_or(&[][..], Vec::as_slice);
        let newest = self.rituals.latest(&ana(), &ritual(number)).expect("a sound ritual");
        assert_eq!(
            newest.map(|restored| restored.payload).as_ref(),
            saved.last().map(|(_, payload)| payload)
        );
        let before = u64::from(before);
        let found =
            self.rituals.latest_verifiable(&ana(), &ritual(number), Some(before)).expect("a sound ritual");
        let expected = saved.iter().take(usize::try_from(before.saturating_sub(1)).expect("few")).next_back();
        assert_eq!(found.as_ref().map(|found| &found.restored.payload), expected.map(|(_, payload)| payload));
        assert!(found.is_none_or(|found| found.skipped.is_empty()));
    }

    fn compact(&mut self, argument: u8) {
        let budget = RitualBudget { max_bytes: u64::from(argument) * 50, max_milliseconds: None };
        let request = CompactRituals { budget, after: self.progress, ..CompactRituals::default() };
        let report = self.rituals.compact(&request).expect("a sound store");
        assert!(report.skipped.is_empty(), "{report:?}");
        self.progress = report.next;
    }

    fn train(&mut self) {
        let states: usize = self.saved.values().map(Vec::len).sum();
        if self.trainings < MAX_TRAININGS && states >= MIN_TRAINING_STATES {
            self.trainings += 1;
            self.rituals.train(&ana()).expect("a sound store");
        }
    }

    fn change_key(&self, argument: u8) {
        match argument % (KEYS + 1) {
            KEYS => self.ring.deactivate(),
            number => {
                self.ring.activate(&format!("key-{number}").parse().expect("an id")).expect("a known key")
            }
        }
    }

    fn check(&self) {
        let listed = self.rituals.list(&RitualFilter::default(), None, 1_000).expect("a sound store").items;
        assert_eq!(listed.len(), self.saved.values().map(Vec::len).sum::<usize>());
        for (entry, payload) in self.saved.values().flatten() {
            assert_eq!(self.rituals.restore(*entry).expect("a saved entry").payload, *payload);
            assert!(self.rituals.verify(*entry).expect("a saved entry").verified);
        }
    }
}

// Three bytes for each step: what, and two arguments.
fuzz_target!(|bytes: &[u8]| {
    let mut world = World::new();
    for step in bytes.chunks_exact(3).take(MAX_STEPS) {
        let [what, one, two] = *step else { continue };
        let number = what / 16 % RITUALS;
        match what % 16 {
            0..=7 => world.save(number, one, two),
            8 | 9 => world.restore(number, one),
            10 | 11 => world.newest(number, one),
            12 | 13 => world.compact(one),
            14 if one < 128 => world.change_key(two),
            14 => world.train(),
            _ => world.reopen(one),
        }
    }
    world.check();
});
