//! Checkpoints of what an assistant needs to resume.

use mythos_core::ritual::RitualCompressionCache;
use napi_derive::napi;
use serde_bytes::ByteBuf;

use crate::calls::{Lane, run};
use crate::convert::Argument;
use crate::errors::Outcome;
use crate::page::PageRequest;

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
        run(self.lane, move || Ok(cache.latest(&assistant.parse("assistant")?, &ritual.parse("ritual")?)?))
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
}
