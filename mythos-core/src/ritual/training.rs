//! Chooses the dictionary that saves an assistant's states the most bytes, or none.
//!
//! A dictionary is measured on what it is for: the bytes of all the assistant's whole payloads compressed with it, and
//! its own, which are stored twice. Two kinds of whole are told apart, for a dictionary serves better the states it
//! was made of than others:
//!
//! - those of the sampled rituals. They are compressed with the very candidate: what of them stands in the dictionary
//!   has been paid for there, so this is no illusion;
//! - those of rituals that were not sampled, or are yet to come. For them the samples are split in two: what the recipe
//!   makes of one half is measured on the other (two-fold cross-validation). A recipe that learns its samples by heart
//!   gains nothing here.
//!
//! The work is bounded by [`TrainingOptions::sample_bytes`] and [`SCORED_BYTES`], and deterministic.

mod candidates;
#[cfg(test)]
mod tests;

use self::candidates::{Piece, Recipe, Source, take_evenly};
use super::dictionary::{Dictionary, DictionaryKind, Effort, MAX_DICTIONARY_BYTES, pack};
use crate::error::Result;

/// How many wholes each ritual keeps: its newest state and the one before.
pub(crate) const WHOLES_PER_RITUAL: u64 = 2;

/// How many bytes of samples are compressed to measure a candidate; level 19 does about 3 MB a second.
const SCORED_BYTES: usize = 1 << 20;

/// How often a dictionary is stored: one copy could be damaged, and every whole with it.
const COPIES: u64 = 2;

/// What a dictionary costs beside its content: its record, and the heads of its two cells.
const RECORD_BYTES: u64 = 1024;

/// A dictionary is worth its trouble if it saves one byte of so many.
const MIN_SAVING: u64 = 20;

/// A dictionary replaces another if it saves one byte of so many: every whole must be written anew.
const MIN_REPLACEMENT_SAVING: u64 = 10;

/// And if it saves at least so many bytes, about what a commit writes anyway.
const MIN_REPLACEMENT_BYTES: u64 = 4096;

/// Target sizes for zstd's trainer; 112 KiB is the default of its command line.
const ZDICT_BYTES: [usize; 4] = [4 << 10, 16 << 10, 64 << 10, 112 << 10];

/// The limits tried for chosen pieces, up to [`TrainingOptions::max_bytes`], which is tried too.
const PIECES_BYTES: [usize; 8] =
    [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 96 << 10, 128 << 10, 192 << 10];

/// What bounds the search, and what the dictionary is for.
#[derive(Debug, Clone)]
pub(crate) struct TrainingOptions {
    /// How many whole payloads the assistant will hold.
    pub(crate) wholes: u64,
    /// The longest content, at most [`MAX_DICTIONARY_BYTES`]. Longer samples are cut to it.
    pub(crate) max_bytes: usize,
    /// How many bytes of samples are looked at; of more, every so many-th sample is.
    pub(crate) sample_bytes: usize,
}

impl TrainingOptions {
    /// The defaults, for an assistant that will hold `wholes`.
    pub(crate) fn new(wholes: u64) -> Self {
        // 256 KiB: states of a few tens of KiB copy the prepared tables, whose size is in proportion, at each save.
        // 4 MiB: hundreds of states of common size; more of them hardly change what is chosen.
        Self { wholes, max_bytes: 256 << 10, sample_bytes: 4 << 20 }
    }
}

/// A dictionary that earns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trained {
    /// What [`Dictionary::new`] takes.
    pub(crate) content: Vec<u8>,
    /// What the content is.
    pub(crate) kind: DictionaryKind,
    /// The estimated bytes of all wholes at level 19, without a dictionary.
    pub(crate) bytes_without: u64,
    /// The same with this one, and the bytes of its own two copies and record.
    pub(crate) bytes_with: u64,
}

/// The dictionary that saves the most bytes, or `None` if none saves enough.
///
/// `samples` are whole payloads of one assistant, best the newest of different rituals, in any order that does not
/// change from call to call.
///
/// # Errors
/// `Internal` if zstd has no memory.
pub(crate) fn train(samples: &[&[u8]], options: &TrainingOptions) -> Result<Option<Trained>> {
    let bounds = Bounds::of(options);
    let samples = bounds.sample(samples);
    if samples.len() < 2 {
        return Ok(None);
    }
    let (even, odd) = split(&samples);
    let sources = [samples.clone(), even, odd].map(|samples| Source::new(samples, bounds.max_bytes));
    let scale = Scale::new(&samples, options.wholes);

    // The hot level ranks candidates as level 19 does but for near ties, at a fiftieth of the cost. So it picks three,
    // then the best two of these and of the same with entropy tables; between those, level 19 decides.
    let mut ranked = Vec::new();
    for recipe in recipes(&sources[0], bounds.max_bytes) {
        ranked.push(scale.measure(recipe, &sources, Effort::Hot)?);
    }
    keep_best(&mut ranked, 3);
    for index in 0..ranked.len() {
        if let Recipe::Pieces { piece, bytes, tables: false } = ranked[index].recipe {
            let recipe = Recipe::Pieces { piece, bytes, tables: true };
            ranked.push(scale.measure(recipe, &sources, Effort::Hot)?);
        }
    }
    keep_best(&mut ranked, 2);
    let mut measured = Vec::new();
    for candidate in ranked {
        measured.push(scale.measure(candidate.recipe, &sources, Effort::Compacted)?);
    }
    keep_best(&mut measured, 1);

    let bytes_without = scale.without_dictionary()?;
    Ok(measured
        .pop()
        .filter(|best| !best.content.is_empty() && saves(bytes_without, best.bytes, MIN_SAVING))
        .map(|Candidate { content, bytes: bytes_with, .. }| {
            let kind = DictionaryKind::of(&content);
            Trained { content, kind, bytes_without, bytes_with }
        }))
}

/// Whether `new` is worth writing every whole anew that `old` compressed: if it leaves nine tenths of the bytes or
/// less, and saves at least 4 KiB. `samples` and `options` are those that `new` was trained with; for `old`, trained
/// before them, they are fresh.
///
/// # Errors
/// `Internal` if zstd has no memory.
pub(crate) fn earns_replacement(
    old: &Dictionary,
    new: &Trained,
    samples: &[&[u8]],
    options: &TrainingOptions,
) -> Result<bool> {
    let samples = Bounds::of(options).sample(samples);
    if samples.is_empty() {
        return Ok(false);
    }
    let scale = Scale::new(&samples, options.wholes);
    let compressed = compressed_bytes(&scale.scored(), old, Effort::Compacted)?;
    let bytes_with_old = scale.to(scale.wholes, compressed) + stored_bytes(old.content())?;
    Ok(saves(bytes_with_old, new.bytes_with, MIN_REPLACEMENT_SAVING)
        && bytes_with_old - new.bytes_with >= MIN_REPLACEMENT_BYTES)
}

/// The recipes worth measuring: a size that yields no more than the one below it is left out.
fn recipes(source: &Source<'_>, max_bytes: usize) -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = ZDICT_BYTES
        .into_iter()
        .filter(|bytes| *bytes <= max_bytes)
        .map(|bytes| Recipe::Zdict { bytes })
        .collect();
    for piece in Piece::ALL {
        let mut longest = 0;
        for bytes in PIECES_BYTES.into_iter().filter(|bytes| *bytes < max_bytes).chain([max_bytes]) {
            let recipe = Recipe::Pieces { piece, bytes, tables: false };
            let length = source.make(recipe).len();
            if length > longest {
                longest = length;
                recipes.push(recipe);
            }
        }
    }
    recipes
}

/// A candidate and the bytes that all wholes, and it, are estimated to take.
struct Candidate {
    recipe: Recipe,
    content: Vec<u8>,
    bytes: u64,
}

/// The first of equals stays, so that the outcome does not depend on how a sort treats them.
fn keep_best(candidates: &mut Vec<Candidate>, count: usize) {
    candidates.sort_by_key(|candidate| candidate.bytes);
    candidates.truncate(count);
}

/// The limits of a search, made consistent with each other.
struct Bounds {
    max_bytes: usize,
    sample_bytes: usize,
}

impl Bounds {
    fn of(options: &TrainingOptions) -> Self {
        /// Of one state alone nothing can be learnt, however long it is.
        const MIN_SAMPLES: usize = 8;
        let max_bytes = options.max_bytes.min(MAX_DICTIONARY_BYTES);
        Self {
            max_bytes: max_bytes.min(options.sample_bytes / MIN_SAMPLES),
            sample_bytes: options.sample_bytes,
        }
    }

    /// Cuts long samples, and leaves out evenly what is more than the budget.
    fn sample<'a>(&self, samples: &[&'a [u8]]) -> Vec<&'a [u8]> {
        let cut: Vec<&[u8]> = samples
            .iter()
            .map(|sample| &sample[..sample.len().min(self.max_bytes)])
            .filter(|sample| !sample.is_empty())
            .collect();
        take_evenly(&cut, self.sample_bytes)
    }
}

/// The samples at even and at odd places.
fn split<'a>(samples: &[&'a [u8]]) -> (Vec<&'a [u8]>, Vec<&'a [u8]>) {
    (samples.iter().step_by(2).copied().collect(), samples.iter().skip(1).step_by(2).copied().collect())
}

/// Takes what some samples compress to, to what all of an assistant's wholes will.
struct Scale<'a> {
    /// The samples that candidates are measured on, by the half they are in.
    even: Vec<&'a [u8]>,
    odd: Vec<&'a [u8]>,
    wholes: u64,
    /// How many of the wholes are of rituals that were sampled.
    sampled_wholes: u64,
}

impl<'a> Scale<'a> {
    fn new(samples: &[&'a [u8]], wholes: u64) -> Self {
        let (even, odd) = split(samples);
        let [even, odd] = [even, odd].map(|half| take_evenly(&half, SCORED_BYTES / 2));
        Self { even, odd, wholes, sampled_wholes: wholes.min(WHOLES_PER_RITUAL * samples.len() as u64) }
    }

    fn scored(&self) -> Vec<&'a [u8]> {
        [self.even.as_slice(), self.odd.as_slice()].concat()
    }

    /// The bytes of `wholes`, if the scored samples take `bytes`.
    fn to(&self, wholes: u64, bytes: u64) -> u64 {
        let scored = (self.even.len() + self.odd.len()).max(1) as u128;
        u64::try_from(u128::from(bytes) * u128::from(wholes) / scored).unwrap_or(u64::MAX)
    }

    /// `sources` are of all samples, of those at even places, and of those at odd ones.
    fn measure(&self, recipe: Recipe, sources: &[Source<'_>; 3], effort: Effort) -> Result<Candidate> {
        let [content, of_even, of_odd] = sources.each_ref().map(|source| source.make(recipe));
        let own = compressed_bytes(&self.scored(), &candidate(content.clone())?, effort)?;
        let stored = match effort {
            Effort::Hot => {
                COPIES * compressed_bytes(&[&content], &candidate(Vec::new())?, effort)? + RECORD_BYTES
            }
            Effort::Compacted => stored_bytes(&content)?,
        };
        let mut bytes = self.to(self.sampled_wholes, own).saturating_add(stored);
        let other_wholes = self.wholes - self.sampled_wholes;
        if other_wholes > 0 {
            let others = compressed_bytes(&self.odd, &candidate(of_even)?, effort)?
                + compressed_bytes(&self.even, &candidate(of_odd)?, effort)?;
            bytes = bytes.saturating_add(self.to(other_wholes, others));
        }
        Ok(Candidate { recipe, content, bytes })
    }

    fn without_dictionary(&self) -> Result<u64> {
        let compressed = compressed_bytes(&self.scored(), &candidate(Vec::new())?, Effort::Compacted)?;
        Ok(self.to(self.wholes, compressed))
    }
}

/// A dictionary that only serves to be measured; an empty one is as good as none.
fn candidate(content: Vec<u8>) -> Result<Dictionary> {
    Dictionary::new(0, content)
}

/// The bytes of all `samples`; what does not compress is stored as it is.
fn compressed_bytes(samples: &[&[u8]], dictionary: &Dictionary, effort: Effort) -> Result<u64> {
    let mut frame = Vec::new();
    let mut bytes = 0;
    for sample in samples {
        frame.clear();
        dictionary.compress(sample, effort, &mut frame)?;
        bytes += frame.len().min(sample.len()) as u64;
    }
    Ok(bytes)
}

/// What keeping a dictionary costs.
fn stored_bytes(content: &[u8]) -> Result<u64> {
    Ok(COPIES * pack(content)?.len() as u64 + RECORD_BYTES)
}

/// Whether `bytes` are fewer than `before` by at least one of `one_of`.
fn saves(before: u64, bytes: u64, one_of: u64) -> bool {
    bytes <= before && before - bytes >= before.div_ceil(one_of)
}
