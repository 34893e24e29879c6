//! The read model of `/codex/proof`, and alignment with a codex that changed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;

use damage::{cells, delete_cell, in_memory, overwrite_cell, owner, records, tamper};
use mythos_core::codex::{
    Clause, CodexHead, CreateCodex, DirectivePath, ErasedOpening, MutateCodex, Mutation, ProofFilter,
    ProofVerificationStatus, RedactCodex,
};
use mythos_core::store::{Cell, Model};
use mythos_core::types::{ClauseId, CodexId};
use mythos_core::view::{CodexProofFilter, CodexProofView};
use mythos_core::{ErrorKind, Mythos};

fn codex(name: &str) -> CodexId {
    name.parse().unwrap()
}

fn tone() -> ClauseId {
    "tone".parse().unwrap()
}

fn path(last: &str) -> DirectivePath {
    DirectivePath::new(["support", last]).unwrap()
}

fn create(mythos: &Mythos, name: &str) {
    let clause = Clause { clause: tone(), text: "Be kind.".into() };
    mythos.codices().create(&CreateCodex::new(codex(name), vec![clause], path("launch"), "ana")).unwrap();
}

fn replace(mythos: &Mythos, name: &str, text: &str, actor: &str, parent: Option<u64>) -> u64 {
    let mutation = Mutation::Replace { clause: tone(), text: text.into() };
    let mutate = MutateCodex { parent, ..MutateCodex::new(codex(name), mutation, path("tone"), actor) };
    mythos.codices().mutate(&mutate).unwrap().sequence
}

#[test]
fn the_log_is_filtered_by_everything_and_its_pages_join() {
    let (_, mythos) = in_memory();
    for name in ["a", "b"] {
        create(&mythos, name);
        for number in 0..20 {
            replace(&mythos, name, &number.to_string(), if number % 3 == 0 { "bob" } else { "eve" }, None);
        }
    }
    let view = CodexProofView::new(mythos.codices());
    let all = |filter: &CodexProofFilter, limit: u32| {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page = view.log(filter, after, limit).unwrap();
            assert!(page.items.len() <= limit as usize);
            rows.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return rows,
            }
        }
    };
    let proofs = ProofFilter { codex: Some(codex("a")), ..ProofFilter::default() };
    let bob = CodexProofFilter { proofs: proofs.clone(), actor: Some("bob".into()) };
    for limit in [1, 2, 5, 100] {
        let rows = all(&bob, limit);
        assert_eq!(rows.len(), 7, "{limit}");
        assert!(rows.iter().all(|row| row.actor.as_deref() == Some("bob") && row.proof.codex == codex("a")));
        assert!(rows.is_sorted_by(|a, b| a.proof.sequence > b.proof.sequence));
        assert_eq!(all(&CodexProofFilter::default(), limit).len(), 42);
    }
    let launch =
        ProofFilter { directive_prefix: vec!["support".into(), "launch".into()], ..ProofFilter::default() };
    assert_eq!(all(&CodexProofFilter { proofs: launch, actor: None }, 10).len(), 2);

    // What was erased is listed so.
    let erase = vec![ErasedOpening { sequence: 1, opening: 2 }];
    let (directive_path, actor) = (path("privacy"), "officer".to_owned());
    let (parent, reason, operation) = (None, None, None);
    mythos
        .codices()
        .redact(&RedactCodex { codex: codex("a"), erase, parent, directive_path, actor, reason, operation })
        .unwrap();
    let status = Some(ProofVerificationStatus::Redacted);
    let redacted = CodexProofFilter { proofs: ProofFilter { status, ..proofs }, actor: None };
    let rows = all(&redacted, 10);
    assert_eq!(rows.iter().map(|row| row.proof.sequence).collect::<Vec<_>>(), [1]);
    assert_eq!(mythos.codices().verify(&codex("a")).unwrap().finding, None);
}

#[test]
fn the_lineage_shows_branches_and_merges() {
    let (_, mythos) = in_memory();
    create(&mythos, "a");
    replace(&mythos, "a", "one", "ana", None);
    replace(&mythos, "a", "two", "ana", Some(0));
    let view = CodexProofView::new(mythos.codices());
    let lineage = view.lineage(&codex("a"), 0, 2).unwrap();
    assert_eq!(lineage.next, Some(2));
    assert_eq!(lineage.nodes.iter().map(|node| node.is_head).collect::<Vec<_>>(), [false, true]);
    let rest = view.lineage(&codex("a"), 2, 2).unwrap();
    assert_eq!((rest.nodes[0].parents.as_slice(), rest.nodes[0].is_head, rest.next), (&[0][..], true, None));
    assert_eq!(view.lineage(&codex("b"), 0, 1).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn one_event_is_verified_step_by_step() {
    let (store, mythos) = in_memory();
    create(&mythos, "a");
    for number in 0..5 {
        replace(&mythos, "a", &number.to_string(), "eve", None);
    }
    let view = CodexProofView::new(mythos.codices());
    let found = view.event(&codex("a"), 3).unwrap();
    assert_eq!(found.proof_verification_status, ProofVerificationStatus::Verified);
    let names: Vec<_> = found.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["event", "previous", "derivation", "openings", "inclusion"]);
    assert_eq!(found.path, [2, 1, 0]);
    let entry = found.entry.unwrap();
    let leaf = mythos_core::tlog::leaf_hash(entry.digest.as_bytes());
    found.inclusion.unwrap().verify(&leaf, &found.tree_root).unwrap();
    assert_eq!(view.event(&codex("a"), 6).unwrap_err().kind(), ErrorKind::NotFound);

    let head = records(&*store, CodexHead::TABLE).remove(0);
    let owner = owner(CodexHead::TABLE, &head);
    let stored = cells(&*store, &owner);
    let failing = |mythos: &Mythos| {
        let found = CodexProofView::new(mythos.codices()).event(&codex("a"), 3).unwrap();
        assert_eq!(found.proof_verification_status, ProofVerificationStatus::Tampered);
        found.steps.into_iter().find(|step| !step.holds).unwrap().name
    };
    let at = |kind: u8, sequence: u8, number: Option<u8>| {
        let is_it = |cell: &&Cell| {
            let name = cell.name.as_bytes();
            name[0] == kind && name[8] == sequence && number.is_none_or(|number| name[12] == number)
        };
        stored.iter().find(is_it).unwrap()
    };
    for (cell, step) in [(at(b'e', 3, None), "event"), (at(b'o', 3, Some(2)), "openings")] {
        let mut bytes = cell.bytes.clone();
        bytes[0] ^= 1;
        overwrite_cell(&*store, &owner, &Cell { name: cell.name, bytes });
        assert_eq!(failing(&mythos), step);
        overwrite_cell(&*store, &owner, cell);
    }
    delete_cell(&*store, &owner, at(b'e', 3, None));
    assert_eq!(failing(&mythos), "event");
}

#[test]
fn everything_is_verified_in_parts_also_what_cannot_be_read() {
    let (store, mythos) = in_memory();
    for limit in [0, 1_001] {
        let error = mythos.codices().verify_all(None, limit).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Limit, Some("limit")));
    }
    for name in ["a", "b", "c", "d"] {
        create(&mythos, name);
        replace(&mythos, name, "x", "eve", None);
    }
    let heads = records(&*store, CodexHead::TABLE);
    let damaged = heads.iter().find(|head| head.body["codex"] == "b").unwrap();
    tamper(&*store, CodexHead::TABLE, damaged, |body| drop(body.insert("heads".into(), "none".into())));
    let moved = heads.iter().find(|head| head.body["codex"] == "c").unwrap();
    tamper(&*store, CodexHead::TABLE, moved, |body| drop(body.insert("codex".into(), "cc".into())));
    let (mut found, mut after, mut parts) = (Vec::new(), None, 0);
    loop {
        let part = mythos.codices().verify_all(after, 3).unwrap();
        assert_eq!(part.total, 4);
        found.extend(part.verified);
        parts += 1;
        match part.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(parts, 2);
    use ProofVerificationStatus::{Tampered, Verified};
    let statuses: Vec<_> = found.iter().map(|it| (it.codex.as_str(), it.proof_verification_status)).collect();
    assert_eq!(statuses, [("a", Verified), ("b", Tampered), ("cc", Tampered), ("d", Verified)]);
}
