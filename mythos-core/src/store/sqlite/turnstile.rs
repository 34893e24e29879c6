//! Fairness between processes that write the same file.
//!
//! SQLite's write lock goes to whoever asks at the right moment, and a process that has just let go of it asks first.
//! So a writer passes a turnstile: it locks a file beside the database, then takes SQLite's lock, then lets go of the
//! turnstile. While one writer works, the next one stands in the turnstile, and the first cannot come in again before
//! it. The turnstile only orders the writers: what keeps them apart is SQLite's own lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::error::{Attempt, unavailable};
use crate::store::StoreError;

/// How long who comes anew sleeps between two looks at a closed turnstile.
const FIRST_WAIT: Duration = Duration::from_micros(2_000);

/// How long who has waited longest sleeps. Waits grow shorter so that patience is rewarded: a lock that is asked for,
/// not queued for, goes to who asks most often.
const LAST_WAIT: Duration = Duration::from_micros(250);

/// After so many looks the lock is held by something slow, and looking often only costs.
const MANY_LOOKS: u32 = 2_000;

/// How often who stands in the turnstile looks for SQLite's lock: it is the only one that does.
const STANDING_WAIT: Duration = Duration::from_micros(100);

/// How long a caller is willing to wait, from when it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    since: Instant,
    limit: Duration,
}

impl Patience {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long to wait for a lock is no time that anything stores"
    )]
    pub(super) fn new(limit: Duration) -> Self {
        Self { since: Instant::now(), limit }
    }

    fn is_spent(&self) -> bool {
        self.since.elapsed() >= self.limit
    }
}

/// The file that writers of all processes pass one by one.
#[derive(Debug)]
pub(super) struct Turnstile {
    file: File,
}

impl Turnstile {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .attempt(&format!("open {}", path.display()))?;
        Ok(Self { file })
    }

    /// Passes the turnstile: stands in it while trying `enter` until that says that it is in.
    ///
    /// # Errors
    /// `Unavailable` when `patience` is spent before; the errors of `enter`.
    pub(super) fn pass(
        &self,
        patience: Patience,
        mut enter: impl FnMut() -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let _standing = self.stand(patience)?;
        let mut looks = 0_u32;
        while !enter()? {
            if patience.is_spent() {
                return Err(unavailable(format!(
                    "another process kept the store locked for {:?}; retry later",
                    patience.limit
                )));
            }
            thread::sleep(if looks < MANY_LOOKS { STANDING_WAIT } else { FIRST_WAIT });
            looks += 1;
        }
        Ok(())
    }

    fn stand(&self, patience: Patience) -> Result<Standing<'_>, StoreError> {
        let mut looks = 0;
        loop {
            match self.file.try_lock() {
                Ok(()) => return Ok(Standing(&self.file)),
                Err(TryLockError::Error(error)) => return Err(error).attempt("lock the turnstile"),
                Err(TryLockError::WouldBlock) if patience.is_spent() => {
                    return Err(unavailable(format!(
                        "other processes kept the store busy for {:?}; retry later",
                        patience.limit
                    )));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(wait(looks)),
            }
            looks += 1;
        }
    }
}

/// How long to sleep after the look of this number; a little different in each process, so that two do not keep step.
fn wait(looks: u32) -> Duration {
    let jitter = std::process::id().wrapping_add(looks).wrapping_mul(0x9e37_79b1) >> 25;
    let base = if looks < MANY_LOOKS { (FIRST_WAIT / (looks + 1)).max(LAST_WAIT) } else { FIRST_WAIT };
    base + Duration::from_micros(u64::from(jitter))
}

/// Standing in the turnstile, until dropped.
struct Standing<'a>(&'a File);

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        // Failing to unlock an open file is not known to happen; the lock also ends with the process.
        let _ = self.0.unlock();
    }
}
