//! Two supervisors over one store, a host, and everything that can go wrong between them, checked exhaustively.
//!
//! What decides is the shipped [`SupervisionTree`]. Around it the model has what the durable supervisor promises: the
//! store holds the tree and an epoch; a takeover raises the epoch, and only the holder of the newest decides; a decision
//! and the effects that it asks for are one commit; effects stay pending until they are answered; and what was handed out
//! is known to the process only, so that it dies with it.
//!
//! Everything on its way, effects, answers and reports, arrives in any order, and as far as chances are left late, twice
//! or not at all. Children end or stall, restores, alignments and launches fail, and supervisors crash or are replaced
//! while they only were slow, at any point. Time passes from one timer to the next; that a deadline passes although what it
//! waits for is on its way is one of the chances.
//!
//! Worlds with the same future are one ([`World::hash_future`]), which makes their number finite.
//!
//! `eventually` of this checker misses what comes after paths that join, so that everything comes to rest is shown in
//! two parts: every step goes on (what [`World::progress`] gives grows, so no path is infinite), and where nothing goes
//! on, all is at rest.

mod cases;
mod flaw;
mod world;

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use stateright::{Checker, HasDiscoveries, Model, Property};

use super::*;
use crate::restart::{Alignment, AlignmentPolicy, FallbackStep};
use crate::types::CodexId;
use cases::{flaws, models};
use flaw::{Flaw, FlawedNodes};
use world::{Ask, CHILDREN, Chances, Child, Reply, Report, Said, Supervisor, What, World, Wrongs};

/// The strategy of the group whose flaws are looked for.
const STRATEGY: Strategy = Strategy::RestForOne;

/// The entries, newest last, by their sequence.
const OLDER: u64 = 1;
const LATEST: u64 = 2;

/// How long the backoff, an orderly end and a probe take at most, in milliseconds.
const BACKOFF_MS: u64 = 2;
const STOP_MS: u64 = 1;
const PROBE_MS: u64 = 3;

/// What is modelled.
#[derive(Debug, Clone)]
struct Supervision {
    strategy: Strategy,
    /// Whether the second and the third child are in a group of their own.
    is_nested: bool,
    /// What the codex of the second child asks for; the others have none.
    alignment: Option<AlignmentPolicy>,
    /// The most restarts of a group.
    max_restarts: u32,
    backoff_ms: u64,
    chances: Chances,
    flaw: Option<Flaw>,
    nodes: Vec<NodeId>,
    groups: Vec<NodeId>,
    tree: SupervisionTree,
}

/// A world among those that a model reaches.
#[derive(Debug, Clone)]
struct Reached {
    world: World,
    of: Arc<Names>,
}

/// The nodes of the model.
#[derive(Debug)]
struct Names {
    nodes: Vec<NodeId>,
    groups: Vec<NodeId>,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The holder hands out what is pending.
    HandOut { by: usize },
    /// The host carries an effect out: well or not.
    CarryOut { ask: Ask, well: bool, again: bool },
    /// A supervisor takes an answer.
    Answer { by: usize, reply: Reply, again: bool },
    /// A supervisor takes a report.
    Report { by: usize, report: Report, again: bool },
    /// Time passes until the next timer fires.
    Tick { by: usize, is_free: bool },
    /// A supervisor takes over.
    TakeOver { by: usize },
    /// The holder dies; by a flaw, after it handed out what a report leads to, which it did not commit.
    Crash { by: usize, uncommitted: Option<Report> },
    /// A child ends.
    End { child: usize },
    /// A child stalls.
    Stall { child: usize },
    /// Someone asks for something.
    Request { by: usize, asked: Asked },
    /// An effect does not arrive.
    LoseAsk { ask: Ask },
    /// An answer does not arrive.
    LoseReply { reply: Reply },
}

/// What someone asks a supervisor for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Stop {
        child: usize,
    },
    /// Of the last child, so that none runs that depends on it.
    RestartLast,
    StopGroup,
    StartGroup,
}

impl Asked {
    const ALL: [Self; 5] = [
        Self::Stop { child: 0 },
        Self::Stop { child: CHILDREN - 1 },
        Self::RestartLast,
        Self::StopGroup,
        Self::StartGroup,
    ];
}

impl Hash for Reached {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.world.hash_future(&self.of.nodes, &self.of.groups, hasher);
    }
}

impl PartialEq for Reached {
    fn eq(&self, other: &Self) -> bool {
        let digest = |reached: &Self| {
            let mut hasher = std::hash::DefaultHasher::new();
            reached.hash(&mut hasher);
            hasher.finish()
        };
        digest(self) == digest(other)
    }
}

fn entry_of(sequence: u64) -> RestoredEntry {
    RestoredEntry {
        entry: EntryId::from_uuid(OperationId::from_name(&sequence.to_string()).as_uuid()),
        sequence,
        ..entry()
    }
}

fn alignment_of(is_same: bool) -> Alignment {
    let root = Digest::of(b"root");
    Alignment {
        codex: CodexId::new("codex").unwrap(),
        proven_root: root,
        entry_root: is_same.then_some(root),
        since: None,
        changes: Vec::new(),
        more_changes: 0,
        is_compatible: is_same,
        is_audited: false,
        is_older_codex: false,
    }
}

fn answer(said: Said) -> Answer {
    match said {
        Said::Restored(sequence) => Answer::Restored(entry_of(sequence)),
        Said::NotRestored => Answer::NotRestored { sequence: Some(LATEST), reason: reason() },
        Said::Aligned(_) => Answer::Aligned(alignment_of(true)),
        Said::Misaligned(_) => Answer::Misaligned(alignment_of(false)),
        Said::Ready => Answer::Ready,
        Said::NotReady => Answer::NotReady { reason: reason() },
        Said::Approved => Answer::Approved,
        Said::Declined => Answer::Declined,
        Said::Acknowledged => Answer::Acknowledged,
        Said::Stopped => Answer::Stopped,
    }
}

impl Supervision {
    fn new(strategy: Strategy, chances: Chances) -> Self {
        Self {
            strategy,
            is_nested: false,
            alignment: None,
            max_restarts: 2,
            backoff_ms: 0,
            chances,
            flaw: None,
            nodes: Vec::new(),
            groups: Vec::new(),
            tree: SupervisionTree::new(),
        }
    }

    /// Grows the tree.
    fn grown(mut self) -> Self {
        let now = Timestamp::UNIX_EPOCH;
        let options = GroupPolicyOptions {
            strategy: self.strategy,
            window: RestartWindow::sliding(self.max_restarts, MAX_SAFE_INTEGER),
            ..GroupPolicyOptions::default()
        };
        let place = MemberOptions {
            shutdown: Shutdown::Within { milliseconds: STOP_MS },
            ..MemberOptions::default()
        };
        let policy = GroupPolicy::new(options).unwrap();
        let outer = self.tree.add_group(policy, None, now).unwrap();
        self.groups = vec![outer];
        for child in 0..CHILDREN {
            if child == 1 && self.is_nested {
                self.groups.push(self.tree.add_group(policy, Some((outer, place)), now).unwrap());
            }
            let within = *self.groups.last().unwrap();
            let spec = self.spec(child);
            self.nodes.push(self.tree.add_member(spec, Some((within, place)), now).unwrap());
        }
        self
    }

    fn spec(&self, child: usize) -> Arc<DeploymentSpec> {
        let has_operator = self.alignment == Some(AlignmentPolicy::AskOperator) && child == 1;
        let mut path = vec![FallbackStep::OlderEntry];
        path.extend(has_operator.then_some(FallbackStep::Escalate));
        let options = RestartPolicyOptions {
            backoff: Backoff::Constant { delay_ms: self.backoff_ms },
            jitter: Jitter::None,
            window: RestartWindow::sliding(1_000, MAX_SAFE_INTEGER),
            quiet_period_ms: MAX_SAFE_INTEGER,
            launches_per_entry: u32::MAX,
            probe_deadline_ms: PROBE_MS,
            symbolic_fallback_path: path,
            alignment: self.alignment.unwrap_or_default(),
            ..RestartPolicyOptions::default()
        };
        let spec = DeploymentSpec::new(RitualId::new("audit").unwrap());
        let spec = spec.policy(RestartPolicy::new(options).unwrap());
        Arc::new(if self.must_align(child) { spec.codex(CodexId::new("codex").unwrap()) } else { spec })
    }

    fn must_align(&self, child: usize) -> bool {
        child == 1 && self.alignment.is_some()
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// Whether a child is started before another one and stopped after it.
    fn precedes(&self, one: usize, other: usize) -> bool {
        one < other && (self.strategy != Strategy::OneForOne)
    }

    /// What one supervisor may do.
    fn steps_of(&self, world: &World, by: usize, steps: &mut Vec<Step>) {
        let holder = world.supervisors[by].as_ref().filter(|one| one.epoch == world.epoch);
        let can_crash = world.left.crashes > 0;
        if holder.is_none() && (world.holder().is_none() || can_crash) {
            steps.push(Step::TakeOver { by });
        }
        // One that was replaced is refused, whatever it does.
        let Some(holder) = holder else {
            if self.has(Flaw::StaleCommits) && world.supervisors[by].is_some() && world.stale.is_some() {
                steps.extend(world.reports.iter().map(|one| Step::Report { by, report: *one, again: false }));
                steps.extend(world.replies.iter().map(|one| Step::Answer { by, reply: *one, again: false }));
            }
            return;
        };
        if world.owes_effects(holder, &self.nodes) {
            steps.push(Step::HandOut { by });
        }
        if let Some(is_late) = self.next_timer(world, holder) {
            let is_free = !is_late || world.is_quiet(holder, &self.nodes);
            if is_free || world.left.delays > 0 {
                steps.push(Step::Tick { by, is_free });
            }
        }
        for again in [false, true] {
            if again && world.left.doubles == 0 {
                break;
            }
            steps.extend(world.reports.iter().map(|report| Step::Report { by, report: *report, again }));
            steps.extend(world.replies.iter().map(|reply| Step::Answer { by, reply: *reply, again }));
        }
        if world.left.requests > 0 {
            steps.extend(Asked::ALL.map(|asked| Step::Request { by, asked }));
        }
        if can_crash {
            steps.push(Step::Crash { by, uncommitted: None });
            if self.has(Flaw::EffectsBeforeCommit) {
                let uncommitted = |report: &Report| Step::Crash { by, uncommitted: Some(*report) };
                steps.extend(world.reports.iter().map(uncommitted));
            }
        }
    }

    /// Whether the timer that fires next is a deadline of the host; if there is one.
    fn next_timer(&self, world: &World, holder: &Supervisor) -> Option<bool> {
        let timers = self.nodes.iter().enumerate().filter_map(|(child, node)| {
            let state = world.tree.machine(*node)?.state().name();
            Some((world.timer(holder, child, *node)?.0, state != StateName::BackingOff))
        });
        // Of those that are due together, a deadline.
        let rank = |timer: &(Timestamp, bool)| (timer.0, !timer.1);
        timers.min_by_key(rank).map(|(_, is_deadline)| is_deadline)
    }

    /// What the host, the network and chance may do.
    fn other_steps(&self, world: &World, steps: &mut Vec<Step>) {
        for ask in &world.asks {
            let is_new = ask.number > world.children[ask.child].seen;
            let can_fail = world.left.failures > 0
                && is_new
                && !matches!(ask.what, What::Notice | What::Stop | What::Kill);
            steps.push(Step::CarryOut { ask: *ask, well: true, again: false });
            if can_fail {
                steps.push(Step::CarryOut { ask: *ask, well: false, again: false });
            }
            if world.left.doubles > 0 {
                steps.push(Step::CarryOut { ask: *ask, well: true, again: true });
            }
            if world.left.losses > 0 {
                steps.push(Step::LoseAsk { ask: *ask });
            }
        }
        if world.left.losses > 0 {
            steps.extend(world.replies.iter().map(|reply| Step::LoseReply { reply: *reply }));
        }
        if world.left.failures > 0 {
            for child in (0..CHILDREN).filter(|child| world.children[*child].alive.is_some()) {
                steps.push(Step::End { child });
                if child == 0 {
                    steps.push(Step::Stall { child });
                }
            }
        }
    }

    /// Has a deployment take an event.
    fn decide(&self, tree: &mut SupervisionTree, now: Timestamp, child: usize, event: Event) -> bool {
        let id = self.nodes[child];
        let Some(flaw) = self.flaw else { return tree.handle(id, event, now).unwrap() };
        let outcome = Tree::new(&mut FlawedNodes { tree, flaw }, now).handle(id, event).unwrap();
        tree.settle();
        // What a flaw leads to may be nonsense.
        outcome.is_ok_and(|ignored| ignored.is_none())
    }

    /// The tree as a supervisor sees it.
    fn seen_by(&self, world: &World, by: usize) -> SupervisionTree {
        let is_holder = world.supervisors[by].is_some_and(|one| one.epoch == world.epoch);
        let stale = world.stale.as_ref().filter(|_| !is_holder);
        stale.unwrap_or(&world.tree).clone()
    }

    fn commit(&self, world: &mut World, by: usize, tree: SupervisionTree) {
        let is_holder = world.supervisors[by].is_some_and(|one| one.epoch == world.epoch);
        if !is_holder {
            world.stale = None;
        }
        world.tree = tree;
        for (child, node) in self.nodes.iter().enumerate() {
            let must_align = self.must_align(child);
            world.wrongs.unverified |= !world.is_verified(child, *node, must_align);
        }
    }

    fn report_event(&self, report: &Report) -> Event {
        let run = Some(report.run).filter(|_| !self.has(Flaw::StaleRunsCount));
        let (kind, exit) = match report.lives {
            true => (FailureKind::Stalled, ExitKind::Failed),
            false => (FailureKind::Crashed, ExitKind::Killed),
        };
        Event::Failed { run, kind, exit: Exit::new(exit, reason()), operation: cause().operation }
    }

    fn hand_out(&self, world: &mut World, by: usize, child: usize, effect: &TreeEffect) {
        if let Some(supervisor) = &mut world.supervisors[by] {
            supervisor.handed_out[child] = effect.number;
        }
        let what = What::of(&effect.action);
        if self.has(Flaw::RestoreUnverified) && matches!(what, What::RestoreLatest | What::RestoreOlder) {
            let reply = Reply { child, number: effect.number, said: Said::Restored(LATEST) };
            world.replies.push(reply);
            return;
        }
        add(&mut world.asks, Ask { child, number: effect.number, run: effect.run, what });
    }

    fn carry_out(&self, world: &mut World, ask: &Ask, well: bool) {
        let is_pending = |effect: TreeEffect| effect.number == ask.number;
        let counts = world.pending(self.nodes[ask.child]).is_some_and(is_pending);
        let later_runs = (0..CHILDREN)
            .any(|other| self.precedes(ask.child, other) && world.children[other].alive.is_some());
        let child = &mut world.children[ask.child];
        if ask.number < child.seen {
            return;
        }
        if ask.number > child.seen {
            child.seen = ask.number;
            let said = match ask.what {
                What::RestoreLatest | What::RestoreOlder if !well => Said::NotRestored,
                What::RestoreLatest | What::RestoreOlder => {
                    let entry = if ask.what == What::RestoreLatest { LATEST } else { OLDER };
                    (child.verified, child.aligned, child.passed) = (Some(entry), None, None);
                    Said::Restored(entry)
                }
                What::Align(entry) if !well => Said::Misaligned(entry),
                What::Align(entry) => {
                    child.aligned = Some(entry);
                    Said::Aligned(entry)
                }
                What::Launch(_) => {
                    world.wrongs.out_of_order |= counts && later_runs;
                    child.alive = well.then_some(ask.run);
                    child.passed = well.then_some(ask.run);
                    if well { Said::Ready } else { Said::NotReady }
                }
                What::Stop | What::Kill => {
                    child.alive = None;
                    Said::Stopped
                }
                What::Question(_) if !well => Said::Declined,
                What::Question(entry) => {
                    child.aligned = entry;
                    Said::Approved
                }
                What::Notice => Said::Acknowledged,
            };
            child.replied = Some(said);
        }
        if let Some(said) = child.replied {
            add(&mut world.replies, Reply { child: ask.child, number: ask.number, said });
        }
    }

    fn tick(&self, world: &mut World, by: usize) -> Option<()> {
        let holder = world.supervisors[by]?;
        let timers: Vec<_> = self
            .nodes
            .iter()
            .enumerate()
            .filter_map(|(child, node)| Some((child, world.timer(&holder, child, *node)?)))
            .collect();
        let due = timers.iter().map(|(_, (due, _))| *due).min()?;
        let due_ms = due.saturating_duration_since(Timestamp::UNIX_EPOCH).as_millis();
        world.now_ms = world.now_ms.max(u64::try_from(due_ms).ok()?);
        let now = world.now();
        for (child, (due, _)) in &timers {
            let state = world.tree.machine(self.nodes[*child])?.state().name();
            world.expired += u8::from(state == StateName::Verifying && *due <= now);
        }
        if self.flaw.is_none() {
            world.tree.handle_timeout(now);
        } else {
            for (child, (due, generation)) in timers {
                if due <= now {
                    self.decide(&mut world.tree, now, child, Event::TimerFired { generation });
                }
            }
        }
        Some(())
    }

    fn take_over(&self, world: &mut World, by: usize) {
        if world.holder().is_some() {
            world.left.crashes -= 1;
            world.stale = self.has(Flaw::StaleCommits).then(|| world.tree.clone());
        }
        world.epoch += 1;
        let mut supervisor =
            Supervisor { epoch: world.epoch, handed_out: [0; CHILDREN], unknown_timers: [0; CHILDREN] };
        for (child, node) in self.nodes.iter().enumerate() {
            if self.has(Flaw::PendingForgotten) {
                supervisor.handed_out[child] = world.pending(*node).map_or(0, |effect| effect.number);
            }
            if self.has(Flaw::TimersForgotten) {
                let timer = world.tree.machine(*node).and_then(|machine| machine.state().timer());
                supervisor.unknown_timers[child] = timer.map_or(0, |(_, generation)| generation);
            }
        }
        world.supervisors[by] = Some(supervisor);
    }

    /// The host gives back what it could not carry out, or whose answer it could not pass on.
    fn lose(&self, world: &mut World, child: usize, number: u64) {
        world.left.losses -= 1;
        let epoch = world.epoch;
        for holder in world.supervisors.iter_mut().flatten().filter(|one| one.epoch == epoch) {
            if holder.handed_out[child] == number {
                holder.handed_out[child] -= 1;
            }
        }
    }

    fn take(&self, world: &mut World, step: Step) -> Option<()> {
        match step {
            Step::HandOut { by } => {
                let handed_out = world.supervisors[by]?.handed_out;
                for (child, node) in self.nodes.iter().enumerate() {
                    if let Some(effect) = world.pending(*node).filter(|one| one.number > handed_out[child]) {
                        self.hand_out(world, by, child, &effect);
                    }
                }
            }
            Step::CarryOut { ask, well, again } => {
                world.left.failures -= u8::from(!well);
                world.left.doubles -= u8::from(again);
                if !again {
                    world.asks.retain(|one| *one != ask);
                }
                self.carry_out(world, &ask, well);
            }
            Step::Answer { by, reply: Reply { child, number, said }, again } => {
                world.left.doubles -= u8::from(again);
                if !again {
                    world.replies.retain(|one| *one != Reply { child, number, said });
                }
                if said == Said::Stopped && self.has(Flaw::StoppedDropped) {
                    return Some(());
                }
                let (mut tree, now) = (self.seen_by(world, by), world.now());
                let pending = tree.pending_effect(self.nodes[child]).map(|effect| effect.number);
                let (number, said) =
                    self.flaw.map_or((number, said), |flaw| flaw.answer(number, pending, said));
                let event = Event::Answered { number, answer: answer(said) };
                self.decide(&mut tree, now, child, event);
                self.commit(world, by, tree);
            }
            Step::Report { by, report, again } => {
                world.left.doubles -= u8::from(again);
                if !again {
                    world.reports.retain(|one| *one != report);
                }
                let (mut tree, now) = (self.seen_by(world, by), world.now());
                self.decide(&mut tree, now, report.child, self.report_event(&report));
                self.commit(world, by, tree);
            }
            Step::Tick { by, is_free } => {
                world.left.delays -= u8::from(!is_free);
                self.tick(world, by)?;
            }
            Step::TakeOver { by } => self.take_over(world, by),
            Step::Crash { by, uncommitted } => {
                world.left.crashes -= 1;
                if let Some(report) = uncommitted {
                    let (mut tree, now) = (world.tree.clone(), world.now());
                    self.decide(&mut tree, now, report.child, self.report_event(&report));
                    for (child, node) in self.nodes.iter().enumerate() {
                        if let Some(effect) = tree.pending_effect(*node) {
                            self.hand_out(world, by, child, &effect);
                        }
                    }
                }
                world.supervisors[by] = None;
            }
            Step::End { child } => {
                world.left.failures -= 1;
                let run = world.children[child].alive.take()?;
                add(&mut world.reports, Report { child, run, lives: false });
            }
            Step::Stall { child } => {
                world.left.failures -= 1;
                let run = world.children[child].alive?;
                add(&mut world.reports, Report { child, run, lives: true });
            }
            Step::Request { by, asked } => {
                world.left.requests -= 1;
                let (mut tree, now) = (self.seen_by(world, by), world.now());
                let changed = match asked {
                    Asked::Stop { child } => tree.handle_stop(self.nodes[child], cause(), now),
                    Asked::RestartLast => tree.handle_restart(self.nodes[CHILDREN - 1], cause(), now),
                    Asked::StopGroup => tree.handle_stop_group(self.groups[0], cause(), now),
                    Asked::StartGroup => tree.handle_start_group(self.groups[0], cause(), now),
                };
                // What is refused, or is so already, leads nowhere else.
                changed.ok().filter(|changed| *changed)?;
                self.commit(world, by, tree);
            }
            Step::LoseAsk { ask } => {
                world.asks.retain(|one| *one != ask);
                self.lose(world, ask.child, ask.number);
            }
            Step::LoseReply { reply } => {
                world.replies.retain(|one| *one != reply);
                self.lose(world, reply.child, reply.number);
            }
        }
        Some(())
    }

    fn restarts(&self, world: &World, group: NodeId) -> usize {
        world.tree.group(group).map_or(0, Group::restarts)
    }
}

/// Adds a message that is not on its way yet.
fn add<T: PartialEq>(messages: &mut Vec<T>, message: T) {
    if !messages.contains(&message) {
        messages.push(message);
    }
}

impl Model for Supervision {
    type State = Reached;
    type Action = Step;

    fn init_states(&self) -> Vec<Reached> {
        let first = Supervisor { epoch: 1, handed_out: [0; CHILDREN], unknown_timers: [0; CHILDREN] };
        let child = Child { alive: Some(1), ..Child::default() };
        let world = World {
            tree: self.tree.clone(),
            epoch: 1,
            now_ms: 0,
            supervisors: [Some(first), None],
            children: [child; CHILDREN],
            asks: Vec::new(),
            replies: Vec::new(),
            reports: Vec::new(),
            left: self.chances,
            expired: 0,
            stale: None,
            wrongs: Wrongs::default(),
        };
        let of = Arc::new(Names { nodes: self.nodes.clone(), groups: self.groups.clone() });
        vec![Reached { world, of }]
    }

    fn actions(&self, Reached { world, .. }: &Reached, steps: &mut Vec<Step>) {
        for by in 0..world.supervisors.len() {
            self.steps_of(world, by, steps);
        }
        self.other_steps(world, steps);
    }

    fn next_state(&self, last: &Reached, step: Step) -> Option<Reached> {
        let mut next = last.clone();
        self.take(&mut next.world, step)?;
        // Nobody asks the tree for these: the model hands out what is pending.
        while next.world.tree.poll_effect().is_some() {}
        let progress = |world: &World| world.progress(self.chances, &self.nodes);
        next.world.wrongs.idle |= progress(&next.world) <= progress(&last.world);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(VERIFIED, |_, reached: &Reached| !reached.world.wrongs.unverified),
            Property::always(BOUNDED, |model: &Self, Reached { world, .. }| {
                // A group that is started again by its own counts anew.
                let most = u64::from(model.max_restarts);
                let most = if model.is_nested { (most + 1) * (most + 1) } else { most };
                // Nor does what someone asked for count, and a group that someone starts counts anew.
                let asked = u64::from(model.chances.requests - world.left.requests);
                let most = (most + 1) * (asked + 1) - 1;
                let launches = |id: &NodeId| {
                    world.tree.machine(*id).map_or(0, |machine| machine.run().saturating_sub(1))
                };
                model.nodes.iter().all(|id| launches(id) <= most)
            }),
            Property::always(NEVER_STUCK, |model: &Self, Reached { world, .. }| {
                world.goes_on(&model.nodes) || world.is_at_rest(&model.nodes, &model.groups)
            }),
            Property::always(ENDS, |_, reached: &Reached| !reached.world.wrongs.idle),
            Property::always(IN_ORDER, |_, reached: &Reached| !reached.world.wrongs.out_of_order),
            Property::always(COMMITTED, |model: &Self, Reached { world, .. }| {
                world.asks.iter().all(|ask| {
                    let node = model.nodes[ask.child];
                    let issued = world.tree.machine(node).map_or(0, Machine::effects);
                    let is_pending = |effect: &TreeEffect| effect.number == ask.number;
                    let pending = world.pending(node).filter(is_pending);
                    ask.number <= issued && pending.is_none_or(|effect| What::of(&effect.action) == ask.what)
                })
            }),
            Property::always(EXCUSED, |model: &Self, Reached { world, .. }| {
                let failed = model.chances.failures - world.left.failures;
                let excuses = usize::from(failed) + usize::from(world.expired);
                model.groups.iter().all(|group| model.restarts(world, *group) <= excuses)
            }),
            // That it is not all in vain.
            Property::sometimes(COMES_BACK, |model: &Self, Reached { world, .. }| {
                let is_ready = |id: &NodeId| {
                    let state = world.tree.machine(*id).map(|machine| machine.state().name());
                    state == Some(StateName::MythpathReady)
                };
                model.nodes.iter().any(is_ready) && !world.goes_on(&model.nodes)
            }),
            Property::sometimes(GIVES_UP, |model: &Self, Reached { world, .. }| {
                let state = world.tree.group(model.groups[0]).map(Group::state);
                matches!(state, Some(crate::restart::GroupState::Ended { .. }))
                    && !world.goes_on(&model.nodes)
            }),
        ]
    }
}

const VERIFIED: &str = "none is ready but restored, verified, aligned and probed";
const BOUNDED: &str = "no more restarts than the window allows";
const NEVER_STUCK: &str = "without a timer or an effect all is at rest";
const ENDS: &str = "every step goes on";
const IN_ORDER: &str = "none is launched while one that depends on it runs";
const COMMITTED: &str = "the host is asked for nothing but what is committed";
const EXCUSED: &str = "no restart without a failure";
const COMES_BACK: &str = "children come back";
const GIVES_UP: &str = "groups end";

/// What must never be found.
const SAFE: [&str; 7] = [VERIFIED, BOUNDED, NEVER_STUCK, ENDS, IN_ORDER, COMMITTED, EXCUSED];

#[test]
fn whatever_happens_supervision_keeps_its_promises() {
    let mut states = 0;
    let (mut found, mut all) = (BTreeSet::new(), BTreeSet::new());
    for (name, model) in models() {
        let checker = model.grown().checker().spawn_dfs().join();
        for (property, path) in checker.discoveries() {
            found.insert(property);
            assert!(!SAFE.contains(&property), "{name}: not {property}: {:#?}", path.into_actions());
        }
        all.extend(checker.model().properties().into_iter().map(|property| property.name));
        println!("{name}: {} states, {} steps", checker.unique_state_count(), checker.state_count());
        states += checker.unique_state_count();
    }
    assert_eq!(found, [COMES_BACK, GIVES_UP].into(), "what is to happen happens");
    assert!(SAFE.iter().all(|name| all.contains(name)));
    println!("figure restart.model_states {states}");
}

#[test]
fn every_seeded_flaw_is_found() {
    for (flaw, model, broken) in flaws() {
        let without = model.clone().grown().checker().finish_when(one(broken)).spawn_dfs().join();
        assert!(without.discovery(broken).is_none(), "{flaw:?} is not what breaks it");
        let with = Supervision { flaw: Some(flaw), ..model }.grown();
        let checker = with.checker().finish_when(one(broken)).spawn_dfs().join();
        assert!(checker.discovery(broken).is_some(), "{flaw:?} is not found: {broken}");
        println!("{flaw:?}: found within {} states", checker.unique_state_count());
    }
}

fn one(property: &'static str) -> HasDiscoveries {
    HasDiscoveries::AnyOf([property].into())
}
