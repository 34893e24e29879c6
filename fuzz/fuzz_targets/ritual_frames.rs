//! No bytes make the frame decoder panic or give more than was allowed; what it accepts encodes and decodes again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::testing::decoders::{decode_ritual_frame, encode_ritual_frame};

/// Small, so that a lying length is found by what is given, not by memory running out.
const MAX_RAW_BYTES: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(payload) = decode_ritual_frame(bytes, MAX_RAW_BYTES) {
        assert!(payload.len() as u64 <= MAX_RAW_BYTES);
        let frame = encode_ritual_frame(&payload).expect("a payload of 1 MiB can be encoded");
        let again = decode_ritual_frame(&frame, payload.len() as u64).expect("an encoded frame can be decoded");
        assert_eq!(again, payload);
    }
    let frame = encode_ritual_frame(bytes).expect("any bytes can be encoded");
    assert_eq!(decode_ritual_frame(&frame, bytes.len() as u64).expect("an encoded frame can be decoded"), bytes);
});
