//! `CodexRegressionGuard`: what stands between an edit of a rule and production.

use std::sync::Arc;

use mythos_core::codex::{Moment, MutateCodex};
use mythos_core::regression as core;
use mythos_core::types::{CodexId, OperationId};
use pyo3::prelude::*;

use crate::call::answer;
use crate::convert::{self, arguments};
use crate::regression::{PythonEmbedder, guard_policy};

/// Compares edits of rules and prompts, keeps what it found, asks people, and learns how often they agree. Every method may be
/// called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct CodexRegressionGuard(pub(crate) core::CodexRegressionGuard);

#[pymethods]
impl CodexRegressionGuard {
    /// The same guard, which also notes how alike `embedder` finds the versions. It decides nothing.
    fn with_embedder(&self, embedder: &Bound<'_, PyAny>) -> PyResult<Self> {
        let embedder = Arc::new(PythonEmbedder::new(embedder)?);
        Ok(Self(self.0.clone().with_embedder(embedder)))
    }

    /// Compares two versions, stores what was found, and returns it. It waits in the `queue` if a person should look at it.
    ///
    /// With the same `operation`, which is the audit's id, a repetition is harmless.
    #[pyo3(signature = (
        clause, previous_version, new_version, *, codex = None, policy = None, operation = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn audit<'py>(
        &self,
        py: Python<'py>,
        clause: &Bound<'py, PyAny>,
        previous_version: &Bound<'py, PyAny>,
        new_version: &Bound<'py, PyAny>,
        codex: Option<&Bound<'py, PyAny>>,
        policy: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: core::AuditClause = convert::request(
            py,
            arguments![clause, codex, previous_version, new_version, policy, operation],
        )?;
        answer(py, || self.0.audit(&request))
    }

    /// Compares a codex between two moments of its log: clauses are matched by id and by content, and each pair that is not
    /// the same is assessed. With `keep`, an audit of each is stored; with the same `operation`, a repetition makes no second
    /// ones.
    #[pyo3(signature = (codex, before, after, *, policy = None, keep = false, operation = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn audit_codex<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        before: &Bound<'py, PyAny>,
        after: &Bound<'py, PyAny>,
        policy: Option<&Bound<'py, PyAny>>,
        keep: bool,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        let from: Moment = convert::argument("before", before)?;
        let to: Moment = convert::argument("after", after)?;
        let policy = guard_policy(policy)?;
        let operation = convert::optional("operation", operation)?;
        let request = core::AuditCodex { codex, from, to, policy, keep, operation };
        answer(py, || self.0.audit_codex(&request))
    }

    /// An audit with its texts, whatever their length, and all reviews.
    fn get<'py>(&self, py: Python<'py>, audit: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let audit: OperationId = convert::argument("audit", audit)?;
        answer(py, || self.0.get(&audit))
    }

    /// Lists audits that pass all of the filters, newest first. `after` is the `next` of the page before; `limit` is 1 to 256.
    #[pyo3(signature = (*, clause = None, codex = None, regression_flag = None, verdict = None, signal = None, status = None, is_reviewed = None, since = None, before = None, after = None, limit = 100))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn list<'py>(
        &self,
        py: Python<'py>,
        clause: Option<&Bound<'py, PyAny>>,
        codex: Option<&Bound<'py, PyAny>>,
        regression_flag: Option<&Bound<'py, PyAny>>,
        verdict: Option<&Bound<'py, PyAny>>,
        signal: Option<&Bound<'py, PyAny>>,
        status: Option<&Bound<'py, PyAny>>,
        is_reviewed: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: core::AuditFilter = convert::request(
            py,
            arguments![clause, codex, regression_flag, verdict, signal, status, is_reviewed, since, before],
        )?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.list(&filter, after, limit))
    }

    /// Lists audits that wait for a person, oldest first: see `list`.
    #[pyo3(signature = (*, clause = None, codex = None, regression_flag = None, verdict = None, signal = None, is_reviewed = None, since = None, before = None, after = None, limit = 100))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn queue<'py>(
        &self,
        py: Python<'py>,
        clause: Option<&Bound<'py, PyAny>>,
        codex: Option<&Bound<'py, PyAny>>,
        regression_flag: Option<&Bound<'py, PyAny>>,
        verdict: Option<&Bound<'py, PyAny>>,
        signal: Option<&Bound<'py, PyAny>>,
        is_reviewed: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: core::AuditFilter = convert::request(
            py,
            arguments![clause, codex, regression_flag, verdict, signal, is_reviewed, since, before],
        )?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.queue(&filter, after, limit))
    }

    /// Stores what a person says of an audit, and returns the audit. A later review supersedes an earlier one, which stays
    /// readable; the machine's verdict stays in any case. With the same `operation`, a repetition is harmless.
    #[pyo3(signature = (audit, decision, *, reviewer, reason = None, operation = None))]
    fn review<'py>(
        &self,
        py: Python<'py>,
        audit: &Bound<'py, PyAny>,
        decision: &Bound<'py, PyAny>,
        reviewer: &Bound<'py, PyAny>,
        reason: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: core::ReviewAudit =
            convert::request(py, arguments![audit, decision, reviewer, reason, operation])?;
        answer(py, || self.0.review(&request))
    }

    /// Erases the texts of an audit for good, and the excerpts in its findings, and returns what is left. Repeating it is
    /// harmless.
    fn erase<'py>(&self, py: Python<'py>, audit: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let audit: OperationId = convert::argument("audit", audit)?;
        answer(py, || self.0.erase(&audit))
    }

    /// Appends a mutation to a codex's log if the audit of its texts is as required, and returns its proof and the audit,
    /// whose digest is the event's evidence.
    ///
    /// One that is refused leaves the codex as it was, and its audit in the `queue`: once a person accepted that, the same call
    /// under the same `operation`, the audit's id, goes through, and so does one that names the audit.
    #[pyo3(signature = (
        codex, mutation, *, directive_path, actor, parent = None, reason = None, operation = None, require = None,
        policy = None
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
        operation: Option<&Bound<'py, PyAny>>,
        require: Option<&Bound<'py, PyAny>>,
        policy: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mutation: MutateCodex = convert::request(
            py,
            arguments![codex, mutation, parent, directive_path, actor, reason, operation],
        )?;
        let require = convert::optional("require", require)?.unwrap_or_default();
        let request = core::GuardedMutation { mutation, require, policy: guard_policy(policy)? };
        answer(py, || self.0.mutate(&request))
    }

    /// Finds the audit that an event has as its evidence, and compares it with what the event did.
    fn verify_evidence<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        sequence: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.verify_evidence(&codex, sequence))
    }

    /// How often people agree with the machine, over the reviewed audits that pass all of the filters: the newest 100,000.
    #[pyo3(signature = (*, clause = None, codex = None, regression_flag = None, verdict = None, signal = None, status = None, since = None, before = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn agreement<'py>(
        &self,
        py: Python<'py>,
        clause: Option<&Bound<'py, PyAny>>,
        codex: Option<&Bound<'py, PyAny>>,
        regression_flag: Option<&Bound<'py, PyAny>>,
        verdict: Option<&Bound<'py, PyAny>>,
        signal: Option<&Bound<'py, PyAny>>,
        status: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: core::AuditFilter = convert::request(
            py,
            arguments![clause, codex, regression_flag, verdict, signal, status, since, before],
        )?;
        answer(py, || self.0.agreement(&filter))
    }

    /// Proposes thresholds for a target from the reviewed audits that pass all of the filters. Nothing is changed: `policy`,
    /// which they start from, is the caller's.
    #[pyo3(signature = (target, policy = None, *, clause = None, codex = None, regression_flag = None, verdict = None, signal = None, status = None, since = None, before = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn refit<'py>(
        &self,
        py: Python<'py>,
        target: &Bound<'py, PyAny>,
        policy: Option<&Bound<'py, PyAny>>,
        clause: Option<&Bound<'py, PyAny>>,
        codex: Option<&Bound<'py, PyAny>>,
        regression_flag: Option<&Bound<'py, PyAny>>,
        verdict: Option<&Bound<'py, PyAny>>,
        signal: Option<&Bound<'py, PyAny>>,
        status: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let target: core::RefitTarget = convert::argument("target", target)?;
        let policy = guard_policy(policy)?;
        let filter: core::AuditFilter = convert::request(
            py,
            arguments![clause, codex, regression_flag, verdict, signal, status, since, before],
        )?;
        answer(py, || self.0.refit(&filter, &policy, target))
    }
}
