//! Pruning one group of entries: one commit.

use std::ops::Range;

use super::RitualCompressionCache;
use super::RitualHead;
use super::SymbolicIntent;
use super::cache::is_damage;
use super::card::{self, Card};
use super::cell::{Kind, hexadecimal};
use super::compact::{MAX_TRIES, is_local};
use super::prune::{Doomed, Pruning};
use super::reroot::{Descent, Form, all_of, blocks_of, first_of, group_of};
use super::save::revision;
use super::thread::{MAX_BLOCK_BYTES, MAX_CHAIN};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Batch, Cell, CellName, Expect, Names, Owner};
use crate::types::Timestamp;

/// Blocks below a group whose entries may depend on it, or become the newest: each holds at least one entry.
const BLOCKS_BELOW: u32 = 2;

/// One group of a ritual and what borders on it, as one snapshot shows it.
struct Part {
    group: u64,
    head: RitualHead,
    expect: Expect,
    /// The entries of up to two blocks below the group, and then the group's, oldest first.
    cards: Vec<Card>,
    /// Whether each of them is to go.
    doomed: Vec<bool>,
    /// The blocks of `cards` below the group, with the indexes of their cards.
    below: Vec<(CellName, Range<usize>)>,
    /// The index of the group's first card.
    start: usize,
    /// The blocks of the group.
    names: Vec<CellName>,
    /// The positions of damaged blocks that go as a whole.
    lost: Vec<(u64, u64)>,
    /// Whether there are entries below the group.
    has_below: bool,
    /// Whether what is just below the group can be read.
    knows_below: bool,
    /// The first block above the group.
    above: Vec<Cell>,
}

/// What is to be done with the patch of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// It is left as it is.
    Keep,
    /// It goes, and the entry stays whole.
    Drop,
    /// It is made anew, against the entry at this index.
    Over(usize),
}

/// What is to be done with an entry that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    index: usize,
    link: Link,
    /// Whether it has to be whole as well.
    whole: bool,
}

impl RitualCompressionCache {
    /// Deletes what is doomed of one group, and gives what depended on it another base.
    pub(super) fn prune_group(
        &self,
        owner: &Owner,
        group: u64,
        doomed: &Doomed<'_>,
        work: &mut Pruning,
    ) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let version = self.snapshot(owner, Vec::new())?.version();
            let tried = match self.part(owner, group, doomed, work) {
                Ok(Some(part)) => self.prune_part(owner, &part, work),
                Ok(None) => return Ok(()),
                Err(error) => Err(error),
            };
            match tried {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                // What was found damaged may have been moved by a writer meanwhile.
                Err(error) if is_local(&error) && self.snapshot(owner, Vec::new())?.version() != version => {}
                result => return result,
            }
        }
        Err(Error::conflict("writers kept changing it; prune again"))
    }

    /// Reads a group, and tells which of its entries are to go; `None` if none is.
    fn part(
        &self,
        owner: &Owner,
        group: u64,
        doomed: &Doomed<'_>,
        work: &mut Pruning,
    ) -> Result<Option<Part>> {
        let first = first_of(group);
        let names = vec![
            Kind::Block.before(Some(first), BLOCKS_BELOW),
            blocks_of(group),
            Kind::Block.at_or_after(first_of(group + 1), 1),
        ];
        let snapshot = self.snapshot(owner, names)?;
        let Some(head) = snapshot.head.transpose()? else { return Ok(None) };
        let mut cells = snapshot.cells.into_iter();
        let (mut lower, mut blocks, above) = (
            cells.next().unwrap_or_default(),
            cells.next().unwrap_or_default(),
            cells.next().unwrap_or_default(),
        );
        lower.reverse();
        blocks.retain(|block| Kind::Block.has(&block.name));
        let has_below = !lower.is_empty();
        let (mut cards, mut below, mut knows_below) = (Vec::new(), Vec::new(), true);
        for block in lower {
            let name = block.name;
            let read = Self::cards(owner, vec![block]);
            knows_below = read.damaged.is_empty() && Kind::Block.has(&name);
            let from = cards.len();
            cards.extend(read.cards);
            below.push((name, from..cards.len()));
        }
        if !knows_below {
            (cards, below) = (Vec::new(), Vec::new());
        }
        let start = cards.len();
        let names: Vec<CellName> = blocks.iter().map(|block| block.name).collect();
        let lost = doomed_blocks(owner, first, &blocks, doomed)?;
        let own = Self::cards(owner, blocks).cards;
        let marks = self.marks(&head, &own, doomed, work)?;
        if lost.is_empty() && !marks.contains(&true) {
            return Ok(None);
        }
        let mut doomed = vec![false; start];
        doomed.extend(marks);
        cards.extend(own);
        let expect = snapshot.expect;
        Ok(Some(Part {
            group,
            head,
            expect,
            cards,
            doomed,
            below,
            start,
            names,
            lost,
            has_below,
            knows_below,
            above,
        }))
    }

    /// Whether each card is to go. One whose labels cannot be read stays where labels count.
    fn marks(
        &self,
        head: &RitualHead,
        cards: &[Card],
        doomed: &Doomed<'_>,
        work: &mut Pruning,
    ) -> Result<Vec<bool>> {
        let newest = head.newest.first().copied();
        let marks = cards.iter().map(|card| doomed.names(card.sequence, newest));
        let Some(labels) = doomed.labels().filter(|labels| !labels.is_empty()) else {
            return Ok(marks.collect());
        };
        let intents = self.intents(head, cards)?;
        Ok(marks
            .zip(intents)
            .map(|(is_named, intent)| match intent {
                _ if !is_named => false,
                Ok(intent) => intent.labels.is_disjoint(labels),
                Err(error) => {
                    work.skip(head, &error);
                    false
                }
            })
            .collect())
    }

    /// Commits what becomes of a part.
    fn prune_part(&self, owner: &Owner, part: &Part, work: &mut Pruning) -> Result<()> {
        let mut newest = part.newest()?;
        let changes = part.changes(&newest);
        let gone =
            || part.cards.iter().zip(&part.doomed).filter(|(_, is_doomed)| **is_doomed).map(|(card, _)| card);
        let gone_bytes: u64 = gone().map(|card| part.head.stored(card).stored_bytes).sum();
        if work.dry_run {
            work.note(gone().count() as u64, changes.len() as u64, gone_bytes as i64, gone_bytes);
            return Ok(());
        }
        let revision = revision(part.expect)?;
        let (mut batch, mut cards) = (Batch::new(), part.cards.clone());
        let mut descent = Descent::new(self, &part.head, &part.cards);
        let (mut worked, mut changed) = (gone_bytes, 0);
        for change in &changes {
            match self.change(&mut batch, part, change, &mut descent, revision) {
                Ok(card) => {
                    worked = worked.saturating_add(card.raw_bytes);
                    cards[change.index] = card;
                    changed += 1;
                }
                // A ritual whose newest entry is lost would be worse off than before.
                Err(error)
                    if is_lost(&error) && newest.first() != Some(&part.cards[change.index].sequence) =>
                {
                    newest.retain(|sequence| *sequence != part.cards[change.index].sequence);
                    work.skip(&part.head, &error);
                }
                Err(error) => return Err(error),
            }
        }
        let mut head = part.head.clone();
        head.newest = newest;
        for card in cards[part.start..].iter_mut().filter(|card| !head.has_whole(card)) {
            card.whole = None;
        }
        self.stage_cells(&mut batch, owner, part, &cards, &head, revision)?;
        let before: u64 = part.cards.iter().map(|card| part.head.stored(card).stored_bytes).sum();
        let after: u64 = part.survivors(&cards).map(|card| head.stored(card).stored_bytes).sum();
        head.stored_bytes = head.stored_bytes.saturating_sub(before).saturating_add(after);
        self.count(&mut head, owner, part, &cards)?;
        batch.put(owner.id, part.expect, &head)?;
        self.access.commit(batch)?;
        if head.newest.first() != part.head.newest.first() {
            self.shared.cool(owner);
        }
        work.note(gone().count() as u64, changed, before as i64 - after as i64, worked);
        Ok(())
    }

    /// Carries out what is to be done with one entry that stays, and gives its card.
    fn change(
        &self,
        batch: &mut Batch,
        part: &Part,
        change: &Change,
        descent: &mut Descent<'_>,
        revision: u32,
    ) -> Result<Card> {
        let (head, card) = (&part.head, &part.cards[change.index]);
        let mut next = card.clone();
        if change.link == Link::Drop && self.is_whole_sound(head, card)? {
            delete_patch(batch, &head.cells(), card);
            next.patch = None;
            next.whole = next.whole.map(|whole| card::Whole { stays: true, ..whole });
            return Ok(next);
        }
        let base = match change.link {
            Link::Over(base) if part.cards[base].key == card.key => match descent.payload(base) {
                Ok((payload, _)) => Some(payload),
                // What is to be the base cannot be one; the entry stays whole.
                Err(error) if is_lost(&error) => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        let (payload, salt) = descent.payload(change.index)?;
        let key = self.key_of(card)?;
        let (base, whole) = (
            base.as_ref().map(|base| &base[..]),
            change.whole || change.link != Link::Keep && base.is_none(),
        );
        let form = Form { payload: &payload, salt, base, whole, key: key.as_ref(), revision };
        let owner = head.cells();
        if let Some(whole) = card.whole.filter(|_| head.has_whole(card)) {
            batch.delete_cells(owner.clone(), Names::one(Kind::Whole.name(card.sequence, whole.revision)));
        }
        self.store_anew(batch, head, &mut next, &form)?;
        if change.link == Link::Keep {
            next.patch.clone_from(&card.patch);
            next.whole = next.whole.map(|whole| card::Whole { stays: next.patch.is_none(), ..whole });
        } else {
            delete_patch(batch, &owner, card);
        }
        Ok(next)
    }

    /// Whether the whole payload of an entry is there and the signed one.
    fn is_whole_sound(&self, head: &RitualHead, card: &Card) -> Result<bool> {
        if !head.has_whole(card) {
            return Ok(false);
        }
        let checked = self
            .whole(head, card, &mut Vec::new())
            .and_then(|(payload, salt)| self.check_payload(head, card, salt, &payload));
        match checked {
            Ok(()) => Ok(true),
            // Nobody can read it, and nobody has to: it stays as it is.
            Err(error) if error.field() == Some("key") => Ok(true),
            Err(error) if is_damage(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Stages the blocks of what stays, and the deletion of all that belongs to what goes.
    fn stage_cells(
        &self,
        batch: &mut Batch,
        owner: &Owner,
        part: &Part,
        cards: &[Card],
        head: &RitualHead,
        revision: u32,
    ) -> Result<()> {
        if part.is_emptied() {
            batch.cells.clear();
            batch.delete_cells(owner.clone(), Names::all());
            return Ok(());
        }
        let mut operations = Vec::new();
        for (first, last) in part.runs() {
            for kind in [Kind::Whole, Kind::Patch] {
                batch.delete_cells(owner.clone(), all_of(kind, first, last));
            }
        }
        for (card, _) in part.cards.iter().zip(&part.doomed).filter(|(_, is_doomed)| **is_doomed) {
            operations.push(Kind::Operation.named_after(&card.operation));
        }
        operations.sort_unstable();
        operations.dedup();
        batch.delete_cells(owner.clone(), Names::These { names: operations });
        for (name, range) in &part.below {
            if cards[range.clone()] != part.cards[range.clone()] {
                batch.delete_cells(owner.clone(), Names::one(*name));
                self.put_block(batch, head, &cards[range.clone()], revision)?;
            }
        }
        batch.delete_cells(owner.clone(), Names::These { names: part.names.clone() });
        let own: Vec<Card> = (part.start..cards.len())
            .filter(|index| !part.doomed[*index])
            .map(|index| cards[index].clone())
            .collect();
        self.put_block(batch, head, &own, revision)
    }

    /// Brings what a head says of its entries in line with what stays of a part.
    fn count(&self, head: &mut RitualHead, owner: &Owner, part: &Part, cards: &[Card]) -> Result<()> {
        if part.lost.is_empty() {
            let gone = part.cards.iter().zip(&part.doomed).filter(|(_, is_doomed)| **is_doomed);
            for (card, _) in gone {
                head.entries = head.entries.saturating_sub(1);
                head.raw_bytes = head.raw_bytes.saturating_sub(card.raw_bytes);
            }
        } else {
            self.count_anew(head, owner, part, cards)?;
        }
        head.compacted = None;
        if let Some(scrubbed) = &mut head.scrubbed {
            let is_gone =
                |sequence: &u64| part.runs().iter().any(|(first, last)| (first..=last).contains(&sequence));
            scrubbed.damaged.retain(|sequence| !is_gone(sequence));
        }
        if let Some(first_at) = part.first_at(owner) {
            head.first_at = first_at;
        }
        if head.newest.first() != part.head.newest.first() {
            self.name_newest(head, part)?;
        }
        if part.is_emptied() {
            (head.entries, head.raw_bytes, head.stored_bytes) = (0, 0, 0);
            head.labels.clear();
            head.dictionaries.clear();
        }
        Ok(())
    }

    /// Counts all entries that can be read: how many a damaged block held that goes, nobody knows.
    fn count_anew(&self, head: &mut RitualHead, owner: &Owner, part: &Part, cards: &[Card]) -> Result<()> {
        let own: Vec<&Card> = part.survivors(cards).collect();
        (head.entries, head.raw_bytes, head.stored_bytes) = (0, 0, 0);
        let mut add = |card: &Card| {
            head.entries += 1;
            head.raw_bytes = head.raw_bytes.saturating_add(card.raw_bytes);
            own_bytes(head, card)
        };
        let mut bytes: u64 = own.iter().map(|card| add(card)).sum();
        let mut from = 0;
        loop {
            let names = Kind::Block.at_or_after(from, MAX_CHAIN);
            let (blocks, _) = self.access.cells(owner.clone(), names, MAX_BLOCK_BYTES)?;
            let Some((last, _)) = blocks.last().and_then(|block| Kind::Block.place(&block.name)) else {
                break;
            };
            from = last + 1;
            let read = Self::cards(owner, blocks).cards;
            let others = read.iter().filter(|card| {
                group_of(card.sequence) != part.group && own.iter().all(|own| own.sequence != card.sequence)
            });
            bytes += others.map(&mut add).sum::<u64>();
        }
        head.stored_bytes = bytes;
        Ok(())
    }

    /// Lets a head name the entry that is its newest now.
    fn name_newest(&self, head: &mut RitualHead, part: &Part) -> Result<()> {
        let newest = head.newest.first().copied();
        let Some(card) = part.cards.iter().find(|card| Some(card.sequence) == newest) else {
            (head.signature, head.intent) = (String::new(), SymbolicIntent::default());
            return Ok(());
        };
        // Of an intent that cannot be read, the entry itself still says that it has one.
        let intent = self.intents(&part.head, std::slice::from_ref(card))?.remove(0);
        head.intent = intent.unwrap_or_default();
        head.signature = hexadecimal(&card.signature);
        head.updated_at = card.created_at;
        Ok(())
    }
}

impl Part {
    /// Whether no entry of the ritual stays.
    fn is_emptied(&self) -> bool {
        !self.has_below && self.above.is_empty() && !self.doomed.contains(&false)
    }

    /// What stays, out of `cards`, which are these or what became of them.
    fn survivors<'a>(&'a self, cards: &'a [Card]) -> impl Iterator<Item = &'a Card> {
        cards.iter().zip(&self.doomed).filter(|(_, is_doomed)| !**is_doomed).map(|(card, _)| card)
    }

    /// The positions that go, in runs between those that stay.
    fn runs(&self) -> Vec<(u64, u64)> {
        let mut runs = self.lost.clone();
        let mut is_open = false;
        for (card, is_doomed) in self.cards.iter().zip(&self.doomed) {
            match runs.last_mut() {
                Some((_, last)) if *is_doomed && is_open => *last = card.sequence,
                _ if *is_doomed => runs.push((card.sequence, card.sequence)),
                _ => {}
            }
            is_open = *is_doomed;
        }
        runs
    }

    /// The newest two entries of what stays; those of the head, if they do.
    fn newest(&self) -> Result<Vec<u64>> {
        let goes =
            |sequence: &u64| self.runs().iter().any(|(first, last)| (first..=last).contains(&sequence));
        if !self.head.newest.iter().any(goes) {
            return Ok(self.head.newest.clone());
        }
        let mut newest: Vec<u64> =
            self.head.newest.iter().copied().filter(|sequence| !goes(sequence)).collect();
        newest.extend(self.survivors(&self.cards).map(|card| card.sequence));
        newest.sort_unstable_by(|a, b| b.cmp(a));
        newest.dedup();
        newest.truncate(2);
        let reaches_below = newest.get(1).is_none_or(|sequence| group_of(*sequence) != self.group);
        if reaches_below && !self.knows_below {
            return Err(Error::corrupt("which entry would be the newest then cannot be read"));
        }
        Ok(newest)
    }

    /// What is to be done with the entries that stay, newest first.
    fn changes(&self, newest: &[u64]) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut above: Option<usize> = None;
        for index in (0..self.cards.len()).rev() {
            if self.doomed[index] {
                continue;
            }
            let change = self.change(index, above, newest);
            if change.link != Link::Keep || change.whole {
                changes.push(change);
            }
            above = Some(index);
        }
        changes
    }

    /// What is to be done with the entry at `index`, if that at `above` is the next newer one that stays.
    fn change(&self, index: usize, above: Option<usize>, newest: &[u64]) -> Change {
        let card = &self.cards[index];
        let has_whole = self.head.has_whole(card);
        if newest.first() == Some(&card.sequence) {
            let link = if card.patch.is_some() || !has_whole { Link::Drop } else { Link::Keep };
            return Change { index, link, whole: false };
        }
        let is_new = newest.contains(&card.sequence);
        let lost_base = self.loses_base(index);
        let base = above.filter(|above| group_of(self.cards[*above].sequence) == group_of(card.sequence));
        let stays = card.whole.is_some_and(|whole| whole.stays);
        let link = match base {
            _ if !lost_base || (card.patch.is_none() && stays) => Link::Keep,
            Some(base) if !stays => Link::Over(base),
            _ => Link::Drop,
        };
        let whole = is_new && (!has_whole || matches!(link, Link::Over(_)));
        Change { index, link, whole }
    }

    /// Whether the entry that the one at `index` is based on goes.
    fn loses_base(&self, index: usize) -> bool {
        let behind = self.cards[index].sequence + 1;
        let next = self.cards.get(index + 1).map(|card| card.sequence);
        // A damaged block between the two held the base.
        let between = behind..next.unwrap_or(u64::MAX);
        self.doomed.get(index + 1) == Some(&true)
            || self.lost.iter().any(|(first, _)| between.contains(first))
    }

    /// When the oldest entry of what stays was saved, unless that lies below.
    fn first_at(&self, owner: &Owner) -> Option<Timestamp> {
        if self.has_below {
            return None;
        }
        let above = RitualCompressionCache::cards(owner, self.above.clone()).cards;
        let oldest = self.survivors(&self.cards).chain(&above).next();
        oldest.map(|card| card.created_at)
    }
}

/// The positions of the damaged blocks of a group, if each goes as a whole.
fn doomed_blocks(owner: &Owner, first: u64, blocks: &[Cell], doomed: &Doomed<'_>) -> Result<Vec<(u64, u64)>> {
    let (mut from, mut lost) = (first, Vec::new());
    for block in RitualCompressionCache::blocks(owner, blocks.to_vec()) {
        if let Err(error) = block.content {
            if !doomed.names_all(from, block.last) {
                return Err(error);
            }
            lost.push((from, block.last));
        }
        from = block.last + 1;
    }
    Ok(lost)
}

fn own_bytes(head: &RitualHead, card: &Card) -> u64 {
    head.stored(card).stored_bytes
}

fn delete_patch(batch: &mut Batch, owner: &Owner, card: &Card) {
    if let Some(revision) = card.patch_revision() {
        batch.delete_cells(owner.clone(), Names::one(Kind::Patch.name(card.sequence, revision)));
    }
}

/// Whether an entry is damaged, or its key was destroyed.
fn is_lost(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound)
}
