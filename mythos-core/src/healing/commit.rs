//! How a healer commits what its machine decided.

use std::collections::{BTreeMap, BTreeSet};

use super::observation::Answered;
use super::service::Loaded;
use super::{Changes, Healer, HealingEvent, HealingNumbering, HealingScope, HealingTarget, Incident};
use crate::error::Result;
use crate::store::access;
use crate::store::{Batch, Expect, Model, Read};
use crate::types::{AssistantId, RecordId, Timestamp, Version};

/// How many records one batch writes about, unless one target alone makes more: at most 80,017, those of as many observations
/// as one call takes, each of which opens or ends an incident by each of as many rules as a protocol has.
const BATCH_RECORDS: usize = 10_000;

/// What is written of one target.
#[derive(Default)]
struct Written<'a> {
    /// Its incidents that changed, by their records. One that changed twice in a call is written as it is last.
    incidents: BTreeMap<RecordId, &'a Incident>,
}

impl Healer {
    /// Commits what the last call changed in a machine: whole targets, in as many batches as it takes, each of which only the
    /// holder of the scope can commit. Targets decide nothing about one another but by what they count for budgets and among
    /// the ill, so that a part of them is a state that might have come about by itself.
    pub(super) fn commit(&self, loaded: &mut Loaded, now: Timestamp) -> Result<()> {
        let changes = loaded.machine.changes();
        if changes.targets.is_empty() && changes.forgotten.is_empty() {
            // Nothing is written, so that nothing else would tell that another took over.
            return self.check_epoch();
        }
        let (mut written, mut numbering) = (BTreeMap::new(), loaded.numbering);
        let targets = self.by_target(changes);
        let mut targets = targets.iter().peekable();
        while targets.peek().is_some() {
            let mut batch = Batch::new();
            let scope = HealingScope::record_id(self.access().tenant(), self.scope());
            batch.check(HealingScope::TABLE, scope, Expect::At(self.epoch()));
            // Before any target is deleted, nobody may count from below its incidents any more.
            numbering = self.stage_numbering(&mut batch, loaded.machine.forgotten(), numbering, now)?;
            let mut incidents = Vec::new();
            let mut records = 0;
            while let Some((assistant, target)) =
                targets.next_if(|(_, next)| records == 0 || records + next.incidents.len() < BATCH_RECORDS)
            {
                records += 1 + target.incidents.len();
                if let Some(version) = self.stage_target(&mut batch, loaded, assistant, now)? {
                    written.insert((*assistant).clone(), version);
                }
                incidents.extend(&target.incidents);
            }
            let answered = self.stage_incidents(&mut batch, &incidents, now)?;
            self.access().commit(batch)?;
            answered.tell();
        }
        let forgotten = changes.forgotten.clone();
        loaded.versions.retain(|assistant, _| !forgotten.contains(assistant));
        loaded.versions.extend(written);
        loaded.numbering = numbering;
        Ok(())
    }

    fn by_target<'a>(&self, changes: &'a Changes) -> BTreeMap<&'a AssistantId, Written<'a>> {
        let assistants: BTreeSet<_> = changes.targets.iter().chain(&changes.forgotten).collect();
        let mut targets: BTreeMap<_, Written<'_>> =
            assistants.into_iter().map(|assistant| (assistant, Written::default())).collect();
        for incident in &changes.incidents {
            let id = HealingEvent::record_id(self.access().tenant(), self.scope(), incident);
            targets.entry(&incident.target.assistant).or_default().incidents.insert(id, incident);
        }
        targets
    }

    /// Raises the number from which the incidents of new targets are counted, if it is another than that in the record.
    fn stage_numbering(
        &self,
        batch: &mut Batch,
        incidents: u64,
        found: Option<(Version, u64)>,
        now: Timestamp,
    ) -> Result<Option<(Version, u64)>> {
        if found.map_or(0, |(_, incidents)| incidents) == incidents {
            return Ok(found);
        }
        let expect = found.map_or(Expect::Absent, |(version, _)| Expect::At(version));
        let tenant = self.access().tenant();
        let id = HealingNumbering::record_id(tenant, self.scope());
        batch.put(id, expect, &HealingNumbering::of(tenant, self.scope(), incidents, now))?;
        Ok(Some((expect.next_version()?, incidents)))
    }

    /// The version that its record is to have; `None` if it is to be deleted.
    fn stage_target(
        &self,
        batch: &mut Batch,
        loaded: &Loaded,
        assistant: &AssistantId,
        now: Timestamp,
    ) -> Result<Option<Version>> {
        let tenant = self.access().tenant();
        let id = HealingTarget::record_id(tenant, self.scope(), assistant);
        let version = loaded.versions.get(assistant).copied();
        let Some(state) = loaded.machine.target(assistant) else {
            if let Some(version) = version {
                batch.delete(HealingTarget::TABLE, id, version);
            }
            return Ok(None);
        };
        let expect = version.map_or(Expect::Absent, Expect::At);
        batch.put(id, expect, &HealingTarget::of(tenant, self.scope(), state, now))?;
        expect.next_version().map(Some)
    }

    /// The target's record decides, and these tell of it: a host may have pruned one, and it is written anew.
    fn stage_incidents(
        &self,
        batch: &mut Batch,
        incidents: &[(&RecordId, &&Incident)],
        now: Timestamp,
    ) -> Result<Answered> {
        let read = |(id, _): &(&RecordId, _)| Read::Record { table: HealingEvent::TABLE, id: **id };
        let reads: Vec<_> = incidents.iter().map(read).collect();
        let found = if reads.is_empty() { Vec::new() } else { self.access().read_all(&reads)? };
        let mut answered = Answered::default();
        for ((id, incident), found) in incidents.iter().zip(found) {
            let found = access::record(found)?;
            answered.add(found.as_ref(), incident, now);
            let expect = found.map_or(Expect::Absent, |found| Expect::At(found.version));
            let event = HealingEvent::of(self.access().tenant(), self.scope(), (**incident).clone());
            batch.put(**id, expect, &event)?;
        }
        Ok(answered)
    }
}
