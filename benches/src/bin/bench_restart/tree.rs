//! Transitions of a pure tree.

use std::sync::Arc;
use std::time::Duration;

use mythos_benches::measure::time;
use mythos_core::restart::{
    Action, Answer, Backoff, DeploymentSpec, Exit, ExitKind, GroupPolicy, GroupPolicyOptions, MemberOptions,
    NodeId, Reason, RestartPolicy, RestartPolicyOptions, RestoredEntry, Strategy, SupervisionTree,
};
use mythos_core::types::{Digest, EntryId, OperationId, RitualId, Timestamp};

/// Members of the group.
pub(crate) const CHILDREN: usize = 1_000;

/// Failures of members that were up.
const INCIDENTS: usize = 100_000;

/// So many launches in a row fail at most, so that no window is exceeded.
const FAILED_LAUNCHES: u32 = 3;

/// Longer than any window and quiet period of the policies.
const BETWEEN_INCIDENTS: Duration = Duration::from_secs(700);

/// What a run did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Exits and answers that the tree took.
    pub(crate) transitions: u64,
    /// Those that told of a failure: exits and failed launches.
    pub(crate) failures: u64,
    /// Children that became ready again.
    pub(crate) restarts: u64,
    pub(crate) seconds: f64,
}

/// Pseudorandom numbers (xorshift64).
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// How many times a coin shows heads in a row, at most `most`.
    fn heads(&mut self, most: u32) -> u32 {
        self.next().trailing_ones().min(most)
    }
}

/// The host's side of a run: what it answers with, made once.
struct Host {
    random: Random,
    entry: RestoredEntry,
    reason: Reason,
    operation: OperationId,
}

pub(crate) fn entry() -> RestoredEntry {
    RestoredEntry {
        entry: EntryId::from_uuid(OperationId::from_name("entry").as_uuid()),
        ritual: RitualId::new("refund").unwrap(),
        sequence: 7,
        symbolic_signature_hash: Digest::of(b"signature"),
        substitute: None,
        codex: None,
        codex_root: None,
    }
}

/// A group and its members, without delays.
fn grow() -> (SupervisionTree, Vec<NodeId>) {
    let mut tree = SupervisionTree::new();
    let now = Timestamp::UNIX_EPOCH;
    let options = GroupPolicyOptions { strategy: Strategy::RestForOne, ..GroupPolicyOptions::default() };
    let group = tree.add_group(GroupPolicy::new(options).unwrap(), None, now).unwrap();
    let options = RestartPolicyOptions {
        backoff: Backoff::Constant { delay_ms: 0 },
        // There is one entry only, and it is to be tried again and again.
        launches_per_entry: u32::MAX,
        ..RestartPolicyOptions::default()
    };
    let spec = DeploymentSpec::new(RitualId::new("refund").unwrap());
    let spec = Arc::new(spec.policy(RestartPolicy::new(options).unwrap()));
    let member = |_| tree.add_member(spec.clone(), Some((group, MemberOptions::default())), now).unwrap();
    let members = (0..CHILDREN).map(member).collect();
    (tree, members)
}

/// Members fail one after the other, mostly the last ones, and half of the launches do not succeed.
pub(crate) fn run() -> Run {
    let (mut tree, members) = grow();
    let mut host = Host {
        random: Random(0x9E37_79B9_7F4A_7C15),
        entry: entry(),
        reason: Reason::new("out of memory").unwrap(),
        operation: OperationId::from_name("report"),
    };
    let mut run = Run { transitions: 0, failures: 0, restarts: 0, seconds: 0.0 };
    let mut now = Timestamp::UNIX_EPOCH;
    let elapsed = time(|| {
        for _ in 0..INCIDENTS {
            now = now.saturating_add(BETWEEN_INCIDENTS);
            host.incident(&mut tree, &members, now, &mut run);
        }
    });
    run.seconds = elapsed.as_secs_f64();
    run
}

impl Host {
    fn incident(&mut self, tree: &mut SupervisionTree, members: &[NodeId], now: Timestamp, run: &mut Run) {
        let failing = members[members.len() - 1 - self.random.heads(9) as usize / 3];
        let exit = Exit::new(ExitKind::Killed, self.reason.clone());
        assert!(tree.handle_exit(failing, None, exit, self.operation, now).unwrap());
        run.transitions += 1;
        run.failures += 1;
        let mut failed_launches = 0;
        while let Some(effect) = tree.poll_effect() {
            let answer = match effect.action {
                Action::Restore { .. } => Answer::Restored(self.entry.clone()),
                Action::Probe { .. } if failed_launches < FAILED_LAUNCHES && self.random.heads(1) == 1 => {
                    failed_launches += 1;
                    run.failures += 1;
                    Answer::NotReady { reason: self.reason.clone() }
                }
                Action::Probe { .. } => {
                    run.restarts += 1;
                    Answer::Ready
                }
                Action::Stop { .. } => Answer::Stopped,
                other => unreachable!("no group ends: {other:?}"),
            };
            run.transitions += 1;
            assert!(tree.handle_answer(effect.node, effect.number, answer, now).unwrap());
        }
    }
}
