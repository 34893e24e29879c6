//! `CodexTree`: proofs of a codex's log.

use mythos_core::codex as core;
use mythos_core::tlog::SignedCheckpoint;
use pyo3::prelude::*;

use crate::call::{answer, call};
use crate::convert;

/// The Merkle tree over the events of a codex, as its head was when this was made: for many proofs at once.
///
/// The leaf of an event is `mythos.tlog.leaf_hash` of its digest's 32 bytes, so that standard verifiers accept the proofs.
/// Every method may be called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct CodexTree(pub(crate) core::CodexTree);

#[pymethods]
impl CodexTree {
    /// The head that it is of.
    #[getter]
    fn head<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_python(py, self.0.head())
    }

    /// Proves that the event at position `index` is in the log of the first `size` events, by default of all.
    #[pyo3(signature = (index, *, size = None))]
    fn inclusion<'py>(&self, py: Python<'py>, index: u64, size: Option<u64>) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.inclusion(index, size))
    }

    /// Proves that the log of the first `old` events is the beginning of that of the first `new`, by default of all.
    #[pyo3(signature = (old, *, new = None))]
    fn consistency<'py>(&self, py: Python<'py>, old: u64, new: Option<u64>) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.consistency(old, new))
    }

    /// The root of the tree over the first `size` events.
    fn root(&self, py: Python<'_>, size: u64) -> PyResult<String> {
        call(py, || self.0.root(size).map(|root| root.to_string()))
    }
    /// Proves that the event at position `index` is in the log that `checkpoint` speaks of, as one text (C2SP tlog-proof)
    /// that `mythos.tlog.verify_log_proof` verifies offline. `extra` is data for the reader, which nobody vouches for.
    #[pyo3(signature = (index, checkpoint, extra = None))]
    fn log_proof(
        &self,
        py: Python<'_>,
        index: u64,
        checkpoint: &Bound<'_, PyAny>,
        extra: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        let checkpoint: SignedCheckpoint = convert::argument("checkpoint", checkpoint)?;
        let extra = extra.map(|extra| convert::bytes("extra", extra)).transpose()?;
        let extra = extra.map(|extra| extra.as_bytes().to_vec());
        call(py, || self.0.log_proof(index, &checkpoint, extra).map(|proof| proof.to_string()))
    }
}
