//! Read models: what a host's pages show, one for each route, ready to be serialized.

mod codex_proof;
mod ritual_compression;
mod system_health_recovery;

pub use codex_proof::{CodexLineage, CodexProofFilter, CodexProofRow, CodexProofView, LineageNode};
pub use ritual_compression::{RitualCompressionView, RitualOverview, RitualVerb};
pub use system_health_recovery::{RecoveryOverview, SystemHealthRecoveryView};
