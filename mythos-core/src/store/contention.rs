//! Keeps threads that change the same record from outrunning each other for ever.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::types::RecordId;

/// Records share a place in this many lines; two records in one line only wait a little more than they need.
const LINES: usize = 64;

/// Nobody waits longer: whoever stands before may be a store of the host's that calls back into this library, and then
/// waits for the one behind. Past this they try at the same time, which is slower and still right.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lines in which threads wait that lost a race for a record, so that each then has little company.
///
/// A commit that shares its flush with others takes milliseconds, and of those that change one record one wins. Without
/// a line, one of many threads can lose every time.
#[derive(Debug)]
pub(crate) struct Contention([Line; LINES]);

#[derive(Debug, Default)]
struct Line {
    taken: Mutex<bool>,
    left: Condvar,
}

/// A place at the head of a line, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(Option<&'a Line>);

impl Default for Contention {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Line::default()))
    }
}

impl Contention {
    /// Waits for the turn at `record`.
    pub(crate) fn turn(&self, record: &RecordId) -> Turn<'_> {
        let sum: usize = record.as_bytes().iter().map(|byte| usize::from(*byte)).sum();
        let line = &self.0[sum % LINES];
        let taken = line.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = line.left.wait_timeout_while(taken, PATIENCE, |taken| *taken);
        let (mut taken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return Turn(None);
        }
        *taken = true;
        Turn(Some(line))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(line) = self.0 {
            *line.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
            line.left.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_time_has_the_turn() {
        let contention = Contention::default();
        let record = RecordId::new(b"record").unwrap();
        let inside = Mutex::new(());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _turn = contention.turn(&record);
                        assert!(inside.try_lock().is_ok(), "the turn is one thread's");
                    }
                });
            }
        });
    }
}
