use super::*;
use crate::error::ErrorKind;
use crate::tlog::Note;
use proptest::prelude::*;

/// The example of Go's `sumdb/note`.
const PETER: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

#[test]
fn the_example_of_go_signs_the_same() {
    let signer = Ed25519Signer::parse_private(PETER).unwrap();
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    let signature =
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
    let note = Note::sign(text, &[&signer]).unwrap();
    assert_eq!(note.to_string(), format!("{text}\n— PeterNeumann {signature}\n"));
    assert_eq!(signer.private_text().unwrap().as_str(), PETER);
}

#[test]
fn private_texts_have_one_form_and_no_message_repeats_them() {
    for at in 0..PETER.len() {
        let mut changed = PETER.as_bytes().to_vec();
        changed[at] += 1;
        let changed = String::from_utf8(changed).unwrap();
        for error in [
            Ed25519Signer::parse_private(&changed).unwrap_err(),
            Ed25519Signer::parse_private(&PETER[..at]).unwrap_err(),
            Ed25519Signer::parse_private(&PETER[at + 1..]).unwrap_err(),
            CosignatureSigner::parse_private(PETER).unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("key")));
            assert!(!format!("{error} {error:?}").contains("AYEK"), "{error}");
        }
    }
    let long = format!("{PRIVATE_PREFIX}{}", "x".repeat(5000));
    assert_eq!(Ed25519Signer::parse_private(&long).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn nothing_prints_the_secret_bytes() {
    // As decimal list, as hexadecimal digits, as text and as base64.
    let seed = SecretKey::from_bytes(b"QZ9!QZ9!QZ9!QZ9!QZ9!QZ9!QZ9!QZ9!");
    let log = Ed25519Signer::from_seed("log", &seed).unwrap();
    let witness = CosignatureSigner::from_seed("witness", &seed).unwrap();
    let printed = format!("{log:?} {log:#?} {witness:?} {:?}", witness.at(1).unwrap());
    for forbidden in ["81, 90", "51, 5a", "515a", "515A", "QZ9!", "UVo5"] {
        assert!(!printed.contains(forbidden), "{printed}");
    }
}

#[test]
fn private_keys_are_erased_by_their_type() {
    fn is_erased<T: zeroize::ZeroizeOnDrop>(_: &T) {}
    is_erased(PrivateKey::from_seed(&SecretKey::from_bytes(&[1; 32])).0.as_ref());
}

#[test]
fn a_time_beyond_the_format_is_refused() {
    let witness = CosignatureSigner::from_seed("witness", &SecretKey::from_bytes(&[1; 32])).unwrap();
    assert!(witness.at(i64::MAX as u64).is_ok());
    let error = witness.at(i64::MAX as u64 + 1).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Limit, Some("time")));
}

proptest! {
    #[test]
    fn signatures_are_those_of_another_implementation(seed: [u8; 32], text in "[ -~\n]{0,80}", time in 0..u64::MAX / 2) {
        let secret = SecretKey::from_bytes(&seed);
        let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new(seed));
        let log = Ed25519Signer::from_seed("x", &secret).unwrap();
        prop_assert_eq!(log.verifier_key().public_key(), &pair.pk[..]);
        prop_assert_eq!(log.sign(&text).unwrap(), &pair.sk.sign(&text, None)[..]);
        let witness = CosignatureSigner::from_seed("x", &secret).unwrap();
        let cosigned = pair.sk.sign(format!("cosignature/v1\ntime {time}\n{text}"), None);
        let signed = witness.at(time).unwrap().sign(&text).unwrap();
        prop_assert_eq!(&signed[..8], &time.to_be_bytes()[..]);
        prop_assert_eq!(&signed[8..], &cosigned[..]);

        let again = CosignatureSigner::parse_private(&witness.private_text().unwrap()).unwrap();
        prop_assert_eq!(again.verifier_key(), witness.verifier_key());
        let again = Ed25519Signer::parse_private(&log.private_text().unwrap()).unwrap();
        prop_assert_eq!(again.sign(&text).unwrap(), log.sign(&text).unwrap());
    }
}
