//! Retention: what of each ritual is kept, as a policy that runs by itself.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::card::Card;
use super::cell::Kind;
use super::compact::Spending;
use super::prune::{Doomed, PruneReport, Pruning};
use super::thread::{MAX_BLOCK_BYTES, MAX_CHAIN};
use super::{CompressedRitual, RitualBudget, RitualCompressionCache, RitualHead, RitualProgress, guard};
use crate::error::{Error, ErrorKind, Result};
use crate::store::access::{self, MAX_ATTEMPTS};
use crate::store::{Batch, Expect, Field, FieldKind, Model, Owner, Query, Read, Record, Schema, Table};
use crate::types::{AssistantId, DomainHasher, MAX_SAFE_INTEGER, RecordId, TenantId, Timestamp, check_label};

/// A ritual's retention runs whenever it was saved to so many times.
pub const RETENTION_INTERVAL: u64 = 16;

/// What a save may spend on retention: a few groups of ordinary entries.
const BUDGET_OF_A_SAVE: RitualBudget = RitualBudget { max_bytes: 4 << 20, max_milliseconds: Some(50) };

/// How many blocks below the bound a save looks at: what was due before, earlier saves have pruned.
const BLOCKS_OF_A_SAVE: u32 = 256;

/// What is kept of each ritual: an entry that any of the bounds excludes goes, unless one of its labels keeps it. The
/// newest entry always stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionPolicy {
    /// Only so many entries, the newest; at least 1.
    pub max_entries: Option<u64>,
    /// Only entries that were saved within so many seconds.
    pub max_age_seconds: Option<u64>,
    /// Only as many entries, the newest, as together take at most so many stored bytes.
    pub max_stored_bytes: Option<u64>,
    /// Entries with one of these labels stay, beside what the bounds keep.
    pub keep_labels: BTreeSet<String>,
}

impl RetentionPolicy {
    /// The most labels that a policy names.
    pub const MAX_LABELS: usize = 256;

    /// Checks that it bounds something.
    pub(super) fn validate(&self) -> Result<()> {
        let bounds = [self.max_entries, self.max_age_seconds, self.max_stored_bytes];
        if bounds.iter().all(Option::is_none) {
            return Err(Error::invalid("policy", "a policy has to bound entries, age or bytes"));
        }
        if self.max_entries == Some(0) {
            return Err(Error::invalid("max_entries", "the newest entry of a ritual is always kept"));
        }
        if bounds.iter().flatten().any(|bound| *bound > MAX_SAFE_INTEGER) {
            return Err(Error::invalid("policy", format!("a bound is at most {MAX_SAFE_INTEGER}")));
        }
        if self.keep_labels.len() > Self::MAX_LABELS {
            let message = format!("a policy names at most {} labels", Self::MAX_LABELS);
            return Err(Error::limit("keep_labels", message));
        }
        self.keep_labels.iter().try_for_each(|label| check_label("keep_labels", label))
    }
}

/// An assistant's retention, and what it did so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionStatus {
    /// What is kept of each of its rituals.
    pub policy: RetentionPolicy,
    /// When it last deleted something, got further in a long pass over all rituals, or met an obstacle or no longer did.
    pub last_run_at: Option<Timestamp>,
    /// How many entries it has deleted since the policy was set.
    pub entries_deleted: u64,
    /// By how much the stored bytes of payloads have shrunk by it; negative if giving entries another base took more.
    pub bytes_freed: i64,
    /// What was in the way of the last run; `None` if nothing was.
    pub last_finding: Option<String>,
}

/// The retention of one assistant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RitualRetention {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose data it is.
    pub tenant: TenantId,
    /// The assistant.
    pub assistant: AssistantId,
    /// The policy, and what it did.
    pub status: RetentionStatus,
    /// Where the pass over all rituals goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<RitualProgress>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Model for RitualRetention {
    const TABLE: Table = Table::new(&Schema {
        name: "ritual_retention",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("assistant", FieldKind::Text),
            Field::new("updated_at", FieldKind::Text),
        ],
        indexes: &[&["tenant", "updated_at"]],
        owns_cells: false,
    });

    fn to_body(&self) -> Result<Map<String, Value>> {
        guard::close(Self::TABLE, &Self::record_id(&self.tenant, &self.assistant), self)
    }

    /// A policy that is not the one that was set must delete nothing.
    fn from_record(record: &Record) -> Result<Self> {
        guard::open(Self::TABLE, record)
    }
}

impl RitualRetention {
    pub(super) fn record_id(tenant: &TenantId, assistant: &AssistantId) -> RecordId {
        let id: [u8; 16] = DomainHasher::new("mythos 2026 ritual retention v1")
            .field(tenant.as_str().as_bytes())
            .field(assistant.as_str().as_bytes())
            .finish_extended();
        RecordId::from_short(&id)
    }
}

impl RitualCompressionCache {
    /// Sets what is kept of each ritual of an assistant, now and of rituals to come; `None` keeps everything.
    ///
    /// It runs by itself: on a ritual with every [`RETENTION_INTERVAL`]th save, in small parts, and on all rituals of the
    /// tenant when the store is [maintained](crate::Mythos::maintain), which also lets rituals age that nobody saves to.
    /// What it did stands in [`retention`](Self::retention); a save never fails for it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] or [`ErrorKind::Limit`] for a policy that bounds nothing or is out of its bounds;
    /// [`ErrorKind::Conflict`] if other writers were always faster; those of the store.
    pub fn set_retention(&self, assistant: &AssistantId, policy: Option<RetentionPolicy>) -> Result<()> {
        policy.iter().try_for_each(RetentionPolicy::validate)?;
        let id = RitualRetention::record_id(self.access.tenant(), assistant);
        for _ in 0..MAX_ATTEMPTS {
            let [answer] = self.access.read([Read::Record { table: RitualRetention::TABLE, id }])?;
            let stored = access::decoded::<RitualRetention>(answer)?;
            let mut batch = Batch::new();
            match (&policy, stored) {
                (None, None) => return Ok(()),
                (None, Some((version, _))) => {
                    batch.delete(RitualRetention::TABLE, id, version);
                }
                (Some(policy), stored) => {
                    let expect = stored.map_or(Expect::Absent, |(version, _)| Expect::At(version));
                    batch.put(id, expect, &self.new_retention(assistant, policy.clone()))?;
                }
            }
            match self.access.commit(batch) {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error.while_doing(format_args!("set the retention of {assistant}"))),
                Ok(()) => return Ok(()),
            }
        }
        Err(Error::conflict(format!("others changed the retention of {assistant} {MAX_ATTEMPTS} times")))
    }

    /// What is kept of an assistant's rituals, and what that did so far; `None` if everything is kept.
    ///
    /// # Errors
    /// Those of the store; [`ErrorKind::Corrupt`] if the record is damaged.
    pub fn retention(&self, assistant: &AssistantId) -> Result<Option<RetentionStatus>> {
        let id = RitualRetention::record_id(self.access.tenant(), assistant);
        Ok(self.access.record::<RitualRetention>(id)?.map(|stored| stored.model.status))
    }

    fn new_retention(&self, assistant: &AssistantId, policy: RetentionPolicy) -> RitualRetention {
        RitualRetention {
            format: CompressedRitual::FORMAT,
            tenant: self.access.tenant().clone(),
            assistant: assistant.clone(),
            status: RetentionStatus {
                policy,
                last_run_at: None,
                entries_deleted: 0,
                bytes_freed: 0,
                last_finding: None,
            },
            next: None,
            updated_at: self.access.now(),
        }
    }

    /// Runs the policy of an assistant on a ritual that was just saved to, if its turn has come. Nothing of this is the
    /// save's to report.
    pub(super) fn retain_after_save(&self, entry: &CompressedRitual) {
        if !entry.sequence.is_multiple_of(RETENTION_INTERVAL) {
            return;
        }
        let Ok(Some(status)) = self.retention(&entry.assistant) else { return };
        let owner = self.owner(&entry.assistant, &entry.ritual);
        let mut work = self.retaining(BUDGET_OF_A_SAVE);
        let pruned = self.retain_newly_due(&owner, &status.policy, &mut work);
        let finding = pruned.err().map(|error| error.to_string());
        if finding.is_some() || finding_of(&work.report).is_some() || work.report.entries > 0 {
            // It is noted again when the next run has something to say.
            drop(self.note_retention(&entry.assistant, &work.report, finding, None));
        }
    }

    /// Prunes what has come due since the last run on a ritual.
    fn retain_newly_due(&self, owner: &Owner, policy: &RetentionPolicy, work: &mut Pruning) -> Result<()> {
        let head = self.head_of(owner)?;
        let cutoff = self.cutoff(&head, policy)?;
        if cutoff <= 1 {
            return Ok(());
        }
        let names = Kind::Block.before(Some(cutoff), BLOCKS_OF_A_SAVE);
        let (blocks, _) = self.access.cells(owner.clone(), names, MAX_BLOCK_BYTES)?;
        let lowest =
            blocks.iter().filter_map(|cell| Kind::Block.place(&cell.name)).map(|(last, _)| last).min();
        let from = lowest.unwrap_or(cutoff - 1);
        let doomed = Doomed::Before(cutoff, &policy.keep_labels);
        self.prune_ritual(owner, &head, &doomed, from, work).map(drop)
    }

    /// Runs all policies of the tenant on all rituals, going on where the run before stopped. Gives whether all were
    /// passed.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn retain_all(&self, budget: RitualBudget) -> Result<bool> {
        let (mut after, mut done, mut left) = (None, true, budget.max_bytes);
        loop {
            let query = Query::new(RitualRetention::TABLE).limit(1_000).after(after);
            let page = self.access.raw_page(query)?;
            for record in &page.items {
                // A damaged record is the scrub's to name.
                let Ok(retention) = RitualRetention::from_record(record) else { continue };
                if left == 0 {
                    return Ok(false);
                }
                let mut work = self.retaining(RitualBudget { max_bytes: left, ..budget });
                let RitualRetention { assistant, status, next, .. } = retention;
                let pruned = self.prune_by_policy(Some(&assistant), &status.policy, next, &mut work);
                let finding = pruned.as_ref().err().map(ToString::to_string);
                let is_news = work.report.entries > 0
                    || work.report.next != next
                    || finding.is_some()
                    || finding_of(&work.report) != status.last_finding;
                if is_news {
                    self.note_retention(&assistant, &work.report, finding, Some(work.report.next))?;
                }
                pruned?;
                done &= work.report.next.is_none();
                left = left.saturating_sub(work.spending.spent());
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(done),
            }
        }
    }

    fn retaining(&self, budget: RitualBudget) -> Pruning {
        let spending = Spending::new(budget, self.access.now());
        Pruning { report: PruneReport::default(), dry_run: false, spending }
    }

    /// Adds what a run did to the status, and where the next pass goes on, if this was part of one.
    fn note_retention(
        &self,
        assistant: &AssistantId,
        report: &PruneReport,
        finding: Option<String>,
        next: Option<Option<RitualProgress>>,
    ) -> Result<()> {
        let id = RitualRetention::record_id(self.access.tenant(), assistant);
        for _ in 0..MAX_ATTEMPTS {
            let Some(stored) = self.access.record::<RitualRetention>(id)? else { return Ok(()) };
            let mut record = stored.model;
            let now = self.access.now();
            let status = &mut record.status;
            status.last_run_at = Some(now);
            status.entries_deleted = status.entries_deleted.saturating_add(report.entries);
            status.bytes_freed = status.bytes_freed.saturating_add(report.bytes_freed);
            status.last_finding = finding.clone().or_else(|| finding_of(report));
            record.next = next.unwrap_or(record.next);
            record.updated_at = now;
            let mut batch = Batch::new();
            batch.put(id, Expect::At(stored.version), &record)?;
            match self.access.commit(batch) {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                result => return result,
            }
        }
        Err(Error::conflict(format!("others changed the retention of {assistant} {MAX_ATTEMPTS} times")))
    }

    /// The position before which a policy keeps nothing but labelled entries; at most that of the newest entry.
    pub(super) fn cutoff(&self, head: &RitualHead, policy: &RetentionPolicy) -> Result<u64> {
        let Some(newest) = head.newest.first().copied() else { return Ok(0) };
        let mut cutoff = 0;
        if let Some(seconds) = policy.max_age_seconds {
            let moment = self.access.now().saturating_sub(Duration::from_secs(seconds));
            if head.first_at < moment {
                cutoff = self.first_at_or_after(head, &head.cells(), moment)?;
            }
        }
        let excess = Bounds {
            entries: policy.max_entries.map_or(0, |max| head.entries.saturating_sub(max)),
            bytes: policy.max_stored_bytes.map_or(0, |max| head.stored_bytes.saturating_sub(max)),
        };
        if excess != Bounds::default() {
            let position = match self.end_of_oldest(head, excess)? {
                Some(position) => position,
                None => self.start_of_newest(head, policy)?,
            };
            cutoff = cutoff.max(position);
        }
        Ok(cutoff.min(newest))
    }

    /// The position of the entry behind the fewest oldest ones that reach both bounds; `None` if there is none, or damage
    /// hides some of them.
    fn end_of_oldest(&self, head: &RitualHead, excess: Bounds) -> Result<Option<u64>> {
        let (mut seen, mut from) = (Bounds::default(), 0);
        loop {
            let names = Kind::Block.at_or_after(from, MAX_CHAIN);
            let (blocks, _) = self.access.cells(head.cells(), names, MAX_BLOCK_BYTES)?;
            let last = blocks.last().and_then(|block| Kind::Block.place(&block.name));
            let Some((last, _)) = last else { return Ok(None) };
            let read = Self::cards(&head.cells(), blocks);
            if !read.damaged.is_empty() {
                return Ok(None);
            }
            for card in &read.cards {
                if seen.entries >= excess.entries && seen.bytes >= excess.bytes {
                    return Ok(Some(card.sequence));
                }
                seen.add(head, card);
            }
            from = last + 1;
        }
    }

    /// The position of the oldest of the newest entries that the bounds let stay, of those that can be read; if they let
    /// none, one behind all.
    fn start_of_newest(&self, head: &RitualHead, policy: &RetentionPolicy) -> Result<u64> {
        let max = Bounds {
            entries: policy.max_entries.unwrap_or(u64::MAX),
            bytes: policy.max_stored_bytes.unwrap_or(u64::MAX),
        };
        let (mut seen, mut before, mut start) = (Bounds::default(), None, u64::MAX);
        loop {
            let names = Kind::Block.before(before, MAX_CHAIN);
            let (blocks, _) = self.access.cells(head.cells(), names, MAX_BLOCK_BYTES)?;
            let first = blocks.last().and_then(|block| Kind::Block.place(&block.name));
            let Some((first, _)) = first else { return Ok(0) };
            for card in Self::cards(&head.cells(), blocks).cards.iter().rev() {
                seen.add(head, card);
                if seen.entries > max.entries || seen.bytes > max.bytes {
                    return Ok(start);
                }
                start = card.sequence;
            }
            before = Some(first);
        }
    }
}

/// Numbers of entries and of their stored bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bounds {
    entries: u64,
    bytes: u64,
}

impl Bounds {
    fn add(&mut self, head: &RitualHead, card: &Card) {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(head.stored(card).stored_bytes);
    }
}

/// What a report says was in the way.
fn finding_of(report: &PruneReport) -> Option<String> {
    report.skipped.first().map(|skipped| match &skipped.ritual {
        Some(ritual) => format!("ritual {ritual}: {}", skipped.finding),
        None => skipped.finding.clone(),
    })
}
