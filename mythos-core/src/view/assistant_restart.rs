//! The read model of `/assistants/:id/restart`: where an assistant's deployments stand, what happened to them, and what was
//! tried to bring them back.

use serde::{Deserialize, Serialize};

use super::RestartDiagram;
use crate::error::{Error, Result};
use crate::restart::{
    Action, AssistantDeploymentAutoRestarter, Deployment, DeploymentFilter, DeploymentRestart, Effect,
    EffectId, FallbackStep, Incident, Reason, RestartFilter, State, StepResult, StepTaken,
};
use crate::store::{Cursor, Page};
use crate::types::{AssistantId, MAX_SAFE_INTEGER, SupervisorId, Timestamp, Version};

/// What a page at `/assistants/:id/restart` shows of one assistant. Every answer is bounded.
///
/// ```
/// use mythos_core::restart::{DeployAssistant, DeploymentSpec, ReportFailure, StateName};
/// use mythos_core::{Mythos, view::AssistantRestartView};
///
/// let mythos = Mythos::in_memory();
/// let (ana, support) = ("ana".parse()?, "support".parse()?);
/// let supervisor = mythos.deployments().supervise(&support)?;
/// supervisor.deploy(&DeployAssistant::new("ana".parse()?, DeploymentSpec::new("refund".parse()?)))?;
/// supervisor.report_failure(&ReportFailure::crashed("ana".parse()?, "killed".try_into()?))?;
///
/// let view = AssistantRestartView::new(mythos.deployments());
/// let deployments = view.deployments(&ana, None, 10)?;
/// assert_eq!(deployments.items[0].state.name(), StateName::BackingOff);
/// assert!(deployments.items[0].timer.unwrap().remaining_ms <= 1_000);
/// let incidents = view.history(&ana, None, None, 10)?;
/// assert_eq!(incidents.items[0].restart_trigger_reason.as_str(), "killed");
/// let diagram = view.diagram(&support, &ana)?;
/// assert!(diagram.mermaid.contains("failed --> backing_off : 2"));
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AssistantRestartView {
    deployments: AssistantDeploymentAutoRestarter,
}

/// A deployment at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentStatus {
    /// Who supervises it.
    pub supervisor: SupervisorId,
    /// The assistant.
    pub assistant: AssistantId,
    /// Where it stands.
    pub state: State,
    /// The timer that leads on, if one is set.
    pub timer: Option<TimerStatus>,
    /// The effect that waits for its answer, if one does.
    pub effect: Option<PendingEffect>,
    /// The current run: the number of the last launch.
    pub run: u64,
    /// How many restarts in a row count for the backoff.
    pub attempts: u64,
    /// The incident that is open or was the last.
    pub incident: Option<Incident>,
    /// When anything was decided about it last.
    pub updated_at: Timestamp,
    /// When this was read.
    pub read_at: Timestamp,
}

/// A timer that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerStatus {
    /// When it was set.
    pub set_at: Timestamp,
    /// When it is due.
    pub due_at: Timestamp,
    /// How long it runs still, in milliseconds, rounded up; 0 if it is due, also because the clock was set back since.
    pub remaining_ms: u64,
}

/// An effect that waits for its answer: an [`Effect`] without the epoch, which only the supervisor that hands it out knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingEffect {
    /// Its id: what an answer names.
    pub id: EffectId,
    /// The run that it belongs to.
    pub run: u64,
    /// When it was decided.
    pub issued_at: Timestamp,
    /// What to do.
    pub action: Action,
}

/// What was tried to bring an assistant back, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FallbackHistory {
    /// How many incidents were looked at.
    pub incidents: u64,
    /// The steps of their paths, newest incident first, within an incident in order.
    pub steps: Vec<FallbackTaken>,
    /// How often each step was tried among them and with what success, in the order in which they first stand there.
    pub tallies: Vec<FallbackTally>,
    /// Where older incidents go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// A step that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackTaken {
    /// Who supervised.
    pub supervisor: SupervisorId,
    /// The incident, counted from 1 in the deployment's life.
    pub incident: u64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Why a restart was needed.
    pub restart_trigger_reason: Reason,
    /// The step, and what came of it.
    pub taken: StepTaken,
}

/// How often a step was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackTally {
    /// The step.
    pub step: FallbackStep,
    /// How often it was tried.
    pub tried: u64,
    /// How often it brought the assistant back, or let the path begin anew.
    pub succeeded: u64,
    /// How often it did not.
    pub failed: u64,
}

impl AssistantRestartView {
    /// The most incidents of one [`fallbacks`](Self::fallbacks).
    pub const MAX_INCIDENTS: u32 = 1_000;

    /// The view of a restarter, for one tenant.
    #[must_use]
    pub const fn new(deployments: AssistantDeploymentAutoRestarter) -> Self {
        Self { deployments }
    }

    /// The deployments of an assistant, one for each of its supervisors; `limit` is 1 to
    /// [`MAX_PAGE_RECORDS`](crate::store::MAX_PAGE_RECORDS).
    ///
    /// # Errors
    /// Those of [`AssistantDeploymentAutoRestarter::deployments`].
    pub fn deployments(
        &self,
        assistant: &AssistantId,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<DeploymentStatus>> {
        let filter = DeploymentFilter { assistant: Some(assistant.clone()), ..DeploymentFilter::default() };
        let page = self.deployments.deployments(&filter, after, limit)?;
        // Read after the records, so that nothing of them seems to lie in the future.
        let now = self.deployments.now();
        let items = page.items.into_iter().map(|deployment| DeploymentStatus::of(&deployment, now)).collect();
        Ok(Page { items, next: page.next })
    }

    /// One page of an assistant's incidents, newest first, under one supervisor or all: their steps with what came of them,
    /// their paths, and how they ended. See [`AssistantDeploymentAutoRestarter::history`].
    ///
    /// # Errors
    /// Those of [`AssistantDeploymentAutoRestarter::history`].
    pub fn history(
        &self,
        assistant: &AssistantId,
        supervisor: Option<&SupervisorId>,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<DeploymentRestart>> {
        let filter = RestartFilter {
            assistant: Some(assistant.clone()),
            supervisor: supervisor.cloned(),
            ..RestartFilter::default()
        };
        self.deployments.history(&filter, after, limit)
    }

    /// What was tried in at most `limit` incidents of an assistant, 1 to
    /// [`MAX_INCIDENTS`](Self::MAX_INCIDENTS), newest first, and how often it helped.
    ///
    /// # Errors
    /// Those of [`AssistantDeploymentAutoRestarter::history`].
    pub fn fallbacks(
        &self,
        assistant: &AssistantId,
        supervisor: Option<&SupervisorId>,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<FallbackHistory> {
        if limit > Self::MAX_INCIDENTS {
            let message = format!("one call looks at 1 to {} incidents, not {limit}", Self::MAX_INCIDENTS);
            return Err(Error::limit("limit", message));
        }
        let page = self.history(assistant, supervisor, after, limit)?;
        let mut history = FallbackHistory {
            incidents: page.items.len() as u64,
            steps: vec![],
            tallies: vec![],
            next: page.next,
        };
        for incident in page.items {
            for taken in incident.steps {
                history.tally(&taken);
                history.steps.push(FallbackTaken {
                    supervisor: incident.supervisor.clone(),
                    incident: incident.incident,
                    opened_at: incident.created_at,
                    restart_trigger_reason: incident.restart_trigger_reason.clone(),
                    taken,
                });
            }
        }
        Ok(history)
    }

    /// The state diagram of a deployment, with the path of the incident that is open or was the last.
    ///
    /// # Errors
    /// Those of [`AssistantDeploymentAutoRestarter::deployment`].
    pub fn diagram(&self, supervisor: &SupervisorId, assistant: &AssistantId) -> Result<RestartDiagram> {
        Ok(RestartDiagram::of(&self.deployments.deployment(supervisor, assistant)?))
    }
}

impl DeploymentStatus {
    fn of(deployment: &Deployment, now: Timestamp) -> Self {
        let machine = &deployment.machine;
        let state = machine.state();
        let timer = machine.timer().map(|(due_at, _)| {
            let left =
                if machine.is_timer_due(now) { 0 } else { due_at.saturating_duration_since(now).as_micros() };
            let remaining_ms = u64::try_from(left.div_ceil(1_000)).unwrap_or(MAX_SAFE_INTEGER);
            let set_at = machine.timer_set_at().unwrap_or(due_at);
            TimerStatus { set_at, due_at, remaining_ms: remaining_ms.min(MAX_SAFE_INTEGER) }
        });
        // Nobody hands it out here, so that no epoch counts.
        let effect = deployment
            .effect(Version::FIRST)
            .map(|Effect { id, run, issued_at, action, .. }| PendingEffect { id, run, issued_at, action });
        Self {
            supervisor: deployment.supervisor.clone(),
            assistant: deployment.assistant.clone(),
            state: state.clone(),
            timer,
            effect,
            run: machine.run(),
            attempts: machine.attempts(),
            incident: machine.incident().cloned(),
            updated_at: deployment.updated_at,
            read_at: now,
        }
    }
}

impl FallbackHistory {
    fn tally(&mut self, taken: &StepTaken) {
        let known = self.tallies.iter().position(|tally| tally.step == taken.step);
        let at = known.unwrap_or_else(|| {
            let step = taken.step.clone();
            self.tallies.push(FallbackTally { step, tried: 0, succeeded: 0, failed: 0 });
            self.tallies.len() - 1
        });
        let Some(tally) = self.tallies.get_mut(at) else { return };
        tally.tried += 1;
        match taken.result {
            StepResult::Ready | StepResult::Completed | StepResult::Approved => tally.succeeded += 1,
            StepResult::NotRestored { .. }
            | StepResult::PassedOver
            | StepResult::Misaligned
            | StepResult::NotAligned { .. }
            | StepResult::NotReady { .. }
            | StepResult::TimedOut
            | StepResult::Declined => tally.failed += 1,
            StepResult::Underway | StepResult::Interrupted => {}
        }
    }
}
