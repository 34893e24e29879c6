//! Whatever the decoders of a codex's cells accept is just what they write.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::testing::decoders::{
    decode_codex_event, decode_codex_opening, encode_codex_event, encode_codex_opening, reencode_codex_snapshot,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = decode_codex_event(bytes) {
        assert_eq!(encode_codex_event(&event).expect("a decoded event has bytes"), bytes);
    }
    if let Ok(opening) = decode_codex_opening(bytes) {
        assert_eq!(encode_codex_opening(&opening), bytes);
    }
    if let Ok(snapshot) = reencode_codex_snapshot(bytes) {
        assert_eq!(snapshot, bytes);
    }
});
