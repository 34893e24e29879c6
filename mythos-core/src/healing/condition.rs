use serde::{Deserialize, Serialize};

use super::HealingName;
use super::target::Readings;
use crate::error::{Error, Result};

/// What else must hold of a target's readings before a rule's incident is opened.
///
/// A reading that is missing makes a comparison unknown, and unknown is neither true nor false (Kleene's strong logic of
/// three values): `not` of it is unknown, `all` is false as soon as one is false, `any` true as soon as one is true. Only
/// a condition that is true holds.
///
/// ```
/// use mythos_core::healing::{Comparison, Condition};
///
/// let busy = Condition::Compare { reading: "load".parse()?, is: Comparison::Above, value: 0.5 };
/// let readings = [("load".parse()?, 0.7)].into();
/// assert_eq!(busy.evaluate(&readings), Some(true));
/// let idle = Condition::Not { of: Box::new(busy) };
/// assert_eq!(idle.evaluate(&readings), Some(false));
/// assert_eq!(idle.evaluate(&[].into()), None, "nothing is known of the load");
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Condition {
    /// Every one of them.
    All {
        /// At least one.
        of: Vec<Self>,
    },
    /// At least one of them.
    Any {
        /// At least one.
        of: Vec<Self>,
    },
    /// The opposite.
    Not {
        /// Of this.
        of: Box<Self>,
    },
    /// A reading against a value.
    Compare {
        /// The reading.
        reading: HealingName,
        /// How it must stand to `value`.
        is: Comparison,
        /// A finite number, in the reading's unit.
        value: f64,
    },
}

/// How a reading must stand to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Comparison {
    /// Greater.
    Above,
    /// Greater or equal.
    AtLeast,
    /// Less.
    Below,
    /// Less or equal.
    AtMost,
    /// Equal, exactly: for counts and flags.
    Equal,
}

impl Condition {
    /// The most levels of a condition.
    pub const MAX_DEPTH: usize = 8;
    /// The most nodes of a condition, comparisons included.
    pub const MAX_NODES: usize = 64;

    /// Whether it holds of `readings`; `None` if too little is known to tell.
    #[must_use]
    pub fn evaluate(&self, readings: &Readings) -> Option<bool> {
        match self {
            Self::All { of } => fold(of, readings, false),
            Self::Any { of } => fold(of, readings, true),
            Self::Not { of } => of.evaluate(readings).map(|holds| !holds),
            Self::Compare { reading, is, value } => readings.get(reading).map(|found| match is {
                Comparison::Above => found > value,
                Comparison::AtLeast => found >= value,
                Comparison::Below => found < value,
                Comparison::AtMost => found <= value,
                Comparison::Equal => found == value,
            }),
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        let mut left = Self::MAX_NODES;
        self.count(1, &mut left)
    }

    fn count(&self, depth: usize, left: &mut usize) -> Result<()> {
        if depth > Self::MAX_DEPTH {
            let message = format!("a condition nests at most {} levels", Self::MAX_DEPTH);
            return Err(Error::limit("condition", message));
        }
        *left = left.checked_sub(1).ok_or_else(|| {
            Error::limit("condition", format!("a condition has at most {} nodes", Self::MAX_NODES))
        })?;
        match self {
            Self::All { of } | Self::Any { of } if of.is_empty() => {
                Err(Error::invalid("condition", "`all` and `any` are of at least one condition"))
            }
            Self::All { of } | Self::Any { of } => {
                of.iter().try_for_each(|inner| inner.count(depth + 1, left))
            }
            Self::Not { of } => of.count(depth + 1, left),
            Self::Compare { reading, value, .. } if !value.is_finite() => {
                let message =
                    format!("reading {reading} is compared with {value}, which is no finite number");
                Err(Error::invalid("condition.value", message))
            }
            Self::Compare { .. } => Ok(()),
        }
    }
}

/// `any` is decided by a true one and `all` by a false one; undecided, it is unknown if any is.
fn fold(of: &[Condition], readings: &Readings, decisive: bool) -> Option<bool> {
    let mut answer = Some(!decisive);
    for condition in of {
        match condition.evaluate(readings) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn compare(reading: &str) -> Condition {
        Condition::Compare { reading: reading.parse().unwrap(), is: Comparison::AtLeast, value: 1.0 }
    }

    #[test]
    fn unknown_is_neither_true_nor_false() {
        let readings: Readings =
            [("yes".parse().unwrap(), 1.0), ("no".parse().unwrap(), 0.0)].into_iter().collect();
        let all = |names: &[&str]| {
            Condition::All { of: names.iter().map(|name| compare(name)).collect() }.evaluate(&readings)
        };
        let any = |names: &[&str]| {
            Condition::Any { of: names.iter().map(|name| compare(name)).collect() }.evaluate(&readings)
        };
        assert_eq!(
            [all(&["yes"]), all(&["gone", "no"]), all(&["yes", "gone"])],
            [Some(true), Some(false), None]
        );
        assert_eq!(
            [any(&["no"]), any(&["gone", "yes"]), any(&["no", "gone"])],
            [Some(false), Some(true), None]
        );
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let nested = |depth| (1..depth).fold(compare("x"), |of, _| Condition::Not { of: Box::new(of) });
        assert!(nested(Condition::MAX_DEPTH).validate().is_ok());
        assert_eq!(nested(Condition::MAX_DEPTH + 1).validate().unwrap_err().kind(), ErrorKind::Limit);
        let wide = |count| Condition::Any { of: vec![compare("x"); count] };
        assert!(wide(Condition::MAX_NODES - 1).validate().is_ok());
        assert_eq!(wide(Condition::MAX_NODES).validate().unwrap_err().field(), Some("condition"));
        assert!(wide(0).validate().is_err());
        let nan =
            Condition::Compare { reading: "x".parse().unwrap(), is: Comparison::Equal, value: f64::NAN };
        assert_eq!(nan.validate().unwrap_err().field(), Some("condition.value"));
    }
}
