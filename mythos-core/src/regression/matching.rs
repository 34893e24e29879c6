//! Which clauses of one version of a rule book became which of another.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::text::Text;
use crate::types::ClauseId;

/// How clauses of one version belong to clauses of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MatchKind {
    /// The same id and the same text.
    Unchanged,
    /// The same id and another text.
    Edited,
    /// Another id and the same words.
    Renamed,
    /// Another id, and many of the same words.
    RenamedAndEdited,
    /// One became several.
    Split,
    /// Several became one.
    Merged,
}

/// Clauses that belong together, by their places in both versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClauseMatch {
    /// How.
    pub kind: MatchKind,
    /// The places in the older version, ascending; one, unless several were merged.
    pub old: Vec<u32>,
    /// The places in the newer version, ascending; one, unless one was split.
    pub new: Vec<u32>,
    /// Whether it stands elsewhere among those that are in both.
    pub is_moved: bool,
}

/// What became of the clauses of a rule book.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClauseMatches {
    /// What belongs together, in the order of the newer version.
    pub matches: Vec<ClauseMatch>,
    /// The places of clauses that are gone, in the older version.
    pub removed: Vec<u32>,
    /// The places of clauses that are new, in the newer version.
    pub added: Vec<u32>,
}

/// The most clauses of a version that is matched.
pub const MAX_MATCHED_CLAUSES: usize = crate::codex::MAX_CLAUSES;
/// The most pieces that one clause is split into, or merged from.
const MAX_PIECES: usize = 8;
/// How many words a shingle has (A. Broder, "On the resemblance and containment of documents", 1997).
const SHINGLE: usize = 3;
/// A shingle that stands in more clauses than these is boilerplate: it tells nothing, and would make time quadratic.
const MAX_POSTINGS: usize = 32;
/// The same id with less in common than this names another clause: it was given anew.
const LEAST_OF_SAME_ID: f64 = 0.05;
/// Clauses with other ids are one if their shingles have this much in common (Jaccard).
const LEAST_RESEMBLANCE: f64 = 0.4;
/// A clause is a piece of another if this much of it is in there.
const LEAST_CONTAINMENT: f64 = 0.6;

/// Matches the clauses of two versions: by id, then by equal words, then by how many shingles of three words they share.
///
/// Takes time proportional to the words of both versions, times at most 32 for words that stand in many clauses.
///
/// ```
/// use mythos_core::regression::{MatchKind, match_clauses};
///
/// let (one, two) = ("1".parse()?, "2".parse()?);
/// let old = [(&one, "Refunds are made within thirty days of purchase.")];
/// let new = [(&one, "Be kind to everyone, whatever they write."), (&two, "Refunds are made within 30 days of purchase")];
/// let found = match_clauses(&old, &new)?;
/// assert_eq!((found.matches[0].kind, &found.matches[0].new), (MatchKind::Renamed, &vec![1]));
/// assert_eq!(found.added, [0]);
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `old` or `new`, for more than [`MAX_MATCHED_CLAUSES`];
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if a version has an id twice.
pub fn match_clauses(old: &[(&ClauseId, &str)], new: &[(&ClauseId, &str)]) -> Result<ClauseMatches> {
    let (old, new) = (Version::read("old", old)?, Version::read("new", new)?);
    let mut matching = Matching::new(&old, &new);
    matching.by_id();
    matching.by_words();
    let shared = matching.shared();
    matching.by_resemblance(&shared);
    matching.by_containment(&shared);
    matching.by_id_alone();
    Ok(matching.finish())
}

/// The clauses of one version, read.
struct Version<'a> {
    ids: HashMap<&'a str, usize>,
    clauses: Vec<Read<'a>>,
}

struct Read<'a> {
    id: &'a str,
    text: &'a str,
    /// A number for its words: equal for equal ones.
    words: u64,
    /// The numbers of its shingles, ascending, each once.
    shingles: Vec<u64>,
}

impl<'a> Version<'a> {
    fn read(field: &'static str, clauses: &[(&'a ClauseId, &'a str)]) -> Result<Self> {
        if clauses.len() > MAX_MATCHED_CLAUSES {
            let message =
                format!("a version has at most {MAX_MATCHED_CLAUSES} clauses, not {}", clauses.len());
            return Err(Error::limit(field, message));
        }
        let mut ids = HashMap::new();
        for (place, (id, _)) in clauses.iter().enumerate() {
            if ids.insert(id.as_str(), place).is_some() {
                return Err(Error::invalid(field, format!("clause {id} is there twice")));
            }
        }
        let clauses = clauses.iter().map(|(id, text)| Read::new(id.as_str(), text)).collect();
        Ok(Self { ids, clauses })
    }
}

impl<'a> Read<'a> {
    fn new(id: &'a str, source: &'a str) -> Self {
        let text = Text::new(source);
        let words: Vec<_> = text.tokens().iter().map(|token| hash(text.normal(token).bytes())).collect();
        let numbers = |words: &[u64]| hash(words.iter().flat_map(|word| word.to_le_bytes()));
        let mut shingles: Vec<_> = match words.len() {
            0..SHINGLE => words.clone(),
            _ => words.windows(SHINGLE).map(numbers).collect(),
        };
        shingles.sort_unstable();
        shingles.dedup();
        Self { id, text: source, words: numbers(&words), shingles }
    }
}

/// FNV-1a, 64 bits: the same on every platform, so that the same clauses always match the same way.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Clauses that were found to belong together.
struct Group {
    old: Vec<usize>,
    new: Vec<usize>,
    /// Whether the words are equal: nothing can be a piece of it.
    is_whole: bool,
}

struct Matching<'a> {
    old: &'a Version<'a>,
    new: &'a Version<'a>,
    groups: Vec<Group>,
    /// The group of each clause, by its place.
    of_old: Vec<Option<usize>>,
    of_new: Vec<Option<usize>>,
}

impl<'a> Matching<'a> {
    fn new(old: &'a Version<'a>, new: &'a Version<'a>) -> Self {
        let (of_old, of_new) = (vec![None; old.clauses.len()], vec![None; new.clauses.len()]);
        Self { old, new, groups: Vec::new(), of_old, of_new }
    }

    fn pair(&mut self, old: usize, new: usize) {
        let is_whole = self.old.clauses[old].words == self.new.clauses[new].words;
        (self.of_old[old], self.of_new[new]) = (Some(self.groups.len()), Some(self.groups.len()));
        self.groups.push(Group { old: vec![old], new: vec![new], is_whole });
    }

    /// The same id, with something in common, or too short to tell.
    fn by_id(&mut self) {
        for (old, clause) in self.old.clauses.iter().enumerate() {
            let Some(new) = self.new.ids.get(clause.id).copied() else { continue };
            let other = &self.new.clauses[new];
            let is_short = clause.shingles.len().min(other.shingles.len()) <= SHINGLE;
            if is_short
                || resemblance(common(&clause.shingles, &other.shingles), clause, other) >= LEAST_OF_SAME_ID
            {
                self.pair(old, new);
            }
        }
    }

    /// The same words under another id: in their order, if several clauses have them.
    fn by_words(&mut self) {
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for (new, clause) in self.new.clauses.iter().enumerate().rev() {
            if self.of_new[new].is_none() {
                places.entry(clause.words).or_default().push(new);
            }
        }
        for (old, clause) in self.old.clauses.iter().enumerate() {
            if self.of_old[old].is_none()
                && let Some(new) = places.get_mut(&clause.words).and_then(Vec::pop)
            {
                self.pair(old, new);
            }
        }
    }

    /// How many shingles each two clauses share of which one has no match yet; those with boilerplate only are left out.
    fn shared(&self) -> BTreeMap<(usize, usize), usize> {
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for (new, clause) in self.new.clauses.iter().enumerate() {
            for shingle in &clause.shingles {
                let places = places.entry(*shingle).or_default();
                // One more says that there are too many.
                if places.len() <= MAX_POSTINGS {
                    places.push(new);
                }
            }
        }
        let mut shared = BTreeMap::new();
        for (old, clause) in self.old.clauses.iter().enumerate() {
            for shingle in &clause.shingles {
                let Some(places) = places.get(shingle).filter(|places| places.len() <= MAX_POSTINGS) else {
                    continue;
                };
                for new in places {
                    if self.of_old[old].is_none() || self.of_new[*new].is_none() {
                        *shared.entry((old, *new)).or_default() += 1;
                    }
                }
            }
        }
        shared
    }

    /// Other ids with much in common, those with most first.
    fn by_resemblance(&mut self, shared: &BTreeMap<(usize, usize), usize>) {
        let mut pairs: Vec<_> = shared
            .iter()
            .map(|((old, new), shared)| {
                (resemblance(*shared, &self.old.clauses[*old], &self.new.clauses[*new]), *old, *new)
            })
            .filter(|(alike, ..)| *alike >= LEAST_RESEMBLANCE)
            .collect();
        pairs.sort_by(|one, other| {
            other.0.total_cmp(&one.0).then_with(|| (one.1, one.2).cmp(&(other.1, other.2)))
        });
        for (_, old, new) in pairs {
            if self.of_old[old].is_none() && self.of_new[new].is_none() {
                self.pair(old, new);
            }
        }
    }

    /// What is left and stands within another clause is a piece of it.
    fn by_containment(&mut self, shared: &BTreeMap<(usize, usize), usize>) {
        let mut pieces = Vec::new();
        for ((old, new), shared) in shared {
            let part = |clause: &Read<'_>| *shared as f64 / clause.shingles.len().max(1) as f64;
            if self.of_new[*new].is_none() {
                pieces.push((part(&self.new.clauses[*new]), true, *old, *new));
            }
            if self.of_old[*old].is_none() {
                pieces.push((part(&self.old.clauses[*old]), false, *old, *new));
            }
        }
        pieces.retain(|(part, ..)| *part >= LEAST_CONTAINMENT);
        pieces.sort_by(|one, other| {
            other.0.total_cmp(&one.0).then_with(|| (one.2, one.3, one.1).cmp(&(other.2, other.3, other.1)))
        });
        for (_, is_new, old, new) in pieces {
            match (self.of_old[old], self.of_new[new]) {
                (None, None) => self.pair(old, new),
                (Some(group), None) if is_new => {
                    let pieces = &mut self.groups[group];
                    if !pieces.is_whole && pieces.old.len() == 1 && pieces.new.len() < MAX_PIECES {
                        pieces.new.push(new);
                        self.of_new[new] = Some(group);
                    }
                }
                (None, Some(group)) if !is_new => {
                    let pieces = &mut self.groups[group];
                    if !pieces.is_whole && pieces.new.len() == 1 && pieces.old.len() < MAX_PIECES {
                        pieces.old.push(old);
                        self.of_old[old] = Some(group);
                    }
                }
                _ => {}
            }
        }
    }

    /// The same id, and nothing in common with any clause: it was written anew.
    fn by_id_alone(&mut self) {
        for (old, clause) in self.old.clauses.iter().enumerate() {
            if self.of_old[old].is_none()
                && let Some(new) = self.new.ids.get(clause.id).copied()
                && self.of_new[new].is_none()
            {
                self.pair(old, new);
            }
        }
    }

    fn finish(self) -> ClauseMatches {
        let left = |of: &[Option<usize>]| -> Vec<u32> {
            of.iter().zip(0..).filter(|(group, _)| group.is_none()).map(|(_, place)| place).collect()
        };
        let (removed, added) = (left(&self.of_old), left(&self.of_new));
        let mut groups = self.groups;
        for group in &mut groups {
            group.old.sort_unstable();
            group.new.sort_unstable();
        }
        groups.sort_by_key(|group| group.new.first().copied());
        let firsts: Vec<_> =
            groups.iter().map(|group| group.old.first().copied().unwrap_or_default()).collect();
        let stays = longest_ascent(&firsts);
        let matches = groups.iter().zip(stays).map(|(group, stays)| {
            let (old, new) = (&self.old.clauses[group.old[0]], &self.new.clauses[group.new[0]]);
            let kind = match (group.old.len(), group.new.len(), old.id == new.id) {
                (1, 1, true) if old.text == new.text => MatchKind::Unchanged,
                (1, 1, true) => MatchKind::Edited,
                (1, 1, false) if old.words == new.words => MatchKind::Renamed,
                (1, 1, false) => MatchKind::RenamedAndEdited,
                (1, _, _) => MatchKind::Split,
                _ => MatchKind::Merged,
            };
            let places = |places: &[usize]| places.iter().map(|place| *place as u32).collect();
            ClauseMatch { kind, old: places(&group.old), new: places(&group.new), is_moved: !stays }
        });
        ClauseMatches { matches: matches.collect(), removed, added }
    }
}

/// The share of shingles that two clauses have in common, of all that they have (Jaccard).
fn resemblance(shared: usize, one: &Read<'_>, other: &Read<'_>) -> f64 {
    let all = one.shingles.len() + other.shingles.len() - shared;
    if all == 0 { 1.0 } else { shared as f64 / all as f64 }
}

/// How many numbers two ascending lists share.
fn common(one: &[u64], other: &[u64]) -> usize {
    let (mut one, mut other, mut count) = (one.iter().peekable(), other.iter().peekable(), 0);
    while let (Some(a), Some(b)) = (one.peek(), other.peek()) {
        match a.cmp(b) {
            std::cmp::Ordering::Less => drop(one.next()),
            std::cmp::Ordering::Greater => drop(other.next()),
            std::cmp::Ordering::Equal => {
                one.next();
                other.next();
                count += 1;
            }
        }
    }
    count
}

/// Which numbers are in one longest ascending subsequence: those that need not have moved. Takes time n log n (C. Schensted,
/// "Longest increasing and decreasing subsequences", 1961).
fn longest_ascent(numbers: &[usize]) -> Vec<bool> {
    let mut ends: Vec<usize> = Vec::new();
    let mut before = vec![None; numbers.len()];
    for (index, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before[index] = length.checked_sub(1).map(|shorter| ends[shorter]);
        if length == ends.len() {
            ends.push(index);
        } else {
            ends[length] = index;
        }
    }
    let mut stays = vec![false; numbers.len()];
    let mut at = ends.last().copied();
    while let Some(index) = at {
        stays[index] = true;
        at = before[index];
    }
    stays
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REFUND: &str = "Refunds are made within thirty days of purchase, to the card that was charged.";
    const RETURN: &str = "Goods are returned unused, in their box, at the cost of whoever bought them.";
    const TONE: &str =
        "Answer politely, in the language of the customer, and never promise what is not in stock.";

    fn matched(old: &[(&str, &str)], new: &[(&str, &str)]) -> ClauseMatches {
        let ids = |clauses: &[(&str, &str)]| {
            clauses.iter().map(|(id, _)| id.parse().unwrap()).collect::<Vec<ClauseId>>()
        };
        let (old_ids, new_ids) = (ids(old), ids(new));
        fn with<'a>(ids: &'a [ClauseId], clauses: &[(&str, &'a str)]) -> Vec<(&'a ClauseId, &'a str)> {
            ids.iter().zip(clauses).map(|(id, (_, text))| (id, *text)).collect()
        }
        match_clauses(&with(&old_ids, old), &with(&new_ids, new)).unwrap()
    }

    fn kinds(found: &ClauseMatches) -> Vec<(MatchKind, Vec<u32>, Vec<u32>, bool)> {
        found.matches.iter().map(|it| (it.kind, it.old.clone(), it.new.clone(), it.is_moved)).collect()
    }

    #[test]
    fn clauses_are_found_wherever_they_went() {
        let old = [("1", REFUND), ("2", RETURN), ("3", TONE)];
        let edited = REFUND.replace("thirty", "ninety");
        let found = matched(&old, &[("3", TONE), ("1", &edited), ("2", RETURN)]);
        let expected = [
            (MatchKind::Unchanged, vec![2], vec![0], true),
            (MatchKind::Edited, vec![0], vec![1], false),
            (MatchKind::Unchanged, vec![1], vec![2], false),
        ];
        assert_eq!(kinds(&found), expected);
        // A clause was put before them, and they were numbered anew.
        let law = "The law of the land comes before whatever else is written here.";
        let found = matched(&old, &[("1", law), ("2", &edited), ("3", RETURN), ("4", TONE)]);
        let expected = [
            (MatchKind::RenamedAndEdited, vec![0], vec![1], false),
            (MatchKind::Renamed, vec![1], vec![2], false),
            (MatchKind::Renamed, vec![2], vec![3], false),
        ];
        assert_eq!((kinds(&found), &found.added[..]), (expected.to_vec(), &[0][..]));
        // One that was written anew keeps its id.
        let found = matched(&old, &[("1", law), ("2", RETURN), ("3", TONE)]);
        assert_eq!(found.matches[0].kind, MatchKind::Edited);
        let found = matched(&old, &[("2", RETURN)]);
        assert_eq!((found.matches.len(), found.removed), (1, vec![0, 2]));
    }

    #[test]
    fn splits_and_merges_are_told() {
        let both = format!("{REFUND} {RETURN}");
        let split = matched(&[("a", &both), ("t", TONE)], &[("a", REFUND), ("b", RETURN), ("t", TONE)]);
        let expected =
            [(MatchKind::Split, vec![0], vec![0, 1], false), (MatchKind::Unchanged, vec![1], vec![2], false)];
        assert_eq!(kinds(&split), expected);
        let merged = matched(&[("a", REFUND), ("b", RETURN), ("t", TONE)], &[("c", &both), ("t", TONE)]);
        let expected = [
            (MatchKind::Merged, vec![0, 1], vec![0], false),
            (MatchKind::Unchanged, vec![2], vec![1], false),
        ];
        assert_eq!(kinds(&merged), expected);
        // A copy of a clause that stays is not a piece of it.
        let copied = matched(&[("a", REFUND)], &[("a", REFUND), ("b", REFUND)]);
        assert_eq!((copied.matches[0].kind, copied.added), (MatchKind::Unchanged, vec![1]));
    }

    #[test]
    fn boilerplate_does_not_match_and_ids_are_unique() {
        let clauses: Vec<_> =
            (0..100).map(|number| (format!("{number}"), format!("You must always {number} pay"))).collect();
        let old: Vec<_> = clauses.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
        assert_eq!(matched(&old, &[("x", "You must always smile at people")]).added, [0]);
        let id: ClauseId = "a".parse().unwrap();
        let twice = [(&id, "x"), (&id, "y")];
        assert_eq!(match_clauses(&twice, &[]).unwrap_err().field(), Some("old"));
        let many = vec![(&id, ""); MAX_MATCHED_CLAUSES + 1];
        assert_eq!(match_clauses(&[], &many).unwrap_err().field(), Some("new"));
    }

    proptest! {
        #[test]
        fn every_clause_is_in_one_place(
            old in proptest::collection::vec((0..12_u8, "([a-d] ){0,12}"), 0..12),
            new in proptest::collection::vec((0..12_u8, "([a-d] ){0,12}"), 0..12),
        ) {
            let distinct = |clauses: Vec<(u8, String)>| -> Vec<(String, String)> {
                clauses.into_iter().collect::<BTreeMap<_, _>>().into_iter()
                    .map(|(id, text)| (id.to_string(), text)).collect()
            };
            let (old, new) = (distinct(old), distinct(new));
            let as_str = |clauses: &[(String, String)]| -> Vec<(String, String)> { clauses.to_vec() };
            let (one, other) = (as_str(&old), as_str(&new));
            let one: Vec<_> = one.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
            let other: Vec<_> = other.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
            let found = matched(&one, &other);
            let mut of_old: Vec<_> = found.matches.iter().flat_map(|it| it.old.clone()).chain(found.removed).collect();
            let mut of_new: Vec<_> = found.matches.iter().flat_map(|it| it.new.clone()).chain(found.added).collect();
            of_old.sort_unstable();
            of_new.sort_unstable();
            prop_assert_eq!(of_old, (0..old.len() as u32).collect::<Vec<_>>());
            prop_assert_eq!(of_new, (0..new.len() as u32).collect::<Vec<_>>());
            let same = matched(&one, &one);
            prop_assert!(same.matches.iter().all(|it| it.kind == MatchKind::Unchanged && !it.is_moved));
            prop_assert_eq!(same.matches.len(), one.len());
        }
    }
}
