use serde::{Deserialize, Serialize};

use super::StateName;

/// A step that a deployment can take from one state to the next.
///
/// ```
/// use mythos_core::restart::{StateName, Transition, TransitionCause};
///
/// let from_verifying = Transition::ALL.iter().filter(|one| one.from == StateName::Verifying);
/// let walk = from_verifying.filter(|one| one.by == TransitionCause::Recovery).map(|one| one.to);
/// assert_eq!(walk.collect::<Vec<_>>(), [StateName::Failed, StateName::MythpathReady, StateName::Completed]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transition {
    /// From here.
    pub from: StateName,
    /// To here.
    pub to: StateName,
    /// What leads to it, first of the causes in the order of [`TransitionCause`].
    pub by: TransitionCause,
}

/// What leads to a [`Transition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransitionCause {
    /// The walk from a failure or an end of a run to an end of the incident: reports, timers and answers.
    Recovery,
    /// A run that was suspected ended after all, as it may or so that no restart follows.
    LateExit,
    /// The host deployed, stopped or restarted it.
    Request,
    /// Its group started it, stopped it or gave it up.
    Group,
}

impl Transition {
    /// Every step that a machine takes, each once. `failed` is passed through, and stays in no state; steps of a state to
    /// itself are those that a path tells.
    pub const ALL: &[Self] = &ALL;
}

/// From, why, and where to. A test holds that these are the steps of the machine, no more and no fewer.
const ROWS: &[(StateName, TransitionCause, &[StateName])] = {
    use StateName::{
        Aligning, AwaitingOperator, BackingOff, Completed, Failed, GivenUp, MythpathReady, Restoring,
        Running, Stopped, Stopping, Verifying, Waiting,
    };
    use TransitionCause::{Group, LateExit, Recovery, Request};
    &[
        (Running, Recovery, &[Failed, Completed]),
        (MythpathReady, Recovery, &[Failed, Completed]),
        (Failed, Recovery, &[BackingOff, Restoring, GivenUp]),
        (BackingOff, Recovery, &[Restoring]),
        (Restoring, Recovery, &[Restoring, Aligning, Verifying, AwaitingOperator, GivenUp]),
        (Aligning, Recovery, &[Restoring, Verifying, AwaitingOperator, GivenUp]),
        (AwaitingOperator, Recovery, &[Restoring, Verifying, AwaitingOperator, GivenUp]),
        (Verifying, Recovery, &[Failed, MythpathReady, Completed]),
        (BackingOff, LateExit, &[GivenUp, Completed]),
        (Restoring, LateExit, &[Completed]),
        (Aligning, LateExit, &[Completed]),
        (AwaitingOperator, LateExit, &[Completed]),
        (Waiting, LateExit, &[GivenUp, Completed]),
        (Running, Request, &[Running, Restoring, Stopping]),
        (BackingOff, Request, &[Running, Stopping, Stopped]),
        (Restoring, Request, &[Running, Stopping, Stopped]),
        (Aligning, Request, &[Running, Stopping, Stopped]),
        (AwaitingOperator, Request, &[Running, Stopping, Stopped]),
        (Verifying, Request, &[Running, Restoring, Stopping]),
        (MythpathReady, Request, &[Running, Restoring, Stopping]),
        (GivenUp, Request, &[Running, Restoring, Stopping, Stopped]),
        (Completed, Request, &[Running, Restoring, Stopped]),
        (Stopped, Request, &[Running, Restoring]),
        (Stopping, Request, &[Running, Restoring, Stopping]),
        (Waiting, Request, &[Stopping, Stopped]),
        (Failed, Group, &[Waiting]),
        (BackingOff, Group, &[Waiting]),
        (Restoring, Group, &[Waiting]),
        (Aligning, Group, &[Waiting]),
        (AwaitingOperator, Group, &[Waiting]),
        (Verifying, Group, &[GivenUp]),
        (Stopping, Group, &[Waiting, GivenUp, Stopped]),
        (Waiting, Group, &[BackingOff, Restoring]),
    ]
};

const COUNT: usize = {
    let (mut row, mut count) = (0, 0);
    while row < ROWS.len() {
        count += ROWS[row].2.len();
        row += 1;
    }
    count
};

const ALL: [Transition; COUNT] = {
    let none = Transition { from: StateName::Stopped, to: StateName::Stopped, by: TransitionCause::Recovery };
    let (mut all, mut at, mut row) = ([none; COUNT], 0, 0);
    while row < ROWS.len() {
        let (from, by, targets) = ROWS[row];
        let mut target = 0;
        while target < targets.len() {
            all[at] = Transition { from, to: targets[target], by };
            at += 1;
            target += 1;
        }
        row += 1;
    }
    all
};
