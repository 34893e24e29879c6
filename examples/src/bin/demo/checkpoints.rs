//! How a worker saves its steps, one behind the other.

use mythos_core::ErrorKind;
use mythos_core::ritual::{
    ParentExpectation, RitualCompressionCache, RitualFilter, SaveRitual, SymbolicIntent,
};
use mythos_core::types::{AssistantId, EntryId, OperationId, RitualId};

use crate::Result;

/// How often a save whose outcome is not known is made.
const MAX_SAVES: u32 = 5;

/// A ritual, and where the next step goes.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    rituals: RitualCompressionCache,
    assistant: AssistantId,
    ritual: RitualId,
    intent: SymbolicIntent,
    newest: EntryId,
}

impl Checkpoints {
    /// Goes on with a ritual that has an entry.
    pub(crate) fn resume(
        rituals: RitualCompressionCache,
        assistant: AssistantId,
        ritual: RitualId,
        intent: SymbolicIntent,
    ) -> Result<Self> {
        let newest = newest(&rituals, &assistant, &ritual)?;
        Ok(Self { rituals, assistant, ritual, intent, newest })
    }

    /// Saves the state behind `step` and gives its entry.
    ///
    /// The operation id derives from the step and its parent. So a save whose outcome was not known is recognised when it
    /// is made again, and a step that is done again behind another parent is another entry.
    pub(crate) fn save(&mut self, step: u64, payload: &[u8]) -> Result<EntryId> {
        let parent = self.newest;
        let save = SaveRitual {
            intent: self.intent.clone(),
            parent: ParentExpectation::Entry(parent),
            operation: Some(OperationId::from_name(&format!("audit step {step} behind {parent}"))),
            ..SaveRitual::new(self.assistant.clone(), self.ritual.clone())
        };
        let mut attempt = 1;
        loop {
            match self.rituals.save(&save, payload) {
                Ok(saved) => {
                    self.newest = saved.entry;
                    return Ok(saved.entry);
                }
                Err(error) if may_succeed_later(error.kind()) && attempt < MAX_SAVES => attempt += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The newest entry, which the next one comes behind. It is not the one that was restored if that was an older one,
/// taken because the newest is damaged: its record stays in the history, and what is done again comes behind it.
pub(crate) fn newest(
    rituals: &RitualCompressionCache,
    assistant: &AssistantId,
    ritual: &RitualId,
) -> Result<EntryId> {
    let filter = RitualFilter {
        assistant: Some(assistant.clone()),
        ritual: Some(ritual.clone()),
        ..RitualFilter::default()
    };
    let page = rituals.list(&filter, None, 1)?;
    Ok(page.items.first().ok_or("the ritual has no entry")?.entry)
}

/// A conflict is no matter of patience: somebody else saves for this assistant, who must not exist.
const fn may_succeed_later(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unavailable | ErrorKind::Unknown)
}
