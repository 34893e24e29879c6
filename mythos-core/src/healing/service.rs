use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Ending, Healer, HealingEvent, HealingMachine, HealingName, HealingNumbering, HealingProtocol,
    HealingScope, HealingTarget, HealthTotals, PlanEntry,
};
use crate::codex::CodexProofOfSymbolEngine;
use crate::error::{Error, Result};
use crate::store::access::{Access, Page};
use crate::store::{Cursor, Direction, Model, Query, epoch};
use crate::types::{AssistantId, RecordId, Timestamp, Version};

/// How many targets one read of a load brings.
const PAGE: u32 = 256;

/// Logs and executes the healing of assistants.
///
/// Cheap to clone; every method may be called from any thread. What changes anything goes through the [`Healer`] that
/// [`engage`](Self::engage) gives; what only looks needs none.
///
/// ```
/// use mythos_core::Mythos;
/// use mythos_core::healing::*;
/// use mythos_core::types::Runtime;
///
/// let engine = Mythos::in_memory().healing();
/// let threshold = Threshold { reading: "stall_ms".parse()?, side: Side::Above, enter: 60_000.0, exit: 0.0 };
/// let ladder = vec![RepairStep::new(RepairAction::RestartAssistant)];
/// let rule = HealingRule::new(HealingRuleOptions::new("stuck".parse()?, Trigger::Stall, threshold, ladder))?;
/// let hourly = |max_actions| Budget { max_actions, period_ms: 3_600_000 };
/// let budgets = Budgets { target: hourly(3), zone: hourly(10), node: hourly(5), overall: hourly(20) };
/// let options = HealingProtocolOptions::new(vec![rule], budgets, UnhealthyLimit::Unlimited);
///
/// let healer = engine.engage(&"support".parse()?, &HealingProtocol::new(options)?)?;
/// let target =
///     Target { assistant: "ana".parse()?, node: "node-1".parse()?, zone: "eu".parse()?, codex: None };
/// let readings = [("stall_ms".parse()?, 90_000.0)].into();
/// healer.observe(&[Observation { target, at: Runtime::system().now(), readings }])?;
/// healer.plan()?;
/// for handed_out in healer.poll_effects(10)? {
///     // Here the host restarts the assistant.
///     healer.answer(&handed_out.effect.id, &Outcome::Done { reversible: false })?;
/// }
/// let events = engine.events(&HealingEventFilter::default(), None, 10)?.items;
/// assert_eq!((events[0].triggered_by.as_str(), events[0].attempt), ("stall", 1));
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SelfHealingProtocolEngine {
    access: Access,
    codices: CodexProofOfSymbolEngine,
}

/// Which incidents to list; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealingEventFilter {
    /// Of this scope.
    pub scope: Option<HealingName>,
    /// Of this assistant.
    pub assistant: Option<AssistantId>,
    /// Of a target on this node.
    pub node_id: Option<HealingName>,
    /// Of a target in this zone.
    pub zone: Option<HealingName>,
    /// Of this rule.
    pub rule: Option<HealingName>,
    /// Of this trigger, by name.
    pub triggered_by: Option<String>,
    /// Open ones, or ended ones.
    pub is_open: Option<bool>,
    /// Ended so.
    pub ending: Option<Ending>,
    /// Opened at this moment or later.
    pub since: Option<Timestamp>,
    /// Opened before this moment.
    pub before: Option<Timestamp>,
}

/// Which targets to list; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealingTargetFilter {
    /// Of this scope.
    pub scope: Option<HealingName>,
    /// Of this assistant.
    pub assistant: Option<AssistantId>,
    /// Ill ones, or well ones.
    pub is_ill: Option<bool>,
}

/// A scope as it is stored: what its targets are like all together, and what would be decided now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealingStatus {
    /// The targets.
    pub totals: HealthTotals,
    /// What [`Healer::plan`] would decide now.
    pub plan: Vec<PlanEntry>,
}

/// A machine as it was loaded, and the versions of its targets' records.
pub(super) struct Loaded {
    pub(super) machine: HealingMachine,
    pub(super) versions: std::collections::BTreeMap<AssistantId, Version>,
    /// The version of the numbering's record, if there is one, and the number in it.
    pub(super) numbering: Option<(Version, u64)>,
}

impl SelfHealingProtocolEngine {
    pub(crate) const fn new(access: Access, codices: CodexProofOfSymbolEngine) -> Self {
        Self { access, codices }
    }

    /// Takes a scope over and puts a protocol in force: from now on only what the returned [`Healer`] decides counts, and
    /// one that held it before, perhaps in a process that only seemed dead, is refused by the store.
    ///
    /// It takes no operation id, since repeating it is harmless: after [`ErrorKind::Unknown`](crate::ErrorKind::Unknown), call
    /// it again.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if others took it over at the same time, again and again;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the scope's record cannot be read;
    /// [`ErrorKind::Unknown`](crate::ErrorKind::Unknown) if it cannot be told whether it was taken over.
    pub fn engage(&self, scope: &HealingName, protocol: &HealingProtocol) -> Result<Healer> {
        let id = HealingScope::record_id(self.access.tenant(), scope);
        let next = |before: Option<HealingScope>, now: Timestamp| {
            let before = before.map(HealingScope::check).transpose()?;
            Ok(HealingScope {
                format: HealingScope::FORMAT,
                tenant: self.access.tenant().clone(),
                scope: scope.clone(),
                protocol: protocol.clone(),
                created_at: before.as_ref().map_or(now, |before| before.created_at),
                taken_over_at: before.map_or(now, |before| now.max(before.taken_over_at)),
            })
        };
        let epoch = epoch::take_over(&self.access, id, format_args!("scope {scope}"), next)?;
        Ok(Healer::new(self.clone(), scope.clone(), protocol.clone(), epoch))
    }

    /// A scope as it stands. Reads all its targets.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if nobody ever engaged in it;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a record of it cannot be read.
    pub fn status(&self, scope: &HealingName) -> Result<HealingStatus> {
        let machine = self.machine(scope)?;
        let now = self.access.now();
        Ok(HealingStatus { totals: machine.totals(now), plan: machine.dry_run(now) })
    }

    /// Lists incidents, newest first.
    ///
    /// `limit` is 1 to [`MAX_PAGE_RECORDS`](crate::store::MAX_PAGE_RECORDS).
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) or [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a limit or
    /// cursor out of bounds.
    pub fn events(
        &self,
        filter: &HealingEventFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<HealingEvent>> {
        let query = Query::new(HealingEvent::TABLE)
            .order_by("created_at", Direction::Descending)
            .equals("scope", filter.scope.as_ref().map(HealingName::as_str))
            .equals("assistant", filter.assistant.as_ref().map(AssistantId::as_str))
            .equals("node_id", filter.node_id.as_ref().map(HealingName::as_str))
            .equals("zone", filter.zone.as_ref().map(HealingName::as_str))
            .equals("rule", filter.rule.as_ref().map(HealingName::as_str))
            .equals("triggered_by", filter.triggered_by.as_deref())
            .equals("is_open", filter.is_open)
            .equals("ending", filter.ending.map(Ending::name))
            .created(filter.since, filter.before);
        self.access.page(query.after(after).limit(limit))
    }

    /// Lists targets by assistant.
    ///
    /// `limit` is 1 to [`MAX_PAGE_RECORDS`](crate::store::MAX_PAGE_RECORDS).
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) or [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a limit or
    /// cursor out of bounds; [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a record on the page that cannot be read.
    pub fn targets(
        &self,
        filter: &HealingTargetFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<HealingTarget>> {
        let query = Query::new(HealingTarget::TABLE)
            .order_by("assistant", Direction::Ascending)
            .equals("scope", filter.scope.as_ref().map(HealingName::as_str))
            .equals("assistant", filter.assistant.as_ref().map(AssistantId::as_str))
            .equals("is_ill", filter.is_ill);
        self.access.page(query.after(after).limit(limit))
    }

    pub(super) const fn codices(&self) -> &CodexProofOfSymbolEngine {
        &self.codices
    }

    pub(super) const fn access(&self) -> &Access {
        &self.access
    }

    /// The machine of a scope under the protocol in force.
    pub(super) fn machine(&self, scope: &HealingName) -> Result<HealingMachine> {
        let id = HealingScope::record_id(self.access.tenant(), scope);
        let stored = self.access.record::<HealingScope>(id)?.ok_or_else(|| {
            Error::not_found(format!("nobody engaged in scope {scope}")).with_field("scope")
        })?;
        Ok(self.load(scope, stored.model.check()?.protocol)?.machine)
    }

    /// The machine of a scope, from the records of its targets.
    pub(super) fn load(&self, scope: &HealingName, protocol: HealingProtocol) -> Result<Loaded> {
        let (mut states, mut versions) = (Vec::new(), std::collections::BTreeMap::new());
        let mut query = Query::new(HealingTarget::TABLE)
            .order_by("assistant", Direction::Ascending)
            .equals("scope", Some(scope.as_str()))
            .limit(PAGE);
        loop {
            let page = self.access.raw_page(query.clone())?;
            for record in &page.items {
                let target = HealingTarget::from_record(record).and_then(|target| target.found_at(record.id));
                // Whoever has to mend it looks for it by its name. Without it nobody knows how many are ill, or what the
                // budgets have left: nothing is healed until it is mended or deleted.
                let target = target.map_err(|error| {
                    let assistant = record.body.get("assistant").and_then(Value::as_str).unwrap_or("unknown");
                    error.while_doing(format_args!("load target {assistant} of scope {scope}"))
                })?;
                versions.insert(target.assistant, record.version);
                states.push(target.state);
            }
            match page.next {
                Some(next) => query = query.after(Some(next)),
                None => break,
            }
        }
        // Scopes of the same name of two tenants are two scopes.
        let id: RecordId = HealingScope::record_id(self.access.tenant(), scope);
        let numbering = HealingNumbering::record_id(self.access.tenant(), scope);
        let numbering = self.access.record::<HealingNumbering>(numbering)?;
        let numbering = match numbering {
            Some(found) => Some((found.version, found.model.check()?.incidents)),
            None => None,
        };
        let forgotten = numbering.map_or(0, |(_, incidents)| incidents);
        let name = HealingName::new(id.to_string())?;
        let machine = HealingMachine::with_targets(name, protocol, states, forgotten);
        Ok(Loaded { machine, versions, numbering })
    }
}
