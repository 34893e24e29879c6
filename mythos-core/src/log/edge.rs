use super::{FullTile, MAX_LEVELS, TILE_BYTES, TILE_HEIGHT, TILE_WIDTH};
use crate::error::{Error, Result};
use crate::tlog::{EMPTY_ROOT, TreeHash, node_hash};

/// The right edge of a log's Merkle tree: the tiles that are not full yet. A leaf costs one node on average.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edge {
    size: u64,
    /// The partial tile of each level, the lowest first.
    tiles: Vec<PartialTile>,
}

/// The nodes of a partial tile, level by level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct PartialTile {
    rows: [Vec<TreeHash>; TILE_HEIGHT],
}

impl Edge {
    /// How many leaves the log has.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf. Tiles that it completes go to `full`.
    pub(crate) fn push(&mut self, leaf: TreeHash, full: &mut Vec<FullTile>) {
        let mut node = leaf;
        for level in 0..MAX_LEVELS {
            if self.tiles.len() == level {
                self.tiles.push(PartialTile::default());
            }
            let tile = &mut self.tiles[level];
            let Some(top) = tile.push(node) else { break };
            let index = self.size >> (TILE_HEIGHT * (level + 1));
            full.push(FullTile { level: level as u8, index, bytes: tile.take() });
            node = top;
        }
        self.size += 1;
    }

    /// The root of the tree (RFC 6962 §2.1).
    pub(crate) fn root(&self) -> TreeHash {
        let mut root: Option<TreeHash> = None;
        for tile in &self.tiles {
            for row in &tile.rows {
                // Of complete subtrees, only the last of a level that has an odd number stands by itself.
                if let Some(last) = row.last().filter(|_| row.len() % 2 == 1) {
                    root = Some(root.map_or(*last, |root| node_hash(last, &root)));
                }
            }
        }
        root.unwrap_or(EMPTY_ROOT)
    }

    /// A node of the tree, if it is in a tile that is not full.
    pub(super) fn node(&self, tile_level: u8, tile_index: u64, place: usize) -> Option<TreeHash> {
        let level = usize::from(tile_level);
        let next = self.size.checked_shr((TILE_HEIGHT * (level + 1)) as u32).unwrap_or(0);
        let tile = self.tiles.get(level).filter(|_| tile_index == next)?;
        let within = (0..TILE_HEIGHT).rfind(|within| super::row_start(*within) <= place)?;
        tile.rows[within].get(place - super::row_start(within)).copied()
    }

    /// The lowest nodes of each partial tile, the lowest level first: what [`Self::from_rows`] takes.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[TreeHash]> {
        self.tiles.iter().map(|tile| tile.rows[0].as_slice())
    }

    /// The edge of a log of `size` leaves.
    pub(crate) fn from_rows(size: u64, rows: &[Vec<TreeHash>]) -> Result<Self> {
        let mut edge = Self { size, tiles: Vec::new() };
        let mut left = size;
        while left > 0 {
            let row = rows.get(edge.tiles.len()).map_or(&[][..], Vec::as_slice);
            if row.len() as u64 != left % TILE_WIDTH as u64 {
                let message = format!("the edge of a log of {size} leaves does not have {} nodes", row.len());
                return Err(Error::corrupt(message));
            }
            let mut tile = PartialTile::default();
            for node in row {
                tile.push(*node);
            }
            edge.tiles.push(tile);
            left /= TILE_WIDTH as u64;
        }
        if rows.len() > edge.tiles.len() {
            return Err(Error::corrupt(format!("the edge of a log of {size} leaves has too many levels")));
        }
        Ok(edge)
    }
}

impl PartialTile {
    /// Adds a node to the lowest row, and gives the node above the tile when that is full.
    fn push(&mut self, node: TreeHash) -> Option<TreeHash> {
        let mut node = node;
        for row in &mut self.rows {
            row.push(node);
            if row.len() % 2 == 1 {
                return None;
            }
            node = node_hash(&row[row.len() - 2], &row[row.len() - 1]);
        }
        Some(node)
    }

    /// The bytes of the tile, which is full; begins the next.
    fn take(&mut self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TILE_BYTES);
        for row in &mut self.rows {
            row.iter().for_each(|node| bytes.extend_from_slice(node.as_bytes()));
            row.clear();
        }
        bytes
    }
}

/// The node above the nodes of a full tile, if they follow from its lowest.
pub(super) fn node_above(tile: &[u8]) -> Option<TreeHash> {
    let (mut made, mut top) = (PartialTile::default(), None);
    for node in tile.chunks_exact(TreeHash::BYTES).take(TILE_WIDTH) {
        top = made.push(TreeHash::from_bytes(*node.first_chunk()?));
    }
    top.filter(|_| made.take() == tile)
}
