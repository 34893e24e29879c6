//! What can be told of entries by themselves: how new a payload is, and whether a run of them goes round in circles.

use mythos_core::Error;
use mythos_core::ritual::{self as core, ScoredEntry, StallPolicy};
use mythos_core::types::Score;
use pyo3::prelude::*;

use crate::call::{answer, call};
use crate::convert;

/// How much information `payload` adds to `previous`, the payload before it: 0 for nothing, 0.5 for 256 novel bytes, 1
/// if there is no predecessor.
#[pyfunction]
pub(crate) fn novelty_score(
    py: Python<'_>,
    previous: Option<&Bound<'_, PyAny>>,
    payload: &Bound<'_, PyAny>,
) -> PyResult<f64> {
    let previous = previous.map(|previous| convert::bytes("previous", previous)).transpose()?;
    let payload = convert::bytes("payload", payload)?;
    let (previous, payload) = (previous.as_ref().map(|bytes| bytes.as_bytes()), payload.as_bytes());
    call(py, || Ok::<_, Error>(core::novelty_score(previous, payload).get()))
}

/// The stall that `entries`, of one ritual and oldest first, end in: a run of at least `min_length` successive ones whose
/// novelty lies below `threshold`; `None` if they do not.
#[pyfunction]
#[pyo3(signature = (entries, *, min_length = None, threshold = None))]
pub(crate) fn stall<'py>(
    py: Python<'py>,
    entries: &Bound<'py, PyAny>,
    min_length: Option<&Bound<'py, PyAny>>,
    threshold: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let policy = policy(py, min_length, threshold)?;
    let entries: Vec<ScoredEntry> = convert::argument("entries", entries)?;
    answer(py, || Ok::<_, Error>(core::stall(&entries, &policy)))
}

/// What counts as a stall; to what is not given the core gives its defaults.
pub(crate) fn policy(
    py: Python<'_>,
    min_length: Option<&Bound<'_, PyAny>>,
    threshold: Option<&Bound<'_, PyAny>>,
) -> PyResult<StallPolicy> {
    let default = StallPolicy::default();
    let min_length: Option<u32> = convert::optional("min_length", min_length)?;
    let threshold: Option<Score> = convert::optional("threshold", threshold)?;
    let min_length = min_length.unwrap_or_else(|| default.min_length());
    call(py, || StallPolicy::new(min_length, threshold.unwrap_or_else(|| default.threshold())))
}
