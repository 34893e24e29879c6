//! A clock that is set back, and one that jumps forward and back: no wait freezes, and no count lasts for ever.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;

use std::sync::Arc;
use std::time::Duration;

use damage::records;
use mythos_core::Mythos;
use mythos_core::restart::{
    Backoff, DeployAssistant, Deployment, DeploymentSpec, Effect, Jitter, Outcome, ReportFailure,
    RestartFilter, RestartPolicy, RestartPolicyOptions, RestartWindow, StateName, Supervisor,
};
use mythos_core::ritual::SaveRitual;
use mythos_core::store::{MemoryStore, Model};
use mythos_core::testing::SimulatedClock;
use mythos_core::types::{AssistantId, Runtime, SeededEntropy, Timestamp};

fn ana() -> AssistantId {
    "ana".parse().unwrap()
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn present() -> Timestamp {
    moment("2026-11-21T08:30:00Z")
}

fn far_future() -> Timestamp {
    moment("2099-01-01T00:00:00Z")
}

/// Backs off for a second; a window of one restart in a minute.
fn options() -> RestartPolicyOptions {
    RestartPolicyOptions {
        jitter: Jitter::None,
        backoff: Backoff::Constant { delay_ms: 1_000 },
        window: RestartWindow::sliding(1, 60_000),
        quiet_period_ms: 3_600_000,
        ..RestartPolicyOptions::default()
    }
}

struct World {
    store: MemoryStore,
    clock: SimulatedClock,
    mythos: Mythos,
    supervisor: Supervisor,
}

fn mythos(store: &MemoryStore, clock: &SimulatedClock) -> Mythos {
    let runtime = Runtime::new(Arc::new(clock.clone()), Arc::new(SeededEntropy::new(1)));
    Mythos::with_store(Arc::new(store.clone()), runtime)
}

fn supervise(mythos: &Mythos) -> Supervisor {
    mythos.deployments().supervise(&"test".parse().unwrap()).unwrap()
}

impl World {
    /// Deployed at `start`.
    fn new(start: Timestamp, options: RestartPolicyOptions) -> Self {
        let (store, clock) = (MemoryStore::new(), SimulatedClock::new(start));
        let mythos = mythos(&store, &clock);
        mythos.rituals().save(&SaveRitual::new(ana(), "work".parse().unwrap()), b"step 1").unwrap();
        let supervisor = supervise(&mythos);
        let spec = DeploymentSpec::new("work".parse().unwrap()).policy(RestartPolicy::new(options).unwrap());
        supervisor.deploy(&DeployAssistant::new(ana(), spec)).unwrap();
        Self { store, clock, mythos, supervisor }
    }

    /// The process ends, and another one takes over.
    fn take_over(&mut self) {
        self.mythos = mythos(&self.store, &self.clock);
        self.supervisor = supervise(&self.mythos);
    }

    fn fail(&self) -> StateName {
        let report = ReportFailure::crashed(ana(), "killed".try_into().unwrap());
        self.supervisor.report_failure(&report).unwrap().state.name()
    }

    fn launch(&self) -> Effect {
        let restore = self.supervisor.poll_effects(10).unwrap().remove(0);
        self.supervisor.carry_out(&restore).unwrap().next.unwrap()
    }

    fn recover(&self) {
        self.clock.advance(Duration::from_secs(1));
        assert_eq!(self.supervisor.tick().unwrap().len(), 1);
        let decision = self.supervisor.answer(&self.launch().id, &Outcome::Ready).unwrap();
        assert_eq!(decision.state.name(), StateName::MythpathReady);
    }
}

#[test]
fn a_clock_that_showed_a_wrong_moment_once_freezes_no_later_timer() {
    let world = World::new(present(), options());
    world.clock.set(far_future());
    world.supervisor.tick().unwrap();
    world.clock.set(present());
    assert_eq!(world.fail(), StateName::BackingOff);
    let due = present().saturating_add(Duration::from_secs(1));
    assert_eq!(world.supervisor.next_timeout().unwrap(), Some(due));
    assert!(world.supervisor.tick().unwrap().is_empty(), "not before it is due");
    world.recover();
}

#[test]
fn a_timer_that_was_set_in_the_future_is_due() {
    for takes_over in [false, true] {
        let mut world = World::new(far_future(), options());
        assert_eq!(world.fail(), StateName::BackingOff);
        world.clock.set(present());
        if takes_over {
            world.take_over();
        }
        assert_eq!(world.supervisor.next_timeout().unwrap(), Some(present()));
        let decisions = world.supervisor.tick().unwrap();
        assert_eq!(decisions.len(), 1);
        assert_eq!(decisions[0].state.name(), StateName::Restoring);
        assert_eq!(world.supervisor.next_timeout().unwrap(), None);

        // The probe's deadline as well; its launch counts as failed.
        world.clock.set(far_future());
        world.launch();
        world.clock.set(present());
        if takes_over {
            world.take_over();
        }
        assert_eq!(world.supervisor.next_timeout().unwrap(), Some(present()));
        assert_eq!(world.supervisor.tick().unwrap()[0].state.name(), StateName::BackingOff);
        assert!(
            world.supervisor.tick().unwrap().is_empty(),
            "the timer that was set since is none of the future"
        );
    }
}

#[test]
fn a_clock_set_back_behind_no_timer_ends_none_early() {
    let world = World::new(present(), options());
    world.fail();
    let after = |microseconds| world.clock.set(present().saturating_add(Duration::from_micros(microseconds)));
    // Forward, and back to the very moment at which the timer was set.
    for microseconds in [900_000, 0, 999_999] {
        after(microseconds);
        assert!(world.supervisor.tick().unwrap().is_empty());
    }
    after(1_000_000);
    assert_eq!(world.supervisor.tick().unwrap().len(), 1);
}

#[test]
fn restarts_and_uptimes_of_the_future_do_not_count_for_ever() {
    // The clock shows the far future while the window is filled, and is mended after the assistant came up.
    let world = World::new(far_future(), options());
    world.fail();
    world.recover();
    world.clock.set(present());
    assert_eq!(world.fail(), StateName::BackingOff, "the restart of the future does not count");
    world.recover();
    assert_eq!(world.fail(), StateName::GivenUp, "those since count as ever");

    // The same without the clock being set back.
    let world = World::new(present(), options());
    world.fail();
    world.recover();
    assert_eq!(world.fail(), StateName::GivenUp);

    // An uptime that began in the future is taken as quiet: even a window that lasts for ever begins anew.
    let window = RestartWindow::sliding(1, (1 << 53) - 1);
    let world = World::new(present(), RestartPolicyOptions { window, ..options() });
    world.fail();
    world.clock.set(far_future());
    world.recover();
    world.clock.set(present().saturating_add(Duration::from_secs(3_600)));
    assert_eq!(world.fail(), StateName::BackingOff);
}

#[test]
fn what_is_recorded_of_a_deployment_does_not_go_backwards() {
    let world = World::new(far_future(), options());
    world.fail();
    world.clock.set(present());
    world.supervisor.tick().unwrap();
    world.supervisor.answer(&world.launch().id, &Outcome::Ready).unwrap();
    let record = records(&world.store, Deployment::TABLE).remove(0);
    let deployment = Deployment::from_record(&record).unwrap();
    assert!(deployment.updated_at >= deployment.created_at);
    world.fail();
    let history = world.mythos.deployments().history(&RestartFilter::default(), None, 10).unwrap().items;
    assert_eq!(history.iter().map(|incident| incident.incident).collect::<Vec<_>>(), [2, 1]);
    let first = &history[1];
    assert!(first.path.is_sorted_by_key(|visit| visit.at));
    assert!(first.ended_at.unwrap() >= first.path.last().unwrap().at);

    // Another deployment, which saw nothing of it, is stamped with the present.
    let spec = DeploymentSpec::new("work".parse().unwrap());
    world.supervisor.deploy(&DeployAssistant::new("bob".parse().unwrap(), spec)).unwrap();
    let bob = world.supervisor.deployment(&"bob".parse().unwrap()).unwrap();
    assert_eq!(bob.created_at, present());
}
