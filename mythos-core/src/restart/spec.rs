use serde::{Deserialize, Serialize};

use super::{FallbackStep, RestartPolicy};
use crate::error::{Error, Result};
use crate::types::{AssistantId, CodexId, RitualId};

/// What a deployment is restored to, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentSpec {
    /// The ritual whose newest entry is restored. Save an entry before deploying: an assistant that fails before its
    /// first entry has nothing to come back to.
    pub ritual: RitualId,
    /// The codex that it must be aligned with, if any.
    #[serde(default)]
    pub codex: Option<CodexId>,
    /// How it is brought back.
    #[serde(default)]
    pub policy: RestartPolicy,
}

impl DeploymentSpec {
    /// A deployment without a codex, under the default policy.
    #[must_use]
    pub fn new(ritual: RitualId) -> Self {
        Self { ritual, codex: None, policy: RestartPolicy::default() }
    }

    /// Has it aligned with `codex`.
    #[must_use]
    pub fn codex(mut self, codex: CodexId) -> Self {
        self.codex = Some(codex);
        self
    }

    /// Brings it back under `policy`.
    #[must_use]
    pub fn policy(mut self, policy: RestartPolicy) -> Self {
        self.policy = policy;
        self
    }

    pub(super) fn validate(&self) -> Result<()> {
        let own = FallbackStep::NamedRitual { ritual: self.ritual.clone() };
        if self.policy.options().symbolic_fallback_path.contains(&own) {
            let message = format!(
                "the fallback path names the deployment's own ritual {}, whose newest entry is tried first anyway",
                self.ritual
            );
            return Err(Error::invalid("symbolic_fallback_path", message));
        }
        let path = &self.policy.options().symbolic_fallback_path;
        if self.codex.is_none() && path.contains(&FallbackStep::OlderCodex) {
            let message = "the fallback path names an older codex, and the deployment has none";
            return Err(Error::invalid("symbolic_fallback_path", message));
        }
        Ok(())
    }

    /// Refuses what makes no sense for a deployment of `assistant`.
    pub(super) fn validate_for(&self, assistant: &AssistantId) -> Result<()> {
        self.validate()?;
        let is_own = |step: &FallbackStep| matches!(step, FallbackStep::Substitute { assistant: other, .. } if other == assistant);
        if self.policy.options().symbolic_fallback_path.iter().any(is_own) {
            let message = format!("the fallback path names {assistant} as its own substitute");
            return Err(Error::invalid("symbolic_fallback_path", message));
        }
        Ok(())
    }
}
