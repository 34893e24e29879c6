use super::*;
use crate::error::ErrorKind;
use crate::seal::SecretKey;
use crate::tlog::{Checkpoint, CosignatureSigner, Ed25519Signer, NoteSigner, leaf_hash};
use proptest::prelude::*;

fn log(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed("log", &SecretKey::from_bytes(&[seed; 32])).unwrap()
}

fn witness(number: u8) -> CosignatureSigner {
    let name = format!("w{number}.example");
    CosignatureSigner::from_seed(name, &SecretKey::from_bytes(&[100 + number; 32])).unwrap()
}

/// A log, the witnesses w0 to w5, and more lines.
fn policy_with(lines: &str) -> Result<Policy> {
    let mut text = format!("log {}\n", log(1).verifier_key());
    for number in 0..6 {
        text += &format!("witness w{number} {}\n", witness(number).verifier_key());
    }
    Policy::parse((text + lines).as_bytes())
}

fn cosigned(numbers: &[u8]) -> SignedCheckpoint {
    let checkpoint = Checkpoint::new("log", 1, leaf_hash(b"")).unwrap();
    let mut signed = SignedCheckpoint::sign(checkpoint, &[&log(1)]).unwrap();
    for number in numbers {
        signed.add_cosignature(&witness(*number).at(u64::from(*number)).unwrap()).unwrap();
    }
    signed
}

#[test]
fn the_example_of_the_format_holds() {
    let policy = policy_with(
        "\n\tgroup X-witnesses 2 w0 w1 w2\n# comment\n  # comment\ngroup Y-witnesses any w3  w4 w5 \n\
         group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
    )
    .unwrap();
    for (numbers, met) in [
        (&[][..], false),
        (&[0, 1], false),
        (&[0, 3], false),
        (&[3, 4, 5], false),
        (&[0, 1, 3], true),
        (&[5, 2, 1], true),
        (&[0, 1, 2, 3, 4, 5], true),
    ] {
        let verdict = policy.evaluate(&cosigned(numbers)).unwrap();
        assert_eq!((verdict.is_met(), verdict.has_quorum), (met, met), "{numbers:?}");
        let mut sorted = numbers.to_vec();
        sorted.sort_unstable();
        let found: Vec<_> =
            verdict.witnesses.iter().map(|witness| (witness.name.clone(), witness.time)).collect();
        assert_eq!(
            found,
            sorted.iter().map(|number| (format!("w{number}"), u64::from(*number))).collect::<Vec<_>>()
        );
    }
    assert!(policy.to_string().ends_with(
        "group X-witnesses 2 w0 w1 w2\ngroup Y-witnesses any w3 w4 w5\n\
         group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
    ));
    assert_eq!(policy.to_string().parse::<Policy>().unwrap(), policy);
    assert_eq!(serde_json::from_value::<Policy>(serde_json::to_value(&policy).unwrap()).unwrap(), policy);
}

#[test]
fn only_a_known_log_of_the_right_name_counts() {
    let signed = cosigned(&[0]);
    assert!(policy_with("quorum none\n").unwrap().evaluate(&signed).unwrap().is_met());
    assert!(policy_with("quorum w0\n").unwrap().evaluate(&signed).unwrap().is_met());
    assert!(!policy_with("quorum w1\n").unwrap().evaluate(&signed).unwrap().is_met());
    for strange in [
        Policy::of_log(log(2).verifier_key().clone()).unwrap(),
        Policy::parse(b"quorum none\n").unwrap(),
        // The log's key under another name.
        Policy::of_log(
            VerifierKey::ed25519("gol", log(1).verifier_key().public_key().try_into().unwrap()).unwrap(),
        )
        .unwrap(),
    ] {
        let verdict = strange.evaluate(&signed).unwrap();
        assert_eq!((verdict.is_met(), verdict.has_quorum, verdict.log), (false, true, None));
    }
    // A log's key that was renewed: either will do.
    let both = format!("log {}\nlog {}\nquorum none\n", log(2).verifier_key(), log(1).verifier_key());
    assert!(both.parse::<Policy>().unwrap().evaluate(&signed).unwrap().is_met());
}

#[test]
fn a_bad_signature_of_a_known_witness_is_an_error() {
    let changed = cosigned(&[0]).to_string().replace("— w0", "— w1");
    let text = cosigned(&[0]).to_string();
    let policy = policy_with("quorum none\n").unwrap();
    assert!(policy.evaluate(&changed.parse().unwrap()).is_ok(), "an unknown key is ignored");
    let signature = text.lines().last().unwrap();
    let mut wrong = signature.to_owned();
    wrong.replace_range(
        signature.len() - 5..signature.len() - 4,
        if signature.contains("A=") { "B" } else { "A" },
    );
    let wrong: SignedCheckpoint = text.replace(signature, &wrong).parse().unwrap();
    assert_eq!(policy.evaluate(&wrong).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn what_is_no_policy_is_refused() {
    let (log, w0) = (log(1).verifier_key().to_string(), witness(0).verifier_key().to_string());
    for bad in [
        "",
        "quorum none",
        "\n",
        "quorum none\nquorum none\n",
        "quorum w9\n",
        "quorum\n",
        "quorum w0 w1\n",
        "Quorum w0\n",
        "group g any w0\n",
        "quorum g\ngroup g any w0\n",
        "group g any g\nquorum g\n",
        "group g any none\nquorum g\n",
        "group none any w0\nquorum none\n",
        "group w0 any w1\nquorum w0\n",
        "group g any\nquorum none\n",
        "group g\nquorum none\n",
        "group g 0 w0\nquorum g\n",
        "group g 2 w0\nquorum g\n",
        "group g 01 w0\nquorum g\n",
        "group g -1 w0\nquorum g\n",
        "group g ALL w0\nquorum g\n",
        "group g any w0 w0\nquorum g\n",
        "group g any w0\ngroup h any w0\nquorum g\n",
        "group g any w0\ngroup g any w1\nquorum g\n",
        "group g any w0\ngroup h any g\ngroup i any g\nquorum g\n",
        "quorum none\r\n",
        "quorum\u{a0}none\n",
        "# \u{7f}\nquorum none\n",
        "# \u{1}\nquorum none\n",
        &format!("log {log}\nquorum none\n"),
        &format!("witness w9 {w0}\nquorum none\n"),
        &format!("witness none {}\nquorum none\n", witness(9).verifier_key()),
        &format!("witness w0 {}\nquorum none\n", witness(9).verifier_key()),
        &format!("witness w9 {}\nquorum none\n", self::log(9).verifier_key()),
        "log x\nquorum none\n",
        "log\nquorum none\n",
    ] {
        let error = policy_with(bad).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("policy")), "{bad:?}: {error}");
    }
    assert!(
        policy_with("quorum none # no comment\n")
            .unwrap_err()
            .to_string()
            .starts_with("line 8 of the policy: ")
    );
    assert!(Policy::parse(b"# \xff\xfe in a comment\nquorum none\n").is_ok());
    assert!(Policy::parse(b"log \xff\nquorum none\n").is_err());
    assert!(Policy::of_log("x+00000000+Bg==".parse().unwrap()).is_err());
}

#[test]
fn urls_are_kept_and_names_are_any_text() {
    let text = format!(
        "log {} https://example.com/log\nwitness K {} https://example.com/w?a=b#c\nwitness \u{212a} {}\ngroup é all \u{212a}\nquorum é\n",
        log(1).verifier_key(),
        witness(0).verifier_key(),
        witness(1).verifier_key(),
    );
    let policy: Policy = text.parse().unwrap();
    assert_eq!(policy.to_string(), text);
    assert_eq!(policy.logs().count(), 1);
    assert_eq!(policy.witnesses().map(|(name, _)| name).collect::<Vec<_>>(), ["K", "\u{212a}"]);
    assert!(!policy.evaluate(&cosigned(&[0])).unwrap().has_quorum, "K and the Kelvin sign are two names");
    assert!(policy.evaluate(&cosigned(&[1])).unwrap().has_quorum);
}

#[test]
fn policies_are_bounded() {
    let deep = |groups: usize| {
        let mut lines = "group g0 any w0\n".to_owned();
        (1..groups).for_each(|number| lines += &format!("group g{number} all g{}\n", number - 1));
        lines + &format!("quorum g{}\n", groups - 1)
    };
    let deepest = policy_with(&deep(MAX_POLICY_ITEMS)).unwrap();
    assert!(deepest.evaluate(&cosigned(&[0])).unwrap().is_met());
    assert!(!deepest.evaluate(&cosigned(&[1])).unwrap().is_met());
    assert_eq!(policy_with(&deep(MAX_POLICY_ITEMS + 1)).unwrap_err().kind(), ErrorKind::Limit);
    let long = format!("#{}\nquorum none\n", "x".repeat(MAX_POLICY_BYTES));
    assert_eq!(Policy::parse(long.as_bytes()).unwrap_err().kind(), ErrorKind::Limit);
}

proptest! {
    /// The model: a group of a threshold over six witnesses is met by the count of those that cosigned.
    #[test]
    fn a_threshold_counts(threshold in 1..=6_usize, mask in 0..64_u8) {
        let policy = policy_with(&format!("group g {threshold} w0 w1 w2 w3 w4 w5\nquorum g\n")).unwrap();
        prop_assert_eq!(policy.to_string().parse::<Policy>().unwrap(), policy.clone());
        let cosigned: Vec<bool> = (0..6).map(|bit| mask >> bit & 1 == 1).collect();
        prop_assert_eq!(policy.has_quorum(&cosigned), mask.count_ones() as usize >= threshold);
    }
}
