use std::time::Duration;

use super::{
    Ending, FailureKind, GroupEnd, GroupState, GroupStateName, Incident, Machine, StateName, Strategy,
    SupervisionGroup,
};
use crate::observe::{self, Change};
use crate::types::AssistantId;

/// What of a deployment is compared with what a decision made of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    state: StateName,
    incident: Option<SeenIncident>,
    attempts: u64,
}

#[derive(Debug, Clone, Copy)]
struct SeenIncident {
    number: u64,
    restarts: u64,
    kind: FailureKind,
    /// How it ended and after how long, if it did.
    ended: Option<(Ending, Duration)>,
}

impl Seen {
    pub(super) fn of(machine: &Machine) -> Self {
        let incident = machine.incident().map(|incident| SeenIncident {
            number: incident.number,
            restarts: incident.restarts,
            kind: incident.kind,
            ended: incident.ending.map(|ending| {
                let ended_at = incident.ended_at.unwrap_or(incident.opened_at);
                (ending, ended_at.saturating_duration_since(incident.opened_at))
            }),
        });
        Self { state: machine.state().name(), incident, attempts: machine.attempts() }
    }

    /// Tells operators of an incident that ended, and that another followed in the same decision.
    pub(super) fn tell_ended(incident: &Incident) {
        if let Some(ending) = incident.ending {
            let ended_at = incident.ended_at.unwrap_or(incident.opened_at);
            let after = ended_at.saturating_duration_since(incident.opened_at);
            observe::incident(name(ending), (ending == Ending::Ready).then_some(after));
        }
    }

    /// What a span tells of a decision about an assistant, of which `before` was seen before it.
    pub(super) fn change(self, before: Option<Self>, assistant: &AssistantId) -> Change<'_> {
        let before = before.map(|before| before.state.as_str());
        Change { name: assistant.as_str(), before, after: self.state.as_str() }
    }

    /// Counts what a decision made of `before`, once it is committed.
    pub(super) fn tell(self, before: Option<Self>) {
        let Some(incident) = self.incident else { return };
        let same = before.and_then(|before| before.incident).filter(|same| same.number == incident.number);
        let begun = incident.restarts.saturating_sub(same.map_or(0, |same| same.restarts));
        if begun > 0 {
            observe::restarts(failure(incident.kind), begun, self.attempts);
        }
        if let Some((ending, after)) = incident.ended.filter(|_| same.is_none_or(|same| same.ended.is_none()))
        {
            observe::incident(name(ending), (ending == Ending::Ready).then_some(after));
        }
    }
}

/// Counts what a decision made of a group, once it is committed.
pub(super) fn tell_group(before: Option<&SupervisionGroup>, after: &SupervisionGroup) {
    let Some(before) = before else { return };
    let (was, is) = (before.machine.state(), after.machine.state());
    if let GroupState::Ending { why, .. } | GroupState::Ended { why, .. } = is
        && was.is_open()
    {
        observe::group_end(end(*why));
    }
    let has_begun = match is.name() {
        GroupStateName::Stopping => was.name() != GroupStateName::Stopping,
        // All that was to be stopped was down already; one that had ended is started, and not restarted.
        GroupStateName::Starting => was.name() == GroupStateName::Up,
        GroupStateName::Up | GroupStateName::Ending | GroupStateName::Ended => false,
    };
    if has_begun {
        observe::group_restart(strategy(after.policy.options().strategy));
    }
}

/// What a span tells of a decision that changed a group.
pub(super) fn group_change<'a>(before: Option<&SupervisionGroup>, after: &'a SupervisionGroup) -> Change<'a> {
    let before = before.map(|before| before.machine.state().name().as_str());
    Change { name: after.group.as_str(), before, after: after.machine.state().name().as_str() }
}

/// The name in JSON.
const fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::OneForOne => "one_for_one",
        Strategy::OneForAll => "one_for_all",
        Strategy::RestForOne => "rest_for_one",
        Strategy::SimpleOneForOne => "simple_one_for_one",
    }
}

/// The name in JSON.
const fn end(why: GroupEnd) -> &'static str {
    match why {
        GroupEnd::WindowExceeded => "window_exceeded",
        GroupEnd::MemberGivenUp => "member_given_up",
        GroupEnd::AutoShutdown => "auto_shutdown",
        GroupEnd::Requested => "requested",
        GroupEnd::Parent => "parent",
    }
}

/// The name in JSON.
const fn failure(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Crashed => "crashed",
        FailureKind::Stalled => "stalled",
        FailureKind::Unhealthy => "unhealthy",
        FailureKind::Unresponsive => "unresponsive",
        FailureKind::Unready => "unready",
        FailureKind::Requested => "requested",
        FailureKind::Ended => "ended",
        FailureKind::Group => "group",
    }
}

/// The name in JSON.
const fn name(ending: Ending) -> &'static str {
    match ending {
        Ending::Ready => "ready",
        Ending::GivenUp => "given_up",
        Ending::Stopped => "stopped",
        Ending::Redeployed => "redeployed",
        Ending::Completed => "completed",
    }
}
