//! What a decision about one node of a supervision tree leads to in the others.

use std::fmt;

use super::machine::{Group, GroupEnd, GroupState, Place};
use super::policy::{AutoShutdown, GroupPolicyOptions, Strategy, WhenGivenUp};
use crate::restart::machine::{Cause, Context, Event, Ignored, Machine, Refusal};
use crate::restart::{DeploymentSpec, GiveUp, RestartClass, State, StateName};
use crate::types::{RecordId, Timestamp};

/// The nodes of a supervision tree, as far as a decision asks for them: in memory, or in a store.
///
/// Each step costs what it changes: no method goes through all members of a group.
pub(in crate::restart) trait Nodes {
    /// Names a node.
    type Id: Copy + Eq + fmt::Debug;
    /// Why a node cannot be had.
    type Error;

    /// A deployment, or `None` if the node is a group.
    fn member(&mut self, id: Self::Id) -> Result<Option<Member<'_>>, Self::Error>;

    /// A group.
    fn group(&mut self, id: Self::Id) -> Result<(&GroupPolicyOptions, &mut Group), Self::Error>;

    /// Where a node stands in its group, if it is in one.
    fn place(&mut self, id: Self::Id) -> Result<Option<Place<Self::Id>>, Self::Error>;

    /// Says whether a node has not ended.
    fn set_active(&mut self, id: Self::Id, is_active: bool) -> Result<(), Self::Error>;

    /// Takes a node out of its group.
    fn detach(&mut self, id: Self::Id) -> Result<(), Self::Error>;

    /// The member of a group with the highest position below `position`.
    fn before(&mut self, group: Self::Id, position: u64) -> Result<Option<(Self::Id, u64)>, Self::Error>;

    /// The same, where members that are stopped or completed may be passed over.
    fn running_before(
        &mut self,
        group: Self::Id,
        position: u64,
    ) -> Result<Option<(Self::Id, u64)>, Self::Error> {
        self.before(group, position)
    }

    /// The member of a group with the lowest position above `position`.
    fn after(&mut self, group: Self::Id, position: u64) -> Result<Option<(Self::Id, u64)>, Self::Error>;
}

/// A deployment as a decision needs it.
pub(in crate::restart) struct Member<'a> {
    pub(in crate::restart) id: &'a RecordId,
    pub(in crate::restart) spec: &'a DeploymentSpec,
    pub(in crate::restart) machine: &'a mut Machine,
    pub(in crate::restart) is_member: bool,
}

/// What a group learns of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    /// It is up.
    Up,
    /// It is down, and to be started again.
    Failed,
    /// It is down, and its own rules let it rest.
    Ended,
    /// It is down, and cannot be brought back.
    GivenUp,
    /// It is down, since its group stopped it.
    Halted,
    /// It is down, since someone asked for that, and stays so until someone asks for it.
    Stopped,
    /// It waits for a person, for as long as that takes.
    Asked,
}

/// What came of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carried {
    /// It is so already.
    Done,
    /// It will be told.
    Underway,
}

/// A decision about a supervision tree.
pub(in crate::restart) struct Tree<'n, N> {
    nodes: &'n mut N,
    now: Timestamp,
}

impl Signal {
    fn of(before: StateName, was_requested: bool, after: &State) -> Option<Self> {
        match after {
            State::Stopped if was_requested => Some(Self::Stopped),
            State::Running { .. } | State::MythpathReady { .. } => Some(Self::Up),
            State::Waiting { .. } | State::Stopped | State::GivenUp { .. }
                if before == StateName::Stopping =>
            {
                Some(Self::Halted)
            }
            State::Waiting { .. } => Some(Self::Failed),
            State::Stopped => Some(Self::Stopped),
            State::Completed { .. } => Some(Self::Ended),
            State::GivenUp { .. } if before == StateName::GivenUp => None,
            State::GivenUp { why: GiveUp::NotRestarted } => Some(Self::Ended),
            State::GivenUp { .. } => Some(Self::GivenUp),
            State::AwaitingOperator { .. } => Some(Self::Asked),
            _ => None,
        }
    }
}

impl<'n, N: Nodes> Tree<'n, N> {
    pub(in crate::restart) const fn new(nodes: &'n mut N, now: Timestamp) -> Self {
        Self { nodes, now }
    }

    /// Takes an event of a deployment, and all that follows from it.
    pub(in crate::restart) fn handle(
        &mut self,
        id: N::Id,
        event: Event,
    ) -> Result<Result<Option<Ignored>, Refusal>, N::Error> {
        let now = self.now;
        let Some(member) = self.nodes.member(id)? else { return Ok(Err(Refusal::WrongAnswer)) };
        if member.is_member && matches!(event, Event::Deployed | Event::RestartRequested { .. }) {
            if !self.is_held_up(id)? {
                return Ok(Err(Refusal::GroupHasEnded));
            }
            if self.has_its_turn_coming(id)? {
                return Ok(Err(Refusal::InTheHandsOfItsGroup));
            }
        }
        let Some(mut member) = self.nodes.member(id)? else { return Ok(Err(Refusal::WrongAnswer)) };
        let before = member.machine.state().name();
        let is_member = member.is_member;
        let is_stopping = |state: &State| matches!(state, State::Stopping { stop, .. } if stop.is_requested);
        let was_requested =
            matches!(event, Event::StopRequested { .. }) || is_stopping(member.machine.state());
        let outcome = member.step(now, event);
        if !is_member || outcome != Ok(None) {
            return Ok(outcome);
        }
        if let Some(signal) = Signal::of(before, was_requested, member.machine.state()) {
            self.signal(id, signal)?;
        }
        Ok(outcome)
    }

    /// Starts a member that was just taken in, if its group is up; otherwise its turn comes.
    pub(in crate::restart) fn joined(&mut self, id: N::Id, cause: &Cause) -> Result<(), N::Error> {
        let Some(place) = self.nodes.place(id)? else { return Ok(()) };
        if matches!(self.nodes.group(place.group)?.1.state, GroupState::Up { .. }) {
            self.start(id, cause)?;
        }
        Ok(())
    }

    /// Whether no group around a node is ending or has ended.
    pub(in crate::restart) fn is_held_up(&mut self, mut id: N::Id) -> Result<bool, N::Error> {
        while let Some(place) = self.nodes.place(id)? {
            if !self.group_mut(place.group)?.state.is_open() {
                return Ok(false);
            }
            id = place.group;
        }
        Ok(true)
    }

    /// Whether what its group does now comes to the start of a node.
    fn has_its_turn_coming(&mut self, id: N::Id) -> Result<bool, N::Error> {
        let Some(place) = self.nodes.place(id)? else { return Ok(false) };
        Ok(match self.group_mut(place.group)?.state {
            GroupState::Stopping { floor, .. } => place.position >= floor,
            GroupState::Starting { at } => place.position > at,
            GroupState::Up { .. } | GroupState::Ending { .. } | GroupState::Ended { .. } => false,
        })
    }

    /// Starts a member that is down: at once, or when its turn comes. Whether that changes anything.
    pub(in crate::restart) fn start_child(&mut self, id: N::Id, cause: &Cause) -> Result<bool, N::Error> {
        let Some(place) = self.nodes.place(id)? else { return Ok(false) };
        self.count_active(id, &place, Signal::Up)?;
        if self.has_its_turn_coming(id)? {
            return Ok(!place.is_active);
        }
        self.start(id, cause)?;
        Ok(true)
    }

    /// Starts the members of a group that ended: at once, or when its turn comes in the group that holds it. Whether it had.
    pub(in crate::restart) fn start_group(&mut self, id: N::Id, cause: Cause) -> Result<bool, N::Error> {
        if !matches!(self.nodes.group(id)?.1.state, GroupState::Ended { .. }) {
            return Ok(false);
        }
        if let Some(place) = self.nodes.place(id)? {
            self.count_active(id, &place, Signal::Up)?;
            if self.has_its_turn_coming(id)? {
                return Ok(!place.is_active);
            }
        }
        self.begin_group(id, cause)?;
        if self.go_on_starting(id)? {
            self.signal(id, Signal::Up)?;
        }
        Ok(true)
    }

    /// Stops the members of a group for good. Whether it had not ended or begun to.
    pub(in crate::restart) fn stop_group(&mut self, id: N::Id, cause: Cause) -> Result<bool, N::Error> {
        if !self.nodes.group(id)?.1.state.is_open() {
            return Ok(false);
        }
        self.end(id, GroupEnd::Requested, cause, None)?;
        Ok(true)
    }

    /// Lets go of a member of which nothing is known any more; its group goes on without it.
    pub(in crate::restart) fn lose(&mut self, id: N::Id) -> Result<(), N::Error> {
        let Some(place) = self.nodes.place(id)? else { return Ok(()) };
        self.drop_out(id)?;
        self.learn(id, place, Signal::Halted)
    }

    /// Tells the group of `child` what became of it.
    fn signal(&mut self, child: N::Id, signal: Signal) -> Result<(), N::Error> {
        match self.nodes.place(child)? {
            Some(place) => self.learn(child, place, signal),
            None => Ok(()),
        }
    }

    /// What a group does that learns what became of `child`, which has, or had, its place there.
    fn learn(&mut self, child: N::Id, place: Place<N::Id>, signal: Signal) -> Result<(), N::Error> {
        use {GroupState as G, Signal as S};

        let (group, position) = (place.group, place.position);
        self.count_active(child, &place, signal)?;
        let (options, machine) = self.nodes.group(group)?;
        let (state, strategy, when_given_up) = (machine.state, options.strategy, options.when_given_up);
        let is_new = self.nodes.member(child)?.is_some_and(|member| !member.machine.was_up());
        if is_dropped(&place, strategy, signal) {
            self.drop_out(child)?;
        }
        match (state, signal) {
            // Members that do not depend on each other do not wait for a person either.
            (G::Starting { .. }, S::Asked) if !strategy.is_ordered() => self.go_on_past(&place, state),
            (_, S::Asked) => Ok(()),
            (G::Ended { .. }, S::Failed) => self.give_up(child, GiveUp::GroupEnded),
            (G::Ended { .. }, _) | (G::Ending { .. }, S::Up) => Ok(()),
            (G::Ending { why, at, in_flight }, _) => {
                // Of a deployment that is stopped its group learns that it was halted: someone started this one.
                if signal == S::Failed && position >= at && self.nodes.member(child)?.is_some() {
                    return self.give_up(child, GiveUp::GroupEnded);
                }
                let is_awaited = position == at || (strategy == Strategy::SimpleOneForOne && position > at);
                if is_awaited && in_flight > 0 {
                    self.group_mut(group)?.state = G::Ending { why, at, in_flight: in_flight - 1 };
                    self.go_on_ending(group)?;
                }
                Ok(())
            }
            (G::Stopping { at, .. }, _) if position == at => self.go_on_stopping(group),
            (G::Stopping { at, .. }, _) if position > at => Ok(()),
            // It is reached later, and found down.
            (G::Stopping { floor, .. }, S::Failed) if position >= floor => Ok(()),
            // Its turn comes.
            (G::Starting { at }, S::Failed) if position > at => Ok(()),
            // Nobody counts on one that was never up: it is tried again alone.
            (_, S::Failed) if is_new => {
                let cause = self.cause_of(child)?;
                self.start(child, &cause).map(drop)
            }
            (G::Stopping { at, .. }, S::Failed) => {
                if self.admit(child, &place)? {
                    self.group_mut(group)?.state = G::Stopping { floor: position, at };
                }
                Ok(())
            }
            (G::Stopping { .. } | G::Up { .. }, S::Up | S::Halted | S::Stopped) => Ok(()),
            (G::Starting { .. }, S::Up | S::Halted | S::Stopped) => self.go_on_past(&place, state),
            (G::Starting { at }, S::Failed) => self.restart(child, &place, strategy, at.saturating_add(1)),
            (G::Up { .. }, S::Failed) => self.restart(child, &place, strategy, u64::MAX),
            (_, S::GivenUp) if is_new => self.go_on_past(&place, state),
            (_, S::GivenUp) if when_given_up == WhenGivenUp::Rest => self.member_ended(child, &place, state),
            (_, S::GivenUp) => {
                let cause = self.cause_of(child)?;
                self.end(group, GroupEnd::MemberGivenUp, cause, Some(position))
            }
            (_, S::Ended) => self.member_ended(child, &place, state),
        }
    }

    /// A member failed: its group restarts it, and others with it. Those at `top` and above are down.
    fn restart(
        &mut self,
        child: N::Id,
        place: &Place<N::Id>,
        strategy: Strategy,
        top: u64,
    ) -> Result<(), N::Error> {
        if !self.admit(child, place)? {
            return Ok(());
        }
        let floor = match strategy {
            Strategy::OneForOne | Strategy::SimpleOneForOne => {
                let cause = self.cause_of(child)?;
                return self.start(child, &cause).map(drop);
            }
            Strategy::RestForOne => place.position,
            Strategy::OneForAll => 0,
        };
        let cause = self.cause_of(child)?;
        let group = self.group_mut(place.group)?;
        group.cause = Some(cause);
        group.state = GroupState::Stopping { floor, at: top };
        self.go_on_stopping(place.group)
    }

    /// Counts a restart; if the window allows no more, the group ends.
    fn admit(&mut self, child: N::Id, place: &Place<N::Id>) -> Result<bool, N::Error> {
        let now = self.now;
        let (options, machine) = self.nodes.group(place.group)?;
        if machine.history.admit(&options.window, now) {
            return Ok(true);
        }
        let cause = self.cause_of(child)?;
        self.give_up(child, GiveUp::GroupWindowExceeded)?;
        self.end(place.group, GroupEnd::WindowExceeded, cause, Some(place.position))?;
        Ok(false)
    }

    /// Stops what is to be stopped before members are started again.
    fn go_on_stopping(&mut self, group: N::Id) -> Result<(), N::Error> {
        let cause = self.group_cause(group)?;
        loop {
            let GroupState::Stopping { floor, at } = self.group_mut(group)?.state else { return Ok(()) };
            let next = self.nodes.running_before(group, at)?.filter(|(_, position)| *position >= floor);
            let Some((child, position)) = next else {
                let at = floor.saturating_sub(1);
                self.group_mut(group)?.state = GroupState::Starting { at };
                return self.go_on_starting_and_tell(group);
            };
            self.group_mut(group)?.state = GroupState::Stopping { floor, at: position };
            if self.stop(child, &cause, false)? == Carried::Underway {
                return Ok(());
            }
        }
    }

    fn go_on_starting_and_tell(&mut self, group: N::Id) -> Result<(), N::Error> {
        if self.go_on_starting(group)? {
            self.signal(group, Signal::Up)?;
        }
        Ok(())
    }

    /// Starts the next member; whether all are up.
    fn go_on_starting(&mut self, group: N::Id) -> Result<bool, N::Error> {
        let cause = self.group_cause(group)?;
        loop {
            let GroupState::Starting { at } = self.group_mut(group)?.state else { return Ok(false) };
            let Some((child, position)) = self.nodes.after(group, at)? else {
                let since = self.now;
                let group = self.group_mut(group)?;
                group.state = GroupState::Up { since };
                group.cause = None;
                return Ok(true);
            };
            self.group_mut(group)?.state = GroupState::Starting { at: position };
            if self.start(child, &cause)? == Carried::Underway {
                return Ok(false);
            }
        }
    }

    /// A member ended and is not restarted.
    fn member_ended(
        &mut self,
        child: N::Id,
        place: &Place<N::Id>,
        state: GroupState,
    ) -> Result<(), N::Error> {
        let (options, machine) = self.nodes.group(place.group)?;
        let is_last = machine.active_significant == 0;
        let ends = match options.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => place.is_significant,
            AutoShutdown::AllSignificant => place.is_significant && is_last,
        };
        if ends {
            let cause = self.cause_of(child)?;
            return self.end(place.group, GroupEnd::AutoShutdown, cause, Some(place.position));
        }
        self.go_on_past(place, state)
    }

    /// Goes on starting members, if the one at `place` is the one that was waited for.
    fn go_on_past(&mut self, place: &Place<N::Id>, state: GroupState) -> Result<(), N::Error> {
        match state {
            GroupState::Starting { at } if at == place.position => self.go_on_starting_and_tell(place.group),
            _ => Ok(()),
        }
    }

    /// Ends a group, because of the member at `by` if one caused that, and tells the group that holds it.
    fn end(&mut self, group: N::Id, why: GroupEnd, cause: Cause, by: Option<u64>) -> Result<(), N::Error> {
        self.begin_end(group, why, cause, by)?;
        self.go_on_ending(group)
    }

    fn begin_end(
        &mut self,
        group: N::Id,
        why: GroupEnd,
        cause: Cause,
        by: Option<u64>,
    ) -> Result<(), N::Error> {
        let group = self.group_mut(group)?;
        group.cause = Some(cause);
        group.ended_by = by;
        group.state = GroupState::Ending { why, at: u64::MAX, in_flight: 0 };
        Ok(())
    }

    fn go_on_ending(&mut self, group: N::Id) -> Result<(), N::Error> {
        let Some(why) = self.stop_members(group)? else { return Ok(()) };
        let class = self.nodes.place(group)?.map(|place| place.class);
        let signal = match (why, class) {
            (_, None) => return Ok(()),
            (GroupEnd::Requested, _) => Signal::Stopped,
            (GroupEnd::Parent, _) => Signal::Halted,
            (_, Some(RestartClass::Permanent)) => Signal::Failed,
            (_, Some(RestartClass::Transient | RestartClass::Temporary)) => Signal::Ended,
        };
        self.signal(group, signal)
    }

    /// Stops the next members of a group that ends; why it ended, if it has.
    fn stop_members(&mut self, group: N::Id) -> Result<Option<GroupEnd>, N::Error> {
        /// How many members of a simple group are stopped together.
        const TOGETHER: u64 = 64;

        let cause = self.group_cause(group)?;
        loop {
            let since = self.now;
            let (options, machine) = self.nodes.group(group)?;
            let GroupState::Ending { why, at, in_flight } = machine.state else { return Ok(None) };
            let together = if options.strategy == Strategy::SimpleOneForOne { TOGETHER } else { 1 };
            if in_flight >= together {
                return Ok(None);
            }
            let Some((child, position)) = self.nodes.running_before(group, at)? else {
                if in_flight > 0 {
                    return Ok(None);
                }
                let group = self.group_mut(group)?;
                group.state = GroupState::Ended { why, since };
                group.cause = None;
                return Ok(Some(why));
            };
            self.group_mut(group)?.state = GroupState::Ending { why, at: position, in_flight };
            if self.stop(child, &cause, true)? == Carried::Underway {
                let in_flight = in_flight.saturating_add(1);
                self.group_mut(group)?.state = GroupState::Ending { why, at: position, in_flight };
            }
        }
    }

    /// Has a node stopped.
    fn stop(&mut self, id: N::Id, cause: &Cause, for_good: bool) -> Result<Carried, N::Error> {
        let now = self.now;
        let Some(place) = self.nodes.place(id)? else { return Ok(Carried::Done) };
        let strategy = self.nodes.group(place.group)?.0.strategy;
        let is_dropped = is_dropped(&place, strategy, Signal::Halted);
        let for_good = for_good || is_dropped;
        let carried = match self.nodes.member(id)? {
            Some(mut member) => {
                let order = Event::StopOrdered { cause: cause.clone(), shutdown: place.shutdown, for_good };
                // Nothing is refused that a group orders.
                let _ = member.step(now, order);
                if member.machine.state().name().is_down() { Carried::Done } else { Carried::Underway }
            }
            None => {
                let state = self.group_mut(id)?.state;
                if state.is_open() {
                    self.begin_end(id, GroupEnd::Parent, cause.clone(), None)?;
                    self.stop_members(id)?;
                }
                match self.group_mut(id)?.state {
                    GroupState::Ended { .. } => Carried::Done,
                    _ => Carried::Underway,
                }
            }
        };
        if carried == Carried::Done && is_dropped {
            self.drop_out(id)?;
        }
        Ok(carried)
    }

    /// Has a node started, unless it was stopped by request.
    fn start(&mut self, id: N::Id, cause: &Cause) -> Result<Carried, N::Error> {
        let now = self.now;
        let is_active = self.nodes.place(id)?.is_none_or(|place| place.is_active);
        if let Some(mut member) = self.nodes.member(id)? {
            if !is_active && *member.machine.state() == State::Stopped {
                return Ok(Carried::Done);
            }
            let _ = member.step(now, Event::StartOrdered { cause: cause.clone() });
            let is_up = member.machine.state().name().is_up();
            return Ok(if is_up { Carried::Done } else { Carried::Underway });
        }
        let is_up = match self.group_mut(id)?.state {
            GroupState::Up { .. } => true,
            GroupState::Ended { why: GroupEnd::Requested, .. } if !is_active => true,
            GroupState::Ended { .. } => {
                self.begin_group(id, cause.clone())?;
                self.go_on_starting(id)?
            }
            _ => false,
        };
        Ok(if is_up { Carried::Done } else { Carried::Underway })
    }

    /// A group that ended begins anew: what happened before no longer counts.
    fn begin_group(&mut self, id: N::Id, cause: Cause) -> Result<(), N::Error> {
        let group = self.group_mut(id)?;
        group.history = crate::restart::RestartHistory::default();
        group.ended_by = None;
        group.cause = Some(cause);
        group.state = GroupState::Starting { at: 0 };
        Ok(())
    }

    /// An operator learns through `id`, or through the member that a group ended because of, that a group ended. If that one
    /// is no member any more, through the last. What rests stays as it is.
    fn give_up(&mut self, mut id: N::Id, why: GiveUp) -> Result<(), N::Error> {
        let now = self.now;
        let cause = self.cause_of(id)?;
        loop {
            if let Some(mut member) = self.nodes.member(id)? {
                let _ = member.step(now, Event::GiveUpOrdered { cause, why });
                return Ok(());
            }
            let by = self.group_mut(id)?.ended_by;
            let culprit = match by {
                Some(by) => {
                    self.nodes.after(id, by.saturating_sub(1))?.filter(|(_, position)| *position == by)
                }
                None => None,
            };
            match culprit {
                Some((culprit, _)) => id = culprit,
                None => match self.nodes.before(id, u64::MAX)? {
                    Some((last, _)) => id = last,
                    None => return Ok(()),
                },
            }
        }
    }

    fn count_active(&mut self, child: N::Id, place: &Place<N::Id>, signal: Signal) -> Result<(), N::Error> {
        let is_active = match signal {
            Signal::Up => true,
            // It is started again, or ends with its group.
            Signal::Failed | Signal::Halted | Signal::Asked => return Ok(()),
            Signal::Ended | Signal::GivenUp | Signal::Stopped => false,
        };
        if is_active == place.is_active {
            return Ok(());
        }
        self.nodes.set_active(child, is_active)?;
        if place.is_significant {
            let count = &mut self.group_mut(place.group)?.active_significant;
            *count = if is_active { count.saturating_add(1) } else { count.saturating_sub(1) };
        }
        Ok(())
    }

    /// Takes a node out of its group.
    pub(in crate::restart) fn drop_out(&mut self, child: N::Id) -> Result<(), N::Error> {
        // As it is now: whether it is active may have changed since.
        if let Some(place) = self.nodes.place(child)? {
            let is_group = self.nodes.member(child)?.is_none();
            self.group_mut(place.group)?.leave(is_group, &place);
            self.nodes.detach(child)?;
        }
        Ok(())
    }

    fn cause_of(&mut self, child: N::Id) -> Result<Cause, N::Error> {
        if let Some(member) = self.nodes.member(child)? {
            let cause = member.machine.cause();
            return Ok(cause.unwrap_or_else(Cause::unknown));
        }
        self.group_cause(child)
    }

    fn group_cause(&mut self, group: N::Id) -> Result<Cause, N::Error> {
        Ok(self.group_mut(group)?.cause.clone().unwrap_or_else(Cause::unknown))
    }

    fn group_mut(&mut self, id: N::Id) -> Result<&mut Group, N::Error> {
        Ok(self.nodes.group(id)?.1)
    }
}

impl Member<'_> {
    fn step(&mut self, now: Timestamp, event: Event) -> Result<Option<Ignored>, Refusal> {
        let context = Context { deployment: self.id, spec: self.spec, now, is_member: self.is_member };
        self.machine.step(&context, event)
    }
}

/// Whether a node of which `signal` tells is no member any more.
fn is_dropped<Id>(place: &Place<Id>, strategy: Strategy, signal: Signal) -> bool {
    let is_short_lived = place.class == RestartClass::Temporary || strategy == Strategy::SimpleOneForOne;
    is_short_lived && matches!(signal, Signal::Ended | Signal::Halted | Signal::Stopped)
}
