//! Tells from the heartbeats of one assistant how probable it is that no other will come.

mod intervals;
mod policy;
mod tail;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::types::Timestamp;
use intervals::{Intervals, MAX_INTERVAL_US};
pub use policy::{DetectorPolicy, DetectorPolicyOptions};

/// A phi-accrual failure detector: how strongly one process is suspected to have failed, from its heartbeats alone.
///
/// Phi is `-log10` of the probability that a heartbeat still comes, if the intervals between heartbeats are normally
/// distributed as the last ones were: where a heartbeat is expected phi is 0.3, one that comes once in a hundred times so
/// late has 2. So the same threshold suits a process that sends every 100 ms as well as one on a slow network.
///
/// It is a value: it reads no clock, the same heartbeats make the same detector, on every platform, and a detector that
/// was serialized goes on as if it had not been. It takes at most 16 bytes for each of `max_samples` intervals, and
/// some hundred beside them. [`HeartbeatMonitor`](super::HeartbeatMonitor) keeps one for each of thousands of assistants.
///
/// # What it assumes
/// - **Before the first heartbeat** nothing is suspected: phi is 0. A host that must hear of an assistant that never says
///   anything counts the launch as its first heartbeat.
/// - **Long pauses are not learned.** An interval at whose end the process was suspected says something about failures and
///   not about heartbeats; it is dropped, and so is one longer than [`DetectorPolicy::MAX_DURATION_MS`].
/// - **Times are those of one clock, which should not be set:** the one that the host reads when heartbeats arrive. If it
///   was set back behind the last heartbeat, no time has passed since then, and the next heartbeat begins anew without
///   teaching anything. If it was set forward, the process is suspected until its next heartbeat.
///
/// ```
/// use mythos_core::restart::{DetectorPolicy, HeartbeatDetector};
/// use mythos_core::types::Timestamp;
///
/// let at = |milliseconds: i64| Timestamp::from_microseconds(milliseconds * 1_000);
/// let mut detector = HeartbeatDetector::new(DetectorPolicy::default());
/// for second in 0..=300 {
///     detector.heartbeat(at(second * 1_000)?);
/// }
/// assert!(detector.phi(at(301_000)?) < 0.001);
///
/// // The mean of 1 s, the acceptable pause of 3 s, and 5.61 deviations of 100 ms: a phi of 8.
/// let suspected_at = detector.suspected_at().unwrap();
/// assert_eq!(suspected_at.as_microseconds() / 1_000, 304_561);
/// assert!(!detector.is_available(suspected_at));
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: N. Hayashibara, X. Défago, R. Yared, T. Katayama, "The φ Accrual Failure Detector", SRDS 2004; the acceptable
/// pause, the first interval and what is not learned are Akka's, now Apache Pekko's (`PhiAccrualFailureDetector`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct HeartbeatDetector {
    policy: DetectorPolicy,
    intervals: Intervals,
    last_heartbeat_at: Option<Timestamp>,
}

/// What is serialized of a detector; the sums follow from it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename = "HeartbeatDetector")]
struct Parts {
    policy: DetectorPolicy,
    intervals_us: Vec<u64>,
    last_heartbeat_at: Option<Timestamp>,
}

/// The distribution of the next interval, in microseconds.
struct Expected {
    mean: f64,
    std_deviation: f64,
}

impl Expected {
    /// The phi when `elapsed` microseconds passed since the last heartbeat. Each operation rounds the next larger
    /// argument to no smaller result: phi never falls with time.
    fn phi(&self, elapsed: u64) -> f64 {
        tail::phi((elapsed as f64 - self.mean) / self.std_deviation)
    }
}

impl HeartbeatDetector {
    /// The highest phi that there is; one that would be higher is this.
    pub const MAX_PHI: f64 = tail::MAX_PHI;

    /// A detector that has seen no heartbeat.
    #[must_use]
    pub fn new(policy: DetectorPolicy) -> Self {
        let first_us = policy.options().first_interval_ms * 1_000;
        let mut intervals = Intervals::default();
        for interval in [first_us - first_us / 4, (first_us + first_us / 4).min(MAX_INTERVAL_US)] {
            intervals.push(interval, policy.options().max_samples as usize);
        }
        Self { policy, intervals, last_heartbeat_at: None }
    }

    /// How it judges.
    #[must_use]
    pub const fn policy(&self) -> &DetectorPolicy {
        &self.policy
    }

    /// When the last heartbeat came; `None` before the first.
    #[must_use]
    pub const fn last_heartbeat_at(&self) -> Option<Timestamp> {
        self.last_heartbeat_at
    }

    /// Takes a heartbeat that came at `now`, and learns the interval since the last one unless it was suspiciously long.
    pub fn heartbeat(&mut self, now: Timestamp) {
        if let Some(last) = self.last_heartbeat_at
            && last <= now
            && self.is_available(now)
        {
            let interval = microseconds(now.saturating_duration_since(last));
            if interval <= MAX_INTERVAL_US {
                self.intervals.push(interval, self.policy.options().max_samples as usize);
            }
        }
        self.last_heartbeat_at = Some(now);
    }

    /// Takes a heartbeat that says nothing about the interval before it: the first one of a process that was launched
    /// anew, or the moment from which on to wait after the clock was set.
    pub const fn resume(&mut self, now: Timestamp) {
        self.last_heartbeat_at = Some(now);
    }

    /// How strongly the process is suspected at `now`: from 0 to [`MAX_PHI`](Self::MAX_PHI), never less at a later
    /// moment unless there was a heartbeat; 0 before the first one.
    ///
    /// It is too low by at most 0.0007 up to a phi of 8, and by at most 0.0041 above, and otherwise exact to 13 digits.
    #[must_use]
    pub fn phi(&self, now: Timestamp) -> f64 {
        match self.last_heartbeat_at {
            None => 0.0,
            Some(last) => self.expected().phi(microseconds(now.saturating_duration_since(last))),
        }
    }

    /// Whether the process is not suspected at `now`: its phi lies below the threshold.
    #[must_use]
    pub fn is_available(&self, now: Timestamp) -> bool {
        self.phi(now) < self.policy.options().threshold
    }

    /// The first microsecond at which the process will be suspected if no heartbeat follows, or was if that has passed:
    /// when a host has to look again, after each heartbeat. `None` before the first heartbeat, and if it lies behind
    /// [`Timestamp::MAX`].
    #[must_use]
    pub fn suspected_at(&self) -> Option<Timestamp> {
        let last = self.last_heartbeat_at?;
        let (expected, threshold) = (self.expected(), self.policy.options().threshold);
        // At the last heartbeat, the next lies ahead: phi is at most log10(2), below every threshold. At the other end
        // it is the highest. All are far below 2^53, so that doubles hold them.
        let mut before = 0;
        let mut after = (expected.mean + tail::MAX_DEVIATIONS * expected.std_deviation).ceil() as u64;
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if expected.phi(middle) < threshold {
                before = middle;
            } else {
                after = middle;
            }
        }
        let until_end = microseconds(Timestamp::MAX.saturating_duration_since(last));
        (after <= until_end).then(|| last.saturating_add(Duration::from_micros(after)))
    }

    fn expected(&self) -> Expected {
        let options = self.policy.options();
        Expected {
            mean: self.intervals.mean() + (options.acceptable_pause_ms * 1_000) as f64,
            std_deviation: self.intervals.std_deviation().max((options.min_std_deviation_ms * 1_000) as f64),
        }
    }
}

/// Whole microseconds; those between two timestamps fit.
fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl TryFrom<Parts> for HeartbeatDetector {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { policy, intervals_us, last_heartbeat_at } = parts;
        let max_samples = policy.options().max_samples as usize;
        if intervals_us.is_empty() || intervals_us.len() > max_samples {
            let message = format!("a detector has 1 to {max_samples} intervals, not {}", intervals_us.len());
            return Err(Error::limit("intervals_us", message));
        }
        if let Some(interval) = intervals_us.iter().find(|interval| **interval > MAX_INTERVAL_US) {
            let message = format!("an interval is at most {MAX_INTERVAL_US} µs, not {interval}");
            return Err(Error::limit("intervals_us", message));
        }
        let mut intervals = Intervals::default();
        intervals_us.into_iter().for_each(|interval| intervals.push(interval, max_samples));
        Ok(Self { policy, intervals, last_heartbeat_at })
    }
}

impl From<HeartbeatDetector> for Parts {
    fn from(detector: HeartbeatDetector) -> Self {
        let HeartbeatDetector { policy, intervals, last_heartbeat_at } = detector;
        Self { policy, intervals_us: intervals.iter().collect(), last_heartbeat_at }
    }
}

#[cfg(test)]
mod tests;
