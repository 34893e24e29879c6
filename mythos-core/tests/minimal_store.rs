//! The least that a host has to write: a complete store on the public interface alone, which declines every optional
//! read and passes every conformance case. Take it as a starting point; the two maps become your database.

#[macro_use]
mod support;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mythos_core::store::{
    Answer, Batch, Budget, Capabilities, Cell, CellName, CellOp, Direction, Durability, Expect, Filter,
    Maintained, Names, Order, Owner, Query, Read, Record, RecordOp, Scalar, Store, StoreError, Table,
};
use mythos_core::testing::conformance::Factory;
use mythos_core::types::RecordId;
use serde_json::Value;

// The store begins here.

#[derive(Debug, Clone, Default)]
struct Content {
    records: BTreeMap<(Table, RecordId), Record>,
    cells: BTreeMap<Owner, BTreeMap<CellName, Vec<u8>>>,
}

#[derive(Debug, Default)]
struct MinimalStore(Mutex<Content>);

impl Store for MinimalStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durability: Durability::Memory, text: false, reach: false, count: false }
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        let content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reads.iter().map(|read| content.answer(read)).collect()
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Changes are made to a copy, so that a batch is applied entirely or not at all.
        let mut next = content.clone();
        next.apply(batch)?;
        *content = next;
        Ok(())
    }

    fn maintain(&self, _budget: Budget) -> Result<Maintained, StoreError> {
        Ok(Maintained { freed_bytes: 0, done: true })
    }
}

impl Content {
    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let checks = batch.checks.iter().map(|check| (check.table, check.id, check.expect));
        for (table, id, expect) in checks.chain(batch.records.iter().map(RecordOp::target)) {
            let found =
                self.records.get(&(table, id)).map_or(Expect::Absent, |record| Expect::At(record.version));
            if found != expect {
                return Err(StoreError::Conflict { table: table.name().to_owned(), id });
            }
        }
        for op in &batch.records {
            let (table, id, _) = op.target();
            match op.written()? {
                Some((version, body)) => {
                    self.records.insert((table, id), Record { id, version, body: body.clone() });
                }
                None => drop(self.records.remove(&(table, id))),
            }
        }
        for op in &batch.cells {
            if let CellOp::Delete { owner, names } = op {
                let cells = self.cells.entry(owner.clone()).or_default();
                cells.retain(|name, _| !selects(names, name));
            }
        }
        for op in &batch.cells {
            if let CellOp::Put { owner, name, bytes } = op {
                let cells = self.cells.entry(owner.clone()).or_default();
                if cells.entry(*name).or_insert_with(|| bytes.clone()) != bytes {
                    return Err(StoreError::CellConflict { owner: Box::new(owner.clone()), name: *name });
                }
            }
        }
        Ok(())
    }

    fn answer(&self, read: &Read) -> Result<Answer, StoreError> {
        match read {
            Read::Record { table, id } => {
                Ok(Answer::Record { record: self.records.get(&(*table, *id)).cloned() })
            }
            Read::Page(query) => Ok(Answer::Page { records: self.page(query) }),
            Read::Cells { owner, names, max_bytes } => Ok(self.cells(owner, names, *max_bytes)),
            _ => Err(StoreError::Internal { message: "a declined read".into(), source: None }),
        }
    }

    fn page(&self, query: &Query) -> Vec<Record> {
        let of_table = self.records.iter().filter(|((table, _), _)| *table == query.table);
        let mut places: Vec<_> = of_table
            .filter(|(_, record)| query.filters.iter().all(|filter| passes(filter, record)))
            .map(|(_, record)| (query.cursor(record), record))
            .collect();
        let compare = |(a, a_id): (&Scalar, RecordId), (b, b_id): (&Scalar, RecordId)| {
            let ascending = compare(a, b).then(a_id.cmp(&b_id));
            let Order { direction, .. } = &query.order;
            if *direction == Direction::Descending { ascending.reverse() } else { ascending }
        };
        if let Some(after) = &query.after {
            places.retain(|(place, _)| compare((&place.value, place.id), (&after.value, after.id)).is_gt());
        }
        places.sort_by(|(a, _), (b, _)| compare((&a.value, a.id), (&b.value, b.id)));
        places.into_iter().take(query.limit as usize).map(|(_, record)| record.clone()).collect()
    }

    fn cells(&self, owner: &Owner, names: &Names, max_bytes: u64) -> Answer {
        let all = self.cells.get(owner).into_iter().flatten();
        let mut selected: Vec<_> = all.filter(|(name, _)| selects(names, name)).collect();
        if let Names::Range { limit, reverse, .. } = names {
            if *reverse {
                selected.reverse();
            }
            selected.truncate(*limit as usize);
        }
        let (mut cells, mut room) = (Vec::new(), max_bytes);
        for (name, bytes) in selected {
            let Some(rest) = room.checked_sub(bytes.len() as u64) else {
                return Answer::Cells { cells, more: true };
            };
            room = rest;
            cells.push(Cell { name: *name, bytes: bytes.clone() });
        }
        Answer::Cells { cells, more: false }
    }
}

fn selects(names: &Names, name: &CellName) -> bool {
    match names {
        Names::These { names } => names.contains(name),
        Names::Range { from, until, .. } => {
            from.is_none_or(|from| from <= *name) && until.is_none_or(|until| *name < until)
        }
        _ => false,
    }
}

fn passes(filter: &Filter, record: &Record) -> bool {
    let value = |field: &String| record.body.get(field).map_or(Scalar::Null, Scalar::of);
    let has = |field: &String, tag: &String| {
        let tags = record.body.get(field).and_then(Value::as_array);
        tags.is_some_and(|tags| tags.iter().any(|present| present == tag))
    };
    match filter {
        Filter::In { field, values } => values.iter().any(|wanted| compare(&value(field), wanted).is_eq()),
        Filter::Range { field, min, below } => {
            let value = value(field);
            value != Scalar::Null
                && min.as_ref().is_none_or(|min| compare(&value, min).is_ge())
                && below.as_ref().is_none_or(|below| compare(&value, below).is_lt())
        }
        Filter::Null { field, is_null } => record.body.get(field).is_none_or(Value::is_null) == *is_null,
        Filter::TagsAll { field, tags } => tags.iter().all(|tag| has(field, tag)),
        Filter::TagsAny { field, tags } => tags.iter().any(|tag| has(field, tag)),
        Filter::TagsNone { field, tags } => !tags.iter().any(|tag| has(field, tag)),
        _ => false,
    }
}

/// Values of one field: null first, then by value.
fn compare(a: &Scalar, b: &Scalar) -> Ordering {
    let number = |scalar: &Scalar| match scalar {
        Scalar::Integer(integer) => Some(*integer as f64),
        Scalar::Real(real) => Some(*real),
        _ => None,
    };
    match (a, b) {
        (Scalar::Text(a), Scalar::Text(b)) => a.cmp(b),
        (Scalar::Boolean(a), Scalar::Boolean(b)) => a.cmp(b),
        (Scalar::Null, Scalar::Null) => Ordering::Equal,
        (Scalar::Null, _) => Ordering::Less,
        (_, Scalar::Null) => Ordering::Greater,
        _ => number(a).partial_cmp(&number(b)).unwrap_or(Ordering::Equal),
    }
}

// The store ends here.

#[derive(Debug)]
struct Minimal;

impl Factory for Minimal {
    fn fresh(&self, _tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(MinimalStore::default()))
    }

    fn reopen(&self, store: Arc<dyn Store>, _tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        Ok(store)
    }
}

conformance_tests!(minimal, Minimal);

/// The trait is small enough for a host to implement: this is what it takes, without a database's own help.
#[test]
fn a_complete_store_takes_about_150_lines() {
    let source = include_str!("minimal_store.rs");
    let begins = source.find("// The store begins here.").expect("the first marker");
    let ends = source.find("// The store ends here.").expect("the second marker");
    let lines = source[begins..ends].lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 160, "{lines} lines");
}
