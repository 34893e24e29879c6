//! Keeping a forked process away from its parent's files.
//!
//! SQLite keeps the locks that a process holds in memory, per file. A fork copies that memory but not the locks: in the
//! child, connections believe in locks that only the parent has, and a new connection to the same file believes it too.
//! Writing then can damage the file (<https://sqlite.org/howtocorrupt.html>, section 2.6).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::unavailable;
use crate::store::StoreError;

/// The files that stores hold open, and the process that opened them. Like SQLite's own lists it belongs to the process
/// as a whole, and like them it is copied by a fork.
static OPEN: Mutex<Vec<(u32, PathBuf)>> = Mutex::new(Vec::new());

/// The process in which a store was opened, and what it opened.
#[derive(Debug)]
pub(super) struct Home {
    process: u32,
    path: PathBuf,
    left: AtomicBool,
}

impl Home {
    /// Notes that this process opens the file, unless the process it was forked from had it open.
    pub(super) fn claim(path: &Path) -> Result<Self, StoreError> {
        Self::claim_as(std::process::id(), path)
    }

    fn claim_as(process: u32, path: &Path) -> Result<Self, StoreError> {
        let mut open = open_files();
        if open.iter().any(|(owner, open)| *owner != process && open == path) {
            return Err(unavailable(format!(
                "{} was open when this process was forked; close it before forking, and open it in each worker",
                path.display()
            )));
        }
        open.push((process, path.to_owned()));
        Ok(Self { process, path: path.to_owned(), left: AtomicBool::new(false) })
    }

    /// Refuses any process but the one that opened the store.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.check_as(std::process::id())
    }

    fn check_as(&self, process: u32) -> Result<(), StoreError> {
        if process == self.process {
            return Ok(());
        }
        Err(unavailable(format!(
            "the store was opened by process {} before it forked process {process}; open stores after forking",
            self.process
        )))
    }

    /// Notes that the file is closed.
    pub(super) fn leave(&self) {
        if self.left.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut open = open_files();
        if let Some(index) =
            open.iter().position(|(owner, path)| *owner == self.process && *path == self.path)
        {
            open.swap_remove(index);
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What the parent has open stays noted in the child.
        if self.check().is_ok() {
            self.leave();
        }
    }
}

fn open_files() -> MutexGuard<'static, Vec<(u32, PathBuf)>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_can_neither_use_nor_open_what_its_parent_has_open() {
        let path = Path::new("/nowhere/fork-test.db");
        let parent = Home::claim_as(1, path).unwrap();
        assert!(parent.check_as(1).is_ok());
        assert!(parent.check_as(2).unwrap_err().to_string().contains("open stores after forking"));
        assert!(Home::claim_as(2, path).unwrap_err().to_string().contains("was open when"));
        assert!(Home::claim_as(2, Path::new("/nowhere/other.db")).is_ok());

        let second = Home::claim_as(1, path).unwrap();
        parent.leave();
        assert!(Home::claim_as(2, path).is_err());
        second.leave();
        assert!(Home::claim_as(2, path).is_ok());
    }
}
