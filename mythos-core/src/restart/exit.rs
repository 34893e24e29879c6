use serde::{Deserialize, Serialize};

use super::Reason;
use crate::error::{Error, Result};

/// How a run of an assistant ended, as the host saw it.
///
/// ```
/// use mythos_core::restart::{Exit, ExitKind, ExitMatch, ExitRules, Reason, RestartClass, Verdict};
///
/// let rules = ExitRules {
///     restart: RestartClass::Transient,
///     prevent: vec![ExitMatch::Class { class: "bad_credentials".to_owned() }],
///     ..ExitRules::default()
/// };
/// let reason = Reason::new("it ended")?;
/// assert_eq!(rules.verdict(&Exit::new(ExitKind::Completed, reason.clone())), Verdict::Rest);
/// assert_eq!(rules.verdict(&Exit::new(ExitKind::Killed, reason)), Verdict::Restart);
///
/// let refused = Exit::new(ExitKind::Failed, Reason::new("401")?).class("bad_credentials");
/// assert_eq!(rules.verdict(&refused), Verdict::GiveUp);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// What kind of end it was.
    pub kind: ExitKind,
    /// The exit status of its process, if it has one.
    #[serde(default)]
    pub status: Option<i64>,
    /// The class of the failure, a name that the host and its policies agree on; 1 to [`Exit::MAX_CLASS_BYTES`] bytes.
    #[serde(default)]
    pub class: Option<String>,
    /// Whether whoever failed says that to repeat cannot help.
    #[serde(default)]
    pub non_retryable: bool,
    /// Why it ended. A longer text is shortened when it is read.
    #[serde(deserialize_with = "Reason::deserialize_shortened")]
    pub reason: Reason,
}

/// What kind of end it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExitKind {
    /// It did what it was to do (`normal` of Erlang/OTP; exit status 0).
    Completed,
    /// It was told to end, and did (`shutdown` of Erlang/OTP; the clean signals of systemd).
    ShutDown,
    /// It failed.
    Failed,
    /// It was killed.
    Killed,
}

impl ExitKind {
    /// Whether nothing went wrong.
    #[must_use]
    pub const fn is_clean(self) -> bool {
        matches!(self, Self::Completed | Self::ShutDown)
    }
}

impl Exit {
    /// The longest class.
    pub const MAX_CLASS_BYTES: usize = 100;

    /// An end without an exit status or a class.
    #[must_use]
    pub const fn new(kind: ExitKind, reason: Reason) -> Self {
        Self { kind, status: None, class: None, non_retryable: false, reason }
    }

    /// With an exit status.
    #[must_use]
    pub const fn status(mut self, status: i64) -> Self {
        self.status = Some(status);
        self
    }

    /// With a class of failure.
    #[must_use]
    pub fn class(mut self, class: impl Into<String>) -> Self {
        self.class = Some(class.into());
        self
    }

    pub(super) fn validate(&self) -> Result<()> {
        self.class.as_ref().map_or(Ok(()), |class| check_class("class", class))
    }
}

/// Which ends of a run are followed by a restart.
///
/// What is asked first decides: an end that is [`non_retryable`](Exit::non_retryable) or in `prevent` is not followed by
/// one; with `is_one_shot`, completion is not either; an end in `force` is; of the others the class decides.
///
/// Sources: Erlang/OTP, `supervisor`, "Restart"; systemd, systemd.service(5), `RestartPreventExitStatus=`,
/// `RestartForceExitStatus=` and `Type=oneshot`; Temporal, "Retry Policies", "Non-Retryable Errors".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExitRules {
    /// The class.
    pub restart: RestartClass,
    /// Never restart after these; at most [`ExitRules::MAX_MATCHES`].
    pub prevent: Vec<ExitMatch>,
    /// Restart after these whatever the class; at most [`ExitRules::MAX_MATCHES`].
    pub force: Vec<ExitMatch>,
    /// An assistant that has one thing to do: once completed, it is done, also if `force` names the end.
    pub is_one_shot: bool,
}

/// Which ends are followed by a restart if no list says otherwise: the restart types of Erlang/OTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RestartClass {
    /// All.
    #[default]
    Permanent,
    /// Those in which something went wrong.
    Transient,
    /// None.
    Temporary,
}

/// Ends of a run that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ExitMatch {
    /// Those of a kind.
    Kind {
        /// The kind.
        kind: ExitKind,
    },
    /// Those with an exit status.
    Status {
        /// The status.
        status: i64,
    },
    /// Those of a class.
    Class {
        /// The class.
        class: String,
    },
}

/// What follows the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A restart.
    Restart,
    /// Nothing: it ended as it may.
    Rest,
    /// No restart, although something went wrong: an operator is told.
    GiveUp,
}

impl ExitMatch {
    fn matches(&self, exit: &Exit) -> bool {
        match self {
            Self::Kind { kind } => exit.kind == *kind,
            Self::Status { status } => exit.status == Some(*status),
            Self::Class { class } => exit.class.as_ref() == Some(class),
        }
    }
}

impl ExitRules {
    /// The longest list.
    pub const MAX_MATCHES: usize = 64;

    /// What follows `exit`.
    #[must_use]
    pub fn verdict(&self, exit: &Exit) -> Verdict {
        let is_in = |list: &[ExitMatch]| list.iter().any(|one| one.matches(exit));
        let is_done = self.is_one_shot && exit.kind == ExitKind::Completed;
        let is_prevented = exit.non_retryable || is_in(&self.prevent) || is_done;
        let by_class = match self.restart {
            RestartClass::Permanent => true,
            RestartClass::Transient => !exit.kind.is_clean(),
            RestartClass::Temporary => false,
        };
        let restarts = !is_prevented && (is_in(&self.force) || by_class);
        match (restarts, exit.kind.is_clean()) {
            (true, _) => Verdict::Restart,
            (false, true) => Verdict::Rest,
            (false, false) => Verdict::GiveUp,
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        for (field, list) in [("exits.prevent", &self.prevent), ("exits.force", &self.force)] {
            if list.len() > Self::MAX_MATCHES {
                let message = format!("{field} names at most {} ends, not {}", Self::MAX_MATCHES, list.len());
                return Err(Error::limit(field, message));
            }
            for (at, one) in list.iter().enumerate() {
                if let ExitMatch::Class { class } = one {
                    check_class(field, class)?;
                }
                if list[..at].contains(one) {
                    return Err(Error::invalid(field, format!("{field} names {one:?} twice")));
                }
            }
        }
        if let Some(both) = self.prevent.iter().find(|one| self.force.contains(one)) {
            return Err(Error::invalid("exits.force", format!("{both:?} is prevented already")));
        }
        if self.restart == RestartClass::Permanent && !self.force.is_empty() {
            return Err(Error::invalid("exits.force", "a permanent assistant is restarted anyway"));
        }
        let never_restarts = self.restart == RestartClass::Temporary && self.force.is_empty();
        if never_restarts && !self.prevent.is_empty() {
            return Err(Error::invalid("exits.prevent", "a temporary assistant is not restarted anyway"));
        }
        if self.is_one_shot && self.restart != RestartClass::Permanent && self.force.is_empty() {
            return Err(Error::invalid("exits.is_one_shot", "its class rests after completion anyway"));
        }
        Ok(())
    }
}

fn check_class(field: &'static str, class: &str) -> Result<()> {
    if class.is_empty() || class.contains('\0') {
        let message = format!("class {class:?} is empty or contains U+0000");
        return Err(Error::invalid(field, message));
    }
    if class.len() > Exit::MAX_CLASS_BYTES {
        let message = format!("a class has at most {} bytes, not {}", Exit::MAX_CLASS_BYTES, class.len());
        return Err(Error::limit(field, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(kind: ExitKind) -> Exit {
        Exit::new(kind, Reason::new("test").unwrap())
    }

    fn status(status: i64) -> ExitMatch {
        ExitMatch::Status { status }
    }

    #[test]
    fn the_class_decides_by_kind() {
        use ExitKind::{Completed, Failed, Killed, ShutDown};
        use Verdict::{GiveUp, Rest, Restart};
        for (restart, expected) in [
            (RestartClass::Permanent, [Restart, Restart, Restart, Restart]),
            (RestartClass::Transient, [Rest, Rest, Restart, Restart]),
            (RestartClass::Temporary, [Rest, Rest, GiveUp, GiveUp]),
        ] {
            let rules = ExitRules { restart, ..ExitRules::default() };
            assert_eq!(
                [Completed, ShutDown, Failed, Killed].map(|kind| rules.verdict(&exit(kind))),
                expected
            );
        }
    }

    #[test]
    fn prevention_goes_before_force_and_one_shot_before_both_lists_of_completion() {
        let rules = ExitRules {
            restart: RestartClass::Temporary,
            force: vec![status(0), status(2)],
            is_one_shot: true,
            ..ExitRules::default()
        };
        assert!(rules.validate().is_ok());
        assert_eq!(rules.verdict(&exit(ExitKind::Failed).status(2)), Verdict::Restart);
        assert_eq!(rules.verdict(&exit(ExitKind::Completed).status(0)), Verdict::Rest);
        assert_eq!(rules.verdict(&exit(ExitKind::Failed).status(1)), Verdict::GiveUp);
        let mut refused = exit(ExitKind::Failed).status(2);
        refused.non_retryable = true;
        assert_eq!(rules.verdict(&refused), Verdict::GiveUp);
        let kind = ExitMatch::Kind { kind: ExitKind::Failed };
        let rules = ExitRules { prevent: vec![kind], ..rules };
        assert_eq!(rules.verdict(&exit(ExitKind::Failed).status(2)), Verdict::GiveUp);
    }

    #[test]
    fn rules_without_a_meaning_are_refused() {
        let field = |rules: ExitRules| rules.validate().unwrap_err().field().map(str::to_owned);
        let class = |class: &str| ExitMatch::Class { class: class.to_owned() };
        let base = ExitRules { restart: RestartClass::Transient, ..ExitRules::default() };
        let of = |prevent: &[ExitMatch], force: &[ExitMatch]| ExitRules {
            prevent: prevent.to_vec(),
            force: force.to_vec(),
            ..base.clone()
        };
        assert_eq!(field(of(&[status(1)], &[status(1)])).as_deref(), Some("exits.force"));
        assert_eq!(field(of(&[status(1), status(1)], &[])).as_deref(), Some("exits.prevent"));
        assert_eq!(field(of(&[class("")], &[])).as_deref(), Some("exits.prevent"));
        assert_eq!(field(of(&[], &[class(&"x".repeat(101))])).as_deref(), Some("exits.force"));
        let many: Vec<_> = (0..65).map(status).collect();
        assert_eq!(field(of(&many, &[])).as_deref(), Some("exits.prevent"));
        let permanent = ExitRules { restart: RestartClass::Permanent, ..of(&[], &[status(1)]) };
        assert_eq!(field(permanent).as_deref(), Some("exits.force"));
        let temporary = ExitRules { restart: RestartClass::Temporary, ..of(&[status(1)], &[]) };
        assert_eq!(field(temporary).as_deref(), Some("exits.prevent"));
        assert_eq!(field(ExitRules { is_one_shot: true, ..base }).as_deref(), Some("exits.is_one_shot"));
    }
}
