"""Inclusion proofs of witness-log: how long one takes, in a log of so many leaves."""

import sys
import time

import witness_log


def main() -> None:
    leaves, proofs = int(sys.argv[1]), int(sys.argv[2])
    log = witness_log.WitnessLog.generate()
    started = time.perf_counter()
    for number in range(leaves):
        log.append_memory(b"event %d" % number)
    appended = time.perf_counter() - started
    started = time.perf_counter()
    for number in range(proofs):
        assert log.inclusion_proof(number * 7919 % leaves) is not None
    proven = time.perf_counter() - started
    print(f"{appended / leaves:.9f} {proven / proofs:.9f}")


main()
