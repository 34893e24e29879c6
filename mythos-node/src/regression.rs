//! The regression guard: two versions of a rule or a document compared.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use mythos_core::Result;
use mythos_core::regression::{
    self, Assessment, Bulk, ComparedDocument, DocumentComparison, DocumentEdit, Embedder, EmbedderId,
    GuardPolicy, GuardReport, HashedNgrams, ReportFormat, Similarity,
};
use mythos_core::store::StoreError;
use napi::bindgen_prelude::Function;
use napi_derive::napi;
use serde::{Deserialize, Serialize};

use crate::callback::{Arguments, Callback};
use crate::calls::{Lane, run};
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::host::{Host, defect};
use crate::value::{Value, from_value};

/// The thresholds that a caller gives; null is all defaults.
pub(crate) fn guard_policy(policy: Argument) -> std::result::Result<GuardPolicy, Failure> {
    let policy: Option<GuardPolicy> = policy.parse("policy")?;
    Ok(policy.unwrap_or_default())
}

/// How many at once, and the number of the first.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
struct Options {
    threads: Option<NonZeroUsize>,
    first: u64,
}

impl From<Options> for Bulk {
    fn from(Options { threads, first }: Options) -> Self {
        Self { threads, first }
    }
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect()
}

// Parameters keep their names in the generated typings, where `new` cannot be one.

/// Compares two versions of a rule or a prompt.
#[napi]
pub async fn assess(older: Argument, newer: Argument, policy: Argument) -> Outcome {
    run(Lane::Native, move || {
        let (old, new): (String, String) = (older.parse("old")?, newer.parse("new")?);
        Ok(Assessment::of(&old, &new, &guard_policy(policy)?)?)
    })
    .await
}

/// Compares many pairs.
#[napi]
pub async fn assess_many(pairs: Argument, policy: Argument, options: Argument) -> Outcome {
    run(Lane::Native, move || {
        let pairs: Vec<(String, String)> = pairs.parse("pairs")?;
        let options: Options = options.parse("options")?;
        Ok(regression::assess_many(&borrowed(&pairs), &guard_policy(policy)?, options.into())?)
    })
    .await
}

/// What the models weigh of an edit.
#[napi]
pub async fn measures(older: Argument, newer: Argument) -> Outcome {
    #[derive(Serialize)]
    struct Measures<T> {
        accuracy: T,
        tone: T,
    }
    run(Lane::Native, move || {
        let (old, new): (String, String) = (older.parse("old")?, newer.parse("new")?);
        let (accuracy, tone) = regression::edit_measures(&old, &new)?;
        Ok(Measures { accuracy, tone })
    })
    .await
}

/// Compares two versions of a document.
#[napi]
pub async fn compare_documents(older: Argument, newer: Argument, policy: Argument) -> Outcome {
    run(Lane::Native, move || {
        let (old, new): (String, String) = (older.parse("old")?, newer.parse("new")?);
        Ok(DocumentComparison::of(&old, &new, &guard_policy(policy)?)?)
    })
    .await
}

/// Compares the versions of many documents.
#[napi]
pub async fn compare_many(documents: Argument, policy: Argument, options: Argument) -> Outcome {
    run(Lane::Native, move || {
        let documents: Vec<DocumentEdit> = documents.parse("documents")?;
        let options: Options = options.parse("options")?;
        Ok(regression::compare_many(&documents, &guard_policy(policy)?, options.into())?)
    })
    .await
}

/// Writes a report on compared documents.
#[napi]
pub async fn write_report(documents: Argument, format: Argument, policy: Argument) -> Outcome {
    run(Lane::Native, move || {
        let documents: Vec<ComparedDocument> = documents.parse("documents")?;
        let format: ReportFormat = format.parse("format")?;
        Ok(GuardReport::new(documents, guard_policy(policy)?)?.write(format)?)
    })
    .await
}

/// Scores lines of a file of pairs.
#[napi]
pub async fn score_lines(lines: Argument, policy: Argument, options: Argument) -> Outcome {
    run(Lane::Native, move || {
        let lines: Vec<String> = lines.parse("lines")?;
        let options: Options = options.parse("options")?;
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        Ok(regression::score_lines(&lines, &guard_policy(policy)?, options.into())?)
    })
    .await
}

/// Any embedder, as a handle.
#[napi]
#[derive(Clone)]
pub struct NativeEmbedder {
    embedder: Arc<dyn Embedder>,
    lane: Lane,
}

impl fmt::Debug for NativeEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeEmbedder").field("lane", &self.lane).finish_non_exhaustive()
    }
}

impl NativeEmbedder {
    /// The embedder, and whether it may wait for JavaScript.
    pub(crate) fn parts(&self) -> (Arc<dyn Embedder>, Lane) {
        (Arc::clone(&self.embedder), self.lane)
    }
}

#[napi]
impl NativeEmbedder {
    /// The built-in one.
    #[napi(factory)]
    pub fn hashed_ngrams() -> Self {
        Self { embedder: Arc::new(HashedNgrams), lane: Lane::Native }
    }

    /// An embedder in JavaScript. `call(id, method, texts)` must not throw; each call is answered by `settleCall`.
    #[napi(
        ts_args_type = "identity: Argument, timeoutMs: number, call: (id: number, method: string, texts: unknown) => void",
        ts_return_type = "Outcome<NativeEmbedder>"
    )]
    pub fn host(
        identity: Argument,
        timeout_ms: f64,
        call: Function<'_, Arguments, ()>,
    ) -> napi::Result<Outcome<Self>> {
        let identity = match identity.parse("embedder.identity") {
            Ok(identity) => identity,
            Err(failure) => return Ok(Outcome(Err(failure))),
        };
        let timeout = Duration::from_millis(timeout_ms as u64);
        let host = Host::new("the embedder", timeout, Callback::new(&call)?);
        Ok(Outcome(Ok(Self { embedder: Arc::new(HostEmbedder { identity, host }), lane: Lane::Hosted })))
    }

    /// How alike it finds the texts of each pair.
    #[napi]
    pub async fn similarity(&self, pairs: Argument) -> Outcome {
        let embedder = Arc::clone(&self.embedder);
        run(self.lane, move || {
            let pairs: Vec<(String, String)> = pairs.parse("pairs")?;
            Ok(Similarity::of_pairs(&borrowed(&pairs), &*embedder)?)
        })
        .await
    }
}

/// An embedder in JavaScript.
#[derive(Debug)]
struct HostEmbedder {
    identity: EmbedderId,
    host: Host,
}

impl Embedder for HostEmbedder {
    fn identity(&self) -> EmbedderId {
        self.identity.clone()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        let texts = Value::List(texts.iter().map(|text| Value::Text((*text).to_owned())).collect());
        let answer = self.host.call("embed", texts).map_err(StoreError::from)?;
        let vectors = from_value(answer)
            .map_err(|error| defect(format!("{} returned a wrong type: {error}", self.host.name("embed"))))?;
        Ok(vectors)
    }
}
