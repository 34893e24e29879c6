//! The entrance: opens a store and hands out the services.

#[cfg(feature = "sqlite")]
use std::path::Path;
use std::sync::Arc;

use crate::anchor::{AnchorHead, AnchorLog, Shared as AnchorShared};
use crate::codex::shared::Shared as CodexShared;
use crate::codex::{CodexHead, CodexOptions, CodexProofOfSymbolEngine, SymbolProof};
use crate::error::Result;
use crate::healing::{
    HealingEvent, HealingNumbering, HealingScope, HealingTarget, SelfHealingProtocolEngine,
};
use crate::journal::{StepJournal, StepJournalHead, StepRecord};
use crate::regression::{CodexClauseAudit, CodexRegressionGuard};
use crate::restart::{
    AssistantDeploymentAutoRestarter, Deployment, DeploymentRestart, SupervisionGroup, SupervisorRecord,
};
use crate::ritual::shared::Shared;
use crate::ritual::{
    RitualBudget, RitualCompressionCache, RitualDictionaries, RitualHead, RitualOptions, RitualRetention,
};
use crate::store::access::Access;
use crate::store::operation::Operation;
use crate::store::{Budget, Maintained, MemoryStore, Model, Store, Table};
#[cfg(feature = "sqlite")]
use crate::store::{SqliteOptions, SqliteStore};
use crate::types::{Runtime, TenantId};

/// Every table of this crate: what a store is opened with, and what a copy of a store carries over.
pub const TABLES: &[Table] = &[
    RitualHead::TABLE,
    RitualDictionaries::TABLE,
    RitualRetention::TABLE,
    StepJournalHead::TABLE,
    StepRecord::TABLE,
    SymbolProof::TABLE,
    CodexHead::TABLE,
    CodexClauseAudit::TABLE,
    Deployment::TABLE,
    DeploymentRestart::TABLE,
    SupervisorRecord::TABLE,
    SupervisionGroup::TABLE,
    HealingScope::TABLE,
    HealingNumbering::TABLE,
    HealingTarget::TABLE,
    HealingEvent::TABLE,
    AnchorHead::TABLE,
    Operation::TABLE,
];

/// A store and the services on it.
///
/// Cheap to clone; every method may be called from any thread.
///
/// ```
/// use mythos_core::{Mythos, ritual::SaveRitual};
///
/// let directory = tempfile::tempdir().unwrap();
/// let mythos = Mythos::open(directory.path().join("mythos.db"))?;
/// mythos.rituals().save(&SaveRitual::new("ana".parse()?, "refund".parse()?), b"state")?;
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mythos {
    access: Access,
    rituals: Arc<Shared>,
    codices: Arc<CodexShared>,
    anchors: Arc<AnchorShared>,
    #[cfg(feature = "sqlite")]
    sqlite: Option<Arc<SqliteStore>>,
}

impl Mythos {
    /// Opens or creates a SQLite store at `path`, with the operating system's clock and random bytes.
    ///
    /// # Errors
    /// Those of [`SqliteStore::open`].
    #[cfg(feature = "sqlite")]
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &SqliteOptions::default())
    }

    /// As [`open`](Self::open), with options: durability, read-only, waiting.
    ///
    /// # Errors
    /// Those of [`SqliteStore::open`].
    #[cfg(feature = "sqlite")]
    pub fn open_with(path: impl AsRef<Path>, options: &SqliteOptions) -> Result<Self> {
        let store = Arc::new(SqliteStore::open(path.as_ref(), TABLES, options)?);
        let mythos = Self::with_store(store.clone(), Runtime::system());
        Ok(Self { sqlite: Some(store), ..mythos })
    }

    /// A store in memory, gone with the last clone.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with_store(Arc::new(MemoryStore::new()), Runtime::system())
    }

    /// Any store, with any clock and random bytes.
    #[must_use]
    pub fn with_store(store: Arc<dyn Store>, runtime: Runtime) -> Self {
        let access = Access::new(store, runtime, TenantId::default());
        Self {
            access,
            rituals: Arc::new(Shared::new(RitualOptions::default())),
            codices: Arc::new(CodexShared::new(CodexOptions::default())),
            anchors: Arc::default(),
            #[cfg(feature = "sqlite")]
            sqlite: None,
        }
    }

    /// The same store for another tenant; what one tenant stores no other sees.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> Self {
        Self { access: self.access.for_tenant(tenant), ..self.clone() }
    }

    /// The same store with other options for its rituals: keys, payload formats, memory. Clones made before keep theirs.
    #[must_use]
    pub fn with_rituals(self, options: RitualOptions) -> Self {
        Self { rituals: Arc::new(Shared::new(options)), ..self }
    }

    /// The same store with other options for its codices: memory, the origin of checkpoints. Clones made before keep theirs.
    #[must_use]
    pub fn with_codices(self, options: CodexOptions) -> Self {
        Self { codices: Arc::new(CodexShared::new(options)), ..self }
    }

    /// The checkpoints of assistants' state.
    #[must_use]
    pub fn rituals(&self) -> RitualCompressionCache {
        RitualCompressionCache::new(self.access.clone(), Arc::clone(&self.rituals))
    }

    /// The journal of what assistants do to the outside world.
    #[must_use]
    pub fn steps(&self) -> StepJournal {
        StepJournal::new(self.access.clone(), self.rituals())
    }

    /// The rule books and their logs.
    #[must_use]
    pub fn codices(&self) -> CodexProofOfSymbolEngine {
        CodexProofOfSymbolEngine::new(self.access.clone(), Arc::clone(&self.codices))
    }

    /// What compares versions of rules and prompts, and keeps what it found.
    #[must_use]
    pub fn regressions(&self) -> CodexRegressionGuard {
        CodexRegressionGuard::new(self.access.clone(), self.codices())
    }

    /// The deployments of assistants, and their restarts.
    #[must_use]
    pub fn deployments(&self) -> AssistantDeploymentAutoRestarter {
        AssistantDeploymentAutoRestarter::new(self.access.clone(), self.rituals(), self.codices())
    }

    /// What finds ill assistants by rules, plans repairs within budgets, and measures what they did.
    #[must_use]
    pub fn healing(&self) -> SelfHealingProtocolEngine {
        SelfHealingProtocolEngine::new(self.access.clone(), self.codices())
    }

    /// The log over everything that this tenant stores: what finds that something is gone, or older than it was.
    #[must_use]
    pub fn anchors(&self) -> AnchorLog {
        let (access, shared) = (self.access.clone(), Arc::clone(&self.anchors));
        AnchorLog::new(access, self.rituals(), self.codices(), shared)
    }

    /// The SQLite store that [`open`](Self::open) opened, for backups and statistics; `None` on a store of the host's.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub const fn sqlite(&self) -> Option<&Arc<SqliteStore>> {
        self.sqlite.as_ref()
    }

    /// Closes the file that [`open`](Self::open) opened, for all clones: every later call is `Unavailable`. A store that
    /// the host brought is the host's to close.
    ///
    /// # Errors
    /// Those of [`SqliteStore::close`].
    pub fn close(&self) -> Result<()> {
        #[cfg(feature = "sqlite")]
        if let Some(store) = &self.sqlite {
            store.close()?;
        }
        Ok(())
    }

    /// Prunes what the [retention](RitualCompressionCache::set_retention) of this tenant's assistants does not keep, and
    /// lets the store do housekeeping, each within `budget`. Repeat it until [`done`](Maintained::done).
    ///
    /// # Errors
    /// Those of the store.
    pub fn maintain(&self, budget: Budget) -> Result<Maintained> {
        let pruning = RitualBudget { max_bytes: budget.max_bytes.max(1), max_milliseconds: None };
        let is_pruned = self.rituals().retain_all(pruning)?;
        let maintained = self.access.store().maintain(budget)?;
        Ok(Maintained { done: maintained.done && is_pruned, ..maintained })
    }
}
