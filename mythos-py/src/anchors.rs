//! `AnchorLog`: one log over everything that a tenant stores.

use mythos_core::Error;
use mythos_core::anchor::{self as core, AnchorCursor, AnchorRequest, AnchoredName};
use mythos_core::tlog::{NoteSigner, Policy, SignedCheckpoint};
use pyo3::prelude::*;

use crate::anchor_tree::AnchorTree;
use crate::call::{answer, call};
use crate::{convert, tlog};

/// The super-log of a tenant: what finds that something is gone, or older than it was. Every method may be called from any
/// thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct AnchorLog(pub(crate) core::AnchorLog);

#[pymethods]
impl AnchorLog {
    /// States every head that changed since the last run. If nothing changed, nothing is written.
    ///
    /// At most `limit` heads are looked at, 1 to 100,000; `full` looks at all, and not only at those that say they were
    /// changed. A head that contradicts the log is a finding, and not stated.
    #[pyo3(signature = (*, limit = 100_000, full = false))]
    fn anchor<'py>(&self, py: Python<'py>, limit: u32, full: bool) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.anchor(&AnchorRequest { limit, full }))
    }

    /// Goes on with a run that its limit ended: `cursor` is the `next` of its report.
    #[pyo3(signature = (cursor, *, limit = 100_000))]
    fn anchor_on<'py>(
        &self,
        py: Python<'py>,
        cursor: &Bound<'py, PyAny>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let cursor: AnchorCursor = convert::argument("cursor", cursor)?;
        answer(py, || self.0.anchor_on(&cursor, limit))
    }

    /// The head of the log; `None` if nothing was ever anchored.
    fn head<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.head())
    }

    /// The statements from position `start`, oldest first; `limit` is 1 to 4,096. `start` goes on at the `next` of the page
    /// before.
    #[pyo3(signature = (*, start = 0, limit = 100))]
    fn statements<'py>(&self, py: Python<'py>, start: u64, limit: u32) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.statements(start, limit))
    }

    /// The last statement about `name`; `None` if there is none.
    fn last_statement<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let name: AnchoredName = convert::argument("name", name)?;
        answer(py, || self.0.last_statement(&name))
    }

    /// The Merkle tree over the statements, as the head is now. `NotFound` if nothing was ever anchored.
    fn tree(&self, py: Python<'_>) -> PyResult<AnchorTree> {
        call(py, || self.0.tree()).map(AnchorTree)
    }

    /// States that what `name` names was deleted, or written anew, on purpose: what the log stated of it counts no more.
    /// Returns the statement; that of before, if it was stated already.
    fn retire<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let name: AnchoredName = convert::argument("name", name)?;
        answer(py, || self.0.retire(&name))
    }

    /// Lets a key, a verifier key, sign checkpoints of this log from this statement on. As soon as the log names keys, only
    /// they may.
    fn authorize<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let key: String = convert::argument("key", key)?;
        answer(py, || self.0.authorize(&key))
    }

    /// Takes `authorize` back.
    fn revoke<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let key: String = convert::argument("key", key)?;
        answer(py, || self.0.revoke(&key))
    }

    /// The origin of the log's checkpoints, which is also the name of the keys that sign them.
    fn origin(&self, py: Python<'_>) -> PyResult<String> {
        call(py, || Ok::<_, Error>(self.0.origin()))
    }

    /// Signs a checkpoint of all statements, stores it, and returns it: a signed note. One of the `signers` is called as the
    /// log's `origin`.
    fn checkpoint(&self, py: Python<'_>, signers: &Bound<'_, PyAny>) -> PyResult<String> {
        let signers = tlog::signers(signers)?;
        call(py, || {
            let signers: Vec<&dyn NoteSigner> = signers.iter().map(|signer| &**signer).collect();
            self.0.checkpoint(&signers).map(|signed| signed.to_string())
        })
    }

    /// Stores a checkpoint that came from elsewhere, such as one with the cosignatures of witnesses, if it is of this log.
    /// Its signatures are verified when it is used.
    fn add_checkpoint<'py>(
        &self,
        py: Python<'py>,
        checkpoint: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let checkpoint: SignedCheckpoint = convert::argument("checkpoint", checkpoint)?;
        answer(py, || self.0.add_checkpoint(&checkpoint))
    }

    /// The stored checkpoints, the newest first; at most `limit`, 1 to 1,000.
    #[pyo3(signature = (*, limit = 100))]
    fn checkpoints<'py>(&self, py: Python<'py>, limit: u32) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.checkpoints(limit))
    }

    /// Verifies the log, and compares every head with what is stated of it. Damage is not an error but a finding.
    fn verify<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.verify())
    }

    /// As `verify`, in parts: the first verifies the log; each compares at most `limit` heads, 1 to 100,000. `after` is the
    /// `next` of the part before. Counts and findings are the part's own.
    #[pyo3(signature = (*, after = None, limit = 100_000))]
    fn verify_part<'py>(
        &self,
        py: Python<'py>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let after = convert::optional("after", after)?;
        answer(py, || self.0.verify_part(after.as_ref(), limit))
    }

    /// Verifies the log and all heads, and compares the log with signed checkpoints: those that are stored, and those that
    /// the caller `pinned` elsewhere, out of reach of who can write the store. `policy` says whose signatures count.
    #[pyo3(signature = (policy, *, pinned = None))]
    fn verify_against<'py>(
        &self,
        py: Python<'py>,
        policy: &Bound<'py, PyAny>,
        pinned: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let policy: Policy = convert::argument("policy", policy)?;
        let pinned: Vec<SignedCheckpoint> = convert::optional("pinned", pinned)?.unwrap_or_default();
        answer(py, || self.0.verify_against(&policy, &pinned))
    }
}
