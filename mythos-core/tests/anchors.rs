//! The super-log through its public methods: what is stated, what is found, and what a writer of the store cannot hide.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;

use std::sync::Arc;
use std::time::Duration;

use damage::{cells, delete_cell, in_memory, overwrite_cell, owner, records, tamper};
use mythos_core::anchor::{
    AnchorFindingKind, AnchorHead, AnchorLog, AnchorRequest, AnchorVerification, AnchoredName,
};
use mythos_core::codex::{
    Clause, CodexHead, CreateCodex, DirectivePath, MutateCodex, Mutation, ProofVerificationStatus,
};
use mythos_core::restart::{
    DeployAssistant, Deployment, DeploymentRestart, DeploymentSpec, ReportFailure, StopAssistant,
};
use mythos_core::ritual::{PruneRituals, PruneWhat, RitualFilter, RitualHead, SaveRitual};
use mythos_core::seal::SecretKey;
use mythos_core::store::{Batch, Cell, MemoryStore, Model, Names, Record, RecordOp, Store, Table, copy};
use mythos_core::testing::simulated_runtime;
use mythos_core::tlog::{Ed25519Signer, NoteSigner, Policy, SignedCheckpoint, leaf_hash};
use mythos_core::types::{CodexId, EntryId, Runtime};
use mythos_core::{ErrorKind, Mythos, TABLES};
use serde_json::Value;

fn path() -> DirectivePath {
    DirectivePath::new(["test"]).unwrap()
}

fn codex(name: &str) -> AnchoredName {
    AnchoredName::Codex { codex: name.parse().unwrap() }
}

fn ritual(name: &str) -> AnchoredName {
    AnchoredName::Ritual { assistant: "ana".parse().unwrap(), ritual: name.parse().unwrap() }
}

fn deployment() -> AnchoredName {
    AnchoredName::Deployment { supervisor: "s".parse().unwrap(), assistant: "ana".parse().unwrap() }
}

fn create(mythos: &Mythos, name: &str) {
    let clause = Clause { clause: "limit".parse().unwrap(), text: format!("of {name}") };
    let codex: CodexId = name.parse().unwrap();
    mythos.codices().create(&CreateCodex::new(codex, vec![clause], path(), "host")).unwrap();
}

fn mutate(mythos: &Mythos, name: &str, text: &str) {
    let change = Mutation::Replace { clause: "limit".parse().unwrap(), text: text.to_owned() };
    mythos.codices().mutate(&MutateCodex::new(name.parse().unwrap(), change, path(), "host")).unwrap();
}

fn save(mythos: &Mythos, name: &str, payload: &str) {
    let save = SaveRitual::new("ana".parse().unwrap(), name.parse().unwrap());
    mythos.rituals().save(&save, payload.as_bytes()).unwrap();
}

fn deploy(mythos: &Mythos) {
    let supervisor = mythos.deployments().supervise(&"s".parse().unwrap()).unwrap();
    let spec = DeploymentSpec::new("work".parse().unwrap());
    supervisor.deploy(&DeployAssistant::new("ana".parse().unwrap(), spec)).unwrap();
    let killed = ReportFailure::crashed("ana".parse().unwrap(), "killed".try_into().unwrap());
    supervisor.report_failure(&killed).unwrap();
}

/// A store with three codices, two rituals and a deployment.
fn filled() -> (Arc<MemoryStore>, Mythos) {
    let (store, mythos) = in_memory();
    ["a", "b", "c"].iter().for_each(|name| create(&mythos, name));
    mutate(&mythos, "b", "more");
    save(&mythos, "work", "step 1");
    save(&mythos, "work", "step 2");
    save(&mythos, "play", "step 1");
    deploy(&mythos);
    (store, mythos)
}

fn anchor(mythos: &Mythos) -> u64 {
    let report = mythos.anchors().anchor(&AnchorRequest::default()).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(report.next, None);
    report.appended
}

fn sound(anchors: &AnchorLog) -> AnchorVerification {
    let found = anchors.verify().unwrap();
    assert!(found.findings.is_empty(), "{:?}", found.findings);
    assert_eq!(found.status, ProofVerificationStatus::Verified);
    found
}

/// The kinds and names of all findings.
fn findings(mythos: &Mythos) -> Vec<(AnchorFindingKind, Option<AnchoredName>)> {
    let found = mythos.anchors().verify().unwrap();
    let is_tampered = found.status == ProofVerificationStatus::Tampered;
    assert_eq!(is_tampered, !found.findings.is_empty());
    found.findings.into_iter().map(|finding| (finding.kind, finding.name)).collect()
}

/// A head record and its cells, to be put back later.
struct Kept(Table, Record, Vec<Cell>);

fn keep(store: &dyn Store, table: Table, field: &str, value: &str) -> Kept {
    let record = records(store, table).into_iter().find(|record| record.body[field] == value).unwrap();
    let cells = if table.schema().owns_cells { cells(store, &owner(table, &record)) } else { Vec::new() };
    Kept(table, record, cells)
}

/// Puts an older state back, as someone who can write to the database would.
fn put_back(store: &dyn Store, Kept(table, record, cells): &Kept) {
    let (id, owner) = (record.id, owner(*table, record));
    let mut batch = Batch::new();
    if let Some(now) = records(store, *table).into_iter().find(|now| now.id == id) {
        batch.delete(*table, id, now.version);
    }
    batch.delete_cells(owner.clone(), Names::all());
    store.commit(&batch).unwrap();
    let mut batch = Batch::new();
    let (version, body) = (record.version, record.body.clone());
    batch.records.push(RecordOp::Import { table: *table, id, version, body });
    for cell in cells {
        batch.put_cell(owner.clone(), cell.name, cell.bytes.clone());
    }
    store.commit(&batch).unwrap();
}

fn remove(store: &dyn Store, table: Table, field: &str, value: &str) {
    let Kept(_, record, _) = keep(store, table, field, value);
    let mut batch = Batch::new();
    batch.delete(table, record.id, record.version);
    batch.delete_cells(owner(table, &record), Names::all());
    store.commit(&batch).unwrap();
}

#[test]
fn what_changed_is_stated_once() {
    let (_, mythos) = filled();
    let anchors = mythos.anchors();
    assert_eq!(anchors.head().unwrap(), None);
    assert_eq!(sound(&anchors).unanchored, 6);
    assert_eq!(anchor(&mythos), 6);
    let head = anchors.head().unwrap().unwrap();
    assert_eq!(anchor(&mythos), 0);
    assert_eq!(anchors.head().unwrap().unwrap(), head, "nothing new, nothing written");
    let full = AnchorRequest { full: true, ..AnchorRequest::default() };
    assert_eq!(anchors.anchor(&full).unwrap().appended, 0);
    assert_eq!(anchors.head().unwrap().unwrap(), head);

    mutate(&mythos, "a", "changed");
    save(&mythos, "work", "step 3");
    let found = sound(&anchors);
    assert_eq!((found.statements, found.compared, found.behind, found.unanchored), (6, 6, 2, 0));
    assert_eq!(anchor(&mythos), 2);
    let found = sound(&anchors);
    assert_eq!((found.statements, found.compared, found.behind), (8, 6, 0));

    let last = anchors.last_statement(&codex("a")).unwrap().unwrap();
    assert_eq!((last.length, last.before.is_some(), last.sequence >= 6), (2, true, true));
    let tree_root = mythos.codices().codex(&"a".parse().unwrap()).unwrap().tree_root;
    assert_eq!(last.digest.as_bytes(), tree_root.as_bytes());
    assert_eq!(anchors.last_statement(&codex("none")).unwrap(), None);
    let page = anchors.statements(0, 5).unwrap();
    assert_eq!((page.items.len(), page.next), (5, Some(5)));
    let rest = anchors.statements(5, 5).unwrap();
    assert_eq!((rest.items.len(), rest.next), (3, None));

    let tree = anchors.tree().unwrap();
    assert_eq!(tree.root(8).unwrap(), tree.head().tree_root);
    for (index, statement) in page.items.iter().chain(&rest.items).enumerate() {
        let leaf = leaf_hash(statement.statement_digest().unwrap().as_bytes());
        tree.inclusion(index as u64, None).unwrap().verify(&leaf, &tree.root(8).unwrap()).unwrap();
    }
    let proof = tree.consistency(6, None).unwrap();
    proof.verify(&head.tree_root, &tree.head().tree_root).unwrap();
    assert_eq!(tree.root(9).unwrap_err().field(), Some("size"));
}

#[test]
fn another_tenant_has_a_log_of_its_own() {
    let (_, mythos) = filled();
    let other = mythos.tenant("other".parse().unwrap());
    create(&other, "a");
    assert_eq!((anchor(&other), anchor(&mythos)), (1, 6));
    assert_ne!(other.anchors().origin(), mythos.anchors().origin());
    sound(&other.anchors());
    // A codex of that name is no log of the same origin.
    let named: CodexId = "@anchors".parse().unwrap();
    assert_ne!(mythos.codices().origin(&named), mythos.anchors().origin());
}

#[test]
fn a_deleted_newest_entry_is_found() {
    let (store, mythos) = filled();
    let older = keep(&*store, RitualHead::TABLE, "ritual", "work");
    save(&mythos, "work", "step 3");
    anchor(&mythos);
    put_back(&*store, &older);
    let newest = mythos.rituals().latest(&"ana".parse().unwrap(), &"work".parse().unwrap()).unwrap().unwrap();
    assert_eq!(newest.payload, b"step 2", "what is there is sound in itself");
    let expected = [(AnchorFindingKind::RolledBack, Some(ritual("work")))];
    assert_eq!(findings(&mythos), expected);
    // A run does not hide it.
    let report = mythos.anchors().anchor(&AnchorRequest::default()).unwrap();
    assert_eq!((report.appended, report.findings[0].kind), (0, AnchorFindingKind::RolledBack));
    // Written on to the same length, it is another; to a greater one, its beginning is.
    save(&mythos, "work", "another step 3");
    assert_eq!(findings(&mythos), [(AnchorFindingKind::Differs, Some(ritual("work")))]);
    save(&mythos, "work", "another step 4");
    assert_eq!(findings(&mythos), [(AnchorFindingKind::Differs, Some(ritual("work")))]);
    // Until someone says that it was meant.
    mythos.anchors().retire(&ritual("work")).unwrap();
    assert_eq!(sound(&mythos.anchors()).unanchored, 1);
    assert_eq!(anchor(&mythos), 1);
    assert_eq!(sound(&mythos.anchors()).unanchored, 0);
}

#[test]
fn what_is_gone_is_missing_until_it_is_retired() {
    let (store, mythos) = filled();
    anchor(&mythos);
    mythos.rituals().delete_ritual(&"ana".parse().unwrap(), &"play".parse().unwrap()).unwrap();
    remove(&*store, CodexHead::TABLE, "codex", "c");
    remove(&*store, Deployment::TABLE, "assistant", "ana");
    let mut found = findings(&mythos);
    found.sort_by_key(|(_, name)| name.clone());
    let gone = [codex("c"), ritual("play"), deployment()];
    assert_eq!(found, gone.clone().map(|name| (AnchorFindingKind::Missing, Some(name))));
    assert_eq!(anchor(&mythos), 0);
    assert_eq!(findings(&mythos).len(), 3);
    for name in gone {
        let retired = mythos.anchors().retire(&name).unwrap();
        assert!(retired.is_retired());
        assert_eq!(mythos.anchors().retire(&name).unwrap(), retired, "repeating it changes nothing");
    }
    assert_eq!(sound(&mythos.anchors()).unanchored, 0);
    let error = mythos.anchors().retire(&codex("never")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    // Under the same name, another begins.
    save(&mythos, "play", "anew");
    assert_eq!(anchor(&mythos), 1);
    sound(&mythos.anchors());
}

#[test]
fn a_rolled_back_codex_is_found_and_one_that_was_written_on_from_there() {
    let (store, mythos) = filled();
    let older = keep(&*store, CodexHead::TABLE, "codex", "b");
    mutate(&mythos, "b", "limits");
    anchor(&mythos);
    put_back(&*store, &older);
    let cold = Mythos::with_store(store.clone(), Runtime::system());
    assert_eq!(findings(&cold), [(AnchorFindingKind::RolledBack, Some(codex("b")))]);
    // The records of proofs that no event has any more are in the way of writing on: they go as well.
    let proofs = mythos_core::codex::SymbolProof::TABLE;
    for record in records(&*store, proofs) {
        if record.body["codex"] == "b" && record.body["sequence"] == 2 {
            let mut batch = Batch::new();
            batch.delete(proofs, record.id, record.version);
            store.commit(&batch).unwrap();
        }
    }
    mutate(&cold, "b", "no limits");
    let log = cold.codices().verify(&"b".parse().unwrap()).unwrap();
    assert_eq!(log.finding, None, "the log is sound in itself");
    assert_eq!(findings(&cold), [(AnchorFindingKind::Differs, Some(codex("b")))]);
    mutate(&cold, "b", "none at all");
    assert_eq!(findings(&cold), [(AnchorFindingKind::Differs, Some(codex("b")))]);
    let report = cold.anchors().anchor(&AnchorRequest::default()).unwrap();
    assert_eq!((report.appended, report.findings[0].kind), (0, AnchorFindingKind::Differs));
}

#[test]
fn a_rolled_back_deployment_and_a_lost_incident_are_found() {
    let (store, mythos) = filled();
    let older = keep(&*store, Deployment::TABLE, "assistant", "ana");
    let incident = keep(&*store, DeploymentRestart::TABLE, "assistant", "ana");
    anchor(&mythos);
    remove(&*store, DeploymentRestart::TABLE, "assistant", "ana");
    assert_eq!(findings(&mythos), [(AnchorFindingKind::Damaged, Some(deployment()))]);
    put_back(&*store, &incident);
    assert_eq!(findings(&mythos), []);
    tamper(&*store, DeploymentRestart::TABLE, &incident.1, |body| {
        body.insert("restart_trigger_reason".into(), "nothing happened".into());
    });
    assert_eq!(findings(&mythos), [(AnchorFindingKind::Differs, Some(deployment()))]);
    put_back(&*store, &incident);
    let supervisor = mythos.deployments().supervise(&"s".parse().unwrap()).unwrap();
    supervisor.stop(&StopAssistant::new("ana".parse().unwrap())).unwrap();
    assert_eq!(anchor(&mythos), 1);
    put_back(&*store, &older);
    put_back(&*store, &incident);
    assert_eq!(findings(&mythos), [(AnchorFindingKind::RolledBack, Some(deployment()))]);
}

#[test]
fn a_damaged_head_is_named_and_the_others_are_stated() {
    let (store, mythos) = filled();
    let Kept(_, record, _) = keep(&*store, RitualHead::TABLE, "ritual", "work");
    tamper(&*store, RitualHead::TABLE, &record, |body| {
        body.insert("sequence".into(), 1.into());
    });
    let report = mythos.anchors().anchor(&AnchorRequest::default()).unwrap();
    assert_eq!(report.appended, 5);
    let found: Vec<_> = report.findings.iter().map(|found| (found.kind, found.name.clone())).collect();
    assert_eq!(found, [(AnchorFindingKind::Damaged, Some(ritual("work")))]);
    assert_eq!(findings(&mythos), [(AnchorFindingKind::Damaged, Some(ritual("work")))]);
}

#[test]
fn pruning_old_entries_is_no_finding() {
    let (_, mythos) = in_memory();
    (0..5).for_each(|step| save(&mythos, "work", &format!("step {step}")));
    anchor(&mythos);
    (5..8).for_each(|step| save(&mythos, "work", &format!("step {step}")));
    let (assistant, ritual_id) = ("ana".parse().unwrap(), "work".parse().unwrap());
    let newest = mythos.rituals().latest(&assistant, &ritual_id).unwrap().unwrap().entry.entry;
    let oldest =
        mythos.rituals().list(&RitualFilter::default(), None, 10).unwrap().items.pop().unwrap().entry;
    let keep = |entries: &[EntryId]| {
        let entries = entries.iter().copied().collect();
        let what = PruneWhat::Keep { assistant: assistant.clone(), ritual: ritual_id.clone(), entries };
        mythos.rituals().prune(&PruneRituals::new(what)).unwrap();
    };
    keep(&[oldest, newest]);
    assert_eq!(sound(&mythos.anchors()).behind, 1);
    assert_eq!(anchor(&mythos), 1);
    sound(&mythos.anchors());
    // Of the newest, it is: nothing tells a prune from a theft, but who did it.
    keep(&[oldest]);
    assert_eq!(findings(&mythos), [(AnchorFindingKind::Differs, Some(ritual("work")))]);
    mythos.anchors().retire(&ritual("work")).unwrap();
    assert_eq!(
        mythos.anchors().anchor(&AnchorRequest { full: true, ..Default::default() }).unwrap().appended,
        1
    );
    sound(&mythos.anchors());
}

fn signer(mythos: &Mythos, seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(mythos.anchors().origin(), &SecretKey::from_bytes(&[seed; 32])).unwrap()
}

/// A copy of everything that a store holds now.
fn copied(store: &MemoryStore) -> Arc<MemoryStore> {
    let other = Arc::new(MemoryStore::new());
    copy(store, &*other, TABLES).unwrap();
    other
}

#[test]
fn a_whole_store_that_was_rolled_back_is_found_by_a_pinned_checkpoint() {
    let (store, mythos) = filled();
    let log = signer(&mythos, 7);
    let policy = Policy::of_log(log.verifier_key().clone()).unwrap();
    let verdict = |mythos: &Mythos, pinned: &[SignedCheckpoint]| {
        let found = mythos.anchors().verify_against(&policy, pinned).unwrap();
        (found.verification.status, found.anchored, found.equivocation.is_some())
    };
    assert_eq!(mythos.anchors().checkpoint(&[&log]).unwrap_err().kind(), ErrorKind::NotFound);
    let empty = copied(&store);
    anchor(&mythos);
    assert_eq!(verdict(&mythos, &[]), (ProofVerificationStatus::Unanchored, None, false));
    let first = mythos.anchors().checkpoint(&[&log]).unwrap();
    assert_eq!(mythos.anchors().checkpoint(&[&log]).unwrap(), first);
    let before = copied(&store);
    save(&mythos, "work", "step 3");
    anchor(&mythos);
    let second = mythos.anchors().checkpoint(&[&log]).unwrap();
    assert_eq!(mythos.anchors().checkpoints(10).unwrap(), [second.clone(), first.clone()]);
    sound(&mythos.anchors());
    let pinned = [first, second.clone()];
    assert_eq!(verdict(&mythos, &pinned), (ProofVerificationStatus::Verified, Some(7), false));

    for old in [before.clone(), empty] {
        let old = Mythos::with_store(old, Runtime::system());
        sound(&old.anchors());
        assert_eq!(verdict(&old, std::slice::from_ref(&second)).0, ProofVerificationStatus::Forked);
    }
    // Written on from there to the same length: anyone can verify that the log said both.
    let anew = Mythos::with_store(before, Runtime::system());
    save(&anew, "work", "another step 3");
    anchor(&anew);
    anew.anchors().checkpoint(&[&log]).unwrap();
    let (status, _, equivocation) = verdict(&anew, std::slice::from_ref(&second));
    assert_eq!((status, equivocation), (ProofVerificationStatus::Forked, true));
    assert_eq!(anew.anchors().add_checkpoint(&second).unwrap_err().kind(), ErrorKind::Conflict);
    let forged = SignedCheckpoint::sign(second.checkpoint().clone(), &[&signer(&mythos, 8)]).unwrap();
    let error = mythos.anchors().verify_against(&policy, &[forged]).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("pinned")));
}

#[test]
fn a_log_that_names_keys_is_signed_by_no_others() {
    let (_, mythos) = filled();
    let anchors = mythos.anchors();
    anchor(&mythos);
    let (old, new) = (signer(&mythos, 7), signer(&mythos, 8));
    let key = |signer: &Ed25519Signer| signer.verifier_key().to_string();
    let stated = anchors.authorize(&key(&old)).unwrap();
    assert_eq!(anchors.authorize(&key(&old)).unwrap(), stated, "repeating it changes nothing");
    assert_eq!(anchors.authorize("no key").unwrap_err().field(), Some("key"));
    assert_eq!(anchors.revoke(&key(&new)).unwrap_err().kind(), ErrorKind::NotFound);
    anchors.checkpoint(&[&old]).unwrap();
    assert_eq!(anchors.checkpoint(&[&new]).unwrap_err().field(), Some("signers"));
    anchors.authorize(&key(&new)).unwrap();
    anchors.revoke(&key(&old)).unwrap();
    assert_eq!(anchors.checkpoint(&[&old]).unwrap_err().field(), Some("signers"));
    let policy = |signer: &Ed25519Signer| Policy::of_log(signer.verifier_key().clone()).unwrap();
    let anchored = |signer| anchors.verify_against(&policy(signer), &[]).unwrap().anchored;
    assert_eq!((anchored(&old), anchored(&new)), (Some(7), None));
    // What the revoked key signs counts for nothing.
    let head = anchors.head().unwrap().unwrap();
    let late = mythos_core::tlog::Checkpoint::new(anchors.origin(), head.length, head.tree_root).unwrap();
    anchors.add_checkpoint(&SignedCheckpoint::sign(late, &[&old]).unwrap()).unwrap();
    assert_eq!(anchored(&old), Some(7));
    anchors.checkpoint(&[&new]).unwrap();
    assert_eq!(anchored(&new), Some(9));
    anchors.revoke(&key(&new)).unwrap();
    anchors.authorize(&key(&new)).unwrap();
    assert_eq!(anchored(&new), Some(9));
    sound(&anchors);
}

/// Every value in a JSON text with one bit of it changed, as far as it stays one.
fn flipped(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) => (0..text.len() * 8)
            .filter_map(|bit| {
                let mut bytes = text.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).map(Value::from)
            })
            .collect(),
        Value::Number(number) => (0..52).map(|bit| (number.as_u64().unwrap() ^ (1 << bit)).into()).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| {
                flipped(member).into_iter().map(move |member| {
                    let mut members = members.clone();
                    members.insert(name.clone(), member);
                    Value::Object(members)
                })
            })
            .collect(),
        _ => vec![Value::from("x")],
    }
}

#[test]
fn every_flipped_bit_of_the_log_is_found() {
    let (store, mythos) = in_memory();
    create(&mythos, "a");
    save(&mythos, "work", "step 1");
    anchor(&mythos);
    mutate(&mythos, "a", "changed");
    anchor(&mythos);
    mythos.anchors().checkpoint(&[&signer(&mythos, 7)]).unwrap();
    sound(&mythos.anchors());
    let Kept(table, record, all) = keep(&*store, AnchorHead::TABLE, "tenant", "default");
    let owner = owner(table, &record);
    let kinds: Vec<_> = all.iter().map(|cell| char::from(cell.name.as_bytes()[0])).collect();
    assert_eq!(kinds.iter().collect::<String>(), "ceiisss");
    let is_found = |what: &str| assert!(!findings(&mythos).is_empty(), "{what}");
    for cell in &all {
        // The signatures of a checkpoint are verified when it is used.
        let is_checkpoint = cell.name.as_bytes()[0] == b'c';
        let text = cell.bytes.windows(2).position(|two| two == b"\n\n").filter(|_| is_checkpoint);
        for bit in 0..text.unwrap_or(cell.bytes.len()) * 8 {
            let mut bytes = cell.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            overwrite_cell(&*store, &owner, &Cell { name: cell.name, bytes });
            // Of what origin it is, `verify_against` compares: a host may have changed the options since.
            if is_checkpoint && bit / 8 < mythos.anchors().origin().len() {
                continue;
            }
            is_found(&format!("bit {bit} of {}", cell.name));
        }
        delete_cell(&*store, &owner, cell);
        is_found(&format!("{} is gone", cell.name));
        overwrite_cell(&*store, &owner, cell);
    }
    for name in [&b"a"[..], b"c", b"e", b"e\0\0\0\0\0\0\0\0", b"i", b"s\0\0\0\0\0\0\0\x09", b"t", b"z"] {
        let name = mythos_core::store::CellName::new(name).unwrap();
        let foreign = Cell { name, bytes: b"x".to_vec() };
        overwrite_cell(&*store, &owner, &foreign);
        is_found(&format!("foreign {name}"));
        delete_cell(&*store, &owner, &foreign);
    }
    sound(&mythos.anchors());
    for (field, value) in &record.body {
        for changed in flipped(value) {
            tamper(&*store, table, &record, |body| drop(body.insert(field.clone(), changed.clone())));
            is_found(&format!("{field}: {changed}"));
        }
        tamper(&*store, table, &record, |body| drop(body.remove(field)));
        is_found(&format!("{field} is gone"));
    }
    tamper(&*store, table, &record, |_| {});
    sound(&mythos.anchors());
    put_back(&*store, &Kept(table, record.clone(), all[1..].to_vec()));
    is_found("the checkpoint is gone");
    put_back(&*store, &Kept(table, record.clone(), all));
    sound(&mythos.anchors());
    let mut batch = Batch::new();
    let now = records(&*store, table).remove(0);
    batch.delete(table, now.id, now.version);
    store.commit(&batch).unwrap();
    is_found("the head is gone");
    assert_eq!(mythos.anchors().head().unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_head_that_was_written_without_the_key_is_refused() {
    let (store, mythos) = filled();
    let keyed = mythos.anchors().with_mac_key(&SecretKey::from_bytes(&[1; 32]));
    keyed.anchor(&AnchorRequest::default()).unwrap();
    keyed.checkpoint(&[&signer(&mythos, 7)]).unwrap();
    sound(&keyed);
    sound(&mythos.anchors());
    // Who has no key can look, and not write.
    save(&mythos, "work", "step 3");
    let error = mythos.anchors().anchor(&AnchorRequest::default()).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("mac")));
    let is_refused = |log: &AnchorLog| {
        let error = log.head().unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Corrupt, Some("mac")));
        assert_eq!(log.anchor(&AnchorRequest::default()).unwrap_err().field(), Some("mac"));
        let found = log.verify().unwrap();
        assert_eq!(found.findings[0].field, "mac");
    };
    is_refused(&mythos.anchors().with_mac_key(&SecretKey::from_bytes(&[2; 32])));
    // A log that someone made anew without the key.
    let record = records(&*store, AnchorHead::TABLE).remove(0);
    let mut batch = Batch::new();
    batch.delete(AnchorHead::TABLE, record.id, record.version);
    batch.delete_cells(owner(AnchorHead::TABLE, &record), Names::all());
    store.commit(&batch).unwrap();
    anchor(&mythos);
    sound(&mythos.anchors());
    is_refused(&keyed);
}

#[test]
fn concurrent_runs_state_everything_once() {
    let (_, mythos) = in_memory();
    (0..40).for_each(|number| create(&mythos, &format!("codex {number}")));
    let appended: u64 = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut appended = 0;
                    for round in 0..10 {
                        mutate(&mythos, &format!("codex {round}"), &format!("{round}"));
                        appended += anchor(&mythos);
                    }
                    appended
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    let last = anchor(&mythos);
    let found = sound(&mythos.anchors());
    assert_eq!((found.statements, found.behind, found.compared), (appended + last, 0, 40));
}

#[test]
fn many_codices_are_stated_and_verified_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = Mythos::open(directory.path().join("mythos.db")).unwrap();
    for mythos in [in_memory().1, sqlite] {
        (0..300).for_each(|number| create(&mythos, &format!("codex {number:03}")));
        save(&mythos, "work", "step 1");
        deploy(&mythos);
        let anchors = mythos.anchors();
        let mut report = anchors.anchor(&AnchorRequest { limit: 70, full: false }).unwrap();
        let mut added = vec![report.appended];
        while let Some(next) = report.next {
            // As a host would keep it.
            let next = serde_json::from_value(serde_json::to_value(&next).unwrap()).unwrap();
            report = anchors.anchor_on(&next, 70).unwrap();
            added.push(report.appended);
        }
        assert_eq!(added, [70, 70, 70, 70, 22]);
        assert_eq!(report.length, 302);
        for number in (0..300).step_by(7) {
            mutate(&mythos, &format!("codex {number:03}"), "changed");
        }
        let mut part = anchors.verify_part(None, 100).unwrap();
        let (mut compared, mut behind, mut parts) = (part.compared, part.behind, 1);
        assert_eq!((part.statements, part.tree_root), (302, Some(report.tree_root)));
        while let Some(next) = part.next {
            let next = serde_json::from_value(serde_json::to_value(&next).unwrap()).unwrap();
            part = anchors.verify_part(Some(&next), 100).unwrap();
            assert!(part.findings.is_empty());
            (compared, behind, parts) = (compared + part.compared, behind + part.behind, parts + 1);
        }
        assert_eq!((compared, behind), (302, 43));
        assert!(parts > 6, "{parts}");
        assert_eq!(anchor(&mythos), 43);
        let found = sound(&anchors);
        assert_eq!((found.statements, found.compared, found.behind), (345, 302, 0));
        let tree = anchors.tree().unwrap();
        let proof = tree.consistency(302, None).unwrap();
        proof.verify(&report.tree_root, &tree.head().tree_root).unwrap();
        for limit in [0, 100_001] {
            let request = AnchorRequest { limit, full: false };
            assert_eq!(anchors.anchor(&request).unwrap_err().field(), Some("limit"));
            assert_eq!(anchors.verify_part(None, limit).unwrap_err().field(), Some("limit"));
        }
    }
}

#[test]
fn a_run_looks_at_what_changed_since_the_last_with_room_for_late_clocks() {
    let (runtime, clock) = simulated_runtime(7, "2026-11-21T08:00:00Z".parse().unwrap());
    let mythos = Mythos::with_store(Arc::new(MemoryStore::new()), runtime);
    create(&mythos, "a");
    clock.advance(Duration::from_secs(3_600));
    create(&mythos, "b");
    let run = |full| mythos.anchors().anchor(&AnchorRequest { full, ..AnchorRequest::default() }).unwrap();
    assert_eq!((run(false).looked_at, run(false).looked_at, run(true).looked_at), (2, 1, 2));
    clock.advance(Duration::from_secs(3_600));
    // A writer whose clock is five minutes late; a copy, whose entries keep their times.
    save(&mythos, "work", "step 1");
    assert_eq!(run(false).appended, 1);
    clock.advance(Duration::from_secs(3_600));
    mythos.rituals().save(&SaveRitual::new("ana".parse().unwrap(), "other".parse().unwrap()), b"x").unwrap();
    assert_eq!(run(false).appended, 1);
    clock.set("2026-11-21T10:55:00Z".parse().unwrap());
    create(&mythos, "late");
    assert_eq!(run(false).appended, 1);
    clock.set("2026-11-21T09:00:00Z".parse().unwrap());
    create(&mythos, "very late");
    assert_eq!((run(false).appended, run(true).appended), (0, 1));
    // A clock far ahead does not keep later changes from being seen.
    clock.set("2036-11-21T09:00:00Z".parse().unwrap());
    create(&mythos, "ahead");
    clock.set("2026-11-21T12:00:00Z".parse().unwrap());
    assert_eq!(run(false).appended, 1);
    create(&mythos, "now");
    assert_eq!(run(false).appended, 1);
    sound(&mythos.anchors());
}
