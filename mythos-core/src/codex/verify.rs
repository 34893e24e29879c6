//! Verification of a codex whole: what the events derive, compared with everything that is stored.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::cell::CodexCell;
use super::event::{Change, ErasedOpening};
use super::finding::{Finding, Stop};
use super::history::OperationNumbers;
use super::opening::Opening;
use super::read::{for_each_event, for_each_opened_event};
use super::replay::Replay;
use super::tail::Tail;
use super::write::no_codex;
use super::{
    CodexHead, CodexHeadState, CodexProofOfSymbolEngine, ProofVerificationStatus, StoredCheckpoint,
    SymbolProof,
};
use crate::error::{Error, ErrorKind, Result};
use crate::log::checkpoints;
use crate::log::{FullTile, TILE_BYTES, Tiles, TreeReader, full_tiles, tile_name};
use crate::store::access::{self, Access, MAX_ATTEMPTS};
use crate::store::{
    Answer, Cell, CellName, Cursor, Direction, Filter, Model, Names, Owner, Query, Read, Record, Scalar,
};
use crate::tlog::{self, TreeHash};
use crate::types::{CodexId, Digest, RecordId};

/// What the verification of a codex found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodexVerification {
    /// The codex.
    pub codex: CodexId,
    /// The verdict.
    pub proof_verification_status: ProofVerificationStatus,
    /// How many events were replayed: all of them, if nothing was found.
    pub events: u64,
    /// How many texts, actors and reasons are erased.
    pub redacted: u64,
    /// The head of the hash chain as replayed; `None` if nothing was.
    pub mutation_trail_hash: Option<Digest>,
    /// The root of the Merkle tree as replayed.
    pub tree_root: TreeHash,
    /// The heads as replayed.
    pub heads: Vec<CodexHeadState>,
    /// The first thing that does not follow, if anything does not.
    pub finding: Option<Finding>,
}

/// What the verification of some codices found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerifiedCodices {
    /// What was found of each, by id.
    pub verified: Vec<CodexVerification>,
    /// How many codices there are.
    pub total: u64,
    /// Where the next part begins; `None` when this was the last.
    pub next: Option<Cursor>,
}

/// Verifies a codex whole.
pub(crate) fn verify(engine: &CodexProofOfSymbolEngine, codex: &CodexId) -> Result<CodexVerification> {
    let access = &engine.access;
    let read = |id| -> Result<Option<Record>> {
        let [answer] = access.read([Read::Record { table: CodexHead::TABLE, id }])?;
        access::record(answer)
    };
    for _ in 0..MAX_ATTEMPTS {
        let verifier = Verifier::new(access, codex);
        let id = verifier.owner.id;
        let record = read(id)?.ok_or_else(|| no_codex(codex))?;
        let head = match CodexHead::from_record(&record) {
            Ok(head) => head,
            Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(verifier.unreadable_head(&error)),
            Err(error) => return Err(error),
        };
        if head.format != CodexHead::FORMAT {
            let finding = Finding::new(0, "head.format", CodexHead::FORMAT, head.format);
            return Ok(verifier.verdict(ProofVerificationStatus::Unverifiable, Some(*finding)));
        }
        if let Err(error) = head.check(access.tenant(), codex) {
            return Ok(verifier.unreadable_head(&error));
        }
        // What lies where nothing may is looked for while the head is the same; the log before it stays as it is.
        if let Some(foreign) = foreign(access, &verifier.owner, &head)? {
            let found = verifier.verify(&head, &record, foreign)?;
            // A redaction, a checkpoint or a listing that came meanwhile is no damage: then it is looked at again.
            let is_damage = found.proof_verification_status == ProofVerificationStatus::Tampered;
            if !is_damage || read(id)?.is_none_or(|now| now.version == record.version) {
                return Ok(found);
            }
        }
    }
    Err(Error::conflict(format!("codex {codex} changed {MAX_ATTEMPTS} times while it was being read")))
}

/// Verifies the next codices of a tenant.
pub(crate) fn verify_all(
    engine: &CodexProofOfSymbolEngine,
    after: Option<Cursor>,
    limit: u32,
) -> Result<VerifiedCodices> {
    if !(1..=MAX_VERIFIED).contains(&limit) {
        let message = format!("1 to {MAX_VERIFIED} codices are verified at once, not {limit}");
        return Err(Error::limit("limit", message));
    }
    let access = &engine.access;
    let query = Query::new(CodexHead::TABLE).order_by("codex", Direction::Ascending);
    let page = access.raw_page(query.after(after).limit(limit))?;
    let mut verified = Vec::new();
    for record in &page.items {
        // What the record says is believed no more than that; another's name finds nothing, or is found to be wrong.
        let named = record.body.get("codex").and_then(Value::as_str);
        let codex = named.and_then(|name| name.parse::<CodexId>().ok());
        let is_its_place = |codex: &CodexId| CodexHead::owner(access.tenant(), codex).id == record.id;
        match codex.filter(is_its_place) {
            Some(codex) => match verify(engine, &codex) {
                Ok(verification) => verified.push(verification),
                // It was deleted meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            },
            None => {
                let named =
                    named.unwrap_or("?").chars().filter(|c| !c.is_control()).take(150).collect::<String>();
                let codex = CodexId::new(if named.is_empty() { "?".to_owned() } else { named })?;
                let error = Error::corrupt(format!("record {} is not that of the codex it names", record.id));
                verified.push(Verifier::new(access, &codex).unreadable_head(&error));
            }
        }
    }
    let total = match access.read([Read::Count {
        table: CodexHead::TABLE,
        filters: vec![Filter::equals("tenant", access.tenant().as_str())],
        by: None,
        cap: MAX_COUNTED,
    }])? {
        [Answer::Count { groups, .. }] => groups.iter().map(|group| group.count).sum(),
        _ => return Err(Error::internal("the store gave no count")),
    };
    Ok(VerifiedCodices { verified, total, next: page.next })
}

/// The most codices that are verified in one call.
const MAX_VERIFIED: u32 = 1_000;

/// The most codices that are counted.
const MAX_COUNTED: u64 = 10_000_000;

/// A verification under way.
struct Verifier<'a> {
    access: &'a Access,
    codex: &'a CodexId,
    owner: Owner,
    replay: Replay,
    /// What redactions that were met in the first pass erase.
    erased: BTreeSet<ErasedOpening>,
    erased_count: u64,
    numbers: OperationNumbers,
    /// What was compared a moment ago is believed; what was in memory before is not.
    tiles: Tiles,
}

impl<'a> Verifier<'a> {
    fn new(access: &'a Access, codex: &'a CodexId) -> Self {
        let tail = Tail::new(access.tenant().clone(), codex.clone());
        Self {
            access,
            codex,
            owner: CodexHead::owner(access.tenant(), codex),
            replay: Replay::new(tail),
            erased: BTreeSet::new(),
            erased_count: 0,
            numbers: OperationNumbers::default(),
            tiles: Tiles::new(1 << 20),
        }
    }

    fn unreadable_head(&self, error: &Error) -> CodexVerification {
        let finding = Finding::new(0, "head", "a readable head record of this codex", error);
        self.verdict(ProofVerificationStatus::Tampered, Some(*finding))
    }

    fn verdict(&self, status: ProofVerificationStatus, finding: Option<Finding>) -> CodexVerification {
        let tail = &self.replay.tail;
        CodexVerification {
            codex: self.codex.clone(),
            proof_verification_status: status,
            events: tail.length(),
            redacted: self.erased_count,
            mutation_trail_hash: tail.last(),
            tree_root: tail.edge().root(),
            heads: tail.heads(),
            finding,
        }
    }

    fn verify(mut self, head: &CodexHead, record: &Record, foreign: Foreign) -> Result<CodexVerification> {
        let stop = match foreign {
            Some((field, found)) => Err(Finding::new(head.length, field, "nothing", found).into()),
            None => self.run(head, record),
        };
        match stop {
            Ok(()) if self.erased_count > 0 => Ok(self.verdict(ProofVerificationStatus::Redacted, None)),
            Ok(()) => Ok(self.verdict(ProofVerificationStatus::Verified, None)),
            Err(Stop::Found(finding)) => Ok(self.verdict(ProofVerificationStatus::Tampered, Some(*finding))),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    fn run(&mut self, head: &CodexHead, record: &Record) -> Result<(), Stop> {
        let length = head.length;
        let unreadable = |sequence: u64, error: Error| match error.kind() {
            ErrorKind::Corrupt => Stop::from(Finding::new(sequence, "event", "a readable event", error)),
            _ => Stop::from(error),
        };
        let (mut reached, mut erased) = (0, BTreeSet::new());
        let shape = for_each_event(self.access, self.codex, 0, length, |bytes| {
            if let Change::Redact { erased: openings } = self.replay.expect(bytes)?.change {
                erased.extend(openings);
            }
            reached += 1;
            Ok(())
        });
        shape.map_err(|error| unreadable(reached, error))?;
        self.erased = erased;

        let mut proofs = Proofs::new(head.listed);
        let mut snapshots = Snapshots::read(self.access, &self.owner, head)?;
        let mut found = None;
        let (access, codex) = (self.access, self.codex);
        let replayed = for_each_opened_event(access, codex, 0, length, |bytes, openings| {
            match self.check(&mut proofs, &mut snapshots, bytes, openings) {
                Ok(()) => Ok(()),
                Err(Stop::Failed(error)) => Err(error),
                Err(Stop::Found(finding)) => {
                    found = Some(finding);
                    Err(Error::corrupt("found"))
                }
            }
        });
        if let Some(finding) = found {
            return Err(finding.into());
        }
        replayed.map_err(|error| unreadable(self.replay.tail.length(), error))?;
        proofs.finish(access, codex, length)?;
        self.compare_head(head, record)?;
        self.compare_checkpoints(head)
    }

    /// Follows one event, and compares its openings, its listed proof, and the tiles and the snapshot that end with it.
    fn check(
        &mut self,
        proofs: &mut Proofs,
        snapshots: &mut Snapshots,
        bytes: &[u8],
        openings: &[(u32, Vec<u8>)],
    ) -> Result<(), Stop> {
        let mut full = Vec::new();
        let mut older = |sequence: u64| Err(Error::corrupt(format!("event {sequence} was not expected")));
        let (event, digest) = self.replay.follow(bytes, &mut full, &mut older)?;
        let sequence = event.sequence;
        let commitments = event.commitments();
        for (number, stored) in openings {
            let committed = commitments.iter().find(|(_, committed, _)| committed == number);
            let Some((purpose, _, commitment)) = committed else {
                return Err(Finding::new(sequence, "opening", "none of this number", number).into());
            };
            match Opening::from_bytes(stored) {
                Ok(opening) if opening.opens(purpose, commitment) => {}
                _ => return Err(Finding::new(sequence, purpose, commitment, "another text or salt").into()),
            }
        }
        let mut is_redacted = false;
        for (purpose, number, commitment) in &commitments {
            let is_there = openings.iter().any(|(stored, _)| stored == number);
            match (is_there, self.erased.contains(&ErasedOpening { sequence, opening: *number })) {
                (true, false) => {}
                (false, true) => {
                    self.erased_count += 1;
                    is_redacted = true;
                }
                (true, true) => {
                    return Err(Finding::new(sequence, purpose, "nothing, it was erased", "a text").into());
                }
                (false, false) => {
                    let expected = format!("what opens {commitment}, or its redaction");
                    return Err(Finding::new(sequence, purpose, expected, "nothing").into());
                }
            }
        }
        for tile in full {
            self.compare_tile(sequence, &tile)?;
        }
        snapshots.compare(&mut self.replay.tail)?;
        let number = self.numbers.next(&event);
        let Some(state) = self.replay.tail.state(sequence) else {
            return Err(Error::internal("an event leaves no state").into());
        };
        let expected = SymbolProof::of(&event, digest, state, is_redacted);
        proofs.compare(self.access, &expected, number)
    }

    /// Compares what stored checkpoints say of the log; who signed them is another question.
    fn compare_checkpoints(&self, head: &CodexHead) -> Result<(), Stop> {
        let from = CodexCell::Checkpoint(1, 0).name();
        let until = CodexCell::Checkpoint(head.length.saturating_add(1), 0).name();
        let mut newest = None;
        self.access.for_each_cell(&self.owner, Some(from), Some(until), |cell| {
            let (stored, checkpoint) = checkpoints::read(cell).map_err(|error| {
                Finding::new(head.length - 1, "checkpoint", "a readable checkpoint", error)
            })?;
            let size = checkpoint.checkpoint().size();
            let (expected, found) = (self.root(head, size)?, checkpoint.checkpoint().root());
            if expected != found {
                return Err(Stop::from(Finding::new(size - 1, "checkpoint", expected, found)));
            }
            newest = Some(stored);
            Ok(())
        })?;
        if newest == head.checkpoint {
            return Ok(());
        }
        let name = |it: Option<StoredCheckpoint>| {
            it.map_or_else(|| "none".to_owned(), |it| format!("{}/{}", it.size, it.number))
        };
        Err(Finding::new(head.length - 1, "checkpoint", name(newest), name(head.checkpoint)).into())
    }

    /// The root of the tree over the first `size` events, from tiles that were compared.
    fn root(&self, head: &CodexHead, size: u64) -> Result<TreeHash> {
        let edge = self.replay.tail.edge();
        if size == head.length {
            return Ok(edge.root());
        }
        tlog::root(size, TreeReader::new(self.access, &self.owner, edge, &self.tiles))
    }

    fn compare_tile(&self, sequence: u64, tile: &FullTile) -> Result<(), Stop> {
        let (from, until) = (tile_name(tile.level, tile.index), tile_name(tile.level, tile.index + 1));
        let names = Names::Range { from: Some(from), until: Some(until), limit: 2, reverse: false };
        let (cells, more) = self.access.cells(self.owner.clone(), names, 2 * TILE_BYTES as u64)?;
        if let Some(other) = cells.iter().find(|cell| cell.name != from) {
            return Err(Finding::new(sequence, "cell", "nothing", other.name).into());
        }
        let found = cells.first().filter(|_| !more).map(|cell| Digest::of(&cell.bytes));
        let expected = Digest::of(&tile.bytes);
        if found == Some(expected) {
            return Ok(());
        }
        let found = found.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
        let field = format!("tile/{}/{}", tile.level, tile.index);
        Err(Finding::new(sequence, &field, expected, found).into())
    }

    /// Compares the head record with what was replayed.
    fn compare_head(&self, head: &CodexHead, record: &Record) -> Result<(), Stop> {
        let tail = &self.replay.tail;
        let last = head.length.saturating_sub(1);
        let mut expected = CodexHead::of(tail, &head.tenant, &head.codex, Some(head))
            .map_err(|error| Finding::new(last, "heads", "a head that can be written", error))?;
        // What is kept beside the log was compared where it lies.
        expected.listed = head.listed.min(head.length);
        compare_bodies(last, &expected.to_body()?, &record.body)
    }
}

/// Compares the body of a record, with whatever members it has, with the one that is derived.
fn compare_bodies(
    sequence: u64,
    expected: &Map<String, Value>,
    found: &Map<String, Value>,
) -> Result<(), Stop> {
    let mut names = expected.keys().chain(found.keys());
    let Some(field) = names.find(|name| expected.get(*name) != found.get(*name)) else { return Ok(()) };
    let value =
        |of: &Map<String, Value>| of.get(field).map_or_else(|| "none".to_owned(), ToString::to_string);
    Err(Finding::new(sequence, field, value(expected), value(found)).into())
}

/// The stored snapshots, by the length of the log that they tell of.
struct Snapshots(BTreeMap<u64, Digest>);

impl Snapshots {
    fn read(access: &Access, owner: &Owner, head: &CodexHead) -> Result<Self, Stop> {
        let mut snapshots = BTreeMap::new();
        let (from, until) = (CodexCell::Snapshot(0).name(), CodexCell::Snapshot(u64::MAX).name());
        access.for_each_cell(owner, Some(from), Some(until), |Cell { name, bytes }| {
            match CodexCell::of(name) {
                Some(CodexCell::Snapshot(length)) if (1..=head.length).contains(&length) => {
                    snapshots.insert(length, Digest::of(bytes));
                    Ok(())
                }
                _ => Err(Stop::from(Finding::new(head.length, "snapshot", "none of this name", name))),
            }
        })?;
        if head.snapshot > 0 && !snapshots.contains_key(&head.snapshot) {
            return Err(
                Finding::new(head.snapshot - 1, "snapshot", "the one that the head names", "none").into()
            );
        }
        Ok(Self(snapshots))
    }

    /// Compares the snapshot that tells of the log as it is now, if there is one.
    fn compare(&mut self, tail: &mut Tail) -> Result<(), Stop> {
        let length = tail.length();
        let Some(found) = self.0.remove(&length) else { return Ok(()) };
        let bytes = tail.to_snapshot()?;
        let expected = Digest::of(&bytes);
        if expected != found {
            return Err(Finding::new(length - 1, "snapshot", expected, found).into());
        }
        tail.note_snapshot(bytes.len() as u64);
        Ok(())
    }
}

/// The listed proofs of a codex in order, read ahead.
struct Proofs {
    ahead: VecDeque<Listed>,
    /// How many events, from the first on, must have one; of later ones, some do.
    listed: u64,
    next: u64,
    at_end: bool,
    /// How many were compared.
    compared: u64,
}

/// A listed proof as it is stored.
struct Listed {
    id: RecordId,
    sequence: u64,
    body: Map<String, Value>,
}

impl Proofs {
    const fn new(listed: u64) -> Self {
        Self { ahead: VecDeque::new(), listed, next: 0, at_end: false, compared: 0 }
    }

    /// Compares the proof of an event that is the `number`th of its operation.
    fn compare(&mut self, access: &Access, expected: &SymbolProof, number: u64) -> Result<(), Stop> {
        let sequence = expected.sequence;
        if self.ahead.is_empty() && !self.at_end {
            self.ahead = read_proofs(access, &expected.codex, self.next)?.into();
            self.at_end = self.ahead.is_empty();
        }
        let is_here = self.ahead.front().is_some_and(|proof| proof.sequence <= sequence);
        let Some(found) = is_here.then(|| self.ahead.pop_front()).flatten() else {
            if sequence < self.listed || number == 0 {
                return Err(Finding::new(sequence, "proof", "a listed proof", "none").into());
            }
            return Ok(());
        };
        self.next = sequence + 1;
        self.compared += 1;
        // Under another id, a repetition of the operation would not find it.
        let expected_id = SymbolProof::record_id(access.tenant(), &expected.operation, number);
        if found.id != expected_id {
            return Err(Finding::new(sequence, "proof.id", expected_id, found.id).into());
        }
        compare_bodies(sequence, &expected.to_body()?, &found.body)
    }

    /// Finds proofs that were not met: a second one of an event, or one of none. Events appended since the head was read
    /// have proofs that this replay does not reach.
    fn finish(&mut self, access: &Access, codex: &CodexId, length: u64) -> Result<(), Stop> {
        let below = Some(Scalar::Integer(i64::try_from(length).unwrap_or(i64::MAX)));
        let filters = vec![
            Filter::equals("tenant", access.tenant().as_str()),
            Filter::equals("codex", codex.as_str()),
            Filter::Range { field: "sequence".to_owned(), min: None, below },
        ];
        let cap = self.compared.saturating_add(1);
        let answers = access.read([Read::Count { table: SymbolProof::TABLE, filters, by: None, cap }])?;
        let [Answer::Count { groups, .. }] = answers else {
            return Err(Error::internal("the store gave no count").into());
        };
        let found: u64 = groups.iter().map(|group| group.count).sum();
        if found == self.compared {
            return Ok(());
        }
        let expected = format!("{} proofs", self.compared);
        Err(Finding::new(length.saturating_sub(1), "proof", expected, "more").into())
    }
}

fn read_proofs(access: &Access, codex: &CodexId, from: u64) -> Result<Vec<Listed>, Stop> {
    let min = Some(Scalar::Integer(i64::try_from(from).unwrap_or(i64::MAX)));
    let query = Query::new(SymbolProof::TABLE)
        .filter(Filter::equals("codex", codex.as_str()))
        .filter(Filter::Range { field: "sequence".to_owned(), min, below: None })
        .order_by("sequence", Direction::Ascending)
        .limit(500);
    let records = access.raw_page(query)?.items;
    let proofs = records.into_iter().zip(from..).map(|(record, at)| {
        let proof = SymbolProof::from_record(&record)
            .map_err(|error| Finding::new(at, "proof", "a readable listed proof", error))?;
        Ok(Listed { id: record.id, sequence: proof.sequence, body: record.body })
    });
    proofs.collect()
}

/// Something that lies behind the end of the log, or under a name that no cell has: what, and where.
type Foreign = Option<(&'static str, String)>;

/// Looks for it in one snapshot of the store; `None` if the head has moved since it was read.
fn foreign(access: &Access, owner: &Owner, head: &CodexHead) -> Result<Option<Foreign>> {
    let gaps = gaps(head);
    let mut reads = vec![Read::Record { table: CodexHead::TABLE, id: owner.id }];
    reads.push(Read::Page(later_proofs(access, head)));
    // Nothing is to be found there, so not one byte needs to be read: `more` tells.
    let empty = |(from, until)| Names::Range { from, until, limit: 1, reverse: false };
    reads.extend(gaps.iter().map(|gap| Read::Cells {
        owner: owner.clone(),
        names: empty(*gap),
        max_bytes: 0,
    }));
    let mut answers = access.read_all(&reads)?.into_iter();
    let mut next = || answers.next().ok_or_else(|| Error::internal("the store gave too few answers"));
    if access::stored::<CodexHead>(next()?)?.is_none_or(|stored| stored.model != *head) {
        return Ok(None);
    }
    if let Answer::Page { records } = next()?
        && let Some(record) = records.first()
    {
        return Ok(Some(Some(("proof", record.id.to_string()))));
    }
    for (from, until) in gaps {
        let (cells, more) = access::cells(next()?)?;
        if more || !cells.is_empty() {
            let bound = |name: Option<CellName>| name.map_or_else(String::new, |name| name.to_string());
            return Ok(Some(Some(("cell", format!("one from {} until {}", bound(from), bound(until))))));
        }
    }
    Ok(Some(None))
}

/// Listed proofs of events that the log does not have.
fn later_proofs(access: &Access, head: &CodexHead) -> Query {
    let min = Some(Scalar::Integer(i64::try_from(head.length).unwrap_or(i64::MAX)));
    Query::new(SymbolProof::TABLE)
        .filter(Filter::equals("tenant", access.tenant().as_str()))
        .filter(Filter::equals("codex", head.codex.as_str()))
        .filter(Filter::Range { field: "sequence".to_owned(), min, below: None })
        .order_by("sequence", Direction::Descending)
        .limit(1)
}

/// The ranges of names in which a log of this length, which is not empty, has no cells.
fn gaps(head: &CodexHead) -> Vec<(Option<CellName>, Option<CellName>)> {
    let length = head.length;
    let behind = length.saturating_add(1);
    let mut gaps = vec![
        (None, Some(CodexCell::Checkpoint(1, 0).name())),
        (Some(CodexCell::Checkpoint(behind, 0).name()), Some(CodexCell::Event(0).name())),
        (CodexCell::Event(length - 1).name().successor(), Some(CodexCell::Opening(0, 0).name())),
        (Some(CodexCell::Opening(length, 0).name()), Some(CodexCell::Snapshot(1).name())),
    ];
    // Names of snapshots are far shorter than the longest.
    let mut from = CodexCell::Snapshot(length).name().successor();
    for (level, count) in full_tiles(length) {
        gaps.push((from, Some(tile_name(level, 0))));
        from = Some(tile_name(level, count));
    }
    gaps.push((from, None));
    gaps
}
