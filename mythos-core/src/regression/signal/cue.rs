//! Words that carry the force of a rule: negations, modals, quantifiers, conditions, defaults, rights.

use crate::regression::finding::{Direction, Findings, Severity, Signal};
use crate::regression::lexicon::{Class, Classes};
use crate::regression::reading::{Change, Side};

/// What each signal looks for: the classes, how much one of them matters, and what a message calls it.
const CUES: [(Signal, &[Class], Severity, &str); 8] = [
    (Signal::Negation, &[Class::Negation], Severity::Major, "A negation"),
    (
        Signal::Modality,
        &[Class::Must, Class::Should, Class::May, Class::Ability, Class::Future],
        Severity::Major,
        "How binding it is",
    ),
    (
        Signal::Quantifier,
        &[Class::Only, Class::All, Class::Some, Class::Bound],
        Severity::Major,
        "What it covers",
    ),
    (Signal::Quantifier, &[Class::Except], Severity::Major, "An exception"),
    (Signal::Condition, &[Class::Condition], Severity::Major, "A condition"),
    (Signal::Default, &[Class::Default], Severity::Major, "A default"),
    (
        Signal::Permission,
        &[Class::Prohibition, Class::Permission, Class::Liability],
        Severity::Minor,
        "A right or a duty",
    ),
    (Signal::Condition, &[Class::Time], Severity::Minor, "When it holds"),
];

pub(crate) fn find(findings: &mut Findings<'_>) {
    for (signal, classes, severity, what) in CUES {
        let wanted = classes.iter().fold(Classes::default(), |all, class| all.with(Classes::of(*class)));
        let is_wanted = |_: &crate::text::Text, side: &Side, index: usize| {
            side.classes.get(index).is_some_and(|classes| classes.has_any(wanted))
        };
        for change in findings.reading.changes(is_wanted) {
            let place = change.token();
            let (told, mut message) = findings.told(what, place);
            let mut severity = severity;
            let direction = match signal {
                Signal::Modality => {
                    let (before, after) = force(findings, change);
                    if before == after {
                        severity = Severity::Minor;
                    }
                    match after.cmp(&before) {
                        std::cmp::Ordering::Greater => Direction::Stricter,
                        std::cmp::Ordering::Less => Direction::Looser,
                        std::cmp::Ordering::Equal => told,
                    }
                }
                Signal::Negation if change.old.is_none() || change.new.is_none() => {
                    message.push_str(" It may say the opposite now.");
                    told
                }
                _ => told,
            };
            findings.add(signal, severity, direction, place, message);
        }
    }
}

/// How binding the modal of each version is: 3 must, 2 should and will, 1 may, 0 where there is none.
fn force(findings: &Findings<'_>, change: Change) -> (u8, u8) {
    let of = |side: &Side, index: Option<usize>| {
        let classes = index.and_then(|index| side.classes.get(index)).copied().unwrap_or_default();
        match () {
            () if classes.has(Class::Must) => 3,
            () if classes.has(Class::Should) || classes.has(Class::Future) => 2,
            () if classes.has(Class::May) || classes.has(Class::Ability) => 1,
            () => 0,
        }
    };
    let (before, after) = (of(&findings.reading.old, change.old), of(&findings.reading.new, change.new));
    // A permission that came allows more than saying nothing did, and one that went allows less.
    match (change.old, change.new) {
        (None, Some(_)) if after == 1 => (1, 0),
        (Some(_), None) if before == 1 => (0, 1),
        _ => (before, after),
    }
}
