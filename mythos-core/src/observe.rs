//! What operators can watch: metrics through the facade crate `metrics` (feature `metrics`) and spans through the facade
//! crate `tracing` (feature `tracing`). Both are off by default, and cost nothing then. A host installs whatever recorder and
//! subscriber it has; the names here are stable.
//!
//! # Metrics
//!
//! | name | kind | labels | counted |
//! |---|---|---|---|
//! | [`RESTARTS`] | counter | `failure`: [`FailureKind`](crate::restart::FailureKind) | restarts that were begun |
//! | [`INCIDENTS`] | counter | `ending`: [`Ending`](crate::restart::Ending) | incidents that ended |
//! | [`TIME_TO_READY`] | histogram | | seconds from a failure until the assistant was ready |
//! | [`BACKOFF_LEVEL`] | histogram | | restarts in a row, at each that was begun; 0 for one that was asked for |
//! | [`HEALING_ATTEMPTS`] | counter | `rule`, `outcome`: [`AttemptOutcome`](crate::healing::AttemptOutcome) | repairs of which something came |
//!
//! Labels have the values' names in JSON. A decision is counted once, by the process that made it and once its commit has
//! succeeded: what was not committed did not happen, and what cannot be told is not counted, nor when it is repeated.
//!
//! # Spans
//!
//! [`DECIDE`], [`CARRY_OUT`] and [`TICK`], at level `DEBUG`. Each has the field `supervisor`; the first two, once the decision
//! is committed, `assistant` and the names of the states `before` (absent for a first deployment) and `after`.

/// The counter of restarts that were begun.
pub const RESTARTS: &str = "mythos_restarts_total";
/// The counter of incidents that ended.
pub const INCIDENTS: &str = "mythos_restart_incidents_total";
/// The histogram of how long assistants took to become ready after a failure, in seconds.
pub const TIME_TO_READY: &str = "mythos_restart_time_to_ready_seconds";
/// The histogram of restarts in a row.
pub const BACKOFF_LEVEL: &str = "mythos_restart_backoff_level";
/// The counter of repairs of which something came.
pub const HEALING_ATTEMPTS: &str = "mythos_healing_attempts_total";

/// The span of a decision about a deployment.
pub const DECIDE: &str = "mythos.restart.decide";
/// The span of [`Supervisor::carry_out`](crate::restart::Supervisor::carry_out).
pub const CARRY_OUT: &str = "mythos.restart.carry_out";
/// The span of [`Supervisor::tick`](crate::restart::Supervisor::tick).
pub const TICK: &str = "mythos.restart.tick";

/// Counts `count` restarts that followed a failure, the last of so many in a row.
#[cfg(feature = "metrics")]
pub(crate) fn restarts(failure: &'static str, count: u64, in_a_row: u64) {
    metrics::counter!(RESTARTS, "failure" => failure).increment(count);
    metrics::histogram!(BACKOFF_LEVEL).record(in_a_row as f64);
}

/// Counts an incident that ended, and how long it took if the assistant was ready then.
#[cfg(feature = "metrics")]
pub(crate) fn incident(ending: &'static str, ready_after: Option<std::time::Duration>) {
    metrics::counter!(INCIDENTS, "ending" => ending).increment(1);
    if let Some(ready_after) = ready_after {
        metrics::histogram!(TIME_TO_READY).record(ready_after.as_secs_f64());
    }
}

/// Counts a repair of which something came.
#[cfg(feature = "metrics")]
pub(crate) fn healing_attempt(rule: &str, outcome: &'static str) {
    metrics::counter!(HEALING_ATTEMPTS, "rule" => rule.to_owned(), "outcome" => outcome).increment(1);
}

#[cfg(not(feature = "metrics"))]
pub(crate) const fn restarts(_failure: &'static str, _count: u64, _in_a_row: u64) {}

#[cfg(not(feature = "metrics"))]
pub(crate) const fn incident(_ending: &'static str, _ready_after: Option<std::time::Duration>) {}

#[cfg(not(feature = "metrics"))]
pub(crate) const fn healing_attempt(_rule: &str, _outcome: &'static str) {}

/// A span that was entered, until it is dropped.
#[derive(Debug)]
#[must_use = "the span ends when this is dropped"]
pub(crate) struct Entered {
    #[cfg(feature = "tracing")]
    span: tracing::span::EnteredSpan,
}

#[cfg(feature = "tracing")]
impl Entered {
    pub(crate) fn decide(supervisor: &str) -> Self {
        use tracing::field::Empty;
        let span = tracing::debug_span!(DECIDE, supervisor, assistant = Empty, before = Empty, after = Empty);
        Self { span: span.entered() }
    }

    pub(crate) fn carry_out(supervisor: &str) -> Self {
        use tracing::field::Empty;
        let span =
            tracing::debug_span!(CARRY_OUT, supervisor, assistant = Empty, before = Empty, after = Empty);
        Self { span: span.entered() }
    }

    pub(crate) fn tick(supervisor: &str) -> Self {
        Self { span: tracing::debug_span!(TICK, supervisor).entered() }
    }

    /// Says what was decided, once it is committed.
    pub(crate) fn decided(&self, assistant: &str, before: Option<&'static str>, after: &'static str) {
        self.span.record("assistant", assistant);
        if let Some(before) = before {
            self.span.record("before", before);
        }
        self.span.record("after", after);
    }
}

#[cfg(not(feature = "tracing"))]
impl Entered {
    pub(crate) const fn decide(_supervisor: &str) -> Self {
        Self {}
    }

    pub(crate) const fn carry_out(_supervisor: &str) -> Self {
        Self {}
    }

    pub(crate) const fn tick(_supervisor: &str) -> Self {
        Self {}
    }

    #[expect(clippy::unused_self, reason = "there is a span to record to if the feature is on")]
    pub(crate) const fn decided(
        &self,
        _assistant: &str,
        _before: Option<&'static str>,
        _after: &'static str,
    ) {
    }
}
