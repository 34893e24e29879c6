//! Opening connections: what is set on each, and which files are refused.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};

use super::error::{Attempt, failure, invalid, unavailable};
use super::layout::{APPLICATION_ID, LADDER, layout_version};
use super::{SqliteOptions, Synchronous};
use crate::store::StoreError;

/// The page cache of the writing connection, in KiB; it fills only as far as pages are used.
const WRITER_CACHE_KIB: i64 = 32 << 10;

/// The page cache of each reading connection, in KiB.
const READER_CACHE_KIB: i64 = 8 << 10;

/// A write-ahead log that one large batch has made longer is cut to this when it starts anew.
const LOG_KEPT_BYTES: i64 = 64 << 20;

/// Statements kept prepared per connection: each listing has one or two, each table about five.
const PREPARED_STATEMENTS: usize = 128;

/// Where a store lies and how its connections are opened.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) options: SqliteOptions,
}

/// What a file was found to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There is no file, or one without content.
    Nothing,
    /// A store of this crate, of a layout that this version knows.
    Store,
}

impl Place {
    pub(super) fn new(path: &Path, options: &SqliteOptions) -> Result<Self, StoreError> {
        // An absolute path survives a change of directory and cannot be taken for a URI or `:memory:`.
        let path = fs::canonicalize(path)
            .or_else(|_| std::path::absolute(path))
            .attempt("find the store's directory")?;
        Ok(Self { path, options: options.clone() })
    }

    /// The path of a file that lies beside the database, such as `-wal`.
    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }

    /// Says what the file is without changing a byte of it. (Beside a file with a write-ahead log SQLite may leave an
    /// empty log, as it does for every reader.)
    ///
    /// SQLite itself looks: reading the file here would, on closing it, drop the locks that other connections of
    /// this process hold on it (POSIX `fcntl`).
    pub(super) fn inspect(&self) -> Result<Found, StoreError> {
        let shown = self.path.display();
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.len() == 0 => return Ok(Found::Nothing),
            Ok(metadata) if !metadata.is_file() => return Err(invalid(format!("{shown} is not a file"))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error).attempt(&format!("look at {shown}")),
            Ok(_) => {}
        }
        let mut connection = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut application = snapshot(&connection);
        if !self.options.read_only && application.as_ref().is_err_and(needs_rollback) {
            // Whoever made the file crashed in a write, and SQLite lets nobody read it before that is undone: the
            // content stays as it was before the write.
            connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            application = snapshot(&connection);
        }
        let application = application.map_err(|error| match failure(&format!("open {shown}"), error) {
            StoreError::Corrupt { message } => {
                invalid(format!("{message}; it is not a SQLite database, or its header is damaged"))
            }
            other => other,
        })?;
        let version = layout_version(&connection)?;
        if application == APPLICATION_ID {
            return if version <= LADDER.len() {
                Ok(Found::Store)
            } else {
                Err(invalid(format!(
                    "{shown} has layout version {version}, and this program knows up to {}; use a newer one",
                    LADDER.len()
                )))
            };
        }
        let objects: u64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .attempt("read the file's schema")?;
        if application == 0 && version == 0 && objects == 0 {
            return Ok(Found::Nothing);
        }
        Err(invalid(format!(
            "{shown} is a SQLite database of another program (application id {application:#x}); choose another path"
        )))
    }

    /// Opens the connection that writes, and makes the file a write-ahead-logged one.
    pub(super) fn writer(&self) -> Result<Connection, StoreError> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        self.configure(&connection, WRITER_CACHE_KIB).attempt("set up the writing connection")?;
        // Has an effect only before the first table is made.
        connection
            .pragma_update(None, "auto_vacuum", "INCREMENTAL")
            .attempt("choose incremental vacuuming")?;
        let mode: String = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .attempt("switch to write-ahead logging")?;
        if mode != "wal" {
            return Err(unavailable(format!(
                "{} cannot use write-ahead logging (journal mode {mode}); its file system may not share memory",
                self.path.display()
            )));
        }
        connection
            .pragma_update(None, "journal_size_limit", LOG_KEPT_BYTES)
            .attempt("bound the write-ahead log")?;
        Ok(connection)
    }

    /// Opens a connection that only reads.
    pub(super) fn reader(&self) -> Result<Connection, StoreError> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        self.configure(&connection, READER_CACHE_KIB).attempt("set up a reading connection")?;
        Ok(connection)
    }

    fn connect(&self, access: OpenFlags) -> Result<Connection, StoreError> {
        // No connection is used by two threads at a time, so SQLite need not lock its own.
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        #[cfg(feature = "testing")]
        let opened = match &self.options.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(&self.path, flags, vfs.as_str()),
            None => Connection::open_with_flags(&self.path, flags),
        };
        #[cfg(not(feature = "testing"))]
        let opened = Connection::open_with_flags(&self.path, flags);
        opened
            .and_then(|connection| connection.busy_timeout(self.options.busy_timeout).map(|()| connection))
            .attempt(&format!("open {}", self.path.display()))
    }

    fn configure(&self, connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        // A damaged or hostile file must not reach beyond its data.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        // Otherwise a statement is prepared anew whenever a bound value might change its plan.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        // An I/O error of a mapped page is a signal that kills the process; one of a read is an error.
        connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
        connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", -cache_kib)?;
        let synchronous = match self.options.synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
            #[cfg(feature = "testing")]
            Synchronous::Off => "OFF",
        };
        connection.pragma_update(None, "synchronous", synchronous)
    }
}

/// Begins to read and says the application id. What is read after it belongs to it, even if another process lays the
/// store out meanwhile.
fn snapshot(connection: &Connection) -> rusqlite::Result<i32> {
    connection.execute_batch("BEGIN")?;
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

/// Whether a rollback journal, which a store has only while it is made, waits to be undone.
fn needs_rollback(error: &rusqlite::Error) -> bool {
    error.sqlite_extended_error_code() == Some(ffi::SQLITE_READONLY_ROLLBACK)
}
