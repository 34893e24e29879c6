//! `mythos.regression`: two versions of a rule or a document compared.

use std::num::NonZeroUsize;

use mythos_core::regression::{
    self as core, Assessment, Bulk, ComparedDocument, DocumentComparison, DocumentEdit, Embedder, EmbedderId,
    GuardPolicy, GuardReport, HashedNgrams, ReportFormat, Similarity,
};
use mythos_core::{Error, ErrorKind, Result};
use pyo3::intern;
use pyo3::prelude::*;
use serde::Serialize;

use crate::call::{answer, call};
use crate::{convert, errors, host, interpreter};

/// Compares two versions of a rule or a prompt.
#[pyfunction]
#[pyo3(signature = (old, new, policy = None))]
pub(crate) fn assess<'py>(
    py: Python<'py>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
    policy: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let (old, new, policy) = versions(old, new, policy)?;
    answer(py, || Assessment::of(&old, &new, &policy))
}

/// Compares many pairs; `first` is the number of the first, as errors name it.
#[pyfunction]
#[pyo3(signature = (pairs, policy = None, *, threads = None, first = 0))]
pub(crate) fn assess_many<'py>(
    py: Python<'py>,
    pairs: &Bound<'py, PyAny>,
    policy: Option<&Bound<'py, PyAny>>,
    threads: Option<&Bound<'py, PyAny>>,
    first: u64,
) -> PyResult<Bound<'py, PyAny>> {
    let pairs: Vec<(String, String)> = convert::argument("pairs", pairs)?;
    let (policy, bulk) = (guard_policy(policy)?, bulk(threads, first)?);
    answer(py, || core::assess_many(&borrowed(&pairs), &policy, bulk))
}

/// What the models weigh of an edit.
#[pyfunction]
pub(crate) fn measures<'py>(
    py: Python<'py>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    #[derive(Serialize)]
    struct Measures<T> {
        accuracy: T,
        tone: T,
    }
    let (old, new, _) = versions(old, new, None)?;
    answer(py, || core::edit_measures(&old, &new).map(|(accuracy, tone)| Measures { accuracy, tone }))
}

/// Compares two versions of a document.
#[pyfunction]
#[pyo3(signature = (old, new, policy = None))]
pub(crate) fn compare_documents<'py>(
    py: Python<'py>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
    policy: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let (old, new, policy) = versions(old, new, policy)?;
    answer(py, || DocumentComparison::of(&old, &new, &policy))
}

/// Compares the versions of many documents.
#[pyfunction]
#[pyo3(signature = (documents, policy = None, *, threads = None, first = 0))]
pub(crate) fn compare_many<'py>(
    py: Python<'py>,
    documents: &Bound<'py, PyAny>,
    policy: Option<&Bound<'py, PyAny>>,
    threads: Option<&Bound<'py, PyAny>>,
    first: u64,
) -> PyResult<Bound<'py, PyAny>> {
    let documents: Vec<DocumentEdit> = convert::argument("documents", documents)?;
    let (policy, bulk) = (guard_policy(policy)?, bulk(threads, first)?);
    answer(py, || core::compare_many(&documents, &policy, bulk))
}

/// Writes a report on compared documents.
#[pyfunction]
#[pyo3(signature = (documents, format, policy = None))]
pub(crate) fn write_report(
    py: Python<'_>,
    documents: &Bound<'_, PyAny>,
    format: &Bound<'_, PyAny>,
    policy: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let documents: Vec<ComparedDocument> = convert::argument("documents", documents)?;
    let format: ReportFormat = convert::argument("format", format)?;
    let policy = guard_policy(policy)?;
    call(py, || GuardReport::new(documents, policy)?.write(format))
}

/// Scores lines of a file of pairs, of which the first has the number `first`.
#[pyfunction]
#[pyo3(signature = (lines, policy = None, *, threads = None, first = 1))]
pub(crate) fn score_lines<'py>(
    py: Python<'py>,
    lines: &Bound<'py, PyAny>,
    policy: Option<&Bound<'py, PyAny>>,
    threads: Option<&Bound<'py, PyAny>>,
    first: u64,
) -> PyResult<Bound<'py, PyAny>> {
    let lines: Vec<String> = convert::argument("lines", lines)?;
    let (policy, bulk) = (guard_policy(policy)?, bulk(threads, first)?);
    answer(py, || core::score_lines(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &policy, bulk))
}

/// How alike an embedder finds the texts of each pair.
#[pyfunction]
#[pyo3(signature = (pairs, embedder = None))]
pub(crate) fn similarity<'py>(
    py: Python<'py>,
    pairs: &Bound<'py, PyAny>,
    embedder: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let pairs: Vec<(String, String)> = convert::argument("pairs", pairs)?;
    let Some(embedder) = embedder else {
        return answer(py, || Similarity::of_pairs(&borrowed(&pairs), &HashedNgrams));
    };
    let embedder = PythonEmbedder::new(embedder)?;
    answer(py, || Similarity::of_pairs(&borrowed(&pairs), &embedder))
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect()
}

fn versions(
    old: &Bound<'_, PyAny>,
    new: &Bound<'_, PyAny>,
    policy: Option<&Bound<'_, PyAny>>,
) -> PyResult<(String, String, GuardPolicy)> {
    Ok((convert::argument("old", old)?, convert::argument("new", new)?, guard_policy(policy)?))
}

/// The thresholds that a caller gives; to those not given the core gives its defaults.
pub(crate) fn guard_policy(policy: Option<&Bound<'_, PyAny>>) -> PyResult<GuardPolicy> {
    Ok(convert::optional("policy", policy)?.unwrap_or_default())
}

fn bulk(threads: Option<&Bound<'_, PyAny>>, first: u64) -> PyResult<Bulk> {
    let threads: Option<NonZeroUsize> = convert::optional("threads", threads)?;
    Ok(Bulk { threads, first })
}

/// An embedder written in Python.
#[derive(Debug)]
pub(crate) struct PythonEmbedder {
    object: Py<PyAny>,
    /// What it says that it is; asked for once, since it is always the same.
    identity: EmbedderId,
}

impl PythonEmbedder {
    pub(crate) fn new(embedder: &Bound<'_, PyAny>) -> PyResult<Self> {
        host::require(embedder, "embedder", "embedder", &["embed"])?;
        let py = embedder.py();
        let identity = embedder.getattr_opt(intern!(py, "identity")).map_err(|error| {
            errors::from_core(py, &errors::from_host(py, "the embedder's identity", None, error).into())
        })?;
        let Some(identity) = identity else {
            let message = format!("a {} is no embedder: it has no identity", embedder.get_type());
            return Err(errors::new(py, ErrorKind::Invalid, &message, Some("embedder")));
        };
        let identity = convert::argument("embedder.identity", &identity)?;
        Ok(Self { object: embedder.clone().unbind(), identity })
    }
}

impl Embedder for PythonEmbedder {
    fn identity(&self) -> EmbedderId {
        self.identity.clone()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        const EMBED: &str = "the embedder's embed";
        let vectors = interpreter::go_out(|py| {
            // Anything that can be gone through, such as an array of another library.
            let read = || -> PyResult<Vec<Vec<f32>>> {
                let texts: Vec<&str> = texts.to_vec();
                let vectors = self.object.bind(py).call_method1(intern!(py, "embed"), (texts,))?;
                let vector = |vector: Bound<'_, PyAny>| {
                    vector.try_iter()?.map(|number| number?.extract::<f32>()).collect::<PyResult<Vec<f32>>>()
                };
                vectors.try_iter()?.map(|one| vector(one?)).collect()
            };
            read().map_err(|error| errors::from_host(py, EMBED, None, error))
        });
        vectors.unwrap_or_else(|| Err(host::ended(EMBED))).map_err(Error::from)
    }
}
