use serde::{Deserialize, Serialize};

use super::{Deployment, DeploymentRestart, StateName, Supervisor, SupervisorRecord};
use crate::codex::CodexProofOfSymbolEngine;
use crate::error::{Error, ErrorKind, Result};
use crate::ritual::RitualCompressionCache;
use crate::store::access::{Access, MAX_ATTEMPTS, Page};
use crate::store::{Batch, Cursor, Direction, Expect, Model, Query};
use crate::types::{AssistantId, SupervisorId, Timestamp};

/// Brings failed deployments of assistants back to a verified, codex-aligned, ready state.
///
/// Cheap to clone; every method may be called from any thread. What changes a deployment goes through the
/// [`Supervisor`] that [`supervise`](Self::supervise) gives; what only looks needs none.
///
/// ```
/// use mythos_core::restart::{
///     Action, DeployAssistant, DeploymentSpec, Outcome, ReportFailure, RestartPolicy, RestartPolicyOptions, State,
/// };
/// use mythos_core::{Mythos, ritual::SaveRitual};
///
/// let mythos = Mythos::in_memory();
/// mythos.rituals().save(&SaveRitual::new("ana".parse()?, "refund".parse()?), b"step 3")?;
///
/// let supervisor = mythos.deployments().supervise(&"support".parse()?)?;
/// // The first restart is free, so that this example need not wait.
/// let policy = RestartPolicy::new(RestartPolicyOptions { free_restarts: 1, ..Default::default() })?;
/// let spec = DeploymentSpec::new("refund".parse()?).policy(policy);
/// supervisor.deploy(&DeployAssistant::new("ana".parse()?, spec))?;
/// supervisor.report_failure(&ReportFailure::crashed("ana".parse()?, "killed".try_into()?))?;
///
/// // The host's loop, once: fire due timers, carry effects out, sleep until the next timeout.
/// supervisor.tick()?;
/// for effect in supervisor.poll_effects(10)? {
///     let done = supervisor.carry_out(&effect)?;
///     assert_eq!(done.restored.unwrap().payload, b"step 3");
///     // Here the host launches the assistant from the payload and asks it whether it is ready.
///     let probe = done.next.unwrap();
///     assert!(matches!(probe.action, Action::Probe { .. }));
///     let decision = supervisor.answer(&probe.id, &Outcome::Ready)?;
///     assert!(matches!(decision.state, State::MythpathReady { .. }));
/// }
/// assert_eq!(supervisor.next_timeout()?, None);
///
/// let history = mythos.deployments().history(&Default::default(), None, 10)?;
/// assert!(history.items[0].successful_redeploy_flag);
/// assert_eq!(history.items[0].restart_trigger_reason.as_str(), "killed");
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AssistantDeploymentAutoRestarter {
    access: Access,
    rituals: RitualCompressionCache,
    codices: CodexProofOfSymbolEngine,
}

/// Which deployments to list; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeploymentFilter {
    /// Of this supervisor.
    pub supervisor: Option<SupervisorId>,
    /// Of this assistant.
    pub assistant: Option<AssistantId>,
    /// In this state.
    pub state: Option<StateName>,
}

/// Which incidents to list; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestartFilter {
    /// Of this assistant.
    pub assistant: Option<AssistantId>,
    /// Of this supervisor.
    pub supervisor: Option<SupervisorId>,
    /// Opened at this moment or later.
    pub since: Option<Timestamp>,
    /// Opened before this moment.
    pub before: Option<Timestamp>,
}

impl AssistantDeploymentAutoRestarter {
    pub(crate) const fn new(
        access: Access,
        rituals: RitualCompressionCache,
        codices: CodexProofOfSymbolEngine,
    ) -> Self {
        Self { access, rituals, codices }
    }

    /// Takes the supervision over: from now on only what the returned [`Supervisor`] decides counts, and one that held
    /// it before, perhaps in a process that only seemed dead, is refused by the store.
    ///
    /// It takes no operation id, since repeating it is harmless: a repeated takeover only raises the epoch once more. So
    /// after [`ErrorKind::Unknown`], call it again: whether or not the first call counted, the second one's supervisor is
    /// the newest, and nobody holds one of the first.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if others took it over at the same time, again and again;
    /// [`ErrorKind::Unknown`] if it cannot be told whether it was taken over: call it again.
    pub fn supervise(&self, supervisor: &SupervisorId) -> Result<Supervisor> {
        let id = SupervisorRecord::record_id(self.access.tenant(), supervisor);
        let now = self.access.now();
        for _ in 0..MAX_ATTEMPTS {
            let stored = self.access.record::<SupervisorRecord>(id)?;
            let expect = stored.as_ref().map_or(Expect::Absent, |stored| Expect::At(stored.version));
            let record = SupervisorRecord {
                format: SupervisorRecord::FORMAT,
                tenant: self.access.tenant().clone(),
                supervisor: supervisor.clone(),
                created_at: stored.as_ref().map_or(now, |stored| stored.model.created_at),
                taken_over_at: stored.as_ref().map_or(now, |stored| now.max(stored.model.taken_over_at)),
            };
            let mut batch = Batch::new();
            batch.put(id, expect, &record)?;
            match self.access.commit(batch) {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => {
                    return Err(error.while_doing(format_args!("take over supervisor {supervisor}")));
                }
                Ok(()) => {
                    let (access, supervisor) = (self.access.clone(), supervisor.clone());
                    let (rituals, codices) = (self.rituals.clone(), self.codices.clone());
                    let epoch = expect.next_version()?;
                    return Ok(Supervisor::new(access, rituals, codices, supervisor, epoch));
                }
            }
        }
        Err(Error::conflict(format!("others took supervisor {supervisor} over {MAX_ATTEMPTS} times")))
    }

    /// A deployment as it stands.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the supervisor has no such deployment; [`ErrorKind::Corrupt`] if its record cannot be
    /// read: [`deploy`](Supervisor::deploy) replaces it.
    pub fn deployment(&self, supervisor: &SupervisorId, assistant: &AssistantId) -> Result<Deployment> {
        let id = Deployment::record_id(self.access.tenant(), supervisor, assistant);
        let stored = self.access.record::<Deployment>(id)?.ok_or_else(|| no_deployment(assistant))?;
        stored.model.found_at(id)
    }

    /// Lists deployments by assistant.
    ///
    /// `limit` is 1 to [`MAX_PAGE_RECORDS`](crate::store::MAX_PAGE_RECORDS).
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] or [`ErrorKind::Invalid`] for a limit or cursor out of bounds; [`ErrorKind::Corrupt`], naming
    /// the assistant, for a record on the page that cannot be read. Supervision passes such a record over, so this is
    /// where it shows.
    pub fn deployments(
        &self,
        filter: &DeploymentFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<Deployment>> {
        let query = Query::new(Deployment::TABLE)
            .order_by("assistant", Direction::Ascending)
            .equals("supervisor", filter.supervisor.as_ref().map(SupervisorId::as_str))
            .equals("assistant", filter.assistant.as_ref().map(AssistantId::as_str))
            .equals("state", filter.state.map(StateName::as_str));
        self.access.page(query.after(after).limit(limit))
    }

    /// Lists incidents, newest first.
    ///
    /// `limit` is 1 to [`MAX_PAGE_RECORDS`](crate::store::MAX_PAGE_RECORDS).
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] or [`ErrorKind::Invalid`] for a limit or cursor out of bounds.
    pub fn history(
        &self,
        filter: &RestartFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<DeploymentRestart>> {
        let query = Query::new(DeploymentRestart::TABLE)
            .order_by("created_at", Direction::Descending)
            .equals("assistant", filter.assistant.as_ref().map(AssistantId::as_str))
            .equals("supervisor", filter.supervisor.as_ref().map(SupervisorId::as_str))
            .created(filter.since, filter.before);
        self.access.page(query.after(after).limit(limit))
    }
}

pub(super) fn no_deployment(assistant: &AssistantId) -> Error {
    Error::not_found(format!("this supervisor has no deployment of {assistant}")).with_field("assistant")
}
