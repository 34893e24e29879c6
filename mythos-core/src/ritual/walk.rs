//! Verifying the entries of one ritual from the newest down, each payload made once out of the one above it.

use std::collections::{BTreeMap, BTreeSet};

use super::account::STRAYS;
use super::card::Card;
use super::cell::Kind;
use super::compact::{MAX_TRIES, Spending};
use super::examine::{Examined, is_unknown_key};
use super::findings::{Cause, Findings};
use super::reroot::{blocks_of, first_of, group_of};
use super::thread::MAX_CHAIN;
use super::{RitualCompressionCache, RitualHead, RitualPart, SequenceRange, SymbolicIntent};
use crate::error::{Error, ErrorKind, Result};
use crate::seal::KeyId;
use crate::store::{Cell, CellName, MAX_CELL_BYTES, Names, Owner};

/// Where a walk down a ritual stands.
#[derive(Debug)]
pub(super) struct Walk {
    /// The head, or one that was made anew from the entries.
    pub(super) head: RitualHead,
    /// Only entries at lower positions are still to be seen.
    pub(super) below: u64,
    /// How many entries the head counts that no block holds.
    pub(super) missing: u64,
    /// Entries under keys that are not known: how many of each.
    pub(super) sealed: BTreeMap<KeyId, u64>,
    /// Groups that writers kept changing.
    pub(super) unsteady: u64,
    above: Above,
}

/// The payload of the next newer entry.
#[derive(Debug)]
enum Above {
    /// It has not been read yet.
    Unread,
    /// There is none.
    Nothing,
    Payload(Vec<u8>),
    /// It is lost, by what was found so.
    Lost(Cause),
    /// It is sealed under a key that is not known.
    Sealed,
}

/// What stands at some positions, by the blocks.
enum Item {
    Card(Box<Card>),
    /// A block that cannot be read.
    Damaged(SequenceRange, Error),
    /// Nothing: pruned entries, or missing ones.
    Gap(SequenceRange),
}

/// A group of entries as one snapshot shows it.
struct Group {
    head: RitualHead,
    /// Newest first.
    items: Vec<Item>,
    intents: BTreeMap<u64, Result<SymbolicIntent>>,
    operations: Vec<Cell>,
}

impl Walk {
    pub(super) fn new(head: RitualHead, below: u64, missing: u64) -> Self {
        let above = Above::Unread;
        Self { head, below, missing, sealed: BTreeMap::new(), unsteady: 0, above }
    }
}

impl RitualCompressionCache {
    /// Walks down until the ritual or the budget ends; says whether it was the ritual.
    pub(super) fn walk(
        &self,
        walk: &mut Walk,
        found: &mut Findings,
        spending: &mut Spending,
    ) -> Result<bool> {
        let owner = walk.head.cells();
        loop {
            let group = self.group_below(&owner, walk.below)?;
            let low = group.map_or(1, first_of);
            let names = group.map(blocks_of);
            if self.walk_steadily(walk, &owner, low, names, found, spending)? {
                return Ok(false);
            }
            if group.is_none() || walk.below <= 1 {
                return Ok(true);
            }
            if spending.is_spent(self.access.now()) {
                return Ok(false);
            }
        }
    }

    /// The highest group that may have an entry below a position.
    fn group_below(&self, owner: &Owner, below: u64) -> Result<Option<u64>> {
        let Some(newest) = below.checked_sub(1).filter(|newest| *newest > 0) else { return Ok(None) };
        let group = group_of(newest);
        if !self.is_empty(owner, blocks_of(group))? {
            return Ok(Some(group));
        }
        let names = Kind::Block.before(Some(below), 1);
        let (blocks, _) = self.access.cells(owner.clone(), names, MAX_CELL_BYTES as u64)?;
        let last = blocks.first().and_then(|block| Kind::Block.place(&block.name)).map(|(last, _)| last);
        Ok(last.filter(|last| *last > 0).map(group_of))
    }

    /// Verifies the entries from `low` up to where the walk stands; says whether the budget ended before. What looks
    /// damaged is looked at again if the ritual changed meanwhile.
    fn walk_steadily(
        &self,
        walk: &mut Walk,
        owner: &Owner,
        low: u64,
        names: Option<Names>,
        found: &mut Findings,
        spending: &mut Spending,
    ) -> Result<bool> {
        let (mark, below, sealed) = (found.mark(), walk.below, walk.sealed.clone());
        for _ in 0..MAX_TRIES {
            let snapshot = self.snapshot(owner, names.clone().into_iter().collect())?;
            let version = snapshot.version();
            let blocks = snapshot.cells.into_iter().flatten().collect();
            let head = snapshot.head.and_then(Result::ok).unwrap_or_else(|| walk.head.clone());
            let group = self.read_group(head, blocks, low, below, found)?;
            let is_stopped = self.walk_group(walk, group, low, found, spending)?;
            if found.is_clean_since(mark) || self.snapshot(owner, Vec::new())?.version() == version {
                return Ok(is_stopped);
            }
            found.rewind(mark);
            walk.below = below;
            walk.sealed.clone_from(&sealed);
            walk.above = Above::Unread;
        }
        walk.unsteady += 1;
        (walk.below, walk.above) = (low, Above::Unread);
        Ok(false)
    }

    /// Takes the blocks of a group apart.
    fn read_group(
        &self,
        head: RitualHead,
        mut blocks: Vec<Cell>,
        low: u64,
        below: u64,
        found: &mut Findings,
    ) -> Result<Group> {
        let owner = head.cells();
        blocks.retain(|block| Kind::Block.has(&block.name));
        let read = Self::blocks(&owner, blocks.clone());
        let names: BTreeSet<CellName> =
            read.iter().map(|block| Kind::Block.name(block.last, block.revision)).collect();
        for Cell { name, .. } in blocks.iter().filter(|cell| !names.contains(&cell.name)) {
            self.orphans(&owner, Names::one(*name), found)?;
        }
        let lasts: Vec<u64> = read.iter().map(|block| block.last).collect();
        let (mut items, mut next) = (Vec::new(), below);
        for (index, block) in read.into_iter().enumerate().rev() {
            let behind = block.last.min(below - 1) + 1;
            match block.content {
                Ok((_, mut cards)) => {
                    cards.retain(|card| card.sequence < below);
                    // Of one that reaches down from above, all may have been seen before.
                    let Some(first) = cards.first().map(|card| card.sequence) else { continue };
                    gap(&mut items, behind, next);
                    items.extend(cards.into_iter().rev().map(|card| Item::Card(Box::new(card))));
                    next = first;
                }
                // It was told with what is above.
                Err(_) if block.last >= below => {}
                Err(error) => {
                    let older = index.checked_sub(1).map(|older| lasts[older] + 1);
                    let first = older.unwrap_or(low).clamp(low, block.last.max(low));
                    gap(&mut items, behind, next);
                    items.push(Item::Damaged(SequenceRange { first, last: block.last }, error));
                    next = first;
                }
            }
        }
        gap(&mut items, low, next);
        let cards: Vec<Card> = items
            .iter()
            .filter_map(|item| match item {
                Item::Card(card) => Some((**card).clone()),
                _ => None,
            })
            .collect();
        let intents = cards.iter().map(|card| card.sequence).zip(self.intents(&head, &cards)?).collect();
        let operations = self.operation_cells(&head, &cards)?;
        Ok(Group { head, items, intents, operations })
    }

    /// Verifies the entries of a group; says whether the budget ended before.
    fn walk_group(
        &self,
        walk: &mut Walk,
        group: Group,
        low: u64,
        found: &mut Findings,
        spending: &mut Spending,
    ) -> Result<bool> {
        let Group { head, items, mut intents, operations } = group;
        let high = walk.below;
        if matches!(walk.above, Above::Unread) {
            walk.above = self.read_above(&head, high)?;
        }
        let mut named: Named = Named::default();
        let (mut is_stopped, mut hole) = (false, None);
        for item in items {
            match item {
                Item::Gap(range) => {
                    if walk.missing > 0 {
                        hole = Some(self.miss(walk.missing, range, found));
                        named.blind.push(range);
                    }
                    walk.below = range.first;
                }
                Item::Damaged(range, error) => {
                    let cause = found.add(RitualPart::Card, Some(range.last), &error);
                    found.lose(cause, range);
                    found
                        .unverified
                        .extend((range.first..=range.last).rev().take(super::Scrubbed::MAX_DAMAGED + 1));
                    walk.above = Above::Lost(cause);
                    named.blind.push(range);
                    (walk.below, hole) = (range.first, None);
                }
                Item::Card(card) => {
                    named.add(&head, &card);
                    let intent =
                        intents.remove(&card.sequence).unwrap_or_else(|| Ok(SymbolicIntent::default()));
                    self.walk_entry(walk, &head, &card, &intent, &operations, hole.take(), found, spending)?;
                    walk.below = card.sequence;
                    if card.sequence > low && spending.is_spent(self.access.now()) {
                        is_stopped = true;
                        break;
                    }
                }
            }
        }
        if !is_stopped {
            walk.below = low;
        }
        self.find_strays(&head.cells(), walk.below, high, named, found)?;
        Ok(is_stopped)
    }

    /// Notes that entries are missing at some positions.
    fn miss(&self, missing: u64, range: SequenceRange, found: &mut Findings) -> Cause {
        let SequenceRange { first, last } = range;
        let message = format!(
            "the head counts {missing} entries that are nowhere: those at {first} to {last} may be among them"
        );
        let cause = found.add(RitualPart::Card, Some(last), &Error::corrupt(message));
        found.lose(cause, range);
        cause
    }

    #[expect(clippy::too_many_arguments, reason = "all that is known of an entry, used once")]
    fn walk_entry(
        &self,
        walk: &mut Walk,
        head: &RitualHead,
        card: &Card,
        intent: &Result<SymbolicIntent>,
        operations: &[Cell],
        hole: Option<Cause>,
        found: &mut Findings,
        spending: &mut Spending,
    ) -> Result<()> {
        let sequence = Some(card.sequence);
        let (payload, above) = match std::mem::replace(&mut walk.above, Above::Nothing) {
            Above::Payload(payload) => (Some(payload), Above::Nothing),
            above => (None, above),
        };
        let of_card: Vec<(RitualPart, Cause)> = self
            .examine_card(head, card, intent, operations)
            .into_iter()
            .map(|(part, error)| (part, found.add(part, sequence, &error)))
            .collect();
        let patches = self.patch_cell(head, card)?;
        let Examined { payload, faults, sealed, decoded } = self.examine(head, card, &patches, payload)?;
        spending.spend(decoded);
        found.entries += 1;
        let is_torn = |part: RitualPart| part == RitualPart::Patch && hole.is_some();
        let of_payload: Vec<(RitualPart, Cause)> = faults
            .into_iter()
            // Behind missing entries a patch fits nothing, and is none the worse for it.
            .filter(|(part, _)| !is_torn(*part))
            .map(|(part, error)| (part, found.add(part, sequence, &error)))
            .collect();
        let own = |part| of_payload.iter().find(|(of, _)| *of == part).map(|(_, cause)| *cause);
        let signed = of_card.iter().find(|(part, _)| *part == RitualPart::Card).map(|(_, cause)| *cause);
        let here = SequenceRange { first: card.sequence, last: card.sequence };
        if payload.is_none() && sealed.is_some() {
            if let Some(key) = &card.key {
                *walk.sealed.entry(key.clone()).or_default() += 1;
            }
            found.unverified.push(card.sequence);
            walk.above = Above::Sealed;
            return Ok(());
        }
        let cause = match (&payload, above) {
            (Some(_), _) => None,
            (None, above) => {
                Some(own(RitualPart::Whole).or_else(|| own(RitualPart::Patch)).or(hole).unwrap_or_else(
                    || match above {
                        Above::Lost(Some(cause)) => Some(cause),
                        _ => found.add(RitualPart::Patch, sequence, &self.nothing_left(head, card)),
                    },
                ))
            }
        };
        if let Some(cause) = cause.or(signed) {
            found.lose(cause, here);
        }
        if cause.is_some() || signed.is_some() || intent.is_err() {
            found.unverified.push(card.sequence);
        }
        if payload.is_some() {
            found.bytes += card.raw_bytes;
        }
        walk.above = match payload {
            Some(payload) => Above::Payload(payload),
            None => Above::Lost(cause.flatten()),
        };
        Ok(())
    }

    /// Why an entry is lost of which nothing stored is damaged.
    pub(super) fn nothing_left(&self, head: &RitualHead, card: &Card) -> Error {
        let entry = head.root.at(card.sequence);
        Error::corrupt(format!("nothing is left that entry {entry} can be made from"))
    }

    /// The payload of the lowest entry at `bound` or above.
    fn read_above(&self, head: &RitualHead, bound: u64) -> Result<Above> {
        let owner = head.cells();
        let names = Kind::Block.at_or_after(bound, MAX_CHAIN);
        let (blocks, _) = self.access.cells(owner.clone(), names, MAX_CELL_BYTES as u64)?;
        let cards = Self::cards(&owner, blocks.clone()).cards;
        let Some(next) = cards.iter().find(|card| card.sequence >= bound) else { return Ok(Above::Nothing) };
        let payload = self
            .cards_from(head, &owner, blocks, next.sequence)
            .and_then(|cards| self.payload(head, &cards, &mut Vec::new()));
        match payload {
            Ok((payload, _)) => Ok(Above::Payload(payload)),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Above::Lost(None)),
            Err(error) if is_unknown_key(&error) => Ok(Above::Sealed),
            Err(error) => Err(error),
        }
    }

    /// Notes the frames of positions in `low..high` that no card names.
    fn find_strays(
        &self,
        owner: &Owner,
        low: u64,
        high: u64,
        named: Named,
        found: &mut Findings,
    ) -> Result<()> {
        let Named { mut wholes, mut patches, blind } = named;
        for (kind, names) in [(Kind::Whole, &mut wholes), (Kind::Patch, &mut patches)] {
            let begin = if low <= 1 { CellName::of_array([kind as u8]) } else { kind.name(low, 0) };
            let mut known: Vec<(CellName, CellName)> = blind
                .iter()
                .map(|range| (kind.name(range.first, 0), kind.name(range.last.saturating_add(1), 0)))
                .chain(names.drain(..).filter_map(|name| Some((name, name.successor()?))))
                .collect();
            known.sort_unstable();
            let mut from = begin;
            for (start, behind) in known.into_iter().chain([(kind.name(high, 0), kind.name(high, 0))]) {
                if from < start {
                    let names =
                        Names::Range { from: Some(from), until: Some(start), limit: STRAYS, reverse: false };
                    self.orphans(owner, names, found)?;
                }
                from = from.max(behind);
            }
        }
        Ok(())
    }
}

/// The cells that the cards of some entries name.
#[derive(Debug, Default)]
struct Named {
    wholes: Vec<CellName>,
    patches: Vec<CellName>,
    /// Of these positions nothing is known.
    blind: Vec<SequenceRange>,
}

impl Named {
    fn add(&mut self, head: &RitualHead, card: &Card) {
        let whole = card.whole.filter(|_| head.has_whole(card));
        self.wholes.extend(whole.map(|whole| Kind::Whole.name(card.sequence, whole.revision)));
        self.patches.extend(card.patch_revision().map(|revision| Kind::Patch.name(card.sequence, revision)));
    }
}

/// Notes the positions from `first` to before `next`, if there are any.
fn gap(items: &mut Vec<Item>, first: u64, next: u64) {
    if first < next {
        items.push(Item::Gap(SequenceRange { first, last: next - 1 }));
    }
}
