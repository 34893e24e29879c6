//! Text: how it is escaped, and the order of member names.

use std::cmp::Ordering;

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes UTF-8 `text` as a JSON string, and says whether anything was escaped.
#[inline]
pub(super) fn write_string(out: &mut Vec<u8>, text: &[u8]) -> bool {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let escaped = write_escaped(out, text);
    out.push(b'"');
    escaped
}

/// Writes UTF-8 `text` as part of a JSON string, and says whether anything was escaped.
///
/// Source: RFC 8785 §3.2.2.2.
#[inline]
pub(super) fn write_escaped(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let plain = plain_prefix(text);
    out.extend_from_slice(&text[..plain]);
    // Nearly no text needs escapes.
    let escaped = plain < text.len();
    if escaped {
        write_with_escapes(out, &text[plain..]);
    }
    escaped
}

/// Writes `text`, which begins with a byte to be escaped.
fn write_with_escapes(out: &mut Vec<u8>, mut text: &[u8]) {
    while let [byte, rest @ ..] = text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0C => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX_DIGITS[usize::from(byte >> 4)]);
                out.push(HEX_DIGITS[usize::from(byte & 0xF)]);
            }
        }
        let plain = plain_prefix(rest);
        out.extend_from_slice(&rest[..plain]);
        text = &rest[plain..];
    }
}

/// How many bytes of UTF-8 can stand for themselves in a JSON string before the first that cannot: a quotation mark, a
/// backslash, or a control character (RFC 8259 §7).
#[inline]
pub(super) fn plain_prefix(text: &[u8]) -> usize {
    let mut rest = text;
    while let Some((word, after)) = rest.split_first_chunk() {
        let marks = escape_marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return text.len() - rest.len() + first_mark(marks);
        }
        rest = after;
    }
    // The last few bytes are looked at together with known ones before them.
    if let Some(word) = text.last_chunk() {
        let marks = escape_marks(u64::from_le_bytes(*word));
        return text.len() - if marks == 0 { 0 } else { 8 - first_mark(marks) };
    }
    rest.iter().take_while(|&&byte| !(byte < b' ' || byte == b'"' || byte == b'\\')).count()
}

/// A word with one bit set in the lowest byte of `word` that must be escaped, and perhaps in bytes above it; 0 if there
/// is no such byte.
///
/// A subtraction borrows into a byte's highest bit if the byte is less than what is subtracted; that it may borrow from
/// the byte above as well is why only the lowest mark counts. Source: Warren, Hacker's Delight, 2nd edition, §6-1.
#[inline]
const fn escape_marks(word: u64) -> u64 {
    const EVERY: u64 = u64::MAX / 0xFF;
    const HIGHEST_BITS: u64 = EVERY * 0x80;
    let control = word.wrapping_sub(EVERY * 0x20) & !word;
    let quote = word ^ (EVERY * b'"' as u64);
    let quote = quote.wrapping_sub(EVERY) & !quote;
    let backslash = word ^ (EVERY * b'\\' as u64);
    let backslash = backslash.wrapping_sub(EVERY) & !backslash;
    (control | quote | backslash) & HIGHEST_BITS
}

/// The byte in which the lowest mark stands.
#[inline]
const fn first_mark(marks: u64) -> usize {
    (marks.trailing_zeros() / u8::BITS) as usize
}

/// Compares two UTF-8 texts by their UTF-16 code units. Source: RFC 8785 §3.2.3.
///
/// UTF-8 orders by code point, and so does UTF-16, but for one case: code points above U+FFFF are written with
/// surrogates (D800 to DFFF), which stand before U+E000 to U+FFFF.
#[inline]
pub(super) fn compare_utf16(left: &[u8], right: &[u8]) -> Ordering {
    match left.iter().zip(right).find(|(left, right)| left != right) {
        Some((&left, &right)) => utf16_rank(left).cmp(&utf16_rank(right)),
        None => left.len().cmp(&right.len()),
    }
}

/// Orders the first bytes in which two texts differ. The lead bytes EE and EF begin U+E000 to U+FFFF, F0 to F4 what
/// lies above; all other bytes keep their order.
#[inline]
const fn utf16_rank(byte: u8) -> u8 {
    match byte {
        0xEE | 0xEF => byte + 0x10,
        _ => byte,
    }
}
