#!/bin/sh
# Runs every fuzz target for SECONDS (5), on the stable toolchain:  fuzz/run.sh [SECONDS] [TARGET...]
#
# The flags are those that `cargo fuzz` gives to the compiler, without its address sanitizer, which needs a nightly
# toolchain and would find nothing in a crate that forbids unsafe code. Those who have cargo-fuzz use the same targets
# and seeds: `cargo fuzz run canonical fuzz/corpus/canonical fuzz/seeds/canonical`.
set -eu
cd "$(dirname "$0")"
seconds=${1:-5}
[ $# -eq 0 ] || shift

host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
-Ccodegen-units=1 --cfg=fuzzing"
# With a target named, the flags do not reach build scripts, which cannot link them.
RUSTFLAGS=$coverage cargo build --quiet --locked --release --bins --target "$host" --target-dir target

[ $# -gt 0 ] || set -- $(cd fuzz_targets && ls | sed 's/\.rs$//')
failed=0
for target; do
    # New findings go to `corpus`, which is not kept; crashes to `artifacts`.
    mkdir -p "corpus/$target" "artifacts/$target"
    log=artifacts/$target/log
    if "target/$host/release/$target" -max_total_time="$seconds" -seed=1 -max_len=4096 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/" "corpus/$target" "seeds/$target" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        covered=$(sed -n 's/.*[[:space:]]DONE *cov: \([0-9]*\).*/\1/p' "$log")
        echo "fuzz $target: ok, $runs runs in $seconds s, $covered edges covered"
    else
        failed=1
        echo "fuzz $target: FAILED"
        tail -n 40 "$log"
    fi
done
exit $failed
