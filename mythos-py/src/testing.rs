//! What `mythos.testing` is made of: the conformance cases, for stores written in Python.

use std::sync::{Arc, Mutex, PoisonError};

use mythos_core::Error;
use mythos_core::store::{Store, StoreError, Table};
use mythos_core::testing::conformance::{Factory, cases, run_case};
use pyo3::exceptions::PyAssertionError;
use pyo3::prelude::*;
use serde::Serialize;

use crate::call::call;
use crate::{convert, errors, host, interpreter, store};

/// All conformance cases, grouped by obligation.
#[pyfunction]
pub(crate) fn conformance_cases(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    #[derive(Serialize)]
    struct Case {
        name: &'static str,
        obligation: &'static str,
        about: &'static str,
    }

    let cases = cases().iter();
    let cases = cases.map(|case| Case {
        name: case.name(),
        obligation: case.obligation().name(),
        about: case.about(),
    });
    convert::to_python(py, &cases.collect::<Vec<_>>())
}

/// Runs the case `name` on stores that `fresh` makes and `reopen` opens again; an `AssertionError` if it fails.
#[pyfunction]
pub(crate) fn run_conformance_case(
    py: Python<'_>,
    name: &str,
    fresh: Py<PyAny>,
    reopen: Py<PyAny>,
) -> PyResult<()> {
    let factory = PythonFactory { fresh, reopen, last: Mutex::new(None) };
    call(py, || Ok::<_, Error>(run_case(name, &factory)))?
        .map_err(|failure| PyAssertionError::new_err(failure.to_string()))
}

/// Makes stores by calling Python.
#[derive(Debug)]
struct PythonFactory {
    fresh: Py<PyAny>,
    reopen: Py<PyAny>,
    /// The store made last, which is the one to reopen.
    last: Mutex<Option<Py<PyAny>>>,
}

impl PythonFactory {
    fn last(&self) -> std::sync::MutexGuard<'_, Option<Py<PyAny>>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(
        &self,
        what: &str,
        make: impl FnOnce(Python<'_>) -> PyResult<Bound<'_, PyAny>>,
    ) -> Result<Arc<dyn Store>, StoreError> {
        let made = interpreter::go_out(|py| {
            let made = make(py).and_then(|object| Ok((store::from_python(&object)?, object.unbind())));
            made.map_err(|error| errors::from_store(py, what, None, error))
        });
        let (store, object) = made.unwrap_or_else(|| Err(host::ended(&format!("the store's {what}"))))?;
        *self.last() = Some(object);
        Ok(store)
    }
}

impl Factory for PythonFactory {
    fn fresh(&self, tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        let schemas: Vec<_> = tables.iter().map(|table| table.schema()).collect();
        self.make("fresh", |py| self.fresh.bind(py).call1((convert::to_python(py, &schemas)?,)))
    }

    fn reopen(&self, store: Arc<dyn Store>, _tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        drop(store);
        let last = self.last().take();
        self.make("reopen", |py| self.reopen.bind(py).call1((last,)))
    }
}
