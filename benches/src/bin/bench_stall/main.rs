//! How well stalls are told from progress, and what novelty costs, on recorded sessions.
//!
//! `MYTHOS_STATES=DIRECTORY bench_stall`: the directory holds sets, each a directory of `SESSION.jsonl` with one state a
//! line, a JSON object whose `messages` grow by the end (and may lose their oldest). Each session is one run that goes
//! ahead, one that goes ahead but for a retry, and is caught in a loop in every way of `runs`. Policies are compared on
//! the first half of each set's sessions; what is reported comes from the second half.

mod runs;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mythos_benches::measure::{interleaved, median};
use mythos_benches::report;
use mythos_core::ritual::{NoveltyMeter, ScoredEntry, StallDetector, StallPolicy};
use mythos_core::types::Score;

use runs::{Kind, Random, Session};

/// The runs of the sessions depend on nothing but them and this.
const SEED: u64 = 20_260_314;

/// Policies that are compared on the first half: lengths, and thresholds in novel bytes.
const LENGTHS: [u32; 4] = [4, 6, 8, 10];
const THRESHOLD_BYTES: [u32; 12] = [40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150];

/// States of each set whose cost is measured: the largest ones.
const MEASURED_STATES: usize = 4;

/// A large state, and what one step adds to it.
const JOINED_BYTES: usize = 300_000;
const JOINED_CHANGE_BYTES: usize = 2_000;

/// A run with its scores.
struct Run {
    set: String,
    kind: Kind,
    /// The entry that the loop begins with.
    start: usize,
    /// Whether its session lies in the half of its set on which policies are compared.
    compared: bool,
    novelties: Vec<Score>,
}

fn main() -> ExitCode {
    let Some(directory) = std::env::var_os("MYTHOS_STATES").map(PathBuf::from) else {
        eprintln!(
            "set MYTHOS_STATES to a directory of sets, each a directory of SESSION.jsonl with one state a line"
        );
        return ExitCode::FAILURE;
    };
    match measure(&directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot measure {}: {error}", directory.display());
            ExitCode::FAILURE
        }
    }
}

fn measure(directory: &Path) -> std::io::Result<()> {
    let mut sets: Vec<_> = std::fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    sets.retain(|set| set.path().is_dir());
    sets.sort_by_key(std::fs::DirEntry::file_name);
    let (mut runs, mut costs, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for set in sets {
        let name = set.file_name().to_string_lossy().into_owned();
        let sessions = runs::read_set(&set.path())?;
        score_set(&name, &sessions, &mut runs);
        costs.extend(cost_of_largest(&name, &sessions));
        all.extend(sessions);
    }
    costs.extend(cost_of_joined(&all));
    let half = |compared| runs.iter().filter(move |run| run.compared == compared).collect::<Vec<_>>();
    let (compared, reported) = (half(true), half(false));
    if [&compared, &reported].iter().any(|half| half.iter().all(|run| !run.kind.loops())) {
        return Err(std::io::Error::other("too few sessions of objects with `messages`"));
    }

    compare_policies(&compared, &reported);
    by_kind(&reported);
    report_costs(&costs);
    let outcome = Outcome::of(&reported, &StallPolicy::default());
    report::figure("stall.precision", outcome.precision());
    report::figure("stall.recall", outcome.recall());
    // The dearest case: what a caller must expect.
    let ratio = costs.iter().map(Cost::ratio).fold(0.0, f64::max);
    report::figure("stall.novelty_over_zstd3_time", ratio);
    Ok(())
}

fn score_set(set: &str, sessions: &[Session], runs: &mut Vec<Run>) {
    let meter = NoveltyMeter::default();
    for (index, session) in sessions.iter().enumerate() {
        for kind in Kind::ALL {
            let mut random = Random(SEED ^ (index as u64) << 8 ^ kind as u64);
            let Some((payloads, start)) = runs::run(session, kind, &mut random) else { continue };
            let first = meter.score(None, payloads.first().map_or(&[], Vec::as_slice));
            let later = payloads.windows(2).map(|pair| meter.score(Some(&pair[0]), &pair[1]));
            let novelties = std::iter::once(first).chain(later).collect();
            let compared = index < sessions.len() / 2;
            runs.push(Run { set: set.to_owned(), kind, start, compared, novelties });
        }
    }
}

/// What a policy makes of runs.
#[derive(Default)]
struct Outcome {
    looping: usize,
    found: usize,
    /// Loops that were called before they began.
    early: usize,
    progressing: usize,
    false_alarms: usize,
    /// Entries from the loop's first to the one at which it was found.
    delays: Vec<f64>,
}

impl Outcome {
    fn of(runs: &[&Run], policy: &StallPolicy) -> Self {
        let mut outcome = Self::default();
        for run in runs {
            let mut detector = StallDetector::new(*policy);
            let mut entries = (0..).zip(&run.novelties);
            let found = entries
                .find(|(sequence, novelty)| {
                    detector.observe(ScoredEntry { sequence: *sequence, novelty: **novelty }).is_some()
                })
                .map(|(sequence, _)| sequence as usize);
            if !run.kind.loops() {
                outcome.progressing += 1;
                outcome.false_alarms += usize::from(found.is_some());
                continue;
            }
            outcome.looping += 1;
            match found {
                Some(at) if at >= run.start => {
                    outcome.found += 1;
                    outcome.delays.push((at + 1 - run.start) as f64);
                }
                Some(_) => outcome.early += 1,
                None => {}
            }
        }
        outcome
    }

    /// The share of right alarms among all, if there were as many looping runs as progressing ones. An alarm before the
    /// loop begins is a wrong one.
    fn precision(&self) -> f64 {
        let wrong = share(self.false_alarms, self.progressing) + share(self.early, self.looping);
        let right = self.recall();
        if right > 0.0 { right / (right + wrong) } else { 0.0 }
    }

    fn recall(&self) -> f64 {
        share(self.found, self.looping)
    }

    fn f1(&self) -> f64 {
        let (precision, recall) = (self.precision(), self.recall());
        if recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The best threshold of each length on the first half, and what it does on the second; and the default policy's row.
fn compare_policies(compared: &[&Run], reported: &[&Run]) {
    println!("policies: the threshold best by F1 on the first half of each set, and the default");
    let mut rows = Vec::new();
    let mut row = |name: String, policy: &StallPolicy| {
        let [before, after] = [compared, reported].map(|runs| Outcome::of(runs, policy));
        let threshold = policy.threshold().get();
        let columns = [threshold, before.precision(), before.recall(), after.precision(), after.recall()]
            .map(|v| format!("{v:.3}"));
        let delay = format!("{:.0}", median(after.delays));
        rows.push(std::iter::once(name).chain(columns).chain([delay]).collect());
    };
    for length in LENGTHS {
        let policies = THRESHOLD_BYTES.iter().filter_map(|bytes| {
            let threshold = f64::from(*bytes) / (f64::from(*bytes) + 256.0);
            StallPolicy::new(length, Score::new(threshold).ok()?).ok()
        });
        let f1 = |policy: &StallPolicy| Outcome::of(compared, policy).f1();
        if let Some(best) = policies.max_by(|left, right| f1(left).total_cmp(&f1(right))) {
            row(format!("{length} entries"), &best);
        }
    }
    let default = StallPolicy::default();
    row(format!("{} entries (default)", default.min_length()), &default);
    let header =
        ["", "threshold", "precision", "recall", "precision, 2nd half", "recall, 2nd half", "median delay"];
    report::table(&header, &rows);
    println!();
}

/// What the default policy makes of each kind of run in each set.
fn by_kind(reported: &[&Run]) {
    println!("default policy, second half: runs called a stall, of all; for loops, not before they began");
    let mut groups: BTreeMap<&str, BTreeMap<Kind, Vec<&Run>>> = BTreeMap::new();
    for run in reported {
        groups.entry(&run.set).or_default().entry(run.kind).or_default().push(run);
    }
    let rows: Vec<Vec<String>> = Kind::ALL
        .iter()
        .map(|kind| {
            let cell = |runs: Option<&Vec<&Run>>| {
                let outcome = Outcome::of(runs.map_or(&[], Vec::as_slice), &StallPolicy::default());
                let (called, all) =
                    (outcome.found + outcome.false_alarms, outcome.looping + outcome.progressing);
                format!("{called} of {all}")
            };
            let cells = groups.values().map(|kinds| cell(kinds.get(kind)));
            std::iter::once(kind.name().to_owned()).chain(cells).collect()
        })
        .collect();
    let header: Vec<&str> = std::iter::once("").chain(groups.keys().copied()).collect();
    report::table(&header, &rows);
    println!();
}

/// What one save costs, in seconds.
struct Cost {
    what: String,
    bytes: usize,
    novelty: f64,
    whole: f64,
}

impl Cost {
    fn ratio(&self) -> f64 {
        self.novelty / self.whole
    }
}

/// The cost of the last save of a session, of those with the largest states the median by ratio.
fn cost_of_largest(set: &str, sessions: &[Session]) -> Option<Cost> {
    let mut pairs: Vec<_> = sessions.iter().filter_map(|session| session.states.last_chunk::<2>()).collect();
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair[1].len()));
    let mut costs: Vec<Cost> = pairs
        .iter()
        .take(MEASURED_STATES)
        .filter_map(|[before, after]| cost(format!("{set}, largest"), before, after))
        .collect();
    costs.sort_by(|left, right| left.ratio().total_cmp(&right.ratio()));
    let middle = costs.len() / 2;
    (!costs.is_empty()).then(|| costs.swap_remove(middle))
}

/// The cost of adding about [`JOINED_CHANGE_BYTES`] to one state of [`JOINED_BYTES`], made of the sessions' last states.
fn cost_of_joined(sessions: &[Session]) -> Option<Cost> {
    let mut joined: Vec<u8> = Vec::new();
    for state in sessions.iter().filter_map(|session| session.states.last()) {
        joined.extend_from_slice(state);
        if joined.len() >= JOINED_BYTES + JOINED_CHANGE_BYTES {
            let after = &joined[..JOINED_BYTES + JOINED_CHANGE_BYTES];
            return cost("sessions joined, 2 KB added".to_owned(), &joined[..JOINED_BYTES], after);
        }
    }
    None
}

fn cost(what: String, before: &[u8], after: &[u8]) -> Option<Cost> {
    let meter = NoveltyMeter::default();
    let mut context = zstd_safe::CCtx::try_create()?;
    context.set_parameter(zstd_safe::CParameter::CompressionLevel(3)).ok()?;
    let mut score = || {
        black_box(meter.score(Some(black_box(before)), black_box(after)));
    };
    let mut compress = || {
        let mut output = Vec::with_capacity(zstd_safe::compress_bound(after.len()));
        let _ = black_box(context.compress2(&mut output, black_box(after)));
    };
    let [novelty, whole] = interleaved([&mut score, &mut compress]);
    Some(Cost { what, bytes: after.len(), novelty, whole })
}

fn report_costs(costs: &[Cost]) {
    println!(
        "cost of a save: the last of a session, the median by ratio of the {MEASURED_STATES} with the largest states"
    );
    let microseconds = |seconds: f64| format!("{:.0} µs", seconds * 1e6);
    let row = |cost: &Cost| {
        vec![
            cost.what.clone(),
            cost.bytes.to_string(),
            microseconds(cost.novelty),
            microseconds(cost.whole),
            format!("{:.2}", cost.ratio()),
        ]
    };
    report::table(
        &["", "bytes", "novelty", "zstd 3, whole", "ratio"],
        &costs.iter().map(row).collect::<Vec<_>>(),
    );
    println!();
}
