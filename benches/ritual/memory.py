"""The memory of this process at its highest."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def peak_bytes() -> int:
    """The most memory that was resident since the last `reset_peak`, or since the start where that does nothing."""
    if STATUS.exists():
        # `ru_maxrss` would not do on Linux: a process inherits there the peak of the one that started it.
        return field("VmHWM")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def present_bytes() -> int:
    """What is resident now; the peak where only that is known."""
    return field("VmRSS") if STATUS.exists() else peak_bytes()


def reset_peak() -> None:
    """Begins to look for the peak anew, where the system can."""
    with suppress(OSError):
        CLEAR.write_text("5")


def children_peak_bytes() -> int:
    """The most memory that was resident in one of the processes that this one started and that ended."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def field(name: str) -> int:
    """A field of the process's status, which is in KiB."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"{STATUS} has no {name}")
