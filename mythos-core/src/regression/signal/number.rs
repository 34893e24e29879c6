//! Amounts, units, dates and references.

use crate::regression::finding::{Direction, Findings, Severity, Signal};
use crate::regression::lexicon::Class;
use crate::regression::reading::{Change, NumberUse, number_use};
use crate::text::TokenKind;

pub(crate) fn find(findings: &mut Findings<'_>) {
    let reading = findings.reading;
    let is_number = |text: &crate::text::Text, index: usize| {
        text.tokens().get(index).is_some_and(|token| token.kind == TokenKind::Number)
    };
    for change in reading.changes(|text, _, index| is_number(text, index)) {
        let purpose = match change {
            Change { new: Some(new), .. } => number_use(findings.new_text(), new),
            Change { old: Some(old), .. } => number_use(findings.old_text(), old),
            Change { .. } => continue,
        };
        let (signal, severity, what) = match purpose {
            NumberUse::Amount => (Signal::Number, Severity::Major, "A number"),
            NumberUse::Date => (Signal::Date, Severity::Major, "A date"),
            NumberUse::Stamp => (Signal::Date, Severity::Note, "The date of the document"),
            NumberUse::Reference => (Signal::Reference, Severity::Note, "A reference"),
        };
        // With the word behind it, a number says what it counts.
        let place = change.place(
            1,
            |text, index| text.tokens().get(index).is_some_and(|token| token.kind == TokenKind::Word),
            reading,
        );
        let (mut direction, mut message) = findings.told(what, place);
        if let (Some(old), Some(new)) = (change.old, change.new)
            && let (Ok(old), Ok(new)) =
                (findings.old_text().word(old).parse::<f64>(), findings.new_text().word(new).parse::<f64>())
            && purpose == NumberUse::Amount
        {
            direction = Direction::Changed;
            let way = if new > old { " It is larger now." } else { " It is smaller now." };
            message.push_str(way);
        }
        findings.add(signal, severity, direction, place, message);
    }
    let is_unit = |text: &crate::text::Text, side: &crate::regression::reading::Side, index: usize| {
        let is_symbol = text.tokens().get(index).is_some_and(|token| token.kind == TokenKind::Symbol);
        let follows_number = index > 0 && is_number(text, index - 1);
        is_symbol
            || (follows_number && side.classes.get(index).is_some_and(|classes| classes.has(Class::Unit)))
    };
    for change in reading.changes(is_unit) {
        let place = change.token();
        let (direction, message) = findings.told("What is counted", place);
        findings.add(Signal::Unit, Severity::Major, direction, place, message);
    }
}
