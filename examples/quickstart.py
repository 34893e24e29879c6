"""MythOS in twenty lines: save, restore, change a rule, and prove every change."""

import tempfile
from pathlib import Path

import mythos

with tempfile.TemporaryDirectory() as directory, mythos.Mythos.open(Path(directory) / "mythos.db") as mine:
    # The rules that assistants work by change only through a log that proves itself.
    codices = mine.codices()
    codices.create(
        "support", [{"clause": "limit", "text": "Refund at most 100 EUR."}], directive_path=["launch"], actor="ana"
    )

    # An assistant saves what it needs to resume, and restores it after a crash: verified, or not at all.
    rituals, state = mine.rituals(), b'{"order": 4711, "step": 3}'
    entry = rituals.save("helper", "refund", state, intent={"codex": "support"})
    restored = rituals.restore(entry["entry"])
    assert restored["payload"] == state
    print(f"restored entry {entry['sequence']} of the refund: {state.decode()}")

    proof = codices.mutate(
        "support",
        {"kind": "replace", "clause": "limit", "text": "Refund at most 50 EUR."},
        directive_path=["support", "refunds", "limit"],
        actor="bob",
    )
    verified = codices.verify("support")
    assert verified["proof_verification_status"] == "verified"
    assert verified["mutation_trail_hash"] == proof["mutation_trail_hash"]
    print(f"verified all {verified['events']} changes of the rules")
