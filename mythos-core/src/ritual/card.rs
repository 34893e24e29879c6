//! What is kept of an entry beside its payload, in little room: the card, and the block of cards that makes a cell.
//!
//! A block is its format number, 1, and the [postcard](https://postcard.jamesmunns.com/wire-format) form of [`Wire`].
//! Neighbours share most of what they say, so that cards tell only the difference to the one before.

use serde::{Deserialize, Serialize};

use super::MAX_PAYLOAD_BYTES;
use crate::error::{Error, Result};
use crate::seal::KeyId;
use crate::types::{Commitment, EntryId, OperationId, Salt, Timestamp};

/// The most cards of one block: large enough that a block's own bytes do not count, small enough to be read for one.
pub(crate) const MAX_CARDS: usize = 64;

/// The longest patch that stands in its card; a longer one has a cell of its own, so that a listing reads little.
pub(crate) const MAX_INLINE_PATCH: usize = 1024;

/// More than is ever stored of a payload: a card that says more is damaged, and no sum of what cards say overflows.
const MAX_STORED_BYTES: u64 = 2 * MAX_PAYLOAD_BYTES as u64;

const FORMAT: u8 = 1;

/// What is kept of an entry beside its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) sequence: u64,
    pub(crate) parent: Parent,
    pub(crate) operation: OperationMark,
    /// Whether the operation was named by the caller, so that a cell tells the position of its entry.
    pub(crate) is_marked: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) raw_bytes: u64,
    pub(crate) commitment: Commitment,
    /// The first bytes of the signature; the rest follows from the card.
    pub(crate) signature: SignatureStart,
    /// In millionths.
    pub(crate) entropy: u32,
    /// In millionths.
    pub(crate) novelty: u32,
    pub(crate) intent: Option<IntentDigest>,
    /// What the payload is sealed under, wherever it lies.
    pub(crate) key: Option<KeyId>,
    pub(crate) whole: Option<Whole>,
    pub(crate) patch: Option<Patch>,
}

/// The first 8 bytes of an operation's hash: enough to recognise a repetition, of which the payload is compared too.
pub(crate) type OperationMark = [u8; 8];

/// The first 16 bytes of a signature.
pub(crate) type SignatureStart = [u8; 16];

/// The first 16 bytes of the digest of an intent's stored form.
pub(crate) type IntentDigest = [u8; 16];

/// The entry before an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Parent {
    /// The one at the sequence just before.
    Neighbour,
    /// None.
    None,
    /// One of the same ritual.
    Sequence(u64),
    /// One of another ritual.
    Entry([u8; 16]),
}

/// Where the payload lies that needs no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Whole {
    pub(crate) revision: u32,
    pub(crate) stored_bytes: u64,
    pub(crate) is_compressed: bool,
    /// Whether it was compressed as hard as it can be.
    pub(crate) is_compacted: bool,
    /// The dictionary it was made with; 0 for none.
    pub(crate) dictionary: u32,
    /// Whether it stays when newer entries come; otherwise it is gone once the entry is no longer one of the two newest.
    pub(crate) stays: bool,
}

/// What makes the payload out of that of the next entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Patch {
    /// It stands here.
    Inline(#[serde(with = "serde_bytes")] Vec<u8>),
    /// It has a cell.
    Cell {
        /// The revision in the cell's name.
        revision: u32,
        /// Its length.
        stored_bytes: u64,
    },
}

impl Patch {
    /// Its length as stored.
    pub(crate) fn stored_bytes(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Cell { stored_bytes, .. } => *stored_bytes,
        }
    }
}

impl Card {
    /// The mark of an operation.
    pub(crate) fn mark(operation: OperationId) -> OperationMark {
        crate::types::DomainHasher::new("mythos 2026 ritual operation v1")
            .field(operation.as_uuid().as_bytes())
            .finish_extended()
    }

    /// The id of the entry before, in the ritual of `root`.
    pub(crate) fn parent_id(&self, root: EntryId) -> Option<EntryId> {
        match self.parent {
            Parent::None => None,
            Parent::Neighbour => Some(root.at(self.sequence.saturating_sub(1))),
            Parent::Sequence(sequence) => Some(root.at(sequence)),
            Parent::Entry(bytes) => Some(EntryId::from_uuid(uuid::Uuid::from_bytes(bytes))),
        }
    }

    /// The patch's revision, for a name that was not used before.
    pub(crate) fn patch_revision(&self) -> Option<u32> {
        match self.patch {
            Some(Patch::Cell { revision, .. }) => Some(revision),
            _ => None,
        }
    }
}

/// The stored form of a block.
#[derive(Serialize, Deserialize)]
struct Wire {
    seed: [u8; 16],
    /// Which operations have a cell: one bit for each card, the lowest for the first.
    marked: u64,
    intents: Vec<IntentDigest>,
    keys: Vec<KeyId>,
    cards: Vec<WireCard>,
}

#[derive(Serialize, Deserialize)]
struct WireCard {
    /// Since the card before; the first since 0.
    sequence: u64,
    /// Microseconds since the card before; the first since 1970.
    created_at: i64,
    parent: Parent,
    operation: OperationMark,
    raw_bytes: u64,
    commitment: [u8; 32],
    signature: SignatureStart,
    entropy: u32,
    novelty: u32,
    /// An index, plus 1; 0 for none.
    intent: u32,
    /// An index, plus 1; 0 for none.
    key: u32,
    whole: Option<Whole>,
    patch: Option<Patch>,
}

/// Puts cards, oldest first, of the ritual with `seed` into a block.
///
/// # Errors
/// `Corrupt` for cards that [`read_block`] would refuse: none are merged whose blocks contradict each other.
pub(crate) fn write_block(seed: &Salt, cards: &[Card]) -> Result<Vec<u8>> {
    let is_ascending = cards.is_sorted_by(|older, newer| older.sequence < newer.sequence);
    if !is_ascending || cards.len() > MAX_CARDS {
        return Err(Error::corrupt("blocks of entries share positions"));
    }
    let (mut intents, mut keys) = (Vec::new(), Vec::new());
    let (mut sequence, mut created_at, mut marked) = (0, 0, 0_u64);
    let mut wire = Vec::with_capacity(cards.len());
    for (index, card) in cards.iter().enumerate() {
        marked |= u64::from(card.is_marked) << (index % MAX_CARDS);
        wire.push(WireCard {
            sequence: card.sequence.wrapping_sub(sequence),
            created_at: card.created_at.as_microseconds().wrapping_sub(created_at),
            parent: card.parent,
            operation: card.operation,
            raw_bytes: card.raw_bytes,
            commitment: *card.commitment.as_bytes(),
            signature: card.signature,
            entropy: card.entropy,
            novelty: card.novelty,
            intent: number(&mut intents, card.intent.as_ref()),
            key: number(&mut keys, card.key.as_ref()),
            whole: card.whole,
            patch: card.patch.clone(),
        });
        (sequence, created_at) = (card.sequence, card.created_at.as_microseconds());
    }
    postcard::to_extend(&Wire { seed: *seed.as_bytes(), marked, intents, keys, cards: wire }, vec![FORMAT])
        .map_err(|error| Error::internal(format!("a block has no stored form: {error}")))
}

/// The number of `value` in `values`, where it is added if it is not there; 0 for none.
fn number<T: Clone + PartialEq>(values: &mut Vec<T>, value: Option<&T>) -> u32 {
    let Some(value) = value else { return 0 };
    let index = values.iter().position(|other| other == value).unwrap_or_else(|| {
        values.push(value.clone());
        values.len() - 1
    });
    index as u32 + 1
}

/// Reads a block that may be damaged or hostile: the ritual's seed, and 1 to [`MAX_CARDS`] cards, oldest first.
pub(crate) fn read_block(bytes: &[u8]) -> Result<(Salt, Vec<Card>)> {
    let damaged = |what: &str| Error::corrupt(format!("the block of entries is damaged: {what}"));
    let Some((&FORMAT, body)) = bytes.split_first() else {
        return Err(damaged("its format is not 1"));
    };
    let (wire, rest) =
        postcard::take_from_bytes::<Wire>(body).map_err(|error| damaged(&error.to_string()))?;
    if !rest.is_empty() || wire.cards.is_empty() || wire.cards.len() > MAX_CARDS {
        return Err(damaged("its length is not that of 1 to 64 entries"));
    }
    let (mut cards, mut sequence, mut created_at) = (Vec::with_capacity(wire.cards.len()), 0_u64, 0_i64);
    for (index, card) in wire.cards.into_iter().enumerate() {
        sequence = match sequence.checked_add(card.sequence) {
            Some(next) if card.sequence > 0 && next <= EntryId::MAX_SEQUENCE => next,
            _ => return Err(damaged("its entries are not in order")),
        };
        created_at = created_at.wrapping_add(card.created_at);
        let at = |number: u32| number.checked_sub(1).map(|index| index as usize);
        let intent = at(card.intent)
            .map(|index| wire.intents.get(index).ok_or_else(|| damaged("an intent is missing")));
        let key = at(card.key).map(|index| wire.keys.get(index).ok_or_else(|| damaged("a key is missing")));
        let whole_bytes = card.whole.map_or(0, |whole| whole.stored_bytes);
        let patch_bytes = card.patch.as_ref().map_or(0, Patch::stored_bytes);
        if card.raw_bytes > MAX_PAYLOAD_BYTES as u64 || whole_bytes.max(patch_bytes) > MAX_STORED_BYTES {
            return Err(damaged("a payload is longer than any"));
        }
        let millionths =
            |value: u32| if value <= 1_000_000 { Ok(value) } else { Err(damaged("a score exceeds 1")) };
        cards.push(Card {
            sequence,
            parent: card.parent,
            operation: card.operation,
            is_marked: wire.marked >> index & 1 == 1,
            created_at: Timestamp::from_microseconds(created_at)
                .map_err(|_| damaged("a time is out of range"))?,
            raw_bytes: card.raw_bytes,
            commitment: Commitment::from_bytes(card.commitment),
            signature: card.signature,
            entropy: millionths(card.entropy)?,
            novelty: millionths(card.novelty)?,
            intent: intent.transpose()?.copied(),
            key: key.transpose()?.cloned(),
            whole: card.whole,
            patch: card.patch,
        });
    }
    Ok((Salt::from_bytes(wire.seed), cards))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEED: Salt = Salt::from_bytes([9; 16]);

    prop_compose! {
        pub(crate) fn any_card()(
            sequence in 1_u64..50,
            parent in prop_oneof![Just(Parent::Neighbour), Just(Parent::None), any::<u64>().prop_map(Parent::Sequence), any::<[u8; 16]>().prop_map(Parent::Entry)],
            bytes in any::<([u8; 8], [u8; 32], [u8; 16])>(),
            time in 0_i64..4_000_000_000_000_000,
            numbers in (0..=MAX_PAYLOAD_BYTES as u64, 0_u32..=1_000_000, 0_u32..=1_000_000),
            intent in prop::option::of(prop_oneof![Just([1; 16]), Just([2; 16])]),
            key in prop::option::of(prop_oneof![Just("a"), Just("b")]),
            is_marked in any::<bool>(),
            whole in prop::option::of((any::<u32>(), 0..=MAX_STORED_BYTES, any::<[bool; 3]>(), any::<u32>())),
            patch in prop::option::of(prop_oneof![
                prop::collection::vec(any::<u8>(), 0..50).prop_map(Patch::Inline),
                (any::<u32>(), 0..=MAX_STORED_BYTES).prop_map(|(revision, stored_bytes)| Patch::Cell { revision, stored_bytes }),
            ]),
        ) -> Card {
            Card {
                sequence, parent, operation: bytes.0, is_marked, created_at: Timestamp::from_microseconds(time).unwrap(), raw_bytes: numbers.0,
                commitment: Commitment::from_bytes(bytes.1), signature: bytes.2, entropy: numbers.1, novelty: numbers.2, intent,
                key: key.map(|key| key.parse().unwrap()),
                whole: whole.map(|(revision, stored_bytes, [is_compressed, is_compacted, stays], dictionary)| Whole { revision, stored_bytes, is_compressed, is_compacted, dictionary, stays }),
                patch,
            }
        }
    }

    proptest! {
        #[test]
        fn any_block_round_trips(mut cards in prop::collection::vec(any_card(), 1..MAX_CARDS)) {
            let mut sequence = 0;
            for card in &mut cards {
                sequence += card.sequence;
                card.sequence = sequence;
            }
            prop_assert_eq!(read_block(&write_block(&SEED, &cards).unwrap()).unwrap(), (SEED, cards));
        }

        #[test]
        fn any_bytes_are_survived(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_block(&bytes);
            bytes.insert(0, FORMAT);
            if let Ok((_, cards)) = read_block(&bytes) {
                prop_assert!(cards.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
            }
        }
    }

    #[test]
    fn lengths_that_no_payload_has_are_refused() {
        let lies: [fn(&mut Card); 3] = [
            |card| card.raw_bytes = MAX_PAYLOAD_BYTES as u64 + 1,
            |card| card.patch = Some(Patch::Cell { revision: 1, stored_bytes: MAX_STORED_BYTES + 1 }),
            |card| {
                let stored_bytes = u64::MAX;
                let (is_compressed, is_compacted, stays) = (true, false, true);
                card.whole = Some(Whole {
                    revision: 1,
                    stored_bytes,
                    is_compressed,
                    is_compacted,
                    dictionary: 0,
                    stays,
                });
            },
        ];
        for lie in lies {
            let mut card = ordinary_card(1);
            lie(&mut card);
            let block = write_block(&SEED, &[card]).unwrap();
            assert_eq!(read_block(&block).unwrap_err().kind(), crate::ErrorKind::Corrupt);
        }
    }

    #[test]
    fn no_block_is_written_that_cannot_be_read() {
        let block = |sequences: &mut dyn Iterator<Item = u64>| {
            let cards: Vec<Card> = sequences.map(ordinary_card).collect();
            write_block(&SEED, &cards)
        };
        assert!(read_block(&block(&mut (1..=64)).unwrap()).is_ok());
        let refused: [&mut dyn Iterator<Item = u64>; 3] =
            [&mut (1..=65), &mut [1, 1].into_iter(), &mut [2, 1].into_iter()];
        for sequences in refused {
            assert_eq!(block(sequences).unwrap_err().kind(), crate::ErrorKind::Corrupt);
        }
    }

    fn ordinary_card(sequence: u64) -> Card {
        Card {
            sequence,
            parent: Parent::Neighbour,
            operation: [7; 8],
            is_marked: true,
            created_at: Timestamp::from_microseconds(1_760_000_000_000_000 + sequence as i64 * 3_000_000)
                .unwrap(),
            raw_bytes: 13_000,
            commitment: Commitment::from_bytes([7; 32]),
            signature: [7; 16],
            entropy: 600_000,
            novelty: 400_000,
            intent: Some([1; 16]),
            key: None,
            whole: None,
            patch: Some(Patch::Inline(vec![7; 6])),
        }
    }

    #[test]
    fn an_ordinary_card_takes_little_room() {
        let cards: Vec<Card> = (1..=64).map(ordinary_card).collect();
        assert!(write_block(&SEED, &cards).unwrap().len() < 64 * 90);
    }
}
