//! Signed checkpoints of a codex's log, and what they say of it.

use serde::{Deserialize, Serialize};

use super::cell::CodexCell;
use super::finding::Finding;
use super::verify::{self, CodexVerification};
use super::write::no_codex;
use super::{CodexHead, CodexProofOfSymbolEngine, CodexTree, ProofVerificationStatus, StoredCheckpoint};
use crate::error::{Error, ErrorKind, Result};
use crate::store::access::MAX_ATTEMPTS;
use crate::store::{Batch, Cell, Expect, Names};
use crate::tlog::{
    Checkpoint, EquivocationEvidence, MAX_NOTE_BYTES, NoteSigner, Policy, SignedCheckpoint, VerifierKey,
};
use crate::types::{CodexId, TenantId};

/// What [`verify_against`](CodexProofOfSymbolEngine::verify_against) found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchoredVerification {
    /// The verdict over both, and what the replay of the log found.
    pub verification: CodexVerification,
    /// The largest checkpoint of this log that the policy is met by: events behind it are vouched for by nobody. `None` if
    /// there is none.
    pub anchored: Option<u64>,
    /// Two checkpoints of equal size, both signed by the log's key, of different logs: anyone can verify them.
    #[serde(with = "evidence_text")]
    pub equivocation: Option<EquivocationEvidence>,
}

mod evidence_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::tlog::EquivocationEvidence;

    pub(super) fn serialize<S: Serializer>(
        evidence: &Option<EquivocationEvidence>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match evidence {
            Some(evidence) => serializer.collect_str(evidence),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<EquivocationEvidence>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

/// The most checkpoints of one size that are stored.
const MAX_CHECKPOINTS_OF_SIZE: u32 = 1_000;

impl CodexProofOfSymbolEngine {
    /// The origin of a codex's checkpoints, which is also the name of the keys that sign them:
    /// [`CodexOptions::origin`](super::CodexOptions::origin), the tenant and the codex, joined by `/`. Of both names, bytes
    /// other than ASCII letters, digits, `-`, `.`, `_` and `~` are percent-encoded (RFC 3986 §2.1).
    #[must_use]
    pub fn origin(&self, codex: &CodexId) -> String {
        origin(&self.shared.options.origin, self.access.tenant(), codex)
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
        let origin = self.origin(codex);
        let of_log = signers.iter().map(|signer| signer.verifier_key()).filter(|key| key.name() == origin);
        if !keys.is_empty()
            && let Some(key) = of_log.clone().find(|key| !keys.contains_key(&key.to_string()))
        {
            let message = format!("the key {key} is not authorized by the log of codex {codex}");
            return Err(Error::invalid("signers", message));
        }
        let signed = SignedCheckpoint::sign(Checkpoint::new(origin, head.length, head.tree_root)?, signers)?;
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
        let told = checkpoint.checkpoint();
        if told.origin() != self.origin(codex) {
            let message =
                format!("the checkpoint is of {:?}, not of {:?}", told.origin(), self.origin(codex));
            return Err(Error::invalid("checkpoint", message));
        }
        if told.size() == 0 || told.size() > tree.head().length {
            let message =
                format!("the checkpoint is of {} events, the log has {}", told.size(), tree.head().length);
            return Err(Error::invalid("checkpoint", message));
        }
        if tree.root(told.size())? != told.root() {
            let message = format!("the checkpoint of {} events speaks of another log", told.size());
            return Err(Error::conflict(message).with_field("checkpoint"));
        }
        self.store_checkpoint(&tree, checkpoint)
    }

    /// The stored checkpoints of a codex, the newest first; at most `limit`, 1 to 1,000.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex; [`ErrorKind::Limit`] for a limit out of bounds;
    /// [`ErrorKind::Corrupt`] if one cannot be read.
    pub fn checkpoints(&self, codex: &CodexId, limit: u32) -> Result<Vec<SignedCheckpoint>> {
        if !(1..=1_000).contains(&limit) {
            return Err(Error::limit(
                "limit",
                format!("1 to 1000 checkpoints are read at once, not {limit}"),
            ));
        }
        self.codex(codex)?;
        let owner = CodexHead::owner(self.access.tenant(), codex);
        let (from, until) =
            (CodexCell::Checkpoint(0, 0).name(), CodexCell::Checkpoint(u64::MAX, u32::MAX).name());
        let names = Names::Range { from: Some(from), until: Some(until), limit, reverse: true };
        let (cells, _) = self.access.cells(owner, names, 64 * MAX_NOTE_BYTES as u64)?;
        cells.iter().map(|cell| read_checkpoint(cell).map(|(_, checkpoint)| checkpoint)).collect()
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
        let origin = self.origin(codex);
        for checkpoint in pinned {
            if checkpoint.checkpoint().origin() != origin {
                let message = format!("{:?} is not the origin {origin:?}", checkpoint.checkpoint().origin());
                return Err(Error::invalid("pinned", message));
            }
            let is_met = policy.evaluate(checkpoint).is_ok_and(|verdict| verdict.is_met());
            if !is_met {
                return Err(Error::invalid("pinned", "a pinned checkpoint is not signed as the policy asks"));
            }
        }
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
        let log_keys: Vec<VerifierKey> = policy.logs().cloned().collect();
        let all: Vec<&SignedCheckpoint> = pinned.iter().chain(&stored).collect();
        found.equivocation = all.iter().enumerate().find_map(|(at, one)| {
            all[at + 1..].iter().find_map(|two| EquivocationEvidence::from_checkpoints(one, two, &log_keys))
        });
        let mut fork = None;
        for checkpoint in &all {
            let told = checkpoint.checkpoint();
            let Ok(verdict) = policy.evaluate(checkpoint) else { continue };
            let (Some(signed), Some(tree)) = (&verdict.log, &tree) else { continue };
            let root = (told.size() <= tree.head().length).then(|| tree.root(told.size())).transpose();
            match root {
                Ok(Some(root)) if root == told.root() => {
                    let is_allowed = self.may_sign(tree, &signed.key, told.size())?;
                    if verdict.is_met() && is_allowed {
                        found.anchored = found.anchored.max(Some(told.size()));
                    }
                }
                Ok(root) => {
                    let there =
                        root.map_or_else(|| format!("{} events", tree.head().length), |it| it.to_string());
                    let expected = format!("{} of {} events", told.root(), told.size());
                    fork.get_or_insert_with(|| {
                        *Finding::new(told.size().saturating_sub(1), "tree_root", expected, there)
                    });
                }
                Err(error) if error.kind() == ErrorKind::Corrupt => {}
                Err(error) => return Err(error),
            }
        }
        let status = &mut found.verification.proof_verification_status;
        if fork.is_some() || found.equivocation.is_some() {
            *status = ProofVerificationStatus::Forked;
            found.verification.finding = fork.or_else(|| found.verification.finding.take());
        } else if sound.contains(status) && found.anchored.is_none() {
            *status = ProofVerificationStatus::Unanchored;
        }
        Ok(found)
    }

    /// Whether the log let `key` sign a checkpoint of its first `size` events; a log that names no keys lets every one.
    fn may_sign(&self, tree: &CodexTree, key: &VerifierKey, size: u64) -> Result<bool> {
        let keys;
        let allowed = if size == tree.head().length {
            tree.tail().keys()
        } else {
            let tail = super::replay::tail_of_length(&self.access, &tree.head().codex, size)?;
            keys = tail.keys().clone();
            &keys
        };
        Ok(allowed.is_empty() || allowed.contains_key(&key.to_string()))
    }

    fn store_checkpoint(&self, tree: &CodexTree, checkpoint: &SignedCheckpoint) -> Result<StoredCheckpoint> {
        let (owner, codex) = (tree.owner(), &tree.head().codex);
        let (bytes, size) = (checkpoint.to_string().into_bytes(), checkpoint.checkpoint().size());
        for _ in 0..MAX_ATTEMPTS {
            let stored = self.access.record::<CodexHead>(owner.id)?.ok_or_else(|| no_codex(codex))?;
            stored.model.check(self.access.tenant(), codex)?;
            let (from, until) =
                (CodexCell::Checkpoint(size, 0).name(), CodexCell::Checkpoint(size, u32::MAX).name());
            let limit = MAX_CHECKPOINTS_OF_SIZE;
            let names = Names::Range { from: Some(from), until: Some(until), limit, reverse: false };
            let (cells, more) = self.access.cells(owner.clone(), names, 64 * MAX_NOTE_BYTES as u64)?;
            if more || cells.len() as u32 >= limit {
                let message = format!("{limit} checkpoints of {size} events are stored already");
                return Err(Error::limit("checkpoint", message));
            }
            let mut number = 0;
            for cell in &cells {
                let (known, other) = read_checkpoint(cell)?;
                if cell.bytes == bytes {
                    return Ok(StoredCheckpoint { size, number: known });
                }
                if other.checkpoint().root() != checkpoint.checkpoint().root() {
                    let message =
                        format!("a checkpoint of {size} events is stored that speaks of another log");
                    return Err(Error::conflict(message).with_field("checkpoint"));
                }
                number = known + 1;
            }
            let this = StoredCheckpoint { size, number };
            let newest = stored.model.checkpoint.filter(|newest| newest.size > size).unwrap_or(this);
            let next = CodexHead { checkpoint: Some(newest), ..stored.model };
            let mut batch = Batch::new();
            batch.put(owner.id, Expect::At(stored.version), &next)?;
            batch.put_cell(owner.clone(), CodexCell::Checkpoint(size, number).name(), bytes.clone());
            match self.access.commit(&batch) {
                Ok(()) => return Ok(this),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error.while_doing(format!("store a checkpoint of codex {codex}"))),
            }
        }
        Err(Error::conflict(format!("other writers of codex {codex} were faster {MAX_ATTEMPTS} times")))
    }
}

/// The number of a stored checkpoint among those of its size, and the checkpoint.
pub(super) fn read_checkpoint(cell: &Cell) -> Result<(u32, SignedCheckpoint)> {
    let corrupt = |what: &str| Error::corrupt(format!("the checkpoint in cell {} {what}", cell.name));
    let Some(CodexCell::Checkpoint(size, number)) = CodexCell::of(&cell.name) else {
        return Err(corrupt("has no such name"));
    };
    let checkpoint =
        SignedCheckpoint::parse(&cell.bytes).map_err(|error| corrupt("cannot be read").with_source(error))?;
    if checkpoint.checkpoint().size() != size {
        return Err(corrupt("stands in another's place"));
    }
    Ok((number, checkpoint))
}

/// The origin of a codex's checkpoints.
fn origin(prefix: &str, tenant: &TenantId, codex: &CodexId) -> String {
    let mut origin = prefix.to_owned();
    for name in [tenant.as_str(), codex.as_str()] {
        origin.push('/');
        for byte in name.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    origin.push(char::from(byte));
                }
                _ => origin.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    origin
}
