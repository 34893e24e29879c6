//! Durable decisions per second, by one thread and by many whose commits share flushes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use mythos_benches::measure::time;
use mythos_benches::report;
use mythos_core::restart::{Action, Effect, Outcome, ReportFailure, State, Supervisor};
use mythos_core::types::{AssistantId, Runtime};

use crate::fixture::{Fixture, assistants, policy};

/// What a restart without a backoff takes: a report, a restore, and an answer.
const DECISIONS: usize = 3;

/// Restarts by one thread, and by all threads together.
const FEW_RESTARTS: usize = 512;
const RESTARTS: usize = 4_096;

/// Threads that decide at the same time: a supervisor has no method for many decisions, but commits that wait at the same
/// time share a flush.
pub(crate) const THREADS: usize = 64;

/// Effects that one poll asks for, and that wait for a thread at most before the next poll.
const EFFECTS: u32 = 256;

/// How long the host waits before it polls again.
const PAUSE: Duration = Duration::from_millis(1);

/// Assistants of each thread, which fail in a row before any is restored.
const ASSISTANTS: usize = 8;

/// Decisions per second of so many threads, and how many of them shared a flush.
fn run(threads: usize, restarts: usize) -> (f64, f64) {
    let assistants = assistants(threads * ASSISTANTS);
    let fixture = Fixture::new(Runtime::system());
    for assistant in &assistants {
        fixture.deploy(assistant, &policy(None), b"a state of a few words");
    }
    let (supervisor, before) = (&fixture.supervisor, fixture.store.statistics());
    let rounds = restarts / assistants.len();
    let elapsed = time(|| (0..rounds).for_each(|_| round(supervisor, &assistants)));
    let after = fixture.store.statistics();
    let decisions = (rounds * assistants.len() * DECISIONS) as f64;
    let (commits, flushes) = (after.commits - before.commits, after.flushes - before.flushes);
    (decisions / elapsed.as_secs_f64(), commits as f64 / flushes as f64)
}

/// Every thread reports the failures of its assistants; then each carries effects out, of whichever assistants, until all
/// are up.
fn round(supervisor: &Supervisor, assistants: &[AssistantId]) {
    let together = |work: &(dyn Fn(&[AssistantId]) + Sync)| {
        thread::scope(|scope| {
            for part in assistants.chunks(ASSISTANTS) {
                scope.spawn(move || work(part));
            }
        });
    };
    together(&|part| part.iter().for_each(|assistant| fail(supervisor, assistant)));
    serve(supervisor, assistants.len(), || ());
}

/// Reports a failure.
pub(crate) fn fail(supervisor: &Supervisor, assistant: &AssistantId) {
    let reason = "the machine went down".try_into().unwrap();
    supervisor.report_failure(&ReportFailure::crashed(assistant.clone(), reason)).unwrap();
}

/// Has threads carry effects out and answer them, until `count` assistants are ready; one polls for them all, and one does
/// `besides`.
pub(crate) fn serve(supervisor: &Supervisor, count: usize, besides: impl FnOnce() + Send) {
    let (sender, effects) = mpsc::channel::<Effect>();
    let (effects, ready, queued) = (Mutex::new(effects), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(besides);
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    // A statement of its own, so that the lock is not held while the effect is carried out.
                    let effect = effects.lock().unwrap().recv();
                    let Ok(effect) = effect else { return };
                    queued.fetch_sub(1, Ordering::Relaxed);
                    ready.fetch_add(usize::from(carry_out(supervisor, effect)), Ordering::Relaxed);
                }
            });
        }
        while ready.load(Ordering::Relaxed) < count {
            let is_low = queued.load(Ordering::Relaxed) < EFFECTS as usize / 2;
            let polled = if is_low { supervisor.poll_effects(EFFECTS).unwrap() } else { Vec::new() };
            if polled.is_empty() {
                thread::sleep(PAUSE);
            }
            queued.fetch_add(polled.len(), Ordering::Relaxed);
            polled.into_iter().for_each(|effect| sender.send(effect).unwrap());
        }
        drop(sender);
    });
}

/// Carries an effect out, and what follows it; whether the assistant is ready. It is not if what follows was polled in
/// between.
fn carry_out(supervisor: &Supervisor, effect: Effect) -> bool {
    let mut next = Some(effect);
    while let Some(effect) = next {
        if matches!(effect.action, Action::Probe { .. }) {
            let decision = supervisor.answer(&effect.id, &Outcome::Ready).unwrap();
            return matches!(decision.state, State::MythpathReady { .. });
        }
        next = supervisor.carry_out(&effect).unwrap().next;
    }
    false
}

/// Measures decisions and prints what they came to.
pub(crate) fn report() {
    let (single, _) = run(1, FEW_RESTARTS);
    let (batch, shared) = run(THREADS, RESTARTS);
    println!("durable decisions over SQLite: reports, restores of small states, and answers");
    report::table(
        &["", "decisions/s", "commits per flush"],
        &[
            vec!["one thread".to_owned(), format!("{single:.0}"), "1.0".to_owned()],
            vec![format!("{THREADS} threads"), format!("{batch:.0}"), format!("{shared:.1}")],
        ],
    );
    println!();
    report::figure("restart.durable_decisions_per_s", single);
    report::figure("restart.durable_decisions_per_s_at_batch", batch);
}
