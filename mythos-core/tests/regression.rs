//! The regression guard through its public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;

use damage::{cells, delete_cell, in_memory, overwrite_cell, owner, records, tamper};
use mythos_core::codex::{
    Clause, CreateCodex, DirectivePath, ErasedOpening, Moment, MutateCodex, Mutation, RedactCodex,
};
use mythos_core::regression::{
    AuditClause, AuditCodex, AuditDecision, AuditFilter, AuditStatus, CodexClauseAudit, GuardPolicy,
    HashedNgrams, MAX_AUDITED_BYTES, MatchKind, RefitTarget, ReviewAudit, Signal, Verdict,
};
use mythos_core::store::{Cell, MemoryStore, Model, copy};
use mythos_core::testing::{Fault, FaultStore, simulated_runtime};
use mythos_core::types::{ClauseId, CodexId, OperationId, TenantId, Timestamp};
use mythos_core::{ErrorKind, Mythos, Result, TABLES};

const OLD: &str = "Refunds are made within 30 days.";
const NEW: &str = "Refunds are made within 90 days.";

fn id(clause: &str) -> ClauseId {
    clause.parse().unwrap()
}

fn edit() -> AuditClause {
    AuditClause::new(id("refunds"), OLD, NEW)
}

fn start() -> Timestamp {
    "2026-11-22T08:30:00Z".parse().unwrap()
}

/// Makes a call until it is answered, under the operation that an unknown outcome names, and brings the store up again.
fn insist<T>(store: &FaultStore, mut call: impl FnMut(Option<OperationId>) -> Result<T>) -> T {
    let mut operation = None;
    loop {
        match call(operation) {
            Ok(answer) => return answer,
            Err(error) if error.is_retryable() => {
                operation = error.operation().map_or(operation, |id| Some(id.parse().unwrap()));
                store.restart();
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn codex_clause_audits_compare_clause_versions_and_flag_regressions() {
    let (_, mythos) = in_memory();
    let guard = mythos.regressions();
    let audit = guard.audit(&edit()).unwrap();
    assert_eq!((audit.verdict, audit.regression_flag), (Verdict::Accuracy, true));
    assert_eq!(audit.signals, [Signal::Number]);
    assert_eq!(audit.previous_version.as_deref(), Some(OLD));
    assert_eq!(audit.new_version.as_deref(), Some(NEW));
    assert_eq!(audit.prompt_delta.findings[0].signal, Signal::Number);
    assert_eq!(audit.status, AuditStatus::AwaitingReview);

    let form = AuditClause::new(id("refunds"), OLD, "1. Refunds are made within **thirty (30)** days");
    let form = guard.audit(&form).unwrap();
    assert_eq!((form.verdict, form.regression_flag), (Verdict::None, false));
    assert_eq!(form.status, AuditStatus::Passed);
    let of_clause = AuditFilter { clause: Some(id("refunds")), ..AuditFilter::default() };
    let listed = guard.list(&of_clause, None, 10).unwrap().items;
    assert_eq!(listed.iter().map(|audit| audit.audit).collect::<Vec<_>>(), [form.audit, audit.audit]);
    let flagged = AuditFilter { regression_flag: Some(true), ..AuditFilter::default() };
    assert_eq!(guard.list(&flagged, None, 10).unwrap().items, [audit]);
}

#[test]
fn a_repeated_operation_is_one_audit_and_another_request_under_it_is_refused() {
    let (store, mythos) = in_memory();
    let guard = mythos.regressions();
    let request = AuditClause { operation: Some(OperationId::from_name("one")), ..edit() };
    let audit = guard.audit(&request).unwrap();
    assert_eq!(guard.audit(&request).unwrap(), audit);
    let strict = GuardPolicy { accuracy_threshold: 0.9, ..GuardPolicy::default() };
    for other in [
        AuditClause { new_version: OLD.into(), ..request.clone() },
        AuditClause { clause: id("other"), ..request.clone() },
        AuditClause { codex: Some("support".parse().unwrap()), ..request.clone() },
        AuditClause { policy: strict, ..request.clone() },
    ] {
        let error = guard.audit(&other).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("operation")));
    }
    assert_eq!(records(&*store, CodexClauseAudit::TABLE).len(), 1);
    // Another tenant knows nothing of it.
    let other = mythos.tenant(TenantId::new("other").unwrap()).regressions();
    assert_eq!(other.get(&audit.audit).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(
        other.audit(&AuditClause { new_version: OLD.into(), ..request }).unwrap().verdict,
        Verdict::None
    );
}

#[test]
fn long_texts_are_kept_and_not_listed() {
    let (store, mythos) = in_memory();
    let guard = mythos.regressions();
    let old = format!("{OLD}\n").repeat(200);
    let request = AuditClause::new(id("refunds"), old.clone(), NEW);
    let audit = guard.audit(&request).unwrap();
    assert_eq!((audit.previous_version.as_ref(), audit.previous_bytes), (None, old.len() as u64));
    let record = records(&*store, CodexClauseAudit::TABLE).remove(0);
    assert_eq!(cells(&*store, &owner(CodexClauseAudit::TABLE, &record)).len(), 1);
    let full = guard.get(&audit.audit).unwrap();
    assert_eq!(full.audit.previous_version, Some(old));
    assert_eq!(full.audit.new_version.as_deref(), Some(NEW));
    assert!(full.reviews.is_empty());

    let limit = guard.audit(&AuditClause::new(id("a"), "x".repeat(MAX_AUDITED_BYTES + 1), "")).unwrap_err();
    assert_eq!((limit.kind(), limit.field()), (ErrorKind::Limit, Some("previous_version")));
    let zero = guard.audit(&AuditClause::new(id("a"), "", "\0")).unwrap_err();
    assert_eq!((zero.kind(), zero.field()), (ErrorKind::Invalid, Some("new_version")));
}

#[test]
fn a_second_review_supersedes_the_first_and_both_stay_beside_the_verdict() {
    let (_, mythos) = in_memory();
    let guard = mythos.regressions();
    let audit = guard.audit(&edit()).unwrap();
    assert_eq!(guard.queue(&AuditFilter::default(), None, 10).unwrap().items, std::slice::from_ref(&audit));
    let wrong = ReviewAudit {
        reason: Some("The law says so.".into()),
        operation: Some(OperationId::from_name("first")),
        ..ReviewAudit::new(audit.audit, AuditDecision::Override { flag: false }, "ana")
    };
    let first = guard.review(&wrong).unwrap();
    assert_eq!((first.regression_flag, first.status), (false, AuditStatus::Accepted));
    assert_eq!((first.verdict, &first.prompt_delta), (Verdict::Accuracy, &audit.prompt_delta));
    assert_eq!(guard.review(&wrong).unwrap(), first, "a repetition is no second review");
    let other = ReviewAudit { decision: AuditDecision::Reject, ..wrong };
    assert_eq!(guard.review(&other).unwrap_err().field(), Some("operation"));

    let second = guard.review(&ReviewAudit::new(audit.audit, AuditDecision::Reject, "bob")).unwrap();
    assert_eq!((second.regression_flag, second.status, second.reviews), (true, AuditStatus::Rejected, 2));
    assert_eq!(second.digest, audit.digest);
    let full = guard.get(&audit.audit).unwrap();
    let said: Vec<_> = full.reviews.iter().map(|review| (review.number, review.reviewer.as_str())).collect();
    assert_eq!(said, [(1, "ana"), (2, "bob")]);
    assert_eq!(full.reviews[0].reason.as_deref(), Some("The law says so."));
    assert!(guard.queue(&AuditFilter::default(), None, 10).unwrap().items.is_empty());
    for bad in ["", "a\nb"] {
        let error = guard.review(&ReviewAudit::new(audit.audit, AuditDecision::Accept, bad)).unwrap_err();
        assert_eq!(error.field(), Some("reviewer"));
    }
    let none = ReviewAudit::new(OperationId::from_name("none"), AuditDecision::Accept, "ana");
    assert_eq!(guard.review(&none).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn erased_texts_are_gone_and_the_verdict_stays() {
    let (store, mythos) = in_memory();
    let guard = mythos.regressions();
    let request = AuditClause::new(id("refunds"), OLD.repeat(100), NEW.repeat(100));
    let request = AuditClause { operation: Some(OperationId::from_name("one")), ..request };
    let audit = guard.audit(&request).unwrap();
    guard.review(&ReviewAudit::new(audit.audit, AuditDecision::Accept, "ana")).unwrap();
    let erased = guard.erase(&audit.audit).unwrap();
    assert_eq!(guard.erase(&audit.audit).unwrap(), erased);
    assert_eq!((erased.digest, erased.verdict), (audit.digest, audit.verdict));
    let full = guard.get(&audit.audit).unwrap();
    assert_eq!((&full.audit, full.reviews.len()), (&erased, 1));
    assert!(full.audit.is_erased() && full.audit.new_version.is_none());
    let record = records(&*store, CodexClauseAudit::TABLE).remove(0);
    let left = cells(&*store, &owner(CodexClauseAudit::TABLE, &record));
    assert_eq!(left.len(), 1, "the review");
    assert!(!serde_json::to_string(&record.body).unwrap().contains("days"));
    // What cannot be compared any more is not taken for another request.
    assert_eq!(guard.audit(&request).unwrap(), guard.get(&audit.audit).unwrap().audit);
}

#[test]
fn damage_is_told_and_not_listed_as_if_nothing_were() {
    let (store, mythos) = in_memory();
    let guard = mythos.regressions();
    let audit = guard.audit(&AuditClause::new(id("refunds"), OLD.repeat(100), NEW)).unwrap();
    guard.review(&ReviewAudit::new(audit.audit, AuditDecision::Reject, "ana")).unwrap();
    let record = records(&*store, CodexClauseAudit::TABLE).remove(0);
    let owner = owner(CodexClauseAudit::TABLE, &record);
    for cell in cells(&*store, &owner) {
        let mut other = cell.bytes.clone();
        other[20] ^= 1;
        overwrite_cell(&*store, &owner, &Cell { name: cell.name, bytes: other });
        assert_eq!(guard.get(&audit.audit).unwrap_err().kind(), ErrorKind::Corrupt);
        delete_cell(&*store, &owner, &cell);
        assert_eq!(guard.get(&audit.audit).unwrap_err().kind(), ErrorKind::Corrupt);
        overwrite_cell(&*store, &owner, &cell);
        guard.get(&audit.audit).unwrap();
    }
    for (field, value) in [
        ("format", 2.into()),
        ("verdict", "none".into()),
        ("regression_flag", false.into()),
        ("clause", "other".into()),
        ("digest", "00".repeat(32).into()),
    ] {
        tamper(&*store, CodexClauseAudit::TABLE, &record, |body| drop(body.insert(field.into(), value)));
        assert_eq!(
            guard.list(&AuditFilter::default(), None, 1).unwrap_err().kind(),
            ErrorKind::Corrupt,
            "{field}"
        );
    }
    tamper(&*store, CodexClauseAudit::TABLE, &record, |_| {});
    guard.get(&audit.audit).unwrap();
}

#[test]
fn pages_of_every_filter_join_without_gaps() {
    let store = std::sync::Arc::new(MemoryStore::new());
    let (runtime, clock) = simulated_runtime(7, start());
    let guard = Mythos::with_store(store, runtime).regressions();
    let texts = [OLD, NEW, "Refunds are never made.", "Please refund within 30 days."];
    for number in 0..40_usize {
        // Some have the same time.
        clock.advance(std::time::Duration::from_secs((number % 3) as u64));
        let clause = id(if number % 2 == 0 { "even" } else { "odd" });
        let codex = (number % 5 == 0).then(|| "support".parse().unwrap());
        let request = AuditClause { codex, ..AuditClause::new(clause, OLD, texts[number % texts.len()]) };
        let audit = guard.audit(&request).unwrap();
        if number % 7 == 0 {
            guard
                .review(&ReviewAudit::new(audit.audit, AuditDecision::Override { flag: true }, "ana"))
                .unwrap();
        }
    }
    let all = guard.list(&AuditFilter::default(), None, 256).unwrap().items;
    assert_eq!(all.len(), 40);
    assert!(all.is_sorted_by(|a, b| a.created_at >= b.created_at));
    type Is = fn(&CodexClauseAudit) -> bool;
    let filters: [(AuditFilter, Is); 7] = [
        (AuditFilter { clause: Some(id("odd")), ..AuditFilter::default() }, |it| it.clause.as_str() == "odd"),
        (AuditFilter { codex: Some("support".parse().unwrap()), ..AuditFilter::default() }, |it| {
            it.codex.is_some()
        }),
        (AuditFilter { regression_flag: Some(true), ..AuditFilter::default() }, |it| it.regression_flag),
        (AuditFilter { verdict: Some(Verdict::None), ..AuditFilter::default() }, |it| {
            it.verdict == Verdict::None
        }),
        (AuditFilter { signal: Some(Signal::Number), ..AuditFilter::default() }, |it| {
            it.signals.contains(&Signal::Number)
        }),
        (AuditFilter { is_reviewed: Some(false), ..AuditFilter::default() }, |it| it.review.is_none()),
        (
            AuditFilter {
                since: Some(start().saturating_add(std::time::Duration::from_secs(9))),
                ..AuditFilter::default()
            },
            |it| it.created_at >= start().saturating_add(std::time::Duration::from_secs(9)),
        ),
    ];
    for (filter, is) in filters {
        let expected: Vec<_> = all.iter().filter(|audit| is(audit)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < 40);
        for limit in [1, 3, 256] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = guard.list(&filter, after, limit).unwrap();
                found.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert!(found == expected, "{filter:?}");
        }
    }
    let mut waiting = guard.queue(&AuditFilter::default(), None, 256).unwrap().items;
    assert!(waiting.iter().all(|audit| audit.status == AuditStatus::AwaitingReview) && !waiting.is_empty());
    waiting.reverse();
    assert!(waiting.is_sorted_by(|a, b| a.created_at >= b.created_at));
    for limit in [0, 257] {
        assert_eq!(guard.list(&AuditFilter::default(), None, limit).unwrap_err().kind(), ErrorKind::Limit);
    }
}

#[test]
fn whatever_fails_an_audit_and_its_review_are_made_once() {
    let calls = {
        let store = FaultStore::new(MemoryStore::new());
        live(&store);
        store.calls()
    };
    for call in 1..=calls {
        for fault in Fault::ALL {
            let store = FaultStore::new(MemoryStore::new());
            store.plan(call, fault);
            live(&store);
        }
    }
}

fn live(store: &FaultStore) {
    let guard =
        Mythos::with_store(std::sync::Arc::new(store.clone()), simulated_runtime(3, start()).0).regressions();
    let audit = insist(store, |operation| guard.audit(&AuditClause { operation, ..edit() }));
    let review = ReviewAudit::new(audit.audit, AuditDecision::Accept, "ana");
    insist(store, |operation| guard.review(&ReviewAudit { operation, ..review.clone() }));
    insist(store, |_| guard.erase(&audit.audit));
    let full = insist(store, |_| guard.get(&audit.audit));
    assert_eq!((full.reviews.len(), full.audit.is_erased()), (1, true));
    assert_eq!(insist(store, |_| guard.list(&AuditFilter::default(), None, 9)).items.len(), 1);
}

#[test]
fn concurrent_reviews_are_all_kept() {
    let (_, mythos) = in_memory();
    let guard = mythos.regressions();
    let audit = guard.audit(&edit()).unwrap().audit;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let guard = mythos.regressions();
            scope.spawn(move || {
                for number in 0..10 {
                    let reviewer = format!("{thread}/{number}");
                    guard.review(&ReviewAudit::new(audit, AuditDecision::Accept, reviewer)).unwrap();
                }
            });
        }
    });
    let full = guard.get(&audit).unwrap();
    assert_eq!((full.reviews.len(), full.audit.reviews), (40, 40));
}

#[test]
fn an_embedder_is_asked_and_decides_nothing() {
    let (_, mythos) = in_memory();
    let plain = mythos.regressions().audit(&edit()).unwrap();
    let guard = mythos.regressions().with_embedder(std::sync::Arc::new(HashedNgrams));
    let audit = guard.audit(&edit()).unwrap();
    let similarity = audit.prompt_delta.similarity.clone().unwrap();
    assert_eq!(similarity.embedder.model, "mythos-hashed-ngrams");
    assert!((0.5..1.0).contains(&similarity.cosine));
    assert_eq!((audit.verdict, audit.prompt_delta.accuracy), (plain.verdict, plain.prompt_delta.accuracy));
    assert_eq!(guard.get(&audit.audit).unwrap().audit, audit);
}

#[test]
fn agreement_counts_what_people_said_and_thresholds_are_chosen_on_it() {
    let (_, mythos) = in_memory();
    let guard = mythos.regressions();
    let none = guard.agreement(&AuditFilter::default()).unwrap();
    assert_eq!((none.reviewed, none.precision), (0, None));
    let few = guard.refit(&AuditFilter::default(), &GuardPolicy::default(), RefitTarget::F1).unwrap_err();
    assert_eq!((few.kind(), few.field()), (ErrorKind::Invalid, Some("cases")));
    for number in 0..60 {
        let new = match number % 3 {
            0 => format!("Refunds are made within {} days.", 31 + number),
            1 => format!("{number}. Refunds are made within **30** days"),
            _ => format!("Refunds never are made within {number} days."),
        };
        let audit = guard.audit(&AuditClause::new(id("refunds"), OLD, new)).unwrap();
        // People think little of changed numbers.
        let decision = match number % 3 {
            0 => AuditDecision::Override { flag: false },
            _ => AuditDecision::Accept,
        };
        guard.review(&ReviewAudit::new(audit.audit, decision, "ana")).unwrap();
    }
    let found = guard.agreement(&AuditFilter::default()).unwrap();
    assert_eq!((found.reviewed, found.flagged, found.confirmed, found.overturned), (60, 40, 20, 20));
    assert_eq!((found.passed, found.missed, found.is_capped), (20, 0, false));
    let precision = found.precision.unwrap();
    assert!(precision.low < 0.5 && 0.5 < precision.high);
    let negation = found.by_signal.iter().find(|it| it.signal == Signal::Negation).unwrap();
    assert_eq!(negation.regressions.rate, 1.0);
    let of_number = AuditFilter { signal: Some(Signal::Negation), ..AuditFilter::default() };
    assert_eq!(guard.agreement(&of_number).unwrap().precision.unwrap().rate, 1.0);
    let target = RefitTarget::Precision { recall: 1.0 };
    let refit = guard.refit(&AuditFilter::default(), &GuardPolicy::default(), target).unwrap();
    assert!(refit.after.precision.unwrap().rate >= refit.before.precision.unwrap().rate);
    assert_eq!((refit.cases, refit.regressions, refit.after.recall.unwrap().rate), (60, 20, 1.0));
}

#[test]
fn a_whole_codex_is_compared_between_two_moments() {
    let (store, mythos) = in_memory();
    let support: CodexId = "support".parse().unwrap();
    let path = || DirectivePath::new(["support"]).unwrap();
    let returns = "Goods are returned unused, in their box, at the cost of whoever bought them.";
    let kind = "Answer politely, in the language of the customer, and promise nothing.";
    let clause = |clause: &str, text: &str| Clause { clause: id(clause), text: text.to_owned() };
    let clauses = vec![
        clause("refunds", OLD),
        clause("both", &format!("{returns} {kind}")),
        clause("law", "Follow the law."),
        clause("private", "Ana lives in Bern."),
    ];
    let codices = mythos.codices();
    codices.create(&CreateCodex::new(support.clone(), clauses, path(), "ana")).unwrap();
    for mutation in [
        Mutation::Replace { clause: id("refunds"), text: NEW.into() },
        Mutation::Replace { clause: id("both"), text: returns.into() },
        Mutation::Add { clause: id("kind"), text: kind.into(), position: None },
        Mutation::Remove { clause: id("law") },
        Mutation::Add { clause: id("new"), text: "Log every call that you take.".into(), position: Some(0) },
    ] {
        codices.mutate(&MutateCodex::new(support.clone(), mutation, path(), "bob")).unwrap();
    }
    let erase = vec![ErasedOpening { sequence: 0, opening: 5 }];
    let (parent, reason, operation, actor) = (None, None, None, "officer".to_owned());
    let redact = RedactCodex {
        codex: support.clone(),
        erase,
        parent,
        directive_path: path(),
        actor,
        reason,
        operation,
    };
    codices.redact(&redact).unwrap();

    let guard = mythos.regressions();
    let request = AuditCodex::new(support.clone(), Moment::Sequence(0), Moment::Sequence(6));
    let found = guard.audit_codex(&request).unwrap();
    let pairs: Vec<_> =
        found.pairs.iter().map(|pair| (pair.kind, pair.old.clone(), pair.new.clone())).collect();
    let expected = [
        (MatchKind::Edited, vec![id("refunds")], vec![id("refunds")]),
        (MatchKind::Split, vec![id("both")], vec![id("both"), id("kind")]),
    ];
    assert_eq!(pairs, expected);
    assert_eq!(found.pairs[0].assessment.verdict, Verdict::Accuracy);
    assert_eq!(found.pairs[1].assessment.verdict, Verdict::None, "only the form of what was split changed");
    assert_eq!(
        (found.added, found.removed, found.erased),
        (vec![id("new")], vec![id("law")], vec![id("private")])
    );
    assert!(records(&*store, CodexClauseAudit::TABLE).is_empty());

    let operation = Some(OperationId::from_name("release 2"));
    let keep = AuditCodex { keep: true, operation, ..request };
    let kept = guard.audit_codex(&keep).unwrap();
    assert_eq!(guard.audit_codex(&keep).unwrap(), kept);
    assert_eq!(records(&*store, CodexClauseAudit::TABLE).len(), 2);
    let audit = guard.get(&kept.pairs[1].audit.unwrap()).unwrap().audit;
    assert_eq!((audit.clause, audit.codex), (id("both"), Some(support.clone())));
    assert_eq!(audit.new_version, Some(format!("{returns}\n{kind}")));
    let same = AuditCodex::new(support, Moment::Sequence(6), Moment::Sequence(6));
    let same = guard.audit_codex(&same).unwrap();
    assert_eq!((same.pairs.len(), same.unchanged), (0, 4));
}

#[test]
fn no_listing_of_audits_scans_or_sorts() {
    let memory = std::sync::Arc::new(MemoryStore::new());
    let (runtime, clock) = simulated_runtime(7, start());
    let mythos = Mythos::with_store(memory.clone(), runtime);
    let guard = mythos.regressions();
    for number in 0..2_000 {
        clock.advance(std::time::Duration::from_secs(1));
        let codex = (number % 2 == 0).then(|| format!("codex {}", number % 10).parse().unwrap());
        let new = if number % 3 == 0 { NEW } else { OLD };
        let audit =
            AuditClause { codex, ..AuditClause::new(id(&format!("clause {}", number % 7)), OLD, new) };
        let audit = guard.audit(&audit).unwrap().audit;
        if number % 5 == 0 {
            guard.review(&ReviewAudit::new(audit, AuditDecision::Reject, "ana")).unwrap();
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let sqlite = Mythos::open(directory.path().join("mythos.db")).unwrap();
    let store = sqlite.sqlite().unwrap();
    copy(&*memory, store, TABLES).unwrap();
    let guard = sqlite.regressions();
    let holds = |what: &str, listing: &dyn Fn() -> usize| {
        let before = store.statistics();
        assert!(listing() > 0, "{what} finds something");
        let after = store.statistics();
        assert_eq!(after.full_scan_steps - before.full_scan_steps, 0, "{what} scans");
        assert_eq!(after.sorts - before.sorts, 0, "{what} sorts");
    };
    let list = |filter: AuditFilter| guard.list(&filter, None, 50).unwrap().items.len();
    let all = AuditFilter::default;
    let codex = || Some("codex 4".parse().unwrap());
    holds("all", &|| list(all()));
    holds("of a clause", &|| list(AuditFilter { clause: Some(id("clause 3")), ..all() }));
    holds("of a codex", &|| list(AuditFilter { codex: codex(), ..all() }));
    holds("of both", &|| list(AuditFilter { clause: Some(id("clause 3")), codex: codex(), ..all() }));
    holds("flagged", &|| list(AuditFilter { regression_flag: Some(true), ..all() }));
    holds("rejected", &|| list(AuditFilter { status: Some(AuditStatus::Rejected), ..all() }));
    holds("of a time", &|| list(AuditFilter { since: Some(start()), ..all() }));
    holds("waiting", &|| guard.queue(&all(), None, 50).unwrap().items.len());
    holds("reviewed", &|| guard.agreement(&all()).unwrap().by_verdict.len());
}
