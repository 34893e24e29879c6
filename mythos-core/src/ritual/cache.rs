use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::card::Card;
use super::cell::Kind;
use super::guard::Seen;
use super::shared::{HotState, Shared};
use super::thread::{MAX_BLOCK_BYTES, MAX_CHAIN};
use super::{CompressedRitual, Payload, RitualHead};
use crate::error::{Error, ErrorKind, Result};
use crate::store::access::{self, Access};
use crate::store::{Cell, Filter, Model, Owner, Query, Read};
use crate::types::{AssistantId, EntryId, RitualId, Salt};

/// How many blocks of entries one step of a search for a good one looks at.
const SEARCH_BLOCKS: u32 = 16;

/// The checkpoint store of assistants' state.
///
/// Cheap to clone; every method may be called from any thread.
///
/// ```
/// use mythos_core::{Mythos, ritual::SaveRitual};
///
/// let mythos = Mythos::in_memory();
/// let rituals = mythos.rituals();
/// let state = br#"{"step": 3, "order": 4711}"#;
/// let entry = rituals.save(&SaveRitual::new("ana".parse()?, "refund".parse()?), state)?;
///
/// let restored = rituals.latest(&"ana".parse()?, &"refund".parse()?)?.unwrap();
/// assert_eq!(restored.payload, state);
/// assert_eq!(restored.entry, entry);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RitualCompressionCache {
    pub(super) access: Access,
    pub(super) shared: Arc<Shared>,
}

/// An entry and its payload, verified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoredRitual {
    /// The entry.
    pub entry: CompressedRitual,
    /// The state, byte for byte as it was saved, or brought up to `format`.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
    /// The format that the payload is in now: the entry's, or what the host's
    /// [`PayloadFormats`](super::PayloadFormats) made of it.
    pub format: Option<String>,
}

/// As [`RestoredRitual`], with a payload that the cache keeps in memory as well, rather than a copy of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SharedRitual {
    /// The entry.
    pub entry: CompressedRitual,
    /// The state, byte for byte as it was saved, or brought up to `format`.
    pub payload: Payload,
    /// The format that the payload is in now.
    pub format: Option<String>,
}

/// The newest entry that verifies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerifiableRitual {
    /// The entry and its payload.
    pub restored: RestoredRitual,
    /// The newer entries that did not verify, newest first.
    pub skipped: Vec<SkippedEntry>,
}

/// Something that did not verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedEntry {
    /// The entry, if it can still be told; `None` also for the ritual's head.
    pub entry: Option<EntryId>,
    /// Its position, if it can still be told.
    pub sequence: Option<u64>,
    /// What is wrong with it.
    pub finding: String,
}

/// The newest entry as it is stored.
struct Newest<P> {
    entry: CompressedRitual,
    payload: P,
    /// The salt of its commitment, if its frame holds one.
    salt: Option<Salt>,
    seen: Option<Seen>,
}

/// What a search for an entry that verifies came to.
struct Searched {
    entry: CompressedRitual,
    payload: Vec<u8>,
    skipped: Vec<SkippedEntry>,
}

impl RitualCompressionCache {
    pub(crate) fn new(access: Access, shared: Arc<Shared>) -> Self {
        Self { access, shared }
    }

    /// Restores the newest entry of a ritual; `None` if the ritual has none. A state that is in memory is given without
    /// reading what is stored of it: [`verify`](Self::verify) and [`latest_verifiable`](Self::latest_verifiable) read.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if what is stored is not what was saved; see
    /// [`latest_verifiable`](Self::latest_verifiable). [`ErrorKind::NotFound`], field `key`, if its key was destroyed.
    pub fn latest(&self, assistant: &AssistantId, ritual: &RitualId) -> Result<Option<RestoredRitual>> {
        let owner = self.owner(assistant, ritual);
        let (entry, payload) = match self.remembered(&owner)? {
            Some(hot) => (hot.entry.clone(), hot.payload.to_vec()),
            None => match self.steadily_once(&owner, || self.newest(&owner))? {
                Some(found) => self.keep(&owner, found, |payload| payload[..].to_vec().into()),
                None => return Ok(None),
            },
        };
        self.hand_out(entry, payload).map(Some)
    }

    /// As [`latest`](Self::latest), without copying a state that is in memory: for whoever reads large states and does not
    /// change them in place. A state that is not in memory yet is kept as what `own` makes of it; `Payload::from` keeps the
    /// bytes as they are.
    ///
    /// # Errors
    /// Those of [`latest`](Self::latest).
    pub fn latest_shared(
        &self,
        assistant: &AssistantId,
        ritual: &RitualId,
        own: impl FnOnce(Vec<u8>) -> Payload,
    ) -> Result<Option<SharedRitual>> {
        let owner = self.owner(assistant, ritual);
        let (entry, payload) = match self.remembered(&owner)? {
            Some(hot) => (hot.entry.clone(), hot.payload.clone()),
            None => match self.steadily_once(&owner, || self.newest(&owner))? {
                Some(Newest { entry, payload, salt, seen }) => {
                    let payload = own(payload);
                    let found = Newest { entry, payload, salt, seen };
                    self.keep(&owner, found, Payload::clone)
                }
                None => return Ok(None),
            },
        };
        let formats = &self.shared.options.formats;
        if formats.is_current(entry.payload_format.as_deref()) {
            let format = entry.payload_format.clone();
            return Ok(Some(SharedRitual { entry, payload, format }));
        }
        let RestoredRitual { entry, payload, format } = self.hand_out(entry, payload.to_vec())?;
        Ok(Some(SharedRitual { entry, payload: payload.into(), format }))
    }

    /// Keeps the newest state in memory, if it is not too large, as what `share` makes of its payload.
    fn keep<P: AsRef<[u8]>>(
        &self,
        owner: &Owner,
        newest: Newest<P>,
        share: impl FnOnce(&P) -> Payload,
    ) -> (CompressedRitual, P) {
        let Newest { entry, payload, salt, seen } = newest;
        self.shared.warm(owner, payload.as_ref().len(), || HotState {
            head: seen,
            entry: entry.clone(),
            payload: share(&payload),
            salt,
            place: None,
            stem: None,
        });
        (entry, payload)
    }

    /// As [`latest`](Self::latest), but reads what is stored even if the state is in memory.
    pub(crate) fn latest_stored(
        &self,
        assistant: &AssistantId,
        ritual: &RitualId,
    ) -> Result<Option<RestoredRitual>> {
        let owner = self.owner(assistant, ritual);
        let found = self.steadily_once(&owner, || self.newest(&owner))?;
        found.map(|found| self.hand_out(found.entry, found.payload)).transpose()
    }

    /// The newest state in memory, if nothing was written to the ritual since.
    fn remembered(&self, owner: &Owner) -> Result<Option<Arc<HotState>>> {
        let Some(hot) = self.hot(owner)? else { return Ok(None) };
        let Some(seen) = &hot.head else { return Ok(None) };
        let [head] = self.access.read([Read::Record { table: RitualHead::TABLE, id: owner.id }])?;
        if !access::record(head)?.is_some_and(|record| seen.is(&record)) {
            return Ok(None);
        }
        Ok(Some(hot))
    }

    /// The newest state of a ritual that is in memory. A destroyed key takes it along.
    pub(super) fn hot(&self, owner: &Owner) -> Result<Option<Arc<HotState>>> {
        let Some(hot) = self.shared.hot(owner) else { return Ok(None) };
        match hot.entry.compressed_ritual_data.key.as_ref().map(|id| self.key(id)).transpose() {
            Ok(_) => Ok(Some(hot)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.shared.cool(owner);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The newest entry and its payload as they are stored.
    fn newest(&self, owner: &Owner) -> Result<Option<Newest<Vec<u8>>>> {
        let names = vec![Kind::Block.before(None, 1), Kind::Whole.before(None, 1)];
        let snapshot = self.snapshot(owner, names)?;
        let Some(head) = snapshot.head.transpose()? else { return self.lost_head(owner, &snapshot.cells) };
        let [blocks, mut wholes] = two(snapshot.cells);
        let Some(newest) = head.newest.first().copied() else {
            // An unfinished copy has none to show yet.
            if blocks.is_empty() || head.copying.is_some() {
                return Ok(None);
            }
            return Err(Error::corrupt(format!(
                "the head of ritual {} names none of its entries",
                head.ritual
            )));
        };
        let mut cards = Self::cards(owner, blocks);
        if let Some((_, error)) = cards.damaged.pop() {
            return Err(error.while_doing(format_args!("restore entry {}", head.root.at(newest))));
        }
        let card = cards.cards.pop().filter(|card| card.sequence == newest);
        let card = card.ok_or_else(|| {
            let entry = head.root.at(newest);
            Error::corrupt(format!("the newest entry {entry} is missing from the ritual's entries"))
        })?;
        head.check_newest(&card)?;
        let intent = self.intents(&head, std::slice::from_ref(&card))?.remove(0)?;
        let entry = self.entry_of(&head, &card, intent)?;
        let (payload, salt) = self.payload(&head, std::slice::from_ref(&card), &mut wholes)?;
        Ok(Some(Newest { entry, payload, salt, seen: snapshot.seen }))
    }

    /// A ritual without a head has no entries, or has lost it.
    fn lost_head<T>(&self, owner: &Owner, cells: &[Vec<Cell>]) -> Result<Option<T>> {
        if cells.iter().all(Vec::is_empty) {
            return Ok(None);
        }
        Err(Error::corrupt(format!("the head of the ritual at {owner} is missing, but not its entries")))
    }

    /// Restores one entry.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such entry, or, with field `key`, if its key was destroyed;
    /// [`ErrorKind::Corrupt`] if what is stored is not what was saved.
    pub fn restore(&self, entry: EntryId) -> Result<RestoredRitual> {
        let (entry, payload) = self.found(entry)?;
        self.hand_out(entry, payload)
    }

    /// An entry, and its payload as it was saved.
    pub(super) fn found(&self, entry: EntryId) -> Result<(CompressedRitual, Vec<u8>)> {
        let owner = self.place_of(entry)?;
        self.steadily_once(&owner, || self.restore_at(&owner, entry))
    }

    /// As [`found`](Self::found), in the ritual of `owner`; another may have taken its place since it was looked up.
    pub(super) fn restore_at(&self, owner: &Owner, entry: EntryId) -> Result<(CompressedRitual, Vec<u8>)> {
        let sequence = entry.sequence();
        let names = vec![Kind::Block.at_or_after(sequence, MAX_CHAIN), Kind::Whole.at_or_after(sequence, 1)];
        let snapshot = self.snapshot(owner, names)?;
        let head = head_for(owner, snapshot.head, entry)?;
        let [blocks, mut wholes] = two(snapshot.cells);
        let cards = self.cards_from(&head, owner, blocks, sequence)?;
        let intent = self.intents(&head, &cards[..1])?.remove(0)?;
        let entry = self.entry_of(&head, &cards[0], intent)?;
        let (payload, _) = self.payload(&head, &cards, &mut wholes)?;
        Ok((entry, payload))
    }

    /// The cards from a position upward, as far as no block between them is damaged.
    pub(super) fn cards_from(
        &self,
        head: &RitualHead,
        owner: &Owner,
        blocks: Vec<Cell>,
        sequence: u64,
    ) -> Result<Vec<Card>> {
        let mut read = Self::cards(owner, blocks);
        let start = read.cards.partition_point(|card| card.sequence < sequence);
        read.cards.drain(..start);
        read.damaged.retain(|(last, _)| *last >= sequence);
        read.damaged.sort_unstable_by_key(|(last, _)| *last);
        let found = read.cards.first().is_some_and(|card| card.sequence == sequence);
        if !found {
            return Err(match read.damaged.into_iter().next() {
                Some((_, error)) => {
                    error.while_doing(format_args!("restore entry {}", head.root.at(sequence)))
                }
                None => not_found(owner, sequence),
            });
        }
        if let Some((last, _)) = read.damaged.first() {
            // What lies behind a damaged block is not the next entry.
            read.cards.retain(|card| card.sequence < *last);
        }
        Ok(read.cards)
    }

    /// One entry, without its payload.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such entry; [`ErrorKind::Corrupt`] if it is damaged.
    pub fn entry(&self, entry: EntryId) -> Result<CompressedRitual> {
        let owner = self.place_of(entry)?;
        self.steadily_once(&owner, || {
            let sequence = entry.sequence();
            let snapshot = self.snapshot(&owner, vec![Kind::Block.at_or_after(sequence, 1)])?;
            let head = head_for(&owner, snapshot.head, entry)?;
            let blocks = snapshot.cells.into_iter().flatten().collect();
            let cards = self.cards_from(&head, &owner, blocks, sequence)?;
            let intent = self.intents(&head, &cards[..1])?.remove(0)?;
            self.entry_of(&head, &cards[0], intent)
        })
    }

    /// Restores the newest entry that verifies, before position `before` if that is given, and says which newer ones
    /// do not; `None` if none does. What is stored is read, never what is in memory: whoever asks may want to hand the
    /// entry to another process.
    ///
    /// # Errors
    /// Those of the store and of the key provider; damaged entries are no errors here.
    pub fn latest_verifiable(
        &self,
        assistant: &AssistantId,
        ritual: &RitualId,
        before: Option<u64>,
    ) -> Result<Option<VerifiableRitual>> {
        let owner = self.owner(assistant, ritual);
        let mut damaged_head = None;
        if before.is_none() {
            match self.steadily_once(&owner, || self.newest(&owner)) {
                Ok(Some(Newest { entry, payload, .. })) => {
                    let restored = self.hand_out(entry, payload)?;
                    return Ok(Some(VerifiableRitual { restored, skipped: Vec::new() }));
                }
                Ok(None) => return Ok(None),
                Err(error) if is_damage(&error) => damaged_head = Some(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        let Some(Searched { entry, payload, mut skipped }) = self.search(assistant, ritual, before)? else {
            return Ok(None);
        };
        if skipped.is_empty() {
            // No entry is damaged, so what is damaged is the head.
            skipped.extend(damaged_head.map(|finding| SkippedEntry { entry: None, sequence: None, finding }));
        }
        let restored = self.hand_out(entry, payload)?;
        Ok(Some(VerifiableRitual { restored, skipped }))
    }

    /// Searches for the newest entry before a position that verifies, also in a ritual whose head is damaged.
    fn search(
        &self,
        assistant: &AssistantId,
        ritual: &RitualId,
        before: Option<u64>,
    ) -> Result<Option<Searched>> {
        let owner = self.owner(assistant, ritual);
        let head = match self.snapshot(&owner, Vec::new())?.head {
            Some(Ok(head)) => head,
            Some(Err(error)) if !is_damage(&error) => return Err(error),
            _ => match self.remake_head(assistant, ritual)? {
                Some(head) => head,
                None => return Ok(None),
            },
        };
        let (mut skipped, mut below) = (Vec::new(), before);
        let mut seen = below.unwrap_or(u64::MAX);
        loop {
            let (blocks, _) = self.access.cells(
                owner.clone(),
                Kind::Block.before(below, SEARCH_BLOCKS),
                MAX_BLOCK_BYTES,
            )?;
            let reached_end = blocks.is_empty();
            let lowest =
                blocks.iter().filter_map(|cell| Kind::Block.place(&cell.name)).map(|(last, _)| last).min();
            // A block that ends at or after the bound may still hold entries before it.
            let straddling = match below {
                Some(bound) if Some(bound) == before => {
                    self.access.cells(owner.clone(), Kind::Block.at_or_after(bound, 1), MAX_BLOCK_BYTES)?.0
                }
                _ => Vec::new(),
            };
            let read = Self::cards(&owner, blocks.into_iter().chain(straddling).collect());
            let mut found: Vec<(u64, Result<(), Error>)> =
                read.cards.iter().map(|card| (card.sequence, Ok(()))).collect();
            found.extend(read.damaged.into_iter().map(|(last, error)| (last, Err(error))));
            found.sort_unstable_by_key(|(sequence, _)| std::cmp::Reverse(*sequence));
            for (sequence, state) in found.into_iter() {
                if sequence >= seen {
                    continue;
                }
                seen = sequence;
                let restored = state.and_then(|()| self.restore_with(&head, &owner, sequence));
                match restored {
                    Ok((entry, payload)) => return Ok(Some(Searched { entry, payload, skipped })),
                    Err(error) if is_damage(&error) => skipped.push(SkippedEntry {
                        entry: Some(head.root.at(sequence)),
                        sequence: Some(sequence),
                        finding: error.to_string(),
                    }),
                    Err(error) => return Err(error),
                }
            }
            if reached_end {
                return Ok(None);
            }
            below = lowest;
        }
    }

    /// Restores an entry under a head that may be remade.
    pub(super) fn restore_with(
        &self,
        head: &RitualHead,
        owner: &Owner,
        sequence: u64,
    ) -> Result<(CompressedRitual, Vec<u8>)> {
        let names = Kind::Block.at_or_after(sequence, MAX_CHAIN);
        let (blocks, _) = self.access.cells(owner.clone(), names, MAX_BLOCK_BYTES)?;
        let cards = self.cards_from(head, owner, blocks, sequence)?;
        let intent = self.intents(head, &cards[..1])?.remove(0)?;
        let entry = self.entry_of(head, &cards[0], intent)?;
        let (payload, _) = self.payload(head, &cards, &mut Vec::new())?;
        Ok((entry, payload))
    }

    /// Where the ritual of an entry is.
    pub(super) fn place_of(&self, entry: EntryId) -> Result<Owner> {
        let root = entry.root();
        let key = (self.access.tenant().clone(), root);
        if let Some(owner) = self.shared.places.get(&key) {
            return Ok(owner);
        }
        let query = Query::new(RitualHead::TABLE).filter(Filter::equals("root", root.to_string())).limit(1);
        let page = self.access.raw_page(query)?;
        let missing = || Error::not_found(format!("there is no ritual entry {entry}"));
        let record = page.items.first().ok_or_else(missing)?;
        let owner = Owner { tenant: self.access.tenant().clone(), table: RitualHead::TABLE, id: record.id };
        if RitualHead::from_record(record).is_ok() {
            self.shared.places.insert(key, owner.clone());
        }
        Ok(owner)
    }

    /// Brings a payload up to the host's formats.
    pub(super) fn hand_out(&self, entry: CompressedRitual, payload: Vec<u8>) -> Result<RestoredRitual> {
        let (payload, format) =
            self.shared.options.formats.bring_up(payload, entry.payload_format.as_deref())?;
        Ok(RestoredRitual { entry, payload, format })
    }

    /// As [`steadily`](Self::steadily), but looks at the head's version only after something was found wrong.
    pub(super) fn steadily_once<T>(&self, owner: &Owner, read: impl Fn() -> Result<T>) -> Result<T> {
        match read() {
            Err(error) if is_damage(&error) => self.steadily(owner, read),
            result => result,
        }
    }
}

/// Whether an error tells of the entry and not of the store.
pub(super) fn is_damage(error: &Error) -> bool {
    error.kind() == ErrorKind::Corrupt
        || (error.kind() == ErrorKind::NotFound && error.field() != Some("key"))
}

/// The head of the ritual that an entry belongs to.
fn head_for(owner: &Owner, head: Option<Result<RitualHead>>, entry: EntryId) -> Result<RitualHead> {
    match head {
        Some(Ok(head)) if head.root != entry.root() => Err(not_found(owner, entry.sequence())),
        Some(head) => head,
        None => Err(not_found(owner, entry.sequence())),
    }
}

pub(super) fn not_found(owner: &Owner, sequence: u64) -> Error {
    Error::not_found(format!("there is no entry {sequence} in the ritual at {owner}"))
}

/// The answers to one or two requests for cells.
fn two(cells: Vec<Vec<Cell>>) -> [Vec<Cell>; 2] {
    let mut cells = cells.into_iter();
    [cells.next().unwrap_or_default(), cells.next().unwrap_or_default()]
}
