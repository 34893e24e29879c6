//! Signed checkpoints of the super-log, and what they say of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::append::position;
use super::cell::AnchorCell;
use super::{AnchorFinding, AnchorHead, AnchorLog, AnchorTree, AnchorVerification, AnchoredName};
use crate::codex::ProofVerificationStatus;
use crate::error::{Error, ErrorKind, Result};
use crate::log::{StoredCheckpoint, checkpoints};
use crate::tlog::{
    Checkpoint, EMPTY_ROOT, EquivocationEvidence, NoteSigner, Policy, SignedCheckpoint, TreeHash, VerifierKey,
};

/// What [`verify_against`](AnchorLog::verify_against) found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PinnedAnchorVerification {
    /// The verdict over both, and what the log and the heads were found to be.
    pub verification: AnchorVerification,
    /// The largest checkpoint of this log that the policy is met by: statements behind it are vouched for by
    /// nobody. `None` if there is none.
    pub anchored: Option<u64>,
    /// Two checkpoints of equal size, both signed by the log's key, of different logs: anyone can verify
    /// them.
    #[serde(with = "checkpoints::evidence_text")]
    pub equivocation: Option<EquivocationEvidence>,
}

impl AnchorLog {
    /// The origin of the log's checkpoints, which is also the name of the keys that sign them:
    /// [`CodexOptions::origin`](crate::codex::CodexOptions::origin), the tenant, percent-encoded as in the
    /// origins of codices, and `@anchors`, joined by `/`. No codex has it, since in its name the `@` is
    /// encoded.
    #[must_use]
    pub fn origin(&self) -> String {
        self.codices.tenant_origin() + "/@anchors"
    }

    /// Signs a checkpoint of all statements, stores it, and returns it. One of the signers is called as the
    /// log's [`origin`](Self::origin).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if nothing was ever anchored; [`ErrorKind::Invalid`], field `signers`, if no
    /// signer has the origin as its name, or if the log names keys and this is none of them;
    /// [`ErrorKind::Conflict`] if a checkpoint of this size is stored that speaks of another log, or if other
    /// writers were always faster; those of the signer.
    pub fn checkpoint(&self, signers: &[&dyn NoteSigner]) -> Result<SignedCheckpoint> {
        let tree = self.tree()?;
        let head = tree.head();
        let keys = self.keys(head.length)?;
        let checkpoint = Checkpoint::new(self.origin(), head.length, head.tree_root)?;
        let is_allowed = |key: &str| keys.is_empty() || keys.contains(key);
        let signed = checkpoints::sign(checkpoint, signers, is_allowed)?;
        self.store_checkpoint(&signed)?;
        Ok(signed)
    }

    /// Stores a checkpoint that came from elsewhere, such as one with the cosignatures of witnesses, if it is
    /// of this log. Its signatures are verified when it is used.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if nothing was ever anchored; [`ErrorKind::Invalid`], field `checkpoint`, if
    /// its origin is not the log's, or it speaks of more statements than there are; [`ErrorKind::Conflict`]
    /// if it speaks of other statements: keep it, it is evidence.
    pub fn add_checkpoint(&self, checkpoint: &SignedCheckpoint) -> Result<StoredCheckpoint> {
        let tree = self.tree()?;
        let length = tree.head().length;
        checkpoints::check_foreign(checkpoint, &self.origin(), length, |size| tree.root(size))?;
        self.store_checkpoint(checkpoint)
    }

    /// The stored checkpoints, the newest first; at most `limit`, 1 to 1,000.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for a limit out of bounds; [`ErrorKind::Corrupt`] if one cannot be read.
    pub fn checkpoints(&self, limit: u32) -> Result<Vec<SignedCheckpoint>> {
        checkpoints::list(&self.access, self.owner(), limit)
    }

    /// Verifies the log and all heads, and compares the log with checkpoints: those that are stored, and
    /// those that the caller `pinned` elsewhere, out of reach of who can write the store. `policy` says whose
    /// signatures count.
    ///
    /// The verdict is [`Forked`](ProofVerificationStatus::Forked) if one that the log signed speaks of other
    /// statements, also of more than there are: then the whole store was rolled back, or the log written
    /// anew. It is [`Unanchored`](ProofVerificationStatus::Unanchored) if none is signed as the policy asks.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], field `pinned`, if a pinned checkpoint is of another origin, or not signed as
    /// the policy asks: then it tells nothing; else as [`verify`](Self::verify).
    pub fn verify_against(
        &self,
        policy: &Policy,
        pinned: &[SignedCheckpoint],
    ) -> Result<PinnedAnchorVerification> {
        checkpoints::check_pinned(pinned, &self.origin(), policy)?;
        let mut verification = self.verify()?;
        // Also a log that does not verify may be shown to be another than the pinned one.
        let log = match self.tree() {
            Ok(tree) => Some(Log(Some(tree))),
            Err(error) if error.kind() == ErrorKind::NotFound => Some(Log(None)),
            Err(error) if error.kind() == ErrorKind::Corrupt => None,
            Err(error) => return Err(error),
        };
        let stored = match self.checkpoints(1_000) {
            Ok(stored) => stored,
            Err(error) if error.kind() == ErrorKind::Corrupt => Vec::new(),
            Err(error) => return Err(error),
        };
        let all: Vec<&SignedCheckpoint> = pinned.iter().chain(&stored).collect();
        let log = log.as_ref().map(|log| log as &dyn checkpoints::Compare);
        let compared = checkpoints::compare(&all, &self.origin(), policy, log)?;
        if let Some((size, error)) = compared.unsound {
            let expected = "signatures of the keys that are named";
            let finding = AnchorFinding::of_log(
                Some(size.saturating_sub(1)),
                "checkpoint",
                expected.to_owned(),
                error.to_string(),
            );
            verification.findings.push(finding);
            if verification.status == ProofVerificationStatus::Verified {
                verification.status = ProofVerificationStatus::Tampered;
            }
        }
        if compared.fork.is_some() || compared.equivocation.is_some() {
            verification.status = ProofVerificationStatus::Forked;
        } else if verification.status == ProofVerificationStatus::Verified && compared.anchored.is_none() {
            verification.status = ProofVerificationStatus::Unanchored;
        }
        if let Some(fork) = compared.fork {
            let sequence = Some(fork.size.saturating_sub(1));
            let finding = AnchorFinding::of_log(sequence, "tree_root", fork.expected, fork.found);
            verification.findings.insert(0, finding);
        }
        let (anchored, equivocation) = (compared.anchored, compared.equivocation);
        Ok(PinnedAnchorVerification { verification, anchored, equivocation })
    }

    fn store_checkpoint(&self, checkpoint: &SignedCheckpoint) -> Result<StoredCheckpoint> {
        let owner = self.owner();
        let head = || {
            let stored = self.access.record::<AnchorHead>(owner.id)?;
            let stored = stored.ok_or_else(|| Error::not_found("nothing was anchored yet"))?;
            stored.model.check(self.access.tenant(), self.key.as_ref())?;
            Ok(stored)
        };
        let with = |head: AnchorHead, this: StoredCheckpoint| {
            let head = AnchorHead { checkpoint: Some(this.newest(head.checkpoint)), ..head };
            head.sealed(self.key.as_ref())
        };
        checkpoints::store(&self.access, &owner, "the anchors", checkpoint, head, with)
    }

    /// The keys that the log let sign when it had `size` statements.
    fn keys(&self, size: u64) -> Result<BTreeSet<String>> {
        let mut keys = BTreeSet::new();
        let (from, until) = AnchorCell::last_of_kind(AnchoredName::KEY);
        for cell in self.cells_between(from, until)? {
            let mut at = Some(position(&cell.bytes)?);
            while let Some(place) = at {
                let statement = self.statements_at(&[place])?.remove(0);
                if place >= size {
                    at = statement.before.filter(|before| *before < place);
                    continue;
                }
                match statement.name {
                    AnchoredName::Key { key } if statement.length > 0 => drop(keys.insert(key)),
                    _ => {}
                }
                break;
            }
        }
        Ok(keys)
    }
}

/// The super-log as checkpoints are compared with it; `None` if it has no statements.
struct Log(Option<AnchorTree>);

impl checkpoints::Compare for Log {
    fn length(&self) -> u64 {
        self.0.as_ref().map_or(0, |tree| tree.head().length)
    }

    fn root(&self, size: u64) -> Result<TreeHash> {
        self.0.as_ref().map_or(Ok(EMPTY_ROOT), |tree| tree.root(size))
    }

    /// A log that names no keys lets every one.
    fn may_sign(&self, key: &VerifierKey, size: u64) -> Result<bool> {
        let Some(tree) = &self.0 else { return Ok(true) };
        let keys = tree.log().keys(size)?;
        Ok(keys.is_empty() || keys.contains(&key.to_string()))
    }
}
