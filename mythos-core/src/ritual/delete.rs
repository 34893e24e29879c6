//! Deleting rituals and assistants wholly.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::compact::{MAX_TRIES, Spending, is_local, next_id};
use super::prune::{Doomed, PruneReport, Pruning};
use super::record::KEYFRAME_INTERVAL;
use super::{RitualBudget, RitualCompressionCache, RitualHead, RitualRetention, SkippedRitual};
use crate::error::{Error, Result};
use crate::store::access;
use crate::store::{Batch, Expect, Model, Names, Owner, Read};
use crate::types::{AssistantId, RitualId};

/// A ritual of up to so many entries is deleted in one commit; a longer one loses its older entries before.
const MAX_ENTRIES_OF_A_COMMIT: u64 = 4 * KEYFRAME_INTERVAL;

/// What was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionReport {
    /// How many rituals are gone.
    pub rituals: u64,
    /// How many entries are gone, as far as the rituals' heads could say it.
    pub entries: u64,
    /// What was stored of their payloads, in bytes, as far as the rituals' heads could say it.
    pub bytes_freed: u64,
    /// How many dictionaries are gone.
    pub dictionaries: u64,
    /// The rituals that are still there, since writers kept changing them.
    pub skipped: Vec<SkippedRitual>,
    /// Whether nothing is left; if not, repeat the call.
    pub done: bool,
}

impl RitualCompressionCache {
    /// Deletes a ritual: its head and all its cells, damaged or not. A later save under the same name begins another
    /// ritual, and the old entries' ids are [`ErrorKind::NotFound`](crate::ErrorKind::NotFound).
    ///
    /// A long ritual loses its older entries first, in several commits, so that a crash leaves a shorter one or none;
    /// repeat the call then. Deleting what is not there is no error. The assistant's dictionaries stay until
    /// [`compact`](Self::compact) finds them idle. The file gives the bytes back when the store is
    /// [maintained](crate::Mythos::maintain).
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if writers kept changing it; those of the store.
    pub fn delete_ritual(&self, assistant: &AssistantId, ritual: &RitualId) -> Result<DeletionReport> {
        let mut report = DeletionReport::default();
        let unbounded = RitualBudget { max_bytes: u64::MAX, max_milliseconds: None };
        let mut spending = Spending::new(unbounded, self.access.now());
        report.done = self.delete_at(&self.owner(assistant, ritual), &mut spending, &mut report)?;
        Ok(report)
    }

    /// Deletes all that this cache holds of an assistant: its rituals, dictionaries and retention. Deployments, restarts
    /// and codices belong to their own services.
    ///
    /// Repeat the call until [`done`](DeletionReport::done); each one deletes about as many stored bytes as the budget
    /// allows. A head that is damaged so that it no longer names the assistant is not found;
    /// [`delete_ritual`](Self::delete_ritual) finds it by its place. Stop the assistant first: what it saves meanwhile
    /// may stay.
    ///
    /// # Errors
    /// Those of the store. Rituals that writers keep changing are no errors: they are reported.
    pub fn delete_assistant(&self, assistant: &AssistantId, budget: RitualBudget) -> Result<DeletionReport> {
        let mut report = DeletionReport::default();
        let mut spending = Spending::new(budget, self.access.now());
        let mut from = None;
        loop {
            let records = self.records_from::<RitualHead>(Some(assistant), None, from)?;
            for record in records.items {
                let owner =
                    Owner { tenant: self.access.tenant().clone(), table: RitualHead::TABLE, id: record.id };
                match self.delete_at(&owner, &mut spending, &mut report) {
                    Ok(true) => {}
                    Ok(false) => return Ok(report),
                    Err(error) if is_local(&error) => {
                        report.skipped.push(match RitualHead::from_record(&record) {
                            Ok(head) => SkippedRitual::of(&head, &error),
                            Err(_) => SkippedRitual {
                                assistant: Some(assistant.clone()),
                                ritual: None,
                                finding: error.to_string(),
                            },
                        })
                    }
                    Err(error) => return Err(error),
                }
                from = Some(next_id(&record.id));
                if spending.is_spent(self.access.now()) {
                    return Ok(report);
                }
            }
            if records.is_last {
                break;
            }
        }
        if report.skipped.is_empty() {
            report.done = self.delete_settings(assistant, &mut report)?;
        }
        Ok(report)
    }

    /// Deletes the ritual whose cells `owner` has; says whether it is gone, which it is not if the budget ended before.
    fn delete_at(&self, owner: &Owner, spending: &mut Spending, report: &mut DeletionReport) -> Result<bool> {
        for _ in 0..MAX_TRIES {
            if !self.shorten(owner, spending, report)? {
                return Ok(false);
            }
            // A head that was lost left its cells behind.
            let snapshot = self
                .snapshot(owner, vec![Names::Range { from: None, until: None, limit: 1, reverse: false }])?;
            let mut batch = Batch::new();
            match snapshot.expect {
                Expect::At(version) => batch.delete(owner.table, owner.id, version),
                Expect::Absent if snapshot.cells.iter().all(Vec::is_empty) => return Ok(true),
                Expect::Absent => batch.check(owner.table, owner.id, Expect::Absent),
            };
            batch.delete_cells(owner.clone(), Names::all());
            if !self.committed(batch)? {
                continue;
            }
            self.shared.cool(owner);
            report.rituals += 1;
            if let Some(Ok(head)) = snapshot.head {
                spending.spend(head.stored_bytes);
                report.entries = report.entries.saturating_add(head.entries);
                report.bytes_freed = report.bytes_freed.saturating_add(head.stored_bytes);
                self.shared.places.remove(&(head.tenant, head.root));
            }
            return Ok(true);
        }
        Err(Error::conflict(format!("writers kept changing the ritual at {owner}")))
    }

    /// Prunes the oldest entries of a long ritual until it is short; says whether it is. A damaged one is left to the
    /// commit that deletes all.
    fn shorten(&self, owner: &Owner, spending: &mut Spending, report: &mut DeletionReport) -> Result<bool> {
        let Some(Ok(head)) = self.snapshot(owner, Vec::new())?.head else { return Ok(true) };
        if head.entries <= MAX_ENTRIES_OF_A_COMMIT {
            return Ok(true);
        }
        let labels = BTreeSet::new();
        let doomed = Doomed::Before(head.sequence.saturating_sub(MAX_ENTRIES_OF_A_COMMIT), &labels);
        let mut work = Pruning { report: PruneReport::default(), dry_run: false, spending: spending.clone() };
        let stopped = self.prune_ritual(owner, &head, &doomed, 0, &mut work);
        spending.spend(work.spending.spent().saturating_sub(spending.spent()));
        report.entries += work.report.entries;
        report.bytes_freed = report.bytes_freed.saturating_add_signed(work.report.bytes_freed);
        Ok(stopped?.is_none())
    }

    /// Deletes the dictionaries and the retention of an assistant without rituals; says whether they are gone.
    fn delete_settings(&self, assistant: &AssistantId, report: &mut DeletionReport) -> Result<bool> {
        let id = RitualRetention::record_id(self.access.tenant(), assistant);
        let [answer] = self.access.read([Read::Record { table: RitualRetention::TABLE, id }])?;
        if let Some((version, _)) = access::decoded::<RitualRetention>(answer)? {
            let mut batch = Batch::new();
            batch.delete(RitualRetention::TABLE, id, version);
            if !self.committed(batch)? {
                return Ok(false);
            }
        }
        let (deleted, is_gone) = self.delete_dictionaries(assistant)?;
        report.dictionaries += deleted;
        Ok(is_gone)
    }
}
