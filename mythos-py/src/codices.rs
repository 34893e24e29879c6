//! `CodexProofOfSymbolEngine`: rule books.

use mythos_core::codex as core;
use mythos_core::types::CodexId;
use pyo3::prelude::*;

use crate::call::answer;
use crate::convert::{self, arguments};

/// The tamper-evident log of every change to the rules. Every method may be called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct CodexProofOfSymbolEngine(pub(crate) core::CodexProofOfSymbolEngine);

#[pymethods]
impl CodexProofOfSymbolEngine {
    /// Begins a codex and returns the proof of its first event. With the same `operation`, a repetition is harmless.
    #[pyo3(signature = (
        codex, clauses, *, directive_path, actor, reason = None, evidence = None, operation = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn create<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        clauses: &Bound<'py, PyAny>,
        directive_path: &Bound<'py, PyAny>,
        actor: &Bound<'py, PyAny>,
        reason: Option<&Bound<'py, PyAny>>,
        evidence: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let create: core::CreateCodex = convert::request(
            py,
            arguments![codex, clauses, directive_path, actor, reason, evidence, operation],
        )?;
        answer(py, || self.0.create(&create))
    }

    /// Appends a mutation to a codex's log and returns its proof. Nothing is changed if this fails.
    ///
    /// `parent` is the position of the event that it follows, by default the only head; one that is no head makes a
    /// branch. With the same `operation`, a repetition is harmless.
    #[pyo3(signature = (
        codex, mutation, *, directive_path, actor, parent = None, reason = None, evidence = None, operation = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn mutate<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        mutation: &Bound<'py, PyAny>,
        directive_path: &Bound<'py, PyAny>,
        actor: &Bound<'py, PyAny>,
        parent: Option<&Bound<'py, PyAny>>,
        reason: Option<&Bound<'py, PyAny>>,
        evidence: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mutate: core::MutateCodex = convert::request(
            py,
            arguments![codex, mutation, parent, directive_path, actor, reason, evidence, operation],
        )?;
        answer(py, || self.0.mutate(&mutate))
    }

    /// The head of a codex: its length, its chain, and the root that assistants are aligned with.
    fn codex<'py>(&self, py: Python<'py>, codex: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.codex(&codex))
    }

    /// Lists codices by id. `after` is the `next` of the page before.
    #[pyo3(signature = (*, after = None, limit = 100))]
    fn codices<'py>(
        &self,
        py: Python<'py>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let after = convert::optional("after", after)?;
        answer(py, || self.0.codices(after, limit))
    }

    /// The clauses of a codex with their texts, as they stand at its only head, or at the head at position `head`.
    #[pyo3(signature = (codex, *, head = None))]
    fn clauses<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        head: Option<u64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.clauses(&codex, head))
    }

    /// The trail of a codex from position `start`, oldest first. `start` goes on at the `next` of the page before.
    #[pyo3(signature = (codex, *, start = 0, limit = 100))]
    fn trail<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        start: u64,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.trail(&codex, start, limit))
    }

    /// Lists proofs that pass all of the filters, newest first: by position if a codex is named, otherwise by time.
    /// `after` is the `next` of the page before.
    #[pyo3(signature = (*, codex = None, clause = None, since = None, before = None, after = None, limit = 100))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn list<'py>(
        &self,
        py: Python<'py>,
        codex: Option<&Bound<'py, PyAny>>,
        clause: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: core::ProofFilter = convert::request(py, arguments![codex, clause, since, before])?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.list(&filter, after, limit))
    }

    /// Verifies a codex whole: replays every event, and compares every state, digest, text and listed proof with what
    /// the replay derives. Damage is not an error but a finding.
    fn verify<'py>(&self, py: Python<'py>, codex: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.verify(&codex))
    }
}
