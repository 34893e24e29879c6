"""What a `Supervisor` hands out to be carried out, and how it is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NotRequired, TypeAlias, TypedDict

from .deployments import Alignment, Decision, GiveUp, RestoredEntry
from .rituals import RestoredRitual

__all__ = [
    "Action",
    "AlignAction",
    "CarriedOut",
    "Effect",
    "EscalateAction",
    "Escalation",
    "GivenUpEscalation",
    "KillAction",
    "LatestEntry",
    "MisalignedEscalation",
    "NotReady",
    "OlderThan",
    "Outcome",
    "PathExhaustedEscalation",
    "PlainOutcome",
    "ProbeAction",
    "RestoreAction",
    "StopAction",
    "Which",
]


class LatestEntry(TypedDict):
    """The newest entry."""

    kind: Literal["latest"]


class OlderThan(TypedDict):
    """The newest verifiable entry older than another; `None` stands for the newest."""

    kind: Literal["older_than"]
    sequence: int | None


Which: TypeAlias = LatestEntry | OlderThan
"""Which entry of a ritual to restore."""


class MisalignedEscalation(TypedDict):
    """A question: may the assistant resume from `entry` under the codex in force, which is another?"""

    kind: Literal["misaligned"]
    entry: RestoredEntry
    alignment: Alignment


class PathExhaustedEscalation(TypedDict):
    """A question: every step of the path failed; try again, now that something was mended?"""

    kind: Literal["path_exhausted"]


class GivenUpEscalation(TypedDict):
    """A notice: the deployment was given up."""

    kind: Literal["given_up"]
    why: GiveUp


Escalation: TypeAlias = MisalignedEscalation | PathExhaustedEscalation | GivenUpEscalation
"""What an operator is told."""


class RestoreAction(TypedDict):
    """Restore an entry of `ritual` and verify its bytes: `Supervisor.carry_out` does it."""

    kind: Literal["restore"]
    substitute: NotRequired[str]
    """The assistant whose ritual it is, if it is a substitute for the deployment's own."""
    ritual: str
    which: Which


class AlignAction(TypedDict):
    """Prove the codex and compare its root with the entry's: `Supervisor.carry_out` does it."""

    kind: Literal["align"]
    codex: str
    entry: RestoredEntry


class ProbeAction(TypedDict):
    """End whatever still runs of the assistant, launch it from `entry`, and probe its readiness.

    Answered by the host with `ready` or `not_ready`; past the deadline the launch counts as failed.
    """

    kind: Literal["probe"]
    entry: RestoredEntry
    codex_root: NotRequired[str]
    """The root of the codex that it is to run under, if the deployment has one."""
    deadline: datetime


class StopAction(TypedDict):
    """End the assistant, as its group or someone wants. Answered with `stopped` once nothing of it runs.

    It may end by itself until the deadline, after which a `kill` follows; `None` for as long as it takes.
    """

    kind: Literal["stop"]
    deadline: datetime | None


class KillAction(TypedDict):
    """Kill the assistant. Answered with `stopped` once nothing of it runs."""

    kind: Literal["kill"]


class EscalateAction(TypedDict):
    """Tell an operator. A question is answered with `approved` or `declined`, a notice with `acknowledged`."""

    kind: Literal["escalate"]
    escalation: Escalation


Action: TypeAlias = RestoreAction | AlignAction | ProbeAction | StopAction | KillAction | EscalateAction
"""What an effect asks for."""


class Effect(TypedDict):
    """Something to be carried out for a deployment. It may be handed out again, and answered more than once."""

    id: str
    epoch: int
    assistant: str
    run: int
    issued_at: datetime
    action: Action


class PlainOutcome(TypedDict):
    """What came of a probe, a question, a notice, or a stop or kill: `stopped`."""

    kind: Literal["ready", "approved", "declined", "acknowledged", "stopped"]


class NotReady(TypedDict):
    """Of a probe: the assistant could not be launched or is not ready. Of the reason, the first 100 characters are kept."""

    kind: Literal["not_ready"]
    reason: str


Outcome: TypeAlias = PlainOutcome | NotReady
"""What came of an effect that the host carries out."""


class CarriedOut(TypedDict):
    """What `Supervisor.carry_out` did, and what is to be carried out next."""

    decision: Decision
    restored: RestoredRitual | None
    alignment: Alignment | None
    next: Effect | None
