//! MythOS in twenty lines: save, restore, change a rule, and prove every change.

use mythos_core::codex::{
    Clause, CreateCodex, DirectivePath, MutateCodex, Mutation, ProofVerificationStatus,
};
use mythos_core::{Mythos, ritual::SaveRitual};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let mythos = Mythos::open(directory.path().join("mythos.db"))?;

    // The assistant saves what it needs to resume, and restores it after a crash: verified, or not at all.
    let state = br#"{"order": 4711, "step": 3}"#;
    let entry = mythos.rituals().save(&SaveRitual::new("ana".parse()?, "refund".parse()?), state)?;
    let restored = mythos.rituals().restore(entry.entry)?;
    assert_eq!(restored.payload, state);

    // The rules it works by change only through a log that proves itself.
    let clause = Clause { clause: "limit".parse()?, text: "Refund at most 100 EUR.".into() };
    let launch = DirectivePath::new(["launch"])?;
    mythos.codices().create(&CreateCodex::new("support".parse()?, vec![clause], launch, "ana"))?;
    let change = Mutation::Replace { clause: "limit".parse()?, text: "Refund at most 50 EUR.".into() };
    let path = DirectivePath::new(["support", "refunds", "limit"])?;
    let proof = mythos.codices().mutate(&MutateCodex::new("support".parse()?, change, path, "bob"))?;
    let verification = mythos.codices().verify(&"support".parse()?)?;
    assert_eq!(verification.proof_verification_status, ProofVerificationStatus::Verified);
    assert_eq!(verification.mutation_trail_hash, Some(proof.mutation_trail_hash));

    println!("restored step 3 of ana's refund; 2 changes of the codex verified");
    Ok(())
}
