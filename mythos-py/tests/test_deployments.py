"""Restarts, on the built-in store and on one written in Python."""

from __future__ import annotations

import datetime as dt
import time
import uuid
import xml.dom.minidom
from collections.abc import Callable
from typing import Any

import mythos
import pytest
from mythos.records import (
    CarriedOut,
    Decision,
    Deployment,
    DeploymentRestart,
    DeploymentSpec,
    DeploymentStatus,
    Effect,
    Exit,
    FallbackHistory,
    Page,
    RestartDiagram,
    RestartPolicy,
    SupervisionTotals,
)

from shapes import shaped

AT_ONCE: RestartPolicy = {"free_restarts": 100, "alignment": "ask_operator"}


def deployed(home: mythos.Mythos, policy: RestartPolicy = AT_ONCE) -> mythos.Supervisor:
    codices, rituals = home.codices(), home.rituals()
    codices.create("rules", [{"clause": "a", "text": "b"}], directive_path=["launch"], actor="host")
    root = codices.codex("rules")["heads"][0]["codex_root"]
    rituals.save("ana", "work", b"step 3", intent={"codex": "rules", "codex_root": root})
    supervisor = home.deployments().supervise("night watch")
    spec: DeploymentSpec = {"ritual": "work", "codex": "rules", "policy": policy}
    assert shaped(supervisor.deploy("ana", spec), Decision)["state"]["kind"] == "running"
    return supervisor


def fail(supervisor: mythos.Supervisor) -> Effect:
    assert shaped(supervisor.report_failure("ana", kind="crashed", reason="killed"), Decision)["changed"]
    supervisor.tick()
    [effect] = shaped(supervisor.poll_effects(), list[Effect])
    return effect


def test_a_failed_assistant_comes_back_ready(home: mythos.Mythos) -> None:
    supervisor = deployed(home)
    assert (supervisor.id, supervisor.epoch) == ("night watch", 1)
    effect = fail(supervisor)
    assert supervisor.poll_effects() == []
    supervisor.give_back(effect["id"])
    assert supervisor.poll_effects(limit=1) == [effect]
    assert effect["action"]["kind"] == "restore"

    done = shaped(supervisor.carry_out(effect), CarriedOut)
    assert done["restored"] is not None and done["restored"]["payload"] == b"step 3"
    assert done["alignment"] is not None
    assert done["alignment"]["entry_root"] == done["alignment"]["proven_root"]
    assert done["alignment"]["is_compatible"] and "changes" not in done["alignment"]
    assert done["next"] is not None
    probe = done["next"]
    assert probe["action"]["kind"] == "probe"
    assert supervisor.next_timeout() == probe["action"]["deadline"]
    shaped(supervisor.deployment("ana"), Deployment)

    decision = shaped(supervisor.answer(probe["id"], {"kind": "ready"}), Decision)
    assert decision["state"]["kind"] == "mythpath_ready"
    assert isinstance(decision["state"]["since"], dt.datetime)
    assert not supervisor.answer(probe["id"], {"kind": "ready"})["changed"], "only the first answer counts"
    assert supervisor.next_timeout() is None

    deployments = home.deployments()
    [deployment] = shaped(deployments.deployments(state="mythpath_ready"), Page[Deployment])["items"]
    assert deployment == deployments.deployment("night watch", "ana")
    assert deployment["machine"]["history"], "the restart counts for the window"
    assert deployments.deployments(assistant="bob")["items"] == []
    [incident] = shaped(deployments.history(assistant="ana"), Page[DeploymentRestart])["items"]
    assert (incident["successful_redeploy_flag"], incident["restart_trigger_reason"]) == (True, "killed")
    assert deployments.history(before=incident["created_at"])["items"] == []


def test_a_restart_waits_for_its_timer(home: mythos.Mythos) -> None:
    supervisor = deployed(home, {"backoff": {"kind": "constant", "delay_ms": 30}, "jitter": "none"})
    decision = shaped(supervisor.report_failure("ana", kind="stalled", reason="no heartbeat"), Decision)
    assert decision["state"]["kind"] == "backing_off"
    assert supervisor.next_timeout() == decision["state"]["until"]
    shaped(supervisor.deployment("ana"), Deployment)
    fired: list[Decision] = []
    while not fired:
        time.sleep(0.01)
        fired = shaped(supervisor.tick(), list[Decision])
    assert fired[0]["state"]["kind"] == "restoring"


def test_what_follows_the_end_of_a_run_is_a_matter_of_its_exit_rules(home: mythos.Mythos) -> None:
    transient: RestartPolicy = {
        "free_restarts": 100,
        "exits": {"restart": "transient", "prevent": [{"by": "class", "class": "bad_input"}]},
    }
    spec: DeploymentSpec = {"ritual": "work", "codex": "rules", "policy": transient}
    supervisor = deployed(home, transient)
    failed: Exit = {"kind": "failed", "reason": "exit 1", "status": 1}
    decision = shaped(supervisor.report_exit("ana", failed, run=1), Decision)
    assert decision["state"]["kind"] == "restoring"
    supervisor.deploy("ana", spec)
    done = shaped(supervisor.report_exit("ana", {"kind": "completed", "reason": "done"}), Decision)
    assert done["state"]["kind"] == "completed"
    supervisor.deploy("ana", spec)
    given_up = supervisor.report_exit("ana", {**failed, "class": "bad_input"})["state"]
    assert given_up == {"kind": "given_up", "why": "not_restarted"}
    with pytest.raises(mythos.Invalid) as refused:
        supervisor.report_exit("ana", {**failed, "class": ""})
    assert refused.value.field == "class"


def test_an_operator_is_asked_about_another_codex(home: mythos.Mythos) -> None:
    supervisor = deployed(home)
    home.codices().mutate("rules", {"kind": "remove", "clause": "a"}, directive_path=["audit"], actor="host")
    question = supervisor.carry_out(fail(supervisor))["next"]
    assert question is not None and question["action"]["kind"] == "escalate"
    shaped(question, Effect)
    assert question["action"]["escalation"]["kind"] == "misaligned"
    shaped(supervisor.deployment("ana"), Deployment)
    assert supervisor.answer(question["id"], {"kind": "approved"})["state"]["kind"] == "verifying"


def test_an_assistant_resumes_under_a_codex_that_only_grew(home: mythos.Mythos) -> None:
    supervisor = deployed(home, {"free_restarts": 100, "alignment": "compatible"})
    codices = home.codices()
    codices.mutate("rules", {"kind": "add", "clause": "z", "text": "new"}, directive_path=["audit"], actor="host")
    done = shaped(supervisor.carry_out(fail(supervisor)), CarriedOut)
    assert done["next"] is not None and done["next"]["action"]["kind"] == "probe"
    alignment = done["alignment"]
    assert alignment is not None and alignment["entry_root"] != alignment["proven_root"]
    assert (alignment["is_compatible"], alignment["since"]) == (True, 0)
    assert alignment["changes"] == [{"clause": "z", "kind": "added"}]
    # The same stands in the deployment, and comes back as it was given.
    state = shaped(supervisor.deployment("ana"), Deployment)["machine"]["state"]
    assert state["kind"] == "verifying" and state["alignment"] == alignment
    supervisor.answer(done["next"]["id"], {"kind": "ready"})

    codices.mutate("rules", {"kind": "replace", "clause": "a", "text": "c"}, directive_path=["audit"], actor="host")
    supervisor.carry_out(fail(supervisor))
    deployment = shaped(supervisor.deployment("ana"), Deployment)
    assert deployment["spec"]["policy"]["alignment"] == "compatible"
    incident = deployment["machine"]["incident"]
    assert incident is not None
    assert [step["result"]["kind"] for step in incident["steps"]] == ["misaligned", "not_restored"]


def test_an_operator_is_told_what_changed_of_the_codex(home: mythos.Mythos) -> None:
    supervisor = deployed(home)
    codices = home.codices()
    codices.mutate("rules", {"kind": "replace", "clause": "a", "text": "c"}, directive_path=["audit"], actor="host")
    done = shaped(supervisor.carry_out(fail(supervisor)), CarriedOut)
    assert done["next"] is not None and done["next"]["action"]["kind"] == "escalate"
    escalation = done["next"]["action"]["escalation"]
    assert escalation["kind"] == "misaligned"
    alignment = escalation["alignment"]
    assert (alignment["changes"], alignment["is_compatible"]) == ([{"clause": "a", "kind": "replaced"}], False)


def test_a_launch_that_fails_is_tried_again_until_the_window_is_full(home: mythos.Mythos) -> None:
    supervisor = deployed(home, {"free_restarts": 100, "window": {"max_restarts": 1, "period_ms": 60_000}})
    probe = supervisor.carry_out(fail(supervisor))["next"]
    assert probe is not None
    decision = supervisor.answer(probe["id"], {"kind": "not_ready", "reason": "no answer"})
    assert decision["state"] == {"kind": "given_up", "why": "window_exceeded"}
    [notice] = shaped(supervisor.poll_effects(), list[Effect])
    assert notice["action"] == {"kind": "escalate", "escalation": {"kind": "given_up", "why": "window_exceeded"}}
    with pytest.raises(mythos.Invalid):
        supervisor.carry_out(notice)
    with pytest.raises(mythos.Invalid):
        supervisor.answer(notice["id"], {"kind": "ready"})
    supervisor.answer(notice["id"], {"kind": "acknowledged"})
    shaped(home.deployments().history(), Page[DeploymentRestart])
    assert supervisor.restart_now("ana", reason="mended")["state"]["kind"] == "restoring"
    stopping = supervisor.stop("ana")
    assert stopping["state"]["kind"] == "stopping" and not supervisor.stop("ana")["changed"]
    [stop] = shaped(supervisor.poll_effects(), list[Effect])
    assert (stop["id"], stop["action"]["kind"]) == (stopping["effect"], "stop")
    assert supervisor.answer(stop["id"], {"kind": "stopped"})["state"] == {"kind": "stopped"}
    assert not supervisor.stop("ana")["changed"]


def test_who_takes_over_shuts_the_other_out(home: mythos.Mythos) -> None:
    old = deployed(home)
    effect = fail(old)
    new = home.deployments().supervise("night watch")
    assert new.epoch == 2
    with pytest.raises(mythos.Conflict) as caught:
        old.tick()
    assert caught.value.field == "epoch"
    assert [again["id"] for again in new.poll_effects()] == [effect["id"]]


def test_a_report_is_repeated_by_its_operation(home: mythos.Mythos) -> None:
    supervisor = deployed(home)
    operation = str(uuid.uuid4())
    first = supervisor.report_failure("ana", kind="crashed", reason="killed", run=1, operation=operation)
    again = supervisor.report_failure("ana", kind="crashed", reason="killed", run=1, operation=operation)
    assert (again["incident"], again["effect"]) == (first["incident"], first["effect"])
    with pytest.raises(mythos.Invalid) as caught:
        supervisor.report_failure("ana", kind="stalled", reason="killed", operation=operation)
    assert caught.value.field == "operation"


def test_what_is_pending_is_told_by_effect_and_all_together(home: mythos.Mythos) -> None:
    supervisor = deployed(home)
    assert supervisor.totals() == {"deployments": 1, "incidents": 0, "pending": 0}
    supervisor.report_failure("ana", kind="crashed", reason="killed")
    [effect] = supervisor.poll_effects()
    assert supervisor.still_pending([effect["id"]]) == [effect["id"]]
    assert shaped(supervisor.totals(), SupervisionTotals) == {"deployments": 1, "incidents": 1, "pending": 1}
    supervisor.deploy("ana", {"ritual": "work"})
    assert supervisor.still_pending([effect["id"]]) == supervisor.still_pending([]) == []
    with pytest.raises(mythos.Limit) as caught:
        supervisor.still_pending([effect["id"]] * 1_001)
    assert caught.value.field == "effects"


def test_what_is_not_acceptable_is_named(home: mythos.Mythos) -> None:
    supervisor = deployed(home)
    never: Any = "soon"
    wrong: Any = {"ritual": "work", "policy": {"bakcoff": 1}}
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: supervisor.report_failure("ana", kind=never, reason="x"), "kind"),
        (lambda: supervisor.report_failure("ana", kind="crashed", reason="x", run=never), "run"),
        (lambda: supervisor.deploy("ana", wrong), "spec.policy"),
        (lambda: supervisor.give_back("nonsense"), "effect"),
        (lambda: supervisor.answer("ca.1.1", never), "outcome"),
        (lambda: home.deployments().supervise(""), "supervisor"),
    ]
    for call, field in calls:
        with pytest.raises(mythos.Invalid) as caught:
            call()
        assert (caught.value.field or "").startswith(field), field
    for unknown in (supervisor.deployment, supervisor.stop):
        with pytest.raises(mythos.NotFound):
            unknown("nobody")


def test_a_page_shows_what_happened_to_an_assistant(home: mythos.Mythos) -> None:
    supervisor = deployed(home)
    view = mythos.AssistantRestartView(home.deployments())
    effect = fail(supervisor)
    [status] = shaped(view.deployments("ana"), Page[DeploymentStatus])["items"]
    assert status["effect"] is not None
    assert (status["effect"]["id"], status["effect"]["action"]) == (effect["id"], effect["action"])
    assert (status["timer"], status["run"], status["attempts"]) == (None, 1, 1)
    probe = supervisor.carry_out(effect)["next"]
    assert probe is not None
    [status] = shaped(view.deployments("ana", limit=1), Page[DeploymentStatus])["items"]
    assert status["timer"] is not None and 0 < status["timer"]["remaining_ms"] <= 30_000
    supervisor.answer(probe["id"], {"kind": "ready"})

    assert view.history("ana") == home.deployments().history(assistant="ana")
    assert view.history("ana", supervisor="nobody")["items"] == []
    tried = shaped(view.fallbacks("ana", supervisor="night watch"), FallbackHistory)
    assert tried["steps"][0]["taken"]["result"] == {"kind": "ready"}
    assert tried["tallies"] == [{"step": {"kind": "latest"}, "tried": 1, "succeeded": 1, "failed": 0}]

    diagram = shaped(view.diagram("night watch", "ana"), RestartDiagram)
    taken = {(edge["from"], edge["to"]): edge["taken"] for edge in diagram["edges"] if edge["taken"]}
    assert taken == {
        ("failed", "restoring"): [2],
        ("restoring", "aligning"): [3],
        ("aligning", "verifying"): [4],
        ("verifying", "mythpath_ready"): [5],
    }
    assert diagram["mermaid"].startswith("stateDiagram-v2\n")
    svg = xml.dom.minidom.parseString(diagram["svg"]).documentElement
    assert svg is not None and (svg.tagName, svg.getAttribute("role")) == ("svg", "img")
    with pytest.raises(mythos.NotFound):
        view.diagram("nobody", "ana")
    with pytest.raises(mythos.Limit):
        view.fallbacks("ana", limit=1_001)
    with pytest.raises(TypeError):
        mythos.AssistantRestartView(home.codices())  # type: ignore[arg-type]
