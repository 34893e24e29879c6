//! Replays a codex's log: what the events derive, compared with everything that is stored.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::derive;
use super::event::CodexCell;
use super::snapshot::Snapshot;
use super::state::CodexState;
use super::{CodexHead, CodexHeadState, Event, Opening, ProofVerificationStatus, SymbolProof};
use crate::error::{Error, ErrorKind, Result};
use crate::store::access::Access;
use crate::store::{Cell, CellName, Direction, Filter, MAX_CELL_BYTES, Model, Names, Query, Scalar};
use crate::types::{ClauseId, CodexId, Digest, Timestamp};

/// How many bytes of cells one read brings, unless one cell alone is larger.
const READ_BYTES: u64 = 4 << 20;
/// How many cells one read brings.
const READ_CELLS: u32 = 4_096;

/// What the verification of a codex found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodexVerification {
    /// The codex.
    pub codex: CodexId,
    /// The verdict.
    pub proof_verification_status: ProofVerificationStatus,
    /// How many events were replayed: all of them, if nothing was found.
    pub events: u64,
    /// How many texts, actors and reasons are erased.
    pub redacted: u64,
    /// The head of the hash chain as replayed; `None` if nothing was.
    pub mutation_trail_hash: Option<Digest>,
    /// The heads as replayed.
    pub heads: Vec<CodexHeadState>,
    /// The first thing that does not follow, if anything does not.
    pub finding: Option<Finding>,
}

/// Something stored that does not follow from the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The position of the event where it shows.
    pub sequence: u64,
    /// The clause, if it is about one.
    pub clause: Option<ClauseId>,
    /// The field.
    pub field: String,
    /// What the replay derives.
    pub expected: String,
    /// What is stored.
    pub found: String,
}

impl Finding {
    fn new(sequence: u64, field: &str, expected: impl ToString, found: impl ToString) -> Box<Self> {
        let (expected, found) = (expected.to_string(), found.to_string());
        Box::new(Self { sequence, clause: None, field: field.to_owned(), expected, found })
    }
}

/// Why a replay stopped: a finding, or an error of the store.
enum Stop {
    Found(Box<Finding>),
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Box<Finding>> for Stop {
    fn from(finding: Box<Finding>) -> Self {
        Self::Found(finding)
    }
}

/// Verifies a codex whole.
pub(crate) fn verify(access: &Access, codex: &CodexId) -> Result<CodexVerification> {
    let mut replay = Replay::default();
    let outcome = match Snapshot::read(access, codex) {
        Ok(snapshot) if snapshot.head.format != CodexHead::FORMAT => {
            let (known, found) = (CodexHead::FORMAT, snapshot.head.format);
            let finding = *Finding::new(0, "head.format", known, found);
            return Ok(replay.verdict(codex, ProofVerificationStatus::Unverifiable, Some(finding)));
        }
        Ok(snapshot) => replay.run(access, codex, &snapshot),
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            Err(Finding::new(0, "head", "a readable head record", error).into())
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) if replay.redacted > 0 => Ok(replay.verdict(codex, ProofVerificationStatus::Redacted, None)),
        Ok(()) => Ok(replay.verdict(codex, ProofVerificationStatus::Verified, None)),
        Err(Stop::Found(finding)) => {
            Ok(replay.verdict(codex, ProofVerificationStatus::Tampered, Some(*finding)))
        }
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// The digest of the event at `sequence`, and the state that it leaves.
pub(crate) fn state_at(access: &Access, codex: &CodexId, sequence: u64) -> Result<(Digest, CodexState)> {
    let until = sequence + 1;
    let mut replay = Replay::default();
    for_each_event(access, codex, 0, until, |bytes| replay.count_children(bytes))?;
    let mut last = None;
    for_each_event(access, codex, 0, until, |bytes| match replay.step(access, codex, bytes) {
        Ok(step) => {
            last = Some(step.digest);
            Ok(())
        }
        Err(finding) => {
            let Finding { sequence, field, expected, found, .. } = *finding;
            let place = format!("{field} of event {sequence} of codex {codex}");
            Err(Error::corrupt(format!("{place}: expected {expected}, found {found}")))
        }
    })?;
    let found = last.and_then(|digest| replay.states.remove(&digest).map(|(_, state)| (digest, state)));
    found.ok_or_else(|| Error::not_found(format!("codex {codex} has no event at {sequence}")))
}

/// Calls `visit` with the bytes of each event from position `from` until before `until`.
///
/// A missing event is an error of kind `Corrupt`.
fn for_each_event(
    access: &Access,
    codex: &CodexId,
    from: u64,
    until: u64,
    mut visit: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut next = from;
    while next < until {
        let range = (CodexCell::Event(next).name(), CodexCell::Event(until).name());
        let events = read_range(access, codex, range)?;
        if events.is_empty() {
            return Err(missing_event(codex, next));
        }
        for event in events {
            if event.name != CodexCell::Event(next).name() {
                return Err(missing_event(codex, next));
            }
            visit(&event.bytes)?;
            next += 1;
        }
    }
    Ok(())
}

/// As [`for_each_event`], with the stored openings of each event and their numbers.
pub(crate) fn for_each_opened_event(
    access: &Access,
    codex: &CodexId,
    from: u64,
    until: u64,
    mut visit: impl FnMut(&[u8], &[(u32, Vec<u8>)]) -> Result<()>,
) -> Result<()> {
    let mut openings = Openings { next: from, ..Openings::default() };
    let mut next = from;
    for_each_event(access, codex, from, until, |bytes| {
        let openings = openings.of(access, codex, next, until)?;
        next += 1;
        visit(bytes, &openings)
    })
}

fn missing_event(codex: &CodexId, sequence: u64) -> Error {
    Error::corrupt(format!("event {sequence} of codex {codex} is missing"))
}

/// Openings in the order of their events, read ahead.
#[derive(Default)]
struct Openings {
    /// The first event whose openings were not asked for.
    next: u64,
    cells: VecDeque<Cell>,
    after: Option<CellName>,
    exhausted: bool,
}

impl Openings {
    fn of(
        &mut self,
        access: &Access,
        codex: &CodexId,
        sequence: u64,
        until: u64,
    ) -> Result<Vec<(u32, Vec<u8>)>> {
        let mut openings = Vec::new();
        loop {
            while let Some(cell) = self.cells.front() {
                let (of, number) = split_opening(cell.name.as_bytes())
                    .ok_or_else(|| Error::corrupt(format!("cell {} is no opening", cell.name)))?;
                if of > sequence {
                    return Ok(openings);
                }
                if let Some(cell) = self.cells.pop_front()
                    && of == sequence
                {
                    openings.push((number, cell.bytes));
                }
            }
            if self.exhausted {
                return Ok(openings);
            }
            let first = CodexCell::Opening(self.next, 0).name();
            let range = (self.after.unwrap_or(first), CodexCell::Opening(until, 0).name());
            let mut cells = read_range(access, codex, range)?;
            // The range begins with the cell that ended the one before.
            cells.retain(|cell| self.after.is_none_or(|after| cell.name > after));
            self.exhausted = cells.is_empty();
            self.after = cells.last().map(|cell| cell.name).or(self.after);
            self.cells.extend(cells);
        }
    }
}

/// The event and the number in the name of an opening's cell.
fn split_opening(name: &[u8]) -> Option<(u64, u32)> {
    let (head, number) = name.split_first_chunk::<9>()?;
    let [b'o', sequence @ ..] = head else { return None };
    Some((u64::from_be_bytes(*sequence), u32::from_be_bytes(number.try_into().ok()?)))
}

fn read_range(access: &Access, codex: &CodexId, (from, until): (CellName, CellName)) -> Result<Vec<Cell>> {
    let owner = CodexHead::owner(access.tenant(), codex);
    let names = |limit| Names::Range { from: Some(from), until: Some(until), limit, reverse: false };
    let (cells, more) = access.cells(owner.clone(), names(READ_CELLS), READ_BYTES)?;
    if cells.len() <= 1 && more {
        // A cell larger than a read comes with few others.
        return Ok(access.cells(owner, names(2), 2 * MAX_CELL_BYTES as u64)?.0);
    }
    Ok(cells)
}

/// A replay under way.
#[derive(Default)]
struct Replay {
    next: u64,
    trail: Option<Digest>,
    created_at: Option<Timestamp>,
    recorded_at: Option<Timestamp>,
    /// For each event, how many later ones still follow from it: its state is kept as long.
    children: HashMap<Digest, u64>,
    states: HashMap<Digest, (u64, CodexState)>,
    heads: BTreeMap<u64, CodexHeadState>,
    redacted: u64,
}

/// An event that was replayed.
struct Step {
    event: Event,
    digest: Digest,
    parents: Vec<u64>,
    trail_before: Option<Digest>,
}

impl Replay {
    fn verdict(
        self,
        codex: &CodexId,
        status: ProofVerificationStatus,
        finding: Option<Finding>,
    ) -> CodexVerification {
        CodexVerification {
            codex: codex.clone(),
            proof_verification_status: status,
            events: self.next,
            redacted: self.redacted,
            mutation_trail_hash: self.trail,
            heads: self.heads.into_values().collect(),
            finding,
        }
    }

    fn run(&mut self, access: &Access, codex: &CodexId, snapshot: &Snapshot) -> Result<(), Stop> {
        let length = snapshot.head.length;
        if let Some((field, found)) = &snapshot.foreign {
            return Err(Finding::new(length, field, "nothing", found).into());
        }
        let unreadable = |sequence: u64, error: Error| match error.kind() {
            ErrorKind::Corrupt => Stop::from(Finding::new(sequence, "event", "a readable event", error)),
            _ => Stop::from(error),
        };
        let mut reached = 0;
        let shape = for_each_event(access, codex, 0, length, |bytes| {
            self.count_children(bytes)?;
            reached += 1;
            Ok(())
        });
        shape.map_err(|error| unreadable(reached, error))?;

        let mut proofs = Proofs::default();
        let mut found = None;
        let replayed = for_each_opened_event(access, codex, 0, length, |bytes, openings| {
            match self.check(access, codex, &mut proofs, bytes, openings) {
                Ok(()) => Ok(()),
                Err(Stop::Failed(error)) => Err(error),
                Err(Stop::Found(finding)) => {
                    found = Some(finding);
                    Err(Error::corrupt("found"))
                }
            }
        });
        if let Some(finding) = found {
            return Err(finding.into());
        }
        replayed.map_err(|error| unreadable(self.next, error))?;
        proofs.finish(access, codex, length)?;
        self.compare_head(snapshot)
    }

    fn count_children(&mut self, bytes: &[u8]) -> Result<()> {
        for parent in Event::from_bytes(bytes)?.parents {
            *self.children.entry(parent).or_default() += 1;
        }
        Ok(())
    }

    /// Replays one event and compares its openings and its listed proof.
    fn check(
        &mut self,
        access: &Access,
        codex: &CodexId,
        proofs: &mut Proofs,
        bytes: &[u8],
        openings: &[(u32, Vec<u8>)],
    ) -> Result<(), Stop> {
        let Step { event, digest, parents, trail_before } = self.step(access, codex, bytes)?;
        let sequence = event.sequence;
        let commitments = event.commitments();
        for (number, stored) in openings {
            let committed = commitments.iter().find(|(_, committed, _)| committed == number);
            let Some((purpose, _, commitment)) = committed else {
                return Err(Finding::new(sequence, "opening", "none of this number", number).into());
            };
            match Opening::from_bytes(stored) {
                Ok(opening) if opening.opens(purpose, commitment) => {}
                _ => return Err(Finding::new(sequence, purpose, commitment, "another text or salt").into()),
            }
        }
        self.redacted += commitments.len().saturating_sub(openings.len()) as u64;
        let nothing = CodexState::default();
        let state = self.states.get(&digest).map_or(&nothing, |(_, state)| state);
        let expected = SymbolProof::of(&event, digest, parents, state, trail_before.as_ref());
        if let Some(head) = self.heads.get_mut(&sequence) {
            head.symbolic_checksum.clone_from(&expected.symbolic_checksum);
        }
        proofs.compare(access, &expected)
    }

    /// Replays one event: derives its state from its parents' and compares everything that it states.
    fn step(&mut self, access: &Access, codex: &CodexId, bytes: &[u8]) -> Result<Step, Box<Finding>> {
        let sequence = self.next;
        let event = Event::from_bytes(bytes)
            .map_err(|error| Finding::new(sequence, "event", "a readable event", error))?;
        let digest = Event::digest(bytes);
        let differs =
            |field: &str, expected: &dyn ToString, found: &dyn ToString| -> Result<(), Box<Finding>> {
                Err(Finding::new(sequence, field, expected.to_string(), found.to_string()))
            };
        if event.tenant != *access.tenant() {
            differs("tenant", access.tenant(), &event.tenant)?;
        }
        if event.codex != *codex {
            differs("codex", codex, &event.codex)?;
        }
        if event.sequence != sequence {
            differs("sequence", &sequence, &event.sequence)?;
        }
        let (mut parents, mut states) = (Vec::new(), Vec::new());
        for parent in &event.parents {
            match self.states.get(parent) {
                Some((sequence, state)) => {
                    parents.push(*sequence);
                    states.push(state);
                }
                None => differs("parents", &"an event before this one", parent)?,
            }
        }
        let state = match derive::apply(&event.change, sequence, &states) {
            Ok(state) => state,
            Err(error) => {
                let mut finding =
                    Finding::new(sequence, "change", "a change that applies to the parents", &error);
                finding.clause = event.change.clause().cloned();
                return Err(finding);
            }
        };
        let nothing = CodexState::default();
        let clauses = derive::deltas(states.first().unwrap_or(&&nothing), &state);
        if clauses != event.clauses {
            let mut pairs = clauses.iter().zip(&event.clauses);
            let first = pairs.find(|(derived, stated)| derived != stated);
            let mut finding =
                Finding::new(sequence, "clauses", format!("{clauses:?}"), format!("{:?}", event.clauses));
            finding.clause = first.map(|(derived, _)| derived.clause.clone());
            return Err(finding);
        }
        let before = states.first().map(|state| state.root());
        if before != event.codex_before {
            let name = |root: Option<Digest>| root.map_or_else(|| "none".to_owned(), |root| root.to_string());
            differs("codex_before", &name(before), &name(event.codex_before))?;
        }
        let after = state.root();
        if after != event.codex_after {
            differs("codex_after", &after, &event.codex_after)?;
        }
        if self.recorded_at.is_some_and(|before| event.recorded_at < before) {
            differs("recorded_at", &"a time not before the event before", &event.recorded_at)?;
        }
        for (parent, parent_sequence) in event.parents.iter().zip(&parents) {
            self.heads.remove(parent_sequence);
            self.release(parent);
        }
        // The checksum costs four times the root's output; whoever compares it fills it in.
        let head =
            CodexHeadState { sequence, event: digest, codex_root: after, symbolic_checksum: String::new() };
        self.heads.insert(sequence, head);
        self.states.insert(digest, (sequence, state));
        let trail_before = self.trail;
        self.trail = Some(SymbolProof::extend_trail(trail_before.as_ref(), &digest));
        self.created_at.get_or_insert(event.recorded_at);
        self.recorded_at = Some(event.recorded_at);
        self.next += 1;
        Ok(Step { event, digest, parents, trail_before })
    }

    /// Drops the state of an event when nothing follows from it any more.
    fn release(&mut self, event: &Digest) {
        if let Some(left) = self.children.get_mut(event) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.states.remove(event);
            }
        }
    }

    /// Compares the head record and the stored states with what was replayed.
    fn compare_head(&self, Snapshot { head, states, .. }: &Snapshot) -> Result<(), Stop> {
        let last = head.length.saturating_sub(1);
        let name =
            |value: Option<&dyn ToString>| value.map_or_else(|| "none".to_owned(), ToString::to_string);
        let compared: [(&str, Option<&dyn ToString>, &dyn ToString); 3] = [
            ("mutation_trail_hash", self.trail.as_ref().map(|it| it as _), &head.mutation_trail_hash),
            ("created_at", self.created_at.as_ref().map(|it| it as _), &head.created_at),
            ("updated_at", self.recorded_at.as_ref().map(|it| it as _), &head.updated_at),
        ];
        for (field, replayed, stored) in compared {
            let (expected, found) = (name(replayed), stored.to_string());
            if expected != found {
                return Err(Finding::new(last, field, expected, found).into());
            }
        }
        let replayed: Vec<_> = self.heads.values().cloned().collect();
        if replayed != head.heads {
            let (expected, found) = (format!("{replayed:?}"), format!("{:?}", head.heads));
            return Err(Finding::new(last, "heads", expected, found).into());
        }
        for (replayed, found) in self.heads.values().zip(states) {
            let state = self.states.get(&replayed.event).map(|(_, state)| state.to_bytes()).transpose()?;
            let expected = state.map(|bytes| Digest::of(&bytes));
            if expected != *found {
                let name =
                    |digest: Option<Digest>| digest.map_or_else(|| "none".to_owned(), |d| d.to_string());
                return Err(Finding::new(replayed.sequence, "state", name(expected), name(*found)).into());
            }
        }
        Ok(())
    }
}

/// The listed proofs of a codex in order, read ahead.
#[derive(Default)]
struct Proofs {
    ahead: VecDeque<SymbolProof>,
    next: u64,
}

impl Proofs {
    fn compare(&mut self, access: &Access, expected: &SymbolProof) -> Result<(), Stop> {
        let sequence = expected.sequence;
        if self.ahead.is_empty() {
            self.ahead = read_proofs(access, &expected.codex, self.next)?.into();
        }
        self.next = sequence + 1;
        let Some(found) = self.ahead.pop_front() else {
            return Err(Finding::new(sequence, "proof", "a listed proof", "none").into());
        };
        if found == *expected {
            return Ok(());
        }
        let fields = |proof: &SymbolProof| serde_json::to_value(proof).unwrap_or_default();
        let (expected, found) = (fields(expected), fields(&found));
        let names = expected.as_object().into_iter().flat_map(|fields| fields.keys());
        let field = names.into_iter().find(|name| expected.get(name) != found.get(name));
        let field = field.map_or("proof", String::as_str);
        let value = |proof: &serde_json::Value| proof.get(field).map(ToString::to_string).unwrap_or_default();
        Err(Finding::new(sequence, field, value(&expected), value(&found)).into())
    }

    /// Finds proofs of events that the log does not have.
    fn finish(&mut self, access: &Access, codex: &CodexId, length: u64) -> Result<(), Stop> {
        let extra = match self.ahead.pop_front() {
            Some(extra) => Some(extra),
            None => read_proofs(access, codex, self.next)?.into_iter().next(),
        };
        // Events appended since the head was read have proofs that this replay does not reach.
        match extra {
            Some(extra) if extra.sequence < length => {
                Err(Finding::new(extra.sequence, "proof", "one proof", "two").into())
            }
            _ => Ok(()),
        }
    }
}

fn read_proofs(access: &Access, codex: &CodexId, from: u64) -> Result<Vec<SymbolProof>, Stop> {
    let min = Some(Scalar::Integer(i64::try_from(from).unwrap_or(i64::MAX)));
    let query = Query::new(SymbolProof::TABLE)
        .filter(Filter::equals("codex", codex.as_str()))
        .filter(Filter::Range { field: "sequence".to_owned(), min, below: None })
        .order_by("sequence", Direction::Ascending)
        .limit(500);
    let records = access.raw_page(query)?.items;
    let proofs = records.iter().zip(from..).map(|(record, sequence)| {
        let proof = SymbolProof::from_record(record)
            .map_err(|error| Finding::new(sequence, "proof", "a readable listed proof", error))?;
        // Under another id, a repetition of the operation would not find it.
        let expected = proof.operation.record_id(access.tenant());
        if record.id != expected {
            return Err(Finding::new(proof.sequence, "proof.id", expected, record.id).into());
        }
        Ok(proof)
    });
    proofs.collect()
}
