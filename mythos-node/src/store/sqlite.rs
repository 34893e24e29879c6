//! The store in one SQLite file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mythos_core::TABLES;
use mythos_core::store::{BackupProgress, SqliteOptions, SqliteStore, Synchronous};
use napi::bindgen_prelude::{AsyncBlock, AsyncBlockBuilder, Env, Function};
use napi_derive::napi;
use serde::Deserialize;

use super::NativeStore;
use crate::callback::{Arguments, Callback};
use crate::calls::{Lane, open, run};
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::value::to_value;

/// How long a backup waits for JavaScript to look at its progress: it goes on without.
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(1);

/// `SqliteStore` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeSqliteStore {
    store: Arc<SqliteStore>,
}

impl NativeSqliteStore {
    pub(crate) fn new(store: &Arc<SqliteStore>) -> Self {
        Self { store: Arc::clone(store) }
    }
}

/// `SqliteOptions` of the core.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub(crate) struct SqliteOpening {
    synchronous: Option<SynchronousName>,
    read_only: Option<bool>,
    busy_timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SynchronousName {
    Full,
    Normal,
}

impl From<SqliteOpening> for SqliteOptions {
    fn from(opening: SqliteOpening) -> Self {
        let mut options = Self::default();
        options.synchronous = match opening.synchronous {
            Some(SynchronousName::Full) => Synchronous::Full,
            Some(SynchronousName::Normal) => Synchronous::Normal,
            None => options.synchronous,
        };
        options.read_only = opening.read_only.unwrap_or(options.read_only);
        options.busy_timeout = opening.busy_timeout_ms.map_or(options.busy_timeout, Duration::from_millis);
        options
    }
}

#[napi]
impl NativeSqliteStore {
    /// Opens or creates a file.
    #[allow(clippy::use_self, reason = "napi moves the function out of the `impl`")]
    #[napi]
    pub async fn open(path: Argument, options: Argument) -> Outcome<NativeSqliteStore> {
        open(Lane::Native, move || {
            let (path, options): (PathBuf, SqliteOpening) = (path.parse("path")?, options.parse("options")?);
            Ok(Self { store: Arc::new(SqliteStore::open(&path, TABLES, &options.into())?) })
        })
        .await
    }

    /// Makes a file from a backup.
    #[napi]
    pub async fn restore(backup: Argument, path: Argument) -> Outcome {
        run(Lane::Native, move || {
            let (backup, path): (PathBuf, PathBuf) = (backup.parse("backup")?, path.parse("path")?);
            Ok(SqliteStore::restore(&backup, &path)?)
        })
        .await
    }

    /// The store as any other.
    #[napi]
    pub fn handle(&self) -> NativeStore {
        NativeStore { store: Arc::<SqliteStore>::clone(&self.store), lane: Lane::Native }
    }

    /// Copies the store to a new file. `progress(id, name, progress)` must not throw; each call is answered by
    /// `settleCall`.
    #[napi(
        ts_args_type = "path: Argument, progress?: (id: number, name: string, progress: unknown) => void",
        ts_return_type = "Promise<Outcome>"
    )]
    pub fn backup(
        &self,
        env: Env,
        path: Argument,
        progress: Option<Function<'_, Arguments, ()>>,
    ) -> napi::Result<AsyncBlock<Outcome>> {
        let store = Arc::clone(&self.store);
        let progress = progress.as_ref().map(Callback::new).transpose()?;
        let lane = if progress.is_some() { Lane::Hosted } else { Lane::Native };
        AsyncBlockBuilder::new(async move {
            Ok(run(lane, move || {
                let path: PathBuf = path.parse("path")?;
                let mut report = |done: BackupProgress| {
                    if let (Some(progress), Ok(done)) = (&progress, to_value(&done)) {
                        // Waited for, so that all reports come before the end; one that is missed does no harm.
                        let _ = progress.call("progress", done, PROGRESS_TIMEOUT);
                    }
                };
                Ok(store.backup(&path, &mut report)?)
            })
            .await)
        })
        .build(&env)
    }

    /// What the store has done.
    #[napi]
    pub fn statistics(&self) -> Outcome {
        Outcome(to_value(&self.store.statistics()).map_err(Failure::answer))
    }

    /// Closes the file.
    #[napi]
    pub async fn close(&self) -> Outcome {
        let store = Arc::clone(&self.store);
        run(Lane::Native, move || Ok(store.close()?)).await
    }
}
