use proptest::prelude::*;

use super::super::KeyRing;
use super::*;
use crate::error::ErrorKind;

const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];

/// What stands before the sealed part of a buffer in these tests.
const HEADER: &[u8] = b"head";

fn id(name: &str) -> KeyId {
    KeyId::new(name).unwrap()
}

fn named(name: &str, byte: u8) -> NamedKey {
    NamedKey { id: id(name), secret: SecretKey::from_bytes(&[byte; 32]) }
}

fn place(fields: &[&[u8]]) -> Associated {
    fields.iter().fold(Associated::new("test"), |associated, field| associated.field(field))
}

fn sealed(key: &NamedKey, associated: Associated, plain: &[u8]) -> Vec<u8> {
    let mut buffer = [HEADER, plain].concat();
    key.seal(&NONCE, associated, &mut buffer, HEADER.len()).unwrap();
    buffer
}

/// Opens a copy, and holds the rule that refused bytes stay as they are.
fn opened(
    key: &NamedKey,
    nonce: &[u8; NONCE_BYTES],
    associated: Associated,
    sealed: &[u8],
) -> Result<Vec<u8>> {
    let mut buffer = sealed.to_vec();
    let outcome = key.open(nonce, associated, &mut buffer, HEADER.len());
    if let Err(error) = outcome {
        assert_eq!(buffer, sealed, "refused bytes were changed");
        return Err(error);
    }
    assert_eq!(&buffer[..HEADER.len()], HEADER);
    Ok(buffer.split_off(HEADER.len()))
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

fn bytes_of(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> = hexadecimal.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
#[test]
fn the_published_test_vector_holds() {
    let plain =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
        sunscreen would be it.";
    let associated = bytes_of("50515253 c0c1c2c3 c4c5c6c7");
    let key = SecretKey::from_slice(&(0x80..0xa0).collect::<Vec<u8>>()).unwrap();
    let nonce: [u8; NONCE_BYTES] = std::array::from_fn(|index| 0x40 + u8::try_from(index).unwrap());
    let ciphertext = bytes_of(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
         731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
         2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
         21f9664c97637da9768812f615c68b13b52e",
    );
    let expected_tag = bytes_of("c0875924c1c7987947deafd8780acf49");

    let mut buffer = plain.to_vec();
    let tag = encrypt(&key, &nonce, &associated, &mut buffer).unwrap();
    assert_eq!(buffer, ciphertext);
    assert_eq!(tag, expected_tag.as_slice());
    assert!(decrypt(&key, &nonce, &associated, &mut buffer, &tag));
    assert_eq!(buffer, plain);
}

#[test]
fn a_sealed_part_is_its_ciphertext_and_its_tag() {
    let key = named("one", 1);
    let mut plain = b"state".to_vec();
    let bound = place(&[b"tenant"]).field(b"one");
    let tag = encrypt(&key.secret, &NONCE, bound.as_bytes(), &mut plain).unwrap();
    assert_eq!(sealed(&key, place(&[b"tenant"]), b"state"), [HEADER, &plain, &tag].concat());
}

#[test]
fn every_flipped_bit_and_every_other_length_is_refused() {
    let key = named("one", 1);
    let associated = || place(&[b"tenant", b"assistant", &7_u64.to_le_bytes()]);
    let whole = sealed(&key, associated(), b"a small state");
    let refused = |nonce: &[u8; NONCE_BYTES], associated: Associated, sealed: &[u8], what: &str| {
        let error = opened(&key, nonce, associated, sealed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}");
    };
    assert_eq!(opened(&key, &NONCE, associated(), &whole).unwrap(), b"a small state");

    for bit in 8 * HEADER.len()..8 * whole.len() {
        let mut damaged = whole.clone();
        flip(&mut damaged, bit);
        refused(&NONCE, associated(), &damaged, &format!("bit {bit}"));
    }
    for bit in 0..8 * NONCE_BYTES {
        let mut nonce = NONCE;
        flip(&mut nonce, bit);
        refused(&nonce, associated(), &whole, &format!("bit {bit} of the nonce"));
    }
    for length in HEADER.len()..whole.len() {
        refused(&NONCE, associated(), &whole[..length], &format!("{length} bytes"));
    }
    refused(&NONCE, associated(), &[whole.as_slice(), b"\0"].concat(), "one byte more");

    // Also the bits of the encoding that no list of fields would make.
    let (body, tag) = whole[HEADER.len()..].split_last_chunk().unwrap();
    let bound = key.bind(associated());
    assert!(decrypt(&key.secret, &NONCE, bound.as_bytes(), &mut body.to_vec(), tag));
    for bit in 0..8 * bound.as_bytes().len() {
        let mut damaged = bound.as_bytes().to_vec();
        flip(&mut damaged, bit);
        assert!(!decrypt(&key.secret, &NONCE, &damaged, &mut body.to_vec(), tag), "associated bit {bit}");
    }
}

#[test]
fn another_place_is_refused() {
    let key = named("one", 1);
    let whole = sealed(&key, place(&[b"ab", b"c"]), b"state");
    for other in [
        place(&[b"a", b"bc"]),
        place(&[b"abc"]),
        place(&[b"ab", b"c", b""]),
        place(&[b"c", b"ab"]),
        Associated::new("tset").field(b"ab").field(b"c"),
    ] {
        assert_eq!(opened(&key, &NONCE, other, &whole).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn another_key_and_another_id_of_the_same_key_are_refused() {
    let whole = sealed(&named("one", 1), place(&[]), b"state");
    for other in [named("one", 2), named("two", 1), named("two", 2)] {
        let error = opened(&other, &NONCE, place(&[]), &whole).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let name = format!("the key {:?} does not open these bytes", other.id().as_str());
        assert!(error.to_string().starts_with(&name), "{error}");
    }
    assert!(opened(&named("one", 1), &NONCE, place(&[]), &whole).is_ok());
}

#[test]
fn a_missing_key_is_named() {
    let ring = KeyRing::with_active(id("one"), SecretKey::from_bytes(&[1; 32]));
    assert_eq!(NamedKey::active(&ring).unwrap().unwrap().id(), &id("one"));
    let error = NamedKey::known(&ring, &id("two")).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::NotFound, Some("key")));
    assert_eq!(error.to_string(), "the key \"two\" is not known: destroyed, or not given");

    // A destroyed active key refuses to seal; it does not fall back to storing unsealed.
    ring.destroy(&id("one"));
    let error = NamedKey::active(&ring).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::NotFound, Some("key")));
    ring.deactivate();
    assert!(NamedKey::active(&ring).unwrap().is_none());
}

#[test]
fn errors_of_the_provider_are_passed_through() {
    #[derive(Debug)]
    struct Unreachable(bool);

    impl KeyProvider for Unreachable {
        fn active(&self) -> Result<Option<KeyId>> {
            if self.0 { Ok(Some(id("one"))) } else { Err(Error::unavailable("no answer")) }
        }

        fn key(&self, _: &KeyId) -> Result<Option<SecretKey>> {
            Err(Error::unavailable("no answer"))
        }
    }

    for outcome in [
        NamedKey::active(&Unreachable(false)).map(|_| ()),
        NamedKey::active(&Unreachable(true)).map(|_| ()),
        NamedKey::known(&Unreachable(true), &id("one")).map(|_| ()),
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().ends_with("no answer"), "{error}");
    }
}

#[test]
fn a_buffer_with_room_for_the_tag_does_not_move() {
    let key = named("one", 1);
    let mut buffer = Vec::with_capacity(1000 + TAG_BYTES);
    buffer.resize(1000, 3);
    let address = buffer.as_ptr();
    key.seal(&NONCE, place(&[]), &mut buffer, 0).unwrap();
    assert_eq!((buffer.as_ptr(), buffer.len()), (address, 1000 + TAG_BYTES));
    key.open(&NONCE, place(&[]), &mut buffer, 0).unwrap();
    assert_eq!((buffer.as_ptr(), buffer.len()), (address, 1000));
    assert_eq!(buffer, [3; 1000]);
}

#[test]
fn a_start_behind_the_end_is_a_defect_of_the_caller() {
    let key = named("one", 1);
    let mut buffer = vec![0; 4];
    assert_eq!(key.seal(&NONCE, place(&[]), &mut buffer, 5).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(key.open(&NONCE, place(&[]), &mut buffer, 5).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(buffer, [0; 4]);
}

proptest! {
    #[test]
    fn what_is_sealed_is_opened(
        plain in prop::collection::vec(any::<u8>(), 0..2048),
        secret in any::<[u8; 32]>(),
        nonce in any::<[u8; NONCE_BYTES]>(),
        fields in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5),
    ) {
        let key = NamedKey { id: id("one"), secret: SecretKey::from_bytes(&secret) };
        let associated = || fields.iter().fold(Associated::new("test"), |sum, field| sum.field(field));
        let mut buffer = [HEADER, &plain].concat();
        key.seal(&nonce, associated(), &mut buffer, HEADER.len()).unwrap();
        prop_assert_eq!(buffer.len(), HEADER.len() + plain.len() + TAG_BYTES);
        // Sixteen bytes that come out as they went in would be a coincidence of 2^-128.
        if plain.len() >= 16 {
            prop_assert!(!buffer.windows(16).any(|window| window == &plain[..16]));
        }
        prop_assert_eq!(opened(&key, &nonce, associated(), &buffer).unwrap(), plain);
    }

    #[test]
    fn foreign_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let foreign = [HEADER, &bytes].concat();
        let error = opened(&named("one", 1), &NONCE, place(&[]), &foreign).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
