//! The host's side of a group: launches, stops and kills the crew as the library asks, and answers.

use std::collections::VecDeque;

use mythos_core::Mythos;
use mythos_core::restart::{
    Action, ChangeGroup, CreateGroup, DeploymentSpec, Effect, EffectId, Exit, ExitKind, GroupPolicy,
    GroupPolicyOptions, GroupStateName, Outcome, Reason, ReportExit, RestartAssistant, RestartWindow,
    StartChild, Strategy, Supervisor,
};
use mythos_core::types::{Digest, GroupId};

use super::member::Member;
use super::post::Post;
use super::role::Role;
use crate::Result;
use crate::names::Names;
use crate::protocol::Line;
use crate::recovery;

/// How many effects are taken at once; each of the crew has one at a time.
const EFFECTS: u32 = 8;

/// What the host did to one of the crew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It was launched, and became ready.
    Launched(Role),
    /// It ended, since its group asked for that.
    Stopped(Role),
}

/// The holder of the supervision of the crew.
pub(super) struct Host<'a> {
    mythos: &'a Mythos,
    supervisor: Supervisor,
    group: GroupId,
    members: [Member; 3],
    /// What was done since it was last taken.
    deeds: Vec<Deed>,
}

impl<'a> Host<'a> {
    /// Takes the supervision over, and makes the group of three. Their first checkpoints are saved already; the library has
    /// them launched.
    pub(super) fn new(mythos: &'a Mythos, names: &Names, posts: [Post; 3]) -> Result<Self> {
        let supervisor = mythos.deployments().supervise(&"demo-crew".parse()?)?;
        let group: GroupId = "crew".parse()?;
        let policy = GroupPolicy::new(GroupPolicyOptions {
            strategy: Strategy::RestForOne,
            window: RestartWindow::sliding(20, 600_000),
            ..GroupPolicyOptions::default()
        })?;
        supervisor.create_group(&CreateGroup::new(group.clone(), policy))?;
        for role in Role::ALL {
            let spec = DeploymentSpec::new(role.ritual()?).codex(names.codex.clone());
            let spec = spec.policy(recovery::policy()?);
            supervisor.start_child(&StartChild::new(group.clone(), role.assistant()?, spec))?;
        }
        Ok(Self { mythos, supervisor, group, members: posts.map(Member::new), deeds: Vec::new() })
    }

    /// One of the crew.
    pub(super) const fn member(&self, role: Role) -> &Member {
        &self.members[role as usize]
    }

    /// One of the crew, to be changed.
    pub(super) const fn member_mut(&mut self, role: Role) -> &mut Member {
        &mut self.members[role as usize]
    }

    /// What was done since the last call.
    pub(super) fn take_deeds(&mut self) -> Vec<Deed> {
        std::mem::take(&mut self.deeds)
    }

    /// The library's number of a member's run.
    pub(super) fn run(&self, role: Role) -> Result<u64> {
        Ok(self.supervisor.deployment(&role.assistant()?)?.machine.run())
    }

    /// Where the group stands.
    pub(super) fn group_state(&self) -> Result<GroupStateName> {
        Ok(self.mythos.deployments().group(self.supervisor.id(), &self.group)?.state)
    }

    /// Whether every member is up.
    pub(super) fn is_up(&self) -> Result<bool> {
        let mut is_up = self.group_state()? == GroupStateName::Up;
        for role in Role::ALL {
            is_up &= self.supervisor.deployment(&role.assistant()?)?.state.is_up();
        }
        Ok(is_up)
    }

    /// Kills one of the crew, and reports what became of it.
    pub(super) fn kill(&mut self, role: Role) -> Result<()> {
        let run = Some(self.run(role)?);
        self.member_mut(role).kill()?;
        let exit = Exit::new(ExitKind::Killed, Reason::new("killed by SIGKILL")?);
        self.supervisor.report_exit(&ReportExit { run, ..ReportExit::new(role.assistant()?, exit) })?;
        Ok(())
    }

    /// Has one of the crew restarted, though it runs.
    pub(super) fn restart(&self, role: Role, reason: &str) -> Result<()> {
        let request = RestartAssistant::new(role.assistant()?, Reason::new(reason)?);
        self.supervisor.restart_now(&request)?;
        Ok(())
    }

    /// Has the crew stopped for good.
    pub(super) fn stop(&self) -> Result<()> {
        let all_is_done = Reason::new("all is done")?;
        self.supervisor.stop_group(&ChangeGroup::new(self.group.clone(), all_is_done))?;
        Ok(())
    }

    /// What one of the crew has said next.
    pub(super) fn heard(&mut self, role: Role) -> Result<Option<Line>> {
        self.member_mut(role).heard()
    }

    /// Does what the library asks for now. Whether there was anything.
    pub(super) fn work(&mut self) -> Result<bool> {
        self.supervisor.tick()?;
        let mut effects = VecDeque::from(self.supervisor.poll_effects(EFFECTS)?);
        let mut is_busy = !effects.is_empty();
        while let Some(effect) = effects.pop_front() {
            effects.extend(self.carry_out(&effect)?);
        }
        for role in Role::ALL {
            if let Some(stop) = self.member_mut(role).ended()? {
                self.stopped(role, &stop)?;
                is_busy = true;
            }
        }
        Ok(is_busy)
    }

    /// Carries an effect out; what is to be done next.
    fn carry_out(&mut self, effect: &Effect) -> Result<Option<Effect>> {
        let role: Role = effect.assistant.as_str().parse()?;
        match &effect.action {
            Action::Restore { .. } | Action::Align { .. } => {
                let done = self.supervisor.carry_out(effect)?;
                if let Some(restored) = done.restored {
                    self.member_mut(role).restored = Some(Digest::of(&restored.payload));
                }
                return Ok(done.next);
            }
            Action::Probe { entry, .. } => {
                let member = self.member_mut(role);
                member.post.entry = entry.entry;
                member.launch()?;
                self.deeds.push(Deed::Launched(role));
                self.supervisor.answer(&effect.id, &Outcome::Ready)?;
            }
            // It is answered once the process is gone. If that takes too long, a kill follows.
            Action::Stop { .. } => self.member_mut(role).ask_to_end(effect.id),
            Action::Kill => {
                self.member_mut(role).kill()?;
                self.stopped(role, &effect.id)?;
            }
            other => return Err(format!("the library asks for an operator: {other:?}").into()),
        }
        Ok(None)
    }

    fn stopped(&mut self, role: Role, effect: &EffectId) -> Result<()> {
        self.member_mut(role).ending = None;
        self.deeds.push(Deed::Stopped(role));
        self.supervisor.answer(effect, &Outcome::Stopped)?;
        Ok(())
    }
}
