//! The stored form of a payload.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `MYR` and the layout's version, 1 |
//! | 4 | encoding: 0 raw, 1 zstd |
//! | 5..13 | length of the payload, little-endian |
//! | 13..29 | salt of the payload's commitment |
//! | 29.. | the payload as it is, or one zstd frame (RFC 8878) with content size and content checksum |
//!
//! Bytes of zstd differ between its versions, so nothing depends on a frame being reproducible.

use std::fmt;
use std::io::Cursor;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zstd_safe::{CCtx, CParameter, DCtx};

use super::{Encoding, MAX_PAYLOAD_BYTES};
use crate::error::{Error, Result};
use crate::types::Salt;

const MAGIC: [u8; 4] = *b"MYR\x01";
const HEADER_BYTES: usize = 29;

/// Level 3 is zstd's default: on agents' JSON, levels above cost time out of proportion to what they save.
const LEVEL: i32 = 3;

/// Contexts kept for reuse. A context costs more to make than a small state to compress.
const MAX_POOLED_CONTEXTS: usize = 8;

/// A decoded frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) encoding: Encoding,
    pub(crate) salt: Salt,
    pub(crate) payload: Vec<u8>,
}

/// Encodes and decodes frames, keeping the compression contexts between calls.
#[derive(Default)]
pub(crate) struct FrameCodec {
    compressors: Mutex<Vec<CCtx<'static>>>,
    decompressors: Mutex<Vec<DCtx<'static>>>,
}

impl fmt::Debug for FrameCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameCodec").finish_non_exhaustive()
    }
}

impl FrameCodec {
    /// Encodes `payload`, which the caller has checked against [`MAX_PAYLOAD_BYTES`].
    pub(crate) fn encode(&self, payload: &[u8], salt: &Salt) -> Result<(Encoding, Vec<u8>)> {
        let compressed = self.compress(payload, salt)?;
        if compressed.len() < HEADER_BYTES + payload.len() {
            return Ok((Encoding::Zstd, compressed));
        }
        drop(compressed);
        let mut frame = header(Encoding::Raw, payload.len(), salt, payload.len());
        frame.extend_from_slice(payload);
        Ok((Encoding::Raw, frame))
    }

    fn compress(&self, payload: &[u8], salt: &Salt) -> Result<Vec<u8>> {
        let mut context = match lock(&self.compressors).pop() {
            Some(context) => context,
            None => new_compressor()?,
        };
        let frame = header(Encoding::Zstd, payload.len(), salt, zstd_safe::compress_bound(payload.len()));
        let mut output = Cursor::new(frame);
        output.set_position(HEADER_BYTES as u64);
        context.compress2(&mut output, payload).map_err(zstd_failed)?;
        give_back(&self.compressors, context);
        Ok(output.into_inner())
    }

    /// Decodes a frame that may be damaged or hostile. At most the stated length of the payload is allocated, and only
    /// if it is at most `max_raw_bytes`.
    pub(crate) fn decode(&self, frame: &[u8], max_raw_bytes: u64) -> Result<Decoded> {
        let Some((header, body)) = frame.split_first_chunk::<HEADER_BYTES>() else {
            let length = frame.len();
            return Err(Error::corrupt(format!("a frame has at least {HEADER_BYTES} bytes, not {length}")));
        };
        if header[..4] != MAGIC {
            return Err(Error::corrupt("the frame does not begin with MYR and the version 1"));
        }
        let field = |range: std::ops::Range<usize>| &header[range];
        let raw_bytes = u64::from_le_bytes(field(5..13).try_into().unwrap_or_default());
        let salt = Salt::from_bytes(field(13..29).try_into().unwrap_or_default());
        let max_raw_bytes = max_raw_bytes.min(MAX_PAYLOAD_BYTES as u64);
        if raw_bytes > max_raw_bytes {
            let message =
                format!("the frame says {raw_bytes} bytes where at most {max_raw_bytes} are expected");
            return Err(Error::corrupt(message));
        }
        let (encoding, payload) = match header[4] {
            0 => (Encoding::Raw, body.to_vec()),
            1 => (Encoding::Zstd, self.decompress(body, raw_bytes)?),
            other => return Err(Error::corrupt(format!("the frame has the unknown encoding {other}"))),
        };
        if payload.len() as u64 != raw_bytes {
            let message = format!("the frame says {raw_bytes} bytes but holds {}", payload.len());
            return Err(Error::corrupt(message));
        }
        Ok(Decoded { encoding, salt, payload })
    }

    fn decompress(&self, body: &[u8], raw_bytes: u64) -> Result<Vec<u8>> {
        // The frame's own content size must agree before anything is allocated for it.
        match zstd_safe::get_frame_content_size(body) {
            Ok(Some(size)) if size == raw_bytes => {}
            _ => return Err(Error::corrupt(format!("the zstd frame does not state {raw_bytes} bytes"))),
        }
        // Exactly one frame: zstd would decode any number of them one after another.
        if zstd_safe::find_frame_compressed_size(body) != Ok(body.len()) {
            return Err(Error::corrupt("the zstd frame does not end where the stored frame does"));
        }
        let mut context = match lock(&self.decompressors).pop() {
            Some(context) => context,
            None => DCtx::try_create().ok_or_else(|| Error::internal("zstd has no memory for a context"))?,
        };
        let mut payload = Vec::with_capacity(usize::try_from(raw_bytes).unwrap_or(usize::MAX));
        context
            .decompress(&mut payload, body)
            .map_err(|code| Error::corrupt(format!("zstd: {}", zstd_safe::get_error_name(code))))?;
        give_back(&self.decompressors, context);
        Ok(payload)
    }
}

fn header(encoding: Encoding, raw_bytes: usize, salt: &Salt, room: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER_BYTES + room);
    frame.extend_from_slice(&MAGIC);
    frame.push(match encoding {
        Encoding::Raw => 0,
        Encoding::Zstd => 1,
    });
    frame.extend_from_slice(&(raw_bytes as u64).to_le_bytes());
    frame.extend_from_slice(salt.as_bytes());
    frame
}

fn new_compressor() -> Result<CCtx<'static>> {
    let mut context =
        CCtx::try_create().ok_or_else(|| Error::internal("zstd has no memory for a context"))?;
    for parameter in [
        CParameter::CompressionLevel(LEVEL),
        CParameter::ChecksumFlag(true),
        CParameter::ContentSizeFlag(true),
    ] {
        context.set_parameter(parameter).map_err(zstd_failed)?;
    }
    Ok(context)
}

fn zstd_failed(code: usize) -> Error {
    Error::internal(format!("zstd cannot compress: {}", zstd_safe::get_error_name(code)))
}

/// A pool that a panicking thread left behind is as good as any: contexts are popped before use.
fn lock<T>(pool: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

fn give_back<T>(pool: &Mutex<Vec<T>>, context: T) {
    let mut pool = lock(pool);
    if pool.len() < MAX_POOLED_CONTEXTS {
        pool.push(context);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    const SALT: Salt = Salt::from_bytes([7; 16]);

    fn compressible() -> Vec<u8> {
        b"{\"role\":\"tool\",\"content\":\"ok\"}".repeat(50)
    }

    #[test]
    fn empty_small_and_incompressible_payloads_round_trip() {
        let codec = FrameCodec::default();
        let noise: Vec<u8> = (0..10_000_u32).map(|i| blake3::hash(&i.to_le_bytes()).as_bytes()[0]).collect();
        for (payload, expected) in [
            (vec![], Encoding::Raw),
            (vec![1], Encoding::Raw),
            (noise, Encoding::Raw),
            (compressible(), Encoding::Zstd),
        ] {
            let (encoding, frame) = codec.encode(&payload, &SALT).unwrap();
            assert_eq!(encoding, expected);
            assert!(frame.len() <= HEADER_BYTES + payload.len());
            assert_eq!(
                codec.decode(&frame, payload.len() as u64).unwrap(),
                Decoded { encoding, salt: SALT, payload }
            );
        }
    }

    #[test]
    fn every_flipped_bit_of_the_body_and_every_truncation_is_refused() {
        let codec = FrameCodec::default();
        let payload = compressible();
        let (_, frame) = codec.encode(&payload, &SALT).unwrap();
        for length in 0..frame.len() {
            assert_eq!(codec.decode(&frame[..length], 1 << 20).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        for bit in 8 * HEADER_BYTES..8 * frame.len() {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // zstd ignores some header bits; what decodes all the same must be the payload.
            if let Ok(decoded) = codec.decode(&damaged, 1 << 20) {
                assert_eq!(decoded.payload, payload, "bit {bit}");
            }
        }
    }

    #[test]
    fn lengths_that_lie_are_refused_before_allocation() {
        let codec = FrameCodec::default();
        let (_, frame) = codec.encode(&compressible(), &SALT).unwrap();
        assert!(codec.decode(&frame, 10).is_err());
        let mut huge = frame.clone();
        huge[5..13].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(codec.decode(&huge, u64::MAX).is_err());
        let twice = [frame.as_slice(), &frame[HEADER_BYTES..]].concat();
        assert!(codec.decode(&twice, 1 << 20).is_err());
    }

    proptest! {
        #[test]
        fn any_payload_round_trips_and_any_bytes_are_survived(payload in prop::collection::vec(any::<u8>(), 0..4096)) {
            let codec = FrameCodec::default();
            let (_, frame) = codec.encode(&payload, &SALT).unwrap();
            prop_assert_eq!(&codec.decode(&frame, 4096).unwrap().payload, &payload);
            let mut hostile = MAGIC.to_vec();
            hostile.extend_from_slice(&payload);
            let _ = codec.decode(&hostile, 4096);
        }
    }
}
