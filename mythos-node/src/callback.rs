//! Calls into JavaScript from the binding's threads.
//!
//! A call goes out as a number, a name and an argument, and comes back by [`settle_call`] under the same number. Nothing
//! in between belongs to Rust: no promise to poll and no callback to throw through. The thread waits on a channel, which
//! works until the last moment of the process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use napi::bindgen_prelude::{FnArgs, Function, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Status, ValueType};
use napi_derive::napi;

use crate::convert::Argument;
use crate::store::NativeStore;
use crate::value::{ConversionError, Value};

/// What a JavaScript function of type `(id, name, argument) => void` is called with. It must not throw.
pub(crate) type Arguments = FnArgs<(f64, String, Value)>;

/// What came back.
pub(crate) struct Reply {
    pub(crate) value: Result<Value, ConversionError>,
    /// What was thrown, whatever it is.
    pub(crate) thrown: Option<napi::Error>,
    /// A store, for calls that make one.
    pub(crate) store: Option<NativeStore>,
}

/// Why nothing came back.
pub(crate) enum NoReply {
    /// The call would have waited for the thread that it waits on.
    WrongThread,
    /// The JavaScript environment has ended; the function was not called.
    Ended,
    /// It did not settle in time.
    Late,
}

/// A JavaScript function that can be called from any other thread.
pub(crate) struct Callback {
    /// Weak: a function that is only waiting to be called does not keep the process alive. A call of the core that is
    /// under way does, by its own promise.
    function: ThreadsafeFunction<(u64, &'static str, Value), (), Arguments, Status, false, true>,
    javascript: ThreadId,
}

static NEXT_CALL: AtomicU64 = AtomicU64::new(0);
static CALLS: LazyLock<Mutex<HashMap<u64, SyncSender<Reply>>>> = LazyLock::new(Mutex::default);

fn calls() -> MutexGuard<'static, HashMap<u64, SyncSender<Reply>>> {
    // A map that is only inserted into and removed from is sound also after a panic.
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers a call under its number: `reply` is `{ value }`, or `{ error }` together with what was `thrown`; a call that
/// makes a store gives its handle.
#[napi(ts_args_type = "id: number, reply: unknown, thrown?: unknown, store?: NativeStore")]
pub fn settle_call(id: f64, reply: Argument, thrown: Unknown<'_>, store: Option<&NativeStore>) {
    let thrown = match thrown.get_type() {
        Ok(ValueType::Undefined) | Err(_) => None,
        Ok(_) => Some(napi::Error::from_unknown_without_coercion(thrown)),
    };
    // An answer that comes too late finds no number, or at worst no receiver.
    if let Some(sender) = calls().remove(&(id as u64)) {
        drop(sender.send(Reply { value: reply.0, thrown, store: store.cloned() }));
    }
}

impl Callback {
    /// Takes a function of the current environment.
    pub(crate) fn new(function: &Function<'_, Arguments, ()>) -> napi::Result<Self> {
        let function = function
            .build_threadsafe_function::<(u64, &'static str, Value)>()
            .callee_handled::<false>()
            .weak::<true>()
            .build_callback(|context| {
                let (id, name, argument) = context.value;
                // Numbers of calls stay far below 2^53.
                Ok(FnArgs::from((id as f64, name.to_owned(), argument)))
            })?;
        Ok(Self { function, javascript: thread::current().id() })
    }

    /// Calls the function and waits for the reply.
    pub(crate) fn call(
        &self,
        name: &'static str,
        argument: Value,
        timeout: Duration,
    ) -> Result<Reply, NoReply> {
        if thread::current().id() == self.javascript {
            return Err(NoReply::WrongThread);
        }
        let id = NEXT_CALL.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = sync_channel(1);
        calls().insert(id, sender);
        let status = self.function.call((id, name, argument), ThreadsafeFunctionCallMode::NonBlocking);
        if status != Status::Ok {
            calls().remove(&id);
            return Err(NoReply::Ended);
        }
        receiver.recv_timeout(timeout).map_err(|_| {
            calls().remove(&id);
            NoReply::Late
        })
    }
}
