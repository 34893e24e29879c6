//! What the command line asks for.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use mythos_core::types::EntryId;

use crate::crew::post::{self, Post};
use crate::{Failure, Result};

/// How the demo is called.
pub(crate) const USAGE: &str = "\
usage: demo [DIRECTORY] [--seed N] [--keep PATH] [--steps N]

  DIRECTORY    the source tree to audit; by default the current directory
  --seed N     decides when the worker is killed; by default 1
  --keep PATH  where the databases and reports go, a directory that is new or empty; by default build/demo/<number>
  --steps N    audit at most so many files, a checkpoint each; by default 150";

/// The first argument of the process that is the assistant.
const WORKER: &str = "--as-worker";

/// What a process of this executable is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Show the usage.
    Help,
    /// Run the demo.
    Demo(Options),
    /// Be the assistant. Not for people: the supervisor starts it.
    Worker(Assignment),
    /// Be one of the crew. Not for people either.
    CrewWorker(Post),
}

/// What a person can choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// The source tree.
    pub(crate) directory: PathBuf,
    /// Decides when the worker is killed.
    pub(crate) seed: u64,
    /// Where everything goes; `None` for the next free directory under `build/demo`.
    pub(crate) keep: Option<PathBuf>,
    /// The most files to audit.
    pub(crate) steps: usize,
}

impl Default for Options {
    /// 150 files of this repository make states of more than a megabyte, and a run of some seconds.
    fn default() -> Self {
        Self { directory: PathBuf::from("."), seed: 1, keep: None, steps: 150 }
    }
}

/// What the supervisor tells a worker when it launches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// The database.
    pub(crate) store: PathBuf,
    /// The copy of the source tree.
    pub(crate) tree: PathBuf,
    /// Where the report goes.
    pub(crate) report: PathBuf,
    /// Where payments arrive.
    pub(crate) payments: PathBuf,
    /// The checkpoint to resume from.
    pub(crate) entry: EntryId,
}

impl Assignment {
    /// The arguments that [`Command::parse`] reads this from.
    pub(crate) fn arguments(&self) -> [OsString; 6] {
        [
            WORKER.into(),
            self.store.clone().into(),
            self.tree.clone().into(),
            self.report.clone().into(),
            self.payments.clone().into(),
            self.entry.to_string().into(),
        ]
    }
}

impl Command {
    /// Reads the arguments behind the program's name.
    pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self> {
        let mut arguments = arguments.peekable();
        if arguments.next_if(|first| first == WORKER).is_some() {
            return assignment(arguments).map(Self::Worker);
        }
        if arguments.next_if(|first| first == post::CREW_WORKER).is_some() {
            return Post::parse(arguments).map(Self::CrewWorker);
        }
        let mut options = Options::default();
        let mut directory = None;
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| complaint(format!("{} needs a value", argument.display())));
            match argument.to_str() {
                Some("--help" | "-h") => return Ok(Self::Help),
                Some("--seed") => options.seed = number("--seed", &value()?)?,
                Some("--steps") => options.steps = number("--steps", &value()?)?,
                Some("--keep") => options.keep = Some(value()?.into()),
                Some(option) if option.starts_with('-') => {
                    return Err(complaint(format!("there is no option {option}")));
                }
                _ if directory.is_none() => directory = Some(argument.into()),
                _ => return Err(complaint(format!("one directory is enough: {}", argument.display()))),
            }
        }
        options.directory = directory.unwrap_or(options.directory);
        Ok(Self::Demo(options))
    }
}

fn assignment(arguments: impl Iterator<Item = OsString>) -> Result<Assignment> {
    let arguments: Vec<_> = arguments.collect();
    let [store, tree, report, payments, entry] =
        <[OsString; 5]>::try_from(arguments).map_err(|_| "a worker is started by the demo")?;
    let entry = entry.to_str().ok_or("an entry is named in hexadecimal")?.parse()?;
    let [store, tree, report, payments] = [store, tree, report, payments].map(PathBuf::from);
    Ok(Assignment { store, tree, report, payments, entry })
}

fn number<T: FromStr>(option: &str, value: &OsString) -> Result<T> {
    let number = value.to_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| complaint(format!("{option} needs a number, not {}", value.display())))
}

fn complaint(what: String) -> Failure {
    format!("{what}\n\n{USAGE}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Command> {
        Command::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn a_worker_is_told_what_the_supervisor_means() {
        let entry = EntryId::from_uuid("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap());
        let [store, tree, report, payments] = ["a b.db", "tree", "report.txt", "paid"].map(PathBuf::from);
        let assignment = Assignment { store, tree, report, payments, entry };
        let parsed = Command::parse(assignment.arguments().into_iter()).unwrap();
        assert_eq!(parsed, Command::Worker(assignment));
    }

    #[test]
    fn options_may_stand_on_both_sides_of_the_directory() {
        let expected = Options { directory: "src".into(), seed: 7, keep: Some("here".into()), steps: 150 };
        let parsed = parse(&["--seed", "7", "src", "--keep", "here"]).unwrap();
        assert_eq!(parsed, Command::Demo(expected));
        assert_eq!(parse(&[]).unwrap(), Command::Demo(Options::default()));
        assert_eq!(parse(&["--help"]).unwrap(), Command::Help);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_usage() {
        for bad in [&["a", "b"][..], &["--seed"], &["--seed", "x"], &["--sed", "1"], &["--steps", "-1"]] {
            assert!(parse(bad).unwrap_err().to_string().contains("usage: demo"), "{bad:?}");
        }
    }
}
