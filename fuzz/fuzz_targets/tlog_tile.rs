//! No bytes make the parsers of paths, tiles and bundles panic; what one accepts is written as the same
//! bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::tlog::{EntryBundle, TILE_WIDTH, Tile};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(path) = str::from_utf8(bytes) {
        if let Ok(tile) = path.parse::<Tile>() {
            assert_eq!(tile.to_string(), path);
        }
        if let Ok(bundle) = path.parse::<EntryBundle>() {
            assert_eq!(bundle.to_string(), path);
        }
    }
    // The width, and the content.
    let Some((width, content)) = bytes.split_first() else { return };
    let width = u16::from(*width) % TILE_WIDTH + 1;
    if let Ok(hashes) = Tile::new(0, 0, width).expect("a tile").decode(content) {
        assert_eq!(hashes.len(), usize::from(width));
        assert_eq!(Tile::encode(&hashes), content);
    }
    if let Ok(entries) = EntryBundle::new(0, width).expect("a bundle").decode(content) {
        assert_eq!(entries.len(), usize::from(width));
        assert_eq!(EntryBundle::encode(&entries).expect("entries of a bundle"), content);
    }
});
