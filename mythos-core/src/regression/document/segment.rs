//! A document cut into the parts that are compared with one another.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::text::{MAX_TEXT_BYTES, Span};

/// The most segments of a document.
pub const MAX_SEGMENTS: usize = 100_000;

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SegmentKind {
    /// A heading, or a tag that stands on a line of its own.
    Heading,
    /// An item of a list, or a numbered clause.
    Item,
    /// Lines without an empty one between them.
    Paragraph,
    /// A row of a table.
    Row,
    /// Lines of fenced code without an empty one between them.
    Code,
}

impl SegmentKind {
    /// What a message calls it, with its article.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Heading => "A heading",
            Self::Item => "An item",
            Self::Paragraph => "A paragraph",
            Self::Row => "A row of a table",
            Self::Code => "A part of the code",
        }
    }
}

/// A part of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// What it is.
    pub kind: SegmentKind,
    /// Where it stands, without the blanks around it.
    pub span: Span,
}

/// Cuts a document, plain text or Markdown, into headings, items of lists, paragraphs, rows of tables and parts of code.
///
/// ```
/// use mythos_core::regression::{SegmentKind, segments};
///
/// let found = segments("# Rules\n\nBe brief,\nand polite.\n- Cite sources.\n")?;
/// let kinds: Vec<_> = found.iter().map(|segment| segment.kind).collect();
/// assert_eq!(kinds, [SegmentKind::Heading, SegmentKind::Paragraph, SegmentKind::Item]);
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `document`, of more than [`MAX_TEXT_BYTES`] or [`MAX_SEGMENTS`].
pub fn segments(source: &str) -> Result<Vec<Segment>> {
    if source.len() > MAX_TEXT_BYTES {
        let message = format!("a document is at most {MAX_TEXT_BYTES} bytes, not {}", source.len());
        return Err(Error::limit("document", message));
    }
    let mut cutter = Cutter { found: Vec::new(), open: None, lines: 0 };
    let mut fence: Option<&str> = None;
    let mut at = 0_usize;
    for whole in source.split_inclusive('\n') {
        let line = whole.trim();
        let start = at + (whole.len() - whole.trim_start().len());
        let span = Span { start: start as u32, end: (start + line.len()) as u32 };
        at += whole.len();
        if let Some(mark) = fence {
            if line.starts_with(mark) && line.trim_start_matches(['`', '~']).is_empty() {
                cutter.close()?;
                fence = None;
            } else {
                cutter.add(line, span, SegmentKind::Code)?;
            }
            continue;
        }
        if line.starts_with("```") || line.starts_with("~~~") {
            cutter.close()?;
            fence = line.get(..3);
            continue;
        }
        match shape(line) {
            Shape::Nothing => cutter.close()?,
            Shape::Rule => cutter.underline(line)?,
            Shape::Whole(kind) => {
                cutter.close()?;
                cutter.add(line, span, kind)?;
                cutter.close()?;
            }
            Shape::Start(kind) => {
                cutter.close()?;
                cutter.add(line, span, kind)?;
            }
            Shape::More => cutter.add(line, span, SegmentKind::Paragraph)?,
        }
    }
    cutter.close()?;
    Ok(cutter.found)
}

struct Cutter {
    found: Vec<Segment>,
    open: Option<Segment>,
    /// How many lines the open segment has.
    lines: usize,
}

impl Cutter {
    /// Adds a line to the open segment; without one, opens one of this kind.
    fn add(&mut self, line: &str, span: Span, kind: SegmentKind) -> Result<()> {
        if line.is_empty() {
            return self.close();
        }
        self.lines += 1;
        match &mut self.open {
            Some(open) => open.span.end = span.end,
            None => self.open = Some(Segment { kind, span }),
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.lines = 0;
        let Some(segment) = self.open.take() else { return Ok(()) };
        if self.found.len() == MAX_SEGMENTS {
            let message = format!("a document has at most {MAX_SEGMENTS} segments");
            return Err(Error::limit("document", message));
        }
        self.found.push(segment);
        Ok(())
    }

    /// A line of strokes parts what stands around it, or makes a heading of the one line above it.
    fn underline(&mut self, line: &str) -> Result<()> {
        let is_heading = self.lines == 1 && line.starts_with(['=', '-']);
        if let (true, Some(open)) = (is_heading, &mut self.open)
            && open.kind == SegmentKind::Paragraph
        {
            open.kind = SegmentKind::Heading;
        }
        self.close()
    }
}

/// What a line does.
enum Shape {
    /// It is empty.
    Nothing,
    /// It only parts.
    Rule,
    /// It is a segment of its own.
    Whole(SegmentKind),
    /// A segment begins with it.
    Start(SegmentKind),
    /// It goes on with what is open.
    More,
}

fn shape(line: &str) -> Shape {
    let Some(first) = line.chars().next() else { return Shape::Nothing };
    let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&hashes)
        && line.as_bytes().get(hashes).is_none_or(|next| matches!(next, b' ' | b'\t'))
    {
        return Shape::Whole(SegmentKind::Heading);
    }
    let is_stroke = |byte: u8| matches!(byte, b'-' | b'=' | b'*' | b'_' | b'~' | b'+' | b'|' | b':' | b' ');
    if line.len() >= 3 && line.bytes().all(is_stroke) {
        return Shape::Rule;
    }
    if first == '|' {
        return Shape::Whole(SegmentKind::Row);
    }
    if first == '<' && line.ends_with('>') && line.matches('<').take(2).count() == 1 && line.len() <= 200 {
        return Shape::Whole(SegmentKind::Heading);
    }
    if is_item(line) { Shape::Start(SegmentKind::Item) } else { Shape::More }
}

/// Whether a line begins with a bullet, or with a number or a letter and a mark behind it.
fn is_item(line: &str) -> bool {
    let has_blank = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t']);
    if let Some(rest) = line.strip_prefix(['-', '*', '+', '•', '‣', '◦', '–', '—']) {
        return has_blank(rest);
    }
    let open = line.starts_with('(');
    let label = line.strip_prefix('(').unwrap_or(line);
    let length = label.bytes().take(10).take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    if length > 0 {
        let name = label.get(..length).unwrap_or_default();
        let rest = label.get(length..).unwrap_or_default();
        return match rest.strip_prefix(')') {
            Some(rest) => has_blank(rest),
            // A bare number begins a sentence as often as a clause.
            None => name.contains('.') && has_blank(rest) && !open,
        };
    }
    let letters = label.bytes().take(5).take_while(u8::is_ascii_alphabetic).count();
    let name = label.get(..letters).unwrap_or_default();
    let is_roman = name.bytes().all(|byte| matches!(byte.to_ascii_lowercase(), b'i' | b'v' | b'x'));
    let is_label = letters == 1 || (is_roman && (1..=4).contains(&letters));
    let rest = label.get(letters..).unwrap_or_default();
    let rest = if open { rest.strip_prefix(')') } else { rest.strip_prefix([')', '.']) };
    is_label && rest.is_some_and(has_blank)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(source: &str) -> Vec<(SegmentKind, &str)> {
        let part = |segment: &Segment| &source[segment.span.start as usize..segment.span.end as usize];
        segments(source).expect("within the bounds").iter().map(|found| (found.kind, part(found))).collect()
    }

    #[test]
    fn lines_belong_together_until_an_empty_one_or_another_kind() {
        use SegmentKind::{Heading, Item, Paragraph};
        let source =
            "Title\n=====\nOne\n two.\r\n\r\nThree\n- a\n  b\n2. c\n(iv) d\n3 cats\n<rules>\nx\n---\n# H\ny";
        let expected = [
            (Heading, "Title"),
            (Paragraph, "One\n two."),
            (Paragraph, "Three"),
            (Item, "- a\n  b"),
            (Item, "2. c"),
            (Item, "(iv) d\n3 cats"),
            (Heading, "<rules>"),
            (Heading, "x"),
            (Heading, "# H"),
            (Paragraph, "y"),
        ];
        assert_eq!(cut(source), expected);
    }

    #[test]
    fn code_and_tables_are_parts_of_their_own() {
        use SegmentKind::{Code, Paragraph, Row};
        let source =
            "Call:\n```py\n# not a heading\nx = 1\n\ny = 2\n```\n| a | b |\n|---|---|\n| 1 | 2 |\nEnd";
        let expected = [
            (Paragraph, "Call:"),
            (Code, "# not a heading\nx = 1"),
            (Code, "y = 2"),
            (Row, "| a | b |"),
            (Row, "| 1 | 2 |"),
            (Paragraph, "End"),
        ];
        assert_eq!(cut(source), expected);
    }

    #[test]
    fn too_many_segments_are_refused() {
        let error = segments(&"- a\n".repeat(MAX_SEGMENTS + 1)).expect_err("beyond the bound");
        assert_eq!((error.kind(), error.field()), (crate::ErrorKind::Limit, Some("document")));
    }

    proptest! {
        #[test]
        fn segments_are_in_order_and_hold_all_but_what_parts(source in "[-a#| \n`1.)(é]{0,60}") {
            let mut at = 0;
            for segment in segments(&source).expect("within the bounds") {
                prop_assert!(segment.span.start >= at && segment.span.end > segment.span.start);
                prop_assert!(source.get(segment.span.start as usize..segment.span.end as usize).is_some());
                at = segment.span.end;
            }
        }
    }
}
