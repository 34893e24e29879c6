//! Random events, in random order, late and repeated.

use proptest::prelude::*;

use super::*;

fn any_answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => (1_u64..6).prop_map(|sequence| Answer::Restored(entry(sequence))),
        1 => (1_u64..6).prop_map(|sequence| Answer::NotRestored { sequence: Some(sequence), reason: reason() }),
        2 => Just(Answer::Aligned(alignment(b"root"))),
        1 => Just(Answer::Misaligned(alignment(b"other"))),
        1 => Just(Answer::NotAligned { reason: reason() }),
        2 => Just(Answer::Ready),
        2 => Just(Answer::NotReady { reason: reason() }),
        1 => Just(Answer::Approved),
        1 => Just(Answer::Declined),
        1 => Just(Answer::Acknowledged),
        1 => Just(Answer::Stopped),
    ]
}

#[derive(Debug, Clone)]
enum Move {
    Pass(u64),
    Event(Event),
    AnswerPending(Answer),
    FireTimer,
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        2 => (0_u64..5_000).prop_map(Move::Pass),
        3 => Just(Move::Event(failed())),
        2 => prop_oneof![Just(ExitKind::Completed), Just(ExitKind::ShutDown), Just(ExitKind::Killed)]
            .prop_map(|kind| Move::Event(exited(kind))),
        8 => any_answer().prop_map(Move::AnswerPending),
        4 => Just(Move::FireTimer),
        1 => (0_u64..20, any_answer())
            .prop_map(|(number, answer)| Move::Event(Event::Answered { number, answer })),
        1 => (0_u64..20).prop_map(|generation| Move::Event(Event::TimerFired { generation })),
        1 => prop_oneof![Just(Event::Deployed), Just(stop_requested()), Just(restart_requested())]
            .prop_map(Move::Event),
    ]
}

fn any_policy() -> impl Strategy<Value = RestartPolicyOptions> {
    let path = prop_oneof![
        Just(vec![]),
        Just(vec![FallbackStep::OlderEntry]),
        Just(vec![FallbackStep::OlderEntry, FallbackStep::Escalate]),
        Just(vec![
            FallbackStep::NamedRitual { ritual: RitualId::new("safe").unwrap() },
            FallbackStep::OlderEntry,
            FallbackStep::OlderCodex
        ]),
    ];
    let align = prop_oneof![
        Just(AlignmentPolicy::SameRoot),
        Just(AlignmentPolicy::Audited),
        Just(AlignmentPolicy::AdoptCurrent),
        Just(AlignmentPolicy::AskOperator)
    ];
    let limits = (
        prop::option::of(0_u32..4),
        prop::option::of(1_u64..30_000),
        prop_oneof![Just(QuietSince::Up), Just(QuietSince::LastFailure)],
        prop::option::of(1_u64..5_000),
        prop_oneof![
            Just(RestartClass::Permanent),
            Just(RestartClass::Transient),
            Just(RestartClass::Temporary)
        ],
    );
    (path, align, 0_u32..6, 1_u64..20_000, 1_u32..4, 0_u64..10_000, any::<bool>(), limits).prop_map(
        |(
            symbolic_fallback_path,
            alignment,
            max_restarts,
            period_ms,
            launches,
            quiet_period_ms,
            jitter,
            limits,
        )| {
            let (max_retries, deadline_ms, quiet_since, step_deadline_ms, restart) = limits;
            RestartPolicyOptions {
                max_retries,
                deadline_ms,
                step_deadline_ms,
                operator_deadline_ms: step_deadline_ms,
                quiet_since,
                exits: ExitRules { restart, ..ExitRules::default() },
                symbolic_fallback_path,
                alignment,
                window: if jitter && max_restarts > 0 {
                    RestartWindow::tumbling(max_restarts, period_ms)
                } else {
                    RestartWindow::sliding(max_restarts, period_ms)
                },
                launches_per_entry: launches,
                quiet_period_ms: match quiet_since {
                    QuietSince::Up => quiet_period_ms,
                    QuietSince::LastFailure => quiet_period_ms + 60_001,
                },
                jitter: if jitter { Jitter::Decorrelated } else { Jitter::Equal },
                ..RestartPolicyOptions::default()
            }
        },
    )
}

proptest! {
    #[test]
    fn whatever_happens_the_machine_keeps_its_promises(
        policy in any_policy(),
        has_codex: bool,
        moves in prop::collection::vec(any_move(), 0..120),
    ) {
        let mut driver = Driver::new(policy);
        if has_codex {
            driver = driver.with_codex();
        }
        let mut restored: Option<RestoredEntry> = None;
        for one in moves {
            let pending = driver.machine.pending.map(|pending| pending.number);
            let event = match one {
                Move::Pass(ms) => {
                    driver.now_ms += ms;
                    continue;
                }
                Move::Event(event) => event,
                Move::AnswerPending(answer) => Event::Answered { number: pending.unwrap_or(0), answer },
                Move::FireTimer => Event::TimerFired { generation: driver.machine.generation },
            };
            let before = driver.machine.clone();
            let outcome = driver.step(event.clone());
            if outcome != Ok(None) {
                prop_assert_eq!(&driver.machine, &before);
                continue;
            }
            if let Event::Answered { number, answer } = &event {
                prop_assert_eq!(Some(*number), pending, "only the pending effect can be answered");
                let again = driver.clone().step(event.clone());
                prop_assert_eq!(again, Ok(Some(Ignored::AlreadyAnswered)));
                if let Answer::Restored(entry) = answer {
                    restored = Some(entry.clone());
                }
            }
            check_invariants(&driver);
            // Ready only from a verified entry, and only from the one that was restored last.
            if let State::MythpathReady { entry, alignment, .. } = driver.machine.state() {
                prop_assert_eq!(Some(entry), restored.as_ref());
                prop_assert_eq!(alignment.is_some(), has_codex);
            }
            // The stored form is the whole machine.
            let json = serde_json::to_string(&driver.machine).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Machine>(&json).unwrap(), &driver.machine);
        }
    }

    #[test]
    fn when_failures_end_every_machine_comes_to_rest(
        policy in any_policy(),
        moves in prop::collection::vec(any_move(), 0..60),
    ) {
        let mut driver = Driver::new(policy).with_codex();
        for one in moves {
            match one {
                Move::Pass(ms) => driver.now_ms += ms,
                Move::Event(event) => { let _ = driver.step(event); },
                Move::AnswerPending(answer) => {
                    let number = driver.machine.pending.map_or(0, |pending| pending.number);
                    let _ = driver.step(Event::Answered { number, answer });
                }
                Move::FireTimer => drop(driver.step(Event::TimerFired { generation: driver.machine.generation })),
            }
        }
        for _ in 0..20 {
            match driver.machine.action(&driver.spec) {
                Some(Action::Restore { .. }) => { driver.answer(Answer::Restored(entry(99))); },
                Some(Action::Align { .. }) => { driver.answer(Answer::Aligned(alignment(b"root"))); },
                Some(Action::Probe { .. }) => { driver.answer(Answer::Ready); },
                Some(Action::Escalate { escalation: Escalation::GivenUp { .. } }) => {
                    driver.answer(Answer::Acknowledged);
                }
                Some(Action::Escalate { .. }) => { driver.answer(Answer::Approved); },
                Some(Action::Stop { .. } | Action::Kill) => { driver.answer(Answer::Stopped); },
                None if driver.machine.timer().is_some() => { driver.timer(); },
                None => break,
            }
        }
        let name = driver.machine.state.name();
        prop_assert!(
            name.is_at_rest(),
            "{name}"
        );
    }
}
