//! The embedded default store: one SQLite file, which several threads and processes may share.

mod backup;
mod error;
mod fork;
mod group;
mod layout;
mod maintain;
mod open;
mod pool;
mod query;
mod read;
mod statistics;
mod turnstile;
mod write;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

pub use backup::BackupProgress;
pub use statistics::SqliteStatistics;

use self::error::invalid;
use self::fork::Home;
use self::group::Writer;
use self::layout::LADDER;
use self::open::{Found, Place};
use self::pool::Pool;
use self::statistics::Counters;
use self::turnstile::{Patience, Turnstile};
use super::{Answer, Batch, Budget, Capabilities, Durability, Maintained, Read, Store, StoreError, Table};

/// When a commit reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Synchronous {
    /// Every acknowledged commit survives a power loss.
    #[default]
    Full,
    /// A power loss may undo the last acknowledged commits, up to all since the last checkpoint of the write-ahead log
    /// (about 4 MB of changes); the file stays sound, and the end of the process alone loses nothing.
    Normal,
    /// Nothing is ever flushed: a power loss may destroy the file. Exists to show that the durability tests notice.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    Off,
}

/// How a SQLite store is opened.
///
/// ```
/// use mythos_core::store::SqliteOptions;
/// use std::time::Duration;
///
/// let mut options = SqliteOptions::default();
/// options.busy_timeout = Duration::from_secs(5);
/// assert!(!options.read_only);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// When a commit reaches the disk.
    pub synchronous: Synchronous,
    /// Refuse every commit, and never write to the file. The file must exist.
    pub read_only: bool,
    /// How long a call waits for another process's write before it is `Unavailable`.
    pub busy_timeout: Duration,
    /// The SQLite VFS to open the file with, for tests that simulate failing disks.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub vfs: Option<String>,
}

impl Default for SqliteOptions {
    /// Durable, writable, waiting up to 30 seconds.
    fn default() -> Self {
        Self {
            synchronous: Synchronous::Full,
            read_only: false,
            busy_timeout: Duration::from_secs(30),
            #[cfg(feature = "testing")]
            vfs: None,
        }
    }
}

/// A store in one SQLite file.
///
/// # The file
/// Each declared table is an SQL table of its name, with the columns `id`, `version` and `body` (JSON text), one
/// generated column per declared field, and the declared indexes. A field of tags or edges also has a side table
/// `<table>__<field>` with one row per member. Any SQLite tool can read it:
///
/// ```text
/// sqlite3 mythos.db "SELECT hex(id), version, body FROM rituals LIMIT 5"
/// ```
///
/// A declared field named `id`, `version`, `body` or `record` has the column `field_<name>`. Beside the file lie
/// SQLite's `-wal` and `-shm` while it is open, and `-turnstile`, an empty file that orders its writers.
///
/// # Threads and processes
/// Any number may share the file on one machine (not over a network file system). Commits that wait at the same time
/// share a flush of the disk. Do not open the file with another copy of the SQLite library *in the same process*, such
/// as Python's `sqlite3`: POSIX drops a process's locks on a file when any of its handles is closed
/// (<https://sqlite.org/howtocorrupt.html>, section 2.2). A process of its own is fine.
///
/// After `fork`, the child can neither use the store nor open the same file: every call is `Unavailable`, and dropping
/// the store there touches nothing. Open stores in each worker, or close them before forking.
///
/// # Example
/// ```
/// use mythos_core::store::{
///     Batch, Expect, Field, FieldKind, Read, RecordOp, Schema, SqliteOptions, SqliteStore, Store, Table,
/// };
/// use mythos_core::types::RecordId;
///
/// const NOTES: Table = Table::new(&Schema {
///     name: "notes",
///     fields: &[Field::new("tenant", FieldKind::Text)],
///     indexes: &[&["tenant"]],
///     owns_cells: false,
/// });
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("mythos.db");
/// let store = SqliteStore::open(&path, &[NOTES], &SqliteOptions::default())?;
///
/// let id = RecordId::new(b"first")?;
/// let body = serde_json::json!({"tenant": "default", "text": "hello"}).as_object().cloned().unwrap_or_default();
/// let mut batch = Batch::new();
/// batch.records.push(RecordOp::Put { table: NOTES, id, expect: Expect::Absent, body });
/// store.commit(&batch)?;
/// assert_eq!(store.statistics().flushes, 1);
/// assert!(store.commit(&batch).is_err(), "the note exists already");
/// store.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteStore {
    place: Place,
    home: Home,
    tables: Vec<Table>,
    /// `None` if opened read-only.
    writer: Option<Writer>,
    readers: Pool,
    counters: Counters,
}

impl SqliteStore {
    /// Opens the file, creating it if there is none, and brings it to the declarations of `tables`: what a newer
    /// declaration adds is added, in one transaction.
    ///
    /// # Errors
    /// - [`StoreError::Invalid`] if the file is not SQLite, is of another program, has a newer layout, or was laid out
    ///   for another kind of a declared field; if it is to be opened read-only and does not exist or lacks a table; if
    ///   `tables` cannot be SQL tables beside each other. The file is not changed.
    /// - [`StoreError::Unavailable`] if it is locked for longer than the busy timeout, or cannot be opened.
    /// - [`StoreError::Corrupt`] if SQLite finds it damaged.
    pub fn open(path: &Path, tables: &[Table], options: &SqliteOptions) -> Result<Self, StoreError> {
        let place = Place::new(path, options)?;
        let home = Home::claim(&place.path)?;
        let found = place.inspect()?;
        let readers = Pool::default();
        let writer = if options.read_only {
            if found == Found::Nothing {
                let shown = place.path.display();
                return Err(invalid(format!(
                    "{shown} does not exist or is empty, and cannot be created read-only"
                )));
            }
            let is_behind = |connection: &Connection| layout::is_behind(connection, tables, LADDER);
            if readers.lend(|| place.reader(), is_behind)? {
                let shown = place.path.display();
                return Err(invalid(format!(
                    "{shown} lacks declared tables or fields; open it once for writing"
                )));
            }
            None
        } else {
            let turnstile = Turnstile::open(&place.beside("-turnstile"))?;
            let mut connection = None;
            // Openers pass one by one: two that create the file at once would find it locked by each other.
            turnstile.pass(Patience::new(options.busy_timeout), || {
                let writer = place.writer()?;
                layout::migrate(&writer, tables, LADDER)?;
                connection = Some(writer);
                Ok(true)
            })?;
            connection
                .map(|connection| Writer::new(connection, turnstile, options.busy_timeout))
                .transpose()?
        };
        Ok(Self { place, home, tables: tables.to_vec(), writer, readers, counters: Counters::default() })
    }

    /// What the store has done since it was opened.
    #[must_use]
    pub fn statistics(&self) -> SqliteStatistics {
        self.counters.snapshot()
    }

    /// Waits for the calls under way, moves what the write-ahead log holds into the file, and closes it. Every later
    /// call is [`StoreError::Unavailable`], except that closing again does nothing.
    ///
    /// Dropping the store does the same, but cannot tell of an error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] in a forked process, or if the file cannot be written. Every acknowledged commit is
    /// safe in the file and its log even then, and the store is closed.
    pub fn close(&self) -> Result<(), StoreError> {
        self.home.check()?;
        self.readers.close();
        let writer = self.writer.as_ref().and_then(|writer| writer.close(&self.counters));
        let closed = writer.map_or(Ok(()), maintain::close);
        self.home.leave();
        closed
    }

    fn known(&self, table: Table) -> Result<(), StoreError> {
        if self.tables.contains(&table) {
            Ok(())
        } else {
            Err(invalid(format!("table {} was not declared when the store was opened", table.name())))
        }
    }

    fn writing(&self) -> Result<&Writer, StoreError> {
        self.writer.as_ref().ok_or_else(|| invalid("the store is opened read-only; open it for writing"))
    }
}

impl Store for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        let durability = match self.place.options.synchronous {
            Synchronous::Full => Durability::PowerLoss,
            _ => Durability::Process,
        };
        Capabilities { durability, text: false, reach: true, count: true }
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        self.home.check()?;
        for read in reads {
            match read {
                Read::Record { table, .. } | Read::Count { table, .. } => self.known(*table)?,
                Read::Page(query) => self.known(query.table)?,
                Read::Cells { .. } => {}
            }
        }
        self.readers
            .lend(|| self.place.reader(), |connection| read::answer_all(connection, &self.counters, reads))
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.home.check()?;
        let writer = self.writing()?;
        batch.checks.iter().try_for_each(|check| self.known(check.table))?;
        batch.records.iter().try_for_each(|op| self.known(op.target().0))?;
        writer.commit(&self.counters, write::weight(batch), |connection| write::apply(connection, batch))
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.home.check()?;
        match &self.writer {
            Some(writer) => maintain::maintain(&self.place, writer, &self.counters, budget),
            None => Ok(Maintained { freed_bytes: 0, done: true }),
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if self.home.check().is_ok() {
            // Whoever wants to know of an error closes explicitly.
            let _ = self.close();
        } else {
            // Closing would release the parent's locks' bookkeeping and could write to its file: the copies that the
            // fork made are leaked.
            std::mem::forget(self.readers.take_idle());
            std::mem::forget(self.writer.as_mut().map(Writer::take_untouched));
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("place", &self.place)
            .field("tables", &self.tables)
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}
