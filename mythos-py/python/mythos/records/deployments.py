"""Where a deployment stands, and what happened to it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NotRequired, TypeAlias, TypedDict

from .codices import ClauseChange
from .policies import DeploymentSpec, FallbackStep, Membership

__all__ = [
    "Aligning",
    "Alignment",
    "AwaitingOperator",
    "BackingOff",
    "Completed",
    "Decision",
    "Deployment",
    "DeploymentRestart",
    "Ending",
    "FailedLaunches",
    "FailedResult",
    "FailureKind",
    "GiveUp",
    "GivenUp",
    "Incident",
    "Machine",
    "MisalignedQuestion",
    "MythpathReady",
    "PathExhaustedQuestion",
    "PendingEffect",
    "PlainResult",
    "Question",
    "RestoredEntry",
    "Restoring",
    "Running",
    "State",
    "StateName",
    "StepResult",
    "StepTaken",
    "StepTimer",
    "Stop",
    "Stopped",
    "Stopping",
    "Suspicion",
    "Verifying",
    "Visit",
    "Waiting",
]

StateName: TypeAlias = Literal[
    "running",
    "failed",
    "backing_off",
    "restoring",
    "aligning",
    "awaiting_operator",
    "verifying",
    "mythpath_ready",
    "given_up",
    "stopping",
    "waiting",
    "completed",
    "stopped",
]
"""The name of a `State`, and of `failed`, which a deployment passes through without resting in it."""

FailureKind: TypeAlias = Literal[
    "crashed", "stalled", "unhealthy", "unresponsive", "unready", "requested", "ended", "group"
]
"""What kind of failure was reported.

`requested`, `ended` and `group` are none that a host reports: a restart was asked for, the assistant ended though its policy
keeps it running, or its group stopped or started it.
"""

GiveUp: TypeAlias = Literal[
    "window_exceeded",
    "path_exhausted",
    "declined",
    "retries_exhausted",
    "deadline_exceeded",
    "not_restarted",
    "group_window_exceeded",
    "group_ended",
]
"""Why a deployment was given up.

`group_window_exceeded`: the restarts of all members of its group together were more than the group's window allows.
`group_ended`: its group had ended before.
"""

Ending: TypeAlias = Literal["ready", "given_up", "stopped", "redeployed", "completed"]
"""How an incident ended."""


class RestoredEntry(TypedDict):
    """A checkpoint whose bytes were restored and verified."""

    entry: str
    ritual: str
    sequence: int
    symbolic_signature_hash: str
    substitute: NotRequired[str]
    """The assistant that it is of, if that is a substitute for the deployment's own."""
    codex: str | None
    codex_root: str | None


class Alignment(TypedDict):
    """How a restored entry compares with the codex in force: the same if the two roots are.

    `since` is the position of the last event of the codex's log that left the entry's root, and `changes` are the clauses
    that differ since, at most 100, with `more_changes` besides; without any, the keys are not there. `is_compatible` says
    whether the log leads from the entry's root to the proven one, and no clause was replaced or removed.
    """

    codex: str
    proven_root: str
    entry_root: str | None
    since: NotRequired[int]
    changes: NotRequired[list[ClauseChange]]
    more_changes: NotRequired[int]
    is_compatible: bool
    is_audited: NotRequired[bool]
    """Whether the log leads there, and every event since that changes what a clause says names evidence; else not there."""
    is_older_codex: NotRequired[bool]
    """Whether the assistant resumes under the entry's root, and not under the one in force."""


class MisalignedQuestion(TypedDict):
    """May the assistant resume under the codex in force? Declined, the next step of the path is taken."""

    kind: Literal["misaligned"]
    step: int
    older_than: int | None
    entry: RestoredEntry
    alignment: Alignment


class PathExhaustedQuestion(TypedDict):
    """Try the whole path once more? Declined, the deployment is given up."""

    kind: Literal["path_exhausted"]


Question: TypeAlias = MisalignedQuestion | PathExhaustedQuestion
"""What an operator is asked."""


class Running(TypedDict):
    """The host deployed the assistant, and it has not failed since."""

    kind: Literal["running"]
    since: datetime


class BackingOff(TypedDict):
    """It failed; a restart follows when the timer fires."""

    kind: Literal["backing_off"]
    set_at: datetime
    until: datetime
    generation: int


class Restoring(TypedDict):
    """An entry is to be restored and verified; step 0 is the newest entry."""

    kind: Literal["restoring"]
    step: int
    older_than: int | None


class Aligning(TypedDict):
    """The restored entry is to be compared with the codex in force."""

    kind: Literal["aligning"]
    step: int
    older_than: int | None
    entry: RestoredEntry


class AwaitingOperator(TypedDict):
    """An operator was asked."""

    kind: Literal["awaiting_operator"]
    question: Question


class Verifying(TypedDict):
    """The host launches the assistant from the restored entry and probes its readiness, until the deadline."""

    kind: Literal["verifying"]
    entry: RestoredEntry
    alignment: Alignment | None
    set_at: datetime
    deadline: datetime
    generation: int


class MythpathReady(TypedDict):
    """Restored from a verified entry, aligned, probed, and not failed since."""

    kind: Literal["mythpath_ready"]
    entry: RestoredEntry
    alignment: Alignment | None
    since: datetime


class GivenUp(TypedDict):
    """No restart follows until someone asks for one."""

    kind: Literal["given_up"]
    why: GiveUp


class Stop(TypedDict):
    """How a deployment is stopped."""

    delay_ms: int
    """How long its next start is delayed."""
    is_killed: bool
    for_good: bool
    """Whether it rests then, or waits for its group to start it."""
    is_requested: bool
    """Whether someone asked for that, so that it stays down until someone asks for it."""
    given_up: GiveUp | None
    """Why it had been given up, if it had."""
    is_known: bool
    """Whether an operator knows of that."""


class Stopping(TypedDict):
    """Its group stops it, or someone asked for that; the host ends it.

    Past the deadline it is killed; there is none if it may take as long as it takes, or is killed already.
    """

    kind: Literal["stopping"]
    stop: Stop
    deadline: datetime | None
    set_at: datetime
    generation: int


class Waiting(TypedDict):
    """Down, until its group starts it."""

    kind: Literal["waiting"]
    delay_ms: int


class Completed(TypedDict):
    """It ended as it may, and its policy lets it rest."""

    kind: Literal["completed"]
    since: datetime


class Stopped(TypedDict):
    """Stopped by request."""

    kind: Literal["stopped"]


State: TypeAlias = (
    Running
    | BackingOff
    | Restoring
    | Aligning
    | AwaitingOperator
    | Verifying
    | MythpathReady
    | GivenUp
    | Stopping
    | Waiting
    | Completed
    | Stopped
)
"""Where a deployment stands."""


class PlainResult(TypedDict):
    """What came of a step, where there is nothing more to say."""

    kind: Literal[
        "underway",
        "interrupted",
        "passed_over",
        "misaligned",
        "timed_out",
        "ready",
        "completed",
        "approved",
        "declined",
    ]


class FailedResult(TypedDict):
    """Why a step failed."""

    kind: Literal["not_restored", "not_aligned", "not_ready"]
    reason: str


StepResult: TypeAlias = PlainResult | FailedResult
"""What came of a step."""


class StepTaken(TypedDict):
    """One step of the path that was tried, in the beginning of the path number `restart`."""

    restart: int
    step: FallbackStep
    entry: RestoredEntry | None
    result: StepResult


class Visit(TypedDict):
    """A state that was passed through, and when it was entered."""

    state: StateName
    at: datetime


class Incident(TypedDict):
    """What happened to a deployment from a failure until it was ready again, given up, stopped or deployed anew."""

    number: int
    kind: FailureKind
    reason: str
    operation: str
    opened_at: datetime
    restarts: int
    waited_ms: int
    steps: list[StepTaken]
    path: list[Visit]
    left_out: int
    entry: RestoredEntry | None
    alignment: Alignment | None
    ending: Ending | None
    ended_at: datetime | None


class PendingEffect(TypedDict):
    """An effect that waits for its answer."""

    number: int
    issued_at: datetime


class FailedLaunches(TypedDict):
    """How often launches from an entry failed, under the root of the codex that `root` names if they had one."""

    entry: str
    root: NotRequired[str]
    count: int


class StepTimer(TypedDict):
    """A timer beside that of the state."""

    deadline: datetime
    set_at: datetime
    generation: int


class Machine(TypedDict):
    """The machine of one deployment: its state, and what its next decisions depend on."""

    state: State
    incident: Incident | None
    run: int
    generation: int
    effects: int
    pending: PendingEffect | None
    history: list[datetime]
    attempts: int
    failed_launches: list[FailedLaunches]
    delay_ms: int
    failed_at: datetime | None
    begun_at: datetime | None
    step_timer: StepTimer | None
    """That of the step of the path that is underway, or of a question to an operator."""
    is_gone: bool
    """Whether it is known that nothing of the assistant runs."""
    was_up: bool
    """Whether it was up since it was deployed or joined its group."""
    notice: NotRequired[GiveUp]
    """What an operator is still to be told of although the deployment does not stand there any more."""


class Deployment(TypedDict):
    """A deployment as it stands. `place` and `member` are there if it is a member of a group."""

    format: int
    tenant: str
    supervisor: str
    assistant: str
    state: StateName
    timer_at: datetime | None
    timer_set_at: datetime | None
    effect_at: datetime | None
    place: NotRequired[str]
    """By what it is found among the members of its group."""
    member: NotRequired[Membership]
    spec: DeploymentSpec
    machine: Machine
    incident_version: int
    created_at: datetime
    updated_at: datetime


class DeploymentRestart(TypedDict):
    """One incident of a deployment, as it is listed. `last_known_state` and `symbolic_fallback_path` are text."""

    format: int
    tenant: str
    supervisor: str
    assistant: str
    incident: int
    last_known_state: str
    symbolic_fallback_path: str
    restart_trigger_reason: str
    successful_redeploy_flag: bool
    created_at: datetime
    failure_kind: FailureKind
    restarts: int
    waited_ms: int
    steps: list[StepTaken]
    path: list[Visit]
    left_out: int
    entry: RestoredEntry | None
    alignment: Alignment | None
    ending: Ending | None
    ended_at: datetime | None
    ready_at: datetime | None
    operation: str


class Decision(TypedDict):
    """What was decided about a deployment; `effect` is the one that is pending after it."""

    assistant: str
    changed: bool
    state: State
    run: int
    incident: int
    effect: str | None
    decided_at: datetime


class Suspicion(TypedDict):
    """An assistant whose heartbeats stay out: a failure to report, as `unresponsive`."""

    assistant: str
    run: int
    """The run of it that the heartbeats came from."""
    phi: float
    """How strongly it is suspected: from the policy's threshold to 300."""
    last_heartbeat_at: datetime
    suspected_at: datetime
    """From when on it is suspected."""
    reason: str
    """The same in words."""
