//! A run of the audit through every planned kill, and the supervisor's own record of it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use mythos_core::Mythos;
use mythos_core::codex::{DirectivePath, MutateCodex, Mutation};

use crate::names::Names;
use crate::options::Assignment;
use crate::payments::PAYMENT_TIME;
use crate::plan::{Moment, PlannedKill, WhileDead};
use crate::process::{Remains, Worker};
use crate::progress::Progress;
use crate::protocol::Line;
use crate::recovery::Recovery;
use crate::state::AuditState;
use crate::stopwatch::Stopwatch;
use crate::{Result, damage, rules};

/// How many kills that came too late for their moment are tried again.
const MAX_REPEATS: u32 = 16;

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
    /// Payments that were in doubt after a kill, and turned out to be made.
    pub(crate) doubts_paid: u64,
    /// Payments that were in doubt after a kill, and turned out not to be made.
    pub(crate) doubts_unpaid: u64,
    /// How long each restore took.
    pub(crate) restores: Vec<Duration>,
}

/// Why the supervisor stopped listening.
enum Heard {
    /// The moment of a kill has come.
    Due(PlannedKill),
    /// The worker is done.
    Done,
}

/// A run of the audit under supervision.
pub(crate) struct Survival<'a> {
    mythos: &'a Mythos,
    names: &'a Names,
    recovery: Recovery<'a>,
    store: PathBuf,
    plan: VecDeque<PlannedKill>,
    progress: Progress,
    record: Record,
    /// The last step that was announced.
    announced: u64,
    /// Whether a payment is begun and not completed, as far as was heard.
    is_paying: bool,
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
        Ok(Self {
            mythos,
            names,
            store: assignment.store.clone(),
            recovery: Recovery::new(mythos, names, assignment)?,
            plan,
            progress,
            record: Record::default(),
            announced: 0,
            is_paying: false,
            save_time: Duration::ZERO,
            repeats: 0,
        })
    }

    /// Lets the audit run to its end, through every kill.
    pub(crate) fn run(mut self) -> Result<Record> {
        let mut running = self.recovery.deploy()?;
        loop {
            let kill = match self.listen(&mut running.worker)? {
                Heard::Due(kill) => kill,
                Heard::Done => {
                    running.worker.finish()?;
                    break;
                }
            };
            let remains = self.kill(running.worker, kill.moment)?;
            if remains.last_words.contains(&Line::Done) {
                // It was faster than the signal.
                break;
            }
            self.count(kill.moment);
            let damaged = self.while_dead(kill.while_dead)?;
            running = self.recovery.bring_back(remains.status, running.run)?;
            self.compare(running.step, damaged);
        }
        self.progress.finish();
        self.record.restores = self.recovery.into_restores();
        Ok(self.record)
    }

    /// Follows the worker until it is to be killed or is done.
    fn listen(&mut self, worker: &mut Worker) -> Result<Heard> {
        let mut since_announcement = Stopwatch::start();
        loop {
            match worker.next_line()? {
                Line::Announced { step } => {
                    self.announced = step;
                    since_announcement = Stopwatch::start();
                    let is_moment = |moment| matches!(moment, Moment::Announced | Moment::Later(_));
                    if let Some(kill) = self.due(step, is_moment) {
                        return Ok(Heard::Due(kill));
                    }
                }
                Line::Acknowledged { step, .. } => {
                    self.save_time = since_announcement.elapsed();
                    self.acknowledge(step);
                    if let Some(kill) = self.due(step, |moment| moment == Moment::Acknowledged) {
                        return Ok(Heard::Due(kill));
                    }
                }
                line @ (Line::Resolved { .. } | Line::Paid { .. }) => self.hear_of_payment(line),
                line @ Line::Paying { step } => {
                    self.hear_of_payment(line);
                    if let Some(kill) = self.due(step, |moment| matches!(moment, Moment::Paying(_))) {
                        return Ok(Heard::Due(kill));
                    }
                }
                Line::Done => return Ok(Heard::Done),
                line @ Line::Ready { .. } => return Err(format!("the worker says again: {line}").into()),
            }
        }
    }

    /// Takes the next kill from the plan if it is due at `step` and its moment is one of those.
    fn due(&mut self, step: u64, is_moment: impl Fn(Moment) -> bool) -> Option<PlannedKill> {
        let is_due = self.plan.front().is_some_and(|kill| kill.step <= step && is_moment(kill.moment));
        if is_due { self.plan.pop_front() } else { None }
    }

    fn hear_of_payment(&mut self, line: Line) {
        match line {
            Line::Resolved { happened: true, .. } => self.record.doubts_paid += 1,
            Line::Resolved { happened: false, .. } => self.record.doubts_unpaid += 1,
            line => self.is_paying = matches!(line, Line::Paying { .. }),
        }
    }

    fn acknowledge(&mut self, step: u64) {
        self.record.acknowledged = step;
        self.progress.reach(step);
    }

    /// Kills the worker at its moment, and hears what it had still said.
    fn kill(&mut self, worker: Worker, moment: Moment) -> Result<Remains> {
        match moment {
            Moment::Later(thousandths) => thread::sleep(self.save_time * thousandths / 1_000),
            Moment::Paying(thousandths) => thread::sleep(PAYMENT_TIME * thousandths / 1_000),
            Moment::Announced | Moment::Acknowledged => {}
        }
        let remains = worker.kill()?;
        for line in &remains.last_words {
            match line {
                Line::Announced { step } => self.announced = *step,
                Line::Acknowledged { step, .. } => self.acknowledge(*step),
                Line::Resolved { .. } | Line::Paying { .. } | Line::Paid { .. } => {
                    self.hear_of_payment(*line)
                }
                Line::Ready { .. } | Line::Done => {}
            }
        }
        Ok(remains)
    }

    /// Counts a kill, now that it is known what the worker had said before it died.
    fn count(&mut self, moment: Moment) {
        self.record.kills += 1;
        self.progress.count_kills(self.record.kills);
        if self.announced > self.record.acknowledged {
            self.record.kills_amid_save += 1;
        }
        let was_missed = match moment {
            Moment::Announced => self.announced <= self.record.acknowledged,
            Moment::Paying(_) => !self.is_paying,
            Moment::Acknowledged | Moment::Later(_) => false,
        };
        self.is_paying = false;
        if was_missed && self.repeats < MAX_REPEATS {
            // The save, or the payment, was faster than the signal: another one shall be hit.
            self.repeats += 1;
            let (step, while_dead) = (self.announced + 1, WhileDead::Nothing);
            self.plan.push_front(PlannedKill { step, moment, while_dead });
        }
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
                self.progress.tell("while the worker is dead, the rules change");
                Ok(None)
            }
            WhileDead::NewestIsDamaged => {
                let newest = self.mythos.rituals().latest(&self.names.assistant, &self.names.ritual)?;
                let newest = newest.ok_or("there is no checkpoint to damage")?;
                damage::flip_newest_frame(&self.store)?;
                self.progress.tell("while the worker is dead, its newest checkpoint is damaged on disk");
                Ok(Some(AuditState::decode(&newest.payload)?.step))
            }
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
        self.announced = resumed;
    }
}

/// Lets an audit run that nobody disturbs.
pub(crate) fn run_undisturbed(assignment: &Assignment, mut progress: Progress) -> Result<()> {
    let mut worker = Worker::launch(assignment.arguments())?;
    loop {
        match worker.next_line()? {
            Line::Ready { .. }
            | Line::Resolved { .. }
            | Line::Paying { .. }
            | Line::Paid { .. }
            | Line::Announced { .. } => {}
            Line::Acknowledged { step, .. } => progress.reach(step),
            Line::Done => {
                worker.finish()?;
                progress.finish();
                return Ok(());
            }
        }
    }
}
