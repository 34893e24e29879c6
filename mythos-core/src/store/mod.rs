//! Where everything is kept: the storage trait, its values, and the built-in stores.
//!
//! A host brings its own persistence by implementing [`Store`]: one atomic write verb, one consistent read verb.
//! `mythos_core::testing` (feature `testing`) holds the cases that any store can prove itself with.

pub(crate) mod access;
mod batch;
mod cell;
pub(crate) mod contention;
mod copy;
mod emulate;
pub(crate) mod epoch;
mod error;
pub(crate) mod evaluate;
mod memory;
pub(crate) mod operation;
mod query;
mod record;
mod schema;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use access::Page;
pub use batch::{Batch, CellOp, Check, Expect, RecordOp};
pub use cell::{Cell, CellName, MAX_CELL_BYTES, Names, Owner};
pub use copy::{CopyReport, copy};
pub use emulate::Emulated;
pub use error::StoreError;
pub use memory::MemoryStore;
pub use query::{
    Answer, Cursor, Direction, Filter, Group, MAX_PAGE_RECORDS, Order, Query, Read, Scalar, Walk,
};
pub use record::{Model, Record};
pub use schema::{Field, FieldKind, Schema, Table};
#[cfg(feature = "sqlite")]
pub use sqlite::{BackupProgress, SqliteOptions, SqliteStatistics, SqliteStore, Synchronous};

/// A host's persistence.
///
/// # Contract
/// The core is correct only on a store that keeps all of these; the conformance cases hold each.
///
/// 1. **Atomic.** A batch is visible entirely or not at all, to every reader, also after a crash.
/// 2. **Exclusive.** Of concurrent commits that expect the same version of a record, at most one succeeds.
/// 3. **Durable and monotonic.** After [`commit`](Store::commit) returned `Ok`, every later [`read`](Store::read)
///    sees the batch, and it survives what [`Capabilities::durability`] promises.
/// 4. **Consistent.** All answers of one `read` come from one snapshot.
/// 5. **Ordered.** A page has the declared order, ties broken by id in the same direction, each record at most once.
/// 6. **Versioned.** A record that is created has version 1, or the one it is imported with, and each write adds 1. A record
///    that was deleted and created again begins again at 1: whoever deletes records must not rely on an old version of
///    one to fence off a stale writer.
/// 7. **Faithful.** Record bodies, cell names and cell bytes come back as they were written, also empty, also with any
///    Unicode but U+0000, which [`Batch::validate`] refuses everywhere. Numbers keep their value to the last bit; their
///    notation is free, so that 1.0 may come back as 1.
///
/// # Calls
/// Every method may be called from any thread, also concurrently, and blocks. The core holds no lock while it calls.
/// A store need not validate what it is given: the core calls it through [`Emulated`], which validates every read and
/// batch first, answers what the store declines, and refuses answers that no correct store gives.
///
/// # To ensure correctness
/// - Evaluate all checks and expectations of a batch against the state before the batch, then apply everything.
/// - Return [`StoreError::Conflict`] for a failed expectation and never for an I/O error, and
///   [`StoreError::Unknown`] if the outcome of a commit cannot be told.
/// - After any other error nothing of the batch may be visible.
pub trait Store: Send + Sync + fmt::Debug {
    /// What this store promises and which optional reads it answers itself. Must not change while the store lives.
    fn capabilities(&self) -> Capabilities;

    /// Answers `reads`, in their order, from one snapshot.
    ///
    /// # Errors
    /// Any [`StoreError`] but the conflicts. The core never asks for a read that `capabilities` declined.
    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError>;

    /// Applies `batch` entirely, or nothing of it.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing is changed, except that for [`StoreError::Unknown`] all of it may be.
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;

    /// [`commit`](Store::commit) of a batch that nobody needs any more, which is how the core calls: a store that keeps
    /// records and cells as they come can take them instead of copying them. Unless it is written anew it borrows the batch.
    ///
    /// # Errors
    /// Those of `commit`.
    fn commit_owned(&self, batch: Batch) -> Result<(), StoreError> {
        self.commit(&batch)
    }

    /// Does housekeeping within `budget`: gives freed space back, and the like. May do nothing.
    ///
    /// # Errors
    /// Any [`StoreError`] but the conflicts.
    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError>;
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        (**self).read(reads)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        (**self).commit(batch)
    }

    fn commit_owned(&self, batch: Batch) -> Result<(), StoreError> {
        (**self).commit_owned(batch)
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        (**self).maintain(budget)
    }
}

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Durability {
    /// Nothing: it is gone with the process.
    Memory,
    /// The end of the process, not a power loss.
    Process,
    /// A power loss.
    PowerLoss,
}

/// What a store promises, and which optional reads it answers itself; the core emulates the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// Whether [`Filter::Text`] is answered.
    pub text: bool,
    /// Whether [`Filter::Reach`] is answered.
    pub reach: bool,
    /// Whether [`Read::Count`] is answered.
    pub count: bool,
}

/// How much housekeeping one [`Store::maintain`] may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// At most about so many bytes are moved or given back.
    pub max_bytes: u64,
}

impl Default for Budget {
    /// 16 MiB.
    fn default() -> Self {
        Self { max_bytes: 16 << 20 }
    }
}

/// What one [`Store::maintain`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintained {
    /// Bytes given back to the operating system.
    pub freed_bytes: u64,
    /// Whether nothing is left to do at present.
    pub done: bool,
}
