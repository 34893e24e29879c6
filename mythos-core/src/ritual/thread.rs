//! Reading a ritual: its head, its cards, and the payloads that they tell of.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::seal::Associated;
use crate::store::access;
use crate::store::{Answer, Cell, CellName, Expect, MAX_CELL_BYTES, Model, Names, Owner, Read};
use crate::types::{AssistantId, Commitment, RitualId, Salt, Version};

use super::card::{self, Card, IntentDigest, Patch};
use super::cell::{self, Kind};
use super::frame::{self, FrameCodec, Opened};
use super::guard::Seen;
use super::record::KEYFRAME_INTERVAL;
use super::{CompressedRitual, RitualCompressionCache, RitualHead, SymbolicIntent};

/// The purpose under which payloads are committed to.
pub(crate) const PAYLOAD: &str = "ritual payload";

/// The most blocks from an entry up to one that is whole, were each of a single card, and the entry itself.
pub(crate) const MAX_CHAIN: u32 = KEYFRAME_INTERVAL as u32 + 2;

/// The most bytes of blocks that one read takes: more than [`MAX_CHAIN`] of the longest, and no less than any cell has, so
/// that one which someone else put there does not look like the end.
pub(crate) const MAX_BLOCK_BYTES: u64 = MAX_CELL_BYTES as u64;

/// How many reads of cards one restoration takes at most: enough to pass a damaged keyframe or two.
const MAX_DETOURS: usize = 3;

/// How often a read begins anew because a writer moved what it was about to read.
const MAX_READS: usize = 64;

/// A ritual as one snapshot shows it.
pub(crate) struct Snapshot {
    pub(crate) expect: Expect,
    /// `None` if there is none, an error if it is damaged.
    pub(crate) head: Option<Result<RitualHead>>,
    /// What the head's record is recognised by.
    pub(crate) seen: Option<Seen>,
    /// What was asked for, in that order.
    pub(crate) cells: Vec<Vec<Cell>>,
}

impl Snapshot {
    /// The version of the head.
    pub(crate) fn version(&self) -> Option<Version> {
        match self.expect {
            Expect::At(version) => Some(version),
            Expect::Absent => None,
        }
    }
}

/// A block taken apart.
pub(crate) struct Block {
    /// The position of its last card, by its name.
    pub(crate) last: u64,
    pub(crate) revision: u32,
    /// The ritual's seed and the cards, oldest first.
    pub(crate) content: Result<(Salt, Vec<Card>)>,
}

impl Block {
    /// The position of its first card; if it cannot be read, that of its last.
    fn first(&self) -> u64 {
        let first = self.content.as_ref().ok().and_then(|(_, cards)| cards.first());
        first.map_or(self.last, |card| card.sequence)
    }
}

/// Of blocks that share positions, those that can be read and were written last.
fn apart(mut blocks: Vec<Block>) -> Vec<Block> {
    blocks.sort_by_key(|block| (block.content.is_err(), Reverse(block.revision)));
    let mut apart = BTreeMap::<u64, Block>::new();
    for block in blocks {
        let (first, last) = (block.first(), block.last);
        if apart.range(first..).next().is_none_or(|(_, other)| last < other.first()) {
            apart.insert(last, block);
        }
    }
    apart.into_values().collect()
}

/// What blocks hold together.
#[derive(Default)]
pub(crate) struct Cards {
    /// The cards of the blocks that could be read, oldest first.
    pub(crate) cards: Vec<Card>,
    /// The seed that the blocks repeat.
    pub(crate) seed: Option<Salt>,
    /// What is wrong with the others, by the position of their last card.
    pub(crate) damaged: Vec<(u64, Error)>,
}

impl RitualCompressionCache {
    /// Reads a ritual's head and cells from one snapshot.
    pub(crate) fn snapshot(&self, owner: &Owner, names: Vec<Names>) -> Result<Snapshot> {
        let mut reads = vec![Read::Record { table: <RitualHead as Model>::TABLE, id: owner.id }];
        let max_bytes = MAX_BLOCK_BYTES;
        reads.extend(names.into_iter().map(|names| Read::Cells { owner: owner.clone(), names, max_bytes }));
        let mut answers = self.access.read_all(&reads)?.into_iter();
        let head = answers.next().ok_or_else(|| Error::internal("the store gave no answer"))?;
        let cells =
            answers.map(|answer| access::cells(answer).map(|(cells, _)| cells)).collect::<Result<_>>()?;
        let Answer::Record { record } = head else { return Err(Error::internal("the store gave no record")) };
        let Some(record) = record else {
            return Ok(Snapshot { expect: Expect::Absent, head: None, seen: None, cells });
        };
        let head = RitualHead::from_record(&record);
        let head = head.and_then(|head| self.check_head(head, owner));
        let seen = Seen::of(record.version, &record.body);
        Ok(Snapshot { expect: Expect::At(record.version), head: Some(head), seen, cells })
    }

    /// Checks that a head is the one of this place, in a layout that is known.
    pub(crate) fn check_head(&self, head: RitualHead, owner: &Owner) -> Result<RitualHead> {
        if head.format != CompressedRitual::FORMAT {
            let (ritual, format) = (&head.ritual, head.format);
            let message = format!("the head of ritual {ritual} has the format {format}, which is not known");
            return Err(Error::corrupt(message));
        }
        if head.cells() != *owner || head.root != RitualHead::root_of(&head.seed) {
            let found = format!("{}/{}/{}", head.tenant, head.assistant, head.ritual);
            return Err(Error::corrupt(format!("the head at {owner} is that of {found}, or damaged")));
        }
        Ok(head)
    }

    /// The owner of a ritual's cells.
    pub(crate) fn owner(&self, assistant: &AssistantId, ritual: &RitualId) -> Owner {
        RitualHead::owner(self.access.tenant(), assistant, ritual)
    }

    /// Takes blocks apart; cells may come in either order.
    pub(crate) fn cards(owner: &Owner, blocks: Vec<Cell>) -> Cards {
        let mut all = Cards::default();
        for block in Self::blocks(owner, blocks) {
            match block.content {
                Ok((seed, cards)) => {
                    all.seed = Some(seed);
                    all.cards.extend(cards);
                }
                Err(error) => all.damaged.push((block.last, error)),
            }
        }
        all
    }

    /// Takes blocks apart and brings them in order, the oldest first. Cells among them that are none by their names are
    /// left out: nothing of the ritual is in them. So are blocks whose entries stand in another that was written later, and
    /// damaged ones whose last entry stands in another: no entry comes twice.
    pub(crate) fn blocks(owner: &Owner, mut cells: Vec<Cell>) -> Vec<Block> {
        cells.retain(|cell| Kind::Block.has(&cell.name));
        cells.sort_unstable_by_key(|cell| cell.name);
        let read = |cell: &Cell, last: u64| {
            let (seed, cards) = cell::open(owner, &cell.name, &cell.bytes).and_then(card::read_block)?;
            if cards.last().is_some_and(|card| card.sequence == last) {
                Ok((seed, cards))
            } else {
                Err(Error::corrupt("a block of entries stands in another's place"))
            }
        };
        let blocks: Vec<Block> = cells
            .iter()
            .map(|cell| {
                let (last, revision) = Kind::Block.place(&cell.name).unwrap_or_default();
                Block { last, revision, content: read(cell, last) }
            })
            .collect();
        if blocks.is_sorted_by(|older, newer| older.last < newer.first()) { blocks } else { apart(blocks) }
    }

    /// The entry that a card tells of, if it is the signed one.
    pub(crate) fn entry_of(
        &self,
        head: &RitualHead,
        card: &Card,
        intent: SymbolicIntent,
    ) -> Result<CompressedRitual> {
        let entry = CompressedRitual::of(head, card, intent);
        entry.check_signature(card)?;
        Ok(entry)
    }

    /// The intents that cards name, each read once.
    pub(crate) fn intents(&self, head: &RitualHead, cards: &[Card]) -> Result<Vec<Result<SymbolicIntent>>> {
        let newest = head.intent.stored()?;
        let mut known: Vec<(IntentDigest, Result<SymbolicIntent>)> = Vec::new();
        if let Some((digest, _)) = newest {
            known.push((digest, Ok(head.intent.clone())));
        }
        let mut wanted: Vec<IntentDigest> = cards.iter().filter_map(|card| card.intent).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|digest| known.iter().all(|(known, _)| known != digest));
        if !wanted.is_empty() {
            let owner = head.cells();
            let names = wanted.iter().map(|digest| Kind::Intent.named_after(digest)).collect();
            let (cells, _) = self.access.cells(owner.clone(), Names::These { names }, MAX_BLOCK_BYTES)?;
            for digest in wanted {
                let name = Kind::Intent.named_after(&digest);
                let intent = match cells.iter().find(|cell| cell.name == name) {
                    Some(cell) => {
                        cell::open(&owner, &name, &cell.bytes).and_then(SymbolicIntent::from_stored)
                    }
                    None => Err(Error::corrupt(format!("the intent in cell {name} is missing"))),
                };
                known.push((digest, intent));
            }
        }
        Ok(cards
            .iter()
            .map(|card| match card.intent {
                None => Ok(SymbolicIntent::default()),
                Some(digest) => match known.iter().find(|(known, _)| *known == digest) {
                    Some((_, Ok(intent))) => Ok(intent.clone()),
                    Some((_, Err(error))) => Err(Error::corrupt(error.to_string())),
                    None => Err(Error::internal("an intent was not looked for")),
                },
            })
            .collect())
    }

    /// Restores the payload of the first of `cards`, and the salt that its frame holds, if any. Further cards are read as
    /// far as they are needed. Cells in `ready` are used up instead of being read again.
    ///
    /// The nearest whole payload is tried first; if that way is damaged, one further up, as far as [`MAX_DETOURS`] reads
    /// of cards go; at last a whole payload that should be gone.
    pub(crate) fn payload(
        &self,
        head: &RitualHead,
        cards: &[Card],
        ready: &mut Vec<Cell>,
    ) -> Result<(Vec<u8>, Option<Salt>)> {
        let Some(target) = cards.first() else { return Err(Error::internal("there is no card to restore")) };
        let (mut cards, mut tried, mut failed) = (Cow::Borrowed(cards), 0, None);
        for _ in 0..MAX_DETOURS {
            let chain = cards.iter().position(|card| card.patch.is_none()).map_or(cards.len(), |end| end + 1);
            for index in tried..chain {
                if head.has_whole(&cards[index])
                    && let Some(payload) =
                        tolerate(self.payload_over(head, &cards[..=index], ready), &mut failed)?
                {
                    return Ok(payload);
                }
            }
            if chain < cards.len() || cards[chain - 1].patch.is_none() {
                break;
            }
            tried = chain;
            let further = self.cards_behind(head, &cards[chain - 1])?;
            if further.is_empty() {
                break;
            }
            cards.to_mut().extend(further);
        }
        if target.whole.is_some()
            && !head.has_whole(target)
            && let Some(payload) = tolerate(self.payload_over(head, &cards[..1], ready), &mut failed)?
        {
            return Ok(payload);
        }
        Err(failed.unwrap_or_else(|| {
            let entry = head.root.at(target.sequence);
            Error::corrupt(format!("no whole payload is left that entry {entry} can be made from"))
        }))
    }

    /// The cards behind a card, as far as no block between them is damaged.
    fn cards_behind(&self, head: &RitualHead, card: &Card) -> Result<Vec<Card>> {
        let owner = head.cells();
        let names = Kind::Block.at_or_after(card.sequence + 1, MAX_CHAIN);
        let (blocks, _) = self.access.cells(owner.clone(), names, MAX_BLOCK_BYTES)?;
        let blocks = Self::blocks(&owner, blocks).into_iter().map_while(|block| block.content.ok());
        Ok(blocks.flat_map(|(_, cards)| cards).filter(|other| other.sequence > card.sequence).collect())
    }

    /// Restores the payload of the first of `cards` from the last, which is whole.
    fn payload_over(
        &self,
        head: &RitualHead,
        cards: &[Card],
        ready: &mut Vec<Cell>,
    ) -> Result<(Vec<u8>, Option<Salt>)> {
        let Some((last, patched)) = cards.split_last() else { return Err(Error::internal("an empty chain")) };
        let patches = self.patch_cells(head, patched)?;
        let (mut payload, mut salt) = self.whole(head, last, ready)?;
        for card in patched.iter().rev() {
            let opened = self.open_patch(head, card, &patches)?;
            payload = self.shared.codec.patched(&payload, &opened, card.raw_bytes).map_err(|error| {
                error.while_doing(format_args!("restore entry {}", head.root.at(card.sequence)))
            })?;
            salt = opened.salt;
        }
        let target = &cards[0];
        self.check_payload(head, target, salt, &payload)?;
        Ok((payload, salt))
    }

    /// Checks that a payload is the one that its card commits to.
    pub(crate) fn check_payload(
        &self,
        head: &RitualHead,
        card: &Card,
        salt: Option<Salt>,
        payload: &[u8],
    ) -> Result<()> {
        let salt = salt.unwrap_or_else(|| head.payload_salt(card.sequence));
        let found = Commitment::to(PAYLOAD, &salt, payload);
        if found == card.commitment {
            return Ok(());
        }
        let (entry, expected) = (head.root.at(card.sequence), card.commitment);
        let what = format_args!("the payload of entry {entry} is not the signed one");
        Err(Error::mismatch(what, expected, found))
    }

    /// Reads and decodes a payload that is whole; not yet checked against its card.
    pub(crate) fn whole(
        &self,
        head: &RitualHead,
        card: &Card,
        ready: &mut Vec<Cell>,
    ) -> Result<(Vec<u8>, Option<Salt>)> {
        let entry = head.root.at(card.sequence);
        self.read_whole(head, card, ready)
            .map_err(|error| error.while_doing(format_args!("restore entry {entry}")))
    }

    fn read_whole(
        &self,
        head: &RitualHead,
        card: &Card,
        ready: &mut Vec<Cell>,
    ) -> Result<(Vec<u8>, Option<Salt>)> {
        let Some(whole) = card.whole else { return Err(Error::internal("the entry is not whole")) };
        let (owner, name) = (head.cells(), Kind::Whole.name(card.sequence, whole.revision));
        let cell = match ready.iter().position(|cell| cell.name == name) {
            Some(index) => Some(ready.swap_remove(index)),
            None => self.access.cells(owner.clone(), Names::one(name), MAX_CELL_BYTES as u64)?.0.pop(),
        };
        let cell = cell.ok_or_else(|| Error::corrupt(format!("the frame in cell {name} is missing")))?;
        let opened = self.open_frame(head, card, &name, cell.bytes)?;
        let number = FrameCodec::dictionary_of(&opened)?;
        let dictionary = match number {
            0 => None,
            number => Some(self.dictionary(&head.assistant, number, card.key.as_ref())?),
        };
        let salt = opened.salt;
        let payload = self.shared.codec.decode(opened, card.raw_bytes, dictionary.as_deref())?;
        Ok((payload, salt))
    }

    /// Opens the frame in a cell: check, seal, salt.
    fn open_frame(
        &self,
        head: &RitualHead,
        card: &Card,
        name: &CellName,
        mut bytes: Vec<u8>,
    ) -> Result<Opened> {
        let length = cell::open(&head.cells(), name, &bytes)?.len();
        bytes.truncate(length);
        self.unseal(head, card, bytes)
    }

    fn unseal(&self, head: &RitualHead, card: &Card, frame: Vec<u8>) -> Result<Opened> {
        let Some(id) = &card.key else { return frame::open(frame, None) };
        let key = self.key(id)?;
        frame::open(frame, Some((&key, associated(head, card))))
    }

    /// Reads the patches of `cards` that have cells of their own.
    pub(crate) fn patch_cells(&self, head: &RitualHead, cards: &[Card]) -> Result<Vec<Cell>> {
        let mut names: Vec<_> = cards
            .iter()
            .filter_map(|card| Some(Kind::Patch.name(card.sequence, card.patch_revision()?)))
            .collect();
        // They are answered in order, and no two alike.
        names.sort_unstable();
        names.dedup();
        let (owner, mut rest, mut cells) = (head.cells(), &names[..], Vec::new());
        // What does not fit into one answer is asked for again.
        while !rest.is_empty() {
            let names = Names::These { names: rest.to_vec() };
            let (some, more) = self.access.cells(owner.clone(), names, MAX_CELL_BYTES as u64)?;
            let last = some.last().map(|cell| cell.name);
            cells.extend(some);
            match last {
                Some(last) if more => rest = &rest[rest.partition_point(|name| *name <= last)..],
                _ => break,
            }
        }
        Ok(cells)
    }

    /// Opens the patch of a card.
    pub(crate) fn open_patch(&self, head: &RitualHead, card: &Card, cells: &[Cell]) -> Result<Opened> {
        let doing =
            |error: Error| error.while_doing(format_args!("restore entry {}", head.root.at(card.sequence)));
        match &card.patch {
            Some(Patch::Inline(bytes)) => self.unseal(head, card, bytes.clone()).map_err(doing),
            Some(Patch::Cell { revision, .. }) => {
                let name = Kind::Patch.name(card.sequence, *revision);
                let cell = cells.iter().find(|cell| cell.name == name);
                let missing = || doing(Error::corrupt(format!("the patch in cell {name} is missing")));
                self.open_frame(head, card, &name, cell.ok_or_else(missing)?.bytes.clone()).map_err(doing)
            }
            None => Err(doing(Error::corrupt("its patch is missing"))),
        }
    }

    /// Tries `read` until it succeeds on a ritual that did not change meanwhile: what it found missing may have been
    /// moved by a writer between two of its reads.
    pub(crate) fn steadily<T>(&self, owner: &Owner, mut read: impl FnMut() -> Result<T>) -> Result<T> {
        let mut before = self.snapshot(owner, Vec::new())?.version();
        for _ in 0..MAX_READS {
            let result = read();
            match &result {
                Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => {
                    let after = self.snapshot(owner, Vec::new())?.version();
                    if after == before {
                        return result;
                    }
                    before = after;
                }
                _ => return result,
            }
        }
        read()
    }
}

/// What a seal binds, beside the key's id: tenant, assistant, ritual, sequence and parent.
pub(crate) fn associated(head: &RitualHead, card: &Card) -> Associated {
    let parent = card.parent_id(head.root).map(|parent| parent.as_uuid().into_bytes());
    Associated::new("mythos 2026 ritual seal v1")
        .field(head.tenant.as_str().as_bytes())
        .field(head.assistant.as_str().as_bytes())
        .field(head.ritual.as_str().as_bytes())
        .field(&card.sequence.to_le_bytes())
        .field(parent.as_ref().map_or(&[], |parent| &parent[..]))
}

/// Gives `None` for damage, of which the first is remembered.
fn tolerate<T>(result: Result<T>, failed: &mut Option<Error>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            failed.get_or_insert(error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
