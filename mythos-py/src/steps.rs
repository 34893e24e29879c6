//! `StepJournal`: what assistants do to the outside world.

use mythos_core::journal::{
    self as core, BeginStep, CompleteStep, ForgetSteps, ResolveStep, RestoreSteps, StepFilter, StepKey,
};
use mythos_core::types::{AssistantId, RitualId};
use pyo3::prelude::*;

use crate::call::answer;
use crate::convert::{self, arguments};

/// The journal of what assistants do to the outside world, so that nothing is done twice after a restart. Every method may
/// be called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct StepJournal(pub(crate) core::StepJournal);

#[pymethods]
impl StepJournal {
    /// Asks whether a step is to be done, and records that it is begun if so.
    ///
    /// `key` names the effect within the ritual; `intent`, at most 64 KiB, says what is to be done, and is the same whenever
    /// the step is begun again. With a `run`, it is refused as `Conflict` with the field `epoch` once a newer one was named.
    /// `operation` repeats a call whose outcome is not known, and must be new for each try.
    #[pyo3(signature = (assistant, ritual, key, intent, *, run = None, operation = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn begin<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        key: &Bound<'py, PyAny>,
        intent: &Bound<'py, PyAny>,
        run: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // Text would be taken as its UTF-8, which a payload's is not either.
        let intent = convert::bytes("intent", intent)?;
        let intent = intent.as_any();
        let request: BeginStep =
            convert::request(py, arguments![assistant, ritual, key, intent, run, operation])?;
        answer(py, || self.0.begin(&request))
    }

    /// Records that a step was done and what came of it, at most 64 KiB, and returns the step. Saying it again, with the same
    /// outcome, is harmless. `attempt` is the one that `begin` told, the current one if not given.
    #[pyo3(signature = (assistant, ritual, key, outcome, *, attempt = None))]
    fn complete<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        key: &Bound<'py, PyAny>,
        outcome: &Bound<'py, PyAny>,
        attempt: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let outcome = convert::bytes("outcome", outcome)?;
        let outcome = outcome.as_any();
        let request: CompleteStep =
            convert::request(py, arguments![assistant, ritual, key, outcome, attempt])?;
        answer(py, || self.0.complete(&request))
    }

    /// Records what was found out about a step in doubt, and returns it. Saying the same again is harmless.
    #[pyo3(signature = (assistant, ritual, key, *, attempt, resolution))]
    fn resolve<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        key: &Bound<'py, PyAny>,
        attempt: &Bound<'py, PyAny>,
        resolution: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: ResolveStep =
            convert::request(py, arguments![assistant, ritual, key, attempt, resolution])?;
        answer(py, || self.0.resolve(&request))
    }

    /// A step as it stands; `None` if it was never begun, or was forgotten.
    fn step<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let ritual: RitualId = convert::argument("ritual", ritual)?;
        let key: StepKey = convert::argument("key", key)?;
        answer(py, || self.0.step(&assistant, &ritual, &key))
    }

    /// Lists steps of a ritual, in the order in which they were first begun. `after` is the `next` of the page before;
    /// `limit` is 1 to 256.
    #[pyo3(signature = (assistant, ritual, *, state = None, settled_since = None, after = None, limit = 100))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn steps<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        state: Option<&Bound<'py, PyAny>>,
        settled_since: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: StepFilter = convert::request(py, arguments![assistant, ritual, state, settled_since])?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.steps(&filter, after, limit))
    }

    /// What a restored assistant has to know: the steps that were completed since its `entry` was saved, and those in doubt.
    /// If a `run` is given, earlier ones are refused from here on. At most `limit` of each, 1 to 256.
    #[pyo3(signature = (assistant, ritual, *, entry = None, run = None, limit = None))]
    fn after_restore<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        entry: Option<&Bound<'py, PyAny>>,
        run: Option<&Bound<'py, PyAny>>,
        limit: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: RestoreSteps = convert::request(py, arguments![assistant, ritual, entry, run, limit])?;
        answer(py, || self.0.after_restore(&request))
    }

    /// Deletes settled steps, the first begun first; those in doubt stay. At most `limit`, 1 to 1,000.
    #[pyo3(signature = (assistant, ritual, *, before_entry = None, before = None, limit = None))]
    fn forget<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        before_entry: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
        limit: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: ForgetSteps =
            convert::request(py, arguments![assistant, ritual, before_entry, before, limit])?;
        answer(py, || self.0.forget(&request))
    }
}
