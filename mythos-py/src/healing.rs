//! `SelfHealingProtocolEngine`: what finds ill assistants and heals them.

use mythos_core::healing::{
    self as core, HealingEventFilter, HealingName, HealingProtocol, HealingProtocolDraft, HealingTargetFilter,
};
use pyo3::prelude::*;

use crate::call::{answer, call};
use crate::convert::{self, arguments};
use crate::healer::Healer;

/// Finds ill assistants by rules, plans repairs within budgets, and measures what they did. Every method may be called from
/// any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct SelfHealingProtocolEngine(pub(crate) core::SelfHealingProtocolEngine);

#[pymethods]
impl SelfHealingProtocolEngine {
    /// Takes a scope over and puts a protocol in force: from now on only what the returned `Healer` decides counts, and one
    /// that held it before, perhaps in a process that only seemed dead, is refused by the store.
    fn engage(
        &self,
        py: Python<'_>,
        scope: &Bound<'_, PyAny>,
        protocol: &Bound<'_, PyAny>,
    ) -> PyResult<Healer> {
        let scope: HealingName = convert::argument("scope", scope)?;
        let draft: HealingProtocolDraft = convert::argument("protocol", protocol)?;
        call(py, || self.0.engage(&scope, &HealingProtocol::try_from(draft)?)).map(Healer)
    }

    /// A scope as it stands: its targets all together, and what would be decided now. Reads all its targets.
    fn status<'py>(&self, py: Python<'py>, scope: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let scope: HealingName = convert::argument("scope", scope)?;
        answer(py, || self.0.status(&scope))
    }

    /// Lists incidents that pass all of the filters, newest first. `after` is the `next` of the page before.
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

    /// Lists targets that pass all of the filters, by assistant. `after` is the `next` of the page before.
    #[pyo3(signature = (*, scope = None, assistant = None, is_ill = None, after = None, limit = 100))]
    fn targets<'py>(
        &self,
        py: Python<'py>,
        scope: Option<&Bound<'py, PyAny>>,
        assistant: Option<&Bound<'py, PyAny>>,
        is_ill: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: HealingTargetFilter = convert::request(py, arguments![scope, assistant, is_ill])?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.targets(&filter, after, limit))
    }

    /// Lists the merges of a scope that wait for a person or an audit, oldest first, with what their codices say now. Verifies
    /// the codex of each whole. `limit` is 1 to 256.
    #[pyo3(signature = (scope, *, limit = 100))]
    fn merge_proposals<'py>(
        &self,
        py: Python<'py>,
        scope: &Bound<'py, PyAny>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let scope: HealingName = convert::argument("scope", scope)?;
        answer(py, || self.0.merge_proposals(&scope, limit))
    }
}
