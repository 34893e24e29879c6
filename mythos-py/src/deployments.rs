//! `AssistantDeploymentAutoRestarter`: deployments and their restarts.

use mythos_core::restart as core;
use mythos_core::types::{AssistantId, GroupId, SupervisorId};
use pyo3::prelude::*;

use crate::call::{answer, call};
use crate::convert::{self, arguments};
use crate::supervisor::Supervisor;

/// Brings failed deployments of assistants back to a verified, codex-aligned, ready state. Every method may be called
/// from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct AssistantDeploymentAutoRestarter(pub(crate) core::AssistantDeploymentAutoRestarter);

#[pymethods]
impl AssistantDeploymentAutoRestarter {
    /// Takes the supervision over: from now on only what the returned `Supervisor` decides counts, and one that held it
    /// before, perhaps in a process that only seemed dead, is refused by the store.
    fn supervise(&self, py: Python<'_>, supervisor: &Bound<'_, PyAny>) -> PyResult<Supervisor> {
        let supervisor: SupervisorId = convert::argument("supervisor", supervisor)?;
        call(py, || self.0.supervise(&supervisor)).map(Supervisor)
    }

    /// A deployment as it stands.
    fn deployment<'py>(
        &self,
        py: Python<'py>,
        supervisor: &Bound<'py, PyAny>,
        assistant: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let supervisor: SupervisorId = convert::argument("supervisor", supervisor)?;
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        answer(py, || self.0.deployment(&supervisor, &assistant))
    }

    /// Lists deployments that pass all of the filters, by assistant. `after` is the `next` of the page before.
    #[pyo3(signature = (*, supervisor = None, assistant = None, state = None, after = None, limit = 100))]
    fn deployments<'py>(
        &self,
        py: Python<'py>,
        supervisor: Option<&Bound<'py, PyAny>>,
        assistant: Option<&Bound<'py, PyAny>>,
        state: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: core::DeploymentFilter = convert::request(py, arguments![supervisor, assistant, state])?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.deployments(&filter, after, limit))
    }

    /// A group as it stands.
    fn group<'py>(
        &self,
        py: Python<'py>,
        supervisor: &Bound<'py, PyAny>,
        group: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let supervisor: SupervisorId = convert::argument("supervisor", supervisor)?;
        let group: GroupId = convert::argument("group", group)?;
        answer(py, || self.0.group(&supervisor, &group))
    }

    /// Lists groups that pass all of the filters, by name. `after` is the `next` of the page before.
    #[pyo3(signature = (*, supervisor = None, state = None, after = None, limit = 100))]
    fn groups<'py>(
        &self,
        py: Python<'py>,
        supervisor: Option<&Bound<'py, PyAny>>,
        state: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: core::GroupFilter = convert::request(py, arguments![supervisor, state])?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.groups(&filter, after, limit))
    }

    /// Lists at most `limit` members of a group in the order in which they are started, those behind the position `after`.
    #[pyo3(signature = (supervisor, group, *, after = 0, limit = 100))]
    fn members<'py>(
        &self,
        py: Python<'py>,
        supervisor: &Bound<'py, PyAny>,
        group: &Bound<'py, PyAny>,
        after: u64,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let supervisor: SupervisorId = convert::argument("supervisor", supervisor)?;
        let group: GroupId = convert::argument("group", group)?;
        answer(py, || self.0.members(&supervisor, &group, after, limit))
    }

    /// Lists incidents that pass all of the filters, newest first. `after` is the `next` of the page before.
    #[pyo3(signature = (
        *, assistant = None, supervisor = None, since = None, before = None, after = None, limit = 100
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn history<'py>(
        &self,
        py: Python<'py>,
        assistant: Option<&Bound<'py, PyAny>>,
        supervisor: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: core::RestartFilter =
            convert::request(py, arguments![assistant, supervisor, since, before])?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.history(&filter, after, limit))
    }
}
