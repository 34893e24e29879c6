//! The conformance cases: every obligation of a [`Store`], as data, and the runner that holds a store to them.
//!
//! The cases are the JSON files in `testing/cases`, in the small language that `cases/README.md` describes. Stores
//! in Python and JavaScript are driven by this same runner through their bindings.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mythos_core::store::{MemoryStore, Store, StoreError, Table};
//! use mythos_core::testing::conformance::{Factory, cases, run_case};
//!
//! #[derive(Debug)]
//! struct Memory;
//!
//! impl Factory for Memory {
//!     fn fresh(&self, _tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
//!         Ok(Arc::new(MemoryStore::new()))
//!     }
//!
//!     fn reopen(&self, store: Arc<dyn Store>, _tables: &[Table]) -> Result<Arc<dyn Store>, StoreError> {
//!         // A store with a file closes it here and opens it again.
//!         Ok(store)
//!     }
//! }
//!
//! for case in cases().iter().filter(|case| case.obligation().name() == "ordered") {
//!     run_case(case.name(), &Memory)?;
//! }
//! # Ok::<(), mythos_core::testing::conformance::Failure>(())
//! ```

mod language;
mod run;
mod tables;

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use self::language::{File, Step};
use self::run::Runner;
pub use self::tables::{OTHERS, TABLES, THINGS};
use crate::store::{Store, StoreError, Table};

/// Makes the stores that cases run on.
///
/// One case runs on one factory at a time; hosts that run cases concurrently use one factory for each.
pub trait Factory: fmt::Debug {
    /// Makes an empty store that can hold `tables`.
    ///
    /// # Errors
    /// Whatever keeps the store from being made.
    fn fresh(&self, tables: &[Table]) -> Result<Arc<dyn Store>, StoreError>;

    /// Closes `store`, the last that [`Factory::fresh`] or this method gave, and opens the same content again. A
    /// store that keeps nothing beyond its life gives the same one back.
    ///
    /// # Errors
    /// Whatever keeps the store from being opened.
    fn reopen(&self, store: Arc<dyn Store>, tables: &[Table]) -> Result<Arc<dyn Store>, StoreError>;
}

macro_rules! obligations {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)*) => {
        /// What a store owes the core, one by one. The contract of [`Store`] states them in six sentences; here each is a
        /// set of cases that one kind of defect fails.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Obligation {
            $($(#[$meta])* #[serde(rename = $name)] $variant,)*
        }

        impl Obligation {
            /// Every obligation, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name, as in the cases' data.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }

        const FILES: &[&str] = &[$(include_str!(concat!("cases/", $name, ".json"))),*];
    };
}

obligations! {
    /// What was never written is answered as absent, not with an error.
    Absent = "absent",
    /// A record that is expected to be absent is created at most once.
    Created = "created",
    /// A record that is expected at a version is written at that version only, and by one writer.
    Exclusive = "exclusive",
    /// A batch is applied entirely or not at all.
    Atomic = "atomic",
    /// The version of a record says how often it was written, or what it was imported at.
    Versioned = "versioned",
    /// A deleted record is gone, and can be created anew.
    Deleted = "deleted",
    /// A page has the declared order, in both directions.
    Ordered = "ordered",
    /// Cursors lead to every record once, until the last page.
    Paged = "paged",
    /// Filters by equality, range and null pass exactly what they say.
    Filtered = "filtered",
    /// Filters by tags pass exactly what they say.
    Tagged = "tagged",
    /// Filters by words pass exactly what they say.
    Text = "text",
    /// Filters by ancestry pass exactly what they say.
    Reach = "reach",
    /// Counts are right, grouped and capped.
    Counted = "counted",
    /// A cell that exists keeps its bytes: the same ones may be put again, others conflict.
    WrittenOnce = "written_once",
    /// Ranges of cells begin and end where they say, in both directions.
    Ranged = "ranged",
    /// An answer with cells ends before it grows beyond the bytes asked for, and says so.
    Bounded = "bounded",
    /// Deleted cells are gone.
    CellsDeleted = "cells_deleted",
    /// Records come back as they were written, also what the table does not declare.
    FaithfulRecords = "faithful_records",
    /// Cells come back as they were written, whatever their bytes.
    FaithfulCells = "faithful_cells",
    /// Tables, tenants and owners do not see each other.
    Isolated = "isolated",
    /// The answers of one read come from one snapshot.
    Consistent = "consistent",
    /// What was acknowledged is there after the store is opened again.
    Durable = "durable",
    /// Housekeeping changes nothing that can be read, and comes to an end.
    Maintained = "maintained",
    /// What the core refuses before any store sees it. No store can break these; they show that the guard stands.
    Refused = "refused",
}

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One case: a few steps against a fresh store, and what must come of them.
#[derive(Debug)]
pub struct Case {
    name: String,
    obligation: Obligation,
    about: String,
    steps: Vec<Step>,
}

impl Case {
    /// The name: unique, and an identifier in every language.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the case holds a store to.
    #[must_use]
    pub const fn obligation(&self) -> Obligation {
        self.obligation
    }

    /// What the case shows, in one sentence.
    #[must_use]
    pub fn about(&self) -> &str {
        &self.about
    }
}

/// Why a store did not pass a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    case: String,
    step: Option<usize>,
    message: String,
}

impl Failure {
    /// The name of the case.
    #[must_use]
    pub fn case(&self) -> &str {
        &self.case
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "case {}", self.case)?;
        if let Some(step) = self.step {
            write!(f, ", step {step}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Failure {}

/// All cases, grouped by obligation.
///
/// ```
/// use mythos_core::testing::conformance::cases;
///
/// let case = cases().iter().find(|case| case.name() == "create_twice").expect("a case of that name");
/// assert_eq!(case.obligation().name(), "created");
/// ```
#[must_use]
pub fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| FILES.iter().flat_map(|file| read_file(file)).collect())
}

fn read_file(file: &str) -> Vec<Case> {
    // The files are part of this crate; a test reads them all.
    let File { obligation, cases } =
        serde_json::from_str(file).unwrap_or_else(|error| panic!("a file of cases is not readable: {error}"));
    let case =
        |case: language::FileCase| Case { name: case.name, obligation, about: case.about, steps: case.steps };
    cases.into_iter().map(case).collect()
}

/// Runs the case of that name on a fresh store of `factory`.
///
/// The store is guarded by [`Emulated`](crate::store::Emulated), as in production: what it declines is emulated, and
/// what it answers is checked. At most about 300 MB are held, in the case of the largest cell.
///
/// # Errors
/// [`Failure`] names the case, the step (from 0), and what was found instead of what.
pub fn run_case(name: &str, factory: &dyn Factory) -> Result<(), Failure> {
    let failure = |step, message| Failure { case: name.to_owned(), step, message };
    let Some(case) = cases().iter().find(|case| case.name == name) else {
        return Err(failure(None, "there is no case of this name".into()));
    };
    let mut runner = Runner::new(factory).map_err(|message| failure(None, message))?;
    for (number, step) in case.steps.iter().enumerate() {
        runner = runner.run(step).map_err(|message| failure(Some(number), message))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_identifiers_and_every_obligation_has_cases() {
        let names: BTreeSet<_> = cases().iter().map(Case::name).collect();
        assert_eq!(names.len(), cases().len());
        for name in names {
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{name}"
            );
        }
        let held: BTreeSet<_> = cases().iter().map(Case::obligation).collect();
        assert_eq!(held.into_iter().collect::<Vec<_>>(), Obligation::ALL);
        assert!(cases().iter().all(|case| case.about.ends_with('.') && !case.steps.is_empty()));
    }
}
