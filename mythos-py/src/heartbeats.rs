//! `HeartbeatMonitor`: who is suspected to have failed, from heartbeats that stay out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mythos_core::Error;
use mythos_core::restart::{self as core, DetectorPolicy, DetectorPolicyOptions};
use mythos_core::types::{AssistantId, Timestamp};
use pyo3::prelude::*;

use crate::call::{answer, call};
use crate::convert;

/// Watches the heartbeats of many assistants, and says which of them are suspected to have failed: a phi-accrual failure
/// detector for each.
///
/// It reads no clock and calls nobody: it is told of heartbeats, says when to look again, and then whom to report. Every
/// method may be called from any thread. Every `now` is an aware `datetime`, of one clock.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct HeartbeatMonitor(Mutex<core::HeartbeatMonitor>);

impl HeartbeatMonitor {
    /// No method leaves it half changed, so that a panic in another thread is no reason to refuse it.
    fn monitor(&self) -> MutexGuard<'_, core::HeartbeatMonitor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl HeartbeatMonitor {
    /// A monitor that has heard of no assistant.
    #[new]
    #[pyo3(signature = (policy = None))]
    fn new(py: Python<'_>, policy: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let options: Option<DetectorPolicyOptions> = convert::optional("policy", policy)?;
        let policy = call(py, || DetectorPolicy::new(options.unwrap_or_default()))?;
        Ok(Self(Mutex::new(core::HeartbeatMonitor::new(policy))))
    }

    /// How many assistants are watched, those included that were reported.
    #[getter]
    fn watched(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || Ok::<_, Error>(self.monitor().watched()))
    }

    /// Takes a heartbeat of run `run` of an assistant that came at `now`, and tells whether it counts: one of an older run
    /// does not. From its first heartbeat on an assistant is watched; the launch is a good one.
    fn heartbeat(
        &self,
        py: Python<'_>,
        assistant: &Bound<'_, PyAny>,
        run: &Bound<'_, PyAny>,
        now: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let run: u64 = convert::argument("run", run)?;
        let now: Timestamp = convert::argument("now", now)?;
        call(py, || self.monitor().heartbeat(&assistant, run, now))
    }

    /// When the next assistant will be suspected if no heartbeat comes; `None` if none will. Call `suspects` then. Every
    /// other method may change the answer.
    fn poll_timeout<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        call(py, || Ok::<_, Error>(self.monitor().poll_timeout()))?
            .map(|timeout| convert::moment(py, timeout))
            .transpose()
    }

    /// The assistants that are suspected at `now`, in the order in which they began to be. Each is told of once, until its
    /// next heartbeat. Give `assistant`, `run` and `reason` of each to `Supervisor.report_failure`, as `unresponsive`.
    fn suspects<'py>(&self, py: Python<'py>, now: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let now: Timestamp = convert::argument("now", now)?;
        answer(py, || Ok::<_, Error>(self.monitor().suspects(now)))
    }

    /// How strongly an assistant is suspected at `now`: `-log10` of the probability that a heartbeat still comes, up to 300;
    /// `None` if it is not watched.
    fn phi(
        &self,
        py: Python<'_>,
        assistant: &Bound<'_, PyAny>,
        now: &Bound<'_, PyAny>,
    ) -> PyResult<Option<f64>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let now: Timestamp = convert::argument("now", now)?;
        call(py, || Ok::<_, Error>(self.monitor().phi(&assistant, now)))
    }

    /// Watches an assistant no longer, and tells whether it was watched.
    fn forget(&self, py: Python<'_>, assistant: &Bound<'_, PyAny>) -> PyResult<bool> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        call(py, || Ok::<_, Error>(self.monitor().forget(&assistant)))
    }
}
