//! Stores: a Python object behind the core's trait, and the built-in ones as opaque classes.

use std::sync::Arc;

use mythos_core::TABLES;
use mythos_core::store::{
    self as core, Answer, Batch, Budget, Capabilities, Maintained, Read, Store, StoreError,
};
use pyo3::prelude::*;
use pyo3::types::PyString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::answer;
use crate::{convert, errors, host, interpreter};

/// The store that a caller hands over: one of the built-in classes, or any object with the four methods.
///
/// A Python store is asked for its capabilities here, once.
pub(crate) fn from_python(store: &Bound<'_, PyAny>) -> PyResult<Arc<dyn Store>> {
    if let Ok(store) = store.cast::<BuiltInStore>() {
        return Ok(Arc::clone(&store.get().0));
    }
    Ok(Arc::new(PythonStore::new(store)?))
}

/// A store written in Python.
#[derive(Debug)]
pub(crate) struct PythonStore {
    object: Py<PyAny>,
    capabilities: Capabilities,
}

impl PythonStore {
    fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let _inside = interpreter::come_in(py);
        host::require(object, "store", "store", &["capabilities", "read", "commit", "maintain"])?;
        let capabilities = object
            .call_method0("capabilities")
            .map_err(|error| errors::from_store(py, "capabilities", None, error))
            .and_then(|answer| {
                convert::from_python(&answer).map_err(|unfit| unfit.of_host("the store", "capabilities"))
            })
            .map_err(|error| errors::from_core(py, &error.into()))?;
        Ok(Self { object: object.clone().unbind(), capabilities })
    }

    /// Calls `method` with one argument, from whatever thread this is.
    fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        argument: &(impl Serialize + ?Sized),
        batch: Option<&Batch>,
    ) -> Result<T, StoreError> {
        let answer = interpreter::go_out(|py| {
            let method_name = PyString::intern(py, method);
            let answer = convert::to_python(py, argument)
                .and_then(|argument| self.object.bind(py).call_method1(method_name, (argument,)))
                .map_err(|error| errors::from_store(py, method, batch, error))?;
            convert::from_python(&answer).map_err(|unfit| unfit.of_host("the store", method))
        });
        answer.unwrap_or_else(|| Err(host::ended(&format!("the store's {method}"))))
    }
}

impl Store for PythonStore {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        self.call("read", reads, None)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.call("commit", batch, Some(batch))
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.call("maintain", &budget, None)
    }
}

/// A store that comes with the library. Hand it over wherever a store is expected.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen, subclass)]
pub(crate) struct BuiltInStore(Arc<dyn Store>);

impl BuiltInStore {
    pub(crate) fn holding(store: Arc<dyn Store>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Self(store))
    }
}

/// A store in memory: gone with the process.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen, extends = BuiltInStore)]
pub(crate) struct MemoryStore;

#[pymethods]
impl MemoryStore {
    #[new]
    fn new() -> PyClassInitializer<Self> {
        BuiltInStore::holding(Arc::new(core::MemoryStore::new())).add_subclass(Self)
    }
}

/// The tables that a store is to hold, for a store that must make them.
#[pyfunction]
pub(crate) fn schemas(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    convert::to_python(py, &TABLES.iter().map(|table| table.schema()).collect::<Vec<_>>())
}

/// Copies everything from the store `source` into the empty store `to`, and verifies it by reading both back. Nobody
/// else may write to either meanwhile. If it fails, `to` holds a part.
#[pyfunction]
pub(crate) fn copy_store<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    to: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let (source, to) = (from_python(source)?, from_python(to)?);
    answer(py, || core::copy(&*source, &*to, TABLES))
}
