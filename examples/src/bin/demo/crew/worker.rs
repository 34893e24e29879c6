//! One of the crew: takes what the newest checkpoint of the one before it holds, does its part file by file, and saves its
//! state after each.

use std::fs;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mythos_core::Mythos;
use mythos_core::ritual::{ParentExpectation, RitualCompressionCache, SaveRitual, SymbolicIntent};
use mythos_core::types::{Digest, EntryId};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::post::Post;
use super::role::Role;
use super::state::{self, Page, State};
use crate::Result;
use crate::checkpoints::{self, Checkpoints};
use crate::names::Names;
use crate::process::PATIENCE;
use crate::protocol::Line;
use crate::stopwatch::Stopwatch;
use crate::tree::Source;
use crate::worker::{intent, say};

/// How many steps a worker goes ahead of the one behind it: so that what befalls one does so while all are at work.
const LEAD: u64 = 3;

/// How long a worker waits before it looks again.
const PAUSE: Duration = Duration::from_millis(3);

/// Works until it is asked to end, or until the process is killed.
pub(crate) fn run(post: &Post) -> Result<()> {
    let names = Names::new()?;
    let mythos = Mythos::open(&post.store)?;
    let clauses = mythos.codices().clauses(&names.codex, None)?;
    let rituals = mythos.rituals();
    let desk = Desk { post, mythos: &mythos, is_asked_to_end: listen_for_the_end() };
    match post.role {
        Role::Reader => desk.work(
            |state: &State<Page>| Ok(Given(state.files.clone())),
            |source: &Source| {
                let Source { path, bytes, .. } = source.clone();
                Ok(Page { path, bytes, text: source.read(&post.tree)? })
            },
            |_| Ok(()),
        ),
        Role::Checker => desk.work(
            |_| Followed::new(rituals, Role::Reader),
            |page| Ok(state::check(page, &clauses)),
            |_| Ok(()),
        ),
        Role::Editor => desk.work(
            |_| Followed::new(rituals, Role::Checker),
            |checked| Ok(state::write(checked)),
            |sections| Ok(fs::write(&post.report, state::bind(sections))?),
        ),
    }
}

/// Writes the state before the first step: a worker that fails before its first checkpoint would have nothing to come
/// back to.
pub(crate) fn prepare(mythos: &Mythos, names: &Names, role: Role, files: &[Source]) -> Result<()> {
    let steps = files.len() as u64;
    let files = if role == Role::Reader { files.to_vec() } else { Vec::new() };
    let save = SaveRitual {
        intent: crew_intent(mythos, names, role)?,
        parent: ParentExpectation::Absent,
        ..SaveRitual::new(role.assistant()?, role.ritual()?)
    };
    mythos.rituals().save(&save, &State::<String>::new(steps, files).encode()?)?;
    Ok(())
}

fn crew_intent(mythos: &Mythos, names: &Names, role: Role) -> Result<SymbolicIntent> {
    Ok(SymbolicIntent {
        labels: ["crew".to_owned(), "demo".to_owned()].into(),
        procedure: Some(role.name().to_owned()),
        payload_format: Some(state::FORMAT.to_owned()),
        ..intent(mythos, names)?
    })
}

/// Where a worker takes what it works on from.
trait Input<From> {
    /// What there is for the step behind `made` others, if it is there already.
    fn item(&mut self, made: u64) -> Result<Option<&From>>;
}

/// What is there from the beginning.
struct Given<From>(Vec<From>);

impl<From> Input<From> for Given<From> {
    fn item(&mut self, made: u64) -> Result<Option<&From>> {
        Ok(self.0.get(usize::try_from(made)?))
    }
}

/// The newest checkpoint of another worker.
struct Followed<Made> {
    rituals: RitualCompressionCache,
    role: Role,
    newest: Option<EntryId>,
    made: Vec<Made>,
}

impl<Made: DeserializeOwned> Followed<Made> {
    const fn new(rituals: RitualCompressionCache, role: Role) -> Result<Self> {
        Ok(Self { rituals, role, newest: None, made: Vec::new() })
    }

    /// Reads the newest checkpoint, if it is another than the last time.
    fn look(&mut self) -> Result<()> {
        let newest = checkpoints::newest(&self.rituals, &self.role.assistant()?, &self.role.ritual()?)?;
        if self.newest != Some(newest) {
            self.made = State::decode(&self.rituals.restore(newest)?.payload)?.made;
            self.newest = Some(newest);
        }
        Ok(())
    }
}

impl<Made: DeserializeOwned> Input<Made> for Followed<Made> {
    fn item(&mut self, made: u64) -> Result<Option<&Made>> {
        let made = usize::try_from(made)?;
        if made >= self.made.len() {
            self.look()?;
        }
        Ok(self.made.get(made))
    }
}

/// Where one of the crew sits.
struct Desk<'a> {
    post: &'a Post,
    mythos: &'a Mythos,
    is_asked_to_end: Arc<AtomicBool>,
}

impl Desk<'_> {
    /// Resumes, makes of each item what is to be made of it, and does `finish` with all. Then it waits for its end.
    fn work<From, Made: Serialize + DeserializeOwned, I: Input<From>>(
        self,
        input: impl FnOnce(&State<Made>) -> Result<I>,
        make: impl Fn(&From) -> Result<Made>,
        finish: impl FnOnce(&[Made]) -> Result<()>,
    ) -> Result<()> {
        let (role, rituals) = (self.post.role, self.mythos.rituals());
        let restored = rituals.restore(self.post.entry)?;
        let mut state = State::<Made>::decode(&restored.payload)?;
        let mut input = input(&state)?;
        let intent = crew_intent(self.mythos, &Names::new()?, role)?;
        let mut checkpoints =
            Checkpoints::resume(rituals.clone(), role.assistant()?, role.ritual()?, intent)?;
        let mut behind =
            role.behind().map(|behind| Followed::<IgnoredAny>::new(rituals, behind)).transpose()?;
        let payload = Digest::of(&restored.payload);
        say(Line::Ready { entry: restored.entry.entry, payload, step: state.step() })?;
        let mut since_step = Stopwatch::start();
        while state.step() < state.steps {
            if self.is_asked_to_end.load(Ordering::Relaxed) {
                return Ok(());
            }
            let is_in_circles = self.post.circles_behind == Some(state.step());
            let is_ahead = match &mut behind {
                Some(behind) if state.step() >= LEAD => behind.item(state.step() - LEAD)?.is_none(),
                _ => false,
            };
            if is_in_circles {
                thread::sleep(PAUSE);
            } else {
                let item = if is_ahead { None } else { input.item(state.step())? };
                let Some(item) = item else {
                    if since_step.elapsed() > PATIENCE {
                        return Err(
                            format!("{role} waits behind step {} for {PATIENCE:?}", state.step()).into()
                        );
                    }
                    thread::sleep(PAUSE);
                    continue;
                };
                state.made.push(make(item)?);
            }
            let step = state.step();
            let payload = state.encode()?;
            say(Line::Announced { step })?;
            let entry = checkpoints.save(step, &payload)?;
            say(Line::Acknowledged { step, entry })?;
            since_step = Stopwatch::start();
        }
        finish(&state.made)?;
        say(Line::Done)?;
        while !self.is_asked_to_end.load(Ordering::Relaxed) {
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

/// Sets a flag once the host closes the input, which its death does too.
fn listen_for_the_end() -> Arc<AtomicBool> {
    let is_asked = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_asked);
    thread::spawn(move || {
        // Nothing is said on it; also an error is its end.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        flag.store(true, Ordering::Relaxed);
    });
    is_asked
}
