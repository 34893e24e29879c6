use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::mac::MacKey;
use crate::canonical;
use crate::error::{Error, Result};
use crate::log::StoredCheckpoint;
use crate::store::{Field, FieldKind, Model, Owner, Record, Schema, Table};
use crate::tlog::{EMPTY_ROOT, TreeHash};
use crate::types::{Digest, DomainHasher, RecordId, TenantId, Timestamp};

/// The field of a stored head that tells damage: BLAKE3 in key derivation mode, context `mythos 2026 anchor
/// head check v1`, over the canonical JSON of the others.
const CHECK: &str = "check";
const MAC: &str = "mac";

/// The head record of a tenant's super-log. It owns the cells of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorHead {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose log it is.
    pub tenant: TenantId,
    /// The number of statements.
    pub length: u64,
    /// The root of the Merkle tree over all statements (RFC 6962 §2.1): what a checkpoint signs.
    pub tree_root: TreeHash,
    /// The digest of the last statement, which stands for all: each names the one before it.
    pub last: Option<Digest>,
    /// How far the heads of each kind were looked at.
    pub watermarks: AnchorWatermarks,
    /// The newest signed checkpoint that is stored, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<StoredCheckpoint>,
    /// When the log was begun.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// What shows that the writer knew the [key](super::AnchorLog::with_mac_key), if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Digest>,
}

/// Up to which change heads were looked at, by the time that they say they were changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorWatermarks {
    /// The heads of codices.
    pub codices: Option<Timestamp>,
    /// The heads of rituals.
    pub rituals: Option<Timestamp>,
    /// The records of deployments.
    pub deployments: Option<Timestamp>,
}

impl Model for AnchorHead {
    const TABLE: Table = Table::new(&Schema {
        name: "anchor_heads",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("length", FieldKind::Integer),
            Field::new("created_at", FieldKind::Text),
            Field::new("updated_at", FieldKind::Text),
        ],
        indexes: &[&["tenant", "updated_at"]],
        owns_cells: true,
    });

    fn to_body(&self) -> Result<Map<String, Value>> {
        let mut body = self.fields()?;
        body.insert(CHECK.to_owned(), Value::String(check(&body)?.to_string()));
        Ok(body)
    }

    fn from_record(record: &Record) -> Result<Self> {
        let mut body = record.body.clone();
        let found = body.remove(CHECK);
        let found = found.as_ref().and_then(Value::as_str).unwrap_or("none");
        // What has no canonical form was not written here.
        let expected = check(&body).map_err(|error| Error::corrupt(error.to_string()))?.to_string();
        if found != expected {
            return Err(Error::mismatch("the head of the anchors is damaged", expected, found));
        }
        let read = Self::deserialize(&body);
        read.map_err(|error| Error::corrupt(format!("the head of the anchors cannot be read: {error}")))
    }
}

fn check(body: &Map<String, Value>) -> Result<Digest> {
    Ok(DomainHasher::new("mythos 2026 anchor head check v1").field(&canonical::to_vec(body)?).finish())
}

impl AnchorHead {
    pub(super) const FORMAT: u32 = 1;

    /// The head of a log without statements.
    pub(super) fn new(tenant: TenantId, now: Timestamp) -> Self {
        Self {
            format: Self::FORMAT,
            tenant,
            length: 0,
            tree_root: EMPTY_ROOT,
            last: None,
            watermarks: AnchorWatermarks::default(),
            checkpoint: None,
            created_at: now,
            updated_at: now,
            mac: None,
        }
    }

    /// The owner of the cells of a tenant's log; its id is the head record's.
    pub(super) fn owner(tenant: &TenantId) -> Owner {
        let id: RecordId =
            DomainHasher::new("mythos 2026 anchor head v1").field(tenant.as_str().as_bytes()).finish().into();
        Owner { tenant: tenant.clone(), table: Self::TABLE, id }
    }

    /// Checks that this is the head of `tenant`'s log in a layout that is known, and, if there is a key, its
    /// code.
    pub(super) fn check(&self, tenant: &TenantId, key: Option<&MacKey>) -> Result<()> {
        if let Some(key) = key {
            key.check(&self.without_mac()?, self.mac.as_ref())?;
        }
        if self.format != Self::FORMAT {
            let message = format!("the head of the anchors has the unknown format {}", self.format);
            return Err(Error::corrupt(message));
        }
        if self.tenant != *tenant {
            let message = format!("the head of the anchors of {tenant} says it is of {}", self.tenant);
            return Err(Error::corrupt(message));
        }
        Ok(())
    }

    /// The head with the code of its writer's key. A head that has one is not written without the key.
    pub(super) fn sealed(mut self, key: Option<&MacKey>) -> Result<Self> {
        match key {
            Some(key) => self.mac = Some(key.code(&self.without_mac()?)),
            None if self.mac.is_some() => {
                let message = "the anchors are written with a key: give it by `AnchorLog::with_mac_key`";
                return Err(Error::invalid("mac", message));
            }
            None => {}
        }
        Ok(self)
    }

    fn fields(&self) -> Result<Map<String, Value>> {
        match serde_json::to_value(self) {
            Ok(Value::Object(body)) => Ok(body),
            _ => Err(Error::internal("the head of the anchors has no JSON form")),
        }
    }

    fn without_mac(&self) -> Result<Vec<u8>> {
        let mut body = self.fields()?;
        body.remove(MAC);
        canonical::to_vec(&body)
    }
}
