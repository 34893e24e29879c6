//! The outside world: a fee that the assistant pays for every third file, through the journal of steps.
//!
//! A payment cannot be taken back by restoring an older state, and a file stands for whoever receives it: what is appended
//! is paid. Nothing but the journal keeps a worker that was killed, or set back to an older checkpoint, from paying again.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use mythos_core::journal::{
    BeginStep, Beginning, CompleteStep, Resolution, ResolveStep, RestoreSteps, StepJournal, StepKey,
};
use mythos_core::types::EntryId;

use crate::Result;
use crate::names::Names;

/// Every so many steps have a fee.
const PAID_EVERY: u64 = 3;

/// How long a payment is on its way: half of it before it is made, half until the answer is back.
pub(crate) const PAYMENT_TIME: Duration = Duration::from_millis(6);

/// Pays fees, each once.
#[derive(Debug)]
pub(crate) struct Cashier<'a> {
    steps: StepJournal,
    names: &'a Names,
    payments: PathBuf,
}

/// A step that was in doubt, and whether its payment turned out to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The step of the audit.
    pub(crate) step: u64,
    /// Whether it was paid.
    pub(crate) happened: bool,
}

impl<'a> Cashier<'a> {
    /// Pays into the file `payments`.
    pub(crate) const fn new(steps: StepJournal, names: &'a Names, payments: PathBuf) -> Self {
        Self { steps, names, payments }
    }

    /// After a restore: whether each payment in doubt was made is looked up where payments arrive.
    pub(crate) fn reconcile(&self, entry: EntryId) -> Result<Vec<Resolved>> {
        let (assistant, ritual) = (&self.names.assistant, &self.names.ritual);
        let found =
            self.steps.after_restore(&RestoreSteps::new(assistant.clone(), ritual.clone(), Some(entry)))?;
        let made = made(&self.payments)?;
        let mut resolved = Vec::new();
        for step in found.in_doubt.items {
            let happened = made.contains_key(step.key.as_str());
            let resolution = match happened {
                true => Resolution::Happened { outcome: b"paid".to_vec() },
                false => Resolution::DidNotHappen,
            };
            let number = step.key.as_str().rsplit(' ').next().ok_or("a key names its step")?.parse()?;
            let (assistant, ritual) = (assistant.clone(), ritual.clone());
            let (key, attempt) = (step.key, step.attempt);
            self.steps.resolve(&ResolveStep { assistant, ritual, key, attempt, resolution })?;
            resolved.push(Resolved { step: number, happened });
        }
        Ok(resolved)
    }

    /// Pays for the audit of `file` in `step`, if that has a fee and was not paid before. `say` is called
    /// before a payment with `false`, and with `true` once it is completed.
    pub(crate) fn pay(&self, step: u64, file: &str, say: impl Fn(bool) -> Result<()>) -> Result<()> {
        if !step.is_multiple_of(PAID_EVERY) {
            return Ok(());
        }
        let key: StepKey = key(step).parse()?;
        let (assistant, ritual) = (&self.names.assistant, &self.names.ritual);
        let begin = BeginStep::new(assistant.clone(), ritual.clone(), key.clone(), file);
        let attempt = match self.steps.begin(&begin)? {
            Beginning::Begun { attempt } => attempt,
            Beginning::Completed { .. } => return Ok(()),
            doubt => return Err(format!("the payment of step {step} was to be resolved: {doubt:?}").into()),
        };
        say(false)?;
        thread::sleep(PAYMENT_TIME / 2);
        let mut file = OpenOptions::new().create(true).append(true).open(&self.payments)?;
        // One call, so that a kill leaves a whole line or none.
        file.write_all(format!("{key}\n").as_bytes())?;
        thread::sleep(PAYMENT_TIME / 2);
        let done = CompleteStep::new(assistant.clone(), ritual.clone(), key, "paid");
        self.steps.complete(&CompleteStep { attempt: Some(attempt), ..done })?;
        say(true)
    }
}

/// What arrived.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// How many payments.
    pub(crate) payments: u64,
    /// How many steps were paid twice, or never, or should not have been paid.
    pub(crate) wrong: u64,
}

/// What arrived for an audit of so many steps.
pub(crate) fn arrived(payments: &Path, steps: u64) -> Result<Arrived> {
    let mut made = made(payments)?;
    let total = made.values().sum();
    let owed = (1..=steps).filter(|step| step.is_multiple_of(PAID_EVERY));
    let wrong = owed.filter(|step| made.remove(&key(*step)) != Some(1)).count() as u64;
    Ok(Arrived { payments: total, wrong: wrong + made.len() as u64 })
}

fn key(step: u64) -> String {
    format!("fee of step {step}")
}

/// How often each payment was made.
fn made(payments: &Path) -> Result<BTreeMap<String, u64>> {
    let text = match fs::read_to_string(payments) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let mut made = BTreeMap::new();
    for line in text.lines() {
        *made.entry(line.to_owned()).or_default() += 1;
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_paid_twice_or_never_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let payments = directory.path().join("payments.txt");
        assert_eq!(arrived(&payments, 7).unwrap().wrong, 2);
        fs::write(&payments, "fee of step 3\nfee of step 6\n").unwrap();
        let found = arrived(&payments, 7).unwrap();
        assert_eq!((found.payments, found.wrong), (2, 0));
        fs::write(&payments, "fee of step 3\nfee of step 3\nfee of step 6\nfee of step 7\n").unwrap();
        let found = arrived(&payments, 7).unwrap();
        assert_eq!((found.payments, found.wrong), (4, 2));
    }
}
