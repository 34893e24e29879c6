//! `Healer`: the holder of a scope of healing.

use mythos_core::healing::{self as core, ApproveMerge, EffectId, Observation, Outcome};
use mythos_core::types::AssistantId;
use pyo3::prelude::*;

use crate::call::{answer, call};
use crate::convert::{self, arguments};

/// The holder of a scope: takes observations, plans, and hands out effects.
///
/// Nothing here calls the host or waits: the host observes, lets it `plan`, takes what `poll_effects` gives, and answers.
/// Every method may be called from any thread, and fails with `Conflict` and the field `epoch` once another healer took
/// over: stop using this one.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct Healer(pub(crate) core::Healer);

#[pymethods]
impl Healer {
    /// The scope.
    #[getter]
    fn scope(&self) -> &str {
        self.0.scope().as_str()
    }

    /// Its epoch: higher than that of every healer that held the scope before.
    #[getter]
    fn epoch(&self) -> u64 {
        self.0.epoch().get()
    }

    /// Takes observations, at most 10,000, and opens, measures and ends incidents by them. How many told anything new.
    fn observe<'py>(&self, py: Python<'py>, observations: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let observations: Vec<Observation> = convert::argument("observations", observations)?;
        answer(py, || self.0.observe(&observations))
    }

    /// As `observe`, with the reading `codex_heads` of each target that names a codex: how many heads its codex has, by
    /// `CodexProofOfSymbolEngine.verify`. A codex that does not verify, or is not there, gives no reading.
    fn observe_codices<'py>(
        &self,
        py: Python<'py>,
        observations: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let observations: Vec<Observation> = convert::argument("observations", observations)?;
        answer(py, || self.0.observe_codices(&observations))
    }

    /// Lets due timers fire and decides about every open incident.
    fn plan<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.plan())
    }

    /// What `plan` would decide now, without deciding it.
    fn dry_run<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.dry_run())
    }

    /// Hands out at most `limit` pending effects, oldest first, each once until it is given back. One that takes over hands
    /// all of them out again: tell a repetition by its `idempotency_key`.
    #[pyo3(signature = (*, limit = 100))]
    fn poll_effects<'py>(&self, py: Python<'py>, limit: u32) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.poll_effects(limit))
    }

    /// Takes an effect back, by its id, that could not be carried out: `poll_effects` hands it out again, if it is still
    /// pending.
    fn give_back(&self, py: Python<'_>, effect: &Bound<'_, PyAny>) -> PyResult<()> {
        let effect: EffectId = convert::argument("effect", effect)?;
        call(py, || {
            self.0.give_back(&effect);
            Ok::<_, mythos_core::Error>(())
        })
    }

    /// Which of these effects, by their ids and at most 1,000, are pending still, in their order. One that is not was
    /// answered, withdrawn or timed out: whoever carries it out stops doing so.
    fn still_pending<'py>(
        &self,
        py: Python<'py>,
        effects: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let effects: Vec<EffectId> = convert::argument("effects", effects)?;
        answer(py, || self.0.still_pending(&effects))
    }

    /// Takes what came of an effect, by its id. Whether it changed anything: only the first answer counts, and those that come
    /// after the effect was withdrawn or timed out change nothing.
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

    /// Makes a merge that a person or an audit approved, once, answers its effect, and returns the proof of the merge.
    ///
    /// `ours` and `theirs` are the positions of the two heads' events, and `take` names the clauses of the result, in order,
    /// and which of the two each is taken from.
    #[pyo3(signature = (effect, *, by, ours, theirs, take, directive_path, reason = None, evidence = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn approve_merge<'py>(
        &self,
        py: Python<'py>,
        effect: &Bound<'py, PyAny>,
        by: &Bound<'py, PyAny>,
        ours: &Bound<'py, PyAny>,
        theirs: &Bound<'py, PyAny>,
        take: &Bound<'py, PyAny>,
        directive_path: &Bound<'py, PyAny>,
        reason: Option<&Bound<'py, PyAny>>,
        evidence: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let approval: ApproveMerge = convert::request(
            py,
            arguments![effect, by, ours, theirs, take, directive_path, reason, evidence],
        )?;
        answer(py, || self.0.approve_merge(&approval))
    }

    /// Takes a target out: its incidents end, and it counts no more until it is observed again. Whether anything changed.
    fn retire<'py>(&self, py: Python<'py>, assistant: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        answer(py, || self.0.retire(&assistant))
    }

    /// When to `plan` again if nothing is observed or answered; `None` if nothing will be due.
    fn next_timeout<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        call(py, || self.0.next_timeout())?.map(|due| convert::moment(py, due)).transpose()
    }

    /// How the targets are, all together.
    fn totals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || self.0.totals())
    }
}
