//! Other words with a meaning of their own, and words that stand elsewhere now.

use crate::regression::finding::{Direction, Findings, Severity, Signal};
use crate::regression::lexicon::{Class, Classes};
use crate::regression::reading::is_content;

/// Classes that have a signal of their own.
const COVERED: Classes = Classes::of(Class::Must)
    .with(Classes::of(Class::Should))
    .with(Classes::of(Class::May))
    .with(Classes::of(Class::Ability))
    .with(Classes::of(Class::Future))
    .with(Classes::of(Class::Negation))
    .with(Classes::of(Class::Prohibition))
    .with(Classes::of(Class::All))
    .with(Classes::of(Class::Some))
    .with(Classes::of(Class::Only))
    .with(Classes::of(Class::Bound))
    .with(Classes::of(Class::Except))
    .with(Classes::of(Class::Condition))
    .with(Classes::of(Class::Time))
    .with(Classes::of(Class::Default))
    .with(Classes::of(Class::Permission))
    .with(Classes::of(Class::Liability))
    .with(Classes::of(Class::You))
    .with(Classes::of(Class::We))
    .with(Classes::of(Class::Customer))
    .with(Classes::of(Class::Company))
    .with(Classes::of(Class::Third))
    .with(Classes::of(Class::Singular));

/// The longest stretch that one finding tells of, in words; whole sentences have a signal of their own.
const MAX_STRETCH: usize = 24;

pub(crate) fn find(findings: &mut Findings<'_>) {
    let reading = findings.reading;
    for hunk in reading.places() {
        let stretch = |side: &crate::regression::reading::Side, text: &crate::text::Text, rest: &[usize]| {
            let mut words = rest.iter().copied().filter(|index| {
                let classes = side.classes.get(*index).copied().unwrap_or_default();
                is_content(side, text, *index) && !classes.has_any(COVERED)
            });
            let first = words.next()?;
            let last = words.next_back().unwrap_or(first);
            Some((first, last.min(first + MAX_STRETCH)))
        };
        let place = (
            stretch(&reading.old, findings.old_text(), hunk.old),
            stretch(&reading.new, findings.new_text(), hunk.new),
        );
        if place == (None, None) {
            continue;
        }
        let (direction, message) = findings.told("The wording", place);
        findings.add(Signal::Wording, Severity::Minor, direction, place, message);
    }
    let is_order_all =
        reading.old.rest.is_empty() && reading.new.rest.is_empty() && !reading.moved.is_empty();
    if is_order_all {
        let ends = |places: &mut dyn Iterator<Item = usize>| {
            let places: Vec<_> = places.collect();
            Some((*places.iter().min()?, *places.iter().max()?))
        };
        let place = (
            ends(&mut reading.moved.iter().map(|pair| pair.0)),
            ends(&mut reading.moved.iter().map(|pair| pair.1)),
        );
        let message = "The same words stand in another order.".to_owned();
        findings.add(Signal::Order, Severity::Note, Direction::Changed, place, message);
    }
}
