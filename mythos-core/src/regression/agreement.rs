//! How often people agree with the guard.

use serde::{Deserialize, Serialize};

use super::{
    AuditFilter, CodexClauseAudit, CodexRegressionGuard, Coverage, GuardPolicy, Refit, RefitTarget, Signal,
    Verdict,
};
use crate::error::Result;
use crate::store::Direction;

/// A share, with its uncertainty.
///
/// ```
/// use mythos_core::regression::Proportion;
///
/// let half = Proportion::of(5, 10).unwrap();
/// assert_eq!((half.rate * 100.0, (half.low * 1e4).round(), (half.high * 1e4).round()), (50.0, 2366.0, 7634.0));
/// assert_eq!(Proportion::of(0, 0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proportion {
    /// How many of them.
    pub successes: u64,
    /// How many there are.
    pub trials: u64,
    /// The share, from 0 to 1.
    pub rate: f64,
    /// The lower end of its Wilson score interval at 95 %.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Proportion {
    /// The share of `successes` among `trials`; `None` of nothing, or if there are more successes than trials.
    ///
    /// Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the American
    /// Statistical Association 22 (1927), p. 209-212; without continuity correction.
    #[must_use]
    pub fn of(successes: u64, trials: u64) -> Option<Self> {
        /// The quantile of the normal distribution at 0.975.
        const Z: f64 = 1.959_963_984_540_054;
        if trials == 0 || successes > trials {
            return None;
        }
        let n = trials as f64;
        let rate = successes as f64 / n;
        let spread = Z * Z / n;
        let center = rate + spread / 2.0;
        let half = Z * libm::sqrt(rate * (1.0 - rate) / n + spread / (4.0 * n));
        let (low, high) = ((center - half) / (1.0 + spread), (center + half) / (1.0 + spread));
        // At the ends the formula gives 0 and 1, but for rounding.
        let low = if successes == 0 { 0.0 } else { low.max(0.0) };
        let high = if successes == trials { 1.0 } else { high.min(1.0) };
        Some(Self { successes, trials, rate, low, high })
    }
}

/// What people said of audits, against what the machine said.
///
/// A flag is *confirmed* if it is in force after the newest review, *overturned* if it is not; a regression is *missed* if the
/// machine said `none` and the flag is in force. An undecided audit is neither: the machine left it to a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// How many reviewed audits there are.
    pub reviewed: u64,
    /// How many of them the machine flagged.
    pub flagged: u64,
    /// How many of these flags are in force.
    pub confirmed: u64,
    /// How many of these flags are not.
    pub overturned: u64,
    /// How many the machine passed.
    pub passed: u64,
    /// How many of these are flagged by a person.
    pub missed: u64,
    /// How many the machine left to a person.
    pub undecided: u64,
    /// How many of these are flagged by that person.
    pub undecided_regressions: u64,
    /// The share of flags that were confirmed: their precision after review.
    pub precision: Option<Proportion>,
    /// By verdict, those that occur, in the order of declaration.
    pub by_verdict: Vec<VerdictAgreement>,
    /// By signal that found something, those that occur, in the order of declaration.
    pub by_signal: Vec<SignalAgreement>,
    /// Whether there are more than were counted, which are the newest.
    pub is_capped: bool,
}

/// How many of the audits with a verdict are regressions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictAgreement {
    /// The verdict.
    pub verdict: Verdict,
    /// How many have the flag in force, of all with the verdict.
    pub regressions: Proportion,
}

/// How many of the audits in which a signal found something are regressions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalAgreement {
    /// The signal.
    pub signal: Signal,
    /// How many have the flag in force, of all in which it found something.
    pub regressions: Proportion,
}

/// A reviewed audit, as far as statistics need it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewedCase {
    /// The probability that the rule changed.
    pub accuracy: f64,
    /// The probability that the tone did: the larger of firmer and softer.
    pub tone: f64,
    /// Whether the language is covered.
    pub coverage: Coverage,
    /// What the machine said.
    pub verdict: Verdict,
    /// The signals that found something, each once.
    pub signals: Vec<Signal>,
    /// Whether it is a regression, after the newest review.
    pub is_regression: bool,
}

impl ReviewedCase {
    fn of(audit: &CodexClauseAudit) -> Self {
        Self {
            accuracy: audit.prompt_delta.accuracy,
            tone: audit.prompt_delta.firmer.max(audit.prompt_delta.softer),
            coverage: audit.prompt_delta.coverage,
            verdict: audit.verdict,
            signals: audit.signals.clone(),
            is_regression: audit.regression_flag,
        }
    }
}

impl Agreement {
    /// The statistics of reviewed cases.
    #[must_use]
    pub fn of(cases: &[ReviewedCase]) -> Self {
        let count = |is: &dyn Fn(&ReviewedCase) -> bool| cases.iter().filter(|case| is(case)).count() as u64;
        let share = |is: &dyn Fn(&ReviewedCase) -> bool| {
            Proportion::of(count(&|case| is(case) && case.is_regression), count(is))
        };
        let flagged = share(&|case| case.verdict.is_flagged());
        let passed = share(&|case| case.verdict == Verdict::None);
        let undecided = share(&|case| case.verdict == Verdict::Undecided);
        let counts =
            |share: Option<Proportion>| share.map_or((0, 0), |share| (share.trials, share.successes));
        let ((flags, confirmed), (passed, missed)) = (counts(flagged), counts(passed));
        let (undecided, undecided_regressions) = counts(undecided);
        let verdicts = [Verdict::None, Verdict::Tone, Verdict::Accuracy, Verdict::Both, Verdict::Undecided];
        let by_verdict = verdicts.into_iter().filter_map(|verdict| {
            let regressions = share(&|case| case.verdict == verdict)?;
            Some(VerdictAgreement { verdict, regressions })
        });
        let by_signal = Signal::ALL.into_iter().filter_map(|signal| {
            let regressions = share(&|case| case.signals.contains(&signal))?;
            Some(SignalAgreement { signal, regressions })
        });
        Self {
            reviewed: cases.len() as u64,
            flagged: flags,
            confirmed,
            overturned: flags - confirmed,
            passed,
            missed,
            undecided,
            undecided_regressions,
            precision: flagged,
            by_verdict: by_verdict.collect(),
            by_signal: by_signal.collect(),
            is_capped: false,
        }
    }
}

impl CodexRegressionGuard {
    /// The most audits that statistics are made of.
    pub const MAX_CASES: usize = 100_000;

    /// How often people agree with the machine, over the reviewed audits that the filter finds: the newest
    /// [`CodexRegressionGuard::MAX_CASES`]. The filter's `is_reviewed` counts for nothing.
    ///
    /// Those who review choose what they review: of what the machine passed, most is never looked at.
    ///
    /// # Errors
    /// Those of [`list`](Self::list).
    pub fn agreement(&self, filter: &AuditFilter) -> Result<Agreement> {
        let (cases, is_capped) = self.reviewed_cases(filter)?;
        Ok(Agreement { is_capped, ..Agreement::of(&cases) })
    }

    /// Proposes thresholds for a target from the reviewed audits that the filter finds, as [`Refit::of`] does. Nothing is
    /// changed: the policy is the caller's.
    ///
    /// # Errors
    /// Those of [`list`](Self::list) and of [`Refit::of`].
    pub fn refit(&self, filter: &AuditFilter, policy: &GuardPolicy, target: RefitTarget) -> Result<Refit> {
        Refit::of(&self.reviewed_cases(filter)?.0, policy, target)
    }

    /// The reviewed audits that a filter finds, the newest first, and whether there are more.
    fn reviewed_cases(&self, filter: &AuditFilter) -> Result<(Vec<ReviewedCase>, bool)> {
        let filter = AuditFilter { is_reviewed: Some(true), ..filter.clone() };
        let (mut cases, mut after) = (Vec::new(), None);
        loop {
            let query = filter.query(Direction::Descending).after(after).limit(Self::MAX_PAGE_AUDITS);
            let page = self.access.page(query)?;
            cases.extend(page.items.iter().map(ReviewedCase::of));
            let is_capped = cases.len() > Self::MAX_CASES;
            cases.truncate(Self::MAX_CASES);
            after = page.next;
            if after.is_none() || is_capped {
                return Ok((cases, is_capped));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_interval_holds_its_share_and_narrows_with_more_trials(successes in 0..500_u64, failures in 0..500_u64) {
            prop_assume!(successes + failures > 0);
            let one = Proportion::of(successes, successes + failures).unwrap();
            prop_assert!(0.0 <= one.low && one.low <= one.rate && one.rate <= one.high && one.high <= 1.0);
            let more = Proportion::of(10 * successes, 10 * (successes + failures)).unwrap();
            prop_assert!(more.high - more.low < one.high - one.low);
        }
    }

    #[test]
    fn wilson_intervals_are_those_of_the_literature() {
        // R. G. Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
        for (successes, trials, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = Proportion::of(successes, trials).unwrap();
            assert!((found.low - low).abs() < 6e-5 && (found.high - high).abs() < 6e-5, "{found:?}");
        }
        assert_eq!(Proportion::of(2, 1), None);
    }

    #[test]
    fn flags_are_confirmed_overturned_and_missed() {
        let case = |verdict, is_regression, signals: &[Signal]| ReviewedCase {
            accuracy: 0.5,
            tone: 0.0,
            coverage: Coverage::Covered,
            verdict,
            signals: signals.to_vec(),
            is_regression,
        };
        let cases = [
            case(Verdict::Accuracy, true, &[Signal::Number]),
            case(Verdict::Both, true, &[Signal::Number, Signal::Negation]),
            case(Verdict::Tone, false, &[Signal::Formality]),
            case(Verdict::None, true, &[]),
            case(Verdict::None, false, &[]),
            case(Verdict::Undecided, true, &[Signal::Number]),
        ];
        let found = Agreement::of(&cases);
        assert_eq!((found.reviewed, found.flagged, found.confirmed, found.overturned), (6, 3, 2, 1));
        assert_eq!((found.passed, found.missed, found.undecided, found.undecided_regressions), (2, 1, 1, 1));
        assert_eq!(found.precision, Proportion::of(2, 3));
        assert_eq!(
            found.by_verdict.iter().map(|it| it.regressions.trials).collect::<Vec<_>>(),
            [2, 1, 1, 1, 1]
        );
        let signals: Vec<_> = found
            .by_signal
            .iter()
            .map(|it| (it.signal, it.regressions.successes, it.regressions.trials))
            .collect();
        assert_eq!(signals, [(Signal::Number, 3, 3), (Signal::Negation, 1, 1), (Signal::Formality, 0, 1)]);
        let none = Agreement::of(&[]);
        assert_eq!((none.reviewed, none.precision, none.by_signal.len()), (0, None, 0));
    }
}
