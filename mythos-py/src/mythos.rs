//! `Mythos`: the entrance.

use std::path::PathBuf;
use std::sync::Arc;

use mythos_core::codex::CodexOptions;
use mythos_core::ritual::RitualOptions;
use mythos_core::store::Budget;
use mythos_core::types::{Runtime, TenantId};
use pyo3::prelude::*;

use crate::anchors::AnchorLog;
use crate::call::{answer, call};
use crate::codices::CodexProofOfSymbolEngine;
use crate::deployments::AssistantDeploymentAutoRestarter;
use crate::formats::PayloadFormats;
use crate::healing::SelfHealingProtocolEngine;
use crate::regressions::CodexRegressionGuard;
use crate::rituals::RitualCompressionCache;
use crate::sqlite::{self, SqliteStore};
use crate::steps::StepJournal;
use crate::{convert, keys, store};

/// A store and the services on it. Every method may be called from any thread.
///
/// In a `with` statement it is closed at the end.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct Mythos(mythos_core::Mythos);

#[pymethods]
impl Mythos {
    /// Opens or creates a SQLite store at `path`; the options are those of `SqliteStore`, and the `origin` of
    /// `with_codices`.
    #[staticmethod]
    #[pyo3(signature = (path, *, synchronous = "full", read_only = false, busy_timeout_ms = 30_000, origin = None))]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        synchronous: &str,
        read_only: bool,
        busy_timeout_ms: u64,
        origin: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let options = sqlite::options(py, synchronous, read_only, busy_timeout_ms)?;
        let codices = codex_options(origin, None, None)?;
        call(py, || mythos_core::Mythos::open_with(path, &options))
            .map(|opened| Self(opened.with_codices(codices)))
    }

    /// A store in memory, gone with the last reference to it.
    #[staticmethod]
    fn in_memory() -> Self {
        Self(mythos_core::Mythos::in_memory())
    }

    /// Any store: a built-in one, or an object with the four methods of `Store`.
    #[staticmethod]
    fn with_store(store: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(mythos_core::Mythos::with_store(store::from_python(store)?, Runtime::system())))
    }

    /// The same store for another tenant; what one tenant stores no other sees.
    fn tenant(&self, tenant: &Bound<'_, PyAny>) -> PyResult<Self> {
        let tenant: TenantId = convert::argument("tenant", tenant)?;
        Ok(Self(self.0.tenant(tenant)))
    }

    /// The same store with other options for its rituals: where keys come from, the payload formats that the host reads,
    /// and how many bytes are kept in memory.
    ///
    /// `keys` is a `KeyRing` or an object with the two methods of `KeyProvider`; without it nothing is sealed.
    /// `hot_bytes` bounds the newest states and what saves go on from (compressed beginnings, heads and cards), by
    /// default to 32 MiB; states of more than an eighth of it are not kept. What is not given has its default, also if
    /// this was made with other options before.
    #[pyo3(signature = (*, keys = None, formats = None, hot_bytes = None))]
    fn with_rituals(
        &self,
        keys: Option<&Bound<'_, PyAny>>,
        formats: Option<PyRef<'_, PayloadFormats>>,
        hot_bytes: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let options = RitualOptions {
            keys: keys.map(keys::from_python).transpose()?,
            formats: formats.map(|formats| formats.declared()).unwrap_or_default(),
            hot_bytes: convert::optional("hot_bytes", hot_bytes)?.unwrap_or(RitualOptions::DEFAULT_HOT_BYTES),
        };
        Ok(Self(self.0.clone().with_rituals(options)))
    }

    /// The same store with other options for its codices: what the origins of their checkpoints begin with, and how many
    /// bytes are kept in memory.
    ///
    /// `origin` is a URL without its scheme, under the control of who runs the store, such as `example.com/rules`.
    /// `tail_bytes` bounds the ends of logs, which the next event is derived from, and `tile_bytes` the tiles that proofs
    /// are read from, both by default to 16 MiB. What is not given has its default, also if this was made with other
    /// options before.
    #[pyo3(signature = (*, origin = None, tail_bytes = None, tile_bytes = None))]
    fn with_codices(
        &self,
        origin: Option<&Bound<'_, PyAny>>,
        tail_bytes: Option<&Bound<'_, PyAny>>,
        tile_bytes: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self(self.0.clone().with_codices(codex_options(origin, tail_bytes, tile_bytes)?)))
    }

    /// The checkpoints of assistants' state.
    fn rituals(&self) -> RitualCompressionCache {
        RitualCompressionCache(self.0.rituals())
    }

    /// The journal of what assistants do to the outside world.
    fn steps(&self) -> StepJournal {
        StepJournal(self.0.steps())
    }

    /// The rule books and their logs.
    fn codices(&self) -> CodexProofOfSymbolEngine {
        CodexProofOfSymbolEngine(self.0.codices())
    }

    /// The deployments of assistants, and their restarts.
    fn deployments(&self) -> AssistantDeploymentAutoRestarter {
        AssistantDeploymentAutoRestarter(self.0.deployments())
    }

    /// What finds ill assistants by rules, plans repairs within budgets, and measures what they did.
    fn healing(&self) -> SelfHealingProtocolEngine {
        SelfHealingProtocolEngine(self.0.healing())
    }

    /// What compares edits of rules and prompts, keeps what it found, asks people, and learns how often they agree.
    fn regressions(&self) -> CodexRegressionGuard {
        CodexRegressionGuard(self.0.regressions())
    }

    /// The log over everything that this tenant stores: what finds that something is gone, or older than it was.
    ///
    /// With `mac_key`, 32 bytes, its head is written and read with a code that only who knows the key can make, for stores
    /// that others can write. A log is begun with it, and used by all with the same.
    #[pyo3(signature = (*, mac_key = None))]
    fn anchors(&self, mac_key: Option<&Bound<'_, PyAny>>) -> PyResult<AnchorLog> {
        let anchors = self.0.anchors();
        Ok(AnchorLog(match mac_key {
            Some(key) => anchors.with_mac_key(&keys::secret("mac_key", key)?),
            None => anchors,
        }))
    }

    /// The store that `open` opened, for backups and statistics; `None` on a store of the host's.
    fn sqlite<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, SqliteStore>>> {
        self.0.sqlite().map(|store| Bound::new(py, SqliteStore::new(Arc::clone(store)))).transpose()
    }

    /// Lets the store do housekeeping, in which at most about `max_bytes` are moved or given back.
    #[pyo3(signature = (*, max_bytes = None))]
    fn maintain<'py>(&self, py: Python<'py>, max_bytes: Option<u64>) -> PyResult<Bound<'py, PyAny>> {
        let budget = max_bytes.map_or_else(Budget::default, |max_bytes| Budget { max_bytes });
        answer(py, || self.0.maintain(budget))
    }

    /// Closes the file that `open` opened, for all tenants and services: every later call is `Unavailable`. A store that
    /// the host brought is the host's to close.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.0.close())
    }

    fn __enter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _type: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.close(py)
    }
}

/// The options for codices; to what is not given the core gives its defaults.
fn codex_options(
    origin: Option<&Bound<'_, PyAny>>,
    tail_bytes: Option<&Bound<'_, PyAny>>,
    tile_bytes: Option<&Bound<'_, PyAny>>,
) -> PyResult<CodexOptions> {
    let default = CodexOptions::default();
    Ok(CodexOptions {
        origin: convert::optional("origin", origin)?.unwrap_or(default.origin),
        tail_bytes: convert::optional("tail_bytes", tail_bytes)?.unwrap_or(default.tail_bytes),
        tile_bytes: convert::optional("tile_bytes", tile_bytes)?.unwrap_or(default.tile_bytes),
    })
}
