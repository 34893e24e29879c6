use serde::{Deserialize, Serialize};

use super::group::{key, no_group};
use super::{
    Deployment, DeploymentRestart, GroupMember, GroupStateName, StateName, SupervisionGroup, Supervisor,
    SupervisorRecord,
};
use crate::codex::CodexProofOfSymbolEngine;
use crate::error::{Error, Result};
use crate::ritual::RitualCompressionCache;
use crate::store::access::{Access, Page};
use crate::store::{Cursor, Direction, Model, Query, epoch};
use crate::types::{AssistantId, GroupId, SupervisorId, Timestamp};

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

    /// The time by which a view says what is due.
    pub(crate) fn now(&self) -> Timestamp {
        self.access.now()
    }

    /// Takes the supervision over: from now on only what the returned [`Supervisor`] decides counts, and one that held
    /// it before, perhaps in a process that only seemed dead, is refused by the store.
    ///
    /// It takes no operation id, since repeating it is harmless: a repeated takeover only raises the epoch once more. So
    /// after [`ErrorKind::Unknown`](crate::ErrorKind::Unknown), call it again: whether or not the first call counted, the
    /// second one's supervisor is the newest, and nobody holds one of the first.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if others took it over at the same time, again and again;
    /// [`ErrorKind::Unknown`](crate::ErrorKind::Unknown) if it cannot be told whether it was taken over: call it again.
    pub fn supervise(&self, supervisor: &SupervisorId) -> Result<Supervisor> {
        let id = SupervisorRecord::record_id(self.access.tenant(), supervisor);
        let next = |before: Option<SupervisorRecord>, now: Timestamp| {
            Ok(SupervisorRecord {
                format: SupervisorRecord::FORMAT,
                tenant: self.access.tenant().clone(),
                supervisor: supervisor.clone(),
                created_at: before.as_ref().map_or(now, |before| before.created_at),
                taken_over_at: before.map_or(now, |before| now.max(before.taken_over_at)),
            })
        };
        let epoch = epoch::take_over(&self.access, id, format_args!("supervisor {supervisor}"), next)?;
        let (access, supervisor) = (self.access.clone(), supervisor.clone());
        let (rituals, codices) = (self.rituals.clone(), self.codices.clone());
        Ok(Supervisor::new(access, rituals, codices, supervisor, epoch))
    }

    /// A deployment as it stands.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if the supervisor has no such deployment;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if its record cannot be read: [`deploy`](Supervisor::deploy)
    /// replaces it.
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
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) or [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a limit or
    /// cursor out of bounds; [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt), naming the assistant, for a record on the
    /// page that cannot be read. Supervision passes such a record over, so this is where it shows.
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

    /// A group as it stands.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), field `group`, if the supervisor has no such group;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if its record cannot be read.
    pub fn group(&self, supervisor: &SupervisorId, group: &GroupId) -> Result<SupervisionGroup> {
        let id = SupervisionGroup::record_id(self.access.tenant(), supervisor, group);
        let stored = self.access.record::<SupervisionGroup>(id)?.ok_or_else(|| no_group(group))?;
        stored.model.found_at(id)
    }

    /// Lists groups by name.
    ///
    /// `limit` is 1 to [`MAX_PAGE_RECORDS`](crate::store::MAX_PAGE_RECORDS).
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) or [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a limit or
    /// cursor out of bounds; [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a record that cannot be read.
    pub fn groups(
        &self,
        filter: &GroupFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<SupervisionGroup>> {
        let query = Query::new(SupervisionGroup::TABLE)
            .order_by("group", Direction::Ascending)
            .equals("supervisor", filter.supervisor.as_ref().map(SupervisorId::as_str))
            .equals("state", filter.state.map(GroupStateName::as_str));
        self.access.page(query.after(after).limit(limit))
    }

    /// Lists the members of a group in the order in which they are started, from the first behind position `after`, which is
    /// 0 for all; at most `limit`, which is 1 to [`MAX_PAGE_RECORDS`](crate::store::MAX_PAGE_RECORDS). Another page may
    /// follow one that is full.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) or [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a limit out of
    /// bounds; [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a record that cannot be read.
    pub fn members(
        &self,
        supervisor: &SupervisorId,
        group: &GroupId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<GroupMember>> {
        let id = SupervisionGroup::record_id(self.access.tenant(), supervisor, group);
        let keys = (key(&id, after.saturating_add(1)), key(&id, u64::MAX));
        let of = |table| Query::new(table).order_by("place", Direction::Ascending).limit(limit).keyed(&keys);
        let [deployments, groups] = [of(Deployment::TABLE), of(SupervisionGroup::TABLE)];
        let deployments = self.access.page::<Deployment>(deployments)?.items;
        let groups = self.access.page::<SupervisionGroup>(groups)?.items;
        let mut members: Vec<_> = deployments.into_iter().filter_map(GroupMember::of_deployment).collect();
        members.extend(groups.into_iter().filter_map(GroupMember::of_group));
        members.sort_unstable_by_key(|member| member.position);
        members.truncate(limit as usize);
        Ok(members)
    }

    /// Lists incidents, newest first.
    ///
    /// `limit` is 1 to [`MAX_PAGE_RECORDS`](crate::store::MAX_PAGE_RECORDS).
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) or [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a limit or
    /// cursor out of bounds.
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

/// Which groups to list; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupFilter {
    /// Of this supervisor.
    pub supervisor: Option<SupervisorId>,
    /// In this state.
    pub state: Option<GroupStateName>,
}

pub(super) fn no_deployment(assistant: &AssistantId) -> Error {
    Error::not_found(format!("this supervisor has no deployment of {assistant}")).with_field("assistant")
}
