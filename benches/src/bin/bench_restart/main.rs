//! Compares the restart machine with an actor supervisor, and measures it over SQLite, in storms too: what `make bench-restart` runs.
//!
//! The pure tree decides and launches nothing; the peer, `ractor-supervisor`, restarts actors, which is its decision and the
//! launch of a task in one. Restarts per second are therefore of what one can be driven at by the other's measure, not of
//! the same work; transitions per second have no counterpart there.

#![allow(clippy::unwrap_used, reason = "a benchmark stops at what it does not expect")]

mod decisions;
mod durable_storm;
mod fixture;
mod peer;
mod readiness;
mod storm;
mod tree;

use mythos_benches::measure::median;
use mythos_benches::report;

/// Runs of each subject, in turns.
const RUNS: usize = 5;

/// The share of failures among the transitions that a mix must have to show what failures cost.
const LEAST_FAILURES: f64 = 0.3;

fn main() {
    // First, while no memory of others is there to be used again.
    storm::report();
    println!();
    let (mut rates, mut restarts, mut peers, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut share = 0.0;
    for _ in 0..RUNS {
        let run = tree::run();
        share = run.failures as f64 / run.transitions as f64;
        assert!(share >= LEAST_FAILURES, "too few of the transitions are failures: {share}");
        let (rate, peer) = (run.restarts as f64 / run.seconds, peer::restarts_per_second());
        rates.push(run.transitions as f64 / run.seconds);
        restarts.push(rate);
        peers.push(peer);
        ratios.push(rate / peer);
    }
    let (rate, restarts, peer) = (median(rates), median(restarts), median(peers));
    println!("a rest-for-one group of {} children, one core; median of {RUNS} runs", tree::CHILDREN);
    let count = |value: f64| format!("{value:.0}");
    report::table(
        &["", "transitions/s", "of them failures", "restarts/s"],
        &[
            vec![
                "supervision tree".to_owned(),
                count(rate),
                format!("{:.0} %", 100.0 * share),
                count(restarts),
            ],
            vec!["ractor-supervisor".to_owned(), "-".to_owned(), "-".to_owned(), count(peer)],
        ],
    );
    println!();
    report::figure("restart.transitions_per_s", rate);
    report::figure("restart.restarts_over_ractor", median(ratios));
    println!();
    readiness::report();
    println!();
    decisions::report();
    println!();
    durable_storm::report();
}
