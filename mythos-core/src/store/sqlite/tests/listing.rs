//! The published set: the shapes of listing that never scan a table or sort.

use super::*;

const ROWS: u64 = 100_000;

/// A hundred thousand records of two tenants.
fn filled(path: &Path) -> SqliteStore {
    let store = open(path);
    for start in (0..ROWS).step_by(10_000) {
        let mut batch = Batch::new();
        for number in start..start + 10_000 {
            let body = body(json!({
                "tenant": (if number % 2 == 0 { "a" } else { "b" }),
                "status": (["new", "old", "gone"][number as usize % 3]),
                "created": ((number % 11 != 0).then_some(number / 4)),
                "score": (number % 1_000) as f64 / 1_000.0,
                "tags": [format!("t{}", number % 5)],
            }));
            batch.records.push(RecordOp::Put { table: ITEMS, id: id(number), expect: Expect::Absent, body });
        }
        store.commit(&batch).unwrap();
    }
    store
}

#[test]
fn listings_run_without_a_scan_or_a_sort_at_a_hundred_thousand_rows() {
    let (_directory, path) = scratch();
    let store = filled(&path);
    let tenant = || Query::new(ITEMS).filter(Filter::equals("tenant", "a")).limit(50);
    let status = || tenant().filter(Filter::equals("status", "new"));
    let tagged =
        |filter: fn(String, Vec<String>) -> Filter| tenant().filter(filter("tags".into(), vec!["t3".into()]));
    let range = |min: i64, below: i64| Filter::Range {
        field: "created".into(),
        min: Some(min.into()),
        below: Some(below.into()),
    };
    let shapes = [
        ("by id", tenant(), None),
        ("by a field", tenant(), Some("created")),
        ("by a real field", tenant(), Some("score")),
        ("by a field behind an equality", status(), Some("created")),
        ("a range of the order", tenant().filter(range(10_000, 12_000)), Some("created")),
        ("a range behind an equality", status().filter(range(10_000, 12_000)), Some("created")),
        ("without a value", tenant().filter(Filter::Null { field: "created".into(), is_null: true }), None),
        ("all tags", tagged(|field, tags| Filter::TagsAll { field, tags }), Some("created")),
        ("any tag", tagged(|field, tags| Filter::TagsAny { field, tags }), Some("created")),
        ("no tag", tagged(|field, tags| Filter::TagsNone { field, tags }), Some("score")),
    ];
    for (shape, query, order) in shapes {
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut query = query.clone();
            query.order = crate::store::Order { field: order.map(str::to_owned), direction };
            let steps_before = store.statistics();
            // From the start, from the middle of the values, and from the middle of the nulls.
            let mut cursors = vec![None];
            let first = page(&store, query.clone());
            assert_eq!(first.len(), 50, "{shape}");
            cursors.push(first.get(25).map(|record| query.cursor(record)));
            if order == Some("created") {
                let value = crate::store::Scalar::Null;
                cursors.push(Some(crate::store::Cursor { value, id: id(ROWS / 2) }));
            }
            for cursor in cursors {
                page(&store, query.clone().after(cursor));
            }
            assert_eq!(
                store.statistics(),
                steps_before,
                "{shape} {direction:?}: nothing was scanned or sorted"
            );
        }
    }
    for filters in [tenant().filters, status().filters, tenant().filter(range(10_000, 12_000)).filters] {
        for by in [None, Some("status".to_owned())] {
            let steps_before = store.statistics();
            let read = Read::Count { table: ITEMS, filters: filters.clone(), by, cap: 1_000_000 };
            let answers = store.read(&[read]).unwrap();
            assert!(matches!(&answers[0], Answer::Count { groups, capped: false } if !groups.is_empty()));
            assert_eq!(store.statistics(), steps_before, "{filters:?}: nothing was scanned or sorted");
        }
    }
    // The counters do count.
    page(&store, Query::new(ITEMS).order_by("open", Direction::Ascending));
    let statistics = store.statistics();
    assert!(statistics.full_scan_steps >= ROWS - 1 && statistics.sorts == 1, "{statistics:?}");
}
