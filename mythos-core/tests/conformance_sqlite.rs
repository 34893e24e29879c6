//! The conformance cases on the embedded default store.
#![cfg(feature = "sqlite")]

#[macro_use]
mod support;

use std::sync::Arc;

use mythos_core::store::{SqliteOptions, SqliteStore, Store, StoreError, Table};
use mythos_core::testing::conformance::Factory;
use tempfile::TempDir;

#[derive(Debug)]
struct Sqlite {
    directory: TempDir,
}

impl Sqlite {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory for the test") }
    }

    fn open(&self, tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        let path = self.directory.path().join("mythos.db");
        Ok(Arc::new(SqliteStore::open(&path, tables, &SqliteOptions::default())?))
    }
}

impl Factory for Sqlite {
    fn fresh(&self, tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        self.open(tables)
    }

    fn reopen(&self, store: Arc<dyn Store>, tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        drop(store);
        self.open(tables)
    }
}

conformance_tests!(sqlite, Sqlite::new());
