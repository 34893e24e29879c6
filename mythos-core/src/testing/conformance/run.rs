//! Runs the steps of one case against one store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Map, Value, json};

use super::Factory;
use super::language::{Asked, Commit, Contended, Fails, Page, Step, Watched, series_id, series_name};
use super::tables::{TABLES, THINGS};
use crate::store::{
    Answer, Batch, Budget, Cell, Emulated, Expect, Group, Names, Owner, Query, Read, Record, RecordOp, Store,
    StoreError, evaluate,
};
use crate::types::{RecordId, TenantId, Version};

/// Why a step failed.
type Outcome = Result<(), String>;

pub(super) struct Runner<'a> {
    factory: &'a dyn Factory,
    store: Arc<dyn Store>,
    guarded: Emulated,
}

impl<'a> Runner<'a> {
    pub(super) fn new(factory: &'a dyn Factory) -> Result<Self, String> {
        let store = factory.fresh(TABLES).map_err(|error| format!("no fresh store: {error}"))?;
        Ok(Self { factory, guarded: Emulated::new(Arc::clone(&store)), store })
    }

    pub(super) fn run(self, step: &Step) -> Result<Self, String> {
        match step {
            Step::Commit(commit) => self.commit(commit)?,
            Step::Read(asked) => self.read(asked)?,
            Step::RefusedRead { read, fails, field } => {
                let answer = self.guarded.read(&[read.read()]).map(drop);
                check_failure(answer, Some(*fails), None, field.as_deref())?;
            }
            Step::Pages(page) => self.pages(page)?,
            Step::Reopen => return self.reopen(),
            Step::Maintain { max_bytes, rounds } => self.maintain(*max_bytes, *rounds)?,
            Step::Race { contenders, rounds, expect } => self.race(*contenders, *rounds, *expect)?,
            Step::Watch { commits, with } => self.watch(*commits, *with)?,
        }
        Ok(self)
    }

    fn commit(&self, commit: &Commit) -> Outcome {
        let outcome = self.guarded.commit_owned(commit.batch());
        check_failure(outcome, commit.fails, commit.on, commit.field.as_deref())
    }

    fn read(&self, asked: &[Asked]) -> Outcome {
        let reads: Vec<_> = asked.iter().map(Asked::read).collect();
        let answers = self.guarded.read(&reads).map_err(|error| format!("the read failed: {error}"))?;
        for (number, (asked, answer)) in asked.iter().zip(&answers).enumerate() {
            check_answer(asked, answer).map_err(|failure| format!("read {number}: {failure}"))?;
        }
        Ok(())
    }

    fn pages(&self, page: &Page) -> Outcome {
        let mut query = page.query();
        let expected = page.gives.ids();
        let mut found = Vec::new();
        loop {
            let records = self.page(&query)?;
            found.extend(records.iter().map(|record| record.id));
            query.after = records.last().map(|record| query.cursor(record));
            // A store whose pages never end must not run for ever.
            if records.len() < query.limit as usize || found.len() > expected.len() {
                return check_ids(&found, &expected);
            }
        }
    }

    fn page(&self, query: &Query) -> Result<Vec<Record>, String> {
        match self.guarded.read(&[Read::Page(query.clone())]).map(|mut answers| answers.pop()) {
            Ok(Some(Answer::Page { records })) => Ok(records),
            other => Err(format!("a page was not answered: {other:?}")),
        }
    }

    fn reopen(self) -> Result<Self, String> {
        let Self { factory, store, guarded } = self;
        drop(guarded);
        let store = factory.reopen(store, TABLES).map_err(|error| format!("not opened again: {error}"))?;
        Ok(Self { factory, guarded: Emulated::new(Arc::clone(&store)), store })
    }

    fn maintain(&self, max_bytes: u64, rounds: u32) -> Outcome {
        for _ in 0..rounds {
            let maintained = self.guarded.maintain(Budget { max_bytes });
            if maintained.map_err(|error| format!("maintain failed: {error}"))?.done {
                return Ok(());
            }
        }
        Err(format!("maintain is not done after {rounds} rounds"))
    }

    /// In every round all contenders expect the same of one record, and exactly one may succeed.
    fn race(&self, contenders: u32, rounds: u32, expect: Contended) -> Outcome {
        let one = RecordId::from_short(&[1]);
        if expect == Contended::Version {
            let created = self.guarded.commit(&numbered(one, Expect::Absent, 0));
            created.map_err(|error| error.to_string())?;
        }
        for round in 0..rounds {
            let (target, expected) = match expect {
                Contended::Absent => (series_id(round), Expect::Absent),
                Contended::Version => (one, at(u64::from(round) + 1)?),
            };
            let store: &dyn Store = &self.guarded;
            let outcomes: Vec<_> = thread::scope(|scope| {
                let start = |number| move || store.commit(&numbered(target, expected, number));
                let threads: Vec<_> = (0..contenders).map(|number| scope.spawn(start(number))).collect();
                threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
            });
            let mut winners = Vec::new();
            for (number, outcome) in (0_u32..).zip(outcomes) {
                match outcome {
                    Ok(Ok(())) => winners.push(number),
                    Ok(Err(StoreError::Conflict { .. })) => {}
                    Ok(Err(error)) => return Err(format!("a contender failed but for a conflict: {error}")),
                    Err(_) => return Err("a contender panicked".into()),
                }
            }
            let [winner] = winners[..] else {
                return Err(format!("{} of {contenders} contenders won round {round}", winners.len()));
            };
            let found = self.numbers(&[Read::Record { table: THINGS, id: target }])?;
            if found != [u64::from(winner)] {
                return Err(format!("contender {winner} won round {round}, but the record holds {found:?}"));
            }
        }
        Ok(())
    }

    /// Reads a record together with something that is always written together with it, while it is written.
    fn watch(&self, commits: u32, with: Watched) -> Outcome {
        let [one, two] = [1, 2].map(|byte| RecordId::from_short(&[byte]));
        let store = &self.guarded;
        let write = |number: u32| -> Outcome {
            let expect = if number == 0 { Expect::Absent } else { at(number.into())? };
            let mut batch = numbered(one, expect, number);
            batch.records.extend(numbered(two, expect, number).records);
            batch.put_cell(owner(), series_name(number), b"cell".to_vec());
            store.commit(&batch).map_err(|error| format!("the writer failed: {error}"))
        };
        write(0)?;
        let together = match with {
            Watched::Record => Read::Record { table: THINGS, id: two },
            Watched::Page => Read::Page(Query::new(THINGS)),
            Watched::Cells => {
                let names = Names::Range { from: None, until: None, limit: 1, reverse: true };
                Read::Cells { owner: owner(), names, max_bytes: 1 << 20 }
            }
        };
        let reads = [Read::Record { table: THINGS, id: one }, together];
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let outcome = (1..=commits).try_for_each(write);
                done.store(true, Ordering::Release);
                outcome
            });
            let watched = loop {
                // Asked before the read, so that the last read sees the last commit.
                let last = done.load(Ordering::Acquire);
                match self.numbers(&reads) {
                    Ok(numbers) if numbers.windows(2).any(|pair| pair[0] != pair[1]) => {
                        break Err(format!("one read saw several commits: {numbers:?}"));
                    }
                    Ok(_) if !last => {}
                    Ok(numbers) if numbers.iter().all(|number| *number == u64::from(commits)) => break Ok(()),
                    Ok(numbers) => break Err(format!("{commits} commits, but a later read saw {numbers:?}")),
                    Err(failure) => break Err(failure),
                }
            };
            let written = writer.join().map_err(|_| String::from("the writer panicked"));
            watched?;
            written.flatten()
        })
    }

    /// The numbers of every record and cell that was answered.
    fn numbers(&self, reads: &[Read]) -> Result<Vec<u64>, String> {
        let number = |record: &Record| record.body.get("number").and_then(Value::as_u64);
        let cell = |cell: &Cell| {
            let bytes = cell.name.as_bytes();
            bytes.try_into().ok().map(|bytes| u64::from(u32::from_be_bytes(bytes)))
        };
        let answers = self.guarded.read(reads).map_err(|error| format!("the read failed: {error}"))?;
        let mut numbers = Vec::new();
        for answer in &answers {
            let before = numbers.len();
            match answer {
                Answer::Record { record } => numbers.extend(record.as_ref().and_then(number)),
                Answer::Page { records } => numbers.extend(records.iter().filter_map(number)),
                Answer::Cells { cells, .. } => numbers.extend(cells.iter().filter_map(cell)),
                Answer::Count { .. } => {}
            }
            if numbers.len() == before {
                return Err(format!("an answer is empty: {answer:?}"));
            }
        }
        Ok(numbers)
    }
}

fn at(version: u64) -> Result<Expect, String> {
    Version::new(version).map(Expect::At).map_err(|error| error.to_string())
}

fn owner() -> Owner {
    Owner { tenant: TenantId::default(), table: THINGS, id: RecordId::from_short(&[1]) }
}

fn numbered(id: RecordId, expect: Expect, number: u32) -> Batch {
    let body = Map::from_iter([("number".to_owned(), json!(number))]);
    let records = vec![RecordOp::Put { table: THINGS, id, expect, body }];
    Batch { records, ..Batch::default() }
}

fn check_failure(
    outcome: Result<(), StoreError>,
    fails: Option<Fails>,
    on: Option<RecordId>,
    field: Option<&str>,
) -> Outcome {
    let (Err(error), Some(fails)) = (&outcome, fails) else {
        return match outcome {
            Ok(()) if fails.is_none() => Ok(()),
            Ok(()) => Err(format!("it succeeded, but {fails:?} was expected")),
            Err(error) => Err(format!("it failed: {error}")),
        };
    };
    let as_expected = match (fails, error) {
        (Fails::Conflict, StoreError::Conflict { id, .. }) => on.is_none_or(|on| on == *id),
        (Fails::CellConflict, StoreError::CellConflict { .. }) => true,
        (Fails::Invalid | Fails::Limit, StoreError::Refused(refusal)) => {
            let kind =
                if fails == Fails::Limit { crate::ErrorKind::Limit } else { crate::ErrorKind::Invalid };
            refusal.kind() == kind && (field.is_none() || refusal.field() == field)
        }
        _ => false,
    };
    if as_expected { Ok(()) } else { Err(format!("{fails:?} was expected, not {error:?}")) }
}

fn check_ids(found: &[RecordId], expected: &[RecordId]) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let place = found.iter().zip(expected).position(|(a, b)| a != b);
    let place = place.unwrap_or_else(|| found.len().min(expected.len()));
    let at = |ids: &[RecordId]| ids.get(place).map_or_else(|| "nothing".to_owned(), ToString::to_string);
    Err(format!(
        "{} records where {} were expected; at place {place} {} instead of {}",
        found.len(),
        expected.len(),
        at(found),
        at(expected)
    ))
}

fn check_answer(asked: &Asked, answer: &Answer) -> Outcome {
    match (asked, answer) {
        (Asked::Record { gives: None, .. }, Answer::Record { record: None }) => Ok(()),
        (Asked::Record { gives: Some(given), .. }, Answer::Record { record: Some(record) }) => {
            if given.version.is_some_and(|version| version != record.version) {
                return Err(format!("version {} instead of {:?}", record.version, given.version));
            }
            let keys: BTreeSet<_> = given.body.keys().chain(record.body.keys()).collect();
            for key in keys {
                let (found, expected) = (record.body.get(key), given.body.get(key));
                if !found.zip(expected).is_some_and(|(found, expected)| evaluate::same_json(found, expected))
                {
                    return Err(format!("field {key:?} is {found:?} instead of {expected:?}"));
                }
            }
            Ok(())
        }
        (Asked::Page(page), Answer::Page { records }) => {
            let found: Vec<_> = records.iter().map(|record| record.id).collect();
            check_ids(&found, &page.gives.ids())
        }
        (Asked::Count { gives, capped, by, .. }, Answer::Count { groups, capped: found_capped }) => {
            // Which records are counted up to the cap is the store's choice, so only their number is compared.
            let exact = !capped || by.is_none();
            let same_group = |(group, (value, count)): (&Group, &(_, u64))| {
                evaluate::compare(&group.value, value).is_eq() && group.count == *count
            };
            let total = |counts: &mut dyn Iterator<Item = u64>| counts.sum::<u64>();
            let as_expected = if exact {
                groups.len() == gives.len() && groups.iter().zip(gives).all(same_group)
            } else {
                total(&mut groups.iter().map(|group| group.count))
                    == total(&mut gives.iter().map(|(_, count)| *count))
            };
            if as_expected && found_capped == capped {
                return Ok(());
            }
            Err(format!("{groups:?}, capped {found_capped}, instead of {gives:?}, capped {capped}"))
        }
        (Asked::Cells { gives, more, .. }, Answer::Cells { cells, more: found_more }) => {
            let same_cell = |(cell, (name, content)): (&Cell, &(_, super::language::Content))| {
                cell.name == *name && content.equals(&cell.bytes)
            };
            if cells.len() == gives.len() && cells.iter().zip(gives).all(same_cell) && found_more == more {
                return Ok(());
            }
            let found: Vec<_> =
                cells.iter().map(|cell| format!("{}: {} bytes", cell.name, cell.bytes.len())).collect();
            let names: Vec<_> = gives.iter().map(|(name, _)| name.to_string()).collect();
            Err(format!("cells {found:?}, more {found_more}, instead of {names:?}, more {more}"))
        }
        (_, answer) => Err(format!("{answer:?} instead of {asked:?}")),
    }
}
