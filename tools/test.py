#!/usr/bin/env python3
"""Runs everything the project promises, and prints one summary.

Each step is a command in the list below; its output goes to the terminal and to build/logs. A step's tests are counted
from the summary lines of its runner; a step without a runner counts as one. The last line is `N passed, N failed`.

Usage: tools/test.py [STEP ...]     (all steps, or those named)
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "logs"
VENV = ROOT / ".venv"
FRESH = ROOT / "build" / "fresh-venv"
PYTHON = VENV / "bin" / "python"
NODE = ROOT / "mythos-node"
FUZZ_SECONDS = os.environ.get("FUZZ_SECONDS", "5")

# (name, directory, command, extra environment)
STEPS = [
    ("format", ".", "cargo fmt --all --check", {}),
    ("lint", ".", "cargo clippy --workspace --all-targets --locked -- -D warnings", {}),
    ("rust", ".", "cargo test --workspace --locked --no-fail-fast", {}),
    ("rust-docs", ".", "cargo doc --workspace --no-deps --locked", {"RUSTDOCFLAGS": "-D warnings"}),
    ("readme", ".", "tools/readme.py", {}),
    ("rust-quickstart", ".", "cargo run --locked -q -p mythos-examples --bin quickstart && cargo run --locked -q -p mythos-examples --bin pay_once && cargo run --locked -q -p mythos-examples --bin restart_together && cargo run --locked -q -p mythos-examples --bin heal_stall", {}),
    ("python-setup", ".", "tools/python_setup.sh", {}),
    ("python", "mythos-py", f"{FRESH}/bin/python -m pytest -q", {}),
    ("python-types", "mythos-py", f"{FRESH}/bin/python -m mypy --strict tests/typing_sample.py ../examples/python", {}),
    ("python-stubs", "mythos-py", f"{FRESH}/bin/python -m mypy.stubtest mythos --allowlist tests/stubtest_allowlist.txt", {}),
    ("python-quickstart", ".", f"{FRESH}/bin/python examples/quickstart.py && {FRESH}/bin/python examples/python/supervise.py && {FRESH}/bin/python examples/python/supervise_group.py", {}),
    ("node-install", "mythos-node", "npm ci --no-audit --no-fund", {}),
    ("node-build", "mythos-node", "npm run build", {}),
    ("node-types", "mythos-node", "npm run check", {}),
    ("node", "mythos-node", "npm test", {}),
    ("browser", "mythos-node", "node --test test/browser/evidence.mjs", {}),
    ("node-quickstart", ".", "npm ci --prefix examples --no-audit --no-fund && node examples/quickstart.mjs && node examples/node/supervise.mjs && node examples/node/supervise_group.mjs", {}),
    ("fuzz", ".", f"fuzz/run.sh {FUZZ_SECONDS}", {}),
]

# What the runners print about passed and failed tests.
COUNTS = [
    re.compile(r"^test result: \w+\. (?P<passed>\d+) passed; (?P<failed>\d+) failed", re.M),
    re.compile(r"^=* ?(?:(?P<failed>\d+) failed, )?(?P<passed>\d+) passed(?:, \d+ \w+)* in ", re.M),
    re.compile(r"^(?:#|ℹ) pass (?P<passed>\d+)$", re.M),
    re.compile(r"^(?:#|ℹ) fail (?P<failed>\d+)$", re.M),
]


def install(program: str, *packages: str) -> bool:
    """Installs a program that is missing through apt where that is possible, and says whether it is there."""
    if shutil.which(program):
        return True
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        return subprocess.run(["apt-get", "install", "-qq", "-y", *packages], check=False).returncode == 0
    return False


def require(program: str, package: str) -> None:
    """Installs what many steps need, and otherwise names it."""
    if not install(program, package):
        sys.exit(f"`{program}` is needed: install the package {package} and run this again")


def run(name: str, directory: str, command: str, environment: dict[str, str]) -> tuple[int, int, float]:
    """Runs one step; returns how many tests passed and failed, and the seconds it took."""
    print(f"\n=== {name}: {command}", flush=True)
    started = time.monotonic()
    output: list[str] = []
    with (LOGS / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=ROOT / directory,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line)
            log.write(line)
            print(line, end="", flush=True)
        status = process.wait()
    text = re.sub(r"\x1b\[[0-9;]*m", "", "".join(output))
    passed = failed = 0
    for pattern in COUNTS:
        for match in pattern.finditer(text):
            groups = match.groupdict()
            passed += int(groups.get("passed") or 0)
            failed += int(groups.get("failed") or 0)
    if passed + failed == 0:
        passed, failed = (1, 0) if status == 0 else (0, 1)
    elif status != 0 and failed == 0:
        failed = 1
    return passed, failed, time.monotonic() - started


def main() -> int:
    wanted = sys.argv[1:] or [name for name, *_ in STEPS]
    unknown = set(wanted) - {name for name, *_ in STEPS}
    if unknown:
        sys.exit(f"there is no step {', '.join(sorted(unknown))}; there are {', '.join(n for n, *_ in STEPS)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    for program, package in [("cc", "gcc"), ("c++", "g++"), ("node", "nodejs"), ("npm", "npm")]:
        require(program, package)
    if "browser" in wanted and "CHROMIUM" not in os.environ:
        # Without it the step fails, and says what to install.
        install("chromium", "--no-install-recommends", "chromium")
    results = [(step[0], *run(*step)) for step in STEPS if step[0] in wanted]
    print("\n" + "=" * 60)
    for name, passed, failed, seconds in results:
        print(f"{name:20} {passed:6} passed {failed:4} failed {seconds:8.1f} s")
    print("=" * 60)
    passed, failed = sum(r[1] for r in results), sum(r[2] for r in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
