"""The guard's service, on the built-in stores and on one written in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from uuid import uuid4

import mythos
import pytest
from mythos.records import (
    Agreement,
    AuditInFull,
    ClauseAuditDetail,
    ClauseAuditRow,
    CodexAudit,
    CodexClauseAudit,
    EmbedderId,
    EvidenceVerification,
    GuardedProof,
    Mutation,
    Page,
)

from shapes import shaped

OLD = "Refunds are made within 30 days."
NEW = "Refunds are made within 90 days."
EDIT: Mutation = {"kind": "replace", "clause": "refunds", "text": NEW}


class Constant:
    """Finds everything alike."""

    identity: EmbedderId = {"model": "constant", "version": "1", "dimension": 2}

    def embed(self, texts: list[str], /) -> Iterable[Iterable[float]]:
        return [[1.0, 0.0] for _ in texts]


def test_an_edit_is_audited_listed_reviewed_and_erased(home: mythos.Mythos) -> None:
    guard = home.regressions()
    audit = shaped(guard.audit("refunds", OLD, NEW, operation=str(uuid4())), CodexClauseAudit)
    assert (audit["verdict"], audit["status"], audit["regression_flag"]) == ("accuracy", "awaiting_review", True)
    again = guard.audit("refunds", OLD, NEW, operation=audit["audit"])
    assert again == audit
    guard.audit("greeting", OLD, OLD)
    waiting = shaped(guard.queue(signal="number", since=audit["created_at"]), Page[CodexClauseAudit])
    assert waiting == {"items": [audit], "next": None}
    assert guard.list(before=audit["created_at"])["items"] == []
    first = guard.list(limit=1)
    assert [item["clause"] for item in first["items"]] == ["greeting"]
    assert [item["clause"] for item in guard.list(limit=1, after=first["next"])["items"]] == ["refunds"]

    reviewed = guard.review(audit["audit"], {"kind": "override", "flag": False}, reviewer="ana", reason="It was meant.")
    shaped(reviewed, CodexClauseAudit)
    assert (reviewed["status"], reviewed["regression_flag"], reviewed["verdict"]) == ("accepted", False, "accuracy")
    guard.review(audit["audit"], {"kind": "reject"}, reviewer="bob")
    full = shaped(guard.get(audit["audit"]), AuditInFull)
    assert [review["reviewer"] for review in full["reviews"]] == ["ana", "bob"]
    agreement = shaped(guard.agreement(clause="refunds"), Agreement)
    assert (agreement["reviewed"], agreement["confirmed"], agreement["overturned"]) == (1, 1, 0)
    with pytest.raises(mythos.Invalid) as few:
        guard.refit({"kind": "precision", "recall": 0.9})
    assert few.value.field == "cases"

    erased = shaped(guard.erase(audit["audit"]), CodexClauseAudit)
    assert "previous_version" not in erased
    assert erased["digest"] == audit["digest"]


def test_a_mutation_goes_through_once_its_audit_is_accepted(home: mythos.Mythos) -> None:
    codices, guard = home.codices(), home.regressions()
    codices.create("support", [{"clause": "refunds", "text": OLD}], directive_path=["launch"], actor="ana")
    operation = str(uuid4())

    def edit() -> GuardedProof:
        return guard.mutate("support", EDIT, directive_path=["support"], actor="ana", operation=operation)

    with pytest.raises(mythos.Invalid) as refused:
        edit()
    assert (refused.value.field, refused.value.operation) == ("audit", operation)
    assert codices.codex("support")["length"] == 1
    assert [item["audit"] for item in guard.queue(codex="support")["items"]] == [operation]
    guard.review(operation, {"kind": "accept"}, reviewer="bob")
    made = shaped(edit(), GuardedProof)
    assert made["audit"] is not None
    assert made["audit"]["event"] == made["proof"]["sequence"] == 1
    assert edit()["proof"] == made["proof"]

    found = shaped(guard.verify_evidence("support", 1), EvidenceVerification)
    assert (found["evidence"], found["finding"]) == (made["audit"]["digest"], None)
    assert guard.verify_evidence("support", 0)["finding"] == "not_named"
    noted: Mutation = {"kind": "annotate", "clause": "refunds", "note": "Agreed in May."}
    passing = guard.mutate("support", noted, directive_path=["support"], actor="ana", require={"kind": "passing"})
    assert passing["audit"] is None

    whole = shaped(
        guard.audit_codex("support", {"kind": "sequence", "at": 0}, {"kind": "sequence", "at": 1}, keep=True), CodexAudit
    )
    assert (whole["from"], whole["to"], whole["pairs"][0]["kind"]) == (0, 1, "edited")
    assert whole["pairs"][0]["audit"] in [item["audit"] for item in guard.list()["items"]]


def test_the_view_shows_what_each_edit_changed(home: mythos.Mythos) -> None:
    guard = home.regressions()
    view = mythos.CodexRegressionView(guard)
    audit = guard.audit("refunds", OLD, NEW, codex="support")
    guard.audit("refunds", NEW, OLD)
    history = shaped(view.history("refunds", codex="support"), Page[ClauseAuditRow])
    assert [row["audit"]["audit"] for row in history["items"]] == [audit["audit"]]
    diff = history["items"][0]["diff"]
    assert diff is not None
    shown = [(part["kind"], part["text"]) for part in diff["segments"]]
    assert shown[1:3] == [("removed", "30"), ("added", "90")]
    assert len(view.history("refunds")["items"]) == 2
    assert shaped(view.audit(audit["audit"]), ClauseAuditDetail)["diff"] == diff
    assert view.queue(clause="refunds", limit=1)["items"] == [audit]
    with pytest.raises(mythos.Limit):
        view.history("refunds", limit=51)


def test_an_embedder_adds_a_hint(home: mythos.Mythos) -> None:
    guard = home.regressions().with_embedder(Constant())
    similarity = guard.audit("refunds", OLD, NEW)["prompt_delta"]["similarity"]
    assert similarity == {"cosine": 1.0, "embedder": Constant.identity}


def test_what_is_wrong_is_named(home: mythos.Mythos) -> None:
    guard = home.regressions()
    with pytest.raises(mythos.Invalid) as refused:
        guard.list(since=dt.datetime(2026, 1, 1))  # noqa: DTZ001
    assert refused.value.field == "since"
    with pytest.raises(mythos.NotFound) as missing:
        guard.get(str(uuid4()))
    assert missing.value.field == "audit"
    with pytest.raises(mythos.Limit):
        guard.list(limit=257)
