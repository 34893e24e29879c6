//! The deployments of assistants, and their restarts.

use mythos_core::restart::{AssistantDeploymentAutoRestarter, EffectId, Supervisor};
use mythos_core::view::AssistantRestartView;
use napi_derive::napi;

use crate::calls::{Lane, open, run};
use crate::convert::Argument;
use crate::errors::Outcome;
use crate::page::PageRequest;
use crate::value::Value;
use crate::view::NativeRestartView;

/// `AssistantDeploymentAutoRestarter` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeDeployments {
    restarter: AssistantDeploymentAutoRestarter,
    lane: Lane,
}

impl NativeDeployments {
    pub(crate) const fn new(restarter: AssistantDeploymentAutoRestarter, lane: Lane) -> Self {
        Self { restarter, lane }
    }
}

#[napi]
impl NativeDeployments {
    /// Takes a supervision over.
    #[napi]
    pub async fn supervise(&self, supervisor: Argument) -> Outcome<NativeSupervisor> {
        let (restarter, lane) = (self.restarter.clone(), self.lane);
        open(lane, move || {
            Ok(NativeSupervisor { supervisor: restarter.supervise(&supervisor.parse("supervisor")?)?, lane })
        })
        .await
    }

    /// A deployment as it stands.
    #[napi]
    pub async fn deployment(&self, supervisor: Argument, assistant: Argument) -> Outcome {
        let restarter = self.restarter.clone();
        run(self.lane, move || {
            let (supervisor, assistant) = (supervisor.parse("supervisor")?, assistant.parse("assistant")?);
            Ok(restarter.deployment(&supervisor, &assistant)?)
        })
        .await
    }

    /// Lists deployments.
    #[napi]
    pub async fn deployments(&self, filter: Argument, page: Argument) -> Outcome {
        let restarter = self.restarter.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(restarter.deployments(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// A group as it stands.
    #[napi]
    pub async fn group(&self, supervisor: Argument, group: Argument) -> Outcome {
        let restarter = self.restarter.clone();
        run(self.lane, move || {
            let (supervisor, group) = (supervisor.parse("supervisor")?, group.parse("group")?);
            Ok(restarter.group(&supervisor, &group)?)
        })
        .await
    }

    /// Lists groups.
    #[napi]
    pub async fn groups(&self, filter: Argument, page: Argument) -> Outcome {
        let restarter = self.restarter.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(restarter.groups(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// Lists the members of a group.
    #[napi]
    pub async fn members(
        &self,
        supervisor: Argument,
        group: Argument,
        after: Argument,
        limit: Argument,
    ) -> Outcome {
        let restarter = self.restarter.clone();
        run(self.lane, move || {
            let (supervisor, group) = (supervisor.parse("supervisor")?, group.parse("group")?);
            Ok(restarter.members(&supervisor, &group, after.parse("after")?, limit.parse("limit")?)?)
        })
        .await
    }

    /// Lists incidents.
    #[napi]
    pub async fn history(&self, filter: Argument, page: Argument) -> Outcome {
        let restarter = self.restarter.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(restarter.history(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// The read model of the same deployments.
    #[napi]
    pub fn restart_view(&self) -> NativeRestartView {
        NativeRestartView::new(AssistantRestartView::new(self.restarter.clone()), self.lane)
    }
}

/// `Supervisor` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeSupervisor {
    supervisor: Supervisor,
    lane: Lane,
}

#[napi]
impl NativeSupervisor {
    /// Its id.
    #[napi(getter)]
    pub fn id(&self) -> String {
        self.supervisor.id().to_string()
    }

    /// Its epoch.
    #[napi(getter, ts_return_type = "number")]
    pub fn epoch(&self) -> Value {
        // Versions have at most 53 bits.
        Value::Integer(self.supervisor.epoch().get().cast_signed())
    }

    /// Supervises an assistant.
    #[napi]
    pub async fn deploy(&self, request: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.deploy(&request.parse("request")?)?)).await
    }

    /// Reports that an assistant failed.
    #[napi]
    pub async fn report_failure(&self, request: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.report_failure(&request.parse("request")?)?)).await
    }

    /// Reports that a run of an assistant ended.
    #[napi]
    pub async fn report_exit(&self, request: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.report_exit(&request.parse("request")?)?)).await
    }

    /// Lets a deployment rest.
    #[napi]
    pub async fn stop(&self, request: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.stop(&request.parse("request")?)?)).await
    }

    /// Restarts an assistant at once.
    #[napi]
    pub async fn restart_now(&self, request: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.restart_now(&request.parse("request")?)?)).await
    }

    /// Makes a group, or replaces its policy.
    #[napi]
    pub async fn create_group(&self, request: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.create_group(&request.parse("request")?)?)).await
    }

    /// Makes an assistant a member of a group, and has it started.
    #[napi]
    pub async fn start_child(&self, request: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.start_child(&request.parse("request")?)?)).await
    }

    /// Starts a member that is down.
    #[napi]
    pub async fn restart_child(&self, request: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.restart_child(&request.parse("request")?)?)).await
    }

    /// Takes a member that is down out of its group.
    #[napi]
    pub async fn delete_child(&self, request: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.delete_child(&request.parse("request")?)?)).await
    }

    /// Starts the members of a group.
    #[napi]
    pub async fn start_group(&self, request: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.start_group(&request.parse("request")?)?)).await
    }

    /// Stops the members of a group for good.
    #[napi]
    pub async fn stop_group(&self, request: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.stop_group(&request.parse("request")?)?)).await
    }

    /// Deletes a group.
    #[napi]
    pub async fn delete_group(&self, group: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.delete_group(&group.parse("group")?)?)).await
    }

    /// Deletes a deployment.
    #[napi]
    pub async fn delete_deployment(&self, assistant: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.delete_deployment(&assistant.parse("assistant")?)?)).await
    }

    /// Fires the timers that are due.
    #[napi]
    pub async fn tick(&self) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.tick()?)).await
    }

    /// When the next timer is due.
    #[napi]
    pub async fn next_timeout(&self) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.next_timeout()?)).await
    }

    /// Hands out pending effects.
    #[napi]
    pub async fn poll_effects(&self, limit: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.poll_effects(limit.parse("limit")?)?)).await
    }

    /// Takes an effect back.
    #[napi]
    pub async fn give_back(&self, effect: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || {
            supervisor.give_back(&effect.parse("effect")?);
            Ok(())
        })
        .await
    }

    /// Which effects are pending still.
    #[napi]
    pub async fn still_pending(&self, effects: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || {
            let effects: Vec<EffectId> = effects.parse("effects")?;
            Ok(supervisor.still_pending(&effects)?)
        })
        .await
    }

    /// Restores, verifies and aligns.
    #[napi]
    pub async fn carry_out(&self, effect: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.carry_out(&effect.parse("effect")?)?)).await
    }

    /// Answers an effect.
    #[napi]
    pub async fn answer(&self, effect: Argument, outcome: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.answer(&effect.parse("effect")?, &outcome.parse("outcome")?)?))
            .await
    }

    /// How the deployments are, all together.
    #[napi]
    pub async fn totals(&self) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.totals()?)).await
    }

    /// A deployment as it stands.
    #[napi]
    pub async fn deployment(&self, assistant: Argument) -> Outcome {
        let supervisor = self.supervisor.clone();
        run(self.lane, move || Ok(supervisor.deployment(&assistant.parse("assistant")?)?)).await
    }
}
