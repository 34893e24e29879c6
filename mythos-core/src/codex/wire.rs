//! Events and snapshots as they are stored: deterministic CBOR (RFC 8949 §4.2.1).
//!
//! Every field has its place in an array and none a name, so that a value has one spelling and nothing can stand there
//! twice. Whatever is read is written again and compared.

use minicbor::decode::{Decoder, Error as Failure};

use super::DirectivePath;
use super::event::{Change, ClauseDelta, CommittedClause, ErasedOpening, Event, MergeSide, TakenClause};
use super::state::{ClauseState, CodexState, CommittedText, StoredClause};
use crate::error::{Error, Result};
use crate::log::cbor::{
    Decoded, Encoded, Encoder, digest, exactly, fixed, length, list, name, optional, read_optional, time,
};
use crate::tlog::TreeHash;
use crate::types::{Commitment, Digest, OperationId, Timestamp};

/// The fields of an event.
const EVENT_FIELDS: u64 = 16;

impl Event {
    /// The bytes that are stored and hashed.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        /// Room for an event about one clause.
        const USUAL: usize = 384;
        let mut e = Encoder::new(Vec::with_capacity(USUAL));
        write_event(&mut e, self)
            .map_err(|error| Error::internal(format!("an event has no bytes: {error}")))?;
        Ok(e.into_writer())
    }

    /// Reads stored bytes, which must be spelled as this writes them.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut d = Decoder::new(bytes);
        let read = read_event(&mut d);
        let event = read.map_err(|error| Error::corrupt(format!("a codex event cannot be read: {error}")))?;
        if event.format != Self::FORMAT {
            return Err(Error::corrupt(format!("a codex event has the unknown format {}", event.format)));
        }
        if event.to_bytes()? != bytes {
            return Err(Error::corrupt("a codex event is not spelled as events are written"));
        }
        Ok(event)
    }
}

/// What an event names as the one before it, of the bytes of the event at `sequence`; no more is read of them.
pub(super) fn previous_of(bytes: &[u8], sequence: u64) -> Result<Option<Digest>> {
    let mut d = Decoder::new(bytes);
    let mut read = || {
        exactly(&mut d, EVENT_FIELDS)?;
        let (format, _, _) = (d.u32()?, d.str()?, d.str()?);
        let place = d.u64()?;
        let previous = read_optional(&mut d, digest)?;
        if format == Event::FORMAT && place == sequence {
            return Ok(previous);
        }
        Err(Failure::message("another position or format"))
    };
    read().map_err(|error| Error::corrupt(format!("event {sequence} of the chain cannot be read: {error}")))
}

fn write_event<'a>(e: &'a mut Encoder, event: &Event) -> Encoded<'a> {
    e.array(EVENT_FIELDS)?.u32(event.format)?.str(event.tenant.as_str())?.str(event.codex.as_str())?;
    e.u64(event.sequence)?;
    optional(e, event.previous.as_ref().map(Digest::as_bytes))?;
    e.array(event.parents.len() as u64)?;
    for parent in &event.parents {
        e.u64(*parent)?;
    }
    e.array(event.directive_path.directives().len() as u64)?;
    for directive in event.directive_path.directives() {
        e.str(directive)?;
    }
    write_change(e, &event.change)?;
    e.array(event.clauses.len() as u64)?;
    for delta in &event.clauses {
        e.array(3)?.str(delta.clause.as_str())?;
        optional(e, delta.before.as_ref().map(Digest::as_bytes))?;
        optional(e, delta.after.as_ref().map(Digest::as_bytes))?;
    }
    optional(e, event.codex_before.as_ref().map(Digest::as_bytes))?;
    e.bytes(event.codex_after.as_bytes())?.bytes(event.actor.as_bytes())?;
    optional(e, event.reason.as_ref().map(Commitment::as_bytes))?;
    optional(e, event.evidence.as_ref().map(Digest::as_bytes))?;
    e.bytes(event.operation.as_uuid().as_bytes())?.i64(event.recorded_at.as_microseconds())
}

fn read_event(d: &mut Decoder<'_>) -> Decoded<Event> {
    exactly(d, EVENT_FIELDS)?;
    Ok(Event {
        format: d.u32()?,
        tenant: name(d)?,
        codex: name(d)?,
        sequence: d.u64()?,
        previous: read_optional(d, digest)?,
        parents: list(d, Decoder::u64)?,
        directive_path: DirectivePath::new(list(d, |d| d.str().map(str::to_owned))?)
            .map_err(Failure::custom)?,
        change: read_change(d)?,
        clauses: list(d, |d| {
            exactly(d, 3)?;
            let clause = name(d)?;
            Ok(ClauseDelta { clause, before: read_optional(d, digest)?, after: read_optional(d, digest)? })
        })?,
        codex_before: read_optional(d, digest)?,
        codex_after: digest(d)?,
        actor: commitment(d)?,
        reason: read_optional(d, commitment)?,
        evidence: read_optional(d, digest)?,
        operation: OperationId::from_uuid(uuid::Uuid::from_bytes(fixed(d)?)),
        recorded_at: time(d)?,
    })
}

fn write_change<'a>(e: &'a mut Encoder, change: &Change) -> Encoded<'a> {
    match change {
        Change::Create { clauses } => {
            e.array(2)?.u8(0)?.array(clauses.len() as u64)?;
            for clause in clauses {
                e.array(2)?.str(clause.clause.as_str())?.bytes(clause.text.as_bytes())?;
            }
            Ok(e)
        }
        Change::Add { clause, text, position } => {
            e.array(4)?.u8(1)?.str(clause.as_str())?.bytes(text.as_bytes())?.u32(*position)
        }
        Change::Replace { clause, text } => e.array(3)?.u8(2)?.str(clause.as_str())?.bytes(text.as_bytes()),
        Change::Remove { clause } => e.array(2)?.u8(3)?.str(clause.as_str()),
        Change::Reorder { order } => {
            e.array(2)?.u8(4)?.array(order.len() as u64)?;
            for clause in order {
                e.str(clause.as_str())?;
            }
            Ok(e)
        }
        Change::Annotate { clause, note } => e.array(3)?.u8(5)?.str(clause.as_str())?.bytes(note.as_bytes()),
        Change::Merge { take } => {
            e.array(2)?.u8(6)?.array(take.len() as u64)?;
            for taken in take {
                e.array(2)?.str(taken.clause.as_str())?.bool(taken.from == MergeSide::Theirs)?;
            }
            Ok(e)
        }
        Change::Redact { erased } => {
            e.array(2)?.u8(7)?.array(erased.len() as u64)?;
            for opening in erased {
                e.array(2)?.u64(opening.sequence)?.u32(opening.opening)?;
            }
            Ok(e)
        }
        Change::Authorize { key } => e.array(2)?.u8(8)?.str(key),
        Change::Revoke { key } => e.array(2)?.u8(9)?.str(key),
    }
}

fn read_change(d: &mut Decoder<'_>) -> Decoded<Change> {
    let fields = length(d)?;
    let kind = d.u8()?;
    Ok(match (kind, fields) {
        (0, 2) => Change::Create {
            clauses: list(d, |d| {
                exactly(d, 2)?;
                Ok(CommittedClause { clause: name(d)?, text: commitment(d)? })
            })?,
        },
        (1, 4) => Change::Add { clause: name(d)?, text: commitment(d)?, position: d.u32()? },
        (2, 3) => Change::Replace { clause: name(d)?, text: commitment(d)? },
        (3, 2) => Change::Remove { clause: name(d)? },
        (4, 2) => Change::Reorder { order: list(d, name)? },
        (5, 3) => Change::Annotate { clause: name(d)?, note: commitment(d)? },
        (6, 2) => Change::Merge {
            take: list(d, |d| {
                exactly(d, 2)?;
                let clause = name(d)?;
                Ok(TakenClause { clause, from: if d.bool()? { MergeSide::Theirs } else { MergeSide::Ours } })
            })?,
        },
        (7, 2) => Change::Redact {
            erased: list(d, |d| {
                exactly(d, 2)?;
                Ok(ErasedOpening { sequence: d.u64()?, opening: d.u32()? })
            })?,
        },
        (8, 2) => Change::Authorize { key: d.str()?.to_owned() },
        (9, 2) => Change::Revoke { key: d.str()?.to_owned() },
        _ => return Err(Failure::message("a change of an unknown kind or with another number of fields")),
    })
}

/// What replay goes on from, as it is stored: the parts of a [`Tail`](super::tail::Tail).
pub(crate) struct StoredSnapshot {
    pub(super) length: u64,
    pub(super) last: Digest,
    pub(super) created_at: Timestamp,
    pub(super) recorded_at: Timestamp,
    /// The heads by position: the digest of the event, and the state that it leaves.
    pub(super) heads: Vec<(u64, Digest, CodexState)>,
    /// The lowest nodes of the partial tiles.
    pub(super) rows: Vec<Vec<TreeHash>>,
    /// The keys that may sign, and since which event.
    pub(super) keys: Vec<(String, u64)>,
}

impl StoredSnapshot {
    const FORMAT: u32 = 1;
    const FIELDS: u64 = 8;

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut e = Encoder::new(Vec::new());
        self.write(&mut e).map_err(|error| Error::internal(format!("a snapshot has no bytes: {error}")))?;
        Ok(e.into_writer())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let read = Self::read(&mut Decoder::new(bytes));
        let snapshot = read.map_err(|error| Error::corrupt(format!("a snapshot cannot be read: {error}")))?;
        if snapshot.to_bytes()? != bytes {
            return Err(Error::corrupt("a snapshot is not spelled as snapshots are written"));
        }
        Ok(snapshot)
    }

    fn write<'a>(&self, e: &'a mut Encoder) -> Encoded<'a> {
        e.array(Self::FIELDS)?.u32(Self::FORMAT)?.u64(self.length)?.bytes(self.last.as_bytes())?;
        e.i64(self.created_at.as_microseconds())?.i64(self.recorded_at.as_microseconds())?;
        e.array(self.heads.len() as u64)?;
        for (sequence, event, state) in &self.heads {
            e.array(3)?.u64(*sequence)?.bytes(event.as_bytes())?.array(state.clauses().len() as u64)?;
            for clause in state.clauses() {
                e.array(3)?.str(clause.clause.as_str())?;
                write_text(e, &clause.text)?;
                e.array(clause.notes.len() as u64)?;
                for note in &clause.notes {
                    write_text(e, note)?;
                }
            }
        }
        e.array(self.rows.len() as u64)?;
        for row in &self.rows {
            e.array(row.len() as u64)?;
            for node in row {
                e.bytes(node.as_bytes())?;
            }
        }
        e.array(self.keys.len() as u64)?;
        for (key, since) in &self.keys {
            e.array(2)?.str(key)?.u64(*since)?;
        }
        Ok(e)
    }

    fn read(d: &mut Decoder<'_>) -> Decoded<Self> {
        exactly(d, Self::FIELDS)?;
        if d.u32()? != Self::FORMAT {
            return Err(Failure::message("a snapshot of an unknown format"));
        }
        Ok(Self {
            length: d.u64()?,
            last: digest(d)?,
            created_at: time(d)?,
            recorded_at: time(d)?,
            heads: list(d, |d| {
                exactly(d, 3)?;
                let (sequence, event) = (d.u64()?, digest(d)?);
                let clauses = list(d, |d| {
                    exactly(d, 3)?;
                    let (clause, text) = (name(d)?, read_text(d)?);
                    Ok(ClauseState::from(StoredClause { clause, text, notes: list(d, read_text)? }))
                })?;
                Ok((sequence, event, CodexState::new(clauses)))
            })?,
            rows: list(d, |d| list(d, |d| fixed(d).map(TreeHash::from_bytes)))?,
            keys: list(d, |d| {
                exactly(d, 2)?;
                Ok((d.str()?.to_owned(), d.u64()?))
            })?,
        })
    }
}

fn write_text<'a>(e: &'a mut Encoder, text: &CommittedText) -> Encoded<'a> {
    e.array(3)?.bytes(text.commitment.as_bytes())?.u64(text.sequence)?.u32(text.opening)
}

fn read_text(d: &mut Decoder<'_>) -> Decoded<CommittedText> {
    exactly(d, 3)?;
    Ok(CommittedText { commitment: commitment(d)?, sequence: d.u64()?, opening: d.u32()? })
}

fn commitment(d: &mut Decoder<'_>) -> Decoded<Commitment> {
    fixed(d).map(Commitment::from_bytes)
}
