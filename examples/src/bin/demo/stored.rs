//! What the store holds in the end.

use mythos_core::Mythos;
use mythos_core::codex::CodexVerification;
use mythos_core::restart::{DeploymentRestart, FallbackStep, RestartFilter};
use mythos_core::ritual::RitualFilter;

use crate::Result;
use crate::names::Names;

/// How many records a page of a listing has.
const PAGE: u32 = 200;

/// What the library recorded of a run.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The number of checkpoints.
    pub(crate) checkpoints: u64,
    /// The bytes of their payloads.
    pub(crate) raw_bytes: u64,
    /// The bytes of their frames.
    pub(crate) stored_bytes: u64,
    /// Every restart, oldest first.
    pub(crate) restarts: Vec<DeploymentRestart>,
    /// What the replay of the codex's log found.
    pub(crate) codex: CodexVerification,
}

/// What made a restart special.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RestartKind {
    /// Nothing.
    Normal,
    /// The codex in force differs from the one that the checkpoint ran under.
    CodexChanged,
    /// The newest checkpoint could not be used.
    Fallback,
}

impl RestartKind {
    /// Reads it from the library's record of the restart.
    pub(crate) fn of(restart: &DeploymentRestart) -> Self {
        let fell_back = restart.steps.iter().any(|taken| taken.step != FallbackStep::Latest);
        let changed = restart.alignment.as_ref().is_some_and(|alignment| !alignment.is_same());
        match (fell_back, changed) {
            (true, _) => Self::Fallback,
            (false, true) => Self::CodexChanged,
            (false, false) => Self::Normal,
        }
    }
}

impl Stored {
    /// Lists and sums everything.
    pub(crate) fn read(mythos: &Mythos, names: &Names) -> Result<Self> {
        let codex = mythos.codices().verify(&names.codex)?;
        let mut stored = Self { checkpoints: 0, raw_bytes: 0, stored_bytes: 0, restarts: Vec::new(), codex };
        let filter = RitualFilter {
            assistant: Some(names.assistant.clone()),
            ritual: Some(names.ritual.clone()),
            ..RitualFilter::default()
        };
        let mut after = None;
        loop {
            let page = mythos.rituals().list(&filter, after, PAGE)?;
            for entry in &page.items {
                stored.checkpoints += 1;
                stored.raw_bytes += entry.compressed_ritual_data.raw_bytes;
                stored.stored_bytes += entry.compressed_ritual_data.stored_bytes;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let filter = RestartFilter { assistant: Some(names.assistant.clone()), ..RestartFilter::default() };
        loop {
            let page = mythos.deployments().history(&filter, after, PAGE)?;
            stored.restarts.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        stored.restarts.reverse();
        Ok(stored)
    }

    /// How many restarts were of a kind.
    pub(crate) fn count(&self, kind: RestartKind) -> usize {
        self.restarts.iter().filter(|restart| RestartKind::of(restart) == kind).count()
    }
}
