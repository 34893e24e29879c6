//! When the guard speaks up.

use serde::{Deserialize, Serialize};

use super::{Coverage, Verdict};
use crate::error::{Error, Result};

/// The thresholds of the guard.
///
/// Under the defaults, on families of documents that the models have not seen, 84 % of substantive edits and 10 % of unchanged
/// ones are flagged for accuracy, and 12 % and 10 % more are left to a person; of edits that change the tone 90 % are flagged,
/// and of those that change nothing 9 % (`benches/guard/README.md`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardPolicy {
    /// An edit is flagged if the probability that the rule changed is at least this; from 0 to 1.
    pub accuracy_threshold: f64,
    /// From here up to the threshold it is left to a person; at most the threshold. Equal to it, nothing is.
    pub undecided_from: f64,
    /// An edit is flagged if the probability that its tone changed is at least this.
    pub tone_threshold: f64,
}

impl Default for GuardPolicy {
    fn default() -> Self {
        Self { accuracy_threshold: 0.45, undecided_from: 0.3, tone_threshold: 0.15 }
    }
}

impl GuardPolicy {
    /// Checks the thresholds.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the field, if one is not from 0 to 1, or the band ends before
    /// it begins.
    pub fn validate(&self) -> Result<()> {
        let thresholds = [
            ("accuracy_threshold", self.accuracy_threshold),
            ("undecided_from", self.undecided_from),
            ("tone_threshold", self.tone_threshold),
        ];
        for (field, threshold) in thresholds {
            if !(0.0..=1.0).contains(&threshold) {
                return Err(Error::invalid(field, format!("a threshold is from 0 to 1, not {threshold}")));
            }
        }
        if self.undecided_from > self.accuracy_threshold {
            let message =
                format!("{} is beyond the threshold {}", self.undecided_from, self.accuracy_threshold);
            return Err(Error::invalid("undecided_from", message));
        }
        Ok(())
    }

    /// The verdict on an edit whose rule changed with a probability of `accuracy` and whose tone with one of `tone`.
    #[must_use]
    pub fn verdict(&self, accuracy: f64, tone: f64, coverage: Coverage) -> Verdict {
        if coverage == Coverage::NotCovered {
            return Verdict::Undecided;
        }
        let has_lost_accuracy = accuracy >= self.accuracy_threshold;
        let has_shifted = tone >= self.tone_threshold && tone > 0.0;
        match (has_lost_accuracy, has_shifted) {
            (true, true) => Verdict::Both,
            (true, false) => Verdict::Accuracy,
            (false, _) if accuracy >= self.undecided_from && accuracy > 0.0 => Verdict::Undecided,
            (false, true) => Verdict::Tone,
            (false, false) => Verdict::None,
        }
    }
}
