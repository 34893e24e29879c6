//! The built-in stores, and those that a host implements in JavaScript.

mod answer;
mod host;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mythos_core::store::{MemoryStore, SqliteOptions, SqliteStore, Store, Synchronous};
use mythos_core::{ErrorKind, TABLES};
use napi::bindgen_prelude::Function;
use napi_derive::napi;
use serde::Deserialize;

use crate::callback::{Arguments, Callback};
use crate::calls::{Lane, open, run};
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::value::from_value;

/// Any store, as a handle that the services take.
#[napi]
#[derive(Debug, Clone)]
pub struct NativeStore {
    store: Arc<dyn Store>,
    /// The same store, if it is one that can be closed.
    sqlite: Option<Arc<SqliteStore>>,
    lane: Lane,
}

impl NativeStore {
    /// The store itself.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// Where calls that use this store run.
    pub(crate) const fn lane(&self) -> Lane {
        self.lane
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct OpenSqlite {
    path: String,
    #[serde(default)]
    synchronous: Option<SynchronousName>,
    #[serde(default)]
    read_only: Option<bool>,
    #[serde(default)]
    busy_timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SynchronousName {
    Full,
    Normal,
}

impl OpenSqlite {
    fn options(&self) -> SqliteOptions {
        let mut options = SqliteOptions::default();
        if let Some(synchronous) = &self.synchronous {
            options.synchronous = match synchronous {
                SynchronousName::Full => Synchronous::Full,
                SynchronousName::Normal => Synchronous::Normal,
            };
        }
        options.read_only = self.read_only.unwrap_or(options.read_only);
        options.busy_timeout = self.busy_timeout_ms.map_or(options.busy_timeout, Duration::from_millis);
        options
    }
}

#[napi]
impl NativeStore {
    /// A store in memory.
    #[napi(factory)]
    pub fn memory() -> Self {
        Self { store: Arc::new(MemoryStore::new()), sqlite: None, lane: Lane::Native }
    }

    /// A store in one SQLite file.
    #[allow(clippy::use_self, reason = "napi moves the function out of the `impl`")]
    #[napi(ts_args_type = "options: unknown", ts_return_type = "Promise<Outcome<NativeStore>>")]
    pub async fn open_sqlite(options: Argument) -> Outcome<NativeStore> {
        open(Lane::Native, move || {
            let open: OpenSqlite = options.parse("options")?;
            let store = Arc::new(SqliteStore::open(Path::new(&open.path), TABLES, &open.options())?);
            Ok(Self { store: Arc::<SqliteStore>::clone(&store), sqlite: Some(store), lane: Lane::Native })
        })
        .await
    }

    /// Closes a store in a file; there is nothing to close of others.
    #[napi(ts_return_type = "Promise<Outcome<unknown>>")]
    pub async fn close(&self) -> Outcome {
        let sqlite = self.sqlite.clone();
        run(Lane::Native, move || Ok(sqlite.map_or(Ok(()), |store| store.close())?)).await
    }

    /// A store in JavaScript. `call(id, method, argument)` must not throw; each call is answered by `settleCall`.
    #[napi(
        ts_args_type = "capabilities: unknown, timeoutMs: number, call: (id: number, method: string, argument: unknown) => void",
        ts_return_type = "Outcome<NativeStore>"
    )]
    pub fn host(
        capabilities: Argument,
        timeout_ms: f64,
        call: Function<'_, Arguments, ()>,
    ) -> napi::Result<Outcome<Self>> {
        let capabilities = match capabilities.0.and_then(from_value) {
            Ok(capabilities) => capabilities,
            Err(error) => {
                let message = format!(
                    "the store's capabilities() is not acceptable: {}",
                    error.in_member("capabilities")
                );
                return Ok(Outcome(Err(Failure::new(ErrorKind::Internal, message))));
            }
        };
        let timeout = Duration::from_millis(timeout_ms as u64);
        let store = host::HostStore::new(capabilities, timeout, Callback::new(&call)?);
        Ok(Outcome(Ok(Self { store: Arc::new(store), sqlite: None, lane: Lane::Hosted })))
    }
}
