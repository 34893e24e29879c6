"""What a deployment is restored to, and how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypeAlias, TypedDict

__all__ = [
    "AlignmentPolicy",
    "Backoff",
    "ConstantBackoff",
    "DeploymentSpec",
    "DetectorPolicy",
    "EscalateStep",
    "ExponentialBackoff",
    "FallbackStep",
    "LatestStep",
    "NamedRitualStep",
    "OlderEntryStep",
    "RestartPolicy",
    "RestartWindow",
]


class RestartWindow(TypedDict):
    """How many restarts within which period; more, and the deployment is given up."""

    max_restarts: int
    period_ms: int


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


Backoff: TypeAlias = ConstantBackoff | ExponentialBackoff
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


class EscalateStep(TypedDict):
    """Asks an operator and waits, instead of giving up. Only as the last step."""

    kind: Literal["escalate"]


FallbackStep: TypeAlias = LatestStep | OlderEntryStep | NamedRitualStep | EscalateStep
"""One way to bring an assistant back."""

AlignmentPolicy: TypeAlias = Literal["same_root", "compatible", "adopt_current", "ask_operator"]
"""What to do when an entry ran under another codex root than the one in force.

`same_root`: the step fails. `compatible`: the assistant resumes if the codex's own log leads there from the entry's root, and
clauses were only added, annotated or moved since; otherwise the step fails. `adopt_current`: it resumes.
`ask_operator`: an operator decides. A codex whose trail does not verify aligns with nothing.
"""


class RestartPolicy(TypedDict):
    """How a deployment is brought back after a failure."""

    strategy: NotRequired[Literal["one_for_one"]]
    window: NotRequired[RestartWindow]
    """By default 10 restarts within ten minutes."""
    backoff: NotRequired[Backoff]
    """By default 1 s, doubled up to 60 s."""
    jitter: NotRequired[Literal["none", "full"]]
    """By default fully: anything from nothing to the delay."""
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
    probe_deadline_ms: NotRequired[int]
    """How long a launched assistant has to become ready; by default 30 s."""
    seed: NotRequired[int]
    """The seed of the jitter."""


class DeploymentSpec(TypedDict):
    """What a deployment is restored to: a ritual's newest entry, aligned with a codex if any, under a policy."""

    ritual: str
    codex: NotRequired[str | None]
    policy: NotRequired[RestartPolicy]


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
