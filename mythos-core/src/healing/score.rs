use serde::{Deserialize, Serialize};

use super::HealingName;
use super::target::Readings;
use crate::error::{Error, Result};

/// What one reading adds to a rule's health score.
///
/// The reading is mapped linearly: 1 at `healthy` and beyond, 0 at `worst` and beyond. The score is the weighted mean of
/// all terms, from 0 (worst) to 1 (healthy), without a unit.
///
/// ```
/// use mythos_core::healing::ScoreTerm;
///
/// let entropy = ScoreTerm { reading: "entropy".parse()?, healthy: 0.25, worst: 1.25, weight: 3.0 };
/// let stalls = ScoreTerm { reading: "stalls".parse()?, healthy: 0.0, worst: 4.0, weight: 1.0 };
/// let terms = [entropy, stalls];
/// let readings = [("entropy".parse()?, 0.75), ("stalls".parse()?, 9.0)].into();
/// assert_eq!(ScoreTerm::score(&terms, &readings), Some(0.375));
/// assert_eq!(ScoreTerm::score(&terms, &[].into()), None);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreTerm {
    /// The reading.
    pub reading: HealingName,
    /// Where it is healthy; finite.
    pub healthy: f64,
    /// Where it is worst; finite, another number than `healthy`, on either side of it.
    pub worst: f64,
    /// How much it counts, above 0 and at most 1000.
    pub weight: f64,
}

/// How far an action changed a target's health: `symbolic_health_delta`.
///
/// The score after the target settled minus that before the action, from -1 (as much worse as can be) to 1. That it could
/// not be measured is a value of its own, and not 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum HealthDelta {
    /// It was measured.
    Measured {
        /// From -1 to 1.
        value: f64,
    },
    /// It could not be told.
    Unresolved {
        /// Why.
        why: Unresolved,
    },
}

/// Why a delta could not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unresolved {
    /// The action is in flight, or the target has not settled.
    NotSettled,
    /// Before the action or after the target settled, a reading of the score was missing.
    NoReading,
    /// No action was carried out, or it is not known.
    NotCarriedOut,
}

impl HealthDelta {
    /// The delta between two scores.
    #[must_use]
    pub fn between(before: Option<f64>, after: Option<f64>) -> Self {
        match (before, after) {
            (Some(before), Some(after)) => Self::Measured { value: after - before },
            _ => Self::Unresolved { why: Unresolved::NoReading },
        }
    }

    /// The number, if it was measured.
    #[must_use]
    pub const fn value(&self) -> Option<f64> {
        match self {
            Self::Measured { value } => Some(*value),
            Self::Unresolved { .. } => None,
        }
    }
}

impl ScoreTerm {
    /// The most terms of a score.
    pub const MAX_TERMS: usize = 8;

    /// The health score of `terms`, 0 to 1; `None` if a reading is missing or there are no terms.
    #[must_use]
    pub fn score(terms: &[Self], readings: &Readings) -> Option<f64> {
        let (mut sum, mut weights) = (0.0, 0.0);
        for term in terms {
            let (low, high) = (term.healthy.min(term.worst), term.healthy.max(term.worst));
            // Held to the range first, so that no difference overflows.
            let held = readings.get(&term.reading)?.clamp(low, high);
            sum += term.weight * (held - term.worst) / (term.healthy - term.worst);
            weights += term.weight;
        }
        (weights > 0.0).then(|| (sum / weights).clamp(0.0, 1.0))
    }

    pub(super) fn validate_all(terms: &[Self]) -> Result<()> {
        if terms.is_empty() || terms.len() > Self::MAX_TERMS {
            let message = format!("a score has 1 to {} terms, not {}", Self::MAX_TERMS, terms.len());
            return Err(Error::invalid("score", message));
        }
        terms.iter().try_for_each(Self::validate)
    }

    fn validate(&self) -> Result<()> {
        super::rule::check_number("score.healthy", self.healthy)?;
        super::rule::check_number("score.worst", self.worst)?;
        if self.healthy == self.worst {
            let message = format!("{} is both healthy and worst at {}", self.reading, self.worst);
            return Err(Error::invalid("score.worst", message));
        }
        if !(self.weight > 0.0 && self.weight <= 1_000.0) {
            let message = format!("a weight is above 0 and at most 1000, not {}", self.weight);
            return Err(Error::invalid("score.weight", message));
        }
        Ok(())
    }
}
