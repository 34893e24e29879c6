//! Sentences that came and went.

use crate::regression::features::OPERATIVE;
use crate::regression::finding::{Findings, Severity, Signal};
use crate::regression::reading::Side;
use crate::text::{Marks, Text};

/// The fewest words of a sentence.
const FEWEST: usize = 3;

pub(crate) fn find(findings: &mut Findings<'_>) {
    let reading = findings.reading;
    for (first, last) in whole(findings.old_text(), &reading.old) {
        let place = (Some((first, last)), None);
        let (direction, message) = findings.told("A sentence", place);
        findings.add(Signal::Sentence, severity(&reading.old, first, last), direction, place, message);
    }
    for (first, last) in whole(findings.new_text(), &reading.new) {
        let place = (None, Some((first, last)));
        let (direction, message) = findings.told("A sentence", place);
        findings.add(Signal::Sentence, severity(&reading.new, first, last), direction, place, message);
    }
}

/// A sentence that demands, allows or forbids matters more than one that explains.
fn severity(side: &Side, first: usize, last: usize) -> Severity {
    let says =
        side.classes.get(first..=last).unwrap_or_default().iter().any(|classes| classes.has_any(OPERATIVE));
    if says { Severity::Major } else { Severity::Minor }
}

/// The sentences of which at least seven words of ten are without counterpart: their first and last token.
pub(crate) fn whole(text: &Text, side: &Side) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let (mut start, mut lost) = (0_usize, 0_usize);
    let mut rest = side.rest.iter().peekable();
    for (index, token) in text.tokens().iter().enumerate() {
        if rest.next_if(|next| **next == index).is_some() {
            lost += 1;
        }
        let ends =
            token.marks.ends_sentence() || token.marks.has(Marks::LINE) || index + 1 == text.tokens().len();
        if ends {
            let all = index + 1 - start;
            if all >= FEWEST && lost * 10 >= all * 7 {
                found.push((start, index));
            }
            (start, lost) = (index + 1, 0);
        }
    }
    found
}
