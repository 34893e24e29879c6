//! The assistant: resumes from a checkpoint, audits file after file, and saves its state after each.

use std::fs;
use std::io::{self, Write};

use mythos_core::ritual::{
    CompressedRitual, ParentExpectation, RitualCompressionCache, RitualFilter, SaveRitual, SymbolicIntent,
};
use mythos_core::types::{Digest, EntryId, OperationId};
use mythos_core::{ErrorKind, Mythos};

use crate::names::Names;
use crate::options::Assignment;
use crate::payments::{Cashier, Resolved};
use crate::protocol::Line;
use crate::state::{self, AuditState};
use crate::{Result, report, rules};

/// How often a save whose outcome is not known is made.
const MAX_SAVES: u32 = 5;

/// Works until everything is audited, or until the process is killed.
pub(crate) fn run(assignment: &Assignment) -> Result<()> {
    let names = Names::new()?;
    let mythos = Mythos::open(&assignment.store)?;
    let rituals = mythos.rituals();
    let restored = rituals.restore(assignment.entry)?;
    let mut state = AuditState::decode(&restored.payload)?;
    let mut newest = newest(&rituals, &names)?;
    let clauses = mythos.codices().clauses(&names.codex, None)?;
    let intent = intent(&mythos, &names)?;

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
        newest = save(&rituals, &names, &intent, &state, &payload, newest)?.entry;
        say(Line::Acknowledged { step: state.step, entry: newest })?;
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

/// The newest entry, which the next one comes behind. It is not the one that was restored if that was an older one,
/// taken because the newest is damaged: its record stays in the history, and what is done again comes behind it.
fn newest(rituals: &RitualCompressionCache, names: &Names) -> Result<EntryId> {
    let filter = RitualFilter {
        assistant: Some(names.assistant.clone()),
        ritual: Some(names.ritual.clone()),
        ..RitualFilter::default()
    };
    let page = rituals.list(&filter, None, 1)?;
    Ok(page.items.first().ok_or("the ritual has no entry")?.entry)
}

/// Saves a step behind `parent`.
///
/// The operation id derives from the step and its parent. So a save whose outcome was not known is recognised when it
/// is made again, and a step that is done again behind another parent is another entry.
fn save(
    rituals: &RitualCompressionCache,
    names: &Names,
    intent: &SymbolicIntent,
    state: &AuditState,
    payload: &[u8],
    parent: EntryId,
) -> Result<CompressedRitual> {
    let save = SaveRitual {
        intent: intent.clone(),
        parent: ParentExpectation::Entry(parent),
        operation: Some(OperationId::from_name(&format!("audit step {} behind {parent}", state.step))),
        ..SaveRitual::new(names.assistant.clone(), names.ritual.clone())
    };
    let mut attempt = 1;
    loop {
        match rituals.save(&save, payload) {
            Ok(entry) => return Ok(entry),
            Err(error) if may_succeed_later(error.kind()) && attempt < MAX_SAVES => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// A conflict is no matter of patience: somebody else saves for this assistant, who must not exist.
const fn may_succeed_later(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unavailable | ErrorKind::Unknown)
}

/// Tells the supervisor. If that is gone, nobody reads the line: the worker ends with the error.
fn say(line: Line) -> Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}
