//! What differs between two texts.

use std::collections::HashMap;
use std::ops::Range;

use super::diff;
use super::token::{Text, Token};

/// A place at which two texts differ: ranges of tokens, of which one may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The tokens of the older text.
    pub old: Range<usize>,
    /// Those that stand there now.
    pub new: Range<usize>,
}

/// Two versions of a text, and where their tokens differ.
#[derive(Debug)]
pub struct Comparison {
    /// The older version.
    pub old: Text,
    /// The newer version.
    pub new: Text,
    /// The differences, in order.
    pub hunks: Vec<Hunk>,
}

impl Comparison {
    /// Compares the normal forms of the tokens of two texts.
    ///
    /// By Myers' algorithm ("An O(ND) Difference Algorithm and Its Variations", 1986) where both have a few thousand tokens at
    /// the most. Longer ones are first parted at stretches that both have once, as Bram Cohen's patience diff does, and what
    /// is still longer is compared piece by piece, which bounds the time at the price of a diff that is not the shortest.
    ///
    /// ```
    /// use mythos_core::text::{Comparison, Text};
    ///
    /// let found = Comparison::new(Text::new("You **must** pay."), Text::new("1. You may pay"));
    /// let [hunk] = &found.hunks[..] else { panic!("one place") };
    /// assert_eq!((hunk.old.clone(), hunk.new.clone()), (1..2, 1..2));
    /// assert_eq!((found.old.word(1), found.new.word(1)), ("must", "may"));
    /// ```
    #[must_use]
    pub fn new(old: Text, new: Text) -> Self {
        let mut names = HashMap::with_capacity(old.tokens().len() + new.tokens().len());
        let before = intern(&old, &mut names);
        let after = intern(&new, &mut names);
        drop(names);
        let hunks = diff::hunks(&before, &after);
        Self { old, new, hunks }
    }

    /// The tokens of the older text that a hunk takes away.
    #[must_use]
    pub fn removed(&self, hunk: &Hunk) -> &[Token] {
        self.old.tokens().get(hunk.old.clone()).unwrap_or_default()
    }

    /// The tokens of the newer text that a hunk brings.
    #[must_use]
    pub fn added(&self, hunk: &Hunk) -> &[Token] {
        self.new.tokens().get(hunk.new.clone()).unwrap_or_default()
    }
}

/// A number for each normal form: equal for equal ones.
fn intern<'a>(text: &'a Text, names: &mut HashMap<&'a str, u32>) -> Vec<u32> {
    let mut number = |name| {
        let next = names.len() as u32;
        *names.entry(name).or_insert(next)
    };
    text.tokens().iter().map(|token| number(text.normal(token))).collect()
}
