//! Two versions of a rule, read with what its words mean: what is left of their differences when what is of equal force is
//! taken away.

use std::collections::HashMap;

use super::lexicon::{Class, Classes, classify, is_month};
use super::wording::{are_synonyms, is_misspelling, stem};
use crate::text::{Comparison, Marks, Text, Token, TokenKind};

/// Words behind which a number is a reference and no amount.
const REFERENCES: [&str; 22] = [
    "section",
    "sections",
    "article",
    "articles",
    "clause",
    "clauses",
    "paragraph",
    "paragraphs",
    "appendix",
    "annex",
    "exhibit",
    "schedule",
    "chapter",
    "figure",
    "table",
    "page",
    "step",
    "item",
    "rule",
    "subsection",
    "part",
    "footnote",
];

/// One version, and what of it the other one does not have.
#[derive(Debug)]
pub(crate) struct Side {
    /// The classes of each token.
    pub(crate) classes: Vec<Classes>,
    /// The tokens that have no counterpart in the other version, ascending.
    pub(crate) rest: Vec<usize>,
}

/// Two versions of a text, and what differs.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) comparison: Comparison,
    pub(crate) old: Side,
    pub(crate) new: Side,
    /// Tokens that stand elsewhere in the other version: of the older one, and of the newer one.
    pub(crate) moved: Vec<(usize, usize)>,
    /// Words that became others of equal force.
    pub(crate) reworded: Vec<(usize, usize)>,
    /// Words that became another form of the same word.
    pub(crate) inflected: Vec<(usize, usize)>,
    /// Words that were or are mistyped.
    pub(crate) respelled: Vec<(usize, usize)>,
    /// Names that became others, and terms that became the same other one more than once: where each of them begins.
    pub(crate) renamed: Vec<(usize, usize)>,
    /// Tokens of a heading that only one of the versions has: of the older one, and of the newer one.
    pub(crate) headings: (Vec<usize>, Vec<usize>),
}

impl Reading {
    pub(crate) fn new(old: &str, new: &str) -> Self {
        let comparison = Comparison::new(Text::new(old), Text::new(new));
        let side = |text: &Text| Side { classes: classify(text), rest: Vec::new() };
        let (old, new) = (side(&comparison.old), side(&comparison.new));
        let mut reading = Self {
            comparison,
            old,
            new,
            moved: Vec::new(),
            reworded: Vec::new(),
            inflected: Vec::new(),
            respelled: Vec::new(),
            renamed: Vec::new(),
            headings: (Vec::new(), Vec::new()),
        };
        reading.settle();
        reading
    }

    /// Takes away what has a counterpart: first what stands at the same place, then what stands anywhere.
    fn settle(&mut self) {
        let Self { comparison, .. } = self;
        let (old_text, new_text) = (&comparison.old, &comparison.new);
        let (mut lost, mut gained) = (Vec::new(), Vec::new());
        let mut pairs: Vec<(usize, usize, Pairing)> = Vec::new();
        for hunk in &comparison.hunks {
            let (old, new) = (hunk.old.clone(), hunk.new.clone());
            // Only short replacements are compared word by word, so that the time stays linear.
            if old.len().max(new.len()) > 8 || old.is_empty() || new.is_empty() {
                lost.extend(old);
                gained.extend(new);
                continue;
            }
            let whole = |text: &Text, range: std::ops::Range<usize>| {
                range.map(|index| text.word(index)).collect::<Vec<_>>().join(" ")
            };
            if are_synonyms(&whole(old_text, old.clone()), &whole(new_text, new.clone())) {
                pairs.push((old.start, new.start, Pairing::Reworded));
                continue;
            }
            let mut is_taken = [false; 8];
            for one in old.clone() {
                let counterpart = new.clone().enumerate().find_map(|(place, other)| {
                    let is_free = !is_taken.get(place).copied().unwrap_or(true);
                    is_free
                        .then(|| pairing(old_text, one, new_text, other))
                        .flatten()
                        .map(|pairing| (place, other, pairing))
                });
                match counterpart {
                    Some((place, other, pairing)) => {
                        if let Some(taken) = is_taken.get_mut(place) {
                            *taken = true;
                        }
                        pairs.push((one, other, pairing));
                    }
                    None => lost.push(one),
                }
            }
            gained.extend(
                new.enumerate()
                    .filter(|(place, _)| !is_taken.get(*place).copied().unwrap_or(false))
                    .map(|(_, other)| other),
            );
        }
        // What was moved, as it was or in another form.
        for by_stem in [false, true] {
            let name = |text: &Text, index: usize| {
                if by_stem { stem(text.word(index)) } else { text.word(index).to_owned() }
            };
            let mut places: HashMap<String, Vec<usize>> = HashMap::new();
            for index in gained.iter().rev() {
                places.entry(name(new_text, *index)).or_default().push(*index);
            }
            let mut found: Vec<(usize, usize)> = Vec::new();
            lost.retain(|index| match places.get_mut(&name(old_text, *index)).and_then(Vec::pop) {
                Some(other) => {
                    found.push((*index, other));
                    false
                }
                None => true,
            });
            let mut taken: Vec<_> = found.iter().map(|pair| pair.1).collect();
            taken.sort_unstable();
            gained.retain(|index| taken.binary_search(index).is_err());
            if by_stem {
                self.inflected.extend(found);
            } else {
                self.moved = found;
            }
        }
        for (one, other, pairing) in pairs {
            match pairing {
                Pairing::Reworded => self.reworded.push((one, other)),
                Pairing::Inflected => self.inflected.push((one, other)),
                Pairing::Respelled => self.respelled.push((one, other)),
            }
        }
        self.old.rest = lost;
        self.new.rest = gained;
        self.find_renames();
        self.headings.0 = drop_heading(&self.comparison.old, &mut self.old);
        self.headings.1 = drop_heading(&self.comparison.new, &mut self.new);
    }

    /// Names that became others, and terms that became the same other one in more than one place.
    fn find_renames(&mut self) {
        let (old_text, new_text) = (&self.comparison.old, &self.comparison.new);
        let is_short = |range: &std::ops::Range<usize>| (1..=4).contains(&range.len());
        let words = |text: &Text, side: &Side, range: std::ops::Range<usize>| {
            let content = range.filter(|index| is_content(side, text, *index));
            content.map(|index| stem(text.word(index))).collect::<Vec<_>>().join(" ")
        };
        let mut replaced: HashMap<(String, String), Vec<(usize, usize)>> = HashMap::new();
        for hunk in self.comparison.hunks.iter().filter(|hunk| is_short(&hunk.old) && is_short(&hunk.new)) {
            let are_names = hunk.old.clone().all(|index| is_name(old_text, index))
                && hunk.new.clone().all(|index| is_name(new_text, index));
            let place = (hunk.old.start, hunk.new.start);
            if are_names {
                self.renamed.push(place);
                continue;
            }
            let (old, new) =
                (words(old_text, &self.old, hunk.old.clone()), words(new_text, &self.new, hunk.new.clone()));
            if !old.is_empty() && !new.is_empty() {
                replaced.entry((old, new)).or_default().push(place);
            }
        }
        self.renamed.extend(replaced.into_values().filter(|places| places.len() > 1).flatten());
        self.renamed.sort_unstable();
    }
}

/// The most words of a heading.
const MAX_HEADING: usize = 8;

/// Takes a heading off what has no counterpart: a few emphasised words at the beginning, closed by a stop or a colon, which
/// say nothing of what must or may be done.
fn drop_heading(text: &Text, side: &mut Side) -> Vec<usize> {
    let closing = Marks::STOP.with(Marks::COLON).with(Marks::LINE);
    let end = text.tokens().iter().take(MAX_HEADING).position(|token| token.marks.has_any(closing));
    let Some(end) = end else { return Vec::new() };
    let says = Classes::of(Class::Must)
        .with(Classes::of(Class::Should))
        .with(Classes::of(Class::May))
        .with(Classes::of(Class::Negation))
        .with(Classes::of(Class::Only))
        .with(Classes::of(Class::You));
    let heading = text.tokens().get(..=end).unwrap_or_default();
    let is_heading = heading.iter().all(|token| token.marks.has(Marks::MARKED))
        && end + 1 < text.tokens().len()
        && !side.classes.get(..=end).unwrap_or_default().iter().any(|classes| classes.has_any(says));
    if !is_heading {
        return Vec::new();
    }
    let count = side.rest.partition_point(|index| *index <= end);
    side.rest.drain(..count).collect()
}

/// How two words are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pairing {
    Reworded,
    Inflected,
    Respelled,
}

fn pairing(old: &Text, one: usize, new: &Text, other: usize) -> Option<Pairing> {
    let (before, after) = (old.tokens().get(one)?, new.tokens().get(other)?);
    let (before_word, after_word) = (old.normal(before), new.normal(after));
    if matches!(
        (before_word, after_word),
        ("one", "1") | ("1", "one") | ("first", "1") | ("1", "first") | ("third", "3") | ("3", "third")
    ) {
        return Some(Pairing::Reworded);
    }
    if before.kind != TokenKind::Word || after.kind != TokenKind::Word {
        return None;
    }
    if stem(before_word) == stem(after_word) {
        return Some(Pairing::Inflected);
    }
    if are_synonyms(before_word, after_word) {
        return Some(Pairing::Reworded);
    }
    is_misspelling(before_word, after_word).then_some(Pairing::Respelled)
}

/// Whether a token is written as a name, in the middle of a sentence.
pub(crate) fn is_name(text: &Text, index: usize) -> bool {
    let Some(token) = text.tokens().get(index) else { return false };
    let is_first = index == 0
        || text.tokens().get(index - 1).is_some_and(|last| {
            last.marks.ends_sentence() || last.marks.has_any(Marks::LINE.with(Marks::COLON))
        });
    token.kind == TokenKind::Word && token.case != crate::text::Case::Lower && !is_first
}

/// A token that became another, came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) old: Option<usize>,
    pub(crate) new: Option<usize>,
}

impl Change {
    /// Where it is: the tokens alone.
    pub(crate) fn token(self) -> super::finding::Place {
        (self.old.map(|index| (index, index)), self.new.map(|index| (index, index)))
    }

    /// Where it is, with up to so many tokens behind it that qualify.
    pub(crate) fn place(
        self,
        reach: usize,
        qualifies: impl Fn(&Text, usize) -> bool,
        reading: &Reading,
    ) -> super::finding::Place {
        let extend = |text: &Text, index: usize| {
            let last = (index + 1..=index + reach).take_while(|next| qualifies(text, *next)).last();
            (index, last.unwrap_or(index))
        };
        let (old, new) = (&reading.comparison.old, &reading.comparison.new);
        (self.old.map(|index| extend(old, index)), self.new.map(|index| extend(new, index)))
    }
}

/// What of one hunk has no counterpart: indexes of tokens of the older version, and of the newer one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Residue<'a> {
    pub(crate) old: &'a [usize],
    pub(crate) new: &'a [usize],
}

impl Reading {
    /// What has no counterpart, hunk by hunk.
    pub(crate) fn places(&self) -> impl Iterator<Item = Residue<'_>> {
        self.comparison.hunks.iter().map(|hunk| Residue {
            old: within(&self.old.rest, &hunk.old),
            new: within(&self.new.rest, &hunk.new),
        })
    }

    /// The tokens of a kind that became others, came or went. Of one hunk the first that went became the first that came,
    /// and so on.
    pub(crate) fn changes(&self, is_wanted: impl Fn(&Text, &Side, usize) -> bool) -> Vec<Change> {
        let mut changes = Vec::new();
        for place in self.places() {
            let mut old =
                place.old.iter().copied().filter(|index| is_wanted(&self.comparison.old, &self.old, *index));
            let mut new =
                place.new.iter().copied().filter(|index| is_wanted(&self.comparison.new, &self.new, *index));
            loop {
                let change = Change { old: old.next(), new: new.next() };
                if change == (Change { old: None, new: None }) {
                    break;
                }
                changes.push(change);
            }
        }
        changes
    }
}

/// Those of ascending indexes that are in a range.
fn within<'a>(indexes: &'a [usize], range: &std::ops::Range<usize>) -> &'a [usize] {
    let start = indexes.partition_point(|index| *index < range.start);
    let end = indexes.partition_point(|index| *index < range.end);
    indexes.get(start..end).unwrap_or_default()
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberUse {
    /// An amount, a limit, a period.
    Amount,
    /// The number of a section, a table, a step.
    Reference,
    /// A part of a date that a rule names.
    Date,
    /// A part of the date of the document: when it was updated, or takes effect.
    Stamp,
}

/// What the number at `index` is for.
pub(crate) fn number_use(text: &Text, index: usize) -> NumberUse {
    let before = index.checked_sub(1).map_or("", |before| text.word(before));
    let is_alone =
        text.tokens().get(index).is_some_and(|token| token.marks.has(Marks::OPEN.with(Marks::CLOSE)));
    if REFERENCES.contains(&before) || is_alone {
        return NumberUse::Reference;
    }
    let near = [index.checked_sub(2), index.checked_sub(1), Some(index + 1), Some(index + 2)];
    let value = text.word(index);
    let is_year = value.len() == 4 && (value.starts_with("19") || value.starts_with("20"));
    if !is_year && !near.into_iter().flatten().any(|index| is_month(text, index)) {
        return NumberUse::Amount;
    }
    let is_stamp = |word: &str| {
        matches!(word, "updated" | "effective" | "revised" | "modified" | "version" | "published" | "dated")
    };
    let is_stamped = (index.saturating_sub(6)..index).any(|index| is_stamp(text.word(index)));
    if is_stamped { NumberUse::Stamp } else { NumberUse::Date }
}

/// Whether the token at `index` has a meaning of its own: no word of grammar, and none of courtesy.
pub(crate) fn is_content(side: &Side, text: &Text, index: usize) -> bool {
    let token: Option<&Token> = text.tokens().get(index);
    let classes = side.classes.get(index).copied().unwrap_or_default();
    token.is_some_and(|token| token.kind == TokenKind::Word)
        && !classes.has_any(Classes::of(Class::Stop).with(Classes::of(Class::Polite)))
}
