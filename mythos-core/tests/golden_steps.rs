//! Golden file of a journal of steps with a step in each state, plain and sealed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;
mod dump;

use std::sync::Arc;
use std::time::Duration;

use dump::{dump, golden, load};
use mythos_core::Mythos;
use mythos_core::journal::{
    BeginStep, Beginning, CompleteStep, Resolution, ResolveStep, RestoreSteps, StepFilter, StepRun,
};
use mythos_core::ritual::{RitualOptions, SaveRitual};
use mythos_core::seal::{KeyRing, SecretKey};
use mythos_core::store::MemoryStore;
use mythos_core::testing::simulated_runtime;
use mythos_core::types::{RitualId, Timestamp, Version};

fn start() -> Timestamp {
    "2026-11-22T08:30:00.123456Z".parse().unwrap()
}

/// The same store, sealing under a key.
fn sealing(mythos: &Mythos) -> Mythos {
    let ring = KeyRing::with_active("key-1".parse().unwrap(), SecretKey::from_bytes(&[1; 32]));
    mythos.clone().with_rituals(RitualOptions { keys: Some(Arc::new(ring)), ..RitualOptions::default() })
}

fn refund() -> RitualId {
    "refund".parse().unwrap()
}

fn begin(ritual: RitualId, key: &str) -> BeginStep {
    let intent = r#"{"amount":"50 EUR","to":"björn"}"#;
    let run = Some(StepRun { epoch: Version::new(2).unwrap(), run: 7 });
    BeginStep { run, ..BeginStep::new("ana".parse().unwrap(), ritual, key.parse().unwrap(), intent) }
}

fn complete(ritual: RitualId, key: &str) -> CompleteStep {
    CompleteStep::new("ana".parse().unwrap(), ritual, key.parse().unwrap(), [0, 255, 7])
}

fn written() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let (runtime, clock) = simulated_runtime(2026, start());
    let mythos = Mythos::with_store(store.clone(), runtime);
    let steps = mythos.steps();
    let resolve = |key: &str, resolution| {
        let (assistant, key) = ("ana".parse().unwrap(), key.parse().unwrap());
        steps.resolve(&ResolveStep { assistant, ritual: refund(), key, attempt: 1, resolution }).unwrap();
    };
    for key in ["completed", "in doubt", "absent", "undone", "again", "Überweisung 🙂"] {
        clock.advance(Duration::from_secs(2));
        steps.begin(&begin(refund(), key)).unwrap();
    }
    mythos.rituals().save(&SaveRitual::new("ana".parse().unwrap(), refund()), b"state").unwrap();
    clock.advance(Duration::from_secs(2));
    steps.complete(&complete(refund(), "completed")).unwrap();
    resolve("absent", Resolution::DidNotHappen);
    resolve("undone", Resolution::Compensated);
    resolve("again", Resolution::DidNotHappen);
    resolve("Überweisung 🙂", Resolution::Happened { outcome: Vec::new() });
    steps.begin(&begin(refund(), "again")).unwrap();
    let sealed = sealing(&mythos).steps();
    let ritual = || "sealed".parse().unwrap();
    sealed.begin(&BeginStep { run: None, ..begin(ritual(), "completed") }).unwrap();
    sealed.complete(&complete(ritual(), "completed")).unwrap();
    store
}

#[test]
fn a_journal_of_version_1_is_read_and_continued() {
    let stored = golden("steps_v1.json", || dump(&*written()));
    let store = load(&stored);
    assert!(dump(&*store) == stored, "a dump comes back as it was");
    let later = start().saturating_add(Duration::from_secs(3600));
    let mythos = Mythos::with_store(store, simulated_runtime(1, later).0);
    let steps = sealing(&mythos).steps();
    let all = steps.steps(&StepFilter::new("ana".parse().unwrap(), refund()), None, 100).unwrap().items;
    let said: Vec<_> = all.iter().map(|step| (step.number, step.state.name(), step.attempt)).collect();
    let expected = [
        (1, "completed", 1),
        (2, "in_doubt", 1),
        (3, "did_not_happen", 1),
        (4, "compensated", 1),
        (5, "in_doubt", 2),
        (6, "completed", 1),
    ];
    assert_eq!(said, expected);
    let newest = mythos.rituals().latest(&"ana".parse().unwrap(), &refund()).unwrap().unwrap().entry.entry;
    let request = RestoreSteps::new("ana".parse().unwrap(), refund(), Some(newest));
    let restored = steps.after_restore(&request).unwrap();
    assert_eq!((restored.completed.items.len(), restored.in_doubt.items.len()), (2, 2));
    for (ritual, run) in [(refund(), begin(refund(), "x").run), ("sealed".parse().unwrap(), None)] {
        let answer = steps.begin(&BeginStep { run, ..begin(ritual, "completed") }).unwrap();
        assert!(matches!(answer, Beginning::Completed { outcome, .. } if outcome == [0, 255, 7]));
    }
    assert_eq!(steps.begin(&begin(refund(), "absent")).unwrap(), Beginning::Begun { attempt: 2 });
    assert_eq!(steps.begin(&begin(refund(), "new")).unwrap(), Beginning::Begun { attempt: 1 });
    steps.complete(&complete(refund(), "again")).unwrap();
}

#[test]
fn the_same_inputs_give_the_same_journal() {
    let stored = golden("steps_v1.json", || dump(&*written()));
    let steps = |dump: &serde_json::Value| (dump["steps"].clone(), dump["step_journals"].clone());
    assert!(steps(&dump(&*written())) == steps(&stored), "the same inputs give another journal");
}
