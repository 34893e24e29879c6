//! Numbers: each is a double, written as ECMAScript writes it.

use serde_json::Number;

use crate::types::MAX_SAFE_INTEGER;

/// [`MAX_SAFE_INTEGER`] as a double, which holds it exactly.
const MAX_SAFE_DOUBLE: f64 = MAX_SAFE_INTEGER as f64;

/// Every integer of so many digits has at most 53 bits.
const SAFE_DIGITS: usize = 15;

/// Whether `value` has at most 53 bits, so that no other integer has the same double.
#[inline]
pub(super) fn is_safe(value: i128) -> bool {
    value.unsigned_abs() <= u128::from(MAX_SAFE_INTEGER)
}

#[inline]
pub(super) fn write_integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes a finite double. Source: RFC 8785 §3.2.2.3.
#[inline]
pub(super) fn write_finite(out: &mut Vec<u8>, value: f64) {
    match whole(value) {
        // The same digits, found faster; `-0` becomes `0` in both ways.
        Some(integer) => write_integer(out, integer),
        None => out.extend_from_slice(ryu_js::Buffer::new().format_finite(value).as_bytes()),
    }
}

/// The value of a literal that keeps the grammar of RFC 8259 §6, or why it has none.
///
/// `integer` says that it has neither a fraction nor an exponent.
pub(super) fn read(literal: &str, integer: bool) -> Result<Number, &'static str> {
    if integer && literal.len() <= SAFE_DIGITS {
        // `i64` reads `-0` as 0, which is its canonical form.
        if let Ok(value) = literal.parse::<i64>() {
            return Ok(value.into());
        }
    }
    let value: f64 = literal.parse().map_err(|_| "it is not a number of JSON")?;
    if let Some(value) = whole(value) {
        return Ok(value.into());
    }
    let number = Number::from_f64(value).ok_or("it overflows a double")?;
    if integer && ryu_js::Buffer::new().format_finite(value) != literal {
        return Err("a double cannot hold an integer of more than 53 bits: keep it as text");
    }
    Ok(number)
}

/// `value` as an integer, if it is a whole number of at most 53 bits.
#[inline]
fn whole(value: f64) -> Option<i64> {
    let integer = value as i64;
    (value.abs() <= MAX_SAFE_DOUBLE && integer as f64 == value).then_some(integer)
}
