"""Self-healing, on the built-in stores and on one written in Python."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import mythos
import pytest
from mythos.records import (
    HandedOut,
    HealingEvent,
    HealingProtocol,
    HealingRule,
    HealingStatus,
    HealingTarget,
    HealthTotals,
    MergeProposal,
    Observation,
    ObservedCodices,
    Page,
    PlanEntry,
    RecoveryOverview,
    SymbolProof,
    TakenClause,
)

from shapes import shaped

HOURLY = 3_600_000


def stall_rule(**changes: Any) -> HealingRule:
    rule: HealingRule = {
        "rule": "stuck",
        "trigger": {"kind": "stall"},
        "threshold": {"reading": "stall_length", "side": "above", "enter": 10, "exit": 1},
        "condition": {
            "kind": "not",
            "of": {"kind": "compare", "reading": "paused", "is": "equal", "value": 1},
        },
        "score": [{"reading": "stall_length", "healthy": 0, "worst": 20, "weight": 1}],
        "repair_actions": [
            {"action": {"kind": "restore_ritual"}},
            {"action": {"kind": "restart_assistant"}, "attempts": 2, "deadline_ms": 60_000},
            {"action": {"kind": "notify"}},
        ],
        "settle_ms": 0,
        "cooldown_ms": 0,
    }
    rule.update(changes)  # type: ignore[typeddict-item]
    return rule


def protocol(*rules: HealingRule, target: int = 10, overall: int = 20) -> HealingProtocol:
    return {
        "rules": list(rules) or [stall_rule()],
        "budgets": {
            "target": {"max_actions": target, "period_ms": HOURLY},
            "zone": {"max_actions": 20, "period_ms": HOURLY},
            "node": {"max_actions": 20, "period_ms": HOURLY},
            "overall": {"max_actions": overall, "period_ms": HOURLY},
        },
        "unhealthy": {"kind": "unlimited"},
    }


def observation(readings: Mapping[str, float], assistant: str = "ana", codex: str | None = None) -> Observation:
    return {
        "target": {"assistant": assistant, "node": "node-1", "zone": "eu", "codex": codex},
        "at": dt.datetime.now(dt.timezone.utc),
        "readings": {"paused": 0, **readings},
    }


def test_a_stall_is_found_healed_and_measured(home: mythos.Mythos) -> None:
    rituals, engine = home.rituals(), home.healing()

    def look() -> Observation:
        found = rituals.stalled("ana", "refund")
        return observation({"stall_length": 0 if found is None else found["length"]})

    for _ in range(12):
        rituals.save("ana", "refund", b"ask again")
    healer = engine.engage("support", protocol())
    assert (healer.scope, healer.epoch) == ("support", 1)
    assert healer.observe([look()]) == 1
    dry = [shaped(entry, PlanEntry) for entry in healer.dry_run()]
    assert dry[0]["decision"]["kind"] == "act"
    assert healer.plan() == dry, "the dry run is the plan"
    waiting = [shaped(entry, PlanEntry) for entry in healer.plan()]
    assert waiting[0]["decision"]["kind"] == "hold"
    due = healer.next_timeout()
    assert due is not None
    assert due > dt.datetime.now(dt.timezone.utc)

    handed_out = [shaped(given, HandedOut) for given in healer.poll_effects(limit=5)]
    effect = handed_out[0]["effect"]
    assert (len(handed_out), handed_out[0]["epoch"]) == (1, healer.epoch)
    assert effect["action"] == {"kind": "restore_ritual", "ritual": None}
    assert healer.poll_effects() == []
    healer.give_back(effect["id"])
    assert healer.poll_effects() == handed_out
    # The assistant is restored, and goes another way.
    rituals.save("ana", "refund", bytes(range(256)) * 4)
    assert healer.answer(effect["id"], {"kind": "done", "reversible": False}) is True
    assert healer.answer(effect["id"], {"kind": "done"}) is False
    assert shaped(healer.totals(), HealthTotals)["unhealthy"] == 1
    healer.observe([look()])
    assert healer.totals() == {
        "known": 1,
        "unhealthy": 0,
        "incidents": 0,
        "pending": 0,
        "is_within_limit": True,
        "budget_left": 19,
    }

    event = shaped(shaped(engine.events(scope="support", is_open=False), Page[HealingEvent])["items"][0], HealingEvent)
    assert (event["triggered_by"], event["node_id"], event["ending"]) == ("stall", "node-1", "healthy")
    delta = event["symbolic_health_delta"]
    assert delta["kind"] == "measured"
    assert delta["value"] > 0.5
    assert engine.events(ending="retired")["items"] == []
    target = shaped(engine.targets(scope="support", is_ill=False)["items"][0], HealingTarget)
    assert target["state"]["readings"]["stall_length"] == 0
    assert shaped(engine.status("support"), HealingStatus)["plan"] == []
    assert healer.retire("ana") is True
    assert healer.retire("ana") is False


def test_budgets_bound_what_is_done_and_the_view_says_so(home: mythos.Mythos) -> None:
    engine = home.healing()
    healer = engine.engage("support", protocol(overall=1))
    healer.observe([observation({"stall_length": 15}, f"assistant {n}") for n in range(3)])
    plan = healer.plan()
    kinds = [entry["decision"]["kind"] for entry in plan]
    assert sorted(kinds) == ["act", "hold", "hold"]
    for entry in plan:
        decision = shaped(entry, PlanEntry)["decision"]
        if decision["kind"] == "hold":
            assert decision["why"]["kind"] == "budget"
            assert decision["why"]["scope"] == "overall"
    view = mythos.SystemHealthRecoveryView(engine)
    overview = shaped(view.overview("support", limit=10), RecoveryOverview)
    assert (overview["totals"]["budget_left"], overview["totals"]["pending"]) == (0, 1)
    assert (len(overview["plan"]), len(overview["active"]), overview["ended"]) == (3, 3, [])
    assert len(view.events(triggered_by="stall", limit=2)["items"]) == 2
    with pytest.raises(mythos.NotFound) as caught:
        view.overview("nobody")
    assert caught.value.field == "scope"


def test_a_stale_healer_is_refused_and_the_next_one_goes_on(home: mythos.Mythos) -> None:
    engine = home.healing()
    older = engine.engage("support", protocol())
    older.observe([observation({"stall_length": 15})])
    older.plan()
    effect = older.poll_effects()[0]["effect"]
    newer = engine.engage("support", protocol())
    assert newer.epoch > older.epoch
    calls: list[Callable[[], object]] = [
        lambda: older.observe([observation({"stall_length": 15})]),
        older.plan,
        older.dry_run,
        older.poll_effects,
        lambda: older.answer(effect["id"], {"kind": "done"}),
        older.next_timeout,
        older.totals,
        lambda: older.retire("ana"),
        lambda: older.observe_codices([]),
    ]
    for call in calls:
        with pytest.raises(mythos.Conflict) as caught:
            call()
        assert caught.value.field == "epoch"
    again = newer.poll_effects()[0]["effect"]
    assert again == effect
    assert newer.answer(effect["id"], {"kind": "failed", "reason": "no entry"}) is True


def test_heads_of_a_codex_are_merged_once_upon_approval(home: mythos.Mythos) -> None:
    codices, engine = home.codices(), home.healing()
    codices.create("rules", [{"clause": "tone", "text": "Be kind."}], directive_path=["launch"], actor="ana")
    for clause in ("refunds", "hours"):
        codices.mutate(
            "rules",
            {"kind": "add", "clause": clause, "text": clause},
            parent=0,
            directive_path=["support"],
            actor="bob",
        )
    conflict = stall_rule(
        rule="heads",
        trigger={"kind": "codex_conflict"},
        threshold={"reading": "codex_heads", "side": "above", "enter": 2, "exit": 2},
        score=[{"reading": "codex_heads", "healthy": 1, "worst": 2, "weight": 1}],
        repair_actions=[{"action": {"kind": "propose_merge"}}],
    )
    healer = engine.engage("support", protocol(conflict))
    seen = shaped(
        healer.observe_codices([observation({}, codex="rules"), observation({}, "eve", codex="none")]),
        ObservedCodices,
    )
    assert (seen["taken"], seen["missing"], len(seen["codices"][0]["heads"])) == (2, ["none"], 2)
    healer.plan()
    proposal = shaped(engine.merge_proposals("support", limit=5)[0], MergeProposal)
    merge = proposal["merge"]
    assert merge is not None
    assert merge["agreed"] == [{"clause": "tone", "from": "ours"}]
    assert [disputed["clause"] for disputed in merge["disputed"]] == ["refunds", "hours"]
    with pytest.raises(mythos.Invalid) as caught:
        healer.answer(proposal["effect"], {"kind": "done"})
    assert caught.value.field == "outcome"

    take: list[TakenClause] = [
        *merge["agreed"],
        {"clause": "refunds", "from": "ours"},
        {"clause": "hours", "from": "theirs"},
    ]
    ours, theirs = merge["ours"]["sequence"], merge["theirs"]["sequence"]

    def approve(theirs: int) -> SymbolProof:
        return healer.approve_merge(
            proposal["effect"], by="eve", ours=ours, theirs=theirs, take=take, directive_path=["audit"], reason="both"
        )

    with pytest.raises(mythos.Invalid) as caught:
        approve(0)
    assert caught.value.field == "theirs"
    proof = shaped(approve(theirs), SymbolProof)
    assert (proof["change"], approve(theirs)) == ("merge", proof), "a repetition is harmless"
    healer.observe_codices([observation({}, codex="rules")])
    event = shaped(engine.events(rule="heads")["items"][0], HealingEvent)
    assert (event["ending"], event["outcome"]) == ("healthy", {"kind": "approved", "by": "eve"})
    assert codices.codex("rules")["length"] == 4
    assert engine.merge_proposals("support") == []


def test_every_part_of_a_protocol_is_taken_as_plain_values() -> None:
    engine = mythos.Mythos.in_memory().healing()
    load = {"kind": "compare", "reading": "load", "is": "at_least", "value": 0.5}
    whole: Any = {
        **protocol(
            stall_rule(condition={"kind": "all", "of": [load, {"kind": "any", "of": [load, {"kind": "not", "of": load}]}]}),
            stall_rule(
                rule="swings",
                trigger={"kind": "flapping"},
                threshold={"reading": "flapping_percent", "side": "above", "enter": 30, "exit": 10.5},
                repair_actions=[{"action": {"kind": "quarantine"}}],
            ),
            stall_rule(
                rule="busy",
                trigger={"kind": "custom", "name": "overload"},
                threshold={"reading": "free", "side": "below", "enter": 0.1, "exit": 0.3},
                repair_actions=[
                    {"action": {"kind": "reduce_load", "percent": 50}},
                    {"action": {"kind": "clone"}},
                    {"action": {"kind": "realign_codex", "codex": "rules"}},
                    {"action": {"kind": "custom", "name": "shed"}},
                ],
                worse_margin=0.1,
                measure_within_ms=1_000,
            ),
        ),
        "unhealthy": {"kind": "between", "min": 1, "max": 3},
        "flapping": {"low_percent": 5, "high_percent": 20.5},
        "max_reading_age_ms": 60_000,
    }
    healer = engine.engage("support", whole)
    healer.observe([observation({"free": 0.05})])
    entry = shaped(healer.plan()[0], PlanEntry)
    assert (entry["rule"], entry["trigger"]) == ("busy", {"kind": "custom", "name": "overload"})
    assert entry["cause"]["threshold"] == whole["rules"][2]["threshold"]


@pytest.mark.parametrize(
    ("change", "error", "field"),
    [
        (lambda it: it.update(rules=[]), mythos.Invalid, "rules"),
        (lambda it: it.update(rulez=[]), mythos.Invalid, "protocol.rulez"),
        (lambda it: it["rules"].append(it["rules"][0]), mythos.Invalid, "rules"),
        (lambda it: it["rules"][0].update(settle=1), mythos.Invalid, "protocol.rules[0].settle"),
        (lambda it: it["rules"][0]["threshold"].update(exit=11), mythos.Invalid, "rules[0].threshold.exit"),
        (lambda it: it["rules"][0].update(repair_actions=[]), mythos.Invalid, "rules[0].repair_actions"),
        (lambda it: it["rules"][0].update(settle_ms=2**60), mythos.Limit, "rules[0].settle_ms"),
        (lambda it: it["rules"][0]["trigger"].update(kind="mood"), mythos.Invalid, "protocol.rules[0].trigger.kind"),
        (lambda it: it["budgets"]["zone"].update(period_ms=0), mythos.Invalid, "budgets.zone.period_ms"),
        (lambda it: it["budgets"]["node"].update(max_actions=251), mythos.Limit, "budgets.node.max_actions"),
        (lambda it: it.update(unhealthy={"kind": "at_most_percent", "percent": 101}), mythos.Invalid, "unhealthy.percent"),
    ],
)
def test_a_protocol_that_makes_no_sense_is_refused_by_its_field(
    change: Callable[[Any], object], error: type[mythos.MythosError], field: str
) -> None:
    bad: Any = copy.deepcopy(protocol())
    change(bad)
    with pytest.raises(error) as caught:
        mythos.Mythos.in_memory().healing().engage("support", bad)
    assert caught.value.field == field


def test_what_is_not_acceptable_is_named() -> None:
    engine = mythos.Mythos.in_memory().healing()
    healer = engine.engage("support", protocol())
    never: Any = {"assistant": "ana", "rule": "stuck", "incident": 1, "attempt": 1}
    odd: Any = "soon"
    calls: list[tuple[Callable[[], object], type[mythos.MythosError], str]] = [
        (lambda: engine.engage("", protocol()), mythos.Invalid, "scope"),
        (lambda: engine.status("nobody"), mythos.NotFound, "scope"),
        (lambda: engine.events(ending=odd), mythos.Invalid, "ending"),
        (lambda: engine.events(limit=0), mythos.Limit, "limit"),
        (lambda: engine.merge_proposals("support", limit=257), mythos.Limit, "limit"),
        (lambda: healer.observe([observation({"x": float("inf")})]), mythos.Invalid, "observations[0].readings.x"),
        (lambda: healer.observe([observation({"flapping_percent": 1})]), mythos.Invalid, "readings.flapping_percent"),
        (lambda: healer.observe_codices([observation({"codex_heads": 1})]), mythos.Invalid, "readings.codex_heads"),
        (lambda: healer.answer(never, {"kind": "done"}), mythos.NotFound, "effect"),
        (lambda: healer.answer(never, odd), mythos.Invalid, "outcome"),
        (lambda: healer.give_back(odd), mythos.Invalid, "effect"),
        (lambda: healer.retire(""), mythos.Invalid, "assistant"),
        (
            lambda: healer.approve_merge(never, by="eve", ours=1, theirs=2, take=[], directive_path=["audit"]),
            mythos.Invalid,
            "effect",
        ),
    ]
    for call, error, field in calls:
        with pytest.raises(error) as caught:
            call()
        assert caught.value.field == field
