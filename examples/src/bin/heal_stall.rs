//! An assistant that goes round in circles is found, restored and measured, within a budget.

use mythos_core::Mythos;
use mythos_core::healing::*;
use mythos_core::ritual::{SaveRitual, StallPolicy};
use mythos_core::types::{AssistantId, RitualId, Runtime};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let mythos = Mythos::open(directory.path().join("mythos.db"))?;
    let (ana, refund): (AssistantId, RitualId) = ("ana".parse()?, "refund".parse()?);
    let save = |state: &[u8]| mythos.rituals().save(&SaveRitual::new(ana.clone(), refund.clone()), state);

    // Ten entries that say nothing new are a stall; well is who makes progress again.
    let threshold = Threshold { reading: "stall_length".parse()?, side: Side::Above, enter: 10.0, exit: 1.0 };
    let ladder = vec![
        RepairStep::new(RepairAction::RestoreRitual { ritual: None }).attempts(2),
        RepairStep::new(RepairAction::Notify),
    ];
    let stuck = HealingRuleOptions::new("stuck".parse()?, Trigger::Stall, threshold, ladder);
    let stuck = HealingRule::new(HealingRuleOptions { settle_ms: 0, ..stuck })?;
    let hourly = |max_actions| Budget { max_actions, period_ms: 3_600_000 };
    let budgets = Budgets { target: hourly(3), zone: hourly(10), node: hourly(5), overall: hourly(20) };
    let options = HealingProtocolOptions::new(vec![stuck], budgets, UnhealthyLimit::Unlimited);
    let healer = mythos.healing().engage(&"support".parse()?, &HealingProtocol::new(options)?)?;

    let observe = || -> mythos_core::Result<usize> {
        let stall = mythos.rituals().stalled(&ana, &refund, &StallPolicy::default())?;
        let readings = [("stall_length".parse()?, stall.map_or(0.0, |stall| stall.length as f64))].into();
        let (node, zone) = ("node-1".parse()?, "eu".parse()?);
        let target = Target { assistant: ana.clone(), node, zone, codex: None };
        healer.observe(&[Observation { target, at: Runtime::system().now(), readings }])
    };
    for _ in 0..12 {
        save(b"ask the customer again")?;
    }
    observe()?;
    for entry in healer.plan()? {
        println!("{}: {} found {} ill", entry.rule, entry.trigger.name(), entry.target.assistant);
    }
    for HandedOut { effect, .. } in healer.poll_effects(10)? {
        // Here the host restores the assistant, which then goes another way.
        save(&(0..=255).collect::<Vec<u8>>().repeat(4))?;
        healer.answer(&effect.id, &Outcome::Done { reversible: false })?;
    }
    observe()?;
    let event = mythos.healing().events(&HealingEventFilter::default(), None, 1)?.items.remove(0);
    assert_eq!(event.ending, Some(Ending::Healthy));
    println!("healed: {:?}", event.symbolic_health_delta);
    Ok(())
}
