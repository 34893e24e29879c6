//! The journal of what assistants do to the outside world.

use mythos_core::journal::StepJournal;
use napi_derive::napi;

use crate::calls::{Lane, run};
use crate::convert::Argument;
use crate::errors::Outcome;
use crate::page::PageRequest;

/// `StepJournal` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeSteps {
    steps: StepJournal,
    lane: Lane,
}

impl NativeSteps {
    pub(crate) const fn new(steps: StepJournal, lane: Lane) -> Self {
        Self { steps, lane }
    }
}

#[napi]
impl NativeSteps {
    /// Asks whether a step is to be done.
    #[napi]
    pub async fn begin(&self, request: Argument) -> Outcome {
        let steps = self.steps.clone();
        run(self.lane, move || Ok(steps.begin(&request.parse("request")?)?)).await
    }

    /// Records that a step was done.
    #[napi]
    pub async fn complete(&self, request: Argument) -> Outcome {
        let steps = self.steps.clone();
        run(self.lane, move || Ok(steps.complete(&request.parse("request")?)?)).await
    }

    /// Records what was found out about a step in doubt.
    #[napi]
    pub async fn resolve(&self, request: Argument) -> Outcome {
        let steps = self.steps.clone();
        run(self.lane, move || Ok(steps.resolve(&request.parse("request")?)?)).await
    }

    /// A step as it stands.
    #[napi]
    pub async fn step(&self, assistant: Argument, ritual: Argument, key: Argument) -> Outcome {
        let steps = self.steps.clone();
        run(self.lane, move || {
            let (assistant, ritual) = (assistant.parse("assistant")?, ritual.parse("ritual")?);
            Ok(steps.step(&assistant, &ritual, &key.parse("key")?)?)
        })
        .await
    }

    /// Lists steps.
    #[napi]
    pub async fn steps(&self, filter: Argument, page: Argument) -> Outcome {
        let steps = self.steps.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(steps.steps(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// What a restored assistant has to know.
    #[napi]
    pub async fn after_restore(&self, request: Argument) -> Outcome {
        let steps = self.steps.clone();
        run(self.lane, move || Ok(steps.after_restore(&request.parse("request")?)?)).await
    }

    /// Deletes settled steps.
    #[napi]
    pub async fn forget(&self, request: Argument) -> Outcome {
        let steps = self.steps.clone();
        run(self.lane, move || Ok(steps.forget(&request.parse("request")?)?)).await
    }
}
