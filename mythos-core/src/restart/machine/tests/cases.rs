//! What other supervisors' own tests and manuals state, restated for this machine. Each test names its cases as
//! `suite-case`.

use super::*;

fn window(max_restarts: u32, period_ms: u64) -> RestartWindow {
    RestartWindow::sliding(max_restarts, period_ms)
}

fn exponential(initial_ms: u64, cap_ms: u64) -> Backoff {
    Backoff::Exponential { initial_ms, factor: 2.0, cap_ms }
}

fn without_delay(max_restarts: u32, period_ms: u64) -> RestartPolicyOptions {
    RestartPolicyOptions {
        window: window(max_restarts, period_ms),
        backoff: Backoff::Constant { delay_ms: 0 },
        launches_per_entry: u32::MAX,
        ..options()
    }
}

fn delays_ms(policy: RestartPolicyOptions, attempts: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    let policy = RestartPolicy::new(policy).unwrap();
    let id = RecordId::new(b"deployment").unwrap();
    let mut before = 0;
    let delay = |attempt| {
        let delay = policy.delay_ms(&id, attempt, before, attempt);
        before = delay;
        delay
    };
    attempts.map(delay).collect()
}

/// otp-intensity-1fo1 (OTP 27, supervisor_SUITE: one_for_one): two restarts within the hour are allowed, the third
/// failure ends it, and only the one that failed is restarted.
#[test]
fn otp_intensity() {
    let mut driver = Driver::new(without_delay(2, HOUR_MS));
    assert_eq!(driver.fail_and_recover(), StateName::MythpathReady);
    assert_eq!(driver.fail_and_recover(), StateName::MythpathReady);
    assert_eq!(driver.fail_and_recover(), StateName::GivenUp);
    assert_eq!(driver.machine.state, State::GivenUp { why: GiveUp::WindowExceeded });
}

/// otp-intensity-1fo1: in OTP one counter is shared by all children of a supervisor. The window counts whatever it is
/// given, so that a shared history gives OTP's answer.
#[test]
fn otp_intensity_of_a_shared_history() {
    let mut shared = RestartHistory::default();
    let admitted: Vec<_> =
        ["c1", "c2", "any"].map(|_| shared.admit(&window(2, HOUR_MS), Timestamp::UNIX_EPOCH)).into();
    assert_eq!(admitted, [true, true, false]);
}

/// otp-type-permanent-normal, -shutdown_with_detail, -abnormal, otp-type-transient-shutdown, -shutdown_with_detail,
/// otp-type-temporary-normal, -shutdown, -abnormal (OTP 27, supervisor_SUITE: permanent_*, transient_*, temporary_*), and
/// the cells of OTP's table beside them. A failure that no restart follows is told to an operator.
#[test]
fn otp_restart_types() {
    use ExitKind::{Completed, Failed, Killed, ShutDown};
    use StateName::{Completed as Rests, GivenUp as Told, Restoring};
    for (restart, expected) in [
        (RestartClass::Permanent, [Restoring, Restoring, Restoring, Restoring]),
        (RestartClass::Transient, [Rests, Rests, Restoring, Restoring]),
        (RestartClass::Temporary, [Rests, Rests, Told, Told]),
    ] {
        let exits = ExitRules { restart, ..ExitRules::default() };
        let policy = RestartPolicyOptions { exits, ..without_delay(2, HOUR_MS) };
        let after =
            [Completed, ShutDown, Failed, Killed].map(|kind| Driver::new(policy.clone()).moved(exited(kind)));
        assert_eq!(after, expected, "{restart:?}");
        for kind in [FailureKind::Crashed, FailureKind::Stalled, FailureKind::Unhealthy] {
            let event = suspected(Some(1), kind);
            assert_eq!(Driver::new(policy.clone()).moved(event), expected[2], "{restart:?}, {kind:?}");
        }
    }
}

/// otp-start-failure-escalates-1fo1 (OTP 27, supervisor_SUITE: one_for_one_escalation): each failed attempt to restart
/// counts as a restart, so that with four allowed the fifth ends it.
#[test]
fn otp_failed_starts_count() {
    let mut driver = Driver::new(without_delay(4, HOUR_MS));
    assert_eq!(driver.always_failing().len(), 1 + 4);
}

/// otp-restart-loop-interruptible (OTP 27, supervisor_SUITE: hanging_restart_loop): a child that is being restarted can
/// be terminated, its specification is kept, and a later restart succeeds.
#[test]
fn otp_restart_loop_can_be_interrupted() {
    let mut driver = Driver::new(without_delay(8, 10_000));
    driver.moved(failed());
    assert_eq!(driver.moved(stop_requested()), StateName::Stopped);
    assert_eq!(driver.moved(restart_requested()), StateName::Restoring);
    driver.answer(Answer::Restored(entry(1)));
    assert_eq!(driver.answer(Answer::Ready), StateName::MythpathReady);
}

/// systemd-geometric-steps (systemd 257, systemd.service(5), `RestartSteps=`): from 10 s to 160 s in four steps.
#[test]
fn systemd_geometric_steps() {
    let backoff = Backoff::GeometricSteps { initial_ms: 10_000, cap_ms: 160_000, steps: 4 };
    let delays = delays_ms(RestartPolicyOptions { backoff, ..options() }, 1..=7);
    assert_eq!(delays, [10, 20, 40, 80, 160, 160, 160].map(|seconds| seconds * 1_000));
}

/// systemd-start-limit (systemd 257, TEST-23 oneshot-restart): the limit counts starts, the first included, so that a burst
/// of three is three executions.
#[test]
fn systemd_start_limit_counts_starts() {
    let window = RestartWindow::tumbling(3, 120_000);
    let mut driver = Driver::new(RestartPolicyOptions { window, ..without_delay(0, 1) });
    assert_eq!(driver.always_failing().len(), 3);
    assert_eq!(driver.machine.state, State::GivenUp { why: GiveUp::WindowExceeded });
}

/// A start counts at its own moment, which a delay puts into the next period.
#[test]
fn delayed_starts_count_when_they_come() {
    let mut driver = Driver::new(RestartPolicyOptions {
        window: RestartWindow::tumbling(2, 10_000),
        backoff: Backoff::Constant { delay_ms: 6_000 },
        launches_per_entry: u32::MAX,
        ..options()
    });
    for (failed_ms, started_ms) in [(1_000, 7_000), (8_000, 14_000), (15_000, 21_000)] {
        driver.now_ms = failed_ms;
        assert_eq!(driver.fail_and_recover(), StateName::MythpathReady);
        assert_eq!(driver.now_ms, started_ms);
    }
    let mut driver = Driver::new(RestartPolicyOptions {
        window: RestartWindow::tumbling(1, FOREVER_MS),
        symbolic_fallback_path: vec![FallbackStep::Escalate],
        ..options()
    });
    driver.moved(restart_requested());
    driver.answer(Answer::NotRestored { sequence: None, reason: reason() });
    assert_eq!(
        driver.answer(Answer::Approved),
        StateName::Restoring,
        "an operator's start counts as the first"
    );
    driver.answer(Answer::Restored(entry(1)));
    assert_eq!(driver.answer(Answer::NotReady { reason: reason() }), StateName::GivenUp);
}

/// systemd-force-status (systemd 257, TEST-23 oneshot-restart, RestartForceExitStatus): status 2 is restarted although the
/// class says never; a oneshot that succeeded is not, although its status is forced.
#[test]
fn systemd_force_status() {
    let exits = ExitRules {
        restart: RestartClass::Temporary,
        force: vec![ExitMatch::Status { status: 0 }, ExitMatch::Status { status: 2 }],
        is_one_shot: true,
        ..ExitRules::default()
    };
    let mut driver = Driver::new(RestartPolicyOptions { exits, ..without_delay(5, HOUR_MS) });
    let exit = |kind, status| {
        let exit = Exit::new(kind, reason()).status(status);
        ended(None, exit)
    };
    assert_eq!(driver.moved(exit(ExitKind::Failed, 2)), StateName::Restoring);
    driver.answer(Answer::Restored(entry(1)));
    assert_eq!(driver.moved(exit(ExitKind::Completed, 0)), StateName::Completed);
    let incident = driver.machine.incident.as_ref().unwrap();
    assert_eq!((incident.restarts, incident.ending), (1, Some(Ending::Completed)));
}

/// systemd-onfailure-then-recovery (systemd 257, TEST-23 success-failure): the failed first run is told of once; the second
/// run succeeds when it ends by a clean signal, and not before.
#[test]
fn systemd_failure_then_success() {
    let exits = ExitRules { restart: RestartClass::Transient, ..ExitRules::default() };
    let mut driver = Driver::new(RestartPolicyOptions { exits, ..without_delay(5, HOUR_MS) });
    assert_eq!(driver.fail_and_recover(), StateName::MythpathReady);
    assert_eq!(driver.machine.incident.as_ref().unwrap().number, 1);
    assert_eq!(driver.moved(exited(ExitKind::ShutDown)), StateName::Completed);
    assert_eq!(driver.machine.incident.as_ref().unwrap().number, 1, "a clean end opens no incident");
}

/// systemd-manual-start-shortcuts-backoff (systemd 257, TEST-03-JOBS): a manual start while an automatic restart waits
/// for a day starts at once.
#[test]
fn systemd_manual_start_shortcuts_backoff() {
    let day_ms = 86_400_000;
    let mut driver =
        Driver::new(RestartPolicyOptions { backoff: Backoff::Constant { delay_ms: day_ms }, ..options() });
    assert_eq!(driver.moved(failed()), StateName::BackingOff);
    assert_eq!(driver.moved(restart_requested()), StateName::Restoring);
    assert_eq!(driver.machine.incident.as_ref().unwrap().restarts, 1);
}

/// k8s-doubling-cap (Kubernetes, flowcontrol TestSlowBackoff): 1 s doubled up to 50 s; nothing before the first start.
#[test]
fn k8s_doubling_and_cap() {
    let delays = delays_ms(RestartPolicyOptions { backoff: exponential(1_000, 50_000), ..options() }, 0..=9);
    assert_eq!(delays, [0, 1, 2, 4, 8, 16, 32, 50, 50, 50].map(|seconds| seconds * 1_000));
}

/// k8s-crashloop-default (Kubernetes enhancement 4603): the documented delays, and the observed ones, whose first
/// restart is free. Which of both is a matter of `free_restarts`.
#[test]
fn k8s_crash_loop_documented_and_observed() {
    let policy = |free_restarts| RestartPolicyOptions {
        backoff: exponential(10_000, 300_000),
        free_restarts,
        ..options()
    };
    let documented = [10, 20, 40, 80, 160, 300, 300, 300].map(|seconds| seconds * 1_000);
    let observed = [0, 10, 20, 40, 80, 160, 300, 300].map(|seconds| seconds * 1_000);
    assert_eq!(delays_ms(policy(0), 1..=8), documented);
    assert_eq!(delays_ms(policy(1), 1..=8), observed);
    // After ten minutes without a failure the count begins anew.
    let mut driver = Driver::new(RestartPolicyOptions { quiet_period_ms: 600_000, ..policy(0) });
    driver.fail_and_recover();
    driver.fail_and_recover();
    driver.now_ms += 600_000;
    let before = driver.now_ms;
    driver.fail_and_recover();
    assert_eq!(driver.now_ms - before, 10_000);
}

/// k8s-in-backoff-timeline (Kubernetes, flowcontrol TestIsInBackOffSinceUpdate): 1 s doubled up to 10 s, forgotten 20 s
/// after the failure before; the failures that are reported are those of the free ticks.
#[test]
fn k8s_in_backoff_timeline() {
    let mut driver = Driver::new(RestartPolicyOptions {
        backoff: exponential(1_000, 10_000),
        quiet_period_ms: 20_000,
        quiet_since: QuietSince::LastFailure,
        launches_per_entry: u32::MAX,
        ..options()
    });
    let mut delays = Vec::new();
    for second in [0, 1, 3, 7, 15, 25, 35, 56, 57] {
        driver.now_ms = driver.now_ms.max(second * 1_000);
        assert_eq!(driver.now_ms, second * 1_000, "the backoff is over by then");
        driver.moved(failed());
        let State::BackingOff { until, set_at, .. } = driver.machine.state else { panic!("it waits") };
        delays.push(until.saturating_duration_since(set_at).as_secs());
        driver.relaunch();
        driver.answer(Answer::Ready);
    }
    assert_eq!(delays, [1, 2, 4, 8, 10, 10, 10, 1, 2]);
}

/// pekko-delay-table (Pekko, BackoffSupervisorSpec: correctly calculate the delay): restart count n is attempt n + 1.
#[test]
fn pekko_delays_do_not_overflow() {
    let (second, minute, day) = (1_000_u64, 60_000_u64, 86_400_000_u64);
    for (count, min, max, delay) in [
        (0, 0, 0, 0),
        (0, 5 * minute, 7 * minute, 5 * minute),
        (2, 5 * second, 7 * second, 7 * second),
        (2, 5 * second, 7 * day, 20 * second),
        (29, 5 * minute, 10 * minute, 10 * minute),
        (29, 10_000 * day, 10_000 * day, 10_000 * day),
        (2_147_483_647, 10_000 * day, 10_000 * day, 10_000 * day),
        (u64::MAX - 1, 1, FOREVER_MS, FOREVER_MS),
    ] {
        let got = exponential(min, max).delay(count + 1).as_millis();
        assert_eq!(got, u128::from(delay), "restart count {count}, {min} to {max} ms");
    }
}

/// pekko-max-retries (Pekko, BackoffSupervisorSpec): with two retries, however long they take, the third exit ends it.
#[test]
fn pekko_max_retries() {
    let mut driver = Driver::new(RestartPolicyOptions {
        max_retries: Some(2),
        backoff: exponential(100, 3_000),
        ..options()
    });
    assert_eq!(driver.fail_and_recover(), StateName::MythpathReady);
    driver.now_ms += 30 * HOUR_MS;
    assert_eq!(driver.fail_and_recover(), StateName::MythpathReady);
    driver.now_ms += 30 * HOUR_MS;
    assert_eq!(driver.fail_and_recover(), StateName::GivenUp);
    assert_eq!(driver.machine.state, State::GivenUp { why: GiveUp::RetriesExhausted });
}

/// pekko-final-stop (Pekko, BackoffSupervisorSpec: final stop message), tsup-kill-in-backoff (task-supervisor 0.5:
/// kill_during_backoff_stays_dead): what is stopped while it waits stays stopped.
#[test]
fn a_stop_during_backoff_is_final() {
    let mut driver = Driver::new(RestartPolicyOptions { backoff: exponential(100, 100), ..options() });
    driver.moved(failed());
    let generation = driver.machine.generation;
    driver.now_ms = 1;
    assert_eq!(driver.moved(stop_requested()), StateName::Stopped);
    driver.now_ms = 501;
    assert_eq!(driver.step(Event::TimerFired { generation }), Ok(Some(Ignored::StaleTimer)));
    assert_eq!(driver.machine.run, 1);
}

/// temporal-attempt-sequence (Temporal, Test_NextRetry): delays of 1, 2, 4 and 8 ms; the fifth attempt was the last, so
/// that there are four restarts; a failure of a class that is not retryable ends it earlier.
#[test]
fn temporal_attempts() {
    let policy = RestartPolicyOptions {
        max_retries: Some(4),
        backoff: exponential(1, FOREVER_MS),
        exits: ExitRules {
            prevent: vec![ExitMatch::Class { class: "bad_input".to_owned() }],
            ..ExitRules::default()
        },
        ..options()
    };
    let mut driver = Driver::new(policy.clone());
    assert_eq!(driver.always_failing(), [0, 1, 3, 7, 15]);
    assert_eq!(driver.machine.state, State::GivenUp { why: GiveUp::RetriesExhausted });

    let mut driver = Driver::new(policy);
    for _ in 0..3 {
        driver.fail_and_recover();
    }
    let exit = Exit::new(ExitKind::Failed, reason()).class("bad_input");
    driver.moved(ended(None, exit));
    assert_eq!(driver.machine.state, State::GivenUp { why: GiveUp::NotRestarted });
}

/// temporal-retryable-classes (Temporal, Test_IsRetryable): what is retried and what is not, with Temporal's failures as
/// classes and its defaults as the list.
#[test]
fn temporal_retryable_classes() {
    let never = [
        "terminated",
        "canceled",
        "timeout:unspecified",
        "timeout:schedule_to_start",
        "timeout:schedule_to_close",
        "application:listed",
    ];
    let prevent = never.map(|class| ExitMatch::Class { class: class.to_owned() }).to_vec();
    let rules = ExitRules { prevent, ..ExitRules::default() };
    let verdict = |class: &str, non_retryable| {
        let exit = Exit { non_retryable, ..Exit::new(ExitKind::Failed, reason()).class(class) };
        rules.verdict(&exit)
    };
    for class in
        ["timeout:start_to_close", "timeout:heartbeat", "server", "application:other", "child_workflow"]
    {
        assert_eq!(verdict(class, false), Verdict::Restart, "{class}");
    }
    for class in never {
        assert_eq!(verdict(class, false), Verdict::GiveUp, "{class}");
    }
    for class in ["server", "application:other"] {
        assert_eq!(verdict(class, true), Verdict::GiveUp, "{class}");
    }
}

/// A heartbeat stays out because the assistant is done: its exit comes after the suspicion, and is believed.
#[test]
fn an_exit_after_a_suspicion_still_counts() {
    let exits = ExitRules { is_one_shot: true, ..ExitRules::default() };
    let done = Exit::new(ExitKind::Completed, reason());
    let done = ended(Some(1), done);
    let mut driver = Driver::new(RestartPolicyOptions { exits, ..options() });
    driver.moved(suspected(Some(1), FailureKind::Unresponsive));
    assert_eq!(driver.moved(done.clone()), StateName::Completed);
    assert_eq!(driver.machine.incident.as_ref().unwrap().ending, Some(Ending::Completed));
    let mut driver = Driver::new(options());
    driver.moved(suspected(Some(1), FailureKind::Unresponsive));
    assert_eq!(driver.step(done.clone()), Ok(Some(Ignored::NothingRuns)), "a restart follows already");
    let mut refused = Exit::new(ExitKind::Failed, reason());
    refused.non_retryable = true;
    driver.moved(ended(Some(1), refused));
    assert_eq!(driver.machine.state, State::GivenUp { why: GiveUp::NotRestarted });
}

/// A launch that does not become ready is judged as a failure that is reported.
#[test]
fn launches_are_judged_by_the_same_rules() {
    let exits = ExitRules { restart: RestartClass::Temporary, ..ExitRules::default() };
    let mut driver = Driver::new(RestartPolicyOptions { exits, ..options() });
    driver.moved(restart_requested());
    driver.answer(Answer::Restored(entry(1)));
    assert_eq!(driver.answer(Answer::NotReady { reason: reason() }), StateName::GivenUp);
    assert_eq!(driver.machine.state, State::GivenUp { why: GiveUp::NotRestarted });
}

/// The policy's deadline counts from the failure, or from a request since: a restart that would begin later gives up.
#[test]
fn restarts_end_at_the_deadline() {
    let mut driver = Driver::new(RestartPolicyOptions {
        deadline_ms: Some(1_000),
        backoff: exponential(300, 600),
        ..options()
    });
    assert_eq!(driver.always_failing(), [0, 300, 900]);
    assert_eq!(driver.machine.state, State::GivenUp { why: GiveUp::DeadlineExceeded });
    driver.now_ms = HOUR_MS;
    assert_eq!(driver.moved(restart_requested()), StateName::Restoring);
    driver.now_ms += 1_001;
    let reason = reason();
    assert_eq!(driver.answer(Answer::NotRestored { sequence: None, reason }), StateName::GivenUp);
}

/// tsup-backoff-cap (task-supervisor 0.5: backoff_doubles_and_is_capped): runs at 0, 100, 300, 550 and 800 ms.
#[test]
fn tsup_backoff_doubles_and_is_capped() {
    let mut driver = Driver::new(RestartPolicyOptions {
        window: window(4, 60_000),
        backoff: exponential(100, 250),
        ..options()
    });
    assert_eq!(driver.always_failing(), [0, 100, 300, 550, 800]);
    assert_eq!(driver.machine.state.name(), StateName::GivenUp);
}

/// tsup-stale-timer (task-supervisor 0.5: restart_during_backoff_does_not_double_run): the timer of a backoff that was
/// cut short starts nothing; the second run's own failure is retried at 1,101 ms.
#[test]
fn tsup_stale_timer() {
    let mut driver = Driver::new(RestartPolicyOptions {
        window: window(5, 60_000),
        backoff: exponential(1_000, 1_000),
        ..options()
    });
    driver.moved(failed());
    let stale = driver.machine.generation;
    driver.now_ms = 100;
    driver.moved(restart_requested());
    driver.now_ms = 101;
    driver.answer(Answer::Restored(entry(1)));
    driver.answer(Answer::NotReady { reason: reason() });
    assert_eq!(driver.machine.run, 2);
    driver.now_ms = 1_051;
    assert_eq!(driver.step(Event::TimerFired { generation: stale }), Ok(Some(Ignored::StaleTimer)));
    assert_eq!(driver.machine.run, 2);
    driver.relaunch();
    assert_eq!((driver.machine.run, driver.now_ms), (3, 1_101));
}

/// tsup-large-limit (task-supervisor 0.5: restart_limit_above_32_is_enforced): 33 restarts are 34 runs.
#[test]
fn tsup_large_limit() {
    let mut driver = Driver::new(RestartPolicyOptions {
        window: window(33, HOUR_MS),
        backoff: Backoff::Constant { delay_ms: 1 },
        launches_per_entry: u32::MAX,
        ..options()
    });
    assert_eq!(driver.always_failing().len(), 34);
}

/// tsup-infinite-delay (task-supervisor 0.5: huge_restart_delay_keeps_task_in_backoff): the longest delay waits at the
/// end of time.
#[test]
fn tsup_infinite_delay() {
    let mut driver = Driver::new(RestartPolicyOptions {
        backoff: Backoff::Constant { delay_ms: FOREVER_MS },
        ..options()
    });
    assert_eq!(driver.moved(failed()), StateName::BackingOff);
    assert_eq!(driver.machine.timer().unwrap().0, Timestamp::MAX);
    assert_eq!(driver.machine.incident.as_ref().unwrap().waited_ms, FOREVER_MS);
}

/// ractor-meltdown (ractor-supervisor 0.2: test_max_restarts_in_time_window): two restarts per second are three starts.
#[test]
fn ractor_meltdown() {
    let mut driver = Driver::new(without_delay(2, 1_000));
    assert_eq!(driver.always_failing().len(), 3);
}

/// ractor-quiet-reset (ractor-supervisor 0.2: test_restart_counter_reset_after): three quiet seconds reset the count,
/// although the window of ten is still open.
#[test]
fn ractor_quiet_reset() {
    let mut driver = Driver::new(RestartPolicyOptions { quiet_period_ms: 2_000, ..without_delay(2, 10_000) });
    driver.fail_and_recover();
    driver.fail_and_recover();
    driver.now_ms += 3_000;
    assert_eq!(driver.fail_and_recover(), StateName::MythpathReady);
    assert_eq!((driver.machine.run, driver.machine.history.len()), (4, 1));
}
