//! What lies in the file: the tables of cells, and for each declared table its columns, indexes and side tables.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::error::{Attempt, invalid};
use crate::store::{Field, FieldKind, StoreError, Table};

/// "MYTH" in ASCII: what `PRAGMA application_id` (and `file(1)`) says of every file of this crate.
pub(super) const APPLICATION_ID: i32 = 0x4d59_5448;

/// Brings a file from the layout version that is its index to the next one.
pub(super) type Step = fn(&Connection) -> rusqlite::Result<()>;

/// The ladder of layout versions: a file climbs from `PRAGMA user_version` to the end. Steps are never changed once
/// released, only added.
pub(super) const LADDER: &[Step] = &[lay_cells];

/// Columns that every record table has; a declared field of such a name gets a prefix.
const OWN_COLUMNS: [&str; 4] = ["record", "id", "version", "body"];

fn lay_cells(connection: &Connection) -> rusqlite::Result<()> {
    // A rowid table: large blobs overflow at the end of a row, and the index that finds them stays small.
    connection.execute_batch(
        "CREATE TABLE cell_owners (
            owner INTEGER PRIMARY KEY,
            tenant TEXT NOT NULL,
            record_table TEXT NOT NULL,
            record_id BLOB NOT NULL,
            UNIQUE (tenant, record_table, record_id)
        ) STRICT;
        CREATE TABLE cells (
            cell INTEGER PRIMARY KEY,
            owner INTEGER NOT NULL REFERENCES cell_owners,
            name BLOB NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
            bytes BLOB NOT NULL,
            UNIQUE (owner, name)
        ) STRICT;",
    )
}

/// The column that holds a declared field.
pub(super) fn column(field: &str) -> String {
    if OWN_COLUMNS.contains(&field) { format!("field_{field}") } else { field.to_owned() }
}

/// The table that holds the members of a field of tags or edges, one row each.
pub(super) fn side_table(table: Table, field: &str) -> String {
    format!("{}__{field}", table.name())
}

/// Brings the file up to the end of `ladder` and to the declarations of `tables`, in one transaction; does not write
/// at all if nothing is missing.
pub(super) fn migrate(connection: &Connection, tables: &[Table], ladder: &[Step]) -> Result<(), StoreError> {
    check_names(tables)?;
    if !is_behind(connection, tables, ladder)? {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE").attempt("begin to migrate the store")?;
    let migrated = climb(connection, ladder).attempt("migrate the layout").and_then(|()| {
        // Looked at again: another process may have migrated before the transaction began.
        for statement in missing(connection, tables)? {
            connection.execute_batch(&statement).attempt("lay out a declared table")?;
        }
        connection.execute_batch("COMMIT").attempt("commit the migration")
    });
    if migrated.is_err() && !connection.is_autocommit() {
        // The first error is the one that tells; an uncommitted migration is undone at the next open at the latest.
        let _ = connection.execute_batch("ROLLBACK");
    }
    migrated
}

/// Whether the file lacks anything that `tables` and `ladder` call for.
pub(super) fn is_behind(
    connection: &Connection,
    tables: &[Table],
    ladder: &[Step],
) -> Result<bool, StoreError> {
    Ok(layout_version(connection)? < ladder.len() || !missing(connection, tables)?.is_empty())
}

/// The file's rung of the ladder; 0 of an empty file.
pub(super) fn layout_version(connection: &Connection) -> Result<usize, StoreError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        .attempt("read the layout version")
        .map(|version| usize::try_from(version).unwrap_or(usize::MAX))
}

fn climb(connection: &Connection, ladder: &[Step]) -> rusqlite::Result<()> {
    let version: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for step in ladder.iter().skip(version) {
        step(connection)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", ladder.len().max(version) as i64)
}

/// The statements that bring the file to the declarations of `tables`. What is there but no longer declared stays: an
/// older program may still work on the same file.
fn missing(connection: &Connection, tables: &[Table]) -> Result<Vec<String>, StoreError> {
    let mut statement =
        connection.prepare("SELECT name FROM sqlite_schema").attempt("read the file's schema")?;
    let present: BTreeSet<String> = statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .attempt("read the file's schema")?;
    let mut statements = Vec::new();
    for table in tables {
        if present.contains(table.name()) {
            let columns = columns(connection, *table).attempt("read a table's columns")?;
            for field in table.schema().fields {
                match columns.iter().find(|(name, _)| *name == column(field.name)) {
                    Some((_, kind)) if kind == sql_type(field.kind) => {}
                    Some((_, kind)) => {
                        return Err(invalid(format!(
                            "field {} of table {} is declared {:?}, but the file holds it as {kind}; give the \
                             changed field a new name",
                            field.name,
                            table.name(),
                            field.kind
                        )));
                    }
                    None => statements.push(format!(
                        "ALTER TABLE \"{}\" ADD COLUMN {}",
                        table.name(),
                        column_definition(*field)
                    )),
                }
            }
        } else {
            statements.push(create_table(*table));
        }
        for field in table.schema().fields.iter().filter(|field| !field.kind.is_scalar()) {
            if !present.contains(&side_table(*table, field.name)) {
                statements.push(create_side_table(*table, *field));
            }
        }
        for fields in table.schema().indexes {
            let name = index_name(*table, fields);
            if !present.contains(&name) {
                let keys: String = fields.iter().map(|field| format!("\"{}\", ", column(field))).collect();
                statements.push(format!("CREATE INDEX \"{name}\" ON \"{}\" ({keys}\"id\")", table.name()));
            }
        }
    }
    Ok(statements)
}

/// The names and types of a table's columns, also of the generated ones.
fn columns(connection: &Connection, table: Table) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare("SELECT name, type FROM pragma_table_xinfo(?)")?
        .query_map([table.name()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn create_table(table: Table) -> String {
    let fields: String =
        table.schema().fields.iter().map(|field| format!(",\n    {}", column_definition(*field))).collect();
    format!(
        "CREATE TABLE \"{}\" (\n    record INTEGER PRIMARY KEY,\n    \
         id BLOB NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),\n    \
         version INTEGER NOT NULL CHECK (version >= 1),\n    \
         body TEXT NOT NULL CHECK (json_type(body) = 'object'){fields}\n) STRICT",
        table.name()
    )
}

fn column_definition(field: Field) -> String {
    format!(
        "\"{}\" {} GENERATED ALWAYS AS (json_extract(body, '$.\"{}\"')) VIRTUAL",
        column(field.name),
        sql_type(field.kind),
        field.name
    )
}

/// The type of a field's column. A boolean is 0 or 1; a list is its JSON text.
const fn sql_type(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Integer | FieldKind::Boolean => "INTEGER",
        FieldKind::Real => "REAL",
        FieldKind::Text | FieldKind::Tags | FieldKind::Edges => "TEXT",
    }
}

/// The side table of a field, filled from the records there are, and the triggers that keep it: whoever writes a
/// record, also an older program that does not know the field, keeps it right.
fn create_side_table(table: Table, field: Field) -> String {
    let (name, side) = (table.name(), side_table(table, field.name));
    let (kind, value) = match field.kind {
        FieldKind::Edges => ("BLOB", "unhex(value)"),
        _ => ("TEXT", "value"),
    };
    let members = |body: &str| {
        format!(
            "SELECT DISTINCT {value}, record FROM json_each({body}, '$.\"{}\"') WHERE type = 'text'",
            field.name
        )
    };
    // Most writes leave the members as they are; the text of equal ones is equal, but also that of a list and a string.
    let differs =
        |of: &str| format!("{of}(OLD.body, '$.\"{0}\"') IS NOT {of}(NEW.body, '$.\"{0}\"')", field.name);
    let (other_text, other_type) = (differs("json_extract"), differs("json_type"));
    let of_new = members("NEW.body").replace(", record FROM", ", NEW.record FROM");
    let of_all = members("body").replace("FROM json_each", &format!("FROM \"{name}\", json_each"));
    format!(
        "CREATE TABLE \"{side}\" (
            value {kind} NOT NULL,
            record INTEGER NOT NULL,
            PRIMARY KEY (value, record)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX \"{side}__record\" ON \"{side}\" (record);
        INSERT INTO \"{side}\" (value, record) {of_all};
        CREATE TRIGGER \"{side}__insert\" AFTER INSERT ON \"{name}\" BEGIN
            INSERT INTO \"{side}\" (value, record) {of_new};
        END;
        CREATE TRIGGER \"{side}__update\" AFTER UPDATE OF body ON \"{name}\"
            WHEN {other_text} OR {other_type} BEGIN
            DELETE FROM \"{side}\" WHERE record = OLD.record;
            INSERT INTO \"{side}\" (value, record) {of_new};
        END;
        CREATE TRIGGER \"{side}__delete\" AFTER DELETE ON \"{name}\" BEGIN
            DELETE FROM \"{side}\" WHERE record = OLD.record;
        END;"
    )
}

fn index_name(table: Table, fields: &[&str]) -> String {
    format!("{}__by__{}", table.name(), fields.join("__"))
}

/// Refuses declarations that do not make distinct SQL names, or that name fields that are not there.
fn check_names(tables: &[Table]) -> Result<(), StoreError> {
    let mut names = BTreeSet::from(["cells".to_owned(), "cell_owners".to_owned()]);
    let mut claim = |name: String, table: Table| {
        if names.insert(name.clone()) {
            Ok(())
        } else {
            Err(invalid(format!("the SQL name {name} is needed twice, last by table {}", table.name())))
        }
    };
    for table in tables {
        let schema = table.schema();
        check_name(schema.name)?;
        claim(schema.name.to_owned(), *table)?;
        let mut columns = BTreeSet::from(OWN_COLUMNS.map(str::to_owned));
        for field in schema.fields {
            check_name(field.name)?;
            if !columns.insert(column(field.name)) {
                return Err(invalid(format!("table {} declares {} twice", schema.name, field.name)));
            }
            if !field.kind.is_scalar() {
                claim(side_table(*table, field.name), *table)?;
            }
        }
        for fields in schema.indexes {
            let known = |name: &&str| schema.field(name).is_some_and(|field| field.kind.is_scalar());
            if let Some(unknown) = fields.iter().find(|name| !known(name)) {
                return Err(invalid(format!(
                    "an index of table {} names {unknown}, which is no scalar field of it",
                    schema.name
                )));
            }
            claim(index_name(*table, fields), *table)?;
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let is_plain = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if is_plain && !name.is_empty() && !name.starts_with("sqlite_") {
        Ok(())
    } else {
        Err(invalid(format!(
            "{name:?} cannot name a table or field: use lower-case ASCII letters, digits and underscores"
        )))
    }
}
