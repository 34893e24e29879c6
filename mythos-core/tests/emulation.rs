//! Random writes and reads: a store that declines everything, emulated, answers as one that declines nothing.

use std::sync::Arc;

use mythos_core::store::{
    Answer, Batch, CellName, CellOp, Cursor, Direction, Emulated, Expect, Filter, MemoryStore, Names, Order,
    Owner, Query, Read, RecordOp, Scalar, Store, StoreError, Walk,
};
use mythos_core::testing::conformance::THINGS;
use mythos_core::types::{RecordId, TenantId, Version};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Few ids, so that writes meet each other.
fn id() -> impl Strategy<Value = RecordId> {
    (0..24_u8).prop_map(|byte| RecordId::new(&[byte]).expect("an id of one byte"))
}

fn expect() -> impl Strategy<Value = Expect> {
    prop_oneof![
        3 => Just(Expect::Absent),
        2 => (1..4_u64).prop_map(|version| Expect::At(Version::new(version).expect("a small version"))),
    ]
}

fn words() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof!["red", "Green", "blue", "\u{c9}t\u{e9}", "x-1"], 0..4)
        .prop_map(|words| words.join(" "))
}

fn body() -> impl Strategy<Value = Map<String, Value>> {
    let number = proptest::option::of(-3..3_i64);
    let ratio = proptest::option::of(prop_oneof![Just(json!(1)), Just(json!(1.0)), Just(json!(-0.5))]);
    let tags = proptest::collection::btree_set("[ab]", 0..3);
    let parents = proptest::collection::vec(id().prop_map(|id| id.to_string()), 0..3);
    (number, ratio, any::<bool>(), words(), tags, parents).prop_map(|(number, ratio, flag, note, tags, parents)| {
        let body = json!({
            "number": number, "ratio": ratio, "flag": flag, "name": note, "note": note, "tags": tags, "parents": parents,
        });
        body.as_object().cloned().unwrap_or_default()
    })
}

fn owner() -> Owner {
    let id = RecordId::new(&[1]).expect("an id of one byte");
    Owner { tenant: TenantId::default(), table: THINGS, id }
}

fn name() -> impl Strategy<Value = CellName> {
    (0..8_u8).prop_map(|byte| CellName::new(&[byte]).expect("a name of one byte"))
}

fn range() -> impl Strategy<Value = Names> {
    (proptest::option::of(name()), proptest::option::of(name()), any::<bool>(), 0..5_u32)
        .prop_map(|(from, until, reverse, limit)| Names::Range { from, until, limit, reverse })
}

fn batch() -> impl Strategy<Value = Batch> {
    let record = prop_oneof![
        5 => (id(), expect(), body()).prop_map(|(id, expect, body)| RecordOp::Put { table: THINGS, id, expect, body }),
        1 => (id(), 1..4_u64).prop_map(|(id, version)| {
            RecordOp::Delete { table: THINGS, id, version: Version::new(version).expect("a small version") }
        }),
    ];
    let cell = prop_oneof![
        3 => (name(), 0..3_u8).prop_map(|(name, byte)| {
            CellOp::Put { owner: owner(), name, bytes: vec![byte; usize::from(byte)] }
        }),
        1 => (name(), name()).prop_map(|(from, until)| {
            let names = Names::Range { from: Some(from), until: Some(until), limit: u32::MAX, reverse: false };
            CellOp::Delete { owner: owner(), names }
        }),
    ];
    (proptest::collection::vec(record, 0..4), proptest::collection::vec(cell, 0..3))
        .prop_map(|(records, cells)| Batch { checks: vec![], records, cells })
}

fn filter() -> impl Strategy<Value = Filter> {
    prop_oneof![
        words().prop_map(|query| Filter::Text { field: "note".into(), query }),
        (id(), any::<bool>()).prop_map(|(start, up)| {
            let walk = if up { Walk::Ancestors } else { Walk::Descendants };
            Filter::Reach { field: "parents".into(), start, walk }
        }),
        (-3..3_i64).prop_map(|min| Filter::Range {
            field: "number".into(),
            min: Some(min.into()),
            below: None
        }),
        Just(Filter::TagsAny { field: "tags".into(), tags: vec!["a".into()] }),
        Just(Filter::Null { field: "ratio".into(), is_null: true }),
    ]
}

fn read() -> impl Strategy<Value = Read> {
    let filters = || proptest::collection::vec(filter(), 0..3);
    let field = || {
        prop_oneof![
            Just(None),
            Just(Some("number")),
            Just(Some("ratio")),
            Just(Some("flag")),
            Just(Some("name"))
        ]
    };
    let page = (filters(), field(), any::<bool>(), proptest::option::of(id()), 1..30_u32);
    prop_oneof![
        id().prop_map(|id| Read::Record { table: THINGS, id }),
        page.prop_map(|(filters, field, up, after, limit)| {
            let direction = if up { Direction::Ascending } else { Direction::Descending };
            let order = Order { field: field.map(Into::into), direction };
            let after = after.map(|id| Cursor { value: Scalar::Null, id });
            Read::Page(Query { table: THINGS, filters, order, after, limit })
        }),
        (filters(), field(), prop_oneof![Just(1_000), 0..10_u64]).prop_map(|(filters, by, cap)| {
            Read::Count { table: THINGS, filters, by: by.map(Into::into), cap }
        }),
        (range(), 0..8_u64).prop_map(|(names, max_bytes)| Read::Cells { owner: owner(), names, max_bytes }),
    ]
}

/// What two stores must agree on: the outcome, and of a failure its kind.
fn outcome<T>(result: Result<T, StoreError>) -> Result<T, mythos_core::ErrorKind> {
    result.map_err(|error| error.kind())
}

proptest! {
    #[test]
    fn emulated_reads_answer_as_native_ones(
        steps in proptest::collection::vec((batch(), proptest::collection::vec(read(), 1..4)), 1..20),
    ) {
        let native = Emulated::new(Arc::new(MemoryStore::new()));
        let emulated = Emulated::new(Arc::new(MemoryStore::new().declining(&["text", "reach", "count"])));
        for (batch, reads) in steps {
            prop_assert_eq!(outcome(emulated.commit(&batch)), outcome(native.commit(&batch)));
            let answers: Vec<Answer> = native.read(&reads)?;
            prop_assert_eq!(emulated.read(&reads)?, answers);
        }
    }
}
