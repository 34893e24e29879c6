"""`python -m ritual`: measures every peer on every set, prints tables and figures, and draws the chart."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from . import chart, table
from .convert import convert
from .figures import Duels, Results, figures, peak_figures, print_figures
from .peak import OPERATIONS
from .peers import PEERS
from .sets import StateSet, find_sets

PACKAGE = Path(__file__).resolve().parent
BUILD = PACKAGE.parent.parent / "build" / "bench-ritual"
CHART = PACKAGE / "ritual.svg"

# Who takes turns, by durability.
DUELS = {
    "full": ("mythos-full", "sqlitesaver-full"),
    "normal": ("mythos-normal", "sqlitesaver-normal"),
}

# The peers that are asked for the memory of one large state.
PEAK_PEERS = ["mythos-full", "sqlitesaver-full"]
PEAK_SET = "random-64mib"

LONGEST_RUN_SECONDS = 3600

NO_DATA = """\
There is nothing to measure. Give either
  MYTHOS_STATES=DIRECTORY   a folder of sets, each a folder of SESSION.jsonl files with one state (a JSON object) a line
  MYTHOS_DATA=DIRECTORY     a folder that holds trajectories/, of which sets are made
The recorded agent runs that the project measures with are public:
  cd benches && python3 -m ritual.fetch ../build/data/trajectories && cd .. && make bench-ritual MYTHOS_DATA=build/data
benches/ritual/README.md says more."""


def main() -> int:
    """Measures; returns how many measurements failed."""
    parser = argparse.ArgumentParser(prog="ritual", description="Compares checkpoint stores.")
    parser.add_argument("--peers", type=names, default=list(PEERS), help="some peers, separated by commas")
    parser.add_argument("--sets", type=names, default=None, help="some sets, separated by commas")
    parser.add_argument("--chart", type=Path, default=CHART, help="where the chart goes")
    options = parser.parse_args()

    started = time.monotonic()
    sets = [states for states in find_sets(states_directory()) if options.sets is None or states.name in options.sets]
    if not sets:
        sys.exit(NO_DATA)
    print_machine()
    measured: dict[str, Results] = {}
    dueled: dict[str, Duels] = {}
    failures = 0
    for states in sets:
        results, skipped, failed = measure_set(states, options.peers)
        failures += failed
        measured[states.name] = results
        table.print_set(states.name, results, skipped)
        dueled[states.name], failed = measure_duels(states, results)
        failures += failed
        table.print_duels(dueled[states.name])
    peaks, failed = measure_peaks([peer for peer in PEAK_PEERS if peer in options.peers])
    failures += failed
    print()
    for name, results in measured.items():
        print_figures(name, figures(results, dueled[name]))
    print_figures(PEAK_SET, peak_figures(peaks))
    (BUILD / "results.json").write_text(json.dumps({"sets": measured, "duels": dueled, "peaks": peaks}, indent=1))
    chart.write(measured, options.chart)
    print(f"\n{time.monotonic() - started:.0f} s; all numbers: {BUILD / 'results.json'}; the chart: {options.chart}")
    return failures


def names(text: str) -> list[str]:
    """The parts of a list on the command line."""
    return text.split(",")


def states_directory() -> Path:
    """The folder of sets, made of agent runs if need be."""
    if states := os.environ.get("MYTHOS_STATES"):
        return Path(states)
    if data := os.environ.get("MYTHOS_DATA"):
        trajectories = Path(data) / "trajectories"
        if not trajectories.is_dir():
            sys.exit(f"{trajectories} is not a folder\n{NO_DATA}")
        states_made = BUILD / "states"
        shutil.rmtree(states_made, ignore_errors=True)
        convert(trajectories, states_made)
        return states_made
    sys.exit(NO_DATA)


def print_machine() -> None:
    """Prints what was compared, and on what."""
    versions = {name: metadata.version(name) for name in ("mythos", "langgraph-checkpoint-sqlite", "zstandard")}
    if shutil.which("git"):
        versions["git"] = subprocess.run(["git", "version"], capture_output=True, text=True).stdout.split()[-1]
    versions |= {"Python": platform.python_version(), "its SQLite": sqlite3.sqlite_version}
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    print(f"{platform.machine()}, {os.cpu_count()} cores{load}; stores under {BUILD}")


def measure_set(states: StateSet, peers: list[str]) -> tuple[Results, dict[str, str], int]:
    """What was measured of each peer, why of others nothing was, and how many failed."""
    results: Results = {}
    skipped: dict[str, str] = {}
    failed = 0
    for peer in peers:
        print(f"  measuring {peer} on {states.name}", file=sys.stderr, flush=True)
        try:
            result = run_module("measure", peer, states.path.resolve(), fresh_directory())
        except RuntimeError as error:
            skipped[peer] = str(error)
            failed += 1
            continue
        if "skipped" in result:
            skipped[peer] = result["skipped"]
        else:
            results[peer] = result
    return results, skipped, failed


def measure_duels(states: StateSet, results: Results) -> tuple[Duels, int]:
    """What was measured of those that take turns, if both ran alone, and how many failed."""
    duels: Duels = {}
    failed = 0
    for durability, pair in DUELS.items():
        if not results.keys() >= set(pair):
            continue
        try:
            duels[durability] = run_module("duel", states.path.resolve(), fresh_directory(), *pair)
        except RuntimeError as error:
            print(f"  {pair[0]} and {pair[1]} taking turns: not measured: {error}")
            failed += 1
    return duels, failed


def measure_peaks(peers: list[str]) -> tuple[dict[str, dict[str, float]], int]:
    """The memory of one large state in each of `peers`, and how many failed."""
    peaks: dict[str, dict[str, float]] = {}
    failed = 0
    for peer in peers:
        directory = fresh_directory()
        try:
            peaks[peer] = {name: run_module("peak", peer, directory, name) for name in OPERATIONS}
        except RuntimeError as error:
            print(f"  {peer}: the memory of a large state was not measured: {error}")
            failed += 1
    if peaks:
        print("\nmemory of one state of 64 MiB of random bytes beyond the state, as a multiple of it")
        rows = [[peer, "", *(f"{ratios[name]:.2f}" for name in OPERATIONS)] for peer, ratios in peaks.items()]
        table.print_table(["peer", "", *(name.replace("_", " ") for name in OPERATIONS)], rows)
    shutil.rmtree(fresh_directory())
    return peaks, failed


def run_module(module: str, *arguments: Path | str) -> Any:
    """What a module of this package prints in a process of its own."""
    command = [sys.executable, "-m", f"ritual.{module}", *map(str, arguments)]
    try:
        done = subprocess.run(
            command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=LONGEST_RUN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not done after {LONGEST_RUN_SECONDS} s") from None
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip() or f"ended with {done.returncode}").splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def fresh_directory() -> Path:
    """An empty folder on the disk that is measured."""
    directory = BUILD / "work"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
