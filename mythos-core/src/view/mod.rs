//! Read models: what a host's pages show, one for each route, ready to be serialized.

mod assistant_restart;
mod codex_proof;
mod codex_regression;
mod restart_diagram;
mod restart_svg;
mod ritual_compression;
mod system_health_recovery;

pub use assistant_restart::{
    AssistantRestartView, DeploymentStatus, FallbackHistory, FallbackTaken, FallbackTally, PendingEffect,
    TimerStatus,
};
pub use codex_proof::{CodexLineage, CodexProofFilter, CodexProofRow, CodexProofView, LineageNode};
pub use codex_regression::{ClauseAuditDetail, ClauseAuditRow, CodexRegressionView};
pub use restart_diagram::{DiagramEdge, RestartDiagram};
pub use ritual_compression::{RitualCompressionView, RitualOverview, RitualVerb};
pub use system_health_recovery::{RecoveryOverview, SystemHealthRecoveryView};
