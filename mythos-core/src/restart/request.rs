use serde::{Deserialize, Serialize};

use super::{DeploymentSpec, Exit, FailureKind, Reason};
use crate::types::{AssistantId, OperationId};

/// The host launched an assistant, or launched it anew; from now on it is supervised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployAssistant {
    /// The assistant.
    pub assistant: AssistantId,
    /// What it is restored to, and how.
    pub spec: DeploymentSpec,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl DeployAssistant {
    /// A deployment under a new operation.
    #[must_use]
    pub const fn new(assistant: AssistantId, spec: DeploymentSpec) -> Self {
        Self { assistant, spec, operation: None }
    }
}

/// An assistant failed. It may live still, so that no exit is known: what follows is what follows an
/// [`ExitKind::Failed`](super::ExitKind::Failed) without a status or a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportFailure {
    /// The assistant.
    pub assistant: AssistantId,
    /// Which run of it, from [`Decision::run`](super::Decision::run) or [`Effect::run`](super::Effect::run): a report
    /// about a run that was replaced since is recognised as late. The current one if not given.
    #[serde(default)]
    pub run: Option<u64>,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// Why.
    pub reason: Reason,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl ReportFailure {
    /// The current run crashed; under a new operation.
    #[must_use]
    pub const fn crashed(assistant: AssistantId, reason: Reason) -> Self {
        Self { assistant, run: None, kind: FailureKind::Crashed, reason, operation: None }
    }
}

/// A run of an assistant ended; what follows is a matter of [`ExitRules`](super::ExitRules).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportExit {
    /// The assistant.
    pub assistant: AssistantId,
    /// Which run of it, as in [`ReportFailure::run`]. The current one if not given.
    #[serde(default)]
    pub run: Option<u64>,
    /// How it ended.
    pub exit: Exit,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl ReportExit {
    /// The current run ended; under a new operation.
    #[must_use]
    pub const fn new(assistant: AssistantId, exit: Exit) -> Self {
        Self { assistant, run: None, exit, operation: None }
    }
}

/// An assistant is to rest: no restart follows until it is asked for. The host ends the assistant itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopAssistant {
    /// The assistant.
    pub assistant: AssistantId,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl StopAssistant {
    /// A stop under a new operation.
    #[must_use]
    pub const fn new(assistant: AssistantId) -> Self {
        Self { assistant, operation: None }
    }
}

/// An assistant is to be restarted at once, whatever its state, and earlier restarts no longer count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartAssistant {
    /// The assistant.
    pub assistant: AssistantId,
    /// Why.
    pub reason: Reason,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl RestartAssistant {
    /// A restart under a new operation.
    #[must_use]
    pub const fn new(assistant: AssistantId, reason: Reason) -> Self {
        Self { assistant, reason, operation: None }
    }
}
