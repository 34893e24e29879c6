//! Mutations of a codex that carry an audit as their evidence, and the page that shows them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;

use std::sync::Arc;

use damage::{in_memory, records, tamper};
use mythos_core::codex::{
    Clause, CodexHead, CreateCodex, DirectivePath, ErasedOpening, MutateCodex, Mutation, RedactCodex,
};
use mythos_core::regression::{
    AuditClause, AuditDecision, AuditFilter, AuditRequirement, AuditStatus, CodexClauseAudit, DiffPartKind,
    EvidenceFinding, GuardPolicy, GuardedMutation, ReviewAudit, Verdict,
};
use mythos_core::store::{MemoryStore, Model};
use mythos_core::testing::{Fault, FaultStore, simulated_runtime};
use mythos_core::types::{ClauseId, CodexId, OperationId};
use mythos_core::view::CodexRegressionView;
use mythos_core::{ErrorKind, Mythos, Result};

const OLD: &str = "Refund at most 100 EUR.";

fn support() -> CodexId {
    "support".parse().unwrap()
}

fn id(clause: &str) -> ClauseId {
    clause.parse().unwrap()
}

fn path() -> DirectivePath {
    DirectivePath::new(["support", "refunds"]).unwrap()
}

fn create(mythos: &Mythos) {
    let clauses = vec![
        Clause { clause: id("limit"), text: OLD.into() },
        Clause { clause: id("tone"), text: "Be kind to everyone.".into() },
    ];
    let operation = Some(OperationId::from_name("create"));
    let create = CreateCodex { operation, ..CreateCodex::new(support(), clauses, path(), "ana") };
    mythos.codices().create(&create).unwrap();
}

fn replace(clause: &str, text: &str) -> MutateCodex {
    let mutation = Mutation::Replace { clause: id(clause), text: text.to_owned() };
    MutateCodex::new(support(), mutation, path(), "bob")
}

fn guarded(mutation: MutateCodex, require: AuditRequirement) -> GuardedMutation {
    GuardedMutation { require, ..GuardedMutation::new(mutation) }
}

const PASSING: AuditRequirement = AuditRequirement::Passing { allow_tone: false };

fn text(mythos: &Mythos, clause: &str) -> Option<String> {
    let clauses = mythos.codices().clauses(&support(), None).unwrap();
    clauses.into_iter().find(|found| found.clause == id(clause)).and_then(|found| found.text)
}

fn reviewed(audit: OperationId) -> AuditRequirement {
    AuditRequirement::PassingOrReviewed { allow_tone: false, audit: Some(audit) }
}

#[test]
fn an_edit_of_form_passes_and_the_event_names_its_audit() {
    let (_, mythos) = in_memory();
    create(&mythos);
    let guard = mythos.regressions();
    let made = guard.mutate(&guarded(replace("limit", "1. Refund at most **100** EUR"), PASSING)).unwrap();
    let audit = made.audit.unwrap();
    assert_eq!((audit.verdict, audit.event, audit.status), (Verdict::None, Some(1), AuditStatus::Passed));
    assert_eq!(audit.audit, made.proof.operation);
    let entry = mythos.codices().trail(&support(), 1, 1).unwrap().items.remove(0);
    assert_eq!(entry.event.evidence, Some(audit.digest));
    let verification = guard.verify_evidence(&support(), 1).unwrap();
    assert_eq!((verification.finding, verification.audit), (None, Some(audit)));
    assert_eq!(mythos.codices().verify(&support()).unwrap().finding, None);
    let first = guard.verify_evidence(&support(), 0).unwrap();
    assert_eq!(first.finding, Some(EvidenceFinding::NotNamed));
    assert_eq!(guard.verify_evidence(&support(), 2).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_regression_is_refused_until_a_person_accepts_it() {
    let (_, mythos) = in_memory();
    create(&mythos);
    let guard = mythos.regressions();
    let operation = Some(OperationId::from_name("raise"));
    let raise =
        guarded(MutateCodex { operation, ..replace("limit", "Refund at most 500 EUR.") }, Default::default());
    for _ in 0..2 {
        let error = guard.mutate(&raise).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("audit")));
        let audit = OperationId::from_name("raise").to_string();
        assert_eq!(error.operation(), Some(audit.as_str()));
        assert!(error.to_string().contains(&audit) && error.to_string().contains("accuracy"), "{error}");
    }
    assert_eq!(text(&mythos, "limit").as_deref(), Some(OLD));
    assert_eq!(mythos.codices().codex(&support()).unwrap().length, 1);
    let waiting = guard.queue(&AuditFilter::default(), None, 10).unwrap().items;
    assert_eq!((waiting.len(), waiting[0].event), (1, None));

    guard.review(&ReviewAudit::new(waiting[0].audit, AuditDecision::Reject, "ana")).unwrap();
    assert_eq!(guard.mutate(&raise).unwrap_err().field(), Some("audit"));
    guard.review(&ReviewAudit::new(waiting[0].audit, AuditDecision::Accept, "ana")).unwrap();
    let strict = GuardedMutation { require: PASSING, ..raise.clone() };
    assert_eq!(guard.mutate(&strict).unwrap_err().field(), Some("audit"), "a review does not make it pass");
    let made = guard.mutate(&raise).unwrap();
    assert_eq!(text(&mythos, "limit").as_deref(), Some("Refund at most 500 EUR."));
    let audit = made.audit.clone().unwrap();
    assert_eq!(
        (audit.event, audit.verdict, audit.status),
        (Some(1), Verdict::Accuracy, AuditStatus::Accepted)
    );
    assert_eq!(guard.verify_evidence(&support(), 1).unwrap().finding, None);
    // Repeating it changes nothing, and a review does not change the evidence.
    assert_eq!(guard.mutate(&raise).unwrap(), made);
    guard.review(&ReviewAudit::new(audit.audit, AuditDecision::Reject, "eve")).unwrap();
    assert_eq!(guard.verify_evidence(&support(), 1).unwrap().finding, None);
    assert_eq!(mythos.codices().codex(&support()).unwrap().length, 2);
}

#[test]
fn a_reviewed_audit_speaks_once_and_for_exactly_its_texts() {
    let (_, mythos) = in_memory();
    create(&mythos);
    let guard = mythos.regressions();
    let new = "Refund at most 500 EUR.";
    let edit = AuditClause { codex: Some(support()), ..AuditClause::new(id("limit"), OLD, new) };
    let audit = guard.audit(&edit).unwrap().audit;
    let require = reviewed(audit);
    assert_eq!(guard.mutate(&guarded(replace("limit", new), require)).unwrap_err().field(), Some("audit"));
    guard.review(&ReviewAudit::new(audit, AuditDecision::Override { flag: false }, "ana")).unwrap();
    for other in [replace("limit", "Refund at most 501 EUR."), replace("tone", new)] {
        assert_eq!(guard.mutate(&guarded(other, require)).unwrap_err().field(), Some("audit"));
    }
    let made = guard.mutate(&guarded(replace("limit", new), require)).unwrap();
    assert_eq!(made.audit.as_ref().unwrap().audit, audit);
    assert_eq!(guard.verify_evidence(&support(), 1).unwrap().finding, None);
    guard.mutate(&guarded(replace("limit", OLD), AuditRequirement::RecordOnly)).unwrap();
    let again = guard.mutate(&guarded(replace("limit", new), require)).unwrap_err();
    assert!(again.to_string().contains("event 1"), "{again}");
    let missing = reviewed(OperationId::from_name("none"));
    let error = guard.mutate(&guarded(replace("limit", new), missing)).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::NotFound, Some("audit")));
}

#[test]
fn every_kind_of_mutation_is_guarded_or_needs_no_audit() {
    let (_, mythos) = in_memory();
    create(&mythos);
    let guard = mythos.regressions();
    let mutate = |mutation, require| {
        guard.mutate(&guarded(MutateCodex::new(support(), mutation, path(), "bob"), require))
    };
    let add = || Mutation::Add { clause: id("law"), text: "You must follow the law.".into(), position: None };
    assert_eq!(mutate(add(), PASSING).unwrap_err().field(), Some("audit"));
    let added = mutate(add(), AuditRequirement::RecordOnly).unwrap().audit.unwrap();
    assert_eq!(added.previous_version.as_deref(), Some(""));
    let removed = mutate(Mutation::Remove { clause: id("law") }, AuditRequirement::RecordOnly).unwrap();
    assert_eq!(removed.audit.unwrap().new_version.as_deref(), Some(""));
    for sequence in [1, 2] {
        assert_eq!(guard.verify_evidence(&support(), sequence).unwrap().finding, None, "{sequence}");
    }
    let note = Mutation::Annotate { clause: id("tone"), note: "legal".into() };
    assert_eq!(mutate(note, PASSING).unwrap().audit, None);
    let order = Mutation::Reorder { order: vec![id("tone"), id("limit")] };
    assert_eq!(mutate(order, PASSING).unwrap().audit, None);
    let merge = Mutation::Merge { other: 0, take: vec![] };
    assert_eq!(mutate(merge, PASSING).unwrap_err().field(), Some("mutation"));
    assert_eq!(mutate(Mutation::Remove { clause: id("none") }, PASSING).unwrap_err().field(), Some("clause"));
    let evidence = Some(added.digest);
    let own = MutateCodex { evidence, ..replace("limit", OLD) };
    assert_eq!(guard.mutate(&guarded(own, PASSING)).unwrap_err().field(), Some("evidence"));
    let policy = GuardPolicy { tone_threshold: 2.0, ..GuardPolicy::default() };
    let invalid = GuardedMutation { policy, ..GuardedMutation::new(replace("limit", OLD)) };
    assert_eq!(guard.mutate(&invalid).unwrap_err().field(), Some("tone_threshold"));
    assert_eq!(mythos.codices().verify(&support()).unwrap().finding, None);
}

#[test]
fn evidence_that_does_not_speak_for_its_event_is_found() {
    let (store, mythos) = in_memory();
    create(&mythos);
    let guard = mythos.regressions();
    let record = AuditRequirement::RecordOnly;
    let made = guard.mutate(&guarded(replace("limit", "Refund at most 50 EUR."), record)).unwrap();
    let digest = made.audit.unwrap().digest;
    let finding = |sequence| guard.verify_evidence(&support(), sequence).unwrap().finding;
    for (evidence, clause, expected) in [
        (digest, "limit", EvidenceFinding::OtherEvent),
        (digest, "tone", EvidenceFinding::OtherClause),
        (mythos_core::types::Digest::of(b"x"), "limit", EvidenceFinding::NoAudit),
    ] {
        let mutate = MutateCodex { evidence: Some(evidence), ..replace(clause, "Refund nothing.") };
        let proof = mythos.codices().mutate(&mutate).unwrap();
        assert_eq!(finding(proof.sequence), Some(expected));
    }
    let stored = records(&*store, CodexClauseAudit::TABLE).remove(0);
    tamper(&*store, CodexClauseAudit::TABLE, &stored, |body| drop(body.insert("event".into(), 2.into())));
    assert_eq!(finding(2), Some(EvidenceFinding::OtherTexts));
    tamper(&*store, CodexClauseAudit::TABLE, &stored, |body| {
        drop(body.insert("verdict".into(), "none".into()))
    });
    assert_eq!(finding(1), Some(EvidenceFinding::Damaged));
    tamper(&*store, CodexClauseAudit::TABLE, &stored, |_| {});
    assert_eq!(finding(1), None);
    // Erasing from either leaves what was proven, and says that it cannot be compared.
    let erase = vec![ErasedOpening { sequence: 1, opening: 2 }];
    let (parent, reason, operation) = (None, None, None);
    let (codex, directive_path, actor) = (support(), path(), "officer".to_owned());
    mythos
        .codices()
        .redact(&RedactCodex { codex, erase, parent, directive_path, actor, reason, operation })
        .unwrap();
    assert_eq!(finding(1), Some(EvidenceFinding::Erased));
    guard.erase(&made.proof.operation).unwrap();
    assert_eq!(finding(1), Some(EvidenceFinding::Erased));
}

#[test]
fn whatever_fails_the_event_and_its_audit_are_there_together_or_not_at_all() {
    let calls = {
        let store = FaultStore::new(MemoryStore::new());
        let mythos = Mythos::with_store(
            Arc::new(store.clone()),
            simulated_runtime(3, "2026-11-22T08:30:00Z".parse().unwrap()).0,
        );
        create(&mythos);
        let before = store.calls();
        (before + 1)..=live(&store, &mythos)
    };
    for call in calls {
        for fault in Fault::ALL {
            let store = FaultStore::new(MemoryStore::new());
            let mythos = Mythos::with_store(
                Arc::new(store.clone()),
                simulated_runtime(3, "2026-11-22T08:30:00Z".parse().unwrap()).0,
            );
            create(&mythos);
            store.plan(call, fault);
            live(&store, &mythos);
        }
    }
}

/// An edit that passes, and one that is refused and accepted then. Gives the number of the last call that may fail.
fn live(store: &FaultStore, mythos: &Mythos) -> u64 {
    let guard = mythos.regressions();
    let insist = |call: &dyn Fn() -> Result<CodexClauseAudit>| loop {
        match call() {
            Ok(audit) => return audit,
            Err(error) if error.is_retryable() => store.restart(),
            Err(error) => panic!("{error:?}"),
        }
    };
    let named = |name: &str, text: &str| MutateCodex {
        operation: Some(OperationId::from_name(name)),
        ..replace("limit", text)
    };
    let form = guarded(named("form", "**Refund** at most 100 EUR"), PASSING);
    insist(&|| guard.mutate(&form).map(|made| made.audit.unwrap()));
    let raise = guarded(named("raise", "Refund at most 500 EUR."), AuditRequirement::default());
    loop {
        let error = guard.mutate(&raise).unwrap_err();
        if error.field() == Some("audit") {
            break;
        }
        assert!(error.is_retryable(), "{error:?}");
        store.restart();
    }
    let operation = Some(OperationId::from_name("review"));
    let audit = OperationId::from_name("raise");
    let review = ReviewAudit { operation, ..ReviewAudit::new(audit, AuditDecision::Accept, "ana") };
    insist(&|| guard.review(&review));
    insist(&|| guard.mutate(&raise).map(|made| made.audit.unwrap()));
    store.restart();
    let calls = store.calls();
    assert_eq!(text(mythos, "limit").as_deref(), Some("Refund at most 500 EUR."));
    assert_eq!(mythos.codices().verify(&support()).unwrap().finding, None);
    for sequence in [1, 2] {
        assert_eq!(guard.verify_evidence(&support(), sequence).unwrap().finding, None);
    }
    assert_eq!(mythos.codices().codex(&support()).unwrap().length, 3);
    assert_eq!(guard.list(&AuditFilter::default(), None, 10).unwrap().items.len(), 2);
    calls
}

#[test]
fn concurrent_guarded_edits_each_have_an_audit_of_what_they_replaced() {
    let (store, mythos) = in_memory();
    create(&mythos);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let guard = mythos.regressions();
            scope.spawn(move || {
                for step in 0..8 {
                    let text = format!("Refund at most {} EUR.", 1_000 * thread + step);
                    guard.mutate(&guarded(replace("limit", &text), AuditRequirement::RecordOnly)).unwrap();
                }
            });
        }
    });
    let guard = mythos.regressions();
    for sequence in 1..=32 {
        assert_eq!(guard.verify_evidence(&support(), sequence).unwrap().finding, None, "{sequence}");
    }
    assert_eq!(records(&*store, CodexClauseAudit::TABLE).len(), 32);
    assert_eq!(records(&*store, CodexHead::TABLE)[0].body["length"], 33);
}

#[test]
fn the_page_of_a_clause_shows_its_edits_word_by_word() {
    let (_, mythos) = in_memory();
    create(&mythos);
    let guard = mythos.regressions();
    let record = AuditRequirement::RecordOnly;
    for text in ["Refund at most 50 EUR.", "Refund at most 50 EUR, if asked."] {
        guard.mutate(&guarded(replace("limit", text), record)).unwrap();
    }
    let long = AuditClause::new(id("limit"), "Be kind. ".repeat(1_000), "Be kind. ".repeat(999));
    let long = guard.audit(&long).unwrap();
    guard.review(&ReviewAudit::new(long.audit, AuditDecision::Reject, "ana")).unwrap();
    let view = CodexRegressionView::new(guard.clone());
    let all = view.history(&id("limit"), None, None, 10).unwrap().items;
    assert_eq!(all.len(), 3);
    let of_codex = view.history(&id("limit"), Some(&support()), None, 10).unwrap().items;
    assert_eq!(of_codex, all[1..]);
    assert!(all[0].audit.new_version.is_none() && all[0].diff.is_some());
    assert!(serde_json::to_vec(&all[0]).unwrap().len() < 20_000, "long texts are shortened");
    let diff = of_codex[1].diff.clone().unwrap();
    let shown: Vec<_> = diff.segments.iter().map(|segment| (segment.kind, segment.text.as_str())).collect();
    assert!(shown.contains(&(DiffPartKind::Removed, "100")) && shown.contains(&(DiffPartKind::Added, "50")));
    assert!(diff.segments.iter().any(|segment| !segment.findings.is_empty()));

    let detail = view.audit(&long.audit).unwrap();
    assert_eq!((detail.reviews.len(), detail.reviews[0].reviewer.as_str()), (1, "ana"));
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = view.history(&id("limit"), None, after, 1).unwrap();
        rows.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(rows, all);
    guard.erase(&long.audit).unwrap();
    assert_eq!(view.history(&id("limit"), None, None, 1).unwrap().items[0].diff, None);
    for limit in [0, 51] {
        assert_eq!(view.history(&id("limit"), None, None, limit).unwrap_err().kind(), ErrorKind::Limit);
    }
    assert_eq!(view.queue(&AuditFilter::default(), None, 10).unwrap().items.len(), 2);
}
