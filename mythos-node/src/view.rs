//! The read models.

use mythos_core::ritual::RitualTotals;
use mythos_core::store::Cursor;
use mythos_core::types::{CodexId, OperationId, SupervisorId};
use mythos_core::view::{
    AssistantRestartView, CodexProofView, CodexRegressionView, RitualCompressionView, RitualVerb,
    SystemHealthRecoveryView,
};
use napi_derive::napi;
use serde::Deserialize;

use crate::calls::{Lane, run};
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::page::{PageRequest, TrailRequest};
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

/// `CodexProofView` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeProofView {
    view: CodexProofView,
    lane: Lane,
}

impl NativeProofView {
    pub(crate) const fn new(view: CodexProofView, lane: Lane) -> Self {
        Self { view, lane }
    }
}

#[napi]
impl NativeProofView {
    /// Lists proofs with their actors and reasons.
    #[napi]
    pub async fn log(&self, filter: Argument, page: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(view.log(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// Lists codices.
    #[napi]
    pub async fn codices(&self, page: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(view.codices(after, limit)?)
        })
        .await
    }

    /// A part of the graph of a codex's events.
    #[napi]
    pub async fn lineage(&self, codex: Argument, page: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let TrailRequest { from, limit } = page.parse("page")?;
            Ok(view.lineage(&codex.parse("codex")?, from, limit)?)
        })
        .await
    }

    /// Verifies one event with everything that speaks for it.
    #[napi]
    pub async fn event(&self, codex: Argument, sequence: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || Ok(view.event(&codex.parse("codex")?, sequence.parse("sequence")?)?)).await
    }

    /// Verifies a codex whole.
    #[napi]
    pub async fn verify(&self, codex: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || Ok(view.verify(&codex.parse("codex")?)?)).await
    }

    /// Verifies the next codices.
    #[napi]
    pub async fn verify_all(&self, page: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(view.verify_all(after, limit)?)
        })
        .await
    }
}

/// `SystemHealthRecoveryView` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeRecoveryView {
    view: SystemHealthRecoveryView,
    lane: Lane,
}

impl NativeRecoveryView {
    pub(crate) const fn new(view: SystemHealthRecoveryView, lane: Lane) -> Self {
        Self { view, lane }
    }
}

#[napi]
impl NativeRecoveryView {
    /// One scope at a glance.
    #[napi]
    pub async fn overview(&self, scope: Argument, limit: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let limit = limit.parse("limit")?;
            Ok(view.overview(&scope.parse("scope")?, limit)?)
        })
        .await
    }

    /// Lists incidents.
    #[napi]
    pub async fn events(&self, filter: Argument, page: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(view.events(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }
}

/// `CodexRegressionView` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeRegressionView {
    view: CodexRegressionView,
    lane: Lane,
}

impl NativeRegressionView {
    pub(crate) const fn new(view: CodexRegressionView, lane: Lane) -> Self {
        Self { view, lane }
    }
}

#[napi]
impl NativeRegressionView {
    /// The audits of a clause, with what each edit changed.
    #[napi]
    pub async fn history(&self, clause: Argument, codex: Argument, page: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let codex: Option<CodexId> = codex.parse("codex")?;
            let HistoryRequest { after, limit } = page.parse("page")?;
            Ok(view.history(&clause.parse("clause")?, codex.as_ref(), after, limit)?)
        })
        .await
    }

    /// One audit with everything.
    #[napi]
    pub async fn audit(&self, audit: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let audit: OperationId = audit.parse("audit")?;
            Ok(view.audit(&audit)?)
        })
        .await
    }

    /// Lists audits that wait for a person.
    #[napi]
    pub async fn queue(&self, filter: Argument, page: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(view.queue(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }
}

/// A page of a clause's history, which is shorter than others: each row has a difference.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
struct HistoryRequest {
    after: Option<Cursor>,
    limit: u32,
}

impl Default for HistoryRequest {
    fn default() -> Self {
        Self { after: None, limit: CodexRegressionView::MAX_ROWS }
    }
}

/// `AssistantRestartView` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeRestartView {
    view: AssistantRestartView,
    lane: Lane,
}

impl NativeRestartView {
    pub(crate) const fn new(view: AssistantRestartView, lane: Lane) -> Self {
        Self { view, lane }
    }
}

#[napi]
impl NativeRestartView {
    /// The deployments of an assistant.
    #[napi]
    pub async fn deployments(&self, assistant: Argument, page: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(view.deployments(&assistant.parse("assistant")?, after, limit)?)
        })
        .await
    }

    /// Lists incidents of an assistant.
    #[napi]
    pub async fn history(&self, assistant: Argument, filter: Argument, page: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let IncidentFilter { supervisor } = filter.parse("filter")?;
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(view.history(&assistant.parse("assistant")?, supervisor.as_ref(), after, limit)?)
        })
        .await
    }

    /// What was tried to bring an assistant back.
    #[napi]
    pub async fn fallbacks(&self, assistant: Argument, filter: Argument, page: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            let IncidentFilter { supervisor } = filter.parse("filter")?;
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(view.fallbacks(&assistant.parse("assistant")?, supervisor.as_ref(), after, limit)?)
        })
        .await
    }

    /// The state diagram of a deployment.
    #[napi]
    pub async fn diagram(&self, supervisor: Argument, assistant: Argument) -> Outcome {
        let view = self.view.clone();
        run(self.lane, move || {
            Ok(view.diagram(&supervisor.parse("supervisor")?, &assistant.parse("assistant")?)?)
        })
        .await
    }
}

/// Which incidents of an assistant to show.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
struct IncidentFilter {
    supervisor: Option<SupervisorId>,
}
