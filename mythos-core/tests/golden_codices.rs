//! Golden file of a codex log with everything that a log may hold: tiles, a snapshot, checkpoints, redactions, keys.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;
mod dump;

use std::sync::Arc;
use std::time::Duration;

use dump::{dump, golden, load};
use mythos_core::Mythos;
use mythos_core::codex::{
    Clause, CreateCodex, DirectedMutation, DirectivePath, ErasedOpening, Listing, Moment, MutateCodex,
    Mutation, MutationBatch, ProofVerificationStatus, RedactCodex,
};
use mythos_core::seal::SecretKey;
use mythos_core::store::MemoryStore;
use mythos_core::testing::simulated_runtime;
use mythos_core::tlog::{CosignatureSigner, Ed25519Signer, NoteSigner, Policy};
use mythos_core::types::{CodexId, Timestamp};

fn start() -> Timestamp {
    "2026-11-01T12:00:00Z".parse().unwrap()
}

fn support() -> CodexId {
    "support".parse().unwrap()
}

fn path() -> DirectivePath {
    DirectivePath::new(["support", "limit"]).unwrap()
}

fn log_key(mythos: &Mythos) -> Ed25519Signer {
    Ed25519Signer::from_seed(mythos.codices().origin(&support()), &SecretKey::from_bytes(&[7; 32])).unwrap()
}

fn written() -> (Arc<MemoryStore>, Mythos) {
    let store = Arc::new(MemoryStore::new());
    let (runtime, clock) = simulated_runtime(2026, start());
    let mythos = Mythos::with_store(store.clone(), runtime);
    let codices = mythos.codices();
    let clause = |clause: &str, text: &str| Clause { clause: clause.parse().unwrap(), text: text.to_owned() };
    let clauses = vec![clause("limit", "At most 100 EUR."), clause("tone", "Be kind.")];
    codices.create(&CreateCodex::new(support(), clauses, path(), "ana")).unwrap();
    let log = log_key(&mythos);
    let mutate = |mutation| {
        clock.advance(Duration::from_secs(1));
        codices.mutate(&MutateCodex::new(support(), mutation, path(), "eve")).unwrap();
    };
    mutate(Mutation::Authorize { key: log.verifier_key().to_string() });
    let mutations = (0..260).map(|number| DirectedMutation {
        mutation: Mutation::Replace { clause: "limit".parse().unwrap(), text: format!("{number}") },
        directive_path: path(),
        actor: "b".into(),
        reason: None,
        evidence: None,
    });
    let batch = MutationBatch {
        codex: support(),
        mutations: mutations.collect(),
        listing: Listing::Later,
        operation: None,
    };
    codices.mutate_all(&batch).unwrap();
    let mut signed = codices.checkpoint(&support(), &[&log]).unwrap();
    let witness = CosignatureSigner::from_seed("w.example", &SecretKey::from_bytes(&[8; 32])).unwrap();
    signed.add_cosignature(&witness.at(1_795_249_800).unwrap()).unwrap();
    codices.add_checkpoint(&support(), &signed).unwrap();
    let erase = vec![ErasedOpening { sequence: 0, opening: 0 }, ErasedOpening { sequence: 5, opening: 2 }];
    let (parent, reason, operation) = (None, None, None);
    let actor = "officer".to_owned();
    codices
        .redact(&RedactCodex {
            codex: support(),
            erase,
            parent,
            directive_path: path(),
            actor,
            reason,
            operation,
        })
        .unwrap();
    let annotate = Mutation::Annotate { clause: "tone".parse().unwrap(), note: "asked for".into() };
    mutate(annotate);
    codices.checkpoint(&support(), &[&log]).unwrap();
    codices.list_pending(&support(), 2).unwrap();
    (store, mythos)
}

#[test]
fn a_codex_log_of_version_1_is_read_verified_and_continued() {
    let stored = golden("codices_v1.json", || dump(&*written().0));
    let store = load(&stored);
    assert_eq!(dump(&*store), stored);
    let later = start().saturating_add(Duration::from_secs(3600));
    let mythos = Mythos::with_store(store, simulated_runtime(1, later).0);
    let codices = mythos.codices();
    let policy = Policy::of_log(log_key(&mythos).verifier_key().clone()).unwrap();
    let found = codices.verify_against(&support(), &policy, &[]).unwrap();
    assert_eq!(found.verification.finding, None);
    assert_eq!(found.verification.proof_verification_status, ProofVerificationStatus::Redacted);
    assert_eq!((found.verification.events, found.anchored), (264, Some(264)));
    assert_eq!(codices.checkpoints(&support(), 10).unwrap().len(), 3);
    let then = codices.state_at(&support(), Moment::Sequence(100)).unwrap();
    assert_eq!(then.clauses[0].text.as_deref(), Some("98"));
    codices
        .mutate(&MutateCodex::new(
            support(),
            Mutation::Remove { clause: "tone".parse().unwrap() },
            path(),
            "eve",
        ))
        .unwrap();
    assert_eq!(codices.list_pending(&support(), 1_000).unwrap(), 0);
    assert_eq!(codices.verify(&support()).unwrap().finding, None);
}

#[test]
fn the_same_inputs_give_the_same_log() {
    let stored = golden("codices_v1.json", || dump(&*written().0));
    assert_eq!(dump(&*written().0), stored);
}
