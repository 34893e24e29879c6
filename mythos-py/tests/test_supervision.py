"""The effect loop, with a host that is simulated."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import mythos
import pytest
from mythos.records import Decision, Outcome, RestartPolicy, Shutdown
from mythos.supervision import EffectLoop, EscalateEffect, Host, KillEffect, ProbeEffect, StopEffect

from dict_store import DictStore

AT_ONCE: RestartPolicy = {
    "free_restarts": 1_000,
    "launches_per_entry": 1_000,
    "window": {"max_restarts": 1_000, "period_ms": 60_000},
}
"""Restarts come without a delay, so that no test waits, and however often something failed."""
READY: Outcome = {"kind": "ready"}


class SimulatedHost:
    """Launches assistants that exist in its memory only, and remembers everything that was asked of it."""

    def __init__(self, rituals: mythos.RitualCompressionCache) -> None:
        self.rituals = rituals
        self.launches: dict[str, list[tuple[str, str]]] = defaultdict(list)
        """The id of the effect and the payload of each launch that came to its end."""
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.underway: set[str] = set()
        self.most_underway = 0
        self.told: list[EscalateEffect] = []
        self.on_launch: Callable[[ProbeEffect], Awaitable[Outcome]] | None = None
        self.answer: Outcome | None = None
        """What an operator says to a question; a notice is acknowledged."""

    async def launch(self, effect: ProbeEffect) -> Outcome:
        assistant = effect["assistant"]
        assert assistant not in self.underway, "two calls about one assistant at once"
        self.underway.add(assistant)
        self.most_underway = max(self.most_underway, len(self.underway))
        self.begun.append(effect["id"])
        try:
            outcome = READY if self.on_launch is None else await self.on_launch(effect)
            payload = self.rituals.restore(effect["action"]["entry"]["entry"])["payload"]
            self.launches[assistant].append((effect["id"], payload.decode()))
            return outcome
        except asyncio.CancelledError:
            self.cancelled.append(effect["id"])
            raise
        finally:
            self.underway.discard(assistant)

    async def stop(self, effect: StopEffect) -> None:
        raise AssertionError("nothing is stopped here")

    async def kill(self, effect: KillEffect) -> None:
        raise AssertionError("nothing is killed here")

    async def escalate(self, effect: EscalateEffect) -> Outcome | None:
        self.told.append(effect)
        is_notice = effect["action"]["escalation"]["kind"] == "given_up"
        return {"kind": "acknowledged"} if is_notice else self.answer


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def loop_of(supervisor: mythos.Supervisor, host: Host, **options: int) -> EffectLoop:
    """A loop that is quick to try again."""
    return EffectLoop(supervisor, host, first_pause_ms=1, longest_pause_ms=20, **options)


def deploy(home: mythos.Mythos, supervisor: mythos.Supervisor, *assistants: str, policy: RestartPolicy = AT_ONCE) -> None:
    for assistant in assistants:
        home.rituals().save(assistant, "work", f"state of {assistant}".encode())
        supervisor.deploy(assistant, {"ritual": "work", "policy": policy})


def fail(supervisor: mythos.Supervisor, assistant: str) -> Decision:
    return supervisor.report_failure(assistant, kind="crashed", reason="killed")


async def never(effect: ProbeEffect) -> Outcome:
    await asyncio.Event().wait()
    return READY


async def until(condition: Callable[[], bool]) -> None:
    """Waits until something holds: that it never does is what the bound on a test's time is for."""
    while not condition():
        await asyncio.sleep(0.002)


def state_of(supervisor: mythos.Supervisor, assistant: str) -> str:
    return supervisor.deployment(assistant)["state"]


def test_failed_assistants_come_back_by_themselves(home: mythos.Mythos) -> None:
    assistants = [f"assistant {number}" for number in range(12)]
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, *assistants)
    host = SimulatedHost(home.rituals())

    async def main() -> None:
        async with loop_of(supervisor, host) as loop:
            for repeat in range(1, 3):
                for assistant in assistants:
                    decision = await loop.call(fail, supervisor, assistant)
                    assert decision["changed"]
                await until(lambda: all(state_of(supervisor, each) == "mythpath_ready" for each in assistants))
                assert all(len(host.launches[each]) == repeat for each in assistants)

    run(main)
    assert all(payload == f"state of {name}" for name, all_of in host.launches.items() for _, payload in all_of)
    assert supervisor.poll_effects() == []


def test_a_timer_fires_without_anyone_who_wakes_the_loop(home: mythos.Mythos) -> None:
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, "ana", policy={"backoff": {"kind": "constant", "delay_ms": 30}, "jitter": "none"})
    host = SimulatedHost(home.rituals())
    fail(supervisor, "ana")

    async def main() -> None:
        async with loop_of(supervisor, host):
            await until(lambda: bool(host.launches["ana"]))
            await until(lambda: state_of(supervisor, "ana") == "mythpath_ready")

    run(main)


def test_it_sleeps_until_it_is_woken(home: mythos.Mythos) -> None:
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, "ana")
    host = SimulatedHost(home.rituals())
    counted = Counted(supervisor)

    async def main() -> None:
        async with loop_of(counted.supervisor, host) as loop:
            await until(lambda: counted.calls["next_timeout"] == 1)
            await asyncio.sleep(0.1)
            assert counted.calls == {"tick": 1, "poll_effects": 1, "next_timeout": 1}, "nothing is due"
            fail(supervisor, "ana")
            threading.Thread(target=loop.wake).start()
            await until(lambda: bool(host.launches["ana"]))
        loop.wake()

    run(main)
    assert state_of(supervisor, "ana") == "mythpath_ready"


class Counted:
    """A supervisor whose calls are counted, and may be made to fail before they are made."""

    def __init__(self, supervisor: Any) -> None:
        self.calls: dict[str, int] = defaultdict(int)
        self.before: Callable[[str], None] = lambda name: None
        self._supervisor = supervisor
        self.supervisor = cast("mythos.Supervisor", self)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._supervisor, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls[name] += 1
            self.before(name)
            return method(*args, **kwargs)

        return counted


def test_different_assistants_are_launched_at_once_and_not_too_many(home: mythos.Mythos) -> None:
    assistants = [f"assistant {number}" for number in range(9)]
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, *assistants)
    host = SimulatedHost(home.rituals())
    enough = asyncio.Event()

    async def launch(effect: ProbeEffect) -> Outcome:
        if len(host.underway) == 3:
            enough.set()
        # Returns only once three are underway.
        await enough.wait()
        return READY

    async def main() -> None:
        host.on_launch = launch
        async with loop_of(supervisor, host, max_underway=3) as loop:
            for assistant in assistants:
                fail(supervisor, assistant)
            loop.wake()
            await until(lambda: all(state_of(supervisor, each) == "mythpath_ready" for each in assistants))

    run(main)
    assert host.most_underway == 3


def test_a_launch_that_was_overtaken_is_cancelled_before_the_next_begins(home: mythos.Mythos) -> None:
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, "ana")
    host = SimulatedHost(home.rituals())

    async def launch(effect: ProbeEffect) -> Outcome:
        if len(host.begun) == 1:
            await asyncio.Event().wait()
        return READY

    async def main() -> None:
        host.on_launch = launch
        async with loop_of(supervisor, host, max_underway=1) as loop:
            await loop.call(fail, supervisor, "ana")
            await until(lambda: len(host.begun) == 1)
            run = supervisor.deployment("ana")["machine"]["run"]
            await loop.call(supervisor.report_failure, "ana", kind="crashed", reason="died at once", run=run)
            await until(lambda: state_of(supervisor, "ana") == "mythpath_ready")

    run(main)
    assert host.cancelled == host.begun[:1]
    assert [effect for effect, _ in host.launches["ana"]] == host.begun[1:]


@pytest.mark.parametrize("decide", ["stop", "deploy", "deadline"])
def test_a_launch_that_nothing_follows_is_cancelled(home: mythos.Mythos, decide: str) -> None:
    supervisor = home.deployments().supervise("night watch")
    policy: RestartPolicy = {"free_restarts": 1, "jitter": "none", "backoff": {"kind": "constant", "delay_ms": 60_000}}
    deploy(home, supervisor, "ana", policy={**policy, "probe_deadline_ms": 50 if decide == "deadline" else 60_000})
    host = SimulatedHost(home.rituals())
    host.on_launch = never

    async def main() -> None:
        async with loop_of(supervisor, host, max_underway=1) as loop:
            await loop.call(fail, supervisor, "ana")
            if decide == "stop":
                await until(lambda: len(host.begun) == 1)
                await loop.call(supervisor.stop, "ana")
            if decide == "deploy":
                # The host launched it by itself meanwhile.
                await until(lambda: len(host.begun) == 1)
                await loop.call(supervisor.deploy, "ana", {"ritual": "work"})
            await until(lambda: len(host.cancelled) == 1)

    run(main)
    assert host.begun == host.cancelled and not host.launches["ana"]


def test_what_was_stopped_while_it_waited_for_others_is_not_launched(home: mythos.Mythos) -> None:
    assistants = ["ana", "bob", "cem"]
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, *assistants)
    host = SimulatedHost(home.rituals())
    is_done = asyncio.Event()

    async def launch(effect: ProbeEffect) -> Outcome:
        await is_done.wait()
        return READY

    async def main() -> None:
        host.on_launch = launch
        async with loop_of(supervisor, host, max_underway=1) as loop:
            for assistant in assistants:
                await loop.call(fail, supervisor, assistant)
            await until(lambda: len(host.begun) == 1)
            for assistant in assistants:
                if assistant not in host.underway:
                    # Not through the loop, which hears nothing of it.
                    supervisor.stop(assistant)
            is_done.set()
            await until(lambda: any(host.launches.values()))
            # Whoever waits for a slot gets it before this.
            await loop.call(fail, supervisor, next(iter(host.launches)))
            await until(lambda: any(len(of_one) == 2 for of_one in host.launches.values()))

    run(main)
    assert sum(map(len, host.launches.values())) == 2 and len(host.begun) == 2


@pytest.mark.parametrize("outcome", [None, {"kind": "approved"}])
def test_a_launch_without_an_answer_counts_as_not_ready(
    home: mythos.Mythos, caplog: pytest.LogCaptureFixture, outcome: Any
) -> None:
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, "ana", policy={**AT_ONCE, "max_retries": 3})
    host = SimulatedHost(home.rituals())

    async def launch(effect: ProbeEffect) -> Outcome:
        return cast("Outcome", outcome)

    async def main() -> None:
        host.on_launch = launch
        async with loop_of(supervisor, host) as loop:
            await loop.call(fail, supervisor, "ana")
            await until(lambda: state_of(supervisor, "ana") == "given_up")

    run(main)
    assert len(set(host.begun)) == len(host.begun) == 3, "the policy's limits hold"
    assert all(record.levelno == logging.ERROR for record in caplog.records)


def test_a_long_reason_is_shortened_and_an_empty_one_replaced(home: mythos.Mythos) -> None:
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, "ana")
    host = SimulatedHost(home.rituals())
    outcomes: list[Outcome] = [{"kind": "not_ready", "reason": "é" * 101}, {"kind": "not_ready", "reason": ""}]

    async def launch(effect: ProbeEffect) -> Outcome:
        return outcomes.pop(0) if outcomes else READY

    async def main() -> None:
        host.on_launch = launch
        async with loop_of(supervisor, host) as loop:
            await loop.call(fail, supervisor, "ana")
            await until(lambda: state_of(supervisor, "ana") == "mythpath_ready")

    run(main)
    assert len(host.begun) == 3
    [incident] = home.deployments().history()["items"]
    assert "é" * 100 in incident["symbolic_fallback_path"] and "é" * 101 not in incident["symbolic_fallback_path"]
    exit: Any = {"kind": "failed", "reason": ""}
    decision = supervisor.report_exit("ana", exit)
    assert decision["changed"]
    assert home.deployments().history()["items"][0]["restart_trigger_reason"] == "no reason given"


def test_a_question_that_is_answered_like_a_notice_stays_open(
    home: mythos.Mythos, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = home.deployments().supervise("night watch")
    path: Any = [{"kind": "escalate"}]
    supervisor.deploy("ana", {"ritual": "work", "policy": {**AT_ONCE, "symbolic_fallback_path": path}})
    host = SimulatedHost(home.rituals())
    host.answer = {"kind": "acknowledged"}

    async def main() -> None:
        async with loop_of(supervisor, host) as loop:
            await loop.call(fail, supervisor, "ana")
            await until(lambda: len(caplog.records) == 1)
            for _ in range(5):
                loop.wake()
                await asyncio.sleep(0.002)
            question = host.told[0]
            assert question["action"]["escalation"]["kind"] == "path_exhausted"
            await loop.call(supervisor.answer, question["id"], {"kind": "declined"})
            await until(lambda: state_of(supervisor, "ana") == "given_up")

    run(main)
    assert len(host.told) == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_timer_that_does_not_fire_makes_no_loop_spin(caplog: pytest.LogCaptureFixture) -> None:
    scripted, host = ScriptedSupervisor(), StoppingHost()
    ticks = 0

    def tick() -> list[Decision]:
        nonlocal ticks
        ticks += 1
        return []

    due = datetime.now(UTC) - timedelta(seconds=5)
    scripted.tick, scripted.next_timeout = tick, lambda: due  # type: ignore[method-assign]

    async def main() -> None:
        async with loop_of(cast("mythos.Supervisor", scripted), host) as loop:
            await until(lambda: len(caplog.records) == 1)
            before = ticks
            await asyncio.sleep(0.2)
            assert ticks <= before + 1
            # What comes up is seen at once all the same.
            scripted.issue(1, {"kind": "kill"})
            loop.wake()
            await until(lambda: len(scripted.answers) == 1)

    run(main)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_reports_at_any_moment_leave_nothing_behind(home: mythos.Mythos) -> None:
    assistants = ["ana", "bob", "cem"]
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, *assistants)
    host = SimulatedHost(home.rituals())
    chance = random.Random(7)

    async def launch(effect: ProbeEffect) -> Outcome:
        await asyncio.sleep(chance.choice([0, 0.001, 0.005]))
        return READY

    async def main() -> None:
        host.on_launch = launch
        async with loop_of(supervisor, host, max_underway=2) as loop:
            for _ in range(150):
                # The current run, whatever becomes of it: while it is restored, launched, or answered for.
                await loop.call(fail, supervisor, chance.choice(assistants))
                await asyncio.sleep(chance.choice([0, 0.0005, 0.002, 0.004]))
            await until(lambda: all(state_of(supervisor, each) == "mythpath_ready" for each in assistants))

    run(main)
    assert supervisor.poll_effects() == [] and not host.underway


def test_a_launch_past_its_deadline_is_cancelled_and_made_again(home: mythos.Mythos) -> None:
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, "ana", policy={**AT_ONCE, "probe_deadline_ms": 50})
    host = SimulatedHost(home.rituals())

    async def launch(effect: ProbeEffect) -> Outcome:
        if len(host.begun) == 1:
            await asyncio.Event().wait()
        return READY

    async def main() -> None:
        # Nothing wakes this loop after the first effect but the deadline.
        fail(supervisor, "ana")
        host.on_launch = launch
        async with loop_of(supervisor, host):
            await until(lambda: state_of(supervisor, "ana") == "mythpath_ready")

    run(main)
    assert host.cancelled == host.begun[:1]
    assert len(host.begun) >= 2


def test_a_host_that_raises_is_called_again_after_growing_pauses(
    home: mythos.Mythos, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, "ana", "bob")
    host = SimulatedHost(home.rituals())
    no_answer: dict[str, Outcome] = {}

    async def launch(effect: ProbeEffect) -> Outcome:
        if effect["assistant"] == "ana" and len(host.begun) < 5:
            return no_answer["missing"]
        if effect["assistant"] == "ana" and len(host.begun) < 6:
            # What the host awaited was cancelled, which is no cancellation of the host.
            raise asyncio.CancelledError
        return READY

    async def main() -> None:
        host.on_launch = launch
        async with loop_of(supervisor, host) as loop:
            await loop.call(fail, supervisor, "bob")
            await until(lambda: state_of(supervisor, "bob") == "mythpath_ready")
            await loop.call(fail, supervisor, "ana")
            await until(lambda: state_of(supervisor, "ana") == "mythpath_ready")

    with caplog.at_level(logging.WARNING):
        run(main)
    [bob, *anas] = host.begun
    assert len(anas) == 5 and len(set(anas)) == 1, "one effect, until it was answered"
    pauses = [record.args[2] for record in caplog.records if isinstance(record.args, tuple)]
    assert pauses == [0.001, 0.002, 0.004, 0.008]
    assert all(record.name == "mythos.supervision" and record.exc_info for record in caplog.records)
    assert bob not in anas


@pytest.mark.parametrize("call", ["tick", "poll_effects", "next_timeout", "carry_out", "answer"])
def test_a_store_that_cannot_serve_for_a_while_is_asked_again(home: mythos.Mythos, call: str) -> None:
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, "ana")
    host = SimulatedHost(home.rituals())
    counted = Counted(supervisor)

    def before(name: str) -> None:
        if name == call and counted.calls[name] <= 3:
            raise mythos.Unavailable("busy")

    counted.before = before

    async def main() -> None:
        fail(supervisor, "ana")
        async with loop_of(counted.supervisor, host):
            await until(lambda: state_of(supervisor, "ana") == "mythpath_ready" and counted.calls[call] > 3)

    run(main)
    assert len(host.begun) == 1, "what the host did is not repeated for an answer that could not be recorded"


def test_an_error_that_cannot_go_away_ends_the_loop_and_its_block(home: mythos.Mythos) -> None:
    supervisor = home.deployments().supervise("night watch")
    counted = Counted(supervisor)
    host = SimulatedHost(home.rituals())

    def before(name: str) -> None:
        raise mythos.Internal("a defect")

    counted.before = before

    async def main() -> None:
        with pytest.raises(mythos.Internal, match="a defect"):
            async with loop_of(counted.supervisor, host):
                await asyncio.Event().wait()
        with pytest.raises(mythos.Internal, match="a defect"):
            await loop_of(counted.supervisor, host).run()
        # What the block raises comes first.
        with pytest.raises(ZeroDivisionError):
            async with loop_of(counted.supervisor, host):
                raise ZeroDivisionError
        # The task that was cancelled to leave the block is no cancelled one.
        await asyncio.sleep(0)

    run(main)


def test_who_takes_over_ends_the_loop_with_a_conflict_and_gets_what_was_underway(home: mythos.Mythos) -> None:
    old = home.deployments().supervise("night watch")
    deploy(home, old, "ana", "bob")
    first, second = SimulatedHost(home.rituals()), SimulatedHost(home.rituals())

    async def main() -> None:
        first.on_launch = never
        with pytest.raises(mythos.Conflict) as refused:
            async with loop_of(old, first) as loop:
                await loop.call(fail, old, "ana")
                await until(lambda: len(first.begun) == 1)
                new = home.deployments().supervise("night watch")
                # It need not be called to notice: here it is woken, otherwise it looks once a minute.
                loop.wake()
                await asyncio.Event().wait()
        assert refused.value.field == "epoch"
        assert first.cancelled == first.begun
        async with loop_of(new, second) as loop:
            await until(lambda: state_of(new, "ana") == "mythpath_ready")
            await loop.call(fail, new, "bob")
            await until(lambda: state_of(new, "bob") == "mythpath_ready")

    run(main)
    assert second.begun[0] == first.begun[0], "the same effect, since it was not answered"
    assert not first.launches["ana"] and len(second.launches["ana"]) == len(second.launches["bob"]) == 1


def test_it_notices_by_itself_that_another_took_over(home: mythos.Mythos) -> None:
    old = home.deployments().supervise("night watch")
    host = SimulatedHost(home.rituals())

    async def main() -> None:
        home.deployments().supervise("night watch")
        with pytest.raises(mythos.Conflict):
            await loop_of(old, host, longest_sleep_ms=1).run()

    run(main)


@pytest.mark.parametrize("same", [True, False])
def test_a_loop_that_is_cancelled_anywhere_leaves_nothing_lost_or_done_twice(home: mythos.Mythos, same: bool) -> None:
    """Cancelled after each number of steps of the event loop, and taken over by another loop until all is well."""
    assistants = ["ana", "bob", "cem"]
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, *assistants)
    host = SimulatedHost(home.rituals())
    launched: dict[str, int] = defaultdict(int)

    async def launch(effect: ProbeEffect) -> Outcome:
        await asyncio.sleep(0)
        launched[effect["id"]] += 1
        return READY

    async def main() -> None:
        nonlocal supervisor
        host.on_launch = launch
        for patience in range(25):
            for assistant in assistants:
                fail(supervisor, assistant)
            task = asyncio.create_task(loop_of(supervisor, host).run())
            for _ in range(patience):
                # Threads answer in between, so that different runs are cancelled at different places.
                await asyncio.sleep(0.0005 * (patience % 4))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not host.underway, "the host's calls have ended"
            if not same:
                supervisor = home.deployments().supervise("night watch")
            async with loop_of(supervisor, host):
                await until(lambda: all(state_of(supervisor, each) == "mythpath_ready" for each in assistants))

    run(main)
    assert max(launched.values()) == 1, "whoever launched also answered"
    assert sum(launched.values()) == 25 * len(assistants)
    assert all(len(of_one) == 25 for of_one in host.launches.values())


def test_a_loop_stops_when_it_is_told_and_runs_again(home: mythos.Mythos) -> None:
    supervisor = home.deployments().supervise("night watch")
    deploy(home, supervisor, "ana")
    host = SimulatedHost(home.rituals())

    async def main() -> None:
        loop = loop_of(supervisor, host)
        stop = asyncio.Event()
        running = asyncio.create_task(loop.run(stop=stop))
        await asyncio.sleep(0)
        with pytest.raises(mythos.Invalid):
            await loop.run()
        await loop.call(fail, supervisor, "ana")
        await until(lambda: state_of(supervisor, "ana") == "mythpath_ready")
        stop.set()
        await running
        # A set event ends a run at once.
        await loop.run(stop=stop)
        fail(supervisor, "ana")
        async with loop:
            await until(lambda: len(host.launches["ana"]) == 2)
            with pytest.raises(mythos.Invalid):
                async with loop:
                    pass
        assert await loop.call(lambda: 7) == 7, "also while it does not run"

    run(main)


def test_an_operator_answers_now_or_later(home: mythos.Mythos) -> None:
    codices = home.codices()
    codices.create("rules", [{"clause": "a", "text": "b"}], directive_path=["launch"], actor="host")
    root = codices.codex("rules")["heads"][0]["codex_root"]
    supervisor = home.deployments().supervise("night watch")
    policy: RestartPolicy = {**AT_ONCE, "alignment": "ask_operator", "symbolic_fallback_path": []}
    for assistant in ("ana", "bob"):
        home.rituals().save(assistant, "work", b"1", intent={"codex": "rules", "codex_root": root})
        supervisor.deploy(assistant, {"ritual": "work", "codex": "rules", "policy": policy})
    codices.mutate("rules", {"kind": "remove", "clause": "a"}, directive_path=["audit"], actor="host")
    host = SimulatedHost(home.rituals())

    async def main() -> None:
        async with loop_of(supervisor, host, max_underway=1) as loop:
            await loop.call(fail, supervisor, "ana")
            await until(lambda: len(host.told) == 1)
            question = host.told[0]
            assert question["action"]["escalation"]["kind"] == "misaligned"
            await loop.call(supervisor.answer, question["id"], {"kind": "approved"})
            await until(lambda: state_of(supervisor, "ana") == "mythpath_ready")
            host.answer = {"kind": "declined"}
            await loop.call(fail, supervisor, "bob")
            await until(lambda: len(host.told) == 3)
        notice = host.told[2]["action"]["escalation"]
        assert notice == {"kind": "given_up", "why": "path_exhausted"}
        # What nobody answered is told again by the next loop.
        host.answer = None
        fail(supervisor, "ana")
        for told in (4, 5):
            async with loop_of(supervisor, host):
                await until(lambda: len(host.told) == told)

    run(main)
    assert host.told[3]["id"] == host.told[4]["id"]
    assert supervisor.poll_effects() and state_of(supervisor, "bob") == "given_up"


class ScriptedSupervisor:
    """Hands out effects that a test makes: those of groups, and those of a later version."""

    def __init__(self) -> None:
        self.pending: list[dict[str, Any]] = []
        self.handed_out: set[str] = set()
        self.answers: list[tuple[str, Any]] = []

    def issue(self, number: int, action: dict[str, Any]) -> None:
        """Replaces the pending effect."""
        now = datetime.now(UTC)
        effect = {"id": f"ca.1.{number}", "epoch": 1, "assistant": "ana", "run": 1, "issued_at": now, "action": action}
        self.pending = [effect]

    def tick(self) -> list[Decision]:
        return []

    def next_timeout(self) -> datetime | None:
        return None

    def poll_effects(self, *, limit: int) -> list[dict[str, Any]]:
        found = [effect for effect in self.pending if effect["id"] not in self.handed_out]
        self.handed_out.update(effect["id"] for effect in found)
        return found

    def still_pending(self, effects: list[str]) -> list[str]:
        pending = {effect["id"] for effect in self.pending}
        return [effect for effect in effects if effect in pending]

    def give_back(self, effect: str) -> None:
        self.handed_out.discard(effect)

    def answer(self, effect: str, outcome: Any) -> None:
        self.answers.append((effect, outcome))
        self.pending = [each for each in self.pending if each["id"] != effect]


class StoppingHost(SimulatedHost):
    """Remembers what was stopped and killed; a stop takes for ever if it is told so."""

    def __init__(self) -> None:
        super().__init__(mythos.Mythos.in_memory().rituals())
        self.done: list[str] = []
        self.is_stubborn = False

    async def stop(self, effect: StopEffect) -> None:
        self.done.append("stop")
        if self.is_stubborn:
            try:
                await asyncio.Event().wait()
            finally:
                self.done.append("stop was cancelled")

    async def kill(self, effect: KillEffect) -> None:
        self.done.append("kill")


def test_members_of_a_group_are_stopped_and_killed_if_they_do_not_stop(caplog: pytest.LogCaptureFixture) -> None:
    scripted, host = ScriptedSupervisor(), StoppingHost()

    async def main() -> None:
        async with loop_of(cast("mythos.Supervisor", scripted), host) as loop:
            scripted.issue(1, {"kind": "stop", "deadline": None})
            loop.wake()
            await until(lambda: len(scripted.answers) == 1)
            host.is_stubborn = True
            scripted.issue(2, {"kind": "stop", "deadline": datetime.now(UTC) + timedelta(seconds=1)})
            loop.wake()
            await until(lambda: len(host.done) == 2)
            scripted.issue(3, {"kind": "kill"})
            loop.wake()
            await until(lambda: len(scripted.answers) == 2)

    run(main)
    assert scripted.answers == [("ca.1.1", {"kind": "stopped"}), ("ca.1.3", {"kind": "stopped"})]
    assert host.done == ["stop", "stop", "stop was cancelled", "kill"]
    assert not caplog.records


def test_what_a_later_version_asks_for_is_given_back(caplog: pytest.LogCaptureFixture) -> None:
    scripted, host = ScriptedSupervisor(), StoppingHost()

    async def main() -> None:
        scripted.issue(1, {"kind": "dance"})
        async with loop_of(cast("mythos.Supervisor", scripted), host):
            await until(lambda: len(caplog.records) == 2)

    run(main)
    assert not scripted.answers and not scripted.handed_out and not host.done


def test_options_that_make_no_sense_name_what_is_wrong() -> None:
    supervisor = mythos.Mythos.with_store(DictStore()).deployments().supervise("night watch")
    host = StoppingHost()
    for options, field in [
        ({"max_underway": 0}, "max_underway"),
        ({"first_pause_ms": 0}, "first_pause_ms"),
        ({"first_pause_ms": 10, "longest_pause_ms": 9}, "longest_pause_ms"),
        ({"longest_sleep_ms": -1}, "longest_sleep_ms"),
    ]:
        with pytest.raises(mythos.Invalid) as refused:
            EffectLoop(supervisor, host, **options)
        assert refused.value.field == field


class GroupHost(SimulatedHost):
    """Remembers in which order assistants were launched, stopped and killed; who is stubborn does not end when asked to."""

    def __init__(self, rituals: mythos.RitualCompressionCache) -> None:
        super().__init__(rituals)
        self.done: list[tuple[str, str]] = []
        self.is_stubborn = False

    async def launch(self, effect: ProbeEffect) -> Outcome:
        self.done.append(("launch", effect["assistant"]))
        return await super().launch(effect)

    async def stop(self, effect: StopEffect) -> None:
        assert effect["action"]["deadline"] is not None
        if self.is_stubborn:
            await asyncio.Event().wait()
        self.done.append(("stop", effect["assistant"]))

    async def kill(self, effect: KillEffect) -> None:
        assert effect["action"] == {"kind": "kill"}
        self.done.append(("kill", effect["assistant"]))


CREW = ("reader", "checker", "editor", "printer")


@pytest.mark.parametrize(
    ("shutdown", "is_stubborn", "ends"),
    [
        ({"kind": "within", "milliseconds": 60_000}, False, ["stop"]),
        ({"kind": "kill"}, False, ["kill"]),
        # It is asked first, unless its time is over before that, and killed then.
        ({"kind": "within", "milliseconds": 100}, True, ["kill"]),
    ],
)
def test_a_group_is_stopped_in_reverse_order_and_launched_in_order(
    home: mythos.Mythos, shutdown: Shutdown, is_stubborn: bool, ends: list[str]
) -> None:
    supervisor = home.deployments().supervise("night watch")
    supervisor.create_group("crew", {"strategy": "rest_for_one"})
    for member in CREW:
        home.rituals().save(member, "work", f"state of {member}".encode())
        supervisor.start_child("crew", member, {"ritual": "work", "policy": AT_ONCE}, shutdown=shutdown, is_running=True)
    host = GroupHost(home.rituals())
    host.is_stubborn = is_stubborn

    async def main() -> None:
        async with loop_of(supervisor, host) as loop:
            decision = await loop.call(fail, supervisor, "checker")
            assert decision["state"]["kind"] == "waiting"
            await until(lambda: state_of(supervisor, "printer") == "mythpath_ready")
            behind = [(how, member) for member in ("printer", "editor") for how in ends]
            assert host.done == [*behind, ("launch", "checker"), ("launch", "editor"), ("launch", "printer")]
            assert home.deployments().group("night watch", "crew")["state"] == "up"
            # Who is before the one that failed runs on.
            assert (state_of(supervisor, "reader"), supervisor.deployment("reader")["machine"]["run"]) == ("running", 1)

            host.done.clear()
            await loop.call(supervisor.stop_group, "crew", reason="night")
            await until(lambda: home.deployments().group("night watch", "crew")["state"] == "ended")
            assert host.done == [(how, member) for member in reversed(CREW) for how in ends]

    run(main)
    assert supervisor.poll_effects() == []
