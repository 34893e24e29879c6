//! What a worker tells its supervisor: one line each on its standard output.

use std::fmt;
use std::str::FromStr;

use mythos_core::types::{Digest, EntryId};

use crate::{Failure, Result};

/// One line of a worker. Steps count from 1; step 0 is the state before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// It restored its state and is ready to go on.
    Ready {
        /// The checkpoint it resumed from.
        entry: EntryId,
        /// The digest of the payload it restored.
        payload: Digest,
        /// The last step of that state.
        step: u64,
    },
    /// A payment was in doubt, and it looked where payments arrive.
    Resolved {
        /// The step that it is for.
        step: u64,
        /// Whether it was made.
        happened: bool,
    },
    /// A payment is begun, and on its way.
    Paying {
        /// The step that it is for.
        step: u64,
    },
    /// The payment is completed.
    Paid {
        /// The step that it is for.
        step: u64,
    },
    /// It is about to save a step.
    Announced {
        /// The step.
        step: u64,
    },
    /// The save returned: from now on the step must survive everything.
    Acknowledged {
        /// The step.
        step: u64,
        /// Its checkpoint.
        entry: EntryId,
    },
    /// Every step is saved and the report is written.
    Done,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { entry, payload, step } => write!(f, "ready {entry} {payload} {step}"),
            Self::Resolved { step, happened } => write!(f, "resolved {step} {happened}"),
            Self::Paying { step } => write!(f, "paying {step}"),
            Self::Paid { step } => write!(f, "paid {step}"),
            Self::Announced { step } => write!(f, "announced {step}"),
            Self::Acknowledged { step, entry } => write!(f, "acknowledged {step} {entry}"),
            Self::Done => f.write_str("done"),
        }
    }
}

impl FromStr for Line {
    type Err = Failure;

    fn from_str(line: &str) -> Result<Self> {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        match words[..] {
            ["ready", entry, payload, step] => {
                Ok(Self::Ready { entry: entry.parse()?, payload: payload.parse()?, step: step.parse()? })
            }
            ["resolved", step, happened] => {
                Ok(Self::Resolved { step: step.parse()?, happened: happened.parse()? })
            }
            ["paying", step] => Ok(Self::Paying { step: step.parse()? }),
            ["paid", step] => Ok(Self::Paid { step: step.parse()? }),
            ["announced", step] => Ok(Self::Announced { step: step.parse()? }),
            ["acknowledged", step, entry] => {
                Ok(Self::Acknowledged { step: step.parse()?, entry: entry.parse()? })
            }
            ["done"] => Ok(Self::Done),
            _ => Err(format!("a worker does not say {line:?}").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_as_it_was_meant() {
        let entry: EntryId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let digest = Digest::of(b"payload");
        for line in [
            Line::Ready { entry, payload: digest, step: 3 },
            Line::Resolved { step: 3, happened: true },
            Line::Paying { step: 3 },
            Line::Paid { step: 3 },
            Line::Announced { step: 4 },
            Line::Acknowledged { step: 4, entry },
            Line::Done,
        ] {
            assert_eq!(line.to_string().parse::<Line>().unwrap(), line);
        }
        for bad in ["", "announced", "announced x", "acknowledged 4", "hello"] {
            assert!(bad.parse::<Line>().is_err(), "{bad:?}");
        }
    }
}
