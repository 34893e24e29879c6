//! `Mythos`: the entrance.

use std::path::PathBuf;

use mythos_core::store::Budget;
use mythos_core::types::{Runtime, TenantId};
use pyo3::prelude::*;

use crate::call::{answer, call};
use crate::{convert, store};

/// A store and the services on it. Every method may be called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct Mythos(mythos_core::Mythos);

#[pymethods]
impl Mythos {
    /// Opens or creates a SQLite store at `path`.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        call(py, || mythos_core::Mythos::open(path)).map(Self)
    }

    /// A store in memory, gone with the last reference to it.
    #[staticmethod]
    fn in_memory() -> Self {
        Self(mythos_core::Mythos::in_memory())
    }

    /// Any store: a built-in one, or an object with the four methods of `Store`.
    #[staticmethod]
    fn with_store(store: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(mythos_core::Mythos::with_store(store::from_python(store)?, Runtime::system())))
    }

    /// The same store for another tenant; what one tenant stores no other sees.
    fn tenant(&self, tenant: &Bound<'_, PyAny>) -> PyResult<Self> {
        let tenant: TenantId = convert::argument("tenant", tenant)?;
        Ok(Self(self.0.tenant(tenant)))
    }

    /// Lets the store do housekeeping, in which at most about `max_bytes` are moved or given back.
    #[pyo3(signature = (*, max_bytes = None))]
    fn maintain<'py>(&self, py: Python<'py>, max_bytes: Option<u64>) -> PyResult<Bound<'py, PyAny>> {
        let budget = max_bytes.map_or_else(Budget::default, |max_bytes| Budget { max_bytes });
        answer(py, || self.0.maintain(budget))
    }
}
