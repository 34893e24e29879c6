use serde::{Deserialize, Serialize};

use super::machine::{Group, Place};
use super::policy::{GroupPolicy, Shutdown};
use super::{GroupState, GroupStateName};
use crate::error::{Error, Result};
use crate::restart::{Deployment, RestartClass, StateName};
use crate::store::{Field, FieldKind, Filter, Model, Query, Scalar, Schema, Table};
use crate::types::{AssistantId, DomainHasher, GroupId, RecordId, SupervisorId, TenantId, Timestamp};

/// A group as it stands: the head record that every decision about its members replaces, as far as it concerns the group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SupervisionGroup {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose group it is.
    pub tenant: TenantId,
    /// Who supervises it.
    pub supervisor: SupervisorId,
    /// The group.
    pub group: GroupId,
    /// The name of the machine's state.
    pub state: GroupStateName,
    /// Where it stands among the members of the group that holds it, as [`Deployment::place`](super::super::Deployment::place).
    pub place: Option<String>,
    /// How it is a member of the group that holds it.
    pub member: Option<Membership>,
    /// How it brings its members back.
    pub policy: GroupPolicy,
    /// The machine.
    pub machine: Group,
    /// When it was made.
    pub created_at: Timestamp,
    /// When anything was decided about it last.
    pub updated_at: Timestamp,
}

/// How a deployment or a group is a member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// The group.
    pub group: GroupId,
    /// Its position, counted from 1 in the order in which members were added.
    pub position: u64,
    /// Whether its end can end the group.
    pub is_significant: bool,
    /// Whether it has not ended by itself, and nobody stopped it.
    pub is_active: bool,
    /// How the group stops it.
    pub shutdown: Shutdown,
}

/// A member of a group, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMember {
    /// Its position.
    pub position: u64,
    /// Who it is, and where it stands.
    pub node: MemberNode,
    /// How it is a member.
    pub membership: Membership,
}

/// What a member of a group is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MemberNode {
    /// A deployment.
    Deployment {
        /// Of which assistant.
        assistant: AssistantId,
        /// Its state.
        state: StateName,
    },
    /// A group.
    Group {
        /// Which.
        group: GroupId,
        /// Its state.
        state: GroupStateName,
    },
}

/// What was decided about a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupDecision {
    /// The group.
    pub group: GroupId,
    /// Whether anything changed. What comes twice changes nothing.
    pub changed: bool,
    /// Where it stands after it.
    pub state: GroupState,
    /// How many members it has.
    pub members: u64,
    /// When it was decided.
    pub decided_at: Timestamp,
}

impl Model for SupervisionGroup {
    const TABLE: Table = Table::new(&Schema {
        name: "supervision_groups",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("supervisor", FieldKind::Text),
            Field::new("group", FieldKind::Text),
            Field::new("state", FieldKind::Text),
            Field::new("place", FieldKind::Text),
            Field::new("updated_at", FieldKind::Text),
        ],
        indexes: &[
            &["tenant", "supervisor", "group"],
            &["tenant", "state", "group"],
            &["tenant", "place"],
            &["tenant", "updated_at"],
        ],
        owns_cells: false,
    });
}

impl SupervisionGroup {
    pub(in crate::restart) const FORMAT: u32 = 1;

    /// The id of the record of a group: as [`Deployment::record_id`](super::super::Deployment::record_id), context
    /// `mythos 2026 supervision group v1`, over tenant, supervisor and group.
    pub(in crate::restart) fn record_id(
        tenant: &TenantId,
        supervisor: &SupervisorId,
        group: &GroupId,
    ) -> RecordId {
        DomainHasher::new("mythos 2026 supervision group v1")
            .field(tenant.as_str().as_bytes())
            .field(supervisor.as_str().as_bytes())
            .field(group.as_str().as_bytes())
            .finish()
            .into()
    }

    pub(in crate::restart) fn id(&self) -> RecordId {
        Self::record_id(&self.tenant, &self.supervisor, &self.group)
    }

    /// Refuses a group of another format, or one whose record is not the one that its names lead to.
    pub(in crate::restart) fn found_at(self, id: RecordId) -> Result<Self> {
        if self.format != Self::FORMAT {
            let message = format!("group {} has the unknown format {}", self.group, self.format);
            return Err(Error::corrupt(message));
        }
        if self.id() != id {
            let message = format!("record {id} holds group {}, which belongs elsewhere", self.group);
            return Err(Error::corrupt(message));
        }
        Ok(self)
    }

    /// Brings the fields that are listed by up to date with the machine.
    pub(in crate::restart) fn index(&mut self, now: Timestamp) {
        self.state = self.machine.state().name();
        self.place = self.member.as_ref().map(|member| member.key(&self.tenant, &self.supervisor));
        self.updated_at = now.max(self.updated_at);
    }

    pub(in crate::restart) fn decision(&self, changed: bool, now: Timestamp) -> GroupDecision {
        GroupDecision {
            group: self.group.clone(),
            changed,
            state: *self.machine.state(),
            members: self.machine.members(),
            decided_at: now,
        }
    }
}

impl Membership {
    /// By what a member is found among the others: the record of its group in hexadecimal, and its position in 16
    /// hexadecimal digits.
    pub(in crate::restart) fn key(&self, tenant: &TenantId, supervisor: &SupervisorId) -> String {
        key(&SupervisionGroup::record_id(tenant, supervisor, &self.group), self.position)
    }

    pub(in crate::restart) const fn place<Id>(&self, group: Id, class: RestartClass) -> Place<Id> {
        Place {
            group,
            position: self.position,
            is_significant: self.is_significant,
            is_active: self.is_active,
            shutdown: self.shutdown,
            class,
        }
    }
}

impl GroupMember {
    pub(in crate::restart) fn of_deployment(deployment: Deployment) -> Option<Self> {
        let Deployment { assistant, state, member, .. } = deployment;
        Self::of(MemberNode::Deployment { assistant, state }, member)
    }

    pub(in crate::restart) fn of_group(group: SupervisionGroup) -> Option<Self> {
        let SupervisionGroup { group, state, member, .. } = group;
        Self::of(MemberNode::Group { group, state }, member)
    }

    fn of(node: MemberNode, membership: Option<Membership>) -> Option<Self> {
        membership.map(|membership| Self { position: membership.position, node, membership })
    }
}

pub(in crate::restart) fn no_group(group: &GroupId) -> Error {
    Error::not_found(format!("this supervisor has no group {group}")).with_field("group")
}

impl Query {
    /// Those whose place lies between two keys.
    pub(in crate::restart) fn keyed(self, (min, below): &(String, String)) -> Self {
        let (min, below) = (Some(Scalar::Text(min.clone())), Some(Scalar::Text(below.clone())));
        self.filter(Filter::Range { field: "place".to_owned(), min, below })
    }
}

/// The key of a position in a group; those of one group follow each other in the order of the positions.
pub(in crate::restart) fn key(group: &RecordId, position: u64) -> String {
    format!("{group}/{position:016x}")
}
