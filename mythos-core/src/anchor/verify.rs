//! Verification: the log itself, then every head that was stated, then heads of which nothing is stated.

use serde::{Deserialize, Serialize};

use super::append::position;
use super::cell::AnchorCell;
use super::found::Relation;
use super::heads::{HeadKind, Look};
use super::statement::{AnchorStatement, Stated};
use super::{AnchorFinding, AnchorLog, AnchoredName};
use crate::codex::ProofVerificationStatus;
use crate::error::{Error, ErrorKind, Result};
use crate::store::access::MAX_ATTEMPTS;
use crate::store::{Cell, CellName, Cursor};
use crate::tlog::TreeHash;
use crate::types::Digest;

/// How many heads one step reads.
const HEADS_PER_STEP: u32 = 1_000;

/// What the verification of a super-log found, or a part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnchorVerification {
    /// The verdict: `Verified` or `Tampered`; against checkpoints also `Forked` or `Unanchored`.
    pub status: ProofVerificationStatus,
    /// How many statements were replayed; 0 in a part behind the first.
    pub statements: u64,
    /// The root of the tree as replayed, by the first part.
    pub tree_root: Option<TreeHash>,
    /// The digest of the last statement as replayed, by the first part.
    pub last: Option<Digest>,
    /// How many heads were compared with what is stated of them.
    pub compared: u64,
    /// How many of these have grown since; [`anchor`](AnchorLog::anchor) states it.
    pub behind: u64,
    /// How many names were retired: deleted, or written anew, on purpose, as the log says.
    pub retired: u64,
    /// How many heads are there of which nothing is stated, or nothing since they were retired.
    pub unanchored: u64,
    /// What does not go with the log; at most [`Self::MAX_FINDINGS`].
    pub findings: Vec<AnchorFinding>,
    /// How many findings more there are.
    pub left_out: u64,
    /// Where the next part goes on; `None` if this was the last.
    pub next: Option<AnchorVerificationCursor>,
}

/// Where a verification in parts goes on. Opaque.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnchorVerificationCursor(Stage);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
enum Stage {
    /// Comparing what is stated, from this cell on.
    Stated { from: CellName },
    /// Looking for heads of which nothing is stated.
    Unstated { kind: HeadKind, after: Option<Cursor> },
}

impl AnchorVerification {
    /// The most findings that are told.
    pub const MAX_FINDINGS: usize = 1_000;

    const fn new() -> Self {
        Self {
            status: ProofVerificationStatus::Verified,
            statements: 0,
            tree_root: None,
            last: None,
            compared: 0,
            behind: 0,
            retired: 0,
            unanchored: 0,
            findings: Vec::new(),
            left_out: 0,
            next: None,
        }
    }

    fn add(&mut self, findings: impl IntoIterator<Item = AnchorFinding>) {
        for finding in findings {
            self.status = ProofVerificationStatus::Tampered;
            if self.findings.len() < Self::MAX_FINDINGS {
                self.findings.push(finding);
            } else {
                self.left_out += 1;
            }
        }
    }

    fn join(&mut self, part: Self) {
        self.compared += part.compared;
        self.behind += part.behind;
        self.retired += part.retired;
        self.unanchored += part.unanchored;
        self.left_out += part.left_out;
        self.add(part.findings);
        self.next = part.next;
    }
}

impl AnchorLog {
    /// The most heads that a part looks at.
    pub const MAX_HEADS_OF_A_PART: u32 = 100_000;

    /// Verifies all: replays the log, compares every stored cell of it with what the replay derives, and
    /// every head with what is stated of it; of codices, with all that was ever stated. What is written
    /// meanwhile is left for the next time.
    ///
    /// That heads agree with the log says nothing of what lies under them: each service verifies that. A
    /// writer of the database who puts an older state of everything back, also of this log, cannot be seen
    /// from inside: see [`verify_against`](Self::verify_against).
    ///
    /// # Errors
    /// Those of the store; [`ErrorKind::Conflict`] if the log changed again and again while it was read.
    /// Damage is not an error but a finding.
    pub fn verify(&self) -> Result<AnchorVerification> {
        let mut whole = self.verify_part(None, Self::MAX_HEADS_OF_A_PART)?;
        while let Some(next) = whole.next.take() {
            whole.join(self.verify_part(Some(&next), Self::MAX_HEADS_OF_A_PART)?);
        }
        Ok(whole)
    }

    /// As [`verify`](Self::verify), in parts: the first, without a cursor, replays the log; each looks at no
    /// more than `limit` heads, 1 to [`Self::MAX_HEADS_OF_A_PART`]. The counts and findings are the part's
    /// own.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for a limit out of bounds; else as [`verify`](Self::verify).
    pub fn verify_part(
        &self,
        after: Option<&AnchorVerificationCursor>,
        limit: u32,
    ) -> Result<AnchorVerification> {
        let most = Self::MAX_HEADS_OF_A_PART;
        if !(1..=most).contains(&limit) {
            let message = format!("1 to {most} heads are looked at in one part, not {limit}");
            return Err(Error::limit("limit", message));
        }
        let mut found = AnchorVerification::new();
        let mut stage = match after {
            Some(AnchorVerificationCursor(stage)) => Some(stage.clone()),
            None => {
                let replay = self.replay()?;
                (found.statements, found.last) = (replay.edge.size(), replay.last);
                found.tree_root = Some(replay.edge.root());
                found.add(replay.findings);
                Some(Stage::Stated { from: AnchorCell::all_last().0 })
            }
        };
        let mut left = limit;
        while let Some(next) = stage.take() {
            if left == 0 {
                found.next = Some(AnchorVerificationCursor(next));
                break;
            }
            let size = left.min(HEADS_PER_STEP);
            let (seen, then) = match next {
                Stage::Stated { from } => self.compare_stated(&mut found, from, size)?,
                Stage::Unstated { kind, after } => self.find_unstated(&mut found, kind, after, size)?,
            };
            (left, stage) = (left - seen.min(left), then);
        }
        Ok(found)
    }

    /// Compares at most `limit` heads with what is stated of them; gives how many, and what comes next.
    fn compare_stated(
        &self,
        found: &mut AnchorVerification,
        from: CellName,
        limit: u32,
    ) -> Result<(u32, Option<Stage>)> {
        let cells =
            self.access.some_cells(&self.owner(), Some(from), Some(AnchorCell::all_last().1), limit)?;
        for cell in &cells {
            match self.compare_one(found, cell.clone()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    found.add([AnchorFinding::of_log(None, "last statement", "a readable one", &error)]);
                }
                Err(error) => return Err(error),
            }
        }
        let next = cells.last().and_then(|last| last.name.successor()).map(|from| Stage::Stated { from });
        let behind = Stage::Unstated { kind: HeadKind::FIRST, after: None };
        Ok((cells.len() as u32, Some(next.unwrap_or(behind))))
    }

    fn compare_one(&self, found: &mut AnchorVerification, mut cell: Cell) -> Result<()> {
        for _ in 0..MAX_ATTEMPTS {
            let statement = self.statements_at(&[position(&cell.bytes)?])?.remove(0);
            if AnchorCell::last(&statement.name).name() != cell.name {
                let message = format!("it is about {}, which belongs elsewhere", statement.name);
                return Err(Error::corrupt(message));
            }
            let mut part = AnchorVerification::new();
            self.compare_head(&mut part, &statement)?;
            let now = if part.findings.is_empty() {
                None
            } else {
                // It may have been stated anew since, or retired.
                self.cells_named(&[cell.name])?.remove(&cell.name).filter(|now| *now != cell.bytes)
            };
            match now {
                None => {
                    found.join(part);
                    return Ok(());
                }
                Some(now) => cell.bytes = now,
            }
        }
        Err(Error::conflict("a head was stated anew again and again while it was compared"))
    }

    /// Compares a head with the last statement about it, and of a codex with those before.
    fn compare_head(&self, found: &mut AnchorVerification, statement: &AnchorStatement) -> Result<()> {
        let name = &statement.name;
        if matches!(name, AnchoredName::Key { .. }) {
            return Ok(());
        }
        let stated = Stated::of(statement);
        let look = self.current(name)?;
        if statement.is_retired() {
            found.retired += 1;
            match look {
                Look::Found(_) => found.unanchored += 1,
                Look::Nothing => {}
                Look::Damaged(finding) => found.add([finding]),
            }
            return Ok(());
        }
        found.compared += 1;
        let head = match look {
            Look::Found(head) => head,
            Look::Nothing => {
                found.add([AnchorFinding::missing(name, &stated)]);
                return Ok(());
            }
            Look::Damaged(finding) => {
                found.add([finding]);
                return Ok(());
            }
        };
        let (relation, finding) = self.compare(&head, Some(&stated))?;
        found.behind += u64::from(relation == Relation::Longer);
        let mut before = statement.before.filter(|_| matches!(name, AnchoredName::Codex { .. }));
        if finding.is_some() {
            before = None;
        }
        found.add(finding);
        while let Some(at) = before {
            let earlier = self.statements_at(&[at])?.remove(0);
            if earlier.is_retired() || earlier.name != *name {
                break;
            }
            let finding = self.beginning(name, &Stated::of(&earlier))?;
            before = earlier.before.filter(|before| finding.is_none() && *before < at);
            found.add(finding);
        }
        Ok(())
    }

    /// Counts heads of a kind of which nothing is stated, and finds records that are no heads.
    fn find_unstated(
        &self,
        found: &mut AnchorVerification,
        kind: HeadKind,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<(u32, Option<Stage>)> {
        let page = self.heads(kind, None, after, limit)?;
        let seen = page.items.len() as u32;
        let names: Vec<_> = page.items.iter().map(|record| kind.name_in(record)).collect();
        let cells = names.iter().flatten().map(|name| AnchorCell::last(name).name()).collect::<Vec<_>>();
        let stated = self.cells_named(&cells)?;
        for (record, name) in page.items.into_iter().zip(names) {
            let is_stated = name.is_some_and(|name| {
                self.place(&name).is_some_and(|(_, id)| id == record.id)
                    && stated.contains_key(&AnchorCell::last(&name).name())
            });
            if is_stated {
                continue;
            }
            match self.look(kind, record)? {
                Look::Found(_) => found.unanchored += 1,
                Look::Nothing => {}
                Look::Damaged(finding) => found.add([finding]),
            }
        }
        let next = match (page.next, kind.next()) {
            (Some(after), _) => Some(Stage::Unstated { kind, after: Some(after) }),
            (None, Some(kind)) => Some(Stage::Unstated { kind, after: None }),
            (None, None) => None,
        };
        Ok((seen, next))
    }
}
