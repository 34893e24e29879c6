//! Tests of the store in one SQLite file.

mod cells;
mod commit;
mod file;
mod listing;

use serde_json::{Map, Value, json};

use super::*;
use crate::store::{
    Cell, CellName, Direction, Expect, Field, FieldKind, Filter, MemoryStore, Names, Owner, Query, Record,
    RecordOp, Schema, Walk,
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

fn page(store: &dyn Store, query: Query) -> Vec<Record> {
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

#[test]
fn pages_follow_the_reference_in_every_order_and_from_every_cursor() {
    let (_directory, path) = scratch();
    let store = open(&path);
    let reference = MemoryStore::new();
    let scores = [Value::Null, json!(0.1), json!(-3), json!(0.1), json!(1e300), json!(2)];
    for number in 0..60 {
        let tags = ["red", "green", "blue"][..(number % 4).min(3)].to_vec();
        let parents: Vec<_> = [number / 2, number + 50].map(|n| id(n as u64).to_string()).to_vec();
        let value = json!({
            "tenant": (number % 10 != 0).then_some("a"), "status": (["new", "old"][number % 2]),
            "created": (number % 7 != 0).then_some(number as i64 / 3), "score": (scores[number % 6]),
            "open": ([json!(true), json!(false), Value::Null][number % 3]), "tags": tags, "parents": parents,
            "version": format!("v{}", number % 5),
        });
        let batch = put(number as u64, Expect::Absent, value);
        store.commit(&batch).unwrap();
        reference.commit(&batch).unwrap();
    }
    let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let field = || "tags".to_owned();
    let filters = [
        vec![],
        vec![Filter::equals("tenant", "a"), Filter::equals("version", "v1")],
        vec![Filter::In { field: "status".into(), values: vec![] }],
        vec![Filter::In { field: "created".into(), values: vec![3.into(), 4.into(), 5.into()] }],
        vec![Filter::equals("score", 2.0), Filter::equals("open", false)],
        vec![Filter::Range { field: "created".into(), min: Some(4.into()), below: Some(15.into()) }],
        vec![Filter::Range { field: "score".into(), min: None, below: Some(1.into()) }],
        vec![Filter::Range { field: "score".into(), min: None, below: None }],
        vec![Filter::Null { field: "open".into(), is_null: true }],
        vec![Filter::Null { field: "tags".into(), is_null: false }],
        vec![Filter::TagsAll { field: field(), tags: text(&["green", "red", "red"]) }],
        vec![Filter::TagsAll { field: field(), tags: vec![] }],
        vec![Filter::TagsAny { field: field(), tags: text(&["blue", "none"]) }],
        vec![Filter::TagsAny { field: field(), tags: vec![] }],
        vec![Filter::TagsNone { field: field(), tags: text(&["green"]) }],
        vec![Filter::Reach { field: "parents".into(), start: id(20), walk: Walk::Ancestors }],
        vec![Filter::Reach { field: "parents".into(), start: id(2), walk: Walk::Descendants }],
    ];
    let mut passed = 0;
    for filters in filters {
        for order in [None, Some("created"), Some("score"), Some("open"), Some("status"), Some("version")] {
            for direction in [Direction::Ascending, Direction::Descending] {
                let mut query = Query::new(ITEMS);
                query.filters.clone_from(&filters);
                query.order = crate::store::Order { field: order.map(str::to_owned), direction };
                let all = page(&reference, query.clone().limit(100));
                assert_eq!(page(&store, query.clone().limit(100)), all, "{query:?}");
                let mut cursor = None;
                let mut found = Vec::new();
                loop {
                    let query = query.clone().limit(7).after(cursor);
                    let records = page(&store, query.clone());
                    let Some(last) = records.last() else { break };
                    cursor = Some(query.cursor(last));
                    found.extend(records);
                }
                assert_eq!(found, all, "{query:?}");
                passed += all.len();
            }
        }
        for by in [None, Some("created"), Some("open"), Some("version"), Some("status")] {
            for cap in [0, 5, 1_000] {
                let by = by.map(str::to_owned);
                let read = Read::Count { table: ITEMS, filters: filters.clone(), by, cap };
                let (found, wanted) =
                    (store.read(std::slice::from_ref(&read)), reference.read(std::slice::from_ref(&read)));
                match (&found.unwrap()[0], &wanted.unwrap()[0]) {
                    (Answer::Count { groups, capped }, Answer::Count { groups: wanted, capped: also }) => {
                        assert_eq!(capped, also, "{read:?}");
                        let sum = |groups: &[crate::store::Group]| {
                            groups.iter().map(|group| group.count).sum::<u64>()
                        };
                        assert_eq!(sum(groups), sum(wanted), "{read:?}");
                        assert!(*capped || groups == wanted, "{read:?}");
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    assert!(passed > 1_000);
}

#[test]
fn a_query_of_a_thousand_filters_is_answered() {
    let (_directory, path) = scratch();
    let store = open(&path);
    store.commit(&put(1, Expect::Absent, json!({"status": "new", "tags": ["a"]}))).unwrap();
    let mut query = Query::new(ITEMS);
    for number in 0..500 {
        let tags = vec![format!("t{number}")];
        query.filters.push(Filter::TagsNone { field: "tags".into(), tags });
        query.filters.push(Filter::equals("status", "new"));
    }
    assert_eq!(page(&store, query).len(), 1);
}

/// The text of a number must mean the same double to SQLite as to this crate, or a cursor would miss its record.
#[test]
fn every_double_is_ordered_as_the_value_it_is() {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let connection = Connection::open_in_memory().unwrap();
    let mut extract = connection.prepare("SELECT json_extract(?, '$.f')").unwrap();
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let random = (0..200_000_u64).map(|seed| f64::from_bits(hasher.hash_one(seed)));
    let decimal = (0..100_000_u64).map(|seed| (hasher.hash_one(seed) % 100_000_000_000) as f64 / 1e7);
    let edges = [f64::MAX, f64::MIN_POSITIVE, 5e-324, 0.1 + 0.2, 1.0 / 3.0, 123_456_789.123_456_79, -0.0];
    for real in random.chain(decimal).chain(edges).filter(|real| real.is_finite()) {
        let body = json!({ "f": real }).to_string();
        let found: f64 = extract.query_row([body], |row| row.get(0)).unwrap();
        assert_eq!(found, real, "{real:e}");
    }
}
