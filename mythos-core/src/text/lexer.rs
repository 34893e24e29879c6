//! Takes a text apart, and leaves out what is only form.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::number;
use super::token::{Case, Marks, Span, Text, TokenKind};

/// Tags of HTML, which are markup; another name between angle brackets is a placeholder.
const HTML: [&str; 34] = [
    "a",
    "b",
    "blockquote",
    "br",
    "code",
    "dd",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "hr",
    "i",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "td",
    "th",
    "tr",
    "u",
    "ul",
];

/// What follows the apostrophe of a contraction, and the word that it stands for.
const CONTRACTIONS: [(&str, &str); 6] =
    [("ll", "will"), ("re", "are"), ("ve", "have"), ("d", "would"), ("m", "am"), ("t", "not")];

/// Words whose "'s" stands for "is" and not for a genitive.
const BEFORE_IS: [&str; 14] = [
    "it",
    "that",
    "there",
    "he",
    "she",
    "what",
    "who",
    "where",
    "here",
    "how",
    "this",
    "everything",
    "when",
    "let",
];

/// The longest name of a placeholder, in bytes.
const MAX_PLACEHOLDER: usize = 64;

/// The longest address of a link that is looked for, in bytes.
const MAX_TARGET: usize = 4_096;

pub(super) fn lex(source: &str) -> Text {
    let mut end = source.len().min(super::MAX_TEXT_BYTES);
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    let source = source.get(..end).unwrap_or_default();
    let mut lexer = Lexer {
        source,
        bytes: source.as_bytes(),
        at: 0,
        text: Text::default(),
        before: Marks::default(),
        is_line_start: true,
        emphasis: 0,
        code: 0,
        scratch: String::new(),
    };
    lexer.run();
    let mut text = lexer.text;
    number::join(&mut text);
    text
}

struct Lexer<'a> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
    text: Text,
    /// The marks that stand before the next token.
    before: Marks,
    is_line_start: bool,
    /// How many runs of marks of emphasis there were: behind an odd number of them, text is inside.
    emphasis: u32,
    /// The same of marks of code.
    code: u32,
    scratch: String,
}

impl<'a> Lexer<'a> {
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    fn char_at(&self, at: usize) -> Option<char> {
        self.source.get(at..)?.chars().next()
    }

    fn run(&mut self) {
        while self.at < self.bytes.len() {
            if self.is_line_start {
                self.is_line_start = false;
                self.line_start();
                continue;
            }
            self.step();
        }
    }

    /// Passes over what begins a line and is only form: indentation, quoting, bullets, numbering, the head of an assignment.
    fn line_start(&mut self) {
        loop {
            self.skip_blanks();
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            match rest.first() {
                Some(b'#') => {
                    let level = rest.iter().take_while(|byte| **byte == b'#').count();
                    self.at += level;
                    self.before = self.before.with(Marks::ITEM);
                }
                Some(b'>') => self.at += 1,
                Some(b'-' | b'*' | b'+') if matches!(rest.get(1), Some(b' ' | b'\t')) => {
                    self.at += 2;
                    self.before = self.before.with(Marks::ITEM);
                }
                Some(b'|') => self.at += 1,
                // Emphasis may stand before the numbering.
                Some(b'*' | b'_') if numbering(rest.get(emphasis(rest)..).unwrap_or_default()).is_some() => {
                    self.at += emphasis(rest);
                    self.emphasis ^= 1;
                }
                Some(0xE2) => match self.char_at(self.at) {
                    Some(bullet @ ('•' | '◦' | '▪' | '‣' | '–' | '—' | '●' | '○' | '■')) => {
                        self.at += bullet.len_utf8();
                        self.before = self.before.with(Marks::ITEM);
                    }
                    _ => break,
                },
                _ => {
                    let Some(length) = numbering(rest) else { break };
                    self.at += length;
                    self.before = self.before.with(Marks::ITEM);
                }
            }
        }
        if let Some(length) = assignment(self.bytes.get(self.at..).unwrap_or_default()) {
            self.at += length;
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.byte(self.at), b' ' | b'\t') {
            self.at += 1;
        }
    }

    fn step(&mut self) {
        let byte = self.byte(self.at);
        match byte {
            b'\n' | b'\r' => {
                self.at += 1;
                self.text.mark_last(Marks::LINE);
                self.is_line_start = true;
            }
            b' ' | b'\t' => self.at += 1,
            b'\\'
                if matches!(self.byte(self.at + 1), b'n') && !self.byte(self.at + 2).is_ascii_lowercase() =>
            {
                self.at += 2;
                self.text.mark_last(Marks::LINE);
                self.is_line_start = true;
            }
            b'0'..=b'9' => self.number(),
            b'a'..=b'z' | b'A'..=b'Z' => self.word(),
            b'{' | b'<' | b'%' | b'$' => self.sign(byte),
            b'[' => {
                self.at += 1;
            }
            b']' => {
                self.at += 1;
                if self.byte(self.at) == b'(' {
                    self.target();
                }
            }
            b'*' | b'_' | b'~' | b'`' => {
                let start = self.at;
                while self.byte(self.at) == byte {
                    self.at += 1;
                }
                match byte {
                    // Three and more fence a block.
                    b'`' if self.at - start < 3 => self.code ^= 1,
                    b'`' => {}
                    _ => self.emphasis ^= 1,
                }
            }
            b'(' => {
                self.before = self.before.with(Marks::OPEN);
                self.at += 1;
            }
            b'"' => {
                self.before = self.before.with(Marks::QUOTED);
                self.at += 1;
            }
            0x80.. => self.foreign(),
            _ => {
                self.at += 1;
                let mark = match byte {
                    b'.' => Marks::STOP,
                    b'!' => Marks::EXCLAMATION,
                    b'?' => Marks::QUESTION,
                    b',' => Marks::COMMA,
                    b';' => Marks::SEMICOLON,
                    b':' => Marks::COLON,
                    b')' => Marks::CLOSE,
                    _ => return,
                };
                self.text.mark_last(mark);
            }
        }
    }

    fn push(&mut self, kind: TokenKind, case: Case, span: Span, normal: &str) {
        let mut marks = std::mem::take(&mut self.before);
        if self.emphasis & 1 == 1 {
            marks = marks.with(Marks::MARKED);
        }
        if self.code & 1 == 1 {
            marks = marks.with(Marks::CODE);
        }
        self.text.push(kind, case, marks, span, normal);
    }

    fn span(&self, start: usize) -> Span {
        Span { start: start as u32, end: self.at as u32 }
    }

    /// A character that is no letter of ASCII.
    fn foreign(&mut self) {
        let Some(found) = self.char_at(self.at) else {
            self.at += 1;
            return;
        };
        let start = self.at;
        if is_hidden(found) {
            self.at += found.len_utf8();
            // Between words, only what turns the direction of text or hides letters does any harm.
            let is_harmless = !turns(found);
            if !is_harmless {
                let span = self.span(start);
                self.text.push_hidden(span);
            }
            return;
        }
        match found {
            '“' | '”' | '„' | '«' | '»' | '‘' => {
                self.before = self.before.with(Marks::QUOTED);
                self.at += found.len_utf8();
            }
            '€' | '£' | '¥' | '₹' => {
                self.at += found.len_utf8();
                let span = self.span(start);
                self.push(TokenKind::Symbol, Case::Lower, span, found.encode_utf8(&mut [0; 4]));
            }
            '\u{2028}' | '\u{2029}' | '\u{85}' => {
                self.at += found.len_utf8();
                self.text.mark_last(Marks::LINE);
                self.is_line_start = true;
            }
            '。' | '…' => {
                self.at += found.len_utf8();
                self.text.mark_last(Marks::STOP);
            }
            _ if found.is_alphanumeric() => self.word(),
            _ => self.at += found.len_utf8(),
        }
    }

    /// A word, an identifier or an address.
    fn word(&mut self) {
        let start = self.at;
        let (mut upper, mut letters, mut is_ascii) = (0_u32, 0_u32, true);
        let mut is_identifier = false;
        let mut apostrophe = None;
        let first_is_upper = self.char_at(start).is_some_and(char::is_uppercase);
        while self.at < self.bytes.len() {
            let byte = self.byte(self.at);
            match byte {
                b'a'..=b'z' => {
                    letters += 1;
                    self.at += 1;
                }
                b'A'..=b'Z' => {
                    letters += 1;
                    upper += 1;
                    self.at += 1;
                }
                b'0'..=b'9' => self.at += 1,
                b'\'' if self.byte(self.at + 1).is_ascii_alphabetic() && apostrophe.is_none() => {
                    apostrophe = Some(self.at);
                    self.at += 1;
                }
                b'_' if self.byte(self.at + 1).is_ascii_alphanumeric() || self.byte(self.at + 1) == b'_' => {
                    // Emphasis that closes behind a word is no part of it.
                    is_identifier = true;
                    self.at += 1;
                }
                b'.' if self.joins_name(start) => {
                    is_identifier = true;
                    self.at += 1;
                }
                b':' if self.bytes.get(self.at..self.at + 3) == Some(b"://") => {
                    self.address(start);
                    return;
                }
                b'@' if self.byte(self.at + 1).is_ascii_alphanumeric() => {
                    self.address(start);
                    return;
                }
                0x80.. => {
                    let Some(found) = self.char_at(self.at) else { break };
                    if found == '’' && apostrophe.is_none() {
                        let next = self.char_at(self.at + found.len_utf8());
                        if !next.is_some_and(char::is_alphabetic) {
                            break;
                        }
                        apostrophe = Some(self.at);
                    } else if is_hidden(found) {
                        let next = self.at + found.len_utf8();
                        if !turns(found) && !self.char_at(next).is_some_and(char::is_alphanumeric) {
                            // At the edge of a word it parts nothing.
                            break;
                        }
                        if found != '\u{AD}' {
                            self.text.push_hidden(Span { start: self.at as u32, end: next as u32 });
                        }
                    } else if found.is_alphanumeric() || is_combining_mark(found) {
                        letters += 1;
                        upper += u32::from(found.is_uppercase());
                    } else {
                        break;
                    }
                    is_ascii = false;
                    self.at += found.len_utf8();
                }
                _ => break,
            }
        }
        if self.at == start {
            // A mark that combines with nothing.
            self.at += self.char_at(start).map_or(1, char::len_utf8);
            return;
        }
        if self.source.get(start..self.at).is_some_and(|word| word.eq_ignore_ascii_case("www"))
            && self.byte(self.at) == b'.'
        {
            self.address(start);
            return;
        }
        let case = match upper {
            _ if upper >= 2 && upper == letters => Case::Upper,
            _ if first_is_upper => Case::Capitalised,
            _ => Case::Lower,
        };
        self.finish_word(start, case, is_identifier, is_ascii, apostrophe);
    }

    /// Whether the full stop here belongs to a name: `main.py`, `a.b`, `e.g`, `U.S`.
    fn joins_name(&self, start: usize) -> bool {
        let next = self.byte(self.at + 1);
        if !next.is_ascii_alphanumeric() {
            return false;
        }
        // "end.Next" is a missing space, "user.name" and "main.py" are names.
        let is_abbreviation = self.at - start == 1 || self.byte(self.at.wrapping_sub(2)) == b'.';
        is_abbreviation || !next.is_ascii_uppercase()
    }

    fn finish_word(
        &mut self,
        start: usize,
        case: Case,
        is_identifier: bool,
        is_ascii: bool,
        apostrophe: Option<usize>,
    ) {
        let span = self.span(start);
        let whole = self.source.get(start..self.at).unwrap_or_default();
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        if is_ascii {
            scratch.push_str(whole);
            scratch.make_ascii_lowercase();
        } else {
            // RFC 8265 and UAX #31 compare identifiers in the same way: NFKC, and no case.
            scratch
                .extend(whole.chars().filter(|found| !is_hidden(*found)).flat_map(char::to_lowercase).nfkc());
        }
        if is_identifier {
            // An abbreviation with its full stops is the same without.
            let is_abbreviation = scratch.split('.').all(|part| part.chars().nth(1).is_none());
            if is_abbreviation {
                scratch.retain(|found| found != '.');
                if self.byte(self.at) == b'.' {
                    self.at += 1;
                }
                if scratch == "us" {
                    scratch.push('a');
                }
                self.push(TokenKind::Word, case, span, &scratch);
            } else {
                self.push(TokenKind::Identifier, case, span, &scratch);
            }
        } else if apostrophe.is_some() {
            self.contraction(case, span, &scratch);
        } else if scratch == "cannot" {
            self.push(TokenKind::Word, case, span, "can");
            self.push(TokenKind::Word, case, span, "not");
        } else {
            self.push(TokenKind::Word, case, span, &scratch);
        }
        self.scratch = scratch;
    }

    /// The words that a contraction stands for.
    fn contraction(&mut self, case: Case, span: Span, word: &str) {
        let Some((head, tail)) = word.split_once(['\'', '’']) else {
            self.push(TokenKind::Word, case, span, word);
            return;
        };
        let (head, tail) = match (head, tail) {
            ("can", "t") => ("can", "not"),
            ("won", "t") => ("will", "not"),
            ("shan", "t") => ("shall", "not"),
            ("let", "s") => ("let", "us"),
            (_, "t") if head.ends_with('n') => (head.get(..head.len() - 1).unwrap_or_default(), "not"),
            (_, "s") if BEFORE_IS.contains(&head) => (head, "is"),
            (_, "s") => {
                // A genitive.
                self.push(TokenKind::Word, case, span, head);
                return;
            }
            _ => match CONTRACTIONS.iter().find(|(short, _)| *short == tail) {
                Some((_, long)) => (head, *long),
                None => {
                    self.push(TokenKind::Word, case, span, word);
                    return;
                }
            },
        };
        // "n't" alone has no first word.
        if !head.is_empty() {
            self.before = self.before.with(Marks::CONTRACTED);
            self.push(TokenKind::Word, case, span, head);
        }
        self.before = self.before.with(Marks::CONTRACTED);
        self.push(TokenKind::Word, Case::Lower, span, tail);
    }

    /// An address, up to the blank or bracket behind it.
    fn address(&mut self, start: usize) {
        while self.at < self.bytes.len() {
            match self.byte(self.at) {
                b' ' | b'\t' | b'\n' | b'\r' | b'>' | b'"' | b'<' | b'`' | b')' | b']' => break,
                _ => self.at += 1,
            }
        }
        // What ends a sentence is no part of the address.
        while self.at > start
            && matches!(self.byte(self.at - 1), b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'*')
        {
            self.at -= 1;
        }
        let span = self.span(start);
        let normal = self.source.get(start..self.at).unwrap_or_default().trim_end_matches('/').to_lowercase();
        self.push(TokenKind::Address, Case::Lower, span, &normal);
    }

    /// The target of a link, behind its text.
    fn target(&mut self) {
        let open = self.at + 1;
        let window = self.bytes.get(open..self.bytes.len().min(open + MAX_TARGET)).unwrap_or_default();
        let Some(length) = window.iter().position(|byte| matches!(byte, b')' | b'\n')) else { return };
        self.at = open + length;
        if self.byte(self.at) == b')' && self.source.is_char_boundary(self.at) {
            let span = self.span(open);
            let inside = self.source.get(open..self.at).unwrap_or_default();
            let target = inside.split_ascii_whitespace().next().unwrap_or_default().trim_end_matches('/');
            if !target.is_empty() {
                self.push(TokenKind::Target, Case::Lower, span, &target.to_lowercase());
            }
            self.at += 1;
        }
    }

    /// Placeholders, tags, currencies and percent signs.
    fn sign(&mut self, byte: u8) {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let (length, is_tag) = match byte {
            b'{' => (braces(rest), false),
            b'$' if self.byte(start + 1) == b'{' => {
                (braces(rest.get(1..).unwrap_or_default()).map(|length| length + 1), false)
            }
            b'%' => (percent(rest), false),
            b'<' => (angle(rest), true),
            _ => (None, false),
        };
        let Some(length) = length else {
            self.at += 1;
            match byte {
                b'$' => {
                    let span = self.span(start);
                    self.push(TokenKind::Symbol, Case::Lower, span, "$");
                }
                b'%' if self.text.tokens().last().is_some_and(|last| last.kind == TokenKind::Number) => {
                    let span = self.span(start);
                    self.push(TokenKind::Symbol, Case::Lower, span, "percent");
                }
                _ => {}
            }
            return;
        };
        self.at += length;
        let inside: String = self
            .source
            .get(start..self.at)
            .unwrap_or_default()
            .chars()
            .filter(|found| !matches!(found, '{' | '}' | '$' | '<' | '>' | ' ' | '%'))
            .collect();
        if is_tag {
            let name = inside
                .trim_matches('/')
                .split(['/', '=', ' '])
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            if HTML.contains(&name.as_str()) || inside.contains('=') {
                return;
            }
        }
        let span = self.span(start);
        self.push(TokenKind::Placeholder, Case::Lower, span, &format!("{{{inside}}}"));
    }

    /// A number, perhaps with what belongs to it: groups, a fraction, the ending of an ordinal.
    fn number(&mut self) {
        let start = self.at;
        self.scratch.clear();
        loop {
            match self.byte(self.at) {
                digit @ b'0'..=b'9' => self.scratch.push(char::from(digit)),
                b',' if self.groups_follow() => {}
                b'.' if self.byte(self.at + 1).is_ascii_digit() => self.scratch.push('.'),
                _ => break,
            }
            self.at += 1;
        }
        let suffix = self.at;
        while self.byte(self.at).is_ascii_alphabetic() {
            self.at += 1;
        }
        let letters = self.source.get(suffix..self.at).unwrap_or_default().to_ascii_lowercase();
        let digits = std::mem::take(&mut self.scratch);
        let normal =
            if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
        let normal = normal.trim_start_matches('0');
        let normal = if normal.is_empty() || normal.starts_with('.') {
            format!("0{normal}")
        } else {
            normal.to_owned()
        };
        match letters.as_str() {
            "" | "st" | "nd" | "rd" | "th" => {
                let span = self.span(start);
                self.push(TokenKind::Number, Case::Lower, span, &normal);
            }
            "k" | "m" | "bn" | "ms" | "s" | "h" | "d" | "x" | "kb" | "mb" | "gb" | "tb" | "kib" | "mib"
            | "gib" | "px" | "min" | "hrs" | "hr" | "am" | "pm" | "usd" | "eur" | "gbp" | "km" | "kg"
            | "g" | "cm" | "mm" => {
                let span = Span { start: start as u32, end: suffix as u32 };
                self.push(TokenKind::Number, Case::Lower, span, &normal);
                let span = self.span(suffix);
                self.push(TokenKind::Word, Case::Lower, span, &letters);
            }
            _ => {
                let span = self.span(start);
                self.push(TokenKind::Identifier, Case::Lower, span, &format!("{normal}{letters}"));
            }
        }
        self.scratch = digits;
    }

    /// Whether a comma here parts thousands.
    fn groups_follow(&self) -> bool {
        let group = self.bytes.get(self.at + 1..self.at + 4);
        group.is_some_and(|group| group.iter().all(u8::is_ascii_digit))
            && !self.byte(self.at + 4).is_ascii_digit()
    }
}

/// The length of the numbering that a line begins with: `1.`, `2.3`, `(a)`, `iv)`, with the blank behind it.
fn numbering(line: &[u8]) -> Option<usize> {
    let open = usize::from(line.first() == Some(&b'('));
    let label = line.get(open..)?;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.';
    let has_digit = label.first().is_some_and(u8::is_ascii_digit);
    let is_part =
        |byte: &&u8| if has_digit { byte.is_ascii_digit() || **byte == b'.' } else { is_part(byte) };
    let mut length = label.iter().take(12).take_while(is_part).count();
    if has_digit
        && label.get(length).is_some_and(u8::is_ascii_lowercase)
        && !label.get(length + 1).is_some_and(u8::is_ascii_alphanumeric)
    {
        length += 1;
    }
    let name = label.get(..length)?;
    let name_end = name.iter().rposition(|byte| *byte != b'.').map_or(0, |last| last + 1);
    let letters = name.get(..name_end)?;
    let is_label = if has_digit {
        letters.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
            || letters.iter().rev().skip(1).all(|byte| byte.is_ascii_digit() || *byte == b'.')
    } else {
        let is_roman = letters.iter().all(|byte| matches!(byte.to_ascii_lowercase(), b'i' | b'v' | b'x'));
        !letters.is_empty() && (letters.len() == 1 || (is_roman && letters.len() <= 5))
    };
    // Markdown escapes the stop behind a number that shall begin no list.
    let is_escaped = matches!(label.get(length..length + 2), Some(b"\\." | b"\\)"));
    length += if is_escaped { 2 } else { 0 };
    let is_closed = label.get(length) == Some(&b')');
    let is_dotted = name.last() == Some(&b'.') || is_escaped;
    if is_closed {
        length += 1;
    }
    let next = label.get(length);
    let is_parted = matches!(next, Some(b' ' | b'\t' | b'*' | b'_') | None)
        || (has_digit && is_dotted && next.is_some_and(u8::is_ascii_uppercase));
    // A bare number begins a sentence as often as a list: only with a mark behind it, or parts, is it a numbering.
    let is_marked = is_closed || is_dotted || (has_digit && letters.contains(&b'.'));
    (is_label && is_marked && is_parted && (open == 0 || is_closed)).then_some(open + length)
}

/// The length of the marks of emphasis that a text begins with.
fn emphasis(rest: &[u8]) -> usize {
    rest.iter().take(3).take_while(|byte| matches!(byte, b'*' | b'_')).count()
}

/// The length of the head of an assignment of a text in code, with the quotes: `name = """`, `"role": f"`.
fn assignment(line: &[u8]) -> Option<usize> {
    let name = line
        .iter()
        .take(64)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'"' | b'\''))
        .count();
    let mut at = name;
    let skip = |at: &mut usize| {
        while matches!(line.get(*at), Some(b' ' | b'\t')) {
            *at += 1;
        }
    };
    if name > 0 {
        skip(&mut at);
        // A colon is one of code only behind a quoted name.
        let is_quoted = matches!(line.first(), Some(b'"' | b'\''));
        match line.get(at) {
            Some(b'=') if line.get(at + 1) != Some(&b'=') => at += 1,
            Some(b':') if is_quoted => at += 1,
            _ => return None,
        }
        skip(&mut at);
    }
    if line.get(at) == Some(&b'(') {
        at += 1;
        skip(&mut at);
    }
    let has_prefix = matches!(line.get(at), Some(b'f' | b'r' | b'b' | b'F' | b'R' | b'B'))
        && matches!(line.get(at + 1), Some(b'"' | b'\''));
    if has_prefix {
        at += 1;
    }
    let quotes = line.get(at..)?.iter().take_while(|byte| matches!(byte, b'"' | b'\'')).count();
    (quotes > 0 && (name > 0 || has_prefix || quotes == 3)).then_some(at + quotes)
}

/// The length of a placeholder in braces.
fn braces(rest: &[u8]) -> Option<usize> {
    let depth = rest.iter().take(3).take_while(|byte| **byte == b'{').count();
    let inside = rest.get(depth..)?.iter().take(MAX_PLACEHOLDER);
    let name = inside.take_while(|byte| !matches!(byte, b'{' | b'}' | b'\n' | b'"')).count();
    let close = rest.get(depth + name..)?.iter().take(depth).take_while(|byte| **byte == b'}').count();
    let is_name = rest.get(depth..depth + name)?.iter().any(u8::is_ascii_alphanumeric) || name == 0;
    (close == depth && is_name && depth > 0).then_some(depth + name + close)
}

/// The length of a placeholder of C or Python: `%s`, `%d`, `%(name)s`.
fn percent(rest: &[u8]) -> Option<usize> {
    match rest.get(1)? {
        b's' | b'd' | b'f' if !rest.get(2).is_some_and(u8::is_ascii_alphanumeric) => Some(2),
        b'(' => {
            let name = rest
                .get(2..)?
                .iter()
                .take(MAX_PLACEHOLDER)
                .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
                .count();
            let is_closed =
                rest.get(2 + name) == Some(&b')') && rest.get(3 + name).is_some_and(u8::is_ascii_alphabetic);
            is_closed.then_some(4 + name)
        }
        _ => None,
    }
}

/// The length of what stands between angle brackets, if it is a tag or a placeholder.
fn angle(rest: &[u8]) -> Option<usize> {
    let starts = rest.get(1).is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'!'));
    let length = rest.iter().take(4 * MAX_PLACEHOLDER).position(|byte| matches!(byte, b'>' | b'\n'))?;
    (starts && rest.get(length) == Some(&b'>')).then_some(length + 1)
}

/// Whether a character shows nothing and changes how others are shown, parted or read.
pub(crate) const fn is_hidden(found: char) -> bool {
    matches!(
        found,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}'
    )
}

/// Whether a character turns the direction of what follows, or hides letters of its own.
const fn turns(found: char) -> bool {
    matches!(
        found,
        '\u{61C}' | '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{E0000}'..='\u{E007F}'
    )
}
