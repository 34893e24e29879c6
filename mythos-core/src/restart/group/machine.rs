use serde::{Deserialize, Serialize};

use crate::restart::machine::Cause;
use crate::restart::{RestartClass, RestartHistory, Shutdown};
use crate::types::Timestamp;

/// The machine of one group: its state, and what its next decisions depend on.
///
/// Members have positions, counted from 1 in the order in which they were added; they are started by rising position and
/// stopped by falling position, each once the one before it is up or down.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Group {
    /// Where it stands.
    pub(super) state: GroupState,
    /// Why it last began to restart members, or to end.
    pub(super) cause: Option<Cause>,
    /// The position of the member that it ended because of, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended_by: Option<u64>,
    /// The restarts that count for the window.
    pub(super) history: RestartHistory,
    /// The position of the member that was added last.
    pub(super) last_position: u64,
    /// How many members it has.
    pub(super) members: u64,
    /// How many of them are groups.
    #[serde(default)]
    pub(super) groups: u64,
    /// How many of them are significant.
    #[serde(default)]
    pub(super) significant: u64,
    /// How many significant members have not ended.
    pub(super) active_significant: u64,
}

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum GroupState {
    /// Its members are started; one that restarts alone does not change that.
    Up {
        /// Since when.
        since: Timestamp,
    },
    /// It stops members in order to start them again.
    Stopping {
        /// The position down to which it stops, 0 for all.
        floor: u64,
        /// The position of the member that is being stopped; those above it are down.
        at: u64,
    },
    /// It starts members.
    Starting {
        /// The position of the member that is being started; those above it are down.
        at: u64,
    },
    /// It stops all members for good.
    Ending {
        /// Why.
        why: GroupEnd,
        /// The position of the member that was asked to end last; those above it were as well.
        at: u64,
        /// How many were asked and are not down.
        in_flight: u64,
    },
    /// Its members are down.
    Ended {
        /// Why.
        why: GroupEnd,
        /// Since when.
        since: Timestamp,
    },
}

/// Why a group ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GroupEnd {
    /// Its members needed more restarts than its window allows.
    WindowExceeded,
    /// A member that was to be restarted was given up.
    MemberGivenUp,
    /// Its significant members ended.
    AutoShutdown,
    /// It was stopped by request.
    Requested,
    /// The group that holds it stopped it.
    Parent,
}

/// Where a member stands in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::restart) struct Place<Id> {
    pub(in crate::restart) group: Id,
    pub(in crate::restart) position: u64,
    pub(in crate::restart) is_significant: bool,
    /// Whether it has not ended by itself, and nobody stopped it.
    pub(in crate::restart) is_active: bool,
    pub(in crate::restart) shutdown: Shutdown,
    pub(in crate::restart) class: RestartClass,
}

impl GroupState {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> GroupStateName {
        match self {
            Self::Up { .. } => GroupStateName::Up,
            Self::Stopping { .. } => GroupStateName::Stopping,
            Self::Starting { .. } => GroupStateName::Starting,
            Self::Ending { .. } => GroupStateName::Ending,
            Self::Ended { .. } => GroupStateName::Ended,
        }
    }

    /// Whether it takes members in.
    pub(in crate::restart) const fn is_open(&self) -> bool {
        !matches!(self, Self::Ending { .. } | Self::Ended { .. })
    }
}

/// The name of a [`GroupState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GroupStateName {
    /// [`GroupState::Up`].
    Up,
    /// [`GroupState::Stopping`].
    Stopping,
    /// [`GroupState::Starting`].
    Starting,
    /// [`GroupState::Ending`].
    Ending,
    /// [`GroupState::Ended`].
    Ended,
}

impl GroupStateName {
    /// The name as it is stored and serialized.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Stopping => "stopping",
            Self::Starting => "starting",
            Self::Ending => "ending",
            Self::Ended => "ended",
        }
    }
}

impl Group {
    /// A group without members.
    pub(in crate::restart) fn new(now: Timestamp) -> Self {
        Self {
            state: GroupState::Up { since: now },
            cause: None,
            ended_by: None,
            history: RestartHistory::default(),
            last_position: 0,
            members: 0,
            groups: 0,
            significant: 0,
            active_significant: 0,
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> &GroupState {
        &self.state
    }

    /// How many members it has.
    #[must_use]
    pub const fn members(&self) -> u64 {
        self.members
    }

    /// How many restarts its window counts, as of the last one.
    #[must_use]
    pub fn restarts(&self) -> usize {
        self.history.len()
    }

    /// Takes a member in, behind all others; its position.
    pub(in crate::restart) const fn join(&mut self, is_group: bool, is_significant: bool) -> u64 {
        self.last_position = self.last_position.saturating_add(1);
        self.members = self.members.saturating_add(1);
        self.groups = self.groups.saturating_add(is_group as u64);
        self.significant = self.significant.saturating_add(is_significant as u64);
        self.active_significant = self.active_significant.saturating_add(is_significant as u64);
        self.last_position
    }

    /// Lets a member go.
    pub(in crate::restart) const fn leave<Id>(&mut self, is_group: bool, place: &Place<Id>) {
        self.members = self.members.saturating_sub(1);
        self.groups = self.groups.saturating_sub(is_group as u64);
        self.significant = self.significant.saturating_sub(place.is_significant as u64);
        let counted = place.is_significant && place.is_active;
        self.active_significant = self.active_significant.saturating_sub(counted as u64);
    }
}
