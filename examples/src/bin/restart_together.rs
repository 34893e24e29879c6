//! Three assistants of which each builds on the one before it: when one fails, those behind it restart with it.

use mythos_core::Mythos;
use mythos_core::restart::*;
use mythos_core::ritual::SaveRitual;
use mythos_core::types::{AssistantId, GroupId};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let mythos = Mythos::open(directory.path().join("mythos.db"))?;
    let supervisor = mythos.deployments().supervise(&"support".parse()?)?;
    let strategy = Strategy::RestForOne;
    let policy = GroupPolicy::new(GroupPolicyOptions { strategy, ..GroupPolicyOptions::default() })?;
    let crew: GroupId = "crew".parse()?;
    supervisor.create_group(&CreateGroup::new(crew.clone(), policy))?;

    // The first restart is free, so that this example need not wait.
    let free = RestartPolicy::new(RestartPolicyOptions { free_restarts: 1, ..Default::default() })?;
    for name in ["reader", "checker", "editor"] {
        let assistant: AssistantId = name.parse()?;
        mythos.rituals().save(&SaveRitual::new(assistant.clone(), "work".parse()?), b"step 3")?;
        let spec = DeploymentSpec::new("work".parse()?).policy(free.clone());
        supervisor.start_child(&StartChild::new(crew.clone(), assistant, spec).running())?;
    }
    supervisor.report_failure(&ReportFailure::crashed("checker".parse()?, "killed".try_into()?))?;

    let mut done = Vec::new();
    loop {
        supervisor.tick()?;
        let effects = supervisor.poll_effects(10)?;
        if effects.is_empty() {
            break;
        }
        for effect in effects {
            // Here the host ends an assistant, or launches it from the entry and sees that it is ready.
            let (what, outcome) = match effect.action {
                Action::Restore { .. } | Action::Align { .. } => {
                    let done = supervisor.carry_out(&effect)?;
                    // What comes next is handed out here, and by no poll.
                    done.next.iter().for_each(|next| supervisor.give_back(&next.id));
                    continue;
                }
                Action::Probe { .. } => ("launch", Outcome::Ready),
                _ => ("stop", Outcome::Stopped),
            };
            done.push(format!("{what} {}", effect.assistant));
            supervisor.answer(&effect.id, &outcome)?;
        }
    }
    assert_eq!(done, ["stop editor", "launch checker", "launch editor"]);
    println!("{}; the reader runs on", done.join(", "));
    Ok(())
}
