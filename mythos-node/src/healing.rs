//! What finds ill assistants and heals them.

use mythos_core::healing::{
    EffectId, Healer, HealingProtocol, HealingProtocolDraft, Observation, SelfHealingProtocolEngine,
};
use mythos_core::view::SystemHealthRecoveryView;
use napi_derive::napi;

use crate::calls::{Lane, open, run};
use crate::convert::Argument;
use crate::errors::Outcome;
use crate::page::PageRequest;
use crate::value::Value;
use crate::view::NativeRecoveryView;

/// `SelfHealingProtocolEngine` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeHealing {
    engine: SelfHealingProtocolEngine,
    lane: Lane,
}

impl NativeHealing {
    pub(crate) const fn new(engine: SelfHealingProtocolEngine, lane: Lane) -> Self {
        Self { engine, lane }
    }
}

#[napi]
impl NativeHealing {
    /// The view of this engine.
    #[napi]
    pub fn recovery_view(&self) -> NativeRecoveryView {
        NativeRecoveryView::new(SystemHealthRecoveryView::new(self.engine.clone()), self.lane)
    }

    /// Takes a scope over and puts a protocol in force.
    #[napi]
    pub async fn engage(&self, scope: Argument, protocol: Argument) -> Outcome<NativeHealer> {
        let (engine, lane) = (self.engine.clone(), self.lane);
        open(lane, move || {
            let draft: HealingProtocolDraft = protocol.parse("protocol")?;
            let protocol = HealingProtocol::try_from(draft)?;
            Ok(NativeHealer { healer: engine.engage(&scope.parse("scope")?, &protocol)?, lane })
        })
        .await
    }

    /// A scope as it stands.
    #[napi]
    pub async fn status(&self, scope: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.status(&scope.parse("scope")?)?)).await
    }

    /// Lists incidents.
    #[napi]
    pub async fn events(&self, filter: Argument, page: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(engine.events(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// Lists targets.
    #[napi]
    pub async fn targets(&self, filter: Argument, page: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(engine.targets(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// Lists merges that wait for a person or an audit.
    #[napi]
    pub async fn merge_proposals(&self, scope: Argument, limit: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let limit = limit.parse("limit")?;
            Ok(engine.merge_proposals(&scope.parse("scope")?, limit)?)
        })
        .await
    }
}

/// `Healer` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeHealer {
    healer: Healer,
    lane: Lane,
}

#[napi]
impl NativeHealer {
    /// The scope.
    #[napi(getter)]
    pub fn scope(&self) -> String {
        self.healer.scope().to_string()
    }

    /// Its epoch.
    #[napi(getter, ts_return_type = "number")]
    pub fn epoch(&self) -> Value {
        // Versions have at most 53 bits.
        Value::Integer(self.healer.epoch().get().cast_signed())
    }

    /// Takes observations.
    #[napi]
    pub async fn observe(&self, observations: Argument) -> Outcome {
        let healer = self.healer.clone();
        run(self.lane, move || {
            let observations: Vec<Observation> = observations.parse("observations")?;
            Ok(healer.observe(&observations)?)
        })
        .await
    }

    /// Takes observations, and reads the heads of codices.
    #[napi]
    pub async fn observe_codices(&self, observations: Argument) -> Outcome {
        let healer = self.healer.clone();
        run(self.lane, move || {
            let observations: Vec<Observation> = observations.parse("observations")?;
            Ok(healer.observe_codices(&observations)?)
        })
        .await
    }

    /// Decides about every open incident.
    #[napi]
    pub async fn plan(&self) -> Outcome {
        let healer = self.healer.clone();
        run(self.lane, move || Ok(healer.plan()?)).await
    }

    /// What would be decided.
    #[napi]
    pub async fn dry_run(&self) -> Outcome {
        let healer = self.healer.clone();
        run(self.lane, move || Ok(healer.dry_run()?)).await
    }

    /// Hands out pending effects.
    #[napi]
    pub async fn poll_effects(&self, limit: Argument) -> Outcome {
        let healer = self.healer.clone();
        run(self.lane, move || Ok(healer.poll_effects(limit.parse("limit")?)?)).await
    }

    /// Takes an effect back.
    #[napi]
    pub async fn give_back(&self, effect: Argument) -> Outcome {
        let healer = self.healer.clone();
        run(self.lane, move || {
            healer.give_back(&effect.parse("effect")?);
            Ok(())
        })
        .await
    }

    /// Which effects are pending still.
    #[napi]
    pub async fn still_pending(&self, effects: Argument) -> Outcome {
        let healer = self.healer.clone();
        run(self.lane, move || {
            let effects: Vec<EffectId> = effects.parse("effects")?;
            Ok(healer.still_pending(&effects)?)
        })
        .await
    }

    /// Answers an effect.
    #[napi]
    pub async fn answer(&self, effect: Argument, outcome: Argument) -> Outcome {
        let healer = self.healer.clone();
        run(self.lane, move || Ok(healer.answer(&effect.parse("effect")?, &outcome.parse("outcome")?)?)).await
    }

    /// Makes a merge that someone approved.
    #[napi]
    pub async fn approve_merge(&self, request: Argument) -> Outcome {
        let healer = self.healer.clone();
        run(self.lane, move || Ok(healer.approve_merge(&request.parse("request")?)?)).await
    }

    /// Takes a target out.
    #[napi]
    pub async fn retire(&self, assistant: Argument) -> Outcome {
        let healer = self.healer.clone();
        run(self.lane, move || Ok(healer.retire(&assistant.parse("assistant")?)?)).await
    }

    /// When to plan again.
    #[napi]
    pub async fn next_timeout(&self) -> Outcome {
        let healer = self.healer.clone();
        run(self.lane, move || Ok(healer.next_timeout()?)).await
    }

    /// How the targets are, all together.
    #[napi]
    pub async fn totals(&self) -> Outcome {
        let healer = self.healer.clone();
        run(self.lane, move || Ok(healer.totals()?)).await
    }
}
