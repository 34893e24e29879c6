use serde::{Deserialize, Serialize};

use super::policy::{GroupPolicy, Shutdown};
use crate::restart::{DeploymentSpec, Reason};
use crate::types::{AssistantId, GroupId, OperationId};

/// A group is to be made, or its policy replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateGroup {
    /// The group.
    pub group: GroupId,
    /// How it brings its members back.
    #[serde(default)]
    pub policy: GroupPolicy,
    /// The group that holds it, if one does. A group that exists already stays where it is.
    #[serde(default)]
    pub within: Option<GroupId>,
    /// Whether its end can end the group that holds it.
    #[serde(default)]
    pub is_significant: bool,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl CreateGroup {
    /// A group that no other holds, under a new operation.
    #[must_use]
    pub const fn new(group: GroupId, policy: GroupPolicy) -> Self {
        Self { group, policy, within: None, is_significant: false, operation: None }
    }

    /// Held by another group.
    #[must_use]
    pub fn within(mut self, group: GroupId) -> Self {
        self.within = Some(group);
        self
    }
}

/// An assistant is to be a member of a group, behind all others, and to be started by its group unless it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartChild {
    /// The group.
    pub group: GroupId,
    /// The assistant.
    pub assistant: AssistantId,
    /// What it is restored to, and how.
    pub spec: DeploymentSpec,
    /// Whether its end can end the group.
    #[serde(default)]
    pub is_significant: bool,
    /// How the group stops it.
    #[serde(default)]
    pub shutdown: Shutdown,
    /// Whether the host launched it already; otherwise the group starts it, from the newest entry of its ritual.
    #[serde(default)]
    pub is_running: bool,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl StartChild {
    /// A member that the group starts, under a new operation.
    #[must_use]
    pub fn new(group: GroupId, assistant: AssistantId, spec: DeploymentSpec) -> Self {
        let (is_significant, shutdown, is_running) = (false, Shutdown::default(), false);
        Self { group, assistant, spec, is_significant, shutdown, is_running, operation: None }
    }

    /// One that the host launched already.
    #[must_use]
    pub const fn running(mut self) -> Self {
        self.is_running = true;
        self
    }
}

/// A member of a group that is down is to be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartChild {
    /// The assistant.
    pub assistant: AssistantId,
    /// Why.
    pub reason: Reason,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl RestartChild {
    /// A start under a new operation.
    #[must_use]
    pub const fn new(assistant: AssistantId, reason: Reason) -> Self {
        Self { assistant, reason, operation: None }
    }
}

/// A member of a group that is down is to be no member any more; its deployment stays, at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteChild {
    /// The assistant.
    pub assistant: AssistantId,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl DeleteChild {
    /// A deletion under a new operation.
    #[must_use]
    pub const fn new(assistant: AssistantId) -> Self {
        Self { assistant, operation: None }
    }
}

/// All members of a group are to be started in order, or stopped for good in reverse order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeGroup {
    /// The group.
    pub group: GroupId,
    /// Why.
    pub reason: Reason,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl ChangeGroup {
    /// A change under a new operation.
    #[must_use]
    pub const fn new(group: GroupId, reason: Reason) -> Self {
        Self { group, reason, operation: None }
    }
}
