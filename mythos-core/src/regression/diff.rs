//! What a reviewer is shown of an edit: both texts as one, word by word, with the findings where they belong.

use serde::{Deserialize, Serialize};

use super::Finding;
use crate::text::{Comparison, Span, Text, Token};

/// The difference of two versions, in the order of reading.
///
/// It compares words and ignores what is only form: an equal segment is shown as it stands in the newer version. Without
/// shortening, the texts of what is equal or added are the newer version, to the byte.
///
/// ```
/// use mythos_core::regression::{Assessment, GuardPolicy, RegressionDiff, DiffBounds, DiffPartKind};
///
/// let (old, new) = ("Refunds are made within 30 days.", "Refunds are made within 90 days.");
/// let findings = Assessment::of(old, new, &GuardPolicy::default())?.findings;
/// let diff = RegressionDiff::of(old, new, &findings, &DiffBounds::default());
/// let shown: Vec<_> = diff.segments.iter().map(|segment| (segment.kind, segment.text.as_str())).collect();
/// assert_eq!(shown[..2], [(DiffPartKind::Equal, "Refunds are made within "), (DiffPartKind::Removed, "30")]);
/// assert_eq!(shown[2..], [(DiffPartKind::Added, "90"), (DiffPartKind::Equal, " days.")]);
/// assert_eq!(diff.segments[2].findings, [0]);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegressionDiff {
    /// The segments; those that a place both lost and gained stand one behind the other, the lost one first.
    pub segments: Vec<DiffPart>,
    /// Whether there are more than the bounds allow.
    pub is_truncated: bool,
}

/// A part of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffPart {
    /// Whether it stayed, went or came.
    pub kind: DiffPartKind,
    /// What it says, or how that begins.
    pub text: String,
    /// How many bytes are left out behind `text`.
    pub elided_bytes: u64,
    /// How it ends, if something is left out.
    pub tail: String,
    /// Where it stands in the older version, in bytes; none for an added one.
    pub old: Option<Span>,
    /// Where it stands in the newer version; none for a removed one.
    pub new: Option<Span>,
    /// The findings about it, by their place among those of the assessment; what is said of the whole is at none.
    pub findings: Vec<u32>,
}

/// What became of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiffPartKind {
    /// It is in both versions.
    Equal,
    /// It is in the older version only.
    Removed,
    /// It is in the newer version only.
    Added,
}

/// How much of a difference is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiffBounds {
    /// The most segments.
    pub max_segments: u32,
    /// The most bytes of a segment's text; of a longer one the beginning and the end are kept, about half of it each.
    pub max_segment_bytes: u32,
}

impl Default for DiffBounds {
    /// 10,000 segments, whole.
    fn default() -> Self {
        Self { max_segments: 10_000, max_segment_bytes: u32::MAX }
    }
}

impl RegressionDiff {
    /// The difference of two versions, with the findings of their assessment.
    #[must_use]
    pub fn of(old: &str, new: &str, findings: &[Finding], bounds: &DiffBounds) -> Self {
        let comparison = Comparison::new(Text::new(old), Text::new(new));
        let mut making = Making { old, new, bounds, done: Self::default(), at: (0, 0) };
        for hunk in &comparison.hunks {
            let removed = making.place(comparison.removed(hunk), comparison.old.tokens(), hunk.old.start, 0);
            let added = making.place(comparison.added(hunk), comparison.new.tokens(), hunk.new.start, 1);
            making.equal(removed.start, added.start);
            making.removed(removed);
            making.added(added);
        }
        making.equal(old.len() as u32, new.len() as u32);
        let mut diff = making.done;
        for (finding, number) in findings.iter().zip(0..) {
            diff.attach(finding, number);
        }
        diff
    }

    /// Notes a finding at the segments that it is about: those that changed, or else the first that it touches.
    fn attach(&mut self, finding: &Finding, number: u32) {
        let touches = |one: Option<Span>, other: Option<Span>| {
            one.zip(other).is_some_and(|(one, other)| one.start < other.end && other.start < one.end)
        };
        let is_about =
            |segment: &DiffPart| touches(segment.old, finding.old) || touches(segment.new, finding.new);
        let mut is_attached = false;
        for segment in self.segments.iter_mut().filter(|it| it.kind != DiffPartKind::Equal && is_about(it)) {
            segment.findings.push(number);
            is_attached = true;
        }
        if !is_attached && let Some(first) = self.segments.iter_mut().find(|segment| is_about(segment)) {
            first.findings.push(number);
        }
    }
}

/// A difference that is being made.
struct Making<'a> {
    old: &'a str,
    new: &'a str,
    bounds: &'a DiffBounds,
    done: RegressionDiff,
    /// How far both versions are shown.
    at: (u32, u32),
}

impl Making<'_> {
    /// Where the tokens of a hunk stand; of none, behind the token before it. Never before what is shown, since the words of a
    /// contraction stand in one place.
    fn place(&self, tokens: &[Token], all: &[Token], index: usize, side: usize) -> Span {
        let (source, from) = if side == 0 { (self.old, self.at.0) } else { (self.new, self.at.1) };
        let behind =
            index.checked_sub(1).and_then(|before| all.get(before)).map_or(0, |token| token.span.end);
        let (start, end) = match (tokens.first(), tokens.iter().map(|token| token.span.end).max()) {
            (Some(first), Some(end)) => (first.span.start, end),
            _ => (behind, behind),
        };
        let start = boundary(source, start.max(from));
        Span { start, end: boundary(source, end.max(start)) }
    }

    /// What stands in both versions up to these places.
    fn equal(&mut self, old: u32, new: u32) {
        let (before, after) = (Span { start: self.at.0, end: old }, Span { start: self.at.1, end: new });
        self.at = (old, new);
        if before.start < before.end || after.start < after.end {
            self.push(DiffPartKind::Equal, Some(before), Some(after), slice(self.new, after));
        }
    }

    fn removed(&mut self, place: Span) {
        self.at.0 = place.end;
        if place.start < place.end {
            self.push(DiffPartKind::Removed, Some(place), None, slice(self.old, place));
        }
    }

    fn added(&mut self, place: Span) {
        self.at.1 = place.end;
        if place.start < place.end {
            self.push(DiffPartKind::Added, None, Some(place), slice(self.new, place));
        }
    }

    fn push(&mut self, kind: DiffPartKind, old: Option<Span>, new: Option<Span>, text: &str) {
        if self.done.segments.len() >= self.bounds.max_segments as usize {
            self.done.is_truncated = true;
            return;
        }
        let (text, elided_bytes, tail) = shorten(text, self.bounds.max_segment_bytes);
        let findings = Vec::new();
        self.done.segments.push(DiffPart { kind, text, elided_bytes, tail, old, new, findings });
    }
}

/// The beginning of a text, how many bytes are left out, and its end.
fn shorten(text: &str, max_bytes: u32) -> (String, u64, String) {
    if text.len() <= max_bytes as usize {
        return (text.to_owned(), 0, String::new());
    }
    let half = max_bytes / 2;
    let head = boundary(text, half) as usize;
    let tail = boundary(text, text.len() as u32 - half) as usize;
    let (head, tail) = (&text[..head], &text[tail.max(head)..]);
    (head.to_owned(), (text.len() - head.len() - tail.len()) as u64, tail.to_owned())
}

/// The last place between characters at `index` or before.
fn boundary(source: &str, index: u32) -> u32 {
    source.floor_char_boundary(index as usize) as u32
}

fn slice(source: &str, span: Span) -> &str {
    source.get(span.start as usize..span.end as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::regression::{Assessment, GuardPolicy};

    fn diff(old: &str, new: &str, bounds: &DiffBounds) -> RegressionDiff {
        let findings = Assessment::of(old, new, &GuardPolicy::default()).unwrap().findings;
        RegressionDiff::of(old, new, &findings, bounds)
    }

    proptest! {
        #[test]
        fn segments_are_both_versions_to_the_byte(
            old in "([a-c]|don't|you've|\\*\\*b\\*\\*|é|30|, |\\. |\n| ){0,40}",
            new in "([a-c]|don't|you've|\\*\\*b\\*\\*|é|30|, |\\. |\n| ){0,40}",
        ) {
            let RegressionDiff { segments, is_truncated } = diff(&old, &new, &DiffBounds::default());
            prop_assert!(!is_truncated);
            let of = |side: fn(&DiffPart) -> Option<Span>, source: &str| -> String {
                segments.iter().filter_map(side).map(|span| slice(source, span).to_owned()).collect()
            };
            prop_assert_eq!(of(|segment| segment.old, &old), old.clone());
            prop_assert_eq!(of(|segment| segment.new, &new), new.clone());
            let kept = segments.iter().filter(|segment| segment.kind != DiffPartKind::Removed);
            prop_assert_eq!(kept.map(|segment| segment.text.as_str()).collect::<String>(), new);
        }

        #[test]
        fn bounds_hold(old in "[a-cé ]{0,200}", new in "[a-cé ]{0,200}", segments in 0..5_u32, bytes in 0..20_u32) {
            let bounds = DiffBounds { max_segments: segments, max_segment_bytes: bytes };
            let whole = diff(&old, &new, &DiffBounds::default());
            let short = diff(&old, &new, &bounds);
            prop_assert!(short.segments.len() <= segments as usize);
            prop_assert_eq!(short.is_truncated, whole.segments.len() > segments as usize);
            for (short, whole) in short.segments.iter().zip(&whole.segments) {
                // The end of a text may take one character more than its half.
                prop_assert!(short.text.len() + short.tail.len() <= bytes as usize + 3);
                let elided = usize::try_from(short.elided_bytes).unwrap();
                prop_assert_eq!(short.text.len() + elided + short.tail.len(), whole.text.len());
                prop_assert!(whole.text.starts_with(&short.text) && whole.text.ends_with(&short.tail));
            }
        }
    }

    #[test]
    fn findings_stand_where_they_belong() {
        let (old, new) = ("You must pay 30 EUR.\nKeep it.", "You may pay 30 USD.\nKeep it.");
        let findings = Assessment::of(old, new, &GuardPolicy::default()).unwrap().findings;
        let diff = RegressionDiff::of(old, new, &findings, &DiffBounds::default());
        for (finding, number) in findings.iter().zip(0_u32..) {
            let at: Vec<_> =
                diff.segments.iter().filter(|segment| segment.findings.contains(&number)).collect();
            // What is said of the whole has no place.
            let has_place = finding.old.is_some() || finding.new.is_some();
            assert_eq!(at.is_empty(), !has_place, "{finding:?}");
        }
        let must = diff.segments.iter().find(|segment| segment.text == "must").unwrap();
        assert!(must.kind == DiffPartKind::Removed && !must.findings.is_empty());
        let kept = diff.segments.iter().find(|segment| segment.text.contains("Keep")).unwrap();
        assert!(kept.findings.is_empty());
    }

    #[test]
    fn what_is_only_form_is_equal() {
        let diff = diff("Pay within thirty (30) days.", "1. Pay within **30** days", &DiffBounds::default());
        assert!(diff.segments.iter().all(|segment| segment.kind == DiffPartKind::Equal));
    }
}
