//! Applying a batch inside a transaction.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::error::Attempt;
use super::read::find_owner;
use crate::store::{Batch, CellName, CellOp, Expect, Names, Owner, RecordOp, StoreError, Table};
use crate::types::RecordId;

/// Applies `batch`. The caller undoes what an error leaves half done.
///
/// The expectation of a write is part of its statement: since a batch names each record once, the state that the
/// statement meets is the one before the batch.
pub(super) fn apply(connection: &Connection, batch: &Batch) -> Result<(), StoreError> {
    for check in &batch.checks {
        if !holds(connection, check.table, check.id, check.expect).attempt("check a record")? {
            return Err(conflict(check.table, check.id));
        }
    }
    for op in &batch.records {
        let (table, id, _) = op.target();
        if !write_record(connection, op)? {
            return Err(conflict(table, id));
        }
    }
    Cells { connection, owners: BTreeMap::new(), last: None }.apply(&batch.cells)
}

/// About how many bytes `batch` adds to a transaction.
pub(super) fn weight(batch: &Batch) -> usize {
    let cells = batch.cells.iter().map(|op| match op {
        CellOp::Put { bytes, .. } => bytes.len(),
        CellOp::Delete { .. } => 0,
    });
    cells.sum::<usize>() + ROW_BYTES * (batch.records.len() + batch.cells.len())
}

/// What a record is taken to weigh; only [`weight`] needs it, and only roughly.
const ROW_BYTES: usize = 512;

fn conflict(table: Table, id: RecordId) -> StoreError {
    StoreError::Conflict { table: table.name().to_owned(), id }
}

fn holds(connection: &Connection, table: Table, id: RecordId, expect: Expect) -> rusqlite::Result<bool> {
    let sql = format!("SELECT version FROM \"{}\" WHERE id = ?", table.name());
    let found: Option<u64> =
        connection.prepare_cached(&sql)?.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
    Ok(match expect {
        Expect::Absent => found.is_none(),
        Expect::At(version) => found == Some(version.get()),
    })
}

/// Writes a record and says whether its expectation held.
fn write_record(connection: &Connection, op: &RecordOp) -> Result<bool, StoreError> {
    let (table, id, expect) = op.target();
    let execute = |sql: &str, params: &[&dyn rusqlite::ToSql]| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .attempt(&format!("write record {id} of table {}", table.name()))
            .map(|changed| changed == 1)
    };
    let name = table.name();
    let Some((next, body)) = op.written()? else {
        let sql = format!("DELETE FROM \"{name}\" WHERE id = ? AND version = ?");
        return match expect {
            Expect::At(version) => execute(&sql, &[&id.as_bytes(), &version.get()]),
            Expect::Absent => Ok(true),
        };
    };
    let body = serde_json::to_string(body).map_err(|error| StoreError::Internal {
        message: format!("record {id} of table {name} has no JSON form"),
        source: Some(error.into()),
    })?;
    match expect {
        Expect::Absent => execute(
            &format!(
                "INSERT INTO \"{name}\" (id, version, body) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"
            ),
            &[&id.as_bytes(), &next.get(), &body],
        ),
        Expect::At(version) => execute(
            &format!("UPDATE \"{name}\" SET version = ?, body = ? WHERE id = ? AND version = ?"),
            &[&next.get(), &body, &id.as_bytes(), &version.get()],
        ),
    }
}

const INSERT_CELL: &str =
    "INSERT INTO cells (owner, name, bytes) VALUES (?, ?, ?) ON CONFLICT (owner, name) DO NOTHING";

/// Writes the cells of one batch.
struct Cells<'a> {
    connection: &'a Connection,
    /// The numbers of the owners met so far.
    owners: BTreeMap<&'a Owner, Option<i64>>,
    /// The one met last, and its number: most batches have cells of one.
    last: Option<(&'a Owner, i64)>,
}

impl<'a> Cells<'a> {
    fn apply(&mut self, ops: &'a [CellOp]) -> Result<(), StoreError> {
        let mut thinned = BTreeSet::new();
        for op in ops {
            if let CellOp::Delete { owner, names } = op
                && let Some(number) = self.number(owner).attempt("find the owner of cells")?
            {
                self.delete(number, names).attempt("delete cells")?;
                thinned.insert(number);
            }
        }
        let mut insert = self.connection.prepare_cached(INSERT_CELL).attempt("write a cell")?;
        for op in ops {
            if let CellOp::Put { owner, name, bytes } = op {
                let number = self.number_made(owner).attempt("note the owner of cells")?;
                let inserted =
                    insert.execute(params![number, name.as_bytes(), bytes]).attempt("write a cell")?;
                if inserted == 0 && !self.has(number, *name, bytes).attempt("compare a cell")? {
                    return Err(StoreError::CellConflict { owner: Box::new(owner.clone()), name: *name });
                }
                if !thinned.is_empty() {
                    thinned.remove(&number);
                }
            }
        }
        for number in thinned {
            // An owner without cells is forgotten.
            self.execute(
                "DELETE FROM cell_owners WHERE owner = ?1 AND NOT EXISTS (SELECT 1 FROM cells WHERE owner = ?1)",
                &[&number],
            )
            .attempt("forget an owner without cells")?;
        }
        Ok(())
    }

    /// The number of an owner, if it has one.
    fn number(&mut self, owner: &'a Owner) -> rusqlite::Result<Option<i64>> {
        if let Some(number) = self.owners.get(owner) {
            return Ok(*number);
        }
        let number = find_owner(self.connection, owner)?;
        self.owners.insert(owner, number);
        Ok(number)
    }

    /// The number of an owner, which it gets if it has none.
    fn number_made(&mut self, owner: &'a Owner) -> rusqlite::Result<i64> {
        if let Some((_, number)) = self.last.filter(|(last, _)| *last == owner) {
            return Ok(number);
        }
        if let Some(number) = self.number(owner)? {
            self.last = Some((owner, number));
            return Ok(number);
        }
        self.execute(
            "INSERT INTO cell_owners (tenant, record_table, record_id) VALUES (?, ?, ?)",
            &[&owner.tenant.as_str(), &owner.table.name(), &owner.id.as_bytes()],
        )?;
        let number = self.connection.last_insert_rowid();
        self.owners.insert(owner, Some(number));
        Ok(number)
    }

    fn delete(&self, owner: i64, names: &Names) -> rusqlite::Result<()> {
        match names {
            Names::These { names } => {
                for name in names {
                    self.execute(
                        "DELETE FROM cells WHERE owner = ? AND name = ?",
                        &[&owner, &name.as_bytes()],
                    )?;
                }
            }
            Names::Range { from, until, .. } => {
                let from = from.as_ref().map_or(&[][..], CellName::as_bytes);
                match until {
                    Some(until) => self.execute(
                        "DELETE FROM cells WHERE owner = ? AND name >= ? AND name < ?",
                        &[&owner, &from, &until.as_bytes()],
                    )?,
                    None => {
                        self.execute("DELETE FROM cells WHERE owner = ? AND name >= ?", &[&owner, &from])?
                    }
                };
            }
        }
        Ok(())
    }

    /// Whether a cell has these bytes.
    fn has(&self, owner: i64, name: CellName, bytes: &[u8]) -> rusqlite::Result<bool> {
        self.connection
            .prepare_cached("SELECT bytes FROM cells WHERE owner = ? AND name = ?")?
            .query_row(params![owner, name.as_bytes()], |row| {
                Ok(row.get_ref(0)?.as_blob().is_ok_and(|found| found == bytes))
            })
    }

    fn execute(&self, sql: &str, params: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute(params)
    }
}
