//! The decoders of what is stored, for fuzzing: each takes any bytes and never panics.

use crate::codex::{Event, Opening};
use crate::error::Result;
use crate::ritual::frame::FrameCodec;
use crate::types::Salt;

/// Decodes a stored ritual frame whose payload has at most `max_raw_bytes`, and gives the payload.
///
/// # Errors
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for anything but a sound frame.
pub fn decode_ritual_frame(frame: &[u8], max_raw_bytes: u64) -> Result<Vec<u8>> {
    FrameCodec::default().decode(frame, max_raw_bytes).map(|decoded| decoded.payload)
}

/// Encodes a payload as it is stored, with a salt of zeros.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if zstd has no memory.
pub fn encode_ritual_frame(payload: &[u8]) -> Result<Vec<u8>> {
    FrameCodec::default().encode(payload, &Salt::from_bytes([0; Salt::BYTES])).map(|(_, frame)| frame)
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
