use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::types::Score;

/// When a run of entries with little new in them is a stall. Valid by construction.
///
/// ```
/// use mythos_core::ritual::StallPolicy;
/// use mythos_core::types::Score;
///
/// let patient = StallPolicy::new(20, Score::new(0.2)?)?;
/// assert_eq!((patient.min_length(), patient.threshold().get()), (20, 0.2));
///
/// assert!(StallPolicy::new(1, Score::new(0.2)?).is_err()); // one entry is no run
/// assert!(StallPolicy::new(20, Score::ZERO).is_err()); // nothing is below it
/// assert!(StallPolicy::new(20, Score::ONE).is_err()); // everything is below it
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StallPolicy {
    min_length: u32,
    threshold: Score,
}

impl StallPolicy {
    /// The shortest run by default, in entries: five turns of a call and its answer.
    pub const DEFAULT_MIN_LENGTH: u32 = 10;

    /// The default threshold: 110 novel bytes. Best by F1, with the length, among those that the benchmark `bench_stall`
    /// compares, on half of the recorded sessions of two agents and the same sessions caught in loops of 16 entries. On
    /// the other half it found 98 of 100 loops, and called 3 of 100 runs without one a stall.
    pub const DEFAULT_THRESHOLD: f64 = 0.3;

    /// The longest run that a policy may ask for, in entries.
    pub const MAX_MIN_LENGTH: u32 = 10_000;

    /// A stall is a run of at least `min_length` successive entries whose novelty lies below `threshold`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `min_length`, if it is not in
    /// `2..=`[`MAX_MIN_LENGTH`](Self::MAX_MIN_LENGTH), since one entry is no run; field `threshold`, if it is 0, below which
    /// no entry lies, or 1, below which every entry with a predecessor lies.
    pub fn new(min_length: u32, threshold: Score) -> Result<Self> {
        if !(2..=Self::MAX_MIN_LENGTH).contains(&min_length) {
            let message = format!("a stall of {min_length} entries is not in 2..={}", Self::MAX_MIN_LENGTH);
            return Err(Error::invalid("min_length", message));
        }
        if threshold == Score::ZERO || threshold == Score::ONE {
            let message = format!("novelty threshold {} is not between 0 and 1", threshold.get());
            return Err(Error::invalid("threshold", message));
        }
        Ok(Self { min_length, threshold })
    }

    /// The shortest run that is a stall, in entries.
    #[must_use]
    pub const fn min_length(&self) -> u32 {
        self.min_length
    }

    /// The novelty below which an entry continues a run.
    #[must_use]
    pub const fn threshold(&self) -> Score {
        self.threshold
    }
}

impl Default for StallPolicy {
    fn default() -> Self {
        Self { min_length: Self::DEFAULT_MIN_LENGTH, threshold: Score::clamped(Self::DEFAULT_THRESHOLD) }
    }
}

/// An entry of a ritual, as far as stalls go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredEntry {
    /// The entry's place in its ritual.
    pub sequence: u64,
    /// What the entry added to the one before, see [`novelty_score`](super::novelty_score).
    pub novelty: Score,
}

/// A run of entries that say hardly anything new: the assistant is probably going round in circles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// The sequence of the run's first entry. The state before it is the last that went ahead.
    pub since_sequence: u64,
    /// The number of entries of the run so far; at least [`StallPolicy::min_length`].
    pub length: u64,
    /// The mean novelty of these entries; below [`StallPolicy::threshold`].
    pub mean_novelty: Score,
}

/// The stall that `entries` end in, if they do. They are of one ritual and in ascending order.
///
/// A run is made of entries whose sequences follow one another: what was between two others is unknown, and might have
/// been new. A stall that was overcome is none any more.
///
/// ```
/// use mythos_core::ritual::{ScoredEntry, StallPolicy, stall};
/// use mythos_core::types::Score;
///
/// let policy = StallPolicy::new(3, Score::new(0.25)?)?;
/// let mut entries = Vec::new();
/// for (sequence, novelty) in [1.0, 0.5, 0.0625, 0.125, 0.0625].into_iter().enumerate() {
///     entries.push(ScoredEntry { sequence: sequence as u64, novelty: Score::new(novelty)? });
/// }
/// assert_eq!(stall(&entries[..4], &policy), None);
/// let found = stall(&entries, &policy).unwrap();
/// assert_eq!((found.since_sequence, found.length), (2, 3));
/// assert_eq!(found.mean_novelty.get(), 0.25 / 3.0);
///
/// entries.push(ScoredEntry { sequence: 5, novelty: Score::new(0.75)? });
/// assert_eq!(stall(&entries, &policy), None);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[must_use]
pub fn stall(entries: &[ScoredEntry], policy: &StallPolicy) -> Option<Stall> {
    let mut detector = StallDetector::new(*policy);
    entries.iter().fold(None, |_, entry| detector.observe(*entry))
}

/// Finds stalls while entries are made, one after another. It gives after each what [`stall`] gives for all so far.
///
/// ```
/// use mythos_core::ritual::{ScoredEntry, StallDetector, StallPolicy};
/// use mythos_core::types::Score;
///
/// let mut detector = StallDetector::new(StallPolicy::new(2, Score::new(0.25)?)?);
/// let mut stalls = [0.5, 0.125, 0.125, 0.125].into_iter().enumerate().map(|(sequence, novelty)| {
///     let entry = ScoredEntry { sequence: sequence as u64, novelty: Score::new(novelty).unwrap() };
///     detector.observe(entry).map(|stall| stall.length)
/// });
/// assert_eq!(stalls.by_ref().collect::<Vec<_>>(), [None, None, Some(2), Some(3)]);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct StallDetector {
    policy: StallPolicy,
    run: Option<Run>,
}

/// A run that may become a stall.
#[derive(Debug, Clone, Copy)]
struct Run {
    since_sequence: u64,
    last_sequence: u64,
    length: u64,
    sum: f64,
}

impl StallDetector {
    /// Begins before the first entry.
    #[must_use]
    pub const fn new(policy: StallPolicy) -> Self {
        Self { policy, run: None }
    }

    /// Takes the next entry, and gives the stall that it belongs to, if there is one.
    pub fn observe(&mut self, entry: ScoredEntry) -> Option<Stall> {
        let ScoredEntry { sequence, novelty } = entry;
        if novelty >= self.policy.threshold {
            self.run = None;
            return None;
        }
        let follows = |run: &Run| run.last_sequence.checked_add(1) == Some(sequence);
        let fresh = Run { since_sequence: sequence, last_sequence: sequence, length: 0, sum: 0.0 };
        let mut run = self.run.filter(follows).unwrap_or(fresh);
        run.last_sequence = sequence;
        run.length += 1;
        run.sum += novelty.get();
        self.run = Some(run);
        (run.length >= u64::from(self.policy.min_length)).then(|| Stall {
            since_sequence: run.since_sequence,
            length: run.length,
            mean_novelty: Score::clamped(run.sum / run.length as f64),
        })
    }
}

#[cfg(test)]
mod tests;
