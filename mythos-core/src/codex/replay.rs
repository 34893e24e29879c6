//! Replays a codex's log: what the events derive, compared with everything that is stored.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::derive;
use super::event::CodexCell;
use super::state::CodexState;
use super::{CodexHead, CodexHeadState, Event, Opening, ProofVerificationStatus, SymbolProof};
use crate::error::{Error, ErrorKind, Result};
use crate::store::access::{self, Access};
use crate::store::{Cell, Direction, Filter, MAX_CELL_BYTES, Model, Names, Query, Read, Scalar};
use crate::types::{ClauseId, CodexId, Digest};

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

/// A replay under way.
#[derive(Default)]
struct Replay {
    next: u64,
    trail: Option<Digest>,
    recorded_at: Option<crate::types::Timestamp>,
    /// The events so far, and how many later ones still follow from each.
    children: HashMap<Digest, u64>,
    states: HashMap<Digest, (u64, CodexState)>,
    heads: BTreeMap<u64, CodexHeadState>,
    redacted: u64,
}

/// Verifies a codex whole.
pub(crate) fn verify(access: &Access, codex: &CodexId) -> Result<CodexVerification> {
    let owner = CodexHead::owner(access.tenant(), codex);
    let states = Names::Range {
        from: Some(CodexCell::State(0).name()),
        until: Some(CodexCell::State(u64::MAX).name()),
        limit: u32::MAX,
        reverse: false,
    };
    let head = Read::Record { table: CodexHead::TABLE, id: owner.id };
    let cells = Read::Cells { owner, names: states, max_bytes: MAX_CELL_BYTES as u64 };
    let [head, states] = access.read([head, cells])?;
    let missing = || Error::not_found(format!("there is no codex {codex}")).with_field("codex");
    let mut replay = Replay::default();
    let outcome = match access::stored::<CodexHead>(head) {
        Ok(head) => {
            let head = head.ok_or_else(missing)?.model;
            let (states, _) = access::cells(states)?;
            replay.run(access, &head, &states)
        }
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            Err(Finding::new(0, "head", "a readable head record", error).into())
        }
        Err(error) => Err(error.into()),
    };
    let (status, finding) = match outcome {
        Ok(()) if replay.redacted > 0 => (ProofVerificationStatus::Redacted, None),
        Ok(()) => (ProofVerificationStatus::Verified, None),
        Err(Stop::Found(finding)) => (ProofVerificationStatus::Tampered, Some(*finding)),
        Err(Stop::Failed(error)) => return Err(error),
    };
    Ok(CodexVerification {
        codex: codex.clone(),
        proof_verification_status: status,
        events: replay.next,
        redacted: replay.redacted,
        mutation_trail_hash: replay.trail,
        heads: replay.heads.into_values().collect(),
        finding,
    })
}

/// The digest of the event at `sequence`, and the state that it leaves.
pub(crate) fn state_at(access: &Access, codex: &CodexId, sequence: u64) -> Result<(Digest, CodexState)> {
    let mut replay = Replay::default();
    let mut last = None;
    for_each_event(access, codex, 0, sequence + 1, |bytes| {
        match replay.step(bytes, |_| false) {
            Ok((_, digest)) => last = Some(digest),
            Err(finding) => {
                let Finding { sequence, field, expected, found, .. } = *finding;
                let place = format!("{field} of event {sequence} of codex {codex}");
                return Err(Error::corrupt(format!("{place}: expected {expected}, found {found}")));
            }
        }
        Ok(())
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
    cells: std::collections::VecDeque<Cell>,
    after: Option<crate::store::CellName>,
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
                let (of, number) = split_opening(cell.name.as_bytes());
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
fn split_opening(name: &[u8]) -> (u64, u32) {
    match name.split_first_chunk::<9>() {
        Some(([b'o', sequence @ ..], number)) => {
            (u64::from_be_bytes(*sequence), number.try_into().map_or(u32::MAX, u32::from_be_bytes))
        }
        _ => (u64::MAX, u32::MAX),
    }
}

fn read_range(
    access: &Access,
    codex: &CodexId,
    (from, until): (crate::store::CellName, crate::store::CellName),
) -> Result<Vec<Cell>> {
    let owner = CodexHead::owner(access.tenant(), codex);
    let names = |limit| Names::Range { from: Some(from), until: Some(until), limit, reverse: false };
    let (cells, more) = access.cells(owner.clone(), names(READ_CELLS), READ_BYTES)?;
    if cells.len() <= 1 && more {
        // A cell larger than a read comes with few others.
        return Ok(access.cells(owner, names(2), 2 * MAX_CELL_BYTES as u64)?.0);
    }
    Ok(cells)
}

impl Replay {
    fn run(&mut self, access: &Access, head: &CodexHead, states: &[Cell]) -> Result<(), Stop> {
        // First the shape, so that a state is kept only as long as a later event follows from it.
        let mut children: HashMap<Digest, u64> = HashMap::new();
        let unreadable = |sequence: u64, error: Error| match error.kind() {
            ErrorKind::Corrupt => Stop::from(Finding::new(sequence, "event", "a readable event", error)),
            _ => Stop::from(error),
        };
        let mut reached = 0;
        let shape = for_each_event(access, &head.codex, 0, head.length, |bytes| {
            for parent in Event::from_bytes(bytes)?.parents {
                *children.entry(parent).or_default() += 1;
            }
            reached += 1;
            Ok(())
        });
        shape.map_err(|error| unreadable(reached, error))?;
        self.children = children;

        let mut proofs = Proofs::default();
        let mut found = None;
        let mut sequence = 0;
        let replayed = for_each_opened_event(access, &head.codex, 0, head.length, |bytes, openings| {
            let step = self.check(access, head, &mut proofs, bytes, openings);
            sequence += 1;
            match step {
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
        replayed.map_err(|error| unreadable(sequence, error))?;
        proofs.finish(access, &head.codex, head.length)?;
        self.compare_head(head, states)
    }

    /// Replays one event and compares its openings and its listed proof.
    fn check(
        &mut self,
        access: &Access,
        head: &CodexHead,
        proofs: &mut Proofs,
        bytes: &[u8],
        openings: &[(u32, Vec<u8>)],
    ) -> Result<(), Stop> {
        let sequence = self.next;
        let parents = Event::from_bytes(bytes)
            .map(|event| event.parents)
            .map_err(|error| Finding::new(sequence, "event", "a readable event", error))?;
        let parent_sequences: Vec<_> = parents
            .iter()
            .filter_map(|parent| self.states.get(parent).map(|(sequence, _)| *sequence))
            .collect();
        let trail_before = self.trail;
        let children = std::mem::take(&mut self.children);
        let step = self.step(bytes, |parent| {
            // The caller's count says whether a later event still follows from the parent.
            children.get(parent).copied().unwrap_or(0) <= 1
        });
        self.children = children;
        let (event, digest) = step?;
        for parent in &event.parents {
            if let Some(left) = self.children.get_mut(parent) {
                *left -= 1;
            }
        }
        if event.tenant != *access.tenant() || event.codex != head.codex {
            return Err(Finding::new(sequence, "codex", &head.codex, &event.codex).into());
        }
        for (number, stored) in openings {
            let commitments = event.commitments();
            let committed = commitments.iter().find(|(_, committed, _)| committed == number);
            let Some((purpose, _, commitment)) = committed else {
                return Err(Finding::new(sequence, "opening", "none of this number", number).into());
            };
            match Opening::from_bytes(stored) {
                Ok(opening) if opening.opens(purpose, commitment) => {}
                _ => return Err(Finding::new(sequence, purpose, commitment, "another text or salt").into()),
            }
        }
        self.redacted += event.commitments().len().saturating_sub(openings.len()) as u64;
        let nothing = CodexState::default();
        let state = self.states.get(&digest).map_or(&nothing, |(_, state)| state);
        let expected = SymbolProof::of(&event, digest, parent_sequences, state, trail_before.as_ref());
        if let Some(head) = self.heads.get_mut(&sequence) {
            head.symbolic_checksum.clone_from(&expected.symbolic_checksum);
        }
        proofs.compare(access, &expected)
    }

    /// Replays one event: derives its state from its parents' and compares everything that it states. States of
    /// parents that `last_use` says are not needed again are dropped.
    fn step(
        &mut self,
        bytes: &[u8],
        last_use: impl Fn(&Digest) -> bool,
    ) -> Result<(Event, Digest), Box<Finding>> {
        let sequence = self.next;
        let event = Event::from_bytes(bytes)
            .map_err(|error| Finding::new(sequence, "event", "a readable event", error))?;
        let digest = Event::digest(bytes);
        let differs =
            |field: &str, expected: &dyn ToString, found: &dyn ToString| -> Result<(), Box<Finding>> {
                Err(Finding::new(sequence, field, expected.to_string(), found.to_string()))
            };
        if event.sequence != sequence {
            differs("sequence", &sequence, &event.sequence)?;
        }
        let mut states = Vec::new();
        for parent in &event.parents {
            match self.states.get(parent) {
                Some((_, state)) => states.push(state),
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
        for parent in &event.parents {
            if let Some((parent_sequence, _)) = self.states.get(parent) {
                self.heads.remove(parent_sequence);
            }
            if last_use(parent) {
                self.states.remove(parent);
            }
        }
        // The checksum costs four times the root's output; whoever compares it fills it in.
        let head =
            CodexHeadState { sequence, event: digest, codex_root: after, symbolic_checksum: String::new() };
        self.heads.insert(sequence, head);
        self.states.insert(digest, (sequence, state));
        self.trail = Some(SymbolProof::extend_trail(self.trail.as_ref(), &digest));
        self.recorded_at = Some(event.recorded_at);
        self.next += 1;
        Ok((event, digest))
    }

    /// Compares the head record and the stored states with what was replayed.
    fn compare_head(&self, head: &CodexHead, states: &[Cell]) -> Result<(), Stop> {
        let last = head.length.saturating_sub(1);
        if head.format != CodexHead::FORMAT {
            return Err(Finding::new(last, "head.format", CodexHead::FORMAT, head.format).into());
        }
        if self.trail != Some(head.mutation_trail_hash) {
            let expected = self.trail.map_or_else(|| "none".to_owned(), |trail| trail.to_string());
            return Err(Finding::new(last, "mutation_trail_hash", expected, head.mutation_trail_hash).into());
        }
        if self.recorded_at != Some(head.updated_at) {
            let expected = self.recorded_at.map_or_else(|| "none".to_owned(), |at| at.to_string());
            return Err(Finding::new(last, "updated_at", expected, head.updated_at).into());
        }
        let replayed: Vec<_> = self.heads.values().cloned().collect();
        if replayed != head.heads {
            let (expected, found) = (format!("{replayed:?}"), format!("{:?}", head.heads));
            return Err(Finding::new(last, "heads", expected, found).into());
        }
        for (expected, cell) in self.heads.values().zip(states) {
            let sequence = expected.sequence;
            if cell.name != CodexCell::State(sequence).name() {
                return Err(Finding::new(sequence, "state", "a stored state of the head", cell.name).into());
            }
            let derived = self.states.get(&expected.event).map(|(_, state)| state.to_bytes()).transpose()?;
            if derived.as_ref() != Some(&cell.bytes) {
                let found = Digest::of(&cell.bytes);
                let expected = derived.map_or_else(String::new, |bytes| Digest::of(&bytes).to_string());
                return Err(Finding::new(sequence, "state", expected, found).into());
            }
        }
        if states.len() != self.heads.len() {
            let (expected, found) = (self.heads.len(), states.len());
            return Err(Finding::new(last, "states", expected, found).into());
        }
        Ok(())
    }
}

/// The listed proofs of a codex in order, read ahead.
#[derive(Default)]
struct Proofs {
    ahead: std::collections::VecDeque<SymbolProof>,
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
    match access.page::<SymbolProof>(query) {
        Ok(page) => Ok(page.items),
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            Err(Finding::new(from, "proof", "a readable listed proof", error).into())
        }
        Err(error) => Err(error.into()),
    }
}
