//! The nodes of a supervision tree as they are stored: read when a decision asks for them, written when it is made.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Supervisor, readable};
use crate::error::{Error, Result};
use crate::observe::{Decided, Entered};
use crate::restart::group::{self, Member, Nodes, Place, no_group};
use crate::restart::observation::{Seen, group_change, tell_group};
use crate::restart::{
    Deployment, DeploymentRestart, ExitRules, Group, GroupPolicyOptions, Incident, Membership, StateName,
    SupervisionGroup,
};
use crate::store::access;
use crate::store::{Batch, Direction, Expect, Model, Query, Read, Record};
use crate::types::{GroupId, RecordId, Timestamp, Version};

/// The nodes that a decision looked at, and what it made of them.
pub(super) struct StoredNodes<'a> {
    supervisor: &'a Supervisor,
    /// When it is decided.
    now: Timestamp,
    /// Whether a record was found that another decision wrote since: the present is later, and it is to be decided anew.
    is_overtaken: bool,
    deployments: BTreeMap<RecordId, Loaded<Deployment>>,
    groups: BTreeMap<RecordId, Loaded<SupervisionGroup>>,
    /// The nodes that are to be deleted.
    deleted: Vec<NodeRecord>,
    /// What the last read of members found.
    neighbours: Option<Neighbours>,
}

/// Members of a group as one read found them, nearest first.
struct Neighbours {
    group: RecordId,
    direction: Direction,
    found: Vec<Neighbour>,
    /// Whether there are no further ones.
    is_all: bool,
}

struct Neighbour {
    node: NodeRecord,
    at: u64,
    record: Record,
}

/// The record of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeRecord {
    Deployment(RecordId),
    Group(RecordId),
}

/// A record as it was found, if it was, and as it is to be.
struct Loaded<M> {
    id: RecordId,
    version: Option<Version>,
    before: Option<M>,
    model: M,
    /// The incidents that ended in the course of the decision, as far as others follow them.
    ended: Vec<Incident>,
}

impl<M: PartialEq> Loaded<M> {
    fn is_changed(&self) -> bool {
        self.before.as_ref() != Some(&self.model)
    }

    fn expect(&self) -> Expect {
        self.version.map_or(Expect::Absent, Expect::At)
    }
}

impl Loaded<Deployment> {
    /// Keeps the incident, if it ended in the course of the decision: the next step may open another.
    fn keep_ended(&mut self) {
        let before = self.before.as_ref().and_then(|before| before.machine.incident());
        let incident = self.model.machine.incident().filter(|one| !one.is_open() && before != Some(*one));
        if let Some(incident) = incident.filter(|one| self.ended.last() != Some(*one)) {
            self.ended.push(incident.clone());
        }
    }
}

impl<'a> StoredNodes<'a> {
    pub(super) const fn new(supervisor: &'a Supervisor, now: Timestamp) -> Self {
        Self {
            supervisor,
            now,
            is_overtaken: false,
            deployments: BTreeMap::new(),
            groups: BTreeMap::new(),
            deleted: Vec::new(),
            neighbours: None,
        }
    }

    /// Whether the present was read before something else that the decision depends on was decided.
    pub(super) const fn is_overtaken(&self) -> bool {
        self.is_overtaken
    }

    /// When it is decided, after something that takes a while.
    pub(super) fn read_clock(&mut self) -> Timestamp {
        self.now = self.now.max(self.supervisor.access.now());
        self.now
    }

    /// Refuses to go on by a present that lies before `updated_at`, which another thread's decision read since. To take its
    /// moments for those of a clock that was set back would let restarts go uncounted.
    ///
    /// # Errors
    /// `Conflict`, unless the clock was set back indeed.
    fn check_present(&mut self, updated_at: Timestamp) -> Result<()> {
        if updated_at > self.now && updated_at <= self.supervisor.access.now() {
            self.is_overtaken = true;
            return Err(Error::conflict("another decision was made since the clock was read"));
        }
        Ok(())
    }

    /// Takes in a deployment that was found with `version` as `before`, if that could be read, and is to be `model`.
    pub(super) fn set(
        &mut self,
        id: RecordId,
        version: Option<Version>,
        before: Option<Deployment>,
        model: Deployment,
    ) {
        self.deployments.insert(id, Loaded { id, version, before, model, ended: Vec::new() });
    }

    /// A new group, unless there is one.
    pub(super) fn add_group(&mut self, group: SupervisionGroup) {
        let id = group.id();
        let new = Loaded { id, version: None, before: None, model: group, ended: Vec::new() };
        self.groups.entry(id).or_insert(new);
    }

    /// A deployment of which the decision knows.
    pub(super) fn deployment(&self, id: RecordId) -> Result<&Deployment> {
        let loaded = self.deployments.get(&id);
        loaded.map(|loaded| &loaded.model).ok_or_else(|| Error::internal("the deployment was not loaded"))
    }

    pub(super) fn deployment_mut(&mut self, id: RecordId) -> Result<&mut Deployment> {
        let loaded = self.deployments.get_mut(&id);
        loaded.map(|loaded| &mut loaded.model).ok_or_else(|| Error::internal("the deployment was not loaded"))
    }

    /// A group by its name.
    ///
    /// # Errors
    /// `NotFound`, field `group`.
    pub(super) fn named_group(&mut self, group: &GroupId) -> Result<&mut SupervisionGroup> {
        let id = self.group_id(group);
        self.find_group(id)?.ok_or_else(|| no_group(group))
    }

    /// Whether a member that ends as `exits` says could ever end its group, if it is to.
    pub(super) fn check_significant(&mut self, member: Option<&Membership>, exits: &ExitRules) -> Result<()> {
        match member.filter(|member| member.is_significant) {
            Some(member) => self.named_group(&member.group)?.policy.check_significant(exits),
            None => Ok(()),
        }
    }

    pub(super) fn group_id(&self, group: &GroupId) -> RecordId {
        SupervisionGroup::record_id(self.supervisor.access.tenant(), &self.supervisor.supervisor, group)
    }

    pub(super) fn find_group(&mut self, id: RecordId) -> Result<Option<&mut SupervisionGroup>> {
        if !self.groups.contains_key(&id) {
            let Some(stored) = self.supervisor.access.record::<SupervisionGroup>(id)? else {
                return Ok(None);
            };
            let model = stored.model.found_at(id)?;
            self.check_present(model.updated_at)?;
            let before = Some(model.clone());
            let version = Some(stored.version);
            self.groups.insert(id, Loaded { id, version, before, model, ended: Vec::new() });
        }
        Ok(self.groups.get_mut(&id).map(|loaded| &mut loaded.model))
    }

    fn find_deployment(&mut self, id: RecordId) -> Result<&mut Loaded<Deployment>> {
        if !self.deployments.contains_key(&id) {
            let table = Deployment::TABLE;
            let [answer] = self.supervisor.access.read([Read::Record { table, id }])?;
            let record = access::record(answer)?
                .ok_or_else(|| Error::not_found("a member of a group was deleted").with_field("assistant"))?;
            let model = readable(&record)?;
            self.check_present(model.updated_at)?;
            self.set(id, Some(record.version), Some(model.clone()), model);
        }
        self.deployments.get_mut(&id).ok_or_else(|| Error::internal("the deployment was not loaded"))
    }

    fn membership_mut(&mut self, node: NodeRecord) -> Result<&mut Option<Membership>> {
        match node {
            NodeRecord::Deployment(id) => Ok(&mut self.find_deployment(id)?.model.member),
            NodeRecord::Group(id) => Ok(&mut self.find_group(id)?.ok_or_else(lost_group)?.member),
        }
    }

    /// Has a node that was found deleted.
    pub(super) fn delete(&mut self, node: NodeRecord) {
        self.deleted.push(node);
    }

    fn is_deleted(&self, node: NodeRecord) -> bool {
        self.deleted.contains(&node)
    }

    /// Adds what changed to `batch`, and checks that what was looked at is as it was.
    pub(super) fn stage(&mut self, batch: &mut Batch) -> Result<()> {
        let now = self.now;
        self.stage_incidents(batch)?;
        let deleted = std::mem::take(&mut self.deleted);
        for loaded in self.deployments.values_mut() {
            let is_deleted = deleted.contains(&NodeRecord::Deployment(loaded.id));
            if let Some(version) = loaded.version.filter(|_| is_deleted) {
                batch.delete(Deployment::TABLE, loaded.id, version);
            } else if loaded.is_changed() {
                loaded.model.index(now);
                batch.put(loaded.id, loaded.expect(), &loaded.model)?;
            } else {
                batch.check(Deployment::TABLE, loaded.id, loaded.expect());
            }
        }
        for loaded in self.groups.values_mut() {
            let is_deleted = deleted.contains(&NodeRecord::Group(loaded.id));
            if let Some(version) = loaded.version.filter(|_| is_deleted) {
                batch.delete(SupervisionGroup::TABLE, loaded.id, version);
            } else if loaded.is_changed() {
                loaded.model.index(now);
                batch.put(loaded.id, loaded.expect(), &loaded.model)?;
            } else {
                batch.check(SupervisionGroup::TABLE, loaded.id, loaded.expect());
            }
        }
        self.deleted = deleted;
        Ok(())
    }

    /// Tells operators what was committed, which was about the deployment `about`, if it was about one.
    pub(super) fn tell(&self, span: &Entered, about: Option<RecordId>) {
        let mut decided = Decided::default();
        let kept = self.deployments.values().filter(|one| !self.is_deleted(NodeRecord::Deployment(one.id)));
        for loaded in kept {
            let Loaded { id, before, model, ended, .. } = loaded;
            let last = model.machine.incident().map_or(0, |last| last.number);
            ended.iter().filter(|ended| ended.number != last).for_each(Seen::tell_ended);
            let (before, after) =
                (before.as_ref().map(|before| Seen::of(&before.machine)), Seen::of(&model.machine));
            after.tell(before);
            decided.changed += u64::from(loaded.is_changed());
            if about == Some(*id) {
                decided.assistant = Some(after.change(before, &model.assistant));
            }
        }
        let changed = |loaded: &&Loaded<SupervisionGroup>| loaded.is_changed();
        for Loaded { before, model, .. } in self.groups.values().filter(changed) {
            tell_group(before.as_ref(), model);
            let around =
                model.member.as_ref().and_then(|member| self.groups.get(&self.group_id(&member.group)));
            if !around.is_some_and(Loaded::is_changed) {
                decided.group = Some(group_change(before.as_ref(), model));
            }
        }
        span.decided(&decided);
    }

    /// The records of the incidents that changed. The heads decide, and these tell of it: a host may have pruned one, and it
    /// is written anew.
    fn stage_incidents(&mut self, batch: &mut Batch) -> Result<()> {
        let mut changed = Vec::new();
        let kept = self.deployments.values().filter(|one| !self.is_deleted(NodeRecord::Deployment(one.id)));
        for loaded in kept {
            let before = loaded.before.as_ref().and_then(|before| before.machine.incident());
            let last = loaded.model.machine.incident().filter(|one| before != Some(*one));
            let number = last.map_or(0, |last| last.number);
            let ended = loaded.ended.iter().filter(|ended| ended.number != number);
            changed.extend(ended.chain(last).map(|incident| (loaded.id, incident.clone())));
        }
        let table = DeploymentRestart::TABLE;
        let read = |(deployment, incident): &(RecordId, Incident)| Read::Record {
            table,
            id: DeploymentRestart::record_id(deployment, incident),
        };
        let reads: Vec<_> = changed.iter().map(read).collect();
        let found = if reads.is_empty() { Vec::new() } else { self.supervisor.access.read_all(&reads)? };
        for ((deployment, incident), found) in changed.into_iter().zip(found) {
            let expect = access::record(found)?.map_or(Expect::Absent, |found| Expect::At(found.version));
            let model = self.deployment_mut(deployment)?;
            // That of the last incident, which comes last.
            model.incident_version = expect.next_version()?.get();
            let id = DeploymentRestart::record_id(&deployment, &incident);
            batch.put(id, expect, &DeploymentRestart::of(model, &incident))?;
        }
        Ok(())
    }

    /// The members of a group beyond `position` that one read finds, nearest first, at most `limit`.
    fn read_neighbours(
        &self,
        group: RecordId,
        position: u64,
        direction: Direction,
        limit: u32,
    ) -> Result<Neighbours> {
        let keys = match direction {
            Direction::Ascending => {
                (group::key(&group, position.saturating_add(1)), group::key(&group, u64::MAX))
            }
            Direction::Descending => (group::key(&group, 0), group::key(&group, position)),
        };
        let query = |table| {
            let query = Query::new(table).order_by("place", direction).keyed(&keys).limit(limit);
            self.supervisor.access.of_tenant(query)
        };
        let reads = [Read::Page(query(Deployment::TABLE)), Read::Page(query(SupervisionGroup::TABLE))];
        let [deployments, groups] = self.supervisor.access.read(reads)?;
        let mut found = Vec::new();
        for (records, node) in [
            (access::records(deployments)?, NodeRecord::Deployment as fn(RecordId) -> NodeRecord),
            (access::records(groups)?, NodeRecord::Group),
        ] {
            for record in records {
                found.push(Neighbour { node: node(record.id), at: position_of(&record, group)?, record });
            }
        }
        found.sort_unstable_by_key(|neighbour| match direction {
            Direction::Ascending => neighbour.at,
            Direction::Descending => u64::MAX - neighbour.at,
        });
        // Of the further ones the other table may hold nearer ones that were not read.
        let is_all = found.len() < limit as usize;
        found.truncate(limit as usize);
        Ok(Neighbours { group, direction, found, is_all })
    }

    /// The nearest member of a group beyond `position` in `direction` that can be read and, unless `rests` counts, may run.
    ///
    /// One whose record cannot be read is passed over: it stands still alone.
    fn neighbour(
        &mut self,
        group: RecordId,
        mut position: u64,
        direction: Direction,
        rests: bool,
    ) -> Result<Option<(NodeRecord, u64)>> {
        /// How many a sweep reads at once; a single step reads one.
        const TOGETHER: u32 = 64;

        let mut limit = 1;
        loop {
            let known = self.neighbours.take().filter(|it| (it.group, it.direction) == (group, direction));
            let neighbours = match known {
                Some(known) if known.is_all || known.beyond(position).next().is_some() => known,
                known => {
                    limit = if known.is_some() { TOGETHER } else { limit };
                    self.read_neighbours(group, position, direction, limit)?
                }
            };
            let (mut nearest, mut last) = (None, None);
            for neighbour in neighbours.beyond(position) {
                last = Some(neighbour.at);
                if self.counts(neighbour, group, rests)? {
                    nearest = Some((neighbour.node, neighbour.at));
                    break;
                }
            }
            let is_all = neighbours.is_all;
            self.neighbours = Some(neighbours);
            match (nearest, last) {
                (None, Some(last)) if !is_all => position = last,
                (nearest, _) => return Ok(nearest),
            }
        }
    }

    /// Whether a neighbour is one that the decision has to look at, in which case it is taken in.
    fn counts(&mut self, neighbour: &Neighbour, group: RecordId, rests: bool) -> Result<bool> {
        let NodeRecord::Deployment(id) = neighbour.node else {
            return Ok(self.is_member(neighbour.node, group));
        };
        if let Some(loaded) = self.deployments.get(&id) {
            let may_run = !is_down_for_good(loaded.model.machine.state().name());
            return Ok((rests || may_run) && self.is_member(neighbour.node, group));
        }
        let Ok(model) = readable(&neighbour.record) else { return Ok(false) };
        if !rests && is_down_for_good(model.state) {
            // Whoever starts it reads its group, so that this decision and that one do not go past each other.
            return Ok(false);
        }
        self.check_present(model.updated_at)?;
        self.set(id, Some(neighbour.record.version), Some(model.clone()), model);
        Ok(true)
    }

    /// Whether a node that the store holds as a member of `group` still is one, after what was decided so far.
    fn is_member(&self, node: NodeRecord, group: RecordId) -> bool {
        let membership = match node {
            NodeRecord::Deployment(id) => {
                self.deployments.get(&id).map(|loaded| loaded.model.member.as_ref())
            }
            NodeRecord::Group(id) => self.groups.get(&id).map(|loaded| loaded.model.member.as_ref()),
        };
        membership.is_none_or(|member| member.is_some_and(|member| self.group_id(&member.group) == group))
    }
}

impl Nodes for StoredNodes<'_> {
    type Id = NodeRecord;
    type Error = Error;

    fn member(&mut self, id: NodeRecord) -> Result<Option<Member<'_>>> {
        let NodeRecord::Deployment(id) = id else { return Ok(None) };
        let loaded = self.find_deployment(id)?;
        loaded.keep_ended();
        let Loaded { id, model, .. } = loaded;
        let is_member = model.member.is_some();
        Ok(Some(Member { id, spec: &model.spec, machine: &mut model.machine, is_member }))
    }

    fn group(&mut self, id: NodeRecord) -> Result<(&GroupPolicyOptions, &mut Group)> {
        let NodeRecord::Group(id) = id else { return Err(Error::internal("a deployment is no group")) };
        let group = self.find_group(id)?.ok_or_else(lost_group)?;
        Ok((group.policy.options(), &mut group.machine))
    }

    fn place(&mut self, id: NodeRecord) -> Result<Option<Place<NodeRecord>>> {
        let (member, class) = match id {
            NodeRecord::Deployment(id) => {
                let deployment = &self.find_deployment(id)?.model;
                (deployment.member.clone(), deployment.spec.policy.options().exits.restart)
            }
            NodeRecord::Group(id) => {
                let group = self.find_group(id)?.ok_or_else(lost_group)?;
                (group.member.clone(), group.policy.options().restart)
            }
        };
        Ok(member.map(|member| member.place(NodeRecord::Group(self.group_id(&member.group)), class)))
    }

    fn set_active(&mut self, id: NodeRecord, is_active: bool) -> Result<()> {
        if let Some(member) = self.membership_mut(id)? {
            member.is_active = is_active;
        }
        Ok(())
    }

    fn detach(&mut self, id: NodeRecord) -> Result<()> {
        *self.membership_mut(id)? = None;
        Ok(())
    }

    fn before(&mut self, group: NodeRecord, position: u64) -> Result<Option<(NodeRecord, u64)>> {
        let NodeRecord::Group(group) = group else { return Ok(None) };
        self.neighbour(group, position, Direction::Descending, true)
    }

    fn running_before(&mut self, group: NodeRecord, position: u64) -> Result<Option<(NodeRecord, u64)>> {
        let NodeRecord::Group(group) = group else { return Ok(None) };
        self.neighbour(group, position, Direction::Descending, false)
    }

    fn after(&mut self, group: NodeRecord, position: u64) -> Result<Option<(NodeRecord, u64)>> {
        let NodeRecord::Group(group) = group else { return Ok(None) };
        self.neighbour(group, position, Direction::Ascending, true)
    }
}

impl Neighbours {
    /// Those that lie further than `position`, nearest first.
    fn beyond(&self, position: u64) -> impl Iterator<Item = &Neighbour> {
        self.found.iter().filter(move |neighbour| match self.direction {
            Direction::Ascending => neighbour.at > position,
            Direction::Descending => neighbour.at < position,
        })
    }
}

/// Whether a group that stops its members has nothing to do for one in that state.
const fn is_down_for_good(state: StateName) -> bool {
    matches!(state, StateName::Stopped | StateName::Completed)
}

/// The position that a record's place names.
fn position_of(record: &Record, group: RecordId) -> Result<u64> {
    let place = record.body.get("place").and_then(Value::as_str).unwrap_or_default();
    let position = place.strip_prefix(&format!("{group}/")).and_then(|hex| u64::from_str_radix(hex, 16).ok());
    position.ok_or_else(|| Error::corrupt(format!("record {} has the unknown place {place:?}", record.id)))
}

fn lost_group() -> Error {
    Error::corrupt("a group that holds members has no record")
}
