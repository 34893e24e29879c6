//! Which files are opened, and how.

use std::fs;

use super::*;
use crate::store::sqlite::layout::APPLICATION_ID;

const LATER_ITEMS: Table = Table::new(&Schema {
    name: "items",
    fields: &[
        Field::new("tenant", FieldKind::Text),
        Field::new("rank", FieldKind::Integer),
        Field::new("labels", FieldKind::Tags),
    ],
    indexes: &[&["tenant", "rank"]],
    owns_cells: true,
});

const NOTES: Table = Table::new(&Schema {
    name: "notes",
    fields: &[Field::new("tenant", FieldKind::Text)],
    indexes: &[],
    owns_cells: false,
});

fn try_open(path: &Path, tables: &[Table]) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, tables, &SqliteOptions::default())
}

fn read_only() -> SqliteOptions {
    SqliteOptions { read_only: true, ..SqliteOptions::default() }
}

#[test]
fn the_file_is_what_the_documentation_says() {
    let (_directory, path) = scratch();
    open(&path).commit(&put(1, Expect::Absent, json!({"tenant": "a", "open": true, "tags": ["x"]}))).unwrap();
    assert_eq!(&fs::read(&path).unwrap()[68..72], b"MYTH");

    let place = Place::new(&path, &SqliteOptions::default()).unwrap();
    let writer = place.writer().unwrap();
    let pragma = |name: &str| {
        writer
            .pragma_query_value(None, name, |row| row.get::<_, Value>(0))
            .unwrap_or_else(|_| panic!("{name}"))
    };
    use rusqlite::types::Value;
    assert_eq!(pragma("journal_mode"), Value::Text("wal".into()));
    for (name, value) in [
        ("synchronous", 2),
        ("auto_vacuum", 2),
        ("secure_delete", 1),
        ("mmap_size", 0),
        ("trusted_schema", 0),
        ("user_version", LADDER.len() as i64),
        ("application_id", i64::from(APPLICATION_ID)),
    ] {
        assert_eq!(pragma(name), Value::Integer(value), "{name}");
    }
    assert!(writer.db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE).unwrap());
    let row: (Vec<u8>, i64, String, bool, String) = writer
        .query_row(
            "SELECT id, items.version, tenant, open, value FROM items JOIN items__tags USING (record)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
        )
        .unwrap();
    assert_eq!(row, (id(1).as_bytes().to_vec(), 1, "a".into(), true, "x".into()));
}

#[test]
fn a_list_in_place_of_a_string_with_its_text_is_found_by_its_members() {
    let (_directory, path) = scratch();
    drop(open(&path));
    // A program that does not declare the field may put anything there.
    let mut batch = Batch::new();
    let body = body(json!({"tags": "[\"a\"]"}));
    batch.records.push(RecordOp::Put { table: LATER_ITEMS, id: id(1), expect: Expect::Absent, body });
    try_open(&path, &[LATER_ITEMS]).unwrap().commit(&batch).unwrap();

    let store = open(&path);
    store.commit(&put(1, Expect::At(Version::FIRST), json!({"tags": ["a"]}))).unwrap();
    let tagged = |tag: &str| {
        let filter = Filter::TagsAll { field: "tags".to_owned(), tags: vec![tag.to_owned()] };
        page(&store, Query::new(ITEMS).filter(filter)).len()
    };
    assert_eq!((tagged("a"), tagged("[\"a\"]")), (1, 0));
}

#[test]
fn files_of_others_are_refused_and_left_as_they_are() {
    let (directory, path) = scratch();
    let foreign = |sql: &str| {
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
    };
    let makers: [(&dyn Fn(), &str); 5] = [
        (&|| fs::write(&path, "a letter, not a database\n").unwrap(), "not a SQLite database"),
        (&|| fs::write(&path, [7; 8192]).unwrap(), "not a SQLite database"),
        (&|| foreign("CREATE TABLE t (x); INSERT INTO t VALUES (1)"), "another program"),
        (
            &|| foreign("PRAGMA journal_mode = WAL; PRAGMA application_id = 5; CREATE TABLE t (x)"),
            "another program",
        ),
        (&|| foreign("PRAGMA user_version = 3"), "another program"),
    ];
    for (make, reason) in makers {
        make();
        let before = fs::read(&path).unwrap();
        for options in [SqliteOptions::default(), read_only()] {
            let error = SqliteStore::open(&path, &[ITEMS], &options).unwrap_err();
            assert!(matches!(error, StoreError::Invalid { .. }), "{error:?}");
            assert!(error.to_string().contains(reason), "{error}");
            assert!(error.to_string().contains("store.db"), "{error}");
        }
        assert!(fs::read(&path).unwrap() == before, "{reason}");
        for beside in ["store.db", "store.db-wal", "store.db-shm"] {
            let _ = fs::remove_file(directory.path().join(beside));
        }
    }
    assert!(matches!(try_open(directory.path(), &[]), Err(StoreError::Invalid { .. })));
}

#[test]
fn a_newer_layout_is_refused_and_left_as_it_is() {
    let (_directory, path) = scratch();
    drop(open(&path));
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", LADDER.len() as i64 + 1).unwrap();
    connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let error = try_open(&path, &[ITEMS]).unwrap_err();
    assert!(
        matches!(error, StoreError::Invalid { .. }) && error.to_string().contains("layout version"),
        "{error}"
    );
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn an_empty_file_and_an_empty_database_become_a_store() {
    let (_directory, path) = scratch();
    fs::write(&path, "").unwrap();
    open(&path).commit(&put(1, Expect::Absent, json!({}))).unwrap();
    fs::remove_file(&path).unwrap();
    // What a crash leaves between the switch to write-ahead logging and the first layout.
    Place::new(&path, &SqliteOptions::default()).unwrap().writer().unwrap();
    assert!(fs::metadata(&path).unwrap().len() > 0);
    open(&path).commit(&put(1, Expect::Absent, json!({}))).unwrap();
}

#[test]
fn what_a_declaration_gains_the_file_gains_at_the_next_open() {
    let (_directory, path) = scratch();
    let value = json!({"tenant": "a", "rank": 7, "labels": ["x", "x", "y"], "tags": ["t"]});
    open(&path).commit(&put(1, Expect::Absent, value)).unwrap();
    let behind = SqliteStore::open(&path, &[LATER_ITEMS], &read_only()).unwrap_err();
    assert!(behind.to_string().contains("open it once for writing"), "{behind}");

    let store = try_open(&path, &[LATER_ITEMS, NOTES]).unwrap();
    let labelled = Query::new(LATER_ITEMS)
        .filter(Filter::TagsAll { field: "labels".into(), tags: vec!["x".into(), "y".into()] })
        .filter(Filter::equals("rank", 7));
    assert_eq!(page(&store, labelled.clone()).len(), 1);
    assert_eq!(store.read(&[Read::Record { table: NOTES, id: id(1) }]).unwrap().len(), 1);

    // A program with the older declaration still works on the file, and keeps what it does not know.
    let older = open(&path);
    older.commit(&put(2, Expect::Absent, json!({"tenant": "a", "rank": 7, "labels": ["x", "y"]}))).unwrap();
    assert_eq!(page(&store, labelled.clone()).len(), 2);
    older.commit(&put(2, Expect::At(Version::FIRST), json!({"rank": 7, "labels": ["x"]}))).unwrap();
    assert_eq!(page(&store, labelled.clone()).len(), 1);
    let mut batch = Batch::new();
    older.commit(batch.delete(ITEMS, id(1), Version::FIRST)).unwrap();
    assert_eq!(page(&store, labelled), []);
    assert!(SqliteStore::open(&path, &[LATER_ITEMS], &read_only()).is_ok());
}

#[test]
fn a_declaration_that_contradicts_the_file_or_itself_is_refused() {
    const CHANGED: Table = Table::new(&Schema {
        name: "items",
        fields: &[Field::new("status", FieldKind::Integer)],
        indexes: &[],
        owns_cells: false,
    });
    const CELLS: Table = Table::new(&Schema { name: "cells", fields: &[], indexes: &[], owns_cells: false });
    const QUOTED: Table = Table::new(&Schema { name: "a\"b", fields: &[], indexes: &[], owns_cells: false });
    const UNKNOWN: Table =
        Table::new(&Schema { name: "notes", fields: &[], indexes: &[&["who"]], owns_cells: false });
    let (_directory, path) = scratch();
    drop(open(&path));
    for tables in [&[CHANGED][..], &[CELLS], &[QUOTED], &[UNKNOWN], &[NOTES, NOTES]] {
        let error = try_open(&path, tables).unwrap_err();
        assert!(matches!(error, StoreError::Invalid { .. }), "{tables:?}: {error}");
    }
    let store = open(&path);
    let error = store.read(&[Read::Record { table: NOTES, id: id(1) }]).unwrap_err();
    assert!(matches!(error, StoreError::Invalid { .. }), "{error}");
}

#[test]
fn a_layout_step_that_fails_undoes_the_whole_migration() {
    let (_directory, path) = scratch();
    drop(open(&path));
    let place = Place::new(&path, &SqliteOptions::default()).unwrap();
    let writer = place.writer().unwrap();
    let good: layout::Step =
        |connection| connection.execute_batch("CREATE TABLE extra (x) STRICT".trim_end_matches(" STRICT"));
    let bad: layout::Step = |connection| connection.execute_batch("CREATE TABLE extra (x)");
    let count = || -> i64 {
        writer
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name IN ('extra', 'notes')", [], |row| {
                row.get(0)
            })
            .unwrap()
    };

    let ladder = [LADDER[0], good, bad];
    assert!(layout::migrate(&writer, &[ITEMS, NOTES], &ladder).is_err());
    assert_eq!((count(), layout::layout_version(&writer).unwrap()), (0, LADDER.len()));
    layout::migrate(&writer, &[ITEMS, NOTES], &ladder[..2]).unwrap();
    assert_eq!((count(), layout::layout_version(&writer).unwrap()), (2, 2));
    drop(writer);
    assert!(try_open(&path, &[ITEMS]).is_err(), "now the layout is newer than this program's");
}

#[test]
fn a_read_only_store_reads_what_another_writes() {
    let (_directory, path) = scratch();
    assert!(matches!(SqliteStore::open(&path, &[ITEMS], &read_only()), Err(StoreError::Invalid { .. })));
    assert!(!path.exists());
    let writer = open(&path);
    let reader = SqliteStore::open(&path, &[ITEMS], &read_only()).unwrap();
    for number in 0..3 {
        writer.commit(&put(number, Expect::Absent, json!({}))).unwrap();
        assert!(record(&reader, number).is_some());
    }
    let error = reader.commit(&put(9, Expect::Absent, json!({}))).unwrap_err();
    assert!(
        matches!(error, StoreError::Invalid { .. }) && error.to_string().contains("read-only"),
        "{error}"
    );
    assert!(reader.maintain(Budget::default()).unwrap().done);
}

#[test]
fn damage_is_corrupt_and_not_an_answer() {
    let (_directory, path) = scratch();
    let store = open(&path);
    for number in 0..500 {
        store.commit(&put(number, Expect::Absent, json!({"text": "x".repeat(400)}))).unwrap();
    }
    store.close().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let store = open(&path);
    let error = store.read(&[Read::Page(Query::new(ITEMS).limit(1_000))]).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[test]
fn backups_are_sound_while_others_write_and_never_overwrite() {
    let (directory, path) = scratch();
    let store = open(&path);
    for number in 0..50 {
        let mut batch = put(number, Expect::Absent, json!({"tenant": "a"}));
        batch.put_cell(owner(number), name("bytes"), vec![number as u8; 200_000]);
        store.commit(&batch).unwrap();
    }
    let backup = directory.path().join("backup.db");
    let mut reports = Vec::new();
    let mut next = 100;
    store
        .backup(&backup, &mut |progress| {
            store.commit(&put(next, Expect::Absent, json!({}))).unwrap();
            next += 1;
            reports.push(progress.copied_pages);
        })
        .unwrap();
    assert!(reports.len() >= 3 && reports.is_sorted(), "{reports:?}");
    assert!(!directory.path().join("backup.db-wal").exists());
    let again = store.backup(&backup, &mut |_| {}).unwrap_err();
    assert!(matches!(again, StoreError::Invalid { .. }), "{again}");

    let restored = directory.path().join("restored.db");
    SqliteStore::restore(&backup, &restored).unwrap();
    assert!(matches!(SqliteStore::restore(&backup, &restored), Err(StoreError::Invalid { .. })));
    assert!(matches!(SqliteStore::restore(&backup, &path), Err(StoreError::Invalid { .. })));
    let copy = open(&restored);
    for number in 0..50 {
        assert!(record(&copy, number).is_some());
        assert_eq!(cells(&copy, number, Names::all(), u64::MAX).0[0].bytes, vec![number as u8; 200_000]);
    }
    assert_eq!(record(&copy, 100), None, "the backup is of the moment it began");
    assert!(record(&store, 100).is_some());
    copy.commit(&put(7_000, Expect::Absent, json!({}))).unwrap();

    let nothing = directory.path().join("nothing.db");
    assert!(matches!(
        SqliteStore::restore(&nothing, &directory.path().join("n")),
        Err(StoreError::Invalid { .. })
    ));
    let mut damaged = fs::read(&backup).unwrap();
    damaged[40_000..60_000].fill(0xa5);
    fs::write(directory.path().join("damaged.db"), damaged).unwrap();
    let target = directory.path().join("from-damaged.db");
    let error = SqliteStore::restore(&directory.path().join("damaged.db"), &target).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(!target.exists() && !directory.path().join("from-damaged.db.partial").exists());
}

/// Whoever looks while another process lays the file out sees it either empty or whole.
#[test]
fn a_file_that_is_being_laid_out_is_never_taken_for_a_foreign_one() {
    let (_directory, path) = scratch();
    let place = Place::new(&path, &SqliteOptions::default()).unwrap();
    let writer = place.writer().unwrap();
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            for _ in 0..2_000 {
                place.inspect().unwrap();
            }
        });
        while !looks.is_finished() {
            for (application, version, change) in
                [(APPLICATION_ID, 1, "CREATE TABLE t (x)"), (0, 0, "DROP TABLE t")]
            {
                writer
                    .execute_batch(&format!(
                        "BEGIN; PRAGMA application_id = {application}; PRAGMA user_version = {version}; {change}; COMMIT"
                    ))
                    .unwrap();
            }
        }
    });
}
