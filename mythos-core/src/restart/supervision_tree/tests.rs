use super::*;
use crate::restart::{
    AutoShutdown, Backoff, ExitRules, GiveUp, GroupEnd, Jitter, Reason, RestartClass, RestartPolicy,
    RestartPolicyOptions, RestartWindow, RestoredEntry, StateName, Strategy, WhenGivenUp,
};
use crate::types::{Digest, EntryId, MAX_SAFE_INTEGER, RitualId};

mod cases;
mod model;
mod properties;

const HOUR_MS: u64 = 3_600_000;

/// A tree driven by hand, with a clock in milliseconds, whose host does at once what it is asked for.
#[derive(Debug, Clone)]
struct Forest {
    tree: SupervisionTree,
    now_ms: u64,
    /// What the host was asked for, in order: `stop`, `kill` and `launch` of a deployment.
    log: Vec<(&'static str, NodeId)>,
    /// Deployments whose launches fail, and how often they still do.
    failing: BTreeMap<NodeId, u32>,
    /// Deployments that do not end when they are asked to.
    hanging: Vec<NodeId>,
    /// How often the host told an operator.
    notices: Vec<(NodeId, GiveUp)>,
}

fn group(strategy: Strategy, max_restarts: u32) -> GroupPolicyOptions {
    GroupPolicyOptions {
        strategy,
        window: RestartWindow::sliding(max_restarts, HOUR_MS),
        ..GroupPolicyOptions::default()
    }
}

fn spec(restart: RestartClass) -> Arc<DeploymentSpec> {
    let options = RestartPolicyOptions {
        backoff: Backoff::Constant { delay_ms: 0 },
        jitter: Jitter::None,
        window: RestartWindow::sliding(1_000, MAX_SAFE_INTEGER),
        launches_per_entry: u32::MAX,
        exits: ExitRules { restart, ..ExitRules::default() },
        ..RestartPolicyOptions::default()
    };
    Arc::new(
        DeploymentSpec::new(RitualId::new("audit").unwrap()).policy(RestartPolicy::new(options).unwrap()),
    )
}

fn entry() -> RestoredEntry {
    RestoredEntry {
        entry: EntryId::from_uuid(OperationId::from_name("entry").as_uuid()),
        ritual: RitualId::new("audit").unwrap(),
        sequence: 1,
        symbolic_signature_hash: Digest::of(b"signature"),
        substitute: None,
        codex: None,
        codex_root: None,
    }
}

fn reason() -> Reason {
    Reason::new("test").unwrap()
}

fn cause() -> Cause {
    Cause { reason: reason(), operation: OperationId::from_name("test") }
}

fn significant() -> MemberOptions {
    MemberOptions { is_significant: true, ..MemberOptions::default() }
}

impl Forest {
    fn new() -> Self {
        Self {
            tree: SupervisionTree::new(),
            now_ms: 0,
            log: Vec::new(),
            failing: BTreeMap::new(),
            hanging: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// One group of permanent members.
    fn of(options: GroupPolicyOptions, members: usize) -> (Self, NodeId, Vec<NodeId>) {
        Self::of_class(options, members, RestartClass::Permanent)
    }

    fn of_class(
        options: GroupPolicyOptions,
        members: usize,
        class: RestartClass,
    ) -> (Self, NodeId, Vec<NodeId>) {
        let mut forest = Self::new();
        let group = forest.group(options, None);
        let members = (0..members).map(|_| forest.member(group, class, MemberOptions::default())).collect();
        (forest, group, members)
    }

    fn group(&mut self, options: GroupPolicyOptions, within: Option<(NodeId, MemberOptions)>) -> NodeId {
        let now = self.now();
        self.tree.add_group(GroupPolicy::new(options).unwrap(), within, now).unwrap()
    }

    fn member(&mut self, group: NodeId, class: RestartClass, options: MemberOptions) -> NodeId {
        let now = self.now();
        self.tree.add_member(spec(class), Some((group, options)), now).unwrap()
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.saturating_add(std::time::Duration::from_millis(self.now_ms))
    }

    fn exit(&mut self, id: NodeId, kind: ExitKind) {
        self.report(id, kind);
        self.run();
    }

    fn report(&mut self, id: NodeId, kind: ExitKind) {
        let now = self.now();
        let exit = Exit::new(kind, reason());
        assert!(self.tree.handle_exit(id, None, exit, cause().operation, now).unwrap(), "{id:?}");
    }

    fn launches(&self, id: NodeId) -> usize {
        self.log.iter().filter(|one| **one == ("launch", id)).count()
    }

    fn fail(&mut self, id: NodeId) {
        self.exit(id, ExitKind::Failed);
    }

    /// The host does what it is asked for, until nothing is left to do.
    fn run(&mut self) {
        while let Some(effect) = self.tree.poll_effect() {
            self.carry_out(&effect);
        }
    }

    fn carry_out(&mut self, effect: &TreeEffect) {
        let answer = match &effect.action {
            Action::Restore { .. } => Answer::Restored(entry()),
            Action::Probe { .. } => {
                self.log.push(("launch", effect.node));
                match self.failing.get_mut(&effect.node).filter(|left| **left > 0) {
                    Some(left) => {
                        *left -= 1;
                        Answer::NotReady { reason: reason() }
                    }
                    None => Answer::Ready,
                }
            }
            Action::Stop { .. } if self.hanging.contains(&effect.node) => {
                self.log.push(("stop", effect.node));
                return;
            }
            Action::Stop { .. } => {
                self.log.push(("stop", effect.node));
                Answer::Stopped
            }
            Action::Kill => {
                self.log.push(("kill", effect.node));
                Answer::Stopped
            }
            Action::Escalate { escalation: crate::restart::Escalation::GivenUp { why } } => {
                self.notices.push((effect.node, *why));
                Answer::Acknowledged
            }
            other => panic!("{other:?}"),
        };
        let now = self.now();
        assert!(self.tree.handle_answer(effect.node, effect.number, answer, now).unwrap());
    }

    /// Lets the next timer fire.
    fn pass(&mut self) {
        let due = self.tree.poll_timeout().unwrap();
        let due = u64::try_from(due.saturating_duration_since(Timestamp::UNIX_EPOCH).as_millis()).unwrap();
        self.now_ms = self.now_ms.max(due);
        let now = self.now();
        self.tree.handle_timeout(now);
        self.run();
    }

    fn state(&self, id: NodeId) -> StateName {
        self.tree.machine(id).unwrap().state().name()
    }

    fn states(&self, ids: &[NodeId]) -> Vec<StateName> {
        ids.iter().map(|id| self.state(*id)).collect()
    }

    fn runs(&self, ids: &[NodeId]) -> Vec<u64> {
        ids.iter().map(|id| self.tree.machine(*id).unwrap().run()).collect()
    }

    fn ended(&self, group: NodeId) -> Option<GroupEnd> {
        match self.tree.group(group).unwrap().state() {
            crate::restart::GroupState::Ended { why, .. } => Some(*why),
            _ => None,
        }
    }

    fn is_up(&self, group: NodeId) -> bool {
        matches!(self.tree.group(group).unwrap().state(), crate::restart::GroupState::Up { .. })
    }

    fn all_up(&self, ids: &[NodeId]) -> bool {
        ids.iter().all(|id| self.state(*id).is_up())
    }
}
