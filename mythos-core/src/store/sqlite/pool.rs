//! The connections that read.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::error::unavailable;
use crate::store::StoreError;

/// At most so many connections read at the same time; more callers wait. Reading is bound by the processor, and each
/// connection has its own cache.
const MOST_READERS: usize = 8;

/// Connections that are opened when needed and kept.
#[derive(Debug, Default)]
pub(super) struct Pool {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Connection>,
    lent: usize,
    closed: bool,
}

impl Pool {
    /// Lends a connection to `work`, opening one by `connect` if none is idle.
    pub(super) fn lend<T>(
        &self,
        connect: impl FnOnce() -> Result<Connection, StoreError>,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut lease = self.lease()?;
        let connection = match lease.connection.take() {
            Some(connection) => connection,
            None => connect()?,
        };
        work(lease.connection.insert(connection))
    }

    fn lease(&self) -> Result<Lease<'_>, StoreError> {
        let mut state = self.lock();
        while state.lent >= MOST_READERS && !state.closed {
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return Err(unavailable("the store is closed"));
        }
        state.lent += 1;
        Ok(Lease { connection: state.idle.pop(), pool: self })
    }

    /// Refuses further reads, waits for those under way, and closes every connection.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.returned.notify_all();
        while state.lent > 0 {
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.idle.clear();
    }

    /// Takes the idle connections out, for a process that must not touch them.
    pub(super) fn take_idle(&mut self) -> Vec<Connection> {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.idle)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the pool's places, also while its work panics.
struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.lent -= 1;
        // A connection whose snapshot could not be ended would answer from the past; it is closed instead.
        if let Some(connection) = self.connection.take().filter(Connection::is_autocommit) {
            state.idle.push(connection);
        }
        self.pool.returned.notify_all();
    }
}
