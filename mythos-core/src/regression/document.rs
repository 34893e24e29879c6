//! The comparison of two versions of a document: a prompt file, a policy.

mod matching;
mod place;
mod segment;

use serde::{Deserialize, Serialize};

use self::matching::{Match, Names, Words, matches};
use self::place::Lines;
pub use self::place::Region;
pub use self::segment::{MAX_SEGMENTS, Segment, SegmentKind, segments};
use super::{Assessment, Coverage, Direction, Finding, GuardPolicy, Severity, Signal, Verdict};
use crate::error::{Error, Result};
use crate::text::Span;

/// What became of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentChangeKind {
    /// It says something else, or says it otherwise; perhaps at another place.
    Changed,
    /// It stands elsewhere and is otherwise the same.
    Moved,
    /// It is there no more.
    Lost,
    /// It was not there before.
    Added,
}

impl SegmentChangeKind {
    /// Its name, as it is serialized.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Moved => "moved",
            Self::Lost => "lost",
            Self::Added => "added",
        }
    }
}

/// A [`Finding`] in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentFinding {
    /// What kind of change.
    pub signal: Signal,
    /// How much it matters by itself.
    pub severity: Severity,
    /// Which way.
    pub direction: Direction,
    /// Where in the older document; none if it is not there.
    pub old: Option<Region>,
    /// Where in the newer document.
    pub new: Option<Region>,
    /// What a reviewer is told.
    pub message: String,
}

/// A segment that is not as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentChange {
    /// What became of it.
    pub change: SegmentChangeKind,
    /// What it is.
    pub kind: SegmentKind,
    /// Whether it stands at another place among the others.
    pub is_moved: bool,
    /// Where it stood; of several segments that were merged, all.
    pub old: Option<Region>,
    /// Where it stands; of one that was split, all its parts.
    pub new: Option<Region>,
    /// The line of the newer document to show it at, from 1; of a lost one that of what follows.
    pub line: u32,
    /// What the guard says.
    pub verdict: Verdict,
    /// As [`Assessment::accuracy`].
    pub accuracy: f64,
    /// As [`Assessment::firmer`].
    pub firmer: f64,
    /// As [`Assessment::softer`].
    pub softer: f64,
    /// As [`Assessment::direction`].
    pub direction: Option<Direction>,
    /// As [`Assessment::coverage`].
    pub coverage: Coverage,
    /// What was found, the gravest first.
    pub findings: Vec<DocumentFinding>,
    /// How many findings there were beyond those.
    #[serde(default)]
    pub findings_omitted: u32,
}

/// How many segments there are, and what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentCounts {
    /// Segments of the older document.
    pub old: u32,
    /// Segments of the newer document.
    pub new: u32,
    /// Those that say the same at the same place.
    pub unchanged: u32,
    /// Those that only stand elsewhere.
    pub moved: u32,
    /// Those that changed.
    pub changed: u32,
    /// Those that are there no more.
    pub lost: u32,
    /// Those that were not there before.
    pub added: u32,
    /// Those with a verdict that flags them.
    pub flagged: u32,
    /// Those that are left to a person.
    pub undecided: u32,
}

/// The outcome of the comparison of two documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentComparison {
    /// The gravest verdict on a segment; both, if one lost accuracy and another one shifted its tone.
    pub verdict: Verdict,
    /// The greatest of the segments' probabilities that a rule changed.
    pub accuracy: f64,
    /// The greatest probability that one is said more firmly.
    pub firmer: f64,
    /// The greatest probability that one is said more softly.
    pub softer: f64,
    /// Which way the flagged segments went; changed if they disagree.
    pub direction: Option<Direction>,
    /// How many segments there are.
    pub counts: SegmentCounts,
    /// What is not as it was, in the order of the newer document; at most [`MAX_CHANGES`](Self::MAX_CHANGES).
    pub changes: Vec<SegmentChange>,
    /// How many there were beyond that: those with the least to say are left out.
    #[serde(default)]
    pub changes_omitted: u32,
}

impl DocumentComparison {
    /// The most changes that are kept.
    pub const MAX_CHANGES: usize = 10_000;

    /// Compares two versions of a document, plain text or Markdown.
    ///
    /// Both are cut into [`segments`], which are matched by what they say, also when they were moved, split or merged. Each pair
    /// that differs is assessed as [`Assessment::of`] does it; a segment that was lost or added is a finding of the signal
    /// `sentence`. The time grows with the documents as theirs does.
    ///
    /// ```
    /// use mythos_core::regression::{DocumentComparison, GuardPolicy, SegmentChangeKind, Verdict};
    ///
    /// let old = "# Refunds\n\n- You must answer within 30 days.\n- Be polite to every customer.\n";
    /// let new = "# Refunds\n\n- Be polite to every customer.\n- You must answer within 90 days.\n";
    /// let found = DocumentComparison::of(old, new, &GuardPolicy::default())?;
    /// assert_eq!(found.verdict, Verdict::Accuracy);
    /// let change = found.changes.iter().find(|change| change.verdict.is_flagged()).expect("one is flagged");
    /// assert_eq!((change.change, change.line), (SegmentChangeKind::Changed, 4));
    /// assert_eq!(change.findings[0].new.map(|place| (place.line, place.column)), Some((4, 26)));
    /// # Ok::<(), mythos_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `old` or `new`, if one is longer than
    /// [`MAX_TEXT_BYTES`](crate::text::MAX_TEXT_BYTES) or has more than [`MAX_SEGMENTS`];
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the policy is.
    pub fn of(old: &str, new: &str, policy: &GuardPolicy) -> Result<Self> {
        policy.validate()?;
        let mut names = Names::default();
        let old = Side::read(old, "old", &mut names)?;
        let new = Side::read(new, "new", &mut names)?;
        drop(names);
        let mut comparer = Comparer { old: &old, new: &new, policy, changes: Vec::new() };
        comparer.compare(&matches(&old.words, &new.words))?;
        Ok(Self::sum_up(comparer.changes, &old, &new))
    }

    fn sum_up(mut changes: Vec<SegmentChange>, old: &Side<'_>, new: &Side<'_>) -> Self {
        let (before, after) = (old.segments.len() as u32, new.segments.len() as u32);
        let mut counts = SegmentCounts { old: before, new: after, ..SegmentCounts::default() };
        let mut found = Self {
            verdict: Verdict::None,
            accuracy: 0.0,
            firmer: 0.0,
            softer: 0.0,
            direction: None,
            counts,
            changes: Vec::new(),
            changes_omitted: 0,
        };
        let mut directions = Vec::new();
        let mut touched = 0;
        for change in &changes {
            let count = match change.change {
                SegmentChangeKind::Changed => &mut counts.changed,
                SegmentChangeKind::Moved => &mut counts.moved,
                SegmentChangeKind::Lost => &mut counts.lost,
                SegmentChangeKind::Added => &mut counts.added,
            };
            *count += 1;
            touched += u32::from(change.new.is_some());
            counts.flagged += u32::from(change.verdict.is_flagged());
            counts.undecided += u32::from(change.verdict == Verdict::Undecided);
            found.verdict = gravest(found.verdict, change.verdict);
            found.accuracy = found.accuracy.max(change.accuracy);
            found.firmer = found.firmer.max(change.firmer);
            found.softer = found.softer.max(change.softer);
            if change.verdict.is_flagged() {
                directions.extend(change.direction);
            }
        }
        counts.unchanged = after.saturating_sub(touched);
        found.counts = counts;
        found.direction = directions.first().map(|first| {
            if directions.iter().all(|direction| direction == first) { *first } else { Direction::Changed }
        });
        if changes.len() > Self::MAX_CHANGES {
            found.changes_omitted = (changes.len() - Self::MAX_CHANGES) as u32;
            // The sort is stable: of those that weigh the same the first ones stay, in their order.
            let mut order: Vec<usize> = (0..changes.len()).collect();
            order.sort_by_key(|at| changes.get(*at).map(|change| std::cmp::Reverse(rank(change.verdict))));
            let mut kept = vec![false; changes.len()];
            for at in order.into_iter().take(Self::MAX_CHANGES) {
                kept.get_mut(at).into_iter().for_each(|kept| *kept = true);
            }
            let mut kept = kept.into_iter();
            changes.retain(|_| kept.next().unwrap_or(false));
        }
        found.changes = changes;
        found
    }
}

/// How grave a verdict is.
const fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::None => 0,
        Verdict::Undecided => 1,
        Verdict::Tone => 2,
        Verdict::Accuracy => 3,
        Verdict::Both => 4,
    }
}

/// The verdict on what has parts with these.
pub(super) const fn gravest(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::Accuracy, Verdict::Tone) | (Verdict::Tone, Verdict::Accuracy) => Verdict::Both,
        _ if rank(one) >= rank(other) => one,
        _ => other,
    }
}

/// One version of a document.
struct Side<'a> {
    source: &'a str,
    lines: Lines<'a>,
    /// Those with words, and their words.
    segments: Vec<Segment>,
    words: Vec<Words>,
}

impl<'a> Side<'a> {
    fn read(source: &'a str, field: &str, names: &mut Names) -> Result<Self> {
        let found = segments(source).map_err(|error| Error::limit(field, error.to_string()))?;
        let (mut kept, mut words) = (Vec::with_capacity(found.len()), Vec::with_capacity(found.len()));
        for segment in found {
            if let Some(read) = names.read(slice(source, segment.span)) {
                kept.push(segment);
                words.push(read);
            }
        }
        Ok(Self { source, lines: Lines::new(source), segments: kept, words })
    }

    /// From the first segment of a range to its last one.
    fn span(&self, range: &std::ops::Range<usize>) -> Option<Span> {
        let parts = self.segments.get(range.clone())?;
        Some(Span { start: parts.first()?.span.start, end: parts.last()?.span.end })
    }
}

fn slice(source: &str, span: Span) -> &str {
    source.get(span.start as usize..span.end as usize).unwrap_or_default()
}

struct Comparer<'a> {
    old: &'a Side<'a>,
    new: &'a Side<'a>,
    policy: &'a GuardPolicy,
    changes: Vec<SegmentChange>,
}

impl Comparer<'_> {
    fn compare(&mut self, matches: &[Match]) -> Result<()> {
        // Where each lost segment would stand: behind the last one before it that kept its place.
        let mut at_new = vec![None; self.old.segments.len()];
        let mut is_matched = vec![false; self.new.segments.len()];
        for one in matches {
            for old in one.old.clone() {
                at_new.get_mut(old).into_iter().for_each(|at| *at = Some((one.new.end, one.is_moved)));
            }
            is_matched.get_mut(one.new.clone()).into_iter().flatten().for_each(|is| *is = true);
        }
        let mut behind = 0;
        let mut lost: Vec<(usize, usize)> = Vec::new();
        for (old, at) in at_new.into_iter().enumerate() {
            match at {
                Some((end, false)) => behind = end,
                Some((_, true)) => {}
                None => lost.push((behind, old)),
            }
        }
        lost.sort_unstable();
        let (mut lost, mut matches) = (lost.into_iter().peekable(), matches.iter().peekable());
        for at in 0..=self.new.segments.len() {
            while let Some((_, old)) = lost.next_if(|(behind, _)| *behind <= at) {
                self.alone(SegmentChangeKind::Lost, old, at)?;
            }
            if let Some(one) = matches.next_if(|one| one.new.start == at) {
                self.pair(one)?;
            } else if is_matched.get(at) == Some(&false) {
                self.alone(SegmentChangeKind::Added, at, at)?;
            }
        }
        Ok(())
    }

    /// Two that are the same.
    fn pair(&mut self, one: &Match) -> Result<()> {
        let (Some(old), Some(new)) = (self.old.span(&one.old), self.new.span(&one.new)) else {
            return Ok(());
        };
        let (before, after) = (slice(self.old.source, old), slice(self.new.source, new));
        let mut assessment = Assessment::of(before, after, self.policy)?;
        let is_same = assessment.verdict == Verdict::None && assessment.findings.is_empty();
        if is_same && !one.is_moved {
            return Ok(());
        }
        if one.is_moved {
            let message = "It stands at another place among the others.".to_owned();
            let (old, new) = (Some(relative(old)), Some(relative(new)));
            let direction = Direction::Changed;
            let (signal, severity) = (Signal::Order, Severity::Note);
            assessment.findings.push(Finding { signal, severity, direction, old, new, message });
        }
        let change = if is_same { SegmentChangeKind::Moved } else { SegmentChangeKind::Changed };
        let kind =
            self.new.segments.get(one.new.start).map_or(SegmentKind::Paragraph, |segment| segment.kind);
        self.push(change, kind, (Some(old), Some(new)), one.new.start, one.is_moved, assessment);
        Ok(())
    }

    /// One that is only in one of the documents.
    fn alone(&mut self, change: SegmentChangeKind, index: usize, at: usize) -> Result<()> {
        let is_lost = change == SegmentChangeKind::Lost;
        let side = if is_lost { self.old } else { self.new };
        let Some(segment) = side.segments.get(index) else { return Ok(()) };
        let text = slice(side.source, segment.span);
        let mut assessment = if is_lost {
            Assessment::of(text, "", self.policy)?
        } else {
            Assessment::of("", text, self.policy)?
        };
        let gravest = assessment.findings.iter().map(|finding| finding.severity).max();
        let severity = match segment.kind {
            // What stands above a rule is none.
            SegmentKind::Heading => Severity::Note,
            _ => gravest.unwrap_or(Severity::Note).max(Severity::Minor),
        };
        let (direction, verb) =
            if is_lost { (Direction::Lost, "lost") } else { (Direction::Gained, "added") };
        let excerpt = super::finding::excerpt(text, Span { start: 0, end: text.len() as u32 });
        let message = format!("{} was {verb}: “{excerpt}”.", segment.kind.name());
        let whole = Some(relative(segment.span));
        let (old, new) = if is_lost { (whole, None) } else { (None, whole) };
        let hidden = assessment.findings.into_iter().filter(|finding| finding.signal == Signal::Hidden);
        assessment.findings = hidden.collect();
        let signal = Signal::Sentence;
        assessment.findings.insert(0, Finding { signal, severity, direction, old, new, message });
        assessment.findings_omitted = 0;
        assessment.direction = Some(direction);
        // What is not there has no tone that could have shifted.
        (assessment.firmer, assessment.softer) = (0.0, 0.0);
        assessment.verdict = self.policy.verdict(assessment.accuracy, 0.0, assessment.coverage);
        if segment.kind == SegmentKind::Heading {
            assessment.verdict = Verdict::None;
        }
        let span = Some(segment.span);
        let spans = if is_lost { (span, None) } else { (None, span) };
        self.push(change, segment.kind, spans, at, false, assessment);
        Ok(())
    }

    fn push(
        &mut self,
        change: SegmentChangeKind,
        kind: SegmentKind,
        (old, new): (Option<Span>, Option<Span>),
        at: usize,
        is_moved: bool,
        assessment: Assessment,
    ) {
        let place = |side: &Side<'_>, segment: Option<Span>, span: Option<Span>| {
            let (segment, span) = (segment?, span?);
            let (start, end) = (segment.start + span.start, segment.start + span.end);
            Some(side.lines.region(Span { start, end }))
        };
        let findings = assessment.findings.into_iter().map(|finding| DocumentFinding {
            signal: finding.signal,
            severity: finding.severity,
            direction: finding.direction,
            old: place(self.old, old, finding.old),
            new: place(self.new, new, finding.new),
            message: finding.message,
        });
        let findings = findings.collect();
        let follows = self.new.segments.get(at).or_else(|| self.new.segments.last());
        let line = follows.map_or(1, |segment| self.new.lines.region(segment.span).line);
        self.changes.push(SegmentChange {
            change,
            kind,
            is_moved,
            old: old.map(|span| self.old.lines.region(span)),
            new: new.map(|span| self.new.lines.region(span)),
            line,
            verdict: assessment.verdict,
            accuracy: assessment.accuracy,
            firmer: assessment.firmer,
            softer: assessment.softer,
            direction: assessment.direction,
            coverage: assessment.coverage,
            findings,
            findings_omitted: assessment.findings_omitted,
        });
    }
}

/// The span of a whole segment, seen from its beginning.
const fn relative(span: Span) -> Span {
    Span { start: 0, end: span.end - span.start }
}

#[cfg(test)]
mod tests;
