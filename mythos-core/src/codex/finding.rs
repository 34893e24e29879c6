use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::types::{ClauseId, CodexId};

/// Something stored that does not follow from the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The position of the event where it shows.
    pub sequence: u64,
    /// The clause, if it is about one.
    pub clause: Option<ClauseId>,
    /// The field.
    pub field: String,
    /// What the replay derives.
    pub expected: String,
    /// What is stored.
    pub found: String,
}

impl Finding {
    pub(crate) fn new(
        sequence: u64,
        field: &str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Box<Self> {
        let (expected, found) = (expected.to_string(), found.to_string());
        Box::new(Self { sequence, clause: None, field: field.to_owned(), expected, found })
    }

    pub(crate) fn of_clause(mut self: Box<Self>, clause: Option<ClauseId>) -> Box<Self> {
        self.clause = clause;
        self
    }

    /// The finding as an error, for who wanted something else than to look for damage.
    pub(crate) fn into_error(self, codex: &CodexId) -> Error {
        let Self { sequence, field, expected, found, .. } = self;
        Error::corrupt(format!(
            "{field} of event {sequence} of codex {codex}: expected {expected}, found {found}"
        ))
    }
}

/// Why a replay stopped: a finding, or an error of the store.
#[derive(Debug)]
pub(crate) enum Stop {
    Found(Box<Finding>),
    Failed(Error),
}

impl Stop {
    /// As an error, for who wanted something else than to look for damage.
    pub(crate) fn into_error(self, codex: &CodexId) -> Error {
        match self {
            Self::Found(finding) => finding.into_error(codex),
            Self::Failed(error) => error,
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Box<Finding>> for Stop {
    fn from(finding: Box<Finding>) -> Self {
        Self::Found(finding)
    }
}
