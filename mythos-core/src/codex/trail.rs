use serde::{Deserialize, Serialize};

use super::event::Event;
use super::opening::{ACTOR_OPENING, FIRST_TEXT_OPENING, Opening, REASON_OPENING};
use crate::error::{Error, Result};
use crate::types::Digest;

/// One entry of a codex's trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// The event's digest.
    pub digest: Digest,
    /// The event.
    pub event: Event,
    /// Who made the change; `None` if it was erased.
    pub actor: Option<String>,
    /// Why; `None` if no reason was given or it was erased.
    pub reason: Option<String>,
    /// The texts or notes that the change brought, in its order; `None` for an erased one.
    pub texts: Vec<Option<String>>,
}

/// A part of a codex's trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailPage {
    /// The entries, oldest first.
    pub items: Vec<TrailEntry>,
    /// The position of the next entry; `None` at the end.
    pub next: Option<u64>,
}

impl TrailEntry {
    /// Whether something of it was erased.
    #[must_use]
    pub fn is_redacted(&self) -> bool {
        self.actor.is_none()
            || (self.reason.is_none() && self.event.reason.is_some())
            || self.texts.iter().any(Option::is_none)
    }

    /// Reads an event and those of its openings that are still there, with their numbers.
    pub(crate) fn read(bytes: &[u8], openings: &[(u32, Vec<u8>)]) -> Result<Self> {
        let event = Event::from_bytes(bytes)?;
        let (mut actor, mut reason, mut texts) = (None, None, Vec::new());
        for (purpose, number, commitment) in event.commitments() {
            let stored = openings.iter().find(|(stored, _)| *stored == number);
            let value = stored.map(|(_, bytes)| open(&event, bytes, purpose, &commitment)).transpose()?;
            match number {
                ACTOR_OPENING => actor = value,
                REASON_OPENING => reason = value,
                FIRST_TEXT_OPENING.. => texts.push(value),
            }
        }
        Ok(Self { digest: Event::digest(bytes), event, actor, reason, texts })
    }
}

fn open(event: &Event, bytes: &[u8], purpose: &str, commitment: &crate::types::Commitment) -> Result<String> {
    let place =
        format_args!("the {purpose} of event {} of codex {}", event.sequence, event.codex).to_string();
    let opening = Opening::from_bytes(bytes).map_err(|error| error.while_doing(&place))?;
    if opening.opens(purpose, commitment) {
        Ok(opening.value)
    } else {
        Err(Error::corrupt(format!("{place} does not open its commitment {commitment}")))
    }
}
