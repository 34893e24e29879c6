//! Where a save goes: the head of its ritual and the cards of the newest entries, from memory or from the store.

use std::sync::Arc;

use super::card::{Card, Patch};
use super::cell::{Kind, hexadecimal};
use super::dictionaries::ActiveDictionary;
use super::guard::Seen;
use super::save::SaveRitual;
use super::shared::HotState;
use super::thread::{Block, MAX_BLOCK_BYTES, MAX_CHAIN};
use super::{CompressedRitual, RitualCompressionCache, RitualHead, SymbolicIntent};
use crate::error::{Error, ErrorKind, Result};
use crate::seal::KeyId;
use crate::store::access;
use crate::store::{Expect, MAX_CELL_BYTES, Model, Owner, Read, Record};
use crate::types::{AssistantId, RitualId};

/// The most cards that are remembered with a place. There are more when the blocks of the newest entries were merged.
const MAX_REMEMBERED_CARDS: usize = 8;

/// A ritual as a save finds it.
pub(super) struct Place {
    pub(super) owner: Owner,
    pub(super) expect: Expect,
    pub(super) head: RitualHead,
    /// The cards of the blocks of the two newest entries, oldest first; none if the ritual has no entry.
    pub(super) cards: Vec<Card>,
    /// The last position and the revision of these blocks.
    pub(super) blocks: Vec<(u64, u32)>,
    /// What a save compresses with.
    pub(super) dictionary: Option<ActiveDictionary>,
    pub(super) known_dictionary: KnownDictionary,
    /// The state of the last of `cards`, if it is in memory.
    pub(super) hot: Option<Arc<HotState>>,
}

/// Which dictionary is in force, without the dictionary: that is large, and has a memory and a bound of its own.
#[derive(Clone)]
pub(super) struct KnownDictionary {
    number: Option<u32>,
    /// The record that says so; `None` if there is none, or none that can be told from another.
    seen: Option<Seen>,
    /// The key of the payloads that it is for.
    key: Option<KeyId>,
}

/// What a save left, for the next one.
pub(crate) struct HotPlace {
    head: RitualHead,
    cards: Vec<Card>,
    blocks: Vec<(u64, u32)>,
    known: KnownDictionary,
}

impl HotPlace {
    /// The place behind the entries of `cards`; `None` if they are too many to remember.
    pub(super) fn new(
        head: RitualHead,
        cards: Vec<Card>,
        blocks: Vec<(u64, u32)>,
        known: KnownDictionary,
    ) -> Option<Self> {
        (cards.len() <= MAX_REMEMBERED_CARDS).then_some(Self { head, cards, blocks, known })
    }

    /// About how many bytes it takes beyond what every place does.
    pub(super) fn weight(&self) -> u64 {
        /// What a text in a set takes beside its own bytes.
        const TEXT: usize = 32;
        let labels = self.head.labels.iter().chain(&self.head.intent.labels);
        let labels: usize = labels.map(|label| label.len() + TEXT).sum();
        let patches: u64 = self
            .cards
            .iter()
            .map(|card| match &card.patch {
                Some(Patch::Inline(bytes)) => bytes.len() as u64,
                _ => 0,
            })
            .sum();
        labels as u64 + patches
    }
}

impl KnownDictionary {
    /// Whether `record` still says the same, for payloads under `key`.
    fn holds(&self, record: Option<&Record>, key: Option<&KeyId>) -> bool {
        let is_seen = match (&self.seen, record) {
            (None, None) => true,
            (Some(seen), Some(record)) => seen.is(record),
            _ => false,
        };
        is_seen && self.key.as_ref() == key
    }
}

impl RitualCompressionCache {
    /// Where the next entry goes.
    pub(super) fn place(&self, save: &SaveRitual, key: Option<&KeyId>) -> Result<Place> {
        let owner = self.owner(&save.assistant, &save.ritual);
        let hot = self.hot(&owner)?;
        if let Some(place) =
            hot.clone().and_then(|hot| self.remembered_place(save, &owner, hot, key).transpose())
        {
            return place;
        }
        let (names, max_bytes) = (Kind::Block.before(None, 2), MAX_BLOCK_BYTES);
        let [head, dictionaries, blocks] = self.access.read([
            Read::Record { table: RitualHead::TABLE, id: owner.id },
            self.read_dictionaries(&save.assistant),
            Read::Cells { owner: owner.clone(), names, max_bytes },
        ])?;
        let record = access::record(dictionaries)?;
        let seen = record.as_ref().and_then(|record| Seen::of(record.version, &record.body));
        let dictionary = self.active_dictionary(&save.assistant, record, key)?;
        let number = dictionary.as_ref().map(|active| active.dictionary.id());
        let known = KnownDictionary { number, seen, key: key.cloned() };
        let mut blocks = Self::blocks(&owner, access::cells(blocks)?.0);
        let (expect, stored) = match access::decoded::<RitualHead>(head)? {
            None => (Expect::Absent, None),
            Some((version, head)) => (Expect::At(version), Some(head)),
        };
        let claimed = match &stored {
            Some(Ok(head)) if head.cells() == owner => head.sequence,
            _ => 0,
        };
        let head = match self.usable_head(&owner, stored, &blocks) {
            Ok(Some(head)) => head,
            Ok(None) => self.new_head(&save.assistant, &save.ritual)?,
            Err(error) if error.kind() == ErrorKind::Corrupt && error.field() != Some("head") => {
                let head = self.mended_head(save, &owner, claimed)?;
                blocks = match head.newest.first() {
                    Some(newest) => {
                        let names = Kind::Block.before(Some(newest + 1), 2);
                        Self::blocks(&owner, self.access.cells(owner.clone(), names, MAX_BLOCK_BYTES)?.0)
                    }
                    None => Vec::new(),
                };
                head
            }
            Err(error) => return Err(error),
        };
        let (cards, written) = (Vec::new(), Vec::new());
        let mut place =
            Place { owner, expect, head, cards, blocks: written, dictionary, known_dictionary: known, hot };
        for block in blocks {
            match block.content {
                Ok((_, cards)) => {
                    place.cards.extend(cards);
                    place.blocks.push((block.last, block.revision));
                }
                Err(_) => {
                    place.cards.clear();
                    place.blocks.clear();
                }
            }
        }
        let newest = place.cards.last();
        place.hot = place.hot.filter(|hot| newest.is_some_and(|card| hot.is_of(&place.head, card)));
        Ok(place)
    }

    /// The place that the save before left, if nothing was written to the ritual since.
    fn remembered_place(
        &self,
        save: &SaveRitual,
        owner: &Owner,
        hot: Arc<HotState>,
        key: Option<&KeyId>,
    ) -> Result<Option<Place>> {
        let (Some(seen), Some(place)) = (&hot.head, &hot.place) else { return Ok(None) };
        let [head, dictionaries] = self.access.read([
            Read::Record { table: RitualHead::TABLE, id: owner.id },
            self.read_dictionaries(&save.assistant),
        ])?;
        let Some(record) = access::record(head)?.filter(|record| seen.is(record)) else { return Ok(None) };
        let dictionaries = access::record(dictionaries)?;
        if !place.known.holds(dictionaries.as_ref(), key) {
            return Ok(None);
        }
        let dictionary = match (place.known.number, dictionaries) {
            (Some(number), Some(record)) => {
                self.prepared_dictionary(&save.assistant, number, record.version, key)?
            }
            _ => None,
        };
        Ok(Some(Place {
            owner: owner.clone(),
            expect: Expect::At(record.version),
            head: place.head.clone(),
            cards: place.cards.clone(),
            blocks: place.blocks.clone(),
            dictionary,
            known_dictionary: place.known.clone(),
            hot: Some(hot),
        }))
    }

    /// The head, if there is one and it agrees with the newest blocks.
    fn usable_head(
        &self,
        owner: &Owner,
        stored: Option<Result<RitualHead>>,
        blocks: &[Block],
    ) -> Result<Option<RitualHead>> {
        let Some(head) = stored.transpose()? else {
            return if blocks.is_empty() { Ok(None) } else { Err(Error::corrupt("the head is missing")) };
        };
        let head = self.check_head(head, owner)?;
        head.check_complete()?;
        let last = blocks.last();
        if let Some(last) = last.map(|block| block.last).filter(|last| *last > head.sequence) {
            let message = format!("an entry at position {last} is there, but its head knows nothing of it");
            return Err(Error::corrupt(message).with_field("head"));
        }
        let newest = last
            .and_then(|block| block.content.as_ref().ok())
            .and_then(|(_, cards)| cards.last())
            .filter(|card| head.newest.first() == Some(&card.sequence));
        match newest {
            Some(card) => head.check_newest(card)?,
            None if last.is_none() && head.newest.is_empty() => {}
            None => return Err(Error::corrupt("the newest entry cannot be read")),
        }
        Ok(Some(head))
    }

    /// A head to go on with after damage: nothing is built on one that is not what was saved, and no position is given
    /// twice.
    fn mended_head(&self, save: &SaveRitual, owner: &Owner, claimed: u64) -> Result<RitualHead> {
        let mut head = match self.remake_head(&save.assistant, &save.ritual)? {
            Some(head) => head,
            None => self.new_head(&save.assistant, &save.ritual)?,
        };
        head.sequence = head.sequence.max(claimed);
        for kind in [Kind::Block, Kind::Patch, Kind::Whole] {
            let (cells, _) = self.access.cells(owner.clone(), kind.before(None, 1), MAX_CELL_BYTES as u64)?;
            let named = cells.first().and_then(|cell| kind.place(&cell.name)).map_or(0, |(named, _)| named);
            head.sequence = head.sequence.max(named);
        }
        Ok(head)
    }

    /// A head without entries.
    pub(super) fn new_head(&self, assistant: &AssistantId, ritual: &RitualId) -> Result<RitualHead> {
        let seed = self.access.runtime().salt()?;
        let now = self.access.now();
        Ok(RitualHead {
            format: CompressedRitual::FORMAT,
            tenant: self.access.tenant().clone(),
            assistant: assistant.clone(),
            ritual: ritual.clone(),
            root: RitualHead::root_of(&seed),
            seed,
            sequence: 0,
            newest: Vec::new(),
            signature: String::new(),
            intent: SymbolicIntent::default(),
            entries: 0,
            raw_bytes: 0,
            stored_bytes: 0,
            labels: std::collections::BTreeSet::new(),
            dictionaries: std::collections::BTreeSet::new(),
            compacted: None,
            scrubbed: None,
            copying: None,
            first_at: now,
            updated_at: now,
        })
    }

    /// Makes the head of a ritual anew from its blocks; `None` if it has none that can be read.
    pub(super) fn remake_head(
        &self,
        assistant: &AssistantId,
        ritual: &RitualId,
    ) -> Result<Option<RitualHead>> {
        let owner = self.owner(assistant, ritual);
        let mut head = self.new_head(assistant, ritual)?;
        let (mut seed, mut newest, mut from) = (None, None, 0);
        // The two highest positions, of which only those that can be read have cards.
        let mut highest: Vec<(u64, Option<Card>)> = Vec::new();
        loop {
            let names = Kind::Block.at_or_after(from, MAX_CHAIN);
            let (cells, _) = self.access.cells(owner.clone(), names, MAX_BLOCK_BYTES)?;
            let blocks = Self::blocks(&owner, cells);
            let Some(last) = blocks.last().map(|block| block.last) else { break };
            (head.sequence, from) = (last, last + 1);
            for block in blocks {
                match block.content {
                    Ok((its_seed, cards)) => {
                        seed.get_or_insert(its_seed);
                        for intent in self.intents(&head, &cards)?.iter().flatten() {
                            head.add_labels(&intent.labels);
                        }
                        for card in cards {
                            head.count(&card);
                            newest = Some(card.clone());
                            highest.push((card.sequence, Some(card)));
                        }
                    }
                    Err(_) => highest.push((block.last, None)),
                }
                highest.drain(..highest.len().saturating_sub(2));
            }
        }
        let (Some(seed), Some(newest)) = (seed, newest) else { return Ok(None) };
        (head.seed, head.root) = (seed, RitualHead::root_of(&seed));
        head.signature = hexadecimal(&newest.signature);
        head.updated_at = newest.created_at;
        if let Some(Ok(intent)) = self.intents(&head, std::slice::from_ref(&newest))?.pop() {
            head.intent = intent;
        }
        // Whole payloads that do not stay are those of the two highest positions.
        let wholes: Vec<Card> = highest.into_iter().rev().filter_map(|(_, card)| card).collect();
        head.stored_bytes += wholes
            .iter()
            .filter_map(|card| card.whole.filter(|whole| !whole.stays))
            .map(|whole| whole.stored_bytes)
            .sum::<u64>();
        head.newest = wholes.iter().map(|card| card.sequence).collect();
        if head.newest.is_empty() {
            head.newest.push(newest.sequence);
        }
        Ok(Some(head))
    }
}
