//! The nodes of a supervision tree as they are stored: read when a decision asks for them, written when it is made.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Supervisor, readable};
use crate::error::{Error, Result};
use crate::observe::{Decided, Entered};
use crate::restart::group::{self, Member, Nodes, Place, no_group};
use crate::restart::observation::{Seen, group_change, tell_group};
use crate::restart::{
    Deployment, DeploymentRestart, Group, GroupPolicyOptions, Incident, Membership, SupervisionGroup,
};
use crate::store::access;
use crate::store::{Batch, Direction, Expect, Model, Query, Read, Record};
use crate::types::{GroupId, RecordId, Timestamp, Version};

/// The nodes that a decision looked at, and what it made of them.
pub(super) struct StoredNodes<'a> {
    supervisor: &'a Supervisor,
    deployments: BTreeMap<RecordId, Loaded<Deployment>>,
    groups: BTreeMap<RecordId, Loaded<SupervisionGroup>>,
    /// The groups that are to be deleted.
    deleted: Vec<RecordId>,
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
    pub(super) const fn new(supervisor: &'a Supervisor) -> Self {
        Self { supervisor, deployments: BTreeMap::new(), groups: BTreeMap::new(), deleted: Vec::new() }
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

    pub(super) fn group_id(&self, group: &GroupId) -> RecordId {
        SupervisionGroup::record_id(self.supervisor.access.tenant(), &self.supervisor.supervisor, group)
    }

    pub(super) fn find_group(&mut self, id: RecordId) -> Result<Option<&mut SupervisionGroup>> {
        if !self.groups.contains_key(&id) {
            let Some(stored) = self.supervisor.access.record::<SupervisionGroup>(id)? else {
                return Ok(None);
            };
            let model = stored.model.found_at(id)?;
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

    /// Has a group that was found deleted.
    pub(super) fn delete_group(&mut self, id: RecordId) {
        self.deleted.push(id);
    }

    /// Adds what changed to `batch`, and checks that what was looked at is as it was.
    pub(super) fn stage(&mut self, batch: &mut Batch, now: Timestamp) -> Result<()> {
        self.stage_incidents(batch)?;
        for loaded in self.deployments.values_mut() {
            if loaded.is_changed() {
                loaded.model.index(now);
                batch.put(loaded.id, loaded.expect(), &loaded.model)?;
            } else {
                batch.check(Deployment::TABLE, loaded.id, loaded.expect());
            }
        }
        for loaded in self.groups.values_mut() {
            if let Some(version) = loaded.version.filter(|_| self.deleted.contains(&loaded.id)) {
                batch.delete(SupervisionGroup::TABLE, loaded.id, version);
            } else if loaded.is_changed() {
                loaded.model.index(now);
                batch.put(loaded.id, loaded.expect(), &loaded.model)?;
            } else {
                batch.check(SupervisionGroup::TABLE, loaded.id, loaded.expect());
            }
        }
        Ok(())
    }

    /// Tells operators what was committed, which was about the deployment `about`, if it was about one.
    pub(super) fn tell(&self, span: &Entered, about: Option<RecordId>) {
        let mut decided = Decided::default();
        for loaded in self.deployments.values() {
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
        for loaded in self.deployments.values() {
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

    /// The member of a group whose key lies in a range, the first in `direction`.
    fn neighbour(
        &mut self,
        group: RecordId,
        keys: (String, String),
        direction: Direction,
    ) -> Result<Option<(NodeRecord, u64)>> {
        let query = |table| {
            let query = Query::new(table).order_by("place", direction).keyed(&keys).limit(1);
            self.supervisor.access.of_tenant(query)
        };
        let reads = [Read::Page(query(Deployment::TABLE)), Read::Page(query(SupervisionGroup::TABLE))];
        let [deployments, groups] = self.supervisor.access.read(reads)?;
        let mut nearest = None;
        for (records, node) in [
            (access::records(deployments)?, NodeRecord::Deployment as fn(RecordId) -> NodeRecord),
            (access::records(groups)?, NodeRecord::Group),
        ] {
            let Some(record) = records.first() else { continue };
            let found = (node(record.id), position_of(record, group)?);
            let is_nearer = |(_, nearest): (NodeRecord, u64)| match direction {
                Direction::Ascending => found.1 < nearest,
                Direction::Descending => found.1 > nearest,
            };
            if nearest.is_none_or(is_nearer) {
                nearest = Some(found);
            }
        }
        Ok(nearest)
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

    fn before(&mut self, group: NodeRecord, mut position: u64) -> Result<Option<(NodeRecord, u64)>> {
        let NodeRecord::Group(group) = group else { return Ok(None) };
        loop {
            let range = (group::key(&group, 0), group::key(&group, position));
            let found = self.neighbour(group, range, Direction::Descending)?;
            match found {
                Some((node, at)) if !self.is_member(node, group) => position = at,
                found => return Ok(found),
            }
        }
    }

    fn after(&mut self, group: NodeRecord, mut position: u64) -> Result<Option<(NodeRecord, u64)>> {
        let NodeRecord::Group(group) = group else { return Ok(None) };
        loop {
            let range = (group::key(&group, position.saturating_add(1)), group::key(&group, u64::MAX));
            let found = self.neighbour(group, range, Direction::Ascending)?;
            match found {
                Some((node, at)) if !self.is_member(node, group) => position = at,
                found => return Ok(found),
            }
        }
    }
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
