//! What operators can watch: what was committed is counted once, and what was not is not.

#![cfg(all(feature = "metrics", feature = "tracing"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use mythos_core::observe::{
    BACKOFF_LEVEL, CARRY_OUT, DECIDE, GROUP_ENDS, GROUP_RESTARTS, HEAL_ANSWER, HEAL_OBSERVE, HEAL_PLAN,
    HEAL_RETIRE, HEALING_ATTEMPTS, HEALING_OPEN_INCIDENTS, HEALING_PENDING_EFFECTS, HEALING_TARGETS,
    HEALING_UNHEALTHY, INCIDENTS, OPEN_INCIDENTS, PENDING_EFFECTS, RESTARTS, TICK, TIME_TO_READY,
};
use mythos_core::restart::{
    ChangeGroup, CreateGroup, DeployAssistant, DeploymentSpec, GroupPolicy, GroupPolicyOptions, Outcome,
    ReportFailure, RestartPolicy, RestartPolicyOptions, StartChild, StopAssistant, Strategy,
    SupervisionTotals, Supervisor,
};
use mythos_core::ritual::SaveRitual;
use mythos_core::store::MemoryStore;
use mythos_core::testing::{SimulatedClock, simulated_runtime};
use mythos_core::types::{AssistantId, OperationId, Timestamp};
use mythos_core::{ErrorKind, Mythos};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};

/// Keeps what is recorded, by the metric's name and labels as text.
#[derive(Debug, Default, Clone)]
struct Kept(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

#[derive(Debug)]
struct Series(Kept, String);

impl Series {
    fn push(&self, value: f64) {
        self.0.0.lock().unwrap().entry(self.1.clone()).or_default().push(value);
    }
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        self.push(value as f64);
    }

    fn absolute(&self, _: u64) {
        panic!("counters only count");
    }
}

impl GaugeFn for Series {
    fn increment(&self, _: f64) {
        panic!("gauges are set");
    }

    fn decrement(&self, _: f64) {
        panic!("gauges are set");
    }

    fn set(&self, value: f64) {
        self.0.0.lock().unwrap().insert(self.1.clone(), vec![value]);
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.push(value);
    }
}

impl Kept {
    fn series(&self, key: &Key) -> Arc<Series> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Series(self.clone(), format!("{}{{{}}}", key.name(), labels.join(","))))
    }

    /// What was recorded since the last call.
    fn take(&self) -> BTreeMap<String, Vec<f64>> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

fn told<const N: usize>(series: [(String, &[f64]); N]) -> BTreeMap<String, Vec<f64>> {
    series.into_iter().map(|(name, values)| (name, values.to_vec())).collect()
}

struct World {
    mythos: Mythos,
    supervisor: Supervisor,
    clock: SimulatedClock,
}

fn ana() -> AssistantId {
    "ana".parse().unwrap()
}

fn world() -> World {
    let start = Timestamp::from_microseconds(1_700_000_000_000_000).unwrap();
    let (runtime, clock) = simulated_runtime(1, start);
    let mythos = Mythos::with_store(Arc::new(MemoryStore::new()), runtime);
    mythos.rituals().save(&SaveRitual::new(ana(), "refund".parse().unwrap()), b"step 3").unwrap();
    let supervisor = mythos.deployments().supervise(&"support".parse().unwrap()).unwrap();
    let options = RestartPolicyOptions { free_restarts: 9, ..Default::default() };
    let spec = DeploymentSpec::new("refund".parse().unwrap()).policy(RestartPolicy::new(options).unwrap());
    supervisor.deploy(&DeployAssistant::new(ana(), spec)).unwrap();
    World { mythos, supervisor, clock }
}

fn crash() -> ReportFailure {
    let operation = Some(OperationId::from_name("crash"));
    ReportFailure { operation, ..ReportFailure::crashed(ana(), "killed".try_into().unwrap()) }
}

/// What is recorded is a matter of the thread, but which spans are of interest to anyone is one of the process: two tests at
/// once could decide that differently.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn what_is_committed_is_counted_once() {
    let _turn = one_at_a_time();
    let kept = Kept::default();
    metrics::with_local_recorder(&kept, || {
        let World { mythos, supervisor, clock } = world();
        assert_eq!(kept.take(), BTreeMap::new(), "a deployment is no restart");
        supervisor.report_failure(&crash()).unwrap();
        let restart = |level: &'static [f64]| {
            [(format!("{RESTARTS}{{failure=crashed}}"), &[1.0][..]), (format!("{BACKOFF_LEVEL}{{}}"), level)]
        };
        assert_eq!(kept.take(), told(restart(&[1.0])));
        // Repeated, and reported once more, it is no other.
        supervisor.report_failure(&crash()).unwrap();
        let again = ReportFailure { operation: None, ..crash() };
        assert!(!supervisor.report_failure(&again).unwrap().changed);
        assert_eq!(kept.take(), BTreeMap::new());

        let probe = |supervisor: &Supervisor| {
            let [effect] = supervisor.poll_effects(10).unwrap().try_into().unwrap();
            supervisor.carry_out(&effect).unwrap().next.unwrap().id
        };
        let first = probe(&supervisor);
        assert_eq!(kept.take(), BTreeMap::new());
        let not_ready = Outcome::NotReady { reason: "no port".try_into().unwrap() };
        supervisor.answer(&first, &not_ready).unwrap();
        assert_eq!(kept.take(), told(restart(&[2.0])));
        clock.advance(std::time::Duration::from_millis(1_500));
        let second = probe(&supervisor);
        supervisor.answer(&second, &Outcome::Ready).unwrap();
        supervisor.answer(&second, &Outcome::Ready).unwrap();
        let ready = [
            (format!("{INCIDENTS}{{ending=ready}}"), &[1.0][..]),
            (format!("{TIME_TO_READY}{{}}"), &[1.5][..]),
        ];
        assert_eq!(kept.take(), told(ready));

        // Another supervisor took over: nothing that the first one decides is committed.
        let newer = mythos.deployments().supervise(&"support".parse().unwrap()).unwrap();
        assert_eq!(supervisor.report_failure(&again).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(kept.take(), BTreeMap::new());
        newer.report_failure(&again).unwrap();
        assert_eq!(kept.take(), told(restart(&[3.0])));
        newer.stop(&StopAssistant::new(ana())).unwrap();
        assert_eq!(kept.take(), told([(format!("{INCIDENTS}{{ending=stopped}}"), &[1.0])]));
    });
}

#[test]
fn what_came_of_repairs_is_counted_once() {
    let _turn = one_at_a_time();
    use mythos_core::healing::{
        Budget, Budgets, HealingProtocol, HealingProtocolOptions, HealingRule, HealingRuleOptions,
        Observation, Outcome, RepairAction, RepairStep, Side, Target, Threshold, Trigger, UnhealthyLimit,
    };

    let start = Timestamp::from_microseconds(1_700_000_000_000_000).unwrap();
    let (runtime, _clock) = simulated_runtime(1, start);
    let engine = Mythos::with_store(Arc::new(MemoryStore::new()), runtime).healing();
    let threshold =
        Threshold { reading: "stalls".parse().unwrap(), side: Side::Above, enter: 3.0, exit: 1.0 };
    let ladder = vec![RepairStep::new(RepairAction::RestartAssistant)];
    let rule = HealingRule::new(HealingRuleOptions::new(
        "stuck".parse().unwrap(),
        Trigger::Stall,
        threshold,
        ladder,
    ));
    let hourly = Budget { max_actions: 3, period_ms: 3_600_000 };
    let budgets = Budgets { target: hourly, zone: hourly, node: hourly, overall: hourly };
    let options = HealingProtocolOptions::new(vec![rule.unwrap()], budgets, UnhealthyLimit::Unlimited);
    let healer = engine.engage(&"support".parse().unwrap(), &HealingProtocol::new(options).unwrap()).unwrap();
    let kept = Kept::default();
    metrics::with_local_recorder(&kept, || {
        let node = "node-1".parse().unwrap();
        let target = Target { assistant: ana(), node, zone: "eu".parse().unwrap(), codex: None };
        let readings = [("stalls".parse().unwrap(), 5.0)].into();
        let gauges = |pending: &'static [f64]| {
            [
                (format!("{HEALING_TARGETS}{{scope=support}}"), &[1.0][..]),
                (format!("{HEALING_UNHEALTHY}{{scope=support}}"), &[1.0]),
                (format!("{HEALING_OPEN_INCIDENTS}{{scope=support}}"), &[1.0]),
                (format!("{HEALING_PENDING_EFFECTS}{{scope=support}}"), pending),
            ]
        };
        healer.observe(&[Observation { target, at: start, readings }]).unwrap();
        assert_eq!(kept.take(), told(gauges(&[0.0])));
        healer.plan().unwrap();
        let [handed_out] = healer.poll_effects(10).unwrap().try_into().unwrap();
        assert_eq!(kept.take(), told(gauges(&[1.0])), "nothing came of it yet");
        let done = Outcome::Done { reversible: false };
        assert!(healer.answer(&handed_out.effect.id, &done).unwrap());
        assert!(!healer.answer(&handed_out.effect.id, &done).unwrap());
        healer.plan().unwrap();
        let mut expected = told(gauges(&[0.0]));
        expected.extend(told([(format!("{HEALING_ATTEMPTS}{{rule=stuck,outcome=done}}"), &[1.0])]));
        assert_eq!(kept.take(), expected);
    });
    let spans = Spans::default();
    tracing::subscriber::with_default(spans.clone(), || {
        healer.observe(&[]).unwrap();
        healer.plan().unwrap();
        assert!(healer.retire(&ana()).unwrap());
        let id = mythos_core::healing::EffectId {
            assistant: ana(),
            rule: "stuck".parse().unwrap(),
            incident: 1,
            attempt: 7,
            rollback: false,
        };
        assert!(!healer.answer(&id, &Outcome::Unsupported).unwrap());
    });
    let of = ("scope", "support");
    let expected = [
        span(HEAL_OBSERVE, &[of, ("targets", "0"), ("incidents", "0")]),
        span(HEAL_PLAN, &[of, ("targets", "0"), ("incidents", "0")]),
        span(HEAL_RETIRE, &[of, ("targets", "1"), ("incidents", "1")]),
        span(HEAL_ANSWER, &[of, ("targets", "0"), ("incidents", "0")]),
    ];
    assert_eq!(*spans.0.lock().unwrap(), expected);
}

/// Three members, each launched by the host, of which the later ones depend on the ones before.
fn crew() -> World {
    let world = world();
    let options = GroupPolicyOptions { strategy: Strategy::RestForOne, ..Default::default() };
    let policy = GroupPolicy::new(options).unwrap();
    let group = || "crew".parse().unwrap();
    world.supervisor.create_group(&CreateGroup::new(group(), policy)).unwrap();
    for assistant in ["bob", "cem", "dan"] {
        let assistant: AssistantId = assistant.parse().unwrap();
        let spec = DeploymentSpec::new("refund".parse().unwrap());
        let request = StartChild { is_running: true, ..StartChild::new(group(), assistant, spec) };
        world.supervisor.start_child(&request).unwrap();
    }
    world
}

fn crash_of(assistant: &str) -> ReportFailure {
    ReportFailure::crashed(assistant.parse().unwrap(), "killed".try_into().unwrap())
}

#[test]
fn groups_are_counted_when_they_begin_to_restart_or_end() {
    let _turn = one_at_a_time();
    let kept = Kept::default();
    metrics::with_local_recorder(&kept, || {
        let World { supervisor, .. } = crew();
        assert_eq!(kept.take(), BTreeMap::new());
        supervisor.report_failure(&crash_of("cem")).unwrap();
        let counted = kept.take();
        assert_eq!(counted[&format!("{GROUP_RESTARTS}{{strategy=rest_for_one}}")], [1.0]);
        // Its launch comes when the one behind it is down.
        assert_eq!(counted.len(), 1, "{counted:?}");
        let totals = supervisor.totals().unwrap();
        assert_eq!(totals, SupervisionTotals { deployments: 4, ..totals });
        assert!(totals.incidents > 0 && totals.pending > 0);
        let gauge = |name: &str| format!("{name}{{supervisor=support}}");
        let expected = [
            (gauge(OPEN_INCIDENTS), vec![totals.incidents as f64]),
            (gauge(PENDING_EFFECTS), vec![totals.pending as f64]),
        ];
        assert_eq!(kept.take(), expected.into());
        let night = || ChangeGroup::new("crew".parse().unwrap(), "night".try_into().unwrap());
        supervisor.stop_group(&night()).unwrap();
        assert_eq!(kept.take()[&format!("{GROUP_ENDS}{{why=requested}}")], [1.0]);
        supervisor.stop_group(&night()).unwrap();
        assert_eq!(kept.take(), BTreeMap::new());
    });
}

#[test]
fn a_span_tells_of_whom_the_decision_was_and_of_its_group() {
    let _turn = one_at_a_time();
    let World { supervisor, .. } = crew();
    let spans = Spans::default();
    tracing::subscriber::with_default(spans.clone(), || {
        supervisor.report_failure(&crash_of("cem")).unwrap();
        let night = ChangeGroup::new("crew".parse().unwrap(), "night".try_into().unwrap());
        supervisor.stop_group(&night).unwrap();
    });
    let spans = spans.0.lock().unwrap();
    let [(_, failed), (_, stopped)] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((failed["assistant"].as_str(), failed["before"].as_str()), ("cem", "running"));
    assert_eq!((failed["group"].as_str(), failed["group_before"].as_str()), ("crew", "up"));
    assert_eq!((failed["group_after"].as_str(), failed["changed"].as_str()), ("stopping", "2"));
    assert_eq!(stopped.get("assistant"), None, "it is about no one assistant");
    assert_eq!((stopped["group_before"].as_str(), stopped["group_after"].as_str()), ("stopping", "ending"));
}

/// Keeps the spans: their names, and their fields as text.
#[derive(Debug, Default, Clone)]
struct Spans(Arc<Mutex<Vec<Span>>>, Arc<AtomicU64>);

type Span = (&'static str, BTreeMap<String, String>);

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl Subscriber for Spans {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = BTreeMap::new();
        span.record(&mut Fields(&mut fields));
        self.0.lock().unwrap().push((span.metadata().name(), fields));
        Id::from_u64(self.1.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut spans = self.0.lock().unwrap();
        values.record(&mut Fields(&mut spans[span.into_u64() as usize - 1].1));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn span(name: &'static str, fields: &[(&str, &str)]) -> Span {
    let fields = fields.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned()));
    (name, fields.collect::<BTreeMap<_, _>>())
}

#[test]
fn spans_say_what_was_decided() {
    let _turn = one_at_a_time();
    let World { supervisor, .. } = world();
    let spans = Spans::default();
    tracing::subscriber::with_default(spans.clone(), || {
        supervisor.report_failure(&crash()).unwrap();
        supervisor.tick().unwrap();
        let [effect] = supervisor.poll_effects(10).unwrap().try_into().unwrap();
        supervisor.carry_out(&effect).unwrap();
        supervisor.stop(&StopAssistant::new("bob".parse().unwrap())).unwrap_err();
    });
    let of = ("supervisor", "support");
    let expected = [
        span(
            DECIDE,
            &[of, ("assistant", "ana"), ("before", "running"), ("after", "restoring"), ("changed", "1")],
        ),
        span(TICK, &[of]),
        span(
            CARRY_OUT,
            &[of, ("assistant", "ana"), ("before", "restoring"), ("after", "verifying"), ("changed", "1")],
        ),
        // What was refused was not decided.
        span(DECIDE, &[of]),
    ];
    assert_eq!(*spans.0.lock().unwrap(), expected);
}
