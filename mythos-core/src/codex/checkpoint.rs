//! Signed checkpoints of a codex's log, and what they say of it.

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::verify::{self, CodexVerification};
use super::write::no_codex;
use super::{CodexHead, CodexProofOfSymbolEngine, CodexTree, ProofVerificationStatus, StoredCheckpoint};
use crate::error::{ErrorKind, Result};
use crate::log::checkpoints;
use crate::tlog::{
    Checkpoint, EquivocationEvidence, NoteSigner, Policy, SignedCheckpoint, TreeHash, VerifierKey,
};
use crate::types::CodexId;

/// What [`verify_against`](CodexProofOfSymbolEngine::verify_against) found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchoredVerification {
    /// The verdict over both, and what the replay of the log found.
    pub verification: CodexVerification,
    /// The largest checkpoint of this log that the policy is met by: events behind it are vouched for by nobody. `None` if
    /// there is none.
    pub anchored: Option<u64>,
    /// Two checkpoints of equal size, both signed by the log's key, of different logs: anyone can verify them.
    #[serde(with = "checkpoints::evidence_text")]
    pub equivocation: Option<EquivocationEvidence>,
}

impl CodexProofOfSymbolEngine {
    /// The origin of a codex's checkpoints, which is also the name of the keys that sign them:
    /// [`CodexOptions::origin`](super::CodexOptions::origin), the tenant and the codex, joined by `/`. Of both names, bytes
    /// other than ASCII letters, digits, `-`, `.`, `_` and `~` are percent-encoded (RFC 3986 §2.1).
    #[must_use]
    pub fn origin(&self, codex: &CodexId) -> String {
        let names = [self.access.tenant().as_str(), codex.as_str()];
        checkpoints::origin(&self.shared.options.origin, &names)
    }

    /// What the origins of this tenant's logs begin with: [`CodexOptions::origin`](super::CodexOptions::origin) and the
    /// tenant.
    pub(crate) fn tenant_origin(&self) -> String {
        checkpoints::origin(&self.shared.options.origin, &[self.access.tenant().as_str()])
    }

    /// Signs a checkpoint of all events of a codex, stores it, and returns it. One of the signers is called as the codex's
    /// [`origin`](Self::origin).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex; [`ErrorKind::Invalid`], field `signers`, if no signer has the
    /// origin as its name, or if the log names keys and this is none of them; [`ErrorKind::Conflict`] if a checkpoint of
    /// this size is stored that speaks of another log, or if other writers were always faster; those of the signer.
    pub fn checkpoint(&self, codex: &CodexId, signers: &[&dyn NoteSigner]) -> Result<SignedCheckpoint> {
        let tree = self.tree(codex)?;
        let head = tree.head();
        let keys = tree.tail().keys();
        let checkpoint = Checkpoint::new(self.origin(codex), head.length, head.tree_root)?;
        let is_allowed = |key: &str| keys.is_empty() || keys.contains_key(key);
        let signed = checkpoints::sign(checkpoint, signers, is_allowed)?;
        self.store_checkpoint(&tree, &signed)?;
        Ok(signed)
    }

    /// Stores a checkpoint of a codex that came from elsewhere, such as one with the cosignatures of witnesses, if it is of
    /// this log. Its signatures are verified when it is used.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex; [`ErrorKind::Invalid`], field `checkpoint`, if its origin is not
    /// the codex's, or it speaks of more events than there are; [`ErrorKind::Conflict`] if it speaks of other events: keep
    /// it, it is evidence.
    pub fn add_checkpoint(&self, codex: &CodexId, checkpoint: &SignedCheckpoint) -> Result<StoredCheckpoint> {
        let tree = self.tree(codex)?;
        let length = tree.head().length;
        checkpoints::check_foreign(checkpoint, &self.origin(codex), length, |size| tree.root(size))?;
        self.store_checkpoint(&tree, checkpoint)
    }

    /// The stored checkpoints of a codex, the newest first; at most `limit`, 1 to 1,000.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex; [`ErrorKind::Limit`] for a limit out of bounds;
    /// [`ErrorKind::Corrupt`] if one cannot be read.
    pub fn checkpoints(&self, codex: &CodexId, limit: u32) -> Result<Vec<SignedCheckpoint>> {
        checkpoints::check_limit(limit)?;
        self.codex(codex)?;
        checkpoints::list(&self.access, CodexHead::owner(self.access.tenant(), codex), limit)
    }

    /// Verifies a codex whole, and compares it with checkpoints: those that are stored, and those that the caller `pinned`
    /// elsewhere, out of reach of who can write the store. `policy` says whose signatures count.
    ///
    /// The verdict is [`Forked`](ProofVerificationStatus::Forked) if one that the log signed speaks of other events, also
    /// of more than there are: then the log was rolled back, or written anew. It is
    /// [`Unanchored`](ProofVerificationStatus::Unanchored) if none is signed as the policy asks.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex; [`ErrorKind::Invalid`], field `pinned`, if a pinned checkpoint is
    /// of another origin, or not signed as the policy asks: then it tells nothing.
    pub fn verify_against(
        &self,
        codex: &CodexId,
        policy: &Policy,
        pinned: &[SignedCheckpoint],
    ) -> Result<AnchoredVerification> {
        checkpoints::check_pinned(pinned, &self.origin(codex), policy)?;
        let verification = verify::verify(self, codex)?;
        let mut found = AnchoredVerification { verification, anchored: None, equivocation: None };
        let sound = [ProofVerificationStatus::Verified, ProofVerificationStatus::Redacted];
        if found.verification.proof_verification_status == ProofVerificationStatus::Unverifiable {
            return Ok(found);
        }
        // Also a log that does not verify may be shown to be another than the pinned one.
        let tree = match self.tree(codex) {
            Ok(tree) => Some(tree),
            Err(error) if error.kind() == ErrorKind::Corrupt => None,
            Err(error) => return Err(error),
        };
        let stored = match self.checkpoints(codex, 1_000) {
            Ok(stored) => stored,
            Err(error) if error.kind() == ErrorKind::Corrupt => Vec::new(),
            Err(error) => return Err(error),
        };
        let all: Vec<&SignedCheckpoint> = pinned.iter().chain(&stored).collect();
        let log = tree.as_ref().map(|tree| Log { engine: self, tree });
        let log = log.as_ref().map(|log| log as &dyn checkpoints::Compare);
        let compared = checkpoints::compare(&all, &self.origin(codex), policy, log)?;
        (found.anchored, found.equivocation) = (compared.anchored, compared.equivocation);
        let fork = compared
            .fork
            .map(|fork| *Finding::new(fork.size.saturating_sub(1), "tree_root", fork.expected, fork.found));
        let status = &mut found.verification.proof_verification_status;
        if let Some((size, error)) = compared.unsound.filter(|_| sound.contains(status)) {
            *status = ProofVerificationStatus::Tampered;
            let expected = "signatures of the keys that are named";
            found.verification.finding =
                Some(*Finding::new(size.saturating_sub(1), "checkpoint", expected, error));
        }
        if fork.is_some() || found.equivocation.is_some() {
            *status = ProofVerificationStatus::Forked;
            found.verification.finding = fork.or_else(|| found.verification.finding.take());
        } else if sound.contains(status) && found.anchored.is_none() {
            *status = ProofVerificationStatus::Unanchored;
        }
        Ok(found)
    }

    fn store_checkpoint(&self, tree: &CodexTree, checkpoint: &SignedCheckpoint) -> Result<StoredCheckpoint> {
        let (owner, codex) = (tree.owner(), &tree.head().codex);
        let head = || {
            let stored = self.access.record::<CodexHead>(owner.id)?.ok_or_else(|| no_codex(codex))?;
            stored.model.check(self.access.tenant(), codex)?;
            Ok(stored)
        };
        let with = |head: CodexHead, this: StoredCheckpoint| {
            Ok(CodexHead { checkpoint: Some(this.newest(head.checkpoint)), ..head })
        };
        checkpoints::store(&self.access, owner, &format!("codex {codex}"), checkpoint, head, with)
    }
}

/// A codex's log as checkpoints are compared with it.
struct Log<'a> {
    engine: &'a CodexProofOfSymbolEngine,
    tree: &'a CodexTree,
}

impl checkpoints::Compare for Log<'_> {
    fn length(&self) -> u64 {
        self.tree.head().length
    }

    fn root(&self, size: u64) -> Result<TreeHash> {
        self.tree.root(size)
    }

    /// A log that names no keys lets every one.
    fn may_sign(&self, key: &VerifierKey, size: u64) -> Result<bool> {
        let keys;
        let allowed = if size == self.length() {
            self.tree.tail().keys()
        } else {
            let codex = &self.tree.head().codex;
            let tail = super::replay::tail_of_length(&self.engine.access, codex, size)?;
            keys = tail.keys().clone();
            &keys
        };
        Ok(allowed.is_empty() || allowed.contains_key(&key.to_string()))
    }
}
