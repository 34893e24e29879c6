//! Who is suspected to have failed, from heartbeats that stay out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mythos_core::restart::{DetectorPolicy, DetectorPolicyOptions, HeartbeatMonitor};
use mythos_core::types::{AssistantId, Timestamp};
use napi_derive::napi;
use serde::Serialize;

use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::value::{Value, to_value};

/// `HeartbeatMonitor` of the core. A call waits for nothing and takes microseconds, or milliseconds for 100,000
/// assistants after the clock was set back, so that it needs no other thread.
#[napi]
#[derive(Debug)]
pub struct NativeHeartbeatMonitor(Mutex<HeartbeatMonitor>);

impl NativeHeartbeatMonitor {
    fn monitor(&self) -> MutexGuard<'_, HeartbeatMonitor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A monitor that has heard of no assistant.
#[napi]
pub fn heartbeat_monitor(policy: Argument) -> Outcome<NativeHeartbeatMonitor> {
    let monitor = || {
        let options: DetectorPolicyOptions = policy.parse("policy")?;
        Ok(NativeHeartbeatMonitor(Mutex::new(HeartbeatMonitor::new(DetectorPolicy::new(options)?))))
    };
    Outcome(monitor())
}

#[napi]
impl NativeHeartbeatMonitor {
    /// How many assistants are watched.
    #[napi(getter, ts_return_type = "number")]
    pub fn watched(&self) -> Value {
        // At most 100,000.
        Value::Integer(self.monitor().watched() as i64)
    }

    /// Takes a heartbeat.
    #[napi]
    pub fn heartbeat(&self, assistant: Argument, run: Argument, now: Argument) -> Outcome {
        let counts = || -> Result<bool, Failure> {
            let (assistant, run): (AssistantId, u64) = (assistant.parse("assistant")?, run.parse("run")?);
            Ok(self.monitor().heartbeat(&assistant, run, now.parse("now")?)?)
        };
        answer(counts())
    }

    /// When the next assistant will be suspected.
    #[napi]
    pub fn poll_timeout(&self) -> Outcome {
        answer(Ok(self.monitor().poll_timeout()))
    }

    /// The assistants that are suspected.
    #[napi]
    pub fn suspects(&self, now: Argument) -> Outcome {
        answer(now.parse("now").map(|now: Timestamp| self.monitor().suspects(now)))
    }

    /// How strongly an assistant is suspected.
    #[napi]
    pub fn phi(&self, assistant: Argument, now: Argument) -> Outcome {
        let phi = || -> Result<Option<f64>, Failure> {
            let assistant: AssistantId = assistant.parse("assistant")?;
            Ok(self.monitor().phi(&assistant, now.parse("now")?))
        };
        answer(phi())
    }

    /// Watches an assistant no longer.
    #[napi]
    pub fn forget(&self, assistant: Argument) -> Outcome {
        answer(assistant.parse("assistant").map(|assistant: AssistantId| self.monitor().forget(&assistant)))
    }
}

fn answer<T: Serialize>(result: Result<T, Failure>) -> Outcome {
    Outcome(result.and_then(|value| to_value(&value).map_err(Failure::answer)))
}
