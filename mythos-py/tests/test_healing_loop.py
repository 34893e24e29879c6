"""The loop around a healer, with a host that is simulated."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import mythos
import pytest
from mythos.healing import HealingHost, HealingLoop
from mythos.records import HandedOut, HealingOutcome

from test_healing import observation, protocol, stall_rule

DONE: HealingOutcome = {"kind": "done", "reversible": True}


class SimulatedHost:
    """Remembers what it was asked for, and answers what it was told."""

    def __init__(self) -> None:
        self.begun: list[HandedOut] = []
        self.cancelled: list[HandedOut] = []
        self.rolled_back: list[HandedOut] = []
        self.told: list[HandedOut] = []
        self.on_repair: Callable[[HandedOut], Awaitable[HealingOutcome]] | None = None
        self.decision: HealingOutcome | None = None

    async def repair(self, handed_out: HandedOut) -> HealingOutcome:
        self.begun.append(handed_out)
        try:
            return DONE if self.on_repair is None else await self.on_repair(handed_out)
        except asyncio.CancelledError:
            self.cancelled.append(handed_out)
            raise

    async def roll_back(self, handed_out: HandedOut) -> HealingOutcome:
        self.rolled_back.append(handed_out)
        return DONE

    async def approve(self, handed_out: HandedOut) -> HealingOutcome | None:
        self.told.append(handed_out)
        return self.decision


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def loop_of(healer: mythos.Healer, host: HealingHost, **options: int) -> HealingLoop:
    """A loop that is quick to try again."""
    return HealingLoop(healer, host, first_pause_ms=1, longest_pause_ms=20, **options)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.002)


async def never(handed_out: HandedOut) -> HealingOutcome:
    await asyncio.Event().wait()
    return DONE


def test_ill_targets_are_repaired_step_by_step_until_they_are_well(home: mythos.Mythos) -> None:
    healer = home.healing().engage("support", protocol())
    host = SimulatedHost()
    assistants = ["ana", "bob", "cem"]

    async def main() -> None:
        async with loop_of(healer, host, max_underway=2) as loop:
            for step in (1, 2):
                # The first repair changes nothing.
                await loop.call(healer.observe, [observation({"stall_length": 15}, each) for each in assistants])
                await until(lambda: len(host.begun) == 3 * step and healer.totals()["pending"] == 0)
            await loop.call(healer.observe, [observation({"stall_length": 0}, each) for each in assistants])
            await until(lambda: healer.totals()["incidents"] == 0)

    run(main)
    kinds = [given["effect"]["action"]["kind"] for given in host.begun]
    assert kinds == ["restore_ritual"] * 3 + ["restart_assistant"] * 3
    assert len({given["effect"]["idempotency_key"] for given in host.begun}) == 6
    ended = home.healing().events(ending="healthy")["items"]
    assert len(ended) == 3 and all(event["symbolic_health_delta"]["kind"] == "measured" for event in ended)


def test_what_made_things_worse_is_rolled_back(home: mythos.Mythos) -> None:
    rule = stall_rule(rollback=True) if "rollback" in stall_rule() else stall_rule()
    healer = home.healing().engage("support", protocol(rule))
    host = SimulatedHost()

    async def main() -> None:
        async with loop_of(healer, host) as loop:
            await loop.call(healer.observe, [observation({"stall_length": 12})])
            await until(lambda: len(host.begun) == 1 and healer.totals()["pending"] == 0)
            await loop.call(healer.observe, [observation({"stall_length": 19})])
            await until(lambda: len(host.rolled_back) == 1)
            await until(lambda: len(host.begun) == 2)

    run(main)
    assert host.rolled_back[0]["effect"]["id"]["attempt"] == 1


def test_a_host_that_raises_is_called_again_and_one_without_an_answer_has_failed(
    home: mythos.Mythos, caplog: pytest.LogCaptureFixture
) -> None:
    healer = home.healing().engage("support", protocol())
    host = SimulatedHost()
    answers: list[Any] = [None, {"kind": "failed", "reason": "é" * 300}]

    async def repair(handed_out: HandedOut) -> HealingOutcome:
        if len(host.begun) < 4:
            raise OSError("no such host")
        return cast("HealingOutcome", answers.pop(0)) if answers else DONE

    async def main() -> None:
        host.on_repair = repair
        async with loop_of(healer, host) as loop:
            for calls in (4, 5, 6):
                # What comes next follows upon what is observed after the last answer.
                await loop.call(healer.observe, [observation({"stall_length": 15})])
                await until(lambda: len(host.begun) == calls and healer.totals()["pending"] == 0)

    run(main)
    keys = [given["effect"]["idempotency_key"] for given in host.begun]
    assert keys[:4] == keys[:1] * 4 and len(set(keys)) == 3
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3 + [logging.ERROR]
    assert all(record.name == "mythos.healing" for record in caplog.records)
    [event] = home.healing().events()["items"]
    outcomes = [attempt["outcome"] for attempt in event["repair_actions"]]
    assert outcomes[0] is not None and outcomes[0]["kind"] == "failed"
    assert outcomes[1] == {"kind": "failed", "reason": "é" * 100}


def test_a_repair_of_a_target_that_is_gone_is_cancelled(home: mythos.Mythos) -> None:
    healer = home.healing().engage("support", protocol())
    host = SimulatedHost()
    host.on_repair = never

    async def main() -> None:
        async with loop_of(healer, host, max_underway=1) as loop:
            await loop.call(healer.observe, [observation({"stall_length": 15}, each) for each in ("ana", "bob", "cem")])
            await until(lambda: len(host.begun) == 1)
            underway = host.begun[0]["effect"]["id"]["assistant"]
            waiting = sorted({"ana", "bob", "cem"} - {underway})
            # Not through the loop, which hears nothing of it: it waits for its turn, and does not get it.
            healer.retire(waiting[0])
            await loop.call(healer.retire, underway)
            await until(lambda: len(host.begun) == 2)
            assert host.begun[1]["effect"]["id"]["assistant"] == waiting[1]

    run(main)
    assert host.cancelled == host.begun


def test_what_waits_for_approval_is_answered_now_or_later(
    home: mythos.Mythos, caplog: pytest.LogCaptureFixture
) -> None:
    ladder = [{"action": {"kind": "propose_merge"}}, {"action": {"kind": "notify"}}]
    rule = stall_rule(repair_actions=ladder)
    healer = home.healing().engage("support", protocol(rule))
    host = SimulatedHost()

    async def main() -> None:
        for told in (1, 2):
            async with loop_of(healer, host) as loop:
                await loop.call(healer.observe, [observation({"stall_length": 15}, codex="rules")])
                # What nobody answered is told again by the next loop.
                await until(lambda: len(host.told) == told)
        host.decision = {"kind": "done"}
        async with loop_of(healer, host) as loop:
            await until(lambda: len(caplog.records) == 1)
            loop.wake()
            await asyncio.sleep(0.01)
            assert len(host.told) == 3, "what is no answer leaves it open"
            declined: HealingOutcome = {"kind": "declined", "by": "audit"}
            assert await loop.call(healer.answer, host.told[0]["effect"]["id"], declined)
            await loop.call(healer.observe, [observation({"stall_length": 15}, codex="rules")])
            await until(lambda: len(host.begun) == 1)

    run(main)
    assert host.begun[0]["effect"]["action"]["kind"] == "notify"


def test_who_takes_over_ends_the_loop_and_gets_what_was_underway(home: mythos.Mythos) -> None:
    old = home.healing().engage("support", protocol())
    first, second = SimulatedHost(), SimulatedHost()
    first.on_repair = never

    async def main() -> None:
        with pytest.raises(mythos.Conflict) as refused:
            async with loop_of(old, first) as loop:
                await loop.call(old.observe, [observation({"stall_length": 15})])
                await until(lambda: len(first.begun) == 1)
                new = home.healing().engage("support", protocol())
                loop.wake()
                await asyncio.Event().wait()
        assert refused.value.field == "epoch"
        async with loop_of(new, second):
            await until(lambda: len(second.begun) == 1 and new.totals()["pending"] == 0)

    run(main)
    assert first.cancelled == first.begun
    assert second.begun[0]["effect"] == first.begun[0]["effect"]
    assert second.begun[0]["epoch"] > first.begun[0]["epoch"]


def test_options_that_make_no_sense_name_what_is_wrong(home: mythos.Mythos) -> None:
    healer = home.healing().engage("support", protocol())
    with pytest.raises(mythos.Invalid) as refused:
        HealingLoop(healer, SimulatedHost(), max_underway=0)
    assert refused.value.field == "max_underway"
