//! How hard a text is to read.

use crate::text::{Text, TokenKind};

/// The fewest words for which a grade says anything.
const FEWEST_WORDS: usize = 10;

/// The grade of Flesch and Kincaid: about how many years of school a reader of English needs. `None` of a very short text.
///
/// 0.39 words per sentence + 11.8 syllables per word − 15.59 (J. P. Kincaid et al., "Derivation of New Readability Formulas
/// for Navy Enlisted Personnel", 1975). Syllables are counted by groups of vowels, which is right for most words.
pub(crate) fn grade(text: &Text) -> Option<f64> {
    let (mut words, mut syllables, mut sentences) = (0_usize, 0_usize, 0_usize);
    let mut is_open = false;
    for token in text.tokens() {
        if token.kind == TokenKind::Word {
            words += 1;
            syllables += syllables_of(text.normal(token));
            is_open = true;
        }
        if token.marks.ends_sentence() && is_open {
            sentences += 1;
            is_open = false;
        }
    }
    sentences += usize::from(is_open);
    if words < FEWEST_WORDS {
        return None;
    }
    let (words, syllables, sentences) = (words as f64, syllables as f64, sentences.max(1) as f64);
    Some(0.39 * words / sentences + 11.8 * syllables / words - 15.59)
}

fn syllables_of(word: &str) -> usize {
    let is_vowel = |byte: u8| matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
    let bytes = word.as_bytes();
    let starts = bytes.iter().enumerate().filter(|(at, byte)| {
        is_vowel(**byte)
            && !at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|before| is_vowel(*before))
    });
    let groups = starts.count();
    let is_silent = word.ends_with('e') && !word.ends_with("le") && groups > 1;
    (groups - usize::from(is_silent)).max(1)
}
