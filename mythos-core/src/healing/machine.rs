use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::{Ledger, Purse};
use super::transition::Context;
use super::{
    Budget, BudgetScope, BudgetsLeft, Decision, Effect, EffectId, HealingName, HealingProtocol, HealingRule,
    Hold, Incident, Observation, Outcome, Phase, PlanEntry, ScoreTerm, TargetState, Trigger,
};
use crate::error::{Error, Result};
use crate::types::{AssistantId, Digest, Timestamp};

/// The machine of one scope: all its targets under one protocol.
///
/// It calls nobody and knows no clock. In a loop, the host tells it what it [observed](Self::observe), lets it
/// [plan](Self::plan), carries out the effects that it [hands out](Self::poll_effects), and [answers](Self::answer) them.
/// [`poll_timeout`](Self::poll_timeout) says when to plan again if nothing else happens. The same calls give the same
/// results; a machine that was serialized goes on as the one that was not, and hands out again what is not answered.
///
/// An observation costs what its target's rules cost, times the logarithm of the number of targets; a plan the same for
/// each open incident. What is well costs nothing.
///
/// ```
/// use mythos_core::healing::*;
/// use mythos_core::types::Timestamp;
///
/// let threshold = Threshold { reading: "entropy".parse()?, side: Side::Above, enter: 0.8, exit: 0.5 };
/// let ladder = vec![RepairStep::new(RepairAction::RestoreRitual { ritual: None })];
/// let options = HealingRuleOptions::new("calm".parse()?, Trigger::EntropySpike, threshold, ladder);
/// let rule = HealingRule::new(HealingRuleOptions { settle_ms: 1_000, ..options })?;
/// let budget = Budget { max_actions: 5, period_ms: 3_600_000 };
/// let budgets = Budgets { target: budget, zone: budget, node: budget, overall: budget };
/// let options = HealingProtocolOptions::new(vec![rule], budgets, UnhealthyLimit::Unlimited);
/// let mut machine = HealingMachine::new("support".parse()?, HealingProtocol::new(options)?);
///
/// let at = |seconds: i64| Timestamp::from_microseconds(seconds * 1_000_000);
/// let target =
///     Target { assistant: "ana".parse()?, node: "node-1".parse()?, zone: "eu".parse()?, codex: None };
/// let observe = |seconds, entropy| -> mythos_core::Result<_> {
///     let readings = [("entropy".parse()?, entropy)].into();
///     Ok(Observation { target: target.clone(), at: at(seconds)?, readings })
/// };
/// machine.observe(&[observe(0, 0.9)?], at(0)?)?;
/// let plan = machine.plan(at(0)?);
/// assert!(matches!(plan[0].decision, Decision::Act { .. }));
///
/// // Here the host restores the assistant's ritual.
/// let effect = machine.poll_effects(10).remove(0);
/// assert!(machine.answer(&effect.id, &Outcome::Done { reversible: false }, at(1)?)?);
///
/// machine.observe(&[observe(2, 0.4)?], at(2)?)?;
/// let ended = &machine.changes().incidents[0];
/// assert_eq!(ended.ending, Some(Ending::Healthy));
/// assert!(ended.attempts[0].symbolic_health_delta.value().unwrap() > 0.5);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "StoredMachine", into = "StoredMachine")]
pub struct HealingMachine {
    scope: HealingName,
    protocol: HealingProtocol,
    targets: BTreeMap<AssistantId, TargetState>,
    /// What follows from the targets, so that nothing looks at all of them.
    tally: Tally,
    /// Which effect was handed out last, by target and rule.
    handed_out: BTreeMap<(AssistantId, HealingName), EffectId>,
    changes: Changes,
    /// The highest number of an incident of the targets that were forgotten: those of targets that are new are above it, so
    /// that no idempotency key ever comes twice.
    forgotten: u64,
}

/// A machine without what follows from it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredMachine {
    scope: HealingName,
    protocol: HealingProtocol,
    targets: Vec<TargetState>,
    #[serde(default)]
    forgotten: u64,
}

#[derive(Debug, Clone, Default)]
struct Tally {
    known: u64,
    unhealthy: u64,
    ledger: Ledger,
    /// The open incidents: by the place of their rule, then by age.
    active: BTreeSet<(usize, Timestamp, AssistantId)>,
    /// The targets and rules whose host was asked for something.
    pending: BTreeSet<(Timestamp, AssistantId, HealingName)>,
    /// The targets that were taken out and are not forgotten.
    retired: BTreeSet<AssistantId>,
}

/// What the last call that may change a machine changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// The targets whose state is another.
    pub targets: BTreeSet<AssistantId>,
    /// The incidents that were opened, went on, or ended, as they are now.
    pub incidents: Vec<Incident>,
    /// The targets that were taken out before and are not remembered any more.
    pub forgotten: BTreeSet<AssistantId>,
}

/// How the targets of a machine are, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthTotals {
    /// How many targets there are.
    pub known: u64,
    /// How many of them are ill.
    pub unhealthy: u64,
    /// How many incidents are open.
    pub incidents: u64,
    /// How many effects wait for an answer.
    pub pending: u64,
    /// Whether so many may be ill for actions to be begun.
    pub is_within_limit: bool,
    /// How many actions the overall budget has left.
    pub budget_left: u32,
}

/// A plan, and what it makes of the targets.
struct Worked {
    entries: Vec<PlanEntry>,
    states: BTreeMap<AssistantId, TargetState>,
    ended: Vec<Incident>,
}

impl PartialEq for HealingMachine {
    /// Whether both decide alike from now on.
    fn eq(&self, other: &Self) -> bool {
        (&self.scope, &self.protocol, &self.targets, self.forgotten)
            == (&other.scope, &other.protocol, &other.targets, other.forgotten)
    }
}

impl HealingMachine {
    /// A machine without targets. `scope` names whose protocol it is, and makes idempotency keys differ between scopes.
    #[must_use]
    pub fn new(scope: HealingName, protocol: HealingProtocol) -> Self {
        Self::with_targets(scope, protocol, Vec::new(), 0)
    }

    pub(super) fn with_targets(
        scope: HealingName,
        protocol: HealingProtocol,
        targets: Vec<TargetState>,
        forgotten: u64,
    ) -> Self {
        let (tally, handed_out, changes) = (Tally::default(), BTreeMap::new(), Changes::default());
        let mut machine =
            Self { scope, protocol, targets: BTreeMap::new(), tally, handed_out, changes, forgotten };
        for state in targets {
            machine.tally.add(&machine.protocol, &state);
            machine.targets.insert(state.target.assistant.clone(), state);
        }
        machine
    }

    /// The protocol in force.
    #[must_use]
    pub const fn protocol(&self) -> &HealingProtocol {
        &self.protocol
    }

    /// What is remembered of a target.
    #[must_use]
    pub fn target(&self, assistant: &AssistantId) -> Option<&TargetState> {
        self.targets.get(assistant)
    }

    /// The highest number of an incident of the targets that were forgotten.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What the last call of [`observe`](Self::observe), [`plan`](Self::plan), [`answer`](Self::answer),
    /// [`retire`](Self::retire) or [`adopt`](Self::adopt) changed.
    #[must_use]
    pub const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// How the targets are, all together.
    #[must_use]
    pub fn totals(&self, now: Timestamp) -> HealthTotals {
        let Tally { known, unhealthy, .. } = self.tally;
        HealthTotals {
            known,
            unhealthy,
            incidents: self.tally.active.len() as u64,
            pending: self.tally.pending.len() as u64,
            is_within_limit: self.protocol.options().unhealthy.allows(unhealthy, known),
            budget_left: self.tally.ledger.left(&Purse::Overall, &self.budget(BudgetScope::Overall), now),
        }
    }

    /// Takes observations, and opens, measures and ends incidents by them. How many told anything new.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) or [`ErrorKind::Limit`](crate::ErrorKind::Limit), with the field,
    /// for a reading that is not finite, one that the machine supplies itself, or too many of them. Nothing is taken then.
    pub fn observe(&mut self, observations: &[Observation], now: Timestamp) -> Result<usize> {
        observations.iter().try_for_each(Observation::validate)?;
        self.changes = Changes::default();
        let mut taken = 0;
        for observation in observations {
            let target = &observation.target;
            let mut state = match self.targets.get(&target.assistant) {
                Some(state) => state.clone(),
                None => TargetState::new(target.clone(), Timestamp::MIN, self.forgotten),
            };
            let mut ended = Vec::new();
            let mut context = Context { protocol: &self.protocol, now, ended: &mut ended };
            if state.observe(&mut context, observation) {
                taken += 1;
                self.replace(state, ended);
            }
        }
        Ok(taken)
    }

    /// What [`plan`](Self::plan) would decide now, without deciding it.
    #[must_use]
    pub fn dry_run(&self, now: Timestamp) -> Vec<PlanEntry> {
        self.work(now).entries
    }

    /// Lets due timers fire, and decides about every open incident, in the order of the rules and then of age. Targets that
    /// were [retired](Self::retire) are forgotten once nothing that was done for them counts any more.
    pub fn plan(&mut self, now: Timestamp) -> Vec<PlanEntry> {
        let Worked { entries, states, ended } = self.work(now);
        self.changes = Changes::default();
        for state in states.into_values() {
            self.replace(state, Vec::new());
        }
        self.changes.incidents.extend(ended);
        self.forget(now);
        entries
    }

    /// Hands out at most `limit` pending effects, oldest first, each once until it is [given back](Self::give_back).
    pub fn poll_effects(&mut self, limit: u32) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (_, assistant, rule) in &self.tally.pending {
            if effects.len() >= limit as usize {
                break;
            }
            let state = self.targets.get(assistant);
            let Some(effect) = state.and_then(|state| self.effect(state, rule)) else { continue };
            let place = (assistant.clone(), rule.clone());
            if self.handed_out.get(&place) != Some(&effect.id) {
                self.handed_out.insert(place, effect.id.clone());
                effects.push(effect);
            }
        }
        effects
    }

    /// Whether an effect is pending still: neither answered, nor withdrawn or timed out.
    #[must_use]
    pub fn is_pending(&self, effect: &EffectId) -> bool {
        let state = self.targets.get(&effect.assistant);
        let pending = state.and_then(|state| self.effect(state, &effect.rule));
        pending.is_some_and(|pending| pending.id == *effect)
    }

    /// The merges that wait for approval, oldest first.
    pub(super) fn merges(&self) -> Vec<Effect> {
        let effects = self.tally.pending.iter().filter_map(|(_, assistant, rule)| {
            self.targets.get(assistant).and_then(|state| self.effect(state, rule))
        });
        effects.filter(|effect| effect.action.awaits_approval() && !effect.id.rollback).collect()
    }

    /// The merge that waits for approval by an id.
    pub(super) fn merge(&self, id: &EffectId) -> Option<Effect> {
        let effect = self.effect(self.targets.get(&id.assistant)?, &id.rule)?;
        (effect.id == *id && effect.action.awaits_approval()).then_some(effect)
    }

    /// The key of an effect of this machine.
    pub(super) fn idempotency_key(&self, id: &EffectId) -> Digest {
        id.idempotency_key(&self.scope)
    }

    /// Takes an effect back that could not be carried out: the next poll hands it out again, if it is still pending.
    pub fn give_back(&mut self, effect: &EffectId) {
        let place = (effect.assistant.clone(), effect.rule.clone());
        if self.handed_out.get(&place) == Some(effect) {
            self.handed_out.remove(&place);
        }
    }

    /// Takes what came of an effect; whether it changed anything. Only the first answer counts: later ones, and those that
    /// come after the effect was withdrawn or timed out, change nothing.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such target;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for an effect that was never asked for, or an outcome that is none
    /// of its.
    pub fn answer(&mut self, effect: &EffectId, outcome: &Outcome, now: Timestamp) -> Result<bool> {
        let state = self.targets.get(&effect.assistant).ok_or_else(|| {
            Error::not_found(format!("there is no target {}", effect.assistant)).with_field("effect")
        })?;
        let mut state = state.clone();
        let mut ended = Vec::new();
        let mut context = Context { protocol: &self.protocol, now, ended: &mut ended };
        let changed = state.answer(&mut context, effect, outcome)?;
        self.changes = Changes::default();
        if changed {
            self.replace(state, ended);
        }
        Ok(changed)
    }

    /// When to [`plan`](Self::plan) again if nothing is observed or answered; `now` if something is due, `None` if nothing
    /// ever is.
    #[must_use]
    pub fn poll_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        let Worked { entries, states, .. } = self.work(now);
        if !states.is_empty() {
            return Some(now);
        }
        entries.iter().filter_map(|entry| entry.decision.until()).min()
    }

    /// Takes a target out, such as one that was shut down: its incidents end, and it counts no more until it is observed
    /// again. What it did counts for the budgets all the same; once it does not any more, the target is forgotten by a
    /// [`plan`](Self::plan). Whether anything changed.
    pub fn retire(&mut self, assistant: &AssistantId, now: Timestamp) -> bool {
        self.changes = Changes::default();
        let Some(state) = self.targets.get(assistant).filter(|state| !state.is_retired) else { return false };
        let mut state = state.clone();
        let mut ended = Vec::new();
        state.retire(&mut Context { protocol: &self.protocol, now, ended: &mut ended });
        self.replace(state, ended);
        true
    }

    /// Puts another protocol in force. Incidents of rules that it has not end; others go on under the rule of their name,
    /// at the step where they are. Looks at all targets.
    pub fn adopt(&mut self, protocol: HealingProtocol, now: Timestamp) {
        self.changes = Changes::default();
        let mut changed = Vec::new();
        for state in self.targets.values() {
            let (mut next, mut ended) = (state.clone(), Vec::new());
            next.adopt(&mut Context { protocol: &protocol, now, ended: &mut ended });
            if next != *state {
                changed.push((next, ended));
            }
        }
        // The places of rules are others: what follows from the targets follows anew.
        let targets = std::mem::take(&mut self.targets).into_values().collect();
        let handed_out = std::mem::take(&mut self.handed_out);
        let scope = self.scope.clone();
        *self = Self { handed_out, ..Self::with_targets(scope, protocol, targets, self.forgotten) };
        for (state, ended) in changed {
            self.replace(state, ended);
        }
    }

    /// Forgets the targets that were taken out and of which nothing counts any more.
    fn forget(&mut self, now: Timestamp) {
        let is_over = |assistant: &&AssistantId| {
            self.targets.get(*assistant).is_none_or(|state| state.is_over(&self.protocol, now))
        };
        let over: Vec<_> = self.tally.retired.iter().filter(is_over).cloned().collect();
        for assistant in over {
            let Some(state) = self.targets.remove(&assistant) else { continue };
            self.tally.remove(&self.protocol, &state);
            self.forgotten = self.forgotten.max(state.incidents);
            self.changes.targets.remove(&assistant);
            self.changes.forgotten.insert(assistant);
        }
        let forgotten = &self.changes.forgotten;
        if !forgotten.is_empty() {
            self.handed_out.retain(|(assistant, _), _| !forgotten.contains(assistant));
        }
    }

    /// Puts a state in the place of the one before it.
    fn replace(&mut self, state: TargetState, ended: Vec<Incident>) {
        let assistant = state.target.assistant.clone();
        let before = self.targets.get(&assistant);
        if let Some(before) = before {
            self.tally.remove(&self.protocol, before);
        }
        self.tally.add(&self.protocol, &state);
        let open_before = |incident: &Incident| {
            before.is_some_and(|before| before.open().any(|earlier| earlier == incident))
        };
        self.changes.incidents.extend(state.open().filter(|incident| !open_before(incident)).cloned());
        self.changes.incidents.extend(ended);
        self.changes.targets.insert(assistant.clone());
        self.targets.insert(assistant, state);
    }

    fn effect(&self, state: &TargetState, rule: &HealingName) -> Option<Effect> {
        let incident = state.rules.get(rule)?.incident.as_ref()?;
        let issued_at = incident.phase.pending_since()?;
        let (rollback, deadline) = match incident.phase {
            Phase::RollingBack { deadline, .. } => (true, Some(deadline)),
            Phase::InFlight { deadline, .. } => (false, deadline),
            _ => return None,
        };
        let last = incident.last()?;
        let id = effect_id(state, incident, last.number, rollback);
        Some(Effect {
            idempotency_key: id.idempotency_key(&self.scope),
            id,
            target: state.target.clone(),
            rule: incident.rule.clone(),
            trigger: incident.trigger.clone(),
            action: last.action.clone(),
            issued_at,
            deadline,
        })
    }

    /// The plan. What it reads, it takes from `self`; what it decides, it puts into states of its own.
    fn work(&self, now: Timestamp) -> Worked {
        let mut worked = Worked { entries: Vec::new(), states: BTreeMap::new(), ended: Vec::new() };
        for (_, _, assistant) in &self.tally.active {
            let Some(state) = self.targets.get(assistant) else { continue };
            if state.has_due_timer(now) && !worked.states.contains_key(assistant) {
                let mut next = state.clone();
                next.advance(&mut Context { protocol: &self.protocol, now, ended: &mut worked.ended });
                worked.states.insert(assistant.clone(), next);
            }
        }
        let mut left = Left { machine: self, now, left: BTreeMap::new() };
        for (place, _, assistant) in &self.tally.active {
            let Some(rule) = self.protocol.options().rules.get(*place) else { continue };
            let state = worked.states.get(assistant).or_else(|| self.targets.get(assistant));
            let Some(state) = state else { continue };
            // A timer may have ended it.
            let incident = state.rules.get(rule.name()).and_then(|state| state.incident.as_ref());
            let Some(incident) = incident else { continue };
            let decision = self.decide(state, rule, incident, &mut left);
            let mut next = None;
            match &decision {
                Decision::Act { .. } => {
                    let mut acted = state.clone();
                    let ended = &mut worked.ended;
                    acted.begin(&Context { protocol: &self.protocol, now, ended }, rule);
                    left.spend(state);
                    next = Some(acted);
                }
                Decision::RollBack { .. } => {
                    let mut acted = state.clone();
                    acted.roll_back(now, rule);
                    next = Some(acted);
                }
                Decision::Hold { .. } => {}
            }
            worked.entries.push(PlanEntry {
                target: state.target.clone(),
                rule: rule.name().clone(),
                trigger: incident.trigger.clone(),
                incident: incident.number,
                opened_at: incident.opened_at,
                cause: incident.cause.clone(),
                reading: state.readings.get(&rule.options().threshold.reading).copied(),
                score: ScoreTerm::score(&rule.options().score, &state.readings),
                decision,
                budgets_left: left.of(state),
            });
            if let Some(next) = next {
                worked.states.insert(assistant.clone(), next);
            }
        }
        worked
    }

    /// What to do about one incident. This is the specification of the plan: the first reason to hold is the one given.
    fn decide(
        &self,
        state: &TargetState,
        rule: &HealingRule,
        incident: &Incident,
        left: &mut Left<'_>,
    ) -> Decision {
        let now = left.now;
        let hold = |why| Decision::Hold { why };
        match incident.phase {
            Phase::InFlight { since, deadline: None } => return hold(Hold::AwaitingApproval { since }),
            Phase::InFlight { since, deadline: Some(until) } => return hold(Hold::InFlight { since, until }),
            Phase::Settling { settled_at, until, .. } => return hold(Hold::Settling { settled_at, until }),
            Phase::RollingBack { deadline, .. } => return hold(Hold::RollingBack { until: deadline }),
            Phase::Exhausted => return hold(Hold::Exhausted),
            Phase::RollbackDue => {
                let Some(last) = incident.last() else { return hold(Hold::Exhausted) };
                let effect = effect_id(state, incident, last.number, true);
                let idempotency_key = effect.idempotency_key(&self.scope);
                return Decision::RollBack { action: last.action.clone(), effect, idempotency_key };
            }
            Phase::Waiting => {}
        }
        let Some(step) = rule.step(incident.step) else { return hold(Hold::Exhausted) };
        if let Some(other) = state.acting() {
            return hold(Hold::TargetBusy { rule: other.rule.clone() });
        }
        let rule_state = state.rules.get(rule.name());
        let flaps = rule_state.map(|state| state.flaps).unwrap_or_default();
        let options = self.protocol.options();
        if flaps.is_flapping() && rule.options().trigger != Trigger::Flapping {
            let low_percent = options.flapping.low_percent;
            return hold(Hold::Flapping { percent: flaps.percent(), low_percent });
        }
        if self.are_stale(state, incident, now) {
            return hold(Hold::StaleReadings { observed_at: state.observed_at });
        }
        let Tally { known, unhealthy, .. } = self.tally;
        if !options.unhealthy.allows(unhealthy, known) {
            return hold(Hold::Share { unhealthy, known });
        }
        // A cooldown that began in the future is over: how long it lasted cannot be told.
        if let Some(acted_at) = rule_state.and_then(|state| state.acted_at).filter(|at| *at <= now) {
            let until = acted_at.saturating_add(Duration::from_millis(rule.options().cooldown_ms));
            if now < until {
                return hold(Hold::Cooldown { until });
            }
        }
        if let Some(scope) = left.of(state).spent() {
            return hold(Hold::Budget { scope, until: left.free_at(state, scope) });
        }
        let attempt = incident.attempts.len() as u32 + 1;
        let effect = effect_id(state, incident, attempt, false);
        let idempotency_key = effect.idempotency_key(&self.scope);
        Decision::Act { step: incident.step, action: step.action.clone(), effect, idempotency_key }
    }

    /// Whether the readings of a target say too little about how it is now.
    fn are_stale(&self, state: &TargetState, incident: &Incident, now: Timestamp) -> bool {
        let oldest = now.saturating_sub(Duration::from_millis(self.protocol.options().max_reading_age_ms));
        let answered_at = incident.last().and_then(|last| last.answered_at).filter(|at| *at <= now);
        let is_before_answer = answered_at.is_some_and(|answered_at| state.observed_at < answered_at);
        !(oldest..=now).contains(&state.observed_at) || is_before_answer
    }

    fn budget(&self, scope: BudgetScope) -> Budget {
        let budgets = &self.protocol.options().budgets;
        match scope {
            BudgetScope::Target => budgets.target,
            BudgetScope::Zone => budgets.zone,
            BudgetScope::Node => budgets.node,
            BudgetScope::Overall => budgets.overall,
        }
    }
}

/// What the budgets have left while a plan is made.
struct Left<'a> {
    machine: &'a HealingMachine,
    now: Timestamp,
    left: BTreeMap<Purse, u32>,
}

impl Left<'_> {
    fn of(&mut self, state: &TargetState) -> BudgetsLeft {
        let mut left = |scope| {
            let (machine, now) = (self.machine, self.now);
            let purse = purse(state, scope);
            let budget = machine.budget(scope);
            let ledger = &machine.tally.ledger;
            *self.left.entry(purse).or_insert_with_key(|purse| ledger.left(purse, &budget, now))
        };
        BudgetsLeft {
            target: left(BudgetScope::Target),
            zone: left(BudgetScope::Zone),
            node: left(BudgetScope::Node),
            overall: left(BudgetScope::Overall),
        }
    }

    /// Takes one action from all four. They were asked for before.
    fn spend(&mut self, state: &TargetState) {
        for scope in [BudgetScope::Target, BudgetScope::Zone, BudgetScope::Node, BudgetScope::Overall] {
            if let Some(left) = self.left.get_mut(&purse(state, scope)) {
                *left = left.saturating_sub(1);
            }
        }
    }

    /// When a budget that is spent has room again. What this plan itself spends is counted from now.
    fn free_at(&self, state: &TargetState, scope: BudgetScope) -> Option<Timestamp> {
        let (machine, budget) = (self.machine, self.machine.budget(scope));
        let free_at = machine.tally.ledger.free_at(&purse(state, scope), &budget, self.now);
        let from_now = self.now.saturating_add(Duration::from_millis(budget.period_ms));
        free_at.or_else(|| (budget.max_actions > 0).then_some(from_now))
    }
}

fn purse(state: &TargetState, scope: BudgetScope) -> Purse {
    match scope {
        BudgetScope::Target => Purse::Target(state.target.assistant.clone()),
        BudgetScope::Zone => Purse::Zone(state.target.zone.clone()),
        BudgetScope::Node => Purse::Node(state.target.node.clone()),
        BudgetScope::Overall => Purse::Overall,
    }
}

fn effect_id(state: &TargetState, incident: &Incident, attempt: u32, rollback: bool) -> EffectId {
    let (assistant, rule) = (state.target.assistant.clone(), incident.rule.clone());
    EffectId { assistant, rule, incident: incident.number, attempt, rollback }
}

impl Tally {
    fn add(&mut self, protocol: &HealingProtocol, state: &TargetState) {
        self.known += u64::from(!state.is_retired);
        self.unhealthy += u64::from(state.is_ill());
        let assistant = &state.target.assistant;
        if state.is_retired {
            self.retired.insert(assistant.clone());
        }
        state.counted.iter().for_each(|counted| self.ledger.add(assistant, counted));
        for incident in state.open() {
            if let Some((place, _)) = protocol.rule(&incident.rule) {
                self.active.insert((place, incident.opened_at, assistant.clone()));
            }
            if let Some(since) = incident.phase.pending_since() {
                self.pending.insert((since, assistant.clone(), incident.rule.clone()));
            }
        }
    }

    fn remove(&mut self, protocol: &HealingProtocol, state: &TargetState) {
        self.known -= u64::from(!state.is_retired);
        self.unhealthy -= u64::from(state.is_ill());
        let assistant = &state.target.assistant;
        if state.is_retired {
            self.retired.remove(assistant);
        }
        state.counted.iter().for_each(|counted| self.ledger.remove(assistant, counted));
        for incident in state.open() {
            if let Some((place, _)) = protocol.rule(&incident.rule) {
                self.active.remove(&(place, incident.opened_at, assistant.clone()));
            }
            if let Some(since) = incident.phase.pending_since() {
                self.pending.remove(&(since, assistant.clone(), incident.rule.clone()));
            }
        }
    }
}

impl From<HealingMachine> for StoredMachine {
    fn from(machine: HealingMachine) -> Self {
        let HealingMachine { scope, protocol, targets, forgotten, .. } = machine;
        Self { scope, protocol, targets: targets.into_values().collect(), forgotten }
    }
}

impl TryFrom<StoredMachine> for HealingMachine {
    type Error = Error;

    fn try_from(stored: StoredMachine) -> Result<Self> {
        let StoredMachine { scope, protocol, targets, forgotten } = stored;
        let count = targets.len();
        let machine = Self::with_targets(scope, protocol, targets, forgotten);
        if machine.targets.len() != count {
            return Err(Error::invalid("targets", "two targets of one machine are the same assistant"));
        }
        Ok(machine)
    }
}
