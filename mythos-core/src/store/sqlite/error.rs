use rusqlite::ErrorCode;

use crate::store::StoreError;

/// Names what was attempted when SQLite failed, and sorts the failure by what the caller can do about it.
pub(super) trait Attempt<T> {
    fn attempt(self, what: &str) -> Result<T, StoreError>;
}

impl<T> Attempt<T> for rusqlite::Result<T> {
    fn attempt(self, what: &str) -> Result<T, StoreError> {
        self.map_err(|error| failure(what, error))
    }
}

impl<T> Attempt<T> for std::io::Result<T> {
    fn attempt(self, what: &str) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::Unavailable {
            message: format!("{what}: {error}"),
            source: Some(error.into()),
        })
    }
}

pub(super) fn failure(what: &str, error: rusqlite::Error) -> StoreError {
    let message = format!("{what}: {error}");
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt { message },
        Some(ErrorCode::TooBig) => StoreError::Limit { message },
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::OperationInterrupted
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::NoLargeFileSupport,
        ) => StoreError::Unavailable { message, source: Some(error.into()) },
        Some(_) => StoreError::Internal { message, source: Some(error.into()) },
        // Not from SQLite itself: a stored value did not have the type of its column.
        None => match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => StoreError::Corrupt { message },
            _ => StoreError::Internal { message, source: Some(error.into()) },
        },
    }
}

/// Whether SQLite could not take a lock now.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

pub(super) fn unavailable(message: impl Into<String>) -> StoreError {
    StoreError::Unavailable { message: message.into(), source: None }
}

pub(super) fn invalid(message: impl Into<String>) -> StoreError {
    StoreError::Invalid { message: message.into() }
}
