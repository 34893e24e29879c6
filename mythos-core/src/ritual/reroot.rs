//! Giving entries another base: what an entry needs when the one that its patch was made against goes.
//!
//! No chain of patches reaches over a group of [`KEYFRAME_INTERVAL`] positions: the newest entry of a group stays whole
//! once there is one behind the group. So what depends on an entry lies in its own group, but for the patch that the
//! group below may have as its second way back.

use std::rc::Rc;

use super::RitualCompressionCache;
use super::RitualHead;
use super::card::{Card, Patch};
use super::cell::Kind;
use super::dictionary::Effort;
use super::record::KEYFRAME_INTERVAL;
use super::save::NewWhole;
use super::splice;
use super::thread::{MAX_BLOCK_BYTES, MAX_CHAIN};
use crate::error::{ErrorKind, Result};
use crate::seal::NamedKey;
use crate::store::{Batch, Names, Owner};
use crate::types::Salt;

/// The group that a position belongs to: positions 1 to 64 are group 0.
pub(super) const fn group_of(sequence: u64) -> u64 {
    sequence.saturating_sub(1) / KEYFRAME_INTERVAL
}

/// The first position of a group.
pub(super) const fn first_of(group: u64) -> u64 {
    group * KEYFRAME_INTERVAL + 1
}

/// The last position of a group.
pub(super) const fn last_of(group: u64) -> u64 {
    (group + 1) * KEYFRAME_INTERVAL
}

/// The blocks of a group: none reaches over into another.
pub(super) fn blocks_of(group: u64) -> Names {
    all_of(Kind::Block, first_of(group), last_of(group))
}

/// The cells of a kind for the positions from `first` to `last`.
pub(super) fn all_of(kind: Kind, first: u64, last: u64) -> Names {
    let (from, until) = (Some(kind.name(first, 0)), Some(kind.name(last.saturating_add(1), 0)));
    Names::Range { from, until, limit: u32::MAX, reverse: false }
}

/// A payload, and the salt that its frame holds, if any.
pub(super) type Payload = (Rc<Vec<u8>>, Option<Salt>);

/// Gives the payloads of cards from the newest downward, each made out of the one before.
pub(super) struct Descent<'a> {
    cache: &'a RitualCompressionCache,
    head: &'a RitualHead,
    /// Oldest first.
    cards: &'a [Card],
    current: Option<(usize, Payload)>,
}

impl<'a> Descent<'a> {
    pub(super) fn new(cache: &'a RitualCompressionCache, head: &'a RitualHead, cards: &'a [Card]) -> Self {
        Self { cache, head, cards, current: None }
    }

    /// The payload of the card at `index`, verified. Each index is at most the one asked for before.
    pub(super) fn payload(&mut self, index: usize) -> Result<Payload> {
        let is_current =
            |at: usize, current: &Option<(usize, Payload)>| current.as_ref().is_some_and(|(i, _)| *i == at);
        let start = (index..self.cards.len())
            .find(|at| self.head.has_whole(&self.cards[*at]) || is_current(*at, &self.current));
        let stepped = start.map(|start| self.step_down(start, index));
        let payload = match stepped {
            Some(Ok(payload)) => payload,
            Some(Err(error)) if error.kind() != ErrorKind::Corrupt => return Err(error),
            // There may be another way, from a whole payload further up.
            _ => self.cache.payload_at(self.head, self.cards[index].sequence)?,
        };
        self.current = Some((index, payload.clone()));
        Ok(payload)
    }

    fn step_down(&self, start: usize, index: usize) -> Result<Payload> {
        let (mut payload, mut salt) = match &self.current {
            Some((at, payload)) if *at == start => payload.clone(),
            _ => {
                let card = &self.cards[start];
                let (payload, salt) = self.cache.whole(self.head, card, &mut Vec::new())?;
                self.cache.check_payload(self.head, card, salt, &payload)?;
                (Rc::new(payload), salt)
            }
        };
        for card in self.cards[index..start].iter().rev() {
            let cells = self.cache.patch_cells(self.head, std::slice::from_ref(card))?;
            let opened = self.cache.open_patch(self.head, card, &cells)?;
            payload = Rc::new(self.cache.shared.codec.patched(&payload, &opened, card.raw_bytes)?);
            salt = opened.salt;
            self.cache.check_payload(self.head, card, salt, &payload)?;
        }
        Ok((payload, salt))
    }
}

/// How a payload is to be stored.
pub(super) struct Form<'a> {
    pub(super) payload: &'a [u8],
    /// The salt of its commitment, if it is not the derived one.
    pub(super) salt: Option<Salt>,
    /// The payload of the next newer entry, if a patch may be made against it.
    pub(super) base: Option<&'a [u8]>,
    /// Whether it has to be whole, whatever a patch would save.
    pub(super) whole: bool,
    /// The key that it is sealed under: that of the card.
    pub(super) key: Option<&'a NamedKey>,
    pub(super) revision: u32,
}

impl RitualCompressionCache {
    /// The payload at a position, found without what is known of its neighbours.
    fn payload_at(&self, head: &RitualHead, sequence: u64) -> Result<Payload> {
        let owner = head.cells();
        let names = Kind::Block.at_or_after(sequence, MAX_CHAIN);
        let (blocks, _) = self.access.cells(owner.clone(), names, MAX_BLOCK_BYTES)?;
        let cards = self.cards_from(head, &owner, blocks, sequence)?;
        let (payload, salt) = self.payload(head, &cards, &mut Vec::new())?;
        Ok((Rc::new(payload), salt))
    }

    /// Stores the payload of `card` anew, as a patch, whole, or both, and says so in the card; cells that it had are
    /// not deleted. It stays whole if it has no patch.
    pub(super) fn store_anew(
        &self,
        batch: &mut Batch,
        head: &RitualHead,
        card: &mut Card,
        form: &Form<'_>,
    ) -> Result<()> {
        /// A patch this many times smaller than the payload is smaller than any compressed one; others are compared.
        const CLEAR_GAIN: u64 = 16;
        let mut patched = Batch::new();
        card.patch = self.patch_against(&mut patched, head, card, form)?;
        card.whole = None;
        let is_clear = |patch: &Patch| patch.stored_bytes().saturating_mul(CLEAR_GAIN) < card.raw_bytes;
        if !form.whole && card.patch.as_ref().is_some_and(is_clear) {
            batch.cells.append(&mut patched.cells);
            return Ok(());
        }
        let mut whole = Batch::new();
        let made = self.stored_whole(
            &mut whole,
            &NewWhole {
                head,
                card,
                payload: form.payload,
                salt: form.salt,
                key: form.key,
                dictionary: None,
                effort: Effort::Hot,
                revision: form.revision,
            },
        )?;
        let is_smaller = |patch: &Patch| patch.stored_bytes() < made.stored_bytes;
        if card.patch.as_ref().is_some_and(is_smaller) {
            batch.cells.append(&mut patched.cells);
        } else {
            card.patch = None;
        }
        if form.whole || card.patch.is_none() {
            batch.cells.append(&mut whole.cells);
            card.whole = Some(super::card::Whole { stays: card.patch.is_none(), ..made });
        }
        Ok(())
    }

    fn patch_against(
        &self,
        batch: &mut Batch,
        head: &RitualHead,
        card: &Card,
        form: &Form<'_>,
    ) -> Result<Option<Patch>> {
        let Some(base) = form.base else { return Ok(None) };
        let patch = splice::diff(base, form.payload)?;
        let salt = head.salt_inside(card.sequence, form.salt, form.key.is_some());
        let owner = head.cells();
        self.stored_patch(batch, head, &owner, card, (&patch, salt), form.key, form.revision).map(Some)
    }

    /// The key that the payload of a card is sealed under.
    pub(super) fn key_of(&self, card: &Card) -> Result<Option<NamedKey>> {
        card.key.as_ref().map(|id| self.key(id)).transpose()
    }

    /// The group of the first block of entries at or after a position; `None` if there is none.
    pub(super) fn next_group(&self, owner: &Owner, position: u64) -> Result<Option<u64>> {
        let names = Kind::Block.at_or_after(position, 1);
        let (blocks, _) = self.access.cells(owner.clone(), names, MAX_BLOCK_BYTES)?;
        let last = blocks.first().and_then(|cell| Kind::Block.place(&cell.name));
        Ok(last.map(|(last, _)| group_of(last)))
    }
}
