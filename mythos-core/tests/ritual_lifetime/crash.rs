//! A crash anywhere in a pruning, a deletion or a copy.

use std::collections::BTreeSet;
use std::sync::Arc;

use mythos_core::ritual::{CopyRitual, RitualBudget, RitualCompressionCache, RitualFilter};
use mythos_core::store::{MemoryStore, Store};
use mythos_core::testing::{Fault, FaultStore};
use mythos_core::types::{EntryId, Runtime};
use mythos_core::{ErrorKind, Mythos};

use super::{Payloads, ana, check, drop_from, refund, ritual, saved, these};

/// Cuts work short at every call of the store, and checks that what stays can be restored, and the work be ended.
fn crash_everywhere(
    steps: u64,
    work: impl Fn(&RitualCompressionCache, &Payloads) -> bool,
    keeps: impl Fn(u64) -> bool,
    ended: impl Fn(&dyn Store, &RitualCompressionCache, &Payloads, &BTreeSet<EntryId>),
) {
    for call in 1.. {
        let store = FaultStore::new(MemoryStore::new());
        let open = || Mythos::with_store(Arc::new(store.clone()), Runtime::system()).rituals();
        let rituals = open();
        let mut model = saved(&rituals, steps);
        store.plan(store.calls() + call, Fault::CrashAfter);
        let is_done = work(&rituals, &model);
        if !store.is_down() {
            assert!(is_done && call > 5);
            return;
        }
        store.restart();
        let rituals = open();
        for (entry, payload) in &model {
            match rituals.restore(*entry) {
                Ok(restored) => assert!(restored.payload == *payload, "call {call}: {entry}"),
                Err(error) => {
                    let is_gone = error.kind() == ErrorKind::NotFound && !keeps(entry.sequence());
                    assert!(is_gone, "call {call}: {error}");
                }
            }
        }
        assert!(work(&rituals, &model), "call {call}");
        let gone = drop_from(&mut model, &keeps);
        ended(&store, &rituals, &model, &gone);
    }
}

#[test]
fn a_crash_anywhere_in_a_pruning_loses_nothing_that_stays() {
    let keeps = |sequence: u64| sequence.is_multiple_of(3) && sequence < 149;
    let doomed = || (1..=150).filter(|sequence| !keeps(*sequence));
    crash_everywhere(150, |rituals, model| rituals.prune(&these(model, doomed())).is_ok(), keeps, check);
}

#[test]
fn a_crash_anywhere_in_a_deletion_leaves_a_ritual_or_nothing() {
    let delete = |rituals: &RitualCompressionCache| {
        rituals.delete_ritual(&ana(), &refund()).is_ok_and(|report| report.done)
    };
    crash_everywhere(300, |rituals, _| delete(rituals), |_| false, check);
}

#[test]
fn a_crash_anywhere_in_a_copy_is_gone_on_from() {
    let copy = CopyRitual {
        assistant: ana(),
        ritual: refund(),
        to_assistant: None,
        to_ritual: ritual("copy"),
        budget: RitualBudget::default(),
    };
    let work = |rituals: &RitualCompressionCache| match rituals.copy(&copy) {
        Ok(report) => report.done,
        // The crash came behind the last commit.
        Err(error) => error.kind() == ErrorKind::Conflict,
    };
    crash_everywhere(
        150,
        |rituals, _| work(rituals),
        |_| true,
        |store, rituals, model, gone| {
            let (assistant, ritual) = (Some(ana()), Some(ritual("copy")));
            let filter = RitualFilter { assistant, ritual, ..RitualFilter::default() };
            let copied = rituals.list(&filter, None, 1_000).unwrap().items;
            assert_eq!(copied.len(), model.len());
            let copied = copied.iter().rev().map(|entry| entry.entry).zip(model.values().cloned());
            let all = model.clone().into_iter().chain(copied).collect();
            check(store, rituals, &all, gone);
        },
    );
}
