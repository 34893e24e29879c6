use super::*;
use crate::error::ErrorKind;
use proptest::prelude::*;

/// The example of Go's `sumdb/note`.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

/// RFC 8032 §7.1, tests 1 to 3: the public key, the message, the signature.
const RFC_8032: [(&str, &str, &str); 3] = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
];

/// The order of the base point, little-endian (RFC 8032 §5.1).
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn other_key(seed: [u8; 32]) -> ed25519_compact::KeyPair {
    ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new(seed))
}

#[test]
fn the_vectors_of_rfc_8032_verify() {
    for (public, message, signature) in RFC_8032 {
        let key = VerifierKey::ed25519("x", hex(public).as_slice().try_into().unwrap()).unwrap();
        let message = hex(message);
        let signature = Signature::from_slice(&hex(signature)).unwrap();
        key.point.as_ref().unwrap().verify_strict(&message, &signature).unwrap();
        let mut wrong = message.clone();
        wrong.push(0);
        assert!(key.point.as_ref().unwrap().verify_strict(&wrong, &signature).is_err());
    }
}

#[test]
fn text_round_trips_and_has_one_form() {
    let key: VerifierKey = PETER.parse().unwrap();
    assert_eq!(key.to_string(), PETER);
    assert_eq!(format!("{key:?}"), format!("VerifierKey({PETER})"));
    assert_eq!(serde_json::from_value::<VerifierKey>(serde_json::to_value(&key).unwrap()).unwrap(), key);
    for start in 0..PETER.len() {
        for end in start..PETER.len() {
            assert!(PETER[start..end].parse::<VerifierKey>().is_err());
            assert!((start == 0) || PETER[start..].parse::<VerifierKey>().is_err());
        }
    }
    for at in 0..PETER.len() {
        let mut changed = PETER.as_bytes().to_vec();
        changed[at] += 1;
        // The one that is parsed says that it is of a type which others specify.
        let changed = String::from_utf8(changed).unwrap().parse::<VerifierKey>();
        assert!(changed.is_err() || (at == 22 && !changed.unwrap().can_verify()), "byte {at}");
    }
    let upper = PETER.replace("c74f20a3", "C74F20A3");
    assert_eq!(upper.parse::<VerifierKey>().unwrap_err().kind(), ErrorKind::Invalid);
    let long = format!("{}+00000000+AQ==", "x".repeat(MAX_TEXT_BYTES));
    assert_eq!(long.parse::<VerifierKey>().unwrap_err().kind(), ErrorKind::Limit);
    let (public, name) = (key.public_key().try_into().unwrap(), "x".repeat(MAX_TEXT_BYTES));
    assert_eq!(VerifierKey::ed25519(name, public).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn one_public_key_has_another_id_for_each_type() {
    let key: VerifierKey = PETER.parse().unwrap();
    let public = key.public_key().try_into().unwrap();
    let cosigner = VerifierKey::cosignature("PeterNeumann", public).unwrap();
    assert_eq!(cosigner.signature_type(), SignatureType::Cosignature);
    assert_ne!(cosigner.id(), key.id());
    assert_eq!(cosigner.to_string().parse::<VerifierKey>().unwrap(), cosigner);
    // The type is in the key and in the id: neither can be changed alone.
    let mixed = cosigner.to_string().replace(&format!("{:08x}", cosigner.id()), "c74f20a3");
    assert!(mixed.parse::<VerifierKey>().is_err());
}

#[test]
fn keys_of_other_types_are_kept_and_verify_nothing() {
    // Rekor's key, of ECDSA.
    let text = "rekor.sigstore.dev+c0d23d6a+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNhtmPtrWm3U1eQXBogSMdGvXwBcK5AW5i0hrZLOC96l+smGNM7nwZ4QvFK/4sueRoVj//QP22Ni4Qt9DPfkWLc=";
    let key: VerifierKey = text.parse().unwrap();
    assert_eq!(key.to_string(), text);
    assert_eq!((key.signature_type(), key.can_verify()), (SignatureType::Other(2), false));
    assert!(key.check("text\n", &[0; 64]).is_none());
    for byte in 0..=u8::MAX {
        assert_eq!(SignatureType::from_byte(byte).byte(), byte);
    }
}

#[test]
fn public_keys_that_anyone_can_sign_for_are_refused() {
    // The points of small order (and 2^255 - 19 + 1, another form of one of them), little-endian; with either
    // sign.
    let small = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for public in small {
        for sign in [0, 0x80] {
            let mut public: [u8; 32] = hex(public).try_into().unwrap();
            public[31] |= sign;
            let error = VerifierKey::ed25519("x", &public).unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("key")));
            assert!(VerifierKey::cosignature("x", &public).is_err());
        }
    }
    // y = 2^255 - 19 + 3 is a point, of large order, in a second form.
    let mut public = [0xff; 32];
    (public[0], public[31]) = (0xf0, 0x7f);
    assert!(VerifyingKey::from_bytes(&public).is_ok(), "this is about its form");
    assert!(VerifierKey::ed25519("x", &public).unwrap_err().to_string().contains("canonical"));
    // y = 2 is no point.
    public = [0; 32];
    public[0] = 2;
    assert!(VerifierKey::ed25519("x", &public).is_err());
}

#[test]
fn a_signature_with_the_order_added_is_refused() {
    let pair = other_key([5; 32]);
    let key = VerifierKey::ed25519("x", &pair.pk).unwrap();
    let mut signature = *pair.sk.sign("text\n", None);
    assert!(key.check("text\n", &signature).is_some());
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0, "S + L fits");
    assert!(key.check("text\n", &signature).is_none());
}

#[test]
fn a_signature_whose_point_is_of_small_order_is_refused() {
    // With R = the neutral element and S = 0, the equation holds for every key whose hash is a multiple of L
    // only; what is refused here is R itself.
    let key = VerifierKey::ed25519("x", &other_key([5; 32]).pk).unwrap();
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(key.check("text\n", &signature).is_none());
}

#[test]
fn cosignatures_are_over_the_time() {
    let pair = other_key([6; 32]);
    let key = VerifierKey::cosignature("w", &pair.pk).unwrap();
    let sign = |time: u64| {
        let message = format!("cosignature/v1\ntime {time}\nlog\n0\nx\n");
        [&time.to_be_bytes()[..], &pair.sk.sign(message, None)[..]].concat()
    };
    let text = "log\n0\nx\n";
    for time in [0, 1, 1_679_315_147, i64::MAX as u64] {
        assert_eq!(key.check(text, &sign(time)).unwrap().time, Some(time));
    }
    assert!(key.check(text, &sign(i64::MAX as u64 + 1)).is_none());
    let mut later = sign(7);
    later[7] += 1;
    assert!(key.check(text, &later).is_none());
    assert!(key.check(text, &sign(7)[8..]).is_none());
    assert!(key.check(text, &[&sign(7)[..], b"x"].concat()).is_none());
    let plain = VerifierKey::ed25519("w", &pair.pk).unwrap();
    assert!(plain.check(text, &sign(7)).is_none() && plain.check(text, &sign(7)[8..]).is_none());
}

proptest! {
    #[test]
    fn both_implementations_accept_the_same(seed: [u8; 32], text in "[ -~\n]{0,80}", bit in 0..512_usize) {
        let pair = other_key(seed);
        let key = VerifierKey::ed25519("x", &pair.pk).unwrap();
        let mut signature = *pair.sk.sign(&text, None);
        prop_assert!(key.check(&text, &signature).is_some());
        signature[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(key.check(&text, &signature).is_none());
        let other = ed25519_compact::Signature::from_slice(&signature).unwrap();
        prop_assert!(pair.pk.verify(&text, &other).is_err());
    }

    #[test]
    fn what_is_parsed_is_written_the_same(
        name in "[a-z./é]{1,9}", id: u32, byte in 5..=u8::MAX, public in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let text = format!("{name}+{id:08x}+{}", encode_base64(&[&[byte], &public[..]].concat()));
        let key: VerifierKey = text.parse().unwrap();
        prop_assert_eq!((key.name(), key.id(), key.public_key()), (name.as_str(), id, public.as_slice()));
        prop_assert_eq!(key.to_string(), text);
    }
}
