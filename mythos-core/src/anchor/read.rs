//! Reading the super-log's cells in the order of their names.

use super::AnchorLog;
use super::cell::AnchorCell;
use crate::error::{Error, Result};
use crate::store::{Cell, CellName, MAX_CELL_BYTES, Names};

/// How many bytes of cells one read brings, unless one cell alone is larger.
const READ_BYTES: u64 = 4 << 20;
/// How many cells one read brings.
const READ_CELLS: u32 = 4_096;

impl AnchorLog {
    /// Calls `visit` with each cell from `from` on, before `until` if that is given.
    pub(super) fn for_each_cell(
        &self,
        mut from: Option<CellName>,
        until: Option<CellName>,
        mut visit: impl FnMut(&Cell) -> Result<()>,
    ) -> Result<()> {
        loop {
            let cells = self.some_cells(from, until, READ_CELLS)?;
            cells.iter().try_for_each(&mut visit)?;
            match cells.last().and_then(|last| last.name.successor()) {
                Some(next) => from = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// The first cells of a range: none only if it has none.
    pub(super) fn some_cells(
        &self,
        from: Option<CellName>,
        until: Option<CellName>,
        limit: u32,
    ) -> Result<Vec<Cell>> {
        let names = |limit| Names::Range { from, until, limit, reverse: false };
        let (cells, more) = self.access.cells(self.owner(), names(limit), READ_BYTES)?;
        if cells.is_empty() && more {
            return Ok(self.access.cells(self.owner(), names(1), MAX_CELL_BYTES as u64)?.0);
        }
        Ok(cells)
    }

    /// All cells of a range that has few.
    pub(super) fn cells_between(&self, from: CellName, until: CellName) -> Result<Vec<Cell>> {
        let mut cells = Vec::new();
        self.for_each_cell(Some(from), Some(until), |cell| {
            cells.push(cell.clone());
            Ok(())
        })?;
        Ok(cells)
    }

    /// Calls `visit` with the bytes of each of the first `length` statements.
    ///
    /// A missing statement is an error of kind `Corrupt`.
    pub(super) fn for_each_statement(
        &self,
        length: u64,
        mut visit: impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut next = 0;
        let bounds = (AnchorCell::Statement(0).name(), AnchorCell::Statement(length).name());
        let missing = |at: u64| Error::corrupt(format!("statement {at} of the anchors is missing"));
        self.for_each_cell(Some(bounds.0), Some(bounds.1), |cell| {
            if cell.name != AnchorCell::Statement(next).name() {
                return Err(missing(next));
            }
            visit(next, &cell.bytes)?;
            next += 1;
            Ok(())
        })?;
        if next < length { Err(missing(next)) } else { Ok(()) }
    }
}
