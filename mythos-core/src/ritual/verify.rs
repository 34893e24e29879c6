//! Verifying one entry.

use serde::{Deserialize, Serialize};

use super::cache::not_found;
use super::card::Card;
use super::cell::{self, Kind};
use super::examine::is_unknown_key;
use super::findings::{Findings, Subject};
use super::reroot::group_of;
use super::thread::MAX_CHAIN;
use super::{RitualCompressionCache, RitualHead, RitualPart, ScrubFinding, SequenceRange};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Answer, Cell, MAX_CELL_BYTES, Model, Names, Owner, Read};
use crate::types::{AssistantId, EntryId, RitualId, Version};

/// How often an entry that writers keep changing is looked at again.
const MAX_TRIES: usize = 8;

/// What the verification of one entry found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RitualVerification {
    /// The entry.
    pub entry: EntryId,
    /// Whether all that is stored of it agrees: head, card, signature, intent, whole frame, patch, payload.
    pub verified: bool,
    /// Whether it can be restored all the same.
    pub restorable: bool,
    /// What is damaged.
    pub findings: Vec<ScrubFinding>,
}

impl RitualCompressionCache {
    /// Verifies one entry by every way that leads to it: also damage that another way still makes good is found.
    ///
    /// An entry that is made out of newer ones depends on them: their damage is a finding here only if it takes this
    /// entry along.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there never was such an entry, or it was pruned; with field `key`, if its key was
    /// destroyed. Damage is not an error but a finding.
    pub fn verify(&self, entry: EntryId) -> Result<RitualVerification> {
        let owner = self.place_of(entry)?;
        let mut tries = 0;
        loop {
            let (version, verification) = self.verify_once(&owner, entry)?;
            tries += 1;
            let is_steady = || Ok::<_, Error>(self.snapshot(&owner, Vec::new())?.version() == version);
            match verification {
                Ok(verification) if verification.verified || tries == MAX_TRIES || is_steady()? => {
                    return Ok(verification);
                }
                Err(error) if tries == MAX_TRIES || is_steady()? => return Err(error),
                _ => {}
            }
        }
    }

    /// Verifies an entry in one state of its ritual, and says which.
    fn verify_once(
        &self,
        owner: &Owner,
        entry: EntryId,
    ) -> Result<(Option<Version>, Result<RitualVerification>)> {
        let sequence = entry.sequence();
        let snapshot = self.snapshot(owner, vec![Kind::Block.at_or_after(sequence, MAX_CHAIN)])?;
        let version = snapshot.version();
        let mut found = Findings::new(subject(None, entry));
        let head = match snapshot.head {
            Some(Ok(head)) => head,
            None if self.is_empty(owner, Names::all())? => return Err(not_found(owner, sequence)),
            None => {
                let error = Error::corrupt("the head is missing, but not the ritual's entries");
                found.add(RitualPart::Head, None, &error);
                return Ok((version, Ok(verification(entry, false, found))));
            }
            Some(Err(error)) if error.kind() == ErrorKind::Corrupt => {
                let remade = self.remade(owner)?;
                found.subject = subject(remade.as_ref(), entry);
                found.add(RitualPart::Head, None, &error);
                match remade {
                    Some(head) => head,
                    None => return Ok((version, Ok(verification(entry, false, found)))),
                }
            }
            Some(Err(error)) => return Err(error),
        };
        found.subject = subject(Some(&head), entry);
        let blocks = snapshot.cells.into_iter().flatten().collect();
        let restorable = self.verify_entry(&head, owner, blocks, sequence, &mut found);
        Ok((version, restorable.map(|restorable| verification(entry, restorable, found))))
    }

    /// Notes what is wrong with an entry and says whether it can be restored.
    fn verify_entry(
        &self,
        head: &RitualHead,
        owner: &Owner,
        mut blocks: Vec<Cell>,
        sequence: u64,
        found: &mut Findings,
    ) -> Result<bool> {
        blocks.sort_unstable_by_key(|block| block.name);
        let here = SequenceRange { first: sequence, last: sequence };
        let add = |found: &mut Findings, part: RitualPart, error: &Error, is_lost: bool| {
            let cause = found.add(part, Some(sequence), error);
            if is_lost {
                found.lose(cause, here);
            }
        };
        let cards = match self.card_and_above(head, owner, blocks, sequence) {
            Ok(cards) => cards,
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                add(found, RitualPart::Card, &error, true);
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let (card, above) = (&cards[0], &cards[1..]);
        let intent = self.intents(head, std::slice::from_ref(card))?.remove(0);
        let operations = self.operation_cells(head, std::slice::from_ref(card))?;
        let mut is_told = intent.is_ok();
        if let Err(error) = &intent {
            add(found, RitualPart::Intent, error, true);
        } else if let Err(error) = self.check_intent(head, card)? {
            add(found, RitualPart::Intent, &error, false);
        }
        for (part, error) in self.examine_card(head, card, &intent, &operations) {
            is_told &= part != RitualPart::Card;
            add(found, part, &error, part == RitualPart::Card);
        }
        let mut broken = None;
        let base = match (&card.patch, above) {
            (Some(_), [_, ..]) => match self.payload(head, above, &mut Vec::new()) {
                Ok((payload, _)) => Some(payload),
                Err(error) if error.kind() == ErrorKind::Corrupt || is_unknown_key(&error) => {
                    broken = Some(error);
                    None
                }
                Err(error) => return Err(error),
            },
            _ => None,
        };
        let patches = self.patch_cell(head, card)?;
        let examined = self.examine(head, card, &patches, base)?;
        if let Some(error) = examined.sealed.filter(|_| examined.faults.is_empty() && found.count == 0) {
            return Err(error);
        }
        let is_lost = examined.payload.is_none();
        if is_lost && examined.faults.is_empty() {
            let error = broken.unwrap_or_else(|| self.nothing_left(head, card));
            add(found, RitualPart::Patch, &error, true);
        }
        for (part, error) in examined.faults {
            add(found, part, &error, is_lost);
        }
        Ok(is_told && !is_lost)
    }

    /// Whether the cell of a card's intent is sound, also if the head tells the same.
    fn check_intent(&self, head: &RitualHead, card: &Card) -> Result<Result<()>> {
        let Some(digest) = &card.intent else { return Ok(Ok(())) };
        let (owner, name) = (head.cells(), Kind::Intent.named_after(digest));
        let (cells, _) = self.access.cells(owner.clone(), Names::one(name), MAX_CELL_BYTES as u64)?;
        Ok(match cells.first() {
            Some(cell) => cell::open(&owner, &name, &cell.bytes).map(|_| ()),
            None => Err(Error::corrupt(format!("the intent in cell {name} is missing"))),
        })
    }

    /// The cards from an entry's upward, as far as no block between them is damaged.
    fn card_and_above(
        &self,
        head: &RitualHead,
        owner: &Owner,
        blocks: Vec<Cell>,
        sequence: u64,
    ) -> Result<Vec<Card>> {
        let first = Self::blocks(owner, blocks.clone()).into_iter().next();
        let own = first.filter(|block| group_of(block.last) == group_of(sequence)).map(|block| block.content);
        let own = own
            .transpose()
            .map_err(|error| error.while_doing(format_args!("verify entry {}", head.root.at(sequence))))?;
        let cards = own.map(|(_, cards)| cards).unwrap_or_default();
        if cards.iter().any(|card| card.sequence == sequence) {
            return self.cards_from(head, owner, blocks, sequence);
        }
        let was_given = (1..=head.sequence).contains(&sequence);
        // A sound block that does not name it says that it was pruned, if it reaches down to it.
        let is_pruned = cards.first().is_some_and(|card| card.sequence < sequence);
        if was_given && !is_pruned && self.account(head)?.missing(head) > 0 {
            let entry = head.root.at(sequence);
            return Err(Error::corrupt(format!("entry {entry} is missing from the ritual's entries")));
        }
        Err(not_found(owner, sequence))
    }

    /// The head of the ritual at `owner` made anew, if its names and entries can still be told.
    pub(super) fn remade(&self, owner: &Owner) -> Result<Option<RitualHead>> {
        match self.names_at(owner)? {
            Some((assistant, ritual)) => self.remake_head(&assistant, &ritual),
            None => Ok(None),
        }
    }

    /// The names of the ritual at `owner`, if its damaged head still says them.
    pub(super) fn names_at(&self, owner: &Owner) -> Result<Option<(AssistantId, RitualId)>> {
        let [answer] = self.access.read([Read::Record { table: RitualHead::TABLE, id: owner.id }])?;
        let Answer::Record { record: Some(record) } = answer else { return Ok(None) };
        let text = |field: &str| record.body.get(field).and_then(|value| value.as_str());
        let assistant = text("assistant").and_then(|name| name.parse::<AssistantId>().ok());
        let ritual = text("ritual").and_then(|name| name.parse::<RitualId>().ok());
        Ok(assistant.zip(ritual).filter(|(assistant, ritual)| self.owner(assistant, ritual) == *owner))
    }
}

/// Whose findings those of an entry are.
fn subject(head: Option<&RitualHead>, entry: EntryId) -> Subject {
    Subject {
        assistant: head.map(|head| head.assistant.clone()),
        ritual: head.map(|head| head.ritual.clone()),
        root: Some(entry.root()),
    }
}

fn verification(entry: EntryId, restorable: bool, found: Findings) -> RitualVerification {
    RitualVerification { entry, verified: found.list.is_empty(), restorable, findings: found.list }
}
