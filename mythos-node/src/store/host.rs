//! A store that a host implements in JavaScript, called from the binding's threads.

use std::time::Duration;

use mythos_core::store::{
    Answer, Batch, Budget, Capabilities, CellOp, Maintained, Owner, Read, Store, StoreError,
};
use mythos_core::types::MAX_SAFE_INTEGER;
use serde::{Deserialize, Serialize};

use super::answer::read_answers;
use crate::callback::Callback;
use crate::host::{Host, Thrown, Trouble, defect};
use crate::value::{ConversionError, Value, from_value, to_value};

/// A store in JavaScript.
#[derive(Debug)]
pub(super) struct HostStore {
    capabilities: Capabilities,
    host: Host,
}

impl HostStore {
    pub(super) const fn new(capabilities: Capabilities, timeout: Duration, callback: Callback) -> Self {
        Self { capabilities, host: Host::new("the store", timeout, callback) }
    }

    /// Calls a method and waits for what it returns or throws; a commit gives its batch.
    fn call<T: Serialize + ?Sized>(
        &self,
        method: &'static str,
        argument: &T,
        batch: Option<&Batch>,
    ) -> Result<Value, StoreError> {
        let argument = to_value(argument).map_err(|error| {
            defect(format!("the argument of {} cannot be converted: {error}", self.host.name(method)))
        })?;
        self.host.call(method, argument).map_err(|trouble| match (trouble, batch) {
            (Trouble::Late(message), Some(_)) => StoreError::Unknown { message, source: None },
            (Trouble::Thrown(thrown), batch) => store_error(thrown, batch),
            (trouble, _) => trouble.into(),
        })
    }

    fn wrong_type(&self, method: &str, error: &ConversionError) -> StoreError {
        defect(format!("{} returned a wrong type: {error}", self.host.name(method)))
    }
}

impl Store for HostStore {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        let bounded: Vec<_> = reads.iter().cloned().map(within_53_bits).collect();
        read_answers(reads, self.call("read", &bounded, None)?)
            .map_err(|error| self.wrong_type("read", &error))
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        match self.call("commit", batch, Some(batch))? {
            Value::Null => Ok(()),
            // Whether such a store committed is not known, but the core would repeat an `Unknown` without end.
            other => Err(self.wrong_type(
                "commit",
                &ConversionError::new(format!("expected nothing, not {}", other.kind())),
            )),
        }
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        let budget = Budget { max_bytes: budget.max_bytes.min(MAX_SAFE_INTEGER) };
        from_value(self.call("maintain", &budget, None)?).map_err(|error| self.wrong_type("maintain", &error))
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

/// What `ts/host_store.ts` tells about a conflict.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Conflicting {
    /// A `StoreConflict`.
    StoreConflict { table: String, id: String },
    /// A `CellConflict`.
    CellConflict { owner: ThrownOwner, name: String },
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

fn store_error(thrown: Thrown, batch: Option<&Batch>) -> StoreError {
    let conflict = match from_value(thrown.error.clone()) {
        Ok(Conflicting::StoreConflict { table, id }) => {
            batch.and_then(|batch| conflict(batch, &table, &id)).ok_or_else(|| {
                format!("threw a StoreConflict about record {id} of {table}, which the call does not name")
            })
        }
        Ok(Conflicting::CellConflict { owner, name }) => batch
            .and_then(|batch| cell_conflict(batch, &owner, &name))
            .ok_or_else(|| format!("threw a CellConflict about cell {name}, which the call does not put")),
        Err(_) => return thrown.into_error(),
    };
    conflict.unwrap_or_else(|what| StoreError::Internal {
        message: format!("{} {what}", thrown.call),
        source: thrown.exception.map(|exception| Box::new(exception) as Box<_>),
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
