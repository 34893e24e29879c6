//! The host's side of a restart: does what the library asks for, and answers. This is what any host writes.

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use mythos_core::Mythos;
use mythos_core::restart::{
    Action, Backoff, DeployAssistant, DeploymentSpec, Effect, FailureKind, Outcome, Reason, ReportFailure,
    RestartPolicy, RestartPolicyOptions, RestartWindow, State, Supervisor,
};
use mythos_core::ritual::RestoredRitual;
use mythos_core::types::{Digest, EntryId, Runtime};

use crate::Result;
use crate::names::Names;
use crate::options::Assignment;
use crate::process::Worker;
use crate::protocol::Line;
use crate::stopwatch::Stopwatch;

/// How many effects are taken at once; one assistant has one at a time.
const EFFECTS: u32 = 8;

/// A worker that said that it is ready.
pub(crate) struct Running {
    /// The worker.
    pub(crate) worker: Worker,
    /// The library's number of this run.
    pub(crate) run: u64,
    /// The last step of the state that it resumed from.
    pub(crate) step: u64,
}

/// The holder of the supervision of one assistant.
pub(crate) struct Recovery<'a> {
    mythos: &'a Mythos,
    names: &'a Names,
    supervisor: Supervisor,
    assignment: Assignment,
    /// How long each restore took: read, verified, aligned with the codex, and the decision committed.
    restores: Vec<Duration>,
}

impl<'a> Recovery<'a> {
    /// Takes the supervision over. The assistant's first checkpoint, which the assignment names, is saved already.
    pub(crate) fn new(mythos: &'a Mythos, names: &'a Names, assignment: Assignment) -> Result<Self> {
        let supervisor = mythos.deployments().supervise(&names.supervisor)?;
        Ok(Self { mythos, names, supervisor, assignment, restores: Vec::new() })
    }

    /// Launches the assistant for the first time.
    pub(crate) fn deploy(&self) -> Result<Running> {
        let spec = DeploymentSpec::new(self.names.ritual.clone()).codex(self.names.codex.clone());
        let spec = spec.policy(policy()?);
        let deployed = self.supervisor.deploy(&DeployAssistant::new(self.names.assistant.clone(), spec))?;
        let first = self.mythos.rituals().restore(self.assignment.entry)?;
        self.launch(&first, deployed.run)
    }

    /// How long each restore took.
    pub(crate) fn into_restores(self) -> Vec<Duration> {
        self.restores
    }

    /// Reports the death of run `run`, and does what the library asks for until the assistant is mythpath-ready.
    pub(crate) fn bring_back(&mut self, status: ExitStatus, run: u64) -> Result<Running> {
        self.supervisor.report_failure(&ReportFailure {
            run: Some(run),
            kind: FailureKind::Crashed,
            reason: Reason::new(format!("the worker ended by {status}"))?,
            assistant: self.names.assistant.clone(),
            operation: None,
        })?;
        let mut restored = None;
        loop {
            self.supervisor.tick()?;
            let mut effects = VecDeque::from(self.supervisor.poll_effects(EFFECTS)?);
            if effects.is_empty() {
                self.sleep()?;
            }
            while let Some(effect) = effects.pop_front() {
                match &effect.action {
                    Action::Restore { .. } | Action::Align { .. } => {
                        let stopwatch = Stopwatch::start();
                        let done = self.supervisor.carry_out(&effect)?;
                        if done.restored.is_some() {
                            self.restores.push(stopwatch.elapsed());
                            restored = done.restored;
                        }
                        effects.extend(done.next);
                    }
                    Action::Probe { .. } => {
                        let restored = restored.as_ref().ok_or("a launch was asked for before a restore")?;
                        if let Some(running) = self.probe(&effect, restored)? {
                            return Ok(running);
                        }
                    }
                    other => return Err(format!("the library asks for an operator: {other:?}").into()),
                }
            }
        }
    }

    /// Launches the assistant from what was restored, and answers whether it is ready.
    fn probe(&self, effect: &Effect, restored: &RestoredRitual) -> Result<Option<Running>> {
        let (running, outcome) = match self.launch(restored, effect.run) {
            Ok(running) => (Some(running), Outcome::Ready),
            Err(failure) => {
                eprintln!("demo: the worker did not become ready: {failure}");
                (None, Outcome::NotReady { reason: Reason::new("the worker did not become ready")? })
            }
        };
        let decision = self.supervisor.answer(&effect.id, &outcome)?;
        Ok(running.filter(|_| matches!(decision.state, State::MythpathReady { .. })))
    }

    /// Launches a worker from an entry. It is ready when it has restored exactly the bytes that were verified here.
    fn launch(&self, restored: &RestoredRitual, run: u64) -> Result<Running> {
        let entry: EntryId = restored.entry.entry;
        let mut worker = Worker::launch(Assignment { entry, ..self.assignment.clone() }.arguments())?;
        match worker.next_line()? {
            Line::Ready { entry: e, payload, step }
                if e == entry && payload == Digest::of(&restored.payload) =>
            {
                Ok(Running { worker, run, step })
            }
            line => Err(format!("launched from entry {entry}, the worker says: {line}").into()),
        }
    }

    /// Sleeps until the library wants to be called again.
    fn sleep(&self) -> Result<()> {
        let until =
            self.supervisor.next_timeout()?.ok_or("the library waits for nothing, and is not ready")?;
        thread::sleep(until.saturating_duration_since(Runtime::system().now()));
        Ok(())
    }
}

/// As patient with kills as a demo must be, and in a hurry.
pub(crate) fn policy() -> Result<RestartPolicy> {
    Ok(RestartPolicy::new(RestartPolicyOptions {
        window: RestartWindow::sliding(100, 600_000),
        backoff: Backoff::Exponential { initial_ms: 5, factor: 2.0, cap_ms: 50 },
        // A run that is killed before its first save fails from the same entry as the one before it.
        launches_per_entry: 20,
        ..RestartPolicyOptions::default()
    })?)
}
