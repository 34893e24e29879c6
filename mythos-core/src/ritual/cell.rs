//! The cells of a ritual: their names, and the check that every one of them ends in.

use crate::error::{Error, Result};
use crate::store::{CellName, Names, Owner};
use crate::types::DomainHasher;

/// The length of the check at the end of a cell: 128 bits, since it stands against damage and mistaken identity; what
/// stands against forgery is the signature.
pub(crate) const CHECK_BYTES: usize = 16;

/// What a cell holds; the first byte of its name.
///
/// Behind it stand 8 bytes of the sequence and 4 of the revision, both big-endian, so that the cells of a kind lie in
/// the order of the entries. A block is named after its last entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A dictionary of an assistant, named after its number and copy.
    Dictionary = b'd',
    /// Cards of one or more entries.
    Block = b'e',
    /// A symbolic intent, named after its digest.
    Intent = b'i',
    /// The position of the entry that an operation of the caller's saved, named after the operation.
    Operation = b'o',
    /// A patch that is too long to stand in a card.
    Patch = b'p',
    /// A payload that needs no other.
    Whole = b'w',
}

impl Kind {
    /// The name of the cell for the entry at `sequence`.
    pub(crate) fn name(self, sequence: u64, revision: u32) -> CellName {
        let mut bytes = [0; 13];
        bytes[0] = self as u8;
        bytes[1..9].copy_from_slice(&sequence.to_be_bytes());
        bytes[9..].copy_from_slice(&revision.to_be_bytes());
        CellName::of_array(bytes)
    }

    /// The name of a cell that is found by its content or cause.
    pub(crate) fn named_after<const N: usize>(self, key: &[u8; N]) -> CellName {
        let bytes: Vec<u8> = std::iter::once(self as u8).chain(key.iter().copied()).collect();
        CellName::from(crate::types::RecordId::from_short(&bytes))
    }

    /// The cells of this kind for entries at `from` and later, the oldest first.
    pub(crate) fn at_or_after(self, from: u64, limit: u32) -> Names {
        let until = Some(CellName::of_array([self as u8 + 1]));
        Names::Range { from: Some(self.name(from, 0)), until, limit, reverse: false }
    }

    /// The cells of this kind for entries before `before`, the newest first; all without a bound.
    pub(crate) fn before(self, before: Option<u64>, limit: u32) -> Names {
        let from = Some(CellName::of_array([self as u8]));
        let until = match before {
            Some(before) => self.name(before, 0),
            None => CellName::of_array([self as u8 + 1]),
        };
        Names::Range { from, until: Some(until), limit, reverse: true }
    }

    /// The sequence and revision in the name of a cell of this kind.
    pub(crate) fn place(self, name: &CellName) -> Option<(u64, u32)> {
        let bytes: [u8; 13] = name.as_bytes().try_into().ok()?;
        let (sequence, revision) = (bytes[1..9].try_into().ok()?, bytes[9..].try_into().ok()?);
        (bytes[0] == self as u8).then(|| (u64::from_be_bytes(sequence), u32::from_be_bytes(revision)))
    }
}

/// Appends the check that binds `body` to its place.
pub(crate) fn close(owner: &Owner, name: &CellName, mut body: Vec<u8>) -> Vec<u8> {
    let check = check(owner, name, &body);
    body.extend_from_slice(&check);
    body
}

/// Gives the body of a cell, if its check says that it is the one that was put there.
pub(crate) fn open<'a>(owner: &Owner, name: &CellName, bytes: &'a [u8]) -> Result<&'a [u8]> {
    let Some((body, found)) = bytes.split_last_chunk::<CHECK_BYTES>() else {
        let length = bytes.len();
        return Err(Error::corrupt(format!("cell {name} has {length} bytes, which is less than its check")));
    };
    let expected = check(owner, name, body);
    if expected == *found {
        return Ok(body);
    }
    let (expected, found) = (hexadecimal(&expected), hexadecimal(found));
    Err(Error::mismatch(format_args!("cell {name} is damaged or misplaced"), expected, found))
}

/// BLAKE3 in key derivation mode, context `mythos 2026 ritual cell v1`, over tenant, owner, name and body, each behind
/// its length as 8 bytes little-endian; the first 16 bytes.
fn check(owner: &Owner, name: &CellName, body: &[u8]) -> [u8; CHECK_BYTES] {
    DomainHasher::new("mythos 2026 ritual cell v1")
        .field(owner.tenant.as_str().as_bytes())
        .field(owner.id.as_bytes())
        .field(name.as_bytes())
        .field(body)
        .finish_extended()
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ritual::RitualHead;

    fn owner(ritual: &str) -> Owner {
        RitualHead::owner(&"default".parse().unwrap(), &"ana".parse().unwrap(), &ritual.parse().unwrap())
    }

    #[test]
    fn names_lie_in_the_order_of_entries_and_tell_their_place() {
        assert!(Kind::Whole.name(255, 9) < Kind::Whole.name(256, 0));
        assert!(Kind::Whole.name(256, 0) < Kind::Whole.name(256, 1));
        assert!(Kind::Patch.name(u64::MAX, 0) < Kind::Whole.name(0, 0));
        assert_eq!(Kind::Whole.place(&Kind::Whole.name(7, 2)), Some((7, 2)));
        assert_eq!(Kind::Patch.place(&Kind::Whole.name(7, 2)), None);
    }

    #[test]
    fn every_flipped_bit_truncation_and_misplacement_is_found() {
        let name = Kind::Whole.name(7, 0);
        let cell = close(&owner("a"), &name, b"payload".to_vec());
        assert_eq!(open(&owner("a"), &name, &cell).unwrap(), b"payload");
        for bit in 0..8 * cell.len() {
            let mut damaged = cell.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&owner("a"), &name, &damaged).is_err(), "bit {bit}");
        }
        for length in 0..cell.len() {
            assert!(open(&owner("a"), &name, &cell[..length]).is_err(), "{length} bytes");
        }
        assert!(open(&owner("b"), &name, &cell).is_err());
        assert!(open(&owner("a"), &Kind::Whole.name(8, 0), &cell).is_err());
    }
}
