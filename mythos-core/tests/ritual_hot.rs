//! What one process remembers of a ritual, while another changes what is stored.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;
use std::sync::Arc;

use mythos_core::Mythos;
use mythos_core::ritual::{
    CompactRituals, ParentExpectation, Payload, PruneRituals, PruneWhat, RetentionPolicy, RitualBudget,
    RitualCompressionCache, RitualOptions, SaveRitual,
};
use mythos_core::seal::{KeyRing, SecretKey};
use mythos_core::types::{AssistantId, EntryId, RitualId};
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

/// Two processes at one store, as far as what they remember goes, and one that remembers nothing.
fn processes(options: &RitualOptions) -> [RitualCompressionCache; 3] {
    let mythos = Mythos::in_memory();
    let cold = RitualOptions { hot_bytes: 0, ..options.clone() };
    [options.clone(), options.clone(), cold].map(|options| mythos.clone().with_rituals(options).rituals())
}

fn sealing() -> RitualOptions {
    let keys = KeyRing::with_active("first".parse().unwrap(), SecretKey::from_bytes(&[7; 32]));
    RitualOptions { keys: Some(Arc::new(keys)), ..RitualOptions::default() }
}

/// A state of so many messages, with a count before them that changes with each.
fn state(messages: u16) -> Vec<u8> {
    let mut state = b"{\"count\":\"".to_vec();
    state.extend_from_slice(format!("{messages:05}\",\"messages\":[").as_bytes());
    for message in 0..messages {
        let hash = blake3::hash(&message.to_le_bytes()).to_hex();
        state.extend_from_slice(
            format!("{{\"role\":\"tool\",\"content\":\"{hash} and {message}\"}},").as_bytes(),
        );
    }
    state.extend_from_slice(b"]}");
    state
}

#[test]
fn a_ritual_that_was_made_anew_elsewhere_is_not_taken_for_the_old_one() {
    let [here_process, elsewhere, cold] = processes(&RitualOptions::default());
    for saves in 1..4_u8 {
        for step in 0..saves {
            here_process.save(&here(), &[b'a', saves, step]).unwrap();
        }
        elsewhere.delete_assistant(&ana(), RitualBudget::default()).unwrap();
        // As many saves: the head has the same version again.
        let mut newest = None;
        for step in 0..saves {
            newest = Some(elsewhere.save(&here(), &[b'b', saves, step]).unwrap().entry);
        }
        let restored = here_process.latest(&ana(), &refund()).unwrap().unwrap();
        assert_eq!((Some(restored.entry.entry), restored.payload), (newest, vec![b'b', saves, saves - 1]));
        let saved = here_process.save(&here(), b"and on").unwrap();
        assert_eq!(saved.parent, newest);
        assert_eq!(cold.restore(saved.entry).unwrap().payload, b"and on");
        assert_eq!(cold.restore(newest.unwrap()).unwrap().payload, [b'b', saves, saves - 1]);
        here_process.delete_assistant(&ana(), RitualBudget::default()).unwrap();
        assert_eq!(elsewhere.latest(&ana(), &refund()).unwrap(), None);
    }
}

#[test]
fn the_parent_that_a_save_expects_is_looked_for_in_the_store() {
    let [first, second, _] = processes(&RitualOptions::default());
    first.save(&here(), b"1").unwrap();
    let newest = second.save(&here(), b"2").unwrap().entry;
    let expecting = SaveRitual { parent: ParentExpectation::Entry(newest), ..here() };
    let third = first.save(&expecting, b"3").unwrap();
    assert_eq!(third.parent, Some(newest));
    assert_eq!(second.save(&expecting, b"4").unwrap_err().field(), Some("parent"));
}

#[test]
fn a_state_that_grows_is_kept_in_little_room_and_comes_back_cold() {
    for options in [RitualOptions::default(), sealing()] {
        let [hot, _, cold] = processes(&options);
        let mut saved = BTreeMap::new();
        for messages in (40..160).step_by(2) {
            let payload = state(messages);
            let entry = hot.save(&here(), &payload).unwrap();
            let latest = hot.latest(&ana(), &refund()).unwrap().unwrap();
            assert_eq!((&latest.entry, &latest.payload), (&entry, &payload));
            for process in [&hot, &cold] {
                let shared = process.latest_shared(&ana(), &refund(), Payload::from).unwrap().unwrap();
                assert_eq!(
                    (&shared.entry, &shared.payload[..], &shared.format),
                    (&entry, &payload[..], &None)
                );
            }
            assert_eq!(cold.latest(&ana(), &refund()).unwrap().unwrap().payload, payload);
            // What the next save replaces is compressed fast.
            let alone = compressed(&payload);
            let stored = entry.compressed_ritual_data.stored_bytes as usize;
            assert!(stored < alone * 2 + 200, "{stored} where the whole takes {alone}");
            // The scores are those of the payload, however it was counted.
            assert_eq!(cold.entry(entry.entry).unwrap(), entry);
            assert!(
                (entry.entropy_score.get() - mythos_core::ritual::entropy_score(&payload).get()).abs() < 1e-6
            );
            saved.insert(entry.entry, payload);
        }
        for (entry, payload) in &saved {
            assert_eq!(&cold.restore(*entry).unwrap().payload, payload);
        }
        let report = hot.compact(&CompactRituals::default()).unwrap();
        assert!(report.entries > 0 && report.skipped.is_empty());
        for (entry, payload) in &saved {
            assert_eq!(&cold.restore(*entry).unwrap().payload, payload);
        }
    }
}

fn compressed(payload: &[u8]) -> usize {
    let mut output = Vec::with_capacity(zstd_safe::compress_bound(payload.len()));
    zstd_safe::compress(&mut output, payload, 3).unwrap()
}

#[test]
fn a_new_dictionary_is_used_by_who_remembers_the_state_before() {
    let [hot, other, cold] = processes(&RitualOptions::default());
    for number in 0..40_u16 {
        let save = SaveRitual::new(ana(), format!("ticket {number}").parse().unwrap());
        hot.save(&save, &state(40 + number)).unwrap();
    }
    let ticket = SaveRitual::new(ana(), "ticket 3".parse().unwrap());
    hot.save(&ticket, &state(60)).unwrap();
    let number = other.train(&ana()).unwrap().trained.expect("the states have much in common");
    for messages in 61..70 {
        let entry = hot.save(&ticket, &state(messages)).unwrap();
        assert_eq!(entry.compressed_ritual_data.dictionary, Some(number));
        assert_eq!(cold.restore(entry.entry).unwrap().payload, state(messages));
    }
    // One that another process has made the active one since is not missed, nor is one that is gone needed.
    other.compact(&CompactRituals::default()).unwrap();
    let entry = hot.save(&ticket, &state(70)).unwrap();
    assert_eq!(cold.restore(entry.entry).unwrap().payload, state(70));
}

#[test]
fn a_state_that_stays_after_all_is_compressed_as_what_stays() {
    for options in [RitualOptions::default(), sealing()] {
        let [hot, _, cold] = processes(&options);
        for messages in 40..50 {
            hot.save(&here(), &state(messages)).unwrap();
        }
        let grown = hot.save(&here(), &state(50)).unwrap();
        let alone = compressed(&state(50)) as u64;
        assert!(
            grown.compressed_ritual_data.stored_bytes > alone * 105 / 100 + 200,
            "it was compressed fast"
        );
        // Nothing of it stands in the next one.
        let other: Vec<u8> =
            (0..500_u16).flat_map(|at| *blake3::hash(&at.to_le_bytes()).as_bytes()).collect();
        hot.save(&here(), &other).unwrap();
        for messages in 1..5 {
            assert_eq!(cold.restore(grown.entry).unwrap().payload, state(50));
            hot.save(&here(), &state(messages)).unwrap();
            let stored = cold.entry(grown.entry).unwrap().compressed_ritual_data;
            assert!(stored.stored_bytes <= alone * 101 / 100 + 200, "{stored:?}, alone {alone}");
        }
        assert_eq!(cold.restore(grown.entry).unwrap().payload, state(50));
        assert!(cold.verify(grown.entry).unwrap().verified);
    }
}

#[test]
fn a_dictionary_is_not_used_under_another_key_than_its_own() {
    let ring = KeyRing::with_active("first".parse().unwrap(), SecretKey::from_bytes(&[7; 32]));
    ring.insert("second".parse().unwrap(), SecretKey::from_bytes(&[8; 32])).unwrap();
    let ring = Arc::new(ring);
    let options = RitualOptions { keys: Some(ring.clone()), ..RitualOptions::default() };
    let [hot, _, cold] = processes(&options);
    let ticket = |number: u16| SaveRitual::new(ana(), format!("ticket {number}").parse().unwrap());
    for number in 0..40 {
        hot.save(&ticket(number), &state(40 + number)).unwrap();
    }
    let number = hot.train(&ana()).unwrap().trained.expect("the states have much in common");
    let before = hot.save(&ticket(3), &state(50)).unwrap();
    assert_eq!(before.compressed_ritual_data.dictionary, Some(number));
    ring.activate(&"second".parse().unwrap()).unwrap();
    let after = hot.save(&ticket(3), &state(51)).unwrap();
    assert_eq!(after.compressed_ritual_data.dictionary, None);
    assert!(ring.destroy(&"first".parse().unwrap()));
    assert_eq!(cold.restore(after.entry).unwrap().payload, state(51));
    assert_eq!(cold.restore(before.entry).unwrap_err().field(), Some("key"));
    // What is in memory under the key is gone with it.
    let other: RitualId = "ticket 4".parse().unwrap();
    assert_eq!(hot.latest(&ana(), &other).unwrap_err().field(), Some("key"));
    assert_eq!(hot.save(&ticket(4), &state(52)).unwrap().novelty_score.get(), 1.0);
}

/// What one of the processes does.
#[derive(Debug, Clone)]
enum Step {
    Save(u16),
    Latest,
    Compact,
    Prune(u64),
    Delete,
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        12 => (30_u16..120).prop_map(Step::Save),
        3 => Just(Step::Latest),
        1 => Just(Step::Compact),
        1 => (1_u64..6).prop_map(Step::Prune),
        1 => Just(Step::Delete),
    ];
    prop::collection::vec((0_usize..2, step), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn two_processes_agree_whatever_they_remember(steps in steps(), is_sealed in any::<bool>()) {
        let [first, second, cold] = processes(&if is_sealed { sealing() } else { RitualOptions::default() });
        let processes = [first, second];
        let mut model: Vec<(EntryId, Vec<u8>)> = Vec::new();
        for (process, step) in steps {
            let process = &processes[process];
            match step {
                Step::Save(messages) => {
                    let entry = process.save(&here(), &state(messages)).unwrap();
                    prop_assert_eq!(entry.parent, model.last().map(|(entry, _)| *entry));
                    model.push((entry.entry, state(messages)));
                }
                Step::Latest => {
                    let latest = process.latest(&ana(), &refund()).unwrap();
                    let latest = latest.map(|restored| (restored.entry.entry, restored.payload));
                    prop_assert_eq!(latest.as_ref(), model.last());
                }
                Step::Compact => {
                    process.compact(&CompactRituals::default()).unwrap();
                }
                Step::Prune(keep) => {
                    let policy = RetentionPolicy { max_entries: Some(keep), ..RetentionPolicy::default() };
                    let what = PruneWhat::Policy { assistant: None, ritual: None, policy };
                    process.prune(&PruneRituals::new(what)).unwrap();
                    model.drain(..model.len().saturating_sub(keep as usize));
                }
                Step::Delete => {
                    process.delete_assistant(&ana(), RitualBudget::default()).unwrap();
                    model.clear();
                }
            }
        }
        for (entry, payload) in &model {
            for process in processes.iter().chain([&cold]) {
                prop_assert_eq!(&process.restore(*entry).unwrap().payload, payload);
            }
        }
    }
}
