//! The one error type of the crate, and the coarse kinds by which a caller decides what to do next.

use std::error::Error as StdError;
use std::fmt;

/// The result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller should do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Someone else changed what this call was about to change. Reload and retry.
    Conflict,
    /// Stored data failed its integrity check. Do not use it; the message says what, where, and the expected and
    /// found digests. Fall back to an older entry or restore a backup.
    Corrupt,
    /// The caller's input is not acceptable; [`Error::field`] names the field. Mend the input.
    Invalid,
    /// What was asked for does not exist (any more).
    NotFound,
    /// The store cannot serve the call now (locked, full, closed, unreachable). Nothing was changed; retry later.
    Unavailable,
    /// The store cannot tell whether the change was made. Repeat the call with the same operation id: it is then
    /// made exactly once.
    Unknown,
    /// A stated bound was exceeded; the message names the bound and the value.
    Limit,
    /// A defect of this crate or of a host's store. Report it.
    Internal,
}

impl ErrorKind {
    /// Every kind, in the order of declaration. Bindings make one exception class of each.
    pub const ALL: [Self; 8] = [
        Self::Conflict,
        Self::Corrupt,
        Self::Invalid,
        Self::NotFound,
        Self::Unavailable,
        Self::Unknown,
        Self::Limit,
        Self::Internal,
    ];

    /// The kind's name, as used for the `code` of a Node error and the class name of a Python exception.
    ///
    /// ```
    /// assert_eq!(mythos_core::ErrorKind::NotFound.name(), "NotFound");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conflict => "Conflict",
            Self::Corrupt => "Corrupt",
            Self::Invalid => "Invalid",
            Self::NotFound => "NotFound",
            Self::Unavailable => "Unavailable",
            Self::Unknown => "Unknown",
            Self::Limit => "Limit",
            Self::Internal => "Internal",
        }
    }

    /// Whether the same call may succeed when made again: true for `Conflict`, `Unavailable` and `Unknown`.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Conflict | Self::Unavailable | Self::Unknown)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What went wrong, opaque but for its [`kind`](Error::kind).
///
/// The state of the store is the same as before the call that failed; for [`ErrorKind::Unknown`] it is either that
/// or the state after the whole call, never something between.
///
/// ```
/// use mythos_core::{ErrorKind, types::Score};
///
/// let error = Score::new(1.5).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// assert_eq!(error.field(), Some("score"));
/// assert!(!error.is_retryable());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    field: Option<String>,
    operation: Option<String>,
    digests: Option<(String, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// What the caller should do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed when made again, as [`ErrorKind::is_retryable`] says.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.kind.is_retryable()
    }

    /// The input field that was not acceptable, for [`ErrorKind::Invalid`] and [`ErrorKind::Limit`]; `key` for the
    /// [`ErrorKind::NotFound`] of a key that something was sealed with.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// The operation id to repeat the call with, for [`ErrorKind::Unknown`], as text: also when the caller gave none. For a
    /// guarded mutation that was refused, the id of the audit that says why.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// The digest that was expected, for an [`ErrorKind::Corrupt`] that compared two, as text.
    #[must_use]
    pub fn expected(&self) -> Option<&str> {
        self.0.digests.as_ref().map(|(expected, _)| expected.as_str())
    }

    /// The digest that was found instead of the [expected](Self::expected) one, as text.
    #[must_use]
    pub fn found(&self) -> Option<&str> {
        self.0.digests.as_ref().map(|(_, found)| found.as_str())
    }

    /// An [`ErrorKind::Unavailable`], for what a host supplies itself: a source of keys, or of random bytes.
    ///
    /// ```
    /// let error = mythos_core::Error::unavailable("the key service did not answer");
    /// assert!(error.is_retryable());
    /// ```
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            field: None,
            operation: None,
            digests: None,
            source: None,
        }))
    }

    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message).with_field(field)
    }

    pub(crate) fn limit(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, message).with_field(field)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// An [`ErrorKind::Corrupt`] of two digests that should be one: `what: expected …, found …`.
    pub(crate) fn mismatch(
        what: impl fmt::Display,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        let mut error = Self::corrupt(format!("{what}: expected {expected}, found {found}"));
        error.0.digests = Some((expected.to_string(), found.to_string()));
        error
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    pub(crate) fn with_field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Names the operation of a write whose outcome is not known.
    pub(crate) fn of_operation(mut self, operation: impl fmt::Display) -> Self {
        if self.0.kind == ErrorKind::Unknown {
            self.0.operation = Some(operation.to_string());
        }
        self
    }

    /// Names the audit by which a guarded mutation was refused.
    pub(crate) fn of_audit(mut self, audit: impl fmt::Display) -> Self {
        self.0.operation = Some(audit.to_string());
        self
    }

    pub(crate) fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.caused_by(Box::new(source))
    }

    pub(crate) fn caused_by(mut self, source: Box<dyn StdError + Send + Sync>) -> Self {
        self.0.source = Some(source);
        self
    }

    /// Puts what was attempted before the message, as `attempt: message`.
    pub(crate) fn while_doing(mut self, attempt: impl fmt::Display) -> Self {
        self.0.message = format!("{attempt}: {}", self.0.message);
        self
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("message", &self.0.message);
        if let Some(field) = &self.0.field {
            debug.field("field", field);
        }
        if let Some(operation) = &self.0.operation {
            debug.field("operation", operation);
        }
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_succeed_later_is_retryable() {
        let retryable: Vec<_> = ErrorKind::ALL
            .into_iter()
            .filter(|kind| Error::new(*kind, "x").is_retryable())
            .map(ErrorKind::name)
            .collect();
        assert_eq!(retryable, ["Conflict", "Unavailable", "Unknown"]);
    }

    #[test]
    fn source_and_attempt_are_kept() {
        let error = Error::corrupt("bad digest")
            .with_source(std::io::Error::other("disk"))
            .while_doing("restore entry 7");
        assert_eq!(error.to_string(), "restore entry 7: bad digest");
        assert_eq!(StdError::source(&error).map(ToString::to_string).as_deref(), Some("disk"));
    }
}
