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
    /// What kind of failure it is; neither [`FailureKind::Requested`] nor [`FailureKind::Ended`], which are none.
    pub kind: FailureKind,
    /// Why. A longer text is shortened when it is read.
    #[serde(deserialize_with = "Reason::deserialize_shortened")]
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

    /// The heartbeats of run `run` stay out; under a new operation. A host that keeps one
    /// [`HeartbeatDetector`](super::HeartbeatDetector) for each assistant reports so what it suspects;
    /// a [`Suspicion`](super::Suspicion) makes such a report by itself.
    ///
    /// ```
    /// use mythos_core::restart::{
    ///     DeployAssistant, DeploymentSpec, DetectorPolicy, HeartbeatDetector, ReportFailure, State,
    /// };
    /// use mythos_core::{Mythos, types::Timestamp};
    ///
    /// let supervisor = Mythos::in_memory().deployments().supervise(&"support".parse()?)?;
    /// let spec = DeploymentSpec::new("refund".parse()?);
    /// let run = supervisor.deploy(&DeployAssistant::new("ana".parse()?, spec))?.run;
    ///
    /// // On a heartbeat:
    /// let mut detector = HeartbeatDetector::new(DetectorPolicy::default());
    /// detector.heartbeat(Timestamp::UNIX_EPOCH);
    /// // At the timeout that the detector gives:
    /// let now = detector.suspected_at().unwrap();
    /// if !detector.is_available(now) {
    ///     let reason = format!("no heartbeat, phi {:.1}", detector.phi(now)).try_into()?;
    ///     let report = ReportFailure::unresponsive("ana".parse()?, run, reason);
    ///     assert!(matches!(supervisor.report_failure(&report)?.state, State::BackingOff { .. }));
    /// }
    /// # Ok::<(), mythos_core::Error>(())
    /// ```
    #[must_use]
    pub const fn unresponsive(assistant: AssistantId, run: u64, reason: Reason) -> Self {
        Self { assistant, run: Some(run), kind: FailureKind::Unresponsive, reason, operation: None }
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

/// An assistant is to rest: no restart follows until it is asked for. The host is asked to end what runs of it.
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
