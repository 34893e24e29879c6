"""What a deployment is restored to, and how; how a group brings its members back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypeAlias, TypedDict

__all__ = [
    "AlignmentPolicy",
    "AutoShutdown",
    "Backoff",
    "ClassMatch",
    "ConstantBackoff",
    "DeploymentSpec",
    "DetectorPolicy",
    "EscalateStep",
    "Exit",
    "ExitKind",
    "ExitMatch",
    "ExitRules",
    "ExponentialBackoff",
    "FallbackStep",
    "GeometricBackoff",
    "GroupPolicy",
    "KillShutdown",
    "KindMatch",
    "LatestStep",
    "Membership",
    "NamedRitualStep",
    "OlderCodexStep",
    "OlderEntryStep",
    "RestartClass",
    "RestartPolicy",
    "RestartWindow",
    "Shutdown",
    "StatusMatch",
    "Strategy",
    "SubstituteStep",
    "UnlimitedShutdown",
    "WhenGivenUp",
    "WithinShutdown",
]


class RestartWindow(TypedDict):
    """How many restarts within which period; more, and the deployment is given up, or the group ends.

    `sliding`, as by default, counts the restarts of the period that ends now; `tumbling` counts starts, the deployment's own
    included, in periods that begin with a start.
    """

    max_restarts: int
    period_ms: int
    kind: NotRequired[Literal["sliding", "tumbling"]]


class ConstantBackoff(TypedDict):
    """The same delay every time."""

    kind: Literal["constant"]
    delay_ms: int


class ExponentialBackoff(TypedDict):
    """A delay that grows by `factor` each time, up to `cap_ms`."""

    kind: Literal["exponential"]
    initial_ms: int
    factor: float
    cap_ms: int


class GeometricBackoff(TypedDict):
    """A delay that grows by equal ratios, in so many steps from `initial_ms` to `cap_ms`."""

    kind: Literal["geometric_steps"]
    initial_ms: int
    cap_ms: int
    steps: int


Backoff: TypeAlias = ConstantBackoff | ExponentialBackoff | GeometricBackoff
"""The delay before each restart in a row."""


class LatestStep(TypedDict):
    """The newest entry of the deployment's ritual: always the first step, never named in a fallback path."""

    kind: Literal["latest"]


class OlderEntryStep(TypedDict):
    """The newest verifiable entry of the deployment's ritual older than the one tried before."""

    kind: Literal["older_entry"]


class NamedRitualStep(TypedDict):
    """The newest entry of another ritual of the assistant, one that is always safe to resume."""

    kind: Literal["named_ritual"]
    ritual: str


class OlderCodexStep(TypedDict):
    """The newest entry, resumed under the state of the codex that it ran under, as far as the codex's log proves it."""

    kind: Literal["older_codex"]


class SubstituteStep(TypedDict):
    """The newest entry of a ritual of another assistant, which takes the place of this one."""

    kind: Literal["substitute"]
    assistant: str
    ritual: str


class EscalateStep(TypedDict):
    """Asks an operator and waits, instead of giving up. Only as the last step."""

    kind: Literal["escalate"]


FallbackStep: TypeAlias = (
    LatestStep | OlderEntryStep | NamedRitualStep | OlderCodexStep | SubstituteStep | EscalateStep
)
"""One way to bring an assistant back."""

AlignmentPolicy: TypeAlias = Literal["same_root", "compatible", "audited", "adopt_current", "ask_operator"]
"""What to do when an entry ran under another codex root than the one in force.

`same_root`: the step fails. `compatible`: the assistant resumes if the codex's own log leads there from the entry's root, and
clauses were only added, annotated or moved since; otherwise the step fails. `audited`: it resumes if the log leads there, and
every event since that changes what a clause says names evidence, such as an audit, whatever that says; otherwise the step fails.
`adopt_current`: it resumes.
`ask_operator`: an operator decides. A codex whose trail does not verify aligns with nothing.
"""


ExitKind: TypeAlias = Literal["completed", "shut_down", "failed", "killed"]
"""How a run ended: it did what it was to do, was told to end and did, failed, or was killed."""


Exit = TypedDict(
    "Exit",
    {
        "kind": ExitKind,
        "reason": str,
        "status": NotRequired[int | None],
        "class": NotRequired[str | None],
        "non_retryable": NotRequired[bool],
    },
)
"""How a run of an assistant ended.

`class` names the class of a failure, in at most 100 bytes; `non_retryable` says that to repeat cannot help; of `reason`, the
first 100 characters are kept.
"""


class KindMatch(TypedDict):
    """Ends of a kind."""

    by: Literal["kind"]
    kind: ExitKind


class StatusMatch(TypedDict):
    """Ends with an exit status."""

    by: Literal["status"]
    status: int


ClassMatch = TypedDict("ClassMatch", {"by": Literal["class"], "class": str})
"""Ends of a class."""

ExitMatch: TypeAlias = KindMatch | StatusMatch | ClassMatch
"""Ends of a run that are alike."""


RestartClass: TypeAlias = Literal["permanent", "transient", "temporary"]
"""After which ends a restart follows: every end, those in which something went wrong, none."""


class ExitRules(TypedDict):
    """Which ends of a run are followed by a restart.

    What is asked first decides: never after an end that is `non_retryable` or in `prevent`; never after completion if
    `is_one_shot`; always after an end in `force`; otherwise by class: `permanent`, as by default, after every end,
    `transient` after those in which something went wrong, `temporary` after none.
    """

    restart: NotRequired[RestartClass]
    prevent: NotRequired[Sequence[ExitMatch]]
    force: NotRequired[Sequence[ExitMatch]]
    is_one_shot: NotRequired[bool]


class RestartPolicy(TypedDict):
    """How a deployment is brought back after a failure."""

    window: NotRequired[RestartWindow]
    """By default 10 restarts within ten minutes."""
    backoff: NotRequired[Backoff]
    """By default 1 s, doubled up to 60 s."""
    jitter: NotRequired[Literal["none", "full", "equal", "decorrelated"]]
    """By default `full`: anything from nothing to the delay.

    `equal`: half of it, and anything from nothing to the other half. `decorrelated`: anything from the first delay to `factor`
    times the delay before, at most the cap.
    """
    exits: NotRequired[ExitRules]
    """Which ends of a run are followed by a restart; by default all."""
    max_retries: NotRequired[int | None]
    """At most so many restarts in a row, however long they take; by default any number."""
    deadline_ms: NotRequired[int | None]
    """Restarts begin at most so long after the failure, or after someone asked for them since; by default at any time."""
    quiet_since: NotRequired[Literal["up", "last_failure"]]
    """From when the quiet period counts; by default from when the assistant came up."""
    free_restarts: NotRequired[int]
    """So many restarts in a row come without a delay; by default none."""
    quiet_period_ms: NotRequired[int]
    """After so long up without a failure, earlier restarts no longer count; by default ten minutes."""
    launches_per_entry: NotRequired[int]
    """An entry whose launches failed so often is passed over; by default 5."""
    symbolic_fallback_path: NotRequired[Sequence[FallbackStep]]
    """What to try when the newest entry cannot be brought back; by default an older entry."""
    alignment: NotRequired[AlignmentPolicy]
    """By default `adopt_current`."""
    step_deadline_ms: NotRequired[int | None]
    """How long each step of the path may take; then the next is taken. By default as long as it takes."""
    operator_deadline_ms: NotRequired[int | None]
    """How long an operator may take to answer; then a question is answered by no. By default as long as it takes."""
    probe_deadline_ms: NotRequired[int]
    """How long a launched assistant has to become ready; by default 30 s."""
    seed: NotRequired[int]
    """The seed of the jitter."""


class DeploymentSpec(TypedDict):
    """What a deployment is restored to: a ritual's newest entry, aligned with a codex if any, under a policy."""

    ritual: str
    codex: NotRequired[str | None]
    policy: NotRequired[RestartPolicy]


Strategy: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"]
"""Which members of a group are restarted when one fails.

`one_for_one`: only that one. `one_for_all`: all; they are stopped in reverse order, and started in order. `rest_for_one`: that
one and those that were added after it. `simple_one_for_one`: only that one, of many that are alike: they are stopped together,
and one that ended, or that the group stopped, is no member any more.
"""

AutoShutdown: TypeAlias = Literal["never", "any_significant", "all_significant"]
"""Whether a group ends by itself: as soon as a significant member, or the last one, ended that is not restarted."""


WhenGivenUp: TypeAlias = Literal["end_group", "rest"]
"""What becomes of a group of which a member is given up that was up before: it ends, or goes on with the others."""


class GroupPolicy(TypedDict):
    """How a group brings its members back."""

    strategy: NotRequired[Strategy]
    """By default `one_for_one`."""
    window: NotRequired[RestartWindow]
    """How many restarts of all members together; more, and the group ends. It slides; by default 10 within ten minutes.

    Each failed attempt to bring a member back is one; a restart that takes others along is one.
    """
    auto_shutdown: NotRequired[AutoShutdown]
    """By default `never`."""
    when_given_up: NotRequired[WhenGivenUp]
    """By default `end_group`. A member that was never up since it was added rests, given up, whatever this says."""
    restart: NotRequired[RestartClass]
    """Whether the group that holds this one starts it again when it ended by itself; by default `permanent`."""


class KillShutdown(TypedDict):
    """The member is killed."""

    kind: Literal["kill"]


class WithinShutdown(TypedDict):
    """The member is asked to end, and killed if it does not within so many milliseconds; above 0."""

    kind: Literal["within"]
    milliseconds: int


class UnlimitedShutdown(TypedDict):
    """The member is asked to end, however long that takes."""

    kind: Literal["unlimited"]


Shutdown: TypeAlias = KillShutdown | WithinShutdown | UnlimitedShutdown
"""How a group stops a member; by default within five seconds."""


class Membership(TypedDict):
    """How a deployment or a group is a member of a group."""

    group: str
    position: int
    """Counted from 1 in the order in which members were added."""
    is_significant: bool
    """Whether its end can end the group."""
    is_active: bool
    """Whether it has not ended by itself, and nobody stopped it."""
    shutdown: Shutdown


class DetectorPolicy(TypedDict):
    """When an assistant whose heartbeats stay out is suspected."""

    threshold: NotRequired[float]
    """The phi from which it is: 0.5 to 100, by default 8, which is wrong about one interval in 10^8."""
    max_samples: NotRequired[int]
    """How many of the last intervals count: 2 to 1,000, by default 200."""
    min_std_deviation_ms: NotRequired[int]
    """The least standard deviation that is estimated; above 0, by default 100 ms."""
    acceptable_pause_ms: NotRequired[int]
    """How late a heartbeat may be before its lateness begins to count; by default 3 s."""
    first_interval_ms: NotRequired[int]
    """The interval at which assistants are told to send heartbeats; above 0, by default 1 s."""
