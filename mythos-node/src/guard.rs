//! What stands between an edit of a rule and production.

use mythos_core::regression::{AuditFilter, CodexRegressionGuard, GuardPolicy, RefitTarget};
use mythos_core::types::OperationId;
use mythos_core::view::CodexRegressionView;
use napi_derive::napi;

use crate::calls::{Lane, run};
use crate::convert::Argument;
use crate::errors::Outcome;
use crate::page::PageRequest;
use crate::regression::{NativeEmbedder, guard_policy};
use crate::view::NativeRegressionView;

/// `CodexRegressionGuard` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeRegressions {
    guard: CodexRegressionGuard,
    lane: Lane,
}

impl NativeRegressions {
    pub(crate) const fn new(guard: CodexRegressionGuard, lane: Lane) -> Self {
        Self { guard, lane }
    }
}

#[napi]
impl NativeRegressions {
    /// The view of this guard.
    #[napi]
    pub fn regression_view(&self) -> NativeRegressionView {
        NativeRegressionView::new(CodexRegressionView::new(self.guard.clone()), self.lane)
    }

    /// The same guard with an embedder.
    #[allow(clippy::use_self, reason = "napi moves the function out of the `impl`")]
    #[napi]
    pub fn with_embedder(&self, embedder: &NativeEmbedder) -> NativeRegressions {
        let (embedder, lane) = embedder.parts();
        // Either may call into JavaScript.
        let lane = if lane == Lane::Hosted { lane } else { self.lane };
        Self { guard: self.guard.clone().with_embedder(embedder), lane }
    }

    /// Compares two versions and stores what was found.
    #[napi]
    pub async fn audit(&self, request: Argument) -> Outcome {
        let guard = self.guard.clone();
        run(self.lane, move || Ok(guard.audit(&request.parse("request")?)?)).await
    }

    /// Compares a codex between two moments.
    #[napi]
    pub async fn audit_codex(&self, request: Argument) -> Outcome {
        let guard = self.guard.clone();
        run(self.lane, move || Ok(guard.audit_codex(&request.parse("request")?)?)).await
    }

    /// An audit with its texts and reviews.
    #[napi]
    pub async fn get(&self, audit: Argument) -> Outcome {
        let guard = self.guard.clone();
        run(self.lane, move || {
            let audit: OperationId = audit.parse("audit")?;
            Ok(guard.get(&audit)?)
        })
        .await
    }

    /// Lists audits.
    #[napi]
    pub async fn list(&self, filter: Argument, page: Argument) -> Outcome {
        let guard = self.guard.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(guard.list(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// Lists audits that wait for a person.
    #[napi]
    pub async fn queue(&self, filter: Argument, page: Argument) -> Outcome {
        let guard = self.guard.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(guard.queue(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// Stores what a person says of an audit.
    #[napi]
    pub async fn review(&self, request: Argument) -> Outcome {
        let guard = self.guard.clone();
        run(self.lane, move || Ok(guard.review(&request.parse("request")?)?)).await
    }

    /// Erases the texts of an audit.
    #[napi]
    pub async fn erase(&self, audit: Argument) -> Outcome {
        let guard = self.guard.clone();
        run(self.lane, move || {
            let audit: OperationId = audit.parse("audit")?;
            Ok(guard.erase(&audit)?)
        })
        .await
    }

    /// Mutates a codex if the audit is as required.
    #[napi]
    pub async fn mutate(&self, request: Argument) -> Outcome {
        let guard = self.guard.clone();
        run(self.lane, move || Ok(guard.mutate(&request.parse("request")?)?)).await
    }

    /// Finds the audit behind an event.
    #[napi]
    pub async fn verify_evidence(&self, codex: Argument, sequence: Argument) -> Outcome {
        let guard = self.guard.clone();
        run(
            self.lane,
            move || Ok(guard.verify_evidence(&codex.parse("codex")?, sequence.parse("sequence")?)?),
        )
        .await
    }

    /// How often people agree with the machine.
    #[napi]
    pub async fn agreement(&self, filter: Argument) -> Outcome {
        let guard = self.guard.clone();
        run(self.lane, move || Ok(guard.agreement(&filter.parse("filter")?)?)).await
    }

    /// Proposes thresholds.
    #[napi]
    pub async fn refit(&self, target: Argument, policy: Argument, filter: Argument) -> Outcome {
        let guard = self.guard.clone();
        run(self.lane, move || {
            let (target, policy): (RefitTarget, GuardPolicy) =
                (target.parse("target")?, guard_policy(policy)?);
            let filter: AuditFilter = filter.parse("filter")?;
            Ok(guard.refit(&filter, &policy, target)?)
        })
        .await
    }
}
