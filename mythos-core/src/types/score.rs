use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A number in `0.0..=1.0`; never NaN.
///
/// ```
/// use mythos_core::types::Score;
///
/// assert_eq!(Score::new(0.25)?.get(), 0.25);
/// assert!(Score::new(f64::NAN).is_err());
/// assert!(Score::new(1.0000001).is_err());
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Score(f64);

impl Score {
    /// The lowest score, 0.
    pub const ZERO: Self = Self(0.0);
    /// The highest score, 1.
    pub const ONE: Self = Self(1.0);

    /// Takes `value` if it lies in `0.0..=1.0`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `score`, otherwise.
    pub fn new(value: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&value) {
            // Adding zero turns -0.0 into 0.0, so that equal scores have equal bytes.
            Ok(Self(value + 0.0))
        } else {
            Err(Error::invalid("score", format!("score {value} is not in 0.0..=1.0")))
        }
    }

    /// The nearest score to `value`; NaN becomes 0.
    pub(crate) fn clamped(value: f64) -> Self {
        if value.is_nan() { Self::ZERO } else { Self(value.clamp(0.0, 1.0) + 0.0) }
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Score {
    type Error = Error;

    fn try_from(value: f64) -> Result<Self> {
        Self::new(value)
    }
}

impl From<Score> for f64 {
    fn from(score: Score) -> Self {
        score.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_nothing_leaves_them() {
        for good in [0.0, -0.0, 1.0, f64::MIN_POSITIVE] {
            assert!(Score::new(good).is_ok(), "{good}");
        }
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -f64::MIN_POSITIVE, 1.0 + f64::EPSILON] {
            assert!(Score::new(bad).is_err(), "{bad}");
            assert!(serde_json::from_value::<Score>(serde_json::json!(bad)).is_err(), "{bad}");
        }
        assert_eq!(Score::clamped(f64::NAN), Score::ZERO);
        assert_eq!(Score::clamped(7.0), Score::ONE);
        assert!(Score::new(-0.0).unwrap().get().is_sign_positive());
    }
}
