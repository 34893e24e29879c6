//! The store in memory: the reference implementation of the contract, and the one that tests run on.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Bound::{self, Excluded, Unbounded};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::evaluate::{self, Edges};
use super::{
    Answer, Batch, Budget, Capabilities, Cell, CellName, CellOp, Cursor, Direction, Durability, Expect,
    Filter, Group, Maintained, Names, Owner, Query, Read, Record, RecordOp, Scalar, Store, StoreError, Table,
};
use crate::types::RecordId;

/// A store in memory, gone with its last handle. A clone is another handle to the same content.
///
/// It keeps the whole contract but for the durability that it does not promise, and is written to be read: a host
/// that writes a store of its own can take it as the reference.
///
/// ```
/// use mythos_core::store::{MemoryStore, Store};
///
/// let store = MemoryStore::new();
/// assert!(store.capabilities().text);
/// assert!(!store.clone().declining(&["text"]).capabilities().text);
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    state: Arc<RwLock<State>>,
    capabilities: Capabilities,
}

#[derive(Default)]
struct State {
    tables: BTreeMap<Table, BTreeMap<RecordId, Record>>,
    cells: BTreeMap<Owner, BTreeMap<CellName, Vec<u8>>>,
}

impl MemoryStore {
    /// An empty store that answers every read itself.
    #[must_use]
    pub fn new() -> Self {
        let capabilities =
            Capabilities { durability: Durability::Memory, text: true, reach: true, count: true };
        Self { state: Arc::default(), capabilities }
    }

    /// A handle to the same content that declines the optional reads named, of `text`, `reach` and `count`, so that
    /// their emulation can be tested. Other names are ignored.
    #[must_use]
    pub fn declining(mut self, reads: &[&str]) -> Self {
        self.capabilities.text &= !reads.contains(&"text");
        self.capabilities.reach &= !reads.contains(&"reach");
        self.capabilities.count &= !reads.contains(&"count");
        self
    }

    fn state(&self) -> Result<RwLockReadGuard<'_, State>, StoreError> {
        self.state.read().map_err(|_| poisoned())
    }

    fn state_mut(&self) -> Result<RwLockWriteGuard<'_, State>, StoreError> {
        self.state.write().map_err(|_| poisoned())
    }
}

/// A commit that panicked may have left half a batch behind: nothing is answered from it.
fn poisoned() -> StoreError {
    StoreError::Internal {
        message: "an earlier commit to the memory store panicked; its content is not to be trusted".into(),
        source: None,
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("capabilities", &self.capabilities).finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        // One guard for all reads makes them one snapshot.
        let state = self.state()?;
        Ok(reads.iter().map(|read| state.answer(read)).collect())
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.commit_owned(batch.clone())
    }

    fn commit_owned(&self, batch: Batch) -> Result<(), StoreError> {
        let mut state = self.state_mut()?;
        state.check(&batch)?;
        // From here on only a cell can conflict, so the cells come first, and are undone if one does.
        state.write_cells(batch.cells)?;
        for op in batch.records {
            state.write_record(op)?;
        }
        Ok(())
    }

    fn maintain(&self, _budget: Budget) -> Result<Maintained, StoreError> {
        Ok(Maintained { freed_bytes: 0, done: true })
    }
}

impl State {
    fn record(&self, table: Table, id: &RecordId) -> Option<&Record> {
        self.tables.get(&table)?.get(id)
    }

    fn answer(&self, read: &Read) -> Answer {
        match read {
            Read::Record { table, id } => Answer::Record { record: self.record(*table, id).cloned() },
            Read::Page(query) => Answer::Page { records: self.page(query) },
            Read::Count { table, filters, by, cap } => self.count(*table, filters, by.as_deref(), *cap),
            Read::Cells { owner, names, max_bytes } => self.cells(owner, names, *max_bytes),
        }
    }

    /// The records of `table` with ids in `range` that pass all `filters`, by ascending id.
    fn passing<'a>(
        &'a self,
        table: Table,
        range: (Bound<RecordId>, Bound<RecordId>),
        filters: &'a [Filter],
    ) -> impl DoubleEndedIterator<Item = &'a Record> {
        let records = self.tables.get(&table);
        let all = records.into_iter().flat_map(BTreeMap::values);
        let reached: Vec<_> = filters
            .iter()
            .map(|filter| match filter {
                Filter::Reach { field, start, walk } => {
                    let mut edges = Edges::new(*walk);
                    all.clone().for_each(|record| edges.add(field, record));
                    edges.reached_from(*start)
                }
                _ => HashSet::new(),
            })
            .collect();
        let selected = records.into_iter().flat_map(move |records| records.range(range)).map(|(_, r)| r);
        selected.filter(move |record| {
            filters.iter().zip(&reached).all(|(filter, reached)| {
                evaluate::passes(filter, record, &|_, record| reached.contains(&record.id))
            })
        })
    }

    fn page(&self, query: &Query) -> Vec<Record> {
        let Query { table, filters, order, after, limit } = query;
        let limit = *limit as usize;
        if order.field.is_none() {
            let after = after.as_ref().map(|after| after.id);
            return match order.direction {
                Direction::Ascending => {
                    let range = (after.map_or(Unbounded, Excluded), Unbounded);
                    self.passing(*table, range, filters).take(limit).cloned().collect()
                }
                Direction::Descending => {
                    let range = (Unbounded, after.map_or(Unbounded, Excluded));
                    self.passing(*table, range, filters).rev().take(limit).cloned().collect()
                }
            };
        }
        let mut places: Vec<(Cursor, &Record)> = self
            .passing(*table, (Unbounded, Unbounded), filters)
            .map(|record| (query.cursor(record), record))
            .filter(|(place, _)| {
                after.as_ref().is_none_or(|after| evaluate::compare_places(order, place, after).is_gt())
            })
            .collect();
        // A page of many is found without ordering them all.
        if let Some(last) = limit.checked_sub(1).filter(|last| *last < places.len()) {
            places.select_nth_unstable_by(last, |(a, _), (b, _)| evaluate::compare_places(order, a, b));
            places.truncate(limit);
        }
        places.sort_unstable_by(|(a, _), (b, _)| evaluate::compare_places(order, a, b));
        places.into_iter().take(limit).map(|(_, record)| record.clone()).collect()
    }

    fn count(&self, table: Table, filters: &[Filter], by: Option<&str>, cap: u64) -> Answer {
        let cap = usize::try_from(cap).unwrap_or(usize::MAX);
        let mut passing = self.passing(table, (Unbounded, Unbounded), filters);
        let value =
            |record: &Record| by.map_or(Scalar::Null, |by| evaluate::group_value(table, &record.body, by));
        let mut values: Vec<_> = passing.by_ref().take(cap).map(value).collect();
        values.sort_by(evaluate::compare);
        let groups = values
            .chunk_by(|a, b| evaluate::compare(a, b).is_eq())
            .map(|equal| Group { value: equal[0].clone(), count: equal.len() as u64 })
            .collect();
        Answer::Count { groups, capped: passing.next().is_some() }
    }

    fn cells(&self, owner: &Owner, names: &Names, max_bytes: u64) -> Answer {
        let mut answer = Vec::new();
        let Some(cells) = self.cells.get(owner) else { return Answer::Cells { cells: answer, more: false } };
        let mut room = max_bytes;
        for name in selected(cells, names) {
            let bytes = &cells[&name];
            let Some(rest) = room.checked_sub(bytes.len() as u64) else {
                return Answer::Cells { cells: answer, more: true };
            };
            room = rest;
            answer.push(Cell { name, bytes: bytes.clone() });
        }
        Answer::Cells { cells: answer, more: false }
    }

    fn check(&self, batch: &Batch) -> Result<(), StoreError> {
        let checks = batch.checks.iter().map(|check| (check.table, check.id, check.expect));
        for (table, id, expect) in checks.chain(batch.records.iter().map(RecordOp::target)) {
            let holds = match (expect, self.record(table, &id)) {
                (Expect::Absent, found) => found.is_none(),
                (Expect::At(version), found) => found.is_some_and(|record| record.version == version),
            };
            if !holds {
                return Err(StoreError::Conflict { table: table.name().to_owned(), id });
            }
        }
        Ok(())
    }

    fn write_record(&mut self, op: RecordOp) -> Result<(), StoreError> {
        let (table, id, _) = op.target();
        let records = self.tables.entry(table).or_default();
        match op.into_written()? {
            Some((version, body)) => drop(records.insert(id, Record { id, version, body })),
            None => drop(records.remove(&id)),
        }
        Ok(())
    }

    /// Makes all cell writes, or none of them.
    fn write_cells(&mut self, mut ops: Vec<CellOp>) -> Result<(), StoreError> {
        let mut removed = Vec::new();
        for op in &ops {
            let CellOp::Delete { owner, names } = op else { continue };
            let Some(cells) = self.cells.get_mut(owner) else { continue };
            for name in selected(cells, names) {
                removed.extend(cells.remove(&name).map(|bytes| (owner.clone(), name, bytes)));
            }
        }
        let (mut added, mut conflict) = (Vec::with_capacity(ops.len()), None);
        let mut first = 0;
        // Most batches have cells of one owner: its cells are looked up once.
        for ops in ops.chunk_by_mut(|a, b| a.owner() == b.owner()) {
            let owner = ops.iter().find_map(put).map(|(owner, _)| owner.clone());
            let mut cells = owner.map(|owner| self.cells.entry(owner).or_default());
            for (op, at) in ops.iter_mut().zip(first..) {
                let (CellOp::Put { name, bytes, .. }, Some(cells)) = (op, &mut cells) else { continue };
                match cells.entry(*name) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(std::mem::take(bytes));
                        added.push(at);
                    }
                    Entry::Occupied(present) if present.get() == bytes => {}
                    Entry::Occupied(_) => {
                        conflict.get_or_insert(at);
                    }
                }
            }
            first += ops.len();
        }
        if let Some((owner, name)) = conflict.and_then(|at: usize| put(&ops[at])) {
            for (owner, name) in added.into_iter().filter_map(|at: usize| put(&ops[at])) {
                self.cells.get_mut(owner).and_then(|cells| cells.remove(&name));
            }
            for (owner, name, bytes) in removed {
                self.cells.entry(owner).or_default().insert(name, bytes);
            }
            return Err(StoreError::CellConflict { owner: Box::new(owner.clone()), name });
        }
        for (owner, ..) in &removed {
            if self.cells.get(owner).is_some_and(BTreeMap::is_empty) {
                self.cells.remove(owner);
            }
        }
        Ok(())
    }
}

/// What a write of a cell puts, if it does.
const fn put(op: &CellOp) -> Option<(&Owner, CellName)> {
    match op {
        CellOp::Put { owner, name, .. } => Some((owner, *name)),
        CellOp::Delete { .. } => None,
    }
}

/// The names of `cells` that `names` selects, in the order of the answer.
fn selected(cells: &BTreeMap<CellName, Vec<u8>>, names: &Names) -> Vec<CellName> {
    match names {
        Names::These { names } => {
            let mut names: Vec<_> = names.iter().copied().filter(|name| cells.contains_key(name)).collect();
            names.sort_unstable();
            names.dedup();
            names
        }
        // The map panics on a range that ends before it starts; for a store it is just empty.
        Names::Range { from: Some(from), until: Some(until), .. } if from >= until => Vec::new(),
        Names::Range { from, until, limit, reverse } => {
            let range = cells.range(Names::bounds(*from, *until)).map(|(name, _)| *name);
            let limit = *limit as usize;
            if *reverse { range.rev().take(limit).collect() } else { range.take(limit).collect() }
        }
    }
}
