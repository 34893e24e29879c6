//! A diff whose time is bounded.

use std::collections::HashMap;
use std::ops::Range;

use imara_diff::{Algorithm, Diff, NoSliderHeuristic};

use super::compare::Hunk;

/// The most symbols of either side that are compared at once. The time of that is quadratic where all differs.
const MAX_PIECE: usize = 2_048;

/// So many symbols in a row are a stretch that two texts can be aligned at.
const STRETCH: usize = 3;

/// Where two sequences of symbols differ, in order.
pub(super) fn hunks(old: &[u32], new: &[u32]) -> Vec<Hunk> {
    let mut found = Vec::new();
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old.get(prefix..).unwrap_or_default(), new.get(prefix..).unwrap_or_default());
    let suffix = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let whole = (prefix..old.len() - suffix, prefix..new.len() - suffix);
    if whole.0.len().max(whole.1.len()) <= MAX_PIECE {
        // As it is: what is alike at both ends helps to place what is not.
        if old.len().max(new.len()) <= MAX_PIECE {
            compare(old, new, (0..old.len(), 0..new.len()), &mut found);
        } else {
            compare(old, new, whole, &mut found);
        }
        return found;
    }
    let (mut old_at, mut new_at) = (whole.0.start, whole.1.start);
    for (old_anchor, new_anchor) in anchors(old, new, &whole) {
        // A stretch reaches over the next anchor where they follow one another.
        if old_anchor < old_at || new_anchor < new_at {
            continue;
        }
        compare_in_pieces(old, new, (old_at..old_anchor, new_at..new_anchor), &mut found);
        (old_at, new_at) = (old_anchor + STRETCH, new_anchor + STRETCH);
    }
    compare_in_pieces(old, new, (old_at..whole.0.end, new_at..whole.1.end), &mut found);
    found
}

/// Where stretches stand that both sides have exactly once, the longest row of them that ascends on both sides.
fn anchors(old: &[u32], new: &[u32], within: &(Range<usize>, Range<usize>)) -> Vec<(usize, usize)> {
    #[derive(Default)]
    struct Places {
        old: Option<usize>,
        new: Option<usize>,
        is_repeated: bool,
    }
    let mut stretches: HashMap<&[u32], Places> = HashMap::new();
    let (old_part, new_part) =
        (old.get(within.0.clone()).unwrap_or_default(), new.get(within.1.clone()).unwrap_or_default());
    for (at, stretch) in old_part.windows(STRETCH).enumerate() {
        let places = stretches.entry(stretch).or_default();
        places.is_repeated |= places.old.replace(within.0.start + at).is_some();
    }
    for (at, stretch) in new_part.windows(STRETCH).enumerate() {
        if let Some(places) = stretches.get_mut(stretch) {
            places.is_repeated |= places.new.replace(within.1.start + at).is_some();
        }
    }
    let mut pairs: Vec<_> = stretches
        .into_values()
        .filter(|places| !places.is_repeated)
        .filter_map(|places| Some((places.old?, places.new?)))
        .collect();
    pairs.sort_unstable();
    longest_ascent(&pairs)
}

/// The longest part of pairs, ascending in their first, that ascends in their second as well: patience sorting (M. Fredman,
/// "On computing the length of longest increasing subsequences", 1975).
fn longest_ascent(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // The last pair of the best ascent of each length, and before each pair the one that it follows.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    let second = |index: usize| pairs.get(index).map_or(0, |pair| pair.1);
    for (index, (_, at)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| second(*end) < *at);
        before.push(length.checked_sub(1).and_then(|last| ends.get(last).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut found = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(index) = next {
        found.extend(pairs.get(index));
        next = before.get(index).copied().flatten();
    }
    found.reverse();
    found
}

/// Compares two ranges, cut into as many pieces of each as are small enough.
fn compare_in_pieces(
    old: &[u32],
    new: &[u32],
    (old_range, new_range): (Range<usize>, Range<usize>),
    found: &mut Vec<Hunk>,
) {
    let pieces = old_range.len().max(new_range.len()).div_ceil(MAX_PIECE);
    let cut = |range: &Range<usize>, piece: usize| range.start + range.len() * piece / pieces.max(1);
    for piece in 0..pieces {
        let part = |range: &Range<usize>| cut(range, piece)..cut(range, piece + 1);
        compare(old, new, (part(&old_range), part(&new_range)), found);
    }
}

/// Compares two ranges that are small enough.
fn compare(
    old: &[u32],
    new: &[u32],
    (old_range, new_range): (Range<usize>, Range<usize>),
    found: &mut Vec<Hunk>,
) {
    let mut push = |hunk: Hunk| match found.last_mut() {
        // What two pieces have at their common edge is one place.
        Some(last) if last.old.end == hunk.old.start && last.new.end == hunk.new.start => {
            last.old.end = hunk.old.end;
            last.new.end = hunk.new.end;
        }
        _ => found.push(hunk),
    };
    if old_range.is_empty() || new_range.is_empty() {
        if !(old_range.is_empty() && new_range.is_empty()) {
            push(Hunk { old: old_range, new: new_range });
        }
        return;
    }
    // The symbols are numbered anew, since the diff holds a place for each number.
    let mut numbers = HashMap::new();
    let mut number = |symbols: &[u32]| -> Vec<imara_diff::Token> {
        let mut of = |symbol: u32| {
            let next = numbers.len() as u32;
            imara_diff::Token(*numbers.entry(symbol).or_insert(next))
        };
        symbols.iter().map(|symbol| of(*symbol)).collect()
    };
    let before = number(old.get(old_range.clone()).unwrap_or_default());
    let after = number(new.get(new_range.clone()).unwrap_or_default());
    let mut diff = Diff::default();
    diff.compute_with(Algorithm::Myers, &before, &after, numbers.len() as u32);
    diff.postprocess_with(&before, &after, NoSliderHeuristic);
    for hunk in diff.hunks() {
        let place =
            |range: Range<u32>, start: usize| start + range.start as usize..start + range.end as usize;
        push(Hunk { old: place(hunk.before, old_range.start), new: place(hunk.after, new_range.start) });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Makes the newer sequence out of the older one and the hunks.
    fn apply(old: &[u32], new: &[u32], hunks: &[Hunk]) -> Vec<u32> {
        let (mut made, mut at) = (Vec::new(), 0);
        for hunk in hunks {
            made.extend_from_slice(&old[at..hunk.old.start]);
            assert_eq!(made.len(), hunk.new.start, "what lies between hunks is as long on both sides");
            made.extend_from_slice(&new[hunk.new.clone()]);
            at = hunk.old.end;
        }
        made.extend_from_slice(&old[at..]);
        made
    }

    #[test]
    fn long_sequences_are_aligned_at_what_both_have_once() {
        let old: Vec<u32> = (0..20_000).collect();
        let mut new = old.clone();
        new.splice(9_000..9_000, 50_000..60_000);
        new.remove(25_000);
        let hunks = hunks(&old, &new);
        assert_eq!(apply(&old, &new, &hunks), new);
        assert_eq!(hunks.len(), 2, "{hunks:?}");
        assert_eq!(hunks[0], Hunk { old: 9_000..9_000, new: 9_000..19_000 });
    }

    #[test]
    fn long_sequences_without_anything_to_align_at_are_compared_in_pieces() {
        let old: Vec<u32> = (0..30_000).map(|at| at % 2).collect();
        let new: Vec<u32> = (0..30_000).map(|at| (at / 3) % 2).collect();
        assert_eq!(apply(&old, &new, &hunks(&old, &new)), new);
    }

    proptest! {
        #[test]
        fn hunks_lead_from_the_older_to_the_newer(
            old in prop::collection::vec(0_u32..6, 0..60),
            new in prop::collection::vec(0_u32..6, 0..60),
        ) {
            let hunks = hunks(&old, &new);
            prop_assert_eq!(apply(&old, &new, &hunks), new.clone());
            for hunk in &hunks {
                prop_assert!(!hunk.old.is_empty() || !hunk.new.is_empty());
            }
        }

        #[test]
        fn long_ones_do_so_too(seed in 0_u64..1_000, kinds in 2_u32..2_000) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u32 % kinds
            };
            let old: Vec<u32> = (0..5_000).map(|_| next()).collect();
            let mut new = old.clone();
            for _ in 0..40 {
                let at = next() as usize % new.len();
                let symbol = next();
                new.insert(at, symbol);
                new.remove(next() as usize % 4_000);
            }
            prop_assert_eq!(apply(&old, &new, &hunks(&old, &new)), new);
        }
    }
}
