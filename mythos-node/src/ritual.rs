//! Checkpoints of what an assistant needs to resume.

use mythos_core::ritual::{ParentExpectation, RitualCompressionCache, SaveRitual, SymbolicIntent};
use mythos_core::types::{AssistantId, OperationId, RitualId};
use napi_derive::napi;
use serde::Deserialize;

use crate::calls::{Lane, run};
use crate::convert::Argument;
use crate::errors::Outcome;

/// `RitualCompressionCache` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeRituals {
    cache: RitualCompressionCache,
    lane: Lane,
}

impl NativeRituals {
    pub(crate) const fn new(cache: RitualCompressionCache, lane: Lane) -> Self {
        Self { cache, lane }
    }
}

/// `SaveRitual` of the core, owned.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Save {
    assistant: AssistantId,
    ritual: RitualId,
    #[serde(with = "serde_bytes")]
    payload: Vec<u8>,
    #[serde(default)]
    intent: SymbolicIntent,
    #[serde(default)]
    parent: ParentExpectation,
    operation: Option<OperationId>,
}

impl Save {
    fn as_request(&self) -> SaveRitual<'_> {
        let mut request = SaveRitual::new(self.assistant.clone(), self.ritual.clone(), &self.payload);
        request.intent = self.intent.clone();
        request.parent = self.parent;
        request.operation = self.operation;
        request
    }
}

#[napi]
impl NativeRituals {
    /// Appends an entry to a ritual.
    #[napi(ts_args_type = "request: unknown", ts_return_type = "Promise<Outcome<unknown>>")]
    pub async fn save(&self, request: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || {
            let request: Save = request.parse("request")?;
            Ok(cache.save(&request.as_request())?)
        })
        .await
    }

    /// The newest entry of a ritual with its payload, verified.
    #[napi(
        ts_args_type = "assistant: unknown, ritual: unknown",
        ts_return_type = "Promise<Outcome<unknown>>"
    )]
    pub async fn latest(&self, assistant: Argument, ritual: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || {
            let (assistant, ritual) = (assistant.parse("assistant")?, ritual.parse("ritual")?);
            Ok(cache.latest(&assistant, &ritual)?)
        })
        .await
    }
}
