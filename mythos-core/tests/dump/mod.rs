//! Everything in a store as JSON, for golden files.

use std::path::PathBuf;
use std::sync::Arc;

use mythos_core::TABLES;
use mythos_core::store::{Batch, MemoryStore, Record, RecordOp, Store};
use serde_json::{Value, json};

use crate::damage::{cells, owner, records};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The dump in a golden file, which is first written if `MYTHOS_WRITE_GOLDEN` is set and there is none.
pub(crate) fn golden(name: &str, write: impl FnOnce() -> Value) -> Value {
    if std::env::var_os("MYTHOS_WRITE_GOLDEN").is_some() && !path(name).exists() {
        std::fs::write(path(name), serde_json::to_string_pretty(&write()).unwrap() + "\n").unwrap();
    }
    serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

/// The bytes of a cell in a dump.
pub(crate) fn bytes(cell: &Value) -> Vec<u8> {
    let text = cell["bytes"].as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything in a store, as JSON; tables without a record are left out, so that an older dump is one of a newer store.
pub(crate) fn dump(store: &dyn Store) -> Value {
    let mut tables = serde_json::Map::new();
    for table in TABLES {
        let rows = records(store, *table).into_iter().map(|record| {
            let cells: Vec<_> = match table.schema().owns_cells {
                true => cells(store, &owner(*table, &record)),
                false => Vec::new(),
            };
            let cells: Vec<_> =
                cells.into_iter().map(|cell| json!({"name": cell.name, "bytes": hex(&cell.bytes)})).collect();
            json!({"record": record, "cells": cells})
        });
        let rows: Vec<Value> = rows.collect();
        if !rows.is_empty() {
            tables.insert(table.name().to_owned(), rows.into());
        }
    }
    Value::Object(tables)
}

/// Puts a dump into a store.
pub(crate) fn load(dump: &Value) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let mut batch = Batch::new();
    for table in TABLES {
        for row in dump[table.name()].as_array().into_iter().flatten() {
            let record: Record = serde_json::from_value(row["record"].clone()).unwrap();
            for cell in row["cells"].as_array().unwrap() {
                let name = serde_json::from_value(cell["name"].clone()).unwrap();
                batch.put_cell(owner(*table, &record), name, bytes(cell));
            }
            let Record { id, version, body } = record;
            batch.records.push(RecordOp::Import { table: *table, id, version, body });
        }
    }
    batch.validate().unwrap();
    store.commit(&batch).unwrap();
    store
}
