//! The restart service through its public methods: what is recorded, what is handed out, what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use damage::{BLOCK, WHOLE, cell_at, cells_of, in_memory, overwrite_cell, owner, records, tamper};
use mythos_core::codex::{
    Clause, CreateCodex, DifferenceKind, DirectivePath, MergeSide, MutateCodex, Mutation, TakenClause,
};
use mythos_core::restart::{
    Action, AlignmentPolicy, Backoff, Decision, DeployAssistant, Deployment, DeploymentFilter,
    DeploymentRestart, DeploymentSpec, Effect, Ending, Escalation, FailureKind, FallbackStep, GiveUp, Jitter,
    Outcome, ReportFailure, RestartAssistant, RestartFilter, RestartPolicy, RestartPolicyOptions,
    RestartWindow, State, StateName, StopAssistant, Supervisor,
};
use mythos_core::ritual::{CompressedRitual, RitualHead, SaveRitual};
use mythos_core::store::{
    Answer, Batch, Budget, Capabilities, Maintained, MemoryStore, Model, Read, Store, StoreError,
};
use mythos_core::testing::{Fault, FaultStore};
use mythos_core::types::{AssistantId, CodexId, OperationId, RitualId, Runtime, TenantId};
use mythos_core::{ErrorKind, Mythos};

fn ana() -> AssistantId {
    "ana".parse().unwrap()
}

fn work() -> RitualId {
    "work".parse().unwrap()
}

/// Restarts come at once.
fn at_once() -> RestartPolicyOptions {
    RestartPolicyOptions { free_restarts: u32::MAX, ..RestartPolicyOptions::default() }
}

fn spec(options: RestartPolicyOptions) -> DeploymentSpec {
    DeploymentSpec::new(work()).policy(RestartPolicy::new(options).unwrap())
}

fn save(mythos: &Mythos, payload: &str) -> CompressedRitual {
    let mut save = SaveRitual::new(ana(), work());
    if let Ok(head) = mythos.codices().codex(&"rules".parse().unwrap()) {
        save.intent.codex = Some(head.codex);
        save.intent.codex_root = Some(head.heads[0].codex_root);
    }
    mythos.rituals().save(&save, payload.as_bytes()).unwrap()
}

fn change_codex(mythos: &Mythos, text: &str) {
    let path = DirectivePath::new(["test"]).unwrap();
    let clause = || "limit".parse().unwrap();
    let codex = || "rules".parse().unwrap();
    if mythos.codices().codex(&codex()).is_err() {
        let clause = Clause { clause: clause(), text: text.to_owned() };
        mythos.codices().create(&CreateCodex::new(codex(), vec![clause], path, "host")).unwrap();
    } else {
        let change = Mutation::Replace { clause: clause(), text: text.to_owned() };
        mythos.codices().mutate(&MutateCodex::new(codex(), change, path, "host")).unwrap();
    }
}

fn supervise(mythos: &Mythos) -> Supervisor {
    mythos.deployments().supervise(&"test".parse().unwrap()).unwrap()
}

fn deployed(mythos: &Mythos, spec: DeploymentSpec) -> Supervisor {
    let supervisor = supervise(mythos);
    supervisor.deploy(&DeployAssistant::new(ana(), spec)).unwrap();
    supervisor
}

fn fail(supervisor: &Supervisor) {
    supervisor.report_failure(&ReportFailure::crashed(ana(), "killed".try_into().unwrap())).unwrap();
}

fn only_effect(supervisor: &Supervisor) -> Effect {
    let mut effects = supervisor.poll_effects(10).unwrap();
    assert_eq!(effects.len(), 1, "{effects:?}");
    effects.remove(0)
}

fn history(mythos: &Mythos) -> Vec<DeploymentRestart> {
    mythos.deployments().history(&RestartFilter::default(), None, 100).unwrap().items
}

fn damage_newest(store: &MemoryStore) {
    let head = records(store, RitualHead::TABLE).remove(0);
    let owner = owner(RitualHead::TABLE, &head);
    let mut newest = cells_of(store, &owner, WHOLE).pop().unwrap();
    newest.bytes.reverse();
    overwrite_cell(store, &owner, &newest);
}

#[test]
fn a_failed_assistant_comes_back_from_its_newest_entry() {
    let (_, mythos) = in_memory();
    save(&mythos, "step 1");
    let entry = save(&mythos, "step 2");
    let supervisor = deployed(&mythos, spec(at_once()));
    fail(&supervisor);
    let done = supervisor.carry_out(&only_effect(&supervisor)).unwrap();
    assert_eq!(done.restored.unwrap().payload, b"step 2");
    let probe = done.next.unwrap();
    let Action::Probe { entry: probed, .. } = &probe.action else { panic!("{probe:?}") };
    assert_eq!((probed.entry, probe.run, probe.epoch), (entry.entry, 2, supervisor.epoch()));
    assert!(!history(&mythos)[0].successful_redeploy_flag);
    supervisor.answer(&probe.id, &Outcome::Ready).unwrap();

    let incident = history(&mythos).remove(0);
    assert_eq!(incident.assistant, ana());
    assert!(incident.last_known_state.starts_with("entry 2 of ritual work"));
    assert!(incident.symbolic_fallback_path.starts_with("latest, entry 2 of ritual work"));
    assert!(incident.symbolic_fallback_path.ends_with(": ready"));
    assert_eq!(incident.restart_trigger_reason.as_str(), "killed");
    assert!(incident.successful_redeploy_flag);
    assert_eq!((incident.ending, incident.ready_at), (Some(Ending::Ready), incident.ended_at));
    let path: Vec<_> = incident.path.iter().map(|visit| visit.state.as_str()).collect();
    assert_eq!(path, ["failed", "restoring", "verifying", "mythpath_ready"]);
}

#[test]
fn a_state_in_memory_does_not_stand_for_the_one_that_a_worker_reads() {
    let (store, mythos) = in_memory();
    let mythos = mythos.with_rituals(mythos_core::ritual::RitualOptions::default());
    save(&mythos, "step 1");
    save(&mythos, "step 2");
    damage_newest(&store);
    let supervisor = deployed(&mythos, spec(at_once()));
    fail(&supervisor);
    let done = supervisor.carry_out(&only_effect(&supervisor)).unwrap();
    assert_eq!(done.restored.unwrap().payload, b"step 1");
}

#[test]
fn a_damaged_entry_gives_way_to_an_older_one_in_one_commit() {
    let (store, mythos) = in_memory();
    save(&mythos, "step 1");
    save(&mythos, "step 2");
    damage_newest(&store);
    let supervisor = deployed(&mythos, spec(at_once()));
    fail(&supervisor);
    let before = records(&*store, Deployment::TABLE)[0].version;
    let done = supervisor.carry_out(&only_effect(&supervisor)).unwrap();
    assert_eq!(records(&*store, Deployment::TABLE)[0].version, before.next().unwrap());
    assert_eq!(done.restored.unwrap().payload, b"step 1");
    let told = history(&mythos).remove(0).symbolic_fallback_path;
    assert!(told.starts_with("latest: not restored (") && told.contains(" > older entry, entry 1"), "{told}");
}

#[test]
fn without_any_entry_the_path_ends_and_an_operator_is_told() {
    let (_, mythos) = in_memory();
    let supervisor = deployed(&mythos, spec(at_once()));
    fail(&supervisor);
    let done = supervisor.carry_out(&only_effect(&supervisor)).unwrap();
    assert_eq!(done.decision.state, State::GivenUp { why: GiveUp::PathExhausted });
    let notice = done.next.unwrap();
    let given_up = Action::Escalate { escalation: Escalation::GivenUp { why: GiveUp::PathExhausted } };
    assert_eq!(notice.action, given_up);
    // The operator saves a state to begin from and asks for a restart: the notice is overtaken.
    save(&mythos, "mended");
    let reason = || "mended".try_into().unwrap();
    supervisor.restart_now(&RestartAssistant::new(ana(), reason())).unwrap();
    let late = supervisor.answer(&notice.id, &Outcome::Acknowledged).unwrap();
    assert!(!late.changed);
    let done = supervisor.carry_out(&only_effect(&supervisor)).unwrap();
    supervisor.answer(&done.next.unwrap().id, &Outcome::Ready).unwrap();
    let [second, first] = <[_; 2]>::try_from(history(&mythos)).unwrap();
    assert_eq!((first.ending, second.ending), (Some(Ending::GivenUp), Some(Ending::Ready)));
    assert_eq!((second.failure_kind, second.incident), (FailureKind::Requested, 2));
    assert_eq!(first.last_known_state, "none");
}

#[test]
fn alignment_follows_its_policy() {
    let resume = |alignment| {
        let (_, mythos) = in_memory();
        change_codex(&mythos, "one");
        save(&mythos, "under one");
        change_codex(&mythos, "two");
        let options = RestartPolicyOptions { alignment, symbolic_fallback_path: vec![], ..at_once() };
        let supervisor = deployed(&mythos, spec(options).codex("rules".parse().unwrap()));
        fail(&supervisor);
        let done = supervisor.carry_out(&only_effect(&supervisor)).unwrap();
        let alignment = done.alignment.unwrap();
        let head = mythos.codices().codex(&"rules".parse().unwrap()).unwrap();
        assert_eq!(alignment.proven_root, head.heads[0].codex_root);
        assert!(alignment.entry_root.is_some() && !alignment.is_same());
        assert_eq!(history(&mythos)[0].alignment, Some(alignment));
        (supervisor, done.decision.state.name(), done.next.unwrap())
    };
    assert_eq!(resume(AlignmentPolicy::AdoptCurrent).1, StateName::Verifying);
    assert_eq!(resume(AlignmentPolicy::SameRoot).1, StateName::GivenUp);
    // The clause says something else: nothing that an assistant could resume under without a word.
    assert_eq!(resume(AlignmentPolicy::Compatible).1, StateName::GivenUp);
    let (supervisor, state, question) = resume(AlignmentPolicy::AskOperator);
    assert_eq!(state, StateName::AwaitingOperator);
    assert!(matches!(&question.action, Action::Escalate { escalation: Escalation::Misaligned { .. } }));
    let wrong = supervisor.answer(&question.id, &Outcome::Ready).unwrap_err();
    assert_eq!((wrong.kind(), wrong.field()), (ErrorKind::Invalid, Some("outcome")));
    let decision = supervisor.answer(&question.id, &Outcome::Approved).unwrap();
    assert_eq!(decision.state.name(), StateName::Verifying);
}

#[test]
fn what_changed_is_told_clause_by_clause_and_a_compatible_change_lets_the_assistant_resume() {
    let rules: CodexId = "rules".parse().unwrap();
    let path = || DirectivePath::new(["rules"]).unwrap();
    let resume = |alignment, mutations: Vec<Mutation>| {
        let (_, mythos) = in_memory();
        change_codex(&mythos, "one");
        save(&mythos, "under one");
        for mutation in mutations {
            mythos.codices().mutate(&MutateCodex::new(rules.clone(), mutation, path(), "ana")).unwrap();
        }
        let options = RestartPolicyOptions { alignment, symbolic_fallback_path: vec![], ..at_once() };
        let supervisor = deployed(&mythos, spec(options).codex(rules.clone()));
        fail(&supervisor);
        let done = supervisor.carry_out(&only_effect(&supervisor)).unwrap();
        (done.alignment.unwrap(), done.decision.state.name())
    };
    let clause = |name: &str| name.parse::<mythos_core::types::ClauseId>().unwrap();
    let add = Mutation::Add { clause: clause("law"), text: "Follow the law.".into(), position: Some(0) };
    let annotate = |name: &str| Mutation::Annotate { clause: clause(name), note: "read".into() };
    let (alignment, state) = resume(AlignmentPolicy::Compatible, vec![add.clone(), annotate("limit")]);
    assert!(alignment.is_compatible && !alignment.is_same());
    let changes: Vec<_> = alignment.changes.iter().map(|it| (it.clause.as_str(), it.kind)).collect();
    assert_eq!(changes, [("law", DifferenceKind::Added), ("limit", DifferenceKind::Annotated)]);
    assert_eq!((alignment.since, alignment.more_changes, state), (Some(0), 0, StateName::Verifying));
    let (alignment, state) =
        resume(AlignmentPolicy::Compatible, vec![add, Mutation::Remove { clause: clause("limit") }]);
    assert_eq!((alignment.is_compatible, alignment.changes.len(), state), (false, 2, StateName::GivenUp));
    let (alignment, state) = resume(AlignmentPolicy::Compatible, vec![]);
    assert!(alignment.is_same() && alignment.is_compatible && alignment.changes.is_empty());
    assert_eq!(state, StateName::Verifying);
}

#[test]
fn an_audited_codex_is_adopted_and_one_with_a_change_nobody_examined_is_not() {
    let rules: CodexId = "rules".parse().unwrap();
    let mutate = |mythos: &Mythos, mutation, evidence: Option<&str>, parent| {
        let path = DirectivePath::new(["rules"]).unwrap();
        let evidence = evidence.map(|examined| mythos_core::types::Digest::of(examined.as_bytes()));
        let mutate =
            MutateCodex { evidence, parent, ..MutateCodex::new(rules.clone(), mutation, path, "ana") };
        mythos.codices().mutate(&mutate).unwrap().sequence
    };
    let limit = || "limit".parse::<mythos_core::types::ClauseId>().unwrap();
    let replace = |text: &str| Mutation::Replace { clause: limit(), text: text.into() };
    let resume = |change: &dyn Fn(&Mythos)| {
        let (_, mythos) = in_memory();
        change_codex(&mythos, "one");
        // What came before the entry counts for nothing.
        mutate(&mythos, replace("two"), None, None);
        save(&mythos, "under two");
        change(&mythos);
        let alignment = AlignmentPolicy::Audited;
        let options = RestartPolicyOptions { alignment, symbolic_fallback_path: vec![], ..at_once() };
        let supervisor = deployed(&mythos, spec(options).codex(rules.clone()));
        fail(&supervisor);
        let done = supervisor.carry_out(&only_effect(&supervisor)).unwrap();
        (done.alignment.unwrap().is_audited, done.decision.state.name())
    };
    let adopted = (true, StateName::Verifying);
    let refused = (false, StateName::GivenUp);
    let note = || Mutation::Annotate { clause: limit(), note: "read".into() };
    let audited = |mythos: &Mythos| {
        mutate(mythos, replace("three"), Some("audit"), None);
    };
    assert_eq!(resume(&audited), adopted);
    let with_a_note = |mythos: &Mythos| {
        audited(mythos);
        mutate(mythos, note(), None, None);
    };
    assert_eq!(resume(&with_a_note), adopted);
    let between = |mythos: &Mythos| {
        mutate(mythos, replace("three"), None, None);
        mutate(mythos, replace("four"), Some("audit"), None);
    };
    assert_eq!(resume(&between), refused);
    // A branch that was merged counts, and so does what the merge takes; a merge may name evidence itself.
    let merged = |on_the_branch: Option<&'static str>, of_the_merge: Option<&'static str>| {
        move |mythos: &Mythos| {
            let ours = mutate(mythos, note(), None, None);
            let theirs = mutate(mythos, replace("three"), on_the_branch, Some(1));
            let take = vec![TakenClause { clause: limit(), from: MergeSide::Theirs }];
            mutate(mythos, Mutation::Merge { other: theirs, take }, of_the_merge, Some(ours));
        }
    };
    assert_eq!(resume(&merged(Some("audit"), Some("audit"))), adopted);
    assert_eq!(resume(&merged(None, Some("audit"))), refused);
    assert_eq!(resume(&merged(Some("audit"), None)), refused);
}

#[test]
fn an_assistant_never_resumes_under_a_codex_that_is_not_proven() {
    let (store, mythos) = in_memory();
    change_codex(&mythos, "one");
    save(&mythos, "under one");
    let head = records(&*store, mythos_core::codex::CodexHead::TABLE).remove(0);
    tamper(&*store, mythos_core::codex::CodexHead::TABLE, &head, |body| {
        body["heads"][0]["codex_root"] = "00".repeat(32).into();
    });
    for codex in ["rules", "missing"] {
        let supervisor = deployed(&mythos, spec(at_once()).codex(codex.parse().unwrap()));
        fail(&supervisor);
        let done = supervisor.carry_out(&only_effect(&supervisor)).unwrap();
        assert_eq!(done.decision.state, State::GivenUp { why: GiveUp::PathExhausted });
        assert!(history(&mythos)[0].symbolic_fallback_path.contains("codex not proven"), "{codex}");
    }
}

#[test]
fn a_repeated_operation_is_told_what_it_was_told_before() {
    let (store, mythos) = in_memory();
    save(&mythos, "step 1");
    let supervisor = deployed(&mythos, spec(at_once()));
    let operation = Some(OperationId::from_name("failure 1"));
    let report = ReportFailure {
        run: Some(1),
        operation,
        ..ReportFailure::crashed(ana(), "killed".try_into().unwrap())
    };
    let first = supervisor.report_failure(&report).unwrap();
    let done = supervisor.carry_out(&only_effect(&supervisor)).unwrap();
    supervisor.answer(&done.next.unwrap().id, &Outcome::Ready).unwrap();
    let before = records(&*store, Deployment::TABLE);
    assert_eq!(supervisor.report_failure(&report).unwrap(), first);
    assert_eq!(records(&*store, Deployment::TABLE), before);

    let other = ReportFailure { kind: FailureKind::Stalled, ..report.clone() };
    let error = supervisor.report_failure(&other).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("operation")));
    let stop = StopAssistant { assistant: ana(), operation };
    assert_eq!(supervisor.stop(&stop).unwrap_err().kind(), ErrorKind::Invalid);

    // A report that changed nothing is remembered too: repeated when it would change something, it does not.
    fail(&supervisor);
    let ignored = ReportFailure { run: None, operation: Some(OperationId::from_name("failure 2")), ..report };
    assert!(!supervisor.report_failure(&ignored).unwrap().changed);
    let done = supervisor.carry_out(&only_effect(&supervisor)).unwrap();
    supervisor.answer(&done.next.unwrap().id, &Outcome::Ready).unwrap();
    assert!(!supervisor.report_failure(&ignored).unwrap().changed);
    assert_eq!(supervisor.deployment(&ana()).unwrap().state, StateName::MythpathReady);
}

#[test]
fn an_older_supervisor_is_refused_and_a_newer_one_hands_out_again() {
    let (_, mythos) = in_memory();
    save(&mythos, "step 1");
    let older = deployed(&mythos, spec(at_once()));
    fail(&older);
    let effect = only_effect(&older);
    assert_eq!(older.poll_effects(10).unwrap(), [], "handed out once");
    older.give_back(&effect.id);
    assert_eq!(only_effect(&older), effect);

    let newer = supervise(&mythos);
    assert!(newer.epoch() > older.epoch());
    let again = only_effect(&newer);
    assert_eq!((again.id, again.epoch), (effect.id, newer.epoch()));
    let errors = [
        older.carry_out(&effect).map(drop),
        older.answer(&effect.id, &Outcome::Ready).map(drop),
        older.tick().map(drop),
        older.poll_effects(1).map(drop),
        older.next_timeout().map(drop),
        older.deployment(&ana()).map(drop),
        older.stop(&StopAssistant::new(ana())).map(drop),
    ];
    for error in errors.map(Result::unwrap_err) {
        assert_eq!((error.kind(), error.field()), (ErrorKind::Conflict, Some("epoch")), "{error}");
    }
    // What the older one handed out, the newer one takes.
    let done = newer.carry_out(&effect).unwrap();
    assert!(newer.carry_out(&again).unwrap().restored.is_none(), "carried out once");
    assert!(newer.answer(&done.next.unwrap().id, &Outcome::Ready).unwrap().changed);
}

/// A store under which another supervisor takes over just before a commit.
#[derive(Debug)]
struct TakenOver {
    inner: Arc<MemoryStore>,
    now: AtomicBool,
}

impl Store for TakenOver {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        self.inner.read(reads)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        if self.now.swap(false, Ordering::Relaxed) {
            supervise(&Mythos::with_store(self.inner.clone(), Runtime::system()));
        }
        self.inner.commit(batch)
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.inner.maintain(budget)
    }
}

#[test]
fn a_supervisor_that_is_paused_before_its_commit_is_refused_by_the_store() {
    let decisions: [fn(&Supervisor, &Effect) -> mythos_core::Result<()>; 4] = [
        |supervisor, _| supervisor.deploy(&DeployAssistant::new(ana(), spec(at_once()))).map(drop),
        |supervisor, _| supervisor.deploy(&DeployAssistant::new("new".parse()?, spec(at_once()))).map(drop),
        |supervisor, _| supervisor.stop(&StopAssistant::new(ana())).map(drop),
        |supervisor, effect| supervisor.carry_out(effect).map(drop),
    ];
    for (number, decide) in decisions.into_iter().enumerate() {
        let inner = Arc::new(MemoryStore::new());
        let store = Arc::new(TakenOver { inner: inner.clone(), now: AtomicBool::new(false) });
        let mythos = Mythos::with_store(store.clone(), Runtime::system());
        save(&mythos, "step 1");
        let supervisor = deployed(&mythos, spec(at_once()));
        fail(&supervisor);
        let effect = only_effect(&supervisor);
        let before = records(&*inner, Deployment::TABLE);
        store.now.store(true, Ordering::Relaxed);
        let error = decide(&supervisor, &effect).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Conflict, Some("epoch")), "decision {number}");
        assert_eq!(records(&*inner, Deployment::TABLE), before, "decision {number}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_its_field() {
    let (_, mythos) = in_memory();
    save(&mythos, "step 1");
    let supervisor = deployed(&mythos, spec(at_once()));
    let nobody = ReportFailure::crashed("bob".parse().unwrap(), "killed".try_into().unwrap());
    assert_eq!(supervisor.report_failure(&nobody).unwrap_err().kind(), ErrorKind::NotFound);
    let never = ReportFailure { run: Some(9), ..ReportFailure::crashed(ana(), "killed".try_into().unwrap()) };
    assert_eq!(supervisor.report_failure(&never).unwrap_err().field(), Some("run"));
    let own = vec![FallbackStep::NamedRitual { ritual: work() }];
    let circular = spec(RestartPolicyOptions { symbolic_fallback_path: own, ..at_once() });
    let error = supervisor.deploy(&DeployAssistant::new(ana(), circular)).unwrap_err();
    assert_eq!(error.field(), Some("symbolic_fallback_path"));

    fail(&supervisor);
    let effect = only_effect(&supervisor);
    let mut never = effect.id;
    never.number += 1;
    assert_eq!(supervisor.answer(&never, &Outcome::Ready).unwrap_err().field(), Some("effect"));
    let unknown = Effect { id: never, ..effect.clone() };
    assert_eq!(supervisor.carry_out(&unknown).unwrap_err().kind(), ErrorKind::Invalid);
    let probe = supervisor.carry_out(&effect).unwrap().next.unwrap();
    assert_eq!(supervisor.carry_out(&probe).unwrap_err().kind(), ErrorKind::Invalid);
    let other = mythos.deployments().supervise(&"other".parse().unwrap()).unwrap();
    assert_eq!(other.answer(&probe.id, &Outcome::Ready).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn listings_are_by_tenant_supervisor_assistant_and_state() {
    let (_, mythos) = in_memory();
    let supervisor = deployed(&mythos, spec(at_once()));
    supervisor.deploy(&DeployAssistant::new("bob".parse().unwrap(), spec(at_once()))).unwrap();
    let stopping = supervisor.stop(&StopAssistant::new("bob".parse().unwrap())).unwrap();
    supervisor.answer(&stopping.effect.unwrap(), &Outcome::Stopped).unwrap();
    let list = |filter: DeploymentFilter| {
        let page = mythos.deployments().deployments(&filter, None, 10).unwrap();
        page.items.iter().map(|deployment| deployment.assistant.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list(DeploymentFilter::default()), ["ana", "bob"]);
    let state = Some(StateName::Stopped);
    assert_eq!(list(DeploymentFilter { state, ..DeploymentFilter::default() }), ["bob"]);
    let assistant = Some(ana());
    assert_eq!(list(DeploymentFilter { assistant, ..DeploymentFilter::default() }), ["ana"]);
    let elsewhere = Some("other".parse().unwrap());
    assert_eq!(list(DeploymentFilter { supervisor: elsewhere, ..DeploymentFilter::default() }).len(), 0);
    let tenant = mythos.tenant(TenantId::new("another").unwrap());
    let error = tenant.deployments().deployment(supervisor.id(), &ana()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let first = mythos.deployments().deployments(&DeploymentFilter::default(), None, 1).unwrap();
    let second = mythos.deployments().deployments(&DeploymentFilter::default(), first.next, 1).unwrap();
    assert_eq!(second.items[0].assistant.as_str(), "bob");
}

#[test]
fn many_threads_report_and_carry_out_and_each_effect_happens_once() {
    let (_, mythos) = in_memory();
    save(&mythos, "step 1");
    let window = RestartWindow::sliding(1_000, 3_600_000);
    let supervisor = Arc::new(deployed(
        &mythos,
        spec(RestartPolicyOptions { window, launches_per_entry: 1_000, ..at_once() }),
    ));
    // A failure that is reported while another is dealt with is no incident of its own, so that rounds do not tell.
    let incidents = || {
        let deployment = supervisor.deployment(&ana()).unwrap();
        deployment.machine.incident().map_or(0, |incident| incident.number)
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100_000 {
                    if incidents() >= 25 {
                        break;
                    }
                    fail(&supervisor);
                    for effect in supervisor.poll_effects(10).unwrap() {
                        let next = match effect.action {
                            Action::Probe { .. } => Some(effect),
                            _ => supervisor.carry_out(&effect).unwrap().next,
                        };
                        if let Some(probe) = next {
                            supervisor.answer(&probe.id, &Outcome::Ready).unwrap();
                        }
                    }
                }
            });
        }
    });
    let incidents = incidents();
    assert_eq!(history(&mythos).len() as u64, incidents.min(100));
    assert!(incidents >= 25);
}

#[test]
fn stored_forms_carry_their_format_and_an_unknown_one_is_refused() {
    let (store, mythos) = in_memory();
    let supervisor = deployed(&mythos, spec(at_once()));
    let record = records(&*store, Deployment::TABLE).remove(0);
    assert_eq!(record.body["format"], 1);
    tamper(&*store, Deployment::TABLE, &record, |body| body["format"] = 2.into());
    assert_eq!(supervisor.deployment(&ana()).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(supervisor.stop(&StopAssistant::new(ana())).unwrap_err().kind(), ErrorKind::Corrupt);
}

/// Breaks a record's body in a field that no listing needs.
fn make_unreadable(store: &MemoryStore, assistant: &AssistantId) {
    let all = records(store, Deployment::TABLE);
    let record = all.iter().find(|record| record.body["assistant"] == assistant.as_str()).unwrap();
    tamper(store, Deployment::TABLE, record, |body| body["incident_version"] = "broken".into());
}

#[test]
fn an_unreadable_deployment_stands_still_alone() {
    let (store, mythos) = in_memory();
    let bob: AssistantId = "bob".parse().unwrap();
    let supervisor = supervise(&mythos);
    let mut effects = Vec::new();
    for assistant in [ana(), bob.clone()] {
        mythos.rituals().save(&SaveRitual::new(assistant.clone(), work()), b"step 1").unwrap();
        supervisor.deploy(&DeployAssistant::new(assistant.clone(), spec(at_once()))).unwrap();
        let report = ReportFailure::crashed(assistant, "killed".try_into().unwrap());
        effects.extend(supervisor.report_failure(&report).unwrap().effect);
    }
    make_unreadable(&store, &ana());

    assert_eq!(only_effect(&supervisor).assistant, bob);
    let supervisor = supervise(&mythos);
    let restore = only_effect(&supervisor);
    assert_eq!(restore.assistant, bob);
    let probe = supervisor.carry_out(&restore).unwrap().next.unwrap();
    assert!(supervisor.next_timeout().unwrap().is_some(), "the probe's deadline");
    supervisor.answer(&probe.id, &Outcome::NotReady { reason: "no".try_into().unwrap() }).unwrap();
    assert_eq!(supervisor.tick().unwrap(), []);

    let damaged = [
        supervisor.deployment(&ana()).map(drop),
        supervisor.stop(&StopAssistant::new(ana())).map(drop),
        supervisor.answer(&effects[0], &Outcome::Ready).map(drop),
        mythos.deployments().deployment(supervisor.id(), &ana()).map(drop),
        mythos.deployments().deployments(&DeploymentFilter::default(), None, 10).map(drop),
    ];
    for error in damaged.map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("deployment of ana"), "it is named: {error}");
    }
}

#[test]
fn an_unreadable_timer_does_not_hide_the_others() {
    let (store, mythos) = in_memory();
    let bob: AssistantId = "bob".parse().unwrap();
    let supervisor = supervise(&mythos);
    let backoff = Backoff::Constant { delay_ms: 1 };
    let soon = || spec(RestartPolicyOptions { backoff, jitter: Jitter::None, ..Default::default() });
    for assistant in [ana(), bob.clone()] {
        supervisor.deploy(&DeployAssistant::new(assistant.clone(), soon())).unwrap();
        let report = ReportFailure::crashed(assistant, "killed".try_into().unwrap());
        supervisor.report_failure(&report).unwrap();
    }
    make_unreadable(&store, &ana());
    let timer = supervisor.deployment(&bob).unwrap().timer_at;
    assert_eq!(supervisor.next_timeout().unwrap(), timer);
    std::thread::sleep(std::time::Duration::from_millis(2));
    let fired = supervisor.tick().unwrap();
    assert_eq!(fired.iter().map(|decision| &decision.assistant).collect::<Vec<_>>(), [&bob]);
    assert_eq!(supervisor.next_timeout().unwrap(), None);
}

#[test]
fn an_unreadable_deployment_is_deployed_anew() {
    let (store, mythos) = in_memory();
    save(&mythos, "step 1");
    let supervisor = deployed(&mythos, spec(at_once()));
    fail(&supervisor);
    let restore = only_effect(&supervisor);
    let old_probe = supervisor.carry_out(&restore).unwrap().next.unwrap();
    make_unreadable(&store, &ana());
    let version = records(&*store, Deployment::TABLE)[0].version;

    let decision = supervisor.deploy(&DeployAssistant::new(ana(), spec(at_once()))).unwrap();
    assert_eq!(decision.state.name(), StateName::Running);
    assert_eq!(records(&*store, Deployment::TABLE)[0].version, version.next().unwrap());
    assert!(decision.run > old_probe.run, "its runs are told apart from the earlier ones");
    fail(&supervisor);
    let restore = only_effect(&supervisor);
    assert!(restore.id.number > old_probe.id.number, "and so are its effects");
    let probe = supervisor.carry_out(&restore).unwrap().next.unwrap();
    assert!(!supervisor.answer(&old_probe.id, &Outcome::Ready).unwrap().changed);
    assert!(supervisor.answer(&probe.id, &Outcome::Ready).unwrap().changed);

    // What a newer version of the library wrote is not replaced.
    let record = records(&*store, Deployment::TABLE).remove(0);
    tamper(&*store, Deployment::TABLE, &record, |body| {
        body["format"] = 2.into();
        body["machine"] = "of another form".into();
    });
    let error = supervisor.deploy(&DeployAssistant::new(ana(), spec(at_once()))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_record_that_claims_to_be_of_another_assistant_speaks_for_none() {
    let (store, mythos) = in_memory();
    let supervisor = deployed(&mythos, spec(at_once()));
    fail(&supervisor);
    let record = records(&*store, Deployment::TABLE).remove(0);
    tamper(&*store, Deployment::TABLE, &record, |body| body["assistant"] = "bob".into());
    assert_eq!(supervisor.poll_effects(10).unwrap(), []);
    assert_eq!(supervisor.deployment(&ana()).unwrap_err().kind(), ErrorKind::Corrupt);
}

type Hook = Box<dyn FnOnce() + Send>;

/// A store under which something happens just after a page was read.
struct Overtaken {
    inner: MemoryStore,
    hook: Mutex<Option<Hook>>,
}

impl std::fmt::Debug for Overtaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Overtaken")
    }
}

impl Store for Overtaken {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        let answers = self.inner.read(reads);
        if reads.iter().any(|read| matches!(read, Read::Page(_))) {
            let hook = self.hook.lock().unwrap().take();
            if let Some(hook) = hook {
                hook();
            }
        }
        answers
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.inner.commit(batch)
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.inner.maintain(budget)
    }
}

#[test]
fn a_poll_that_is_overtaken_hands_nothing_out_twice() {
    for gives_back in [false, true] {
        let store = Arc::new(Overtaken { inner: MemoryStore::new(), hook: Mutex::default() });
        let mythos = Mythos::with_store(store.clone(), Runtime::system());
        save(&mythos, "step 1");
        let supervisor = deployed(&mythos, spec(at_once()));
        fail(&supervisor);
        let restore = only_effect(&supervisor);
        let probe = Arc::new(Mutex::new(None));
        *store.hook.lock().unwrap() = Some(Box::new({
            let (supervisor, restore, probe) = (supervisor.clone(), restore.clone(), probe.clone());
            move || {
                let next = supervisor.carry_out(&restore).unwrap().next.unwrap();
                if gives_back {
                    supervisor.give_back(&next.id);
                }
                *probe.lock().unwrap() = Some(next);
            }
        }));
        assert_eq!(supervisor.poll_effects(10).unwrap(), [], "what it read is no longer pending");
        let probe = probe.lock().unwrap().take().unwrap();
        let expected = if gives_back { vec![probe] } else { vec![] };
        assert_eq!(supervisor.poll_effects(10).unwrap(), expected);
        assert_eq!(supervisor.poll_effects(10).unwrap(), []);
    }
}

#[test]
fn a_pruned_history_jams_no_deployment() {
    let decisions: [fn(&Supervisor, &Effect) -> mythos_core::Result<()>; 4] = [
        |supervisor, _| supervisor.deploy(&DeployAssistant::new(ana(), spec(at_once()))).map(drop),
        |supervisor, _| supervisor.stop(&StopAssistant::new(ana())).map(drop),
        |supervisor, _| supervisor.restart_now(&RestartAssistant::new(ana(), "asked".try_into()?)).map(drop),
        |supervisor, effect| supervisor.carry_out(effect).map(drop),
    ];
    for (number, decide) in decisions.into_iter().enumerate() {
        let (store, mythos) = in_memory();
        save(&mythos, "step 1");
        let supervisor = deployed(&mythos, spec(at_once()));
        fail(&supervisor);
        let effect = only_effect(&supervisor);
        let incident = records(&*store, DeploymentRestart::TABLE).remove(0);
        let mut batch = Batch::new();
        batch.delete(DeploymentRestart::TABLE, incident.id, incident.version);
        store.commit(&batch).unwrap();
        decide(&supervisor, &effect).unwrap_or_else(|error| panic!("decision {number}: {error}"));
        let again = records(&*store, DeploymentRestart::TABLE);
        assert_eq!(again.len(), 1, "decision {number}: the open incident is told anew");
        assert_eq!(again[0].id, incident.id);
        assert_eq!(history(&mythos)[0].restart_trigger_reason.as_str(), "killed");
    }
}

#[test]
fn an_unknown_outcome_names_the_operation_to_repeat() {
    type Decide = fn(&Supervisor, Option<OperationId>) -> mythos_core::Result<Decision>;
    let decisions: [Decide; 4] = [
        |supervisor, operation| {
            supervisor.deploy(&DeployAssistant { operation, ..DeployAssistant::new(ana(), spec(at_once())) })
        },
        |supervisor, operation| {
            let report = ReportFailure::crashed(ana(), "killed".try_into()?);
            supervisor.report_failure(&ReportFailure { operation, ..report })
        },
        |supervisor, operation| supervisor.stop(&StopAssistant { operation, assistant: ana() }),
        |supervisor, operation| {
            let restart = RestartAssistant::new(ana(), "asked".try_into()?);
            supervisor.restart_now(&RestartAssistant { operation, ..restart })
        },
    ];
    for (number, decide) in decisions.into_iter().enumerate() {
        let memory = MemoryStore::new();
        let store = FaultStore::new(memory.clone());
        let mythos = Mythos::with_store(Arc::new(store.clone()), Runtime::system());
        let supervisor = deployed(&mythos, spec(at_once()));
        // The first call that a decision makes after its reads is its commit, whichever number that is.
        let error = (1..10)
            .find_map(|call| {
                store.plan(store.calls() + call, Fault::LoseAnswer);
                let error = decide(&supervisor, None).err()?;
                (error.kind() == ErrorKind::Unknown).then_some(error)
            })
            .unwrap();
        let operation: OperationId = error.operation().unwrap().parse().unwrap();
        let before = records(&memory, Deployment::TABLE);
        assert!(decide(&supervisor, Some(operation)).unwrap().changed, "decision {number}");
        assert_eq!(records(&memory, Deployment::TABLE), before, "decision {number}: it is not made twice");
    }
}

#[test]
fn an_unreadable_entry_gives_way_to_an_older_one() {
    let (store, mythos) = in_memory();
    let entries = ["step 1", "step 2", "step 3"].map(|payload| save(&mythos, payload));
    let owner = owner(RitualHead::TABLE, &records(&*store, RitualHead::TABLE)[0]);
    let mut card = cell_at(&*store, &owner, BLOCK, entries[2].sequence);
    card.bytes.reverse();
    overwrite_cell(&*store, &owner, &card);
    damage_newest(&store);
    let supervisor = deployed(&mythos, spec(at_once()));
    fail(&supervisor);
    let done = supervisor.carry_out(&only_effect(&supervisor)).unwrap();
    assert_eq!(done.restored.unwrap().payload, b"step 2");
    let decision = supervisor.answer(&done.next.unwrap().id, &Outcome::Ready).unwrap();
    assert_eq!(decision.state.name(), StateName::MythpathReady);
}

#[test]
fn who_is_stopped_rests_once_the_host_has_ended_it() {
    let (_, mythos) = in_memory();
    save(&mythos, "step 1");
    let supervisor = deployed(&mythos, spec(at_once()));
    let stop = || supervisor.stop(&StopAssistant::new(ana())).unwrap();
    // A launch is underway: the host is asked to end it, and what it says of the launch comes too late.
    fail(&supervisor);
    let probe = supervisor.carry_out(&only_effect(&supervisor)).unwrap().next.unwrap();
    let stopping = stop();
    assert_eq!(stopping.state.name(), StateName::Stopping);
    let effect = only_effect(&supervisor);
    assert!(matches!(effect.action, Action::Stop { deadline: Some(_) }), "{effect:?}");
    assert!(!supervisor.answer(&probe.id, &Outcome::Ready).unwrap().changed);
    assert!(!stop().changed, "it is on its way");
    let stopped = supervisor.answer(&effect.id, &Outcome::Stopped).unwrap();
    assert_eq!(stopped.state, State::Stopped);
    assert_eq!(history(&mythos)[0].ending, Some(Ending::Stopped));

    // One that runs is stopped in an incident of its own; a restart that is asked for meanwhile overtakes the stop.
    supervisor.deploy(&DeployAssistant::new(ana(), spec(at_once()))).unwrap();
    let stop_effect = stop().effect.unwrap();
    assert_eq!(history(&mythos)[0].failure_kind, FailureKind::Requested);
    let again = RestartAssistant::new(ana(), "after all".try_into().unwrap());
    assert_eq!(supervisor.restart_now(&again).unwrap().state.name(), StateName::Restoring);
    assert!(!supervisor.answer(&stop_effect, &Outcome::Stopped).unwrap().changed);

    // Nothing runs of one that ended: it rests at once.
    supervisor.deploy(&DeployAssistant::new(ana(), spec(at_once()))).unwrap();
    fail(&supervisor);
    assert_eq!(stop().state, State::Stopped);
    assert_eq!(supervisor.poll_effects(10).unwrap(), []);
}
