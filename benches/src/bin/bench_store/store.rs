//! The SQLite store: how many commits share one flush of the disk, and what a commit costs beside plain SQLite.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mythos_benches::measure::interleaved;
use mythos_benches::report;
use mythos_core::store::{
    Batch, Expect, Field, FieldKind, RecordOp, Schema, SqliteOptions, SqliteStatistics, SqliteStore, Store,
    Table,
};
use mythos_core::types::RecordId;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

/// A table as the services declare them: listed by one field in the order of another.
const NOTES: Table = Table::new(&Schema {
    name: "notes",
    fields: &[
        Field::new("tenant", FieldKind::Text),
        Field::new("assistant", FieldKind::Text),
        Field::new("created_at", FieldKind::Text),
    ],
    indexes: &[&["tenant", "assistant", "created_at"]],
    owns_cells: false,
});

/// How long each number of threads commits.
const RUN: Duration = Duration::from_secs(3);

const MANY_THREADS: usize = 64;

pub(crate) fn run(directory: &Path) {
    let directory = tempfile::tempdir_in(directory).expect("the directory can be written");
    println!(
        "SQLite store: durable commits of one record of about 400 bytes each, under {}",
        directory.path().display()
    );

    let one = commit_from_threads(&directory.path().join("one.db"), 1);
    let many = commit_from_threads(&directory.path().join("many.db"), MANY_THREADS);
    let row = |threads: usize, done: SqliteStatistics| {
        let per_second = done.commits as f64 / RUN.as_secs_f64();
        vec![threads.to_string(), format!("{per_second:.0}"), format!("{:.1}", commits_per_flush(done))]
    };
    report::table(&["threads", "commits/s", "commits per flush"], &[row(1, one), row(MANY_THREADS, many)]);
    println!();

    let (store, raw) = beside_plain_sqlite(directory.path());
    let row = |name: &str, seconds: f64| vec![name.to_owned(), format!("{:.0}", 1.0 / seconds)];
    let rows = [row("SqliteStore", store), row("rusqlite, same layout and pragmas", raw)];
    report::table(&["one thread, taking turns", "commits/s"], &rows);
    println!();

    report::figure("store.commits_per_flush_64", commits_per_flush(many));
    report::figure("store.single_thread_over_raw_sqlite", raw / store);
}

fn commits_per_flush(done: SqliteStatistics) -> f64 {
    done.commits as f64 / done.flushes.max(1) as f64
}

/// What the store did while `threads` committed as fast as they could.
fn commit_from_threads(path: &Path, threads: usize) -> SqliteStatistics {
    let store = open(path);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || {
                let mut notes = Notes::new(thread);
                while !stop.load(Ordering::Relaxed) {
                    store.commit(&notes.next_batch()).expect("a commit of a new record succeeds");
                }
            });
        }
        std::thread::sleep(RUN);
        stop.store(true, Ordering::Relaxed);
    });
    let done = store.statistics();
    store.close().expect("the store closes");
    done
}

/// The seconds of one commit: of the store, and of a plain loop that does the same inserts on a file of the same layout
/// with the same pragmas.
fn beside_plain_sqlite(directory: &Path) -> (f64, f64) {
    let store = open(&directory.join("store.db"));
    let raw_path = directory.join("raw.db");
    open(&raw_path).close().expect("the store closes");
    let raw = open_plainly(&raw_path).expect("the file can be opened");

    let (mut store_notes, mut raw_notes) = (Notes::new(0), Notes::new(0));
    let [store, raw] = interleaved([
        &mut || store.commit(&store_notes.next_batch()).expect("a commit of a new record succeeds"),
        &mut || insert_plainly(&raw, &mut raw_notes).expect("a new row is inserted"),
    ]);
    (store, raw)
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, &[NOTES], &SqliteOptions::default()).expect("the store opens")
}

fn open_plainly(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.execute_batch(
        "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -65536; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
    )?;
    Ok(connection)
}

fn insert_plainly(connection: &Connection, notes: &mut Notes) -> rusqlite::Result<()> {
    let (id, body) = notes.next();
    let body = serde_json::to_string(&body).expect("an object has a JSON form");
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    connection
        .prepare_cached("INSERT INTO notes (id, version, body) VALUES (?, 1, ?) ON CONFLICT (id) DO NOTHING")?
        .execute(params![id.as_bytes(), body])?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

/// The records of one thread, each new.
struct Notes {
    thread: usize,
    count: u64,
}

impl Notes {
    const fn new(thread: usize) -> Self {
        Self { thread, count: 0 }
    }

    fn next(&mut self) -> (RecordId, Map<String, Value>) {
        self.count += 1;
        let id = format!("{:08x}{:03}", self.count, self.thread);
        let body = json!({
            "tenant": "default",
            "assistant": format!("assistant-{}", self.thread),
            "created_at": format!("2026-11-17T09:14:37.{:06}Z", self.count % 1_000_000),
            "sequence": self.count,
            "text": "x".repeat(TEXT_BYTES),
        });
        let Value::Object(body) = body else { unreachable!("the literal is an object") };
        (RecordId::new(id.as_bytes()).expect("the id has 11 bytes"), body)
    }

    fn next_batch(&mut self) -> Batch {
        let (id, body) = self.next();
        let mut batch = Batch::new();
        batch.records.push(RecordOp::Put { table: NOTES, id, expect: Expect::Absent, body });
        batch
    }
}

/// Fills a record to about 400 bytes.
const TEXT_BYTES: usize = 290;
