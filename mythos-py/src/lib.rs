//! MythOS for Python: the extension module `mythos._mythos`.
//!
//! No rule lives here. Core types cross as native values ([`convert`]), every core call is made without the interpreter
//! lock ([`call`]), its errors are raised as the package's exceptions ([`errors`]), and a store, a key provider, an upcast
//! and a signer may be Python objects ([`store`], [`keys`], [`formats`], [`tlog`]). The importable package, its exceptions and its types
//! are in `python/mythos/`.
//!
//! # To bind a service
//! A service is a frozen class around the core's, in a file of its name; [`rituals`] is the model.
//!
//! - Ids, options and timestamps come in as `&Bound<PyAny>` and through [`convert::argument`], or together as the core's
//!   request through [`convert::request`]; both name the field in their error. Bytes come through [`convert::bytes`],
//!   counts and positions as integers of Rust's; optional arguments by keyword.
//! - A method that answers a record, a list or an option is [`call::answer`] around the core's method; one that answers
//!   another class is [`call::call`]. Nothing else touches the interpreter lock.
//! - The class is exported below, declared in `_mythos.pyi`, and named in `__init__.py`. What it answers is a `TypedDict`
//!   in its service's file under `python/mythos/records`, with the fields of the core's record and `datetime` for its
//!   timestamps.
//! - `stubtest` compares signatures, `tests/typing_sample.py` shows the class as a type checker sees it.

#![allow(
    rustdoc::private_intra_doc_links,
    reason = "an extension module has no public Rust items; its readers are its authors"
)]

mod anchor_tree;
mod anchors;
mod call;
mod codex_tree;
mod codices;
mod convert;
mod deployments;
mod errors;
mod folder;
mod formats;
mod healer;
mod healing;
mod heartbeats;
mod host;
mod interpreter;
mod keys;
mod mythos;
mod regression;
mod regressions;
mod rituals;
mod scores;
mod selftest;
mod sqlite;
mod steps;
mod store;
mod supervisor;
mod testing;
mod tlog;
mod views;

/// The native half of the package `mythos`.
#[pyo3::pymodule]
mod _mythos {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::anchor_tree::AnchorTree;
    #[pymodule_export]
    use super::anchors::AnchorLog;
    #[pymodule_export]
    use super::codex_tree::CodexTree;
    #[pymodule_export]
    use super::codices::CodexProofOfSymbolEngine;
    #[pymodule_export]
    use super::deployments::AssistantDeploymentAutoRestarter;
    #[pymodule_export]
    use super::formats::PayloadFormats;
    #[pymodule_export]
    use super::healer::Healer;
    #[pymodule_export]
    use super::healing::SelfHealingProtocolEngine;
    #[pymodule_export]
    use super::heartbeats::HeartbeatMonitor;
    #[pymodule_export]
    use super::keys::KeyRing;
    #[pymodule_export]
    use super::mythos::Mythos;
    #[pymodule_export]
    use super::regression::{
        assess, assess_many, compare_documents, compare_many, measures, score_lines, similarity, write_report,
    };
    #[pymodule_export]
    use super::regressions::CodexRegressionGuard;
    #[pymodule_export]
    use super::rituals::RitualCompressionCache;
    #[pymodule_export]
    use super::scores::{novelty_score, stall};
    #[pymodule_export]
    use super::selftest::{exercise, panic, round_trip};
    #[pymodule_export]
    use super::sqlite::SqliteStore;
    #[pymodule_export]
    use super::steps::StepJournal;
    #[pymodule_export]
    use super::store::{BuiltInStore, MemoryStore, copy_store, schemas};
    #[pymodule_export]
    use super::supervisor::Supervisor;
    #[pymodule_export]
    use super::testing::{conformance_cases, run_conformance_case};
    #[pymodule_export]
    use super::tlog::{
        CosignatureSigner, Ed25519Signer, evaluate_policy, leaf_hash, policy_of_log, read_checkpoint,
        verify_chain, verify_consistency, verify_equivocation, verify_evidence, verify_inclusion,
        verify_log_proof,
    };
    #[pymodule_export]
    use super::views::{
        AssistantRestartView, CodexProofView, CodexRegressionView, RitualCompressionView,
        SystemHealthRecoveryView, add_totals, compression_ratio,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        // `mythos` says what is public; a list here would be one more to keep.
        module.delattr("__all__")?;
        super::interpreter::wait_at_exit(module)
    }
}
