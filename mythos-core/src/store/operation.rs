//! Which writes were made, so that a repeated one is recognised.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Batch, Expect, Field, FieldKind, Model, Schema, Table};
use crate::canonical;
use crate::error::{Error, Result};
use crate::types::{Digest, DomainHasher, OperationId, TenantId, Timestamp};

/// A write that was made: what was asked for, and what came of it.
///
/// For writes whose effect is not a record of its own, named by the operation. It is inserted in the same batch as the
/// write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// The version of this record's layout, 1.
    pub(crate) format: u32,
    /// Whose write it is.
    pub(crate) tenant: TenantId,
    /// The operation; also the record's id.
    pub(crate) operation: OperationId,
    /// What was asked for, by name.
    pub(crate) request: String,
    /// The digest of the whole request.
    pub(crate) request_digest: Digest,
    /// What the caller was told.
    pub(crate) result: Value,
    /// When it was made.
    pub(crate) created_at: Timestamp,
}

impl Model for Operation {
    const TABLE: Table = Table::new(&Schema {
        name: "operations",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("request", FieldKind::Text),
            Field::new("created_at", FieldKind::Text),
        ],
        indexes: &[&["tenant", "created_at"]],
        owns_cells: false,
    });
}

impl Operation {
    const FORMAT: u32 = 1;

    /// The digest of a request: BLAKE3 in key derivation mode, context `mythos 2026 operation request v1`, over the
    /// request's name and its canonical JSON, each preceded by its length.
    pub(crate) fn digest<T: Serialize>(name: &str, request: &T) -> Result<Digest> {
        Ok(DomainHasher::new("mythos 2026 operation request v1")
            .field(name.as_bytes())
            .field(&canonical::to_vec(request)?)
            .finish())
    }

    /// Stages the record of a write that tells its caller `result`.
    pub(crate) fn stage<T: Serialize>(
        batch: &mut Batch,
        tenant: &TenantId,
        (operation, request, request_digest): (OperationId, &str, Digest),
        result: &T,
        now: Timestamp,
    ) -> Result<()> {
        let result = serde_json::to_value(result).map_err(|error| {
            Error::internal(format!("the result of a {request} has no JSON form")).with_source(error)
        })?;
        let record = Self {
            format: Self::FORMAT,
            tenant: tenant.clone(),
            operation,
            request: request.to_owned(),
            request_digest,
            result,
            created_at: now,
        };
        batch.put(operation.record_id(tenant), Expect::Absent, &record)?;
        Ok(())
    }

    /// What the caller of the same request was told before.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the operation was used for another request.
    pub(crate) fn recall<T: DeserializeOwned>(self, tenant: &TenantId, request_digest: &Digest) -> Result<T> {
        if self.tenant != *tenant || self.request_digest != *request_digest {
            let message = format!("operation {} was used for another request", self.operation);
            return Err(Error::invalid("operation", message));
        }
        let operation = self.operation;
        serde_json::from_value(self.result).map_err(|error| {
            Error::corrupt(format!("the result of operation {operation} cannot be read")).with_source(error)
        })
    }
}
