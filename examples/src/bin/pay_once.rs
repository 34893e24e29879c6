//! A payment that is made once, however often the assistant is killed around it.

use mythos_core::Mythos;
use mythos_core::journal::{BeginStep, Beginning, CompleteStep, Resolution, ResolveStep, RestoreSteps};
use mythos_core::types::{AssistantId, RitualId};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let mythos = Mythos::open(directory.path().join("mythos.db"))?;
    let (ana, refund): (AssistantId, RitualId) = ("ana".parse()?, "refund".parse()?);
    let steps = mythos.steps();

    // The journal says whether it is ours to do, and remembers that we are at it.
    let pay = BeginStep::new(ana.clone(), refund.clone(), "pay order 4711".parse()?, "50 EUR");
    assert_eq!(steps.begin(&pay)?, Beginning::Begun { attempt: 1 });
    // Here the host pays, and the process is killed before it can say so.

    // After the restart, and the restore of the newest entry: what nobody knows of is looked up where it would have arrived.
    for step in steps.after_restore(&RestoreSteps::new(ana.clone(), refund.clone(), None))?.in_doubt.items {
        let resolution = Resolution::Happened { outcome: b"receipt 9".to_vec() };
        let (assistant, ritual, key, attempt) = (step.assistant, step.ritual, step.key, step.attempt);
        steps.resolve(&ResolveStep { assistant, ritual, key, attempt, resolution })?;
    }

    // So it is not paid again; had it not happened, it would now be begun anew, and completed with its outcome.
    match steps.begin(&pay)? {
        Beginning::Completed { outcome, .. } => println!("paid: {}", String::from_utf8(outcome)?),
        Beginning::Begun { .. } => drop(steps.complete(&CompleteStep::new(ana, refund, pay.key, "receipt"))?),
        doubt => println!("someone is at it: {doubt:?}"),
    }
    Ok(())
}
