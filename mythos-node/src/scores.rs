//! What can be told of entries by themselves: how new a payload is, and whether a run of them goes round in circles.

use mythos_core::ritual::{self, ScoredEntry, StallPolicy};
use mythos_core::types::Score;
use napi_derive::napi;
use serde::Deserialize;
use serde_bytes::ByteBuf;

use crate::calls::{Lane, run};
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::value::to_value;

/// How much information a payload adds to the one before.
#[napi]
pub async fn novelty_score(previous: Argument, payload: Argument) -> Outcome {
    run(Lane::Native, move || {
        let previous: Option<ByteBuf> = previous.parse("previous")?;
        let payload: ByteBuf = payload.parse("payload")?;
        Ok(ritual::novelty_score(previous.as_ref().map(|bytes| bytes.as_slice()), &payload))
    })
    .await
}

/// `StallPolicy` of the core, as far as it is given.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
struct Policy {
    min_length: Option<u32>,
    threshold: Option<Score>,
}

/// Reads a policy; what it does not say is as in the default one.
pub(crate) fn stall_policy(policy: Argument) -> Result<StallPolicy, Failure> {
    let Policy { min_length, threshold } = policy.parse("policy")?;
    let default = StallPolicy::default();
    let min_length = min_length.unwrap_or_else(|| default.min_length());
    let threshold = threshold.unwrap_or_else(|| default.threshold());
    Ok(StallPolicy::new(min_length, threshold)?)
}

/// The stall that entries end in.
#[napi]
pub fn stall(entries: Argument, policy: Argument) -> Outcome {
    let found = || -> Result<_, Failure> {
        let entries: Vec<ScoredEntry> = entries.parse("entries")?;
        to_value(&ritual::stall(&entries, &stall_policy(policy)?)).map_err(Failure::answer)
    };
    Outcome(found())
}
