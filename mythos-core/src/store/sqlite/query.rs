//! Queries as SQL: every value is a bound parameter, every name comes from a declaration.

use rusqlite::types::Value;

use super::layout::{column, side_table};
use crate::store::evaluate::compare;
use crate::store::{Cursor, Direction, Filter, Query, Scalar, Table, Walk};
use crate::types::RecordId;

/// A statement and the values of its parameters, in their order.
#[derive(Debug, Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

/// The page of `query`, as statements that each miss a last parameter, the limit.
///
/// The page is what they give one after the other. A cursor divides an order that has nulls into the nulls and the
/// others, each of which an index gives in order; one statement with `OR` would have to sort.
pub(super) fn page(query: &Query) -> Vec<Sql> {
    segments(query).into_iter().map(|segment| page_segment(query, &segment)).collect()
}

/// At most `limit` values of the field `by`, or nulls, one for each record that passes.
pub(super) fn values(table: Table, filters: &[Filter], by: &str, limit: i64) -> Sql {
    let mut sql =
        Sql { text: format!("SELECT {} FROM \"{}\" AS t", scalar(by), table.name()), values: vec![] };
    sql.push_conditions(table, filters, &[]);
    sql.push_limit(limit);
    sql
}

/// How many records pass, counting no further than `limit`.
pub(super) fn total(table: Table, filters: &[Filter], limit: i64) -> Sql {
    let mut sql = Sql {
        text: format!("SELECT count(*) FROM (SELECT 1 FROM \"{}\" AS t", table.name()),
        values: vec![],
    };
    sql.push_conditions(table, filters, &[]);
    sql.push_limit(limit);
    sql.text.push(')');
    sql
}

/// A stretch of an order that an index gives in order.
enum Segment<'a> {
    /// All of it.
    Whole,
    /// What follows a place whose value is not null, as far as the value is not null.
    Behind(&'a Cursor),
    /// What has a value.
    Values,
    /// What has none, behind an id if there is one.
    Nulls(Option<RecordId>),
}

fn segments(query: &Query) -> Vec<Segment<'_>> {
    let Some(cursor) = &query.after else { return vec![Segment::Whole] };
    match (&query.order.field, &cursor.value, query.order.direction) {
        (None, ..) | (_, Scalar::Null, Direction::Descending) => vec![Segment::Nulls(Some(cursor.id))],
        (Some(_), Scalar::Null, Direction::Ascending) => {
            vec![Segment::Nulls(Some(cursor.id)), Segment::Values]
        }
        (Some(_), _, Direction::Ascending) => vec![Segment::Behind(cursor)],
        (Some(_), _, Direction::Descending) => vec![Segment::Behind(cursor), Segment::Nulls(None)],
    }
}

fn page_segment(query: &Query, segment: &Segment<'_>) -> Sql {
    let (direction, beyond) = match query.order.direction {
        Direction::Ascending => ("ASC", ">"),
        Direction::Descending => ("DESC", "<"),
    };
    let field = query.order.field.as_deref().map(scalar);
    let mut sql = Sql {
        text: format!("SELECT t.id, t.version, t.body FROM \"{}\" AS t", query.table.name()),
        values: vec![],
    };
    let mut place = Sql::default();
    let mut order = format!(" ORDER BY t.id {direction}");
    match (segment, &field) {
        (Segment::Behind(cursor), Some(field)) => {
            place.text = format!("({field}, t.id) {beyond} (?, ?)");
            place.values = vec![value(&cursor.value), id_value(cursor.id)];
        }
        (Segment::Nulls(id), _) => {
            if let Some(field) = &field {
                place.text = format!("{field} IS NULL");
            }
            if let Some(id) = id {
                let and = if field.is_some() { " AND " } else { "" };
                place.text.push_str(&format!("{and}t.id {beyond} ?"));
                place.values.push(id_value(*id));
            }
        }
        (Segment::Values, Some(field)) => place.text = format!("{field} IS NOT NULL"),
        (Segment::Whole | Segment::Behind(_) | Segment::Values, _) => {}
    }
    if let (Some(field), false) = (&field, matches!(segment, Segment::Nulls(_))) {
        order = format!(" ORDER BY {field} {direction}, t.id {direction}");
    }
    let filters: Vec<_> = query.filters.iter().map(|filter| without_passed_bound(filter, query)).collect();
    let place = if place.text.is_empty() { vec![] } else { vec![place] };
    sql.push_conditions(query.table, &filters, &place);
    sql.text.push_str(&order);
    sql.text.push_str(" LIMIT ?");
    sql
}

/// Drops the bound of a range that the cursor already lies behind: an index can start from one bound only, and it is
/// the cursor that makes deep pages as quick as the first.
fn without_passed_bound(filter: &Filter, query: &Query) -> Filter {
    let (Filter::Range { field, min, below }, Some(cursor)) = (filter, &query.after) else {
        return filter.clone();
    };
    let (mut min, mut below) = (min.clone(), below.clone());
    if query.order.field.as_ref() == Some(field) && cursor.value != Scalar::Null {
        match query.order.direction {
            Direction::Ascending => min = min.filter(|min| compare(min, &cursor.value).is_gt()),
            Direction::Descending => below = below.filter(|below| compare(below, &cursor.value).is_lt()),
        }
    }
    Filter::Range { field: field.clone(), min, below }
}

impl Sql {
    fn push_conditions(&mut self, table: Table, filters: &[Filter], more: &[Self]) {
        let filters: Vec<_> = filters.iter().map(|filter| condition(table, filter)).collect();
        let all: Vec<_> = filters.iter().chain(more).collect();
        if !all.is_empty() {
            self.text.push_str(" WHERE ");
            self.push_all(&all);
        }
    }

    /// Joins conditions by `AND` as a balanced tree: SQLite bounds the depth of an expression, not its size.
    fn push_all(&mut self, conditions: &[&Self]) {
        match conditions {
            [] => {}
            [condition] => {
                self.text.push_str(&condition.text);
                self.values.extend_from_slice(&condition.values);
            }
            _ => {
                let (left, right) = conditions.split_at(conditions.len() / 2);
                self.text.push('(');
                self.push_all(left);
                self.text.push_str(" AND ");
                self.push_all(right);
                self.text.push(')');
            }
        }
    }

    fn push_limit(&mut self, limit: i64) {
        self.text.push_str(" LIMIT ?");
        self.values.push(Value::Integer(limit));
    }
}

fn condition(table: Table, filter: &Filter) -> Sql {
    match filter {
        Filter::In { field, values } => match values.as_slice() {
            [] => Sql { text: "FALSE".to_owned(), values: vec![] },
            [one] => Sql { text: format!("{} = ?", scalar(field)), values: vec![value(one)] },
            many => Sql {
                text: format!("{} IN ({})", scalar(field), marks(many.len())),
                values: many.iter().map(value).collect(),
            },
        },
        Filter::Range { field, min, below } => {
            let field = scalar(field);
            let text = match (min, below) {
                (Some(_), Some(_)) => format!("({field} >= ? AND {field} < ?)"),
                (Some(_), None) => format!("{field} >= ?"),
                (None, Some(_)) => format!("{field} < ?"),
                (None, None) => format!("{field} IS NOT NULL"),
            };
            Sql { text, values: [min, below].into_iter().flatten().map(value).collect() }
        }
        Filter::Null { field, is_null } => {
            let not = if *is_null { "" } else { " NOT" };
            Sql { text: format!("{} IS{not} NULL", scalar(field)), values: vec![] }
        }
        Filter::TagsAll { field, tags } => {
            let mut tags = tags.clone();
            tags.sort_unstable();
            tags.dedup();
            let count = tags.len();
            members(table, field, tags, &format!("= {count}"))
        }
        Filter::TagsAny { field, tags } => members(table, field, tags.clone(), "> 0"),
        Filter::TagsNone { field, tags } => members(table, field, tags.clone(), "= 0"),
        Filter::Reach { field, start, walk } => reach(table, field, *start, *walk),
        // Declined in the capabilities; never asked for.
        Filter::Text { .. } => Sql { text: "FALSE".to_owned(), values: vec![] },
    }
}

/// Counts which of `tags` a record has. A scalar subquery is looked up once per record in the order of the page; a
/// join could be turned round by the planner, which then had to sort.
fn members(table: Table, field: &str, tags: Vec<String>, holds: &str) -> Sql {
    Sql {
        text: format!(
            "(SELECT count(*) FROM \"{}\" AS s WHERE s.value IN ({}) AND s.record = t.record) {holds}",
            side_table(table, field),
            marks(tags.len())
        ),
        values: tags.into_iter().map(Value::Text).collect(),
    }
}

/// Walks the edges; `UNION` visits each record once, so that a cycle ends.
fn reach(table: Table, field: &str, start: RecordId, walk: Walk) -> Sql {
    let (name, side) = (table.name(), side_table(table, field));
    let step = match walk {
        Walk::Ancestors => format!(
            "SELECT e.value FROM reached CROSS JOIN \"{name}\" AS r ON r.id = reached.id
             CROSS JOIN \"{side}\" AS e ON e.record = r.record"
        ),
        Walk::Descendants => format!(
            "SELECT r.id FROM reached CROSS JOIN \"{side}\" AS e ON e.value = reached.id
             CROSS JOIN \"{name}\" AS r ON r.record = e.record"
        ),
    };
    Sql {
        text: format!(
            "(t.id <> ? AND t.id IN (WITH RECURSIVE reached(id) AS (SELECT ? UNION {step}) SELECT id FROM reached))"
        ),
        values: vec![id_value(start), id_value(start)],
    }
}

fn scalar(field: &str) -> String {
    format!("t.\"{}\"", column(field))
}

fn marks(count: usize) -> String {
    let mut marks = "?, ".repeat(count);
    marks.truncate(marks.len().saturating_sub(2));
    marks
}

fn value(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(boolean) => Value::Integer(i64::from(*boolean)),
        Scalar::Integer(integer) => Value::Integer(*integer),
        Scalar::Real(real) => Value::Real(*real),
        Scalar::Text(text) => Value::Text(text.clone()),
    }
}

fn id_value(id: RecordId) -> Value {
    Value::Blob(id.as_bytes().to_vec())
}
