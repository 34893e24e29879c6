use std::collections::BTreeMap;
use std::fmt;

use super::hash::{TreeHash, node_hash};
use super::tile::{TILE_HEIGHT, TILE_WIDTH, Tile};
use super::tree::{NodeReader, check_size};
use crate::error::{Error, Result};

/// The most tiles that are kept: a proof touches at most two in each of eight levels.
const MAX_KEPT: usize = 16;

/// Reads the nodes of a tree out of the tiles of its log.
///
/// `fetch` gets a tile's name, and gives its bytes; partial tiles are asked for as the tree of `size` leaves
/// has them. Nothing is believed of what it gives: whoever makes a proof out of tiles verifies it against a
/// signed root.
///
/// ```
/// use mythos_core::tlog::{Tile, TileReader, inclusion_proof, leaf_hash, node_hash};
///
/// let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
/// let reader = TileReader::new(2, |tile: &Tile| {
///     assert_eq!(tile.to_string(), "tile/0/000.p/2");
///     Ok(Tile::encode(&[a, b]))
/// })?;
/// let proof = inclusion_proof(0, 2, reader)?;
/// proof.verify(&a, &node_hash(&a, &b))?;
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: C2SP tlog-tiles, "Merkle Tree".
pub struct TileReader<F> {
    size: u64,
    fetch: F,
    kept: BTreeMap<Tile, Vec<TreeHash>>,
}

impl<F: FnMut(&Tile) -> Result<Vec<u8>>> TileReader<F> {
    /// A reader of the log's tree of `size` leaves.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `size`, over
    /// [`MAX_TREE_SIZE`](super::MAX_TREE_SIZE).
    pub fn new(size: u64, fetch: F) -> Result<Self> {
        check_size("size", size)?;
        Ok(Self { size, fetch, kept: BTreeMap::new() })
    }

    /// The tile that holds the hashes under a node, and which of them those are.
    fn place(&self, level: u8, index: u64) -> Option<(Tile, std::ops::Range<usize>)> {
        let (tile_level, height) = (u32::from(level) / TILE_HEIGHT, u32::from(level) % TILE_HEIGHT);
        let available = self.size.checked_shr(TILE_HEIGHT * tile_level)?;
        let first = index.checked_mul(1 << height)?;
        let end = first.checked_add(1 << height).filter(|end| *end <= available)?;
        let width = u64::from(TILE_WIDTH);
        let tile_index = first / width;
        let start = tile_index * width;
        let tile_width = u16::try_from((available - start).min(width)).ok()?;
        let tile = Tile::new(u8::try_from(tile_level).ok()?, tile_index, tile_width).ok()?;
        Some((tile, usize::try_from(first - start).ok()?..usize::try_from(end - start).ok()?))
    }

    fn hashes(&mut self, tile: Tile) -> Result<&[TreeHash]> {
        if !self.kept.contains_key(&tile) {
            let hashes = tile.decode(&(self.fetch)(&tile)?)?;
            if self.kept.len() >= MAX_KEPT {
                self.kept.clear();
            }
            self.kept.insert(tile, hashes);
        }
        Ok(self.kept.get(&tile).map_or(&[], Vec::as_slice))
    }
}

impl<F: FnMut(&Tile) -> Result<Vec<u8>>> NodeReader for TileReader<F> {
    fn node(&mut self, level: u8, index: u64) -> Result<TreeHash> {
        let outside =
            || Error::invalid("index", format!("the tree has no complete node {index} in its level {level}"));
        let (tile, range) = self.place(level, index).ok_or_else(outside)?;
        let hashes = self.hashes(tile)?.get(range).ok_or_else(outside)?;
        let mut joined = hashes.to_vec();
        while joined.len() > 1 {
            joined = joined.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
        }
        joined.pop().ok_or_else(outside)
    }
}

impl<F> fmt::Debug for TileReader<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TileReader").field("size", &self.size).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::{Frontier, consistency_proof, inclusion_proof, leaf_hash, root};

    #[test]
    fn proofs_come_out_of_tiles_as_out_of_nodes() {
        const LEAVES: u64 = 70_000;
        let mut nodes = BTreeMap::new();
        let mut frontier = Frontier::default();
        let mut old_root = None;
        for index in 0..LEAVES {
            if index == 257 {
                old_root = Some(frontier.root());
            }
            let leaf = leaf_hash(&index.to_le_bytes());
            nodes.insert((0, index), leaf);
            frontier
                .push(leaf, |level, index, hash| {
                    nodes.insert((level, index), hash);
                })
                .unwrap();
        }
        let mut asked = Vec::new();
        let mut fetch = |tile: &Tile| {
            asked.push(*tile);
            let first = tile.index() * u64::from(TILE_WIDTH);
            let hashes = first..first + u64::from(tile.width());
            let hashes: Vec<_> = hashes.map(|index| nodes[&(8 * tile.level(), index)]).collect();
            Ok(Tile::encode(&hashes))
        };
        let mut reader = TileReader::new(LEAVES, &mut fetch).unwrap();
        let mut tiled = |level, index| reader.node(level, index);
        assert_eq!(root(LEAVES, &mut tiled).unwrap(), frontier.root());
        let proof = inclusion_proof(12_345, LEAVES, &mut tiled).unwrap();
        proof.verify(&nodes[&(0, 12_345)], &frontier.root()).unwrap();
        let proof = consistency_proof(257, LEAVES, &mut tiled).unwrap();
        proof.verify(&old_root.unwrap(), &frontier.root()).unwrap();
        for (level, index) in [(0, LEAVES), (16, 1), (17, 0), (63, 0), (255, u64::MAX)] {
            assert!(tiled(level, index).is_err());
        }
        let all: Vec<_> = Tile::all(LEAVES).unwrap().collect();
        assert!(asked.iter().all(|tile| all.contains(tile)), "only tiles that the log has are asked for");
        asked.sort();
        asked.dedup_by(|a, b| a == b);
        assert!(asked.len() <= 8);
    }

    #[test]
    fn tiles_of_a_wrong_length_are_refused() {
        let mut reader = TileReader::new(3, |_: &Tile| Ok(vec![0; 64])).unwrap();
        assert!(reader.node(0, 0).is_err());
        assert!(TileReader::new(u64::MAX, |_: &Tile| Ok(Vec::new())).is_err());
    }
}
