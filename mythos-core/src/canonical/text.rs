//! Text: how it is escaped, and the order of member names.

use std::cmp::Ordering;

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes UTF-8 `text` as a JSON string.
#[inline]
pub(super) fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    write_escaped(out, text);
    out.push(b'"');
}

/// Writes UTF-8 `text` as part of a JSON string. Source: RFC 8785 §3.2.2.2.
#[inline]
pub(super) fn write_escaped(out: &mut Vec<u8>, text: &[u8]) {
    // Nearly no text needs escapes. A fold without an early exit is compiled to vector instructions.
    if text.iter().fold(false, |found, &byte| found | needs_escape(byte)) {
        write_with_escapes(out, text);
    } else {
        out.extend_from_slice(text);
    }
}

fn write_with_escapes(out: &mut Vec<u8>, text: &[u8]) {
    let mut plain = 0;
    for (at, &byte) in text.iter().enumerate() {
        if !needs_escape(byte) {
            continue;
        }
        out.extend_from_slice(&text[plain..at]);
        plain = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
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
    }
    out.extend_from_slice(&text[plain..]);
}

/// Whether a byte of UTF-8 cannot stand for itself in a JSON string.
#[inline]
pub(super) const fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
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
