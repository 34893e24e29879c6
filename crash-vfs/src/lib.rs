//! A SQLite VFS for tests of durability: it works as the operating system's own, and writes down every write, flush and
//! deletion. From that record it shows what the files would hold had the power failed at any moment.
//!
//! The model of a disk: what was written before the last flush of its file survives; of what came later, any part may.
//! A write survives whole or not at all, which is what SQLite assumes of Linux file systems
//! (`SQLITE_IOCAP_POWERSAFE_OVERWRITE`).

mod record;
mod vfs;

pub use record::{Event, Files, Record};
pub use vfs::CrashVfs;
