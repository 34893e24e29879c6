//! What a ritual's cards say altogether, compared with its head and with the cells beside them.

use std::collections::{BTreeMap, BTreeSet};

use super::card::{Card, IntentDigest, OperationMark};
use super::cell::{self, Kind};
use super::findings::{Cause, Findings};
use super::thread::MAX_BLOCK_BYTES;
use super::{
    RitualCompressionCache, RitualDictionaries, RitualHead, RitualPart, SequenceRange, SymbolicIntent,
};
use crate::error::{Error, Result};
use crate::store::{Cell, CellName, MAX_CELL_BYTES, Model, Names, Owner};

/// Cells that nothing names, told at once for one place.
pub(super) const STRAYS: u32 = 8;

/// Small cells that one read takes.
const CELLS: u32 = 1_000;

/// What the cards of a ritual say altogether.
#[derive(Debug, Default)]
pub(super) struct Account {
    entries: u64,
    /// How many entries stand in blocks that cannot be read, at most.
    unread: u64,
    intents: BTreeMap<IntentDigest, Vec<SequenceRange>>,
    marks: BTreeSet<OperationMark>,
    /// Cells that lie among the blocks and are none by their names.
    malformed: Vec<CellName>,
    pub(super) dictionaries: BTreeSet<u32>,
}

impl Account {
    /// How many entries the head counts that are nowhere.
    pub(super) fn missing(&self, head: &RitualHead) -> u64 {
        head.entries.saturating_sub(self.entries).saturating_sub(self.unread)
    }

    fn add(&mut self, head: &RitualHead, card: &Card) {
        self.entries += 1;
        let number = card.whole.filter(|_| head.has_whole(card)).map(|whole| whole.dictionary);
        self.dictionaries.extend(number.filter(|number| *number != 0));
        if card.is_marked {
            self.marks.insert(card.operation);
        }
        if let Some(intent) = card.intent {
            let ranges = self.intents.entry(intent).or_default();
            match ranges.last_mut() {
                Some(last) if last.last + 1 == card.sequence => last.last = card.sequence,
                _ => ranges.push(SequenceRange { first: card.sequence, last: card.sequence }),
            }
        }
    }
}

impl RitualCompressionCache {
    /// Reads all cards of a ritual.
    pub(super) fn account(&self, head: &RitualHead) -> Result<Account> {
        let (owner, mut account, mut before) = (head.cells(), Account::default(), 0);
        self.each_cell(&owner, Kind::Block, |block| {
            let Some((last, _)) = Kind::Block.exact_place(&block.name) else {
                account.malformed.push(block.name);
                return;
            };
            // What comes a second time is the walk's to find, and what is newer than the head another check's.
            if !(before + 1..=head.sequence).contains(&last) {
                return;
            }
            let read = Self::cards(&owner, vec![block]);
            read.cards.iter().for_each(|card| account.add(head, card));
            if !read.damaged.is_empty() {
                account.unread += last - before;
            }
            before = last;
        })?;
        Ok(account)
    }

    /// Whether an owner has none of these cells.
    pub(super) fn is_empty(&self, owner: &Owner, names: Names) -> Result<bool> {
        let (cells, more) = self.access.cells(owner.clone(), names, 0)?;
        Ok(cells.is_empty() && !more)
    }

    /// Compares an account with the ritual's head and with the cells beside the cards.
    pub(super) fn check_account(
        &self,
        head: &RitualHead,
        account: &Account,
        found: &mut Findings,
    ) -> Result<()> {
        if account.entries > head.entries {
            let (is, says) = (account.entries, head.entries);
            let error = Error::corrupt(format!("the head counts {says} entries where there are {is}"));
            found.add(RitualPart::Head, None, &error);
        }
        for name in &account.malformed {
            self.orphans(&head.cells(), Names::one(*name), found)?;
        }
        self.check_newer(head, found)?;
        self.check_intents(head, account, found)?;
        self.check_operations(head, account, found)?;
        self.check_foreign(head, found)?;
        self.check_needed(head, account, found)
    }

    /// Nothing is there of entries that the head knows nothing of.
    fn check_newer(&self, head: &RitualHead, found: &mut Findings) -> Result<()> {
        let (owner, from) = (head.cells(), head.sequence.saturating_add(1));
        let parts = [
            (Kind::Block, RitualPart::Head),
            (Kind::Patch, RitualPart::Orphan),
            (Kind::Whole, RitualPart::Orphan),
        ];
        for (kind, part) in parts {
            // Also names of positions that no entry has.
            let until = Some(CellName::of_array([kind as u8 + 1]));
            let names = Names::Range { from: Some(kind.name(from, 0)), until, limit: 1, reverse: false };
            let (cells, _) = self.access.cells(owner.clone(), names, MAX_CELL_BYTES as u64)?;
            // Among the blocks, what is none by its name was told before.
            let is_told = |name: &CellName| kind == Kind::Block && !kind.has(name);
            for Cell { name, .. } in cells.into_iter().filter(|cell| !is_told(&cell.name)) {
                let message = format!("cell {name} is of a newer entry than the head knows of");
                found.add(
                    part,
                    kind.exact_place(&name).map(|(sequence, _)| sequence),
                    &Error::corrupt(message),
                );
            }
        }
        Ok(())
    }

    fn check_intents(&self, head: &RitualHead, account: &Account, found: &mut Findings) -> Result<()> {
        let owner = head.cells();
        let mut wanted: BTreeMap<CellName, &Vec<SequenceRange>> = account
            .intents
            .iter()
            .map(|(digest, ranges)| (Kind::Intent.named_after(digest), ranges))
            .collect();
        let in_head = head.intent.stored()?.map(|(digest, _)| Kind::Intent.named_after(&digest));
        let mut damaged: Vec<(CellName, Error)> = Vec::new();
        self.each_cell(&owner, Kind::Intent, |cell| {
            wanted.remove(&cell.name);
            let read = cell::open(&owner, &cell.name, &cell.bytes).and_then(SymbolicIntent::from_stored);
            damaged.extend(read.err().map(|error| (cell.name, error)));
        })?;
        damaged.extend(wanted.into_keys().map(|name| {
            let message = format!("the intent in cell {name} is missing");
            (name, Error::corrupt(message))
        }));
        for (name, error) in damaged {
            let ranges = account.intents.iter().find(|(digest, _)| Kind::Intent.named_after(digest) == name);
            let ranges = ranges.map(|(_, ranges)| ranges.as_slice()).unwrap_or_default();
            let newest = ranges.last().map(|range| range.last);
            let cause = found.add(RitualPart::Intent, newest, &error);
            // What the head says of the newest entry serves every entry that is for the same.
            if in_head != Some(name) {
                lose_all(found, cause, ranges);
            }
        }
        Ok(())
    }

    /// Those that a card names are checked with it.
    fn check_operations(&self, head: &RitualHead, account: &Account, found: &mut Findings) -> Result<()> {
        let owner = head.cells();
        self.each_cell(&owner, Kind::Operation, |cell| {
            let mark = cell.name.as_bytes().get(1..).and_then(|mark| mark.try_into().ok());
            if mark.is_none_or(|mark: OperationMark| !account.marks.contains(&mark))
                && let Err(error) = cell::open(&owner, &cell.name, &cell.bytes)
            {
                found.add(RitualPart::Operation, None, &error);
            }
        })
    }

    /// No cell has a name that this layout does not know.
    fn check_foreign(&self, head: &RitualHead, found: &mut Findings) -> Result<()> {
        let mut known = [Kind::Block, Kind::Intent, Kind::Operation, Kind::Patch, Kind::Whole];
        known.sort_unstable();
        let mut from = None;
        for until in known.map(Some).into_iter().chain([None]) {
            let names = Names::Range {
                from,
                until: until.map(|kind| CellName::of_array([kind as u8])),
                limit: STRAYS,
                reverse: false,
            };
            self.orphans(&head.cells(), names, found)?;
            from = until.map(|kind| CellName::of_array([kind as u8 + 1]));
        }
        Ok(())
    }

    /// Notes the cells of these names, which should not be.
    pub(super) fn orphans(&self, owner: &Owner, names: Names, found: &mut Findings) -> Result<()> {
        let (cells, _) = self.access.cells(owner.clone(), names, MAX_CELL_BYTES as u64)?;
        for Cell { name, .. } in cells {
            let place =
                [Kind::Block, Kind::Patch, Kind::Whole].into_iter().find_map(|kind| kind.exact_place(&name));
            let sequence = place.map(|(sequence, _)| sequence);
            found.add(RitualPart::Orphan, sequence, &Error::corrupt(format!("nothing names cell {name}")));
        }
        Ok(())
    }

    /// The dictionaries that frames need are among those of the assistant; whether they are sound is checked once for
    /// all its rituals.
    fn check_needed(&self, head: &RitualHead, account: &Account, found: &mut Findings) -> Result<()> {
        let owner = RitualDictionaries::owner(self.access.tenant(), &head.assistant);
        for number in &account.dictionaries {
            // What is prepared in memory must not hide what became of the stored.
            self.shared.dictionaries.remove(&(owner.clone(), *number));
        }
        if account.dictionaries.is_empty() {
            return Ok(());
        }
        let stored = match self.dictionaries(&head.assistant) {
            Ok(stored) => stored.map(|record| record.dictionaries).unwrap_or_default(),
            Err(error) if super::cache::is_damage(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        for number in &account.dictionaries {
            if stored.iter().all(|dictionary| dictionary.number != *number) {
                let table = RitualDictionaries::TABLE.name();
                let message = format!("dictionary {number} is needed, but not in the record of {table}");
                found.add(RitualPart::Dictionary, None, &Error::corrupt(message));
            }
        }
        Ok(())
    }

    /// Gives every cell of a kind.
    fn each_cell(&self, owner: &Owner, kind: Kind, mut give: impl FnMut(Cell)) -> Result<()> {
        let until = Some(CellName::of_array([kind as u8 + 1]));
        let mut from = Some(CellName::of_array([kind as u8]));
        while from.is_some() {
            let names = Names::Range { from, until, limit: CELLS, reverse: false };
            let (cells, more) = self.access.cells(owner.clone(), names, MAX_BLOCK_BYTES)?;
            let is_last = !more && cells.len() < CELLS as usize;
            from = cells.last().filter(|_| !is_last).and_then(|cell| cell.name.successor());
            cells.into_iter().for_each(&mut give);
        }
        Ok(())
    }
}

/// Notes that all these entries are lost, the newest first.
fn lose_all(found: &mut Findings, cause: Cause, ranges: &[SequenceRange]) {
    ranges.iter().rev().for_each(|range| found.lose(cause, *range));
}
