//! Forks and copies: rituals that begin with what another one holds.

use std::collections::BTreeSet;

use mythos_core::ErrorKind;
use mythos_core::ritual::{CopyRitual, ForkRitual, RitualBudget, RitualFilter, SaveRitual, SymbolicIntent};
use mythos_core::types::{AssistantId, EntryId, OperationId};

use super::damage::in_memory;
use super::{Payloads, ana, at, check, drop_from, labelled, prune, refund, ritual, state, these, tiny};

#[test]
fn a_fork_begins_a_ritual_of_its_own() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let save = SaveRitual { intent: labelled("checkout"), ..SaveRitual::new(ana(), refund()) };
    let mut model: Payloads =
        (1..=70).map(|step| (rituals.save(&save, &state(step)).unwrap().entry, state(step))).collect();
    let origin = at(&model, 33);
    let operation = Some(OperationId::from_name("fork"));
    let fork = ForkRitual {
        entry: origin,
        assistant: Some("bob".parse().unwrap()),
        ritual: ritual("branch"),
        operation,
    };
    let entry = rituals.fork(&fork).unwrap();
    assert_eq!((entry.sequence, entry.parent, entry.assistant.as_str()), (1, Some(origin), "bob"));
    assert_eq!((entry.intent(), entry.novelty_score.get()), (labelled("checkout"), 0.0));
    assert!(rituals.verify(entry.entry).unwrap().verified);
    model.insert(entry.entry, state(33));

    assert_eq!(rituals.fork(&fork).unwrap(), entry, "repeating it is harmless");
    let another = ForkRitual { operation: None, ..fork.clone() };
    assert_eq!(rituals.fork(&another).unwrap_err().kind(), ErrorKind::Conflict);
    let from_elsewhere = ForkRitual { entry: at(&model, 34), ..fork.clone() };
    assert_eq!(rituals.fork(&from_elsewhere).unwrap_err().kind(), ErrorKind::Invalid);

    let next = rituals.save(&SaveRitual::new("bob".parse().unwrap(), ritual("branch")), b"on").unwrap();
    assert_eq!(next.parent, Some(entry.entry));
    model.insert(next.entry, b"on".to_vec());
    rituals.delete_ritual(&ana(), &refund()).unwrap();
    let gone = model.keys().copied().filter(|id| ![entry.entry, next.entry].contains(id)).collect();
    model.retain(|id, _| [entry.entry, next.entry].contains(id));
    check(&*store, &rituals, &model, &gone);
    assert_eq!(rituals.fork(&fork).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_copy_has_all_entries_under_other_ids() {
    let (store, mythos) = in_memory();
    let rituals = mythos.rituals();
    let mut model = Payloads::new();
    for step in 1..=140 {
        let intent =
            if step % 7 == 0 { labelled(&format!("label {step}")) } else { SymbolicIntent::default() };
        let save = SaveRitual { intent, ..SaveRitual::new(ana(), refund()) };
        model.insert(rituals.save(&save, &state(step)).unwrap().entry, state(step));
    }
    prune(&rituals, &these(&model, (30..=40).chain([64, 128])));
    drop_from(&mut model, |sequence| !(30..=40).contains(&sequence) && sequence != 64 && sequence != 128);
    let mut copy = CopyRitual {
        assistant: ana(),
        ritual: refund(),
        to_assistant: Some("bob".parse().unwrap()),
        to_ritual: ritual("copy"),
        budget: tiny(),
    };
    let list = |assistant: &str, name: &str| {
        let (assistant, ritual) = (assistant.parse().ok(), name.parse().ok());
        rituals
            .list(&RitualFilter { assistant, ritual, ..RitualFilter::default() }, None, 1_000)
            .unwrap()
            .items
    };
    assert!(!rituals.copy(&copy).unwrap().done);
    // Until it is complete it is no ritual to work with.
    let target: AssistantId = "bob".parse().unwrap();
    assert_eq!(rituals.latest(&target, &ritual("copy")).unwrap(), None);
    assert!(list("bob", "copy").is_empty());
    assert_eq!(rituals.list(&RitualFilter::default(), None, 1_000).unwrap().items.len(), model.len());
    let early = rituals.save(&SaveRitual::new(target.clone(), ritual("copy")), b"early").unwrap_err();
    assert_eq!(early.kind(), ErrorKind::Conflict);
    let of_another = CopyRitual { ritual: ritual("copy"), assistant: target.clone(), ..copy.clone() };
    assert_eq!(rituals.copy(&of_another).unwrap_err().kind(), ErrorKind::Conflict);
    while !rituals.copy(&copy).unwrap().done {}

    let (origin, copied) = (list("ana", "refund"), list("bob", "copy"));
    assert_eq!(origin.len(), copied.len());
    for (origin, copied) in origin.iter().zip(&copied) {
        assert_ne!(origin.entry, copied.entry);
        assert_ne!(origin.symbolic_signature_hash, copied.symbolic_signature_hash);
        assert_eq!((origin.sequence, origin.created_at), (copied.sequence, copied.created_at));
        assert_eq!(origin.parent.map(EntryId::sequence), copied.parent.map(EntryId::sequence));
        assert_eq!(origin.intent(), copied.intent());
        assert!(rituals.verify(copied.entry).unwrap().verified);
        let payload = model[&origin.entry].clone();
        model.insert(copied.entry, payload);
    }
    check(&*store, &rituals, &model, &BTreeSet::new());
    let next = rituals.save(&SaveRitual::new(target, ritual("copy")), b"on").unwrap();
    assert_eq!(next.sequence, 141);
    copy.budget = RitualBudget::default();
    assert_eq!(rituals.copy(&copy).unwrap_err().kind(), ErrorKind::Conflict, "the target is a ritual now");
}
