//! The assistant: resumes from a checkpoint, audits file after file, and saves its state after each.

use std::fs;
use std::io::{self, Write};

use mythos_core::Mythos;
use mythos_core::ritual::SymbolicIntent;
use mythos_core::types::Digest;

use crate::checkpoints::Checkpoints;
use crate::names::Names;
use crate::options::Assignment;
use crate::payments::{Cashier, Resolved};
use crate::protocol::Line;
use crate::state::{self, AuditState};
use crate::{Result, report, rules};

/// Works until everything is audited, or until the process is killed.
pub(crate) fn run(assignment: &Assignment) -> Result<()> {
    let names = Names::new()?;
    let mythos = Mythos::open(&assignment.store)?;
    let rituals = mythos.rituals();
    let restored = rituals.restore(assignment.entry)?;
    let mut state = AuditState::decode(&restored.payload)?;
    let clauses = mythos.codices().clauses(&names.codex, None)?;
    let intent = intent(&mythos, &names)?;
    let mut checkpoints =
        Checkpoints::resume(rituals, names.assistant.clone(), names.ritual.clone(), intent)?;

    let (entry, payload) = (restored.entry.entry, Digest::of(&restored.payload));
    say(Line::Ready { entry, payload, step: state.step })?;
    let cashier = Cashier::new(mythos.steps(), &names, assignment.payments.clone());
    for Resolved { step, happened } in cashier.reconcile(entry)? {
        say(Line::Resolved { step, happened })?;
    }
    while let Some(source) = state.next_file().cloned() {
        let text = source.read(&assignment.tree)?;
        let note = rules::audit(&source.path, &text, &clauses);
        state.record(&source.path, text, note);
        let step = state.step;
        cashier.pay(step, &source.path, |is_paid| {
            say(if is_paid { Line::Paid { step } } else { Line::Paying { step } })
        })?;
        let payload = state.encode()?;
        say(Line::Announced { step: state.step })?;
        let entry = checkpoints.save(state.step, &payload)?;
        say(Line::Acknowledged { step: state.step, entry })?;
    }
    fs::write(&assignment.report, report::render(&state))?;
    say(Line::Done)
}

/// What the assistant's checkpoints are for: from now on, under the codex as it stands.
pub(crate) fn intent(mythos: &Mythos, names: &Names) -> Result<SymbolicIntent> {
    let head = mythos.codices().codex(&names.codex)?;
    let [only] = &head.heads[..] else { return Err("the codex of the audit has branches".into()) };
    Ok(SymbolicIntent {
        labels: ["audit".to_owned(), "demo".to_owned()].into(),
        procedure: Some("audit-source-tree".to_owned()),
        payload_format: Some(state::FORMAT.to_owned()),
        codex: Some(names.codex.clone()),
        codex_root: Some(only.codex_root),
    })
}

/// Tells the supervisor. If that is gone, nobody reads the line: the worker ends with the error.
pub(crate) fn say(line: Line) -> Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}
