//! All assistants fail at once, over SQLite.

use std::thread;
use std::time::Duration;

use mythos_benches::measure::time;
use mythos_benches::report;
use mythos_core::restart::RestartPolicy;

use crate::decisions::{THREADS, fail, serve};
use crate::fixture::{Fixture, assistants};
use crate::storm::{FEW, MANY, resident_bytes};

/// Longer than any delay of the default policy's first restart.
const DELAYS: Duration = Duration::from_secs(3_600);

/// What a storm came to.
struct Storm {
    reported_s: f64,
    fired_s: f64,
    drained_s: f64,
    bytes: u64,
    flushes: u64,
}

impl Storm {
    const fn seconds(&self) -> f64 {
        self.reported_s + self.drained_s
    }
}

/// Assistants in no group, each with a small state, under the default policy. Threads report the failures, share the effects
/// and answer at once, while one fires the timers; the delays are not waited for.
fn run(count: usize) -> Storm {
    let assistants = assistants(count);
    let (fixture, clock) = Fixture::deployed(&assistants, &RestartPolicy::default());
    let (supervisor, before) = (&fixture.supervisor, resident_bytes());
    let flushes = fixture.store.statistics().flushes;
    let reported = time(|| {
        thread::scope(|scope| {
            for part in assistants.chunks(count.div_ceil(THREADS)) {
                scope.spawn(move || part.iter().for_each(|assistant| fail(supervisor, assistant)));
            }
        });
    });
    clock.advance(DELAYS);
    let mut fired = Duration::ZERO;
    let drained = time(|| {
        serve(supervisor, count, || fired = time(|| drop(supervisor.tick().unwrap())));
    });
    assert_eq!(supervisor.next_timeout().unwrap(), None);
    assert_eq!(supervisor.poll_effects(1).unwrap(), []);
    Storm {
        reported_s: reported.as_secs_f64(),
        fired_s: fired.as_secs_f64(),
        drained_s: drained.as_secs_f64(),
        bytes: resident_bytes().saturating_sub(before),
        flushes: fixture.store.statistics().flushes - flushes,
    }
}

/// Measures storms and prints what they came to.
pub(crate) fn report() {
    let (few, many) = (run(FEW), run(MANY));
    println!(
        "all assistants fail at once over SQLite, until all are ready again, delays not waited for; {THREADS} threads"
    );
    let row = |count: usize, storm: &Storm| {
        vec![
            count.to_string(),
            format!("{:.2} s", storm.seconds()),
            format!("{:.2} s", storm.reported_s),
            format!("{:.2} s", storm.fired_s),
            storm.flushes.to_string(),
            format!("{:.1} MB", storm.bytes as f64 / 1e6),
        ]
    };
    report::table(
        &["assistants", "drained in", "of it reports", "timers", "flushes", "memory"],
        &[row(FEW, &few), row(MANY, &many)],
    );
    println!();
    report::figure("restart.storm_10k_s", many.seconds());
    report::figure("restart.storm_10k_over_1k", many.seconds() / few.seconds());
}
