use super::*;
use crate::error::ErrorKind;
use crate::seal::SecretKey;
use crate::tlog::{Checkpoint, CosignatureSigner, Ed25519Signer, NoteSigner, leaf_hash, node_hash};

fn log() -> Ed25519Signer {
    Ed25519Signer::from_seed("example.com/log", &SecretKey::from_bytes(&[1; 32])).unwrap()
}

/// The second of two leaves.
fn proof() -> LogProof {
    let (one, two) = (leaf_hash(b"one"), leaf_hash(b"two"));
    let checkpoint = Checkpoint::new("example.com/log", 2, node_hash(&one, &two)).unwrap();
    let signed = SignedCheckpoint::sign(checkpoint, &[&log()]).unwrap();
    LogProof::new(InclusionProof { index: 1, size: 2, hashes: vec![one] }, signed).unwrap()
}

fn policy() -> Policy {
    Policy::of_log(log().verifier_key().clone()).unwrap()
}

#[test]
fn the_text_form_is_that_of_the_format() {
    let checkpoint = proof().checkpoint().to_string();
    let text = format!("c2sp.org/tlog-proof@v1\nindex 1\n{}\n\n{checkpoint}", leaf_hash(b"one"));
    assert_eq!(proof().to_string(), text);
    assert_eq!(text.parse::<LogProof>().unwrap(), proof());
    let extra = proof().with_extra(b"more".to_vec()).unwrap();
    assert_eq!(extra.to_string(), text.replace("index", "extra bW9yZQ==\nindex"));
    assert_eq!(extra.to_string().parse::<LogProof>().unwrap().extra(), Some(&b"more"[..]));
    assert_eq!(serde_json::from_value::<LogProof>(text.into()).unwrap(), proof());

    // A log of one leaf: no hashes, and so no line between the index and the empty line.
    let checkpoint = Checkpoint::new("example.com/log", 1, leaf_hash(b"one")).unwrap();
    let signed = SignedCheckpoint::sign(checkpoint, &[&log()]).unwrap();
    let alone = LogProof::new(InclusionProof { index: 0, size: 1, hashes: Vec::new() }, signed).unwrap();
    assert!(alone.to_string().starts_with("c2sp.org/tlog-proof@v1\nindex 0\n\nexample.com/log\n1\n"));
    assert_eq!(alone.to_string().parse::<LogProof>().unwrap(), alone);
    alone.verify(&leaf_hash(b"one"), &policy()).unwrap();
}

#[test]
fn what_is_no_proof_is_refused() {
    let text = proof().to_string();
    let hash = leaf_hash(b"one").to_string();
    for (from, to) in [
        ("@v1", "@v2"),
        ("c2sp", " c2sp"),
        ("index 1", "index 01"),
        ("index 1", "index  1"),
        ("index 1", "index 2"),
        ("index 1", "index"),
        ("index 1\n", ""),
        ("index 1", "extra\nindex 1"),
        ("index 1", "extra \nindex 1"),
        ("index 1", "extra AA=\nindex 1"),
        ("index 1", "index 1\nextra AAAA"),
        ("index 1", "extra AAAA\nextra AAAA\nindex 1"),
        ("index 1", "\nindex 1"),
        ("index 1", "index 1\n"),
        (hash.as_str(), "AAAA"),
        ("\n\n", "\n"),
        ("\nexample.com/log\n2", "\nexample.com/log\n02"),
        ("\n", "\r\n"),
    ] {
        let bad = text.replacen(from, to, 1);
        assert!(bad != text && bad.parse::<LogProof>().is_err(), "{bad}");
    }
    assert!(LogProof::parse(b"\xff").is_err());
    assert!(text[..text.len() - 1].parse::<LogProof>().is_err());
}

#[test]
fn proofs_are_bounded() {
    let (text, hash) = (proof().to_string(), leaf_hash(b"one").to_string());
    let with_hashes = |count: usize| text.replace(&format!("{hash}\n"), &format!("{hash}\n").repeat(count));
    assert_eq!(with_hashes(64).parse::<LogProof>().unwrap().to_string(), with_hashes(64));
    assert_eq!(with_hashes(65).parse::<LogProof>().unwrap_err().kind(), ErrorKind::Limit);
    let extra = proof().with_extra(vec![0; MAX_EXTRA_BYTES]).unwrap();
    assert_eq!(extra.to_string().parse::<LogProof>().unwrap(), extra);
    assert_eq!(proof().with_extra(vec![0; MAX_EXTRA_BYTES + 1]).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(proof().with_extra(Vec::new()).unwrap_err().kind(), ErrorKind::Invalid);
    let longer = text.replace("index", &format!("extra {}\nindex", "A".repeat(MAX_EXTRA_BYTES * 2)));
    assert_eq!(longer.parse::<LogProof>().unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(LogProof::parse(&vec![b'x'; MAX_LOG_PROOF_BYTES + 1]).unwrap_err().kind(), ErrorKind::Limit);
    let inclusion = InclusionProof { size: 3, ..proof().inclusion() };
    assert_eq!(LogProof::new(inclusion, proof().checkpoint().clone()).unwrap_err().field(), Some("proof"));
}

#[test]
fn a_proof_is_of_its_entry_its_log_and_its_witnesses() {
    let leaf = leaf_hash(b"two");
    let verdict = proof().verify(&leaf, &policy()).unwrap();
    assert_eq!(&verdict.log.unwrap().key, log().verifier_key());
    assert_eq!(proof().verify(&leaf_hash(b"one"), &policy()).unwrap_err().kind(), ErrorKind::Corrupt);

    let stranger = Ed25519Signer::from_seed("example.com/log", &SecretKey::from_bytes(&[2; 32])).unwrap();
    let strange = Policy::of_log(stranger.verifier_key().clone()).unwrap();
    assert_eq!(proof().verify(&leaf, &strange).unwrap_err().kind(), ErrorKind::Corrupt);

    let witness = CosignatureSigner::from_seed("w", &SecretKey::from_bytes(&[3; 32])).unwrap();
    let watched = format!("log {}\nwitness w {}\nquorum w\n", log().verifier_key(), witness.verifier_key());
    let watched: Policy = watched.parse().unwrap();
    assert_eq!(proof().verify(&leaf, &watched).unwrap_err().kind(), ErrorKind::Corrupt);
    let mut signed = proof().checkpoint().clone();
    signed.add_cosignature(&witness.at(5).unwrap()).unwrap();
    let cosigned = LogProof::new(proof().inclusion(), signed).unwrap();
    assert_eq!(cosigned.verify(&leaf, &watched).unwrap().witnesses[0].time, 5);

    // Every bit of what is signed or proven; the text may then also be no proof at all.
    let text = proof().to_string();
    let from = text.find("index").unwrap();
    for at in from..text.len() {
        for bit in 0..8 {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1 << bit;
            let verified = LogProof::parse(&changed).and_then(|proof| proof.verify(&leaf, &policy()));
            assert!(verified.is_err(), "byte {at}, bit {bit}");
        }
    }
}
