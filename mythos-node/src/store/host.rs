//! A store that a host implements in JavaScript, called from the binding's threads.

use std::fmt;
use std::time::Duration;

use mythos_core::ErrorKind;
use mythos_core::store::{
    Answer, Batch, Budget, Capabilities, CellOp, Maintained, Owner, Read, Store, StoreError,
};
use mythos_core::types::MAX_SAFE_INTEGER;
use serde::{Deserialize, Serialize};

use super::answer::read_answers;
use crate::callback::{Callback, NoReply};
use crate::value::{ConversionError, Value, from_value, to_value};

/// A store in JavaScript.
pub(super) struct HostStore {
    capabilities: Capabilities,
    timeout: Duration,
    callback: Callback,
}

impl fmt::Debug for HostStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostStore").field("capabilities", &self.capabilities).finish_non_exhaustive()
    }
}

/// How the core asks for a method.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Read,
    Commit,
    Maintain,
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Commit => "commit",
            Self::Maintain => "maintain",
        }
    }
}

impl HostStore {
    pub(super) const fn new(capabilities: Capabilities, timeout: Duration, callback: Callback) -> Self {
        Self { capabilities, timeout, callback }
    }

    /// Calls a method and waits for what it returns or throws.
    fn call<T: Serialize + ?Sized>(
        &self,
        method: Method,
        argument: &T,
        batch: Option<&Batch>,
    ) -> Result<Value, StoreError> {
        let name = method.name();
        let argument = to_value(argument).map_err(|error| {
            defect(format!("the argument of the store's {name}() cannot be converted: {error}"))
        })?;
        let reply =
            self.callback.call(name, argument, self.timeout).map_err(|none| self.no_reply(method, &none))?;
        let mut value = reply
            .value
            .map_err(|error| defect(format!("what the store's {name}() returned cannot be read: {error}")))?;
        match value.take("error") {
            Some(error) => Err(store_error(method, error, reply.thrown, batch)),
            None => Ok(value.take("value").unwrap_or(Value::Null)),
        }
    }

    fn no_reply(&self, method: Method, none: &NoReply) -> StoreError {
        let name = method.name();
        let message = match none {
            NoReply::WrongThread => {
                return defect(format!("the store's {name}() was awaited on the thread that has to run it"));
            }
            NoReply::Ended => {
                format!("the store's {name}() cannot be called: its JavaScript environment has ended")
            }
            NoReply::Late => {
                format!("the store's {name}() did not settle within {} ms", self.timeout.as_millis())
            }
        };
        match (none, method) {
            (NoReply::Late, Method::Commit) => StoreError::Unknown { message, source: None },
            _ => StoreError::Unavailable { message, source: None },
        }
    }
}

impl Store for HostStore {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        let bounded: Vec<_> = reads.iter().cloned().map(within_53_bits).collect();
        read_answers(reads, self.call(Method::Read, &bounded, None)?)
            .map_err(|error| wrong_type("read", &error))
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        match self.call(Method::Commit, batch, Some(batch))? {
            Value::Null => Ok(()),
            // Whether such a store committed is not known, but the core would repeat an `Unknown` without end.
            other => Err(wrong_type(
                "commit",
                &ConversionError::new(format!("expected nothing, not {}", other.kind())),
            )),
        }
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        let budget = Budget { max_bytes: budget.max_bytes.min(MAX_SAFE_INTEGER) };
        from_value(self.call(Method::Maintain, &budget, None)?)
            .map_err(|error| wrong_type("maintain", &error))
    }
}

/// Bounds that say "without bound" cross as the largest integer that JavaScript holds.
fn within_53_bits(mut read: Read) -> Read {
    match &mut read {
        Read::Count { cap: bound, .. } | Read::Cells { max_bytes: bound, .. } => {
            *bound = (*bound).min(MAX_SAFE_INTEGER);
        }
        _ => {}
    }
    read
}

fn defect(message: String) -> StoreError {
    StoreError::Internal { message, source: None }
}

fn wrong_type(method: &str, error: &ConversionError) -> StoreError {
    defect(format!("the store's {method}() returned a wrong type: {error}"))
}

/// What `ts/host_store.ts` tells about an exception.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Thrown {
    /// A `StoreConflict`.
    StoreConflict { table: String, id: String },
    /// A `CellConflict`.
    CellConflict { owner: ThrownOwner, name: String },
    /// A `MythosError`, or anything else as `Internal`.
    Failure { code: String, message: String },
}

#[derive(Deserialize)]
struct ThrownOwner {
    tenant: String,
    table: String,
    id: String,
}

impl ThrownOwner {
    fn is(&self, owner: &Owner) -> bool {
        self.tenant == owner.tenant.as_str()
            && self.table == owner.table.name()
            && self.id == owner.id.to_string()
    }
}

fn store_error(
    method: Method,
    error: Value,
    exception: Option<napi::Error>,
    batch: Option<&Batch>,
) -> StoreError {
    let source = exception.map(|exception| Box::new(exception) as Box<_>);
    let name = method.name();
    let thrown = match from_value(error) {
        Ok(thrown) => thrown,
        Err(error) => {
            let message = format!("what the store's {name}() threw cannot be read: {error}");
            return StoreError::Internal { message, source };
        }
    };
    let conflict = match thrown {
        Thrown::StoreConflict { table, id } => {
            batch.and_then(|batch| conflict(batch, &table, &id)).ok_or_else(|| {
                format!("threw a StoreConflict about record {id} of {table}, which the call does not name")
            })
        }
        Thrown::CellConflict { owner, name } => batch
            .and_then(|batch| cell_conflict(batch, &owner, &name))
            .ok_or_else(|| format!("threw a CellConflict about cell {name}, which the call does not put")),
        Thrown::Failure { code, message } => {
            let kind = ErrorKind::ALL.into_iter().find(|kind| kind.name() == code);
            return match StoreError::from_kind(kind.unwrap_or(ErrorKind::Internal), message) {
                StoreError::Unavailable { message, .. } => StoreError::Unavailable { message, source },
                StoreError::Unknown { message, .. } => StoreError::Unknown { message, source },
                StoreError::Internal { message, .. } => StoreError::Internal { message, source },
                other => other,
            };
        }
    };
    conflict.unwrap_or_else(|what| StoreError::Internal {
        message: format!("the store's {name}() {what}"),
        source,
    })
}

fn conflict(batch: &Batch, table: &str, id: &str) -> Option<StoreError> {
    let checks = batch.checks.iter().map(|check| (check.table, check.id));
    let mut named = checks.chain(batch.records.iter().map(|op| (op.target().0, op.target().1)));
    let (table, id) = named.find(|(t, i)| t.name() == table && i.to_string() == id)?;
    Some(StoreError::Conflict { table: table.name().to_owned(), id })
}

fn cell_conflict(batch: &Batch, thrown: &ThrownOwner, thrown_name: &str) -> Option<StoreError> {
    batch.cells.iter().find_map(|op| match op {
        CellOp::Put { owner, name, .. } if thrown.is(owner) && name.to_string() == thrown_name => {
            Some(StoreError::CellConflict { owner: Box::new(owner.clone()), name: *name })
        }
        _ => None,
    })
}
