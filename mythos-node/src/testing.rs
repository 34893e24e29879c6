//! The conformance cases, for stores in JavaScript.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mythos_core::store::{Store, StoreError, Table};
use mythos_core::testing::conformance::{Factory, cases, run_case};
use napi::bindgen_prelude::{AsyncBlock, AsyncBlockBuilder, Env, Function};
use napi_derive::napi;

use crate::callback::{Arguments, Callback};
use crate::calls::{Lane, run};
use crate::errors::Outcome;
use crate::value::{Value, to_value};

/// How long a host may take to make a store.
const FACTORY_TIMEOUT: Duration = Duration::from_secs(60);

/// Name, obligation and sentence of every case.
#[napi(ts_return_type = "{ name: string; obligation: string; about: string }[]")]
pub fn conformance_cases() -> Value {
    let text = |name: &str, text: &str| (name.to_owned(), Value::Text(text.to_owned()));
    let case = cases().iter().map(|case| {
        Value::Object(vec![
            text("name", case.name()),
            text("obligation", case.obligation().name()),
            text("about", case.about()),
        ])
    });
    Value::List(case.collect())
}

/// Runs one case; `null` if the store passed, and otherwise what was found instead of what. `make(id, name, schemas)` is
/// called with `fresh` and `reopen`, must not throw, and is answered by `settleCall` with a store.
#[napi(
    ts_args_type = "name: string, make: (id: number, name: string, schemas: unknown) => void",
    ts_return_type = "Promise<Outcome<string | null>>"
)]
pub fn run_conformance_case(
    env: Env,
    name: String,
    make: Function<'_, Arguments, ()>,
) -> napi::Result<AsyncBlock<Outcome>> {
    let factory = HostFactory(Callback::new(&make)?);
    AsyncBlockBuilder::new(async move {
        Ok(run(Lane::Hosted, move || Ok(run_case(&name, &factory).err().map(|failure| failure.to_string())))
            .await)
    })
    .build(&env)
}

struct HostFactory(Callback);

impl fmt::Debug for HostFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostFactory").finish_non_exhaustive()
    }
}

impl HostFactory {
    fn make(&self, name: &'static str, tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        let failed =
            |what: String| StoreError::Internal { message: format!("{name}() {what}"), source: None };
        let schemas: Vec<_> = tables.iter().map(|table| table.schema()).collect();
        let schemas = to_value(&schemas).map_err(|error| failed(error.to_string()))?;
        let reply = self
            .0
            .call(name, schemas, FACTORY_TIMEOUT)
            .map_err(|_| failed(format!("made no store within {} s", FACTORY_TIMEOUT.as_secs())))?;
        match (reply.store, reply.value) {
            (Some(store), _) => Ok(store.store()),
            (None, Ok(Value::Text(message))) => Err(failed(format!("failed: {message}"))),
            (None, _) => Err(failed("made no store".to_owned())),
        }
    }
}

impl Factory for HostFactory {
    fn fresh(&self, tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        self.make("fresh", tables)
    }

    fn reopen(&self, store: Arc<dyn Store>, tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        // JavaScript knows its store; this handle must not keep it open.
        drop(store);
        self.make("reopen", tables)
    }
}
