//! Erasing texts, actors and reasons, so that every proof stays valid.

use std::collections::BTreeSet;

use super::cell::CodexCell;
use super::event::{Change, ErasedOpening, Event};
use super::opening::{ACTOR_OPENING, FIRST_TEXT_OPENING};
use super::read::{for_each_event, for_each_opened_event};
use super::{CodexProofOfSymbolEngine, ProofVerificationStatus, RedactCodex, SymbolProof, TrailEntry};
use crate::error::{Error, Result};
use crate::store::{Batch, Expect, Model, Query, Scalar};
use crate::types::{ClauseId, CodexId};

impl CodexProofOfSymbolEngine {
    /// Erases texts, actors or reasons for good, in one commit with the event that says so, and returns its proof. Every
    /// proof stays valid: what is hashed are commitments.
    ///
    /// When this returns, no answer of the store has them. Housekeeping (`Mythos::maintain`, until it is done) then drops
    /// what the store may still hold of them in its write-ahead log and in free pages. Backups, and bundles that were given
    /// away, are out of reach.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such codex, event or text;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if a text is named twice; else those of
    /// [`mutate`](Self::mutate).
    pub fn redact(&self, redact: &RedactCodex) -> Result<SymbolProof> {
        let head = self.codex(&redact.codex)?;
        let mut known: Option<(u64, Event)> = None;
        // In order, each event is read once.
        let mut erase = redact.erase.clone();
        erase.sort_unstable();
        for erased in &erase {
            let missing = || {
                let message = format!("event {} has no text {}", erased.sequence, erased.opening);
                Error::not_found(message).with_field("erase")
            };
            if erased.sequence >= head.length {
                return Err(missing());
            }
            let event = match known.take().filter(|(sequence, _)| *sequence == erased.sequence) {
                Some((_, event)) => event,
                None => self.event(&redact.codex, erased.sequence)?.0,
            };
            if !event.commitments().iter().any(|(_, number, _)| *number == erased.opening) {
                return Err(missing());
            }
            known = Some((erased.sequence, event));
        }
        let mut written = self.write(&redact.into())?;
        written.proofs.pop().ok_or_else(|| Error::internal("a write has no proof"))
    }

    /// The texts and notes that a clause ever had, and that are not erased: what [`redact`](Self::redact) takes.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such codex.
    pub fn openings_of_clause(&self, codex: &CodexId, clause: &ClauseId) -> Result<Vec<ErasedOpening>> {
        let mut openings = BTreeSet::new();
        self.for_each_event(codex, |event| {
            let sequence = event.sequence;
            match &event.change {
                Change::Create { clauses } => {
                    let of =
                        clauses.iter().zip(FIRST_TEXT_OPENING..).filter(|(new, _)| new.clause == *clause);
                    openings.extend(of.map(|(_, opening)| ErasedOpening { sequence, opening }));
                }
                Change::Add { clause: of, .. }
                | Change::Replace { clause: of, .. }
                | Change::Annotate { clause: of, .. }
                    if of == clause =>
                {
                    openings.insert(ErasedOpening { sequence, opening: FIRST_TEXT_OPENING });
                }
                Change::Redact { erased } => openings.retain(|opening| !erased.contains(opening)),
                _ => {}
            }
        })?;
        Ok(openings.into_iter().collect())
    }

    /// Where a codex names this actor: what [`redact`](Self::redact) takes.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such codex.
    pub fn openings_of_actor(&self, codex: &CodexId, actor: &str) -> Result<Vec<ErasedOpening>> {
        let head = self.codex(codex)?;
        let mut openings = Vec::new();
        for_each_opened_event(&self.access, codex, 0, head.length, |bytes, cells| {
            let entry = TrailEntry::read(bytes, cells)?;
            if entry.actor.as_deref() == Some(actor) {
                openings.push(ErasedOpening { sequence: entry.event.sequence, opening: ACTOR_OPENING });
            }
            Ok(())
        })?;
        Ok(openings)
    }

    /// Has the listed proofs of events say that something of them is erased.
    pub(super) fn mark_redacted(
        &self,
        batch: &mut Batch,
        codex: &CodexId,
        erased: &[ErasedOpening],
    ) -> Result<()> {
        let sequences: BTreeSet<u64> = erased.iter().map(|erased| erased.sequence).collect();
        for sequence in sequences {
            let query = Query::new(SymbolProof::TABLE)
                .equals("codex", Some(codex.as_str()))
                .equals("sequence", Some(Scalar::Integer(sequence as i64)));
            for record in self.access.raw_page(query.limit(2))?.items {
                let mut proof = SymbolProof::from_record(&record)?;
                proof.proof_verification_status = ProofVerificationStatus::Redacted;
                batch.put(record.id, Expect::At(record.version), &proof)?;
            }
        }
        Ok(())
    }

    fn for_each_event(&self, codex: &CodexId, mut visit: impl FnMut(&Event)) -> Result<()> {
        let head = self.codex(codex)?;
        for_each_event(&self.access, codex, 0, head.length, |bytes| {
            visit(&Event::from_bytes(bytes)?);
            Ok(())
        })
    }
}

impl ErasedOpening {
    /// The name of its cell.
    pub(crate) fn name(&self) -> crate::store::CellName {
        CodexCell::Opening(self.sequence, self.opening).name()
    }
}
