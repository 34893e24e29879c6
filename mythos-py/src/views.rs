//! The read models: what a host's pages show.

use mythos_core::Error;
use mythos_core::codex::ProofFilter;
use mythos_core::healing::{HealingEventFilter, HealingName};
use mythos_core::regression::AuditFilter;
use mythos_core::ritual::{RitualFilter, RitualHeadFilter, RitualTotals};
use mythos_core::types::{AssistantId, ClauseId, CodexId, OperationId, RitualId, SupervisorId};
use mythos_core::view as core;
use pyo3::prelude::*;

use crate::call::{answer, call};
use crate::codices::CodexProofOfSymbolEngine;
use crate::convert::{self, arguments};
use crate::deployments::AssistantDeploymentAutoRestarter;
use crate::healing::SelfHealingProtocolEngine;
use crate::regressions::CodexRegressionGuard;
use crate::rituals::{RitualCompressionCache, totals_request};

/// `totals`, and those that the next call gave, together; `next` is that of the latter.
#[pyfunction]
pub(crate) fn add_totals<'py>(
    totals: &Bound<'py, PyAny>,
    following: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = totals.py();
    let mut sum: RitualTotals = convert::argument("totals", totals)?;
    let following: RitualTotals = convert::argument("following", following)?;
    answer(py, || {
        sum.add(&following);
        Ok::<_, Error>(sum)
    })
}

/// Stored bytes for one byte of payload: below 1 if compression gained anything; `None` without payloads.
#[pyfunction]
pub(crate) fn compression_ratio(totals: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    let py = totals.py();
    let totals: RitualTotals = convert::argument("totals", totals)?;
    call(py, || Ok::<_, Error>(totals.ratio()))
}

/// What a page at `/ritual/compression` shows. Nothing of it reads a payload, and every answer is bounded. Every method
/// may be called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct RitualCompressionView(core::RitualCompressionView);

#[pymethods]
impl RitualCompressionView {
    /// What a user of the page may do, in the order in which a page offers it; each is a method of
    /// `RitualCompressionCache`.
    #[classattr]
    #[pyo3(name = "VERBS")]
    fn verbs(py: Python<'_>) -> PyResult<Py<PyAny>> {
        convert::to_python(py, &core::RitualVerb::ALL).map(Bound::unbind)
    }

    /// The view of a cache, for its tenant.
    #[new]
    fn new(rituals: PyRef<'_, RitualCompressionCache>) -> Self {
        Self(core::RitualCompressionView::new(rituals.0.clone()))
    }

    /// What rituals take together: see `RitualCompressionCache.totals`.
    #[pyo3(signature = (*, assistant = None, ritual = None, by_encoding = false, after = None))]
    fn totals<'py>(
        &self,
        py: Python<'py>,
        assistant: Option<&Bound<'py, PyAny>>,
        ritual: Option<&Bound<'py, PyAny>>,
        by_encoding: bool,
        after: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = totals_request(assistant, ritual, by_encoding, after)?;
        answer(py, || self.0.totals(&request))
    }

    /// One page of rituals, the last saved to first: see `RitualCompressionCache.rituals`.
    #[pyo3(signature = (*, assistant = None, since = None, before = None, after = None, limit = 100))]
    fn rituals<'py>(
        &self,
        py: Python<'py>,
        assistant: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: RitualHeadFilter = convert::request(py, arguments![assistant, since, before])?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.rituals(&filter, after, limit))
    }

    /// One page of entries, the newest first: see `RitualCompressionCache.list`.
    #[pyo3(signature = (
        *, assistant = None, ritual = None, labels = None, since = None, before = None, min_raw_bytes = None,
        max_raw_bytes = None, verified = None, after = None, limit = 100
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn entries<'py>(
        &self,
        py: Python<'py>,
        assistant: Option<&Bound<'py, PyAny>>,
        ritual: Option<&Bound<'py, PyAny>>,
        labels: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
        min_raw_bytes: Option<&Bound<'py, PyAny>>,
        max_raw_bytes: Option<&Bound<'py, PyAny>>,
        verified: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: RitualFilter = convert::request(
            py,
            arguments![assistant, ritual, labels, since, before, min_raw_bytes, max_raw_bytes, verified],
        )?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.entries(&filter, after, limit))
    }

    /// How one ritual grows, in at most `max_points` points, 2 to 1,000, and whether it stalls.
    #[pyo3(signature = (assistant, ritual, *, max_points = 100))]
    fn overview<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        max_points: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let ritual: RitualId = convert::argument("ritual", ritual)?;
        answer(py, || self.0.overview(&assistant, &ritual, max_points))
    }
}

/// What a page at `/codex/proof` shows. Every answer is bounded. Every method may be called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct CodexProofView(core::CodexProofView);

#[pymethods]
impl CodexProofView {
    /// The view of an engine, for its tenant.
    #[new]
    fn new(codices: PyRef<'_, CodexProofOfSymbolEngine>) -> Self {
        Self(core::CodexProofView::new(codices.0.clone()))
    }

    /// One page of proofs, newest first, with their actors and reasons: see `CodexProofOfSymbolEngine.list`, and those of
    /// one `actor`. With an actor, a page may have fewer than `limit` although there are more: go on while there is a
    /// `next`.
    #[pyo3(signature = (
        *, codex = None, clause = None, change = None, directive_prefix = None, status = None, since = None,
        before = None, actor = None, after = None, limit = 100
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn log<'py>(
        &self,
        py: Python<'py>,
        codex: Option<&Bound<'py, PyAny>>,
        clause: Option<&Bound<'py, PyAny>>,
        change: Option<&Bound<'py, PyAny>>,
        directive_prefix: Option<&Bound<'py, PyAny>>,
        status: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
        actor: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let proofs: ProofFilter =
            convert::request(py, arguments![codex, clause, change, directive_prefix, status, since, before])?;
        let filter = core::CodexProofFilter { proofs, actor: convert::optional("actor", actor)? };
        let after = convert::optional("after", after)?;
        answer(py, || self.0.log(&filter, after, limit))
    }

    /// Codices by id: see `CodexProofOfSymbolEngine.codices`.
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

    /// The graph of a codex's events from position `start`, with branches and merges. `start` goes on at the `next` of
    /// the part before; `limit` is 1 to 1,000.
    #[pyo3(signature = (codex, *, start = 0, limit = 100))]
    fn lineage<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        start: u64,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.lineage(&codex, start, limit))
    }

    /// Everything that speaks for one event: see `CodexProofOfSymbolEngine.verify_event`.
    fn event<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        sequence: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.event(&codex, sequence))
    }

    /// Verifies one codex: see `CodexProofOfSymbolEngine.verify`.
    fn verify<'py>(&self, py: Python<'py>, codex: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.verify(&codex))
    }

    /// Verifies the next codices: see `CodexProofOfSymbolEngine.verify_all`.
    #[pyo3(signature = (*, after = None, limit = 100))]
    fn verify_all<'py>(
        &self,
        py: Python<'py>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let after = convert::optional("after", after)?;
        answer(py, || self.0.verify_all(after, limit))
    }
}

/// What a page at `/codex/regression/:clauseId` shows. Every answer is bounded. Every method may be called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct CodexRegressionView(core::CodexRegressionView);

#[pymethods]
impl CodexRegressionView {
    /// The view of a guard, for its tenant.
    #[new]
    fn new(regressions: PyRef<'_, CodexRegressionGuard>) -> Self {
        Self(core::CodexRegressionView::new(regressions.0.clone()))
    }

    /// One page of the audits of a clause, newest first, each with what the edit changed; with a `codex`, only those of that
    /// codex. `limit` is 1 to 50.
    #[pyo3(signature = (clause, *, codex = None, after = None, limit = 50))]
    fn history<'py>(
        &self,
        py: Python<'py>,
        clause: &Bound<'py, PyAny>,
        codex: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let clause: ClauseId = convert::argument("clause", clause)?;
        let codex: Option<CodexId> = convert::optional("codex", codex)?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.history(&clause, codex.as_ref(), after, limit))
    }

    /// One audit with its texts, all reviews, and the whole difference, at most 10,000 segments of it.
    fn audit<'py>(&self, py: Python<'py>, audit: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let audit: OperationId = convert::argument("audit", audit)?;
        answer(py, || self.0.audit(&audit))
    }

    /// One page of the audits that wait for a person: see `CodexRegressionGuard.queue`.
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
        let filter: AuditFilter = convert::request(
            py,
            arguments![clause, codex, regression_flag, verdict, signal, is_reviewed, since, before],
        )?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.queue(&filter, after, limit))
    }
}

/// What a page at `/system/health/recovery` shows. Every method may be called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct SystemHealthRecoveryView(core::SystemHealthRecoveryView);

#[pymethods]
impl SystemHealthRecoveryView {
    /// The view of an engine, for its tenant.
    #[new]
    fn new(healing: PyRef<'_, SelfHealingProtocolEngine>) -> Self {
        Self(core::SystemHealthRecoveryView::new(healing.0.clone()))
    }

    /// One scope at a glance, with at most `limit` open and as many ended incidents.
    #[pyo3(signature = (scope, *, limit = 100))]
    fn overview<'py>(
        &self,
        py: Python<'py>,
        scope: &Bound<'py, PyAny>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let scope: HealingName = convert::argument("scope", scope)?;
        answer(py, || self.0.overview(&scope, limit))
    }

    /// One page of incidents, newest first: see `SelfHealingProtocolEngine.events`.
    #[pyo3(signature = (
        *, scope = None, assistant = None, node_id = None, zone = None, rule = None, triggered_by = None, is_open = None,
        ending = None, since = None, before = None, after = None, limit = 100
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn events<'py>(
        &self,
        py: Python<'py>,
        scope: Option<&Bound<'py, PyAny>>,
        assistant: Option<&Bound<'py, PyAny>>,
        node_id: Option<&Bound<'py, PyAny>>,
        zone: Option<&Bound<'py, PyAny>>,
        rule: Option<&Bound<'py, PyAny>>,
        triggered_by: Option<&Bound<'py, PyAny>>,
        is_open: Option<&Bound<'py, PyAny>>,
        ending: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: HealingEventFilter = convert::request(
            py,
            arguments![scope, assistant, node_id, zone, rule, triggered_by, is_open, ending, since, before],
        )?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.events(&filter, after, limit))
    }
}

/// What a page at `/assistants/:id/restart` shows of one assistant. Every answer is bounded. Every method may be called
/// from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct AssistantRestartView(core::AssistantRestartView);

#[pymethods]
impl AssistantRestartView {
    /// The view of a restarter, for its tenant.
    #[new]
    fn new(deployments: PyRef<'_, AssistantDeploymentAutoRestarter>) -> Self {
        Self(core::AssistantRestartView::new(deployments.0.clone()))
    }

    /// The deployments of an assistant, one for each of its supervisors, with what each waits for.
    #[pyo3(signature = (assistant, *, after = None, limit = 100))]
    fn deployments<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.deployments(&assistant, after, limit))
    }

    /// One page of an assistant's incidents, newest first, under one supervisor or all: see
    /// `AssistantDeploymentAutoRestarter.history`.
    #[pyo3(signature = (assistant, *, supervisor = None, after = None, limit = 100))]
    fn history<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        supervisor: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let supervisor: Option<SupervisorId> = convert::optional("supervisor", supervisor)?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.history(&assistant, supervisor.as_ref(), after, limit))
    }

    /// What was tried in at most `limit` incidents of an assistant, 1 to 1,000, newest first, and how often it helped.
    #[pyo3(signature = (assistant, *, supervisor = None, after = None, limit = 100))]
    fn fallbacks<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        supervisor: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let supervisor: Option<SupervisorId> = convert::optional("supervisor", supervisor)?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.fallbacks(&assistant, supervisor.as_ref(), after, limit))
    }

    /// The state diagram of a deployment, with the path of the incident that is open or was the last.
    fn diagram<'py>(
        &self,
        py: Python<'py>,
        supervisor: &Bound<'py, PyAny>,
        assistant: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let supervisor: SupervisorId = convert::argument("supervisor", supervisor)?;
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        answer(py, || self.0.diagram(&supervisor, &assistant))
    }
}
