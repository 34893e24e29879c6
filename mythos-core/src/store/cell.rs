use std::fmt;
use std::ops::Bound;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Table;
use crate::error::{Error, Result};
use crate::types::{RecordId, TenantId};

/// The largest cell: the largest payload, 64 MiB, and room for its frame.
pub const MAX_CELL_BYTES: usize = (64 << 20) + (1 << 20);

/// Who owns a cell: a head record, whose version guards every change to its cells.
///
/// The text form is `tenant/table/id`, with the id in hexadecimal; `/` in a tenant is legal and needs no escape, since
/// the last two parts contain none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Owner {
    /// Whose data it is.
    pub tenant: TenantId,
    /// The head record's table.
    pub table: Table,
    /// The head record's id.
    pub id: RecordId,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.table.name(), self.id)
    }
}

/// The name of a cell under its owner: 1 to 64 arbitrary bytes, ordered bytewise.
///
/// Text forms are lower-case hexadecimal, whose order is the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellName(RecordId);

impl CellName {
    /// The length of the longest name.
    pub const MAX_BYTES: usize = RecordId::MAX_BYTES;

    /// Takes 1 to 64 bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `name`, for any other length.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        RecordId::new(bytes).map(Self).map_err(|_| {
            Error::invalid("name", format!("a cell name has 1 to 64 bytes, not {}", bytes.len()))
        })
    }

    /// A name of fixed length, which cannot be too long.
    pub(crate) fn of_array<const N: usize>(bytes: [u8; N]) -> Self {
        const { assert!(N >= 1 && N <= RecordId::MAX_BYTES) };
        Self(RecordId::from_short(&bytes))
    }

    /// The bytes of the name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl From<RecordId> for CellName {
    fn from(id: RecordId) -> Self {
        Self(id)
    }
}

impl fmt::Display for CellName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CellName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CellName({})", self.0)
    }
}

impl FromStr for CellName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse().map(Self)
    }
}

impl Serialize for CellName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CellName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RecordId::deserialize(deserializer).map(Self)
    }
}

/// A cell as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Its name.
    pub name: CellName,
    /// Its content; may be empty.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// Which cells of an owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Names {
    /// These, as far as they exist; answered in ascending order of names.
    These {
        /// The names, in any order, each at most once.
        names: Vec<CellName>,
    },
    /// A range in bytewise order.
    Range {
        /// The first name of the range; `None` from the first cell.
        from: Option<CellName>,
        /// The name behind the range; `None` to the last cell.
        until: Option<CellName>,
        /// At most so many cells.
        limit: u32,
        /// Answer from the end of the range, in descending order.
        reverse: bool,
    },
}

impl Names {
    /// All cells of the owner, ascending.
    #[must_use]
    pub const fn all() -> Self {
        Self::Range { from: None, until: None, limit: u32::MAX, reverse: false }
    }

    /// One cell.
    #[must_use]
    pub fn one(name: CellName) -> Self {
        Self::These { names: vec![name] }
    }

    /// The bounds of a range as the standard library's maps take them.
    #[must_use]
    pub fn bounds(from: Option<CellName>, until: Option<CellName>) -> (Bound<CellName>, Bound<CellName>) {
        (from.map_or(Bound::Unbounded, Bound::Included), until.map_or(Bound::Unbounded, Bound::Excluded))
    }
}
