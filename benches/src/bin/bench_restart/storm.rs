//! All assistants fail at once, in a pure tree.

use std::fs;
use std::sync::Arc;

use mythos_benches::measure::{median, time};
use mythos_benches::report;
use mythos_core::restart::{
    Action, Answer, DeploymentSpec, Exit, ExitKind, NodeId, Reason, State, StateName, SupervisionTree,
};
use mythos_core::types::{OperationId, RitualId, Timestamp};

use crate::tree::entry;

pub(crate) const FEW: usize = 1_000;
pub(crate) const MANY: usize = 10_000;

/// Storms of each size, in turns.
const RUNS: usize = 7;

/// What a storm came to.
struct Storm {
    /// From the first report until every assistant is ready again, without the delays.
    seconds: f64,
    /// How long each waited, in milliseconds, in order.
    delays: Vec<f64>,
    /// What the process held more than before, in bytes.
    bytes: u64,
}

/// Assistants in no group, under the default policy.
fn run(assistants: usize) -> Storm {
    let before = resident_bytes();
    let mut tree = SupervisionTree::new();
    let spec = Arc::new(DeploymentSpec::new(RitualId::new("refund").unwrap()));
    let deploy = |_| tree.add_member(spec.clone(), None, Timestamp::UNIX_EPOCH).unwrap();
    let nodes: Vec<NodeId> = (0..assistants).map(deploy).collect();
    let mut delays = Vec::with_capacity(assistants);
    let elapsed = time(|| {
        for node in &nodes {
            let exit = Exit::new(ExitKind::Killed, Reason::new("the machine went down").unwrap());
            tree.handle_exit(*node, None, exit, OperationId::from_name("storm"), Timestamp::UNIX_EPOCH)
                .unwrap();
            if let Some(State::BackingOff { until, .. }) =
                tree.machine(*node).map(mythos_core::restart::Machine::state)
            {
                delays.push(until.saturating_duration_since(Timestamp::UNIX_EPOCH).as_secs_f64() * 1e3);
            }
        }
        drain(&mut tree);
    });
    let is_ready = |node: &NodeId| {
        tree.machine(*node).is_some_and(|machine| machine.state().name() == StateName::MythpathReady)
    };
    assert!(nodes.iter().all(is_ready), "the storm is over");
    let bytes = resident_bytes().saturating_sub(before);
    delays.sort_by(f64::total_cmp);
    Storm { seconds: elapsed.as_secs_f64(), delays, bytes }
}

/// Fires timers and answers effects until none is left.
fn drain(tree: &mut SupervisionTree) {
    let entry = entry();
    let mut now = Timestamp::UNIX_EPOCH;
    loop {
        while let Some(effect) = tree.poll_effect() {
            let answer = match effect.action {
                Action::Restore { .. } => Answer::Restored(entry.clone()),
                Action::Probe { .. } => Answer::Ready,
                other => unreachable!("nothing fails after the storm: {other:?}"),
            };
            tree.handle_answer(effect.node, effect.number, answer, now).unwrap();
        }
        let Some(due) = tree.poll_timeout() else { return };
        now = due;
        tree.handle_timeout(now);
    }
}

/// What of the process is in memory, as Linux tells; 0 elsewhere.
pub(crate) fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4_096;
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|line| line.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or_default() * PAGE_BYTES
}

/// Measures storms and prints what they came to.
pub(crate) fn report() {
    // The first large one is the one whose memory was not there before.
    let first = run(MANY);
    let (mut few, mut many, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (small, large) = (run(FEW).seconds, run(MANY).seconds);
        few.push(small);
        many.push(large);
        ratios.push(large / small);
    }
    let (few, many) = (median(few), median(many));
    println!(
        "all assistants of a pure tree fail at once, until all are ready again, delays not waited for; median of {RUNS}"
    );
    let milliseconds = |seconds: f64| format!("{:.2} ms", seconds * 1e3);
    report::table(
        &["assistants", "drained in"],
        &[vec![FEW.to_string(), milliseconds(few)], vec![MANY.to_string(), milliseconds(many)]],
    );
    let at = |share: f64| first.delays[(share * (first.delays.len() - 1) as f64) as usize];
    println!(
        "backoff of {MANY}: 5 % within {:.0} ms, half within {:.0} ms, 95 % within {:.0} ms",
        at(0.05),
        at(0.5),
        at(0.95)
    );
    println!("memory of {MANY} after the storm: {:.1} MB", first.bytes as f64 / 1e6);
    println!();
    report::figure("restart.pure_storm_10k_s", many);
    report::figure("restart.pure_storm_10k_over_1k", median(ratios));
}
