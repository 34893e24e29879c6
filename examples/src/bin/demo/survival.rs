//! The supervisor: kills the worker as planned, and brings it back as the library says.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use mythos_core::Mythos;
use mythos_core::codex::{DirectivePath, MutateCodex, Mutation};
use mythos_core::restart::{
    Action, Backoff, DeployAssistant, DeploymentSpec, Effect, FailureKind, Outcome, Reason, ReportFailure,
    RestartPolicy, RestartPolicyOptions, RestartWindow, State, Supervisor,
};
use mythos_core::ritual::RestoredRitual;
use mythos_core::types::{Digest, EntryId, Runtime};

use crate::names::Names;
use crate::options::Assignment;
use crate::plan::{Moment, PlannedKill, WhileDead};
use crate::process::{Remains, Worker};
use crate::progress::Progress;
use crate::protocol::Line;
use crate::state::AuditState;
use crate::stopwatch::Stopwatch;
use crate::{Result, damage, rules};

/// How many kills that came too late for their moment are tried again.
const MAX_REPEATS: u32 = 16;

/// How many effects are taken at once; one assistant has one at a time.
const EFFECTS: u32 = 8;

/// What the supervisor knows by itself of a run: nothing here is read from the store.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// How often the worker was killed.
    pub(crate) kills: u64,
    /// How many of these came after a save's announcement and before its acknowledgement.
    pub(crate) kills_amid_save: u64,
    /// The last step whose save was acknowledged.
    pub(crate) acknowledged: u64,
    /// Acknowledged steps that were gone after a kill.
    pub(crate) lost: u64,
    /// Saved steps that were done again because their checkpoint was damaged.
    pub(crate) redone: u64,
    /// How long each restore took: read, verified, aligned with the codex, and the decision committed.
    pub(crate) restores: Vec<Duration>,
}

/// A worker that said that it is ready.
struct Running {
    worker: Worker,
    /// The library's number of this run.
    run: u64,
    /// The last step of the state that it resumed from.
    step: u64,
}

/// Why the supervisor stopped listening.
enum Heard {
    /// The worker announced a step that it shall not live to finish.
    Due(PlannedKill),
    /// The worker is done, and this is the digest of its report.
    Done(Digest),
}

/// A run of the audit under supervision.
pub(crate) struct Survival<'a> {
    mythos: &'a Mythos,
    names: &'a Names,
    supervisor: Supervisor,
    assignment: Assignment,
    plan: VecDeque<PlannedKill>,
    progress: Progress,
    record: Record,
    /// The last step that was announced.
    announced: u64,
    /// How long the last save took, from its announcement to its acknowledgement.
    save_time: Duration,
    repeats: u32,
}

impl<'a> Survival<'a> {
    /// Takes the supervision of a store over, in which the state before the first step is saved already.
    pub(crate) fn new(
        mythos: &'a Mythos,
        names: &'a Names,
        assignment: Assignment,
        plan: VecDeque<PlannedKill>,
        progress: Progress,
    ) -> Result<Self> {
        let supervisor = mythos.deployments().supervise(&names.supervisor)?;
        Ok(Self {
            mythos,
            names,
            supervisor,
            assignment,
            plan,
            progress,
            record: Record::default(),
            announced: 0,
            save_time: Duration::ZERO,
            repeats: 0,
        })
    }

    /// Lets the audit run to its end, through every kill; gives the record and the digest of the report.
    pub(crate) fn run(mut self) -> Result<(Record, Digest)> {
        let spec = DeploymentSpec::new(self.names.ritual.clone()).codex(self.names.codex.clone());
        let spec = spec.policy(policy()?);
        let deployed = self.supervisor.deploy(&DeployAssistant::new(self.names.assistant.clone(), spec))?;
        let first = self.mythos.rituals().restore(self.assignment.entry)?;
        let mut running = self.launch(&first, deployed.run)?;
        loop {
            let kill = match self.listen(&mut running.worker)? {
                Heard::Due(kill) => kill,
                Heard::Done(report) => {
                    running.worker.finish()?;
                    self.progress.finish();
                    return Ok((self.record, report));
                }
            };
            let run = running.run;
            let remains = self.kill(running.worker, kill.moment)?;
            if let Some(report) = self.hear_last_words(&remains, kill.moment) {
                self.progress.finish();
                return Ok((self.record, report));
            }
            let damaged = self.while_dead(kill.while_dead)?;
            running = self.bring_back(&remains, run)?;
            self.compare(running.step, damaged);
        }
    }

    /// Follows the worker until it is to be killed or is done.
    fn listen(&mut self, worker: &mut Worker) -> Result<Heard> {
        let mut since_announcement = Stopwatch::start();
        loop {
            match worker.next_line()? {
                Line::Announced { step } => {
                    self.announced = step;
                    since_announcement = Stopwatch::start();
                    if self.plan.front().is_some_and(|kill| kill.step <= step)
                        && let Some(kill) = self.plan.pop_front()
                    {
                        return Ok(Heard::Due(kill));
                    }
                }
                Line::Acknowledged { step, .. } => {
                    self.save_time = since_announcement.elapsed();
                    self.acknowledge(step);
                }
                Line::Done { report } => return Ok(Heard::Done(report)),
                line @ Line::Ready { .. } => return Err(format!("the worker says again: {line}").into()),
            }
        }
    }

    fn acknowledge(&mut self, step: u64) {
        self.record.acknowledged = step;
        self.progress.reach(step);
    }

    fn kill(&mut self, worker: Worker, moment: Moment) -> Result<Remains> {
        if let Moment::Later(thousandths) = moment {
            thread::sleep(self.save_time * thousandths / 1_000);
        }
        worker.kill()
    }

    /// Counts what the worker had said before it died, and the kill; gives the digest of the report if the worker was
    /// done before it could be killed.
    fn hear_last_words(&mut self, remains: &Remains, moment: Moment) -> Option<Digest> {
        for line in &remains.last_words {
            match line {
                Line::Announced { step } => self.announced = *step,
                Line::Acknowledged { step, .. } => self.acknowledge(*step),
                Line::Done { report } => return Some(*report),
                Line::Ready { .. } => {}
            }
        }
        self.record.kills += 1;
        self.progress.tell(format!("killed {} times", self.record.kills));
        if self.announced > self.record.acknowledged {
            self.record.kills_amid_save += 1;
        } else if moment == Moment::Announced && self.repeats < MAX_REPEATS {
            // The save was faster than the signal: another one shall be hit.
            self.repeats += 1;
            let (step, while_dead) = (self.announced + 1, WhileDead::Nothing);
            self.plan.push_front(PlannedKill { step, moment, while_dead });
        }
        None
    }

    /// Does what is planned for the time between two runs; gives the step of a checkpoint that was damaged.
    fn while_dead(&self, planned: WhileDead) -> Result<Option<u64>> {
        match planned {
            WhileDead::Nothing => Ok(None),
            WhileDead::CodexChanges => {
                let (clause, text) = rules::CLARIFIED;
                let mutation = Mutation::Replace { clause: clause.parse()?, text: text.to_owned() };
                let path = DirectivePath::new(["audit", "wording", clause])?;
                let codex = self.names.codex.clone();
                self.mythos.codices().mutate(&MutateCodex::new(codex, mutation, path, "an editor"))?;
                Ok(None)
            }
            WhileDead::NewestIsDamaged => {
                let newest = self.mythos.rituals().latest(&self.names.assistant, &self.names.ritual)?;
                let newest = newest.ok_or("there is no checkpoint to damage")?;
                damage::flip_newest_frame(&self.assignment.store)?;
                Ok(Some(AuditState::decode(&newest.payload)?.step))
            }
        }
    }

    /// Reports the death of run `run`, and does what the library asks for until the assistant is mythpath-ready.
    fn bring_back(&mut self, remains: &Remains, run: u64) -> Result<Running> {
        self.supervisor.report_failure(&ReportFailure {
            run: Some(run),
            kind: FailureKind::Crashed,
            reason: Reason::new(format!("the worker ended by {}", remains.status))?,
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
                            self.record.restores.push(stopwatch.elapsed());
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
        let mut worker = Worker::launch(&Assignment { entry, ..self.assignment.clone() })?;
        match worker.next_line()? {
            Line::Ready { entry: e, payload, step }
                if e == entry && payload == Digest::of(&restored.payload) =>
            {
                Ok(Running { worker, run, step })
            }
            line => Err(format!("launched from entry {entry}, the worker says: {line}").into()),
        }
    }

    /// Compares what came back with the record: step `resumed` against what was acknowledged. Of a damaged checkpoint,
    /// whose step is `damaged`, only that step may be missing.
    fn compare(&mut self, resumed: u64, damaged: Option<u64>) {
        let mut owed = self.record.acknowledged;
        if let Some(damaged) = damaged {
            self.record.redone += damaged.saturating_sub(resumed);
            owed = owed.min(damaged - 1);
        }
        self.record.lost += owed.saturating_sub(resumed);
        // A save that was committed before the kill counts, acknowledged or not.
        self.record.acknowledged = resumed;
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
fn policy() -> Result<RestartPolicy> {
    Ok(RestartPolicy::new(RestartPolicyOptions {
        window: RestartWindow { max_restarts: 100, period_ms: 600_000 },
        backoff: Backoff::Exponential { initial_ms: 5, factor: 2.0, cap_ms: 50 },
        // A run that is killed before its first save fails from the same entry as the one before it.
        launches_per_entry: MAX_REPEATS + 4,
        ..RestartPolicyOptions::default()
    })?)
}

/// Lets an audit run that nobody disturbs; gives the digest of its report.
pub(crate) fn run_undisturbed(assignment: &Assignment, mut progress: Progress) -> Result<Digest> {
    let mut worker = Worker::launch(assignment)?;
    loop {
        match worker.next_line()? {
            Line::Ready { .. } | Line::Announced { .. } => {}
            Line::Acknowledged { step, .. } => progress.reach(step),
            Line::Done { report } => {
                worker.finish()?;
                progress.finish();
                return Ok(report);
            }
        }
    }
}
