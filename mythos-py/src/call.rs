//! How every core call is made: without the interpreter lock, and so that a panic is an exception.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mythos_core::{Error, ErrorKind};
use pyo3::prelude::*;
use serde::Serialize;

use crate::{convert, errors, interpreter};

/// Makes a core call while other Python threads run, and raises its error.
///
/// A panic in it, which is a defect, is raised as `Internal`: pyo3's own `PanicException` is no `Exception`, and would
/// take a server's worker down.
pub(crate) fn call<T: Send, E: Into<Error> + Send>(
    py: Python<'_>,
    core: impl FnOnce() -> Result<T, E> + Send,
) -> PyResult<T> {
    let _inside = interpreter::come_in(py);
    match py.detach(|| catch_unwind(AssertUnwindSafe(core))) {
        Ok(result) => result.map_err(|error| errors::from_core(py, &error.into())),
        Err(panic) => {
            let message = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("a panic without a message");
            Err(errors::new(py, ErrorKind::Internal, &format!("a defect of this library: {message}"), None))
        }
    }
}

/// Makes a core call and answers it as a native value.
pub(crate) fn answer<T: Serialize + Send, E: Into<Error> + Send>(
    py: Python<'_>,
    core: impl FnOnce() -> Result<T, E> + Send,
) -> PyResult<Bound<'_, PyAny>> {
    convert::to_python(py, &call(py, core)?)
}
