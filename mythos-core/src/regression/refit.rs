//! New thresholds from what people said.

use serde::{Deserialize, Serialize};

use super::{Coverage, GuardPolicy, Proportion, ReviewedCase, Verdict};
use crate::error::{Error, Result};

/// What thresholds are to reach on the reviewed cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RefitTarget {
    /// The highest precision of flags at which at least this share of regressions is flagged.
    Precision {
        /// The least recall, from 0 to 1.
        recall: f64,
    },
    /// The highest harmonic mean of precision and recall.
    F1,
}

/// Proposed thresholds, with what they would have done on the cases that they were chosen on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refit {
    /// The thresholds that reach the target.
    pub policy: GuardPolicy,
    /// How many cases they were chosen on: those whose language is covered.
    pub cases: u64,
    /// How many of these are regressions.
    pub regressions: u64,
    /// What the thresholds so far do.
    pub before: RefitFigures,
    /// What the proposed ones do. On other cases they do a little worse: they were not chosen on those.
    pub after: RefitFigures,
}

/// What thresholds do on reviewed cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefitFigures {
    /// How many they flag.
    pub flagged: u64,
    /// How many they leave to a person.
    pub undecided: u64,
    /// The share of flagged cases that are regressions.
    pub precision: Option<Proportion>,
    /// The share of regressions that are flagged.
    pub recall: Option<Proportion>,
    /// The harmonic mean of both; 0 if nothing is flagged rightly.
    pub f1: f64,
}

impl Refit {
    /// The fewest cases that thresholds are chosen on.
    pub const MIN_CASES: usize = 50;
    /// The fewest regressions among them, and the fewest others.
    pub const MIN_OF_EACH: usize = 10;
    /// How many thresholds of tone are tried: quantiles of those that occur, and the one so far.
    const TONES: usize = 64;

    /// Chooses thresholds on reviewed cases. Of equally good ones it takes those with the higher recall, and then those nearer
    /// to `policy`. The lower end of the undecided band stays, unless the threshold falls below it.
    ///
    /// Takes time proportional to n log n for n cases.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `cases`, if there are fewer than [`Refit::MIN_CASES`] in
    /// covered languages, or fewer than [`Refit::MIN_OF_EACH`] regressions or others among them; field `recall` if that is not
    /// from 0 to 1; or if the policy is invalid.
    pub fn of(cases: &[ReviewedCase], policy: &GuardPolicy, target: RefitTarget) -> Result<Self> {
        policy.validate()?;
        if let RefitTarget::Precision { recall } = target
            && !(0.0..=1.0).contains(&recall)
        {
            return Err(Error::invalid("recall", format!("a recall is from 0 to 1, not {recall}")));
        }
        let mut covered: Vec<_> = cases.iter().filter(|case| case.coverage == Coverage::Covered).collect();
        let regressions = covered.iter().filter(|case| case.is_regression).count();
        let others = covered.len() - regressions;
        if covered.len() < Self::MIN_CASES || regressions.min(others) < Self::MIN_OF_EACH {
            let message = format!(
                "thresholds are chosen on at least {} cases with {} of each kind, not on {regressions} regressions and {others} others",
                Self::MIN_CASES,
                Self::MIN_OF_EACH
            );
            return Err(Error::invalid("cases", message));
        }
        covered.sort_by(|one, other| other.accuracy.total_cmp(&one.accuracy));
        let mut best = Best::new(regressions, target, *policy);
        for tone in tones(&covered, policy) {
            best.sweep(&covered, tone);
        }
        let policy_after = best.policy();
        Ok(Self {
            policy: policy_after,
            cases: covered.len() as u64,
            regressions: regressions as u64,
            before: figures(&covered, policy),
            after: figures(&covered, &policy_after),
        })
    }
}

/// The thresholds of tone that are tried.
fn tones(covered: &[&ReviewedCase], policy: &GuardPolicy) -> Vec<f64> {
    let mut tones: Vec<_> = covered.iter().map(|case| case.tone).filter(|tone| *tone > 0.0).collect();
    tones.sort_by(f64::total_cmp);
    tones.dedup();
    let step = tones.len().div_ceil(Refit::TONES).max(1);
    let mut tried: Vec<_> = tones.into_iter().step_by(step).collect();
    tried.extend([policy.tone_threshold, 1.0]);
    tried
}

/// The best thresholds so far.
struct Best {
    regressions: usize,
    target: RefitTarget,
    policy: GuardPolicy,
    /// How good it is: what the target asks for, the recall, and how near it is to the policy so far.
    found: Option<([f64; 3], f64, f64)>,
}

impl Best {
    const fn new(regressions: usize, target: RefitTarget, policy: GuardPolicy) -> Self {
        Self { regressions, target, policy, found: None }
    }

    /// Tries every threshold of accuracy with one of tone. The cases are sorted by falling accuracy.
    fn sweep(&mut self, covered: &[&ReviewedCase], tone: f64) {
        // What lies in the undecided band is left to a person, whatever its tone.
        let from = self.policy.undecided_from;
        let is_decided = |case: &ReviewedCase| case.accuracy < from || case.accuracy == 0.0;
        let is_tonal = |case: &ReviewedCase| case.tone >= tone && case.tone > 0.0 && is_decided(case);
        let (mut flagged, mut hit) = (0_usize, 0_usize);
        for case in covered.iter().filter(|case| is_tonal(case)) {
            flagged += 1;
            hit += usize::from(case.is_regression);
        }
        // With nothing flagged for its accuracy, then with one more value of accuracy after the other.
        let highest = covered.first().map_or(1.0, |case| case.accuracy);
        if highest < 1.0 {
            self.consider(flagged, hit, f64::midpoint(highest, 1.0), tone);
        }
        for (index, case) in covered.iter().enumerate() {
            if !is_tonal(case) {
                flagged += 1;
                hit += usize::from(case.is_regression);
            }
            let below = covered.get(index + 1).map_or(0.0, |next| next.accuracy);
            if below < case.accuracy {
                // Halfway to the next, so that neither is at the edge.
                self.consider(flagged, hit, f64::midpoint(below, case.accuracy), tone);
            } else if index + 1 == covered.len() {
                self.consider(flagged, hit, case.accuracy, tone);
            }
        }
    }

    fn consider(&mut self, flagged: usize, hit: usize, accuracy: f64, tone: f64) {
        let recall = hit as f64 / self.regressions as f64;
        let precision = if flagged == 0 { 0.0 } else { hit as f64 / flagged as f64 };
        let goal = match self.target {
            RefitTarget::Precision { recall: least } if recall < least => return,
            RefitTarget::Precision { .. } => precision,
            RefitTarget::F1 => f1(precision, recall),
        };
        let distance =
            (accuracy - self.policy.accuracy_threshold).abs() + (tone - self.policy.tone_threshold).abs();
        let worth = [goal, recall, -distance];
        let is_better = self.found.is_none_or(|(known, ..)| {
            worth.iter().zip(&known).map(|(one, other)| one.total_cmp(other)).find(|order| order.is_ne())
                == Some(std::cmp::Ordering::Greater)
        });
        if is_better {
            self.found = Some((worth, accuracy, tone));
        }
    }

    fn policy(&self) -> GuardPolicy {
        self.found.map_or(self.policy, |(_, accuracy_threshold, tone_threshold)| GuardPolicy {
            accuracy_threshold,
            undecided_from: self.policy.undecided_from.min(accuracy_threshold),
            tone_threshold,
        })
    }
}

fn f1(precision: f64, recall: f64) -> f64 {
    if precision + recall == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) }
}

/// What thresholds do on cases. What they leave to a person is not flagged.
fn figures(covered: &[&ReviewedCase], policy: &GuardPolicy) -> RefitFigures {
    let (mut flagged, mut undecided, mut hit, mut regressions) = (0, 0, 0, 0);
    for case in covered {
        let verdict = policy.verdict(case.accuracy, case.tone, case.coverage);
        flagged += u64::from(verdict.is_flagged());
        undecided += u64::from(verdict == Verdict::Undecided);
        hit += u64::from(verdict.is_flagged() && case.is_regression);
        regressions += u64::from(case.is_regression);
    }
    let (precision, recall) = (Proportion::of(hit, flagged), Proportion::of(hit, regressions));
    let rate = |share: Option<Proportion>| share.map_or(0.0, |share| share.rate);
    RefitFigures { flagged, undecided, precision, recall, f1: f1(rate(precision), rate(recall)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn case(accuracy: f64, tone: f64, is_regression: bool) -> ReviewedCase {
        let (coverage, verdict, signals) = (Coverage::Covered, Verdict::None, Vec::new());
        ReviewedCase { accuracy, tone, coverage, verdict, signals, is_regression }
    }

    /// A policy without an undecided band, so that what is not flagged is passed.
    fn without_band() -> GuardPolicy {
        GuardPolicy { accuracy_threshold: 0.9, undecided_from: 0.9, tone_threshold: 0.9 }
    }

    #[test]
    fn too_few_cases_are_refused() {
        let many: Vec<_> =
            (0..60).map(|number| case(f64::from(number) / 60.0, 0.0, number % 2 == 0)).collect();
        assert!(Refit::of(&many, &GuardPolicy::default(), RefitTarget::F1).is_ok());
        let one_kind: Vec<_> =
            many.iter().map(|it| ReviewedCase { is_regression: true, ..it.clone() }).collect();
        let foreign: Vec<_> =
            many.iter().map(|it| ReviewedCase { coverage: Coverage::NotCovered, ..it.clone() }).collect();
        for few in [&many[..49], &one_kind, &foreign, &[]] {
            let error = Refit::of(few, &GuardPolicy::default(), RefitTarget::F1).unwrap_err();
            assert_eq!(error.field(), Some("cases"));
        }
        let target = RefitTarget::Precision { recall: 1.5 };
        assert_eq!(Refit::of(&many, &GuardPolicy::default(), target).unwrap_err().field(), Some("recall"));
    }

    #[test]
    fn what_can_be_told_apart_is_told_apart() {
        let cases: Vec<_> =
            (0..100).map(|number| case(f64::from(number) / 100.0, 0.0, number >= 70)).collect();
        for target in [RefitTarget::F1, RefitTarget::Precision { recall: 1.0 }] {
            let refit = Refit::of(&cases, &without_band(), target).unwrap();
            assert!((refit.policy.accuracy_threshold - 0.695).abs() < 1e-9, "{refit:?}");
            assert_eq!((refit.cases, refit.regressions, refit.after.f1), (100, 30, 1.0));
            assert_eq!((refit.before.flagged, refit.after.flagged), (10, 30));
        }
        // A tone that tells regressions that accuracy does not.
        let cases: Vec<_> =
            (0..100).map(|number| case(0.2, if number >= 70 { 0.6 } else { 0.1 }, number >= 70)).collect();
        let refit = Refit::of(&cases, &without_band(), RefitTarget::F1).unwrap();
        assert_eq!((refit.after.f1, refit.policy.tone_threshold), (1.0, 0.6));
    }

    proptest! {
        #[test]
        fn the_target_is_reached_and_nothing_gets_worse(
            cases in proptest::collection::vec((0..40_u8, 0..10_u8, any::<bool>()), 50..200),
            recall in 0.0..=1.0_f64,
            band in prop_oneof![Just(0.9), Just(0.3), Just(0.0)],
        ) {
            let cases: Vec<_> = cases.into_iter()
                .map(|(accuracy, tone, is)| case(f64::from(accuracy) / 40.0, f64::from(tone) / 10.0, is)).collect();
            let regressions = cases.iter().filter(|it| it.is_regression).count();
            prop_assume!(regressions >= Refit::MIN_OF_EACH && cases.len() - regressions >= Refit::MIN_OF_EACH);
            let policy = GuardPolicy { undecided_from: band, ..without_band() };
            let best = Refit::of(&cases, &policy, RefitTarget::F1).unwrap();
            best.policy.validate().unwrap();
            prop_assert!(best.after.f1 >= best.before.f1);
            let precise = Refit::of(&cases, &policy, RefitTarget::Precision { recall }).unwrap();
            prop_assert!(precise.after.recall.unwrap().rate >= recall);
            // No threshold of accuracy alone does better at that recall.
            for at in 0..=40_u8 {
                let threshold = f64::from(at) / 40.0;
                let (accuracy_threshold, undecided_from) = (threshold, threshold.min(band));
                let other = GuardPolicy { accuracy_threshold, undecided_from, ..policy };
                let figures = figures(&cases.iter().collect::<Vec<_>>(), &other);
                if figures.recall.unwrap().rate >= recall {
                    let rate = |share: Option<Proportion>| share.map_or(0.0, |share| share.rate);
                    prop_assert!(rate(precise.after.precision) >= rate(figures.precision) - 1e-9);
                }
                prop_assert!(best.after.f1 >= figures.f1 - 1e-9);
            }
        }
    }
}
