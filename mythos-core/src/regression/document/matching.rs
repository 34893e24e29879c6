//! Which segments of two versions of a document are the same ones.
//!
//! First those of an equal normal form, then the most alike by the sets of their words, wherever they stand; what is left
//! beside a match and contained in its other side was split off or merged in. Each segment is compared with a bounded number of
//! others, so that the time grows as the documents do, but for a sort.

use std::collections::HashMap;
use std::ops::Range;

use crate::text::Text;

/// A word that more segments than this have tells nothing of which segment became which.
const MAX_POSTINGS: usize = 64;

/// So many segments, of those that share the most words, are compared with one.
const MAX_CANDIDATES: usize = 8;

/// So many places before and behind the same place of a gap are compared.
const REACH: usize = 2;

/// Sørensen–Dice coefficients (T. Sørensen, 1948) of the sets of words from which two segments are the same: anywhere, and
/// between the same unchanged neighbours. Set by hand; benches/guard does not measure them.
const ALIKE_ANYWHERE: f64 = 0.5;
const ALIKE_IN_PLACE: f64 = 0.3;

/// From this share of its words on, a segment is contained in another.
const CONTAINED: f64 = 0.8;

/// A segment as far as it is matched.
pub(super) struct Words {
    /// A number for its normal form, the same in both documents.
    whole: u32,
    /// Numbers of its words, ascending, each once.
    set: Vec<u32>,
}

/// Numbers normal forms.
#[derive(Default)]
pub(super) struct Names {
    words: HashMap<String, u32>,
    wholes: HashMap<Vec<u32>, u32>,
}

impl Names {
    /// Reads a segment; none if it has no words.
    pub(super) fn read(&mut self, source: &str) -> Option<Words> {
        let text = Text::new(source);
        let mut all = Vec::with_capacity(text.tokens().len());
        for token in text.tokens() {
            let (name, next) = (text.normal(token), self.words.len() as u32);
            all.push(match self.words.get(name) {
                Some(number) => *number,
                None => *self.words.entry(name.to_owned()).or_insert(next),
            });
        }
        if all.is_empty() {
            return None;
        }
        let mut set = all.clone();
        set.sort_unstable();
        set.dedup();
        let next = self.wholes.len() as u32;
        Some(Words { whole: *self.wholes.entry(all).or_insert(next), set })
    }
}

/// Segments that are the same: neighbours, where one was split or several merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
    /// Whether it stands at another place among the others.
    pub(super) is_moved: bool,
}

/// The matches, ascending by the newer document. Each segment is in one at the most.
pub(super) fn matches(old: &[Words], new: &[Words]) -> Vec<Match> {
    let mut state = State { to_new: vec![None; old.len()], to_old: vec![None; new.len()] };
    state.match_equal(old, new);
    state.match_alike(old, new);
    let mut found = state.matches();
    join_contained(&mut found, old, new);
    mark_moved(&mut found);
    found
}

struct State {
    /// The match of each older segment.
    to_new: Vec<Option<usize>>,
    to_old: Vec<Option<usize>>,
}

impl State {
    fn link(&mut self, old: usize, new: usize) {
        if let (Some(to_new @ None), Some(to_old @ None)) =
            (self.to_new.get_mut(old), self.to_old.get_mut(new))
        {
            (*to_new, *to_old) = (Some(new), Some(old));
        }
    }

    /// Those of an equal normal form: from both ends first, then the first of the one with the first of the other.
    fn match_equal(&mut self, old: &[Words], new: &[Words]) {
        let prefix = old.iter().zip(new).take_while(|(a, b)| a.whole == b.whole).count();
        let rest = old.len().min(new.len()) - prefix;
        let suffix =
            old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a.whole == b.whole).count();
        for place in 0..prefix {
            self.link(place, place);
        }
        for place in 1..=suffix {
            self.link(old.len() - place, new.len() - place);
        }
        let mut places: HashMap<u32, Vec<usize>> = HashMap::new();
        for (place, words) in old.iter().enumerate().take(old.len() - suffix).skip(prefix).rev() {
            places.entry(words.whole).or_default().push(place);
        }
        for (place, words) in new.iter().enumerate().take(new.len() - suffix).skip(prefix) {
            if let Some(first) = places.get_mut(&words.whole).and_then(Vec::pop) {
                self.link(first, place);
            }
        }
    }

    /// Those whose words are alike, the most alike first.
    fn match_alike(&mut self, old: &[Words], new: &[Words]) {
        let (old_gaps, new_gaps) = self.gaps();
        let free = |links: &[Option<usize>]| -> Vec<usize> {
            links.iter().enumerate().filter(|(_, link)| link.is_none()).map(|(place, _)| place).collect()
        };
        let (old_free, new_free) = (free(&self.to_new), free(&self.to_old));
        let mut postings: HashMap<u32, Vec<usize>> = HashMap::new();
        let mut in_gap: HashMap<usize, Vec<usize>> = HashMap::new();
        for place in &old_free {
            for word in old.get(*place).map(|words| words.set.as_slice()).unwrap_or_default() {
                let places = postings.entry(*word).or_default();
                if places.len() <= MAX_POSTINGS {
                    places.push(*place);
                }
            }
            in_gap.entry(old_gaps.get(*place).copied().unwrap_or_default()).or_default().push(*place);
        }
        let mut scored: Vec<(f64, usize, usize)> = Vec::new();
        let mut shared: HashMap<usize, usize> = HashMap::new();
        let (mut last_gap, mut place_in_gap) = (None, 0_usize);
        for place in new_free {
            let Some(words) = new.get(place) else { continue };
            let gap = new_gaps.get(place).copied().unwrap_or_default();
            place_in_gap = if last_gap == Some(gap) { place_in_gap + 1 } else { 0 };
            last_gap = Some(gap);
            shared.clear();
            let rare = words.set.iter().filter_map(|word| postings.get(word));
            for other in rare.filter(|places| places.len() <= MAX_POSTINGS).flatten() {
                *shared.entry(*other).or_default() += 1;
            }
            let mut candidates: Vec<_> = shared.iter().map(|(other, count)| (*count, *other)).collect();
            candidates.sort_unstable_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
            candidates.truncate(MAX_CANDIDATES);
            let mut candidates: Vec<_> = candidates.into_iter().map(|(_, other)| other).collect();
            let near = in_gap.get(&gap).map(Vec::as_slice).unwrap_or_default();
            candidates.extend(near.iter().skip(place_in_gap.saturating_sub(REACH)).take(2 * REACH + 1));
            candidates.sort_unstable();
            candidates.dedup();
            for other in candidates {
                let Some(candidate) = old.get(other) else { continue };
                let is_in_place = old_gaps.get(other) == Some(&gap);
                let least = if is_in_place { ALIKE_IN_PLACE } else { ALIKE_ANYWHERE };
                let score = alike(&candidate.set, &words.set, least);
                if score >= least {
                    // What stays in its place is preferred to what is just as alike elsewhere.
                    scored.push((score + if is_in_place { 0.05 } else { 0.0 }, other, place));
                }
            }
        }
        scored.sort_by(|one, other| other.0.total_cmp(&one.0).then((one.1, one.2).cmp(&(other.1, other.2))));
        for (_, other, place) in scored {
            self.link(other, place);
        }
    }

    /// Between which matches that kept their order each segment stands: how many of them are before it.
    fn gaps(&self) -> (Vec<usize>, Vec<usize>) {
        let pairs: Vec<(usize, usize)> =
            self.to_new.iter().enumerate().filter_map(|(old, new)| Some((old, (*new)?))).collect();
        let kept = longest_ascent(&pairs);
        let count = |length: usize, anchors: &mut dyn Iterator<Item = usize>| {
            let mut gaps = vec![0; length];
            for anchor in anchors {
                if let Some(gap) = gaps.get_mut(anchor) {
                    *gap = 1;
                }
            }
            let mut before = 0;
            for gap in &mut gaps {
                before += *gap;
                *gap = before;
            }
            gaps
        };
        (
            count(self.to_new.len(), &mut kept.iter().map(|pair| pair.0)),
            count(self.to_old.len(), &mut kept.iter().map(|pair| pair.1)),
        )
    }

    fn matches(&self) -> Vec<Match> {
        let links = self.to_old.iter().enumerate().filter_map(|(new, old)| Some(((*old)?, new)));
        links.map(|(old, new)| Match { old: old..old + 1, new: new..new + 1, is_moved: false }).collect()
    }
}

/// The Dice coefficient of two ascending sets; 0 if their sizes alone keep it below `least`.
fn alike(one: &[u32], other: &[u32], least: f64) -> f64 {
    let (all, smaller) = ((one.len() + other.len()) as f64, one.len().min(other.len()) as f64);
    if 2.0 * smaller < least * all {
        return 0.0;
    }
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    let mut shared = 0_u32;
    while let (Some(a), Some(b)) = (one.peek(), other.peek()) {
        let order = a.cmp(b);
        shared += u32::from(order.is_eq());
        if order.is_le() {
            one.next();
        }
        if order.is_ge() {
            other.next();
        }
    }
    2.0 * f64::from(shared) / all
}

/// Adds to a match the free neighbours of its one side that its other side contains, and that the one side does not contain
/// already.
fn join_contained(found: &mut [Match], old: &[Words], new: &[Words]) {
    let mut is_taken = (vec![false; old.len()], vec![false; new.len()]);
    for one in found.iter() {
        for (taken, range) in [(&mut is_taken.0, &one.old), (&mut is_taken.1, &one.new)] {
            taken.get_mut(range.clone()).into_iter().flatten().for_each(|taken| *taken = true);
        }
    }
    for one in found.iter_mut() {
        let (own, other) = (one.old.start, one.new.start);
        one.old = grown(own, old, new.get(other), &mut is_taken.0);
        // Many to many is no split and no merge.
        if one.old.len() == 1 {
            one.new = grown(other, new, old.get(own), &mut is_taken.1);
        }
    }
}

fn grown(place: usize, own: &[Words], other: Option<&Words>, is_taken: &mut [bool]) -> Range<usize> {
    let mut range = place..place + 1;
    let (Some(first), Some(other)) = (own.get(place), other) else { return range };
    if first.whole == other.whole {
        return range;
    }
    let belongs = |words: &Words| {
        let share = |words: &[u32]| {
            let count = words.iter().filter(|word| other.set.binary_search(word).is_ok()).count();
            count as f64 >= CONTAINED * words.len() as f64
        };
        let fresh: Vec<u32> =
            words.set.iter().copied().filter(|word| first.set.binary_search(word).is_err()).collect();
        !fresh.is_empty() && share(&fresh) && share(&words.set)
    };
    let mut take = |index: usize| match (is_taken.get_mut(index), own.get(index)) {
        (Some(taken @ false), Some(words)) if belongs(words) => {
            *taken = true;
            true
        }
        _ => false,
    };
    while take(range.end) {
        range.end += 1;
    }
    while range.start > 0 && take(range.start - 1) {
        range.start -= 1;
    }
    range
}

/// Marks those that are not part of the longest row that kept its order.
fn mark_moved(found: &mut [Match]) {
    let pairs: Vec<_> = found.iter().map(|one| (one.new.start, one.old.start)).collect();
    let mut kept = longest_ascent(&pairs).into_iter().peekable();
    for (one, pair) in found.iter_mut().zip(&pairs) {
        one.is_moved = kept.next_if_eq(pair).is_none();
    }
}

/// The longest part of pairs, ascending in their first, that ascends in their second as well: patience sorting (M. Fredman,
/// "On computing the length of longest increasing subsequences", 1975).
fn longest_ascent(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matched(old: &[&str], new: &[&str]) -> Vec<(Range<usize>, Range<usize>, bool)> {
        let mut names = Names::default();
        let mut read = |parts: &[&str]| -> Vec<Words> {
            parts.iter().map(|part| names.read(part).expect("words")).collect()
        };
        let (old, new) = (read(old), read(new));
        matches(&old, &new).into_iter().map(|one| (one.old, one.new, one.is_moved)).collect()
    }

    #[test]
    fn what_changed_in_its_place_is_matched() {
        let found = matched(
            &["Scope", "You must pay within 30 days.", "Be kind."],
            &["Scope", "You may pay within 90 days.", "Be kind."],
        );
        assert_eq!(found, [(0..1, 0..1, false), (1..2, 1..2, false), (2..3, 2..3, false)]);
    }

    #[test]
    fn what_was_moved_is_matched_also_when_it_was_changed() {
        let found = matched(
            &["You must never share a password.", "Answer in English.", "Cite every source that you use."],
            &["Answer in English.", "Cite every source that you use.", "You must never share any password."],
        );
        assert_eq!(found, [(1..2, 0..1, false), (2..3, 1..2, false), (0..1, 2..3, true)]);
    }

    #[test]
    fn what_has_nothing_in_common_is_not_matched() {
        assert!(matched(&["You must pay at once."], &["Cookies track visitors anonymously."]).is_empty());
    }

    #[test]
    fn a_split_and_a_merge_are_one_match() {
        let whole = "Keep answers short and clear. Cite the source of every claim.";
        let parts = ["Keep answers short and clear.", "Cite the source of every claim."];
        assert_eq!(matched(&[whole], &parts), [(0..1, 0..2, false)]);
        assert_eq!(matched(&parts, &[whole]), [(0..2, 0..1, false)]);
    }

    #[test]
    fn a_repeated_part_is_lost_once() {
        let found = matched(&["Be kind.", "Be kind.", "End."], &["Be kind.", "End."]);
        assert_eq!(found, [(0..1, 0..1, false), (2..3, 1..2, false)]);
    }

    proptest! {
        #[test]
        fn each_segment_is_matched_once_and_equal_ones_first(
            old in prop::collection::vec("[abc]( [abcd]){0,3}", 0..12),
            new in prop::collection::vec("[abc]( [abcd]){0,3}", 0..12),
        ) {
            let mut names = Names::default();
            let mut read = |parts: &[String]| -> Vec<Words> {
                parts.iter().filter_map(|part| names.read(part)).collect()
            };
            let (old, new) = (read(&old), read(&new));
            let found = matches(&old, &new);
            let (mut olds, mut news): (Vec<_>, Vec<_>) =
                (found.iter().flat_map(|one| one.old.clone()).collect(), found.iter().flat_map(|one| one.new.clone()).collect());
            let counts = (olds.len(), news.len());
            olds.sort_unstable();
            olds.dedup();
            news.sort_unstable();
            news.dedup();
            prop_assert_eq!((olds.len(), news.len()), counts);
            let same = matches(&old, &old);
            prop_assert!(same.iter().all(|one| one.old == one.new && !one.is_moved));
            prop_assert_eq!(same.len(), old.len());
        }
    }
}
