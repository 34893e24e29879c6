"""What programs read: lines `figure ritual.SET.NAME VALUE`, of MythOS beside its peers."""

from __future__ import annotations

from typing import Any

Results = dict[str, dict[str, Any]]
"""What was measured of each peer on one set."""

Duels = dict[str, list[dict[str, Any]]]
"""What was measured of MythOS, of SqliteSaver and of packing alone taking turns, by durability."""


def figures(results: Results, duels: Duels) -> dict[str, float]:
    """The figures of one set, as far as the peers they compare with ran.

    - `payload_over_git_gc`: the bytes MythOS keeps of states over git's pack;
      `payload_less_second_whole_over_git_gc`: without what it keeps of the entry before the newest to have it whole;
      `payload_over_git_states`: over what the states alone take in git's pack, without commits and trees.
    - `file_over_git_gc`: MythOS's whole file, less an empty one, over git's pack.
    - `metadata_bytes_per_entry`: the rest of the file, less an empty one.
    - `bytes_over_sqlitesaver`: whole files.
    - `newest_over_sqlitesaver`: the median restore of the newest, by the wall, taking turns; `newest_unfinished_...`
      before MythOS compacted anything. All at `synchronous=FULL`, and with `_normal` at the end, at `NORMAL`.
    - `save_over_sqlitesaver`: the median processor time of a save, taking turns; `save_wall_...` by the wall.
    - `write_over_sqlitesaver`: the mean processor time of an entry, with all that finishing takes.
    - `random_over_newest_p99`: MythOS's 99th percentiles of restoring random old entries and the newest.
    - `list100_ms`: the median of listing the newest 100 entries of the largest thread.
    """
    found: dict[str, float] = {}
    full = results.get("mythos-full")
    if full is None:
        return found
    file = full["sizes"]["file"] - full["empty"]
    found["metadata_bytes_per_entry"] = (file - full["payload"]) / full["entries"]
    found["random_over_newest_p99"] = full["random"]["p99"] / full["newest"]["p99"]
    found["list100_ms"] = full["list"]["p50"]
    if git := results.get("git-gc"):
        pack = git["sizes"]["file"]
        found["payload_over_git_gc"] = full["payload"] / pack
        found["payload_less_second_whole_over_git_gc"] = (full["payload"] - full["second_whole"]) / pack
        found["payload_over_git_states"] = full["payload"] / git["payload"]
        found["file_over_git_gc"] = file / pack
    if saver := results.get("sqlitesaver-full"):
        found["bytes_over_sqlitesaver"] = full["sizes"]["file"] / saver["sizes"]["file"]
        found["write_over_sqlitesaver"] = write_cpu(full) / write_cpu(saver)
    for durability, (mythos, saver, _) in duels.items():
        suffix = "" if durability == "full" else f"_{durability}"
        for phase in ("newest", "newest_unfinished"):
            found[f"{phase}_over_sqlitesaver{suffix}"] = mythos[phase]["p50"] / saver[phase]["p50"]
        found[f"save_over_sqlitesaver{suffix}"] = mythos["save"]["cpu_p50"] / saver["save"]["cpu_p50"]
        found[f"save_wall_over_sqlitesaver{suffix}"] = mythos["save"]["p50"] / saver["save"]["p50"]
    return found


def write_cpu(result: dict[str, Any]) -> float:
    """The processor time of an entry from its save until nothing is left to do, in milliseconds."""
    total: float = result["save_cpu_per_entry"] + result["finish_cpu_per_entry"]
    return total


def peak_figures(peaks: dict[str, dict[str, float]]) -> dict[str, float]:
    """The memory of one state of 64 MiB beyond the state; `peak_over_state` is the first save or the restore."""
    ratios = peaks.get("mythos-full")
    if ratios is None:
        return {}
    named = {f"peak_{operation}_over_state": ratio for operation, ratio in ratios.items()}
    return {"peak_over_state": max(ratios["save"], ratios["restore"]), **named}


def print_figures(name: str, found: dict[str, float]) -> None:
    """Prints the figures of one set."""
    for figure, value in found.items():
        print(f"figure ritual.{name}.{figure} {value:.3f}")
