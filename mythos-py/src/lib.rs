//! MythOS for Python: the extension module `mythos._mythos`.
//!
//! No rule lives here. Core types cross as native values ([`convert`]), every core call is made without the interpreter
//! lock ([`call`]), its errors are raised as the package's exceptions ([`errors`]), and a store may be a Python object
//! ([`store`]). The importable package, its exceptions and its types are in `python/mythos/`.

mod call;
mod convert;
mod errors;
mod interpreter;
mod selftest;
mod store;
mod testing;

/// The native half of the package `mythos`.
#[pyo3::pymodule]
mod _mythos {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::selftest::{exercise, panic, round_trip};
    #[pymodule_export]
    use super::store::{BuiltInStore, MemoryStore, SqliteStore};
    #[pymodule_export]
    use super::testing::{conformance_cases, run_conformance_case};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        // `mythos` says what is public; a list here would be one more to keep.
        module.delattr("__all__")?;
        super::interpreter::wait_at_exit(module)
    }
}
