//! The check in the records of the ritual cache, and of the journal of steps: a record is what it was written as, or an error.

use serde::de::DeserializeOwned;
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::canonical;
use crate::error::{Error, Result};
use crate::store::{Record, Table};
use crate::types::{DomainHasher, RecordId, Version};

/// The field that holds the check.
const CHECK: &str = "check";

/// What a record is recognised by, so that one that was read before need not be decoded again. The version alone does
/// not do: a record that was deleted and made anew begins at the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    version: Version,
    check: String,
}

impl Seen {
    /// The mark of a record with this body, which [`close`] made; `None` for one without a check.
    pub(super) fn of(version: Version, body: &Map<String, Value>) -> Option<Self> {
        let check = body.get(CHECK)?.as_str()?.to_owned();
        Some(Self { version, check })
    }

    /// Whether a record is the one that was seen.
    pub(super) fn is(&self, record: &Record) -> bool {
        self.version == record.version
            && record.body.get(CHECK).and_then(Value::as_str) == Some(self.check.as_str())
    }
}

/// A body without its check.
struct Unchecked<'a>(&'a Map<String, Value>);

impl Serialize for Unchecked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().filter(|(field, _)| *field != CHECK))
    }
}

/// The body of the record `id` that holds `model`, with its check.
pub(crate) fn close<M: Serialize>(table: Table, id: &RecordId, model: &M) -> Result<Map<String, Value>> {
    let mut body = match serde_json::to_value(model) {
        Ok(Value::Object(body)) => body,
        Ok(_) => return Err(Error::internal(format!("a record of {} is not an object", table.name()))),
        Err(error) => {
            let message = format!("a record of {} has no JSON form", table.name());
            return Err(Error::internal(message).with_source(error));
        }
    };
    let check = check(table, id, &body)?;
    body.insert(CHECK.to_owned(), Value::String(check));
    Ok(body)
}

/// Reads a record that [`close`] made the body of.
pub(crate) fn open<M: DeserializeOwned>(table: Table, record: &Record) -> Result<M> {
    let (id, name) = (&record.id, table.name());
    let found = record.body.get(CHECK).and_then(Value::as_str).unwrap_or("none");
    // What has no canonical form was not written here.
    let expected = check(table, id, &record.body).map_err(|error| Error::corrupt(error.to_string()))?;
    if found != expected {
        let what = format_args!("record {id} of table {name} is damaged or misplaced");
        return Err(Error::mismatch(what, expected, found));
    }
    M::deserialize(&record.body).map_err(|error| {
        Error::corrupt(format!("record {id} of table {name} cannot be read: {error}")).with_source(error)
    })
}

/// BLAKE3 in key derivation mode, context `mythos 2026 ritual record v1`, over the table's name, the record's id and the
/// canonical JSON of the body without the check, each behind its length as 8 bytes little-endian; the first 16 bytes, in
/// hexadecimal.
fn check(table: Table, id: &RecordId, body: &Map<String, Value>) -> Result<String> {
    let check: [u8; super::cell::CHECK_BYTES] = DomainHasher::new("mythos 2026 ritual record v1")
        .field(table.name().as_bytes())
        .field(id.as_bytes())
        .field(&canonical::to_vec(&Unchecked(body))?)
        .finish_extended();
    Ok(super::cell::hexadecimal(&check))
}
