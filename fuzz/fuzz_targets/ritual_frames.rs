//! No bytes make the frame decoder panic or give more than was allowed; what it accepts encodes and decodes again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::testing::decoders::{decode_ritual_frame, encode_ritual_frame, encode_ritual_frame_around};

/// Small, so that a lying length is found by what is given, not by memory running out.
const MAX_RAW_BYTES: u64 = 1 << 20;

// The length that the entry's card says, little-endian, and the frame.
fuzz_target!(|bytes: &[u8]| {
    if let Some((length, frame)) = bytes.split_first_chunk() {
        let raw_bytes = u64::from(u32::from_le_bytes(*length)) % (MAX_RAW_BYTES + 1);
        if let Ok(payload) = decode_ritual_frame(frame, raw_bytes) {
            assert_eq!(payload.len() as u64, raw_bytes);
            let frame = encode_ritual_frame(&payload).expect("a payload of 1 MiB can be encoded");
            let again = decode_ritual_frame(&frame, raw_bytes).expect("an encoded frame can be decoded");
            assert_eq!(again, payload);
        }
    }
    let (at, length) = match bytes {
        [at, length, ..] => (usize::from(*at), usize::from(*length)),
        _ => (0, 0),
    };
    for frame in [encode_ritual_frame(bytes), encode_ritual_frame_around(bytes, at, length)] {
        let frame = frame.expect("any bytes can be encoded");
        assert_eq!(
            decode_ritual_frame(&frame, bytes.len() as u64).expect("an encoded frame can be decoded"),
            bytes
        );
    }
});
