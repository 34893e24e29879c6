//! Making what is stored as small as it can be, when nobody waits for it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::card::{self, Card, IntentDigest};
use super::cell::{self, Kind};
use super::dictionary::Effort;
use super::reroot::{blocks_of, first_of, group_of};
use super::save::{NewWhole, revision};
use super::thread::{MAX_BLOCK_BYTES, MAX_CHAIN};
use super::{Compacted, RitualCompressionCache, RitualDictionaries, RitualHead};
use crate::error::{Error, ErrorKind, Result};
use crate::seal::NamedKey;
use crate::store::access;
use crate::store::{Batch, CellName, Expect, Model, Names, Owner, Query};
use crate::types::{AssistantId, RecordId, RitualId, Timestamp};

/// How much one call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RitualBudget {
    /// It stops once it has worked on so many bytes of payloads; always after some work.
    pub max_bytes: u64,
    /// It stops once so much time has passed, by the runtime's clock; always after some work.
    pub max_milliseconds: Option<u64>,
}

impl Default for RitualBudget {
    /// 64 MiB, in whatever time that takes.
    fn default() -> Self {
        Self { max_bytes: 64 << 20, max_milliseconds: None }
    }
}

/// A budget being spent.
#[derive(Clone)]
pub(super) struct Spending {
    budget: RitualBudget,
    since: Timestamp,
    bytes: u64,
}

impl Spending {
    pub(super) fn new(budget: RitualBudget, now: Timestamp) -> Self {
        Self { budget, since: now, bytes: 0 }
    }

    pub(super) fn spend(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// How many bytes were worked on.
    pub(super) fn spent(&self) -> u64 {
        self.bytes
    }

    pub(super) fn is_spent(&self, now: Timestamp) -> bool {
        let time = self.budget.max_milliseconds.map(Duration::from_millis);
        self.bytes >= self.budget.max_bytes
            || time.is_some_and(|time| now.saturating_duration_since(self.since) >= time)
    }
}

/// Where work on all rituals goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RitualProgress {
    /// The head of the ritual that is worked on, by the order of which all are passed.
    pub ritual: RecordId,
    /// Where in it the work goes on; the meaning is that of the method which gave it.
    pub sequence: u64,
}

/// What to compact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompactRituals {
    /// The rituals of this assistant; of all, if none is named.
    pub assistant: Option<AssistantId>,
    /// Only rituals that were not saved to for so many seconds.
    pub cold_for_seconds: u64,
    /// How much to do.
    pub budget: RitualBudget,
    /// Where the call before stopped.
    pub after: Option<RitualProgress>,
}

/// What a compaction did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactionReport {
    /// How many rituals were looked at to their end.
    pub rituals: u64,
    /// How many entries are encoded anew: packed, compressed harder, under another dictionary or key.
    pub entries: u64,
    /// By how much the stored bytes of payloads have shrunk; negative if they have grown.
    pub saved_bytes: i64,
    /// How many dictionaries were deleted since no entry needs them.
    pub dictionaries_deleted: u64,
    /// The rituals of which something had to be left as it is.
    pub skipped: Vec<SkippedRitual>,
    /// Where the next call goes on; `None` when all is done.
    pub next: Option<RitualProgress>,
}

/// A ritual that could not be worked on, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedRitual {
    /// The assistant, if the head still says it.
    pub assistant: Option<AssistantId>,
    /// The ritual, if the head still says it.
    pub ritual: Option<RitualId>,
    /// Why.
    pub finding: String,
}

impl SkippedRitual {
    pub(super) fn of(head: &RitualHead, error: &Error) -> Self {
        let (assistant, ritual) = (Some(head.assistant.clone()), Some(head.ritual.clone()));
        Self { assistant, ritual, finding: error.to_string() }
    }

    /// One whose head cannot be read.
    pub(super) fn unread(error: &Error) -> Self {
        Self { assistant: None, ritual: None, finding: error.to_string() }
    }
}

/// What new frames are to be made with.
struct Target {
    key: Option<NamedKey>,
    dictionary: Option<super::dictionaries::ActiveDictionary>,
}

impl Target {
    fn number(&self) -> u32 {
        self.dictionary.as_ref().map_or(0, |active| active.dictionary.id())
    }

    fn reached(&self, sequence: u64) -> Compacted {
        let dictionary = self.dictionary.as_ref().map(|active| active.dictionary.id());
        Compacted { sequence, dictionary, key: self.key.as_ref().map(|key| key.id().clone()) }
    }
}

/// How often something that writers keep changing is tried before it is left as it is.
pub(super) const MAX_TRIES: usize = 8;

impl RitualCompressionCache {
    /// Packs what is kept of entries, compresses whole payloads as hard as zstd can, with the assistant's present
    /// dictionary, and seals everything under the provider's active key; then deletes dictionaries that no entry needs.
    /// Restored payloads and signatures do not change.
    ///
    /// Every commit leaves a sound ritual, so that the work may be interrupted at any point, by a crash too. Call again
    /// with `after` set to [`next`](CompactionReport::next) until that is `None`. A ritual that did not change since is
    /// passed over.
    ///
    /// # Errors
    /// Those of the store and of the key provider. Damaged entries, and rituals that writers keep changing, are no
    /// errors: they are left as they are and reported.
    pub fn compact(&self, request: &CompactRituals) -> Result<CompactionReport> {
        let mut report = CompactionReport::default();
        let mut spending = Spending::new(request.budget, self.access.now());
        let cold = self.access.now().saturating_sub(Duration::from_secs(request.cold_for_seconds));
        let mut at = request.after;
        loop {
            let from = at.map(|progress| progress.ritual);
            let records = self.records_from::<RitualHead>(request.assistant.as_ref(), None, from)?;
            for record in records.items {
                let id = record.id;
                let from =
                    at.filter(|progress| progress.ritual == id).map_or(0, |progress| progress.sequence);
                match RitualHead::from_record(&record) {
                    Ok(head) if head.updated_at <= cold => {
                        let stopped = self.compact_ritual(&head, from, &mut spending, &mut report)?;
                        if let Some(sequence) = stopped {
                            report.next = Some(RitualProgress { ritual: id, sequence });
                            return Ok(report);
                        }
                        report.rituals += 1;
                    }
                    Ok(_) => {}
                    Err(error) => report.skipped.push(SkippedRitual::unread(&error)),
                }
                at = Some(RitualProgress { ritual: next_id(&id), sequence: 0 });
                if spending.is_spent(self.access.now()) {
                    report.next = at;
                    return Ok(report);
                }
            }
            if records.is_last {
                break;
            }
        }
        report.dictionaries_deleted = self.sweep_all_dictionaries(request.assistant.as_ref())?;
        Ok(report)
    }

    /// Compacts one ritual from a position on; gives the position where the budget ended.
    fn compact_ritual(
        &self,
        head: &RitualHead,
        from: u64,
        spending: &mut Spending,
        report: &mut CompactionReport,
    ) -> Result<Option<u64>> {
        let owner = head.cells();
        let key = self.active_key()?;
        let [answer] = self.access.read([self.read_dictionaries(&head.assistant)])?;
        let dictionary =
            self.active_dictionary(&head.assistant, access::record(answer)?, key.as_ref().map(NamedKey::id))?;
        let target = Target { key, dictionary };
        let reached = target.reached(head.sequence);
        let same_means = |compacted: &&Compacted| {
            compacted.dictionary == reached.dictionary && compacted.key == reached.key
        };
        let already = head.compacted.as_ref().filter(same_means).map(|compacted| compacted.sequence);
        if already == Some(head.sequence) || head.entries == 0 {
            return Ok(None);
        }
        // Groups that were compacted with the same means are as they should be, but for the one that went on growing.
        let mut position = from.max(first_of(group_of(already.unwrap_or(0))));
        while let Some(group) = self.next_group(&owner, position)? {
            if position > from && spending.is_spent(self.access.now()) {
                return Ok(Some(position));
            }
            match self.compact_group(&owner, group, &target, spending, report) {
                Ok(()) => {}
                Err(error) if is_local(&error) => {
                    report.skipped.push(SkippedRitual::of(head, &error));
                }
                Err(error) => return Err(error),
            }
            position = first_of(group + 1);
        }
        match self.finish_ritual(&owner, &reached) {
            Ok(()) => Ok(None),
            Err(error) if is_local(&error) => {
                report.skipped.push(SkippedRitual::of(head, &error));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Compacts the entries of a group: one commit.
    fn compact_group(
        &self,
        owner: &Owner,
        group: u64,
        target: &Target,
        spending: &mut Spending,
        report: &mut CompactionReport,
    ) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let snapshot = self.snapshot(owner, vec![blocks_of(group)])?;
            let Some(head) = snapshot.head.transpose()? else { return Ok(()) };
            let mut blocks: Vec<_> = snapshot.cells.into_iter().flatten().collect();
            blocks.retain(|block| Kind::Block.has(&block.name));
            let names: Vec<CellName> = blocks.iter().map(|block| block.name).collect();
            let mut read = Self::cards(owner, blocks);
            if let Some((_, error)) = read.damaged.pop() {
                return Err(error);
            }
            let before: u64 = read.cards.iter().map(|card| head.stored(card).stored_bytes).sum();
            let revision = revision(snapshot.expect)?;
            let mut batch = Batch::new();
            let mut changed = 0;
            let mut failed = None;
            for card in &mut read.cards {
                match self.compact_card(&mut batch, &head, card, target, revision, spending) {
                    Ok(is_changed) => changed += u64::from(is_changed),
                    Err(error) if is_local(&error) => failed = Some(error),
                    Err(error) => return Err(error),
                }
            }
            let is_packed = packed(&head, &read.cards)
                .iter()
                .map(|block| block.last().map(|card| card.sequence))
                .eq(names.iter().map(|name| Kind::Block.place(name).map(|(last, _)| last)));
            if changed > 0 || !is_packed {
                let after: u64 = read.cards.iter().map(|card| head.stored(card).stored_bytes).sum();
                let mut next = head.clone();
                next.stored_bytes = next.stored_bytes.saturating_sub(before).saturating_add(after);
                if target.number() != 0 {
                    next.dictionaries.insert(target.number());
                }
                batch.put(owner.id, snapshot.expect, &next)?;
                if let Some(active) = &target.dictionary {
                    batch.check(active.table(), active.record, Expect::At(active.version));
                }
                batch.delete_cells(owner.clone(), Names::These { names });
                for block in packed(&head, &read.cards) {
                    self.put_block(&mut batch, &head, block, revision)?;
                }
                match self.access.commit(batch) {
                    Ok(()) => {
                        report.entries += read.cards.len() as u64;
                        report.saved_bytes += before as i64 - after as i64;
                    }
                    Err(error) if error.kind() == ErrorKind::Conflict => continue,
                    Err(error) => {
                        return Err(error.while_doing(format_args!("compact ritual {}", head.ritual)));
                    }
                }
            }
            return failed.map_or(Ok(()), Err);
        }
        Err(Error::conflict("writers kept changing it; the next compaction comes by again"))
    }

    /// Stores a block of cards.
    pub(super) fn put_block(
        &self,
        batch: &mut Batch,
        head: &RitualHead,
        cards: &[Card],
        revision: u32,
    ) -> Result<()> {
        if let Some(last) = cards.last() {
            let (owner, name) = (head.cells(), Kind::Block.name(last.sequence, revision));
            let bytes = cell::close(&owner, &name, card::write_block(&head.seed, cards)?);
            batch.put_cell(owner, name, bytes);
        }
        Ok(())
    }

    /// Brings what is stored of one entry to the target; says whether anything changed. If that fails, the card and the
    /// batch are as they were.
    fn compact_card(
        &self,
        batch: &mut Batch,
        head: &RitualHead,
        card: &mut Card,
        target: &Target,
        revision: u32,
        spending: &mut Spending,
    ) -> Result<bool> {
        let owner = head.cells();
        let key = target.key.as_ref();
        let is_rekeyed = card.key.as_ref() != key.map(NamedKey::id);
        let mut changed = false;
        let mut next = card.clone();
        if !head.has_whole(card) && card.whole.is_some() {
            next.whole = None;
            changed = true;
        }
        let mut staged = Batch::new();
        let is_old = |whole: card::Whole| {
            let wants_dictionary = whole.is_compressed && whole.dictionary != target.number();
            is_rekeyed || !whole.is_compacted || wants_dictionary
        };
        if let Some(whole) = next.whole.filter(|whole| is_old(*whole)) {
            let (payload, salt) = self.whole(head, card, &mut Vec::new())?;
            self.check_payload(head, card, salt, &payload)?;
            spending.spend(payload.len() as u64);
            next.key = key.map(|key| key.id().clone());
            let made = self.stored_whole(
                &mut staged,
                &NewWhole {
                    head,
                    card: &next,
                    payload: &payload,
                    salt,
                    key,
                    dictionary: target.dictionary.as_ref().map(|active| &*active.dictionary),
                    effort: Effort::Compacted,
                    revision,
                },
            )?;
            let must_change = is_rekeyed || (whole.dictionary != 0 && whole.dictionary != target.number());
            if must_change || made.stored_bytes < whole.stored_bytes {
                staged
                    .delete_cells(owner.clone(), Names::one(Kind::Whole.name(card.sequence, whole.revision)));
                next.whole = Some(made);
            } else {
                staged = Batch::new();
                next.whole = Some(card::Whole { is_compacted: true, ..whole });
            }
            changed = true;
        }
        if is_rekeyed {
            if let Some(old) = card.patch_revision() {
                staged.delete_cells(owner.clone(), Names::one(Kind::Patch.name(card.sequence, old)));
            }
            if card.patch.is_some() {
                let cells = self.patch_cells(head, std::slice::from_ref(card))?;
                let opened = self.open_patch(head, card, &cells)?;
                let salt = head.salt_inside(card.sequence, opened.salt, key.is_some());
                let patch = (opened.content(), salt);
                next.patch =
                    Some(self.stored_patch(&mut staged, head, &owner, &next, patch, key, revision)?);
            }
            next.key = key.map(|key| key.id().clone());
            changed = true;
        }
        batch.cells.append(&mut staged.cells);
        *card = next;
        Ok(changed)
    }

    /// Notes that a ritual is compacted, and forgets intents and dictionaries that no entry names any more.
    fn finish_ritual(&self, owner: &Owner, reached: &Compacted) -> Result<()> {
        let snapshot = self.snapshot(owner, Vec::new())?;
        let Some(mut head) = snapshot.head.transpose()? else { return Ok(()) };
        let (mut intents, mut dictionaries) = (BTreeSet::<IntentDigest>::new(), BTreeSet::new());
        let (mut from, mut stored_bytes, mut is_whole) = (0, 0_u64, true);
        loop {
            let names = Kind::Block.at_or_after(from, MAX_CHAIN);
            let (blocks, more) = self.access.cells(owner.clone(), names, MAX_BLOCK_BYTES)?;
            // What does not even fit alone hides what is behind it.
            is_whole &= !(more && blocks.is_empty());
            let last =
                blocks.iter().filter_map(|cell| Kind::Block.place(&cell.name)).map(|(last, _)| last).max();
            let Some(last) = last else { break };
            from = last + 1;
            let read = Self::cards(owner, blocks);
            is_whole &= read.damaged.is_empty();
            for card in &read.cards {
                intents.extend(card.intent);
                stored_bytes += head.stored(card).stored_bytes;
                if head.has_whole(card) {
                    dictionaries
                        .extend(card.whole.map(|whole| whole.dictionary).filter(|number| *number != 0));
                }
            }
        }
        let mut batch = Batch::new();
        if is_whole {
            // What could not be read may still be named by what could not be read.
            head.dictionaries = dictionaries;
            head.stored_bytes = stored_bytes;
            let all = Names::Range {
                from: Some(CellName::of_array([Kind::Intent as u8])),
                until: Some(CellName::of_array([Kind::Intent as u8 + 1])),
                limit: u32::MAX,
                reverse: false,
            };
            let (cells, _) = self.access.cells(owner.clone(), all, MAX_BLOCK_BYTES)?;
            let newest = head.intent.stored()?.map(|(digest, _)| Kind::Intent.named_after(&digest));
            let idle = cells.into_iter().map(|cell| cell.name).filter(|name| {
                Some(*name) != newest
                    && intents.iter().all(|digest| Kind::Intent.named_after(digest) != *name)
            });
            let names: Vec<CellName> = idle.collect();
            if !names.is_empty() {
                batch.delete_cells(owner.clone(), Names::These { names });
            }
        }
        head.compacted = Some(reached.clone());
        batch.put(owner.id, snapshot.expect, &head)?;
        match self.access.commit(batch) {
            // A writer was faster: the next compaction comes by again.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            result => result,
        }
    }

    fn sweep_all_dictionaries(&self, assistant: Option<&AssistantId>) -> Result<u64> {
        if let Some(assistant) = assistant {
            return self.sweep_dictionaries(assistant);
        }
        let (mut deleted, mut after) = (0, None);
        loop {
            let query = Query::new(RitualDictionaries::TABLE).limit(1_000).after(after);
            let page = self.access.raw_page(query)?;
            for record in &page.items {
                // A damaged record is the scrub's to name.
                if let Ok(dictionaries) = RitualDictionaries::from_record(record) {
                    deleted += self.sweep_dictionaries(&dictionaries.assistant)?;
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(deleted),
            }
        }
    }
}

/// The blocks that the cards of a group are packed into: one, but the newest entry has its own, so that damage to one
/// cell never takes both of the newest states along.
fn packed<'a>(head: &RitualHead, cards: &'a [Card]) -> Vec<&'a [Card]> {
    let is_newest = |card: &Card| head.newest.first() == Some(&card.sequence);
    let split = cards.len() - usize::from(cards.last().is_some_and(is_newest));
    let (older, newest) = cards.split_at(split);
    [older, newest].into_iter().filter(|block| !block.is_empty()).collect()
}

/// The least id behind one, or one that no record has.
pub(super) fn next_id(id: &RecordId) -> RecordId {
    CellName::from(*id).successor().and_then(|next| RecordId::new(next.as_bytes()).ok()).unwrap_or(*id)
}

/// Whether an error tells of one ritual and not of the store.
pub(super) fn is_local(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Conflict)
}
