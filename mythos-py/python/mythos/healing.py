"""The loop around a `mythos.Healer`, for asyncio: repairs come to a host, and answers go back.

A `Healer` decides, but calls nobody and never waits. A `HealingLoop` does that for it: it plans when something is due, and calls
the methods of your `HealingHost` for what is to be done.

    async with HealingLoop(healer, host) as loop:
        await loop.call(healer.observe, observations)
        ...
"""

from __future__ import annotations

import logging
from collections.abc import Hashable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ._errors import MythosError
from ._loops import OPEN, Driven, Loop, Open
from .records import HandedOut, HealingOutcome

if TYPE_CHECKING:
    from ._mythos import Healer

__all__ = ["HealingHost", "HealingLoop"]


class HealingHost(Protocol):
    """What a host does to repair its assistants: any object with these methods.

    Each is given an effect as it was handed out: `handed_out["effect"]["action"]` says what to do, and for which target.

    - Calls about different incidents run at once; of those about one, each begins after the one before has ended.
    - A call whose effect is not pending any more is cancelled: it timed out, its target became healthy or was retired, or
      somebody else answered it. Before it calls a host, the loop always looks.
    - A call that raises is made again after a pause, until its effect times out.
    - A call may also be made again after the healer's process died in the middle of it: what has the same
      `idempotency_key` is to be done once.
    - An answer that is none to its effect is logged as an error, and nothing is done again for it: a repair or a rollback
      counts as failed, and what waits for approval stays open.
    """

    async def repair(self, handed_out: HandedOut, /) -> HealingOutcome:
        """Carries an action out.

        The outcome is `{"kind": "done"}`, with `"reversible": True` if `roll_back` can undo it, `{"kind": "unsupported"}`, or
        `{"kind": "failed", "reason": ...}`: of a longer reason, the first 100 characters are kept.
        """

    async def roll_back(self, handed_out: HandedOut, /) -> HealingOutcome:
        """Undoes an action that made things worse. The outcome is as that of `repair`."""

    async def approve(self, handed_out: HandedOut, /) -> HealingOutcome | None:
        """Tells a person or an audit of what waits for approval: the action `propose_merge`.

        The outcome is `{"kind": "approved", "by": ...}`, once it was done, or `{"kind": "declined", "by": ...}`. `None` leaves
        it open: then whoever hears of it answers, with `loop.call(healer.approve_merge, ...)` or
        `loop.call(healer.answer, handed_out["effect"]["id"], outcome)`. One that is open is told again by whoever heals next.
        """


class HealingLoop(Loop):
    """Runs the effects of a healer: use it as an async context manager, or await `run`.

    It plans, hands out what was decided, and sleeps until the healer's `next_timeout` or a `wake`, and at most
    `longest_sleep_ms`, by default a minute. What is observed through `call` is seen at once. Calls of the healer are made in
    threads of asyncio's default executor.

    At most `max_underway` effects, 1 or more, are carried out at once; what waits for approval does not count. What fails is
    tried again after `first_pause_ms`, doubled with each failure of an incident in a row up to `longest_pause_ms`, and is logged
    as a warning under the name of this module. All durations are 1 ms or more; anything else is `Invalid`, and its field is the
    option.

    Once another healer took over, the loop ends with that `Conflict`, whose field is `epoch`; so it does with an error of the
    store that cannot go away by itself. However it ends, calls of the host that are underway are cancelled and awaited, and what
    is not answered is given back: the next loop, of this healer or of the next one, gets it again.
    """

    def __init__(
        self,
        healer: Healer,
        host: HealingHost,
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
        self._driven = _Healing(healer, host)


class _Healing(Driven[HandedOut, HealingOutcome]):
    """A healer and its host."""

    logger = logging.getLogger(__name__)

    def __init__(self, healer: Healer, host: HealingHost) -> None:
        self._healer = healer
        self._host = host

    def fire(self) -> bool:
        return any(entry["decision"]["kind"] != "hold" for entry in self._healer.plan())

    def poll(self, limit: int) -> list[HandedOut]:
        return self._healer.poll_effects(limit=limit)

    def next_timeout(self) -> datetime | None:
        return self._healer.next_timeout()

    def still_pending(self, effects: list[HandedOut]) -> set[Hashable]:
        asked = {self.identity(effect): effect["effect"]["id"] for effect in effects}
        pending = self._healer.still_pending(list(asked.values()))
        return {identity for identity, effect in asked.items() if effect in pending}

    def give_back(self, effect: HandedOut) -> None:
        self._healer.give_back(effect["effect"]["id"])

    def carry_out(self, effect: HandedOut) -> HandedOut | None:
        raise AssertionError("a healer carries nothing out itself")

    def answer(self, effect: HandedOut, answer: HealingOutcome) -> None:
        self._healer.answer(effect["effect"]["id"], answer)

    async def ask(self, effect: HandedOut) -> HealingOutcome | Open:
        if self.waits_for_people(effect):
            answer = await self._host.approve(effect)
            return OPEN if answer is None else answer
        if effect["effect"]["id"].get("rollback", False):
            return await self._host.roll_back(effect)
        return await self._host.repair(effect)

    def instead(self, effect: HandedOut, refused: MythosError) -> HealingOutcome | Open:
        # Nobody may say yes or no in the place of a person or an audit.
        if self.waits_for_people(effect):
            return OPEN
        return {"kind": "failed", "reason": f"the host gave no answer to it: {refused}"}

    def lane(self, effect: HandedOut) -> Hashable:
        return effect["effect"]["id"]["assistant"], effect["effect"]["id"]["rule"]

    def identity(self, effect: HandedOut) -> Hashable:
        identity = effect["effect"]["id"]
        return (
            identity["assistant"],
            identity["rule"],
            identity["incident"],
            identity["attempt"],
            identity.get("rollback", False),
        )

    def words(self, effect: HandedOut) -> tuple[str, str]:
        return effect["effect"]["action"]["kind"], effect["effect"]["id"]["assistant"]

    def is_own(self, effect: HandedOut) -> bool:
        return False

    def waits_for_people(self, effect: HandedOut) -> bool:
        # What awaits approval has no deadline; a rollback has one.
        return effect["effect"]["deadline"] is None
