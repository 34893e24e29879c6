//! What tells one payload from another that resembles it: the lengths of what both begin and end with, and the middle.
//!
//! Successive states of an agent mostly grow at their end, so that the older one is the newer one with a piece cut out:
//! comparing memory finds that at its full speed, and the patch is a few bytes. What is left in the middle is compressed
//! with the whole base as the prefix (`ZSTD_CCtx_refPrefix`), which finds everything else that moved.
//!
//! | bytes | what |
//! |---|---|
//! | varint | how many bytes at the start are the base's |
//! | varint | how many bytes at the end are the base's |
//! | 1 | middle: 0 as it is, 1 one zstd frame whose prefix is the base |
//! | rest | the middle |

use zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd_safe::{CCtx, CParameter, DCtx};

use crate::error::{Error, Result};

/// Below this length a middle is kept as it is: a zstd frame alone takes 9 bytes and a context.
const MIN_COMPRESSED_MIDDLE: usize = 32;

/// Level 3: on agents' states level 19 takes ten times as long and saves nothing.
const LEVEL: i32 = 3;

/// From here on zstd's tables at level 3 no longer cover the prefix, and its long-distance matcher is needed.
const LONG_DISTANCE_BYTES: usize = 1 << 20;

/// The largest window that every zstd decoder allows (RFC 8878 recommends 8 MiB, zstd's own limit is 2^27).
const MAX_WINDOW_LOG: u32 = 27;

/// What zstd says when the output does not fit: the negated number of the error.
const OUT_OF_ROOM: usize = (ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize).wrapping_neg();

/// zstd would take a base that begins with this for a dictionary with tables (RFC 8878 §5).
const DICTIONARY_MAGIC: [u8; 4] = 0xEC30_A437_u32.to_le_bytes();

/// Describes `target` by what `base` does not have.
pub(crate) fn diff(base: &[u8], target: &[u8]) -> Result<Vec<u8>> {
    let start = common_prefix(base, target);
    let end = common_suffix(&base[start..], &target[start..]);
    let middle = &target[start..target.len() - end];
    let mut patch = Vec::with_capacity(2 * MAX_VARINT + 1 + middle.len().min(1024));
    put_varint(&mut patch, start as u64);
    put_varint(&mut patch, end as u64);
    if middle.len() >= MIN_COMPRESSED_MIDDLE
        && let Some(compressed) = compress(base, middle)?
    {
        patch.push(1);
        patch.extend_from_slice(&compressed);
        return Ok(patch);
    }
    patch.push(0);
    patch.extend_from_slice(middle);
    Ok(patch)
}

/// Makes the target of `raw_bytes` bytes out of `base` and the patch, either of which may be damaged. Nothing is
/// allocated beyond `raw_bytes`.
pub(crate) fn apply(context: &mut DCtx<'_>, base: &[u8], patch: &[u8], raw_bytes: usize) -> Result<Vec<u8>> {
    let mut rest = patch;
    let (start, end) = (take_varint(&mut rest)?, take_varint(&mut rest)?);
    let Some((kind, body)) = rest.split_first() else { return Err(damaged("it ends early")) };
    let fits = start <= base.len()
        && end <= base.len()
        && start.checked_add(end).is_some_and(|both| both <= raw_bytes);
    if !fits {
        return Err(damaged("it copies more than there is"));
    }
    let middle = raw_bytes - start - end;
    let mut target = Vec::with_capacity(raw_bytes);
    target.extend_from_slice(&base[..start]);
    match kind {
        0 if body.len() == middle => target.extend_from_slice(body),
        1 => {
            target.resize(start + middle, 0);
            decompress(context, base, body, &mut target[start..])?;
        }
        _ => return Err(damaged("its middle has another length")),
    }
    target.extend_from_slice(&base[base.len() - end..]);
    Ok(target)
}

/// As [`apply`], with a context of its own.
#[cfg(feature = "testing")]
pub(crate) fn patched(base: &[u8], patch: &[u8], raw_bytes: usize) -> Result<Vec<u8>> {
    apply(&mut DCtx::create(), base, patch, raw_bytes)
}

fn damaged(what: &str) -> Error {
    Error::corrupt(format!("the patch does not fit what it is based on: {what}"))
}

/// Compresses `middle` behind `base`; `None` if that does not make it shorter.
fn compress(base: &[u8], middle: &[u8]) -> Result<Option<Vec<u8>>> {
    let failed = |code| Error::internal(format!("zstd cannot compress: {}", zstd_safe::get_error_name(code)));
    // A prefix is borrowed by its context, so that this one cannot be kept for the next patch.
    let mut context =
        CCtx::try_create().ok_or_else(|| Error::internal("zstd has no memory for a context"))?;
    let reach = base.len() + middle.len();
    for parameter in [
        CParameter::CompressionLevel(LEVEL),
        CParameter::WindowLog(window_log(reach)),
        CParameter::EnableLongDistanceMatching(reach > LONG_DISTANCE_BYTES),
        CParameter::ContentSizeFlag(true),
        CParameter::ChecksumFlag(true),
    ] {
        context.set_parameter(parameter).map_err(failed)?;
    }
    context.ref_prefix(base).map_err(failed)?;
    // What is not shorter finds no room.
    let mut compressed = Vec::with_capacity(middle.len() - 1);
    match context.compress2(&mut compressed, middle) {
        Ok(_) => Ok(Some(compressed)),
        Err(OUT_OF_ROOM) => Ok(None),
        Err(code) => Err(failed(code)),
    }
}

/// The window that reaches from the end of `bytes` to their start.
fn window_log(bytes: usize) -> u32 {
    // zstd's least window is 2^10.
    (usize::BITS - bytes.leading_zeros()).clamp(10, MAX_WINDOW_LOG)
}

/// Decompresses a frame that must fill `middle`.
fn decompress(context: &mut DCtx<'_>, base: &[u8], body: &[u8], middle: &mut [u8]) -> Result<()> {
    super::frame::check_zstd_frame(body, middle.len() as u64)?;
    let decompressed = if base.starts_with(&DICTIONARY_MAGIC) {
        let mut context =
            DCtx::try_create().ok_or_else(|| Error::internal("zstd has no memory for a context"))?;
        context.ref_prefix(base).and_then(|_| context.decompress(middle, body))
    } else {
        context.decompress_using_dict(middle, body, base)
    }
    .map_err(|code| Error::corrupt(format!("zstd: {}", zstd_safe::get_error_name(code))))?;
    if decompressed == middle.len() { Ok(()) } else { Err(damaged("its middle has another length")) }
}

/// Compared at once: equal blocks compile to a comparison of memory.
const COMPARED_BYTES: usize = 256;

/// How many bytes both begin with.
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let blocks = a.chunks_exact(COMPARED_BYTES).zip(b.chunks_exact(COMPARED_BYTES));
    let start = blocks.take_while(|(a, b)| a == b).count() * COMPARED_BYTES;
    start + a[start..].iter().zip(&b[start..]).take_while(|(a, b)| a == b).count()
}

/// How many bytes both end with.
pub(super) fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    let blocks = a.rchunks_exact(COMPARED_BYTES).zip(b.rchunks_exact(COMPARED_BYTES));
    let end = blocks.take_while(|(a, b)| a == b).count() * COMPARED_BYTES;
    let (a, b) = (&a[..a.len() - end], &b[..b.len() - end]);
    end + a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
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
        let noise: Vec<u8> = (0..64_u32).flat_map(|i| *blake3::hash(&i.to_le_bytes()).as_bytes()).collect();
        let base = [&DICTIONARY_MAGIC[..], &noise].concat();
        let target = [b"other start".as_slice(), &noise[100..], b"other end"].concat();
        assert!(round_trip(&base, &target) < 200);
    }

    proptest! {
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
