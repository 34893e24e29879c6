//! A few of what costs more to make than to use.

use std::fmt;
use std::sync::{Mutex, MutexGuard, TryLockError};

/// How many are kept.
const MAX_POOLED: usize = 8;

/// What is kept for reuse. Nobody waits for it, nor for a thread that is not there any more behind a fork.
pub(super) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Pool<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// One of those that are kept, if there is any and nobody else is at the pool.
    pub(super) fn take(&self) -> Option<T> {
        self.kept()?.pop()
    }

    /// Keeps one, unless there are enough of them or somebody else is at the pool.
    pub(super) fn give_back(&self, one: T) {
        if let Some(mut kept) = self.kept()
            && kept.len() < MAX_POOLED
        {
            kept.push(one);
        }
    }

    /// What a panicking thread left behind is as good as any: it is taken out before use.
    fn kept(&self) -> Option<MutexGuard<'_, Vec<T>>> {
        match self.0.try_lock() {
            Ok(kept) => Some(kept),
            Err(TryLockError::Poisoned(kept)) => Some(kept.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_kept_and_nobody_waits() {
        let pool = Pool::new();
        assert_eq!(pool.take(), None);
        (0..2 * MAX_POOLED).for_each(|one| pool.give_back(one));
        let held = pool.0.lock().unwrap();
        assert_eq!(pool.take(), None);
        pool.give_back(1);
        drop(held);
        assert_eq!(std::iter::from_fn(|| pool.take()).count(), MAX_POOLED);
    }
}
