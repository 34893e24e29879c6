//! Values in both directions.
//!
//! | Rust | Python |
//! |---|---|
//! | struct, map | `dict` with `str` keys; back from any `Mapping` |
//! | list | `list`; back from any `Sequence` |
//! | text, id, digest | `str` |
//! | integer of at most 64 bits, finite number, boolean, nothing | `int`, `float`, `bool`, `None` |
//! | bytes | `bytes`; back also from `bytearray` and `memoryview` |
//! | timestamp in a declared field named `*_at`, or one of [`made::MOMENTS`] | `datetime` in UTC; back from any aware one |
//!
//! Only *declared* fields become `datetime`: a host's own JSON inside a record comes back as it was given, also where
//! it holds text that looks like a timestamp. The core gives no such name to a text of the host's.

mod made;
mod native;

use std::fmt::Display;

use mythos_core::ErrorKind;
use mythos_core::store::StoreError;
use mythos_core::types::Timestamp;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDateTime, PyMemoryView};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::errors;
use made::Maker;
use native::Native;

/// The native Python value of a core value.
pub(crate) fn to_python<'py, T: Serialize + ?Sized>(
    py: Python<'py>,
    value: &T,
) -> PyResult<Bound<'py, PyAny>> {
    value.serialize(Maker::new(py)).map_err(|failure| failure.0)
}

/// The core value of a Python value.
pub(crate) fn from_python<T: DeserializeOwned>(value: &Bound<'_, PyAny>) -> Result<T, Unfit> {
    T::deserialize(Native::read(value)?)
}

/// The core value of the argument `name`; `Invalid` or `Limit` with the field, such as `clauses[2].text`.
pub(crate) fn argument<T: DeserializeOwned>(name: &str, value: &Bound<'_, PyAny>) -> PyResult<T> {
    from_python(value).map_err(|unfit| unfit.within(name).of_argument(value.py()))
}

/// The same of an argument that need not be given.
pub(crate) fn optional<T: DeserializeOwned>(
    name: &str,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<T>> {
    value.map(|value| argument(name, value)).transpose()
}

/// Arguments of a method under their own names, as [`request`] takes them, whether or not they must be given.
macro_rules! arguments {
    ($($name:ident),+ $(,)?) => {
        &[$((stringify!($name), Option::from($name))),+]
    };
}

pub(crate) use arguments;

/// The core's request that these arguments make up; to those not given the core gives its defaults.
pub(crate) fn request<T: DeserializeOwned>(
    py: Python<'_>,
    arguments: &[(&str, Option<&Bound<'_, PyAny>>)],
) -> PyResult<T> {
    let given = arguments.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    Native::of_members(given).and_then(T::deserialize).map_err(|unfit| unfit.of_argument(py))
}

/// The bytes of the argument `name`: of a `bytes` itself, of any other bytes-like object a copy.
pub(crate) fn bytes<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    read_bytes(value).map_err(|unfit| unfit.within(name).of_argument(value.py()))
}

/// The items of the argument `name`, whatever they are; `Invalid` if it cannot be gone through.
pub(crate) fn items<'py>(
    name: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<impl Iterator<Item = PyResult<Bound<'py, PyAny>>>> {
    let refused = move |error: PyErr| {
        let unfit =
            Unfit::new(ErrorKind::Invalid, format!("it cannot be gone through: {error}"), Some(error));
        unfit.within(name).of_argument(value.py())
    };
    Ok(value.try_iter().map_err(refused)?.map(move |item| item.map_err(refused)))
}

/// The bytes of a value: a `bytes` itself, of any other bytes-like object a copy, since the host may get it again and a
/// subclass may hold more.
pub(crate) fn read_bytes<'py>(value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyBytes>, Unfit> {
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        return Ok(bytes.clone());
    }
    let copied = PyMemoryView::from(value).and_then(|view| view.call_method0("tobytes"));
    let copied = copied.and_then(|bytes| Ok(bytes.cast_into::<PyBytes>()?));
    copied.map_err(|error| Unfit::new(ErrorKind::Invalid, "it is not bytes-like", Some(error)))
}

/// The `datetime` of a timestamp.
pub(crate) fn moment(py: Python<'_>, moment: Timestamp) -> PyResult<Bound<'_, PyAny>> {
    datetime(py, &moment.to_string())
}

/// The `datetime` of the text of a timestamp.
fn datetime<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    static FROM_TEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let from_text = || PyResult::Ok(py.get_type::<PyDateTime>().getattr("fromisoformat")?.unbind());
    FROM_TEXT.get_or_try_init(py, from_text)?.bind(py).call1((text,))
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

    /// The same as the exception for an argument.
    fn of_argument(self, py: Python<'_>) -> PyErr {
        let exception = errors::new(py, self.kind, &self.to_string(), Some(&self.place));
        exception.set_cause(py, self.cause.map(|cause| *cause));
        exception
    }

    /// The same as the defect of the host's object, such as "the store", that answered so.
    pub(crate) fn of_host(self, host: &str, method: &str) -> StoreError {
        let unfit = self.within(method);
        let message = format!("{host} gave a wrong answer: {unfit}");
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
