//! A codex's log as static files that any client of C2SP tlog-tiles can follow.

use super::read::for_each_event;
use super::{CodexProofOfSymbolEngine, Event};
use crate::error::Result;
use crate::tlog::{EntryBundle, NodeReader, SignedCheckpoint, TILE_WIDTH, Tile};
use crate::types::CodexId;

/// One file of an exported log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFile {
    /// Where it belongs, relative to the log's folder, with `/` between the parts.
    pub path: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl CodexProofOfSymbolEngine {
    /// Gives the files of a codex's log as static assets (C2SP tlog-tiles): entry bundles, tiles, and last the checkpoint,
    /// which tells clients that the rest is there. The entries are the 32-byte digests of the events; the events themselves
    /// follow as `events/POSITION` where `with_events` asks for them, in the bytes that the digests are of.
    ///
    /// `checkpoint` is of this log, with at least one event. `had` is the size of the log that an earlier export wrote into
    /// the same folder, 0 for none: only what is new or larger since is given.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `checkpoint`, if it is not of this log; what `write` gives.
    pub fn export(
        &self,
        codex: &CodexId,
        checkpoint: &SignedCheckpoint,
        had: u64,
        with_events: bool,
        mut write: impl FnMut(ExportedFile) -> Result<()>,
    ) -> Result<()> {
        let tree = self.tree(codex)?;
        tree.check_is_of(checkpoint)?;
        let size = checkpoint.checkpoint().size();
        let had = had.min(size);
        for bundle in EntryBundle::new_between(had, size)? {
            let from = bundle.index() * u64::from(TILE_WIDTH);
            let mut digests = Vec::new();
            for_each_event(&self.access, codex, from, from + u64::from(bundle.width()), |bytes| {
                digests.push(*Event::digest(bytes).as_bytes());
                Ok(())
            })?;
            write(ExportedFile { path: bundle.to_string(), bytes: EntryBundle::encode(&digests)? })?;
        }
        let mut reader = tree.reader();
        for tile in Tile::new_between(had, size)? {
            let first = tile.index() * u64::from(TILE_WIDTH);
            let nodes = (0..u64::from(tile.width())).map(|at| reader.node(8 * tile.level(), first + at));
            let bytes = Tile::encode(&nodes.collect::<Result<Vec<_>>>()?);
            write(ExportedFile { path: tile.to_string(), bytes })?;
        }
        if with_events {
            let mut sequence = had;
            for_each_event(&self.access, codex, had, size, |bytes| {
                let path = format!("events/{sequence}");
                sequence += 1;
                write(ExportedFile { path, bytes: bytes.to_vec() })
            })?;
        }
        write(ExportedFile { path: "checkpoint".to_owned(), bytes: checkpoint.to_string().into_bytes() })
    }
}
