use serde_json::json;

use super::*;
use crate::ErrorKind;
use crate::store::{Expect, Field, FieldKind, MemoryStore, Schema};
use crate::types::{RecordId, Version};

const HEADS: Table = Table::new(&Schema {
    name: "heads",
    fields: &[Field::new("tenant", FieldKind::Text)],
    indexes: &[],
    owns_cells: true,
});
const EVENTS: Table = Table::new(&Schema {
    name: "events",
    fields: &[Field::new("tenant", FieldKind::Text)],
    indexes: &[],
    owns_cells: false,
});

fn put(table: Table, number: u32, expect: Expect) -> RecordOp {
    let body = json!({"tenant": if number.is_multiple_of(2) { "even" } else { "odd" }, "number": number, "half": 0.5});
    let body = body.as_object().cloned().unwrap_or_default();
    RecordOp::Put { table, id: RecordId::new(&number.to_be_bytes()).unwrap(), expect, body }
}

fn owner_of(number: u32) -> Owner {
    let tenant = TenantId::new(if number.is_multiple_of(2) { "even" } else { "odd" }).unwrap();
    Owner { tenant, table: HEADS, id: RecordId::new(&number.to_be_bytes()).unwrap() }
}

/// 150 heads and 150 events, all written twice; head 7 owns 2,500 cells, head 8 one of 9 MiB and one of 64 bytes of
/// name.
fn source() -> MemoryStore {
    let store = MemoryStore::new();
    for expect in [Expect::Absent, Expect::At(Version::FIRST)] {
        let records = (0..150).flat_map(|number| [put(HEADS, number, expect), put(EVENTS, number, expect)]);
        store.commit(&Batch { records: records.collect(), ..Batch::default() }).unwrap();
    }
    let mut batch = Batch::new();
    for number in 0..2_500_u32 {
        batch.put_cell(owner_of(7), CellName::new(&number.to_be_bytes()).unwrap(), vec![7; 9]);
    }
    batch.put_cell(owner_of(8), CellName::new(&[0]).unwrap(), vec![8; 9 << 20]);
    batch.put_cell(owner_of(8), CellName::new(&[0xff; 64]).unwrap(), Vec::new());
    store.commit(&batch).unwrap();
    store
}

#[test]
fn everything_is_carried_over_with_its_version() {
    let (from, to) = (source(), MemoryStore::new());
    let report = copy(&from, &to, &[HEADS, EVENTS, HEADS]).unwrap();
    assert_eq!(report, CopyReport { records: 300, cells: 2_502, cell_bytes: 2_500 * 9 + (9 << 20) });
    let read = [Read::Record { table: HEADS, id: owner_of(3).id }];
    let answers = to.read(&read).unwrap();
    assert_eq!(answers, from.read(&read).unwrap());
    assert!(matches!(&answers[..], [Answer::Record { record: Some(record) }] if record.version.get() == 2));
}

#[test]
fn a_store_that_holds_records_is_refused() {
    let error = copy(&MemoryStore::new(), &source(), &[EVENTS]).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("to")));
}

#[test]
fn a_head_without_a_tenant_is_corrupt() {
    let from = MemoryStore::new();
    let id = RecordId::new(&[1]).unwrap();
    let body = serde_json::Map::new();
    let records = vec![RecordOp::Put { table: HEADS, id, expect: Expect::Absent, body }];
    from.commit(&Batch { records, ..Batch::default() }).unwrap();
    let error = copy(&from, &MemoryStore::new(), &[HEADS]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

/// Takes part of what it is given, and acknowledges all of it.
#[derive(Debug)]
struct Lossy {
    inner: MemoryStore,
    drops_cells: bool,
}

impl Store for Lossy {
    fn capabilities(&self) -> crate::store::Capabilities {
        self.inner.capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        self.inner.read(reads)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut batch = batch.clone();
        if self.drops_cells {
            batch.cells.truncate(3)
        } else {
            batch.records.truncate(3)
        }
        self.inner.commit(&batch)
    }

    fn maintain(&self, budget: crate::store::Budget) -> Result<crate::store::Maintained, StoreError> {
        self.inner.maintain(budget)
    }
}

#[test]
fn what_the_target_lost_is_found() {
    for drops_cells in [false, true] {
        let to = Lossy { inner: MemoryStore::new(), drops_cells };
        assert_eq!(copy(&source(), &to, &[HEADS]).unwrap_err().kind(), ErrorKind::Corrupt, "{drops_cells}");
    }
}

#[test]
fn a_name_has_a_successor_but_the_last() {
    let name = |bytes: &[u8]| CellName::new(bytes).unwrap();
    assert_eq!(name(&[1]).successor(), Some(name(&[1, 0])));
    let mut full = [0xff; 64];
    assert_eq!(name(&full).successor(), None);
    full[62] = 4;
    assert_eq!(name(&full).successor(), Some(name(&[&full[..62], &[5]].concat())));
}
