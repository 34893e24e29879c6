//! The entrance: a store and the services on it.

use mythos_core::Mythos;
use mythos_core::store::Budget;
use mythos_core::types::Runtime;
use napi_derive::napi;

use crate::calls::{Lane, open, run};
use crate::convert::Argument;
use crate::errors::Outcome;
use crate::ritual::NativeRituals;
use crate::store::NativeStore;

/// `Mythos` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeMythos {
    mythos: Mythos,
    lane: Lane,
}

#[napi]
impl NativeMythos {
    /// Opens or creates a SQLite store.
    #[allow(clippy::use_self, reason = "napi moves the function out of the `impl`")]
    #[napi(ts_args_type = "path: unknown", ts_return_type = "Promise<Outcome<NativeMythos>>")]
    pub async fn open(path: Argument) -> Outcome<NativeMythos> {
        open(Lane::Native, move || {
            let path: String = path.parse("path")?;
            Ok(Self { mythos: Mythos::open(path)?, lane: Lane::Native })
        })
        .await
    }

    /// Uses any store.
    #[napi(factory)]
    pub fn with_store(store: &NativeStore) -> Self {
        Self { mythos: Mythos::with_store(store.store(), Runtime::system()), lane: store.lane() }
    }

    /// The checkpoints of assistants' state.
    #[napi]
    pub fn rituals(&self) -> NativeRituals {
        NativeRituals::new(self.mythos.rituals(), self.lane)
    }

    /// Lets the store do housekeeping.
    #[napi(ts_args_type = "budget?: unknown", ts_return_type = "Promise<Outcome<unknown>>")]
    pub async fn maintain(&self, budget: Argument) -> Outcome {
        let mythos = self.mythos.clone();
        run(self.lane, move || {
            let budget: Option<Budget> = budget.parse("budget")?;
            Ok(mythos.maintain(budget.unwrap_or_default())?)
        })
        .await
    }
}
