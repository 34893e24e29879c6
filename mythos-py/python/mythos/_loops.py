"""The loop that all effects are run by: those of a `mythos.Supervisor`, and those of a `mythos.Healer`.

`Driven` says what differs between them.
"""

from __future__ import annotations

import asyncio
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Hashable
from datetime import UTC, datetime
from enum import Enum
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar

from ._errors import Conflict, Invalid, Limit, MythosError, NotFound

__all__ = ["OPEN", "Driven", "Loop", "Open"]

_PAGE = 100
"""How many effects one poll asks for."""
_MAX_ASKED = 1_000
"""About how many effects one call asks whether they are pending: as many as the library takes."""
_SHORTEST_SLEEP_SECONDS = 0.001
"""A clock that is a little behind the store's must not make the loop spin until a timer is due."""
_STUCK_TURNS = 10
"""After so many turns in a row in which a timer was due and did not fire, it is logged. The shortest sleep is doubled with each
of them, and not after: about a second, since timers behind that one may be due."""

_Effect = TypeVar("_Effect")
_Answer = TypeVar("_Answer")
_Given = TypeVar("_Given")
_Arguments = ParamSpec("_Arguments")


class Open(Enum):
    """That an effect is not answered now."""

    OPEN = "open"


OPEN = Open.OPEN


class Driven(ABC, Generic[_Effect, _Answer]):
    """Who decides, and who carries out: what one kind of loop is about. Methods that are not `async` run in threads.

    The exceptions are `lane`, `identity`, `words`, `is_own` and `waits_for_people`, which only look at an effect.
    """

    logger: logging.Logger

    @abstractmethod
    def fire(self) -> bool:
        """Fires the timers that are due. Whether that decided anything."""

    @abstractmethod
    def poll(self, limit: int) -> list[_Effect]:
        """Hands effects out."""

    @abstractmethod
    def next_timeout(self) -> datetime | None:
        """When to fire timers again."""

    @abstractmethod
    def still_pending(self, effects: list[_Effect]) -> set[Hashable]:
        """The identities of those that are pending still."""

    @abstractmethod
    def give_back(self, effect: _Effect) -> None:
        """Takes an effect back."""

    @abstractmethod
    def carry_out(self, effect: _Effect) -> _Effect | None:
        """Does what the library does itself. What comes next, if it is known already."""

    @abstractmethod
    def answer(self, effect: _Effect, answer: _Answer) -> None:
        """Records what the host answers."""

    @abstractmethod
    async def ask(self, effect: _Effect) -> _Answer | Open:
        """Has the host do what an effect asks for. What it gives is not checked."""

    @abstractmethod
    def instead(self, effect: _Effect, refused: MythosError) -> _Answer | Open:
        """What to answer in the place of an answer that was refused."""

    @abstractmethod
    def lane(self, effect: _Effect) -> Hashable:
        """What effects that follow one another have in common."""

    @abstractmethod
    def identity(self, effect: _Effect) -> Hashable:
        """What is the same whenever an effect is handed out."""

    @abstractmethod
    def words(self, effect: _Effect) -> tuple[str, str]:
        """What it is, and of whom."""

    @abstractmethod
    def is_own(self, effect: _Effect) -> bool:
        """Whether the library carries it out itself."""

    @abstractmethod
    def waits_for_people(self, effect: _Effect) -> bool:
        """Whether it may be underway for days, and so counts among none that are underway at once."""


class Loop:
    """Runs effects: use it as an async context manager, or await `run`."""

    _driven: Driven[Any, Any]

    def __init__(
        self,
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
        """Makes a call in a thread, such as a report, and wakes the loop.

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

    def _sleep(self, due: datetime | None, stuck: int) -> float:
        """How long to sleep until a timer is due, in seconds; `stuck` turns in a row found it due, and it did not fire."""
        if due is None:
            return self._longest_sleep
        left = (due - datetime.now(UTC)).total_seconds()
        shortest = _SHORTEST_SLEEP_SECONDS * 2.0 ** min(stuck, _STUCK_TURNS)
        return min(max(left, shortest), self._longest_sleep)


class _Lane:
    """Effects that follow one another, such as those of an assistant."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.task: asyncio.Task[None] | None = None
        """The one that carries out the newest effect; one before it may still be ending."""
        self.effect: Hashable = None
        """The identity of that effect."""
        self.asked: Any = None
        """The effect itself, while the host carries it out, or a failure of the host is waited out."""
        self.failures = 0


class _Run:
    """One run of a loop."""

    def __init__(self, loop: Loop) -> None:
        self._options = loop
        self._driven = loop._driven
        self._logger = loop._driven.logger
        self._asyncio = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._halted = asyncio.Event()
        self._failure: MythosError | None = None
        self._slots = asyncio.Semaphore(loop._max_underway)
        self._lanes: dict[Hashable, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[Hashable, Any] = {}
        """The newest effect of each lane that was handed out and is not answered."""
        self._stuck = 0
        """In how many turns in a row a timer was due and did not fire."""

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
            await asyncio.to_thread(self._driven.give_back, effect)

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
                has_fired = await _to_its_end(asyncio.to_thread(self._driven.fire))
                await self._take_effects()
                await self._drop_overtaken()
                due = await _to_its_end(asyncio.to_thread(self._driven.next_timeout))
            except MythosError as error:
                if _is_replaced(error) or not error.is_retryable:
                    raise
                failures += 1
                pause = self._options._pause(failures)
                self._logger.warning("the effects cannot be looked at; next try in %g s", pause, exc_info=error)
                # Not woken before: the store is no better for having more to do.
                await _wait(self._halted, pause)
            else:
                failures = 0
                self._count_stuck(has_fired, due)
                await _wait(self._woken, self._options._sleep(due, self._stuck))
        if self._failure is not None:
            raise self._failure

    def _count_stuck(self, has_fired: bool, due: datetime | None) -> None:
        """Notices a timer that is due and does not fire, as that of a record that cannot be changed."""
        if has_fired or due is None or due > datetime.now(UTC):
            self._stuck = 0
            return
        self._stuck += 1
        if self._stuck == _STUCK_TURNS:
            self._logger.warning("a timer was due at %s and does not fire: a record may be damaged", due.isoformat())

    async def _take_effects(self) -> None:
        while True:
            effects = await _to_its_end(self._poll())
            for effect in effects:
                self._begin(effect)
            if len(effects) < _PAGE:
                return

    async def _poll(self) -> list[Any]:
        effects = await asyncio.to_thread(self._driven.poll, _PAGE)
        self._held.update((self._driven.lane(effect), effect) for effect in effects)
        return effects

    async def _drop_overtaken(self) -> None:
        """Cancels what a later decision overtook without asking for anything instead: a stop, a launch by the host."""
        asked = [(lane, lane.asked) for lane in self._lanes.values() if lane.asked is not None]
        for first in range(0, len(asked), _MAX_ASKED):
            page = asked[first : first + _MAX_ASKED]
            effects = [effect for _, effect in page]
            pending = await _to_its_end(asyncio.to_thread(self._driven.still_pending, effects))
            for lane, effect in page:
                # It may have gone on meanwhile.
                if lane.asked is effect and lane.task is not None and self._driven.identity(effect) not in pending:
                    self._release(effect)
                    lane.failures = 0
                    lane.task.cancel()

    def _begin(self, effect: Any) -> None:
        """Begins to carry out an effect, in the place of an earlier one of its lane."""
        key = self._driven.lane(effect)
        lane = self._lanes.setdefault(key, _Lane())
        if lane.task is not None:
            if lane.effect == self._driven.identity(effect):
                # A restore that failed is handed out again at once, but waits for its pause.
                return
            lane.task.cancel()
        lane.effect = self._driven.identity(effect)
        lane.task = task = asyncio.create_task(self._follow(lane, effect))
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if lane.task is task:
                lane.task = None
                if not lane.failures:
                    del self._lanes[key]
            self._woken.set()
            if not task.cancelled() and (error := task.exception()) is not None:
                self._asyncio.call_exception_handler({"message": "a defect of this loop", "exception": error})

        task.add_done_callback(ended)

    async def _follow(self, lane: _Lane, effect: Any) -> None:
        """Carries out an effect and those that follow from it, or gives it back after a pause."""
        async with lane.lock:
            current: Any = effect
            try:
                while current is not None:
                    effect = current
                    lane.effect = self._driven.identity(effect)
                    current = await self._carry_out(lane, effect)
                lane.failures = 0
                return
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    lane.asked = None
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
            words = self._driven.words(effect)
            self._logger.warning("the %s of %s failed; next try in %g s", *words, pause, exc_info=failure)
            try:
                await asyncio.sleep(pause)
            finally:
                lane.asked = None
            # From here on it may be begun again.
            lane.effect = None
            self._release(effect)
            await _to_its_end(asyncio.to_thread(self._driven.give_back, effect))

    async def _carry_out(self, lane: _Lane, effect: Any) -> Any | None:
        """Carries out one effect; gives the one that comes next, if it is known already."""
        if self._driven.is_own(effect):
            async with self._slots:
                return await _to_its_end(self._restore(effect))
        if self._driven.waits_for_people(effect):
            answer = await self._ask(lane, effect)
        else:
            async with self._slots:
                answer = await self._ask(lane, effect)
        if answer is not OPEN:
            # Whoever did what was asked for also says so: it begins before the next cancellation, and comes to its end.
            await self._answer(effect, answer)
        return None

    async def _restore(self, effect: Any) -> Any | None:
        following = await asyncio.to_thread(self._driven.carry_out, effect)
        # A launch has a deadline, which is the next timeout.
        self._woken.set()
        key, identity = self._driven.lane(effect), self._driven.identity
        if following is None:
            self._release(effect)
        elif key in self._held and identity(self._held[key]) == identity(effect):
            self._held[key] = following
        else:
            # Something newer than this effect was begun, and what follows is newer still: it comes with the next poll.
            await asyncio.to_thread(self._driven.give_back, following)
            return None
        return following

    async def _ask(self, lane: _Lane, effect: Any) -> Any:
        """Has the host do what an effect asks for, unless that was overtaken while others were underway."""
        if not await _to_its_end(asyncio.to_thread(self._driven.still_pending, [effect])):
            self._release(effect)
            return OPEN
        # From here on until it ends, it is looked after whether it is overtaken.
        lane.asked = effect
        answer = await self._driven.ask(effect)
        lane.asked = None
        return answer

    async def _answer(self, effect: Any, answer: Any) -> None:
        """Answers an effect; only the answer is repeated if the store cannot take it now, not what was done."""
        failures = 0
        is_replaced = False
        while True:
            try:
                await _to_its_end(asyncio.to_thread(self._driven.answer, effect, answer))
                return self._release(effect)
            except NotFound:
                # It is supervised no more: nobody waits for the answer.
                return self._release(effect)
            except (Invalid, Limit) as error:
                # What was done is not done again for the sake of words: that could go on for ever.
                if is_replaced:
                    raise
                is_replaced = True
                words = self._driven.words(effect)
                instead = self._driven.instead(effect, error)
                said = "it stays open" if instead is OPEN else f"answered in its place: {instead}"
                self._logger.error("the answer to the %s of %s is refused; %s", *words, said, exc_info=error)
                if instead is OPEN:
                    return
                answer = instead
                continue
            except MythosError as error:
                if _is_replaced(error) or not error.is_retryable:
                    raise
                failures += 1
                pause = self._options._pause(failures)
                words = self._driven.words(effect)
                self._logger.warning("the answer to the %s of %s failed; next try in %g s", *words, pause, exc_info=error)
            await asyncio.sleep(pause)

    def _release(self, effect: Any) -> None:
        key = self._driven.lane(effect)
        if key in self._held and self._driven.identity(self._held[key]) == self._driven.identity(effect):
            del self._held[key]


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
