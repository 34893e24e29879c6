"""The journal of steps, on the built-in store and on one written in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import mythos
import pytest
from mythos.records import BegunStep, CompletedStep, DoubtfulStep, ForgottenSteps, RestoredSteps, Step

from shapes import shaped

PAY = ("ana", "refund", "payment of order 4711")


def test_a_step_is_done_once_and_its_outcome_is_given_ever_after(home: mythos.Mythos) -> None:
    steps = home.steps()
    begun = shaped(steps.begin(*PAY, b"50 EUR"), BegunStep)
    assert begun == {"kind": "begun", "attempt": 1}
    doubt = steps.begin(*PAY, bytearray(b"50 EUR"), run={"epoch": 1, "run": 2})
    assert doubt["kind"] == "in_doubt"
    assert shaped(doubt, DoubtfulStep)["run"] is None
    assert abs(dt.datetime.now(dt.timezone.utc) - doubt["begun_at"]) < dt.timedelta(minutes=1)
    done = shaped(steps.complete(*PAY, b"receipt \xff", attempt=1), Step)
    assert (done["state"], done["number"], done["intent"]) == ("completed", 1, b"50 EUR")
    assert steps.complete(*PAY, b"receipt \xff") == done
    again = shaped(steps.begin(*PAY, b"50 EUR"), CompletedStep)
    assert again["outcome"] == b"receipt \xff"
    assert steps.step(*PAY) == done
    assert steps.step("ana", "refund", "other") is None


def test_what_is_in_doubt_is_resolved(home: mythos.Mythos) -> None:
    steps = home.steps()
    steps.begin(*PAY, b"50 EUR")
    absent = steps.resolve(*PAY, attempt=1, resolution={"kind": "did_not_happen"})
    assert absent["state"] == "did_not_happen"
    assert steps.begin(*PAY, b"50 EUR") == {"kind": "begun", "attempt": 2}
    undone = steps.resolve(*PAY, attempt=2, resolution={"kind": "compensated"})
    assert undone["state"] == "compensated"
    steps.begin(*PAY, b"50 EUR")
    happened = steps.resolve(*PAY, attempt=3, resolution={"kind": "happened", "outcome": b"receipt"})
    assert shaped(happened, Step)["outcome"] == b"receipt"


def test_a_restored_assistant_learns_what_its_state_cannot_know(home: mythos.Mythos) -> None:
    rituals, steps = home.rituals(), home.steps()
    for key in ("a", "b", "c"):
        steps.begin("ana", "refund", key, b"")
    entry = rituals.save("ana", "refund", b"state")["entry"]
    steps.complete("ana", "refund", "b", b"done")
    found = shaped(steps.after_restore("ana", "refund", entry=entry, run={"epoch": 2, "run": 1}), RestoredSteps)
    assert [step["key"] for step in found["completed"]["items"]] == ["b"]
    assert [step["key"] for step in found["in_doubt"]["items"]] == ["a", "c"]
    page = steps.steps("ana", "refund", limit=2)
    assert [step["key"] for step in page["items"]] == ["a", "b"]
    rest = steps.steps("ana", "refund", after=page["next"])
    assert [step["key"] for step in rest["items"]] == ["c"]
    assert steps.steps("ana", "refund", state="completed", settled_since=entry)["items"] == found["completed"]["items"]
    with pytest.raises(mythos.Conflict) as caught:
        steps.begin("ana", "refund", "d", b"", run={"epoch": 1, "run": 9})
    assert caught.value.field == "epoch"

    later = rituals.save("ana", "refund", b"state")["entry"]
    now = dt.datetime.now(dt.timezone.utc)
    assert steps.forget("ana", "refund", before=now - dt.timedelta(hours=1))["forgotten"] == 0
    gone = shaped(steps.forget("ana", "refund", before_entry=later, limit=10), ForgottenSteps)
    assert gone == {"forgotten": 1, "done": True}


@pytest.mark.parametrize(
    ("call", "error", "field"),
    [
        (lambda steps: steps.begin(*PAY, b"51 EUR"), mythos.Invalid, "intent"),
        (lambda steps: steps.begin("ana", "refund", "", b""), mythos.Invalid, "key"),
        (lambda steps: steps.begin("ana", "refund", "x" * 201, b""), mythos.Invalid, "key"),
        (lambda steps: steps.begin("ana", "refund", "long", bytes(65537)), mythos.Limit, "intent"),
        (lambda steps: steps.begin("ana", "refund", "text", "no bytes"), mythos.Invalid, "intent"),
        (lambda steps: steps.begin(*PAY, b"50 EUR", run={"epoch": 0, "run": 1}), mythos.Invalid, "run.epoch"),
        (lambda steps: steps.complete("ana", "refund", "other", b""), mythos.NotFound, "key"),
        (lambda steps: steps.complete(*PAY, b"", attempt=2), mythos.Invalid, "attempt"),
        (lambda steps: steps.steps("ana", "refund", limit=257), mythos.Limit, "limit"),
        (lambda steps: steps.steps("ana", "refund", state="lost"), mythos.Invalid, "state"),
        (lambda steps: steps.forget("ana", "refund", limit=0), mythos.Limit, "limit"),
    ],
)
def test_refusals_name_the_field(
    call: Callable[[mythos.StepJournal], Any], error: type[mythos.MythosError], field: str
) -> None:
    steps = mythos.Mythos.in_memory().steps()
    steps.begin(*PAY, b"50 EUR")
    with pytest.raises(error) as caught:
        call(steps)
    assert caught.value.field == field
    assert len(steps.steps("ana", "refund")["items"]) == 1


def test_intents_and_outcomes_are_sealed_where_payloads_are() -> None:
    home = mythos.Mythos.in_memory()
    ring = mythos.KeyRing()
    ring.insert("k1", bytes(32))
    ring.activate("k1")
    sealed = home.with_rituals(keys=ring).steps()
    sealed.begin(*PAY, b"50 EUR")
    sealed.complete(*PAY, b"receipt")
    step = home.steps().step(*PAY)
    assert step is not None
    assert (step["state"], step["intent"], step["outcome"]) == ("completed", None, None)
    with pytest.raises(mythos.NotFound) as caught:
        home.steps().begin(*PAY, b"50 EUR")
    assert caught.value.field == "key"
