//! What a change makes of a state: pure, and the same when a log is written and when it is replayed.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Change, ClauseDelta, FIRST_TEXT_OPENING, MergeSide};
use super::state::{ClauseState, CodexState, CommittedText};
use super::{MAX_CLAUSES, TakenClause};
use crate::error::{Error, Result};
use crate::types::{ClauseId, Commitment};

/// Applies the change of event `sequence` to the states of its parents.
pub(crate) fn apply(change: &Change, sequence: u64, parents: &[&CodexState]) -> Result<CodexState> {
    let text =
        |commitment: &Commitment, opening: u32| CommittedText { commitment: *commitment, sequence, opening };
    let new = |clause: &ClauseId, commitment: &Commitment, opening: u32| {
        ClauseState::new(clause.clone(), text(commitment, opening))
    };
    let state = match (change, parents) {
        // A log has one beginning.
        (Change::Create { clauses }, []) if sequence == 0 => {
            let clauses = clauses.iter().zip(FIRST_TEXT_OPENING..);
            CodexState { clauses: clauses.map(|(c, opening)| new(&c.clause, &c.text, opening)).collect() }
        }
        (Change::Add { clause, text, position }, [before]) => {
            let mut state = (*before).clone();
            let position = *position as usize;
            if position > state.clauses.len() {
                let message = format!("position {position} lies behind the {} clauses", state.clauses.len());
                return Err(Error::invalid("position", message));
            }
            state.clauses.insert(position, new(clause, text, FIRST_TEXT_OPENING));
            state
        }
        (Change::Replace { clause, text: commitment }, [before]) => {
            let mut state = (*before).clone();
            let text = text(commitment, FIRST_TEXT_OPENING);
            find(&mut state, clause)?.change(|clause| clause.text = text);
            state
        }
        (Change::Remove { clause }, [before]) => {
            let mut state = (*before).clone();
            let position = state.position(clause).ok_or_else(|| no_clause(clause))?;
            state.clauses.remove(position);
            state
        }
        (Change::Reorder { order }, [before]) => reorder(before, order)?,
        (Change::Annotate { clause, note }, [before]) => {
            let mut state = (*before).clone();
            let note = text(note, FIRST_TEXT_OPENING);
            find(&mut state, clause)?.change(|clause| clause.notes.push(note));
            state
        }
        (Change::Merge { take }, [ours, theirs]) => merge(ours, theirs, take)?,
        _ => {
            let message = format!("event {sequence} of this kind does not have {} parents", parents.len());
            return Err(Error::invalid("parents", message));
        }
    };
    let mut seen = BTreeSet::new();
    if let Some(twice) = state.clauses.iter().find(|clause| !seen.insert(&clause.clause)) {
        return Err(Error::invalid("clause", format!("clause {} would be there twice", twice.clause)));
    }
    if state.clauses.len() > MAX_CLAUSES {
        return Err(Error::limit("clauses", format!("a codex has at most {MAX_CLAUSES} clauses")));
    }
    Ok(state)
}

/// Which clauses differ between two states, by id.
pub(crate) fn deltas(before: &CodexState, after: &CodexState) -> Vec<ClauseDelta> {
    let mut changes = BTreeMap::new();
    for clause in &before.clauses {
        changes.insert(&clause.clause, (Some(clause.digest()), None));
    }
    for clause in &after.clauses {
        changes.entry(&clause.clause).or_insert((None, None)).1 = Some(clause.digest());
    }
    let changed = changes.into_iter().filter(|(_, (before, after))| before != after);
    changed.map(|(clause, (before, after))| ClauseDelta { clause: clause.clone(), before, after }).collect()
}

fn find<'a>(state: &'a mut CodexState, clause: &ClauseId) -> Result<&'a mut ClauseState> {
    state.clauses.iter_mut().find(|state| state.clause == *clause).ok_or_else(|| no_clause(clause))
}

fn no_clause(clause: &ClauseId) -> Error {
    Error::invalid("clause", format!("the codex has no clause {clause}"))
}

fn reorder(before: &CodexState, order: &[ClauseId]) -> Result<CodexState> {
    let mut left: BTreeMap<_, _> = before.clauses.iter().map(|clause| (&clause.clause, clause)).collect();
    let clauses: Vec<_> = order
        .iter()
        .map(|clause| left.remove(clause).cloned().ok_or_else(|| no_clause(clause)))
        .collect::<Result<_>>()?;
    match left.keys().next() {
        None => Ok(CodexState { clauses }),
        Some(missing) => Err(Error::invalid("order", format!("the new order leaves out clause {missing}"))),
    }
}

fn merge(ours: &CodexState, theirs: &CodexState, take: &[TakenClause]) -> Result<CodexState> {
    let clauses = take.iter().map(|taken| {
        let side = match taken.from {
            MergeSide::Ours => ours,
            MergeSide::Theirs => theirs,
        };
        let position = side.position(&taken.clause).ok_or_else(|| no_clause(&taken.clause))?;
        Ok(side.clauses[position].clone())
    });
    Ok(CodexState { clauses: clauses.collect::<Result<_>>()? })
}
