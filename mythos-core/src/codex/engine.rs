use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cell::CodexCell;
use super::opening::{NOTE, Opening, TEXT};
use super::read::for_each_opened_event;
use super::replay::{go_on, tail_of_length};
use super::shared::Shared;
use super::state::{CodexState, CommittedText};
use super::tail::Tail;
use super::verify::{self, CodexVerification, VerifiedCodices};
use super::write::{Written, no_codex};
use super::{
    CodexHead, CodexHeadState, CreateCodex, MutateCodex, MutationBatch, ProofFilter, SymbolProof, TrailEntry,
    TrailPage,
};
use crate::error::{Error, Result};
use crate::store::access::{Access, Page};
use crate::store::{Cursor, Direction, MAX_CELL_BYTES, Names, Query};
use crate::types::{ClauseId, CodexId, Digest};

/// How many names one read of cells lists.
const CELLS_PER_READ: usize = 500;

/// The tamper-evident log of every change to the rules.
///
/// Cheap to clone; every method may be called from any thread.
///
/// ```
/// use mythos_core::Mythos;
/// use mythos_core::codex::{Clause, CreateCodex, DirectivePath, MutateCodex, Mutation, ProofVerificationStatus};
///
/// let mythos = Mythos::in_memory();
/// let codices = mythos.codices();
/// let clause = Clause { clause: "refund-limit".parse()?, text: "Refund at most 100 EUR.".into() };
/// codices.create(&CreateCodex::new("support".parse()?, vec![clause], DirectivePath::new(["launch"])?, "ana"))?;
///
/// let change = Mutation::Replace { clause: "refund-limit".parse()?, text: "Refund at most 50 EUR.".into() };
/// let path = DirectivePath::new(["support", "refunds", "limit"])?;
/// let proof = codices.mutate(&MutateCodex::new("support".parse()?, change, path, "bob"))?;
/// assert_eq!(proof.sequence, 1);
///
/// let verification = codices.verify(&"support".parse()?)?;
/// assert_eq!(verification.proof_verification_status, ProofVerificationStatus::Verified);
/// assert_eq!(verification.mutation_trail_hash, Some(proof.mutation_trail_hash));
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CodexProofOfSymbolEngine {
    pub(super) access: Access,
    pub(super) shared: Arc<Shared>,
}

/// A clause as it stands, with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodexClause {
    /// The clause.
    pub clause: ClauseId,
    /// Its digest.
    pub digest: Digest,
    /// Its text; `None` if it was erased.
    pub text: Option<String>,
    /// Its notes, oldest first; `None` for an erased one.
    pub notes: Vec<Option<String>>,
    /// The position of the event that gave it this text.
    pub since: u64,
}

/// What a batch of mutations appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendedMutations {
    /// The position of the first event.
    pub first: u64,
    /// The digests of the events, in order.
    pub events: Vec<Digest>,
    /// The head of the codex now; of a repetition, at least with these events.
    pub head: CodexHead,
}

impl CodexProofOfSymbolEngine {
    pub(crate) const fn new(access: Access, shared: Arc<Shared>) -> Self {
        Self { access, shared }
    }

    /// Begins a codex and returns the proof of its first event.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if the codex exists;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) or [`ErrorKind::Limit`](crate::ErrorKind::Limit) for clauses,
    /// texts or paths out of bounds, or an operation id that was used for something else;
    /// [`ErrorKind::Unknown`](crate::ErrorKind::Unknown) if it cannot be told whether it was made: repeat it with the same
    /// operation id.
    pub fn create(&self, create: &CreateCodex) -> Result<SymbolProof> {
        first_proof(self.write(&create.into())?)
    }

    /// Appends a mutation to a codex's log and returns its proof. Nothing is changed if this fails.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such codex or parent;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the mutation does not apply to the parent's clauses, if there
    /// are several heads and no parent is named, or for an operation id that was used for something else;
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) for texts out of bounds;
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if other writers were always faster;
    /// [`ErrorKind::Unknown`](crate::ErrorKind::Unknown) if it cannot be told whether it was made: repeat it with the same
    /// operation id.
    pub fn mutate(&self, mutate: &MutateCodex) -> Result<SymbolProof> {
        first_proof(self.write(&mutate.into())?)
    }

    /// Appends many mutations in one commit: all of them, or none.
    ///
    /// # Errors
    /// Those of [`mutate`](Self::mutate), of the first mutation that cannot be made.
    pub fn mutate_all(&self, batch: &MutationBatch) -> Result<AppendedMutations> {
        let Written { head, events, proofs } = self.write(&batch.into())?;
        let first = proofs.first().map_or(0, |proof| proof.sequence);
        Ok(AppendedMutations { first, events, head })
    }

    /// The head of a codex: its length, its chain, and the root that assistants are aligned with.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such codex.
    pub fn codex(&self, codex: &CodexId) -> Result<CodexHead> {
        let owner = CodexHead::owner(self.access.tenant(), codex);
        let head = self.access.record::<CodexHead>(owner.id)?.ok_or_else(|| no_codex(codex))?.model;
        head.check(self.access.tenant(), codex)?;
        Ok(head)
    }

    /// Lists codices by id.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) for a limit out of bounds.
    pub fn codices(&self, after: Option<Cursor>, limit: u32) -> Result<Page<CodexHead>> {
        let query =
            Query::new(<CodexHead as crate::store::Model>::TABLE).order_by("codex", Direction::Ascending);
        self.access.page(query.after(after).limit(limit))
    }

    /// The clauses of a codex with their texts, as they stand at its only head, or at the head at position `head`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such codex or head;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if there are several heads and none is named;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a stored text is not the one that was committed to.
    pub fn clauses(&self, codex: &CodexId, head: Option<u64>) -> Result<Vec<CodexClause>> {
        let record = self.codex(codex)?;
        let chosen = choose_head(&record, head)?.sequence;
        let tail = self.tail(&record)?;
        let state = tail.state(chosen).ok_or_else(|| Error::internal("a head has no state"))?;
        self.opened(codex, state)
    }

    /// The trail of a codex from position `from`, oldest first; `limit` is 1 to 1,000.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such codex;
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) for a limit out of bounds;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if an event cannot be read.
    pub fn trail(&self, codex: &CodexId, from: u64, limit: u32) -> Result<TrailPage> {
        if !(1..=1_000).contains(&limit) {
            return Err(Error::limit(
                "limit",
                format!("a page of a trail has 1 to 1000 entries, not {limit}"),
            ));
        }
        let head = self.codex(codex)?;
        let until = head.length.min(from.saturating_add(u64::from(limit)));
        let items = self.trail_entries(codex, from, until.saturating_sub(from))?;
        Ok(TrailPage { items, next: (until < head.length).then_some(until) })
    }

    /// Lists proofs, newest first: by position if one codex and no time is named, otherwise by time.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) or [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a filter or
    /// limit out of bounds.
    pub fn list(&self, filter: &ProofFilter, after: Option<Cursor>, limit: u32) -> Result<Page<SymbolProof>> {
        self.access.page(filter.query()?.after(after).limit(limit))
    }

    /// Verifies a codex whole: replays every event, and compares every state, digest, text, tile, checkpoint and listed
    /// proof with what the replay derives. Events that are appended meanwhile are left for the next time.
    ///
    /// Snapshots and checkpoints other than the newest may be missing: they are there for speed, and for those who signed
    /// them. A writer of the database who replaces the whole log with another that is consistent in itself, or rolls the whole
    /// file back, cannot be seen from inside: see [`verify_against`](Self::verify_against).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such codex. Damage is not an error but a finding.
    pub fn verify(&self, codex: &CodexId) -> Result<CodexVerification> {
        verify::verify(self, codex)
    }

    /// Verifies the next codices, each [whole](Self::verify) before the next is begun: at most `limit` (1 to 1,000) of them, by id. `after` is the
    /// `next` of the part before; `total` and what was verified so far tell how far it is.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) for a limit out of bounds. Damage is not an error but a finding, also
    /// of a head that cannot be read.
    pub fn verify_all(&self, after: Option<Cursor>, limit: u32) -> Result<VerifiedCodices> {
        verify::verify_all(self, after, limit)
    }

    /// The end of the log that a head record tells of.
    pub(super) fn tail(&self, head: &CodexHead) -> Result<Arc<Tail>> {
        let id = CodexHead::owner(&head.tenant, &head.codex).id;
        // Whatever the head says of the log is compared, also with a tail from memory.
        let is_of = |tail: &Tail| {
            tail.last() == Some(head.mutation_trail_hash)
                && tail.length() == head.length
                && tail.edge().root() == head.tree_root
                && tail.heads() == head.heads
        };
        let known = self.shared.tails.get(&id);
        if let Some(tail) = known.clone().filter(|tail| is_of(tail)) {
            return Ok(tail);
        }
        let go_on_from_known = |known: Arc<Tail>| {
            if known.length() >= head.length {
                return None;
            }
            // What another process appended follows from what this one knows, or else it is read from the beginning.
            go_on(&self.access, &head.codex, Tail::clone(&known), head.length).ok().filter(|tail| is_of(tail))
        };
        let tail = match known.and_then(go_on_from_known) {
            Some(tail) => tail,
            None => tail_of_length(&self.access, &head.codex, head.length)?,
        };
        if !is_of(&tail) {
            let message = format!("the log of codex {} does not lead to its head", head.codex);
            return Err(Error::corrupt(message));
        }
        let tail = Arc::new(tail);
        self.shared.tails.insert(id, Arc::clone(&tail));
        Ok(tail)
    }

    /// So many entries of a trail from position `from`.
    pub(super) fn trail_entries(&self, codex: &CodexId, from: u64, count: u64) -> Result<Vec<TrailEntry>> {
        let mut items = Vec::new();
        for_each_opened_event(&self.access, codex, from, from.saturating_add(count), |bytes, openings| {
            items.push(TrailEntry::read(bytes, openings)?);
            Ok(())
        })?;
        Ok(items)
    }

    /// The clauses of a state with their texts.
    pub(super) fn opened(&self, codex: &CodexId, state: &CodexState) -> Result<Vec<CodexClause>> {
        let owner = || CodexHead::owner(self.access.tenant(), codex);
        let texts =
            state.clauses().iter().flat_map(|clause| std::iter::once(&clause.text).chain(&clause.notes));
        let names =
            texts.map(|text| CodexCell::Opening(text.sequence, text.opening).name()).collect::<Vec<_>>();
        let mut openings = BTreeMap::new();
        for names in names.chunks(CELLS_PER_READ) {
            // A thousand texts of 1 MiB would not fit one answer: whatever did not come is asked for again.
            let mut names = names.to_vec();
            while !names.is_empty() {
                let (cells, more) = self.access.cells(
                    owner(),
                    Names::These { names: names.clone() },
                    MAX_CELL_BYTES as u64,
                )?;
                let last = cells.iter().map(|cell| cell.name).max();
                names.retain(|name| more && last.is_some_and(|last| *name > last));
                for cell in cells {
                    openings.insert(cell.name, Opening::from_bytes(&cell.bytes)?);
                }
            }
        }
        let text_of = |purpose: &str, text: &CommittedText| {
            let name = CodexCell::Opening(text.sequence, text.opening).name();
            let Some(opening) = openings.get(&name) else { return Ok(None) };
            if opening.opens(purpose, &text.commitment) {
                Ok(Some(opening.value.clone()))
            } else {
                let message = format!("the {purpose} of event {} of codex {codex}", text.sequence);
                Err(Error::corrupt(format!("{message} does not open its commitment {}", text.commitment)))
            }
        };
        let clauses = state.clauses().iter().map(|clause| {
            Ok(CodexClause {
                clause: clause.clause.clone(),
                digest: clause.digest(),
                text: text_of(TEXT, &clause.text)?,
                notes: clause.notes.iter().map(|note| text_of(NOTE, note)).collect::<Result<_>>()?,
                since: clause.text.sequence,
            })
        });
        clauses.collect()
    }
}

pub(super) fn first_proof(written: Written) -> Result<SymbolProof> {
    written.proofs.into_iter().next().ok_or_else(|| Error::internal("a write has no proof"))
}

pub(super) fn choose_head(head: &CodexHead, sequence: Option<u64>) -> Result<&CodexHeadState> {
    match (sequence, head.heads.as_slice()) {
        (None, [only]) => Ok(only),
        (None, heads) => {
            let message = format!("codex {} has {} heads: name one", head.codex, heads.len());
            Err(Error::invalid("parent", message))
        }
        (Some(sequence), heads) => {
            let message = format!("codex {} has no head at event {sequence}", head.codex);
            heads.iter().find(|head| head.sequence == sequence).ok_or_else(|| Error::not_found(message))
        }
    }
}
