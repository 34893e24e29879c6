//! The entrance.

use mythos_core::codex::CodexOptions;
use mythos_core::ritual::RitualOptions;
use mythos_core::types::Runtime;
use mythos_core::{Mythos, TABLES};
use napi_derive::napi;
use serde::Deserialize;

use crate::anchor::NativeAnchors;
use crate::calls::{Lane, open, run};
use crate::codex::NativeCodices;
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::formats::NativeFormats;
use crate::guard::NativeRegressions;
use crate::healing::NativeHealing;
use crate::keys::NativeKeys;
use crate::restart::NativeDeployments;
use crate::ritual::NativeRituals;
use crate::steps::NativeSteps;
use crate::store::{NativeSqliteStore, NativeStore, SqliteOpening};
use crate::value::to_value;

/// `Mythos` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeMythos {
    mythos: Mythos,
    lane: Lane,
}

/// The declarations of the core's tables.
#[napi]
pub fn schemas() -> Outcome {
    let schemas: Vec<_> = TABLES.iter().map(|table| table.schema()).collect();
    Outcome(to_value(&schemas).map_err(Failure::answer))
}

/// What a codex engine is set up with; what is not given has its default.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
struct CodexSetting {
    tail_bytes: Option<u64>,
    tile_bytes: Option<u64>,
    origin: Option<String>,
}

impl From<CodexSetting> for CodexOptions {
    fn from(setting: CodexSetting) -> Self {
        let CodexSetting { tail_bytes, tile_bytes, origin } = setting;
        let default = Self::default();
        Self {
            tail_bytes: tail_bytes.unwrap_or(default.tail_bytes),
            tile_bytes: tile_bytes.unwrap_or(default.tile_bytes),
            origin: origin.unwrap_or(default.origin),
        }
    }
}

#[napi]
impl NativeMythos {
    /// Opens or creates a SQLite store.
    #[allow(clippy::use_self, reason = "napi moves the function out of the `impl`")]
    #[napi]
    pub async fn open(path: Argument, options: Argument) -> Outcome<NativeMythos> {
        open(Lane::Native, move || {
            let (path, options): (String, SqliteOpening) = (path.parse("path")?, options.parse("options")?);
            Ok(Self { mythos: Mythos::open_with(path, &options.into())?, lane: Lane::Native })
        })
        .await
    }

    /// A store in memory.
    #[napi(factory)]
    pub fn in_memory() -> Self {
        Self { mythos: Mythos::in_memory(), lane: Lane::Native }
    }

    /// Uses any store.
    #[napi(factory)]
    pub fn with_store(store: &NativeStore) -> Self {
        Self { mythos: Mythos::with_store(store.store(), Runtime::system()), lane: store.lane() }
    }

    /// The same store for another tenant.
    #[allow(clippy::use_self, reason = "napi moves the function out of the `impl`")]
    #[napi]
    pub fn tenant(&self, tenant: Argument) -> Outcome<NativeMythos> {
        let tenant = tenant.parse("tenant");
        Outcome(tenant.map(|tenant| Self { mythos: self.mythos.tenant(tenant), lane: self.lane }))
    }

    /// The same store with other options for its rituals.
    #[allow(clippy::use_self, reason = "napi moves the function out of the `impl`")]
    #[napi]
    pub fn with_rituals(
        &self,
        keys: Option<&NativeKeys>,
        formats: Option<&NativeFormats>,
        hot_bytes: Argument,
    ) -> Outcome<NativeMythos> {
        let formats = formats.map(NativeFormats::declared);
        let lanes = [keys.map(NativeKeys::lane), formats.as_ref().map(|formats| formats.lane)];
        let lane = if lanes.contains(&Some(Lane::Hosted)) { Lane::Hosted } else { self.lane };
        Outcome(hot_bytes.parse::<Option<u64>>("hot_bytes").map(|hot_bytes| {
            let options = RitualOptions {
                keys: keys.map(NativeKeys::provider),
                formats: formats.map(|formats| formats.formats).unwrap_or_default(),
                hot_bytes: hot_bytes.unwrap_or(RitualOptions::DEFAULT_HOT_BYTES),
            };
            Self { mythos: self.mythos.clone().with_rituals(options), lane }
        }))
    }

    /// The same store with other options for its codices.
    #[allow(clippy::use_self, reason = "napi moves the function out of the `impl`")]
    #[napi]
    pub fn with_codices(&self, options: Argument) -> Outcome<NativeMythos> {
        let options = options.parse::<CodexSetting>("options");
        Outcome(options.map(|options| Self {
            mythos: self.mythos.clone().with_codices(options.into()),
            lane: self.lane,
        }))
    }

    /// The checkpoints of assistants' state.
    #[napi]
    pub fn rituals(&self) -> NativeRituals {
        NativeRituals::new(self.mythos.rituals(), self.lane)
    }

    /// The journal of what assistants do to the outside world.
    #[napi]
    pub fn steps(&self) -> NativeSteps {
        NativeSteps::new(self.mythos.steps(), self.lane)
    }

    /// What finds ill assistants and heals them.
    #[napi]
    pub fn healing(&self) -> NativeHealing {
        NativeHealing::new(self.mythos.healing(), self.lane)
    }

    /// The rule books and their logs.
    #[napi]
    pub fn codices(&self) -> NativeCodices {
        NativeCodices::new(self.mythos.codices(), self.lane)
    }

    /// The deployments of assistants, and their restarts.
    #[napi]
    pub fn deployments(&self) -> NativeDeployments {
        NativeDeployments::new(self.mythos.deployments(), self.lane)
    }

    /// What compares edits of rules and prompts.
    #[napi]
    pub fn regressions(&self) -> NativeRegressions {
        NativeRegressions::new(self.mythos.regressions(), self.lane)
    }

    /// The log over everything that the tenant stores.
    #[napi]
    pub fn anchors(&self) -> NativeAnchors {
        NativeAnchors::new(self.mythos.anchors(), self.lane)
    }

    /// The SQLite store that `open` opened.
    #[napi]
    pub fn sqlite(&self) -> Option<NativeSqliteStore> {
        self.mythos.sqlite().map(NativeSqliteStore::new)
    }

    /// Lets the store do housekeeping.
    #[napi]
    pub async fn maintain(&self, budget: Argument) -> Outcome {
        let mythos = self.mythos.clone();
        run(self.lane, move || {
            let budget: Option<_> = budget.parse("budget")?;
            Ok(mythos.maintain(budget.unwrap_or_default())?)
        })
        .await
    }

    /// Closes the file that `open` opened.
    #[napi]
    pub async fn close(&self) -> Outcome {
        let mythos = self.mythos.clone();
        run(self.lane, move || Ok(mythos.close()?)).await
    }
}
