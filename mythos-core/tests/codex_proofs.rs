//! Proofs, checkpoints, history and evidence of codices, through the public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::slice::from_ref;
use std::sync::Arc;

use damage::{cells, delete_cell, in_memory, overwrite_cell, owner, records, tamper};
use mythos_core::codex::{
    Clause, CodexHead, CodexProofOfSymbolEngine, CreateCodex, DifferenceKind, DirectedMutation,
    DirectivePath, Disclosure, ErasedOpening, EvidenceBundle, Listing, Moment, MutateCodex, Mutation,
    MutationBatch, ProofFilter, ProofVerificationStatus, RedactCodex, SymbolProof, verify_chain,
};
use mythos_core::seal::SecretKey;
use mythos_core::store::{Batch, Cell, CellName, MemoryStore, Model, Names, RecordOp, Store, copy};
use mythos_core::tlog::{
    Checkpoint, CosignatureSigner, Ed25519Signer, EntryBundle, LogProof, NoteSigner, Policy,
    SignedCheckpoint, Tile, TileReader, TreeHash, inclusion_proof, leaf_hash,
};
use mythos_core::types::{ClauseId, CodexId, OperationId, RecordId, Runtime};
use mythos_core::{ErrorKind, Mythos, TABLES};

fn support() -> CodexId {
    "support".parse().unwrap()
}

fn id(clause: &str) -> ClauseId {
    clause.parse().unwrap()
}

fn path(last: &str) -> DirectivePath {
    DirectivePath::new(["support", "refunds", last]).unwrap()
}

fn replace(clause: &str, text: String) -> DirectedMutation {
    let (mutation, directive_path) = (Mutation::Replace { clause: id(clause), text }, path(clause));
    DirectedMutation { mutation, directive_path, actor: "bob".into(), reason: None, evidence: None }
}

fn batch(from: u64, count: u64, listing: Listing) -> MutationBatch {
    let mutations = (from..from + count)
        .map(|number| replace(["limit", "tone"][number as usize % 2], format!("text {number}")));
    MutationBatch { codex: support(), mutations: mutations.collect(), listing, operation: None }
}

/// A codex of `length` events, in batches, so that there are tiles and snapshots.
fn long(length: u64) -> (Arc<MemoryStore>, Mythos) {
    let (store, mythos) = in_memory();
    let clauses = [("limit", "At most 100 EUR."), ("tone", "Be kind.")];
    let clauses = clauses.map(|(clause, text)| Clause { clause: id(clause), text: text.to_owned() });
    let codices = mythos.codices();
    codices.create(&CreateCodex::new(support(), clauses.to_vec(), path("launch"), "ana")).unwrap();
    let mut next = 1;
    while next < length {
        let count = (length - next).min(97);
        let appended = codices.mutate_all(&batch(next, count, Listing::Now)).unwrap();
        assert_eq!((appended.first, appended.events.len() as u64), (next, count));
        next += count;
    }
    (store, mythos)
}

fn signer(codices: &CodexProofOfSymbolEngine, seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(codices.origin(&support()), &SecretKey::from_bytes(&[seed; 32])).unwrap()
}

fn status(mythos: &Mythos) -> ProofVerificationStatus {
    mythos.codices().verify(&support()).unwrap().proof_verification_status
}

#[test]
fn proofs_of_every_size_verify_and_no_others() {
    let (_, mythos) = long(600);
    let codices = mythos.codices();
    let tree = codices.tree(&support()).unwrap();
    let leaves: Vec<TreeHash> = (0..6)
        .flat_map(|page| codices.trail(&support(), page * 100, 100).unwrap().items)
        .map(|entry| leaf_hash(entry.digest.as_bytes()))
        .collect();
    assert_eq!(leaves.len(), 600);
    assert_eq!(tree.root(600).unwrap(), tree.head().tree_root);
    for size in [1, 2, 3, 255, 256, 257, 511, 512, 513, 599, 600] {
        let root = tree.root(size).unwrap();
        for index in (0..size).filter(|index| index % 37 == 0 || index + 2 > size) {
            let proof = tree.inclusion(index, Some(size)).unwrap();
            proof.verify(&leaves[index as usize], &root).unwrap();
            assert!(proof.verify(&leaves[(index as usize + 1) % 600], &root).is_err());
        }
        for old in (1..=size).filter(|old| old % 41 == 1 || old + 2 > size) {
            let proof = tree.consistency(old, Some(size)).unwrap();
            proof.verify(&tree.root(old).unwrap(), &root).unwrap();
        }
    }
    for (index, size) in [(600, None), (3, Some(3)), (0, Some(601))] {
        assert_eq!(tree.inclusion(index, size).unwrap_err().kind(), ErrorKind::Invalid);
    }
    for (old, new) in [(0, None), (601, None), (4, Some(3))] {
        assert_eq!(tree.consistency(old, new).unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert_eq!(codices.verify(&support()).unwrap().finding, None);
}

#[test]
fn a_log_with_snapshots_and_tiles_is_the_same_to_who_knows_nothing_of_it() {
    let (store, mythos) = long(900);
    let codices = mythos.codices();
    assert!(codices.codex(&support()).unwrap().snapshot > 0, "the log is long enough for a snapshot");
    // Another process, with nothing in memory, goes on.
    let other = Mythos::with_store(store.clone(), Runtime::system());
    other.codices().mutate_all(&batch(900, 5, Listing::Now)).unwrap();
    codices.mutate_all(&batch(905, 3, Listing::Now)).unwrap();
    other.codices().mutate_all(&batch(908, 1, Listing::Now)).unwrap();
    for mythos in [&mythos, &other, &Mythos::with_store(store.clone(), Runtime::system())] {
        let verification = mythos.codices().verify(&support()).unwrap();
        assert_eq!((verification.events, verification.finding), (909, None));
        let texts = mythos.codices().clauses(&support(), None).unwrap();
        assert_eq!(texts[0].text.as_deref(), Some("text 908"));
    }
    // Also after it was copied into SQLite.
    let directory = tempfile::tempdir().unwrap();
    let sqlite = Mythos::open(directory.path().join("mythos.db")).unwrap();
    copy(&*store, sqlite.sqlite().unwrap(), TABLES).unwrap();
    assert_eq!(sqlite.codices().verify(&support()).unwrap().finding, None);
    sqlite.codices().mutate_all(&batch(909, 700, Listing::Now)).unwrap();
    assert_eq!(sqlite.codices().verify(&support()).unwrap().finding, None);
}

#[test]
fn damaged_tiles_and_snapshots_are_found() {
    let (store, mythos) = long(600);
    let head = records(&*store, CodexHead::TABLE).remove(0);
    let owner = owner(CodexHead::TABLE, &head);
    let stored = cells(&*store, &owner);
    let of = |kind: u8| stored.iter().filter(move |cell| cell.name.as_bytes()[0] == kind);
    assert!(of(b't').count() == 2 && of(b's').count() > 0);
    for cell in of(b't').chain(of(b's')) {
        for at in [0, cell.bytes.len() / 2, cell.bytes.len() - 1] {
            let mut bytes = cell.bytes.clone();
            bytes[at] ^= 1;
            overwrite_cell(&*store, &owner, &Cell { name: cell.name, bytes });
            assert_eq!(status(&mythos), ProofVerificationStatus::Tampered, "{cell:?}");
        }
        overwrite_cell(&*store, &owner, cell);
    }
    assert_eq!(status(&mythos), ProofVerificationStatus::Verified);
}

#[test]
fn the_chain_of_bytes_is_verified_by_any_number_of_threads() {
    let (store, mythos) = long(300);
    let head = records(&*store, CodexHead::TABLE).remove(0);
    let stored = cells(&*store, &owner(CodexHead::TABLE, &head));
    let mut events: Vec<_> =
        stored.into_iter().filter(|cell| cell.name.as_bytes()[0] == b'e').map(|cell| cell.bytes).collect();
    let expected = mythos.codices().codex(&support()).unwrap().mutation_trail_hash;
    for threads in [1, 2, 3, 7, 300, 1_000] {
        let threads = NonZeroUsize::new(threads).unwrap();
        assert_eq!(verify_chain(&events, threads).unwrap(), Some(expected));
        for at in [0, 1, 99, 100, 149, 150, 298] {
            // A bit of the reason's place: what follows names another event.
            let last = events[at].len() - 1;
            events[at][last] ^= 1;
            assert!(verify_chain(&events, threads).is_err(), "{at} {threads}");
            events[at][last] ^= 1;
            let dropped = [&events[..at], &events[at + 1..]].concat();
            assert!(verify_chain(&dropped, threads).is_err(), "{at} {threads}");
        }
        assert!(verify_chain(&events[1..], threads).is_err());
    }
}

#[test]
fn proofs_that_were_left_out_are_listed_later() {
    let (_, mythos) = long(1);
    let codices = mythos.codices();
    let later =
        MutationBatch { operation: Some(OperationId::from_name("bulk")), ..batch(1, 300, Listing::Later) };
    let appended = codices.mutate_all(&later).unwrap();
    assert_eq!(codices.mutate_all(&later).unwrap(), appended, "a repetition is recognised");
    codices.mutate_all(&batch(301, 2, Listing::Now)).unwrap();
    let filter = ProofFilter { codex: Some(support()), ..ProofFilter::default() };
    let listed = || codices.list(&filter, None, 1_000).unwrap().items;
    assert_eq!(listed().len(), 1 + 1 + 2);
    assert_eq!(codices.verify(&support()).unwrap().finding, None);
    assert_eq!(codices.list_pending(&support(), 200).unwrap(), 102);
    assert_eq!(codices.verify(&support()).unwrap().finding, None);
    assert_eq!(codices.list_pending(&support(), 200).unwrap(), 0);
    assert_eq!(listed().len(), 303);
    assert_eq!(codices.verify(&support()).unwrap().finding, None);
    let other = MutationBatch { mutations: later.mutations[1..].to_vec(), ..later };
    assert_eq!(codices.mutate_all(&other).unwrap_err().field(), Some("operation"));
}

#[test]
fn a_batch_is_appended_whole_or_not_at_all() {
    let (_, mythos) = long(2);
    let codices = mythos.codices();
    let before = codices.codex(&support()).unwrap();
    let mut bad = batch(2, 3, Listing::Now);
    bad.mutations.push(replace("nothing", "x".into()));
    assert_eq!(codices.mutate_all(&bad).unwrap_err().field(), Some("clause"));
    assert_eq!(codices.mutate_all(&batch(2, 0, Listing::Now)).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(codices.codex(&support()).unwrap(), before);
    codices.mutate_all(&batch(2, 3, Listing::Now)).unwrap();
    assert_eq!(status(&mythos), ProofVerificationStatus::Verified);
}

#[test]
fn the_past_is_what_it_was() {
    let (_, mythos) = long(400);
    let codices = mythos.codices();
    let add = Mutation::Add { clause: id("law"), text: "Follow the law.".into(), position: Some(0) };
    codices.mutate(&MutateCodex::new(support(), add, path("law"), "eve")).unwrap();
    let note = Mutation::Annotate { clause: id("tone"), note: "asked for".into() };
    codices
        .mutate(&MutateCodex {
            reason: Some("legal".into()),
            ..MutateCodex::new(support(), note, path("note"), "eve")
        })
        .unwrap();
    for sequence in [0, 1, 2, 200, 399] {
        let at = codices.state_at(&support(), Moment::Sequence(sequence)).unwrap();
        let entry = codices.trail(&support(), sequence, 1).unwrap().items.remove(0);
        assert_eq!((at.codex_root, at.event), (entry.event.codex_after, entry.digest));
        assert_eq!(codices.state_at(&support(), Moment::Checkpoint(sequence + 1)).unwrap(), at);
        let then = codices.state_at(&support(), Moment::Time(entry.event.recorded_at)).unwrap();
        assert!(then.sequence >= sequence);
    }
    let at = codices.state_at(&support(), Moment::Sequence(200)).unwrap();
    assert_eq!(at.clauses[0].text.as_deref(), Some("text 200"));
    for moment in [
        Moment::Sequence(402),
        Moment::Checkpoint(0),
        Moment::Checkpoint(403),
        Moment::Time("2001-01-01T00:00:00Z".parse().unwrap()),
    ] {
        assert_eq!(
            codices.state_at(&support(), moment).unwrap_err().kind(),
            ErrorKind::NotFound,
            "{moment:?}"
        );
    }
    let differences = codices.diff(&support(), Moment::Sequence(398), Moment::Sequence(401)).unwrap();
    let kinds: Vec<_> = differences.iter().map(|it| (it.clause.as_str(), it.kind)).collect();
    assert_eq!(kinds, [("law", DifferenceKind::Added), ("tone", DifferenceKind::Replaced)]);
    assert_eq!(differences[1].after.as_ref().unwrap().text.as_deref(), Some("text 399"));
    let back = codices.diff(&support(), Moment::Sequence(401), Moment::Sequence(400)).unwrap();
    assert_eq!(back.iter().map(|it| it.kind).collect::<Vec<_>>(), [DifferenceKind::Annotated]);
    let blame = codices.blame(&support(), &id("tone"), None).unwrap();
    assert_eq!((blame.text.sequence, blame.text.text.as_deref()), (399, Some("text 399")));
    assert_eq!(blame.notes[0].reason.as_deref(), Some("legal"));
    assert_eq!(blame.notes[0].directive_path, path("note"));
    assert_eq!(codices.blame(&support(), &id("none"), None).unwrap_err().kind(), ErrorKind::NotFound);
    let filter = ProofFilter {
        directive_prefix: vec!["support".into(), "refunds".into(), "law".into()],
        ..Default::default()
    };
    assert_eq!(codices.list(&filter, None, 10).unwrap().items.len(), 1);
    let filter = ProofFilter { directive_prefix: vec!["support".into(), "ref".into()], ..Default::default() };
    assert_eq!(codices.list(&filter, None, 10).unwrap().items.len(), 0);
}

#[test]
fn an_older_event_that_a_branch_begins_with_is_found_behind_snapshots() {
    let (store, mythos) = long(700);
    let codices = mythos.codices();
    let branch = |parent, text: &str| MutateCodex {
        parent: Some(parent),
        ..MutateCodex::new(
            support(),
            Mutation::Replace { clause: id("limit"), text: text.into() },
            path("b"),
            "eve",
        )
    };
    codices.mutate(&branch(3, "from three")).unwrap();
    codices.mutate(&branch(690, "from 690")).unwrap();
    codices.mutate(&branch(701, "on")).unwrap();
    let heads = codices.codex(&support()).unwrap().heads;
    assert_eq!(heads.iter().map(|head| head.sequence).collect::<Vec<_>>(), [699, 700, 702]);
    let cold = Mythos::with_store(store, Runtime::system());
    for mythos in [&mythos, &cold] {
        assert_eq!(mythos.codices().verify(&support()).unwrap().finding, None);
        let three = mythos.codices().clauses(&support(), Some(700)).unwrap();
        assert_eq!(
            (three[0].text.as_deref(), three[1].text.as_deref()),
            (Some("from three"), Some("text 3"))
        );
        let at = mythos.codices().state_at(&support(), Moment::Sequence(702)).unwrap();
        assert_eq!(at.clauses[0].text.as_deref(), Some("on"));
    }
}

#[test]
fn checkpoints_anchor_a_log_and_show_a_rollback_and_a_log_that_was_written_anew() {
    let (_, mythos) = long(50);
    let codices = mythos.codices();
    let log = signer(&codices, 7);
    let policy = Policy::of_log(log.verifier_key().clone()).unwrap();
    let verdict = |mythos: &Mythos, pinned: &[SignedCheckpoint]| {
        let found = mythos.codices().verify_against(&support(), &policy, pinned).unwrap();
        (found.verification.proof_verification_status, found.anchored, found.equivocation.is_some())
    };
    assert_eq!(verdict(&mythos, &[]), (ProofVerificationStatus::Unanchored, None, false));
    let first = codices.checkpoint(&support(), &[&log]).unwrap();
    assert_eq!(codices.checkpoint(&support(), &[&log]).unwrap(), first);
    assert_eq!(codices.checkpoints(&support(), 10).unwrap(), from_ref(&first));
    codices.mutate_all(&batch(50, 10, Listing::Now)).unwrap();
    assert_eq!(verdict(&mythos, from_ref(&first)), (ProofVerificationStatus::Verified, Some(50), false));
    assert_eq!(codices.codex(&support()).unwrap().checkpoint.unwrap().size, 50);
    let second = codices.checkpoint(&support(), &[&log]).unwrap();
    assert_eq!(verdict(&mythos, from_ref(&first)), (ProofVerificationStatus::Verified, Some(60), false));

    // Rolled back: what is there is sound in itself.
    let (_, rolled_back) = long(55);
    let _ = rolled_back.codices().checkpoint(&support(), &[&log]).unwrap();
    assert_eq!(status(&rolled_back), ProofVerificationStatus::Verified);
    let (found, _, _) = verdict(&rolled_back, from_ref(&second));
    assert_eq!(found, ProofVerificationStatus::Forked);
    // Written anew, with a checkpoint of the same size: anyone can verify that the log said both.
    let (_, anew) = long(60);
    anew.codices().checkpoint(&support(), &[&log]).unwrap();
    let (found, _, equivocation) = verdict(&anew, from_ref(&second));
    assert_eq!((found, equivocation), (ProofVerificationStatus::Forked, true));
    let found = anew.codices().verify_against(&support(), &policy, from_ref(&second)).unwrap();
    let told = found.equivocation.unwrap().to_string();
    let evidence: mythos_core::tlog::EquivocationEvidence = told.parse().unwrap();
    evidence.verify(from_ref(log.verifier_key())).unwrap();
    assert_eq!(anew.codices().add_checkpoint(&support(), &second).unwrap_err().kind(), ErrorKind::Conflict);

    // A checkpoint of another log, or that another key signed, tells nothing.
    let stranger = Ed25519Signer::from_seed("example.com/other", &SecretKey::from_bytes(&[7; 32])).unwrap();
    let told = second.checkpoint();
    let replayed = Checkpoint::new("example.com/other", told.size(), told.root()).unwrap();
    let replayed = SignedCheckpoint::sign(replayed, &[&stranger]).unwrap();
    assert_eq!(codices.add_checkpoint(&support(), &replayed).unwrap_err().field(), Some("checkpoint"));
    let forged = SignedCheckpoint::sign(told.clone(), &[&signer(&codices, 8)]).unwrap();
    for pinned in [replayed, forged] {
        let error = codices.verify_against(&support(), &policy, from_ref(&pinned)).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("pinned")));
    }
}

#[test]
fn witnesses_make_a_quorum() {
    let (_, mythos) = long(10);
    let codices = mythos.codices();
    let log = signer(&codices, 7);
    let witness = |seed: u8| {
        CosignatureSigner::from_seed(format!("w{seed}.example"), &SecretKey::from_bytes(&[seed; 32])).unwrap()
    };
    let (one, two) = (witness(1), witness(2));
    let policy: Policy = format!(
        "log {}\nwitness one {}\nwitness two {}\ngroup both all one two\nquorum both\n",
        log.verifier_key(),
        one.verifier_key(),
        two.verifier_key(),
    )
    .parse()
    .unwrap();
    let status = |codices: &CodexProofOfSymbolEngine| {
        codices.verify_against(&support(), &policy, &[]).unwrap().verification.proof_verification_status
    };
    let mut signed = codices.checkpoint(&support(), &[&log]).unwrap();
    signed.add_cosignature(&one.at(1_795_249_800).unwrap()).unwrap();
    codices.add_checkpoint(&support(), &signed).unwrap();
    assert_eq!(status(&codices), ProofVerificationStatus::Unanchored);
    signed.add_cosignature(&two.at(1_795_249_801).unwrap()).unwrap();
    let stored = codices.add_checkpoint(&support(), &signed).unwrap();
    assert_eq!((stored.size, stored.number), (10, 2));
    assert_eq!(status(&codices), ProofVerificationStatus::Verified);
    assert_eq!(codices.verify(&support()).unwrap().finding, None);
}

#[test]
fn a_log_that_names_keys_is_signed_by_no_others() {
    let (_, mythos) = long(5);
    let codices = mythos.codices();
    let (old, new) = (signer(&codices, 7), signer(&codices, 8));
    let key = |signer: &Ed25519Signer| signer.verifier_key().to_string();
    let change = |mutation| codices.mutate(&MutateCodex::new(support(), mutation, path("keys"), "ops"));
    change(Mutation::Authorize { key: key(&old) }).unwrap();
    assert_eq!(change(Mutation::Authorize { key: key(&old) }).unwrap_err().field(), Some("key"));
    assert_eq!(change(Mutation::Revoke { key: key(&new) }).unwrap_err().field(), Some("key"));
    assert_eq!(change(Mutation::Authorize { key: "no key".into() }).unwrap_err().kind(), ErrorKind::Invalid);
    codices.checkpoint(&support(), &[&old]).unwrap();
    assert_eq!(codices.checkpoint(&support(), &[&new]).unwrap_err().field(), Some("signers"));
    // Rotation: the log itself says when.
    change(Mutation::Authorize { key: key(&new) }).unwrap();
    change(Mutation::Revoke { key: key(&old) }).unwrap();
    assert_eq!(codices.checkpoint(&support(), &[&old]).unwrap_err().field(), Some("signers"));
    let policy = |signer: &Ed25519Signer| Policy::of_log(signer.verifier_key().clone()).unwrap();
    let anchored = |signer| codices.verify_against(&support(), &policy(signer), &[]).unwrap().anchored;
    assert_eq!((anchored(&old), anchored(&new)), (Some(6), None));
    // What the revoked key signs elsewhere counts for nothing.
    let head = codices.codex(&support()).unwrap();
    let late = Checkpoint::new(codices.origin(&support()), head.length, head.tree_root).unwrap();
    codices.add_checkpoint(&support(), &SignedCheckpoint::sign(late, &[&old]).unwrap()).unwrap();
    assert_eq!(anchored(&old), Some(6));
    codices.checkpoint(&support(), &[&new]).unwrap();
    assert_eq!(anchored(&new), Some(8));
    assert_eq!(codices.verify(&support()).unwrap().finding, None);
}

#[test]
fn an_exported_log_is_followed_by_a_client_of_tiles() {
    let (_, mythos) = long(600);
    let codices = mythos.codices();
    let log = signer(&codices, 7);
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut had = 0;
    for more in [0, 300] {
        if more > 0 {
            codices.mutate_all(&batch(600, more, Listing::Later)).unwrap();
        }
        let signed = codices.checkpoint(&support(), &[&log]).unwrap();
        codices
            .export(&support(), &signed, had, true, |file| {
                files.insert(file.path, file.bytes);
                Ok(())
            })
            .unwrap();
        had = signed.checkpoint().size();
        // As a client would: the checkpoint, then tiles as they are needed.
        let signed = SignedCheckpoint::parse(&files["checkpoint"]).unwrap();
        signed.verify(from_ref(log.verifier_key()), &[]).unwrap();
        let size = signed.checkpoint().size();
        let fetch = |tile: &Tile| Ok(files[&tile.to_string()].clone());
        for index in (0..size).step_by(97) {
            let reader = TileReader::new(size, fetch).unwrap();
            let proof = inclusion_proof(index, size, reader).unwrap();
            let event = &files[&format!("events/{index}")];
            let width = (size - index / 256 * 256).min(256) as u16;
            let bundle = EntryBundle::new(index / 256, width).unwrap();
            let entries = bundle.decode(&files[&bundle.to_string()]).unwrap();
            let entry = entries[index as usize % 256];
            assert_eq!(entry, mythos_core::testing::decoders::codex_event_digest(event).as_bytes());
            proof.verify(&leaf_hash(entry), &signed.checkpoint().root()).unwrap();
        }
    }
    assert_eq!(Tile::all(900).unwrap().filter(|tile| !files.contains_key(&tile.to_string())).count(), 0);
}

#[test]
fn a_log_proof_shows_an_event_offline_and_no_other() {
    let (_, mythos) = long(300);
    let codices = mythos.codices();
    let log = signer(&codices, 7);
    let policy = Policy::of_log(log.verifier_key().clone()).unwrap();
    let signed = codices.checkpoint(&support(), &[&log]).unwrap();
    // The checkpoint stays what it was when the log grows.
    codices.mutate_all(&batch(300, 400, Listing::Now)).unwrap();
    let tree = codices.tree(&support()).unwrap();
    let leaf = |index| leaf_hash(codices.trail(&support(), index, 1).unwrap().items[0].digest.as_bytes());
    for index in [0, 1, 255, 256, 299] {
        let file = tree.log_proof(index, &signed, Some(b"event".to_vec())).unwrap().to_string();
        let proof: LogProof = file.parse().unwrap();
        assert_eq!((proof.index(), proof.extra()), (index, Some(&b"event"[..])));
        assert_eq!(proof.checkpoint(), &signed);
        assert!(proof.verify(&leaf(index), &policy).unwrap().is_met());
        assert_eq!(proof.verify(&leaf(index + 1), &policy).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    let other = Policy::of_log(signer(&codices, 8).verifier_key().clone()).unwrap();
    let proof = tree.log_proof(7, &signed, None).unwrap();
    assert_eq!(proof.verify(&leaf(7), &other).unwrap_err().kind(), ErrorKind::Corrupt);

    let refused = |index, checkpoint: &SignedCheckpoint, extra| {
        let error = tree.log_proof(index, checkpoint, extra).unwrap_err();
        (error.kind(), error.field().map(str::to_owned))
    };
    let invalid = |field: &str| (ErrorKind::Invalid, Some(field.to_owned()));
    // An event behind the checkpoint, and data that is none.
    assert_eq!(refused(300, &signed, None), invalid("index"));
    assert_eq!(refused(0, &signed, Some(Vec::new())), invalid("extra"));
    assert_eq!(refused(0, &signed, Some(vec![0; 1 << 17])).0, ErrorKind::Limit);
    // Of no event, of more than there are, of other events, and of another log.
    let (origin, root) = (codices.origin(&support()), signed.checkpoint().root());
    for (origin, size, root) in [
        (origin.as_str(), 0, mythos_core::tlog::EMPTY_ROOT),
        (origin.as_str(), 701, root),
        (origin.as_str(), 299, root),
        ("mythos.invalid/default/sales", 300, root),
    ] {
        let signer = Ed25519Signer::from_seed(origin, &SecretKey::from_bytes(&[7; 32])).unwrap();
        let told = Checkpoint::new(origin, size, root).unwrap();
        let foreign = SignedCheckpoint::sign(told, &[&signer]).unwrap();
        assert_eq!(refused(0, &foreign, None), invalid("checkpoint"), "{origin} {size}");
    }
}

#[test]
fn evidence_proves_a_clause_offline_and_nothing_else() {
    let (_, mythos) = long(300);
    let codices = mythos.codices();
    let note = Mutation::Annotate { clause: id("limit"), note: "asked for".into() };
    codices
        .mutate(&MutateCodex {
            reason: Some("law".into()),
            ..MutateCodex::new(support(), note, path("note"), "eve")
        })
        .unwrap();
    codices.mutate_all(&batch(301, 2, Listing::Now)).unwrap();
    let log = signer(&codices, 7);
    let policy = Policy::of_log(log.verifier_key().clone()).unwrap();
    let signed = codices.checkpoint(&support(), &[&log]).unwrap();
    codices.mutate_all(&batch(303, 4, Listing::Now)).unwrap();
    let disclosure = Disclosure { actors: true, reasons: false };
    let bundle = codices.evidence(&support(), &id("limit"), &signed, disclosure).unwrap();
    let json = bundle.to_json().unwrap();
    assert!(!json.contains("law"));
    let proven = EvidenceBundle::from_json(&json).unwrap().verify(&policy).unwrap();
    assert_eq!((proven.codex, proven.clause), (support(), id("limit")));
    assert_eq!((proven.size, proven.text.as_deref()), (303, Some("text 302")));
    assert_eq!(proven.notes, [Some("asked for".to_owned())]);
    assert_eq!(proven.origins.iter().map(|it| it.sequence).collect::<Vec<_>>(), [300, 302]);
}

#[test]
fn what_was_erased_leaves_the_file() {
    const SECRET: &str = "the customer Xyzzy of Plugh street";
    let directory = tempfile::tempdir().unwrap();
    let mythos = Mythos::open(directory.path().join("mythos.db")).unwrap();
    let codices = mythos.codices();
    let clause = Clause { clause: id("limit"), text: SECRET.to_owned() };
    codices.create(&CreateCodex::new(support(), vec![clause], path("launch"), SECRET)).unwrap();
    let mut many = batch(1, 50, Listing::Now);
    many.mutations.retain(|directed| directed.directive_path == path("limit"));
    many.mutations.iter_mut().for_each(|directed| directed.reason = Some(SECRET.to_owned()));
    codices.mutate_all(&many).unwrap();
    let holds_secret = || {
        std::fs::read_dir(directory.path()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
        })
    };
    assert!(holds_secret());
    let erase = (0..26).flat_map(|sequence| {
        let openings = if sequence == 0 { [0, 2] } else { [1, 2] };
        openings.map(|opening| ErasedOpening { sequence, opening })
    });
    let (directive_path, actor) = (path("privacy"), "officer".to_owned());
    let (parent, reason, operation) = (None, None, None);
    let erase = erase.filter(|erased| erased.sequence < codices.codex(&support()).unwrap().length).collect();
    codices
        .redact(&RedactCodex { codex: support(), erase, parent, directive_path, actor, reason, operation })
        .unwrap();
    while !mythos.maintain(Default::default()).unwrap().done {}
    assert!(!holds_secret());
    assert_eq!(status(&mythos), ProofVerificationStatus::Redacted);
}

#[test]
fn a_redaction_leaves_evidence_valid_without_the_text() {
    let (_, mythos) = long(20);
    let codices = mythos.codices();
    let erase = vec![ErasedOpening { sequence: 18, opening: 2 }];
    let (directive_path, actor) = (path("privacy"), "officer".to_owned());
    codices
        .redact(&RedactCodex {
            codex: support(),
            erase,
            parent: None,
            directive_path,
            actor,
            reason: None,
            operation: None,
        })
        .unwrap();
    let log = signer(&codices, 7);
    let signed = codices.checkpoint(&support(), &[&log]).unwrap();
    let bundle = codices.evidence(&support(), &id("limit"), &signed, Disclosure::default()).unwrap();
    let proven = bundle.verify(&Policy::of_log(log.verifier_key().clone()).unwrap()).unwrap();
    assert_eq!(proven.text, None);
}

/// Puts everything that another store has in place of what is there.
fn replace_everything(store: &MemoryStore, by: &MemoryStore) {
    for table in TABLES {
        for record in records(store, *table) {
            let mut batch = Batch::new();
            if table.schema().owns_cells {
                let names = Names::Range { from: None, until: None, limit: u32::MAX, reverse: false };
                batch.delete_cells(owner(*table, &record), names);
            }
            batch.delete(*table, record.id, record.version);
            store.commit(&batch).unwrap();
        }
    }
    copy(by, store, TABLES).unwrap();
}

#[test]
fn what_is_in_memory_of_a_log_says_nothing_of_another_in_its_place() {
    let (store, mythos) = long(600);
    let codices = mythos.codices();
    let log = signer(&codices, 7);
    let policy = Policy::of_log(log.verifier_key().clone()).unwrap();
    let (tree, head) = (codices.tree(&support()).unwrap(), codices.codex(&support()).unwrap());
    let old = Checkpoint::new(codices.origin(&support()), 100, tree.root(100).unwrap()).unwrap();
    let pinned = SignedCheckpoint::sign(old, &[&log]).unwrap();
    assert_eq!(codices.verify_against(&support(), &policy, from_ref(&pinned)).unwrap().anchored, Some(100));
    let (forged, _) = long(700);
    replace_everything(&store, &forged);
    assert_ne!(codices.codex(&support()).unwrap(), head);
    let found = codices.verify_against(&support(), &policy, from_ref(&pinned)).unwrap();
    assert_eq!(found.verification.proof_verification_status, ProofVerificationStatus::Forked);
    assert_eq!(codices.add_checkpoint(&support(), &pinned).unwrap_err().kind(), ErrorKind::Conflict);
    let tree = codices.tree(&support()).unwrap();
    let entry = codices.trail(&support(), 3, 1).unwrap().items.remove(0);
    let proof = tree.inclusion(3, None).unwrap();
    proof.verify(&leaf_hash(entry.digest.as_bytes()), &tree.head().tree_root).unwrap();
}

#[test]
fn only_what_the_log_leads_to_is_signed() {
    let (store, mythos) = long(10);
    let codices = mythos.codices();
    let head = records(&*store, CodexHead::TABLE).remove(0);
    let other = serde_json::to_value(leaf_hash(b"another")).unwrap();
    tamper(&*store, CodexHead::TABLE, &head, |body| drop(body.insert("tree_root".into(), other)));
    let error = codices.checkpoint(&support(), &[&signer(&codices, 7)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let change = Mutation::Remove { clause: id("tone") };
    let error = codices.mutate(&MutateCodex::new(support(), change, path("x"), "eve")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn long_logs_with_many_snapshots_and_checkpoints_verify() {
    let (_, mythos) = long(3_600);
    let codices = mythos.codices();
    let log = signer(&codices, 7);
    let tree = codices.tree(&support()).unwrap();
    for size in 1..=300 {
        let told = Checkpoint::new(codices.origin(&support()), size, tree.root(size).unwrap()).unwrap();
        codices.add_checkpoint(&support(), &SignedCheckpoint::sign(told, &[&log]).unwrap()).unwrap();
    }
    assert_eq!(codices.verify(&support()).unwrap().finding, None);
}

#[test]
fn checkpoints_of_other_logs_and_of_nothing_anchor_nothing() {
    let (store, mythos) = long(10);
    let codices = mythos.codices();
    let (log, other) = (
        signer(&codices, 7),
        Ed25519Signer::from_seed("example.com/other", &SecretKey::from_bytes(&[8; 32])).unwrap(),
    );
    let policy: Policy =
        format!("log {}\nlog {}\nquorum none\n", log.verifier_key(), other.verifier_key()).parse().unwrap();
    let head = records(&*store, CodexHead::TABLE).remove(0);
    let owner = owner(CodexHead::TABLE, &head);
    let root = codices.codex(&support()).unwrap().tree_root;
    let status = |pinned: &[SignedCheckpoint]| {
        let found = codices.verify_against(&support(), &policy, pinned).unwrap();
        (found.verification.proof_verification_status, found.anchored)
    };
    // As somebody with access to the store would put it there, under the name of one that is known.
    codices.checkpoint(&support(), &[&log]).unwrap();
    assert_eq!(status(&[]), (ProofVerificationStatus::Verified, Some(10)));
    let cell = cells(&*store, &owner).into_iter().find(|cell| cell.name.as_bytes()[0] == b'c').unwrap();
    let of_other = Checkpoint::new("example.com/other", 10, root).unwrap();
    let bytes = SignedCheckpoint::sign(of_other, &[&other]).unwrap().to_string().into_bytes();
    overwrite_cell(&*store, &owner, &Cell { name: cell.name, bytes });
    assert_eq!(status(&[]), (ProofVerificationStatus::Unanchored, None));
    let nothing = Checkpoint::new(codices.origin(&support()), 0, mythos_core::tlog::EMPTY_ROOT).unwrap();
    let nothing = SignedCheckpoint::sign(nothing, &[&log]).unwrap();
    assert_eq!(status(&[nothing]), (ProofVerificationStatus::Unanchored, None));
    // A signature that is not the key's is told.
    let mut bytes = cell.bytes.clone();
    let at = bytes.len() - 10;
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    overwrite_cell(&*store, &owner, &Cell { name: cell.name, bytes });
    assert_eq!(status(&[]), (ProofVerificationStatus::Tampered, None));
}

#[test]
fn a_log_speaks_only_for_its_codex() {
    let (_, mythos) = long(5);
    let codices = mythos.codices();
    let mallory = "mythos.invalid/default/mallory";
    let key = Ed25519Signer::from_seed(mallory, &SecretKey::from_bytes(&[9; 32])).unwrap();
    let signed = codices.checkpoint(&support(), &[&signer(&codices, 7)]).unwrap();
    let mut bundle = codices.evidence(&support(), &id("limit"), &signed, Disclosure::default()).unwrap();
    let told = signed.checkpoint();
    let theirs = Checkpoint::new(mallory, told.size(), told.root()).unwrap();
    bundle.checkpoint = SignedCheckpoint::sign(theirs, &[&key]).unwrap().to_string();
    let error = bundle.verify(&Policy::of_log(key.verifier_key().clone()).unwrap()).unwrap_err();
    assert!(error.to_string().contains("does not speak for codex"), "{error}");
    let other = Mutation::Authorize { key: key.verifier_key().to_string() };
    let error = codices.mutate(&MutateCodex::new(support(), other, path("keys"), "ops")).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("key")));
}

#[test]
fn an_operation_is_recognised_only_whole() {
    let (_, mythos) = long(1);
    let codices = mythos.codices();
    let two = MutationBatch { operation: Some(OperationId::from_name("two")), ..batch(1, 2, Listing::Now) };
    codices.mutate_all(&two).unwrap();
    for count in [1, 3] {
        let other = MutationBatch { operation: two.operation, ..batch(1, count, Listing::Now) };
        let error = codices.mutate_all(&other).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("operation")), "{count}");
    }
    codices.mutate_all(&two).unwrap();
}

#[test]
fn rows_that_were_added_are_found_wherever_they_lie() {
    let (store, mythos) = long(4_096);
    let head = records(&*store, CodexHead::TABLE).remove(0);
    let owner = owner(CodexHead::TABLE, &head);
    // Behind the last event of a read, and with a name that no event has.
    let name = CellName::new(&[b"e", &4_095_u64.to_be_bytes()[..], &[0]].concat()).unwrap();
    let cell = Cell { name, bytes: b"x".to_vec() };
    overwrite_cell(&*store, &owner, &cell);
    assert_eq!(status(&mythos), ProofVerificationStatus::Tampered);
    delete_cell(&*store, &owner, &cell);
    assert_eq!(status(&mythos), ProofVerificationStatus::Verified);
    // A second proof of the last event of a page, and one of none.
    let table = <SymbolProof as Model>::TABLE;
    let proof = records(&*store, table).into_iter().find(|record| record.body["sequence"] == 499).unwrap();
    let id = RecordId::new(b"second").unwrap();
    for sequence in [499, -1] {
        let mut body = proof.body.clone();
        body["sequence"] = sequence.into();
        let mut batch = Batch::new();
        batch.records.push(RecordOp::Import { table, id, version: proof.version, body });
        store.commit(&batch).unwrap();
        assert_eq!(status(&mythos), ProofVerificationStatus::Tampered, "{sequence}");
        let mut batch = Batch::new();
        batch.delete(table, id, proof.version);
        store.commit(&batch).unwrap();
    }
    // A member that no record has.
    for (table, record) in [(table, &proof), (CodexHead::TABLE, &head)] {
        tamper(&*store, table, record, |body| drop(body.insert("more".into(), 1.into())));
        assert_eq!(status(&mythos), ProofVerificationStatus::Tampered, "{}", table.name());
        tamper(&*store, table, record, |_| {});
    }
    assert_eq!(status(&mythos), ProofVerificationStatus::Verified);
}

#[test]
fn what_is_written_meanwhile_is_no_damage() {
    let (_, mythos) = long(300);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (codices, done_of_writer) = (mythos.codices(), &done);
        scope.spawn(move || {
            let log = signer(&codices, 7);
            for sequence in 1..60 {
                let erase = vec![ErasedOpening { sequence, opening: 2 }];
                let (directive_path, actor) = (path("privacy"), "officer".to_owned());
                let (parent, reason, operation) = (None, None, None);
                let redact =
                    RedactCodex { codex: support(), erase, parent, directive_path, actor, reason, operation };
                codices.redact(&redact).unwrap();
                codices.checkpoint(&support(), &[&log]).unwrap();
            }
            done_of_writer.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            match mythos.codices().verify(&support()) {
                Ok(found) => assert_eq!(found.finding, None),
                // The writer was always faster.
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
            }
        }
    });
    assert_eq!(status(&mythos), ProofVerificationStatus::Redacted);
}
