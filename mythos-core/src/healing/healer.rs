use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::merge::Remembered;
use super::service::Loaded;
use super::{
    Changes, Effect, EffectId, HealingMachine, HealingName, HealingProtocol, HealingScope, HealthTotals,
    Observation, Outcome, PlanEntry, SelfHealingProtocolEngine,
};
use crate::codex::CodexProofOfSymbolEngine;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{self, Entered, Heal};
use crate::store::access::{self, Access, MAX_ATTEMPTS};
use crate::store::{Model, Read, epoch};
use crate::types::{AssistantId, Timestamp, Version};

/// The holder of a scope: takes observations, plans, and hands out effects.
///
/// Cheap to clone; every method may be called from any thread. Nothing here calls the host or waits.
///
/// Every decision is committed before its effect is handed out: the records of the targets that changed, and of their
/// incidents, in one batch that only the holder of the scope can commit. The machine itself stays in memory; it is loaded
/// when the holder first needs it, and anew after a commit that failed. If this healer's process dies, the next call of
/// [`engage`](SelfHealingProtocolEngine::engage) gives one that goes on where it was and hands out again what is not
/// answered: hosts tell a repetition by its idempotency key.
///
/// # Errors
/// Beside what each method states, every method fails with [`ErrorKind::Conflict`] and the field `epoch` once another
/// healer took over: stop using this one. [`ErrorKind::Unknown`] says that it cannot be told whether a change was
/// committed: every method may be repeated then, and does nothing twice. [`ErrorKind::Corrupt`] names a target whose record
/// cannot be read; nothing is healed until it is mended or deleted, since budgets and the share of the ill depend on it.
#[derive(Clone)]
pub struct Healer {
    engine: SelfHealingProtocolEngine,
    scope: HealingName,
    protocol: HealingProtocol,
    epoch: Version,
    loaded: Arc<Mutex<Option<Loaded>>>,
    remembered: Arc<Mutex<Remembered>>,
}

/// An effect, as a healer hands it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandedOut {
    /// The epoch of the healer. Pass it on to whatever should refuse an older one.
    pub epoch: Version,
    /// What to do.
    pub effect: Effect,
}

impl fmt::Debug for Healer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Healer")
            .field("scope", &self.scope)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

impl Healer {
    pub(super) fn new(
        engine: SelfHealingProtocolEngine,
        scope: HealingName,
        protocol: HealingProtocol,
        epoch: Version,
    ) -> Self {
        Self { engine, scope, protocol, epoch, loaded: Arc::default(), remembered: Arc::default() }
    }

    /// The scope.
    #[must_use]
    pub const fn scope(&self) -> &HealingName {
        &self.scope
    }

    /// Its epoch: higher than that of every healer that held the scope before.
    #[must_use]
    pub const fn epoch(&self) -> Version {
        self.epoch
    }

    /// The most observations of one call.
    pub const MAX_OBSERVATIONS: usize = 10_000;

    /// Takes observations: see [`HealingMachine::observe`]. How many told anything new.
    ///
    /// What changed is committed in one batch, or, if it is more than 10,000 records, in several, each with whole targets: if
    /// this fails then, some targets were taken. The same holds for [`plan`](Self::plan).
    ///
    /// # Errors
    /// Those of [`HealingMachine::observe`]; [`ErrorKind::Limit`], field `observations`, for more than
    /// [`Healer::MAX_OBSERVATIONS`].
    pub fn observe(&self, observations: &[Observation]) -> Result<usize> {
        Self::check_count(observations)?;
        self.change(Heal::Observe, |machine, now| machine.observe(observations, now))
    }

    /// Lets due timers fire and decides about every open incident: see [`HealingMachine::plan`].
    ///
    /// # Errors
    /// Those of the store.
    pub fn plan(&self) -> Result<Vec<PlanEntry>> {
        self.change(Heal::Plan, |machine, now| Ok(machine.plan(now)))
    }

    /// What [`plan`](Self::plan) would decide now, without deciding it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn dry_run(&self) -> Result<Vec<PlanEntry>> {
        self.look(|machine, now| machine.dry_run(now))
    }

    /// Hands out at most `limit` pending effects, oldest first: see [`HealingMachine::poll_effects`]. After a commit that
    /// failed, effects are handed out again.
    ///
    /// # Errors
    /// Those of the store.
    pub fn poll_effects(&self, limit: u32) -> Result<Vec<HandedOut>> {
        let epoch = self.epoch;
        let effects = self.look(|machine, _| machine.poll_effects(limit))?;
        Ok(effects.into_iter().map(|effect| HandedOut { epoch, effect }).collect())
    }

    /// The most effects that one call of [`still_pending`](Self::still_pending) takes.
    pub const MAX_ASKED_EFFECTS: usize = 1_000;

    /// Which of these effects, at most [`MAX_ASKED_EFFECTS`](Self::MAX_ASKED_EFFECTS), are pending still, in the order of
    /// `effects`. One that is not was answered, withdrawn or timed out: a host that carries it out stops doing so, and one
    /// that is about to does not begin.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`], field `effects`, for too many; otherwise those of the store.
    pub fn still_pending(&self, effects: &[EffectId]) -> Result<Vec<EffectId>> {
        if effects.len() > Self::MAX_ASKED_EFFECTS {
            let (count, most) = (effects.len(), Self::MAX_ASKED_EFFECTS);
            return Err(Error::limit("effects", format!("one call takes {most} effects, not {count}")));
        }
        self.look(|machine, _| effects.iter().filter(|effect| machine.is_pending(effect)).cloned().collect())
    }

    /// Takes an effect back that could not be carried out: the next poll hands it out again, if it is still pending.
    pub fn give_back(&self, effect: &EffectId) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = &mut *loaded {
            loaded.machine.give_back(effect);
        }
    }

    /// Takes what came of an effect: see [`HealingMachine::answer`]. Whether it changed anything; repeated, it does not.
    ///
    /// # Errors
    /// Those of [`HealingMachine::answer`].
    pub fn answer(&self, effect: &EffectId, outcome: &Outcome) -> Result<bool> {
        self.change(Heal::Answer, |machine, now| machine.answer(effect, outcome, now))
    }

    /// Takes a target out: see [`HealingMachine::retire`]. Whether anything changed. Its record is deleted by the first
    /// [`plan`](Self::plan) after nothing that was done for it counts any more; its incidents stay.
    ///
    /// # Errors
    /// Those of the store.
    pub fn retire(&self, assistant: &AssistantId) -> Result<bool> {
        self.change(Heal::Retire, |machine, now| Ok(machine.retire(assistant, now)))
    }

    /// When to [`plan`](Self::plan) again if nothing is observed or answered: see [`HealingMachine::poll_timeout`].
    ///
    /// # Errors
    /// Those of the store.
    pub fn next_timeout(&self) -> Result<Option<Timestamp>> {
        self.look(|machine, now| machine.poll_timeout(now))
    }

    /// How the targets are, all together.
    ///
    /// # Errors
    /// Those of the store.
    pub fn totals(&self) -> Result<HealthTotals> {
        let totals = self.look(|machine, now| machine.totals(now))?;
        self.tell(&totals);
        Ok(totals)
    }

    fn tell(&self, totals: &HealthTotals) {
        let HealthTotals { known, unhealthy, incidents, pending, .. } = *totals;
        observe::scope(self.scope.as_str(), [known, unhealthy, incidents, pending]);
    }

    pub(super) fn check_count(observations: &[Observation]) -> Result<()> {
        if observations.len() > Self::MAX_OBSERVATIONS {
            let (count, most) = (observations.len(), Self::MAX_OBSERVATIONS);
            return Err(Error::limit(
                "observations",
                format!("one call takes {most} observations, not {count}"),
            ));
        }
        Ok(())
    }

    /// Lets `look` look, while this healer holds the scope.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut HealingMachine, Timestamp) -> T) -> Result<T> {
        let mut held = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_epoch()?;
        let mut loaded = self.take(&mut held)?;
        let found = look(&mut loaded.machine, self.access().now());
        *held = Some(loaded);
        Ok(found)
    }

    /// Lets `change` change the machine, and commits what it changed. A machine whose commit failed is not believed any
    /// more: the next call loads it anew.
    fn change<T>(
        &self,
        call: Heal,
        change: impl Fn(&mut HealingMachine, Timestamp) -> Result<T>,
    ) -> Result<T> {
        let span = Entered::heal(call, self.scope.as_str());
        let mut held = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..MAX_ATTEMPTS {
            let mut loaded = self.take(&mut held)?;
            let now = self.access().now();
            let changed = change(&mut loaded.machine, now);
            // A change that is refused changed nothing.
            let committed = if changed.is_ok() { self.commit(&mut loaded, now) } else { Ok(()) };
            match committed {
                Ok(()) => {
                    if changed.is_ok() {
                        let Changes { targets, incidents, forgotten } = loaded.machine.changes();
                        span.healed((targets.len() + forgotten.len()) as u64, incidents.len() as u64);
                        self.tell(&loaded.machine.totals(now));
                    }
                    *held = Some(loaded);
                    return changed;
                }
                // Someone took over, or wrote behind this healer's back.
                Err(error) if error.kind() == ErrorKind::Conflict => self.check_epoch()?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::conflict(format!("others wrote targets of scope {} {MAX_ATTEMPTS} times", self.scope)))
    }

    /// Takes the machine, or loads it. It must be put back to be kept.
    fn take(&self, held: &mut Option<Loaded>) -> Result<Loaded> {
        if let Some(loaded) = held.take() {
            return Ok(loaded);
        }
        let mut loaded = self.engine.load(&self.scope, self.protocol.clone())?;
        let now = self.access().now();
        loaded.machine.adopt(self.protocol.clone(), now);
        self.commit(&mut loaded, now)?;
        Ok(loaded)
    }

    pub(super) fn check_epoch(&self) -> Result<()> {
        let id = HealingScope::record_id(self.access().tenant(), &self.scope);
        let [found] = self.access().read([Read::Record { table: HealingScope::TABLE, id }])?;
        let found = access::record(found)?.map(|found| found.version);
        epoch::check(format_args!("healer of {}", self.scope), self.epoch, found)
    }

    pub(super) fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) const fn codices(&self) -> &CodexProofOfSymbolEngine {
        self.engine.codices()
    }

    pub(super) const fn access(&self) -> &Access {
        self.engine.access()
    }
}
