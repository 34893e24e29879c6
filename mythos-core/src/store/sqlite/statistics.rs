use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// What a [`SqliteStore`](super::SqliteStore) has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct SqliteStatistics {
    /// Batches that were acknowledged.
    pub commits: u64,
    /// Transactions that carried them: with [`Synchronous::Full`](super::Synchronous::Full) each flushed the disk once.
    pub flushes: u64,
    /// Steps of listings and counts that no index guided. More than a few call for an index in the table's
    /// [`Schema`](crate::store::Schema).
    pub full_scan_steps: u64,
    /// Listings and counts that had to be sorted because no index had their order.
    pub sorts: u64,
}

/// The same, being counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) commits: AtomicU64,
    pub(super) flushes: AtomicU64,
    pub(super) full_scan_steps: AtomicU64,
    pub(super) sorts: AtomicU64,
}

impl Counters {
    pub(super) fn snapshot(&self) -> SqliteStatistics {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SqliteStatistics {
            commits: load(&self.commits),
            flushes: load(&self.flushes),
            full_scan_steps: load(&self.full_scan_steps),
            sorts: load(&self.sorts),
        }
    }
}
