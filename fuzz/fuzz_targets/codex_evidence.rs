//! No text makes the reader of evidence bundles panic, nor any bundle its verification; what is read is written and read
//! the same.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mythos_core::codex::EvidenceBundle;
use mythos_core::seal::SecretKey;
use mythos_core::tlog::{Ed25519Signer, NoteSigner, Policy};

/// The key that signed the checkpoints of the seeds.
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let signer = Ed25519Signer::from_seed("mythos.invalid/default/support", &SecretKey::from_bytes(&[7; 32]));
    Policy::of_log(signer.expect("a name of a key").verifier_key().clone()).expect("a key that is verified")
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(bundle) = EvidenceBundle::from_json(text) {
        let _ = bundle.verify(&POLICY);
        let json = bundle.to_json().expect("a bundle has a text form");
        assert_eq!(EvidenceBundle::from_json(&json).expect("its own text is read"), bundle);
    }
});
