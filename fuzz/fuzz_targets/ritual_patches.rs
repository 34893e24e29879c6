//! No patch makes its application panic or give another length than was asked for; a patch that was made restores its
//! target.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::testing::decoders::{apply_ritual_patch, make_ritual_patch};

/// Small, so that a lying length is found by what is given, not by memory running out.
const MAX_RAW_BYTES: usize = 1 << 16;

// How many bytes the base has, the length of the payload (both little-endian), the base, and the patch.
fuzz_target!(|bytes: &[u8]| {
    let Some((header, rest)) = bytes.split_first_chunk::<4>() else { return };
    let [b0, b1, r0, r1] = *header;
    let length = usize::from(u16::from_le_bytes([b0, b1])).min(rest.len());
    let raw_bytes = usize::from(u16::from_le_bytes([r0, r1])).min(MAX_RAW_BYTES);
    let (base, patch) = rest.split_at(length);
    if let Ok(target) = apply_ritual_patch(base, patch, raw_bytes) {
        assert_eq!(target.len(), raw_bytes);
    }
    let made = make_ritual_patch(base, patch).expect("any two payloads make a patch");
    assert_eq!(apply_ritual_patch(base, &made, patch.len()).expect("a made patch fits"), patch);
});
