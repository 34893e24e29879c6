use serde_json::{Map, Value, json};

use super::*;
use crate::store::{
    Cell, CellName, Cursor, Direction, Expect, Field, FieldKind, Filter, Names, Owner, Query, Record,
    RecordOp, Scalar, Schema, Walk,
};
use crate::types::{RecordId, TenantId, Version};

const ITEMS: Table = Table::new(&Schema {
    name: "items",
    fields: &[
        Field::new("tenant", FieldKind::Text),
        Field::new("status", FieldKind::Text),
        Field::new("created", FieldKind::Integer),
        Field::new("score", FieldKind::Real),
        Field::new("open", FieldKind::Boolean),
        Field::new("tags", FieldKind::Tags),
        Field::new("parents", FieldKind::Edges),
        Field::new("version", FieldKind::Text),
    ],
    indexes: &[&["tenant"], &["tenant", "created"], &["tenant", "score"], &["tenant", "status", "created"]],
    owns_cells: true,
});

fn scratch() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    (directory, path)
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, &[ITEMS], &SqliteOptions::default()).unwrap()
}

fn id(number: u64) -> RecordId {
    RecordId::new(&number.to_be_bytes()).unwrap()
}

fn name(text: &str) -> CellName {
    CellName::new(text.as_bytes()).unwrap()
}

fn owner(number: u64) -> Owner {
    Owner { tenant: TenantId::default(), table: ITEMS, id: id(number) }
}

fn body(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn put(number: u64, expect: Expect, value: Value) -> Batch {
    let mut batch = Batch::new();
    batch.records.push(RecordOp::Put { table: ITEMS, id: id(number), expect, body: body(value) });
    batch
}

fn record(store: &SqliteStore, number: u64) -> Option<Record> {
    match store.read(&[Read::Record { table: ITEMS, id: id(number) }]).unwrap().remove(0) {
        Answer::Record { record } => record,
        other => panic!("{other:?}"),
    }
}

fn page(store: &SqliteStore, query: Query) -> Vec<Record> {
    query.validate().unwrap();
    match store.read(&[Read::Page(query)]).unwrap().remove(0) {
        Answer::Page { records } => records,
        other => panic!("{other:?}"),
    }
}

fn cells(store: &SqliteStore, number: u64, names: Names, max_bytes: u64) -> (Vec<Cell>, bool) {
    match store.read(&[Read::Cells { owner: owner(number), names, max_bytes }]).unwrap().remove(0) {
        Answer::Cells { cells, more } => (cells, more),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_bundled_sqlite_has_the_write_ahead_log_fix() {
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}

#[test]
fn what_is_committed_is_read_and_survives_reopening() {
    let (_directory, path) = scratch();
    let store = open(&path);
    store.commit(&put(1, Expect::Absent, json!({"tenant": "a", "text": "é\u{1F600}", "n": 0.1}))).unwrap();
    store.commit(&put(1, Expect::At(Version::FIRST), json!({"tenant": "a", "new": []}))).unwrap();
    drop(store);

    let store = open(&path);
    let found = record(&store, 1).unwrap();
    assert_eq!((found.version.get(), found.body), (2, body(json!({"tenant": "a", "new": []}))));
    assert_eq!(record(&store, 2), None);
}

#[test]
fn a_failed_expectation_changes_nothing() {
    let (_directory, path) = scratch();
    let store = open(&path);
    store.commit(&put(1, Expect::Absent, json!({}))).unwrap();
    let mut batch = put(2, Expect::Absent, json!({}));
    batch.put_cell(owner(2), name("a"), vec![1]);
    batch.delete(ITEMS, id(1), Version::new(2).unwrap());
    let error = store.commit(&batch).unwrap_err();
    assert!(matches!(error, StoreError::Conflict { ref table, id: at } if table == "items" && at == id(1)));
    batch.records.pop();
    batch.check(ITEMS, id(1), Expect::Absent);
    assert!(matches!(store.commit(&batch), Err(StoreError::Conflict { .. })));
    assert_eq!(record(&store, 2), None);
    assert_eq!(cells(&store, 2, Names::all(), 10).0, []);
}
