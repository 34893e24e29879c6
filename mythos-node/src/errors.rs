//! What a call gives back to `ts/`: an answer or a failure, never an exception of the binding's own making.
//!
//! The TypeScript layer turns `{ error }` into a `MythosError`. So kind, field, operation and cause cross as values, and nothing
//! has to be read out of a message.

use std::error::Error as StdError;

use mythos_core::store::StoreError;
use mythos_core::{Error, ErrorKind};
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, JsValue, sys};
use napi_derive::napi;

use crate::value::{ConversionError, Value};

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: ErrorKind,
    message: String,
    field: Option<String>,
    operation: Option<String>,
    /// What a host's store, key provider or upcast threw.
    cause: Option<Box<napi::Error>>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), field: None, operation: None, cause: None }
    }

    /// Says that a caller's argument cannot be converted. `name` is the argument's name.
    pub(crate) fn argument(name: &str, error: ConversionError) -> Self {
        let error = error.in_member(name);
        Self { field: Some(error.path().to_owned()), ..Self::new(ErrorKind::Invalid, error.to_string()) }
    }

    /// Says that an answer of the core cannot be converted, which is a defect.
    pub(crate) fn answer(error: ConversionError) -> Self {
        Self::new(ErrorKind::Internal, format!("the answer cannot be converted: {error}"))
    }

    fn to_object(&self, env: &Env) -> napi::Result<sys::napi_value> {
        let mut object = Object::new(env)?;
        object.set("code", self.kind.name())?;
        object.set("message", self.message.as_str())?;
        object.set("field", self.field.as_deref())?;
        object.set("operation", self.operation.as_deref())?;
        if let Some(cause) = &self.cause {
            object.set("cause", cause.try_clone()?)?;
        }
        Ok(object.raw())
    }
}

/// The name of every kind, and whether the same call may succeed when made again.
#[napi(ts_return_type = "Record<string, boolean>")]
pub fn retryable_by_code() -> Value {
    let kinds = ErrorKind::ALL.into_iter();
    Value::Object(kinds.map(|kind| (kind.name().to_owned(), Value::Boolean(kind.is_retryable()))).collect())
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
            field: error.field().map(str::to_owned),
            operation: error.operation().map(str::to_owned),
            cause: thrown(&error).map(Box::new),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

/// The exception of a host's object that `error` comes from.
fn thrown(error: &(dyn StdError + 'static)) -> Option<napi::Error> {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(exception) = error.downcast_ref::<napi::Error>() {
            return exception.try_clone().ok();
        }
        source = error.source();
    }
    None
}

/// The result of every function of this crate: `{ value }` or `{ error }` in JavaScript.
#[derive(Debug)]
pub(crate) struct Outcome<T = Value>(pub(crate) Result<T, Failure>);

impl<T: ToNapiValue> ToNapiValue for Outcome<T> {
    // The trait's method is unsafe to call; what it calls is only safe to call in the same callback.
    #[allow(unsafe_code)]
    unsafe fn to_napi_value(raw_env: sys::napi_env, outcome: Self) -> napi::Result<sys::napi_value> {
        let env = Env::from_raw(raw_env);
        let mut object = Object::new(&env)?;
        match outcome.0 {
            Ok(value) => object.set("value", value)?,
            Err(failure) => object.set("error", failure.to_object(&env)?)?,
        }
        Ok(object.raw())
    }
}
