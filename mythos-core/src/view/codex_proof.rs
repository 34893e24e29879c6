//! The read model of `/codex/proof`: the log of proofs, how a codex came to be, and whether it can be believed.

use serde::{Deserialize, Serialize};

use crate::codex::{
    ChangeKind, CodexHead, CodexProofOfSymbolEngine, CodexVerification, DirectivePath, EventVerification,
    ProofFilter, SymbolProof, VerifiedCodices,
};
use crate::error::{Error, Result};
use crate::store::{Cursor, Page};
use crate::types::{ClauseId, CodexId, Digest, Timestamp};

/// What a page at `/codex/proof` shows. Every answer is bounded.
///
/// ```
/// use mythos_core::Mythos;
/// use mythos_core::codex::{CreateCodex, DirectivePath};
/// use mythos_core::view::{CodexProofFilter, CodexProofView};
///
/// let mythos = Mythos::in_memory();
/// let path = DirectivePath::new(["launch"])?;
/// mythos.codices().create(&CreateCodex::new("support".parse()?, vec![], path, "ana"))?;
///
/// let view = CodexProofView::new(mythos.codices());
/// let filter = CodexProofFilter { actor: Some("ana".into()), ..CodexProofFilter::default() };
/// assert_eq!(view.log(&filter, None, 10)?.items.len(), 1);
/// assert!(view.event(&"support".parse()?, 0)?.steps.iter().all(|step| step.holds));
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CodexProofView {
    codices: CodexProofOfSymbolEngine,
}

/// Which proofs to show; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CodexProofFilter {
    /// What is found by the listed proofs.
    pub proofs: ProofFilter,
    /// Made by this actor. Proofs name nobody, so that an actor can be erased: what the others let through is opened and
    /// compared, at most [`CodexProofView::MAX_OPENED`] for a page.
    pub actor: Option<String>,
}

/// A proof with what is open of its event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodexProofRow {
    /// The proof.
    pub proof: SymbolProof,
    /// Who made the change; `None` if it was erased.
    pub actor: Option<String>,
    /// Why; `None` if no reason was given or it was erased.
    pub reason: Option<String>,
}

/// A part of the graph of a codex's events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodexLineage {
    /// The head of the codex.
    pub head: CodexHead,
    /// The events, oldest first. Each has an edge from every parent.
    pub nodes: Vec<LineageNode>,
    /// The position of the next event; `None` at the end.
    pub next: Option<u64>,
}

/// An event in the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageNode {
    /// Its position.
    pub sequence: u64,
    /// Its digest.
    pub event: Digest,
    /// The positions of the events that it follows from: two for a merge.
    pub parents: Vec<u64>,
    /// What it does.
    pub change: ChangeKind,
    /// The clause that it is about, if it is one.
    pub clause: Option<ClauseId>,
    /// The directives that led to it.
    pub directive_path: DirectivePath,
    /// The root that it leaves.
    pub codex_root: Digest,
    /// Whether no other event follows from it.
    pub is_head: bool,
    /// When.
    pub recorded_at: Timestamp,
}

impl CodexProofView {
    /// The most events that are opened for one page of an actor's proofs.
    pub const MAX_OPENED: usize = 10_000;

    /// The view of an engine, for one tenant.
    #[must_use]
    pub const fn new(codices: CodexProofOfSymbolEngine) -> Self {
        Self { codices }
    }

    /// One page of proofs, newest first, with their actors and reasons. With an actor, a page may have fewer than `limit`
    /// although there are more: go on while there is a `next`.
    ///
    /// # Errors
    /// Those of [`CodexProofOfSymbolEngine::list`]; [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if an event cannot be
    /// read.
    pub fn log(
        &self,
        filter: &CodexProofFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<CodexProofRow>> {
        let (mut items, mut after, mut opened) = (Vec::new(), after, 0);
        loop {
            // No more than still fits, so that a page ends where the listing goes on.
            let room = limit.saturating_sub(items.len() as u32);
            let page = self.codices.list(&filter.proofs, after, room)?;
            for proof in page.items {
                let mut trail = self.codices.trail(&proof.codex, proof.sequence, 1)?.items;
                let entry = trail.pop().ok_or_else(|| Error::corrupt("a proof is listed of no event"))?;
                opened += 1;
                if filter.actor.is_none() || entry.actor == filter.actor {
                    items.push(CodexProofRow { proof, actor: entry.actor, reason: entry.reason });
                }
            }
            if page.next.is_none() || items.len() == limit as usize || opened >= Self::MAX_OPENED {
                return Ok(Page { items, next: page.next });
            }
            after = page.next;
        }
    }

    /// Codices by id: see [`CodexProofOfSymbolEngine::codices`].
    ///
    /// # Errors
    /// Those of [`CodexProofOfSymbolEngine::codices`].
    pub fn codices(&self, after: Option<Cursor>, limit: u32) -> Result<Page<CodexHead>> {
        self.codices.codices(after, limit)
    }

    /// The graph of a codex's events from position `from`, with branches and merges; `limit` is 1 to 1,000.
    ///
    /// # Errors
    /// Those of [`CodexProofOfSymbolEngine::trail`].
    pub fn lineage(&self, codex: &CodexId, from: u64, limit: u32) -> Result<CodexLineage> {
        let head = self.codices.codex(codex)?;
        let page = self.codices.trail(codex, from, limit)?;
        let nodes = page.items.into_iter().map(|entry| LineageNode {
            sequence: entry.event.sequence,
            event: entry.digest,
            parents: entry.event.parents,
            change: entry.event.change.kind(),
            clause: entry.event.change.clause().cloned(),
            directive_path: entry.event.directive_path,
            codex_root: entry.event.codex_after,
            is_head: head.heads.iter().any(|head| head.sequence == entry.event.sequence),
            recorded_at: entry.event.recorded_at,
        });
        Ok(CodexLineage { nodes: nodes.collect(), next: page.next, head })
    }

    /// Everything that speaks for one event: see [`CodexProofOfSymbolEngine::verify_event`].
    ///
    /// # Errors
    /// Those of [`CodexProofOfSymbolEngine::verify_event`].
    pub fn event(&self, codex: &CodexId, sequence: u64) -> Result<EventVerification> {
        self.codices.verify_event(codex, sequence)
    }

    /// Verifies one codex: see [`CodexProofOfSymbolEngine::verify`].
    ///
    /// # Errors
    /// Those of [`CodexProofOfSymbolEngine::verify`].
    pub fn verify(&self, codex: &CodexId) -> Result<CodexVerification> {
        self.codices.verify(codex)
    }

    /// Verifies the next codices, with progress: see [`CodexProofOfSymbolEngine::verify_all`].
    ///
    /// # Errors
    /// Those of [`CodexProofOfSymbolEngine::verify_all`].
    pub fn verify_all(&self, after: Option<Cursor>, limit: u32) -> Result<VerifiedCodices> {
        self.codices.verify_all(after, limit)
    }
}
