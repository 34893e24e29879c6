use super::*;
use crate::error::ErrorKind;
use crate::seal::SecretKey;
use crate::tlog::{CosignatureSigner, Ed25519Signer, leaf_hash};
use proptest::prelude::*;

/// The example of C2SP tlog-cosignature.
const SOFA: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

fn log(name: &str, seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(name, &SecretKey::from_bytes(&[seed; 32])).unwrap()
}

#[test]
fn the_example_of_the_format_is_parsed() {
    let signed = SignedCheckpoint::parse(SOFA.as_bytes()).unwrap();
    assert_eq!(signed.checkpoint().origin(), "example.com/behind-the-sofa");
    assert_eq!(signed.checkpoint().size(), 20_852_163);
    assert_eq!(signed.to_string(), SOFA);
    let cosignature = &signed.note().signatures()[1];
    assert_eq!(cosignature.bytes()[..8], 1_679_315_147_u64.to_be_bytes());
    assert_eq!(serde_json::from_value::<SignedCheckpoint>(SOFA.into()).unwrap(), signed);
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let hash = leaf_hash(b"");
    for bad in [
        String::new(),
        "\n".into(),
        "log\n".into(),
        "log\n1\n".into(),
        format!("log\n1\n{hash}"),
        format!("\n1\n{hash}\n"),
        format!("log\n\n{hash}\n"),
        format!("log\n01\n{hash}\n"),
        format!("log\n+1\n{hash}\n"),
        format!("log\n-1\n{hash}\n"),
        format!("log\n1 \n{hash}\n"),
        format!("log\n1\n {hash}\n"),
        format!("log\n1\n{hash}=\n"),
        "log\n1\nAAAA\n".into(),
        format!("log\n1\n{hash}\n\n"),
        format!("log\n1\n{hash}\nmore\n\n"),
        format!("log\n1\n{hash}\n\nmore\n"),
        format!("lo\tg\n1\n{hash}\n"),
        format!("log\n1\n{hash}\r\n"),
        format!("log\n0\n{hash}\n"),
    ] {
        assert_eq!(bad.parse::<Checkpoint>().unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
    }
    for too_large in [1_u128 << 63, 1 << 64, 1 << 100] {
        let error = format!("log\n{too_large}\n{hash}\n").parse::<Checkpoint>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
    assert!(format!("log\n{MAX_TREE_SIZE}\n{hash}\n").parse::<Checkpoint>().is_ok());
    assert!(Checkpoint::new("log", MAX_TREE_SIZE + 1, hash).is_err());
    assert!(Checkpoint::new("a\nb", 1, hash).is_err());
    assert!(Checkpoint::new("log", 1, hash).unwrap().with_extension("").is_err());
}

#[test]
fn only_the_log_itself_signs() {
    let (one, other) = (log("example.com/log", 1), log("other", 2));
    let checkpoint = Checkpoint::new("example.com/log", 1, leaf_hash(b"")).unwrap();
    for signers in [&[][..], &[&other as &dyn NoteSigner]] {
        let error = SignedCheckpoint::sign(checkpoint.clone(), signers).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("signers")));
    }
    let signed = SignedCheckpoint::sign(checkpoint.clone(), &[&other, &one]).unwrap();
    let keys = [one.verifier_key().clone(), other.verifier_key().clone()];
    assert!(signed.verify(&keys, &[]).is_ok());
    // Another log's good signature does not vouch for this one.
    assert_eq!(signed.verify(&keys[1..], &[]).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(signed.verify(&[], &keys[..1]).unwrap_err().kind(), ErrorKind::Corrupt);
    let renewed = log("example.com/log", 3);
    let signed = SignedCheckpoint::sign(checkpoint, &[&renewed]).unwrap();
    let keys = [one.verifier_key().clone(), renewed.verifier_key().clone()];
    assert!(signed.verify(&keys, &[]).unwrap().by(renewed.verifier_key()).is_some());
}

#[test]
fn witnesses_cosign_all_of_the_text() {
    let log = log("log", 1);
    let witness = CosignatureSigner::from_seed("w", &SecretKey::from_bytes(&[2; 32])).unwrap();
    let checkpoint = Checkpoint::new("log", 1, leaf_hash(b"")).unwrap().with_extension("more").unwrap();
    let mut signed = SignedCheckpoint::sign(checkpoint, &[&log]).unwrap();
    signed.add_cosignature(&witness.at(77).unwrap()).unwrap();
    let keys = ([log.verifier_key().clone()], [witness.verifier_key().clone()]);
    let verified = signed.verify(&keys.0, &keys.1).unwrap();
    assert_eq!(verified.by(witness.verifier_key()).unwrap().time, Some(77));
    let changed = signed.to_string().replace("more", "less");
    let changed = SignedCheckpoint::parse(changed.as_bytes()).unwrap();
    assert!(changed.verify(&keys.0, &[]).is_err());
    assert!(changed.note().verify(&keys.1).is_err());
    // What someone else cosigned is taken over as it is.
    let line = signed.note().signatures()[1].clone();
    let mut other = SignedCheckpoint::parse(SOFA.as_bytes()).unwrap();
    other.add_signature(line).unwrap();
    assert_eq!(other.note().signatures().len(), 3);
}

proptest! {
    #[test]
    fn checkpoints_round_trip(
        origin in "[ -~é]{1,20}", size in 1..=MAX_TREE_SIZE, root: [u8; 32], lines in prop::collection::vec("[ -~]{1,9}", 0..4),
    ) {
        let checkpoint = Checkpoint::new(origin, size, TreeHash::from_bytes(root)).unwrap();
        let checkpoint = lines.into_iter().try_fold(checkpoint, Checkpoint::with_extension).unwrap();
        prop_assert_eq!(checkpoint.to_string().parse::<Checkpoint>().unwrap(), checkpoint);
    }
}
