//! Listing entries, without touching a payload.

use std::collections::{BinaryHeap, VecDeque};

use serde::{Deserialize, Serialize};

use super::card::Card;
use super::cell::Kind;
use super::thread::MAX_BLOCK_BYTES;
use super::{CompressedRitual, RitualCompressionCache, RitualHead, SymbolicIntent};
use crate::error::{Error, Result};
use crate::store::access::Page;
use crate::store::{Cursor, Direction, Filter, MAX_PAGE_RECORDS, Model, Owner, Query, Scalar};
use crate::types::{AssistantId, EntryId, RecordId, RitualId, Timestamp};

/// Which entries to list; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RitualFilter {
    /// Of this assistant.
    pub assistant: Option<AssistantId>,
    /// Of this ritual.
    pub ritual: Option<RitualId>,
    /// With all of these labels.
    pub labels: Vec<String>,
    /// Saved at this moment or later.
    pub since: Option<Timestamp>,
    /// Saved before this moment.
    pub before: Option<Timestamp>,
    /// With a payload of at least so many bytes.
    pub min_raw_bytes: Option<u64>,
    /// With a payload of at most so many bytes.
    pub max_raw_bytes: Option<u64>,
    /// What the last recorded [scrub](RitualCompressionCache::scrub) of the ritual found: `true` for entries that it
    /// found sound, `false` for damaged ones and those that it did not see.
    pub verified: Option<bool>,
}

/// Which rituals to list; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RitualHeadFilter {
    /// Of this assistant.
    pub assistant: Option<AssistantId>,
    /// Saved to at this moment or later.
    pub since: Option<Timestamp>,
    /// Last saved to before this moment.
    pub before: Option<Timestamp>,
}

impl RitualFilter {
    fn passes(&self, head: &RitualHead, entry: &CompressedRitual) -> bool {
        let bytes = entry.compressed_ritual_data.raw_bytes;
        self.labels.iter().all(|label| entry.labels.contains(label))
            && self.since.is_none_or(|since| entry.created_at >= since)
            && self.before.is_none_or(|before| entry.created_at < before)
            && self.min_raw_bytes.is_none_or(|min| bytes >= min)
            && self.max_raw_bytes.is_none_or(|max| bytes <= max)
            && self.verified.is_none_or(|verified| head.is_verified(entry.sequence) == verified)
    }
}

impl RitualHead {
    /// Whether the last recorded scrub saw the entry at `sequence` and found it sound.
    #[must_use]
    pub fn is_verified(&self, sequence: u64) -> bool {
        self.scrubbed.as_ref().is_some_and(|scrubbed| scrubbed.is_sound(sequence))
    }
}

/// The entries of one ritual, newest first, read as they are needed.
struct Run {
    head: RitualHead,
    owner: Owner,
    /// Read but not given yet, newest first.
    ready: VecDeque<CompressedRitual>,
    /// Only entries at lower positions are still to be read.
    below: u64,
}

/// A run in the order of its next entry: by time, then by id.
struct Next {
    key: (Timestamp, EntryId),
    run: Run,
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// Heads read at once.
const HEADS: u32 = 100;

/// Blocks of one ritual read at once: as many entries as a page usually has, were each block of one.
const BLOCKS: u32 = 100;

impl RitualCompressionCache {
    /// Lists rituals by their heads, the last saved to first. No entry is read.
    ///
    /// `limit` is 1 to [`MAX_PAGE_RECORDS`]. Rituals whose head is damaged are left out, so that a page may be shorter than
    /// that and not be the last; [`scrub`](Self::scrub) names them, and [`totals`](Self::totals) counts them.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) or [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a cursor or
    /// limit out of bounds.
    pub fn rituals(
        &self,
        filter: &RitualHeadFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<RitualHead>> {
        let text = |moment: Timestamp| Scalar::Text(moment.to_string());
        let mut query = Query::new(RitualHead::TABLE)
            .order_by("updated_at", Direction::Descending)
            .equals("assistant", filter.assistant.as_ref().map(AssistantId::as_str));
        if filter.since.is_some() || filter.before.is_some() {
            let (min, below) = (filter.since.map(text), filter.before.map(text));
            query = query.filter(Filter::Range { field: "updated_at".to_owned(), min, below });
        }
        let Page { items, next } = self.access.raw_page(query.after(after).limit(limit))?;
        let items = items.iter().filter_map(|record| RitualHead::from_record(record).ok()).collect();
        Ok(Page { items, next })
    }

    /// Lists entries, newest first: by position if one ritual of one assistant is named, otherwise by time.
    ///
    /// `limit` is 1 to [`MAX_PAGE_RECORDS`]. No payload is read. Entries whose card is damaged are left out;
    /// [`scrub`](Self::scrub) names them.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) or [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a filter,
    /// cursor or limit out of bounds.
    pub fn list(
        &self,
        filter: &RitualFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<CompressedRitual>> {
        if !(1..=MAX_PAGE_RECORDS).contains(&limit) {
            let message = format!("a page has 1 to {MAX_PAGE_RECORDS} records, not {limit}");
            return Err(Error::limit("limit", message));
        }
        filter.labels.iter().try_for_each(|label| crate::types::check_label("labels", label))?;
        let after = after.map(|cursor| place_behind(&cursor)).transpose()?;
        if let (Some(assistant), Some(ritual)) = (&filter.assistant, &filter.ritual) {
            return self.list_one(filter, assistant, ritual, after, limit);
        }
        self.list_many(filter, after, limit)
    }

    fn list_one(
        &self,
        filter: &RitualFilter,
        assistant: &AssistantId,
        ritual: &RitualId,
        after: Option<(Timestamp, EntryId)>,
        limit: u32,
    ) -> Result<Page<CompressedRitual>> {
        let owner = self.owner(assistant, ritual);
        let head = match self.snapshot(&owner, Vec::new())?.head {
            None => return Ok(Page { items: Vec::new(), next: None }),
            Some(Ok(head)) if head.copying.is_some() => return Ok(Page { items: Vec::new(), next: None }),
            Some(Ok(head)) => head,
            Some(Err(_)) => match self.remake_head(assistant, ritual)? {
                Some(head) => head,
                None => return Ok(Page { items: Vec::new(), next: None }),
            },
        };
        let mut run = self.run(head, after.map(|(_, entry)| entry.sequence()), filter.before)?;
        let mut items = Vec::new();
        while let Some(entry) = self.next_of(&mut run, limit)? {
            if filter.since.is_some_and(|since| entry.created_at < since) {
                break;
            }
            if filter.passes(&run.head, &entry) {
                items.push(entry);
                if items.len() == limit as usize {
                    let next = items.last().map(cursor);
                    return Ok(Page { items, next });
                }
            }
        }
        Ok(Page { items, next: None })
    }

    /// Merges the entries of all rituals that may have some, opening a ritual only when the merge comes down to it.
    fn list_many(
        &self,
        filter: &RitualFilter,
        after: Option<(Timestamp, EntryId)>,
        limit: u32,
    ) -> Result<Page<CompressedRitual>> {
        let text = |moment: Timestamp| Scalar::Text(moment.to_string());
        let mut query = Query::new(RitualHead::TABLE)
            .order_by("updated_at", Direction::Descending)
            .equals("assistant", filter.assistant.as_ref().map(AssistantId::as_str))
            .equals("ritual", filter.ritual.as_ref().map(RitualId::as_str))
            .limit(HEADS);
        if let Some(since) = filter.since {
            let (field, min) = ("updated_at".to_owned(), Some(text(since)));
            query = query.filter(Filter::Range { field, min, below: None });
        }
        // A cursor's own moment may have further entries.
        let bound = [filter.before, after.map(|(moment, _)| just_after(moment))].into_iter().flatten().min();
        if let Some(bound) = bound {
            let (field, below) = ("first_at".to_owned(), Some(text(bound)));
            query = query.filter(Filter::Range { field, min: None, below });
        }
        for label in &filter.labels {
            let tags = vec![label.clone(), RitualHead::MORE_LABELS.to_owned()];
            query = query.filter(Filter::TagsAny { field: "labels".to_owned(), tags });
        }
        let (mut runs, mut heads, mut is_last) = (BinaryHeap::<Next>::new(), VecDeque::new(), false);
        let mut items = Vec::new();
        loop {
            // Every ritual that was saved to after the next entry has to be among the runs.
            loop {
                if heads.is_empty() && !is_last {
                    let page = self.access.raw_page(query.clone())?;
                    is_last = page.next.is_none();
                    query = query.after(page.next);
                    let read = page.items.iter().filter_map(|record| RitualHead::from_record(record).ok());
                    heads.extend(read.filter(|head| head.copying.is_none()));
                }
                let Some(head) = heads.front() else { break };
                if runs.peek().is_some_and(|next| head.updated_at < next.key.0) {
                    break;
                }
                let Some(head) = heads.pop_front() else { break };
                let mut run = self.run(head, None, bound)?;
                while let Some(entry) = self.next_of(&mut run, limit)? {
                    if after.is_none_or(|after| (entry.created_at, entry.entry) < after) {
                        let key = (entry.created_at, entry.entry);
                        run.ready.push_front(entry);
                        runs.push(Next { key, run });
                        break;
                    }
                }
            }
            let Some(Next { mut run, .. }) = runs.pop() else { return Ok(Page { items, next: None }) };
            let Some(entry) = self.next_of(&mut run, limit)? else { continue };
            if filter.since.is_some_and(|since| entry.created_at < since) {
                // All that is left is older still.
                return Ok(Page { items, next: None });
            }
            if filter.passes(&run.head, &entry) {
                items.push(entry);
                if items.len() == limit as usize {
                    let next = items.last().map(cursor);
                    return Ok(Page { items, next });
                }
            }
            if let Some(following) = self.next_of(&mut run, limit)? {
                let key = (following.created_at, following.entry);
                run.ready.push_front(following);
                runs.push(Next { key, run });
            }
        }
    }

    /// The entries of a ritual at positions below `below` that were saved before `before`.
    fn run(&self, head: RitualHead, below: Option<u64>, before: Option<Timestamp>) -> Result<Run> {
        let owner = head.cells();
        let mut below = below.unwrap_or(EntryId::MAX_SEQUENCE + 1);
        if let Some(before) = before.filter(|before| head.updated_at >= *before) {
            below = below.min(self.first_at_or_after(&head, &owner, before)?);
        }
        Ok(Run { head, owner, ready: VecDeque::new(), below })
    }

    /// The position of the first entry that was saved at `moment` or later: a binary search, since times do not decrease.
    pub(super) fn first_at_or_after(
        &self,
        head: &RitualHead,
        owner: &Owner,
        moment: Timestamp,
    ) -> Result<u64> {
        let (mut low, mut high) = (1, head.sequence + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.first_card_from(owner, middle)? {
                Some(card) if card.created_at < moment => low = card.sequence + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }

    /// The first card at a position or later that can be read.
    fn first_card_from(&self, owner: &Owner, mut from: u64) -> Result<Option<Card>> {
        loop {
            let (blocks, _) =
                self.access.cells(owner.clone(), Kind::Block.at_or_after(from, 1), MAX_BLOCK_BYTES)?;
            let last = blocks.first().and_then(|block| Kind::Block.place(&block.name));
            let Some((last, _)) = last else { return Ok(None) };
            let cards = Self::cards(owner, blocks).cards;
            if let Some(card) = cards.into_iter().find(|card| card.sequence >= from) {
                return Ok(Some(card));
            }
            // A damaged block cannot tell; the one behind it can.
            from = last + 1;
        }
    }

    /// The next entry of a run.
    fn next_of(&self, run: &mut Run, wanted: u32) -> Result<Option<CompressedRitual>> {
        loop {
            if let Some(entry) = run.ready.pop_front() {
                return Ok(Some(entry));
            }
            let mut names = vec![Kind::Block.before(Some(run.below), wanted.clamp(1, BLOCKS))];
            if run.below <= EntryId::MAX_SEQUENCE {
                // The block that the bound lies in.
                names.push(Kind::Block.at_or_after(run.below, 1));
            }
            let snapshot = self.snapshot(&run.owner, names)?;
            let mut cells = snapshot.cells.into_iter();
            let lower = cells.next().unwrap_or_default();
            let lowest =
                lower.iter().filter_map(|cell| Kind::Block.place(&cell.name)).map(|(last, _)| last).min();
            let blocks = lower.into_iter().chain(cells.flatten()).collect();
            let mut cards = Self::cards(&run.owner, blocks).cards;
            cards.retain(|card| card.sequence < run.below);
            run.below = match (cards.first(), lowest) {
                (Some(card), Some(lowest)) => card.sequence.min(lowest),
                (Some(card), None) => card.sequence,
                (None, Some(lowest)) => lowest,
                (None, None) => return Ok(None),
            };
            let entries = self.entries(&run.head, &cards)?;
            run.ready.extend(entries.into_iter().rev().filter_map(Result::ok));
        }
    }

    /// The position of the newest entry, also if it is damaged: the head tells it, and so do the names of cells. `None` if
    /// there is no trace of one.
    pub(crate) fn newest_sequence(&self, assistant: &AssistantId, ritual: &RitualId) -> Result<Option<u64>> {
        let owner = self.owner(assistant, ritual);
        let snapshot = self.snapshot(&owner, vec![Kind::Block.before(None, 1)])?;
        let told = snapshot.head.and_then(Result::ok).and_then(|head| head.newest.first().copied());
        let cells = snapshot.cells.iter().flatten().filter(|cell| Kind::Block.has(&cell.name));
        Ok(cells.filter_map(|cell| Kind::Block.place(&cell.name)).map(|(last, _)| last).chain(told).max())
    }

    /// The entries that cards tell of.
    pub(super) fn entries(&self, head: &RitualHead, cards: &[Card]) -> Result<Vec<Result<CompressedRitual>>> {
        let intents: Vec<Result<SymbolicIntent>> = self.intents(head, cards)?;
        let entries = cards.iter().zip(intents).map(|(card, intent)| self.entry_of(head, card, intent?));
        Ok(entries.collect())
    }
}

/// The cursor behind an entry.
fn cursor(entry: &CompressedRitual) -> Cursor {
    let id = RecordId::from_short(entry.entry.as_uuid().as_bytes());
    Cursor { value: Scalar::Text(entry.created_at.to_string()), id }
}

/// The entry that a cursor stands behind.
fn place_behind(cursor: &Cursor) -> Result<(Timestamp, EntryId)> {
    let moment = match &cursor.value {
        Scalar::Text(text) => text.parse().ok(),
        _ => None,
    };
    let entry = uuid::Uuid::from_slice(cursor.id.as_bytes()).ok().map(EntryId::from_uuid);
    moment.zip(entry).ok_or_else(|| Error::invalid("after", "the cursor is not one of a listing of entries"))
}

/// The next microsecond.
fn just_after(moment: Timestamp) -> Timestamp {
    moment.saturating_add(std::time::Duration::from_micros(1))
}
