//! How a rule is said: what makes it firmer or softer.

use super::features::Measure;
use super::lexicon::{Class, Classes};
use super::reading::{Reading, Side};
use super::signal::sentence;
use crate::text::{Case, Marks, Text, TokenKind};

/// The most that a count of one kind says.
const MOST: f64 = 3.0;

/// What may stand before the verb of a command.
const BEFORE_VERB: [&str; 20] = [
    "please",
    "then",
    "and",
    "also",
    "always",
    "never",
    "kindly",
    "so",
    "but",
    "just",
    "simply",
    "first",
    "next",
    "finally",
    "instead",
    "otherwise",
    "only",
    "not",
    "do",
    "now",
];

/// How many sentences command: begin with a verb, or with "do not" and the like.
pub(crate) fn imperatives(text: &Text, side: &Side) -> usize {
    sentences(text).filter(|(start, end)| is_imperative(text, &side.classes, *start, *end)).count()
}

/// The sentences and items of a text, as ranges of its tokens.
fn sentences(text: &Text) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    let count = text.tokens().len();
    (0..count).filter_map(move |index| {
        let token = text.tokens().get(index)?;
        let next_is_item = text.tokens().get(index + 1).is_some_and(|next| next.marks.has(Marks::ITEM));
        let ends = token.marks.ends_sentence()
            || token.marks.has_any(Marks::SEMICOLON.with(Marks::COLON))
            || next_is_item
            || index + 1 == count;
        ends.then(|| (std::mem::replace(&mut start, index + 1), index + 1))
    })
}

fn is_imperative(text: &Text, classes: &[Classes], start: usize, end: usize) -> bool {
    let is_before = |word: &str| BEFORE_VERB.contains(&word) || word.ends_with("ly");
    let verb = (start..end).find(|at| !is_before(text.word(*at)));
    verb.is_some_and(|at| {
        classes.get(at).is_some_and(|classes| classes.has(Class::Verb))
            && text.tokens().get(at).is_some_and(|token| token.kind == TokenKind::Word)
    })
}

/// Classes whose words count by themselves.
const COUNTED: [Class; 23] = [
    Class::Must,
    Class::Should,
    Class::May,
    Class::Ability,
    Class::Future,
    Class::Negation,
    Class::Prohibition,
    Class::All,
    Class::Only,
    Class::Condition,
    Class::Hedge,
    Class::Intensifier,
    Class::Threat,
    Class::Polite,
    Class::Softener,
    Class::Formal,
    Class::Informal,
    Class::Positive,
    Class::Negative,
    Class::You,
    Class::We,
    Class::Singular,
    Class::Time,
];

/// What of each kind a version has. Sentences that only one of the versions has are content, and say nothing of how the
/// other one was said anew; they are left out unless that leaves nothing.
fn profile(text: &Text, side: &Side) -> Vec<Measure> {
    let mut is_left_out = vec![false; text.tokens().len()];
    for (first, last) in sentence::whole(text, side) {
        is_left_out.get_mut(first..=last).unwrap_or_default().fill(true);
    }
    if is_left_out.iter().all(|is| *is) {
        is_left_out.fill(false);
    }
    let mut counts = [0_u32; 64];
    let (mut exclamations, mut questions, mut contracted, mut emphasised, mut shouted) =
        (0.0, 0.0, 0.0, 0.0_f64, 0.0_f64);
    let mut words = 0.0_f64;
    let all = text.tokens().iter().zip(&side.classes).zip(&is_left_out);
    for ((token, classes), _) in all.filter(|(_, is_left_out)| !**is_left_out) {
        words += 1.0;
        for class in classes.iter() {
            counts[class as usize] += 1;
        }
        let has = |marks| f64::from(u8::from(token.marks.has(marks)));
        exclamations += has(Marks::EXCLAMATION);
        questions += has(Marks::QUESTION);
        contracted += has(Marks::CONTRACTED) / 2.0;
        emphasised += has(Marks::MARKED);
        shouted += f64::from(u8::from(token.case == Case::Upper));
    }
    let mut profile: Vec<Measure> =
        COUNTED.into_iter().map(|class| (class.name(), f64::from(counts[class as usize]))).collect();
    let (mut imperatives, mut bans, mut commands, mut requests) = (0.0, 0.0, 0.0, 0.0);
    let (mut number, mut short) = (0.0_f64, 0.0);
    for (start, end) in
        sentences(text).filter(|(start, _)| !is_left_out.get(*start).copied().unwrap_or(false))
    {
        number += 1.0;
        short += f64::from(u8::from(end - start <= 5));
        if is_imperative(text, &side.classes, start, end) {
            imperatives += 1.0;
            let is_ban = (start..end.min(start + 3)).any(|index| matches!(text.word(index), "not" | "never"));
            bans += f64::from(u8::from(is_ban));
        }
        for index in start..end {
            let next = side.classes.get(index + 1).copied().unwrap_or_default();
            let is_you = text.word(index) == "you";
            commands += f64::from(u8::from(is_you && (next.has(Class::Must) || next.has(Class::Future))));
            let asks = matches!(text.word(index), "could" | "can" | "would" | "will" | "if" | "may");
            requests += f64::from(u8::from(asks && text.word(index + 1) == "you"));
        }
    }
    profile.extend([
        ("exclamation", exclamations),
        ("question", questions),
        ("contracted", contracted),
        ("emphasis", emphasised.min(6.0)),
        ("capitals", shouted.min(8.0)),
        ("imperatives", imperatives),
        ("bans", bans),
        ("you_must", commands),
        ("requests", requests),
        ("short_sentences", short),
        ("sentences", number),
        ("words_per_sentence", libm::log1p(words / number.max(1.0))),
        ("length", libm::log1p(words)),
    ]);
    profile
}

/// The difference of the profiles of a reading: positive where the newer version has more. Always the same measures in the
/// same order. Exchanged versions give the opposite, where the diff aligns them in the same way.
pub(crate) fn difference(reading: &Reading) -> Vec<Measure> {
    let old = profile(&reading.comparison.old, &reading.old);
    let new = profile(&reading.comparison.new, &reading.new);
    let pairs = old.into_iter().zip(new);
    pairs.map(|((name, old), (_, new))| (name, (new - old).clamp(-MOST, MOST))).collect()
}
