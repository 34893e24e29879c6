//! Several processes write one file: each gets its turn, and nothing is lost.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use mythos_core::store::{
    Answer, Batch, Direction, Expect, Field, FieldKind, Filter, Query, Read, RecordOp, Schema, SqliteOptions,
    SqliteStore, Store, Table,
};
use mythos_core::types::RecordId;

const TURNS: Table = Table::new(&Schema {
    name: "turns",
    fields: &[
        Field::new("tenant", FieldKind::Text),
        Field::new("writer", FieldKind::Integer),
        Field::new("number", FieldKind::Integer),
    ],
    indexes: &[&["writer", "number"]],
    owns_cells: false,
});

const WRITERS: u64 = 4;

/// The run ends when so many commits were acknowledged in all.
const COMMITS: u64 = 1_200;

/// Set in a writer process: the file, and the writer's number.
const WRITER: &str = "MYTHOS_TEST_WRITER";

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, &[TURNS], &SqliteOptions::default()).unwrap()
}

/// Not a test of its own: what the processes that the test below starts do. Writes until its input ends, and says each
/// acknowledged number.
#[test]
fn writer_process() {
    let Ok(instructions) = env::var(WRITER) else { return };
    let (writer, path) = instructions.split_once(' ').unwrap();
    let writer: u64 = writer.parse().unwrap();
    let store = open(Path::new(path));
    let mut output = std::io::stdout();
    writeln!(output, "\nopen").unwrap();
    std::io::stdin().lines().next();
    // Whoever is told to stop finds the end of its input.
    let (stop, stopped) = std::sync::mpsc::channel();
    std::thread::spawn(move || drop((std::io::stdin().lines().next(), stop.send(()))));
    for number in 0_u64.. {
        if stopped.try_recv().is_ok() {
            break;
        }
        let id = RecordId::new(format!("{writer}/{number}").as_bytes()).unwrap();
        let body = serde_json::json!({"tenant": "default", "writer": writer, "number": number});
        let body = body.as_object().unwrap().clone();
        let mut batch = Batch::new();
        batch.records.push(RecordOp::Put { table: TURNS, id, expect: Expect::Absent, body });
        store.commit(&batch).unwrap();
        writeln!(output, "acknowledged {number}").unwrap();
    }
}

struct Writer {
    process: Child,
    input: Option<ChildStdin>,
    output: Option<std::io::Lines<BufReader<ChildStdout>>>,
}

fn start(number: u64, path: &Path) -> Writer {
    let mut process = Command::new(env::current_exe().unwrap())
        .args(["--exact", "writer_process", "--nocapture", "--test-threads=1"])
        .env(WRITER, format!("{number} {}", path.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
    while output.next().unwrap().unwrap() != "open" {}
    Writer { input: process.stdin.take(), process, output: Some(output) }
}

#[test]
fn four_writing_processes_take_turns_and_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    // All open the file at once: they also take turns in laying it out.
    let mut writers: Vec<_> = std::thread::scope(|scope| {
        let path = &path;
        let starts: Vec<_> = (0..WRITERS).map(|number| scope.spawn(move || start(number, path))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let (acknowledge, acknowledged) = std::sync::mpsc::channel();
    for (number, writer) in (0..).zip(&mut writers) {
        writeln!(writer.input.as_mut().unwrap(), "go").unwrap();
        let output = writer.output.take().unwrap();
        let acknowledge = acknowledge.clone();
        std::thread::spawn(move || {
            for line in output.map_while(Result::ok).filter(|line| line.starts_with("acknowledged")) {
                acknowledge.send((number, line)).unwrap();
            }
        });
    }
    drop(acknowledge);
    let mut counts = [0_u64; WRITERS as usize];
    let mut fair_counts = None;
    for (writer, _line) in acknowledged {
        let writer: usize = writer;
        counts[writer] += 1;
        if counts.iter().sum::<u64>() == COMMITS {
            fair_counts = Some(counts);
            writers.iter_mut().for_each(|writer| drop(writer.input.take()));
        }
    }
    for writer in &mut writers {
        assert!(writer.process.wait().unwrap().success());
    }

    let fair_share = COMMITS / WRITERS;
    let least = fair_counts.unwrap().into_iter().min().unwrap();
    assert!(least >= fair_share / 10, "of {COMMITS} commits one writer had {least}: {fair_counts:?}");
    let store = open(&path);
    for (writer, acknowledged) in (0_i64..).zip(counts) {
        let last = Query::new(TURNS)
            .filter(Filter::equals("writer", writer))
            .order_by("number", Direction::Descending)
            .limit(1);
        let filters = last.filters.clone();
        let answers = store
            .read(&[Read::Count { table: TURNS, filters, by: None, cap: u64::MAX }, Read::Page(last)])
            .unwrap();
        let [Answer::Count { groups, .. }, Answer::Page { records }] = &answers[..] else {
            panic!("{answers:?}")
        };
        assert_eq!(groups[0].count, acknowledged, "what writer {writer} was told is there, and nothing else");
        assert_eq!(records[0].body["number"], acknowledged - 1);
    }
}
