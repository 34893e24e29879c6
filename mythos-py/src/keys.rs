//! Where the keys come from that payloads are sealed under: a ring in memory, or a Python object.

use std::sync::Arc;

use mythos_core::Result;
use mythos_core::seal::{self as core, KeyId, KeyProvider, SecretKey};
use pyo3::prelude::*;
use serde::de::Error as _;

use crate::call::call;
use crate::convert::{self, Unfit};
use crate::{errors, host, interpreter};

/// The provider that a caller hands over: a `KeyRing`, or any object with the two methods.
pub(crate) fn from_python(keys: &Bound<'_, PyAny>) -> PyResult<Arc<dyn KeyProvider>> {
    if let Ok(ring) = keys.cast::<KeyRing>() {
        return Ok(Arc::<core::KeyRing>::clone(&ring.get().0));
    }
    host::require(keys, "keys", "key provider", &["active", "key"])?;
    Ok(Arc::new(PythonKeys(keys.clone().unbind())))
}

/// A key provider written in Python.
#[derive(Debug)]
struct PythonKeys(Py<PyAny>);

impl PythonKeys {
    /// Calls `method`, and reads its answer; `None` is none.
    fn ask<T>(
        &self,
        method: &'static str,
        id: Option<&KeyId>,
        read: impl FnOnce(&Bound<'_, PyAny>) -> std::result::Result<T, Unfit>,
    ) -> Result<Option<T>> {
        let name = format!("the key provider's {method}");
        let answer = interpreter::go_out(|py| {
            let object = self.0.bind(py);
            let answer = match id {
                Some(id) => object.call_method1(method, (id.as_str(),)),
                None => object.call_method0(method),
            };
            let answer = answer.map_err(|error| errors::from_host(py, &name, None, error))?;
            if answer.is_none() {
                return Ok(None);
            }
            read(&answer).map(Some).map_err(|unfit| unfit.of_host("the key provider", method))
        });
        Ok(answer.unwrap_or_else(|| Err(host::ended(&name)))?)
    }
}

impl KeyProvider for PythonKeys {
    fn active(&self) -> Result<Option<KeyId>> {
        self.ask("active", None, convert::from_python)
    }

    fn key(&self, id: &KeyId) -> Result<Option<SecretKey>> {
        self.ask("key", Some(id), |key| {
            SecretKey::from_slice(convert::read_bytes(key)?.as_bytes()).map_err(Unfit::custom)
        })
    }
}

/// Keys held in memory, for hosts that read them from a secrets manager at their start, and for tests.
///
/// Every method may be called from any thread; a change holds from the next save or restore on.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct KeyRing(Arc<core::KeyRing>);

#[pymethods]
impl KeyRing {
    /// A ring without keys, so that new payloads are stored unsealed.
    #[new]
    fn new() -> Self {
        Self(Arc::new(core::KeyRing::new()))
    }

    /// A ring of one key of 32 bytes, under which new payloads are sealed.
    #[staticmethod]
    fn with_active(id: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(Arc::new(core::KeyRing::with_active(convert::argument("id", id)?, secret("key", key)?))))
    }

    /// Adds a key of 32 bytes, which opens what was sealed under it; `activate` lets it seal. `Invalid` if the id stands
    /// for another key.
    fn insert(&self, py: Python<'_>, id: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let (id, key): (KeyId, _) = (convert::argument("id", id)?, secret("key", key)?);
        call(py, || self.0.insert(id, key))
    }

    /// Seals new payloads under this key from now on. `NotFound` if it is not known.
    fn activate(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<()> {
        let id: KeyId = convert::argument("id", id)?;
        call(py, || self.0.activate(&id))
    }

    /// Stores new payloads unsealed from now on. The keys stay known.
    fn deactivate(&self) {
        self.0.deactivate();
    }

    /// Forgets a key, and says whether it was known: all that was sealed under it is lost, unless the key is kept
    /// elsewhere. If it was the active one, saves are refused until another is activated, or `deactivate` is called.
    fn destroy(&self, id: &Bound<'_, PyAny>) -> PyResult<bool> {
        let id: KeyId = convert::argument("id", id)?;
        Ok(self.0.destroy(&id))
    }

    /// The id of the key that new payloads are sealed under; `None` if they are stored unsealed.
    fn active(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(call(py, || self.0.active())?.map(String::from))
    }
}

/// The secret that the argument `name` holds, 32 bytes.
pub(crate) fn secret(name: &str, value: &Bound<'_, PyAny>) -> PyResult<SecretKey> {
    let bytes = convert::bytes(name, value)?;
    SecretKey::from_slice(bytes.as_bytes())
        .map_err(|error| errors::new(value.py(), error.kind(), &error.to_string(), Some(name)))
}
