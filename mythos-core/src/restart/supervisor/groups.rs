//! Groups: how they are made, filled, started and stopped.

use super::nodes::{NodeRecord, StoredNodes};
use super::{Head, Named, Supervisor};
use crate::error::{Error, ErrorKind, Result};
use crate::restart::group::Tree;
use crate::restart::machine::{Event, Refusal};
use crate::restart::{
    Cause, ChangeGroup, CreateGroup, Decision, DeleteChild, Deployment, DeploymentSpec, ExitRules, Group,
    GroupDecision, GroupPolicy, GroupState, Machine, Membership, Reason, RestartChild, Shutdown, StartChild,
    SupervisionGroup,
};
use crate::types::{AssistantId, GroupId, RitualId, Timestamp};

impl Supervisor {
    /// Makes a group without members, or replaces the policy of one that there is.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], field `within`, if there is no such group to hold it; [`ErrorKind::Invalid`] if that one is
    /// ending or has ended, is a simple one, or if the group could never end it by its end (field `is_significant`); for
    /// another place than that of a group that there is (fields `within` and `is_significant`); for another strategy of one
    /// that is stopping, starting or ending members, or a simple one of one that holds a group (field `strategy`); and for one
    /// that no longer ends by itself although it has significant members (field `auto_shutdown`);
    /// [`ErrorKind::Limit`] beyond [`GroupPolicy::MAX_MEMBERS`] or [`GroupPolicy::MAX_DEPTH`]; [`ErrorKind::Unknown`] as for
    /// [`deploy`](Self::deploy).
    pub fn create_group(&self, request: &CreateGroup) -> Result<GroupDecision> {
        let CreateGroup { group, policy, within, is_significant, operation } = request;
        if *is_significant && within.is_none() {
            let message = "no group holds it that its end could end";
            return Err(Error::invalid("is_significant", message));
        }
        let named = self.named(
            "create_group",
            *operation,
            (&self.supervisor, group, policy, within, is_significant),
        )?;
        self.transact_group(group, named, |nodes, now| {
            let id = nodes.group_id(group);
            if let Some(found) = nodes.find_group(id)?.cloned() {
                check_place(nodes, &found, request)?;
            }
            if let Some(found) = nodes.find_group(id)? {
                found.policy.check_replacing(policy, &found.machine)?;
                let changed = found.policy != *policy;
                found.policy = *policy;
                return Ok(changed);
            }
            let member = match within {
                None => None,
                Some(within) => {
                    let exits = exits_of(policy);
                    // A group ends when its members have, which have deadlines of their own.
                    let place = (*is_significant, Shutdown::Unlimited);
                    let joined = join(nodes, within, true, place, &exits);
                    Some(joined.map_err(|error| match error.kind() {
                        ErrorKind::NotFound => error.with_field("within"),
                        _ => error,
                    })?)
                }
            };
            nodes.add_group(self.new_group(request, member, now));
            Ok(true)
        })
    }

    /// Makes an assistant a member of a group, behind all others, and has it started, unless the host launched it already:
    /// at once if the group is up, otherwise when its turn comes. A group starts it from the newest entry of its ritual, as
    /// after a failure. One that is deployed already and in no group is taken in with its history if it is down, or if the
    /// host launched it anew.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], field `group`; [`ErrorKind::Invalid`] if the assistant is a member of a group already, runs
    /// or is being restarted (field `assistant`), the group is ending or has ended (field `group`), or its end could never end the group (field
    /// `is_significant`); [`ErrorKind::Limit`] beyond [`GroupPolicy::MAX_MEMBERS`]; otherwise as
    /// [`deploy`](Self::deploy).
    pub fn start_child(&self, request: &StartChild) -> Result<Decision> {
        let StartChild { group, assistant, spec, is_significant, shutdown, is_running, operation } = request;
        spec.validate_for(assistant)?;
        shutdown.validate()?;
        let named = self.named(
            "start_child",
            *operation,
            (&self.supervisor, group, assistant, spec, is_significant, shutdown, is_running),
        )?;
        let cause = Cause { reason: Reason::shortened("it was added to its group"), operation: named.1 };
        let id = Deployment::record_id(self.access.tenant(), &self.supervisor, assistant);
        self.transact(Some(id), Some(named), |head, nodes, now| {
            let version = head.as_ref().map(|head| head.version);
            let found = head.map(|head| head.deployment).transpose()?;
            if let Some(found) = &found {
                check_adoptable(found, *is_running)?;
            }
            let place = (*is_significant, *shutdown);
            let member = join(nodes, group, false, place, &spec.policy.options().exits)?;
            let mut deployment = match &found {
                Some(found) => Deployment { spec: spec.clone(), ..found.clone() },
                None => self.new_deployment(assistant, spec, Machine::default(), now),
            };
            deployment.machine.joins();
            deployment.member = Some(member);
            nodes.set(id, version, found, deployment);
            let node = NodeRecord::Deployment(id);
            let mut tree = Tree::new(nodes, now);
            if *is_running {
                tree.handle(node, Event::Deployed)?.map_err(Refusal::into_error)?;
            } else {
                tree.joined(node, &cause)?;
            }
            Ok((Decision::of(nodes.deployment(id)?, true, now), true))
        })
    }

    /// Starts a member that is down: stopped, completed or given up; at once, or, if its group is about to start members
    /// of which it is one, when its turn comes. What happened before still counts;
    /// [`restart_now`](Self::restart_now) starts it from any state, and clears that.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such deployment; [`ErrorKind::Invalid`], field `assistant`, if it is no member,
    /// runs, or is being restarted, or if a group around it is ending or has ended; [`ErrorKind::Unknown`] as for
    /// [`deploy`](Self::deploy).
    pub fn restart_child(&self, request: &RestartChild) -> Result<Decision> {
        let RestartChild { assistant, reason, operation } = request;
        let named = self.named("restart_child", *operation, (&self.supervisor, assistant, reason))?;
        let cause = Cause { reason: reason.clone(), operation: named.1 };
        self.decide_child(assistant, named, |nodes, deployment, member, now| {
            check_at_rest(deployment)?;
            let node = NodeRecord::Deployment(deployment.id());
            let mut tree = Tree::new(nodes, now);
            if !tree.is_held_up(node)? {
                let message = format!("group {} or one around it has ended: start that one", member.group);
                return Err(Error::invalid("assistant", message));
            }
            tree.start_child(node, &cause)
        })
    }

    /// Takes a member that is down out of its group. Its deployment stays, at rest, until a group takes it in again or it is
    /// [deleted](Self::delete_deployment).
    ///
    /// # Errors
    /// As [`restart_child`](Self::restart_child).
    pub fn delete_child(&self, request: &DeleteChild) -> Result<Decision> {
        let DeleteChild { assistant, operation } = request;
        let named = self.named("delete_child", *operation, (&self.supervisor, assistant))?;
        self.decide_child(assistant, named, |nodes, deployment, _, now| {
            check_at_rest(deployment)?;
            Tree::new(nodes, now).drop_out(NodeRecord::Deployment(deployment.id()))?;
            Ok(true)
        })
    }

    /// Starts the members of a group that ended, in order; earlier restarts no longer count. A member that was stopped by
    /// itself, by [`stop`](Self::stop), stays down. Where members do not depend on each other (one-for-one), one that waits for
    /// an operator keeps none after it waiting. If the group that holds it is about to start members of which it is one,
    /// its turn comes then.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], field `group`; [`ErrorKind::Invalid`], field `group`, if it is ending, or if a group around it
    /// is ending or has ended; [`ErrorKind::Unknown`]
    /// as for [`deploy`](Self::deploy).
    pub fn start_group(&self, request: &ChangeGroup) -> Result<GroupDecision> {
        self.change_group("start_group", request, |nodes, node, cause, now| {
            let mut tree = Tree::new(nodes, now);
            if !tree.is_held_up(node)? {
                let message =
                    format!("a group around {} is ending or has ended: start that one", request.group);
                return Err(Error::invalid("group", message));
            }
            let is_started = tree.start_group(node, cause)?;
            let NodeRecord::Group(id) = node else { return Ok(is_started) };
            let state = nodes.find_group(id)?.map(|group| *group.machine.state());
            if matches!(state, Some(GroupState::Ending { .. })) && !is_started {
                let message = format!("group {} is ending: start it once it has ended", request.group);
                return Err(Error::invalid("group", message));
            }
            Ok(is_started)
        })
    }

    /// Stops the members of a group for good, in reverse order. The host ends each when it is asked to by a
    /// [`Stop`](crate::restart::Action::Stop) or a [`Kill`](crate::restart::Action::Kill).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], field `group`; [`ErrorKind::Unknown`] as for [`deploy`](Self::deploy).
    pub fn stop_group(&self, request: &ChangeGroup) -> Result<GroupDecision> {
        self.change_group("stop_group", request, |nodes, node, cause, now| {
            Tree::new(nodes, now).stop_group(node, cause)
        })
    }

    /// Deletes a group that ended, or has no members.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], field `group`; [`ErrorKind::Invalid`], field `group`, if it has members: delete them first.
    pub fn delete_group(&self, group: &GroupId) -> Result<()> {
        let deleted = self.transact(None, None, |_, nodes, now| {
            let found = nodes.named_group(group)?;
            if found.machine.members() > 0 {
                let message = format!("group {group} has {} members", found.machine.members());
                return Err(Error::invalid("group", message));
            }
            let id = found.id();
            Tree::new(nodes, now).drop_out(NodeRecord::Group(id))?;
            nodes.delete(NodeRecord::Group(id));
            Ok(((), true))
        });
        deleted.map_err(|error| error.while_doing(format_args!("delete group {group}")))
    }

    /// Deletes a deployment that is down and in no group, or one whose record cannot be read: its group, if it was a member,
    /// goes on without it. Its history stays.
    ///
    /// Runs and effects of a later deployment of the same assistant are counted from 1 again: delete it once the host has
    /// nothing underway for it, so that nothing late about the earlier one is taken for something about that.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such deployment; [`ErrorKind::Invalid`], field `assistant`, if it is a member of
    /// a group, runs, or is being restarted; [`ErrorKind::Corrupt`] for a record of an unknown format.
    pub fn delete_deployment(&self, assistant: &AssistantId) -> Result<()> {
        let id = Deployment::record_id(self.access.tenant(), &self.supervisor, assistant);
        let node = NodeRecord::Deployment(id);
        let deleted = self.transact(Some(id), None, |head, nodes, now| {
            let head = head.ok_or_else(|| crate::restart::service::no_deployment(assistant))?;
            match head.deployment {
                Ok(found) => {
                    if let Some(member) = &found.member {
                        let message = format!("{assistant} is a member of group {}", member.group);
                        return Err(Error::invalid("assistant", message));
                    }
                    check_at_rest(&found)?;
                    nodes.set(id, Some(head.version), Some(found.clone()), found);
                }
                Err(error) if !head.is_replaceable => return Err(error),
                Err(_) => {
                    // All that counts of it is its place.
                    let spec = DeploymentSpec::new(RitualId::new("unknown")?);
                    let machine = Machine::after_unreadable(head.version);
                    let mut lost = self.new_deployment(assistant, &spec, machine, now);
                    lost.member = head.member;
                    nodes.set(id, Some(head.version), None, lost);
                    Tree::new(nodes, now).lose(node)?;
                }
            }
            nodes.delete(node);
            Ok(((), true))
        });
        deleted.map_err(|error| error.while_doing(format_args!("delete the deployment of {assistant}")))?;
        self.forget_handed_out(id);
        Ok(())
    }

    fn change_group(
        &self,
        name: &'static str,
        request: &ChangeGroup,
        change: impl Fn(&mut StoredNodes<'_>, NodeRecord, Cause, Timestamp) -> Result<bool>,
    ) -> Result<GroupDecision> {
        let ChangeGroup { group, reason, operation } = request;
        let named = self.named(name, *operation, (&self.supervisor, group, reason))?;
        let cause = Cause { reason: reason.clone(), operation: named.1 };
        self.transact_group(group, named, |nodes, now| {
            let node = NodeRecord::Group(nodes.named_group(group)?.id());
            change(nodes, node, cause.clone(), now)
        })
    }

    fn transact_group(
        &self,
        group: &GroupId,
        named: Named,
        decide: impl Fn(&mut StoredNodes<'_>, Timestamp) -> Result<bool>,
    ) -> Result<GroupDecision> {
        let decided = self.transact(None, Some(named), |_, nodes, now| {
            let changed = decide(nodes, now)?;
            Ok((nodes.named_group(group)?.decision(changed, now), changed))
        });
        decided.map_err(|error| error.while_doing(format_args!("decide about group {group}")))
    }

    /// Decides about a member of a group.
    fn decide_child(
        &self,
        assistant: &AssistantId,
        named: Named,
        decide: impl Fn(&mut StoredNodes<'_>, &Deployment, &Membership, Timestamp) -> Result<bool>,
    ) -> Result<Decision> {
        let id = Deployment::record_id(self.access.tenant(), &self.supervisor, assistant);
        let decided = self.transact(Some(id), Some(named), |head: Option<Head>, nodes, now| {
            let head = head.ok_or_else(|| crate::restart::service::no_deployment(assistant))?;
            Self::take(id, head, nodes)?;
            let deployment = nodes.deployment(id)?.clone();
            let Some(member) = &deployment.member else {
                return Err(Error::invalid("assistant", format!("{assistant} is no member of a group")));
            };
            let changed = decide(nodes, &deployment, member, now)?;
            Ok((Decision::of(nodes.deployment(id)?, changed, now), changed))
        });
        decided.map_err(|error| error.while_doing(format_args!("decide about {assistant}")))
    }

    fn new_group(
        &self,
        request: &CreateGroup,
        member: Option<Membership>,
        now: Timestamp,
    ) -> SupervisionGroup {
        let machine = Group::new(now);
        SupervisionGroup {
            format: SupervisionGroup::FORMAT,
            tenant: self.access.tenant().clone(),
            supervisor: self.supervisor.clone(),
            group: request.group.clone(),
            state: machine.state().name(),
            place: None,
            member,
            policy: request.policy,
            machine,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Refuses to let a group that there is stand elsewhere than it does, or where its end could no more matter.
fn check_place(nodes: &mut StoredNodes<'_>, found: &SupervisionGroup, request: &CreateGroup) -> Result<()> {
    let CreateGroup { group, policy, within: Some(within), is_significant, .. } = request else {
        return nodes.check_significant(found.member.as_ref(), &exits_of(&request.policy));
    };
    let Some(member) = found.member.as_ref().filter(|member| member.group == *within) else {
        let message = format!("group {group} is not in group {within}, and stays where it is");
        return Err(Error::invalid("within", message));
    };
    if member.is_significant != *is_significant {
        let message = format!("group {group} stays as significant to group {within} as it is");
        return Err(Error::invalid("is_significant", message));
    }
    nodes.check_significant(Some(member), &exits_of(policy))
}

/// Which ends of a group are followed by a restart of it.
fn exits_of(policy: &GroupPolicy) -> ExitRules {
    ExitRules { restart: policy.options().restart, ..ExitRules::default() }
}

/// Takes a node into a group, behind all others.
fn join(
    nodes: &mut StoredNodes<'_>,
    group: &GroupId,
    is_group: bool,
    (is_significant, shutdown): (bool, Shutdown),
    exits: &ExitRules,
) -> Result<Membership> {
    let mut depth = 1;
    let mut around = nodes.named_group(group)?.member.clone();
    while let Some(member) = around {
        depth += 1;
        GroupPolicy::check_depth(depth)?;
        let holder = nodes.named_group(&member.group)?;
        if !holder.machine.state().is_open() {
            let message = format!("group {}, which holds it, has ended: start that one first", member.group);
            return Err(Error::invalid("group", message));
        }
        around = holder.member.clone();
    }
    let found = nodes.named_group(group)?;
    found.policy.check_joining(&found.machine, is_group, is_significant, exits)?;
    let position = found.machine.join(is_group, is_significant);
    Ok(Membership { group: group.clone(), position, is_significant, is_active: true, shutdown })
}

/// Whether a group may take in what is deployed already.
fn check_adoptable(deployment: &Deployment, is_running: bool) -> Result<()> {
    if let Some(member) = &deployment.member {
        let message = format!("{} is a member of group {} already", deployment.assistant, member.group);
        return Err(Error::invalid("assistant", message));
    }
    if is_running && deployment.machine.state().name().is_up() {
        return Ok(());
    }
    check_at_rest(deployment)
}

fn check_at_rest(deployment: &Deployment) -> Result<()> {
    let state = deployment.machine.state().name();
    if state.is_at_rest() && !state.is_up() {
        return Ok(());
    }
    let message = if state.is_up() {
        format!("{} runs: stop it first", deployment.assistant)
    } else {
        format!("{} is being restarted: it is {state}", deployment.assistant)
    };
    Err(Error::invalid("assistant", message))
}
