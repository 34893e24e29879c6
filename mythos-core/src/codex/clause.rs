use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::types::{ClauseId, check_label};

/// The longest text of a clause, note, actor or reason: 1 MiB.
pub const MAX_CLAUSE_BYTES: usize = 1 << 20;
/// The most clauses of a codex.
pub const MAX_CLAUSES: usize = 10_000;
/// The most notes of a clause.
pub const MAX_NOTES: usize = 1_000;
/// The longest texts of a new codex together: 64 MiB.
pub const MAX_CODEX_BYTES: usize = 64 << 20;

/// One rule of a codex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// Its id, unique in the codex.
    pub clause: ClauseId,
    /// What it says, at most [`MAX_CLAUSE_BYTES`].
    pub text: String,
}

/// The ordered directives that led to a change, such as `support`, `refunds`, `limit`.
///
/// ```
/// use mythos_core::codex::DirectivePath;
///
/// let path = DirectivePath::new(["support", "refunds", "limit"])?;
/// assert_eq!(path.to_string(), "support / refunds / limit");
/// assert!(DirectivePath::new(Vec::<String>::new()).is_err());
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct DirectivePath(Arc<[String]>);

impl DirectivePath {
    /// The most directives of a path.
    pub const MAX_DIRECTIVES: usize = 32;

    /// Takes 1 to [`DirectivePath::MAX_DIRECTIVES`] directives of 1 to 150 characters.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) or [`ErrorKind::Limit`](crate::ErrorKind::Limit), field
    /// `directive_path`.
    pub fn new<I: IntoIterator<Item = S>, S: Into<String>>(directives: I) -> Result<Self> {
        let directives: Vec<String> =
            directives.into_iter().take(Self::MAX_DIRECTIVES + 1).map(Into::into).collect();
        if directives.is_empty() {
            return Err(Error::invalid("directive_path", "a directive path has at least one directive"));
        }
        if directives.len() > Self::MAX_DIRECTIVES {
            let message = format!("a directive path has at most {} directives", Self::MAX_DIRECTIVES);
            return Err(Error::limit("directive_path", message));
        }
        directives.iter().try_for_each(|directive| check_label("directive_path", directive))?;
        Ok(Self(directives.into()))
    }

    /// What the separator of the directives in a [key](Self::key) is: U+001F, which no directive contains.
    const SEPARATOR: char = '\u{1f}';

    /// The directives in one text, each followed by U+001F: a path that begins with another has a key that does.
    pub(crate) fn key(&self) -> String {
        self.0.iter().flat_map(|directive| directive.chars().chain([Self::SEPARATOR])).collect()
    }

    /// The directives, outermost first.
    #[must_use]
    pub fn directives(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for DirectivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" / "))
    }
}

impl TryFrom<Vec<String>> for DirectivePath {
    type Error = Error;

    fn try_from(directives: Vec<String>) -> Result<Self> {
        Self::new(directives)
    }
}

impl From<DirectivePath> for Vec<String> {
    fn from(path: DirectivePath) -> Self {
        path.0.to_vec()
    }
}
