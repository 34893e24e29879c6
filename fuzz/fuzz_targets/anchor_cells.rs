//! Whatever the decoders of the super-log's cells accept is just what they write.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::testing::decoders::reencode_anchor_cell;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(again) = reencode_anchor_cell(bytes) {
        assert_eq!(again, bytes);
    }
});
