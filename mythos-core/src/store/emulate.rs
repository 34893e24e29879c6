//! The guard between the core and any store: checks what goes in and what comes out, and answers what the store
//! declines.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::evaluate::{self, Edges};
use super::{
    Answer, Batch, Budget, Capabilities, Cell, Cursor, Filter, Group, Maintained, Names, Query, Read, Record,
    Scalar, Store, StoreError, Table, Walk,
};
use crate::types::RecordId;

/// How many records are read at a time while emulating. With the largest bodies that is 64 MiB.
const PAGE_RECORDS: u32 = 64;

/// The most records that an emulated [`Filter::Reach`] reaches, and the most edges it holds in memory: about 15 MB.
const MAX_WALK: usize = 100_000;

/// The most groups of an emulated [`Read::Count`].
const MAX_GROUPS: usize = 100_000;

/// A store that answers everything: what the one inside declines is emulated with what it does answer.
///
/// It also stands guard over the store inside: reads and batches are validated before that one sees them
/// ([`StoreError::Refused`], which keeps the name of the field), and answers that no correct store gives (of the
/// wrong number or kind, beyond the bounds asked for, out of order) become [`StoreError::Internal`] instead of being
/// acted upon.
///
/// # Snapshots
/// Reads that the store inside answers itself are passed on as one call, and so come from one snapshot. An emulated
/// read is made of several calls, each one snapshot of its own: a record that is not written meanwhile is answered
/// exactly, and one that is written meanwhile is answered as it was at some moment of the read, at most once. That is
/// what a listing needs. The core bases no commit on an emulated read: commits expect versions of records that were
/// read by id.
///
/// # Bounds
/// An emulated read holds at most 64 records beside its answer. It reads the whole table in the worst case (a text
/// that nothing matches). [`Filter::Reach`] reaches at most 100,000 records, and towards descendants reads at most
/// 100,000 edges of the table; [`Read::Count`] has at most 100,000 groups. Beyond that the read is refused with
/// [`StoreError::Limit`]: such a table needs a store that answers these reads itself.
#[derive(Debug, Clone)]
pub struct Emulated(Arc<dyn Store>);

impl Emulated {
    /// Wraps a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    /// Makes reads that the store inside answers itself, and checks the answers.
    fn native(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        let answers = self.0.read(reads)?;
        if answers.len() != reads.len() {
            return Err(wrong(format_args!("{} answers to {} reads", answers.len(), reads.len())));
        }
        for (read, answer) in reads.iter().zip(&answers) {
            check_answer(read, answer)?;
        }
        Ok(answers)
    }

    fn emulate(&self, read: &Read, capabilities: Capabilities) -> Result<Answer, StoreError> {
        match read {
            Read::Page(query) => {
                let records = self.page(query, &self.plan(query.table, &query.filters, capabilities)?)?;
                Ok(Answer::Page { records })
            }
            Read::Count { table, filters, by, cap } => {
                self.count(*table, &self.plan(*table, filters, capabilities)?, by.as_deref(), *cap)
            }
            Read::Record { .. } | Read::Cells { .. } => {
                Err(wrong(format_args!("a read that every store answers was to be emulated")))
            }
        }
    }

    /// Divides filters into those of the store inside and those that are evaluated here.
    fn plan<'a>(
        &self,
        table: Table,
        filters: &'a [Filter],
        capabilities: Capabilities,
    ) -> Result<Plan<'a>, StoreError> {
        let mut plan = Plan { native: Vec::new(), residual: Vec::new() };
        for filter in filters {
            match filter {
                Filter::Text { .. } if !capabilities.text => plan.residual.push((filter, HashSet::new())),
                Filter::Reach { field, start, walk } if !capabilities.reach => {
                    let reached = match walk {
                        Walk::Ancestors => self.ancestors(table, field, *start)?,
                        Walk::Descendants => self.descendants(table, field, *start)?,
                    };
                    plan.residual.push((filter, reached));
                }
                _ => plan.native.push(filter.clone()),
            }
        }
        Ok(plan)
    }

    fn page(&self, query: &Query, plan: &Plan<'_>) -> Result<Vec<Record>, StoreError> {
        let mut found = Vec::new();
        if plan.passes_nothing() {
            return Ok(found);
        }
        // A record whose order changes between two calls could come twice.
        let mut seen = BTreeSet::new();
        let inner = Query { filters: plan.native.clone(), limit: PAGE_RECORDS, ..query.clone() };
        self.scan(inner, |record| {
            if plan.passes(&record) && seen.insert(record.id) {
                found.push(record);
            }
            Ok(found.len() < query.limit as usize)
        })?;
        Ok(found)
    }

    fn count(&self, table: Table, plan: &Plan<'_>, by: Option<&str>, cap: u64) -> Result<Answer, StoreError> {
        let mut groups: Vec<Group> = Vec::new();
        let (mut counted, mut capped) = (0, false);
        if plan.passes_nothing() {
            return Ok(Answer::Count { groups, capped });
        }
        let inner = Query { filters: plan.native.clone(), ..Query::new(table) }.limit(PAGE_RECORDS);
        self.scan(inner, |record| {
            if !plan.passes(&record) {
                return Ok(true);
            }
            capped = counted == cap;
            if capped {
                return Ok(false);
            }
            counted += 1;
            let value = by.map_or(Scalar::Null, |by| evaluate::group_value(table, &record.body, by));
            match groups.binary_search_by(|group| evaluate::compare(&group.value, &value)) {
                Ok(place) => groups[place].count += 1,
                Err(place) => groups.insert(place, Group { value, count: 1 }),
            }
            within("groups of a count", groups.len(), MAX_GROUPS)?;
            Ok(true)
        })?;
        Ok(Answer::Count { groups, capped })
    }

    /// Walks to the records that edges name, many at a time.
    fn ancestors(&self, table: Table, field: &str, start: RecordId) -> Result<HashSet<RecordId>, StoreError> {
        let mut reached = HashSet::new();
        let mut waiting = vec![start];
        while !waiting.is_empty() {
            let now = waiting.split_off(waiting.len().saturating_sub(PAGE_RECORDS as usize));
            let reads: Vec<_> = now.into_iter().map(|id| Read::Record { table, id }).collect();
            for answer in self.native(&reads)? {
                let Answer::Record { record: Some(record) } = answer else { continue };
                for id in evaluate::edges(&record, field) {
                    if id != start && reached.insert(id) {
                        waiting.push(id);
                    }
                }
                within("records reached", reached.len(), MAX_WALK)?;
            }
        }
        Ok(reached)
    }

    /// No filter finds the records whose edges name another one, so the table's edges are read once.
    fn descendants(
        &self,
        table: Table,
        field: &str,
        start: RecordId,
    ) -> Result<HashSet<RecordId>, StoreError> {
        let mut edges = Edges::new(Walk::Descendants);
        let has_edges = Filter::Null { field: field.to_owned(), is_null: false };
        self.scan(Query::new(table).filter(has_edges).limit(PAGE_RECORDS), |record| {
            edges.add(field, &record);
            within("edges read", edges.count(), MAX_WALK)?;
            Ok(true)
        })?;
        Ok(edges.reached_from(start))
    }

    /// Gives every record of a query to `visit`, page by page, until that wants no more.
    fn scan(
        &self,
        mut query: Query,
        mut visit: impl FnMut(Record) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        loop {
            let answer = self.native(&[Read::Page(query.clone())])?.pop();
            let Some(Answer::Page { records }) = answer else { return Ok(()) };
            let last_page = records.len() < query.limit as usize;
            query.after = records.last().map(|record| query.cursor(record));
            for record in records {
                if !visit(record)? {
                    return Ok(());
                }
            }
            if last_page {
                return Ok(());
            }
        }
    }
}

impl Store for Emulated {
    fn capabilities(&self) -> Capabilities {
        Capabilities { text: true, reach: true, count: true, ..self.0.capabilities() }
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        reads.iter().try_for_each(Read::validate)?;
        let capabilities = self.0.capabilities();
        if reads.iter().all(|read| answers(capabilities, read)) {
            return self.native(reads);
        }
        let native: Vec<_> = reads.iter().filter(|read| answers(capabilities, read)).cloned().collect();
        let mut native = self.native(&native)?.into_iter();
        let answer = |read: &Read| {
            if answers(capabilities, read) {
                native.next().ok_or_else(|| wrong(format_args!("an answer is missing")))
            } else {
                self.emulate(read, capabilities)
            }
        };
        reads.iter().map(answer).collect()
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.validate()?;
        self.0.commit(batch)
    }

    fn commit_owned(&self, batch: Batch) -> Result<(), StoreError> {
        batch.validate()?;
        self.0.commit_owned(batch)
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.0.maintain(budget)
    }
}

/// Whether a store with these capabilities answers `read` itself.
fn answers(capabilities: Capabilities, read: &Read) -> bool {
    let filters = match read {
        Read::Page(query) => &query.filters,
        Read::Count { .. } if !capabilities.count => return false,
        Read::Count { filters, .. } => filters,
        Read::Record { .. } | Read::Cells { .. } => return true,
    };
    filters.iter().all(|filter| match filter {
        Filter::Text { .. } => capabilities.text,
        Filter::Reach { .. } => capabilities.reach,
        _ => true,
    })
}

/// How a list of filters is divided.
struct Plan<'a> {
    native: Vec<Filter>,
    /// With each filter the records that it reaches, if it is a [`Filter::Reach`].
    residual: Vec<(&'a Filter, HashSet<RecordId>)>,
}

impl Plan<'_> {
    fn passes(&self, record: &Record) -> bool {
        self.residual.iter().all(|(filter, reached)| {
            evaluate::passes(filter, record, &|_, record| reached.contains(&record.id))
        })
    }

    fn passes_nothing(&self) -> bool {
        self.residual.iter().any(|(filter, ids)| matches!(filter, Filter::Reach { .. }) && ids.is_empty())
    }
}

fn within(what: &str, count: usize, bound: usize) -> Result<(), StoreError> {
    if count > bound {
        let message = format!(
            "more than {bound} {what}: the store must answer this read itself, or the filters narrow"
        );
        return Err(StoreError::Limit { message });
    }
    Ok(())
}

fn wrong(what: std::fmt::Arguments<'_>) -> StoreError {
    StoreError::Internal { message: format!("the store gave a wrong answer: {what}"), source: None }
}

/// Refuses what no correct store answers.
fn check_answer(read: &Read, answer: &Answer) -> Result<(), StoreError> {
    match (read, answer) {
        (Read::Record { id, .. }, Answer::Record { record }) => match record {
            Some(record) if record.id != *id => {
                Err(wrong(format_args!("record {} when asked for {id}", record.id)))
            }
            _ => Ok(()),
        },
        (Read::Page(query), Answer::Page { records }) => check_page(query, records),
        (Read::Count { cap, .. }, Answer::Count { groups, .. }) => check_count(*cap, groups),
        (Read::Cells { names, max_bytes, .. }, Answer::Cells { cells, .. }) => {
            check_cells(names, *max_bytes, cells)
        }
        _ => Err(wrong(format_args!("an answer of another kind than the read"))),
    }
}

/// Keyset paging skips records silently when a page is out of order, so the order is checked too.
fn check_page(query: &Query, records: &[Record]) -> Result<(), StoreError> {
    if records.len() > query.limit as usize {
        return Err(wrong(format_args!("{} records when asked for {}", records.len(), query.limit)));
    }
    let mut before: Option<Cursor> = query.after.clone();
    for record in records {
        let place = query.cursor(record);
        if before.is_some_and(|before| !evaluate::compare_places(&query.order, &place, &before).is_gt()) {
            let table = query.table.name();
            return Err(wrong(format_args!("record {} of {table} is not in the declared order", record.id)));
        }
        before = Some(place);
    }
    Ok(())
}

fn check_count(cap: u64, groups: &[Group]) -> Result<(), StoreError> {
    let counted = groups.iter().try_fold(0_u64, |sum, group| sum.checked_add(group.count));
    if counted.is_none_or(|counted| counted > cap) {
        return Err(wrong(format_args!("a count beyond its cap of {cap}")));
    }
    let ascending = groups.is_sorted_by(|a, b| evaluate::compare(&a.value, &b.value).is_lt());
    if !ascending || groups.iter().any(|group| group.count == 0) {
        return Err(wrong(format_args!("groups of a count that are empty, repeated or out of order")));
    }
    Ok(())
}

fn check_cells(names: &Names, max_bytes: u64, cells: &[Cell]) -> Result<(), StoreError> {
    let bytes: u64 = cells.iter().map(|cell| cell.bytes.len() as u64).sum();
    if bytes > max_bytes {
        return Err(wrong(format_args!("{bytes} bytes of cells when asked for at most {max_bytes}")));
    }
    let (asked, ordered) = match names {
        Names::These { names } => {
            let names: BTreeSet<_> = names.iter().collect();
            (cells.iter().all(|cell| names.contains(&cell.name)), cells.is_sorted_by(|a, b| a.name < b.name))
        }
        Names::Range { from, until, limit, reverse } => {
            let inside = |cell: &Cell| {
                from.is_none_or(|from| from <= cell.name) && until.is_none_or(|until| cell.name < until)
            };
            let ordered = cells.is_sorted_by(|a, b| if *reverse { a.name > b.name } else { a.name < b.name });
            (cells.len() <= *limit as usize && cells.iter().all(inside), ordered)
        }
    };
    if !asked || !ordered {
        return Err(wrong(format_args!("cells that were not asked for, or out of order")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
