//! One event with everything that speaks for it.

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::read::for_each_opened_event;
use super::replay::{Replay, tail_of_length};
use super::{CodexProofOfSymbolEngine, ProofVerificationStatus, TrailEntry};
use crate::error::{Error, ErrorKind, Result};
use crate::tlog::{InclusionProof, TreeHash};
use crate::types::CodexId;

/// One event, verified step by step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventVerification {
    /// The verdict over this event: `Verified`, `Redacted` or `Tampered`.
    pub proof_verification_status: ProofVerificationStatus,
    /// The event with its texts; `None` if it cannot be read.
    pub entry: Option<TrailEntry>,
    /// What was checked, in order. After a step that does not hold, those that rest on it are left out.
    pub steps: Vec<VerificationStep>,
    /// The proof that the event is in the log, which anyone can verify against the root; `None` if it cannot be made.
    pub inclusion: Option<InclusionProof>,
    /// The root that the proof leads to.
    pub tree_root: TreeHash,
    /// The positions of the events that led to this one, by the first parents, newest first; at most
    /// [`EventVerification::MAX_PATH`].
    pub path: Vec<u64>,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationStep {
    /// What: `event` (it is spelled as events are), `previous` (it names the event before it), `derivation` (its state
    /// follows from its parents'), `openings` (what is open of its texts is what was committed to) or `inclusion`.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was found, if it does not.
    pub found: Option<String>,
}

impl EventVerification {
    /// The longest path.
    pub const MAX_PATH: usize = 1_000;
}

impl CodexProofOfSymbolEngine {
    /// Verifies one event with everything that speaks for it: its bytes, the event that it names as the one before it, the
    /// derivation of its state, what is open of its texts, and its place in the Merkle tree.
    ///
    /// The states that it is derived from come from the log before it, from the newest snapshot on; that those are what the
    /// events before derive is what [`verify`](Self::verify) tells.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such codex or event. Damage is not an error but a step that does not hold.
    pub fn verify_event(&self, codex: &CodexId, sequence: u64) -> Result<EventVerification> {
        let head = self.codex(codex)?;
        if sequence >= head.length {
            let message = format!("codex {codex} has {} events and none at {sequence}", head.length);
            return Err(Error::not_found(message).with_field("sequence"));
        }
        let mut found = EventVerification {
            proof_verification_status: ProofVerificationStatus::Verified,
            entry: None,
            steps: Vec::new(),
            inclusion: None,
            tree_root: head.tree_root,
            path: Vec::new(),
        };
        self.examine(codex, sequence, &mut found)?;
        let is_redacted = found.entry.as_ref().is_some_and(TrailEntry::is_redacted);
        found.proof_verification_status = match found.steps.iter().all(|step| step.holds) {
            false => ProofVerificationStatus::Tampered,
            true if is_redacted => ProofVerificationStatus::Redacted,
            true => ProofVerificationStatus::Verified,
        };
        Ok(found)
    }

    fn examine(&self, codex: &CodexId, sequence: u64, found: &mut EventVerification) -> Result<()> {
        let mut cells = None;
        let read = for_each_opened_event(&self.access, codex, sequence, sequence + 1, |bytes, openings| {
            cells = Some((bytes.to_vec(), openings.to_vec()));
            Ok(())
        });
        if !step(
            found,
            "event",
            read.and_then(|()| match &cells {
                Some((bytes, _)) => Event::from_bytes(bytes).map(drop),
                None => Err(Error::corrupt(format!("event {sequence} is missing"))),
            }),
        )? {
            return Ok(());
        }
        let Some((bytes, openings)) = cells else { return Ok(()) };
        let event = Event::from_bytes(&bytes)?;
        let before = tail_of_length(&self.access, codex, sequence);
        let previous =
            before.as_ref().map_err(|error| Error::corrupt(error.to_string())).and_then(|before| {
                let is_named = before.last() == event.previous;
                is_named
                    .then_some(())
                    .ok_or_else(|| Error::corrupt("it names another event as the one before it"))
            });
        if step(found, "previous", previous)?
            && let Ok(before) = before
        {
            let mut replay = Replay::new(before);
            let mut older = |parent: u64| Ok(super::replay::state_at(&self.access, codex, parent)?.1);
            let derived = replay.follow(&bytes, &mut Vec::new(), &mut older);
            step(found, "derivation", derived.map(drop).map_err(|stop| stop.into_error(codex)))?;
        }
        let entry = TrailEntry::read(&bytes, &openings);
        let opened = entry.as_ref().map(drop).map_err(|error| Error::corrupt(error.to_string()));
        step(found, "openings", opened)?;
        found.entry = entry.ok();
        let proof = self.tree(codex).and_then(|tree| tree.inclusion(sequence, None));
        let included = proof.and_then(|proof| {
            proof.verify(&Event::leaf(&Event::digest(&bytes)), &found.tree_root)?;
            found.inclusion = Some(proof);
            Ok(())
        });
        step(found, "inclusion", included)?;
        let mut parent = event.parents.first().copied();
        while let Some(at) = parent.filter(|_| found.path.len() < EventVerification::MAX_PATH) {
            found.path.push(at);
            parent = match self.event(codex, at) {
                Ok((event, _)) => event.parents.first().copied().filter(|next| *next < at),
                Err(error) if error.kind() == ErrorKind::Corrupt => None,
                Err(error) => return Err(error),
            };
        }
        Ok(())
    }
}

/// Notes a step, and says whether it holds. What is no damage is passed on.
fn step(found: &mut EventVerification, name: &str, outcome: Result<()>) -> Result<bool> {
    let what = match outcome {
        Ok(()) => None,
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Invalid | ErrorKind::Limit) => {
            Some(error.to_string())
        }
        Err(error) => return Err(error),
    };
    let holds = what.is_none();
    found.steps.push(VerificationStep { name: name.to_owned(), holds, found: what });
    Ok(holds)
}
