//! Forking a ritual at an entry, and copying one wholly.

use serde::{Deserialize, Serialize};

use super::card::Card;
use super::cell::{self, Kind, hexadecimal};
use super::compact::{MAX_TRIES, Spending, is_local};
use super::reroot::{Descent, Form, all_of, first_of, last_of};
use super::save::revision;
use super::thread::{MAX_BLOCK_BYTES, PAYLOAD};
use super::{
    CompressedRitual, ParentExpectation, RitualBudget, RitualCompressionCache, RitualHead, SaveRitual,
    SkippedEntry,
};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Batch, Cell, CellOp, Expect, Names, Owner};
use crate::types::{AssistantId, Commitment, EntryId, OperationId, RitualId};

/// The most bytes of payloads that one commit copies; always one entry.
const MAX_PART_BYTES: u64 = 64 << 20;

/// Where to fork a ritual, and what the new one is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForkRitual {
    /// The entry that the new ritual begins with.
    pub entry: EntryId,
    /// The assistant of the new ritual; that of the entry, if none is named.
    #[serde(default)]
    pub assistant: Option<AssistantId>,
    /// The new ritual.
    pub ritual: RitualId,
    /// Names this fork within the new ritual, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

/// What to copy, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyRitual {
    /// The assistant whose ritual is copied.
    pub assistant: AssistantId,
    /// The ritual that is copied.
    pub ritual: RitualId,
    /// The assistant of the copy; the same, if none is named.
    #[serde(default)]
    pub to_assistant: Option<AssistantId>,
    /// The copy.
    pub to_ritual: RitualId,
    /// How much to do.
    #[serde(default)]
    pub budget: RitualBudget,
}

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyReport {
    /// How many entries this call copied.
    pub entries: u64,
    /// How many bytes their payloads have.
    pub raw_bytes: u64,
    /// The entries of the origin that this call could not copy, since they are damaged or their key was destroyed.
    pub skipped: Vec<SkippedEntry>,
    /// Whether the copy is complete; if not, repeat the call.
    pub done: bool,
}

/// A ritual that is being copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfinishedCopy {
    /// What the ids of the origin's entries derive from.
    pub of: EntryId,
    /// How many entries were copied so far.
    pub entries: u64,
}

/// The entries of the origin that one commit copies.
struct Part {
    head: RitualHead,
    /// The entries, and those of their group behind them, oldest first.
    cards: Vec<Card>,
    /// How many of `cards` are copied.
    count: usize,
}

/// What became of a part.
#[derive(Default)]
struct Copied {
    /// Newest first.
    cards: Vec<Card>,
    skipped: Vec<SkippedEntry>,
}

impl RitualHead {
    /// Refuses a ritual that is a copy not complete yet.
    pub(super) fn check_complete(&self) -> Result<()> {
        if self.copying.is_none() {
            return Ok(());
        }
        let ritual = &self.ritual;
        Err(Error::conflict(format!(
            "ritual {ritual} is a copy that is not complete: copy again, or delete it"
        )))
    }
}

impl RitualCompressionCache {
    /// Begins a new ritual with the state of an entry: the first entry of the new one has the payload and the intent of
    /// that entry, which is its parent. Neither depends on the other any further.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such entry, or, with field `key`, if its key was destroyed;
    /// [`ErrorKind::Corrupt`] if it is damaged; [`ErrorKind::Conflict`] if the new ritual is there already;
    /// those of [`save`](Self::save).
    pub fn fork(&self, fork: &ForkRitual) -> Result<CompressedRitual> {
        let (origin, payload) = self.found(fork.entry)?;
        let save = SaveRitual {
            assistant: fork.assistant.clone().unwrap_or_else(|| origin.assistant.clone()),
            ritual: fork.ritual.clone(),
            intent: origin.intent(),
            parent: ParentExpectation::Absent,
            operation: fork.operation,
        };
        self.save_from(&save, &payload, Some(fork.entry), || payload.clone().into())
    }

    /// Copies a ritual wholly: all entries with their payloads, intents, scores, times and positions, under new ids,
    /// sealed under the provider's active key. Parents within the ritual become those of the copy; operations are not
    /// taken over. The copy is small once it is [compacted](Self::compact).
    ///
    /// Entries are copied from the oldest on, in parts of at most 64 entries, each one commit. Until all are there, the
    /// copy is a ritual without entries, which can be deleted but not saved to, pruned, forked or copied; its head names
    /// the [unfinished copy](UnfinishedCopy). Repeat the call until [`done`](CopyReport::done): it goes on where the call
    /// before stopped, after a crash too. What is saved to the origin meanwhile is copied as well; what is pruned meanwhile
    /// may be or not.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such ritual; [`ErrorKind::Conflict`] if the target is there and no unfinished
    /// copy of this ritual, if the origin is itself an unfinished copy, or if other writers were always faster;
    /// [`ErrorKind::Corrupt`] if a block of the origin's entries is damaged, which [`prune`](Self::prune) can delete. Single
    /// damaged entries are no errors but reported.
    pub fn copy(&self, copy: &CopyRitual) -> Result<CopyReport> {
        let to_assistant = copy.to_assistant.as_ref().unwrap_or(&copy.assistant);
        let (from, to) =
            (self.owner(&copy.assistant, &copy.ritual), self.owner(to_assistant, &copy.to_ritual));
        let mut report = CopyReport::default();
        let mut spending = Spending::new(copy.budget, self.access.now());
        let mut conflicts = 0;
        while !report.done {
            let origin = self.head_of(&from)?;
            let (expect, target) = self.target(&to, &origin, to_assistant, &copy.to_ritual)?;
            let copied = match self.next_part(&from, target.sequence)? {
                Some(part) => self.copy_part(expect, target, &part, &mut report),
                None => self.finish_copy(expect, target).map(|()| report.done = true),
            };
            match copied {
                Err(error) if error.kind() == ErrorKind::Conflict && conflicts < MAX_TRIES => conflicts += 1,
                result => {
                    result.map_err(|error| error.while_doing(format_args!("copy ritual {}", copy.ritual)))?
                }
            }
            spending.spend(report.raw_bytes.saturating_sub(spending.spent()));
            if spending.is_spent(self.access.now()) {
                break;
            }
        }
        Ok(report)
    }

    /// The head of the copy as far as it is: a new one, or one that is unfinished.
    fn target(
        &self,
        owner: &Owner,
        origin: &RitualHead,
        assistant: &AssistantId,
        ritual: &RitualId,
    ) -> Result<(Expect, RitualHead)> {
        let exists = || {
            Error::conflict(format!("ritual {ritual} of {assistant} is there already"))
                .with_field("to_ritual")
        };
        let snapshot = self.snapshot(owner, vec![Kind::Block.before(None, 1)])?;
        match snapshot.head {
            None if snapshot.cells.iter().all(Vec::is_empty) => {
                let mut head = self.new_head(assistant, ritual)?;
                head.copying = Some(UnfinishedCopy { of: origin.root, entries: 0 });
                Ok((Expect::Absent, head))
            }
            Some(Ok(head)) if head.copying.as_ref().is_some_and(|copying| copying.of == origin.root) => {
                Ok((snapshot.expect, head))
            }
            _ => Err(exists()),
        }
    }

    /// The entries of the origin behind a position that are copied next: of one group, and together not too large.
    fn next_part(&self, from: &Owner, behind: u64) -> Result<Option<Part>> {
        let mut position = behind + 1;
        while let Some(group) = self.next_group(from, position)? {
            let names = all_of(Kind::Block, position, last_of(group));
            let snapshot = self.snapshot(from, vec![names])?;
            let head = snapshot.head.ok_or_else(|| Error::conflict("it was deleted meanwhile"))??;
            let mut read = Self::cards(from, snapshot.cells.into_iter().flatten().collect());
            if let Some((_, error)) = read.damaged.pop() {
                return Err(error);
            }
            let mut cards = read.cards;
            cards.retain(|card| card.sequence > behind);
            if cards.is_empty() {
                // What is there is no block, or was pruned meanwhile.
                position = first_of(group + 1);
                continue;
            }
            let mut bytes = 0_u64;
            let fits = |card: &&Card| {
                bytes = bytes.saturating_add(card.raw_bytes);
                bytes <= MAX_PART_BYTES
            };
            let count = cards.iter().take_while(fits).count().max(1).min(cards.len());
            return Ok(Some(Part { head, cards, count }));
        }
        Ok(None)
    }

    /// Copies a part: one commit.
    fn copy_part(
        &self,
        expect: Expect,
        mut target: RitualHead,
        part: &Part,
        report: &mut CopyReport,
    ) -> Result<()> {
        let revision = revision(expect)?;
        let mut batch = Batch::new();
        let mut copied = self.copied(&mut batch, &target, part, revision)?;
        copied.cards.reverse();
        let entries = copied.cards.len() as u64;
        let raw_bytes: u64 = copied.cards.iter().map(|card| card.raw_bytes).sum();
        let stored_bytes: u64 = copied.cards.iter().map(|card| target.stored(card).stored_bytes).sum();
        if let (Some(oldest), Some(copying)) = (copied.cards.first(), &mut target.copying) {
            if copying.entries == 0 {
                target.first_at = oldest.created_at;
            }
            copying.entries += entries;
        }
        target.raw_bytes = target.raw_bytes.saturating_add(raw_bytes);
        target.stored_bytes = target.stored_bytes.saturating_add(stored_bytes);
        let highest = part.cards[..part.count].last().map_or(target.sequence, |card| card.sequence);
        target.sequence = highest.max(target.sequence);
        target.updated_at = copied.cards.last().map_or(target.updated_at, |card| card.created_at);
        let owner = target.cells();
        for intent in self.intents(&part.head, &part.cards[..part.count])?.into_iter().flatten() {
            target.add_labels(&intent.labels);
            if let Some((digest, bytes)) = intent.stored()? {
                let name = Kind::Intent.named_after(&digest);
                let known = |op: &CellOp| matches!(op, CellOp::Put { name: put, .. } if *put == name);
                if !batch.cells.iter().any(known) {
                    batch.put_cell(owner.clone(), name, cell::close(&owner, &name, bytes));
                }
            }
        }
        self.put_block(&mut batch, &target, &copied.cards, revision)?;
        batch.put(owner.id, expect, &target)?;
        self.access.commit(batch)?;
        report.entries += entries;
        report.raw_bytes = report.raw_bytes.saturating_add(raw_bytes);
        report.skipped.append(&mut copied.skipped);
        Ok(())
    }

    /// Stores the payloads of a part anew under the target: the newest whole, the others as patches.
    fn copied(&self, batch: &mut Batch, target: &RitualHead, part: &Part, revision: u32) -> Result<Copied> {
        let key = self.active_key()?;
        let cards = &part.cards[..part.count];
        let intents = self.intents(&part.head, cards)?;
        let mut descent = Descent::new(self, &part.head, &part.cards);
        let (mut copied, mut base) = (Copied::default(), None::<std::rc::Rc<Vec<u8>>>);
        for (index, (card, intent)) in cards.iter().zip(intents).enumerate().rev() {
            let read = intent
                .and_then(|intent| self.entry_of(&part.head, card, intent.clone()).map(|_| intent))
                .and_then(|intent| descent.payload(index).map(|(payload, _)| (payload, intent)));
            let (payload, intent) = match read {
                Ok(read) => read,
                Err(error) if is_local(&error) => {
                    let entry = Some(part.head.root.at(card.sequence));
                    let (sequence, finding) = (Some(card.sequence), error.to_string());
                    copied.skipped.push(SkippedEntry { entry, sequence, finding });
                    continue;
                }
                Err(error) => return Err(error),
            };
            let salt = key.as_ref().map(|_| self.access.runtime().salt()).transpose()?;
            let mut next = Card {
                operation: [0; 8],
                is_marked: false,
                key: key.as_ref().map(|key| key.id().clone()),
                commitment: Commitment::to(
                    PAYLOAD,
                    &salt.unwrap_or_else(|| target.payload_salt(card.sequence)),
                    &payload,
                ),
                whole: None,
                patch: None,
                ..card.clone()
            };
            let base_bytes = base.as_ref().map(|base| &base[..]);
            let (whole, key) = (base.is_none(), key.as_ref());
            let form = Form { payload: &payload, salt, base: base_bytes, whole, key, revision };
            self.store_anew(batch, target, &mut next, &form)?;
            next.signature = CompressedRitual::of(target, &next, intent).signature_start();
            base = Some(payload);
            copied.cards.push(next);
        }
        Ok(copied)
    }

    /// Makes a copy a ritual like others: its head names its newest entries, and both are whole.
    fn finish_copy(&self, expect: Expect, mut target: RitualHead) -> Result<()> {
        let owner = target.cells();
        let revision = revision(expect)?;
        let mut batch = Batch::new();
        let (mut blocks, _) =
            self.access.cells(owner.clone(), Kind::Block.before(None, 2), MAX_BLOCK_BYTES)?;
        blocks.reverse();
        let read = Self::cards(&owner, blocks.clone());
        if let Some((_, error)) = read.damaged.into_iter().next() {
            return Err(error);
        }
        if let Some(newest) = read.cards.last() {
            let intent = self.intents(&target, std::slice::from_ref(newest))?.remove(0)?;
            (target.intent, target.signature) = (intent, hexadecimal(&newest.signature));
            target.updated_at = newest.created_at;
            target.newest.push(newest.sequence);
        }
        if let Some(index) = read.cards.len().checked_sub(2) {
            self.make_whole(&mut batch, &mut target, &read.cards, index, &blocks, revision)?;
        }
        target.entries = target.copying.take().map_or(0, |copying| copying.entries);
        batch.put(owner.id, expect, &target)?;
        self.access.commit(batch)
    }

    /// Stores the entry at `index` whole beside its patch, so that it is one of the newest.
    fn make_whole(
        &self,
        batch: &mut Batch,
        target: &mut RitualHead,
        cards: &[Card],
        index: usize,
        blocks: &[Cell],
        revision: u32,
    ) -> Result<()> {
        let mut card = cards[index].clone();
        if card.whole.is_none() {
            let (payload, salt) = Descent::new(self, target, cards).payload(index)?;
            let key = self.key_of(&card)?;
            let form = Form { payload: &payload, salt, base: None, whole: true, key: key.as_ref(), revision };
            let patch = card.patch.clone();
            self.store_anew(batch, target, &mut card, &form)?;
            card.patch = patch;
            card.whole = card.whole.map(|whole| super::card::Whole { stays: false, ..whole });
            self.replace_card(batch, target, &card, blocks, revision)?;
        }
        let before = target.stored(&cards[index]).stored_bytes;
        target.newest.push(card.sequence);
        let after = target.stored(&card).stored_bytes;
        target.stored_bytes = target.stored_bytes.saturating_sub(before).saturating_add(after);
        Ok(())
    }

    /// Writes the one of these blocks anew that holds a card.
    fn replace_card(
        &self,
        batch: &mut Batch,
        head: &RitualHead,
        card: &Card,
        blocks: &[Cell],
        revision: u32,
    ) -> Result<()> {
        let owner = head.cells();
        for block in blocks {
            let mut cards = Self::cards(&owner, vec![block.clone()]).cards;
            if let Some(old) = cards.iter_mut().find(|old| old.sequence == card.sequence) {
                *old = card.clone();
                batch.delete_cells(owner.clone(), Names::one(block.name));
                self.put_block(batch, head, &cards, revision)?;
            }
        }
        Ok(())
    }
}
