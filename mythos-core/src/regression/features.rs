//! What the model of accuracy weighs: measures of what an edit did, each named, each 0 where nothing of its kind happened.

use super::lexicon::{Class, Classes};
use super::reading::{NumberUse, Reading, Side, is_content, is_name, number_use};
use super::signal::{list, party, sentence};
use super::tone;
use crate::text::{Case, Marks, Text, TokenKind};

/// Classes whose words, lost or gained, count.
const COUNTED: [Class; 28] = [
    Class::Must,
    Class::Should,
    Class::May,
    Class::Ability,
    Class::Future,
    Class::Negation,
    Class::Prohibition,
    Class::All,
    Class::Some,
    Class::Only,
    Class::Bound,
    Class::Except,
    Class::Condition,
    Class::Example,
    Class::Time,
    Class::Alternative,
    Class::Default,
    Class::Permission,
    Class::Liability,
    Class::You,
    Class::We,
    Class::Customer,
    Class::Company,
    Class::Third,
    Class::Singular,
    Class::Intensifier,
    Class::Verb,
    Class::Unit,
];

/// How far before a word the words may stand that make its list one of examples.
const EXAMPLE_REACH: usize = 25;

/// A measure by its name.
pub(crate) type Measure = (&'static str, f64);

/// So much more do the first ones say than those that follow: 0, 0.5, 0.67, 0.75 for a count of 0, 1, 2, 3.
fn saturating(count: usize) -> f64 {
    let count = count as f64;
    count / (1.0 + count)
}

const fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

/// The measures of a reading, always the same ones in the same order.
pub(crate) fn measures(reading: &Reading) -> Vec<Measure> {
    let sides = [(&reading.comparison.old, &reading.old), (&reading.comparison.new, &reading.new)];
    let [(old, before), (new, after)] = sides;
    let both = |count: &dyn Fn(&Text, &Side) -> usize| {
        saturating(sides.iter().map(|(text, side)| count(text, side)).sum())
    };
    let mut measures = Vec::with_capacity(80);
    let (lost, gained) = (class_counts(before), class_counts(after));
    for class in COUNTED {
        let at = class as usize;
        measures.push((class.name(), saturating(lost[at] + gained[at])));
    }
    let kinds = [
        ("placeholder", TokenKind::Placeholder),
        ("identifier", TokenKind::Identifier),
        ("address", TokenKind::Address),
        ("target", TokenKind::Target),
        ("symbol", TokenKind::Symbol),
    ];
    for (name, kind) in kinds {
        measures.push((
            name,
            both(&|text, side| rest(text, side).filter(|(_, token)| token.kind == kind).count()),
        ));
    }
    let is_code = |kind: TokenKind, marks: Marks| kind == TokenKind::Word && marks.has(Marks::CODE);
    measures.push((
        "code",
        both(&|text, side| rest(text, side).filter(|(_, token)| is_code(token.kind, token.marks)).count()),
    ));
    let uses = [
        ("number", NumberUse::Amount),
        ("reference", NumberUse::Reference),
        ("date", NumberUse::Date),
        ("stamp", NumberUse::Stamp),
    ];
    for (name, wanted) in uses {
        let count = |text: &Text, side: &Side| {
            let is_wanted = |index: usize, kind: TokenKind| {
                kind == TokenKind::Number && number_use(text, index) == wanted
            };
            rest(text, side).filter(|(index, token)| is_wanted(*index, token.kind)).count()
        };
        measures.push((name, both(&count)));
    }
    let content =
        |text: &Text, side: &Side| side.rest.iter().filter(|index| is_content(side, text, **index)).count();
    let (lost, gained) = (content(old, before), content(new, after));
    let is_silent = before.rest.is_empty() && after.rest.is_empty();
    measures.extend([
        ("content_lost", saturating(lost)),
        ("content_gained", saturating(gained)),
        ("content_lost_log", libm::log1p(lost as f64)),
        ("content_gained_log", libm::log1p(gained as f64)),
        ("content_both", flag(lost > 0 && gained > 0)),
        ("content_one_sided", flag((lost == 0) != (gained == 0))),
        ("share", (lost + gained) as f64 / (old.tokens().len() + new.tokens().len()).max(1) as f64),
        ("grammar", saturating(before.rest.len() - lost + after.rest.len() - gained)),
        ("any", flag(!is_silent)),
        ("moved", saturating(reading.moved.len())),
        ("reworded", saturating(reading.reworded.len())),
        ("inflected", saturating(reading.inflected.len())),
        ("respelled", saturating(reading.respelled.len())),
        ("renamed", saturating(reading.renamed.len())),
        (
            "renamed_only",
            flag(!reading.renamed.is_empty() && reading.renamed.len() == reading.comparison.hunks.len()),
        ),
        ("headings", saturating(reading.headings.0.len() + reading.headings.1.len())),
        ("hunks", saturating(reading.comparison.hunks.len())),
    ]);
    let is_named = |text: &Text, side: &Side| {
        side.rest.iter().all(|index| is_name(text, *index) || !is_content(side, text, *index))
    };
    let mark = |text: &Text, mark| text.tokens().iter().filter(|token| token.marks.has(mark)).count();
    let capitals = |text: &Text| text.tokens().iter().filter(|token| token.case == Case::Upper).count();
    measures.extend([
        ("names", both(&|text, side| side.rest.iter().filter(|index| is_name(text, **index)).count())),
        ("names_only", flag(lost + gained > 0 && is_named(old, before) && is_named(new, after))),
        ("sentences", both(&|text, side| sentence::whole(text, side).len())),
        ("items", saturating(list::changes(reading).len())),
        ("exemplary", exemplary(reading)),
        ("bracketed", bracketed(old, before) + bracketed(new, after)),
        ("party_order", flag(party::order_changed(reading))),
        ("question", flag(mark(old, Marks::QUESTION) != mark(new, Marks::QUESTION))),
        ("exclamation", flag(mark(old, Marks::EXCLAMATION) != mark(new, Marks::EXCLAMATION))),
        ("capitals", flag(capitals(old).abs_diff(capitals(new)) > 1)),
        ("hidden", flag(old.hidden().len() < new.hidden().len())),
        (
            "instruction",
            flag(!is_silent && (tone::imperatives(new, after) > 0 || tone::imperatives(old, before) > 0)),
        ),
    ]);
    measures
}

fn rest<'a>(text: &'a Text, side: &'a Side) -> impl Iterator<Item = (usize, &'a crate::text::Token)> {
    side.rest.iter().filter_map(|index| Some((*index, text.tokens().get(*index)?)))
}

/// How many words of each class are without counterpart.
fn class_counts(side: &Side) -> [usize; 64] {
    let mut counts = [0; 64];
    for classes in side.rest.iter().filter_map(|index| side.classes.get(*index)) {
        for class in classes.iter() {
            counts[class as usize] += 1;
        }
    }
    counts
}

/// The share of what has no counterpart that stands in a list of examples.
fn exemplary(reading: &Reading) -> f64 {
    let count = |text: &Text, side: &Side| {
        // Where the last words of an example stand that the present sentence has.
        let (mut since, mut count) = (None::<usize>, 0_usize);
        let mut rest = side.rest.iter().peekable();
        for (index, token) in text.tokens().iter().enumerate() {
            if side.classes.get(index).is_some_and(|classes| classes.has(Class::Example)) {
                since = Some(index);
            }
            let is_near = since.is_some_and(|since| index - since <= EXAMPLE_REACH);
            if rest.next_if(|next| **next == index).is_some() && is_near {
                count += 1;
            }
            if token.marks.ends_sentence() {
                since = None;
            }
        }
        count
    };
    let all = reading.old.rest.len() + reading.new.rest.len();
    let found = count(&reading.comparison.old, &reading.old) + count(&reading.comparison.new, &reading.new);
    found as f64 / all.max(1) as f64
}

/// The share of what one version has alone that stands in brackets.
fn bracketed(text: &Text, side: &Side) -> f64 {
    let (mut depth, mut count) = (0_usize, 0_usize);
    let mut rest = side.rest.iter().peekable();
    for (index, token) in text.tokens().iter().enumerate() {
        depth += usize::from(token.marks.has(Marks::OPEN));
        if rest.next_if(|next| **next == index).is_some() && depth > 0 {
            count += 1;
        }
        depth = depth.saturating_sub(usize::from(token.marks.has(Marks::CLOSE)));
    }
    count as f64 / side.rest.len().max(1) as f64
}

/// Classes that say what a rule demands, allows or covers.
pub(crate) const OPERATIVE: Classes = Classes::of(Class::Must)
    .with(Classes::of(Class::Should))
    .with(Classes::of(Class::May))
    .with(Classes::of(Class::Negation))
    .with(Classes::of(Class::Prohibition))
    .with(Classes::of(Class::Permission))
    .with(Classes::of(Class::Liability))
    .with(Classes::of(Class::Verb));
