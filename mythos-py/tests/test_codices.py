"""Rule books, on the built-in store and on one written in Python."""

from __future__ import annotations

import uuid
from typing import Any

import mythos
import pytest
from mythos.records import (
    Clause,
    CodexClause,
    CodexHead,
    CodexVerification,
    Mutation,
    Page,
    SymbolProof,
    TrailPage,
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
