//! Commits: sharing, failing, ending.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

/// Lets `count` threads commit at once: they are held back until all of them wait.
fn at_once(store: &Arc<SqliteStore>, count: u64, batch: fn(u64) -> Batch) -> Vec<Result<(), StoreError>> {
    let writer = store.writer.as_ref().unwrap();
    thread::scope(|scope| {
        let held = writer.hold();
        let threads: Vec<_> =
            (0..count).map(|number| scope.spawn(move || store.commit(&batch(number)))).collect();
        while writer.waiting() < count as usize {
            thread::yield_now();
        }
        drop(held);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn batches_that_wait_together_share_a_flush() {
    let (_directory, path) = scratch();
    let store = Arc::new(open(&path));
    for result in at_once(&store, 64, |number| put(number, Expect::Absent, json!({}))) {
        result.unwrap();
    }
    let statistics = store.statistics();
    assert_eq!(statistics.commits, 64);
    assert!(statistics.commits / statistics.flushes >= 16, "{statistics:?}");
    assert!((0..64).all(|number| record(&store, number).is_some()));
}

#[test]
fn sixty_four_busy_threads_share_at_least_sixteen_commits_a_flush() {
    let (_directory, path) = scratch();
    let store = open(&path);
    thread::scope(|scope| {
        for thread in 0..64 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..20 {
                    store.commit(&put(thread * 1_000 + number, Expect::Absent, json!({}))).unwrap();
                }
            });
        }
    });
    let statistics = store.statistics();
    assert_eq!(statistics.commits, 64 * 20);
    assert!(statistics.commits / statistics.flushes >= 16, "{statistics:?}");
}

#[test]
fn a_single_thread_flushes_each_commit_and_waits_for_nobody() {
    let (_directory, path) = scratch();
    let store = open(&path);
    for number in 0..10 {
        store.commit(&put(number, Expect::Absent, json!({}))).unwrap();
    }
    let statistics = store.statistics();
    assert_eq!((statistics.commits, statistics.flushes), (10, 10));
}

#[test]
fn one_refused_batch_is_refused_alone() {
    let (_directory, path) = scratch();
    let store = Arc::new(open(&path));
    // Of each three with the same id one wins; every batch also writes a cell of its own.
    let results = at_once(&store, 60, |number| {
        let mut batch = put(number / 3, Expect::Absent, json!({ "winner": number }));
        batch.put_cell(owner(number), name("own"), vec![1]);
        batch
    });
    for (number, result) in (0..).zip(&results) {
        let found = record(&store, number / 3).unwrap().body["winner"] == number;
        assert_eq!(result.is_ok(), found);
        assert_eq!(cells(&store, number, Names::all(), 10).0.len(), usize::from(found));
        assert!(matches!(result, Ok(()) | Err(StoreError::Conflict { .. })), "{result:?}");
    }
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 20);
}

#[test]
fn a_panic_in_one_caller_leaves_the_others_unharmed() {
    let (_directory, path) = scratch();
    let store = Arc::new(open(&path));
    let writer = store.writer.as_ref().unwrap();
    let panicked = AtomicUsize::new(0);
    thread::scope(|scope| {
        let held = writer.hold();
        for number in 0..32 {
            let (store, panicked) = (&store, &panicked);
            scope.spawn(move || {
                if number % 4 == 0 {
                    let commit = || {
                        writer.commit(&store.counters, 1, |connection| {
                            write::apply(connection, &put(number, Expect::Absent, json!({}))).unwrap();
                            panic!("a planted defect")
                        })
                    };
                    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(commit));
                    panicked.fetch_add(usize::from(caught.is_err()), Ordering::Relaxed);
                } else {
                    store.commit(&put(number, Expect::Absent, json!({}))).unwrap();
                }
            });
        }
        while writer.waiting() < 32 {
            thread::yield_now();
        }
        drop(held);
    });
    assert_eq!(panicked.into_inner(), 8);
    for number in 0..32 {
        assert_eq!(record(&store, number).is_some(), number % 4 != 0, "{number}");
    }
}

#[test]
fn a_full_disk_is_unavailable_and_changes_nothing() {
    let (_directory, path) = scratch();
    let store = Arc::new(open(&path));
    store.commit(&put(1_000, Expect::Absent, json!({}))).unwrap();
    let limit_pages = |pages: i64| {
        let set = |connection: &Connection| {
            let most: i64 =
                connection.pragma_update_and_check(None, "max_page_count", pages, |row| row.get(0)).unwrap();
            Ok(most)
        };
        store.writer.as_ref().unwrap().alone(&store.counters, set).unwrap()
    };
    let all = limit_pages(i64::from(u32::MAX - 1));
    // SQLite raises the bound to the pages there are.
    limit_pages(1);

    let large = |number: u64| {
        let mut batch = put(number, Expect::Absent, json!({}));
        batch.put_cell(owner(number), name("large"), vec![7; 1 << 20]);
        batch
    };
    let error = store.commit(&large(1)).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("full"), "{error}");
    // Small batches of the same transaction are not drawn into it.
    limit_pages(60);
    let results = at_once(&store, 16, |number| {
        let mut batch = put(number, Expect::Absent, json!({}));
        let bytes = if number == 5 { 1 << 20 } else { 10 };
        batch.put_cell(owner(number), name("cell"), vec![7; bytes]);
        batch
    });
    for (number, result) in (0..).zip(results) {
        assert_eq!(result.is_ok(), number != 5, "{number}: {result:?}");
        assert_eq!(record(&store, number).is_some(), number != 5);
        assert_eq!(cells(&store, number, Names::all(), 1 << 30).0.len(), usize::from(number != 5));
    }
    limit_pages(all);
    store.commit(&large(5)).unwrap();
    assert_eq!(cells(&store, 5, Names::all(), 1 << 30).0[0].bytes.len(), 1 << 20);
}

#[test]
fn a_store_that_another_keeps_locked_is_unavailable_until_it_is_free() {
    let (_directory, path) = scratch();
    let other = open(&path);
    let options = SqliteOptions { busy_timeout: Duration::from_millis(30), ..SqliteOptions::default() };
    let store = SqliteStore::open(&path, &[ITEMS], &options).unwrap();
    let refused = other
        .writer
        .as_ref()
        .unwrap()
        .transact(&other.counters, |_| Ok(store.commit(&put(1, Expect::Absent, json!({})))))
        .unwrap();
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    assert_eq!(record(&store, 1), None);
    store.commit(&put(1, Expect::Absent, json!({}))).unwrap();
}

#[test]
fn a_closed_store_is_unavailable() {
    let (_directory, path) = scratch();
    let store = open(&path);
    store.commit(&put(1, Expect::Absent, json!({}))).unwrap();
    store.close().unwrap();
    assert!(!path.with_extension("db-wal").exists(), "the log is in the file");
    store.close().unwrap();
    let errors = [
        store.commit(&put(2, Expect::Absent, json!({}))).unwrap_err(),
        store.read(&[Read::Record { table: ITEMS, id: id(1) }]).unwrap_err(),
        store.maintain(Budget::default()).unwrap_err(),
        store.backup(&path.with_extension("bak"), &mut |_| {}).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        assert!(error.to_string().contains("closed"), "{error}");
    }
    assert!(record(&open(&path), 1).is_some());
}

#[test]
fn maintenance_gives_the_space_of_deleted_cells_back() {
    let (_directory, path) = scratch();
    let store = open(&path);
    for number in 0..20 {
        let mut batch = Batch::new();
        store.commit(batch.put_cell(owner(number), name("cell"), vec![1; 500_000])).unwrap();
    }
    store.maintain(Budget::default()).unwrap();
    let full = std::fs::metadata(&path).unwrap().len();
    for number in 0..20 {
        let mut batch = Batch::new();
        store.commit(batch.delete_cells(owner(number), Names::all())).unwrap();
    }
    let first = store.maintain(Budget { max_bytes: 1 << 20 }).unwrap();
    assert!(!first.done);
    let mut rounds = 0;
    while !store.maintain(Budget { max_bytes: 1 << 20 }).unwrap().done {
        rounds += 1;
        assert!(rounds < 100);
    }
    let empty = std::fs::metadata(&path).unwrap().len();
    assert!(full > 10_000_000 && empty < 300_000, "{full} to {empty}");
    assert!(store.maintain(Budget::default()).unwrap().done);
}
