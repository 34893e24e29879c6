//! Reading the super-log's cells in the order of their names.

use super::AnchorLog;
use super::cell::AnchorCell;
use crate::error::{Error, Result};
use crate::store::{Cell, CellName};

impl AnchorLog {
    /// Calls `visit` with each cell from `from` on, before `until` if that is given.
    pub(super) fn for_each_cell(
        &self,
        from: Option<CellName>,
        until: Option<CellName>,
        visit: impl FnMut(&Cell) -> Result<()>,
    ) -> Result<()> {
        self.access.for_each_cell(&self.owner(), from, until, visit)
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
