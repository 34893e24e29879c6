"""Keeps a real process alive: the agent in `agent.py` is killed again and again, and its work is done once and wholly."""

import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

import mythos
from mythos.records import Exit, Outcome
from mythos.supervision import EffectLoop, EscalateEffect, KillEffect, ProbeEffect, StopEffect

AGENT = Path(__file__).with_name("agent.py")
ITEMS = 12
KILLS = [("begins", 3), ("saved", 5), ("begins", 9)]
"""What the agent has said when it is killed: in the middle of a step, or right behind one."""
DEADLINE_SECONDS = 100
"""Far more than it takes: nothing here may hang."""


class Host:
    """Launches the agent as a child process, sees when it is ready, and reports how it ended."""

    def __init__(self, supervisor: mythos.Supervisor, *arguments: Path) -> None:
        self.supervisor = supervisor
        self.arguments = arguments
        self.loop = EffectLoop(supervisor, self)
        self.process: asyncio.subprocess.Process | None = None
        self.watcher: asyncio.Task[None] | None = None
        self.kills = list(KILLS)
        self.saved = 0
        self.has_completed = asyncio.Event()

    async def start(self, entry: str, run: int) -> Outcome:
        """Launches a run from an entry."""
        arguments = [*map(str, self.arguments), entry, str(self.supervisor.epoch), str(run)]
        self.process = process = await asyncio.create_subprocess_exec(
            sys.executable, str(AGENT), *arguments, stdout=asyncio.subprocess.PIPE
        )
        said = (await lines_of(process).readline()).split()
        if said[:1] != [b"ready"]:
            return {"kind": "not_ready", "reason": "it ended before it was ready"}
        restored = int(said[1])
        print(f"run {run} begins behind step {restored}")
        if restored < self.saved:
            sys.exit(f"step {self.saved} was saved, and is lost")
        self.watcher = asyncio.create_task(self.watch(process, run))
        return {"kind": "ready"}

    async def watch(self, process: asyncio.subprocess.Process, run: int) -> None:
        """Listens to a run, kills it when its time has come, and reports its end."""
        async for line in lines_of(process):
            word, step = line.decode().split()
            if word == "saved":
                self.saved = int(step)
            if self.kills and self.kills[0] == (word, int(step)):
                self.kills.pop(0)
                process.send_signal(signal.SIGKILL)
        status = await process.wait()
        print(f"run {run} ended with status {status}")
        end: Exit = {"kind": "completed", "reason": "all is done"}
        if status != 0:
            end = {"kind": "killed" if status < 0 else "failed", "reason": f"status {status}"}
        decision = await self.loop.call(self.supervisor.report_exit, "ana", end, run=run)
        if decision["state"]["kind"] == "completed":
            self.has_completed.set()

    # What the loop asks for.

    async def launch(self, effect: ProbeEffect) -> Outcome:
        await self.end()
        return await self.start(effect["action"]["entry"]["entry"], effect["run"])

    async def stop(self, effect: StopEffect) -> None:
        await self.end()

    async def kill(self, effect: KillEffect) -> None:
        await self.end()

    async def escalate(self, effect: EscalateEffect) -> Outcome:
        sys.exit(f"an operator is needed: {effect['action']['escalation']}")

    async def end(self) -> None:
        """Ends whatever still runs."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


def lines_of(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    assert process.stdout is not None
    return process.stdout


async def main(directory: Path) -> None:
    database, ledger = directory / "mythos.db", directory / "ledger.txt"
    ledger.touch()
    with mythos.Mythos.open(database) as mine:
        first = mine.rituals().save("ana", "letters", b"[]")
        supervisor = mine.deployments().supervise("parent")
        host = Host(supervisor, database, ledger)
        decision = supervisor.deploy(
            "ana",
            # An agent that is done is not restarted, and one that was killed comes back at once.
            {"ritual": "letters", "policy": {"exits": {"restart": "transient"}, "free_restarts": len(KILLS)}},
        )
        async with asyncio.timeout(DEADLINE_SECONDS), host.loop:
            assert await host.start(first["entry"], decision["run"]) == {"kind": "ready"}
            await host.has_completed.wait()

        assert not host.kills
        letters = [f"letter {item}" for item in range(1, ITEMS + 1)]
        assert ledger.read_text().split("\n") == [*letters, ""], "each letter was sent once, in order"
        last = mine.rituals().latest("ana", "letters")
        assert last is not None and json.loads(last["payload"]) == list(range(1, ITEMS + 1))
        incidents = mine.deployments().history(assistant="ana")["items"]
        assert [incident["ending"] for incident in incidents] == ["ready"] * len(KILLS)
        entries = mine.rituals().list()["items"]
        assert all(mine.rituals().verify(entry["entry"])["verified"] for entry in entries)
        print(f"killed {len(KILLS)} times: {ITEMS} letters sent, none twice; {len(entries)} checkpoints verified")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(main(Path(scratch)))
