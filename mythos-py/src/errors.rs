//! Errors in both directions: the core's as exceptions, those of a host's Python objects as the core's.

use std::error::Error as StdError;

use mythos_core::store::{Batch, CellOp, StoreError};
use mythos_core::{Error, ErrorKind};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert;

/// The exception of `kind`; the exception that explains why there is none, if the package is broken.
pub(crate) fn new(py: Python<'_>, kind: ErrorKind, message: &str, field: Option<&str>) -> PyErr {
    let make = || {
        let keywords = PyDict::new(py);
        keywords.set_item("field", field)?;
        class(py, kind.name())?.call((message,), Some(&keywords))
    };
    make().map_or_else(|error| error, PyErr::from_value)
}

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("mythos")?.getattr(name)
}

/// The exception for a core error, with the exception of the host's Python object that caused it as its cause.
///
/// What is no `Exception` (`KeyboardInterrupt`, `SystemExit`, a cancelled task) is not an error of the call but asks
/// for its end: it is raised itself.
pub(crate) fn from_core(py: Python<'_>, error: &Error) -> PyErr {
    let mut source = error.source();
    while let Some(error) = source.filter(|error| !error.is::<PyErr>()) {
        source = error.source();
    }
    let cause = source.and_then(|error| error.downcast_ref::<PyErr>()).map(|cause| cause.clone_ref(py));
    match cause {
        Some(cause) if !cause.is_instance_of::<PyException>(py) => cause,
        cause => {
            let exception = new(py, error.kind(), &error.to_string(), error.field());
            if let Some(operation) = error.operation() {
                // An exception of a broken package has no such attribute, and then is the better answer as it is.
                let _ = exception.value(py).setattr("operation", operation);
            }
            if cause.is_some() {
                exception.set_cause(py, cause);
            }
            exception
        }
    }
}

/// The store error for an exception that a Python store's `method` raised, while it was given `batch`.
pub(crate) fn from_store(py: Python<'_>, method: &str, batch: Option<&Batch>, error: PyErr) -> StoreError {
    from_host(py, &format!("the store's {method}"), batch, error)
}

/// The same for a `method` of any of the host's objects, such as "the key provider's active".
pub(crate) fn from_host(py: Python<'_>, method: &str, batch: Option<&Batch>, error: PyErr) -> StoreError {
    classify(py, method, batch, &error).unwrap_or_else(|| {
        let text = format!("{method} raised {error}");
        StoreError::Internal { message: text, source: Some(Box::new(error)) }
    })
}

/// What a host said by raising one of the package's own exceptions; `None` if it is another, or makes no sense here.
fn classify(py: Python<'_>, method: &str, batch: Option<&Batch>, error: &PyErr) -> Option<StoreError> {
    let raised = error.value(py);
    let is = |name| class(py, name).and_then(|class| raised.is_instance(&class)).unwrap_or(false);
    if !is("MythosError") {
        return None;
    }
    if is("RecordConflict") {
        return record_conflict(raised, batch?);
    }
    if is("CellConflict") {
        return cell_conflict(raised, batch?);
    }
    let name: String = raised.getattr("kind").ok()?.extract().ok()?;
    let kind = ErrorKind::ALL.into_iter().find(|kind| kind.name() == name)?;
    let message = format!("{method} failed: {raised}");
    let source = Some(Box::new(error.clone_ref(py)) as Box<dyn StdError + Send + Sync>);
    match StoreError::from_kind(kind, message) {
        StoreError::Unavailable { message, .. } => Some(StoreError::Unavailable { message, source }),
        StoreError::Unknown { message, .. } => Some(StoreError::Unknown { message, source }),
        StoreError::Internal { .. } => None,
        other => Some(other),
    }
}

/// The conflict on a record, if the batch says anything about it.
fn record_conflict(raised: &Bound<'_, PyAny>, batch: &Batch) -> Option<StoreError> {
    let table: String = raised.getattr("table").ok()?.extract().ok()?;
    let id: String = raised.getattr("id").ok()?.extract().ok()?;
    let checks = batch.checks.iter().map(|check| (check.table, check.id));
    let writes = batch.records.iter().map(|op| (op.target().0, op.target().1));
    let (table, id) = checks.chain(writes).find(|(t, i)| t.name() == table && i.to_string() == id)?;
    Some(StoreError::Conflict { table: table.name().to_owned(), id })
}

/// The conflict on a cell, if the batch puts it.
fn cell_conflict(raised: &Bound<'_, PyAny>, batch: &Batch) -> Option<StoreError> {
    let wanted: String = raised.getattr("name").ok()?.extract().ok()?;
    let owned = raised.getattr("owner").ok()?;
    batch.cells.iter().find_map(|op| match op {
        CellOp::Put { owner, name, .. }
            if name.to_string() == wanted
                && convert::to_python(raised.py(), owner)
                    .is_ok_and(|owner| owner.eq(&owned).unwrap_or(false)) =>
        {
            Some(StoreError::CellConflict { owner: Box::new(owner.clone()), name: *name })
        }
        _ => None,
    })
}
