//! Flaws that the model must find.
//!
//! The shipped code holds none of them, and no hook for them either: a flaw is in what surrounds the transition function.
//! The *layer* is the model of a supervisor and its store. The *tree* sees its nodes through [`Nodes`], so that a wrapper that
//! answers wrongly in the midst of a decision is a decision taken wrongly. And the *machine* is a table of states and events,
//! so that an event exchanged for another is a cell that does something else.

use super::world::Said;
use crate::error::Result;
use crate::restart::group::{Group, GroupPolicyOptions, Member, Nodes, Place};
use crate::restart::{NodeId, RestartWindow, SupervisionTree};

/// Something seeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Layer: a supervisor that was replaced still commits what it decided by what it read.
    StaleCommits,
    /// Layer: effects are handed out before the decision is committed.
    EffectsBeforeCommit,
    /// Layer: who takes over takes what is pending as handed out.
    PendingForgotten,
    /// Layer: who takes over knows nothing of the timers that are set.
    TimersForgotten,
    /// Layer: a restore is answered without anything having been restored.
    RestoreUnverified,
    /// Layer: that nothing runs any more is never passed on.
    StoppedDropped,
    /// Machine: an entry under another codex is taken as aligned.
    MisalignedPasses,
    /// Machine: the answer to an overtaken effect counts for the pending one.
    LateAnswersCount,
    /// Machine: a probe that failed counts as passed.
    NotReadyPasses,
    /// Machine: the failure of a replaced run counts for the current one.
    StaleRunsCount,
    /// Tree: a group counts no restarts.
    RestartsUncounted,
    /// Tree: members are started before those after them were stopped.
    SiblingsRun,
    /// Tree: who was stopped for another's sake is not started again.
    SiblingsLeftDown,
}

impl Flaw {
    /// The event that a flawed machine takes instead of an answer.
    pub(super) const fn answer(self, number: u64, pending: Option<u64>, said: Said) -> (u64, Said) {
        match (self, said, pending) {
            (Self::MisalignedPasses, Said::Misaligned(entry), _) => (number, Said::Aligned(entry)),
            (Self::NotReadyPasses, Said::NotReady, _) => (number, Said::Ready),
            (Self::LateAnswersCount, _, Some(pending)) => (pending, said),
            _ => (number, said),
        }
    }
}

/// The nodes of a tree, seen wrongly.
pub(super) struct FlawedNodes<'a> {
    pub(super) tree: &'a mut SupervisionTree,
    pub(super) flaw: Flaw,
}

impl Nodes for FlawedNodes<'_> {
    type Id = NodeId;
    type Error = crate::Error;

    fn member(&mut self, id: NodeId) -> Result<Option<Member<'_>>> {
        let member = self.tree.member(id)?;
        let is_up = |member: &Member<'_>| member.machine.state().name().is_up();
        match member {
            Some(member) if self.flaw == Flaw::SiblingsRun && is_up(&member) => {
                member.machine.believe_gone();
                Ok(Some(member))
            }
            member => Ok(member),
        }
    }

    fn group(&mut self, id: NodeId) -> Result<(&GroupPolicyOptions, &mut Group)> {
        const UNCOUNTED: GroupPolicyOptions = GroupPolicyOptions {
            strategy: super::STRATEGY,
            window: RestartWindow::sliding(RestartWindow::MAX_RESTARTS, 1),
            auto_shutdown: crate::restart::AutoShutdown::Never,
            when_given_up: crate::restart::WhenGivenUp::EndGroup,
            restart: crate::restart::RestartClass::Permanent,
        };
        let (options, group) = Nodes::group(self.tree, id)?;
        Ok((if self.flaw == Flaw::RestartsUncounted { &UNCOUNTED } else { options }, group))
    }

    fn place(&mut self, id: NodeId) -> Result<Option<Place<NodeId>>> {
        self.tree.place(id)
    }

    fn set_active(&mut self, id: NodeId, is_active: bool) -> Result<()> {
        self.tree.set_active(id, is_active)
    }

    fn detach(&mut self, id: NodeId) -> Result<()> {
        self.tree.detach(id)
    }

    fn before(&mut self, group: NodeId, position: u64) -> Result<Option<(NodeId, u64)>> {
        self.tree.before(group, position)
    }

    fn after(&mut self, group: NodeId, position: u64) -> Result<Option<(NodeId, u64)>> {
        let next = self.tree.after(group, position)?;
        // The first to be started is the one that failed.
        Ok(next.filter(|(id, _)| {
            let failed = self.tree.machine(*id).and_then(crate::restart::Machine::incident);
            let is_sibling =
                failed.is_some_and(|incident| incident.kind == crate::restart::FailureKind::Group);
            self.flaw != Flaw::SiblingsLeftDown || !is_sibling
        }))
    }
}
