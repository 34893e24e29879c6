use super::*;
use crate::error::ErrorKind;
use crate::tlog::leaf_hash;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn paths(size: u64) -> Vec<String> {
    Tile::all(size).unwrap().map(|tile| tile.to_string()).collect()
}

#[test]
fn the_examples_of_the_format_hold() {
    // C2SP tlog-tiles, "Partial Tiles".
    let tiles: Vec<_> = Tile::all(70_000).unwrap().map(|tile| (tile.level, tile.index, tile.width)).collect();
    assert_eq!(tiles.iter().filter(|(level, _, width)| (*level, *width) == (0, 256)).count(), 273);
    assert_eq!(tiles[273..], [(0, 273, 112), (1, 0, 256), (1, 1, 17), (2, 0, 1)]);
    assert_eq!(paths(256), ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(paths(1), ["tile/0/000.p/1"]);
    assert!(paths(0).is_empty());
    assert_eq!(Tile::new(0, 1_234_067, 256).unwrap().to_string(), "tile/0/x001/x234/067");
    let bundles: Vec<_> = EntryBundle::all(257).unwrap().map(|bundle| bundle.to_string()).collect();
    assert_eq!(bundles, ["tile/entries/000", "tile/entries/001.p/1"]);
}

#[test]
fn paths_have_one_form() {
    for good in ["tile/0/000", "tile/63/000.p/255", "tile/7/000", "tile/1/x001/000.p/1", "tile/0/x999/999"] {
        assert_eq!(good.parse::<Tile>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/00/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/001/000",
        "tile/0/x000/001",
        "tile/0/x001/x000",
        "tile/0/x001//000",
        "tile/0/X001/000",
        "tile/0/000/",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/1.p/1",
        "tile/0/000.P/1",
        "tile/0/00١",
        "tile/63/001",
        "tile/8/001",
        "tile/entries/000",
        "tile/0/x100/x000/x000/x000/x000/000",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert!(bad.parse::<Tile>().is_err(), "{bad:?}");
    }
    for bad in
        ["tile/0/000", "tile/entries/", "tile/entries/0", "tile/entries/x000/000", "tile/entries/000.p/256"]
    {
        assert!(bad.parse::<EntryBundle>().is_err(), "{bad:?}");
    }
    assert!(format!("tile/0/{}000", "x001/".repeat(1000)).parse::<Tile>().is_err());
}

#[test]
fn names_stay_in_the_largest_tree() {
    for level in 0..8 {
        let last = MAX_TREE_SIZE >> (8 * (u32::from(level) + 1)).min(63);
        let tile = Tile::new(level, last, 1).unwrap();
        assert_eq!(tile.to_string().parse::<Tile>().unwrap(), tile);
        assert!(Tile::new(level, last + 1, 1).is_err());
    }
    for (level, index, width) in [(0, 0, 0), (0, 0, 257), (64, 0, 1), (63, 1, 1), (0, u64::MAX, 1)] {
        let error = Tile::new(level, index, width).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("tile")));
    }
    assert!(EntryBundle::new(u64::MAX, 1).is_err() && EntryBundle::new(0, 0).is_err());
    assert_eq!(Tile::all(MAX_TREE_SIZE + 1).err().unwrap().kind(), ErrorKind::Limit);
    assert_eq!(EntryBundle::all(u64::MAX).err().unwrap().kind(), ErrorKind::Limit);
    // They are made as they are asked for: this would be 2^55 of them.
    assert_eq!(Tile::all(MAX_TREE_SIZE).unwrap().take(3).count(), 3);
}

#[test]
fn tiles_are_their_hashes() {
    let hashes: Vec<_> = (0..3).map(|index| leaf_hash(&[index])).collect();
    let tile = Tile::new(0, 0, 3).unwrap();
    let bytes = Tile::encode(&hashes);
    assert_eq!(bytes.len(), 96);
    assert_eq!(tile.decode(&bytes).unwrap(), hashes);
    for wrong in [&bytes[..95], &bytes[..64], &[&bytes[..], b"x"].concat(), b""] {
        assert_eq!(tile.decode(wrong).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn bundles_are_their_entries() {
    let longest = vec![7; EntryBundle::MAX_ENTRY_BYTES];
    let entries = [b"one".to_vec(), Vec::new(), longest.clone()];
    let bytes = EntryBundle::encode(&entries).unwrap();
    assert_eq!(bytes[..7], *b"\0\x03one\0\0");
    assert_eq!(EntryBundle::new(0, 3).unwrap().decode(&bytes).unwrap(), entries);
    for width in [1, 2, 4, 256] {
        assert_eq!(
            EntryBundle::new(0, width).unwrap().decode(&bytes).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
    }
    assert!(EntryBundle::new(0, 3).unwrap().decode(&bytes[..bytes.len() - 1]).is_err());
    assert!(EntryBundle::new(0, 1).unwrap().decode(b"\0").is_err());
    let error = EntryBundle::encode(&[[&longest[..], b"x"].concat()]).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Limit, Some("entry")));
}

proptest! {
    #[test]
    fn what_a_log_has_is_what_it_wrote(sizes in prop::collection::vec(0..200_000_u64, 1..5)) {
        let mut sizes = sizes;
        sizes.sort_unstable();
        let (mut old, mut written) = (0, BTreeSet::new());
        for size in sizes {
            let new: BTreeSet<_> = Tile::new_between(old, size).unwrap().collect();
            prop_assert!(new.is_disjoint(&written), "nothing is written twice");
            written.extend(&new);
            let all: BTreeSet<_> = Tile::all(size).unwrap().collect();
            prop_assert!(all.is_subset(&written));
            prop_assert!(new.is_subset(&all));
            let level_0: Vec<_> = all.iter().filter(|tile| tile.level == 0).map(|tile| (tile.index, tile.width)).collect();
            let bundles: Vec<_> = EntryBundle::all(size).unwrap().map(|bundle| (bundle.index, bundle.width)).collect();
            prop_assert_eq!(level_0, bundles);
            prop_assert_eq!(Tile::new_between(size, old).unwrap().count() , 0);
            old = size;
        }
    }

    #[test]
    fn every_level_has_all_its_hashes(size in 0..1_000_000_u64) {
        for level in 0..8_u8 {
            let hashes: u64 = Tile::all(size).unwrap().filter(|tile| tile.level == level).map(|tile| u64::from(tile.width)).sum();
            prop_assert_eq!(hashes, size >> (8 * level));
        }
    }

    #[test]
    fn paths_round_trip(level in 0..8_u8, index: u64, width in 1..=TILE_WIDTH) {
        let index = index & (MAX_TREE_SIZE >> (8 * (u32::from(level) + 1)).min(63));
        let tile = Tile::new(level, index, width).unwrap();
        prop_assert_eq!(tile.to_string().parse::<Tile>().unwrap(), tile);
        let bundle = EntryBundle::new(index, width).unwrap();
        prop_assert_eq!(bundle.to_string().parse::<EntryBundle>().unwrap(), bundle);
    }
}
