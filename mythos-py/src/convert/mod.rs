//! Values in both directions.
//!
//! | Rust | Python |
//! |---|---|
//! | struct, map | `dict` with `str` keys; back from any `Mapping` |
//! | list | `list`; back from any `Sequence` |
//! | text, id, digest | `str` |
//! | integer of at most 64 bits, finite number, boolean, nothing | `int`, `float`, `bool`, `None` |
//! | bytes | `bytes`; back also from `bytearray` and `memoryview` |
//! | timestamp in a declared field named `*_at` | `datetime` in UTC; back from any aware `datetime` |
//!
//! Only *declared* fields become `datetime`: a host's own JSON inside a record comes back as it was given, also where
//! it holds text that looks like a timestamp.

mod native;

use std::fmt::Display;

use mythos_core::ErrorKind;
use mythos_core::store::StoreError;
use mythos_core::types::Timestamp;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDateTime, PyDict, PyList, PyMapping, PyString};
use pythonize::{PythonizeNamedMappingType, PythonizeTypes, pythonize_custom};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::errors;
use native::Native;

/// The native Python value of a core value.
pub(crate) fn to_python<'py, T: Serialize + ?Sized>(
    py: Python<'py>,
    value: &T,
) -> PyResult<Bound<'py, PyAny>> {
    pythonize_custom::<Types, T>(py, value).map_err(PyErr::from)
}

/// The core value of a Python value.
pub(crate) fn from_python<T: DeserializeOwned>(value: &Bound<'_, PyAny>) -> Result<T, Unfit> {
    T::deserialize(Native::read(value)?)
}

/// The core value of the argument `name`; `Invalid` or `Limit` with the field, such as `clauses[2].text`.
pub(crate) fn argument<T: DeserializeOwned>(name: &str, value: &Bound<'_, PyAny>) -> PyResult<T> {
    from_python(value).map_err(|unfit| {
        let unfit = unfit.within(name);
        let exception = errors::new(value.py(), unfit.kind, &unfit.to_string(), Some(&unfit.place));
        exception.set_cause(value.py(), unfit.cause.map(|cause| *cause));
        exception
    })
}

/// Why a Python value is not the core value it should be.
#[derive(Debug)]
pub(crate) struct Unfit {
    kind: ErrorKind,
    /// Where in the value, such as `clauses[2].text`; empty for the value itself.
    place: String,
    message: String,
    /// Boxed, since it is large and rare.
    cause: Option<Box<PyErr>>,
}

impl Unfit {
    fn new(kind: ErrorKind, message: impl Into<String>, cause: Option<PyErr>) -> Self {
        Self { kind, place: String::new(), message: message.into(), cause: cause.map(Box::new) }
    }

    /// The same, seen from outside the member `step` of a mapping, or `[index]` of a list.
    pub(crate) fn within(mut self, step: &str) -> Self {
        let dot = if self.place.is_empty() || self.place.starts_with('[') { "" } else { "." };
        self.place = format!("{step}{dot}{}", self.place);
        self
    }

    /// The same as the defect of a store that answered so.
    pub(crate) fn of_store(self, method: &str) -> StoreError {
        let unfit = self.within(method);
        let message = format!("the store gave a wrong answer: {unfit}");
        StoreError::Internal { message, source: unfit.cause.map(|cause| cause as _) }
    }
}

impl std::error::Error for Unfit {}

impl Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let colon = if self.place.is_empty() { "" } else { ": " };
        write!(f, "{}{colon}{}", self.place, self.message)
    }
}

impl serde::de::Error for Unfit {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(ErrorKind::Invalid, message.to_string(), None)
    }
}

/// How pythonize makes containers: plain dicts and lists, with timestamps in declared fields.
struct Types;

impl PythonizeTypes for Types {
    type Map = PyDict;
    type NamedMap = DeclaredFields;
    type List = PyList;
}

/// A dict of the declared fields of a struct.
struct DeclaredFields;

impl PythonizeNamedMappingType for DeclaredFields {
    type Builder<'py> = Bound<'py, PyDict>;

    fn builder<'py>(py: Python<'py>, _length: usize, _name: &'static str) -> PyResult<Self::Builder<'py>> {
        Ok(PyDict::new(py))
    }

    fn push_field<'py>(
        builder: &mut Self::Builder<'py>,
        name: Bound<'py, PyString>,
        value: Bound<'py, PyAny>,
    ) -> PyResult<()> {
        if name.to_str()?.ends_with("_at")
            && let Some(moment) = as_datetime(&value)?
        {
            builder.set_item(name, moment)
        } else {
            builder.set_item(name, value)
        }
    }

    fn finish(builder: Self::Builder<'_>) -> PyResult<Bound<'_, PyMapping>> {
        Ok(builder.into_mapping())
    }
}

/// The moment that `value` is the text form of, if it is one.
fn as_datetime<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Ok(text) = value.cast::<PyString>() else { return Ok(None) };
    let text = text.to_str()?;
    if !text.parse::<Timestamp>().is_ok_and(|moment| moment.to_string() == text) {
        return Ok(None);
    }
    let py = value.py();
    py.get_type::<PyDateTime>().call_method1(intern!(py, "fromisoformat"), (text,)).map(Some)
}
