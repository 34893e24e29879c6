//! How many pairs of versions the guard assesses in a second on one core: the part of `make bench-guard` that is no Python.
//!
//! Reads lines of JSON with `text_a` and `text_b` from the file that is named, and goes through them again and again.

#![allow(clippy::unwrap_used, reason = "a benchmark stops at what it does not expect")]

use std::time::Duration;

use mythos_benches::measure::{median, time};
use mythos_benches::report;
use mythos_core::regression::{Assessment, GuardPolicy};
use serde::Deserialize;

/// A pair of versions.
#[derive(Deserialize)]
struct Pair {
    text_a: String,
    text_b: String,
}

/// Rounds, of which the median counts.
const ROUNDS: usize = 9;

/// The least that a round takes.
const LEAST: Duration = Duration::from_millis(400);

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let pairs: Vec<Pair> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let policy = GuardPolicy::default();
    let bytes: usize = pairs.iter().map(|pair| pair.text_a.len() + pair.text_b.len()).sum();
    let rate = || {
        let (mut count, mut elapsed) = (0_usize, Duration::ZERO);
        while elapsed < LEAST {
            elapsed += time(|| {
                for pair in &pairs {
                    std::hint::black_box(Assessment::of(&pair.text_a, &pair.text_b, &policy).unwrap());
                }
            });
            count += pairs.len();
        }
        count as f64 / elapsed.as_secs_f64()
    };
    rate();
    let rates: Vec<f64> = (0..ROUNDS).map(|_| rate()).collect();
    let rate = median(rates);
    println!(
        "{} pairs of {} bytes on average, on one core: {rate:.0} pairs/s, {:.1} MB/s; findings and messages included",
        pairs.len(),
        bytes / pairs.len(),
        rate * bytes as f64 / pairs.len() as f64 / 1e6
    );
    report::figure("guard.pairs_per_s", rate);
}
