//! Why a document was refused, and where.

use std::fmt;

use super::MAX_DEPTH;
use crate::error::{Error, ErrorKind};

/// The field of an error about a document as a whole, whose JSON Pointer would be the empty text.
pub(super) const WHOLE: &str = "json";

/// A refusal on its way out of the recursion.
///
/// The place is collected while it passes the arrays and objects around the cause, so that a document without fault
/// pays nothing for it. Boxed, so that the results of the hot path fit a register.
#[derive(Debug)]
pub(super) struct Failure(Box<Refusal>);

#[derive(Debug)]
struct Refusal {
    kind: ErrorKind,
    reason: String,
    /// The byte of the text that was read, for the parser.
    offset: Option<usize>,
    /// The reference tokens of the JSON Pointer, innermost first.
    tokens: Vec<String>,
}

impl Failure {
    #[cold]
    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, reason.into())
    }

    #[cold]
    pub(super) fn too_deep() -> Self {
        Self::new(ErrorKind::Limit, format!("arrays and objects nest deeper than {MAX_DEPTH} levels"))
    }

    fn new(kind: ErrorKind, reason: String) -> Self {
        Self(Box::new(Refusal { kind, reason, offset: None, tokens: Vec::new() }))
    }

    /// The same refusal, caused by the byte at `offset`.
    pub(super) fn at_byte(mut self, offset: usize) -> Self {
        self.0.offset = Some(offset);
        self
    }

    /// The same refusal, seen from the array or object around its place.
    #[cold]
    pub(super) fn within(mut self, token: impl ToString) -> Self {
        self.0.tokens.push(token.to_string());
        self
    }

    pub(super) fn into_error(self, attempt: &str) -> Error {
        let Refusal { kind, reason, offset, tokens } = *self.0;
        let pointer = pointer(&tokens);
        let place = if pointer.is_empty() { "the root" } else { &pointer };
        let message = match offset {
            Some(offset) => format!("{attempt}: {reason}, at {place} (byte {offset})"),
            None => format!("{attempt}: {reason}, at {place}"),
        };
        let field = if pointer.is_empty() { WHOLE.to_owned() } else { pointer };
        Error::new(kind, message).with_field(field)
    }
}

/// Source: RFC 6901 §3 and §4.
fn pointer(innermost_first: &[String]) -> String {
    let mut pointer = String::new();
    for token in innermost_first.iter().rev() {
        pointer.push('/');
        pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.reason)
    }
}

impl std::error::Error for Failure {}

impl serde::ser::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::invalid(message.to_string())
    }
}
