//! What a verification reads from one snapshot: the head, its states, and whatever lies where nothing may lie.

use super::event::CodexCell;
use super::{CodexHead, SymbolProof};
use crate::error::{Error, Result};
use crate::store::access::{self, Access, MAX_ATTEMPTS};
use crate::store::{
    Answer, CellName, Direction, Filter, MAX_CELL_BYTES, Model, Names, Owner, Query, Read, Scalar,
};
use crate::types::{CodexId, Digest};

/// A codex's head, and what belongs to it.
pub(super) struct Snapshot {
    /// The head record, which is the asked codex's, except that its format may be unknown.
    pub(super) head: CodexHead,
    /// The digests of the stored states of its heads, in their order; `None` for a missing one.
    pub(super) states: Vec<Option<Digest>>,
    /// Something that lies behind the end of the log or under a name that no cell has: what, and where.
    pub(super) foreign: Option<(&'static str, String)>,
}

impl Snapshot {
    /// Reads it.
    ///
    /// # Errors
    /// `NotFound` if there is no such codex; `Corrupt` if its head is unreadable or another codex's.
    pub(super) fn read(access: &Access, codex: &CodexId) -> Result<Self> {
        let owner = CodexHead::owner(access.tenant(), codex);
        let missing = || Error::not_found(format!("there is no codex {codex}")).with_field("codex");
        for _ in 0..MAX_ATTEMPTS {
            // Which states there are stands in the head: read it, then it again with everything that it names.
            let head = access.record::<CodexHead>(owner.id)?.ok_or_else(missing)?.model;
            if head.format != CodexHead::FORMAT {
                return Ok(Self { head, states: Vec::new(), foreign: None });
            }
            head.check(access.tenant(), codex)?;
            if let Some(snapshot) = Self::of(access, &owner, head)? {
                return Ok(snapshot);
            }
        }
        Err(Error::conflict(format!("codex {codex} changed {MAX_ATTEMPTS} times while it was being read")))
    }

    /// `None` if the head has changed.
    fn of(access: &Access, owner: &Owner, head: CodexHead) -> Result<Option<Self>> {
        let mut reads = vec![Read::Record { table: CodexHead::TABLE, id: owner.id }];
        let names = |names| Read::Cells { owner: owner.clone(), names, max_bytes: MAX_CELL_BYTES as u64 };
        let state = |sequence| CodexCell::State(sequence).name();
        reads.extend(head.heads.iter().map(|head| names(Names::one(state(head.sequence)))));
        reads.push(Read::Page(later_proofs(access, &head)));
        let gaps = gaps(&head);
        // Nothing is to be found there, so not one byte needs to be read: `more` tells.
        let empty = |(from, until)| Names::Range { from, until, limit: 1, reverse: false };
        let gap_reads =
            gaps.iter().map(|gap| Read::Cells { owner: owner.clone(), names: empty(*gap), max_bytes: 0 });
        reads.extend(gap_reads);

        let mut answers = access.read_all(&reads)?.into_iter();
        let mut next = || answers.next().ok_or_else(|| Error::internal("the store gave too few answers"));
        if access::stored::<CodexHead>(next()?)?.is_none_or(|stored| stored.model != head) {
            return Ok(None);
        }
        let mut states = Vec::new();
        for _ in &head.heads {
            states.push(access::cells(next()?)?.0.first().map(|cell| Digest::of(&cell.bytes)));
        }
        let mut foreign = match next()? {
            Answer::Page { records } => records.first().map(|record| ("proof", record.id.to_string())),
            _ => return Err(Error::internal("the store answered a read with another kind of answer")),
        };
        for (from, until) in gaps {
            let (cells, more) = access::cells(next()?)?;
            if more || !cells.is_empty() {
                let bound = |name: Option<CellName>| name.map_or_else(String::new, |name| name.to_string());
                let place = || ("cell", format!("one from {} until {}", bound(from), bound(until)));
                foreign.get_or_insert_with(place);
            }
        }
        Ok(Some(Self { head, states, foreign }))
    }
}

/// Listed proofs of events that the log does not have.
fn later_proofs(access: &Access, head: &CodexHead) -> Query {
    let min = Some(Scalar::Integer(i64::try_from(head.length).unwrap_or(i64::MAX)));
    Query::new(SymbolProof::TABLE)
        .filter(Filter::equals("tenant", access.tenant().as_str()))
        .filter(Filter::equals("codex", head.codex.as_str()))
        .filter(Filter::Range { field: "sequence".to_owned(), min, below: None })
        .order_by("sequence", Direction::Descending)
        .limit(1)
}

/// The ranges of names between the events, the openings and the states that the log has.
fn gaps(head: &CodexHead) -> Vec<(Option<CellName>, Option<CellName>)> {
    let first_event = CodexCell::Event(0).name();
    let first_opening = CodexCell::Opening(0, 0).name();
    let mut gaps =
        vec![(None, Some(first_event)), (Some(CodexCell::Event(head.length).name()), Some(first_opening))];
    let mut from = CodexCell::Opening(head.length, 0).name();
    for head in &head.heads {
        let state = CodexCell::State(head.sequence).name();
        gaps.push((Some(from), Some(state)));
        // Names of states are far shorter than the longest.
        from = state.successor().unwrap_or(state);
    }
    gaps.push((Some(from), None));
    gaps
}
