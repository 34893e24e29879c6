//! What a caller asks to be written to a codex's log.

use serde::{Deserialize, Serialize};

use super::event::{Change, ErasedOpening, TakenClause};
use super::opening::{NOTE, TEXT};
use super::{Clause, DirectivePath, MAX_CLAUSE_BYTES, MAX_CLAUSES, MAX_CODEX_BYTES, TrailEntry};
use crate::error::{Error, Result};
use crate::tlog::VerifierKey;
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
    /// Lets a key sign checkpoints of this codex from here on. As soon as a log names keys, only they may.
    Authorize {
        /// The key, as a verifier key of C2SP signed notes, under the codex's [origin](super::CodexOptions::origin).
        key: String,
    },
    /// Takes that back: what the key signs of this event and later is worth nothing.
    Revoke {
        /// The key, as it was authorized.
        key: String,
    },
}

/// The most mutations that one [`MutationBatch`] appends.
pub const MAX_MUTATIONS: usize = 4_096;

/// Mutations of the only head of a codex, each of which follows from the one before: all are appended, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MutationBatch {
    /// The codex.
    pub codex: CodexId,
    /// What to change, in order; 1 to [`MAX_MUTATIONS`], with at most [`MAX_CODEX_BYTES`] of text.
    pub mutations: Vec<DirectedMutation>,
    /// Whether the proofs are listed at once.
    #[serde(default)]
    pub listing: Listing,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

/// One mutation of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectedMutation {
    /// What to change.
    pub mutation: Mutation,
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
}

/// When the [proofs](super::SymbolProof) of events are listed. The log itself is complete either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Listing {
    /// With the events.
    #[default]
    Now,
    /// With the next [`list_pending`](super::CodexProofOfSymbolEngine::list_pending); but that of a batch's first event,
    /// by which its repetition is recognised.
    Later,
}

/// Texts, actors or reasons to erase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedactCodex {
    /// The codex.
    pub codex: CodexId,
    /// What to erase; each once.
    pub erase: Vec<ErasedOpening>,
    /// The position of the event to follow from; the only head if not given.
    #[serde(default)]
    pub parent: Option<u64>,
    /// The directives that led to it.
    pub directive_path: DirectivePath,
    /// Who erases it.
    pub actor: String,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Names this write, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
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

/// A write: events to append to one codex, each of which follows from the one before.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) codex: &'a CodexId,
    pub(crate) items: Vec<Item<'a>>,
    pub(crate) listing: Listing,
    pub(crate) operation: Option<OperationId>,
}

/// One event to append.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) directive_path: &'a DirectivePath,
    pub(crate) actor: &'a str,
    pub(crate) reason: Option<&'a str>,
    pub(crate) evidence: Option<Digest>,
    pub(crate) content: Content<'a>,
}

/// What an event is about. Of a mutation or a redaction also the position that it follows from, if one is named.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    /// The clauses that a codex begins with.
    Create(&'a [Clause]),
    /// A mutation.
    Mutate(&'a Mutation, Option<u64>),
    /// What is to be erased.
    Redact(&'a [ErasedOpening], Option<u64>),
}

impl<'a> From<&'a CreateCodex> for Request<'a> {
    fn from(create: &'a CreateCodex) -> Self {
        let CreateCodex { codex, clauses, directive_path, actor, reason, evidence, operation } = create;
        let (reason, evidence, content) = (reason.as_deref(), *evidence, Content::Create(clauses));
        let item = Item { directive_path, actor, reason, evidence, content };
        Self { codex, items: vec![item], listing: Listing::Now, operation: *operation }
    }
}

impl<'a> From<&'a MutateCodex> for Request<'a> {
    fn from(mutate: &'a MutateCodex) -> Self {
        let MutateCodex { codex, mutation, parent, directive_path, actor, reason, evidence, operation } =
            mutate;
        let (reason, evidence, content) = (reason.as_deref(), *evidence, Content::Mutate(mutation, *parent));
        let item = Item { directive_path, actor, reason, evidence, content };
        Self { codex, items: vec![item], listing: Listing::Now, operation: *operation }
    }
}

impl<'a> From<&'a RedactCodex> for Request<'a> {
    fn from(redact: &'a RedactCodex) -> Self {
        let RedactCodex { codex, erase, parent, directive_path, actor, reason, operation } = redact;
        let (reason, content) = (reason.as_deref(), Content::Redact(erase, *parent));
        let item = Item { directive_path, actor, reason, evidence: None, content };
        Self { codex, items: vec![item], listing: Listing::Now, operation: *operation }
    }
}

impl<'a> From<&'a MutationBatch> for Request<'a> {
    fn from(batch: &'a MutationBatch) -> Self {
        let MutationBatch { codex, mutations, listing, operation } = batch;
        let items = mutations.iter().map(|directed| {
            let DirectedMutation { mutation, directive_path, actor, reason, evidence } = directed;
            let (reason, evidence, content) = (reason.as_deref(), *evidence, Content::Mutate(mutation, None));
            Item { directive_path, actor, reason, evidence, content }
        });
        Self { codex, items: items.collect(), listing: *listing, operation: *operation }
    }
}

impl Request<'_> {
    /// Checks the bounds that do not depend on what is stored.
    pub(crate) fn validate(&self) -> Result<()> {
        if self.items.is_empty() || self.items.len() > MAX_MUTATIONS {
            let message = format!("a batch has 1 to {MAX_MUTATIONS} mutations, not {}", self.items.len());
            return Err(Error::limit("mutations", message));
        }
        self.items.iter().try_for_each(|item| item.validate())?;
        let bytes: usize = self.items.iter().map(Item::text_bytes).sum();
        if self.items.len() > 1 && bytes > MAX_CODEX_BYTES {
            let message = format!("a batch has at most {MAX_CODEX_BYTES} bytes of text, not {bytes}");
            return Err(Error::limit("mutations", message));
        }
        Ok(())
    }

    /// Checks that keys that are to sign for the codex have its origin as their name.
    pub(crate) fn validate_keys(&self, origin: &str) -> Result<()> {
        for item in &self.items {
            if let Content::Mutate(Mutation::Authorize { key }, _) = item.content
                && key.parse::<VerifierKey>()?.name() != origin
            {
                return Err(Error::invalid("key", format!("a key of this codex has the name {origin:?}")));
            }
        }
        Ok(())
    }

    /// Whether this request made `entries`; an erased text counts as equal.
    pub(crate) fn made(&self, entries: &[TrailEntry]) -> bool {
        self.items.len() == entries.len()
            && self.items.iter().zip(entries).all(|(item, entry)| item.made(entry))
    }
}

impl Item<'_> {
    fn text_bytes(&self) -> usize {
        let text = match self.content {
            Content::Mutate(Mutation::Add { text, .. } | Mutation::Replace { text, .. }, _) => text.len(),
            Content::Mutate(Mutation::Annotate { note, .. }, _) => note.len(),
            _ => 0,
        };
        text + self.actor.len() + self.reason.map_or(0, str::len)
    }

    /// How many commitments its event makes.
    pub(crate) fn commitments(&self) -> usize {
        let texts = match self.content {
            Content::Create(clauses) => clauses.len(),
            Content::Mutate(mutation, _) => usize::from(mutation.text().is_some()),
            Content::Redact(..) => 0,
        };
        texts + 1 + usize::from(self.reason.is_some())
    }

    fn validate(&self) -> Result<()> {
        check_text("actor", self.actor, MAX_CLAUSE_BYTES)?;
        if self.actor.is_empty() {
            return Err(Error::invalid("actor", "a change names its actor"));
        }
        self.reason.map_or(Ok(()), |reason| check_text("reason", reason, MAX_CLAUSE_BYTES))?;
        match self.content {
            Content::Create(clauses) => validate_clauses(clauses),
            Content::Mutate(Mutation::Authorize { key } | Mutation::Revoke { key }, _) => {
                key.parse::<VerifierKey>().map(drop)
            }
            Content::Mutate(mutation, _) => {
                mutation.text().map_or(Ok(()), |(field, text)| check_text(field, text, MAX_CLAUSE_BYTES))
            }
            Content::Redact(erase, _) if erase.is_empty() || erase.len() > MAX_CLAUSES => {
                let message = format!("a redaction erases 1 to {MAX_CLAUSES} texts, not {}", erase.len());
                Err(Error::limit("erase", message))
            }
            Content::Redact(..) => Ok(()),
        }
    }

    /// Whether this made `entry`; an erased text counts as equal.
    fn made(&self, entry: &TrailEntry) -> bool {
        let event = &entry.event;
        let equal = |erasable: &Option<String>, text: &str| erasable.as_deref().is_none_or(|t| t == text);
        let reason_is_equal = match (self.reason, event.reason) {
            (Some(reason), Some(_)) => equal(&entry.reason, reason),
            (None, None) => true,
            _ => false,
        };
        let follows =
            |parent: Option<u64>| parent.is_none_or(|parent| event.parents.first() == Some(&parent));
        reason_is_equal
            && equal(&entry.actor, self.actor)
            && event.directive_path == *self.directive_path
            && event.evidence == self.evidence
            && match self.content {
                Content::Create(clauses) => created(clauses, entry),
                Content::Mutate(mutation, parent) => follows(parent) && mutated(mutation, entry),
                Content::Redact(erase, parent) => {
                    let mut erase = erase.to_vec();
                    erase.sort_unstable();
                    follows(parent) && event.change == Change::Redact { erased: erase }
                }
            }
    }
}

impl Mutation {
    /// The text that it brings, and the name of the field.
    pub(crate) fn text(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Add { text, .. } | Self::Replace { text, .. } => Some((TEXT, text)),
            Self::Annotate { note, .. } => Some((NOTE, note)),
            Self::Remove { .. }
            | Self::Reorder { .. }
            | Self::Merge { .. }
            | Self::Authorize { .. }
            | Self::Revoke { .. } => None,
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

fn mutated(mutation: &Mutation, entry: &TrailEntry) -> bool {
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
            take == t && entry.event.parents.get(1) == Some(other)
        }
        (Mutation::Authorize { key }, Change::Authorize { key: k })
        | (Mutation::Revoke { key }, Change::Revoke { key: k }) => key == k,
        _ => false,
    }
}
