//! Group commit: batches that wait at the same time share one transaction, since what a durable commit costs is the
//! flush of the disk.
//!
//! There is no leader and no thread of its own. Each caller applies its own batch, inside a savepoint, to the one open
//! transaction; a caller that finds nobody else waiting commits for all, and the others sleep until it has. So a single
//! caller is not delayed, and the longer a flush takes, the more callers share the next one.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::error::{Attempt, failure, is_busy, unavailable};
use super::read::run;
use super::statistics::Counters;
use super::turnstile::{Patience, Turnstile};
use crate::store::StoreError;

/// A transaction is committed when so many batches are in it, even if more are waiting.
const MOST_BATCHES: usize = 256;

/// A transaction is committed when it has about so many bytes, even if more batches are waiting: what is not committed
/// is held in the cache, and other processes wait for it.
const MOST_BYTES: usize = 16 << 20;

/// The one connection that writes, and who waits for it.
#[derive(Debug)]
pub(super) struct Writer {
    desk: Mutex<Desk>,
    /// Callers that are about to apply a batch. Whoever brings this to zero commits.
    waiting: AtomicUsize,
    busy_timeout: Duration,
}

/// What the caller at the desk works with.
#[derive(Debug)]
struct Desk {
    /// `None` when closed.
    connection: Option<Connection>,
    turnstile: Turnstile,
    open: Option<OpenGroup>,
}

/// The transaction that is open, and the callers it belongs to.
#[derive(Debug)]
struct OpenGroup {
    group: Arc<Group>,
    /// Batches applied, at least one, and about how many bytes they have.
    applied: usize,
    bytes: usize,
}

/// Callers that share a transaction, and how it ended.
#[derive(Debug, Default)]
struct Group {
    outcome: Mutex<Option<Outcome>>,
    settled: Condvar,
}

#[derive(Debug, Clone)]
enum Outcome {
    /// What was applied is durable.
    Committed,
    /// Nothing was written, through no fault of those who share this outcome: they begin anew.
    Undone,
    /// The commit failed. Nothing is visible; if `unknown`, that may change when the file is recovered after a crash.
    Failed { error: Arc<rusqlite::Error>, unknown: bool },
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        turnstile: Turnstile,
        busy_timeout: Duration,
    ) -> Result<Self, StoreError> {
        // Waiting is the turnstile's: SQLite itself sleeps up to a tenth of a second between two looks.
        connection.busy_timeout(Duration::ZERO).attempt("set the busy timeout")?;
        let desk = Desk { connection: Some(connection), turnstile, open: None };
        Ok(Self { desk: Mutex::new(desk), waiting: AtomicUsize::new(0), busy_timeout })
    }

    /// Has `apply` write to a transaction, and returns when that is durable. `apply` is called again if another
    /// caller's failure undid the transaction.
    pub(super) fn commit(
        &self,
        counters: &Counters,
        weight: usize,
        apply: impl Fn(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let patience = Patience::new(self.busy_timeout);
        loop {
            let (group, verdict) = self.join(counters, patience, weight, &apply)?;
            match (group.wait(), verdict) {
                // A verdict may rest on what another batch of the transaction wrote: it holds when that is committed.
                (Outcome::Committed, verdict) => return verdict,
                (Outcome::Undone, _) | (Outcome::Failed { .. }, Err(_)) => {}
                (Outcome::Failed { error, unknown: false }, Ok(())) => {
                    return Err(StoreError::Unavailable {
                        message: format!("commit a batch: {error}"),
                        source: Some(Box::new(error)),
                    });
                }
                (Outcome::Failed { error, unknown: true }, Ok(())) => {
                    return Err(StoreError::Unknown {
                        message: format!("commit a batch: {error}; it may yet appear after a crash"),
                        source: Some(Box::new(error)),
                    });
                }
            }
        }
    }

    /// Gives the connection to `work` outside of any transaction.
    pub(super) fn alone<T>(
        &self,
        counters: &Counters,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut desk = self.lock();
        desk.settle(counters);
        work(desk.connection()?)
    }

    /// Gives the connection to `work` inside a transaction of its own, for housekeeping.
    pub(super) fn transact<T>(
        &self,
        counters: &Counters,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let patience = Patience::new(self.busy_timeout);
        let mut desk = self.lock();
        desk.settle(counters);
        desk.begin(patience)?;
        let connection = desk.connection()?;
        let done =
            work(connection).and_then(|done| run(connection, "COMMIT").attempt("commit").map(|()| done));
        if done.is_err() {
            roll_back(connection);
        }
        done
    }

    /// Commits what is under way and takes the connection out; later calls are `Unavailable`.
    pub(super) fn close(&self, counters: &Counters) -> Option<Connection> {
        let mut desk = self.lock();
        desk.settle(counters);
        desk.connection.take()
    }

    /// Takes the connection out without touching it or any lock.
    pub(super) fn take_untouched(&mut self) -> Option<Connection> {
        self.desk.get_mut().unwrap_or_else(PoisonError::into_inner).connection.take()
    }

    /// Applies a batch to the open transaction, and says how that went; the transaction is committed if nobody waits.
    ///
    /// An error means that the batch is not part of any transaction, and may be told at once.
    fn join(
        &self,
        counters: &Counters,
        patience: Patience,
        weight: usize,
        apply: impl Fn(&Connection) -> Result<(), StoreError>,
    ) -> Result<(Arc<Group>, Result<(), StoreError>), StoreError> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut desk = self.lock();
        let applied = catch_unwind(AssertUnwindSafe(|| desk.apply(patience, weight, apply)));
        if !matches!(applied, Ok(Ok(_))) {
            // The transaction is in an uncertain state; who shares it begins anew.
            desk.undo();
        }
        let was_last = self.waiting.fetch_sub(1, Ordering::SeqCst) == 1;
        if was_last || desk.is_full() {
            desk.settle(counters);
        }
        drop(desk);
        applied.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        // A caller that panicked has undone the transaction, or the next one does.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or_else(|| unavailable("the store is closed"))
    }

    /// Begins a transaction: SQLite's write lock is taken at once, so that no later statement finds it gone.
    fn begin(&self, patience: Patience) -> Result<(), StoreError> {
        let connection = self.connection()?;
        if !connection.is_autocommit() {
            roll_back(connection);
        }
        self.turnstile.pass(patience, || match run(connection, "BEGIN IMMEDIATE") {
            Ok(()) => Ok(true),
            Err(error) if is_busy(&error) => Ok(false),
            Err(error) => Err(failure("begin to write", error)),
        })
    }

    fn apply(
        &mut self,
        patience: Patience,
        weight: usize,
        apply: impl Fn(&Connection) -> Result<(), StoreError>,
    ) -> Result<(Arc<Group>, Result<(), StoreError>), StoreError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => {
                self.begin(patience)?;
                OpenGroup { group: Arc::default(), applied: 0, bytes: 0 }
            }
        };
        // The first batch needs no savepoint: if it is refused, the transaction is given up, and the refusal rests on
        // nothing but what is committed.
        let verdict = if open.applied == 0 {
            Ok(apply(self.connection()?)?)
        } else {
            within_savepoint(self.connection()?, apply)?
        };
        if verdict.is_ok() {
            open.applied += 1;
            open.bytes += weight;
        }
        let group = Arc::clone(&open.group);
        self.open = Some(open);
        Ok((group, verdict))
    }

    fn is_full(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.applied >= MOST_BATCHES || open.bytes >= MOST_BYTES)
    }

    /// Ends the open transaction, if there is one, and tells those who share it.
    fn settle(&mut self, counters: &Counters) {
        let (Some(open), Some(connection)) = (self.open.take(), &self.connection) else { return };
        let outcome = match run(connection, "COMMIT") {
            Ok(()) => {
                counters.commits.fetch_add(open.applied as u64, Ordering::Relaxed);
                counters.flushes.fetch_add(1, Ordering::Relaxed);
                Outcome::Committed
            }
            Err(error) => {
                roll_back(connection);
                // The log may hold the whole transaction although it could not be flushed: nobody sees it, but should
                // the machine crash before the log is written over, recovery finds it.
                let unknown = error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
                Outcome::Failed { error: Arc::new(error), unknown }
            }
        };
        open.group.settle(outcome);
    }

    fn undo(&mut self) {
        if let Some(connection) = &self.connection {
            roll_back(connection);
        }
        self.open = None;
    }
}

impl Drop for OpenGroup {
    fn drop(&mut self) {
        // Whatever happened to the transaction, nobody waits for it for ever.
        self.group.settle(Outcome::Undone);
    }
}

impl Group {
    /// The first outcome stands.
    fn settle(&self, outcome: Outcome) {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(outcome);
        self.settled.notify_all();
    }

    fn wait(&self) -> Outcome {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(outcome) = &*outcome {
                return outcome.clone();
            }
            outcome = self.settled.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Applies a batch so that its refusal, the inner result, leaves nothing of it in the transaction.
///
/// The outer error says that the transaction itself is no longer sound.
fn within_savepoint(
    connection: &Connection,
    apply: impl Fn(&Connection) -> Result<(), StoreError>,
) -> Result<Result<(), StoreError>, StoreError> {
    run(connection, "SAVEPOINT batch").attempt("begin a batch")?;
    match apply(connection) {
        Ok(()) => {
            run(connection, "RELEASE batch").attempt("end a batch")?;
            Ok(Ok(()))
        }
        Err(refusal) if is_refusal(&refusal) && !connection.is_autocommit() => {
            run(connection, "ROLLBACK TO batch").attempt("undo a batch")?;
            run(connection, "RELEASE batch").attempt("undo a batch")?;
            Ok(Err(refusal))
        }
        // A full disk or an I/O error: SQLite may have rolled back more than this batch.
        Err(error) => Err(error),
    }
}

/// Whether an error is about a batch, and not about the store.
const fn is_refusal(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Conflict { .. }
            | StoreError::CellConflict { .. }
            | StoreError::Invalid { .. }
            | StoreError::Limit { .. }
    )
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // If even this fails, the next transaction tries again before it begins.
        let _ = run(connection, "ROLLBACK");
    }
}
