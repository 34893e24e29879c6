//! The cells of a codex's log, by name.

use crate::log::checkpoints::CHECKPOINT;
use crate::log::{StoredCheckpoint, TILE};
use crate::store::CellName;

/// What a cell of a codex's head record holds.
///
/// A name is a letter and numbers, big-endian, so that order is order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodexCell {
    /// The event at a position.
    Event(u64),
    /// What opens a commitment of the event at a position; by its number there.
    Opening(u64, u32),
    /// What replay goes on from, for a log of so many events.
    Snapshot(u64),
    /// The checkpoint at a size that was signed as the n-th of that size.
    Checkpoint(u64, u32),
}

const EVENT: u8 = b'e';
const OPENING: u8 = b'o';
const SNAPSHOT: u8 = b's';
const _: () = assert!(SNAPSHOT < TILE, "tiles come last");

impl CodexCell {
    /// The cell's name.
    pub(crate) fn name(self) -> CellName {
        match self {
            Self::Event(sequence) => one(EVENT, sequence),
            Self::Snapshot(length) => one(SNAPSHOT, length),
            Self::Opening(sequence, number) => two(OPENING, sequence, number),
            Self::Checkpoint(size, number) => StoredCheckpoint { size, number }.name(),
        }
    }

    /// What a name is of; `None` for one that no such cell has.
    pub(crate) fn of(name: &CellName) -> Option<Self> {
        let (kind, rest) = name.as_bytes().split_first()?;
        let (number, rest) = rest.split_first_chunk()?;
        let number = u64::from_be_bytes(*number);
        match (*kind, rest.len()) {
            (EVENT, 0) => Some(Self::Event(number)),
            (SNAPSHOT, 0) => Some(Self::Snapshot(number)),
            (OPENING, 4) => Some(Self::Opening(number, u32::from_be_bytes(rest.try_into().ok()?))),
            (CHECKPOINT, 4) => Some(Self::Checkpoint(number, u32::from_be_bytes(rest.try_into().ok()?))),
            _ => None,
        }
    }
}

fn one(kind: u8, number: u64) -> CellName {
    let mut bytes = [kind; 9];
    bytes[1..].copy_from_slice(&number.to_be_bytes());
    CellName::of_array(bytes)
}

fn two(kind: u8, number: u64, second: u32) -> CellName {
    let mut bytes = [kind; 13];
    bytes[1..9].copy_from_slice(&number.to_be_bytes());
    bytes[9..].copy_from_slice(&second.to_be_bytes());
    CellName::of_array(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_they_are_of() {
        for cell in [
            CodexCell::Event(7),
            CodexCell::Opening(u64::MAX, 3),
            CodexCell::Snapshot(0),
            CodexCell::Checkpoint(9, 1),
        ] {
            assert_eq!(CodexCell::of(&cell.name()), Some(cell));
            let longer = CellName::new(&[cell.name().as_bytes(), &[0]].concat()).unwrap();
            assert_eq!(CodexCell::of(&longer), None);
        }
        assert!(CodexCell::Event(255).name() < CodexCell::Event(256).name());
    }
}
