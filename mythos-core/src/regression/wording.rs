//! Which words may stand for one another: `wording.txt`, spellings, and forms of one word.

use std::collections::HashMap;
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};

/// The group of equal force that a word belongs to.
static GROUPS: LazyLock<HashMap<&'static str, Vec<u16>>> = LazyLock::new(|| {
    let mut groups: HashMap<_, Vec<u16>> = HashMap::new();
    for (number, line) in
        (0_u16..).zip(include_str!("wording.txt").lines().filter(|line| !line.starts_with('#')))
    {
        for word in line.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            groups.entry(word).or_default().push(number);
        }
    }
    groups
});

static STEMMER: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));

/// The longest word that is stemmed or compared letter by letter.
const MAX_WORD: usize = 40;

/// Whether two words or phrases are of equal force.
pub(crate) fn are_synonyms(one: &str, other: &str) -> bool {
    let (Some(one), Some(other)) = (GROUPS.get(one), GROUPS.get(other)) else { return false };
    one.iter().any(|group| other.contains(group))
}

/// The stem of a word, by Porter's second stemmer for English, and in American spelling.
pub(crate) fn stem(word: &str) -> String {
    if word.len() > MAX_WORD || !word.is_ascii() {
        return word.to_owned();
    }
    let mut word = word.to_owned();
    for (british, american) in
        [("isation", "ization"), ("ise", "ize"), ("ising", "izing"), ("ised", "ized"), ("yse", "yze")]
    {
        if let Some(head) = word.strip_suffix(british)
            && head.len() > 3
        {
            word = format!("{head}{american}");
            break;
        }
    }
    if word.len() > 5 {
        word = word.replace("our", "or").replace("centre", "center").replace("licence", "license");
    }
    STEMMER.stem(&word).into_owned()
}

/// Whether one word looks like the other mistyped: one letter more, less or other, or two exchanged, in a word of five
/// letters or more with the same first one.
pub(crate) fn is_misspelling(one: &str, other: &str) -> bool {
    let (one, other) = if one.len() <= other.len() {
        (one.as_bytes(), other.as_bytes())
    } else {
        (other.as_bytes(), one.as_bytes())
    };
    if one.len() < 4
        || other.len() < 5
        || other.len() > MAX_WORD
        || other.len() - one.len() > 1
        || one.first() != other.first()
    {
        return false;
    }
    let start = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.get(start..).unwrap_or_default(), other.get(start..).unwrap_or_default());
    let end = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    let one = one.get(..one.len() - end.min(one.len())).unwrap_or_default();
    let other = other.get(..other.len() - end.min(other.len())).unwrap_or_default();
    match (one, other) {
        ([], [_]) | ([_], [_]) | ([], []) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}
