//! Replaying a log from its beginning or from a snapshot, also where it branches.

use std::collections::HashMap;

use super::cell::CodexCell;
use super::event::Event;
use super::finding::Stop;
use super::read::{for_each_event, read_newest};
use super::state::CodexState;
use super::tail::Tail;
use crate::error::{Error, Result};
use crate::log::FullTile;
use crate::store::access::Access;
use crate::types::{CodexId, Digest};

/// A replay under way. Every event is [told](Self::expect) to it before the first is followed, so that it knows which states
/// will be needed once they are no heads any more.
pub(crate) struct Replay {
    pub(crate) tail: Tail,
    /// How many later events follow from an event that is not the one before them.
    branches: HashMap<u64, u64>,
    /// The states that those need.
    kept: HashMap<u64, CodexState>,
}

impl Replay {
    pub(crate) fn new(tail: Tail) -> Self {
        Self { tail, branches: HashMap::new(), kept: HashMap::new() }
    }

    /// Whether every state that will be needed is a head now, or comes later.
    fn knows_its_parents(&self) -> bool {
        let from = self.tail.length();
        self.branches.keys().all(|parent| *parent >= from || self.tail.state(*parent).is_some())
    }

    /// Notes what an event that will be followed needs.
    pub(crate) fn expect(&mut self, bytes: &[u8]) -> Result<Event> {
        let event = Event::from_bytes(bytes)?;
        for parent in event.parents.iter().filter(|parent| parent.checked_add(1) != Some(event.sequence)) {
            *self.branches.entry(*parent).or_default() += 1;
        }
        Ok(event)
    }

    /// Follows one event. `older` gives states from before this replay's beginning.
    pub(crate) fn follow(
        &mut self,
        bytes: &[u8],
        full: &mut Vec<FullTile>,
        older: &mut dyn FnMut(u64) -> Result<CodexState>,
    ) -> Result<(Event, Digest), Stop> {
        let Self { tail, branches, kept } = self;
        // Cheaper than to read the event twice: only few logs branch.
        if !branches.is_empty() {
            for head in tail.head_positions().collect::<Vec<_>>() {
                if branches.contains_key(&head)
                    && let Some(state) = tail.state(head)
                {
                    kept.entry(head).or_insert_with(|| state.clone());
                }
            }
        }
        let mut state = |parent: u64| match kept.get(&parent) {
            Some(state) => Ok(state.clone()),
            None => older(parent),
        };
        let followed = tail.follow(bytes, full, &mut state)?;
        for parent in &followed.0.parents {
            if let Some(left) = branches.get_mut(parent).filter(|_| parent + 1 != followed.0.sequence) {
                *left -= 1;
                if *left == 0 {
                    branches.remove(parent);
                    kept.remove(parent);
                }
            }
        }
        Ok(followed)
    }
}

/// Follows the events from the end of `tail` to that of a log of `length` events.
pub(crate) fn go_on(access: &Access, codex: &CodexId, tail: Tail, length: u64) -> Result<Tail> {
    follow_all(access, codex, tail, length, |_, _, _| Ok(()))
}

/// As [`go_on`], and calls `visit` with each event, its digest, and the end of the log then.
pub(crate) fn follow_all(
    access: &Access,
    codex: &CodexId,
    tail: Tail,
    length: u64,
    mut visit: impl FnMut(&Event, Digest, &Tail) -> Result<()>,
) -> Result<Tail> {
    let (from, snapshot) = (tail.length(), tail.snapshot());
    let mut replay = Replay::new(tail);
    let mut begin = from;
    loop {
        for_each_event(access, codex, begin, length, |bytes| replay.expect(bytes).map(drop))?;
        if replay.knows_its_parents() {
            break;
        }
        // Something branches from before the snapshot: to look for that from snapshot to snapshot has no bound.
        replay = Replay::new(Tail::new(access.tenant().clone(), codex.clone()));
        begin = 0;
    }
    let mut older = |sequence: u64| Err(Error::corrupt(format!("event {sequence} was not expected")));
    for_each_event(access, codex, begin, length, |bytes| {
        let followed = replay.follow(bytes, &mut Vec::new(), &mut older);
        let (event, digest) = followed.map_err(|stop| stop.into_error(codex))?;
        if event.sequence >= from {
            return visit(&event, digest, &replay.tail);
        }
        if replay.tail.length() == snapshot.0 {
            replay.tail.note_snapshot(snapshot.1);
        }
        Ok(())
    })?;
    Ok(replay.tail)
}

/// The end of a log as it was when it had `length` events, from the newest snapshot that is not newer.
pub(crate) fn tail_of_length(access: &Access, codex: &CodexId, length: u64) -> Result<Tail> {
    let names = (CodexCell::Snapshot(0).name(), CodexCell::Snapshot(length.saturating_add(1)).name());
    let tail = match read_newest(access, codex, names)? {
        Some(cell) => Tail::from_snapshot(access.tenant().clone(), codex.clone(), &cell.bytes)?,
        None => Tail::new(access.tenant().clone(), codex.clone()),
    };
    if tail.length() > length {
        return Err(Error::corrupt(format!("a snapshot of codex {codex} lies at another's place")));
    }
    go_on(access, codex, tail, length)
}

/// The digest of the event at `sequence`, and the state that it leaves.
pub(crate) fn state_at(access: &Access, codex: &CodexId, sequence: u64) -> Result<(Digest, CodexState)> {
    let tail = tail_of_length(access, codex, sequence + 1)?;
    match (tail.last(), tail.state(sequence)) {
        (Some(digest), Some(state)) => Ok((digest, state.clone())),
        _ => Err(Error::internal("the last event of a log is no head")),
    }
}
