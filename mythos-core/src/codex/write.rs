//! Appending events.

use std::sync::Arc;

use super::cell::CodexCell;
use super::engine::first_proof;
use super::event::{Change, CommittedClause};
use super::opening::{ACTOR, ACTOR_OPENING, FIRST_TEXT_OPENING, NOTE, Opening, REASON, REASON_OPENING, TEXT};
use super::replay::state_at;
use super::request::{Content, Item, Request};
use super::tail::{NewEvent, Tail};
use super::{CodexHead, CodexProofOfSymbolEngine, Listing, MutateCodex, Mutation, SymbolProof};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{MAX_LEVELS, TILE_WIDTH, tile_name};
use crate::store::access::{self, MAX_ATTEMPTS, Stored};
use crate::store::{Batch, Expect, Model, Names, Read};
use crate::types::{CodexId, Commitment, Digest, OperationId, Salt, Timestamp};

/// What a write appended.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) head: CodexHead,
    /// The digests of the new events, which are the last.
    pub(crate) events: Vec<Digest>,
    /// The proofs that were listed; that of the first event always.
    pub(crate) proofs: Vec<SymbolProof>,
}

/// A change whose texts are committed to.
struct Committed {
    change: Change,
    actor: Commitment,
    reason: Option<Commitment>,
}

/// What another service commits together with events.
pub(crate) struct Beside<'a> {
    /// The end of the log that it decided on: nothing is written behind another one.
    pub(crate) after: Digest,
    /// Puts more into the batch, given the position of the first event.
    pub(crate) stage: &'a mut dyn FnMut(&mut Batch, u64) -> Result<()>,
}

/// What a write finds.
enum Found {
    /// It was made before.
    Made(Box<Written>),
    /// The codex's head, if there is a codex.
    Head(Option<Stored<CodexHead>>),
}

impl CodexProofOfSymbolEngine {
    pub(super) fn write(&self, request: &Request<'_>) -> Result<Written> {
        request.validate()?;
        request.validate_keys(&self.origin(request.codex))?;
        let operation = self.access.operation(request.operation)?;
        let now = self.access.now();
        let codex = request.codex;
        let owner = CodexHead::owner(self.access.tenant(), codex);
        let mut turn = None;
        for _ in 0..MAX_ATTEMPTS {
            let head = match self.find(request, operation)? {
                Found::Made(written) => return Ok(*written),
                Found::Head(head) => head,
            };
            let is_create = matches!(request.items.first(), Some(Item { content: Content::Create(_), .. }));
            let tail = match (&head, is_create) {
                (None, true) => Tail::new(self.access.tenant().clone(), codex.clone()),
                (Some(head), false) => Tail::clone(&*self.tail(&head.model)?),
                (Some(_), true) => {
                    return Err(Error::conflict(format!("codex {codex} exists already")).with_field("codex"));
                }
                (None, false) => return Err(no_codex(codex)),
            };
            let (batch, written, tail) = self.stage(request, operation, now, head.as_ref(), tail)?;
            if self.commit_or_lose(codex, operation, batch, tail)? {
                return Ok(written);
            }
            turn.get_or_insert_with(|| self.access.turn(&owner.id));
        }
        Err(Error::conflict(format!("other writers of codex {codex} were faster {MAX_ATTEMPTS} times")))
    }

    /// Appends a mutation together with what another service puts into the same batch, and returns its proof; or `None` if
    /// that service has to decide anew, since the log ends elsewhere or something that it expected does not hold.
    ///
    /// # Errors
    /// As [`mutate`](Self::mutate).
    pub(crate) fn mutate_beside(
        &self,
        mutate: &MutateCodex,
        operation: OperationId,
        beside: Beside<'_>,
    ) -> Result<Option<SymbolProof>> {
        let request: Request<'_> = mutate.into();
        request.validate()?;
        request.validate_keys(&self.origin(request.codex))?;
        let head = match self.find(&request, operation)? {
            Found::Made(written) => return first_proof(*written).map(Some),
            Found::Head(head) => head.ok_or_else(|| no_codex(request.codex))?,
        };
        if head.model.mutation_trail_hash != beside.after {
            return Ok(None);
        }
        let (now, tail) = (self.access.now(), Tail::clone(&*self.tail(&head.model)?));
        let first = tail.length();
        let (mut batch, written, tail) = self.stage(&request, operation, now, Some(&head), tail)?;
        (beside.stage)(&mut batch, first)?;
        match self.commit_or_lose(request.codex, operation, batch, tail)? {
            true => first_proof(written).map(Some),
            false => Ok(None),
        }
    }

    /// The digest of the evidence of the event that an operation appended to a codex; the outer `None` if it appended none.
    pub(crate) fn evidence_of(
        &self,
        codex: &CodexId,
        operation: OperationId,
    ) -> Result<Option<Option<Digest>>> {
        let id = operation.record_id(self.access.tenant());
        let Some(proof) = self.access.record::<SymbolProof>(id)? else { return Ok(None) };
        if proof.model.codex != *codex {
            return Err(used_otherwise(operation));
        }
        Ok(Some(self.event(codex, proof.model.sequence)?.0.evidence))
    }

    /// The head of the codex, or what the operation wrote.
    fn find(&self, request: &Request<'_>, operation: OperationId) -> Result<Found> {
        let (tenant, codex) = (self.access.tenant(), request.codex);
        let [head, proof] = self.access.read([
            Read::Record { table: CodexHead::TABLE, id: CodexHead::owner(tenant, codex).id },
            Read::Record { table: SymbolProof::TABLE, id: operation.record_id(tenant) },
        ])?;
        let head = access::stored::<CodexHead>(head)?;
        if let Some(proof) = access::stored::<SymbolProof>(proof)? {
            return self.recognise(request, proof.model).map(|written| Found::Made(Box::new(written)));
        }
        if let Some(head) = &head {
            head.model.check(tenant, codex)?;
        }
        Ok(Found::Head(head))
    }

    /// Commits a batch that appends to a codex; `false` if another writer was faster.
    fn commit_or_lose(
        &self,
        codex: &CodexId,
        operation: OperationId,
        batch: Batch,
        tail: Tail,
    ) -> Result<bool> {
        match self.access.commit(batch) {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(error) => {
                let attempt = format!("change codex {codex}");
                Err(error.while_doing(attempt).of_operation(operation))
            }
            Ok(()) => {
                let owner = CodexHead::owner(self.access.tenant(), codex);
                self.shared.tails.insert(owner.id, Arc::new(tail));
                Ok(true)
            }
        }
    }

    /// Stages events: their cells, the openings, full tiles, the head and the proofs.
    fn stage(
        &self,
        request: &Request<'_>,
        operation: OperationId,
        now: Timestamp,
        head: Option<&Stored<CodexHead>>,
        mut tail: Tail,
    ) -> Result<(Batch, Written, Tail)> {
        let (tenant, codex) = (self.access.tenant(), request.codex);
        let owner = CodexHead::owner(tenant, codex);
        let first = tail.length();
        let commitments: usize = request.items.iter().map(Item::commitments).sum();
        let mut salt = self.access.runtime().salts()?;
        let (mut batch, mut full) = (Batch::new(), Vec::new());
        // Beside these there may be a full tile of every level for so many events, and a snapshot.
        let others = request.items.len() / (TILE_WIDTH / 2) + MAX_LEVELS + 1;
        batch.cells.reserve(commitments + request.items.len() + others);
        let (mut events, mut proofs) = (Vec::with_capacity(request.items.len()), Vec::new());
        for (item, number) in request.items.iter().zip(0..) {
            let parents = parents(&tail, head.map(|head| &head.model), item.content)?;
            let mut older = |sequence: u64| Ok(state_at(&self.access, codex, sequence)?.1);
            let end = || match parents.first().map(|parent| (parent, tail.state(*parent))) {
                Some((_, Some(state))) => Ok(state.clauses().len() as u32),
                Some((parent, None)) => Ok(older(*parent)?.clauses().len() as u32),
                None => Ok(0),
            };
            let length = tail.length();
            let mut open = |number, opening| {
                batch.put_cell(owner.clone(), CodexCell::Opening(length, number).name(), opening);
            };
            let Committed { change, actor, reason } = commit(item, &mut salt, &mut open, end)?;
            let (directive_path, evidence) = (item.directive_path, item.evidence);
            let new = NewEvent { parents, directive_path, change, actor, reason, evidence, operation, now };
            let appended = tail.append(new, &mut full, &mut older)?;
            let sequence = appended.event.sequence;
            if (number == 0 || request.listing == Listing::Now)
                && let Some(state) = tail.state(sequence)
            {
                let proof = SymbolProof::of(&appended.event, appended.digest, state, false);
                batch.put(SymbolProof::record_id(tenant, &operation, number), Expect::Absent, &proof)?;
                proofs.push(proof);
            }
            if let Change::Redact { erased } = &appended.event.change {
                self.mark_redacted(&mut batch, codex, erased)?;
                let names = erased.iter().map(|erased| erased.name()).collect();
                batch.delete_cells(owner.clone(), Names::These { names });
            }
            events.push(appended.digest);
            batch.put_cell(owner.clone(), CodexCell::Event(sequence).name(), appended.bytes);
        }
        for tile in full {
            batch.put_cell(owner.clone(), tile_name(tile.level, tile.index), tile.bytes);
        }
        if let Some(snapshot) = tail.snapshot_if_due()? {
            batch.put_cell(owner.clone(), CodexCell::Snapshot(tail.length()).name(), snapshot);
        }
        let before = head.map(|head| &head.model);
        let mut next = CodexHead::of(&tail, tenant, codex, before)?;
        if request.listing == Listing::Now && next.listed == first {
            next.listed = next.length;
        }
        batch.put(owner.id, head.map_or(Expect::Absent, |head| Expect::At(head.version)), &next)?;
        Ok((batch, Written { head: next, events, proofs }, tail))
    }

    /// Whether a write that finds its proof present is a repetition of the one that made it.
    fn recognise(&self, request: &Request<'_>, proof: SymbolProof) -> Result<Written> {
        if proof.tenant == *self.access.tenant() && proof.codex == *request.codex {
            // One more than were asked for: an operation that appended more is another.
            let head = self.codex(request.codex)?;
            let count = (request.items.len() as u64 + 1).min(head.length.saturating_sub(proof.sequence));
            let mut entries = self.trail_entries(&proof.codex, proof.sequence, count)?;
            let own = entries.iter().take_while(|entry| entry.event.operation == proof.operation).count();
            entries.truncate(own);
            if request.made(&entries) {
                let events = entries.iter().map(|entry| entry.digest).collect();
                return Ok(Written { head, events, proofs: vec![proof] });
            }
        }
        Err(used_otherwise(proof.operation))
    }
}

fn used_otherwise(operation: OperationId) -> Error {
    Error::invalid("operation", format!("operation {operation} was used for another change of a codex"))
}

pub(super) fn no_codex(codex: &CodexId) -> Error {
    Error::not_found(format!("there is no codex {codex}")).with_field("codex")
}

/// The positions of the events that a write follows from.
fn parents(tail: &Tail, head: Option<&CodexHead>, content: Content<'_>) -> Result<Vec<u64>> {
    let (mutation, parent) = match content {
        Content::Create(_) => return Ok(Vec::new()),
        Content::Mutate(mutation, parent) => (Some(mutation), parent),
        Content::Redact(_, parent) => (None, parent),
    };
    let is_head = |sequence: u64| tail.state(sequence).is_some();
    let first = match parent {
        Some(parent) if parent >= tail.length() => {
            let codex = head.map_or_else(String::new, |head| head.codex.to_string());
            let message = format!("codex {codex} has {} events and none at {parent}", tail.length());
            return Err(Error::not_found(message).with_field("parent"));
        }
        Some(parent) => parent,
        None => {
            let mut heads = tail.head_positions();
            match (heads.next(), heads.next()) {
                (Some(only), None) => only,
                _ => return Err(Error::invalid("parent", "the codex has several heads: name one")),
            }
        }
    };
    match mutation {
        Some(Mutation::Merge { other, .. }) => {
            if first == *other || !is_head(first) || !is_head(*other) {
                return Err(Error::invalid("other", "a merge joins two different heads"));
            }
            Ok(vec![first, *other])
        }
        _ => Ok(vec![first]),
    }
}

/// Commits to the texts of a change. `open` takes the number and the bytes of what opens each; `end` gives the place
/// behind all clauses of the parent.
fn commit(
    item: &Item<'_>,
    salt: &mut impl FnMut() -> Salt,
    open: &mut impl FnMut(u32, Vec<u8>),
    end: impl FnOnce() -> Result<u32>,
) -> Result<Committed> {
    let mut commit = |purpose: &'static str, number: u32, text: &str| {
        let (commitment, opening) = Opening::commit(purpose, salt(), text);
        open(number, opening);
        commitment
    };
    let actor = commit(ACTOR, ACTOR_OPENING, item.actor);
    let reason = item.reason.map(|reason| commit(REASON, REASON_OPENING, reason));
    let change = match item.content {
        Content::Create(clauses) => {
            let clauses = clauses.iter().zip(FIRST_TEXT_OPENING..).map(|(clause, number)| {
                let text = commit(TEXT, number, &clause.text);
                CommittedClause { clause: clause.clause.clone(), text }
            });
            Change::Create { clauses: clauses.collect() }
        }
        Content::Redact(erase, _) => {
            let mut erased = erase.to_vec();
            erased.sort_unstable();
            Change::Redact { erased }
        }
        Content::Mutate(mutation, _) => {
            let mut commit = |purpose, text: &str| commit(purpose, FIRST_TEXT_OPENING, text);
            match mutation {
                Mutation::Add { clause, text, position } => {
                    let position = position.map_or_else(end, Ok)?;
                    Change::Add { clause: clause.clone(), text: commit(TEXT, text), position }
                }
                Mutation::Replace { clause, text } => {
                    Change::Replace { clause: clause.clone(), text: commit(TEXT, text) }
                }
                Mutation::Remove { clause } => Change::Remove { clause: clause.clone() },
                Mutation::Reorder { order } => Change::Reorder { order: order.clone() },
                Mutation::Annotate { clause, note } => {
                    Change::Annotate { clause: clause.clone(), note: commit(NOTE, note) }
                }
                Mutation::Merge { take, .. } => Change::Merge { take: take.clone() },
                Mutation::Authorize { key } => Change::Authorize { key: key.clone() },
                Mutation::Revoke { key } => Change::Revoke { key: key.clone() },
            }
        }
    };
    Ok(Committed { change, actor, reason })
}
