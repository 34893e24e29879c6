//! Random trees under random events.

use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;

use super::*;
use crate::restart::{GroupState, State, Strategy};

#[derive(Debug, Clone)]
enum Move {
    Exit(usize, ExitKind),
    Stall(usize),
    Stop(usize),
    Restart(usize),
    StartGroup(usize),
    StopGroup(usize),
    /// Carries out one of the effects that were handed out; otherwise a launch fails, or a stop hangs.
    Carry {
        which: usize,
        well: bool,
    },
    Pass(u64),
}

fn any_move() -> impl Generator<Value = Move> {
    let kind = prop_oneof![
        Just(ExitKind::Completed),
        Just(ExitKind::ShutDown),
        Just(ExitKind::Failed),
        Just(ExitKind::Killed)
    ];
    prop_oneof![
        6 => (any::<usize>(), kind).prop_map(|(which, kind)| Move::Exit(which, kind)),
        2 => any::<usize>().prop_map(Move::Stall),
        1 => any::<usize>().prop_map(Move::Stop),
        1 => any::<usize>().prop_map(Move::Restart),
        1 => any::<usize>().prop_map(Move::StartGroup),
        1 => any::<usize>().prop_map(Move::StopGroup),
        20 => (any::<usize>(), prop::bool::weighted(0.8)).prop_map(|(which, well)| Move::Carry { which, well }),
        3 => (0_u64..6_000).prop_map(Move::Pass),
    ]
}

fn any_class() -> impl Generator<Value = RestartClass> {
    prop_oneof![
        3 => Just(RestartClass::Permanent),
        2 => Just(RestartClass::Transient),
        1 => Just(RestartClass::Temporary)
    ]
}

fn any_group() -> impl Generator<Value = GroupPolicyOptions> {
    let strategy = prop_oneof![
        Just(Strategy::OneForOne),
        Just(Strategy::OneForAll),
        Just(Strategy::RestForOne),
        Just(Strategy::SimpleOneForOne)
    ];
    let auto = prop_oneof![
        Just(AutoShutdown::Never),
        Just(AutoShutdown::AnySignificant),
        Just(AutoShutdown::AllSignificant)
    ];
    (strategy, auto, any_class(), 0_u32..8).prop_map(|(strategy, auto, restart, max_restarts)| {
        let is_simple = strategy == Strategy::SimpleOneForOne;
        let auto_shutdown = if is_simple { AutoShutdown::Never } else { auto };
        GroupPolicyOptions { auto_shutdown, restart, ..group(strategy, max_restarts) }
    })
}

/// A group with a member, an inner group of two if it may have one, and another member; significant where that can matter.
fn grow(
    outer: GroupPolicyOptions,
    inner: GroupPolicyOptions,
    classes: [RestartClass; 4],
) -> (Forest, Vec<NodeId>, Vec<NodeId>) {
    fn member(forest: &mut Forest, group: NodeId, class: RestartClass) -> NodeId {
        let now = forest.now();
        let added = forest.tree.add_member(spec(class), Some((group, significant())), now);
        added.unwrap_or_else(|_| forest.member(group, class, MemberOptions::default()))
    }
    let mut forest = Forest::new();
    let root = forest.group(outer, None);
    let mut members = vec![member(&mut forest, root, classes[0])];
    let mut groups = vec![root];
    let now = forest.now();
    let within = Some((root, MemberOptions::default()));
    if let Ok(inner) = forest.tree.add_group(GroupPolicy::new(inner).unwrap(), within, now) {
        groups.push(inner);
        members.push(member(&mut forest, inner, classes[1]));
        members.push(member(&mut forest, inner, classes[2]));
    }
    members.push(member(&mut forest, root, classes[3]));
    (forest, groups, members)
}

/// What holds after every event: who waits is waited for, and a group that is underway has something underway.
fn check(forest: &Forest, groups: &[NodeId]) {
    for group in groups {
        let machine = forest.tree.group(*group).unwrap();
        let members: Vec<_> = forest.tree.members(*group).collect();
        assert_eq!(members.len() as u64, machine.members());
        let deployments =
            || members.iter().filter_map(|id| forest.tree.machine(*id)).map(|machine| machine.state());
        match machine.state() {
            GroupState::Up { .. } | GroupState::Ended { .. } => {
                let is_held = |state: &State| match state {
                    State::Stopping { stop, .. } => !stop.is_requested,
                    state => state.name() == StateName::Waiting,
                };
                assert!(!deployments().any(is_held), "{machine:?}: {:?}", deployments().collect::<Vec<_>>());
            }
            _ => {
                let is_underway = |id: &NodeId| match (forest.tree.machine(*id), forest.tree.group(*id)) {
                    (Some(machine), _) => machine.pending().is_some() || machine.timer().is_some(),
                    (_, Some(group)) => {
                        !matches!(group.state(), GroupState::Up { .. } | GroupState::Ended { .. })
                    }
                    _ => false,
                };
                assert!(members.iter().any(is_underway), "stuck: {machine:?}");
            }
        }
    }
}

fn answer_of(action: &Action, well: bool) -> Option<Answer> {
    Some(match action {
        Action::Restore { .. } => Answer::Restored(entry()),
        Action::Probe { .. } if well => Answer::Ready,
        Action::Probe { .. } => Answer::NotReady { reason: reason() },
        // It hangs.
        Action::Stop { .. } if !well => return None,
        Action::Stop { .. } | Action::Kill => Answer::Stopped,
        _ => Answer::Acknowledged,
    })
}

fn make(
    forest: &mut Forest,
    groups: &[NodeId],
    members: &[NodeId],
    handed_out: &mut Vec<TreeEffect>,
    one: Move,
) {
    let now = forest.now();
    let member = |which: usize| members[which % members.len()];
    let group = |which: usize| groups[which % groups.len()];
    match one {
        Move::Exit(which, kind) => {
            let exit = Exit::new(kind, reason());
            forest.tree.handle_exit(member(which), None, exit, cause().operation, now).unwrap();
        }
        Move::Stall(which) => {
            forest.tree.handle_failure(member(which), None, FailureKind::Stalled, cause(), now).unwrap();
        }
        Move::Stop(which) => drop(forest.tree.handle_stop(member(which), cause(), now)),
        Move::Restart(which) => drop(forest.tree.handle_restart(member(which), cause(), now)),
        Move::StartGroup(which) => drop(forest.tree.handle_start_group(group(which), cause(), now)),
        Move::StopGroup(which) => drop(forest.tree.handle_stop_group(group(which), cause(), now).unwrap()),
        Move::Carry { which, well } => {
            handed_out.extend(std::iter::from_fn(|| forest.tree.poll_effect()));
            if handed_out.is_empty() {
                return;
            }
            let effect = handed_out.remove(which % handed_out.len());
            if let Some(answer) = answer_of(&effect.action, well) {
                forest.tree.handle_answer(effect.node, effect.number, answer, now).unwrap();
            }
        }
        Move::Pass(ms) => {
            forest.now_ms += ms;
            let now = forest.now();
            forest.tree.handle_timeout(now);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_happens_a_tree_is_never_stuck_and_comes_to_rest(
        outer in any_group(),
        inner in any_group(),
        classes in prop::array::uniform4(any_class()),
        moves in prop::collection::vec(any_move(), 0..80),
    ) {
        let (mut forest, groups, members) = grow(outer, inner, classes);
        let mut handed_out = Vec::new();
        for one in moves {
            make(&mut forest, &groups, &members, &mut handed_out, one);
            check(&forest, &groups);
        }
        // Failures end: what was handed out is answered, timers fire, and everything comes to rest.
        for _ in 0..200 {
            while let Some(effect) = members.iter().find_map(|id| forest.tree.pending_effect(*id)) {
                let answer = answer_of(&effect.action, true).unwrap();
                let now = forest.now();
                forest.tree.handle_answer(effect.node, effect.number, answer, now).unwrap();
                check(&forest, &groups);
            }
            if let Some(due) = forest.tree.poll_timeout() {
                let due = due.max(forest.now());
                forest.now_ms = u64::try_from(due.saturating_duration_since(Timestamp::UNIX_EPOCH).as_millis()).unwrap();
                forest.tree.handle_timeout(due);
            }
        }
        for group in &groups {
            let state = forest.tree.group(*group).unwrap().state();
            prop_assert!(matches!(state, GroupState::Up { .. } | GroupState::Ended { .. }), "{state:?}");
        }
        for id in members {
            let state = forest.state(id);
            prop_assert!(state.is_at_rest(), "{state}");
        }
    }
}
