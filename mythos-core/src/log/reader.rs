use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::edge::node_above;
use super::{Edge, MAX_LEVELS, TILE_BYTES, TILE_HEIGHT, place, tile_name};
use crate::error::{Error, Result};
use crate::store::access::Access;
use crate::store::{Names, Owner};
use crate::tlog::{NodeReader, TreeHash};

/// Full tiles of logs, by the node above each: what a tile is found by is what its nodes hash to.
pub(crate) struct Tiles(Cache<TreeHash, Arc<[u8]>, ByTile>);

#[derive(Clone)]
pub(crate) struct ByTile;

impl Weighter<TreeHash, Arc<[u8]>> for ByTile {
    fn weight(&self, _: &TreeHash, tile: &Arc<[u8]>) -> u64 {
        tile.len() as u64
    }
}

impl std::fmt::Debug for Tiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tiles").field("tiles", &self.0.len()).finish()
    }
}

impl Tiles {
    /// Tiles of at most so many bytes together.
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self(Cache::with_weighter((max_bytes as usize / TILE_BYTES).max(1), max_bytes, ByTile))
    }
}

/// The nodes of a log's tree: from its edge, from memory, or from the store.
pub(crate) struct TreeReader<'a> {
    pub(crate) access: &'a Access,
    pub(crate) owner: &'a Owner,
    pub(crate) edge: &'a Edge,
    pub(crate) tiles: &'a Tiles,
    /// The tile of each level that was read last: a proof's nodes come tile by tile.
    last: [Option<(u64, Arc<[u8]>)>; MAX_LEVELS],
}

impl<'a> TreeReader<'a> {
    pub(crate) const fn new(access: &'a Access, owner: &'a Owner, edge: &'a Edge, tiles: &'a Tiles) -> Self {
        Self { access, owner, edge, tiles, last: [const { None }; MAX_LEVELS] }
    }

    /// The bytes of a full tile.
    pub(crate) fn tile(&mut self, level: u8, index: u64) -> Result<Arc<[u8]>> {
        let Some(last) = self.last.get(usize::from(level)) else {
            return Err(Error::internal(format!("no log has tiles of level {level}")));
        };
        if let Some((_, tile)) = last.as_ref().filter(|last| last.0 == index) {
            return Ok(Arc::clone(tile));
        }
        // Only what hashes to the node above it is believed, from memory as from the store; the edge is the root of all.
        let above = self.node((level + 1) * TILE_HEIGHT as u8, index)?;
        let tile = match self.tiles.0.get(&above) {
            Some(tile) => tile,
            None => {
                let names = Names::one(tile_name(level, index));
                let (mut cells, _) = self.access.cells(self.owner.clone(), names, TILE_BYTES as u64)?;
                let tile = cells.pop().filter(|cell| cell.bytes.len() == TILE_BYTES);
                let place = || format!("tile {index} of level {level} of {}", self.owner);
                let tile = tile.filter(|cell| node_above(&cell.bytes) == Some(above));
                let tile =
                    tile.ok_or_else(|| Error::corrupt(format!("{} is missing or another", place())))?;
                let tile: Arc<[u8]> = tile.bytes.into();
                self.tiles.0.insert(above, Arc::clone(&tile));
                tile
            }
        };
        self.last[usize::from(level)] = Some((index, Arc::clone(&tile)));
        Ok(tile)
    }
}

impl NodeReader for TreeReader<'_> {
    fn node(&mut self, level: u8, index: u64) -> Result<TreeHash> {
        let (tile_level, tile_index, place) = place(level, index);
        if let Some(node) = self.edge.node(tile_level, tile_index, place) {
            return Ok(node);
        }
        let tile = self.tile(tile_level, tile_index)?;
        let node = tile.get(TreeHash::BYTES * place..).and_then(|rest| rest.first_chunk());
        node.map(|node| TreeHash::from_bytes(*node))
            .ok_or_else(|| Error::internal("a tile has too few nodes"))
    }
}
