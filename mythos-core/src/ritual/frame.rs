//! The stored form of a payload, or of a patch, before the check that ends its cell.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | layout, 1 |
//! | 1 | flags: 1 sealed, 2 the salt of the payload's commitment is inside |
//! | if sealed: 1, n, 24 | length of the key's id, the id, the nonce; all that follows is sealed |
//! | if flag 2: 16 | the salt |
//! | a payload: 1, 4 | encoding: 0 raw, 1 zstd, 2 zstd around a stem; the dictionary's number, little-endian, 0 for none |
//! | rest | the payload as it is, or one zstd frame (RFC 8878) with content size; or the patch |
//!
//! Around a stem there are two zstd frames, each with content size, so that a state that grew can take over what was
//! compressed of the one before:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | how many bytes stand before the stem, little-endian |
//! | 4 | length of the first frame, little-endian |
//! | that many | what stands before and behind the stem, compressed behind the last 64 KiB of it |
//! | rest | the stem, with the dictionary |
//!
//! The first of these has no checksum of its own, as zstd's simple interface makes none: the cell ends in 128 bits of
//! BLAKE3 over all of it, and the payload is compared with the entry's commitment.
//!
//! How long the payload is stands in the entry's card. Bytes of zstd differ between its versions, so nothing depends on
//! a frame being reproducible.

use std::fmt;
use std::io::Cursor;
use std::ops::Range;

use zstd_safe::{CCtx, CParameter, DCtx};

use super::dictionary::{Dictionary, Effort, check_frame, new_decompressor, no_memory, zstd_failed};
use super::entropy::Counts;
use super::pool::Pool;
use super::stem::{Stem, reach};
use super::{Encoding, MAX_PAYLOAD_BYTES, splice};
use crate::error::{Error, Result};
use crate::seal::{self, Associated, KeyId, NamedKey};
use crate::types::Salt;

const LAYOUT: u8 = 1;
const SEALED: u8 = 1;
const SALTED: u8 = 2;

/// The bytes before an encoded payload: encoding and dictionary.
const PAYLOAD_HEADER_BYTES: usize = 5;

/// How a payload's frame says what follows.
const RAW: u8 = 0;
const ZSTD: u8 = 1;
const AROUND_STEM: u8 = 2;

/// zstd's level for a stem and what stands around it: the next saves take over the one and replace the other. Level 3
/// takes a third less room and up to twice the time.
const FLEETING_LEVEL: i32 = -3;

/// What a frame is sealed with.
pub(crate) struct Sealing<'a> {
    pub(crate) key: &'a NamedKey,
    pub(crate) nonce: [u8; seal::NONCE_BYTES],
    pub(crate) associated: Associated,
}

/// A frame without its seal.
pub(crate) struct Opened {
    /// The salt, if it is inside.
    pub(crate) salt: Option<Salt>,
    bytes: Vec<u8>,
    start: usize,
}

impl Opened {
    /// What was closed.
    pub(crate) fn content(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn into_content(mut self) -> Vec<u8> {
        self.bytes.drain(..self.start);
        self.bytes
    }
}

/// Room for what stands before the content, so that nothing is moved for it.
pub(crate) fn begin(sealing: Option<&KeyId>, salt: Option<&Salt>, room: usize) -> Vec<u8> {
    let key = sealing.map_or(0, |id| 1 + id.as_str().len() + seal::NONCE_BYTES + seal::TAG_BYTES);
    let mut frame = Vec::with_capacity(2 + key + Salt::BYTES + room + super::cell::CHECK_BYTES);
    frame.push(LAYOUT);
    frame.push(u8::from(sealing.is_some()) * SEALED + u8::from(salt.is_some()) * SALTED);
    if let Some(id) = sealing {
        // An id has at most 64 bytes.
        frame.push(id.as_str().len() as u8);
        frame.extend_from_slice(id.as_str().as_bytes());
        frame.extend_from_slice(&[0; seal::NONCE_BYTES]);
    }
    if let Some(salt) = salt {
        frame.extend_from_slice(salt.as_bytes());
    }
    frame
}

/// Seals what [`begin`] began and the caller filled.
pub(crate) fn finish(mut frame: Vec<u8>, sealing: Option<Sealing<'_>>) -> Result<Vec<u8>> {
    if let Some(Sealing { key, nonce, associated }) = sealing {
        let content = 3 + key.id().as_str().len() + seal::NONCE_BYTES;
        frame[content - seal::NONCE_BYTES..content].copy_from_slice(&nonce);
        key.seal(&nonce, associated, &mut frame, content)?;
    }
    Ok(frame)
}

/// The key that a frame says it is sealed under.
pub(crate) fn key_of(frame: &[u8]) -> Result<Option<KeyId>> {
    match frame {
        [LAYOUT, flags, ..] if flags & !(SEALED | SALTED) != 0 => {
            Err(Error::corrupt("the frame has unknown flags"))
        }
        [LAYOUT, flags, ..] if flags & SEALED == 0 => Ok(None),
        [LAYOUT, _, length, rest @ ..] if rest.len() >= usize::from(*length) => {
            let id = std::str::from_utf8(&rest[..usize::from(*length)]).ok().and_then(|id| id.parse().ok());
            id.map(Some).ok_or_else(|| Error::corrupt("the frame does not name a key"))
        }
        _ => Err(Error::corrupt("the frame does not begin with the layout 1")),
    }
}

/// Opens a frame in place. `expected` is the key that its card names, with its secret: a frame that is not sealed where
/// it should be, or under another key, is refused.
pub(crate) fn open(mut frame: Vec<u8>, expected: Option<(&NamedKey, Associated)>) -> Result<Opened> {
    let found = key_of(&frame)?;
    if found.as_ref() != expected.as_ref().map(|(key, _)| key.id()) {
        let name = |id: Option<&KeyId>| id.map_or_else(|| "no key".to_owned(), |id| format!("key {id}"));
        let (expected, found) = (name(expected.as_ref().map(|(key, _)| key.id())), name(found.as_ref()));
        return Err(Error::corrupt(format!("the frame is sealed under {found}, not under {expected}")));
    }
    let is_salted = frame[1] & SALTED != 0;
    let mut start = 2;
    if let Some((key, associated)) = expected {
        let nonce_at = 3 + key.id().as_str().len();
        start = nonce_at + seal::NONCE_BYTES;
        let nonce = frame.get(nonce_at..start).and_then(|nonce| nonce.try_into().ok());
        let nonce: [u8; seal::NONCE_BYTES] =
            nonce.ok_or_else(|| Error::corrupt("the sealed frame ends early"))?;
        key.open(&nonce, associated, &mut frame, start)?;
    }
    let mut salt = None;
    if is_salted {
        let bytes = frame.get(start..).and_then(|rest| rest.first_chunk());
        salt =
            Some(Salt::from_bytes(*bytes.ok_or_else(|| Error::corrupt("the frame ends before its salt"))?));
        start += Salt::BYTES;
    }
    Ok(Opened { salt, bytes: frame, start })
}

/// Encodes and decodes payloads, keeping the compression contexts between calls.
#[derive(Default)]
pub(crate) struct FrameCodec {
    compressors: Pool<CCtx<'static>>,
    decompressors: Pool<DCtx<'static>>,
}

impl fmt::Debug for FrameCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameCodec").finish_non_exhaustive()
    }
}

impl FrameCodec {
    /// Appends the encoded payload, which the caller has checked against [`MAX_PAYLOAD_BYTES`], to `frame`.
    pub(crate) fn encode(
        &self,
        mut frame: Vec<u8>,
        payload: &[u8],
        dictionary: Option<&Dictionary>,
        effort: Effort,
    ) -> Result<(Encoding, Vec<u8>)> {
        let begun = frame.len();
        frame.push(ZSTD);
        frame.extend_from_slice(&dictionary.map_or(0, Dictionary::id).to_le_bytes());
        frame.reserve(zstd_safe::compress_bound(payload.len()) + seal::TAG_BYTES + super::cell::CHECK_BYTES);
        match dictionary {
            Some(dictionary) => dictionary.compress(payload, effort, &mut frame)?,
            None => self.compress(&mut frame, payload, effort.level())?,
        }
        if frame.len() < begun + PAYLOAD_HEADER_BYTES + payload.len() {
            return Ok((Encoding::Zstd, frame));
        }
        frame.truncate(begun);
        frame.push(RAW);
        frame.extend_from_slice(&[0; PAYLOAD_HEADER_BYTES - 1]);
        frame.extend_from_slice(payload);
        Ok((Encoding::Raw, frame))
    }

    /// As [`encode`](Self::encode), for a payload that `stem` [stands in](Stem::stands_in); `None` if that would not make
    /// it shorter.
    pub(crate) fn encode_around(
        &self,
        mut frame: Vec<u8>,
        payload: &[u8],
        stem: &Stem,
    ) -> Result<Option<Vec<u8>>> {
        let begun = frame.len();
        let rest = stem.around(payload).concat();
        let room = zstd_safe::compress_bound(rest.len()) + stem.frame.len();
        frame.reserve(PAYLOAD_HEADER_BYTES + 8 + room + seal::TAG_BYTES + super::cell::CHECK_BYTES);
        frame.push(AROUND_STEM);
        frame.extend_from_slice(&stem.dictionary.to_le_bytes());
        // No payload has 4 GiB.
        frame.extend_from_slice(&(stem.at as u32).to_le_bytes());
        let length_at = frame.len();
        frame.extend_from_slice(&[0; 4]);
        let mut context = self.compressor()?;
        let behind = reach(&payload[stem.at..stem.at + stem.raw_bytes]);
        let mut output = Cursor::new(frame);
        output.set_position(length_at as u64 + 4);
        context.compress_using_dict(&mut output, &rest, behind, FLEETING_LEVEL).map_err(zstd_failed)?;
        self.compressors.give_back(context);
        let mut frame = output.into_inner();
        let length = (frame.len() - length_at - 4) as u32;
        frame[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(&stem.frame);
        Ok((frame.len() < begun + PAYLOAD_HEADER_BYTES + payload.len()).then_some(frame))
    }

    /// Compresses a part of a payload by itself.
    pub(crate) fn stem(
        &self,
        payload: &[u8],
        range: Range<usize>,
        dictionary: Option<&Dictionary>,
    ) -> Result<Stem> {
        let (at, bytes) = (range.start, &payload[range]);
        let mut frame = Vec::new();
        match dictionary {
            Some(dictionary) => dictionary.compress(bytes, Effort::Hot, &mut frame)?,
            None => self.compress(&mut frame, bytes, FLEETING_LEVEL)?,
        }
        // zstd asks for more room than the stem itself has.
        frame.shrink_to_fit();
        let dictionary = dictionary.map_or(0, Dictionary::id);
        Ok(Stem { at, raw_bytes: bytes.len(), frame, dictionary, counts: Counts::of(bytes) })
    }

    /// Appends one zstd frame of `payload`, for which there should be room, to `frame`.
    fn compress(&self, frame: &mut Vec<u8>, payload: &[u8], level: i32) -> Result<()> {
        let mut context = self.compressor()?;
        context.set_parameter(CParameter::CompressionLevel(level)).map_err(zstd_failed)?;
        frame.reserve(zstd_safe::compress_bound(payload.len()));
        let start = frame.len() as u64;
        let mut output = Cursor::new(frame);
        output.set_position(start);
        context.compress2(&mut output, payload).map_err(zstd_failed)?;
        self.compressors.give_back(context);
        Ok(())
    }

    fn compressor(&self) -> Result<CCtx<'static>> {
        self.compressors.take().or_else(CCtx::try_create).ok_or_else(no_memory)
    }

    /// The number of the dictionary that a payload's frame needs; 0 for none.
    pub(crate) fn dictionary_of(opened: &Opened) -> Result<u32> {
        let header = opened.content().get(1..PAYLOAD_HEADER_BYTES).and_then(|bytes| bytes.try_into().ok());
        header.map(u32::from_le_bytes).ok_or_else(|| Error::corrupt("the frame ends before its payload"))
    }

    /// Decodes a payload's frame that may be damaged or hostile. At most `raw_bytes` are allocated.
    pub(crate) fn decode(
        &self,
        opened: Opened,
        raw_bytes: u64,
        dictionary: Option<&Dictionary>,
    ) -> Result<Vec<u8>> {
        if raw_bytes > MAX_PAYLOAD_BYTES as u64 {
            let message =
                format!("the entry says {raw_bytes} bytes where at most {MAX_PAYLOAD_BYTES} are stored");
            return Err(Error::corrupt(message));
        }
        let needed = Self::dictionary_of(&opened)?;
        if needed != dictionary.map_or(0, Dictionary::id) {
            return Err(Error::corrupt(format!("the frame needs dictionary {needed}, which was not given")));
        }
        let payload = match opened.content()[0] {
            RAW => {
                let mut payload = opened.into_content();
                payload.drain(..PAYLOAD_HEADER_BYTES);
                payload
            }
            ZSTD => self.decompress(&opened.content()[PAYLOAD_HEADER_BYTES..], raw_bytes, dictionary)?,
            AROUND_STEM => {
                self.decode_around(&opened.content()[PAYLOAD_HEADER_BYTES..], raw_bytes, dictionary)?
            }
            other => return Err(Error::corrupt(format!("the frame has the unknown encoding {other}"))),
        };
        if payload.len() as u64 != raw_bytes {
            let message = format!("the frame holds {} bytes, not {raw_bytes}", payload.len());
            return Err(Error::corrupt(message));
        }
        Ok(payload)
    }

    fn decompress(&self, body: &[u8], raw_bytes: u64, dictionary: Option<&Dictionary>) -> Result<Vec<u8>> {
        if let Some(dictionary) = dictionary {
            return dictionary.decompress(body, raw_bytes);
        }
        check_frame(body, raw_bytes, MAX_PAYLOAD_BYTES)?;
        self.with_decompressor(|context| {
            let mut payload = Vec::with_capacity(usize::try_from(raw_bytes).unwrap_or(usize::MAX));
            context.decompress(&mut payload, body).map_err(damaged)?;
            Ok(payload)
        })
    }

    /// Decodes what [`encode_around`](Self::encode_around) wrote behind the header. At most twice `raw_bytes` are
    /// allocated.
    fn decode_around(&self, body: &[u8], raw_bytes: u64, dictionary: Option<&Dictionary>) -> Result<Vec<u8>> {
        let early = || Error::corrupt("the frame ends before its stem");
        let (at, body) = body.split_first_chunk().ok_or_else(early)?;
        let (length, body) = body.split_first_chunk().ok_or_else(early)?;
        let (at, length) = (u32::from_le_bytes(*at) as usize, u32::from_le_bytes(*length) as usize);
        let (rest, stem) = body.split_at_checked(length).ok_or_else(early)?;
        let rest_bytes = match zstd_safe::get_frame_content_size(rest) {
            Ok(Some(bytes)) if bytes <= raw_bytes && at as u64 <= bytes => bytes,
            _ => return Err(Error::corrupt("what stands around the frame's stem does not fit it")),
        };
        check_frame(rest, rest_bytes, MAX_PAYLOAD_BYTES)?;
        let mut payload = self.decompress(stem, raw_bytes - rest_bytes, dictionary)?;
        let around = self.with_decompressor(|context| {
            let mut around = Vec::with_capacity(rest_bytes as usize);
            context.decompress_using_dict(&mut around, rest, reach(&payload)).map_err(damaged)?;
            Ok(around)
        })?;
        let (before, behind) = around.split_at_checked(at).ok_or_else(early)?;
        payload.reserve_exact(around.len());
        payload.splice(..0, before.iter().copied());
        payload.extend_from_slice(behind);
        Ok(payload)
    }

    /// Makes the payload of an older entry out of its patch and the payload of the next newer one.
    pub(crate) fn patched(&self, base: &[u8], patch: &Opened, raw_bytes: u64) -> Result<Vec<u8>> {
        if raw_bytes > MAX_PAYLOAD_BYTES as u64 {
            return Err(Error::corrupt(format!("the entry says {raw_bytes} bytes")));
        }
        self.with_decompressor(|context| splice::apply(context, base, patch.content(), raw_bytes as usize))
    }

    fn with_decompressor<T>(&self, use_it: impl FnOnce(&mut DCtx<'static>) -> Result<T>) -> Result<T> {
        let mut context = match self.decompressors.take() {
            Some(context) => context,
            None => new_decompressor()?,
        };
        let result = use_it(&mut context)?;
        self.decompressors.give_back(context);
        Ok(result)
    }
}

fn damaged(code: usize) -> Error {
    Error::corrupt(format!("zstd: {}", zstd_safe::get_error_name(code)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(frame: &[u8], raw_bytes: usize, dictionary: Option<&Dictionary>) -> Result<Vec<u8>> {
        FrameCodec::default().decode(open(frame.to_vec(), None)?, raw_bytes as u64, dictionary)
    }

    #[test]
    fn a_frame_around_a_stem_is_sound_or_refused() {
        let text: Vec<u8> =
            (0..4000_u32).flat_map(|step| format!("step {step} of the work;").into_bytes()).collect();
        let codec = FrameCodec::default();
        let stem = codec.stem(&text, 100..text.len() - 5_000, None).unwrap();
        let around = codec.encode_around(begin(None, None, 0), &text, &stem).unwrap().unwrap();
        assert_eq!(around[2], AROUND_STEM);
        assert!(around.len() < text.len() / 4, "{} of {}", around.len(), text.len());
        // Every cut, and every byte that says where something is, is noticed.
        for end in 0..around.len() {
            assert!(decoded(&around[..end], text.len(), None).is_err());
        }
        assert!(decoded(&around, text.len() + 1, None).is_err());
        assert!(decoded(&around, text.len() - 1, None).is_err());
        for at in 2..PAYLOAD_HEADER_BYTES + 10 {
            let mut damaged = around.clone();
            damaged[at] ^= 0x80;
            assert!(decoded(&damaged, text.len(), None).map_or(true, |payload| payload != text), "{at}");
        }
    }

    #[test]
    fn a_frame_around_a_stem_needs_its_dictionary() {
        let text = |from: u32| (from..from + 300).flat_map(|step| format!("{step} was done; ").into_bytes());
        let dictionary = Dictionary::new(7, text(0).collect()).unwrap();
        let payload: Vec<u8> = text(100).chain(*b"and more").collect();
        let codec = FrameCodec::default();
        let stem = codec.stem(&payload, 0..payload.len() - 8, Some(&dictionary)).unwrap();
        let begun = begin(None, None, 0);
        let frame = codec.encode_around(begun, &payload, &stem).unwrap().unwrap();
        assert_eq!(decoded(&frame, payload.len(), Some(&dictionary)).unwrap(), payload);
        assert!(decoded(&frame, payload.len(), None).is_err());
    }

    proptest! {
        #[test]
        fn any_payload_around_any_stem_round_trips(payload in prop::collection::vec(0..4_u8, 0..400), at in 0_usize..400, length in 0_usize..400) {
            let at = at.min(payload.len());
            let end = (at + length).min(payload.len());
            let codec = FrameCodec::default();
            let stem = codec.stem(&payload, at..end, None).unwrap();
            if let Some(frame) = codec.encode_around(begin(None, None, 0), &payload, &stem).unwrap() {
                prop_assert_eq!(decoded(&frame, payload.len(), None).unwrap(), payload);
            }
        }
    }
}
