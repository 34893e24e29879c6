use serde::{Deserialize, Serialize};

use super::backoff::{fraction, milliseconds};
use super::{Backoff, ExitRules, Jitter, RestartWindow};
use crate::error::{Error, Result};
use crate::types::{AssistantId, MAX_SAFE_INTEGER, RecordId, RitualId};

/// How a deployment is brought back after a failure. Valid by construction; serde checks as [`RestartPolicy::new`].
///
/// ```
/// use mythos_core::restart::{Backoff, RestartPolicy, RestartPolicyOptions, RestartWindow};
///
/// let policy = RestartPolicy::new(RestartPolicyOptions {
///     window: RestartWindow::sliding(3, 60_000),
///     backoff: Backoff::Exponential { initial_ms: 200, factor: 2.0, cap_ms: 5_000 },
///     ..RestartPolicyOptions::default()
/// })?;
/// assert_eq!(policy.options().window.max_restarts, 3);
///
/// let nonsense = r#"{"backoff": {"kind": "exponential", "initial_ms": 10, "factor": 2.0, "cap_ms": 5}}"#;
/// assert!(serde_json::from_str::<RestartPolicy>(nonsense).is_err());
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "RestartPolicyOptions", into = "RestartPolicyOptions")]
pub struct RestartPolicy(RestartPolicyOptions);

/// What a [`RestartPolicy`] is made of. What serialized options leave out has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestartPolicyOptions {
    /// Which ends of a run are followed by a restart; by default all.
    pub exits: ExitRules,
    /// How many restarts within which period; more, and the deployment is given up.
    ///
    /// By default 10 within ten minutes.
    pub window: RestartWindow,
    /// The delay before each restart in a row.
    ///
    /// By default 1 s, doubled up to 60 s (Kubernetes enhancement 4603).
    pub backoff: Backoff,
    /// How the delays are spread; by default fully.
    pub jitter: Jitter,
    /// At most so many restarts in a row, however long they take: the next failure gives up. By default any number; where
    /// attempts are counted, as by Temporal's `maximum_attempts`, the first is one of them.
    pub max_retries: Option<u32>,
    /// A restart, or a further step of its path, begins at most so many milliseconds after the failure that opened the
    /// incident, or after a person asked for a restart or answered a question since; what would begin later gives up
    /// instead, but for a question to an operator. By default at any time; above 0 (Temporal's
    /// `schedule_to_close_timeout`).
    pub deadline_ms: Option<u64>,
    /// So many restarts in a row come without a delay, before the first of `backoff`; by default none.
    pub free_restarts: u32,
    /// After so many milliseconds up without a failure, earlier restarts no longer count: neither for the window nor
    /// for the backoff nor against the entry that was restored. They do not either if the clock was set back to before the
    /// assistant came up, so that how long it was up cannot be told.
    ///
    /// By default ten minutes (Kubernetes enhancement 4603).
    pub quiet_period_ms: u64,
    /// From when the quiet period is counted.
    pub quiet_since: QuietSince,
    /// An entry whose launches under one root of the codex failed so often, within the quiet period, is passed over; by
    /// default 5, at least 1. Under another root, that of a mended codex or of [`FallbackStep::OlderCodex`], it is tried anew.
    pub launches_per_entry: u32,
    /// What to try, in order, when the newest entry of the deployment's ritual cannot be brought back. By default the
    /// newest verifiable older entry. At most [`RestartPolicy::MAX_FALLBACK_STEPS`].
    pub symbolic_fallback_path: Vec<FallbackStep>,
    /// What to do when an entry ran under another codex root than the one in force.
    pub alignment: AlignmentPolicy,
    /// Each step of the path has so many milliseconds to bring the assistant up; then the next is taken. By default no such
    /// limit: a restore and an alignment wait for whoever carries them out, a launch for `probe_deadline_ms`. Above 0.
    pub step_deadline_ms: Option<u64>,
    /// An operator has so many milliseconds to answer a question; then it is answered by no. By default as long as it takes;
    /// above 0.
    pub operator_deadline_ms: Option<u64>,
    /// How many milliseconds a launched assistant has to pass its readiness probe; by default 30 s, above 0.
    pub probe_deadline_ms: u64,
    /// The seed of the jitter; at most 2^53 - 1. Deployments differ also under the same seed.
    pub seed: u64,
}

impl Default for RestartPolicyOptions {
    fn default() -> Self {
        Self {
            exits: ExitRules::default(),
            window: RestartWindow::sliding(10, 600_000),
            backoff: Backoff::Exponential { initial_ms: 1_000, factor: 2.0, cap_ms: 60_000 },
            jitter: Jitter::Full,
            max_retries: None,
            deadline_ms: None,
            free_restarts: 0,
            quiet_period_ms: 600_000,
            quiet_since: QuietSince::Up,
            launches_per_entry: 5,
            symbolic_fallback_path: vec![FallbackStep::OlderEntry],
            alignment: AlignmentPolicy::AdoptCurrent,
            step_deadline_ms: None,
            operator_deadline_ms: None,
            probe_deadline_ms: 30_000,
            seed: 0,
        }
    }
}

/// From when a quiet period is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum QuietSince {
    /// From when the assistant came up.
    #[default]
    Up,
    /// From the failure before, so that the time it took to come back counts as quiet: longer than the quiet period, which must
    /// be longer than the longest delay. Kubernetes' `flowcontrol.Backoff`, asked at the failure, does so with twice the longest.
    LastFailure,
}

/// One way to bring an assistant back. A step that fails gives way to the next.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FallbackStep {
    /// The newest entry of the deployment's ritual. Always the first step; a fallback path does not name it.
    Latest,
    /// The newest verifiable entry of the deployment's ritual older than the one tried before.
    OlderEntry,
    /// The newest entry of another ritual of the assistant, one that is always safe to resume.
    NamedRitual {
        /// That ritual.
        ritual: RitualId,
    },
    /// The newest entry of the deployment's ritual, resumed under the codex that it ran under, an older state of the codex in
    /// force, as far as the codex's log proves that state. Only of a deployment that has a codex.
    OlderCodex,
    /// Another assistant in its place: the newest entry of a ritual of that one.
    Substitute {
        /// The other assistant.
        assistant: AssistantId,
        /// Its ritual.
        ritual: RitualId,
    },
    /// Asks an operator and waits, instead of giving up. Only as the last step.
    Escalate,
}

/// What to do when an entry ran under another codex root than the proven one in force.
///
/// A codex whose trail does not verify aligns with nothing, under every policy: the step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlignmentPolicy {
    /// The step fails.
    SameRoot,
    /// The assistant resumes under the codex in force if the codex's own log leads there from the entry's root, and since
    /// then clauses were only added, annotated or moved; the difference is reported. Otherwise the step fails.
    Compatible,
    /// The assistant resumes under the codex in force if the codex's own log leads there from the entry's root, and every event
    /// since that changes what a clause says names evidence, such as an audit; the difference is reported. Otherwise the step
    /// fails. That there is evidence is all that is asked: whether it speaks for its event,
    /// [`verify_evidence`](crate::regression::CodexRegressionGuard::verify_evidence) tells.
    Audited,
    /// The assistant resumes under the codex in force, and the difference is reported.
    #[default]
    AdoptCurrent,
    /// An operator is asked: approved, it resumes under the codex in force; declined, the step fails.
    AskOperator,
}

impl RestartPolicy {
    /// The longest fallback path.
    pub const MAX_FALLBACK_STEPS: usize = 16;

    /// Checks `options`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) or [`ErrorKind::Limit`](crate::ErrorKind::Limit), with the
    /// field, for a number outside its stated range, a cap below the first delay, a fallback path that names
    /// [`FallbackStep::Latest`] or the same ritual twice, or [`FallbackStep::Escalate`] anywhere but at its end.
    pub fn new(options: RestartPolicyOptions) -> Result<Self> {
        options.window.validate()?;
        options.backoff.validate()?;
        options.jitter.validate(&options.backoff)?;
        options.exits.validate()?;
        milliseconds("quiet_period_ms", options.quiet_period_ms)?;
        milliseconds("probe_deadline_ms", options.probe_deadline_ms)?;
        if options.probe_deadline_ms == 0 {
            return Err(Error::invalid("probe_deadline_ms", "no probe can pass within a deadline of 0 ms"));
        }
        let longest_ms = options.backoff.longest_ms();
        if options.quiet_since == QuietSince::LastFailure && options.quiet_period_ms <= longest_ms {
            let message = format!(
                "a wait of {longest_ms} ms would count as quiet for {} ms, and every restart be the first",
                options.quiet_period_ms
            );
            return Err(Error::invalid("quiet_period_ms", message));
        }
        for (field, deadline_ms) in [
            ("deadline_ms", options.deadline_ms),
            ("step_deadline_ms", options.step_deadline_ms),
            ("operator_deadline_ms", options.operator_deadline_ms),
        ] {
            let Some(deadline_ms) = deadline_ms else { continue };
            milliseconds(field, deadline_ms)?;
            if deadline_ms == 0 {
                return Err(Error::invalid(field, "nothing is done within a deadline of 0 ms"));
            }
        }
        if options.launches_per_entry == 0 {
            return Err(Error::invalid("launches_per_entry", "an entry is launched at least once"));
        }
        if options.seed > MAX_SAFE_INTEGER {
            let message = format!("a jitter seed is at most {MAX_SAFE_INTEGER}, not {}", options.seed);
            return Err(Error::limit("seed", message));
        }
        validate_path(&options.symbolic_fallback_path)?;
        Ok(Self(options))
    }

    /// What it is made of.
    #[must_use]
    pub const fn options(&self) -> &RestartPolicyOptions {
        &self.0
    }

    /// Step number `index` of the whole path, where 0 is [`FallbackStep::Latest`]; `None` behind its end.
    #[must_use]
    pub fn step(&self, index: u32) -> Option<&FallbackStep> {
        match index.checked_sub(1) {
            None => Some(&FallbackStep::Latest),
            Some(index) => self.0.symbolic_fallback_path.get(index as usize),
        }
    }

    /// The delay in milliseconds before restart number `attempt` in a row, from 1, which comes after a delay of `previous_ms`; spread by
    /// draw number `draw` of `deployment`.
    pub(super) fn delay_ms(&self, deployment: &RecordId, attempt: u64, previous_ms: u64, draw: u64) -> u64 {
        let attempt = attempt.saturating_sub(u64::from(self.0.free_restarts));
        let fraction = || fraction(self.0.seed, deployment, draw);
        self.0.jitter.delay_ms(&self.0.backoff, attempt, previous_ms, fraction)
    }
}

fn validate_path(path: &[FallbackStep]) -> Result<()> {
    let field = "symbolic_fallback_path";
    if path.len() > RestartPolicy::MAX_FALLBACK_STEPS {
        let message = format!(
            "a fallback path has at most {} steps, not {}",
            RestartPolicy::MAX_FALLBACK_STEPS,
            path.len()
        );
        return Err(Error::limit(field, message));
    }
    for (index, step) in path.iter().enumerate() {
        let complaint = match step {
            FallbackStep::Latest => "the newest entry is always tried first; leave `latest` out",
            FallbackStep::Escalate if index + 1 < path.len() => {
                "no step can follow `escalate`, which waits for an operator"
            }
            FallbackStep::NamedRitual { .. } | FallbackStep::Substitute { .. }
                if path[..index].contains(step) =>
            {
                "it names one ritual twice"
            }
            FallbackStep::OlderCodex if path[..index].contains(step) => "it names the older codex twice",
            _ => continue,
        };
        return Err(Error::invalid(field, format!("step {} of the fallback path: {complaint}", index + 1)));
    }
    Ok(())
}

impl TryFrom<RestartPolicyOptions> for RestartPolicy {
    type Error = Error;

    fn try_from(options: RestartPolicyOptions) -> Result<Self> {
        Self::new(options)
    }
}

impl From<RestartPolicy> for RestartPolicyOptions {
    fn from(policy: RestartPolicy) -> Self {
        policy.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::RestartClass;
    use super::*;

    fn refused(change: impl FnOnce(&mut RestartPolicyOptions)) -> String {
        let mut options = RestartPolicyOptions::default();
        change(&mut options);
        let json = serde_json::to_value(&options).unwrap();
        assert!(serde_json::from_value::<RestartPolicy>(json).is_err(), "serde accepts {options:?}");
        RestartPolicy::new(options).unwrap_err().field().unwrap_or_default().to_owned()
    }

    #[test]
    fn combinations_without_a_meaning_are_refused() {
        let safe = || FallbackStep::NamedRitual { ritual: RitualId::new("safe").unwrap() };
        let path = |steps: Vec<FallbackStep>| refused(|options| options.symbolic_fallback_path = steps);
        assert_eq!(path(vec![FallbackStep::Latest]), "symbolic_fallback_path");
        assert_eq!(path(vec![FallbackStep::Escalate, FallbackStep::OlderEntry]), "symbolic_fallback_path");
        assert_eq!(path(vec![safe(), safe()]), "symbolic_fallback_path");
        assert_eq!(path(vec![FallbackStep::OlderEntry; 17]), "symbolic_fallback_path");
        assert_eq!(refused(|options| options.launches_per_entry = 0), "launches_per_entry");
        assert_eq!(refused(|options| options.probe_deadline_ms = 0), "probe_deadline_ms");
        assert_eq!(refused(|options| options.quiet_period_ms = u64::MAX), "quiet_period_ms");
        assert_eq!(refused(|options| options.seed = u64::MAX), "seed");
        assert_eq!(refused(|options| options.window.period_ms = 0), "window.period_ms");
        assert_eq!(refused(|options| options.deadline_ms = Some(0)), "deadline_ms");
        assert_eq!(refused(|options| options.deadline_ms = Some(u64::MAX)), "deadline_ms");
        assert_eq!(refused(|options| options.step_deadline_ms = Some(0)), "step_deadline_ms");
        assert_eq!(refused(|options| options.operator_deadline_ms = Some(0)), "operator_deadline_ms");
        let older = FallbackStep::OlderCodex;
        assert_eq!(path(vec![older.clone(), older]), "symbolic_fallback_path");
        let decorrelated = |options: &mut RestartPolicyOptions| {
            options.jitter = Jitter::Decorrelated;
            options.backoff = Backoff::Constant { delay_ms: 1 };
        };
        assert_eq!(refused(decorrelated), "jitter");
        let endless = |options: &mut RestartPolicyOptions| {
            options.quiet_since = QuietSince::LastFailure;
            options.quiet_period_ms = 60_000;
        };
        assert_eq!(refused(endless), "quiet_period_ms");
        let transient = |options: &mut RestartPolicyOptions| {
            options.exits =
                ExitRules { restart: RestartClass::Transient, is_one_shot: true, ..ExitRules::default() };
        };
        assert_eq!(refused(transient), "exits.is_one_shot");
    }

    #[test]
    fn the_default_is_valid_and_survives_serde() {
        let policy = RestartPolicy::new(RestartPolicyOptions::default()).unwrap();
        let json = serde_json::to_value(&policy).unwrap();
        assert_eq!(serde_json::from_value::<RestartPolicy>(json).unwrap(), policy);
        assert_eq!(serde_json::from_str::<RestartPolicy>("{}").unwrap(), policy);
        assert!(serde_json::from_str::<RestartPolicy>(r#"{"bakcoff": 1}"#).is_err());
    }

    #[test]
    fn the_path_begins_with_the_newest_entry() {
        let policy = RestartPolicy::default();
        assert_eq!(policy.step(0), Some(&FallbackStep::Latest));
        assert_eq!(policy.step(1), Some(&FallbackStep::OlderEntry));
        assert_eq!(policy.step(2), None);
        assert_eq!(policy.step(u32::MAX), None);
    }
}
