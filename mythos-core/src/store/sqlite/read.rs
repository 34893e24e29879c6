//! Answering reads on one connection.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use rusqlite::types::ValueRef;
use rusqlite::{
    CachedStatement, Connection, OptionalExtension, Row, StatementStatus, params, params_from_iter,
};

use super::error::{Attempt, failure};
use super::query::{self, Sql};
use super::statistics::Counters;
use crate::store::evaluate::compare;
use crate::store::{
    Answer, Cell, CellName, FieldKind, Filter, Group, Names, Owner, Query, Read, Record, Scalar, StoreError,
    Table,
};
use crate::types::{RecordId, Version};

/// Answers `reads` from one snapshot.
pub(super) fn answer_all(
    connection: &Connection,
    counters: &Counters,
    reads: &[Read],
) -> Result<Vec<Answer>, StoreError> {
    let _snapshot = Snapshot::take(connection)?;
    let reader = Reader { connection, counters };
    reads.iter().map(|read| reader.answer(read)).collect()
}

/// A read transaction, which ends when this is dropped.
struct Snapshot<'a>(&'a Connection);

impl<'a> Snapshot<'a> {
    fn take(connection: &'a Connection) -> Result<Self, StoreError> {
        run(connection, "BEGIN").attempt("begin to read")?;
        Ok(Self(connection))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // Nothing was written, so that nothing is lost if this fails; the pool does not take the connection back then.
        let _ = run(self.0, "ROLLBACK");
    }
}

/// Runs a statement without parameters, from the connection's cache.
pub(super) fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

struct Reader<'a> {
    connection: &'a Connection,
    counters: &'a Counters,
}

impl Reader<'_> {
    fn answer(&self, read: &Read) -> Result<Answer, StoreError> {
        match read {
            Read::Record { table, id } => Ok(Answer::Record { record: self.record(*table, *id)? }),
            Read::Page(query) => Ok(Answer::Page { records: self.page(query)? }),
            Read::Count { table, filters, by, cap } => self.count(*table, filters, by.as_deref(), *cap),
            Read::Cells { owner, names, max_bytes } => self.cells(owner, names, *max_bytes),
        }
    }

    fn record(&self, table: Table, id: RecordId) -> Result<Option<Record>, StoreError> {
        let sql = format!("SELECT id, version, body FROM \"{}\" WHERE id = ?", table.name());
        let mut statement = self.prepare(&sql)?;
        let mut rows = statement.query([id.as_bytes()]).attempt("read a record")?;
        rows.next().attempt("read a record")?.map(|row| record(table, row)).transpose()
    }

    fn page(&self, query: &Query) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        for Sql { text, mut values } in query::page(query) {
            let rest = query.limit as usize - records.len();
            if rest == 0 {
                break;
            }
            values.push((rest as i64).into());
            let mut statement = self.prepare(&text)?;
            let mut rows = statement.query(params_from_iter(values)).attempt("read a page")?;
            while let Some(row) = rows.next().attempt("read a page")? {
                records.push(record(query.table, row)?);
            }
            drop(rows);
            self.observe(&statement);
        }
        Ok(records)
    }

    fn count(
        &self,
        table: Table,
        filters: &[Filter],
        by: Option<&str>,
        cap: u64,
    ) -> Result<Answer, StoreError> {
        // One more than the cap tells whether it was reached.
        let limit = i64::try_from(cap).unwrap_or(i64::MAX).saturating_add(1);
        let Some(by) = by else {
            let Sql { text, values } = query::total(table, filters, limit);
            let mut statement = self.prepare(&text)?;
            let total: u64 =
                statement.query_row(params_from_iter(values), |row| row.get(0)).attempt("count records")?;
            self.observe(&statement);
            let count = total.min(cap);
            let groups = (count > 0).then_some(Group { value: Scalar::Null, count });
            return Ok(Answer::Count { groups: groups.into_iter().collect(), capped: total > cap });
        };
        let kind = table.schema().field(by).map_or(FieldKind::Text, |field| field.kind);
        let Sql { text, values } = query::values(table, filters, by, limit);
        let mut statement = self.prepare(&text)?;
        let mut rows = statement.query(params_from_iter(values)).attempt("count records")?;
        // Grouped here: SQL would sort what the limit has let through.
        let mut groups = BTreeMap::<Ordered, u64>::new();
        let mut counted = 0;
        while let Some(row) = rows.next().attempt("count records")? {
            if counted == cap {
                counted += 1;
                break;
            }
            counted += 1;
            let value = scalar(kind, row.get_ref(0).attempt("count records")?)?;
            *groups.entry(Ordered(value)).or_default() += 1;
        }
        drop(rows);
        self.observe(&statement);
        let groups = groups.into_iter().map(|(value, count)| Group { value: value.0, count }).collect();
        Ok(Answer::Count { groups, capped: counted > cap })
    }

    fn cells(&self, owner: &Owner, names: &Names, max_bytes: u64) -> Result<Answer, StoreError> {
        let mut taken = Taken { cells: Vec::new(), rest: max_bytes, more: false };
        if let Some(owner) = find_owner(self.connection, owner).attempt("find the owner of cells")? {
            match names {
                Names::These { names } => self.cells_named(owner, names, &mut taken)?,
                Names::Range { from, until, limit, reverse } => {
                    let bounds = [from, until].map(|name| name.as_ref().map(|name| name.as_bytes().to_vec()));
                    self.cells_in_range(owner, bounds, *limit, *reverse, &mut taken)?;
                }
            }
        }
        Ok(Answer::Cells { cells: taken.cells, more: taken.more })
    }

    fn cells_named(&self, owner: i64, names: &[CellName], taken: &mut Taken) -> Result<(), StoreError> {
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut lookup =
            self.prepare("SELECT cell, name, length(bytes) FROM cells WHERE owner = ? AND name = ?")?;
        for name in sorted {
            let mut rows = lookup.query(params![owner, name.as_bytes()]).attempt("read cells")?;
            if let Some(row) = rows.next().attempt("read cells")?
                && !self.take(row, taken)?
            {
                break;
            }
        }
        Ok(())
    }

    fn cells_in_range(
        &self,
        owner: i64,
        [from, until]: [Option<Vec<u8>>; 2],
        limit: u32,
        reverse: bool,
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        // Every name lies behind the empty blob, so that an open start needs no statement of its own.
        let below = if until.is_some() { " AND name < ?3" } else { "" };
        let direction = if reverse { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT cell, name, length(bytes) FROM cells WHERE owner = ?1 AND name >= ?2{below} \
             ORDER BY name {direction} LIMIT {limit}"
        );
        let mut listing = self.prepare(&sql)?;
        let from = from.unwrap_or_default();
        let mut rows = match until {
            Some(until) => listing.query(params![owner, from, until]),
            None => listing.query(params![owner, from]),
        }
        .attempt("list cells")?;
        while let Some(row) = rows.next().attempt("list cells")? {
            if !self.take(row, taken)? {
                break;
            }
        }
        Ok(())
    }

    /// Reads the cell of a row `(cell, name, length)` if it fits, and says whether it did. The length stands in the
    /// row's header: a cell that does not fit is not read.
    fn take(&self, row: &Row<'_>, taken: &mut Taken) -> Result<bool, StoreError> {
        let cell: i64 = row.get(0).attempt("list cells")?;
        let length: u64 = row.get(2).attempt("list cells")?;
        if length > taken.rest {
            taken.more = true;
            return Ok(false);
        }
        taken.rest -= length;
        let name = row.get_ref(1).attempt("list cells")?;
        let name = name
            .as_blob()
            .ok()
            .and_then(|name| CellName::new(name).ok())
            .ok_or_else(|| StoreError::Corrupt { message: format!("cell {cell} has no legal name") })?;
        let bytes = self
            .prepare("SELECT bytes FROM cells WHERE cell = ?")?
            .query_row([cell], |row| row.get(0))
            .attempt("read a cell")?;
        taken.cells.push(Cell { name, bytes });
        Ok(true)
    }

    fn prepare(&self, sql: &str) -> Result<CachedStatement<'_>, StoreError> {
        self.connection.prepare_cached(sql).attempt("prepare a read")
    }

    /// Adds what SQLite counted while it ran a listing.
    fn observe(&self, statement: &CachedStatement<'_>) {
        let add = |counter: &std::sync::atomic::AtomicU64, status| {
            let steps = statement.reset_status(status);
            counter.fetch_add(u64::from(steps.unsigned_abs()), Ordering::Relaxed);
        };
        add(&self.counters.full_scan_steps, StatementStatus::FullscanStep);
        add(&self.counters.sorts, StatementStatus::Sort);
    }
}

/// The cells read so far, and how many bytes more may be.
struct Taken {
    cells: Vec<Cell>,
    rest: u64,
    more: bool,
}

/// The number by which the file knows the owner, if it has cells.
pub(super) fn find_owner(connection: &Connection, owner: &Owner) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT owner FROM cell_owners WHERE tenant = ? AND record_table = ? AND record_id = ?",
        )?
        .query_row(params![owner.tenant.as_str(), owner.table.name(), owner.id.as_bytes()], |row| row.get(0))
        .optional()
}

/// Decodes a row `(id, version, body)`.
fn record(table: Table, row: &Row<'_>) -> Result<Record, StoreError> {
    let corrupt =
        |what: &str| StoreError::Corrupt { message: format!("a record of table {} {what}", table.name()) };
    let column = |index| row.get_ref(index).map_err(|error| failure("read a record", error));
    let id = column(0)?.as_blob().ok().and_then(|id| RecordId::new(id).ok());
    let id = id.ok_or_else(|| corrupt("has no legal id"))?;
    let version = column(1)?.as_i64().ok().and_then(|version| u64::try_from(version).ok());
    let version = version
        .and_then(|version| Version::new(version).ok())
        .ok_or_else(|| corrupt(&format!("({id}) has no legal version")))?;
    let body = column(2)?.as_bytes().map_err(|_| corrupt(&format!("({id}) has no body")))?;
    let body = serde_json::from_slice(body)
        .map_err(|error| corrupt(&format!("({id}) has a body that is not a JSON object: {error}")))?;
    Ok(Record { id, version, body })
}

fn scalar(kind: FieldKind, value: ValueRef<'_>) -> Result<Scalar, StoreError> {
    match value {
        ValueRef::Null => Ok(Scalar::Null),
        ValueRef::Integer(integer) if kind == FieldKind::Boolean => Ok(Scalar::Boolean(integer != 0)),
        ValueRef::Integer(integer) => Ok(Scalar::Integer(integer)),
        ValueRef::Real(real) => Ok(Scalar::Real(real)),
        ValueRef::Text(text) => std::str::from_utf8(text)
            .map(|text| Scalar::Text(text.to_owned()))
            .map_err(|error| StoreError::Corrupt { message: format!("a field is not UTF-8: {error}") }),
        ValueRef::Blob(_) => Err(StoreError::Corrupt { message: "a scalar field holds bytes".to_owned() }),
    }
}

/// A scalar as a key of a map, in the order of pages.
struct Ordered(Scalar);

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}
