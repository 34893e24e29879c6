"""Who is suspected to have failed, and how a suspicion becomes a restart."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import mythos
import pytest
from mythos.records import Decision, Suspicion

from shapes import shaped

START = dt.datetime(2026, 11, 22, tzinfo=dt.timezone.utc)


def at(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


def test_a_silent_assistant_is_suspected_once_and_restarted(home: mythos.Mythos) -> None:
    home.rituals().save("ana", "work", b"step 3")
    supervisor = home.deployments().supervise("night watch")
    run = supervisor.deploy("ana", {"ritual": "work", "policy": {"free_restarts": 1}})["run"]
    monitor = mythos.HeartbeatMonitor()
    assert monitor.poll_timeout() is None
    for second in range(6):
        assert monitor.heartbeat("ana", run, at(second))
    assert monitor.watched == 1
    assert monitor.suspects(at(6)) == []

    timeout = monitor.poll_timeout()
    assert timeout is not None and at(9) < timeout < at(11)
    [suspicion] = shaped(monitor.suspects(timeout), list[Suspicion])
    assert suspicion["phi"] >= 8 and suspicion["phi"] == monitor.phi("ana", timeout)
    assert (suspicion["last_heartbeat_at"], suspicion["suspected_at"]) == (at(5), timeout)
    assert monitor.suspects(timeout) == [] and monitor.poll_timeout() is None

    report = {"run": suspicion["run"], "reason": suspicion["reason"]}
    decision = shaped(supervisor.report_failure("ana", kind="unresponsive", **report), Decision)
    assert decision["changed"] and decision["state"]["kind"] == "restoring"
    [effect] = supervisor.poll_effects()
    probe = supervisor.carry_out(effect)["next"]
    assert probe is not None and probe["run"] == run + 1
    assert monitor.heartbeat("ana", probe["run"], at(12))
    assert not monitor.heartbeat("ana", run, at(13)), "the old run is heard no more"
    assert not supervisor.report_failure("ana", kind="unresponsive", **report)["changed"]
    [incident] = home.deployments().history()["items"]
    assert incident["failure_kind"] == "unresponsive"
    assert incident["restart_trigger_reason"] == suspicion["reason"]


def test_a_policy_says_how_long_to_wait() -> None:
    monitor = mythos.HeartbeatMonitor(
        {"threshold": 8, "acceptable_pause_ms": 0, "first_interval_ms": 100, "min_std_deviation_ms": 10}
    )
    monitor.heartbeat("ana", 1, at(0))
    # 100 ms and 5.61 deviations of a quarter.
    timeout = monitor.poll_timeout()
    assert timeout is not None and at(0.24) < timeout < at(0.241)
    assert monitor.phi("ana", at(3_600)) == 300
    assert monitor.phi("ben", at(0)) is None
    assert monitor.forget("ana") and not monitor.forget("ana")
    assert monitor.watched == 0


def test_nonsense_is_refused_with_its_field() -> None:
    with pytest.raises(mythos.Invalid) as refused:
        mythos.HeartbeatMonitor({"threshold": 0.3})
    assert refused.value.field == "threshold"
    with pytest.raises(mythos.Invalid):
        mythos.HeartbeatMonitor({"treshold": 8})  # type: ignore[arg-type]
    monitor = mythos.HeartbeatMonitor()
    with pytest.raises(mythos.Invalid) as refused:
        monitor.heartbeat("ana", 1, dt.datetime(2026, 11, 22))
    assert refused.value.field == "now"
    with pytest.raises(mythos.Limit) as limited:
        monitor.heartbeat("ana", 2**53, at(0))
    assert limited.value.field == "run"


def test_threads_share_a_monitor() -> None:
    monitor = mythos.HeartbeatMonitor()

    def beat(name: int) -> bool:
        return all(monitor.heartbeat(f"assistant {name}", 1, at(second)) for second in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(beat, range(16)))
    assert monitor.watched == 16
    assert len(monitor.suspects(at(3_600))) == 16
