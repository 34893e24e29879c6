//! Golden file of a super-log with every kind of statement.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;
mod dump;

use std::sync::Arc;
use std::time::Duration;

use dump::{dump, golden, load};
use mythos_core::Mythos;
use mythos_core::anchor::{AnchorLog, AnchorRequest, AnchoredName};
use mythos_core::codex::{Clause, CreateCodex, DirectivePath, ProofVerificationStatus};
use mythos_core::restart::{DeployAssistant, DeploymentSpec};
use mythos_core::ritual::SaveRitual;
use mythos_core::seal::SecretKey;
use mythos_core::store::MemoryStore;
use mythos_core::testing::simulated_runtime;
use mythos_core::tlog::{Ed25519Signer, NoteSigner, Policy};
use mythos_core::types::Timestamp;

fn start() -> Timestamp {
    "2026-11-01T12:00:00Z".parse().unwrap()
}

fn anchors(mythos: &Mythos) -> (AnchorLog, Ed25519Signer) {
    let log = mythos.anchors().with_mac_key(&SecretKey::from_bytes(&[9; 32]));
    let signer = Ed25519Signer::from_seed(log.origin(), &SecretKey::from_bytes(&[7; 32])).unwrap();
    (log, signer)
}

fn written() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let (runtime, clock) = simulated_runtime(2026, start());
    let mythos = Mythos::with_store(store.clone(), runtime);
    let path = DirectivePath::new(["test"]).unwrap();
    let clause = Clause { clause: "limit".parse().unwrap(), text: "At most 100 EUR.".to_owned() };
    mythos
        .codices()
        .create(&CreateCodex::new("support".parse().unwrap(), vec![clause], path, "ana"))
        .unwrap();
    for ritual in ["refund", "greeting"] {
        let save = SaveRitual::new("ana".parse().unwrap(), ritual.parse().unwrap());
        mythos.rituals().save(&save, b"state").unwrap();
    }
    let supervisor = mythos.deployments().supervise(&"desk".parse().unwrap()).unwrap();
    let spec = DeploymentSpec::new("refund".parse().unwrap());
    supervisor.deploy(&DeployAssistant::new("ana".parse().unwrap(), spec)).unwrap();
    let (log, signer) = anchors(&mythos);
    log.anchor(&AnchorRequest::default()).unwrap();
    clock.advance(Duration::from_secs(5));
    let greeting =
        AnchoredName::Ritual { assistant: "ana".parse().unwrap(), ritual: "greeting".parse().unwrap() };
    mythos.rituals().delete_ritual(&"ana".parse().unwrap(), &"greeting".parse().unwrap()).unwrap();
    log.retire(&greeting).unwrap();
    log.authorize(&signer.verifier_key().to_string()).unwrap();
    log.checkpoint(&[&signer]).unwrap();
    store
}

#[test]
fn a_super_log_of_version_1_is_read_verified_and_continued() {
    let stored = golden("anchors_v1.json", || dump(&*written()));
    let store = load(&stored);
    assert!(dump(&*store) == stored, "a dump comes back as it was");
    let later = start().saturating_add(Duration::from_secs(3600));
    let mythos = Mythos::with_store(store, simulated_runtime(1, later).0);
    let (log, signer) = anchors(&mythos);
    let policy = Policy::of_log(signer.verifier_key().clone()).unwrap();
    let found = log.verify_against(&policy, &[]).unwrap();
    assert_eq!(found.verification.status, ProofVerificationStatus::Verified);
    assert!(found.verification.findings.is_empty(), "{:?}", found.verification.findings);
    let save = SaveRitual::new("ana".parse().unwrap(), "refund".parse().unwrap());
    mythos.rituals().save(&save, b"next").unwrap();
    assert_eq!(log.anchor(&AnchorRequest::default()).unwrap().appended, 1);
    assert!(log.verify().unwrap().findings.is_empty());
}

#[test]
fn the_same_inputs_give_the_same_super_log() {
    let stored = golden("anchors_v1.json", || dump(&*written()));
    assert!(dump(&*written()) == stored, "the same inputs give another log");
}
