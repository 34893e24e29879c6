//! What the integration tests share: looking into a store, and damaging what is in it.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::sync::Arc;

use mythos_core::Mythos;
use mythos_core::ritual::RitualOptions;
use mythos_core::store::{
    Answer, Batch, Cell, Expect, MemoryStore, Names, Owner, Query, Read, Record, RecordOp, Store, Table,
};
use mythos_core::types::{Runtime, TenantId};
use serde_json::{Map, Value};

/// A store in memory and the services on it, which keep no state in memory: what is damaged is read.
pub(crate) fn in_memory() -> (Arc<MemoryStore>, Mythos) {
    let store = Arc::new(MemoryStore::new());
    let mythos = without_memory(Mythos::with_store(store.clone(), Runtime::system()));
    (store, mythos)
}

/// The same services without a memory of newest states, so that every restore reads the store.
pub(crate) fn without_memory(mythos: Mythos) -> Mythos {
    mythos.with_rituals(RitualOptions { hot_bytes: 0, ..RitualOptions::default() })
}

/// The kinds of a ritual's cells: the first byte of their names, behind which stand 8 bytes of a position.
pub(crate) const BLOCK: u8 = b'e';
pub(crate) const INTENT: u8 = b'i';
pub(crate) const OPERATION: u8 = b'o';
pub(crate) const PATCH: u8 = b'p';
pub(crate) const WHOLE: u8 = b'w';

/// The cells of a kind, in the order of the entries.
pub(crate) fn cells_of(store: &dyn Store, owner: &Owner, kind: u8) -> Vec<Cell> {
    let mut cells = cells(store, owner);
    cells.retain(|cell| cell.name.as_bytes()[0] == kind);
    cells
}

/// The cell of a kind for the entry at a position.
pub(crate) fn cell_at(store: &dyn Store, owner: &Owner, kind: u8, sequence: u64) -> Cell {
    let place = sequence.to_be_bytes();
    let mut cells = cells_of(store, owner, kind);
    cells.retain(|cell| cell.name.as_bytes()[1..9] == place);
    assert_eq!(cells.len(), 1, "cell {} of entry {sequence}", char::from(kind));
    cells.remove(0)
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
