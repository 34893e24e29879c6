use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Alignment, GiveUp, Reason, RestoredEntry};
use crate::error::{Error, Result};
use crate::types::{
    AssistantId, CodexId, Digest, RecordId, RitualId, Timestamp, Version, serde_through_text,
};

/// Something to be carried out for a deployment, as it is handed out.
///
/// It was committed together with the decision that asks for it and stays pending until it is answered or overtaken
/// by another decision. It may be handed out again, by a supervisor that took over, and answered more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Its id: what an answer names. The same whenever it is handed out.
    pub id: EffectId,
    /// The epoch of the supervisor that hands it out. Pass it on to whatever should refuse an older supervisor.
    pub epoch: Version,
    /// The assistant.
    pub assistant: AssistantId,
    /// The run that it belongs to: the launch that a probe makes, or the last one before it.
    pub run: u64,
    /// When it was decided.
    pub issued_at: Timestamp,
    /// What to do.
    pub action: Action,
}

/// What an [`Effect`] asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Restore an entry of `ritual` and verify its bytes.
    /// [`Supervisor::carry_out`](super::Supervisor::carry_out) does it.
    Restore {
        /// The assistant whose ritual it is, if it is a substitute for the deployment's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        substitute: Option<AssistantId>,
        /// The ritual.
        ritual: RitualId,
        /// Which of its entries.
        which: Which,
    },
    /// Prove the codex and compare its root with the entry's.
    /// [`Supervisor::carry_out`](super::Supervisor::carry_out) does it.
    Align {
        /// The codex in force.
        codex: CodexId,
        /// The entry that was restored.
        entry: RestoredEntry,
    },
    /// End whatever still runs of the assistant, launch it from `entry`, and probe its readiness. Answered by the host
    /// with [`Outcome::Ready`] or [`Outcome::NotReady`]; past the deadline the launch counts as failed.
    Probe {
        /// What to launch from; the cache restores its payload by id.
        entry: RestoredEntry,
        /// The root of the codex that it is to run under, if the deployment has one: that of the codex in force, or, after
        /// the step [`OlderCodex`](super::FallbackStep::OlderCodex), the entry's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        codex_root: Option<Digest>,
        /// Until when the probe must have passed.
        deadline: Timestamp,
    },
    /// End the assistant, as its group or someone wants. Answered by the host with [`Outcome::Stopped`] once nothing of it runs.
    Stop {
        /// Until when it may end by itself; after it, a [`Kill`](Self::Kill) follows. `None` for as long as it takes.
        deadline: Option<Timestamp>,
    },
    /// Kill the assistant. Answered by the host with [`Outcome::Stopped`] once nothing of it runs.
    Kill,
    /// Tell an operator. Answered by the host: a question with [`Outcome::Approved`] or [`Outcome::Declined`], a
    /// notice with [`Outcome::Acknowledged`].
    Escalate {
        /// What.
        escalation: Escalation,
    },
}

/// Which entry of a ritual to restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Which {
    /// The newest.
    Latest,
    /// The newest verifiable one older than another.
    OlderThan {
        /// The sequence of that other; `None` stands for the newest, whose sequence could not be read.
        sequence: Option<u64>,
    },
}

/// What an operator is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "one at a time lives, and only until it is handed on")]
pub enum Escalation {
    /// A question: may the assistant resume from `entry` under the codex in force, which is another?
    Misaligned {
        /// What was restored.
        entry: RestoredEntry,
        /// How it compares.
        alignment: Alignment,
    },
    /// A question: every step of the path failed; try again, now that something was mended?
    PathExhausted,
    /// A notice: the deployment was given up.
    GivenUp {
        /// Why.
        why: GiveUp,
    },
}

/// What came of an effect that the host carries out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Outcome {
    /// Of a probe: the assistant runs and is ready.
    Ready,
    /// Of a probe: it could not be launched or is not ready.
    NotReady {
        /// Why. A longer text is shortened when it is read.
        #[serde(deserialize_with = "Reason::deserialize_shortened")]
        reason: Reason,
    },
    /// Of a question: yes.
    Approved,
    /// Of a question: no.
    Declined,
    /// Of a notice: an operator knows.
    Acknowledged,
    /// Of a stop and a kill: nothing of the assistant runs.
    Stopped,
}

/// The id of an effect: the deployment, the incident, and the number of the effect in the deployment's life.
///
/// The text form is the three joined by dots, the deployment in hexadecimal.
///
/// ```
/// use mythos_core::restart::EffectId;
/// use mythos_core::types::RecordId;
///
/// let id = EffectId { deployment: RecordId::new(&[0xca, 0xfe])?, incident: 2, number: 17 };
/// assert_eq!(id.to_string(), "cafe.2.17");
/// assert_eq!("cafe.2.17".parse::<EffectId>()?, id);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectId {
    /// The deployment's record.
    pub deployment: RecordId,
    /// The incident, counted from 1 in the deployment's life.
    pub incident: u64,
    /// The effect, counted from 1 in the deployment's life.
    pub number: u64,
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.deployment, self.incident, self.number)
    }
}

impl FromStr for EffectId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let malformed = || {
            Error::invalid(
                "effect",
                format!("effect id {text:?} is not of the form deployment.incident.number"),
            )
        };
        let number = |digits: &str| {
            // One value has one text form: no sign, no leading zero.
            let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
            digits.parse().ok().filter(|_| plain).ok_or_else(malformed)
        };
        let mut parts = text.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(deployment), Some(incident), Some(count), None) => Ok(Self {
                deployment: deployment.parse().map_err(|_| malformed())?,
                incident: number(incident)?,
                number: number(count)?,
            }),
            _ => Err(malformed()),
        }
    }
}

serde_through_text!(EffectId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_text_form() {
        for bad in
            ["", "ca.1", "ca.1.2.3", "CA.1.2", "ca.+1.2", "ca.01.2", "ca.0.2", "ca.1.", "ca.1.-2", ".1.2"]
        {
            assert_eq!(bad.parse::<EffectId>().unwrap_err().field(), Some("effect"), "{bad:?}");
        }
        let id: EffectId = "ca.1.18446744073709551615".parse().unwrap();
        assert_eq!(serde_json::from_value::<EffectId>(serde_json::to_value(id).unwrap()).unwrap(), id);
    }
}
