//! What there is beside the supervisors: the store, the host, its children, and what is on its way between them.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::restart::{
    Action, Escalation, GroupState, NodeId, RestoredEntry, State, StateName, SupervisionTree, TreeEffect,
    Which,
};
use crate::types::Timestamp;

/// How many children a model has.
pub(super) const CHILDREN: usize = 3;

/// How often what goes wrong still does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Chances {
    /// Ends and stalls of children, and steps that do not succeed.
    pub(super) failures: u8,
    /// Crashes of the holder, and takeovers from one that is only slow.
    pub(super) crashes: u8,
    /// Messages that do not arrive.
    pub(super) losses: u8,
    /// Messages that arrive twice.
    pub(super) doubles: u8,
    /// Deadlines that pass although what they wait for is on its way.
    pub(super) delays: u8,
    /// What someone asks for.
    pub(super) requests: u8,
}

/// All there is.
#[derive(Debug, Clone)]
pub(super) struct World {
    /// What the store holds: every decision is one commit.
    pub(super) tree: SupervisionTree,
    pub(super) epoch: u64,
    pub(super) now_ms: u64,
    pub(super) supervisors: [Option<Supervisor>; 2],
    pub(super) children: [Child; CHILDREN],
    /// Effects on their way to the host.
    pub(super) asks: Vec<Ask>,
    /// Answers on their way back.
    pub(super) replies: Vec<Reply>,
    /// Reports of failures, which the host repeats until they are committed.
    pub(super) reports: Vec<Report>,
    pub(super) left: Chances,
    /// How many probes were not answered in time.
    pub(super) expired: u8,
    /// What a slow supervisor read before it was replaced. What it decides is refused, whatever it read, so only a model in
    /// which it is not keeps this.
    pub(super) stale: Option<SupervisionTree>,
    pub(super) wrongs: Wrongs,
}

/// A process that believes that it supervises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Supervisor {
    pub(super) epoch: u64,
    /// The effect of each child that it handed out last.
    pub(super) handed_out: [u64; CHILDREN],
    /// Timers up to these it does not know of; none, in a supervisor that works.
    pub(super) unknown_timers: [u64; CHILDREN],
}

/// What the host knows of an assistant, and what is true of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Child {
    /// The run that lives.
    pub(super) alive: Option<u64>,
    /// The newest effect that was carried out; the host carries out none that is older.
    pub(super) seen: u64,
    pub(super) replied: Option<Said>,
    /// The entry that was restored and verified last.
    pub(super) verified: Option<u64>,
    /// The entry that was aligned last, or that an operator approved.
    pub(super) aligned: Option<u64>,
    /// The run whose probe passed last.
    pub(super) passed: Option<u64>,
}

/// An effect on its way to the host. An entry is its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ask {
    pub(super) child: usize,
    pub(super) number: u64,
    pub(super) run: u64,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum What {
    RestoreLatest,
    RestoreOlder,
    Align(u64),
    Launch(u64),
    Stop,
    Kill,
    /// May it resume from this entry, or, of none, shall the path be tried again?
    Question(Option<u64>),
    Notice,
}

/// An answer on its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Reply {
    pub(super) child: usize,
    pub(super) number: u64,
    pub(super) said: Said,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Said {
    Restored(u64),
    NotRestored,
    Aligned(u64),
    Misaligned(u64),
    Ready,
    NotReady,
    Approved,
    Declined,
    Acknowledged,
    Stopped,
}

/// A failure on its way to a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Report {
    pub(super) child: usize,
    pub(super) run: u64,
    /// Whether it only stalls.
    pub(super) lives: bool,
}

/// What a step did that none may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Wrongs {
    /// A child became ready without having been restored, verified, aligned and probed.
    pub(super) unverified: bool,
    /// A child was launched while one that depends on it ran.
    pub(super) out_of_order: bool,
    /// Nothing went on.
    pub(super) idle: bool,
}

impl What {
    pub(super) fn of(action: &Action) -> Self {
        match action {
            Action::Restore { which: Which::Latest, .. } => Self::RestoreLatest,
            Action::Restore { .. } => Self::RestoreOlder,
            Action::Align { entry, .. } => Self::Align(entry.sequence),
            Action::Probe { entry, .. } => Self::Launch(entry.sequence),
            Action::Stop { .. } => Self::Stop,
            Action::Kill => Self::Kill,
            Action::Escalate { escalation: Escalation::Misaligned { entry, .. } } => {
                Self::Question(Some(entry.sequence))
            }
            Action::Escalate { escalation: Escalation::PathExhausted } => Self::Question(None),
            Action::Escalate { .. } => Self::Notice,
        }
    }
}

impl World {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.saturating_add(Duration::from_millis(self.now_ms))
    }

    /// The supervisor whose decisions count.
    pub(super) fn holder(&self) -> Option<&Supervisor> {
        self.supervisors.iter().flatten().find(|supervisor| supervisor.epoch == self.epoch)
    }

    pub(super) fn pending(&self, child: NodeId) -> Option<TreeEffect> {
        self.tree.pending_effect(child)
    }

    /// Whether a step that nobody has to go wrong for is left.
    pub(super) fn goes_on(&self, nodes: &[NodeId]) -> bool {
        let Some(holder) = self.holder() else { return true };
        let has_timer = |(child, node): (usize, &NodeId)| self.timer(holder, child, *node).is_some();
        !self.is_quiet(holder, nodes) || nodes.iter().enumerate().any(has_timer)
    }

    /// Whether something is pending that the holder did not hand out.
    pub(super) fn owes_effects(&self, holder: &Supervisor, nodes: &[NodeId]) -> bool {
        let is_unasked = |(child, node): (usize, &NodeId)| {
            self.pending(*node).is_some_and(|effect| effect.number > holder.handed_out[child])
        };
        nodes.iter().enumerate().any(is_unasked)
    }

    /// Whether nothing is on its way and nothing is to be handed out.
    pub(super) fn is_quiet(&self, holder: &Supervisor, nodes: &[NodeId]) -> bool {
        let is_underway = !(self.asks.is_empty() && self.replies.is_empty() && self.reports.is_empty());
        !is_underway && !self.owes_effects(holder, nodes)
    }

    /// The timer of a child, as far as the holder knows.
    pub(super) fn timer(&self, holder: &Supervisor, child: usize, node: NodeId) -> Option<(Timestamp, u64)> {
        let timer = self.tree.machine(node)?.state().timer();
        timer.filter(|(_, generation)| *generation > holder.unknown_timers[child])
    }

    /// Whether everything rests as it should where nothing goes on: what the tree says is so, and nobody waits.
    pub(super) fn is_at_rest(&self, nodes: &[NodeId], groups: &[NodeId]) -> bool {
        let up_or_ended = |id: &NodeId| {
            let state = self.tree.group(*id).map(crate::restart::Group::state);
            matches!(state, Some(GroupState::Up { .. } | GroupState::Ended { .. }))
        };
        let is_settled = |(child, node): (&Child, &NodeId)| {
            let Some(machine) = self.tree.machine(*node) else { return false };
            match machine.state().name() {
                StateName::Running | StateName::MythpathReady => child.alive == Some(machine.run()),
                StateName::Stopped | StateName::Completed => child.alive.is_none(),
                StateName::GivenUp => self.pending(*node).is_none(),
                _ => false,
            }
        };
        let all_as_their_group = groups.iter().all(|group| {
            let has_ended = matches!(
                self.tree.group(*group).map(crate::restart::Group::state),
                Some(GroupState::Ended { .. })
            );
            let is_down = |id| self.tree.machine(id).is_none_or(|machine| machine.state().name().is_down());
            !has_ended || self.tree.members(*group).all(is_down)
        });
        groups.iter().all(up_or_ended)
            && self.children.iter().zip(nodes).all(is_settled)
            && all_as_their_group
    }

    /// What grows with every step. A step that something must go wrong for spends a chance; a decision counts on; and what
    /// leads to none moves a message on its way.
    pub(super) fn progress(&self, all: Chances, nodes: &[NodeId]) -> (u64, u64, u64, i64) {
        let spent = |of: fn(&Chances) -> u8| u64::from(of(&all) - of(&self.left));
        let spent = spent(|of| of.failures)
            + spent(|of| of.crashes)
            + spent(|of| of.losses)
            + spent(|of| of.doubles)
            + spent(|of| of.delays)
            + spent(|of| of.requests);
        let decided = nodes.iter().filter_map(|id| Some(self.tree.machine(*id)?.steps_taken())).sum();
        let unasked = self.holder().map_or(0, |holder| {
            let is_unasked = |(child, id): &(usize, &NodeId)| {
                self.pending(**id).is_some_and(|effect| effect.number > holder.handed_out[*child])
            };
            nodes.iter().enumerate().filter(is_unasked).count()
        });
        let ahead = 3 * unasked + 2 * self.asks.len() + self.replies.len() + self.reports.len();
        (spent, self.epoch, decided, -(ahead as i64))
    }

    /// Hashes what can come of it, so that worlds with the same future are one: see [`Machine::hash_future`].
    ///
    /// [`Machine::hash_future`]: crate::restart::Machine::hash_future
    pub(super) fn hash_future<H: Hasher>(&self, nodes: &[NodeId], groups: &[NodeId], hasher: &mut H) {
        let now = self.now();
        let mut ages = [(0, 0); CHILDREN];
        for ((child, node), age) in self.children.iter().zip(nodes).zip(&mut ages) {
            let Some(machine) = self.tree.machine(*node) else { continue };
            machine.hash_future(now, hasher);
            let place = self.tree.nodes[node.0 as usize].place;
            place.map(|place| place.is_active).hash(hasher);
            *age = (machine.effects(), machine.run());
            let run_age = |run: Option<u64>| run.map(|run| age.1.wrapping_sub(run));
            // An answer is repeated only to an effect that can still count.
            let replied = child.replied.filter(|_| child.seen == age.0);
            (run_age(child.alive), age.0.wrapping_sub(child.seen), replied).hash(hasher);
            (child.verified, child.aligned, run_age(child.passed)).hash(hasher);
        }
        for group in groups {
            let Some(group) = self.tree.group(*group) else { continue };
            match group.state() {
                GroupState::Up { .. } => 0_u8.hash(hasher),
                GroupState::Ended { why, .. } => why.hash(hasher),
                state => state.hash(hasher),
            }
            (group.restarts(), group.members()).hash(hasher);
        }
        for group in groups {
            let place = self.tree.nodes[group.0 as usize].place;
            place.map(|place| place.is_active).hash(hasher);
        }
        let mut supervisors = self.supervisors.map(|supervisor| {
            supervisor.map(|supervisor| {
                let unasked: Vec<bool> = (supervisor.handed_out.iter().zip(&ages))
                    .map(|(handed_out, (effects, _))| handed_out < effects)
                    .collect();
                let unknown: Vec<bool> = (nodes.iter().zip(supervisor.unknown_timers))
                    .map(|(node, unknown)| {
                        let timer = self.tree.machine(*node).and_then(|machine| machine.state().timer());
                        timer.is_some_and(|(_, generation)| generation <= unknown)
                    })
                    .collect();
                let is_holder = supervisor.epoch == self.epoch;
                (is_holder, is_holder.then_some(unasked), unknown)
            })
        });
        supervisors.sort();
        supervisors.hash(hasher);
        let mut asks: Vec<_> = (self.asks.iter())
            .map(|ask| Ask {
                number: ages[ask.child].0.wrapping_sub(ask.number),
                run: ages[ask.child].1.wrapping_sub(ask.run),
                ..*ask
            })
            .collect();
        asks.sort_unstable();
        let mut replies: Vec<_> = (self.replies.iter())
            .map(|reply| Reply { number: ages[reply.child].0.wrapping_sub(reply.number), ..*reply })
            .collect();
        replies.sort_unstable();
        let mut reports: Vec<_> = (self.reports.iter())
            .map(|report| Report { run: ages[report.child].1.wrapping_sub(report.run), ..*report })
            .collect();
        reports.sort_unstable();
        (asks, replies, reports).hash(hasher);
        (self.left, self.expired, self.wrongs).hash(hasher);
        if let Some(stale) = &self.stale {
            for node in nodes {
                if let Some(machine) = stale.machine(*node) {
                    machine.hash_future(now, hasher);
                }
            }
        }
    }

    /// Whether a child that is ready was brought there as its spec says.
    pub(super) fn is_verified(&self, child: usize, node: NodeId, must_align: bool) -> bool {
        let Some(machine) = self.tree.machine(node) else { return false };
        let State::MythpathReady { entry: RestoredEntry { sequence, .. }, .. } = machine.state() else {
            return true;
        };
        let child = &self.children[child];
        child.verified == Some(*sequence)
            && (!must_align || child.aligned == Some(*sequence))
            && child.passed == Some(machine.run())
    }
}
