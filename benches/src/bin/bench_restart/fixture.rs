//! Supervisors over a database of their own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mythos_core::restart::{
    Backoff, DeployAssistant, DeploymentSpec, Jitter, RestartPolicy, RestartPolicyOptions, RestartWindow,
    Supervisor,
};
use mythos_core::ritual::SaveRitual;
use mythos_core::store::{SqliteOptions, SqliteStore, Synchronous};
use mythos_core::testing::SimulatedClock;
use mythos_core::types::{AssistantId, RitualId, Runtime, SystemEntropy};
use mythos_core::{Mythos, TABLES};
use tempfile::TempDir;

/// A database in a directory that goes with it, a supervisor over it, and what it has done.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) mythos: Mythos,
    pub(crate) supervisor: Supervisor,
}

impl Fixture {
    /// An empty database under the default options.
    pub(crate) fn new(runtime: Runtime) -> Self {
        Self::open(tempfile::tempdir().unwrap(), runtime, &SqliteOptions::default())
    }

    /// A database that assistants without delays are deployed in, each with a checkpoint, and a clock that stands still.
    /// What comes before is not flushed.
    pub(crate) fn deployed(assistants: &[AssistantId], policy: &RestartPolicy) -> (Self, SimulatedClock) {
        let clock = SimulatedClock::new(Runtime::system().now());
        let runtime = Runtime::new(Arc::new(clock.clone()), Arc::new(SystemEntropy));
        let mut options = SqliteOptions::default();
        options.synchronous = Synchronous::Off;
        let before = Self::open(tempfile::tempdir().unwrap(), runtime.clone(), &options);
        for assistant in assistants {
            before.deploy(assistant, policy, format!("the state of {assistant}").as_bytes());
        }
        before.mythos.close().unwrap();
        (Self::open(before.directory, runtime, &SqliteOptions::default()), clock)
    }

    fn open(directory: TempDir, runtime: Runtime, options: &SqliteOptions) -> Self {
        let path: &Path = directory.path();
        let store = Arc::new(SqliteStore::open(&path.join("mythos.db"), TABLES, options).unwrap());
        let mythos = Mythos::with_store(store.clone(), runtime);
        let supervisor = mythos.deployments().supervise(&"bench".parse().unwrap()).unwrap();
        Self { directory, store, mythos, supervisor }
    }

    /// Saves a state, and deploys the assistant that is in it.
    pub(crate) fn deploy(&self, assistant: &AssistantId, policy: &RestartPolicy, state: &[u8]) {
        self.mythos.rituals().save(&SaveRitual::new(assistant.clone(), ritual()), state).unwrap();
        let spec = DeploymentSpec::new(ritual()).policy(policy.clone());
        self.supervisor.deploy(&DeployAssistant::new(assistant.clone(), spec)).unwrap();
    }
}

pub(crate) fn ritual() -> RitualId {
    "refund".parse().unwrap()
}

/// So many assistants.
pub(crate) fn assistants(count: usize) -> Vec<AssistantId> {
    (0..count).map(|number| format!("assistant-{number}").parse().unwrap()).collect()
}

/// Restarts as often as is asked for: at once, or after the shortest backoff. The window is short, so that records stay as
/// small as those of an assistant that fails now and then.
pub(crate) fn policy(backoff: Option<Duration>) -> RestartPolicy {
    let delay_ms = backoff.map_or(0, |delay| u64::try_from(delay.as_millis()).unwrap());
    RestartPolicy::new(RestartPolicyOptions {
        window: RestartWindow::sliding(RestartWindow::MAX_RESTARTS, 1),
        backoff: Backoff::Constant { delay_ms },
        jitter: Jitter::None,
        free_restarts: if backoff.is_some() { 0 } else { u32::MAX },
        launches_per_entry: u32::MAX,
        ..RestartPolicyOptions::default()
    })
    .unwrap()
}
