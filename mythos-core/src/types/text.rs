use crate::error::{Error, Result};

/// Checks a free text that a host gives: at most `max_bytes`, no U+0000.
pub(crate) fn check_text(field: &'static str, text: &str, max_bytes: usize) -> Result<()> {
    if text.len() > max_bytes {
        return Err(Error::limit(
            field,
            format!("{field} has {} bytes; at most {max_bytes} are taken", text.len()),
        ));
    }
    if text.contains('\0') {
        return Err(Error::invalid(field, format!("{field} contains U+0000")));
    }
    Ok(())
}

/// Checks a short label: 1 to 150 characters, no control characters.
pub(crate) fn check_label(field: &'static str, label: &str) -> Result<()> {
    super::id::check_name(field, label)
}
