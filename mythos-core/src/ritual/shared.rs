//! What all clones of the cache share: contexts, keys, prepared dictionaries, and the newest states.

use std::fmt;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::card::SignatureStart;
use super::dictionary::Dictionary;
use super::formats::PayloadFormats;
use super::frame::FrameCodec;
use super::novelty::NoveltyMeter;
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
    /// How many bytes of newest states are kept in memory; 0 for none. States of more than an eighth of it are not.
    pub hot_bytes: u64,
}

impl RitualOptions {
    /// 32 MiB of newest states: thousands of conversations, or a hundred large ones.
    pub const DEFAULT_HOT_BYTES: u64 = 32 << 20;
}

impl Default for RitualOptions {
    fn default() -> Self {
        Self { keys: None, formats: PayloadFormats::default(), hot_bytes: Self::DEFAULT_HOT_BYTES }
    }
}

/// The newest state of a ritual, verified when it was taken in.
#[derive(Clone)]
pub(crate) struct HotState {
    pub(crate) entry: EntryId,
    pub(crate) signature: SignatureStart,
    pub(crate) payload: Arc<[u8]>,
    /// The salt of its commitment, if its frame holds one.
    pub(crate) salt: Option<Salt>,
}

#[derive(Clone)]
struct ByLength;

impl Weighter<Owner, HotState> for ByLength {
    fn weight(&self, _: &Owner, state: &HotState) -> u64 {
        /// About what an entry of the cache takes beside the state.
        const OVERHEAD: u64 = 256;
        state.payload.len() as u64 + OVERHEAD
    }
}

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
    hot: Cache<Owner, HotState, ByLength>,
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
        Self {
            codec: FrameCodec::default(),
            meter: NoveltyMeter::default(),
            dictionaries: Cache::new(MAX_DICTIONARIES),
            places: Cache::new(MAX_PLACES),
            hot: Cache::with_weighter(EXPECTED_STATES, options.hot_bytes, ByLength),
            options,
        }
    }

    /// The newest state of a ritual, if it is still the one of that entry and signature.
    pub(crate) fn hot(&self, owner: &Owner, entry: EntryId, signature: &SignatureStart) -> Option<HotState> {
        self.hot.get(owner).filter(|state| state.entry == entry && state.signature == *signature)
    }

    /// Whether any state of a ritual is kept.
    pub(crate) fn is_hot(&self, owner: &Owner) -> bool {
        self.hot.contains_key(owner)
    }

    /// Keeps the newest state of a ritual, if it is not too large.
    pub(crate) fn warm(
        &self,
        owner: &Owner,
        entry: EntryId,
        signature: SignatureStart,
        (payload, salt): (&[u8], Option<Salt>),
    ) {
        if payload.len() as u64 <= self.options.hot_bytes / 8 {
            self.hot.insert(owner.clone(), HotState { entry, signature, payload: payload.into(), salt });
        } else {
            self.hot.remove(owner);
        }
    }

    /// Forgets the state of a ritual.
    pub(crate) fn cool(&self, owner: &Owner) {
        self.hot.remove(owner);
    }
}
