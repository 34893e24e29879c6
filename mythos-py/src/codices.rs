//! `CodexProofOfSymbolEngine`: rule books.

use std::path::PathBuf;

use mythos_core::codex::{self as core, Disclosure, Moment};
use mythos_core::tlog::{NoteSigner, Policy, SignedCheckpoint};
use mythos_core::types::{ClauseId, CodexId, Timestamp};
use mythos_core::{Error, ErrorKind};
use pyo3::prelude::*;

use crate::call::{answer, call};
use crate::codex_tree::CodexTree;
use crate::convert::{self, arguments};
use crate::folder::Folder;
use crate::{errors, tlog};

/// The tamper-evident log of every change to the rules. Every method may be called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct CodexProofOfSymbolEngine(pub(crate) core::CodexProofOfSymbolEngine);

#[pymethods]
impl CodexProofOfSymbolEngine {
    /// Begins a codex and returns the proof of its first event. With the same `operation`, a repetition is harmless.
    #[pyo3(signature = (
        codex, clauses, *, directive_path, actor, reason = None, evidence = None, operation = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn create<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        clauses: &Bound<'py, PyAny>,
        directive_path: &Bound<'py, PyAny>,
        actor: &Bound<'py, PyAny>,
        reason: Option<&Bound<'py, PyAny>>,
        evidence: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let create: core::CreateCodex = convert::request(
            py,
            arguments![codex, clauses, directive_path, actor, reason, evidence, operation],
        )?;
        answer(py, || self.0.create(&create))
    }

    /// Appends a mutation to a codex's log and returns its proof. Nothing is changed if this fails.
    ///
    /// `parent` is the position of the event that it follows, by default the only head; one that is no head makes a
    /// branch. With the same `operation`, a repetition is harmless.
    #[pyo3(signature = (
        codex, mutation, *, directive_path, actor, parent = None, reason = None, evidence = None, operation = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn mutate<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        mutation: &Bound<'py, PyAny>,
        directive_path: &Bound<'py, PyAny>,
        actor: &Bound<'py, PyAny>,
        parent: Option<&Bound<'py, PyAny>>,
        reason: Option<&Bound<'py, PyAny>>,
        evidence: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mutate: core::MutateCodex = convert::request(
            py,
            arguments![codex, mutation, parent, directive_path, actor, reason, evidence, operation],
        )?;
        answer(py, || self.0.mutate(&mutate))
    }

    /// Appends many mutations in one commit, each of which follows from the one before: all of them, or none.
    ///
    /// `mutations` are 1 to 4,096. `listing` says whether their proofs are listed at once, which is the default, or with
    /// the next `list_pending`. With the same `operation`, a repetition is harmless.
    #[pyo3(signature = (codex, mutations, *, listing = None, operation = None))]
    fn mutate_all<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        mutations: &Bound<'py, PyAny>,
        listing: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let batch: core::MutationBatch =
            convert::request(py, arguments![codex, mutations, listing, operation])?;
        answer(py, || self.0.mutate_all(&batch))
    }

    /// Erases texts, actors or reasons for good, in one commit with the event that says so, and returns its proof. Every
    /// proof stays valid.
    ///
    /// `erase` is what `openings_of_clause` and `openings_of_actor` give, or a part of it. `Mythos.maintain`, until it is
    /// done, then drops what the store's file may still hold of them.
    #[pyo3(signature = (
        codex, erase, *, directive_path, actor, parent = None, reason = None, operation = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn redact<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        erase: &Bound<'py, PyAny>,
        directive_path: &Bound<'py, PyAny>,
        actor: &Bound<'py, PyAny>,
        parent: Option<&Bound<'py, PyAny>>,
        reason: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let redact: core::RedactCodex =
            convert::request(py, arguments![codex, erase, parent, directive_path, actor, reason, operation])?;
        answer(py, || self.0.redact(&redact))
    }

    /// The texts and notes that a clause ever had, and that are not erased: what `redact` takes.
    fn openings_of_clause<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        clause: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        let clause: ClauseId = convert::argument("clause", clause)?;
        answer(py, || self.0.openings_of_clause(&codex, &clause))
    }

    /// Where a codex names this actor: what `redact` takes.
    fn openings_of_actor<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        actor: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        let actor: String = convert::argument("actor", actor)?;
        answer(py, || self.0.openings_of_actor(&codex, &actor))
    }

    /// Lists the proofs of the next events that have none yet, at most `limit` (1 to 10,000); gives how many are left.
    #[pyo3(signature = (codex, *, limit = 1_000))]
    fn list_pending(&self, py: Python<'_>, codex: &Bound<'_, PyAny>, limit: u32) -> PyResult<u64> {
        let codex: CodexId = convert::argument("codex", codex)?;
        call(py, || self.0.list_pending(&codex, limit))
    }

    /// The head of a codex: its length, its chain, and the root that assistants are aligned with.
    fn codex<'py>(&self, py: Python<'py>, codex: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.codex(&codex))
    }

    /// Lists codices by id. `after` is the `next` of the page before.
    #[pyo3(signature = (*, after = None, limit = 100))]
    fn codices<'py>(
        &self,
        py: Python<'py>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let after = convert::optional("after", after)?;
        answer(py, || self.0.codices(after, limit))
    }

    /// The clauses of a codex with their texts, as they stand at its only head, or at the head at position `head`.
    #[pyo3(signature = (codex, *, head = None))]
    fn clauses<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        head: Option<u64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.clauses(&codex, head))
    }

    /// What a codex said after the event at position `sequence`, after the last event that a `checkpoint` of this size
    /// speaks of, or after the last event recorded at `time` or before: one of the three.
    #[pyo3(signature = (codex, *, sequence = None, checkpoint = None, time = None))]
    fn state_at<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        sequence: Option<u64>,
        checkpoint: Option<u64>,
        time: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        let time: Option<Timestamp> = convert::optional("time", time)?;
        let moment = match (sequence, checkpoint, time) {
            (Some(sequence), None, None) => Moment::Sequence(sequence),
            (None, Some(size), None) => Moment::Checkpoint(size),
            (None, None, Some(time)) => Moment::Time(time),
            _ => {
                let message = "a moment is one of sequence, checkpoint and time: give exactly one";
                return Err(errors::new(py, ErrorKind::Invalid, message, Some("moment")));
            }
        };
        answer(py, || self.0.state_at(&codex, moment))
    }

    /// What changed from one moment to another, by clause: those that are there after, in order, then those that are
    /// gone.
    fn diff<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        before: &Bound<'py, PyAny>,
        after: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        let before: Moment = convert::argument("before", before)?;
        let after: Moment = convert::argument("after", after)?;
        answer(py, || self.0.diff(&codex, before, after))
    }

    /// Which events gave a clause what it says now, at the only head, or at the head at position `head`.
    #[pyo3(signature = (codex, clause, *, head = None))]
    fn blame<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        clause: &Bound<'py, PyAny>,
        head: Option<u64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        let clause: ClauseId = convert::argument("clause", clause)?;
        answer(py, || self.0.blame(&codex, &clause, head))
    }

    /// The trail of a codex from position `start`, oldest first. `start` goes on at the `next` of the page before.
    #[pyo3(signature = (codex, *, start = 0, limit = 100))]
    fn trail<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        start: u64,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.trail(&codex, start, limit))
    }

    /// Lists proofs that pass all of the filters, newest first: by position if a codex and no time is named, otherwise by
    /// time. `after` is the `next` of the page before.
    #[pyo3(signature = (
        *, codex = None, clause = None, change = None, directive_prefix = None, status = None, since = None,
        before = None, after = None, limit = 100
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn list<'py>(
        &self,
        py: Python<'py>,
        codex: Option<&Bound<'py, PyAny>>,
        clause: Option<&Bound<'py, PyAny>>,
        change: Option<&Bound<'py, PyAny>>,
        directive_prefix: Option<&Bound<'py, PyAny>>,
        status: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: core::ProofFilter =
            convert::request(py, arguments![codex, clause, change, directive_prefix, status, since, before])?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.list(&filter, after, limit))
    }

    /// Verifies a codex whole: replays every event, and compares every state, digest, text and listed proof with what
    /// the replay derives. Damage is not an error but a finding.
    fn verify<'py>(&self, py: Python<'py>, codex: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.verify(&codex))
    }

    /// Verifies the next codices whole, by id; at most `limit`, 1 to 1,000. `after` is the `next` of the part before.
    #[pyo3(signature = (*, after = None, limit = 100))]
    fn verify_all<'py>(
        &self,
        py: Python<'py>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let after = convert::optional("after", after)?;
        answer(py, || self.0.verify_all(after, limit))
    }

    /// Verifies one event with everything that speaks for it, step by step. Damage is not an error but a step that does
    /// not hold.
    fn verify_event<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        sequence: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.verify_event(&codex, sequence))
    }

    /// Verifies a codex whole, and compares it with signed checkpoints: those that are stored, and those that the caller
    /// `pinned` elsewhere, out of reach of who can write the store. `policy` says whose signatures count.
    #[pyo3(signature = (codex, policy, *, pinned = None))]
    fn verify_against<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        policy: &Bound<'py, PyAny>,
        pinned: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        let policy: Policy = convert::argument("policy", policy)?;
        let pinned: Vec<SignedCheckpoint> = convert::optional("pinned", pinned)?.unwrap_or_default();
        answer(py, || self.0.verify_against(&codex, &policy, &pinned))
    }

    /// The Merkle tree over a codex's events, as its head is now.
    fn tree(&self, py: Python<'_>, codex: &Bound<'_, PyAny>) -> PyResult<CodexTree> {
        let codex: CodexId = convert::argument("codex", codex)?;
        call(py, || self.0.tree(&codex)).map(CodexTree)
    }

    /// The origin of a codex's checkpoints, which is also the name of the key that signs them.
    fn origin(&self, py: Python<'_>, codex: &Bound<'_, PyAny>) -> PyResult<String> {
        let codex: CodexId = convert::argument("codex", codex)?;
        call(py, || Ok::<_, Error>(self.0.origin(&codex)))
    }

    /// Signs a checkpoint of all events of a codex, stores it, and returns it: a signed note. One of the `signers` is
    /// called as the codex's `origin`.
    fn checkpoint(
        &self,
        py: Python<'_>,
        codex: &Bound<'_, PyAny>,
        signers: &Bound<'_, PyAny>,
    ) -> PyResult<String> {
        let codex: CodexId = convert::argument("codex", codex)?;
        let signers = tlog::signers(signers)?;
        call(py, || {
            let signers: Vec<&dyn NoteSigner> = signers.iter().map(|signer| &**signer).collect();
            self.0.checkpoint(&codex, &signers).map(|signed| signed.to_string())
        })
    }

    /// Stores a checkpoint of a codex that came from elsewhere, such as one with the cosignatures of witnesses, if it is
    /// of this log. Its signatures are verified when it is used.
    fn add_checkpoint<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        checkpoint: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        let checkpoint: SignedCheckpoint = convert::argument("checkpoint", checkpoint)?;
        answer(py, || self.0.add_checkpoint(&codex, &checkpoint))
    }

    /// The stored checkpoints of a codex, the newest first; at most `limit`, 1 to 1,000.
    #[pyo3(signature = (codex, *, limit = 100))]
    fn checkpoints<'py>(
        &self,
        py: Python<'py>,
        codex: &Bound<'py, PyAny>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let codex: CodexId = convert::argument("codex", codex)?;
        answer(py, || self.0.checkpoints(&codex, limit))
    }

    /// Writes a codex's log below `directory` as static files that clients of C2SP tlog-tiles can follow: entry bundles,
    /// tiles, the events if `with_events`, and last the file `checkpoint`.
    ///
    /// `had` is the size of the log that an earlier export wrote there, 0 for none: only what is new since is written. Each
    /// file takes its name once it is whole. After a power loss, export everything again.
    #[pyo3(signature = (codex, checkpoint, directory, *, had = 0, with_events = false))]
    fn export(
        &self,
        py: Python<'_>,
        codex: &Bound<'_, PyAny>,
        checkpoint: &Bound<'_, PyAny>,
        directory: PathBuf,
        had: u64,
        with_events: bool,
    ) -> PyResult<()> {
        let codex: CodexId = convert::argument("codex", codex)?;
        let checkpoint: SignedCheckpoint = convert::argument("checkpoint", checkpoint)?;
        call(py, || {
            let folder = Folder::new(directory);
            self.0.export(&codex, &checkpoint, had, with_events, |file| folder.write(&file))
        })
    }

    /// Proves what a clause says after the last event of a checkpoint, as one JSON text that anyone can verify offline,
    /// with its text and notes as far as they are not erased.
    ///
    /// `actors` and `reasons` disclose who made its changes, and why.
    #[pyo3(signature = (codex, clause, checkpoint, *, actors = false, reasons = false))]
    fn evidence(
        &self,
        py: Python<'_>,
        codex: &Bound<'_, PyAny>,
        clause: &Bound<'_, PyAny>,
        checkpoint: &Bound<'_, PyAny>,
        actors: bool,
        reasons: bool,
    ) -> PyResult<String> {
        let codex: CodexId = convert::argument("codex", codex)?;
        let clause: ClauseId = convert::argument("clause", clause)?;
        let checkpoint: SignedCheckpoint = convert::argument("checkpoint", checkpoint)?;
        let disclosure = Disclosure { actors, reasons };
        call(py, || self.0.evidence(&codex, &clause, &checkpoint, disclosure)?.to_json())
    }
}
