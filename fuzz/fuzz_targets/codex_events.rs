//! Whatever the event decoder accepts is the canonical form of what it gives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::canonical;
use mythos_core::testing::decoders::{decode_codex_event, decode_codex_opening, encode_codex_event};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = decode_codex_event(bytes) {
        assert_eq!(encode_codex_event(&event).expect("a decoded event has canonical bytes"), bytes);
    }
    if let Ok(opening) = decode_codex_opening(bytes) {
        assert_eq!(canonical::to_vec(&opening).expect("a decoded opening has canonical bytes"), bytes);
    }
});
