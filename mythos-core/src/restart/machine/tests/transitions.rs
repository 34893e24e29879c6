//! The listed transitions are those that the machine takes, so that what is drawn of them never lies.

use std::collections::BTreeSet;

use super::*;
use crate::restart::Transition;

type Edge = (StateName, StateName);

/// The states that one event led through, from `before` to `after`.
fn edges(before: &Machine, after: &Machine) -> Vec<Edge> {
    let open = before.incident.as_ref().filter(|incident| incident.is_open());
    let number = |machine: &Machine| machine.incident.as_ref().map(|incident| incident.number);
    let visits = match &after.incident {
        Some(now) if number(before) != number(after) => &now.path[..],
        // The walks are short enough that nothing of their paths is left out.
        Some(now) => open.map_or(&[][..], |open| &now.path[open.path.len()..]),
        None => &[],
    };
    let mut states = vec![before.state.name()];
    states.extend(visits.iter().map(|visit| visit.state));
    // Outside of an incident no path is kept, so that the step itself is all there is.
    let moved = before.state.name() != after.state.name() || before.run != after.run;
    if states.len() == 1 && moved {
        states.push(after.state.name());
    }
    assert_eq!(states.last(), Some(&after.state.name()), "the path ends where the machine stands");
    states.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// What tells one machine from another as far as where it can go is concerned.
fn kind_of(machine: &Machine) -> String {
    let step = match &machine.state {
        State::Restoring { step, .. } | State::Aligning { step, .. } => *step,
        _ => 0,
    };
    let question = match &machine.state {
        State::AwaitingOperator { question } => {
            mem::discriminant(question) == mem::discriminant(&Question::PathExhausted)
        }
        _ => false,
    };
    let stop = match &machine.state {
        State::Stopping { stop, .. } => {
            Some((stop.is_killed, stop.for_good, stop.is_requested, stop.given_up.is_some()))
        }
        _ => None,
    };
    let delayed = matches!(machine.state, State::Waiting { delay_ms } if delay_ms > 0);
    let kind = machine.incident.as_ref().map(|incident| incident.kind);
    let name = machine.state.name();
    format!(
        "{name} {step} {question} {stop:?} {delayed} {kind:?} {} {}",
        machine.is_gone,
        machine.pending.is_some()
    )
}

/// What can happen to a machine: the events of the table, a suspicion, and ends of the current run.
fn events(driver: &Driver, columns: &[&str]) -> Vec<Event> {
    let run = Some(driver.machine.run);
    let fatal = Exit { non_retryable: true, ..Exit::new(ExitKind::Failed, reason()) };
    let mut events = vec![
        suspected(None, FailureKind::Unresponsive),
        ended(run, Exit::new(ExitKind::Completed, reason())),
        ended(run, fatal),
    ];
    let of_groups = |column: &&&str| driver.is_member || !column.ends_with('!');
    events.extend(columns.iter().filter(of_groups).map(|column| table::event(column, driver)));
    events
}

/// Drives `start` through everything that can happen to it, and collects the steps that it takes.
fn explore(start: Driver, columns: &[&str], found: &mut BTreeSet<Edge>) {
    let mut seen = BTreeSet::from([kind_of(&start.machine)]);
    let mut left = vec![start];
    while let Some(mut driver) = left.pop() {
        if let Some((due, _)) = driver.machine.timer() {
            let since = due.saturating_duration_since(Timestamp::UNIX_EPOCH);
            driver.now_ms = driver.now_ms.max(u64::try_from(since.as_millis()).unwrap());
        }
        for event in events(&driver, columns) {
            let mut next = driver.clone();
            if next.step(event) == Ok(None) {
                found.extend(edges(&driver.machine, &next.machine));
                if seen.insert(kind_of(&next.machine)) {
                    left.push(next);
                }
            }
        }
    }
}

/// A deployment under each policy that changes where it can go, in a group and alone.
fn starts() -> Vec<Driver> {
    let paths = [
        vec![],
        vec![FallbackStep::OlderEntry],
        vec![FallbackStep::Escalate],
        vec![FallbackStep::OlderEntry, FallbackStep::Escalate],
    ];
    let mut starts = Vec::new();
    for symbolic_fallback_path in paths {
        for alignment in
            [AlignmentPolicy::SameRoot, AlignmentPolicy::AdoptCurrent, AlignmentPolicy::AskOperator]
        {
            for (free_restarts, max_restarts) in [(0, 9), (5, 9), (0, 0)] {
                let mut policy = options();
                policy.symbolic_fallback_path.clone_from(&symbolic_fallback_path);
                (policy.alignment, policy.free_restarts) = (alignment, free_restarts);
                policy.window.max_restarts = max_restarts;
                policy.exits.restart = RestartClass::Transient;
                let alone = Driver::new(policy);
                let member = Driver { is_member: true, ..alone.clone() };
                starts.extend([alone.clone().with_codex(), member.clone().with_codex(), alone, member]);
            }
        }
    }
    starts
}

#[test]
fn the_listed_transitions_are_those_of_the_machine() {
    let (_, columns) = table::rows_and_columns();
    let mut found = BTreeSet::new();
    for start in starts() {
        explore(start, &columns, &mut found);
    }
    let listed: Vec<_> = Transition::ALL.iter().map(|listed| (listed.from, listed.to)).collect();
    let set: BTreeSet<_> = listed.iter().copied().collect();
    assert_eq!(set.len(), listed.len(), "each is listed once");
    let missing: Vec<_> = found.difference(&set).collect();
    let never: Vec<_> = set.difference(&found).collect();
    assert!(missing.is_empty() && never.is_empty(), "not listed: {missing:?}, never taken: {never:?}");
}
