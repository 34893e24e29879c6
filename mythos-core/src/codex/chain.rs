//! The chain of events by their bytes alone: each names the digest of the one before.

use std::num::NonZeroUsize;

use super::event::Event;
use super::wire::previous_of;
use crate::error::{Error, Result};
use crate::types::Digest;

/// Verifies that events are a chain from the beginning of a log: that each names the digest of the one before it, and the
/// first none. Gives the digest of the last, which stands for them all; `None` for no events.
///
/// This costs one hash of each event, and takes as many threads as it is given. It tells that nothing was altered, dropped
/// or put in another place; whether each state follows from the one before is what
/// [`verify`](super::CodexProofOfSymbolEngine::verify) tells.
///
/// ```
/// use std::num::NonZeroUsize;
///
/// use mythos_core::codex::verify_chain;
///
/// assert_eq!(verify_chain::<Vec<u8>>(&[], NonZeroUsize::MIN)?, None);
/// assert!(verify_chain(&[b"no event"], NonZeroUsize::MIN).is_err());
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) at the first event that does not name the one before it; the message
/// says which.
pub fn verify_chain<E: AsRef<[u8]> + Sync>(events: &[E], threads: NonZeroUsize) -> Result<Option<Digest>> {
    let part = events.len().div_ceil(threads.get()).max(1);
    let parts: Vec<_> = events.chunks(part).collect();
    let verified: Vec<Result<(Option<Digest>, Digest)>> = std::thread::scope(|scope| {
        // The first part is this thread's.
        let others = parts.iter().copied().enumerate().skip(1);
        let others = others.map(|(number, events)| scope.spawn(move || verify_part(number * part, events)));
        let others: Vec<_> = others.collect();
        let own = parts.first().map(|events| verify_part(0, events));
        let others = others.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(Error::internal("a thread that verified events panicked")))
        });
        own.into_iter().chain(others).collect()
    });
    let mut last = None;
    for (number, part_verified) in verified.into_iter().enumerate() {
        let (before, end) = part_verified?;
        if before != last {
            return Err(broken(number * part));
        }
        last = Some(end);
    }
    Ok(last)
}

/// What the first event of a part names as the one before it, and the digest of its last.
fn verify_part<E: AsRef<[u8]>>(first: usize, events: &[E]) -> Result<(Option<Digest>, Digest)> {
    let (mut before, mut last) = (None, None);
    for (event, at) in events.iter().zip(first..) {
        let bytes = event.as_ref();
        let previous = previous_of(bytes, at as u64)?;
        match last {
            None => before = previous,
            last if last == previous => {}
            _ => return Err(broken(at)),
        }
        last = Some(Event::digest(bytes));
    }
    last.map(|last| (before, last)).ok_or_else(|| Error::internal("a part has no events"))
}

fn broken(at: usize) -> Error {
    Error::corrupt(format!("event {at} does not name the event before it"))
}
