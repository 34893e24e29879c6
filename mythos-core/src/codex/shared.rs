//! What all clones of the engine share.

use std::fmt;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::tail::Tail;
use crate::log::Tiles;
use crate::types::RecordId;

/// What a codex engine is set up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodexOptions {
    /// How many bytes are kept in memory of the ends of logs: what the next event is derived from.
    pub tail_bytes: u64,
    /// How many bytes are kept in memory of tiles of Merkle trees: what proofs are read from.
    pub tile_bytes: u64,
    /// What the origins of checkpoints begin with: a URL without its scheme, under the control of who runs the store, such
    /// as `example.com/rules`. The origin of a codex is this, its tenant and its id, joined by `/`.
    pub origin: String,
}

impl CodexOptions {
    /// 16 MiB: a thousand codices of fifty clauses.
    pub const DEFAULT_TAIL_BYTES: u64 = 16 << 20;
    /// 16 MiB: the tiles of 260,000 events.
    pub const DEFAULT_TILE_BYTES: u64 = 16 << 20;
}

impl Default for CodexOptions {
    fn default() -> Self {
        Self {
            tail_bytes: Self::DEFAULT_TAIL_BYTES,
            tile_bytes: Self::DEFAULT_TILE_BYTES,
            origin: "mythos.invalid".to_owned(),
        }
    }
}

#[derive(Clone)]
pub(crate) struct ByWeight;

impl Weighter<RecordId, Arc<Tail>> for ByWeight {
    fn weight(&self, _: &RecordId, tail: &Arc<Tail>) -> u64 {
        tail.weight()
    }
}

pub(crate) struct Shared {
    pub(crate) options: CodexOptions,
    pub(crate) tiles: Tiles,
    /// The ends of logs by the id of the head record. One is believed if its last event is the head's.
    pub(crate) tails: Cache<RecordId, Arc<Tail>, ByWeight>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(options: CodexOptions) -> Self {
        /// What the cache is first laid out for.
        const EXPECTED_TAILS: usize = 1_000;
        let tails = Cache::with_weighter(EXPECTED_TAILS, options.tail_bytes, ByWeight);
        Self { tiles: Tiles::new(options.tile_bytes), tails, options }
    }
}
