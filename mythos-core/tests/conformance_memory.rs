//! The conformance cases on the store in memory, natively and with everything declined.

#[macro_use]
mod support;

use std::sync::Arc;

use mythos_core::store::{MemoryStore, Store, StoreError, Table};
use mythos_core::testing::conformance::Factory;

#[derive(Debug)]
struct Memory {
    declined: &'static [&'static str],
}

impl Factory for Memory {
    fn fresh(&self, _tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(MemoryStore::new().declining(self.declined)))
    }

    fn reopen(&self, store: Arc<dyn Store>, _tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
        Ok(store)
    }
}

conformance_tests!(native, Memory { declined: &[] });
conformance_tests!(emulated, Memory { declined: &["text", "reach", "count"] });
