use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Table;
use crate::error::{Error, Result};
use crate::types::{RecordId, Version};

/// What a table holds: an id, a version, and a JSON object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Unique in the table.
    pub id: RecordId,
    /// How often it was written.
    pub version: Version,
    /// Its content. Integers have at most 53 bits, so that every language holds them exactly.
    pub body: Map<String, Value>,
}

impl Record {
    /// The longest body, as compact JSON: 1 MiB. Larger things are cells.
    pub const MAX_BODY_BYTES: usize = 1 << 20;
}

/// A record type: its table, and its JSON object through serde.
pub trait Model: Serialize + DeserializeOwned {
    /// The table that holds these records.
    const TABLE: Table;

    /// The JSON object that is stored.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the type does not serialize to an object.
    fn to_body(&self) -> Result<Map<String, Value>> {
        match serde_json::to_value(self) {
            Ok(Value::Object(body)) => Ok(body),
            Ok(_) => Err(Error::internal(format!("a record of {} is not an object", Self::TABLE.name()))),
            Err(error) => {
                Err(Error::internal(format!("a record of {} has no JSON form", Self::TABLE.name()))
                    .with_source(error))
            }
        }
    }

    /// Reads a stored record back.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if it is not one of this type.
    fn from_record(record: &Record) -> Result<Self> {
        // The deserializer borrows: strings are copied once, into the value that is returned.
        Self::deserialize(&record.body).map_err(|error| {
            Error::corrupt(format!(
                "record {} of table {} cannot be read: {error}",
                record.id,
                Self::TABLE.name()
            ))
            .with_source(error)
        })
    }
}
