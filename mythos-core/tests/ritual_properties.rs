//! What the layout of rituals promises: bounds on bytes, on reads and on writes, and the order of concurrent saves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use mythos_core::ritual::{
    CompactRituals, CompressedRitual, Encoding, KEYFRAME_INTERVAL, ParentExpectation, RitualFilter,
    RitualHeadFilter, RitualOptions, SaveRitual,
};
use mythos_core::store::{
    Answer, Batch, Budget, Capabilities, CellName, CellOp, Maintained, MemoryStore, Names, Read, Store,
    StoreError,
};
use mythos_core::types::{AssistantId, Digest, EntryId, RitualId, Runtime};
use mythos_core::{ErrorKind, Mythos};
use serde_json::json;

fn ana() -> AssistantId {
    "ana".parse().unwrap()
}

fn ritual(number: usize) -> RitualId {
    format!("ritual {number}").parse().unwrap()
}

fn to(number: usize) -> SaveRitual {
    SaveRitual::new(ana(), ritual(number))
}

/// Bytes that nothing compresses, a function of the seed.
fn noise(seed: &str, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 32);
    for block in 0..length.div_ceil(32) {
        bytes.extend_from_slice(Digest::of(format!("{seed} {block}").as_bytes()).as_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// One of so many, a function of the seed.
fn draw(seed: &str, below: usize) -> usize {
    let digest = Digest::of(seed.as_bytes());
    usize::from(u16::from_le_bytes([digest.as_bytes()[0], digest.as_bytes()[1]])) % below
}

/// JSON of about a length, of words that are drawn anew for each seed.
fn unrelated_json(seed: &str, length: usize) -> Vec<u8> {
    let mut words = Vec::new();
    for number in 0..length / 12 {
        let word = Digest::of(format!("{seed} word {}", draw(&format!("{seed} {number}"), 5_000)).as_bytes());
        words.push(word.to_string()[..2 + number % 12].to_owned());
    }
    serde_json::to_vec(&json!({"seed": seed, "words": words})).unwrap()
}

/// What zstd alone makes of a payload at the level that saves use.
fn zstd_bytes(payload: &[u8]) -> u64 {
    let mut frame = Vec::with_capacity(zstd_safe::compress_bound(payload.len()));
    zstd_safe::compress(&mut frame, payload, 3).unwrap() as u64
}

/// What a store was asked for, by kind of cell: the first byte of a cell's name.
#[derive(Debug, Clone, Default)]
struct Counted {
    /// The cells that were read.
    read: BTreeMap<char, u64>,
    /// The batches that were committed.
    batches: Vec<Batch>,
    /// How many commits were refused.
    refused: u64,
}

/// A store that counts what it is asked for.
#[derive(Debug, Default)]
struct Counting {
    inner: MemoryStore,
    counted: Mutex<Counted>,
}

impl Counting {
    /// What was counted since the last call.
    fn take(&self) -> Counted {
        std::mem::take(&mut *self.counted.lock().unwrap())
    }
}

fn kind(name: &CellName) -> char {
    char::from(name.as_bytes()[0])
}

impl Store for Counting {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        let answers = self.inner.read(reads)?;
        let mut counted = self.counted.lock().unwrap();
        for answer in &answers {
            if let Answer::Cells { cells, .. } = answer {
                cells.iter().for_each(|cell| *counted.read.entry(kind(&cell.name)).or_default() += 1);
            }
        }
        Ok(answers)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let result = self.inner.commit(batch);
        let mut counted = self.counted.lock().unwrap();
        match result {
            Ok(()) => counted.batches.push(batch.clone()),
            Err(_) => counted.refused += 1,
        }
        result
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.inner.maintain(budget)
    }
}

/// Services on a counting store, which read everything from it.
fn counting() -> (Arc<Counting>, Mythos) {
    let store = Arc::new(Counting::default());
    let mythos = Mythos::with_store(store.clone(), Runtime::system());
    (store, mythos.with_rituals(RitualOptions { hot_bytes: 0, ..RitualOptions::default() }))
}

fn entries(mythos: &Mythos, number: usize) -> Vec<CompressedRitual> {
    let filter =
        RitualFilter { assistant: Some(ana()), ritual: Some(ritual(number)), ..RitualFilter::default() };
    let (mut entries, mut after) = (Vec::new(), None);
    loop {
        let page = mythos.rituals().list(&filter, after, 1_000).unwrap();
        entries.extend(page.items);
        after = page.next;
        if after.is_none() {
            entries.reverse();
            return entries;
        }
    }
}

#[test]
fn states_that_resemble_nothing_take_no_more_than_zstd_makes_of_them() {
    let sizes = [0, 1, 10, 100, 1_000, 2_000, 10_000, 100_000, 300_000, 3 << 20];
    type Make = fn(&str, usize) -> Vec<u8>;
    let kinds: [(&str, Make); 2] = [("noise", noise), ("JSON", unrelated_json)];
    let mythos = Mythos::in_memory();
    let mut number = 0;
    for (name, make) in kinds {
        for size in sizes {
            number += 1;
            let count = if size > 10_000 { 4 } else { 70 };
            let payloads: Vec<Vec<u8>> =
                (0..count).map(|step| make(&format!("{name} {size} {step}"), size)).collect();
            for payload in &payloads {
                mythos.rituals().save(&to(number), payload).unwrap();
            }
            for is_compacted in [false, true] {
                if is_compacted {
                    mythos.rituals().compact(&CompactRituals::default()).unwrap();
                }
                let entries = entries(&mythos, number);
                assert_eq!(entries.len(), payloads.len());
                for (entry, payload) in entries.iter().zip(&payloads) {
                    assert_eq!(mythos.rituals().restore(entry.entry).unwrap().payload, *payload);
                    let (stored, alone) = (entry.compressed_ritual_data.stored_bytes, zstd_bytes(payload));
                    let bound = alone + alone / 100 + 64;
                    // The newest but one has its patch beside its whole payload until the next save, so that the newest
                    // may be lost.
                    let is_twice = entry.sequence + 1 == entries.len() as u64;
                    let bound = if is_twice { 2 * bound } else { bound };
                    assert!(
                        stored <= bound,
                        "{name} of {size} bytes, entry {}, compacted {is_compacted}: {stored} bytes, zstd alone {alone}",
                        entry.sequence
                    );
                }
            }
        }
    }
}

/// A support ticket as a desk's software holds it, about a kilobyte.
fn ticket(number: usize) -> Vec<u8> {
    let pick = |what: &str, from: &[&str]| from[draw(&format!("{number} {what}"), from.len())].to_owned();
    let name = format!(
        "{} {}",
        pick("first", &["Ana", "Bruno", "Chiara", "Dmitri", "Eve", "Farid"]),
        pick("last", &["Keller", "Rossi", "Novak", "Okafor", "Silva", "Yamada"])
    );
    let state = json!({
        "schema": "support.ticket/3",
        "ticket": {"id": 480_000 + number, "channel": pick("channel", &["mail", "chat", "phone"]), "priority": pick("priority", &["low", "normal", "high"]), "status": "awaiting_agent", "language": pick("language", &["de", "en", "fr"])},
        "customer": {"name": name, "account": format!("AC-{:06}", draw(&format!("{number} account"), 65_000)), "tier": pick("tier", &["basic", "plus", "business"]), "open_orders": draw(&format!("{number} orders"), 9)},
        "order": {"number": format!("4711-{:05}", draw(&format!("{number} order"), 65_000)), "total_cents": 100 * draw(&format!("{number} total"), 900), "currency": "EUR", "shipped": number.is_multiple_of(3)},
        "plan": ["identify the customer", "look up the order", "check the refund policy", "propose a solution", "confirm with the customer"],
        "step": pick("step", &["identify the customer", "look up the order", "check the refund policy"]),
        "tools": {"order_lookup": {"calls": draw(&format!("{number} calls"), 5), "last_error": null}, "refund": {"calls": 0, "limit_cents": 5_000}},
        "messages": [{"role": "customer", "text": format!("Hello, my order has not arrived. {}", pick("text", &["It should have been here on Monday.", "The tracking page shows nothing.", "I would like my money back.", "Can you send it again?"]))}],
    });
    serde_json::to_vec(&state).unwrap()
}

#[test]
fn a_dictionary_halves_small_states_at_least() {
    const TICKETS: usize = 300;
    let mythos = Mythos::in_memory();
    let rituals = mythos.rituals();
    let saved: Vec<_> = (0..TICKETS)
        .map(|number| {
            let payload = ticket(number);
            assert!(payload.len() < 2_048);
            (rituals.save(&to(number), &payload).unwrap().entry, payload)
        })
        .collect();
    let alone: u64 = saved.iter().map(|(_, payload)| zstd_bytes(payload)).sum();
    let trained = rituals.train(&ana()).unwrap();
    assert!(trained.trained.is_some(), "{trained:?}");
    let report = rituals.compact(&CompactRituals::default()).unwrap();
    assert_eq!((report.next, report.skipped.len()), (None, 0));

    let heads = rituals.rituals(&RitualHeadFilter::default(), None, 1_000).unwrap().items;
    let states: u64 = heads.iter().map(|head| head.stored_bytes).sum();
    let dictionaries = rituals.dictionaries(&ana()).unwrap().unwrap().dictionaries;
    let dictionary: u64 = dictionaries.iter().map(|dictionary| dictionary.stored_bytes).sum();
    assert!(2 * (states + dictionary) < alone, "{states} + {dictionary} bytes, zstd alone {alone}");
    for (entry, payload) in &saved {
        let restored = rituals.restore(*entry).unwrap();
        assert_eq!(restored.payload, *payload);
        assert_eq!(restored.entry.compressed_ritual_data.dictionary, trained.trained);
    }
    // What is saved from now on is small at once.
    let payload = ticket(TICKETS);
    let next = rituals.save(&to(TICKETS), &payload).unwrap();
    assert!(2 * next.compressed_ritual_data.stored_bytes < zstd_bytes(&payload));
}

#[test]
fn of_concurrent_saves_behind_the_same_entry_one_wins_and_the_others_are_told() {
    const THREADS: usize = 8;
    const SAVES: usize = 20;
    let mythos = Mythos::in_memory();
    let acknowledged: Mutex<Vec<(EntryId, u64)>> = Mutex::default();
    // Each save adds one to what it found; a lost update would be missing in the end.
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let rituals = mythos.rituals();
                let mut saved = 0;
                while saved < SAVES {
                    let found = rituals.latest(&ana(), &ritual(0)).unwrap();
                    let (parent, count) = match &found {
                        None => (ParentExpectation::Absent, 0),
                        Some(found) => {
                            let count = u64::from_le_bytes(found.payload[..].try_into().unwrap());
                            (ParentExpectation::Entry(found.entry.entry), count)
                        }
                    };
                    let next = (count + 1).to_le_bytes();
                    match rituals.save(&SaveRitual { parent, ..to(0) }, &next) {
                        Ok(entry) => {
                            acknowledged.lock().unwrap().push((entry.entry, count + 1));
                            saved += 1;
                        }
                        Err(error) => {
                            assert_eq!((error.kind(), error.field()), (ErrorKind::Conflict, Some("parent")));
                        }
                    }
                }
            });
        }
    });
    let entries = entries(&mythos, 0);
    assert_eq!(entries.len(), THREADS * SAVES);
    for pair in entries.windows(2) {
        assert_eq!((pair[1].sequence, pair[1].parent), (pair[0].sequence + 1, Some(pair[0].entry)));
        assert!(pair[1].created_at >= pair[0].created_at);
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    assert_eq!(acknowledged.len(), entries.len());
    for (entry, count) in acknowledged {
        assert_eq!(entry.sequence(), count);
        assert_eq!(mythos.rituals().restore(entry).unwrap().payload, count.to_le_bytes());
    }
}

/// A store whose commits wait until so many are under way.
#[derive(Debug)]
struct Meeting {
    inner: MemoryStore,
    expected: usize,
    arrived: Mutex<usize>,
    all: Condvar,
}

impl Store for Meeting {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        self.inner.read(reads)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        /// Only what never comes is waited for so long.
        const PATIENCE: Duration = Duration::from_secs(60);
        let mut arrived = self.arrived.lock().unwrap();
        *arrived += 1;
        self.all.notify_all();
        let (arrived, waited) =
            self.all.wait_timeout_while(arrived, PATIENCE, |arrived| *arrived < self.expected).unwrap();
        assert!(!waited.timed_out(), "only {arrived} commits were under way at once");
        drop(arrived);
        self.inner.commit(batch)
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.inner.maintain(budget)
    }
}

#[test]
fn saves_to_different_rituals_run_at_the_same_time() {
    const THREADS: usize = 8;
    let store = Meeting {
        inner: MemoryStore::new(),
        expected: THREADS,
        arrived: Mutex::default(),
        all: Condvar::new(),
    };
    let mythos = Mythos::with_store(Arc::new(store), Runtime::system());
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let rituals = mythos.rituals();
            scope.spawn(move || rituals.save(&to(number), b"state").unwrap());
        }
    });
    for number in 0..THREADS {
        assert_eq!(mythos.rituals().latest(&ana(), &ritual(number)).unwrap().unwrap().payload, b"state");
    }
}

#[test]
fn saves_to_different_rituals_never_conflict() {
    const THREADS: usize = 8;
    const SAVES: usize = 40;
    let (store, mythos) = counting();
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let rituals = mythos.rituals();
            scope.spawn(move || {
                for step in 0..SAVES {
                    rituals.save(&to(number), format!("step {step} of {number}").as_bytes()).unwrap();
                }
            });
        }
    });
    let counted = store.take();
    assert_eq!((counted.batches.len(), counted.refused), (THREADS * SAVES, 0));
}

/// A state that takes a patch of so many bytes: all of it changes from step to step.
fn changing(step: u64, bytes: usize) -> Vec<u8> {
    let mut state = noise("what stays", 3_000);
    state.extend(noise(&step.to_string(), bytes));
    state
}

/// Restores entries of a long thread, and checks how many cells each took.
fn restore_and_count(store: &Counting, mythos: &Mythos, saved: &[(EntryId, Vec<u8>)], long: bool) {
    /// A whole payload is also read where none is needed in the end.
    const SLACK: u64 = 2;
    let mut most_patches = 0;
    for (entry, payload) in saved.iter().step_by(7).chain(&saved[saved.len() - 3..]) {
        store.take();
        assert_eq!(mythos.rituals().restore(*entry).unwrap().payload, *payload);
        let read = store.take().read;
        let count = |kind: char| read.get(&kind).copied().unwrap_or(0);
        assert!(count('p') <= KEYFRAME_INTERVAL, "{entry}: {read:?}");
        assert!(count('e') <= KEYFRAME_INTERVAL + SLACK, "{entry}: {read:?}");
        assert!(count('w') <= SLACK, "{entry}: {read:?}");
        most_patches = most_patches.max(count('p'));
    }
    assert_eq!(most_patches > 0, long, "long patches have cells of their own, short ones have not");
}

#[test]
fn any_entry_of_a_long_thread_takes_at_most_one_interval_of_patches() {
    const ENTRIES: u64 = 2_500;
    for (bytes, long) in [(40, false), (1_500, true)] {
        let (store, mythos) = counting();
        let saved: Vec<_> = (1..=ENTRIES)
            .map(|step| {
                let payload = changing(step, bytes);
                (mythos.rituals().save(&to(0), &payload).unwrap().entry, payload)
            })
            .collect();
        let listed = entries(&mythos, 0);
        let patched =
            listed.iter().filter(|entry| entry.compressed_ritual_data.encoding == Encoding::Patch).count();
        assert!(patched as u64 > ENTRIES * 9 / 10, "{patched} patches");
        restore_and_count(&store, &mythos, &saved, long);
        let report = mythos.rituals().compact(&CompactRituals::default()).unwrap();
        assert!(report.skipped.is_empty() && report.next.is_none());
        restore_and_count(&store, &mythos, &saved, long);
    }
}

/// The positions in the names of cells of a kind that a batch puts or deletes.
fn touched(batch: &Batch, of: char) -> BTreeSet<u64> {
    let mut names = Vec::new();
    for op in &batch.cells {
        match op {
            CellOp::Put { name, .. } => names.push(*name),
            CellOp::Delete { names: Names::These { names: deleted }, .. } => {
                names.extend(deleted.iter().copied())
            }
            other => panic!("{other:?}"),
        }
    }
    let of_kind = names.iter().filter(|name| kind(name) == of);
    of_kind.map(|name| u64::from_be_bytes(name.as_bytes()[1..9].try_into().unwrap())).collect()
}

#[test]
fn a_save_is_one_commit_and_rewrites_one_older_block() {
    let (store, mythos) = counting();
    let save = |step: u64| {
        store.take();
        let entry = mythos.rituals().save(&to(0), &changing(step, 1_500)).unwrap();
        assert_eq!(entry.sequence, step);
        let counted = store.take();
        assert_eq!((counted.batches.len(), counted.refused), (1, 0), "entry {step}");
        let batch = &counted.batches[0];
        assert_eq!(batch.records.len(), 1, "the head of the ritual is its only record");
        let allowed = |older: &[u64]| -> BTreeSet<u64> {
            older.iter().filter(|older| **older < step).map(|older| step - older).collect()
        };
        assert_eq!(touched(batch, 'e'), allowed(&[0, 1]), "the new block, and that of the entry before");
        assert!(touched(batch, 'p').is_subset(&allowed(&[1])), "entry {step}");
        assert!(touched(batch, 'w').is_subset(&allowed(&[0, 2])), "entry {step}");
    };
    (1..=150).for_each(save);
    mythos.rituals().compact(&CompactRituals::default()).unwrap();
    (151..=200).for_each(save);
    mythos.rituals().compact(&CompactRituals::default()).unwrap();
    (201..=210).for_each(save);
}

#[test]
fn a_process_that_goes_on_reads_no_cells() {
    const HOT_BYTES: u64 = 8 << 20;
    let options = RitualOptions { hot_bytes: HOT_BYTES, ..RitualOptions::default() };
    // The longest that is kept, of what no compressor makes shorter: its stem takes as much again.
    for length in [10, 5_000, 300_000, HOT_BYTES as usize / 8 - 400] {
        let (store, mythos) = counting();
        let rituals = mythos.with_rituals(options.clone()).rituals();
        let save = SaveRitual::new(ana(), ritual(0));
        let mut state = noise("of a process", length);
        rituals.save(&save, &state).unwrap();
        store.take();
        for step in 0..20 {
            state.extend_from_slice(format!("step {step:02};").as_bytes());
            rituals.save(&save, &state).unwrap();
            assert_eq!(rituals.latest(&ana(), &ritual(0)).unwrap().unwrap().payload, state);
            let counted = store.take();
            assert!(counted.read.is_empty(), "{length} bytes, step {step}: {:?}", counted.read);
        }
        // One that is longer than an eighth is read again.
        state.resize(HOT_BYTES as usize / 8 + 1, 0);
        rituals.save(&save, &state).unwrap();
        store.take();
        assert_eq!(rituals.latest(&ana(), &ritual(0)).unwrap().unwrap().payload, state);
        assert_eq!(store.take().read.get(&'w'), Some(&1));
    }
}

#[test]
fn states_that_repeat_themselves_take_little_more_than_zstd_makes_of_them_where_they_stay() {
    let mythos = Mythos::in_memory();
    let mut number = 0;
    for base in [3_000, 4_096, 8_000, 15_000, 60_000] {
        for again in [1, 2, 5, 8, 20] {
            number += 1;
            let save = SaveRitual::new(ana(), ritual(number));
            let text = unrelated_json(&format!("text {number}"), base);
            let mut state = text.clone();
            for step in 0..70 {
                // A file that an agent read before, and reads again.
                state.extend_from_slice(&text[..text.len() / again]);
                state.truncate(4 * base);
                state.extend_from_slice(format!("turn {step};").as_bytes());
                let stored =
                    mythos.rituals().save(&save, &state).unwrap().compressed_ritual_data.stored_bytes;
                let alone = zstd_bytes(&state);
                assert!(
                    stored <= alone * 5 / 2 + 200,
                    "{base} / {again}, {step}: {stored}, zstd alone {alone}"
                );
                if (step + 1) % 64 == 0 {
                    assert!(
                        stored <= alone * 101 / 100 + 100,
                        "{base}: one that stays: {stored}, alone {alone}"
                    );
                }
            }
        }
    }
}
