//! The end of a codex's log: all that the next event is derived from. Pure.

use std::collections::BTreeMap;

use super::derive;
use super::event::{Change, Event};
use super::finding::{Finding, Stop};
use super::state::CodexState;
use super::wire::StoredSnapshot;
use super::{CodexHeadState, DirectivePath};
use crate::error::{Error, Result};
use crate::log::{Edge, FullTile};
use crate::types::{CodexId, Commitment, Digest, MAX_SAFE_INTEGER, OperationId, TenantId, Timestamp};

/// The end of a codex's log.
///
/// After an error of one that changes it, it is of no use any more: whoever may fail works on a clone.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    tenant: TenantId,
    codex: CodexId,
    /// The digest of the last event.
    last: Option<Digest>,
    created_at: Option<Timestamp>,
    recorded_at: Option<Timestamp>,
    /// The events that no other follows from, by position, each with its digest and the state that it leaves.
    heads: BTreeMap<u64, (Digest, CodexState)>,
    /// The Merkle tree over the events.
    edge: Edge,
    /// The keys that may sign checkpoints, each with the position of the event that allowed it.
    keys: BTreeMap<String, u64>,
    /// The log's length at the last snapshot, how long that is, and how long the events since are together.
    snapshot: (u64, u64),
    since_snapshot: u64,
}

/// What an event says beside what is derived.
#[derive(Debug)]
pub(crate) struct NewEvent<'a> {
    pub(crate) parents: Vec<u64>,
    pub(crate) directive_path: &'a DirectivePath,
    pub(crate) change: Change,
    pub(crate) actor: Commitment,
    pub(crate) reason: Option<Commitment>,
    pub(crate) evidence: Option<Digest>,
    pub(crate) operation: OperationId,
    pub(crate) now: Timestamp,
}

/// An event that was appended, with its bytes and their digest.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) event: Event,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
}

impl Tail {
    /// A snapshot is worth taking when the events since the last are so long, and so many times as long as it is.
    const MIN_SINCE_SNAPSHOT: u64 = 64 << 10;
    const SINCE_OVER_SNAPSHOT: u64 = 4;
    /// What a cell holds.
    const MAX_SNAPSHOT_BYTES: usize = 64 << 20;

    /// The end of a log without events.
    pub(crate) fn new(tenant: TenantId, codex: CodexId) -> Self {
        Self {
            tenant,
            codex,
            last: None,
            created_at: None,
            recorded_at: None,
            heads: BTreeMap::new(),
            edge: Edge::default(),
            keys: BTreeMap::new(),
            snapshot: (0, 0),
            since_snapshot: 0,
        }
    }

    pub(crate) const fn length(&self) -> u64 {
        self.edge.size()
    }

    pub(crate) const fn last(&self) -> Option<Digest> {
        self.last
    }

    pub(crate) const fn edge(&self) -> &Edge {
        &self.edge
    }

    pub(crate) const fn created_at(&self) -> Option<Timestamp> {
        self.created_at
    }

    pub(crate) const fn recorded_at(&self) -> Option<Timestamp> {
        self.recorded_at
    }

    /// The log's length at the last snapshot, 0 if there is none, and how long that is.
    pub(crate) const fn snapshot(&self) -> (u64, u64) {
        self.snapshot
    }

    /// The keys that may sign checkpoints, each with the position of the event that allowed it.
    pub(crate) const fn keys(&self) -> &BTreeMap<String, u64> {
        &self.keys
    }

    /// The state that the head at `sequence` leaves.
    pub(crate) fn state(&self, sequence: u64) -> Option<&CodexState> {
        self.heads.get(&sequence).map(|(_, state)| state)
    }

    /// The positions of the heads, ascending.
    pub(crate) fn head_positions(&self) -> impl Iterator<Item = u64> {
        self.heads.keys().copied()
    }

    /// The heads, ascending.
    pub(crate) fn heads(&self) -> Vec<CodexHeadState> {
        let heads = self.heads.iter().map(|(sequence, (event, state))| CodexHeadState {
            sequence: *sequence,
            event: *event,
            codex_root: state.root(),
            symbolic_checksum: state.checksum(),
        });
        heads.collect()
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> u64 {
        /// A clause with its id, commitment, digest and part of the tree.
        const CLAUSE: usize = 320;
        /// The right edge of the Merkle tree, on average.
        const EDGE: usize = 16 << 10;
        let clauses: usize = self.heads.values().map(|(_, state)| state.clauses().len()).sum();
        (clauses * CLAUSE + EDGE) as u64
    }

    /// Derives and appends an event. `older` gives the state after an event that is no head any more.
    pub(crate) fn append(
        &mut self,
        new: NewEvent<'_>,
        full: &mut Vec<FullTile>,
        older: &mut dyn FnMut(u64) -> Result<CodexState>,
    ) -> Result<Appended> {
        let NewEvent { parents, directive_path, change, actor, reason, evidence, operation, now } = new;
        let sequence = self.length();
        if sequence >= MAX_SAFE_INTEGER {
            return Err(Error::limit("sequence", "a codex has at most 2^53 - 1 events"));
        }
        let states = self.take(&parents, older)?;
        let codex_before = states.first().map(CodexState::root);
        let (state, clauses) = derive::apply(&change, sequence, states)?;
        self.check_keys(&change)?;
        let event = Event {
            format: Event::FORMAT,
            tenant: self.tenant.clone(),
            codex: self.codex.clone(),
            sequence,
            previous: self.last,
            parents,
            directive_path: directive_path.clone(),
            change,
            clauses,
            codex_before,
            codex_after: state.root(),
            actor,
            reason,
            evidence,
            operation,
            recorded_at: self.recorded_at.map_or(now, |before| before.max(now)),
        };
        let bytes = event.to_bytes()?;
        let digest = Event::digest(&bytes);
        self.put(&event, digest, state, bytes.len(), full);
        Ok(Appended { event, bytes, digest })
    }

    /// Derives an event that was read, and compares everything that it states; gives its digest.
    pub(crate) fn follow(
        &mut self,
        bytes: &[u8],
        full: &mut Vec<FullTile>,
        older: &mut dyn FnMut(u64) -> Result<CodexState>,
    ) -> Result<(Event, Digest), Stop> {
        let sequence = self.length();
        let found = |field: &str, expected: &dyn ToString, found: &dyn ToString| -> Result<(), Stop> {
            Err(Finding::new(sequence, field, expected.to_string(), found.to_string()).into())
        };
        let name = |digest: Option<Digest>| digest.map_or_else(|| "none".to_owned(), |it| it.to_string());
        let event = Event::from_bytes(bytes)
            .map_err(|error| Finding::new(sequence, "event", "a readable event", error))?;
        if event.tenant != self.tenant {
            found("tenant", &self.tenant, &event.tenant)?;
        }
        if event.codex != self.codex {
            found("codex", &self.codex, &event.codex)?;
        }
        if event.sequence != sequence {
            found("sequence", &sequence, &event.sequence)?;
        }
        if event.previous != self.last {
            found("previous", &name(self.last), &name(event.previous))?;
        }
        if let Some(parent) = event.parents.iter().find(|parent| **parent >= sequence) {
            found("parents", &"an event before this one", parent)?;
        }
        if let [one, two] = event.parents[..]
            && one == two
        {
            found("parents", &"two different events", &format!("{one} twice"))?;
        }
        let states = self.take(&event.parents, older)?;
        let before = states.first().map(CodexState::root);
        let derived = derive::apply(&event.change, sequence, states);
        let derived = derived.and_then(|derived| self.check_keys(&event.change).map(|()| derived));
        let (state, clauses) = derived.map_err(|error| {
            let finding = Finding::new(sequence, "change", "a change that applies to the parents", error);
            finding.of_clause(event.change.clause().cloned())
        })?;
        if clauses != event.clauses {
            let mut pairs = clauses.iter().zip(&event.clauses);
            let first = pairs.find(|(derived, stated)| derived != stated).map(|(derived, _)| derived);
            let clause = first.or_else(|| clauses.get(event.clauses.len())).map(|delta| delta.clause.clone());
            let (expected, stated) = (format!("{clauses:?}"), format!("{:?}", event.clauses));
            return Err(Finding::new(sequence, "clauses", expected, stated).of_clause(clause).into());
        }
        if before != event.codex_before {
            found("codex_before", &name(before), &name(event.codex_before))?;
        }
        if state.root() != event.codex_after {
            found("codex_after", &state.root(), &event.codex_after)?;
        }
        if self.recorded_at.is_some_and(|before| event.recorded_at < before) {
            found("recorded_at", &"a time not before the event before", &event.recorded_at)?;
        }
        let digest = Event::digest(bytes);
        self.put(&event, digest, state, bytes.len(), full);
        Ok((event, digest))
    }

    /// What replay can go on from later, if the events since the last such are long enough; it counts as taken.
    pub(crate) fn snapshot_if_due(&mut self) -> Result<Option<Vec<u8>>> {
        let due = Self::MIN_SINCE_SNAPSHOT.max(Self::SINCE_OVER_SNAPSHOT * self.snapshot.1);
        if self.since_snapshot < due {
            return Ok(None);
        }
        let snapshot = self.to_snapshot()?;
        if snapshot.len() > Self::MAX_SNAPSHOT_BYTES {
            // Replay from the one before takes longer, and that is all.
            self.since_snapshot = 0;
            return Ok(None);
        }
        self.note_snapshot(snapshot.len() as u64);
        Ok(Some(snapshot))
    }

    /// Counts a snapshot of the present length as taken, as [`Self::snapshot_if_due`] did when the log was written.
    pub(crate) fn note_snapshot(&mut self, bytes: u64) {
        (self.snapshot, self.since_snapshot) = ((self.length(), bytes), 0);
    }

    /// All of it but what is known otherwise.
    pub(crate) fn to_snapshot(&self) -> Result<Vec<u8>> {
        let (Some(last), Some(created_at), Some(recorded_at)) =
            (self.last, self.created_at, self.recorded_at)
        else {
            return Err(Error::internal("a log without events has no snapshot"));
        };
        let heads = self.heads.iter().map(|(sequence, (event, state))| (*sequence, *event, state.clone()));
        let snapshot = StoredSnapshot {
            length: self.length(),
            last,
            created_at,
            recorded_at,
            heads: heads.collect(),
            rows: self.edge.rows().map(<[_]>::to_vec).collect(),
            keys: self.keys.iter().map(|(key, since)| (key.clone(), *since)).collect(),
        };
        snapshot.to_bytes()
    }

    /// The end of the log as a snapshot tells it.
    pub(crate) fn from_snapshot(tenant: TenantId, codex: CodexId, bytes: &[u8]) -> Result<Self> {
        let snapshot = StoredSnapshot::from_bytes(bytes)?;
        Ok(Self {
            tenant,
            codex,
            last: Some(snapshot.last),
            created_at: Some(snapshot.created_at),
            recorded_at: Some(snapshot.recorded_at),
            heads: snapshot.heads.into_iter().map(|(at, event, state)| (at, (event, state))).collect(),
            edge: Edge::from_rows(snapshot.length, &snapshot.rows)?,
            keys: snapshot.keys.into_iter().collect(),
            snapshot: (snapshot.length, bytes.len() as u64),
            since_snapshot: 0,
        })
    }

    /// Takes the states of parents out; those of heads are heads no more.
    fn take(
        &mut self,
        parents: &[u64],
        older: &mut dyn FnMut(u64) -> Result<CodexState>,
    ) -> Result<Vec<CodexState>> {
        let state = |parent: &u64| match self.heads.remove(parent) {
            Some((_, state)) => Ok(state),
            None => older(*parent),
        };
        parents.iter().map(state).collect()
    }

    /// Checks that a key is authorized once, and revoked only then.
    fn check_keys(&self, change: &Change) -> Result<()> {
        match change {
            Change::Authorize { key } if self.keys.contains_key(key) => {
                Err(Error::invalid("key", format!("the key {key} is authorized already")))
            }
            Change::Revoke { key } if !self.keys.contains_key(key) => {
                Err(Error::invalid("key", format!("the key {key} is not authorized")))
            }
            _ => Ok(()),
        }
    }

    fn put(
        &mut self,
        event: &Event,
        digest: Digest,
        state: CodexState,
        bytes: usize,
        full: &mut Vec<FullTile>,
    ) {
        match &event.change {
            Change::Authorize { key } => drop(self.keys.insert(key.clone(), event.sequence)),
            Change::Revoke { key } => drop(self.keys.remove(key)),
            _ => {}
        }
        self.edge.push(Event::leaf(&digest), full);
        self.heads.insert(event.sequence, (digest, state));
        self.last = Some(digest);
        self.created_at.get_or_insert(event.recorded_at);
        self.recorded_at = Some(event.recorded_at);
        self.since_snapshot += bytes as u64;
    }
}
