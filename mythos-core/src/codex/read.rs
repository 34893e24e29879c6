//! Reading a codex's cells in the order of its events.

use std::collections::VecDeque;

use super::CodexHead;
use super::cell::CodexCell;
use crate::error::{Error, Result};
use crate::store::access::Access;
use crate::store::{Cell, CellName, MAX_CELL_BYTES, Names};
use crate::types::CodexId;

/// How many bytes of cells one read brings, unless one cell alone is larger.
const READ_BYTES: u64 = 4 << 20;
/// How many cells one read brings.
const READ_CELLS: u32 = 4_096;

/// Calls `visit` with the bytes of each event from position `from` until before `until`.
///
/// A missing event is an error of kind `Corrupt`.
pub(crate) fn for_each_event(
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
                let Some(CodexCell::Opening(of, number)) = CodexCell::of(&cell.name) else {
                    return Err(Error::corrupt(format!("cell {} is no opening", cell.name)));
                };
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

pub(crate) fn read_range(
    access: &Access,
    codex: &CodexId,
    (from, until): (CellName, CellName),
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

/// The last cell of a range of names.
pub(crate) fn read_newest(
    access: &Access,
    codex: &CodexId,
    (from, until): (CellName, CellName),
) -> Result<Option<Cell>> {
    let owner = CodexHead::owner(access.tenant(), codex);
    let names = Names::Range { from: Some(from), until: Some(until), limit: 1, reverse: true };
    Ok(access.cells(owner, names, MAX_CELL_BYTES as u64)?.0.pop())
}
