//! The strict parser. Recursion is bounded by [`MAX_DEPTH`]; every byte is looked at a bounded number of times.

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::MAX_DEPTH;
use super::failure::Failure;
use super::number;
use super::text::plain_prefix;

/// How much of a refused literal a message quotes.
const QUOTED_CHARS: usize = 40;

pub(super) struct Parser<'a> {
    /// The text as far as it is UTF-8.
    text: &'a str,
    at: usize,
    depth: usize,
    /// Whether bytes that are not UTF-8 follow the text.
    torn: bool,
}

impl<'a> Parser<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self { text, at: 0, depth: 0, torn: false },
            // What stands before the damage is parsed first, so that the damage can be placed in the document.
            Err(error) => {
                let text = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
                Self { text, at: 0, depth: 0, torn: true }
            }
        }
    }

    /// The one value that the whole text is.
    pub(super) fn document(mut self) -> Result<Value, Failure> {
        let value = self.value()?;
        self.skip_whitespace();
        if self.at < self.text.len() || self.torn {
            return Err(self.unexpected("the end of the text"));
        }
        Ok(value)
    }

    fn value(&mut self) -> Result<Value, Failure> {
        self.skip_whitespace();
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Number(self.number()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn nested(&mut self, content: fn(&mut Self) -> Result<Value, Failure>) -> Result<Value, Failure> {
        if self.depth == MAX_DEPTH {
            return Err(Failure::too_deep().at_byte(self.at));
        }
        self.depth += 1;
        // The bracket.
        self.at += 1;
        self.skip_whitespace();
        let value = content(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Result<Value, Failure> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value().map_err(|failure| failure.within(items.len()))?);
            self.skip_whitespace();
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            if !self.take(b',') {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
    }

    fn object(&mut self) -> Result<Value, Failure> {
        let mut members = Map::new();
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_whitespace();
            let name_at = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("the name of a member"));
            }
            match members.entry(self.string()?) {
                Entry::Occupied(twice) => {
                    let failure = Failure::invalid("a member of this name stands twice");
                    return Err(failure.at_byte(name_at).within(twice.key()));
                }
                Entry::Vacant(member) => {
                    self.skip_whitespace();
                    let value = if self.take(b':') { self.value() } else { Err(self.unexpected("`:`")) };
                    match value {
                        Ok(value) => member.insert(value),
                        Err(failure) => return Err(failure.within(member.key())),
                    };
                }
            }
            self.skip_whitespace();
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.take(b',') {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Failure> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.unexpected("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    /// Source: RFC 8259 §6.
    fn number(&mut self) -> Result<Number, Failure> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        } else if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(Failure::invalid("a number has a leading zero").at_byte(start));
        }
        let integer_end = self.at;
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let literal = &self.text[start..self.at];
        number::read(literal, self.at == integer_end).map_err(|reason| {
            let ellipsis = if literal.len() > QUOTED_CHARS { "..." } else { "" };
            let quoted = &literal[..literal.len().min(QUOTED_CHARS)];
            Failure::invalid(format!("number {quoted}{ellipsis} is refused: {reason}")).at_byte(start)
        })
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), Failure> {
        let rest = &self.text.as_bytes()[self.at..];
        match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
            0 => Err(self.unexpected("a digit")),
            count => {
                self.at += count;
                Ok(())
            }
        }
    }

    /// Source: RFC 8259 §7.
    fn string(&mut self) -> Result<String, Failure> {
        // The quotation mark.
        self.at += 1;
        let mut unescaped = String::new();
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let plain = &self.text[self.at..self.at + plain_prefix(rest)];
            self.at += plain.len();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    // Most text has no escapes, and is then copied once, into its exact size.
                    return Ok(if unescaped.is_empty() { plain.to_owned() } else { unescaped + plain });
                }
                Some(b'\\') => {
                    unescaped.push_str(plain);
                    unescaped.push(self.escape()?);
                }
                _ => return Err(self.unexpected("the rest of a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Failure> {
        let start = self.at;
        // The backslash.
        self.at += 1;
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(start),
            _ => return Err(self.unexpected("an escape of JSON")),
        };
        self.at += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self, start: usize) -> Result<char, Failure> {
        let first = self.code_unit()?;
        // A surrogate that is not followed by its other half decodes to an error.
        let second = if matches!(first, 0xD800..=0xDBFF) && self.text[self.at..].starts_with("\\u") {
            self.at += 1;
            Some(self.code_unit()?)
        } else {
            None
        };
        let mut characters = char::decode_utf16([first].into_iter().chain(second));
        match characters.next() {
            Some(Ok(character)) => Ok(character),
            _ => {
                let reason = format!("escape \\u{first:04x} is half of a surrogate pair");
                Err(Failure::invalid(reason).at_byte(start))
            }
        }
    }

    /// The four hexadecimal digits after a `u`.
    fn code_unit(&mut self) -> Result<u16, Failure> {
        // The `u`.
        self.at += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit.and_then(|digit| u16::try_from(digit).ok()) else {
                return Err(self.unexpected("a hexadecimal digit"));
            };
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }

    #[inline]
    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes `byte` if it comes next.
    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[cold]
    fn unexpected(&self, expected: &str) -> Failure {
        let found = match self.text[self.at..].chars().next() {
            Some(found) => format!("{found:?}"),
            None if self.torn => "bytes that are not UTF-8".to_owned(),
            None => "the end of the text".to_owned(),
        };
        Failure::invalid(format!("expected {expected}, found {found}")).at_byte(self.at)
    }
}
