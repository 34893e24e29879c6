//! Cells.

use super::*;

fn names(cells: &[Cell]) -> Vec<String> {
    cells.iter().map(|cell| String::from_utf8(cell.name.as_bytes().to_vec()).unwrap()).collect()
}

fn range(from: Option<&str>, until: Option<&str>, limit: u32, reverse: bool) -> Names {
    Names::Range { from: from.map(name), until: until.map(name), limit, reverse }
}

fn five_cells(store: &SqliteStore) {
    let mut batch = Batch::new();
    for (at, text) in ["a", "b", "ba", "c", "d"].into_iter().enumerate() {
        batch.put_cell(owner(1), name(text), vec![7; at * 10]);
    }
    batch.put_cell(owner(2), name("b"), vec![]);
    store.commit(&batch).unwrap();
}

#[test]
fn cells_come_in_the_order_of_names_and_within_the_bytes_asked_for() {
    let (_directory, path) = scratch();
    let store = open(&path);
    five_cells(&store);
    let read = |names_: Names, max_bytes: u64| {
        let (cells, more) = cells(&store, 1, names_, max_bytes);
        (names(&cells).join(" "), more)
    };
    assert_eq!(read(Names::all(), 100), ("a b ba c d".into(), false));
    assert_eq!(read(Names::all(), 99), ("a b ba c".into(), true));
    assert_eq!(read(Names::all(), 0), ("a".into(), true));
    assert_eq!(read(range(Some("b"), Some("c"), 10, false), 100), ("b ba".into(), false));
    assert_eq!(read(range(None, Some("c"), 10, true), 100), ("ba b a".into(), false));
    assert_eq!(read(range(Some("b"), None, 2, true), 100), ("d c".into(), false));
    assert_eq!(read(range(Some("b"), None, 2, true), 39), (String::new(), true));
    assert_eq!(read(range(Some("c"), Some("b"), 2, false), 39), (String::new(), false));
    let these = Names::These { names: ["d", "x", "a", "a"].map(name).to_vec() };
    assert_eq!(read(these, 100), ("a d".into(), false));
    assert_eq!(cells(&store, 3, Names::all(), 100), (vec![], false));
}

#[test]
fn a_cell_is_written_once() {
    let (_directory, path) = scratch();
    let store = open(&path);
    five_cells(&store);
    five_cells(&store);
    let mut batch = Batch::new();
    batch.put_cell(owner(1), name("new"), vec![1]).put_cell(owner(1), name("b"), vec![8; 10]);
    let error = store.commit(&batch).unwrap_err();
    assert!(matches!(error, StoreError::CellConflict { name: at, .. } if at == name("b")), "{error:?}");
    assert_eq!(cells(&store, 1, Names::all(), 1_000).0.len(), 5);
    // Deletions come first.
    batch.delete_cells(owner(1), Names::one(name("b")));
    store.commit(&batch).unwrap();
    assert_eq!(cells(&store, 1, Names::one(name("b")), 100).0[0].bytes, [8; 10]);
}

#[test]
fn owners_without_cells_are_forgotten() {
    let (_directory, path) = scratch();
    let store = open(&path);
    five_cells(&store);
    let owners = || {
        let count = |connection: &Connection| {
            Ok(connection
                .query_row("SELECT count(*) FROM cell_owners", [], |row| row.get::<_, i64>(0))
                .unwrap())
        };
        store.writer.as_ref().unwrap().alone(&store.counters, count).unwrap()
    };
    assert_eq!(owners(), 2);
    let mut batch = Batch::new();
    batch.delete_cells(owner(1), range(Some("b"), Some("c"), u32::MAX, false));
    batch.delete_cells(owner(2), Names::all()).delete_cells(owner(9), Names::all());
    store.commit(&batch).unwrap();
    assert_eq!(owners(), 1);
    assert_eq!(names(&cells(&store, 1, Names::all(), 100).0).join(" "), "a c d");
    let mut batch = Batch::new();
    batch.delete_cells(owner(1), Names::all()).put_cell(owner(1), name("e"), vec![]);
    store.commit(&batch).unwrap();
    assert_eq!(names(&cells(&store, 1, Names::all(), 100).0).join(" "), "e");
    let mut batch = Batch::new();
    store.commit(batch.delete_cells(owner(1), Names::all())).unwrap();
    assert_eq!(owners(), 0);
}
