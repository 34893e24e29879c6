//! What a signal found.

use serde::{Deserialize, Serialize};

use super::reading::Reading;
use crate::text::{Span, Text};

/// What kind of change was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Signal {
    /// An amount, a limit, a period.
    Number,
    /// What is counted, or the currency.
    Unit,
    /// A date.
    Date,
    /// The number of a section, a table or a step.
    Reference,
    /// A "not" and the like.
    Negation,
    /// Must, should, may: how binding it is.
    Modality,
    /// Who does it, or to whom.
    Party,
    /// All, any, some, only, except: what it covers.
    Quantifier,
    /// If, unless, subject to, until.
    Condition,
    /// An item of a list.
    Enumeration,
    /// A whole sentence.
    Sentence,
    /// What a program fills in.
    Placeholder,
    /// A name in code, a file, a tool.
    Identifier,
    /// A web or mail address, or the target of a link.
    Address,
    /// What holds if nobody says otherwise.
    Default,
    /// A right, a consent, a prohibition, a liability.
    Permission,
    /// Other words with a meaning of their own.
    Wording,
    /// Words that stand elsewhere now.
    Order,
    /// Characters that show nothing, or change how others are shown.
    Hidden,
    /// How formal it is.
    Formality,
    /// How polite it is.
    Politeness,
    /// How hedged it is.
    Hedging,
    /// How commanding it is.
    Directness,
    /// How kindly or unkindly it speaks.
    Sentiment,
    /// How hard it is to read.
    Readability,
    /// How long it is.
    Length,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::Number,
        Self::Unit,
        Self::Date,
        Self::Reference,
        Self::Negation,
        Self::Modality,
        Self::Party,
        Self::Quantifier,
        Self::Condition,
        Self::Enumeration,
        Self::Sentence,
        Self::Placeholder,
        Self::Identifier,
        Self::Address,
        Self::Default,
        Self::Permission,
        Self::Wording,
        Self::Order,
        Self::Hidden,
        Self::Formality,
        Self::Politeness,
        Self::Hedging,
        Self::Directness,
        Self::Sentiment,
        Self::Readability,
        Self::Length,
    ];

    /// Its name, as it is serialized.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Unit => "unit",
            Self::Date => "date",
            Self::Reference => "reference",
            Self::Negation => "negation",
            Self::Modality => "modality",
            Self::Party => "party",
            Self::Quantifier => "quantifier",
            Self::Condition => "condition",
            Self::Enumeration => "enumeration",
            Self::Sentence => "sentence",
            Self::Placeholder => "placeholder",
            Self::Identifier => "identifier",
            Self::Address => "address",
            Self::Default => "default",
            Self::Permission => "permission",
            Self::Wording => "wording",
            Self::Order => "order",
            Self::Hidden => "hidden",
            Self::Formality => "formality",
            Self::Politeness => "politeness",
            Self::Hedging => "hedging",
            Self::Directness => "directness",
            Self::Sentiment => "sentiment",
            Self::Readability => "readability",
            Self::Length => "length",
        }
    }

    /// Whether it is about how something is said and not about what.
    #[must_use]
    pub const fn is_tone(self) -> bool {
        matches!(
            self,
            Self::Formality
                | Self::Politeness
                | Self::Hedging
                | Self::Directness
                | Self::Sentiment
                | Self::Readability
        )
    }

    /// What it looks at, in a sentence.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Number => "An amount, a limit or a period became another, came or went.",
            Self::Unit => "What is counted became something else: days, months, a currency.",
            Self::Date => "A date became another.",
            Self::Reference => "The number of a section, a table or a step became another.",
            Self::Negation => "A negation came or went.",
            Self::Modality => "How binding it is changed: must, should, may (RFC 2119) and plain English.",
            Self::Party => "Who does it or to whom changed, or parties changed places.",
            Self::Quantifier => "What it covers changed: all, any, some, only, except, at most.",
            Self::Condition => "A condition came, went or changed: if, unless, until, subject to.",
            Self::Enumeration => "An item of a list came or went.",
            Self::Sentence => "A whole sentence came or went.",
            Self::Placeholder => "What a program fills in changed, came or went.",
            Self::Identifier => "A name in code, of a file or of a tool changed, came or went.",
            Self::Address => "An address or the target of a link changed.",
            Self::Default => "What holds if nobody says otherwise changed.",
            Self::Permission => "A right, a consent, a prohibition or a liability changed.",
            Self::Wording => "Words with a meaning of their own changed, came or went.",
            Self::Order => "The same words stand in another order.",
            Self::Hidden => "Invisible characters came that change how the text is shown or read.",
            Self::Formality => "It became more or less formal.",
            Self::Politeness => "It became more or less polite.",
            Self::Hedging => "It became more or less hedged.",
            Self::Directness => "It became more or less commanding.",
            Self::Sentiment => "It speaks more or less kindly.",
            Self::Readability => "It became harder or easier to read.",
            Self::Length => "It became much longer or shorter.",
        }
    }
}

/// How much a finding matters by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// May matter.
    Minor,
    /// Changes what the rule says, unless the context says otherwise.
    Major,
}

/// Which way something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Direction {
    /// It demands more, or allows less.
    Stricter,
    /// It demands less, or allows more.
    Looser,
    /// Something came.
    Gained,
    /// Something went.
    Lost,
    /// Something became something else.
    Changed,
    /// It is said more firmly.
    Firmer,
    /// It is said more softly.
    Softer,
}

/// A change that a signal found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What kind of change.
    pub signal: Signal,
    /// How much it matters by itself.
    pub severity: Severity,
    /// Which way.
    pub direction: Direction,
    /// Where in the older version, in bytes of UTF-8; none if it is not there.
    pub old: Option<Span>,
    /// Where in the newer version.
    pub new: Option<Span>,
    /// What a reviewer is told.
    pub message: String,
}

/// The longest excerpt of a text in a message, in characters.
const MAX_EXCERPT: usize = 60;

/// The findings of one comparison.
#[derive(Debug)]
pub(crate) struct Findings<'a> {
    pub(crate) reading: &'a Reading,
    sources: (&'a str, &'a str),
    found: Vec<Finding>,
    /// How many there were beyond the bound.
    pub(crate) omitted: u32,
}

/// Tokens of the older version and of the newer one that a finding is about: the first and the last.
pub(crate) type Place = (Option<(usize, usize)>, Option<(usize, usize)>);

impl<'a> Findings<'a> {
    pub(crate) const fn new(reading: &'a Reading, old: &'a str, new: &'a str) -> Self {
        Self { reading, sources: (old, new), found: Vec::new(), omitted: 0 }
    }

    pub(crate) fn old_text(&self) -> &'a Text {
        &self.reading.comparison.old
    }

    pub(crate) fn new_text(&self) -> &'a Text {
        &self.reading.comparison.new
    }

    /// What stands in the older version from one token to another, shortened.
    pub(crate) fn old_excerpt(&self, (first, last): (usize, usize)) -> String {
        excerpt(self.sources.0, span(self.old_text(), first, last))
    }

    /// What stands in the newer version.
    pub(crate) fn new_excerpt(&self, (first, last): (usize, usize)) -> String {
        excerpt(self.sources.1, span(self.new_text(), first, last))
    }

    pub(crate) fn add(
        &mut self,
        signal: Signal,
        severity: Severity,
        direction: Direction,
        place: Place,
        message: String,
    ) {
        let old = place.0.map(|(first, last)| span(self.old_text(), first, last));
        let new = place.1.map(|(first, last)| span(self.new_text(), first, last));
        self.add_at(signal, severity, direction, (old, new), message);
    }

    pub(crate) fn add_at(
        &mut self,
        signal: Signal,
        severity: Severity,
        direction: Direction,
        (old, new): (Option<Span>, Option<Span>),
        message: String,
    ) {
        if self.found.len() < super::Assessment::MAX_FINDINGS {
            self.found.push(Finding { signal, severity, direction, old, new, message });
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }

    /// What became what, came or went, in the words of a message.
    pub(crate) fn told(&self, what: &str, place: Place) -> (Direction, String) {
        match place {
            (Some(old), Some(new)) => {
                let (old, new) = (self.old_excerpt(old), self.new_excerpt(new));
                (Direction::Changed, format!("{what} changed: “{old}” became “{new}”."))
            }
            (Some(old), None) => (Direction::Lost, format!("{what} was lost: “{}”.", self.old_excerpt(old))),
            (None, Some(new)) => {
                (Direction::Gained, format!("{what} was added: “{}”.", self.new_excerpt(new)))
            }
            (None, None) => (Direction::Changed, format!("{what} changed.")),
        }
    }

    /// The findings, the gravest first, otherwise as they stand in the newer text.
    pub(crate) fn finish(mut self) -> (Vec<Finding>, u32) {
        let place = |finding: &Finding| finding.new.or(finding.old).map_or(0, |span| span.start);
        self.found
            .sort_by_key(|finding| (std::cmp::Reverse(finding.severity), place(finding), finding.signal));
        (self.found, self.omitted)
    }
}

fn span(text: &Text, first: usize, last: usize) -> Span {
    let at = |index: usize| text.tokens().get(index).map_or_else(Span::default, |token| token.span);
    Span { start: at(first).start, end: at(last).end }
}

/// A part of a text as a message shows it: on one line, and not too long.
pub(crate) fn excerpt(source: &str, span: Span) -> String {
    let part = source.get(span.start as usize..span.end as usize).unwrap_or_default();
    let mut excerpt = String::new();
    for (count, found) in part.chars().enumerate() {
        if count == MAX_EXCERPT {
            excerpt.push('…');
            break;
        }
        // What is not shown could turn a message around.
        let is_shown = !found.is_control() && !crate::text::is_hidden(found);
        excerpt.push(if is_shown { found } else { ' ' });
    }
    excerpt
}
