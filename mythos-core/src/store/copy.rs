//! Copies everything from one store into another, and verifies it.

use std::collections::BTreeSet;
use std::mem;

use serde::Serialize;

use super::{
    Answer, Batch, Cell, CellName, CellOp, Cursor, MAX_CELL_BYTES, Names, Owner, Query, Read, Record,
    RecordOp, Store, StoreError, Table, evaluate,
};
use crate::error::{Error, Result};
use crate::types::TenantId;

/// How many records are read at a time. With the largest bodies that is 64 MiB.
const PAGE_RECORDS: u32 = 64;

/// A batch is committed when its bodies and cells exceed this. Large enough that the disk flush of each commit is a
/// small part of the work.
const BATCH_BYTES: usize = 8 << 20;

/// A batch is committed when it has so many operations.
const BATCH_OPERATIONS: usize = 10_000;

/// How many cells are read at a time.
const CHUNK_CELLS: u32 = 1_000;

/// What a copy carried over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CopyReport {
    /// Records copied, and found equal on both sides.
    pub records: u64,
    /// Cells copied, and found equal on both sides.
    pub cells: u64,
    /// Bytes of cells copied.
    pub cell_bytes: u64,
}

/// Copies all records of `tables`, and the cells they own, from one store into another, and verifies it by reading
/// both sides back, record by record and cell by cell.
///
/// Records keep their versions, which fence off stale writers ([`RecordOp::Import`]). The cells of a record are those
/// of the owner that its tenant, table and id name, in the tables that
/// [own cells](super::Schema::owns_cells); cells whose record does not exist are left behind. Cells are committed
/// before, or with, the record that refers to them.
///
/// Neither store may be written by anyone else meanwhile: the copy is made of many snapshots, and a write between
/// them is found by the verification at best. If the copy fails, `to` holds a part of it: empty it before a second
/// try. About 150 MB are held at most.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `to`, if `to` holds a record of one of the tables;
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a record that owns cells names no tenant, or if the two sides
/// differ in the end; and what the stores fail with.
///
/// # Example
/// ```
/// use mythos_core::store::{MemoryStore, copy};
///
/// let report = copy(&MemoryStore::new(), &MemoryStore::new(), &[])?;
/// assert_eq!(report.records, 0);
/// # Ok::<(), mythos_core::Error>(())
/// ```
pub fn copy(from: &dyn Store, to: &dyn Store, tables: &[Table]) -> Result<CopyReport> {
    let tables: BTreeSet<_> = tables.iter().copied().collect();
    for table in &tables {
        if !page(to, *table, None, 1)?.is_empty() {
            let message =
                format!("the store to copy into holds records of table {}; it must be empty", table.name());
            return Err(Error::invalid("to", message));
        }
    }
    let mut writer = Writer { to, batch: Batch::new(), bytes: 0 };
    for table in &tables {
        let mut after = None;
        while let Some(records) = next_page(from, *table, &mut after)? {
            for record in records {
                writer.copy_record(from, *table, record)?;
            }
        }
    }
    writer.flush()?;
    let mut report = CopyReport::default();
    for table in tables {
        verify_table(from, to, table, &mut report)?;
    }
    Ok(report)
}

struct Writer<'a> {
    to: &'a dyn Store,
    batch: Batch,
    bytes: usize,
}

impl Writer<'_> {
    fn copy_record(&mut self, from: &dyn Store, table: Table, record: Record) -> Result<()> {
        if let Some(owner) = owner(table, &record)? {
            let mut place = Place::default();
            while let Some(cells) = place.next(from, &owner)? {
                for Cell { name, bytes } in cells {
                    self.bytes += bytes.len();
                    self.batch.cells.push(CellOp::Put { owner: owner.clone(), name, bytes });
                    self.flush_if_full()?;
                }
            }
        }
        let Record { id, version, body } = record;
        // Measured as JSON; a body that has none was never stored.
        self.bytes += serde_json::to_string(&body).map_or(0, |json| json.len());
        self.batch.records.push(RecordOp::Import { table, id, version, body });
        self.flush_if_full()
    }

    fn flush_if_full(&mut self) -> Result<()> {
        let operations = self.batch.records.len() + self.batch.cells.len();
        if self.bytes >= BATCH_BYTES || operations >= BATCH_OPERATIONS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.bytes = 0;
        let batch = mem::take(&mut self.batch);
        batch.validate()?;
        Ok(self.to.commit(&batch)?)
    }
}

fn verify_table(from: &dyn Store, to: &dyn Store, table: Table, report: &mut CopyReport) -> Result<()> {
    let (mut after, mut copied_after) = (None, None);
    loop {
        let records = next_page(from, table, &mut after)?;
        let copies = next_page(to, table, &mut copied_after)?;
        let (Some(records), Some(copies)) = (&records, &copies) else {
            return if records == copies {
                Ok(())
            } else {
                Err(differ(format_args!("table {}", table.name())))
            };
        };
        if records.len() != copies.len() {
            return Err(differ(format_args!("the number of records of table {}", table.name())));
        }
        for (record, copied) in records.iter().zip(copies) {
            if !same_record(record, copied) {
                return Err(differ(format_args!("record {} of table {}", record.id, table.name())));
            }
            report.records += 1;
            if let Some(owner) = owner(table, record)? {
                verify_cells(from, to, &owner, report)?;
            }
        }
    }
}

fn verify_cells(from: &dyn Store, to: &dyn Store, owner: &Owner, report: &mut CopyReport) -> Result<()> {
    let (mut place, mut copied_place) = (Place::default(), Place::default());
    loop {
        let (cells, copies) = (place.next(from, owner)?, copied_place.next(to, owner)?);
        if cells != copies {
            return Err(differ(format_args!("the cells of {owner}")));
        }
        let Some(cells) = cells else { return Ok(()) };
        report.cells += cells.len() as u64;
        report.cell_bytes += cells.iter().map(|cell| cell.bytes.len() as u64).sum::<u64>();
    }
}

/// Numbers are compared by value: a store in a language with one type of number writes 1.0 as 1.
fn same_record(a: &Record, b: &Record) -> bool {
    let same_bodies = a.body.len() == b.body.len()
        && a.body.iter().all(|(key, a)| b.body.get(key).is_some_and(|b| evaluate::same_json(a, b)));
    a.id == b.id && a.version == b.version && same_bodies
}

fn differ(what: std::fmt::Arguments<'_>) -> Error {
    Error::corrupt(format!("after the copy {what} differs between the two stores"))
}

fn owner(table: Table, record: &Record) -> Result<Option<Owner>> {
    if !table.schema().owns_cells {
        return Ok(None);
    }
    let tenant = record.body.get("tenant").and_then(serde_json::Value::as_str);
    let tenant = tenant.and_then(|tenant| TenantId::new(tenant).ok()).ok_or_else(|| {
        let table = table.name();
        Error::corrupt(format!("record {} of table {table} owns cells but names no tenant", record.id))
    })?;
    Ok(Some(Owner { tenant, table, id: record.id }))
}

/// The next page by id, and `None` behind the last one.
fn next_page(store: &dyn Store, table: Table, after: &mut Option<Cursor>) -> Result<Option<Vec<Record>>> {
    let records = page(store, table, after.take(), PAGE_RECORDS)?;
    *after = records.last().map(|record| Query::new(table).cursor(record));
    Ok((!records.is_empty()).then_some(records))
}

fn page(store: &dyn Store, table: Table, after: Option<Cursor>, limit: u32) -> Result<Vec<Record>> {
    let query = Query::new(table).after(after).limit(limit);
    match store.read(&[Read::Page(query)])?.pop() {
        Some(Answer::Page { records }) => Ok(records),
        _ => Err(no_answer()),
    }
}

fn no_answer() -> Error {
    let message = "a store did not answer a read while it was copied".into();
    StoreError::Internal { message, source: None }.into()
}

/// How far the cells of one owner were read.
#[derive(Default)]
enum Place {
    #[default]
    Start,
    From(CellName),
    End,
}

impl Place {
    /// The next cells, in bounded chunks that depend on the cells alone; `None` behind the last one.
    fn next(&mut self, store: &dyn Store, owner: &Owner) -> Result<Option<Vec<Cell>>> {
        let from = match self {
            Self::Start => None,
            Self::From(name) => Some(*name),
            Self::End => return Ok(None),
        };
        let mut cells = read_cells(store, owner, from, CHUNK_CELLS, BATCH_BYTES)?;
        if cells.is_empty() {
            // Either there are none, or the first one alone is larger than a batch.
            cells = read_cells(store, owner, from, 1, MAX_CELL_BYTES)?;
        }
        let next = cells.last().and_then(|cell| cell.name.successor());
        *self = next.map_or(Self::End, Self::From);
        Ok((!cells.is_empty()).then_some(cells))
    }
}

fn read_cells(
    store: &dyn Store,
    owner: &Owner,
    from: Option<CellName>,
    limit: u32,
    max_bytes: usize,
) -> Result<Vec<Cell>> {
    let names = Names::Range { from, until: None, limit, reverse: false };
    let read = Read::Cells { owner: owner.clone(), names, max_bytes: max_bytes as u64 };
    match store.read(&[read])?.pop() {
        Some(Answer::Cells { cells, .. }) => Ok(cells),
        _ => Err(no_answer()),
    }
}

#[cfg(test)]
mod tests;
