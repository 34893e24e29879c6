//! `AnchorTree`: proofs of the super-log.

use mythos_core::anchor as core;
use pyo3::prelude::*;

use crate::call::{answer, call};
use crate::convert;

/// The Merkle tree over the statements of a super-log, as its head was when this was made: for many proofs at once.
///
/// The leaf of a statement is `mythos.tlog.leaf_hash` of its digest's 32 bytes, so that standard verifiers accept the
/// proofs. Every method may be called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct AnchorTree(pub(crate) core::AnchorTree);

#[pymethods]
impl AnchorTree {
    /// The head that it is of.
    #[getter]
    fn head<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_python(py, self.0.head())
    }

    /// Proves that the statement at position `index` is in the log of the first `size`, by default of all.
    #[pyo3(signature = (index, *, size = None))]
    fn inclusion<'py>(&self, py: Python<'py>, index: u64, size: Option<u64>) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.inclusion(index, size))
    }

    /// Proves that the log of the first `old` statements is the beginning of that of the first `new`, by default of all.
    #[pyo3(signature = (old, *, new = None))]
    fn consistency<'py>(&self, py: Python<'py>, old: u64, new: Option<u64>) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.consistency(old, new))
    }

    /// The root of the tree over the first `size` statements.
    fn root(&self, py: Python<'_>, size: u64) -> PyResult<String> {
        call(py, || self.0.root(size).map(|root| root.to_string()))
    }
}
