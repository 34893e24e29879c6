//! Makes dictionaries out of an assistant's states; which of them is worth its bytes, the caller measures.
//!
//! What states share is found by their *shingles*, windows of [`SHINGLE_BYTES`]. Pieces of states are chosen greedily:
//! the next one is that whose shingles, not yet covered, occur in the most other states. This is the cover problem of
//! zstd's trainer (Liao, Petri, Moffat, Wirth, "Effective Construction of Relative Lempel-Ziv Dictionaries", 2016)
//! with pieces of kilobytes instead of some tens of bytes: agents' states share whole messages, and long pieces cost
//! less, packed, and are referred to by fewer matches.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use zstd_safe::DDict;

use crate::ritual::dictionary::DictionaryKind;

/// Long enough that a match is no accident of JSON's punctuation, short enough to see shared phrases.
const SHINGLE_BYTES: usize = 16;

/// One shingle of so many is looked at, chosen by its hash, so that equal text is looked at in equal places.
const SHINGLES_PER_SAMPLED: u64 = 4;

/// Shingles are counted in 2^20 buckets, as many as 4 MiB of samples have sampled shingles. Two that meet in a bucket
/// make a piece look more shared than it is, which measuring will show.
const BUCKET_BITS: u32 = 20;

/// How much zstd's trainer is given: it goes over all of it dozens of times.
const ZDICT_SAMPLE_BYTES: usize = 1 << 20;

/// How a candidate is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recipe {
    /// By zstd's trainer, with a target size.
    Zdict { bytes: usize },
    /// By greedily chosen pieces, with a limit on their bytes.
    Pieces { piece: Piece, bytes: usize, tables: bool },
}

/// What is chosen at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// A whole state.
    State,
    /// A window of so many bytes, less what it does not share at its ends.
    Window(usize),
}

impl Piece {
    /// Measured on 200 states of tau-bench and 13 of SWE-agent: the former are best covered by windows of 4 to 8 KiB,
    /// the latter by whole states; windows of 1 KiB and less cost more bytes than they cover on both.
    pub(super) const ALL: [Self; 4] =
        [Self::State, Self::Window(8 << 10), Self::Window(4 << 10), Self::Window(2 << 10)];
}

/// Samples, and what of them has been counted and chosen so far.
pub(super) struct Source<'a> {
    samples: Vec<&'a [u8]>,
    shingles: Vec<Vec<Shingle>>,
    /// For each bucket, how many samples have a shingle in it.
    frequency: Vec<u32>,
    /// For each of [`Piece::ALL`], the pieces chosen, the most valuable first.
    chosen: Vec<Vec<Span>>,
    /// The entropy tables that zstd trained on the samples; empty if it could not.
    tables: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Shingle {
    position: u32,
    bucket: u32,
}

#[derive(Clone)]
struct Span {
    sample: usize,
    bytes: Range<usize>,
}

impl<'a> Source<'a> {
    /// Counts the shingles of `samples` and chooses pieces of at most `max_bytes` together. Takes time in proportion
    /// to the samples' bytes.
    pub(super) fn new(samples: Vec<&'a [u8]>, max_bytes: usize) -> Self {
        let mut frequency = vec![0; 1 << BUCKET_BITS];
        let mut last_seen = vec![usize::MAX; 1 << BUCKET_BITS];
        let mut shingles = Vec::with_capacity(samples.len());
        for (index, sample) in samples.iter().enumerate() {
            let own = sampled_shingles(sample);
            for Shingle { bucket, .. } in &own {
                let bucket = *bucket as usize;
                if last_seen[bucket] != index {
                    last_seen[bucket] = index;
                    frequency[bucket] += 1;
                }
            }
            shingles.push(own);
        }
        let mut source = Self { samples, shingles, frequency, chosen: Vec::new(), tables: Vec::new() };
        source.chosen = Piece::ALL.iter().map(|piece| source.choose(*piece, max_bytes)).collect();
        source.tables = source.train_tables();
        source
    }

    /// The content of a candidate; empty if these samples yield none.
    pub(super) fn make(&self, recipe: Recipe) -> Vec<u8> {
        match recipe {
            Recipe::Zdict { bytes } => self.train(bytes),
            Recipe::Pieces { piece, bytes, tables } => self.join(piece, bytes, tables),
        }
    }

    /// The chosen pieces as far as they go into `max_bytes`, the most valuable last: the nearer a match, the fewer
    /// bits its distance takes.
    fn join(&self, piece: Piece, max_bytes: usize, with_tables: bool) -> Vec<u8> {
        let tables: &[u8] = if with_tables { &self.tables } else { &[] };
        let mut left = max_bytes.saturating_sub(tables.len());
        let mut pieces = vec![];
        let chosen =
            Piece::ALL.iter().position(|other| *other == piece).map_or(&[][..], |at| &self.chosen[at]);
        for Span { sample, bytes } in chosen {
            let text = &self.samples[*sample][bytes.clone()];
            let text = &text[..text.len().min(left)];
            left -= text.len();
            pieces.push(text);
        }
        pieces.push(tables);
        pieces.reverse();
        let mut content = pieces.concat();
        if content.len() < tables.len() + MIN_CONTENT_BYTES {
            return Vec::new();
        }
        // A state may begin with the magic by which zstd knows a trained dictionary, and is none.
        if tables.is_empty() && DictionaryKind::of(&content) == DictionaryKind::Zdict {
            content.remove(0);
        }
        content
    }

    /// Chooses pieces greedily until nothing is shared that is not covered, or `max_bytes` are full.
    fn choose(&self, piece: Piece, max_bytes: usize) -> Vec<Span> {
        let spans = self.spans(piece);
        let mut covering = Covering {
            source: self,
            piece,
            covered: vec![false; 1 << BUCKET_BITS],
            counted: vec![0; 1 << BUCKET_BITS],
            count: 0,
        };
        // A piece's value only falls as others are chosen, so a value that was computed before the last choice is an
        // upper bound, and most pieces are never computed again.
        let mut queue: BinaryHeap<(u64, Reverse<usize>, usize)> =
            spans.iter().enumerate().map(|(index, span)| (covering.value(span), Reverse(index), 0)).collect();
        let mut chosen = Vec::new();
        let mut bytes = 0;
        while let Some((value, Reverse(index), computed_at)) = queue.pop() {
            if value == 0 || bytes >= max_bytes {
                break;
            }
            if computed_at < chosen.len() {
                queue.push((covering.value(&spans[index]), Reverse(index), chosen.len()));
                continue;
            }
            let span = covering.take(&spans[index]);
            bytes += span.bytes.len();
            chosen.push(span);
        }
        chosen
    }

    /// All pieces there are; windows overlap by half.
    fn spans(&self, piece: Piece) -> Vec<Span> {
        let mut spans = Vec::new();
        for (sample, text) in self.samples.iter().enumerate() {
            match piece {
                Piece::State => spans.push(Span { sample, bytes: 0..text.len() }),
                Piece::Window(length) => spans.extend(
                    (0..text.len())
                        .step_by(length / 2)
                        .map(|start| Span { sample, bytes: start..(start + length).min(text.len()) }),
                ),
            }
        }
        spans
    }

    fn shingles_of(&self, span: &Span) -> &[Shingle] {
        let all = &self.shingles[span.sample];
        let from = all.partition_point(|shingle| (shingle.position as usize) < span.bytes.start);
        let to = all.partition_point(|shingle| (shingle.position as usize) < span.bytes.end);
        &all[from..to]
    }

    /// zstd's own trainer (`ZDICT_trainFromBuffer`, fast cover). It declines few or tiny samples.
    fn train(&self, bytes: usize) -> Vec<u8> {
        let samples = take_evenly(&self.samples, ZDICT_SAMPLE_BYTES);
        let sizes: Vec<usize> = samples.iter().map(|sample| sample.len()).collect();
        let mut content = Vec::with_capacity(bytes);
        if zstd_safe::train_from_buffer(&mut content, &samples.concat(), &sizes).is_err() {
            return Vec::new();
        }
        // The dictionary's id, which would stand in every frame made without a context's parameters. The caller has
        // ids of its own.
        if let Some(id) = content.get_mut(4..8) {
            id.fill(0);
        }
        content
    }

    /// The part of a trained dictionary before its content: the magic, the id, the entropy tables and the three
    /// repeated offsets (RFC 8878 section 6). Before chosen pieces they save each frame its own tables: 37 bytes a
    /// state of tau-bench.
    fn train_tables(&self) -> Vec<u8> {
        /// The offsets that every trained dictionary begins with. The longest needs as much content.
        const REPEATED_OFFSETS: [u8; 12] = [1, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0];
        /// More than the tables can take: 128 bytes of Huffman weights and three tables of up to 53 symbols.
        const MAX_TABLES_BYTES: usize = 1024;
        for bytes in [64 << 10, 16 << 10, 4 << 10] {
            let content = self.train(bytes);
            // zstd's safe interface does not tell where the tables end. It refuses a dictionary that is cut within
            // them, or that has less content than the repeated offsets reach back; so the first length that it takes
            // is the tables' and 8 bytes.
            let tables = (0..content.len().min(MAX_TABLES_BYTES))
                .skip_while(|length| *length < 8)
                .find(|length| DDict::try_create(&content[..*length]).is_some())
                .map(|length| &content[..length - MIN_CONTENT_BYTES])
                .filter(|tables| tables.ends_with(&REPEATED_OFFSETS));
            if let Some(tables) = tables {
                return tables.to_vec();
            }
        }
        Vec::new()
    }
}

/// What a dictionary has at least after its tables; below it, zstd takes a content for none.
const MIN_CONTENT_BYTES: usize = 8;

/// Which shingles the pieces chosen so far have.
struct Covering<'s, 'a> {
    source: &'s Source<'a>,
    piece: Piece,
    covered: Vec<bool>,
    /// For each bucket, the number of the last count it was part of.
    counted: Vec<u32>,
    count: u32,
}

impl Covering<'_, '_> {
    /// How much of other states `span` would newly cover: for windows a byte, so that a short one at a state's end
    /// has its chance; for whole states together, as few large ones pack better than many small.
    fn value(&mut self, span: &Span) -> u64 {
        /// Keeps the quotient's precision.
        const SCALE: u64 = 1 << 10;
        self.count += 1;
        let mut value = 0;
        for Shingle { bucket, .. } in self.source.shingles_of(span) {
            let bucket = *bucket as usize;
            if !self.covered[bucket] && self.counted[bucket] != self.count {
                self.counted[bucket] = self.count;
                value += u64::from(self.source.frequency[bucket] - 1);
            }
        }
        match self.piece {
            Piece::State => value,
            Piece::Window(_) => value * SCALE / (span.bytes.len() as u64 + 64),
        }
    }

    /// Covers `span`, and returns it without what it does not share at its ends.
    fn take(&mut self, span: &Span) -> Span {
        let mut useful: Option<Range<usize>> = None;
        for Shingle { position, bucket } in self.source.shingles_of(span) {
            let (position, bucket) = (*position as usize, *bucket as usize);
            if !self.covered[bucket] && self.source.frequency[bucket] > 1 {
                let start = useful.map_or(position, |useful| useful.start);
                useful = Some(start..position + SHINGLE_BYTES);
            }
        }
        for Shingle { bucket, .. } in self.source.shingles_of(span) {
            self.covered[*bucket as usize] = true;
        }
        match (self.piece, useful) {
            (Piece::Window(_), Some(bytes)) => Span { sample: span.sample, bytes },
            _ => span.clone(),
        }
    }
}

fn sampled_shingles(sample: &[u8]) -> Vec<Shingle> {
    let mut shingles = Vec::with_capacity(sample.len() / SHINGLES_PER_SAMPLED as usize);
    for (position, window) in sample.windows(SHINGLE_BYTES).enumerate() {
        let hash = hash_shingle(window);
        if hash.is_multiple_of(SHINGLES_PER_SAMPLED) {
            let bucket = (hash >> (u64::BITS - BUCKET_BITS)) as u32;
            shingles.push(Shingle { position: position as u32, bucket });
        }
    }
    shingles
}

/// A hash for counting only, with no defence against chosen input: the worst it can do is a poor dictionary.
fn hash_shingle(window: &[u8]) -> u64 {
    // The finaliser of MurmurHash3, over both halves.
    let window = u128::from_le_bytes(window.try_into().unwrap_or_default());
    let mut hash =
        (window as u64) ^ ((window >> 64) as u64).rotate_left(29).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    hash ^ (hash >> 33)
}

/// Every so many-th of `samples`, so that they have about `budget` bytes, and no more.
pub(super) fn take_evenly<'a>(samples: &[&'a [u8]], budget: usize) -> Vec<&'a [u8]> {
    let total: usize = samples.iter().map(|sample| sample.len()).sum();
    if total <= budget {
        return samples.to_vec();
    }
    let mut taken = Vec::new();
    // What has gone by times the budget, and what was taken times the total, stay in step.
    let (mut gone_by, mut bytes) = (0_u128, 0_usize);
    for sample in samples {
        gone_by += sample.len() as u128;
        let due = gone_by * budget as u128 >= (bytes + sample.len()) as u128 * total as u128;
        if due && bytes + sample.len() <= budget {
            bytes += sample.len();
            taken.push(*sample);
        }
    }
    taken
}
