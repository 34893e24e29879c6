use serde::{Deserialize, Serialize};

use super::{StepKey, StepState};
use crate::error::{Error, Result};
use crate::types::{AssistantId, EntryId, MAX_SAFE_INTEGER, OperationId, RitualId, Timestamp, Version};

/// Which life of an assistant something is done in: the epoch of its supervisor, and in it the run of the deployment, as
/// `epoch` and `run` of an effect of a restart say, or numbers of the host's own.
///
/// A higher epoch is newer, and of equal epochs the higher run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRun {
    /// The epoch.
    pub epoch: Version,
    /// The run, at most [`MAX_SAFE_INTEGER`].
    pub run: u64,
}

impl StepRun {
    pub(super) fn check(run: Option<&Self>) -> Result<()> {
        match run {
            Some(Self { run, .. }) if *run > MAX_SAFE_INTEGER => {
                Err(Error::invalid("run", format!("run {run} is not in 0..={MAX_SAFE_INTEGER}")))
            }
            _ => Ok(()),
        }
    }
}

/// A step is about to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginStep {
    /// Who does it.
    pub assistant: AssistantId,
    /// The procedure that it belongs to.
    pub ritual: RitualId,
    /// The name of the step within the ritual.
    pub key: StepKey,
    /// What is to be done, in whatever form the host reads: at most [`MAX_STEP_BYTES`](super::MAX_STEP_BYTES), and the same
    /// whenever the step is begun again.
    #[serde(with = "serde_bytes")]
    pub intent: Vec<u8>,
    /// In which life of the assistant; not fenced if not given.
    #[serde(default)]
    pub run: Option<StepRun>,
    /// Names this try, so that repeating the call after an unknown outcome is harmless; made if not given.
    ///
    /// It must be new for each try. One that is derived from the key is the same after a crash, and the step would seem to
    /// be begun by the very call that asks: it would be done twice.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl BeginStep {
    /// A begin under a new operation, without a run.
    #[must_use]
    pub fn new(assistant: AssistantId, ritual: RitualId, key: StepKey, intent: impl Into<Vec<u8>>) -> Self {
        Self { assistant, ritual, key, intent: intent.into(), run: None, operation: None }
    }
}

/// A step was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompleteStep {
    /// Who did it.
    pub assistant: AssistantId,
    /// The procedure that it belongs to.
    pub ritual: RitualId,
    /// The name of the step within the ritual.
    pub key: StepKey,
    /// What came of it, in whatever form the host reads: at most [`MAX_STEP_BYTES`](super::MAX_STEP_BYTES).
    #[serde(with = "serde_bytes")]
    pub outcome: Vec<u8>,
    /// Which attempt, as [`Beginning::Begun`](super::Beginning::Begun) said; the current one if not given. With it, a
    /// process that was taken for dead learns that its attempt was resolved, and does not complete another's.
    #[serde(default)]
    pub attempt: Option<u64>,
}

impl CompleteStep {
    /// Completes the current attempt.
    #[must_use]
    pub fn new(assistant: AssistantId, ritual: RitualId, key: StepKey, outcome: impl Into<Vec<u8>>) -> Self {
        Self { assistant, ritual, key, outcome: outcome.into(), attempt: None }
    }
}

/// The host looked at the outside world, and says what came of a step in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolveStep {
    /// Who began it.
    pub assistant: AssistantId,
    /// The procedure that it belongs to.
    pub ritual: RitualId,
    /// The name of the step within the ritual.
    pub key: StepKey,
    /// The attempt that was in doubt: another one that was begun meanwhile is not resolved by this.
    pub attempt: u64,
    /// What came of it.
    pub resolution: Resolution,
}

/// What came of a step in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Resolution {
    /// It did not happen, and never will: whoever began it is gone. It may be begun again.
    DidNotHappen,
    /// It happened, or may have, and was undone. It may be begun again.
    Compensated,
    /// It happened: it is completed.
    Happened {
        /// What came of it: at most [`MAX_STEP_BYTES`](super::MAX_STEP_BYTES).
        #[serde(with = "serde_bytes")]
        outcome: Vec<u8>,
    },
}

impl Resolution {
    pub(super) fn settled(&self) -> (StepState, Option<&[u8]>) {
        match self {
            Self::DidNotHappen => (StepState::DidNotHappen, None),
            Self::Compensated => (StepState::Compensated, None),
            Self::Happened { outcome } => (StepState::Completed, Some(outcome)),
        }
    }
}

/// An assistant was restored, and asks what it did that its state does not know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreSteps {
    /// The assistant.
    pub assistant: AssistantId,
    /// Its ritual.
    pub ritual: RitualId,
    /// The entry that was restored; none if it begins anew, and knows of nothing.
    #[serde(default)]
    pub entry: Option<EntryId>,
    /// The life that begins now: from here on, earlier ones begin nothing any more, so that what is answered is all.
    #[serde(default)]
    pub run: Option<StepRun>,
    /// At most so many steps of each kind, 1 to [`StepJournal::MAX_PAGE_STEPS`](super::StepJournal::MAX_PAGE_STEPS).
    #[serde(default = "default_limit")]
    pub limit: u32,
}

impl RestoreSteps {
    /// After a restore of `entry`, without a run; as many steps as one page has.
    #[must_use]
    pub fn new(assistant: AssistantId, ritual: RitualId, entry: Option<EntryId>) -> Self {
        Self { assistant, ritual, entry, run: None, limit: default_limit() }
    }
}

fn default_limit() -> u32 {
    super::StepJournal::MAX_PAGE_STEPS
}

/// Which steps of a ritual to list; all conditions hold together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepFilter {
    /// The assistant.
    pub assistant: AssistantId,
    /// The ritual.
    pub ritual: RitualId,
    /// In this state.
    #[serde(default)]
    pub state: Option<StepState>,
    /// Settled when this entry was the newest of the ritual, or a later one.
    #[serde(default)]
    pub settled_since: Option<EntryId>,
}

impl StepFilter {
    /// All steps of a ritual.
    #[must_use]
    pub const fn new(assistant: AssistantId, ritual: RitualId) -> Self {
        Self { assistant, ritual, state: None, settled_since: None }
    }
}

/// Settled steps are not needed any more; all conditions hold together, and without any, all settled ones go.
///
/// A key that is forgotten is new again: forget what no restore can ask for any more, and no process still has in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetSteps {
    /// The assistant.
    pub assistant: AssistantId,
    /// The ritual.
    pub ritual: RitualId,
    /// Settled when an entry before this one was the newest of the ritual: what no restore of this one or a later one asks
    /// for. Steps that were settled before the ritual had an entry, or under an earlier ritual of the same name, are not
    /// among them.
    #[serde(default)]
    pub before_entry: Option<EntryId>,
    /// Settled before this moment.
    #[serde(default)]
    pub before: Option<Timestamp>,
    /// At most so many, 1 to [`StepJournal::MAX_FORGOTTEN`](super::StepJournal::MAX_FORGOTTEN).
    #[serde(default = "default_forgotten")]
    pub limit: u32,
}

impl ForgetSteps {
    /// All settled steps of a ritual, as many as one call forgets.
    #[must_use]
    pub const fn new(assistant: AssistantId, ritual: RitualId) -> Self {
        let limit = default_forgotten();
        Self { assistant, ritual, before_entry: None, before: None, limit }
    }
}

const fn default_forgotten() -> u32 {
    super::StepJournal::MAX_FORGOTTEN
}
