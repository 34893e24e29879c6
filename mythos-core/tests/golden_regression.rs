//! Golden file of audits of every kind: passed and flagged, reviewed, with long texts, as evidence of an event, erased.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;
mod dump;

use std::sync::Arc;
use std::time::Duration;

use dump::{dump, golden, load};
use mythos_core::Mythos;
use mythos_core::codex::{Clause, CreateCodex, DirectivePath, MutateCodex, Mutation};
use mythos_core::regression::{
    AuditClause, AuditDecision, AuditFilter, AuditRequirement, AuditStatus, GuardedMutation, HashedNgrams,
    ReviewAudit,
};
use mythos_core::store::MemoryStore;
use mythos_core::testing::simulated_runtime;
use mythos_core::types::{OperationId, Timestamp};

fn start() -> Timestamp {
    "2026-11-22T08:30:00.123456Z".parse().unwrap()
}

const OLD: &str = "Refunds are made within 30 days. Übrigens: 🙂";

fn operation(name: &str) -> Option<OperationId> {
    Some(OperationId::from_name(name))
}

fn audit(name: &str, old: &str, new: &str) -> AuditClause {
    AuditClause { operation: operation(name), ..AuditClause::new("refunds".parse().unwrap(), old, new) }
}

fn written() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let (runtime, clock) = simulated_runtime(2026, start());
    let mythos = Mythos::with_store(store.clone(), runtime);
    let guard = mythos.regressions().with_embedder(Arc::new(HashedNgrams));
    let edit = |name: &str, old: &str, new: &str| {
        clock.advance(Duration::from_secs(1));
        guard.audit(&audit(name, old, new)).unwrap();
    };
    edit("same", OLD, OLD);
    edit("flagged", OLD, &OLD.replace("30", "90"));
    edit("long", &OLD.repeat(100), &OLD.replace("30", "90").repeat(100));
    edit("erased", &OLD.repeat(100), OLD);
    let review = |name: &str, decision| {
        clock.advance(Duration::from_secs(1));
        let reason = Some("Das Gesetz verlangt es.".to_owned());
        let review = ReviewAudit::new(OperationId::from_name(name), decision, "ana");
        guard
            .review(&ReviewAudit { reason, operation: operation(&format!("review {name}")), ..review })
            .unwrap();
    };
    review("long", AuditDecision::Reject);
    guard.review(&ReviewAudit::new(OperationId::from_name("long"), AuditDecision::Accept, "bob")).unwrap();
    review("erased", AuditDecision::Override { flag: false });
    guard.erase(&OperationId::from_name("erased")).unwrap();
    let path = DirectivePath::new(["support"]).unwrap();
    let clause = Clause { clause: "refunds".parse().unwrap(), text: OLD.into() };
    let support = || "support".parse().unwrap();
    mythos.codices().create(&CreateCodex::new(support(), vec![clause], path.clone(), "ana")).unwrap();
    let mutation =
        Mutation::Replace { clause: "refunds".parse().unwrap(), text: "Refunds are never made.".into() };
    let mutation =
        MutateCodex { operation: operation("event"), ..MutateCodex::new(support(), mutation, path, "bob") };
    guard
        .mutate(&GuardedMutation { require: AuditRequirement::RecordOnly, ..GuardedMutation::new(mutation) })
        .unwrap();
    store
}

#[test]
fn audits_of_version_1_are_read_and_continued() {
    let stored = golden("regression_v1.json", || dump(&*written()));
    let store = load(&stored);
    assert!(dump(&*store) == stored, "a dump comes back as it was");
    let later = start().saturating_add(Duration::from_secs(3600));
    let mythos = Mythos::with_store(store, simulated_runtime(1, later).0);
    let guard = mythos.regressions();
    let listed = guard.list(&AuditFilter::default(), None, 100).unwrap().items;
    assert_eq!(listed.len(), 5);
    let full = |name: &str| guard.get(&OperationId::from_name(name)).unwrap();
    assert_eq!(
        (full("same").audit.status, full("flagged").audit.status),
        (AuditStatus::Passed, AuditStatus::AwaitingReview)
    );
    assert_eq!(full("flagged").audit.new_version.unwrap(), OLD.replace("30", "90"));
    let long = full("long");
    assert_eq!(long.audit.previous_version.unwrap(), OLD.repeat(100));
    let said: Vec<_> = long.reviews.iter().map(|review| review.reviewer.as_str()).collect();
    assert_eq!((long.audit.status, said), (AuditStatus::Accepted, vec!["ana", "bob"]));
    assert!(full("erased").audit.is_erased() && !full("erased").audit.regression_flag);
    assert_eq!(guard.verify_evidence(&"support".parse().unwrap(), 1).unwrap().finding, None);
    // A later version of the machine may say otherwise, and still recognises its operation.
    let again = guard.audit(&audit("flagged", OLD, &OLD.replace("30", "90"))).unwrap();
    assert_eq!(again, full("flagged").audit);
    guard.review(&ReviewAudit::new(again.audit, AuditDecision::Reject, "eve")).unwrap();
    guard.erase(&again.audit).unwrap();
}
