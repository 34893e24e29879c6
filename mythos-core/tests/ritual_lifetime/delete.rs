//! Deletion of rituals and assistants: nothing of them is left.

use std::collections::BTreeSet;

use mythos_core::ritual::{RitualBudget, RitualHead, SaveRitual};
use mythos_core::store::{Batch, Model, Store};
use mythos_core::types::{AssistantId, EntryId};

use super::damage::{cells, in_memory, owner, records, tamper};
use super::{Payloads, ana, check, newest, refund, ritual, saved};

#[test]
fn a_deleted_ritual_leaves_nothing_and_its_name_begins_anew() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let model = saved(&rituals, 20);
    let record = records(&*store, RitualHead::TABLE).remove(0);
    let report = rituals.delete_ritual(&ana(), &refund()).unwrap();
    assert_eq!((report.rituals, report.entries, report.done), (1, 20, true));
    assert!(records(&*store, RitualHead::TABLE).is_empty());
    assert!(cells(&*store, &owner(RitualHead::TABLE, &record)).is_empty());
    let gone: BTreeSet<EntryId> = model.keys().copied().collect();
    check(&*store, &rituals, &Payloads::new(), &gone);
    assert_eq!(rituals.delete_ritual(&ana(), &refund()).unwrap().rituals, 0);
    let anew = rituals.save(&SaveRitual::new(ana(), refund()), b"anew").unwrap();
    assert_eq!((anew.sequence, anew.parent), (1, None));
    check(&*store, &rituals, &[(anew.entry, b"anew".to_vec())].into(), &gone);
}

#[test]
fn a_ritual_without_a_readable_head_is_deleted() {
    for loses_head in [false, true] {
        let (store, mythos) = in_memory();
        let rituals = mythos.rituals();
        saved(&rituals, 20);
        let record = records(&*store, RitualHead::TABLE).remove(0);
        if loses_head {
            let mut batch = Batch::new();
            batch.delete(RitualHead::TABLE, record.id, record.version);
            store.commit(&batch).unwrap();
        } else {
            tamper(&*store, RitualHead::TABLE, &record, |body| drop(body.remove("seed")));
        }
        assert!(rituals.latest(&ana(), &refund()).is_err());
        let report = rituals.delete_ritual(&ana(), &refund()).unwrap();
        assert_eq!((report.rituals, report.done), (1, true));
        assert!(records(&*store, RitualHead::TABLE).is_empty());
        assert!(cells(&*store, &owner(RitualHead::TABLE, &record)).is_empty());
        assert_eq!(rituals.latest(&ana(), &refund()).unwrap(), None);
    }
}

#[test]
fn a_deleted_assistant_leaves_nothing_behind() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let bob: AssistantId = "bob".parse().unwrap();
    let small = |assistant: &AssistantId, number: u64| {
        let save = SaveRitual::new(assistant.clone(), ritual(&format!("r{number}")));
        let rules = "all agents are polite and refund at most 50 EUR; ".repeat(20);
        rituals.save(&save, format!("{rules}{number}").as_bytes()).unwrap()
    };
    for number in 0..40 {
        small(&ana(), number);
        small(&bob, number);
    }
    for assistant in [ana(), bob.clone()] {
        assert!(rituals.train(&assistant).unwrap().trained.is_some());
        rituals.set_retention(&assistant, Some(newest(100))).unwrap();
        small(&assistant, 99);
    }
    let damaged =
        records(&*store, RitualHead::TABLE).into_iter().find(|record| record.body["assistant"] == "ana");
    tamper(&*store, RitualHead::TABLE, &damaged.unwrap(), |body| drop(body.remove("seed")));
    let (mut calls, mut gone) = (0, 0);
    loop {
        let report = rituals
            .delete_assistant(&ana(), RitualBudget { max_bytes: 200, max_milliseconds: None })
            .unwrap();
        assert!(report.skipped.is_empty(), "{report:?}");
        (calls, gone) = (calls + 1, gone + report.rituals);
        if report.done {
            break;
        }
    }
    assert!(calls > 2, "the budget was kept");
    assert_eq!(gone, 41);
    for table in mythos_core::TABLES {
        for record in records(&*store, *table) {
            assert_eq!(record.body["assistant"], "bob", "{}", table.name());
        }
    }
    assert_eq!(rituals.retention(&ana()).unwrap(), None);
    assert_eq!(rituals.dictionaries(&ana()).unwrap(), None);
    assert!(rituals.latest(&bob, &ritual("r99")).unwrap().is_some());

    // Another process may still hold the old dictionary: its number does not come back.
    let old = rituals.dictionaries(&bob).unwrap().unwrap().highest;
    rituals.delete_assistant(&bob, RitualBudget::default()).unwrap();
    for number in 0..40 {
        small(&bob, number);
    }
    assert_ne!(rituals.train(&bob).unwrap().trained, Some(old));
    small(&bob, 7);
    assert!(rituals.latest(&bob, &ritual("r7")).unwrap().is_some());
}
