//! Which part of a listing.

use mythos_core::store::Cursor;
use serde::Deserialize;

/// How many items a listing gives if the caller does not say.
pub(crate) const DEFAULT_LIMIT: u32 = 100;

/// A page of a listing: behind a cursor, so many items.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub(crate) struct PageRequest {
    pub(crate) after: Option<Cursor>,
    pub(crate) limit: u32,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { after: None, limit: DEFAULT_LIMIT }
    }
}

/// A page of a log: from a position, so many entries.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub(crate) struct TrailRequest {
    pub(crate) from: u64,
    pub(crate) limit: u32,
}

impl Default for TrailRequest {
    fn default() -> Self {
        Self { from: 0, limit: DEFAULT_LIMIT }
    }
}
