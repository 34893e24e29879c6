use serde::{Deserialize, Serialize};

use super::machine::{Group, GroupState};
use crate::error::{Error, Result};
use crate::restart::backoff::milliseconds;
use crate::restart::{ExitRules, RestartClass, RestartWindow, WindowKind};

/// How a group brings its members back. Valid by construction; serde checks as [`GroupPolicy::new`].
///
/// ```
/// use mythos_core::restart::{GroupPolicy, GroupPolicyOptions, RestartWindow, Strategy};
///
/// let policy = GroupPolicy::new(GroupPolicyOptions {
///     strategy: Strategy::RestForOne,
///     window: RestartWindow::sliding(3, 60_000),
///     ..GroupPolicyOptions::default()
/// })?;
/// assert_eq!(policy.options().strategy, Strategy::RestForOne);
///
/// let nonsense = r#"{"strategy": "simple_one_for_one", "auto_shutdown": "any_significant"}"#;
/// assert!(serde_json::from_str::<GroupPolicy>(nonsense).is_err());
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "GroupPolicyOptions", into = "GroupPolicyOptions")]
pub struct GroupPolicy(GroupPolicyOptions);

/// What a [`GroupPolicy`] is made of. What serialized options leave out has its default.
///
/// Source: Erlang/OTP, "Supervisor Behaviour".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupPolicyOptions {
    /// Which members are restarted when one fails.
    pub strategy: Strategy,
    /// How many restarts of all members together within which period; more, and the group ends. Each failed attempt to
    /// bring a member back is one; a restart that takes others along is one. It slides.
    ///
    /// By default 10 within ten minutes, as of one deployment. A member's own window counts its own restarts beside it: give
    /// members a wide one where only the group is to count.
    pub window: RestartWindow,
    /// Whether the group ends by itself once members that matter have ended.
    pub auto_shutdown: AutoShutdown,
    /// What becomes of the group when a member is given up.
    pub when_given_up: WhenGivenUp,
    /// Whether the group that holds this one starts it again when it ended by itself; its end is a
    /// [`ShutDown`](super::super::ExitKind::ShutDown).
    pub restart: RestartClass,
}

impl Default for GroupPolicyOptions {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            window: RestartWindow::sliding(10, 600_000),
            auto_shutdown: AutoShutdown::default(),
            when_given_up: WhenGivenUp::default(),
            restart: RestartClass::default(),
        }
    }
}

/// Which members of a group are restarted when one fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Strategy {
    /// Only the one that failed.
    #[default]
    OneForOne,
    /// All: they are stopped in reverse order, and started in order.
    OneForAll,
    /// The one that failed and those that were added after it.
    RestForOne,
    /// Only the one that failed. Its members are many and alike: they are stopped together, and one that ended, or that the
    /// group stopped, is no member any more.
    SimpleOneForOne,
}

/// Whether a group ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AutoShutdown {
    /// It does not.
    #[default]
    Never,
    /// As soon as a significant member ended that is not restarted.
    AnySignificant,
    /// As soon as the last significant member ended that is not restarted.
    AllSignificant,
}

/// What becomes of a group of which a member is given up, by its own window, retries, deadline or path.
///
/// A member that was never up since it was added to the group ends none, and takes none along while it is tried again: it
/// rests, given up, as a child that `supervisor:start_child` of Erlang/OTP cannot start is no concern of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WhenGivenUp {
    /// It ends: the member was to be up, and the others may count on it.
    #[default]
    EndGroup,
    /// It goes on with the others, as after an end that no restart follows.
    Rest,
}

/// How a group stops a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Shutdown {
    /// It is killed.
    Kill,
    /// It is asked to end, and killed if it does not within so many milliseconds; above 0.
    Within {
        /// How many.
        milliseconds: u64,
    },
    /// It is asked to end, however long that takes.
    Unlimited,
}

impl Strategy {
    /// Whether members depend on those before them.
    pub(in crate::restart) const fn is_ordered(self) -> bool {
        matches!(self, Self::OneForAll | Self::RestForOne)
    }
}

impl Default for Shutdown {
    /// Five seconds, as of workers of Erlang/OTP.
    fn default() -> Self {
        Self::Within { milliseconds: 5_000 }
    }
}

impl Shutdown {
    pub(in crate::restart) fn validate(self) -> Result<()> {
        match self {
            Self::Within { milliseconds: 0 } => {
                Err(Error::invalid("shutdown", "nothing ends within 0 ms: `kill` it"))
            }
            Self::Within { milliseconds: given } => milliseconds("shutdown", given),
            Self::Kill | Self::Unlimited => Ok(()),
        }
    }
}

impl GroupPolicy {
    /// The most members of a group.
    pub const MAX_MEMBERS: u64 = 10_000;

    /// The most groups around a member.
    pub const MAX_DEPTH: u32 = 16;

    /// Checks `options`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) or [`ErrorKind::Limit`](crate::ErrorKind::Limit), with the field,
    /// for a window out of bounds or one that tumbles, and for a simple group that ends by itself.
    pub fn new(options: GroupPolicyOptions) -> Result<Self> {
        options.window.validate()?;
        if options.window.kind == WindowKind::Tumbling {
            let message = "a tumbling window counts the starts of one deployment; that of a group slides";
            return Err(Error::invalid("window.kind", message));
        }
        let is_simple = options.strategy == Strategy::SimpleOneForOne;
        if is_simple && options.auto_shutdown != AutoShutdown::Never {
            let message = "no member of a simple group matters more than the others";
            return Err(Error::invalid("auto_shutdown", message));
        }
        Ok(Self(options))
    }

    /// What it is made of.
    #[must_use]
    pub const fn options(&self) -> &GroupPolicyOptions {
        &self.0
    }

    /// Whether a group may go on under another policy.
    pub(in crate::restart) fn check_replacing(&self, new: &Self, group: &Group) -> Result<()> {
        let is_underway = !matches!(group.state(), GroupState::Up { .. } | GroupState::Ended { .. });
        if new.0.strategy != self.0.strategy && is_underway {
            let message =
                "what is underway goes on as the strategy says under which it began: wait for its end";
            return Err(Error::invalid("strategy", message));
        }
        if group.groups > 0 && new.0.strategy == Strategy::SimpleOneForOne {
            return Err(Error::invalid(
                "strategy",
                "a simple group holds deployments only, and this one a group",
            ));
        }
        if group.significant > 0 && new.0.auto_shutdown == AutoShutdown::Never {
            let message = "it has significant members, whose end could then no more end it";
            return Err(Error::invalid("auto_shutdown", message));
        }
        Ok(())
    }

    /// Whether a node may have so many groups around it.
    pub(in crate::restart) fn check_depth(groups: usize) -> Result<()> {
        if groups > Self::MAX_DEPTH as usize {
            let message = format!("a member has at most {} groups around it", Self::MAX_DEPTH);
            return Err(Error::limit("group", message));
        }
        Ok(())
    }

    /// Whether a group under this policy takes a member in.
    pub(in crate::restart) fn check_joining(
        &self,
        group: &Group,
        is_group: bool,
        is_significant: bool,
        exits: &ExitRules,
    ) -> Result<()> {
        if !group.state().is_open() {
            return Err(Error::invalid("group", "the group has ended: start it first"));
        }
        if is_group && self.0.strategy == Strategy::SimpleOneForOne {
            return Err(Error::invalid("group", "a simple group holds deployments only"));
        }
        if group.members() >= Self::MAX_MEMBERS {
            let message = format!("a group has at most {} members", Self::MAX_MEMBERS);
            return Err(Error::limit("group", message));
        }
        if is_significant { self.check_significant(exits) } else { Ok(()) }
    }

    /// Whether a significant member that ends as `exits` says could ever end the group.
    pub(in crate::restart) fn check_significant(&self, exits: &ExitRules) -> Result<()> {
        let complaint = if self.0.auto_shutdown == AutoShutdown::Never {
            "its group does not end by itself"
        } else if exits.restart == RestartClass::Permanent && !exits.is_one_shot {
            "a permanent member is restarted whatever its end"
        } else {
            return Ok(());
        };
        Err(Error::invalid("is_significant", format!("no end of this member can end its group: {complaint}")))
    }
}

impl TryFrom<GroupPolicyOptions> for GroupPolicy {
    type Error = Error;

    fn try_from(options: GroupPolicyOptions) -> Result<Self> {
        Self::new(options)
    }
}

impl From<GroupPolicy> for GroupPolicyOptions {
    fn from(policy: GroupPolicy) -> Self {
        policy.0
    }
}
