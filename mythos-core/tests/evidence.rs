//! Evidence bundles: what any change of one byte does to them, and a golden file that the verifier in JavaScript reads
//! too, so that both verify the same bytes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use mythos_core::Mythos;
use mythos_core::codex::{
    Clause, CodexProofOfSymbolEngine, CreateCodex, DirectivePath, Disclosure, ErasedOpening, EvidenceBundle,
    MutateCodex, Mutation, ProvenClause, RedactCodex,
};
use mythos_core::seal::SecretKey;
use mythos_core::store::MemoryStore;
use mythos_core::testing::simulated_runtime;
use mythos_core::tlog::{
    CosignatureSigner, Ed25519Signer, NoteSignature, NoteSigner, Policy, SignedCheckpoint, TreeHash,
};
use mythos_core::types::{ClauseId, CodexId, Digest, Salt};
use serde::{Deserialize, Serialize};

/// The order of the group that Ed25519 works in, little-endian (RFC 8032 §5.1).
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// What the golden file has of each bundle: also the policy as the verifier in JavaScript takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Case {
    policy: String,
    keys: Vec<String>,
    witnesses: Vec<String>,
    quorum: usize,
    bundle: EvidenceBundle,
    proven: ProvenClause,
}

fn support() -> CodexId {
    "support".parse().unwrap()
}

fn limit() -> ClauseId {
    "limit".parse().unwrap()
}

fn path(last: &str) -> DirectivePath {
    DirectivePath::new(["support", "rückgabe", last]).unwrap()
}

fn signer(codices: &CodexProofOfSymbolEngine) -> Ed25519Signer {
    Ed25519Signer::from_seed(codices.origin(&support()), &SecretKey::from_bytes(&[7; 32])).unwrap()
}

/// A bundle with everything disclosed, cosigned by two witnesses; and one after the text was erased, without witnesses.
fn cases() -> [Case; 2] {
    let start = "2026-11-21T08:30:00.123456Z".parse().unwrap();
    let (runtime, clock) = simulated_runtime(2026, start);
    let mythos = Mythos::with_store(Arc::new(MemoryStore::new()), runtime);
    let codices = mythos.codices();
    let clauses = [("tone", "Be kind. 🙂"), ("limit", "Refund at most 100 EUR."), ("law", "Follow the law.")];
    let clauses = clauses.map(|(clause, text)| Clause { clause: clause.parse().unwrap(), text: text.into() });
    codices.create(&CreateCodex::new(support(), clauses.to_vec(), path("launch"), "ana")).unwrap();
    for mutation in [
        Mutation::Replace { clause: limit(), text: "Refund at most 50 EUR.".into() },
        Mutation::Remove { clause: "law".parse().unwrap() },
        Mutation::Annotate { clause: limit(), note: "asked for by „legal“".into() },
        Mutation::Reorder { order: vec![limit(), "tone".parse().unwrap()] },
    ] {
        clock.advance(Duration::from_micros(2_000_001));
        let mutate = MutateCodex::new(support(), mutation, path("limit"), "bob");
        codices.mutate(&MutateCodex { reason: Some("fraud".into()), ..mutate }).unwrap();
    }
    let log = signer(&codices);
    let mut signed = codices.checkpoint(&support(), &[&log]).unwrap();
    let witnesses = [8, 9].map(|seed| {
        let name = format!("w{seed}.example");
        CosignatureSigner::from_seed(name, &SecretKey::from_bytes(&[seed; 32])).unwrap()
    });
    for (witness, time) in witnesses.iter().zip(1_795_249_800..) {
        signed.add_cosignature(&witness.at(time).unwrap()).unwrap();
    }
    let keys: Vec<_> = witnesses.iter().map(|witness| witness.verifier_key()).collect();
    let (first, second) = (keys[0], keys[1]);
    let policy = format!(
        "log {}\nwitness {} {first}\nwitness {} {second}\ngroup both all {} {}\nquorum both\n",
        log.verifier_key(),
        first.name(),
        second.name(),
        first.name(),
        second.name(),
    );
    let disclosure = Disclosure { actors: true, reasons: true };
    let keys = keys.into_iter().map(ToString::to_string).collect();
    let disclosed = case(&codices, &signed, policy, keys, disclosure);

    let redact = RedactCodex {
        codex: support(),
        erase: vec![ErasedOpening { sequence: 1, opening: 2 }],
        parent: None,
        directive_path: path("privacy"),
        actor: "officer".into(),
        reason: None,
        operation: None,
    };
    codices.redact(&redact).unwrap();
    let signed = codices.checkpoint(&support(), &[&log]).unwrap();
    let policy = format!("log {}\nquorum none\n", log.verifier_key());
    [disclosed, case(&codices, &signed, policy, Vec::new(), Disclosure::default())]
}

fn case(
    codices: &CodexProofOfSymbolEngine,
    signed: &SignedCheckpoint,
    policy: String,
    witnesses: Vec<String>,
    disclosure: Disclosure,
) -> Case {
    let bundle = codices.evidence(&support(), &limit(), signed, disclosure).unwrap();
    let proven = bundle.verify(&policy.parse().unwrap()).unwrap();
    let keys = vec![signer(codices).verifier_key().to_string()];
    Case { policy, keys, quorum: witnesses.len(), witnesses, bundle, proven }
}

/// What the golden file holds, which is first written if `MYTHOS_WRITE_GOLDEN` is set and there is none.
fn golden() -> Vec<Case> {
    static GOLDEN: LazyLock<Vec<Case>> = LazyLock::new(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/evidence_v1.json");
        if std::env::var_os("MYTHOS_WRITE_GOLDEN").is_some() && !path.exists() {
            std::fs::write(&path, serde_json::to_string_pretty(&cases()).unwrap() + "\n").unwrap();
        }
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    });
    GOLDEN.clone()
}

#[test]
fn bundles_of_version_1_are_verified_and_made_again() {
    let golden = golden();
    assert_eq!(golden, cases());
    for Case { policy, bundle, proven, .. } in &golden {
        let policy: Policy = policy.parse().unwrap();
        let read = EvidenceBundle::from_json(&bundle.to_json().unwrap()).unwrap();
        assert_eq!(read.verify(&policy).unwrap(), *proven);
    }
    let [disclosed, redacted] = &golden[..] else { panic!("two cases") };
    assert_eq!(disclosed.proven.text.as_deref(), Some("Refund at most 50 EUR."));
    assert_eq!(disclosed.proven.notes, [Some("asked for by „legal“".to_owned())]);
    assert_eq!(disclosed.proven.witnesses, ["w8.example", "w9.example"]);
    assert_eq!(disclosed.proven.origins[1].reason.as_deref(), Some("fraud"));
    assert_eq!((&redacted.proven.text, &redacted.proven.origins[0].actor), (&None, &None));
}

fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + use<'_> {
    (0..8 * bytes.len()).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

fn flipped_digests(digest: &[u8; 32]) -> impl Iterator<Item = [u8; 32]> + use<'_> {
    flips(digest).map(|flipped| flipped.try_into().unwrap())
}

/// Every bundle that differs from one in one bit of something that is signed, hashed or counted.
fn tampered(bundle: &EvidenceBundle) -> Vec<EvidenceBundle> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut EvidenceBundle)| {
        let mut changed = bundle.clone();
        change(&mut changed);
        all.push(changed);
    };
    for note in flips(bundle.checkpoint.as_bytes()) {
        // What is not UTF-8 has no JSON.
        if let Ok(note) = String::from_utf8(note) {
            add(&|bundle| bundle.checkpoint.clone_from(&note));
        }
    }
    let signed: SignedCheckpoint = bundle.checkpoint.parse().unwrap();
    for signature in signed.note().signatures() {
        for bytes in flips(signature.bytes()) {
            let forged = NoteSignature::new(signature.name(), signature.key_id(), bytes).unwrap();
            let mut signed = signed.clone();
            signed.add_signature(forged).unwrap();
            add(&|bundle| bundle.checkpoint = signed.to_string());
        }
    }
    for clause in flips(bundle.clause.as_str().as_bytes()) {
        if let Some(clause) =
            String::from_utf8(clause).ok().and_then(|clause| clause.parse::<ClauseId>().ok())
        {
            add(&|bundle| bundle.clause = clause.clone());
        }
    }
    for bit in 0..64 {
        add(&|bundle| bundle.position ^= 1 << bit);
        add(&|bundle| bundle.clauses ^= 1 << bit);
    }
    for (at, digest) in bundle.path.iter().enumerate() {
        for flipped in flipped_digests(digest.as_bytes()) {
            add(&|bundle| bundle.path[at] = Digest::from_bytes(flipped));
        }
        add(&|bundle| {
            bundle.path.remove(at);
        });
        add(&|bundle| bundle.path.insert(at, *digest));
    }
    for (at, event) in bundle.events.iter().enumerate() {
        let bytes = Base64::decode_vec(&event.event).unwrap();
        for bytes in flips(&bytes) {
            add(&|bundle| bundle.events[at].event = Base64::encode_string(&bytes));
        }
        add(&|bundle| bundle.events[at].event = Base64::encode_string(&[&bytes[..], &[0]].concat()));
        for bit in 0..64 {
            add(&|bundle| bundle.events[at].index ^= 1 << bit);
        }
        for (place, hash) in event.inclusion.iter().enumerate() {
            for flipped in flipped_digests(hash.as_bytes()) {
                add(&|bundle| bundle.events[at].inclusion[place] = TreeHash::from_bytes(flipped));
            }
            add(&|bundle| {
                bundle.events[at].inclusion.remove(place);
            });
            add(&|bundle| bundle.events[at].inclusion.insert(place, *hash));
        }
        for (number, opening) in &event.openings {
            for salt in flips(opening.salt.as_bytes()) {
                let salt = Salt::from_bytes(salt.try_into().unwrap());
                add(&|bundle| bundle.events[at].openings.get_mut(number).unwrap().salt = salt);
            }
            for value in flips(opening.value.as_bytes()) {
                let Ok(value) = String::from_utf8(value) else { continue };
                add(&|bundle| {
                    bundle.events[at].openings.get_mut(number).unwrap().value.clone_from(&value);
                });
            }
            for bit in 0..32 {
                add(&|bundle| {
                    let opening = bundle.events[at].openings.remove(number).unwrap();
                    bundle.events[at].openings.insert(number ^ (1 << bit), opening);
                });
            }
        }
        add(&|bundle| drop(bundle.events.remove(at)));
        add(&|bundle| bundle.events.insert(at, event.clone()));
        let next = (at + 1) % bundle.events.len();
        add(&|bundle| bundle.events.swap(at, next));
    }
    all
}

#[test]
fn every_changed_bit_is_refused() {
    for Case { policy, bundle, .. } in golden() {
        let policy: Policy = policy.parse().unwrap();
        let tampered = tampered(&bundle);
        assert!(tampered.len() > 10_000, "{}", tampered.len());
        for changed in tampered.iter().filter(|changed| **changed != bundle) {
            let error = changed.verify(&policy).unwrap_err().to_string();
            assert!(!error.is_empty(), "{changed:?}");
        }
    }
}

/// `S + L` satisfies the equation of a signature as `S` does; strict verification refuses it.
#[test]
fn a_malleable_signature_is_refused() {
    let Case { policy, mut bundle, .. } = golden().remove(1);
    let mut signed: SignedCheckpoint = bundle.checkpoint.parse().unwrap();
    let signature = &signed.note().signatures()[0];
    let mut bytes = signature.bytes().to_vec();
    let mut carry = 0;
    for (byte, order) in bytes[32..].iter_mut().zip(GROUP_ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0, "S + L has 32 bytes");
    let malleable = NoteSignature::new(signature.name(), signature.key_id(), bytes).unwrap();
    signed.add_signature(malleable).unwrap();
    bundle.checkpoint = signed.to_string();
    assert!(bundle.verify(&policy.parse().unwrap()).is_err());
}
