"""Rule books, on the built-in store and on one written in Python."""

from __future__ import annotations

import uuid
from typing import Any

import mythos
import pytest
from mythos import tlog
from mythos.records import (
    Clause,
    CodexClause,
    CodexHead,
    CodexLineage,
    CodexProofRow,
    CodexVerification,
    EventVerification,
    Mutation,
    Page,
    SymbolProof,
    TrailPage,
    VerifiedCodices,
)

from dict_store import DictStore
from shapes import shaped

CLAUSES: list[Clause] = [{"clause": "limit", "text": "100 EUR"}, {"clause": "tone", "text": "2026-11-21T08:30:00.250000Z"}]


def create(home: mythos.Mythos) -> SymbolProof:
    return home.codices().create("support", CLAUSES, directive_path=["launch"], actor="ana", reason="first rules")


def mutate(home: mythos.Mythos, mutation: Mutation, parent: int | None = None) -> SymbolProof:
    return home.codices().mutate("support", mutation, directive_path=["audit", "limits"], actor="bob", parent=parent)


def test_a_codex_is_created_changed_and_verified(home: mythos.Mythos) -> None:
    codices = home.codices()
    proof = shaped(create(home), SymbolProof)
    assert (proof["sequence"], proof["change"], proof["directive_path_log"]) == (0, "create", ["launch"])
    mutations: list[Mutation] = [
        {"kind": "add", "clause": "greeting", "text": "Be kind.", "position": 0},
        {"kind": "replace", "clause": "limit", "text": "50 EUR"},
        {"kind": "annotate", "clause": "limit", "note": "after the audit"},
        {"kind": "reorder", "order": ["tone", "limit", "greeting"]},
        {"kind": "remove", "clause": "greeting"},
    ]
    proofs = [shaped(mutate(home, mutation), SymbolProof) for mutation in mutations]
    assert [proof["change"] for proof in proofs] == [mutation["kind"] for mutation in mutations]

    clauses = shaped(codices.clauses("support"), list[CodexClause])
    assert [(clause["clause"], clause["text"], clause["notes"], clause["since"]) for clause in clauses] == [
        ("tone", "2026-11-21T08:30:00.250000Z", [], 0),
        ("limit", "50 EUR", ["after the audit"], 2),
    ]
    head = shaped(codices.codex("support"), CodexHead)
    assert (head["length"], head["mutation_trail_hash"]) == (6, proofs[-1]["mutation_trail_hash"])
    verification = shaped(codices.verify("support"), CodexVerification)
    assert verification["proof_verification_status"] == "verified"
    assert (verification["events"], verification["heads"]) == (6, head["heads"])


def test_the_trail_says_who_changed_what_and_why(home: mythos.Mythos) -> None:
    create(home)
    mutate(home, {"kind": "replace", "clause": "limit", "text": "50 EUR"})
    first = shaped(home.codices().trail("support", limit=1), TrailPage)
    assert first["next"] == 1
    second = shaped(home.codices().trail("support", start=first["next"]), TrailPage)
    assert second["next"] is None
    entries = first["items"] + second["items"]
    assert [(entry["actor"], entry["reason"]) for entry in entries] == [("ana", "first rules"), ("bob", None)]
    assert [entry["texts"] for entry in entries] == [[clause["text"] for clause in CLAUSES], ["50 EUR"]]
    events = [entry["event"] for entry in entries]
    assert [(event["previous"], event["parents"]) for event in events] == [(None, []), (entries[0]["digest"], [0])]


def test_branches_are_merged(home: mythos.Mythos) -> None:
    codices = home.codices()
    create(home)
    mutate(home, {"kind": "replace", "clause": "limit", "text": "50 EUR"})
    mutate(home, {"kind": "replace", "clause": "tone", "text": "formal"}, parent=0)
    with pytest.raises(mythos.Invalid):
        codices.clauses("support")
    assert [clause["text"] for clause in codices.clauses("support", head=1)] == ["50 EUR", CLAUSES[1]["text"]]
    take: Mutation = {
        "kind": "merge",
        "other": 2,
        "take": [{"clause": "limit", "from": "ours"}, {"clause": "tone", "from": "theirs"}],
    }
    assert mutate(home, take, parent=1)["parents"] == [1, 2]
    assert [clause["text"] for clause in codices.clauses("support")] == ["50 EUR", "formal"]
    shaped(codices.trail("support"), TrailPage)
    assert codices.verify("support")["proof_verification_status"] == "verified"


def test_codices_and_proofs_are_listed(home: mythos.Mythos) -> None:
    codices = home.codices()
    create(home)
    codices.create("sales", [], directive_path=["launch"], actor="ana")
    mutate(home, {"kind": "remove", "clause": "tone"})
    page = shaped(codices.codices(limit=1), Page[CodexHead])
    assert page["items"][0]["codex"] == "sales"
    assert codices.codices(after=page["next"])["items"][0]["codex"] == "support"
    proofs = shaped(codices.list(codex="support"), Page[SymbolProof])["items"]
    assert [proof["sequence"] for proof in proofs] == [1, 0]
    assert codices.list(clause="tone")["items"] == proofs[:1]
    assert len(codices.list(since=proofs[1]["created_at"])["items"]) == 3
    assert codices.list(before=proofs[1]["created_at"])["items"] == []


def test_a_change_is_repeated_by_its_operation(home: mythos.Mythos) -> None:
    create(home)
    operation = str(uuid.uuid4())

    def change(text: str) -> SymbolProof:
        return home.codices().mutate(
            codex="support",
            mutation={"kind": "replace", "clause": "limit", "text": text},
            directive_path=["audit"],
            actor="bob",
            evidence="ab" * 32,
            operation=operation,
        )

    assert change("50 EUR") == change("50 EUR")
    with pytest.raises(mythos.Invalid) as caught:
        change("5 EUR")
    assert caught.value.field == "operation"
    assert home.codices().codex("support")["length"] == 2


def test_what_cannot_be_changed_is_told_apart(home: mythos.Mythos) -> None:
    codices = home.codices()
    with pytest.raises(mythos.NotFound):
        mutate(home, {"kind": "remove", "clause": "limit"})
    create(home)
    with pytest.raises(mythos.Conflict) as caught:
        create(home)
    assert caught.value.field == "codex"
    for wrong, field in [
        ({"kind": "remove", "clause": "absent"}, None),
        ({"kind": "forget"}, "mutation"),
        ({"kind": "replace", "clause": "limit", "text": 3}, "mutation"),
    ]:
        mutation: Any = wrong
        with pytest.raises(mythos.Invalid) as invalid:
            mutate(home, mutation)
        assert field is None or (invalid.value.field or "").startswith(field)
    for path in ([], ["x"] * 33, "launch"):
        with pytest.raises(mythos.Invalid) as invalid:
            codices.create("other", [], directive_path=path, actor="ana")
        assert (invalid.value.field or "").startswith("directive_path")
    with pytest.raises(mythos.Limit):
        codices.trail("support", limit=0)


def test_tampering_is_a_finding() -> None:
    store = DictStore()
    home = mythos.Mythos.with_store(store)
    create(home)
    proof = mutate(home, {"kind": "remove", "clause": "tone"})
    for record in store._records["symbol_proofs"].values():
        if record["body"]["sequence"] == proof["sequence"]:
            record["body"]["mutation_trail_hash"] = "00" * 32
    verification = shaped(home.codices().verify("support"), CodexVerification)
    assert verification["proof_verification_status"] == "tampered"
    assert verification["finding"] is not None
    assert (verification["finding"]["sequence"], verification["finding"]["found"]) == (1, f'"{"00" * 32}"')


def test_all_codices_are_verified_part_by_part(home: mythos.Mythos) -> None:
    codices = home.codices()
    assert codices.verify_all() == {"verified": [], "total": 0, "next": None}
    create(home)
    codices.create("sales", [], directive_path=["launch"], actor="ana")
    codices.create("terms", [], directive_path=["launch"], actor="ana")
    first = shaped(codices.verify_all(limit=2), VerifiedCodices)
    assert [found["codex"] for found in first["verified"]] == ["sales", "support"]
    assert first["total"] == 3
    last = shaped(codices.verify_all(after=first["next"]), VerifiedCodices)
    assert ([found["codex"] for found in last["verified"]], last["next"]) == (["terms"], None)
    assert first["verified"][1] == codices.verify("support")
    assert home.tenant("other").codices().verify_all()["total"] == 0
    for limit in (0, 1_001):
        with pytest.raises(mythos.Limit) as caught:
            codices.verify_all(limit=limit)
        assert caught.value.field == "limit"


def test_one_event_is_verified_step_by_step(home: mythos.Mythos) -> None:
    codices = home.codices()
    create(home)
    mutate(home, {"kind": "replace", "clause": "limit", "text": "50 EUR"})
    mutate(home, {"kind": "replace", "clause": "limit", "text": "20 EUR"}, parent=0)
    found = shaped(codices.verify_event("support", 1), EventVerification)
    assert found["proof_verification_status"] == "verified"
    assert [(step["name"], step["holds"], step["found"]) for step in found["steps"]] == [
        (name, True, None) for name in ("event", "previous", "derivation", "openings", "inclusion")
    ]
    assert found["entry"] == codices.trail("support", start=1, limit=1)["items"][0]
    assert found["inclusion"] is not None and found["entry"] is not None
    leaf = tlog.leaf_hash(bytes.fromhex(found["entry"]["digest"]))
    tlog.verify_inclusion(found["inclusion"], leaf, found["tree_root"])
    assert (codices.verify_event("support", 0)["path"], codices.verify_event("support", 2)["path"]) == ([], [0])
    codices.redact(
        "support", codices.openings_of_actor("support", "ana"), directive_path=["privacy"], actor="officer", parent=1
    )
    erased = shaped(codices.verify_event("support", 0), EventVerification)
    assert erased["proof_verification_status"] == "redacted"
    assert erased["entry"] is not None and erased["entry"]["actor"] is None
    for codex, sequence in (("support", 4), ("absent", 0)):
        with pytest.raises(mythos.NotFound):
            codices.verify_event(codex, sequence)


def test_a_damaged_event_has_a_step_that_does_not_hold() -> None:
    store = DictStore()
    home = mythos.Mythos.with_store(store)
    create(home)
    mutate(home, {"kind": "remove", "clause": "tone"})
    for cells in store._cells.values():
        for name in [name for name in cells if name.startswith(b"e".hex())]:
            cells[name] = cells[name][:-1] + bytes([cells[name][-1] ^ 1])
    found = shaped(mythos.Mythos.with_store(store).codices().verify_event("support", 1), EventVerification)
    assert found["proof_verification_status"] == "tampered"
    broken = [step for step in found["steps"] if not step["holds"]]
    assert broken and all(step["found"] for step in broken)


def test_the_view_shows_what_the_engine_says(home: mythos.Mythos) -> None:
    codices = home.codices()
    create(home)
    mutate(home, {"kind": "replace", "clause": "limit", "text": "50 EUR"})
    mutate(home, {"kind": "replace", "clause": "tone", "text": "formal"}, parent=0)
    take: Mutation = {
        "kind": "merge",
        "other": 2,
        "take": [{"clause": "limit", "from": "ours"}, {"clause": "tone", "from": "theirs"}],
    }
    mutate(home, take, parent=1)
    view = mythos.CodexProofView(codices)

    log = shaped(view.log(), Page[CodexProofRow])
    assert [row["proof"] for row in log["items"]] == codices.list()["items"]
    assert [(row["actor"], row["reason"]) for row in log["items"]] == [*[("bob", None)] * 3, ("ana", "first rules")]
    assert [row["proof"]["sequence"] for row in view.log(codex="support", actor="ana")["items"]] == [0]
    assert view.log(actor="eve")["items"] == []
    part = view.log(codex="support", change="replace", directive_prefix=("audit",), limit=1)
    assert [row["proof"]["sequence"] for row in part["items"]] == [2]
    following = view.log(codex="support", change="replace", after=part["next"])
    assert [row["proof"]["sequence"] for row in following["items"]] == [1]
    with pytest.raises(mythos.Invalid) as caught:
        view.log(actor=3)  # type: ignore[arg-type]
    assert caught.value.field == "actor"

    assert view.codices(limit=1) == codices.codices(limit=1)
    lineage = shaped(view.lineage("support", limit=3), CodexLineage)
    assert lineage["head"] == codices.codex("support")
    assert lineage["next"] == 3
    nodes = lineage["nodes"] + view.lineage("support", start=3)["nodes"]
    assert [(node["parents"], node["is_head"], node["clause"]) for node in nodes] == [
        ([], False, None),
        ([0], False, "limit"),
        ([0], False, "tone"),
        ([1, 2], True, None),
    ]
    assert view.event("support", 3) == codices.verify_event("support", 3)
    assert view.verify("support") == codices.verify("support")
    assert view.verify_all() == codices.verify_all()
    assert mythos.CodexProofView(home.tenant("other").codices()).log()["items"] == []
