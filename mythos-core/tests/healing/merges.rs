//! Conflicts of codices: what the library reads of them itself, and merges that someone approves.

use std::sync::Arc;
use std::time::Duration;

use mythos_core::codex::*;
use mythos_core::healing::*;
use mythos_core::store::{Answer, Batch, Expect, MemoryStore, Model, Query, Read, RecordOp, Store};
use mythos_core::testing::{Fault, FaultStore, SimulatedClock, simulated_runtime};
use mythos_core::types::{Clock, CodexId};
use mythos_core::{Error, ErrorKind, Mythos};

use super::{name, scope, start, step};

fn codex() -> CodexId {
    "rules".parse().unwrap()
}

fn path() -> DirectivePath {
    DirectivePath::new(["support"]).unwrap()
}

fn protocol() -> HealingProtocol {
    let heads = Threshold { reading: name(CODEX_HEADS), side: Side::Above, enter: 2.0, exit: 2.0 };
    let ladder = vec![step(RepairAction::ProposeMerge).attempts(3)];
    let options = HealingRuleOptions::new(name("heads"), Trigger::CodexConflict, heads, ladder);
    let options = HealingRuleOptions { settle_ms: 0, cooldown_ms: 0, ..options };
    let plenty = Budget { max_actions: 100, period_ms: 3_600_000 };
    let budgets = Budgets { target: plenty, zone: plenty, node: plenty, overall: plenty };
    let rules = vec![HealingRule::new(options).unwrap()];
    let options = HealingProtocolOptions::new(rules, budgets, UnhealthyLimit::Unlimited);
    HealingProtocol::new(options).unwrap()
}

struct World {
    store: FaultStore,
    clock: SimulatedClock,
    mythos: Mythos,
    healer: Option<Healer>,
}

impl World {
    /// A codex with a head for each clause that is added to its beginning.
    fn new(clauses: &[&str]) -> Self {
        let store = FaultStore::new(MemoryStore::new());
        let (runtime, clock) = simulated_runtime(2026, start());
        let handle: Arc<dyn Store> = Arc::new(store.clone());
        let mythos = Mythos::with_store(handle, runtime);
        let codices = mythos.codices();
        let first = Clause { clause: "tone".parse().unwrap(), text: "Be kind.".into() };
        codices.create(&CreateCodex::new(codex(), vec![first], path(), "ana")).unwrap();
        for clause in clauses {
            let add =
                Mutation::Add { clause: clause.parse().unwrap(), text: (*clause).into(), position: None };
            let add = MutateCodex::new(codex(), add, path(), "bob");
            codices.mutate(&MutateCodex { parent: Some(0), ..add }).unwrap();
        }
        Self { store, clock, mythos, healer: None }
    }

    fn healer(&mut self) -> Result<Healer, Error> {
        match &self.healer {
            Some(healer) => Ok(healer.clone()),
            None => Ok(self.healer.insert(self.mythos.healing().engage(&scope(), &protocol())?).clone()),
        }
    }

    fn observe(&mut self) -> Result<ObservedCodices, Error> {
        let target = Target { codex: Some(codex()), ..super::target(0) };
        let readings = [(name("load"), 0.5)].into();
        let healer = self.healer()?;
        healer.observe_codices(&[Observation { target, at: self.clock.now(), readings }])
    }

    fn proposals(&self) -> Result<Vec<MergeProposal>, Error> {
        self.mythos.healing().merge_proposals(&scope(), 10)
    }

    /// One turn of the host's loop, in which `eve` approves whatever is proposed, and takes everything.
    fn turn(&mut self) -> Result<(), Error> {
        self.observe()?;
        let healer = self.healer()?;
        healer.plan()?;
        for proposal in self.proposals()? {
            healer.approve_merge(&approval(&proposal))?;
        }
        Ok(())
    }

    fn run(&mut self, turns: u32) {
        for _ in 0..turns {
            let mut attempts = 0;
            while let Err(error) = self.turn() {
                assert!(error.is_retryable(), "{error}");
                attempts += 1;
                assert!(attempts < 10);
                if self.store.is_down() {
                    self.store.restart();
                    self.healer = None;
                }
            }
            self.clock.advance(Duration::from_secs(5));
        }
    }

    /// The incident, the number of heads, and how many merges were made.
    fn outcome(&self) -> (HealingEvent, usize, usize) {
        let mut events =
            self.mythos.healing().events(&HealingEventFilter::default(), None, 10).unwrap().items;
        assert_eq!(events.len(), 1, "{events:#?}");
        let verification = self.mythos.codices().verify(&codex()).unwrap();
        assert_eq!(verification.proof_verification_status, ProofVerificationStatus::Verified);
        let trail = self.mythos.codices().trail(&codex(), 0, 100).unwrap().items;
        let merges = trail.iter().filter(|entry| matches!(entry.event.change, Change::Merge { .. })).count();
        (events.remove(0), verification.heads.len(), merges)
    }
}

fn approval(proposal: &MergeProposal) -> ApproveMerge {
    let merge = proposal.merge.as_ref().unwrap();
    let taken = |dispute: &DisputedClause| TakenClause {
        clause: dispute.clause.clone(),
        from: if dispute.ours.is_some() { MergeSide::Ours } else { MergeSide::Theirs },
    };
    ApproveMerge {
        effect: proposal.effect.clone(),
        by: name("eve"),
        ours: merge.ours.sequence,
        theirs: merge.theirs.sequence,
        take: merge.agreed.iter().cloned().chain(merge.disputed.iter().map(taken)).collect(),
        directive_path: path(),
        reason: Some("both are right".into()),
        evidence: None,
    }
}

#[test]
fn a_proposal_says_what_is_agreed_and_what_is_not_and_waits() {
    let mut world = World::new(&["refunds", "greetings"]);
    let observed = world.observe().unwrap();
    assert_eq!((observed.taken, observed.codices[0].heads.len(), observed.missing.len()), (1, 2, 0));
    let healer = world.healer().unwrap();
    healer.plan().unwrap();
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(86_400));
        world.observe().unwrap();
        healer.plan().unwrap();
    }
    let proposals = world.proposals().unwrap();
    assert_eq!((proposals.len(), world.outcome().1), (1, 2), "nothing is merged silently");
    let merge = proposals[0].merge.as_ref().unwrap();
    assert_eq!((merge.ours.sequence, merge.theirs.sequence), (1, 2));
    assert_eq!(merge.agreed, [TakenClause { clause: "tone".parse().unwrap(), from: MergeSide::Ours }]);
    let text = |clause: &Option<CodexClause>| clause.as_ref().and_then(|clause| clause.text.clone());
    let texts: Vec<_> = merge.disputed.iter().map(|it| (text(&it.ours), text(&it.theirs))).collect();
    assert_eq!(texts, [(Some("refunds".to_owned()), None), (None, Some("greetings".to_owned()))]);

    let made = healer.approve_merge(&approval(&proposals[0])).unwrap();
    assert_eq!(healer.approve_merge(&approval(&proposals[0])).unwrap(), made, "a repetition is harmless");
    let other = ApproveMerge { take: Vec::new(), ..approval(&proposals[0]) };
    assert_eq!(healer.approve_merge(&other).unwrap_err().field(), Some("operation"));
    world.clock.advance(Duration::from_secs(1));
    world.observe().unwrap();
    let (event, heads, merges) = world.outcome();
    assert_eq!((event.ending, heads, merges), (Some(Ending::Healthy), 1, 1));
    assert_eq!(event.outcome, Some(AttemptOutcome::Approved { by: name("eve") }));
    assert!(world.proposals().unwrap().is_empty());
}

#[test]
fn a_fault_at_any_call_neither_loses_nor_doubles_a_merge() {
    const TURNS: u32 = 4;
    let run = |fault: Option<(u64, Fault)>| {
        let mut world = World::new(&["refunds", "greetings", "hours"]);
        let before = world.store.calls();
        if let Some((call, fault)) = fault {
            world.store.plan(before + call, fault);
        }
        world.run(TURNS);
        let calls = world.store.calls() - before;
        let (event, heads, merges) = world.outcome();
        let approved =
            |attempt: &Attempt| attempt.outcome == Some(AttemptOutcome::Approved { by: name("eve") });
        assert_eq!((heads, merges, event.ending), (1, 2, Some(Ending::Healthy)), "{fault:?}");
        assert_eq!(event.repair_actions.len(), 2, "{fault:?}");
        assert!(event.repair_actions.iter().all(approved), "{fault:?}: {event:#?}");
        calls
    };
    let calls = run(None);
    for fault in Fault::ALL {
        for call in 1..=calls {
            run(Some((call, fault)));
        }
    }
}

/// The process dies between the merge and its answer, and nobody approves again.
#[test]
fn a_merge_that_was_made_and_not_answered_counts_as_approved() {
    let mut behind = 1;
    loop {
        let mut world = World::new(&["refunds", "greetings"]);
        world.observe().unwrap();
        let healer = world.healer().unwrap();
        healer.plan().unwrap();
        let proposal = world.proposals().unwrap().remove(0);
        world.store.plan(world.store.calls() + behind, Fault::ALL[0]);
        let approved = healer.approve_merge(&approval(&proposal));
        if world.store.is_down() {
            world.store.restart();
        }
        let heads = world.mythos.codices().codex(&codex()).unwrap().heads.len();
        if heads == 1 && approved.is_err() {
            world.healer = None;
            world.clock.advance(Duration::from_secs(1));
            world.observe().unwrap();
            assert_eq!(world.outcome().0.outcome, Some(AttemptOutcome::Approved { by: name("eve") }));
            return;
        }
        assert!(approved.is_err(), "no fault came between");
        behind += 1;
    }
}

#[test]
fn what_cannot_be_approved_is_refused_with_its_field() {
    let mut world = World::new(&["refunds", "greetings"]);
    world.observe().unwrap();
    let healer = world.healer().unwrap();
    healer.plan().unwrap();
    let proposal = world.proposals().unwrap().remove(0);
    let good = approval(&proposal);
    let refused = |approval: ApproveMerge| {
        let error = healer.approve_merge(&approval).unwrap_err();
        (error.kind(), error.field().unwrap_or_default().to_owned())
    };
    let other = EffectId { attempt: 7, ..good.effect.clone() };
    let invalid = |field: &str| (ErrorKind::Invalid, field.to_owned());
    assert_eq!(refused(ApproveMerge { effect: other, ..good.clone() }), invalid("effect"));
    assert_eq!(refused(ApproveMerge { theirs: 0, ..good.clone() }), invalid("theirs"));
    assert_eq!(refused(ApproveMerge { ours: 99, ..good.clone() }), (ErrorKind::NotFound, "ours".to_owned()));
    assert_eq!(world.outcome().1, 2);

    assert!(healer.answer(&good.effect, &Outcome::Declined { by: name("eve") }).unwrap());
    assert_eq!(refused(good), invalid("effect"));
    let error = world.mythos.healing().merge_proposals(&scope(), 0).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Limit, Some("limit")));
    let brings = Observation {
        target: super::target(0),
        at: world.clock.now(),
        readings: [(name(CODEX_HEADS), 1.0)].into(),
    };
    assert_eq!(healer.observe_codices(&[brings]).unwrap_err().field(), Some("readings.codex_heads"));

    // An older healer is refused before anything is merged.
    world.mythos.healing().engage(&scope(), &protocol()).unwrap();
    let error = healer.approve_merge(&approval(&proposal)).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Conflict, Some("epoch")));
    assert_eq!(world.outcome().1, 2);
}

#[test]
fn a_codex_that_is_damaged_or_not_there_gives_no_reading() {
    let mut world = World::new(&["refunds", "greetings"]);
    let healer = world.healer().unwrap();
    let target = Target { codex: Some("nothing".parse().unwrap()), ..super::target(1) };
    let absent = Observation { target, at: world.clock.now(), readings: Readings::new() };
    let observed = healer.observe_codices(&[absent]).unwrap();
    assert_eq!((observed.codices.len(), observed.missing), (0, vec!["nothing".parse().unwrap()]));

    // A head record that names other heads than its log leads to.
    let codices = world.mythos.codices();
    let mut head = codices.codex(&codex()).unwrap();
    head.heads.truncate(1);
    let Answer::Page { records } =
        world.store.read(&[Read::Page(Query::new(CodexHead::TABLE).limit(1))]).unwrap().remove(0)
    else {
        panic!()
    };
    let serde_json::Value::Object(body) = serde_json::to_value(&head).unwrap() else { panic!() };
    let mut batch = Batch::new();
    let expect = Expect::At(records[0].version);
    batch.records.push(RecordOp::Put { table: CodexHead::TABLE, id: records[0].id, expect, body });
    world.store.commit(&batch).unwrap();
    let observed = world.observe().unwrap();
    assert_eq!(observed.codices[0].proof_verification_status, ProofVerificationStatus::Tampered);
    let state = world.mythos.healing().targets(&HealingTargetFilter::default(), None, 10).unwrap().items;
    assert!(state.iter().all(|target| !target.state.readings.contains_key(&name(CODEX_HEADS))));
}

/// A codex of any length is verified when its head is new, and not at every observation.
#[test]
fn a_codex_whose_head_is_as_it_was_is_not_verified_anew() {
    let mut world = World::new(&["refunds"]);
    world.healer().unwrap().plan().unwrap();
    let observe = |world: &mut World| {
        world.clock.advance(Duration::from_secs(1));
        let before = world.store.calls();
        let heads = world.observe().unwrap().codices[0].heads.len();
        (heads, world.store.calls() - before)
    };
    let (heads, first) = observe(&mut world);
    let (_, second) = observe(&mut world);
    let (_, third) = observe(&mut world);
    assert_eq!(heads, 1);
    assert!(second < first && second == third, "{first} calls, then {second}, then {third}");
    let add = Mutation::Add { clause: "hours".parse().unwrap(), text: "hours".into(), position: None };
    let add = MutateCodex { parent: Some(0), ..MutateCodex::new(codex(), add, path(), "bob") };
    world.mythos.codices().mutate(&add).unwrap();
    assert_eq!(observe(&mut world).0, 2);
    assert_eq!(observe(&mut world), (2, second));
}

/// Two targets that follow one codex each have an incident; the merge of one heals both.
#[test]
fn one_merge_heals_all_targets_of_a_codex() {
    let mut world = World::new(&["refunds", "greetings"]);
    let healer = world.healer().unwrap();
    let observe = |world: &World| {
        world.clock.advance(Duration::from_secs(1));
        let seen = |number| {
            let target = Target { codex: Some(codex()), ..crate::target(number) };
            Observation { target, at: world.clock.now(), readings: Readings::new() }
        };
        healer.observe_codices(&[seen(0), seen(1)]).unwrap()
    };
    assert_eq!(observe(&world).codices.len(), 1);
    healer.plan().unwrap();
    let proposals = world.proposals().unwrap();
    assert_eq!(proposals.len(), 2);
    healer.approve_merge(&approval(&proposals[1])).unwrap();
    let left = world.proposals().unwrap();
    assert!(left.len() == 1 && left[0].merge.is_none(), "there is nothing left to merge");
    observe(&world);
    let events = world.mythos.healing().events(&HealingEventFilter::default(), None, 10).unwrap().items;
    assert!(events.iter().all(|event| event.ending == Some(Ending::Healthy)));
    let mut outcomes: Vec<_> = events.iter().filter_map(|event| event.outcome.clone()).collect();
    outcomes.sort_by_key(|outcome| format!("{outcome:?}"));
    assert_eq!(outcomes, [AttemptOutcome::Approved { by: name("eve") }, AttemptOutcome::Withdrawn]);
}
