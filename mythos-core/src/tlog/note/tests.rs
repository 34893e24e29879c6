use super::*;
use crate::error::ErrorKind;
use crate::seal::SecretKey;
use crate::tlog::{CosignatureSigner, Ed25519Signer};
use proptest::prelude::*;

/// The example of C2SP signed-note, "Format".
const QUASIMODO: &str = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
    — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

fn signer(name: &str, seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(name, &SecretKey::from_bytes(&[seed; 32])).unwrap()
}

fn key(signer: &dyn NoteSigner) -> VerifierKey {
    signer.verifier_key().clone()
}

#[test]
fn the_example_of_the_format_is_parsed() {
    let note = Note::parse(QUASIMODO.as_bytes()).unwrap();
    assert!(note.text().ends_with("sole:\n\ned è subito sera.\n"));
    let [signature] = note.signatures() else { panic!("one signature") };
    assert_eq!(signature.name(), "quasimodo.example/salvatore");
    assert_eq!((signature.key_id(), signature.bytes().len()), (0x367b_a04b, 64));
    assert_eq!(note.to_string(), QUASIMODO);
    assert_eq!(serde_json::from_value::<Note>(serde_json::to_value(&note).unwrap()).unwrap(), note);
}

#[test]
fn what_is_no_note_is_refused() {
    let good = "text\n\n— a AAAAAAA=\n";
    Note::parse(good.as_bytes()).unwrap();
    for bad in [
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        "\n— a AAAAAAA=\n",
        "text\n— a AAAAAAA=\n",
        "text\n\n— a AAAAAAA=",
        "text\n\n— a AAAAAAA=\n\n",
        "text\n\n\u{2013} a AAAAAAA=\n",
        "text\n\n- a AAAAAAA=\n",
        "text\n\n—a AAAAAAA=\n",
        "text\n\n— AAAAAAA=\n",
        "text\n\n—  AAAAAAA=\n",
        "text\n\n— a  AAAAAAA=\n",
        "text\n\n— a AAAAAAA= \n",
        "text\n\n— a b AAAAAAA=\n",
        "text\n\n— a+b AAAAAAA=\n",
        "text\n\n— a\u{a0}b AAAAAAA=\n",
        "text\n\n— a AAAAAA==\n",
        "text\n\n— a AAAAAAA\n",
        "text\n\n— a AAAAAAB=\n",
        "text\n\n— a \n",
        "te\txt\n\n— a AAAAAAA=\n",
        "te\rxt\n\n— a AAAAAAA=\n",
        "te\0xt\n\n— a AAAAAAA=\n",
        "text\n\n— a\u{7} AAAAAAA=\n",
        "text\n\n— a AAAAAAA=\nmore\n",
        "text\n\n— a AAAAAAA=\r\n",
    ] {
        let error = Note::parse(bad.as_bytes()).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("note")), "{bad:?}");
    }
    assert_eq!(Note::parse(b"te\xffxt\n\n\xe2\x80\x94 a AAAAAAA=\n").unwrap_err().kind(), ErrorKind::Invalid);
    for (text, signatures) in [("no newline", true), ("", true), ("text\n", false), ("tab\t\n", true)] {
        let signatures =
            if signatures { vec![NoteSignature::new("a", 0, vec![0]).unwrap()] } else { Vec::new() };
        assert_eq!(Note::new(text, signatures).unwrap_err().kind(), ErrorKind::Invalid, "{text:?}");
    }
    assert!(NoteSignature::new("a", 0, Vec::new()).is_err());
    assert!(NoteSignature::new("a b", 0, vec![0]).is_err());
}

#[test]
fn notes_are_bounded() {
    let line = "— a AAAAAAA=\n";
    let most = format!("text\n\n{}", line.repeat(MAX_SIGNATURES));
    assert_eq!(Note::parse(most.as_bytes()).unwrap().to_string(), most);
    let error = Note::parse(format!("{most}{line}").as_bytes()).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Limit, Some("note")));

    let longest = format!("{}\n\n{line}", "x".repeat(MAX_NOTE_BYTES - line.len() - 2));
    let mut note = Note::parse(longest.as_bytes()).unwrap();
    assert_eq!(note.to_string(), longest);
    assert_eq!(Note::parse(format!("x{longest}").as_bytes()).unwrap_err().kind(), ErrorKind::Limit);
    let before = note.clone();
    let more = NoteSignature::new("b", 0, vec![0]).unwrap();
    assert_eq!(note.add_signature(more).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(note, before, "unchanged after an error");
    let too_long = NoteSignature::new("b", 0, vec![0; MAX_NOTE_BYTES]);
    assert_eq!(too_long.unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn known_keys_are_verified_and_unknown_ones_ignored() {
    let (one, two, three) = (signer("one", 1), signer("two", 2), signer("three", 3));
    let note = Note::sign("text\n", &[&one, &two]).unwrap();
    let verified = note.verify(&[key(&two), key(&three)]).unwrap();
    assert!(verified.by(&key(&two)).is_some() && verified.by(&key(&one)).is_none());
    assert_eq!(verified.iter().count(), 1);
    assert_eq!(note.verify(&[key(&three)]).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(note.verify(&[]).unwrap_err().kind(), ErrorKind::Corrupt);
    // The same key under another name, or the same name with another key, is another key.
    for other in [signer("one!", 1), signer("one", 9)] {
        assert!(note.verify(&[key(&other)]).is_err());
        assert!(note.verify(&[key(&other), key(&two)]).is_ok());
    }
}

#[test]
fn a_bad_signature_of_a_known_key_spoils_the_note() {
    let (one, two) = (signer("one", 1), signer("two", 2));
    let good = Note::sign("text\n", &[&one, &two]).unwrap();
    let signature = &good.signatures()[0];
    for bit in 0..512 {
        let mut bytes = signature.bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let wrong = NoteSignature::new("one", signature.key_id(), bytes).unwrap();
        let note = Note::new("text\n", vec![wrong.clone(), good.signatures()[1].clone()]).unwrap();
        assert_eq!(note.verify(&[key(&one), key(&two)]).unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(note.verify(&[key(&two)]).is_ok());
        // Also behind a good one of the same key.
        if bit == 0 {
            let note = Note::new("text\n", vec![signature.clone(), wrong]).unwrap();
            assert!(note.verify(&[key(&one)]).is_err());
        }
    }
    let shorter = NoteSignature::new("one", signature.key_id(), vec![1]).unwrap();
    assert!(Note::new("text\n", vec![shorter]).unwrap().verify(&[key(&one)]).is_err());
    let other = Note::new("other\n", good.signatures().to_vec()).unwrap();
    assert!(other.verify(&[key(&one)]).is_err());
}

#[test]
fn a_key_that_signed_twice_counts_once() {
    let one = signer("one", 1);
    let witness = CosignatureSigner::from_seed("w", &SecretKey::from_bytes(&[4; 32])).unwrap();
    let note = Note::sign("text\n", &[&one, &one, &witness.at(9).unwrap(), &witness.at(5).unwrap()]).unwrap();
    let verified = note.verify(&[key(&one), key(&one), witness.verifier_key().clone()]).unwrap();
    let times: Vec<_> = verified.iter().map(|signature| signature.time).collect();
    assert_eq!(times, [None, Some(9)]);
}

#[test]
fn two_keys_of_one_name_and_id_are_refused() {
    // Ids of other types are what their text says, so they can be made to collide.
    let one = signer("one", 1);
    let id = one.verifier_key().id();
    let impostor: VerifierKey = format!("one+{id:08x}+Bg==").parse().unwrap();
    let note = Note::sign("text\n", &[&one]).unwrap();
    let error = note.verify(&[key(&one), impostor.clone()]).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("keys")));
    assert!(note.verify(&[impostor]).is_err(), "a type that is not verified here counts as unknown");
}

#[test]
fn a_newer_signature_of_the_same_key_takes_the_place_of_the_older() {
    let (one, two) = (signer("one", 1), signer("two", 2));
    let witness = CosignatureSigner::from_seed("w", &SecretKey::from_bytes(&[4; 32])).unwrap();
    let mut note =
        Note::sign("text\n", &[&one, &witness.at(5).unwrap(), &witness.at(6).unwrap(), &two]).unwrap();
    note.add_signature_of(&witness.at(7).unwrap()).unwrap();
    let names: Vec<_> = note.signatures().iter().map(NoteSignature::name).collect();
    assert_eq!(names, ["one", "w", "two"]);
    assert_eq!(note.verify(&[witness.verifier_key().clone()]).unwrap().iter().next().unwrap().time, Some(7));
}

#[test]
fn a_signer_that_signs_something_else_is_not_believed() {
    #[derive(Debug)]
    struct Confused(VerifierKey, Vec<u8>);
    impl NoteSigner for Confused {
        fn verifier_key(&self) -> &VerifierKey {
            &self.0
        }
        fn sign(&self, _: &str) -> Result<Vec<u8>> {
            Ok(self.1.clone())
        }
    }
    let one = signer("one", 1);
    let else_signed = one.sign("something else\n").unwrap();
    // The last key is of a type that is not verified here; nothing and too much is no signature of it either.
    let unknown: VerifierKey = "other+235c80b2+mXB1YmxpYw==".parse().unwrap();
    for (key, wrong) in [
        (key(&one), else_signed),
        (key(&one), Vec::new()),
        (key(&one), vec![0; MAX_NOTE_BYTES]),
        (unknown.clone(), Vec::new()),
        (unknown, vec![0; MAX_NOTE_BYTES]),
    ] {
        let confused = Confused(key, wrong);
        let error = Note::sign("text\n", &[&confused]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        let mut note = Note::sign("text\n", &[&signer("two", 2)]).unwrap();
        assert_eq!(note.add_signature_of(&confused).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(note.signatures().len(), 1);
    }
}

proptest! {
    #[test]
    fn notes_round_trip(
        text in "([ -~é]{0,9}\n){1,5}",
        signatures in prop::collection::vec(("[a-z/é]{1,9}", any::<u32>(), prop::collection::vec(any::<u8>(), 1..80)), 1..5),
    ) {
        let signatures = signatures.into_iter().map(|(name, id, bytes)| NoteSignature::new(name, id, bytes).unwrap());
        let note = Note::new(text, signatures.collect()).unwrap();
        prop_assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap(), note);
    }

    #[test]
    fn what_is_parsed_is_written_the_same(note in "[a\n— A=+\t]{0,40}\n\n(— a [A=]{8}\n){1,2}") {
        if let Ok(parsed) = Note::parse(note.as_bytes()) {
            prop_assert_eq!(parsed.to_string(), note);
        }
    }
}
