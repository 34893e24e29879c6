//! Texts of rules and prompts, as their readers take them: tokens that ignore what is only form, and what differs between
//! two of them.
//!
//! Everything here is pure, takes time linear in the texts (a comparison: nearly so, by the bounded heuristics of its diff),
//! and gives spans as byte offsets into the text that was given.

mod compare;
mod diff;
mod lexer;
mod number;
mod token;

pub use compare::{Comparison, Hunk};
pub(crate) use lexer::is_hidden;
pub use token::{Case, Marks, Span, Text, Token, TokenKind};

/// The longest text that is compared, in bytes.
pub const MAX_TEXT_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests;
