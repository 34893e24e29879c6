use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::{Answer, Batch, Budget, Capabilities, Maintained, Read, Store, StoreError};

/// What goes wrong at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call is refused as [`StoreError::Unavailable`] and changes nothing; the next one is served again.
    Refuse,
    /// The call takes effect but its answer is lost; the next one is served again.
    LoseAnswer,
    /// The store crashes before the call takes effect.
    CrashBefore,
    /// The store crashes after the call took effect, before it was answered.
    CrashAfter,
}

impl Fault {
    /// Every fault, for tests that try each.
    pub const ALL: [Self; 4] = [Self::Refuse, Self::LoseAnswer, Self::CrashBefore, Self::CrashAfter];
}

/// A store whose calls fail as planned, for simulations of a crash between any two of them.
///
/// Calls of `read`, `commit` and `maintain` are counted from 1. A commit whose answer is lost, or during which the
/// store crashes, is [`StoreError::Unknown`] whether it took effect or not; a read is [`StoreError::Unavailable`].
/// After a crash every call is `Unavailable`, and still counted, until [`restart`](Self::restart). A clone is another
/// handle to the same store.
///
/// ```
/// use mythos_core::store::{Batch, MemoryStore, Store, StoreError};
/// use mythos_core::testing::{Fault, FaultStore};
///
/// let store = FaultStore::new(MemoryStore::new());
/// store.plan(2, Fault::CrashAfter);
/// store.commit(&Batch::new())?;
/// assert!(matches!(store.commit(&Batch::new()), Err(StoreError::Unknown { .. })));
/// assert!(matches!(store.read(&[]), Err(StoreError::Unavailable { .. })));
/// store.restart();
/// store.read(&[])?;
/// assert_eq!(store.calls(), 4);
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FaultStore {
    inner: Arc<dyn Store>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    down: bool,
    planned: BTreeMap<u64, Fault>,
}

impl FaultStore {
    /// Wraps a store; nothing is planned.
    #[must_use]
    pub fn new(inner: impl Store + 'static) -> Self {
        Self { inner: Arc::new(inner), state: Arc::default() }
    }

    /// Plans `fault` for the call of that number, counted from 1 over the life of this store.
    pub fn plan(&self, call: u64, fault: Fault) {
        self.state().planned.insert(call, fault);
    }

    /// How many calls were made, also those that failed.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Whether the store crashed and was not restarted.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.state().down
    }

    /// Serves calls again after a crash, with everything that took effect before. Plans for later calls stay.
    pub fn restart(&self) {
        self.state().down = false;
    }

    /// Nothing that panics is done under this lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and makes it, unless a fault or a crash keeps it from being made or answered.
    fn call<T>(
        &self,
        lost: fn(String) -> StoreError,
        call: impl FnOnce(&dyn Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (number, fault) = {
            let mut state = self.state();
            state.calls += 1;
            let number = state.calls;
            if state.down {
                return Err(unavailable(format!("call {number}: the store crashed and was not restarted")));
            }
            let fault = state.planned.remove(&number);
            state.down = matches!(fault, Some(Fault::CrashBefore | Fault::CrashAfter));
            (number, fault)
        };
        match fault {
            None => call(&*self.inner),
            Some(Fault::Refuse) => Err(unavailable(format!("call {number} is refused as planned"))),
            Some(Fault::CrashBefore) => Err(lost(format!("the store crashed at call {number} as planned"))),
            Some(Fault::LoseAnswer | Fault::CrashAfter) => {
                // The answer is lost, whatever it was.
                drop(call(&*self.inner));
                Err(lost(format!("the answer to call {number} is lost as planned")))
            }
        }
    }
}

fn unavailable(message: String) -> StoreError {
    StoreError::Unavailable { message, source: None }
}

fn unknown(message: String) -> StoreError {
    StoreError::Unknown { message, source: None }
}

impl Store for FaultStore {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        self.call(unavailable, |inner| inner.read(reads))
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.call(unknown, |inner| inner.commit(batch))
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.call(unavailable, |inner| inner.maintain(budget))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::ErrorKind;
    use crate::store::{Expect, MemoryStore, RecordOp};
    use crate::testing::conformance::THINGS;
    use crate::types::RecordId;

    #[test]
    fn each_fault_takes_effect_and_answers_as_it_says() {
        let id = RecordId::from_short(&[1]);
        let body = Map::new();
        let put = RecordOp::Put { table: THINGS, id, expect: Expect::Absent, body };
        let batch = Batch { records: vec![put], ..Batch::default() };
        let read = [Read::Record { table: THINGS, id }];
        for fault in Fault::ALL {
            let store = FaultStore::new(MemoryStore::new());
            store.plan(1, fault);
            let kind = store.commit(&batch).unwrap_err().kind();
            let (expected, down, written) = match fault {
                Fault::Refuse => (ErrorKind::Unavailable, false, false),
                Fault::LoseAnswer => (ErrorKind::Unknown, false, true),
                Fault::CrashBefore => (ErrorKind::Unknown, true, false),
                Fault::CrashAfter => (ErrorKind::Unknown, true, true),
            };
            assert_eq!((kind, store.is_down()), (expected, down), "{fault:?}");
            assert_eq!(store.read(&read).is_err(), down, "{fault:?}");
            store.restart();
            let answers = store.read(&read).unwrap();
            let found = matches!(answers[..], [Answer::Record { record: Some(_) }]);
            assert_eq!(found, written, "{fault:?}");
            assert_eq!(store.calls(), 3);
        }
    }
}
