//! What the objects that a host brings have in common: stores, key providers, upcasts. `ts/host.ts` is the other side.

use std::fmt;
use std::time::Duration;

use mythos_core::ErrorKind;
use mythos_core::store::StoreError;
use serde::Deserialize;

use crate::callback::{Callback, NoReply};
use crate::value::{Value, from_value};

/// An object of the host's, called from the binding's threads.
pub(crate) struct Host {
    /// What messages call it, such as "the store".
    role: &'static str,
    timeout: Duration,
    callback: Callback,
}

/// Why a call has no answer.
pub(crate) enum Trouble {
    /// It was not made, or what came back cannot be read.
    Failed(StoreError),
    /// It was made, and did not settle in time; the message says so.
    Late(String),
    /// It threw.
    Thrown(Thrown),
}

/// What a call threw.
pub(crate) struct Thrown {
    /// What was called, such as "the store's read()".
    pub(crate) call: String,
    /// What `ts/` tells about it.
    pub(crate) error: Value,
    /// The exception itself.
    pub(crate) exception: Option<napi::Error>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("role", &self.role).finish_non_exhaustive()
    }
}

impl Host {
    pub(crate) const fn new(role: &'static str, timeout: Duration, callback: Callback) -> Self {
        Self { role, timeout, callback }
    }

    /// What messages call one of its methods.
    pub(crate) fn name(&self, method: &str) -> String {
        format!("{}'s {method}()", self.role)
    }

    /// Calls a method and waits for what it returns or throws.
    pub(crate) fn call(&self, method: &'static str, argument: Value) -> Result<Value, Trouble> {
        let call = self.name(method);
        let reply = match self.callback.call(method, argument, self.timeout) {
            Ok(reply) => reply,
            Err(none) => return Err(self.no_reply(&call, &none)),
        };
        let mut value = reply.value.map_err(|error| {
            Trouble::Failed(defect(format!("what {call} returned cannot be read: {error}")))
        })?;
        match value.take("error") {
            Some(error) => Err(Trouble::Thrown(Thrown { call, error, exception: reply.thrown })),
            None => Ok(value.take("value").unwrap_or(Value::Null)),
        }
    }

    fn no_reply(&self, call: &str, none: &NoReply) -> Trouble {
        match none {
            NoReply::WrongThread => {
                Trouble::Failed(defect(format!("{call} was awaited on the thread that has to run it")))
            }
            NoReply::Ended => {
                let message = format!("{call} cannot be called: its JavaScript environment has ended");
                Trouble::Failed(StoreError::Unavailable { message, source: None })
            }
            NoReply::Late => {
                Trouble::Late(format!("{call} did not settle within {} ms", self.timeout.as_millis()))
            }
        }
    }
}

impl From<Trouble> for StoreError {
    /// The error of a call that changes nothing.
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Failed(error) => error,
            Trouble::Late(message) => Self::Unavailable { message, source: None },
            Trouble::Thrown(thrown) => thrown.into_error(),
        }
    }
}

/// A `MythosError`, or anything else as `Internal`.
#[derive(Deserialize)]
struct Failure {
    code: String,
    message: String,
}

impl Thrown {
    /// The error that it means by itself.
    pub(crate) fn into_error(self) -> StoreError {
        let source = self.exception.map(|exception| Box::new(exception) as Box<_>);
        let Failure { code, message } = match from_value(self.error) {
            Ok(failure) => failure,
            Err(error) => {
                let message = format!("what {} threw cannot be read: {error}", self.call);
                return StoreError::Internal { message, source };
            }
        };
        let kind = ErrorKind::ALL.into_iter().find(|kind| kind.name() == code);
        match StoreError::from_kind(kind.unwrap_or(ErrorKind::Internal), message) {
            StoreError::Unavailable { message, .. } => StoreError::Unavailable { message, source },
            StoreError::Unknown { message, .. } => StoreError::Unknown { message, source },
            StoreError::Internal { message, .. } => StoreError::Internal { message, source },
            other => other,
        }
    }
}

/// A defect of the host's object.
pub(crate) fn defect(message: String) -> StoreError {
    StoreError::Internal { message, source: None }
}
