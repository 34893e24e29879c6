//! What the tests of Erlang/OTP 27 (supervisor_SUITE) state of groups, restated for this tree. Each test names its cases
//! as `suite-case`.

use super::*;

/// otp-intensity-1fo1 (one_for_one): the window is shared by all members; only the one that failed is replaced.
#[test]
fn otp_intensity() {
    let (mut forest, group, members) = Forest::of(group(Strategy::OneForOne, 2), 2);
    forest.fail(members[0]);
    assert_eq!(forest.runs(&members), [2, 1]);
    forest.fail(members[1]);
    assert!(forest.is_up(group) && forest.all_up(&members));
    assert!(forest.log.iter().all(|(what, _)| *what == "launch"), "{:?}", forest.log);
    forest.fail(members[0]);
    assert_eq!(forest.ended(group), Some(GroupEnd::WindowExceeded));
    assert_eq!(forest.states(&members), [StateName::GivenUp, StateName::Stopped]);
    assert_eq!(forest.notices, [(members[0], GiveUp::GroupWindowExceeded)]);
}

/// otp-start-failure-escalates-1fo1 (one_for_one_escalation): each failed attempt to restart counts; the fifth is one more
/// than four, and takes the other member along.
#[test]
fn otp_start_failure_escalates() {
    let (mut forest, group, members) = Forest::of(group(Strategy::OneForOne, 4), 2);
    forest.failing.insert(members[0], u32::MAX);
    forest.fail(members[0]);
    assert_eq!(forest.ended(group), Some(GroupEnd::WindowExceeded));
    assert_eq!(forest.launches(members[0]), 4);
    assert_eq!(forest.states(&members), [StateName::GivenUp, StateName::Stopped]);
    assert!(forest.log.contains(&("stop", members[1])));
}

/// otp-one-for-all (one_for_all): the other is stopped, both are new, and that is one restart.
#[test]
fn otp_one_for_all() {
    let (mut forest, group, members) = Forest::of(group(Strategy::OneForAll, 2), 2);
    let (first, second) = (members[0], members[1]);
    forest.fail(first);
    assert_eq!(forest.runs(&members), [2, 2]);
    assert_eq!(forest.log, [("stop", second), ("launch", first), ("launch", second)]);
    assert!(forest.all_up(&members));
    forest.fail(second);
    assert_eq!(forest.runs(&members), [3, 3]);
    assert!(forest.is_up(group));
    forest.fail(first);
    assert_eq!(forest.ended(group), Some(GroupEnd::WindowExceeded));
}

/// otp-rest-for-one (rest_for_one): those before the one that failed are kept, those after it are replaced in order.
#[test]
fn otp_rest_for_one() {
    let (mut forest, group, members) = Forest::of(group(Strategy::RestForOne, 2), 3);
    forest.fail(members[1]);
    assert_eq!(forest.runs(&members), [1, 2, 2]);
    assert_eq!(forest.log, [("stop", members[2]), ("launch", members[1]), ("launch", members[2])]);
    forest.fail(members[2]);
    assert_eq!(forest.runs(&members), [1, 2, 3]);
    forest.fail(members[1]);
    assert_eq!(forest.ended(group), Some(GroupEnd::WindowExceeded));
}

/// otp-rest-for-one-partial-start-failure (rest_for_one_other_child_fails_restart): only the one that fails to start is
/// attempted again.
#[test]
fn otp_rest_for_one_partial_start_failure() {
    let (mut forest, group, members) = Forest::of(group(Strategy::RestForOne, 3), 2);
    forest.failing.insert(members[1], 1);
    forest.fail(members[0]);
    assert!(forest.is_up(group) && forest.all_up(&members));
    assert_eq!((forest.launches(members[0]), forest.launches(members[1])), (1, 2));
}

/// The same with one-for-all (one_for_all_other_child_fails_restart): all are stopped and started once more.
#[test]
fn otp_one_for_all_partial_start_failure() {
    let (mut forest, group, members) = Forest::of(group(Strategy::OneForAll, 3), 2);
    forest.failing.insert(members[1], 1);
    forest.fail(members[0]);
    assert!(forest.is_up(group) && forest.all_up(&members));
    assert_eq!((forest.launches(members[0]), forest.launches(members[1])), (2, 2));
}

/// otp-temporary-bystander (temporary_bystander): a temporary member that the strategy stops is dropped.
#[test]
fn otp_temporary_bystander() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let mut forest = Forest::new();
        let group = forest.group(group(strategy, 2), None);
        let kept = forest.member(group, RestartClass::Permanent, MemberOptions::default());
        let bystander = forest.member(group, RestartClass::Temporary, MemberOptions::default());
        forest.exit(kept, ExitKind::Completed);
        assert!(forest.is_up(group), "{strategy:?}");
        assert_eq!(forest.tree.members(group).collect::<Vec<_>>(), [kept]);
        assert_eq!(forest.log, [("stop", bystander), ("launch", kept)]);
        assert_eq!(forest.tree.group(group).unwrap().members(), 1);
    }
}

/// otp-type-temporary-normal, -shutdown, -abnormal (temporary_*): one that ended is no member any more; a transient one
/// (otp-type-transient-shutdown, -shutdown_with_detail) stays one, at rest.
#[test]
fn otp_members_that_end() {
    for kind in [ExitKind::Completed, ExitKind::ShutDown, ExitKind::Failed] {
        let (mut forest, group, members) =
            Forest::of_class(group(Strategy::OneForOne, 2), 1, RestartClass::Temporary);
        forest.exit(members[0], kind);
        assert_eq!(forest.tree.members(group).count(), 0);
        assert_eq!(forest.tree.group(group).unwrap().members(), 0);
    }
    let (mut forest, group, members) =
        Forest::of_class(group(Strategy::OneForOne, 2), 1, RestartClass::Transient);
    forest.exit(members[0], ExitKind::ShutDown);
    assert_eq!(forest.tree.members(group).collect::<Vec<_>>(), members);
    assert_eq!(forest.states(&members), [StateName::Completed]);
}

/// otp-shutdown-timeout (sup_stop_timeout): members are stopped in reverse order; one that hangs is killed.
#[test]
fn otp_shutdown_timeout() {
    let mut forest = Forest::new();
    let group = forest.group(group(Strategy::OneForOne, 2), None);
    let shutdown = Shutdown::Within { milliseconds: 1_000 };
    let members = [(); 2].map(|()| {
        forest.member(group, RestartClass::Permanent, MemberOptions { is_significant: false, shutdown })
    });
    forest.hanging.push(members[1]);
    let now = forest.now();
    assert!(forest.tree.handle_stop_group(group, cause(), now).unwrap());
    forest.run();
    assert_eq!(forest.states(&members), [StateName::Running, StateName::Stopping]);
    forest.pass();
    assert_eq!(forest.now_ms, 1_000);
    assert_eq!(forest.log, [("stop", members[1]), ("kill", members[1]), ("stop", members[0])]);
    assert_eq!(forest.ended(group), Some(GroupEnd::Requested));
    assert_eq!(forest.states(&members), [StateName::Stopped; 2]);
}

/// Members that are killed are not asked, and others have as long as they need (brutal_kill, infinity).
#[test]
fn otp_shutdown_values() {
    let mut forest = Forest::new();
    let group = forest.group(group(Strategy::OneForOne, 2), None);
    let [killed, asked] = [Shutdown::Kill, Shutdown::Unlimited].map(|shutdown| {
        forest.member(group, RestartClass::Permanent, MemberOptions { is_significant: false, shutdown })
    });
    forest.hanging.push(asked);
    let now = forest.now();
    forest.tree.handle_stop_group(group, cause(), now).unwrap();
    forest.run();
    assert_eq!(forest.tree.poll_timeout(), None);
    // It ends at last, and says so by ending.
    forest.exit(asked, ExitKind::Completed);
    assert_eq!(forest.log, [("stop", asked), ("kill", killed)]);
    assert_eq!(forest.ended(group), Some(GroupEnd::Requested));
}

/// otp-restart-loop-rest-for-one (hanging_restart_loop_rest_for_one): while the second is being restarted, the first runs
/// and the third is down.
#[test]
fn otp_restart_loop_rest_for_one() {
    let (mut forest, group, members) = Forest::of(group(Strategy::RestForOne, 8), 3);
    let now = forest.now();
    forest.report(members[1], ExitKind::Failed);
    let stop = forest.tree.poll_effect().unwrap();
    forest.carry_out(&stop);
    let restore = forest.tree.poll_effect().unwrap();
    forest.carry_out(&restore);
    assert_eq!(forest.states(&members), [StateName::Running, StateName::Verifying, StateName::Waiting]);
    assert_eq!(forest.tree.group(group).unwrap().members(), 3);
    // What waits for its turn is not restarted by hand, and what restarts can be stopped.
    let refused = forest.tree.handle_restart(members[2], cause(), now).unwrap_err();
    assert_eq!(refused.field(), Some("assistant"));
    assert!(forest.tree.handle_stop(members[1], cause(), now).unwrap());
    forest.run();
    assert_eq!(forest.states(&members), [StateName::Running, StateName::Stopped, StateName::MythpathReady]);
    // It stays down when others are restarted, until it is asked for.
    forest.fail(members[2]);
    assert_eq!(forest.state(members[1]), StateName::Stopped);
    assert!(forest.tree.handle_restart(members[1], cause(), now).unwrap());
    forest.run();
    assert!(forest.is_up(group) && forest.all_up(&members));
}

/// otp-significant-any-transient (significant_transient): restarts do not end the group, an end that none follows does.
#[test]
fn otp_any_significant() {
    let mut forest = Forest::new();
    let options =
        GroupPolicyOptions { auto_shutdown: AutoShutdown::AnySignificant, ..group(Strategy::OneForOne, 5) };
    let group = forest.group(options, None);
    let members = [significant(), significant(), MemberOptions::default()]
        .map(|options| forest.member(group, RestartClass::Transient, options));
    forest.exit(members[0], ExitKind::Killed);
    forest.exit(members[0], ExitKind::Failed);
    assert!(forest.is_up(group) && forest.all_up(&members));
    forest.exit(members[0], ExitKind::Completed);
    assert_eq!(forest.ended(group), Some(GroupEnd::AutoShutdown));
    assert_eq!(forest.states(&members), [StateName::Completed, StateName::Stopped, StateName::Stopped]);
    assert!(forest.notices.is_empty());
}

/// otp-significant-all (significant_transient): the group ends with the last of those that matter.
#[test]
fn otp_all_significant() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll] {
        let mut forest = Forest::new();
        let options =
            GroupPolicyOptions { auto_shutdown: AutoShutdown::AllSignificant, ..group(strategy, 5) };
        let group = forest.group(options, None);
        let members = [significant(), significant(), MemberOptions::default()]
            .map(|options| forest.member(group, RestartClass::Transient, options));
        forest.exit(members[0], ExitKind::Completed);
        assert!(forest.is_up(group));
        forest.exit(members[1], ExitKind::Completed);
        assert_eq!(forest.ended(group), Some(GroupEnd::AutoShutdown), "{strategy:?}");
        assert_eq!(forest.state(members[2]), StateName::Stopped);
    }
}

/// otp-significant-escalation (significant_escalation): the end of a group is an end of a member in the group around it.
#[test]
fn otp_significant_escalation() {
    for is_significant in [true, false] {
        let mut forest = Forest::new();
        let any = AutoShutdown::AnySignificant;
        let any = GroupPolicyOptions { auto_shutdown: any, ..group(Strategy::OneForOne, 5) };
        let outer = forest.group(any, None);
        let inner = GroupPolicyOptions { restart: RestartClass::Transient, ..any };
        let place = MemberOptions { is_significant, ..MemberOptions::default() };
        let inner = forest.group(inner, Some((outer, place)));
        let member = forest.member(inner, RestartClass::Transient, significant());
        forest.exit(member, ExitKind::Completed);
        assert_eq!(forest.ended(inner), Some(GroupEnd::AutoShutdown));
        assert_eq!(forest.ended(outer), is_significant.then_some(GroupEnd::AutoShutdown));
    }
}

/// otp-invalid-combinations (supervisor.erl, significant_simple): what could never matter is refused.
#[test]
fn otp_invalid_combinations() {
    let any = AutoShutdown::AnySignificant;
    for (auto_shutdown, class) in
        [(AutoShutdown::Never, RestartClass::Transient), (any, RestartClass::Permanent)]
    {
        let mut forest = Forest::new();
        let group = forest.group(GroupPolicyOptions { auto_shutdown, ..group(Strategy::OneForOne, 5) }, None);
        let now = forest.now();
        let refused = forest.tree.add_member(spec(class), Some((group, significant())), now).unwrap_err();
        assert_eq!(refused.field(), Some("is_significant"));
        assert_eq!(forest.tree.members(group).count(), 0);
    }
    let simple = GroupPolicyOptions { auto_shutdown: any, ..group(Strategy::SimpleOneForOne, 5) };
    assert_eq!(GroupPolicy::new(simple).unwrap_err().field(), Some("auto_shutdown"));
}

/// simple_one_for_one: members are alike, stopped together, and gone once they are stopped.
#[test]
fn otp_simple_one_for_one() {
    let (mut forest, group, members) = Forest::of(group(Strategy::SimpleOneForOne, 2), 100);
    forest.fail(members[40]);
    assert_eq!(forest.runs(&members).iter().sum::<u64>(), 101);
    let now = forest.now();
    forest.tree.handle_stop_group(group, cause(), now).unwrap();
    let asked = std::iter::from_fn(|| forest.tree.poll_effect()).collect::<Vec<_>>();
    assert_eq!(asked.len(), 64, "as many as are stopped together");
    for effect in asked.iter().rev() {
        forest.carry_out(effect);
    }
    forest.run();
    assert_eq!(forest.ended(group), Some(GroupEnd::Requested));
    assert_eq!((forest.tree.members(group).count(), forest.log.len()), (0, 101));
}

/// A group that ends is restarted by the group around it, with an empty history, and its members come back in order; when
/// that happens too often, everything ends.
#[test]
fn groups_are_restarted_by_the_group_around_them() {
    let mut forest = Forest::new();
    let outer = forest.group(group(Strategy::RestForOne, 1), None);
    let before = forest.member(outer, RestartClass::Permanent, MemberOptions::default());
    let inner = forest.group(group(Strategy::OneForOne, 1), Some((outer, MemberOptions::default())));
    let [first, second] =
        [(); 2].map(|()| forest.member(inner, RestartClass::Permanent, MemberOptions::default()));
    let after = forest.member(outer, RestartClass::Permanent, MemberOptions::default());
    forest.fail(second);
    assert!(forest.is_up(inner) && forest.is_up(outer));
    forest.log.clear();
    forest.fail(first);
    assert!(forest.is_up(inner) && forest.is_up(outer), "{:?}", forest.tree.group(inner));
    let expected =
        [("stop", second), ("stop", after), ("launch", first), ("launch", second), ("launch", after)];
    assert_eq!(forest.log, expected);
    assert_eq!(forest.runs(&[before]), [1]);
    assert_eq!(forest.tree.group(inner).unwrap().restarts(), 0);
    forest.fail(first);
    assert!(forest.is_up(outer));
    forest.fail(first);
    assert_eq!(forest.ended(inner), Some(GroupEnd::WindowExceeded));
    assert_eq!(forest.ended(outer), Some(GroupEnd::WindowExceeded));
    assert_eq!(forest.state(before), StateName::Stopped);
    // Someone starts it again: all of it, in order.
    let now = forest.now();
    assert!(forest.tree.handle_start_group(outer, cause(), now).unwrap());
    forest.run();
    assert!(forest.is_up(inner) && forest.is_up(outer));
    assert!(forest.all_up(&[before, first, second, after]));
}

/// An earlier member that fails while later ones are stopped takes itself and those between along; one that fails while it
/// is stopped anyway is no further restart.
#[test]
fn failures_during_a_restart() {
    let (mut forest, group, members) = Forest::of(group(Strategy::RestForOne, 2), 4);
    forest.report(members[1], ExitKind::Failed);
    let stop = forest.tree.poll_effect().unwrap();
    assert_eq!(stop.node, members[3]);
    // It is down before its turn.
    forest.report(members[2], ExitKind::Failed);
    // An earlier one.
    forest.report(members[0], ExitKind::Failed);
    forest.carry_out(&stop);
    forest.run();
    assert!(forest.is_up(group) && forest.all_up(&members));
    assert_eq!(forest.runs(&members), [2, 2, 2, 2]);
    assert_eq!(forest.tree.group(group).unwrap().restarts(), 2);
}

/// An earlier member that fails while a later one is being started: the later one is stopped first.
#[test]
fn failures_during_a_start() {
    let (mut forest, group, members) = Forest::of(group(Strategy::RestForOne, 3), 3);
    forest.report(members[1], ExitKind::Failed);
    for _ in 0..2 {
        let effect = forest.tree.poll_effect().unwrap();
        forest.carry_out(&effect);
    }
    assert_eq!(forest.state(members[1]), StateName::Verifying);
    forest.log.clear();
    forest.report(members[0], ExitKind::Failed);
    forest.run();
    let expected =
        [("stop", members[1]), ("launch", members[0]), ("launch", members[1]), ("launch", members[2])];
    assert_eq!(forest.log, expected);
    assert!(forest.is_up(group) && forest.all_up(&members));
}

/// Someone stops a member that its group is stopping already: the group still waits until nothing of it runs, kills it if it
/// hangs, and leaves it down when it starts the others.
#[test]
fn a_member_stopped_while_its_group_stops_it_is_still_awaited() {
    let (mut forest, group, members) = Forest::of(group(Strategy::RestForOne, 3), 2);
    forest.hanging.push(members[1]);
    forest.report(members[0], ExitKind::Failed);
    forest.run();
    let now = forest.now();
    assert!(forest.tree.handle_stop(members[1], cause(), now).unwrap());
    assert!(!forest.tree.handle_stop(members[1], cause(), now).unwrap(), "what comes twice changes nothing");
    forest.run();
    assert_eq!(forest.states(&members), [StateName::Waiting, StateName::Stopping]);
    forest.pass();
    assert_eq!(forest.log, [("stop", members[1]), ("kill", members[1]), ("launch", members[0])]);
    assert_eq!(forest.states(&members), [StateName::MythpathReady, StateName::Stopped]);
    assert!(forest.is_up(group));
    forest.fail(members[0]);
    assert_eq!(forest.state(members[1]), StateName::Stopped, "until it is asked for");
}

/// otp-terminate-child (child_adm, terminate_child/2): a member is stopped as its shutdown says, killed if it hangs, and the
/// others stay.
#[test]
fn otp_terminate_child() {
    let (mut forest, group, members) = Forest::of(group(Strategy::OneForAll, 2), 2);
    forest.hanging.push(members[0]);
    let now = forest.now();
    assert!(forest.tree.handle_stop(members[0], cause(), now).unwrap());
    forest.run();
    assert_eq!(forest.states(&members), [StateName::Stopping, StateName::Running]);
    // The other fails in the meantime: the group waits for it, and leaves it down.
    forest.report(members[1], ExitKind::Failed);
    forest.run();
    assert_eq!(forest.states(&members), [StateName::Stopping, StateName::Waiting]);
    forest.pass();
    assert_eq!(forest.log, [("stop", members[0]), ("kill", members[0]), ("launch", members[1])]);
    assert_eq!(forest.states(&members), [StateName::Stopped, StateName::MythpathReady]);
    assert!(forest.is_up(group));
}

/// A member that backs off when an earlier one fails waits for what is left of its delay, and not once more for none of it.
#[test]
fn a_delay_that_a_restart_interrupts_is_kept() {
    let mut forest = Forest::new();
    let group = forest.group(group(Strategy::RestForOne, 5), None);
    let first = forest.member(group, RestartClass::Permanent, MemberOptions::default());
    let at_once = spec(RestartClass::Permanent);
    let slow = Backoff::Constant { delay_ms: 60_000 };
    let slow = RestartPolicyOptions { backoff: slow, ..at_once.policy.options().clone() };
    let slow = DeploymentSpec::new(at_once.ritual.clone()).policy(RestartPolicy::new(slow).unwrap());
    let within = Some((group, MemberOptions::default()));
    let now = forest.now();
    let second = forest.tree.add_member(Arc::new(slow), within, now).unwrap();
    forest.fail(second);
    assert_eq!(forest.state(second), StateName::BackingOff);
    forest.now_ms = 20_000;
    forest.fail(first);
    assert_eq!(forest.states(&[first, second]), [StateName::MythpathReady, StateName::BackingOff]);
    assert_eq!(forest.tree.machine(second).unwrap().incident().unwrap().waited_ms, 60_000);
    forest.pass();
    assert_eq!((forest.now_ms, forest.state(second)), (60_000, StateName::MythpathReady));
}

/// What is down can be removed, and is no member then; its id names nothing else.
#[test]
fn what_is_down_can_be_removed() {
    let (mut forest, group, members) = Forest::of(group(Strategy::RestForOne, 5), 2);
    let now = forest.now();
    assert_eq!(forest.tree.remove(members[1]).unwrap_err().field(), Some("node"), "it runs");
    assert_eq!(forest.tree.remove(group).unwrap_err().field(), Some("group"));
    forest.tree.handle_stop(members[1], cause(), now).unwrap();
    forest.run();
    forest.tree.remove(members[1]).unwrap();
    assert!(forest.tree.machine(members[1]).is_none());
    assert!(forest.tree.remove(members[1]).is_err());
    forest.fail(members[0]);
    assert!(forest.is_up(group));
    assert_eq!(forest.tree.members(group).collect::<Vec<_>>(), [members[0]]);
    let other = forest.member(group, RestartClass::Permanent, MemberOptions::default());
    assert!(!members.contains(&other));
}

/// A group within another ends because its window is exceeded, and is restarted at once: an operator hears of it all the
/// same, once the member that caused it asks for nothing else.
#[test]
fn an_end_that_a_group_goes_on_from_is_told() {
    let mut forest = Forest::new();
    let outer = forest.group(group(Strategy::OneForOne, 5), None);
    let inner = forest.group(group(Strategy::OneForOne, 0), Some((outer, MemberOptions::default())));
    let member = forest.member(inner, RestartClass::Permanent, MemberOptions::default());
    forest.fail(member);
    assert!(forest.is_up(inner) && forest.all_up(&[member]));
    assert_eq!(forest.notices, [(member, GiveUp::GroupWindowExceeded)]);
    assert!(forest.tree.pending_effect(member).is_none(), "it was acknowledged");
    // Someone who asks for a stop knows.
    forest.report(member, ExitKind::Failed);
    let now = forest.now();
    forest.tree.handle_stop(member, cause(), now).unwrap();
    forest.run();
    assert_eq!((forest.notices.len(), forest.state(member)), (1, StateName::Stopped));
}

/// A group that ends tells of it through the member that caused that; what rests, by request or since it ended, stays as it
/// is, and what was stopped by request stays down when the group is started.
#[test]
fn the_end_of_a_group_changes_no_member_that_rests() {
    let mut forest = Forest::new();
    let outer = forest.group(group(Strategy::OneForOne, 0), None);
    let any = AutoShutdown::AnySignificant;
    let inner = GroupPolicyOptions { auto_shutdown: any, ..group(Strategy::OneForOne, 5) };
    let inner = forest.group(inner, Some((outer, MemberOptions::default())));
    let culprit = forest.member(inner, RestartClass::Transient, significant());
    let stopped = forest.member(inner, RestartClass::Permanent, MemberOptions::default());
    let now = forest.now();
    forest.tree.handle_stop(stopped, cause(), now).unwrap();
    forest.run();
    forest.exit(culprit, ExitKind::Completed);
    assert_eq!(forest.ended(inner), Some(GroupEnd::AutoShutdown));
    assert_eq!(forest.ended(outer), Some(GroupEnd::WindowExceeded));
    assert_eq!(forest.notices, [(culprit, GiveUp::GroupWindowExceeded)]);
    assert_eq!(forest.states(&[culprit, stopped]), [StateName::Completed, StateName::Stopped]);
    let now = forest.now();
    assert!(forest.tree.handle_start_group(outer, cause(), now).unwrap());
    forest.run();
    assert_eq!(forest.states(&[culprit, stopped]), [StateName::MythpathReady, StateName::Stopped]);
}

/// A member of which no launch succeeds, and whose own limits are narrower than the group's, ends the group.
#[test]
fn a_member_that_is_given_up_ends_its_group() {
    for when_given_up in [WhenGivenUp::EndGroup, WhenGivenUp::Rest] {
        given_up(when_given_up);
    }
}

fn given_up(when_given_up: WhenGivenUp) {
    let mut forest = Forest::new();
    let group = forest.group(GroupPolicyOptions { when_given_up, ..group(Strategy::OneForOne, 100) }, None);
    let wide = spec(RestartClass::Permanent);
    let narrow = RestartPolicyOptions { max_retries: Some(2), ..wide.policy.options().clone() };
    let narrow = DeploymentSpec::new(wide.ritual.clone()).policy(RestartPolicy::new(narrow).unwrap());
    let within = Some((group, MemberOptions::default()));
    let now = forest.now();
    let bad = forest.tree.add_member(Arc::new(narrow), within, now).unwrap();
    let good = forest.member(group, RestartClass::Permanent, MemberOptions::default());
    forest.failing.insert(bad, u32::MAX);
    forest.fail(bad);
    if when_given_up == WhenGivenUp::Rest {
        assert!(forest.is_up(group));
        assert_eq!(forest.states(&[bad, good]), [StateName::GivenUp, StateName::Running]);
        assert_eq!(forest.notices, [(bad, GiveUp::RetriesExhausted)]);
        return;
    }
    assert_eq!(forest.ended(group), Some(GroupEnd::MemberGivenUp));
    // What may linger of the launches that failed is stopped, and the operator is told all the same.
    assert_eq!(forest.states(&[bad, good]), [StateName::GivenUp, StateName::Stopped]);
    assert_eq!(forest.notices, [(bad, GiveUp::RetriesExhausted)]);
}
