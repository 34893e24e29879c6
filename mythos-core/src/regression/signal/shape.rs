//! Invisible characters, length and readability.

use crate::regression::finding::{Direction, Findings, Severity, Signal};
use crate::regression::readability::grade;

/// A text that becomes so many times as long, or as short, is told of.
const LONGER: f64 = 1.5;

/// So many more or fewer years of school are told of.
const HARDER: f64 = 3.0;

pub(crate) fn find(findings: &mut Findings<'_>) {
    let (old, new) = (findings.old_text(), findings.new_text());
    if new.hidden().len() > old.hidden().len()
        && let Some(span) = new.hidden().last()
    {
        let count = new.hidden().len() - old.hidden().len();
        let message = format!(
            "{count} more invisible characters or runs of them, which change how the text is shown or read."
        );
        findings.add_at(Signal::Hidden, Severity::Major, Direction::Gained, (None, Some(*span)), message);
    }
    let (before, after) = (old.tokens().len(), new.tokens().len());
    if before > 0 && after > 0 {
        let ratio = after as f64 / before as f64;
        if ratio >= LONGER || ratio <= 1.0 / LONGER {
            let message = format!("Its length went from {before} words to {after}.");
            let direction = if after > before { Direction::Gained } else { Direction::Lost };
            findings.add_at(Signal::Length, Severity::Note, direction, (None, None), message);
        }
        if let (Some(easy), Some(hard)) = (grade(old), grade(new))
            && (hard - easy).abs() >= HARDER
        {
            let way = if hard > easy { "harder" } else { "easier" };
            let message =
                format!("It is {way} to read: from grade {easy:.0} to grade {hard:.0} (Flesch-Kincaid).");
            findings.add_at(Signal::Readability, Severity::Note, Direction::Changed, (None, None), message);
        }
    }
}
