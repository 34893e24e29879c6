//! The stored outcome of a comparison, and what people said of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Assessment, GuardPolicy, Signal, Verdict};
use crate::canonical;
use crate::codex::MAX_CLAUSE_BYTES;
use crate::error::{Error, Result};
use crate::store::{CellName, Field, FieldKind, Model, Owner, Record, Schema, Table};
use crate::types::{
    ClauseId, CodexId, Commitment, Digest, DomainHasher, OperationId, RecordId, Salt, TenantId, Timestamp,
};

/// The longest version that an audit keeps: 8 MiB, room for a clause that was put together from eight of the longest.
pub const MAX_AUDITED_BYTES: usize = 8 * MAX_CLAUSE_BYTES;

/// Two versions of a clause or a prompt, what the guard says of the edit, and what people said after it.
///
/// Texts that are longer than [`CodexClauseAudit::INLINE_BYTES`] stand beside the record, and are not listed:
/// [`get`](super::CodexRegressionGuard::get) brings them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodexClauseAudit {
    /// The version of this record's layout, 1.
    pub format: u32,
    /// Whose audit it is.
    pub tenant: TenantId,
    /// The operation that made it, which is its id; of a guarded mutation, that of the mutation.
    pub audit: OperationId,
    /// The clause, or the name of a prompt or file.
    pub clause: ClauseId,
    /// The codex that the clause is of; none for a prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codex: Option<CodexId>,
    /// The position of the event by which it entered the codex's log, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// The text before, empty for a clause that was not there; `None` if it is too long for a listing, or was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<String>,
    /// The text after, empty for a clause that is gone; `None` as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_version: Option<String>,
    /// How many bytes the text before has.
    pub previous_bytes: u64,
    /// How many bytes the text after has.
    pub new_bytes: u64,
    /// What opens the commitments; `None` once the texts are erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Salt>,
    /// The commitment to the text before.
    pub previous_commitment: Commitment,
    /// The commitment to the text after.
    pub new_commitment: Commitment,
    /// The commitment to `prompt_delta` in canonical JSON.
    pub delta_commitment: Commitment,
    /// What the machine said. No review changes it; erasing the texts empties the messages of its findings.
    pub prompt_delta: Assessment,
    /// The thresholds that it said so by.
    pub policy: GuardPolicy,
    /// The machine's verdict.
    pub verdict: Verdict,
    /// The signals that found something, each once, ascending.
    pub signals: Vec<Signal>,
    /// The flag in force: the newest review's, or the machine's.
    pub regression_flag: bool,
    /// Where it stands.
    pub status: AuditStatus,
    /// Whether a person said something of it.
    pub is_reviewed: bool,
    /// The newest review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<AuditReview>,
    /// How many reviews there are, at most [`CodexClauseAudit::MAX_REVIEWS`].
    pub reviews: u32,
    /// What an event names as its evidence: a hash of the audit as the machine made it, which neither a review nor erasing
    /// the texts changes.
    pub digest: Digest,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// Where an audit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditStatus {
    /// The machine found nothing that a person should look at.
    Passed,
    /// It waits for a person.
    AwaitingReview,
    /// A person takes the edit.
    Accepted,
    /// A person does not take the edit.
    Rejected,
}

impl AuditStatus {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::AwaitingReview => "awaiting_review",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

/// What a person decides about an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum AuditDecision {
    /// The edit is taken, and the machine's flag is right: what it found was meant. Of an undecided edit: it is no
    /// regression.
    Accept,
    /// The edit is a regression and is not taken.
    Reject,
    /// The machine is wrong: the flag becomes this one. The edit is taken if it is `false`, and not taken if it is `true`.
    Override {
        /// Whether it is a regression.
        flag: bool,
    },
}

impl AuditDecision {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Override { .. } => "override",
        }
    }

    /// The flag that is in force after it.
    #[must_use]
    pub const fn flag(self, machine: Verdict) -> bool {
        match self {
            Self::Accept => machine.is_flagged(),
            Self::Reject => true,
            Self::Override { flag } => flag,
        }
    }

    /// Where it leaves an audit.
    #[must_use]
    pub const fn status(self) -> AuditStatus {
        match self {
            Self::Accept | Self::Override { flag: false } => AuditStatus::Accepted,
            Self::Reject | Self::Override { flag: true } => AuditStatus::Rejected,
        }
    }
}

/// What a person said of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditReview {
    /// Its number, from 1: the highest is in force.
    pub number: u32,
    /// The operation that made it.
    pub operation: OperationId,
    /// What was decided.
    pub decision: AuditDecision,
    /// The flag that is in force by it.
    pub flag: bool,
    /// Who decided.
    pub reviewer: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    pub reviewed_at: Timestamp,
}

/// What an audit is made of.
pub(crate) struct NewAudit<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) audit: OperationId,
    pub(crate) clause: &'a ClauseId,
    pub(crate) codex: Option<&'a CodexId>,
    pub(crate) texts: (&'a str, &'a str),
    pub(crate) prompt_delta: Assessment,
    pub(crate) policy: GuardPolicy,
    pub(crate) salt: Salt,
    pub(crate) now: Timestamp,
}

/// A cell of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuditCell {
    /// The text before, if it is long.
    Previous,
    /// The text after, if it is long.
    New,
    /// A review, by number.
    Review(u32),
}

impl AuditCell {
    /// A letter, and the number of a review, big-endian.
    pub(crate) fn name(self) -> CellName {
        match self {
            Self::Previous => CellName::of_array(*b"p"),
            Self::New => CellName::of_array(*b"n"),
            Self::Review(number) => {
                let [a, b, c, d] = number.to_be_bytes();
                CellName::of_array([b'r', a, b, c, d])
            }
        }
    }

    /// What a name is of; `None` for one that no such cell has.
    pub(crate) fn of(name: &CellName) -> Option<Self> {
        match name.as_bytes() {
            b"p" => Some(Self::Previous),
            b"n" => Some(Self::New),
            [b'r', number @ ..] => Some(Self::Review(u32::from_be_bytes(number.try_into().ok()?))),
            _ => None,
        }
    }
}

/// The purposes that the commitments are made for.
const PREVIOUS: &str = "previous_version";
const NEW: &str = "new_version";
const DELTA: &str = "prompt_delta";

impl CodexClauseAudit {
    /// The longest text that stands in the record.
    pub const INLINE_BYTES: usize = 2_048;
    /// The most reviews of one audit.
    pub const MAX_REVIEWS: u32 = 1_000;

    /// The layout that this version writes.
    pub(crate) const FORMAT: u32 = 1;

    pub(crate) fn new(new: NewAudit<'_>) -> Result<Self> {
        let NewAudit { tenant, audit, clause, codex, texts, prompt_delta, policy, salt, now } = new;
        let (previous, after) = texts;
        let inline = |text: &str| (text.len() <= Self::INLINE_BYTES).then(|| text.to_owned());
        let verdict = prompt_delta.verdict;
        let mut signals: Vec<_> = prompt_delta.findings.iter().map(|finding| finding.signal).collect();
        signals.sort_unstable();
        signals.dedup();
        let status = match verdict.needs_review() {
            true => AuditStatus::AwaitingReview,
            false => AuditStatus::Passed,
        };
        let commit = |purpose, bytes: &[u8]| Commitment::to(purpose, &salt, bytes);
        let mut audit = Self {
            format: Self::FORMAT,
            tenant: tenant.clone(),
            audit,
            clause: clause.clone(),
            codex: codex.cloned(),
            event: None,
            previous_version: inline(previous),
            new_version: inline(after),
            previous_bytes: previous.len() as u64,
            new_bytes: after.len() as u64,
            salt: Some(salt),
            previous_commitment: commit(PREVIOUS, previous.as_bytes()),
            new_commitment: commit(NEW, after.as_bytes()),
            delta_commitment: commit(DELTA, &canonical::to_vec(&prompt_delta)?),
            prompt_delta,
            policy,
            verdict,
            signals,
            regression_flag: verdict.is_flagged(),
            status,
            is_reviewed: false,
            review: None,
            reviews: 0,
            digest: Digest::from_bytes([0; 32]),
            created_at: now,
            updated_at: now,
        };
        audit.digest = audit.hash();
        Ok(audit)
    }

    /// BLAKE3 in key derivation mode, context `mythos 2026 clause audit v1`, over fields that each follow their length: what
    /// the audit is of, the commitments, what the machine said in numbers, and by which thresholds.
    fn hash(&self) -> Digest {
        let Assessment { accuracy, firmer, softer, .. } = &self.prompt_delta;
        let GuardPolicy { accuracy_threshold, undecided_from, tone_threshold } = &self.policy;
        let numbers = [accuracy, firmer, softer, accuracy_threshold, undecided_from, tone_threshold];
        // Zeros of both signs are one number in a store.
        let numbers: Vec<u8> = numbers.iter().flat_map(|number| (**number + 0.0).to_le_bytes()).collect();
        DomainHasher::new("mythos 2026 clause audit v1")
            .field(&self.format.to_le_bytes())
            .field(self.tenant.as_str().as_bytes())
            .field(self.audit.as_uuid().as_bytes())
            .field(self.clause.as_str().as_bytes())
            // No codex has an empty id.
            .field(self.codex.as_ref().map_or("", CodexId::as_str).as_bytes())
            .field(self.previous_commitment.as_bytes())
            .field(self.new_commitment.as_bytes())
            .field(self.delta_commitment.as_bytes())
            .field(self.verdict.as_str().as_bytes())
            .field(&numbers)
            .field(&self.created_at.as_microseconds().to_le_bytes())
            .finish()
    }

    /// Whether the texts were erased.
    #[must_use]
    pub const fn is_erased(&self) -> bool {
        self.salt.is_none()
    }

    /// Whether it is of these two texts; `None` if that cannot be told, since they were erased.
    #[must_use]
    pub fn is_of(&self, previous: &str, new: &str) -> Option<bool> {
        let salt = self.salt.as_ref()?;
        let opens =
            |commitment: &Commitment, purpose, text: &str| commitment.opens(purpose, salt, text.as_bytes());
        Some(opens(&self.previous_commitment, PREVIOUS, previous) && opens(&self.new_commitment, NEW, new))
    }

    /// The owner of its cells; its id is the record's.
    pub(crate) fn owner(tenant: &TenantId, audit: &OperationId) -> Owner {
        Owner { tenant: tenant.clone(), table: Self::TABLE, id: audit.record_id(tenant) }
    }

    /// Checks that it is what it says: of its record, hashed as it was made, with the texts and findings that it is of.
    /// `delta` is the assessment as it is stored: a later version may know more fields than were committed to.
    fn check(&self, id: RecordId, delta: &Value) -> Result<()> {
        let name = || format!("audit {} of clause {}", self.audit, self.clause);
        if self.format != Self::FORMAT {
            let message = format!("{} has the format {}, which is not known", name(), self.format);
            return Err(Error::corrupt(message));
        }
        if self.audit.record_id(&self.tenant) != id {
            return Err(Error::corrupt(format!("record {id} holds {}", name())));
        }
        let hash = self.hash();
        if hash != self.digest {
            return Err(Error::mismatch(format!("the digest of {}", name()), self.digest, hash));
        }
        let flag = self.review.as_ref().map_or_else(|| self.verdict.is_flagged(), |review| review.flag);
        if self.verdict != self.prompt_delta.verdict || flag != self.regression_flag {
            return Err(Error::corrupt(format!("{} has a flag that nobody gave it", name())));
        }
        let Some(salt) = &self.salt else { return Ok(()) };
        let delta = canonical::to_vec(delta)?;
        let texts = [
            (PREVIOUS, &self.previous_commitment, self.previous_version.as_deref().map(str::as_bytes)),
            (NEW, &self.new_commitment, self.new_version.as_deref().map(str::as_bytes)),
            (DELTA, &self.delta_commitment, Some(&delta[..])),
        ];
        for (purpose, commitment, bytes) in texts {
            if bytes.is_some_and(|bytes| !commitment.opens(purpose, salt, bytes)) {
                return Err(Error::corrupt(format!("the {purpose} of {} is not what was audited", name())));
            }
        }
        Ok(())
    }

    /// Takes the texts away, and what repeats parts of them.
    pub(crate) fn erase(&mut self) {
        (self.salt, self.previous_version, self.new_version) = (None, None, None);
        for finding in &mut self.prompt_delta.findings {
            finding.message.clear();
        }
    }
}

impl Model for CodexClauseAudit {
    const TABLE: Table = Table::new(&Schema {
        name: "clause_audits",
        fields: &[
            Field::new("tenant", FieldKind::Text),
            Field::new("clause", FieldKind::Text),
            Field::new("codex", FieldKind::Text),
            Field::new("event", FieldKind::Integer),
            Field::new("verdict", FieldKind::Text),
            Field::new("signals", FieldKind::Tags),
            Field::new("regression_flag", FieldKind::Boolean),
            Field::new("status", FieldKind::Text),
            Field::new("is_reviewed", FieldKind::Boolean),
            Field::new("digest", FieldKind::Text),
            Field::new("created_at", FieldKind::Text),
        ],
        indexes: &[
            &["tenant", "clause", "created_at"],
            &["tenant", "codex", "created_at"],
            &["tenant", "status", "created_at"],
            &["tenant", "regression_flag", "created_at"],
            &["tenant", "is_reviewed", "created_at"],
            &["tenant", "digest"],
            &["tenant", "created_at"],
        ],
        owns_cells: true,
    });

    fn from_record(record: &Record) -> Result<Self> {
        let audit = Self::deserialize(&record.body).map_err(|error| {
            Error::corrupt(format!("record {} holds no audit: {error}", record.id)).with_source(error)
        })?;
        audit.check(record.id, record.body.get(DELTA).unwrap_or(&Value::Null))?;
        Ok(audit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audit(previous: &str, new: &str) -> CodexClauseAudit {
        let policy = GuardPolicy::default();
        CodexClauseAudit::new(NewAudit {
            tenant: &TenantId::default(),
            audit: OperationId::from_name("a"),
            clause: &"limit".parse().unwrap(),
            codex: None,
            texts: (previous, new),
            prompt_delta: Assessment::of(previous, new, &policy).unwrap(),
            policy,
            salt: Salt::from_bytes([7; 16]),
            now: "2026-11-22T08:30:00Z".parse().unwrap(),
        })
        .unwrap()
    }

    fn id() -> RecordId {
        OperationId::from_name("a").record_id(&TenantId::default())
    }

    fn stored(audit: &CodexClauseAudit) -> Result<CodexClauseAudit> {
        let body = audit.to_body().unwrap();
        CodexClauseAudit::from_record(&Record { id: id(), version: crate::types::Version::FIRST, body })
    }

    #[test]
    fn an_audit_comes_back_as_it_was_and_tells_what_was_changed_in_it() {
        let audit = audit("Refund at most 100 EUR.", "Refund at most 500 EUR.");
        assert_eq!(stored(&audit).unwrap(), audit);
        assert_eq!(audit.is_of("Refund at most 100 EUR.", "Refund at most 500 EUR."), Some(true));
        assert_eq!(audit.is_of("Refund at most 500 EUR.", "Refund at most 100 EUR."), Some(false));
        let changes: [fn(&mut CodexClauseAudit); 8] = [
            |audit| audit.verdict = Verdict::None,
            |audit| audit.prompt_delta.verdict = Verdict::None,
            |audit| audit.prompt_delta.accuracy = 0.0,
            |audit| audit.prompt_delta.findings.clear(),
            |audit| audit.policy.accuracy_threshold = 1.0,
            |audit| audit.new_version = Some("Refund at most 100 EUR.".to_owned()),
            |audit| audit.clause = "other".parse().unwrap(),
            |audit| audit.regression_flag = !audit.regression_flag,
        ];
        for change in changes {
            let mut changed = audit.clone();
            change(&mut changed);
            assert_eq!(stored(&changed).unwrap_err().kind(), crate::ErrorKind::Corrupt);
        }
    }

    #[test]
    fn names_tell_what_they_are_of() {
        for cell in [AuditCell::Previous, AuditCell::New, AuditCell::Review(1), AuditCell::Review(u32::MAX)] {
            assert_eq!(AuditCell::of(&cell.name()), Some(cell));
        }
        assert_eq!(AuditCell::of(&CellName::of_array(*b"r1")), None);
        assert!(AuditCell::Review(255).name() < AuditCell::Review(256).name());
    }

    #[test]
    fn erasing_keeps_the_verdict_and_the_digest() {
        let whole = audit("Refund at most 100 EUR.", "Refund at most 500 EUR.");
        let mut erased = whole.clone();
        erased.erase();
        assert_eq!(stored(&erased).unwrap(), erased);
        assert_eq!((erased.digest, erased.verdict), (whole.digest, whole.verdict));
        assert_eq!(erased.is_of("Refund at most 100 EUR.", "Refund at most 500 EUR."), None);
        let text = serde_json::to_string(&erased).unwrap();
        assert!(erased.is_erased() && !text.contains("EUR") && !text.contains("500"));
    }

    #[test]
    fn long_texts_stand_beside_the_record() {
        let long = "x".repeat(CodexClauseAudit::INLINE_BYTES + 1);
        let audit = audit("x", &long);
        assert_eq!(audit.previous_version.as_deref(), Some("x"));
        assert_eq!((audit.new_version.as_ref(), audit.new_bytes), (None, long.len() as u64));
        assert_eq!(audit.is_of("x", &long), Some(true));
    }

    #[test]
    fn decisions_say_whether_the_edit_is_taken_and_which_flag_is_in_force() {
        use AuditDecision::{Accept, Override, Reject};
        let cases = [
            (Accept, Verdict::Accuracy, true, AuditStatus::Accepted),
            (Accept, Verdict::Undecided, false, AuditStatus::Accepted),
            (Reject, Verdict::None, true, AuditStatus::Rejected),
            (Override { flag: false }, Verdict::Both, false, AuditStatus::Accepted),
            (Override { flag: true }, Verdict::None, true, AuditStatus::Rejected),
        ];
        for (decision, machine, flag, status) in cases {
            assert_eq!(
                (decision.flag(machine), decision.status()),
                (flag, status),
                "{decision:?} {machine:?}"
            );
        }
    }
}
