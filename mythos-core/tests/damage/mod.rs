//! What the integration tests share: looking into a store, and damaging what is in it.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::sync::Arc;

use mythos_core::Mythos;
use mythos_core::store::{
    Answer, Batch, Cell, Expect, MemoryStore, Names, Owner, Query, Read, Record, RecordOp, Store, Table,
};
use mythos_core::types::{Runtime, TenantId};
use serde_json::{Map, Value};

/// A store in memory and the services on it.
pub(crate) fn in_memory() -> (Arc<MemoryStore>, Mythos) {
    let store = Arc::new(MemoryStore::new());
    let mythos = Mythos::with_store(store.clone(), Runtime::system());
    (store, mythos)
}

/// All records of a table.
pub(crate) fn records(store: &dyn Store, table: Table) -> Vec<Record> {
    match store.read(&[Read::Page(Query::new(table).limit(10_000))]).unwrap().remove(0) {
        Answer::Page { records } => records,
        other => panic!("{other:?}"),
    }
}

/// The owner of the cells of a head record.
pub(crate) fn owner(table: Table, head: &Record) -> Owner {
    let tenant = head.body["tenant"].as_str().unwrap().parse::<TenantId>().unwrap();
    Owner { tenant, table, id: head.id }
}

/// All cells of an owner.
pub(crate) fn cells(store: &dyn Store, owner: &Owner) -> Vec<Cell> {
    let read = Read::Cells { owner: owner.clone(), names: Names::all(), max_bytes: u64::MAX };
    match store.read(&[read]).unwrap().remove(0) {
        Answer::Cells { cells, .. } => cells,
        other => panic!("{other:?}"),
    }
}

/// Puts other bytes into a cell, as someone who can write to the database would.
pub(crate) fn overwrite_cell(store: &dyn Store, owner: &Owner, cell: &Cell) {
    let mut batch = Batch::new();
    batch.delete_cells(owner.clone(), Names::one(cell.name));
    batch.put_cell(owner.clone(), cell.name, cell.bytes.clone());
    store.commit(&batch).unwrap();
}

/// Takes a cell away.
pub(crate) fn delete_cell(store: &dyn Store, owner: &Owner, cell: &Cell) {
    let mut batch = Batch::new();
    batch.delete_cells(owner.clone(), Names::one(cell.name));
    store.commit(&batch).unwrap();
}

/// Changes a record's body, as someone who can write to the database would.
pub(crate) fn tamper(
    store: &dyn Store,
    table: Table,
    record: &Record,
    change: impl FnOnce(&mut Map<String, Value>),
) {
    let mut body = record.body.clone();
    change(&mut body);
    let mut batch = Batch::new();
    let now = records(store, table).into_iter().find(|now| now.id == record.id).unwrap();
    batch.records.push(RecordOp::Put { table, id: record.id, expect: Expect::At(now.version), body });
    store.commit(&batch).unwrap();
}
