//! Which words tell what a rule says: `lexicon.txt`, read once.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::text::{Text, TokenKind};

macro_rules! classes {
    ($($class:ident $name:literal),* $(,)?) => {
        /// A class of words and phrases.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Class { $($class),* }

        impl Class {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$class),*];

            /// The name of the class, as the lexicon has it.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$class => $name),* }
            }
        }
    };
}

classes! {
    Must "must",
    Should "should",
    May "may",
    Ability "ability",
    Future "future",
    Negation "negation",
    Prohibition "prohibition",
    All "all",
    Some "some",
    Only "only",
    Bound "bound",
    Except "except",
    Condition "condition",
    Example "example",
    Time "time",
    Alternative "alternative",
    Default "default",
    Permission "permission",
    Liability "liability",
    You "you",
    We "we",
    Customer "customer",
    Company "company",
    Third "third",
    Singular "singular",
    Hedge "hedge",
    Intensifier "intensifier",
    Threat "threat",
    Polite "polite",
    Softener "softener",
    Formal "formal",
    Informal "informal",
    Positive "positive",
    Negative "negative",
    Stop "stop",
    Verb "verb",
    Unit "unit",
}

/// A set of classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Classes(u64);

impl Classes {
    pub(crate) const fn of(class: Class) -> Self {
        Self(1 << class as u64)
    }

    pub(crate) const fn has(self, class: Class) -> bool {
        self.0 & (1 << class as u64) != 0
    }

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Class> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let index = rest.trailing_zeros();
            rest &= rest.wrapping_sub(1);
            Class::ALL.get(index as usize).copied()
        })
    }
}

/// What a word begins.
#[derive(Debug, Default)]
struct Entry {
    /// The classes of the word alone.
    classes: Classes,
    /// The phrases that it begins, the longest first: the words behind it.
    phrases: Vec<(Vec<&'static str>, Classes)>,
}

static LEXICON: LazyLock<HashMap<&'static str, Entry>> = LazyLock::new(|| {
    let mut lexicon: HashMap<_, Entry> = HashMap::new();
    for line in include_str!("lexicon.txt").lines().filter(|line| !line.starts_with('#')) {
        let Some((name, words)) = line.split_once(':') else { continue };
        let class = Class::ALL.iter().find(|class| class.name() == name);
        let Some(class) = class.copied().map(Classes::of) else { continue };
        for phrase in words.split(',') {
            let mut words = phrase.split_ascii_whitespace();
            let Some(first) = words.next() else { continue };
            let entry = lexicon.entry(first).or_default();
            let rest: Vec<_> = words.collect();
            if rest.is_empty() {
                entry.classes = entry.classes.with(class);
            } else if let Some(known) = entry.phrases.iter_mut().find(|known| known.0 == rest) {
                known.1 = known.1.with(class);
            } else {
                entry.phrases.push((rest, class));
            }
        }
    }
    for entry in lexicon.values_mut() {
        entry.phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.0.len()));
    }
    lexicon
});

/// Months, of which "may" is also a verb.
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Whether a token is a month and no verb.
pub(crate) fn is_month(text: &Text, index: usize) -> bool {
    let word = text.word(index);
    if !MONTHS.contains(&word) {
        return false;
    }
    let is_number =
        |index: usize| text.tokens().get(index).is_some_and(|token| token.kind == TokenKind::Number);
    (word != "may" && word != "march") || is_number(index + 1) || (index > 0 && is_number(index - 1))
}

/// The classes of each token. Of a phrase the first token has them, and the others none of their own.
pub(crate) fn classify(text: &Text) -> Vec<Classes> {
    let lexicon = &*LEXICON;
    let count = text.tokens().len();
    let mut classes = vec![Classes::default(); count];
    let mut index = 0;
    while index < count {
        let is_word = text.tokens().get(index).is_some_and(|token| token.kind == TokenKind::Word);
        let entry = if is_word { lexicon.get(text.word(index)) } else { None };
        let mut step = 1;
        if let (Some(entry), Some(found)) = (entry, classes.get_mut(index)) {
            let matches = |rest: &[&str]| {
                rest.iter().enumerate().all(|(offset, word)| text.word(index + 1 + offset) == *word)
            };
            match entry.phrases.iter().find(|phrase| matches(&phrase.0)) {
                Some((rest, phrase)) => {
                    *found = *phrase;
                    step += rest.len();
                    let inner = classes.get_mut(index + 1..index + step).unwrap_or_default();
                    inner.fill(Classes::of(Class::Stop));
                }
                None if is_month(text, index) => {}
                None => *found = entry.classes,
            }
        }
        index += step;
    }
    classes
}
