use serde::{Deserialize, Serialize};

use super::{StepKey, StepRun, StepState};
use crate::store::Page;
use crate::types::{AssistantId, EntryId, RitualId, TenantId, Timestamp};

/// What the journal says to a begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Beginning {
    /// It is the caller's to do, now.
    Begun {
        /// Which attempt this is, from 1: what [`CompleteStep::attempt`](super::CompleteStep::attempt) takes.
        attempt: u64,
    },
    /// It was begun before, and nobody said how it ended: its process died, or is still at it. Look at the outside world
    /// before it is done again, and [resolve](super::StepJournal::resolve) it.
    InDoubt {
        /// The attempt that is in doubt, and so how often it was begun.
        attempt: u64,
        /// When that was begun.
        begun_at: Timestamp,
        /// In which life of the assistant, if that was said.
        run: Option<StepRun>,
    },
    /// It was done: do not do it again.
    Completed {
        /// The attempt that did it.
        attempt: u64,
        /// What came of it.
        #[serde(with = "serde_bytes")]
        outcome: Vec<u8>,
        /// When it was completed.
        settled_at: Timestamp,
    },
}

/// A step as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Whose data it is.
    pub tenant: TenantId,
    /// Who does it.
    pub assistant: AssistantId,
    /// The procedure that it belongs to.
    pub ritual: RitualId,
    /// Its name within the ritual.
    pub key: StepKey,
    /// Its place in the order in which the ritual's steps were first begun, from 1; never given again.
    pub number: u64,
    /// What is known of it.
    pub state: StepState,
    /// The current attempt, from 1.
    pub attempt: u64,
    /// In which life of the assistant that was begun, if it was said.
    pub run: Option<StepRun>,
    /// What is to be done; `None` if the key that it was sealed under is not known.
    #[serde(with = "serde_bytes")]
    pub intent: Option<Vec<u8>>,
    /// What came of it; `None` unless it is completed, or if the key that it was sealed under is not known.
    #[serde(with = "serde_bytes")]
    pub outcome: Option<Vec<u8>>,
    /// The newest entry of the ritual when the attempt was begun; `None` if there was none.
    pub begun_entry: Option<EntryId>,
    /// The newest entry of the ritual when it was settled; `None` if there was none, or it is in doubt.
    pub settled_entry: Option<EntryId>,
    /// When it was first begun.
    pub created_at: Timestamp,
    /// When the attempt was begun.
    pub begun_at: Timestamp,
    /// When it was settled; `None` if it is in doubt.
    pub settled_at: Option<Timestamp>,
}

/// What an assistant did that its restored state does not know of, from one snapshot, each in the order of beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoredSteps {
    /// Completed when the restored entry was the newest of the ritual, or a later one: the state cannot know their
    /// outcomes. [`steps`](super::StepJournal::steps) goes on with state `completed`, and the entry as `settled_since`.
    pub completed: Page<Step>,
    /// Begun and never completed: look at the outside world, and resolve them. [`steps`](super::StepJournal::steps) goes
    /// on with state `in_doubt`.
    pub in_doubt: Page<Step>,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgottenSteps {
    /// How many steps.
    pub forgotten: u64,
    /// Whether none is left that the conditions hold for.
    pub done: bool,
}
