//! The embedded default store.
use std::path::Path;
use std::time::Duration;

use super::{Answer, Batch, Budget, Capabilities, Maintained, Read, Store, StoreError, Table};

/// When a commit reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Synchronous {
    /// Every acknowledged commit survives a power loss.
    #[default]
    Full,
    /// A power loss may undo the last acknowledged commits; the file stays sound.
    Normal,
}

/// How a SQLite store is opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// When a commit reaches the disk.
    pub synchronous: Synchronous,
    /// Refuse every commit.
    pub read_only: bool,
    /// How long a call waits for another process's write before it is `Unavailable`.
    pub busy_timeout: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { synchronous: Synchronous::Full, read_only: false, busy_timeout: Duration::from_secs(30) }
    }
}

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {}

impl SqliteStore {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// TODO
    pub fn open(_path: &Path, _tables: &[Table], _options: &SqliteOptions) -> Result<Self, StoreError> {
        todo!()
    }
}

impl Store for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        todo!()
    }

    fn read(&self, _reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        todo!()
    }

    fn commit(&self, _batch: &Batch) -> Result<(), StoreError> {
        todo!()
    }

    fn maintain(&self, _budget: Budget) -> Result<Maintained, StoreError> {
        todo!()
    }
}
