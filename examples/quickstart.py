"""An assistant's state and rules: saved, restored, changed, and proven. Run with `python examples/quickstart.py`."""

import tempfile
from pathlib import Path

import mythos

with tempfile.TemporaryDirectory() as directory, mythos.Mythos.open(Path(directory) / "assistants.db") as home:
    rituals, codices = home.rituals(), home.codices()
    rule = "refund-limit"
    codices.create("support", [{"clause": rule, "text": "At most 100 EUR."}], directive_path=["launch"], actor="ana")
    root = codices.codex("support")["heads"][0]["codex_root"]

    state = b'{"step": 3, "order": 4711}'
    entry = rituals.save("helper", "refund", state, intent={"codex": "support", "codex_root": root})
    assert rituals.latest("helper", "refund") == {"entry": entry, "payload": state}
    print(f"saved and restored {len(state)} bytes as entry {entry['sequence']}")

    proof = codices.mutate(
        "support", {"kind": "replace", "clause": rule, "text": "At most 50 EUR."}, directive_path=["audit"], actor="bob"
    )
    verified = codices.verify("support")
    assert verified["mutation_trail_hash"] == proof["mutation_trail_hash"]
    print(f"the rules are {verified['proof_verification_status']}, with {verified['events']} events in their log")
