//! Evidence bundles: one file that proves what a clause said at a checkpoint, and which directives led to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cell::CodexCell;
use super::event::{Change, Event};
use super::opening::{ACTOR_OPENING, FIRST_TEXT_OPENING, NOTE, Opening, REASON_OPENING, TEXT};
use super::state::{clause_digest, codex_root};
use super::tree;
use super::{ChangeKind, CodexHead, CodexProofOfSymbolEngine, DirectivePath, Moment};
use crate::error::{Error, Result};
use crate::log::checkpoints;
use crate::store::{MAX_CELL_BYTES, Names};
use crate::tlog::{InclusionProof, Policy, SignedCheckpoint, TreeHash, Verdict};
use crate::types::{ClauseId, CodexId, Commitment, Digest, TenantId, Timestamp};

/// A proof that a clause had a text under a codex at a checkpoint, reached by directives.
///
/// It is checked offline, against keys that whoever checks it knows. Its text form is JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceBundle {
    /// `mythos codex evidence v1`.
    pub format: String,
    /// The checkpoint, a signed note.
    pub checkpoint: String,
    /// The clause.
    pub clause: ClauseId,
    /// The place of the clause among those of the state after the checkpoint's last event.
    pub position: u64,
    /// How many clauses that state has.
    pub clauses: u64,
    /// The siblings on the way from the clause's digest to the root over all, the lowest first.
    pub path: Vec<Digest>,
    /// The event that gave the clause its text, those that gave it its notes, oldest first, and the last event of the
    /// checkpoint; each once, ascending.
    pub events: Vec<EvidenceEvent>,
}

/// An event of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceEvent {
    /// Its position.
    pub index: u64,
    /// The bytes that are hashed, in base64.
    pub event: String,
    /// The hashes that prove that it is in the checkpoint's log, in base64 (RFC 6962 §2.1.1).
    pub inclusion: Vec<TreeHash>,
    /// What is disclosed of its texts, by number: 0 for the actor, 1 for the reason, from 2 on for texts and notes.
    pub openings: BTreeMap<u32, Opening>,
}

/// What to disclose beside the text and the notes of the clause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Disclosure {
    /// Who made the changes.
    pub actors: bool,
    /// Why.
    pub reasons: bool,
}

/// What a bundle proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenClause {
    /// Whose codex it is.
    pub tenant: TenantId,
    /// The codex.
    pub codex: CodexId,
    /// The origin of the checkpoint.
    pub origin: String,
    /// How many events it speaks of.
    pub size: u64,
    /// The root of the codex there.
    pub codex_root: Digest,
    /// The clause.
    pub clause: ClauseId,
    /// Its text; `None` if it is not disclosed, or erased.
    pub text: Option<String>,
    /// Its notes, oldest first.
    pub notes: Vec<Option<String>>,
    /// The event that gave it its text, and those that gave it its notes.
    pub origins: Vec<ProvenOrigin>,
    /// The names of the witnesses that cosigned.
    pub witnesses: Vec<String>,
}

/// An event that gave a clause a text or a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenOrigin {
    /// Its position.
    pub sequence: u64,
    /// What it did.
    pub change: ChangeKind,
    /// The directives that led to it.
    pub directive_path: DirectivePath,
    /// Who made it, if disclosed.
    pub actor: Option<String>,
    /// Why, if disclosed.
    pub reason: Option<String>,
    /// When.
    pub recorded_at: Timestamp,
}

impl EvidenceBundle {
    /// What [`format`](Self::format) says.
    pub const FORMAT: &str = "mythos codex evidence v1";
    /// The longest text form, in bytes: 64 MiB.
    pub const MAX_BYTES: usize = 64 << 20;

    /// The text form.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal): none that is known of.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|error| Error::internal("a bundle has no JSON form").with_source(error))
    }

    /// Reads the text form. Nothing in it may be believed before [`verify`](Self::verify).
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) over [`MAX_BYTES`](Self::MAX_BYTES);
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `bundle`, for anything else.
    pub fn from_json(text: &str) -> Result<Self> {
        if text.len() > Self::MAX_BYTES {
            let message = format!("a bundle has at most {} bytes, not {}", Self::MAX_BYTES, text.len());
            return Err(Error::limit("bundle", message));
        }
        let bundle: Self = serde_json::from_str(text)
            .map_err(|error| Error::invalid("bundle", format!("not an evidence bundle: {error}")))?;
        if bundle.format != Self::FORMAT {
            return Err(Error::invalid("bundle", format!("the format {:?} is not known", bundle.format)));
        }
        Ok(bundle)
    }

    /// Verifies the bundle against the keys of `policy`, and gives what it proves. Nothing else is needed: no store, no
    /// network.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if anything does not follow from the checkpoint, or that is not
    /// signed as the policy asks; the message says what.
    pub fn verify(&self, policy: &Policy) -> Result<ProvenClause> {
        let refused = |what: String| Error::corrupt(format!("the evidence is not sound: {what}"));
        let checkpoint = SignedCheckpoint::parse(self.checkpoint.as_bytes())
            .map_err(|error| refused("its checkpoint cannot be read".to_owned()).with_source(error))?;
        let verdict: Verdict = policy.evaluate(&checkpoint)?;
        if !verdict.is_met() {
            return Err(refused("its checkpoint is not signed as the policy asks".to_owned()));
        }
        let told = checkpoint.checkpoint();
        let mut events = Vec::new();
        for event in &self.events {
            let proven = event.verify(told.size(), &told.root());
            events.push(proven.map_err(|error| refused(format!("event {}: {error}", event.index)))?);
        }
        let Some((last, _)) =
            events.last().filter(|(last, _)| last.sequence.checked_add(1) == Some(told.size()))
        else {
            return Err(refused("the checkpoint's last event is not among its events".to_owned()));
        };
        if !events.is_sorted_by(|(a, _), (b, _)| a.sequence < b.sequence) {
            return Err(refused("its events are not in order".to_owned()));
        }
        if events.iter().any(|(event, _)| (&event.tenant, &event.codex) != (&last.tenant, &last.codex)) {
            return Err(refused("its events are of several codices".to_owned()));
        }
        let names = [last.tenant.as_str(), last.codex.as_str()];
        if !told.origin().ends_with(&checkpoints::origin("", &names)) {
            let (origin, codex) = (told.origin(), &last.codex);
            return Err(refused(format!("the log {origin:?} does not speak for codex {codex}")));
        }
        let sources: Vec<Source<'_>> =
            events.iter().filter_map(|(event, openings)| source(event, openings, &self.clause)).collect();
        let (texts, notes): (Vec<_>, Vec<_>) = sources.iter().partition(|source| source.purpose == TEXT);
        let [text] = texts[..] else {
            return Err(refused(format!("{} events give the clause a text, not one", texts.len())));
        };
        let digest = clause_digest(&self.clause, &text.commitment, notes.iter().map(|note| &note.commitment));
        let root = tree::root_of(digest, self.position, self.clauses, &self.path);
        let root = root.map(|root| codex_root(self.clauses, Some(root)));
        if root != Some(last.codex_after) {
            return Err(refused(format!("clause {} does not lead to the codex root", self.clause)));
        }
        Ok(ProvenClause {
            tenant: last.tenant.clone(),
            codex: last.codex.clone(),
            origin: told.origin().to_owned(),
            size: told.size(),
            codex_root: last.codex_after,
            clause: self.clause.clone(),
            text: text.value.cloned(),
            notes: notes.iter().map(|note| note.value.cloned()).collect(),
            origins: sources.iter().map(Source::origin).collect(),
            witnesses: verdict.witnesses.into_iter().map(|witness| witness.name).collect(),
        })
    }
}

/// An event that gave a clause a text or a note, verified.
struct Source<'a> {
    event: &'a Event,
    purpose: &'static str,
    commitment: Commitment,
    value: Option<&'a String>,
    actor: Option<&'a String>,
    reason: Option<&'a String>,
}

impl Source<'_> {
    fn origin(&self) -> ProvenOrigin {
        ProvenOrigin {
            sequence: self.event.sequence,
            change: self.event.change.kind(),
            directive_path: self.event.directive_path.clone(),
            actor: self.actor.cloned(),
            reason: self.reason.cloned(),
            recorded_at: self.event.recorded_at,
        }
    }
}

/// What an event gave the clause, if it gave it something.
fn source<'a>(
    event: &'a Event,
    openings: &'a BTreeMap<u32, Opening>,
    clause: &ClauseId,
) -> Option<Source<'a>> {
    let (purpose, commitment, number) = match &event.change {
        Change::Create { clauses } => {
            let mut clauses = clauses.iter().zip(FIRST_TEXT_OPENING..);
            let (new, number) = clauses.find(|(new, _)| new.clause == *clause)?;
            (TEXT, new.text, number)
        }
        Change::Add { clause: of, text, .. } | Change::Replace { clause: of, text } if of == clause => {
            (TEXT, *text, FIRST_TEXT_OPENING)
        }
        Change::Annotate { clause: of, note } if of == clause => (NOTE, *note, FIRST_TEXT_OPENING),
        _ => return None,
    };
    let value = |number: u32| openings.get(&number).map(|opening| &opening.value);
    let (actor, reason) = (value(ACTOR_OPENING), value(REASON_OPENING));
    Some(Source { event, purpose, commitment, value: value(number), actor, reason })
}

impl EvidenceEvent {
    /// Verifies that it is in the log, and that what is disclosed is what was committed to.
    fn verify(&self, size: u64, root: &TreeHash) -> Result<(Event, &BTreeMap<u32, Opening>)> {
        let bytes = crate::tlog::decode_base64("event", &self.event)?;
        let event = Event::from_bytes(&bytes)?;
        if event.sequence != self.index {
            return Err(Error::corrupt(format!("it says that it is event {}", event.sequence)));
        }
        let proof = InclusionProof { index: self.index, size, hashes: self.inclusion.clone() };
        proof.verify(&Event::leaf(&Event::digest(&bytes)), root)?;
        let commitments = event.commitments();
        for (number, opening) in &self.openings {
            let committed = commitments.iter().find(|(_, committed, _)| committed == number);
            if !committed.is_some_and(|(purpose, _, commitment)| opening.opens(purpose, commitment)) {
                return Err(Error::corrupt(format!(
                    "what it discloses as text {number} is not what was said"
                )));
            }
        }
        Ok((event, &self.openings))
    }
}

impl CodexProofOfSymbolEngine {
    /// Proves what a clause says after the last event of a checkpoint, with its text and notes as far as they are not
    /// erased, and what else is to be disclosed.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such codex, or no such clause then;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `checkpoint`, if it is not of this log.
    pub fn evidence(
        &self,
        codex: &CodexId,
        clause: &ClauseId,
        checkpoint: &SignedCheckpoint,
        disclosure: Disclosure,
    ) -> Result<EvidenceBundle> {
        let tree = self.tree(codex)?;
        tree.check_is_of(checkpoint)?;
        let size = checkpoint.checkpoint().size();
        let (last, _, state) = self.past(tree.head(), Moment::Checkpoint(size))?;
        let Some(position) = state.position(clause) else {
            let message = format!("codex {codex} had no clause {clause} after {size} events");
            return Err(Error::not_found(message).with_field("clause"));
        };
        let found = &state.clauses()[position];
        let texts = || std::iter::once(&found.text).chain(&found.notes);
        let mut numbers: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for text in texts() {
            let wanted = numbers.entry(text.sequence).or_default();
            wanted.push(text.opening);
            wanted.extend(disclosure.actors.then_some(ACTOR_OPENING));
            wanted.extend(disclosure.reasons.then_some(REASON_OPENING));
        }
        numbers.entry(last).or_default();
        let owner = CodexHead::owner(self.access.tenant(), codex);
        let mut events = Vec::new();
        for (index, numbers) in numbers {
            let mut names = vec![CodexCell::Event(index).name()];
            names.extend(numbers.iter().map(|number| CodexCell::Opening(index, *number).name()));
            let (cells, _) =
                self.access.cells(owner.clone(), Names::These { names }, MAX_CELL_BYTES as u64)?;
            let (mut event, mut openings) = (None, BTreeMap::new());
            for cell in cells {
                match CodexCell::of(&cell.name) {
                    Some(CodexCell::Opening(_, number)) => {
                        openings.insert(number, Opening::from_bytes(&cell.bytes)?);
                    }
                    _ => event = Some(crate::tlog::encode_base64(&cell.bytes)),
                }
            }
            let missing = || Error::corrupt(format!("event {index} of codex {codex} is missing"));
            let inclusion = tree.inclusion(index, Some(size))?.hashes;
            events.push(EvidenceEvent { index, event: event.ok_or_else(missing)?, inclusion, openings });
        }
        Ok(EvidenceBundle {
            format: EvidenceBundle::FORMAT.to_owned(),
            checkpoint: checkpoint.to_string(),
            clause: clause.clone(),
            position: position as u64,
            clauses: state.clauses().len() as u64,
            path: state.path(position),
            events,
        })
    }
}
