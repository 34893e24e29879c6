//! Lists: what was added to them and taken away.

use std::ops::Range;

use crate::regression::finding::{Direction, Findings, Severity, Signal};
use crate::regression::reading::{Reading, Side};
use crate::text::{Marks, Text};

/// The longest item, in words.
const MAX_ITEM: usize = 12;

/// An item that only one version has: its tokens, and whether it is the newer one.
pub(crate) struct Item {
    pub(crate) tokens: Range<usize>,
    pub(crate) is_new: bool,
}

pub(crate) fn find(findings: &mut Findings<'_>) {
    for item in changes(findings.reading) {
        let tokens = (item.tokens.start, item.tokens.end - 1);
        let (place, direction, message) = if item.is_new {
            let message = format!("An item was added to a list: “{}”.", findings.new_excerpt(tokens));
            ((None, Some(tokens)), Direction::Gained, message)
        } else {
            let message = format!("An item of a list was lost: “{}”.", findings.old_excerpt(tokens));
            ((Some(tokens), None), Direction::Lost, message)
        };
        findings.add(Signal::Enumeration, Severity::Major, direction, place, message);
    }
}

/// The items that were lost or gained: stretches between the commas, the "and" and the "or" of a list, with
/// nothing in their place.
pub(crate) fn changes(reading: &Reading) -> Vec<Item> {
    let mut found = Vec::new();
    for hunk in &reading.comparison.hunks {
        let (text, side, tokens, is_new) = match (hunk.old.is_empty(), hunk.new.is_empty()) {
            (false, true) => (&reading.comparison.old, &reading.old, &hunk.old, false),
            (true, false) => (&reading.comparison.new, &reading.new, &hunk.new, true),
            // What stands in the place of something else is a matter of wording.
            _ => continue,
        };
        if is_item(text, side, tokens) {
            found.push(Item { tokens: tokens.clone(), is_new });
        }
    }
    found
}

fn is_item(text: &Text, side: &Side, tokens: &Range<usize>) -> bool {
    if tokens.is_empty()
        || tokens.len() > MAX_ITEM
        || !tokens.clone().any(|index| side.rest.binary_search(&index).is_ok())
    {
        return false;
    }
    let has =
        |index: usize, marks: Marks| text.tokens().get(index).is_some_and(|token| token.marks.has_any(marks));
    let parts = Marks::COMMA.with(Marks::SEMICOLON);
    let is_joint = |index: usize| matches!(text.word(index), "and" | "or");
    let before = tokens.start.checked_sub(1);
    let begins = before.is_none_or(|before| has(before, parts) || is_joint(before)) || is_joint(tokens.start);
    let ends = has(tokens.end - 1, parts.with(Marks::STOP)) || is_joint(tokens.end);
    begins && ends
}
