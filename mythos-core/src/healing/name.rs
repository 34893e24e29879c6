use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::types::{check_label, string_newtype};

/// A name that the host gives: of a rule, a node, a zone, a reading, a person.
///
/// 1 to 150 characters of any script, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HealingName(Arc<str>);

impl HealingName {
    /// Takes a name.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `name`, if it is empty, longer than 150 characters, or
    /// contains a control character.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        check_label("name", &name)?;
        Ok(Self(name.into()))
    }

    /// Takes a name of this crate's own, which is one.
    pub(super) fn of(name: &'static str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

string_newtype!(HealingName);
