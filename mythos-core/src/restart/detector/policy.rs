use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// When an assistant whose heartbeats stay out is suspected. Valid by construction; serde checks as
/// [`DetectorPolicy::new`].
///
/// ```
/// use mythos_core::restart::{DetectorPolicy, DetectorPolicyOptions};
///
/// // Assistants that send a heartbeat every five seconds.
/// let policy = DetectorPolicy::new(DetectorPolicyOptions { first_interval_ms: 5_000, ..Default::default() })?;
/// assert_eq!(policy.options().threshold, 8.0);
///
/// let too_eager = DetectorPolicyOptions { threshold: 0.3, ..Default::default() };
/// assert_eq!(DetectorPolicy::new(too_eager).unwrap_err().field(), Some("threshold"));
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "DetectorPolicyOptions", into = "DetectorPolicyOptions")]
pub struct DetectorPolicy(DetectorPolicyOptions);

/// What a [`DetectorPolicy`] is made of. What serialized options leave out has its default.
///
/// With the defaults, an assistant that sends a heartbeat every second is suspected 4.6 s after its last one, as soon as
/// its intervals are known, and after 5.4 s before that.
///
/// Source of the defaults: Apache Pekko, `cluster/src/main/resources/reference.conf`, section `failure-detector`, but
/// for `max_samples`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorPolicyOptions {
    /// The phi from which an assistant is suspected, in [`DetectorPolicy::THRESHOLDS`]; by default 8.
    ///
    /// A threshold of 8 is wrong about one interval in 10^8 of those that follow the estimated distribution, and one of
    /// 1 about every tenth. A higher one is wrong less often and suspects later.
    pub threshold: f64,
    /// How many of the last intervals the distribution is estimated from: 2 to [`DetectorPolicy::MAX_SAMPLES`].
    ///
    /// By default 200, which Pekko keeps for each watched peer (`remote.watch-failure-detector`): 8 to 16 bytes each, for
    /// each of thousands of assistants.
    pub max_samples: u32,
    /// The least standard deviation that is estimated, in milliseconds, above 0; by default 100.
    ///
    /// Heartbeats that came very regularly would otherwise make a detector that no scheduling delay escapes.
    pub min_std_deviation_ms: u64,
    /// How many milliseconds a heartbeat may be late before its lateness begins to count; by default 3,000.
    ///
    /// A pause of a process (garbage collection, a blocked event loop, a network that reconnects) follows no
    /// distribution of intervals. By default it is as long as Pekko's: suspicion here ends in a restart, which costs
    /// more than three seconds.
    pub acceptable_pause_ms: u64,
    /// The interval at which assistants are told to send heartbeats, in milliseconds, above 0; by default 1,000.
    ///
    /// It stands for the intervals before any was seen, as two samples a quarter below and above it (Pekko,
    /// `PhiAccrualFailureDetector`). An assistant that sends so much more rarely that it is suspected each time is never
    /// learned: set it to what they really do.
    pub first_interval_ms: u64,
}

impl Default for DetectorPolicyOptions {
    fn default() -> Self {
        Self {
            threshold: 8.0,
            max_samples: 200,
            min_std_deviation_ms: 100,
            acceptable_pause_ms: 3_000,
            first_interval_ms: 1_000,
        }
    }
}

impl DetectorPolicy {
    /// The thresholds that are accepted. A heartbeat that is neither early nor late has a phi of 0.301, the logarithm of
    /// 2: below 0.5, an assistant in perfect health would be suspected. Above 100, a normal distribution says nothing
    /// about processes and networks any more.
    pub const THRESHOLDS: std::ops::RangeInclusive<f64> = 0.5..=100.0;
    /// The most intervals that are kept: the size of the window in the paper's experiments, and Pekko's.
    pub const MAX_SAMPLES: u32 = 1_000;
    /// The longest of every duration: a day, in milliseconds. What is heard of more rarely has no heartbeat.
    pub const MAX_DURATION_MS: u64 = 86_400_000;

    /// Checks `options`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) or [`ErrorKind::Limit`](crate::ErrorKind::Limit), with the
    /// field, for a number outside its stated range; [`ErrorKind::Limit`](crate::ErrorKind::Limit) with the field
    /// `acceptable_pause_ms` if a heartbeat that comes as late as is accepted would be longer than
    /// [`MAX_DURATION_MS`](Self::MAX_DURATION_MS) after the last, which could never be learned.
    pub fn new(options: DetectorPolicyOptions) -> Result<Self> {
        if !Self::THRESHOLDS.contains(&options.threshold) {
            let message = format!(
                "threshold {} is not in {} to {}",
                options.threshold,
                Self::THRESHOLDS.start(),
                Self::THRESHOLDS.end()
            );
            return Err(Error::invalid("threshold", message));
        }
        if options.max_samples < 2 {
            let message =
                format!("a deviation is estimated from 2 samples or more, not {}", options.max_samples);
            return Err(Error::invalid("max_samples", message));
        }
        if options.max_samples > Self::MAX_SAMPLES {
            let message =
                format!("at most {} samples are kept, not {}", Self::MAX_SAMPLES, options.max_samples);
            return Err(Error::limit("max_samples", message));
        }
        positive("min_std_deviation_ms", options.min_std_deviation_ms)?;
        positive("first_interval_ms", options.first_interval_ms)?;
        at_most_a_day("min_std_deviation_ms", options.min_std_deviation_ms)?;
        at_most_a_day("first_interval_ms", options.first_interval_ms)?;
        // Behind this, the sum cannot overflow.
        at_most_a_day("acceptable_pause_ms", options.acceptable_pause_ms)?;
        let latest_ms = options.first_interval_ms + options.acceptable_pause_ms;
        if latest_ms > Self::MAX_DURATION_MS {
            let message = format!(
                "an interval of {} ms and a pause of {} ms are together longer than {} ms",
                options.first_interval_ms,
                options.acceptable_pause_ms,
                Self::MAX_DURATION_MS
            );
            return Err(Error::limit("acceptable_pause_ms", message));
        }
        Ok(Self(options))
    }

    /// What it is made of.
    #[must_use]
    pub const fn options(&self) -> &DetectorPolicyOptions {
        &self.0
    }
}

fn positive(field: &'static str, value: u64) -> Result<()> {
    if value == 0 {
        return Err(Error::invalid(field, format!("{field} is above 0 ms")));
    }
    Ok(())
}

fn at_most_a_day(field: &'static str, value: u64) -> Result<()> {
    let longest = DetectorPolicy::MAX_DURATION_MS;
    if value > longest {
        return Err(Error::limit(field, format!("{field} is at most {longest} ms, a day, not {value}")));
    }
    Ok(())
}

impl TryFrom<DetectorPolicyOptions> for DetectorPolicy {
    type Error = Error;

    fn try_from(options: DetectorPolicyOptions) -> Result<Self> {
        Self::new(options)
    }
}

impl From<DetectorPolicy> for DetectorPolicyOptions {
    fn from(policy: DetectorPolicy) -> Self {
        policy.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut DetectorPolicyOptions)) -> String {
        let mut options = DetectorPolicyOptions::default();
        change(&mut options);
        let json = serde_json::to_value(options).unwrap();
        assert!(serde_json::from_value::<DetectorPolicy>(json).is_err(), "serde accepts {options:?}");
        DetectorPolicy::new(options).unwrap_err().field().unwrap_or_default().to_owned()
    }

    #[test]
    fn nonsense_is_refused_with_its_field() {
        const DAY: u64 = DetectorPolicy::MAX_DURATION_MS;
        for threshold in [0.0, 0.49, -1.0, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(refused(|options| options.threshold = threshold), "threshold", "{threshold}");
        }
        for samples in [0, 1, 1_001, u32::MAX] {
            assert_eq!(refused(|options| options.max_samples = samples), "max_samples", "{samples}");
        }
        for milliseconds in [0, DAY + 1, u64::MAX] {
            assert_eq!(
                refused(|options| options.min_std_deviation_ms = milliseconds),
                "min_std_deviation_ms"
            );
            assert_eq!(refused(|options| options.first_interval_ms = milliseconds), "first_interval_ms");
        }
        assert_eq!(refused(|options| options.acceptable_pause_ms = u64::MAX), "acceptable_pause_ms");
        assert_eq!(refused(|options| options.first_interval_ms = DAY), "acceptable_pause_ms");
    }

    #[test]
    fn the_default_is_valid_and_survives_serde() {
        let policy = DetectorPolicy::new(DetectorPolicyOptions::default()).unwrap();
        let json = serde_json::to_value(policy).unwrap();
        assert_eq!(serde_json::from_value::<DetectorPolicy>(json).unwrap(), policy);
        assert_eq!(serde_json::from_str::<DetectorPolicy>("{}").unwrap(), policy);
        assert!(serde_json::from_str::<DetectorPolicy>(r#"{"treshold": 1}"#).is_err());
    }
}
