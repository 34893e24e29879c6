//! Durability, shown: the power fails around every flush of the disk, what was not flushed is lost in whole or in
//! part, and no acknowledged batch is missing or partial afterwards.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crash_vfs::{CrashVfs, Files, Record};
use mythos_core::store::{
    Answer, Batch, Budget, CellName, Expect, Field, FieldKind, Names, Owner, Read, RecordOp, Schema,
    SqliteOptions, SqliteStore, Store, StoreError, Synchronous, Table,
};
use mythos_core::types::{RecordId, TenantId};

const STEPS: Table = Table::new(&Schema {
    name: "steps",
    fields: &[Field::new("tenant", FieldKind::Text), Field::new("tags", FieldKind::Tags)],
    indexes: &[&["tenant"]],
    owns_cells: true,
});

/// Batches of the workload, and the threads that commit them.
const BATCHES: u64 = 80;
const THREADS: u64 = 4;

/// No batch.
const NONE: [u64; 0] = [];

/// Each batch writes so many records and one cell of so many bytes: together enough for the log to be moved into the
/// file, which SQLite does after 4 MB, in the middle of the workload.
const RECORDS: u64 = 3;
const CELL_BYTES: usize = 70_000;

fn id(batch: u64, record: u64) -> RecordId {
    RecordId::new(&(batch * RECORDS + record).to_be_bytes()).unwrap()
}

fn owner(batch: u64) -> Owner {
    Owner { tenant: TenantId::default(), table: STEPS, id: id(batch, 0) }
}

fn batch(number: u64) -> Batch {
    let body =
        serde_json::json!({"tenant": "default", "tags": [number.to_string()], "text": "x".repeat(500)});
    let mut batch = Batch::new();
    for record in 0..RECORDS {
        let body = body.as_object().unwrap().clone();
        batch.records.push(RecordOp::Put {
            table: STEPS,
            id: id(number, record),
            expect: Expect::Absent,
            body,
        });
    }
    batch.put_cell(owner(number), CellName::new(b"bytes").unwrap(), vec![number as u8; CELL_BYTES]);
    batch
}

/// Runs the workload on a recording disk, noting each acknowledged batch.
fn workload(name: &str, synchronous: Synchronous, path: &Path) -> Record {
    let disk = CrashVfs::register(name);
    let mut options = SqliteOptions::default();
    options.vfs = Some(disk.name().to_owned());
    options.synchronous = synchronous;
    let store = SqliteStore::open(path, &[STEPS], &options).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, disk) = (&store, &disk);
            scope.spawn(move || {
                for number in (thread..BATCHES).step_by(THREADS as usize) {
                    store.commit(&batch(number)).unwrap();
                    disk.mark(number);
                    if number == BATCHES / 2 {
                        store.maintain(Budget::default()).unwrap();
                    }
                }
            });
        }
    });
    store.close().unwrap();
    disk.record()
}

/// The batches that a plain store finds in what the power loss left. Panics if one is there in part.
fn recovered(files: &Files) -> BTreeSet<u64> {
    let directory = tempfile::tempdir().unwrap();
    for (path, content) in files {
        fs::write(directory.path().join(path.file_name().unwrap()), content).unwrap();
    }
    let store =
        SqliteStore::open(&directory.path().join("store.db"), &[STEPS], &SqliteOptions::default()).unwrap();
    let found = (0..BATCHES).filter(|number| {
        let mut reads: Vec<_> =
            (0..RECORDS).map(|record| Read::Record { table: STEPS, id: id(*number, record) }).collect();
        reads.push(Read::Cells { owner: owner(*number), names: Names::all(), max_bytes: u64::MAX });
        let whole: BTreeSet<bool> = store
            .read(&reads)
            .unwrap()
            .into_iter()
            .map(|answer| match answer {
                Answer::Record { record } => record.is_some(),
                Answer::Cells { cells, .. } => {
                    cells.first().is_some_and(|cell| cell.bytes == vec![*number as u8; CELL_BYTES])
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(whole.len(), 1, "batch {number} is there in part");
        whole.contains(&true)
    });
    found.collect()
}

/// The acknowledged batches that a power loss at `moment` loses.
fn lost(record: &Record, moment: usize, files: &Files) -> Vec<u64> {
    let found = recovered(files);
    record.marks_before(moment).filter(|batch| !found.contains(batch)).collect()
}

/// A small generator of pseudo-random bits (SplitMix64), so that a failure can be repeated from its seed.
fn chance(seed: u64) -> impl FnMut() -> bool {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 63) == 1
    }
}

#[test]
fn no_acknowledged_batch_is_lost_when_the_power_fails_around_any_flush() {
    let directory = tempfile::tempdir().unwrap();
    let record = workload("power-loss-full", Synchronous::Full, &directory.path().join("store.db"));
    let moments = record.flush_boundaries();
    assert!(moments.len() >= 40, "only {} moments", moments.len());
    for moment in moments {
        let nothing = record.after_power_loss(moment, |_| false);
        assert_eq!(lost(&record, moment, &nothing), NONE, "at {moment}, with nothing unflushed surviving");
        let mut survives = chance(moment as u64);
        let some = record.after_power_loss(moment, |_| survives());
        assert_eq!(lost(&record, moment, &some), NONE, "at {moment}, with some of the unflushed surviving");
    }
}

#[test]
fn the_same_test_notices_a_store_that_does_not_flush() {
    let directory = tempfile::tempdir().unwrap();
    let record = workload("power-loss-off", Synchronous::Off, &directory.path().join("store.db"));
    let end = record.events().len();
    assert_eq!(record.marks_before(end).count() as u64, BATCHES);
    let files = record.after_power_loss(end, |_| false);
    assert_eq!(lost(&record, end, &files).len() as u64, BATCHES);
}

#[test]
fn a_commit_whose_flush_fails_has_an_unknown_outcome_and_is_not_seen() {
    let directory = tempfile::tempdir().unwrap();
    let disk = CrashVfs::register("failing-flushes");
    let mut options = SqliteOptions::default();
    options.vfs = Some(disk.name().to_owned());
    let store = SqliteStore::open(&directory.path().join("store.db"), &[STEPS], &options).unwrap();
    let is_there = |store: &SqliteStore| {
        let answers = store.read(&[Read::Record { table: STEPS, id: id(1, 0) }]).unwrap();
        matches!(&answers[..], [Answer::Record { record: Some(_) }])
    };
    disk.fail_flushes(true);
    let error = store.commit(&batch(1)).unwrap_err();
    assert!(matches!(error, StoreError::Unknown { .. }), "{error:?}");
    assert!(!is_there(&store));
    disk.fail_flushes(false);

    // Why it is unknown: the log holds all of the batch, and recovery after a crash finds it there.
    let moment = disk.record().events().len();
    assert_eq!(recovered(&disk.record().after_power_loss(moment, |_| true)), BTreeSet::from([1]));
    store.commit(&batch(1)).unwrap();
    assert!(is_there(&store));
}
