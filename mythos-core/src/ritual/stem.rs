//! What a growing state keeps from save to save, so that it is compressed once and not with every step.
//!
//! An agent's state mostly grows at its end: nearly all of the next one stands in this one, at the same place. Such a
//! *stem* is compressed by itself, and kept as it was compressed; the next save compresses only what stands before and
//! behind it. Its bytes are counted once as well, for the entropy score.

use super::dictionary;
use super::entropy::Counts;
use super::splice::common_prefix;

/// Below this length a payload is compressed in less time than it takes to look for a stem of it.
const MIN_PAYLOAD_BYTES: usize = 4 << 10;

/// How much of a payload may lie outside the stem: the 8th part of it, and this. It is compressed with each save.
const MAX_REST_BYTES: usize = 2 << 10;

/// How much of the stem's end the rest is compressed behind: what an agent reads again mostly stood there a while ago.
const REACH_BYTES: usize = 64 << 10;

/// Behind a change at most so long, such as a count of messages, the payloads are looked at once more.
const MAX_CHANGED_BYTES: usize = 16;

/// A part of a payload that is compressed by itself.
#[derive(Debug)]
pub(crate) struct Stem {
    /// Where it begins in the payload.
    pub(crate) at: usize,
    /// Its length before it was compressed.
    pub(crate) raw_bytes: usize,
    /// One zstd frame.
    pub(crate) frame: Vec<u8>,
    /// The dictionary it was made with; 0 for none.
    pub(crate) dictionary: u32,
    /// How often each byte stands in it.
    pub(crate) counts: Counts,
}

impl Stem {
    /// Whether `payload` has the stem of `previous` at the same place, and little beside it.
    pub(crate) fn stands_in(&self, previous: &[u8], payload: &[u8]) -> bool {
        let stem = self.at..self.at + self.raw_bytes;
        is_enough(self.raw_bytes, payload)
            && payload.get(stem.clone()).is_some_and(|bytes| previous.get(stem) == Some(bytes))
    }

    /// What stands before and behind it in `payload`, where it stands.
    pub(crate) fn around<'a>(&self, payload: &'a [u8]) -> [&'a [u8]; 2] {
        [&payload[..self.at], &payload[self.at + self.raw_bytes..]]
    }
}

/// The end of a stem, which the rest is compressed behind.
pub(crate) fn reach(stem: &[u8]) -> &[u8] {
    dictionary::raw(&stem[stem.len().saturating_sub(REACH_BYTES)..])
}

/// Where both payloads have a stem that is worth keeping: its place and its length.
pub(crate) fn common_stem(previous: &[u8], payload: &[u8]) -> Option<(usize, usize)> {
    let same = common_prefix(previous, payload);
    let candidates =
        std::iter::once(0).chain((same + 1..=same + MAX_CHANGED_BYTES).filter(|_| same < payload.len()));
    candidates
        .filter_map(|at| {
            let (previous, payload) = (previous.get(at..)?, payload.get(at..)?);
            Some((at, if at == 0 { same } else { common_prefix(previous, payload) }))
        })
        .find(|(_, length)| is_enough(*length, payload))
}

/// Whether a stem of `length` bytes leaves little of `payload`.
fn is_enough(length: usize, payload: &[u8]) -> bool {
    payload.len() >= MIN_PAYLOAD_BYTES
        && payload.len() - length.min(payload.len()) <= payload.len() / 8 + MAX_REST_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(count: usize) -> Vec<u8> {
        (0..count).flat_map(|index| blake3::hash(&index.to_le_bytes()).to_hex().as_bytes().to_vec()).collect()
    }

    #[test]
    fn a_state_that_grew_at_its_end_keeps_its_beginning() {
        let (old, new) = (messages(100), messages(110));
        assert_eq!(common_stem(&old, &new), Some((0, old.len())));
        assert_eq!(common_stem(&old, &old), Some((0, old.len())));
        assert_eq!(common_stem(&old, &messages(200)), None, "too much is new");
        assert_eq!(common_stem(&messages(10), &messages(11)), None, "too short");
        assert_eq!(common_stem(b"", &new), None);
        assert_eq!(common_stem(&new, b""), None);
    }

    #[test]
    fn a_count_before_the_messages_does_not_hide_them() {
        let state = |count: u16, messages: &[u8]| {
            [b"\x82\xa8messages\xdc", &count.to_be_bytes()[..], messages].concat()
        };
        let (old, new) = (state(100, &messages(100)), state(101, &messages(101)));
        let (at, length) = common_stem(&old, &new).unwrap();
        assert!(at > 0 && at + length == old.len());
        let stem =
            Stem { at, raw_bytes: length, frame: Vec::new(), dictionary: 0, counts: Counts::default() };
        let next = state(102, &messages(102));
        assert!(stem.stands_in(&new, &next));
        let [before, behind] = stem.around(&next);
        assert_eq!([before, &next[at..at + length], behind].concat(), next);
        assert!(!stem.stands_in(&new, &state(300, &messages(300))), "too much is new");
        assert!(!stem.stands_in(&new, &[&b"x"[..], &next].concat()), "it moved");
        assert!(!stem.stands_in(&new, &old[..at]));
    }
}
