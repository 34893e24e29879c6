//! Appends: in memory, and durable.

use std::path::Path;

use mythos_benches::{measure, report};
use mythos_core::Mythos;
use mythos_core::codex::Listing;
use mythos_core::store::{SqliteOptions, Synchronous};
use rusqlite::{Connection, params};

use crate::hashing::{self, Hashed};
use crate::subject;

/// How many events each size of batch appends.
const EVENTS: [(u64, u64); 3] = [(1, 300), (256, 256 * 40), (4_096, 4_096 * 8)];

/// How often appends in memory and their hashes are measured.
const ROUNDS: usize = 30;

pub(crate) fn run(directory: &Path) {
    let hashed = Hashed { event: event_bytes(), commitments: [54, 100], clause: 75, path: 6 };
    let (per_event, limit) = in_memory(hashed);
    println!("\nAppending, events of {} bytes", hashed.event);
    let row = |what: &str, seconds: f64, durability: &str| {
        vec![
            what.to_owned(),
            durability.to_owned(),
            format!("{:.0}", 1.0 / seconds),
            format!("{:.2}", seconds * 1e6),
        ]
    };
    let mut rows =
        vec![row("in memory, batches of 4096", per_event, "none"), row("its hashes alone", limit, "-")];
    let mut durable_4096 = 0.0;
    for (size, events) in EVENTS {
        let seconds = durable(&directory.join(format!("durable-{size}.db")), size, events, Listing::Later);
        durable_4096 = seconds;
        rows.push(row(&format!("SQLite, batches of {size}"), seconds, "synchronous FULL"));
    }
    let (size, events) = EVENTS[2];
    let listed = durable(&directory.join("listed.db"), size, events, Listing::Now);
    rows.push(row("the same, with listing records", listed, "synchronous FULL"));
    let raw = raw_sqlite(&directory.join("raw.db"), &directory.join(format!("durable-{size}.db")), size);
    rows.push(row("bare inserts of the same cells under the same key", raw, "synchronous FULL"));
    report::table(&["", "durability", "events/s", "us"], &rows);
    report::figure("proof.append_memory_per_s", 1.0 / per_event);
    report::figure("proof.append_over_hash_limit", limit / per_event);
    report::figure("proof.append_durable_4096_per_s", 1.0 / durable_4096);
    report::figure("proof.append_durable_over_raw_sqlite", raw / durable_4096);
    report::figure("proof.append_durable_listed_over_raw_sqlite", raw / listed);
}

/// The length of a usual event.
fn event_bytes() -> usize {
    let mythos = Mythos::in_memory();
    subject::fill(&mythos, 200);
    let head = mythos.codices().codex(&subject::codex()).expect("it was made");
    let signer = crate::prove::signer(&mythos);
    let signed = mythos.codices().checkpoint(&head.codex, &[&signer]).expect("it is signed");
    let mut bytes = 0;
    let export = mythos.codices().export(&head.codex, &signed, 0, true, |file| {
        if file.path == "events/150" {
            bytes = file.bytes.len();
        }
        Ok(())
    });
    export.expect("it is exported");
    bytes
}

/// The seconds of an event, and those of its hashes alone: each the least of rounds in which they take turns.
fn in_memory(hashed: Hashed) -> (f64, f64) {
    let (mut least, mut limit) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let mythos = Mythos::in_memory();
        subject::create(&mythos, subject::codex());
        let batches: Vec<_> =
            (0..8).map(|at| subject::batch(subject::codex(), at * 4_096, 4_096, Listing::Later)).collect();
        let codices = mythos.codices();
        let seconds = measure::time(|| {
            for batch in &batches {
                codices.mutate_all(batch).expect("the mutations apply");
            }
        });
        least = least.min(seconds.as_secs_f64() / (8.0 * 4_096.0));
        limit = limit.min(hashing::limit(hashed));
    }
    (least, limit)
}

fn durable(path: &Path, size: u64, events: u64, listing: Listing) -> f64 {
    let mut options = SqliteOptions::default();
    options.synchronous = Synchronous::Full;
    let mythos = Mythos::open_with(path, &options).expect("the store opens");
    subject::create(&mythos, subject::codex());
    let batches: Vec<_> =
        (0..events / size).map(|at| subject::batch(subject::codex(), at * size, size, listing)).collect();
    let codices = mythos.codices();
    let seconds = measure::time(|| {
        for batch in &batches {
            codices.mutate_all(batch).expect("the mutations apply");
        }
    });
    mythos.close().expect("the store closes");
    seconds.as_secs_f64() / events as f64
}

/// Inserts the cells of a store into a table under the same key, so many events a commit; the seconds of an event.
fn raw_sqlite(path: &Path, of: &Path, size: u64) -> f64 {
    let from = Connection::open(of).expect("the store opens");
    let mut statement = from.prepare("SELECT name, bytes FROM cells ORDER BY cell").expect("it has cells");
    let cells: Vec<(Vec<u8>, Vec<u8>)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .expect("the cells are read");
    let events = cells.iter().filter(|(name, _)| name[0] == b'e').count();
    let per_commit = cells.len() * size as usize / events;
    let mut to = Connection::open(path).expect("a database opens");
    to.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE cells (
             cell INTEGER PRIMARY KEY, owner INTEGER, name BLOB, bytes BLOB, UNIQUE (owner, name)
         );",
    )
    .expect("a table is made");
    let seconds = measure::time(|| {
        for cells in cells.chunks(per_commit) {
            let transaction = to.transaction().expect("a transaction begins");
            {
                let sql = "INSERT INTO cells (owner, name, bytes) VALUES (1, ?, ?)";
                let mut insert = transaction.prepare_cached(sql).expect("a statement");
                for (name, bytes) in cells {
                    insert.execute(params![name, bytes]).expect("a row is inserted");
                }
            }
            transaction.commit().expect("it commits");
        }
    });
    seconds.as_secs_f64() / events as f64
}
