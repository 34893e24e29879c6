use std::borrow::Cow;
use std::ops::Range;

use zstd_safe::CCtx;

use super::dictionary;
use super::pool::Pool;
use super::splice::{common_prefix, common_suffix};
use crate::types::Score;

/// The novel bytes that make a score of one half.
///
/// A saturating count separates looping from progressing agents far better than a share: a share of the changed bytes
/// is small whenever a counter in a header makes the whole state count as changed, and 1 for a counter alone.
const HALF_BYTES: f64 = 256.0;

/// Of a longer change only the end is measured, where the states of agents grow; so that the cost is bounded.
const MAX_CHANGE_BYTES: usize = 256 << 10;

/// How far before a change its copies are looked for, at least.
const MIN_REACH_BYTES: usize = 64 << 10;

/// How far before a change its copies are looked for, in lengths of the change: the turns of a loop lie close together,
/// and the cost stays in proportion to the change.
const REACH_FACTOR: usize = 4;

/// The most of the predecessor that is searched up to the end of a change: the reach of the longest change, and what that
/// may have moved by. [`MIN_REACH_BYTES`] behind it are searched as well.
const MAX_BASE_BYTES: usize = MAX_CHANGE_BYTES + MIN_REACH_BYTES;

/// The lowest level whose tables hold as much as is searched; at level 1, copies from 128 KiB back go unseen.
const LEVEL: i32 = 2;

/// What every zstd frame costs, whatever is in it: magic number (4), descriptor (1), content size (1 at least), header of
/// the only block (3). Source: RFC 8878, sections 3.1.1 and 3.1.1.2.
const FRAME_BYTES: usize = 9;

/// How much information `payload` adds to `previous`, the payload before it.
///
/// The *novel bytes* `n` are the length of the zstd-compressed patch that turns `previous` into `payload`, without the
/// frame around it: what both begin and end with is cut, so is the block before the end that only moved, and what is left of
/// `payload` is compressed by what stands in `previous` at that place and around it. The score is `n / (n + 256)`: 0
/// means nothing new, 0.5 means 256 novel bytes.
///
/// - Without a predecessor everything is new: the score is 1.
/// - Equal payloads, and payloads from which a part was only removed, score 0.
/// - Otherwise it lies between 0 and 1, both exclusive, and never above `c / (c + 256)` for `c` changed bytes.
/// - A new message of an agent takes a quarter to a half of its bytes, random bytes take all, and a copy of what is there
///   takes about 10 altogether, which is 0.04.
///
/// Copies are looked for at most 320 KiB back and 64 KiB ahead, and of a change of more than 256 KiB only the last 256 KiB
/// count. So all but the comparison of the common ends is bounded, whatever the payload's length. Another version of zstd
/// may give a slightly different score for the same payloads: a score is computed once and then stored.
///
/// ```
/// use mythos_core::ritual::novelty_score;
///
/// assert_eq!(novelty_score(None, b"[]").get(), 1.0);
/// assert_eq!(novelty_score(Some(b"[1,2]"), b"[1,2]").get(), 0.0);
/// assert_eq!(novelty_score(Some(b"[1,2]"), b"[1]").get(), 0.0);
/// // One novel byte: the `4`.
/// assert_eq!(novelty_score(Some(b"[1,2]"), b"[1,4]").get(), 1.0 / 257.0);
///
/// let call = r#"{"call":"search","query":"flights from Oslo","answer":"none found on this day"}"#;
/// let answer = r#"{"call":"book","seat":"14C","price":"182.40 EUR","note":"window seats were sold out"}"#;
/// let again = novelty_score(Some(call.as_bytes()), [call, call].concat().as_bytes());
/// let ahead = novelty_score(Some(call.as_bytes()), [call, answer].concat().as_bytes());
/// assert!(again.get() < 0.06 && ahead.get() > 0.15);
/// ```
#[must_use]
pub fn novelty_score(previous: Option<&[u8]>, payload: &[u8]) -> Score {
    NoveltyMeter::default().score(previous, payload)
}

/// Computes novelty scores, keeping its compression contexts between calls: for whoever scores more than a few payloads.
///
/// ```
/// use mythos_core::ritual::{NoveltyMeter, novelty_score};
///
/// let meter = NoveltyMeter::default();
/// let states = [r#"{"step":1}"#, r#"{"step":1,"found":"nothing"}"#, r#"{"step":2}"#].map(str::as_bytes);
/// for pair in states.windows(2) {
///     assert_eq!(meter.score(Some(pair[0]), pair[1]), novelty_score(Some(pair[0]), pair[1]));
/// }
/// ```
#[derive(Debug, Default)]
pub struct NoveltyMeter {
    /// A context costs more to make than a small change to measure.
    contexts: Pool<CCtx<'static>>,
}

impl NoveltyMeter {
    /// As [`novelty_score`].
    #[must_use]
    pub fn score(&self, previous: Option<&[u8]>, payload: &[u8]) -> Score {
        let Some(previous) = previous else { return Score::ONE };
        let novel = self.novel_bytes(previous, payload) as f64;
        Score::clamped(novel / (novel + HALF_BYTES))
    }

    fn novel_bytes(&self, previous: &[u8], payload: &[u8]) -> usize {
        let Change { base, fresh } = Change::between(previous, payload);
        let fresh = fresh.as_ref();
        if fresh.is_empty() {
            return 0;
        }
        // What zstd cannot make shorter, or has no memory for, counts as it is.
        self.compressed_bytes(base, fresh)
            .map_or(fresh.len(), |bytes| bytes.saturating_sub(FRAME_BYTES).clamp(1, fresh.len()))
    }

    fn compressed_bytes(&self, base: &[u8], fresh: &[u8]) -> Option<usize> {
        let mut context = self.contexts.take().or_else(CCtx::try_create)?;
        let mut output = Vec::with_capacity(zstd_safe::compress_bound(fresh.len()));
        let bytes = context.compress_using_dict(&mut output, fresh, base, LEVEL).ok()?;
        self.contexts.give_back(context);
        Some(bytes)
    }
}

/// What is measured of two payloads.
struct Change<'a> {
    /// The part of the predecessor that is searched for copies.
    base: &'a [u8],
    /// The changed part of the payload, or its end, without what only moved.
    fresh: Cow<'a, [u8]>,
}

impl<'a> Change<'a> {
    fn between(previous: &'a [u8], payload: &'a [u8]) -> Self {
        let prefix = common_prefix(previous, payload);
        let suffix = common_suffix(&previous[prefix..], &payload[prefix..]);
        let changed = &payload[prefix..payload.len() - suffix];
        let fresh = &changed[changed.len().saturating_sub(MAX_CHANGE_BYTES)..];
        let end = previous.len() - suffix;
        let moved = moved_block(&previous[prefix..end], fresh);
        // Behind a moved block the change is where the block ended.
        let at = if moved.is_some() { end } else { prefix };
        let fresh = match moved {
            Some(moved) => Cow::Owned([&fresh[..moved.start], &fresh[moved.end..]].concat()),
            None => Cow::Borrowed(fresh),
        };
        let reach = MIN_REACH_BYTES.max(REACH_FACTOR * fresh.len());
        let start = at.saturating_sub(reach).max(end.saturating_sub(MAX_BASE_BYTES));
        // A window that rolls over a loop ends as its predecessor does: what was cut there is a copy of what is left.
        let base = dictionary::raw(&previous[start..end + suffix.min(MIN_REACH_BYTES)]);
        Self { base, fresh }
    }
}

/// A moved block is at least so long; what is shorter, zstd finds as well.
const MIN_MOVED_BYTES: usize = 64;

/// So many places are tried for the moved block's end. In a loop the same end stands in several.
const MAX_MOVED_CANDIDATES: usize = 16;

/// Where the end of `old` stands in `new`, as far back as both are equal: a window that drops its oldest messages moves all
/// others. zstd's fast levels see such a block as many pieces, until they happen on its place.
fn moved_block(old: &[u8], new: &[u8]) -> Option<Range<usize>> {
    let (_, end) = old.split_last_chunk::<8>()?;
    let ends = (8..=new.len()).rev().zip(new.windows(8).rev());
    let mut longest = 0..0;
    for (at, _) in ends.filter(|(_, window)| window.first_chunk() == Some(end)).take(MAX_MOVED_CANDIDATES) {
        let block = at - common_suffix(old, &new[..at])..at;
        if block.len() > longest.len() {
            longest = block;
        }
        if longest.len() > old.len() / 2 {
            // Another would hold what this one does, and less than as much again.
            break;
        }
    }
    (longest.len() >= MIN_MOVED_BYTES).then_some(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes that no compressor makes shorter.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn novel_bytes(previous: &[u8], payload: &[u8]) -> usize {
        NoveltyMeter::default().novel_bytes(previous, payload)
    }

    #[test]
    fn a_copy_within_reach_is_not_new_and_one_beyond_it_is() {
        let turn = noise(1, 1000);
        let near = [turn.clone(), noise(2, MIN_REACH_BYTES - 2000)].concat();
        assert!(novel_bytes(&near, &[near.clone(), turn.clone()].concat()) < 30);
        let far = [turn.clone(), noise(2, MIN_REACH_BYTES + 2000)].concat();
        assert_eq!(novel_bytes(&far, &[far.clone(), turn].concat()), 1000);
        // A long change is looked for further back.
        let turn = noise(3, 40_000);
        let far = [turn.clone(), noise(4, 100_000)].concat();
        assert!(novel_bytes(&far, &[far.clone(), turn].concat()) < 100);
    }

    #[test]
    fn a_window_that_rolls_is_as_new_as_what_it_takes_up() {
        for length in [10_000, 200_000, 1_000_000, 5_000_000] {
            let body = noise(5, length);
            let before = [b"{\"step\":17,".as_slice(), &body].concat();
            let again = [b"{\"step\":18,".as_slice(), &body[2000..], &body[length - 1000..]].concat();
            let novel = novel_bytes(&before, &again);
            assert!(novel < 100, "{novel} of {length}");
            let ahead = [b"{\"step\":18,".as_slice(), &body[2000..], &noise(6, 1000)].concat();
            assert!((1000..1150).contains(&novel_bytes(&before, &ahead)), "{length}");
        }
    }

    #[test]
    fn a_predecessor_that_looks_like_a_dictionary_is_read_as_bytes() {
        let previous = [dictionary::ZDICT_MAGIC.as_slice(), &noise(7, 500)].concat();
        let payload = [previous.as_slice(), &previous[100..400]].concat();
        assert!(novel_bytes(&previous, &payload) < 20);
    }

    #[test]
    fn a_meter_gives_the_same_score_whatever_it_measured_before() {
        let meter = NoveltyMeter::default();
        let payloads = [noise(8, 300), vec![], noise(9, 100_000), b"again".repeat(300), noise(8, 301)];
        for previous in &payloads {
            for payload in &payloads {
                let fresh_context = novelty_score(Some(previous), payload);
                assert_eq!(meter.score(Some(previous), payload), fresh_context);
            }
        }
    }

    fn payload() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..2000),
            (prop::collection::vec(any::<u8>(), 1..20), 1_usize..200)
                .prop_map(|(unit, count)| unit.repeat(count)),
        ]
    }

    proptest! {
        #[test]
        fn equal_and_shortened_payloads_hold_nothing_new(payload in payload(), from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
            prop_assert_eq!(novelty_score(Some(&payload), &payload), Score::ZERO);
            let (from, to) = (from.index(payload.len() + 1), to.index(payload.len() + 1));
            let shortened = [&payload[..from.min(to)], &payload[from.max(to)..]].concat();
            prop_assert_eq!(novelty_score(Some(&payload), &shortened), Score::ZERO);
        }

        #[test]
        fn the_score_is_bounded_by_what_changed(previous in payload(), payload in payload()) {
            let prefix = previous.iter().zip(&payload).take_while(|(a, b)| a == b).count();
            let suffix = previous[prefix..].iter().rev().zip(payload[prefix..].iter().rev()).take_while(|(a, b)| a == b).count();
            let changed = payload.len() - prefix - suffix;
            let novel = novel_bytes(&previous, &payload);
            prop_assert!(novel <= changed && (novel > 0) == (changed > 0), "{novel} of {changed}");
            let score = novelty_score(Some(&previous), &payload).get();
            prop_assert!((score - novel as f64 / (novel as f64 + 256.0)).abs() < 1e-12);
        }

        #[test]
        fn more_noise_is_more_novel(before in payload(), seed in any::<u64>(), length in 1_usize..5000, more in 1_usize..5000) {
            let noise = noise(seed, length + more);
            let score = |length| novelty_score(Some(&before), &[&before, &noise[..length]].concat());
            // Every byte of it counts, but for the few that happen to match.
            let novel = novel_bytes(&before, &[&before, &noise[..length]].concat());
            prop_assert!(novel + 8 + length / 50 >= length, "{novel} of {length}");
            if more > 16 + length / 50 {
                prop_assert!(score(length + more) > score(length));
            }
        }

        #[test]
        fn what_is_there_already_is_hardly_new(before in prop::collection::vec(any::<u8>(), 100..5000), from in any::<prop::sample::Index>()) {
            let copied = &before[from.index(before.len())..];
            prop_assert!(novel_bytes(&before, &[&before, copied].concat()) <= 20);
        }

        #[test]
        fn what_stands_before_and_after_does_not_matter(inner in payload(), ahead in prop::collection::vec(any::<u8>(), 0..600), behind in prop::collection::vec(any::<u8>(), 0..600)) {
            // The change is noise, so nothing around it can help; framed by bytes that cannot join the common ends.
            let [left, right] = [[b"<".as_slice(), &inner, b">"].concat(), [b"(".as_slice(), &noise(3, 700), b")"].concat()];
            let around = |middle: &[u8]| [ahead.as_slice(), middle, &behind].concat();
            let (bare, framed) = (novel_bytes(&left, &right), novel_bytes(&around(&left), &around(&right)));
            prop_assert!(bare.abs_diff(framed) <= 16, "{bare} and {framed}");
        }

        #[test]
        fn common_ends_are_those_of_a_simple_model(left in payload(), cut in any::<prop::sample::Index>(), fresh in prop::collection::vec(any::<u8>(), 0..4)) {
            let cut = cut.index(left.len() + 1);
            let right = [&left[..cut], &fresh, &left[cut..]].concat();
            let prefix = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
            let suffix = left.iter().rev().zip(right.iter().rev()).take_while(|(a, b)| a == b).count();
            prop_assert_eq!((common_prefix(&left, &right), common_suffix(&left, &right)), (prefix, suffix));
        }
    }
}
