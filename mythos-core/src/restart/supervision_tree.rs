use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

use super::group::{Member, Nodes, Place, Tree};
use super::machine::{Event, Refusal};
use super::{
    Action, Answer, Cause, DeploymentSpec, Exit, ExitKind, FailureKind, Group, GroupPolicy,
    GroupPolicyOptions, Machine, Shutdown,
};
use crate::error::{Error, Result};
use crate::types::{DomainHasher, OperationId, RecordId, Timestamp};

/// A supervision tree in memory: the machines of deployments and their groups, without a store, a clock or a host.
///
/// It takes events and the time, and hands out effects and timeouts; the same events at the same times lead to the same
/// tree. It is what a [`Supervisor`](super::Supervisor) decides by, who keeps it in a store; use it by itself for
/// simulations, or where nothing must survive.
///
/// ```
/// use std::sync::Arc;
///
/// use mythos_core::restart::*;
/// use mythos_core::types::{OperationId, Timestamp};
///
/// let mut tree = SupervisionTree::new();
/// let options = GroupPolicyOptions { strategy: Strategy::RestForOne, ..GroupPolicyOptions::default() };
/// let group = tree.add_group(GroupPolicy::new(options)?, None, Timestamp::UNIX_EPOCH)?;
/// let options = RestartPolicyOptions {
///     backoff: Backoff::Constant { delay_ms: 0 },
///     ..RestartPolicyOptions::default()
/// };
/// let spec = Arc::new(DeploymentSpec::new("refund".parse()?).policy(RestartPolicy::new(options)?));
/// let [first, second] = [0, 1].map(|_| {
///     let place = MemberOptions::default();
///     tree.add_member(spec.clone(), Some((group, place)), Timestamp::UNIX_EPOCH).unwrap()
/// });
///
/// let killed = Exit::new(ExitKind::Killed, Reason::new("out of memory")?);
/// tree.handle_exit(first, None, killed, OperationId::from_name("1"), Timestamp::UNIX_EPOCH)?;
/// let stop = tree.poll_effect().unwrap();
/// assert!(stop.node == second && matches!(stop.action, Action::Stop { .. }));
/// tree.handle_answer(second, stop.number, Answer::Stopped, Timestamp::UNIX_EPOCH)?;
/// let restore = tree.poll_effect().unwrap();
/// assert!(restore.node == first && matches!(restore.action, Action::Restore { .. }));
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SupervisionTree {
    nodes: Vec<Node>,
    /// Timers by when they are due; one whose generation is not the machine's is stale.
    timers: BinaryHeap<Reverse<(Timestamp, NodeId, u64)>>,
    /// Deployments with an effect that was not handed out.
    effects: VecDeque<NodeId>,
    /// The nodes that the decision underway changed.
    touched: Vec<NodeId>,
}

/// A node of a [`SupervisionTree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

/// How a node is a member of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemberOptions {
    /// Whether its end can end the group.
    pub is_significant: bool,
    /// How the group stops it.
    pub shutdown: Shutdown,
}

/// An effect of a [`SupervisionTree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEffect {
    /// The deployment.
    pub node: NodeId,
    /// The effect, counted from 1 in the deployment's life.
    pub number: u64,
    /// The run that it belongs to.
    pub run: u64,
    /// What to do.
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq)]
struct Node {
    id: RecordId,
    place: Option<Place<NodeId>>,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Deployment {
        spec: Arc<DeploymentSpec>,
        machine: Box<Machine>,
        /// The number of the effect that was queued last.
        queued: u64,
        /// The generation of the timer that was set last.
        timer: u64,
    },
    Group {
        policy: GroupPolicy,
        group: Box<Group>,
        members: BTreeMap<u64, NodeId>,
    },
    /// It was removed.
    Removed,
}

impl SupervisionTree {
    /// A tree without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a group, to another one if `within` names it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a node that is no group, a group that is ending or has ended, a
    /// simple one, or a significance that cannot matter;
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) beyond [`GroupPolicy::MAX_MEMBERS`] or [`GroupPolicy::MAX_DEPTH`].
    pub fn add_group(
        &mut self,
        policy: GroupPolicy,
        within: Option<(NodeId, MemberOptions)>,
        now: Timestamp,
    ) -> Result<NodeId> {
        let group = Box::new(Group::new(now));
        let exits = super::ExitRules { restart: policy.options().restart, ..super::ExitRules::default() };
        self.add(Kind::Group { policy, group, members: BTreeMap::new() }, within, &exits)
    }

    /// Adds a deployment that the host launched, to a group if `within` names it.
    ///
    /// # Errors
    /// As [`add_group`](Self::add_group); those of a spec that makes no sense.
    pub fn add_member(
        &mut self,
        spec: Arc<DeploymentSpec>,
        within: Option<(NodeId, MemberOptions)>,
        now: Timestamp,
    ) -> Result<NodeId> {
        spec.validate()?;
        let exits = spec.policy.options().exits.clone();
        let kind = Kind::Deployment { spec, machine: Box::default(), queued: 0, timer: 0 };
        let id = self.add(kind, within, &exits)?;
        self.handle(id, Event::Deployed, now)?;
        Ok(id)
    }

    /// Reports that run `run` of a deployment ended; `None` stands for the current one. Whether that changed anything.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a node that is no deployment, or a run that never was.
    pub fn handle_exit(
        &mut self,
        id: NodeId,
        run: Option<u64>,
        exit: Exit,
        operation: OperationId,
        now: Timestamp,
    ) -> Result<bool> {
        exit.validate()?;
        let kind = FailureKind::of_exit(exit.kind);
        self.handle(id, Event::Failed { run, kind, exit, operation }, now)
    }

    /// Reports that run `run` of a deployment failed, though it may live; `None` stands for the current one. Whether that
    /// changed anything.
    ///
    /// # Errors
    /// As [`handle_exit`](Self::handle_exit); for a kind that is no failure.
    pub fn handle_failure(
        &mut self,
        id: NodeId,
        run: Option<u64>,
        kind: FailureKind,
        cause: Cause,
        now: Timestamp,
    ) -> Result<bool> {
        kind.check_reported()?;
        let Cause { reason, operation } = cause;
        self.handle(
            id,
            Event::Failed { run, kind, exit: Exit::new(ExitKind::Failed, reason), operation },
            now,
        )
    }

    /// Takes the answer to an effect. Whether it counted: only the first one does, and none of an effect that was overtaken.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for an effect that never was, or an answer that is none to it.
    pub fn handle_answer(&mut self, id: NodeId, number: u64, answer: Answer, now: Timestamp) -> Result<bool> {
        self.handle(id, Event::Answered { number, answer }, now)
    }

    /// Lets a deployment rest: at once if nothing of it runs, otherwise once the host has ended it, as
    /// [`MemberOptions::shutdown`] says. Whether that changed anything.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a node that is no deployment.
    pub fn handle_stop(&mut self, id: NodeId, cause: Cause, now: Timestamp) -> Result<bool> {
        let place = self.nodes.get(id.0 as usize).and_then(|node| node.place);
        let shutdown = place.map(|place| place.shutdown).unwrap_or_default();
        self.handle(id, Event::StopRequested { cause, shutdown }, now)
    }

    /// Restarts a deployment at once; what happened before no longer counts.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a node that is no deployment, or one that its group is
    /// stopping or about to start, or one of a group that is ending or has ended.
    pub fn handle_restart(&mut self, id: NodeId, cause: Cause, now: Timestamp) -> Result<bool> {
        let Cause { reason, operation } = cause;
        self.handle(id, Event::RestartRequested { reason, operation }, now)
    }

    /// Starts the members of a group that ended, in order, at once or when its turn comes. Whether it had.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a node that is no group, or if a group around it is ending or has
    /// ended.
    pub fn handle_start_group(&mut self, id: NodeId, cause: Cause, now: Timestamp) -> Result<bool> {
        self.check_group(id)?;
        let mut tree = Tree::new(self, now);
        if !tree.is_held_up(id)? {
            return Err(Error::invalid("group", "a group around it is ending or has ended: start that one"));
        }
        let changed = tree.start_group(id, cause);
        self.settle();
        changed
    }

    /// Stops the members of a group for good, in reverse order. Whether it had not ended or begun to.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a node that is no group.
    pub fn handle_stop_group(&mut self, id: NodeId, cause: Cause, now: Timestamp) -> Result<bool> {
        self.check_group(id)?;
        let changed = Tree::new(self, now).stop_group(id, cause);
        self.settle();
        changed
    }

    /// Takes a deployment that is down, or a group without members, out of its group and out of the tree. Its id names no other
    /// node later.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `node`, for a deployment that runs or is being restarted, and
    /// for a node that was removed; field `group` for a group with members.
    pub fn remove(&mut self, id: NodeId) -> Result<()> {
        match self.nodes.get(id.0 as usize).map(|node| &node.kind) {
            Some(Kind::Deployment { machine, .. }) => {
                let state = machine.state().name();
                if !state.is_at_rest() || state.is_up() {
                    return Err(Error::invalid("node", format!("that deployment is {state}: stop it first")));
                }
            }
            Some(Kind::Group { group, .. }) if group.members() > 0 => {
                let message = format!("that group has {} members", group.members());
                return Err(Error::invalid("group", message));
            }
            Some(Kind::Group { .. }) => {}
            Some(Kind::Removed) | None => return Err(Error::invalid("node", "there is no such node")),
        }
        Tree::new(self, Timestamp::MIN).drop_out(id)?;
        self.touched.clear();
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            node.kind = Kind::Removed;
        }
        Ok(())
    }

    /// Fires the timers that are due; how many did.
    pub fn handle_timeout(&mut self, now: Timestamp) -> usize {
        let mut fired = 0;
        while let Some(Reverse((due, id, generation))) = self.timers.peek().copied() {
            if !self.is_set(id, generation) {
                self.timers.pop();
                continue;
            }
            if due > now {
                break;
            }
            self.timers.pop();
            // A timer that is set and due is neither stale nor early.
            let changed = self.handle(id, Event::TimerFired { generation }, now);
            fired += usize::from(changed.is_ok_and(|changed| changed));
        }
        fired
    }

    /// When the next timer is due.
    pub fn poll_timeout(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((due, id, generation))) = self.timers.peek().copied() {
            if self.is_set(id, generation) {
                return Some(due);
            }
            self.timers.pop();
        }
        None
    }

    /// Hands out the next effect, each once.
    pub fn poll_effect(&mut self) -> Option<TreeEffect> {
        while let Some(node) = self.effects.pop_front() {
            let effect = self.pending_effect(node);
            let Some(Kind::Deployment { queued, .. }) =
                self.nodes.get(node.0 as usize).map(|node| &node.kind)
            else {
                continue;
            };
            if let Some(effect) = effect.filter(|effect| effect.number == *queued) {
                return Some(effect);
            }
        }
        None
    }

    /// The effect of a deployment that waits for its answer, whether it was handed out or not.
    #[must_use]
    pub fn pending_effect(&self, id: NodeId) -> Option<TreeEffect> {
        let Kind::Deployment { spec, machine, .. } = &self.nodes.get(id.0 as usize)?.kind else {
            return None;
        };
        let number = machine.pending()?.number;
        Some(TreeEffect { node: id, number, run: machine.run(), action: machine.action(spec)? })
    }

    /// The machine of a deployment.
    #[must_use]
    pub fn machine(&self, id: NodeId) -> Option<&Machine> {
        match &self.nodes.get(id.0 as usize)?.kind {
            Kind::Deployment { machine, .. } => Some(machine),
            Kind::Group { .. } | Kind::Removed => None,
        }
    }

    /// The machine of a group.
    #[must_use]
    pub fn group(&self, id: NodeId) -> Option<&Group> {
        match &self.nodes.get(id.0 as usize)?.kind {
            Kind::Group { group, .. } => Some(group),
            Kind::Deployment { .. } | Kind::Removed => None,
        }
    }

    /// The members of a group, in order.
    pub fn members(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let members = match self.nodes.get(id.0 as usize).map(|node| &node.kind) {
            Some(Kind::Group { members, .. }) => Some(members),
            _ => None,
        };
        members.into_iter().flat_map(|members| members.values().copied())
    }

    fn add(
        &mut self,
        kind: Kind,
        within: Option<(NodeId, MemberOptions)>,
        exits: &super::ExitRules,
    ) -> Result<NodeId> {
        let id = u32::try_from(self.nodes.len()).map(NodeId);
        let id = id.map_err(|_| Error::limit("nodes", "a tree has at most 2^32 nodes"))?;
        let place = match within {
            None => None,
            Some((group, options)) => Some(self.join(id, group, options, exits, &kind)?),
        };
        let record =
            DomainHasher::new("mythos 2026 supervision tree node v1").field(&id.0.to_le_bytes()).finish();
        self.nodes.push(Node { id: record.into(), place, kind });
        Ok(id)
    }

    fn join(
        &mut self,
        id: NodeId,
        group: NodeId,
        options: MemberOptions,
        exits: &super::ExitRules,
        kind: &Kind,
    ) -> Result<Place<NodeId>> {
        self.check_group(group)?;
        options.shutdown.validate()?;
        let depth = std::iter::successors(Some(group), |group| {
            self.nodes.get(group.0 as usize)?.place.map(|place| place.group)
        });
        GroupPolicy::check_depth(depth.take(GroupPolicy::MAX_DEPTH as usize + 1).count())?;
        let Some(Kind::Group { policy, group: machine, members }) =
            self.nodes.get_mut(group.0 as usize).map(|node| &mut node.kind)
        else {
            return Err(not_a_group());
        };
        let is_group = matches!(kind, Kind::Group { .. });
        policy.check_joining(machine, is_group, options.is_significant, exits)?;
        let position = machine.join(is_group, options.is_significant);
        members.insert(position, id);
        Ok(Place {
            group,
            position,
            is_significant: options.is_significant,
            is_active: true,
            shutdown: options.shutdown,
            class: exits.restart,
        })
    }

    fn check_group(&self, id: NodeId) -> Result<()> {
        self.group(id).map(drop).ok_or_else(not_a_group)
    }

    fn is_set(&self, id: NodeId, generation: u64) -> bool {
        let timer = self.machine(id).and_then(|machine| machine.timer());
        timer.is_some_and(|(_, counts)| counts == generation)
    }

    fn handle(&mut self, id: NodeId, event: Event, now: Timestamp) -> Result<bool> {
        if self.machine(id).is_none() {
            return Err(Error::invalid("node", "that node is no deployment of this tree"));
        }
        let outcome = Tree::new(self, now).handle(id, event);
        self.settle();
        outcome?.map(|ignored| ignored.is_none()).map_err(Refusal::into_error)
    }

    /// Queues the effects and timers of the nodes that a decision changed.
    fn settle(&mut self) {
        for id in self.touched.drain(..) {
            let Some(Kind::Deployment { machine, queued, timer, .. }) =
                self.nodes.get_mut(id.0 as usize).map(|node| &mut node.kind)
            else {
                continue;
            };
            if let Some(pending) = machine.pending().filter(|pending| pending.number != *queued) {
                *queued = pending.number;
                self.effects.push_back(id);
            }
            if let Some((due, generation)) = machine.timer().filter(|(_, one)| one != timer) {
                *timer = generation;
                self.timers.push(Reverse((due, id, generation)));
            }
        }
    }
}

impl Nodes for SupervisionTree {
    type Id = NodeId;
    type Error = Error;

    fn member(&mut self, id: NodeId) -> Result<Option<Member<'_>>> {
        let Some(node) = self.nodes.get_mut(id.0 as usize) else { return Ok(None) };
        Ok(match &mut node.kind {
            Kind::Deployment { spec, machine, .. } => {
                self.touched.push(id);
                Some(Member { id: &node.id, spec, machine, is_member: node.place.is_some() })
            }
            Kind::Group { .. } | Kind::Removed => None,
        })
    }

    fn group(&mut self, id: NodeId) -> Result<(&GroupPolicyOptions, &mut Group)> {
        match &mut self.nodes[id.0 as usize].kind {
            Kind::Group { policy, group, .. } => Ok((policy.options(), group)),
            Kind::Deployment { .. } | Kind::Removed => Err(not_a_group()),
        }
    }

    fn place(&mut self, id: NodeId) -> Result<Option<Place<NodeId>>> {
        Ok(self.nodes.get(id.0 as usize).and_then(|node| node.place))
    }

    fn set_active(&mut self, id: NodeId, is_active: bool) -> Result<()> {
        if let Some(place) = self.nodes.get_mut(id.0 as usize).and_then(|node| node.place.as_mut()) {
            place.is_active = is_active;
        }
        Ok(())
    }

    fn detach(&mut self, id: NodeId) -> Result<()> {
        let place = self.nodes.get_mut(id.0 as usize).and_then(|node| node.place.take());
        if let Some(place) = place
            && let Some(Kind::Group { members, .. }) =
                self.nodes.get_mut(place.group.0 as usize).map(|node| &mut node.kind)
        {
            members.remove(&place.position);
        }
        Ok(())
    }

    fn before(&mut self, group: NodeId, position: u64) -> Result<Option<(NodeId, u64)>> {
        let Some(Kind::Group { members, .. }) = self.nodes.get(group.0 as usize).map(|node| &node.kind)
        else {
            return Ok(None);
        };
        Ok(members.range(..position).next_back().map(|(position, id)| (*id, *position)))
    }

    fn after(&mut self, group: NodeId, position: u64) -> Result<Option<(NodeId, u64)>> {
        let Some(Kind::Group { members, .. }) = self.nodes.get(group.0 as usize).map(|node| &node.kind)
        else {
            return Ok(None);
        };
        let above = (std::ops::Bound::Excluded(position), std::ops::Bound::Unbounded);
        Ok(members.range(above).next().map(|(position, id)| (*id, *position)))
    }
}

fn not_a_group() -> Error {
    Error::invalid("group", "that node is no group of this tree")
}

#[cfg(test)]
mod tests;
