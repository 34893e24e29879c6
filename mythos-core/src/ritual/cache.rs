use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::cell_name;
use super::frame::FrameCodec;
use super::{
    CompressedRitual, Encoding, MAX_PAYLOAD_BYTES, RitualHead, StoredFrame, SymbolicIntent, entropy_score,
};
use crate::error::{Error, ErrorKind, Result};
use crate::store::access::{self, Access, MAX_ATTEMPTS, Page, Stored};
use crate::store::{
    Batch, CellOp, Cursor, Direction, Expect, Filter, MAX_CELL_BYTES, Model, Names, Query, Read, Scalar,
};
use crate::types::{
    AssistantId, Commitment, Digest, EntryId, MAX_SAFE_INTEGER, OperationId, RecordId, RitualId, Salt,
    Timestamp,
};

/// The purpose under which payloads are committed to.
const PAYLOAD: &str = "ritual payload";

/// How many entries one step of a search for a good one looks at.
const SEARCH_PAGE: u32 = 16;

/// The checkpoint store of assistants' state.
///
/// Cheap to clone; every method may be called from any thread.
///
/// ```
/// use mythos_core::{Mythos, ritual::SaveRitual};
///
/// let mythos = Mythos::in_memory();
/// let rituals = mythos.rituals();
/// let state = br#"{"step": 3, "order": 4711}"#;
/// let entry = rituals.save(&SaveRitual::new("ana".parse()?, "refund".parse()?), state)?;
///
/// let restored = rituals.latest(&"ana".parse()?, &"refund".parse()?)?.unwrap();
/// assert_eq!(restored.payload, state);
/// assert_eq!(restored.entry, entry);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RitualCompressionCache {
    access: Access,
    codec: Arc<FrameCodec>,
}

/// Where to save a payload, what it is for, and under which conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaveRitual {
    /// The assistant whose state it is.
    pub assistant: AssistantId,
    /// The procedure that the state belongs to.
    pub ritual: RitualId,
    /// What the payload is for.
    #[serde(default)]
    pub intent: SymbolicIntent,
    /// Which entry must be the newest.
    #[serde(default)]
    pub parent: ParentExpectation,
    /// Names this save, so that repeating it is harmless; made if not given.
    #[serde(default)]
    pub operation: Option<OperationId>,
}

impl SaveRitual {
    /// A save behind whatever is the newest entry, without intent.
    #[must_use]
    pub fn new(assistant: AssistantId, ritual: RitualId) -> Self {
        let (intent, parent) = (SymbolicIntent::default(), ParentExpectation::Latest);
        Self { assistant, ritual, intent, parent, operation: None }
    }
}

/// Which entry a save must come behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "entry", rename_all = "snake_case", deny_unknown_fields)]
pub enum ParentExpectation {
    /// Whatever is the newest, also none.
    #[default]
    Latest,
    /// None: this save begins the ritual.
    Absent,
    /// This one: if another writer was faster, the save is a `Conflict`.
    Entry(EntryId),
}

/// Which entries to list; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RitualFilter {
    /// Of this assistant.
    pub assistant: Option<AssistantId>,
    /// Of this ritual.
    pub ritual: Option<RitualId>,
    /// With all of these labels.
    pub labels: Vec<String>,
    /// Saved at this moment or later.
    pub since: Option<Timestamp>,
    /// Saved before this moment.
    pub before: Option<Timestamp>,
}

/// An entry and its payload, verified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoredRitual {
    /// The entry.
    pub entry: CompressedRitual,
    /// The state, byte for byte as it was saved.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
}

/// What the verification of one entry found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RitualVerification {
    /// The entry.
    pub entry: EntryId,
    /// Whether everything agrees: record, frame, payload.
    pub verified: bool,
    /// What does not, with the expected and the found digest.
    pub finding: Option<String>,
}

/// The newest entry that verifies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerifiableRitual {
    /// The entry and its payload.
    pub restored: RestoredRitual,
    /// The newer entries that did not verify, newest first.
    pub skipped: Vec<SkippedEntry>,
}

/// Something that did not verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedEntry {
    /// The entry, if its record still says it; `None` also for the ritual's head.
    pub entry: Option<EntryId>,
    /// Its position, if its record still says it.
    pub sequence: Option<u64>,
    /// What is wrong with it.
    pub finding: String,
}

impl RitualCompressionCache {
    pub(crate) fn new(access: Access, codec: Arc<FrameCodec>) -> Self {
        Self { access, codec }
    }

    /// Appends an entry with `payload` to a ritual and returns it. When this returns, the state survives what the store
    /// promises.
    ///
    /// If the ritual's head record is damaged, it is made anew from the newest entry that verifies, so that an assistant
    /// that was brought back can go on.
    ///
    /// `payload` is at most [`MAX_PAYLOAD_BYTES`] and kept as given, byte for byte.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for a payload over [`MAX_PAYLOAD_BYTES`];
    /// [`ErrorKind::Invalid`] for an intent out of its bounds, or an operation id that was used for something else;
    /// [`ErrorKind::Conflict`] if the parent is not the expected one, or other processes were always faster;
    /// [`ErrorKind::Corrupt`] if the store holds a frame that the ritual's head knows nothing of;
    /// [`ErrorKind::Unknown`] if it cannot be told whether the entry was saved: save again with the same operation id.
    pub fn save(&self, save: &SaveRitual, payload: &[u8]) -> Result<CompressedRitual> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            let message = format!("a payload has at most {MAX_PAYLOAD_BYTES} bytes, not {}", payload.len());
            return Err(Error::limit("payload", message));
        }
        save.intent.validate()?;
        let operation = self.access.operation(save.operation)?;
        let now = self.access.now();
        let salt = self.access.runtime().salt()?;
        let mut encoded = self.encode(payload, &salt)?;
        let mut turn = None;
        for _ in 0..MAX_ATTEMPTS {
            let (place, existing) = self.place_and_entry(save, operation.into())?;
            if let Some(existing) = existing {
                return self.recognise(save, payload, existing.model);
            }
            check_parent(save.parent, place.parent.as_ref().map(|parent| parent.entry))?;
            let entry = self.next_entry(save, operation, now, &place, &encoded);
            let mut batch = Batch::new();
            stage(&mut batch, &place, &entry, std::mem::take(&mut encoded.frame))?;
            match self.access.commit(&batch) {
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    encoded.frame = staged_frame(batch)?;
                    turn.get_or_insert_with(|| self.access.turn(&place.head));
                }
                Err(error) => {
                    let attempt = format!("save entry {operation}");
                    return Err(error.while_doing(attempt).of_operation(operation));
                }
                Ok(()) => return Ok(entry),
            }
        }
        Err(Error::conflict(format!(
            "other writers of ritual {} were faster {MAX_ATTEMPTS} times",
            save.ritual
        )))
    }

    /// Restores the newest entry of a ritual; `None` if the ritual has none.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if what is stored is not what was saved; see
    /// [`newest_verifiable`](Self::newest_verifiable).
    pub fn latest(&self, assistant: &AssistantId, ritual: &RitualId) -> Result<Option<RestoredRitual>> {
        let owner = RitualHead::owner(self.access.tenant(), assistant, ritual);
        let head = Read::Record { table: RitualHead::TABLE, id: owner.id };
        let names = Names::Range { from: None, until: None, limit: 1, reverse: true };
        let [head, cells] =
            self.access.read([head, Read::Cells { owner, names, max_bytes: MAX_CELL_BYTES as u64 }])?;
        let Some(head) = access::stored::<RitualHead>(head)? else { return Ok(None) };
        let (cells, _) = access::cells(cells)?;
        self.check_head(&head.model, assistant, ritual)?;
        let entry = head.model.latest;
        let frame = cells.into_iter().find(|cell| cell.name == entry.compressed_ritual_data.cell);
        let frame = frame.ok_or_else(|| missing_frame(&entry))?;
        self.open(entry, &frame.bytes).map(Some)
    }

    /// Restores one entry.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such entry; [`ErrorKind::Corrupt`] if what is stored is not what was
    /// saved.
    pub fn restore(&self, entry: EntryId) -> Result<RestoredRitual> {
        let mut record = self.entry(entry)?;
        loop {
            let (assistant, ritual) = (&record.assistant, &record.ritual);
            let owner = RitualHead::owner(self.access.tenant(), assistant, ritual);
            let names = Names::one(record.compressed_ritual_data.cell);
            let (cells, _) = self.access.cells(owner, names, MAX_CELL_BYTES as u64)?;
            if let Some(frame) = cells.first() {
                return self.open(record, &frame.bytes);
            }
            // The entry may have been re-encoded into another cell since its record was read.
            let again = self.entry(entry)?;
            if again.compressed_ritual_data.cell == record.compressed_ritual_data.cell {
                return Err(missing_frame(&record));
            }
            record = again;
        }
    }

    /// The record of one entry, without its payload.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such entry.
    pub fn entry(&self, entry: EntryId) -> Result<CompressedRitual> {
        let stored = self.access.record::<CompressedRitual>(entry.record_id(self.access.tenant()))?;
        let stored = stored.filter(|stored| stored.model.tenant == *self.access.tenant());
        let stored = stored.ok_or_else(|| Error::not_found(format!("there is no ritual entry {entry}")))?;
        if stored.model.entry != entry {
            let found = stored.model.entry;
            return Err(Error::corrupt(format!("the record of entry {entry} says it is of {found}")));
        }
        Ok(stored.model)
    }

    /// Restores the newest entry that verifies, before position `before` if that is given, and says which newer ones
    /// do not; `None` if none does.
    ///
    /// # Errors
    /// Those of the store; damaged entries are no errors here.
    pub fn newest_verifiable(
        &self,
        assistant: &AssistantId,
        ritual: &RitualId,
        before: Option<u64>,
    ) -> Result<Option<VerifiableRitual>> {
        let mut head = None;
        if before.is_none() {
            // The head knows the newest entry, also when that entry's own record is gone.
            match self.latest(assistant, ritual) {
                Ok(Some(restored)) => return Ok(Some(VerifiableRitual { restored, skipped: Vec::new() })),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    head = Some(SkippedEntry { entry: None, sequence: None, finding: error.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        let mut found = self.search(assistant, ritual, before)?;
        if let Some(found) = &mut found
            && found.skipped.is_empty()
        {
            // No listed entry is damaged, so what is damaged is the head.
            found.skipped.extend(head);
        }
        Ok(found)
    }

    /// Searches the listed entries for the newest that verifies.
    fn search(
        &self,
        assistant: &AssistantId,
        ritual: &RitualId,
        before: Option<u64>,
    ) -> Result<Option<VerifiableRitual>> {
        let (mut skipped, mut after) = (Vec::new(), None);
        loop {
            let mut query = self.ritual_query(assistant, ritual).limit(SEARCH_PAGE).after(after);
            if let Some(before) = before {
                let below = i64::try_from(before.min(MAX_SAFE_INTEGER)).ok().map(Scalar::Integer);
                query = query.filter(Filter::Range { field: "sequence".to_owned(), min: None, below });
            }
            let page = self.access.raw_page(query)?;
            for record in page.items {
                // A record that cannot be read is one more damaged entry, and no reason to give up the others.
                let restored = CompressedRitual::from_record(&record).and_then(|entry| {
                    let restored = self.restore(entry.entry)?;
                    self.check_place(&restored.entry, assistant, ritual)?;
                    Ok(restored)
                });
                match restored {
                    Ok(restored) => return Ok(Some(VerifiableRitual { restored, skipped })),
                    Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => {
                        let said = |field| record.body.get(field);
                        let entry = said("entry").and_then(|entry| entry.as_str()?.parse().ok());
                        let sequence = said("sequence").and_then(serde_json::Value::as_u64);
                        skipped.push(SkippedEntry { entry, sequence, finding: error.to_string() });
                    }
                    Err(error) => return Err(error),
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(None),
            }
        }
    }

    /// Lists entries, newest first: by position if one ritual of one assistant and no time is named, otherwise by time.
    ///
    /// `limit` is 1 to [`MAX_PAGE_RECORDS`](crate::store::MAX_PAGE_RECORDS). No payload is read.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] or [`ErrorKind::Invalid`] for a filter or limit out of bounds.
    pub fn list(
        &self,
        filter: &RitualFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<CompressedRitual>> {
        let at_any_time = filter.since.is_none() && filter.before.is_none();
        let mut query = match (&filter.assistant, &filter.ritual) {
            (Some(assistant), Some(ritual)) if at_any_time => self.ritual_query(assistant, ritual),
            (assistant, ritual) => Query::new(CompressedRitual::TABLE)
                .order_by("created_at", Direction::Descending)
                .equals("assistant", assistant.as_ref().map(AssistantId::as_str))
                .equals("ritual", ritual.as_ref().map(RitualId::as_str)),
        };
        if !filter.labels.is_empty() {
            query = query.filter(Filter::TagsAll { field: "labels".to_owned(), tags: filter.labels.clone() });
        }
        let query = query.created(filter.since, filter.before);
        self.access.page(query.after(after).limit(limit))
    }

    /// Verifies one entry: its record against its signature, its frame and its payload against their digests.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such entry. Damage is not an error but a finding.
    pub fn verify(&self, entry: EntryId) -> Result<RitualVerification> {
        match self.restore(entry) {
            Ok(_) => Ok(RitualVerification { entry, verified: true, finding: None }),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                Ok(RitualVerification { entry, verified: false, finding: Some(error.to_string()) })
            }
            Err(error) => Err(error),
        }
    }

    fn ritual_query(&self, assistant: &AssistantId, ritual: &RitualId) -> Query {
        Query::new(CompressedRitual::TABLE)
            .filter(Filter::equals("assistant", assistant.as_str()))
            .filter(Filter::equals("ritual", ritual.as_str()))
            .order_by("sequence", Direction::Descending)
    }

    fn encode(&self, payload: &[u8], salt: &Salt) -> Result<EncodedPayload> {
        let (encoding, frame) = self.codec.encode(payload, salt)?;
        Ok(EncodedPayload {
            encoding,
            raw_bytes: payload.len() as u64,
            frame_digest: Digest::of(&frame),
            frame,
            commitment: Commitment::to(PAYLOAD, salt, payload),
            entropy_score: entropy_score(payload),
        })
    }

    /// Where the next entry goes, and the entry that an earlier attempt may have left.
    fn place_and_entry(
        &self,
        save: &SaveRitual,
        entry: EntryId,
    ) -> Result<(Place, Option<Stored<CompressedRitual>>)> {
        let (assistant, ritual) = (&save.assistant, &save.ritual);
        let owner = RitualHead::owner(self.access.tenant(), assistant, ritual);
        let [head, entry] = self.access.read([
            Read::Record { table: RitualHead::TABLE, id: owner.id },
            Read::Record { table: CompressedRitual::TABLE, id: entry.record_id(self.access.tenant()) },
        ])?;
        let entry = access::stored(entry)?;
        let Some((version, head)) = access::decoded::<RitualHead>(head)? else {
            return Ok((Place { head: owner.id, expect: Expect::Absent, parent: None, sequence: 1 }, entry));
        };
        let expect = Expect::At(version);
        // Nothing is built on a head that is not what was saved.
        let sound = head.and_then(|head| self.check_head(&head, assistant, ritual).map(|()| head));
        let place = match sound {
            Ok(head) => {
                let sequence = head.next_sequence()?;
                Place { head: owner.id, expect, parent: Some(head.latest), sequence }
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let parent = self.search(assistant, ritual, None)?;
                let parent = parent.map(|found| found.restored.entry);
                let sequence = self.highest_sequence(assistant, ritual)? + 1;
                Place { head: owner.id, expect, parent, sequence }
            }
            Err(error) => return Err(error),
        };
        Ok((place, entry))
    }

    /// The highest position that any record or frame of a ritual claims.
    fn highest_sequence(&self, assistant: &AssistantId, ritual: &RitualId) -> Result<u64> {
        let page = self.access.raw_page(self.ritual_query(assistant, ritual).limit(1))?;
        let listed = page.items.first().and_then(|record| record.body.get("sequence")?.as_u64());
        let owner = RitualHead::owner(self.access.tenant(), assistant, ritual);
        let newest = Names::Range { from: None, until: None, limit: 1, reverse: true };
        let (cells, _) = self.access.cells(owner, newest, MAX_CELL_BYTES as u64)?;
        let stored = cells.first().and_then(|cell| cell.name.as_bytes().first_chunk().copied());
        let highest = listed.unwrap_or(0).max(stored.map_or(0, u64::from_be_bytes));
        if highest >= MAX_SAFE_INTEGER {
            return Err(Error::corrupt(format!("ritual {ritual} claims a position of {highest}")));
        }
        Ok(highest)
    }

    fn next_entry(
        &self,
        save: &SaveRitual,
        operation: OperationId,
        now: Timestamp,
        place: &Place,
        encoded: &EncodedPayload,
    ) -> CompressedRitual {
        let intent = save.intent.clone();
        let mut entry = CompressedRitual {
            format: CompressedRitual::FORMAT,
            tenant: self.access.tenant().clone(),
            entry: operation.into(),
            assistant: save.assistant.clone(),
            ritual: save.ritual.clone(),
            sequence: place.sequence,
            parent: place.parent.as_ref().map(|parent| parent.entry),
            labels: intent.labels,
            procedure: intent.procedure,
            payload_format: intent.payload_format,
            codex: intent.codex,
            codex_root: intent.codex_root,
            compressed_ritual_data: StoredFrame {
                encoding: encoded.encoding,
                cell: cell_name(place.sequence, 0),
                raw_bytes: encoded.raw_bytes,
                stored_bytes: encoded.frame.len() as u64,
                frame_digest: encoded.frame_digest,
            },
            payload_commitment: encoded.commitment,
            symbolic_signature_hash: encoded.frame_digest,
            entropy_score: encoded.entropy_score,
            created_at: place.parent.as_ref().map_or(now, |parent| now.max(parent.created_at)),
        };
        entry.symbolic_signature_hash = entry.expected_signature();
        entry
    }

    /// Whether a save that finds its entry present is a repetition of the one that made it.
    fn recognise(
        &self,
        save: &SaveRitual,
        payload: &[u8],
        existing: CompressedRitual,
    ) -> Result<CompressedRitual> {
        let same_parent = check_parent(save.parent, existing.parent).is_ok();
        let same_place = same_parent
            && existing.tenant == *self.access.tenant()
            && existing.assistant == save.assistant
            && existing.ritual == save.ritual
            && existing.intent() == save.intent;
        if same_place && self.restore(existing.entry)?.payload == payload {
            return Ok(existing);
        }
        let message = format!("operation {} was used for another save", existing.entry);
        Err(Error::invalid("operation", message))
    }

    /// Checks that a head is of this ritual, in a layout that is known, and names an entry of this ritual whose record is
    /// the signed one.
    fn check_head(&self, head: &RitualHead, assistant: &AssistantId, ritual: &RitualId) -> Result<()> {
        if head.format != CompressedRitual::FORMAT {
            let message =
                format!("the head of ritual {ritual} has the format {}, which is not known", head.format);
            return Err(Error::corrupt(message));
        }
        if head.tenant != head.latest.tenant
            || head.assistant != head.latest.assistant
            || head.ritual != head.latest.ritual
        {
            let (found, latest) = (&head.ritual, &head.latest.ritual);
            return Err(Error::corrupt(format!(
                "the head of ritual {found} names an entry of ritual {latest}"
            )));
        }
        self.check_place(&head.latest, assistant, ritual)?;
        head.latest.check_signature()
    }

    /// Checks that an entry is where it says it belongs, so that an entry copied to another place is refused.
    fn check_place(
        &self,
        entry: &CompressedRitual,
        assistant: &AssistantId,
        ritual: &RitualId,
    ) -> Result<()> {
        if entry.tenant == *self.access.tenant() && entry.assistant == *assistant && entry.ritual == *ritual {
            return Ok(());
        }
        let (entry, found) = (entry.entry, format!("{}/{}/{}", entry.tenant, entry.assistant, entry.ritual));
        Err(Error::corrupt(format!("entry {entry} of {found} stands under {assistant}/{ritual}")))
    }

    /// Verifies a stored frame against its record and gives the payload; fails closed.
    fn open(&self, entry: CompressedRitual, frame: &[u8]) -> Result<RestoredRitual> {
        let payload = self
            .open_payload(&entry, frame)
            .map_err(|error| error.while_doing(format_args!("restore entry {}", entry.entry)))?;
        Ok(RestoredRitual { entry, payload })
    }

    fn open_payload(&self, entry: &CompressedRitual, frame: &[u8]) -> Result<Vec<u8>> {
        entry.check_signature()?;
        let stored = &entry.compressed_ritual_data;
        let found = Digest::of(frame);
        if found != stored.frame_digest || frame.len() as u64 != stored.stored_bytes {
            let (cell, expected) = (stored.cell, stored.frame_digest);
            let message = format!("the frame in cell {cell} is damaged: expected {expected}, found {found}");
            return Err(Error::corrupt(message));
        }
        let decoded = self.codec.decode(frame, stored.raw_bytes)?;
        if decoded.encoding != stored.encoding {
            let (expected, found) = (stored.encoding, decoded.encoding);
            return Err(Error::corrupt(format!("the frame is encoded as {found:?}, not as {expected:?}")));
        }
        let expected = entry.payload_commitment;
        if !expected.opens(PAYLOAD, &decoded.salt, &decoded.payload) {
            let found = Commitment::to(PAYLOAD, &decoded.salt, &decoded.payload);
            let message = format!("the payload is not the signed one: expected {expected}, found {found}");
            return Err(Error::corrupt(message));
        }
        Ok(decoded.payload)
    }
}

/// A payload made ready before the head is known, so that a retry does not compress again.
struct EncodedPayload {
    encoding: Encoding,
    raw_bytes: u64,
    frame: Vec<u8>,
    frame_digest: Digest,
    commitment: Commitment,
    entropy_score: crate::types::Score,
}

/// Where the next entry of a ritual goes.
struct Place {
    /// The head's record.
    head: RecordId,
    /// What is expected of it.
    expect: Expect,
    /// The entry before.
    parent: Option<CompressedRitual>,
    /// The position.
    sequence: u64,
}

/// Stages an entry: its record, its frame, and the head that now names it.
fn stage(batch: &mut Batch, place: &Place, entry: &CompressedRitual, frame: Vec<u8>) -> Result<()> {
    let next = RitualHead {
        format: CompressedRitual::FORMAT,
        tenant: entry.tenant.clone(),
        assistant: entry.assistant.clone(),
        ritual: entry.ritual.clone(),
        latest: entry.clone(),
        updated_at: entry.created_at,
    };
    let owner = RitualHead::owner(&entry.tenant, &entry.assistant, &entry.ritual);
    batch.put(place.head, place.expect, &next)?;
    batch.put(entry.entry.record_id(&entry.tenant), Expect::Absent, entry)?;
    batch.put_cell(owner, entry.compressed_ritual_data.cell, frame);
    Ok(())
}

/// Takes the frame back out of a batch that lost a race: up to 64 MiB, which every save would otherwise copy.
fn staged_frame(batch: Batch) -> Result<Vec<u8>> {
    match batch.cells.into_iter().next() {
        Some(CellOp::Put { bytes, .. }) => Ok(bytes),
        _ => Err(Error::internal("the staged entry has no frame")),
    }
}

fn check_parent(expected: ParentExpectation, newest: Option<EntryId>) -> Result<()> {
    let expected = match expected {
        ParentExpectation::Latest => return Ok(()),
        ParentExpectation::Absent => None,
        ParentExpectation::Entry(entry) => Some(entry),
    };
    if newest == expected {
        return Ok(());
    }
    let name = |entry: Option<EntryId>| entry.map_or_else(|| "none".to_owned(), |entry| entry.to_string());
    let message = format!("the newest entry is {}, not {}", name(newest), name(expected));
    Err(Error::conflict(message).with_field("parent"))
}

fn missing_frame(entry: &CompressedRitual) -> Error {
    let (cell, id) = (entry.compressed_ritual_data.cell, entry.entry);
    let expected = entry.compressed_ritual_data.frame_digest;
    Error::corrupt(format!("restore entry {id}: the frame in cell {cell} is missing: expected {expected}"))
}
