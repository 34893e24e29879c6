use std::error::Error as StdError;

use thiserror::Error;

use super::{CellName, Owner};
use crate::error::{Error as CoreError, ErrorKind};
use crate::types::RecordId;

type Source = Box<dyn StdError + Send + Sync>;

/// Why a store could not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A check or an expectation about a record did not hold.
    #[error("record {id} of table {table} is not at the expected version")]
    Conflict {
        /// The table's name.
        table: String,
        /// The record.
        id: RecordId,
    },
    /// A cell of this name exists with other bytes.
    #[error("cell {name} of {owner} exists with other bytes")]
    CellConflict {
        /// The cell's owner.
        owner: Box<Owner>,
        /// The cell's name.
        name: CellName,
    },
    /// The core refused the call before the store saw it: a rule or bound of reads and batches does not hold.
    #[error("{0}")]
    Refused(CoreError),
    /// The call itself is not acceptable, such as a commit on a store opened read-only.
    #[error("{message}")]
    Invalid {
        /// What is not acceptable, and what to do.
        message: String,
    },
    /// A bound of the store was exceeded.
    #[error("{message}")]
    Limit {
        /// Which bound, and by what.
        message: String,
    },
    /// The store cannot serve the call now; nothing was changed.
    #[error("{message}")]
    Unavailable {
        /// What was attempted.
        message: String,
        /// The cause, if one is known.
        source: Option<Source>,
    },
    /// Whether the batch was committed cannot be told.
    #[error("{message}")]
    Unknown {
        /// What was attempted.
        message: String,
        /// The cause, if one is known.
        source: Option<Source>,
    },
    /// What is stored contradicts itself or cannot be read.
    #[error("{message}")]
    Corrupt {
        /// What, and where.
        message: String,
    },
    /// A defect of the store.
    #[error("{message}")]
    Internal {
        /// What happened.
        message: String,
        /// The cause, if one is known.
        source: Option<Source>,
    },
}

impl StoreError {
    /// Makes the error for a failure of a store that knows it only by a kind's name and a message, as stores in other
    /// languages do. [`ErrorKind::Conflict`] and [`ErrorKind::NotFound`] have no place here and become `Internal`.
    pub fn from_kind(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        match kind {
            ErrorKind::Invalid => Self::Invalid { message },
            ErrorKind::Limit => Self::Limit { message },
            ErrorKind::Unavailable => Self::Unavailable { message, source: None },
            ErrorKind::Unknown => Self::Unknown { message, source: None },
            ErrorKind::Corrupt => Self::Corrupt { message },
            _ => Self::Internal { message, source: None },
        }
    }

    /// The kind that [`crate::Error`] has when this is its cause.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Conflict { .. } | Self::CellConflict { .. } => ErrorKind::Conflict,
            Self::Refused(error) => error.kind(),
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Limit { .. } => ErrorKind::Limit,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::Unknown { .. } => ErrorKind::Unknown,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }
}

impl From<StoreError> for CoreError {
    fn from(error: StoreError) -> Self {
        // What the core refused names its field; wrapping it would hide that.
        if let StoreError::Refused(error) = error {
            return error;
        }
        Self::new(error.kind(), error.to_string()).with_source(error)
    }
}

impl From<CoreError> for StoreError {
    fn from(error: CoreError) -> Self {
        Self::Refused(error)
    }
}
