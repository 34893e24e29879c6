//! Where calls of the core run: on threads of the binding's own.
//!
//! Never on libuv's, of which Node has four: a host's store waits for them whenever it reads a file, while the calls that
//! wait for the store would hold them all.

use mythos_core::ErrorKind;
use napi::bindgen_prelude::{create_custom_tokio_runtime, spawn_blocking};
use napi::tokio::runtime::Builder;
use napi::tokio::sync::Semaphore;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::value::{from_value, to_value};

/// The most calls that run at the same time; further ones queue. A thread that waits for a disk or for JavaScript costs
/// little: 64 is what group commit needs to share flushes well.
const MAX_THREADS: usize = 64;

/// The most of these that may wait for a store in JavaScript, so that such a store can itself call a built-in one.
const MAX_HOSTED_CALLS: usize = 32;

static HOSTED_CALLS: Semaphore = Semaphore::const_new(MAX_HOSTED_CALLS);

/// Whether a call may wait for JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Its store is built in.
    Native,
    /// Its store is a host's.
    Hosted,
}

/// Makes the runtime that drives the calls. napi starts it with the first environment and ends it with the last.
pub(crate) fn start() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(MAX_THREADS)
        .thread_name("mythos")
        .build();
    // Without it napi makes one of its own, which only bounds the threads differently.
    if let Ok(runtime) = runtime {
        create_custom_tokio_runtime(runtime);
    }
}

/// Runs `call` on a thread of the binding and gives its answer as a native value.
pub(crate) async fn run<T, F>(lane: Lane, call: F) -> Outcome
where
    T: Serialize,
    F: FnOnce() -> Result<T, Failure> + Send + 'static,
{
    open(lane, move || {
        let answer = call()?;
        to_value(&answer).map_err(Failure::answer)
    })
    .await
}

/// Runs `call` on a thread of the binding and gives its answer as it is: a class of this crate.
pub(crate) async fn open<T, F>(lane: Lane, call: F) -> Outcome<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Failure> + Send + 'static,
{
    let _permit = match lane {
        Lane::Native => None,
        // Never closed, so never an error.
        Lane::Hosted => HOSTED_CALLS.acquire().await.ok(),
    };
    Outcome(spawn_blocking(call).await.unwrap_or_else(|error| {
        Err(Failure::new(
            ErrorKind::Internal,
            format!("a call did not end: {error}; this is a defect of mythos"),
        ))
    }))
}

impl Argument {
    /// Reads the argument `name` of a call.
    pub(crate) fn parse<T: DeserializeOwned>(self, name: &str) -> Result<T, Failure> {
        self.0.and_then(from_value).map_err(|error| Failure::argument(name, error))
    }
}
