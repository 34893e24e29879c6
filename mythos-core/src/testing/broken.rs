//! Deliberately broken stores: one defect for each [`Obligation`], which fails every case of that obligation and
//! passes all others.
//!
//! They show that the cases find what they say they find. The defects are those that real stores have: an upsert
//! where a creation was asked for, a cursor that is one off, text columns for bytes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;

use super::conformance::{Factory, Obligation, TABLES, THINGS};
use crate::store::{
    Answer, Batch, Budget, Capabilities, CellName, CellOp, Check, Expect, Filter, MAX_PAGE_RECORDS,
    Maintained, MemoryStore, Names, Order, Owner, Query, Read, Record, RecordOp, Store, StoreError, Table,
    Walk,
};
use crate::types::{RecordId, TenantId, Version};

/// Makes stores that neglect one obligation.
///
/// ```
/// use mythos_core::testing::broken::Broken;
/// use mythos_core::testing::conformance::{Obligation, run_case};
///
/// let upserting = Broken::new(Obligation::Created);
/// assert!(run_case("create_twice", &upserting).is_err());
/// assert!(run_case("stale_version", &upserting).is_ok());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Broken(Obligation);

impl Broken {
    /// Stores that neglect `obligation`. For [`Obligation::Refused`], which the core keeps by itself, they are sound.
    #[must_use]
    pub const fn new(obligation: Obligation) -> Self {
        Self(obligation)
    }
}

impl Factory for Broken {
    fn fresh(&self, _tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(BrokenStore {
            neglected: self.0,
            inner: MemoryStore::new(),
            written: Mutex::default(),
            commits: AtomicU64::new(0),
            turn: RwLock::new(()),
        }))
    }

    fn reopen(&self, store: Arc<dyn Store>, tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        // Nothing was ever saved.
        if self.0 == Obligation::Durable { self.fresh(tables) } else { Ok(store) }
    }
}

#[derive(Debug)]
struct BrokenStore {
    neglected: Obligation,
    inner: MemoryStore,
    /// The tables that commits named.
    written: Mutex<BTreeSet<Table>>,
    commits: AtomicU64,
    /// Makes one step of what the defects need several calls for. It guards nothing that a panic could leave broken.
    turn: RwLock<()>,
}

impl Store for BrokenStore {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        if self.neglected == Obligation::Absent {
            reads.iter().try_for_each(|read| self.table_exists(read))?;
        }
        if self.neglected == Obligation::Consistent {
            return self.read_one_by_one(reads);
        }
        let _turn = self.turn.read();
        reads.iter().map(|read| self.answer(read)).collect()
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let _turn = self.turn.write();
        self.create_tables(batch);
        let outcome = match self.neglected {
            // The expectation is looked up and then met, so that it always holds.
            Obligation::Created | Obligation::Exclusive => {
                self.expecting_what_is(batch).and_then(|batch| self.inner.commit(&batch))
            }
            // What could be done of a failed batch stays done.
            Obligation::Atomic => self.inner.commit(batch).inspect_err(|error| {
                if let StoreError::Conflict { id: failed, .. } = error {
                    let mut rest = batch.clone();
                    rest.checks.clear();
                    rest.records.retain(|op| op.target().1 != *failed);
                    drop(self.inner.commit(&rest));
                }
            }),
            _ => self.inner.commit(&self.rewritten(batch)),
        };
        self.commits.fetch_add(1, Ordering::SeqCst);
        outcome
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        // Housekeeping that takes what is in use for garbage.
        if self.neglected == Obligation::Maintained {
            let mut batch = Batch::new();
            for record in self.page(&Query::new(THINGS).limit(MAX_PAGE_RECORDS))? {
                batch.delete(THINGS, record.id, record.version);
            }
            self.inner.commit(&batch)?;
        }
        self.inner.maintain(budget)
    }
}

impl BrokenStore {
    /// A table comes to be with the first batch that names it; reading it before is an error.
    fn table_exists(&self, read: &Read) -> Result<(), StoreError> {
        let table = match read {
            Read::Record { table, .. } | Read::Count { table, .. } => *table,
            Read::Page(query) => query.table,
            Read::Cells { owner, .. } => owner.table,
        };
        if self.written.lock().unwrap_or_else(PoisonError::into_inner).contains(&table) {
            return Ok(());
        }
        let message = format!("no such table: {}", table.name());
        Err(StoreError::Internal { message, source: None })
    }

    fn create_tables(&self, batch: &Batch) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend(batch.checks.iter().map(|check| check.table));
        written.extend(batch.records.iter().map(|op| op.target().0));
        written.extend(batch.cells.iter().map(|op| {
            let (CellOp::Put { owner, .. } | CellOp::Delete { owner, .. }) = op;
            owner.table
        }));
    }

    /// One snapshot for each read, and time for a writer between them.
    fn read_one_by_one(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        let mut answers = Vec::new();
        for read in reads {
            answers.extend(self.inner.read(std::slice::from_ref(read))?);
            let before = self.commits.load(Ordering::SeqCst);
            let waits = 10_000;
            (0..waits)
                .take_while(|_| self.commits.load(Ordering::SeqCst) == before)
                .for_each(|_| thread::yield_now());
        }
        Ok(answers)
    }

    fn record(&self, table: Table, id: RecordId) -> Result<Option<Record>, StoreError> {
        match self.inner.read(&[Read::Record { table, id }])?.pop() {
            Some(Answer::Record { record }) => Ok(record),
            _ => Ok(None),
        }
    }

    fn page(&self, query: &Query) -> Result<Vec<Record>, StoreError> {
        match self.inner.read(&[Read::Page(query.clone())])?.pop() {
            Some(Answer::Page { records }) => Ok(records),
            _ => Ok(Vec::new()),
        }
    }

    fn answer(&self, read: &Read) -> Result<Answer, StoreError> {
        if let Read::Page(query) = read {
            return Ok(Answer::Page { records: self.broken_page(query)? });
        }
        let mut read = read.clone();
        if self.neglected == Obligation::Isolated {
            isolate_read(&mut read);
        }
        if let Read::Cells { names, max_bytes, .. } = &mut read {
            match (self.neglected, names) {
                (Obligation::Bounded, _) => *max_bytes = u64::MAX,
                // The end of the range belongs to it.
                (Obligation::Ranged, Names::Range { until: Some(until), .. }) => {
                    let behind = [until.as_bytes(), &[0]].concat();
                    *until = CellName::new(&behind).unwrap_or(*until);
                }
                _ => {}
            }
        }
        let mut answers = self.inner.read(&[read])?;
        let Some(mut answer) = answers.pop() else { return Ok(Answer::Record { record: None }) };
        match (self.neglected, &mut answer) {
            (Obligation::Versioned, Answer::Record { record: Some(record) }) => {
                record.version = Version::FIRST;
            }
            // The last record of each group is forgotten.
            (Obligation::Counted, Answer::Count { groups, .. }) => {
                groups.iter_mut().for_each(|group| group.count -= 1);
                groups.retain(|group| group.count > 0);
            }
            _ => {}
        }
        Ok(answer)
    }

    fn broken_page(&self, query: &Query) -> Result<Vec<Record>, StoreError> {
        let mut broken = query.clone();
        match self.neglected {
            // What fits on one page is not sorted.
            Obligation::Ordered if query.after.is_none() => {
                let by_id =
                    Query { order: Order { field: None, ..Query::new(query.table).order }, ..broken.clone() };
                let all = self.page(&Query { limit: MAX_PAGE_RECORDS, ..by_id })?;
                if all.len() <= query.limit as usize {
                    return Ok(all);
                }
            }
            // The record behind the cursor is taken for the cursor's own.
            Obligation::Paged if query.filters.is_empty() && query.after.is_some() => {
                broken.limit = query.limit.saturating_add(1).min(MAX_PAGE_RECORDS);
                let mut records = self.page(&broken)?;
                drop(records.drain(..records.len().min(1)));
                return Ok(records);
            }
            Obligation::Filtered => {
                broken
                    .filters
                    .retain(|f| !matches!(f, Filter::In { .. } | Filter::Range { .. } | Filter::Null { .. }));
            }
            Obligation::Tagged => forget_if_all(&mut broken.filters, |filter| {
                matches!(filter, Filter::TagsAll { .. } | Filter::TagsAny { .. } | Filter::TagsNone { .. })
            }),
            Obligation::Text => {
                forget_if_all(&mut broken.filters, |filter| matches!(filter, Filter::Text { .. }));
            }
            Obligation::Reach => return self.one_step_page(query),
            Obligation::Isolated => broken.table = THINGS,
            _ => {}
        }
        self.page(&broken)
    }

    /// A walk that ends after its first step.
    fn one_step_page(&self, query: &Query) -> Result<Vec<Record>, StoreError> {
        let [Filter::Reach { field, start, walk }] = &query.filters[..] else { return self.page(query) };
        let edges = |record: &Record| -> Vec<RecordId> {
            let edges = record.body.get(field).and_then(serde_json::Value::as_array).into_iter().flatten();
            edges.filter_map(|id| id.as_str()?.parse().ok()).collect()
        };
        let parents = self.record(query.table, *start)?.map_or_else(Vec::new, |record| edges(&record));
        let mut records = self.page(&Query { limit: MAX_PAGE_RECORDS, ..query.clone() })?;
        records.retain(|record| match walk {
            Walk::Ancestors => parents.contains(&record.id),
            Walk::Descendants => edges(record).contains(start),
        });
        records.truncate(query.limit as usize);
        Ok(records)
    }

    /// What this store makes of an expectation that it does not take seriously.
    fn expecting(&self, table: Table, id: RecordId, expect: Expect) -> Result<Expect, StoreError> {
        let found = self.record(table, id)?.map(|record| record.version);
        Ok(match (self.neglected, expect, found) {
            (Obligation::Created, Expect::Absent, Some(version))
            | (Obligation::Exclusive, Expect::At(_), Some(version)) => Expect::At(version),
            (_, expect, _) => expect,
        })
    }

    fn expecting_what_is(&self, batch: &Batch) -> Result<Batch, StoreError> {
        let check = |check: &Check| {
            let expect = self.expecting(check.table, check.id, check.expect)?;
            Ok(Check { expect, ..check.clone() })
        };
        let write = |op: &RecordOp| {
            let (table, id, expected) = op.target();
            let expect = self.expecting(table, id, expected)?;
            Ok(match (op, expect) {
                (_, expect) if expect == expected => op.clone(),
                (RecordOp::Put { body, .. } | RecordOp::Import { body, .. }, expect) => {
                    RecordOp::Put { table, id, expect, body: body.clone() }
                }
                (RecordOp::Delete { .. }, Expect::At(version)) => RecordOp::Delete { table, id, version },
                (RecordOp::Delete { .. }, Expect::Absent) => op.clone(),
            })
        };
        Ok(Batch {
            checks: batch.checks.iter().map(check).collect::<Result<_, StoreError>>()?,
            records: batch.records.iter().map(write).collect::<Result<_, StoreError>>()?,
            cells: batch.cells.clone(),
        })
    }

    /// The batch as a store with this defect writes it.
    fn rewritten(&self, batch: &Batch) -> Batch {
        let mut batch = batch.clone();
        match self.neglected {
            // The version is looked at, and the record left where it is.
            Obligation::Deleted => {
                let deleted = batch.records.extract_if(.., |op| matches!(op, RecordOp::Delete { .. }));
                batch.checks.extend(deleted.map(|op| {
                    let (table, id, expect) = op.target();
                    Check { table, id, expect }
                }));
            }
            Obligation::CellsDeleted => batch.cells.retain(|op| !matches!(op, CellOp::Delete { .. })),
            Obligation::WrittenOnce => overwrite_cells(&mut batch),
            Obligation::Isolated => isolate_batch(&mut batch),
            // Only declared fields have a column.
            Obligation::FaithfulRecords => {
                for op in &mut batch.records {
                    if let RecordOp::Put { table, body, .. } = op {
                        body.retain(|name, _| table.schema().field(name).is_some());
                    }
                }
            }
            // Bytes go through a column of text.
            Obligation::FaithfulCells => {
                for op in &mut batch.cells {
                    if let CellOp::Put { bytes, .. } = op {
                        *bytes = String::from_utf8_lossy(bytes).into_owned().into_bytes();
                    }
                }
            }
            _ => {}
        }
        batch
    }
}

fn forget_if_all(filters: &mut Vec<Filter>, forgotten: fn(&Filter) -> bool) {
    if filters.iter().all(forgotten) {
        filters.clear();
    }
}

/// The last put of a cell wins.
fn overwrite_cells(batch: &mut Batch) {
    let mut seen = BTreeSet::new();
    let mut cells = Vec::new();
    for op in batch.cells.drain(..).rev() {
        if let CellOp::Put { owner, name, .. } = &op {
            if !seen.insert((owner.clone(), *name)) {
                continue;
            }
            cells.push(CellOp::Delete { owner: owner.clone(), names: Names::one(*name) });
        }
        cells.push(op);
    }
    batch.cells = cells;
}

/// Everything is of one table and one tenant, told apart by the id alone.
fn isolate_batch(batch: &mut Batch) {
    batch.checks.iter_mut().for_each(|check| check.table = THINGS);
    for op in &mut batch.records {
        let (RecordOp::Put { table, .. } | RecordOp::Import { table, .. } | RecordOp::Delete { table, .. }) =
            op;
        *table = THINGS;
    }
    for op in &mut batch.cells {
        let (CellOp::Put { owner, .. } | CellOp::Delete { owner, .. }) = op;
        isolate_owner(owner);
    }
}

fn isolate_read(read: &mut Read) {
    match read {
        Read::Record { table, .. } | Read::Count { table, .. } => *table = THINGS,
        Read::Page(query) => query.table = THINGS,
        Read::Cells { owner, .. } => isolate_owner(owner),
    }
}

fn isolate_owner(owner: &mut Owner) {
    owner.table = TABLES[0];
    owner.tenant = TenantId::default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::conformance::{cases, run_case};

    /// For each obligation: its broken store fails the cases of the obligation, all of them, and no other.
    #[test]
    fn each_broken_store_fails_exactly_the_cases_of_its_obligation() {
        let mut wrong = Vec::new();
        for obligation in Obligation::ALL {
            for case in cases() {
                let fails = run_case(case.name(), &Broken::new(*obligation)).is_err();
                let must_fail = case.obligation() == *obligation && *obligation != Obligation::Refused;
                if fails != must_fail {
                    wrong.push(format!(
                        "{obligation}: {} {}",
                        case.name(),
                        if fails { "fails" } else { "passes" }
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
