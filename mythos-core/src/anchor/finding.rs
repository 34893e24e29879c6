use std::fmt;

use serde::{Deserialize, Serialize};

use super::AnchoredName;
use super::found::Found;
use super::statement::Stated;
use crate::error::Error;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AnchorFindingKind {
    /// The log states a head, and it is gone: what it was the head of was deleted.
    Missing,
    /// A head is shorter than the log states: its newest entries were deleted, or an older copy was put back.
    RolledBack,
    /// A head says something else than the log states at the same length: entries were exchanged.
    Differs,
    /// A head, or something of the log itself, cannot be read, or is not what follows from the log.
    Damaged,
}

impl AnchorFindingKind {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::RolledBack => "rolled_back",
            Self::Differs => "differs",
            Self::Damaged => "damaged",
        }
    }
}

/// Something that does not go with what the super-log states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorFinding {
    /// What is wrong.
    pub kind: AnchorFindingKind,
    /// The head; `None` if it is about the log itself, or if a damaged head no longer tells its name.
    pub name: Option<AnchoredName>,
    /// The position of the statement, if it is about one.
    pub sequence: Option<u64>,
    /// The field, record or cell.
    pub field: String,
    /// What the log states, or what follows from it.
    pub expected: String,
    /// What is stored.
    pub found: String,
}

impl fmt::Display for AnchorFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, field, expected, found, .. } = self;
        match &self.name {
            Some(name) => write!(f, "{name} ")?,
            None => write!(f, "the anchors ")?,
        }
        write!(f, "({}): {field}: expected {expected}, found {found}", kind.name())
    }
}

impl AnchorFinding {
    /// Of the log itself.
    pub(super) fn of_log(
        sequence: Option<u64>,
        field: &str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        let kind = AnchorFindingKind::Damaged;
        let (expected, found) = (expected.to_string(), found.to_string());
        Self { kind, name: None, sequence, field: field.to_owned(), expected, found }
    }

    /// A head that cannot be read.
    pub(super) fn damaged(name: Option<AnchoredName>, error: &Error) -> Self {
        let (field, expected) = ("head".to_owned(), "one that can be read".to_owned());
        let (kind, found) = (AnchorFindingKind::Damaged, error.to_string());
        Self { kind, name, sequence: None, field, expected, found }
    }

    pub(super) fn missing(name: &AnchoredName, stated: &Stated) -> Self {
        Self::of_head(AnchorFindingKind::Missing, name, stated, "head", stated.length, "none")
    }

    pub(super) fn rolled_back(found: &Found, stated: &Stated) -> Self {
        let kind = AnchorFindingKind::RolledBack;
        Self::of_head(kind, &found.name, stated, "length", stated.length, found.length)
    }

    /// `found` is what the head says at the stated length.
    pub(super) fn differs(name: &AnchoredName, stated: &Stated, found: impl ToString) -> Self {
        Self::of_head(AnchorFindingKind::Differs, name, stated, "digest", stated.digest, found)
    }

    fn of_head(
        kind: AnchorFindingKind,
        name: &AnchoredName,
        stated: &Stated,
        field: &str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        let (expected, found) = (expected.to_string(), found.to_string());
        let sequence = Some(stated.sequence);
        Self { kind, name: Some(name.clone()), sequence, field: field.to_owned(), expected, found }
    }
}
