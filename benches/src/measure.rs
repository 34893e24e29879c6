//! Measuring subjects side by side.

use std::time::{Duration, Instant};

/// Rounds of a comparison. The median of so many is not moved by those that another process interrupted.
const ROUNDS: usize = 401;

/// How long a subject runs in one round, about: long against the clock's resolution, and shorter than what a scheduler
/// gives to a process at a time, so that most rounds run uninterrupted on a busy machine too.
const ROUND: Duration = Duration::from_millis(1);

/// Something to be measured: what it is, and one call of it.
pub struct Subject<'a> {
    name: String,
    call: Box<dyn FnMut() + 'a>,
}

impl std::fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Subject<'a> {
    /// Names `call`, whose result must pass through [`std::hint::black_box`].
    pub fn new(name: impl Into<String>, call: impl FnMut() + 'a) -> Self {
        Self { name: name.into(), call: Box::new(call) }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The median time of one call of each subject, in seconds.
///
/// The subjects take turns in every round, so that a change of load hits all of them.
#[must_use]
pub fn interleaved(subjects: &mut [Subject<'_>]) -> Vec<f64> {
    let calls: Vec<u32> = subjects.iter_mut().map(calls_per_round).collect();
    let mut times = vec![Vec::with_capacity(ROUNDS); subjects.len()];
    for _ in 0..ROUNDS {
        for ((subject, calls), times) in subjects.iter_mut().zip(&calls).zip(&mut times) {
            let seconds = time(|| (0..*calls).for_each(|_| (subject.call)())).as_secs_f64();
            times.push(seconds / f64::from(*calls));
        }
    }
    times.into_iter().map(median).collect()
}

/// How long `work` takes.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures the time of this machine")]
pub fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The middle one of `values`, or 0 if there are none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// How many calls fill a round. Finding it out warms the caches as well.
fn calls_per_round(subject: &mut Subject<'_>) -> u32 {
    let mut calls = 1;
    while time(|| (0..calls).for_each(|_| (subject.call)())) < ROUND {
        calls *= 2;
    }
    calls
}
