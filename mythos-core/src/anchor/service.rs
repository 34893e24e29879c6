use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::append::Wanted;
use super::mac::MacKey;
use super::{AnchorHead, AnchorStatement, AnchoredName};
use crate::codex::CodexProofOfSymbolEngine;
use crate::error::{Error, Result};
use crate::log::Tiles;
use crate::ritual::RitualCompressionCache;
use crate::seal::SecretKey;
use crate::store::access::Access;
use crate::tlog::VerifierKey;

/// What all clones share: the tiles of trees that are in memory.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) tiles: Tiles,
}

impl Default for Shared {
    fn default() -> Self {
        /// The tiles of 65,000 statements.
        const TILE_BYTES: u64 = 4 << 20;
        Self { tiles: Tiles::new(TILE_BYTES) }
    }
}

/// The super-log of a tenant: what finds that something is gone, or older than it was.
///
/// Cheap to clone; every method may be called from any thread.
///
/// ```
/// use mythos_core::anchor::{AnchorFindingKind, AnchorRequest, AnchoredName};
/// use mythos_core::{Mythos, ritual::SaveRitual};
///
/// let mythos = Mythos::in_memory();
/// mythos.rituals().save(&SaveRitual::new("ana".parse()?, "refund".parse()?), b"step 3")?;
///
/// let anchors = mythos.anchors();
/// let report = anchors.anchor(&AnchorRequest::default())?;
/// assert_eq!((report.appended, report.length), (1, 1));
/// assert_eq!(anchors.anchor(&AnchorRequest::default())?.appended, 0);
/// assert!(anchors.verify()?.findings.is_empty());
///
/// // Someone deletes the ritual: nothing is left of it to look at, but the log knows.
/// mythos.rituals().delete_ritual(&"ana".parse()?, &"refund".parse()?)?;
/// assert_eq!(anchors.verify()?.findings[0].kind, AnchorFindingKind::Missing);
///
/// // If it was meant, the log says so.
/// let name = AnchoredName::Ritual { assistant: "ana".parse()?, ritual: "refund".parse()? };
/// anchors.retire(&name)?;
/// assert!(anchors.verify()?.findings.is_empty());
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AnchorLog {
    pub(super) access: Access,
    pub(super) rituals: RitualCompressionCache,
    pub(super) codices: CodexProofOfSymbolEngine,
    pub(super) shared: Arc<Shared>,
    pub(super) key: Option<MacKey>,
}

/// A page of statements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorPage {
    /// The statements, oldest first.
    pub items: Vec<AnchorStatement>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<u64>,
}

impl AnchorLog {
    pub(crate) const fn new(
        access: Access,
        rituals: RitualCompressionCache,
        codices: CodexProofOfSymbolEngine,
        shared: Arc<Shared>,
    ) -> Self {
        Self { access, rituals, codices, shared, key: None }
    }

    /// The same log, whose head record is written and read with a code that only who knows `key` can make:
    /// for stores that others can write. Without the key, nobody can make statements up or take them away,
    /// other than by putting back an older state of the whole log, which
    /// [`verify_against`](Self::verify_against) finds.
    ///
    /// A log is begun with the key, and used by all with the same: a head without a code, or with another's,
    /// is [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt), field `mac`, and who has no key cannot write on.
    /// The key is erased from memory with the last clone.
    #[must_use]
    pub fn with_mac_key(&self, key: &SecretKey) -> Self {
        Self { key: Some(MacKey::of(key)), ..self.clone() }
    }

    /// The head of the log; `None` if nothing was ever anchored.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if it is damaged, or gone while the rest of the log
    /// is there; field `mac` if it was not written with the key.
    pub fn head(&self) -> Result<Option<AnchorHead>> {
        Ok(self.state()?.head.map(|head| head.model))
    }

    /// The statements from position `from`, oldest first; `limit` is 1 to 4,096.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) for a limit out of bounds;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a statement cannot be read, or as
    /// [`head`](Self::head).
    pub fn statements(&self, from: u64, limit: u32) -> Result<AnchorPage> {
        if !(1..=4_096).contains(&limit) {
            let message = format!("a page has 1 to 4096 statements, not {limit}");
            return Err(Error::limit("limit", message));
        }
        let length = self.state()?.length();
        let until = length.min(from.saturating_add(u64::from(limit)));
        let items = self.statements_at(&(from..until).collect::<Vec<_>>())?;
        Ok(AnchorPage { items, next: (until < length).then_some(until) })
    }

    /// The last statement about `name`, with its position; `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if it cannot be read, or as [`head`](Self::head).
    pub fn last_statement(&self, name: &AnchoredName) -> Result<Option<AnchorStatement>> {
        self.state()?;
        Ok(self.lasts(&[name])?.remove(name))
    }

    /// States that what `name` names was deleted, or written anew, on purpose, such as by pruning a ritual's
    /// newest entry: what the log stated of it counts no more. The next run states what is there, if
    /// anything; a [full](super::AnchorRequest::full) one, if that did not change lately. Of a key, that it
    /// may not sign checkpoints of this statement and later. Returns the statement; that of before, if it was
    /// stated already.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if nothing was ever stated of it;
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if other writers were always faster;
    /// [`ErrorKind::Unknown`](crate::ErrorKind::Unknown) if it cannot be told whether it was stated: repeat
    /// it.
    pub fn retire(&self, name: &AnchoredName) -> Result<AnchorStatement> {
        let appended = self.append(&[Wanted::Retired(name.clone())], None)?;
        if let Some(statement) = appended.statements.into_iter().next() {
            return Ok(statement);
        }
        let last = self.last_statement(name)?;
        last.ok_or_else(|| Error::not_found(format!("nothing is stated of {name}")).with_field("name"))
    }

    /// Lets a key sign checkpoints of this log from this statement on. As soon as the log names keys, only
    /// they may. Returns the statement; that of before, if it was stated already.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `key`, if it is no verifier key of C2SP
    /// signed notes; else as [`retire`](Self::retire).
    pub fn authorize(&self, key: &str) -> Result<AnchorStatement> {
        let parsed: VerifierKey = key.parse().map_err(|error| {
            Error::invalid("key", format!("{key:?} is no verifier key")).with_source(error)
        })?;
        let name = AnchoredName::Key { key: parsed.to_string() };
        let appended = self.append(&[Wanted::Authorized(name.clone())], None)?;
        if let Some(statement) = appended.statements.into_iter().next() {
            return Ok(statement);
        }
        let last = self.last_statement(&name)?;
        last.ok_or_else(|| Error::conflict(format!("{name} was revoked at the same time")))
    }

    /// Takes [`authorize`](Self::authorize) back.
    ///
    /// # Errors
    /// As [`retire`](Self::retire).
    pub fn revoke(&self, key: &str) -> Result<AnchorStatement> {
        self.retire(&AnchoredName::Key { key: key.to_owned() })
    }
}
