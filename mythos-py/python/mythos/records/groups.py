"""Where a supervision group stands, and who its members are."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NotRequired, TypeAlias, TypedDict

from .deployments import StateName
from .policies import GroupPolicy, Membership

__all__ = [
    "DeploymentNode",
    "Group",
    "GroupCause",
    "GroupDecision",
    "GroupEnd",
    "GroupEnded",
    "GroupEnding",
    "GroupMember",
    "GroupNode",
    "GroupStarting",
    "GroupState",
    "GroupStateName",
    "GroupStopping",
    "GroupUp",
    "MemberNode",
    "SupervisionGroup",
    "SupervisionTotals",
]

GroupStateName: TypeAlias = Literal["up", "stopping", "starting", "ending", "ended"]
"""The name of a `GroupState`."""

GroupEnd: TypeAlias = Literal["window_exceeded", "member_given_up", "auto_shutdown", "requested", "parent"]
"""Why a group ended.

Its members needed more restarts than its window allows, one that was to be restarted was given up, its significant members
ended, it was stopped by request, or the group that holds it stopped it.
"""


class GroupUp(TypedDict):
    """Its members are started; one that restarts alone does not change that."""

    kind: Literal["up"]
    since: datetime


class GroupStopping(TypedDict):
    """It stops members in order to start them again: from the position `at`, above which they are down, to `floor`."""

    kind: Literal["stopping"]
    floor: int
    at: int


class GroupStarting(TypedDict):
    """It starts members: the one at the position `at`, above which they are down."""

    kind: Literal["starting"]
    at: int


class GroupEnding(TypedDict):
    """It stops all members for good: those from the position `at` were asked, of which `in_flight` are not down."""

    kind: Literal["ending"]
    why: GroupEnd
    at: int
    in_flight: int


class GroupEnded(TypedDict):
    """Its members are down."""

    kind: Literal["ended"]
    why: GroupEnd
    since: datetime


GroupState: TypeAlias = GroupUp | GroupStopping | GroupStarting | GroupEnding | GroupEnded
"""Where a group stands."""


class GroupCause(TypedDict):
    """Why a group starts and stops its members."""

    reason: str
    operation: str
    """The operation that reported it."""


class Group(TypedDict):
    """The machine of one group: its state, and what its next decisions depend on."""

    state: GroupState
    cause: GroupCause | None
    """Why it last began to restart members, or to end."""
    ended_by: NotRequired[int]
    """The position of the member that it ended because of, if one was."""
    history: list[datetime]
    """The restarts that count for the window."""
    last_position: int
    members: int
    groups: int
    """How many of the members are groups."""
    significant: int
    """How many of the members are significant."""
    active_significant: int
    """How many significant members have not ended."""


class SupervisionTotals(TypedDict):
    """How the deployments of a supervisor are, all together; those whose records cannot be read count nowhere."""

    deployments: int
    incidents: int
    """How many of them have an open incident."""
    pending: int
    """How many effects wait for an answer."""


class SupervisionGroup(TypedDict):
    """A group as it stands. `member` says how it is a member of the group that holds it, if one does."""

    format: int
    tenant: str
    supervisor: str
    group: str
    state: GroupStateName
    place: str | None
    member: Membership | None
    policy: GroupPolicy
    machine: Group
    created_at: datetime
    updated_at: datetime


class DeploymentNode(TypedDict):
    """A member that is a deployment."""

    kind: Literal["deployment"]
    assistant: str
    state: StateName


class GroupNode(TypedDict):
    """A member that is a group."""

    kind: Literal["group"]
    group: str
    state: GroupStateName


MemberNode: TypeAlias = DeploymentNode | GroupNode
"""What a member of a group is."""


class GroupMember(TypedDict):
    """A member of a group, as it is listed."""

    position: int
    node: MemberNode
    membership: Membership


class GroupDecision(TypedDict):
    """What was decided about a group; `members` is how many it has."""

    group: str
    changed: bool
    state: GroupState
    members: int
    decided_at: datetime
