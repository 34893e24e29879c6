"""A member of a group: a process that works until it is told to end. `supervise_group.py` launches it with its state."""

import signal
import sys
import threading


def await_end(told: threading.Event) -> None:
    sys.stdin.read()
    told.set()


if __name__ == "__main__":
    name, state = sys.argv[1:]
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    print("ready", name, state, flush=True)
    # Whoever supervises it is gone if its input ends: then nobody would end it.
    threading.Thread(target=await_end, args=(told,), daemon=True).start()
    told.wait()
