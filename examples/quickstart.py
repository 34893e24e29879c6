"""MythOS in twenty lines: save, restore, change a rule, and prove every change."""

import tempfile
from pathlib import Path

import mythos

with tempfile.TemporaryDirectory() as directory, mythos.Mythos.open(Path(directory) / "mythos.db") as store:
    # The assistant saves what it needs to resume, and restores it after a crash: verified, or not at all.
    state = b'{"order": 4711, "step": 3}'
    entry = store.rituals().save(assistant="ana", ritual="refund", payload=state)
    restored = store.rituals().restore(entry["entry"])
    assert restored["payload"] == state

    # The rules it works by change only through a log that proves itself.
    clause = {"clause": "limit", "text": "Refund at most 100 EUR."}
    store.codices().create(codex="support", clauses=[clause], directive_path=["launch"], actor="ana")
    change = {"kind": "replace", "clause": "limit", "text": "Refund at most 50 EUR."}
    path = ["support", "refunds", "limit"]
    proof = store.codices().mutate(codex="support", mutation=change, directive_path=path, actor="bob")
    verification = store.codices().verify("support")
    assert verification["proof_verification_status"] == "verified"
    assert verification["mutation_trail_hash"] == proof["mutation_trail_hash"]

print("restored step 3 of ana's refund; 2 changes of the codex verified")
