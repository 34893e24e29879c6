use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::error::Result;
use crate::store::access::Access;
use crate::store::{Batch, MemoryStore, Owner, Schema, Table};
use crate::tlog::{EMPTY_ROOT, NodeReader, leaf_hash, node_hash};
use crate::types::{RecordId, Runtime, TenantId};

fn leaf(number: u64) -> TreeHash {
    leaf_hash(&number.to_le_bytes())
}

/// The definition of RFC 6962 §2.1 over numbered leaves.
fn defined(from: u64, until: u64, known: &mut HashMap<(u64, u64), TreeHash>) -> TreeHash {
    match until - from {
        0 => EMPTY_ROOT,
        1 => leaf(from),
        count => {
            if let Some(known) = known.get(&(from, until)) {
                return *known;
            }
            let split = from + count.next_power_of_two() / 2;
            let node = node_hash(&defined(from, split, known), &defined(split, until, known));
            if count.is_power_of_two() && from.is_multiple_of(count) {
                known.insert((from, until), node);
            }
            node
        }
    }
}

fn access() -> (Access, Owner) {
    let access = Access::new(Arc::new(MemoryStore::new()), Runtime::system(), TenantId::default());
    const TABLE: Table = Table::new(&Schema { name: "logs", fields: &[], indexes: &[], owns_cells: true });
    let owner = Owner { tenant: TenantId::default(), table: TABLE, id: RecordId::new(b"log").unwrap() };
    (access, owner)
}

#[test]
fn every_node_of_a_log_is_found_wherever_it_lies() -> Result<()> {
    const SIZE: u64 = 66_000;
    let (access, owner) = access();
    let (mut edge, mut full, mut known) = (Edge::default(), Vec::new(), HashMap::new());
    for number in 0..SIZE {
        edge.push(leaf(number), &mut full);
        if number % 997 == 0 || number < 600 {
            assert_eq!(edge.root(), defined(0, number + 1, &mut known), "{number}");
        }
    }
    assert_eq!(edge.size(), SIZE);
    let expected: Vec<_> =
        full_tiles(SIZE).flat_map(|(level, count)| (0..count).map(move |at| (level, at))).collect();
    let mut made: Vec<_> = full.iter().map(|tile| (tile.level, tile.index)).collect();
    made.sort_unstable();
    assert_eq!(made, expected);
    let mut batch = Batch::new();
    for tile in &full {
        batch.put_cell(owner.clone(), tile_name(tile.level, tile.index), tile.bytes.clone());
    }
    access.commit(batch)?;

    let rows: Vec<Vec<TreeHash>> = edge.rows().map(<[TreeHash]>::to_vec).collect();
    assert_eq!(Edge::from_rows(SIZE, &rows)?, edge);
    assert!(Edge::from_rows(SIZE + 1, &rows).is_err());
    assert!(Edge::from_rows(SIZE, &[&rows[..], &[Vec::new()]].concat()).is_err());

    for tiles in [Tiles::new(0), Tiles::new(1 << 20)] {
        let mut reader = TreeReader::new(&access, &owner, &edge, &tiles);
        for level in 0..17_u8 {
            let count = SIZE >> level;
            for at in (0..count).filter(|at| at % 61 == 0 || at + 3 > count) {
                let span = 1_u64 << level;
                let expected = defined(at * span, (at + 1) * span, &mut known);
                assert_eq!(reader.node(level, at)?, expected, "{level} {at}");
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn an_edge_goes_on_from_its_rows(size in 0..3_000_u64, more in 0..600_u64) {
        let (mut edge, mut full) = (Edge::default(), Vec::new());
        (0..size).for_each(|number| edge.push(leaf(number), &mut full));
        let rows: Vec<_> = edge.rows().map(<[TreeHash]>::to_vec).collect();
        let mut again = Edge::from_rows(size, &rows).unwrap();
        full.clear();
        let mut full_again = Vec::new();
        for number in size..size + more {
            edge.push(leaf(number), &mut full);
            again.push(leaf(number), &mut full_again);
        }
        prop_assert_eq!(full, full_again);
        prop_assert_eq!(edge.root(), again.root());
    }
}
