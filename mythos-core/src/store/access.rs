//! How the services reach a store: typed records, one tenant, time and chance from the runtime.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::contention::{Contention, Turn};

use super::{
    Answer, Batch, Cell, CellName, Cursor, Emulated, Filter, MAX_CELL_BYTES, Model, Names, Owner, Query,
    Read, Record, Store, StoreError,
};
use crate::error::{Error, Result};
use crate::types::{OperationId, RecordId, Runtime, TenantId, Timestamp, Version};

/// How often a service reloads and retries when another writer was faster. Each failure means that someone else made
/// progress, so a fair store needs few; a caller who still loses learns it as a `Conflict`.
pub(crate) const MAX_ATTEMPTS: usize = 64;

/// How many bytes of cells one read of many brings, unless one cell alone is larger.
const READ_BYTES: u64 = 4 << 20;

/// How many cells one read of many brings.
const READ_CELLS: u32 = 4_096;

/// What every service holds.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    store: Emulated,
    runtime: Runtime,
    tenant: TenantId,
    contention: Arc<Contention>,
}

/// A typed record and the version it was read at.
#[derive(Debug, Clone)]
pub(crate) struct Stored<M> {
    pub(crate) version: Version,
    pub(crate) model: M,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in the order of the listing.
    pub items: Vec<T>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<Cursor>,
}

impl Access {
    pub(crate) fn new(store: Arc<dyn Store>, runtime: Runtime, tenant: TenantId) -> Self {
        Self { store: Emulated::new(store), runtime, tenant, contention: Arc::default() }
    }

    /// The same store for another tenant.
    pub(crate) fn for_tenant(&self, tenant: TenantId) -> Self {
        Self { tenant, ..self.clone() }
    }

    pub(crate) fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Waits in line with the other threads that lost a race for `record`.
    pub(crate) fn turn(&self, record: &RecordId) -> Turn<'_> {
        self.contention.turn(record)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.runtime.now()
    }

    /// The caller's operation id, or a new one.
    pub(crate) fn operation(&self, given: Option<OperationId>) -> Result<OperationId> {
        given.map_or_else(|| self.runtime.operation_id(), Ok)
    }

    pub(crate) fn store(&self) -> &Emulated {
        &self.store
    }

    pub(crate) fn read<const N: usize>(&self, reads: [Read; N]) -> Result<[Answer; N]> {
        let answers = self.store.read(&reads)?;
        answers.try_into().map_err(|_| Error::internal("the store gave another number of answers than reads"))
    }

    /// Answers any number of reads from one snapshot.
    pub(crate) fn read_all(&self, reads: &[Read]) -> Result<Vec<Answer>> {
        Ok(self.store.read(reads)?)
    }

    /// Commits `batch`.
    ///
    /// Services change cells only together with their head, so a cell that is in the way was written behind the head's
    /// back, or the head was rolled back behind the cell's: damage, and no race that a retry could win.
    pub(crate) fn commit(&self, batch: Batch) -> Result<()> {
        self.store.commit_owned(batch).map_err(not_committed)
    }

    /// Commits a batch that is needed afterwards.
    pub(crate) fn commit_kept(&self, batch: &Batch) -> Result<()> {
        self.store.commit(batch).map_err(not_committed)
    }

    pub(crate) fn record<M: Model>(&self, id: RecordId) -> Result<Option<Stored<M>>> {
        let [answer] = self.read([Read::Record { table: M::TABLE, id }])?;
        stored(answer)
    }

    pub(crate) fn cells(&self, owner: Owner, names: Names, max_bytes: u64) -> Result<(Vec<Cell>, bool)> {
        let [answer] = self.read([Read::Cells { owner, names, max_bytes }])?;
        cells(answer)
    }

    /// The first cells of a range of an owner's names, at most `limit`: none only if it has none.
    pub(crate) fn some_cells(
        &self,
        owner: &Owner,
        from: Option<CellName>,
        until: Option<CellName>,
        limit: u32,
    ) -> Result<Vec<Cell>> {
        let names = |limit| Names::Range { from, until, limit, reverse: false };
        let (cells, more) = self.cells(owner.clone(), names(limit), READ_BYTES)?;
        if cells.is_empty() && more {
            return Ok(self.cells(owner.clone(), names(1), MAX_CELL_BYTES as u64)?.0);
        }
        Ok(cells)
    }

    /// Calls `visit` with each cell of an owner from `from` on, before `until` if that is given, in the order of the names.
    pub(crate) fn for_each_cell<E: From<Error>>(
        &self,
        owner: &Owner,
        mut from: Option<CellName>,
        until: Option<CellName>,
        mut visit: impl FnMut(&Cell) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let cells = self.some_cells(owner, from, until, READ_CELLS)?;
            cells.iter().try_for_each(&mut visit)?;
            // A read that is ended by its limit does not say that there is more: only an empty one is the last.
            match cells.last().and_then(|last| last.name.successor()) {
                Some(next) => from = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// One page of this tenant's records.
    pub(crate) fn page<M: Model>(&self, query: Query) -> Result<Page<M>> {
        let Page { items, next } = self.raw_page(query)?;
        Ok(Page { items: items.iter().map(M::from_record).collect::<Result<_>>()?, next })
    }

    /// One page of this tenant's records as they are stored, for those who can go on without an unreadable one.
    pub(crate) fn raw_page(&self, query: Query) -> Result<Page<Record>> {
        let query = self.of_tenant(query);
        let [answer] = self.read([Read::Page(query.clone())])?;
        page_of(&query, answer)
    }

    /// A query for this tenant's records only, for a read of several answers.
    pub(crate) fn of_tenant(&self, query: Query) -> Query {
        query.filter(Filter::equals("tenant", self.tenant.as_str()))
    }
}

/// Unpacks the answer to a [`Read::Page`], and finds where the next page begins.
fn page_of(query: &Query, answer: Answer) -> Result<Page<Record>> {
    let records = records(answer)?;
    let is_full = records.len() >= query.limit as usize;
    let next = if is_full { records.last().map(|last| query.cursor(last)) } else { None };
    Ok(Page { items: records, next })
}

/// Unpacks the answer to a [`Read::Page`] as it is stored.
pub(crate) fn records(answer: Answer) -> Result<Vec<Record>> {
    match answer {
        Answer::Page { records } => Ok(records),
        _ => Err(wrong_answer()),
    }
}

/// Unpacks the answer to a [`Read::Page`] of typed records.
pub(crate) fn typed_page<M: Model>(query: &Query, answer: Answer) -> Result<Page<M>> {
    let Page { items, next } = page_of(query, answer)?;
    Ok(Page { items: items.iter().map(M::from_record).collect::<Result<_>>()?, next })
}

fn not_committed(error: StoreError) -> Error {
    match error {
        StoreError::CellConflict { .. } => {
            let message = format!("{error}, but its head knows nothing of it");
            Error::corrupt(message).with_source(error)
        }
        error => error.into(),
    }
}

/// Unpacks the answer to a [`Read::Record`].
pub(crate) fn stored<M: Model>(answer: Answer) -> Result<Option<Stored<M>>> {
    match answer {
        Answer::Record { record: None } => Ok(None),
        Answer::Record { record: Some(record) } => {
            let Record { version, .. } = record;
            Ok(Some(Stored { version, model: M::from_record(&record)? }))
        }
        _ => Err(wrong_answer()),
    }
}

/// Unpacks the answer to a [`Read::Record`] that may hold an unreadable record: its version, and what came of reading it.
pub(crate) fn decoded<M: Model>(answer: Answer) -> Result<Option<(Version, Result<M>)>> {
    match answer {
        Answer::Record { record } => Ok(record.map(|record| (record.version, M::from_record(&record)))),
        _ => Err(wrong_answer()),
    }
}

/// Unpacks the answer to a [`Read::Record`] as it is stored.
pub(crate) fn record(answer: Answer) -> Result<Option<Record>> {
    match answer {
        Answer::Record { record } => Ok(record),
        _ => Err(wrong_answer()),
    }
}

/// Unpacks the answer to a [`Read::Cells`].
pub(crate) fn cells(answer: Answer) -> Result<(Vec<Cell>, bool)> {
    match answer {
        Answer::Cells { cells, more } => Ok((cells, more)),
        _ => Err(wrong_answer()),
    }
}

fn wrong_answer() -> Error {
    Error::internal("the store answered a read with another kind of answer")
}
