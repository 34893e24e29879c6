"""An agent that can be killed at any moment: it saves its state after each step, and does nothing twice.

Its work is to write a line for each item to a file, as others would send a letter. `supervise.py` launches it.
"""

import json
import sys
import time
from pathlib import Path

import mythos
from mythos.records import Resolution, StepRun

ITEMS = 12
STEP_SECONDS = 0.02
"""So long a step takes, so that a kill comes in the middle of one."""
WHOSE = ("ana", "letters")


def main(database: str, ledger: Path, entry: str, epoch: str, run: str) -> None:
    with mythos.Mythos.open(database) as mine:
        rituals, steps = mine.rituals(), mine.steps()
        done: list[int] = json.loads(rituals.restore(entry)["payload"])
        # From here on, an earlier run that is not quite dead can begin nothing more.
        launched: StepRun = {"epoch": int(epoch), "run": int(run)}
        for doubtful in steps.after_restore(*WHOSE, entry=entry, run=launched)["in_doubt"]["items"]:
            # It was begun, and then the agent died: only the outside world knows whether it was done.
            resolution: Resolution = {"kind": "did_not_happen"}
            if doubtful["key"] in ledger.read_text().split("\n"):
                resolution = {"kind": "happened", "outcome": b"found"}
            steps.resolve(*WHOSE, doubtful["key"], attempt=doubtful["attempt"], resolution=resolution)
        print("ready", len(done), flush=True)

        for item in range(len(done) + 1, ITEMS + 1):
            key = f"letter {item}"
            print("begins", item, flush=True)
            begun = steps.begin(*WHOSE, key, b"send it", run=launched)
            if begun["kind"] == "begun":
                time.sleep(STEP_SECONDS)
                with ledger.open("a") as file:
                    file.write(f"{key}\n")
                steps.complete(*WHOSE, key, b"sent", attempt=begun["attempt"])
            done.append(item)
            entry = rituals.save(*WHOSE, json.dumps(done).encode(), parent={"kind": "entry", "entry": entry})["entry"]
            print("saved", item, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
