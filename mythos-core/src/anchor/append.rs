//! The state of the super-log, and appending statements to it.

use std::collections::HashMap;

use super::cell::AnchorCell;
use super::found::{Found, Relation};
use super::heads::{HeadKind, Look};
use super::statement::{AnchorStatement, Stated};
use super::{AnchorFinding, AnchorHead, AnchorLog, AnchoredName, edge};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Edge, tile_name};
use crate::store::access::{self, MAX_ATTEMPTS, Stored};
use crate::store::{Batch, Cell, CellName, Expect, MAX_CELL_BYTES, Model, Names, Owner, Read};
use crate::types::{MAX_SAFE_INTEGER, Timestamp};

/// The most statements of one commit.
pub(super) const MAX_STATEMENTS: usize = 4_096;
/// How many cells one read names.
const CELLS_PER_READ: usize = 1_000;
/// The longest edge: 255 hashes on each of eight levels, and room for their places.
const MAX_EDGE_BYTES: u64 = 1 << 20;

/// The super-log as it is now.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// `None` if nothing was ever written.
    pub(super) head: Option<Stored<AnchorHead>>,
    pub(super) edge: Edge,
}

/// What is to be stated.
#[derive(Debug)]
pub(super) enum Wanted {
    /// What a head says.
    Head(Found),
    /// That what it names is gone, or no longer what was stated; of a key, that it may not sign.
    Retired(AnchoredName),
    /// That a key may sign.
    Authorized(AnchoredName),
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Appended {
    pub(super) head: AnchorHead,
    pub(super) statements: Vec<AnchorStatement>,
    /// What was not stated, and why.
    pub(super) findings: Vec<AnchorFinding>,
}

impl Wanted {
    const fn name(&self) -> &AnchoredName {
        match self {
            Self::Head(found) => &found.name,
            Self::Retired(name) | Self::Authorized(name) => name,
        }
    }
}

impl State {
    pub(super) fn length(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.model.length)
    }
}

impl AnchorLog {
    pub(super) fn owner(&self) -> Owner {
        AnchorHead::owner(self.access.tenant())
    }

    /// Reads the head and the edge of the tree from one snapshot.
    pub(super) fn state(&self) -> Result<State> {
        let owner = self.owner();
        let range = |from, until, limit| Names::Range { from, until, limit, reverse: false };
        let edges = range(Some(AnchorCell::Edge(0).name()), Some(AnchorCell::all_last().0), 2);
        let (any, max_bytes) = (range(None, None, 1), 0);
        let [head, edges, any] = self.access.read([
            Read::Record { table: AnchorHead::TABLE, id: owner.id },
            Read::Cells { owner: owner.clone(), names: edges, max_bytes: MAX_EDGE_BYTES },
            Read::Cells { owner, names: any, max_bytes },
        ])?;
        let (mut edges, more) = access::cells(edges)?;
        let Some(head) = access::stored::<AnchorHead>(head)? else {
            let (cells, more) = access::cells(any)?;
            if more || !cells.is_empty() {
                return Err(Error::corrupt("the head of the anchors is missing, but not its cells"));
            }
            return Ok(State { head: None, edge: Edge::default() });
        };
        head.model.check(self.access.tenant(), self.key.as_ref())?;
        let edge = match edges.pop() {
            None if head.model.length == 0 && !more => Edge::default(),
            Some(cell) if edges.is_empty() && !more => edge_of(&cell)?,
            _ => return Err(Error::corrupt("the anchors have no edge, or several")),
        };
        if edge.size() != head.model.length || edge.root() != head.model.tree_root {
            return Err(Error::mismatch("the edge of the anchors", head.model.tree_root, edge.root()));
        }
        Ok(State { head: Some(head), edge })
    }

    /// Reads the statements at these positions, in their order.
    pub(super) fn statements_at(&self, positions: &[u64]) -> Result<Vec<AnchorStatement>> {
        let names: Vec<_> = positions.iter().map(|at| AnchorCell::Statement(*at).name()).collect();
        let cells = self.cells_named(&names)?;
        let statements = positions.iter().zip(&names).map(|(position, name)| {
            let bytes = cells
                .get(name)
                .ok_or_else(|| Error::corrupt(format!("statement {position} of the anchors is missing")))?;
            let statement = AnchorStatement::from_bytes(bytes)?;
            if statement.sequence != *position || statement.tenant != *self.access.tenant() {
                let message = format!("statement {position} of the anchors is another's");
                return Err(Error::corrupt(message));
            }
            Ok(statement)
        });
        statements.collect()
    }

    /// Reads cells, as far as they are there.
    pub(super) fn cells_named(&self, names: &[CellName]) -> Result<HashMap<CellName, Vec<u8>>> {
        let mut cells = HashMap::with_capacity(names.len());
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        for names in names.chunks(CELLS_PER_READ) {
            // The cells are small: one answer takes them all.
            let names = Names::These { names: names.to_vec() };
            let (read, more) = self.access.cells(self.owner(), names, MAX_CELL_BYTES as u64)?;
            if more {
                return Err(Error::corrupt("a cell of the anchors is far too long"));
            }
            cells.extend(read.into_iter().map(|Cell { name, bytes }| (name, bytes)));
        }
        Ok(cells)
    }

    /// The last statements about these names, as far as there are any.
    pub(super) fn lasts(&self, names: &[&AnchoredName]) -> Result<HashMap<AnchoredName, AnchorStatement>> {
        let cells: Vec<_> = names.iter().map(|name| AnchorCell::last(name).name()).collect();
        let positions = self.cells_named(&cells)?;
        let mut known = Vec::new();
        for (name, cell) in names.iter().zip(&cells) {
            if let Some(bytes) = positions.get(cell) {
                known.push((*name, position(bytes)?));
            }
        }
        let statements = self.statements_at(&known.iter().map(|(_, at)| *at).collect::<Vec<_>>())?;
        let mut lasts = HashMap::with_capacity(known.len());
        for ((name, at), statement) in known.into_iter().zip(statements) {
            if statement.name != *name {
                return Err(Error::corrupt(format!("statement {at} of the anchors is not about {name}")));
            }
            lasts.insert(name.clone(), statement);
        }
        Ok(lasts)
    }

    /// Appends what is new of `wanted`, at most [`MAX_STATEMENTS`] of different names, in one commit, and
    /// moves the watermark of a kind on. Nothing is written if nothing is new.
    pub(super) fn append(
        &self,
        wanted: &[Wanted],
        watermark: Option<(HeadKind, Timestamp)>,
    ) -> Result<Appended> {
        let owner = self.owner();
        let names: Vec<_> = wanted.iter().map(Wanted::name).collect();
        let mut turn = None;
        for _ in 0..MAX_ATTEMPTS {
            let state = self.state()?;
            let lasts = self.lasts(&names)?;
            let (new, findings) = self.decide(wanted, &lasts)?;
            let now = self.access.now();
            let tenant = self.access.tenant();
            let before = state.head.as_ref().map(|head| &head.model);
            let mut head = before.cloned().unwrap_or_else(|| AnchorHead::new(tenant.clone(), now));
            let moved = watermark.is_some_and(|(kind, to)| head.watermarks.advance(kind, to));
            if new.is_empty() && !moved {
                return Ok(Appended { head, statements: Vec::new(), findings });
            }
            head.updated_at = head.updated_at.max(now);
            let mut batch = Batch::new();
            let statements = self.stage(&mut batch, &mut head, state.edge, new, &lasts)?;
            let expect = state.head.as_ref().map_or(Expect::Absent, |head| Expect::At(head.version));
            let head = head.sealed(self.key.as_ref())?;
            batch.put(owner.id, expect, &head)?;
            match self.access.commit(batch) {
                Ok(()) => return Ok(Appended { head, statements, findings }),
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    turn.get_or_insert_with(|| self.access.turn(&owner.id));
                }
                Err(error) => return Err(error.while_doing("append to the anchors")),
            }
        }
        Err(Error::conflict(format!("other writers of the anchors were faster {MAX_ATTEMPTS} times")))
    }

    /// What of `wanted` is new, as name, length and digest, and what is not stated since it contradicts the
    /// log.
    fn decide(
        &self,
        wanted: &[Wanted],
        lasts: &HashMap<AnchoredName, AnchorStatement>,
    ) -> Result<(Vec<Found>, Vec<AnchorFinding>)> {
        let (mut new, mut findings) = (Vec::new(), Vec::new());
        for wanted in wanted {
            let stated = lasts.get(wanted.name()).map(Stated::of);
            let is_stated = stated.is_some_and(|stated| stated.length > 0);
            let nothing = |name: &AnchoredName, length| {
                let digest = AnchorStatement::NOTHING;
                Found { name: name.clone(), length, digest }
            };
            match wanted {
                Wanted::Authorized(name) if !is_stated => new.push(nothing(name, 1)),
                Wanted::Retired(name) if is_stated => new.push(nothing(name, 0)),
                Wanted::Authorized(_) | Wanted::Retired(_) => {}
                Wanted::Head(found) => match self.compare_current(found, stated.as_ref())? {
                    (Some(found), None) => new.push(found),
                    (_, finding) => findings.extend(finding),
                },
            }
        }
        Ok((new, findings))
    }

    /// What is to be stated of a head, or why nothing is.
    fn compare_current(
        &self,
        found: &Found,
        stated: Option<&Stated>,
    ) -> Result<(Option<Found>, Option<AnchorFinding>)> {
        let mut found = found.clone();
        let (mut relation, mut finding) = self.compare(&found, stated)?;
        if finding.is_some() {
            // It was looked at before the log was read: it may have grown, and been stated by another, since.
            found = match self.current(&found.name)? {
                Look::Found(found) => *found,
                Look::Nothing => return Ok((None, None)),
                Look::Damaged(finding) => return Ok((None, Some(finding))),
            };
            (relation, finding) = self.compare(&found, stated)?;
        }
        Ok((matches!(relation, Relation::New | Relation::Longer).then_some(found), finding))
    }

    /// Stages statements: their cells, the cells that tell of last statements, full tiles and the edge.
    fn stage(
        &self,
        batch: &mut Batch,
        head: &mut AnchorHead,
        mut edge: Edge,
        new: Vec<Found>,
        lasts: &HashMap<AnchoredName, AnchorStatement>,
    ) -> Result<Vec<AnchorStatement>> {
        let owner = self.owner();
        let (mut full, mut replaced) = (Vec::new(), Vec::new());
        if head.length > 0 && !new.is_empty() {
            replaced.push(AnchorCell::Edge(head.length).name());
        }
        let mut statements = Vec::with_capacity(new.len());
        for Found { name, length, digest } in new {
            if head.length >= MAX_SAFE_INTEGER {
                return Err(Error::limit("length", "the anchors have at most 2^53 - 1 statements"));
            }
            let before = lasts.get(&name).map(|last| last.sequence);
            let statement = AnchorStatement {
                format: AnchorStatement::FORMAT,
                tenant: head.tenant.clone(),
                name,
                length,
                digest,
                sequence: head.length,
                previous: head.last,
                before,
                recorded_at: head.updated_at,
            };
            let bytes = statement.to_bytes()?;
            let digest = AnchorStatement::digest_of(&bytes);
            edge.push(AnchorStatement::leaf(&digest), &mut full);
            let last = AnchorCell::last(&statement.name).name();
            replaced.extend(before.map(|_| last));
            batch.put_cell(owner.clone(), last, head.length.to_be_bytes().to_vec());
            batch.put_cell(owner.clone(), AnchorCell::Statement(head.length).name(), bytes);
            (head.last, head.length) = (Some(digest), head.length + 1);
            statements.push(statement);
        }
        head.tree_root = edge.root();
        if !statements.is_empty() {
            batch.put_cell(owner.clone(), AnchorCell::Edge(head.length).name(), edge::to_bytes(&edge)?);
        }
        for tile in full {
            batch.put_cell(owner.clone(), tile_name(tile.level, tile.index), tile.bytes);
        }
        for names in replaced.chunks(CELLS_PER_READ) {
            batch.delete_cells(owner.clone(), Names::These { names: names.to_vec() });
        }
        Ok(statements)
    }
}

/// The position in a cell that tells of a last statement.
pub(super) fn position(bytes: &[u8]) -> Result<u64> {
    let position = bytes.try_into().map(u64::from_be_bytes);
    position.map_err(|_| Error::corrupt("a cell of the anchors names no statement"))
}

/// The edge in a cell, which is named after its length.
fn edge_of(cell: &Cell) -> Result<Edge> {
    let edge = edge::from_bytes(&cell.bytes)?;
    if cell.name != AnchorCell::Edge(edge.size()).name() {
        return Err(Error::corrupt("the edge of the anchors is of another length"));
    }
    Ok(edge)
}

impl super::AnchorWatermarks {
    /// Moves a watermark on; says whether that changed it.
    fn advance(&mut self, kind: HeadKind, to: Timestamp) -> bool {
        let mark = self.of_mut(kind);
        let moved = mark.is_none_or(|mark| mark < to);
        if moved {
            *mark = Some(to);
        }
        moved
    }

    fn of_mut(&mut self, kind: HeadKind) -> &mut Option<Timestamp> {
        match kind {
            HeadKind::Codices => &mut self.codices,
            HeadKind::Rituals => &mut self.rituals,
            HeadKind::Deployments => &mut self.deployments,
        }
    }

    pub(super) fn of(mut self, kind: HeadKind) -> Option<Timestamp> {
        *self.of_mut(kind)
    }
}
