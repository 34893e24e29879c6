use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backoff::milliseconds;
use crate::error::{Error, Result};
use crate::types::Timestamp;

/// How many restarts a deployment may need within a period before it is given up.
///
/// Every failure asks for a restart and is counted when it happens, also the failure of a restarted run that never
/// became ready. A restart exactly one period ago still counts. One in the future does not: the clock was set back since,
/// so that how long ago it was cannot be told, and a count that never ends would keep an assistant down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartWindow {
    /// The most restarts within the period; 0 gives up at the first failure. At most [`RestartWindow::MAX_RESTARTS`].
    /// Of a tumbling window, the most starts, at least 1.
    pub max_restarts: u32,
    /// The period in milliseconds, above 0; `2^53 - 1` stands for ever.
    pub period_ms: u64,
    /// What is counted, and when the period begins.
    #[serde(default)]
    pub kind: WindowKind,
}

/// What a [`RestartWindow`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WindowKind {
    /// The restarts of the period that ends now.
    ///
    /// Source: Erlang/OTP, "Supervisor Behaviour", section "Maximum Restart Intensity".
    #[default]
    Sliding,
    /// The starts of the current period, the deployment's own included, each at the moment for which it is planned; the
    /// first start after a period is over begins the next. A start that is refused is not counted. Where nothing but time
    /// clears the count, as in systemd, the policy's quiet period is as long as can be.
    ///
    /// Source: systemd, systemd.unit(5), `StartLimitIntervalSec=` and `StartLimitBurst=`.
    Tumbling,
}

impl RestartWindow {
    /// A sliding window.
    #[must_use]
    pub const fn sliding(max_restarts: u32, period_ms: u64) -> Self {
        Self { max_restarts, period_ms, kind: WindowKind::Sliding }
    }

    /// A tumbling window.
    #[must_use]
    pub const fn tumbling(max_starts: u32, period_ms: u64) -> Self {
        Self { max_restarts: max_starts, period_ms, kind: WindowKind::Tumbling }
    }

    /// The highest count, since the moments of the counted restarts are kept with the deployment.
    pub const MAX_RESTARTS: u32 = 1_000;

    pub(super) fn validate(&self) -> Result<()> {
        milliseconds("window.period_ms", self.period_ms)?;
        if self.period_ms == 0 {
            return Err(Error::invalid("window.period_ms", "a restart window has a period above 0 ms"));
        }
        if self.max_restarts == 0 && self.kind == WindowKind::Tumbling {
            return Err(Error::invalid("window.max_restarts", "a tumbling window allows the first start"));
        }
        if self.max_restarts > Self::MAX_RESTARTS {
            let message = format!(
                "a restart window counts at most {} restarts, not {}",
                Self::MAX_RESTARTS,
                self.max_restarts
            );
            return Err(Error::limit("window.max_restarts", message));
        }
        Ok(())
    }
}

/// The restarts that still count, in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RestartHistory(Vec<Timestamp>);

impl RestartHistory {
    /// Counts a restart, or with a tumbling window a start, at `now` and tells whether `window` still allows it.
    ///
    /// ```
    /// use mythos_core::restart::{RestartHistory, RestartWindow};
    /// use mythos_core::types::Timestamp;
    ///
    /// let window = RestartWindow::sliding(2, 5_000);
    /// let at = |seconds: i64| Timestamp::from_microseconds(seconds * 1_000_000);
    /// let mut history = RestartHistory::default();
    /// assert!(history.admit(&window, at(0)?));
    /// assert!(history.admit(&window, at(5)?));
    /// assert!(!history.admit(&window, at(5)?), "the third within five seconds");
    /// assert!(!history.admit(&window, at(6)?), "those refused count as well");
    /// assert!(history.admit(&window, at(11)?));
    /// # Ok::<(), mythos_core::Error>(())
    /// ```
    pub fn admit(&mut self, window: &RestartWindow, now: Timestamp) -> bool {
        let period = Duration::from_millis(window.period_ms);
        let allowed = window.max_restarts as usize;
        if window.kind == WindowKind::Tumbling {
            let is_open =
                |begin: &Timestamp| *begin <= now && now.saturating_duration_since(*begin) <= period;
            if !self.0.first().is_some_and(is_open) {
                self.0.clear();
            }
            let is_admitted = self.0.len() < allowed;
            self.0.extend(Some(now).filter(|_| is_admitted));
            return is_admitted;
        }
        let oldest = now.saturating_sub(period);
        self.0.retain(|moment| (oldest..=now).contains(moment));
        self.0.push(now);
        // One more than allowed decides; older ones would only take room.
        let surplus = self.0.len().saturating_sub(allowed + 1);
        self.0.drain(..surplus);
        self.0.len() <= allowed
    }

    /// How many restarts were counted, as of the last one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nonsense_is_refused_with_its_field() {
        let field = |max_restarts, period_ms| {
            let error = RestartWindow::sliding(max_restarts, period_ms).validate().unwrap_err();
            error.field().map(str::to_owned)
        };
        assert_eq!(field(1, 0).as_deref(), Some("window.period_ms"));
        assert_eq!(field(1, u64::MAX).as_deref(), Some("window.period_ms"));
        assert_eq!(field(1_001, 1).as_deref(), Some("window.max_restarts"));
        let none = RestartWindow::tumbling(0, 1).validate().unwrap_err();
        assert_eq!(none.field(), Some("window.max_restarts"));
    }

    #[test]
    fn a_tumbling_period_begins_with_a_start_and_ends_at_once() {
        let window = RestartWindow::tumbling(3, 10_000);
        let at = |seconds: i64| Timestamp::from_microseconds(seconds * 1_000_000).unwrap();
        let mut history = RestartHistory::default();
        let mut admitted = |seconds| history.admit(&window, at(seconds));
        assert_eq!([0, 8, 9].map(&mut admitted), [true; 3]);
        assert_eq!([9, 10].map(&mut admitted), [false; 2], "a sliding window would still count three at 12");
        assert_eq!([11, 12, 13, 14].map(&mut admitted), [true, true, true, false]);
        assert!(admitted(5), "the clock was set back: how long the period lasts cannot be told");
    }

    #[test]
    fn restarts_in_the_future_of_a_clock_that_was_set_back_do_not_count() {
        let window = RestartWindow::sliding(1, 1_000);
        let at = |milliseconds: i64| Timestamp::from_microseconds(milliseconds * 1_000).unwrap();
        let mut history = RestartHistory::default();
        assert!(history.admit(&window, at(1_000_000)));
        assert!(!history.admit(&window, at(1_000_000)));
        assert!(history.admit(&window, at(500)), "nothing before is known to lie within the period");
        assert!(!history.admit(&window, at(600)), "and what follows counts as ever");
        assert!(history.admit(&window, at(1_601)));
    }

    proptest! {
        /// Against the definition: count all restarts ever asked for that lay within the period before this one and
        /// before every one in between. A clock that is set back may make it count fewer, never more: of those that are
        /// dropped because others decide, some would have come to decide again.
        #[test]
        fn the_window_slides(
            max_restarts in 0_u32..6,
            period_ms in 1_u64..40,
            is_set_back: bool,
            steps in prop::collection::vec(-10_i64..20, 0..60),
        ) {
            let window = RestartWindow::sliding(max_restarts, period_ms);
            let (mut history, mut all, mut now) = (RestartHistory::default(), Vec::new(), 0_i64);
            for step in steps {
                now += if is_set_back { step } else { step.max(0) } * 1_000;
                all.push(now);
                let counts = |index: &usize| {
                    let passed = |later: &i64| *later - all[*index];
                    all[*index..].iter().all(|later| (0..=period_ms as i64 * 1_000).contains(&passed(later)))
                };
                let allowed = (0..all.len()).filter(counts).count() <= max_restarts as usize;
                let admitted = history.admit(&window, Timestamp::from_microseconds(now).unwrap());
                prop_assert!(admitted || !allowed);
                prop_assert!(is_set_back || admitted == allowed);
                prop_assert!(history.len() <= max_restarts as usize + 1);
            }
        }
    }
}
