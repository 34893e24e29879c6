//! Numbers that are written in words, and those that are written twice: "thirty (30)".

use super::token::{Marks, Text, Token, TokenKind};

/// A word of a number: what it adds, or what it multiplies.
enum Part {
    Unit(u64),
    Scale(u64),
}

/// What is counted, so that "one" before it is a number.
const UNITS: [&str; 16] = [
    "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks", "month",
    "months", "year", "years", "time", "percent",
];

fn part(word: &str) -> Option<Part> {
    let unit = match word {
        "zero" => 0,
        "one" | "first" => 1,
        "two" => 2,
        "three" | "third" => 3,
        "four" | "fourth" => 4,
        "five" | "fifth" => 5,
        "six" | "sixth" => 6,
        "seven" | "seventh" => 7,
        "eight" | "eighth" => 8,
        "nine" | "ninth" => 9,
        "ten" | "tenth" => 10,
        "eleven" => 11,
        "twelve" => 12,
        "thirteen" => 13,
        "fourteen" => 14,
        "fifteen" => 15,
        "sixteen" => 16,
        "seventeen" => 17,
        "eighteen" => 18,
        "nineteen" => 19,
        "twenty" => 20,
        "thirty" => 30,
        "forty" => 40,
        "fifty" => 50,
        "sixty" => 60,
        "seventy" => 70,
        "eighty" => 80,
        "ninety" => 90,
        "hundred" => return Some(Part::Scale(100)),
        "thousand" => return Some(Part::Scale(1_000)),
        "million" => return Some(Part::Scale(1_000_000)),
        "billion" => return Some(Part::Scale(1_000_000_000)),
        _ => return None,
    };
    Some(Part::Unit(unit))
}

/// Makes one token of the words of each number, and drops a repetition in brackets.
pub(super) fn join(text: &mut Text) {
    let has_words =
        text.tokens().iter().any(|token| token.kind == TokenKind::Word && part(text.normal(token)).is_some());
    let has_brackets =
        text.tokens().iter().any(|token| token.kind == TokenKind::Number && token.marks.has(Marks::OPEN));
    if !has_words && !has_brackets {
        return;
    }
    let count = text.tokens().len();
    let mut dropped = vec![false; count];
    let mut at = 0;
    while at < count {
        let end = words(text, at);
        if end > at
            && let Some(value) = value(text, at, end)
        {
            let close = text.tokens().get(end - 1).map_or(0, |token| token.span.end);
            let marks = text
                .tokens()
                .get(at..end)
                .unwrap_or_default()
                .iter()
                .fold(Marks::default(), |all, token| all.with(token.marks));
            text.renormal(at, TokenKind::Number, close, &value.to_string());
            if let Some(token) = text.tokens_mut().get_mut(at) {
                token.marks = marks;
            }
            dropped.get_mut(at + 1..end).unwrap_or_default().fill(true);
            at = end;
            continue;
        }
        at += 1;
    }
    drop_tokens(text, &dropped);
    drop_repeated(text);
}

/// Where the words of the number that begins at `start` end.
fn words(text: &Text, start: usize) -> usize {
    let mut end = start;
    while let Some(token) = text.tokens().get(end) {
        let is_parted = end > start
            && (token.marks.has(Marks::OPEN)
                || text.tokens().get(end - 1).is_some_and(|last| {
                    last.marks.has_any(
                        Marks::COMMA
                            .with(Marks::SEMICOLON)
                            .with(Marks::STOP)
                            .with(Marks::CLOSE)
                            .with(Marks::LINE),
                    )
                }));
        if token.kind != TokenKind::Word || is_parted || part(text.normal(token)).is_none() {
            break;
        }
        end += 1;
    }
    // "second" and "hundred" alone, or "one third party", are no numbers to be joined.
    end
}

/// The value of the words from `start` to `end`; `None` if they are no number, or too large a one.
fn value(text: &Text, start: usize, end: usize) -> Option<u64> {
    let (mut total, mut group) = (0_u64, 0_u64);
    // "third party", "one of them" are no numbers.
    if (start, end - start) == (end - 1, 1) && matches!(text.word(start), "one" | "first" | "third") {
        let is_amount = text.tokens().get(end).is_some_and(|next| {
            next.kind == TokenKind::Number
                || (next.kind == TokenKind::Word && UNITS.contains(&text.normal(next)))
        });
        if !is_amount {
            return None;
        }
    }
    let next = text.word(end);
    let last = text.word(end - 1);
    if last == "third" && (next.starts_with("part") || next.starts_with("person"))
        || last == "first" && next == "party"
    {
        return None;
    }
    for index in start..end {
        match part(text.word(index))? {
            Part::Unit(unit) => group = group.checked_add(unit)?,
            Part::Scale(100) => group = group.max(1).checked_mul(100)?,
            Part::Scale(scale) => {
                total = total.checked_add(group.max(1).checked_mul(scale)?)?;
                group = 0;
            }
        }
    }
    total.checked_add(group)
}

/// Drops the second of "30 (30)".
fn drop_repeated(text: &mut Text) {
    let is_repeated = |text: &Text, before: &Token, token: &Token| {
        before.kind == TokenKind::Number
            && token.kind == TokenKind::Number
            && token.marks.has(Marks::OPEN.with(Marks::CLOSE))
            && text.normal(before) == text.normal(token)
    };
    let pairs = text.tokens().iter().zip(text.tokens().iter().skip(1));
    let repeated: Vec<bool> =
        std::iter::once(false).chain(pairs.map(|(before, token)| is_repeated(text, before, token))).collect();
    drop_tokens(text, &repeated);
}

/// Drops the tokens that are marked.
fn drop_tokens(text: &mut Text, dropped: &[bool]) {
    let mut dropped = dropped.iter();
    text.tokens_mut().retain(|_| !dropped.next().copied().unwrap_or(false));
}
