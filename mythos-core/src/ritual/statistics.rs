//! What rituals take, how their states grow, and whether they stall: from heads and cards, without touching a payload.

use serde::{Deserialize, Serialize};

use super::card::Card;
use super::cell::Kind;
use super::compact::next_id;
use super::record::score;
use super::thread::{MAX_BLOCK_BYTES, MAX_CHAIN};
use super::{
    Encoding, RitualCompressionCache, RitualHead, RitualProgress, ScoredEntry, Stall, StallPolicy, stall,
};
use crate::error::{Error, Result};
use crate::store::{Model, Names, Owner, Read};
use crate::types::{AssistantId, RitualId, Score, Timestamp};

/// Rituals that one call adds up.
const MAX_HEADS: u64 = 1_000;

/// Entries that one call adds up, about: it stops behind the block that reaches them.
const MAX_CARDS: u64 = 100_000;

/// Blocks read at once for a curve.
const BLOCKS: usize = 64;

/// The most entries that are looked at for a stall.
const MAX_STALL: usize = 2 * StallPolicy::MAX_MIN_LENGTH as usize;

/// Which rituals to add up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TotalRituals {
    /// Those of this assistant; of all, if none is named.
    pub assistant: Option<AssistantId>,
    /// Those of this name.
    pub ritual: Option<RitualId>,
    /// Also by encoding, for which all cards are read: about 80 bytes for each entry.
    pub by_encoding: bool,
    /// Where the call before stopped.
    pub after: Option<RitualProgress>,
}

/// What rituals take together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RitualTotals {
    /// How many rituals.
    pub rituals: u64,
    /// How many entries.
    pub entries: u64,
    /// The length of all payloads, in bytes.
    pub raw_bytes: u64,
    /// The length of all that is stored of them, in bytes.
    pub stored_bytes: u64,
    /// The same by encoding, if it was asked for.
    pub encodings: Vec<EncodingTotals>,
    /// Heads and blocks of entries that cannot be read and are left out.
    pub damaged: u64,
    /// Where the next call goes on; `None` when all are added up.
    pub next: Option<RitualProgress>,
}

/// What the entries of one encoding take together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodingTotals {
    /// The encoding.
    pub encoding: Encoding,
    /// How many entries.
    pub entries: u64,
    /// The length of their payloads, in bytes.
    pub raw_bytes: u64,
    /// The length of all that is stored of them, in bytes; of a whole payload with a patch beside it, both.
    pub stored_bytes: u64,
}

impl RitualTotals {
    /// Stored bytes for one byte of payload: below 1 if compression gained anything; `None` without payloads.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        (self.raw_bytes > 0).then(|| self.stored_bytes as f64 / self.raw_bytes as f64)
    }

    /// Adds what the next call gave, and goes on where it stopped.
    pub fn add(&mut self, other: &Self) {
        self.rituals += other.rituals;
        self.entries = self.entries.saturating_add(other.entries);
        self.raw_bytes = self.raw_bytes.saturating_add(other.raw_bytes);
        self.stored_bytes = self.stored_bytes.saturating_add(other.stored_bytes);
        self.damaged += other.damaged;
        other.encodings.iter().for_each(|totals| self.add_encoding(*totals));
        self.next = other.next;
    }

    fn add_head(&mut self, head: &RitualHead) {
        self.rituals += 1;
        self.entries = self.entries.saturating_add(head.entries);
        self.raw_bytes = self.raw_bytes.saturating_add(head.raw_bytes);
        self.stored_bytes = self.stored_bytes.saturating_add(head.stored_bytes);
    }

    fn add_encoding(&mut self, totals: EncodingTotals) {
        match self.encodings.iter_mut().find(|known| known.encoding == totals.encoding) {
            Some(known) => {
                known.entries += totals.entries;
                known.raw_bytes = known.raw_bytes.saturating_add(totals.raw_bytes);
                known.stored_bytes = known.stored_bytes.saturating_add(totals.stored_bytes);
            }
            None => self.encodings.push(totals),
        }
        self.encodings.sort_unstable_by_key(|totals| totals.encoding);
    }
}

/// One entry on the curve of a ritual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RitualPoint {
    /// The position.
    pub sequence: u64,
    /// The length of the payload, in bytes.
    pub raw_bytes: u64,
    /// The length of all that is stored of it, in bytes.
    pub stored_bytes: u64,
    /// Its [`entropy_score`](super::entropy_score).
    pub entropy: Score,
    /// Its [`novelty_score`](super::novelty_score) against the entry before.
    pub novelty: Score,
    /// When it was saved.
    pub created_at: Timestamp,
}

impl RitualCompressionCache {
    /// The most points of a curve.
    pub const MAX_POINTS: u32 = 1_000;

    /// Adds up what rituals take: at most 1,000 of them in one call, and by encoding about 100,000 entries. Call again
    /// with `after` set to [`next`](RitualTotals::next), and [`add`](RitualTotals::add), until that is `None`.
    ///
    /// # Errors
    /// Those of the store. What is damaged is left out and counted.
    pub fn totals(&self, request: &TotalRituals) -> Result<RitualTotals> {
        let (mut totals, mut cards, mut heads) = (RitualTotals::default(), 0, 0);
        let mut at = request.after;
        loop {
            let (assistant, ritual) = (request.assistant.as_ref(), request.ritual.as_ref());
            let records = self.records_from::<RitualHead>(assistant, ritual, at.map(|at| at.ritual))?;
            let is_last = records.is_last;
            for record in records.items {
                let from = at.filter(|at| at.ritual == record.id).map_or(0, |at| at.sequence);
                match RitualHead::from_record(&record) {
                    Ok(head) => {
                        if from == 0 {
                            totals.add_head(&head);
                        }
                        if request.by_encoding {
                            let stopped = self.total_cards(&head, from, &mut totals, &mut cards)?;
                            if let Some(sequence) = stopped {
                                totals.next = Some(RitualProgress { ritual: record.id, sequence });
                                return Ok(totals);
                            }
                        }
                    }
                    Err(_) => totals.damaged += 1,
                }
                at = Some(RitualProgress { ritual: next_id(&record.id), sequence: 0 });
                heads += 1;
                if heads == MAX_HEADS || cards >= MAX_CARDS {
                    totals.next = at;
                    return Ok(totals);
                }
            }
            if is_last {
                return Ok(totals);
            }
        }
    }

    /// Adds the entries of a ritual from a position on; gives the position where it stopped.
    fn total_cards(
        &self,
        head: &RitualHead,
        mut from: u64,
        totals: &mut RitualTotals,
        cards: &mut u64,
    ) -> Result<Option<u64>> {
        let owner = head.cells();
        loop {
            let names = Kind::Block.at_or_after(from, MAX_CHAIN);
            let (blocks, _) = self.access.cells(owner.clone(), names, MAX_BLOCK_BYTES)?;
            let last = blocks.iter().filter_map(|block| Kind::Block.place(&block.name)).map(|(last, _)| last);
            let Some(last) = last.max() else { return Ok(None) };
            let read = Self::cards(&owner, blocks);
            totals.damaged += read.damaged.len() as u64;
            for card in read.cards.iter().filter(|card| card.sequence >= from) {
                let stored = head.stored(card);
                let (raw_bytes, stored_bytes) = (stored.raw_bytes, stored.stored_bytes);
                totals.add_encoding(EncodingTotals {
                    encoding: stored.encoding,
                    entries: 1,
                    raw_bytes,
                    stored_bytes,
                });
                *cards += 1;
            }
            from = last + 1;
            if *cards >= MAX_CARDS && from <= head.sequence {
                return Ok(Some(from));
            }
        }
    }

    /// How the states of a ritual grow: at most `max_points` of its entries, 2 to [`MAX_POINTS`](Self::MAX_POINTS), evenly
    /// over their positions, oldest first, with the oldest and the newest. Empty if there is no such ritual.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) for `max_points` out of bounds;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the ritual's head is damaged. Damaged entries are left out.
    pub fn curve(
        &self,
        assistant: &AssistantId,
        ritual: &RitualId,
        max_points: u32,
    ) -> Result<Vec<RitualPoint>> {
        if !(2..=Self::MAX_POINTS).contains(&max_points) {
            let message = format!("a curve has 2 to {} points, not {max_points}", Self::MAX_POINTS);
            return Err(Error::limit("max_points", message));
        }
        let owner = self.owner(assistant, ritual);
        let names = vec![Kind::Block.at_or_after(0, 1)];
        let snapshot = self.snapshot(&owner, names)?;
        let Some(head) = snapshot.head.transpose()? else { return Ok(Vec::new()) };
        let first = Self::cards(&owner, snapshot.cells.into_iter().flatten().collect()).cards;
        let first = first.first().map_or(1, |card| card.sequence);
        let wanted = spread(first, head.sequence, u64::from(max_points));
        let mut points: Vec<RitualPoint> = Vec::new();
        for wanted in wanted.chunks(BLOCKS) {
            for card in self.cards_at(&owner, wanted)? {
                if points.last().is_none_or(|last| last.sequence < card.sequence) {
                    points.push(point(&head, &card));
                }
            }
        }
        Ok(points)
    }

    /// The cards at these positions, ascending, or the next above those where there is none in the same block.
    fn cards_at(&self, owner: &Owner, wanted: &[u64]) -> Result<Vec<Card>> {
        let read = |sequence: &u64| Read::Cells {
            owner: owner.clone(),
            names: Kind::Block.at_or_after(*sequence, 1),
            max_bytes: MAX_BLOCK_BYTES,
        };
        let answers = self.access.read_all(&wanted.iter().map(read).collect::<Vec<_>>())?;
        let mut found = Vec::new();
        for (sequence, answer) in wanted.iter().zip(answers) {
            let (blocks, _) = crate::store::access::cells(answer)?;
            let cards = Self::cards(owner, blocks).cards;
            found.extend(cards.into_iter().find(|card| card.sequence >= *sequence));
        }
        Ok(found)
    }

    /// The stall that a ritual's newest entries end in, if they do: see [`stall`](super::stall()). At most 20,000 entries
    /// are looked at, so that a longer stall seems that long.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the ritual's head is damaged. At a damaged entry the run ends.
    pub fn stalled(
        &self,
        assistant: &AssistantId,
        ritual: &RitualId,
        policy: &StallPolicy,
    ) -> Result<Option<Stall>> {
        let owner = self.owner(assistant, ritual);
        let mut entries: Vec<ScoredEntry> = Vec::new();
        let Some(head) = self.snapshot(&owner, Vec::new())?.head.transpose()? else { return Ok(None) };
        let mut below = head.sequence + 1;
        'all: while entries.len() < MAX_STALL {
            let names: Names = Kind::Block.before(Some(below), MAX_CHAIN);
            let (blocks, _) = self.access.cells(owner.clone(), names, MAX_BLOCK_BYTES)?;
            let cards = Self::cards(&owner, blocks).cards;
            let Some(first) = cards.first().map(|card| card.sequence) else { break };
            for card in cards.iter().rev() {
                let entry = ScoredEntry { sequence: card.sequence, novelty: score(card.novelty) };
                let follows = entries.last().is_none_or(|newer| newer.sequence == card.sequence + 1);
                if !follows || entry.novelty >= policy.threshold() {
                    break 'all;
                }
                entries.push(entry);
            }
            below = first;
        }
        entries.reverse();
        Ok(stall(&entries, policy))
    }
}

/// At most `count` positions from `first` to `last`, both among them.
fn spread(first: u64, last: u64, count: u64) -> Vec<u64> {
    let Some(length) = last.checked_sub(first) else { return Vec::new() };
    if length < count {
        return (first..=last).collect();
    }
    // A position has 48 bits and a count 10, so that the product fits.
    (0..count).map(|index| first + length * index / (count - 1)).collect()
}

fn point(head: &RitualHead, card: &Card) -> RitualPoint {
    RitualPoint {
        sequence: card.sequence,
        raw_bytes: card.raw_bytes,
        stored_bytes: head.stored(card).stored_bytes,
        entropy: score(card.entropy),
        novelty: score(card.novelty),
        created_at: card.created_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_both_ends_and_no_position_twice() {
        assert_eq!(spread(1, 3, 10), [1, 2, 3]);
        assert_eq!(spread(1, 101, 3), [1, 51, 101]);
        assert!(spread(2, 1, 5).is_empty());
        let all = spread(1, crate::types::EntryId::MAX_SEQUENCE, 1_000);
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]) && all.len() == 1_000);
        assert_eq!(all.last(), Some(&crate::types::EntryId::MAX_SEQUENCE));
    }
}
