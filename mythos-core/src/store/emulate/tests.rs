use serde_json::json;

use super::*;
use crate::ErrorKind;
use crate::store::{Expect, Field, FieldKind, MemoryStore, RecordOp, Schema};

const NOTES: Table = Table::new(&Schema {
    name: "notes",
    fields: &[
        Field::new("tenant", FieldKind::Text),
        Field::new("text", FieldKind::Text),
        Field::new("parents", FieldKind::Edges),
    ],
    indexes: &[],
    owns_cells: true,
});

fn id(byte: u8) -> RecordId {
    RecordId::new(&[byte]).unwrap()
}

fn note(number: u8, parents: &[u8]) -> RecordOp {
    let parents: Vec<_> = parents.iter().map(|parent| id(*parent).to_string()).collect();
    let text = if number.is_multiple_of(2) { "an even note" } else { "an odd note" };
    let body = json!({"tenant": "default", "text": text, "parents": parents});
    let body = body.as_object().cloned().unwrap_or_default();
    RecordOp::Put { table: NOTES, id: id(number), expect: Expect::Absent, body }
}

/// A chain of 200 notes, each the child of the one before, natively and with everything declined.
fn both() -> [Emulated; 2] {
    let memory = MemoryStore::new();
    let mut batch = Batch::new();
    batch.records.push(note(0, &[]));
    batch.records.extend((1..200).map(|number| note(number, &[number - 1])));
    memory.commit(&batch).unwrap();
    [memory.clone(), memory.declining(&["text", "reach", "count"])]
        .map(|store| Emulated::new(Arc::new(store)))
}

#[test]
fn what_is_declined_is_answered_as_if_it_were_not() {
    let [native, emulated] = both();
    let odd = Filter::Text { field: "text".into(), query: "ODD".into() };
    let reach = |walk| Filter::Reach { field: "parents".into(), start: id(100), walk };
    let count = |filters: Vec<Filter>, by: Option<&str>, cap| Read::Count {
        table: NOTES,
        filters,
        by: by.map(Into::into),
        cap,
    };
    let reads = [
        Read::Page(Query::new(NOTES).filter(odd.clone()).limit(70)),
        Read::Page(Query::new(NOTES).filter(reach(Walk::Ancestors)).filter(odd.clone()).limit(1000)),
        Read::Page(Query::new(NOTES).filter(reach(Walk::Descendants)).limit(1000)),
        Read::Record { table: NOTES, id: id(7) },
        count(vec![], None, 1000),
        count(vec![], Some("text"), 1000),
        count(vec![odd], None, 10),
        count(vec![reach(Walk::Descendants)], None, 99),
        count(vec![reach(Walk::Descendants)], None, 0),
    ];
    let answers = native.read(&reads).unwrap();
    assert_eq!(emulated.read(&reads).unwrap(), answers);
    assert_eq!(
        answers[7],
        Answer::Count { groups: vec![Group { value: Scalar::Null, count: 99 }], capped: false }
    );
    assert_eq!(answers[8], Answer::Count { groups: vec![], capped: true });
    let lengths: Vec<_> = answers
        .iter()
        .filter_map(|answer| if let Answer::Page { records } = answer { Some(records.len()) } else { None })
        .collect();
    assert_eq!(lengths, [70, 50, 99]);
}

#[test]
fn what_the_core_refuses_keeps_its_field_and_does_not_reach_the_store() {
    let [store, _] = both();
    let refused = store.read(&[Read::Page(Query::new(NOTES).limit(0))]).unwrap_err();
    let error = crate::Error::from(refused);
    assert_eq!((error.kind(), error.field()), (ErrorKind::Limit, Some("limit")));

    let mut batch = Batch::new();
    batch.records.push(note(201, &[]));
    batch.records.push(note(201, &[]));
    assert_eq!(store.commit(&batch).unwrap_err().kind(), ErrorKind::Invalid);
    let read = Read::Record { table: NOTES, id: id(201) };
    assert_eq!(store.read(&[read]).unwrap(), [Answer::Record { record: None }]);
}
