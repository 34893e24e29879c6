//! Pruning: deleting entries at any position, while all others stay restorable.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::compact::{Spending, is_local, next_id};
use super::reroot::{first_of, group_of};
use super::{
    RetentionPolicy, RitualBudget, RitualCompressionCache, RitualHead, RitualProgress, SkippedRitual,
};
use crate::error::{Error, Result};
use crate::store::{Model, Owner};
use crate::types::{AssistantId, EntryId, RitualId};

/// What to prune, and how much at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneRituals {
    /// Which entries go.
    pub what: PruneWhat,
    /// Only say what would go.
    #[serde(default)]
    pub dry_run: bool,
    /// How much to do.
    #[serde(default)]
    pub budget: RitualBudget,
    /// Where the call before stopped.
    #[serde(default)]
    pub after: Option<RitualProgress>,
}

impl PruneRituals {
    /// Prunes that, within the default budget.
    #[must_use]
    pub fn new(what: PruneWhat) -> Self {
        Self { what, dry_run: false, budget: RitualBudget::default(), after: None }
    }
}

/// Which entries go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PruneWhat {
    /// What a policy does not keep.
    Policy {
        /// Of this assistant; of all, if none is named.
        #[serde(default)]
        assistant: Option<AssistantId>,
        /// Of this ritual of the assistant; of all, if none is named.
        #[serde(default)]
        ritual: Option<RitualId>,
        /// What is kept of each ritual.
        policy: RetentionPolicy,
    },
    /// All entries of a ritual but these, the newest too.
    Keep {
        /// The assistant.
        assistant: AssistantId,
        /// The ritual.
        ritual: RitualId,
        /// The entries that stay; entries that are there no more are none of them.
        entries: BTreeSet<EntryId>,
    },
    /// Exactly these entries of one ritual, as far as they are there.
    Entries {
        /// The entries that go, at least one.
        entries: BTreeSet<EntryId>,
    },
}

/// What was pruned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneReport {
    /// How many rituals were looked at to their end.
    pub rituals: u64,
    /// How many entries were deleted, or would be.
    pub entries: u64,
    /// How many entries that stay were given another base, or would be.
    pub rerooted: u64,
    /// By how much the stored bytes of payloads have shrunk; negative if what was given another base takes more than what
    /// was deleted. Of a dry run, the stored bytes of what would be deleted.
    pub bytes_freed: i64,
    /// The rituals of which something had to be left as it is.
    pub skipped: Vec<SkippedRitual>,
    /// Where the next call goes on; `None` when all is done.
    pub next: Option<RitualProgress>,
}

/// Pruning as it goes on.
pub(super) struct Pruning {
    pub(super) report: PruneReport,
    pub(super) dry_run: bool,
    pub(super) spending: Spending,
}

impl Pruning {
    pub(super) fn note(&mut self, entries: u64, rerooted: u64, bytes_freed: i64, worked: u64) {
        self.report.entries += entries;
        self.report.rerooted += rerooted;
        self.report.bytes_freed = self.report.bytes_freed.saturating_add(bytes_freed);
        self.spending.spend(worked);
    }

    pub(super) fn skip(&mut self, head: &RitualHead, error: &Error) {
        self.report.skipped.push(SkippedRitual::of(head, error));
    }
}

/// Which positions of a ritual go.
pub(super) enum Doomed<'a> {
    /// Those before a position that have none of these labels; never the newest.
    Before(u64, &'a BTreeSet<String>),
    /// All but these.
    AllBut(&'a BTreeSet<u64>),
    /// These.
    These(&'a BTreeSet<u64>),
}

impl Doomed<'_> {
    /// Whether the entry at a position goes, as far as its labels let it.
    pub(super) fn names(&self, sequence: u64, newest: Option<u64>) -> bool {
        match self {
            Self::Before(position, _) => sequence < *position && Some(sequence) != newest,
            Self::AllBut(kept) => !kept.contains(&sequence),
            Self::These(these) => these.contains(&sequence),
        }
    }

    /// Whether every entry between two positions, both included, goes whatever it is.
    pub(super) fn names_all(&self, first: u64, last: u64) -> bool {
        let has_labels = self.labels().is_some_and(|labels| !labels.is_empty());
        !has_labels && (first..=last).all(|sequence| self.names(sequence, None))
    }

    /// The labels that keep an entry.
    pub(super) fn labels(&self) -> Option<&BTreeSet<String>> {
        match self {
            Self::Before(_, labels) => Some(labels),
            _ => None,
        }
    }

    /// The first position from `from` on where an entry may go.
    fn next(&self, from: u64) -> Option<u64> {
        match self {
            Self::Before(position, _) => (from < *position).then_some(from),
            Self::AllBut(_) => Some(from),
            Self::These(these) => these.range(from..).next().copied(),
        }
    }
}

impl RitualCompressionCache {
    /// Deletes entries, at any position. What was stored as a patch from a deleted entry gets another base; every entry
    /// that stays restores as before, and so do ids, signatures and positions. Parents keep their ids, also of entries
    /// that are gone. Positions are never given again. Repeating an operation whose entry was deleted saves anew.
    ///
    /// Each commit deletes what goes of 64 positions, so that the work may be interrupted at any point, by a crash too.
    /// Call again with `after` set to [`next`](PruneReport::next) until that is `None`.
    ///
    /// Damaged entries are deleted like others. If a damaged block holds entries that stay, or labels that cannot be read
    /// decide, those entries are left as they are and reported. A head counts the entries that can be read after a
    /// damaged block was deleted. Intents that no entry names any more are deleted by [`compact`](Self::compact). The file
    /// gives the bytes back when the store is [maintained](crate::Mythos::maintain).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a policy that bounds nothing, a ritual without an
    /// assistant, no entries, or entries of several rituals; [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if the
    /// named ritual is not there; [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if its head is damaged; those of the
    /// store.
    pub fn prune(&self, request: &PruneRituals) -> Result<PruneReport> {
        let spending = Spending::new(request.budget, self.access.now());
        let mut work = Pruning { report: PruneReport::default(), dry_run: request.dry_run, spending };
        match &request.what {
            PruneWhat::Policy { assistant, ritual, policy } => {
                policy.validate()?;
                match (assistant, ritual) {
                    (Some(assistant), Some(ritual)) => {
                        let owner = self.owner(assistant, ritual);
                        let head = self.head_of(&owner)?;
                        let cutoff = self.cutoff(&head, policy)?;
                        let doomed = Doomed::Before(cutoff, &policy.keep_labels);
                        self.prune_one(&owner, &head, &doomed, request.after, &mut work)?;
                    }
                    (None, Some(_)) => {
                        return Err(Error::invalid("assistant", "a ritual is that of an assistant"));
                    }
                    (assistant, None) => {
                        self.prune_by_policy(assistant.as_ref(), policy, request.after, &mut work)?;
                    }
                }
            }
            PruneWhat::Keep { assistant, ritual, entries } => {
                let owner = self.owner(assistant, ritual);
                let head = self.head_of(&owner)?;
                let kept = positions(&head, entries)?;
                self.prune_one(&owner, &head, &Doomed::AllBut(&kept), request.after, &mut work)?;
            }
            PruneWhat::Entries { entries } => {
                let Some(first) = entries.first() else {
                    return Err(Error::invalid("entries", "there is nothing to prune"));
                };
                let owner = self.place_of(*first)?;
                let head = self.head_of(&owner)?;
                if head.root != first.root() {
                    return Err(Error::not_found(format!("there is no ritual entry {first}")));
                }
                let these = positions(&head, entries)?;
                self.prune_one(&owner, &head, &Doomed::These(&these), request.after, &mut work)?;
            }
        }
        Ok(work.report)
    }

    /// The head of a ritual that has to be there, and complete.
    pub(super) fn head_of(&self, owner: &Owner) -> Result<RitualHead> {
        let missing = || Error::not_found(format!("there is no ritual at {owner}"));
        let head = self.snapshot(owner, Vec::new())?.head.ok_or_else(missing)??;
        head.check_complete()?;
        Ok(head)
    }

    fn prune_one(
        &self,
        owner: &Owner,
        head: &RitualHead,
        doomed: &Doomed<'_>,
        after: Option<RitualProgress>,
        work: &mut Pruning,
    ) -> Result<()> {
        let from = after.filter(|after| after.ritual == owner.id).map_or(0, |after| after.sequence);
        match self.prune_ritual(owner, head, doomed, from, work)? {
            Some(sequence) => work.report.next = Some(RitualProgress { ritual: owner.id, sequence }),
            None => work.report.rituals += 1,
        }
        Ok(())
    }

    /// Prunes all rituals, or those of an assistant, by a policy, within the budget.
    pub(super) fn prune_by_policy(
        &self,
        assistant: Option<&AssistantId>,
        policy: &RetentionPolicy,
        after: Option<RitualProgress>,
        work: &mut Pruning,
    ) -> Result<()> {
        let mut at = after;
        loop {
            let from = at.map(|progress| progress.ritual);
            let records = self.records_from::<RitualHead>(assistant, None, from)?;
            for record in records.items {
                match RitualHead::from_record(&record) {
                    Ok(head) => {
                        let doomed = Doomed::Before(self.cutoff(&head, policy)?, &policy.keep_labels);
                        self.prune_one(&head.cells(), &head, &doomed, at, work)?;
                    }
                    Err(error) => work.report.skipped.push(SkippedRitual::unread(&error)),
                }
                if work.report.next.is_some() {
                    return Ok(());
                }
                at = Some(RitualProgress { ritual: next_id(&record.id), sequence: 0 });
                if work.spending.is_spent(self.access.now()) {
                    work.report.next = at;
                    return Ok(());
                }
            }
            if records.is_last {
                return Ok(());
            }
        }
    }

    /// Prunes one ritual from a position on, group by group; gives the position where the budget ended.
    pub(super) fn prune_ritual(
        &self,
        owner: &Owner,
        head: &RitualHead,
        doomed: &Doomed<'_>,
        from: u64,
        work: &mut Pruning,
    ) -> Result<Option<u64>> {
        let mut position = from;
        while let Some(wanted) = doomed.next(position) {
            let Some(group) = self.next_group(owner, wanted)? else { break };
            if group > group_of(wanted) && doomed.next(first_of(group)) != Some(first_of(group)) {
                position = first_of(group);
                continue;
            }
            match self.prune_group(owner, group, doomed, work) {
                Err(error) if is_local(&error) => work.skip(head, &error),
                result => result?,
            }
            position = first_of(group + 1);
            if work.spending.is_spent(self.access.now()) {
                return Ok(doomed.next(position).filter(|position| *position <= head.sequence));
            }
        }
        Ok(None)
    }
}

/// The positions of entries, all of the ritual of `head`.
fn positions(head: &RitualHead, entries: &BTreeSet<EntryId>) -> Result<BTreeSet<u64>> {
    if let Some(other) = entries.iter().find(|entry| entry.root() != head.root) {
        let message = format!("entry {other} is not one of ritual {}", head.ritual);
        return Err(Error::invalid("entries", message));
    }
    Ok(entries.iter().map(|entry| entry.sequence()).collect())
}
