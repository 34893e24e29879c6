//! How it is said: what tells of tone.

use crate::regression::finding::{Direction, Findings, Severity, Signal};
use crate::regression::tone;

/// What a signal of tone adds up, and which way it goes.
struct Voice {
    signal: Signal,
    /// Measures of which more is more of it, and of which more is less of it.
    measures: (&'static [&'static str], &'static [&'static str]),
    /// Where more of it leads, and where less.
    directions: (Direction, Direction),
    /// What more of it is called.
    called: &'static str,
}

const VOICES: [Voice; 5] = [
    Voice {
        signal: Signal::Politeness,
        measures: (&["polite", "softener", "requests"], &[]),
        directions: (Direction::Softer, Direction::Firmer),
        called: "polite",
    },
    Voice {
        signal: Signal::Hedging,
        measures: (&["hedge"], &[]),
        directions: (Direction::Softer, Direction::Firmer),
        called: "hedged",
    },
    Voice {
        signal: Signal::Directness,
        measures: (
            &["imperatives", "bans", "you_must", "must", "intensifier", "exclamation", "capitals"],
            &[],
        ),
        directions: (Direction::Firmer, Direction::Softer),
        called: "commanding",
    },
    Voice {
        signal: Signal::Formality,
        measures: (&["formal"], &["informal", "contracted"]),
        directions: (Direction::Changed, Direction::Changed),
        called: "formal",
    },
    Voice {
        signal: Signal::Sentiment,
        measures: (&["positive"], &["negative", "threat"]),
        directions: (Direction::Softer, Direction::Firmer),
        called: "kind",
    },
];

pub(crate) fn find(findings: &mut Findings<'_>) {
    let difference = tone::difference(findings.reading);
    let sum = |names: &[&str]| {
        let wanted = difference.iter().filter(|(name, _)| names.contains(name));
        wanted.map(|(_, value)| value).sum::<f64>()
    };
    for Voice { signal, measures: (more, less), directions, called } in VOICES {
        let change = sum(more) - sum(less);
        if change.abs() < 1.0 {
            continue;
        }
        let (direction, way) = if change > 0.0 { (directions.0, "more") } else { (directions.1, "less") };
        findings.add_at(signal, Severity::Note, direction, (None, None), format!("It is {way} {called}."));
    }
}
