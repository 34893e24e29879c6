//! Native values on their way between the core and JavaScript, and their serde.
//!
//! A detour over JSON would make bytes text; a detour over napi's own serde loses `u64`, tuple and struct variants, and
//! saturates large numbers. This one refuses what either side cannot hold, and says where.

mod deserialize;
mod serialize;

use std::fmt;

pub(crate) use deserialize::from_value;
pub(crate) use serialize::to_value;

/// What both languages hold without loss.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    /// At most 53 bits and a sign.
    Integer(i64),
    /// Finite.
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Value {
    /// The value's kind, as a message names it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) | Self::Real(_) => "a number",
            Self::Text(_) => "a string",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// Takes a member out of an object.
    pub(crate) fn take(&mut self, name: &str) -> Option<Self> {
        let Self::Object(members) = self else { return None };
        let place = members.iter().position(|(key, _)| key == name)?;
        Some(members.swap_remove(place).1)
    }
}

/// Why a value cannot be converted, and where in it.
#[derive(Debug)]
pub(crate) struct ConversionError {
    path: String,
    message: String,
}

impl ConversionError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { path: String::new(), message: message.into() }
    }

    /// Says that the error lies in the member `name`.
    pub(crate) fn in_member(mut self, name: &str) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{name}{separator}{}", self.path);
        self
    }

    /// Says that the error lies in the element `index`.
    pub(crate) fn in_element(mut self, index: usize) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("[{index}]{separator}{}", self.path);
        self
    }

    /// Where, such as `request.tags[2]`; empty for the whole value.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for ConversionError {}

impl serde::ser::Error for ConversionError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

impl serde::de::Error for ConversionError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("is missing").in_member(field)
    }

    fn unknown_field(field: &str, _expected: &'static [&'static str]) -> Self {
        Self::new("is not known").in_member(field)
    }
}
