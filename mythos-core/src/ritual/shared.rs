//! What all clones of the cache share: contexts, keys, prepared dictionaries, and the newest states.

use std::fmt;
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::card::Card;
use super::dictionary::Dictionary;
use super::formats::PayloadFormats;
use super::frame::FrameCodec;
use super::guard::Seen;
use super::novelty::NoveltyMeter;
use super::place::HotPlace;
use super::stem::Stem;
use super::{CompressedRitual, Payload, RitualHead};
use crate::seal::KeyProvider;
use crate::store::Owner;
use crate::types::{EntryId, Salt};

/// What a ritual cache is set up with.
#[derive(Debug, Clone)]
pub struct RitualOptions {
    /// Where the keys come from that payloads are sealed under; without one, nothing is sealed.
    pub keys: Option<Arc<dyn KeyProvider>>,
    /// The formats of payloads that the host knows, and how it brings old ones up to date.
    pub formats: PayloadFormats,
    /// How many bytes are kept in memory of the newest states and of what saves go on from: compressed beginnings, heads
    /// and cards. 0 for none; states of more than an eighth of it are not kept.
    pub hot_bytes: u64,
}

impl RitualOptions {
    /// 32 MiB: thousands of conversations, or some fifty states of 500 KB.
    pub const DEFAULT_HOT_BYTES: u64 = 32 << 20;
}

impl Default for RitualOptions {
    fn default() -> Self {
        Self { keys: None, formats: PayloadFormats::default(), hot_bytes: Self::DEFAULT_HOT_BYTES }
    }
}

/// The newest state of a ritual, verified when it was taken in.
pub(crate) struct HotState {
    /// The head that it goes with. Without it, only what is read from the store tells whether the state is the newest.
    pub(crate) head: Option<Seen>,
    pub(crate) entry: CompressedRitual,
    pub(crate) payload: Payload,
    /// The salt of its commitment, if its frame holds one.
    pub(crate) salt: Option<Salt>,
    /// What a save goes on from.
    pub(crate) place: Option<HotPlace>,
    /// The part of the payload that was compressed by itself.
    pub(crate) stem: Option<Arc<Stem>>,
}

impl HotState {
    /// Whether it is that of the entry of `card`.
    pub(super) fn is_of(&self, head: &RitualHead, card: &Card) -> bool {
        self.entry.entry == head.root.at(card.sequence) && self.entry.signature_start() == card.signature
    }
}

#[derive(Clone)]
struct ByLength;

impl Weighter<Owner, Arc<HotState>> for ByLength {
    fn weight(&self, _: &Owner, state: &Arc<HotState>) -> u64 {
        /// About what an entry of the cache takes beside the state: the entry, the head, a few cards, counts of bytes.
        const OVERHEAD: u64 = 4096;
        let stem = state.stem.as_ref().map_or(0, |stem| stem.frame.len());
        let place = state.place.as_ref().map_or(0, HotPlace::weight);
        (state.payload.len() + stem) as u64 + place + OVERHEAD
    }
}

/// The parts of the cache that are locked and bounded by themselves. A state of an eighth of all must fit into one, with
/// what is kept beside it.
const HOT_PARTS: usize = 2;

/// Prepared dictionaries kept: each takes about ten times its size.
const MAX_DICTIONARIES: usize = 32;

/// Rituals whose place is remembered by the id of their entries.
const MAX_PLACES: usize = 10_000;

pub(crate) struct Shared {
    pub(crate) codec: FrameCodec,
    pub(crate) meter: NoveltyMeter,
    pub(crate) options: RitualOptions,
    pub(crate) dictionaries: Cache<(Owner, u32), Arc<Dictionary>>,
    /// Where the ritual of a root is; it never moves.
    pub(crate) places: Cache<(crate::types::TenantId, EntryId), Owner>,
    hot: Cache<Owner, Arc<HotState>, ByLength>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(options: RitualOptions) -> Self {
        /// What the cache is first laid out for.
        const EXPECTED_STATES: usize = 1_000;
        let layout = OptionsBuilder::new()
            .shards(HOT_PARTS)
            .estimated_items_capacity(EXPECTED_STATES)
            .weight_capacity(options.hot_bytes)
            .build()
            .expect("both capacities are given");
        let hot =
            Cache::with_options(layout, ByLength, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self {
            codec: FrameCodec::default(),
            meter: NoveltyMeter::default(),
            dictionaries: Cache::new(MAX_DICTIONARIES),
            places: Cache::new(MAX_PLACES),
            hot,
            options,
        }
    }

    /// The newest state of a ritual that was kept, which another process may have replaced since.
    pub(crate) fn hot(&self, owner: &Owner) -> Option<Arc<HotState>> {
        self.hot.get(owner)
    }

    /// Whether a state of this length is kept.
    pub(crate) fn keeps(&self, length: usize) -> bool {
        length as u64 <= self.options.hot_bytes / 8
    }

    /// Keeps the newest state of a ritual, if it is not too large.
    pub(crate) fn warm(&self, owner: &Owner, length: usize, state: impl FnOnce() -> HotState) {
        if self.keeps(length) {
            self.hot.insert(owner.clone(), Arc::new(state()));
        } else {
            self.hot.remove(owner);
        }
    }

    /// Forgets the state of a ritual.
    pub(crate) fn cool(&self, owner: &Owner) {
        self.hot.remove(owner);
    }
}
