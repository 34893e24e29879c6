use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cell, Field, FieldKind, Names, Owner, Record, Table};
use crate::error::{Error, Result};
use crate::types::{MAX_SAFE_INTEGER, RecordId, Timestamp};

/// The most records of one page.
pub const MAX_PAGE_RECORDS: u32 = 10_000;

/// The most values, tags or filters of one query.
const MAX_TERMS: usize = 1_000;

/// The most values of all filters of a query together: SQL databases bind a bounded number (SQLite 32,766).
const MAX_TERMS_TOGETHER: usize = 10_000;

/// One question to a store.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Read {
    /// The record of that id, if it exists.
    Record {
        /// The record's table.
        table: Table,
        /// The record.
        id: RecordId,
    },
    /// A page of records.
    Page(Query),
    /// How many records pass the filters, by the values of a field.
    Count {
        /// The table.
        table: Table,
        /// What the records must pass, all of it.
        filters: Vec<Filter>,
        /// A scalar field to group by; `None` for one total.
        by: Option<String>,
        /// At most so many records are counted, whichever the store meets first; the answer says if there are more.
        cap: u64,
    },
    /// Cells of one owner.
    Cells {
        /// Who owns them.
        owner: Owner,
        /// Which.
        names: Names,
        /// The answer ends before the cell that would bring its bytes over this.
        max_bytes: u64,
    },
}

/// A page of records: what passes all filters, in one order, after a cursor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Query {
    /// The table.
    pub table: Table,
    /// What the records must pass, all of it.
    pub filters: Vec<Filter>,
    /// The order, ties broken by id in the same direction.
    pub order: Order,
    /// Only records behind this place.
    pub after: Option<Cursor>,
    /// At most so many records, 1 to [`MAX_PAGE_RECORDS`].
    pub limit: u32,
}

/// The order of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Order {
    /// A scalar field, null first when ascending; `None` orders by id alone.
    pub field: Option<String>,
    /// Which end first.
    pub direction: Direction,
}

/// Which end of an order comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// The place behind a record in an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The record's value of the order's field; [`Scalar::Null`] if ordered by id.
    pub value: Scalar,
    /// The record.
    pub id: RecordId,
}

/// A value of a scalar field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// No value.
    Null,
    /// A boolean.
    Boolean(bool),
    /// An integer of at most 53 bits and a sign.
    Integer(i64),
    /// A finite number.
    Real(f64),
    /// A string.
    Text(String),
}

/// What a record must pass. Comparisons are never true of null, except [`Filter::Null`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Filter {
    /// The field equals one of the values.
    In {
        /// A scalar field.
        field: String,
        /// The values; none passes nothing.
        values: Vec<Scalar>,
    },
    /// The field lies between two values.
    Range {
        /// A scalar field.
        field: String,
        /// At least this.
        min: Option<Scalar>,
        /// Less than this.
        below: Option<Scalar>,
    },
    /// The field is null or absent.
    Null {
        /// Any field.
        field: String,
        /// `false` turns the filter round: the field has a value.
        is_null: bool,
    },
    /// The field holds all of these tags.
    TagsAll {
        /// A field of tags.
        field: String,
        /// The tags; none passes everything.
        tags: Vec<String>,
    },
    /// The field holds any of these tags.
    TagsAny {
        /// A field of tags.
        field: String,
        /// The tags; none passes nothing.
        tags: Vec<String>,
    },
    /// The field holds none of these tags.
    TagsNone {
        /// A field of tags.
        field: String,
        /// The tags; none passes everything.
        tags: Vec<String>,
    },
    /// The text contains every word of the query, whole, without regard to case. Words are the longest runs of
    /// alphanumeric characters (Unicode); case is folded by `char::to_lowercase`. A query without words passes nothing.
    Text {
        /// A text field.
        field: String,
        /// The words.
        query: String,
    },
    /// The record can be reached from another over a field of edges, through any records of the table; the start
    /// itself is not passed, also in a cycle. Neither the start nor what edges name need exist.
    Reach {
        /// A field of edges.
        field: String,
        /// Where to start.
        start: RecordId,
        /// Which way along the edges.
        walk: Walk,
    },
}

/// Which way [`Filter::Reach`] walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Walk {
    /// To the records that the edges name.
    Ancestors,
    /// To the records whose edges name this one.
    Descendants,
}

/// The answer to a [`Read`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// To [`Read::Record`].
    Record {
        /// The record, if it exists.
        record: Option<Record>,
    },
    /// To [`Read::Page`].
    Page {
        /// At most as many as asked for; fewer only if there are no more.
        records: Vec<Record>,
    },
    /// To [`Read::Count`].
    Count {
        /// Ascending by value; one group with [`Scalar::Null`] when no field was named. Groups of none are left out,
        /// also the total's.
        groups: Vec<Group>,
        /// Whether more records pass than the cap; the counts then add up to the cap.
        capped: bool,
    },
    /// To [`Read::Cells`].
    Cells {
        /// In order of names.
        cells: Vec<Cell>,
        /// Whether `max_bytes` ended the answer before a cell that was asked for.
        more: bool,
    },
}

/// One group of a count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The value of the field.
    pub value: Scalar,
    /// How many records have it.
    pub count: u64,
}

impl Query {
    /// The first 100 records of `table`, by ascending id; narrowed and ordered by the methods below.
    #[must_use]
    pub fn new(table: Table) -> Self {
        let order = Order { field: None, direction: Direction::Ascending };
        Self { table, filters: Vec::new(), order, after: None, limit: 100 }
    }

    /// Adds a filter.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Orders by a field.
    #[must_use]
    pub fn order_by(mut self, field: impl Into<String>, direction: Direction) -> Self {
        self.order = Order { field: Some(field.into()), direction };
        self
    }

    /// Continues behind a record.
    #[must_use]
    pub fn after(mut self, cursor: Option<Cursor>) -> Self {
        self.after = cursor;
        self
    }

    /// Only records whose `field`, if a value is given, equals it.
    pub(crate) fn equals<S: Into<Scalar>>(self, field: &str, value: Option<S>) -> Self {
        match value {
            Some(value) => self.filter(Filter::equals(field, value)),
            None => self,
        }
    }

    /// Only records created at `since` or later and before `before`, as far as they are given.
    pub(crate) fn created(self, since: Option<Timestamp>, before: Option<Timestamp>) -> Self {
        if since.is_none() && before.is_none() {
            return self;
        }
        let text = |moment: Timestamp| Scalar::Text(moment.to_string());
        let (min, below) = (since.map(text), before.map(text));
        self.filter(Filter::Range { field: "created_at".to_owned(), min, below })
    }

    /// Sets the number of records of a page.
    #[must_use]
    pub const fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// The place behind `record` in this query's order.
    #[must_use]
    pub fn cursor(&self, record: &Record) -> Cursor {
        let value = match &self.order.field {
            Some(field) => Scalar::of(record.body.get(field).unwrap_or(&Value::Null)),
            None => Scalar::Null,
        };
        Cursor { value, id: record.id }
    }

    /// Checks that the fields exist, have the right kinds, and the bounds hold, so that a store need not.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) or [`ErrorKind::Limit`](crate::ErrorKind::Limit), with the
    /// field.
    pub fn validate(&self) -> Result<()> {
        if !(1..=MAX_PAGE_RECORDS).contains(&self.limit) {
            let message = format!("a page has 1 to {MAX_PAGE_RECORDS} records, not {}", self.limit);
            return Err(Error::limit("limit", message));
        }
        if let Some(name) = &self.order.field {
            let field = scalar_field(self.table, name)?;
            if let Some(cursor) = &self.after {
                validate_scalar(field, &cursor.value, true)?;
            }
        } else if self.after.as_ref().is_some_and(|cursor| cursor.value != Scalar::Null) {
            return Err(Error::invalid("after", "a cursor of an order by id has no value"));
        }
        validate_filters(self.table, &self.filters)
    }
}

impl Read {
    /// Checks that the fields exist, have the right kinds, and the bounds hold, so that a store need not.
    ///
    /// # Errors
    /// As [`Query::validate`].
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Record { .. } => Ok(()),
            Self::Page(query) => query.validate(),
            Self::Count { table, filters, by, .. } => {
                by.as_deref().map_or(Ok(()), |by| scalar_field(*table, by).map(drop))?;
                validate_filters(*table, filters)
            }
            Self::Cells { names: Names::These { names }, .. } => bounded("names", names.len()),
            Self::Cells { .. } => Ok(()),
        }
    }
}

impl Filter {
    /// The field equals `value`.
    pub fn equals(field: impl Into<String>, value: impl Into<Scalar>) -> Self {
        Self::In { field: field.into(), values: vec![value.into()] }
    }
}

impl Scalar {
    /// The scalar in a JSON value; arrays and objects have none and give `Null`.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Bool(boolean) => Self::Boolean(*boolean),
            Value::Number(number) => {
                number.as_i64().map_or_else(|| number.as_f64().map_or(Self::Null, Self::Real), Self::Integer)
            }
            Value::String(text) => Self::Text(text.clone()),
            Value::Null | Value::Array(_) | Value::Object(_) => Self::Null,
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Scalar {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<i64> for Scalar {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<f64> for Scalar {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}

fn no_nul(field: &'static str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::invalid(field, format!("a filter of field {field} contains U+0000")));
    }
    Ok(())
}

fn bounded(what: &'static str, length: usize) -> Result<()> {
    if length > MAX_TERMS {
        return Err(Error::limit(what, format!("a read names at most {MAX_TERMS} {what}, not {length}")));
    }
    Ok(())
}

fn declared_field(table: Table, name: &str) -> Result<Field> {
    table
        .schema()
        .field(name)
        .ok_or_else(|| Error::invalid(name, format!("table {} declares no field {name:?}", table.name())))
}

fn scalar_field(table: Table, name: &str) -> Result<Field> {
    let field = declared_field(table, name)?;
    if field.kind.is_scalar() { Ok(field) } else { Err(wrong_kind(field, "a scalar")) }
}

fn field_of_kind(table: Table, name: &str, kind: FieldKind) -> Result<Field> {
    let field = declared_field(table, name)?;
    if field.kind == kind { Ok(field) } else { Err(wrong_kind(field, &format!("of kind {kind:?}"))) }
}

fn wrong_kind(field: Field, wanted: &str) -> Error {
    Error::invalid(field.name, format!("field {} is {:?}, not {wanted}", field.name, field.kind))
}

fn validate_scalar(field: Field, scalar: &Scalar, null_is_fine: bool) -> Result<()> {
    let fits = match (field.kind, scalar) {
        (_, Scalar::Null) => null_is_fine,
        (FieldKind::Text, Scalar::Text(text)) => !text.contains('\0'),
        (FieldKind::Integer | FieldKind::Real, Scalar::Integer(integer)) => {
            integer.unsigned_abs() <= MAX_SAFE_INTEGER
        }
        (FieldKind::Real, Scalar::Real(real)) => real.is_finite(),
        (FieldKind::Boolean, Scalar::Boolean(_)) => true,
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        let message = format!("field {} is {:?} and never compares to {scalar:?}", field.name, field.kind);
        Err(Error::invalid(field.name, message))
    }
}

fn validate_filters(table: Table, filters: &[Filter]) -> Result<()> {
    bounded("filters", filters.len())?;
    let terms = filters.iter().map(|filter| match filter {
        Filter::In { values, .. } => values.len(),
        Filter::TagsAll { tags, .. } | Filter::TagsAny { tags, .. } | Filter::TagsNone { tags, .. } => {
            tags.len()
        }
        _ => 2,
    });
    let terms: usize = terms.sum();
    if terms > MAX_TERMS_TOGETHER {
        let message = format!("the filters of a read have at most {MAX_TERMS_TOGETHER} values, not {terms}");
        return Err(Error::limit("filters", message));
    }
    for filter in filters {
        match filter {
            Filter::In { field, values } => {
                let field = scalar_field(table, field)?;
                bounded("values", values.len())?;
                values.iter().try_for_each(|value| validate_scalar(field, value, false))?;
            }
            Filter::Range { field, min, below } => {
                let field = scalar_field(table, field)?;
                for value in [min, below].into_iter().flatten() {
                    validate_scalar(field, value, false)?;
                }
            }
            Filter::Null { field, .. } => drop(declared_field(table, field)?),
            Filter::TagsAll { field, tags }
            | Filter::TagsAny { field, tags }
            | Filter::TagsNone { field, tags } => {
                let field = field_of_kind(table, field, FieldKind::Tags)?;
                bounded("tags", tags.len())?;
                tags.iter().try_for_each(|tag| no_nul(field.name, tag))?;
            }
            Filter::Text { field, query } => {
                let field = field_of_kind(table, field, FieldKind::Text)?;
                bounded("words", query.split_whitespace().count())?;
                no_nul(field.name, query)?;
            }
            Filter::Reach { field, .. } => drop(field_of_kind(table, field, FieldKind::Edges)?),
        }
    }
    Ok(())
}
