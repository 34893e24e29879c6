//! The end of the interpreter, which threads that are inside the library must not meet.
//!
//! Before 3.14 CPython ends a thread that returns to the interpreter after its end by unwinding it, and a Rust frame
//! below turns that into an abort of the process. pyo3 holds such threads where it takes the lock itself, but not where
//! Python code does that Rust called (a store that sleeps or waits for its database). So the end waits for the calls
//! that are under way, and holds those that come later, as CPython 3.14 does. Only daemon threads and threads of Rust's
//! own are concerned: Python joins all others before.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use pyo3::prelude::*;

/// How long the end waits at most for the calls under way, and then for stores. After a fork in the middle of another
/// thread's call, it waits so long in the child for nothing.
const MAX_WAIT_MS: u32 = 2_000;

/// How many calls are under way, those of stores included.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// The thread that ends the interpreter, from when it begins to wait.
static ENDING: OnceLock<ThreadId> = OnceLock::new();
/// From when it has waited.
static ENDED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// How many of the calls are this thread's, one inside the other.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// That this thread is inside the library, while this lives.
#[derive(Debug)]
pub(crate) struct Inside(());

impl Inside {
    // First counted, then asked for the end: the end first says so, then counts, so that one of the two sees the other.
    fn new() -> Self {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        DEPTH.set(DEPTH.get() + 1);
        Self(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Comes from Python into the library. At the interpreter's end, a thread that is not inside already stays here.
pub(crate) fn come_in(py: Python<'_>) -> Inside {
    let inside = Inside::new();
    if DEPTH.get() == 1 && ENDING.get().is_some_and(|thread| *thread != thread::current().id()) {
        drop(inside);
        py.detach(|| {
            loop {
                thread::park();
            }
        });
    }
    inside
}

/// Goes from the library into Python; `None`, without doing `work`, once the interpreter has ended.
pub(crate) fn go_out<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let _inside = Inside::new();
    let ended =
        ENDED.load(Ordering::SeqCst) && ENDING.get().is_some_and(|thread| *thread != thread::current().id());
    if ended { None } else { Python::try_attach(work) }
}

/// Has the end of the interpreter wait for the calls that are under way.
pub(crate) fn wait_at_exit(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let wait = wrap_pyfunction!(end, module)?;
    module.py().import("atexit")?.call_method1("register", (wait,))?;
    Ok(())
}

#[pyfunction]
fn end(py: Python<'_>) {
    ENDING.get_or_init(|| thread::current().id());
    py.detach(|| {
        wait();
        ENDED.store(true, Ordering::SeqCst);
        wait();
    });
}

fn wait() {
    for _ in 0..MAX_WAIT_MS {
        if INSIDE.load(Ordering::SeqCst) == 0 {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}
