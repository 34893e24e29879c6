//! Whatever record body a batch accepts comes back through serde as it was, and has a canonical form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::canonical;
use mythos_core::store::{Batch, Expect, Field, FieldKind, Record, RecordOp, Schema, Table};
use mythos_core::types::{RecordId, Version};
use serde_json::{Map, Value};

/// One field of every kind; the names are short, so that the fuzzer finds them.
static SCHEMA: Schema = Schema {
    name: "fuzz",
    fields: &[
        Field::new("tenant", FieldKind::Text),
        Field::new("i", FieldKind::Integer),
        Field::new("r", FieldKind::Real),
        Field::new("b", FieldKind::Boolean),
        Field::new("t", FieldKind::Tags),
        Field::new("e", FieldKind::Edges),
    ],
    indexes: &[],
    owns_cells: false,
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Map<String, Value>>(bytes) else { return };
    let id = RecordId::new(b"fuzz").expect("an id of four bytes");
    let mut batch = Batch::new();
    let put = RecordOp::Put { table: Table::new(&SCHEMA), id, expect: Expect::Absent, body: body.clone() };
    batch.records.push(put);
    if batch.validate().is_err() {
        return;
    }
    canonical::to_vec(&body).expect("what a store accepts has a canonical form");
    let record = Record { id, version: Version::FIRST, body };
    let stored = serde_json::to_vec(&record).expect("a record has a JSON form");
    let read: Record = serde_json::from_slice(&stored).expect("a stored record can be read");
    assert_eq!(read, record);
});
