"""The loop around a `mythos.Supervisor`, for asyncio: effects come to a host, and answers go back.

A `Supervisor` decides, but calls nobody and never waits. An `EffectLoop` does that for it: it fires timers when they are
due, restores and aligns, and calls the methods of your `Host` for all that only a host can do.

    async with EffectLoop(supervisor, host) as loop:
        await loop.call(supervisor.deploy, "ana", {"ritual": "refund"})
        ...
        await loop.call(supervisor.report_failure, "ana", kind="crashed", reason="signal 9")
"""

from __future__ import annotations

import logging
from collections.abc import Hashable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypedDict, cast

from ._errors import Invalid, MythosError
from ._loops import OPEN, Driven, Loop, Open
from .records import Effect, EscalateAction, KillAction, Outcome, ProbeAction, StopAction

if TYPE_CHECKING:
    from ._mythos import Supervisor

__all__ = [
    "EffectLoop",
    "EscalateEffect",
    "Host",
    "KillEffect",
    "ProbeEffect",
    "StopEffect",
]


class _EffectFields(TypedDict):
    id: str
    epoch: int
    assistant: str
    run: int
    issued_at: datetime


class ProbeEffect(_EffectFields):
    """An `Effect` that asks for a launch."""

    action: ProbeAction


class StopEffect(_EffectFields):
    """An `Effect` that asks for an end."""

    action: StopAction


class KillEffect(_EffectFields):
    """An `Effect` that asks for an end without delay."""

    action: KillAction


class EscalateEffect(_EffectFields):
    """An `Effect` that asks for an operator."""

    action: EscalateAction


class Host(Protocol):
    """What a host does for its assistants: any object with these methods.

    - Calls about different assistants run at once; of those about one, each begins after the one before has ended.
    - A call whose effect was overtaken by a later decision is cancelled: a launch past its deadline, one whose assistant is
      stopped or deployed anew, a stop that takes too long. What was decided instead begins once it has ended. The loop sees
      what was decided through `EffectLoop.call` or one of its own calls at once, and anything else when it is woken, or looks
      next; before it calls a host, it always looks.
    - A call that raises is made again after a pause.
    - A call may also be made again after the supervisor's process died in the middle of it: it must be harmless to do what
      is done already. The `id` of an effect stays the same, its `epoch` grows.
    - An answer that is none to its effect is logged as an error, and nothing is done again for it: a launch counts as not
      ready, a notice as acknowledged, and a question stays open.
    """

    async def launch(self, effect: ProbeEffect, /) -> Outcome:
        """Ends whatever still runs of the assistant, launches it from the entry of the action, and sees that it is ready.

        The outcome is `{"kind": "ready"}`, or `{"kind": "not_ready", "reason": ...}`: of a longer reason, the first 100
        characters are kept. The run that it makes is
        `effect["run"]`: name it when you report its end.
        """

    async def stop(self, effect: StopEffect, /) -> None:
        """Asks the assistant to end, and returns once nothing of it runs: the action `stop`.

        Past the action's `deadline`, if it has one, this is cancelled, and `kill` follows.
        """

    async def kill(self, effect: KillEffect, /) -> None:
        """Ends the assistant without asking, and returns once nothing of it runs: the action `kill`."""

    async def escalate(self, effect: EscalateEffect, /) -> Outcome | None:
        """Tells an operator.

        The outcome is `{"kind": "approved"}` or `{"kind": "declined"}` for a question, and `{"kind": "acknowledged"}`
        for the notice that an assistant was given up. `None` leaves it open: then whoever hears from the operator answers
        it, with `loop.call(supervisor.answer, effect["id"], outcome)`. One that is open is told again by whoever holds the
        supervision next.
        """


class EffectLoop(Loop):
    """Runs the effects of a supervisor: use it as an async context manager, or await `run`.

    It sleeps until the supervisor's `next_timeout` or a `wake`, and at most `longest_sleep_ms`, by default a minute, so that
    it notices that the clock was set, or that another supervisor took over. Calls of the supervisor are made in threads of
    asyncio's default executor.

    At most `max_underway` effects, 1 or more, are carried out at once; escalations do not count, since operators take their
    time. What fails is tried again after `first_pause_ms`, doubled with each failure of an assistant in a row up to
    `longest_pause_ms`, and is logged as a warning under the name of this module. So is a timer that is due and does not fire,
    for which the loop then looks about once a second. All durations are 1 ms or more; anything else is `Invalid`, and its
    field is the option.

    Once another supervisor took over, the loop ends with that `Conflict`, whose field is `epoch`; so it does with an error of
    the store that cannot go away by itself. However it ends, calls of the host that are underway are cancelled and awaited,
    and what is not answered is given back: the next loop, of this supervisor or of the next one, gets it again.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        host: Host,
        *,
        max_underway: int = 32,
        first_pause_ms: int = 500,
        longest_pause_ms: int = 60_000,
        longest_sleep_ms: int = 60_000,
    ) -> None:
        super().__init__(
            max_underway=max_underway,
            first_pause_ms=first_pause_ms,
            longest_pause_ms=longest_pause_ms,
            longest_sleep_ms=longest_sleep_ms,
        )
        self._driven = _Supervision(supervisor, host)


class _Supervision(Driven[Effect, Outcome]):
    """A supervisor and its host."""

    logger = logging.getLogger(__name__)

    def __init__(self, supervisor: Supervisor, host: Host) -> None:
        self._supervisor = supervisor
        self._host = host

    def fire(self) -> bool:
        return bool(self._supervisor.tick())

    def poll(self, limit: int) -> list[Effect]:
        return self._supervisor.poll_effects(limit=limit)

    def next_timeout(self) -> datetime | None:
        return self._supervisor.next_timeout()

    def still_pending(self, effects: list[Effect]) -> set[Hashable]:
        return set(self._supervisor.still_pending([effect["id"] for effect in effects]))

    def give_back(self, effect: Effect) -> None:
        self._supervisor.give_back(effect["id"])

    def carry_out(self, effect: Effect) -> Effect | None:
        return self._supervisor.carry_out(effect)["next"]

    def answer(self, effect: Effect, answer: Outcome) -> None:
        self._supervisor.answer(effect["id"], answer)

    async def ask(self, effect: Effect) -> Outcome | Open:
        kind: str = effect["action"]["kind"]
        match kind:
            case "probe":
                return await self._host.launch(cast("ProbeEffect", effect))
            case "stop":
                await self._host.stop(cast("StopEffect", effect))
            case "kill":
                await self._host.kill(cast("KillEffect", effect))
            case "escalate":
                answer = await self._host.escalate(cast("EscalateEffect", effect))
                return OPEN if answer is None else answer
            case _:
                raise Invalid(f"this version knows no action {kind}", field="action")
        return {"kind": "stopped"}

    def instead(self, effect: Effect, refused: MythosError) -> Outcome | Open:
        action = effect["action"]
        if action["kind"] == "escalate":
            # Nobody may say yes or no in the place of an operator.
            return {"kind": "acknowledged"} if action["escalation"]["kind"] == "given_up" else OPEN
        if action["kind"] == "probe":
            return {"kind": "not_ready", "reason": f"its host gave no answer to a launch: {refused}"}
        return OPEN

    def lane(self, effect: Effect) -> Hashable:
        return effect["assistant"]

    def identity(self, effect: Effect) -> Hashable:
        return effect["id"]

    def words(self, effect: Effect) -> tuple[str, str]:
        return effect["action"]["kind"], effect["assistant"]

    def is_own(self, effect: Effect) -> bool:
        return effect["action"]["kind"] in ("restore", "align")

    def waits_for_people(self, effect: Effect) -> bool:
        return effect["action"]["kind"] == "escalate"
