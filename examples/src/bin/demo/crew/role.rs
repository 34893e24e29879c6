//! Who does what in the crew.

use std::fmt;
use std::str::FromStr;

use mythos_core::types::{AssistantId, RitualId};

use crate::{Failure, Result};

/// One of the crew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads files.
    Reader,
    /// Applies the rules to what was read.
    Checker,
    /// Writes the report of what was found.
    Editor,
}

impl Role {
    /// The crew in the order in which it is started: each follows the one before it.
    pub(crate) const ALL: [Self; 3] = [Self::Reader, Self::Checker, Self::Editor];

    /// The assistant's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Checker => "checker",
            Self::Editor => "editor",
        }
    }

    /// The assistant.
    pub(crate) fn assistant(self) -> Result<AssistantId> {
        Ok(self.name().parse()?)
    }

    /// Its ritual.
    pub(crate) fn ritual(self) -> Result<RitualId> {
        Ok(format!("{self}-work").parse()?)
    }

    /// Who works from its checkpoints.
    pub(crate) const fn behind(self) -> Option<Self> {
        match self {
            Self::Reader => Some(Self::Checker),
            Self::Checker => Some(Self::Editor),
            Self::Editor => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Failure;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|role| role.name() == name);
        found.ok_or_else(|| format!("there is no {name} in the crew").into())
    }
}
