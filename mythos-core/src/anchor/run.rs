//! Stating what changed since the last time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::append::{MAX_STATEMENTS, Wanted};
use super::heads::{HeadKind, Look};
use super::{AnchorFinding, AnchorLog};
use crate::error::{Error, Result};
use crate::store::{Cursor, Record};
use crate::tlog::{EMPTY_ROOT, TreeHash};
use crate::types::Timestamp;

/// The clocks of writers may differ by so much: heads are looked at again that were changed so long before
/// the watermark.
const OVERLAP: Duration = Duration::from_secs(600);

/// How much a run looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnchorRequest {
    /// How many heads, 1 to 100,000.
    pub limit: u32,
    /// Whether all heads are looked at, and not only those that say they were changed since the last time:
    /// also copies of rituals, whose entries keep their times, what was retired, and what a writer changed
    /// whose clock was ten minutes late.
    pub full: bool,
}

impl AnchorRequest {
    /// The most heads that a run looks at.
    pub const MAX_HEADS: u32 = 100_000;
}

impl Default for AnchorRequest {
    /// As many heads as are allowed that changed since the last time.
    fn default() -> Self {
        Self { limit: Self::MAX_HEADS, full: false }
    }
}

/// Where a run goes on that its limit ended. Opaque.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnchorCursor {
    kind: HeadKind,
    /// From which change on heads of this kind are looked at.
    since: Option<Timestamp>,
    after: Option<Cursor>,
    full: bool,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnchorReport {
    /// How many heads were looked at.
    pub looked_at: u64,
    /// How many statements were appended.
    pub appended: u64,
    /// How many statements the log has now.
    pub length: u64,
    /// The root of the tree over them.
    pub tree_root: TreeHash,
    /// Heads that were not stated, since they are damaged or contradict the log: shorter than it says, or
    /// another.
    pub findings: Vec<AnchorFinding>,
    /// Where the next call goes on, if the limit ended this one.
    pub next: Option<AnchorCursor>,
}

impl AnchorLog {
    /// States every head that changed since the last run, in commits of at most 4,096 statements. A head that
    /// is what the log says already is not stated again; if nothing changed, nothing is written.
    ///
    /// Runs may be concurrent, and may be ended at any time: what was committed counts. One that its limit ended
    /// is gone on with by [`anchor_on`](Self::anchor_on); a new one looks again at the ten minutes before the last
    /// change that was seen.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) for a limit out of bounds;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the log itself is damaged; damaged heads are no
    /// error but findings; [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if other writers were always
    /// faster; [`ErrorKind::Unknown`](crate::ErrorKind::Unknown) if it cannot be told whether a commit was
    /// made: call it again.
    pub fn anchor(&self, request: &AnchorRequest) -> Result<AnchorReport> {
        self.run(request.limit, self.begin(HeadKind::FIRST, request.full)?)
    }

    /// Goes on with a run that its limit ended; `limit` as in [`AnchorRequest`].
    ///
    /// # Errors
    /// As [`anchor`](Self::anchor).
    pub fn anchor_on(&self, cursor: &AnchorCursor, limit: u32) -> Result<AnchorReport> {
        self.run(limit, cursor.clone())
    }

    fn begin(&self, kind: HeadKind, full: bool) -> Result<AnchorCursor> {
        let mark = self.head()?.and_then(|head| head.watermarks.of(kind)).filter(|_| !full);
        Ok(AnchorCursor { kind, since: mark.map(|mark| mark.saturating_sub(OVERLAP)), after: None, full })
    }

    fn run(&self, limit: u32, mut cursor: AnchorCursor) -> Result<AnchorReport> {
        if !(1..=AnchorRequest::MAX_HEADS).contains(&limit) {
            let message =
                format!("1 to {} heads are looked at in one run, not {limit}", AnchorRequest::MAX_HEADS);
            return Err(Error::limit("limit", message));
        }
        let (mut left, mut looked_at, mut appended) = (limit as usize, 0, 0);
        let (mut findings, mut head) = (Vec::new(), None);
        let next = loop {
            if left == 0 {
                break Some(cursor);
            }
            let size = left.min(MAX_STATEMENTS);
            let page = self.heads(cursor.kind, cursor.since, cursor.after.clone(), size as u32)?;
            (left, looked_at) = (left - page.items.len(), looked_at + page.items.len() as u64);
            let reached =
                page.items.last().and_then(updated_at).map(|at| (cursor.kind, at.min(self.access.now())));
            let mut wanted = Vec::with_capacity(page.items.len());
            for record in page.items {
                match self.look(cursor.kind, record)? {
                    Look::Found(found) => wanted.push(Wanted::Head(*found)),
                    Look::Nothing => {}
                    Look::Damaged(finding) => findings.push(finding),
                }
            }
            if !wanted.is_empty() || reached.is_some() {
                let done = self.append(&wanted, reached)?;
                appended += done.statements.len() as u64;
                findings.extend(done.findings);
                head = Some(done.head);
            }
            match (page.next, cursor.kind.next()) {
                (Some(after), _) => cursor.after = Some(after),
                (None, Some(kind)) => cursor = self.begin(kind, cursor.full)?,
                (None, None) => break None,
            }
        };
        let head = head.map_or_else(|| self.head(), |head| Ok(Some(head)))?;
        let (length, tree_root) = head.map_or((0, EMPTY_ROOT), |head| (head.length, head.tree_root));
        Ok(AnchorReport { looked_at, appended, length, tree_root, findings, next })
    }
}

/// When a head says that it was changed.
fn updated_at(record: &Record) -> Option<Timestamp> {
    record.body.get("updated_at")?.as_str()?.parse().ok()
}
