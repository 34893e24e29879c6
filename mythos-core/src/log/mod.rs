//! Merkle trees of logs that live in cells: full tiles are written once, the right edge is kept by the log's owner.
//!
//! A tile holds the nodes of a complete subtree of height 8 (C2SP tlog-tiles): first the 256 nodes of its lowest level,
//! which are what that standard calls a tile, then those of the levels above, so that a proof reads a tile and hashes
//! nothing.

pub(crate) mod cbor;
pub(crate) mod checkpoints;
mod edge;
mod reader;

pub use checkpoints::StoredCheckpoint;
pub(crate) use edge::Edge;
pub(crate) use reader::{Tiles, TreeReader};

use crate::store::CellName;
use crate::tlog::TreeHash;

/// The first byte of the name of a tile's cell. Behind it stand the level, and the index as 8 bytes big-endian.
pub(crate) const TILE: u8 = b't';

/// The height of a tile: it stands for so many levels of the tree.
pub(crate) const TILE_HEIGHT: usize = 8;

/// The nodes of a full tile's lowest level.
pub(crate) const TILE_WIDTH: usize = 1 << TILE_HEIGHT;

/// The nodes of a full tile: 256 and 128 and so on to 2. The one above is in the next tile.
const TILE_NODES: usize = 2 * TILE_WIDTH - 2;

/// The length of a tile's cell.
pub(crate) const TILE_BYTES: usize = TILE_NODES * TreeHash::BYTES;

/// The most levels of tiles: a log has less than 2^64 leaves.
pub(crate) const MAX_LEVELS: usize = u64::BITS as usize / TILE_HEIGHT;

/// A full tile that was just completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FullTile {
    /// The level, in tiles: 0 is that of the leaves.
    pub(crate) level: u8,
    /// The place in the level.
    pub(crate) index: u64,
    /// The nodes.
    pub(crate) bytes: Vec<u8>,
}

/// The name of a tile's cell.
pub(crate) fn tile_name(level: u8, index: u64) -> CellName {
    let mut bytes = [TILE; 10];
    bytes[1] = level;
    bytes[2..].copy_from_slice(&index.to_be_bytes());
    CellName::of_array(bytes)
}

/// The full tiles of each level of a log of `size` leaves, from the lowest, as far as there are any.
pub(crate) fn full_tiles(size: u64) -> impl Iterator<Item = (u8, u64)> {
    (0..MAX_LEVELS as u8)
        .map(move |level| (level, size.checked_shr(TILE_HEIGHT as u32 * (u32::from(level) + 1)).unwrap_or(0)))
        .take_while(|(_, count)| *count > 0)
}

/// Where a node of the tree lies: the tile's level and index, and the node's place among its nodes.
fn place(level: u8, index: u64) -> (u8, u64, usize) {
    let (tile_level, within) = (level / TILE_HEIGHT as u8, usize::from(level) % TILE_HEIGHT);
    let width = TILE_HEIGHT - within;
    let (tile_index, offset) = (index >> width, index as usize & ((1 << width) - 1));
    (tile_level, tile_index, row_start(within) + offset)
}

/// Where the nodes of a level within a tile begin.
const fn row_start(within: usize) -> usize {
    2 * TILE_WIDTH - ((2 * TILE_WIDTH) >> within)
}

#[cfg(test)]
mod tests;
