use super::content;
use super::policy::{self, OnBegin, OnSettle};
use super::{
    BeginStep, Beginning, CompleteStep, ForgetSteps, ForgottenSteps, ResolveStep, RestoreSteps,
    RestoredSteps, Step, StepFilter, StepJournalHead, StepKey, StepRecord, StepRun, StepState,
};
use crate::error::{Error, ErrorKind, Result};
use crate::ritual::{RitualCompressionCache, RitualHead};
use crate::seal::NamedKey;
use crate::store::access::{self, Access, MAX_ATTEMPTS, Page, Stored};
use crate::store::{Batch, Cursor, Direction, Expect, Filter, Model, Query, Read, Scalar};
use crate::types::{AssistantId, EntryId, OperationId, RecordId, RitualId};

/// The journal of what assistants do to the outside world.
///
/// Cheap to clone; every method may be called from any thread. The [module](super) says what is guaranteed.
///
/// ```
/// use mythos_core::journal::{BeginStep, Beginning, CompleteStep, RestoreSteps};
/// use mythos_core::{Mythos, ritual::SaveRitual};
///
/// let mythos = Mythos::in_memory();
/// let steps = mythos.steps();
/// let entry = mythos.rituals().save(&SaveRitual::new("ana".parse()?, "refund".parse()?), b"step 3")?;
///
/// let begin = BeginStep::new("ana".parse()?, "refund".parse()?, "pay 4711".parse()?, "50 EUR to bob");
/// assert_eq!(steps.begin(&begin)?, Beginning::Begun { attempt: 1 });
/// // Here the host pays, and if it dies now, nobody knows whether it did.
/// assert!(matches!(steps.begin(&begin)?, Beginning::InDoubt { attempt: 1, .. }));
/// steps.complete(&CompleteStep::new("ana".parse()?, "refund".parse()?, "pay 4711".parse()?, "receipt 9"))?;
///
/// // After a restart: what the restored state cannot know of.
/// let restored = steps.after_restore(&RestoreSteps::new("ana".parse()?, "refund".parse()?, Some(entry.entry)))?;
/// assert_eq!(restored.completed.items[0].outcome.as_deref(), Some(&b"receipt 9"[..]));
/// assert!(matches!(steps.begin(&begin)?, Beginning::Completed { outcome, .. } if outcome == b"receipt 9"));
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct StepJournal {
    access: Access,
    rituals: RitualCompressionCache,
}

/// Whose step it is.
#[derive(Clone, Copy)]
struct Name<'a> {
    assistant: &'a AssistantId,
    ritual: &'a RitualId,
    key: &'a StepKey,
}

/// What one snapshot shows of a ritual.
struct Scene {
    journal: Option<Stored<StepJournalHead>>,
    /// The ritual's head; damage matters only to what is written.
    ritual: Result<Place>,
}

/// Where a ritual stands.
struct Place {
    /// The version of its head.
    expect: Expect,
    /// The newest entry, if it has one.
    newest: Option<EntryId>,
}

/// What a settled step is to be.
struct Settling<'a> {
    attempt: Option<u64>,
    to: StepState,
    outcome: Option<&'a [u8]>,
}

impl StepJournal {
    /// The most steps of a page: with the longest intents and outcomes, 32 MiB.
    pub const MAX_PAGE_STEPS: u32 = 256;

    /// The most steps that one call forgets, in one commit.
    pub const MAX_FORGOTTEN: u32 = 1_000;

    pub(crate) const fn new(access: Access, rituals: RitualCompressionCache) -> Self {
        Self { access, rituals }
    }

    /// Asks whether a step is to be done, and records that it is begun if so. When this returns
    /// [`Begun`](Beginning::Begun), the step survives what the store promises, as one in doubt.
    ///
    /// Give it no operation id that is the same after a crash: see [`BeginStep::operation`].
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for an intent over [`MAX_STEP_BYTES`](super::MAX_STEP_BYTES);
    /// [`ErrorKind::Invalid`], field `intent`, if the key was used for another intent, `operation` if the operation began
    /// the step in another run;
    /// [`ErrorKind::Conflict`], field `epoch`, if a newer run of the ritual was named: the caller was replaced, and stops;
    /// field `attempt`, if what this operation began was resolved by others;
    /// [`ErrorKind::NotFound`], field `key`, if the step is completed, and its outcome sealed under a key that is not known;
    /// [`ErrorKind::Corrupt`] if the step's record is damaged, or the ritual's head: the next save mends that;
    /// [`ErrorKind::Unknown`] if it cannot be told whether it was begun: begin it again with the operation that
    /// [`Error::operation`] names, before anything is done.
    pub fn begin(&self, request: &BeginStep) -> Result<Beginning> {
        content::check("intent", &request.intent)?;
        StepRun::check(request.run.as_ref())?;
        let operation = self.access.operation(request.operation)?;
        let name = Name { assistant: &request.assistant, ritual: &request.ritual, key: &request.key };
        self.committing(name, |batch| self.stage_begin(batch, name, request, operation)).map_err(|error| {
            error.while_doing(format_args!("begin step {}", name.key)).of_operation(operation)
        })
    }

    fn stage_begin(
        &self,
        batch: &mut Batch,
        name: Name<'_>,
        request: &BeginStep,
        operation: OperationId,
    ) -> Result<Beginning> {
        let (scene, step) = self.scene(name)?;
        let newest = scene.journal.as_ref().and_then(|journal| journal.model.run);
        let raises = policy::raises(newest, request.run)?;
        let record = step.as_ref().map(|step| &step.model);
        if let Some(record) = record {
            let known = self.read("intent", record, Some(&record.intent))?;
            if known.is_some_and(|known| known != request.intent) {
                let message = format!("step {} was begun for another intent", name.key);
                return Err(Error::invalid("intent", message));
            }
        }
        let decision = policy::on_begin(record, operation, request.run)?;
        let now = self.access.now();
        let begins = matches!(decision, OnBegin::First | OnBegin::Again);
        let mut journal = scene.journal.as_ref().map_or_else(
            || {
                let (assistant, ritual) = (name.assistant.clone(), name.ritual.clone());
                StepJournalHead::new(self.access.tenant().clone(), assistant, ritual, now)
            },
            |journal| journal.model.clone(),
        );
        let now = now.max(journal.updated_at);
        journal.updated_at = now;
        journal.run = request.run.max(journal.run);
        journal.steps += u64::from(decision == OnBegin::First);
        if begins || raises {
            batch.put(
                self.journal_id(name.assistant, name.ritual),
                expect(scene.journal.as_ref()),
                &journal,
            )?;
        }
        match (decision, step.as_ref().map(|step| &step.model)) {
            (OnBegin::Repeated, Some(step)) => Ok(Beginning::Begun { attempt: step.attempt }),
            (OnBegin::InDoubt, Some(step)) => {
                let (attempt, begun_at, run) = (step.attempt, step.begun_at, step.run);
                Ok(Beginning::InDoubt { attempt, begun_at, run })
            }
            (OnBegin::Completed, Some(step)) => self.completed(step),
            (_, before) => {
                let ritual = scene.ritual?;
                let attempt = before.map_or(0, |step| step.attempt) + 1;
                let record = StepRecord {
                    format: StepRecord::FORMAT,
                    tenant: self.access.tenant().clone(),
                    assistant: name.assistant.clone(),
                    ritual: name.ritual.clone(),
                    key: name.key.clone(),
                    number: before.map_or(journal.steps, |step| step.number),
                    state: StepState::InDoubt,
                    attempt,
                    operation,
                    run: request.run,
                    intent: self.write("intent", name, attempt, &request.intent)?,
                    outcome: None,
                    begun_entry: ritual.newest,
                    settled_entry: None,
                    created_at: before.map_or(now, |step| step.created_at),
                    begun_at: now,
                    settled_at: None,
                };
                batch.put(self.step_id(name), expect(step.as_ref()), &record)?;
                self.check_ritual(batch, name, &ritual);
                Ok(Beginning::Begun { attempt })
            }
        }
    }

    fn completed(&self, step: &StepRecord) -> Result<Beginning> {
        let outcome = step.outcome.as_deref().ok_or_else(|| no_outcome(step))?;
        let outcome = self.open("outcome", step, outcome)?;
        let settled_at = step.settled_at.unwrap_or(step.begun_at);
        Ok(Beginning::Completed { attempt: step.attempt, outcome, settled_at })
    }

    /// Records that a step was done, and what came of it; and returns it. Saying it again, with the same outcome, is
    /// harmless: so it takes no operation id, and is repeated after [`ErrorKind::Unknown`].
    ///
    /// It is not fenced by runs: what happened is true, whoever says it.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for an outcome over [`MAX_STEP_BYTES`](super::MAX_STEP_BYTES);
    /// [`ErrorKind::NotFound`], field `key`, if the step was never begun, or its outcome is sealed under a key that is not
    /// known;
    /// [`ErrorKind::Conflict`], field `outcome`, if it was completed with another one, `state` if it was resolved as undone,
    /// `attempt` if a later attempt was begun; [`ErrorKind::Invalid`], field `attempt`, for one that never was;
    /// [`ErrorKind::Corrupt`] as for [`begin`](Self::begin);
    /// [`ErrorKind::Unknown`] if it cannot be told whether it was recorded: complete it again.
    pub fn complete(&self, request: &CompleteStep) -> Result<Step> {
        content::check("outcome", &request.outcome)?;
        let name = Name { assistant: &request.assistant, ritual: &request.ritual, key: &request.key };
        let (attempt, outcome) = (request.attempt, Some(&request.outcome[..]));
        self.settle(name, &Settling { attempt, to: StepState::Completed, outcome })
            .map_err(|error| error.while_doing(format_args!("complete step {}", name.key)))
    }

    /// Records what the host found out about a step in doubt, and returns it. Saying the same again is harmless: so it takes
    /// no operation id, and is repeated after [`ErrorKind::Unknown`].
    ///
    /// A step is resolved as undone only by who knows that nobody is still doing it. What was completed is not undone by
    /// this: taking it back is a step of its own.
    ///
    /// # Errors
    /// As [`complete`](Self::complete); [`ErrorKind::Conflict`], field `state`, if something else is known of it.
    pub fn resolve(&self, request: &ResolveStep) -> Result<Step> {
        let (to, outcome) = request.resolution.settled();
        content::check("outcome", outcome.unwrap_or_default())?;
        let name = Name { assistant: &request.assistant, ritual: &request.ritual, key: &request.key };
        self.settle(name, &Settling { attempt: Some(request.attempt), to, outcome })
            .map_err(|error| error.while_doing(format_args!("resolve step {}", name.key)))
    }

    fn settle(&self, name: Name<'_>, settling: &Settling<'_>) -> Result<Step> {
        let record = self.committing(name, |batch| self.stage_settling(batch, name, settling))?;
        self.shown(record)
    }

    fn stage_settling(
        &self,
        batch: &mut Batch,
        name: Name<'_>,
        settling: &Settling<'_>,
    ) -> Result<StepRecord> {
        let (scene, step) = self.scene(name)?;
        let step = step.ok_or_else(|| {
            let message = format!("ritual {} of {} has begun no such step", name.ritual, name.assistant);
            Error::not_found(message).with_field("key")
        })?;
        let Stored { version, model: record } = step;
        match policy::on_settle(&record, settling.attempt, settling.to)? {
            OnSettle::Same => return Ok(record),
            OnSettle::Compare => {
                let known = record.outcome.as_deref().ok_or_else(|| no_outcome(&record))?;
                if self.open("outcome", &record, known)? == settling.outcome.unwrap_or_default() {
                    return Ok(record);
                }
                let message = format!("step {} was completed with another outcome", name.key);
                return Err(Error::conflict(message).with_field("outcome"));
            }
            OnSettle::Settled => {}
        }
        let ritual = scene.ritual?;
        let outcome = settling.outcome.map(|outcome| self.write("outcome", name, record.attempt, outcome));
        let record = StepRecord {
            state: settling.to,
            outcome: outcome.transpose()?,
            settled_entry: ritual.newest,
            settled_at: Some(self.access.now().max(record.begun_at)),
            ..record
        };
        batch.put(self.step_id(name), Expect::At(version), &record)?;
        // The step may have been forgotten and begun anew since it was read, at the same version.
        let journal = self.journal_id(name.assistant, name.ritual);
        batch.check(StepJournalHead::TABLE, journal, expect(scene.journal.as_ref()));
        self.check_ritual(batch, name, &ritual);
        Ok(record)
    }

    /// A step as it stands; `None` if it was never begun, or was forgotten.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if its record is damaged.
    pub fn step(&self, assistant: &AssistantId, ritual: &RitualId, key: &StepKey) -> Result<Option<Step>> {
        let found = self.access.record::<StepRecord>(self.step_id(Name { assistant, ritual, key }))?;
        found.map(|stored| self.shown(stored.model)).transpose()
    }

    /// Lists steps of a ritual, in the order in which they were first begun. `after` is the `next` of the page before;
    /// `limit` is 1 to [`MAX_PAGE_STEPS`](Self::MAX_PAGE_STEPS).
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] or [`ErrorKind::Invalid`] for a limit or cursor out of bounds; [`ErrorKind::Corrupt`] for a
    /// record on the page that is damaged.
    pub fn steps(&self, filter: &StepFilter, after: Option<Cursor>, limit: u32) -> Result<Page<Step>> {
        check_limit(limit, Self::MAX_PAGE_STEPS)?;
        let page = self.access.page(listing(filter).after(after).limit(limit))?;
        self.shown_page(page)
    }

    /// What a restored assistant has to know: the steps that were completed since its entry was saved, and those in doubt.
    /// If a run is given, earlier ones are refused from here on, so that nothing is begun behind the answer.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for a limit out of bounds; [`ErrorKind::Invalid`], field `entry`, for an entry of another
    /// ritual; [`ErrorKind::Conflict`], field `epoch`, if a newer run was named; [`ErrorKind::Corrupt`] if a record is
    /// damaged; [`ErrorKind::Unknown`] if it cannot be told whether the run was recorded: call it again.
    pub fn after_restore(&self, request: &RestoreSteps) -> Result<RestoredSteps> {
        check_limit(request.limit, Self::MAX_PAGE_STEPS)?;
        StepRun::check(request.run.as_ref())?;
        let (assistant, ritual) = (&request.assistant, &request.ritual);
        if request.run.is_some() {
            self.name_run(assistant, ritual, request.run)?;
        }
        let steps = StepFilter::new(assistant.clone(), ritual.clone());
        let completed =
            StepFilter { state: Some(StepState::Completed), settled_since: request.entry, ..steps.clone() };
        let in_doubt = StepFilter { state: Some(StepState::InDoubt), ..steps };
        let queries = [completed, in_doubt].map(|filter| listing(&filter).limit(request.limit));
        let head = Read::Record { table: RitualHead::TABLE, id: self.rituals.owner(assistant, ritual).id };
        let [completed, in_doubt] = queries.clone().map(|query| Read::Page(self.access.of_tenant(query)));
        let [head, completed, in_doubt] = self.access.read([head, completed, in_doubt])?;
        let head = access::decoded::<RitualHead>(head)?;
        // An entry may have been restored although the head is damaged.
        let is_other = match (&head, request.entry) {
            (Some((_, Ok(head))), Some(entry)) => head.root != entry.root(),
            (None, Some(_)) => true,
            _ => false,
        };
        if is_other {
            let message = format!("the entry is none of ritual {ritual} of {assistant}");
            return Err(Error::invalid("entry", message));
        }
        let [of_completed, of_in_doubt] = queries;
        Ok(RestoredSteps {
            completed: self.shown_page(access::typed_page(&of_completed, completed)?)?,
            in_doubt: self.shown_page(access::typed_page(&of_in_doubt, in_doubt)?)?,
        })
    }

    /// Refuses earlier runs from here on.
    fn name_run(&self, assistant: &AssistantId, ritual: &RitualId, run: Option<StepRun>) -> Result<()> {
        let id = self.journal_id(assistant, ritual);
        for _ in 0..MAX_ATTEMPTS {
            let stored = self.access.record::<StepJournalHead>(id)?;
            if !policy::raises(stored.as_ref().and_then(|journal| journal.model.run), run)? {
                return Ok(());
            }
            let now = self.access.now();
            let expect = expect(stored.as_ref());
            let mut journal = stored.map_or_else(
                || {
                    let tenant = self.access.tenant().clone();
                    StepJournalHead::new(tenant, assistant.clone(), ritual.clone(), now)
                },
                |journal| journal.model,
            );
            journal.run = run;
            journal.updated_at = now.max(journal.updated_at);
            let mut batch = Batch::new();
            batch.put(id, expect, &journal)?;
            match self.access.commit(batch) {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                result => return result,
            }
        }
        Err(too_slow(ritual))
    }

    /// Deletes steps that are settled, the first begun first; those in doubt stay. Repeat it until
    /// [`done`](ForgottenSteps::done).
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for a limit out of bounds; [`ErrorKind::Conflict`] if other writers were always faster;
    /// [`ErrorKind::Unknown`] if it cannot be told whether they were deleted: call it again.
    pub fn forget(&self, request: &ForgetSteps) -> Result<ForgottenSteps> {
        check_limit(request.limit, Self::MAX_FORGOTTEN)?;
        let (assistant, ritual) = (&request.assistant, &request.ritual);
        let states = StepState::SETTLED.map(|state| Scalar::from(state.name())).to_vec();
        let mut query = of_ritual(assistant, ritual)
            .filter(Filter::In { field: "state".to_owned(), values: states })
            .limit(request.limit);
        if let Some(entry) = request.before_entry {
            let (min, below) = (Some(text(entry.root())), Some(text(entry)));
            query = query.filter(Filter::Range { field: "settled_entry".to_owned(), min, below });
        }
        if let Some(before) = request.before {
            let below = Some(text(before));
            query = query.filter(Filter::Range { field: "settled_at".to_owned(), min: None, below });
        }
        let id = self.journal_id(assistant, ritual);
        for _ in 0..MAX_ATTEMPTS {
            let head = Read::Record { table: StepJournalHead::TABLE, id };
            let page = Read::Page(self.access.of_tenant(query.clone()));
            let [head, page] = self.access.read([head, page])?;
            let head = access::record(head)?;
            let steps = access::records(page)?;
            let forgotten = steps.len() as u64;
            let answer = ForgottenSteps { forgotten, done: forgotten < u64::from(request.limit) };
            if forgotten == 0 {
                return Ok(answer);
            }
            let mut batch = Batch::new();
            // A step may be forgotten and begun anew by others, at the same version.
            let expect = head.map_or(Expect::Absent, |head| Expect::At(head.version));
            batch.check(StepJournalHead::TABLE, id, expect);
            for step in steps {
                batch.delete(StepRecord::TABLE, step.id, step.version);
            }
            match self.access.commit(batch) {
                Ok(()) => return Ok(answer),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error.while_doing(format_args!("forget steps of ritual {ritual}"))),
            }
        }
        Err(too_slow(ritual))
    }

    /// Commits what `stage` stages on what it reads, if anything, until nobody else was faster.
    fn committing<T>(&self, name: Name<'_>, stage: impl Fn(&mut Batch) -> Result<T>) -> Result<T> {
        let mut turn = None;
        for _ in 0..MAX_ATTEMPTS {
            let mut batch = Batch::new();
            let answer = stage(&mut batch)?;
            if batch.records.is_empty() {
                return Ok(answer);
            }
            match self.access.commit(batch) {
                Ok(()) => return Ok(answer),
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    let id = self.journal_id(name.assistant, name.ritual);
                    turn.get_or_insert_with(|| self.access.turn(&id));
                }
                Err(error) => return Err(error),
            }
        }
        Err(too_slow(name.ritual))
    }

    /// What one snapshot shows of a step and its ritual.
    fn scene(&self, name: Name<'_>) -> Result<(Scene, Option<Stored<StepRecord>>)> {
        let owner = self.rituals.owner(name.assistant, name.ritual);
        let journal = self.journal_id(name.assistant, name.ritual);
        let [step, journal, ritual] = self.access.read([
            Read::Record { table: StepRecord::TABLE, id: self.step_id(name) },
            Read::Record { table: StepJournalHead::TABLE, id: journal },
            Read::Record { table: RitualHead::TABLE, id: owner.id },
        ])?;
        let ritual = match access::decoded::<RitualHead>(ritual)? {
            None => Ok(Place { expect: Expect::Absent, newest: None }),
            Some((version, head)) => {
                head.and_then(|head| self.rituals.check_head(head, &owner)).map(|head| {
                    let newest = (head.sequence > 0).then(|| head.root.at(head.sequence));
                    Place { expect: Expect::At(version), newest }
                })
            }
        };
        Ok((Scene { journal: access::stored(journal)?, ritual }, access::stored(step)?))
    }

    /// Makes sure that what was noted as the newest entry still is.
    fn check_ritual(&self, batch: &mut Batch, name: Name<'_>, ritual: &Place) {
        let owner = self.rituals.owner(name.assistant, name.ritual);
        batch.check(RitualHead::TABLE, owner.id, ritual.expect);
    }

    fn step_id(&self, name: Name<'_>) -> RecordId {
        StepRecord::record_id(self.access.tenant(), name.assistant, name.ritual, name.key)
    }

    fn journal_id(&self, assistant: &AssistantId, ritual: &RitualId) -> RecordId {
        StepJournalHead::record_id(self.access.tenant(), assistant, ritual)
    }

    /// The stored form of an intent or outcome.
    fn write(&self, part: &'static str, name: Name<'_>, attempt: u64, content: &[u8]) -> Result<String> {
        let Name { assistant, ritual, key } = name;
        let place = content::Place { tenant: self.access.tenant(), assistant, ritual, key, attempt, part };
        let seal = self.rituals.active_key()?;
        let nonce = seal.as_ref().map(|_| self.access.runtime().nonce()).transpose()?;
        content::write(place, content, seal.as_ref().zip(nonce))
    }

    /// An intent or outcome.
    fn open(&self, part: &'static str, step: &StepRecord, stored: &str) -> Result<Vec<u8>> {
        let StepRecord { tenant, assistant, ritual, key, attempt, .. } = step;
        let place = content::Place { tenant, assistant, ritual, key, attempt: *attempt, part };
        content::read(place, stored, |id| -> Result<NamedKey> { self.rituals.key(id) })
    }

    /// As [`open`](Self::open); `None` if there is none, or if the key that it was sealed under is not known.
    fn read(&self, part: &'static str, step: &StepRecord, stored: Option<&str>) -> Result<Option<Vec<u8>>> {
        match stored.map(|stored| self.open(part, step, stored)).transpose() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            result => result,
        }
    }

    fn shown_page(&self, page: Page<StepRecord>) -> Result<Page<Step>> {
        let items = page.items.into_iter().map(|record| self.shown(record)).collect::<Result<_>>()?;
        Ok(Page { items, next: page.next })
    }

    fn shown(&self, record: StepRecord) -> Result<Step> {
        Ok(Step {
            intent: self.read("intent", &record, Some(&record.intent))?,
            outcome: self.read("outcome", &record, record.outcome.as_deref())?,
            tenant: record.tenant,
            assistant: record.assistant,
            ritual: record.ritual,
            key: record.key,
            number: record.number,
            state: record.state,
            attempt: record.attempt,
            run: record.run,
            begun_entry: record.begun_entry,
            settled_entry: record.settled_entry,
            created_at: record.created_at,
            begun_at: record.begun_at,
            settled_at: record.settled_at,
        })
    }
}

/// The steps of a ritual in the order in which they were first begun.
fn of_ritual(assistant: &AssistantId, ritual: &RitualId) -> Query {
    Query::new(StepRecord::TABLE)
        .order_by("number", Direction::Ascending)
        .equals("assistant", Some(assistant.as_str()))
        .equals("ritual", Some(ritual.as_str()))
}

fn listing(filter: &StepFilter) -> Query {
    let query =
        of_ritual(&filter.assistant, &filter.ritual).equals("state", filter.state.map(StepState::name));
    let Some(entry) = filter.settled_since else { return query };
    // The ids of a ritual's entries, as text, are in the order of their positions; `~` is behind every digit.
    let last = Scalar::Text(format!("{}~", entry.root().at(EntryId::MAX_SEQUENCE)));
    let (min, below) = (Some(text(entry)), Some(last));
    query.filter(Filter::Range { field: "settled_entry".to_owned(), min, below })
}

fn text(value: impl ToString) -> Scalar {
    Scalar::Text(value.to_string())
}

fn expect<M>(stored: Option<&Stored<M>>) -> Expect {
    stored.map_or(Expect::Absent, |stored| Expect::At(stored.version))
}

fn check_limit(limit: u32, most: u32) -> Result<()> {
    if (1..=most).contains(&limit) {
        return Ok(());
    }
    Err(Error::limit("limit", format!("1 to {most} steps are asked for at once, not {limit}")))
}

fn no_outcome(step: &StepRecord) -> Error {
    Error::corrupt(format!("step {} is completed and has no outcome", step.key))
}

fn too_slow(ritual: &RitualId) -> Error {
    Error::conflict(format!("other writers of ritual {ritual} were faster {MAX_ATTEMPTS} times"))
}
