//! What a program reads: placeholders, names in code, addresses.

use crate::regression::finding::{Findings, Severity, Signal};
use crate::regression::reading::Side;
use crate::text::{Marks, Text, TokenKind};

pub(crate) fn find(findings: &mut Findings<'_>) {
    let kinds = [
        (
            Signal::Placeholder,
            Severity::Major,
            "A placeholder",
            [TokenKind::Placeholder, TokenKind::Placeholder],
        ),
        (
            Signal::Identifier,
            Severity::Major,
            "A name in code",
            [TokenKind::Identifier, TokenKind::Identifier],
        ),
        (Signal::Address, Severity::Minor, "An address", [TokenKind::Address, TokenKind::Address]),
        (Signal::Address, Severity::Note, "The target of a link", [TokenKind::Target, TokenKind::Target]),
    ];
    for (signal, severity, what, kinds) in kinds {
        let is_wanted = |text: &Text, _: &Side, index: usize| {
            text.tokens().get(index).is_some_and(|token| {
                let is_code = token.kind == TokenKind::Word && token.marks.has(Marks::CODE);
                kinds.contains(&token.kind) || (signal == Signal::Identifier && is_code)
            })
        };
        for change in findings.reading.changes(is_wanted) {
            let place = change.token();
            let (direction, message) = findings.told(what, place);
            findings.add(signal, severity, direction, place, message);
        }
    }
}
