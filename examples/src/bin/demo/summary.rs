//! What came of it: a table for a newcomer, the promises and whether they were kept, and the figures.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mythos_core::codex::ProofVerificationStatus;

use crate::crew::record::CrewRecord;
use crate::payments::Arrived;
use crate::stored::{RestartKind, Stored};
use crate::survival::Record;

/// The fewest kills that show anything.
const FEWEST_KILLS: u64 = 10;
/// The fewest of them between an announcement and its acknowledgement.
const FEWEST_KILLS_AMID_SAVE: u64 = 2;

/// The outcome of a run.
#[derive(Debug)]
pub(crate) struct Summary {
    /// What the supervisor knows by itself.
    pub(crate) record: Record,
    /// What came of the second act.
    pub(crate) crew: CrewRecord,
    /// What the library recorded.
    pub(crate) stored: Stored,
    /// How many steps the audit has.
    pub(crate) steps: u64,
    /// What was paid.
    pub(crate) arrived: Arrived,
    /// The size of the database.
    pub(crate) database_bytes: u64,
    /// Whether the report equals that of the undisturbed run, byte for byte.
    pub(crate) reports_are_equal: bool,
    /// The database.
    pub(crate) store: PathBuf,
    /// The report.
    pub(crate) report: PathBuf,
}

impl Summary {
    /// Shows the table and the figures.
    pub(crate) fn print(&self) {
        for (what, value) in self.rows() {
            println!("  {what:<45}{value}");
        }
        println!("\nLook inside:");
        println!("  {}", sqlite_line(&self.store));
        println!("  {}\n", python_line(&self.store));
        println!("figure demo.acknowledged_steps_lost {}", self.record.lost);
        println!("figure demo.steps_redone_after_damage {}", self.record.redone);
        println!("figure demo.kills {}", self.record.kills);
        println!("figure demo.stored_over_raw {:.4}", self.stored_over_raw());
        println!("figure demo.payments_not_made_once {}", self.arrived.wrong);
        println!("figure demo.tree_restarts {}", self.crew.tree_restarts());
        println!("figure demo.stalls_healed {}", self.crew.stalls_healed());
    }

    /// The promises that were not kept.
    pub(crate) fn broken_promises(&self) -> Vec<String> {
        let (record, stored) = (&self.record, &self.stored);
        let status = stored.codex.proof_verification_status;
        let failed = stored.restarts.iter().filter(|restart| !restart.successful_redeploy_flag).count();
        let promises = [
            (record.lost == 0, format!("{} acknowledged steps were lost", record.lost)),
            (record.acknowledged == self.steps, format!("only {} steps are done", record.acknowledged)),
            (self.reports_are_equal, "the report differs from that of the undisturbed run".to_owned()),
            (record.kills >= FEWEST_KILLS, format!("only {} kills", record.kills)),
            (
                record.kills_amid_save >= FEWEST_KILLS_AMID_SAVE,
                format!("only {} kills between announcement and acknowledgement", record.kills_amid_save),
            ),
            (
                stored.count(RestartKind::CodexChanged) > 0,
                "no restart found a codex that had changed".to_owned(),
            ),
            (stored.count(RestartKind::Fallback) > 0, "no restart took the fallback path".to_owned()),
            (self.arrived.wrong == 0, format!("{} payments were not made once", self.arrived.wrong)),
            (record.doubts_paid + record.doubts_unpaid > 0, "no kill left a payment in doubt".to_owned()),
            (record.redone > 0, "no step was done again after the damage".to_owned()),
            (status == ProofVerificationStatus::Verified, format!("the codex is {status:?}")),
            (failed == 0, format!("{failed} restarts did not end mythpath-ready")),
            (
                stored.restarts.len() as u64 == record.kills,
                format!("{} restarts for {} kills", stored.restarts.len(), record.kills),
            ),
        ];
        promises
            .into_iter()
            .chain(self.crew.promises())
            .filter(|(kept, _)| !kept)
            .map(|(_, complaint)| complaint)
            .collect()
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let (record, stored) = (&self.record, &self.stored);
        let compared = if self.reports_are_equal { "equal, byte for byte" } else { "DIFFERENT" };
        let payments = if self.arrived.wrong == 0 { "each made exactly once" } else { "NOT EACH MADE ONCE" };
        let head =
            stored.codex.mutation_trail_hash.map_or_else(|| "none".to_owned(), |hash| hash.to_string());
        let mut restores = record.restores.clone();
        restores.sort();
        let median = restores.get(restores.len() / 2).copied().unwrap_or_default();
        let longest = restores.last().copied().unwrap_or_default();
        let mut rows = vec![
            ("steps, each a checkpoint", self.steps.to_string()),
            ("kills (SIGKILL)", record.kills.to_string()),
            ("  between a save's announcement and its end", record.kills_amid_save.to_string()),
            ("restarts, all verified and ready", stored.restarts.len().to_string()),
            ("  normal", stored.count(RestartKind::Normal).to_string()),
            ("  under a codex that had changed", stored.count(RestartKind::CodexChanged).to_string()),
            ("  from an older checkpoint, after damage", stored.count(RestartKind::Fallback).to_string()),
            ("acknowledged steps lost to kills", record.lost.to_string()),
            ("steps done again after damage", record.redone.to_string()),
            ("payments, each through the journal", format!("{}, {payments}", self.arrived.payments)),
            ("  in doubt after a kill, and made", record.doubts_paid.to_string()),
            ("  in doubt after a kill, and not made", record.doubts_unpaid.to_string()),
            ("report against an undisturbed run", compared.to_owned()),
            ("state in all checkpoints, raw", megabytes(stored.raw_bytes)),
            (
                "  as stored",
                format!("{} ({:.1} %)", megabytes(stored.stored_bytes), 100.0 * self.stored_over_raw()),
            ),
            ("  database", format!("{}, {} checkpoints", megabytes(self.database_bytes), stored.checkpoints)),
            (
                "restored, verified and aligned in",
                format!("{} (longest {})", milliseconds(median), milliseconds(longest)),
            ),
            ("proof head of the codex", head),
            (
                "  replayed from its log",
                format!(
                    "{} events, {}",
                    stored.codex.events,
                    verdict(stored.codex.proof_verification_status)
                ),
            ),
            ("database", self.store.display().to_string()),
            ("report", self.report.display().to_string()),
        ];
        rows.extend(self.crew.rows());
        rows
    }

    fn stored_over_raw(&self) -> f64 {
        self.stored.stored_bytes as f64 / self.stored.raw_bytes.max(1) as f64
    }
}

/// Lists the restarts with SQLite's own shell.
fn sqlite_line(store: &Path) -> String {
    let columns = "created_at, body ->> 'restart_trigger_reason', body ->> 'symbolic_fallback_path'";
    format!("sqlite3 '{}' \"SELECT {columns} FROM deployment_restarts\"", store.display())
}

/// Lists the rituals with nothing but Python's standard library.
fn python_line(store: &Path) -> String {
    let query = "SELECT assistant, ritual, entries, raw_bytes, stored_bytes, updated_at FROM ritual_heads";
    format!(
        "python3 -c \"import sqlite3; print(*sqlite3.connect('{}').execute('{query}'), sep='\\n')\"",
        store.display()
    )
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

const fn verdict(status: ProofVerificationStatus) -> &'static str {
    match status {
        ProofVerificationStatus::Verified => "verified",
        ProofVerificationStatus::Redacted => "verified, with erased texts",
        ProofVerificationStatus::Tampered => "TAMPERED",
        _ => "unverifiable",
    }
}
