//! Checkpoints of what an assistant needs to resume.

use mythos_core::ritual::{Payload, RitualCompressionCache};
use mythos_core::view::RitualCompressionView;
use napi_derive::napi;
use serde_bytes::ByteBuf;

use crate::calls::{Lane, run};
use crate::convert::Argument;
use crate::errors::Outcome;
use crate::page::PageRequest;
use crate::scores::stall_policy;
use crate::view::NativeCompressionView;

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

#[napi]
impl NativeRituals {
    /// Appends an entry to a ritual.
    #[napi]
    pub async fn save(&self, request: Argument, payload: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || {
            let payload: ByteBuf = payload.parse("payload")?;
            Ok(cache.save(&request.parse("request")?, &payload)?)
        })
        .await
    }

    /// Restores the newest entry of a ritual.
    #[napi]
    pub async fn latest(&self, assistant: Argument, ritual: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || {
            let (assistant, ritual) = (assistant.parse("assistant")?, ritual.parse("ritual")?);
            Ok(cache.latest_shared(&assistant, &ritual, Payload::from)?)
        })
        .await
    }

    /// Restores one entry.
    #[napi]
    pub async fn restore(&self, entry: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || Ok(cache.restore(entry.parse("entry")?)?)).await
    }

    /// The record of one entry.
    #[napi]
    pub async fn entry(&self, entry: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || Ok(cache.entry(entry.parse("entry")?)?)).await
    }

    /// Restores the newest entry that verifies.
    #[napi]
    pub async fn latest_verifiable(
        &self,
        assistant: Argument,
        ritual: Argument,
        before: Argument,
    ) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || {
            let (assistant, ritual) = (assistant.parse("assistant")?, ritual.parse("ritual")?);
            Ok(cache.latest_verifiable(&assistant, &ritual, before.parse("before")?)?)
        })
        .await
    }

    /// Lists entries.
    #[napi]
    pub async fn list(&self, filter: Argument, page: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(cache.list(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// Verifies one entry.
    #[napi]
    pub async fn verify(&self, entry: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || Ok(cache.verify(entry.parse("entry")?)?)).await
    }

    /// Lists rituals by their heads.
    #[napi]
    pub async fn rituals(&self, filter: Argument, page: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(cache.rituals(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// Trains a dictionary.
    #[napi]
    pub async fn train(&self, assistant: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || Ok(cache.train(&assistant.parse("assistant")?)?)).await
    }

    /// The dictionaries of an assistant.
    #[napi]
    pub async fn dictionaries(&self, assistant: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || Ok(cache.dictionaries(&assistant.parse("assistant")?)?)).await
    }

    /// Makes what is stored smaller.
    #[napi]
    pub async fn compact(&self, request: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || Ok(cache.compact(&request.parse("request")?)?)).await
    }

    /// Deletes entries.
    #[napi]
    pub async fn prune(&self, request: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || Ok(cache.prune(&request.parse("request")?)?)).await
    }

    /// Deletes a ritual.
    #[napi]
    pub async fn delete_ritual(&self, assistant: Argument, ritual: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || {
            Ok(cache.delete_ritual(&assistant.parse("assistant")?, &ritual.parse("ritual")?)?)
        })
        .await
    }

    /// Deletes all that is held of an assistant.
    #[napi]
    pub async fn delete_assistant(&self, assistant: Argument, budget: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || {
            let budget: Option<_> = budget.parse("budget")?;
            Ok(cache.delete_assistant(&assistant.parse("assistant")?, budget.unwrap_or_default())?)
        })
        .await
    }

    /// Begins a new ritual with the state of an entry.
    #[napi]
    pub async fn fork(&self, request: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || Ok(cache.fork(&request.parse("request")?)?)).await
    }

    /// Copies a ritual wholly.
    #[napi]
    pub async fn copy(&self, request: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || Ok(cache.copy(&request.parse("request")?)?)).await
    }

    /// Sets what is kept of each ritual of an assistant.
    #[napi]
    pub async fn set_retention(&self, assistant: Argument, policy: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || {
            Ok(cache.set_retention(&assistant.parse("assistant")?, policy.parse("policy")?)?)
        })
        .await
    }

    /// What is kept of an assistant's rituals.
    #[napi]
    pub async fn retention(&self, assistant: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || Ok(cache.retention(&assistant.parse("assistant")?)?)).await
    }

    /// Verifies everything that is stored.
    #[napi]
    pub async fn scrub(&self, request: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || Ok(cache.scrub(&request.parse("request")?)?)).await
    }

    /// Adds up what rituals take.
    #[napi]
    pub async fn totals(&self, request: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || Ok(cache.totals(&request.parse("request")?)?)).await
    }

    /// How the states of a ritual grow.
    #[napi]
    pub async fn curve(&self, assistant: Argument, ritual: Argument, max_points: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || {
            let (assistant, ritual) = (assistant.parse("assistant")?, ritual.parse("ritual")?);
            Ok(cache.curve(&assistant, &ritual, max_points.parse("max_points")?)?)
        })
        .await
    }

    /// The stall that a ritual ends in.
    #[napi]
    pub async fn stalled(&self, assistant: Argument, ritual: Argument, policy: Argument) -> Outcome {
        let cache = self.cache.clone();
        run(self.lane, move || {
            let (assistant, ritual) = (assistant.parse("assistant")?, ritual.parse("ritual")?);
            Ok(cache.stalled(&assistant, &ritual, &stall_policy(policy)?)?)
        })
        .await
    }

    /// The read model of `/ritual/compression`.
    #[napi]
    pub fn compression_view(&self) -> NativeCompressionView {
        NativeCompressionView::new(RitualCompressionView::new(self.cache.clone()), self.lane)
    }
}
