use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::card::IntentDigest;
use crate::error::{Error, Result};
use crate::types::{CodexId, Digest, DomainHasher, check_label};

/// What a payload is for; bound into its signature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SymbolicIntent {
    /// Labels to find the entry by: at most [`SymbolicIntent::MAX_LABELS`] of 1 to 150 characters.
    pub labels: BTreeSet<String>,
    /// The procedure that the state belongs to, 1 to 150 characters.
    pub procedure: Option<String>,
    /// The format of the payload, such as `application/json;v=2`, 1 to 150 characters.
    pub payload_format: Option<String>,
    /// The codex that the assistant ran under.
    pub codex: Option<CodexId>,
    /// The root of that codex then: [`codex_root`](crate::codex::CodexHeadState::codex_root).
    pub codex_root: Option<Digest>,
}

impl SymbolicIntent {
    /// The most labels of one entry.
    pub const MAX_LABELS: usize = 64;

    /// Whether it says nothing.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What is stored of it, and the digest that names it; `None` if it says nothing.
    pub(crate) fn stored(&self) -> Result<Option<(IntentDigest, Vec<u8>)>> {
        if self.is_default() {
            return Ok(None);
        }
        let bytes = serde_json::to_vec(self)
            .map_err(|error| Error::internal(format!("an intent has no JSON form: {error}")))?;
        let digest = DomainHasher::new("mythos 2026 ritual intent v1").field(&bytes).finish_extended();
        Ok(Some((digest, bytes)))
    }

    /// Reads a stored intent back.
    pub(crate) fn from_stored(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes)
            .map_err(|error| Error::corrupt(format!("a stored intent cannot be read: {error}")))
    }

    pub(crate) fn validate(&self) -> Result<()> {
        if self.labels.len() > Self::MAX_LABELS {
            let message =
                format!("an entry has at most {} labels, not {}", Self::MAX_LABELS, self.labels.len());
            return Err(Error::limit("labels", message));
        }
        self.labels.iter().try_for_each(|label| check_label("labels", label))?;
        self.procedure.iter().try_for_each(|name| check_label("procedure", name))?;
        self.payload_format.iter().try_for_each(|name| check_label("payload_format", name))?;
        if self.codex_root.is_some() && self.codex.is_none() {
            return Err(Error::invalid("codex", "a codex root needs the codex it is the root of"));
        }
        Ok(())
    }
}
