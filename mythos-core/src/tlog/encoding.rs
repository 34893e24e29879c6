//! What the text formats share: base64 in its one canonical form, decimal numbers, and the names of keys.

use base64ct::{Base64, Encoding};

use crate::error::{Error, Result};

/// Padded standard base64.
///
/// Source: RFC 4648 §4.
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Decodes padded standard base64, in its canonical form only: the bits that no byte takes are zero.
///
/// The caller has bounded `text`; what is allocated is shorter.
pub(crate) fn decode_base64(field: &'static str, text: &str) -> Result<Vec<u8>> {
    Base64::decode_vec(text).map_err(|_| {
        Error::invalid(field, format!("{field}: not padded standard base64 in its canonical form"))
    })
}

/// Parses an ASCII decimal without sign and without leading zeros, at most `max`.
pub(super) fn parse_decimal(field: &'static str, text: &str, max: u64) -> Result<u64> {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_decimal || (text.len() > 1 && text.starts_with('0')) {
        return Err(Error::invalid(field, format!("{field}: not a decimal number without leading zeros")));
    }
    match text.parse() {
        Ok(number) if number <= max => Ok(number),
        _ => Err(Error::limit(field, format!("{field}: the number is over {max}"))),
    }
}

/// Checks the name of a key: not empty, no Unicode space, no plus sign, no control character.
///
/// Source: C2SP signed-note, "Format".
pub(super) fn check_key_name(field: &'static str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(field, format!("{field}: the name of a key is empty")));
    }
    if let Some(at) = name.find(|c: char| c.is_whitespace() || c == '+' || c < ' ') {
        let message = format!(
            "{field}: the name of a key has a space, a plus sign or a control character at its byte {at}"
        );
        return Err(Error::invalid(field, message));
    }
    Ok(())
}

/// Refuses more bytes than a stated bound.
pub(super) fn check_length(field: &'static str, length: usize, max: usize) -> Result<()> {
    if length > max {
        return Err(Error::limit(field, format!("{field}: {length} bytes; at most {max} are taken")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn base64_has_one_form() {
        // RFC 4648 §10.
        for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(encode_base64(plain.as_bytes()), text);
            assert_eq!(decode_base64("x", text).unwrap(), plain.as_bytes());
        }
        for bad in ["Zg", "Zg=", "Zh==", "Zm9=", "Zm9v\n", " Zm9v", "Zm9v====", "Zm-_", "Z===", "Zg==Zg=="] {
            assert_eq!(decode_base64("x", bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
        }
    }

    #[test]
    fn numbers_have_one_form() {
        assert_eq!(parse_decimal("n", "0", 9).unwrap(), 0);
        assert_eq!(parse_decimal("n", &u64::MAX.to_string(), u64::MAX).unwrap(), u64::MAX);
        for bad in ["", "00", "01", "+1", "-1", "1 ", " 1", "1_0", "0x1", "١"] {
            assert_eq!(parse_decimal("n", bad, 9).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
        }
        for big in ["10", "18446744073709551616"] {
            assert_eq!(parse_decimal("n", big, 9).unwrap_err().kind(), ErrorKind::Limit, "{big:?}");
        }
    }

    #[test]
    fn names_of_keys_hold_no_spaces_and_no_plus() {
        for good in ["a", "example.com/log", "é—", "\u{7f}"] {
            check_key_name("n", good).unwrap();
        }
        for bad in ["", "a b", "a+b", "a\u{a0}b", "a\u{2003}", "\u{85}", "a\n", "\u{1}"] {
            assert!(check_key_name("n", bad).is_err(), "{bad:?}");
        }
    }
}
