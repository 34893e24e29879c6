//! Epochs: the version of a record says who holds what it stands for, and whoever takes that over writes it once more.

use std::fmt::Display;

use super::access::{Access, MAX_ATTEMPTS};
use super::{Batch, Expect, Model};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{RecordId, Timestamp, Version};

/// Takes over what the record `id` stands for, which `what` names, and returns the new epoch. `next` makes the record from
/// the one before it.
///
/// # Errors
/// `Conflict` if others took it over at the same time, again and again; those of `next` and of the store.
pub(crate) fn take_over<M: Model>(
    access: &Access,
    id: RecordId,
    what: impl Display,
    next: impl Fn(Option<M>, Timestamp) -> Result<M>,
) -> Result<Version> {
    let now = access.now();
    for _ in 0..MAX_ATTEMPTS {
        let stored = access.record::<M>(id)?;
        let expect = stored.as_ref().map_or(Expect::Absent, |stored| Expect::At(stored.version));
        let mut batch = Batch::new();
        batch.put(id, expect, &next(stored.map(|stored| stored.model), now)?)?;
        match access.commit(batch) {
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error.while_doing(format_args!("take over {what}"))),
            Ok(()) => return expect.next_version(),
        }
    }
    Err(Error::conflict(format!("others took {what} over {MAX_ATTEMPTS} times")))
}

/// Refuses `holder`, who holds the epoch `held`, unless it is the one that was `found`: `Conflict` with the field `epoch`.
pub(crate) fn check(holder: impl Display, held: Version, found: Option<Version>) -> Result<()> {
    if found == Some(held) {
        return Ok(());
    }
    let found = found.map_or_else(|| "none".to_owned(), |found| found.to_string());
    let message = format!("stale epoch: this {holder} holds epoch {held}, and {found} is in force");
    Err(Error::conflict(message).with_field("epoch"))
}
