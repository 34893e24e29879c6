//! The language of the cases: what a step can say, as serde reads it from `cases/*.json`.
//!
//! Its documentation for readers and writers of cases is `cases/README.md`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Obligation;
use super::tables::{OTHERS, THINGS};
use crate::store::{
    Batch, CellName, CellOp, Check, Cursor, Direction, Expect, Filter, Names, Order, Owner, Query, Read,
    RecordOp, Scalar, Table, Walk,
};
use crate::types::{RecordId, TenantId, Version};

/// One file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) obligation: Obligation,
    pub(super) cases: Vec<FileCase>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileCase {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Step {
    /// Commits a batch.
    Commit(Commit),
    /// Makes all the reads in one call.
    Read(Vec<Asked>),
    /// Makes one read that is refused.
    RefusedRead { read: Asked, fails: Fails, field: Option<String> },
    /// Follows the cursors of a query to the last page.
    Pages(Page),
    /// Closes the store and opens it again.
    Reopen,
    /// Calls `maintain` until it is done, at most `rounds` times.
    Maintain { max_bytes: u64, rounds: u32 },
    /// Several threads commit the same expectation at once; one wins.
    Race { contenders: u32, rounds: u32, expect: Contended },
    /// One thread writes a record, its twin and a cell of theirs together; another one reads them together.
    Watch { commits: u32, with: Watched },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Contended {
    Absent,
    Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Watched {
    Record,
    Page,
    Cells,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fails {
    Conflict,
    CellConflict,
    Invalid,
    Limit,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Commit {
    checks: Vec<CheckLine>,
    records: Vec<RecordLine>,
    cells: Vec<CellLine>,
    pub(super) fails: Option<Fails>,
    /// The record that a conflict must name.
    pub(super) on: Option<RecordId>,
    /// The field that a refusal must name.
    pub(super) field: Option<String>,
}

impl Commit {
    pub(super) fn batch(&self) -> Batch {
        let checks = self.checks.iter().map(|check| Check {
            table: check.table.table(),
            id: check.id,
            expect: check.expect.expect(),
        });
        Batch {
            checks: checks.collect(),
            records: self.records.iter().flat_map(RecordLine::ops).collect(),
            cells: self.cells.iter().flat_map(CellLine::ops).collect(),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TableName {
    #[default]
    Things,
    Others,
}

impl TableName {
    const fn table(self) -> Table {
        match self {
            Self::Things => THINGS,
            Self::Others => OTHERS,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(untagged)]
enum Expected {
    At(Version),
    #[default]
    #[serde(with = "absent")]
    Absent,
}

/// Only the word `absent` stands for the absence of a record.
mod absent {
    use serde::{Deserialize, Deserializer, de::Error};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "absent" => Ok(()),
            other => Err(Error::custom(format!("{other:?} is neither a version nor \"absent\""))),
        }
    }
}

impl Expected {
    const fn expect(self) -> Expect {
        match self {
            Self::Absent => Expect::Absent,
            Self::At(version) => Expect::At(version),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckLine {
    #[serde(default)]
    table: TableName,
    id: RecordId,
    expect: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum RecordLine {
    Put {
        #[serde(default)]
        table: TableName,
        id: RecordId,
        #[serde(default)]
        expect: Expected,
        #[serde(default)]
        body: Map<String, Value>,
    },
    Import {
        #[serde(default)]
        table: TableName,
        id: RecordId,
        version: Version,
        #[serde(default)]
        body: Map<String, Value>,
    },
    Delete {
        #[serde(default)]
        table: TableName,
        id: RecordId,
        version: Version,
    },
    Series {
        #[serde(default)]
        table: TableName,
        count: u32,
        #[serde(default)]
        expect: Expected,
        #[serde(default)]
        body: Map<String, Value>,
    },
}

impl RecordLine {
    fn ops(&self) -> Vec<RecordOp> {
        match self {
            Self::Put { table, id, expect, body } => vec![RecordOp::Put {
                table: table.table(),
                id: *id,
                expect: expect.expect(),
                body: body.clone(),
            }],
            Self::Import { table, id, version, body } => {
                vec![RecordOp::Import {
                    table: table.table(),
                    id: *id,
                    version: *version,
                    body: body.clone(),
                }]
            }
            Self::Delete { table, id, version } => {
                vec![RecordOp::Delete { table: table.table(), id: *id, version: *version }]
            }
            Self::Series { table, count, expect, body } => (0..*count)
                .map(|number| RecordOp::Put {
                    table: table.table(),
                    id: series_id(number),
                    expect: expect.expect(),
                    body: body.iter().map(|(key, value)| (key.clone(), instantiate(value, number))).collect(),
                })
                .collect(),
        }
    }
}

/// The id of the record of that number in a series: four bytes, so that the order of ids is that of numbers.
pub(super) fn series_id(number: u32) -> RecordId {
    RecordId::from_short(&number.to_be_bytes())
}

/// Fills the number of a record into the template of its series: `"$i"` is the number, `"$i%7"` its remainder,
/// `"$previous"` the id of the record before (in an array: nothing for the first).
fn instantiate(template: &Value, number: u32) -> Value {
    match template {
        Value::String(text) if text == "$i" => number.into(),
        Value::String(text) => match text.strip_prefix("$i%").and_then(|divisor| divisor.parse::<u32>().ok())
        {
            Some(divisor) => (number % divisor.max(1)).into(),
            None => text.replace("$i", &number.to_string()).into(),
        },
        Value::Array(items) => items
            .iter()
            .filter_map(|item| match item {
                Value::String(text) if text == "$previous" => {
                    number.checked_sub(1).map(|previous| series_id(previous).to_string().into())
                }
                other => Some(instantiate(other, number)),
            })
            .collect(),
        other => other.clone(),
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OwnerLine {
    tenant: TenantId,
    table: TableName,
    id: RecordId,
}

impl Default for OwnerLine {
    fn default() -> Self {
        Self { tenant: TenantId::default(), table: TableName::Things, id: RecordId::from_short(&[1]) }
    }
}

impl OwnerLine {
    pub(super) fn owner(&self) -> Owner {
        Owner { tenant: self.tenant.clone(), table: self.table.table(), id: self.id }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NamesLine {
    these: Option<Vec<CellName>>,
    from: Option<CellName>,
    until: Option<CellName>,
    limit: Option<u32>,
    reverse: bool,
}

impl NamesLine {
    fn names(&self) -> Names {
        match &self.these {
            Some(names) => Names::These { names: names.clone() },
            None => Names::Range {
                from: self.from,
                until: self.until,
                limit: self.limit.unwrap_or(u32::MAX),
                reverse: self.reverse,
            },
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum CellLine {
    Put {
        #[serde(default)]
        owner: OwnerLine,
        name: CellName,
        bytes: Content,
    },
    Delete {
        #[serde(default)]
        owner: OwnerLine,
        #[serde(default)]
        names: NamesLine,
    },
    Series {
        #[serde(default)]
        owner: OwnerLine,
        count: u32,
        bytes: Content,
    },
}

impl CellLine {
    fn ops(&self) -> Vec<CellOp> {
        match self {
            Self::Put { owner, name, bytes } => {
                vec![CellOp::Put { owner: owner.owner(), name: *name, bytes: bytes.bytes() }]
            }
            Self::Delete { owner, names } => {
                vec![CellOp::Delete { owner: owner.owner(), names: names.names() }]
            }
            Self::Series { owner, count, bytes } => (0..*count)
                .map(|number| CellOp::Put {
                    owner: owner.owner(),
                    name: series_name(number),
                    bytes: bytes.bytes(),
                })
                .collect(),
        }
    }
}

/// The name of the cell of that number in a series: four bytes, in order.
pub(super) fn series_name(number: u32) -> CellName {
    CellName::from(series_id(number))
}

/// Bytes: hexadecimal text, or a pattern that is repeated.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Hex(String),
    Repeated { repeat: String, times: usize },
}

impl Content {
    fn pattern(&self) -> (Vec<u8>, usize) {
        let (hex, times) = match self {
            Self::Hex(hex) => (hex, 1),
            Self::Repeated { repeat, times } => (repeat, *times),
        };
        let bytes = crate::types::decode_hex("bytes", hex, usize::MAX / 2);
        (bytes.unwrap_or_else(|error| panic!("a conformance case is not readable: {error}")), times)
    }

    fn bytes(&self) -> Vec<u8> {
        let (pattern, times) = self.pattern();
        pattern.repeat(times)
    }

    /// Whether `bytes` are these, without building them: cells may be large.
    pub(super) fn equals(&self, bytes: &[u8]) -> bool {
        let (pattern, times) = self.pattern();
        bytes.len() == pattern.len() * times
            && (pattern.is_empty() || bytes.chunks_exact(pattern.len()).all(|chunk| chunk == pattern))
    }
}

/// A read and the answer it must get.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Asked {
    Record {
        #[serde(default)]
        table: TableName,
        id: RecordId,
        gives: Option<Given>,
    },
    Page(Page),
    Count {
        #[serde(default)]
        table: TableName,
        #[serde(default)]
        filters: Vec<FilterLine>,
        by: Option<String>,
        #[serde(default = "no_cap")]
        cap: u64,
        #[serde(default)]
        gives: Vec<(Scalar, u64)>,
        #[serde(default)]
        capped: bool,
    },
    Cells {
        #[serde(default)]
        owner: OwnerLine,
        #[serde(default)]
        names: NamesLine,
        #[serde(default = "no_cap")]
        max_bytes: u64,
        #[serde(default)]
        gives: Vec<(CellName, Content)>,
        #[serde(default)]
        more: bool,
    },
}

const fn no_cap() -> u64 {
    1 << 40
}

impl Asked {
    pub(super) fn read(&self) -> Read {
        match self {
            Self::Record { table, id, .. } => Read::Record { table: table.table(), id: *id },
            Self::Page(page) => Read::Page(page.query()),
            Self::Count { table, filters, by, cap, .. } => Read::Count {
                table: table.table(),
                filters: filters.iter().map(FilterLine::filter).collect(),
                by: by.clone(),
                cap: *cap,
            },
            Self::Cells { owner, names, max_bytes, .. } => {
                Read::Cells { owner: owner.owner(), names: names.names(), max_bytes: *max_bytes }
            }
        }
    }
}

/// What must be read of a record; its version only if it is stated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    pub(super) version: Option<Version>,
    #[serde(default)]
    pub(super) body: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    table: TableName,
    #[serde(default)]
    filters: Vec<FilterLine>,
    order: Option<String>,
    #[serde(default)]
    descending: bool,
    after: Option<Cursor>,
    #[serde(default = "hundred")]
    limit: u32,
    #[serde(default)]
    pub(super) gives: Ids,
}

const fn hundred() -> u32 {
    100
}

impl Page {
    pub(super) fn query(&self) -> Query {
        let direction = if self.descending { Direction::Descending } else { Direction::Ascending };
        Query {
            table: self.table.table(),
            filters: self.filters.iter().map(FilterLine::filter).collect(),
            order: Order { field: self.order.clone(), direction },
            after: self.after.clone(),
            limit: self.limit,
        }
    }
}

/// The ids of the records of a page: a list, or a stretch of a series.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Ids {
    List(Vec<RecordId>),
    Series { first: u32, last: u32 },
}

impl Default for Ids {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Ids {
    pub(super) fn ids(&self) -> Vec<RecordId> {
        match self {
            Self::List(ids) => ids.clone(),
            Self::Series { first, last } if first <= last => (*first..=*last).map(series_id).collect(),
            Self::Series { first, last } => (*last..=*first).rev().map(series_id).collect(),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FilterLine {
    In(String, Vec<Scalar>),
    Range(String, Option<Scalar>, Option<Scalar>),
    Null(String, bool),
    TagsAll(String, Vec<String>),
    TagsAny(String, Vec<String>),
    TagsNone(String, Vec<String>),
    Text(String, String),
    Reach(String, RecordId, Walk),
}

impl FilterLine {
    fn filter(&self) -> Filter {
        match self.clone() {
            Self::In(field, values) => Filter::In { field, values },
            Self::Range(field, min, below) => Filter::Range { field, min, below },
            Self::Null(field, is_null) => Filter::Null { field, is_null },
            Self::TagsAll(field, tags) => Filter::TagsAll { field, tags },
            Self::TagsAny(field, tags) => Filter::TagsAny { field, tags },
            Self::TagsNone(field, tags) => Filter::TagsNone { field, tags },
            Self::Text(field, query) => Filter::Text { field, query },
            Self::Reach(field, start, walk) => Filter::Reach { field, start, walk },
        }
    }
}
