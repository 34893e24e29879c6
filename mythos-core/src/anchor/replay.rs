//! Replaying the super-log: what the statements derive, compared with everything that is stored of the log.

use std::collections::{BTreeMap, HashMap};

use super::append::position;
use super::cell::AnchorCell;
use super::statement::{AnchorStatement, Stated};
use super::{AnchorFinding, AnchorHead, AnchorLog, edge};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Edge, StoredCheckpoint, TreeReader, checkpoints, tile_name};
use crate::store::access::{self, MAX_ATTEMPTS};
use crate::store::{Cell, CellName, Model, Read};
use crate::tlog::{self, TreeHash};
use crate::types::{Digest, Timestamp, Version};

/// A replay of the log, and what does not follow.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) edge: Edge,
    pub(super) last: Option<Digest>,
    pub(super) findings: Vec<AnchorFinding>,
    recorded_at: Option<Timestamp>,
    /// The last statement about each head, by the name of the cell that tells its position.
    lasts: HashMap<CellName, Stated>,
    /// The digests of the tiles that are full.
    tiles: BTreeMap<CellName, Digest>,
    checkpoints: Vec<(StoredCheckpoint, TreeHash)>,
}

impl AnchorLog {
    /// Replays the log, of which nothing changes meanwhile.
    pub(super) fn replay(&self) -> Result<Replay> {
        for _ in 0..MAX_ATTEMPTS {
            let (version, head) = self.raw_head()?;
            let replay = match head {
                Ok(head) => self.replay_of(head.as_ref())?,
                Err(error) => {
                    let field = error.field().unwrap_or("head");
                    let finding = AnchorFinding::of_log(None, field, "a head of this log", &error);
                    Replay { findings: vec![finding], ..Replay::default() }
                }
            };
            if self.raw_head()?.0 == version {
                return Ok(replay);
            }
        }
        Err(Error::conflict(format!("the anchors changed {MAX_ATTEMPTS} times while they were being read")))
    }

    /// The version of the head record, and what came of reading it.
    fn raw_head(&self) -> Result<(Option<Version>, Result<Option<AnchorHead>>)> {
        let id = self.owner().id;
        let [answer] = self.access.read([Read::Record { table: AnchorHead::TABLE, id }])?;
        Ok(match access::decoded::<AnchorHead>(answer)? {
            None => (None, Ok(None)),
            Some((version, head)) => {
                let checked = head.and_then(|head| {
                    head.check(self.access.tenant(), self.key.as_ref())?;
                    Ok(Some(head))
                });
                (Some(version), checked)
            }
        })
    }

    fn replay_of(&self, head: Option<&AnchorHead>) -> Result<Replay> {
        let mut replay = Replay::default();
        let length = head.map_or(0, |head| head.length);
        let read = self.for_each_statement(length, |sequence, bytes| {
            let followed = replay.follow(self, sequence, bytes)?;
            replay.findings.extend(followed);
            // What follows from a statement that does not follow tells nothing.
            if replay.findings.is_empty() { Ok(()) } else { Err(Error::corrupt("found")) }
        });
        match read {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                if replay.findings.is_empty() {
                    let at = Some(replay.edge.size());
                    replay.findings.push(AnchorFinding::of_log(at, "statement", "a readable one", &error));
                }
                return Ok(replay);
            }
            read => read?,
        }
        self.compare_cells(&mut replay, length)?;
        if let Some(head) = head {
            replay.compare_head(head);
        }
        self.compare_checkpoints(&mut replay)?;
        Ok(replay)
    }

    /// Compares every cell but the statements with what was replayed.
    fn compare_cells(&self, replay: &mut Replay, length: u64) -> Result<()> {
        let edge = edge::to_bytes(&replay.edge)?;
        let (mut lasts, mut tiles, mut edges) = (0, 0, 0);
        let mut visit = |cell: &Cell| {
            let Cell { name, bytes } = cell;
            let found = match AnchorCell::of(name) {
                Some(AnchorCell::Edge(size)) if size == length && length > 0 => {
                    edges += 1;
                    (*bytes != edge)
                        .then(|| ("edge", Digest::of(&edge).to_string(), Digest::of(bytes).to_string()))
                }
                Some(AnchorCell::Last(..)) if replay.lasts.contains_key(name) => {
                    lasts += 1;
                    let expected = replay.lasts[name].sequence;
                    let found = position(bytes).ok();
                    let told = || found.map_or_else(|| "none".to_owned(), |found| found.to_string());
                    (found != Some(expected)).then(|| ("last statement", expected.to_string(), told()))
                }
                Some(AnchorCell::Checkpoint(stored)) if (1..=length).contains(&stored.size) => {
                    match checkpoints::read(cell) {
                        Ok((stored, checkpoint)) => {
                            replay.checkpoints.push((stored, checkpoint.checkpoint().root()));
                            None
                        }
                        Err(error) => Some(("checkpoint", "a readable one".to_owned(), error.to_string())),
                    }
                }
                None if replay.tiles.contains_key(name) => {
                    tiles += 1;
                    let (expected, found) = (replay.tiles[name], Digest::of(bytes));
                    (expected != found).then(|| ("tile", expected.to_string(), found.to_string()))
                }
                _ => Some(("cell", "nothing".to_owned(), name.to_string())),
            };
            replay.findings.extend(
                found.map(|(field, expected, found)| AnchorFinding::of_log(None, field, expected, found)),
            );
            Ok(())
        };
        self.for_each_cell(None, Some(AnchorCell::Statement(0).name()), &mut visit)?;
        self.for_each_cell(Some(AnchorCell::Statement(length).name()), None, &mut visit)?;
        let expected = [
            ("edges", u64::from(length > 0), edges),
            ("last statements", replay.lasts.len() as u64, lasts),
            ("tiles", replay.tiles.len() as u64, tiles),
        ];
        for (field, expected, found) in expected.into_iter().filter(|(_, expected, found)| expected != found)
        {
            replay.findings.push(AnchorFinding::of_log(None, field, expected, found));
        }
        Ok(())
    }

    /// Compares what stored checkpoints say of the log; who signed them is another question.
    fn compare_checkpoints(&self, replay: &mut Replay) -> Result<()> {
        if !replay.findings.is_empty() {
            return Ok(());
        }
        // What was compared a moment ago is believed; what was in memory before is not.
        let (owner, tiles) = (self.owner(), super::service::Shared::default().tiles);
        for (stored, found) in &replay.checkpoints {
            let reader = TreeReader::new(&self.access, &owner, &replay.edge, &tiles);
            let expected = tlog::root(stored.size, reader)?;
            if expected != *found {
                let at = Some(stored.size - 1);
                replay.findings.push(AnchorFinding::of_log(at, "checkpoint", expected, found));
            }
        }
        Ok(())
    }
}

impl Replay {
    /// Follows one statement; gives what of it does not follow.
    fn follow(&mut self, log: &AnchorLog, sequence: u64, bytes: &[u8]) -> Result<Option<AnchorFinding>> {
        let statement = AnchorStatement::from_bytes(bytes)?;
        let name = AnchorCell::last(&statement.name).name();
        let before = self.lasts.get(&name);
        let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        let differs = |field: &str, expected: String, found: String| {
            (expected != found).then(|| AnchorFinding::of_log(Some(sequence), field, expected, found))
        };
        let found = differs("tenant", log.access.tenant().to_string(), statement.tenant.to_string())
            .or_else(|| differs("sequence", sequence.to_string(), statement.sequence.to_string()))
            .or_else(|| {
                let (last, previous) = (self.last, statement.previous);
                differs(
                    "previous",
                    text(last.map(|it| it.to_string())),
                    text(previous.map(|it| it.to_string())),
                )
            })
            .or_else(|| {
                let expected = text(before.map(|before| before.sequence.to_string()));
                differs("before", expected, text(statement.before.map(|before| before.to_string())))
            })
            .or_else(|| {
                let why = statement.contradicts(before)?;
                let before = text(before.map(|before| before.length.to_string()));
                let found = format!("{}, behind {before}: {why}", statement.length);
                Some(AnchorFinding::of_log(Some(sequence), "length", "one that may follow", found))
            })
            .or_else(|| {
                let earlier = self.recorded_at.filter(|before| statement.recorded_at < *before)?;
                let (field, expected) = ("recorded_at", format!("{earlier} or later"));
                Some(AnchorFinding::of_log(Some(sequence), field, expected, statement.recorded_at))
            });
        if found.is_some() {
            return Ok(found);
        }
        let digest = AnchorStatement::digest_of(bytes);
        let mut full = Vec::new();
        self.edge.push(AnchorStatement::leaf(&digest), &mut full);
        for tile in full {
            self.tiles.insert(tile_name(tile.level, tile.index), Digest::of(&tile.bytes));
        }
        self.lasts.insert(name, Stated::of(&statement));
        (self.last, self.recorded_at) = (Some(digest), Some(statement.recorded_at));
        Ok(None)
    }

    /// Compares the head record with what was replayed.
    fn compare_head(&mut self, head: &AnchorHead) {
        let newest = self.checkpoints.last().map(|(stored, _)| *stored);
        let found = if head.tree_root != self.edge.root() {
            Some(("tree_root", self.edge.root().to_string(), head.tree_root.to_string()))
        } else if head.last != self.last {
            Some(("last", format!("{:?}", self.last), format!("{:?}", head.last)))
        } else if head.checkpoint != newest {
            Some(("checkpoint", format!("{newest:?}"), format!("{:?}", head.checkpoint)))
        } else if self.recorded_at.is_some_and(|recorded_at| head.updated_at < recorded_at) {
            Some(("updated_at", format!("{:?} or later", self.recorded_at), head.updated_at.to_string()))
        } else {
            None
        };
        self.findings.extend(found.map(|(field, expected, found)| {
            AnchorFinding::of_log(head.length.checked_sub(1), field, expected, found)
        }));
    }
}
