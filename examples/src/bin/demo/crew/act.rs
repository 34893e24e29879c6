//! The second act from its first checkpoint to its record.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use mythos_core::Mythos;
use mythos_core::healing::{HandedOut, Outcome, RepairAction};
use mythos_core::restart::{GroupStateName, RestartFilter};
use mythos_core::types::EntryId;

use super::healing::{self, Watch};
use super::host::Host;
use super::plan::{self, Plan};
use super::post::Post;
use super::record::{CrewRecord, Scene};
use super::role::Role;
use super::state::{self, Page};
use super::worker;
use crate::names::Names;
use crate::process::PATIENCE;
use crate::progress::Progress;
use crate::protocol::Line;
use crate::stopwatch::Stopwatch;
use crate::tree::Source;
use crate::{Result, checkpoints};

/// How long the host waits before it listens again.
const PAUSE: Duration = Duration::from_millis(2);

/// How many restarts are read at once: more than there are.
const PAGE: u32 = 100;

/// Where the act is set.
pub(crate) struct Stage<'a> {
    /// The library, over the store of the first act.
    pub(crate) mythos: &'a Mythos,
    /// The names of the first act, of which the crew shares the codex.
    pub(crate) names: &'a Names,
    /// The files.
    pub(crate) files: &'a [Source],
    /// The database.
    pub(crate) store: PathBuf,
    /// The copy of the source tree.
    pub(crate) tree: PathBuf,
    /// Where the report goes.
    pub(crate) report: PathBuf,
    /// Decides when something befalls the crew.
    pub(crate) seed: u64,
}

/// Lets the crew work, through all that befalls it.
pub(crate) fn run(stage: &Stage<'_>) -> Result<CrewRecord> {
    let Stage { mythos, names, files, seed, .. } = stage;
    let steps = files.len() as u64;
    let plan = plan::plan(*seed, steps)?;
    for role in Role::ALL {
        worker::prepare(mythos, names, role, files)?;
    }
    let [reader, checker, editor] = Role::ALL.map(|role| stage.post(role, &plan));
    let host = Host::new(mythos, names, [reader?, checker?, editor?])?;
    let mut act = Act {
        host,
        watch: Watch::new(mythos)?,
        progress: Progress::new("crew", steps)?,
        heard: [0; 3],
        since_heard: Stopwatch::start(),
    };
    act.until_up("the first starts")?;
    act.host.take_deeds();

    act.until_acknowledged(Role::Checker, plan.checker_dies)?;
    let checker_died = act.scene("checker killed", |act| act.host.kill(Role::Checker))?;
    act.until_acknowledged(Role::Reader, plan.reader_dies)?;
    let reader_died = act.scene("reader killed", |act| act.host.kill(Role::Reader))?;
    let checker_circled = act.scene("checker in circles", Act::heal)?;
    act.until("all is done", |act| Ok(act.host.member(Role::Editor).is_done))?;
    let run = act.host.run(Role::Reader)?;
    act.host.stop()?;
    act.until("the crew ends", |act| Ok(act.host.group_state()? == GroupStateName::Ended))?;
    let end = Scene { deeds: act.host.take_deeds(), reader_went_on: act.host.run(Role::Reader)? == run };
    act.progress.finish();

    let lost = Role::ALL.iter().map(|role| act.host.member(*role).lost).sum();
    let filter = RestartFilter { supervisor: Some("demo-crew".parse()?), ..RestartFilter::default() };
    let mut starts = mythos.deployments().history(&filter, None, PAGE)?.items;
    starts.retain(|start| start.successful_redeploy_flag);
    starts.sort_by_key(|start| start.ready_at);
    Ok(CrewRecord {
        steps,
        checker_died,
        reader_died,
        checker_circled,
        end,
        lost,
        starts: starts.into_iter().map(|start| start.assistant).collect(),
        incidents: healing::events(mythos)?,
        reports_are_equal: fs::read_to_string(&stage.report)? == stage.direct_report()?,
        report: stage.report.clone(),
    })
}

impl Stage<'_> {
    fn post(&self, role: Role, plan: &Plan) -> Result<Post> {
        let entry: EntryId =
            checkpoints::newest(&self.mythos.rituals(), &role.assistant()?, &role.ritual()?)?;
        let circles_behind = (role == Role::Checker).then_some(plan.checker_circles);
        let (store, tree, report) = (self.store.clone(), self.tree.clone(), self.report.clone());
        Ok(Post { role, store, tree, report, entry, circles_behind })
    }

    /// The report as it must be, from the same files and under the same rules.
    fn direct_report(&self) -> Result<String> {
        let clauses = self.mythos.codices().clauses(&self.names.codex, None)?;
        let tree: &Path = &self.tree;
        let section = |source: &Source| {
            let Source { path, bytes, .. } = source.clone();
            let page = Page { path, bytes, text: source.read(tree)? };
            Ok(state::write(&state::check(&page, &clauses)))
        };
        Ok(state::bind(&self.files.iter().map(section).collect::<Result<Vec<_>>>()?))
    }
}

/// The crew at work.
struct Act<'a> {
    host: Host<'a>,
    watch: Watch<'a>,
    progress: Progress,
    /// How many saves of each were acknowledged.
    heard: [u64; 3],
    /// Since anything happened last.
    since_heard: Stopwatch,
}

impl Act<'_> {
    /// Lets something befall the crew, and waits until all are up again.
    fn scene(&mut self, what: &str, befall: impl FnOnce(&mut Self) -> Result<()>) -> Result<Scene> {
        let run = self.host.run(Role::Reader)?;
        self.host.take_deeds();
        befall(self)?;
        self.progress.tell(&format!("crew: {what}"));
        self.until_up(what)?;
        Ok(Scene { deeds: self.host.take_deeds(), reader_went_on: self.host.run(Role::Reader)? == run })
    }

    /// Waits until the healing rule asks for a restart, which is made, and for progress after it.
    fn heal(&mut self) -> Result<()> {
        let role = Role::Checker;
        let mut repair = None;
        self.until("the stall is found", |act| {
            repair = act.look_at_checker()?;
            Ok(repair.is_some())
        })?;
        let repair = repair.ok_or("no repair was asked for")?;
        if repair.effect.action != RepairAction::RestartAssistant {
            return Err(format!("the rule asks for {:?}", repair.effect.action).into());
        }
        // What led it into circles is not there when it comes back.
        self.host.member_mut(role).post.circles_behind = None;
        self.host.restart(role, "it goes round in circles")?;
        self.until_up("the stalled checker comes back")?;
        self.watch.healer().answer(&repair.effect.id, &Outcome::Done { reversible: false })?;
        let step = self.host.member(role).acknowledged + 1;
        self.until_acknowledged(role, step)?;
        self.heard[role as usize] = 0;
        self.watch.look()?;
        Ok(())
    }

    /// Takes a reading, if the checker has saved something since the last.
    fn look_at_checker(&mut self) -> Result<Option<HandedOut>> {
        let heard = std::mem::take(&mut self.heard[Role::Checker as usize]);
        if heard == 0 { Ok(None) } else { self.watch.look() }
    }

    fn until_acknowledged(&mut self, role: Role, step: u64) -> Result<()> {
        self.until("a step is made", |act| Ok(act.host.member(role).acknowledged >= step))
    }

    fn until_up(&mut self, what: &str) -> Result<()> {
        self.until(what, |act| act.host.is_up())
    }

    /// Serves the library and the crew until something is so. That nothing happens for long is an error.
    fn until(&mut self, what: &str, is_so: impl FnMut(&mut Self) -> Result<bool>) -> Result<()> {
        let mut is_so = is_so;
        let since_begin = Stopwatch::start();
        while !is_so(self)? {
            let mut is_busy = self.host.work()?;
            for role in Role::ALL {
                while let Some(line) = self.host.heard(role)? {
                    is_busy = true;
                    if let Line::Acknowledged { step, .. } = line {
                        self.heard[role as usize] += 1;
                        if role == Role::Editor {
                            self.progress.reach(step);
                        }
                    }
                }
            }
            if is_busy {
                self.since_heard = Stopwatch::start();
            } else {
                thread::sleep(PAUSE);
            }
            let (silence, longest) = (self.since_heard.elapsed(), 10 * PATIENCE);
            if silence > PATIENCE || since_begin.elapsed() > longest {
                return Err(format!("waited in vain until {what}: nothing happens for {silence:?}").into());
            }
        }
        Ok(())
    }
}
