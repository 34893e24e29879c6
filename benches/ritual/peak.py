"""The memory that one large state takes beyond itself: `python -m ritual.peak PEER DIRECTORY OPERATION`.

Prints the ratio to the state's 64 MiB of random bytes, which nothing compresses. A save is measured beyond the caller's
buffer, a restore beyond the buffer that it gives to the caller. Each operation runs in a process of its own, in the
order of `OPERATIONS` on the same folder, so that none finds memory that another left.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import memory
from .peers import PEERS

SIZE = 64 * 1024 * 1024
THREAD = "large"

OPERATIONS = {"save": 1, "second_save": 2, "restore": 2}
"""The operations, and the seed of the bytes of each: the restore finds those of the second save."""


def measure(name: str, directory: Path, operation: str) -> float:
    """The ratio of one operation of a peer that takes bytes."""
    peer: Any = PEERS[name]()
    peer.open(directory)
    # What a first call sets up is not the state's.
    peer.save_bytes(f"small-{operation}", b"{}")
    peer.newest_bytes(f"small-{operation}")
    payload = random.Random(OPERATIONS[operation]).randbytes(SIZE)
    if operation == "restore":
        restored, ratio = beyond(lambda: peer.newest_bytes(THREAD))
        if restored != payload:
            raise AssertionError("the restored bytes are others than the saved ones")
        ratio -= 1
    else:
        _, ratio = beyond(lambda: peer.save_bytes(THREAD, payload))
    peer.close()
    return ratio


def beyond(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and the peak of memory in it beyond what was resident before."""
    memory.reset_peak()
    before = memory.present_bytes()
    result = work()
    return result, (memory.peak_bytes() - before) / SIZE


if __name__ == "__main__":
    print(measure(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
