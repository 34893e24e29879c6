//! Canonical JSON (RFC 8785): one value has one sequence of bytes, so that equal values have equal digests.
//!
//! The writer is a serde serializer that appends straight to a byte vector. Members are sorted by the UTF-16 code
//! units of their names (RFC 8785 §3.2.3), numbers are written as ECMAScript writes a double (§3.2.2.3), and text is
//! escaped only where it must be (§3.2.2.2).
//!
//! The parser takes any JSON text of RFC 8259 and refuses what does not have one meaning everywhere, after I-JSON
//! (RFC 7493 §2): duplicate names, lone surrogates, invalid UTF-8, numbers that a double cannot hold.
//!
//! # Numbers
//! Every number is a double. A whole number of at most 53 bits ([`MAX_SAFE_INTEGER`]) is given back as an integer
//! however it was spelled (`1`, `1.0`, `10e-1`), every other number as a float, and `-0` as `0`.
//!
//! Longer integers are refused, since a double does not tell them from their neighbours: keep them as text. The one
//! exception keeps the writer and the parser closed under each other: ECMAScript writes a double below 1e21 without an
//! exponent, so an integer with exactly these digits (`100000000000000000000` for `1e20`) is read as that double.
//!
//! # Places
//! An error about a place inside a document has the place's JSON Pointer (RFC 6901) as its
//! [`field`](crate::Error::field), or `json` for the document as a whole; the parser's messages also name the byte.
//!
//! ```
//! use mythos_core::canonical;
//! use serde_json::json;
//!
//! let event = json!({"seq": 7, "actor": "ops", "score": 0.50, "path": ["support", "refunds"]});
//! let bytes = canonical::to_vec(&event)?;
//! assert_eq!(bytes, br#"{"actor":"ops","path":["support","refunds"],"score":0.5,"seq":7}"#);
//! assert_eq!(canonical::parse(&bytes)?, event);
//!
//! let error = canonical::parse(br#"{"path": ["a", {"x": 1, "x": 2}]}"#).unwrap_err();
//! assert_eq!(error.field(), Some("/path/1/x"));
//! # Ok::<(), mythos_core::Error>(())
//! ```

mod failure;
mod name;
mod number;
mod parse;
mod text;
mod write;

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
#[cfg(doc)]
use crate::{ErrorKind, types::MAX_SAFE_INTEGER};
use parse::Parser;
use write::Writer;

/// The most arrays and objects around and including a value.
///
/// Everything that this crate stores as JSON keeps this bound, so that no reader's stack is at risk.
pub const MAX_DEPTH: usize = 64;

/// The longest document that is read or written: 16 MiB.
///
/// A parsed value takes more memory than its text, at worst (millions of objects with one short member) about 100
/// times as much; this bound is what caps it. Larger things are cells, which are not parsed.
pub const MAX_BYTES: usize = 16 << 20;

/// A document of the crate's own fits without growing: events of the proof log have about 400 bytes.
const INITIAL_CAPACITY: usize = 1024;

/// Writes `value` as canonical JSON.
///
/// # Errors
/// With the place as [`field`](crate::Error::field):
/// - [`ErrorKind::Invalid`] for NaN or an infinity, an integer beyond [`MAX_SAFE_INTEGER`], two members of one object
///   with the same name, a map key that has no text form, raw JSON, or an error of the type's own `Serialize`;
/// - [`ErrorKind::Limit`] for nesting deeper than [`MAX_DEPTH`] or a text longer than [`MAX_BYTES`].
///
/// # Example
/// ```
/// #[derive(serde::Serialize)]
/// struct Reading {
///     unit: &'static str,
///     entropy: f64,
/// }
///
/// let reading = Reading { unit: "ratio", entropy: 1e-7 };
/// assert_eq!(mythos_core::canonical::to_vec(&reading)?, br#"{"entropy":1e-7,"unit":"ratio"}"#);
///
/// let error = mythos_core::canonical::to_vec(&[reading, Reading { unit: "ratio", entropy: f64::NAN }]).unwrap_err();
/// assert_eq!(error.field(), Some("/1/entropy"));
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: RFC 8785 §3.2.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(INITIAL_CAPACITY);
    write_to(&mut out, value)?;
    Ok(out)
}

/// Appends `value` as canonical JSON to `out`, which is unchanged if this fails.
///
/// # Errors
/// As [`to_vec`].
///
/// # Example
/// ```
/// let mut out = b"event:".to_vec();
/// mythos_core::canonical::write_to(&mut out, &(1, "b"))?;
/// assert_eq!(out, br#"event:[1,"b"]"#);
/// # Ok::<(), mythos_core::Error>(())
/// ```
pub fn write_to<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<()> {
    let start = out.len();
    let written = value
        .serialize(&mut Writer::new(out))
        .map_err(|failure| failure.into_error("write canonical JSON"))
        .and_then(|()| check_size("write canonical JSON", out.len() - start));
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Reads one JSON text strictly.
///
/// Takes time linear in the length of `bytes`, and a bounded stack.
///
/// # Errors
/// With the place as [`field`](crate::Error::field), and the byte in the message:
/// - [`ErrorKind::Invalid`] for what is not JSON (RFC 8259) or not UTF-8, for two members of one object with the same
///   name, a lone surrogate in an escape, a number that overflows a double, or an integer that a double cannot hold
///   (see [the module](self#numbers));
/// - [`ErrorKind::Limit`] for nesting deeper than [`MAX_DEPTH`], or more than [`MAX_BYTES`] bytes, which is found before
///   anything is read.
///
/// # Example
/// ```
/// use mythos_core::canonical::parse;
///
/// assert_eq!(parse(b" [1.0, 1e2] ")?, serde_json::json!([1, 100]));
///
/// let error = parse(br#"{"id": 9007199254740993}"#).unwrap_err();
/// assert_eq!(error.field(), Some("/id"));
/// assert!(error.to_string().ends_with("at /id (byte 7)"));
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: RFC 8259; RFC 7493 §2.
pub fn parse(bytes: &[u8]) -> Result<Value> {
    check_size("parse JSON", bytes.len())?;
    Parser::new(bytes).document().map_err(|failure| failure.into_error("parse JSON"))
}

/// Reads one JSON text as strictly as [`parse`] and decodes it.
///
/// # Errors
/// As [`parse`]; also [`ErrorKind::Invalid`], field `json`, if the document is not a `T`.
///
/// # Example
/// ```
/// let path: Vec<String> = mythos_core::canonical::from_slice(br#"["support", "refunds"]"#)?;
/// assert_eq!(path, ["support", "refunds"]);
/// # Ok::<(), mythos_core::Error>(())
/// ```
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    decode(parse(bytes)?)
}

/// Reads one JSON text as [`from_slice`] does, if it is exactly its own canonical form.
///
/// Use this for what is hashed as it is stored: without it, two texts of one value would both be accepted and only one
/// of them have the value's digest.
///
/// # Errors
/// As [`from_slice`]; also [`ErrorKind::Invalid`], field `json`, if the canonical form has other bytes. The message
/// names the first byte that differs.
///
/// # Example
/// ```
/// use mythos_core::canonical::from_canonical_slice;
///
/// let members: std::collections::BTreeMap<String, u8> = from_canonical_slice(br#"{"a":1,"b":2}"#)?;
/// assert_eq!(members["b"], 2);
/// assert!(from_canonical_slice::<serde_json::Value>(br#"{"b":2,"a":1}"#).is_err());
/// # Ok::<(), mythos_core::Error>(())
/// ```
pub fn from_canonical_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let value = parse(bytes)?;
    let mut canonical = Vec::with_capacity(bytes.len());
    write_to(&mut canonical, &value)?;
    if canonical != bytes {
        let same = canonical.iter().zip(bytes).take_while(|(expected, found)| expected == found).count();
        let message = format!("read canonical JSON: the text is not in canonical form from byte {same} on");
        return Err(Error::invalid(failure::WHOLE, message));
    }
    decode(value)
}

fn decode<T: DeserializeOwned>(value: Value) -> Result<T> {
    T::deserialize(value).map_err(|error| {
        let message = format!("decode JSON as {}: {error}", std::any::type_name::<T>());
        Error::invalid(failure::WHOLE, message).with_source(error)
    })
}

fn check_size(attempt: &str, bytes: usize) -> Result<()> {
    if bytes > MAX_BYTES {
        let message =
            format!("{attempt}: {bytes} bytes are more than the {MAX_BYTES} allowed; keep it as a cell");
        return Err(Error::limit(failure::WHOLE, message));
    }
    Ok(())
}
