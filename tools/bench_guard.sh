#!/usr/bin/env bash
# Builds the package as it is released, and compares the regression guard with its peers. With `train` as its argument, it fits
# the weights anew instead.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/bench-guard
case "${MYTHOS_DATA:-}" in
    "") echo "bench-guard needs MYTHOS_DATA=DIRECTORY with the sets that benches/guard/README.md names" >&2; exit 2 ;;
    /*) ;;
    *) export MYTHOS_DATA=$PWD/$MYTHOS_DATA ;;
esac
cd "$root"
[ -x "$build/venv/bin/python" ] || python3 -m venv "$build/venv"
"$build/venv/bin/python" -m pip install --quiet --requirement benches/guard/requirements.txt
rm -rf "$build/wheels"
"$build/venv/bin/maturin" build --quiet --locked --profile release --manifest-path mythos-py/Cargo.toml --out "$build/wheels"
"$build/venv/bin/python" -m pip install --quiet --force-reinstall --no-deps "$build/wheels"/*.whl
if [ "${1:-}" = train ]; then
    shift
    exec "$build/venv/bin/python" benches/guard/train.py --data "$MYTHOS_DATA" "$@"
fi
cargo build --release --locked --quiet --package mythos-benches --bin bench_guard
exec "$build/venv/bin/python" benches/guard/bench.py "$build/pairs.jsonl" "${CARGO_TARGET_DIR:-target}/release/bench_guard"
