//! What a text is made of.

use serde::{Deserialize, Serialize};

/// A part of a text: byte offsets, from `start` to before `end`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Where it begins.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A word.
    Word,
    /// A number, in digits or in words.
    Number,
    /// A symbol that means something: a currency, a percent sign.
    Symbol,
    /// What a program fills in: `{x}`, `{{x}}`, `${x}`, `<x>`, `%s`.
    Placeholder,
    /// A web or mail address.
    Address,
    /// The target of a link whose text stands before it.
    Target,
    /// A name in code: `snake_case`, `a.b`, `path/file`.
    Identifier,
}

/// How a token is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Case {
    /// No capitals.
    Lower,
    /// The first letter is a capital.
    Capitalised,
    /// More than one letter, and all capitals.
    Upper,
}

/// What stands around a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Marks(u16);

impl Marks {
    /// A full stop behind it.
    pub const STOP: Self = Self(1);
    /// An exclamation mark behind it.
    pub const EXCLAMATION: Self = Self(1 << 1);
    /// A question mark behind it.
    pub const QUESTION: Self = Self(1 << 2);
    /// A comma behind it.
    pub const COMMA: Self = Self(1 << 3);
    /// A semicolon behind it.
    pub const SEMICOLON: Self = Self(1 << 4);
    /// A colon behind it.
    pub const COLON: Self = Self(1 << 5);
    /// A bracket closes behind it.
    pub const CLOSE: Self = Self(1 << 6);
    /// A line ends behind it.
    pub const LINE: Self = Self(1 << 7);
    /// A bracket opens before it.
    pub const OPEN: Self = Self(1 << 8);
    /// It begins an item of a list, a heading or a numbered clause.
    pub const ITEM: Self = Self(1 << 9);
    /// It stands within markup of emphasis.
    pub const MARKED: Self = Self(1 << 10);
    /// It comes from a contraction, such as the "not" of "don't".
    pub const CONTRACTED: Self = Self(1 << 11);
    /// It stands within marks of code.
    pub const CODE: Self = Self(1 << 13);
    /// A quotation mark stands before it.
    pub const QUOTED: Self = Self(1 << 12);

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` are among these.
    #[must_use]
    pub const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// These and `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a sentence ends here.
    #[must_use]
    pub const fn ends_sentence(self) -> bool {
        self.has_any(Self(Self::STOP.0 | Self::EXCLAMATION.0 | Self::QUESTION.0))
    }
}

/// A token, whose normal form is what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// How it is written.
    pub case: Case,
    /// What stands around it.
    pub marks: Marks,
    /// Where it stands in the text.
    pub span: Span,
    /// Where its normal form stands.
    normal: Span,
}

/// A text as its tokens. What is only form (markup, numbering, quotes, whitespace, capitals, invisible characters,
/// contractions) is not among them.
#[derive(Debug, Clone, Default)]
pub struct Text {
    tokens: Vec<Token>,
    normal: String,
    /// Invisible characters that change how a text is shown or read: those that turn its direction, tags, and what has no
    /// width within a word.
    hidden: Vec<Span>,
}

impl Text {
    /// The tokens of `source`, of which only the first [`MAX_TEXT_BYTES`](super::MAX_TEXT_BYTES) are read.
    #[must_use]
    pub fn new(source: &str) -> Self {
        super::lexer::lex(source)
    }

    /// The tokens, in order.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The normal form of one of them: lower case, without accents of form (NFKC), numbers in digits.
    #[must_use]
    pub fn normal(&self, token: &Token) -> &str {
        self.normal.get(token.normal.start as usize..token.normal.end as usize).unwrap_or_default()
    }

    /// The normal form of the token at `index`; empty outside.
    #[must_use]
    pub fn word(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| self.normal(token))
    }

    /// Where invisible characters stand that change how a text is shown or read.
    #[must_use]
    pub fn hidden(&self) -> &[Span] {
        &self.hidden
    }

    pub(super) fn push(&mut self, kind: TokenKind, case: Case, marks: Marks, span: Span, normal: &str) {
        let start = self.normal.len() as u32;
        self.normal.push_str(normal);
        let normal = Span { start, end: self.normal.len() as u32 };
        self.tokens.push(Token { kind, case, marks, span, normal });
    }

    pub(super) fn push_hidden(&mut self, span: Span) {
        match self.hidden.last_mut() {
            Some(last) if last.end == span.start => last.end = span.end,
            _ => self.hidden.push(span),
        }
    }

    pub(super) fn mark_last(&mut self, marks: Marks) {
        if let Some(last) = self.tokens.last_mut() {
            last.marks = last.marks.with(marks);
        }
    }

    pub(super) fn tokens_mut(&mut self) -> &mut Vec<Token> {
        &mut self.tokens
    }

    pub(super) fn renormal(&mut self, index: usize, kind: TokenKind, end: u32, normal: &str) {
        let start = self.normal.len() as u32;
        self.normal.push_str(normal);
        let normal = Span { start, end: self.normal.len() as u32 };
        if let Some(token) = self.tokens.get_mut(index) {
            token.kind = kind;
            token.normal = normal;
            token.span.end = token.span.end.max(end);
        }
    }
}
