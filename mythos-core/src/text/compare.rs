//! What differs between two texts.

use std::collections::HashMap;
use std::ops::Range;

use imara_diff::{Algorithm, Diff, NoSliderHeuristic};

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
    /// By Myers' algorithm ("An O(ND) Difference Algorithm and Its Variations", 1986) with the heuristics of GNU diff, which
    /// bound its time where much differs, at the price of a diff that is not the shortest.
    #[must_use]
    pub fn new(old: Text, new: Text) -> Self {
        let mut names = HashMap::with_capacity(old.tokens().len() + new.tokens().len());
        let before = intern(&old, &mut names);
        let after = intern(&new, &mut names);
        let mut diff = Diff::default();
        diff.compute_with(Algorithm::Myers, &before, &after, names.len() as u32);
        diff.postprocess_with(&before, &after, NoSliderHeuristic);
        drop(names);
        let range = |range: Range<u32>| range.start as usize..range.end as usize;
        let hunks =
            diff.hunks().map(|hunk| Hunk { old: range(hunk.before), new: range(hunk.after) }).collect();
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
fn intern<'a>(text: &'a Text, names: &mut HashMap<&'a str, u32>) -> Vec<imara_diff::Token> {
    let mut number = |name| {
        let next = names.len() as u32;
        imara_diff::Token(*names.entry(name).or_insert(next))
    };
    text.tokens().iter().map(|token| number(text.normal(token))).collect()
}
