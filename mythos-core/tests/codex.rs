//! The codex log through its public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;

use std::sync::Arc;

use damage::{cells, delete_cell, in_memory, overwrite_cell, owner, records, tamper};
use mythos_core::codex::{
    ChangeKind, Clause, CodexHead, CreateCodex, DirectivePath, ErasedOpening, MAX_CLAUSE_BYTES, MergeSide,
    MutateCodex, Mutation, ProofFilter, ProofVerificationStatus, RedactCodex, SymbolProof, TakenClause,
};
use mythos_core::store::{Batch, Cell, CellName, MemoryStore, Model, RecordOp, Store};
use mythos_core::types::{ClauseId, CodexId, OperationId, RecordId};
use mythos_core::{ErrorKind, Mythos};
use proptest::prelude::*;

fn support() -> CodexId {
    "support".parse().unwrap()
}

fn id(clause: &str) -> ClauseId {
    clause.parse().unwrap()
}

fn path() -> DirectivePath {
    DirectivePath::new(["support", "refunds", "limit"]).unwrap()
}

fn clause(clause: &str, text: &str) -> Clause {
    Clause { clause: id(clause), text: text.to_owned() }
}

fn create() -> CreateCodex {
    let clauses = vec![clause("limit", "Refund at most 100 EUR."), clause("tone", "Be kind.")];
    CreateCodex { reason: Some("launch".into()), ..CreateCodex::new(support(), clauses, path(), "ana") }
}

fn mutate(mutation: Mutation) -> MutateCodex {
    MutateCodex::new(support(), mutation, path(), "bob")
}

fn replace(clause: &str, text: &str) -> MutateCodex {
    mutate(Mutation::Replace { clause: id(clause), text: text.to_owned() })
}

/// A codex with one of every kind of change but a merge.
fn example() -> (Arc<MemoryStore>, Mythos, Vec<SymbolProof>) {
    let (store, mythos) = in_memory();
    let codices = mythos.codices();
    let mut proofs = vec![codices.create(&create()).unwrap()];
    let mutations = [
        Mutation::Replace { clause: id("limit"), text: "Refund at most 50 EUR.".into() },
        Mutation::Add { clause: id("law"), text: "Follow the law.".into(), position: Some(0) },
        Mutation::Annotate { clause: id("tone"), note: "asked for by legal".into() },
        Mutation::Reorder { order: vec![id("tone"), id("law"), id("limit")] },
        Mutation::Remove { clause: id("tone") },
    ];
    proofs.extend(mutations.map(|mutation| codices.mutate(&mutate(mutation)).unwrap()));
    (store, mythos, proofs)
}

fn texts(mythos: &Mythos, head: Option<u64>) -> Vec<(String, Option<String>)> {
    let clauses = mythos.codices().clauses(&support(), head).unwrap();
    clauses.into_iter().map(|clause| (clause.clause.to_string(), clause.text)).collect()
}

#[test]
fn codex_proof_of_symbol_chain_reflects_accurate_mutation_lineage_and_directive_paths() {
    let (_, mythos, proofs) = example();
    let codices = mythos.codices();
    let kinds: Vec<_> = proofs.iter().map(|proof| proof.change).collect();
    use ChangeKind::{Add, Annotate, Create, Remove, Reorder, Replace};
    assert_eq!(kinds, [Create, Replace, Add, Annotate, Reorder, Remove]);
    let expected = [("law", "Follow the law."), ("limit", "Refund at most 50 EUR.")];
    assert_eq!(texts(&mythos, None), expected.map(|(c, t)| (c.to_owned(), Some(t.to_owned()))));

    let trail = codices.trail(&support(), 0, 100).unwrap();
    assert_eq!(trail.next, None);
    for (index, (entry, proof)) in trail.items.iter().zip(&proofs).enumerate() {
        assert_eq!(entry.event.sequence, index as u64);
        assert_eq!(entry.digest, proof.event);
        assert_eq!(entry.event.directive_path, path());
        assert_eq!(proof.directive_path_log, path());
        assert_eq!(proof.symbolic_checksum.len(), 256);
        assert!(proof.symbolic_checksum.starts_with(&entry.event.codex_after.to_string()));
        let before = index.checked_sub(1);
        assert_eq!(entry.event.previous, before.map(|before| trail.items[before].digest));
        assert_eq!(entry.event.parents, before.map(|before| before as u64).into_iter().collect::<Vec<_>>());
        assert_eq!(proof.mutation_trail_hash, entry.digest);
        let before = index.checked_sub(1).map(|before| trail.items[before].event.codex_after);
        assert_eq!(entry.event.codex_before, before);
    }
    assert_eq!(trail.items[0].actor.as_deref(), Some("ana"));
    assert_eq!(trail.items[0].reason.as_deref(), Some("launch"));
    assert_eq!(trail.items[2].texts, [Some("Follow the law.".to_owned())]);

    let verification = codices.verify(&support()).unwrap();
    assert_eq!(verification.finding, None);
    assert_eq!(verification.proof_verification_status, ProofVerificationStatus::Verified);
    assert_eq!(verification.events, 6);
    assert_eq!(verification.mutation_trail_hash, Some(proofs[5].mutation_trail_hash));
    assert_eq!(verification.heads, codices.codex(&support()).unwrap().heads);
}

#[test]
fn pages_of_the_trail_and_of_the_listing_join_without_gaps() {
    let (_, mythos, proofs) = example();
    let codices = mythos.codices();
    let (mut sequences, mut from) = (Vec::new(), 0);
    loop {
        let page = codices.trail(&support(), from, 4).unwrap();
        sequences.extend(page.items.iter().map(|entry| entry.event.sequence));
        match page.next {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(sequences, [0, 1, 2, 3, 4, 5]);
    let filter = ProofFilter { codex: Some(support()), ..ProofFilter::default() };
    let mut listed = codices.list(&filter, None, 100).unwrap().items;
    listed.reverse();
    assert_eq!(listed, proofs);
    let filter = ProofFilter { clause: Some(id("tone")), ..filter };
    assert_eq!(codices.list(&filter, None, 100).unwrap().items.len(), 2);
    assert_eq!(codices.codices(None, 10).unwrap().items.len(), 1);
}

#[test]
fn a_mutation_that_does_not_apply_changes_nothing() {
    let (_, mythos, _) = example();
    let codices = mythos.codices();
    let before = codices.codex(&support()).unwrap();
    let order =
        |clauses: &[&str]| Mutation::Reorder { order: clauses.iter().map(|clause| id(clause)).collect() };
    let bad = [
        (Mutation::Replace { clause: id("tone"), text: "gone".into() }, "clause"),
        (Mutation::Remove { clause: id("tone") }, "clause"),
        (Mutation::Annotate { clause: id("tone"), note: "x".into() }, "clause"),
        (Mutation::Add { clause: id("law"), text: "twice".into(), position: None }, "clause"),
        (Mutation::Add { clause: id("new"), text: "x".into(), position: Some(3) }, "position"),
        (Mutation::Add { clause: id("new"), text: "a\0b".into(), position: None }, "text"),
        (order(&["law"]), "order"),
        (order(&["law", "law"]), "clause"),
        (order(&["law", "limit", "tone"]), "clause"),
        (Mutation::Merge { other: 0, take: vec![] }, "other"),
    ];
    for (mutation, field) in bad {
        let error = codices.mutate(&mutate(mutation.clone())).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some(field)), "{mutation:?}");
    }
    let too_long = codices.mutate(&replace("law", &"x".repeat(MAX_CLAUSE_BYTES + 1))).unwrap_err();
    assert_eq!(too_long.kind(), ErrorKind::Limit);
    let unknown_parent = MutateCodex { parent: Some(99), ..replace("law", "x") };
    assert_eq!(codices.mutate(&unknown_parent).unwrap_err().kind(), ErrorKind::NotFound);
    let no_actor = MutateCodex { actor: String::new(), ..replace("law", "x") };
    assert_eq!(codices.mutate(&no_actor).unwrap_err().field(), Some("actor"));
    let unknown = MutateCodex { codex: "sales".parse().unwrap(), ..replace("law", "x") };
    assert_eq!(codices.mutate(&unknown).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(codices.create(&create()).unwrap_err().kind(), ErrorKind::Conflict);
    let twice = CreateCodex { codex: "two".parse().unwrap(), ..create() };
    let twice = CreateCodex { clauses: vec![clause("a", "1"), clause("a", "2")], ..twice };
    assert_eq!(codices.create(&twice).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(codices.codex(&support()).unwrap(), before);
}

#[test]
fn repeating_an_operation_appends_once_and_reusing_its_id_is_refused() {
    let (store, mythos) = in_memory();
    let codices = mythos.codices();
    let create = CreateCodex { operation: Some(OperationId::from_name("create")), ..create() };
    let created = codices.create(&create).unwrap();
    let change =
        MutateCodex { operation: Some(OperationId::from_name("change")), ..replace("tone", "Be brief.") };
    let changed = codices.mutate(&change).unwrap();
    codices.mutate(&mutate(Mutation::Remove { clause: id("tone") })).unwrap();
    // Also when the codex has moved on and the mutation would no longer apply.
    assert_eq!(codices.create(&create).unwrap(), created);
    assert_eq!(codices.mutate(&change).unwrap(), changed);
    assert_eq!(records(&*store, SymbolProof::TABLE).len(), 3);
    let others = [
        MutateCodex { actor: "eve".into(), ..change.clone() },
        MutateCodex { reason: Some("why".into()), ..change.clone() },
        MutateCodex { directive_path: DirectivePath::new(["x"]).unwrap(), ..change.clone() },
        MutateCodex { operation: change.operation, ..replace("tone", "Be loud.") },
        MutateCodex { operation: create.operation, ..change.clone() },
    ];
    for other in others {
        let error = codices.mutate(&other).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("operation")), "{other:?}");
    }
}

#[test]
fn branches_have_several_heads_until_a_merge_with_two_parents() {
    let (_, mythos) = in_memory();
    let codices = mythos.codices();
    codices.create(&create()).unwrap();
    codices.mutate(&replace("limit", "50")).unwrap();
    let branch = MutateCodex { parent: Some(0), ..replace("tone", "Be brief.") };
    codices.mutate(&branch).unwrap();
    let heads: Vec<_> = codices.codex(&support()).unwrap().heads.iter().map(|head| head.sequence).collect();
    assert_eq!(heads, [1, 2]);
    assert_eq!(codices.mutate(&replace("limit", "1")).unwrap_err().field(), Some("parent"));
    assert_eq!(codices.clauses(&support(), None).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(texts(&mythos, Some(2))[0].1.as_deref(), Some("Refund at most 100 EUR."));
    assert_eq!(codices.verify(&support()).unwrap().finding, None);

    let take = vec![
        TakenClause { clause: id("tone"), from: MergeSide::Theirs },
        TakenClause { clause: id("limit"), from: MergeSide::Ours },
    ];
    let merge = MutateCodex { parent: Some(1), ..mutate(Mutation::Merge { other: 2, take }) };
    let proof = codices.mutate(&merge).unwrap();
    assert_eq!(proof.parents, [1, 2]);
    let merged = [("tone", "Be brief."), ("limit", "50")].map(|(c, t)| (c.to_owned(), Some(t.to_owned())));
    assert_eq!(texts(&mythos, None), merged);
    assert_eq!(codices.trail(&support(), 3, 1).unwrap().items[0].event.parents, [1, 2]);
    assert_eq!(
        codices.verify(&support()).unwrap().proof_verification_status,
        ProofVerificationStatus::Verified
    );
}

fn redact(erase: Vec<ErasedOpening>) -> RedactCodex {
    let path = DirectivePath::new(["privacy", "erasure"]).unwrap();
    let (actor, reason) = ("officer".to_owned(), Some("asked for".to_owned()));
    RedactCodex {
        codex: support(),
        erase,
        parent: None,
        directive_path: path,
        actor,
        reason,
        operation: None,
    }
}

#[test]
fn erased_texts_and_actors_break_no_proof() {
    let (store, mythos, _) = example();
    let codices = mythos.codices();
    let of_limit = codices.openings_of_clause(&support(), &id("limit")).unwrap();
    assert_eq!(of_limit.iter().map(|opening| opening.sequence).collect::<Vec<_>>(), [0, 1]);
    let of_ana = codices.openings_of_actor(&support(), "ana").unwrap();
    assert_eq!(of_ana, [ErasedOpening { sequence: 0, opening: 0 }]);
    let erase = [&of_limit[..], &of_ana].concat();
    let request = RedactCodex { operation: Some(OperationId::from_name("erase")), ..redact(erase.clone()) };
    let proof = codices.redact(&request).unwrap();
    assert_eq!((proof.change, proof.sequence), (ChangeKind::Redact, 6));
    // A repetition is recognised although there is nothing left to erase.
    assert_eq!(codices.redact(&request).unwrap(), proof);

    let verification = codices.verify(&support()).unwrap();
    assert_eq!(verification.finding, None);
    assert_eq!(verification.proof_verification_status, ProofVerificationStatus::Redacted);
    assert_eq!(verification.redacted, 3);
    let expected = [("law", Some("Follow the law.")), ("limit", None)];
    assert_eq!(texts(&mythos, None), expected.map(|(c, t)| (c.to_owned(), t.map(str::to_owned))));
    let trail = codices.trail(&support(), 0, 10).unwrap().items;
    assert_eq!((trail[0].actor.as_deref(), trail[0].reason.as_deref()), (None, Some("launch")));
    assert_eq!(trail[0].texts, [None, Some("Be kind.".to_owned())]);
    assert!(codices.openings_of_clause(&support(), &id("limit")).unwrap().is_empty());
    let everything =
        format!("{:?}{:?}", records(&*store, SymbolProof::TABLE), records(&*store, CodexHead::TABLE));
    let head = records(&*store, CodexHead::TABLE).remove(0);
    for cell in cells(&*store, &owner(CodexHead::TABLE, &head)) {
        assert!(!String::from_utf8_lossy(&cell.bytes).contains("EUR"), "{cell:?}");
        assert_ne!(cell.bytes.get(16..), Some(&b"ana"[..]));
    }
    assert!(!everything.contains("EUR") && !everything.contains("ana"));
    // A redacted codex goes on.
    codices.mutate(&replace("limit", "10")).unwrap();
    assert_eq!(codices.verify(&support()).unwrap().finding, None);
}

#[test]
fn a_redaction_names_what_is_there_and_each_once() {
    let (_, mythos, _) = example();
    let opening = |sequence, opening| ErasedOpening { sequence, opening };
    let (one, codices) = (opening(1, 2), mythos.codices());
    let before = codices.codex(&support()).unwrap();
    for (erase, kind) in [
        (vec![], ErrorKind::Limit),
        (vec![one, one], ErrorKind::Invalid),
        (vec![opening(1, 3)], ErrorKind::NotFound),
        (vec![opening(1, 1)], ErrorKind::NotFound),
        (vec![one, opening(6, 0)], ErrorKind::NotFound),
    ] {
        assert_eq!(codices.redact(&redact(erase.clone())).unwrap_err().kind(), kind, "{erase:?}");
    }
    assert_eq!(codices.codex(&support()).unwrap(), before);
}

#[test]
fn a_text_that_is_gone_without_a_redaction_is_detected() {
    let (store, mythos, _) = example();
    let head = records(&*store, CodexHead::TABLE).remove(0);
    let owner = owner(CodexHead::TABLE, &head);
    for opening in cells(&*store, &owner).into_iter().filter(|c| c.name.as_bytes()[0] == b'o') {
        delete_cell(&*store, &owner, &opening);
        let verification = mythos.codices().verify(&support()).unwrap();
        assert_eq!(verification.proof_verification_status, ProofVerificationStatus::Tampered);
        let sequence = u64::from_be_bytes(opening.name.as_bytes()[1..9].try_into().unwrap());
        assert_eq!(verification.finding.unwrap().sequence, sequence);
        overwrite_cell(&*store, &owner, &opening);
    }
    // And one that is there again although it was erased.
    let text = CellName::new(b"o\0\0\0\0\0\0\0\x01\0\0\0\x02").unwrap();
    let erased = cells(&*store, &owner).into_iter().find(|cell| cell.name == text).unwrap();
    mythos.codices().redact(&redact(vec![ErasedOpening { sequence: 1, opening: 2 }])).unwrap();
    assert_eq!(mythos.codices().verify(&support()).unwrap().finding, None);
    overwrite_cell(&*store, &owner, &erased);
    let finding = mythos.codices().verify(&support()).unwrap().finding.unwrap();
    assert_eq!((finding.sequence, finding.field.as_str()), (1, "text"));
}

#[test]
fn every_flipped_bit_of_the_log_is_detected() {
    let (store, mythos, _) = example();
    let head = records(&*store, CodexHead::TABLE).remove(0);
    let owner = owner(CodexHead::TABLE, &head);
    for cell in cells(&*store, &owner) {
        for bit in 0..8 * cell.bytes.len() {
            let mut bytes = cell.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            overwrite_cell(&*store, &owner, &Cell { name: cell.name, bytes });
            let verification = mythos.codices().verify(&support()).unwrap();
            assert_eq!(
                verification.proof_verification_status,
                ProofVerificationStatus::Tampered,
                "{cell:?} {bit}"
            );
            // The event is named in which it shows.
            let sequence = u64::from_be_bytes(cell.name.as_bytes()[1..9].try_into().unwrap());
            assert_eq!(verification.finding.unwrap().sequence, sequence, "{cell:?} {bit}");
        }
        overwrite_cell(&*store, &owner, &cell);
    }
    assert_eq!(mythos.codices().verify(&support()).unwrap().finding, None);
}

#[test]
fn an_event_has_one_spelling() {
    let (store, mythos, _) = example();
    let head = records(&*store, CodexHead::TABLE).remove(0);
    let owner = owner(CodexHead::TABLE, &head);
    let is_second = |cell: &Cell| cell.name.as_bytes()[..] == *b"e\0\0\0\0\0\0\0\x01";
    let cell = cells(&*store, &owner).into_iter().find(is_second).unwrap();
    let (first, rest) = cell.bytes.split_first().unwrap();
    assert_eq!(*first, 0x90, "an array of 16 fields");
    let spellings = [
        [&[0x98, 16], rest].concat(),
        [&[0x9f], rest, &[0xff]].concat(),
        // A field twice, one too many, one too few, and something behind the end.
        [&[0x91], &rest[..1], rest].concat(),
        [&[0x90], &rest[..1], rest].concat(),
        [&[0x91], rest, &[0xf6]].concat(),
        [&[0x8f], rest].concat(),
        [&cell.bytes[..], &[0]].concat(),
        // The format, 1, in two bytes.
        [&[0x90, 0x18], rest].concat(),
        // A map with names instead of places.
        [&[0xa8], rest].concat(),
    ];
    for bytes in spellings {
        overwrite_cell(&*store, &owner, &Cell { name: cell.name, bytes: bytes.clone() });
        let verification = mythos.codices().verify(&support()).unwrap();
        assert_eq!(verification.proof_verification_status, ProofVerificationStatus::Tampered, "{bytes:x?}");
        assert_eq!(verification.finding.unwrap().sequence, 1);
    }
    overwrite_cell(&*store, &owner, &cell);
    assert_eq!(mythos.codices().verify(&support()).unwrap().finding, None);
}

#[test]
fn dropped_swapped_and_forged_rows_are_detected() {
    let (store, mythos, _) = example();
    let status = || mythos.codices().verify(&support()).unwrap().proof_verification_status;
    let head = records(&*store, CodexHead::TABLE).remove(0);
    let owner = owner(CodexHead::TABLE, &head);
    let stored = cells(&*store, &owner);
    for cell in &stored {
        delete_cell(&*store, &owner, cell);
        assert_eq!(status(), ProofVerificationStatus::Tampered, "{cell:?}");
        overwrite_cell(&*store, &owner, cell);
    }
    let events: Vec<_> = stored.iter().filter(|cell| cell.name.as_bytes()[0] == b'e').collect();
    for (a, b) in events.iter().zip(&events[1..]) {
        overwrite_cell(&*store, &owner, &Cell { name: a.name, bytes: b.bytes.clone() });
        overwrite_cell(&*store, &owner, &Cell { name: b.name, bytes: a.bytes.clone() });
        assert_eq!(status(), ProofVerificationStatus::Tampered);
        overwrite_cell(&*store, &owner, a);
        overwrite_cell(&*store, &owner, b);
    }
    for table in [SymbolProof::TABLE, CodexHead::TABLE] {
        for record in records(&*store, table) {
            for field in record.body.keys() {
                if (field == "codex" || field == "tenant") && table == SymbolProof::TABLE {
                    // It is then another codex's, and missing in this one.
                    continue;
                }
                let forged = match &record.body[field] {
                    serde_json::Value::Number(number) => serde_json::json!(number.as_u64().unwrap() + 1),
                    serde_json::Value::String(text) if text.contains('0') => {
                        serde_json::json!(text.replacen('0', "1", 1))
                    }
                    serde_json::Value::Array(items) if items.is_empty() => serde_json::json!([7]),
                    serde_json::Value::Array(_) => serde_json::json!([]),
                    _ => serde_json::json!("annotate"),
                };
                if forged == record.body[field] {
                    continue;
                }
                tamper(&*store, table, &record, |body| drop(body.insert(field.clone(), forged.clone())));
                let unknown_format = field == "format" && table == CodexHead::TABLE;
                let expected = match unknown_format {
                    true => ProofVerificationStatus::Unverifiable,
                    false => ProofVerificationStatus::Tampered,
                };
                assert_eq!(status(), expected, "{field} = {forged}");
                tamper(&*store, table, &record, |_| {});
            }
        }
    }
    assert_eq!(status(), ProofVerificationStatus::Verified);
}

#[test]
fn the_clause_that_does_not_follow_is_named() {
    let (store, mythos, _) = example();
    let head = records(&*store, CodexHead::TABLE).remove(0);
    let owner = owner(CodexHead::TABLE, &head);
    let cell = cells(&*store, &owner)
        .into_iter()
        .find(|cell| cell.name.as_bytes()[..] == *b"e\0\0\0\0\0\0\0\x02")
        .unwrap();
    // The change of the third event adds the clause `law`, which its list of changed clauses repeats: `tone` is there.
    let mut bytes = Vec::new();
    let mut rest = &cell.bytes[..];
    while let Some(at) = rest.windows(4).position(|window| window == b"\x63law") {
        bytes.extend_from_slice(&rest[..at]);
        bytes.extend_from_slice(b"\x64tone");
        rest = &rest[at + 4..];
    }
    bytes.extend_from_slice(rest);
    assert_eq!(bytes.len(), cell.bytes.len() + 2);
    overwrite_cell(&*store, &owner, &Cell { name: cell.name, bytes });
    let finding = mythos.codices().verify(&support()).unwrap().finding.unwrap();
    assert_eq!((finding.sequence, finding.field.as_str()), (2, "change"));
    assert_eq!(finding.clause, Some(id("tone")));
}

#[test]
fn a_head_rolled_back_before_what_is_still_stored_is_detected_and_not_built_on() {
    let (store, mythos) = in_memory();
    let codices = mythos.codices();
    codices.create(&create()).unwrap();
    let old = records(&*store, CodexHead::TABLE).remove(0);
    for text in ["50", "40", "30"] {
        codices.mutate(&replace("limit", text)).unwrap();
    }
    let new = records(&*store, CodexHead::TABLE).remove(0);
    tamper(&*store, CodexHead::TABLE, &new, |body| body.clone_from(&old.body));
    let verification = codices.verify(&support()).unwrap();
    assert_eq!(verification.proof_verification_status, ProofVerificationStatus::Tampered);
    assert_eq!(verification.finding.unwrap().field, "proof");
    assert_eq!(codices.mutate(&replace("limit", "1")).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn anything_that_lies_where_nothing_may_is_detected() {
    let (store, mythos, _) = example();
    let head = records(&*store, CodexHead::TABLE).remove(0);
    let owner = owner(CodexHead::TABLE, &head);
    let event = |sequence: u64| [b"e", &sequence.to_be_bytes()[..]].concat();
    let opening =
        |sequence: u64, number: u32| [b"o", &sequence.to_be_bytes()[..], &number.to_be_bytes()].concat();
    let state = |sequence: u64| [b"s", &sequence.to_be_bytes()[..]].concat();
    let names = [
        b"a".to_vec(),
        event(6),
        event(99),
        [event(2), vec![0]].concat(),
        opening(6, 0),
        opening(3, 77),
        [opening(3, 0), vec![1]].concat(),
        b"oo".to_vec(),
        b"p".to_vec(),
        state(0),
        state(4),
        state(7),
        b"t\0\0\0\0\0\0\0\0\0".to_vec(),
        b"t\x01\0\0\0\0\0\0\0\0".to_vec(),
        b"c\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(),
        b"c\0\0\0\0\0\0\0\x09\0\0\0\0".to_vec(),
        b"zz".to_vec(),
    ];
    let status = || mythos.codices().verify(&support()).unwrap().proof_verification_status;
    for name in names {
        // Also when it is empty.
        for bytes in [b"{}".to_vec(), Vec::new()] {
            let cell = Cell { name: CellName::new(&name).unwrap(), bytes };
            overwrite_cell(&*store, &owner, &cell);
            assert_eq!(status(), ProofVerificationStatus::Tampered, "{cell:?}");
            delete_cell(&*store, &owner, &cell);
        }
    }
    let (table, id) = (SymbolProof::TABLE, RecordId::new(b"forged").unwrap());
    let proof = records(&*store, table).into_iter().find(|r| r.body["sequence"] == 3).unwrap();
    for (sequence, moved) in [(6, false), (900, false), (3, false), (3, true)] {
        let mut body = proof.body.clone();
        body["sequence"] = sequence.into();
        let import = |id, body| RecordOp::Import { table, id, version: proof.version, body };
        let mut batch = Batch::new();
        batch.records.push(import(id, body));
        if moved {
            batch.delete(table, proof.id, proof.version);
        }
        store.commit(&batch).unwrap();
        assert_eq!(status(), ProofVerificationStatus::Tampered, "{sequence} {moved}");
        let mut batch = Batch::new();
        batch.delete(table, id, proof.version);
        if moved {
            batch.records.push(import(proof.id, proof.body.clone()));
        }
        store.commit(&batch).unwrap();
    }
    assert_eq!(mythos.codices().verify(&support()).unwrap().finding, None);
}

#[test]
fn one_codex_cannot_pass_as_another() {
    let (store, mythos) = in_memory();
    let codices = mythos.codices();
    codices.create(&create()).unwrap();
    let lax = CreateCodex { codex: "lax".parse().unwrap(), ..create() };
    codices.create(&CreateCodex { clauses: vec![clause("limit", "Refund anything.")], ..lax }).unwrap();
    let heads = records(&*store, CodexHead::TABLE);
    let (strict, lax): (Vec<_>, Vec<_>) = heads.into_iter().partition(|head| head.body["codex"] == "support");
    let (strict, lax) = (&strict[0], &lax[0]);
    let (to, from) = (owner(CodexHead::TABLE, strict), owner(CodexHead::TABLE, lax));
    // The head alone, and then with all cells.
    tamper(&*store, CodexHead::TABLE, strict, |body| body.clone_from(&lax.body));
    for step in 0..2 {
        let verification = codices.verify(&support()).unwrap();
        assert_eq!(verification.proof_verification_status, ProofVerificationStatus::Tampered, "{step}");
        for error in [
            codices.codex(&support()).unwrap_err(),
            codices.clauses(&support(), None).unwrap_err(),
            codices.trail(&support(), 0, 10).unwrap_err(),
            codices.mutate(&replace("limit", "1")).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
        for cell in cells(&*store, &to) {
            delete_cell(&*store, &to, &cell);
        }
        for cell in cells(&*store, &from) {
            overwrite_cell(&*store, &to, &cell);
        }
    }
    // Also when the head says that it is the asked one.
    tamper(&*store, CodexHead::TABLE, strict, |body| {
        body.clone_from(&lax.body);
        body["codex"] = "support".into();
    });
    let finding = codices.verify(&support()).unwrap().finding.unwrap();
    assert_eq!((finding.sequence, finding.field.as_str()), (0, "codex"));
}

#[test]
fn a_format_of_the_future_is_unverifiable_and_not_written() {
    let (store, mythos, _) = example();
    let head = records(&*store, CodexHead::TABLE).remove(0);
    tamper(&*store, CodexHead::TABLE, &head, |body| drop(body.insert("format".into(), 2.into())));
    let verification = mythos.codices().verify(&support()).unwrap();
    assert_eq!(verification.proof_verification_status, ProofVerificationStatus::Unverifiable);
    assert_eq!(mythos.codices().mutate(&replace("limit", "1")).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(records(&*store, CodexHead::TABLE)[0].body["format"], 2);
}

#[test]
fn concurrent_mutations_form_one_verified_log() {
    let (_, mythos) = in_memory();
    mythos.codices().create(&create()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let codices = mythos.codices();
            scope.spawn(move || {
                for step in 0..10 {
                    codices.mutate(&replace("tone", &format!("{thread}/{step}"))).unwrap();
                }
            });
        }
    });
    let verification = mythos.codices().verify(&support()).unwrap();
    assert_eq!((verification.events, verification.finding), (41, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The state after n mutations is the replay of the trail, and what a plain list of clauses would say.
    #[test]
    fn any_mutations_replay_to_the_state_of_a_plain_list(
        steps in prop::collection::vec((0..5_u8, 0..6_usize, 0..7_u32), 1..40),
    ) {
        let (_, mythos) = in_memory();
        let codices = mythos.codices();
        codices.create(&CreateCodex::new(support(), vec![], path(), "ana")).unwrap();
        let mut model: Vec<(String, String)> = Vec::new();
        for (number, (kind, name, position)) in steps.into_iter().enumerate() {
            let (name, text) = (format!("c{name}"), format!("text {number}"));
            let found = model.iter().position(|(clause, _)| *clause == name);
            let mutation = match kind {
                0 => Mutation::Add { clause: id(&name), text: text.clone(), position: Some(position) },
                1 => Mutation::Replace { clause: id(&name), text: text.clone() },
                2 => Mutation::Remove { clause: id(&name) },
                3 => Mutation::Annotate { clause: id(&name), note: text.clone() },
                _ => Mutation::Reorder { order: model.iter().rev().map(|(clause, _)| id(clause)).collect() },
            };
            let outcome = codices.mutate(&mutate(mutation));
            let expected = match (kind, found) {
                (0, None) if position as usize <= model.len() => {
                    model.insert(position as usize, (name, text));
                    true
                }
                (1, Some(at)) => {
                    model[at].1 = text;
                    true
                }
                (2, Some(at)) => {
                    model.remove(at);
                    true
                }
                (3, Some(_)) => true,
                (4, _) => {
                    model.reverse();
                    true
                }
                _ => false,
            };
            prop_assert_eq!(outcome.is_ok(), expected);
        }
        let expected: Vec<_> = model.into_iter().map(|(clause, text)| (clause, Some(text))).collect();
        prop_assert_eq!(texts(&mythos, None), expected);
        prop_assert_eq!(codices.verify(&support()).unwrap().finding, None);
    }
}
