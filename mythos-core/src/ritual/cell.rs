//! The cells of a ritual: their names, and the check that every one of them ends in.

use crate::error::{Error, Result};
use crate::store::{CellName, Names, Owner};
use crate::types::{DomainHasher, EntryId};

/// The length of the check at the end of a cell: 128 bits, since it stands against damage and mistaken identity; what
/// stands against forgery is the signature.
pub(crate) const CHECK_BYTES: usize = 16;

/// The first position that an entry has.
const FIRST: u64 = 1;

/// The first position behind those that an entry may have.
const BEHIND: u64 = EntryId::MAX_SEQUENCE + 1;

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
        let (from, until) = (self.name(from.max(FIRST), 0), self.name(BEHIND, 0));
        Names::Range { from: Some(from), until: Some(until), limit, reverse: false }
    }

    /// The cells of this kind for entries before `before`, the newest first; all without a bound.
    pub(crate) fn before(self, before: Option<u64>, limit: u32) -> Names {
        let (from, until) =
            (self.name(FIRST, 0), self.name(before.map_or(BEHIND, |before| before.min(BEHIND)), 0));
        Names::Range { from: Some(from), until: Some(until), limit, reverse: true }
    }

    /// The sequence and revision in the name of a cell of this kind, where the sequence is one that an entry may have.
    ///
    /// Of a name that is longer or shorter than this layout makes them, it is the place that it lies at: no name of an
    /// entry behind that comes before it. Whoever reads from there on gets further.
    pub(crate) fn place(self, name: &CellName) -> Option<(u64, u32)> {
        let (kind, place) = name.as_bytes().split_first()?;
        let mut bytes = [0; 12];
        bytes.iter_mut().zip(place).for_each(|(byte, told)| *byte = *told);
        let (sequence, revision) = bytes.split_first_chunk()?;
        let (sequence, revision) =
            (u64::from_be_bytes(*sequence), u32::from_be_bytes(*revision.first_chunk()?));
        let is_short = *name < self.name(sequence, 0);
        let sequence = sequence.saturating_sub(u64::from(is_short));
        (*kind == self as u8 && (FIRST..BEHIND).contains(&sequence)).then_some((sequence, revision))
    }

    /// As [`place`](Self::place), of a name that is just as this layout makes them.
    pub(crate) fn exact_place(self, name: &CellName) -> Option<(u64, u32)> {
        self.place(name).filter(|(sequence, revision)| self.name(*sequence, *revision) == *name)
    }

    /// Whether a name is one that a cell of this kind may have.
    pub(crate) fn has(self, name: &CellName) -> bool {
        self.exact_place(name).is_some()
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
    use proptest::prelude::*;

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
    fn only_positions_that_entries_have_are_places() {
        let highest = EntryId::MAX_SEQUENCE;
        for (sequence, is_place) in
            [(0, false), (1, true), (highest, true), (highest + 1, false), (u64::MAX, false)]
        {
            let name = Kind::Block.name(sequence, 3);
            assert_eq!(Kind::Block.place(&name), is_place.then_some((sequence, 3)));
            assert_eq!(Kind::Block.has(&name), is_place);
            let Names::Range { from, until, .. } = Kind::Block.at_or_after(0, 1) else { panic!() };
            assert_eq!(from <= Some(name) && Some(name) < until, is_place);
            for before in [None, Some(u64::MAX)] {
                let Names::Range { from, until, .. } = Kind::Block.before(before, 1) else { panic!() };
                assert_eq!(from <= Some(name) && Some(name) < until, is_place);
            }
        }
    }

    #[test]
    fn a_name_of_another_length_lies_where_reading_on_from_passes_it_and_no_entry() {
        let (before, after) = (Kind::Block.name(6, u32::MAX), Kind::Block.name(8, 0));
        for length in 2..20 {
            let bytes: Vec<u8> =
                Kind::Block.name(7, 0).as_bytes().iter().copied().chain([0; 7]).take(length).collect();
            let name = CellName::new(&bytes).unwrap();
            assert_eq!(Kind::Block.has(&name), length == 13);
            let Some((sequence, _)) = Kind::Block.place(&name) else {
                assert!(length < 9);
                continue;
            };
            let next = Kind::Block.name(sequence + 1, 0);
            assert!(name < next && before < name && name < after, "{length}");
            assert!(length >= 13 || next <= Kind::Block.name(7, 0), "{length}");
        }
        assert_eq!(Kind::Block.place(&CellName::new(b"e").unwrap()), None);
    }

    proptest! {
        #[test]
        fn reading_on_from_the_place_of_any_name_passes_it(
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(255), any::<u8>()], 0..20),
        ) {
            let name = CellName::new(&[b"e", &bytes[..]].concat()).unwrap();
            let holds = |names: Names| {
                let Names::Range { from, until, .. } = names else { panic!() };
                from <= Some(name) && Some(name) < until
            };
            prop_assert_eq!(holds(Kind::Block.at_or_after(0, 1)), holds(Kind::Block.before(None, 1)));
            match Kind::Block.place(&name) {
                Some((sequence, _)) => {
                    prop_assert!(!holds(Kind::Block.at_or_after(sequence + 1, 1)));
                    prop_assert!(!holds(Kind::Block.before(Some(sequence), 1)));
                }
                None => prop_assert!(!holds(Kind::Block.at_or_after(0, 1))),
            }
        }
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
