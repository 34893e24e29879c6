use super::{Answer, Batch, Budget, Capabilities, Maintained, Read, Store, StoreError};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {}

impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        todo!()
    }

    fn read(&self, _reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        todo!()
    }

    fn commit(&self, _batch: &Batch) -> Result<(), StoreError> {
        todo!()
    }

    fn maintain(&self, _budget: Budget) -> Result<Maintained, StoreError> {
        todo!()
    }
}
