//! Verifying every way back to one entry.

use super::card::{Card, Patch};
use super::cell::{self, Kind};
use super::thread::MAX_BLOCK_BYTES;
use super::{RitualCompressionCache, RitualHead, RitualPart, SymbolicIntent};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Cell, Names};

/// What verifying the payload of one entry came to.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// The payload, if any way leads to it.
    pub(super) payload: Option<Vec<u8>>,
    /// The ways that do not.
    pub(super) faults: Vec<(RitualPart, Error)>,
    /// What is said of the key, if it is sealed under one that is not known.
    pub(super) sealed: Option<Error>,
    /// How many bytes were decoded.
    pub(super) decoded: u64,
}

impl Examined {
    fn take(&mut self, part: RitualPart, way: Result<Option<Vec<u8>>>) -> Result<()> {
        match way {
            Ok(payload) => {
                self.decoded += payload.as_ref().map_or(0, |payload| payload.len() as u64);
                // Both ways lead to the payload that the card commits to.
                self.payload = self.payload.take().or(payload);
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => self.faults.push((part, error)),
            Err(error) if is_unknown_key(&error) => self.sealed = Some(error),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Whether a key was destroyed, or is not known here.
pub(super) fn is_unknown_key(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound && error.field() == Some("key")
}

impl RitualCompressionCache {
    /// Verifies the whole payload of an entry and the patch that makes it out of `above`, the payload of the next newer
    /// entry; without that, only what can be told of the patch alone. `patches` holds its cell, if it has one.
    pub(super) fn examine(
        &self,
        head: &RitualHead,
        card: &Card,
        patches: &[Cell],
        above: Option<Vec<u8>>,
    ) -> Result<Examined> {
        let mut examined = Examined::default();
        // The patch first: then the payload above is not needed any more when the whole one is decoded.
        if card.patch.is_some() {
            let way = self.by_patch(head, card, patches, above);
            examined.take(RitualPart::Patch, way)?;
        }
        if head.has_whole(card) {
            let way = self.whole(head, card, &mut Vec::new()).and_then(|(payload, salt)| {
                self.check_payload(head, card, salt, &payload)?;
                Ok(Some(payload))
            });
            examined.take(RitualPart::Whole, way)?;
        }
        Ok(examined)
    }

    fn by_patch(
        &self,
        head: &RitualHead,
        card: &Card,
        patches: &[Cell],
        above: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>> {
        let opened = self.open_patch(head, card, patches)?;
        let Some(above) = above else { return Ok(None) };
        let payload = self.shared.codec.patched(&above, &opened, card.raw_bytes)?;
        self.check_payload(head, card, opened.salt, &payload)?;
        Ok(Some(payload))
    }

    /// What is wrong with an entry apart from its payload. An intent that cannot be read is another's finding.
    pub(super) fn examine_card(
        &self,
        head: &RitualHead,
        card: &Card,
        intent: &Result<SymbolicIntent>,
        operations: &[Cell],
    ) -> Vec<(RitualPart, Error)> {
        let mut faults = Vec::new();
        if head.newest.first() == Some(&card.sequence) {
            faults.extend(head.check_newest(card).err().map(|error| (RitualPart::Head, error)));
        }
        if let Ok(intent) = intent {
            let signed = self.entry_of(head, card, intent.clone());
            faults.extend(signed.err().map(|error| (RitualPart::Card, error)));
        }
        if card.is_marked {
            let told = check_operation(head, card, operations);
            faults.extend(told.err().map(|error| (RitualPart::Operation, error)));
        }
        faults
    }

    /// Reads the cells that tell which entries the operations of callers saved.
    pub(super) fn operation_cells(&self, head: &RitualHead, cards: &[Card]) -> Result<Vec<Cell>> {
        let names: Vec<_> = cards
            .iter()
            .filter(|card| card.is_marked)
            .map(|card| Kind::Operation.named_after(&card.operation))
            .collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.access.cells(head.cells(), Names::These { names }, MAX_BLOCK_BYTES)?.0)
    }

    /// Reads the cell of a card's patch, if it has one.
    pub(super) fn patch_cell(&self, head: &RitualHead, card: &Card) -> Result<Vec<Cell>> {
        match card.patch {
            Some(Patch::Cell { .. }) => self.patch_cells(head, std::slice::from_ref(card)),
            _ => Ok(Vec::new()),
        }
    }
}

fn check_operation(head: &RitualHead, card: &Card, operations: &[Cell]) -> Result<()> {
    let name = Kind::Operation.named_after(&card.operation);
    let Some(cell) = operations.iter().find(|cell| cell.name == name) else {
        return Err(Error::corrupt(format!("the operation in cell {name} is missing")));
    };
    let body = cell::open(&head.cells(), &name, &cell.bytes)?;
    if body == card.sequence.to_be_bytes() {
        return Ok(());
    }
    Err(Error::corrupt(format!("the operation in cell {name} names another entry than {}", card.sequence)))
}
