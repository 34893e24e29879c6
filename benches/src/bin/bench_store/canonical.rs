//! The canonical writer beside `serde_json_canonicalizer`, on an event of a proof log.

use std::collections::BTreeMap;
use std::hint::black_box;

use mythos_benches::measure::{Subject, interleaved};
use mythos_benches::report;
use mythos_core::canonical;
use serde::Serialize;
use serde_json::Value;

/// An event of about 400 bytes with 14 members in three objects. The fields are declared in the order in which they
/// are read best, so that the writer has to sort them.
#[derive(Serialize)]
struct Event {
    seq: u64,
    operation: &'static str,
    recorded_at: &'static str,
    codex: Codex,
    directive_path: [&'static str; 3],
    commitments: BTreeMap<&'static str, &'static str>,
    score: f64,
    symbolic: bool,
    note: Option<&'static str>,
}

#[derive(Serialize)]
struct Codex {
    version: u32,
    id: &'static str,
    clause: &'static str,
}

fn event() -> Event {
    Event {
        seq: 48_211,
        operation: "replace",
        recorded_at: "2026-11-17T09:14:37.204518Z",
        codex: Codex { version: 12, id: "support-policy", clause: "refunds.limit" },
        directive_path: ["support", "refunds", "limit"],
        commitments: BTreeMap::from([
            ("actor", "5f2b0c9e4d71a8836e5f2b0c9e4d71a8"),
            ("text", "c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a"),
        ]),
        score: 0.8125,
        symbolic: true,
        note: Some("lower the limit to \"50\" while the audit runs"),
    }
}

pub(crate) fn run() {
    let event = event();
    let value = serde_json::to_value(&event).expect("the event has a JSON form");
    let bytes = canonical::to_vec(&value).expect("the event has a canonical form");
    assert_eq!(serde_json_canonicalizer::to_vec(&event).ok().as_ref(), Some(&bytes), "the peers agree");

    println!("canonical JSON: one event of a proof log, {} bytes, 14 members in three objects", bytes.len());
    let mut rows = Vec::new();
    let value_ratio = compare(&mut rows, "serde_json::Value (members in order)", &value);
    let struct_ratio = compare(&mut rows, "struct (members to be sorted)", &event);
    report::table(&["written from", "mythos_core", "serde_json_canonicalizer", "ratio"], &rows);
    println!();

    let parsed = interleaved(&mut [
        Subject::new("canonical::parse", || drop(black_box(canonical::parse(black_box(&bytes))))),
        Subject::new("serde_json", || drop(black_box(serde_json::from_slice::<Value>(black_box(&bytes))))),
    ]);
    let row = vec!["parsed to serde_json::Value".to_owned(), nanoseconds(parsed[0]), nanoseconds(parsed[1])];
    report::table(&["", "mythos_core", "serde_json (lenient)"], &[row]);
    println!();
    report::figure("canonical.speedup_vs_serde_json_canonicalizer", value_ratio.min(struct_ratio));
}

/// Adds a row, and returns how many times as long the peer takes.
fn compare<T: Serialize>(rows: &mut Vec<Vec<String>>, name: &str, value: &T) -> f64 {
    let times = interleaved(&mut [
        Subject::new("mythos_core", || drop(black_box(canonical::to_vec(black_box(value))))),
        Subject::new("serde_json_canonicalizer", || {
            drop(black_box(serde_json_canonicalizer::to_vec(black_box(value))));
        }),
    ]);
    let ratio = times[1] / times[0];
    rows.push(vec![name.to_owned(), nanoseconds(times[0]), nanoseconds(times[1]), format!("{ratio:.1}")]);
    ratio
}

fn nanoseconds(seconds: f64) -> String {
    format!("{:.0} ns", seconds * 1e9)
}
