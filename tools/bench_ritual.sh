#!/usr/bin/env bash
# Builds the package as it is released, and compares it with other checkpoint stores; arguments go to the comparison.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
from=$PWD build=$root/build/bench-ritual
# Paths in the environment are the caller's, but the comparison runs elsewhere.
for name in MYTHOS_STATES MYTHOS_DATA; do
    case "${!name:-}" in "" | /*) ;; *) export "$name=$from/${!name}" ;; esac
done
cd "$root"
if [ -z "${MYTHOS_STATES:-}${MYTHOS_DATA:-}" ]; then
    # Nobody should wait for a build to be told that there is no data.
    PYTHONPATH=benches exec python3 -m ritual "$@"
fi
[ -x "$build/venv/bin/python" ] || python3 -m venv "$build/venv"
"$build/venv/bin/python" -m pip install --quiet --requirement benches/ritual/requirements.txt
rm -rf "$build/wheels"
# The release profile shares its dependencies with `make demo` and `make bench-store`.
"$build/venv/bin/maturin" build --quiet --locked --profile release --manifest-path mythos-py/Cargo.toml --out "$build/wheels"
"$build/venv/bin/python" -m pip install --quiet --force-reinstall --no-deps "$build/wheels"/*.whl
PYTHONPATH=benches exec "$build/venv/bin/python" -m ritual "$@"
