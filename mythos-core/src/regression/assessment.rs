//! The comparison of two versions: what was found, how probable a regression is, and the verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::embedding::Similarity;
use super::features::{OPERATIVE, measures};
use super::finding::{Direction, Finding, Findings, Severity, Signal};
use super::lexicon::Class;
use super::readability::grade;
use super::reading::Reading;
use super::{GuardPolicy, model, signal, tone};
use crate::error::{Error, Result};
use crate::text::{MAX_TEXT_BYTES, Text, TokenKind};

/// What the guard says of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Neither what is said nor how it is said changed in a way that matters.
    None,
    /// It is said more firmly or more softly.
    Tone,
    /// What the rule says may have changed.
    Accuracy,
    /// Both.
    Both,
    /// A person has to decide: the probability lies in the policy's band, or the language is not covered.
    Undecided,
}

impl Verdict {
    /// Its name, as it is serialized.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Tone => "tone",
            Self::Accuracy => "accuracy",
            Self::Both => "both",
            Self::Undecided => "undecided",
        }
    }

    /// Whether the edit is flagged as a regression.
    #[must_use]
    pub const fn is_flagged(self) -> bool {
        matches!(self, Self::Tone | Self::Accuracy | Self::Both)
    }

    /// Whether a person should look at it before it is taken.
    #[must_use]
    pub const fn needs_review(self) -> bool {
        !matches!(self, Self::None)
    }
}

/// Whether the guard can read a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// It is English, or too short to tell.
    Covered,
    /// It is another language: the signals say little, and the verdict is left to a person.
    NotCovered,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// What the guard says.
    pub verdict: Verdict,
    /// The probability that a reviewer would say that the rule itself changed, from 0 to 1.
    pub accuracy: f64,
    /// The probability that it is said more firmly.
    pub firmer: f64,
    /// The probability that it is said more softly.
    pub softer: f64,
    /// Which way the rule went, of the gravest findings: stricter, looser, gained, lost; changed if they disagree.
    pub direction: Option<Direction>,
    /// Whether the language is covered.
    pub coverage: Coverage,
    /// What was found, the gravest first; at most [`MAX_FINDINGS`](Self::MAX_FINDINGS).
    pub findings: Vec<Finding>,
    /// How many findings there were beyond that.
    #[serde(default)]
    pub findings_omitted: u32,
    /// The numbers of words, before and after.
    pub words: (u32, u32),
    /// The Flesch-Kincaid grades, before and after; none of texts under ten words.
    pub grades: (Option<f64>, Option<f64>),
    /// How alike an embedding finds the versions, if one was asked. It decides nothing.
    #[serde(default)]
    pub similarity: Option<Similarity>,
}

impl Assessment {
    /// The most findings that are kept.
    pub const MAX_FINDINGS: usize = 256;

    /// Compares two versions of a rule or a prompt.
    ///
    /// The verdict comes from two small models (`regression/weights.json`, trained by `benches/guard/train.py`) over the measures
    /// of the edit and the policy's thresholds; the findings are what a reviewer is shown. Takes time linear in the texts.
    ///
    /// ```
    /// use mythos_core::regression::{Assessment, GuardPolicy, Signal, Verdict};
    ///
    /// let policy = GuardPolicy::default();
    /// let found = Assessment::of("Refunds are made within 30 days.", "Refunds are made within 90 days.", &policy)?;
    /// assert_eq!(found.verdict, Verdict::Accuracy);
    /// assert_eq!(found.findings[0].signal, Signal::Number);
    /// assert_eq!(found.findings[0].message, "A number changed: “30 days” became “90 days”. It is larger now.");
    ///
    /// let form = Assessment::of("Refunds are made within thirty (30) days.", "1. Refunds are made within **30** days", &policy)?;
    /// assert_eq!(form.verdict, Verdict::None);
    /// # Ok::<(), mythos_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `old` or `new`, if a version is longer than
    /// [`MAX_TEXT_BYTES`]; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the policy is.
    pub fn of(old: &str, new: &str, policy: &GuardPolicy) -> Result<Self> {
        policy.validate()?;
        for (field, text) in [("old", old), ("new", new)] {
            if text.len() > MAX_TEXT_BYTES {
                let message = format!("a version is at most {MAX_TEXT_BYTES} bytes, not {}", text.len());
                return Err(Error::limit(field, message));
            }
        }
        let reading = Reading::new(old, new);
        let mut findings = Findings::new(&reading, old, new);
        signal::find_all(&mut findings);
        let accuracy = model::accuracy(&measures(&reading));
        let (firmer, softer) = model::tone(&tone::difference(&reading));
        let (findings, findings_omitted) = findings.finish();
        let (before, after) = (&reading.comparison.old, &reading.comparison.new);
        let is_same = reading.comparison.hunks.is_empty();
        let coverage = if is_same || (is_english(before, &reading.old) && is_english(after, &reading.new)) {
            Coverage::Covered
        } else {
            Coverage::NotCovered
        };
        Ok(Self {
            verdict: policy.verdict(accuracy, firmer.max(softer), coverage),
            accuracy,
            firmer,
            softer,
            direction: direction(&findings),
            coverage,
            findings,
            findings_omitted,
            words: (before.tokens().len() as u32, after.tokens().len() as u32),
            grades: (grade(before), grade(after)),
            similarity: None,
        })
    }
}

/// The measures that the models weigh, by name: those of accuracy, and those of tone. For training, and for whoever wants to
/// know why.
///
/// # Errors
/// As [`Assessment::of`].
pub fn edit_measures(old: &str, new: &str) -> Result<(BTreeMap<String, f64>, BTreeMap<String, f64>)> {
    for (field, text) in [("old", old), ("new", new)] {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Error::limit(
                field,
                format!("a version is at most {MAX_TEXT_BYTES} bytes, not {}", text.len()),
            ));
        }
    }
    let reading = Reading::new(old, new);
    let named = |measures: Vec<super::features::Measure>| {
        measures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    };
    Ok((named(measures(&reading)), named(tone::difference(&reading))))
}

/// Which way the gravest findings went, if they agree.
fn direction(findings: &[Finding]) -> Option<Direction> {
    let gravest =
        findings.iter().filter(|finding| !finding.signal.is_tone()).map(|finding| finding.severity).max()?;
    if gravest == Severity::Note {
        return None;
    }
    let mut directions = findings
        .iter()
        .filter(|finding| finding.severity == gravest && finding.signal != Signal::Length)
        .map(|finding| finding.direction);
    let first = directions.next()?;
    Some(if directions.all(|direction| direction == first) { first } else { Direction::Changed })
}

/// Fewer words than these tell no language.
const FEWEST_WORDS: usize = 8;

/// Whether a text is English, or too short to tell: one word in eight or more is one of the most common ones, and most of
/// its letters are Latin. English text has about one in two.
fn is_english(text: &Text, side: &super::reading::Side) -> bool {
    let (mut words, mut known, mut foreign) = (0_usize, 0_usize, 0_usize);
    for (token, classes) in text.tokens().iter().zip(&side.classes) {
        if token.kind != TokenKind::Word {
            continue;
        }
        words += 1;
        known +=
            usize::from(classes.has(Class::Stop) || classes.has_any(OPERATIVE) || classes.has(Class::You));
        let is_foreign = |found: char| {
            !found.is_ascii() && !('\u{C0}'..='\u{24F}').contains(&found) && found.is_alphabetic()
        };
        foreign += usize::from(text.normal(token).chars().any(is_foreign));
    }
    if foreign * 3 > words {
        return false;
    }
    words < FEWEST_WORDS || known * 8 >= words
}
