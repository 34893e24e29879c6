//! Verifying everything that is stored of rituals, bit by bit of the time there is.

use super::account::STRAYS;
use super::cell::Kind;
use super::compact::{MAX_TRIES, Spending, next_id};
use super::dictionaries::COPIES;
use super::examine::is_unknown_key;
use super::findings::{Findings, Subject};
use super::walk::Walk;
use super::{
    RitualCompressionCache, RitualDictionaries, RitualHead, RitualPart, RitualProgress, RitualRetention,
    ScrubReport, ScrubRituals, Scrubbed, SkippedRitual,
};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{
    Answer, Batch, CellName, Cursor, MAX_CELL_BYTES, Model, Names, Owner, Query, Read, Record, Scalar,
};
use crate::types::{AssistantId, EntryId, RecordId, RitualId};

/// The position in a [`RitualProgress`] that stands for the dictionaries, which come after all rituals: one that no entry
/// has.
const DICTIONARIES: u64 = EntryId::MAX_SEQUENCE + 1;

/// Records read at once.
const RECORDS: u32 = 100;

impl RitualCompressionCache {
    /// Verifies everything that is stored: heads, cards, signatures, intents, operations, every whole payload and every
    /// patch, also those beside a sound whole payload, both copies of every dictionary, and retention policies. Cells that are missing are
    /// found, and cells that nothing names.
    ///
    /// Each payload is made once, from the newest entry down; memory holds at most two of them. Nothing is mended. What a
    /// scrub saw of a ritual is noted in its [head](RitualHead::scrubbed), for the filter
    /// [`verified`](super::RitualFilter::verified) of listings; if writers are always faster it is not.
    ///
    /// Call again with `after` set to [`next`](ScrubReport::next) until that is `None`. A ritual whose head record is gone
    /// without a trace is found if it is named.
    ///
    /// # Errors
    /// Those of the store and of the key provider. Damage is not an error but a finding.
    pub fn scrub(&self, request: &ScrubRituals) -> Result<ScrubReport> {
        let mut report = ScrubReport::default();
        let mut spending = Spending::new(request.budget, self.access.now());
        let after = request.after;
        let is_in_rituals = after.is_none_or(|after| after.sequence != DICTIONARIES);
        if is_in_rituals && self.scrub_rituals(request, &mut spending, &mut report)? {
            return Ok(report);
        }
        let from = after.filter(|_| !is_in_rituals).map(|after| after.ritual);
        report.next = match &request.assistant {
            Some(assistant) => {
                let id = RitualDictionaries::record_id(self.access.tenant(), assistant);
                let record = self.record_at::<RitualDictionaries>(id)?;
                self.scrub_dictionaries(assistant, record, &mut spending, &mut report)?;
                None
            }
            None => self.scrub_all_dictionaries(from, &mut spending, &mut report)?,
        };
        if report.next.is_none() {
            self.scrub_retention(request.assistant.as_ref(), &mut report)?;
        }
        Ok(report)
    }

    /// Verifies the records of retention policies, of which an assistant has at most one.
    fn scrub_retention(&self, assistant: Option<&AssistantId>, report: &mut ScrubReport) -> Result<()> {
        let mut from = None;
        loop {
            let records = self.records_from::<RitualRetention>(assistant, None, from)?;
            for record in &records.items {
                from = Some(next_id(&record.id));
                if let Err(error) = RitualRetention::from_record(record) {
                    let mut found =
                        Findings::new(Subject { assistant: assistant.cloned(), ..Subject::default() });
                    found.add(RitualPart::Retention, None, &error);
                    found.report(report);
                }
            }
            if records.is_last {
                return Ok(());
            }
        }
    }

    /// Scrubs the rituals that are asked for; says whether the budget ended before.
    fn scrub_rituals(
        &self,
        request: &ScrubRituals,
        spending: &mut Spending,
        report: &mut ScrubReport,
    ) -> Result<bool> {
        let mut at = request.after;
        if let (Some(assistant), Some(ritual)) = (&request.assistant, &request.ritual) {
            let owner = self.owner(assistant, ritual);
            let from = at.filter(|at| at.ritual == owner.id).map(|at| at.sequence);
            let names = Some((assistant.clone(), ritual.clone()));
            let stopped = self.scrub_ritual(&owner, names, from, spending, report)?;
            report.next = stopped.map(|sequence| RitualProgress { ritual: owner.id, sequence });
            return Ok(stopped.is_some());
        }
        loop {
            let (assistant, ritual) = (request.assistant.as_ref(), request.ritual.as_ref());
            let records = self.records_from::<RitualHead>(assistant, ritual, at.map(|at| at.ritual))?;
            for record in records.items {
                let owner =
                    Owner { tenant: self.access.tenant().clone(), table: RitualHead::TABLE, id: record.id };
                let from = at.filter(|at| at.ritual == record.id && at.sequence > 0).map(|at| at.sequence);
                let names = self.names_at(&owner)?;
                if let Some(sequence) = self.scrub_ritual(&owner, names, from, spending, report)? {
                    report.next = Some(RitualProgress { ritual: record.id, sequence });
                    return Ok(true);
                }
                at = Some(RitualProgress { ritual: next_id(&record.id), sequence: 0 });
                if spending.is_spent(self.access.now()) {
                    report.next = at;
                    return Ok(true);
                }
            }
            if records.is_last {
                return Ok(false);
            }
        }
    }

    /// Records of the tenant in the order of their ids, from one on.
    pub(super) fn records_from<M: Model>(
        &self,
        assistant: Option<&AssistantId>,
        ritual: Option<&RitualId>,
        from: Option<RecordId>,
    ) -> Result<Records> {
        let wanted = [
            ("tenant", Some(self.access.tenant().as_str())),
            ("assistant", assistant.map(AssistantId::as_str)),
            ("ritual", ritual.map(RitualId::as_str)),
        ];
        let mut query = Query::new(M::TABLE).limit(RECORDS);
        // A page is of the tenant anyway.
        for (field, value) in &wanted[1..] {
            query = query.equals(field, *value);
        }
        let mut items = Vec::new();
        if let Some(from) = from {
            // A cursor stands behind a record; the one it names is read by itself.
            let fits = |record: &Record| {
                let said = |field: &str| record.body.get(field).and_then(|said| said.as_str());
                wanted.iter().all(|(field, value)| value.is_none_or(|value| said(field) == Some(value)))
            };
            items.extend(self.record_at::<M>(from)?.filter(fits));
        }
        let query = query.after(from.map(|id| Cursor { value: Scalar::Null, id }));
        let page = self.access.raw_page(query)?;
        items.extend(page.items);
        Ok(Records { items, is_last: page.next.is_none() })
    }

    fn record_at<M: Model>(&self, id: RecordId) -> Result<Option<Record>> {
        let [answer] = self.access.read([Read::Record { table: M::TABLE, id }])?;
        match answer {
            Answer::Record { record } => Ok(record),
            _ => Err(Error::internal("the store gave no record")),
        }
    }

    /// Scrubs one ritual below a position, or wholly; gives the position below which the budget ended.
    fn scrub_ritual(
        &self,
        owner: &Owner,
        names: Option<(AssistantId, RitualId)>,
        from: Option<u64>,
        spending: &mut Spending,
        report: &mut ScrubReport,
    ) -> Result<Option<u64>> {
        let (assistant, ritual) = names.clone().unzip();
        let mut found = Findings::new(Subject { assistant, ritual, root: None });
        let head = match self.snapshot(owner, Vec::new())?.head {
            Some(Ok(head)) => Some(head),
            None if self.is_empty(owner, Names::all())? => return Ok(None),
            damaged => {
                let error = match damaged {
                    Some(Err(error)) if error.kind() != ErrorKind::Corrupt => return Err(error),
                    Some(Err(error)) => error,
                    _ => Error::corrupt("the head is missing, but not the ritual's entries"),
                };
                if from.is_none() {
                    found.add(RitualPart::Head, None, &error);
                }
                match names {
                    Some((assistant, ritual)) => self.remake_head(&assistant, &ritual)?,
                    None => None,
                }
            }
        };
        let Some(head) = head else {
            report.rituals += 1;
            found.report(report);
            return Ok(None);
        };
        found.subject = Subject {
            assistant: Some(head.assistant.clone()),
            ritual: Some(head.ritual.clone()),
            root: Some(head.root),
        };
        let top = from.unwrap_or(u64::MAX).clamp(1, head.sequence.saturating_add(1));
        let missing = match from {
            // Of a ritual that was never pruned, what has no place is missing.
            Some(_) if head.entries == head.sequence => u64::MAX,
            Some(_) => self.account(&head)?.missing(&head),
            None => {
                let account = self.account(&head)?;
                self.check_account(&head, &account, &mut found)?;
                account.missing(&head)
            }
        };
        let mut walk = Walk::new(head, top, missing);
        let is_done = self.walk(&mut walk, &mut found, spending)?;
        let below = if is_done { 1 } else { walk.below };
        self.record_scrub(owner, from, (top, below), &found.unverified)?;
        skip(&walk, report);
        report.rituals += u64::from(is_done);
        found.report(report);
        Ok((!is_done).then_some(below))
    }

    /// Notes in the head what was seen of the positions from `below` up to before `top`.
    fn record_scrub(
        &self,
        owner: &Owner,
        from: Option<u64>,
        (top, below): (u64, u64),
        unverified: &[u64],
    ) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let snapshot = self.snapshot(owner, Vec::new())?;
            let Some(Ok(mut head)) = snapshot.head else { return Ok(()) };
            let earlier = head.scrubbed.take().filter(|scrubbed| from.is_some() && scrubbed.above + 1 >= top);
            let mut scrubbed = earlier.unwrap_or_else(|| Scrubbed {
                at: self.access.now(),
                sequence: top - 1,
                above: top - 1,
                damaged: Vec::new(),
            });
            extend(&mut scrubbed, (top, below), unverified);
            scrubbed.at = self.access.now();
            head.scrubbed = Some(scrubbed);
            let mut batch = Batch::new();
            batch.put(owner.id, snapshot.expect, &head)?;
            match self.access.commit(batch) {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                result => return result.map_err(|error| error.while_doing("note what a scrub found")),
            }
        }
        Ok(())
    }

    fn scrub_all_dictionaries(
        &self,
        mut from: Option<RecordId>,
        spending: &mut Spending,
        report: &mut ScrubReport,
    ) -> Result<Option<RitualProgress>> {
        loop {
            let records = self.records_from::<RitualDictionaries>(None, None, from)?;
            for record in records.items {
                if spending.is_spent(self.access.now()) {
                    return Ok(Some(RitualProgress { ritual: record.id, sequence: DICTIONARIES }));
                }
                from = Some(next_id(&record.id));
                let named = record.body.get("assistant").and_then(|name| name.as_str()).unwrap_or_default();
                match named.parse::<AssistantId>() {
                    Ok(assistant)
                        if RitualDictionaries::record_id(self.access.tenant(), &assistant) == record.id =>
                    {
                        self.scrub_dictionaries(&assistant, Some(record), spending, report)?;
                    }
                    _ => {
                        let mut found = Findings::default();
                        let what =
                            format!("record {} of dictionaries does not name its assistant", record.id);
                        found.add(RitualPart::Dictionary, None, &Error::corrupt(what));
                        found.report(report);
                    }
                }
            }
            if records.is_last {
                return Ok(None);
            }
        }
    }

    /// Verifies every copy of an assistant's dictionaries.
    fn scrub_dictionaries(
        &self,
        assistant: &AssistantId,
        record: Option<Record>,
        spending: &mut Spending,
        report: &mut ScrubReport,
    ) -> Result<()> {
        let subject = Subject { assistant: Some(assistant.clone()), ..Subject::default() };
        let mut found = Findings::new(subject);
        let owner = RitualDictionaries::owner(self.access.tenant(), assistant);
        let record = match record.as_ref().map(RitualDictionaries::from_record) {
            Some(Ok(record)) => record,
            None if self.is_empty(&owner, Names::all())? => return Ok(()),
            damaged => {
                let missing = || Error::corrupt("the record of dictionaries is missing, but not its cells");
                let error = damaged.and_then(Result::err).unwrap_or_else(missing);
                found.add(RitualPart::Dictionary, None, &error);
                found.report(report);
                return Ok(());
            }
        };
        let (mut unknown, mut known) = (None, Vec::new());
        for dictionary in &record.dictionaries {
            let number = dictionary.number;
            for copy in 0..COPIES {
                let name = Kind::Dictionary.name(u64::from(number), copy);
                known.push(name);
                let key = dictionary.key.as_ref().map(|id| self.key(id)).transpose();
                let (mut cells, _) =
                    self.access.cells(owner.clone(), Names::one(name), MAX_CELL_BYTES as u64)?;
                let opened = match cells.pop() {
                    None => Err(Error::corrupt(format!("the dictionary in cell {name} is missing"))),
                    // Without its key, what can still be told is whether the cell is what was put there.
                    Some(cell) => super::cell::open(&owner, &name, &cell.bytes).and_then(|_| {
                        self.open_dictionary(assistant, number, key?.as_ref(), &cell).map(|_| ())
                    }),
                };
                spending.spend(dictionary.bytes);
                match opened {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::Corrupt => {
                        let error = error.while_doing(format_args!("copy {copy} of dictionary {number}"));
                        found.add(RitualPart::Dictionary, None, &error);
                    }
                    Err(error) if is_unknown_key(&error) => unknown = Some(error),
                    Err(error) => return Err(error),
                }
            }
        }
        self.find_dictionary_strays(&owner, known, &mut found)?;
        // A dictionary that is being trained or swept just now is no damage.
        let now = self.record_at::<RitualDictionaries>(RitualDictionaries::record_id(
            self.access.tenant(),
            assistant,
        ))?;
        if found.count > 0
            && now.and_then(|now| RitualDictionaries::from_record(&now).ok()).as_ref() != Some(&record)
        {
            let finding = "the dictionaries were changed meanwhile; the next scrub comes by again".to_owned();
            report.skipped.push(SkippedRitual { assistant: Some(assistant.clone()), ritual: None, finding });
            return Ok(());
        }
        if let Some(error) = unknown {
            let finding = error.while_doing("read the dictionaries").to_string();
            report.skipped.push(SkippedRitual { assistant: Some(assistant.clone()), ritual: None, finding });
        }
        found.report(report);
        Ok(())
    }

    fn find_dictionary_strays(
        &self,
        owner: &Owner,
        mut known: Vec<CellName>,
        found: &mut Findings,
    ) -> Result<()> {
        known.sort_unstable();
        let mut from = None;
        for until in known.into_iter().map(Some).chain([None]) {
            let names = Names::Range { from, until, limit: STRAYS, reverse: false };
            self.orphans(owner, names, found)?;
            from = until.and_then(|name| name.successor());
        }
        Ok(())
    }
}

/// Some of the records of a table.
pub(super) struct Records {
    pub(super) items: Vec<Record>,
    /// Whether none come after these.
    pub(super) is_last: bool,
}

/// Adds to what was seen of a ritual.
fn extend(scrubbed: &mut Scrubbed, (top, below): (u64, u64), unverified: &[u64]) {
    if scrubbed.above + 1 > top {
        // More was found before than fits.
        return;
    }
    scrubbed.above = below - 1;
    for sequence in unverified {
        if scrubbed.damaged.len() == Scrubbed::MAX_DAMAGED {
            scrubbed.above = *sequence;
            return;
        }
        scrubbed.damaged.push(*sequence);
    }
}

/// Reports what a walk could not verify.
fn skip(walk: &Walk, report: &mut ScrubReport) {
    let findings = walk.sealed.iter().map(|(key, entries)| {
        format!(
            "{entries} entries are sealed under key {key}, which is not known: only their cells were checked"
        )
    });
    let unsteady =
        (walk.unsteady > 0).then(|| "writers kept changing it; the next scrub comes by again".to_owned());
    for finding in findings.chain(unsteady) {
        let (assistant, ritual) = (Some(walk.head.assistant.clone()), Some(walk.head.ritual.clone()));
        report.skipped.push(SkippedRitual { assistant, ritual, finding });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Timestamp;

    fn scrubbed(above: u64) -> Scrubbed {
        Scrubbed { at: Timestamp::UNIX_EPOCH, sequence: 500, above, damaged: Vec::new() }
    }

    #[test]
    fn what_does_not_fit_counts_as_not_seen() {
        let mut note = scrubbed(500);
        let unverified: Vec<u64> = (301..=450).rev().collect();
        extend(&mut note, (501, 301), &unverified);
        assert_eq!((note.damaged.len(), note.above), (Scrubbed::MAX_DAMAGED, 350));
        assert!(note.is_sound(451) && !note.is_sound(450) && !note.is_sound(340));
        // What comes later cannot tell what was left out.
        extend(&mut note, (301, 1), &[]);
        assert!(!note.is_sound(340) && !note.is_sound(1));
    }

    #[test]
    fn a_scrub_that_goes_on_adds_to_what_was_seen() {
        let mut note = scrubbed(500);
        extend(&mut note, (501, 200), &[300]);
        assert!(note.is_sound(200) && !note.is_sound(199) && !note.is_sound(300));
        extend(&mut note, (200, 1), &[7]);
        assert_eq!((note.damaged.as_slice(), note.above), ([300, 7].as_slice(), 0));
    }
}
