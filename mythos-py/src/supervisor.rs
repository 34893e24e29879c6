//! `Supervisor`: the holder of a supervision.

use mythos_core::restart::{
    self as core, ChangeGroup, CreateGroup, DeleteChild, DeployAssistant, Effect, EffectId, Outcome,
    ReportExit, ReportFailure, RestartAssistant, RestartChild, StartChild, StopAssistant,
};
use mythos_core::types::{AssistantId, GroupId};
use pyo3::prelude::*;

use crate::call::{answer, call};
use crate::convert::{self, arguments};

/// The holder of a supervision: decides about its deployments and hands out their effects.
///
/// Nothing here calls the host or waits: the host calls `tick` when `next_timeout` says so, takes what `poll_effects`
/// gives, and answers. Every method may be called from any thread, and fails with `Conflict` and the field `epoch` once
/// another supervisor took over: stop using this one.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct Supervisor(pub(crate) core::Supervisor);

#[pymethods]
impl Supervisor {
    /// Its id.
    #[getter]
    fn id(&self) -> &str {
        self.0.id().as_str()
    }

    /// Its epoch: higher than that of every supervisor that held the supervision before.
    #[getter]
    fn epoch(&self) -> u64 {
        self.0.epoch().get()
    }

    /// Supervises an assistant that the host launched, or launched anew: then an open incident ends, and earlier
    /// restarts no longer count. With the same `operation`, a repetition is harmless.
    #[pyo3(signature = (assistant, spec, *, operation = None))]
    fn deploy<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        spec: &Bound<'py, PyAny>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: DeployAssistant = convert::request(py, arguments![assistant, spec, operation])?;
        answer(py, || self.0.deploy(&request))
    }

    /// Reports that an assistant failed: what follows is what follows a failed exit by the policy's `exits`. A report that
    /// comes late or twice changes nothing.
    ///
    /// `run` is which run of it failed, from a decision or an effect; the current one if not given.
    #[pyo3(signature = (assistant, *, kind, reason, run = None, operation = None))]
    fn report_failure<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        kind: &Bound<'py, PyAny>,
        reason: &Bound<'py, PyAny>,
        run: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: ReportFailure =
            convert::request(py, arguments![assistant, run, kind, reason, operation])?;
        answer(py, || self.0.report_failure(&request))
    }

    /// Reports that a run of an assistant ended: `exit` says how. What follows is a matter of the policy's `exits`: a
    /// restart, rest, or a notice to an operator. A report that comes late or twice changes nothing.
    ///
    /// `run` is which run of it ended, from a decision or an effect; the current one if not given.
    #[pyo3(signature = (assistant, exit, *, run = None, operation = None))]
    fn report_exit<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        exit: &Bound<'py, PyAny>,
        run: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: ReportExit = convert::request(py, arguments![assistant, run, exit, operation])?;
        answer(py, || self.0.report_exit(&request))
    }

    /// Lets a deployment rest: at once if nothing of it runs, otherwise once the host has ended it, as an effect asks.
    #[pyo3(signature = (assistant, *, operation = None))]
    fn stop<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: StopAssistant = convert::request(py, arguments![assistant, operation])?;
        answer(py, || self.0.stop(&request))
    }

    /// Restarts a deployment at once, from any state, without backoff; earlier restarts no longer count.
    #[pyo3(signature = (assistant, *, reason, operation = None))]
    fn restart_now<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        reason: &Bound<'py, PyAny>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: RestartAssistant = convert::request(py, arguments![assistant, reason, operation])?;
        answer(py, || self.0.restart_now(&request))
    }

    /// Makes a group without members, or replaces the policy of one that there is: how it brings its members back. `within`
    /// names the group that holds it, if one does. With the same `operation`, a repetition is harmless.
    #[pyo3(signature = (group, policy = None, *, within = None, is_significant = false, operation = None))]
    fn create_group<'py>(
        &self,
        py: Python<'py>,
        group: &Bound<'py, PyAny>,
        policy: Option<&Bound<'py, PyAny>>,
        within: Option<&Bound<'py, PyAny>>,
        is_significant: bool,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: CreateGroup = convert::request(py, arguments![group, policy, within, operation])?;
        let request = CreateGroup { is_significant, ..request };
        answer(py, || self.0.create_group(&request))
    }

    /// Makes an assistant a member of a group, behind all others, and has it started, from the newest entry of its ritual,
    /// unless the host launched it already (`is_running`): at once if the group is up, otherwise when its turn comes.
    #[pyo3(signature = (
        group, assistant, spec, *, is_significant = false, shutdown = None, is_running = false, operation = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn start_child<'py>(
        &self,
        py: Python<'py>,
        group: &Bound<'py, PyAny>,
        assistant: &Bound<'py, PyAny>,
        spec: &Bound<'py, PyAny>,
        is_significant: bool,
        shutdown: Option<&Bound<'py, PyAny>>,
        is_running: bool,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: StartChild =
            convert::request(py, arguments![group, assistant, spec, shutdown, operation])?;
        let request = StartChild { is_significant, is_running, ..request };
        answer(py, || self.0.start_child(&request))
    }

    /// Starts a member that is down: stopped, completed or given up. What happened before still counts.
    #[pyo3(signature = (assistant, *, reason, operation = None))]
    fn restart_child<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        reason: &Bound<'py, PyAny>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: RestartChild = convert::request(py, arguments![assistant, reason, operation])?;
        answer(py, || self.0.restart_child(&request))
    }

    /// Takes a member that is down out of its group. Its deployment stays, at rest.
    #[pyo3(signature = (assistant, *, operation = None))]
    fn delete_child<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: DeleteChild = convert::request(py, arguments![assistant, operation])?;
        answer(py, || self.0.delete_child(&request))
    }

    /// Starts the members of a group that ended, in order; earlier restarts no longer count. A member that was stopped by
    /// itself, by `stop`, stays down.
    #[pyo3(signature = (group, *, reason, operation = None))]
    fn start_group<'py>(
        &self,
        py: Python<'py>,
        group: &Bound<'py, PyAny>,
        reason: &Bound<'py, PyAny>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: ChangeGroup = convert::request(py, arguments![group, reason, operation])?;
        answer(py, || self.0.start_group(&request))
    }

    /// Stops the members of a group for good, in reverse order. The host ends each when an effect `stop` or `kill` asks for
    /// it.
    #[pyo3(signature = (group, *, reason, operation = None))]
    fn stop_group<'py>(
        &self,
        py: Python<'py>,
        group: &Bound<'py, PyAny>,
        reason: &Bound<'py, PyAny>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: ChangeGroup = convert::request(py, arguments![group, reason, operation])?;
        answer(py, || self.0.stop_group(&request))
    }

    /// Deletes a group that has no members.
    fn delete_group(&self, py: Python<'_>, group: &Bound<'_, PyAny>) -> PyResult<()> {
        let group: GroupId = convert::argument("group", group)?;
        call(py, || self.0.delete_group(&group))
    }

    /// Deletes a deployment that is down and in no group, or one whose record cannot be read.
    fn delete_deployment(&self, py: Python<'_>, assistant: &Bound<'_, PyAny>) -> PyResult<()> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        call(py, || self.0.delete_deployment(&assistant))
    }

    /// Fires the timers that are due, and tells what was decided.
    fn tick<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.tick())
    }

    /// When the next timer is due; `None` if none is set. Call `tick` then. Every method that decides something may
    /// change the answer.
    fn next_timeout<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        call(py, || self.0.next_timeout())?.map(|due| convert::moment(py, due)).transpose()
    }

    /// Hands out at most `limit` pending effects, oldest first, each once until it is given back. One that takes over
    /// hands all of them out again.
    #[pyo3(signature = (*, limit = 100))]
    fn poll_effects<'py>(&self, py: Python<'py>, limit: u32) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.poll_effects(limit))
    }

    /// Takes an effect back, by its id, that could not be carried out: `poll_effects` hands it out again, if it is still
    /// pending.
    fn give_back(&self, effect: &Bound<'_, PyAny>) -> PyResult<()> {
        let effect: EffectId = convert::argument("effect", effect)?;
        self.0.give_back(&effect);
        Ok(())
    }

    /// Which of these effects, by their ids and at most 1,000, are pending still, in their order. One that is not was
    /// answered, or overtaken by a later decision: whoever carries it out stops doing so.
    fn still_pending<'py>(
        &self,
        py: Python<'py>,
        effects: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let effects: Vec<EffectId> = convert::argument("effects", effects)?;
        answer(py, || self.0.still_pending(&effects))
    }

    /// Carries out an effect `restore` or `align` through this library's own services: restores, verifies and aligns,
    /// step by step of the path, until something is up to the host.
    ///
    /// If this fails with a retryable error, the effect is handed out again.
    fn carry_out<'py>(&self, py: Python<'py>, effect: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let effect: Effect = convert::argument("effect", effect)?;
        answer(py, || self.0.carry_out(&effect))
    }

    /// Answers an effect, by its id, that the host carried out. Only the first answer counts; later ones, and those that
    /// come after the effect was overtaken, change nothing.
    fn answer<'py>(
        &self,
        py: Python<'py>,
        effect: &Bound<'py, PyAny>,
        outcome: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let effect: EffectId = convert::argument("effect", effect)?;
        let outcome: Outcome = convert::argument("outcome", outcome)?;
        answer(py, || self.0.answer(&effect, &outcome))
    }

    /// How the deployments are, all together. Reads all of them.
    fn totals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.totals())
    }

    /// A deployment as it stands.
    fn deployment<'py>(&self, py: Python<'py>, assistant: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        answer(py, || self.0.deployment(&assistant))
    }
}
