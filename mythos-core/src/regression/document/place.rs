//! Where something stands in a document, as editors and reports count it.

use serde::{Deserialize, Serialize};

use crate::text::Span;

/// A part of a document. Lines end with a line feed; columns count characters (Unicode code points).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Where it is, in bytes of UTF-8.
    pub span: Span,
    /// The line of its beginning, from 1.
    pub line: u32,
    /// The column of its beginning, from 1.
    pub column: u32,
    /// The line of its end.
    pub end_line: u32,
    /// The column behind its last character.
    pub end_column: u32,
}

/// Every so many bytes the characters are counted beforehand, so that a place in a long line is found as fast.
const STEP: usize = 4_096;

/// The lines of a document.
pub(super) struct Lines<'a> {
    source: &'a str,
    /// Where each begins.
    starts: Vec<u32>,
    /// How many characters begin before each multiple of [`STEP`].
    counted: Vec<u32>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let ends = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at as u32 + 1)).collect();
        let mut before = 0;
        let counts = source.as_bytes().chunks(STEP).map(|chunk| {
            let here = before;
            before += count(chunk);
            here
        });
        Self { source, starts, counted: counts.collect() }
    }

    pub(super) fn region(&self, span: Span) -> Region {
        let (line, column) = self.place(span.start);
        let (end_line, end_column) = self.place(span.end);
        Region { span, line, column, end_line, end_column }
    }

    /// The line and the column of a byte, both from 1.
    fn place(&self, at: u32) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line)).copied().unwrap_or(0);
        (line as u32, 1 + self.characters(at).saturating_sub(self.characters(start)))
    }

    /// How many characters begin before a byte.
    fn characters(&self, at: u32) -> u32 {
        let at = (at as usize).min(self.source.len());
        let step = at / STEP;
        let Some(counted) = self.counted.get(step) else {
            // Only the end of a text whose length is a multiple, or nothing.
            let last = step.saturating_sub(1);
            let rest = self.source.as_bytes().get(last * STEP..).unwrap_or_default();
            return self.counted.get(last).copied().unwrap_or(0) + count(rest);
        };
        counted + count(self.source.as_bytes().get(step * STEP..at).unwrap_or_default())
    }
}

/// How many characters begin in bytes of UTF-8.
fn count(bytes: &[u8]) -> u32 {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_is_what_counting_by_hand_says(source in "[aé€😀\n]{0,40}", repeat in 1_usize..200, share in 0.0..=1.0) {
            let source = source.repeat(repeat);
            let mut at = (source.len() as f64 * share) as usize;
            while !source.is_char_boundary(at) {
                at -= 1;
            }
            let before = &source[..at];
            let line = before.matches('\n').count() as u32 + 1;
            let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) as u32 + 1;
            let region = Lines::new(&source).region(Span { start: at as u32, end: at as u32 });
            prop_assert_eq!((region.line, region.column, region.end_line, region.end_column), (line, column, line, column));
        }
    }
}
