//! Policies: what they keep, and how they run by themselves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mythos_core::ritual::{PruneRituals, PruneWhat, RetentionPolicy, RitualHead, SaveRitual};
use mythos_core::store::{Budget, Cell, MemoryStore, Model};
use mythos_core::testing::{SimulatedClock, simulated_runtime};
use mythos_core::types::Timestamp;
use mythos_core::{ErrorKind, Mythos};

use super::damage::{cells, in_memory, overwrite_cell, owner, records};
use super::{
    Payloads, ana, by_policy, check, drop_from, labelled, newest, noise, prune, refund, ritual, saved, state,
    tiny,
};

#[test]
fn policies_keep_the_newest_by_count_age_bytes_and_label() {
    let run = |policy: &dyn Fn(&RitualHead) -> RetentionPolicy, keeps: &dyn Fn(u64) -> bool| {
        let start: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let (runtime, clock) = simulated_runtime(7, start);
        let store = Arc::new(MemoryStore::new());
        let rituals = Mythos::with_store(store.clone(), runtime).rituals();
        let mut model = Payloads::new();
        for step in 1..=150 {
            clock.advance(Duration::from_secs(1));
            let intent = if step % 50 == 0 { labelled("milestone") } else { labelled("step") };
            let save = SaveRitual { intent, ..SaveRitual::new(ana(), refund()) };
            model.insert(rituals.save(&save, &noise(step, 1_000)).unwrap().entry, noise(step, 1_000));
        }
        let head = rituals.rituals(&Default::default(), None, 1).unwrap().items.remove(0);
        let report = prune(&rituals, &PruneRituals { budget: tiny(), ..by_policy(policy(&head)) });
        let gone = drop_from(&mut model, keeps);
        assert_eq!(report.entries, gone.len() as u64);
        check(&*store, &rituals, &model, &gone);
    };
    run(&|_| newest(10), &|sequence| sequence > 140);
    run(&|_| newest(1), &|sequence| sequence == 150);
    run(&|_| newest(1_000), &|_| true);
    let aged = |seconds| RetentionPolicy { max_age_seconds: Some(seconds), ..RetentionPolicy::default() };
    run(&|_| aged(9), &|sequence| sequence > 140);
    run(&|_| aged(0), &|sequence| sequence == 150);
    let sized = |bytes| RetentionPolicy { max_stored_bytes: Some(bytes), ..RetentionPolicy::default() };
    run(&|head| sized(head.stored_bytes), &|_| true);
    // Noise is stored as it is, and no patch makes it shorter.
    run(&|head| sized(head.stored_bytes / 150 * 20 + 500), &|sequence| sequence > 130);
    run(&|_| sized(1), &|sequence| sequence == 150);
    let kept = |policy| RetentionPolicy { keep_labels: ["milestone".to_owned()].into(), ..policy };
    run(&|_| kept(newest(10)), &|sequence| sequence > 140 || sequence % 50 == 0);
    run(&|_| RetentionPolicy { max_age_seconds: Some(4), ..newest(10) }, &|sequence| sequence > 145);
}

#[test]
fn a_policy_reaches_all_rituals_in_parts() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let (mut model, mut gone) = (Payloads::new(), BTreeSet::new());
    for name in 0..7 {
        for step in 1..=5 {
            let entry =
                rituals.save(&SaveRitual::new(ana(), ritual(&format!("r{name}"))), &state(step)).unwrap();
            if step > 3 {
                model.insert(entry.entry, state(step));
            } else {
                gone.insert(entry.entry);
            }
        }
    }
    let other = rituals.save(&SaveRitual::new("bob".parse().unwrap(), refund()), b"kept").unwrap();
    model.insert(other.entry, b"kept".to_vec());
    let what = PruneWhat::Policy { assistant: Some(ana()), ritual: None, policy: newest(2) };
    let report = prune(&rituals, &PruneRituals { budget: tiny(), ..PruneRituals::new(what) });
    assert_eq!((report.rituals, report.entries), (7, 21));
    check(&*store, &rituals, &model, &gone);
}

fn simulated() -> (Arc<MemoryStore>, Mythos, SimulatedClock) {
    let (runtime, clock) = simulated_runtime(3, "2026-11-21T08:00:00Z".parse().unwrap());
    let store = Arc::new(MemoryStore::new());
    (store.clone(), Mythos::with_store(store, runtime), clock)
}

#[test]
fn retention_runs_by_itself_with_saves_and_maintenance() {
    let (store, mythos, clock) = simulated();
    let rituals = mythos.rituals();
    assert_eq!(
        rituals.set_retention(&ana(), Some(RetentionPolicy::default())).unwrap_err().kind(),
        ErrorKind::Invalid
    );
    rituals.set_retention(&ana(), Some(newest(20))).unwrap();
    let mut model = saved(&rituals, 300);
    let gone = drop_from(&mut model, |sequence| sequence > 300 - 300 % 16 - 20);
    check(&*store, &rituals, &model, &gone);
    let status = rituals.retention(&ana()).unwrap().unwrap();
    assert_eq!((status.policy, status.entries_deleted), (newest(20), gone.len() as u64));
    assert!(status.bytes_freed > 0 && status.last_finding.is_none() && status.last_run_at.is_some());

    // A ritual that nobody saves to ages all the same.
    let aged = RetentionPolicy { max_age_seconds: Some(60), ..RetentionPolicy::default() };
    rituals.set_retention(&ana(), Some(aged)).unwrap();
    clock.advance(Duration::from_secs(61));
    let mut rounds = 1;
    while !mythos.maintain(Budget { max_bytes: 1 }).unwrap().done {
        rounds += 1;
        assert!(rounds < 100);
    }
    let aged_gone = drop_from(&mut model, |sequence| sequence == 300);
    check(&*store, &rituals, &model, &aged_gone);
    let status = rituals.retention(&ana()).unwrap().unwrap();
    assert_eq!(status.entries_deleted, aged_gone.len() as u64);

    rituals.set_retention(&ana(), None).unwrap();
    assert_eq!(rituals.retention(&ana()).unwrap(), None);
    let more: Payloads = saved(&rituals, 40);
    model.extend(more);
    check(&*store, &rituals, &model, &gone);
}

#[test]
fn what_is_in_the_way_of_retention_is_recorded_and_fails_no_save() {
    let (store, mythos, _) = simulated();
    let rituals = mythos.rituals();
    let save = SaveRitual { intent: labelled("kept"), ..SaveRitual::new(ana(), refund()) };
    rituals.save(&save, b"first").unwrap();
    saved(&rituals, 14);
    let of = owner(RitualHead::TABLE, &records(&*store, RitualHead::TABLE)[0]);
    let Cell { name, mut bytes } =
        cells(&*store, &of).into_iter().find(|cell| cell.name.as_bytes()[0] == b'i').unwrap();
    bytes[3] ^= 1;
    overwrite_cell(&*store, &of, &Cell { name, bytes });
    let policy = RetentionPolicy { keep_labels: ["kept".to_owned()].into(), ..newest(5) };
    rituals.set_retention(&ana(), Some(policy)).unwrap();
    rituals.save(&SaveRitual::new(ana(), refund()), b"sixteenth").unwrap();
    let status = rituals.retention(&ana()).unwrap().unwrap();
    assert_eq!(status.entries_deleted, 10, "all but the five newest and the one whose labels cannot be read");
    assert!(status.last_finding.unwrap().contains("refund"));
}
