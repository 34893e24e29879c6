use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DomainHasher, RecordId, string_newtype};
use crate::error::{Error, Result};

/// The longest name, in characters; the seed documents' `max_length` of ids.
const MAX_NAME_CHARACTERS: usize = 150;

pub(crate) fn check_name(field: &'static str, name: &str) -> Result<()> {
    let length = name.chars().take(MAX_NAME_CHARACTERS + 1).count();
    if length == 0 || length > MAX_NAME_CHARACTERS {
        let message = format!("{field} has 1 to {MAX_NAME_CHARACTERS} characters, not {} bytes", name.len());
        return Err(Error::invalid(field, message));
    }
    if let Some(control) = name.chars().find(|c| c.is_control()) {
        return Err(Error::invalid(
            field,
            format!("{field} {name:?} contains the control character {control:?}"),
        ));
    }
    Ok(())
}

macro_rules! name_id {
    ($(#[$meta:meta])* $name:ident, $field:literal) => {
        $(#[$meta])*
        ///
        /// The host's own name: 1 to 150 characters of any script, no control characters.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a name.
            ///
            /// # Errors
            /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if it is empty, longer than 150 characters, or
            /// contains a control character; the field is
            #[doc = concat!("`", $field, "`.")]
            pub fn new(name: impl Into<String>) -> Result<Self> {
                let name = name.into();
                check_name($field, &name)?;
                Ok(Self(name.into()))
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        string_newtype!($name);
    };
}

name_id! {
    /// Whose data it is: everything stored begins with a tenant, and no call crosses one.
    TenantId, "tenant"
}
name_id! {
    /// One deployed agent.
    AssistantId, "assistant"
}
name_id! {
    /// One repeatable procedure of an assistant, whose state is checkpointed.
    RitualId, "ritual"
}
name_id! {
    /// One versioned rule book.
    CodexId, "codex"
}
name_id! {
    /// One rule of a codex.
    ClauseId, "clause"
}
name_id! {
    /// One supervisor of deployments.
    SupervisorId, "supervisor"
}
name_id! {
    /// One group of deployments that are started, stopped and restarted together.
    GroupId, "group"
}

impl Default for TenantId {
    /// The tenant `default`.
    fn default() -> Self {
        Self("default".into())
    }
}

macro_rules! uuid_id {
    ($(#[$meta:meta])* $name:ident, $field:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes any UUID.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                let uuid = Uuid::parse_str(text)
                    .map_err(|error| Error::invalid($field, format!("{text:?} is not a UUID")).with_source(error))?;
                Ok(Self(uuid))
            }
        }
    };
}

uuid_id! {
    /// Names one write, so that repeating it is recognised and harmless. Must be unique in the tenant.
    ///
    /// A time-ordered UUID (version 7) keeps the store's indexes compact; a service makes one if none is given.
    ///
    /// ```
    /// use mythos_core::types::OperationId;
    ///
    /// let id = OperationId::from_name("order 4711, step 3");
    /// assert_eq!(id, OperationId::from_name("order 4711, step 3"));
    /// assert_eq!(id.to_string().len(), 36);
    /// ```
    OperationId, "operation"
}

uuid_id! {
    /// One checkpoint of a ritual: a UUID of version 8 (RFC 9562 §5.8) whose last 48 bits are the entry's position and
    /// whose other 74 are random and the ritual's own, so that an entry is found without an index of all entries.
    EntryId, "entry"
}

impl EntryId {
    /// The highest position of an entry, 2^48 - 1.
    pub const MAX_SEQUENCE: u64 = (1 << 48) - 1;

    /// The id that the ids of a ritual's entries derive from: the one at position 0, where no entry is.
    pub(crate) fn root_of(random: [u8; 16]) -> Self {
        Self(uuid::Builder::from_custom_bytes(random).into_uuid()).at(0)
    }

    /// The id of the entry at `sequence` of the same ritual.
    pub(crate) fn at(self, sequence: u64) -> Self {
        let mut bytes = self.0.into_bytes();
        bytes[10..].copy_from_slice(&sequence.to_be_bytes()[2..]);
        Self(Uuid::from_bytes(bytes))
    }

    /// The id that all entries of this one's ritual derive from.
    pub(crate) fn root(self) -> Self {
        self.at(0)
    }

    /// The position of the entry in its ritual, from 1.
    #[must_use]
    pub fn sequence(self) -> u64 {
        self.0.into_bytes()[10..].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
}

impl OperationId {
    /// Derives an id from any text that is unique to the operation, as a UUID of version 8 (RFC 9562 §5.8) that
    /// holds the first 122 bits of a BLAKE3 hash.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let hash = DomainHasher::new("mythos 2026 operation id v1").field(name.as_bytes()).finish();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_bytes()[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The id of the record that stands for it: the UUID, and for tenants but the default one the first 8 bytes of
    /// a hash of the tenant behind it. So time order is kept, and no tenant's ids are in another's way.
    pub(crate) fn record_id(&self, tenant: &TenantId) -> RecordId {
        let mut bytes = self.0.into_bytes().to_vec();
        if *tenant != TenantId::default() {
            let hash = DomainHasher::new("mythos 2026 tenant v1").field(tenant.as_str().as_bytes()).finish();
            bytes.extend_from_slice(&hash.as_bytes()[..8]);
        }
        RecordId::from_short(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_in_characters_and_free_of_controls() {
        assert!(AssistantId::new("é".repeat(150)).is_ok());
        for bad in ["", "a\0b", "line\nbreak", "\u{85}", &"x".repeat(151)] {
            let error = AssistantId::new(bad).unwrap_err();
            assert_eq!(error.field(), Some("assistant"), "{bad:?}");
            assert!(serde_json::from_value::<AssistantId>(serde_json::json!(bad)).is_err());
        }
    }

    #[test]
    fn records_of_operations_are_told_apart_by_tenant_and_keep_their_order() {
        let id = |number: u8| OperationId::from_uuid(Uuid::from_bytes([number; 16]));
        let other = TenantId::new("other").unwrap();
        assert_eq!(id(1).record_id(&TenantId::default()).as_bytes(), [1; 16]);
        assert_ne!(id(1).record_id(&other), id(1).record_id(&TenantId::new("third").unwrap()));
        assert!(id(1).record_id(&other) < id(2).record_id(&other));
    }

    #[test]
    fn entries_of_one_ritual_share_all_but_their_position() {
        let root = EntryId::root_of([0xab; 16]);
        assert_eq!(root.as_uuid().get_version_num(), 8);
        for sequence in [0, 1, 300, EntryId::MAX_SEQUENCE] {
            let entry = root.at(sequence);
            assert_eq!((entry.sequence(), entry.root()), (sequence, root));
            assert_eq!(entry.as_uuid().get_version_num(), 8);
        }
        assert!(root.at(255) < root.at(256));
    }

    #[test]
    fn derived_operation_ids_are_version_8_uuids() {
        let id = OperationId::from_name("a").as_uuid();
        assert_eq!(id.get_version_num(), 8);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert_ne!(id, OperationId::from_name("b").as_uuid());
    }
}
