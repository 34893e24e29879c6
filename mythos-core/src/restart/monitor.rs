use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{DetectorPolicy, HeartbeatDetector, Reason, ReportFailure};
use crate::error::{Error, Result};
use crate::types::{AssistantId, MAX_SAFE_INTEGER, Timestamp};

/// Watches the heartbeats of many assistants, and says which of them are suspected to have failed.
///
/// It is a value that reads no clock and calls nobody: it is told of heartbeats, says when to look again
/// ([`poll_timeout`](Self::poll_timeout)), and then whom to report ([`suspects`](Self::suspects)). It lives in the memory
/// of the process that hears the heartbeats, and one that begins anew learns anew: tell it of a heartbeat of every
/// deployment that should be up, with its run, or one that hung meanwhile is never suspected. What is decided about a
/// suspicion is the [`Supervisor`](super::Supervisor)'s, and survives.
///
/// A heartbeat costs microseconds, and time that grows with the logarithm of the number of assistants. A monitor takes at
/// most 16 bytes for each of `max_samples` intervals of each assistant, and some hundred beside them.
///
/// Times are those of one clock, which should not be set. If it was set back, [`suspects`](Self::suspects) waits for
/// those anew that were heard at a time that is still to come; a host on such a clock calls it now and then, not only at
/// the timeout.
///
/// ```
/// use mythos_core::restart::{
///     DeployAssistant, DeploymentSpec, DetectorPolicy, HeartbeatMonitor, ReportFailure, StateName,
/// };
/// use mythos_core::types::{AssistantId, Timestamp};
/// use mythos_core::{Mythos, ritual::SaveRitual};
///
/// let mythos = Mythos::in_memory();
/// let ana: AssistantId = "ana".parse()?;
/// mythos.rituals().save(&SaveRitual::new(ana.clone(), "refund".parse()?), b"step 3")?;
/// let supervisor = mythos.deployments().supervise(&"support".parse()?)?;
/// let deployed = supervisor.deploy(&DeployAssistant::new(ana.clone(), DeploymentSpec::new("refund".parse()?)))?;
///
/// // The launch counts as the first heartbeat; then one comes every second, five times.
/// let at = |seconds: i64| Timestamp::from_microseconds(seconds * 1_000_000);
/// let mut monitor = HeartbeatMonitor::new(DetectorPolicy::default());
/// for second in 0..=5 {
///     monitor.heartbeat(&ana, deployed.run, at(second)?)?;
/// }
/// assert!(monitor.suspects(at(6)?).is_empty());
///
/// // Nothing more comes. At the timeout, the host reports whoever is suspected.
/// let timeout = monitor.poll_timeout().unwrap();
/// assert!(at(9)? < timeout && timeout < at(11)?);
/// for suspicion in monitor.suspects(timeout) {
///     assert!(suspicion.phi >= 8.0);
///     let decision = supervisor.report_failure(&ReportFailure::from(suspicion))?;
///     assert_eq!(decision.state.name(), StateName::BackingOff);
/// }
/// assert_eq!(monitor.poll_timeout(), None);
/// // The restarted assistant has a new run, and is watched from its launch on.
/// assert!(monitor.heartbeat(&ana, deployed.run + 1, at(20)?)?);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct HeartbeatMonitor {
    policy: DetectorPolicy,
    assistants: BTreeMap<AssistantId, Watched>,
    /// When each of those that were not reported will be suspected.
    timeouts: BTreeSet<(Timestamp, AssistantId)>,
    /// The latest time that was given: an earlier one shows that the clock was set back.
    latest: Timestamp,
}

/// An assistant that sent a heartbeat.
#[derive(Debug, Clone, PartialEq)]
struct Watched {
    run: u64,
    detector: HeartbeatDetector,
    /// Its place in the timeouts; none once it was reported.
    timeout: Option<Timestamp>,
}

/// An assistant whose heartbeats stay out. [`ReportFailure`] is made from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspicion {
    /// The assistant.
    pub assistant: AssistantId,
    /// The run of it that the heartbeats came from.
    pub run: u64,
    /// How strongly it is suspected: from the policy's threshold to [`HeartbeatDetector::MAX_PHI`].
    pub phi: f64,
    /// When its last heartbeat came.
    pub last_heartbeat_at: Timestamp,
    /// From when on it is suspected.
    pub suspected_at: Timestamp,
    /// The same in words, for [`ReportFailure::reason`].
    pub reason: Reason,
}

impl From<Suspicion> for ReportFailure {
    /// The suspected run is [unresponsive](super::FailureKind::Unresponsive). Reporting it twice is harmless: the second report is
    /// about a run that was replaced.
    fn from(suspicion: Suspicion) -> Self {
        let Suspicion { assistant, run, reason, .. } = suspicion;
        Self::unresponsive(assistant, run, reason)
    }
}

impl HeartbeatMonitor {
    /// The most assistants that are watched. With the default policy they take some 200 MB.
    pub const MAX_ASSISTANTS: usize = 100_000;

    /// A monitor that has heard of no assistant.
    #[must_use]
    pub const fn new(policy: DetectorPolicy) -> Self {
        Self { policy, assistants: BTreeMap::new(), timeouts: BTreeSet::new(), latest: Timestamp::MIN }
    }

    /// How it judges.
    #[must_use]
    pub const fn policy(&self) -> &DetectorPolicy {
        &self.policy
    }

    /// How many assistants are watched, those included that were reported.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.assistants.len()
    }

    /// Takes a heartbeat of an assistant that came at `now`, and tells whether it counts: one of an older run than was
    /// heard of already does not. From its first heartbeat on an assistant is watched.
    ///
    /// `run` is the one of [`Decision::run`](super::Decision::run) or [`Effect::run`](super::Effect::run) that it was
    /// launched under, at most 2^53 - 1. The first heartbeat of a new run teaches nothing: the time since the last was that
    /// of a restart. What was learned of earlier runs remains.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) with the field `assistant` for one more than
    /// [`MAX_ASSISTANTS`](Self::MAX_ASSISTANTS), [forget](Self::forget) those that are gone; with the field `run` for a run
    /// that no deployment has.
    pub fn heartbeat(&mut self, assistant: &AssistantId, run: u64, now: Timestamp) -> Result<bool> {
        if run > MAX_SAFE_INTEGER {
            return Err(Error::limit("run", format!("a run is at most {MAX_SAFE_INTEGER}, not {run}")));
        }
        if !self.assistants.contains_key(assistant) {
            if self.assistants.len() >= Self::MAX_ASSISTANTS {
                let message = format!(
                    "assistant {assistant} would be one more than the {} that a monitor watches; forget others",
                    Self::MAX_ASSISTANTS
                );
                return Err(Error::limit("assistant", message));
            }
            let watched = Watched { run, detector: HeartbeatDetector::new(self.policy), timeout: None };
            self.assistants.insert(assistant.clone(), watched);
        }
        // It was just seen to be there.
        let Some(watched) = self.assistants.get_mut(assistant) else { return Ok(false) };
        if run < watched.run {
            return Ok(false);
        }
        if run == watched.run {
            watched.detector.heartbeat(now);
        } else {
            watched.run = run;
            watched.detector.resume(now);
        }
        watched.wait(assistant, &mut self.timeouts);
        self.latest = self.latest.max(now);
        Ok(true)
    }

    /// When the next assistant will be suspected if no heartbeat comes; `None` if none will. Call
    /// [`suspects`](Self::suspects) then. Every other method may change the answer.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timeouts.first().map(|(timeout, _)| *timeout)
    }

    /// The assistants that are suspected at `now`, in the order in which they began to be. Each is told of once, so keep it
    /// until its report succeeded; after its next heartbeat, it can be suspected again. If `now` lies before the last
    /// heartbeat, all assistants are looked at.
    pub fn suspects(&mut self, now: Timestamp) -> Vec<Suspicion> {
        if now < self.latest {
            self.follow_set_back(now);
        }
        self.latest = now;
        let mut suspicions = Vec::new();
        while self.timeouts.first().is_some_and(|(timeout, _)| *timeout <= now)
            && let Some((suspected_at, assistant)) = self.timeouts.pop_first()
        {
            let Some(watched) = self.assistants.get_mut(&assistant) else { continue };
            watched.timeout = None;
            suspicions.extend(watched.suspicion(assistant, suspected_at, now));
        }
        suspicions
    }

    /// How strongly an assistant is suspected at `now`, as [`HeartbeatDetector::phi`]; `None` if it is not watched.
    #[must_use]
    pub fn phi(&self, assistant: &AssistantId, now: Timestamp) -> Option<f64> {
        self.assistants.get(assistant).map(|watched| watched.detector.phi(now))
    }

    /// Watches an assistant no longer, for example since it was stopped, and tells whether it was watched.
    pub fn forget(&mut self, assistant: &AssistantId) -> bool {
        let Some(watched) = self.assistants.remove(assistant) else { return false };
        if let Some(timeout) = watched.timeout {
            self.timeouts.remove(&(timeout, assistant.clone()));
        }
        true
    }

    /// Waits anew for those that were heard at a time that, by a clock that was set back, is still to come: they would not
    /// be suspected before it. Those that were reported stay so.
    fn follow_set_back(&mut self, now: Timestamp) {
        for (assistant, watched) in &mut self.assistants {
            if watched.detector.last_heartbeat_at().is_some_and(|last| last > now) {
                watched.detector.resume(now);
                if watched.timeout.is_some() {
                    watched.wait(assistant, &mut self.timeouts);
                }
            }
        }
    }
}

impl Watched {
    /// Takes its place in the timeouts, and leaves the one it had.
    fn wait(&mut self, assistant: &AssistantId, timeouts: &mut BTreeSet<(Timestamp, AssistantId)>) {
        if let Some(timeout) = self.timeout.take() {
            timeouts.remove(&(timeout, assistant.clone()));
        }
        self.timeout = self.detector.suspected_at();
        timeouts.extend(self.timeout.map(|timeout| (timeout, assistant.clone())));
    }

    fn suspicion(
        &self,
        assistant: AssistantId,
        suspected_at: Timestamp,
        now: Timestamp,
    ) -> Option<Suspicion> {
        let last_heartbeat_at = self.detector.last_heartbeat_at()?;
        let phi = self.detector.phi(now);
        let silent_ms = now.saturating_duration_since(last_heartbeat_at).as_millis();
        let reason = Reason::shortened(&format!("no heartbeat for {silent_ms} ms, phi {phi:.1}"));
        Some(Suspicion { assistant, run: self.run, phi, last_heartbeat_at, suspected_at, reason })
    }
}

#[cfg(test)]
mod tests;
