//! The demo from its first file to its verdict.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mythos_core::Mythos;
use mythos_core::codex::{CreateCodex, DirectivePath};
use mythos_core::ritual::{ParentExpectation, SaveRitual};
use mythos_core::types::EntryId;

use crate::crew::act::Stage;
use crate::names::Names;
use crate::options::{Assignment, Options};
use crate::progress::Progress;
use crate::state::AuditState;
use crate::stored::Stored;
use crate::summary::Summary;
use crate::survival::{self, Survival};
use crate::{Result, crew, payments, plan, rules, tree, worker};

/// Where runs go by default, below the current directory.
const RUNS: &str = "build/demo";

/// Runs the demo; whether every promise was kept.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let names = Names::new()?;
    let home = home(options.keep.as_deref())?;
    let copy = home.join("tree");
    let files = tree::snapshot(&options.directory, &copy, options.steps)?;
    let steps = files.len() as u64;
    if steps < plan::FEWEST_STEPS {
        let (needed, place) = (plan::FEWEST_STEPS, options.directory.display());
        return Err(format!("{steps} text files under {place} are too few: {needed} are needed").into());
    }
    let begin = |name: &str| -> Result<(Mythos, Assignment)> {
        let store = home.join(format!("{name}.db"));
        let mythos = Mythos::open(&store)?;
        let entry = prepare(&mythos, &names, AuditState::new(files.clone()))?;
        let (tree, report) = (copy.clone(), home.join(format!("{name}-report.txt")));
        let payments = home.join(format!("{name}-payments.txt"));
        Ok((mythos, Assignment { store, tree, report, payments, entry }))
    };

    eprintln!("auditing {steps} files of {}", options.directory.display());
    let (mythos, disturbed) = begin("mythos")?;
    let plan = plan::plan(options.seed, steps)?;
    let progress = Progress::new("killed run", steps)?;
    let record = Survival::new(&mythos, &names, disturbed.clone(), plan, progress)?.run()?;
    let crew = crew::act::run(&Stage {
        mythos: &mythos,
        names: &names,
        files: &files,
        store: disturbed.store.clone(),
        tree: copy.clone(),
        report: home.join("crew-report.txt"),
        seed: options.seed,
    })?;
    let stored = Stored::read(&mythos, &names)?;
    // Who closes a database last folds its log into the file, whose size is then the whole.
    mythos.close()?;

    let (mythos, undisturbed) = begin("undisturbed")?;
    mythos.close()?;
    survival::run_undisturbed(&undisturbed, Progress::new("undisturbed run", steps)?)?;

    let summary = Summary {
        record,
        crew,
        stored,
        steps,
        arrived: payments::arrived(&disturbed.payments, steps)?,
        database_bytes: fs::metadata(&disturbed.store)?.len(),
        reports_are_equal: fs::read(&disturbed.report)? == fs::read(&undisturbed.report)?,
        store: disturbed.store,
        report: disturbed.report,
    };
    summary.print();
    let broken = summary.broken_promises();
    for promise in &broken {
        eprintln!("demo: broken promise: {promise}");
    }
    Ok(broken.is_empty())
}

/// Writes the rules, and the state before the first step: an assistant that fails before its first checkpoint would
/// have nothing to come back to.
fn prepare(mythos: &Mythos, names: &Names, state: AuditState) -> Result<EntryId> {
    let (codex, path) = (names.codex.clone(), DirectivePath::new(["audit", "launch"])?);
    mythos.codices().create(&CreateCodex::new(codex, rules::clauses()?, path, "the demo"))?;
    let save = SaveRitual {
        intent: worker::intent(mythos, names)?,
        parent: ParentExpectation::Absent,
        ..SaveRitual::new(names.assistant.clone(), names.ritual.clone())
    };
    Ok(mythos.rituals().save(&save, &state.encode()?)?.entry)
}

/// A fresh directory for this run: the one that was asked for, or the next number that is free.
fn home(keep: Option<&Path>) -> Result<PathBuf> {
    if let Some(keep) = keep {
        fs::create_dir_all(keep)?;
        if fs::read_dir(keep)?.next().is_some() {
            return Err(format!("{} is not empty: name a new directory", keep.display()).into());
        }
        return Ok(keep.to_owned());
    }
    fs::create_dir_all(RUNS)?;
    let mut number = 1_u64;
    loop {
        let home = Path::new(RUNS).join(number.to_string());
        match fs::create_dir(&home) {
            Ok(()) => return Ok(home),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(format!("cannot create {}: {error}", home.display()).into()),
        }
    }
}
