//! The decoders of what is stored, for fuzzing: each takes any bytes and never panics.

use crate::codex::{Event, Opening, reencode_snapshot};
use crate::error::Result;
use crate::ritual::SymbolicIntent;
use crate::ritual::card::{read_block, write_block};
use crate::ritual::dictionary::{self, Effort};
use crate::ritual::frame::{self, FrameCodec};
use crate::ritual::splice;

/// Decodes an unsealed ritual frame whose payload has `raw_bytes`, and gives the payload.
///
/// # Errors
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for anything but a sound frame.
pub fn decode_ritual_frame(frame: &[u8], raw_bytes: u64) -> Result<Vec<u8>> {
    FrameCodec::default().decode(frame::open(frame.to_vec(), None)?, raw_bytes, None)
}

/// Encodes a payload as it is stored when a save waits for it: unsealed, without a dictionary.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if zstd has no memory.
pub fn encode_ritual_frame(payload: &[u8]) -> Result<Vec<u8>> {
    let begun = frame::begin(None, None, payload.len());
    FrameCodec::default().encode(begun, payload, None, Effort::Hot).map(|(_, frame)| frame)
}

/// As [`encode_ritual_frame`], with the bytes from `at` on, at most `length`, as the stem.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if zstd has no memory.
pub fn encode_ritual_frame_around(payload: &[u8], at: usize, length: usize) -> Result<Vec<u8>> {
    let at = at.min(payload.len());
    let end = at.saturating_add(length).min(payload.len());
    let codec = FrameCodec::default();
    let stem = codec.stem(payload, at..end, None)?;
    match codec.encode_around(frame::begin(None, None, 0), payload, &stem)? {
        Some(frame) => Ok(frame),
        None => encode_ritual_frame(payload),
    }
}

/// Decodes a stored block of entries and encodes it again.
///
/// # Errors
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for anything but a sound block.
pub fn reencode_ritual_block(bytes: &[u8]) -> Result<Vec<u8>> {
    let (seed, cards) = read_block(bytes)?;
    write_block(&seed, &cards)
}

/// Unpacks the stored content of a dictionary.
///
/// # Errors
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for anything but a sound one of at most 1 MiB.
pub fn unpack_ritual_dictionary(packed: &[u8]) -> Result<Vec<u8>> {
    dictionary::unpack(packed)
}

/// Packs the content of a dictionary as it is stored.
///
/// # Errors
/// [`ErrorKind::Limit`](crate::ErrorKind::Limit) past 1 MiB; [`ErrorKind::Internal`](crate::ErrorKind::Internal) if zstd
/// has no memory.
pub fn pack_ritual_dictionary(content: &[u8]) -> Result<Vec<u8>> {
    dictionary::pack(content)
}

/// Decodes a stored intent.
///
/// # Errors
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for anything but the JSON of one.
pub fn decode_ritual_intent(bytes: &[u8]) -> Result<SymbolicIntent> {
    SymbolicIntent::from_stored(bytes)
}

/// Makes a payload of `raw_bytes` out of `base` and a patch.
///
/// # Errors
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for anything but a patch that fits.
pub fn apply_ritual_patch(base: &[u8], patch: &[u8], raw_bytes: usize) -> Result<Vec<u8>> {
    splice::patched(base, patch, raw_bytes)
}

/// Makes the patch that leads from `base` to `target`.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if zstd has no memory.
pub fn make_ritual_patch(base: &[u8], target: &[u8]) -> Result<Vec<u8>> {
    splice::diff(base, target)
}

/// Decodes a stored event of a codex.
///
/// # Errors
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for anything but a canonical event of a known format.
pub fn decode_codex_event(bytes: &[u8]) -> Result<Event> {
    Event::from_bytes(bytes)
}

/// Encodes an event of a codex as it is stored.
///
/// # Errors
/// Those of canonical JSON.
pub fn encode_codex_event(event: &Event) -> Result<Vec<u8>> {
    event.to_bytes()
}

/// Decodes a stored opening of a commitment.
///
/// # Errors
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for anything but a canonical opening.
pub fn decode_codex_opening(bytes: &[u8]) -> Result<Opening> {
    Opening::from_bytes(bytes)
}

/// Encodes what opens a commitment as it is stored.
#[must_use]
pub fn encode_codex_opening(opening: &Opening) -> Vec<u8> {
    [&opening.salt.as_bytes()[..], opening.value.as_bytes()].concat()
}

/// Decodes a stored snapshot of a codex's log and encodes it again.
///
/// # Errors
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for anything but a sound one.
pub fn reencode_codex_snapshot(bytes: &[u8]) -> Result<Vec<u8>> {
    reencode_snapshot(bytes)
}

/// The digest of a codex event's bytes.
#[must_use]
pub fn codex_event_digest(bytes: &[u8]) -> crate::types::Digest {
    Event::digest(bytes)
}

/// Decodes a stored statement of the super-log, or its stored edge, and encodes it again.
///
/// # Errors
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for anything but a sound one.
pub fn reencode_anchor_cell(bytes: &[u8]) -> Result<Vec<u8>> {
    crate::anchor::reencode(bytes)
}
