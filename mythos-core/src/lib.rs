//! MythOS keeps the AI assistants of a platform alive.
//!
//! (The map follows with the services.)

pub mod canonical;
pub mod codex;
pub mod error;
mod mythos;
pub mod restart;
pub mod ritual;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod types;

pub use error::{Error, ErrorKind, Result};
pub use mythos::{Mythos, TABLES};
