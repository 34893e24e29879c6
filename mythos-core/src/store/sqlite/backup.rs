//! Backup while in use, and restore.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use serde::Serialize;

use super::error::{Attempt, invalid, unavailable};
use super::open::{Found, Place};
use super::read::Snapshot;
use super::{SqliteOptions, SqliteStore};
use crate::store::StoreError;

/// Pages copied between two reports of progress: 4 MiB.
const PAGES_PER_STEP: i32 = 1024;

/// How long to wait when SQLite cannot go on at once, and how often before giving up: 10 seconds.
const BUSY_WAIT: Duration = Duration::from_millis(10);
const MOST_BUSY_WAITS: u32 = 1_000;

/// How far a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupProgress {
    /// Pages copied so far.
    pub copied_pages: u64,
    /// Pages in all.
    pub total_pages: u64,
}

impl SqliteStore {
    /// Copies the store, as it is at one moment, to a new file at `path`, while others read and write. `progress` is
    /// told how far it is.
    ///
    /// The copy is checked whole (`PRAGMA integrity_check`) and only then takes its name, so that a file at `path` is
    /// always a sound backup; until then it is `<path>.partial`. It is one self-contained file.
    ///
    /// # Errors
    /// - [`StoreError::Invalid`] if there is a file with content at `path`.
    /// - [`StoreError::Corrupt`] if the copy is not sound, which means that the store is damaged.
    /// - [`StoreError::Unavailable`] if the store is closed or in use by the parent of this process, or the copy cannot
    ///   be written.
    ///
    /// # Example
    /// ```
    /// use mythos_core::store::{SqliteOptions, SqliteStore};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let store = SqliteStore::open(&directory.path().join("mythos.db"), &[], &SqliteOptions::default())?;
    /// let backup = directory.path().join("monday.db");
    /// store.backup(&backup, &mut |progress| assert!(progress.copied_pages <= progress.total_pages))?;
    ///
    /// SqliteStore::restore(&backup, &directory.path().join("restored.db"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backup(&self, path: &Path, progress: &mut dyn FnMut(BackupProgress)) -> Result<(), StoreError> {
        self.home.check()?;
        self.readers.lend(|| self.place.reader(), |source| copy_database(source, path, progress))
    }

    /// Makes a store at `path` from a backup. The backup is checked, copied, and the copy checked.
    ///
    /// # Errors
    /// - [`StoreError::Invalid`] if `backup` is not a store that this version can read, or if there is a file with
    ///   content, or the write-ahead log of one, at `path`. Nothing is overwritten.
    /// - [`StoreError::Corrupt`] if the backup is damaged.
    /// - [`StoreError::Unavailable`] if a file cannot be read or written.
    pub fn restore(backup: &Path, path: &Path) -> Result<(), StoreError> {
        let place = Place::new(backup, &SqliteOptions::default())?;
        if place.inspect()? == Found::Nothing {
            return Err(invalid(format!("{} is not a backup: there is nothing in it", backup.display())));
        }
        copy_database(&place.reader()?, path, &mut |_| {})
    }
}

/// Copies what `source` reads to a new file at `path`.
fn copy_database(
    source: &Connection,
    path: &Path,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<(), StoreError> {
    let path = std::path::absolute(path).attempt("find the directory of the copy")?;
    // The log of a file that is gone would be taken for the copy's.
    for occupied in [path.clone(), with_suffix(&path, "-wal"), with_suffix(&path, "-journal")] {
        if fs::metadata(&occupied).is_ok_and(|metadata| metadata.len() > 0) {
            return Err(invalid(format!("{} exists and is not overwritten", occupied.display())));
        }
    }
    let partial = with_suffix(&path, ".partial");
    let copied = write_copy(source, &partial, progress)
        .and_then(|()| fs::rename(&partial, &path).attempt("name the copy"))
        .and_then(|()| flush_directory(&path));
    if copied.is_err() {
        // What is left of it does no harm: the next copy to this path begins by removing it.
        let _ = fs::remove_file(&partial);
    }
    copied
}

fn write_copy(
    source: &Connection,
    partial: &Path,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<(), StoreError> {
    match fs::remove_file(partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).attempt(&format!("remove {}", partial.display()));
        }
        _ => {}
    }
    let mut target = Connection::open(partial).attempt(&format!("create {}", partial.display()))?;
    // SQLite begins a copy anew when another connection has written in between. Inside one read transaction the source
    // does not change.
    let snapshot = Snapshot::take(source)?;
    source
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .attempt("begin to read what is copied")?;
    copy_pages(&Backup::new(source, &mut target).attempt("begin to copy")?, progress)?;
    drop(snapshot);
    verify(&target)?;
    target.close().map_err(|(_, error)| error).attempt("close the copy")
}

fn copy_pages(backup: &Backup<'_, '_>, progress: &mut dyn FnMut(BackupProgress)) -> Result<(), StoreError> {
    let mut waits = 0;
    loop {
        let step = backup.step(PAGES_PER_STEP).attempt("copy pages")?;
        let count = |pages: i32| u64::from(pages.unsigned_abs());
        let (rest, total_pages) = (count(backup.progress().remaining), count(backup.progress().pagecount));
        progress(BackupProgress { copied_pages: total_pages.saturating_sub(rest), total_pages });
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            _ if waits < MOST_BUSY_WAITS => {
                waits += 1;
                thread::sleep(BUSY_WAIT);
            }
            _ => return Err(unavailable("copy pages: the file is locked; retry later")),
        }
    }
}

/// Makes the copy one self-contained file and checks it whole.
fn verify(copy: &Connection) -> Result<(), StoreError> {
    copy.pragma_update(None, "journal_mode", "DELETE").attempt("make the copy one file")?;
    let verdict: String =
        copy.pragma_query_value(None, "integrity_check", |row| row.get(0)).attempt("check the copy")?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(StoreError::Corrupt { message: format!("the copy is not sound: {verdict}") })
    }
}

/// Makes a new name survive a power loss.
fn flush_directory(path: &Path) -> Result<(), StoreError> {
    let Some(directory) = path.parent() else { return Ok(()) };
    File::open(directory).and_then(|directory| directory.sync_all()).attempt("flush the copy's directory")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
