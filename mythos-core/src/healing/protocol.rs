use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::rule::check_milliseconds;
use super::{Budgets, FlapPolicy, HealingName, HealingRule, HealingRuleOptions};
use crate::error::{Error, Result};

/// The rules by which targets are healed, and what bounds them. Valid by construction; serde checks as
/// [`HealingProtocol::new`].
///
/// ```
/// use mythos_core::healing::*;
///
/// let threshold = Threshold { reading: "stall_ms".parse()?, side: Side::Above, enter: 60_000.0, exit: 0.0 };
/// let ladder = vec![RepairStep::new(RepairAction::RestartAssistant)];
/// let rule = HealingRule::new(HealingRuleOptions::new("stuck".parse()?, Trigger::Stall, threshold, ladder))?;
/// let hourly = |max_actions| Budget { max_actions, period_ms: 3_600_000 };
/// let budgets = Budgets { target: hourly(3), zone: hourly(10), node: hourly(5), overall: hourly(20) };
/// let unhealthy = UnhealthyLimit::AtMostPercent { percent: 40.0 };
/// let protocol = HealingProtocol::new(HealingProtocolOptions::new(vec![rule], budgets, unhealthy))?;
/// assert_eq!(protocol.options().rules.len(), 1);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "HealingProtocolOptions", into = "HealingProtocolOptions")]
pub struct HealingProtocol(HealingProtocolOptions);

/// What a [`HealingProtocol`] is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealingProtocolOptions {
    /// The rules, 1 to [`HealingProtocol::MAX_RULES`], each with a name of its own. Where budgets are short, an earlier
    /// rule goes before a later one, then an older incident before a younger.
    pub rules: Vec<HealingRule>,
    /// How many actions are begun at most, and for whom.
    pub budgets: Budgets,
    /// When too much is ill for any action to be right.
    pub unhealthy: UnhealthyLimit,
    /// When a rule's state counts as flapping; no action of a rule follows while it does.
    #[serde(default)]
    pub flapping: FlapPolicy,
    /// An action follows only upon readings at most so many milliseconds old, above 0; by default five minutes.
    #[serde(default = "default_max_reading_age_ms")]
    pub max_reading_age_ms: u64,
}

/// A protocol as a host writes it, of which nothing is checked yet: [`HealingProtocol`] is tried from it, and says exactly which
/// member of which rule is not acceptable, where serde alone would say no more than which rule.
///
/// ```
/// use mythos_core::healing::{HealingProtocol, HealingProtocolDraft};
///
/// let draft = r#"{
///     "rules": [{
///         "rule": "stuck",
///         "trigger": {"kind": "stall"},
///         "threshold": {"reading": "stall_ms", "side": "above", "enter": 60000, "exit": 70000},
///         "score": [{"reading": "stall_ms", "healthy": 0, "worst": 120000, "weight": 1}],
///         "repair_actions": [{"action": {"kind": "restart_assistant"}}]
///     }],
///     "budgets": {
///         "target": {"max_actions": 3, "period_ms": 3600000},
///         "zone": {"max_actions": 10, "period_ms": 3600000},
///         "node": {"max_actions": 5, "period_ms": 3600000},
///         "overall": {"max_actions": 20, "period_ms": 3600000}
///     },
///     "unhealthy": {"kind": "at_most_percent", "percent": 40}
/// }"#;
/// let draft: HealingProtocolDraft = serde_json::from_str(draft).unwrap();
/// let error = HealingProtocol::try_from(draft).unwrap_err();
/// assert_eq!(error.field(), Some("rules[0].threshold.exit"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealingProtocolDraft {
    /// The rules.
    pub rules: Vec<HealingRuleOptions>,
    /// As [`HealingProtocolOptions::budgets`].
    pub budgets: Budgets,
    /// As [`HealingProtocolOptions::unhealthy`].
    pub unhealthy: UnhealthyLimit,
    /// As [`HealingProtocolOptions::flapping`].
    #[serde(default)]
    pub flapping: FlapPolicy,
    /// As [`HealingProtocolOptions::max_reading_age_ms`].
    #[serde(default = "default_max_reading_age_ms")]
    pub max_reading_age_ms: u64,
}

const fn default_max_reading_age_ms() -> u64 {
    300_000
}

/// How many targets may be ill at the same time for actions to be begun. When more are, what is wrong is not theirs alone,
/// and acting on each would do harm.
///
/// Source: Cluster API, "Configure a MachineHealthCheck", `maxUnhealthy` and `unhealthyRange`; medik8s node-healthcheck
/// operator, `minHealthy` and `maxUnhealthy`. As there, a percentage is of all targets, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum UnhealthyLimit {
    /// Any number.
    Unlimited,
    /// At most so many (`maxUnhealthy` as a number).
    AtMost {
        /// Of all targets.
        count: u32,
    },
    /// At most such a share (`maxUnhealthy` as a percentage; 100 minus `minHealthy`).
    AtMostPercent {
        /// 0 to 100.
        percent: f64,
    },
    /// From so many to so many, both included (`unhealthyRange`).
    Between {
        /// At least.
        min: u32,
        /// At most.
        max: u32,
    },
}

impl UnhealthyLimit {
    /// Whether actions may be begun when `unhealthy` of `known` targets are ill.
    ///
    /// ```
    /// use mythos_core::healing::UnhealthyLimit;
    ///
    /// let limit = UnhealthyLimit::AtMostPercent { percent: 40.0 };
    /// assert!(limit.allows(2, 5) && !limit.allows(3, 5));
    /// assert!(!limit.allows(1, 2), "40 percent of two are none");
    /// ```
    #[must_use]
    pub fn allows(&self, unhealthy: u64, known: u64) -> bool {
        match *self {
            Self::Unlimited => true,
            Self::AtMost { count } => unhealthy <= u64::from(count),
            // Counts of targets are far below where f64 loses integers.
            Self::AtMostPercent { percent } => unhealthy as f64 <= (known as f64 * percent / 100.0).floor(),
            Self::Between { min, max } => (u64::from(min)..=u64::from(max)).contains(&unhealthy),
        }
    }

    fn validate(&self) -> Result<()> {
        match *self {
            Self::AtMostPercent { percent } if !(0.0..=100.0).contains(&percent) => Err(Error::invalid(
                "unhealthy.percent",
                format!("a share is 0 to 100 percent, not {percent}"),
            )),
            Self::Between { min, max } if min > max => {
                Err(Error::invalid("unhealthy.min", format!("no number lies between {min} and {max}")))
            }
            _ => Ok(()),
        }
    }
}

impl HealingProtocolOptions {
    /// A protocol with the default flap policy, and readings that count for five minutes.
    #[must_use]
    pub fn new(rules: Vec<HealingRule>, budgets: Budgets, unhealthy: UnhealthyLimit) -> Self {
        let (flapping, max_reading_age_ms) = (FlapPolicy::default(), default_max_reading_age_ms());
        Self { rules, budgets, unhealthy, flapping, max_reading_age_ms }
    }
}

impl HealingProtocol {
    /// The most rules.
    pub const MAX_RULES: usize = 16;

    /// Checks `options`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) or [`ErrorKind::Limit`](crate::ErrorKind::Limit), with the
    /// field, for no or too many rules, two of one name, or a number outside its stated range.
    pub fn new(options: HealingProtocolOptions) -> Result<Self> {
        let rules = &options.rules;
        if rules.is_empty() || rules.len() > Self::MAX_RULES {
            let message = format!("a protocol has 1 to {} rules, not {}", Self::MAX_RULES, rules.len());
            return Err(Error::invalid("rules", message));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = rules.iter().find(|rule| !names.insert(rule.name())) {
            return Err(Error::invalid("rules", format!("two rules are called {}", twice.name())));
        }
        options.budgets.validate()?;
        options.unhealthy.validate()?;
        options.flapping.validate()?;
        check_milliseconds("max_reading_age_ms", options.max_reading_age_ms)?;
        if options.max_reading_age_ms == 0 {
            return Err(Error::invalid("max_reading_age_ms", "no reading is 0 ms old"));
        }
        Ok(Self(options))
    }

    /// What it is made of.
    #[must_use]
    pub const fn options(&self) -> &HealingProtocolOptions {
        &self.0
    }

    /// A rule and its place, by name.
    pub(super) fn rule(&self, name: &HealingName) -> Option<(usize, &HealingRule)> {
        self.0.rules.iter().enumerate().find(|(_, rule)| rule.name() == name)
    }
}

impl TryFrom<HealingProtocolOptions> for HealingProtocol {
    type Error = Error;

    fn try_from(options: HealingProtocolOptions) -> Result<Self> {
        Self::new(options)
    }
}

impl TryFrom<HealingProtocolDraft> for HealingProtocol {
    type Error = Error;

    fn try_from(draft: HealingProtocolDraft) -> Result<Self> {
        let HealingProtocolDraft { rules, budgets, unhealthy, flapping, max_reading_age_ms } = draft;
        let rules = rules.into_iter().enumerate().map(|(place, rule)| {
            HealingRule::new(rule).map_err(|error| {
                let field = format!("rules[{place}].{}", error.field().unwrap_or("rule"));
                error.with_field(field)
            })
        });
        let rules = rules.collect::<Result<_>>()?;
        Self::new(HealingProtocolOptions { rules, budgets, unhealthy, flapping, max_reading_age_ms })
    }
}

impl From<HealingProtocol> for HealingProtocolOptions {
    fn from(protocol: HealingProtocol) -> Self {
        protocol.0
    }
}
