use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{CellName, MAX_CELL_BYTES, Model, Names, Owner, Record, Table};
use crate::canonical::MAX_DEPTH;
use crate::error::{Error, Result};
use crate::types::{MAX_SAFE_INTEGER, RecordId, Version};

/// What a commit expects of a record before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "version", rename_all = "snake_case")]
pub enum Expect {
    /// It does not exist.
    Absent,
    /// It exists at this version.
    At(Version),
}

impl Expect {
    /// The version of the record after it was written under this expectation.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) past the highest version.
    pub fn next_version(self) -> Result<Version> {
        match self {
            Self::Absent => Ok(Version::FIRST),
            Self::At(version) => version.next(),
        }
    }
}

/// An expectation about a record that the batch does not write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The record's table.
    pub table: Table,
    /// The record.
    pub id: RecordId,
    /// What must hold.
    pub expect: Expect,
}

/// A write of one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordOp {
    /// Creates or replaces a record. Its version becomes 1, or the expected one plus 1.
    Put {
        /// The record's table.
        table: Table,
        /// The record.
        id: RecordId,
        /// What must hold before.
        expect: Expect,
        /// The new content.
        body: Map<String, Value>,
    },
    /// Creates a record at a version of its own, as a copy from another store needs: versions fence off stale
    /// writers, so a copy must not begin again at 1. The record must not exist.
    Import {
        /// The record's table.
        table: Table,
        /// The record.
        id: RecordId,
        /// The version it gets.
        version: Version,
        /// Its content.
        body: Map<String, Value>,
    },
    /// Deletes a record at this version.
    Delete {
        /// The record's table.
        table: Table,
        /// The record.
        id: RecordId,
        /// The version it must have.
        version: Version,
    },
}

impl RecordOp {
    /// The record that is written, and what is expected of it.
    #[must_use]
    pub const fn target(&self) -> (Table, RecordId, Expect) {
        match self {
            Self::Put { table, id, expect, .. } => (*table, *id, *expect),
            Self::Import { table, id, .. } => (*table, *id, Expect::Absent),
            Self::Delete { table, id, version } => (*table, *id, Expect::At(*version)),
        }
    }

    /// As [`Self::written`], with the content itself.
    pub(super) fn into_written(self) -> Result<Option<(Version, Map<String, Value>)>> {
        match self {
            Self::Put { expect, body, .. } => Ok(Some((expect.next_version()?, body))),
            Self::Import { version, body, .. } => Ok(Some((version, body))),
            Self::Delete { .. } => Ok(None),
        }
    }

    /// The version and the content that the record has afterwards; `None` if it is deleted.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) past the highest version; never after [`Batch::validate`].
    pub fn written(&self) -> Result<Option<(Version, &Map<String, Value>)>> {
        match self {
            Self::Put { expect, body, .. } => Ok(Some((expect.next_version()?, body))),
            Self::Import { version, body, .. } => Ok(Some((*version, body))),
            Self::Delete { .. } => Ok(None),
        }
    }
}

/// A write of cells. Deletions of a batch are applied before its puts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CellOp {
    /// Creates a cell. If it exists with the same bytes nothing happens, with other bytes it is a
    /// [`CellConflict`](super::StoreError::CellConflict).
    Put {
        /// Who owns it.
        owner: Owner,
        /// Its name.
        name: CellName,
        /// Its content.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// Deletes these cells, as far as they exist. A range is deleted whole: its `limit` must be `u32::MAX` and
    /// `reverse` false.
    Delete {
        /// Who owns them.
        owner: Owner,
        /// Which.
        names: Names,
    },
}

impl CellOp {
    /// Who owns the cells.
    pub(crate) const fn owner(&self) -> &Owner {
        match self {
            Self::Put { owner, .. } | Self::Delete { owner, .. } => owner,
        }
    }
}

/// Changes that are made together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Batch {
    /// What must hold of records that are not written.
    pub checks: Vec<Check>,
    /// The record writes, each record at most once.
    pub records: Vec<RecordOp>,
    /// The cell writes.
    pub cells: Vec<CellOp>,
}

impl Batch {
    /// The most checks, record writes and cell writes together.
    pub const MAX_OPERATIONS: usize = 100_000;

    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check.
    pub fn check(&mut self, table: Table, id: RecordId, expect: Expect) -> &mut Self {
        self.checks.push(Check { table, id, expect });
        self
    }

    /// Adds a write of a typed record.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if `model` has no JSON object.
    pub fn put<M: Model>(&mut self, id: RecordId, expect: Expect, model: &M) -> Result<&mut Self> {
        self.records.push(RecordOp::Put { table: M::TABLE, id, expect, body: model.to_body()? });
        Ok(self)
    }

    /// Adds a deletion of a record.
    pub fn delete(&mut self, table: Table, id: RecordId, version: Version) -> &mut Self {
        self.records.push(RecordOp::Delete { table, id, version });
        self
    }

    /// Adds a cell.
    pub fn put_cell(&mut self, owner: Owner, name: CellName, bytes: Vec<u8>) -> &mut Self {
        self.cells.push(CellOp::Put { owner, name, bytes });
        self
    }

    /// Adds a deletion of cells.
    pub fn delete_cells(&mut self, owner: Owner, names: Names) -> &mut Self {
        self.cells.push(CellOp::Delete { owner, names });
        self
    }

    /// Checks the bounds and rules that every batch keeps, so that a store need not.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) for a batch, body or cell that is too large;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a record named twice, a declared field with a value of
    /// another kind, U+0000, an integer of more than 53 bits, or a bounded or reversed range of deletions.
    pub fn validate(&self) -> Result<()> {
        let operations = self.checks.len() + self.records.len() + self.cells.len();
        if operations > Self::MAX_OPERATIONS {
            let message =
                format!("a batch has at most {} operations, not {operations}", Self::MAX_OPERATIONS);
            return Err(Error::limit("batch", message));
        }
        let mut seen = BTreeSet::new();
        let targets = self.checks.iter().map(|check| (check.table, check.id));
        for (table, id) in targets.chain(self.records.iter().map(|op| (op.target().0, op.target().1))) {
            if !seen.insert((table, id)) {
                let message = format!("record {id} of table {} is named twice in one batch", table.name());
                return Err(Error::invalid("batch", message));
            }
        }
        for op in &self.records {
            if let Some((_, body)) = op.written()? {
                let (table, id, _) = op.target();
                validate_body(table, body).map_err(|error| {
                    error.while_doing(format_args!("write record {id} of {}", table.name()))
                })?;
            }
        }
        self.cells.iter().try_for_each(validate_cell_op)
    }
}

fn validate_cell_op(op: &CellOp) -> Result<()> {
    match op {
        CellOp::Put { name, bytes, .. } if bytes.len() > MAX_CELL_BYTES => Err(Error::limit(
            "bytes",
            format!("cell {name} has {} bytes; at most {MAX_CELL_BYTES} are stored", bytes.len()),
        )),
        CellOp::Delete { names: Names::Range { limit, reverse, .. }, .. }
            if *limit != u32::MAX || *reverse =>
        {
            Err(Error::invalid("names", "a range of deletions has no limit and is not reversed"))
        }
        _ => Ok(()),
    }
}

fn validate_body(table: Table, body: &Map<String, Value>) -> Result<()> {
    for field in table.schema().fields {
        let value = body.get(field.name).unwrap_or(&Value::Null);
        if !super::evaluate::fits(field.kind, value) {
            let message = format!("field {} is declared {:?} but holds {value}", field.name, field.kind);
            return Err(Error::invalid(field.name, message));
        }
    }
    let mut bytes = 2;
    for (key, value) in body {
        bytes += validate_text(key)? + 4 + validate_value(value, 1)?;
    }
    if bytes > Record::MAX_BODY_BYTES {
        let message = format!("a record body has at most {} bytes of JSON", Record::MAX_BODY_BYTES);
        return Err(Error::limit("body", message));
    }
    Ok(())
}

/// Checks a value inside `depth` arrays and objects, and returns about how many bytes of JSON it takes.
fn validate_value(value: &Value, depth: usize) -> Result<usize> {
    if depth == MAX_DEPTH && matches!(value, Value::Array(_) | Value::Object(_)) {
        return Err(Error::limit("body", format!("a record body nests deeper than {MAX_DEPTH} levels")));
    }
    match value {
        Value::Null | Value::Bool(_) => Ok(5),
        Value::Number(number) => {
            let integer = number.is_u64() || number.is_i64();
            let safe = number.as_i64().is_some_and(|value| value.unsigned_abs() <= MAX_SAFE_INTEGER);
            if safe || !integer {
                Ok(24)
            } else {
                Err(Error::invalid("body", format!("integer {number} has more than 53 bits")))
            }
        }
        Value::String(text) => Ok(validate_text(text)? + 3),
        Value::Array(items) => {
            items.iter().try_fold(2, |sum, item| Ok(sum + 1 + validate_value(item, depth + 1)?))
        }
        Value::Object(members) => members.iter().try_fold(2, |sum, (key, value)| {
            Ok(sum + validate_text(key)? + 4 + validate_value(value, depth + 1)?)
        }),
    }
}

fn validate_text(text: &str) -> Result<usize> {
    if text.contains('\0') {
        return Err(Error::invalid("body", format!("text {text:?} contains U+0000")));
    }
    Ok(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical;
    use crate::store::Schema;

    static SCHEMA: Schema = Schema { name: "notes", fields: &[], indexes: &[], owns_cells: false };

    fn validate(body: Map<String, Value>) -> Result<()> {
        let mut batch = Batch::new();
        let (table, id) = (Table::new(&SCHEMA), RecordId::new(b"a")?);
        batch.records.push(RecordOp::Put { table, id, expect: Expect::Absent, body });
        batch.validate()
    }

    #[test]
    fn a_body_nests_as_deep_as_canonical_json() {
        let nested = |depth: usize| {
            let value = (1..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
            Map::from_iter([("a".to_owned(), value)])
        };
        let deepest = nested(MAX_DEPTH);
        assert!(validate(deepest.clone()).is_ok());
        assert!(canonical::to_vec(&deepest).is_ok());

        let too_deep = nested(MAX_DEPTH + 1);
        assert_eq!(validate(too_deep.clone()).unwrap_err().kind(), crate::ErrorKind::Limit);
        assert_eq!(canonical::to_vec(&too_deep).unwrap_err().kind(), crate::ErrorKind::Limit);
    }
}
