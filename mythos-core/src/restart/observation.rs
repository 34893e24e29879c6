use std::time::Duration;

use super::{Ending, FailureKind, Incident, Machine, StateName};
use crate::observe::{self, Entered};
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

    /// Tells operators what a decision made of `before`, once it is committed.
    pub(super) fn tell(self, before: Option<Self>, assistant: &AssistantId, span: &Entered) {
        let state = before.map(|before| before.state.as_str());
        span.decided(assistant.as_str(), state, self.state.as_str());
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
