//! What filters and orders mean, over records in memory: the reference for every store, and what the core emulates with.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{Cursor, Direction, FieldKind, Filter, Order, Record, Scalar, Table, Walk};
use crate::types::{MAX_SAFE_INTEGER, RecordId};

/// Whether a field of `kind` may hold `value`.
pub(crate) fn fits(kind: FieldKind, value: &Value) -> bool {
    match (kind, value) {
        (_, Value::Null)
        | (FieldKind::Text, Value::String(_))
        | (FieldKind::Real, Value::Number(_))
        | (FieldKind::Boolean, Value::Bool(_)) => true,
        (FieldKind::Integer, Value::Number(number)) => {
            number.as_i64().is_some_and(|integer| integer.unsigned_abs() <= MAX_SAFE_INTEGER)
        }
        (FieldKind::Tags, Value::Array(items)) => items.iter().all(Value::is_string),
        (FieldKind::Edges, Value::Array(items)) => {
            items.iter().all(|item| item.as_str().is_some_and(|id| id.parse::<RecordId>().is_ok()))
        }
        _ => false,
    }
}

/// Compares two values of one field; null is smallest.
pub(crate) fn compare(a: &Scalar, b: &Scalar) -> Ordering {
    match (a, b) {
        (Scalar::Boolean(a), Scalar::Boolean(b)) => a.cmp(b),
        (Scalar::Integer(a), Scalar::Integer(b)) => a.cmp(b),
        (Scalar::Text(a), Scalar::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        // Integers have at most 53 bits, so that the conversion is exact.
        (Scalar::Real(a), Scalar::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Scalar::Integer(a), Scalar::Real(b)) => (*a as f64).partial_cmp(b).unwrap_or(Ordering::Equal),
        (Scalar::Real(a), Scalar::Integer(b)) => a.partial_cmp(&(*b as f64)).unwrap_or(Ordering::Equal),
        _ => rank(a).cmp(&rank(b)),
    }
}

const fn rank(scalar: &Scalar) -> u8 {
    match scalar {
        Scalar::Null => 0,
        Scalar::Boolean(_) => 1,
        Scalar::Integer(_) | Scalar::Real(_) => 2,
        Scalar::Text(_) => 3,
    }
}

/// The scalar that `body` has in `field`.
pub(crate) fn scalar(body: &Map<String, Value>, field: &str) -> Scalar {
    Scalar::of(body.get(field).unwrap_or(&Value::Null))
}

/// The value by which a count groups `body`: a real is a real, however it is written, and -0 is 0.
pub(crate) fn group_value(table: Table, body: &Map<String, Value>, field: &str) -> Scalar {
    let scalar = scalar(body, field);
    match (table.schema().field(field).map(|field| field.kind), &scalar) {
        (Some(FieldKind::Real), Scalar::Integer(integer)) => Scalar::Real(*integer as f64),
        (Some(FieldKind::Real), Scalar::Real(real)) => Scalar::Real(real + 0.0),
        _ => scalar,
    }
}

/// Compares two places in `order`.
pub(crate) fn compare_places(order: &Order, a: &Cursor, b: &Cursor) -> Ordering {
    let ascending = compare(&a.value, &b.value).then(a.id.cmp(&b.id));
    match order.direction {
        Direction::Ascending => ascending,
        Direction::Descending => ascending.reverse(),
    }
}

/// Whether `record` passes `filter`; [`Filter::Reach`] is asked of `reaches`.
pub(crate) fn passes(filter: &Filter, record: &Record, reaches: &dyn Fn(&Filter, &Record) -> bool) -> bool {
    let body = &record.body;
    match filter {
        Filter::In { field, values } => {
            let scalar = scalar(body, field);
            scalar != Scalar::Null && values.iter().any(|value| compare(&scalar, value).is_eq())
        }
        Filter::Range { field, min, below } => {
            let scalar = scalar(body, field);
            scalar != Scalar::Null
                && min.as_ref().is_none_or(|min| compare(&scalar, min).is_ge())
                && below.as_ref().is_none_or(|below| compare(&scalar, below).is_lt())
        }
        Filter::Null { field, is_null } => body.get(field).is_none_or(Value::is_null) == *is_null,
        Filter::TagsAll { field, tags } => tags.iter().all(|tag| members(body, field).any(|t| t == tag)),
        Filter::TagsAny { field, tags } => members(body, field).any(|t| tags.iter().any(|tag| t == tag)),
        Filter::TagsNone { field, tags } => !members(body, field).any(|t| tags.iter().any(|tag| t == tag)),
        Filter::Text { field, query } => {
            let text = body.get(field).and_then(Value::as_str).unwrap_or_default();
            contains_words(text, query)
        }
        Filter::Reach { .. } => reaches(filter, record),
    }
}

/// The strings of a field of tags or edges.
pub(crate) fn members<'a>(body: &'a Map<String, Value>, field: &str) -> impl Iterator<Item = &'a str> {
    body.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn contains_words(text: &str, query: &str) -> bool {
    let wanted: Vec<_> = words(query).collect();
    if wanted.is_empty() {
        return false;
    }
    let present: HashSet<_> = words(text).collect();
    wanted.iter().all(|word| present.contains(word))
}

/// The records that the edges of `record` name; what is no id names none.
pub(crate) fn edges(record: &Record, field: &str) -> impl Iterator<Item = RecordId> {
    members(&record.body, field).filter_map(|id| id.parse().ok())
}

/// The edges of a table in memory, in the direction of one walk.
pub(crate) struct Edges {
    walk: Walk,
    next: HashMap<RecordId, Vec<RecordId>>,
    count: usize,
}

impl Edges {
    pub(crate) fn new(walk: Walk) -> Self {
        Self { walk, next: HashMap::new(), count: 0 }
    }

    pub(crate) fn add(&mut self, field: &str, record: &Record) {
        for named in edges(record, field) {
            let (from, to) = match self.walk {
                Walk::Ancestors => (record.id, named),
                Walk::Descendants => (named, record.id),
            };
            self.next.entry(from).or_default().push(to);
            self.count += 1;
        }
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Every record that can be reached from `start`, but for `start` itself.
    pub(crate) fn reached_from(&self, start: RecordId) -> HashSet<RecordId> {
        let mut reached = HashSet::new();
        let mut waiting = vec![start];
        while let Some(id) = waiting.pop() {
            for next in self.next.get(&id).into_iter().flatten() {
                if *next != start && reached.insert(*next) {
                    waiting.push(*next);
                }
            }
        }
        reached
    }
}

/// Whether two JSON values are the same. Numbers keep their value, not their notation: a language with one type of
/// number writes 1.0 as 1.
pub(crate) fn same_json(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same_json(a, b)))
        }
        (a, b) => a == b,
    }
}
