//! The past of a codex: what it said at any moment, what changed between two, and where a clause comes from.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::cell::CodexCell;
use super::event::{ChangeKind, Event};
use super::replay::state_at;
use super::state::{CodexState, CommittedText};
use super::write::no_codex;
use super::{CodexClause, CodexHead, CodexProofOfSymbolEngine, DirectivePath, SymbolProof};
use crate::error::{Error, ErrorKind, Result};
use crate::store::access::MAX_ATTEMPTS;
use crate::store::{Batch, Expect, MAX_CELL_BYTES, Model, Names, Read};
use crate::types::{ClauseId, CodexId, Digest, Timestamp};

/// A moment in the history of a codex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "at", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Moment {
    /// After the event at this position.
    Sequence(u64),
    /// After the last event that a checkpoint of this size speaks of.
    Checkpoint(u64),
    /// After the last event recorded at this time or before.
    Time(Timestamp),
}

/// What a codex said at some moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodexAt {
    /// The codex.
    pub codex: CodexId,
    /// The position of the event that left it so.
    pub sequence: u64,
    /// The event's digest.
    pub event: Digest,
    /// The root of the state.
    pub codex_root: Digest,
    /// The symbolic checksum of the state.
    pub symbolic_checksum: String,
    /// The clauses, in order, with their texts.
    pub clauses: Vec<CodexClause>,
}

/// How a clause differs between two moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClauseDifference {
    /// The clause.
    pub clause: ClauseId,
    /// How.
    pub kind: DifferenceKind,
    /// The clause before; `None` if it was not there.
    pub before: Option<CodexClause>,
    /// Its place before, from 0.
    pub position_before: Option<u32>,
    /// The clause after; `None` if it is gone.
    pub after: Option<CodexClause>,
    /// Its place after, from 0.
    pub position_after: Option<u32>,
}

/// In what way a clause differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DifferenceKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else, whatever else changed.
    Replaced,
    /// It got notes.
    Annotated,
    /// It stands elsewhere among those that are in both.
    Moved,
}

/// How a clause changed, without what it says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClauseChange {
    /// The clause.
    pub clause: ClauseId,
    /// In what way.
    pub kind: DifferenceKind,
}

impl DifferenceKind {
    /// Whether who worked under the old clauses broke none of the new: none was replaced or removed.
    #[must_use]
    pub const fn is_compatible(self) -> bool {
        matches!(self, Self::Added | Self::Annotated | Self::Moved)
    }
}

/// Where what a clause says comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blame {
    /// The clause.
    pub clause: ClauseId,
    /// Its digest.
    pub digest: Digest,
    /// The event that gave it its text.
    pub text: Origin,
    /// The events that gave it its notes, oldest first.
    pub notes: Vec<Origin>,
}

/// The event that a text comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The event's position.
    pub sequence: u64,
    /// The event's digest.
    pub event: Digest,
    /// What the event did.
    pub change: ChangeKind,
    /// The directives that led to it.
    pub directive_path: DirectivePath,
    /// Who made the change; `None` if it was erased.
    pub actor: Option<String>,
    /// Why; `None` if no reason was given or it was erased.
    pub reason: Option<String>,
    /// The text that it brought; `None` if it was erased.
    pub text: Option<String>,
    /// When.
    pub recorded_at: Timestamp,
}

/// What changed in a codex since some event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangesSince {
    /// The event's position.
    pub(crate) since: u64,
    /// The clauses that differ.
    pub(crate) changes: Vec<ClauseChange>,
    /// Whether every event that led from there to the head, and changes what a clause says, names evidence.
    pub(crate) has_evidence: bool,
}

/// What an event follows from, and whether it changes what a clause says without evidence.
struct Ancestry {
    parents: Vec<u64>,
    lacks_evidence: bool,
}

/// Whether an event changes what a clause says, and names no evidence. A merge does if it leaves a clause as another parent
/// than its first had it: that may be an older text.
fn lacks_evidence(event: &Event) -> bool {
    let changes = match event.change.kind() {
        ChangeKind::Add | ChangeKind::Replace | ChangeKind::Remove => true,
        ChangeKind::Create | ChangeKind::Merge => !event.clauses.is_empty(),
        ChangeKind::Reorder
        | ChangeKind::Annotate
        | ChangeKind::Redact
        | ChangeKind::Authorize
        | ChangeKind::Revoke => false,
    };
    changes && event.evidence.is_none()
}

/// Whether no event lacks evidence that the one at `head` follows from, or is, and the one at `since` does not.
fn has_evidence(events: &[Ancestry], since: u64, head: u64) -> bool {
    let mut known = vec![false; events.len()];
    let mut walk = |from: u64, found: &mut dyn FnMut(&Ancestry)| {
        let mut left = vec![from];
        while let Some(at) = left.pop() {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            if let (Some(event), Some(known)) = (events.get(at), known.get_mut(at))
                && !std::mem::replace(known, true)
            {
                found(event);
                left.extend(&event.parents);
            }
        }
    };
    walk(since, &mut |_| {});
    let mut all_have = true;
    walk(head, &mut |event| all_have &= !event.lacks_evidence);
    all_have
}

impl CodexProofOfSymbolEngine {
    /// What a codex said at a moment.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex, or it had no event then; [`ErrorKind::Corrupt`] if the log does
    /// not lead there.
    pub fn state_at(&self, codex: &CodexId, moment: Moment) -> Result<CodexAt> {
        let head = self.codex(codex)?;
        let (sequence, event, state) = self.past(&head, moment)?;
        let clauses = self.opened(codex, &state)?;
        let (codex_root, symbolic_checksum) = (state.root(), state.checksum());
        Ok(CodexAt { codex: codex.clone(), sequence, event, codex_root, symbolic_checksum, clauses })
    }

    /// What changed from one moment to another, by clause: those that are there after, in order, then those that are gone.
    ///
    /// # Errors
    /// Those of [`state_at`](Self::state_at).
    pub fn diff(&self, codex: &CodexId, before: Moment, after: Moment) -> Result<Vec<ClauseDifference>> {
        let head = self.codex(codex)?;
        let (_, _, before) = self.past(&head, before)?;
        let (_, _, after) = self.past(&head, after)?;
        self.difference(codex, &before, &after)
    }

    /// Which events gave a clause what it says now, at the only head or at the head at position `head`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex, head or clause; [`ErrorKind::Invalid`] if there are several heads
    /// and none is named.
    pub fn blame(&self, codex: &CodexId, clause: &ClauseId, head: Option<u64>) -> Result<Blame> {
        let record = self.codex(codex)?;
        let chosen = super::engine::choose_head(&record, head)?.sequence;
        let tail = self.tail(&record)?;
        let state = tail.state(chosen).ok_or_else(|| Error::internal("a head has no state"))?;
        let found = state.position(clause).map(|position| &state.clauses()[position]);
        let found = found.ok_or_else(|| no_clause(codex, clause))?;
        Ok(Blame {
            clause: clause.clone(),
            digest: found.digest(),
            text: self.origin_of(codex, &found.text)?,
            notes: found.notes.iter().map(|note| self.origin_of(codex, note)).collect::<Result<_>>()?,
        })
    }

    /// Lists the proofs of the next events that have none yet, at most `limit` (1 to 10,000); gives how many are left.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex; [`ErrorKind::Limit`] for a limit out of bounds;
    /// [`ErrorKind::Conflict`] if others were always faster.
    pub fn list_pending(&self, codex: &CodexId, limit: u32) -> Result<u64> {
        if !(1..=10_000).contains(&limit) {
            let message = format!("1 to 10000 proofs are listed at once, not {limit}");
            return Err(Error::limit("limit", message));
        }
        let owner = CodexHead::owner(self.access.tenant(), codex);
        for _ in 0..MAX_ATTEMPTS {
            let stored = self.access.record::<CodexHead>(owner.id)?.ok_or_else(|| no_codex(codex))?;
            let head = stored.model;
            head.check(self.access.tenant(), codex)?;
            let until = head.length.min(head.listed + u64::from(limit));
            if until == head.listed {
                return Ok(0);
            }
            let mut batch = Batch::new();
            self.stage_proofs(&mut batch, codex, head.listed, until)?;
            let next = CodexHead { listed: until, ..head };
            batch.put(owner.id, Expect::At(stored.version), &next)?;
            match self.access.commit(batch) {
                Ok(()) => return Ok(next.length - until),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error.while_doing(format!("list proofs of codex {codex}"))),
            }
        }
        Err(Error::conflict(format!("other writers of codex {codex} were faster {MAX_ATTEMPTS} times")))
    }

    /// Stages the proofs from one position to another that are not there yet.
    fn stage_proofs(&self, batch: &mut Batch, codex: &CodexId, from: u64, until: u64) -> Result<()> {
        let tenant = self.access.tenant();
        let tail = super::replay::tail_of_length(&self.access, codex, from)?;
        // The number of the first event in its operation: the events before it tell.
        let mut numbers = OperationNumbers::default();
        let first = self.operation_start(codex, from)?;
        super::read::for_each_event(&self.access, codex, first, from, |bytes| {
            numbers.next(&Event::from_bytes(bytes)?);
            Ok(())
        })?;
        let mut redacted = BTreeSet::new();
        super::read::for_each_opened_event(&self.access, codex, from, until, |bytes, openings| {
            let event = Event::from_bytes(bytes)?;
            if openings.len() < event.commitments().len() {
                redacted.insert(event.sequence);
            }
            Ok(())
        })?;
        let mut proofs = Vec::new();
        super::replay::follow_all(&self.access, codex, tail, until, |event, digest, tail| {
            let number = numbers.next(event);
            if let Some(state) = tail.state(event.sequence) {
                let id = SymbolProof::record_id(tenant, &event.operation, number);
                let is_redacted = redacted.contains(&event.sequence);
                proofs.push((id, SymbolProof::of(event, digest, state, is_redacted)));
            }
            Ok(())
        })?;
        let read = |(id, _): &(_, _)| Read::Record { table: SymbolProof::TABLE, id: *id };
        let answers = self.access.read_all(&proofs.iter().map(read).collect::<Vec<_>>())?;
        for ((id, proof), answer) in proofs.iter().zip(answers) {
            if crate::store::access::record(answer)?.is_none() {
                batch.put(*id, Expect::Absent, proof)?;
            }
        }
        Ok(())
    }

    /// The position of the first event of the operation that the event before `position` belongs to.
    fn operation_start(&self, codex: &CodexId, position: u64) -> Result<u64> {
        let mut operation = None;
        for start in (0..position).rev() {
            let event = self.event(codex, start)?.0;
            if *operation.get_or_insert(event.operation) != event.operation {
                return Ok(start + 1);
            }
        }
        Ok(0)
    }

    /// An event of a codex, and its digest.
    pub(super) fn event(&self, codex: &CodexId, sequence: u64) -> Result<(Event, Digest)> {
        let owner = CodexHead::owner(self.access.tenant(), codex);
        let names = Names::one(CodexCell::Event(sequence).name());
        let (cells, _) = self.access.cells(owner, names, MAX_CELL_BYTES as u64)?;
        let missing = || Error::corrupt(format!("event {sequence} of codex {codex} is missing"));
        let bytes = &cells.first().ok_or_else(missing)?.bytes;
        Ok((Event::from_bytes(bytes)?, Event::digest(bytes)))
    }

    /// The position, the digest and the state of the event that a moment names.
    pub(super) fn past(&self, head: &CodexHead, moment: Moment) -> Result<(u64, Digest, CodexState)> {
        let codex = &head.codex;
        let none = |what: String| Err(Error::not_found(format!("codex {codex} has {what}")).with_field("at"));
        let sequence = match moment {
            Moment::Sequence(sequence) if sequence < head.length => sequence,
            Moment::Checkpoint(size) if (1..=head.length).contains(&size) => size - 1,
            Moment::Time(time) if time >= head.created_at => self.last_until(head, time)?,
            Moment::Sequence(at) => return none(format!("{} events and none at {at}", head.length)),
            Moment::Checkpoint(size) => return none(format!("{} events and not {size}", head.length)),
            Moment::Time(time) => return none(format!("no event at {time} or before")),
        };
        let tail = self.tail(head)?;
        if sequence + 1 == head.length
            && let Some(state) = tail.state(sequence)
        {
            return Ok((sequence, head.mutation_trail_hash, state.clone()));
        }
        let (event, state) = state_at(&self.access, codex, sequence)?;
        Ok((sequence, event, state))
    }

    /// The position of the last event recorded at `time` or before; times never go back in a log.
    fn last_until(&self, head: &CodexHead, time: Timestamp) -> Result<u64> {
        let (mut low, mut high) = (0, head.length);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.event(&head.codex, middle)?.0.recorded_at <= time { low = middle } else { high = middle }
        }
        Ok(low)
    }

    /// What changed since the last event that left the codex with `root`, up to the head at `head`; `None` if no event did.
    pub(crate) fn changes_since(
        &self,
        codex: &CodexId,
        root: Digest,
        head: u64,
    ) -> Result<Option<ChangesSince>> {
        let record = self.codex(codex)?;
        let (mut since, mut events) = (None, Vec::new());
        super::read::for_each_event(&self.access, codex, 0, record.length, |bytes| {
            let event = Event::from_bytes(bytes)?;
            if event.codex_after == root {
                since = Some(event.sequence);
            }
            events.push(Ancestry { lacks_evidence: lacks_evidence(&event), parents: event.parents });
            Ok(())
        })?;
        let Some(since) = since else { return Ok(None) };
        let (_, _, before) = self.past(&record, Moment::Sequence(since))?;
        let (_, _, after) = self.past(&record, Moment::Sequence(head))?;
        let changes = differences(&before, &after).into_iter();
        let changes = changes.map(|it| ClauseChange { clause: it.clause, kind: it.kind }).collect();
        Ok(Some(ChangesSince { since, changes, has_evidence: has_evidence(&events, since, head) }))
    }

    /// The clause of a state as a mutation with this parent finds it; `None` if it is not there.
    pub(crate) fn clause_at(
        &self,
        head: &CodexHead,
        parent: Option<u64>,
        clause: &ClauseId,
    ) -> Result<Option<CodexClause>> {
        let parent = match parent {
            Some(parent) => parent,
            None => super::engine::choose_head(head, None)?.sequence,
        };
        let tail = self.tail(head)?;
        let older;
        let state = match tail.state(parent) {
            Some(state) => state,
            None => {
                let past = self.past(head, Moment::Sequence(parent));
                older = past.map_err(|error| error.with_field("parent"))?.2;
                &older
            }
        };
        let Some(position) = state.position(clause) else { return Ok(None) };
        let one = CodexState::arranged(vec![state.clauses()[position].clone()]);
        Ok(self.opened(&head.codex, &one)?.pop())
    }

    /// How two states differ, with texts.
    fn difference(
        &self,
        codex: &CodexId,
        before: &CodexState,
        after: &CodexState,
    ) -> Result<Vec<ClauseDifference>> {
        let pick = |state: &CodexState, position: Option<usize>| -> Result<Option<CodexClause>> {
            let Some(position) = position else { return Ok(None) };
            let one = CodexState::arranged(vec![state.clauses()[position].clone()]);
            Ok(self.opened(codex, &one)?.pop())
        };
        let differences = differences(before, after).into_iter().map(|it| {
            Ok(ClauseDifference {
                clause: it.clause,
                kind: it.kind,
                before: pick(before, it.before)?,
                position_before: it.before.map(|position| position as u32),
                after: pick(after, it.after)?,
                position_after: it.after.map(|position| position as u32),
            })
        });
        differences.collect()
    }

    fn origin_of(&self, codex: &CodexId, text: &CommittedText) -> Result<Origin> {
        let mut entries = self.trail_entries(codex, text.sequence, 1)?;
        let entry = entries.pop().ok_or_else(|| Error::internal("a trail entry is missing"))?;
        let index = (text.opening - super::opening::FIRST_TEXT_OPENING) as usize;
        Ok(Origin {
            sequence: text.sequence,
            event: entry.digest,
            change: entry.event.change.kind(),
            directive_path: entry.event.directive_path,
            actor: entry.actor,
            reason: entry.reason,
            text: entry.texts.into_iter().nth(index).flatten(),
            recorded_at: entry.event.recorded_at,
        })
    }
}

/// How a clause differs between two states, and where it stands in them.
struct Difference {
    clause: ClauseId,
    kind: DifferenceKind,
    before: Option<usize>,
    after: Option<usize>,
}

/// How two states differ: the clauses of the second, in order, then those that are gone.
fn differences(before: &CodexState, after: &CodexState) -> Vec<Difference> {
    let places = |of: &CodexState| -> HashMap<ClauseId, usize> {
        of.clauses().iter().map(|clause| clause.clause.clone()).zip(0..).collect()
    };
    let (old_places, new_places) = (places(before), places(after));
    // The order of those that are in both tells which moved.
    let ranks = |of: &CodexState, other: &HashMap<ClauseId, usize>| -> HashMap<ClauseId, usize> {
        let both = of.clauses().iter().filter(|clause| other.contains_key(&clause.clause));
        both.map(|clause| clause.clause.clone()).zip(0..).collect()
    };
    let (old_ranks, new_ranks) = (ranks(before, &new_places), ranks(after, &old_places));
    let mut differences = Vec::new();
    for (clause, place) in after.clauses().iter().zip(0..) {
        let id = &clause.clause;
        let old_place = old_places.get(id).copied();
        let kind = match old_place.map(|place| &before.clauses()[place]) {
            None => DifferenceKind::Added,
            Some(old) if old.text.commitment != clause.text.commitment => DifferenceKind::Replaced,
            Some(old) if old.digest() != clause.digest() => DifferenceKind::Annotated,
            Some(_) if old_ranks.get(id) != new_ranks.get(id) => DifferenceKind::Moved,
            Some(_) => continue,
        };
        differences.push(Difference { clause: id.clone(), kind, before: old_place, after: Some(place) });
    }
    for (clause, place) in before.clauses().iter().zip(0..) {
        if !new_places.contains_key(&clause.clause) {
            let (clause, kind) = (clause.clause.clone(), DifferenceKind::Removed);
            differences.push(Difference { clause, kind, before: Some(place), after: None });
        }
    }
    differences
}

/// The numbers of events in their operations.
#[derive(Default)]
pub(super) struct OperationNumbers(Option<(crate::types::OperationId, u64)>);

impl OperationNumbers {
    /// The number of the next event.
    pub(super) fn next(&mut self, event: &Event) -> u64 {
        let number = match self.0 {
            Some((operation, number)) if operation == event.operation => number + 1,
            _ => 0,
        };
        self.0 = Some((event.operation, number));
        number
    }
}

fn no_clause(codex: &CodexId, clause: &ClauseId) -> Error {
    Error::not_found(format!("codex {codex} has no clause {clause}")).with_field("clause")
}
