//! The formats of payloads that a host reads, and how it brings older ones up to them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mythos_core::ritual::{PayloadFormats, Upcast};
use mythos_core::store::StoreError;
use napi::bindgen_prelude::Function;
use napi_derive::napi;
use serde_bytes::ByteBuf;

use crate::callback::{Arguments, Callback};
use crate::calls::Lane;
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::host::{Host, defect};
use crate::value::{Value, from_value};

/// `PayloadFormats` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeFormats(Mutex<Declared>);

/// What was declared, and where calls that use it run.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) formats: PayloadFormats,
    pub(crate) lane: Lane,
}

impl NativeFormats {
    /// The declarations so far.
    pub(crate) fn declared(&self) -> Declared {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Declared> {
        // A declaration is made whole or not at all, also if it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn declare(&self, declare: impl FnOnce(&mut Declared) -> Result<(), Failure>) -> Outcome {
        Outcome(declare(&mut self.lock()).map(|()| Value::Null))
    }
}

#[napi]
impl NativeFormats {
    /// No declarations.
    #[napi(factory)]
    pub fn empty() -> Self {
        Self(Mutex::new(Declared { formats: PayloadFormats::default(), lane: Lane::Native }))
    }

    /// Declares a format that the host reads as it is.
    #[napi]
    pub fn current(&self, format: Argument) -> Outcome {
        self.declare(|declared| {
            declared.formats.current(format.parse::<String>("format")?)?;
            Ok(())
        })
    }

    /// Declares a step between two formats. `call(id, method, payload)` must not throw; each call is answered by
    /// `settleCall`.
    #[napi(
        ts_args_type = "source: Argument, to: Argument, timeoutMs: number, call: (id: number, method: string, payload: unknown) => void",
        ts_return_type = "Outcome"
    )]
    pub fn upcast(
        &self,
        source: Argument,
        to: Argument,
        timeout_ms: f64,
        call: Function<'_, Arguments, ()>,
    ) -> napi::Result<Outcome> {
        let timeout = Duration::from_millis(timeout_ms as u64);
        let host = Host::new("the host", timeout, Callback::new(&call)?);
        Ok(self.declare(|declared| {
            let (source, to): (String, String) = (source.parse("source")?, to.parse("to")?);
            declared.formats.upcast(source, to, in_javascript(host))?;
            declared.lane = Lane::Hosted;
            Ok(())
        }))
    }
}

/// The step that calls JavaScript.
fn in_javascript(host: Host) -> Upcast {
    Arc::new(move |payload| {
        let answer = host.call("upcast", Value::Bytes(payload)).map_err(StoreError::from)?;
        let payload: ByteBuf = from_value(answer)
            .map_err(|error| defect(format!("{} returned a wrong type: {error}", host.name("upcast"))))?;
        Ok(payload.into_vec())
    })
}
