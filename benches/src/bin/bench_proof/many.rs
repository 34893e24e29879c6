//! Thousands of small logs in one store: opening it, appending to one, and one root over all.

use std::path::Path;

use mythos_benches::{measure, report};
use mythos_core::Mythos;
use mythos_core::anchor::AnchorRequest;
use mythos_core::codex::Listing;
use mythos_core::store::{SqliteOptions, Synchronous};
use mythos_core::types::CodexId;

use crate::subject;

/// How many events each codex has.
const EVENTS: u64 = 100;

pub(crate) fn run(directory: &Path, codices: u64) {
    println!("\n{codices} codices of {EVENTS} events each, synchronous NORMAL");
    let path = directory.join("many.db");
    let mut options = SqliteOptions::default();
    options.synchronous = Synchronous::Normal;
    let mythos = Mythos::open_with(&path, &options).expect("the store opens");
    let codex = |number: u64| -> CodexId { format!("codex-{number}").parse().expect("a name") };
    let writing = measure::time(|| {
        for number in 0..codices {
            subject::create(&mythos, codex(number));
            let batch = subject::batch(codex(number), 1, EVENTS - 1, Listing::Later);
            mythos.codices().mutate_all(&batch).expect("the mutations apply");
        }
    });
    mythos.close().expect("the store closes");
    let mut opened = None;
    let opening =
        measure::time(|| opened = Some(Mythos::open_with(&path, &options).expect("the store opens")));
    let Some(mythos) = opened else { return };
    let append = |from: u64, count: u64| {
        let seconds = measure::time(|| {
            for number in from..from + count {
                let batch = subject::batch(codex(number * 7 % codices), EVENTS, 1, Listing::Now);
                mythos.codices().mutate_all(&batch).expect("the mutation applies");
            }
        });
        seconds.as_secs_f64() / count as f64
    };
    let (cold, warm) = (append(0, 200), append(0, 200));
    let anchors = mythos.anchors();
    let anchor = |what: &str| {
        let mut report = None;
        let seconds = measure::time(|| report = anchors.anchor(&AnchorRequest::default()).ok());
        let report = report.expect("the heads are stated");
        assert!(report.next.is_none() && report.findings.is_empty(), "{what}");
        (seconds.as_secs_f64(), report.appended)
    };
    let (all, stated) = anchor("all");
    assert!(stated >= codices);
    append(400, 100);
    let (few, changed) = anchor("few");
    let row = |what: &str, seconds: f64, unit: f64| vec![what.to_owned(), format!("{:.2}", seconds * unit)];
    report::table(
        &["", "ms"],
        &[
            row("writing one codex", writing.as_secs_f64() / codices as f64, 1e3),
            row("opening the store", opening.as_secs_f64(), 1e3),
            row("appending to a codex that is not in memory", cold, 1e3),
            row("appending to one that is", warm, 1e3),
            row("one root over all of them, first", all, 1e3),
            row(&format!("one root over all of them, {changed} changed since"), few, 1e3),
        ],
    );
    report::figure("proof.many_open_ms", opening.as_secs_f64() * 1e3);
    report::figure("proof.many_append_cold_us", cold * 1e6);
    report::figure("proof.many_super_root_ms", all * 1e3);
    report::figure("proof.many_super_root_again_ms", few * 1e3);
}
