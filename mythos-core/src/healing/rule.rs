use serde::{Deserialize, Serialize};

use super::{Condition, HealingName, RepairStep, ScoreTerm};
use crate::error::{Error, Result};
use crate::types::MAX_SAFE_INTEGER;

/// What is wrong with a target, when, and what is done about it. Valid by construction; serde checks as
/// [`HealingRule::new`].
///
/// ```
/// use mythos_core::healing::*;
///
/// let threshold = Threshold { reading: "entropy".parse()?, side: Side::Above, enter: 0.8, exit: 0.6 };
/// let ladder = vec![
///     RepairStep::new(RepairAction::RestoreRitual { ritual: None }).attempts(2),
///     RepairStep::new(RepairAction::Quarantine),
/// ];
/// let rule = HealingRule::new(HealingRuleOptions::new("calm".parse()?, Trigger::EntropySpike, threshold, ladder))?;
/// assert_eq!(rule.options().triggered_by(), "entropy_spike");
///
/// // What is entered from above is left below.
/// let upside_down = Threshold { exit: 0.9, ..rule.options().threshold.clone() };
/// let options = HealingRuleOptions { threshold: upside_down, ..rule.options().clone() };
/// assert_eq!(HealingRule::new(options).unwrap_err().field(), Some("threshold.exit"));
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "HealingRuleOptions", into = "HealingRuleOptions")]
pub struct HealingRule(HealingRuleOptions);

/// What a [`HealingRule`] is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealingRuleOptions {
    /// Its name, unique in its protocol.
    pub rule: HealingName,
    /// What kind of trouble it finds.
    pub trigger: Trigger,
    /// When a target is ill, and when it is well again.
    pub threshold: Threshold,
    /// What else must hold when an incident is opened. It is not asked for again while the incident is open.
    #[serde(default)]
    pub condition: Option<Condition>,
    /// How healthy a target is: 1 to [`ScoreTerm::MAX_TERMS`] terms.
    pub score: Vec<ScoreTerm>,
    /// What is done, step by step, until the target is well: 1 to [`HealingRule::MAX_STEPS`] steps of together at most
    /// [`HealingRule::MAX_ATTEMPTS`] attempts. A rule of [`Trigger::CodexConflict`] only proposes merges, notifies and
    /// quarantines: what a codex says is for people to decide.
    pub repair_actions: Vec<RepairStep>,
    /// How many milliseconds after an action its target needs before its health is measured again.
    #[serde(default = "default_settle_ms")]
    pub settle_ms: u64,
    /// How many milliseconds behind that a reading may take to come, above 0. Without one, the delta is unresolved.
    #[serde(default = "default_measure_within_ms")]
    pub measure_within_ms: u64,
    /// How many milliseconds lie at least between the beginnings of two actions of this rule for a target, also across
    /// incidents.
    #[serde(default = "default_cooldown_ms")]
    pub cooldown_ms: u64,
    /// An action made things worse if its delta is below minus this; 0 to 1.
    #[serde(default = "default_worse_margin")]
    pub worse_margin: f64,
}

const fn default_settle_ms() -> u64 {
    60_000
}

const fn default_measure_within_ms() -> u64 {
    300_000
}

const fn default_cooldown_ms() -> u64 {
    60_000
}

const fn default_worse_margin() -> f64 {
    0.05
}

/// What kind of trouble a rule finds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Trigger {
    /// The assistant's states grow disordered.
    EntropySpike,
    /// Its rituals fail.
    RitualFailure,
    /// Its codex has several heads.
    CodexConflict,
    /// It makes no progress.
    Stall,
    /// Another rule's state swings: the reading of the threshold is [`FLAPPING_PERCENT`], which the machine supplies.
    Flapping,
    /// Something of the host's own.
    Custom {
        /// What; none of the names above.
        name: HealingName,
    },
}

/// The reading that the machine supplies itself: the highest percent state change of any rule of another trigger than
/// [`Trigger::Flapping`] on the target, 0 to 100.
pub const FLAPPING_PERCENT: &str = "flapping_percent";

/// When a reading is ill and when it is well again: between the two, it stays what it was (hysteresis).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The reading.
    pub reading: HealingName,
    /// On which side it is ill.
    pub side: Side,
    /// It becomes ill at this value or beyond; finite.
    pub enter: f64,
    /// It becomes well once it is no longer beyond or at this value; finite, and not beyond `enter`.
    pub exit: f64,
}

/// On which side of a threshold a reading is ill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a number lies on one of two sides")]
pub enum Side {
    /// Above.
    Above,
    /// Below.
    Below,
}

impl Threshold {
    /// Whether a reading of `value` is ill, when it was before.
    #[must_use]
    pub fn is_ill(&self, was_ill: bool, value: f64) -> bool {
        let edge = if was_ill { self.exit } else { self.enter };
        match self.side {
            Side::Above => value >= edge,
            Side::Below => value <= edge,
        }
    }

    fn validate(&self) -> Result<()> {
        check_number("threshold.enter", self.enter)?;
        check_number("threshold.exit", self.exit)?;
        let (beyond, side) = match self.side {
            Side::Above => (self.exit > self.enter, "above"),
            Side::Below => (self.exit < self.enter, "below"),
        };
        if beyond {
            let message = format!(
                "{} is ill {side} {} and can be well only on this side of it, not up to {}",
                self.reading, self.enter, self.exit
            );
            return Err(Error::invalid("threshold.exit", message));
        }
        Ok(())
    }
}

impl Trigger {
    /// The name in JSON; of a custom trigger, its own.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::EntropySpike => "entropy_spike",
            Self::RitualFailure => "ritual_failure",
            Self::CodexConflict => "codex_conflict",
            Self::Stall => "stall",
            Self::Flapping => "flapping",
            Self::Custom { name } => name.as_str(),
        }
    }

    fn validate(&self) -> Result<()> {
        let known =
            [Self::EntropySpike, Self::RitualFailure, Self::CodexConflict, Self::Stall, Self::Flapping];
        if let Self::Custom { name } = self
            && known.iter().any(|known| known.name() == name.as_str())
        {
            let message = format!("a custom trigger is not called {name}, which is one of its own");
            return Err(Error::invalid("trigger.name", message));
        }
        Ok(())
    }
}

impl HealingRuleOptions {
    /// A rule whose score is 1 where its threshold is left, one half where it is entered, and 0 as far beyond, with one
    /// minute to settle and to cool down.
    ///
    /// If the threshold is entered where it is left, the score falls from there over one unit of the reading.
    #[must_use]
    pub fn new(
        rule: HealingName,
        trigger: Trigger,
        threshold: Threshold,
        repair_actions: Vec<RepairStep>,
    ) -> Self {
        let width = match (threshold.enter - threshold.exit, threshold.side) {
            (0.0, Side::Above) => 1.0,
            (0.0, Side::Below) => -1.0,
            (width, _) => width,
        };
        let (healthy, worst) = (threshold.exit, threshold.exit + 2.0 * width);
        let score = vec![ScoreTerm { reading: threshold.reading.clone(), healthy, worst, weight: 1.0 }];
        Self {
            rule,
            trigger,
            threshold,
            condition: None,
            score,
            repair_actions,
            settle_ms: default_settle_ms(),
            measure_within_ms: default_measure_within_ms(),
            cooldown_ms: default_cooldown_ms(),
            worse_margin: default_worse_margin(),
        }
    }

    /// The name of its trigger.
    #[must_use]
    pub fn triggered_by(&self) -> &str {
        self.trigger.name()
    }
}

impl HealingRule {
    /// The longest ladder.
    pub const MAX_STEPS: usize = 16;
    /// The most attempts of all steps together.
    pub const MAX_ATTEMPTS: u32 = 32;

    /// Checks `options`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) or [`ErrorKind::Limit`](crate::ErrorKind::Limit), with the
    /// field, for a number outside its stated range, a threshold whose exit lies beyond its entrance, a condition that is
    /// too large or too deep, a ladder that is empty or too long, an action that a codex's conflict is not met with, or a
    /// trigger whose reading is not its own.
    pub fn new(options: HealingRuleOptions) -> Result<Self> {
        options.trigger.validate()?;
        options.threshold.validate()?;
        let is_flapping = options.trigger == Trigger::Flapping;
        if is_flapping != (options.threshold.reading.as_str() == FLAPPING_PERCENT) {
            let message =
                format!("{FLAPPING_PERCENT} is what a rule of the trigger flapping reads, and only it");
            return Err(Error::invalid("threshold.reading", message));
        }
        options.condition.as_ref().map_or(Ok(()), Condition::validate)?;
        ScoreTerm::validate_all(&options.score)?;
        validate_ladder(&options)?;
        check_milliseconds("settle_ms", options.settle_ms)?;
        check_milliseconds("measure_within_ms", options.measure_within_ms)?;
        check_milliseconds("cooldown_ms", options.cooldown_ms)?;
        if options.measure_within_ms == 0 {
            let message = "no reading can come within 0 ms";
            return Err(Error::invalid("measure_within_ms", message));
        }
        if !(0.0..=1.0).contains(&options.worse_margin) {
            let message = format!("a margin of scores is 0 to 1, not {}", options.worse_margin);
            return Err(Error::invalid("worse_margin", message));
        }
        Ok(Self(options))
    }

    /// What it is made of.
    #[must_use]
    pub const fn options(&self) -> &HealingRuleOptions {
        &self.0
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &HealingName {
        &self.0.rule
    }

    /// Step number `index` of its ladder, from 0; `None` behind its end.
    #[must_use]
    pub fn step(&self, index: u32) -> Option<&RepairStep> {
        self.0.repair_actions.get(index as usize)
    }
}

fn validate_ladder(options: &HealingRuleOptions) -> Result<()> {
    let ladder = &options.repair_actions;
    if ladder.is_empty() || ladder.len() > HealingRule::MAX_STEPS {
        let message = format!("a ladder has 1 to {} steps, not {}", HealingRule::MAX_STEPS, ladder.len());
        return Err(Error::invalid("repair_actions", message));
    }
    ladder.iter().try_for_each(RepairStep::validate)?;
    let attempts: u32 = ladder.iter().map(|step| step.attempts).sum();
    if attempts > HealingRule::MAX_ATTEMPTS {
        let message = format!("a ladder has at most {} attempts, not {attempts}", HealingRule::MAX_ATTEMPTS);
        return Err(Error::limit("repair_actions.attempts", message));
    }
    let silent = |step: &&RepairStep| !step.action.leaves_codices_alone();
    if options.trigger == Trigger::CodexConflict
        && let Some(step) = ladder.iter().find(silent)
    {
        let name = step.action.name();
        let message = format!("a conflict of a codex is for people to decide: {name} would heal it silently");
        return Err(Error::invalid("repair_actions", message));
    }
    Ok(())
}

impl TryFrom<HealingRuleOptions> for HealingRule {
    type Error = Error;

    fn try_from(options: HealingRuleOptions) -> Result<Self> {
        Self::new(options)
    }
}

impl From<HealingRule> for HealingRuleOptions {
    fn from(rule: HealingRule) -> Self {
        rule.0
    }
}

/// Durations cross languages as integers.
pub(super) fn check_milliseconds(field: &str, milliseconds: u64) -> Result<()> {
    if milliseconds > MAX_SAFE_INTEGER {
        let message = format!("a duration has at most {MAX_SAFE_INTEGER} ms, not {milliseconds}");
        return Err(Error::limit(field, message));
    }
    Ok(())
}

/// The largest magnitude of a number in a rule, far from where sums and differences overflow.
const MAX_MAGNITUDE: f64 = 1e100;

pub(super) fn check_number(field: &str, number: f64) -> Result<()> {
    // A NaN compares with nothing.
    if number.abs() <= MAX_MAGNITUDE {
        return Ok(());
    }
    Err(Error::invalid(field, format!("{number} is no number of at most {MAX_MAGNITUDE:e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::healing::RepairAction;

    fn threshold(side: Side, enter: f64, exit: f64) -> Threshold {
        Threshold { reading: "x".parse().unwrap(), side, enter, exit }
    }

    fn options() -> HealingRuleOptions {
        let ladder = vec![RepairStep::new(RepairAction::RestartAssistant)];
        let trigger = Trigger::EntropySpike;
        HealingRuleOptions::new("r".parse().unwrap(), trigger, threshold(Side::Above, 0.8, 0.6), ladder)
    }

    fn refused(change: impl FnOnce(&mut HealingRuleOptions)) -> String {
        let mut options = options();
        change(&mut options);
        HealingRule::new(options).unwrap_err().field().unwrap().to_owned()
    }

    #[test]
    fn nonsense_is_refused_with_its_field() {
        assert_eq!(refused(|it| it.threshold.exit = 0.9), "threshold.exit");
        assert_eq!(refused(|it| it.threshold = threshold(Side::Below, 0.8, 0.6)), "threshold.exit");
        assert_eq!(refused(|it| it.threshold.enter = f64::NAN), "threshold.enter");
        assert_eq!(refused(|it| it.threshold.exit = f64::NEG_INFINITY), "threshold.exit");
        assert_eq!(refused(|it| it.trigger = Trigger::Flapping), "threshold.reading");
        assert_eq!(
            refused(|it| it.threshold.reading = FLAPPING_PERCENT.parse().unwrap()),
            "threshold.reading"
        );
        assert_eq!(
            refused(|it| it.trigger = Trigger::Custom { name: "stall".parse().unwrap() }),
            "trigger.name"
        );
        assert_eq!(refused(|it| it.condition = Some(Condition::All { of: vec![] })), "condition");
        assert_eq!(refused(|it| it.score = vec![]), "score");
        assert_eq!(refused(|it| it.score[0].worst = it.score[0].healthy), "score.worst");
        assert_eq!(refused(|it| it.score[0].weight = 0.0), "score.weight");
        assert_eq!(refused(|it| it.repair_actions = vec![]), "repair_actions");
        assert_eq!(
            refused(|it| it.repair_actions = vec![it.repair_actions[0].clone(); 17]),
            "repair_actions"
        );
        assert_eq!(refused(|it| it.repair_actions[0].attempts = 0), "repair_actions.attempts");
        assert_eq!(refused(|it| it.repair_actions[0].deadline_ms = 0), "repair_actions.deadline_ms");
        let eight = |it: &mut HealingRuleOptions| {
            it.repair_actions = vec![it.repair_actions[0].clone().attempts(8); 5];
        };
        assert_eq!(refused(eight), "repair_actions.attempts");
        let reduce = |it: &mut HealingRuleOptions| {
            it.repair_actions[0].action = RepairAction::ReduceLoad { percent: 101 };
        };
        assert_eq!(refused(reduce), "repair_actions.percent");
        assert_eq!(refused(|it| it.settle_ms = u64::MAX), "settle_ms");
        assert_eq!(refused(|it| it.measure_within_ms = 0), "measure_within_ms");
        assert_eq!(refused(|it| it.cooldown_ms = u64::MAX), "cooldown_ms");
        assert_eq!(refused(|it| it.worse_margin = 1.1), "worse_margin");
    }

    #[test]
    fn a_codex_is_never_healed_silently() {
        for action in [
            RepairAction::RealignCodex { codex: None },
            RepairAction::RestoreRitual { ritual: None },
            RepairAction::Custom { name: "merge".parse().unwrap() },
        ] {
            let ladder = vec![RepairStep::new(RepairAction::ProposeMerge), RepairStep::new(action)];
            let options =
                HealingRuleOptions { trigger: Trigger::CodexConflict, repair_actions: ladder, ..options() };
            assert_eq!(HealingRule::new(options).unwrap_err().field(), Some("repair_actions"));
        }
    }

    #[test]
    fn between_enter_and_exit_a_reading_stays_what_it_was() {
        let above = threshold(Side::Above, 0.8, 0.6);
        assert_eq!([0.79, 0.8].map(|value| above.is_ill(false, value)), [false, true]);
        assert_eq!([0.59, 0.6].map(|value| above.is_ill(true, value)), [false, true]);
        let below = threshold(Side::Below, 0.2, 0.4);
        assert_eq!([0.21, 0.2].map(|value| below.is_ill(false, value)), [false, true]);
        assert_eq!([0.41, 0.4].map(|value| below.is_ill(true, value)), [false, true]);
    }

    #[test]
    fn rules_survive_serde_which_checks_them() {
        let rule = HealingRule::new(options()).unwrap();
        let json = serde_json::to_value(&rule).unwrap();
        assert_eq!(serde_json::from_value::<HealingRule>(json.clone()).unwrap(), rule);
        let mut bad = json.clone();
        bad["threshold"]["exit"] = 2.into();
        assert!(serde_json::from_value::<HealingRule>(bad).is_err());
        let mut unknown = json;
        unknown["settel_ms"] = 2.into();
        assert!(serde_json::from_value::<HealingRule>(unknown).is_err());
    }
}
