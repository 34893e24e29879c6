"""What `StepJournal` takes and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias, TypedDict

from .pages import Page

__all__ = [
    "BegunStep",
    "Beginning",
    "CompensatedStep",
    "CompletedStep",
    "DoubtfulStep",
    "ForgottenSteps",
    "HappenedStep",
    "Resolution",
    "RestoredSteps",
    "Step",
    "StepRun",
    "StepState",
    "UnhappenedStep",
]


class StepRun(TypedDict):
    """In which life of an assistant something is done.

    The `epoch` of its supervisor, from 1, and in it the `run` of the deployment, as a restart effect says, or numbers of
    your own. A higher epoch is newer, and of equal epochs the higher run.
    """

    epoch: int
    run: int


class BegunStep(TypedDict):
    """The step is the caller's to do, now. `attempt` counts from 1, and is what `complete` takes."""

    kind: Literal["begun"]
    attempt: int


class DoubtfulStep(TypedDict):
    """The step was begun before, and nobody said how it ended: look at the outside world, and resolve it.

    Its process died, or is still at it. `attempt` is the one in doubt, and so how often it was begun.
    """

    kind: Literal["in_doubt"]
    attempt: int
    begun_at: datetime
    run: StepRun | None


class CompletedStep(TypedDict):
    """The step was done: do not do it again. `outcome` is what came of it."""

    kind: Literal["completed"]
    attempt: int
    outcome: bytes
    settled_at: datetime


Beginning: TypeAlias = BegunStep | DoubtfulStep | CompletedStep
"""What the journal says to a begin."""


class UnhappenedStep(TypedDict):
    """The step did not happen, and never will: whoever began it is gone. It may be begun again."""

    kind: Literal["did_not_happen"]


class CompensatedStep(TypedDict):
    """The step happened, or may have, and was undone. It may be begun again."""

    kind: Literal["compensated"]


class HappenedStep(TypedDict):
    """The step happened: it is completed. `outcome` is what came of it, at most 64 KiB."""

    kind: Literal["happened"]
    outcome: bytes


Resolution: TypeAlias = UnhappenedStep | CompensatedStep | HappenedStep
"""What came of a step in doubt."""

StepState: TypeAlias = Literal["in_doubt", "completed", "did_not_happen", "compensated"]
"""What is known of a step."""


class Step(TypedDict):
    """A step as it stands.

    `number` is its place in the order in which the ritual's steps were first begun, from 1. `intent` is `None` if the key
    that it was sealed under is not known, `outcome` also unless it is completed. `begun_entry` and `settled_entry` are the
    newest entries of the ritual when the attempt was begun and settled, `None` if there was none.
    """

    tenant: str
    assistant: str
    ritual: str
    key: str
    number: int
    state: StepState
    attempt: int
    run: StepRun | None
    intent: bytes | None
    outcome: bytes | None
    begun_entry: str | None
    settled_entry: str | None
    created_at: datetime
    begun_at: datetime
    settled_at: datetime | None


class RestoredSteps(TypedDict):
    """What an assistant did that its restored state does not know of, each in the order of beginning.

    `completed` were completed when the restored entry was the newest, or a later one. `steps` goes on with either page.
    """

    completed: Page[Step]
    in_doubt: Page[Step]


class ForgottenSteps(TypedDict):
    """How many steps were forgotten, and whether none is left that the conditions hold for."""

    forgotten: int
    done: bool
