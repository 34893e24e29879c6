//! What is checked, and what must be found.

use super::*;

/// What can go wrong, in all combinations of so many.
const fn chances(failures: u8, crashes: u8, losses: u8, doubles: u8, delays: u8) -> Chances {
    Chances { failures, crashes, losses, doubles, delays, requests: 0 }
}

/// What is checked: with `MYTHOS_MODEL=large` what takes minutes as well.
pub(super) fn models() -> Vec<(&'static str, Supervision)> {
    let model = |strategy, chances| Supervision::new(strategy, chances);
    let delayed = |model| Supervision { backoff_ms: BACKOFF_MS, ..model };
    let mut models = vec![
        (
            "rest for one, with a backoff; crashes and slow supervisors",
            Supervision { max_restarts: 1, ..delayed(model(Strategy::RestForOne, chances(2, 1, 0, 0, 0))) },
        ),
        (
            "rest for one, aligned; a crash, lost messages",
            Supervision {
                alignment: Some(AlignmentPolicy::SameRoot),
                ..model(Strategy::RestForOne, chances(2, 1, 1, 0, 0))
            },
        ),
        (
            "rest for one, an operator is asked; failures in a row",
            Supervision {
                alignment: Some(AlignmentPolicy::AskOperator),
                ..model(Strategy::RestForOne, chances(3, 0, 0, 0, 0))
            },
        ),
        (
            "rest for one; doubled and late messages",
            Supervision { max_restarts: 1, ..delayed(model(Strategy::RestForOne, chances(1, 0, 0, 1, 1))) },
        ),
        (
            "a group in a group; a crash",
            Supervision {
                is_nested: true,
                max_restarts: 1,
                ..model(Strategy::OneForAll, chances(2, 1, 0, 0, 0))
            },
        ),
        (
            "rest for one; stops, starts and restarts by request",
            Supervision {
                max_restarts: 1,
                ..model(Strategy::RestForOne, Chances { requests: 2, ..chances(1, 0, 0, 0, 0) })
            },
        ),
        (
            "a group in a group; stops and starts by request, a crash",
            Supervision {
                is_nested: true,
                max_restarts: 1,
                ..model(Strategy::OneForAll, Chances { requests: 1, ..chances(1, 1, 0, 0, 0) })
            },
        ),
        (
            "one for one; a crash, lost and doubled messages",
            Supervision { max_restarts: 1, ..model(Strategy::OneForOne, chances(1, 1, 1, 1, 0)) },
        ),
    ];
    if std::env::var("MYTHOS_MODEL").is_ok_and(|size| size == "large") {
        models.push((
            "rest for one, everything at once",
            Supervision {
                max_restarts: 1,
                backoff_ms: BACKOFF_MS,
                ..model(Strategy::RestForOne, chances(2, 1, 1, 1, 1))
            },
        ));
    }
    models
}

/// The flaws, where each shows, and which promise it breaks.
pub(super) fn flaws() -> Vec<(Flaw, Supervision, &'static str)> {
    use Flaw as F;

    let model = |chances| Supervision::new(STRATEGY, chances);
    let delayed = |chances| Supervision { backoff_ms: BACKOFF_MS, ..model(chances) };
    let aligned = |chances| Supervision { alignment: Some(AlignmentPolicy::SameRoot), ..model(chances) };
    vec![
        (F::StaleCommits, model(chances(2, 1, 0, 0, 0)), NEVER_STUCK),
        (F::EffectsBeforeCommit, model(chances(1, 1, 0, 0, 0)), COMMITTED),
        (F::PendingForgotten, model(chances(1, 1, 0, 0, 0)), NEVER_STUCK),
        (F::TimersForgotten, delayed(chances(1, 1, 0, 0, 0)), NEVER_STUCK),
        (F::RestoreUnverified, model(chances(1, 0, 0, 0, 0)), VERIFIED),
        (F::StoppedDropped, model(chances(1, 0, 0, 0, 0)), NEVER_STUCK),
        (F::MisalignedPasses, aligned(chances(2, 0, 0, 0, 0)), VERIFIED),
        (F::LateAnswersCount, model(chances(2, 0, 0, 0, 1)), VERIFIED),
        (F::NotReadyPasses, model(chances(2, 0, 0, 0, 0)), VERIFIED),
        (F::StaleRunsCount, model(chances(1, 0, 0, 1, 0)), EXCUSED),
        (F::RestartsUncounted, model(chances(3, 0, 0, 0, 0)), BOUNDED),
        (F::SiblingsRun, model(chances(1, 0, 0, 0, 0)), IN_ORDER),
        (F::SiblingsLeftDown, model(chances(1, 0, 0, 0, 0)), NEVER_STUCK),
    ]
}
