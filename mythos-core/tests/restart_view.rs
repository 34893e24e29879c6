//! What a page shows of an assistant's restarts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::Arc;
use std::time::Duration;

use mythos_core::restart::{
    Action, Backoff, DeployAssistant, DeploymentSpec, Jitter, Outcome, ReportFailure, RestartPolicy,
    RestartPolicyOptions, StateName, StepResult, Supervisor, TransitionCause,
};
use mythos_core::ritual::SaveRitual;
use mythos_core::store::MemoryStore;
use mythos_core::testing::simulated_runtime;
use mythos_core::types::{AssistantId, Timestamp};
use mythos_core::view::AssistantRestartView;
use mythos_core::{ErrorKind, Mythos};

fn ana() -> AssistantId {
    "ana".parse().unwrap()
}

fn deploy(supervisor: &Supervisor, free_restarts: u32) {
    let backoff = Backoff::Constant { delay_ms: 1_000 };
    let options = RestartPolicyOptions { free_restarts, backoff, jitter: Jitter::None, ..Default::default() };
    let spec = DeploymentSpec::new("refund".parse().unwrap()).policy(RestartPolicy::new(options).unwrap());
    supervisor.deploy(&DeployAssistant::new(ana(), spec)).unwrap();
}

fn crash(supervisor: &Supervisor) {
    supervisor.report_failure(&ReportFailure::crashed(ana(), "killed".try_into().unwrap())).unwrap();
}

#[test]
fn a_page_tells_where_each_deployment_stands_and_what_was_tried() {
    let start = Timestamp::from_microseconds(1_700_000_000_000_000).unwrap();
    let (runtime, clock) = simulated_runtime(1, start);
    let mythos = Mythos::with_store(Arc::new(MemoryStore::new()), runtime);
    let deployments = mythos.deployments();
    let (day, night) = ("day".parse().unwrap(), "night".parse().unwrap());
    let supervisor = deployments.supervise(&day).unwrap();
    let other = deployments.supervise(&night).unwrap();
    let view = AssistantRestartView::new(mythos.deployments());
    assert!(view.deployments(&ana(), None, 10).unwrap().items.is_empty());
    assert_eq!(view.diagram(&day, &ana()).unwrap_err().kind(), ErrorKind::NotFound);

    deploy(&supervisor, 0);
    deploy(&other, 0);
    mythos.rituals().save(&SaveRitual::new(ana(), "refund".parse().unwrap()), b"step 3").unwrap();
    let idle = view.diagram(&night, &ana()).unwrap();
    assert_eq!((idle.incident, idle.path.len(), idle.state), (None, 0, StateName::Running));
    assert!(idle.edges.iter().all(|edge| edge.taken.is_empty()));

    // The timer runs down, to the millisecond that is begun, and is due also when the clock was set back.
    crash(&supervisor);
    let status = || {
        let page = view.deployments(&ana(), None, 10).unwrap();
        assert_eq!((page.items.len(), page.next), (2, None));
        page.items.into_iter().find(|status| status.supervisor == day).unwrap()
    };
    let remaining = || status().timer.unwrap().remaining_ms;
    assert_eq!(remaining(), 1_000);
    clock.advance(Duration::from_micros(999_001));
    assert_eq!(remaining(), 1);
    clock.set(start.saturating_sub(Duration::from_secs(5)));
    assert_eq!(remaining(), 0);
    clock.set(start.saturating_add(Duration::from_secs(1)));
    let waiting = status();
    assert_eq!((waiting.timer.unwrap().remaining_ms, waiting.attempts, waiting.run), (0, 1, 1));
    assert_eq!(waiting.effect, None);
    assert_eq!(waiting.read_at, start.saturating_add(Duration::from_secs(1)));

    supervisor.tick().unwrap();
    let [effect] = supervisor.poll_effects(10).unwrap().try_into().unwrap();
    let pending = status().effect.unwrap();
    assert_eq!((pending.id, pending.run, &pending.action), (effect.id, effect.run, &effect.action));
    let probe = supervisor.carry_out(&effect).unwrap().next.unwrap();
    assert!(matches!(status().effect.unwrap().action, Action::Probe { .. }));
    let not_ready = Outcome::NotReady { reason: "no port".try_into().unwrap() };
    supervisor.answer(&probe.id, &not_ready).unwrap();
    clock.advance(Duration::from_secs(1));
    supervisor.tick().unwrap();
    let [effect] = supervisor.poll_effects(10).unwrap().try_into().unwrap();
    let probe = supervisor.carry_out(&effect).unwrap().next.unwrap();
    supervisor.answer(&probe.id, &Outcome::Ready).unwrap();
    crash(&other);

    let diagram = view.diagram(&day, &ana()).unwrap();
    let path: Vec<_> = diagram.path.iter().map(|visit| visit.state.as_str()).collect();
    let walk = ["failed", "backing_off", "restoring", "verifying"];
    assert_eq!(path, [&walk[..], &walk[..], &["mythpath_ready"]].concat());
    let taken = |from, to| {
        let edge = diagram.edges.iter().find(|edge| (edge.from, edge.to) == (from, to)).unwrap();
        assert_eq!(edge.by, Some(TransitionCause::Recovery));
        edge.taken.clone()
    };
    assert_eq!(taken(StateName::Failed, StateName::BackingOff), [2, 6]);
    assert_eq!(taken(StateName::Verifying, StateName::Failed), [5]);
    assert_eq!(taken(StateName::Verifying, StateName::MythpathReady), [9]);
    assert!(taken(StateName::Restoring, StateName::Aligning).is_empty());
    for line in [
        "    [*] --> failed : 1\n",
        "    failed --> backing_off : 2, 6\n",
        "    class mythpath_ready current\n",
    ] {
        assert!(diagram.mermaid.contains(line), "{line:?} in {}", diagram.mermaid);
    }
    // Both draw the same steps, and the drawing says them to who cannot see it.
    let drawn = diagram.edges.iter().filter(|edge| edge.is_drawn()).count();
    assert_eq!(diagram.mermaid.matches(" --> ").count(), drawn + 1);
    assert_eq!(diagram.svg.matches("<title>").count(), drawn + 1);
    assert!(diagram.svg.contains("passed through: 1 failed, 2 backing off, "));

    let history = view.history(&ana(), None, None, 1).unwrap();
    assert_eq!(history.items[0].supervisor, night);
    let older = view.history(&ana(), None, history.next, 1).unwrap();
    assert_eq!((&older.items[0].supervisor, older.items[0].steps.len()), (&day, 2));
    assert_eq!(view.history(&ana(), Some(&day), None, 10).unwrap().items.len(), 1);

    let fallbacks = view.fallbacks(&ana(), None, None, 10).unwrap();
    assert_eq!((fallbacks.incidents, fallbacks.steps.len(), fallbacks.next), (2, 2, None));
    assert!(matches!(fallbacks.steps[0].taken.result, StepResult::NotReady { .. }));
    assert_eq!(fallbacks.steps[1].taken.result, StepResult::Ready);
    assert_eq!(fallbacks.steps[1].restart_trigger_reason.as_str(), "killed");
    let [tally] = &fallbacks.tallies[..] else { panic!("{:?}", fallbacks.tallies) };
    assert_eq!((tally.tried, tally.succeeded, tally.failed), (2, 1, 1));
    let too_many = view.fallbacks(&ana(), None, None, AssistantRestartView::MAX_INCIDENTS + 1).unwrap_err();
    assert_eq!((too_many.kind(), too_many.field()), (ErrorKind::Limit, Some("limit")));

    // Nothing crosses tenants.
    let acme = mythos.tenant("acme".parse().unwrap());
    assert!(
        AssistantRestartView::new(acme.deployments())
            .history(&ana(), None, None, 1)
            .unwrap()
            .items
            .is_empty()
    );
}
