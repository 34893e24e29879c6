//! What the host tells one of the crew when it launches it.

use std::ffi::OsString;
use std::path::PathBuf;

use mythos_core::types::EntryId;

use super::role::Role;
use crate::Result;

/// The first argument of a process that is one of the crew.
pub(crate) const CREW_WORKER: &str = "--as-crew";

/// What stands for no step.
const NEVER: &str = "never";

/// Who a process is to be, and what it works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Post {
    /// Who.
    pub(crate) role: Role,
    /// The database.
    pub(crate) store: PathBuf,
    /// The copy of the source tree.
    pub(crate) tree: PathBuf,
    /// Where the editor's report goes.
    pub(crate) report: PathBuf,
    /// The checkpoint to resume from.
    pub(crate) entry: EntryId,
    /// Behind this step it goes round in circles.
    pub(crate) circles_behind: Option<u64>,
}

impl Post {
    /// The arguments that [`parse`](Self::parse) reads this from, and the one before them.
    pub(crate) fn arguments(&self) -> [OsString; 7] {
        let circles = self.circles_behind.map_or_else(|| NEVER.to_owned(), |step| step.to_string());
        [
            CREW_WORKER.into(),
            self.role.name().into(),
            self.store.clone().into(),
            self.tree.clone().into(),
            self.report.clone().into(),
            self.entry.to_string().into(),
            circles.into(),
        ]
    }

    /// Reads the arguments behind the first.
    pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self> {
        let arguments: Vec<_> = arguments.collect();
        let [role, store, tree, report, entry, circles] =
            <[OsString; 6]>::try_from(arguments).map_err(|_| "the crew is started by the demo")?;
        let text = |argument: &OsString| argument.to_str().map(ToOwned::to_owned);
        let (role, entry) = (text(&role).unwrap_or_default(), text(&entry).unwrap_or_default());
        let circles = text(&circles).filter(|step| step != NEVER);
        let [store, tree, report] = [store, tree, report].map(PathBuf::from);
        let circles_behind = circles.map(|step| step.parse()).transpose()?;
        Ok(Self { role: role.parse()?, store, tree, report, entry: entry.parse()?, circles_behind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_crew_is_told_what_the_host_means() {
        let entry = EntryId::from_uuid("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap());
        for (role, circles_behind) in Role::ALL.into_iter().zip([None, Some(7), None]) {
            let [store, tree, report] = ["a b.db", "tree", "report.txt"].map(PathBuf::from);
            let post = Post { role, store, tree, report, entry, circles_behind };
            let mut arguments = post.arguments().into_iter();
            assert_eq!(arguments.next().unwrap(), CREW_WORKER);
            assert_eq!(Post::parse(arguments).unwrap(), post);
        }
        assert!(Post::parse(["cook".into()].into_iter()).is_err());
    }
}
