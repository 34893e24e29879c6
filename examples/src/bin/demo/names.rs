//! What the demo calls its assistant, and the rest of the cast.

use mythos_core::types::{AssistantId, CodexId, RitualId, SupervisorId};

use crate::Result;

/// Everything in the store that has a name.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// The assistant: who works.
    pub(crate) assistant: AssistantId,
    /// Its ritual: what it does, and whose state is checkpointed.
    pub(crate) ritual: RitualId,
    /// Its codex: the rules it works by.
    pub(crate) codex: CodexId,
    /// Who brings it back.
    pub(crate) supervisor: SupervisorId,
}

impl Names {
    /// The names are the same in every run.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            assistant: "auditor".parse()?,
            ritual: "source-audit".parse()?,
            codex: "audit-rules".parse()?,
            supervisor: "demo".parse()?,
        })
    }
}
