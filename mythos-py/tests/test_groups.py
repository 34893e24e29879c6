"""Groups of deployments that are started, stopped and restarted together."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable
from typing import Any

import mythos
import pytest
from mythos.records import (
    Decision,
    Deployment,
    DeploymentSpec,
    Effect,
    GroupDecision,
    GroupMember,
    GroupPolicy,
    Page,
    SupervisionGroup,
)

from shapes import shaped

SPEC: DeploymentSpec = {"ritual": "work", "policy": {"free_restarts": 100}}
STAGES = ("reader", "parser", "writer")
PIPELINE: GroupPolicy = {"strategy": "rest_for_one", "window": {"max_restarts": 1, "period_ms": 3_600_000}}


def supervise(home: mythos.Mythos, *assistants: str) -> mythos.Supervisor:
    for assistant in assistants:
        home.rituals().save(assistant, "work", b"step 3")
    return home.deployments().supervise("support")


def pipeline(home: mythos.Mythos) -> mythos.Supervisor:
    """A group of three that run."""
    supervisor = supervise(home, *STAGES)
    made = shaped(supervisor.create_group("pipeline", PIPELINE), GroupDecision)
    assert (made["changed"], made["members"], made["state"]["kind"]) == (True, 0, "up")
    for stage in STAGES:
        decision = shaped(supervisor.start_child("pipeline", stage, SPEC, is_running=True), Decision)
        assert decision["state"]["kind"] == "running"
    return supervisor


def fail(supervisor: mythos.Supervisor, assistant: str) -> Decision:
    return shaped(supervisor.report_failure(assistant, kind="crashed", reason="killed"), Decision)


def carry_on(supervisor: mythos.Supervisor) -> list[tuple[str, str]]:
    """Does all that is asked for, and tells what in which order; notices are taken without a word."""
    done: list[tuple[str, str]] = []
    while effects := shaped(supervisor.poll_effects(), list[Effect]):
        for effect in effects:
            kind = effect["action"]["kind"]
            if kind == "escalate":
                supervisor.answer(effect["id"], {"kind": "acknowledged"})
                continue
            done.append((effect["assistant"], kind))
            if kind == "restore":
                probe = supervisor.carry_out(effect)["next"]
                assert probe is not None
                supervisor.answer(probe["id"], {"kind": "ready"})
            else:
                shaped(supervisor.answer(effect["id"], {"kind": "stopped"}), Decision)
    return done


def positions(home: mythos.Mythos, group: str) -> list[tuple[int, str, str]]:
    """Who the members are, in order, and where they stand."""
    members = shaped(home.deployments().members("support", group), list[GroupMember])
    return [
        (member["position"], node["group"] if node["kind"] == "group" else node["assistant"], node["state"])
        for member in members
        for node in [member["node"]]
    ]


def test_a_failure_takes_those_that_were_added_after_it_along(home: mythos.Mythos) -> None:
    supervisor = pipeline(home)
    assert fail(supervisor, "parser")["state"] == {"kind": "waiting", "delay_ms": 0}
    group = shaped(home.deployments().group("support", "pipeline"), SupervisionGroup)
    assert group["machine"]["state"] == {"kind": "stopping", "floor": 2, "at": 3}
    assert group["machine"]["cause"] is not None and group["machine"]["cause"]["reason"] == "killed"
    assert len(group["machine"]["history"]) == 1 and group["place"] is group["member"] is None

    [stop] = shaped(supervisor.poll_effects(), list[Effect])
    assert (stop["assistant"], stop["action"]["kind"]) == ("writer", "stop")
    stopping = shaped(supervisor.deployment("writer"), Deployment)
    state = stopping["machine"]["state"]
    assert state["kind"] == "stopping" and not state["stop"]["for_good"]
    assert stop["action"]["deadline"] == state["deadline"] == supervisor.next_timeout()
    assert isinstance(state["deadline"], dt.datetime)
    assert stopping["member"]["position"] == 3 and stopping["place"].endswith("/0000000000000003")
    incident = stopping["machine"]["incident"]
    assert incident is not None and (incident["kind"], incident["reason"]) == ("group", "killed")

    assert supervisor.answer(stop["id"], {"kind": "stopped"})["state"]["kind"] == "waiting"
    assert positions(home, "pipeline") == [(1, "reader", "running"), (2, "parser", "restoring"), (3, "writer", "waiting")]
    assert carry_on(supervisor) == [("parser", "restore"), ("writer", "restore")]
    assert home.deployments().group("support", "pipeline")["state"] == "up"
    assert supervisor.deployment("reader")["machine"]["run"] == 1, "nothing was done to the one before"


def test_a_group_stops_in_reverse_order_and_starts_in_order(home: mythos.Mythos) -> None:
    supervisor = pipeline(home)
    decision = shaped(supervisor.stop_group("pipeline", reason="night"), GroupDecision)
    assert decision["state"] == {"kind": "ending", "why": "requested", "at": 3, "in_flight": 1}
    with pytest.raises(mythos.Invalid) as refused:
        supervisor.start_group("pipeline", reason="day")
    assert refused.value.field == "group"
    assert carry_on(supervisor) == [("writer", "stop"), ("parser", "stop"), ("reader", "stop")]
    [ended] = shaped(home.deployments().groups(supervisor="support", state="ended"), Page[SupervisionGroup])["items"]
    state = ended["machine"]["state"]
    assert state["kind"] == "ended" and state["why"] == "requested" and isinstance(state["since"], dt.datetime)
    assert home.deployments().groups(state="up")["items"] == []
    assert not supervisor.stop_group("pipeline", reason="night")["changed"]
    assert supervisor.deployment("reader")["state"] == "stopped"

    assert shaped(supervisor.start_group("pipeline", reason="day"), GroupDecision)["state"] == {"kind": "starting", "at": 1}
    assert carry_on(supervisor) == [("reader", "restore"), ("parser", "restore"), ("writer", "restore")]
    assert [state for _, _, state in positions(home, "pipeline")] == ["mythpath_ready"] * 3


def test_too_many_restarts_end_a_group_and_an_operator_is_told(home: mythos.Mythos) -> None:
    supervisor = pipeline(home)
    fail(supervisor, "writer")
    assert carry_on(supervisor) == [("writer", "restore")]
    given_up = fail(supervisor, "parser")
    assert given_up["state"] == {"kind": "given_up", "why": "group_window_exceeded"}
    effects = {effect["assistant"]: effect for effect in shaped(supervisor.poll_effects(), list[Effect])}
    assert effects.keys() == {"parser", "writer"}
    notice = effects["parser"]
    assert notice["action"] == {
        "kind": "escalate",
        "escalation": {"kind": "given_up", "why": "group_window_exceeded"},
    }
    supervisor.answer(notice["id"], {"kind": "acknowledged"})
    assert effects["writer"]["action"]["kind"] == "stop"
    supervisor.answer(effects["writer"]["id"], {"kind": "stopped"})
    assert carry_on(supervisor) == [("reader", "stop")]
    group = shaped(home.deployments().group("support", "pipeline"), SupervisionGroup)
    state = group["machine"]["state"]
    assert state["kind"] == "ended" and state["why"] == "window_exceeded"
    with pytest.raises(mythos.Invalid) as refused:
        supervisor.restart_child("parser", reason="mended")
    assert refused.value.field == "assistant"
    supervisor.start_group("pipeline", reason="mended")
    assert carry_on(supervisor) == [(stage, "restore") for stage in STAGES]
    assert home.deployments().group("support", "pipeline")["machine"]["history"] == []


def test_a_group_that_ends_is_restarted_by_the_one_that_holds_it(home: mythos.Mythos) -> None:
    supervisor = supervise(home, "desk", "clerk")
    supervisor.create_group("office", {"strategy": "one_for_all"})
    none: GroupPolicy = {"window": {"max_restarts": 0, "period_ms": 1_000}, "restart": "permanent"}
    supervisor.start_child("office", "desk", SPEC, is_running=True)
    supervisor.create_group("back office", none, within="office")
    supervisor.start_child("back office", "clerk", SPEC, is_running=True)
    assert positions(home, "office") == [(1, "desk", "running"), (2, "back office", "up")]
    inner = shaped(home.deployments().group("support", "back office"), SupervisionGroup)
    assert inner["member"] is not None and inner["member"]["shutdown"] == {"kind": "unlimited"}
    assert inner["place"] is not None and inner["policy"]["restart"] == "permanent"

    fail(supervisor, "clerk")
    assert positions(home, "office") == [(1, "desk", "stopping"), (2, "back office", "ended")]
    assert carry_on(supervisor) == [("desk", "stop"), ("desk", "restore"), ("clerk", "restore")]
    assert positions(home, "office") == [(1, "desk", "mythpath_ready"), (2, "back office", "up")]
    supervisor.stop_group("office", reason="night")
    assert carry_on(supervisor) == [("clerk", "stop"), ("desk", "stop")]
    inner_state = home.deployments().group("support", "back office")["machine"]["state"]
    assert inner_state["kind"] == "ended" and inner_state["why"] == "parent"


def test_a_group_ends_with_the_members_that_matter(home: mythos.Mythos) -> None:
    supervisor = supervise(home, "worker", "helper")
    supervisor.create_group("task", {"auto_shutdown": "any_significant"})
    transient: DeploymentSpec = {"ritual": "work", "policy": {"exits": {"restart": "transient"}}}
    supervisor.start_child("task", "worker", transient, is_significant=True, is_running=True)
    supervisor.start_child("task", "helper", SPEC, shutdown={"kind": "kill"}, is_running=True)
    assert home.deployments().group("support", "task")["machine"]["active_significant"] == 1
    done = supervisor.report_exit("worker", {"kind": "completed", "reason": "done"})
    assert done["state"]["kind"] == "completed"
    assert carry_on(supervisor) == [("helper", "kill")]
    state = home.deployments().group("support", "task")["machine"]["state"]
    assert state["kind"] == "ended" and state["why"] == "auto_shutdown"


def test_who_does_not_end_in_time_is_killed(home: mythos.Mythos) -> None:
    supervisor = supervise(home, "ana")
    supervisor.create_group("slow")
    supervisor.start_child("slow", "ana", SPEC, shutdown={"kind": "within", "milliseconds": 20}, is_running=True)
    supervisor.stop_group("slow", reason="night")
    kinds: list[str] = []
    while "kill" not in kinds:
        time.sleep(0.01)
        shaped(supervisor.tick(), list[Decision])
        kinds += [effect["action"]["kind"] for effect in shaped(supervisor.poll_effects(), list[Effect])]
    state = shaped(supervisor.deployment("ana"), Deployment)["machine"]["state"]
    assert state["kind"] == "stopping" and state["stop"]["is_killed"] and state["deadline"] is None


def test_a_member_is_started_alone_and_taken_out(home: mythos.Mythos) -> None:
    supervisor = pipeline(home)
    calls: list[Callable[[], object]] = [
        lambda: supervisor.restart_child("writer", reason="it runs"),
        lambda: supervisor.delete_child("writer"),
        lambda: supervisor.delete_group("pipeline"),
    ]
    for call, field in zip(calls, ("assistant", "assistant", "group"), strict=True):
        with pytest.raises(mythos.Invalid) as refused:
            call()
        assert refused.value.field == field
    supervisor.stop("writer")
    assert carry_on(supervisor) == [("writer", "stop")]
    assert shaped(supervisor.restart_child("writer", reason="again"), Decision)["state"]["kind"] == "restoring"
    assert carry_on(supervisor) == [("writer", "restore")]

    supervisor.stop("parser")
    assert carry_on(supervisor) == [("parser", "stop")]
    assert not home.deployments().members("support", "pipeline")[1]["membership"]["is_active"]
    assert shaped(supervisor.delete_child("parser"), Decision)["changed"]
    assert positions(home, "pipeline") == [(1, "reader", "running"), (3, "writer", "mythpath_ready")]
    assert "member" not in shaped(supervisor.deployment("parser"), Deployment)
    for stage in ("reader", "writer"):
        supervisor.stop(stage)
        carry_on(supervisor)
        supervisor.delete_child(stage)
    with pytest.raises(mythos.NotFound) as nobody:
        supervisor.delete_deployment("nobody")
    assert nobody.value.field == "assistant"
    supervisor.delete_deployment("parser")
    with pytest.raises(mythos.NotFound):
        supervisor.deployment("parser")
    supervisor.delete_group("pipeline")
    with pytest.raises(mythos.NotFound) as gone:
        home.deployments().group("support", "pipeline")
    assert gone.value.field == "group"


def test_members_are_listed_from_a_position(home: mythos.Mythos) -> None:
    supervisor = supervise(home)
    supervisor.create_group("many")
    for number in range(3):
        supervisor.create_group(f"group {9 - number}", within="many")
        supervisor.start_child("many", f"assistant {9 - number}", SPEC, is_running=True)
    deployments = home.deployments()
    assert [member["position"] for member in deployments.members("support", "many")] == [1, 2, 3, 4, 5, 6]
    page = deployments.members("support", "many", after=2, limit=3)
    assert [member["node"]["kind"] for member in page] == ["group", "deployment", "group"]
    assert [member["position"] for member in page] == [3, 4, 5]
    assert deployments.members("support", "many", after=6) == []
    with pytest.raises(mythos.Limit):
        deployments.members("support", "many", limit=0)
    first = deployments.groups(limit=2)
    assert [group["group"] for group in first["items"]] == ["group 7", "group 8"]
    assert [group["group"] for group in deployments.groups(after=first["next"])["items"]] == ["group 9", "many"]


def test_what_is_asked_twice_is_done_once(home: mythos.Mythos) -> None:
    supervisor = supervise(home, "ana", "bob")
    names = [str(uuid.uuid4()) for _ in range(4)]

    def everything() -> list[dict[str, Any]]:
        answers: list[Any] = [
            supervisor.create_group("desk", PIPELINE, operation=names[0]),
            supervisor.start_child("desk", "ana", SPEC, is_running=True, operation=names[1]),
            supervisor.stop_group("desk", reason="night", operation=names[2]),
        ]
        carry_on(supervisor)
        answers.append(supervisor.start_group("desk", reason="day", operation=names[3]))
        return answers

    first = everything()
    carry_on(supervisor)
    again = everything()
    assert [answer["decided_at"] for answer in again] == [answer["decided_at"] for answer in first]
    assert positions(home, "desk") == [(1, "ana", "mythpath_ready")]
    for call in (
        lambda: supervisor.create_group("another", PIPELINE, operation=names[0]),
        lambda: supervisor.start_child("desk", "bob", SPEC, operation=names[1]),
        lambda: supervisor.stop_group("desk", reason="another", operation=names[2]),
    ):
        with pytest.raises(mythos.Invalid) as refused:
            call()
        assert refused.value.field == "operation"


def test_what_does_not_go_together_is_refused_with_its_field(home: mythos.Mythos) -> None:
    supervisor = pipeline(home)
    supervisor.create_group("alike", {"strategy": "simple_one_for_one"})
    supervisor.create_group("task", {"auto_shutdown": "all_significant"})
    supervisor.deploy("alone", SPEC)
    unheard: Any = {"strategy": "all_for_one"}
    simple: GroupPolicy = {"strategy": "simple_one_for_one", "auto_shutdown": "any_significant"}
    tumbling: GroupPolicy = {"window": {"max_restarts": 1, "period_ms": 1, "kind": "tumbling"}}
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: supervisor.create_group("g", unheard), "policy.strategy"),
        (lambda: supervisor.create_group("g", simple), "policy"),
        (lambda: supervisor.create_group("g", tumbling), "policy"),
        (lambda: supervisor.create_group(""), "group"),
        (lambda: supervisor.create_group("g", within="alike"), "group"),
        (lambda: supervisor.create_group("g", within="pipeline", is_significant=True), "is_significant"),
        (lambda: supervisor.start_child("pipeline", "ana", SPEC, is_significant=True), "is_significant"),
        (lambda: supervisor.start_child("task", "ana", SPEC, is_significant=True), "is_significant"),
        (lambda: supervisor.start_child("pipeline", "reader", SPEC), "assistant"),
        (
            lambda: supervisor.start_child("task", "ana", SPEC, shutdown={"kind": "within", "milliseconds": 0}),
            "shutdown",
        ),
        (lambda: supervisor.restart_child("alone", reason="no member"), "assistant"),
        (lambda: supervisor.delete_child("alone"), "assistant"),
        (lambda: supervisor.stop_group("task", reason=""), "reason"),
    ]
    for call, field in calls:
        with pytest.raises(mythos.Invalid) as refused:
            call()
        assert refused.value.field == field
    missing: list[tuple[Callable[[], object], str]] = [
        (lambda: supervisor.create_group("g", within="nowhere"), "within"),
        (lambda: supervisor.start_child("nowhere", "ana", SPEC), "group"),
        (lambda: supervisor.start_group("nowhere", reason="day"), "group"),
        (lambda: supervisor.delete_group("nowhere"), "group"),
        (lambda: supervisor.restart_child("nobody", reason="mended"), "assistant"),
        (lambda: supervisor.delete_child("nobody"), "assistant"),
    ]
    for call, field in missing:
        with pytest.raises(mythos.NotFound) as unknown:
            call()
        assert unknown.value.field == field
