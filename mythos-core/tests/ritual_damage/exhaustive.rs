//! Every damage there is, one after another.

use std::collections::BTreeSet;

use mythos_core::ritual::RitualHead;
use mythos_core::store::{Cell, Model};

use super::caches::{long, sealed, varied, with_dictionary};
use super::{Cache, Damage};

/// Checks each damage, on all processors, each with a copy of its own.
fn check_all(cache: &Cache, damages: Vec<Damage>) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (mine, damages) = (cache.copied(), &damages);
            scope.spawn(move || {
                damages.iter().skip(thread).step_by(threads).for_each(|damage| mine.check(damage))
            });
        }
    });
}

/// Every flipped bit, every truncation, and the loss of each cell.
fn damages_of_cells(cache: &Cache) -> Vec<Damage> {
    let mut damages = Vec::new();
    for (index, (_, cell)) in cache.cells.iter().enumerate() {
        damages.extend((0..8 * cell.bytes.len()).map(|bit| Damage::Flipped(index, bit)));
        damages.extend((0..cell.bytes.len()).map(|length| Damage::Cut(index, length)));
        damages.push(Damage::Gone(index));
    }
    damages
}

/// Every flipped bit and every truncation of each record's JSON, as far as a store can hold what it gives, the loss of
/// every field, and of the record.
fn damages_of_records(cache: &Cache) -> Vec<Damage> {
    let mut damages = Vec::new();
    for (index, (_, record)) in cache.records.iter().enumerate() {
        let text = serde_json::to_vec(&record.body).unwrap();
        let flipped = (0..8 * text.len()).map(|bit| {
            let mut text = text.clone();
            text[bit / 8] ^= 1 << (bit % 8);
            text
        });
        let cut = (0..text.len()).map(|length| text[..length].to_vec());
        let bodies = flipped.chain(cut).filter_map(|text| serde_json::from_slice(&text).ok());
        damages.extend(bodies.filter(|body| *body != record.body).map(|body| Damage::Body(index, body)));
        for field in record.body.keys() {
            let mut body = record.body.clone();
            body.remove(field);
            damages.push(Damage::Body(index, body));
        }
        damages.push(Damage::NoRecord(index));
    }
    damages
}

fn swaps(cache: &Cache) -> Vec<Damage> {
    let all = 0..cache.cells.len();
    let pairs = all.clone().flat_map(|a| all.clone().skip(a + 1).map(move |b| (a, b)));
    pairs.map(|(a, b)| Damage::Swapped(a, b)).collect()
}

fn kinds(cache: &Cache) -> String {
    cache
        .cells
        .iter()
        .map(|(_, cell)| char::from(cell.name.as_bytes()[0]))
        .collect::<BTreeSet<_>>()
        .iter()
        .collect()
}

#[test]
fn damage_to_a_varied_cache() {
    let cache = varied();
    assert_eq!(kinds(&cache), "eiopw");
    check_all(&cache, damages_of_cells(&cache));
    check_all(&cache, swaps(&cache));
}

#[test]
fn damage_to_records() {
    let cache = varied();
    check_all(&cache, damages_of_records(&cache));
}

#[test]
fn damage_to_a_long_ritual() {
    let cache = long();
    let keyframe = |cell: &Cell| cell.name.as_bytes()[..9] == [b'w', 0, 0, 0, 0, 0, 0, 0, 64];
    assert!(cache.cells.iter().any(|(_, cell)| keyframe(cell)));
    check_all(&cache, damages_of_cells(&cache));
    check_all(&cache, swaps(&cache));
}

#[test]
fn damage_to_dictionaries() {
    let cache = with_dictionary();
    assert_eq!(kinds(&cache), "dew");
    check_all(&cache, damages_of_cells(&cache));
    check_all(&cache, swaps(&cache));
    // Heads are gone through one by one elsewhere.
    let head = cache.records.iter().position(|(table, _)| *table == RitualHead::TABLE).unwrap();
    let mut damages = damages_of_records(&cache);
    damages.retain(|damage| match damage {
        Damage::Body(index, _) | Damage::NoRecord(index) => {
            *index == head || cache.records[*index].0 != RitualHead::TABLE
        }
        _ => false,
    });
    check_all(&cache, damages);
}

#[test]
fn damage_to_a_sealed_cache() {
    let (cache, _) = sealed();
    check_all(&cache, damages_of_cells(&cache));
    check_all(&cache, swaps(&cache));
}
