//! Housekeeping: giving space back to the operating system.

use std::fs;

use rusqlite::Connection;

use super::error::Attempt;
use super::group::Writer;
use super::open::Place;
use super::statistics::Counters;
use crate::store::{Budget, Maintained, StoreError};

/// Gives free pages back, within the budget, and empties the write-ahead log if nobody reads from it.
pub(super) fn maintain(
    place: &Place,
    writer: &Writer,
    counters: &Counters,
    budget: Budget,
) -> Result<Maintained, StoreError> {
    let before = size(place);
    let free_pages = |connection: &Connection| -> Result<u64, StoreError> {
        connection
            .pragma_query_value(None, "freelist_count", |row| row.get(0))
            .attempt("count the free pages")
    };
    let left = if writer.alone(counters, free_pages)? == 0 {
        0
    } else {
        writer.transact(counters, |connection| {
            let page_bytes: u64 = connection
                .pragma_query_value(None, "page_size", |row| row.get(0))
                .attempt("read the page size")?;
            let pages = (budget.max_bytes / page_bytes).max(1);
            let mut vacuum = connection
                .prepare(&format!("PRAGMA incremental_vacuum({pages})"))
                .attempt("give free pages back")?;
            let mut rows = vacuum.query([]).attempt("give free pages back")?;
            // One step per page.
            while rows.next().attempt("give free pages back")?.is_some() {}
            free_pages(connection)
        })?
    };
    let log_is_empty = writer.alone(counters, checkpoint)?;
    Ok(Maintained { freed_bytes: before.saturating_sub(size(place)), done: left == 0 && log_is_empty })
}

/// Moves the write-ahead log into the file and closes the connection.
pub(super) fn close(connection: Connection) -> Result<(), StoreError> {
    checkpoint(&connection)?;
    connection.close().map_err(|(_, error)| error).attempt("close the store")
}

/// Moves the write-ahead log into the file and cuts it to nothing; says whether it could. Readers may be in the way.
fn checkpoint(connection: &Connection) -> Result<bool, StoreError> {
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
        .attempt("move the write-ahead log into the file")
        .map(|busy| busy == 0)
}

/// The bytes of the file and its log.
fn size(place: &Place) -> u64 {
    [place.path.clone(), place.beside("-wal")]
        .iter()
        .filter_map(|path| fs::metadata(path).ok())
        .map(|metadata| metadata.len())
        .sum()
}
