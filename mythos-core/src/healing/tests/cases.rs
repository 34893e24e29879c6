use super::*;

#[test]
fn a_trouble_is_healed_and_its_delta_measured() {
    let mut machine = machine(vec![entropy(vec![restore()])]);
    machine.see(1, 0, 0.7);
    assert!(machine.plan(at(0)).is_empty(), "below the entrance");
    machine.see(1, 1, 0.95);
    let plan = machine.dry_run(at(1));
    assert_eq!(plan[0].cause.value, 0.95);
    assert_eq!((plan[0].budgets_left.target, plan[0].reading), (99, Some(0.95)));
    assert_eq!(machine.acts(1), RepairAction::RestoreRitual { ritual: None });
    assert_eq!(machine.holds(2), Hold::InFlight { since: at(1), until: at(601) });
    let effect = machine.answers(5, &done());
    assert_eq!(machine.holds(6), Hold::Settling { settled_at: at(15), until: at(45) });
    // A reading before it settled measures nothing, and ends nothing.
    machine.see(1, 14, 0.3);
    assert!(machine.target(&target(1).assistant).unwrap().open().next().is_some());
    machine.see(1, 15, 0.4);
    let incident = machine.only_incident();
    let attempt = &incident.attempts[0];
    assert_eq!((incident.ending, incident.ended_at), (Some(Ending::Healthy), Some(at(15))));
    assert!((attempt.before.unwrap() - 0.25).abs() < 1e-9);
    assert_eq!(attempt.after, Some(1.0));
    assert!((attempt.symbolic_health_delta.value().unwrap() - 0.75).abs() < 1e-9);
    assert!(machine.plan(at(16)).is_empty());
    assert!(!machine.answer(&effect, &done(), at(17)).unwrap(), "a late answer");
}

#[test]
fn what_fails_is_tried_again_after_the_cooldown_and_then_escalated() {
    let mut machine = machine(vec![entropy(vec![restore().attempts(2), restart()])]);
    machine.see(1, 0, 0.9);
    let mut keys = BTreeSet::new();
    let mut now = 0;
    for expected in [restore(), restore(), restart()] {
        assert_eq!(machine.acts(now), expected.action);
        let effects = machine.poll_effects(10);
        assert!(keys.insert(effects[0].idempotency_key), "each attempt has a key of its own");
        assert_eq!(machine.poll_effects(10), [], "handed out once");
        machine.give_back(&effects[0].id);
        let failed = Outcome::Failed { reason: "disk full".try_into().unwrap() };
        machine.answers(now + 1, &failed);
        if expected.action != restart().action {
            assert_eq!(
                machine.holds(now + 1),
                Hold::StaleReadings { observed_at: at(now.saturating_sub(18)) }
            );
            machine.see(1, now + 2, 0.9);
            assert_eq!(machine.holds(now + 2), Hold::Cooldown { until: at(now + 20) });
            assert_eq!(machine.poll_timeout(at(now + 2)), Some(at(now + 20)));
        }
        now += 20;
    }
    assert_eq!(machine.holds(now), Hold::Exhausted);
    assert_eq!(machine.poll_timeout(at(now)), None);
    machine.see(1, now, 0.1);
    let incident = machine.only_incident();
    assert_eq!((incident.ending, incident.attempts.len()), (Some(Ending::Healthy), 3));
    let unresolved = HealthDelta::Unresolved { why: Unresolved::NotCarriedOut };
    assert!(incident.attempts.iter().all(|attempt| attempt.symbolic_health_delta == unresolved));
}

#[test]
fn what_made_things_worse_is_undone_and_never_repeated() {
    let ladder = vec![restore().attempts(3), restart(), restore()];
    let mut machine = machine(vec![entropy(ladder)]);
    machine.see(1, 0, 0.85);
    machine.acts(0);
    machine.answers(1, &Outcome::Done { reversible: true });
    machine.see(1, 11, 1.0);
    assert!(machine.only_incident().attempts[0].made_worse);
    let Decision::RollBack { effect, .. } = machine.decides(11) else { panic!() };
    assert!(effect.rollback);
    assert_eq!(machine.poll_effects(1)[0].id, effect);
    assert!(machine.answer(&effect, &done(), at(12)).unwrap());
    assert_eq!(machine.only_incident().attempts[0].rolled_back, Some(true));
    assert!(!machine.answer(&effect, &done(), at(12)).unwrap(), "answered once");
    assert_eq!(machine.acts(20), restart().action);
    machine.answers(21, &done());
    machine.see(1, 31, 1.0);
    assert_eq!(machine.holds(60), Hold::Exhausted, "the last step would repeat the first");
}

#[test]
fn what_the_host_cannot_undo_is_left() {
    let mut machine = machine(vec![entropy(vec![restore(), restart()])]);
    machine.see(1, 0, 0.85);
    machine.acts(0);
    machine.answers(1, &done());
    machine.see(1, 11, 1.0);
    assert_eq!(machine.acts(20), restart().action);
}

#[test]
fn silence_is_no_delta() {
    let mut machine = machine(vec![entropy(vec![restore(), restart()])]);
    machine.see(1, 0, 0.85);
    machine.acts(0);
    machine.answers(1, &done());
    assert_eq!(machine.poll_timeout(at(2)), Some(at(41)));
    assert_eq!(machine.holds(41), Hold::StaleReadings { observed_at: at(0) });
    let last = machine.only_incident().attempts.remove(0);
    assert_eq!(last.symbolic_health_delta, HealthDelta::Unresolved { why: Unresolved::NoReading });
    machine.see(1, 42, 0.85);
    machine.acts(42);
    // Nobody answers.
    assert_eq!(machine.holds(42 + 600), Hold::Exhausted);
    let last = machine.only_incident().attempts.remove(1);
    assert_eq!(last.outcome, Some(AttemptOutcome::TimedOut));
    assert!(machine.poll_effects(1).is_empty());
}

#[test]
fn budgets_of_every_scope_hold_and_say_when_they_end() {
    for scope in [BudgetScope::Target, BudgetScope::Node, BudgetScope::Zone, BudgetScope::Overall] {
        let one = Budget { max_actions: 1, period_ms: 60_000 };
        let mut budgets = plenty();
        match scope {
            BudgetScope::Target => budgets.target = one,
            BudgetScope::Node => budgets.node = one,
            BudgetScope::Zone => budgets.zone = one,
            BudgetScope::Overall => budgets.overall = one,
        }
        let rules = vec![entropy(vec![restore().attempts(8)])];
        let protocol = protocol(rules, budgets, UnhealthyLimit::Unlimited);
        let mut machine = HealingMachine::new(name("test"), protocol);
        // 0 and 6 share node and zone, 0 and 2 only the zone, 0 and 3 only the node.
        for number in [0, 2, 3, 6] {
            machine.see(number, 0, 0.9);
        }
        let acted = machine.plan(at(0)).into_iter().filter(|entry| entry.decision.is_action());
        let acted: Vec<_> = acted.map(|entry| entry.target.assistant.as_str().to_owned()).collect();
        let expected: &[&str] = match scope {
            BudgetScope::Target => &["assistant-0", "assistant-2", "assistant-3", "assistant-6"],
            BudgetScope::Node => &["assistant-0", "assistant-2"],
            BudgetScope::Zone => &["assistant-0", "assistant-3"],
            BudgetScope::Overall => &["assistant-0"],
        };
        assert_eq!(acted, expected, "{scope:?}");
        for effect in machine.poll_effects(10) {
            let failed = Outcome::Failed { reason: "no".try_into().unwrap() };
            machine.answer(&effect.id, &failed, at(1)).unwrap();
        }
        machine.see(0, 60, 0.9);
        let plan = machine.dry_run(at(60));
        let until = at(60).saturating_add(std::time::Duration::from_micros(1));
        let why = Hold::Budget { scope, until: Some(until) };
        assert_eq!(plan[0].decision, Decision::Hold { why }, "a minute ago still counts");
        machine.see(0, 61, 0.9);
        assert!(machine.dry_run(at(61))[0].decision.is_action());
    }
}

#[test]
fn when_too_many_are_ill_nothing_is_begun() {
    let rules = vec![entropy(vec![restore()])];
    let limit = UnhealthyLimit::AtMostPercent { percent: 40.0 };
    let mut machine = HealingMachine::new(name("test"), protocol(rules, plenty(), limit));
    (0..5).for_each(|number| machine.see(number, 0, if number < 3 { 0.9 } else { 0.1 }));
    let plan = machine.plan(at(0));
    let why = Hold::Share { unhealthy: 3, known: 5 };
    assert!(plan.len() == 3 && plan.iter().all(|it| it.decision == Decision::Hold { why: why.clone() }));
    assert!(machine.retire(&target(2).assistant, at(1)));
    assert_eq!(machine.only_incident().ending, Some(Ending::Retired));
    assert!(!machine.dry_run(at(1))[0].decision.is_action(), "40 percent of four are one");
    machine.see(2, 2, 0.1);
    assert_eq!(machine.plan(at(2)).iter().filter(|it| it.decision.is_action()).count(), 2);
    for (limit, allowed) in [
        (UnhealthyLimit::AtMost { count: 2 }, [true, false]),
        (UnhealthyLimit::Between { min: 3, max: 5 }, [false, true]),
        (UnhealthyLimit::Unlimited, [true, true]),
    ] {
        assert_eq!([limit.allows(2, 9), limit.allows(3, 9)], allowed, "{limit:?}");
    }
}

#[test]
fn a_retired_target_is_forgotten_once_nothing_of_it_counts_and_its_numbers_never_come_again() {
    let mut machine = machine(vec![entropy(vec![restore()])]);
    machine.see(1, 0, 0.9);
    machine.acts(0);
    let first = machine.answers(1, &done());
    assert!(machine.retire(&target(1).assistant, at(2)));
    // Its action counts for an hour.
    machine.plan(at(3_600));
    assert!(machine.target(&target(1).assistant).is_some() && machine.changes().forgotten.is_empty());
    let stored = serde_json::to_string(&machine).unwrap();
    machine.plan(at(3_601));
    assert!(machine.target(&target(1).assistant).is_none());
    assert_eq!(machine.changes().forgotten, [target(1).assistant].into());
    assert_eq!(machine.totals(at(3_601)).known, 0);
    assert_eq!(machine.answer(&first, &done(), at(3_602)).unwrap_err().field(), Some("effect"));
    let again: HealingMachine = serde_json::from_str(&serde_json::to_string(&machine).unwrap()).unwrap();
    assert_eq!(again, machine);
    assert_ne!(serde_json::from_str::<HealingMachine>(&stored).unwrap(), machine);

    for mut machine in [machine, again] {
        machine.see(1, 3_700, 0.9);
        machine.acts(3_700);
        let [effect] = machine.poll_effects(9).try_into().unwrap();
        assert_eq!(effect.id.incident, 2);
        assert_ne!(effect.idempotency_key, first.idempotency_key(&name("test")));
        assert!(machine.is_pending(&effect.id) && !machine.is_pending(&first));
    }
}

#[test]
fn a_state_that_swings_is_left_alone_and_told_by_its_own_rule() {
    let flapping = Threshold { reading: name(FLAPPING_PERCENT), side: Side::Above, enter: 30.0, exit: 10.0 };
    let quarantine = vec![RepairStep::new(RepairAction::Quarantine)];
    let rule = HealingRuleOptions::new(name("swings"), Trigger::Flapping, flapping, quarantine);
    let rules = vec![entropy(vec![restore().attempts(8)]), rule];
    let options = protocol(rules, plenty(), UnhealthyLimit::Unlimited).options().clone();
    let options = HealingProtocolOptions { flapping: FlapPolicy::default(), ..options };
    let mut machine = HealingMachine::new(name("test"), HealingProtocol::new(options).unwrap());
    for second in 0..9 {
        machine.see(1, second, if second % 2 == 0 { 0.9 } else { 0.1 });
    }
    let plan = machine.plan(at(9));
    let why = |entry: &PlanEntry| match &entry.decision {
        Decision::Hold { why } => Some(why.clone()),
        _ => None,
    };
    assert!(matches!(why(&plan[0]), Some(Hold::Flapping { percent, low_percent: 5.0 }) if percent > 40.0));
    assert!(matches!(&plan[1].decision, Decision::Act { action: RepairAction::Quarantine, .. }));
    assert!(plan[1].cause.value > 30.0);
}

#[test]
fn a_codex_conflict_waits_for_someone() {
    let threshold = Threshold { reading: name(CODEX_HEADS), side: Side::Above, enter: 2.0, exit: 2.0 };
    let ladder = vec![RepairStep::new(RepairAction::ProposeMerge), RepairStep::new(RepairAction::Notify)];
    let conflict = HealingRuleOptions {
        settle_ms: 0,
        cooldown_ms: 0,
        ..HealingRuleOptions::new(name("heads"), Trigger::CodexConflict, threshold, ladder)
    };
    let propose = || {
        let mut machine = machine(vec![conflict.clone(), entropy(vec![restore()])]);
        let seen = observation(1, 0, &[(CODEX_HEADS, 3.0), ("entropy", 0.1)]);
        machine.observe(&[seen], at(0)).unwrap();
        assert_eq!(machine.acts(0), RepairAction::ProposeMerge);
        let effect = machine.poll_effects(1).remove(0);
        assert_eq!(effect.deadline, None);
        // A month later it still waits, and something else of the target is healed meanwhile.
        let month = 30 * 86_400;
        assert_eq!(machine.holds(month), Hold::AwaitingApproval { since: at(0) });
        let seen = observation(1, month, &[(CODEX_HEADS, 3.0), ("entropy", 0.9)]);
        machine.observe(&[seen], at(month)).unwrap();
        let plan = machine.dry_run(at(month));
        assert!(matches!(plan[1].decision, Decision::Act { .. }));
        (machine, effect.id, month)
    };
    let (mut machine, effect, now) = propose();
    assert_eq!(machine.answer(&effect, &done(), at(now)).unwrap_err().field(), Some("outcome"));
    let before = machine.clone();
    assert!(machine.answer(&effect, &Outcome::Declined { by: name("ana") }, at(now)).unwrap());
    assert!(matches!(&machine.plan(at(now))[0].decision, Decision::Act { action: RepairAction::Notify, .. }));
    machine = before;
    assert!(machine.answer(&effect, &Outcome::Approved { by: name("audit") }, at(now)).unwrap());
    machine.observe(&[observation(1, now + 1, &[(CODEX_HEADS, 1.0)])], at(now + 1)).unwrap();
    let ended = machine.changes().incidents.iter().find(|it| it.rule == name("heads")).unwrap();
    assert_eq!(ended.ending, Some(Ending::Healthy));
    assert_eq!(ended.attempts[0].outcome, Some(AttemptOutcome::Approved { by: name("audit") }));
    // Somebody merged it by hand: the proposal is withdrawn.
    let (mut machine, effect, now) = propose();
    machine.observe(&[observation(1, now + 1, &[(CODEX_HEADS, 1.0)])], at(now + 1)).unwrap();
    let ended = machine.changes().incidents.iter().find(|it| it.rule == name("heads")).unwrap();
    assert_eq!(ended.attempts[0].outcome, Some(AttemptOutcome::Withdrawn));
    assert!(!machine.answer(&effect, &Outcome::Approved { by: name("late") }, at(now + 2)).unwrap());
}

#[test]
fn one_target_has_one_action_at_a_time() {
    let stall = Threshold { reading: name("stall"), side: Side::Above, enter: 1.0, exit: 1.0 };
    let stall = HealingRuleOptions::new(name("stuck"), Trigger::Stall, stall, vec![restart()]);
    let mut machine = machine(vec![entropy(vec![restore()]), stall]);
    let seen = observation(1, 0, &[("entropy", 0.9), ("stall", 2.0)]);
    machine.observe(&[seen], at(0)).unwrap();
    let plan = machine.plan(at(0));
    let why = Hold::TargetBusy { rule: name("calm") };
    assert!(plan[0].decision.is_action());
    assert_eq!(plan[1].decision, Decision::Hold { why });
}

#[test]
fn answers_to_what_was_never_asked_are_refused() {
    let mut machine = machine(vec![entropy(vec![restore()])]);
    let id = EffectId {
        assistant: target(1).assistant,
        rule: name("calm"),
        incident: 1,
        attempt: 1,
        rollback: false,
    };
    assert_eq!(machine.answer(&id, &done(), at(0)).unwrap_err().kind(), crate::ErrorKind::NotFound);
    machine.see(1, 0, 0.9);
    let before = machine.clone();
    assert_eq!(machine.answer(&id, &done(), at(0)).unwrap_err().field(), Some("effect"));
    assert_eq!(machine, before);
    machine.acts(0);
    let undo = EffectId { rollback: true, ..id.clone() };
    assert!(!machine.answer(&undo, &done(), at(0)).unwrap());
    let approved = Outcome::Approved { by: name("ana") };
    assert_eq!(machine.answer(&id, &approved, at(0)).unwrap_err().field(), Some("outcome"));
    for id in [EffectId { incident: 2, ..id.clone() }, EffectId { attempt: 2, ..id.clone() }] {
        assert!(machine.answer(&id, &done(), at(0)).is_err());
    }
    assert!(machine.answer(&id, &Outcome::Unsupported, at(0)).unwrap());
}

#[test]
fn bad_readings_change_nothing() {
    let mut machine = machine(vec![entropy(vec![restore()])]);
    let good = observation(1, 0, &[("entropy", 0.9)]);
    for (bad, field) in [
        (observation(2, 0, &[("entropy", f64::NAN)]), "readings.entropy"),
        (observation(2, 0, &[(FLAPPING_PERCENT, 1.0)]), "readings.flapping_percent"),
    ] {
        let error = machine.observe(&[good.clone(), bad], at(0)).unwrap_err();
        assert_eq!(error.field(), Some(field));
        assert!(machine.target(&target(1).assistant).is_none());
    }
    assert_eq!(machine.observe(&[good.clone(), good], at(0)).unwrap(), 1, "twice the same tells nothing new");
}

#[test]
fn a_clock_that_is_set_back_keeps_nothing_ill_for_ever() {
    let mut machine = machine(vec![entropy(vec![restore().attempts(4)])]);
    machine.see(1, 1_000_000, 0.9);
    machine.acts(1_000_000);
    assert_eq!(machine.holds(10), Hold::StaleReadings { observed_at: at(1_000_000) });
    machine.see(1, 11, 0.9);
    machine.acts(11);
    machine.answers(12, &done());
    machine.see(1, 22, 0.1);
    assert_eq!(machine.only_incident().ending, Some(Ending::Healthy));
}

#[test]
fn another_protocol_takes_over_what_it_has_rules_for() {
    let mut machine = machine(vec![entropy(vec![restore().attempts(2)])]);
    machine.see(1, 0, 0.9);
    machine.acts(0);
    let stall = Threshold { reading: name("stall"), side: Side::Above, enter: 1.0, exit: 1.0 };
    let stall = HealingRuleOptions::new(name("stuck"), Trigger::Stall, stall, vec![restart()]);
    let rules = vec![stall.clone(), entropy(vec![restart()])];
    machine.adopt(protocol(rules, plenty(), UnhealthyLimit::Unlimited), at(1));
    machine.answers(2, &Outcome::Failed { reason: "no".try_into().unwrap() });
    assert_eq!(machine.holds(3), Hold::Exhausted, "the new ladder has one attempt of its first step");
    machine.adopt(protocol(vec![stall], plenty(), UnhealthyLimit::Unlimited), at(4));
    assert_eq!(machine.only_incident().ending, Some(Ending::RuleRemoved));
    assert_eq!(machine.totals(at(4)).unhealthy, 0);
}

/// Thousands of targets: what is well is not looked at, and each call changes only whom it is about.
#[test]
fn a_call_changes_only_whom_it_is_about() {
    let mut machine = machine(vec![entropy(vec![restore()])]);
    let all: Vec<_> = (0..5_000).map(|number| observation(number, 0, &[("entropy", 0.1)])).collect();
    assert_eq!(machine.observe(&all, at(0)).unwrap(), 5_000);
    machine.see(77, 1, 0.9);
    assert_eq!(machine.changes().targets, [target(77).assistant].into());
    assert_eq!(machine.plan(at(1)).len(), 1);
    assert_eq!(machine.changes().targets, [target(77).assistant].into());
    let totals = machine.totals(at(1));
    assert_eq!((totals.known, totals.unhealthy, totals.pending, totals.budget_left), (5_000, 1, 1, 99));
}
