use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::derive;
use super::event::{ACTOR, ACTOR_OPENING, CodexCell, FIRST_TEXT_OPENING, NOTE, REASON, REASON_OPENING, TEXT};
use super::replay::{self, CodexVerification};
use super::request::{Content, Request};
use super::state::{CodexState, CommittedText};
use super::{
    Change, Clause, CodexHead, CodexHeadState, CommittedClause, CreateCodex, Event, MutateCodex, Mutation,
    Opening, SymbolProof, TrailEntry, TrailPage,
};
use crate::error::{Error, ErrorKind, Result};
use crate::store::access::{self, Access, MAX_ATTEMPTS, Page, Stored};
use crate::store::{Batch, Cursor, Direction, Expect, MAX_CELL_BYTES, Model, Names, Query, Read};
use crate::types::{ClauseId, CodexId, Commitment, Digest, MAX_SAFE_INTEGER, OperationId, Timestamp};

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
    access: Access,
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

/// Which proofs to list; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProofFilter {
    /// Of this codex.
    pub codex: Option<CodexId>,
    /// About this clause.
    pub clause: Option<ClauseId>,
    /// Recorded at this moment or later.
    pub since: Option<Timestamp>,
    /// Recorded before this moment.
    pub before: Option<Timestamp>,
}

/// A write while it is tried: what is asked, as which operation, and when that was.
struct Write<'a> {
    request: Request<'a>,
    operation: OperationId,
    now: Timestamp,
}

/// The state that a write follows from.
struct Parent {
    sequence: u64,
    event: Digest,
    state: CodexState,
}

/// A change whose texts are committed to, and what opens them.
struct Committed {
    change: Change,
    openings: Vec<(u32, Opening)>,
}

impl CodexProofOfSymbolEngine {
    pub(crate) fn new(access: Access) -> Self {
        Self { access }
    }

    /// Begins a codex and returns the proof of its first event.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if the codex exists; [`ErrorKind::Invalid`] or [`ErrorKind::Limit`] for clauses, texts or
    /// paths out of bounds, or an operation id that was used for something else; [`ErrorKind::Unknown`] if it cannot be
    /// told whether it was made: repeat it with the same operation id.
    pub fn create(&self, create: &CreateCodex) -> Result<SymbolProof> {
        self.write(create.into())
    }

    /// Appends a mutation to a codex's log and returns its proof. Nothing is changed if this fails.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex or parent; [`ErrorKind::Invalid`] if the mutation does not
    /// apply to the parent's clauses, if there are several heads and no parent is named, or for an operation id that was
    /// used for something else; [`ErrorKind::Limit`] for texts out of bounds;
    /// [`ErrorKind::Conflict`] if other writers were always faster;
    /// [`ErrorKind::Unknown`] if it cannot be told whether it was made: repeat it with the same operation id.
    pub fn mutate(&self, mutate: &MutateCodex) -> Result<SymbolProof> {
        self.write(mutate.into())
    }

    /// The head of a codex: its length, its chain, and the root that assistants are aligned with.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex.
    pub fn codex(&self, codex: &CodexId) -> Result<CodexHead> {
        let owner = CodexHead::owner(self.access.tenant(), codex);
        let head = self.access.record::<CodexHead>(owner.id)?.ok_or_else(|| no_codex(codex))?.model;
        head.check(self.access.tenant(), codex)?;
        Ok(head)
    }

    /// Lists codices by id.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for a limit out of bounds.
    pub fn codices(&self, after: Option<Cursor>, limit: u32) -> Result<Page<CodexHead>> {
        let query = Query::new(CodexHead::TABLE).order_by("codex", Direction::Ascending);
        self.access.page(query.after(after).limit(limit))
    }

    /// The clauses of a codex with their texts, as they stand at its only head, or at the head at position `head`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex or head; [`ErrorKind::Invalid`] if there are several heads and
    /// none is named; [`ErrorKind::Corrupt`] if a stored text is not the one that was committed to.
    pub fn clauses(&self, codex: &CodexId, head: Option<u64>) -> Result<Vec<CodexClause>> {
        let state = loop {
            let record = self.codex(codex)?;
            // A head that was replaced since it was read is read again.
            if let Some(state) = self.head_state(&record, choose_head(&record, head)?)? {
                break state;
            }
        };
        let owner = || CodexHead::owner(self.access.tenant(), codex);
        let texts =
            state.clauses.iter().flat_map(|clause| std::iter::once(&clause.text).chain(&clause.notes));
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
        let clauses = state.clauses.iter().map(|clause| {
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

    /// The trail of a codex from position `from`, oldest first; `limit` is 1 to 1,000.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex; [`ErrorKind::Limit`] for a limit out of bounds;
    /// [`ErrorKind::Corrupt`] if an event cannot be read.
    pub fn trail(&self, codex: &CodexId, from: u64, limit: u32) -> Result<TrailPage> {
        if !(1..=1_000).contains(&limit) {
            return Err(Error::limit(
                "limit",
                format!("a page of a trail has 1 to 1000 entries, not {limit}"),
            ));
        }
        let head = self.codex(codex)?;
        let until = head.length.min(from.saturating_add(u64::from(limit)));
        let mut items = Vec::new();
        replay::for_each_opened_event(&self.access, codex, from, until, |bytes, openings| {
            items.push(TrailEntry::read(bytes, openings)?);
            Ok(())
        })?;
        Ok(TrailPage { items, next: (until < head.length).then_some(until) })
    }

    /// Lists proofs, newest first: by position if one codex and no time is named, otherwise by time.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] or [`ErrorKind::Invalid`] for a filter or limit out of bounds.
    pub fn list(&self, filter: &ProofFilter, after: Option<Cursor>, limit: u32) -> Result<Page<SymbolProof>> {
        let at_any_time = filter.since.is_none() && filter.before.is_none();
        let order = if filter.codex.is_some() && at_any_time { "sequence" } else { "created_at" };
        let query = Query::new(SymbolProof::TABLE)
            .order_by(order, Direction::Descending)
            .equals("codex", filter.codex.as_ref().map(CodexId::as_str))
            .equals("clause", filter.clause.as_ref().map(ClauseId::as_str))
            .created(filter.since, filter.before);
        self.access.page(query.after(after).limit(limit))
    }

    /// Verifies a codex whole: replays every event, and compares every state, digest, text and listed proof with what
    /// the replay derives. Events that are appended meanwhile are left for the next time.
    ///
    /// A writer of the database who replaces the whole log with another that is consistent in itself, or rolls the whole
    /// file back, cannot be seen from inside: keep the `mutation_trail_hash` of a proof elsewhere, and compare.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex. Damage is not an error but a finding.
    pub fn verify(&self, codex: &CodexId) -> Result<CodexVerification> {
        replay::verify(&self.access, codex)
    }

    fn write(&self, request: Request<'_>) -> Result<SymbolProof> {
        request.validate()?;
        let operation = self.access.operation(request.operation)?;
        let write = Write { request, operation, now: self.access.now() };
        let codex = request.codex;
        let owner = CodexHead::owner(self.access.tenant(), codex);
        let mut turn = None;
        for _ in 0..MAX_ATTEMPTS {
            let [head, proof] = self.access.read([
                Read::Record { table: CodexHead::TABLE, id: owner.id },
                Read::Record { table: SymbolProof::TABLE, id: operation.record_id(self.access.tenant()) },
            ])?;
            if let Some(proof) = access::stored::<SymbolProof>(proof)? {
                return self.recognise(request, proof.model);
            }
            let head = access::stored::<CodexHead>(head)?;
            if let Some(head) = &head {
                head.model.check(self.access.tenant(), codex)?;
            }
            let (parents, committed) = match (request.content, &head) {
                (Content::Create(clauses), None) => (Vec::new(), self.commit_clauses(clauses)?),
                (Content::Create(_), Some(_)) => {
                    return Err(Error::conflict(format!("codex {codex} exists already")).with_field("codex"));
                }
                (Content::Mutate(..), None) => return Err(no_codex(codex)),
                (Content::Mutate(mutation, parent), Some(head)) => {
                    let Some(parents) = self.parents(&head.model, mutation, parent)? else { continue };
                    let committed = self.commit_change(mutation, &parents)?;
                    (parents, committed)
                }
            };
            let (batch, proof) = self.stage(&write, head.as_ref(), &parents, committed)?;
            match self.access.commit(&batch) {
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    turn.get_or_insert_with(|| self.access.turn(&owner.id));
                }
                Err(error) => {
                    let attempt = format!("change codex {codex}");
                    return Err(error.while_doing(attempt).of_operation(operation));
                }
                Ok(()) => return Ok(proof),
            }
        }
        Err(Error::conflict(format!("other writers of codex {codex} were faster {MAX_ATTEMPTS} times")))
    }

    /// Stages an event: its cell, the openings, the new state, the head and the proof.
    fn stage(
        &self,
        write: &Write<'_>,
        head: Option<&Stored<CodexHead>>,
        parents: &[Parent],
        committed: Committed,
    ) -> Result<(Batch, SymbolProof)> {
        let Write { request, operation, now } = *write;
        let Committed { change, mut openings } = committed;
        let sequence = head.map_or(0, |head| head.model.length);
        if sequence >= MAX_SAFE_INTEGER {
            return Err(Error::limit("sequence", "a codex has at most 2^53 - 1 events"));
        }
        let states: Vec<_> = parents.iter().map(|parent| &parent.state).collect();
        let state = derive::apply(&change, sequence, &states)?;
        let nothing = CodexState::default();
        let actor = self.commit_text(ACTOR, request.actor, ACTOR_OPENING, &mut openings)?;
        let reason = request
            .reason
            .map(|reason| self.commit_text(REASON, reason, REASON_OPENING, &mut openings))
            .transpose()?;
        let event = Event {
            format: Event::FORMAT,
            tenant: self.access.tenant().clone(),
            codex: request.codex.clone(),
            sequence,
            parents: parents.iter().map(|parent| parent.event).collect(),
            directive_path: request.directive_path.clone(),
            clauses: derive::deltas(states.first().unwrap_or(&&nothing), &state),
            codex_before: states.first().map(|state| state.root()),
            codex_after: state.root(),
            change,
            actor,
            reason,
            evidence: request.evidence,
            operation,
            recorded_at: head.map_or(now, |head| now.max(head.model.updated_at)),
        };
        let bytes = event.to_bytes()?;
        let trail_before = head.map(|head| &head.model.mutation_trail_hash);
        let parent_sequences = parents.iter().map(|parent| parent.sequence).collect();
        let proof = SymbolProof::of(&event, Event::digest(&bytes), parent_sequences, &state, trail_before);
        let next = CodexHead::after(head.map(|head| &head.model), &proof, event.codex_after)?;

        let owner = CodexHead::owner(self.access.tenant(), request.codex);
        let mut batch = Batch::new();
        batch.put(owner.id, head.map_or(Expect::Absent, |head| Expect::At(head.version)), &next)?;
        batch.put(operation.record_id(self.access.tenant()), Expect::Absent, &proof)?;
        for old in head.iter().flat_map(|head| &head.model.heads).filter(|old| !next.heads.contains(old)) {
            batch.delete_cells(owner.clone(), Names::one(CodexCell::State(old.sequence).name()));
        }
        batch.put_cell(owner.clone(), CodexCell::Event(sequence).name(), bytes);
        batch.put_cell(owner.clone(), CodexCell::State(sequence).name(), state.to_bytes()?);
        for (number, opening) in openings {
            batch.put_cell(owner.clone(), CodexCell::Opening(sequence, number).name(), opening.to_bytes()?);
        }
        Ok((batch, proof))
    }

    /// Whether a write that finds its proof present is a repetition of the one that made it.
    fn recognise(&self, request: Request<'_>, proof: SymbolProof) -> Result<SymbolProof> {
        let mut same = false;
        if proof.tenant == *self.access.tenant() && proof.codex == *request.codex {
            let page = self.trail(&proof.codex, proof.sequence, 1)?;
            same = page.items.first().is_some_and(|entry| request.made(entry, &proof.parents));
        }
        if same {
            return Ok(proof);
        }
        let message = format!("operation {} was used for another change of a codex", proof.operation);
        Err(Error::invalid("operation", message))
    }

    /// The parents that a mutation follows from; `None` if the head was replaced meanwhile and must be read again.
    fn parents(
        &self,
        head: &CodexHead,
        mutation: &Mutation,
        parent: Option<u64>,
    ) -> Result<Option<Vec<Parent>>> {
        let first = match parent {
            Some(parent) => parent,
            None => choose_head(head, None)?.sequence,
        };
        let mut sequences = vec![first];
        if let Mutation::Merge { other, .. } = mutation {
            sequences.push(*other);
            let is_head = |sequence: &u64| head.heads.iter().any(|head| head.sequence == *sequence);
            if first == *other || !sequences.iter().all(is_head) {
                return Err(Error::invalid("other", "a merge joins two different heads"));
            }
        }
        let mut parents = Vec::new();
        for sequence in sequences {
            match self.parent(head, sequence)? {
                Some(parent) => parents.push(parent),
                None => return Ok(None),
            }
        }
        Ok(Some(parents))
    }

    fn parent(&self, head: &CodexHead, sequence: u64) -> Result<Option<Parent>> {
        if let Some(state) = head.heads.iter().find(|head| head.sequence == sequence) {
            let found = self.head_state(head, state)?;
            return Ok(found.map(|found| Parent { sequence, event: state.event, state: found }));
        }
        if sequence >= head.length {
            let message = format!("codex {} has {} events and none at {sequence}", head.codex, head.length);
            return Err(Error::not_found(message).with_field("parent"));
        }
        let (event, state) = replay::state_at(&self.access, &head.codex, sequence)?;
        Ok(Some(Parent { sequence, event, state }))
    }

    /// The stored state of a head, checked against its root; `None` if `head` is no longer the stored head record.
    fn head_state(&self, head: &CodexHead, state: &CodexHeadState) -> Result<Option<CodexState>> {
        let owner = CodexHead::owner(self.access.tenant(), &head.codex);
        let record = Read::Record { table: CodexHead::TABLE, id: owner.id };
        let names = Names::one(CodexCell::State(state.sequence).name());
        let [now, cells] =
            self.access.read([record, Read::Cells { owner, names, max_bytes: MAX_CELL_BYTES as u64 }])?;
        if access::stored::<CodexHead>(now)?.is_none_or(|now| now.model != *head) {
            return Ok(None);
        }
        let (cells, _) = access::cells(cells)?;
        let place = format!("the state of codex {} at event {}", head.codex, state.sequence);
        let Some(cell) = cells.first() else { return Err(Error::corrupt(format!("{place} is missing"))) };
        let found = CodexState::from_bytes(&cell.bytes).map_err(|error| error.while_doing(&place))?;
        let (root, expected) = (found.root(), state.codex_root);
        if root == expected {
            Ok(Some(found))
        } else {
            Err(Error::corrupt(format!("{place} is damaged: expected {expected}, found {root}")))
        }
    }

    fn commit_clauses(&self, clauses: &[Clause]) -> Result<Committed> {
        let mut openings = Vec::new();
        let clauses = clauses.iter().zip(FIRST_TEXT_OPENING..).map(|(clause, number)| {
            let text = self.commit_text(TEXT, &clause.text, number, &mut openings)?;
            Ok(CommittedClause { clause: clause.clause.clone(), text })
        });
        Ok(Committed { change: Change::Create { clauses: clauses.collect::<Result<_>>()? }, openings })
    }

    fn commit_change(&self, mutation: &Mutation, parents: &[Parent]) -> Result<Committed> {
        let mut openings = Vec::new();
        let mut commit =
            |purpose, text: &str| self.commit_text(purpose, text, FIRST_TEXT_OPENING, &mut openings);
        let change = match mutation.clone() {
            Mutation::Add { clause, text, position } => {
                let end = parents.first().map_or(0, |parent| parent.state.clauses.len());
                let position = position.unwrap_or_else(|| u32::try_from(end).unwrap_or(u32::MAX));
                Change::Add { clause, text: commit(TEXT, &text)?, position }
            }
            Mutation::Replace { clause, text } => Change::Replace { clause, text: commit(TEXT, &text)? },
            Mutation::Remove { clause } => Change::Remove { clause },
            Mutation::Reorder { order } => Change::Reorder { order },
            Mutation::Annotate { clause, note } => Change::Annotate { clause, note: commit(NOTE, &note)? },
            Mutation::Merge { take, .. } => Change::Merge { take },
        };
        Ok(Committed { change, openings })
    }

    fn commit_text(
        &self,
        purpose: &'static str,
        text: &str,
        number: u32,
        openings: &mut Vec<(u32, Opening)>,
    ) -> Result<Commitment> {
        let (commitment, opening) = Opening::commit(purpose, self.access.runtime().salt()?, text);
        openings.push((number, opening));
        Ok(commitment)
    }
}

fn no_codex(codex: &CodexId) -> Error {
    Error::not_found(format!("there is no codex {codex}")).with_field("codex")
}

fn choose_head(head: &CodexHead, sequence: Option<u64>) -> Result<&CodexHeadState> {
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
