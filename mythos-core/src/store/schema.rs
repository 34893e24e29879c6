//! What a table's records can be filtered and ordered by, declared once, next to the record type.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::Serialize;

/// What values a declared field holds. Every field may also be null or absent, which is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FieldKind {
    /// A string, ordered by its UTF-8 bytes.
    Text,
    /// An integer of at most 53 bits and a sign.
    Integer,
    /// A finite number.
    Real,
    /// `false` before `true`.
    Boolean,
    /// A list of distinct strings: can be filtered by its members, not ordered.
    Tags,
    /// A list of ids of records of the same table, as hexadecimal text: can be walked by
    /// [`Filter::Reach`](super::Filter::Reach), not ordered.
    Edges,
}

impl FieldKind {
    /// Whether records can be ordered by a field of this kind.
    #[must_use]
    pub const fn is_scalar(self) -> bool {
        !matches!(self, Self::Tags | Self::Edges)
    }
}

/// One top-level field of a table's records that can be filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The name in the record's JSON object: lower-case ASCII letters, digits and underscores.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
}

impl Field {
    /// Declares a field.
    #[must_use]
    pub const fn new(name: &'static str, kind: FieldKind) -> Self {
        Self { name, kind }
    }
}

/// A table: its name, its declared fields, and the listings that are asked for often.
///
/// Every table has the text field `tenant`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Schema {
    /// The table's name: lower-case ASCII letters, digits and underscores.
    pub name: &'static str,
    /// The fields that can be filtered, and if scalar ordered by.
    pub fields: &'static [Field],
    /// Listings that a store should answer from an index: for each, the fields compared for equality, then the field
    /// of the order. An SQL store makes an index of each, with the id appended.
    pub indexes: &'static [&'static [&'static str]],
    /// Whether records of this table are heads that own cells.
    pub owns_cells: bool,
}

impl Schema {
    /// The declared field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Field> {
        self.fields.iter().copied().find(|field| field.name == name)
    }
}

/// A reference to a [`Schema`]; equal if the names are.
#[derive(Clone, Copy)]
pub struct Table(&'static Schema);

impl Table {
    /// Refers to `schema`.
    #[must_use]
    pub const fn new(schema: &'static Schema) -> Self {
        Self(schema)
    }

    /// The table's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// The declaration.
    #[must_use]
    pub const fn schema(self) -> &'static Schema {
        self.0
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Table {}

impl PartialOrd for Table {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Table {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.name.cmp(other.0.name)
    }
}

impl Hash for Table {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({})", self.0.name)
    }
}

impl Serialize for Table {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}
