//! No bytes make the parsers of notes and keys panic; what one accepts is written as the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::tlog::{CosignatureSigner, Ed25519Signer, Note, VerifierKey};

fuzz_target!(|bytes: &[u8]| {
    let keys = ["PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"];
    let keys: Vec<VerifierKey> = keys.iter().map(|key| key.parse().expect("a key")).collect();
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
        if let Ok(verified) = note.verify(&keys) {
            assert!(verified.by(&keys[0]).is_some());
        }
    }
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(signer) = Ed25519Signer::parse_private(text) {
        assert_eq!(signer.private_text().expect("a text").as_str(), text);
    }
    if let Ok(signer) = CosignatureSigner::parse_private(text) {
        assert_eq!(signer.private_text().expect("a text").as_str(), text);
    }
});
