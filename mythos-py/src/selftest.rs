//! What the package's own tests reach through to its floor, before any service stands on it: the conversion of values,
//! the calls of a store, a panic.

use std::thread;

use mythos_core::store::{
    Answer, Batch, Budget, CellName, Direction, Emulated, Expect, Field, FieldKind, Filter, Maintained,
    Names, Owner, Query, Read, RecordOp, Schema, Store, StoreError, Table,
};
use mythos_core::types::{RecordId, TenantId, Timestamp};
use mythos_core::{Error, Result};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::{answer, call};
use crate::{convert, store};

/// A record type in small.
#[derive(Serialize, Deserialize)]
struct Sample {
    observed_at: Option<Timestamp>,
    label: Option<String>,
    json: Value,
}

/// Takes a sample in and gives it out again.
#[pyfunction]
#[pyo3(name = "_round_trip")]
pub(crate) fn round_trip<'py>(py: Python<'py>, sample: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let sample: Sample = convert::argument("sample", sample)?;
    answer(py, || Ok::<_, Error>(sample))
}

/// Panics inside a core call.
#[pyfunction]
#[pyo3(name = "_panic")]
pub(crate) fn panic(py: Python<'_>, message: &str) -> PyResult<()> {
    call(py, || -> Result<()> { panic!("{message}") })
}

const SAMPLES: Table = Table::new(&Schema {
    name: "samples",
    fields: &[Field::new("tenant", FieldKind::Text), Field::new("number", FieldKind::Integer)],
    indexes: &[&["tenant", "number"]],
    owns_cells: true,
});

/// Writes the record `name` with a cell, on a thread of Rust's own if `threaded`, reads both back with every kind of
/// read, and does housekeeping; gives back the answers.
#[pyfunction]
#[pyo3(name = "_exercise", signature = (store, name, *, threaded = false))]
pub(crate) fn exercise<'py>(
    py: Python<'py>,
    store: &Bound<'py, PyAny>,
    name: &str,
    threaded: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let store = Emulated::new(store::from_python(store)?);
    let (answers, maintained) = call(py, || {
        if !threaded {
            return write_and_read(&store, name);
        }
        thread::scope(|scope| match scope.spawn(|| write_and_read(&store, name)).join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    convert::to_python(py, &(answers, maintained))
}

fn write_and_read(store: &dyn Store, name: &str) -> Result<(Vec<Answer>, Maintained), StoreError> {
    let id = RecordId::new(name.as_bytes())?;
    let owner = Owner { tenant: TenantId::new("default")?, table: SAMPLES, id };
    let mut body = Map::new();
    body.insert("tenant".to_owned(), "default".into());
    body.insert("number".to_owned(), 7.into());
    body.insert("noted_at".to_owned(), Timestamp::UNIX_EPOCH.to_string().into());
    let mut batch = Batch::new();
    batch.records.push(RecordOp::Put { table: SAMPLES, id, expect: Expect::Absent, body });
    batch.put_cell(owner.clone(), CellName::new(b"cell")?, vec![0, 255]);
    store.commit(&batch)?;
    let filters = vec![Filter::equals("number", 7)];
    let mut page = Query::new(SAMPLES).order_by("number", Direction::Descending).limit(2);
    page.filters.clone_from(&filters);
    let answers = store.read(&[
        Read::Record { table: SAMPLES, id },
        Read::Page(page),
        Read::Count { table: SAMPLES, filters, by: Some("number".to_owned()), cap: u64::MAX },
        Read::Cells { owner, names: Names::all(), max_bytes: 1 << 20 },
    ])?;
    Ok((answers, store.maintain(Budget::default())?))
}
