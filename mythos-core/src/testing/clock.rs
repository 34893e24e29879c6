use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::types::{Clock, Runtime, SeededEntropy, Timestamp};

/// A clock that stands still until it is moved. A clone is another handle to the same clock.
///
/// ```
/// use std::time::Duration;
///
/// use mythos_core::testing::SimulatedClock;
/// use mythos_core::types::{Clock, Timestamp};
///
/// let clock = SimulatedClock::new(Timestamp::UNIX_EPOCH);
/// clock.advance(Duration::from_millis(1500));
/// assert_eq!(clock.now().as_microseconds(), 1_500_000);
/// ```
#[derive(Debug, Clone)]
pub struct SimulatedClock(Arc<AtomicI64>);

impl SimulatedClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.as_microseconds())))
    }

    /// Sets the clock, also back.
    pub fn set(&self, moment: Timestamp) {
        self.0.store(moment.as_microseconds(), Ordering::SeqCst);
    }

    /// Moves the clock forward, at most to [`Timestamp::MAX`], and returns what it shows then.
    pub fn advance(&self, duration: Duration) -> Timestamp {
        let before = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
            Some(moment(now).saturating_add(duration).as_microseconds())
        });
        // The update always has a value, so both arms hold what the clock showed before.
        let (Ok(before) | Err(before)) = before;
        moment(before).saturating_add(duration)
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        moment(self.0.load(Ordering::SeqCst))
    }
}

/// Only timestamps are ever stored, so that the range always holds.
fn moment(microseconds: i64) -> Timestamp {
    Timestamp::from_microseconds(microseconds).unwrap_or(Timestamp::MAX)
}

/// A runtime whose ids, salts and jitter follow from `seed`, and its clock, which shows `start`.
///
/// ```
/// use mythos_core::testing::simulated_runtime;
/// use mythos_core::types::Timestamp;
///
/// let (one, _) = simulated_runtime(7, Timestamp::UNIX_EPOCH);
/// let (two, _) = simulated_runtime(7, Timestamp::UNIX_EPOCH);
/// assert_eq!(one.operation_id()?, two.operation_id()?);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[must_use]
pub fn simulated_runtime(seed: u64, start: Timestamp) -> (Runtime, SimulatedClock) {
    let clock = SimulatedClock::new(start);
    (Runtime::new(Arc::new(clock.clone()), Arc::new(SeededEntropy::new(seed))), clock)
}
