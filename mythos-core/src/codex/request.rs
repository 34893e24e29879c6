//! What a caller asks to be written to a codex's log.

use serde::{Deserialize, Serialize};

use super::{
    Change, Clause, DirectivePath, MAX_CLAUSE_BYTES, MAX_CLAUSES, MAX_CODEX_BYTES, TakenClause, TrailEntry,
};
use crate::error::{Error, Result};
use crate::types::{ClauseId, CodexId, Digest, OperationId, check_text};

/// A codex to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateCodex {
    /// Its id, new in the tenant.
    pub codex: CodexId,
    /// Its clauses, in order; at most [`MAX_CLAUSES`] and [`MAX_CODEX_BYTES`] of text.
    pub clauses: Vec<Clause>,
    /// The directives that led to it.
    pub directive_path: DirectivePath,
    /// Who begins it.
    pub actor: String,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// The digest of evidence that it was examined.
    #[serde(default)]
    pub evidence: Option<Digest>,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

/// A mutation to append to a codex's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MutateCodex {
    /// The codex.
    pub codex: CodexId,
    /// What to change.
    pub mutation: Mutation,
    /// The position of the event to follow from; the only head if not given. An older event begins a branch.
    #[serde(default)]
    pub parent: Option<u64>,
    /// The directives that led to the change.
    pub directive_path: DirectivePath,
    /// Who makes it.
    pub actor: String,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// The digest of evidence that the change was examined, such as an audit.
    #[serde(default)]
    pub evidence: Option<Digest>,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

/// One change to the clauses of a codex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Mutation {
    /// Inserts a clause.
    Add {
        /// The new clause.
        clause: ClauseId,
        /// Its text.
        text: String,
        /// Its place, from 0; behind all others if not given.
        #[serde(default)]
        position: Option<u32>,
    },
    /// Gives a clause another text.
    Replace {
        /// The clause.
        clause: ClauseId,
        /// Its new text.
        text: String,
    },
    /// Takes a clause away.
    Remove {
        /// The clause.
        clause: ClauseId,
    },
    /// Puts the clauses into another order.
    Reorder {
        /// All clauses, each once.
        order: Vec<ClauseId>,
    },
    /// Adds a note to a clause.
    Annotate {
        /// The clause.
        clause: ClauseId,
        /// The note.
        note: String,
    },
    /// Joins the parent with another head.
    Merge {
        /// The position of the other head's event.
        other: u64,
        /// The clauses of the result, in order; `ours` is the parent, `theirs` the other.
        take: Vec<TakenClause>,
    },
}

impl CreateCodex {
    /// A codex without reason or evidence.
    pub fn new(
        codex: CodexId,
        clauses: Vec<Clause>,
        directive_path: DirectivePath,
        actor: impl Into<String>,
    ) -> Self {
        let actor = actor.into();
        Self { codex, clauses, directive_path, actor, reason: None, evidence: None, operation: None }
    }
}

impl MutateCodex {
    /// A mutation of the only head, without reason or evidence.
    pub fn new(
        codex: CodexId,
        mutation: Mutation,
        directive_path: DirectivePath,
        actor: impl Into<String>,
    ) -> Self {
        let (actor, parent) = (actor.into(), None);
        Self { codex, mutation, parent, directive_path, actor, reason: None, evidence: None, operation: None }
    }
}

/// Either write: what both say, and what is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) codex: &'a CodexId,
    pub(crate) directive_path: &'a DirectivePath,
    pub(crate) actor: &'a str,
    pub(crate) reason: Option<&'a str>,
    pub(crate) evidence: Option<Digest>,
    pub(crate) operation: Option<OperationId>,
    pub(crate) content: Content<'a>,
}

/// What a write is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    /// The clauses that a codex begins with.
    Create(&'a [Clause]),
    /// A mutation, and the position that it follows from if one is named.
    Mutate(&'a Mutation, Option<u64>),
}

impl<'a> From<&'a CreateCodex> for Request<'a> {
    fn from(create: &'a CreateCodex) -> Self {
        let CreateCodex { codex, clauses, directive_path, actor, reason, evidence, operation } = create;
        Self {
            codex,
            directive_path,
            actor,
            reason: reason.as_deref(),
            evidence: *evidence,
            operation: *operation,
            content: Content::Create(clauses),
        }
    }
}

impl<'a> From<&'a MutateCodex> for Request<'a> {
    fn from(mutate: &'a MutateCodex) -> Self {
        let MutateCodex { codex, mutation, parent, directive_path, actor, reason, evidence, operation } =
            mutate;
        Self {
            codex,
            directive_path,
            actor,
            reason: reason.as_deref(),
            evidence: *evidence,
            operation: *operation,
            content: Content::Mutate(mutation, *parent),
        }
    }
}

impl Request<'_> {
    /// Checks the bounds that do not depend on what is stored.
    pub(crate) fn validate(self) -> Result<()> {
        check_text("actor", self.actor, MAX_CLAUSE_BYTES)?;
        if self.actor.is_empty() {
            return Err(Error::invalid("actor", "a change names its actor"));
        }
        self.reason.map_or(Ok(()), |reason| check_text("reason", reason, MAX_CLAUSE_BYTES))?;
        match self.content {
            Content::Create(clauses) => validate_clauses(clauses),
            Content::Mutate(mutation, _) => match mutation {
                Mutation::Add { text, .. } | Mutation::Replace { text, .. } => {
                    check_text("text", text, MAX_CLAUSE_BYTES)
                }
                Mutation::Annotate { note, .. } => check_text("note", note, MAX_CLAUSE_BYTES),
                Mutation::Remove { .. } | Mutation::Reorder { .. } | Mutation::Merge { .. } => Ok(()),
            },
        }
    }

    /// Whether this request made `entry`, whose parents stand at `parents`; an erased text counts as equal.
    pub(crate) fn made(self, entry: &TrailEntry, parents: &[u64]) -> bool {
        let event = &entry.event;
        let equal = |erasable: &Option<String>, text: &str| erasable.as_deref().is_none_or(|t| t == text);
        let reason_is_equal = match (self.reason, event.reason) {
            (Some(reason), Some(_)) => equal(&entry.reason, reason),
            (None, None) => true,
            _ => false,
        };
        reason_is_equal
            && equal(&entry.actor, self.actor)
            && event.directive_path == *self.directive_path
            && event.evidence == self.evidence
            && match self.content {
                Content::Create(clauses) => created(clauses, entry),
                Content::Mutate(mutation, parent) => {
                    parent.is_none_or(|parent| parents.first() == Some(&parent))
                        && mutated(mutation, entry, parents)
                }
            }
    }
}

fn validate_clauses(clauses: &[Clause]) -> Result<()> {
    if clauses.len() > MAX_CLAUSES {
        let message = format!("a codex has at most {MAX_CLAUSES} clauses, not {}", clauses.len());
        return Err(Error::limit("clauses", message));
    }
    let bytes: usize = clauses.iter().map(|clause| clause.text.len()).sum();
    if bytes > MAX_CODEX_BYTES {
        let message = format!("a new codex has at most {MAX_CODEX_BYTES} bytes of text, not {bytes}");
        return Err(Error::limit("clauses", message));
    }
    clauses.iter().try_for_each(|clause| check_text("text", &clause.text, MAX_CLAUSE_BYTES))
}

fn created(clauses: &[Clause], entry: &TrailEntry) -> bool {
    let Change::Create { clauses: committed } = &entry.event.change else { return false };
    clauses.len() == committed.len()
        && clauses.iter().zip(committed).zip(&entry.texts).all(|((clause, committed), text)| {
            clause.clause == committed.clause && text.as_ref().is_none_or(|text| *text == clause.text)
        })
}

fn mutated(mutation: &Mutation, entry: &TrailEntry, parents: &[u64]) -> bool {
    let says = |text: &str| entry.texts.first().is_some_and(|t| t.as_deref().is_none_or(|t| t == text));
    match (mutation, &entry.event.change) {
        (Mutation::Add { clause, text, position }, Change::Add { clause: c, position: p, .. }) => {
            clause == c && position.is_none_or(|position| position == *p) && says(text)
        }
        (Mutation::Replace { clause, text }, Change::Replace { clause: c, .. }) => clause == c && says(text),
        (Mutation::Remove { clause }, Change::Remove { clause: c }) => clause == c,
        (Mutation::Reorder { order }, Change::Reorder { order: o }) => order == o,
        (Mutation::Annotate { clause, note }, Change::Annotate { clause: c, .. }) => {
            clause == c && says(note)
        }
        (Mutation::Merge { other, take }, Change::Merge { take: t }) => {
            take == t && parents.get(1) == Some(other)
        }
        _ => false,
    }
}
