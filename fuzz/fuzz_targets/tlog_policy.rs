//! No bytes make the parser of policies panic; what it accepts has one written form, which means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::tlog::{Policy, SignedCheckpoint};

const CHECKPOINT: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    \u{2014} example.com/behind-the-sofa AAAAAAA=\n";

fuzz_target!(|bytes: &[u8]| {
    let Ok(policy) = Policy::parse(bytes) else { return };
    let written = policy.to_string();
    let again: Policy = written.parse().expect("what was written can be read");
    assert_eq!(again, policy);
    assert_eq!(again.to_string(), written);
    let signed: SignedCheckpoint = CHECKPOINT.parse().expect("a checkpoint");
    if let Ok(verdict) = policy.evaluate(&signed) {
        assert!(!verdict.is_met(), "nobody signed it");
    }
});
