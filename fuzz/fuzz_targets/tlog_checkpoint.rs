//! No bytes make the parsers of checkpoints and of evidence panic; a checkpoint is written as the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::tlog::{Checkpoint, EquivocationEvidence, SignedCheckpoint};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(signed) = SignedCheckpoint::parse(bytes) {
        assert_eq!(signed.to_string().as_bytes(), bytes);
        assert_eq!(signed.checkpoint().to_string(), signed.note().text());
    }
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        assert_eq!(checkpoint.to_string(), text);
    }
    // JSON has many forms.
    if let Ok(evidence) = text.parse::<EquivocationEvidence>() {
        let written = evidence.to_string();
        assert_eq!(written.parse::<EquivocationEvidence>().expect("what was written can be read"), evidence);
    }
});
