//! The read models.

use mythos_core::ritual::RitualTotals;
use mythos_core::view::{RitualCompressionView, RitualVerb};
use napi_derive::napi;

use crate::calls::{Lane, run};
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::page::PageRequest;
use crate::value::to_value;

/// What a user of the page of `RitualCompressionView` may do.
#[napi]
pub fn ritual_verbs() -> Outcome {
    Outcome(to_value(&RitualVerb::ALL).map_err(Failure::answer))
}

/// Totals and those that the next call gave, together.
#[napi]
pub fn add_totals(totals: Argument, next: Argument) -> Outcome {
    let added = || -> Result<_, Failure> {
        let mut totals: RitualTotals = totals.parse("totals")?;
        totals.add(&next.parse("next")?);
        to_value(&totals).map_err(Failure::answer)
    };
    Outcome(added())
}

/// Stored bytes for one byte of payload.
#[napi]
pub fn compression_ratio(totals: Argument) -> Outcome {
    let ratio = || -> Result<_, Failure> {
        let totals: RitualTotals = totals.parse("totals")?;
        to_value(&totals.ratio()).map_err(Failure::answer)
    };
    Outcome(ratio())
}

/// `RitualCompressionView` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeCompressionView {
    view: RitualCompressionView,
    lane: Lane,
}

impl NativeCompressionView {
    pub(crate) const fn new(view: RitualCompressionView, lane: Lane) -> Self {
        Self { view, lane }
    }
}

#[napi]
impl NativeCompressionView {
    /// What rituals take together.
    #[napi]
    pub async fn totals(&self, request: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || Ok(view.totals(&request.parse("request")?)?)).await
    }

    /// Lists rituals by their heads.
    #[napi]
    pub async fn rituals(&self, filter: Argument, page: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(view.rituals(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// Lists entries.
    #[napi]
    pub async fn entries(&self, filter: Argument, page: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(view.entries(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// How one ritual grows, and whether it stalls.
    #[napi]
    pub async fn overview(&self, assistant: Argument, ritual: Argument, max_points: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let (assistant, ritual) = (assistant.parse("assistant")?, ritual.parse("ritual")?);
            Ok(view.overview(&assistant, &ritual, max_points.parse("max_points")?)?)
        })
        .await
    }
}
