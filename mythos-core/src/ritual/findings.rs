//! What a scrub is asked and what it says.

use serde::{Deserialize, Serialize};

use super::{RitualBudget, RitualProgress, SkippedRitual};
use crate::error::Error;
use crate::types::{AssistantId, EntryId, RitualId};

/// What to scrub, and how much of it in one call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScrubRituals {
    /// The rituals and dictionaries of this assistant; of all, if none is named.
    pub assistant: Option<AssistantId>,
    /// Only rituals of this name. With an assistant, a ritual whose head is gone is found too: nothing else tells that
    /// there was one.
    pub ritual: Option<RitualId>,
    /// How much one call does: a host that waits between calls limits the rate by it.
    pub budget: RitualBudget,
    /// Where the call before stopped.
    pub after: Option<RitualProgress>,
}

/// What a scrub saw and found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubReport {
    /// How many rituals were seen to their end.
    pub rituals: u64,
    /// How many entries were seen.
    pub entries: u64,
    /// The length of the payloads that verified, in bytes.
    pub bytes: u64,
    /// What is damaged, the first [`ScrubReport::MAX_FINDINGS`] of it.
    pub damaged: Vec<ScrubFinding>,
    /// How many findings there were, also those past [`ScrubReport::MAX_FINDINGS`].
    pub findings: u64,
    /// What could not be verified although nothing says that it is damaged: what is sealed under a key that is not known,
    /// and what writers kept changing.
    pub skipped: Vec<SkippedRitual>,
    /// Where the next call goes on; `None` when all is done.
    pub next: Option<RitualProgress>,
}

impl ScrubReport {
    /// The most findings that one report tells.
    pub const MAX_FINDINGS: usize = 1_000;
}

/// A part of what is stored of rituals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RitualPart {
    /// The head record of a ritual.
    Head,
    /// What is kept of an entry beside its payload, or the block of entries that it stands in.
    Card,
    /// What entries are for.
    Intent,
    /// A payload that needs no other.
    Whole,
    /// What makes a payload out of the next newer one.
    Patch,
    /// A dictionary of an assistant, or the record of them.
    Dictionary,
    /// The position of the entry that an operation of the caller's saved.
    Operation,
    /// The retention policy of an assistant.
    Retention,
    /// A cell that nothing names.
    Orphan,
}

impl RitualPart {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Card => "card",
            Self::Intent => "intent",
            Self::Whole => "whole",
            Self::Patch => "patch",
            Self::Dictionary => "dictionary",
            Self::Operation => "operation",
            Self::Retention => "retention",
            Self::Orphan => "orphan",
        }
    }
}

/// Positions of entries that follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SequenceRange {
    /// The oldest.
    pub first: u64,
    /// The newest.
    pub last: u64,
}

/// One thing that is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubFinding {
    /// The assistant, if it can still be told.
    pub assistant: Option<AssistantId>,
    /// The ritual, if it is one's and can still be told.
    pub ritual: Option<RitualId>,
    /// The entry, if it is one's; of a block of entries the newest.
    pub entry: Option<EntryId>,
    /// Its position.
    pub sequence: Option<u64>,
    /// What is damaged.
    pub part: RitualPart,
    /// The digest that it should have, if digests were compared.
    pub expected: Option<String>,
    /// The digest that it has, if digests were compared.
    pub found: Option<String>,
    /// What is wrong, in words.
    pub message: String,
    /// The entries that can no longer be restored by any way because of it, newest first: at most
    /// [`ScrubFinding::MAX_LOST`] ranges. They may hold positions of entries that were pruned.
    pub lost: Vec<SequenceRange>,
}

impl ScrubFinding {
    /// The most ranges of lost entries that one finding tells.
    pub const MAX_LOST: usize = 1_000;

    fn lose(&mut self, range: SequenceRange) {
        let has_room = self.lost.len() < Self::MAX_LOST;
        match self.lost.last_mut() {
            Some(last) if last.first <= range.first && range.last <= last.last => {}
            Some(last) if range.last + 1 == last.first => last.first = range.first,
            _ if has_room => self.lost.push(range),
            _ => {}
        }
    }
}

/// Whose findings are gathered.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject {
    pub(super) assistant: Option<AssistantId>,
    pub(super) ritual: Option<RitualId>,
    /// What the ids of the ritual's entries derive from.
    pub(super) root: Option<EntryId>,
}

/// Which finding a loss goes back to; `None` for one that is not told any more.
pub(super) type Cause = Option<usize>;

/// The findings of one ritual, as they come.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) subject: Subject,
    pub(super) list: Vec<ScrubFinding>,
    pub(super) count: u64,
    /// Positions that did not verify, newest first.
    pub(super) unverified: Vec<u64>,
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

/// How much [`Findings`] held at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    list: usize,
    count: u64,
    unverified: usize,
    entries: u64,
    bytes: u64,
}

impl Findings {
    pub(super) fn new(subject: Subject) -> Self {
        Self { subject, ..Self::default() }
    }

    /// Notes one thing that is damaged.
    pub(super) fn add(&mut self, part: RitualPart, sequence: Option<u64>, error: &Error) -> Cause {
        self.count += 1;
        if self.list.len() >= ScrubReport::MAX_FINDINGS {
            return None;
        }
        let Subject { assistant, ritual, root } = self.subject.clone();
        self.list.push(ScrubFinding {
            assistant,
            ritual,
            entry: root.zip(sequence).map(|(root, sequence)| root.at(sequence)),
            sequence,
            part,
            expected: error.expected().map(str::to_owned),
            found: error.found().map(str::to_owned),
            message: error.to_string(),
            lost: Vec::new(),
        });
        Some(self.list.len() - 1)
    }

    /// Notes that entries are lost by what was found.
    pub(super) fn lose(&mut self, cause: Cause, range: SequenceRange) {
        if let Some(finding) = cause.and_then(|index| self.list.get_mut(index)) {
            finding.lose(range);
        }
    }

    pub(super) fn mark(&self) -> Mark {
        let Self { list, count, unverified, entries, bytes, .. } = self;
        Mark {
            list: list.len(),
            count: *count,
            unverified: unverified.len(),
            entries: *entries,
            bytes: *bytes,
        }
    }

    /// Whether nothing was found since.
    pub(super) fn is_clean_since(&self, mark: Mark) -> bool {
        mark.count == self.count && mark.unverified == self.unverified.len()
    }

    /// Forgets what was found since.
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.list.truncate(mark.list);
        self.unverified.truncate(mark.unverified);
        (self.count, self.entries, self.bytes) = (mark.count, mark.entries, mark.bytes);
    }

    /// Adds everything to a report.
    pub(super) fn report(self, report: &mut ScrubReport) {
        report.entries += self.entries;
        report.bytes = report.bytes.saturating_add(self.bytes);
        report.findings += self.count;
        let room = ScrubReport::MAX_FINDINGS - report.damaged.len();
        report.damaged.extend(self.list.into_iter().take(room));
    }
}
