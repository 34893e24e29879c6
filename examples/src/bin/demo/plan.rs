//! When the worker is killed, and what happens while it is dead: decided by the seed alone.

use std::collections::VecDeque;

use mythos_core::types::{Entropy, SeededEntropy};

use crate::Result;

/// How often the worker is killed, if every kill hits as planned.
pub(crate) const KILLS: u64 = 12;
/// The fewest steps that leave room for so many kills, and for work between them.
pub(crate) const FEWEST_STEPS: u64 = 3 * KILLS;

/// The latest moment of a kill: so many thousandths of a save's usual duration after its announcement. Two saves and a
/// half are time enough for the next step to begin, and too little to run far ahead.
const LATEST: u64 = 2_500;

/// The whole of a payment, in thousandths.
const PAYMENT: u64 = 1_000;

/// A kill to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlannedKill {
    /// The worker dies at the first such moment of this step or a later one.
    pub(crate) step: u64,
    /// When exactly.
    pub(crate) moment: Moment,
    /// What happens before it is brought back.
    pub(crate) while_dead: WhileDead,
}

/// The moment of a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// At the announcement, before the save can be acknowledged.
    Announced,
    /// At the acknowledgement, before anything else is done.
    Acknowledged,
    /// This share of a save's usual duration after the announcement, in thousandths.
    Later(u32),
    /// This share of the time that a payment takes after it was begun, in thousandths.
    Paying(u32),
}

/// What happens while the worker is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhileDead {
    /// Nothing.
    Nothing,
    /// The rules change.
    CodexChanges,
    /// The newest checkpoint is damaged on disk.
    NewestIsDamaged,
}

/// Spreads [`KILLS`] kills over `steps` steps, one in each stretch of equal length.
pub(crate) fn plan(seed: u64, steps: u64) -> Result<VecDeque<PlannedKill>> {
    let chance = Chance::new(seed);
    // The codex changes in the first half and the damage comes in the second, so that they are told apart.
    let change = 1 + chance.below(KILLS / 2 - 1)?;
    let damage = KILLS / 2 + 1 + chance.below(KILLS / 2 - 1)?;
    let stretch = (steps - KILLS) / KILLS;
    let kills = (0..KILLS).map(|kill| {
        Ok(PlannedKill {
            step: 2 + kill * stretch + chance.below(stretch)?,
            moment: match kill % 4 {
                0 => Moment::Announced,
                1 => Moment::Acknowledged,
                2 => Moment::Paying(u32::try_from(chance.below(PAYMENT)?)?),
                _ => Moment::Later(u32::try_from(chance.below(LATEST)?)?),
            },
            while_dead: match kill {
                _ if kill == change => WhileDead::CodexChanges,
                _ if kill == damage => WhileDead::NewestIsDamaged,
                _ => WhileDead::Nothing,
            },
        })
    });
    kills.collect()
}

/// Seeded chance.
pub(crate) struct Chance(SeededEntropy);

impl Chance {
    /// The same chances for the same seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// A number below `bound`, which is small, so that the rest of the division does not matter.
    pub(crate) fn below(&self, bound: u64) -> Result<u64> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes) % bound.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_has_everything_and_leaves_work_to_do() {
        for (seed, steps) in (0..200).map(|seed| (seed, FEWEST_STEPS + seed)) {
            let plan = plan(seed, steps).unwrap();
            assert_eq!(plan.len() as u64, KILLS);
            assert!(plan.iter().zip(plan.iter().skip(1)).all(|(one, next)| one.step < next.step), "{plan:?}");
            // The kills that come late must not come too late.
            assert!(plan.iter().all(|kill| (2..steps - 4).contains(&kill.step)), "{seed} {steps} {plan:?}");
            let count = |wanted: fn(&PlannedKill) -> bool| plan.iter().filter(|kill| wanted(kill)).count();
            assert!(count(|kill| kill.moment == Moment::Announced) >= 2);
            assert!(count(|kill| matches!(kill.moment, Moment::Paying(_))) >= 2);
            assert_eq!(count(|kill| kill.while_dead == WhileDead::CodexChanges), 1);
            assert_eq!(count(|kill| kill.while_dead == WhileDead::NewestIsDamaged), 1);
        }
    }

    #[test]
    fn a_seed_gives_one_plan() {
        assert_eq!(plan(1, 90).unwrap(), plan(1, 90).unwrap());
        assert_ne!(plan(1, 90).unwrap(), plan(2, 90).unwrap());
    }
}
