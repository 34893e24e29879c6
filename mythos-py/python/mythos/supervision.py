"""The loop around a `mythos.Supervisor`, for asyncio: effects come to a host, and answers go back.

A `Supervisor` decides, but calls nobody and never waits. An `EffectLoop` does that for it: it fires timers when they are
due, restores and aligns, and calls the methods of your `Host` for all that only a host can do.

    async with EffectLoop(supervisor, host) as loop:
        await loop.call(supervisor.deploy, "ana", {"ritual": "refund"})
        ...
        await loop.call(supervisor.report_failure, "ana", kind="crashed", reason="signal 9")
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypedDict, TypeVar, cast

from ._errors import Conflict, Invalid, MythosError
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

_LOGGER = logging.getLogger(__name__)
_PAGE = 100
"""How many effects one poll asks for."""
_SHORTEST_SLEEP_SECONDS = 0.001
"""A clock that is a little behind the store's must not make the loop spin until a timer is due."""

_Given = TypeVar("_Given")
_Arguments = ParamSpec("_Arguments")


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
    - A call whose effect was overtaken by a later decision, such as a launch past its deadline or a stop that takes too
      long, is cancelled; what was decided instead begins once it has ended.
    - A call that raises, or answers what is no answer to its effect, is made again after a pause.
    - A call may also be made again after the supervisor's process died in the middle of it: it must be harmless to do what
      is done already. The `id` of an effect stays the same, its `epoch` grows.
    """

    async def launch(self, effect: ProbeEffect, /) -> Outcome:
        """Ends whatever still runs of the assistant, launches it from the entry of the action, and sees that it is ready.

        The outcome is `{"kind": "ready"}`, or `{"kind": "not_ready", "reason": ...}`. The run that it makes is
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


class EffectLoop:
    """Runs the effects of a supervisor: use it as an async context manager, or await `run`.

    It sleeps until the supervisor's `next_timeout` or a `wake`, and at most `longest_sleep_ms`, by default a minute, so that
    it notices that the clock was set, or that another supervisor took over. Calls of the supervisor are made in threads of
    asyncio's default executor.

    At most `max_underway` effects, 1 or more, are carried out at once; escalations do not count, since operators take their
    time. What fails is tried again after `first_pause_ms`, doubled with each failure of an assistant in a row up to
    `longest_pause_ms`, and is logged as a warning under the name of this module. All durations are 1 ms or more; anything
    else is `Invalid`, and its field is the option.

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
        _check_positive("max_underway", max_underway)
        _check_positive("first_pause_ms", first_pause_ms)
        _check_positive("longest_sleep_ms", longest_sleep_ms)
        if not longest_pause_ms >= first_pause_ms:
            raise Invalid("the longest pause is at least the first one", field="longest_pause_ms")
        self._supervisor = supervisor
        self._host = host
        self._max_underway = max_underway
        self._pauses = first_pause_ms / 1_000, longest_pause_ms / 1_000
        self._longest_sleep = longest_sleep_ms / 1_000
        self._running: _Run | None = None
        self._background: _Background | None = None

    async def run(self, *, stop: asyncio.Event | None = None) -> None:
        """Runs until `stop` is set, or this is cancelled. A loop runs once at a time, and may be run again."""
        if self._running is not None:
            raise Invalid("this loop runs already")
        self._running = run = _Run(self)
        try:
            await run.until(stop)
        finally:
            try:
                await _to_its_end(run.end())
            finally:
                self._running = None

    def wake(self) -> None:
        """Lets the loop look at once what there is to do. Call it after a report; from any thread."""
        if (run := self._running) is not None:
            run.wake()

    async def call(
        self, method: Callable[_Arguments, _Given], *args: _Arguments.args, **kwargs: _Arguments.kwargs
    ) -> _Given:
        """Makes a call of the supervisor in a thread, such as a report, and wakes the loop.

        Cancelled, it still waits until the call is over.
        """
        try:
            return await _to_its_end(asyncio.to_thread(method, *args, **kwargs))
        finally:
            self.wake()

    async def __aenter__(self) -> Self:
        """Runs the loop beside the block, which is cancelled should the loop fail."""
        if self._background is not None:
            raise Invalid("this loop runs already")
        self._background = _Background(self.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends the loop, and raises what it failed with."""
        background, self._background = self._background, None
        if background is not None:
            await background.leave(raised)

    def _pause(self, failures: int) -> float:
        """How long to wait after so many failures in a row, in seconds."""
        first, longest = self._pauses
        # The exponent is bounded, since a float is.
        return min(longest, first * 2.0 ** min(failures - 1, 64))

    def _sleep(self, due: datetime | None) -> float:
        """How long to sleep until a timer is due, in seconds."""
        if due is None:
            return self._longest_sleep
        left = (due - datetime.now(UTC)).total_seconds()
        return min(max(left, _SHORTEST_SLEEP_SECONDS), self._longest_sleep)


class _Lane:
    """The effects of one assistant, which follow one another."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.task: asyncio.Task[None] | None = None
        """The one that carries out the newest effect; one before it may still be ending."""
        self.effect = ""
        self.failures = 0


class _Run:
    """One run of a loop."""

    def __init__(self, loop: EffectLoop) -> None:
        self._options = loop
        self._supervisor = loop._supervisor
        self._host = loop._host
        self._asyncio = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._halted = asyncio.Event()
        self._failure: MythosError | None = None
        self._slots = asyncio.Semaphore(loop._max_underway)
        self._lanes: dict[str, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[str, str] = {}
        """The id of each assistant's newest effect that was handed out and is not answered."""

    async def until(self, stop: asyncio.Event | None) -> None:
        """Takes turns until `stop` is set or something fails for good."""
        if stop is None:
            return await self._take_turns()
        watcher = asyncio.create_task(stop.wait())
        watcher.add_done_callback(lambda _: self._halt())
        try:
            await self._take_turns()
        finally:
            watcher.cancel()

    async def end(self) -> None:
        """Ends the calls that are underway, and gives back what is not answered."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        for effect in self._held.values():
            self._supervisor.give_back(effect)

    def wake(self) -> None:
        try:
            self._asyncio.call_soon_threadsafe(self._woken.set)
        except RuntimeError:
            # The event loop was closed, and this loop with it.
            return

    def _halt(self) -> None:
        self._halted.set()
        self._woken.set()

    async def _take_turns(self) -> None:
        failures = 0
        while not self._halted.is_set():
            # What comes from here on is seen by this turn, or wakes the next one.
            self._woken.clear()
            try:
                await _to_its_end(asyncio.to_thread(self._supervisor.tick))
                await self._take_effects()
                due = await _to_its_end(asyncio.to_thread(self._supervisor.next_timeout))
            except MythosError as error:
                if _is_replaced(error) or not error.is_retryable:
                    raise
                failures += 1
                pause = self._options._pause(failures)
                _LOGGER.warning("the effects cannot be looked at; next try in %g s", pause, exc_info=error)
                # Not woken before: the store is no better for having more to do.
                await _wait(self._halted, pause)
            else:
                failures = 0
                await _wait(self._woken, self._options._sleep(due))
        if self._failure is not None:
            raise self._failure

    async def _take_effects(self) -> None:
        while True:
            effects = await _to_its_end(self._poll())
            for effect in effects:
                self._begin(effect)
            if len(effects) < _PAGE:
                return

    async def _poll(self) -> list[Effect]:
        effects = await asyncio.to_thread(self._supervisor.poll_effects, limit=_PAGE)
        self._held.update((effect["assistant"], effect["id"]) for effect in effects)
        return effects

    def _begin(self, effect: Effect) -> None:
        """Begins to carry out an effect, in the place of an earlier one of its assistant."""
        lane = self._lanes.setdefault(effect["assistant"], _Lane())
        if lane.task is not None:
            if lane.effect == effect["id"]:
                # A restore that failed is handed out again at once, but waits for its pause.
                return
            lane.task.cancel()
        lane.effect = effect["id"]
        lane.task = task = asyncio.create_task(self._follow(lane, effect))
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if lane.task is task:
                lane.task = None
                if not lane.failures:
                    del self._lanes[effect["assistant"]]
            self._woken.set()
            if not task.cancelled() and (error := task.exception()) is not None:
                self._asyncio.call_exception_handler({"message": "a defect of this loop", "exception": error})

        task.add_done_callback(ended)

    async def _follow(self, lane: _Lane, effect: Effect) -> None:
        """Carries out an effect and those that follow from it, or gives it back after a pause."""
        async with lane.lock:
            current: Effect | None = effect
            try:
                while current is not None:
                    lane.effect = (effect := current)["id"]
                    current = await self._carry_out(effect)
                lane.failures = 0
                return
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                # Something that the host awaited was cancelled, and not the host.
                failure: BaseException = error
            except Exception as error:
                if isinstance(error, MythosError) and _is_replaced(error):
                    self._failure = error
                    return self._halt()
                failure = error
            lane.failures += 1
            pause = self._options._pause(lane.failures)
            what = effect["action"]["kind"], effect["assistant"]
            _LOGGER.warning("the %s of %s failed; next try in %g s", *what, pause, exc_info=failure)
            await asyncio.sleep(pause)
            self._supervisor.give_back(effect["id"])
            self._release(effect)
            # From here on it may be begun again.
            lane.effect = ""

    async def _carry_out(self, effect: Effect) -> Effect | None:
        """Carries out one effect; gives the one that comes next, if it is known already."""
        if effect["action"]["kind"] in ("restore", "align"):
            async with self._slots:
                return await _to_its_end(self._restore(effect))
        outcome = await self._ask(effect)
        if outcome is not None or effect["action"]["kind"] != "escalate":
            # Whoever did what was asked for also says so: it begins before the next cancellation, and comes to its end.
            await self._answer(effect, cast("Outcome", outcome))
        return None

    async def _restore(self, effect: Effect) -> Effect | None:
        following = (await asyncio.to_thread(self._supervisor.carry_out, effect))["next"]
        # A launch has a deadline, which is the next timeout.
        self._woken.set()
        if following is None:
            self._release(effect)
        elif self._held.get(effect["assistant"]) == effect["id"]:
            self._held[effect["assistant"]] = following["id"]
        else:
            # Something newer than this effect was begun, and what follows is newer still: it comes with the next poll.
            self._supervisor.give_back(following["id"])
            return None
        return following

    async def _ask(self, effect: Effect) -> Outcome | None:
        """Has the host do what an effect asks for."""
        kind: str = effect["action"]["kind"]
        if kind == "escalate":
            return await self._host.escalate(cast("EscalateEffect", effect))
        async with self._slots:
            match kind:
                case "probe":
                    return await self._host.launch(cast("ProbeEffect", effect))
                case "stop":
                    await self._host.stop(cast("StopEffect", effect))
                case "kill":
                    await self._host.kill(cast("KillEffect", effect))
                case _:
                    raise Invalid(f"this version knows no action {kind}", field="action")
        return cast("Outcome", {"kind": "stopped"})

    async def _answer(self, effect: Effect, outcome: Outcome) -> None:
        """Answers an effect; only the answer is repeated if the store cannot take it now, not what was done."""
        failures = 0
        while True:
            try:
                await _to_its_end(asyncio.to_thread(self._supervisor.answer, effect["id"], outcome))
                return self._release(effect)
            except MythosError as error:
                if _is_replaced(error) or not error.is_retryable:
                    raise
                failures += 1
                pause = self._options._pause(failures)
                _LOGGER.warning("the answer to %s failed; next try in %g s", effect["id"], pause, exc_info=error)
            await asyncio.sleep(pause)

    def _release(self, effect: Effect) -> None:
        if self._held.get(effect["assistant"]) == effect["id"]:
            del self._held[effect["assistant"]]


class _Background:
    """A loop that runs beside a block, which it cancels should it fail: as `asyncio.TaskGroup` does for its tasks."""

    def __init__(self, run: Coroutine[Any, Any, None]) -> None:
        self._block = asyncio.current_task()
        self._is_left = False
        self._is_block_cancelled = False
        self._task = asyncio.create_task(run)
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not self._is_left and self._block is not None and not task.cancelled() and task.exception() is not None:
            self._is_block_cancelled = self._block.cancel()

    async def leave(self, raised: BaseException | None) -> None:
        self._is_left = True
        self._task.cancel()
        await _to_its_end(_wait_for(self._task))
        failure = None if self._task.cancelled() else self._task.exception()
        is_ours = self._is_block_cancelled and isinstance(raised, asyncio.CancelledError)
        if self._is_block_cancelled and self._block is not None:
            # Cancelled by someone else as well, the block stays so.
            is_ours = self._block.uncancel() == 0 and is_ours
        if failure is not None and (raised is None or is_ours):
            raise failure


async def _wait_for(task: asyncio.Task[None]) -> None:
    await asyncio.wait({task})


async def _to_its_end(work: Coroutine[Any, Any, _Given]) -> _Given:
    """Awaits `work` to its end, also if this is cancelled meanwhile: a call in a thread goes on, and what it gives counts."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            # Seen, so that nobody is told that it never was.
            task.exception()
        raise cancelled
    return task.result()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Waits for an event, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _is_replaced(error: MythosError) -> bool:
    """Whether another supervisor took over."""
    return isinstance(error, Conflict) and error.field == "epoch"


def _check_positive(name: str, value: float) -> None:
    if not (1 <= value < math.inf):
        raise Invalid(f"{name} is 1 or more", field=name)
