//! Who owes what to whom: the parties, and whether they changed places.

use crate::regression::finding::{Direction, Findings, Severity, Signal};
use crate::regression::lexicon::{Class, Classes};
use crate::regression::reading::{Reading, Side};

const PARTIES: [Class; 6] =
    [Class::You, Class::We, Class::Customer, Class::Company, Class::Third, Class::Singular];

pub(crate) fn find(findings: &mut Findings<'_>) {
    let wanted = PARTIES.iter().fold(Classes::default(), |all, class| all.with(Classes::of(*class)));
    let is_party = |_: &crate::text::Text, side: &Side, index: usize| {
        side.classes.get(index).is_some_and(|classes| classes.has_any(wanted))
    };
    for change in findings.reading.changes(is_party) {
        let place = change.token();
        let (direction, message) = findings.told("Who is meant", place);
        let is_replaced = change.old.is_some() && change.new.is_some();
        let severity = if is_replaced { Severity::Major } else { Severity::Minor };
        findings.add(Signal::Party, severity, direction, place, message);
    }
    if order_changed(findings.reading) {
        let place = |side: &Side| {
            let parties = parties(side);
            Some((parties.first()?.0, parties.last()?.0))
        };
        let place = (place(&findings.reading.old), place(&findings.reading.new));
        let message =
            "The same parties are named in another order: who does it to whom may have changed.".to_owned();
        findings.add(Signal::Party, Severity::Major, Direction::Changed, place, message);
    }
}

/// The parties of a version, in the order in which they are named.
fn parties(side: &Side) -> Vec<(usize, Class)> {
    let named = side.classes.iter().enumerate();
    let party = |classes: &Classes| PARTIES.into_iter().find(|class| classes.has(*class));
    named.filter_map(|(index, classes)| Some((index, party(classes)?))).collect()
}

/// Whether the same parties are named in another order.
pub(crate) fn order_changed(reading: &Reading) -> bool {
    if reading.comparison.hunks.is_empty() {
        return false;
    }
    let order = |side: &Side| parties(side).into_iter().map(|(_, party)| party as u8).collect::<Vec<_>>();
    let (mut old, mut new) = (order(&reading.old), order(&reading.new));
    if old == new || old.len() != new.len() {
        return false;
    }
    old.sort_unstable();
    new.sort_unstable();
    old == new
}
