"""Batches, redactions, history, checkpoints, proofs and evidence of rule books."""

from __future__ import annotations

import base64
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mythos
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mythos import tlog
from mythos.records import (
    AnchoredVerification,
    AppendedMutations,
    Blame,
    ClauseDifference,
    CodexAt,
    CodexHead,
    DirectedMutation,
    ErasedOpening,
    Mutation,
    Page,
    StoredCheckpoint,
    SymbolProof,
    TrailPage,
)

from shapes import shaped

SEED = bytes([7]) * 32


def replace(clause: str, text: str) -> DirectedMutation:
    mutation: Mutation = {"kind": "replace", "clause": clause, "text": text}
    return {"mutation": mutation, "directive_path": ["support", clause], "actor": "bob"}


def texts(first: int, count: int) -> list[DirectedMutation]:
    return [replace(("limit", "tone")[number % 2], f"text {number}") for number in range(first, first + count)]


def support(home: mythos.Mythos, length: int = 1) -> mythos.CodexProofOfSymbolEngine:
    """A codex of so many events."""
    codices = home.codices()
    clauses = [{"clause": "limit", "text": "100 EUR"}, {"clause": "tone", "text": "Be kind."}]
    codices.create("support", clauses, directive_path=["launch"], actor="ana")  # type: ignore[arg-type]
    if length > 1:
        codices.mutate_all("support", texts(1, length - 1))
    return codices


def signer(codices: mythos.CodexProofOfSymbolEngine, seed: bytes = SEED) -> tlog.Ed25519Signer:
    return tlog.Ed25519Signer(codices.origin("support"), seed)


class HostSigner:
    """A key of a host, what it raises, and what it was asked."""

    def __init__(self, name: str) -> None:
        self.verifier_key = tlog.Ed25519Signer(name, SEED).verifier_key
        self.raised: BaseException | None = None
        self.answer: Any = None
        self.asked: list[str] = []

    def sign(self, text: str, /) -> bytearray:
        self.asked.append(text)
        if self.raised is not None:
            raise self.raised
        if self.answer is not None:
            answer: bytearray = self.answer
            return answer
        return bytearray(Ed25519PrivateKey.from_private_bytes(SEED).sign(text.encode()))


def test_a_batch_is_appended_whole_or_not_at_all(home: mythos.Mythos) -> None:
    codices = support(home)
    operation = "00000000-0000-4000-8000-000000000001"
    batch = texts(1, 21)
    batch[20] |= {"reason": "audit", "evidence": "ab" * 32}
    appended = shaped(codices.mutate_all("support", batch, listing="later", operation=operation), AppendedMutations)
    assert (appended["first"], len(appended["events"]), appended["head"]["length"]) == (1, 21, 22)
    assert codices.mutate_all("support", batch, listing="later", operation=operation) == appended
    assert len(codices.list(codex="support")["items"]) == 2
    assert (codices.list_pending("support", limit=5), codices.list_pending("support")) == (16, 0)
    assert len(codices.list(codex="support")["items"]) == 22
    before = codices.codex("support")
    assert before == {**appended["head"], "listed": 22}

    for wrong, field in (
        ([*batch, replace("absent", "")], "clause"),
        ([replace("limit", ""), {"mutation": {"kind": "forget"}}], "mutations[1].mutation"),
        ([], "mutations"),
    ):
        with pytest.raises(mythos.MythosError) as caught:
            codices.mutate_all("support", wrong)  # type: ignore[arg-type]
        assert (caught.value.field or "").startswith(field)
    assert codices.codex("support") == before


def test_proofs_are_found_by_what_they_say(home: mythos.Mythos) -> None:
    codices = support(home, 5)
    codices.mutate("support", {"kind": "remove", "clause": "tone"}, directive_path=["audit", "tone"], actor="eve")

    def sequences(**filters: Any) -> list[int]:
        return [proof["sequence"] for proof in shaped(codices.list(**filters), Page[SymbolProof])["items"]]

    assert sequences(codex="support", change="remove") == [5]
    assert sequences(codex="support", directive_prefix=["support", "tone"]) == [3, 1]
    assert sequences(codex="support", directive_prefix=["sup"]) == []
    assert sequences(codex="support", status="verified", change="create") == [0]
    assert sequences(status="tampered") == []
    with pytest.raises(mythos.Invalid) as caught:
        codices.list(change="forget")  # type: ignore[arg-type]
    assert caught.value.field == "change"


def test_what_is_redacted_is_gone_and_every_proof_stays_valid(home: mythos.Mythos) -> None:
    codices = support(home, 4)
    of_clause = shaped(codices.openings_of_clause("support", "limit"), list[ErasedOpening])
    assert [opening["sequence"] for opening in of_clause] == [0, 2]
    of_actor = shaped(codices.openings_of_actor("support", "bob"), list[ErasedOpening])
    assert of_actor == [{"sequence": sequence, "opening": 0} for sequence in (1, 2, 3)]
    proof = codices.redact(
        "support", of_clause + of_actor, directive_path=["privacy"], actor="officer", reason="asked for"
    )
    assert shaped(proof, SymbolProof)["change"] == "redact"
    assert codices.openings_of_actor("support", "bob") == codices.openings_of_clause("support", "limit") == []
    assert [clause["text"] for clause in codices.clauses("support")] == [None, "text 3"]
    entries = shaped(codices.trail("support"), TrailPage)["items"]
    assert [entry["actor"] for entry in entries] == ["ana", None, None, None, "officer"]
    change = entries[4]["event"]["change"]
    assert change["kind"] == "redact"
    assert change["erased"] == sorted(of_clause + of_actor, key=lambda it: (it["sequence"], it["opening"]))
    verification = codices.verify("support")
    assert (verification["proof_verification_status"], verification["redacted"]) == ("redacted", 5)
    with pytest.raises(mythos.NotFound) as caught:
        codices.redact("support", [{"sequence": 9, "opening": 0}], directive_path=["privacy"], actor="officer")
    assert caught.value.field == "erase"


def test_the_past_is_told(home: mythos.Mythos) -> None:
    codices = support(home, 6)
    add: Mutation = {"kind": "add", "clause": "law", "text": "Follow it.", "position": 0}
    codices.mutate("support", add, directive_path=["law"], actor="eve", reason="legal")
    events = [entry["event"] for entry in codices.trail("support")["items"]]
    at = shaped(codices.state_at("support", sequence=3), CodexAt)
    assert (at["sequence"], at["codex_root"]) == (3, events[3]["codex_after"])
    assert [clause["text"] for clause in at["clauses"]] == ["text 2", "text 3"]
    assert codices.state_at("support", checkpoint=4) == at
    assert codices.state_at("support", time=events[6]["recorded_at"])["sequence"] == 6
    too_early = datetime(2001, 1, 1, tzinfo=UTC)
    for moment in ({"sequence": 7}, {"checkpoint": 0}, {"time": too_early}):
        with pytest.raises(mythos.NotFound):
            codices.state_at("support", **moment)
    for wrong in ({}, {"sequence": 1, "checkpoint": 2}, {"sequence": 1, "time": too_early}):
        with pytest.raises(mythos.Invalid) as caught:
            codices.state_at("support", **wrong)
        assert caught.value.field == "moment"

    differences = codices.diff("support", {"kind": "sequence", "at": 3}, {"kind": "checkpoint", "at": 7})
    assert [(it["clause"], it["kind"], it["position_before"]) for it in shaped(differences, list[ClauseDifference])] == [
        ("law", "added", None),
        ("limit", "replaced", 0),
        ("tone", "replaced", 1),
    ]
    assert codices.diff("support", {"kind": "sequence", "at": 6}, {"kind": "time", "at": events[6]["recorded_at"]}) == []
    with pytest.raises(mythos.Invalid) as caught:
        codices.diff("support", {"kind": "sequence", "at": 3}, {"kind": "day", "at": 3})  # type: ignore[arg-type, misc]
    assert (caught.value.field or "").startswith("after")

    blame = shaped(codices.blame("support", "law"), Blame)
    assert (blame["text"]["sequence"], blame["text"]["actor"], blame["text"]["reason"]) == (6, "eve", "legal")
    assert codices.blame("support", "tone", head=6)["text"]["text"] == "text 5"


def test_proofs_of_a_log_verify_and_no_others(home: mythos.Mythos) -> None:
    codices = support(home, 70)
    tree = codices.tree("support")
    head = shaped(tree.head, CodexHead)
    assert (head, tree.root(70)) == (codices.codex("support"), head["tree_root"])
    digests = [entry["digest"] for entry in codices.trail("support")["items"]]
    leaves = [tlog.leaf_hash(bytes.fromhex(digest)) for digest in digests]
    for size in (1, 2, 64, 69, 70):
        for index in {0, size // 2, size - 1}:
            proof = shaped(tree.inclusion(index, size=size), tlog.InclusionProof)
            tlog.verify_inclusion(proof, leaves[index], tree.root(size))
            with pytest.raises(mythos.Corrupt):
                tlog.verify_inclusion(proof, leaves[(index + 1) % 70], tree.root(size))
        grown = shaped(tree.consistency(size), tlog.ConsistencyProof)
        tlog.verify_consistency(grown, tree.root(size), tree.root(70))
    assert tree.inclusion(3) == tree.inclusion(3, size=70)
    with pytest.raises(mythos.Corrupt):
        tlog.verify_consistency(tree.consistency(3, new=9), tree.root(4), tree.root(9))
    for refused in (
        lambda: tree.inclusion(70),
        lambda: tree.consistency(0),
        lambda: tree.root(71),
        lambda: tlog.verify_inclusion({"index": 2, "size": 1, "hashes": []}, leaves[0], leaves[0]),
        lambda: tlog.verify_inclusion(tree.inclusion(1), "no hash", tree.root(70)),
    ):
        with pytest.raises(mythos.Invalid):
            refused()
    codices.mutate_all("support", texts(70, 1))
    assert tree.head == head


def test_checkpoints_anchor_a_log_and_show_a_rollback(home: mythos.Mythos) -> None:
    codices = support(home, 5)
    policy = tlog.policy_of_log(signer(codices).verifier_key)
    found = shaped(codices.verify_against("support", policy), AnchoredVerification)
    assert (found["verification"]["proof_verification_status"], found["anchored"]) == ("unanchored", None)
    first = codices.checkpoint("support", [signer(codices)])
    codices.mutate_all("support", texts(5, 4))
    told = shaped(tlog.read_checkpoint(first), tlog.Checkpoint)
    assert told == {
        "origin": codices.origin("support"),
        "size": 5,
        "root": codices.tree("support").root(5),
        "extensions": [],
    }
    assert codices.codex("support")["checkpoint"] == {"size": 5, "number": 0}
    found = codices.verify_against("support", policy, pinned=(first,))
    assert (found["verification"]["proof_verification_status"], found["anchored"]) == ("verified", 5)
    second = codices.checkpoint("support", [signer(codices)])
    assert codices.checkpoints("support") == [second, first]
    assert codices.checkpoints("support", limit=1) == [second]

    # The same log, rolled back and written anew by someone with the key.
    other = support(mythos.Mythos.in_memory(), 9)
    other.checkpoint("support", [signer(other)])
    found = shaped(other.verify_against("support", policy, pinned=[second]), AnchoredVerification)
    assert found["verification"]["proof_verification_status"] == "forked"
    assert found["equivocation"] is not None
    keys = [signer(codices).verifier_key]
    assert tlog.verify_equivocation(found["equivocation"], keys) == keys[0]
    with pytest.raises(mythos.Corrupt):
        tlog.verify_equivocation(found["equivocation"], [signer(codices, bytes(32)).verifier_key])
    with pytest.raises(mythos.Conflict) as conflict:
        other.add_checkpoint("support", first)
    assert conflict.value.field == "checkpoint"
    forged = second.replace(codices.origin("support"), "elsewhere")
    for pinned in ("no note", forged):
        with pytest.raises(mythos.Invalid) as caught:
            codices.verify_against("support", policy, pinned=[pinned])
        assert (caught.value.field or "").startswith("pinned")
    with pytest.raises(mythos.Invalid) as caught:
        codices.verify_against("support", "log nothing")
    assert caught.value.field == "policy"


def test_witnesses_make_a_quorum(home: mythos.Mythos) -> None:
    codices = support(home, 3)
    log = signer(codices)
    one, two = (tlog.CosignatureSigner(f"w{number}.example", bytes([number]) * 32) for number in (1, 2))
    policy = (
        f"log {log.verifier_key}\nwitness one {one.verifier_key}\nwitness two {two.verifier_key}\n"
        "group both all one two\nquorum both\n"
    )
    checkpoint = one.cosign(codices.checkpoint("support", [log]), 1_795_249_800)
    verdict = shaped(tlog.evaluate_policy(policy, checkpoint), tlog.Verdict)
    assert verdict == {
        "is_met": False,
        "log": log.verifier_key,
        "witnesses": [{"name": "one", "key": one.verifier_key, "time": 1_795_249_800}],
        "has_quorum": False,
    }
    checkpoint = two.cosign(checkpoint, 1_795_249_801)
    assert tlog.evaluate_policy(policy, checkpoint)["is_met"]
    assert codices.verify_against("support", policy)["anchored"] is None
    assert shaped(codices.add_checkpoint("support", checkpoint), StoredCheckpoint) == {"size": 3, "number": 1}
    assert codices.verify_against("support", policy)["anchored"] == 3
    other = tlog.evaluate_policy(tlog.policy_of_log(signer(codices, bytes(32)).verifier_key), checkpoint)
    assert (other["log"], other["is_met"]) == (None, False)
    tampered = checkpoint.replace("\n3\n", "\n4\n")
    with pytest.raises(mythos.Corrupt):
        tlog.evaluate_policy(policy, tampered)
    with pytest.raises(mythos.Limit) as caught:
        one.cosign(checkpoint, 2**63)
    assert caught.value.field == "time"


def test_a_log_that_names_keys_is_signed_by_no_others(home: mythos.Mythos) -> None:
    codices = support(home)
    old, new = signer(codices), signer(codices, bytes(32))
    for mutation in (
        {"kind": "authorize", "key": old.verifier_key},
        {"kind": "authorize", "key": new.verifier_key},
        {"kind": "revoke", "key": old.verifier_key},
    ):
        codices.mutate("support", mutation, directive_path=["keys"], actor="ops")  # type: ignore[arg-type]
    with pytest.raises(mythos.Invalid) as caught:
        codices.checkpoint("support", [old])
    assert caught.value.field == "signers"
    codices.checkpoint("support", [new])
    changes = [entry["event"]["change"] for entry in shaped(codices.trail("support"), TrailPage)["items"]]
    assert changes[3] == {"kind": "revoke", "key": old.verifier_key}


def test_the_origin_is_the_hosts(tmp_path: Path) -> None:
    with mythos.Mythos.open(tmp_path / "mythos.db", origin="example.com/rules") as home:
        assert home.codices().origin("support") == "example.com/rules/default/support"
        tenant = home.tenant("Büro 1").codices()
        assert tenant.origin("support") == "example.com/rules/B%C3%BCro%201/support"
        assert home.with_codices(tail_bytes=0, tile_bytes=0).codices().origin("a") == "mythos.invalid/default/a"
        small = support(home.with_codices(origin="example.org", tail_bytes=0, tile_bytes=0), 300)
        small.checkpoint("support", [signer(small)])
        assert small.verify("support")["events"] == 300
        for options in ({"origin": 3}, {"tail_bytes": -1}, {"tile_bytes": 1.5}):
            with pytest.raises(mythos.Invalid) as caught:
                home.with_codices(**options)
            assert caught.value.field == next(iter(options))


def test_a_host_signs_without_the_interpreter_lock_held(home: mythos.Mythos) -> None:
    codices = support(home, 3)

    class Waiting(HostSigner):
        """Signs only once another thread has read from the store."""

        def sign(self, text: str, /) -> bytearray:
            thread = threading.Thread(target=lambda: codices.verify("support"))
            thread.start()
            thread.join()
            return super().sign(text)

    mine = Waiting(codices.origin("support"))
    checkpoint = codices.checkpoint("support", (mine, tlog.Ed25519Signer("another.example", bytes(32))))
    root = codices.codex("support")["tree_root"]
    assert mine.asked == [f"{codices.origin('support')}\n3\n{root}\n"]
    assert tlog.evaluate_policy(tlog.policy_of_log(mine.verifier_key), checkpoint)["is_met"]
    # The built-in signer is one like any other.
    built_in = signer(codices)
    assert built_in.sign(mine.asked[0]) == bytes(HostSigner(codices.origin("support")).sign(mine.asked[0]))


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (mythos.Unavailable("the key service is away"), mythos.Unavailable),
        (OSError("no route"), mythos.Internal),
    ],
)
def test_what_a_signer_raises_is_typed_and_the_cause(raised: Exception, kind: type[mythos.MythosError]) -> None:
    codices = support(mythos.Mythos.in_memory())
    mine = HostSigner(codices.origin("support"))
    mine.raised = raised
    with pytest.raises(kind, match="the signer's sign") as caught:
        codices.checkpoint("support", [mine])
    assert caught.value.__cause__ is raised
    assert codices.checkpoints("support") == []
    mine.raised = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        codices.checkpoint("support", [mine])


def test_a_wrong_signature_is_refused() -> None:
    codices = support(mythos.Mythos.in_memory())
    mine = HostSigner(codices.origin("support"))
    for answer in (bytes(64), b"x", b"x" * 65, b"", bytes(1 << 20)):
        mine.answer = answer
        with pytest.raises(mythos.Corrupt):
            codices.checkpoint("support", [mine])
    mine.answer = "text"
    with pytest.raises(mythos.Internal, match="the signer gave a wrong answer"):
        codices.checkpoint("support", [mine])
    assert "checkpoint" not in codices.codex("support")


def test_what_is_no_signer_is_refused() -> None:
    codices = support(mythos.Mythos.in_memory())
    witness = tlog.CosignatureSigner("w.example", SEED)

    class Broken:
        @property
        def verifier_key(self) -> str:
            raise OSError("no such slot")

        def sign(self, text: str, /) -> bytes:
            return b""

    class Nameless:
        def sign(self, text: str, /) -> bytes:
            return b""

    class Wrong(Nameless):
        verifier_key = "no key"

    mine = signer(codices)
    for signers, field in (
        ([witness], "signers[0]"),
        ([mine, Nameless()], "signers[1]"),
        ([mine, Wrong()], "signers[1].verifier_key"),
        (3, "signers"),
        ([], "signers"),
        ([tlog.Ed25519Signer("elsewhere", SEED)], "signers"),
    ):
        with pytest.raises(mythos.Invalid) as caught:
            codices.checkpoint("support", signers)  # type: ignore[arg-type]
        assert caught.value.field == field
    with pytest.raises(mythos.Internal, match="the signer's verifier_key") as internal:
        codices.checkpoint("support", [Broken()])
    assert isinstance(internal.value.__cause__, OSError)


def test_keys_are_checked_and_show_no_secret() -> None:
    secret = b"QZ9!" * 8
    shown = [tlog.Ed25519Signer("a", bytearray(secret)), tlog.CosignatureSigner("a", memoryview(secret))]
    for key in shown:
        assert "QZ9" not in f"{key!r} {key} {dir(key)}"
        assert base64.b64encode(secret).decode()[:12] not in repr(key)
    for name, seed, field in (("", SEED, "name"), ("a b", SEED, "name"), ("a", SEED[1:], "seed"), ("a", "text", "seed")):
        for make in (tlog.Ed25519Signer, tlog.CosignatureSigner):
            with pytest.raises(mythos.Invalid) as caught:
                make(name, seed)  # type: ignore[arg-type]
            assert caught.value.field == field
    for refused in (tlog.read_checkpoint, tlog.policy_of_log):
        with pytest.raises(mythos.Invalid):
            refused("nothing of the kind")


def test_a_private_key_goes_out_and_comes_back_as_text() -> None:
    kinds = tlog.Ed25519Signer, tlog.CosignatureSigner
    signing, cosigning = (kind("example.com/log", SEED) for kind in kinds)
    text = signing.private_text()
    assert text.startswith("PRIVATE+KEY+example.com/log+")
    again = tlog.Ed25519Signer.from_private_text(text)
    assert (again.verifier_key, again.private_text()) == (signing.verifier_key, text)
    assert again.sign("text\n") == signing.sign("text\n")
    assert tlog.CosignatureSigner.from_private_text(cosigning.private_text()).verifier_key == cosigning.verifier_key
    # Neither is the other's, and what is refused is not repeated.
    secret = text.rpartition("+")[2]
    for kind, wrong, error in (
        (tlog.CosignatureSigner, text, mythos.Invalid),
        (tlog.Ed25519Signer, cosigning.private_text(), mythos.Invalid),
        (tlog.Ed25519Signer, text[:-1], mythos.Invalid),
        (tlog.Ed25519Signer, text.replace("log", "lag"), mythos.Invalid),
        (tlog.Ed25519Signer, secret + "\ud800", mythos.Invalid),
        (tlog.Ed25519Signer, text.encode(), mythos.Invalid),
        (tlog.Ed25519Signer, text * 100, mythos.Limit),
    ):
        with pytest.raises(error) as caught:
            kind.from_private_text(wrong)  # type: ignore[arg-type]
        assert caught.value.field == "text"
        assert secret[4:12] not in "".join(traceback.format_exception(caught.value, limit=0))


def test_a_log_proof_shows_an_event_offline_and_no_other(home: mythos.Mythos) -> None:
    codices = support(home, 20)
    log = signer(codices)
    policy = tlog.policy_of_log(log.verifier_key)
    checkpoint = codices.checkpoint("support", [log])
    codices.mutate_all("support", texts(20, 9))
    tree = codices.tree("support")
    digests = [bytes.fromhex(entry["digest"]) for entry in codices.trail("support")["items"]]
    for index in (0, 7, 19):
        proof = tree.log_proof(index, checkpoint)
        assert proof.startswith(f"c2sp.org/tlog-proof@v1\nindex {index}\n")
        assert proof.endswith(checkpoint)
        verdict = shaped(tlog.verify_log_proof(proof, bytearray(digests[index]), policy), tlog.Verdict)
        assert verdict == tlog.evaluate_policy(policy, checkpoint)
        with pytest.raises(mythos.Corrupt):
            tlog.verify_log_proof(proof, digests[index + 1], policy)
    proof = tree.log_proof(3, checkpoint, memoryview(b"event"))
    assert f"\nextra {base64.b64encode(b'event').decode()}\n" in proof
    tlog.verify_log_proof(proof, digests[3], policy)
    with pytest.raises(mythos.Corrupt, match="not signed by a known key"):
        tlog.verify_log_proof(proof, digests[3], tlog.policy_of_log(signer(codices, bytes(32)).verifier_key))

    other = support(mythos.Mythos.in_memory(), 20)
    foreign = other.checkpoint("support", [log])
    calls: list[tuple[Callable[[], object], type[mythos.MythosError], str]] = [
        (lambda: tree.log_proof(20, checkpoint), mythos.Invalid, "index"),
        (lambda: tree.log_proof(0, foreign), mythos.Invalid, "checkpoint"),
        (lambda: tree.log_proof(0, "no note"), mythos.Invalid, "checkpoint"),
        (lambda: tree.log_proof(0, checkpoint, b""), mythos.Invalid, "extra"),
        (lambda: tree.log_proof(0, checkpoint, bytes(1 << 17)), mythos.Limit, "extra"),
        (lambda: tree.log_proof(0, checkpoint, "text"), mythos.Invalid, "extra"),  # type: ignore[arg-type]
        (lambda: tlog.verify_log_proof("no proof", b"", policy), mythos.Invalid, "proof"),
        (lambda: tlog.verify_log_proof(proof, "text", policy), mythos.Invalid, "leaf_data"),  # type: ignore[arg-type]
        (lambda: tlog.verify_log_proof(proof, b"", "log nothing"), mythos.Invalid, "policy"),
    ]
    for call, kind, field in calls:
        with pytest.raises(kind) as caught:
            call()
        assert caught.value.field == field


def test_evidence_proves_a_clause_offline_and_nothing_else(home: mythos.Mythos) -> None:
    codices = support(home, 20)
    codices.mutate(
        "support",
        {"kind": "annotate", "clause": "limit", "note": "asked for"},
        directive_path=["audit"],
        actor="eve",
        reason="by law",
    )
    policy = tlog.policy_of_log(signer(codices).verifier_key)
    checkpoint = codices.checkpoint("support", [signer(codices)])
    codices.mutate_all("support", texts(21, 3))
    bundle = codices.evidence("support", "limit", checkpoint, actors=True)
    assert "by law" not in bundle
    proven = shaped(tlog.verify_evidence(bundle, policy), tlog.ProvenClause)
    assert (proven["codex"], proven["clause"], proven["size"]) == ("support", "limit", 21)
    assert (proven["text"], proven["notes"], proven["witnesses"]) == ("text 18", ["asked for"], [])
    assert [(origin["sequence"], origin["actor"], origin["reason"]) for origin in proven["origins"]] == [
        (18, "bob", None),
        (20, "eve", None),
    ]
    assert "by law" in codices.evidence("support", "limit", checkpoint, reasons=True)
    assert proven["codex_root"] == codices.state_at("support", checkpoint=21)["codex_root"]
    with pytest.raises(mythos.Corrupt, match="the evidence is not sound"):
        tlog.verify_evidence(bundle.replace("text 18", "text 19"), policy)
    with pytest.raises(mythos.Corrupt, match="not signed as the policy asks"):
        tlog.verify_evidence(bundle, tlog.policy_of_log(signer(codices, bytes(32)).verifier_key))
    with pytest.raises(mythos.Invalid) as caught:
        tlog.verify_evidence("{}", policy)
    assert caught.value.field == "bundle"
    with pytest.raises(mythos.NotFound) as missing:
        codices.evidence("support", "absent", checkpoint)
    assert missing.value.field == "clause"
