//! The built-in stores, and those that a host implements in JavaScript.

mod answer;
mod host;
mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use mythos_core::store::{MemoryStore, Store, copy};
use mythos_core::{ErrorKind, TABLES};
use napi::bindgen_prelude::{AsyncBlock, AsyncBlockBuilder, Env, Function};
use napi_derive::napi;

pub(crate) use self::sqlite::{NativeSqliteStore, SqliteOpening};
use crate::callback::{Arguments, Callback};
use crate::calls::{Lane, run};
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::value::from_value;

/// Any store, as a handle that the services take.
#[napi]
#[derive(Debug, Clone)]
pub struct NativeStore {
    store: Arc<dyn Store>,
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

/// Copies everything from one store into another.
#[napi(ts_return_type = "Promise<Outcome>")]
pub fn copy_store(env: Env, from: &NativeStore, to: &NativeStore) -> napi::Result<AsyncBlock<Outcome>> {
    let (from, to) = (from.clone(), to.clone());
    let lane = if from.lane == Lane::Hosted { Lane::Hosted } else { to.lane };
    AsyncBlockBuilder::new(
        async move { Ok(run(lane, move || Ok(copy(&from.store, &to.store, TABLES)?)).await) },
    )
    .build(&env)
}

#[napi]
impl NativeStore {
    /// A store in memory.
    #[napi(factory)]
    pub fn memory() -> Self {
        Self { store: Arc::new(MemoryStore::new()), lane: Lane::Native }
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
        Ok(Outcome(Ok(Self { store: Arc::new(store), lane: Lane::Hosted })))
    }
}
