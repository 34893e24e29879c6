//! Looking at the heads of codices, rituals and deployments.

use serde::{Deserialize, Serialize};

use super::found::{Found, Relation};
use super::statement::Stated;
use super::{AnchorFinding, AnchorLog, AnchoredName};
use crate::canonical;
use crate::codex::CodexHead;
use crate::error::{Error, ErrorKind, Result};
use crate::restart::{Deployment, DeploymentRestart};
use crate::ritual::RitualHead;
use crate::store::access::{self, MAX_ATTEMPTS, Page};
use crate::store::{Cursor, Direction, Filter, Model, Query, Read, Record, Scalar, Table};
use crate::tlog::TreeHash;
use crate::types::{Digest, RecordId, Timestamp};

/// The kinds of heads, in the order in which they are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum HeadKind {
    Codices,
    Rituals,
    Deployments,
}

/// What was found where a head may be.
#[derive(Debug)]
pub(super) enum Look {
    /// A head.
    Found(Box<Found>),
    /// None that counts: it is gone, or a copy that is not complete.
    Nothing,
    /// One that cannot be read.
    Damaged(AnchorFinding),
}

impl HeadKind {
    pub(super) const FIRST: Self = Self::Codices;

    pub(super) const fn next(self) -> Option<Self> {
        match self {
            Self::Codices => Some(Self::Rituals),
            Self::Rituals => Some(Self::Deployments),
            Self::Deployments => None,
        }
    }

    const fn table(self) -> Table {
        match self {
            Self::Codices => CodexHead::TABLE,
            Self::Rituals => RitualHead::TABLE,
            Self::Deployments => Deployment::TABLE,
        }
    }

    const fn of(name: &AnchoredName) -> Option<Self> {
        match name {
            AnchoredName::Codex { .. } => Some(Self::Codices),
            AnchoredName::Ritual { .. } => Some(Self::Rituals),
            AnchoredName::Deployment { .. } => Some(Self::Deployments),
            AnchoredName::Key { .. } => None,
        }
    }

    /// The name that a record tells, readable or not.
    pub(super) fn name_in(self, record: &Record) -> Option<AnchoredName> {
        let text = |field: &str| record.body.get(field).and_then(|value| value.as_str());
        Some(match self {
            Self::Codices => AnchoredName::Codex { codex: text("codex")?.parse().ok()? },
            Self::Rituals => AnchoredName::Ritual {
                assistant: text("assistant")?.parse().ok()?,
                ritual: text("ritual")?.parse().ok()?,
            },
            Self::Deployments => AnchoredName::Deployment {
                supervisor: text("supervisor")?.parse().ok()?,
                assistant: text("assistant")?.parse().ok()?,
            },
        })
    }
}

impl AnchorLog {
    /// A page of heads, the longest unchanged first.
    pub(super) fn heads(
        &self,
        kind: HeadKind,
        since: Option<Timestamp>,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<Record>> {
        let mut query = Query::new(kind.table()).order_by("updated_at", Direction::Ascending);
        if let Some(since) = since {
            let min = Some(Scalar::Text(since.to_string()));
            query = query.filter(Filter::Range { field: "updated_at".to_owned(), min, below: None });
        }
        self.access.raw_page(query.after(after).limit(limit))
    }

    /// The place of a head; `None` for a key, which has none.
    pub(super) fn place(&self, name: &AnchoredName) -> Option<(HeadKind, RecordId)> {
        let tenant = self.access.tenant();
        let id = match name {
            AnchoredName::Codex { codex } => CodexHead::owner(tenant, codex).id,
            AnchoredName::Ritual { assistant, ritual } => RitualHead::record_id(tenant, assistant, ritual),
            AnchoredName::Deployment { supervisor, assistant } => {
                Deployment::record_id(tenant, supervisor, assistant)
            }
            AnchoredName::Key { .. } => return None,
        };
        HeadKind::of(name).map(|kind| (kind, id))
    }

    /// What a head says now.
    pub(super) fn current(&self, name: &AnchoredName) -> Result<Look> {
        let Some((kind, id)) = self.place(name) else { return Ok(Look::Nothing) };
        let [answer] = self.access.read([Read::Record { table: kind.table(), id }])?;
        let Some(record) = access::record(answer)? else { return Ok(Look::Nothing) };
        Ok(match self.look(kind, record)? {
            Look::Damaged(finding) => Look::Damaged(AnchorFinding { name: Some(name.clone()), ..finding }),
            look => look,
        })
    }

    /// What a record says. Damage is no error.
    pub(super) fn look(&self, kind: HeadKind, record: Record) -> Result<Look> {
        let name = kind.name_in(&record);
        let look = match kind {
            HeadKind::Codices => self.codex(&record),
            HeadKind::Rituals => Self::ritual(&record),
            HeadKind::Deployments => self.deployment(record),
        };
        match look {
            Ok(look) => Ok(look),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                Ok(Look::Damaged(AnchorFinding::damaged(name, &error)))
            }
            Err(error) => Err(error),
        }
    }

    fn codex(&self, record: &Record) -> Result<Look> {
        let head = CodexHead::from_record(record)?;
        let tenant = self.access.tenant();
        head.check(tenant, &head.codex)?;
        found_at(record, CodexHead::owner(tenant, &head.codex).id)?;
        Ok(Look::Found(Box::new(Found::of_codex(&head))))
    }

    fn ritual(record: &Record) -> Result<Look> {
        let head = RitualHead::from_record(record)?;
        found_at(record, head.cells().id)?;
        if head.copying.is_some() {
            return Ok(Look::Nothing);
        }
        Ok(Look::Found(Box::new(Found::of_ritual(&head))))
    }

    /// The deployment and its newest incident are two records, read from one snapshot.
    fn deployment(&self, mut record: Record) -> Result<Look> {
        for _ in 0..MAX_ATTEMPTS {
            let deployment = Deployment::from_record(&record)?.found_at(record.id)?;
            let name = AnchoredName::Deployment {
                supervisor: deployment.supervisor.clone(),
                assistant: deployment.assistant.clone(),
            };
            let newest = deployment.newest_incident();
            let mut reads = vec![Read::Record { table: Deployment::TABLE, id: record.id }];
            reads.extend(newest.map(|id| Read::Record { table: DeploymentRestart::TABLE, id }));
            let mut answers = self.access.read_all(&reads)?.into_iter();
            let mut next = || answers.next().map(access::record).transpose().map(Option::flatten);
            let Some(now) = next()? else { return Ok(Look::Nothing) };
            if now.version != record.version {
                record = now;
                continue;
            }
            let incident = next()?;
            if let (Some(id), None) = (newest, &incident) {
                return Err(Error::corrupt(format!("record {id} of its newest incident is missing")));
            }
            let bytes = |record: &Record| {
                canonical::to_vec(&record.body).map_err(|error| Error::corrupt(error.to_string()))
            };
            let incident = incident.as_ref().map(bytes).transpose()?.unwrap_or_default();
            let found = Found::of_deployment(name, now.version.get(), &bytes(&now)?, &incident);
            return Ok(Look::Found(Box::new(found)));
        }
        Err(Error::conflict(format!("deployment {} changed {MAX_ATTEMPTS} times", record.id)))
    }

    /// Compares a head with what was stated of it, also of its beginning if it grew since.
    pub(super) fn compare(
        &self,
        found: &Found,
        stated: Option<&Stated>,
    ) -> Result<(Relation, Option<AnchorFinding>)> {
        let relation = found.relation(stated);
        let finding = match (relation, stated) {
            (Relation::Shorter, Some(stated)) => Some(AnchorFinding::rolled_back(found, stated)),
            (Relation::Other, Some(stated)) => {
                Some(AnchorFinding::differs(&found.name, stated, found.digest))
            }
            (Relation::Longer, Some(stated)) => self.beginning(&found.name, stated)?,
            _ => None,
        };
        Ok((relation, finding))
    }

    /// Whether a head that grew still begins with what was stated: a codex by its tree, a ritual by the entry
    /// that was the newest, unless that was pruned. Of a deployment, what it was before is not kept.
    pub(super) fn beginning(&self, name: &AnchoredName, stated: &Stated) -> Result<Option<AnchorFinding>> {
        let then = match name {
            AnchoredName::Codex { codex } => self
                .codices
                .tree(codex)
                .and_then(|tree| tree.root(stated.length))
                .map(|root: TreeHash| Some(Digest::from_bytes(*root.as_bytes()))),
            AnchoredName::Ritual { .. } => self.ritual_then(name, stated.length),
            _ => return Ok(None),
        };
        match then {
            Ok(then) if then.is_none_or(|then| then == stated.digest) => Ok(None),
            Ok(then) => Ok(Some(AnchorFinding::differs(name, stated, then.unwrap_or(stated.digest)))),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                Ok(Some(AnchorFinding::damaged(Some(name.clone()), &error)))
            }
            // It was deleted, or made anew and shorter, since it was looked at: the next time will tell.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Invalid) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The digest that a ritual had when its newest entry was the one at `sequence`; `None` if that was
    /// pruned.
    fn ritual_then(&self, name: &AnchoredName, sequence: u64) -> Result<Option<Digest>> {
        let Some((_, id)) = self.place(name) else { return Ok(None) };
        let Some(head) = self.access.record::<RitualHead>(id)? else { return Ok(None) };
        match self.rituals.entry(head.model.root.at(sequence)) {
            Ok(entry) => {
                // A head keeps the first half of the signature, in hexadecimal.
                let signature = entry.symbolic_signature_hash.to_string();
                let kept = &signature[..Digest::BYTES];
                Ok(Some(Found::ritual_digest(&head.model, sequence, kept)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn found_at(record: &Record, expected: RecordId) -> Result<()> {
    if record.id == expected {
        return Ok(());
    }
    Err(Error::corrupt(format!("record {} holds the head of another, which belongs elsewhere", record.id)))
}
