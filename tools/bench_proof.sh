#!/usr/bin/env bash
# Compares the codex log with other proof logs; arguments go to the comparison.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$PWD/build/bench-proof
[ -x "$build/venv/bin/python" ] || python3 -m venv "$build/venv"
"$build/venv/bin/python" -m pip install --quiet --requirement benches/proof/requirements.txt
export WITNESS_LOG="$build/venv/bin/python benches/proof/peer.py"
exec cargo run --release --locked --quiet --package mythos-benches --bin bench_proof -- "$@"
