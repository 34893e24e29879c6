//! The built-in store in a file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mythos_core::store::{self as core, BackupProgress, SqliteOptions, Synchronous};
use mythos_core::{Error, ErrorKind, TABLES};
use pyo3::prelude::*;

use crate::call::{answer, call};
use crate::store::BuiltInStore;
use crate::{convert, errors, interpreter};

/// A store in one SQLite file, which several threads and processes may use at the same time.
///
/// After a fork, the child can neither use the store nor open the same file: each call is `Unavailable`. Close it before
/// forking, or open stores in each worker.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen, extends = BuiltInStore)]
pub(crate) struct SqliteStore(Arc<core::SqliteStore>);

impl SqliteStore {
    pub(crate) fn new(store: Arc<core::SqliteStore>) -> PyClassInitializer<Self> {
        BuiltInStore::holding(Arc::<core::SqliteStore>::clone(&store)).add_subclass(Self(store))
    }
}

/// How a file is opened.
pub(crate) fn options(
    py: Python<'_>,
    synchronous: &str,
    read_only: bool,
    busy_timeout_ms: u64,
) -> PyResult<SqliteOptions> {
    let mut options = SqliteOptions::default();
    options.synchronous = match synchronous {
        "full" => Synchronous::Full,
        "normal" => Synchronous::Normal,
        other => {
            let message = format!("synchronous is \"full\" or \"normal\", not {other:?}");
            return Err(errors::new(py, ErrorKind::Invalid, &message, Some("synchronous")));
        }
    };
    options.read_only = read_only;
    options.busy_timeout = Duration::from_millis(busy_timeout_ms);
    Ok(options)
}

#[pymethods]
impl SqliteStore {
    /// Opens or creates the file at `path`.
    ///
    /// `synchronous` is `"full"`, by which every acknowledged commit survives a power loss, or `"normal"`, by which a
    /// power loss may undo the last ones. A call waits `busy_timeout_ms` for another process's write before it is
    /// `Unavailable`.
    #[new]
    #[pyo3(signature = (path, *, synchronous = "full", read_only = false, busy_timeout_ms = 30_000))]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        synchronous: &str,
        read_only: bool,
        busy_timeout_ms: u64,
    ) -> PyResult<PyClassInitializer<Self>> {
        let options = options(py, synchronous, read_only, busy_timeout_ms)?;
        Ok(Self::new(Arc::new(call(py, || core::SqliteStore::open(&path, TABLES, &options))?)))
    }

    /// Copies the store, as it is at one moment, to a new file at `path`, while others read and write.
    ///
    /// The copy takes its name only once it was checked whole. `progress` is told how far it is; what it raises is
    /// raised when the copy is done.
    #[pyo3(signature = (path, *, progress = None))]
    fn backup(&self, py: Python<'_>, path: PathBuf, progress: Option<Py<PyAny>>) -> PyResult<()> {
        let mut raised = None;
        let mut report = |made: BackupProgress| {
            if let (Some(progress), None) = (&progress, &raised) {
                raised = interpreter::go_out(|py| {
                    convert::to_python(py, &made).and_then(|made| progress.bind(py).call1((made,))).err()
                })
                .flatten();
            }
        };
        call(py, || self.0.backup(&path, &mut report))?;
        raised.map_or(Ok(()), Err)
    }

    /// Makes a store at `path` from a backup. The backup is checked, copied, and the copy checked; nothing is
    /// overwritten.
    #[staticmethod]
    fn restore(py: Python<'_>, backup: PathBuf, path: PathBuf) -> PyResult<()> {
        call(py, || core::SqliteStore::restore(&backup, &path))
    }

    /// What the store has done since it was opened.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        answer(py, || Ok::<_, Error>(self.0.statistics()))
    }

    /// Waits for the calls under way and closes the file; every later call is `Unavailable`.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.0.close())
    }
}
