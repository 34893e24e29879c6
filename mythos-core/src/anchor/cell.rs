//! The cells of the super-log, by name.

use super::AnchoredName;
use crate::log::checkpoints::CHECKPOINT;
use crate::log::{StoredCheckpoint, TILE};
use crate::store::CellName;
use crate::types::Digest;

/// What a cell of the head record holds. A name is a letter and numbers, big-endian, so that order is order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnchorCell {
    /// A signed checkpoint.
    Checkpoint(StoredCheckpoint),
    /// The right edge of the tree of a log of so many statements. There is one.
    Edge(u64),
    /// The position of the last statement about a head: by the kind and the digest of its name. The one kind
    /// of cell that is replaced, in the commit of the statement.
    Last(u8, Digest),
    /// The statement at a position.
    Statement(u64),
}

const EDGE: u8 = b'e';
const LAST: u8 = b'i';
const STATEMENT: u8 = b's';
const _: () = assert!(CHECKPOINT < EDGE && EDGE < LAST && LAST < STATEMENT && STATEMENT < TILE);

impl AnchorCell {
    pub(super) fn last(name: &AnchoredName) -> Self {
        Self::Last(name.kind(), name.digest())
    }

    /// The cell's name.
    pub(super) fn name(self) -> CellName {
        let one = |kind: u8, number: u64| {
            let mut bytes = [kind; 9];
            bytes[1..].copy_from_slice(&number.to_be_bytes());
            CellName::of_array(bytes)
        };
        match self {
            Self::Checkpoint(checkpoint) => checkpoint.name(),
            Self::Edge(length) => one(EDGE, length),
            Self::Statement(sequence) => one(STATEMENT, sequence),
            Self::Last(kind, name) => {
                let mut bytes = [LAST; 34];
                bytes[1] = kind;
                bytes[2..].copy_from_slice(name.as_bytes());
                CellName::of_array(bytes)
            }
        }
    }

    /// What a name is of; `None` for a tile's, and for one that no such cell has.
    pub(super) fn of(name: &CellName) -> Option<Self> {
        let (kind, rest) = name.as_bytes().split_first()?;
        let number = || rest.try_into().ok().map(u64::from_be_bytes);
        match *kind {
            CHECKPOINT => StoredCheckpoint::of(name).map(Self::Checkpoint),
            EDGE => number().map(Self::Edge),
            STATEMENT => number().map(Self::Statement),
            LAST => {
                let (kind, digest) = rest.split_first()?;
                Some(Self::Last(*kind, Digest::from_bytes(digest.try_into().ok()?)))
            }
            _ => None,
        }
    }

    /// The names of all cells that tell of last statements: from, and the one behind.
    pub(super) fn all_last() -> (CellName, CellName) {
        (CellName::of_array([LAST]), CellName::of_array([LAST + 1]))
    }

    /// The names of those about names of a kind.
    pub(super) fn last_of_kind(kind: u8) -> (CellName, CellName) {
        (CellName::of_array([LAST, kind]), CellName::of_array([LAST, kind + 1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_they_are_of() {
        let last = AnchorCell::Last(AnchoredName::KEY, Digest::of(b"k"));
        for cell in [
            AnchorCell::Checkpoint(StoredCheckpoint { size: 3, number: 1 }),
            AnchorCell::Edge(7),
            last,
            AnchorCell::Statement(u64::MAX),
        ] {
            assert_eq!(AnchorCell::of(&cell.name()), Some(cell));
            let longer = CellName::new(&[cell.name().as_bytes(), &[0]].concat()).unwrap();
            assert_eq!(AnchorCell::of(&longer), None);
        }
        let (from, until) = AnchorCell::last_of_kind(AnchoredName::KEY);
        assert!(from < last.name() && last.name() < until);
        let (from, until) = AnchorCell::all_last();
        assert!(AnchorCell::Edge(u64::MAX).name() < from && until < AnchorCell::Statement(0).name());
    }
}
