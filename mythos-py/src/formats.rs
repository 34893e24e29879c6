//! `PayloadFormats`: what a host reads, and how it brings older payloads up to that.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mythos_core::ErrorKind;
use mythos_core::ritual as core;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::{convert, errors, host, interpreter};

/// The formats of payloads that a host can read, and the steps that lead from old ones to them.
///
/// Without any declaration every payload is handed out as it is. With one, an entry that is restored is brought up step
/// by step to a format that is declared current, and an unknown format is refused, at a save too. What is stored never
/// changes.
#[derive(Debug, Default)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct PayloadFormats(Mutex<core::PayloadFormats>);

impl PayloadFormats {
    /// The declarations so far.
    pub(crate) fn declared(&self) -> core::PayloadFormats {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, core::PayloadFormats> {
        // A declaration is made whole or not at all, also if it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PayloadFormats {
    /// No declarations.
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Declares a format that the host reads as it is.
    fn current<'py>(this: PyRef<'py, Self>, format: &Bound<'py, PyAny>) -> PyResult<PyRef<'py, Self>> {
        let name: String = convert::argument("format", format)?;
        let declared = this.lock().current(name).map(drop);
        declared.map_err(|error| errors::from_core(format.py(), &error))?;
        Ok(this)
    }

    /// Declares how a payload of the format `source` becomes one of the format `to`: a function from `bytes` to a
    /// bytes-like object. What it raises is the cause of the `Invalid` of the restore.
    fn upcast<'py>(
        this: PyRef<'py, Self>,
        source: &Bound<'py, PyAny>,
        to: &Bound<'py, PyAny>,
        upcast: &Bound<'py, PyAny>,
    ) -> PyResult<PyRef<'py, Self>> {
        let py = upcast.py();
        let (source, to): (String, String) =
            (convert::argument("source", source)?, convert::argument("to", to)?);
        if !upcast.is_callable() {
            return Err(errors::new(py, ErrorKind::Invalid, "the upcast is no function", Some("upcast")));
        }
        let declared = this.lock().upcast(source, to, in_python(upcast.clone().unbind())).map(drop);
        declared.map_err(|error| errors::from_core(py, &error))?;
        Ok(this)
    }
}

/// The step that calls a Python function.
fn in_python(function: Py<PyAny>) -> core::Upcast {
    Arc::new(move |payload| {
        let answer = interpreter::go_out(|py| -> Result<_, Box<dyn StdError + Send + Sync>> {
            let answer = function.bind(py).call1((PyBytes::new(py, &payload),))?;
            let bytes =
                convert::read_bytes(&answer).map_err(|unfit| unfit.of_host("the upcast", "payload"))?;
            Ok(bytes.as_bytes().to_vec())
        });
        answer.unwrap_or_else(|| Err(host::ended("the upcast").into()))
    })
}
