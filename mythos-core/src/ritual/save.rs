//! Appending an entry.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cache::is_damage;
use super::card::{self, Card, Parent, Patch, Whole};
use super::cell::{self, Kind, hexadecimal};
use super::dictionary::{Dictionary, Effort};
use super::frame::{self, Sealing};
use super::guard::Seen;
use super::place::{HotPlace, Place};
use super::record::millionths;
use super::reroot::group_of;
use super::shared::HotState;
use super::stem::{Stem, common_stem};
use super::thread::{MAX_BLOCK_BYTES, MAX_CHAIN, PAYLOAD, associated};
use super::{
    CompressedRitual, Encoding, KEYFRAME_INTERVAL, MAX_PAYLOAD_BYTES, Payload, RitualCompressionCache,
    RitualHead, SymbolicIntent, entropy_score, splice,
};
use crate::error::{Error, ErrorKind, Result};
use crate::seal::{KeyId, NamedKey};
use crate::store::access::MAX_ATTEMPTS;
use crate::store::{Batch, CellName, CellOp, Expect, Model, Names, Owner, RecordOp};
use crate::types::{AssistantId, Commitment, EntryId, OperationId, RitualId, Salt, Timestamp, Version};

/// Where to save a payload, what it is for, and under which conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaveRitual {
    /// The assistant whose state it is.
    pub assistant: AssistantId,
    /// The procedure that the state belongs to.
    pub ritual: RitualId,
    /// What the payload is for.
    #[serde(default)]
    pub intent: SymbolicIntent,
    /// Which entry must be the newest.
    #[serde(default)]
    pub parent: ParentExpectation,
    /// Names this save within its ritual, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl SaveRitual {
    /// A save behind whatever is the newest entry, without intent.
    #[must_use]
    pub fn new(assistant: AssistantId, ritual: RitualId) -> Self {
        let (intent, parent) = (SymbolicIntent::default(), ParentExpectation::Latest);
        Self { assistant, ritual, intent, parent, operation: None }
    }
}

/// Which entry a save must come behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "entry", rename_all = "snake_case", deny_unknown_fields)]
pub enum ParentExpectation {
    /// Whatever is the newest, also none.
    #[default]
    Latest,
    /// None: this save begins the ritual.
    Absent,
    /// This one: if another writer was faster, the save is a `Conflict`.
    Entry(EntryId),
}

/// A payload made ready before its place is known, so that a retry does not compress again.
struct Encoded {
    dictionary: u32,
    encoding: Encoding,
    frame: Vec<u8>,
    stem: Option<Arc<Stem>>,
    /// In millionths.
    entropy: u32,
}

/// What is to be saved, wherever it goes.
#[derive(Clone, Copy)]
struct NewEntry<'a> {
    save: &'a SaveRitual,
    operation: OperationId,
    /// The entry of another ritual that a new one begins with.
    origin: Option<EntryId>,
    now: Timestamp,
    payload: &'a [u8],
}

/// What the entry before gives to its successor: its patch, or that it has to stay whole.
struct Folded {
    patch: Option<Vec<u8>>,
    /// The salt of the older payload, if its frame holds one.
    salt: Option<Salt>,
    novelty: u32,
    /// Whether the older payload cannot be read, so that nothing can be made out of it either.
    is_lost: bool,
}

impl RitualCompressionCache {
    /// Appends an entry with `payload` to a ritual and returns it. When this returns, the state survives what the store
    /// promises.
    ///
    /// The entry is stored whole; the one before it gets a patch that makes it out of this one, and the one before that
    /// gives up its whole payload, unless its position is a multiple of
    /// [`KEYFRAME_INTERVAL`](super::KEYFRAME_INTERVAL). If the ritual's head record is damaged, it is made anew from its
    /// entries, so that an assistant that was brought back can go on.
    ///
    /// `payload` is at most [`MAX_PAYLOAD_BYTES`] and kept as given, byte for byte.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for a payload over [`MAX_PAYLOAD_BYTES`];
    /// [`ErrorKind::Invalid`] for an intent out of its bounds, a payload format that is not declared, or an operation id
    /// that was used for something else;
    /// [`ErrorKind::Conflict`] if the parent is not the expected one, or other processes were always faster;
    /// [`ErrorKind::Corrupt`] if the store holds a frame that the ritual's head knows nothing of;
    /// [`ErrorKind::Unknown`] if it cannot be told whether the entry was saved: save again with the same operation id.
    pub fn save(&self, save: &SaveRitual, payload: &[u8]) -> Result<CompressedRitual> {
        self.save_and_retain(save, payload, || payload.to_vec().into())
    }

    /// As [`save`](Self::save), without copying a payload that is to stay in memory.
    ///
    /// # Errors
    /// Those of [`save`](Self::save).
    pub fn save_shared(&self, save: &SaveRitual, payload: &Payload) -> Result<CompressedRitual> {
        self.save_and_retain(save, payload, || payload.clone())
    }

    fn save_and_retain(
        &self,
        save: &SaveRitual,
        payload: &[u8],
        share: impl FnOnce() -> Payload,
    ) -> Result<CompressedRitual> {
        let entry = self.save_from(save, payload, None, share)?;
        self.retain_after_save(&entry);
        Ok(entry)
    }

    /// As [`save`](Self::save); with an origin, as the first entry of a new ritual, with that as its parent. What stays in
    /// memory of the payload is made by `share`.
    pub(super) fn save_from(
        &self,
        save: &SaveRitual,
        payload: &[u8],
        origin: Option<EntryId>,
        share: impl FnOnce() -> Payload,
    ) -> Result<CompressedRitual> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            let message = format!("a payload has at most {MAX_PAYLOAD_BYTES} bytes, not {}", payload.len());
            return Err(Error::limit("payload", message));
        }
        save.intent.validate()?;
        self.shared.options.formats.check(save.intent.payload_format.as_deref())?;
        let operation = self.access.operation(save.operation)?;
        let now = self.access.now();
        let key = self.active_key()?;
        let (mut encoded, mut turn) = (None, None);
        for _ in 0..MAX_ATTEMPTS {
            let place = self.place(save, key.as_ref().map(NamedKey::id))?;
            if let Some(existing) = self.saved_before(&place, save, origin, operation, payload)? {
                return Ok(existing);
            }
            if origin.is_some() && place.expect != Expect::Absent {
                let message = format!("ritual {} of {} is there already", save.ritual, save.assistant);
                return Err(Error::conflict(message).with_field("ritual"));
            }
            check_parent(save.parent, place.cards.last().map(|card| place.head.root.at(card.sequence)))?;
            let number = place.dictionary.as_ref().map_or(0, |active| active.dictionary.id());
            let ready = match encoded.take().filter(|encoded: &Encoded| encoded.dictionary == number) {
                Some(encoded) => encoded,
                None => self.encode(&place, key.as_ref(), payload)?,
            };
            let mut batch = Batch::new();
            let new = NewEntry { save, operation, origin, now, payload };
            let staged = self.stage(&mut batch, place, &new, key.as_ref(), ready)?;
            match self.access.commit_kept(&batch) {
                Ok(()) => return Ok(self.remember(&batch, staged, payload.len(), share)),
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    encoded = if key.is_none() { take_back(batch, staged) } else { None };
                    turn.get_or_insert_with(|| {
                        self.access.turn(&self.owner(&save.assistant, &save.ritual).id)
                    });
                }
                Err(error) => {
                    let attempt = format!("save an entry of ritual {}", save.ritual);
                    return Err(error.while_doing(attempt).of_operation(operation));
                }
            }
        }
        Err(Error::conflict(format!(
            "other writers of ritual {} were faster {MAX_ATTEMPTS} times",
            save.ritual
        )))
    }

    /// Compresses a payload for a place.
    fn encode(&self, place: &Place, key: Option<&NamedKey>, payload: &[u8]) -> Result<Encoded> {
        let salt = key.map(|_| self.access.runtime().salt()).transpose()?;
        let begun = frame::begin(key.map(NamedKey::id), salt.as_ref(), 0);
        let dictionary = place.dictionary.as_ref().map(|active| &*active.dictionary);
        if let Some(stem) = self.stem(place, dictionary, payload)?
            && let Some(frame) = self.shared.codec.encode_around(begun.clone(), payload, &stem)?
        {
            let mut counts = stem.counts.clone();
            stem.around(payload).into_iter().for_each(|bytes| counts.add(bytes));
            let entropy = millionths(counts.entropy_score());
            let (dictionary, encoding) = (stem.dictionary, Encoding::Zstd);
            return Ok(Encoded { dictionary, encoding, frame, stem: Some(stem), entropy });
        }
        let (encoding, frame) = self.shared.codec.encode(begun, payload, dictionary, Effort::Hot)?;
        let (dictionary, entropy) =
            (dictionary.map_or(0, Dictionary::id), millionths(entropy_score(payload)));
        Ok(Encoded { dictionary, encoding, frame, stem: None, entropy })
    }

    /// The part that a payload has in common with the one before it, compressed by itself, if it is nearly all of it. Only
    /// what stays in memory has a next save to be used by; and what stays whole is compressed as a whole.
    fn stem(
        &self,
        place: &Place,
        dictionary: Option<&Dictionary>,
        payload: &[u8],
    ) -> Result<Option<Arc<Stem>>> {
        let stays = place.head.next_sequence()?.is_multiple_of(KEYFRAME_INTERVAL);
        let is_of_use = self.shared.keeps(payload.len()) && !stays;
        let Some(hot) = place.hot.as_ref().filter(|_| is_of_use) else { return Ok(None) };
        let number = dictionary.map_or(0, Dictionary::id);
        let kept = hot.stem.as_ref().filter(|stem| stem.dictionary == number);
        if let Some(stem) = kept.filter(|stem| stem.stands_in(&hot.payload, payload)) {
            return Ok(Some(Arc::clone(stem)));
        }
        let Some((at, raw_bytes)) = common_stem(&hot.payload, payload) else { return Ok(None) };
        self.shared.codec.stem(payload, at..at + raw_bytes, dictionary).map(|stem| Some(Arc::new(stem)))
    }

    /// Stages the new entry, the patch of the one before, and the head that now names it.
    fn stage(
        &self,
        batch: &mut Batch,
        place: Place,
        new: &NewEntry<'_>,
        key: Option<&NamedKey>,
        encoded: Encoded,
    ) -> Result<Staged> {
        let Place { owner, expect, mut head, mut cards, mut blocks, dictionary, known_dictionary, hot } =
            place;
        let NewEntry { save, operation, origin, now, payload } = *new;
        let sequence = head.next_sequence()?;
        let revision = revision(expect)?;
        let parent = cards.last().map(|card| (card.sequence, card.created_at));
        let mut folded = self.fold(&head, cards.last(), hot.as_deref(), key.map(NamedKey::id), payload)?;
        if origin.is_some() {
            folded.novelty = millionths(self.shared.meter.score(Some(payload), payload));
        }
        if parent.is_some_and(|(parent, _)| parent + 1 != sequence) {
            // What lies between may be damaged, so that nobody could tell that this entry is the next.
            folded.patch = None;
        }

        // The new entry.
        let salt = match key {
            Some(key) => salt_in(&encoded.frame, key.id())?,
            None => head.payload_salt(sequence),
        };
        let intent = save.intent.stored()?;
        let uses_dictionary = encoded.dictionary != 0 && encoded.encoding == Encoding::Zstd;
        let mut card = Card {
            sequence,
            parent: match parent {
                None => origin.map_or(Parent::None, |origin| Parent::Entry(origin.as_uuid().into_bytes())),
                Some((parent, _)) if parent + 1 == sequence => Parent::Neighbour,
                Some((parent, _)) => Parent::Sequence(parent),
            },
            operation: Card::mark(operation),
            is_marked: save.operation.is_some(),
            created_at: parent.map_or(now, |(_, created_at)| now.max(created_at)),
            raw_bytes: payload.len() as u64,
            commitment: Commitment::to(PAYLOAD, &salt, payload),
            signature: [0; 16],
            entropy: encoded.entropy,
            novelty: folded.novelty,
            intent: intent.as_ref().map(|(digest, _)| *digest),
            key: key.map(|key| key.id().clone()),
            whole: None,
            patch: None,
        };
        let frame = self.finish_frame(&head, &card, key, encoded.frame)?;
        card.whole = Some(Whole {
            revision,
            stored_bytes: (frame.len() + cell::CHECK_BYTES) as u64,
            is_compressed: encoded.encoding == Encoding::Zstd,
            is_compacted: false,
            dictionary: if uses_dictionary { encoded.dictionary } else { 0 },
            stays: false,
        });

        // The head, and what the older entries give up.
        let known = head.intent.stored()?.map(|(digest, _)| digest);
        let last_two = cards.len().saturating_sub(2);
        let stored = |head: &RitualHead, cards: &[Card]| -> u64 {
            cards[last_two..].iter().map(|card| head.stored(card).stored_bytes).sum()
        };
        let stored_before = stored(&head, &cards);
        let second = head.newest.get(1).copied();
        head.newest = std::iter::once(sequence).chain(parent.map(|(parent, _)| parent)).collect();
        if let Some((parent, earlier)) = cards.split_last_mut() {
            let patch = folded.patch.map(|patch| (patch, folded.salt));
            if let Some(hot) = hot.as_ref().filter(|hot| hot.stem.is_some())
                && parent.key.as_ref() == key.map(NamedKey::id)
                && may_stay(patch.as_ref())
            {
                self.compress_anew(batch, &head, parent, hot, key, revision)?;
            }
            self.put_patch(batch, revision, &head, &owner, parent, patch, key)?;
            let mut first_changed = parent.sequence;
            if let Some(older) = earlier.last_mut().filter(|card| Some(card.sequence) == second)
                && let Some(whole) = older.whole.as_mut().filter(|whole| !whole.stays)
            {
                if folded.is_lost {
                    // Its patch leads to a payload that is lost.
                    whole.stays = true;
                    first_changed = older.sequence;
                } else {
                    let name = Kind::Whole.name(older.sequence, whole.revision);
                    batch.delete_cells(owner.clone(), Names::one(name));
                }
            }
            let mut rest = &cards[..];
            for (last, its_revision) in &mut blocks {
                let (block, behind) = rest.split_at(rest.partition_point(|card| card.sequence <= *last));
                if *last >= first_changed {
                    let old = std::mem::replace(its_revision, revision);
                    batch.delete_cells(owner.clone(), Names::one(Kind::Block.name(*last, old)));
                    self.put_block(batch, &head, block, revision)?;
                }
                rest = behind;
            }
        }
        let stored_after = stored(&head, &cards);
        let entry = CompressedRitual::of(&head, &card, save.intent.clone());
        card.signature = entry.signature_start();
        head.stored_bytes = head
            .stored_bytes
            .saturating_sub(stored_before)
            .saturating_add(stored_after)
            .saturating_add(entry.compressed_ritual_data.stored_bytes);
        head.raw_bytes = head.raw_bytes.saturating_add(card.raw_bytes);
        head.entries += 1;
        head.sequence = sequence;
        head.signature = hexadecimal(&card.signature);
        head.intent = save.intent.clone();
        head.add_labels(&save.intent.labels);
        if uses_dictionary {
            head.dictionaries.insert(encoded.dictionary);
        }
        head.updated_at = card.created_at;
        if head.entries == 1 {
            head.first_at = card.created_at;
        }
        batch.put(owner.id, expect, &head)?;
        if let Some(active) = dictionary.filter(|_| uses_dictionary) {
            batch.check(active.table(), active.record, Expect::At(active.version));
        }
        // What an earlier entry, or a ritual whose head is lost, left under a name gives way.
        let put = |batch: &mut Batch, name: CellName, body: Vec<u8>, is_new: bool| {
            if !is_new {
                batch.delete_cells(owner.clone(), Names::one(name));
            }
            batch.put_cell(owner.clone(), name, cell::close(&owner, &name, body));
        };
        if let Some((digest, bytes)) = intent.filter(|(digest, _)| known != Some(*digest)) {
            put(batch, Kind::Intent.named_after(&digest), bytes, false);
        }
        if save.operation.is_some() {
            let position = sequence.to_be_bytes().to_vec();
            put(batch, Kind::Operation.named_after(&card.operation), position, false);
        }
        let is_new = expect != Expect::Absent;
        let block = card::write_block(&head.seed, std::slice::from_ref(&card))?;
        put(batch, Kind::Block.name(sequence, revision), block, is_new);
        put(batch, Kind::Whole.name(sequence, revision), frame, is_new);
        // The next save needs the cards of the two newest blocks.
        let older = blocks.iter().rev().nth(1).map_or(0, |(last, _)| *last);
        cards.retain(|card| card.sequence > older);
        blocks.drain(..blocks.len().saturating_sub(1));
        cards.push(card);
        blocks.push((sequence, revision));
        Ok(Staged {
            owner,
            entry,
            salt: key.map(|_| salt),
            dictionary: encoded.dictionary,
            encoding: encoded.encoding,
            stem: encoded.stem,
            entropy: encoded.entropy,
            place: HotPlace::new(head, cards, blocks, known_dictionary),
            version: expect.next_version()?,
        })
    }

    /// Keeps what was committed for the next save, and gives the entry.
    fn remember(
        &self,
        batch: &Batch,
        staged: Staged,
        length: usize,
        share: impl FnOnce() -> Payload,
    ) -> CompressedRitual {
        let Staged { owner, entry, salt, place, version, stem, .. } = staged;
        let head = batch.records.iter().find_map(|op| match op {
            RecordOp::Put { table, id, body, .. } if *table == RitualHead::TABLE && *id == owner.id => {
                Seen::of(version, body)
            }
            _ => None,
        });
        let state = || HotState { head, entry: entry.clone(), payload: share(), salt, place, stem };
        self.shared.warm(&owner, length, state);
        entry
    }

    /// Compares the payload of the newest entry with the one that is to follow it.
    fn fold(
        &self,
        head: &RitualHead,
        parent: Option<&Card>,
        hot: Option<&HotState>,
        key: Option<&KeyId>,
        payload: &[u8],
    ) -> Result<Folded> {
        let meter = |previous| millionths(self.shared.meter.score(previous, payload));
        let Some(parent) = parent else {
            return Ok(Folded { patch: None, salt: None, novelty: meter(None), is_lost: false });
        };
        let read;
        let (previous, salt): (&[u8], _) = match hot {
            Some(hot) => (&hot.payload, hot.salt),
            None => match self.payload(head, std::slice::from_ref(parent), &mut Vec::new()) {
                Ok((payload, salt)) => {
                    read = payload;
                    (&read, salt)
                }
                // A predecessor that cannot be read stays as it is; the new state is what has to survive.
                Err(error) if is_damage(&error) || error.kind() == ErrorKind::NotFound => {
                    return Ok(Folded { patch: None, salt: None, novelty: meter(None), is_lost: true });
                }
                Err(error) => return Err(error),
            },
        };
        let novelty = meter(Some(previous));
        // No chain crosses a key: a destroyed key must take its own entries along, and no others.
        if parent.key.as_ref() != key {
            return Ok(Folded { patch: None, salt, novelty, is_lost: false });
        }
        let patch = splice::diff(payload, previous)?;
        Ok(Folded { patch: Some(patch), salt, novelty, is_lost: false })
    }

    /// Gives the newest entry the patch that makes it out of its successor, or lets it stay whole.
    #[expect(clippy::too_many_arguments, reason = "where it goes and how it is sealed")]
    pub(super) fn put_patch(
        &self,
        batch: &mut Batch,
        revision: u32,
        head: &RitualHead,
        owner: &Owner,
        card: &mut Card,
        patch: Option<(Vec<u8>, Option<Salt>)>,
        key: Option<&NamedKey>,
    ) -> Result<()> {
        /// An entry that stays whole gets a patch as its second way back only if it is at most so many sixteenths of it.
        const MAX_SPARE: u64 = 2;
        /// A patch that is longer saves too little to make an entry depend on another.
        const MAX_PATCH: u64 = 15;
        let Some(whole) = &mut card.whole else { return Ok(()) };
        // The newest of its group stays whole: no chain reaches over a group.
        let is_keyframe = group_of(card.sequence) != group_of(head.next_sequence()?);
        let most = whole.stored_bytes * if is_keyframe { MAX_SPARE } else { MAX_PATCH } / 16;
        let patch = patch.filter(|(patch, _)| patch.len() as u64 <= most);
        whole.stays = is_keyframe || patch.is_none();
        let Some((patch, salt)) = patch else { return Ok(()) };
        card.patch = Some(self.stored_patch(batch, head, owner, card, (&patch, salt), key, revision)?);
        Ok(())
    }

    /// Compresses a whole payload that was made to be replaced, and may stay after all, as what stays is.
    fn compress_anew(
        &self,
        batch: &mut Batch,
        head: &RitualHead,
        card: &mut Card,
        hot: &HotState,
        key: Option<&NamedKey>,
        revision: u32,
    ) -> Result<()> {
        let Some(old) = card.whole else { return Ok(()) };
        batch.delete_cells(head.cells(), Names::one(Kind::Whole.name(card.sequence, old.revision)));
        let (payload, salt, dictionary, effort) = (&hot.payload[..], hot.salt, None, Effort::Hot);
        let whole = NewWhole { head, card, payload, salt, key, dictionary, effort, revision };
        card.whole = Some(self.stored_whole(batch, &whole)?);
        Ok(())
    }

    /// Stores a patch in the card or, if it is long, in a cell.
    #[expect(clippy::too_many_arguments, reason = "where it goes and how it is sealed")]
    pub(super) fn stored_patch(
        &self,
        batch: &mut Batch,
        head: &RitualHead,
        owner: &Owner,
        card: &Card,
        (patch, salt): (&[u8], Option<Salt>),
        key: Option<&NamedKey>,
        revision: u32,
    ) -> Result<Patch> {
        // A salt that is not derived must lie wherever the payload does.
        let mut frame = frame::begin(key.map(NamedKey::id), salt.as_ref(), patch.len());
        frame.extend_from_slice(patch);
        let frame = self.finish_frame(head, card, key, frame)?;
        if frame.len() <= card::MAX_INLINE_PATCH {
            return Ok(Patch::Inline(frame));
        }
        let name = Kind::Patch.name(card.sequence, revision);
        let bytes = cell::close(owner, &name, frame);
        let stored_bytes = bytes.len() as u64;
        batch.put_cell(owner.clone(), name, bytes);
        Ok(Patch::Cell { revision, stored_bytes })
    }

    /// Stores a payload whole and says how. `salt` is the one that its frame holds, if it does.
    pub(super) fn stored_whole(&self, batch: &mut Batch, whole: &NewWhole<'_>) -> Result<Whole> {
        let NewWhole { head, card, payload, salt, key, dictionary, effort, revision } = *whole;
        let salt = head.salt_inside(card.sequence, salt, key.is_some());
        let begun = frame::begin(key.map(NamedKey::id), salt.as_ref(), 0);
        let spare = dictionary.filter(|_| effort == Effort::Compacted).map(|_| begun.clone());
        let (mut encoding, mut frame) = self.shared.codec.encode(begun, payload, dictionary, effort)?;
        let mut dictionary = dictionary.filter(|_| encoding == Encoding::Zstd);
        if let Some(spare) = spare {
            let (plain_encoding, plain) = self.shared.codec.encode(spare, payload, None, effort)?;
            if plain.len() <= frame.len() {
                (encoding, frame, dictionary) = (plain_encoding, plain, None);
            }
        }
        let frame = self.finish_frame(head, card, key, frame)?;
        let (owner, name) = (head.cells(), Kind::Whole.name(card.sequence, revision));
        let bytes = cell::close(&owner, &name, frame);
        let stored_bytes = bytes.len() as u64;
        batch.put_cell(owner, name, bytes);
        let is_compressed = encoding == Encoding::Zstd;
        Ok(Whole {
            revision,
            stored_bytes,
            is_compressed,
            is_compacted: effort == Effort::Compacted,
            dictionary: dictionary.map_or(0, Dictionary::id),
            stays: card.whole.is_some_and(|whole| whole.stays),
        })
    }

    /// Seals a frame, if there is a key.
    pub(super) fn finish_frame(
        &self,
        head: &RitualHead,
        card: &Card,
        key: Option<&NamedKey>,
        frame: Vec<u8>,
    ) -> Result<Vec<u8>> {
        let Some(key) = key else { return Ok(frame) };
        let nonce = self.access.runtime().nonce()?;
        frame::finish(frame, Some(Sealing { key, nonce, associated: associated(head, card) }))
    }

    /// The entry that an earlier attempt of the same operation left.
    fn saved_before(
        &self,
        place: &Place,
        save: &SaveRitual,
        origin: Option<EntryId>,
        operation: OperationId,
        payload: &[u8],
    ) -> Result<Option<CompressedRitual>> {
        let (Some(_), true) = (save.operation, place.head.entries > 0) else { return Ok(None) };
        let mark = Card::mark(operation);
        let name = Kind::Operation.named_after(&mark);
        let (cells, _) = self.access.cells(place.owner.clone(), Names::one(name), MAX_BLOCK_BYTES)?;
        let sequence = match cells.first() {
            Some(cell) => {
                let body = cell::open(&place.owner, &name, &cell.bytes).ok();
                body.and_then(|body| body.try_into().ok()).map(u64::from_be_bytes)
            }
            None => self.made_since(place, operation, &mark)?,
        };
        let Some(sequence) = sequence else { return Ok(None) };
        let (entry, stored) = match self.restore_with(&place.head, &place.owner, sequence) {
            Ok(found) => found,
            // An entry that is damaged or pruned does not stand in the way of saving the state again.
            Err(error) if is_damage(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let parent = origin.map_or(save.parent, ParentExpectation::Entry);
        let is_same = check_parent(parent, entry.parent).is_ok() && entry.intent() == save.intent;
        if is_same && stored == payload {
            return Ok(Some(entry));
        }
        let message =
            format!("operation {operation} was used for another save, that of entry {}", entry.entry);
        Err(Error::invalid("operation", message))
    }

    /// Looks for the entry of an operation whose id this library made: a caller repeats one after an unknown outcome.
    /// The id tells when it was made, and no older entry can be its.
    fn made_since(
        &self,
        place: &Place,
        operation: OperationId,
        mark: &card::OperationMark,
    ) -> Result<Option<u64>> {
        const TIME_ORDERED: usize = 7;
        let uuid = operation.as_uuid();
        if uuid.get_version_num() != TIME_ORDERED {
            return Ok(None);
        }
        let milliseconds = uuid.as_bytes()[..6].iter().fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
        let made_at = milliseconds.saturating_mul(1000);
        let mut before = None;
        loop {
            let names = Kind::Block.before(before, MAX_CHAIN);
            let (blocks, _) = self.access.cells(place.owner.clone(), names, MAX_BLOCK_BYTES)?;
            let lowest =
                blocks.iter().filter_map(|cell| Kind::Block.place(&cell.name)).map(|(last, _)| last).min();
            let cards = Self::cards(&place.owner, blocks).cards;
            if let Some(card) = cards.iter().find(|card| card.operation == *mark) {
                return Ok(Some(card.sequence));
            }
            let is_older = cards.first().is_none_or(|card| card.created_at.as_microseconds() < made_at);
            match lowest {
                Some(lowest) if !is_older => before = Some(lowest),
                _ => return Ok(None),
            }
        }
    }
}

/// A payload that is to be stored whole.
#[derive(Clone, Copy)]
pub(super) struct NewWhole<'a> {
    pub(super) head: &'a RitualHead,
    pub(super) card: &'a Card,
    pub(super) payload: &'a [u8],
    /// The salt of its commitment, if it is not the derived one.
    pub(super) salt: Option<Salt>,
    pub(super) key: Option<&'a NamedKey>,
    pub(super) dictionary: Option<&'a Dictionary>,
    pub(super) effort: Effort,
    pub(super) revision: u32,
}

/// What was staged, for when the commit is through, or lost a race.
struct Staged {
    owner: Owner,
    entry: CompressedRitual,
    salt: Option<Salt>,
    dictionary: u32,
    encoding: Encoding,
    stem: Option<Arc<Stem>>,
    entropy: u32,
    /// Where the next save goes on, and the version that the head has by then.
    place: Option<HotPlace>,
    version: Version,
}

/// The revision of cells that a commit writes: the version that the head gets by it, so that no name is used twice.
pub(super) fn revision(expect: Expect) -> Result<u32> {
    // After 2^32 commits the names of the first have long been deleted.
    Ok(expect.next_version()?.get() as u32)
}

/// Whether a payload that was compressed fast, to be replaced, might stay whole after all: it has no patch, or one that
/// might be longer than what better compression makes of it.
fn may_stay(patch: Option<&(Vec<u8>, Option<Salt>)>) -> bool {
    /// A state that grows has patches of some ten bytes.
    const SHORT_PATCH: usize = 256;
    patch.is_none_or(|(patch, _)| patch.len() > SHORT_PATCH)
}

/// Takes the frame back out of a batch that lost a race: it is the last cell.
fn take_back(batch: Batch, staged: Staged) -> Option<Encoded> {
    let CellOp::Put { bytes: mut frame, .. } = batch.cells.into_iter().next_back()? else { return None };
    frame.truncate(frame.len().saturating_sub(cell::CHECK_BYTES));
    let Staged { dictionary, encoding, stem, entropy, .. } = staged;
    Some(Encoded { dictionary, encoding, frame, stem, entropy })
}

/// The salt that [`frame::begin`] put behind the key's id and nonce.
fn salt_in(frame: &[u8], id: &KeyId) -> Result<Salt> {
    let start = 3 + id.as_str().len() + crate::seal::NONCE_BYTES;
    let bytes = frame.get(start..).and_then(|rest| rest.first_chunk());
    bytes.copied().map(Salt::from_bytes).ok_or_else(|| Error::internal("a sealed frame has no salt"))
}

fn check_parent(expected: ParentExpectation, newest: Option<EntryId>) -> Result<()> {
    let expected = match expected {
        ParentExpectation::Latest => return Ok(()),
        ParentExpectation::Absent => None,
        ParentExpectation::Entry(entry) => Some(entry),
    };
    if newest == expected {
        return Ok(());
    }
    let name = |entry: Option<EntryId>| entry.map_or_else(|| "none".to_owned(), |entry| entry.to_string());
    let message = format!("the newest entry is {}, not {}", name(newest), name(expected));
    Err(Error::conflict(message).with_field("parent"))
}
