"""The log over everything that a tenant stores: what is stated, and what is found missing, rolled back or forged."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mythos
import pytest
from mythos import tlog
from mythos.records import (
    AnchoredName,
    AnchorHead,
    AnchorPage,
    AnchorReport,
    AnchorStatement,
    AnchorVerification,
    PinnedAnchorVerification,
    StoredCheckpoint,
)

from shapes import shaped

CODEX: AnchoredName = {"kind": "codex", "codex": "support"}
RITUAL: AnchoredName = {"kind": "ritual", "assistant": "ana", "ritual": "refund"}
DEPLOYMENT: AnchoredName = {"kind": "deployment", "supervisor": "night watch", "assistant": "ana"}
KEY = bytes(range(32))


def create(home: mythos.Mythos, codex: str = "support") -> None:
    home.codices().create(codex, [{"clause": "limit", "text": "100 EUR"}], directive_path=["launch"], actor="ana")


def fill(home: mythos.Mythos) -> mythos.AnchorLog:
    """A codex, a ritual and a deployment, and the log over them."""
    create(home)
    home.rituals().save("ana", "refund", b"step 1")
    home.deployments().supervise("night watch").deploy("ana", {"ritual": "refund"})
    return home.anchors()


def signer(anchors: mythos.AnchorLog, seed: bytes = bytes(32)) -> tlog.Ed25519Signer:
    return tlog.Ed25519Signer(anchors.origin(), seed)


def test_what_changed_is_stated_once(home: mythos.Mythos) -> None:
    anchors = fill(home)
    assert anchors.head() is None
    assert anchors.last_statement(CODEX) is None
    assert anchors.statements() == {"items": [], "next": None}
    report = shaped(anchors.anchor(), AnchorReport)
    assert (report["looked_at"], report["appended"], report["length"], report["next"]) == (3, 3, 3, None)
    assert report["findings"] == []
    assert anchors.anchor(full=True)["appended"] == 0

    head = shaped(anchors.head(), AnchorHead)
    assert head is not None
    assert (head["length"], head["tree_root"]) == (3, report["tree_root"])
    assert all(mark is not None for mark in head["watermarks"].values())
    page = shaped(anchors.statements(limit=2), AnchorPage)
    assert page["next"] == 2
    rest = anchors.statements(start=2)
    assert rest["next"] is None
    stated = page["items"] + rest["items"]
    assert [statement["name"] for statement in stated] == [CODEX, RITUAL, DEPLOYMENT]
    assert stated[0]["digest"] == base64.b64decode(home.codices().codex("support")["tree_root"]).hex()

    home.rituals().save("ana", "refund", b"step 2")
    assert anchors.anchor()["appended"] == 1
    last = shaped(anchors.last_statement(RITUAL), AnchorStatement)
    assert last is not None
    assert (last["sequence"], last["before"]) == (3, 1)
    assert last["length"] > stated[1]["length"]
    assert home.tenant("acme").anchors().head() is None


def test_what_is_gone_is_missing_until_it_is_retired(home: mythos.Mythos) -> None:
    anchors = fill(home)
    anchors.anchor()
    home.rituals().delete_ritual("ana", "refund")
    found = shaped(anchors.verify(), AnchorVerification)
    assert (found["status"], found["statements"], found["compared"]) == ("tampered", 3, 3)
    [finding] = found["findings"]
    assert (finding["kind"], finding["name"], finding["sequence"]) == ("missing", RITUAL, 1)

    statement = shaped(anchors.retire(RITUAL), AnchorStatement)
    assert (statement["name"], statement["length"], statement["before"]) == (RITUAL, 0, 1)
    assert anchors.retire(RITUAL) == statement
    found = anchors.verify()
    assert (found["status"], found["retired"], found["findings"]) == ("verified", 1, [])
    with pytest.raises(mythos.NotFound) as caught:
        anchors.retire({"kind": "codex", "codex": "absent"})
    assert caught.value.field == "name"


def test_a_head_that_contradicts_the_log_is_found_and_not_stated(home: mythos.Mythos) -> None:
    anchors = fill(home)
    newest = home.rituals().save("ana", "refund", b"step 2")
    anchors.anchor()
    home.rituals().prune({"kind": "entries", "entries": [newest["entry"]]})
    report = shaped(anchors.anchor(full=True), AnchorReport)
    assert report["appended"] == 0
    assert [(it["kind"], it["name"], it["field"]) for it in report["findings"]] == [("differs", RITUAL, "digest")]
    assert anchors.verify()["findings"] == report["findings"]
    anchors.retire(RITUAL)
    found = anchors.verify()
    assert (found["status"], found["retired"], found["unanchored"]) == ("verified", 1, 1)
    assert anchors.anchor(full=True)["appended"] == 1
    assert anchors.verify()["unanchored"] == 0


def test_runs_and_verifications_go_on_in_parts(home: mythos.Mythos) -> None:
    anchors = fill(home)
    for name in ("a", "b", "c"):
        create(home, name)
        home.rituals().save("ana", name, b"step 1")
    report = shaped(anchors.anchor(limit=1), AnchorReport)
    runs = 1
    while (cursor := report["next"]) is not None:
        report = shaped(anchors.anchor_on(cursor, limit=2), AnchorReport)
        runs += 1
    assert report["length"] == 9
    assert runs > 4

    create(home, "d")
    part = shaped(anchors.verify_part(limit=2), AnchorVerification)
    assert (part["statements"], part["compared"]) == (9, 2)
    stages, compared, unanchored = [], 2, 0
    while (after := part["next"]) is not None:
        stages.append(after["stage"])
        part = shaped(anchors.verify_part(after=after, limit=2), AnchorVerification)
        assert (part["status"], part["statements"], part["tree_root"]) == ("verified", 0, None)
        compared += part["compared"]
        unanchored += part["unanchored"]
    assert (compared, unanchored, set(stages)) == (9, 1, {"stated", "unstated"})
    whole = anchors.verify()
    assert (whole["compared"], whole["unanchored"], whole["next"]) == (9, 1, None)


def test_proofs_of_statements_verify_and_no_others(home: mythos.Mythos) -> None:
    anchors = fill(home)
    with pytest.raises(mythos.NotFound):
        anchors.tree()
    anchors.anchor()
    tree = anchors.tree()
    head = shaped(tree.head, AnchorHead)
    assert (head, tree.root(3)) == (anchors.head(), head["tree_root"])
    digests = [statement["previous"] for statement in anchors.statements()["items"]][1:] + [head["last"]]
    leaves = [tlog.leaf_hash(bytes.fromhex(digest or "")) for digest in digests]
    for index in range(3):
        proof = shaped(tree.inclusion(index), tlog.InclusionProof)
        tlog.verify_inclusion(proof, leaves[index], tree.root(3))
        with pytest.raises(mythos.Corrupt):
            tlog.verify_inclusion(proof, leaves[(index + 1) % 3], tree.root(3))
    tlog.verify_inclusion(tree.inclusion(0, size=2), leaves[0], tree.root(2))
    grown = shaped(tree.consistency(1), tlog.ConsistencyProof)
    tlog.verify_consistency(grown, tree.root(1), tree.root(3))
    tlog.verify_consistency(tree.consistency(1, new=2), tree.root(1), tree.root(2))
    for refused in (lambda: tree.inclusion(3), lambda: tree.consistency(0), lambda: tree.root(4)):
        with pytest.raises(mythos.Invalid):
            refused()
    create(home, "another")
    anchors.anchor()
    assert tree.head == head


def test_a_pinned_checkpoint_shows_a_store_that_was_rolled_back(tmp_path: Path) -> None:
    with mythos.Mythos.open(tmp_path / "mythos.db", origin="example.com/rules") as home:
        anchors = fill(home)
        assert anchors.origin() == "example.com/rules/default/@anchors"
        anchors.anchor()
        policy = tlog.policy_of_log(signer(anchors).verifier_key)
        found = shaped(anchors.verify_against(policy), PinnedAnchorVerification)
        assert (found["verification"]["status"], found["anchored"]) == ("unanchored", None)
    shutil.copy(tmp_path / "mythos.db", tmp_path / "older.db")
    with mythos.Mythos.open(tmp_path / "mythos.db", origin="example.com/rules") as home:
        anchors = home.anchors()
        create(home, "another")
        anchors.anchor()
        pinned = anchors.checkpoint([signer(anchors)])
        told = tlog.read_checkpoint(pinned)
        assert (told["origin"], told["size"], told["root"]) == (anchors.origin(), 4, anchors.tree().root(4))
        found = anchors.verify_against(policy, pinned=(pinned,))
        assert (found["verification"]["status"], found["anchored"]) == ("verified", 4)
        head = shaped(anchors.head(), AnchorHead)
        assert head is not None
        assert head["checkpoint"] == {"size": 4, "number": 0}
    with mythos.Mythos.open(tmp_path / "older.db", origin="example.com/rules") as home:
        anchors = home.anchors()
        assert anchors.verify()["status"] == "verified"
        found = shaped(anchors.verify_against(policy, pinned=[pinned]), PinnedAnchorVerification)
        assert (found["verification"]["status"], found["equivocation"]) == ("forked", None)
        assert found["verification"]["findings"][0]["field"] == "tree_root"

        # Written on from there, and signed with the same key: two histories of one size.
        create(home, "forged")
        anchors.anchor()
        anchors.checkpoint([signer(anchors)])
        equivocation = anchors.verify_against(policy, pinned=[pinned])["equivocation"]
        assert equivocation is not None
        keys = [signer(anchors).verifier_key]
        assert tlog.verify_equivocation(equivocation, keys) == keys[0]
        with pytest.raises(mythos.Conflict) as caught:
            anchors.add_checkpoint(pinned)
        assert caught.value.field == "checkpoint"


def test_checkpoints_are_kept_and_cosigned(home: mythos.Mythos) -> None:
    anchors = fill(home)
    with pytest.raises(mythos.NotFound):
        anchors.checkpoint([signer(anchors)])
    anchors.anchor()
    first = anchors.checkpoint([signer(anchors)])
    create(home, "another")
    anchors.anchor()
    second = anchors.checkpoint([signer(anchors)])
    assert anchors.checkpoints() == [second, first]
    witness = tlog.CosignatureSigner("w.example", bytes([1]) * 32)
    cosigned = witness.cosign(second, 1_795_249_800)
    assert shaped(anchors.add_checkpoint(cosigned), StoredCheckpoint) == {"size": 4, "number": 1}
    assert anchors.checkpoints(limit=1) == [cosigned]


def test_a_log_that_names_keys_is_signed_by_no_others(home: mythos.Mythos) -> None:
    anchors = fill(home)
    anchors.anchor()
    old, new = signer(anchors), signer(anchors, KEY)
    statement = shaped(anchors.authorize(old.verifier_key), AnchorStatement)
    assert (statement["name"], statement["length"]) == ({"kind": "key", "key": old.verifier_key}, 1)
    assert anchors.authorize(old.verifier_key) == statement
    anchors.authorize(new.verifier_key)
    assert shaped(anchors.revoke(old.verifier_key), AnchorStatement)["length"] == 0
    with pytest.raises(mythos.Invalid) as caught:
        anchors.checkpoint([old])
    assert caught.value.field == "signers"
    anchors.checkpoint([new])
    with pytest.raises(mythos.NotFound):
        anchors.revoke(signer(anchors, bytes([1]) * 32).verifier_key)


def test_a_head_that_was_written_without_the_key_is_refused(home: mythos.Mythos) -> None:
    fill(home)
    sealed = home.anchors(mac_key=bytearray(KEY))
    sealed.anchor()
    head = shaped(sealed.head(), AnchorHead)
    assert head is not None
    assert len(head["mac"]) == 64
    create(home, "another")
    # Without the key one can read, but not write on.
    assert home.anchors().head() == head
    with pytest.raises(mythos.Invalid) as refused:
        home.anchors().anchor()
    assert refused.value.field == "mac"
    assert sealed.anchor()["appended"] == 1
    with pytest.raises(mythos.Corrupt) as caught:
        home.anchors(mac_key=bytes(32)).head()
    assert caught.value.field == "mac"
    found = home.anchors(mac_key=bytes(32)).verify()
    assert [finding["field"] for finding in found["findings"]][:1] == ["mac"]


def test_what_is_no_argument_is_refused_by_its_name(home: mythos.Mythos) -> None:
    anchors = fill(home)
    anchors.anchor()
    wrong: Any = {"kind": "book", "codex": "support"}
    policy = tlog.policy_of_log(signer(anchors).verifier_key)
    other = tlog.Ed25519Signer("elsewhere", bytes(32))
    calls: list[tuple[Callable[[], object], type[mythos.MythosError], str]] = [
        (lambda: home.anchors(mac_key=b"short"), mythos.Invalid, "mac_key"),
        (lambda: home.anchors(mac_key="text"), mythos.Invalid, "mac_key"),  # type: ignore[arg-type]
        (lambda: anchors.anchor(limit=0), mythos.Limit, "limit"),
        (lambda: anchors.anchor_on(wrong), mythos.Invalid, "cursor"),
        (lambda: anchors.statements(limit=4_097), mythos.Limit, "limit"),
        (lambda: anchors.last_statement(wrong), mythos.Invalid, "name"),
        (lambda: anchors.retire({"kind": "codex", "codex": ""}), mythos.Invalid, "name"),
        (lambda: anchors.authorize("no key"), mythos.Invalid, "key"),
        (lambda: anchors.checkpoint([other]), mythos.Invalid, "signers"),
        (lambda: anchors.add_checkpoint("no note"), mythos.Invalid, "checkpoint"),
        (lambda: anchors.checkpoints(limit=1_001), mythos.Limit, "limit"),
        (lambda: anchors.verify_part(limit=100_001), mythos.Limit, "limit"),
        (lambda: anchors.verify_part(after=wrong), mythos.Invalid, "after"),
        (lambda: anchors.verify_against("log nothing"), mythos.Invalid, "policy"),
        (lambda: anchors.verify_against(policy, pinned=["no note"]), mythos.Invalid, "pinned"),
    ]
    for call, kind, field in calls:
        with pytest.raises(kind) as caught:
            call()
        assert (caught.value.field or "").startswith(field), (field, caught.value.field)
