//! Where the keys come from that payloads are sealed under: a ring in memory, or an object in JavaScript.

use std::sync::Arc;
use std::time::Duration;

use mythos_core::Result;
use mythos_core::seal::{KeyId, KeyProvider, KeyRing, SecretKey};
use napi::bindgen_prelude::Function;
use napi_derive::napi;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

use crate::callback::{Arguments, Callback};
use crate::calls::Lane;
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::host::{Host, defect};
use crate::value::{Value, from_value};

/// Any key provider, as a handle that `NativeMythos` takes.
#[napi]
#[derive(Debug, Clone)]
pub struct NativeKeys {
    provider: Arc<dyn KeyProvider>,
    lane: Lane,
}

impl NativeKeys {
    /// The provider itself.
    pub(crate) fn provider(&self) -> Arc<dyn KeyProvider> {
        Arc::clone(&self.provider)
    }

    /// Where calls that ask it run.
    pub(crate) const fn lane(&self) -> Lane {
        self.lane
    }
}

#[napi]
impl NativeKeys {
    /// A provider in JavaScript. `call(id, method, argument)` must not throw; each call is answered by `settleCall`.
    #[napi(
        ts_args_type = "timeoutMs: number, call: (id: number, method: string, argument: unknown) => void",
        ts_return_type = "NativeKeys"
    )]
    pub fn host(timeout_ms: f64, call: Function<'_, Arguments, ()>) -> napi::Result<Self> {
        let timeout = Duration::from_millis(timeout_ms as u64);
        let host = Host::new("the key provider", timeout, Callback::new(&call)?);
        Ok(Self { provider: Arc::new(HostKeys(host)), lane: Lane::Hosted })
    }
}

/// A key provider in JavaScript.
#[derive(Debug)]
struct HostKeys(Host);

impl HostKeys {
    /// Asks, and reads what is answered; null is none.
    fn ask<T: DeserializeOwned>(&self, method: &'static str, argument: Value) -> Result<Option<T>> {
        let answer = self.0.call(method, argument).map_err(mythos_core::store::StoreError::from)?;
        from_value(answer).map_err(|error| self.wrong(method, &error.to_string()).into())
    }

    /// An answer that is none; `why` does not repeat it.
    fn wrong(&self, method: &str, why: &str) -> mythos_core::store::StoreError {
        defect(format!("{} returned a wrong type: {why}", self.0.name(method)))
    }
}

impl KeyProvider for HostKeys {
    fn active(&self) -> Result<Option<KeyId>> {
        self.ask("active", Value::Null)
    }

    fn key(&self, id: &KeyId) -> Result<Option<SecretKey>> {
        let key: Option<ByteBuf> = self.ask("key", Value::Text(id.as_str().to_owned()))?;
        let key = key.map(|key| {
            SecretKey::from_slice(&key).map_err(|error| self.wrong("key", &error.to_string()).into())
        });
        key.transpose()
    }
}

/// `KeyRing` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeKeyRing(Arc<KeyRing>);

#[napi]
impl NativeKeyRing {
    /// A ring without keys.
    #[napi(factory)]
    pub fn empty() -> Self {
        Self(Arc::default())
    }

    /// Itself, as a key provider.
    #[napi]
    pub fn handle(&self) -> NativeKeys {
        NativeKeys { provider: Arc::<KeyRing>::clone(&self.0), lane: Lane::Native }
    }

    /// Adds a key.
    #[napi]
    pub fn insert(&self, id: Argument, key: Argument) -> Outcome {
        let insert = || {
            let (id, key): (_, ByteBuf) = (id.parse("id")?, key.parse("key")?);
            Ok(self.0.insert(id, SecretKey::from_slice(&key)?)?)
        };
        done(insert())
    }

    /// Seals new payloads under a key.
    #[napi]
    pub fn activate(&self, id: Argument) -> Outcome {
        done(id.parse("id").and_then(|id: KeyId| Ok(self.0.activate(&id)?)))
    }

    /// Stores new payloads unsealed.
    #[napi]
    pub fn deactivate(&self) {
        self.0.deactivate();
    }

    /// Forgets a key, and says whether it was known.
    #[napi]
    pub fn destroy(&self, id: Argument) -> Outcome<bool> {
        Outcome(id.parse("id").map(|id: KeyId| self.0.destroy(&id)))
    }

    /// The key that new payloads are sealed under.
    #[napi]
    pub fn active(&self) -> Outcome<Option<String>> {
        Outcome(self.0.active().map(|id| id.map(String::from)).map_err(Failure::from))
    }
}

fn done(result: std::result::Result<(), Failure>) -> Outcome {
    Outcome(result.map(|()| Value::Null))
}
