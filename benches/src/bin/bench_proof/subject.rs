//! The log that is measured: a codex of fifty clauses whose texts are replaced one after the other.

use mythos_core::Mythos;
use mythos_core::codex::{
    Clause, CreateCodex, DirectedMutation, DirectivePath, Listing, Mutation, MutationBatch,
};
use mythos_core::types::CodexId;

/// The clauses of the codex.
pub(crate) const CLAUSES: u64 = 50;

pub(crate) fn codex() -> CodexId {
    "support".parse().expect("a name")
}

fn path() -> DirectivePath {
    DirectivePath::new(["support", "refunds", "limit"]).expect("a path")
}

/// Begins the codex.
pub(crate) fn create(mythos: &Mythos, codex: CodexId) {
    let clause = |number: u64| Clause {
        clause: format!("clause-{number}").parse().expect("a name"),
        text: format!("Rule {number} as it was first written."),
    };
    let create = CreateCodex::new(codex, (0..CLAUSES).map(clause).collect(), path(), "ana");
    mythos.codices().create(&create).expect("the codex is new");
}

/// So many mutations.
pub(crate) fn batch(codex: CodexId, from: u64, count: u64, listing: Listing) -> MutationBatch {
    let directed = |number: u64| DirectedMutation {
        mutation: Mutation::Replace {
            clause: format!("clause-{}", number % CLAUSES).parse().expect("a name"),
            text: format!("Rule {} in its version {number}, which is not long.", number % CLAUSES),
        },
        directive_path: path(),
        actor: "ana".to_owned(),
        reason: None,
        evidence: None,
    };
    MutationBatch { codex, mutations: (from..from + count).map(directed).collect(), listing, operation: None }
}

/// Appends until the codex has `events`.
pub(crate) fn fill(mythos: &Mythos, events: u64) {
    create(mythos, codex());
    let mut next = 1;
    while next < events {
        let count = (events - next).min(4_096);
        let batch = batch(codex(), next, count, Listing::Later);
        mythos.codices().mutate_all(&batch).expect("the mutations apply");
        next += count;
    }
}
