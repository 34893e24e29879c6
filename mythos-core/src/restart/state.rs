use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::ExitKind;
use crate::codex::{ChangesSince, ClauseChange};
use crate::error::{Error, Result};
use crate::ritual::CompressedRitual;
use crate::types::{AssistantId, CodexId, Digest, EntryId, RitualId, Timestamp};

/// Where a deployment stands. Every state but the five in which nothing is owed (`Running`, `MythpathReady`, `GivenUp`
/// once its notice was taken, `Completed`, `Stopped`) has a timer or an effect that leads out of it, or, `Waiting`, a group
/// that does. A notice that an operator did not take before a group went on waits beside any state that asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// The host deployed the assistant, and it has not failed since.
    Running {
        /// When it was deployed.
        since: Timestamp,
    },
    /// It failed; a restart follows when the timer fires.
    BackingOff {
        /// When.
        until: Timestamp,
        /// When the timer was set.
        set_at: Timestamp,
        /// The timer that counts; others are stale.
        generation: u64,
    },
    /// An entry is to be restored and verified.
    Restoring {
        /// The step of the path, where 0 is [`FallbackStep::Latest`](super::FallbackStep::Latest).
        step: u32,
        /// The sequence of the entry of the deployment's ritual that failed before, if any did and it is known.
        older_than: Option<u64>,
    },
    /// The restored entry is to be compared with the codex in force.
    Aligning {
        /// The step of the path.
        step: u32,
        /// Where an older entry would be looked for next, as in `Restoring`.
        older_than: Option<u64>,
        /// What was restored.
        entry: RestoredEntry,
    },
    /// An operator was asked.
    AwaitingOperator {
        /// What.
        question: Question,
    },
    /// The host launches the assistant from the restored entry and probes its readiness.
    Verifying {
        /// What it is launched from.
        entry: RestoredEntry,
        /// How the entry compares with the codex in force, if the deployment has one.
        alignment: Option<Alignment>,
        /// Until when the probe must have passed.
        deadline: Timestamp,
        /// When the timer was set.
        set_at: Timestamp,
        /// The timer that counts; others are stale.
        generation: u64,
    },
    /// Restored from a verified entry, aligned, probed, and not failed since.
    MythpathReady {
        /// What it was launched from.
        entry: RestoredEntry,
        /// How the entry compared with the codex in force, if the deployment has one.
        alignment: Option<Alignment>,
        /// When the probe passed.
        since: Timestamp,
    },
    /// No restart follows until someone asks for one.
    GivenUp {
        /// Why.
        why: GiveUp,
    },
    /// Its group stops it, or someone asked for that; the host ends it.
    Stopping {
        /// What follows.
        stop: Stop,
        /// Until when it may end by itself; then it is killed. `None` for as long as it takes, or if it is killed already.
        deadline: Option<Timestamp>,
        /// When it was asked for.
        set_at: Timestamp,
        /// The timer that counts; others are stale.
        generation: u64,
    },
    /// Down, until its group starts it.
    Waiting {
        /// How long its start is delayed, in milliseconds.
        delay_ms: u64,
    },
    /// It ended as it may, and its policy lets it rest.
    Completed {
        /// When that was reported.
        since: Timestamp,
    },
    /// Stopped by request.
    Stopped,
}

/// The name of a [`State`], and of `failed`, which a deployment passes through without resting in it: the failure and
/// what is decided about it are one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StateName {
    /// [`State::Running`].
    Running,
    /// A failure was reported, or a launch failed.
    Failed,
    /// [`State::BackingOff`].
    BackingOff,
    /// [`State::Restoring`].
    Restoring,
    /// [`State::Aligning`].
    Aligning,
    /// [`State::AwaitingOperator`].
    AwaitingOperator,
    /// [`State::Verifying`].
    Verifying,
    /// [`State::MythpathReady`].
    MythpathReady,
    /// [`State::GivenUp`].
    GivenUp,
    /// [`State::Stopping`].
    Stopping,
    /// [`State::Waiting`].
    Waiting,
    /// [`State::Completed`].
    Completed,
    /// [`State::Stopped`].
    Stopped,
}

impl State {
    /// The state's name.
    #[must_use]
    pub const fn name(&self) -> StateName {
        match self {
            Self::Running { .. } => StateName::Running,
            Self::BackingOff { .. } => StateName::BackingOff,
            Self::Restoring { .. } => StateName::Restoring,
            Self::Aligning { .. } => StateName::Aligning,
            Self::AwaitingOperator { .. } => StateName::AwaitingOperator,
            Self::Verifying { .. } => StateName::Verifying,
            Self::MythpathReady { .. } => StateName::MythpathReady,
            Self::GivenUp { .. } => StateName::GivenUp,
            Self::Stopping { .. } => StateName::Stopping,
            Self::Waiting { .. } => StateName::Waiting,
            Self::Completed { .. } => StateName::Completed,
            Self::Stopped => StateName::Stopped,
        }
    }

    /// Whether it asks for no effect of its own.
    pub(super) const fn asks_for_nothing(&self) -> bool {
        matches!(
            self,
            Self::Running { .. }
                | Self::BackingOff { .. }
                | Self::MythpathReady { .. }
                | Self::Waiting { .. }
                | Self::Completed { .. }
                | Self::Stopped
        )
    }

    /// When a timer is due, and its generation.
    #[must_use]
    pub const fn timer(&self) -> Option<(Timestamp, u64)> {
        match self {
            Self::BackingOff { until, generation, .. } => Some((*until, *generation)),
            Self::Verifying { deadline, generation, .. }
            | Self::Stopping { deadline: Some(deadline), generation, .. } => Some((*deadline, *generation)),
            _ => None,
        }
    }

    /// When the timer was set, if one is.
    #[must_use]
    pub const fn timer_set_at(&self) -> Option<Timestamp> {
        match self {
            Self::BackingOff { set_at, .. }
            | Self::Verifying { set_at, .. }
            | Self::Stopping { deadline: Some(_), set_at, .. } => Some(*set_at),
            _ => None,
        }
    }
}

impl StateName {
    /// All of them, in the order in which diagrams name them.
    pub const ALL: [Self; 13] = [
        Self::Running,
        Self::Failed,
        Self::BackingOff,
        Self::Restoring,
        Self::Aligning,
        Self::AwaitingOperator,
        Self::Verifying,
        Self::MythpathReady,
        Self::GivenUp,
        Self::Stopping,
        Self::Waiting,
        Self::Completed,
        Self::Stopped,
    ];

    /// Whether the assistant is down and nothing brings it back by itself.
    #[must_use]
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Waiting | Self::GivenUp | Self::Completed | Self::Stopped)
    }

    /// Whether nothing is owed: no timer, effect or group leads out of it.
    #[must_use]
    pub const fn is_at_rest(self) -> bool {
        self.is_up() || (self.is_down() && !matches!(self, Self::Waiting))
    }

    /// Whether the assistant is up.
    #[must_use]
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::MythpathReady)
    }

    /// The name as it is stored and serialized.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Failed => "failed",
            Self::BackingOff => "backing_off",
            Self::Restoring => "restoring",
            Self::Aligning => "aligning",
            Self::AwaitingOperator => "awaiting_operator",
            Self::Verifying => "verifying",
            Self::MythpathReady => "mythpath_ready",
            Self::GivenUp => "given_up",
            Self::Stopping => "stopping",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a deployment is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stop {
    /// How long its next start is delayed, in milliseconds.
    pub delay_ms: u64,
    /// Whether it is to be killed.
    pub is_killed: bool,
    /// Whether it rests then, or waits for its group to start it.
    pub for_good: bool,
    /// Whether someone asked for that, so that it stays down until someone asks for it.
    #[serde(default)]
    pub is_requested: bool,
    /// Why it had been given up, if it had.
    pub given_up: Option<GiveUp>,
    /// Whether an operator knows of that.
    pub is_known: bool,
}

/// A checkpoint whose bytes were restored and verified.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RestoredEntry {
    /// The entry.
    pub entry: EntryId,
    /// Its ritual.
    pub ritual: RitualId,
    /// Its place among the ritual's entries.
    pub sequence: u64,
    /// The signature that was verified.
    pub symbolic_signature_hash: Digest,
    /// The assistant that it is of, if that is a substitute for the deployment's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substitute: Option<AssistantId>,
    /// The codex that it ran under, if it says so.
    pub codex: Option<CodexId>,
    /// The root of that codex at the time, if it says so.
    pub codex_root: Option<Digest>,
}

impl RestoredEntry {
    pub(super) fn of(entry: &CompressedRitual) -> Self {
        Self {
            entry: entry.entry,
            ritual: entry.ritual.clone(),
            sequence: entry.sequence,
            symbolic_signature_hash: entry.symbolic_signature_hash,
            substitute: None,
            codex: entry.codex.clone(),
            codex_root: entry.codex_root,
        }
    }

    /// Of another assistant than the deployment's own.
    #[must_use]
    pub(super) fn of_substitute(mut self, substitute: Option<AssistantId>) -> Self {
        self.substitute = substitute;
        self
    }
}

impl fmt::Display for RestoredEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} of ritual {} ({})", self.sequence, self.ritual, self.entry)
    }
}

/// How a restored entry compares with the codex in force.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Alignment {
    /// The codex in force.
    pub codex: CodexId,
    /// Its root, proven from its whole trail.
    pub proven_root: Digest,
    /// The root of the same codex that the entry ran under; `None` if it ran under another codex or none.
    pub entry_root: Option<Digest>,
    /// The position of the last event of the codex's log that left that root; `None` if none did, or the roots are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// The clauses that differ since, at most [`Alignment::MAX_CHANGES`] of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ClauseChange>,
    /// How many more differ.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_changes: u64,
    /// Whether the log leads from the entry's root to the proven one, and no clause was replaced or removed.
    #[serde(default)]
    pub is_compatible: bool,
    /// Whether the log leads from the entry's root to the proven one, and every event since that changes what a clause says
    /// names evidence that it was examined.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_audited: bool,
    /// Whether the assistant resumes under the entry's root, a state that the log proves, and not under the one in force.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_older_codex: bool,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Alignment {
    /// Compares `entry` with the proven root of `codex`.
    #[must_use]
    pub fn of(entry: &RestoredEntry, codex: CodexId, proven_root: Digest) -> Self {
        let entry_root = entry.codex_root.filter(|_| entry.codex.as_ref() == Some(&codex));
        let (since, changes, more_changes) = (None, Vec::new(), 0);
        let is_compatible = entry_root == Some(proven_root);
        Self {
            codex,
            proven_root,
            entry_root,
            since,
            changes,
            more_changes,
            is_compatible,
            is_audited: false,
            is_older_codex: false,
        }
    }

    /// The most clauses that are named.
    pub const MAX_CHANGES: usize = 100;

    /// Adds what changed since the last event that left the entry's root.
    #[must_use]
    pub(crate) fn with_changes(mut self, found: ChangesSince) -> Self {
        let ChangesSince { since, mut changes, has_evidence } = found;
        self.since = Some(since);
        self.is_audited = has_evidence;
        self.is_compatible = changes.iter().all(|change| change.kind.is_compatible());
        self.more_changes = changes.len().saturating_sub(Self::MAX_CHANGES) as u64;
        changes.truncate(Self::MAX_CHANGES);
        self.changes = changes;
        self
    }

    /// The root that the assistant is to run under.
    #[must_use]
    pub fn root_to_run_under(&self) -> Digest {
        self.entry_root.filter(|_| self.is_older_codex).unwrap_or(self.proven_root)
    }

    /// Whether the entry ran under exactly the codex in force.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.entry_root == Some(self.proven_root)
    }
}

/// What an operator is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "a deployment has one at a time, inside its state")]
pub enum Question {
    /// Whether the assistant may resume under the codex in force. Declined, the next step of the path is taken.
    Misaligned {
        /// The step of the path.
        step: u32,
        /// Where an older entry would be looked for next.
        older_than: Option<u64>,
        /// What was restored.
        entry: RestoredEntry,
        /// How it compares.
        alignment: Alignment,
    },
    /// Whether to try the whole path once more, after something was mended. Declined, the deployment is given up.
    PathExhausted,
}

/// Why a deployment was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GiveUp {
    /// It needed more restarts than its window allows.
    WindowExceeded,
    /// Every step of its path failed.
    PathExhausted,
    /// An operator declined to try again.
    Declined,
    /// It was restarted as often in a row as its policy allows.
    RetriesExhausted,
    /// A restart would have begun after its policy's deadline.
    DeadlineExceeded,
    /// Something went wrong that its policy does not let a restart follow.
    NotRestarted,
    /// Its group ended: the restarts of all its members together were more than the group's window allows.
    GroupWindowExceeded,
    /// Its group had ended before.
    GroupEnded,
}

/// What kind of failure was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The assistant ended on its own or was killed.
    Crashed,
    /// It lives but makes no progress.
    Stalled,
    /// It lives but does not work as it should.
    Unhealthy,
    /// Its heartbeats stay out: it hangs, was cut off, or ended, which cannot be told from outside.
    Unresponsive,
    /// It was launched and did not become ready.
    Unready,
    /// It did not fail: a restart or a stop was asked for.
    Requested,
    /// It did not fail, but ended, and its policy keeps it running.
    Ended,
    /// It did not fail: its group stopped or started it, since another member failed or the group itself was stopped or
    /// started.
    Group,
}

impl FailureKind {
    /// What the end of a run is where failures are listed.
    pub(super) const fn of_exit(kind: ExitKind) -> Self {
        if kind.is_clean() { Self::Ended } else { Self::Crashed }
    }

    /// Refuses kinds that no host reports as a failure.
    pub(super) fn check_reported(self) -> Result<()> {
        match self {
            Self::Requested | Self::Ended | Self::Group => {
                Err(Error::invalid("kind", format!("{self:?} is no failure: report an exit")))
            }
            _ => Ok(()),
        }
    }
}

/// Why something happened, in at most [`Reason::MAX_CHARACTERS`] characters; never empty, no U+0000.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reason(String);

impl Reason {
    /// The seed documents' `max_length` of `restart_trigger_reason`.
    pub const MAX_CHARACTERS: usize = 100;

    /// Takes a text.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if it is longer;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if it is empty or contains U+0000; the field is `reason`.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        if text.is_empty() || text.contains('\0') {
            return Err(Error::invalid("reason", format!("reason {text:?} is empty or contains U+0000")));
        }
        let characters = text.chars().count();
        if characters > Self::MAX_CHARACTERS {
            let message =
                format!("a reason has at most {} characters, not {characters}", Self::MAX_CHARACTERS);
            return Err(Error::limit("reason", message));
        }
        Ok(Self(text))
    }

    /// Takes what fits of a text that nobody wrote for this, such as an error's message: the first
    /// [`MAX_CHARACTERS`](Self::MAX_CHARACTERS), without U+0000, and `no reason given` of none. A host that answers or reports
    /// what went wrong with it loses no answer by its length.
    ///
    /// ```
    /// use mythos_core::restart::Reason;
    ///
    /// assert_eq!(Reason::shortened("exit status 1").as_str(), "exit status 1");
    /// assert_eq!(Reason::shortened(&"ü".repeat(300)).as_str().chars().count(), 100);
    /// assert_eq!(Reason::shortened("").as_str(), "no reason given");
    /// ```
    #[must_use]
    pub fn shortened(text: &str) -> Self {
        let text: String = text.chars().filter(|c| *c != '\0').take(Self::MAX_CHARACTERS).collect();
        Self(if text.is_empty() { "no reason given".to_owned() } else { text })
    }

    /// Reads a text of which nobody knows how long it is as [`shortened`](Self::shortened) takes it: that the words are too
    /// many is no reason to refuse what happened.
    pub(crate) fn deserialize_shortened<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::shortened(&text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Reason {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<&str> for Reason {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::OperationId;

    #[test]
    fn reasons_are_bounded_in_characters() {
        assert!(Reason::new("ü".repeat(100)).is_ok());
        assert_eq!(Reason::new("ü".repeat(101)).unwrap_err().kind(), crate::ErrorKind::Limit);
        assert!(Reason::new("").is_err());
        assert!(Reason::new("a\0b").is_err());
        assert_eq!(Reason::shortened(&"ü\0".repeat(300)).as_str().chars().count(), 100);
        assert_eq!(Reason::shortened("\0").as_str(), "no reason given");
    }

    #[test]
    fn state_names_are_their_serialized_form() {
        for name in StateName::ALL {
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        }
        let json = serde_json::to_value(State::Stopped).unwrap();
        assert_eq!(json["kind"], State::Stopped.name().as_str());
    }

    #[test]
    fn an_entry_of_another_codex_has_no_root_to_compare() {
        let (here, there) = (CodexId::new("here").unwrap(), CodexId::new("there").unwrap());
        let root = Digest::of(b"root");
        let mut entry = RestoredEntry {
            entry: EntryId::from_uuid(OperationId::from_name("e").as_uuid()),
            ritual: RitualId::new("r").unwrap(),
            sequence: 1,
            symbolic_signature_hash: Digest::of(b"signature"),
            substitute: None,
            codex: Some(there),
            codex_root: Some(root),
        };
        assert!(!Alignment::of(&entry, here.clone(), root).is_same());
        entry.codex = Some(here.clone());
        assert!(Alignment::of(&entry, here.clone(), root).is_same());
        assert!(!Alignment::of(&entry, here, Digest::of(b"other")).is_same());
    }
}
