use std::fmt;
use std::str::FromStr;

use super::encoding::{check_length, parse_decimal};
use super::hash::TreeHash;
use super::tree::{MAX_TREE_SIZE, check_size};
use crate::error::{Error, Result};

/// How many hashes a full tile, and how many entries a full bundle has.
///
/// Source: C2SP tlog-tiles, "Merkle Tree".
pub const TILE_WIDTH: u16 = 256;

/// How many levels of the tree one level of tiles spans.
pub(super) const TILE_HEIGHT: u32 = 8;

/// The highest level that a path can name.
///
/// Source: C2SP tlog-tiles, "Merkle Tree".
const MAX_TILE_LEVEL: u8 = 63;

/// The longest path: the number of the last tile of level 0 has 17 digits.
const MAX_PATH_BYTES: usize = 64;

/// A tile of a log: up to 256 neighbouring hashes of every eighth level of its tree.
///
/// The hash `i` of the tile is the node (`8 * level`, `256 * index + i`) of the tree. The text form
/// (`Display`, `FromStr`) is the tile's path, `tile/LEVEL/INDEX` for a full one and
/// `tile/LEVEL/INDEX.p/WIDTH` for a partial one; the digits of the index stand in groups of three, and all
/// but the last begin with an `x`.
///
/// ```
/// use mythos_core::tlog::Tile;
///
/// let tile: Tile = "tile/0/x001/x234/067.p/8".parse()?;
/// assert_eq!((tile.level(), tile.index(), tile.width()), (0, 1_234_067, 8));
/// assert_eq!(tile.to_string(), "tile/0/x001/x234/067.p/8");
/// assert!("tile/0/1".parse::<Tile>().is_err());
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: C2SP tlog-tiles, "Merkle Tree".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

impl Tile {
    /// Names a tile. Level 0 holds the leaves' hashes; `width` is 1 to 256, and 256 is a full tile.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `tile`, if the level is over 63, the width is
    /// 0 or over 256, or no tree of [`MAX_TREE_SIZE`] reaches the tile's index.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self> {
        if level > MAX_TILE_LEVEL {
            return Err(Error::invalid("tile", format!("the level of a tile is at most {MAX_TILE_LEVEL}")));
        }
        check_place(level, index, width)?;
        Ok(Self { level, index, width })
    }

    /// The level: its hashes are of the tree's level `8 * level`.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.level
    }

    /// The index within the level.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes it has, 1 to 256.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// The bytes of a tile: its hashes, one behind the other.
    #[must_use]
    pub fn encode(hashes: &[TreeHash]) -> Vec<u8> {
        hashes.iter().flat_map(TreeHash::as_bytes).copied().collect()
    }

    /// The hashes of this tile out of its bytes, of which there are 32 for each, exactly.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for any other length.
    pub fn decode(&self, bytes: &[u8]) -> Result<Vec<TreeHash>> {
        let (hashes, rest) = bytes.as_chunks::<{ TreeHash::BYTES }>();
        if hashes.len() != usize::from(self.width) || !rest.is_empty() {
            let (wanted, found) = (usize::from(self.width) * TreeHash::BYTES, bytes.len());
            return Err(Error::corrupt(format!("{self} has {wanted} bytes, not {found}")));
        }
        Ok(hashes.iter().map(|hash| TreeHash::from_bytes(*hash)).collect())
    }

    /// All tiles of a log of `size` leaves, level by level from the lowest: the full ones, and the partial
    /// one if it is not empty.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `size`, over [`MAX_TREE_SIZE`].
    pub fn all(size: u64) -> Result<impl Iterator<Item = Self>> {
        Self::new_between(0, size)
    }

    /// The tiles that a log of `new_size` leaves has and did not have at `old_size`: what there is to write
    /// after an append, level by level from the lowest. None if `new_size` is not larger.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `size`, over [`MAX_TREE_SIZE`].
    pub fn new_between(old_size: u64, new_size: u64) -> Result<impl Iterator<Item = Self>> {
        check_size("size", old_size.max(new_size))?;
        let levels = 0..u8::try_from(u64::BITS / TILE_HEIGHT).unwrap_or(u8::MAX);
        Ok(levels.flat_map(move |level| {
            let shift = TILE_HEIGHT * u32::from(level);
            new_places(old_size >> shift, new_size >> shift).map(move |(index, width)| Self {
                level,
                index,
                width,
            })
        }))
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        write_place(f, self.index, self.width)
    }
}

impl FromStr for Tile {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self> {
        check_length("tile", path.len(), MAX_PATH_BYTES)?;
        let (level, place) =
            path.strip_prefix("tile/").and_then(|rest| rest.split_once('/')).ok_or_else(no_path)?;
        let level = parse_decimal("tile", level, u64::from(MAX_TILE_LEVEL))?;
        let (index, width) = parse_place(place)?;
        Self::new(u8::try_from(level).map_err(|_| no_path())?, index, width)
    }
}

/// A bundle of a log's entries: those whose hashes the tile of level 0 with the same index holds.
///
/// The text form (`Display`, `FromStr`) is the bundle's path, `tile/entries/INDEX` or
/// `tile/entries/INDEX.p/WIDTH`, as that of a [`Tile`].
///
/// ```
/// use mythos_core::tlog::EntryBundle;
///
/// let bundle = EntryBundle::new(0, 2)?;
/// assert_eq!(bundle.to_string(), "tile/entries/000.p/2");
/// let bytes = EntryBundle::encode(&["one", "two"])?;
/// assert_eq!(bundle.decode(&bytes)?, [b"one", b"two"]);
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: C2SP tlog-tiles, "Log entries".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryBundle {
    index: u64,
    width: u16,
}

impl EntryBundle {
    /// The longest entry: its length takes two bytes.
    pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

    /// Names a bundle; `width` is 1 to 256, and 256 is a full one.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `tile`, if the width is 0 or over 256, or no
    /// tree of [`MAX_TREE_SIZE`] reaches the index.
    pub fn new(index: u64, width: u16) -> Result<Self> {
        check_place(0, index, width)?;
        Ok(Self { index, width })
    }

    /// The index.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many entries it has, 1 to 256.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// The bytes of a bundle: each entry behind its length in two bytes, big-endian.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `entry`, if one is over
    /// [`MAX_ENTRY_BYTES`](Self::MAX_ENTRY_BYTES).
    pub fn encode(entries: &[impl AsRef<[u8]>]) -> Result<Vec<u8>> {
        let length = entries.iter().map(|entry| 2 + entry.as_ref().len()).sum();
        let mut bytes = Vec::with_capacity(length);
        for entry in entries {
            let entry = entry.as_ref();
            check_length("entry", entry.len(), Self::MAX_ENTRY_BYTES)?;
            // Checked above to fit.
            bytes.extend_from_slice(&(entry.len() as u16).to_be_bytes());
            bytes.extend_from_slice(entry);
        }
        Ok(bytes)
    }

    /// The entries of this bundle out of its bytes: exactly as many as it is wide.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the bytes end too early or too late.
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>> {
        let wrong_length = || Error::corrupt(format!("{self} does not hold {} whole entries", self.width));
        let mut entries = Vec::with_capacity(usize::from(self.width));
        let mut left = bytes;
        for _ in 0..self.width {
            let (length, rest) = left.split_first_chunk().ok_or_else(wrong_length)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (entry, rest) = rest.split_at_checked(length).ok_or_else(wrong_length)?;
            entries.push(entry);
            left = rest;
        }
        if left.is_empty() { Ok(entries) } else { Err(wrong_length()) }
    }

    /// All bundles of a log of `size` leaves.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `size`, over [`MAX_TREE_SIZE`].
    pub fn all(size: u64) -> Result<impl Iterator<Item = Self>> {
        Self::new_between(0, size)
    }

    /// The bundles that a log of `new_size` leaves has and did not have at `old_size`, as
    /// [`Tile::new_between`].
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `size`, over [`MAX_TREE_SIZE`].
    pub fn new_between(old_size: u64, new_size: u64) -> Result<impl Iterator<Item = Self>> {
        check_size("size", old_size.max(new_size))?;
        Ok(new_places(old_size, new_size).map(|(index, width)| Self { index, width }))
    }
}

impl fmt::Display for EntryBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tile/entries/")?;
        write_place(f, self.index, self.width)
    }
}

impl FromStr for EntryBundle {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self> {
        check_length("tile", path.len(), MAX_PATH_BYTES)?;
        let (index, width) = parse_place(path.strip_prefix("tile/entries/").ok_or_else(no_path)?)?;
        Self::new(index, width)
    }
}

/// The tiles of one level, as (index, width), that hold something new when the level grows from `old` hashes
/// to `new`.
fn new_places(old: u64, new: u64) -> impl Iterator<Item = (u64, u16)> {
    let width = u64::from(TILE_WIDTH);
    // What was partial is made anew.
    let first = old / width;
    let end = if new > old { new.div_ceil(width) } else { first };
    (first..end).map(move |index| (index, (new - index * width).min(width) as u16))
}

fn check_place(level: u8, index: u64, width: u16) -> Result<()> {
    if width == 0 || width > TILE_WIDTH {
        return Err(Error::invalid("tile", format!("a tile has 1 to {TILE_WIDTH} hashes, not {width}")));
    }
    let last = MAX_TREE_SIZE.checked_shr(TILE_HEIGHT * (u32::from(level) + 1)).unwrap_or(0);
    if index > last {
        return Err(Error::invalid("tile", format!("no tree has a tile {index} in level {level}")));
    }
    Ok(())
}

/// Writes the index in groups of three digits, and the width of a partial tile.
fn write_place(f: &mut fmt::Formatter<'_>, index: u64, width: u16) -> fmt::Result {
    let groups = index.checked_ilog(1000).unwrap_or(0);
    for group in (1..=groups).rev() {
        write!(f, "x{:03}/", index / 1000_u64.pow(group) % 1000)?;
    }
    write!(f, "{:03}", index % 1000)?;
    if width < TILE_WIDTH { write!(f, ".p/{width}") } else { Ok(()) }
}

fn parse_place(place: &str) -> Result<(u64, u16)> {
    let (place, width) = match place.split_once(".p/") {
        Some((place, width)) => (place, parse_decimal("tile", width, u64::from(TILE_WIDTH - 1))?),
        None => (place, u64::from(TILE_WIDTH)),
    };
    let mut index = 0_u64;
    let mut groups = place.split('/').peekable();
    let mut is_first = true;
    while let Some(group) = groups.next() {
        let digits =
            if groups.peek().is_some() { group.strip_prefix('x').ok_or_else(no_path)? } else { group };
        let is_group = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        // A group of zeros in front would give the same index another path.
        if !is_group || (is_first && groups.peek().is_some() && digits == "000") {
            return Err(no_path());
        }
        is_first = false;
        let digits: u64 = digits.parse().map_err(|_| no_path())?;
        index = index.checked_mul(1000).and_then(|index| index.checked_add(digits)).ok_or_else(no_path)?;
    }
    Ok((index, u16::try_from(width).map_err(|_| no_path())?))
}

fn no_path() -> Error {
    Error::invalid("tile", "tile: not the path of a tile or a bundle of entries")
}

#[cfg(test)]
mod tests;
