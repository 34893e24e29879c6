//! The rule books and their logs.

use mythos_core::codex::CodexProofOfSymbolEngine;
use napi_derive::napi;

use crate::calls::{Lane, run};
use crate::convert::Argument;
use crate::errors::Outcome;
use crate::page::{PageRequest, TrailRequest};

/// `CodexProofOfSymbolEngine` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeCodices {
    engine: CodexProofOfSymbolEngine,
    lane: Lane,
}

impl NativeCodices {
    pub(crate) const fn new(engine: CodexProofOfSymbolEngine, lane: Lane) -> Self {
        Self { engine, lane }
    }
}

#[napi]
impl NativeCodices {
    /// Begins a codex.
    #[napi]
    pub async fn create(&self, request: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.create(&request.parse("request")?)?)).await
    }

    /// Appends a mutation.
    #[napi]
    pub async fn mutate(&self, request: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.mutate(&request.parse("request")?)?)).await
    }

    /// The head of a codex.
    #[napi]
    pub async fn codex(&self, codex: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.codex(&codex.parse("codex")?)?)).await
    }

    /// Lists codices.
    #[napi]
    pub async fn codices(&self, page: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(engine.codices(after, limit)?)
        })
        .await
    }

    /// The clauses of a codex.
    #[napi]
    pub async fn clauses(&self, codex: Argument, head: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.clauses(&codex.parse("codex")?, head.parse("head")?)?)).await
    }

    /// A part of a codex's trail.
    #[napi]
    pub async fn trail(&self, codex: Argument, page: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let TrailRequest { from, limit } = page.parse("page")?;
            Ok(engine.trail(&codex.parse("codex")?, from, limit)?)
        })
        .await
    }

    /// Lists proofs.
    #[napi]
    pub async fn list(&self, filter: Argument, page: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(engine.list(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// Verifies a codex whole.
    #[napi]
    pub async fn verify(&self, codex: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.verify(&codex.parse("codex")?)?)).await
    }
}
