"""What a host's own code looks like to a type checker; checked with `mypy --strict`, never run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, assert_type

import mythos
from mythos import regression, tlog
from mythos.records import (
    CompressedRitual,
    Decision,
    DirectedMutation,
    EmbedderId,
    FindingDirection,
    HealingProtocol,
    HealingRule,
    Membership,
    MergeOffer,
    Outcome,
    Target,
)
from mythos.records import Budget as HealingBudget
from mythos.store import Answer, Batch, Budget, Capabilities, Json, Maintained, Read, Scalar
from mythos.supervision import EffectLoop, EscalateEffect, KillEffect, ProbeEffect, StopEffect
from mythos.testing import conformance_cases, run_conformance_case


class HostStore:
    """Any object with the four methods is a store; it need not inherit."""

    def capabilities(self) -> Capabilities:
        return {"durability": "process", "text": False, "reach": False, "count": False}

    def read(self, reads: list[Read]) -> Sequence[Answer]:
        answers: list[Answer] = []
        for read in reads:
            if read["kind"] == "record":
                assert_type(read["id"], str)
                body: dict[str, Json] = {"tags": ["a", {"deep": None}]}
                answers.append({"kind": "record", "record": {"id": read["id"], "version": 1, "body": body}})
            elif read["kind"] == "page":
                assert_type(read["order"]["field"], str | None)
                if (after := read["after"]) is not None:
                    assert_type(after["value"], Scalar)
                answers.append({"kind": "page", "records": []})
            elif read["kind"] == "cells":
                answers.append({"kind": "cells", "cells": [{"name": "00", "bytes": memoryview(b"")}], "more": False})
        return answers

    def commit(self, batch: Batch) -> None:
        for op in batch["records"]:
            if op["kind"] == "put" and op["expect"]["kind"] == "at":
                assert_type(op["expect"]["version"], int)
            raise mythos.RecordConflict(op["table"], op["id"])
        for cell in batch["cells"]:
            if cell["kind"] == "put":
                assert_type(cell["bytes"], bytes)
                raise mythos.CellConflict(cell["owner"], cell["name"])

    def maintain(self, budget: Budget) -> Maintained:
        return {"freed_bytes": min(0, budget["max_bytes"]), "done": True}


class HostKeys:
    """Any object with the two methods is a key provider."""

    def active(self) -> str | None:
        return "one"

    def key(self, id: str) -> bytes | None:
        return bytes(32) if id == "one" else None


class HostSigner:
    """Any object with a key and a method is a signer; the key may be an attribute or a property."""

    verifier_key = "example.com/log+00000000+AQ=="

    def sign(self, text: str) -> bytes:
        return text.encode()


class HostOfAssistants:
    """Any object with the four methods is a host of an effect loop."""

    async def launch(self, effect: ProbeEffect) -> Outcome:
        assert_type(effect["action"]["deadline"], datetime)
        return {"kind": "not_ready", "reason": effect["action"]["entry"]["entry"]}

    async def stop(self, effect: StopEffect) -> None:
        assert_type(effect["action"]["deadline"], datetime | None)

    async def kill(self, effect: KillEffect) -> None:
        assert_type(effect["action"]["kind"], Literal["kill"])

    async def escalate(self, effect: EscalateEffect) -> Outcome | None:
        return {"kind": "declined"} if effect["action"]["escalation"]["kind"] == "path_exhausted" else None


class Forgetful:
    """No store: it has no `commit`, and a checker says so."""

    def read(self, reads: list[Read]) -> Sequence[Answer]:
        return []


def check() -> None:
    """Never run."""
    mythos.Mythos.with_store(HostStore())
    mythos.Mythos.with_store(mythos.MemoryStore())
    mythos.Mythos.with_store(mythos.SqliteStore("assistants.db", synchronous="normal", busy_timeout_ms=10))
    mythos.Mythos.with_store(Forgetful())  # type: ignore[arg-type]
    mythos.SqliteStore("assistants.db", synchronous="off")  # type: ignore[arg-type]
    for case in conformance_cases():
        run_conformance_case(case["name"], lambda tables: HostStore(), lambda store: assert_type(store, HostStore))
    try:
        assert_type(mythos.Mythos.open("assistants.db", origin="example.com").tenant("acme").maintain(max_bytes=0), Maintained)
    except mythos.MythosError as error:
        assert_type(error.kind, mythos.ErrorKind)
        assert_type(error.field, str | None)
        assert_type(error.is_retryable, bool)


def check_services(home: mythos.Mythos) -> None:
    """Never run."""
    rituals, codices, deployments = home.rituals(), home.codices(), home.deployments()
    entry = rituals.save("ana", "refund", bytearray(), intent={"labels": ("a",)}, parent={"kind": "absent"})
    assert_type(entry["created_at"], datetime)
    if (latest := rituals.latest("ana", "refund")) is not None:
        assert_type(latest["payload"], bytes)
    page = rituals.list(assistant="ana", since=datetime.now())
    assert_type(page["items"], list[CompressedRitual])
    rituals.list(after=page["next"])
    if (after := rituals.compact(assistant="ana", budget={"max_bytes": 1})["next"]) is not None:
        rituals.compact(after=after)
    assert_type(rituals.rituals()["items"][0]["entries"], int)
    rituals.prune({"kind": "policy", "policy": {"max_entries": 10, "keep_labels": ["keep"]}}, dry_run=True)
    rituals.prune({"kind": "keep", "assistant": "ana", "ritual": "refund", "entries": [entry["entry"]]})
    rituals.prune({"kind": "entries"})  # type: ignore[arg-type]
    rituals.set_retention("ana", {"max_age_seconds": 86_400})
    rituals.set_retention("ana", None)
    if (status := rituals.retention("ana")) is not None:
        assert_type(status["last_run_at"], datetime | None)
    assert_type(rituals.fork(entry["entry"], "what if"), CompressedRitual)
    assert_type(rituals.copy("ana", "refund", "backup", to_assistant="bob")["done"], bool)
    assert_type(rituals.delete_ritual("ana", "refund")["done"], bool)
    rituals.delete_assistant("ana", budget={"max_milliseconds": 50})
    for finding in rituals.scrub(assistant="ana")["damaged"]:
        assert_type(finding["lost"][0]["first"], int)
    assert_type(rituals.verify(entry["entry"])["restorable"], bool)
    assert_type(rituals.totals(by_encoding=True)["encodings"][0]["encoding"], Literal["raw", "zstd", "patch"])
    totals = mythos.add_totals(rituals.totals(), rituals.totals())
    assert_type(mythos.compression_ratio(totals), float | None)
    view = mythos.RitualCompressionView(rituals)
    assert_type(view.VERBS, tuple[Literal["verify", "prune", "compact", "restore"], ...])
    assert_type(view.entries(verified=False)["items"], list[CompressedRitual])
    if (stalled := view.overview("ana", "refund")["stall"]) is not None:
        assert_type(stalled["length"], int)
    if (found := mythos.stall(page["items"])) is not None:
        assert_type(found["since_sequence"], int)
    monitor = mythos.HeartbeatMonitor({"threshold": 10})
    assert_type(monitor.heartbeat("ana", 1, datetime.now()), bool)
    assert_type(monitor.poll_timeout(), datetime | None)
    for suspicion in monitor.suspects(datetime.now()):
        assert_type(suspicion["suspected_at"], datetime)
    mythos.HeartbeatMonitor({"treshold": 10})  # type: ignore[arg-type]
    mythos.stall([{"sequence": 1, "novelty_score": 0.5}], threshold=0.2)
    formats = mythos.PayloadFormats().current("v2").upcast("v1", "v2", lambda payload: payload[1:])
    home.with_rituals(keys=mythos.KeyRing.with_active("one", bytes(32)), formats=formats, hot_bytes=0)
    home.with_rituals(keys=HostKeys())
    home.with_rituals(keys=Forgetful())  # type: ignore[arg-type]
    formats.upcast("v1", "v2", len)  # type: ignore[arg-type]
    rituals.compact(budget={"bytes": 1})  # type: ignore[arg-type]
    rituals.save("ana", "refund", "text")  # type: ignore[arg-type]
    rituals.save("ana", "refund", b"", intent={"lables": []})  # type: ignore[arg-type]

    codices.create("support", [{"clause": "limit", "text": "100 EUR"}], directive_path=["launch"], actor="ana")
    codices.mutate("support", {"kind": "remove", "clause": "limit"}, directive_path=["audit"], actor="ana")
    codices.mutate("support", {"kind": "forget"}, directive_path=["audit"], actor="ana")  # type: ignore[arg-type]
    for item in codices.trail("support")["items"]:
        if item["event"]["change"]["kind"] == "merge":
            assert_type(item["event"]["change"]["take"][0]["from"], Literal["ours", "theirs"])
        assert_type(item["event"]["parents"], list[int])
    batch: list[DirectedMutation] = [
        {"mutation": {"kind": "authorize", "key": ""}, "directive_path": ("keys",), "actor": "ops"}
    ]
    assert_type(codices.mutate_all("support", batch, listing="later")["first"], int)
    codices.mutate_all("support", batch, listing="soon")  # type: ignore[arg-type]
    codices.redact("support", codices.openings_of_clause("support", "limit"), directive_path=["privacy"], actor="ana")
    codices.list(change="redact", status="redacted", directive_prefix=("keys",))
    assert_type(codices.state_at("support", time=datetime.now())["clauses"][0]["text"], str | None)
    for difference in codices.diff("support", {"kind": "sequence", "at": 1}, {"kind": "time", "at": datetime.now()}):
        assert_type(difference["kind"], Literal["added", "removed", "replaced", "annotated", "moved"])
    codices.diff("support", {"kind": "sequence", "at": 1}, {"kind": "day", "at": 1})  # type: ignore[arg-type, misc]
    signer = tlog.Ed25519Signer(codices.origin("support"), bytes(32))
    checkpoint = codices.checkpoint("support", [signer, HostSigner()])
    codices.checkpoint("support", [tlog.CosignatureSigner("w.example", bytes(32))])  # type: ignore[list-item]
    policy = tlog.policy_of_log(signer.verifier_key)
    assert_type(codices.verify_against("support", policy, pinned=(checkpoint,))["anchored"], int | None)
    assert_type(tlog.verify_evidence(codices.evidence("support", "limit", checkpoint), policy)["text"], str | None)
    tree = codices.tree("support")
    assert_type(tree, mythos.CodexTree)
    tlog.verify_inclusion(tree.inclusion(0), tlog.leaf_hash(b""), tree.root(1))
    tlog.verify_consistency(tree.inclusion(0), "", "")  # type: ignore[arg-type]
    assert_type(tlog.evaluate_policy(policy, checkpoint)["witnesses"][0]["time"], int)
    log_proof = tree.log_proof(0, checkpoint, memoryview(b"extra"))
    assert_type(tlog.verify_log_proof(log_proof, b"", policy), tlog.Verdict)
    assert_type(tlog.Ed25519Signer.from_private_text(signer.private_text()), tlog.Ed25519Signer)
    if (part := codices.verify_all(limit=10))["next"] is not None:
        codices.verify_all(after=part["next"])
    for step in codices.verify_event("support", 0)["steps"]:
        assert_type(step["name"], Literal["event", "previous", "derivation", "openings", "inclusion"])
    proofs = mythos.CodexProofView(codices)
    assert_type(proofs.log(actor="ana")["items"][0]["proof"]["sequence"], int)
    assert_type(proofs.lineage("support", start=1)["nodes"][0]["recorded_at"], datetime)
    mythos.CodexProofView(rituals)  # type: ignore[arg-type]
    restarts = mythos.AssistantRestartView(home.deployments())
    if (timer := restarts.deployments("ana")["items"][0]["timer"]) is not None:
        assert_type(timer["remaining_ms"], int)
    assert_type(restarts.diagram("support", "ana")["edges"][0]["taken"], list[int])
    codices.export("support", checkpoint, "log", had=tlog.read_checkpoint(checkpoint)["size"])

    anchors = home.anchors(mac_key=bytes(32))
    report = anchors.anchor(full=True)
    if (cursor := report["next"]) is not None:
        anchors.anchor_on(cursor, limit=1)
    if (statement := anchors.last_statement({"kind": "ritual", "assistant": "ana", "ritual": "refund"})) is not None:
        if statement["name"]["kind"] == "deployment":
            assert_type(statement["name"]["supervisor"], str)
        assert_type(anchors.retire(statement["name"])["recorded_at"], datetime)
    anchors.retire({"kind": "book", "codex": "support"})  # type: ignore[typeddict-item]
    if (head := anchors.head()) is not None:
        assert_type(head["watermarks"]["codices"], datetime | None)
    if (anchor_part := anchors.verify_part(limit=10))["next"] is not None:
        anchors.verify_part(after=anchor_part["next"])
    for finding_of_log in anchors.verify()["findings"]:
        assert_type(finding_of_log["kind"], Literal["missing", "rolled_back", "differs", "damaged"])
    assert_type(anchors.verify_against(policy, pinned=(anchors.checkpoint([signer]),))["anchored"], int | None)
    assert_type(anchors.tree(), mythos.AnchorTree)
    tlog.verify_inclusion(anchors.tree().inclusion(0), "", anchors.tree().root(1))

    steps = home.steps()
    begun = steps.begin("ana", "refund", "pay", memoryview(b"50 EUR"), run={"epoch": 1, "run": 2})
    if begun["kind"] == "begun":
        steps.complete("ana", "refund", "pay", b"receipt", attempt=begun["attempt"])
    elif begun["kind"] == "in_doubt":
        assert_type(begun["begun_at"], datetime)
        steps.resolve("ana", "refund", "pay", attempt=begun["attempt"], resolution={"kind": "compensated"})
    else:
        assert_type(begun["outcome"], bytes)
    steps.steps("ana", "refund", state="lost")  # type: ignore[arg-type]
    for doubtful in steps.after_restore("ana", "refund")["in_doubt"]["items"]:
        assert_type(doubtful["intent"], bytes | None)
    assert_type(steps.forget("ana", "refund")["done"], bool)

    hourly: HealingBudget = {"max_actions": 3, "period_ms": 3_600_000}
    rule: HealingRule = {
        "rule": "stuck",
        "trigger": {"kind": "stall"},
        "threshold": {"reading": "stall_length", "side": "above", "enter": 10, "exit": 1},
        "condition": {"kind": "any", "of": [{"kind": "compare", "reading": "load", "is": "below", "value": 1}]},
        "score": [{"reading": "stall_length", "healthy": 0, "worst": 20, "weight": 1}],
        "repair_actions": [{"action": {"kind": "reduce_load", "percent": 50}}, {"action": {"kind": "notify"}}],
    }
    protocol: HealingProtocol = {
        "rules": [rule],
        "budgets": {"target": hourly, "zone": hourly, "node": hourly, "overall": hourly},
        "unhealthy": {"kind": "at_most_percent", "percent": 40},
    }
    healer = home.healing().engage("support", protocol)
    assert_type(healer, mythos.Healer)
    ill: Target = {"assistant": "ana", "node": "node-1", "zone": "eu"}
    assert_type(healer.observe([{"target": ill, "at": datetime.now(), "readings": {"stall_length": 12}}]), int)
    for planned in healer.plan():
        if planned["decision"]["kind"] == "hold":
            if planned["decision"]["why"]["kind"] == "budget":
                assert_type(planned["decision"]["why"]["until"], datetime | None)
        elif planned["decision"]["kind"] == "act":
            assert_type(planned["decision"]["step"], int)
    for given in healer.poll_effects():
        healer.answer(given["effect"]["id"], {"kind": "lost"})  # type: ignore[arg-type, misc]
        assert_type(healer.answer(given["effect"]["id"], {"kind": "done", "reversible": True}), bool)
    for healed in mythos.SystemHealthRecoveryView(home.healing()).overview("support")["ended"]:
        if healed["symbolic_health_delta"]["kind"] == "measured":
            assert_type(healed["symbolic_health_delta"]["value"], float)
    for proposal in home.healing().merge_proposals("support"):
        assert_type(proposal["merge"], MergeOffer | None)

    guard = home.regressions()
    audit = guard.audit("refunds", "within 30 days", "within 90 days", policy={"accuracy_threshold": 0.5})
    assert_type(audit["regression_flag"], bool)
    guard.review(audit["audit"], {"kind": "override"}, reviewer="ana")  # type: ignore[arg-type, misc]
    guard.queue(status="accepted")  # type: ignore[call-arg]
    for verdict in guard.agreement(signal="number")["by_verdict"]:
        assert_type(verdict["regressions"]["rate"], float)
    for row in mythos.CodexRegressionView(guard).history("refunds")["items"]:
        if row["diff"] is not None:
            assert_type(row["diff"]["segments"][0]["findings"], list[int])

    supervisor = deployments.supervise("night watch")
    assert_type(supervisor.id, str)
    decision = supervisor.deploy("ana", {"ritual": "refund", "policy": {"jitter": "none"}})
    if decision["state"]["kind"] == "backing_off":
        assert_type(decision["state"]["until"], datetime)
    for effect in supervisor.poll_effects():
        if effect["action"]["kind"] == "probe":
            assert_type(effect["action"]["deadline"], datetime)
            supervisor.answer(effect["id"], {"kind": "not_ready", "reason": "no answer"})
        elif effect["action"]["kind"] == "stop":
            assert_type(effect["action"]["deadline"], datetime | None)
            supervisor.answer(effect["id"], {"kind": "stopped"})
        else:
            supervisor.carry_out(effect)
    supervisor.deploy("ana", deployments.deployment("night watch", "ana")["spec"])
    supervisor.deploy("ana", {"ritual": "refund", "policy": {"alignment": "compatible"}})
    supervisor.deploy("ana", {"ritual": "refund", "policy": {"alignment": "any"}})  # type: ignore[typeddict-item]

    supervisor.create_group("pipeline", {"strategy": "rest_for_one", "window": {"max_restarts": 3, "period_ms": 1}})
    supervisor.create_group("pipeline", {"strategy": "all_for_one"})  # type: ignore[arg-type]
    child = supervisor.start_child("pipeline", "ana", {"ritual": "refund"}, shutdown={"kind": "within", "milliseconds": 9})
    if child["state"]["kind"] == "stopping":
        assert_type(child["state"]["stop"]["for_good"], bool)
    supervisor.start_child("pipeline", "ana", {"ritual": "refund"}, shutdown={"kind": "unlimited"}, is_running=True)
    supervisor.restart_child("ana")  # type: ignore[call-arg]
    stopped = supervisor.stop_group("pipeline", reason="night")
    if stopped["state"]["kind"] == "ended":
        assert_type(stopped["state"]["since"], datetime)
    for member in deployments.members("night watch", "pipeline", after=3):
        if member["node"]["kind"] == "group":
            assert_type(member["node"]["group"], str)
        assert_type(member["membership"]["is_significant"], bool)
    for group in deployments.groups(state="ended")["items"]:
        assert_type(group["member"], Membership | None)


async def check_loop(supervisor: mythos.Supervisor) -> None:
    """Never run."""
    async with EffectLoop(supervisor, HostOfAssistants(), max_underway=8) as loop:
        assert_type(loop, EffectLoop)
        assert_type(await loop.call(supervisor.report_failure, "ana", kind="crashed", reason="killed"), Decision)
        await loop.call(supervisor.report_failure, "ana", kind="tired", reason="killed")  # type: ignore[arg-type]
        loop.wake()
    await EffectLoop(supervisor, Forgetful()).run()  # type: ignore[arg-type]


class Letters:
    """Any object with an identity and the method is an embedder."""

    identity: EmbedderId = {"model": "letters", "version": "1", "dimension": 26}

    def embed(self, texts: list[str]) -> list[list[float]]:
        return [[float(text.count(chr(97 + at))) for at in range(26)] for text in texts]


def guard(old: str, new: str) -> bool:
    found = regression.assess(old, new, {"accuracy_threshold": 0.5})
    for finding in found["findings"]:
        if finding["signal"] == "number" and (span := finding["new"]) is not None:
            assert_type(span["start"], int)
    assert_type(found["words"], tuple[int, int])
    assert_type(regression.measures(old, new)["tone"], dict[str, float])
    assert_type(regression.assess_many([(old, new)], threads=2, progress=print)[0]["direction"], FindingDirection | None)
    assert_type(regression.similarity([(old, new)], Letters())[0]["cosine"], float)
    compared = regression.compare_documents(old, new)
    for change in compared["changes"]:
        assert_type(change["line"], int)
    documents = regression.compare_many([{"path": "a.md", "old": old, "new": new}])
    assert_type(regression.write_report(documents, "sarif"), str)
    return compared["verdict"] != "none"
