use proptest::prelude::*;

use super::super::novelty::NoveltyMeter;
use super::*;
use crate::error::ErrorKind;
use crate::types::{Entropy, SeededEntropy};

fn entries(first: u64, novelties: &[f64]) -> Vec<ScoredEntry> {
    let score = |novelty: &f64| Score::new(*novelty).unwrap();
    (0..)
        .zip(novelties)
        .map(|(index, novelty)| ScoredEntry { sequence: first + index, novelty: score(novelty) })
        .collect()
}

fn policy(min_length: u32, threshold: f64) -> StallPolicy {
    StallPolicy::new(min_length, Score::new(threshold).unwrap()).unwrap()
}

#[test]
fn policies_that_cannot_be_sensible_are_refused() {
    let refused = |min_length, threshold| {
        let error = StallPolicy::new(min_length, Score::new(threshold).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.field().unwrap().to_owned()
    };
    for min_length in [0, 1, StallPolicy::MAX_MIN_LENGTH + 1, u32::MAX] {
        assert_eq!(refused(min_length, 0.3), "min_length");
    }
    for threshold in [0.0, 1.0] {
        assert_eq!(refused(8, threshold), "threshold");
    }
    let default = StallPolicy::default();
    assert_eq!(StallPolicy::new(default.min_length(), default.threshold()).unwrap(), default);
    assert_eq!(default.threshold().get(), StallPolicy::DEFAULT_THRESHOLD);
}

#[test]
fn a_novelty_at_the_threshold_and_a_missing_entry_end_a_run() {
    let policy = policy(2, 0.25);
    assert!(stall(&entries(0, &[0.125, 0.125]), &policy).is_some());
    assert_eq!(stall(&entries(0, &[0.125, 0.25]), &policy), None);
    assert_eq!(stall(&entries(0, &[0.125, 0.25, 0.125]), &policy), None);
    let mut gap = [entries(0, &[0.125, 0.125]), entries(3, &[0.125])].concat();
    assert_eq!(stall(&gap, &policy), None);
    gap.extend(entries(4, &[0.0]));
    let expected = Stall { since_sequence: 3, length: 2, mean_novelty: Score::new(0.0625).unwrap() };
    assert_eq!(stall(&gap, &policy), Some(expected));
    assert_eq!(stall(&[], &policy), None);
    assert!(stall(&entries(u64::MAX - 1, &[0.0, 0.0]), &policy).is_some());
    let wrapped = [entries(u64::MAX, &[0.0]), entries(0, &[0.0])].concat();
    assert_eq!(stall(&wrapped, &policy), None);
}

proptest! {
    #[test]
    fn a_stall_is_the_longest_tail_below_the_threshold(
        novelties in prop::collection::vec(prop_oneof![3 => 0.0..0.3, 1 => 0.0..1.0], 0..60),
        gap in any::<prop::sample::Index>(),
        min_length in 2_u32..10,
    ) {
        let policy = policy(min_length, 0.25);
        let gap = gap.index(novelties.len() + 1);
        let entries = [entries(5, &novelties[..gap]), entries(gap as u64 + 7, &novelties[gap..])].concat();
        let tail = novelties.iter().rev().take_while(|novelty| **novelty < 0.25).count();
        let tail = if gap == novelties.len() { tail } else { tail.min(novelties.len() - gap) };
        let first = novelties.len() - tail;
        let expected = (tail >= min_length as usize).then(|| (entries[first].sequence, tail as u64));
        let found = stall(&entries, &policy);
        prop_assert_eq!(found.map(|stall| (stall.since_sequence, stall.length)), expected);
        if let Some(found) = found {
            let mean = novelties[first..].iter().sum::<f64>() / tail as f64;
            prop_assert!((found.mean_novelty.get() - mean).abs() < 1e-12);
            prop_assert!(found.mean_novelty < policy.threshold());
        }
    }
}

/// How an agent of the labelled set behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    // These loop.
    SameCallAndAnswer,
    TwoActionsInTurn,
    SameCallWithNewIds,
    Apologies,
    // These go ahead.
    FreshText,
    ToolOutputs,
    SlowBoilerplate,
    OneRetry,
}

use Behaviour::{
    Apologies, FreshText, OneRetry, SameCallAndAnswer, SameCallWithNewIds, SlowBoilerplate, ToolOutputs,
    TwoActionsInTurn,
};

const LOOPING: [Behaviour; 4] = [SameCallAndAnswer, TwoActionsInTurn, SameCallWithNewIds, Apologies];
const PROGRESSING: [Behaviour; 4] = [FreshText, ToolOutputs, SlowBoilerplate, OneRetry];

/// How the state is kept: every message, or the last ones below a header that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Append,
    Window,
}

/// Messages of a window.
const WINDOW: usize = 20;

/// Entries that go ahead before a loop begins, and entries of the loop.
const AHEAD: usize = 24;
const LOOP: usize = 16;

/// Seeds of each behaviour in each layout.
const SEEDS: u64 = 12;

/// Writes messages whose words are drawn from a vocabulary of its own.
struct Writer {
    entropy: SeededEntropy,
}

impl Writer {
    fn new(seed: u64) -> Self {
        Self { entropy: SeededEntropy::new(seed) }
    }

    fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes) % bound
    }

    /// `count` words of 2,000, the first of them far more often than the last, as in a language.
    fn words(&self, count: u64) -> String {
        const SYLLABLES: [&str; 13] =
            ["ta", "re", "mon", "si", "lu", "ver", "ko", "an", "di", "pe", "ral", "shi", "est"];
        let word = || {
            let bound = 1 + self.below(2000);
            let rank = self.below(bound) as usize;
            [SYLLABLES[rank % 13], SYLLABLES[rank / 13 % 13], SYLLABLES[rank / 169]].concat()
        };
        (0..count).map(|_| word()).collect::<Vec<_>>().join(" ")
    }

    fn call(&self) -> String {
        let words = self.words(4);
        format!(r#"{{"role":"assistant","content":null,"tool":{{"name":"search","arguments":"{words}"}}}}"#)
    }

    fn answer(&self, words: u64) -> String {
        format!(r#"{{"role":"tool","name":"search","content":"{}"}}"#, self.words(words))
    }

    fn text(&self) -> String {
        format!(r#"{{"role":"assistant","content":"{}"}}"#, self.words(25 + self.below(40)))
    }

    /// The id and the time that hosts give to each message.
    fn stamped(&self, message: &str, step: usize) -> String {
        let (id, milliseconds) = (self.below(u64::MAX), self.below(60_000));
        let time =
            format!("2026-03-14T09:{:02}:{:02}.{:03}Z", step % 60, milliseconds / 1000, milliseconds % 1000);
        format!(r#"{{"id":"call_{id:016x}","created_at":"{time}",{}"#, &message[1..])
    }

    fn apology(&self) -> String {
        const PARTS: [[&str; 4]; 3] = [
            [
                "I apologize for the confusion.",
                "Sorry about that.",
                "That did not work.",
                "My mistake, again.",
            ],
            [
                "Let me try once more.",
                "I will retry the request.",
                "Let me repeat the call.",
                "Trying it again now.",
            ],
            [
                "Thank you for waiting.",
                "This should do it.",
                "One moment, please.",
                "I appreciate your patience.",
            ],
        ];
        let words = PARTS.map(|choices| choices[self.below(4) as usize]).join(" ");
        format!(r#"{{"role":"assistant","content":"{words}"}}"#)
    }

    /// The message of step `step` of an agent that goes ahead.
    fn ahead(&self, behaviour: Behaviour, step: usize) -> String {
        match behaviour {
            ToolOutputs if step % 2 == 1 => self.answer(40 + self.below(400)),
            ToolOutputs => self.call(),
            // A long header that is always the same, a short report now and then, and little else.
            SlowBoilerplate => {
                let report = self.words(if step.is_multiple_of(5) { 30 } else { 5 });
                let notice =
                    "This report was generated automatically. Do not reply to this message. ".repeat(6);
                format!(r#"{{"role":"tool","name":"monitor","notice":"{notice}","report":"{report}"}}"#)
            }
            _ if step % 3 == 1 => self.answer(20),
            _ => self.text(),
        }
    }

    /// The messages of a run.
    fn messages(&self, behaviour: Behaviour) -> Vec<String> {
        let mut messages: Vec<String> = (0..AHEAD).map(|step| self.ahead(behaviour, step)).collect();
        let turn = [self.call(), self.answer(60)];
        let other = [self.call(), self.answer(30)];
        for step in 0..LOOP {
            let half = step % 2;
            messages.push(match behaviour {
                SameCallAndAnswer => turn[half].clone(),
                TwoActionsInTurn => [&turn, &other][step / 2 % 2][half].clone(),
                SameCallWithNewIds => self.stamped(&turn[half], step),
                Apologies if half == 0 => self.apology(),
                Apologies => turn[1].clone(),
                OneRetry if step < 4 => turn[half].clone(),
                _ => self.ahead(behaviour, AHEAD + step),
            });
        }
        messages
    }
}

fn payload(layout: Layout, messages: &[String]) -> Vec<u8> {
    let step = messages.len();
    match layout {
        Layout::Append => format!(r#"{{"thread_id":"t","messages":[{}]}}"#, messages.join(",")).into_bytes(),
        Layout::Window => {
            let (minute, kept) = (step % 60, &messages[step.saturating_sub(WINDOW)..]);
            let header = format!(r#""step":{step},"updated_at":"2026-03-14T09:{minute:02}:07Z""#);
            format!(r#"{{{header},"messages":[{}]}}"#, kept.join(",")).into_bytes()
        }
    }
}

/// At which entry the default policy first calls a run of `behaviour` a stall.
fn first_stall(behaviour: Behaviour, layout: Layout, seed: u64) -> Option<usize> {
    let meter = NoveltyMeter::default();
    let messages = Writer::new(seed).messages(behaviour);
    let mut detector = StallDetector::new(StallPolicy::default());
    let mut previous: Option<Vec<u8>> = None;
    (0..messages.len()).find(|last| {
        let payload = payload(layout, &messages[..=*last]);
        let novelty = meter.score(previous.as_deref(), &payload);
        previous = Some(payload);
        detector.observe(ScoredEntry { sequence: *last as u64, novelty }).is_some()
    })
}

/// What the labelled set must be told apart by, at least: what recorded sessions showed, less a margin.
const MIN_PRECISION: f64 = 0.95;
const MIN_RECALL: f64 = 0.9;

#[test]
fn looping_runs_are_told_from_progressing_ones() {
    let (mut found, mut missed, mut false_alarms) = (0, 0, 0);
    let mut outcomes = Vec::new();
    for layout in [Layout::Append, Layout::Window] {
        for behaviour in LOOPING.into_iter().chain(PROGRESSING) {
            let stalls: Vec<_> = (0..SEEDS)
                .map(|seed| first_stall(behaviour, layout, 1000 * behaviour as u64 + seed))
                .collect();
            let in_time =
                stalls.iter().flatten().filter(|at| LOOPING.contains(&behaviour) && **at >= AHEAD).count();
            found += in_time;
            false_alarms += stalls.iter().flatten().count() - in_time;
            missed += if LOOPING.contains(&behaviour) { stalls.len() - in_time } else { 0 };
            outcomes.push((layout, behaviour, stalls));
        }
    }
    let precision = f64::from(found as u32) / f64::from((found + false_alarms) as u32);
    let recall = f64::from(found as u32) / f64::from((found + missed) as u32);
    println!("precision {precision:.3} recall {recall:.3}");
    assert!(precision >= MIN_PRECISION, "precision {precision}: {outcomes:#?}");
    assert!(recall >= MIN_RECALL, "recall {recall}: {outcomes:#?}");
}
