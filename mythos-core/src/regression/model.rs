//! The two models: from measures to probabilities. Their weights stand in `weights.json`, written by
//! `benches/guard/train.py`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::features::Measure;

/// The weights, as their file has them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    format: u32,
    accuracy: Accuracy,
    tone: Tone,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accuracy {
    scale: f64,
    offset: f64,
    bias: f64,
    weights: BTreeMap<String, f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tone {
    edge: f64,
    weights: BTreeMap<String, f64>,
}

/// The version of the file that this code reads.
const FORMAT: u32 = 1;

/// The file, read once. It is compiled in, and a test reads it: an empty model is what is left if both were wrong.
static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| {
    let read: Option<Weights> = serde_json::from_str(include_str!("weights.json")).ok();
    read.filter(|weights| weights.format == FORMAT).unwrap_or_else(|| Weights {
        format: FORMAT,
        accuracy: Accuracy { scale: 1.0, offset: 0.0, bias: 0.0, weights: BTreeMap::new() },
        tone: Tone { edge: 0.0, weights: BTreeMap::new() },
    })
});

/// The logistic function.
fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-logit))
}

fn dot(weights: &BTreeMap<String, f64>, measures: &[Measure]) -> f64 {
    measures
        .iter()
        .map(
            |(name, value)| {
                if *value == 0.0 { 0.0 } else { value * weights.get(*name).copied().unwrap_or(0.0) }
            },
        )
        .sum()
}

/// The probability that a reviewer would say that the rule itself changed, calibrated by Platt's scaling (J. Platt,
/// "Probabilistic Outputs for Support Vector Machines", 1999).
pub(crate) fn accuracy(measures: &[Measure]) -> f64 {
    let Accuracy { scale, offset, bias, weights } = &WEIGHTS.accuracy;
    // Where nothing was done, nothing was lost: the bias is that of an edit.
    if measures.iter().all(|(_, value)| *value == 0.0) {
        return 0.0;
    }
    logistic(scale * (dot(weights, measures) + bias) + offset)
}

/// The probabilities that it is said more firmly, and more softly: an ordered logit (P. McCullagh, "Regression Models for
/// Ordinal Data", 1980) whose two edges are each other's mirror.
pub(crate) fn tone(difference: &[Measure]) -> (f64, f64) {
    let Tone { edge, weights } = &WEIGHTS.tone;
    if difference.iter().all(|(_, value)| *value == 0.0) {
        return (0.0, 0.0);
    }
    let score = dot(weights, difference);
    (logistic(score - edge), logistic(-score - edge))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regression::features::measures;
    use crate::regression::reading::Reading;
    use crate::regression::tone::difference;

    #[test]
    fn every_measure_has_a_weight_and_every_weight_a_measure() {
        let weights: Weights = serde_json::from_str(include_str!("weights.json")).unwrap();
        assert_eq!(weights.format, FORMAT);
        let reading = Reading::new("You must pay.", "You may pay.");
        let names = |measures: Vec<Measure>| {
            let mut names: Vec<_> = measures.into_iter().map(|(name, _)| name.to_owned()).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(measures(&reading)), weights.accuracy.weights.into_keys().collect::<Vec<_>>());
        assert_eq!(names(difference(&reading)), weights.tone.weights.into_keys().collect::<Vec<_>>());
    }
}
