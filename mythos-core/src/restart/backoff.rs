use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::types::{DomainHasher, MAX_SAFE_INTEGER, RecordId};

/// How long a deployment waits before its n-th restart in a row, before [`Jitter`].
///
/// Delays are whole milliseconds, at most 2^53 - 1 of them (285,616 years), which every language holds exactly. No
/// attempt count overflows: a delay that would grow past its cap is its cap.
///
/// ```
/// use mythos_core::restart::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff::Exponential { initial_ms: 100, factor: 2.0, cap_ms: 250 };
/// let delays: Vec<_> = (1..=4).map(|attempt| backoff.delay(attempt).as_millis()).collect();
/// assert_eq!(delays, [100, 200, 250, 250]);
/// assert_eq!(backoff.delay(u64::MAX), Duration::from_millis(250));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Backoff {
    /// The same delay every time.
    Constant {
        /// The delay, in milliseconds.
        delay_ms: u64,
    },
    /// `min(cap, initial · factor^(attempt - 1))`.
    ///
    /// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    Exponential {
        /// The first delay, in milliseconds.
        initial_ms: u64,
        /// What each further delay is multiplied by, in [`Backoff::FACTORS`].
        factor: f64,
        /// The longest delay, in milliseconds; not below the first.
        cap_ms: u64,
    },
    /// `initial · (cap / initial)^((attempt - 1) / steps)` up to attempt number `steps`, and the cap after it: equal ratios
    /// between a first and a longest delay.
    ///
    /// Source: systemd, systemd.service(5), `RestartSteps=`.
    GeometricSteps {
        /// The first delay, in milliseconds, above 0.
        initial_ms: u64,
        /// The longest delay, in milliseconds; above the first.
        cap_ms: u64,
        /// How many restarts come before the first with the longest delay, at least 1.
        steps: u32,
    },
}

impl Backoff {
    /// The factors that an exponential backoff accepts. Below 1.1 it hardly grows and is a constant in disguise; above
    /// 100 the second delay is the cap in every practical case.
    pub const FACTORS: std::ops::RangeInclusive<f64> = 1.1..=100.0;

    /// The delay before restart number `attempt` in a row, from 1; number 0 has none.
    #[must_use]
    pub fn delay(&self, attempt: u64) -> Duration {
        Duration::from_millis(self.delay_ms(attempt))
    }

    fn delay_ms(&self, attempt: u64) -> u64 {
        match (attempt, *self) {
            (0, _) => 0,
            (_, Self::Constant { delay_ms }) => delay_ms,
            (attempt, Self::Exponential { initial_ms, factor, cap_ms }) => {
                exponential(initial_ms, factor, cap_ms, attempt - 1)
            }
            (attempt, Self::GeometricSteps { initial_ms, cap_ms, steps }) => {
                geometric(initial_ms, cap_ms, steps, attempt - 1)
            }
        }
    }

    /// The longest delay, in milliseconds.
    pub(super) const fn longest_ms(&self) -> u64 {
        match *self {
            Self::Constant { delay_ms } => delay_ms,
            Self::Exponential { cap_ms, .. } | Self::GeometricSteps { cap_ms, .. } => cap_ms,
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        match *self {
            Self::Constant { delay_ms } => milliseconds("backoff.delay_ms", delay_ms),
            Self::Exponential { initial_ms, factor, cap_ms } => {
                milliseconds("backoff.initial_ms", initial_ms)?;
                milliseconds("backoff.cap_ms", cap_ms)?;
                if !Self::FACTORS.contains(&factor) {
                    let message = format!(
                        "backoff factor {factor} is not in {} to {}; use a constant backoff for equal delays",
                        Self::FACTORS.start(),
                        Self::FACTORS.end()
                    );
                    return Err(Error::invalid("backoff.factor", message));
                }
                if cap_ms < initial_ms {
                    let message =
                        format!("backoff cap of {cap_ms} ms is below the first delay of {initial_ms} ms");
                    return Err(Error::invalid("backoff.cap_ms", message));
                }
                Ok(())
            }
            Self::GeometricSteps { initial_ms, cap_ms, steps } => {
                milliseconds("backoff.cap_ms", cap_ms)?;
                if initial_ms == 0 {
                    return Err(Error::invalid("backoff.initial_ms", "no ratio leads from 0 ms to a delay"));
                }
                if cap_ms <= initial_ms {
                    let message =
                        format!("backoff cap of {cap_ms} ms is not above the first delay of {initial_ms} ms");
                    return Err(Error::invalid("backoff.cap_ms", message));
                }
                if steps == 0 {
                    return Err(Error::invalid("backoff.steps", "a backoff in steps has at least one"));
                }
                Ok(())
            }
        }
    }
}

/// Multiplies step by step: IEEE 754 fixes the result of one multiplication, but not that of a power function, and
/// the same policy must give the same delays on every platform. At the least factor, 386 steps reach the largest cap.
fn exponential(initial_ms: u64, factor: f64, cap_ms: u64, steps: u64) -> u64 {
    let mut delay = initial_ms as f64;
    let cap = cap_ms as f64;
    for _ in 0..steps {
        if delay >= cap || delay == 0.0 {
            break;
        }
        delay *= factor;
    }
    // The cast drops parts of a millisecond and saturates.
    (delay as u64).min(cap_ms)
}

/// `libm` computes the power in software, the same on every platform.
fn geometric(initial_ms: u64, cap_ms: u64, steps: u32, step: u64) -> u64 {
    if step >= u64::from(steps) {
        return cap_ms;
    }
    let ratio = cap_ms as f64 / initial_ms as f64;
    let delay = initial_ms as f64 * libm::pow(ratio, step as f64 / f64::from(steps));
    // A power that is a whole number in exact arithmetic is one after rounding; the cast saturates.
    (libm::round(delay) as u64).min(cap_ms)
}

/// How a delay is spread, so that deployments that failed together do not come back together.
///
/// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Jitter {
    /// The delay as it is.
    None,
    /// Anything from nothing to the delay, uniformly.
    #[default]
    Full,
    /// Half of the delay, and anything from nothing to the other half, uniformly.
    Equal,
    /// Anything from the backoff's first delay to `factor` times the delay before, uniformly, and at most its cap: delays
    /// grow from each other and not with the number of restarts. Only with [`Backoff::Exponential`]; the source takes 3 for
    /// the factor.
    Decorrelated,
}

impl Jitter {
    /// The delay in milliseconds before restart number `attempt` in a row, spread by the drawn `fraction`, where `u64::MAX` stands for just
    /// below 1; `previous_ms` is the delay of the restart before, 0 if it had none.
    pub(super) fn delay_ms(
        self,
        backoff: &Backoff,
        attempt: u64,
        previous_ms: u64,
        fraction: impl FnOnce() -> u64,
    ) -> u64 {
        let delay = backoff.delay_ms(attempt);
        match (self, *backoff) {
            (Self::Full, _) => draw(0, delay, fraction),
            (Self::Equal, _) => draw(delay - delay / 2, delay, fraction),
            (Self::Decorrelated, Backoff::Exponential { initial_ms, factor, cap_ms }) if attempt > 0 => {
                let highest = previous_ms.max(initial_ms) as f64 * factor;
                draw(initial_ms, (highest as u64).max(initial_ms), fraction).min(cap_ms)
            }
            (Self::None | Self::Decorrelated, _) => delay,
        }
    }

    pub(super) fn validate(self, backoff: &Backoff) -> Result<()> {
        match (self, backoff) {
            (Self::Decorrelated, Backoff::Constant { .. } | Backoff::GeometricSteps { .. }) => {
                Err(Error::invalid("jitter", "decorrelated jitter grows from an exponential backoff"))
            }
            _ => Ok(()),
        }
    }
}

/// A whole number from `lowest` to `highest`, uniformly.
fn draw(lowest: u64, highest: u64, fraction: impl FnOnce() -> u64) -> u64 {
    // A hash is not cheap, and without a choice nothing depends on it.
    if lowest == highest {
        return lowest;
    }
    let choices = u128::from(highest - lowest) + 1;
    // At most 2^64 choices of 64 bits: the product fits, and so does what is left of it.
    lowest + ((choices * u128::from(fraction())) >> u64::BITS) as u64
}

/// Draws the fraction of draw number `number` of a deployment: a function of its arguments, so that a decision made
/// again after a crash is the same decision.
pub(super) fn fraction(seed: u64, deployment: &RecordId, number: u64) -> u64 {
    let hash = DomainHasher::new("mythos 2026 restart jitter v1")
        .field(&seed.to_le_bytes())
        .field(deployment.as_bytes())
        .field(&number.to_le_bytes())
        .finish_extended::<8>();
    u64::from_le_bytes(hash)
}

/// Refuses a number of milliseconds that some language cannot hold exactly.
pub(super) fn milliseconds(field: &'static str, value: u64) -> Result<()> {
    if value > MAX_SAFE_INTEGER {
        return Err(Error::limit(field, format!("{field} is at most {MAX_SAFE_INTEGER} ms, not {value}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nonsense_is_refused_with_its_field() {
        let exponential = |initial_ms, factor, cap_ms| Backoff::Exponential { initial_ms, factor, cap_ms };
        let field = |backoff: Backoff| backoff.validate().unwrap_err().field().map(str::to_owned);
        assert_eq!(field(exponential(2, 2.0, 1)).as_deref(), Some("backoff.cap_ms"));
        for factor in [1.0, 0.0, -2.0, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(field(exponential(1, factor, 1)).as_deref(), Some("backoff.factor"), "{factor}");
        }
        let steps = |initial_ms, cap_ms, steps| Backoff::GeometricSteps { initial_ms, cap_ms, steps };
        assert_eq!(field(steps(0, 1, 1)).as_deref(), Some("backoff.initial_ms"));
        assert_eq!(field(steps(2, 2, 1)).as_deref(), Some("backoff.cap_ms"));
        assert_eq!(field(steps(1, MAX_SAFE_INTEGER + 1, 1)).as_deref(), Some("backoff.cap_ms"));
        assert_eq!(field(steps(1, 2, 0)).as_deref(), Some("backoff.steps"));
        let too_long = Backoff::Constant { delay_ms: MAX_SAFE_INTEGER + 1 };
        assert_eq!(field(too_long).as_deref(), Some("backoff.delay_ms"));
        assert!(Backoff::Constant { delay_ms: MAX_SAFE_INTEGER }.validate().is_ok());
    }

    #[test]
    fn draws_differ_by_seed_deployment_and_number() {
        let (a, b) = (RecordId::new(b"a").unwrap(), RecordId::new(b"b").unwrap());
        let draws = [fraction(1, &a, 1), fraction(2, &a, 1), fraction(1, &b, 1), fraction(1, &a, 2)];
        let distinct: std::collections::BTreeSet<_> = draws.into_iter().collect();
        assert_eq!(distinct.len(), 4);
        assert_eq!(fraction(1, &a, 1), draws[0]);
    }

    #[test]
    fn full_jitter_is_uniform_from_nothing_to_the_delay() {
        // 16 buckets of 10,000 draws: the chi-square statistic with 15 degrees of freedom exceeds 37.7 in one of a
        // thousand samples. The draws are fixed, so that the test never flickers.
        let deployment = RecordId::new(b"deployment").unwrap();
        let mut buckets = [0_f64; 16];
        for number in 0..10_000 {
            let delay = constant(1599, Jitter::Full, fraction(7, &deployment, number));
            buckets[delay as usize / 100] += 1.0;
        }
        let chi_square: f64 = buckets.iter().map(|count| (count - 625.0).powi(2) / 625.0).sum();
        assert!(chi_square < 37.7, "{chi_square}: {buckets:?}");
        assert_eq!(constant(9, Jitter::Full, u64::MAX), 9);
        assert_eq!(constant(9, Jitter::Full, 0), 0);
        assert_eq!(constant(9, Jitter::Equal, u64::MAX), 9);
        assert_eq!(constant(9, Jitter::Equal, 0), 5);
    }

    fn constant(delay_ms: u64, jitter: Jitter, fraction: u64) -> u64 {
        jitter.delay_ms(&Backoff::Constant { delay_ms }, 1, 0, || fraction)
    }

    #[test]
    fn decorrelated_delays_grow_from_each_other_up_to_the_cap() {
        let backoff = Backoff::Exponential { initial_ms: 100, factor: 3.0, cap_ms: 1_000 };
        let delay = |attempt, previous, fraction| {
            Jitter::Decorrelated.delay_ms(&backoff, attempt, previous, || fraction)
        };
        assert_eq!(delay(0, 0, u64::MAX), 0, "free restarts stay free");
        assert_eq!([delay(1, 0, 0), delay(1, 0, u64::MAX)], [100, 300]);
        assert_eq!([delay(2, 250, 0), delay(9, 250, u64::MAX)], [100, 750]);
        assert_eq!([delay(2, 900, 0), delay(2, 900, u64::MAX)], [100, 1_000]);
        let largest = Backoff::Exponential {
            initial_ms: MAX_SAFE_INTEGER,
            factor: *Backoff::FACTORS.end(),
            cap_ms: MAX_SAFE_INTEGER,
        };
        let delay = Jitter::Decorrelated.delay_ms(&largest, u64::MAX, u64::MAX, || u64::MAX);
        assert_eq!(delay, MAX_SAFE_INTEGER);
        for backoff in [
            Backoff::Constant { delay_ms: 1 },
            Backoff::GeometricSteps { initial_ms: 1, cap_ms: 2, steps: 1 },
        ] {
            assert_eq!(Jitter::Decorrelated.validate(&backoff).unwrap_err().field(), Some("jitter"));
        }
    }

    proptest! {
        #[test]
        fn delays_grow_to_the_cap_and_jitter_stays_within(
            initial_ms in 0..=MAX_SAFE_INTEGER,
            more in 0..=MAX_SAFE_INTEGER,
            factor in Backoff::FACTORS,
            attempt in 1..u64::MAX,
            fraction: u64,
        ) {
            let cap_ms = initial_ms.saturating_add(more).min(MAX_SAFE_INTEGER);
            let backoff = Backoff::Exponential { initial_ms, factor, cap_ms };
            prop_assert!(backoff.validate().is_ok());
            let delay = backoff.delay(attempt);
            prop_assert!(backoff.delay(1).as_millis() == u128::from(initial_ms));
            prop_assert!(delay <= backoff.delay(attempt + 1));
            prop_assert!(delay.as_millis() <= u128::from(cap_ms));
            let delay = backoff.delay_ms(attempt);
            prop_assert!(Jitter::Full.delay_ms(&backoff, attempt, 0, || fraction) <= delay);
            prop_assert!(Jitter::Equal.delay_ms(&backoff, attempt, 0, || fraction) <= delay);
            prop_assert!(Jitter::Equal.delay_ms(&backoff, attempt, 0, || fraction) >= delay / 2);
            prop_assert_eq!(Jitter::None.delay_ms(&backoff, attempt, 0, || fraction), delay);
            let decorrelated = Jitter::Decorrelated.delay_ms(&backoff, attempt, more, || fraction);
            prop_assert!((initial_ms..=cap_ms).contains(&(decorrelated)));
        }

        #[test]
        fn steps_grow_from_the_first_delay_to_the_cap(
            initial_ms in 1..MAX_SAFE_INTEGER,
            more in 1..=MAX_SAFE_INTEGER,
            steps in 1_u32..2_000,
            attempt in 1..2_500_u64,
        ) {
            let cap_ms = initial_ms.saturating_add(more).min(MAX_SAFE_INTEGER);
            let backoff = Backoff::GeometricSteps { initial_ms, cap_ms, steps };
            prop_assert!(backoff.validate().is_ok());
            prop_assert_eq!(backoff.delay(1).as_millis(), u128::from(initial_ms));
            prop_assert!(backoff.delay(attempt) <= backoff.delay(attempt + 1));
            prop_assert!(backoff.delay(attempt).as_millis() <= u128::from(cap_ms));
            let last = backoff.delay(u64::from(steps) + 1);
            prop_assert_eq!(last.as_millis(), u128::from(cap_ms));
            prop_assert_eq!(backoff.delay(u64::MAX), last);
        }
    }
}
