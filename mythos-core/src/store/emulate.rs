use std::sync::Arc;

use super::{Answer, Batch, Budget, Capabilities, Maintained, Read, Store, StoreError};

/// A store that answers everything: what the one inside declines is emulated with what it does answer.
#[derive(Debug, Clone)]
pub struct Emulated(Arc<dyn Store>);

impl Emulated {
    /// Wraps a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}

impl Store for Emulated {
    fn capabilities(&self) -> Capabilities {
        Capabilities { text: true, reach: true, count: true, ..self.0.capabilities() }
    }

    fn read(&self, _reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        todo!()
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.0.commit(batch)
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.0.maintain(budget)
    }
}
