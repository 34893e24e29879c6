//! Every state with every event.

use std::collections::BTreeSet;

use super::*;

/// A machine in each state, by the name of the state's row.
pub(super) fn in_state(row: &str) -> Driver {
    let mut policy = options();
    policy.alignment = match row {
        "awaiting (misaligned)" => AlignmentPolicy::AskOperator,
        "aligning (same root)" => AlignmentPolicy::SameRoot,
        _ => AlignmentPolicy::AdoptCurrent,
    };
    policy.symbolic_fallback_path = match row {
        "awaiting (exhausted)" => vec![FallbackStep::Escalate],
        "restoring (last step)" | "aligning (last step)" => vec![],
        _ => vec![FallbackStep::OlderEntry],
    };
    policy.exits.restart = RestartClass::Transient;
    policy.window.max_restarts = if row.ends_with("(window full)") { 1 } else { 9 };
    let mut driver = Driver::new(policy).with_codex();
    if row.starts_with("running") {
        if row.ends_with("(window full)") {
            let now = driver.now();
            driver.machine.history.admit(&driver.spec.policy.options().window, now);
        }
        return driver;
    }
    if row == "stopped" {
        driver.moved(stop_requested());
        driver.answer(Answer::Stopped);
        return driver;
    }
    if row == "completed" {
        driver.moved(completed());
        return driver;
    }
    if row == "stopping (by request)" {
        driver.moved(stop_requested());
        return driver;
    }
    if row.starts_with("stopping") {
        driver.is_member = true;
        driver.moved(stop_ordered(row == "stopping (for good)"));
        if row == "stopping (killed)" {
            driver.timer();
        }
        return driver;
    }
    if row.starts_with("waiting") {
        driver.is_member = true;
        if row == "waiting" {
            driver.moved(stop_ordered(false));
            driver.answer(Answer::Stopped);
        } else {
            driver.moved(failed());
        }
        return driver;
    }
    driver.moved(failed());
    if row.starts_with("backing off") {
        return driver;
    }
    driver.timer();
    if row.starts_with("restoring") {
        return driver;
    }
    if row.starts_with("given up") || row == "awaiting (exhausted)" {
        driver.answer(Answer::NotRestored { sequence: None, reason: reason() });
        if row.starts_with("given up") {
            driver.answer(Answer::NotRestored { sequence: None, reason: reason() });
        }
        if row == "given up (known)" {
            driver.answer(Answer::Acknowledged);
        }
        return driver;
    }
    driver.answer(Answer::Restored(entry(7)));
    if row.starts_with("aligning") {
        return driver;
    }
    driver.answer(Answer::Misaligned(alignment(b"other")));
    if row.starts_with("mythpath-ready") {
        driver.answer(Answer::Ready);
    }
    driver
}

fn cause() -> Cause {
    Cause { reason: reason(), operation: operation() }
}

fn stop_ordered(for_good: bool) -> Event {
    Event::StopOrdered { cause: cause(), shutdown: Shutdown::default(), for_good }
}

/// An event of each column, about the pending effect, the timer that is set, and the current run.
pub(super) fn event(column: &str, driver: &Driver) -> Event {
    let number = driver.machine.pending.map_or(driver.machine.effects + 1, |pending| pending.number);
    let answer = |answer| Event::Answered { number, answer };
    match column {
        "deploy" => Event::Deployed,
        "stop" => stop_requested(),
        "restart" => restart_requested(),
        "failed" => failed(),
        "ended" => completed(),
        "timer" => Event::TimerFired { generation: driver.machine.generation },
        "restored" => answer(Answer::Restored(entry(7))),
        "-restored" => answer(Answer::NotRestored { sequence: Some(7), reason: reason() }),
        "aligned" => answer(Answer::Aligned(alignment(b"root"))),
        "misalign" => answer(Answer::Misaligned(alignment(b"other"))),
        "-aligned" => answer(Answer::NotAligned { reason: reason() }),
        "ready" => answer(Answer::Ready),
        "-ready" => answer(Answer::NotReady { reason: reason() }),
        "yes" => answer(Answer::Approved),
        "no" => answer(Answer::Declined),
        "known" => answer(Answer::Acknowledged),
        "gone" => answer(Answer::Stopped),
        "start!" => Event::StartOrdered { cause: cause() },
        "stop!" => stop_ordered(false),
        "end!" => stop_ordered(true),
        "give-up!" => Event::GiveUpOrdered { cause: cause(), why: GiveUp::GroupWindowExceeded },
        _ => panic!("no event {column}"),
    }
}

/// Every state with every event. The abbreviations: Ru(nning), Ba(cking off), Re(storing), Al(igning), Aw(aiting an
/// operator), Ve(rifying), My(thpath-ready), Gi(ven up), Co(mpleted), St(opped), and of members of groups S(toppin)g
/// and Wa(iting); `-` ignored, `x` refused.
const CELLS: &str = "
state                        deploy stop restart failed ended timer restored -restored aligned misalign -aligned ready -ready yes no known gone start! stop! end! give-up!
running                      Ru     Sg   Re      Ba     Co    -     x        x         x       x        x        x     x      x   x  x    x    -      Sg    Sg   Ru
running (window full)        Ru     Sg   Re      Gi     Co    -     x        x         x       x        x        x     x      x   x  x    x    -      Sg    Sg   Ru
backing off                  Ru     St   Re      -      -     Re    x        x         x       x        x        x     x      x   x  x    x    -      Wa    St   Gi
restoring                    Ru     St   Re      -      -     -     Al       Re        x       x        x        x     x      x   x  x    x    -      Wa    St   Gi
restoring (last step)        Ru     St   Re      -      -     -     Al       Gi        x       x        x        x     x      x   x  x    x    -      Wa    St   Gi
aligning                     Ru     St   Re      -      -     -     x        x         Ve      Ve       Re       x     x      x   x  x    x    -      Wa    St   Gi
aligning (same root)         Ru     St   Re      -      -     -     x        x         Ve      Re       Re       x     x      x   x  x    x    -      Wa    St   Gi
aligning (last step)         Ru     St   Re      -      -     -     x        x         Ve      Ve       Gi       x     x      x   x  x    x    -      Wa    St   Gi
awaiting (misaligned)        Ru     St   Re      -      -     -     x        x         x       x        x        x     x      Ve  Re x    x    -      Wa    St   Gi
awaiting (exhausted)         Ru     St   Re      -      -     -     x        x         x       x        x        x     x      Re  Gi x    x    -      Wa    St   Gi
verifying                    Ru     Sg   Re      Ba     Co    Ba    x        x         x       x        x        My    Ba     x   x  x    x    -      Sg    Sg   Gi
verifying (window full)      Ru     Sg   Re      Gi     Co    Gi    x        x         x       x        x        My    Gi     x   x  x    x    -      Sg    Sg   Gi
mythpath-ready               Ru     Sg   Re      Ba     Co    -     x        x         x       x        x        x     x      x   x  x    x    -      Sg    Sg   My
mythpath-ready (window full) Ru     Sg   Re      Gi     Co    -     x        x         x       x        x        x     x      x   x  x    x    -      Sg    Sg   My
given up                     Ru     St   Re      -      -     -     x        x         x       x        x        x     x      x   x  Gi    x    Re     -     -    -
given up (known)             Ru     St   Re      -      -     -     x        x         x       x        x        x     x      x   x  x    x    Re     -     -    -
completed                    Ru     St   Re      -      -     -     x        x         x       x        x        x     x      x   x  x    x    Re     -     -    Co
stopped                      Ru     -    Re      -      -     -     x        x         x       x        x        x     x      x   x  x    x    Re     -     -    St
stopping                     x      Sg     x      Wa     Wa     Sg     x      x      x      x      x      x      x      x      x      x      Wa     -      Sg     Sg     Gi   
stopping (for good)          x      Sg     x      St     St     Sg     x      x      x      x      x      x      x      x      x      x      St     -      Sg     Sg     Gi   
stopping (killed)            x      Sg     x      Wa     Wa     -      x      x      x      x      x      x      x      x      x      x      Wa     -      Sg     Sg     Gi   
stopping (by request)        Ru     -      Re     St     St     Sg     x      x      x      x      x      x      x      x      x      x      St     -      Sg     Sg     Gi   
waiting                      x      St   x       -      -     -     x        x         x       x        x        x     x      x   x  x    x    Re     -     St   Gi
waiting (with a delay)       x      St   x       -      -     -     x        x         x       x        x        x     x      x   x  x    x    Ba     -     St   Gi
";

#[test]
fn every_cell_of_the_table() {
    let (rows, columns) = rows_and_columns();
    let mut seen = BTreeSet::new();
    for (name, line) in rows.iter().zip(CELLS.lines().filter(|line| !line.is_empty()).skip(1)) {
        let words: Vec<_> = line.split_whitespace().collect();
        check_row(name, &columns, &words[words.len() - columns.len()..]);
        seen.insert(in_state(name).machine.state.name());
    }
    assert_eq!(seen.len(), 12, "each of the twelve states has a row");
}

/// The names of the rows and of the columns.
pub(super) fn rows_and_columns() -> (Vec<String>, Vec<&'static str>) {
    let mut lines = CELLS.lines().filter(|line| !line.is_empty());
    let columns: Vec<_> = lines.next().into_iter().flat_map(str::split_whitespace).skip(1).collect();
    let row = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        // The name of a row may hold spaces, its cells do not.
        words[..words.len() - columns.len()].join(" ")
    };
    (lines.map(row).collect(), columns)
}

fn check_row(row: &str, columns: &[&str], cells: &[&str]) {
    for (column, cell) in columns.iter().zip(cells) {
        let mut driver = in_state(row);
        if let Some((due, _)) = driver.machine.timer() {
            let since = due.saturating_duration_since(Timestamp::UNIX_EPOCH);
            driver.now_ms = u64::try_from(since.as_millis()).unwrap();
        }
        let before = driver.machine.clone();
        let event = event(column, &driver);
        let outcome = match driver.step(event) {
            Ok(None) => abbreviation(driver.machine.state.name()),
            Ok(Some(_)) => "-",
            Err(_) => "x",
        };
        assert_eq!(outcome, *cell, "{column} in {row}");
        if matches!(outcome, "-" | "x") {
            assert_eq!(driver.machine, before);
        }
        check_invariants(&driver);
    }
}

pub(super) const fn abbreviation(state: StateName) -> &'static str {
    match state {
        StateName::Running => "Ru",
        StateName::Failed => "Fa",
        StateName::BackingOff => "Ba",
        StateName::Restoring => "Re",
        StateName::Aligning => "Al",
        StateName::AwaitingOperator => "Aw",
        StateName::Verifying => "Ve",
        StateName::MythpathReady => "My",
        StateName::GivenUp => "Gi",
        StateName::Stopping => "Sg",
        StateName::Waiting => "Wa",
        StateName::Completed => "Co",
        StateName::Stopped => "St",
    }
}
