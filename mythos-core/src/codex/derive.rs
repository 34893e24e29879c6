//! What a change makes of a state: pure, and the same when a log is written and when it is replayed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{Change, ClauseDelta, MergeSide};
use super::opening::FIRST_TEXT_OPENING;
use super::state::{ClauseState, CodexState, CommittedText};
use super::{MAX_CLAUSES, MAX_NOTES, TakenClause};
use crate::error::{Error, Result};
use crate::types::{ClauseId, Commitment, Digest};

/// Applies the change of event `sequence` to the states of its parents: the state that it leaves, and the clauses whose
/// digests differ from the first parent's, by id.
pub(crate) fn apply(
    change: &Change,
    sequence: u64,
    parents: Vec<CodexState>,
) -> Result<(CodexState, Vec<ClauseDelta>)> {
    let text =
        |commitment: &Commitment, opening: u32| CommittedText { commitment: *commitment, sequence, opening };
    let count = parents.len();
    let mut parents = parents.into_iter();
    let (before, other) = (parents.next(), parents.next());
    let (state, deltas) = match (change, before, other) {
        // A log has one beginning.
        (Change::Create { clauses }, None, None) if sequence == 0 => {
            let clauses = clauses.iter().zip(FIRST_TEXT_OPENING..);
            let new = clauses.map(|(clause, opening)| {
                ClauseState::new(clause.clause.clone(), text(&clause.text, opening))
            });
            let state = CodexState::new(new.collect());
            no_clause_twice(&state)?;
            let deltas = deltas(&CodexState::default(), &state);
            (state, deltas)
        }
        (Change::Add { clause, text: commitment, position }, Some(mut state), None) => {
            let position = *position as usize;
            if position > state.clauses().len() {
                let message =
                    format!("position {position} lies behind the {} clauses", state.clauses().len());
                return Err(Error::invalid("position", message));
            }
            if state.position(clause).is_some() {
                return Err(twice(clause));
            }
            let new = ClauseState::new(clause.clone(), text(commitment, FIRST_TEXT_OPENING));
            let after = state.insert(position, new);
            (state, vec![delta(clause, None, Some(after))])
        }
        (Change::Replace { clause, text: commitment }, Some(mut state), None) => {
            let text = text(commitment, FIRST_TEXT_OPENING);
            let (before, after) = state.change(find(&state, clause)?, |clause| clause.text = text);
            (state, vec![delta(clause, Some(before), Some(after))])
        }
        (Change::Remove { clause }, Some(mut state), None) => {
            let before = state.remove(find(&state, clause)?);
            (state, vec![delta(clause, Some(before), None)])
        }
        (Change::Reorder { order }, Some(before), None) => (reorder(&before, order)?, Vec::new()),
        (Change::Annotate { clause, note }, Some(mut state), None) => {
            let (note, position) = (text(note, FIRST_TEXT_OPENING), find(&state, clause)?);
            if state.clauses()[position].notes.len() >= MAX_NOTES {
                return Err(Error::limit("note", format!("a clause has at most {MAX_NOTES} notes")));
            }
            let (before, after) = state.change(position, |clause| clause.notes.push(note));
            (state, vec![delta(clause, Some(before), Some(after))])
        }
        (Change::Merge { take }, Some(ours), Some(theirs)) => {
            let state = merge(&ours, &theirs, take)?;
            let deltas = deltas(&ours, &state);
            (state, deltas)
        }
        (Change::Redact { erased }, Some(state), None) => {
            let is_sorted = erased.is_sorted_by(|a, b| a < b);
            if erased.is_empty() || !is_sorted || erased.iter().any(|opening| opening.sequence >= sequence) {
                return Err(Error::invalid(
                    "erased",
                    "a redaction names openings of earlier events, each once",
                ));
            }
            (state, Vec::new())
        }
        (Change::Authorize { .. } | Change::Revoke { .. }, Some(state), None) => (state, Vec::new()),
        _ => {
            let message = format!("event {sequence} of this kind does not have {count} parents");
            return Err(Error::invalid("parents", message));
        }
    };
    if state.clauses().len() > MAX_CLAUSES {
        return Err(Error::limit("clauses", format!("a codex has at most {MAX_CLAUSES} clauses")));
    }
    Ok((state, deltas))
}

fn delta(clause: &ClauseId, before: Option<Digest>, after: Option<Digest>) -> ClauseDelta {
    ClauseDelta { clause: clause.clone(), before, after }
}

/// Which clauses differ between two states, by id.
pub(crate) fn deltas(before: &CodexState, after: &CodexState) -> Vec<ClauseDelta> {
    let mut changes = BTreeMap::new();
    for clause in before.clauses() {
        changes.insert(&clause.clause, (Some(clause.digest()), None));
    }
    for clause in after.clauses() {
        changes.entry(&clause.clause).or_insert((None, None)).1 = Some(clause.digest());
    }
    let changed = changes.into_iter().filter(|(_, (before, after))| before != after);
    changed.map(|(clause, (before, after))| delta(clause, before, after)).collect()
}

fn find(state: &CodexState, clause: &ClauseId) -> Result<usize> {
    state.position(clause).ok_or_else(|| no_clause(clause))
}

fn no_clause(clause: &ClauseId) -> Error {
    Error::invalid("clause", format!("the codex has no clause {clause}"))
}

fn twice(clause: &ClauseId) -> Error {
    Error::invalid("clause", format!("clause {clause} would be there twice"))
}

fn no_clause_twice(state: &CodexState) -> Result<()> {
    state.twice().map_or(Ok(()), |clause| Err(twice(clause)))
}

fn reorder(before: &CodexState, order: &[ClauseId]) -> Result<CodexState> {
    let mut left: BTreeMap<_, _> = before.clauses().iter().map(|clause| (&clause.clause, clause)).collect();
    let clauses: Vec<_> = order
        .iter()
        .map(|clause| left.remove(clause).map(Arc::clone).ok_or_else(|| no_clause(clause)))
        .collect::<Result<_>>()?;
    match left.keys().next() {
        None => Ok(CodexState::arranged(clauses)),
        Some(missing) => Err(Error::invalid("order", format!("the new order leaves out clause {missing}"))),
    }
}

fn merge(ours: &CodexState, theirs: &CodexState, take: &[TakenClause]) -> Result<CodexState> {
    let clauses = take.iter().map(|taken| {
        let side = match taken.from {
            MergeSide::Ours => ours,
            MergeSide::Theirs => theirs,
        };
        Ok(Arc::clone(&side.clauses()[find(side, &taken.clause)?]))
    });
    let state = CodexState::arranged(clauses.collect::<Result<_>>()?);
    no_clause_twice(&state)?;
    Ok(state)
}
