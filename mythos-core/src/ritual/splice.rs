//! What tells one payload from another that resembles it: the lengths of what both begin and end with, and the middle.
//!
//! Successive states of an agent mostly grow at their end, so that the older one is the newer one with a piece cut out:
//! comparing memory finds that at its full speed, and the patch is a few bytes. Where more has changed, a count before
//! what grew, say, the middle is a list of pieces: bytes of its own, and then bytes of the base. What the middle has of
//! its own is compressed with the base as the prefix (`ZSTD_CCtx_refPrefix`), if it is long.
//!
//! | bytes | what |
//! |---|---|
//! | varint | how many bytes at the start are the base's |
//! | varint | how many bytes at the end are the base's |
//! | 1 | middle: 0 as it is, 1 one zstd frame whose prefix is the base; 2 and 3 pieces, whose own bytes are as in 0 and 1 |
//! | if 2 or 3 | the pieces, until the middle is full |
//! | rest | the middle, or the own bytes of all pieces |
//!
//! The prefix of pieces is the base without what is more than 64 KiB behind the middle. A piece:
//!
//! | bytes | what |
//! |---|---|
//! | varint | twice the number of its own bytes, and 1 more if what it copies does not follow as many bytes of the base |
//! | then varint | where that begins instead: how far ahead of there; in zigzag, 0, -1, 1, -2, … |
//! | varint | how many bytes it copies; 0 for all that is left |
//!
//! A piece whose own bytes fill the middle ends behind their number.
//!
//! The frames of short middles have no checksum, and need none: what holds a patch, a cell, ends in 128 bits of BLAKE3
//! over its name and content, and what comes of a patch is checked against the commitment of its entry.

mod pieces;

use zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd_safe::{CCtx, CParameter, DCtx, SafeResult};

use self::pieces::Piece;
use super::MAX_PAYLOAD_BYTES;
use super::dictionary::{self, DictionaryKind, check_frame, new_decompressor, no_memory, zstd_failed};
use super::pool::Pool;
use crate::error::{Error, Result};

/// The middle as it is.
const RAW: u8 = 0;

/// Added for a zstd frame.
const COMPRESSED: u8 = 1;

/// Added for a list of pieces.
const PIECES: u8 = 2;

/// Below this length own bytes are kept as they are: a zstd frame alone takes 9 bytes and a context.
const MIN_COMPRESSED: usize = 32;

/// So many more own bytes are short numbers, in which zstd finds nothing, for each piece that there is.
const MIN_COMPRESSED_OF_PIECE: usize = 8;

/// Up to so many pieces, a list of them is as short as what zstd makes of the middle.
const FEW_PIECES: usize = 16;

/// What lies further behind a middle of pieces is no part of its prefix.
const REACH_BEHIND: usize = 64 << 10;

/// As much of a prefix is searched for what a short middle has of its own.
const REACH: usize = 128 << 10;

/// The longest of these. With the reach, as much as zstd keeps small tables for.
const MAX_SHORT: usize = 64 << 10;

/// From more own bytes than this on, all of a long prefix is searched as well: they may be copies of what is far away.
const MIN_ANYWHERE: usize = 4 << 10;

/// A prefix longer than so many times the own bytes is not: that takes time in proportion to its length.
const MAX_PREFIX_FACTOR: usize = 256;

/// Level 3: on agents' states level 19 takes ten times as long and saves nothing.
const LEVEL: i32 = 3;

/// From here on zstd's tables at level 3 no longer cover the prefix, and its long-distance matcher is needed.
const LONG_DISTANCE_BYTES: usize = 1 << 20;

/// The largest window that every zstd decoder allows (RFC 8878 recommends 8 MiB, zstd's own limit is 2^27).
const MAX_WINDOW_LOG: u32 = 27;

/// The contexts for short middles, which take about a megabyte each, and cost more to make than such a middle to
/// compress.
static CONTEXTS: Pool<CCtx<'static>> = Pool::new();

/// What zstd says when the output does not fit: the negated number of the error.
const OUT_OF_ROOM: usize = (ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize).wrapping_neg();

/// Describes `target` by what `base` does not have.
pub(crate) fn diff(base: &[u8], target: &[u8]) -> Result<Vec<u8>> {
    let start = common_prefix(base, target);
    let end = common_suffix(&base[start..], &target[start..]);
    let middle = &target[start..target.len() - end];
    let mut ends = Vec::with_capacity(2 * MAX_VARINT);
    put_varint(&mut ends, start as u64);
    put_varint(&mut ends, end as u64);
    let found = pieces::find(base, target, start..start + middle.len());
    // The pieces' prefix lacks what is far behind, of which too many pieces may be copies.
    let is_cut = found.is_none() && end > REACH_BEHIND && is_searched_anywhere(base, middle);
    let pieces = found.unwrap_or_default();
    // In a long base a short middle is looked for around its place alone, which only pieces provide for.
    let is_short = middle.len() <= MAX_SHORT;
    if pieces.is_empty() && (base.len() <= REACH || !is_short || middle.len() < MIN_COMPRESSED) {
        return in_one(ends, base, middle);
    }
    let patch = in_pieces(ends.clone(), around(base, end), middle, start, &pieces)?;
    if is_cut || pieces.len() > FEW_PIECES && is_short && base.len() <= REACH {
        let other = in_one(ends, base, middle)?;
        return Ok(if other.len() < patch.len() { other } else { patch });
    }
    Ok(patch)
}

/// Appends the middle as a whole.
fn in_one(mut patch: Vec<u8>, base: &[u8], middle: &[u8]) -> Result<Vec<u8>> {
    let compressed = if middle.len() < MIN_COMPRESSED { None } else { compress(base, middle)? };
    patch.push(if compressed.is_some() { COMPRESSED } else { RAW });
    patch.extend_from_slice(compressed.as_deref().unwrap_or(middle));
    Ok(patch)
}

/// Appends the middle in pieces; what follows the last is the middle's own.
fn in_pieces(
    mut patch: Vec<u8>,
    prefix: &[u8],
    middle: &[u8],
    mut base_at: usize,
    pieces: &[Piece],
) -> Result<Vec<u8>> {
    let kind = patch.len();
    patch.push(PIECES);
    let (mut rest, mut all) = (middle, Vec::new());
    for &Piece { own, from, copied } in pieces {
        let (its_own, behind) = rest.split_at(own);
        all.extend_from_slice(its_own);
        rest = &behind[copied..];
        let ahead = from as i64 - (base_at + own) as i64;
        put_varint(&mut patch, (own as u64) << 1 | u64::from(ahead != 0));
        if ahead != 0 {
            put_varint(&mut patch, (ahead << 1 ^ ahead >> 63) as u64);
        }
        put_varint(&mut patch, if rest.is_empty() { 0 } else { copied as u64 });
        base_at = from + copied;
    }
    if !rest.is_empty() {
        put_varint(&mut patch, (rest.len() as u64) << 1);
        all.extend_from_slice(rest);
    }
    let is_worth_it = all.len() >= MIN_COMPRESSED.max(MIN_COMPRESSED_OF_PIECE * pieces.len());
    let compressed = if is_worth_it { compress(prefix, &all)? } else { None };
    if compressed.is_some() {
        patch[kind] += COMPRESSED;
    }
    patch.extend_from_slice(&compressed.unwrap_or(all));
    Ok(patch)
}

/// Makes the target of `raw_bytes` bytes out of `base` and the patch, either of which may be damaged. Nothing is
/// allocated beyond `raw_bytes`.
pub(crate) fn apply(context: &mut DCtx<'_>, base: &[u8], patch: &[u8], raw_bytes: usize) -> Result<Vec<u8>> {
    let mut rest = patch;
    let (start, end) = (take_varint(&mut rest)?, take_varint(&mut rest)?);
    let Some((&kind, rest)) = rest.split_first() else { return Err(damaged("it ends early")) };
    let fits = start <= base.len()
        && end <= base.len()
        && start.checked_add(end).is_some_and(|both| both <= raw_bytes);
    if !fits {
        return Err(damaged("it copies more than there is"));
    }
    let mut pieces = Pieces { rest, base_bytes: base.len(), base_at: start, left: raw_bytes - start - end };
    let in_pieces = kind & PIECES != 0;
    let (own, body) = if in_pieces { pieces.clone().measured()? } else { (pieces.left, rest) };
    let prefix = if in_pieces { around(base, end) } else { base };
    let mut target = vec![0; raw_bytes];
    target[..start].copy_from_slice(&base[..start]);
    // What pieces have of their own waits at the end, where no piece before it reaches.
    let mut own_at = if in_pieces { raw_bytes - own } else { start };
    match kind & !PIECES {
        RAW if body.len() == own => target[own_at..own_at + own].copy_from_slice(body),
        COMPRESSED => decompress(context, prefix, body, &mut target[own_at..own_at + own])?,
        _ => return Err(damaged("its middle has another length")),
    }
    if in_pieces {
        let mut at = start;
        while let Some(Piece { own, from, copied }) = pieces.take()? {
            target.copy_within(own_at..own_at + own, at);
            (own_at, at) = (own_at + own, at + own);
            target[at..at + copied].copy_from_slice(&base[from..from + copied]);
            at += copied;
        }
    }
    target[raw_bytes - end..].copy_from_slice(&base[base.len() - end..]);
    Ok(target)
}

/// The pieces of a middle, read from a patch that may be damaged.
#[derive(Clone)]
struct Pieces<'a> {
    rest: &'a [u8],
    base_bytes: usize,
    /// Where in the base the last copy ended.
    base_at: usize,
    /// What is left of the middle.
    left: usize,
}

impl<'a> Pieces<'a> {
    /// The next piece, which takes at least a byte of the patch and gives at least one of the middle.
    fn take(&mut self) -> Result<Option<Piece>> {
        let beyond = || damaged("it copies more than there is");
        if self.left == 0 {
            return Ok(None);
        }
        let first = take_varint(&mut self.rest)?;
        let (own, is_elsewhere) = (first >> 1, first & 1 != 0);
        self.left = self.left.checked_sub(own).ok_or_else(beyond)?;
        if self.left == 0 {
            return Ok(Some(Piece { own, from: 0, copied: 0 }));
        }
        let ahead = if is_elsewhere { take_varint(&mut self.rest)? } else { 0 };
        let ahead = (ahead >> 1) as isize ^ -((ahead & 1) as isize);
        let from = self.base_at.checked_add(own).and_then(|beside| beside.checked_add_signed(ahead));
        let copied = match take_varint(&mut self.rest)? {
            0 => self.left,
            copied => copied,
        };
        self.left = self.left.checked_sub(copied).ok_or_else(beyond)?;
        let until = from.and_then(|from| from.checked_add(copied)).filter(|until| *until <= self.base_bytes);
        self.base_at = until.ok_or_else(beyond)?;
        Ok(Some(Piece { own, from: self.base_at - copied, copied }))
    }

    /// How many bytes all pieces have of their own, and what follows the list.
    fn measured(mut self) -> Result<(usize, &'a [u8])> {
        let mut all = 0;
        while let Some(piece) = self.take()? {
            all += piece.own;
        }
        Ok((all, self.rest))
    }
}

/// As [`apply`], with a context of its own.
#[cfg(feature = "testing")]
pub(crate) fn patched(base: &[u8], patch: &[u8], raw_bytes: usize) -> Result<Vec<u8>> {
    apply(&mut DCtx::create(), base, patch, raw_bytes)
}

fn damaged(what: &str) -> Error {
    Error::corrupt(format!("the patch does not fit what it is based on: {what}"))
}

/// The prefix of what a middle in pieces has of its own, `end` bytes before the base's end: what is far behind it would
/// only keep what is near out of reach.
fn around(base: &[u8], end: usize) -> &[u8] {
    &base[..base.len() - end.saturating_sub(REACH_BEHIND)]
}

/// Compresses `own` behind `prefix`; `None` if that does not make it shorter.
fn compress(prefix: &[u8], own: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut shortest: Option<Vec<u8>> = None;
    for (compress, is_tried) in [
        (compress_short as fn(&[u8], &[u8], &mut Vec<u8>) -> _, own.len() <= MAX_SHORT),
        (compress_long, own.len() > MAX_SHORT || is_searched_anywhere(prefix, own)),
    ] {
        if !is_tried {
            continue;
        }
        // What is not shorter finds no room.
        let room = shortest.as_deref().unwrap_or(own).len() - 1;
        let mut compressed = Vec::with_capacity(room);
        match compress(prefix, own, &mut compressed)? {
            Ok(_) => shortest = Some(compressed),
            Err(OUT_OF_ROOM) => {}
            Err(code) => return Err(zstd_failed(code)),
        }
    }
    Ok(shortest)
}

/// Whether short own bytes are worth a search of all of a long prefix.
fn is_searched_anywhere(prefix: &[u8], own: &[u8]) -> bool {
    prefix.len() > REACH && own.len() > MIN_ANYWHERE.max(prefix.len() / MAX_PREFIX_FACTOR)
}

/// Compresses behind the end of the prefix: how far a copy lies back is counted from there, so that the decoder needs not
/// know how much was searched.
fn compress_short(prefix: &[u8], own: &[u8], compressed: &mut Vec<u8>) -> Result<SafeResult> {
    let near = dictionary::raw(&prefix[prefix.len().saturating_sub(REACH)..]);
    let mut context = CONTEXTS.take().or_else(CCtx::try_create).ok_or_else(no_memory)?;
    let written = context.compress_using_dict(compressed, own, near, LEVEL);
    CONTEXTS.give_back(context);
    Ok(written)
}

fn compress_long(prefix: &[u8], own: &[u8], compressed: &mut Vec<u8>) -> Result<SafeResult> {
    // A prefix is borrowed by its context, so that this one cannot be kept for the next patch.
    let mut context = CCtx::try_create().ok_or_else(no_memory)?;
    let reach = prefix.len() + own.len();
    for parameter in [
        CParameter::CompressionLevel(LEVEL),
        CParameter::WindowLog(window_log(reach)),
        CParameter::EnableLongDistanceMatching(reach > LONG_DISTANCE_BYTES),
        CParameter::ContentSizeFlag(true),
        CParameter::ChecksumFlag(true),
    ] {
        context.set_parameter(parameter).map_err(zstd_failed)?;
    }
    context.ref_prefix(prefix).map_err(zstd_failed)?;
    Ok(context.compress2(compressed, own))
}

/// The window that reaches from the end of `bytes` to their start.
fn window_log(bytes: usize) -> u32 {
    // zstd's least window is 2^10.
    (usize::BITS - bytes.leading_zeros()).clamp(10, MAX_WINDOW_LOG)
}

/// Decompresses a frame that must fill `middle`.
fn decompress(context: &mut DCtx<'_>, base: &[u8], body: &[u8], middle: &mut [u8]) -> Result<()> {
    check_frame(body, middle.len() as u64, MAX_PAYLOAD_BYTES)?;
    let decompressed = if DictionaryKind::of(base) == DictionaryKind::Zdict {
        let mut context = new_decompressor()?;
        context.ref_prefix(base).and_then(|_| context.decompress(middle, body))
    } else {
        context.decompress_using_dict(middle, body, base)
    }
    .map_err(|code| Error::corrupt(format!("zstd: {}", zstd_safe::get_error_name(code))))?;
    if decompressed == middle.len() { Ok(()) } else { Err(damaged("its middle has another length")) }
}

/// Compared at once: equal blocks compile to a comparison of memory, and words to one of registers.
const COMPARED_BYTES: [usize; 2] = [256, 8];

/// How many bytes both begin with.
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let mut start = 0;
    for size in COMPARED_BYTES {
        let blocks = a[start..].chunks_exact(size).zip(b[start..].chunks_exact(size));
        start += blocks.take_while(|(a, b)| a == b).count() * size;
    }
    start + a[start..].iter().zip(&b[start..]).take_while(|(a, b)| a == b).count()
}

/// How many bytes both end with.
pub(super) fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    let (mut left, mut right) = (a, b);
    for size in COMPARED_BYTES {
        let blocks = left.rchunks_exact(size).zip(right.rchunks_exact(size));
        let equal = blocks.take_while(|(a, b)| a == b).count() * size;
        (left, right) = (&left[..left.len() - equal], &right[..right.len() - equal]);
    }
    let equal = left.iter().rev().zip(right.iter().rev()).take_while(|(a, b)| a == b).count();
    a.len() - left.len() + equal
}

/// The longest varint: 64 bits in groups of 7.
const MAX_VARINT: usize = 10;

/// Appends an unsigned LEB128 number (DWARF 5 §7.6).
fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<usize> {
    let mut value = 0_u64;
    for shift in (0..7 * MAX_VARINT as u32).step_by(7) {
        let Some((byte, rest)) = bytes.split_first() else { return Err(damaged("it ends early")) };
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return usize::try_from(value).map_err(|_| damaged("it copies more than there is"));
        }
    }
    Err(damaged("a length has no end"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    fn round_trip(base: &[u8], target: &[u8]) -> usize {
        let patch = diff(base, target).unwrap();
        let mut context = DCtx::create();
        assert_eq!(apply(&mut context, base, &patch, target.len()).unwrap(), target);
        patch.len()
    }

    #[test]
    fn an_older_state_that_only_lacks_a_piece_takes_a_few_bytes() {
        let older = br#"{"messages":["a","b"]}"#.to_vec();
        let newer = br#"{"messages":["a","b","c is a long message that was appended"]}"#.to_vec();
        assert!(round_trip(&newer, &older) <= 5);
        assert_eq!(round_trip(&newer, &newer), 3);
        round_trip(b"", b"anything");
        round_trip(b"anything", b"");
    }

    #[test]
    fn what_moved_is_found_in_the_base_also_far_away() {
        // Three MiB of noise, a changed header and a piece cut out of the middle: past what level 3 reaches alone.
        let noise: Vec<u8> =
            (0..100_000_u32).flat_map(|i| *blake3::hash(&i.to_le_bytes()).as_bytes()).collect();
        let older = [b"step 1".as_slice(), &noise[..1_000_000], &noise[1_000_100..], b"end"].concat();
        let newer = [b"step 2".as_slice(), &noise[100_000..], b"more at the end"].concat();
        assert!(round_trip(&newer, &older) < 110_000);
    }

    #[test]
    fn a_base_that_looks_like_a_dictionary_is_taken_as_it_is() {
        let noise = noise(1, 2048);
        let base = [&dictionary::ZDICT_MAGIC[..], &noise].concat();
        // What was cut into strips too short for pieces, and put in another order.
        let strips: Vec<u8> = noise.chunks_exact(24).rev().flatten().copied().collect();
        assert_eq!(kind(&base, &strips), COMPRESSED);
        assert!(round_trip(&base, &strips) < 700);
        let target = [&noise[..500], &strips, &noise[500..]].concat();
        assert_eq!(kind(&base, &target), PIECES + COMPRESSED);
        assert!(round_trip(&base, &target) < 700);
    }

    /// Bytes that nothing compresses.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    /// A state as MessagePack writes it: a map of two, whose second value is an array of messages.
    fn packed(messages: usize) -> Vec<u8> {
        let mut state = b"\x82\xa9thread_id\xa3abc\xa8messages".to_vec();
        match messages {
            0..16 => state.push(0x90 | messages as u8),
            _ => state.extend_from_slice(&[0xdc, (messages >> 8) as u8, messages as u8]),
        }
        for message in 0..messages {
            state.extend_from_slice(b"\x82\xa4role\xa4user\xa7content\xc4\x28");
            state.extend_from_slice(&noise(message as u64, 40));
        }
        state
    }

    fn kind(base: &[u8], target: &[u8]) -> u8 {
        let patch = diff(base, target).unwrap();
        let mut rest = &patch[..];
        take_varint(&mut rest).and_then(|_| take_varint(&mut rest)).unwrap();
        rest[0]
    }

    fn patch_of(start: u64, end: u64, kind: u8, list: &[u64], body: &[u8]) -> Vec<u8> {
        let mut patch = Vec::new();
        put_varint(&mut patch, start);
        put_varint(&mut patch, end);
        patch.push(kind);
        list.iter().for_each(|number| put_varint(&mut patch, *number));
        patch.extend_from_slice(body);
        patch
    }

    fn applied(base: &[u8], patch: &[u8], raw_bytes: usize) -> Result<Vec<u8>> {
        apply(&mut DCtx::create(), base, patch, raw_bytes)
    }

    #[test]
    fn a_count_before_what_grew_takes_a_few_bytes_more() {
        for messages in [1, 14, 15, 16, 254, 255, 256, 1000] {
            let (older, newer) = (packed(messages), packed(messages + 1));
            assert!(round_trip(&newer, &older) < 10, "{messages}");
            assert_eq!(kind(&newer, &older), PIECES, "{messages}");
            // Also where the newer state is the shorter one.
            assert!(round_trip(&older, &newer) < 80, "{messages}");
        }
    }

    #[test]
    fn several_changes_are_as_many_pieces() {
        let state = |step: usize, role: &str, seconds: usize| {
            let filler =
                String::from_utf8(noise(1, 200).iter().map(|byte| b'a' + byte % 26).collect()).unwrap();
            format!(
                r#"{{"header":{{"step":{step},"updated_at":"2026-01-01T00:{seconds:02}:{step:02}+00:00","last_role":"{role}","forgotten":0}},"notes":"{filler}","count":{},"tail":"{filler}"}}"#,
                step * 7
            )
        };
        let (older, newer) = (state(9, "assistant", 59), state(10, "user", 1));
        assert!(round_trip(newer.as_bytes(), older.as_bytes()) < 50);
        assert_eq!(kind(newer.as_bytes(), older.as_bytes()), PIECES);
    }

    #[test]
    fn what_a_window_dropped_is_compressed_and_what_moved_is_copied() {
        let message = |number: u64| -> String {
            let words = noise(number, 20).into_iter().map(|byte| format!("word{}", byte % 64));
            format!(r#"{{"role":"user","content":"{}"}}"#, words.collect::<Vec<_>>().join(" "))
        };
        let state = |step: u64| {
            let window: Vec<_> = (step..step + 20).map(message).collect();
            format!(r#"{{"step":{step},"messages":[{}]}}"#, window.join(","))
        };
        let (older, newer) = (state(7), state(8));
        assert_eq!(kind(newer.as_bytes(), older.as_bytes()), PIECES + COMPRESSED);
        assert!(round_trip(newer.as_bytes(), older.as_bytes()) < 90);
        // A long end that both have does not keep what is near out of reach.
        let blob: String = noise(3, 300_000).iter().map(|byte| char::from(b'a' + byte % 26)).collect();
        let (older, newer) = (older + &blob, newer + &blob);
        assert!(round_trip(newer.as_bytes(), older.as_bytes()) < 90);
    }

    #[test]
    fn what_moved_is_copied_from_anywhere() {
        let parts: Vec<_> = (0..5).map(|seed| noise(seed, 500)).collect();
        let base = parts.concat();
        let target = [3, 0, 4, 1, 2].map(|part: usize| &parts[part][..]).concat();
        assert!(round_trip(&base, &target) < 100);
        assert_eq!(kind(&base, &target), PIECES);
    }

    #[test]
    fn changes_all_over_are_left_to_zstd() {
        let base = noise(1, 700_000);
        for apart in [3, 9, 20, 100] {
            let mut target = base.clone();
            target.iter_mut().step_by(apart).for_each(|byte| *byte = byte.wrapping_add(1));
            assert!(round_trip(&base, &target) <= target.len() + 20, "{apart}");
            assert!(kind(&base, &target) & PIECES == 0, "{apart}");
        }
        round_trip(&[0; 100_000], &[[0; 40_000].as_slice(), &[1], &[0; 50_000]].concat());
        round_trip(&b"ab".repeat(50_000), &b"abb".repeat(50_000));
        round_trip(&noise(2, 300_000), &noise(3, 300_000));
    }

    #[test]
    fn a_short_change_of_a_long_state_is_compressed_by_what_is_near() {
        let text = |seed: u64, length: usize| -> Vec<u8> {
            noise(seed, length).iter().flat_map(|byte| format!("w{} ", byte % 128).into_bytes()).collect()
        };
        let shared = text(1, 100_000);
        let base = [&shared[..200_000], &text(2, 30), &shared[200_000..]].concat();
        let target =
            [&shared[..200_000], &shared[150_000..150_060], &text(3, 30), &shared[200_000..]].concat();
        assert_eq!(kind(&base, &target), PIECES + COMPRESSED);
        assert!(round_trip(&base, &target) < 100);
    }

    #[test]
    fn what_stood_far_before_or_behind_a_change_is_found() {
        let long: &[_] = &[(50, 1000), (100, 400), (20, 300)];
        for (length, records) in [(1 << 20, long), (300_000, &[(200, 100)])] {
            let base = noise(1, length);
            for &(count, bytes) in records {
                for (at, copied_from) in [(length * 6 / 7, 0), (length / 7, length * 3 / 7)] {
                    let starts = (0..count).map(|record| record * 7_919_000 % (length * 4 / 7 - bytes));
                    let copies = starts.flat_map(|start| &base[copied_from + start..][..bytes]).copied();
                    let middle: Vec<u8> = copies.collect();
                    let target = [&base[..at], &middle, &base[at..]].concat();
                    let patch = round_trip(&base, &target);
                    assert!(patch < 25 * count, "{count} of {bytes} at {at}: {patch}");
                }
            }
        }
    }

    #[test]
    fn a_list_of_pieces_is_read_as_the_table_says() {
        let base = b"0123456789";
        // "01", own "ab" in place of "23", "45"; own "c", three back from behind "6"; what is left; "89".
        let patch = patch_of(2, 2, PIECES, &[2 << 1, 2, 1 << 1 | 1, 5, 0], b"abc");
        assert_eq!(applied(base, &patch, 12).unwrap(), b"01ab45c45689");
    }

    #[test]
    fn a_list_that_does_not_fit_is_damage() {
        let base = b"0123456789";
        let damage = [
            // Copies from before the base, and from behind it.
            patch_of(0, 0, PIECES, &[1, 1, 0], b""),
            patch_of(0, 0, PIECES, &[1, 2, 0], b""),
            patch_of(0, 0, PIECES, &[1, u64::MAX, 1, 1, u64::MAX - 1, 0], b""),
            // More than is left, own and copied.
            patch_of(0, 0, PIECES, &[11 << 1], b"01234567890"),
            patch_of(0, 0, PIECES, &[0, 11], b""),
            patch_of(0, 0, PIECES, &[u64::MAX, 0, 0], b""),
            patch_of(0, 0, PIECES, &[0, u64::MAX], b""),
            patch_of(9, 0, PIECES, &[0, 2], b""),
            // An end before the middle is full, and more or fewer own bytes than said.
            patch_of(0, 0, PIECES, &[0, 3], b""),
            patch_of(0, 0, PIECES, &[10 << 1], b"012345678"),
            patch_of(0, 0, PIECES, &[0, 0], b"0"),
            patch_of(0, 0, PIECES + COMPRESSED, &[10 << 1], b"0123456789"),
            patch_of(0, 0, 4, &[0, 0], b""),
            patch_of(0, 0, 0xff, &[0, 0], b""),
        ];
        assert_eq!(applied(base, &patch_of(0, 0, PIECES, &[0, 0], b""), 10).unwrap(), base);
        for (number, patch) in damage.iter().enumerate() {
            assert_eq!(applied(base, patch, 10).unwrap_err().kind(), ErrorKind::Corrupt, "{number}");
        }
    }

    proptest! {
        #[test]
        fn any_number_of_changes_makes_a_patch(
            seed in any::<u64>(),
            length in 0_usize..5_000,
            letters in 1_u8..=255,
            changes in prop::collection::vec((0_usize..5_000, 0_usize..40, prop::collection::vec(any::<u8>(), 0..40)), 0..40),
        ) {
            let base: Vec<u8> = noise(seed, length).into_iter().map(|byte| byte % letters).collect();
            let mut target = base.clone();
            for (at, removed, put) in changes {
                let at = at.min(target.len());
                let until = (at + removed).min(target.len());
                target.splice(at..until, put);
            }
            prop_assert!(round_trip(&base, &target) <= target.len() + 2 * MAX_VARINT + 1);
            prop_assert!(round_trip(&target, &base) <= base.len() + 2 * MAX_VARINT + 1);
        }

        #[test]
        fn any_list_of_pieces_is_survived(
            (start, end) in (0_u64..20, 0_u64..20),
            kind in 2_u8..4,
            list in prop::collection::vec(prop_oneof![0_u64..40, any::<u64>()], 0..20),
            body in prop::collection::vec(any::<u8>(), 0..40),
            base in prop::collection::vec(any::<u8>(), 0..60),
            raw in 0_usize..200,
        ) {
            if let Ok(target) = applied(&base, &patch_of(start, end, kind, &list, &body), raw) {
                prop_assert_eq!(target.len(), raw);
            }
        }

        #[test]
        fn any_two_payloads_make_a_patch(
            shared in prop::collection::vec(any::<u8>(), 0..600),
            a in prop::collection::vec(any::<u8>(), 0..200),
            b in prop::collection::vec(any::<u8>(), 0..200),
            at in 0_usize..600,
        ) {
            let at = at.min(shared.len());
            let base = [&shared[..at], &a, &shared[at..]].concat();
            let target = [&shared[..at], &b, &shared[at..]].concat();
            prop_assert!(round_trip(&base, &target) <= b.len() + 2 * MAX_VARINT + 1);
        }

        #[test]
        fn any_bytes_are_survived(patch in prop::collection::vec(any::<u8>(), 0..200), base in prop::collection::vec(any::<u8>(), 0..200), raw in 0_usize..1000) {
            if let Ok(target) = apply(&mut DCtx::create(), &base, &patch, raw) {
                prop_assert_eq!(target.len(), raw);
            }
        }
    }
}
