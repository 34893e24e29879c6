"""Keeps a chain of real processes alive: when one is killed, those that depend on it are stopped, and all start in order."""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import mythos
from mythos.records import DeploymentSpec, Exit, Outcome
from mythos.supervision import EffectLoop, EscalateEffect, KillEffect, ProbeEffect, StopEffect

MEMBER = Path(__file__).with_name("member.py")
CHAIN = ["reader", "parser", "writer"]
"""Each depends on the one before it."""
DEADLINE_SECONDS = 100
"""Far more than it takes: nothing here may hang."""


class Host:
    """Runs each assistant as a child process, and reports how it ended."""

    def __init__(self, rituals: mythos.RitualCompressionCache, supervisor: mythos.Supervisor) -> None:
        self.rituals = rituals
        self.supervisor = supervisor
        self.loop = EffectLoop(supervisor, self)
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.watchers: set[asyncio.Task[None]] = set()
        self.events: list[tuple[str, str]] = []

    async def launch(self, effect: ProbeEffect) -> Outcome:
        assistant, run = effect["assistant"], effect["run"]
        await self.end(assistant, asyncio.subprocess.Process.kill)
        state = self.rituals.restore(effect["action"]["entry"]["entry"])["payload"].decode()
        pipe = asyncio.subprocess.PIPE
        arguments = [sys.executable, str(MEMBER), assistant, state]
        process = await asyncio.create_subprocess_exec(*arguments, stdin=pipe, stdout=pipe)
        self.processes[assistant] = process
        assert process.stdout is not None
        if await process.stdout.readline() != f"ready {assistant} {state}\n".encode():
            return {"kind": "not_ready", "reason": "it ended before it was ready"}
        self.tell("launched", assistant)
        watcher = asyncio.create_task(self.watch(process, assistant, run))
        self.watchers.add(watcher)
        watcher.add_done_callback(self.watchers.discard)
        return {"kind": "ready"}

    async def stop(self, effect: StopEffect) -> None:
        await self.end(effect["assistant"], asyncio.subprocess.Process.terminate)
        self.tell("stopped", effect["assistant"])

    async def kill(self, effect: KillEffect) -> None:
        await self.end(effect["assistant"], asyncio.subprocess.Process.kill)
        self.tell("killed", effect["assistant"])

    async def escalate(self, effect: EscalateEffect) -> Outcome:
        sys.exit(f"an operator is needed: {effect['action']['escalation']}")

    async def end(self, assistant: str, how: Callable[[asyncio.subprocess.Process], None]) -> None:
        """Returns once nothing of an assistant runs."""
        process = self.processes.get(assistant)
        if process is not None:
            if process.returncode is None:
                how(process)
            await process.wait()

    async def watch(self, process: asyncio.subprocess.Process, assistant: str, run: int) -> None:
        """Reports how a run ended. Of one that was to end, that is no news."""
        status = await process.wait()
        exit: Exit = {"kind": "killed" if status < 0 else "shut_down", "reason": f"status {status}"}
        await self.loop.call(self.supervisor.report_exit, assistant, exit, run=run)

    def tell(self, what: str, assistant: str) -> None:
        print(what, assistant)
        self.events.append((what, assistant))

    async def until_ready(self, *assistants: str) -> None:
        ready = {"mythpath_ready", "running"}
        while not all(self.supervisor.deployment(each)["state"] in ready for each in assistants):
            await asyncio.sleep(0.01)


async def main(directory: Path) -> None:
    with mythos.Mythos.open(directory / "mythos.db") as mine:
        deployments = mine.deployments()
        supervisor = deployments.supervise("parent")
        host = Host(mine.rituals(), supervisor)
        supervisor.create_group("chain", {"strategy": "rest_for_one"})
        async with asyncio.timeout(DEADLINE_SECONDS), host.loop:
            for assistant in CHAIN:
                mine.rituals().save(assistant, "work", b"step-1")
                # One that was killed comes back at once.
                spec: DeploymentSpec = {"ritual": "work", "policy": {"free_restarts": 1}}
                await host.loop.call(supervisor.start_child, "chain", assistant, spec)
                await host.until_ready(assistant)
            reader = host.processes["reader"].pid

            host.events.clear()
            print("kills parser")
            host.processes["parser"].kill()
            # First the one behind it is stopped; then both are launched, the one that others depend on before them.
            while len(host.events) < 3:
                await asyncio.sleep(0.01)
            await host.until_ready(*CHAIN)
            assert host.events == [("stopped", "writer"), ("launched", "parser"), ("launched", "writer")], host.events
            assert host.processes["reader"].pid == reader, "nothing before it was touched"

            host.events.clear()
            await host.loop.call(supervisor.stop_group, "chain", reason="the day is over")
            while deployments.group("parent", "chain")["state"] != "ended":
                await asyncio.sleep(0.01)
        assert host.events == [("stopped", each) for each in reversed(CHAIN)], host.events
        assert all(process.returncode is not None for process in host.processes.values())
        assert [incident["ending"] for incident in deployments.history(assistant="parser")["items"]][-1:] == ["ready"]
    print("parser was killed: writer was stopped, both came back in order, and reader went on")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(main(Path(scratch)))
