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
//! | [`GROUP_RESTARTS`] | counter | `strategy`: [`Strategy`](crate::restart::Strategy) | times that a group began to stop and start several members; one that restarts alone counts as a restart only |
//! | [`GROUP_ENDS`] | counter | `why`: [`GroupEnd`](crate::restart::GroupEnd) | times that a group that was open began to end |
//! | [`OPEN_INCIDENTS`] | gauge | `supervisor` | open incidents of a supervisor |
//! | [`PENDING_EFFECTS`] | gauge | `supervisor` | effects of a supervisor that are not answered |
//! | [`HEALING_ATTEMPTS`] | counter | `rule`, `outcome`: [`AttemptOutcome`](crate::healing::AttemptOutcome) | repairs of which something came |
//! | [`HEALING_TARGETS`] | gauge | `scope` | targets of a scope |
//! | [`HEALING_UNHEALTHY`] | gauge | `scope` | targets of a scope that are ill |
//! | [`HEALING_OPEN_INCIDENTS`] | gauge | `scope` | open incidents of a scope |
//! | [`HEALING_PENDING_EFFECTS`] | gauge | `scope` | effects of a scope that are not answered |
//!
//! Labels have the values' names in JSON. A decision is counted once, by the process that made it and once its commit has
//! succeeded: what was not committed did not happen, and what cannot be told is not counted, nor when it is repeated.
//!
//! The gauges of a scope are set whenever its healer decided or was asked for its totals. Those of a supervisor are set by
//! [`Supervisor::totals`](crate::restart::Supervisor::totals), which reads all its deployments: call it as often as they are
//! looked at.
//!
//! # Spans
//!
//! [`DECIDE`], [`CARRY_OUT`] and [`TICK`], at level `DEBUG`. Each has the field `supervisor`. The first two have, once the
//! decision is committed, `changed`: how many deployments are another, with those of other members of a group; if it was about
//! an assistant, `assistant` and the names of its states `before` (absent for a first deployment) and `after`; and if a group
//! changed, `group`, the outermost of those that did, and the names of its states `group_before` (absent for a new one) and
//! `group_after`.
//!
//! [`HEAL_OBSERVE`], [`HEAL_PLAN`], [`HEAL_ANSWER`] and [`HEAL_RETIRE`], at level `DEBUG`: the calls of a
//! [`Healer`](crate::healing::Healer) that decide. Each has the field `scope` and, once it is committed, `targets` and
//! `incidents`: how many of each changed.

/// The counter of restarts that were begun.
pub const RESTARTS: &str = "mythos_restarts_total";
/// The counter of incidents that ended.
pub const INCIDENTS: &str = "mythos_restart_incidents_total";
/// The histogram of how long assistants took to become ready after a failure, in seconds.
pub const TIME_TO_READY: &str = "mythos_restart_time_to_ready_seconds";
/// The histogram of restarts in a row.
pub const BACKOFF_LEVEL: &str = "mythos_restart_backoff_level";
/// The counter of the times that a group began to stop and start several members.
pub const GROUP_RESTARTS: &str = "mythos_group_restarts_total";
/// The counter of the times that a group began to end.
pub const GROUP_ENDS: &str = "mythos_group_ends_total";
/// The gauge of a supervisor's open incidents.
pub const OPEN_INCIDENTS: &str = "mythos_restart_open_incidents";
/// The gauge of a supervisor's effects that are not answered.
pub const PENDING_EFFECTS: &str = "mythos_restart_pending_effects";
/// The counter of repairs of which something came.
pub const HEALING_ATTEMPTS: &str = "mythos_healing_attempts_total";
/// The gauge of a scope's targets.
pub const HEALING_TARGETS: &str = "mythos_healing_targets";
/// The gauge of a scope's targets that are ill.
pub const HEALING_UNHEALTHY: &str = "mythos_healing_unhealthy_targets";
/// The gauge of a scope's open incidents.
pub const HEALING_OPEN_INCIDENTS: &str = "mythos_healing_open_incidents";
/// The gauge of a scope's effects that are not answered.
pub const HEALING_PENDING_EFFECTS: &str = "mythos_healing_pending_effects";

/// The span of a decision about a deployment.
pub const DECIDE: &str = "mythos.restart.decide";
/// The span of [`Supervisor::carry_out`](crate::restart::Supervisor::carry_out).
pub const CARRY_OUT: &str = "mythos.restart.carry_out";
/// The span of [`Supervisor::tick`](crate::restart::Supervisor::tick).
pub const TICK: &str = "mythos.restart.tick";
/// The span of [`Healer::observe`](crate::healing::Healer::observe).
pub const HEAL_OBSERVE: &str = "mythos.healing.observe";
/// The span of [`Healer::plan`](crate::healing::Healer::plan).
pub const HEAL_PLAN: &str = "mythos.healing.plan";
/// The span of [`Healer::answer`](crate::healing::Healer::answer).
pub const HEAL_ANSWER: &str = "mythos.healing.answer";
/// The span of [`Healer::retire`](crate::healing::Healer::retire).
pub const HEAL_RETIRE: &str = "mythos.healing.retire";

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

/// Counts a group that began to stop and start several members.
#[cfg(feature = "metrics")]
pub(crate) fn group_restart(strategy: &'static str) {
    metrics::counter!(GROUP_RESTARTS, "strategy" => strategy).increment(1);
}

/// Counts a group that began to end.
#[cfg(feature = "metrics")]
pub(crate) fn group_end(why: &'static str) {
    metrics::counter!(GROUP_ENDS, "why" => why).increment(1);
}

/// Sets the gauges of a supervisor.
#[cfg(feature = "metrics")]
pub(crate) fn supervision(supervisor: &str, incidents: u64, pending: u64) {
    metrics::gauge!(OPEN_INCIDENTS, "supervisor" => supervisor.to_owned()).set(incidents as f64);
    metrics::gauge!(PENDING_EFFECTS, "supervisor" => supervisor.to_owned()).set(pending as f64);
}

/// Sets the gauges of a scope: its targets, those that are ill, open incidents and pending effects.
#[cfg(feature = "metrics")]
pub(crate) fn scope(scope: &str, [targets, unhealthy, incidents, pending]: [u64; 4]) {
    metrics::gauge!(HEALING_TARGETS, "scope" => scope.to_owned()).set(targets as f64);
    metrics::gauge!(HEALING_UNHEALTHY, "scope" => scope.to_owned()).set(unhealthy as f64);
    metrics::gauge!(HEALING_OPEN_INCIDENTS, "scope" => scope.to_owned()).set(incidents as f64);
    metrics::gauge!(HEALING_PENDING_EFFECTS, "scope" => scope.to_owned()).set(pending as f64);
}

#[cfg(not(feature = "metrics"))]
pub(crate) const fn group_restart(_strategy: &'static str) {}

#[cfg(not(feature = "metrics"))]
pub(crate) const fn group_end(_why: &'static str) {}

#[cfg(not(feature = "metrics"))]
pub(crate) const fn supervision(_supervisor: &str, _incidents: u64, _pending: u64) {}

#[cfg(not(feature = "metrics"))]
pub(crate) const fn scope(_scope: &str, _totals: [u64; 4]) {}

#[cfg(not(feature = "metrics"))]
pub(crate) const fn restarts(_failure: &'static str, _count: u64, _in_a_row: u64) {}

#[cfg(not(feature = "metrics"))]
pub(crate) const fn incident(_ending: &'static str, _ready_after: Option<std::time::Duration>) {}

#[cfg(not(feature = "metrics"))]
pub(crate) const fn healing_attempt(_rule: &str, _outcome: &'static str) {}

/// A span of a decision about deployments; its name is a part of it, so that this cannot be a function.
#[cfg(feature = "tracing")]
macro_rules! deciding {
    ($name:expr, $supervisor:expr) => {{
        use tracing::field::Empty;
        tracing::debug_span!(
            $name,
            supervisor = $supervisor,
            assistant = Empty,
            before = Empty,
            after = Empty,
            group = Empty,
            group_before = Empty,
            group_after = Empty,
            changed = Empty
        )
    }};
}

/// A span of a decision about targets.
#[cfg(feature = "tracing")]
macro_rules! healing {
    ($name:expr, $scope:expr) => {{
        use tracing::field::Empty;
        tracing::debug_span!($name, scope = $scope, targets = Empty, incidents = Empty)
    }};
}

/// A span that was entered, until it is dropped.
#[derive(Debug)]
#[must_use = "the span ends when this is dropped"]
pub(crate) struct Entered {
    #[cfg(feature = "tracing")]
    span: tracing::span::EnteredSpan,
}

/// What a committed decision about deployments tells of itself.
#[derive(Debug, Default)]
pub(crate) struct Decided<'a> {
    /// Whom it was about, with the names of its states before and after.
    pub(crate) assistant: Option<Change<'a>>,
    /// The outermost group that changed.
    pub(crate) group: Option<Change<'a>>,
    /// How many deployments changed.
    pub(crate) changed: u64,
}

/// A node's name, and those of its states before, if it was there, and after.
#[derive(Debug)]
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only spans read it"))]
pub(crate) struct Change<'a> {
    pub(crate) name: &'a str,
    pub(crate) before: Option<&'static str>,
    pub(crate) after: &'static str,
}

/// Which call of a healer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Heal {
    Observe,
    Plan,
    Answer,
    Retire,
}

#[cfg(feature = "tracing")]
impl Entered {
    pub(crate) fn decide(supervisor: &str) -> Self {
        Self::enter(deciding!(DECIDE, supervisor))
    }

    pub(crate) fn carry_out(supervisor: &str) -> Self {
        Self::enter(deciding!(CARRY_OUT, supervisor))
    }

    pub(crate) fn tick(supervisor: &str) -> Self {
        Self::enter(tracing::debug_span!(TICK, supervisor))
    }

    pub(crate) fn heal(call: Heal, scope: &str) -> Self {
        Self::enter(match call {
            Heal::Observe => healing!(HEAL_OBSERVE, scope),
            Heal::Plan => healing!(HEAL_PLAN, scope),
            Heal::Answer => healing!(HEAL_ANSWER, scope),
            Heal::Retire => healing!(HEAL_RETIRE, scope),
        })
    }

    fn enter(span: tracing::Span) -> Self {
        Self { span: span.entered() }
    }

    /// Says what was decided, once it is committed.
    pub(crate) fn decided(&self, decided: &Decided<'_>) {
        let record = |change: &Change<'_>, [name, before, after]: [&'static str; 3]| {
            self.span.record(name, change.name);
            if let Some(state) = change.before {
                self.span.record(before, state);
            }
            self.span.record(after, change.after);
        };
        if let Some(assistant) = &decided.assistant {
            record(assistant, ["assistant", "before", "after"]);
        }
        if let Some(group) = &decided.group {
            record(group, ["group", "group_before", "group_after"]);
        }
        self.span.record("changed", decided.changed);
    }

    /// Says what of a scope changed, once it is committed.
    pub(crate) fn healed(&self, targets: u64, incidents: u64) {
        self.span.record("targets", targets);
        self.span.record("incidents", incidents);
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

    pub(crate) const fn heal(_call: Heal, _scope: &str) -> Self {
        Self {}
    }

    #[expect(clippy::unused_self, reason = "there is a span to record to if the feature is on")]
    pub(crate) const fn decided(&self, _decided: &Decided<'_>) {}

    #[expect(clippy::unused_self, reason = "there is a span to record to if the feature is on")]
    pub(crate) const fn healed(&self, _targets: u64, _incidents: u64) {}
}
