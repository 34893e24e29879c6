#!/usr/bin/env bash
# Builds the wheel, and installs it with the test tools into a fresh virtual environment, as a user would.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=.venv fresh=build/fresh-venv wheels=build/wheels
[ -x "$tools/bin/python" ] || python3 -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --requirement mythos-py/requirements-dev.txt
rm -rf "$fresh" "$wheels"
# The development profile shares its dependencies with `cargo test`.
"$tools/bin/maturin" build --quiet --locked --profile "${MYTHOS_WHEEL_PROFILE:-dev}" \
    --manifest-path mythos-py/Cargo.toml --out "$wheels"
python3 -m venv "$fresh"
"$fresh/bin/python" -m pip install --quiet "$wheels"/*.whl
# The wheel alone must import; the test tools come after.
(cd / && "$OLDPWD/$fresh/bin/python" -c 'import mythos; print("mythos", mythos.__version__)')
"$fresh/bin/python" -m pip install --quiet --requirement mythos-py/requirements-dev.txt
