//! Every stored format stays readable: a store written by version 1 of each is loaded, restored, verified and continued.
//!
//! A new format gets a new file, written once with `MYTHOS_WRITE_GOLDEN=1`; a file that stands is never changed. The
//! encodings of rituals have a file of their own, `golden_rituals.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;
mod dump;

use std::sync::Arc;
use std::time::Duration;

use dump::{dump, golden, load};
use mythos_core::codex::{
    Clause, CreateCodex, DirectivePath, MergeSide, MutateCodex, Mutation, ProofVerificationStatus,
    TakenClause,
};
use mythos_core::restart::{Action, DeployAssistant, DeploymentSpec, Outcome, ReportFailure, StateName};
use mythos_core::ritual::{Encoding, RitualFilter, SaveRitual, SymbolicIntent};
use mythos_core::store::{MemoryStore, copy};
use mythos_core::testing::simulated_runtime;
use mythos_core::types::Timestamp;
use mythos_core::{ErrorKind, Mythos, TABLES};
use serde_json::Value;

fn start() -> Timestamp {
    "2026-11-21T08:30:00.123456Z".parse().unwrap()
}

/// The payloads of the ritual, in order: text that compresses, bytes that do not, and nothing.
fn payloads() -> [Vec<u8>; 3] {
    let text = br#"{"role":"tool","content":"order 9223372036854775807"}"#.repeat(20);
    let noise = (0..200_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    [text, noise, Vec::new()]
}

/// Writes something of everything.
fn write(mythos: &Mythos, advance: &dyn Fn()) {
    let (assistant, ritual, codex) =
        (|| "ana".parse().unwrap(), || "refund".parse().unwrap(), || "support".parse().unwrap());
    let clause = |clause: &str, text: &str| Clause { clause: clause.parse().unwrap(), text: text.to_owned() };
    let path = DirectivePath::new(["support", "rückgabe", "limit"]).unwrap();
    let codices = mythos.codices();
    let clauses = vec![clause("limit", "Refund at most 100 EUR."), clause("tone", "Be kind. 🙂")];
    let create = CreateCodex::new(codex(), clauses, path.clone(), "ana");
    codices.create(&CreateCodex { reason: Some("launch".into()), ..create }).unwrap();
    let mutate = |mutation, parent| {
        advance();
        codices
            .mutate(&MutateCodex { parent, ..MutateCodex::new(codex(), mutation, path.clone(), "bob") })
            .unwrap()
    };
    let (limit, tone, law) =
        (|| "limit".parse().unwrap(), || "tone".parse().unwrap(), || "law".parse().unwrap());
    mutate(Mutation::Replace { clause: limit(), text: "Refund at most 50 EUR.".into() }, None);
    mutate(Mutation::Add { clause: law(), text: "Follow the law.".into(), position: Some(0) }, None);
    mutate(Mutation::Annotate { clause: tone(), note: "asked for by legal".into() }, None);
    mutate(Mutation::Reorder { order: vec![tone(), law(), limit()] }, Some(3));
    mutate(Mutation::Remove { clause: tone() }, Some(3));
    let take = vec![
        TakenClause { clause: limit(), from: MergeSide::Ours },
        TakenClause { clause: law(), from: MergeSide::Theirs },
    ];
    mutate(Mutation::Merge { other: 5, take }, Some(4));

    let root = codices.codex(&codex()).unwrap().heads[0].codex_root;
    let intent = SymbolicIntent {
        labels: ["checkout".to_owned(), "über".to_owned()].into(),
        procedure: Some("refund order".to_owned()),
        payload_format: Some("application/json".to_owned()),
        codex: Some(codex()),
        codex_root: Some(root),
    };
    for payload in payloads() {
        advance();
        let save = SaveRitual { intent: intent.clone(), ..SaveRitual::new(assistant(), ritual()) };
        mythos.rituals().save(&save, &payload).unwrap();
    }

    let supervisor = mythos.deployments().supervise(&"desk".parse().unwrap()).unwrap();
    let spec = DeploymentSpec::new(ritual()).codex(codex());
    supervisor.deploy(&DeployAssistant::new(assistant(), spec.clone())).unwrap();
    supervisor.deploy(&DeployAssistant::new("bob".parse().unwrap(), spec)).unwrap();
    supervisor.report_failure(&ReportFailure::crashed(assistant(), "killed".try_into().unwrap())).unwrap();
    supervisor
        .report_failure(&ReportFailure::crashed("bob".parse().unwrap(), "lost".try_into().unwrap()))
        .unwrap();
    for _ in 0..100 {
        advance();
        supervisor.tick().unwrap();
        let mut effects = supervisor.poll_effects(10).unwrap();
        while let Some(effect) = effects.pop() {
            match effect.action {
                Action::Restore { .. } | Action::Align { .. } => {
                    effects.extend(supervisor.carry_out(&effect).unwrap().next);
                }
                Action::Probe { .. } => drop(supervisor.answer(&effect.id, &Outcome::Ready).unwrap()),
                _ => {}
            }
        }
    }
    assert_eq!(supervisor.deployment(&assistant()).unwrap().state, StateName::MythpathReady);
}

fn written() -> (Arc<MemoryStore>, Mythos) {
    let store = Arc::new(MemoryStore::new());
    let (runtime, clock) = simulated_runtime(2026, start());
    let mythos = Mythos::with_store(store.clone(), runtime);
    write(&mythos, &|| {
        clock.advance(Duration::from_secs(2));
    });
    (store, mythos)
}

/// What version 1 stored.
fn stored() -> Value {
    golden("store_v1.json", || dump(&*written().0))
}

#[test]
fn a_store_of_version_1_is_read_verified_and_continued() {
    let stored = stored();
    let store = load(&stored);
    assert_eq!(dump(&*store), stored);
    let later = start().saturating_add(Duration::from_secs(3600));
    let mythos = Mythos::with_store(store, simulated_runtime(1, later).0);

    // Checkpoints restore, bit for bit.
    let rituals = mythos.rituals();
    let filter = RitualFilter { labels: vec!["über".into()], ..RitualFilter::default() };
    let mut entries = rituals.list(&filter, None, 10).unwrap().items;
    entries.reverse();
    let encodings: Vec<_> = entries.iter().map(|entry| entry.compressed_ritual_data.encoding).collect();
    assert_eq!(encodings, [Encoding::Patch, Encoding::Raw, Encoding::Raw]);
    for (entry, payload) in entries.iter().zip(payloads()) {
        assert_eq!(rituals.restore(entry.entry).unwrap().payload, payload);
    }
    let save = SaveRitual::new("ana".parse().unwrap(), "refund".parse().unwrap());
    assert_eq!(rituals.save(&save, b"next").unwrap().sequence, 4);

    // The log verifies, and goes on.
    let codices = mythos.codices();
    let support = "support".parse().unwrap();
    let verification = codices.verify(&support).unwrap();
    assert_eq!((verification.events, verification.finding), (7, None));
    let path = DirectivePath::new(["later"]).unwrap();
    let mutation = Mutation::Annotate { clause: "law".parse().unwrap(), note: "read".into() };
    codices.mutate(&MutateCodex::new("support".parse().unwrap(), mutation, path, "eve")).unwrap();
    let verification = codices.verify(&support).unwrap();
    assert_eq!(verification.proof_verification_status, ProofVerificationStatus::Verified);

    // The deployments are known, and a supervisor takes them over.
    let history = mythos.deployments().history(&Default::default(), None, 10).unwrap().items;
    assert_eq!(history.iter().filter(|restart| restart.successful_redeploy_flag).count(), 1);
    let supervisor = mythos.deployments().supervise(&"desk".parse().unwrap()).unwrap();
    assert_eq!(supervisor.epoch().get(), 2);
    supervisor.tick().unwrap();
    assert!(!supervisor.poll_effects(10).unwrap().is_empty(), "what was pending is handed out again");
}

/// The same inputs give the same records; only what depends on zstd's output may differ between its versions.
#[test]
fn the_same_inputs_give_the_same_hashes() {
    let (stored, (store, mythos)) = (stored(), written());
    let now = dump(&*store);
    let hashes = |dump: &Value, table: &str, field: &str| -> Vec<Value> {
        let rows = dump[table].as_array().unwrap().iter();
        rows.map(|row| row["record"]["body"][field].clone()).collect()
    };
    for (table, field) in [
        ("ritual_heads", "root"),
        ("ritual_heads", "seed"),
        ("symbol_proofs", "event"),
        ("symbol_proofs", "symbolic_checksum"),
        ("symbol_proofs", "mutation_trail_hash"),
    ] {
        assert_eq!(hashes(&now, table, field), hashes(&stored, table, field), "{table}.{field}");
    }
    let entries = |mythos: &Mythos| {
        let entries = mythos.rituals().list(&RitualFilter::default(), None, 10).unwrap().items;
        let said = entries.iter().map(|entry| (entry.entry, entry.payload_commitment, entry.entropy_score));
        said.collect::<Vec<_>>()
    };
    let before = Mythos::with_store(load(&stored), simulated_runtime(1, start()).0);
    assert_eq!(entries(&mythos), entries(&before));
    assert_eq!(entries(&mythos).len(), payloads().len());
}

/// From any store to any other: what was written in memory is the same in SQLite, and comes back the same.
#[test]
fn a_store_of_version_1_is_copied_into_sqlite_and_back() {
    let stored = stored();
    let directory = tempfile::tempdir().unwrap();
    let sqlite = Mythos::open(directory.path().join("mythos.db")).unwrap();
    let report = copy(&*load(&stored), sqlite.sqlite().unwrap(), TABLES).unwrap();
    assert!(report.records > 10 && report.cells > 20, "{report:?}");
    assert_eq!(dump(sqlite.sqlite().unwrap()), stored);
    assert_eq!(sqlite.codices().verify(&"support".parse().unwrap()).unwrap().finding, None);

    let back = MemoryStore::new();
    assert_eq!(copy(sqlite.sqlite().unwrap(), &back, TABLES).unwrap(), report);
    assert_eq!(dump(&back), stored);
    let again = copy(sqlite.sqlite().unwrap(), &back, TABLES).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Invalid, "a target that holds something is refused");
}
