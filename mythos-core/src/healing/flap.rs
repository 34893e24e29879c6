use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// When a rule's state on a target counts as flapping: healing it over and over would only add to the swings.
///
/// The two thresholds are percent state change, as of [`FlapWindow::percent`]. By default 20 and 5, those of the sample
/// configuration of Nagios Core for services.
///
/// Source: Nagios Core 4 documentation, "Detection and Handling of State Flapping".
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlapPolicy {
    /// Flapping ends below this, above 0.
    pub low_percent: f64,
    /// Flapping begins at this, at least `low_percent`, at most 100: then only what changes at every check flaps.
    pub high_percent: f64,
}

impl Default for FlapPolicy {
    fn default() -> Self {
        Self { low_percent: 5.0, high_percent: 20.0 }
    }
}

impl FlapPolicy {
    pub(super) fn validate(&self) -> Result<()> {
        if !(self.low_percent > 0.0 && self.low_percent <= 100.0) {
            let message = format!("flapping ends below a percentage above 0, not {}", self.low_percent);
            return Err(Error::invalid("flapping.low_percent", message));
        }
        if !(self.high_percent >= self.low_percent && self.high_percent <= 100.0) {
            let message = format!(
                "flapping begins at a percentage from {} to 100, not {}",
                self.low_percent, self.high_percent
            );
            return Err(Error::invalid("flapping.high_percent", message));
        }
        Ok(())
    }
}

/// The last 21 checks of a rule on a target, and whether they flap.
///
/// A new window has seen 21 healthy checks, so that one failure alone is one change in twenty.
///
/// ```
/// use mythos_core::healing::{FlapPolicy, FlapWindow};
///
/// let mut window = FlapWindow::default();
/// for check in 0..21 {
///     window.push(check % 2 == 0, &FlapPolicy::default());
/// }
/// assert_eq!(window.percent(), 100.0);
/// assert!(window.is_flapping());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlapWindow {
    /// One bit for each check, the newest the lowest; set where the rule's state was unhealthy.
    states: u32,
    is_flapping: bool,
}

impl FlapWindow {
    /// How many checks are remembered.
    pub const CHECKS: u32 = 21;
    /// What the newest change weighs, in parts of which 95 are 1: 1.2.
    const NEWEST_WEIGHT: u32 = 114;
    /// By how much less each older one weighs, in the same: the oldest of 20 weighs 0.8.
    const WEIGHT_STEP: u32 = 2;

    /// Adds one check.
    pub fn push(&mut self, is_unhealthy: bool, policy: &FlapPolicy) {
        self.states = ((self.states << 1) | u32::from(is_unhealthy)) & ((1 << Self::CHECKS) - 1);
        let percent = self.percent();
        // Between the two, it stays as it is.
        if percent >= policy.high_percent {
            self.is_flapping = true;
        } else if percent < policy.low_percent {
            self.is_flapping = false;
        }
    }

    /// The weighted percent state change, 0 to 100: the weights of those of the 20 possible changes between neighbouring
    /// checks that happened, against all 20. The weight grows linearly from 0.8 for the oldest to 1.2 for the newest.
    ///
    /// Source: Nagios Core 4 documentation, "Detection and Handling of State Flapping". By its text the
    /// newest change weighs 50 % more than the oldest, by its graph they weigh 0.8 and 1.2; the program itself
    /// (`base/flapping.c`) uses 0.75 and 1.25.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let changes = Self::CHECKS - 1;
        let weight = |age: u32| Self::NEWEST_WEIGHT - Self::WEIGHT_STEP * age;
        let changed = |age: &u32| (self.states >> age) & 1 != (self.states >> (age + 1)) & 1;
        let all: u32 = (0..changes).map(weight).sum();
        let weights: u32 = (0..changes).filter(changed).map(weight).sum();
        f64::from(weights) * 100.0 / f64::from(all)
    }

    /// Whether it flaps.
    #[must_use]
    pub const fn is_flapping(&self) -> bool {
        self.is_flapping
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(states: &[bool]) -> FlapWindow {
        let mut window = FlapWindow::default();
        states.iter().for_each(|state| window.push(*state, &FlapPolicy::default()));
        window
    }

    /// The example of the documentation: changes at t3, t4, t5, t9, t12, t16 and t19 of 20.
    #[test]
    fn the_documented_example() {
        let changes = [3, 4, 5, 9, 12, 16, 19];
        let mut states = vec![false];
        for t in 1..=20 {
            let last = states[t - 1];
            states.push(last != changes.contains(&t));
        }
        let window = window(&states);
        // Seven of twenty are 35 percent; weighted as documented, (7 · 0.8 + 0.4 · 61 / 19) / 20.
        assert!((window.percent() - 34.421_052_631_578_95).abs() < 1e-9, "{}", window.percent());
        assert!(window.is_flapping());
    }

    #[test]
    fn what_changes_at_every_check_flaps_at_any_threshold() {
        let policy = FlapPolicy { low_percent: 99.0, high_percent: 100.0 };
        let mut window = FlapWindow::default();
        for check in 0..20 {
            assert!(!window.is_flapping());
            window.push(check % 2 == 0, &policy);
        }
        assert!(window.is_flapping());
    }

    #[test]
    fn newer_changes_weigh_more_and_hysteresis_holds_between_the_thresholds() {
        let mut window = window(&[true]);
        assert!((window.percent() - 6.0).abs() < 1e-9, "the newest of twenty weighs 1.2");
        for _ in 0..19 {
            window.push(true, &FlapPolicy::default());
        }
        assert!((window.percent() - 4.0).abs() < 1e-9, "the oldest weighs 0.8");
        for check in 0..8 {
            window.push(check % 2 == 0, &FlapPolicy::default());
        }
        assert!(window.is_flapping());
        let mut calm = 0;
        while window.is_flapping() {
            window.push(false, &FlapPolicy::default());
            calm += 1;
        }
        assert!(calm > 15, "{calm} calm checks: the low threshold ends it, not the high one");
    }

    #[test]
    fn nonsense_is_refused_with_its_field() {
        for (low_percent, high_percent, field) in [
            (0.0, 20.0, "flapping.low_percent"),
            (f64::NAN, 20.0, "flapping.low_percent"),
            (5.0, 4.0, "flapping.high_percent"),
            (5.0, 101.0, "flapping.high_percent"),
            (5.0, f64::NAN, "flapping.high_percent"),
        ] {
            let error = FlapPolicy { low_percent, high_percent }.validate().unwrap_err();
            assert_eq!(error.field(), Some(field));
        }
    }

    proptest! {
        #[test]
        fn the_percentage_is_one(states in prop::collection::vec(any::<bool>(), 0..60)) {
            let window = window(&states);
            prop_assert!((0.0..=100.0).contains(&window.percent()));
            let json = serde_json::to_string(&window).unwrap();
            prop_assert_eq!(serde_json::from_str::<FlapWindow>(&json).unwrap(), window);
        }
    }
}
