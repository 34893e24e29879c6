//! From a failure to mythpath-ready over SQLite: how long it takes, and how many flushes of the disk.

use std::fmt::Write;
use std::thread;
use std::time::Duration;

use mythos_benches::measure::{median, time};
use mythos_benches::report;
use mythos_core::restart::{Action, Outcome, ReportFailure, State};
use mythos_core::types::Runtime;
use rusqlite::{Connection, params};

use crate::fixture::{Fixture, assistants, policy};
use crate::tree::Random;

/// Restarts of each kind.
const RUNS: usize = 301;

/// The state that is restored, about.
const STATE_BYTES: usize = 1 << 20;

/// What a record of a deployment takes, about: what a bare commit writes.
const RECORD_BYTES: usize = 2_000;

/// Words that messages are made of; the more, the less a state compresses.
const WORDS: u64 = 4_000;

/// The messages of an agent, as JSON.
fn state() -> Vec<u8> {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let mut text = String::from("{\"messages\":[");
    while text.len() < STATE_BYTES {
        let separator = if text.ends_with('[') { "" } else { "," };
        write!(text, "{separator}{{\"role\":\"tool\",\"call\":\"{:016x}\",\"content\":\"", random.next())
            .unwrap();
        for _ in 0..100 {
            // A word is the same wherever it stands.
            write!(text, "{:x} ", (random.next() % WORDS).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 36).unwrap();
        }
        text.push_str("\"}");
    }
    text.push_str("]}");
    text.into_bytes()
}

/// One kind of restart.
struct Measured {
    /// The median, in milliseconds.
    ready_ms: f64,
    /// The same of one bare commit each, between the restarts.
    flush_ms: f64,
    /// The median of what each restart took beyond as many bare commits as it needs flushes, made right behind it, in
    /// milliseconds: what a flush takes changes from one moment to the next.
    over_ms: f64,
    /// What each restart needed; the same for all.
    flushes: u64,
}

/// Fails and restarts an assistant again and again, and commits a record plainly in between. The time of a backoff does not
/// count.
fn measure(state: &[u8], backoff: Option<Duration>) -> Measured {
    let fixture = Fixture::new(Runtime::system());
    let [assistant] = <[_; 1]>::try_from(assistants(1)).unwrap();
    fixture.deploy(&assistant, &policy(backoff), state);
    let supervisor = &fixture.supervisor;
    let plain = Plain::open(&fixture);
    let (mut ready, mut bare, mut over, mut flushes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let before = fixture.store.statistics().flushes;
        let mut elapsed = time(|| {
            let reason = "the process was killed".try_into().unwrap();
            supervisor.report_failure(&ReportFailure::crashed(assistant.clone(), reason)).unwrap();
        });
        if let Some(delay) = backoff {
            thread::sleep(delay + Duration::from_millis(1));
        }
        elapsed += time(|| {
            if backoff.is_some() {
                supervisor.tick().unwrap();
            }
            let restore = supervisor.poll_effects(1).unwrap().remove(0);
            let done = supervisor.carry_out(&restore).unwrap();
            assert!(done.restored.unwrap().payload == state, "the state comes back");
            let probe = done.next.unwrap();
            assert!(matches!(probe.action, Action::Probe { .. }));
            let decision = supervisor.answer(&probe.id, &Outcome::Ready).unwrap();
            assert!(matches!(decision.state, State::MythpathReady { .. }));
        });
        let needed = fixture.store.statistics().flushes - before;
        let commits: Vec<f64> = (0..needed).map(|_| time(|| plain.commit(run)).as_secs_f64() * 1e3).collect();
        let took = elapsed.as_secs_f64() * 1e3;
        over.push(took - commits.iter().sum::<f64>());
        ready.push(took);
        bare.extend(commits);
        flushes.push(needed);
    }
    assert!(flushes.iter().all(|count| *count == flushes[0]), "each restart needs as many: {flushes:?}");
    Measured { ready_ms: median(ready), flush_ms: median(bare), over_ms: median(over), flushes: flushes[0] }
}

/// A database beside the other one, without this library.
struct Plain(Connection);

impl Plain {
    fn open(fixture: &Fixture) -> Self {
        let connection = Connection::open(fixture.directory.path().join("plain.db")).unwrap();
        let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                        CREATE TABLE records (id INTEGER PRIMARY KEY, body TEXT NOT NULL)";
        connection.execute_batch(settings).unwrap();
        Self(connection)
    }

    fn commit(&self, number: usize) {
        let body = format!("{number:RECORD_BYTES$}");
        let mut insert = self.0.prepare_cached("INSERT INTO records (body) VALUES (?)").unwrap();
        insert.execute(params![body]).unwrap();
    }
}

/// Measures restarts and prints what they came to.
pub(crate) fn report() {
    let state = state();
    let at_once = measure(&state, None);
    let delayed = measure(&state, Some(Duration::from_millis(1)));
    println!(
        "from a reported failure to ready, over SQLite, a state of {:.1} MB; median of {RUNS}",
        state.len() as f64 / 1e6
    );
    let row = |what: &str, measured: &Measured| {
        vec![
            what.to_owned(),
            format!("{:.2} ms", measured.ready_ms),
            measured.flushes.to_string(),
            format!("{:.2} ms", measured.flush_ms),
            format!("{:.2} ms", measured.over_ms),
        ]
    };
    report::table(
        &["", "ready in", "flushes", "one bare commit", "over the flushes"],
        &[row("at once", &at_once), row("after a backoff, not counted", &delayed)],
    );
    println!();
    report::figure("restart.ready_ms", at_once.ready_ms);
    report::figure("restart.flushes_to_ready", at_once.flushes as f64);
    report::figure("restart.flushes_to_ready_after_backoff", delayed.flushes as f64);
    report::figure("restart.ready_over_flushes_ms", at_once.over_ms);
}
