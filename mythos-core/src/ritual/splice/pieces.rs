//! Finds what a payload has in common with another one where more than one place has changed.

use std::iter;
use std::ops::Range;

use super::{common_prefix, common_suffix};

/// A part of the target: bytes of its own, then bytes of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// How many bytes are its own.
    pub(super) own: usize,
    /// Where in the base the others stand.
    pub(super) from: usize,
    /// How many these are.
    pub(super) copied: usize,
}

/// A target of more pieces has changed all over, and is left to zstd.
const MAX_PIECES: usize = 64;

/// One more piece may be for so many bytes that are copied: long ones cost no more than zstd's.
const BYTES_OF_PIECE: usize = 512;

/// How far a comparison goes on behind a change of the same length in both, a counter or a time.
const MAX_REPLACED: usize = 32;

/// How far it goes on behind a change of another length, a count that got longer or a short name.
const MAX_RESIZED: usize = 12;

/// A copy close by is at least so long: what is compared at once.
const MIN_NEAR: usize = size_of::<u64>();

/// A copy from anywhere is at least so long.
const MIN_FAR: usize = 32;

/// What is at least so long is also looked for before the part, where content rarely comes from.
const MIN_BEFORE: usize = 512;

/// The bytes that are looked up, and how far apart in the base those are that can be found.
const BLOCK: usize = 16;

/// About the most blocks of the base that are kept, so that the table fits into a processor's cache.
const MAX_BLOCKS: usize = 1 << 13;

/// After so many bytes in vain only every third place is looked up, after twice as many every fifth, and so on: what is
/// new altogether takes little time, and a long copy behind it is found all the same.
const PATIENCE: usize = 256;

/// The pieces that a part of `target` is made of, whose first byte the base has not at its place; `None` if they are too
/// many. What follows the last is the target's own.
pub(super) fn find(base: &[u8], target: &[u8], part: Range<usize>) -> Option<Vec<Piece>> {
    let (mut base_at, mut target_at) = (part.start, part.start);
    let (mut pieces, mut copied, mut tables) = (Vec::new(), 0, None);
    while target_at < part.end {
        let change = Change { base, target: &target[..part.end], base_at, target_at };
        let piece = change.near().or_else(|| {
            let left = part.end - target_at;
            let is_behind = base.len() - part.start >= MIN_FAR;
            let is_long = left >= if is_behind { MIN_FAR } else { MIN_BEFORE };
            is_long.then(|| change.far(tables.get_or_insert_with(|| tables_of(base, part.start, left))))?
        });
        let Some(piece) = piece else { break };
        copied += piece.copied;
        if pieces.len() == MAX_PIECES + copied / BYTES_OF_PIECE {
            return None;
        }
        pieces.push(piece);
        target_at += piece.own + piece.copied;
        base_at = piece.from + piece.copied;
    }
    Some(pieces)
}

/// The tables for `left` bytes of a part: what is behind its start, and what is before it if that is worth a table.
fn tables_of(base: &[u8], start: usize, left: usize) -> Vec<Table> {
    let before = (left >= MIN_BEFORE && start >= MIN_FAR).then(|| Table::new(base, 0..start));
    [Some(Table::new(base, start..base.len())), before].into_iter().flatten().collect()
}

/// Where two payloads begin to differ.
struct Change<'a> {
    base: &'a [u8],
    target: &'a [u8],
    base_at: usize,
    target_at: usize,
}

impl Change<'_> {
    /// The nearest place behind the change where both go on alike.
    fn near(&self) -> Option<Piece> {
        if self.target.len() - self.target_at <= MIN_NEAR {
            return None;
        }
        let replaced = (1..=MAX_REPLACED).map(|length| (length, length));
        let resized = (1..=MAX_RESIZED)
            .flat_map(|longer| (0..longer).flat_map(move |shorter| [(longer, shorter), (shorter, longer)]));
        replaced.chain(resized).find_map(|(skipped, own)| {
            let (from, to) = (self.base_at + skipped, self.target_at + own);
            let is_alike = word(self.base, from)? == word(self.target, to)?;
            let copied = || common_prefix(&self.base[from..], &self.target[to..]);
            is_alike.then(|| Piece { own, from, copied: copied() })
        })
    }

    /// The next place of the target that also stands somewhere in the base, rather where it replaces as much.
    fn far(&self, tables: &[Table]) -> Option<Piece> {
        let mut own = 1;
        loop {
            let block = Table::block(self.target, self.target_at + own)?;
            let found = tables.iter().filter_map(|table| table.find(block));
            let piece = iter::once(self.base_at + own).chain(found).find_map(|from| self.around(from, own));
            if piece.is_some() {
                return piece;
            }
            own += 1 + own / PATIENCE * 2;
        }
    }

    /// The piece whose copy runs through these two places, if it is long enough.
    fn around(&self, from: usize, own: usize) -> Option<Piece> {
        let to = self.target_at + own;
        if word(self.base, from)? != word(self.target, to)? {
            return None;
        }
        let ahead = common_prefix(&self.base[from..], &self.target[to..]);
        let behind = common_suffix(&self.base[..from], &self.target[self.target_at..to]);
        let copied = behind + ahead;
        (copied >= MIN_FAR).then_some(Piece { own: own - behind, from: from - behind, copied })
    }
}

/// Where blocks of a part of a base stand.
struct Table {
    /// One more than the number of a block, and above it a part of the block's hash, which tells without a look at the
    /// base that it is another one; 0 for none.
    slots: Vec<u32>,
    start: usize,
    apart: usize,
}

impl Table {
    /// More than enough for twice [`MAX_BLOCKS`].
    const NUMBER_BITS: u32 = 16;

    fn new(base: &[u8], part: Range<usize>) -> Self {
        let (start, apart) = (part.start, BLOCK.max(part.len() / MAX_BLOCKS));
        let count = part.len() / apart;
        let mut table = Self { slots: vec![0; (2 * count).next_power_of_two()], start, apart };
        for number in 0..count {
            let Some(block) = Self::block(base, start + number * apart) else { break };
            let slot = table.slot(block);
            // Of equal blocks the first.
            if table.slots[slot] == 0 {
                table.slots[slot] = Self::tag(block) | (number as u32 + 1);
            }
        }
        table
    }

    fn find(&self, block: u64) -> Option<usize> {
        let found = self.slots[self.slot(block)] ^ Self::tag(block);
        let number = if found >> Self::NUMBER_BITS == 0 { found.checked_sub(1)? } else { return None };
        Some(self.start + number as usize * self.apart)
    }

    /// The hash of a block.
    fn block(bytes: &[u8], at: usize) -> Option<u64> {
        /// Odd, and without a pattern: the fractions of the golden ratio and of the root of two.
        const FACTORS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0x6a09_e667_f3bc_c909];
        let (first, second) = (word(bytes, at)?, word(bytes, at + 8)?);
        Some((first.wrapping_mul(FACTORS[0]) ^ second).wrapping_mul(FACTORS[1]))
    }

    fn slot(&self, block: u64) -> usize {
        // The length is a power of two of at most 2^15.
        (block >> 32) as usize & (self.slots.len() - 1)
    }

    fn tag(block: u64) -> u32 {
        (block >> 48 << Self::NUMBER_BITS) as u32
    }
}

/// Eight bytes at once.
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}
