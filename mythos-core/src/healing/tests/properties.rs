//! Random readings, answers and silences, over a few targets.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Move {
    Pass(u64),
    See {
        number: u32,
        entropy: f64,
        stall: f64,
    },
    Plan,
    /// Answers a pending effect.
    Answer {
        which: usize,
        outcome: u8,
    },
    Retire(u32),
    /// Goes through serde.
    Sleep,
}

fn any_move() -> impl Strategy<Value = Move> {
    let level = prop_oneof![Just(0.1), Just(0.6), Just(0.85), Just(1.0), 0.0..1.2_f64];
    prop_oneof![
        4 => (0_u64..40_000).prop_map(Move::Pass),
        8 => (0_u32..6, level.clone(), level)
            .prop_map(|(number, entropy, stall)| Move::See { number, entropy, stall }),
        8 => Just(Move::Plan),
        6 => (any::<usize>(), 0_u8..6).prop_map(|(which, outcome)| Move::Answer { which, outcome }),
        1 => (0_u32..6).prop_map(Move::Retire),
        1 => Just(Move::Sleep),
    ]
}

fn any_budget() -> impl Strategy<Value = Budget> {
    (0_u32..6, 1_u64..200_000).prop_map(|(max_actions, period_ms)| Budget { max_actions, period_ms })
}

fn any_protocol() -> impl Strategy<Value = HealingProtocol> {
    let budgets = (any_budget(), any_budget(), any_budget(), any_budget())
        .prop_map(|(target, zone, node, overall)| Budgets { target, zone, node, overall });
    let limit = prop_oneof![
        2 => Just(UnhealthyLimit::Unlimited),
        1 => (0_u32..5).prop_map(|count| UnhealthyLimit::AtMost { count }),
        1 => (0.0..100.0_f64).prop_map(|percent| UnhealthyLimit::AtMostPercent { percent }),
    ];
    (budgets, limit, any::<bool>(), 0_u64..30_000, 0_u64..30_000, 1_u32..4).prop_map(
        |(budgets, limit, flaps, settle_ms, cooldown_ms, attempts)| {
            let ladder = vec![restore().attempts(attempts), restart(), restore()];
            let calm = HealingRuleOptions { settle_ms, cooldown_ms, ..entropy(ladder) };
            let threshold = Threshold { reading: name("stall"), side: Side::Above, enter: 0.8, exit: 0.5 };
            let ladder =
                vec![RepairStep::new(RepairAction::ProposeMerge), RepairStep::new(RepairAction::Notify)];
            let heads = HealingRuleOptions {
                settle_ms,
                cooldown_ms,
                ..HealingRuleOptions::new(name("heads"), Trigger::CodexConflict, threshold, ladder)
            };
            let options = protocol(vec![calm, heads], budgets, limit).options().clone();
            let flapping = if flaps { FlapPolicy::default() } else { options.flapping };
            HealingProtocol::new(HealingProtocolOptions { flapping, ..options }).unwrap()
        },
    )
}

fn outcome(effect: &Effect, which: u8) -> Outcome {
    let by = name("ana");
    match (which, effect.action.awaits_approval()) {
        (0, _) => Outcome::Failed { reason: "no".try_into().unwrap() },
        (1, _) => Outcome::Unsupported,
        (2, true) => Outcome::Declined { by },
        (_, true) => Outcome::Approved { by },
        (_, false) => Outcome::Done { reversible: which.is_multiple_of(2) },
    }
}

/// A machine, what the host has seen of it, and the promises that are held against both.
struct World {
    machine: HealingMachine,
    now: Timestamp,
    pending: Vec<Effect>,
    answered: Vec<Effect>,
    /// When actions were begun, and for whom.
    begun: Vec<(Timestamp, Target)>,
    /// What made things worse, by target and incident.
    worse: BTreeMap<(AssistantId, u64), BTreeSet<String>>,
}

impl World {
    fn new(protocol: HealingProtocol) -> Self {
        Self {
            machine: HealingMachine::new(name("world"), protocol),
            now: at(1_000),
            pending: Vec::new(),
            answered: Vec::new(),
            begun: Vec::new(),
            worse: BTreeMap::new(),
        }
    }

    fn take(&mut self, step: Move) -> Result<(), TestCaseError> {
        match step {
            Move::Pass(milliseconds) => {
                self.now = self.now.saturating_add(Duration::from_millis(milliseconds))
            }
            Move::See { number, entropy, stall } => {
                let mut seen = observation(number, 0, &[("entropy", entropy), ("stall", stall)]);
                seen.at = self.now;
                self.machine.observe(&[seen], self.now).unwrap();
            }
            Move::Plan => self.plan()?,
            Move::Answer { which, outcome: code } => self.answer(which, code)?,
            Move::Retire(number) => {
                self.machine.retire(&target(number).assistant, self.now);
            }
            Move::Sleep => {
                let json = serde_json::to_string(&self.machine).unwrap();
                let woken: HealingMachine = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(&woken, &self.machine);
                prop_assert_eq!(woken.dry_run(self.now), self.machine.dry_run(self.now));
                prop_assert_eq!(woken.totals(self.now), self.machine.totals(self.now));
                prop_assert_eq!(woken.poll_timeout(self.now), self.machine.poll_timeout(self.now));
                self.machine = woken;
            }
        }
        self.note_worse();
        self.check()
    }

    fn plan(&mut self) -> Result<(), TestCaseError> {
        let totals = self.machine.totals(self.now);
        let due = self.machine.poll_timeout(self.now);
        let dry = self.machine.dry_run(self.now);
        let plan = self.machine.plan(self.now);
        prop_assert_eq!(&dry, &plan, "a dry run is the plan");
        if plan.iter().any(|entry| entry.decision.is_action()) {
            prop_assert_eq!(due, Some(self.now));
        }
        for entry in &plan {
            let Decision::Act { action, .. } = &entry.decision else { continue };
            prop_assert!(totals.is_within_limit, "no action while too many are ill");
            prop_assert!(entry.reading.is_some());
            let worse = self.worse.get(&(entry.target.assistant.clone(), entry.incident));
            prop_assert!(!worse.is_some_and(|worse| worse.contains(action.name())), "repeated: {entry:?}");
            self.begun.push((self.now, entry.target.clone()));
        }
        // A second plan at the same moment begins nothing: one action for one incident.
        prop_assert!(!self.machine.dry_run(self.now).iter().any(|entry| entry.decision.is_action()));
        self.pending.extend(self.machine.poll_effects(100));
        self.pending.sort_by(|a, b| a.id.cmp(&b.id));
        self.pending.dedup();
        Ok(())
    }

    fn answer(&mut self, which: usize, code: u8) -> Result<(), TestCaseError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let effect = self.pending.remove(which % self.pending.len());
        let outcome = outcome(&effect, code);
        self.machine.answer(&effect.id, &outcome, self.now).unwrap();
        self.note_worse();
        let after = self.machine.clone();
        prop_assert!(!self.machine.answer(&effect.id, &outcome, self.now).unwrap(), "an answer counts once");
        prop_assert_eq!(&self.machine, &after);
        self.answered.push(effect);
        Ok(())
    }

    fn note_worse(&mut self) {
        for incident in &self.machine.changes().incidents {
            let key = (incident.target.assistant.clone(), incident.number);
            let worse = incident.attempts.iter().filter(|attempt| attempt.made_worse);
            self.worse.entry(key).or_default().extend(worse.map(|attempt| attempt.action.name().to_owned()));
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let budgets = self.machine.protocol().options().budgets;
        let within = |budget: &Budget, of: &dyn Fn(&Target) -> bool| {
            let period = Duration::from_millis(budget.period_ms);
            self.begun.iter().all(|(end, _)| {
                let begin = end.saturating_sub(period);
                let counted = self.begun.iter().filter(|(at, it)| (begin..=*end).contains(at) && of(it));
                counted.count() <= budget.max_actions as usize
            })
        };
        prop_assert!(within(&budgets.overall, &|_| true));
        for number in 0..6 {
            let target = target(number);
            prop_assert!(within(&budgets.target, &|it| it.assistant == target.assistant));
            prop_assert!(within(&budgets.zone, &|it| it.zone == target.zone));
            prop_assert!(within(&budgets.node, &|it| it.node == target.node));
        }
        for number in 0..6 {
            let Some(state) = self.machine.target(&target(number).assistant) else { continue };
            for incident in state.open() {
                let open = incident.attempts.iter().filter(|attempt| attempt.outcome.is_none()).count();
                prop_assert!(open <= 1, "two actions in flight: {incident:?}");
                for attempt in &incident.attempts {
                    if let Some(delta) = attempt.symbolic_health_delta.value() {
                        prop_assert!((-1.0..=1.0).contains(&delta));
                    }
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_machine_keeps_its_promises(
        protocol in any_protocol(),
        moves in prop::collection::vec(any_move(), 0..120),
    ) {
        let mut world = World::new(protocol);
        for step in moves {
            world.take(step)?;
        }
        world.take(Move::Pass(1))?;
        // All become well, the host answers what is pending, and time passes: everything ends, and nothing is begun.
        let begun = world.begun.len();
        for _ in 0..8 {
            for number in 0..6 {
                world.take(Move::See { number, entropy: 0.1, stall: 0.1 })?;
            }
            world.take(Move::Plan)?;
            while !world.pending.is_empty() {
                world.take(Move::Answer { which: 0, outcome: 4 })?;
            }
            world.take(Move::Pass(700_000))?;
        }
        prop_assert_eq!(world.begun.len(), begun);
        prop_assert_eq!(world.machine.totals(world.now).incidents, 0);
        prop_assert!(world.machine.plan(world.now).is_empty());
    }

    /// The same moves, the same machine, byte for byte.
    #[test]
    fn it_is_deterministic(
        protocol in any_protocol(),
        moves in prop::collection::vec(any_move(), 0..40),
    ) {
        let run = || {
            let mut world = World::new(protocol.clone());
            for step in &moves {
                world.take(step.clone()).unwrap();
            }
            (serde_json::to_string(&world.machine).unwrap(), world.machine.dry_run(world.now))
        };
        prop_assert_eq!(run(), run());
    }
}
